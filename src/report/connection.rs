//! What the document of `setup` and `remove` has of its connection: the resources, and their sides.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::owners::OwnerEntry;
use super::path::DiagnosisEntry;
use crate::decide::{GroupVerdict, SideVerdict, Verdict, decide};
use crate::diagnostics::connection::Diagnosis;
use crate::model::{DatabaseKind, Function, Observation, Side};
use crate::naming::{Convention, Number};
use crate::reconcile::Draft;

/// What a run of `setup` or `remove` is about, and what it found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionRun {
    /// What is connected to what.
    pub connection: ConnectionEntry,
    /// The sides as they were found; after an applied run, as they are at its end.
    pub sides: Sides,
    /// Of `setup`: the checks of `diagnose`, with what blocks an incomplete connection. Absent with `--no-diagnose`, and of
    /// `remove`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<DiagnosisEntry>,
    /// The resources that a stack or another tool deploys, or whose tags could not be read. Absent where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<OwnerEntry>,
}

/// The connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionEntry {
    /// As in the tag `autoconnect:connection`.
    pub id: String,
    /// The database.
    pub database: DatabaseEntry,
    /// The function.
    pub function: FunctionEntry,
    /// The proxy, if there is one between.
    pub proxy: Option<ProxyEntry>,
}

/// The database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabaseEntry {
    /// `cluster` or `instance`.
    pub kind: DatabaseKind,
    /// Its identifier.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// Its port; null while it is being created.
    pub port: Option<u16>,
    /// Its VPC.
    pub vpc: String,
}

/// The function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FunctionEntry {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

/// The proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyEntry {
    /// Its name.
    pub name: String,
    /// The port it listens on.
    pub port: u16,
    /// The host name to connect to; null until it is known.
    pub endpoint: Option<String>,
    /// What it says of the database; null if that is not its target.
    pub target_health: Option<TargetHealthEntry>,
}

/// The health of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetHealthEntry {
    /// E.g. `AVAILABLE`.
    pub state: String,
    /// E.g. `AUTH_FAILURE`.
    pub reason: Option<String>,
}

/// The sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sides {
    /// The database's.
    pub database: SideEntry,
    /// The function's.
    pub function: SideEntry,
    /// The proxy's, if there is one.
    pub proxy: Option<SideEntry>,
}

/// One side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SideEntry {
    /// The verdict on the side.
    pub verdict: Verdict,
    /// The group that the verdict speaks of.
    pub group: Option<String>,
    /// Every group of the VPC whose name counts on this side.
    pub groups: Vec<GroupEntry>,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupEntry {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The verdict on it.
    pub verdict: Verdict,
    /// Why it is unfit.
    pub why: Vec<String>,
}

impl ConnectionRun {
    /// A connection as it was found.
    pub(super) fn new(observation: &Observation, path: Option<&Diagnosis>, draft: &Draft) -> Self {
        let found = decide(observation);
        let side = |side| found.side(side).map(SideEntry::new);
        Self {
            connection: ConnectionEntry::new(observation),
            sides: Sides {
                database: side(Side::Database).unwrap_or_default(),
                function: side(Side::Function).unwrap_or_default(),
                proxy: side(Side::Proxy),
            },
            diagnosis: path.map(DiagnosisEntry::from),
            owners: OwnerEntry::all(draft, observation),
        }
    }
}

impl ConnectionEntry {
    pub(super) fn new(observation: &Observation) -> Self {
        let Observation {
            database,
            function,
            proxy,
            ..
        } = observation;
        Self {
            id: observation.connection_id(),
            database: DatabaseEntry {
                kind: database.kind,
                id: database.id.clone(),
                arn: database.arn.clone(),
                port: database.port,
                vpc: database.vpc.to_string(),
            },
            function: FunctionEntry::from(function),
            proxy: proxy.as_ref().map(|proxy| ProxyEntry {
                name: proxy.name.clone(),
                port: proxy.engine_family.listener_port(),
                endpoint: proxy.endpoint.clone(),
                target_health: proxy.target_health(database).map(|health| TargetHealthEntry {
                    state: health.state.as_api().to_owned(),
                    reason: health.reason.clone(),
                }),
            }),
        }
    }
}

impl From<&Function> for FunctionEntry {
    fn from(function: &Function) -> Self {
        Self {
            name: function.name.clone(),
            arn: function.arn.clone(),
        }
    }
}

impl Default for SideEntry {
    fn default() -> Self {
        Self {
            verdict: Verdict::None,
            group: None,
            groups: Vec::new(),
        }
    }
}

impl SideEntry {
    fn new(side: &SideVerdict<'_>) -> Self {
        let group = |found: &GroupVerdict<'_>| GroupEntry {
            id: found.group.id.to_string(),
            name: found.group.name.clone(),
            verdict: found.verdict,
            why: found.why().map(ToString::to_string).collect(),
        };
        Self {
            verdict: side.verdict,
            group: side.group.map(ToString::to_string),
            groups: in_order(side).into_iter().map(group).collect(),
        }
    }
}

/// The groups of a side as people look for them: fit ones first, those on the resource before the others.
pub(super) fn in_order<'s, 'a>(side: &'s SideVerdict<'a>) -> Vec<&'s GroupVerdict<'a>> {
    fn number(name: &str) -> Option<Number<'_>> {
        Convention::ALL.iter().find_map(|convention| convention.number(name))
    }
    let mut groups: Vec<_> = side.groups.iter().collect();
    groups.sort_by_key(|found| {
        (
            found.verdict,
            !found.associated,
            number(&found.group.name),
            &found.group.id,
        )
    });
    groups
}
