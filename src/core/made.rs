//! How the groups of a connection are made, and how one that is attached differs from that.
//!
//! Source: docs/drift.md, "Which groups are compared". Whether a group serves a connection depends on what else is
//! attached; whether its rules are those with which it was made does not. So this file judges a group by itself: by the
//! side that its name is for, the ports of what it is attached to, and the groups that its rules name.

pub mod world;

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::model::{Direction, GroupId, Observation, Peer, PortRange, Protocol, Rule, SecurityGroup, Side};
use crate::naming::Convention;
use crate::ownership;
use crate::units::first;

/// What is around a group.
pub trait Surroundings {
    /// A group by its id; none where it is not known.
    fn group(&self, id: &GroupId) -> Option<&SecurityGroup>;
    /// The ports of the databases, or proxies, that a group is on.
    fn ports(&self, group: &GroupId, side: Side) -> Vec<u16>;
    /// Whether a group is on a resource of this side.
    fn is_on(&self, group: &GroupId, side: Side) -> bool;
    /// The ranges of a prefix list; none where they were not read.
    fn prefix_list(&self, id: &str) -> Option<&[IpNet]>;
}

/// How a group differs from how it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flaws {
    /// Its rules that differ.
    pub differences: Vec<Difference>,
    /// The rules that together let the whole internet in.
    pub opening: Vec<Rule>,
}

impl Flaws {
    /// Whether the group is as it was made.
    pub fn is_empty(&self) -> bool {
        self.differences.is_empty() && self.opening.is_empty()
    }
}

/// A rule that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which way.
    pub direction: Direction,
    /// What the rule should be: its port where it is known, and the side of the group that it should name. None for a rule
    /// that should not be there.
    pub expected: Option<(Option<u16>, Side)>,
    /// The rule that is there; none where it is missing.
    pub found: Option<Rule>,
}

/// What a group of the convention is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Role {
    side: Side,
    /// The sides that its inbound rule may come from; none where it has no inbound rule.
    from: &'static [Side],
    /// The side that its outbound rule leads to; none where it has no outbound rule.
    to: Option<Side>,
}

impl Role {
    fn of(group: &SecurityGroup) -> Option<Self> {
        let is = |convention: Convention| convention.number(&group.name).is_some();
        let convention = Convention::ALL.into_iter().find(|convention| is(*convention));
        Some(match convention {
            Some(Convention::RdsLambda) => Self::database(&[Side::Function, Side::Proxy]),
            Some(Convention::RdsRdsproxy) => Self::database(&[Side::Proxy]),
            Some(Convention::LambdaRds) => Self::function(Side::Database),
            Some(Convention::LambdaRdsproxy) => Self::function(Side::Proxy),
            Some(Convention::RdsproxyLambda) => Self {
                side: Side::Proxy,
                from: &[Side::Function],
                to: Some(Side::Database),
            },
            None => return None,
        })
    }

    fn database(from: &'static [Side]) -> Self {
        Self {
            side: Side::Database,
            from,
            to: None,
        }
    }

    fn function(to: Side) -> Self {
        Self {
            side: Side::Function,
            from: &[],
            to: Some(to),
        }
    }

    fn peers(&self, direction: Direction) -> Vec<Side> {
        match direction {
            Direction::Ingress => self.from.to_vec(),
            Direction::Egress => self.to.into_iter().collect(),
        }
    }
}

/// How a group differs from how it was made; nothing for one of other names, unless it is open to the internet.
pub fn flaws(group: &SecurityGroup, around: &impl Surroundings) -> Flaws {
    let opening = world::opening(&group.ingress, |list| around.prefix_list(list));
    let opening: Vec<Rule> = opening.into_iter().cloned().collect();
    let Some(role) = Role::of(group) else {
        return Flaws {
            opening,
            ..Flaws::default()
        };
    };
    let mut differences = Vec::new();
    for direction in [Direction::Ingress, Direction::Egress] {
        differences.extend(of_direction(group, role, direction, around));
    }
    Flaws { differences, opening }
}

