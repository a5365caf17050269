//! The options of one run as JSON: the event of the Lambda function.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Bounds, Shard, Wanted};
use crate::manifest::{self, Defaults, Listed, ManifestConnection, ManifestError, Mistake};

/// What to look at. Empty, it is everything that is found in the function's account and Region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// A manifest's file in TOML, YAML or JSON; from the function's folder, if it is not absolute.
    #[serde(default)]
    pub manifest: Option<PathBuf>,
    /// Connections as a manifest has them, in its place.
    #[serde(default)]
    pub connections: Option<Vec<ManifestConnection>>,
    /// Values for all of these connections that do not have their own.
    #[serde(default)]
    pub defaults: Option<Defaults>,
    /// Only one part of the connections, as `3/16`.
    #[serde(default)]
    pub shard: Option<Shard>,
    /// A connection that cannot be judged is no error.
    #[serde(default)]
    pub allow_unknown: bool,
    /// A manifest without connections is no error.
    #[serde(default)]
    pub allow_empty: bool,
    /// Repair what has drifted, within these bounds. Left out or null, nothing is written.
    #[serde(default)]
    pub repair: Option<Bounds>,
    /// Set the connections up, instead of only looking at them. Left out or null, nothing is set up.
    #[serde(default)]
    pub apply: Option<Apply>,
}

/// What is set up: `{"plan": …}` or `{"prune": …}`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Apply {
    /// What this plan says, which `setup --manifest --out` has saved.
    Plan(PlanObject),
    /// The connections of the event, unasked, as `setup --manifest --yes` does. If true, also remove our connections to
    /// their databases that are not among them, as `--prune` does.
    Prune(bool),
}

/// A plan in a bucket of S3, in the function's account and Region.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanObject {
    /// The bucket.
    #[schemars(length(min = 1))]
    pub bucket: String,
    /// The key.
    #[schemars(length(min = 1))]
    pub key: String,
    /// The version; the current one if left out.
    #[serde(default)]
    pub version: Option<String>,
}

impl fmt::Display for PlanObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bucket, key, version } = self;
        write!(f, "s3://{bucket}/{key}")?;
        version.iter().try_for_each(|version| write!(f, " (version {version})"))
    }
}

/// What an event with `apply` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// To carry out a saved plan.
    Plan(PlanObject),
    /// To plan these connections and carry that out.
    Listed {
        /// The connections.
        listed: Vec<Listed>,
        /// Whether connections that are not among them are removed.
        prune: bool,
    },
}

impl Event {
    /// Which connections are looked at.
    ///
    /// # Errors
    ///
    /// The manifest cannot be used; or there are two.
    pub fn wanted(self) -> Result<Wanted, ManifestError> {
        self.check_defaults()?;
        match (self.manifest, self.connections) {
            (None, None) => Ok(Wanted::Everything),
            (Some(path), None) => Ok(Wanted::Entries(manifest::load(&path, None, !self.allow_empty)?)),
            (None, Some(connections)) if connections.is_empty() && !self.allow_empty => Err(ManifestError::Empty {
                whence: "connections".to_owned(),
                can_be_allowed: true,
            }),
            (None, Some(connections)) => Ok(Wanted::Entries(
                manifest::check(self.defaults.as_ref(), &connections).map_err(mistaken)?,
            )),
            (Some(_), Some(_)) => Err(both()),
        }
    }

    /// What is set up; none if the event only looks. The command line of each connection is tried with `check`.
    ///
    /// # Errors
    ///
    /// The event has fields that do not go with `apply`, or lacks some; or the manifest cannot be used.
    pub fn applied(self, check: &dyn Fn(&[String]) -> Result<(), String>) -> Result<Option<Applied>, ManifestError> {
        let Some(apply) = self.apply.clone() else {
            return Ok(None);
        };
        let refused = [
            ("repair", self.repair.is_some()),
            ("allow_unknown", self.allow_unknown),
            ("allow_empty", self.allow_empty),
        ];
        if let Some((field, _)) = refused.iter().find(|(_, is_given)| *is_given) {
            return Err(wrong(field, "this is for looks; with apply, leave it out"));
        }
        self.check_defaults()?;
        match (apply, self.manifest, self.connections) {
            (Apply::Plan(plan), None, None) => {
                for (field, text) in [("apply.plan.bucket", &plan.bucket), ("apply.plan.key", &plan.key)] {
                    if text.is_empty() {
                        return Err(wrong(field, "expected a name, found nothing"));
                    }
                }
                Ok(Some(Applied::Plan(plan)))
            }
            (Apply::Plan(_), ..) => {
                let message = "a plan has its connections: leave manifest, connections and defaults out";
                Err(wrong("apply.plan", message))
            }
            (Apply::Prune(_), None, None) => {
                Err(wrong("apply.prune", "expected manifest or connections, found neither"))
            }
            (Apply::Prune(prune), Some(path), None) => {
                let listed = manifest::load_for_setup(&path, None, check)?;
                Ok(Some(Applied::Listed { listed, prune }))
            }
            (Apply::Prune(_), None, Some(connections)) if connections.is_empty() => Err(ManifestError::Empty {
                whence: "connections".to_owned(),
                can_be_allowed: false,
            }),
            (Apply::Prune(prune), None, Some(connections)) => {
                let listed = manifest::check_for_setup(self.defaults.as_ref(), &connections, check);
                let listed = listed.map_err(mistaken)?;
                Ok(Some(Applied::Listed { listed, prune }))
            }
            (Apply::Prune(_), Some(_), Some(_)) => Err(both()),
        }
    }

