//! The checks of the way to the internet, all subnets together.
//!
//! Source: the table of checks in docs/internet.md.

use std::collections::{BTreeMap, BTreeSet};

use super::way::{
    Exit, Fault, WayOut, instance_fault, nat_fault, public_part, side_roads, to_internet_gateway, to_public_nat,
    way_out,
};
use super::{Traveller, acls, public_access};
use crate::diagnostics::connection::dns::resolves;
use crate::diagnostics::{Check, Finding};
use crate::escape::word;
use crate::model::network::public_access::{Block as AtGateway, Through};
use crate::model::network::{NatGateway, RouteTarget, Subnet};
use crate::model::{Direction, SubnetId};
use crate::reachability::leg::acls::Numbers;
use crate::reachability::leg::authorize;
use crate::reachability::{Addresses, Block, Gap, Passage, Paths, Ports};

/// All checks, in the order of the spec.
pub(crate) fn all(paths: &Paths<'_>, traveller: &Traveller<'_>) -> Vec<Check> {
    let mut checks = vec![
        default_route(paths, traveller),
        acls::check(paths, traveller),
        security_groups(paths, traveller),
    ];
    // After the default routes, and only where there is something that could pass or fail.
    let further = [route_active(paths, traveller), nat_gateways(paths, traveller)];
    for check in further.into_iter().rev().filter(|check| !check.evidence.is_empty()) {
        checks.insert(1, check);
    }
    let place = checks.len() - 2;
    if let Some(check) = public_access::check(paths, traveller) {
        checks.insert(place, check);
    }
    checks.extend(ipv6(paths, traveller));
    checks.push(dns(paths, traveller));
    checks.push(agreement(paths, traveller));
    checks.push(zones(paths, traveller));
    checks
}

/// Without a resolver, no name of the internet leads anywhere.
fn dns(paths: &Paths<'_>, traveller: &Traveller<'_>) -> Check {
    let (mut findings, mut evidence) = (Vec::new(), Vec::new());
    resolves(paths, traveller.vpc, &mut findings, &mut evidence);
    Check::of("dns", "names resolve", evidence, findings)
}

/// The subnets of NAT gateways and NAT instances, each with those of the traveller's subnets that lead to it, and why there may
/// be others.
pub(crate) fn outlets<'n, 's>(
    paths: &Paths<'n>,
    traveller: &Traveller<'s>,
) -> (BTreeMap<&'n SubnetId, Vec<&'s SubnetId>>, Vec<Gap>) {
    let (mut outlets, mut gaps) = (BTreeMap::<_, Vec<_>>::new(), Vec::new());
    for &subnet in &traveller.subnets {
        match outlet(paths, subnet) {
            Ok(None) => {}
            Ok(Some(outlet)) => outlets.entry(outlet).or_default().push(subnet),
            Err(gap) => gaps.push(format!("where {subnet} leads to: {gap}")),
        }
    }
    (outlets, gaps)
}

/// The subnet of the NAT gateway or the NAT instance that a subnet leads to.
fn outlet<'n>(paths: &Paths<'n>, subnet: &SubnetId) -> Result<Option<&'n SubnetId>, Gap> {
    let network = paths.network();
    Ok(match way_out(paths, subnet, false)?.exit {
        Exit::Nat(id) => {
            let mut nats = network.nat_gateways.read()?.iter();
            nats.find(|nat| nat.id == *id).and_then(|nat| nat.subnet.as_ref())
        }
        Exit::Instance(id) => {
            let mut interfaces = network.interfaces.read()?.iter();
            interfaces.find(|found| found.id == *id).map(|found| &found.subnet)
        }
        _ => None,
    })
}

/// The command that builds what is missing, unless it would refuse to.
fn setup(paths: &Paths<'_>, traveller: &Traveller<'_>) -> Option<String> {
    super::nat_can_lead_out(paths.network(), traveller.vpc)
        .then(|| format!("autoconnect internet setup {}", traveller.option))
}

/// A finding that `internet setup` fixes.
fn built(paths: &Paths<'_>, traveller: &Traveller<'_>, finding: Finding) -> Finding {
    setup(paths, traveller).into_iter().fold(finding, Finding::fixed_by)
}

