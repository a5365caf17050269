//! AWS services without the internet: through an interface endpoint or a gateway endpoint, or else through the
//! internet.
//!
//! Source: docs/internet.md, "AWS services", and the VPC user guide on private names: where an interface endpoint has
//! private DNS on, the service's name leads to it in all of the VPC, so that it has to work, internet or not.

use std::collections::{BTreeMap, BTreeSet};

use super::checks::BySubnet;
use super::names;
use super::way::{Exit, exit_of, public_part};
use super::{Traveller, acls};
use crate::diagnostics::connection::dns::resolves;
use crate::diagnostics::{Check, Finding, Status};
use crate::endpoint::{HTTPS, Naming, by_name, judge, listed, modify, named, of_service, read_policy, unnamed, worst};
use crate::escape::word;
use crate::model::network::{Destination, Endpoint, EndpointKind, Part, Route, RouteTarget, WELL_KNOWN, has_gateway};
use crate::model::{Direction, Peer, PrefixListId, SubnetId};
use crate::policy::{Caller, Reach, names_account, reach_through_endpoint};
use crate::reachability::leg::acls::Numbers;
use crate::reachability::leg::authorize;
use crate::reachability::{Addresses, Block, Paths, Ports};
use crate::similar::similar;

/// The answer about a service.
pub(crate) struct Service {
    /// As it was asked for.
    pub name: String,
    pub check: Check,
    /// The subnets from which the internet is the way to it, and not known to be open.
    pub lack_internet: Vec<SubnetId>,
}

pub(crate) fn all(paths: &Paths<'_>, traveller: &Traveller<'_>, region: &str, services: &[String]) -> Vec<Service> {
    let traveller = Traveller {
        port: HTTPS,
        ..traveller.clone()
    };
    let services = services.iter();
    services
        .map(|service| one(paths, &traveller, region, service))
        .collect()
}

/// Whether the traveller reaches a service.
pub(crate) fn status(paths: &Paths<'_>, traveller: &Traveller<'_>, service: &str) -> Status {
    let services = all(paths, traveller, traveller.region, &[service.to_owned()]);
    let statuses = services.iter().map(|service| service.check.status);
    statuses.max().unwrap_or_default()
}

/// What is wrong with the way to an interface endpoint whose name counts.
pub(crate) fn faults(paths: &Paths<'_>, traveller: &Traveller<'_>, endpoint: &Endpoint) -> Vec<Finding> {
    let subnets = traveller.subnet_ids();
    let asker = traveller.asker(&subnets);
    let way = judge(paths, &asker, endpoint, policy(traveller, endpoint));
    way.findings.into_iter().chain(way.outbound).collect()
}

/// What an endpoint's policy makes of the traveller's requests. Which requests it sends is not known: only a policy that
/// allows all of them is good, and only one that allows none of them fails.
pub(crate) fn policy(traveller: &Traveller<'_>, endpoint: &Endpoint) -> Vec<Finding> {
    let Some(role) = traveller.role else {
        return Vec::new();
    };
    let (told, policy) = match read_policy(endpoint) {
        Ok(Some(read)) => read,
        Ok(None) => return Vec::new(),
        Err(unread) => return vec![unread],
    };
    let service = short_name(&endpoint.service, traveller.region);
    let is_gateway = endpoint.kind == EndpointKind::Gateway;
    let (caller, principals) = if is_gateway {
        (
            Caller::ByGateway(role),
            "; by a gateway endpoint, an account as Principal is its root user only: a role needs Principal \"*\", with a condition on aws:PrincipalArn",
        )
    } else {
        (Caller::Role(role), "")
    };
    match reach_through_endpoint(&policy, caller, service) {
        Reach::All => Vec::new(),
        Reach::Nothing => vec![
            Finding::fail(format!(
                "{told} does not allow {role} anything of {service}{}",
                if names_account(&policy, role) { principals } else { "" }
            ))
            .fixed_by(format!(
                "add a statement to the policy of {} that allows {role} what the function calls: {}",
                endpoint.id,
                modify(endpoint, "--policy-document file://policy.json")
            )),
        ],
        Reach::Some => vec![Finding::warn(format!(
            "{told} allows {role} only some requests: check that they include those of the function"
        ))],
        Reach::Unknown => vec![Finding::unknown(format!(
            "what {told} allows {role} depends on conditions"
        ))],
        Reach::Principal => vec![Finding::unknown(format!(
            "{told} names {role} as Principal; gateway endpoints need Principal \"*\" with a condition on aws:PrincipalArn, and it is not known what they make of this one"
        ))],
    }
}

