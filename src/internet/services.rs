//! AWS services without the internet: an interface endpoint, a gateway endpoint, or the internet all the same.
//!
//! Source: spec/network.md, `internet`, and the VPC user guide on private names: where an interface endpoint has
//! private DNS on, the service's name leads to it in all of the VPC, so that it has to work, internet or not.

use super::Traveller;
use super::checks::leads_out;
use crate::check::{Check, Finding, Status};
use crate::diagnose::dns::private_names;
use crate::endpoint::authorize;
use crate::escape::word;
use crate::leg::{End, Leg, checks as leg_checks};
use crate::model::network::{Endpoint, EndpointKind};
use crate::model::{Direction, Side, SubnetId};
use crate::path::Paths;

/// The port that AWS services listen on.
pub(super) const HTTPS: u16 = 443;

/// Services that gateway endpoints are for.
pub(super) const BY_GATEWAY: [&str; 2] = ["dynamodb", "s3"];

pub(super) fn all(paths: &Paths<'_>, traveller: &Traveller<'_>, region: &str, services: &[String]) -> Vec<Check> {
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

/// Whether an endpoint is for a service: `secretsmanager`, or all of its name.
pub(super) fn is_for(endpoint: &Endpoint, region: &str, service: &str) -> bool {
    endpoint.service == service || endpoint.service.ends_with(&format!(".{region}.{service}"))
}

/// The endpoints of a service in the traveller's VPC.
pub(super) fn endpoints_of<'n>(
    paths: &Paths<'n>,
    traveller: &Traveller<'_>,
    region: &str,
    service: &str,
) -> Vec<&'n Endpoint> {
    let all = paths.network().endpoints.known().into_iter().flatten();
    all.filter(|endpoint| endpoint.vpc == *traveller.vpc && is_for(endpoint, region, service))
        .collect()
}

/// What is wrong with the way to an interface endpoint whose name counts.
pub(super) fn faults(paths: &Paths<'_>, traveller: &Traveller<'_>, endpoint: &Endpoint) -> Vec<Finding> {
    let id = &endpoint.id;
    let mut findings = Vec::new();
    if endpoint.state != "available" {
        let text = format!("endpoint {id} is {}, not available", endpoint.state);
        findings.push(if endpoint.state == "pending" {
            Finding::warn(text)
        } else {
            Finding::fail(text)
        });
    }
    let end = |side, name: String, subnets: Vec<_>, groups| End {
        side,
        name,
        vpc: traveller.vpc,
        subnets,
        groups,
    };
    let leg = Leg {
        from: end(
            Side::Function,
            traveller.name.clone(),
            traveller.subnets.clone(),
            traveller.groups.clone(),
        ),
        to: end(
            Side::Database,
            format!("endpoint {id}"),
            endpoint.subnets.iter().collect(),
            endpoint.groups.clone(),
        ),
        port: HTTPS,
        remedy: endpoint.groups.first().map(|group| {
            authorize(
                group,
                Direction::Ingress,
                HTTPS,
                "IpRanges=[{CidrIp=<the range of the subnets>}]",
            )
        }),
    };
    let (checks, _) = leg_checks(paths, &[leg]);
    for check in checks.into_iter().filter(|check| check.status != Status::Pass) {
        let mut finding = match check.status {
            Status::Fail => Finding::fail(check.message),
            Status::Unknown => Finding::unknown(check.message),
            Status::Pass | Status::Warn => Finding::warn(check.message),
        };
        for remedy in check.remedy.iter().flat_map(|remedy| remedy.lines()) {
            finding = finding.mended_by(remedy);
        }
        findings.push(finding);
    }
    findings
}