fn default_route(paths: &Paths<'_>, traveller: &Traveller<'_>) -> Check {
    let (mut findings, mut evidence, mut fails) = (Vec::new(), Vec::new(), Vec::new());
    for subnet in &traveller.subnets {
        let WayOut { table, exit } = match way_out(paths, subnet, false) {
            Ok(way) => way,
            Err(gap) => {
                findings.push(Finding::unknown(format!("{subnet}: {gap}")));
                continue;
            }
        };
        let table = &table.id;
        match exit {
            Exit::Nat(id) => evidence.push(format!("{subnet}: {table} has 0.0.0.0/0 through NAT gateway {id}")),
            Exit::Instance(id) => evidence.push(format!("{subnet}: {table} has 0.0.0.0/0 through network interface {id}")),
            // The next check is about it.
            Exit::Blackhole(target) => evidence.push(format!("{subnet}: {table} has 0.0.0.0/0 through {target}")),
            Exit::InternetGateway(id) => fails.push(format!(
                "{subnet}: 0.0.0.0/0 of {table} leads to internet gateway {id}, which makes {subnet} a public subnet; {} has only private addresses, which an internet gateway drops",
                traveller.name
            )),
            Exit::None => fails.push(format!("{subnet}: {table} has no route 0.0.0.0/0")),
            Exit::Doubtful(target, why) => findings.push(Finding::unknown(format!(
                "{subnet}: 0.0.0.0/0 of {table} leads to {target}: {why}"
            ))),
            Exit::Elsewhere(target) => findings.push(Finding::unknown(format!(
                "{subnet}: 0.0.0.0/0 of {table} leads to {target}, and what lies behind it is not known"
            ))),
        }
        for (route, _) in side_roads(paths, subnet).into_iter().flatten() {
            let (range, target) = (&route.destination, &route.target);
            let road = format!("{subnet}: {table} leads {range} elsewhere, through {target}");
            if route.is_blackhole() {
                findings.push(Finding::warn(format!(
                    "{road}, which is gone: requests to {range} time out"
                )));
            } else if matches!(target, RouteTarget::InternetGateway(_)) {
                findings.push(Finding::warn(format!(
                    "{road}, which drops private addresses: requests to {range} time out"
                )));
            } else {
                evidence.push(road);
            }
        }
    }
    findings.extend(
        fails
            .into_iter()
            .map(|text| built(paths, traveller, Finding::fail(text))),
    );
    Check::of(
        "default-route",
        "every subnet's route table leads 0.0.0.0/0 to a NAT gateway",
        evidence,
        findings,
    )
}

fn route_active(paths: &Paths<'_>, traveller: &Traveller<'_>) -> Check {
    let (mut findings, mut evidence) = (Vec::new(), Vec::new());
    for subnet in &traveller.subnets {
        match way_out(paths, subnet, false) {
            Ok(WayOut {
                table,
                exit: Exit::Blackhole(target),
            }) => {
                let text = format!(
                    "{subnet}: 0.0.0.0/0 of {} leads to {target}, which is gone (blackhole)",
                    table.id
                );
                findings.push(built(paths, traveller, Finding::fail(text)));
            }
            Ok(WayOut { exit: Exit::None, .. }) => {}
            Ok(WayOut {
                table,
                exit: Exit::Doubtful(_, why),
            }) => findings.push(Finding::unknown(format!("{subnet}: 0.0.0.0/0 of {}: {why}", table.id))),
            Ok(WayOut { table, .. }) => evidence.push(format!("{subnet}: 0.0.0.0/0 of {} is active", table.id)),
            Err(gap) => findings.push(Finding::unknown(format!("{subnet}: {gap}"))),
        }
    }
    Check::of("route-active", "the default routes are active", evidence, findings)
}