fn one(paths: &Paths<'_>, traveller: &Traveller<'_>, region: &str, service: &str) -> Service {
    let id = format!("service-{service}");
    if let Err(why) = paths.network().endpoints.read() {
        // A private name that cannot be seen may lead away from the internet.
        let finding = Finding::unknown(format!("{service}: the endpoints of {}: {why}", traveller.vpc));
        return Service {
            name: service.to_owned(),
            check: Check::of(&id, "", Vec::new(), vec![finding]),
            lack_internet: Vec::new(),
        };
    }
    let endpoints = of_service(paths.network(), traveller.vpc, region, service);
    let by_name = by_name(paths.network(), &endpoints);
    let named_by_endpoint = by_name.is_some();
    let mut way = match by_name {
        Some((endpoint, is_sure)) => {
            let named = by_interface(paths, traveller, service, endpoint);
            let other = || otherwise(paths, traveller, service, &endpoints);
            if !is_sure {
                let doubt = format!(
                    "could not read whether the name of {service} resolves to interface endpoint {} (DnsOptions)",
                    endpoint.id
                );
                either(&doubt, service, named, other())
            } else if names_off(paths, traveller) {
                without_names(service, endpoint, named, other())
            } else {
                named
            }
        }
        None => otherwise(paths, traveller, service, &endpoints),
    };
    if way.by_endpoint {
        names::of_region(paths, traveller, service, &mut way);
    }
    let Way {
        how,
        lack_internet,
        mut evidence,
        mut findings,
        ..
    } = way;
    match named(paths.network(), region, service, None) {
        Naming::Service(found) if !found.private_names.is_empty() && named_by_endpoint => {
            evidence.push(format!("private DNS resolves {} to it", found.private_names.join(", ")));
        }
        _ => {}
    }
    if endpoints.is_empty() {
        findings.extend(doubt(paths, region, service));
    }
    Service {
        name: service.to_owned(),
        check: Check::of(&id, &format!("{service} is reached {how}"), evidence, findings),
        lack_internet,
    }
}

/// `s3` of `com.amazonaws.REGION.s3`.
fn short_name<'s>(service: &'s str, region: &str) -> &'s str {
    let region = format!(".{region}.");
    service.split_once(&region).map_or(service, |(_, short)| short)
}

/// Where the Region's names could not be read, one that not every Region has may be mistyped.
fn doubt(paths: &Paths<'_>, region: &str, service: &str) -> Option<Finding> {
    let Some(Part::Unread(why)) = &paths.network().services else {
        return None;
    };
    let short = short_name(service, region);
    if WELL_KNOWN.contains(&short) || names::is_global_only(short) {
        return None;
    }
    let names = WELL_KNOWN.iter().map(ToString::to_string).collect();
    let near = match similar(short, names).first() {
        Some(near) => format!(" (did you mean {near}?)"),
        None => String::new(),
    };
    Some(Finding::unknown(format!(
        "could not read whether {region} has a service {service} for VPC endpoints{near}: {why}"
    )))
}

/// A way to a service.
pub(crate) struct Way {
    /// In words, behind "is reached".
    how: String,
    /// Whether an endpoint is among it.
    by_endpoint: bool,
    /// The subnets from which the internet is the way, and not known to be open.
    lack_internet: Vec<SubnetId>,
    /// What it rests on.
    pub(crate) evidence: Vec<String>,
    /// What is wrong with it.
    pub(crate) findings: Vec<Finding>,
}

fn by_interface(paths: &Paths<'_>, traveller: &Traveller<'_>, service: &str, endpoint: &Endpoint) -> Way {
    Way {
        how: format!("through interface endpoint {}", endpoint.id),
        by_endpoint: true,
        lack_internet: Vec::new(),
        evidence: vec![format!(
            "{service}: interface endpoint {} with private DNS",
            endpoint.id
        )],
        findings: faults(paths, traveller, endpoint),
    }
}

