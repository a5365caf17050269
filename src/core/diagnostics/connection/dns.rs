//! DNS: whether the name that the function connects to leads to a private address.
//!
//! Source: docs/network.md, "DNS". The VPC's resolver has to answer at all. DNS host names and a peering
//! connection's DNS options change public names only: the name of a database that is not publicly accessible, and of a
//! proxy, always leads to its private address.

use super::Scene;
use crate::diagnostics::{Check, Finding, Status};
use crate::escape::word;
use crate::model::VpcId;
use crate::model::network::{Peering, PeeringSide, Resolver, VpcDns};
use crate::reachability::Paths;
use crate::reachability::leg::Leg;

const ID: &str = "dns";

/// `is_by_nat`: the name leads to a public address, and is meant to.
pub(super) fn check(scene: &Scene, paths: &Paths<'_>, legs: &[Leg<'_>], is_by_nat: bool) -> Check {
    let mut findings = Vec::new();
    let mut evidence = Vec::new();
    // A proxy finds the database by itself: only the function asks for a name.
    if let Some(leg) = legs.first() {
        resolves(paths, leg.from.vpc, &mut findings, &mut evidence);
        if is_by_nat {
            let passed = "the name of the database resolves";
            return Check::of(ID, passed, evidence, findings);
        }
        if scene.has_public_name() {
            public_name(scene, paths, leg, &mut findings, &mut evidence);
        } else if scene.may_have_public_name() {
            let known = findings.len();
            public_name(scene, paths, leg, &mut findings, &mut evidence);
            for finding in &mut findings[known..] {
                finding.status = Status::Unknown;
                finding
                    .text
                    .push_str(", if the writer is publicly accessible, which is not known");
            }
        } else {
            evidence.push(format!("{} has only a private address", leg.to.name));
        }
        if !leg.is_within_vpc() {
            across(scene, paths, leg, &mut findings, &mut evidence);
        }
    }
    Check::of(ID, "names resolve to private addresses", evidence, findings)
}

/// Whether names resolve in a VPC: its resolver is on, and no other one is named in its place.
pub(crate) fn resolves(paths: &Paths<'_>, id: &VpcId, findings: &mut Vec<Finding>, evidence: &mut Vec<String>) {
    if let Some(doubt) = other_resolver(paths, id) {
        return findings.push(Finding::unknown(doubt));
    }
    match attributes(paths, id) {
        Err(why) => findings.push(Finding::unknown(why)),
        Ok(dns) if dns.support => evidence.push(format!("{id}: DNS support is on")),
        Ok(_) => findings.push(support_off(id)),
    }
}

/// Whether the names of AWS services lead to endpoints in a VPC: private DNS takes both attributes.
pub(crate) fn private_names(paths: &Paths<'_>, id: &VpcId, findings: &mut Vec<Finding>, evidence: &mut Vec<String>) {
    if let Some(doubt) = other_resolver(paths, id) {
        return findings.push(Finding::unknown(doubt));
    }
    match attributes(paths, id) {
        Err(why) => findings.push(Finding::unknown(why)),
        Ok(dns) => {
            if !dns.support {
                findings.push(support_off(id));
            }
            if !dns.hostnames {
                findings.push(Finding::fail(host_names_off(id)).fixed_by(host_names_on(id)));
            }
            if dns.support && dns.hostnames {
                evidence.push(format!("{id}: DNS support and host names are on"));
            }
        }
    }
}

/// Why it is not known whether names resolve in a VPC, if it is not: its DHCP options name other DNS servers.
fn other_resolver(paths: &Paths<'_>, id: &VpcId) -> Option<String> {
    let vpc = paths.vpc(id)?;
    let options = vpc.dhcp_options.as_deref().unwrap_or_default();
    match vpc.resolver.read() {
        Ok(Resolver::Amazon) => None,
        Ok(Resolver::Others(servers)) => Some(format!(
            "{id} uses custom DNS servers ({}, DHCP options {options}): it is not known whether they resolve the name",
            servers.join(", ")
        )),
        Err(why) => Some(format!("the DNS servers of {id}: {why}")),
    }
}

