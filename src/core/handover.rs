//! Groups that were handed over to infrastructure as code: the tag `autoconnect:owner` names the tool that manages them, and
//! no command but `adopt` changes such a group.
//!
//! Source: docs/adopting.md.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::drift::discover;
use crate::estate::{Connection, Estate, Scope};
use crate::export::Wanted;
use crate::model::{DatabaseKind, GroupId, Observation, SecurityGroup, Side, last_segment};
use crate::ownership::{Way, names_connection, way_of};
use crate::plan::{Effect, Ground, Plan, Ref, RemovalEffect, StepStatus, Steps};
use crate::tags;

/// A tool that manages resources from code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Manager {
    /// Terraform, or `OpenTofu`.
    Terraform,
    /// AWS CloudFormation, and what deploys through it: SAM, the CDK, Serverless.
    CloudFormation,
}

impl Manager {
    /// The value of the tag `autoconnect:owner`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Terraform => "terraform",
            Self::CloudFormation => "cloudformation",
        }
    }
}

impl fmt::Display for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Terraform => "Terraform",
            Self::CloudFormation => "CloudFormation",
        })
    }
}

/// A step that says who manages groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "effect", rename_all = "kebab-case")]
pub enum HandoverEffect {
    /// Hands groups over to a tool.
    HandOver {
        /// The groups.
        groups: Vec<GroupId>,
        /// The tool.
        to: Manager,
        /// The tool that the tag names so far.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<String>,
    },
    /// Takes groups back: `setup`, `remove` and `cleanup` change them again.
    TakeOver {
        /// The groups.
        groups: Vec<GroupId>,
        /// The tool that the tag names so far.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<String>,
    },
}

impl HandoverEffect {
    /// The groups that get or lose the tag.
    pub fn groups(&self) -> &[GroupId] {
        match self {
            Self::HandOver { groups, .. } | Self::TakeOver { groups, .. } => groups,
        }
    }
}

/// A group that another tool manages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HandedOver {
    /// Its name and id.
    pub group: String,
    /// The tool, as the tag names it.
    pub manager: String,
}

/// The tool that manages a group, as its tag names it; none where it was not handed over.
pub fn manager_of(group: &SecurityGroup) -> Option<&str> {
    group.tags.get(tags::OWNER).map(String::as_str)
}

fn handed_over(group: &SecurityGroup) -> Option<HandedOver> {
    Some(HandedOver {
        group: format!("{} ({})", group.name, group.id),
        manager: manager_of(group)?.to_owned(),
    })
}

/// The groups that the rest of a plan would change, and that another tool manages.
pub fn changed(plan: &Plan, ground: &Ground<'_>) -> Vec<HandedOver> {
    let planned = plan.steps.iter().filter(|step| step.status == StepStatus::Planned);
    let ids = planned.flat_map(|step| changed_groups(&step.effect));
    let mut found: Vec<HandedOver> = ids.filter_map(|id| handed_over(ground.group(id)?)).collect();
    found.sort();
    found.dedup();
    found
}

/// The groups that exist and whose rules, tags or associations a step changes. A resource that gets a group changes
/// its own list, and not the group.
fn changed_groups(effect: &Effect) -> Vec<&GroupId> {
    match effect {
        Effect::RevokeDefaultEgress {
            group: Ref::Existing(group),
        }
        | Effect::AddRule {
            group: Ref::Existing(group),
            ..
        } => vec![group],
        Effect::Removal(effect) => match effect {
            RemovalEffect::Mark { groups, .. }
            | RemovalEffect::Retag { groups, .. }
            | RemovalEffect::Unmark { groups } => groups.iter().collect(),
            RemovalEffect::Detach { groups, .. } | RemovalEffect::TakeBack { groups } => {
                groups.iter().map(crate::removal::Removable::id).collect()
            }
            RemovalEffect::OffFunction { group, .. }
            | RemovalEffect::OffProxy { group, .. }
            | RemovalEffect::OffDatabase { group, .. }
            | RemovalEffect::Revoke { group, .. }
            | RemovalEffect::DeleteGroup { group } => vec![group.id()],
            RemovalEffect::DeleteProxy { .. }
            | RemovalEffect::DeleteSecret { .. }
            | RemovalEffect::UnsetEnvironment { .. }
            | RemovalEffect::DeleteFunction { .. }
            | RemovalEffect::DetachRolePolicy { .. }
            | RemovalEffect::DeleteRolePolicy { .. }
            | RemovalEffect::DeleteRole { .. } => vec![],
        },
        _ => vec![],
    }
}

