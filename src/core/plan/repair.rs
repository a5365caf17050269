//! Repairs: which groups may be repaired, and which rules are revoked first if a group is at its quota of rules.

use std::collections::BTreeSet;

use super::half_made::{HalfMade, Wanted};
use super::lint::spoils;
use crate::classify::classify;
use crate::model::{Direction, GroupId, Observation, Peer, Rule, SecurityGroup, Side};
use crate::ownership::{self, For, Names, Way};

/// How many rules a group may have each way, unless the account's quota is another (Amazon VPC quotas, L-0EA8095F). Rules
/// for IPv4 and IPv6 count apart; one that names a group counts for both.
pub const RULES_PER_GROUP: usize = 60;

/// A group that names this connection, and is not proven ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unproven {
    /// Its name and id.
    pub group: String,
    /// What contradicts its tags.
    pub why: Vec<String>,
}

/// The groups on the connection's resources that are not as they should be, whose tags say that they were made for it,
/// and which something contradicts: a repair does not touch them.
pub fn unproven(observation: &Observation) -> Vec<Unproven> {
    let connection = observation.connection_id();
    let way = Way::of(observation);
    let names = Names::new(&observation.groups);
    let classified = classify(observation);
    let mut found = Vec::new();
    for &side in observation.sides() {
        let on = observation.groups_on(side);
        let is_fit = |group: &SecurityGroup| {
            let mut candidates = classified.side(side).iter();
            candidates.any(|candidate| candidate.group.id == group.id && classified.now().suits(side, candidate))
        };
        let to_repair = |group: &&SecurityGroup| on.contains(&group.id) && !is_fit(group);
        for group in observation.groups.iter().filter(to_repair) {
            // Groups for other functions of the database are on it, too.
            let is_of_way =
                side == Side::Function && ownership::way_of(&group.tags).is_some_and(|(found, _)| found == way);
            let is_claimed = is_of_way
                || ownership::names_connection(group, &connection)
                || ownership::is_removed_with(group, &connection);
            let whose = ownership::judge(group, side, &way, For::AnyFunction, &names);
            if is_claimed && !whose.is_proven() {
                found.push(Unproven {
                    group: format!("{} ({})", group.name, group.id),
                    why: whose.reasons(),
                });
            }
        }
    }
    found
}

/// Whether each group of a set is proven ours.
pub(super) fn is_proven(set: &HalfMade<'_>, observation: &Observation) -> bool {
    let (way, names) = (Way::of(observation), Names::new(&observation.groups));
    let mut of_set = set.groups.iter();
    of_set.all(|(side, group)| ownership::judge(group, *side, &way, For::AnyFunction, &names).is_proven())
}

/// An address family, whose rules have a quota of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// Whether a rule counts for the quota of a family.
fn counts(rule: &Rule, family: Family) -> bool {
    match &rule.peer {
        Peer::Cidr(cidr) => cidr.contains(':') == (family == Family::V6),
        Peer::Group(_) | Peer::PrefixList(_) => true,
    }
}

/// The rules that do not belong and must be revoked before others can be granted, none that carries traffic of the
/// wanted rules as long as another can be revoked instead.
pub(super) fn to_make_room(
    set: &HalfMade<'_>,
    wanted: &[Wanted],
    full: &BTreeSet<(GroupId, Direction)>,
) -> Vec<(Side, Direction, Rule)> {
    let mut room = Vec::new();
    for (&side, group) in &set.groups {
        for direction in [Direction::Ingress, Direction::Egress] {
            let missing: Vec<&Wanted> = wanted
                .iter()
                .filter(|(of, way, ..)| (*of, *way) == (side, direction))
                .filter(|wanted| !set.has(**wanted))
                .collect();
            let traffic: Vec<Rule> = missing
                .iter()
                .filter_map(|(.., port, peer)| Some(Rule::tcp(*port, set.id(*peer)?.clone())))
                .collect();
            let is_full = full.contains(&(group.id.clone(), direction));
            let rules = group.rules(direction);
            let mut needs = FAMILIES.map(|family| {
                let count = rules.iter().filter(|rule| counts(rule, family)).count();
                let over = (count + missing.len()).saturating_sub(RULES_PER_GROUP);
                if is_full {
                    missing.len()
                } else {
                    over.min(missing.len())
                }
            });
            let mut left = rules.to_vec();
            let mut strays = set.strays(side, direction, wanted);
            while let Some(at) = next_to_go(&strays, &left, &traffic, needs) {
                let gone = strays.remove(at);
                for (need, family) in needs.iter_mut().zip(FAMILIES) {
                    *need = need.saturating_sub(usize::from(counts(&gone, family)));
                }
                left.retain(|rule| !rule.is_same_as(&gone));
                room.push((side, direction, gone));
            }
        }
    }
    room
}

/// The rule that is best revoked first; none where no room is needed, or none can be made.
fn next_to_go(strays: &[Rule], left: &[Rule], traffic: &[Rule], needs: [usize; 2]) -> Option<usize> {
    let helps = |rule: &Rule| {
        let families = FAMILIES.iter().zip(needs);
        families
            .filter(|(family, need)| *need > 0 && counts(rule, **family))
            .count()
    };
    let useful = strays.iter().enumerate().filter(|(_, rule)| helps(rule) > 0);
    let best = useful.min_by_key(|(_, rule)| (spoils(left, rule, traffic), 2 - helps(rule)));
    best.map(|(at, _)| at)
}
