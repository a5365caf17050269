//! What a plan is checked against: the groups and lists that were read, their owners, and what the command may do.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{GroupId, GroupList, Observation, SecurityGroup, Side};
use crate::ownership::{self, For, Names, Ownership, Way};

/// What a command may do besides adding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum May {
    /// Nothing: it adds, and sets back rules of groups that are proven ours.
    #[default]
    Add,
    /// Take a function out of its VPC.
    Detach,
    /// Take groups off, revoke their rules, and delete what is ours.
    TakeAway,
}

/// By what right a group may be changed, from none at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// It is not ours.
    #[default]
    None,
    /// The console created it, nobody has changed it, and the user has asked for such groups to go.
    ConsoleMade,
    /// It may be completed, and deleted.
    Credible,
    /// Its rules may be revoked.
    Proven,
}

impl From<&Ownership> for Right {
    fn from(ownership: &Ownership) -> Self {
        match ownership {
            found if found.is_proven() => Self::Proven,
            found if found.is_credible() => Self::Credible,
            _ => Self::None,
        }
    }
}

/// A group that was read.
#[derive(Clone, Copy, Debug)]
struct Known<'a> {
    group: &'a SecurityGroup,
    right: Right,
    /// Whether it is ours by itself, whatever is at the other end of its set.
    is_ours_alone: bool,
}

/// What a plan is checked against.
#[derive(Clone, Debug, Default)]
pub struct Ground<'a> {
    groups: BTreeMap<&'a GroupId, Known<'a>>,
    lists: BTreeMap<Side, GroupList>,
    others: BTreeSet<&'a str>,
    may: May,
}

impl<'a> Ground<'a> {
    /// For a command that may do this.
    pub fn new(may: May) -> Self {
        Self { may, ..Self::default() }
    }

    /// For what connects the observed function: its groups, and the lists of its resources.
    pub fn of_connection(observation: &'a Observation) -> Self {
        Self::new(May::Add).with_lists(observation).with_judged(
            &observation.groups,
            &Way::of(observation),
            For::AnyFunction,
            observation.sides(),
        )
    }

    /// Also with the lists of the resources of a connection.
    pub fn with_lists(mut self, observation: &Observation) -> Self {
        let lists = observation.sides().iter().copied();
        self.lists = lists.map(|side| (side, observation.groups_on(side))).collect();
        self
    }

    /// Also with these groups, judged for each of the sides.
    pub fn with_judged(mut self, groups: &'a [SecurityGroup], way: &Way, made_for: For<'_>, sides: &[Side]) -> Self {
        let names = Names::new(groups);
        for group in groups {
            if !ownership::is_tagged(&group.tags) {
                self = self.with_group(group, Right::None);
                continue;
            }
            let judge = |side: &Side| Right::from(&ownership::judge(group, *side, way, made_for, &names));
            let right = sides.iter().map(judge).max().unwrap_or_default();
            self = self.with_group(group, right);
            let is_ours = |side: &Side| ownership::judge_alone(group, *side, way, made_for).is_credible();
            if let Some(known) = self.groups.get_mut(&group.id) {
                known.is_ours_alone |= sides.iter().any(is_ours);
            }
        }
        self
    }

    /// Also with this group. Of several rights the strongest counts.
    pub fn with_group(mut self, group: &'a SecurityGroup, right: Right) -> Self {
        let known = self.groups.entry(&group.id).or_insert(Known {
            group,
            right,
            is_ours_alone: false,
        });
        known.right = known.right.max(right);
        self
    }

    /// Also with something that is ours and no group: a proxy, a secret, a role, by its name or ARN.
    pub fn with_other(mut self, ours: &'a str) -> Self {
        self.others.insert(ours);
        self
    }

    /// What the command may do.
    pub(super) fn may(&self) -> May {
        self.may
    }

    /// All groups that were read.
    pub(in crate::plan) fn groups(&self) -> impl Iterator<Item = &'a SecurityGroup> {
        self.groups.values().map(|known| known.group)
    }

    /// A group that was read.
    pub(crate) fn group(&self, id: &GroupId) -> Option<&'a SecurityGroup> {
        self.groups.get(id).map(|known| known.group)
    }

    /// By what right a group may be changed.
    pub(super) fn right(&self, id: &GroupId) -> Right {
        self.groups.get(id).map(|known| known.right).unwrap_or_default()
    }

    /// Whether a group is ours by itself, whatever is at the other end of its set.
    pub(super) fn is_ours_alone(&self, id: &GroupId) -> bool {
        self.groups.get(id).is_some_and(|known| known.is_ours_alone)
    }

    /// The groups of a side's resource; none where they were not read.
    pub(in crate::plan) fn list(&self, side: Side) -> Option<&GroupList> {
        self.lists.get(&side)
    }

    /// The sides whose resource has a group.
    pub(super) fn bearers(&self, group: &GroupId) -> Vec<Side> {
        let bears = self.lists.iter().filter(|(_, list)| list.contains(group));
        bears.map(|(side, _)| *side).collect()
    }

    /// Whether something that is no group is ours.
    pub(super) fn is_ours(&self, other: &str) -> bool {
        self.others.contains(other)
    }
}