fn nat_gateways(paths: &Paths<'_>, traveller: &Traveller<'_>) -> Check {
    let (mut findings, mut evidence) = (BTreeMap::new(), BTreeSet::new());
    for subnet in &traveller.subnets {
        let (what, fault) = match way_out(paths, subnet, false).map(|way| way.exit) {
            Ok(Exit::Nat(id)) => (format!("NAT gateway {id}"), nat_fault(paths, id)),
            Ok(Exit::Instance(id)) => (format!("network interface {id}"), instance_fault(paths, id)),
            _ => continue,
        };
        match fault {
            None => {
                evidence.insert(format!("{what} is available, and its subnet leads to the internet"));
            }
            Some(fault) => {
                let finding = nat_finding(paths, traveller, &fault);
                findings.insert(finding.text.clone(), finding);
            }
        }
    }
    Check::of(
        "nat-gateways",
        "the NAT gateways work",
        evidence.into_iter().collect(),
        findings.into_values().collect(),
    )
}

fn nat_finding(paths: &Paths<'_>, traveller: &Traveller<'_>, fault: &Fault<'_>) -> Finding {
    match fault {
        Fault::Unseen(what) => {
            let finding = Finding::fail(format!("{what} does not exist in this account"));
            built(paths, traveller, finding)
        }
        Fault::Unknown(why) => Finding::unknown(why.clone()),
        Fault::Pending(nat) => Finding::warn(format!("NAT gateway {} is pending: it works in some minutes", nat.id)),
        Fault::NotAvailable(nat) => {
            let why = nat.failure.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            let finding = Finding::fail(format!("NAT gateway {} is {}, not available{why}", nat.id, nat.state));
            built(paths, traveller, finding)
        }
        Fault::Private(nat) => Finding::fail(format!(
            "NAT gateway {} is private: it does not lead to the internet",
            nat.id
        ))
        .fixed_by_all(to_public_nat(paths, traveller.subnets.iter().copied(), &nat.id)),
        Fault::NotPublicSubnet { what, subnet, table } => {
            let text = format!(
                "{what} is in {subnet}, whose route table {} has no route 0.0.0.0/0 to an internet gateway of {}",
                table.id, table.vpc
            );
            Finding::fail(text).fixed_by_all(to_internet_gateway(paths, &table.vpc, Some(table)))
        }
        Fault::NoInternetGateway(nat) => Finding::fail(format!(
            "regional NAT gateway {} has no way to the internet: {} has no internet gateway attached, or the gateway's route table does not lead to it",
            nat.id, nat.vpc
        ))
        .fixed_by_all(to_internet_gateway(paths, &nat.vpc, None)),
        Fault::ChecksDestination(interface) => Finding::fail(format!(
            "the source/destination check of network interface {} is on, so it drops forwarded traffic and cannot serve a NAT instance",
            interface.id
        ))
        .fixed_by(format!(
            "aws ec2 modify-network-interface-attribute --network-interface-id {} --no-source-dest-check",
            word(&interface.id)
        )),
        Fault::NoPublicAddress(interface) => Finding::fail(format!(
            "network interface {} has no public address, so it does not lead to the internet",
            interface.id
        ))
        .fixed_by(format!(
            "give it an Elastic IP address, in place of ALLOCATION: aws ec2 associate-address --allocation-id ALLOCATION --network-interface-id {}",
            word(&interface.id)
        )),
    }
}

/// No group lets a function's traffic out to `ranges`. Where a part of the rules could not be read, that is not known.
fn not_let_out(traveller: &Traveller<'_>, text: String, is_known: bool, ranges: &str) -> Finding {
    let finding = if is_known {
        Finding::fail(text)
    } else {
        Finding::unknown(text)
    };
    match traveller.groups.first() {
        Some(group) => finding.fixed_by(authorize(group, Direction::Egress, traveller.port, ranges)),
        None => finding,
    }
}

/// What the traveller's groups let out to these addresses, and by which rules.
fn let_out<'n>(paths: &Paths<'n>, traveller: &Traveller<'_>, addresses: Addresses) -> (Passage<'n>, Vec<String>) {
    let wanted = Block {
        addresses,
        ports: Ports::only(traveller.port),
    };
    let passage = paths.passage(&traveller.groups, Direction::Egress, wanted, &[]);
    let by = passage.by.iter();
    let by = by.map(|(group, rule)| format!("{group} lets {rule} out to {}", rule.peer));
    let by = by.collect();
    (passage, by)
}

