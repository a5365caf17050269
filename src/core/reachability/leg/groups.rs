//! Security groups, in both directions; they are stateful, so that the way back needs no rule.
//!
//! Source: the check `security-groups` of docs/network.md.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::{End, Found, Leg, NO_PORT};
use crate::escape::word;
use crate::model::network::RouteTarget;
use crate::model::{Direction, GroupId, Side, SubnetId};
use crate::reachability::check::Finding;
use crate::reachability::{Block, Gap, Passage, Paths, Ports};

/// One direction: who has to let the traffic through, and who is at the other end.
struct Gate<'l, 's> {
    direction: Direction,
    own: &'l End<'s>,
    other: &'l End<'s>,
    /// The other end's groups, where rules may name them.
    peers: &'l [GroupId],
    port: u16,
}

pub(super) fn check(paths: &Paths<'_>, leg: &Leg<'_>) -> Found {
    let naming = naming(paths, leg);
    let peers = |end: &End<'_>| {
        if naming == Naming::Counts {
            end.groups.clone()
        } else {
            Vec::new()
        }
    };
    let (of_from, of_to) = (peers(&leg.from), peers(&leg.to));
    let gates = [
        Gate {
            direction: Direction::Egress,
            own: &leg.from,
            other: &leg.to,
            peers: &of_to,
            port: leg.port,
        },
        Gate {
            direction: Direction::Ingress,
            own: &leg.to,
            other: &leg.from,
            peers: &of_from,
            port: leg.port,
        },
    ];
    let mut found = Found::default();
    for gate in &gates {
        gate.check(paths, leg, &naming, &mut found);
    }
    found
}

/// What groups make of the traffic to or from each of some subnets, or why that is not known. Of a subnet with both kinds
/// of addresses the IPv4 ones count, unless `v6` says which.
pub(crate) fn passages<'n>(
    paths: &Paths<'n>,
    groups: &[GroupId],
    direction: Direction,
    subnets: impl IntoIterator<Item = impl std::borrow::Borrow<SubnetId>>,
    peers: &[GroupId],
    port: u16,
    v6: Option<bool>,
) -> Vec<Result<(Block, Passage<'n>), Gap>> {
    let of = |subnet: &SubnetId| {
        let end = match v6 {
            Some(v6) => paths.end(subnet, v6),
            None => paths
                .end(subnet, false)
                .or_else(|gap| paths.end(subnet, true).map_err(|_| gap)),
        };
        let wanted = Block {
            addresses: end?.1,
            ports: Ports::only(port),
        };
        Ok((wanted, paths.passage(groups, direction, wanted, peers)))
    };
    subnets.into_iter().map(|subnet| of(subnet.borrow())).collect()
}

/// What no group of one end lets through to or from subnets of the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The end.
    pub side: Side,
    /// Which way.
    pub direction: Direction,
    /// The port.
    pub port: u16,
    /// The ranges of the other end's subnets.
    pub ranges: Vec<IpNet>,
}

/// What the groups of a leg's ends do not let through. What could not be read is not among it.
pub fn missing(paths: &Paths<'_>, leg: &Leg<'_>) -> Vec<Missing> {
    if leg.port == NO_PORT {
        return Vec::new();
    }
    let naming = naming(paths, leg);
    let gates = [
        (&leg.from, Direction::Egress, &leg.to),
        (&leg.to, Direction::Ingress, &leg.from),
    ];
    let of = |(own, direction, other): (&End<'_>, Direction, &End<'_>)| {
        // A rule that may count is not missing: it cannot be determined.
        if matches!(naming, Naming::MayCount(_)) && named(paths, own, direction, other).is_some() {
            return None;
        }
        let peers: &[GroupId] = if naming == Naming::Counts { &other.groups } else { &[] };
        let found = passages(
            paths,
            &own.groups,
            direction,
            other.subnets.iter().copied(),
            peers,
            leg.port,
            None,
        );
        let is_blocked = |found: &Result<(Block, Passage<'_>), Gap>| match found {
            Ok((_, passage)) => !passage.blocked.is_empty() && passage.gaps.is_empty(),
            Err(_) => false,
        };
        let blocked = other.subnets.iter().zip(&found).filter(|(_, found)| is_blocked(found));
        let subnets = blocked.filter_map(|(id, _)| paths.subnet(id));
        let ranges: Vec<IpNet> = subnets.filter_map(|subnet| subnet.cidrs.first().copied()).collect();
        (!ranges.is_empty()).then_some(Missing {
            side: own.side,
            direction,
            port: leg.port,
            ranges,
        })
    };
    gates.into_iter().filter_map(of).collect()
}

