//! A publicly accessible database, seen from the internet.
//!
//! Source: docs/network.md, "Publicly accessible databases". A function in no VPC comes from addresses of AWS's that
//! no rule can name in advance, so it only reaches what is open to the whole internet.

use super::Scene;
use crate::diagnostics::Finding;
use crate::escape::word;
use crate::model::network::public_access::{Block as AtGateway, Through};
use crate::model::network::{RouteState, RouteTarget};
use crate::model::{DatabaseKind, Direction, SubnetId};
use crate::reachability::{Addresses, Block, Gap, Paths, Ports};

/// Whether a function in no VPC reaches the database over the internet.
pub(super) fn from_internet(scene: &Scene, paths: &Paths<'_>) -> Finding {
    let Scene { function, database, .. } = scene;
    let start = format!(
        "function {} is in no VPC, and {database} is publicly accessible",
        function.name
    );
    let port = database.port.unwrap_or_default();
    let wanted = Block {
        addresses: Addresses::ALL_V4,
        ports: Ports::only(port),
    };
    let groups: Vec<_> = database.groups().iter().cloned().collect();
    let passage = paths.passage(&groups, Direction::Ingress, wanted, &[]);
    if let Some(gap) = passage.gaps.first().filter(|_| !passage.blocked.is_empty()) {
        return Finding::unknown(format!(
            "{start}; it is not known whether its groups let tcp {port} in: {gap}"
        ));
    }
    if passage.by.is_empty() {
        let text = format!("{start}, but no rule of its groups lets tcp {port} in from the internet");
        return keep_private(scene, Finding::fail(text));
    }
    if !passage.blocked.is_empty() {
        let ranges: Vec<String> = passage.by.iter().map(|(_, rule)| rule.peer.to_string()).collect();
        return Finding::unknown(format!(
            "{start}, but its groups let tcp {port} in from {} only, and a function in no VPC has no fixed address",
            ranges.join(", ")
        ));
    }
    let mut open = 0;
    let mut closed: Vec<String> = Vec::new();
    for subnet in &database.subnets {
        match is_open(paths, subnet, wanted) {
            Ok(None) => open += 1,
            Ok(Some(why)) => closed.push(why),
            Err(gap) => return Finding::unknown(format!("{start}; {subnet}: {gap}")),
        }
    }
    match (open, closed.as_slice()) {
        (0, []) => Finding::unknown(format!("{start}; its subnets are not known")),
        (0, closed) => keep_private(scene, Finding::fail(format!("{start}, but {}", closed.join("; ")))),
        (_, []) => keep_private(
            scene,
            Finding::warn(format!(
                "{start}: the function reaches it over the internet, where port {port} of {} is open to everyone",
                scene.database
            )),
        ),
        (_, closed) => Finding::unknown(format!(
            "{start}; whether it is reached depends on the subnet that it is in: {}",
            closed.join("; ")
        )),
    }
}

/// Why nothing from the internet enters a subnet, if so.
fn is_open(paths: &Paths<'_>, subnet: &SubnetId, wanted: Block) -> Result<Option<String>, Gap> {
    let table = paths.route_table(subnet)?;
    let leads_out = table
        .routes
        .iter()
        .any(|route| route.state == RouteState::Active && matches!(route.target, RouteTarget::InternetGateway(_)));
    if !leads_out {
        let id = &table.id;
        return Ok(Some(format!("{id} of {subnet} has no route to an internet gateway")));
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
        if !denied.is_empty() {
            return Ok(Some(format!("{} denies traffic from the internet in {subnet}", acl.id)));
        }
    }
    Ok(None)
}

/// Beside a private path: it is a second door.
pub(super) fn second_door(scene: &Scene) -> Option<Finding> {
    let database = &scene.database;
    if database.access.publicly_accessible != Some(true) {
        return None;
    }
    let text = format!(
        "{database} is publicly accessible: if a rule allows it, it can also be reached over the internet, by functions in no VPC and through NAT gateways; keep production databases private"
    );
    Some(keep_private(scene, Finding::warn(text)))
}

fn keep_private(scene: &Scene, finding: Finding) -> Finding {
    let database = &scene.database;
    let instances: Vec<&str> = match database.kind {
        DatabaseKind::Instance => vec![&database.id],
        DatabaseKind::Cluster => database.members.iter().map(|member| member.id.as_str()).collect(),
    };
    instances.iter().fold(finding, |finding, id| {
        finding.fixed_by(format!(
            "aws rds modify-db-instance --db-instance-identifier {} --no-publicly-accessible --apply-immediately",
            word(id)
        ))
    })
}
