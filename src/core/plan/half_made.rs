//! Finds the set of groups that another run has begun: an earlier run for the same connection, or a run that connects
//! another function to the same database at the same time.
//!
//! Source: docs/design.md, "A run that died" and "Runs at the same time". Rules are written before any association. A
//! set with missing rules and a group in use, by this connection or by anything else, was therefore changed or made by someone
//! else: it is left alone, and a new set is created.

use std::collections::{BTreeMap, BTreeSet};

use super::Plan;
use crate::model::network::Part;
use crate::model::{Direction, GroupId, Observation, Rule, SecurityGroup, Side};
use crate::naming::Convention;
use crate::ownership::{self, For, Names, Way, is_being_removed, is_managed, is_removed_with};

/// What exists of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HalfMade<'a> {
    pub(super) number: u64,
    /// The function that it was begun for. What is still missing gets the same tags.
    pub(super) function: &'a str,
    pub(super) groups: BTreeMap<Side, &'a SecurityGroup>,
}

/// The side's group and what rule it has for whom: direction, port, and the side at the other end.
pub(super) type Wanted = (Side, Direction, u16, Side);

/// The rules of a whole set (docs/decision.md, "When a group matches"). None while the database
/// has no port.
pub(super) fn wanted_rules(observation: &Observation) -> Option<Vec<Wanted>> {
    let (database, function) = (observation.database.port?, observation.function_port()?);
    Some(match observation.proxy {
        None => vec![
            (Side::Database, Direction::Ingress, database, Side::Function),
            (Side::Function, Direction::Egress, database, Side::Database),
        ],
        Some(_) => vec![
            (Side::Database, Direction::Ingress, database, Side::Proxy),
            (Side::Proxy, Direction::Ingress, function, Side::Function),
            (Side::Proxy, Direction::Egress, database, Side::Database),
            (Side::Function, Direction::Egress, function, Side::Proxy),
        ],
    })
}

/// The set that can be completed: one that is in use, then the one with the lowest number, which is the same for every run.
pub(super) fn find<'a>(observation: &'a Observation, wanted: &[Wanted]) -> Option<HalfMade<'a>> {
    fitting_sets(observation, wanted)
        .filter(|set| set.why_left(observation, wanted).is_none())
        .min_by_key(|set| (!set.is_in_use(observation), set.number))
}

/// The sets that could be completed, by what their groups show and where this connection has them.
fn fitting_sets<'a>(observation: &'a Observation, wanted: &[Wanted]) -> impl Iterator<Item = HalfMade<'a>> {
    sets(observation).filter(|set| {
        set.rules_belong(wanted)
            && (set.is_complete(wanted) || set.is_being_removed() || !set.is_in_use(observation))
            && (set.function == observation.function.name || set.is_as_written(observation, wanted))
    })
}

/// A set of which rules are missing: what has its groups must be known before it is completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Its groups.
    pub groups: BTreeSet<GroupId>,
    /// Whether a removal of this connection has left it.
    pub is_being_removed: bool,
}

/// The sets that a run which creates groups would complete, and that lack rules.
pub fn begun_sets(observation: &Observation) -> Vec<Begun> {
    let Some(wanted) = wanted_rules(observation) else {
        return Vec::new();
    };
    fitting_sets(observation, &wanted)
        .filter(|set| set.lacks_rules(&wanted))
        .map(|set| Begun {
            groups: set.groups.values().map(|group| group.id.clone()).collect(),
            is_being_removed: set.is_being_removed(),
        })
        .collect()
}

/// The sets that are left as they are because something has their groups, or because that is not known; each with why.
pub(super) fn left_alone(observation: &Observation) -> Vec<(HalfMade<'_>, String)> {
    let Some(wanted) = wanted_rules(observation) else {
        return Vec::new();
    };
    fitting_sets(observation, &wanted)
        .filter_map(|set| {
            let why = set.why_left(observation, &wanted)?;
            Some((set, why))
        })
        .collect()
}

/// The sets of this connection with a group that is on its resource.
pub(super) fn in_use(observation: &Observation) -> impl Iterator<Item = HalfMade<'_>> {
    sets(observation).filter(|set| set.is_in_use(observation))
}