fn security_groups(paths: &Paths<'_>, traveller: &Traveller<'_>) -> Check {
    let port = traveller.port;
    let (passage, evidence) = let_out(paths, traveller, Addresses::ALL_V4);
    let blocked = public_part(passage.blocked);
    let groups: Vec<String> = traveller.groups.iter().map(ToString::to_string).collect();
    let mut findings: Vec<Finding> = Vec::new();
    if !blocked.is_empty() {
        let whole = passage.by.is_empty();
        let text = if whole {
            format!(
                "no group of {} ({}) lets tcp {port} out to 0.0.0.0/0",
                traveller.name,
                groups.join(", ")
            )
        } else {
            let ranges: Vec<String> = blocked
                .merged()
                .blocks()
                .iter()
                .map(|block| block.addresses.to_string())
                .collect();
            format!(
                "the groups of {} ({}) do not let tcp {port} out to all of the internet: not to {}",
                traveller.name,
                groups.join(", "),
                shortened(&ranges.join(", "))
            )
        };
        let is_known = passage.gaps.is_empty();
        findings.push(not_let_out(traveller, text, is_known, "IpRanges=[{CidrIp=0.0.0.0/0}]"));
        findings.extend(passage.gaps.into_iter().map(Finding::unknown));
    }
    Check::of(
        "security-groups",
        &format!("a security group lets tcp {port} out"),
        evidence,
        findings,
    )
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 120;
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    format!(
        "{} …",
        text[..text.floor_char_boundary(LONGEST)].trim_end_matches([',', ' '])
    )
}

/// Only where IPv6 is on: then names that have both kinds of addresses may be tried by IPv6 first.
fn ipv6(paths: &Paths<'_>, traveller: &Traveller<'_>) -> Option<Check> {
    if !traveller.ipv6 {
        return None;
    }
    let (mut findings, mut evidence) = (Vec::new(), Vec::new());
    for id in &traveller.subnets {
        let Some(subnet) = paths.subnet(id) else {
            findings.push(Finding::unknown(format!("{id} cannot be seen from this account")));
            continue;
        };
        if let Some((range, state)) = subnet.doubtful_cidrs.iter().find(|(range, _)| range.addr().is_ipv6()) {
            findings.push(Finding::unknown(format!("{id}: its range {range} is {state}")));
            continue;
        }
        if !subnet.is_dual_stack() {
            findings.push(
                Finding::fail(format!("Ipv6AllowedForDualStack is set, but {id} is not dual-stack")).fixed_by(
                    format!(
                        "give it a /64 of {}, in place of CIDR: aws ec2 associate-subnet-cidr-block --subnet-id {} --ipv6-cidr-block CIDR",
                        subnet.vpc,
                        word(id)
                    ),
                ),
            );
            continue;
        }
        ipv6_route(paths, subnet, &mut findings, &mut evidence);
        let acl = acls::out_to(
            paths,
            &subnet.id,
            Addresses::ALL_V6,
            traveller.port,
            &mut Numbers::default(),
        );
        findings.extend(acl.findings);
    }
    ipv6_groups(paths, traveller, &mut findings, &mut evidence);
    Some(Check::of(
        "ipv6",
        "every subnet is dual-stack, and ::/0 leads to an egress-only internet gateway",
        evidence,
        findings,
    ))
}

fn ipv6_groups(paths: &Paths<'_>, traveller: &Traveller<'_>, findings: &mut Vec<Finding>, evidence: &mut Vec<String>) {
    let port = traveller.port;
    let (passage, by) = let_out(paths, traveller, Addresses::ALL_V6);
    if passage.blocked.is_empty() {
        return evidence.extend(by);
    }
    let text = if passage.by.is_empty() {
        format!("no group of {} lets tcp {port} out to ::/0", traveller.name)
    } else {
        format!(
            "the groups of {} let tcp {port} out to a part of ::/0 only",
            traveller.name
        )
    };
    let is_known = passage.gaps.is_empty();
    findings.push(not_let_out(traveller, text, is_known, "Ipv6Ranges=[{CidrIpv6=::/0}]"));
}