/// The pairs of subnets between which the groups certainly let nothing through: not for a part of the subnets either, and
/// over no family of addresses that both have.
pub fn stopped_by_groups(paths: &Paths<'_>, leg: &Leg<'_>) -> BTreeSet<(usize, usize)> {
    let naming = naming(paths, leg);
    let may_count = matches!(naming, Naming::MayCount(_));
    let lets = |own: &End<'_>, direction, other: &End<'_>, v6| -> Vec<Option<bool>> {
        let is_doubtful = may_count && named(paths, own, direction, other).is_some();
        let peers: &[GroupId] = if naming == Naming::Counts { &other.groups } else { &[] };
        let subnets = other.subnets.iter().copied();
        let found = passages(paths, &own.groups, direction, subnets, peers, leg.port, Some(v6));
        let passes = |found: Result<(Block, Passage<'_>), Gap>| {
            let (wanted, passage) = found.ok()?;
            let is_whole = matches!(passage.blocked.clone().merged().blocks(), [block] if *block == wanted);
            Some(is_doubtful || !passage.gaps.is_empty() || !is_whole)
        };
        found.into_iter().map(passes).collect()
    };
    let families = [false, true].map(|v6| {
        let out = lets(&leg.from, Direction::Egress, &leg.to, v6);
        (out, lets(&leg.to, Direction::Ingress, &leg.from, v6))
    });
    let is_stopped = |&(row, column): &(usize, usize)| {
        let of_family = |(out, into): &(Vec<Option<bool>>, Vec<Option<bool>>)| Some(out[column]? && into[row]?);
        let mut known = families.iter().filter_map(of_family).peekable();
        known.peek().is_some() && known.all(|passes| !passes)
    };
    leg.pairs().filter(is_stopped).collect()
}

/// Whether a rule of one end that names a group of the other end counts.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Naming {
    /// Within a VPC, and across an active peering connection within one Region.
    Counts,
    /// That is not known, and why, as the end of a sentence: across a transit gateway it does if the gateway supports it
    /// (`SecurityGroupReferencingSupport`).
    MayCount(String),
    /// Otherwise it does not.
    DoesNotCount,
}

fn naming(paths: &Paths<'_>, leg: &Leg<'_>) -> Naming {
    if leg.is_within_vpc() {
        return Naming::Counts;
    }
    let peerings = paths.peerings(leg.from.vpc, leg.to.vpc);
    let within_region: Vec<_> = peerings.iter().filter(|peering| peering.is_within_region()).collect();
    if within_region.iter().any(|peering| peering.is_active()) {
        return Naming::Counts;
    }
    let unread = |why: &str| Naming::MayCount(format!(", and whether it counts is not known: {why}"));
    if let Err(why) = paths.network().peerings.read() {
        return unread(why);
    }
    if let Some(peering) = within_region.iter().find(|peering| peering.is_doubtful()) {
        return unread(&peering.doubt());
    }
    let mut gap = None;
    for (row, column) in leg.pairs() {
        let (from, to) = (leg.from.subnets[row], leg.to.subnets[column]);
        match paths.ways(from, to, Leg::is_v6(paths, from, to)) {
            Ok(ways) => {
                let targets = ways.iter().filter_map(|way| Some(&way.hop.route?.target));
                let mut gateways = targets.filter_map(|target| match target {
                    RouteTarget::TransitGateway(id) => Some(id),
                    _ => None,
                });
                if let Some(id) = gateways.next() {
                    return Naming::MayCount(format!(
                        " behind transit gateway {id}: it counts only if the gateway and its attachments support references to security groups, which was not read"
                    ));
                }
            }
            Err(why) => gap = gap.or(Some(why)),
        }
    }
    // Without the routes, it may be a transit gateway that connects the VPCs.
    gap.map_or(Naming::DoesNotCount, |why| unread(&why))
}

/// The other end's group that a rule of this end names.
fn named<'n>(paths: &Paths<'n>, own: &End<'_>, direction: Direction, other: &End<'_>) -> Option<&'n GroupId> {
    let groups = paths.network().groups.known()?;
    let own = groups.iter().filter(|group| own.groups.contains(&group.id));
    own.flat_map(|group| group.rules(direction))
        .filter_map(|rule| rule.peer.group())
        .find(|id| other.groups.contains(id))
}

