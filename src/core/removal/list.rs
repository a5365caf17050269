//! The lists that shrink: only `remove` has them, and only without groups that may be removed.

use serde::Serialize;

use crate::classify::{Candidate, Classified};
use crate::endpoint;
use crate::model::{Direction, GroupId, GroupList, Observation, SecurityGroup, Side};
use crate::naming::beside_production;
use crate::ownership::{self, For, Names, Ownership, Way};

/// A group that may be disassociated and deleted: it has our tags, or the console created it and nobody has
/// changed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Removable {
    id: GroupId,
    #[serde(skip)]
    is_ours: bool,
}

impl Removable {
    /// The group, if it was created by this program for this side of the observed way, whichever function it was made
    /// for.
    pub fn ours(group: &SecurityGroup, side: Side, observation: &Observation, names: &Names<'_>) -> Option<Self> {
        Self::owned(group, &ownership_of(group, side, observation, names))
    }

    /// The group, if by itself it is one that this program made, whatever is at the other end of its set: only for what
    /// the run knows to have made itself.
    pub fn made_alone(group: &SecurityGroup, side: Side, observation: &Observation) -> Option<Self> {
        let way = Way::of(observation);
        Self::owned(group, &ownership::judge_alone(group, side, &way, For::AnyFunction))
    }

    /// The group, if this is what was judged of it.
    pub fn owned(group: &SecurityGroup, ownership: &Ownership) -> Option<Self> {
        ownership.is_credible().then(|| Self {
            id: group.id.clone(),
            is_ours: true,
        })
    }

    /// The group, if by itself it is one that this program made, whatever for: a side of a connection, or endpoints.
    pub fn unused(group: &SecurityGroup) -> Option<Self> {
        let whose = match ownership::side_of(&group.tags) {
            Some(side) => {
                let (way, _) = ownership::way_of(&group.tags)?;
                ownership::judge_alone(group, side, &way, For::AnyFunction)
            }
            None if endpoint::GROUP_NAMES.contains(&group.name.as_str()) => endpoint::whose(group),
            None => return None,
        };
        Self::owned(group, &whose)
    }

    /// The group, if it is as the console makes them: a name of the convention, none of our tags, exactly the rules of its
    /// side, and at the other end of each a group that names it back. Where its removal has begun, its own rules may be
    /// gone, but no other may be there: the mark alone is no proof.
    ///
    /// Descriptions do not prove that the console created a group: its wizards write several, and anyone may write one.
    pub fn console_made(candidate: &Candidate<'_>, side: Side, classified: &Classified<'_>) -> Option<Self> {
        let observation = classified.observation;
        let connection = observation.connection_id();
        if ownership::has_own_tags(&candidate.group.tags) {
            return None;
        }
        let has_begun = ownership::is_removed_with(candidate.group, &connection) && candidate.has_only_own_rules();
        let fits = candidate.associated && classified.now().suits(side, candidate);
        (has_begun || fits).then_some(())?;
        is_tied(candidate, observation, has_begun).then(|| Self {
            id: candidate.group.id.clone(),
            is_ours: false,
        })
    }

    /// Its id.
    pub fn id(&self) -> &GroupId {
        &self.id
    }

    /// Whether it has our tags.
    pub fn is_ours(&self) -> bool {
        self.is_ours
    }
}

/// Whether each group that a rule names names this one back; one whose removal has begun may have no rules any more.
fn is_tied(candidate: &Candidate<'_>, observation: &Observation, has_begun: bool) -> bool {
    let group = candidate.group;
    let ends = [
        (candidate.source, Direction::Egress),
        (candidate.destination, Direction::Ingress),
    ];
    ends.into_iter()
        .filter_map(|(peer, back)| Some((observation.group(peer?), back)))
        .all(|(partner, back)| {
            partner.is_some_and(|partner| {
                let rules = partner.rules(back);
                let names_back = rules.iter().any(|rule| rule.peer.group() == Some(&group.id));
                names_back || has_begun && rules.is_empty()
            })
        })
}

/// Whose a group is on this side of the observed way, whichever function it was made for.
pub fn ownership_of(group: &SecurityGroup, side: Side, observation: &Observation, names: &Names<'_>) -> Ownership {
    let on = |way: &Way| ownership::judge(group, side, way, For::AnyFunction, names);
    let judged = on(&Way::of(observation));
    // RDS copies the groups of a blue/green deployment: their tags name the database in production.
    let in_production = beside_production(&observation.database.id).map(|name| Way::of_database(observation, name));
    match in_production.map(|way| on(&way)) {
        Some(Ownership::Proven) => Ownership::Proven,
        _ => judged,
    }
}

/// What is left of a resource's groups once one was removed. It is never empty: AWS takes no empty list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShrunkList(Vec<GroupId>);

impl ShrunkList {
    /// The list as it was read, without this group; none where no other group would be left.
    pub fn without(read: &GroupList, group: &Removable) -> Option<Self> {
        Self::without_all(read, std::slice::from_ref(group))
    }

    /// The list as it was read, without these groups; none where no other group would be left.
    pub fn without_all(read: &GroupList, groups: &[Removable]) -> Option<Self> {
        let goes = |id: &&GroupId| groups.iter().any(|group| group.id() == *id);
        let left: Vec<GroupId> = read.iter().filter(|id| !goes(id)).cloned().collect();
        (!left.is_empty()).then_some(Self(left))
    }

    /// The groups that are left, in the order read.
    pub fn iter(&self) -> impl Iterator<Item = &GroupId> {
        self.0.iter()
    }
}
