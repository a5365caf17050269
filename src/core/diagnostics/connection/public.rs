//! A publicly accessible database, seen from the internet.
//!
//! Source: docs/network.md, "Publicly accessible databases". A function in no VPC comes from addresses of AWS's that
//! no rule can name in advance, so it only reaches what is open to the whole internet.

use std::collections::BTreeSet;

use super::Scene;
use crate::diagnostics::Finding;
use crate::diagnostics::internet::way::{is_default, public_part};
use crate::escape::word;
use crate::model::network::public_access::{Block as AtGateway, Through};
use crate::model::network::{RouteTable, RouteTarget};
use crate::model::{Database, DatabaseKind, Direction, SubnetId};
use crate::reachability::{Addresses, Block, Gap, Paths, Ports, Region};

/// Whether a function in no VPC reaches the database over the internet.
pub(super) fn from_internet(scene: &Scene, paths: &Paths<'_>) -> Finding {
    let Scene { function, database, .. } = scene;
    let start = format!(
        "function {} is in no VPC, and {database} is publicly accessible",
        function.name
    );
    let entry = match database.port {
        Some(port) => entry(scene, paths, port, Addresses::ALL_V4),
        None => Entry::Unknown(format!("{database} has no port yet")),
    };
    match entry {
        Entry::Unknown(why) => Finding::unknown(format!("{start}; {why}")),
        Entry::Closed(why) => keep_private(scene, Finding::fail(format!("{start}, but {why}"))),
        Entry::Part(ranges) => Finding::unknown(format!(
            "{start}, but its groups let {ranges} only, and a function in no VPC has no fixed address"
        )),
        Entry::Open => {
            let port = database.port.unwrap_or_default();
            let text = format!(
                "{start}: the function reaches it over the internet, where port {port} of {database} is open to everyone"
            );
            let mut members = database.members.iter();
            let text = match members.find(|member| member.publicly_accessible == Some(false)) {
                Some(member) => format!("{text}; no longer once {}, which is private, is the writer", member.id),
                None => text,
            };
            keep_private(scene, Finding::warn(text))
        }
    }
}

/// Whether what comes from the internet enters a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// It does, in all subnets.
    Open,
    /// It does not, and why.
    Closed(String),
    /// The groups let in only a part of the addresses: which.
    Part(String),
    /// It is not known, and why.
    Unknown(String),
}

/// Whether these addresses, of which those of the internet count, enter a publicly accessible database.
pub(super) fn entry(scene: &Scene, paths: &Paths<'_>, port: u16, addresses: Addresses) -> Entry {
    let database = &scene.database;
    let wanted = Block {
        addresses,
        ports: Ports::only(port),
    };
    let groups: Vec<_> = database.groups().iter().cloned().collect();
    let passage = paths.passage(&groups, Direction::Ingress, wanted, &[]);
    let blocked = public_part(passage.blocked);
    if let Some(gap) = passage.gaps.first().filter(|_| !blocked.is_empty()) {
        return Entry::Unknown(format!("it is not known whether its groups let tcp {port} in: {gap}"));
    }
    if covers(&blocked, addresses) {
        let whence = if addresses == Addresses::ALL_V4 {
            "the internet".to_owned()
        } else {
            addresses.to_string()
        };
        return Entry::Closed(format!("no rule of its groups lets tcp {port} in from {whence}"));
    }
    if !blocked.is_empty() {
        let ranges: Vec<String> = passage.by.iter().map(|(_, rule)| rule.peer.to_string()).collect();
        return Entry::Part(format!("tcp {port} in from {}", ranges.join(", ")));
    }
    let mut open = 0;
    let mut closed: Vec<String> = Vec::new();
    for subnet in &database.subnets {
        match is_open(paths, subnet, wanted) {
            Ok(None) => open += 1,
            Ok(Some(why)) => closed.push(why),
            Err(gap) => return Entry::Unknown(format!("{subnet}: {gap}")),
        }
    }
    match (open, closed.as_slice()) {
        (0, []) => Entry::Unknown("its subnets are not known".to_owned()),
        (0, closed) => Entry::Closed(closed.join("; ")),
        (_, []) => Entry::Open,
        (_, closed) => Entry::Unknown(format!(
            "whether it is reached depends on the subnet that it is in: {}",
            closed.join("; ")
        )),
    }
}

/// Whether a region, of which the ports do not matter, has all of these addresses that are of the internet.
pub(super) fn covers(region: &Region, addresses: Addresses) -> bool {
    let mut left = public_part(Region::of(Block {
        addresses,
        ports: Ports::ALL,
    }));
    for block in region.blocks() {
        let _ = left.take(&Block {
            addresses: block.addresses,
            ports: Ports::ALL,
        });
    }
    left.is_empty()
}

