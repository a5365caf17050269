//! Routes, there and back: the local one within a VPC, an active peering connection across two.
//!
//! Source: the check `routes` of docs/network.md.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::{Found, Leg};
use crate::escape::word;
use crate::model::network::{Destination, Route, RouteTable, RouteTarget, Vpc};
use crate::model::{SubnetId, VpcId};
use crate::reachability::check::Finding;
use crate::reachability::{Addresses, Hop, Paths, RouteFault};

/// A line is reported once for all pairs that it is about.
type Lines = BTreeMap<String, (Finding, BTreeSet<(usize, usize)>)>;

pub(super) fn check(paths: &Paths<'_>, leg: &Leg<'_>) -> Found {
    let mut lines = Lines::new();
    let mut by = BTreeSet::new();
    let overlap = (!leg.is_within_vpc()).then(|| overlap(paths, leg)).flatten();
    if !leg.is_within_vpc() {
        for text in doubtful_ranges(paths, leg) {
            lines.insert(text.clone(), (Finding::unknown(text), leg.pairs().collect()));
        }
    }
    if let Some(text) = &overlap {
        let finding = Finding::fail(text.clone()).fixed_by(
            "give one of the VPCs another range, or offer the database through an endpoint service (PrivateLink)",
        );
        lines.insert(text.clone(), (finding, leg.pairs().collect()));
    }
    for pair in leg.pairs() {
        let (from, to) = (leg.from.subnets[pair.0], leg.to.subnets[pair.1]);
        if overlap.is_none() {
            one_way(paths, from, to, pair, &mut lines, &mut by);
            one_way(paths, to, from, pair, &mut lines, &mut by);
        }
    }
    let mut found = Found::default();
    for (finding, pairs) in lines.into_values() {
        found.add(finding, pairs);
    }
    found.evidence.extend(by);
    found
}

/// Overlapping ranges cannot be peered, and within them every route is local.
fn overlap(paths: &Paths<'_>, leg: &Leg<'_>) -> Option<String> {
    let cidrs = |vpc: &VpcId| paths.vpc(vpc).map(|vpc: &Vpc| vpc.cidrs.clone()).unwrap_or_default();
    let (near, far) = (cidrs(leg.from.vpc), cidrs(leg.to.vpc));
    let overlaps = |a: &IpNet, b: &IpNet| a.contains(b) || b.contains(a);
    let pair = near
        .iter()
        .find_map(|a| far.iter().find(|b| overlaps(a, b)).map(|b| (a, b)))?;
    Some(format!(
        "{} ({}) and {} ({}) overlap: VPCs whose ranges overlap cannot be peered",
        leg.from.vpc, pair.0, leg.to.vpc, pair.1
    ))
}

/// Ranges of which it is not known whether they count, and so whether they overlap.
fn doubtful_ranges(paths: &Paths<'_>, leg: &Leg<'_>) -> Vec<String> {
    if let Err(why) = paths.network().vpcs.read() {
        return vec![format!(
            "whether the ranges of {} and {} overlap: {why}",
            leg.from.vpc, leg.to.vpc
        )];
    }
    let vpcs = [leg.from.vpc, leg.to.vpc].into_iter().filter_map(|id| paths.vpc(id));
    let doubtful = vpcs.flat_map(|vpc| vpc.doubtful_cidrs.iter().map(move |found| (vpc, found)));
    doubtful
        .map(|(vpc, (cidr, state))| {
            format!(
                "range {cidr} of {} is {state}, a state that this version does not know, so it may not count",
                vpc.id
            )
        })
        .collect()
}

fn one_way(
    paths: &Paths<'_>,
    from: &SubnetId,
    to: &SubnetId,
    pair: (usize, usize),
    lines: &mut Lines,
    by: &mut BTreeSet<String>,
) {
    let mut add = |finding: Finding| {
        let entry = lines.entry(finding.text.clone()).or_insert((finding, BTreeSet::new()));
        entry.1.insert(pair);
    };
    let ways = match paths.ways(from, to, Leg::is_v6(paths, from, to)) {
        Ok(ways) => ways,
        Err(gap) => return add(Finding::unknown(format!("from {from} to {to}: {gap}"))),
    };
    for way in ways {
        let hop = &way.hop;
        match (&way.fault, hop.route) {
            (None, Some(route)) => {
                by.insert(format!(
                    "{from}: {} has {} through {}",
                    hop.table.id, route.destination, route.target
                ));
            }
            (Some(fault), _) => add(finding(paths, from, to, hop, fault)),
            (None, None) => {}
        }
    }
}