/// What there is of sets for this database, whichever function they were begun for, by their numbers.
fn sets(observation: &Observation) -> impl Iterator<Item = HalfMade<'_>> {
    let way = Way::of(observation);
    let names = Names::new(&observation.groups);
    let mut sets: BTreeMap<u64, HalfMade<'_>> = BTreeMap::new();
    for group in observation
        .groups
        .iter()
        .filter(|group| is_managed(&group.tags) && group.vpc == observation.database.vpc)
    {
        for side in observation
            .sides()
            .iter()
            .copied()
            .filter(|side| is_for_way(group, *side, observation, &names))
        {
            if let Some(number) = ownership::number(group, side, &way) {
                let set = sets.entry(number).or_insert_with(|| HalfMade {
                    number,
                    function: begun_for(group, observation),
                    groups: BTreeMap::new(),
                });
                set.groups.insert(side, group);
            }
        }
    }
    // Mostly there is no such set, and nothing to compare its names with.
    let compared = observation.groups.iter().filter(|_| !sets.is_empty());
    let taken: BTreeSet<String> = compared.map(|group| group.name.to_ascii_lowercase()).collect();
    sets.into_values()
        .filter(move |set| names_are_free(observation, set, &taken))
}

/// The groups that were begun for this connection, are on nothing of it, and are no part of this plan.
pub(super) fn left_over<'a>(observation: &'a Observation, plan: &Plan) -> Vec<&'a SecurityGroup> {
    let sides = observation.sides();
    let names = Names::new(&observation.groups);
    let left = left_alone(observation);
    let is_left = |id: &GroupId| {
        left.iter()
            .any(|(set, _)| set.groups.values().any(|group| group.id == *id))
    };
    let on: BTreeSet<GroupId> = sides
        .iter()
        .flat_map(|side| observation.groups_on(*side).iter().cloned().collect::<Vec<_>>())
        .collect();
    observation
        .groups
        .iter()
        .filter(|group| sides.iter().any(|side| is_ours(group, *side, observation, &names)))
        .filter(|group| !on.contains(&group.id))
        .filter(|group| !sides.iter().any(|side| plan.existing(*side) == Some(&group.id)))
        .filter(|group| !is_left(&group.id))
        .collect()
}

/// Made for this connection, or for one that it had joined when its removal began.
fn is_ours(group: &SecurityGroup, side: Side, observation: &Observation, names: &Names<'_>) -> bool {
    let made_for = For::Function(&observation.function.name);
    ownership::judge(group, side, &Way::of(observation), made_for, names).is_credible()
}

/// Made for this database, whichever function it was made for, and not being removed with another one.
fn is_for_way(group: &SecurityGroup, side: Side, observation: &Observation, names: &Names<'_>) -> bool {
    let is_removed_with_another = is_being_removed(group) && !is_removed_with(group, &observation.connection_id());
    !is_removed_with_another
        && ownership::judge(group, side, &Way::of(observation), For::AnyFunction, names).is_credible()
}

/// The function that a group on this way was made for.
fn begun_for<'a>(group: &'a SecurityGroup, observation: &'a Observation) -> &'a str {
    let named = ownership::way_of(&group.tags).filter(|(way, _)| *way == Way::of(observation));
    let function = named.and_then(|(_, function)| function);
    function
        .filter(|_| !is_being_removed(group))
        .unwrap_or(&observation.function.name)
}

/// The description of a rule: the side at its other end.
pub(super) fn description(observation: &Observation, function: &str, direction: Direction, peer: Side) -> String {
    let other = observation.describe_with(peer, function);
    let word = match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    };
    fitting(format!("autoconnect: {word} {other}"))
}

/// Cut to the 255 characters that EC2 allows in a description.
pub(super) fn fitting(mut description: String) -> String {
    description.truncate(description.floor_char_boundary(255));
    description
}

/// Whether nobody else holds a name that the set still needs.
fn names_are_free(observation: &Observation, set: &HalfMade<'_>, taken: &BTreeSet<String>) -> bool {
    let sides = observation.sides().iter().copied();
    let mut missing = sides.filter(|side| !set.groups.contains_key(side));
    let is_taken = |side| {
        let convention = Convention::for_new(side, observation.proxy.is_some());
        taken.contains(&convention.name(set.number))
    };
    !missing.any(is_taken)
}