/// Why nothing from the internet enters a subnet, if so.
fn is_open(paths: &Paths<'_>, subnet: &SubnetId, wanted: Block) -> Result<Option<String>, Gap> {
    let table = paths.route_table(subnet)?;
    if let Some(why) = not_answered(paths, table, subnet, wanted)? {
        return Ok(Some(why));
    }
    let vpc = &table.vpc;
    match paths.network().at_internet_gateway(vpc, Some(subnet), Through::Inbound) {
        AtGateway::Open(_) => {}
        AtGateway::Stopped(why) => return Ok(Some(format!("no traffic from the internet enters {subnet}: {why}"))),
        AtGateway::Unknown(why) => return Err(why),
    }
    let answers = Block {
        addresses: wanted.addresses,
        ports: Ports::EPHEMERAL,
    };
    let Some(known) = paths.subnet(subnet) else {
        return Err("it cannot be seen from this account".to_owned());
    };
    for (direction, block) in [(Direction::Ingress, wanted), (Direction::Egress, answers)] {
        let crossing = paths.acl_crossing(&known.id, direction, block);
        let (acl, denied) = crossing.denied?;
        let denied = denied.into_iter().flat_map(|denial| denial.denied.blocks().to_vec());
        let denied = public_part(denied.collect());
        if covers(&denied, wanted.addresses) {
            return Ok(Some(format!("{} denies traffic from the internet in {subnet}", acl.id)));
        }
        if !denied.is_empty() {
            return Err(format!("{} denies a part of the traffic from the internet", acl.id));
        }
    }
    Ok(None)
}

/// Why no answer of a subnet leads to the internet, if so: by the longest prefix, to an internet gateway that is attached to
/// the VPC. Where only answers to some addresses do, it is not known.
fn not_answered(
    paths: &Paths<'_>,
    table: &RouteTable,
    subnet: &SubnetId,
    wanted: Block,
) -> Result<Option<String>, Gap> {
    let id = &table.id;
    let (mut led, mut is_whole, mut astray) = (false, true, BTreeSet::new());
    let (mut has_default, mut lost) = (false, BTreeSet::new());
    for hop in paths.hops(subnet, wanted.addresses)? {
        let region = public_part(Region::of(Block {
            addresses: hop.addresses,
            ports: wanted.ports,
        }));
        let target = hop.route.map(|route| &route.target);
        if region.is_empty() || matches!(target, Some(RouteTarget::Local | RouteTarget::Endpoint(_))) {
            continue;
        }
        is_whole &= match hop.route {
            None => false,
            Some(route) => {
                if let Some(doubt) = route.doubt() {
                    return Err(format!("route {} of {id}: {doubt}", route.destination));
                }
                if route.is_blackhole() && !is_default(route, false) {
                    lost.insert(route.destination.to_string());
                }
                let is_led = match &route.target {
                    RouteTarget::InternetGateway(gateway) if route.is_blackhole() => {
                        astray.insert(format!("internet gateway {gateway}, which is gone"));
                        false
                    }
                    RouteTarget::InternetGateway(gateway) => {
                        let is_attached = paths.network().attached_gateway(gateway, &table.vpc)?.is_some();
                        if !is_attached {
                            astray.insert(format!(
                                "internet gateway {gateway}, which is not attached to {}",
                                table.vpc
                            ));
                        }
                        is_attached
                    }
                    _ => false,
                };
                // Beside the default route, what is led elsewhere are addresses of others, not of Lambda.
                has_default |= is_led && is_default(route, false);
                led |= is_led;
                is_led
            }
        };
    }
    if led && !lost.is_empty() {
        let lost: Vec<String> = lost.into_iter().collect();
        return Err(format!(
            "{id} leads answers to {} to what is gone, and a function in no VPC may have such an address",
            lost.join(", ")
        ));
    }
    if has_default || (led && is_whole) {
        return Ok(None);
    }
    if led {
        return Err(format!("{id} leads only a part of the internet to an internet gateway"));
    }
    let astray: Vec<String> = astray.into_iter().collect();
    Ok(Some(if astray.is_empty() {
        format!("{id} of {subnet} has no route to an internet gateway")
    } else {
        format!("{id} of {subnet} leads to {}", astray.join(", "))
    }))
}

/// Beside a private path: it is a second door.
pub(super) fn second_door(scene: &Scene) -> Option<Finding> {
    let database = &scene.database;
    let what = match (database.access.publicly_accessible, instances(database).as_slice()) {
        (Some(true), _) => database.to_string(),
        (_, []) => return None,
        (_, [one]) => format!("instance {one} of {database}"),
        (_, several) => format!("each of the instances {} of {database}", several.join(", ")),
    };
    let text = format!(
        "{what} is publicly accessible: if a rule allows it, it can also be reached over the internet, by functions in no VPC and through NAT gateways; keep production databases private"
    );
    Some(keep_private(scene, Finding::warn(text)))
}

/// The instances of a database that are publicly accessible, as far as that was read.
pub(super) fn instances(database: &Database) -> Vec<&str> {
    let members = database.members.iter();
    let members = members.filter(|member| member.publicly_accessible == Some(true));
    members.map(|member| member.id.as_str()).collect()
}

fn keep_private(scene: &Scene, finding: Finding) -> Finding {
    let database = &scene.database;
    let instances: Vec<&str> = match (database.kind, instances(database)) {
        (DatabaseKind::Instance, _) => vec![&database.id],
        // A Multi-AZ DB cluster reports it itself.
        (DatabaseKind::Cluster, none) if none.is_empty() => {
            database.members.iter().map(|member| member.id.as_str()).collect()
        }
        (DatabaseKind::Cluster, some) => some,
    };
    instances.iter().fold(finding, |finding, id| {
        finding.fixed_by(format!(
            "aws rds modify-db-instance --db-instance-identifier {} --no-publicly-accessible --apply-immediately",
            word(id)
        ))
    })
}
