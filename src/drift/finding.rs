//! What was found: what was expected, and what is there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decide::Decision;
use crate::estate::Connection;
use crate::model::Observation;

/// What has changed, or could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Of what kind it is.
    pub kind: FindingKind,
    /// The whole of it, for people.
    pub message: String,
    /// What it speaks of: an id, an ARN or a name.
    pub resource: String,
    /// What was expected.
    pub expected: Option<String>,
    /// What is there.
    pub found: Option<String>,
}

/// The kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// There is no such database.
    DatabaseGone,
    /// There is no such proxy.
    ProxyGone,
    /// There is no such function.
    FunctionGone,
    /// The function is in another VPC than the database, or in none.
    FunctionMoved,
    /// No group of the connection is on a side, and none is left that was.
    GroupGone,
    /// A group of the connection is not on the resource that it is for.
    GroupDetached,
    /// A group was made for the connection, and nothing bears it.
    GroupUnused,
    /// A group has a rule too many.
    RuleAdded,
    /// A group lacks its rule.
    RuleRemoved,
    /// A group's rule is not what it was: another port, protocol or peer.
    RuleChanged,
    /// The database listens on another port than its groups are for.
    PortMoved,
    /// The proxy does not reach the database, or has it not for a target.
    TargetNotAvailable,
    /// `setup` would not make this connection now.
    NotSupported,
    /// `setup` would change something, for another reason than these.
    NotAsSetUp,
    /// Something could not be read.
    Unread,
}

impl FindingKind {
    /// The word for it, as in the documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DatabaseGone => "database-gone",
            Self::ProxyGone => "proxy-gone",
            Self::FunctionGone => "function-gone",
            Self::FunctionMoved => "function-moved",
            Self::GroupGone => "group-gone",
            Self::GroupDetached => "group-detached",
            Self::GroupUnused => "group-unused",
            Self::RuleAdded => "rule-added",
            Self::RuleRemoved => "rule-removed",
            Self::RuleChanged => "rule-changed",
            Self::PortMoved => "port-moved",
            Self::TargetNotAvailable => "target-not-available",
            Self::NotSupported => "not-supported",
            Self::NotAsSetUp => "not-as-set-up",
            Self::Unread => "unread",
        }
    }
}

impl Finding {
    /// A resource that does not exist.
    pub(super) fn gone(kind: &str, name: &str) -> Self {
        Self {
            kind: match kind {
                "function" => FindingKind::FunctionGone,
                "proxy" => FindingKind::ProxyGone,
                _ => FindingKind::DatabaseGone,
            },
            message: format!("there is no {kind} {name}"),
            resource: name.to_owned(),
            expected: Some(format!("{kind} {name}")),
            found: None,
        }
    }

    /// Something that could not be read.
    #[must_use]
    pub fn unread(connection: &Connection, why: &str) -> Self {
        Self {
            kind: FindingKind::Unread,
            message: why.to_owned(),
            resource: connection.to_string(),
            expected: None,
            found: None,
        }
    }

    pub(super) fn not_as_set_up(observation: &Observation, decision: &Decision) -> Self {
        Self {
            kind: FindingKind::NotAsSetUp,
            message: format!("setup would change this connection: its decision is {decision}"),
            resource: observation.connection_id(),
            expected: Some(Decision::NoOp.to_string()),
            found: Some(decision.to_string()),
        }
    }
}
