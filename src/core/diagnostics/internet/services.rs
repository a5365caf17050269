//! AWS services without the internet: through an interface endpoint or a gateway endpoint, or else through the
//! internet.
//!
//! Source: docs/internet.md, "AWS services", and the VPC user guide on private names: where an interface endpoint has
//! private DNS on, the service's name leads to it in all of the VPC, so that it has to work, internet or not.

use std::collections::BTreeSet;

use super::checks::leads_out;
use super::names;
use super::way::public_part;
use super::{Traveller, acls};
use crate::diagnostics::connection::dns::resolves;
use crate::diagnostics::{Check, Finding, Status};
use crate::endpoint::{HTTPS, Naming, by_name, judge, modify, named, of_service, read_policy, unnamed, worst};
use crate::escape::word;
use crate::model::network::{Destination, Endpoint, EndpointKind, Part, RouteTarget};
use crate::model::{Direction, Peer, PrefixListId, SubnetId};
use crate::policy::{Caller, Reach, reach_through_endpoint};
use crate::reachability::leg::acls::Numbers;
use crate::reachability::leg::authorize;
use crate::reachability::{Addresses, Block, Paths, Ports};
use crate::similar::similar;

/// The answer about a service.
pub(crate) struct Service {
    pub check: Check,
    /// Whether the internet is a way to it, and not known to be open.
    pub lacks_internet: bool,
}