/// The groups that were made for this connection, or are on the function and belong to it, and that another tool manages. A new set beside them would
/// hide that their rules are not as they were.
pub fn of_connection(observation: &Observation) -> Vec<HandedOver> {
    let way = Way::of(observation);
    let (tied, list) = (tied(observation), observation.groups_on(Side::Function));
    let connection = observation.connection_id();
    let belongs = |group: &&SecurityGroup| {
        let is_of_way = || way_of(&group.tags).is_some_and(|(found, _)| found == way);
        let is_on = list.contains(&group.id);
        is_on && (is_of_way() || tied.iter().any(|tied| tied.id == group.id)) || names_connection(group, &connection)
    };
    let mut found: Vec<HandedOver> = observation
        .groups
        .iter()
        .filter(belongs)
        .filter_map(handed_over)
        .collect();
    found.sort();
    found
}

/// The groups of the convention on a side's resource.
fn on(observation: &Observation, side: Side) -> impl Iterator<Item = &SecurityGroup> {
    let list = observation.groups_on(side);
    observation.groups.iter().filter(move |group| list.contains(&group.id))
}

/// The steps that hand groups over to a tool, or take them back where none is given. Groups that are as they should be
/// need none.
pub fn hand_over(groups: &[SecurityGroup], to: Option<Manager>) -> Plan {
    let mut steps = Steps::default();
    let differs = |group: &&SecurityGroup| manager_of(group) != to.map(Manager::tag);
    for group in groups.iter().filter(differs) {
        let (ids, from) = (vec![group.id.clone()], manager_of(group).map(str::to_owned));
        let now = from.as_ref().map(|from| format!(" (now {from})")).unwrap_or_default();
        let (effect, summary) = match to {
            Some(to) => (
                HandoverEffect::HandOver { groups: ids, to, from },
                format!("{}: set tag {}={}{now}", group.name, tags::OWNER, to.tag()),
            ),
            None => (
                HandoverEffect::TakeOver { groups: ids, from },
                format!("{}: delete tag {}{now}", group.name, tags::OWNER),
            ),
        };
        steps.add(effect, group.id.as_str(), summary, &[]);
    }
    steps.plan()
}

/// The groups of the connections in an estate that are asked for, each once, and how many connections these are. Those of a
/// connection that someone has changed are among them: `export` writes only whole connections, and whoever takes groups back
/// wants them all.
pub fn chosen(estate: &Estate, wanted: &Wanted) -> (Vec<SecurityGroup>, usize) {
    let mut groups: BTreeMap<GroupId, SecurityGroup> = BTreeMap::new();
    let mut count = 0;
    for connection in connections(estate, wanted) {
        let mut found: Vec<SecurityGroup> = estate.tagged(&connection.to_string()).cloned().collect();
        if let Ok(observation) = estate.observation(&connection, Scope::Associated) {
            found.extend(tied(&observation).into_iter().cloned());
        }
        count += usize::from(!found.is_empty());
        groups.extend(found.into_iter().map(|group| (group.id.clone(), group)));
    }
    (groups.into_values().collect(), count)
}

fn connections(estate: &Estate, wanted: &Wanted) -> Vec<Connection> {
    let of = |database: Option<(DatabaseKind, &str)>, function: Option<&str>| {
        let takes = |found: &Connection| {
            let is_database = |(kind, id): (DatabaseKind, &str)| {
                kind == found.kind && last_segment(id).eq_ignore_ascii_case(last_segment(&found.database))
            };
            database.is_none_or(is_database)
                && function.is_none_or(|name| last_segment(name) == last_segment(&found.function))
        };
        discover(estate).into_iter().filter(takes).collect()
    };
    match wanted {
        Wanted::Listed(connections) => connections.clone(),
        Wanted::Pair {
            kind,
            database,
            function,
        } => of(Some((*kind, database)), Some(function)),
        Wanted::Database { kind, database } => of(Some((*kind, database)), None),
        Wanted::All => of(None, None),
    }
}

/// The groups of the convention on the resources of a connection that lead to the next side, by a rule of either end.
fn tied(observation: &Observation) -> Vec<&SecurityGroup> {
    let mut found: BTreeMap<&GroupId, &SecurityGroup> = BTreeMap::new();
    for pair in observation.sides().windows(2) {
        for near in on(observation, pair[0]) {
            for far in on(observation, pair[1]).filter(|far| near.names(&far.id) || far.names(&near.id)) {
                found.extend([(&near.id, near), (&far.id, far)]);
            }
        }
    }
    found.into_values().collect()
}
