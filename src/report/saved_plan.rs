//! Plans that are saved today and applied tomorrow (docs/saved-plans.md).

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::run::{Change, StepEntry};
use crate::batch::{Item, Ran};
use crate::escape::{to_json_pretty, word};
use crate::files::{self, New};
use crate::json;
use crate::model::{GroupId, Origin, Side};
use crate::monitor::Place;
use crate::plan::{Created, Named, Recorded, StepStatus, differences, still_on};
use crate::preview::is_new;
use crate::reconcile::Draft;
use crate::units::first;

/// The version of the format.
const SCHEMA_VERSION: u32 = 1;

/// A plan as it is saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// Always `plan`.
    pub command: PlanCommand,
    /// The version of the program that made the plan.
    pub program: String,
    /// What the plan brings about: the command with its options, without those of the account and of the output.
    pub arguments: Vec<String>,
    /// The account.
    pub account: Option<String>,
    /// The Region.
    pub region: Option<String>,
    /// Whether the account is one of AWS or a file.
    pub place: AccountKind,
    /// What it is about, in words.
    pub heading: Vec<String>,
    /// The decision, such as `create-new`.
    pub decision: String,
    /// The decision in words.
    pub meaning: String,
    /// Why, one sentence each.
    pub reasons: Vec<String>,
    /// What else there is to know, one sentence each.
    pub notes: Vec<String>,
    /// The groups that were on each resource when the plan was made.
    pub groups: BTreeMap<String, Vec<GroupId>>,
    /// One step for each write, in order.
    pub steps: Vec<SavedStep>,
    /// Of `setup --manifest`: the connections, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connections: Vec<SavedConnection>,
    /// SHA-256 of the content without this field, as `sha256:` and 64 hexadecimal digits. Spaces and the order of fields do not count.
    pub hash: String,
}

/// A connection of a saved plan of many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedConnection {
    /// Its name.
    pub name: String,
    /// Where the manifest puts it.
    pub place: Place,
    /// The command for this connection alone.
    pub arguments: Vec<String>,
    /// The account.
    pub account: Option<String>,
    /// The Region.
    pub region: Option<String>,
    /// The decision, such as `create-new`.
    pub decision: String,
    /// Why, and what else there is to know, one sentence each.
    pub reasons: Vec<String>,
    /// The names of what connections before it create, by the ids that the plan gives them.
    pub names: BTreeMap<String, Named>,
}

/// The value of `command` of a saved plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlanCommand {
    /// A saved plan.
    Plan,
}

/// Where a plan was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AccountKind {
    /// An account of AWS.
    Aws,
    /// An account file.
    AccountFile,
}

impl AccountKind {
    /// What `--offline` chooses.
    pub fn of(offline: Option<&Path>) -> Self {
        offline.map_or(Self::Aws, |_| Self::AccountFile)
    }
}

impl std::fmt::Display for AccountKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Aws => "AWS",
            Self::AccountFile => "an account file",
        })
    }
}

/// A step of a saved plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedStep {
    /// Its number, from 1.
    pub id: u32,
    /// The IAM name of the API action.
    pub action: String,
    /// The IAM actions that the caller needs for it, its own among them.
    pub permissions: Vec<String>,
    /// How AWS charges for what it makes; null if it does not.
    pub charged: Option<String>,
    /// What it does, for people.
    pub summary: String,
    /// What it changes: an id or an ARN; the name of what does not exist yet.
    pub resource: String,
    /// The steps that come before it.
    pub after: Vec<u32>,
    /// The name of the connection, in a plan of many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// How far it was: `planned`, or `already` or `adopt` where nothing is written.
    pub status: StepStatus,
    /// What it does to the resource.
    pub change: Change,
    /// All parameters. References to what exists are ids or ARNs; `{"step": N}` is what step N creates.
    pub parameters: Value,
    /// The other groups of the resource, which it keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeps: Option<Vec<GroupId>>,
    /// The name of what it creates, and the value of its tag `autoconnect:connection`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creates: Option<Created>,
}

