//! What endpoints make of the requests to a service, decided from API descriptions alone.

use std::collections::BTreeSet;

use super::{Asker, Gate, HTTPS, Naming, listed, named};
use crate::diagnostics::connection::dns;
use crate::diagnostics::{Finding, Status};
use crate::escape::{word, words};
use crate::model::network::{Endpoint, EndpointKind, Network};
use crate::model::{Direction, GroupId, SubnetId, VpcId};
use crate::policy::PolicyDocument;
use crate::reachability::Paths;
use crate::reachability::leg::acls::Numbers;
use crate::reachability::leg::between;

/// What an interface endpoint makes of the requests to a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceWay {
    /// The endpoint, if there is one; of several the best.
    pub endpoint: Option<Endpoint>,
    /// What is wrong with it, except what the asker's own groups let out.
    pub findings: Vec<Finding>,
    /// What the asker's own groups do not let out to it.
    pub outbound: Vec<Finding>,
    /// What it rests on where nothing is wrong.
    pub evidence: Vec<String>,
}

impl ServiceWay {
    /// How well the endpoint serves, except what the asker's groups let out.
    pub fn status(&self) -> Status {
        worst(&self.findings)
    }

    /// Whether requests go to the endpoint even if there is another way to the service: its private DNS answers in all of the VPC.
    pub fn takes_requests(&self) -> bool {
        let is_only = |endpoint: &Endpoint| endpoint.only_inbound_resolver == Some(true);
        self.endpoint
            .as_ref()
            .is_some_and(|endpoint| endpoint.private_dns && !is_only(endpoint))
    }
}

/// The worst status of findings.
pub fn worst(findings: &[Finding]) -> Status {
    findings.iter().map(|finding| finding.status).max().unwrap_or_default()
}

/// The endpoints of a service in a VPC: `secretsmanager`, or all of its name.
pub fn of_service<'n>(network: &'n Network, vpc: &VpcId, region: &str, service: &str) -> Vec<&'n Endpoint> {
    // In China, some names have a further part before.
    let end = format!(".{region}.{service}");
    let is_for = |endpoint: &&Endpoint| endpoint.service == service || endpoint.service.ends_with(&end);
    let all = network.endpoints.known().into_iter().flatten();
    all.filter(|endpoint| endpoint.vpc == *vpc).filter(is_for).collect()
}

/// The interface endpoint that the service's name leads to, and whether it certainly does.
pub fn by_name<'n>(network: &Network, endpoints: &[&'n Endpoint]) -> Option<(&'n Endpoint, bool)> {
    let all = network.endpoints.known().map(Vec::as_slice).unwrap_or_default();
    let leads = endpoints.iter().filter_map(|endpoint| match endpoint.takes_names(all) {
        Some(false) => None,
        takes => Some((*endpoint, takes == Some(true))),
    });
    leads.min_by_key(|(_, is_sure)| !is_sure)
}

/// Whether an endpoint serves, or will.
pub fn is_alive(endpoint: &Endpoint) -> bool {
    let gone = ["deleting", "deleted", "failed", "rejected", "expired"];
    !gone.contains(&endpoint.state.as_str())
}

/// The interface endpoint of a service, `secretsmanager` say, for an asker. `policy` judges an endpoint's policy.
pub fn service_way(
    paths: &Paths<'_>,
    asker: &Asker<'_>,
    region: &str,
    service: &str,
    policy: impl Fn(&Endpoint) -> Vec<Finding>,
) -> ServiceWay {
    let network = paths.network();
    if let Err(why) = network.endpoints.read() {
        return ServiceWay {
            findings: vec![Finding::unknown(format!("the endpoints of {}: {why}", asker.vpc))],
            ..ServiceWay::default()
        };
    }
    let found = of_service(network, asker.vpc, region, service).into_iter();
    let of_service = found.filter(|endpoint| endpoint.kind == EndpointKind::Interface);
    let ways = of_service.map(|endpoint| judge(paths, asker, endpoint, policy(endpoint)));
    // Names resolve to the one with private DNS, even if there are others.
    let best = ways.min_by_key(|way| (!way.takes_requests(), way.status(), worst(&way.outbound)));
    best.unwrap_or_else(|| ServiceWay {
        findings: vec![match named(network, region, service, Some(&EndpointKind::Interface)) {
            Naming::NoSuch { .. } => Finding::fail(format!("{region} has no service {service} for VPC endpoints")),
            Naming::Service(found) => missing(asker, &found.name),
            Naming::Guess(name) => missing(asker, &name),
        }],
        ..ServiceWay::default()
    })
}