fn of_direction(
    group: &SecurityGroup,
    role: Role,
    direction: Direction,
    around: &impl Surroundings,
) -> Vec<Difference> {
    let rules = group.rules(direction);
    let sides = role.peers(direction);
    let extra = |rule: &Rule| Difference {
        direction,
        expected: None,
        found: Some(rule.clone()),
    };
    let Some(first_side) = sides.first().copied() else {
        let is_default = |rule: &&Rule| role.side == Side::Database && rule.is_default_egress();
        return rules.iter().filter(|rule| !is_default(rule)).map(extra).collect();
    };
    if is_across_vpcs(group) {
        let extras = rules.iter().filter(|rule| !is_of_connection(group, rule));
        return extras.map(extra).collect();
    }
    // What comes in is for the port of what the group is on; what goes out, for that of what the other group is on.
    let own_ports = match direction {
        Direction::Ingress => around.ports(&group.id, role.side),
        Direction::Egress => Vec::new(),
    };
    let expected = Some((own_ports.first().copied(), first_side));
    let is_made = |rule: &&Rule| is_made(&own_ports, &sides, direction, rule, around);
    let difference = |found: Option<&Rule>| Difference {
        direction,
        expected,
        found: found.cloned(),
    };
    match (rules, rules.iter().filter(is_made).min()) {
        ([], _) => vec![difference(None)],
        ([only], None) => vec![difference(Some(only))],
        (rules, None) => rules.iter().map(extra).chain([difference(None)]).collect(),
        (rules, Some(own)) => {
            let others = rules.iter().filter(|rule| !std::ptr::eq(*rule, own));
            others.map(extra).collect()
        }
    }
}

/// Whether a rule is one with which the group can have been made: for one port, which is that of the database or the proxy,
/// and one group, which is on the other side or has a name for it.
fn is_made(own_ports: &[u16], sides: &[Side], direction: Direction, rule: &Rule, around: &impl Surroundings) -> bool {
    let Some((port, peer)) = single(rule) else { return false };
    let is_right = |ports: &[u16]| ports.is_empty() || ports.iter().any(|found| PortRange::only(*found) == port);
    let fits = |side: Side| {
        let is_named = around
            .group(peer)
            .and_then(Role::of)
            .is_some_and(|other| other.side == side);
        let port_is_right = match direction {
            Direction::Ingress => is_right(own_ports),
            Direction::Egress => is_right(&around.ports(peer, side)),
        };
        port_is_right && (is_named || around.is_on(peer, side))
    };
    sides.iter().copied().any(fits)
}

/// The port and the group of a rule for one TCP port and one group.
fn single(rule: &Rule) -> Option<(PortRange, &GroupId)> {
    let ports = rule.ports.filter(|ports| ports.from == ports.to)?;
    let peer = rule.peer.group()?;
    (rule.protocol == Protocol::Tcp).then_some((ports, peer))
}

/// Whether a group was made by `setup --cross-vpc`: its rules are for ranges, and their descriptions name its connection.
fn is_across_vpcs(group: &SecurityGroup) -> bool {
    let mut rules = group.ingress.iter().chain(&group.egress);
    rules.any(|rule| is_of_connection(group, rule))
}

fn is_of_connection(group: &SecurityGroup, rule: &Rule) -> bool {
    let connection = ownership::connection_of(&group.tags);
    let is_single = rule.ports.is_some_and(|ports| ports.from == ports.to) && rule.protocol == Protocol::Tcp;
    is_single && matches!(rule.peer, Peer::Cidr(_)) && connection.is_some() && rule.description.as_deref() == connection
}

/// The surroundings that one connection's observation describes.
#[derive(Debug)]
pub struct Observed<'a> {
    observation: &'a Observation,
    groups: BTreeMap<&'a GroupId, &'a SecurityGroup>,
}

