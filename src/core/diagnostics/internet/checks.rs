//! The checks of the way to the internet, all subnets together.
//!
//! Source: the table of checks in docs/internet.md.

use std::collections::{BTreeMap, BTreeSet};

use super::way::{
    Exit, Fault, WayOut, instance_fault, leads_elsewhere, nat_fault, public_part, side_roads, to_internet_gateway,
    to_public_nat, ways_out,
};
use super::{Traveller, acls, public_access};
use crate::diagnostics::connection::dns::resolves;
use crate::diagnostics::{Check, Finding, Status, verdict};
use crate::endpoint::listed;
use crate::escape::word;
use crate::model::network::public_access::Through;
use crate::model::network::{Destination, NatGateway, Route, RouteTarget, Subnet};
use crate::model::{Direction, InterfaceId, InternetGatewayId, SubnetId};
use crate::reachability::leg::acls::Numbers;
use crate::reachability::leg::authorize;
use crate::reachability::{Addresses, Block, Gap, Passage, Paths, Ports};

/// All checks, in the order of the spec.
pub(crate) fn all(paths: &Paths<'_>, traveller: &Traveller<'_>) -> Vec<Check> {
    let mut checks = way_over_ipv4(paths, traveller);
    checks.extend(ipv6(paths, traveller));
    checks.push(dns(paths, traveller));
    checks.push(agreement(paths, traveller));
    checks.push(zones(paths, traveller));
    checks
}

/// What stands between the traveller and the internet over IPv4.
pub(crate) fn way_over_ipv4(paths: &Paths<'_>, traveller: &Traveller<'_>) -> Vec<Check> {
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
    checks
}

/// What stands between the traveller and services that it reaches through the internet.
pub(crate) fn way_to_services(paths: &Paths<'_>, traveller: &Traveller<'_>) -> Vec<Check> {
    let mut checks = way_over_ipv4(paths, traveller);
    checks.push(dns(paths, traveller));
    checks
}

/// What stands between the traveller and the internet over one family, names included: from all of its subnets, or, for
/// what [`Traveller::alone`] gives, from one.
pub(crate) fn of_family(paths: &Paths<'_>, traveller: &Traveller<'_>, v6: bool) -> Status {
    if v6 {
        let mut checks: Vec<Check> = ipv6(paths, traveller).into_iter().collect();
        checks.push(dns(paths, traveller));
        return verdict(&checks);
    }
    verdict(&way_to_services(paths, traveller))
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
        let ways = match ways_out(paths, subnet, false) {
            Ok(ways) => ways,
            Err(gap) => {
                gaps.push(format!("where {subnet} leads to: {gap}"));
                continue;
            }
        };
        for way in ways {
            match outlet(paths, &way.exit) {
                Ok(None) => {}
                Ok(Some(outlet)) => {
                    let led = outlets.entry(outlet).or_default();
                    if !led.contains(&subnet) {
                        led.push(subnet);
                    }
                }
                Err(gap) => gaps.push(format!("where {subnet} leads to: {gap}")),
            }
        }
    }
    (outlets, gaps)
}

