//! Whether security groups let any traffic of a connection pass: all rules of all groups of both ends, whoever made them.
//!
//! Source: the verdict `broken` of docs/drift.md: traffic cannot pass at all. What is not known counts as passing: the
//! ranges of a subnet or of a prefix list that could not be read.

use ipnet::IpNet;

use super::{hops, port_of, subnets_of};
use crate::estate::Estate;
use crate::made::Surroundings;
use crate::model::{Direction, GroupList, Observation, Peer, Rule, SecurityGroup, Side, SubnetId};

/// An end of a hop: what has groups, and where its addresses are.
#[derive(Clone, Debug)]
pub struct End {
    /// Its groups.
    pub groups: GroupList,
    /// The ranges of the subnets that it is in; none where they are not known.
    pub ranges: Option<Vec<IpNet>>,
}

impl End {
    /// An end in these subnets.
    pub fn new(estate: &Estate, groups: GroupList, subnets: &[SubnetId]) -> Self {
        Self {
            groups,
            ranges: estate.ranges(subnets),
        }
    }

    /// Whether it has addresses of IPv6, or of IPv4. Hardly anything speaks IPv6 in a VPC: where the ranges are not known, it
    /// does not.
    fn speaks(&self, ipv6: bool) -> bool {
        let has_family = |ranges: &Vec<IpNet>| ranges.iter().any(|range| matches!(range, IpNet::V6(_)) == ipv6);
        self.ranges.as_ref().map_or(!ipv6, has_family)
    }
}

/// Whether any traffic of this connection can pass all of its hops.
pub fn can_pass(estate: &Estate, observation: &Observation) -> bool {
    let Observation { database, proxy, .. } = observation;
    if proxy.as_ref().is_some_and(|proxy| !proxy.has_target(database)) {
        return false;
    }
    // The proxy itself has tried.
    let is_tried = proxy.as_ref().is_some_and(|proxy| proxy.reaches(database));
    passes_each(estate, observation, |from| from == Side::Proxy && is_tried)
}

/// Whether the groups let traffic through on every hop, whether a proxy has its target or not.
pub fn groups_let_through(estate: &Estate, observation: &Observation) -> bool {
    passes_each(estate, observation, |_| false)
}

/// Whether traffic can pass each hop, except those of which that is known by their beginning.
fn passes_each(estate: &Estate, observation: &Observation, is_known: impl Fn(Side) -> bool) -> bool {
    let has_vpc = observation.function.vpc.is_some();
    let passes = |(from, to): &(Side, Side)| {
        let port = port_of(observation, *to);
        let end = |side| end(estate, observation, side);
        is_known(*from) || port.is_some_and(|port| passes(estate, &end(*from), &end(*to), port))
    };
    has_vpc && hops(observation).iter().all(passes)
}

/// A side of a connection, as an end of its hops.
pub(super) fn end(estate: &Estate, observation: &Observation, side: Side) -> End {
    End::new(estate, observation.groups_on(side), subnets_of(observation, side))
}

/// Whether tcp to this port can leave the one end and enter the other, both over IPv4 or both over IPv6.
pub fn passes(estate: &Estate, from: &End, to: &End, port: u16) -> bool {
    passage(estate, from, to, port).is_some()
}

/// A rule with the group that has it.
pub type RuleOf<'e> = (&'e SecurityGroup, &'e Rule);

/// The rules by which tcp to this port leaves the one end and enters the other: the first of each. They speak IPv4 where both
/// have it.
pub fn passage<'e>(estate: &'e Estate, from: &End, to: &End, port: u16) -> Option<[RuleOf<'e>; 2]> {
    let ipv6 = !(from.speaks(false) && to.speaks(false));
    let out = lets(estate, &from.groups, Direction::Egress, port, to, ipv6)?;
    let into = lets(estate, &to.groups, Direction::Ingress, port, from, ipv6)?;
    Some([out, into])
}

fn lets<'e>(
    estate: &'e Estate,
    groups: &GroupList,
    direction: Direction,
    port: u16,
    other: &End,
    ipv6: bool,
) -> Option<RuleOf<'e>> {
    let groups = groups.iter().filter_map(|id| estate.group(id));
    let mut rules = groups.flat_map(|group| group.rules(direction).iter().map(move |rule| (group, rule)));
    rules.find(|(_, rule)| rule.lets_tcp(port) && meets(estate, &rule.peer, other, ipv6))
}

/// The rule by which a group lets tcp to this port out to the other end, or in from it.
pub(super) fn rule_for<'g>(
    estate: &Estate,
    group: &'g SecurityGroup,
    direction: Direction,
    port: u16,
    other: &End,
) -> Option<&'g Rule> {
    let meets = |rule: &Rule| [false, true].iter().any(|ipv6| meets(estate, &rule.peer, other, *ipv6));
    let mut rules = group.rules(direction).iter();
    rules.find(|rule| rule.lets_tcp(port) && meets(rule))
}

/// Whether a rule's peer can be the other end.
fn meets(estate: &Estate, peer: &Peer, other: &End, ipv6: bool) -> bool {
    let covers = |cidr: &IpNet| {
        let is_of_family = matches!(cidr, IpNet::V6(_)) == ipv6;
        let overlaps = |range: &IpNet| range.contains(cidr) || cidr.contains(range);
        is_of_family && other.ranges.as_ref().is_none_or(|ranges| ranges.iter().any(overlaps))
    };
    other.speaks(ipv6)
        && match peer {
            Peer::Group(id) => other.groups.contains(id),
            Peer::PrefixList(id) => estate.prefix_list(id).is_none_or(|entries| entries.iter().any(covers)),
            Peer::Cidr(cidr) => cidr.parse::<IpNet>().is_ok_and(|cidr| covers(&cidr)),
        }
}
