//! Groups that a concurrent write has removed from a database or a proxy.
//!
//! Source: docs/decision.md, "The order of writes". AWS replaces the lists of databases and proxies whole, without a
//! precondition, so two writers can overwrite each other. A run that has written such a list restores what it
//! has itself seen there and then missed. Tags alone never put a group on a list: anyone can write them.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Direction, GroupId, Observation, Protocol, Rule, SecurityGroup, Side};
use crate::ownership::{self, For, Names, is_being_removed};

/// The groups that one run has seen on the lists of its database and its proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists(BTreeMap<Side, BTreeSet<GroupId>>);

impl Lists {
    /// Notes a list as it was just read.
    pub fn note<'g>(&mut self, side: Side, groups: impl IntoIterator<Item = &'g GroupId>) {
        self.0.entry(side).or_default().extend(groups.into_iter().cloned());
    }

    /// Notes the lists of a whole observation.
    pub fn note_all(&mut self, observation: &Observation) {
        for side in observation.sides() {
            self.note(*side, observation.groups_on(*side).iter());
        }
    }

    /// Notes all that another record holds.
    pub fn merge(&mut self, other: &Self) {
        for (side, groups) in &other.0 {
            self.note(*side, groups);
        }
    }

    /// The groups that were seen on this side's resource and are not there any more, of those that were made for it and
    /// are complete: by name, as many as there is room for.
    pub fn taken_off<'o>(&self, found: &'o Observation, side: Side) -> Vec<&'o SecurityGroup> {
        let (on, seen) = (found.groups_on(side), self.0.get(&side));
        let names = Names::new(&found.groups);
        let mut missing: Vec<&SecurityGroup> = found
            .groups
            .iter()
            .filter(|group| seen.is_some_and(|seen| seen.contains(&group.id)) && !on.contains(&group.id))
            .filter(|group| group.vpc == found.database.vpc)
            .filter(|group| is_for(found, side, group, &names) && is_complete(found, side, group))
            .collect();
        missing.sort_by_key(|group| (&group.name, &group.id));
        missing.truncate(found.group_quota.most(side).saturating_sub(on.len()));
        missing
    }
}

/// Whether the tags say that the group was made for this side of a connection with this very database or proxy.
fn is_for(observation: &Observation, side: Side, group: &SecurityGroup, names: &Names<'_>) -> bool {
    let Some((way, _)) = ownership::way_of(&group.tags) else {
        return false;
    };
    let of_database = way.database() == (observation.database.kind, observation.database.id.as_str());
    let of_resource = match side {
        Side::Database => of_database,
        Side::Proxy => {
            let proxy = observation.proxy.as_ref().map(|proxy| proxy.name.as_str());
            of_database && proxy.is_some() && way.proxy() == proxy
        }
        // Lambda's RevisionId guards a function's list.
        Side::Function => false,
    };
    of_resource
        && !is_being_removed(group)
        && ownership::judge(group, side, &way, For::AnyFunction, names).is_credible()
}

/// Whether the group and the one that it lets in name each other, as when a set was written to its end.
fn is_complete(observation: &Observation, side: Side, group: &SecurityGroup) -> bool {
    let names = |rules: &[Rule], id: &GroupId| rules.iter().any(|rule| rule.peer.group() == Some(id));
    let [inbound] = group.ingress.as_slice() else {
        return false;
    };
    let is_one_port = |rule: &Rule| {
        let ports = rule.ports.filter(|ports| ports.from == ports.to);
        rule.protocol == Protocol::Tcp && ports.is_some()
    };
    let source = inbound.peer.group().and_then(|id| observation.group(id));
    let outbound = group.rules(Direction::Egress);
    let leads_on = match (side, outbound) {
        (Side::Proxy, [rule]) => {
            let behind = rule.peer.group().and_then(|id| observation.group(id));
            is_one_port(rule) && behind.is_some_and(|behind| names(&behind.ingress, &group.id))
        }
        (Side::Proxy, _) => false,
        (_, rules) => rules.is_empty(),
    };
    is_one_port(inbound) && leads_on && source.is_some_and(|source| names(&source.egress, &group.id))
}
