//! Whether resources in some subnets reach an AWS service through a VPC endpoint, decided from API descriptions alone.
//!
//! Source: the check `endpoints` of docs/msk.md; docs/internet.md, "AWS services".

use std::collections::BTreeSet;

use crate::check::{Finding, Status};
use crate::diagnose::dns;
use crate::escape::{word, words};
use crate::model::network::{Endpoint, EndpointKind, EndpointService, Network, Part};
use crate::model::{Direction, GroupId, SubnetId, VpcId};
use crate::reachability::Paths;
use crate::reachability::leg::acls::Numbers;
use crate::reachability::leg::{between, passages};
use crate::similar::similar;

/// The port of every service of AWS.
pub const HTTPS: u16 = 443;

/// What asks a service: interfaces in subnets of a VPC, which have groups.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'s> {
    /// In words: `cluster orders`.
    pub name: &'s str,
    /// The VPC.
    pub vpc: &'s VpcId,
    /// The subnets.
    pub subnets: &'s [SubnetId],
    /// The groups.
    pub groups: &'s [GroupId],
}

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
    #[must_use]
    pub fn status(&self) -> Status {
        worst(&self.findings)
    }

    /// Whether requests go to the endpoint whatever else leads to the service: its private DNS answers in all of the VPC.
    #[must_use]
    pub fn takes_requests(&self) -> bool {
        let is_only = |endpoint: &Endpoint| endpoint.only_inbound_resolver == Some(true);
        self.endpoint
            .as_ref()
            .is_some_and(|endpoint| endpoint.private_dns && !is_only(endpoint))
    }
}

/// The worst status of findings.
#[must_use]
pub fn worst(findings: &[Finding]) -> Status {
    findings.iter().map(|finding| finding.status).max().unwrap_or_default()
}

/// How the Region names a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Naming<'n> {
    /// As this one.
    Service(&'n EndpointService),
    /// It has none, and which names are nearest.
    NoSuch {
        /// Without what all names begin with.
        similar: Vec<String>,
    },
    /// That could not be read: as in most Regions.
    Guess(String),
}

impl Naming<'_> {
    /// The name, where there is one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Service(service) => Some(&service.name),
            Self::Guess(name) => Some(name),
            Self::NoSuch { .. } => None,
        }
    }

    /// Whether an interface endpoint can be in a zone, as far as that is reported.
    #[must_use]
    pub fn is_in(&self, zone: &str) -> bool {
        match self {
            Self::Service(service) => service.zones.is_empty() || service.zones.iter().any(|known| known == zone),
            Self::NoSuch { .. } | Self::Guess(_) => true,
        }
    }
}

/// How the Region names a service, `secretsmanager` or all of its name. In China some names begin with
/// `cn.com.amazonaws`, and some services have both: the one with private DNS names is taken.
#[must_use]
pub fn named<'n>(network: &'n Network, region: &str, service: &str, kind: Option<&EndpointKind>) -> Naming<'n> {
    let services = match &network.services {
        Some(Part::Read(services)) => services,
        Some(Part::Unread(_)) | None if service.contains("amazonaws.") => return Naming::Guess(service.to_owned()),
        Some(Part::Unread(_)) | None => return Naming::Guess(format!("com.amazonaws.{region}.{service}")),
    };
    let end = format!(".{region}.{service}");
    let is_it = |found: &&EndpointService| found.name == service || found.name.ends_with(&end);
    let is_kind =
        |found: &EndpointService| kind.is_none_or(|kind| found.kinds.is_empty() || found.kinds.contains(kind));
    let best = services.iter().filter(is_it).min_by_key(|found| {
        (
            !is_kind(found),
            found.private_names.is_empty(),
            found.name.len(),
            &found.name,
        )
    });
    if let Some(found) = best {
        return Naming::Service(found);
    }
    let part = format!(".{region}.");
    let short = |found: &EndpointService| Some(found.name.split_once(&part)?.1.to_owned());
    Naming::NoSuch {
        similar: similar(service, services.iter().filter_map(short).collect()),
    }
}