fn finding(paths: &Paths<'_>, from: &SubnetId, to: &SubnetId, hop: &Hop<'_>, fault: &RouteFault<'_>) -> Finding {
    let Hop {
        table,
        addresses,
        route,
        ..
    } = hop;
    let there = format!("from {from} to {to} ({addresses})");
    let route = |what: &str| match route {
        Some(route) => format!(
            "the route {} of {} {what} {}",
            route.destination, table.id, route.target
        ),
        None => format!("{} has no route", table.id),
    };
    let text = match fault {
        RouteFault::None => format!("{there}: {} has no route", table.id),
        RouteFault::Blackhole => format!("{there}: {}, which is gone (blackhole)", route("leads to")),
        RouteFault::Outward => format!(
            "{there}: {}, out of the VPC, where private addresses cannot be reached",
            route("leads to")
        ),
        RouteFault::Local => format!("{there}: {}, and {to} is not in this VPC", route("is")),
        RouteFault::PeeringGone => format!("{there}: {}, which does not exist", route("leads to")),
        RouteFault::PeeringNotActive(peering) => format!("{there}: {}, which is {}", route("leads to"), peering.status),
        RouteFault::PeeringElsewhere(peering) => format!(
            "{there}: {}, which is between {} and {}; peering is not transitive",
            route("leads to"),
            peering.requester.vpc,
            peering.accepter.vpc
        ),
        RouteFault::Unknown(why) => return Finding::unknown(format!("{there}: {}; {why}", route("leads to"))),
    };
    remedies(paths, from, to, hop, fault, Finding::fail(text))
}

fn remedies(
    paths: &Paths<'_>,
    from: &SubnetId,
    to: &SubnetId,
    hop: &Hop<'_>,
    fault: &RouteFault<'_>,
    finding: Finding,
) -> Finding {
    let table = hop.table;
    let vpc = |id: &SubnetId| paths.subnet(id).map(|subnet| subnet.vpc.clone());
    let (Some(near), Some(far)) = (vpc(from), vpc(to)) else {
        return finding;
    };
    if near == far {
        return match fault {
            RouteFault::None | RouteFault::Unknown(_) => finding,
            _ => match hop.route {
                Some(route) => finding.fixed_by(back_to_local(paths, &near, table, &route.destination)),
                None => finding,
            },
        };
    }
    if let RouteFault::PeeringNotActive(peering) = fault
        && peering.status == "pending-acceptance"
    {
        return finding.fixed_by(format!(
            "aws ec2 accept-vpc-peering-connection --vpc-peering-connection-id {}",
            word(&peering.id)
        ));
    }
    if let Some(gateway) = transit_gateway(paths, from, to) {
        return towards(paths, &far, hop, &gateway, finding);
    }
    let peerings = paths.peerings(&near, &far);
    let Some(peering) = peerings.first().filter(|peering| peering.is_active()) else {
        // One command, whichever way round it is found to be needed.
        let (first, second) = if near < far { (near, far) } else { (far, near) };
        return finding.fixed_by(format!(
            "create a peering connection with `aws ec2 create-vpc-peering-connection --vpc-id {} --peer-vpc-id {}`, accept it, and add routes both ways",
            word(first),
            word(second)
        ));
    };
    let cidrs = peering.side(&far).map(|side| side.cidrs.clone()).unwrap_or_default();
    cidrs
        .iter()
        .filter(|cidr| !cidr.addr().is_ipv6())
        .fold(finding, |finding, cidr| {
            let is_there =
                |route: &Route| route.destination == Destination::Cidr(*cidr) && route.target != RouteTarget::Local;
            let verb = if table.routes.iter().any(is_there) {
                "replace-route"
            } else {
                "create-route"
            };
            finding.fixed_by(format!(
                "aws ec2 {verb} --route-table-id {} --destination-cidr-block {cidr} --vpc-peering-connection-id {}",
                word(&table.id),
                word(&peering.id)
            ))
        })
}

/// The transit gateway on the way back from another subnet: the way there has to lead to it, too.
fn transit_gateway(paths: &Paths<'_>, from: &SubnetId, to: &SubnetId) -> Option<String> {
    let back = paths.ways(to, from, Leg::is_v6(paths, from, to)).ok()?;
    back.iter().find_map(|way| match way.hop.route {
        Some(Route {
            target: RouteTarget::TransitGateway(id),
            ..
        }) if !way.hop.route?.is_blackhole() => Some(id.clone()),
        _ => None,
    })
}

/// A finding with the commands that lead to the ranges of the other VPC that have these addresses.
fn towards(paths: &Paths<'_>, far: &VpcId, hop: &Hop<'_>, gateway: &str, finding: Finding) -> Finding {
    let ranges = paths.vpc(far).map(|vpc| vpc.cidrs.as_slice()).unwrap_or_default();
    let has = |range: &&IpNet| Addresses::from(**range).intersection(&hop.addresses).is_some();
    ranges.iter().filter(has).fold(finding, |finding, range| {
        let destination = Destination::Cidr(*range);
        let mut routes = hop.table.routes.iter();
        let verb = if routes.any(|route| route.destination == destination) {
            "replace-route"
        } else {
            "create-route"
        };
        finding.fixed_by(format!(
            "aws ec2 {verb} --route-table-id {} {} --transit-gateway-id {}",
            word(&hop.table.id),
            destination.option(),
            word(gateway)
        ))
    })
}

/// The command after which the local route counts: the local route itself is led back, and one before it deleted.
fn back_to_local(paths: &Paths<'_>, vpc: &VpcId, table: &RouteTable, destination: &Destination) -> String {
    let ranges = paths.vpc(vpc).map(|vpc| vpc.cidrs.as_slice()).unwrap_or_default();
    let is_local = matches!(destination, Destination::Cidr(cidr) if ranges.contains(cidr));
    let (table, which) = (word(&table.id), destination.option());
    if is_local {
        format!("aws ec2 replace-route --route-table-id {table} {which} --local-target")
    } else {
        format!("aws ec2 delete-route --route-table-id {table} {which}")
    }
}
