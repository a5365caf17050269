//! A connection across two VPCs, as `setup --cross-vpc` makes it: its groups have rules for the ranges of the other side's
//! subnets, and none that names a group.
//!
//! Groups of others count as they do for `setup`: what they let through needs no rule of the connection's own.

use ipnet::IpNet;

use super::explain::{in_words, of_rule, word};
use super::{Finding, FindingKind, hops, port_of};
use crate::estate::{Estate, Part};
use crate::made::Surroundings;
use crate::model::{Direction, Observation, Peer, PortRange, Protocol, Rule, SecurityGroup, Side, SubnetId};
use crate::ownership::names_side;

/// The groups of a connection across VPCs; none for one that is within a VPC, or was before its function moved.
pub(super) fn groups<'e>(estate: &'e Estate, observation: &Observation) -> Vec<&'e SecurityGroup> {
    let Observation { database, function, .. } = observation;
    if function.vpc.as_ref().is_none_or(|vpc| vpc.vpc == database.vpc) {
        return Vec::new();
    }
    let groups: Vec<&SecurityGroup> = estate.tagged(&observation.connection_id()).collect();
    let names_a_group = |group: &&SecurityGroup| {
        let mut rules = group.ingress.iter().chain(&group.egress);
        rules.any(|rule| rule.peer.group().is_some())
    };
    if groups.iter().any(names_a_group) {
        return Vec::new();
    }
    groups
}

/// One direction of one side, and what is at the other end.
struct Gate {
    side: Side,
    direction: Direction,
    far: Side,
    port: u16,
}

/// What has changed in a connection of these groups, or could not be read.
pub(super) fn findings(estate: &Estate, observation: &Observation, groups: &[&SecurityGroup]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let gates: Vec<Gate> = hops(observation)
        .iter()
        .flat_map(|hop| gates(observation, *hop))
        .collect();
    for side in observation.sides() {
        let own = groups.iter().find(|group| names_side(group, *side));
        for direction in [Direction::Ingress, Direction::Egress] {
            let gate = gates
                .iter()
                .find(|gate| (gate.side, gate.direction) == (*side, direction));
            let wanted = match gate.map(|gate| wanted(estate, observation, gate)) {
                Some(Err(unread)) => {
                    if !findings.contains(&unread) {
                        findings.push(unread);
                    }
                    continue;
                }
                Some(Ok(wanted)) => wanted,
                None => Vec::new(),
            };
            if let Some(gate) = gate {
                let blocked = wanted.iter().filter(|rule| !lets(estate, observation, gate, rule));
                findings.extend(blocked.map(|rule| missing(observation, gate, own.copied(), rule)));
            }
            let rules = own
                .iter()
                .flat_map(|group| group.rules(direction).iter().map(move |rule| (group, rule)));
            let extra = rules.filter(|(_, rule)| !wanted.iter().any(|wanted| wanted.is_same_as(rule)));
            findings.extend(extra.map(|(group, rule)| added(estate, group, direction, rule)));
        }
    }
    findings
}

fn gates(observation: &Observation, (from, to): (Side, Side)) -> Vec<Gate> {
    let port = port_of(observation, to);
    let gate = |side, direction, far| {
        port.map(|port| Gate {
            side,
            direction,
            far,
            port,
        })
    };
    let both = [gate(from, Direction::Egress, to), gate(to, Direction::Ingress, from)];
    both.into_iter().flatten().collect()
}

/// The rules that let all subnets of the other end through: of IPv4 where they have it, else of IPv6.
fn wanted(estate: &Estate, observation: &Observation, gate: &Gate) -> Result<Vec<Rule>, Finding> {
    let subnets: &[SubnetId] = match gate.far {
        Side::Database => &observation.database.subnets,
        Side::Function => observation.function.vpc.as_ref().map_or(&[], |vpc| &vpc.subnets),
        Side::Proxy => observation.proxy.as_ref().map_or(&[], |proxy| &proxy.subnets),
    };
    let unread = |part: Part| {
        let far = observation.describe(gate.far);
        let why = estate.unread(&part).unwrap_or("they were not read");
        let message = format!("the ranges of the subnets of {far}: {why}");
        Finding::new(FindingKind::Unread, far, message)
    };
    if subnets.is_empty() {
        return Err(unread(Part::SubnetGroups));
    }
    let mut rules: Vec<Rule> = Vec::new();
    for subnet in subnets {
        let ranges = estate.ranges(std::slice::from_ref(subnet));
        let ranges = ranges.ok_or_else(|| unread(Part::Subnets))?;
        let has_v4 = ranges.iter().any(|range| matches!(range, IpNet::V4(_)));
        for range in ranges.iter().filter(|range| matches!(range, IpNet::V4(_)) == has_v4) {
            let rule = Rule {
                protocol: Protocol::Tcp,
                ports: Some(PortRange::only(gate.port)),
                peer: Peer::Cidr(range.to_string()),
                description: None,
            };
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
    }
    Ok(rules)
}

/// Whether any group on a side lets through what a rule would. A prefix list that was not read may.
fn lets(estate: &Estate, observation: &Observation, gate: &Gate, wanted: &Rule) -> bool {
    let (near, far) = (observation.groups_on(gate.side), observation.groups_on(gate.far));
    let groups = near.iter().filter_map(|id| estate.group(id));
    let mut rules = groups.flat_map(|group| group.rules(gate.direction));
    rules.any(|rule| {
        rule.lets_tcp(gate.port)
            && match (&rule.peer, &wanted.peer) {
                (Peer::Cidr(range), Peer::Cidr(wanted)) => contains(range, wanted),
                (Peer::Group(id), _) => far.contains(id),
                (Peer::PrefixList(list), Peer::Cidr(wanted)) => estate
                    .prefix_list(list)
                    .is_none_or(|entries| entries.iter().any(|range| contains(&range.to_string(), wanted))),
                _ => false,
            }
    })
}

fn contains(range: &str, wanted: &str) -> bool {
    let ranges = range.parse::<IpNet>().ok().zip(wanted.parse::<IpNet>().ok());
    ranges.is_some_and(|(range, wanted)| range.contains(&wanted))
}

fn in_rule(direction: Direction, rule: &Rule) -> String {
    format!("{rule} {} {}", word(direction), rule.peer)
}

/// What no group lets through: its own group is not on the side, or lacks its rule, or there is none.
fn missing(observation: &Observation, gate: &Gate, own: Option<&SecurityGroup>, rule: &Rule) -> Finding {
    let (resource, direction) = (observation.describe(gate.side), gate.direction);
    let rule = in_rule(direction, rule);
    let (kind, message) = match own {
        Some(group) if !observation.groups_on(gate.side).contains(&group.id) => (
            FindingKind::GroupDetached,
            format!("{} is not on {resource}: no group lets {rule} through", in_words(group)),
        ),
        Some(group) => (
            FindingKind::RuleRemoved,
            format!("{} lacks its {direction} rule: {rule}", in_words(group)),
        ),
        None => (
            FindingKind::GroupGone,
            format!("no group on {resource} lets {rule} through, and no group that was created for it exists"),
        ),
    };
    let resource = own.map_or(resource, |group| group.id.to_string());
    let finding =
        Finding::new(kind, resource, format!("{message} (`setup --cross-vpc` adds it)")).with(Some(rule), None);
    match kind {
        FindingKind::GroupDetached => finding.off(gate.side),
        _ => finding,
    }
}

fn added(estate: &Estate, group: &SecurityGroup, direction: Direction, rule: &Rule) -> Finding {
    of_rule(estate, group, direction, FindingKind::RuleAdded, None, Some(rule))
}