/// Whether a VPC lacks DNS host names, which private DNS of endpoints needs: where names lead then is not documented.
fn names_off(paths: &Paths<'_>, traveller: &Traveller<'_>) -> bool {
    let dns = paths.vpc(traveller.vpc).and_then(|vpc| vpc.dns.known());
    dns.is_some_and(|dns| dns.support && !dns.hostnames)
}

/// Without DNS host names, private DNS does not serve as it should. Where the other way does not either, that counts.
fn without_names(service: &str, endpoint: &Endpoint, mut named: Way, other: Way) -> Way {
    match worst(&other.findings) {
        Status::Fail => named,
        Status::Unknown => {
            for finding in &mut named.findings {
                finding.status = finding.status.min(Status::Unknown);
            }
            named
        }
        Status::Pass | Status::Warn => {
            let doubt = format!(
                "private DNS of interface endpoint {} needs DNS host names, and it is not documented where the name of {service} leads without them",
                endpoint.id
            );
            either(&doubt, service, named, other)
        }
    }
}

/// Where it is not known to which of two ways the name leads, both have to be good.
fn either(doubt: &str, service: &str, named: Way, other: Way) -> Way {
    let is_good = |way: &Way| worst(&way.findings) < Status::Unknown;
    let mut findings: Vec<Finding> = Vec::new();
    if is_good(&named) != is_good(&other) {
        let (bad, good) = if is_good(&named) {
            (other, named)
        } else {
            (named, other)
        };
        let why: Vec<&Finding> = bad
            .findings
            .iter()
            .filter(|found| found.status >= Status::Unknown)
            .collect();
        let texts: Vec<&str> = why.iter().map(|finding| finding.text.as_str()).collect();
        let finding = Finding::unknown(format!(
            "{doubt}: {service} is reached {}, and not {} ({})",
            good.how,
            bad.how,
            texts.join("; ")
        ));
        let remedies = why.iter().flat_map(|finding| finding.remedies.clone());
        findings.push(finding.fixed_by_all(remedies));
        return Way {
            how: good.how,
            by_endpoint: good.by_endpoint,
            lack_internet: Vec::new(),
            evidence: good.evidence,
            findings,
        };
    }
    // It fails only where both fail.
    let worst = worst(&named.findings).min(worst(&other.findings));
    findings.extend(named.findings);
    findings.extend(other.findings);
    for finding in &mut findings {
        finding.status = finding.status.min(worst);
    }
    Way {
        how: format!("{} or {}", named.how, other.how),
        by_endpoint: true,
        lack_internet: match worst {
            Status::Fail => named.lack_internet.into_iter().chain(other.lack_internet).collect(),
            _ => Vec::new(),
        },
        evidence: named.evidence.into_iter().chain(other.evidence).collect(),
        findings,
    }
}

/// The way to a service whose name leads to its public addresses: gateway endpoints, and the internet.
fn otherwise(paths: &Paths<'_>, traveller: &Traveller<'_>, service: &str, endpoints: &[&Endpoint]) -> Way {
    let mut evidence = Vec::new();
    let mut findings = Vec::new();
    resolves(paths, traveller.vpc, &mut findings, &mut Vec::new());
    let mut numbers = Numbers::default();
    let (mut served, mut left): (Vec<&SubnetId>, Vec<&SubnetId>) = (Vec::new(), Vec::new());
    let gateways = endpoints.iter().copied();
    let gateways: Vec<&Endpoint> = gateways
        .filter(|found| found.kind == EndpointKind::Gateway && found.state == "available")
        .collect();
    for &subnet in &traveller.subnets {
        let table = match paths.route_table(subnet) {
            Ok(table) => Some(&table.id),
            Err(_) if gateways.is_empty() => None,
            Err(gap) => {
                let text = format!("whether {subnet} leads to a gateway endpoint for {service}: {gap}");
                findings.push(Finding::unknown(text));
                continue;
            }
        };
        let of_table = |found: &&&Endpoint| table.is_some_and(|table| found.route_tables.contains(table));
        if let Some(endpoint) = gateways.iter().find(of_table) {
            served.push(subnet);
            evidence.push(format!("{service} from {subnet}: gateway endpoint {}", endpoint.id));
            findings.extend(by_gateway(paths, traveller, service, endpoint, subnet, &mut numbers));
        } else {
            left.push(subnet);
            findings.extend(gone_gateway(paths, traveller, service, endpoints, subnet));
        }
    }
    let (by_internet, lack_internet) = by_internet(paths, traveller, service, endpoints, &left, &mut evidence);
    findings.extend(by_internet);
    let mut seen = BTreeSet::new();
    findings.retain(|finding: &Finding| seen.insert(finding.text.clone()));
    let how = match (served.is_empty(), left.is_empty()) {
        (false, true) => "through a gateway endpoint".to_owned(),
        (false, false) => format!(
            "through a gateway endpoint from {}, and through the internet from {}",
            listed(&served),
            listed(&left)
        ),
        (true, _) => "through the internet".to_owned(),
    };
    Way {
        how,
        by_endpoint: !served.is_empty(),
        lack_internet,
        evidence,
        findings,
    }
}