impl SavedConnection {
    fn new(item: &Item, ran: &Ran) -> Self {
        let Origin { account, region } = ran.origin.clone();
        Self {
            name: item.name.clone(),
            place: item.place.clone(),
            arguments: item.arguments.clone(),
            account,
            region,
            decision: ran.draft.decision.to_owned(),
            reasons: ran.draft.reasons.iter().chain(&ran.draft.notes).cloned().collect(),
            names: {
                let names = ran.draft.basis.names.iter().filter(|(id, _)| is_new(id));
                names.map(|(id, named)| (id.clone(), named.clone())).collect()
            },
        }
    }
}

impl SavedStep {
    fn new(entry: StepEntry, recorded: &Recorded) -> Self {
        let StepEntry {
            id,
            action,
            permissions,
            charged,
            summary,
            resource,
            after,
            status,
            change,
        } = entry;
        Self {
            id,
            action,
            permissions,
            charged,
            summary,
            resource,
            after,
            connection: None,
            status,
            change,
            parameters: recorded.parameters.clone(),
            keeps: recorded.keeps.clone(),
            creates: recorded.creates.clone(),
        }
    }

    /// The step without its parameters.
    pub fn entry(&self) -> StepEntry {
        StepEntry {
            id: self.id,
            action: self.action.clone(),
            permissions: self.permissions.clone(),
            charged: self.charged.clone(),
            summary: self.summary.clone(),
            resource: self.resource.clone(),
            after: self.after.clone(),
            status: self.status,
            change: self.change,
        }
    }

    fn recorded(&self) -> Recorded {
        Recorded {
            is_planned: self.status == StepStatus::Planned,
            summary: self.summary.clone(),
            parameters: self.parameters.clone(),
            keeps: self.keeps.clone(),
            creates: self.creates.clone(),
        }
    }
}

/// Why a saved plan cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// It is not a plan that this version has saved, or somebody has changed it.
    #[error("the plan {path} cannot be used: {why}")]
    Invalid {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// It is for another account, Region or kind of account.
    #[error("the plan was made for {planned}, and this is {found}")]
    Elsewhere {
        /// Where it was made.
        planned: String,
        /// Where it was to be applied.
        found: String,
    },
    /// What it depends on has changed.
    #[error("what the plan depends on has changed since it was made: {}", listed(.differences))]
    Outdated {
        /// What differs.
        differences: Vec<String>,
    },
}

/// The differences, of which a message holds so many.
fn listed(differences: &[String]) -> String {
    const MOST: usize = 20;
    first(differences.iter(), MOST, "; ")
}

impl PlanError {
    /// The stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "plan-invalid",
            Self::Elsewhere { .. } => "plan-elsewhere",
            Self::Outdated { .. } => "plan-outdated",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Invalid { .. } | Self::Outdated { .. } => {
                "nothing was written: make the plan again with --out, review it, and apply that one"
            }
            Self::Elsewhere { .. } => {
                "nothing was written: choose the account and Region of the plan with --profile, --region or --offline"
            }
        }
    }
}

impl SavedPlan {
    /// No plan of this program has more bytes.
    pub const LARGEST: u64 = 64 << 20;

    /// The plan of a draft whose steps were recorded.
    pub fn new(draft: &Draft, origin: &Origin, place: AccountKind, arguments: Vec<String>) -> Self {
        let steps = draft.plan.steps.iter().map(StepEntry::from).zip(&draft.recorded);
        let list = |(side, groups): (&Side, &Vec<GroupId>)| (side.to_string(), groups.clone());
        let mut plan = Self {
            schema_version: SCHEMA_VERSION,
            command: PlanCommand::Plan,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            arguments,
            account: origin.account.clone(),
            region: origin.region.clone(),
            place,
            heading: draft.heading.clone(),
            decision: draft.decision.to_owned(),
            meaning: draft.meaning.to_owned(),
            reasons: draft.reasons.clone(),
            notes: draft.notes.clone(),
            groups: draft.basis.lists.iter().map(list).collect(),
            steps: steps.map(|(entry, recorded)| SavedStep::new(entry, recorded)).collect(),
            connections: Vec::new(),
            hash: String::new(),
        };
        plan.hash = plan.content_hash();
        plan
    }