impl Gate<'_, '_> {
    fn check(&self, paths: &Paths<'_>, leg: &Leg<'_>, naming: &Naming, found: &mut Found) {
        let Self { own, other, port, .. } = self;
        if own.groups.is_empty() {
            found.add(
                Finding::fail(format!("{} has no security group", own.name)),
                leg.pairs(),
            );
            return;
        }
        // The same answer for several subnets is reported once.
        let mut answers: BTreeMap<String, (Finding, Vec<usize>)> = BTreeMap::new();
        let mut by = Vec::new();
        let subnets = other.subnets.iter().copied();
        let found_by_subnet = passages(paths, &own.groups, self.direction, subnets, self.peers, *port, None);
        for (place, found) in found_by_subnet.into_iter().enumerate() {
            let (wanted, passage) = match found {
                Ok(found) => found,
                Err(gap) => {
                    let finding = Finding::unknown(format!("the addresses are not known: {gap}"));
                    answers.entry(gap).or_insert((finding, Vec::new())).1.push(place);
                    continue;
                }
            };
            if passage.blocked.is_empty() {
                by.extend(
                    passage
                        .by
                        .iter()
                        .map(|(group, rule)| format!("{group} ({rule} for {})", rule.peer)),
                );
                continue;
            }
            let finding = self.finding(paths, leg, &passage, wanted, naming);
            match answers.get_mut(&finding.text) {
                Some((told, places)) => {
                    told.remedies.extend(finding.remedies);
                    places.push(place);
                }
                None => {
                    answers.insert(finding.text.clone(), (finding, vec![place]));
                }
            }
        }
        by.sort();
        by.dedup();
        if !by.is_empty() {
            found
                .evidence
                .push(format!("{}: let through by {}", self.words(), by.join(", ")));
        }
        for (mut finding, places) in answers.into_values() {
            let subnets: Vec<&str> = places.iter().map(|&place| other.subnets[place].as_str()).collect();
            finding.text = format!("{} ({}): {}", self.words(), subnets.join(", "), finding.text);
            let pairs = leg.pairs().filter(|(row, column)| {
                let place = match self.direction {
                    Direction::Egress => column,
                    Direction::Ingress => row,
                };
                places.contains(place)
            });
            found.add(finding, pairs);
        }
    }

    fn words(&self) -> String {
        let Self {
            direction, own, other, ..
        } = self;
        match direction {
            Direction::Egress => format!("out of {} to {}", own.name, other.name),
            Direction::Ingress => format!("into {} from {}", own.name, other.name),
        }
    }

    fn finding(
        &self,
        paths: &Paths<'_>,
        leg: &Leg<'_>,
        passage: &Passage<'_>,
        wanted: Block,
        naming: &Naming,
    ) -> Finding {
        let Self { own, port, .. } = self;
        let groups: Vec<&str> = own.groups.iter().map(GroupId::as_str).collect();
        let groups = groups.join(", ");
        if let Some(gap) = passage.gaps.first() {
            return Finding::unknown(format!("it is not known whether tcp {port} is let through: {gap}"));
        }
        let named = named(paths, own, self.direction, self.other);
        if let (Some(id), Naming::MayCount(why)) = (named, naming) {
            return Finding::unknown(format!("a rule names {id}, which is in another VPC{why}"));
        }
        let is_whole = matches!(passage.blocked.blocks(), [block] if *block == wanted);
        let text = if is_whole {
            format!(
                "no rule of {groups} lets tcp {port} through{}{}",
                self.peers_in_words(),
                match named.filter(|_| *naming == Naming::DoesNotCount) {
                    Some(id) => format!(
                        "; a rule names {id}, which is in another VPC with no active peering connection in this Region"
                    ),
                    None => String::new(),
                }
            )
        } else {
            let left: Vec<String> = passage
                .blocked
                .clone()
                .merged()
                .blocks()
                .iter()
                .map(|block| block.addresses.to_string())
                .collect();
            format!(
                "{groups} let tcp {port} through only for a part of the subnet, not for {}",
                left.join(", ")
            )
        };
        self.remedies(leg, Finding::fail(text), wanted)
    }

    /// What a rule would have to name.
    fn peers_in_words(&self) -> String {
        let to = match self.direction {
            Direction::Egress => "to",
            Direction::Ingress => "from",
        };
        match self.peers {
            [] => format!(", {to} the addresses of these subnets"),
            peers => {
                let peers: Vec<&str> = peers.iter().map(GroupId::as_str).collect();
                format!(
                    ", neither {to} {} nor {to} the addresses of these subnets",
                    peers.join(", ")
                )
            }
        }
    }

    fn remedies(&self, leg: &Leg<'_>, finding: Finding, wanted: Block) -> Finding {
        if let Some(command) = leg.remedy.as_ref().filter(|_| leg.is_within_vpc()) {
            return finding.fixed_by(command.clone());
        }
        let group = &self.own.groups[0];
        wanted.addresses.cidrs().iter().fold(finding, |finding, cidr| {
            let ranges = if wanted.addresses.is_v6() {
                format!("Ipv6Ranges=[{{CidrIpv6={cidr}}}]")
            } else {
                format!("IpRanges=[{{CidrIp={cidr}}}]")
            };
            finding.fixed_by(authorize(group, self.direction, self.port, &ranges))
        })
    }
}

/// The command that adds a rule for a TCP port to a group. `target` is as `--ip-permissions` takes it.
pub fn authorize(group: &GroupId, direction: Direction, port: u16, target: &str) -> String {
    let verb = match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    };
    let permission = format!("IpProtocol=tcp,FromPort={port},ToPort={port},{target}");
    format!(
        "aws ec2 authorize-security-group-{verb} --group-id {} --ip-permissions {}",
        word(group),
        word(permission)
    )
}
