//! The rules of the brokers' groups, which the poller's interfaces have too: from itself to itself is enough.
//!
//! Source: the checks `brokers-inbound`, `brokers-outbound` and `network-acls` of docs/msk.md.

use std::collections::{BTreeMap, BTreeSet};

use super::Poller;
use super::ways::capped;
use crate::diagnostics::{Check, Finding, Status};
use crate::endpoint::{Gate, listed};
use crate::model::Direction;
use crate::reachability::leg::acls::Numbers;
use crate::reachability::leg::{between, distinct};

/// A listener of the brokers.
struct Listener {
    /// The ways to authenticate that use it, as text.
    ways: Vec<String>,
    v6: bool,
    /// Whether the poller uses it; else only other clients do.
    is_polled: bool,
}

/// The listeners of the ways in question, by their ports. The poller comes over IPv4, from within the VPC; what public
/// access and a dual-stack cluster add is for other clients.
fn listeners(poller: &Poller<'_>) -> BTreeMap<u16, Listener> {
    let cluster = &poller.scene.cluster;
    let mut listeners: BTreeMap<u16, Listener> = BTreeMap::new();
    for way in &poller.needs.authentications {
        let public = way.public_port().filter(|_| cluster.is_public());
        let ipv6 = cluster.is_dual_stack().then(|| way.ipv6_port());
        let all = [
            (Some(way.port()), "", false),
            (public, " from the internet", false),
            (ipv6, " over IPv6", true),
        ];
        for (place, (port, words, v6)) in all.into_iter().enumerate() {
            let Some(port) = port else { continue };
            let listener = listeners.entry(port).or_insert(Listener {
                ways: Vec::new(),
                v6,
                is_polled: place == 0,
            });
            listener.ways.push(format!("{way}{words}"));
        }
    }
    listeners
}

/// Which listener is polled, where that is not known.
fn untold(poller: &Poller<'_>) -> Option<Finding> {
    let why = poller.scene.mappings.read().err()?;
    let text = format!("which authentication the mappings use: {why}");
    poller.scene.authentication.is_none().then(|| Finding::unknown(text))
}

/// Where it is not known which listener is polled, none of these certainly stands in the way.
fn as_far_as_told(poller: &Poller<'_>, mut findings: Vec<Finding>) -> Vec<Finding> {
    if let Some(untold) = untold(poller) {
        findings = capped(findings, Status::Unknown);
        findings.push(untold);
    }
    findings
}

/// Whether the brokers' groups let the poller in.
pub(super) fn inbound(poller: &Poller<'_>) -> Check {
    let passed = format!("{} let the poller in", listed(&poller.place.groups));
    let (evidence, findings) = rules(poller, Direction::Ingress);
    Check::of("brokers-inbound", &passed, evidence, findings)
}

/// Whether the network ACLs let the poller and the brokers communicate: both are in the cluster's subnets.
pub(super) fn acls(poller: &Poller<'_>) -> Check {
    let subnets = distinct(&poller.place.subnets);
    let (mut evidence, mut findings) = (BTreeSet::new(), Vec::new());
    let mut numbers = Numbers::default();
    for (port, listener) in listeners(poller) {
        if !listener.is_polled {
            continue;
        }
        let own = &poller.place.subnets;
        let (found, acls) = between(poller.paths, poller.vpc, own, own, port, &mut numbers);
        findings.extend(found);
        evidence.extend(acls.iter().map(|acl| format!("tcp {port}: {acl}")));
    }
    if subnets.len() == 1 {
        evidence.insert("the poller and the brokers are in one subnet, within which no ACL applies".to_owned());
    }
    let mut findings = as_far_as_told(poller, findings);
    let mut seen = BTreeSet::new();
    findings.retain(|finding| seen.insert(finding.text.clone()));
    Check::of(
        "network-acls",
        "the network ACLs let the poller and the brokers communicate",
        evidence.into_iter().collect(),
        findings,
    )
}

/// What the rules of one direction make of each listener.
pub(super) fn rules(poller: &Poller<'_>, direction: Direction) -> (Vec<String>, Vec<Finding>) {
    let place = poller.place;
    let (mut evidence, mut findings) = (Vec::new(), Vec::new());
    for (port, Listener { ways, v6, is_polled }) in listeners(poller) {
        let gate = Gate {
            groups: &place.groups,
            direction,
            subnets: &place.subnets,
            peers: &place.groups,
            port,
            v6: Some(v6),
        };
        let (verb, end) = match direction {
            Direction::Ingress => ("in from", "the poller"),
            Direction::Egress => ("out to", "the brokers"),
        };
        let ways = ways.join(", ");
        let mut closed = gate.closed(poller.paths, |subnets| {
            format!(
                "{} do not let tcp {port} ({ways}) {verb} {end} with the same groups ({subnets})",
                listed(&place.groups)
            )
        });
        if !is_polled {
            // Other clients' affair; and a subnet without IPv6 has no listener there.
            closed.retain(|finding| finding.status == Status::Fail);
            closed = closed.into_iter().map(|finding| as_warning(finding, &ways)).collect();
        }
        if closed.is_empty() {
            evidence.push(format!("tcp {port} ({ways}): {verb} {end}"));
        }
        findings.extend(closed);
    }
    if direction == Direction::Egress {
        // The poller does not connect to the listeners of other clients.
        findings.retain(|finding| finding.status != Status::Warn);
    }
    (evidence, as_far_as_told(poller, findings))
}

fn as_warning(finding: Finding, ways: &str) -> Finding {
    let remedies = finding.remedies;
    let text = format!("{}; the poller does not need it, clients with {ways} do", finding.text);
    remedies.into_iter().fold(Finding::warn(text), Finding::fixed_by)
}