fn attributes(paths: &Paths<'_>, id: &VpcId) -> Result<VpcDns, String> {
    let dns = match (paths.network().vpcs.read(), paths.vpc(id)) {
        (Err(why), _) => Err(why),
        (Ok(_), None) => Err("it cannot be seen from this account"),
        (Ok(_), Some(vpc)) => vpc.dns.read().copied(),
    };
    dns.map_err(|why| format!("the DNS attributes of {id}: {why}"))
}

fn support_off(id: &VpcId) -> Finding {
    Finding::fail(format!(
        "DNS support of {id} is off (enableDnsSupport): no name resolves"
    ))
    .fixed_by(format!(
        "aws ec2 modify-vpc-attribute --vpc-id {} --enable-dns-support",
        word(id)
    ))
}

fn host_names_off(id: &VpcId) -> String {
    format!("DNS host names of {id} are off (enableDnsHostnames)")
}

fn host_names_on(id: &VpcId) -> String {
    format!(
        "aws ec2 modify-vpc-attribute --vpc-id {} --enable-dns-hostnames",
        word(id)
    )
}

/// The name of a publicly accessible database leads to its private address only where host names are on at both ends.
fn public_name(
    scene: &Scene,
    paths: &Paths<'_>,
    leg: &Leg<'_>,
    findings: &mut Vec<Finding>,
    evidence: &mut Vec<String>,
) {
    let mut vpcs = vec![leg.from.vpc];
    if !leg.is_within_vpc() {
        vpcs.push(leg.to.vpc);
    }
    for id in vpcs {
        match attributes(paths, id) {
            Err(why) => findings.push(Finding::unknown(why)),
            Ok(dns) if dns.hostnames => evidence.push(format!("{id}: DNS host names are on")),
            Ok(_) => {
                let text = format!(
                    "{}, and {} is publicly accessible: its name resolves to its public address, not to its private one",
                    host_names_off(id),
                    scene.database
                );
                findings.push(Finding::fail(text).fixed_by(host_names_on(id)));
            }
        }
    }
}

fn across(scene: &Scene, paths: &Paths<'_>, leg: &Leg<'_>, findings: &mut Vec<Finding>, evidence: &mut Vec<String>) {
    let peerings = paths.peerings(leg.from.vpc, leg.to.vpc);
    if let Err(why) = scene.network.peerings.read() {
        findings.push(Finding::unknown(format!("the peering connections' DNS options: {why}")));
    } else if let Some(peering) = peerings.first().filter(|peering| peering.is_active()) {
        of_peering(scene, peering, leg.to.vpc, findings, evidence);
    }
}

/// The option of the database's side decides about a public name. Otherwise both are only asked for by AWS's article.
fn of_peering(
    scene: &Scene,
    peering: &Peering,
    of_database: &VpcId,
    findings: &mut Vec<Finding>,
    evidence: &mut Vec<String>,
) {
    let sides: [(&PeeringSide, &str); 2] = [(&peering.requester, "requester"), (&peering.accepter, "accepter")];
    let mut is_on = true;
    for (side, role) in sides {
        let decides = scene.has_public_name() && side.vpc == *of_database;
        match side.resolves_for_peer {
            Some(true) => {}
            Some(false) => {
                is_on = false;
                let what = format!(
                    "{}: public names of {} do not resolve to private addresses for the other VPC ({role})",
                    peering.id, side.vpc
                );
                let finding = if decides {
                    let database = &scene.database;
                    Finding::fail(format!(
                        "{what}, and {database} is publicly accessible: its name resolves to its public address"
                    ))
                } else {
                    Finding::warn(format!(
                        "{what}; the name of {} still resolves to its private address",
                        scene.reached()
                    ))
                };
                findings.push(finding.fixed_by(format!(
                    "aws ec2 modify-vpc-peering-connection-options --vpc-peering-connection-id {} --{role}-peering-connection-options AllowDnsResolutionFromRemoteVpc=true",
                    word(&peering.id)
                )));
            }
            None => {
                is_on = false;
                let text = format!(
                    "{}: AWS does not report whether public names of {} resolve to private addresses for the other VPC",
                    peering.id, side.vpc
                );
                if decides {
                    findings.push(Finding::unknown(text));
                } else {
                    evidence.push(text);
                }
            }
        }
    }
    if is_on {
        evidence.push(format!("{}: DNS resolution is allowed in both directions", peering.id));
    }
}