fn one(paths: &Paths<'_>, traveller: &Traveller<'_>, region: &str, service: &str, internet: &[&Check]) -> Check {
    let id = format!("service-{service}");
    let passed = format!("{service} is reached");
    if let Err(why) = paths.network().endpoints.read() {
        // A private name that cannot be seen may lead away from the internet.
        let finding = Finding::unknown(format!("{service}: the endpoints of {}: {why}", traveller.vpc));
        return Check::of(&id, "", Vec::new(), vec![finding]);
    }
    let endpoints = endpoints_of(paths, traveller, region, service);
    let named = endpoints
        .iter()
        .find(|found| found.kind == EndpointKind::Interface && found.private_dns);
    if let Some(endpoint) = named {
        let mut findings = faults(paths, traveller, endpoint);
        findings.extend(dns(paths, traveller, endpoint));
        findings.extend(elsewhere(paths, traveller, endpoint));
        let evidence = vec![format!(
            "{service}: interface endpoint {} with private DNS",
            endpoint.id
        )];
        return Check::of(
            &id,
            &format!("{passed} through interface endpoint {}", endpoint.id),
            evidence,
            findings,
        );
    }
    let mut evidence = Vec::new();
    let mut left: Vec<&SubnetId> = Vec::new();
    for subnet in &traveller.subnets {
        let table = paths.route_table(subnet).ok().map(|table| &table.id);
        let gateway = endpoints.iter().find(|found| {
            found.kind == EndpointKind::Gateway
                && found.state == "available"
                && table.is_some_and(|table| found.route_tables.contains(table))
        });
        match gateway {
            Some(endpoint) => evidence.push(format!("{service} from {subnet}: gateway endpoint {}", endpoint.id)),
            None => left.push(subnet),
        }
    }
    let mut findings = Vec::new();
    if !evidence.is_empty() {
        findings.extend(gateway_groups(paths, traveller, service));
    }
    if !left.is_empty() {
        findings.extend(by_internet(
            paths,
            traveller,
            service,
            &endpoints,
            &left,
            internet,
            &mut evidence,
        ));
    }
    let how = if left.is_empty() {
        "through a gateway endpoint"
    } else {
        "through the internet"
    };
    Check::of(&id, &format!("{passed} {how}"), evidence, findings)
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
    let without = endpoints
        .iter()
        .find(|endpoint| endpoint.kind == EndpointKind::Interface);
    let why = match (without, endpoints.first()) {
        (Some(endpoint), _) => format!(
            "interface endpoint {} has private DNS off, so that the service's name does not lead to it",
            endpoint.id
        ),
        (None, Some(endpoint)) => format!(
            "{} endpoint {} is in state {} and in {} route tables, not in those of these subnets",
            endpoint.kind,
            endpoint.id,
            endpoint.state,
            endpoint.route_tables.len()
        ),
        (None, None) => format!("{} has no endpoint for it", traveller.vpc),
    };
    let text = format!(
        "{service} is not reached from {}: {why}, and there is no way to the internet",
        subnets.join(", ")
    );
    let is_unknown = internet.iter().all(|check| check.status == Status::Unknown);
    let finding = if is_unknown {
        Finding::unknown(text)
    } else {
        Finding::fail(text)
    };
    Some(match without {
        Some(endpoint) => finding.mended_by(format!(
            "aws ec2 modify-vpc-endpoint --vpc-endpoint-id {} --private-dns-enabled",
            word(&endpoint.id)
        )),
        None => finding.mended_by(format!(
            "autoconnect internet setup {} --service {}",
            traveller.option,
            word(service)
        )),
    })
}

/// A gateway endpoint's service keeps its public addresses: a group has to let the traffic out to them.
fn gateway_groups(paths: &Paths<'_>, traveller: &Traveller<'_>, service: &str) -> Option<Finding> {
    let groups = paths.network().groups.known()?;
    let own = groups.iter().filter(|group| traveller.groups.contains(&group.id));
    let mut rules = own.flat_map(|group| &group.egress);
    // Its prefix list is one of AWS's own: a rule for any list, or for a range that is not private, may be for it.
    let may_pass = rules.any(|rule| match &rule.peer {
        crate::model::Peer::PrefixList(_) => true,
        crate::model::Peer::Cidr(cidr) => cidr == "0.0.0.0/0" || !is_private(cidr),
        crate::model::Peer::Group(_) => false,
    });
    let groups: Vec<String> = traveller.groups.iter().map(ToString::to_string).collect();
    (!may_pass).then(|| {
        Finding::fail(format!(
            "no group of {} ({}) lets anything out to the addresses of {service}, to which the gateway endpoint leads",
            traveller.name,
            groups.join(", ")
        ))
    })
}

fn is_private(cidr: &str) -> bool {
    cidr.parse::<ipnet::Ipv4Net>()
        .is_ok_and(|range| range.addr().is_private())
}

/// Private names need the VPC's own resolver and host names.
fn dns(paths: &Paths<'_>, traveller: &Traveller<'_>, endpoint: &Endpoint) -> Vec<Finding> {
    let mut findings = Vec::new();
    private_names(paths, traveller.vpc, &mut findings, &mut Vec::new());
    for finding in &mut findings {
        finding.text = format!("{}; endpoint {} depends on it", finding.text, endpoint.id);
    }
    findings
}

/// An endpoint in other zones only works, and every byte is charged for.
fn elsewhere(paths: &Paths<'_>, traveller: &Traveller<'_>, endpoint: &Endpoint) -> Option<Finding> {
    let zone = |id: &SubnetId| paths.subnet(id).map(|subnet| subnet.availability_zone.as_str());
    let of_endpoint: Vec<&str> = endpoint.subnets.iter().filter_map(zone).collect();
    let away: Vec<String> = traveller
        .subnets
        .iter()
        .filter(|subnet| zone(subnet).is_some_and(|zone| !of_endpoint.contains(&zone)))
        .map(ToString::to_string)
        .collect();
    (!away.is_empty() && !of_endpoint.is_empty()).then(|| {
        Finding::warn(format!(
            "endpoint {} has no interface in the Availability Zone of {}: traffic between zones is charged for",
            endpoint.id,
            away.join(", ")
        ))
    })
}