/// What a route to a prefix list does after its gateway endpoint was deleted: requests to these addresses are dropped, also where
/// a NAT gateway would lead to them.
fn gone_gateway(
    paths: &Paths<'_>,
    traveller: &Traveller<'_>,
    service: &str,
    endpoints: &[&Endpoint],
    subnet: &SubnetId,
) -> Vec<Finding> {
    if !has_gateway(service) {
        return Vec::new();
    }
    let table = paths.route_table(subnet).ok();
    let gone = table.into_iter().flat_map(|table| &table.routes).filter_map(|route| {
        match (&route.target, &route.destination, route.is_blackhole()) {
            (RouteTarget::Endpoint(endpoint), Destination::PrefixList(list), true) => Some((endpoint, list)),
            _ => None,
        }
    });
    let all = paths.network().endpoints.known().into_iter().flatten();
    let all: Vec<&Endpoint> = all.filter(|found| found.vpc == *traveller.vpc).collect();
    let told = gone.filter_map(|(endpoint, list)| {
        let text = format!(
            "{subnet}: {} leads {list} to {endpoint}, which is gone (blackhole)",
            table.map(|table| table.id.to_string()).unwrap_or_default()
        );
        let remedy = |finding: Finding| match table {
            Some(table) => finding.fixed_by(format!(
                "aws ec2 delete-route --route-table-id {} --destination-prefix-list-id {}",
                word(&table.id),
                word(list)
            )),
            None => finding,
        };
        // Other routes to this list tell of which service it is, where their endpoint is there.
        let tables = paths.network().route_tables.known().into_iter().flatten();
        let to_list = tables
            .flat_map(|table| &table.routes)
            .filter(|route| matches!(&route.destination, Destination::PrefixList(other) if other == list));
        let ids: Vec<_> = to_list
            .filter_map(|route| match &route.target {
                RouteTarget::Endpoint(id) => Some(id),
                _ => None,
            })
            .collect();
        if endpoints.iter().any(|found| ids.contains(&&found.id)) {
            let text = format!("{text}: requests to {service} time out");
            return Some(remedy(Finding::fail(text)));
        }
        if all.iter().any(|found| ids.contains(&&found.id)) {
            return None;
        }
        let text = format!("{text}; if {list} is the prefix list of {service}, requests to {service} time out");
        Some(remedy(Finding::unknown(text)))
    });
    told.collect()
}

