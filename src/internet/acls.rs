//! Network ACLs on the way to the internet: the function's subnets, and those of the NAT gateways.
//!
//! Source: spec/network.md, `internet` 4.

use std::collections::BTreeSet;

use super::Traveller;
use super::checks::outlets;
use super::way::public_part;
use crate::check::{Check, Finding};
use crate::model::network::{LAST_RULE, NetworkAcl};
use crate::model::{Direction, SubnetId};
use crate::path::{Addresses, Block, Denial, Paths, Ports, Region};

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

    fn finding(&self, acl: &NetworkAcl, rule: u16, denied: &Region) -> Finding {
        let (into, to, way) = match self.direction {
            Direction::Ingress => ("into", "from", "--ingress"),
            Direction::Egress => ("out of", "to", "--egress"),
        };
        let number = if rule == LAST_RULE {
            "*".to_owned()
        } else {
            rule.to_string()
        };
        let ports: BTreeSet<String> = denied.blocks().iter().map(|block| block.ports.to_string()).collect();
        let ports: Vec<String> = ports.into_iter().collect();
        let (other, wanted) = (self.wanted.addresses, self.wanted.ports);
        let finding = Finding::fail(format!(
            "{into} {} {to} {other}: tcp {} blocked by rule {number} of {} ({})",
            self.subnet,
            ports.join(", "),
            acl.id,
            self.direction
        ));
        finding.mended_by(match free_number(acl, self.direction, rule) {
            Some(free) => format!(
                "aws ec2 create-network-acl-entry --network-acl-id {} {way} --rule-number {free} --protocol tcp --port-range From={},To={} --cidr-block {other} --rule-action allow",
                acl.id, wanted.first, wanted.last
            ),
            None => format!(
                "give rule {number} of {} a higher number, so that one before it can allow tcp {wanted} {to} {other}",
                acl.id
            ),
        })
    }
}

/// A number between the entry that denies and the one before it, a round one if there is.
fn free_number(acl: &NetworkAcl, direction: Direction, rule: u16) -> Option<u16> {
    let own = acl.entries.iter().filter(|entry| entry.direction == direction);
    let before = own.map(|entry| entry.number).filter(|number| *number < rule).max();
    let mut free = before.unwrap_or_default() + 1..rule;
    let first = free.clone().next();
    free.find(|number| number % 10 == 0).or(first)
}

pub(super) fn check(paths: &Paths<'_>, traveller: &Traveller<'_>) -> Check {
    let (mut findings, mut evidence): (Vec<Finding>, _) = (Vec::new(), BTreeSet::new());
    let mut borders: Vec<Border<'_>> = Vec::new();
    for id in &traveller.subnets {
        match paths.subnet(id) {
            Some(subnet) => borders.extend(Border::out(&subnet.id, Addresses::ALL_V4, traveller.port)),
            None => findings.push(Finding::unknown(format!("{id} cannot be seen from this account"))),
        }
    }
    for outlet in outlets(paths, traveller) {
        if traveller.subnets.contains(&outlet) {
            continue;
        }
        borders.extend(Border::out(outlet, Addresses::ALL_V4, traveller.port));
        let inside = traveller
            .subnets
            .iter()
            .filter_map(|subnet| paths.addresses(subnet, false));
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
                findings.push(border.finding(acl, rule, &denied));
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
        &format!("the network ACLs let tcp {} out and its answers in", traveller.port),
        evidence.into_iter().collect(),
        findings,
    )
}

/// Whether the ACL of a subnet is known to deny something of what a NAT gateway there needs of the internet.
pub(super) fn stops(paths: &Paths<'_>, subnet: &SubnetId, port: u16) -> bool {
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
