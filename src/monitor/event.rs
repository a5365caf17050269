//! The options of one run as JSON: the event of the Lambda function.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Bounds, Shard, Wanted};
use crate::manifest::{self, Defaults, ManifestConnection, ManifestError, Mistake};

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
}

impl Event {
    /// Which connections are looked at.
    ///
    /// # Errors
    ///
    /// The manifest cannot be used; or there are two.
    pub fn wanted(self) -> Result<Wanted, ManifestError> {
        let mistaken = |mistakes| ManifestError::Mistaken {
            whence: "connections".to_owned(),
            mistakes,
        };
        if self.defaults.is_some() && self.connections.is_none() {
            return Err(ManifestError::Mistaken {
                whence: "defaults".to_owned(),
                mistakes: vec![Mistake {
                    spot: None,
                    message: "these are for connections; a manifest has its own".to_owned(),
                }],
            });
        }
        match (self.manifest, self.connections) {
            (None, None) => Ok(Wanted::Everything),
            (Some(path), None) => Ok(Wanted::Entries(manifest::load(&path, !self.allow_empty)?)),
            (None, Some(connections)) if connections.is_empty() && !self.allow_empty => Err(ManifestError::Empty {
                whence: "connections".to_owned(),
                can_be_allowed: true,
            }),
            (None, Some(connections)) => Ok(Wanted::Entries(
                manifest::check(self.defaults.as_ref(), &connections).map_err(mistaken)?,
            )),
            (Some(_), Some(_)) => Err(mistaken(vec![Mistake {
                spot: None,
                message: "expected these or a manifest, found both".to_owned(),
            }])),
        }
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
