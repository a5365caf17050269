//! DNS: the VPCs' own attributes, and across a peering connection its options.
//!
//! Source: spec/network.md, `diagnose` 5.

use std::collections::BTreeSet;

use super::Scene;
use crate::check::{Check, Finding};
use crate::escape::word;
use crate::leg::Leg;
use crate::model::VpcId;
use crate::model::network::{Peering, PeeringSide};
use crate::path::Paths;

pub(super) fn check(scene: &Scene, paths: &Paths<'_>, legs: &[Leg<'_>]) -> Check {
    let mut findings = Vec::new();
    let mut evidence = Vec::new();
    let vpcs: BTreeSet<&VpcId> = legs.iter().flat_map(|leg| [leg.from.vpc, leg.to.vpc]).collect();
    for id in vpcs {
        of_vpc(paths, id, &mut findings, &mut evidence);
    }
    // A proxy finds the database by itself: only the function asks for a name across VPCs.
    if let Some(leg) = legs.first().filter(|leg| !leg.is_within_vpc()) {
        let peerings = paths.peerings(leg.from.vpc, leg.to.vpc);
        if let Err(why) = scene.network.peerings.read() {
            findings.push(Finding::unknown(format!("the peering connections' DNS options: {why}")));
        } else if let Some(peering) = peerings.first().filter(|peering| peering.is_active()) {
            of_peering(peering, &mut findings, &mut evidence);
        }
    }
    Check::of("dns", "names resolve to private addresses", evidence, findings)
}

/// The attributes without which names of a VPC do not resolve to its private addresses.
pub(crate) fn of_vpc(paths: &Paths<'_>, id: &VpcId, findings: &mut Vec<Finding>, evidence: &mut Vec<String>) {
    let dns = match (paths.network().vpcs.read(), paths.vpc(id)) {
        (Err(why), _) => Err(why.to_owned()),
        (Ok(_), None) => Err("it cannot be seen from this account".to_owned()),
        (Ok(_), Some(vpc)) => vpc.dns.read().copied().map_err(str::to_owned),
    };
    let dns = match dns {
        Ok(dns) => dns,
        Err(why) => return findings.push(Finding::unknown(format!("the DNS attributes of {id}: {why}"))),
    };
    let off = [
        (dns.support, "DNS support", "enableDnsSupport", "--enable-dns-support"),
        (
            dns.hostnames,
            "DNS host names",
            "enableDnsHostnames",
            "--enable-dns-hostnames",
        ),
    ];
    for (is_on, what, attribute, option) in off {
        if !is_on {
            let text = format!("{what} of {id} is off ({attribute})");
            let remedy = format!("aws ec2 modify-vpc-attribute --vpc-id {} {option}", word(id));
            findings.push(Finding::fail(text).mended_by(remedy));
        }
    }
    if dns.support && dns.hostnames {
        evidence.push(format!("{id}: DNS support and host names are on"));
    }
}

fn of_peering(peering: &Peering, findings: &mut Vec<Finding>, evidence: &mut Vec<String>) {
    let sides: [(&PeeringSide, &str); 2] = [(&peering.requester, "requester"), (&peering.accepter, "accepter")];
    let mut is_on = true;
    for (side, role) in sides {
        match side.resolves_for_peer {
            Some(true) => {}
            Some(false) => {
                is_on = false;
                let text = format!(
                    "{}: names of {} do not resolve to private addresses for the other VPC ({role})",
                    peering.id, side.vpc
                );
                findings.push(Finding::fail(text).mended_by(format!(
                    "aws ec2 modify-vpc-peering-connection-options --vpc-peering-connection-id {} --{role}-peering-connection-options AllowDnsResolutionFromRemoteVpc=true",
                    word(&peering.id)
                )));
            }
            None => {
                is_on = false;
                findings.push(Finding::unknown(format!(
                    "{}: whether names of {} resolve to private addresses for the other VPC is not told",
                    peering.id, side.vpc
                )));
            }
        }
    }
    if is_on {
        evidence.push(format!("{}: DNS resolution is allowed in both directions", peering.id));
    }
}