fn ipv6_route(paths: &Paths<'_>, subnet: &Subnet, findings: &mut Vec<Finding>, evidence: &mut Vec<String>) {
    let (id, vpc) = (&subnet.id, &subnet.vpc);
    let gateways = &paths.network().egress_only_gateways;
    let attached = gateways
        .known()
        .into_iter()
        .flatten()
        .find(|gateway| gateway.vpc.as_ref() == Some(vpc));
    let WayOut { table, exit } = match way_out(paths, id, true) {
        Ok(way) => way,
        Err(gap) => return findings.push(Finding::unknown(format!("{id}: {gap}"))),
    };
    let text = match exit {
        Exit::Elsewhere(RouteTarget::EgressOnly(gateway)) => match (gateways.read(), attached) {
            (Ok(_), Some(found)) if found.id == *gateway => {
                evidence.push(format!("{id}: {} has ::/0 through {gateway}", table.id));
                return match public_access::of_ipv6(paths, vpc, id, Through::OutboundOnly) {
                    Ok(open) => evidence.push(open),
                    Err(finding) => findings.push(finding),
                };
            }
            (Err(why), _) => {
                return findings.push(Finding::unknown(format!(
                    "{id}: egress-only internet gateway {gateway}: {why}"
                )));
            }
            _ => format!(
                "{id}: ::/0 of {} leads to egress-only internet gateway {gateway}, which is not attached to {vpc}",
                table.id
            ),
        },
        Exit::InternetGateway(gateway) => {
            let text = format!(
                "{id}: ::/0 of {} leads to internet gateway {gateway}, through which the internet reaches the subnet's IPv6 addresses; an egress-only internet gateway lets no connections in",
                table.id
            );
            let stopped = public_access::of_ipv6(paths, vpc, id, Through::Gateway);
            return findings.push(stopped.err().unwrap_or_else(|| Finding::warn(text)));
        }
        Exit::Doubtful(target, ref why) => {
            return findings.push(Finding::unknown(format!(
                "{id}: ::/0 of {} leads to {target}: {why}",
                table.id
            )));
        }
        Exit::Elsewhere(target) => {
            return findings.push(Finding::unknown(format!(
                "{id}: ::/0 of {} leads to {target}, and what lies behind it is not known",
                table.id
            )));
        }
        Exit::Blackhole(target) => format!(
            "{id}: ::/0 of {} leads to {target}, which is gone (blackhole)",
            table.id
        ),
        Exit::Nat(target) => format!(
            "{id}: ::/0 of {} leads to NAT gateway {target}, which does not translate IPv6",
            table.id
        ),
        Exit::Instance(target) => {
            return findings.push(Finding::unknown(format!(
                "{id}: ::/0 of {} leads to network interface {target}",
                table.id
            )));
        }
        Exit::None => format!(
            "{id}: Ipv6AllowedForDualStack is set, but {} has no route ::/0",
            table.id
        ),
    };
    let verb = if matches!(exit, Exit::None) {
        "create-route"
    } else {
        "replace-route"
    };
    let lead = |gateway: &str| {
        format!(
            "aws ec2 {verb} --route-table-id {} --destination-ipv6-cidr-block ::/0 --egress-only-internet-gateway-id {gateway}",
            word(&table.id)
        )
    };
    let finding = Finding::fail(text);
    findings.push(match attached {
        Some(gateway) => finding.fixed_by(lead(&word(&gateway.id))),
        None => finding
            .fixed_by(format!(
                "aws ec2 create-egress-only-internet-gateway --vpc-id {}",
                word(vpc)
            ))
            .fixed_by(format!("then, with its id in place of GATEWAY: {}", lead("GATEWAY"))),
    });
}

/// An invocation lands in any of the subnets: where one of them has no way out, its share of the cold starts fails.
fn agreement(paths: &Paths<'_>, traveller: &Traveller<'_>) -> Check {
    let (mut out, mut none, mut untold) = (Vec::new(), Vec::new(), Vec::new());
    for subnet in &traveller.subnets {
        match leads_out(paths, subnet) {
            Some(true) => out.push(subnet.to_string()),
            Some(false) => none.push(subnet.to_string()),
            None => untold.push(subnet.to_string()),
        }
    }
    let mut findings = Vec::new();
    if !untold.is_empty() && traveller.subnets.len() > 1 {
        findings.push(Finding::unknown(format!(
            "whether the subnets agree: it is not known whether {} reach the internet",
            untold.join(", ")
        )));
    }
    if !out.is_empty() && !none.is_empty() {
        findings.push(Finding::fail(format!(
            "the subnets differ: {} reach the internet, {} do not; of the cold starts of {}, {} of {} fail",
            out.join(", "),
            none.join(", "),
            traveller.name,
            none.len(),
            traveller.subnets.len()
        )));
    }
    let passed = if none.is_empty() {
        "the subnets agree"
    } else {
        "the subnets agree: none of them reaches the internet"
    };
    let evidence = out
        .iter()
        .map(|subnet| format!("{subnet} reaches the internet"))
        .collect();
    Check::of("subnets-agree", passed, evidence, findings)
}