pub(crate) fn all(paths: &Paths<'_>, traveller: &Traveller<'_>, region: &str, services: &[String]) -> Vec<Service> {
    let internet = Traveller {
        port: HTTPS,
        ..traveller.clone()
    }
    .checks(paths);
    let failing: Vec<&Check> = internet
        .iter()
        .filter(|check| check.status >= Status::Unknown)
        .collect();
    services
        .iter()
        .map(|service| one(paths, traveller, region, service, &failing))
        .collect()
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
    match reach_through_endpoint(&policy, Caller::Role(role), service) {
        Reach::All => Vec::new(),
        Reach::Nothing => vec![
            Finding::fail(format!("{told} does not allow {role} anything")).fixed_by(format!(
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
    }
}

fn one(paths: &Paths<'_>, traveller: &Traveller<'_>, region: &str, service: &str, internet: &[&Check]) -> Service {
    let id = format!("service-{service}");
    if let Err(why) = paths.network().endpoints.read() {
        // A private name that cannot be seen may lead away from the internet.
        let finding = Finding::unknown(format!("{service}: the endpoints of {}: {why}", traveller.vpc));
        return Service {
            check: Check::of(&id, "", Vec::new(), vec![finding]),
            lacks_internet: false,
        };
    }
    let endpoints = of_service(paths.network(), traveller.vpc, region, service);
    let by_name = by_name(paths.network(), &endpoints);
    let named_by_endpoint = by_name.is_some();
    let mut way = match by_name {
        Some((endpoint, true)) => by_interface(paths, traveller, service, endpoint),
        Some((endpoint, false)) => {
            let other = otherwise(paths, traveller, service, &endpoints, internet);
            either(
                service,
                endpoint,
                by_interface(paths, traveller, service, endpoint),
                other,
            )
        }
        None => otherwise(paths, traveller, service, &endpoints, internet),
    };
    if way.by_endpoint {
        let has_internet = traveller
            .subnets
            .iter()
            .all(|subnet| leads_out(paths, subnet) == Some(true));
        names::of_region(traveller, service, has_internet, &mut way);
    }
    let Way {
        how,
        lacks_internet,
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
        check: Check::of(&id, &format!("{service} is reached {how}"), evidence, findings),
        lacks_internet,
    }
}

/// Services that every Region has, as far as AWS documents.
const WELL_KNOWN: [&str; 44] = [
    "athena",
    "autoscaling",
    "cloudformation",
    "cloudtrail",
    "codebuild",
    "cognito-idp",
    "config",
    "dynamodb",
    "ec2",
    "ec2messages",
    "ecr.api",
    "ecr.dkr",
    "ecs",
    "elasticache",
    "elasticfilesystem",
    "elasticloadbalancing",
    "email-smtp",
    "events",
    "execute-api",
    "kinesis-firehose",
    "glue",
    "kinesis-streams",
    "kms",
    "lambda",
    "logs",
    "monitoring",
    "rds",
    "rds-data",
    "redshift",
    "redshift-data",
    "s3",
    "sagemaker.api",
    "sagemaker.runtime",
    "secretsmanager",
    "servicecatalog",
    "sns",
    "sqs",
    "ssm",
    "ssmmessages",
    "states",
    "sts",
    "synthetics",
    "transfer",
    "xray",
];

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
    if WELL_KNOWN.contains(&short) {
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
    /// Whether the internet is among it, and not known to be open.
    lacks_internet: bool,
    /// What it rests on.
    pub(crate) evidence: Vec<String>,
    /// What is wrong with it.
    pub(crate) findings: Vec<Finding>,
}

fn by_interface(paths: &Paths<'_>, traveller: &Traveller<'_>, service: &str, endpoint: &Endpoint) -> Way {
    Way {
        how: format!("through interface endpoint {}", endpoint.id),
        by_endpoint: true,
        lacks_internet: false,
        evidence: vec![format!(
            "{service}: interface endpoint {} with private DNS",
            endpoint.id
        )],
        findings: faults(paths, traveller, endpoint),
    }
}

/// Where it is not known to which of two ways the name leads, both have to be good.
fn either(service: &str, endpoint: &Endpoint, named: Way, other: Way) -> Way {
    let id = &endpoint.id;
    let is_good = |way: &Way| worst(&way.findings) < Status::Unknown;
    let mut findings: Vec<Finding> = Vec::new();
    if is_good(&named) != is_good(&other) {
        let (bad, good) = if is_good(&named) {
            (other, named)
        } else {
            (named, other)
        };
        let text = |finding: &Finding| finding.text.clone();
        let why: Vec<String> = bad
            .findings
            .iter()
            .filter(|found| found.status >= Status::Unknown)
            .map(text)
            .collect();
        findings.push(Finding::unknown(format!(
            "could not read whether the name of {service} resolves to interface endpoint {id} (DnsOptions): {service} is reached {}, and not {} ({})",
            good.how,
            bad.how,
            why.join("; ")
        )));
        return Way {
            how: good.how,
            by_endpoint: good.by_endpoint,
            lacks_internet: false,
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
        lacks_internet: worst == Status::Fail && (named.lacks_internet || other.lacks_internet),
        evidence: named.evidence.into_iter().chain(other.evidence).collect(),
        findings,
    }
}

/// The way to a service whose name leads to its public addresses: gateway endpoints, and the internet.
fn otherwise(
    paths: &Paths<'_>,
    traveller: &Traveller<'_>,
    service: &str,
    endpoints: &[&Endpoint],
    internet: &[&Check],
) -> Way {
    let mut evidence = Vec::new();
    let mut findings = Vec::new();
    resolves(paths, traveller.vpc, &mut findings, &mut Vec::new());
    let mut numbers = Numbers::default();
    let mut left: Vec<&SubnetId> = Vec::new();
    let gateways: Vec<&Endpoint> = endpoints
        .iter()
        .copied()
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
        match gateways.iter().find(of_table) {
            Some(endpoint) => {
                evidence.push(format!("{service} from {subnet}: gateway endpoint {}", endpoint.id));
                findings.extend(by_gateway(paths, traveller, service, endpoint, subnet, &mut numbers));
            }
            None => left.push(subnet),
        }
    }
    let mut seen = BTreeSet::new();
    findings.retain(|finding: &Finding| seen.insert(finding.text.clone()));
    let by_internet = if left.is_empty() {
        None
    } else {
        by_internet(paths, traveller, service, endpoints, &left, internet, &mut evidence)
    };
    let lacks_internet = by_internet.is_some();
    findings.extend(by_internet);
    let how = if left.is_empty() {
        "through a gateway endpoint"
    } else {
        "through the internet"
    };
    Way {
        how: how.to_owned(),
        by_endpoint: left.len() < traveller.subnets.len(),
        lacks_internet,
        evidence,
        findings,
    }
}

/// From subnets that no endpoint serves, the internet is the way.
fn by_internet(
    paths: &Paths<'_>,
    traveller: &Traveller<'_>,
    service: &str,
    endpoints: &[&Endpoint],
    left: &[&SubnetId],
    internet: &[&Check],
    evidence: &mut Vec<String>,
) -> Option<Finding> {
    let lead_out = left.iter().all(|subnet| leads_out(paths, subnet) == Some(true));
    let others = ["network-acls", "security-groups"];
    if internet.is_empty() || (lead_out && !internet.iter().any(|check| others.contains(&check.id.as_str()))) {
        evidence.extend(
            left.iter()
                .map(|subnet| format!("{service} from {subnet}: through the internet")),
        );
        return None;
    }
    let subnets: Vec<&str> = left.iter().map(|subnet| subnet.as_str()).collect();
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
    let is_global = names::is_global_only(service);
    let text = format!(
        "{service} is not reachable from {}: {why}, and there is no path to the internet{}",
        subnets.join(", "),
        if is_global {
            "; it has one endpoint for all Regions, which an endpoint in this VPC cannot replace"
        } else {
            ""
        }
    );
    let is_unknown = internet.iter().all(|check| check.status == Status::Unknown);
    let finding = if is_unknown {
        Finding::unknown(text)
    } else {
        Finding::fail(text)
    };
    Some(match unnamed {
        Some(unnamed) => finding.fixed_by_all(unnamed.remedies),
        None if is_global => finding.fixed_by(format!("autoconnect internet setup {}", traveller.option)),
        None => finding.fixed_by(format!(
            "autoconnect internet setup {} --service {}",
            traveller.option,
            word(service)
        )),
    })
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