fn missing(asker: &Asker<'_>, name: &str) -> Finding {
    Finding::fail(format!("{} has no interface endpoint {name}", asker.vpc)).fixed_by(create(asker, name))
}

fn create(asker: &Asker<'_>, service: &str) -> String {
    format!(
        "create it, with a group that lets {HTTPS} in in place of GROUP: aws ec2 create-vpc-endpoint --vpc-endpoint-type Interface --vpc-id {} --service-name {} --subnet-ids {} --security-group-ids GROUP --private-dns-enabled",
        word(asker.vpc),
        word(service),
        words(asker.subnets)
    )
}

/// What an interface endpoint makes of an asker's requests. `of_policy` is what its policy does not allow.
pub fn judge(paths: &Paths<'_>, asker: &Asker<'_>, endpoint: &Endpoint, of_policy: Vec<Finding>) -> ServiceWay {
    let mut way = ServiceWay {
        endpoint: Some(endpoint.clone()),
        ..ServiceWay::default()
    };
    let id = &endpoint.id;
    let findings = &mut way.findings;
    if endpoint.state != "available" {
        let text = format!(
            "endpoint {id} ({}) is {}, not available",
            endpoint.service, endpoint.state
        );
        findings.push(match endpoint.state.as_str() {
            "pendingacceptance" | "rejected" | "failed" | "expired" | "deleting" | "deleted" | "pending" => {
                Finding::fail(text)
            }
            _ => Finding::unknown(text),
        });
    }
    findings.extend(names(paths, asker, endpoint));
    findings.extend(zones(paths, asker, endpoint));
    findings.extend(inbound(paths, asker, endpoint));
    let name = format!("{id} ({})", endpoint.service);
    findings.extend(crossings(paths, asker, &name, &endpoint.subnets));
    findings.extend(of_policy);
    way.outbound = outbound(paths, asker, id.as_str(), &endpoint.subnets, &endpoint.groups);
    way.evidence.push(format!(
        "{}: {id} with {}, {}",
        endpoint.service,
        listed(&endpoint.groups),
        endpoint.state
    ));
    way
}

/// Why the service's name does not lead the asker to the endpoint.
fn names(paths: &Paths<'_>, asker: &Asker<'_>, endpoint: &Endpoint) -> Vec<Finding> {
    let mut findings: Vec<Finding> = unnamed(endpoint).into_iter().collect();
    if findings.is_empty() {
        dns::private_names(paths, asker.vpc, &mut findings, &mut Vec::new());
    }
    findings
}

/// Why the service's name does not resolve to an interface endpoint in its VPC, apart from the VPC's own DNS settings.
/// Private DNS can answer only what comes in through an inbound endpoint of Route 53 Resolver (EC2 API reference,
/// `DnsOptions`).
pub fn unnamed(endpoint: &Endpoint) -> Option<Finding> {
    let Endpoint { id, service, .. } = endpoint;
    let (what, options) = if !endpoint.private_dns {
        ("is off, so", "--private-dns-enabled")
    } else if endpoint.only_inbound_resolver == Some(true) {
        (
            "answers inbound Resolver endpoints only (PrivateDnsOnlyForInboundResolverEndpoint), so within the VPC",
            "--dns-options PrivateDnsOnlyForInboundResolverEndpoint=false",
        )
    } else {
        return None;
    };
    let text =
        format!("private DNS of interface endpoint {id} ({service}) {what} the service's name does not resolve to it");
    Some(Finding::fail(text).fixed_by(modify(endpoint, options)))
}