/// The interface endpoint of a service, `secretsmanager` say, for an asker. `policy` judges an endpoint's policy.
#[must_use]
pub fn service_way(
    paths: &Paths<'_>,
    asker: &Asker<'_>,
    region: &str,
    service: &str,
    policy: impl Fn(&Endpoint) -> Vec<Finding>,
) -> ServiceWay {
    let endpoints = match paths.network().endpoints.read() {
        Ok(endpoints) => endpoints,
        Err(why) => {
            return ServiceWay {
                findings: vec![Finding::unknown(format!("the endpoints of {}: {why}", asker.vpc))],
                ..ServiceWay::default()
            };
        }
    };
    let end = format!("com.amazonaws.{region}.{service}");
    let of_service = endpoints.iter().filter(|endpoint| {
        // In China, some names have a further part before.
        endpoint.vpc == *asker.vpc && endpoint.service.ends_with(&end) && endpoint.kind == EndpointKind::Interface
    });
    let ways = of_service.map(|endpoint| judge(paths, asker, endpoint, policy(endpoint)));
    // Names lead to one with private DNS, whatever others there are.
    let best = ways.min_by_key(|way| (!way.takes_requests(), way.status(), worst(&way.outbound)));
    best.unwrap_or_else(|| ServiceWay {
        findings: vec![
            match named(paths.network(), region, service, Some(&EndpointKind::Interface)) {
                Naming::NoSuch { .. } => Finding::fail(format!("{region} has no service {service} for VPC endpoints")),
                Naming::Service(found) => missing(asker, &found.name),
                Naming::Guess(name) => missing(asker, &name),
            },
        ],
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
#[must_use]
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
    findings.extend(crossings(paths, asker, endpoint));
    findings.extend(of_policy);
    way.outbound = outbound(paths, asker, endpoint);
    way.evidence.push(format!(
        "{}: {id} with {}, {}",
        endpoint.service,
        listed(&endpoint.groups),
        endpoint.state
    ));
    way
}

/// Why the service's name does not lead the asker to the endpoint.
#[must_use]
pub fn names(paths: &Paths<'_>, asker: &Asker<'_>, endpoint: &Endpoint) -> Vec<Finding> {
    let Endpoint { id, service, .. } = endpoint;
    if !endpoint.private_dns {
        let text =
            format!("private DNS of endpoint {id} ({service}) is off: the service's name does not resolve to it");
        let remedy = format!(
            "aws ec2 modify-vpc-endpoint --vpc-endpoint-id {} --private-dns-enabled",
            word(id)
        );
        return vec![Finding::fail(text).fixed_by(remedy)];
    }
    if endpoint.only_inbound_resolver == Some(true) {
        return vec![only_inbound(endpoint)];
    }
    let mut findings = Vec::new();
    dns::private_names(paths, asker.vpc, &mut findings, &mut Vec::new());
    findings
}

/// What is between the subnets of the asker and those of the endpoint, both ways.
#[must_use]
pub fn crossings(paths: &Paths<'_>, asker: &Asker<'_>, endpoint: &Endpoint) -> Vec<Finding> {
    let Endpoint { id, service, .. } = endpoint;
    if endpoint.subnets.is_empty() {
        return vec![Finding::fail(format!("endpoint {id} ({service}) is in no subnet"))];
    }
    let (from, to) = (asker.subnets, &endpoint.subnets);
    between(paths, asker.vpc, from, to, HTTPS, &mut Numbers::default()).0
}

/// Private DNS that answers only what comes in through an inbound endpoint of Route 53 Resolver (EC2 API reference,
/// `DnsOptions`).
fn only_inbound(endpoint: &Endpoint) -> Finding {
    let Endpoint { id, service, .. } = endpoint;
    Finding::fail(format!(
        "private DNS of endpoint {id} ({service}) answers inbound Resolver endpoints only (PrivateDnsOnlyForInboundResolverEndpoint): within the VPC the service's name does not resolve to it"
    ))
    .fixed_by(all_names(endpoint))
}

/// The command that lets private DNS of an endpoint answer in its VPC too.
#[must_use]
pub fn all_names(endpoint: &Endpoint) -> String {
    format!(
        "aws ec2 modify-vpc-endpoint --vpc-endpoint-id {} --dns-options PrivateDnsOnlyForInboundResolverEndpoint=false",
        word(&endpoint.id)
    )
}

/// An interface endpoint is reached from every subnet of its VPC by the local route: in another Availability Zone it only
/// costs, and fails with that zone.
fn zones(paths: &Paths<'_>, asker: &Asker<'_>, endpoint: &Endpoint) -> Option<Finding> {
    let zone = |id: &SubnetId| paths.subnet(id).map(|subnet| subnet.availability_zone.as_str());
    let of_endpoint: BTreeSet<&str> = endpoint.subnets.iter().filter_map(zone).collect();
    let away: Vec<&SubnetId> = asker
        .subnets
        .iter()
        .filter(|subnet| zone(subnet).is_some_and(|zone| !of_endpoint.contains(zone)))
        .collect();
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
#[must_use]
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

/// What the asker's groups do not let out to the endpoint.
#[must_use]
pub fn outbound(paths: &Paths<'_>, asker: &Asker<'_>, endpoint: &Endpoint) -> Vec<Finding> {
    let gate = Gate {
        groups: asker.groups,
        direction: Direction::Egress,
        subnets: &endpoint.subnets,
        peers: &endpoint.groups,
        port: HTTPS,
        v6: None,
    };
    gate.closed(paths, |subnets| {
        format!(
            "{} of {} do not let tcp {HTTPS} out to endpoint {} ({subnets})",
            listed(asker.groups),
            asker.name,
            endpoint.id
        )
    })
}

/// Ids with commas between them.
#[must_use]
pub fn listed<T: std::fmt::Display>(ids: &[T]) -> String {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    ids.join(", ")
}

/// What has to pass some groups.
#[derive(Clone, Copy, Debug)]
pub struct Gate<'s> {
    /// The groups.
    pub groups: &'s [GroupId],
    /// In or out.
    pub direction: Direction,
    /// The subnets of the other end.
    pub subnets: &'s [SubnetId],
    /// The groups of the other end.
    pub peers: &'s [GroupId],
    /// The port.
    pub port: u16,
    /// Whether over IPv6; none for IPv4 where a subnet has it, else IPv6.
    pub v6: Option<bool>,
}

impl Gate<'_> {
    /// What is closed, as text that is given the subnets of the other end; and what is not known. Nothing: it is open.
    pub fn closed(&self, paths: &Paths<'_>, text: impl Fn(&str) -> String) -> Vec<Finding> {
        let (mut shut, mut gaps) = (Vec::new(), BTreeSet::new());
        let (groups, peers) = (self.groups, self.peers);
        let found = passages(paths, groups, self.direction, self.subnets, peers, self.port, self.v6);
        for (id, found) in self.subnets.iter().zip(found) {
            match found {
                Err(gap) => drop(gaps.insert(gap)),
                Ok((_, passage)) if passage.blocked.is_empty() => {}
                Ok((_, passage)) if passage.gaps.is_empty() => shut.push(id),
                Ok((_, passage)) => gaps.extend(passage.gaps),
            }
        }
        let mut findings = Vec::new();
        if !shut.is_empty() {
            let mut finding = Finding::fail(text(&listed(&shut)));
            finding.remedies.extend(self.remedy());
            findings.push(finding);
        }
        let unknown = |gap| {
            Finding::unknown(format!(
                "it is not known what the {} rules let through: {gap}",
                self.direction
            ))
        };
        findings.extend(gaps.into_iter().map(unknown));
        findings
    }

    /// The command that opens it, by a rule that names a group of the other end.
    fn remedy(&self) -> Option<String> {
        let peer = self.peers.first()?;
        let group = self.groups.first()?;
        Some(authorize(
            group,
            self.direction,
            self.port,
            &format!("UserIdGroupPairs=[{{GroupId={peer}}}]"),
        ))
    }
}

/// The command that adds a rule for a TCP port to a group. `target` is as `--ip-permissions` takes it.
#[must_use]
pub fn authorize(group: &GroupId, direction: Direction, port: u16, target: &str) -> String {
    let verb = match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    };
    let permission = format!("IpProtocol=tcp,FromPort={port},ToPort={port},{target}");
    format!(
        "aws ec2 authorize-security-group-{verb} --group-id {} --ip-permissions {}",
        word(group),
        word(permission)
    )
}