    /// The plan of many connections, all of which were planned.
    pub fn of_many(planned: &[(&Item, &Ran)], origin: &Origin, place: AccountKind, arguments: Vec<String>) -> Self {
        let mut plan = Self {
            connections: planned
                .iter()
                .map(|(item, ran)| SavedConnection::new(item, ran))
                .collect(),
            ..Self::new(&Draft::default(), origin, place, arguments)
        };
        plan.heading = vec![format!("Connections of a manifest: {}", planned.len())];
        plan.decision = if plan.connections.iter().all(|connection| connection.decision == "no-op") {
            "no-op".to_owned()
        } else {
            "manifest".to_owned()
        };
        "each connection has a decision of its own".clone_into(&mut plan.meaning);
        for (item, ran) in planned {
            let entries = ran
                .draft
                .plan
                .steps
                .iter()
                .map(StepEntry::from)
                .zip(&ran.draft.recorded);
            plan.steps.extend(entries.map(|(entry, recorded)| SavedStep {
                connection: Some(item.name.clone()),
                ..SavedStep::new(entry, recorded)
            }));
        }
        plan.hash = plan.content_hash();
        plan
    }

    /// The steps of a connection of a plan of many.
    pub fn steps_of(&self, connection: &str) -> Vec<Recorded> {
        let steps = self.steps.iter();
        let its = steps.filter(|step| step.connection.as_deref() == Some(connection));
        its.map(SavedStep::recorded).collect()
    }