/// The command that changes an endpoint.
pub fn modify(endpoint: &Endpoint, options: &str) -> String {
    format!(
        "aws ec2 modify-vpc-endpoint --vpc-endpoint-id {} {options}",
        word(&endpoint.id)
    )
}

/// An endpoint's policy, with what it is called in sentences; none where it has none.
///
/// # Errors
///
/// It cannot be read.
pub fn read_policy(endpoint: &Endpoint) -> Result<Option<(String, PolicyDocument)>, Finding> {
    let told = format!("the policy of endpoint {} ({})", endpoint.id, endpoint.service);
    match endpoint.policy.as_deref().map(PolicyDocument::read) {
        None => Ok(None),
        Some(Ok(policy)) => Ok(Some((told, policy))),
        Some(Err(_)) => Err(Finding::unknown(format!("{told} cannot be read"))),
    }
}

/// What is between the subnets of the asker and those of an endpoint, both ways.
pub fn crossings(paths: &Paths<'_>, asker: &Asker<'_>, endpoint: &str, to: &[SubnetId]) -> Vec<Finding> {
    if to.is_empty() {
        return vec![Finding::fail(format!("endpoint {endpoint} is in no subnet"))];
    }
    between(paths, asker.vpc, asker.subnets, to, HTTPS, &mut Numbers::default()).0
}

/// An interface endpoint is reached from every subnet of its VPC by the local route: in another Availability Zone it only
/// costs, and fails with that zone.
fn zones(paths: &Paths<'_>, asker: &Asker<'_>, endpoint: &Endpoint) -> Option<Finding> {
    let of_endpoint: BTreeSet<&str> = endpoint.subnets.iter().filter_map(|id| paths.zone(id)).collect();
    let is_away = |id: &&SubnetId| paths.zone(id).is_some_and(|zone| !of_endpoint.contains(zone));
    let away: Vec<&SubnetId> = asker.subnets.iter().filter(is_away).collect();
    (!away.is_empty() && !of_endpoint.is_empty()).then(|| {
        Finding::warn(format!(
            "endpoint {} ({}) has no interface in the Availability Zone of {}: traffic between zones is charged",
            endpoint.id,
            endpoint.service,
            listed(&away)
        ))
    })
}

/// What the endpoint's groups do not let in from the asker.
pub fn inbound(paths: &Paths<'_>, asker: &Asker<'_>, endpoint: &Endpoint) -> Vec<Finding> {
    let gate = Gate {
        groups: &endpoint.groups,
        direction: Direction::Ingress,
        subnets: asker.subnets,
        peers: asker.groups,
        port: HTTPS,
        v6: None,
    };
    gate.closed(paths, |subnets| {
        format!(
            "{} of endpoint {} ({}) do not let tcp {HTTPS} in from {} ({subnets})",
            listed(&endpoint.groups),
            endpoint.id,
            endpoint.service,
            asker.name
        )
    })
}

/// What the asker's groups do not let out to an endpoint.
pub fn outbound(
    paths: &Paths<'_>,
    asker: &Asker<'_>,
    endpoint: &str,
    subnets: &[SubnetId],
    groups: &[GroupId],
) -> Vec<Finding> {
    let gate = Gate {
        groups: asker.groups,
        direction: Direction::Egress,
        subnets,
        peers: groups,
        port: HTTPS,
        v6: None,
    };
    gate.closed(paths, |subnets| {
        format!(
            "{} of {} do not let tcp {HTTPS} out to endpoint {endpoint} ({subnets})",
            listed(asker.groups),
            asker.name
        )
    })
}