/// From subnets that no endpoint serves, the internet is the way: what is wrong with that, and from which subnets it is.
fn by_internet(
    paths: &Paths<'_>,
    traveller: &Traveller<'_>,
    service: &str,
    endpoints: &[&Endpoint],
    left: &[&SubnetId],
    evidence: &mut Vec<String>,
) -> (Vec<Finding>, Vec<SubnetId>) {
    let BySubnet { out, shut, untold } = BySubnet::of(paths, traveller, left);
    evidence.extend(
        out.iter()
            .map(|subnet| format!("{service} from {subnet}: through the internet")),
    );
    let lacking = shut.iter().chain(&untold).map(|&subnet| subnet.clone()).collect();
    let (interfaces, others): (Vec<&Endpoint>, Vec<&Endpoint>) = endpoints
        .iter()
        .partition(|endpoint| endpoint.kind == EndpointKind::Interface);
    let unnamed = interfaces.into_iter().find_map(unnamed);
    let why = match (&unnamed, others.first()) {
        (Some(finding), _) => finding.text.clone(),
        (None, Some(endpoint)) => format!(
            "{} endpoint {} is in state {} and in {} route tables, not in those of these subnets",
            endpoint.kind,
            endpoint.id,
            endpoint.state,
            endpoint.route_tables.len()
        ),
        (None, None) => format!("{} has no endpoint for it", traveller.vpc),
    };
    let mut findings = Vec::new();
    if !shut.is_empty() {
        let is_global = names::is_global_only(service);
        let finding = Finding::fail(format!(
            "{service} is not reachable from {}: {why}, and there is no path to the internet{}",
            listed(&shut),
            if is_global {
                "; it has one endpoint for all Regions, which an endpoint in this VPC cannot replace"
            } else {
                ""
            }
        ));
        findings.push(match unnamed {
            Some(unnamed) => finding.fixed_by_all(unnamed.remedies),
            None if is_global => finding.fixed_by(format!("autoconnect internet setup {}", traveller.option)),
            None => finding.fixed_by(format!(
                "autoconnect internet setup {} --service {}",
                traveller.option,
                word(service)
            )),
        });
    }
    if !untold.is_empty() {
        findings.push(Finding::unknown(format!(
            "it is not known whether {service} is reachable from {}: {why}, and it is not known whether there is a path to the internet",
            listed(&untold)
        )));
    }
    (findings, lacking)
}

/// What is wrong with the way to a gateway endpoint. The service keeps its public addresses: groups and ACLs have to let
/// them through.
fn by_gateway<'n>(
    paths: &Paths<'n>,
    traveller: &Traveller<'_>,
    service: &str,
    endpoint: &Endpoint,
    subnet: &SubnetId,
    numbers: &mut Numbers<'n>,
) -> Vec<Finding> {
    let Some(subnet) = paths.subnet(subnet).map(|subnet| &subnet.id) else {
        return vec![Finding::unknown(format!("{subnet} cannot be seen from this account"))];
    };
    let list = list_of(paths, endpoint, subnet);
    let known = list.and_then(|list| ranges_of(paths, list));
    let mut findings = policy(traveller, endpoint);
    findings.extend(not_led(
        paths,
        service,
        endpoint,
        subnet,
        known.as_deref().unwrap_or_default(),
    ));
    let ranges = known.clone().unwrap_or_else(|| vec![Addresses::ALL_V4]);
    let mut open = Vec::new();
    let mut shut = Vec::new();
    for range in ranges {
        let acl = acls::out_to(paths, subnet, range, HTTPS, numbers);
        // Of a part of the internet it is not known whether the service is there.
        findings.extend(acl.findings.into_iter().map(|mut finding| {
            if known.is_none() && !acl.denies_all {
                finding.status = finding.status.min(Status::Unknown);
            }
            finding.text = format!(
                "{}; {service} is reached through gateway endpoint {} at its public addresses",
                finding.text, endpoint.id
            );
            finding
        }));
        let wanted = Block {
            addresses: range,
            ports: Ports::only(HTTPS),
        };
        let passage = paths.passage(&traveller.groups, Direction::Egress, wanted, &[]);
        let blocked = public_part(passage.blocked);
        if blocked.is_empty() {
            open.push(range);
        } else {
            shut.push((range, !passage.by.is_empty(), passage.gaps));
        }
    }
    if shut.is_empty() || list.is_some_and(|list| lets_out_to(paths, traveller, list)) {
        return findings;
    }
    let groups: Vec<String> = traveller.groups.iter().map(ToString::to_string).collect();
    let text = format!(
        "no group of {} ({}) lets tcp {HTTPS} out to all addresses of {service}, to which gateway endpoint {} leads",
        traveller.name,
        groups.join(", "),
        endpoint.id
    );
    let is_partly_open = shut.iter().any(|(_, is_partly, _)| *is_partly);
    let finding = match shut.iter().find_map(|(_, _, gaps)| gaps.first()) {
        Some(gap) => Finding::unknown(format!("{text}, as far as is known: {gap}")),
        None if known.is_none() && is_partly_open => Finding::unknown(text),
        None => Finding::fail(text),
    };
    findings.push(match (list, traveller.groups.first()) {
        (Some(list), Some(group)) => finding.fixed_by(authorize(
            group,
            Direction::Egress,
            HTTPS,
            &format!("PrefixListIds=[{{PrefixListId={list}}}]"),
        )),
        _ => finding,
    });
    findings
}