    /// Writes the plan to a file, which is replaced if it exists.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        files::write(path, (to_json_pretty(self)? + "\n").as_bytes(), New::Private)
    }

    /// Reads a plan.
    ///
    /// # Errors
    ///
    /// It cannot be read, is of another version, or was changed.
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let content = files::read(path, Self::LARGEST).map_err(|error| PlanError::Invalid {
            path: path.display().to_string(),
            why: error.to_string(),
        })?;
        Self::of_content(&content, &path.display().to_string())
    }

    /// Reads the plan that came from `path`.
    ///
    /// # Errors
    ///
    /// It is of another version, or was changed.
    pub fn of_content(content: &[u8], path: &str) -> Result<Self, PlanError> {
        let invalid = |why: String| PlanError::Invalid {
            path: path.to_owned(),
            why,
        };
        let content: Value = json::from_slice(content).map_err(|error| invalid(error.to_string()))?;
        let version = content.get("schema_version").and_then(Value::as_u64);
        if version != Some(SCHEMA_VERSION.into()) {
            let found = version.map_or_else(|| "none".to_owned(), |version| version.to_string());
            return Err(invalid(format!(
                "this version of autoconnect reads plans of schema_version {SCHEMA_VERSION}, and this one has {found}"
            )));
        }
        let plan: Self = serde_json::from_value(content).map_err(|error| invalid(error.to_string()))?;
        if plan.hash != plan.content_hash() {
            return Err(invalid(
                "its hash does not match its content: it was changed".to_owned(),
            ));
        }
        let is_planned = |step: &SavedStep| step.status == StepStatus::Planned;
        let is_located = |account: &Option<String>, region: &Option<String>| account.is_some() && region.is_some();
        let is_located = match plan.connections.as_slice() {
            [] => is_located(&plan.account, &plan.region),
            connections => connections.iter().all(|of| is_located(&of.account, &of.region)),
        };
        if plan.steps.iter().any(is_planned) && !is_located {
            return Err(invalid("it does not say for which account and Region it is".to_owned()));
        }
        if plan.program != env!("CARGO_PKG_VERSION") {
            return Err(invalid(format!(
                "version {} of autoconnect made it, and this is version {}",
                plan.program,
                env!("CARGO_PKG_VERSION")
            )));
        }
        Ok(plan)
    }

    /// The hash of the content without the field of the hash, with sorted keys and without spaces.
    fn content_hash(&self) -> String {
        let unhashed = Self {
            hash: String::new(),
            ..self.clone()
        };
        // Converted to a value first: that sorts the keys.
        let content = serde_json::to_value(unhashed).unwrap_or_default().to_string();
        let digits: Vec<String> = Sha256::digest(content.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("sha256:{}", digits.concat())
    }

    /// The command as it can be typed.
    pub fn command_line(&self) -> String {
        let words: Vec<String> = self.arguments.iter().map(word).collect();
        format!("autoconnect {}", words.join(" "))
    }

    /// The account and Region that it was made for.
    pub fn origin(&self) -> Origin {
        Origin {
            account: self.account.clone(),
            region: self.region.clone(),
        }
    }

    /// Whether the plan was made for this account and Region, as far as both are known.
    ///
    /// # Errors
    ///
    /// It was made for another one.
    pub fn check_place(&self, origin: &Origin, place: AccountKind) -> Result<(), PlanError> {
        self.check_origin(&self.origin(), origin, place)
    }

    /// Whether one of its connections was planned in this account and Region, as far as both are known.
    ///
    /// # Errors
    ///
    /// It was planned in another one.
    pub fn check_place_of(
        &self,
        connection: &SavedConnection,
        origin: &Origin,
        place: AccountKind,
    ) -> Result<(), PlanError> {
        let planned = Origin {
            account: connection.account.clone(),
            region: connection.region.clone(),
        };
        self.check_origin(&planned, origin, place)
    }

    fn check_origin(&self, planned: &Origin, found: &Origin, place: AccountKind) -> Result<(), PlanError> {
        let is_same =
            |planned: &Option<String>, found: &Option<String>| planned.is_none() || found.is_none() || planned == found;
        let is_here =
            is_same(&planned.account, &found.account) && is_same(&planned.region, &found.region) && self.place == place;
        if is_here {
            return Ok(());
        }
        Err(PlanError::Elsewhere {
            planned: format!("{planned} ({})", self.place),
            found: format!("{found} ({place})"),
        })
    }

    /// Whether what is drafted now is this plan, or what is left of it.
    ///
    /// # Errors
    ///
    /// It is another one.
    pub fn check(&self, draft: &Draft) -> Result<(), PlanError> {
        let saved: Vec<Recorded> = self.steps.iter().map(SavedStep::recorded).collect();
        let mut differences = differences(&saved, &draft.recorded, &draft.basis);
        if differences.is_empty() {
            differences = self.other_texts(draft);
        }
        if differences.is_empty() {
            return Ok(());
        }
        Err(PlanError::Outdated { differences })
    }

    /// Compares the decision alone.
    ///
    /// # Errors
    ///
    /// It is another one.
    pub fn check_decision(&self, draft: &Draft) -> Result<(), PlanError> {
        if self.decision == draft.decision {
            return Ok(());
        }
        let found = format!("+ {}: {}", draft.decision, draft.reasons.join(" "));
        Err(PlanError::Outdated {
            differences: vec![format!("- {}", self.decision), found],
        })
    }

    /// Whether there is nothing to do because the plan was carried out, and not because what it removes is no longer removed.
    ///
    /// # Errors
    ///
    /// A group that it takes off a resource is still on it.
    pub fn check_done(&self, draft: &Draft) -> Result<(), PlanError> {
        let saved: Vec<Recorded> = self.steps.iter().map(SavedStep::recorded).collect();
        let mut differences = still_on(&saved, &draft.basis);
        if differences.is_empty() {
            return Ok(());
        }
        differences.push(format!("+ {}: {}", draft.decision, draft.reasons.join(" ")));
        Err(PlanError::Outdated { differences })
    }

    /// What the saved plan says and the draft does not, where no step was carried out since: what was reviewed is what is done.
    fn other_texts(&self, draft: &Draft) -> Vec<String> {
        let planned = |entry: &StepEntry| entry.status == StepStatus::Planned;
        let saved: Vec<StepEntry> = self.steps.iter().map(SavedStep::entry).filter(planned).collect();
        let now: Vec<StepEntry> = draft.plan.steps.iter().map(StepEntry::from).filter(planned).collect();
        if saved.len() != now.len() {
            return Vec::new();
        }
        let mut differences = Vec::new();
        let titles = (self.heading.first(), draft.heading.first());
        if titles.0 != titles.1 || self.decision != draft.decision {
            let text =
                |title: Option<&String>, decision: &str| format!("{} ({decision})", title.map_or("", String::as_str));
            differences.push(format!("- {}", text(titles.0, &self.decision)));
            differences.push(format!("+ {}", text(titles.1, draft.decision)));
        }
        for (saved, now) in saved.iter().zip(&now).filter(|(saved, now)| saved != now) {
            differences.push(format!("- {} ({})", saved.summary, saved.action));
            differences.push(format!("+ {} ({})", now.summary, now.action));
        }
        differences
    }
}