/// The subnet of the NAT gateway or the NAT instance that a way leads to.
fn outlet<'n>(paths: &Paths<'n>, exit: &Exit<'n>) -> Result<Option<&'n SubnetId>, Gap> {
    let network = paths.network();
    Ok(match exit {
        Exit::Nat(id) => {
            let mut nats = network.nat_gateways.read()?.iter();
            nats.find(|nat| nat.id == **id).and_then(|nat| nat.subnet.as_ref())
        }
        Exit::Instance(id) => {
            let mut interfaces = network.interfaces.read()?.iter();
            interfaces.find(|found| found.id == **id).map(|found| &found.subnet)
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
    let (mut has_instance, mut has_gone, mut is_shared) = (false, false, false);
    for subnet in &traveller.subnets {
        let ways = match ways_out(paths, subnet, false) {
            Ok(ways) => ways,
            Err(gap) => {
                findings.push(Finding::unknown(format!("{subnet}: {gap}")));
                continue;
            }
        };
        for way in &ways {
            let (table, range) = (&way.table.id, way.range(false));
            let leads = format!("{subnet}: {range} of {table} leads to");
            is_shared |= !way.is_whole();
            match &way.exit {
                Exit::Nat(id) => evidence.push(format!("{subnet}: {table} has {range} through NAT gateway {id}")),
                Exit::Instance(id) => {
                    has_instance = true;
                    evidence.push(format!("{subnet}: {table} has {range} through network interface {id}"));
                }
                // The next check is about it.
                Exit::Blackhole(target) => {
                    has_gone = true;
                    evidence.push(format!("{subnet}: {table} has {range} through {target}"));
                }
                Exit::InternetGateway(id) => fails.push(format!(
                    "{leads} internet gateway {id}, which makes {subnet} a public subnet; {} has only private addresses, which an internet gateway drops",
                    traveller.name
                )),
                Exit::None => fails.push(format!("{subnet}: {table} has no route {range}")),
                Exit::Doubtful(target, why) => findings.push(Finding::unknown(format!("{leads} {target}: {why}"))),
                exit @ Exit::Elsewhere(target) if exit.is_dead_end() => fails.push(format!(
                    "{leads} {target}, and a peered VPC gives no way to the internet through its own gateways"
                )),
                Exit::Elsewhere(target) => findings.push(Finding::unknown(format!(
                    "{leads} {target}, and what lies behind it is not known"
                ))),
            }
        }
        judge_side_roads(paths, subnet, false, &mut findings, &mut evidence);
    }
    findings.extend(
        fails
            .into_iter()
            .map(|text| built(paths, traveller, Finding::fail(text))),
    );
    let what = if is_shared { "the internet" } else { "0.0.0.0/0" };
    let passed = if has_gone {
        "every subnet's route table has a route for the internet".to_owned()
    } else {
        let or = if has_instance { " or a NAT instance" } else { "" };
        format!("every subnet's route table leads {what} to a NAT gateway{or}")
    };
    Check::of("default-route", &passed, evidence, findings)
}

/// Judges the routes of a subnet that lead a part of the internet elsewhere, over IPv4 or IPv6.
fn judge_side_roads(
    paths: &Paths<'_>,
    subnet: &SubnetId,
    v6: bool,
    findings: &mut Vec<Finding>,
    evidence: &mut Vec<String>,
) {
    let (Ok(table), Ok(roads)) = (paths.route_table(subnet), side_roads(paths, subnet, v6)) else {
        return;
    };
    for road in roads {
        match side_road(&format!("{subnet}: {}", table.id), road) {
            Ok(elsewhere) => evidence.push(elsewhere),
            Err(lost) => findings.push(lost),
        }
    }
}

/// A route that leads a part of the internet elsewhere: a warning where that part is lost. `whose` names the table.
fn side_road(whose: &str, route: &Route) -> Result<String, Finding> {
    let (range, target) = (&route.destination, &route.target);
    let road = format!("{whose} leads {range} elsewhere, through {target}");
    let is_v6 = matches!(range, Destination::Cidr(range) if range.addr().is_ipv6());
    let lost = match target {
        _ if route.is_blackhole() => "which is gone",
        RouteTarget::InternetGateway(_) if !is_v6 => "which drops private addresses",
        _ => return Ok(road),
    };
    Err(Finding::warn(format!("{road}, {lost}: requests to {range} time out")))
}

/// Routes of a NAT gateway's or a NAT instance's subnet by which a part of the internet is lost.
fn lost_behind(paths: &Paths<'_>, exit: &Exit<'_>) -> Vec<Finding> {
    let Ok(Some(outlet)) = outlet(paths, exit) else {
        return Vec::new();
    };
    let (Ok(table), Ok(roads)) = (paths.route_table(outlet), side_roads(paths, outlet, false)) else {
        return Vec::new();
    };
    let whose = format!("{outlet}: {}", table.id);
    let lost = roads.into_iter().filter_map(|route| match (&route.target, exit) {
        _ if route.is_blackhole() => side_road(&whose, route).err(),
        (RouteTarget::Nat(to), Exit::Nat(own)) if to == *own => Some(Finding::warn(format!(
            "{whose} leads {} back to NAT gateway {own}: requests to {} time out",
            route.destination, route.destination
        ))),
        _ => None,
    });
    lost.collect()
}

fn route_active(paths: &Paths<'_>, traveller: &Traveller<'_>) -> Check {
    let (mut findings, mut evidence) = (Vec::new(), Vec::new());
    for subnet in &traveller.subnets {
        let ways = match ways_out(paths, subnet, false) {
            Ok(ways) => ways,
            Err(gap) => {
                findings.push(Finding::unknown(format!("{subnet}: {gap}")));
                continue;
            }
        };
        for way in ways {
            let route = format!("{subnet}: {} of {}", way.range(false), way.table.id);
            match way.exit {
                Exit::Blackhole(target) => {
                    let text = format!("{route} leads to {target}, which is gone (blackhole)");
                    findings.push(built(paths, traveller, Finding::fail(text)));
                }
                Exit::None => {}
                Exit::Doubtful(_, why) => findings.push(Finding::unknown(format!("{route}: {why}"))),
                _ => evidence.push(format!("{route} is active")),
            }
        }
    }
    Check::of("route-active", "the default routes are active", evidence, findings)
}

/// What keeps the NAT gateway or the NAT instance behind a way out from working; none where there is neither.
fn fault_behind<'n>(
    paths: &Paths<'n>,
    traveller: &Traveller<'_>,
    subnet: &SubnetId,
    way: &WayOut<'n>,
) -> Option<(String, Option<Fault<'n>>)> {
    match &way.exit {
        Exit::Nat(id) => Some((format!("NAT gateway {id} is available"), nat_fault(paths, id))),
        Exit::Instance(id) => {
            let fault = instance_fault(paths, traveller, subnet, id, false);
            Some((format!("network interface {id} forwards"), fault))
        }
        _ => None,
    }
}

fn nat_gateways(paths: &Paths<'_>, traveller: &Traveller<'_>) -> Check {
    let (mut findings, mut evidence) = (BTreeMap::new(), BTreeSet::new());
    for subnet in &traveller.subnets {
        for way in ways_out(paths, subnet, false).into_iter().flatten() {
            match fault_behind(paths, traveller, subnet, &way) {
                None => {}
                Some((works, None)) => {
                    evidence.insert(format!("{works}, and its subnet leads to the internet"));
                    let lost = lost_behind(paths, &way.exit).into_iter();
                    findings.extend(lost.map(|finding| (finding.text.clone(), finding)));
                }
                Some((_, Some(fault))) => {
                    let finding = nat_finding(paths, traveller, &fault);
                    findings.insert(finding.text.clone(), finding);
                }
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
        Fault::Pending(nat) => Finding::unknown(format!(
            "NAT gateway {} is pending: it forwards nothing yet, and works in some minutes unless its creation fails",
            nat.id
        )),
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
            let vpc = &table.vpc;
            let text = format!(
                "{what} is in {subnet}, whose route table {} has no route 0.0.0.0/0 to an internet gateway of {}",
                table.id, table.vpc
            );
            // A route that leads to something that is there may be meant for that.
            let (meant, table) = (leads_elsewhere(paths, subnet), Some(*table));
            Finding::fail(text).fixed_by_all(to_internet_gateway(paths, vpc, table.filter(|_| !meant)))
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
        Fault::NotInUse(interface) => Finding::fail(format!(
            "network interface {} is {}: no NAT instance has it",
            interface.id, interface.status
        ))
        .fixed_by(format!(
            "attach it to the NAT instance, in place of INSTANCE: aws ec2 attach-network-interface --network-interface-id {} --instance-id INSTANCE --device-index 1",
            word(&interface.id)
        )),
        Fault::Closed {
            interface,
            what,
            remedy,
            ..
        } => {
            let groups: Vec<String> = interface.groups.iter().map(ToString::to_string).collect();
            let text = format!(
                "the groups of network interface {} ({}) do not let tcp {} {what}",
                interface.id,
                groups.join(", "),
                traveller.port
            );
            remedy.iter().cloned().fold(Finding::fail(text), Finding::fixed_by)
        }
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
        ipv6_routes(paths, traveller, subnet, &mut findings, &mut evidence);
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
    if public_part(passage.blocked).is_empty() {
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

fn ipv6_routes(
    paths: &Paths<'_>,
    traveller: &Traveller<'_>,
    subnet: &Subnet,
    findings: &mut Vec<Finding>,
    evidence: &mut Vec<String>,
) {
    match ways_out(paths, &subnet.id, true) {
        Ok(ways) => {
            for way in &ways {
                ipv6_route(paths, traveller, subnet, way, findings, evidence);
            }
            judge_side_roads(paths, &subnet.id, true, findings, evidence);
        }
        Err(gap) => findings.push(Finding::unknown(format!("{}: {gap}", subnet.id))),
    }
}

fn ipv6_route(
    paths: &Paths<'_>,
    traveller: &Traveller<'_>,
    subnet: &Subnet,
    way: &WayOut<'_>,
    findings: &mut Vec<Finding>,
    evidence: &mut Vec<String>,
) {
    let (id, vpc) = (&subnet.id, &subnet.vpc);
    let WayOut { table, exit, .. } = way;
    let range = way.range(true);
    let gateways = &paths.network().egress_only_gateways;
    let attached = gateways
        .known()
        .into_iter()
        .flatten()
        .find(|gateway| gateway.vpc.as_ref() == Some(vpc));
    let text = match exit {
        Exit::Elsewhere(RouteTarget::EgressOnly(gateway)) => match (gateways.read(), attached) {
            (Ok(_), Some(found)) if found.id == *gateway => {
                evidence.push(format!("{id}: {} has {range} through {gateway}", table.id));
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
                "{id}: {range} of {} leads to egress-only internet gateway {gateway}, which is not attached to {vpc}",
                table.id
            ),
        },
        Exit::InternetGateway(gateway) => {
            let leads = format!("{id}: {range} of {} leads to internet gateway {gateway}", table.id);
            match through_internet_gateway(paths, subnet, gateway, &leads) {
                Ok(finding) => return findings.push(finding),
                Err(text) => text,
            }
        }
        Exit::Doubtful(target, why) => {
            return findings.push(Finding::unknown(format!(
                "{id}: {range} of {} leads to {target}: {why}",
                table.id
            )));
        }
        exit @ Exit::Elsewhere(target) if exit.is_dead_end() => {
            return findings.push(Finding::fail(format!(
                "{id}: {range} of {} leads to {target}, and a peered VPC gives no way to the internet through its own gateways",
                table.id
            )));
        }
        Exit::Elsewhere(target) => {
            return findings.push(Finding::unknown(format!(
                "{id}: {range} of {} leads to {target}, and what lies behind it is not known",
                table.id
            )));
        }
        Exit::Blackhole(target) => format!(
            "{id}: {range} of {} leads to {target}, which is gone (blackhole)",
            table.id
        ),
        Exit::Nat(target) => format!(
            "{id}: {range} of {} leads to NAT gateway {target}, which does not translate IPv6",
            table.id
        ),
        Exit::Instance(target) => {
            let leads = format!("{id}: {range} of {}", table.id);
            return findings.push(ipv6_instance(paths, traveller, id, target, &leads));
        }
        Exit::None => format!(
            "{id}: Ipv6AllowedForDualStack is set, but {} has no route {range}",
            table.id
        ),
    };
    let verb = if matches!(exit, Exit::None) {
        "create-route"
    } else {
        "replace-route"
    };
    let destination = match way.route {
        Some(route) => route.destination.option(),
        None => format!("--destination-ipv6-cidr-block {range}"),
    };
    let lead = |gateway: &str| {
        format!(
            "aws ec2 {verb} --route-table-id {} {destination} --egress-only-internet-gateway-id {gateway}",
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

/// The finding of a subnet that leads IPv6 to an internet gateway; an error where the gateway is not attached to the VPC.
fn through_internet_gateway(
    paths: &Paths<'_>,
    subnet: &Subnet,
    gateway: &InternetGatewayId,
    leads: &str,
) -> Result<Finding, String> {
    let vpc = &subnet.vpc;
    match paths.network().attached_gateway(gateway, vpc) {
        Ok(Some(_)) => {
            let stopped = public_access::of_ipv6(paths, vpc, &subnet.id, Through::Gateway);
            Ok(stopped.err().unwrap_or_else(|| {
                Finding::warn(format!(
                    "{leads}, through which the internet reaches the subnet's IPv6 addresses; an egress-only internet gateway lets no connections in"
                ))
            }))
        }
        Ok(None) => Err(format!("{leads}, which is not attached to {vpc}")),
        Err(why) => Ok(Finding::unknown(format!("{leads}: {why}"))),
    }
}

/// What an instance forwards over IPv6 does not show; what it drops does.
fn ipv6_instance(
    paths: &Paths<'_>,
    traveller: &Traveller<'_>,
    subnet: &SubnetId,
    interface: &InterfaceId,
    leads: &str,
) -> Finding {
    match instance_fault(paths, traveller, subnet, interface, true) {
        None | Some(Fault::Unknown(_)) => Finding::unknown(format!("{leads} leads to network interface {interface}")),
        Some(fault) => {
            let mut finding = nat_finding(paths, traveller, &fault);
            finding.text = format!("{leads}: {}", finding.text);
            // `internet setup` builds nothing for IPv6.
            finding.remedies.retain(|remedy| !remedy.starts_with("autoconnect "));
            finding
        }
    }
}

/// An invocation lands in any of the subnets: where one of them has no way out, its share of the cold starts fails.
fn agreement(paths: &Paths<'_>, traveller: &Traveller<'_>) -> Check {
    let BySubnet { out, shut, untold } = BySubnet::of(paths, traveller, &traveller.subnets);
    let (some, all) = (shut.len(), traveller.subnets.len());
    let mut findings = Vec::new();
    if !untold.is_empty() && traveller.subnets.len() > 1 {
        findings.push(Finding::unknown(format!(
            "whether the subnets agree: it is not known whether {} {} the internet",
            listed(&untold),
            number(&untold, "reaches", "reach")
        )));
    }
    if !shut.is_empty() && !out.is_empty() {
        findings.push(Finding::fail(format!(
            "the subnets differ: {} {} the internet, {} {} not; of the cold starts of {}, {some} of {all} fail",
            listed(&out),
            number(&out, "reaches", "reach"),
            listed(&shut),
            number(&shut, "does", "do"),
            traveller.name,
        )));
    }
    let passed = if shut.is_empty() {
        "the subnets agree"
    } else {
        "the subnets agree: none of them reaches the internet"
    };
    let evidence = out
        .iter()
        .map(|subnet| format!("{subnet} reaches the internet"))
        .chain(
            shut.iter()
                .map(|subnet| format!("{subnet} does not reach the internet")),
        )
        .collect();
    Check::of("subnets-agree", passed, evidence, findings)
}

fn number<'w, T>(of: &[T], one: &'w str, more: &'w str) -> &'w str {
    if of.len() == 1 { one } else { more }
}

/// Subnets, by whether a traveller's requests from them reach the internet over IPv4: by the routes, what these lead to, the
/// ACLs, and the groups.
#[derive(Default)]
pub(crate) struct BySubnet<'s> {
    /// From these they do.
    pub out: Vec<&'s SubnetId>,
    /// From these they do not.
    pub shut: Vec<&'s SubnetId>,
    /// From these it is not known.
    pub untold: Vec<&'s SubnetId>,
}

impl<'s> BySubnet<'s> {
    pub(crate) fn of(paths: &Paths<'_>, traveller: &Traveller<'s>, subnets: &[&'s SubnetId]) -> Self {
        let mut sorted = Self::default();
        for subnet in subnets {
            let subnets = match verdict(&way_over_ipv4(paths, &traveller.alone(subnet))) {
                Status::Pass | Status::Warn => &mut sorted.out,
                Status::Fail => &mut sorted.shut,
                Status::Unknown => &mut sorted.untold,
            };
            subnets.push(subnet);
        }
        sorted
    }
}

fn zones(paths: &Paths<'_>, traveller: &Traveller<'_>) -> Check {
    let (mut findings, mut evidence) = (Vec::new(), Vec::new());
    let zone = |id: &SubnetId| paths.zone(id);
    let own: BTreeSet<&str> = traveller.subnets.iter().filter_map(|id| zone(id)).collect();
    let unseen: Vec<String> = traveller
        .subnets
        .iter()
        .filter(|id| zone(id).is_none())
        .map(ToString::to_string)
        .collect();
    if own.len() == 1 && unseen.is_empty() {
        let only: Vec<&str> = own.iter().copied().collect();
        findings.push(Finding::warn(format!(
            "all subnets are in {}: if that Availability Zone fails, {} fails",
            only.join(""),
            traveller.name
        )));
    }
    if own.len() < 2 && !unseen.is_empty() {
        findings.push(Finding::unknown(format!(
            "it is not known in which Availability Zones {} {}",
            unseen.join(", "),
            number(&unseen, "is", "are")
        )));
    }
    let (mut served, mut regional) = (BTreeSet::new(), BTreeSet::new());
    for subnet in &traveller.subnets {
        let ways = match ways_out(paths, subnet, false) {
            Ok(ways) => ways,
            Err(gap) => {
                findings.push(Finding::unknown(format!("{subnet}: {gap}")));
                continue;
            }
        };
        let mut is_served = !ways.is_empty();
        for way in ways {
            let Exit::Nat(id) = way.exit else {
                is_served = false;
                continue;
            };
            let nats = match paths.network().nat_gateways.read() {
                Ok(nats) => nats,
                Err(why) => {
                    findings.push(Finding::unknown(format!("NAT gateway {id}: {why}")));
                    is_served = false;
                    continue;
                }
            };
            match nat_fault(paths, id) {
                None | Some(Fault::Pending(_)) => {}
                // It may work: the zone that it is in counts all the same.
                Some(Fault::Unknown(_)) => is_served = false,
                Some(_) => {
                    is_served = false;
                    continue;
                }
            }
            let nat = nats.iter().find(|nat| nat.id == *id);
            if nat.is_some_and(NatGateway::is_regional) {
                regional.insert(id);
                evidence.push(format!("regional NAT gateway {id} serves all Availability Zones"));
                continue;
            }
            let nat = nat.and_then(|nat| nat.subnet.as_ref());
            match (zone(subnet), nat.and_then(zone)) {
                (Some(own), Some(other)) if own != other => findings.push(Finding::warn(format!(
                    "{subnet} is in {own}, its NAT gateway {id} in {other}: traffic between zones is charged, and a failure of either zone interrupts it"
                ))),
                (Some(own), Some(_)) => evidence.push(format!("{subnet} and NAT gateway {id} are in {own}")),
                _ => is_served = false,
            }
        }
        if is_served {
            served.insert(subnet);
        }
    }
    let all_served = traveller.subnets.iter().all(|subnet| served.contains(subnet));
    let passed = match (all_served, regional.is_empty()) {
        (true, true) => "the subnets are in several Availability Zones, each served by a NAT gateway of its own",
        (true, false) => {
            "the subnets are in several Availability Zones, each served by a NAT gateway of its own or a regional one"
        }
        (false, _) => "the subnets are in several Availability Zones",
    };
    if own.len() > 1 {
        let zones: Vec<&str> = own.iter().copied().collect();
        evidence.push(format!("{} is in {}", traveller.name, zones.join(", ")));
    }
    Check::of("zones", passed, evidence, findings)
}