/// The prefix list that the subnet's route to a gateway endpoint names.
fn list_of<'n>(paths: &Paths<'n>, endpoint: &Endpoint, subnet: &SubnetId) -> Option<&'n PrefixListId> {
    let table = paths.route_table(subnet).ok()?;
    table
        .routes
        .iter()
        .find_map(|route| match (&route.target, &route.destination) {
            (RouteTarget::Endpoint(id), Destination::PrefixList(list)) if *id == endpoint.id => Some(list),
            _ => None,
        })
}

/// Addresses of a service that a subnet's route table does not lead to its gateway endpoint: the route to the endpoint is gone,
/// or a longer prefix leads them elsewhere.
fn not_led(
    paths: &Paths<'_>,
    service: &str,
    endpoint: &Endpoint,
    subnet: &SubnetId,
    ranges: &[Addresses],
) -> Vec<Finding> {
    let Ok(table) = paths.route_table(subnet) else {
        return Vec::new();
    };
    let is_own = |route: &Route| matches!(&route.target, RouteTarget::Endpoint(id) if *id == endpoint.id);
    // Several ranges of the service can meet one route.
    let mut findings: BTreeMap<String, Finding> = BTreeMap::new();
    let own = table.routes.iter().filter(|route| is_own(route));
    for route in own.filter(|route| route.is_blackhole()) {
        let text = format!(
            "{subnet}: {} leads {} to gateway endpoint {}, and this route does not work (blackhole): requests to {service} time out",
            table.id, route.destination, endpoint.id
        );
        findings.insert(text.clone(), Finding::fail(text));
    }
    let hops = ranges.iter().flat_map(|range| paths.hops(subnet, *range));
    for hop in hops.flatten() {
        let Some(route) = hop.route.filter(|route| !is_own(route)) else {
            continue;
        };
        let road = format!(
            "{subnet}: {} leads {} to {}, and so addresses of {service} not to gateway endpoint {}",
            table.id, route.destination, route.target, endpoint.id
        );
        let finding = match exit_of(route) {
            Exit::Blackhole(_) => Finding::fail(format!("{road}; it is gone, and requests there time out")),
            Exit::Nat(_) => continue,
            Exit::InternetGateway(_) => Finding::fail(format!(
                "{road}; it drops private addresses, and requests there time out"
            )),
            exit if exit.is_dead_end() => Finding::fail(format!(
                "{road}; a peered VPC gives no way to the service, and requests there time out"
            )),
            _ => Finding::unknown(format!("{road}; what lies behind it is not known")),
        };
        findings.insert(finding.text.clone(), finding);
    }
    findings.into_values().collect()
}

/// The IPv4 ranges of a prefix list, where they could be read.
fn ranges_of(paths: &Paths<'_>, list: &PrefixListId) -> Option<Vec<Addresses>> {
    let lists = paths.network().prefix_lists.known()?;
    let entries = lists.iter().find(|found| found.id == *list)?.entries.known()?;
    let v4 = entries.iter().filter(|range| range.addr().is_ipv4());
    let ranges: Vec<Addresses> = v4.map(|&range| range.into()).collect();
    (!ranges.is_empty()).then_some(ranges)
}

/// Whether a rule lets HTTPS out to this very prefix list, also where its ranges could not be read.
fn lets_out_to(paths: &Paths<'_>, traveller: &Traveller<'_>, list: &PrefixListId) -> bool {
    let groups = paths.network().groups.known().into_iter().flatten();
    let mut rules = groups
        .filter(|group| traveller.groups.contains(&group.id))
        .flat_map(|group| &group.egress);
    rules.any(|rule| rule.lets_tcp(HTTPS) && matches!(&rule.peer, Peer::PrefixList(id) if id.as_str() == list.as_str()))
}
