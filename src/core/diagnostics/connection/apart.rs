//! A database in another VPC to which no route leads: its public address may be reached through NAT gateways, or an endpoint
//! may lead to it.
//!
//! Source: docs/network.md, "Publicly accessible databases" and "What is not known".

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::Scene;
use super::public::{Entry, covers, entry};
use crate::diagnostics::internet::Traveller;
use crate::diagnostics::internet::acls;
use crate::diagnostics::internet::checks::way_over_ipv4;
use crate::diagnostics::internet::way::{Exit, way_out};
use crate::diagnostics::{Finding, Status, verdict};
use crate::endpoint::listed;
use crate::model::network::{Endpoint, Peering};
use crate::model::{Direction, VpcId};
use crate::reachability::leg::{Leg, is_unrouted};
use crate::reachability::{Addresses, Block, Gap, Paths, Ports};

/// The checks of the way to the internet that are about all subnets at once.
const OF_ALL: [&str; 2] = ["network-acls", "security-groups"];

/// Whether a leg leads to another VPC to which there is certainly no way: no route, and no active peering connection.
pub(super) fn is_apart(paths: &Paths<'_>, leg: &Leg<'_>) -> bool {
    let is_peered = |peering: &Peering| peering.is_active() || peering.is_doubtful();
    let peerings = paths.peerings(leg.from.vpc, leg.to.vpc);
    !leg.is_within_vpc()
        && paths.network().peerings.known().is_some()
        && !peerings.into_iter().any(is_peered)
        && is_unrouted(paths, leg)
}

/// Why it is not known whether the function reaches a database in another VPC: endpoints of its own VPC may lead to it.
pub(super) fn endpoints(paths: &Paths<'_>, vpc: &VpcId) -> Option<String> {
    let endpoints = match paths.network().endpoints.read() {
        Ok(endpoints) => endpoints,
        Err(why) => return Some(format!("an endpoint of {vpc} may lead to it: {why}")),
    };
    let leads = |endpoint: &&Endpoint| endpoint.vpc == *vpc && endpoint.state == "available" && endpoint.is_to_others();
    let named: Vec<&str> = endpoints.iter().filter(leads).map(|found| found.id.as_str()).collect();
    (!named.is_empty()).then(|| {
        format!(
            "{vpc} has {} (PrivateLink): what lies behind it is not known, and it may be the database",
            named.join(", ")
        )
    })
}

/// Whether the function reaches a public database through NAT gateways: a warning if it does, a failure if it does from some
/// subnets only; none if it does not.
pub(super) fn through_nat(scene: &Scene, paths: &Paths<'_>) -> Option<Finding> {
    let database = &scene.database;
    let port = database.port.filter(|_| scene.has_public_name())?;
    let traveller = Traveller::of_function(&scene.function, port)?;
    let wanted = Block {
        addresses: Addresses::ALL_V4,
        ports: Ports::only(port),
    };
    let out = paths.passage(&traveller.groups, Direction::Egress, wanted, &[]);
    if out.gaps.is_empty() && covers(&out.blocked, wanted.addresses) {
        return None;
    }
    let (mut through, mut open, mut closed) = (BTreeSet::new(), Vec::new(), Vec::new());
    let mut gaps: Vec<Gap> = Vec::new();
    for &subnet in &traveller.subnets {
        match of_subnet(scene, paths, &traveller.alone(subnet)) {
            Ok(Ok(exit)) => {
                through.insert(exit);
                open.push(subnet);
            }
            Ok(Err(why)) => closed.push(format!("{subnet}: {why}")),
            Err(gap) => gaps.push(format!("{subnet}: {gap}")),
        }
    }
    if open.is_empty() && gaps.is_empty() {
        return None;
    }
    let from_open = Traveller {
        subnets: open.clone(),
        ..traveller.clone()
    };
    for check in way_over_ipv4(paths, &from_open) {
        if OF_ALL.contains(&check.id.as_str()) && check.status >= Status::Unknown {
            gaps.push(check.message);
        }
    }
    let start = format!(
        "{database} is publicly accessible, and nothing private leads from {} to {}",
        traveller.vpc, database.vpc
    );
    if let Some(gap) = gaps.first() {
        return Some(Finding::unknown(format!(
            "{start}; it is not known whether the function reaches it over the internet: {gap}"
        )));
    }
    let through: Vec<String> = through.into_iter().collect();
    let through = through.join(", ");
    Some(if closed.is_empty() {
        Finding::warn(format!(
            "{start}: the function reaches it over the internet, through {through}; connect the VPCs, and keep production databases private"
        ))
    } else {
        Finding::fail(format!(
            "{start}: the function reaches it over the internet, through {through}, from {} only; {}",
            listed(&open),
            closed.join("; ")
        ))
    })
}

/// Through what the one subnet of this traveller leads to the database, or why it does not.
fn of_subnet(scene: &Scene, paths: &Paths<'_>, alone: &Traveller<'_>) -> Result<Result<String, String>, Gap> {
    let mut checks = way_over_ipv4(paths, alone);
    checks.retain(|check| !OF_ALL.contains(&check.id.as_str()));
    match verdict(&checks) {
        Status::Pass | Status::Warn => {}
        Status::Fail => return Ok(Err("it does not lead to the internet".to_owned())),
        Status::Unknown => return Err("it is not known whether it leads to the internet".to_owned()),
    }
    if let Some(why) = acls::shut(paths, alone) {
        return Ok(Err(why));
    }
    let (network, port) = (paths.network(), alone.port);
    let subnet = alone.subnets[0];
    let (exit, addresses) = match way_out(paths, subnet, false)?.exit {
        Exit::Nat(id) => {
            let mut nats = network.nat_gateways.known().into_iter().flatten();
            let nat = nats.find(|nat| nat.id == *id);
            let addresses = nat.map(|nat| nat.public_addresses.clone()).unwrap_or_default();
            (format!("NAT gateway {id}"), addresses)
        }
        Exit::Instance(id) => {
            let mut interfaces = network.interfaces.known().into_iter().flatten();
            let found = interfaces.find(|found| found.id == *id);
            let address = found.and_then(|found| found.public_address.clone());
            (format!("network interface {id}"), address.into_iter().collect())
        }
        _ => return Err("it is not known with which address it reaches the internet".to_owned()),
    };
    let mut sources: Vec<Addresses> = Vec::new();
    for address in addresses {
        let address: IpNet = format!("{address}/32")
            .parse()
            .map_err(|_| format!("{exit} has the address {address}"))?;
        sources.push(address.into());
    }
    if sources.is_empty() {
        sources.push(Addresses::ALL_V4);
    }
    for source in sources {
        match entry(scene, paths, port, source) {
            Entry::Open => {}
            Entry::Closed(why) => return Ok(Err(why)),
            Entry::Part(ranges) => {
                return Err(format!(
                    "the groups of the database let {ranges} only, and the addresses of {exit} are not known"
                ));
            }
            Entry::Unknown(why) => return Err(why),
        }
    }
    Ok(Ok(exit))
}