    fn check_defaults(&self) -> Result<(), ManifestError> {
        if self.defaults.is_some() && self.connections.is_none() {
            return Err(wrong("defaults", "these are for connections; a manifest has its own"));
        }
        Ok(())
    }
}

fn mistaken(mistakes: Vec<Mistake>) -> ManifestError {
    ManifestError::Mistaken {
        whence: "connections".to_owned(),
        mistakes,
    }
}

fn both() -> ManifestError {
    wrong("connections", "expected these or a manifest, found both")
}

/// What is wrong with a field.
fn wrong(field: &str, message: &str) -> ManifestError {
    ManifestError::Mistaken {
        whence: field.to_owned(),
        mistakes: vec![Mistake {
            spot: None,
            message: message.to_owned(),
        }],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(event: Value) -> Result<Wanted, String> {
        let event: Event = serde_json::from_value(event).map_err(|error| error.to_string())?;
        event.wanted().map_err(|error| error.to_string())
    }

    #[test]
    fn an_event_is_a_manifest_its_file_or_everything() {
        assert_eq!(read(json!({})), Ok(Wanted::Everything));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("connections.toml");
        std::fs::write(&path, "[[connection]]\ncluster = \"orders\"\nfunction = \"checkout\"\n").unwrap();
        let of_file = read(json!({"manifest": path, "shard": "1/2"})).unwrap();
        let given = read(json!({"connections": [{"cluster": "orders", "function": "checkout"}]})).unwrap();
        assert_eq!(of_file, given);
        let with_defaults = json!({
            "defaults": {"proxy": "p", "region": "eu-west-1"},
            "connections": [{"cluster": "orders", "function": "checkout", "proxy": "none", "set_env": true}]
        });
        let Ok(Wanted::Entries(entries)) = read(with_defaults) else {
            panic!("it has one connection");
        };
        assert_eq!(entries[0].connection.to_string(), "cluster/orders:function/checkout");
        assert_eq!(entries[0].place.region.as_deref(), Some("eu-west-1"));
        assert!(matches!(given, Wanted::Entries(entries) if entries.len() == 1));
    }

    #[test]
    fn nothing_is_repaired_unless_it_is_asked_for() {
        let bounds = |event: Value| serde_json::from_value::<Event>(event).unwrap().repair;
        assert_eq!(bounds(json!({})), None);
        assert_eq!(bounds(json!({"repair": null})), None);
        assert_eq!(bounds(json!({"repair": {}})), Some(Bounds::default()));
        let few = bounds(json!({"repair": {"only": ["added-rules", "permissions"], "max": 2}})).unwrap();
        assert_eq!((few.only.len(), few.max), (2, 2));
        for wrong in [json!({"only": ["other"]}), json!({"max": -1}), json!({"yes": true})] {
            assert!(
                serde_json::from_value::<Event>(json!({"repair": wrong})).is_err(),
                "{wrong}"
            );
        }
    }

    fn applied(event: Value) -> Result<Option<Applied>, String> {
        let event: Event = serde_json::from_value(event).map_err(|error| error.to_string())?;
        event
            .applied(&crate::cli::check_setup)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_plan_or_the_connections_are_applied_where_that_is_asked_for() {
        assert_eq!(applied(json!({"shard": "1/2"})), Ok(None));
        assert_eq!(applied(json!({"apply": null, "repair": {}})), Ok(None));
        let plan = json!({"apply": {"plan": {"bucket": "b", "key": "plans/a.json", "version": "v"}}, "shard": "1/2"});
        let Ok(Some(Applied::Plan(plan))) = applied(plan) else {
            panic!("it is a plan");
        };
        assert_eq!(plan.to_string(), "s3://b/plans/a.json (version v)");
        let connections = json!([{"cluster": "orders", "function": "checkout", "set_env": true}]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("connections.json");
        std::fs::write(&path, json!({"connection": connections}).to_string()).unwrap();
        for prune in [true, false] {
            let given = applied(json!({"apply": {"prune": prune}, "connections": connections})).unwrap();
            let Some(Applied::Listed { listed, prune: asked }) = &given else {
                panic!("they are listed");
            };
            assert_eq!((listed.len(), *asked), (1, prune));
            assert!(listed[0].arguments.contains(&"--set-env".to_owned()), "{listed:?}");
            let Some(Applied::Listed { listed: of_file, .. }) =
                applied(json!({"apply": {"prune": prune}, "manifest": path})).unwrap()
            else {
                panic!("they are listed");
            };
            assert_eq!(of_file[0].arguments, listed[0].arguments);
        }
    }

    #[test]
    fn mistakes_of_apply_are_reported() {
        let plan = json!({"plan": {"bucket": "b", "key": "k"}});
        let one = json!([{"cluster": "orders", "function": "checkout"}]);
        let table = [
            (
                json!({"apply": {}}),
                "invalid value: map, expected map with a single key",
            ),
            (
                json!({"apply": {"yes": true}}),
                "unknown variant `yes`, expected `plan` or `prune`",
            ),
            (json!({"apply": {"plan": {"bucket": "b"}}}), "missing field `key`"),
            (
                json!({"apply": {"plan": {"bucket": "", "key": "k"}}}),
                "apply.plan.bucket: expected a name, found nothing",
            ),
            (json!({"apply": plan, "repair": {}}), "repair: this is for looks"),
            (
                json!({"apply": plan, "allow_unknown": true}),
                "allow_unknown: this is for looks",
            ),
            (
                json!({"apply": {"prune": false}, "connections": one, "allow_empty": true}),
                "allow_empty: this is for looks",
            ),
            (
                json!({"apply": plan, "connections": one}),
                "apply.plan: a plan has its connections",
            ),
            (
                json!({"apply": plan, "manifest": "m.toml"}),
                "apply.plan: a plan has its connections",
            ),
            (
                json!({"apply": plan, "defaults": {}}),
                "defaults: these are for connections",
            ),
            (
                json!({"apply": {"prune": false}}),
                "apply.prune: expected manifest or connections, found neither",
            ),
            (
                json!({"apply": {"prune": "yes"}}),
                "invalid type: string \"yes\", expected a boolean",
            ),
            (
                json!({"apply": {"prune": true}, "connections": []}),
                "connections: expected at least one connection, found none",
            ),
            (
                json!({"apply": {"prune": true}, "connections": one, "manifest": "m.toml"}),
                "connections: expected these or a manifest, found both",
            ),
            (
                json!({"apply": {"prune": true}, "connections": [{"cluster": "a", "function": "f", "overwrite_env": true}]}),
                "connections: connection 1: overwrite_env needs set_env",
            ),
        ];
        for (event, message) in table {
            let found = applied(event.clone()).unwrap_err();
            assert!(found.starts_with(message), "{event}: {found}");
        }
    }

    #[test]
    fn mistakes_are_reported() {
        let table = [
            (
                json!({"connections": [{"cluster": "a", "function": "f"}, {"function": "f"}]}),
                "connections: connection 2: expected cluster or instance, found neither",
            ),
            (
                json!({"connections": [], "manifest": "m.toml"}),
                "connections: expected these or a manifest, found both",
            ),
            (json!({"defaults": {}}), "defaults: these are for connections"),
            (
                json!({"defaults": {"role_arn": "r"}, "connections": [{"cluster": "a", "function": "f"}]}),
                "connections: defaults: role_arn: expected the ARN of a role",
            ),
            (json!({"shard": "3/2"}), "expected N/OF, such as 3/16, counted from 1"),
            (json!({"shrad": "1/2"}), "unknown field `shrad`"),
            (json!({"manifest": "/nowhere"}), "cannot read the manifest /nowhere"),
        ];
        for (event, message) in table {
            let found = read(event.clone()).unwrap_err();
            assert!(found.starts_with(message), "{event}: {found}");
        }
    }
}