/// Whether the routes of a subnet lead out, to something that works; none where that cannot be determined.
pub(crate) fn leads_out(paths: &Paths<'_>, subnet: &SubnetId) -> Option<bool> {
    let fault = match way_out(paths, subnet, false).ok()?.exit {
        Exit::Nat(id) => nat_fault(paths, id),
        Exit::Instance(id) => instance_fault(paths, id),
        Exit::Doubtful(..) | Exit::Elsewhere(_) => return None,
        Exit::InternetGateway(_) | Exit::Blackhole(_) | Exit::None => return Some(false),
    };
    match fault {
        None | Some(Fault::Pending(_)) => match public_access::before_exit(paths, subnet)?.2 {
            AtGateway::Open(_) => Some(true),
            AtGateway::Stopped(_) => Some(false),
            AtGateway::Unknown(_) => None,
        },
        Some(Fault::Unknown(_)) => None,
        Some(_) => Some(false),
    }
}

fn zones(paths: &Paths<'_>, traveller: &Traveller<'_>) -> Check {
    let (mut findings, mut evidence) = (Vec::new(), Vec::new());
    let zone = |id: &SubnetId| paths.zone(id);
    let own: BTreeSet<&str> = traveller.subnets.iter().filter_map(|id| zone(id)).collect();
    if own.len() == 1 && traveller.subnets.iter().all(|id| zone(id).is_some()) {
        let only: Vec<&str> = own.iter().copied().collect();
        findings.push(Finding::warn(format!(
            "all subnets are in {}: if that Availability Zone fails, {} fails",
            only.join(""),
            traveller.name
        )));
    }
    let mut has_nat = false;
    for subnet in &traveller.subnets {
        if zone(subnet).is_none() {
            findings.push(Finding::unknown(format!(
                "the Availability Zone of {subnet} is not known"
            )));
        }
        let id = match way_out(paths, subnet, false) {
            Ok(WayOut {
                exit: Exit::Nat(id), ..
            }) => id,
            Ok(_) => continue,
            Err(gap) => {
                findings.push(Finding::unknown(format!("{subnet}: {gap}")));
                continue;
            }
        };
        let nat = match paths.network().nat_gateways.read() {
            Ok(nats) => nats.iter().find(|nat| nat.id == *id),
            Err(why) => {
                findings.push(Finding::unknown(format!("NAT gateway {id}: {why}")));
                continue;
            }
        };
        has_nat = true;
        if nat.is_some_and(NatGateway::is_regional) {
            evidence.push(format!("regional NAT gateway {id} serves all Availability Zones"));
            continue;
        }
        let nat = nat.and_then(|nat| nat.subnet.as_ref());
        match (zone(subnet), nat.and_then(zone)) {
            (Some(own), Some(other)) if own != other => findings.push(Finding::warn(format!(
                "{subnet} is in {own}, its NAT gateway {id} in {other}: traffic between zones is charged, and a failure of either zone interrupts it"
            ))),
            (Some(own), Some(_)) => evidence.push(format!("{subnet} and NAT gateway {id} are in {own}")),
            _ => {}
        }
    }
    let passed = if has_nat {
        "the subnets are in several Availability Zones, each served by a NAT gateway of its own"
    } else {
        "the subnets are in several Availability Zones"
    };
    if own.len() > 1 {
        let zones: Vec<&str> = own.iter().copied().collect();
        evidence.push(format!("{} is in {}", traveller.name, zones.join(", ")));
    }
    Check::of("zones", passed, evidence, findings)
}
