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
use crate::reachability::{Addresses, Block, Denial, Gap, Paths, Ports, Region};

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

    /// The subnet's ACL, and what counts of what its entries deny.
    fn denials(&self, paths: &Paths<'n>) -> Result<(&'n NetworkAcl, Vec<Denial>), Gap> {
        let crossing = paths.acl_crossing(self.subnet, self.direction, self.wanted);
        let (acl, denials) = crossing.denied.map_err(|gap| format!("{}: {gap}", self.subnet))?;
        let counted = denials.into_iter().map(|Denial { rule, denied }| Denial {
            rule,
            denied: self.counted(denied),
        });
        Ok((acl, counted.filter(|denial| !denial.denied.is_empty()).collect()))
    }

    /// What is left of what is wanted without what is denied.
    fn left(&self, denials: &[Denial]) -> Region {
        let mut left = self.counted(Region::of(self.wanted));
        for block in denials.iter().flat_map(|denial| denial.denied.blocks()) {
            let _ = left.take(block);
        }
        left
    }

    /// What counts of what an entry denies: ranges that are not of the internet do not, where that is what is wanted.
    fn counted(&self, denied: Region) -> Region {
        if [Addresses::ALL_V4, Addresses::ALL_V6].contains(&self.wanted.addresses) {
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
    let mut evidence = BTreeSet::new();
    let mut numbers = Numbers::default();
    let (borders, mut findings) = borders(paths, traveller);
    for border in &borders {
        let (acl, denials) = match border.denials(paths) {
            Ok(answer) => answer,
            Err(gap) => {
                findings.push(Finding::unknown(gap));
                continue;
            }
        };
        if denials.is_empty() {
            evidence.insert(format!("{}: {}", border.subnet, acl.id));
        }
        for Denial { rule, denied } in denials {
            findings.push(border.finding(acl, rule, &denied, &mut numbers));
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

/// Why a network ACL stops all of a traveller's requests to the internet, or all of their answers; none if none does.
pub(crate) fn shut(paths: &Paths<'_>, traveller: &Traveller<'_>) -> Option<String> {
    let (borders, _) = borders(paths, traveller);
    borders.iter().find_map(|border| {
        let (acl, denials) = border.denials(paths).ok()?;
        let is_shut = border.left(&denials).is_empty();
        is_shut.then(|| {
            format!(
                "{} lets nothing of tcp {} or of its answers pass at {}",
                acl.id, traveller.port, border.subnet
            )
        })
    })
}

/// What a traveller's requests to the internet have to cross, and which of it is not known.
fn borders<'n>(paths: &Paths<'n>, traveller: &Traveller<'_>) -> (Vec<Border<'n>>, Vec<Finding>) {
    let (mut borders, mut findings): (Vec<Border<'_>>, Vec<Finding>) = (Vec::new(), Vec::new());
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
    (borders, findings)
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
        match border.denials(paths) {
            Err(gap) => out.findings.push(Finding::unknown(gap)),
            Ok((acl, denials)) => {
                out.denies_all |= border.left(&denials).is_empty();
                let told = denials.iter();
                out.findings
                    .extend(told.map(|denial| border.finding(acl, denial.rule, &denial.denied, numbers)));
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
    let mut borders = Border::out(&subnet.id, Addresses::ALL_V4, port).into_iter();
    borders.any(|border| border.denials(paths).is_ok_and(|(_, denials)| !denials.is_empty()))
}
