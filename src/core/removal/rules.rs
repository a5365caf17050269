//! Which rules of a connection's groups are exactly those that `setup` writes, and which are not.
//!
//! Neither a description nor a tag makes a rule ours: what `setup` would write is computed again from the observation.
//! Any other rule may be in use, and keeps its group.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::{Part, Standing};
use crate::model::{Direction, Peer, Protocol, Rule, Side, SubnetId};

/// The rules that `setup` writes for a connection.
pub(super) struct OwnRules<'s> {
    standing: &'s Standing,
    /// Whether the sides are in two VPCs, where rules are for ranges.
    is_across: bool,
}

impl<'s> OwnRules<'s> {
    pub(super) fn of(standing: &'s Standing, parts: &[Part<'_>]) -> Self {
        let observation = &standing.observation;
        let of_database = &observation.database.vpc;
        let of_function = observation.function.vpc.as_ref().map(|vpc| &vpc.vpc);
        Self {
            standing,
            is_across: of_function.is_some_and(|vpc| vpc != of_database)
                || parts.iter().any(|part| part.group.vpc != *of_database),
        }
    }

    /// The rules of a part that `setup` does not write.
    pub(super) fn foreign(&self, parts: &[Part<'_>], part: &Part<'_>) -> Vec<(Direction, Rule)> {
        let mut foreign = Vec::new();
        for direction in [Direction::Ingress, Direction::Egress] {
            let rules = part.group.rules(direction).iter();
            let others = rules.filter(|rule| !self.is_own(parts, part, direction, rule));
            foreign.extend(others.map(|rule| (direction, rule.clone())));
        }
        foreign
    }

    fn is_own(&self, parts: &[Part<'_>], part: &Part<'_>, direction: Direction, rule: &Rule) -> bool {
        self.other_end(parts, part, direction, rule).is_some() || self.is_default(part, direction, rule)
    }

    /// The side to which a rule leads or from which it lets in, if it is exactly as `setup` writes it.
    pub(super) fn other_end(
        &self,
        parts: &[Part<'_>],
        part: &Part<'_>,
        direction: Direction,
        rule: &Rule,
    ) -> Option<Side> {
        let (expected, other) = self.expected(part.side, direction)?;
        let found = rule.ports.filter(|ports| ports.from == ports.to)?;
        // Without the database or the proxy nothing shows its port.
        let is_port = expected.is_none_or(|port| found.from == i32::from(port));
        let is_peer = match &rule.peer {
            Peer::Group(id) => parts.iter().any(|peer| peer.side == other && peer.group.id == *id),
            Peer::Cidr(cidr) => {
                let range = cidr.parse::<IpNet>();
                self.is_across && range.is_ok_and(|range| self.ranges(other).contains(&range))
            }
            Peer::PrefixList(_) => false,
        };
        (rule.protocol == Protocol::Tcp && is_port && is_peer).then_some(other)
    }

    /// The port of the rule that a side's group has in a direction, where it is known, and the side at its other end.
    fn expected(&self, side: Side, direction: Direction) -> Option<(Option<u16>, Side)> {
        let observation = &self.standing.observation;
        let through_proxy = observation.proxy.is_some();
        let (behind_function, before_database) = if through_proxy {
            (Side::Proxy, Side::Proxy)
        } else {
            (Side::Database, Side::Function)
        };
        let is_known = !through_proxy || self.standing.has(Side::Proxy);
        let function_port = observation.function_port().filter(|_| is_known);
        let database_port = observation.database.port;
        match (side, direction) {
            (Side::Function, Direction::Egress) => Some((function_port, behind_function)),
            (Side::Proxy, Direction::Ingress) => Some((function_port, Side::Function)),
            (Side::Proxy, Direction::Egress) => Some((database_port, Side::Database)),
            (Side::Database, Direction::Ingress) => Some((database_port, before_database)),
            (Side::Function, Direction::Ingress) | (Side::Database, Direction::Egress) => None,
        }
    }

    /// The ranges for which `setup` writes rules across VPCs: the first one of each subnet of a side. Where the side's
    /// resource is gone, or has left its VPC, those of any subnet in the connection's VPCs.
    fn ranges(&self, side: Side) -> BTreeSet<IpNet> {
        let (observation, ranges) = (&self.standing.observation, &self.standing.ends.ranges);
        let subnets: &[SubnetId] = match side {
            _ if !self.standing.has(side) => &[],
            Side::Database => &observation.database.subnets,
            Side::Function => observation.function.vpc.as_ref().map_or(&[], |vpc| &vpc.subnets),
            Side::Proxy => observation.proxy.as_ref().map_or(&[], |proxy| &proxy.subnets),
        };
        let is_of_side = |id: &SubnetId| subnets.is_empty() || subnets.contains(id);
        let of_side = ranges.iter().filter(|(id, _)| is_of_side(id));
        of_side.filter_map(|(_, cidrs)| cidrs.first().copied()).collect()
    }

    /// EC2's own outbound rule. `setup` takes it out before it puts a group on anything: on a group of ours that nothing
    /// has, a run that died has left it. On a database it can be all that lets the database out, unless another of its
    /// groups lets it out too.
    fn is_default(&self, part: &Part<'_>, direction: Direction, rule: &Rule) -> bool {
        if direction != Direction::Egress || !rule.is_default_egress() {
            return false;
        }
        let has_users = self.standing.users.of(&part.group.id).next().is_some();
        let is_unused = !part.is_on && !has_users;
        is_unused || !part.removable.is_ours() && part.side == Side::Database && self.others_let_out(part, rule)
    }

    fn others_let_out(&self, part: &Part<'_>, rule: &Rule) -> bool {
        let observation = &self.standing.observation;
        let on = observation.groups_on(part.side);
        let groups = observation.groups.iter().chain(&self.standing.ends.groups);
        let mut others = groups.filter(|group| group.id != part.group.id && on.contains(&group.id));
        others.any(|group| group.egress.iter().any(|other| other.is_same_as(rule)))
    }
}