impl HalfMade<'_> {
    pub(super) fn id(&self, side: Side) -> Option<&GroupId> {
        self.groups.get(&side).map(|group| &group.id)
    }

    /// Whether a wanted rule is there already.
    pub(super) fn has(&self, (side, direction, port, peer): Wanted) -> bool {
        let Some((group, peer)) = self.groups.get(&side).zip(self.id(peer)) else {
            return false;
        };
        let rule = Rule::tcp(port, peer.clone());
        group.rules(direction).iter().any(|found| found.is_same_as(&rule))
    }

    /// Whether the side's group still has an outbound rule that EC2 gave it.
    pub(super) fn has_default_egress(&self, side: Side) -> bool {
        self.groups
            .get(&side)
            .is_some_and(|group| group.egress.iter().any(Rule::is_default_egress))
    }

    /// Whether the rules that are there have the descriptions that the program writes for the set's function. Of the
    /// groups of another function only what is exactly as it would be written is shared.
    fn is_as_written(&self, observation: &Observation, wanted: &[Wanted]) -> bool {
        wanted.iter().all(|&(side, direction, port, peer)| {
            let Some((group, id)) = self.groups.get(&side).zip(self.id(peer)) else {
                return true;
            };
            let (rule, words) = (
                Rule::tcp(port, id.clone()),
                description(observation, self.function, direction, peer),
            );
            let mut found = group.rules(direction).iter().filter(|found| found.is_same_as(&rule));
            found.all(|found| found.description.as_ref() == Some(&words))
        })
    }

    /// Whether every rule of the set is one that the program writes, or EC2's default.
    fn rules_belong(&self, wanted: &[Wanted]) -> bool {
        let is_default = |direction: Direction, rule: &Rule| direction == Direction::Egress && rule.is_default_egress();
        self.groups.keys().all(|side| {
            [Direction::Ingress, Direction::Egress].into_iter().all(|direction| {
                let strays = self.strays(*side, direction, wanted);
                strays.iter().all(|rule| is_default(direction, rule))
            })
        })
    }

    /// The rules of a side's group that the program does not write.
    pub(super) fn strays(&self, side: Side, direction: Direction, wanted: &[Wanted]) -> Vec<Rule> {
        let belongs = |rule: &&Rule| {
            wanted.iter().any(|&(wanted_side, wanted_direction, port, peer)| {
                wanted_side == side
                    && wanted_direction == direction
                    && self
                        .id(peer)
                        .is_some_and(|peer| rule.is_same_as(&Rule::tcp(port, peer.clone())))
            })
        };
        let rules = self.groups.get(&side).map(|group| group.rules(direction));
        rules
            .unwrap_or_default()
            .iter()
            .filter(|rule| !belongs(rule))
            .cloned()
            .collect()
    }

    fn is_complete(&self, wanted: &[Wanted]) -> bool {
        wanted.iter().all(|rule| self.has(*rule)) && self.groups.keys().all(|side| !self.has_default_egress(*side))
    }

    fn lacks_rules(&self, wanted: &[Wanted]) -> bool {
        wanted.iter().any(|rule| !self.has(*rule))
    }

    /// Why a set that lacks rules is not completed: rules are written before any group is associated, so no run of ours has left
    /// it to what has its groups. They would be given the way to the database.
    fn why_left(&self, observation: &Observation, wanted: &[Wanted]) -> Option<String> {
        if !self.lacks_rules(wanted) {
            return None;
        }
        let named = |group: &SecurityGroup| format!("{} ({})", group.name, group.id);
        let bearers = match observation.extras.bearers.as_ref()? {
            Part::Read(bearers) => bearers,
            Part::Unread(why) => {
                let groups: Vec<String> = self.groups.values().map(|group| named(group)).collect();
                return Some(format!("what {} is on could not be read ({why})", groups.join(" or ")));
            }
        };
        let borne: Vec<String> = self
            .groups
            .values()
            .filter_map(|group| {
                let users: Vec<String> = bearers.get(&group.id)?.iter().map(ToString::to_string).collect();
                (!users.is_empty()).then(|| format!("{} is on {}", named(group), users.join(" and ")))
            })
            .collect();
        (!borne.is_empty()).then(|| borne.join("; "))
    }

    /// Whether a removal of this connection was begun: what it has left is used again.
    fn is_being_removed(&self) -> bool {
        self.groups.values().any(|group| is_being_removed(group))
    }

    /// The groups that are marked as being removed.
    pub(super) fn marked(&self) -> Vec<GroupId> {
        let marked = self.groups.values().filter(|group| is_being_removed(group));
        marked.map(|group| group.id.clone()).collect()
    }

    pub(super) fn is_in_use(&self, observation: &Observation) -> bool {
        self.groups
            .iter()
            .any(|(side, group)| observation.groups_on(*side).contains(&group.id))
    }
}
