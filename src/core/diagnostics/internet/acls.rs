//! Network ACLs on the way to the internet: the function's subnets, and those of the NAT gateways.
//!
//! Source: the check `network-acls` of docs/internet.md.

use std::collections::BTreeSet;

use super::Traveller;
use super::checks::outlets;
use super::way::public_part;
use crate::diagnostics::{Check, Finding};
use crate::model::network::{LAST_RULE, NetworkAcl};
use crate::model::{Direction, SubnetId};
use crate::reachability::leg::acls::{Entry, Numbers};
use crate::reachability::{Addresses, Block, Denial, Paths, Ports, Region};

/// Traffic that has to cross the border of a subnet.
struct Border<'n> {
    subnet: &'n SubnetId,
    direction: Direction,
    wanted: Block,
}

impl<'n> Border<'n> {
    /// Out to the other end on a port, and the answers back in.
    fn out(subnet: &'n SubnetId, other: Addresses, port: u16) -> [Self; 2] {
        Self::both(subnet, Direction::Egress, Direction::Ingress, other, port)
    }

    /// In from the other end on a port, and the answers back out.
    fn inward(subnet: &'n SubnetId, other: Addresses, port: u16) -> [Self; 2] {
        Self::both(subnet, Direction::Ingress, Direction::Egress, other, port)
    }

    fn both(subnet: &'n SubnetId, there: Direction, back: Direction, addresses: Addresses, port: u16) -> [Self; 2] {
        [(there, Ports::only(port)), (back, Ports::EPHEMERAL)].map(|(direction, ports)| Self {
            subnet,
            direction,
            wanted: Block { addresses, ports },
        })
    }

    /// What counts of what an entry denies: ranges that are not of the internet do not, where that is what is wanted.
    fn counted(&self, denied: Region) -> Region {
        if self.wanted.addresses == Addresses::ALL_V4 {
            public_part(denied)
        } else {
            denied
        }
    }

    fn finding(&self, acl: &'n NetworkAcl, rule: u16, denied: &Region, numbers: &mut Numbers<'n>) -> Finding {
        let (into, to) = match self.direction {
            Direction::Ingress => ("into", "from"),
            Direction::Egress => ("out of", "to"),
        };
        let number = if rule == LAST_RULE {
            "*".to_owned()
        } else {
            rule.to_string()
        };
        let ports: BTreeSet<String> = denied.blocks().iter().map(|block| block.ports.to_string()).collect();
        let ports: Vec<String> = ports.into_iter().collect();
        let wanted = self.wanted;
        let finding = Finding::fail(format!(
            "{into} {} {to} {}: tcp {} blocked by rule {number} of {} ({})",
            self.subnet,
            wanted.addresses,
            ports.join(", "),
            acl.id,
            self.direction
        ));
        let entry = |cidr| Entry {
            direction: self.direction,
            rule,
            ports: wanted.ports,
            cidr,
        };
        let cidrs = wanted.addresses.cidrs().into_iter();
        let commands = cidrs.map(|cidr| entry(cidr).command(acl, numbers));
        commands.fold(finding, Finding::fixed_by)
    }
}

pub(crate) fn check(paths: &Paths<'_>, traveller: &Traveller<'_>) -> Check {
    let (mut findings, mut evidence): (Vec<Finding>, _) = (Vec::new(), BTreeSet::new());
    let mut borders: Vec<Border<'_>> = Vec::new();
    let mut numbers = Numbers::default();
    for id in &traveller.subnets {
        match paths.subnet(id) {
            Some(subnet) => borders.extend(Border::out(&subnet.id, Addresses::ALL_V4, traveller.port)),
            None => findings.push(Finding::unknown(format!("{id} cannot be seen from this account"))),
        }
    }
    let (outlets, gaps) = outlets(paths, traveller);
    findings.extend(gaps.into_iter().map(Finding::unknown));
    for (outlet, led) in outlets {
        if !traveller.subnets.contains(&outlet) {
            borders.extend(Border::out(outlet, Addresses::ALL_V4, traveller.port));
        }
        // No ACL applies within one subnet.
        let others = led.into_iter().filter(|subnet| *subnet != outlet);
        let inside = others.filter_map(|subnet| paths.addresses(subnet, false));
        borders.extend(inside.flat_map(|inside| Border::inward(outlet, inside, traveller.port)));
    }
    for border in &borders {
        let (acl, denials) = match paths
            .acl_crossing(border.subnet, border.direction, border.wanted)
            .denied
        {
            Ok(answer) => answer,
            Err(gap) => {
                findings.push(Finding::unknown(format!("{}: {gap}", border.subnet)));
                continue;
            }
        };
        let mut passes = true;
        for Denial { rule, denied } in denials {
            let denied = border.counted(denied);
            if !denied.is_empty() {
                passes = false;
                findings.push(border.finding(acl, rule, &denied, &mut numbers));
            }
        }
        if passes {
            evidence.insert(format!("{}: {}", border.subnet, acl.id));
        }
    }
    let mut seen = BTreeSet::new();
    findings.retain(|finding| seen.insert(finding.text.clone()));
    Check::of(
        "network-acls",
        &format!("the network ACLs let tcp {} out and the responses in", traveller.port),
        evidence.into_iter().collect(),
        findings,
    )
}

/// What the ACL of a subnet denies of the way out to some addresses on a port, and of their answers.
#[derive(Debug, Default)]
pub(crate) struct Out {
    /// One finding for each entry that denies something, with its command.
    pub findings: Vec<Finding>,
    /// Whether it denies all of the way there, or all of the answers.
    pub denies_all: bool,
}

pub(crate) fn out_to<'n>(
    paths: &Paths<'n>,
    subnet: &'n SubnetId,
    other: Addresses,
    port: u16,
    numbers: &mut Numbers<'n>,
) -> Out {
    let mut out = Out::default();
    for border in Border::out(subnet, other, port) {
        match paths
            .acl_crossing(border.subnet, border.direction, border.wanted)
            .denied
        {
            Err(gap) => out.findings.push(Finding::unknown(format!("{subnet}: {gap}"))),
            Ok((acl, denials)) => {
                let mut left = border.counted(Region::of(border.wanted));
                for Denial { rule, denied } in denials {
                    let denied = border.counted(denied);
                    if denied.is_empty() {
                        continue;
                    }
                    for block in denied.blocks() {
                        let _ = left.take(block);
                    }
                    out.findings.push(border.finding(acl, rule, &denied, numbers));
                }
                out.denies_all |= left.is_empty();
            }
        }
    }
    out
}

/// Whether the ACL of a subnet is known to deny something of what a NAT gateway there needs of the internet.
pub(crate) fn stops(paths: &Paths<'_>, subnet: &SubnetId, port: u16) -> bool {
    let Some(subnet) = paths.subnet(subnet) else {
        return false;
    };
    Border::out(&subnet.id, Addresses::ALL_V4, port).iter().any(|border| {
        let denials = paths
            .acl_crossing(border.subnet, border.direction, border.wanted)
            .denied;
        let counts = |denial: Denial| !border.counted(denial.denied).is_empty();
        denials.is_ok_and(|(_, denials)| denials.into_iter().any(counts))
    })
}