impl<'a> Observed<'a> {
    /// The surroundings in an observation.
    pub fn new(observation: &'a Observation) -> Self {
        Self {
            observation,
            groups: observation.groups.iter().map(|group| (&group.id, group)).collect(),
        }
    }
}

impl Surroundings for Observed<'_> {
    fn group(&self, id: &GroupId) -> Option<&SecurityGroup> {
        self.groups.get(id).copied()
    }

    fn ports(&self, group: &GroupId, side: Side) -> Vec<u16> {
        let port = match side {
            _ if !self.is_on(group, side) => None,
            Side::Database => self.observation.database.port,
            Side::Proxy => self.observation.function_port(),
            Side::Function => None,
        };
        port.into_iter().collect()
    }

    fn is_on(&self, group: &GroupId, side: Side) -> bool {
        self.observation.groups_on(side).contains(group)
    }

    /// An observation has no prefix lists.
    fn prefix_list(&self, _: &str) -> Option<&[IpNet]> {
        None
    }
}

/// What a user of `setup` should know of the groups that are attached: each that is open to the internet, or differs from
/// how it was made and is not restored.
pub fn warnings(observation: &Observation, is_set_back: impl Fn(&GroupId) -> bool) -> Vec<String> {
    let around = Observed::new(observation);
    let mut warnings = Vec::new();
    for &side in observation.sides() {
        let resource = observation.describe(side);
        for id in observation.groups_on(side).iter() {
            let Some(group) = around.group(id).filter(|_| !is_set_back(id)) else {
                continue;
            };
            let Flaws { differences, opening } = flaws(group, &around);
            let name = format!("{} ({id})", group.name);
            warnings.extend(opened(group, &opening, &resource));
            let is_open =
                |difference: &&Difference| difference.found.as_ref().is_some_and(|rule| opening.contains(rule));
            let mut others = differences.iter().filter(|difference| !is_open(difference));
            if let Some(first) = others.next() {
                let more = match others.count() {
                    0 => String::new(),
                    n => format!(", and {n} more"),
                };
                warnings.push(format!(
                    "{name} on {resource} differs from how it was made: {}{more}.",
                    first.summary()
                ));
            }
        }
    }
    warnings
}

/// What a user should know of a group on a resource that is open to the internet by these rules; none where there are none.
fn opened(group: &SecurityGroup, opening: &[Rule], resource: &str) -> Option<String> {
    let rules = (!opening.is_empty()).then(|| in_words(opening, Direction::Ingress))?;
    Some(format!(
        "{} ({}) on {resource} is open to the internet: {rules}. It stays open until that rule is revoked.",
        group.name, group.id
    ))
}

/// What a user of `setup --cross-vpc` should know of the groups on a resource: each that is open to the internet.
pub fn warnings_of<'a>(
    groups: impl Iterator<Item = &'a SecurityGroup>,
    resource: &str,
) -> impl Iterator<Item = String> {
    groups.filter_map(move |group| {
        let opening = world::opening(&group.ingress, |_| None);
        let opening: Vec<Rule> = opening.into_iter().cloned().collect();
        opened(group, &opening, resource)
    })
}

impl Difference {
    fn summary(&self) -> String {
        let direction = self.direction;
        match (&self.expected, &self.found) {
            (None, Some(rule)) => format!(
                "{direction} rule {} was added",
                in_words(std::slice::from_ref(rule), direction)
            ),
            (Some(_), Some(rule)) => format!(
                "its {direction} rule is {}",
                in_words(std::slice::from_ref(rule), direction)
            ),
            (_, None) => format!("it has no {direction} rule"),
        }
    }
}

/// At most this many rules are reported one by one.
const TOLD: usize = 8;

/// Rules as text, as many as are of use.
pub fn in_words(rules: &[Rule], direction: Direction) -> String {
    let words = rules.iter().map(|rule| crate::classify::InWords(direction, rule));
    first(words, TOLD, ", ")
}
