//! Network ACLs: four crossings for each pair of subnets, and every port and every address has to pass.
//!
//! Source: the check `network-acls` of docs/network.md.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::{Found, Leg};
use crate::escape::word;
use crate::model::network::{LAST_RULE, NetworkAcl};
use crate::model::{Direction, SubnetId};
use crate::reachability::check::Finding;
use crate::reachability::{AclCrossing, Addresses, Paths, Ports};

/// What is reported in one line: one entry of an ACL at one border, which denies some ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line<'a> {
    subnet: &'a SubnetId,
    direction: Direction,
    rule: u16,
    ports: Ports,
    wanted: Ports,
}

/// What a line is about: the addresses that are denied, and the pairs between which nothing works for it.
#[derive(Default)]
struct Denied<'a> {
    acl: Option<&'a NetworkAcl>,
    others: BTreeMap<&'a SubnetId, (Addresses, BTreeSet<Addresses>)>,
    pairs: BTreeSet<(usize, usize)>,
}

/// Numbers for the entries that commands add to ACLs. Each is given to one entry, so that all commands can be run.
#[derive(Debug, Default)]
pub(crate) struct Numbers<'n>(BTreeMap<(&'n str, Direction), Given>);

/// The numbers of one ACL and direction.
#[derive(Debug)]
struct Given {
    /// Those of its entries.
    taken: BTreeSet<u16>,
    /// Those that were given out.
    printed: BTreeSet<u16>,
    /// The numbers that let the same pass.
    same: BTreeMap<(Ports, IpNet), BTreeSet<u16>>,
}

impl Given {
    fn of(acl: &NetworkAcl, direction: Direction) -> Self {
        let own = acl.entries.iter().filter(|entry| entry.direction == direction);
        Self {
            taken: own.map(|entry| entry.number).collect(),
            printed: BTreeSet::new(),
            same: BTreeMap::new(),
        }
    }
}

impl<'n> Numbers<'n> {
    /// The number for an entry that comes before `rule`, if there is one.
    pub(crate) fn before(&mut self, acl: &'n NetworkAcl, entry: &Entry) -> Option<u16> {
        let Entry {
            direction,
            rule,
            ports,
            cidr,
        } = *entry;
        let of_acl = || Given::of(acl, direction);
        let Given { taken, printed, same } = self.0.entry((acl.id.as_str(), direction)).or_insert_with(of_acl);
        let same = same.entry((ports, cidr)).or_default();
        if let Some(number) = same.range(..rule).next() {
            return Some(*number);
        }
        // After all entries that come before, so that what they deny by intent stays denied.
        let last = taken.range(..rule).next_back().copied().unwrap_or_default();
        let free = (last + 1..rule).filter(|number| !printed.contains(number));
        // Round numbers are what people expect, and leave room.
        let number = free.min_by_key(|number| (number % 10 != 0, number % 5 != 0, *number))?;
        printed.insert(number);
        same.insert(number);
        Some(number)
    }
}

/// An entry that lets pass what `rule` denies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub direction: Direction,
    pub rule: u16,
    pub ports: Ports,
    pub cidr: IpNet,
}

pub(super) fn check(paths: &Paths<'_>, legs: &[Leg<'_>]) -> Vec<Found> {
    let mut numbers = Numbers::default();
    legs.iter().map(|leg| of_leg(paths, leg, &mut numbers)).collect()
}

fn of_leg<'n>(paths: &Paths<'n>, leg: &Leg<'_>, numbers: &mut Numbers<'n>) -> Found {
    let Between { findings, acls } = between(paths, &leg.from.subnets, &leg.to.subnets, leg.port, numbers);
    let mut found = Found::default();
    for (finding, pairs) in findings {
        found.add(finding, pairs);
    }
    if !acls.is_empty() {
        let acls: Vec<&str> = acls.into_iter().collect();
        found
            .evidence
            .push(format!("{} to {}: {}", leg.from.name, leg.to.name, acls.join(", ")));
    }
    found
}

/// What ACLs make of the traffic between subnets.
#[derive(Debug, Default)]
pub(crate) struct Between<'n> {
    /// What they deny, with the pairs of subnets between which nothing works for it, by their places.
    pub findings: Vec<(Finding, BTreeSet<(usize, usize)>)>,
    /// Those that deny nothing of it.
    pub acls: BTreeSet<&'n str>,
}

/// Every pair of these subnets, from the first to the second list on `port`, and back.
pub(crate) fn between<'n>(
    paths: &Paths<'n>,
    from: &[&SubnetId],
    to: &[&SubnetId],
    port: u16,
    numbers: &mut Numbers<'n>,
) -> Between<'n> {
    let mut lines: BTreeMap<Line<'n>, Denied<'n>> = BTreeMap::new();
    let mut gaps: BTreeMap<String, BTreeSet<(usize, usize)>> = BTreeMap::new();
    let mut acls = BTreeSet::new();
    let pairs = (0..from.len()).flat_map(|row| (0..to.len()).map(move |column| (row, column)));
    for pair in pairs {
        let (from, to) = (from[pair.0], to[pair.1]);
        let crossings = match paths.acl_crossings(from, to, Leg::is_v6(paths, from, to), port) {
            Ok(crossings) => crossings,
            Err(gap) => {
                gaps.entry(gap).or_default().insert(pair);
                continue;
            }
        };
        for crossing in crossings {
            match &crossing.denied {
                Ok((acl, denials)) if denials.is_empty() => {
                    acls.insert(acl.id.as_str());
                }
                Ok(_) => add(&mut lines, &crossing, pair),
                Err(gap) => {
                    gaps.entry(gap.clone()).or_default().insert(pair);
                }
            }
        }
    }
    let denied = lines
        .into_iter()
        .map(|(line, denied)| (finding(line, &denied, numbers), denied.pairs));
    let gaps = gaps.into_iter().map(|(gap, pairs)| (Finding::unknown(gap), pairs));
    Between {
        findings: denied.chain(gaps).collect(),
        acls,
    }
}

fn add<'n>(lines: &mut BTreeMap<Line<'n>, Denied<'n>>, crossing: &AclCrossing<'n>, pair: (usize, usize)) {
    let (Ok((acl, denials)), Some(other)) = (&crossing.denied, crossing.other) else {
        return;
    };
    for denial in denials {
        for block in denial.denied.blocks() {
            let line = Line {
                subnet: crossing.subnet,
                direction: crossing.direction,
                rule: denial.rule,
                ports: block.ports,
                wanted: crossing.wanted.ports,
            };
            let denied = lines.entry(line).or_default();
            denied.acl = Some(acl);
            let addresses = crossing.wanted.addresses;
            let parts = &mut denied.others.entry(other).or_insert((addresses, BTreeSet::new())).1;
            parts.insert(block.addresses);
            denied.pairs.insert(pair);
        }
    }
}

fn finding<'n>(line: Line<'_>, denied: &Denied<'n>, numbers: &mut Numbers<'n>) -> Finding {
    let Line {
        subnet,
        direction,
        rule,
        ports,
        wanted,
    } = line;
    let acl = denied.acl.map(|acl| acl.id.to_string()).unwrap_or_default();
    let others: Vec<String> = denied
        .others
        .iter()
        .map(|(other, (whole, parts))| {
            if parts.len() == 1 && parts.contains(whole) {
                format!("{other} ({whole})")
            } else {
                let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
                format!("{} of {other}", parts.join(", "))
            }
        })
        .collect();
    let (into, to) = match direction {
        Direction::Ingress => ("into", "from"),
        Direction::Egress => ("out of", "to"),
    };
    let number = if rule == LAST_RULE {
        "*".to_owned()
    } else {
        rule.to_string()
    };
    let text = format!(
        "{into} {subnet} {to} {}: tcp {ports} blocked by rule {number} of {acl} ({direction})",
        others.join(", ")
    );
    let wholes: BTreeSet<Addresses> = denied.others.values().map(|(whole, _)| *whole).collect();
    let remedies = denied
        .acl
        .map(|acl| remedies(acl, direction, rule, wanted, wholes, numbers))
        .unwrap_or_default();
    remedies.into_iter().fold(Finding::fail(text), Finding::fixed_by)
}

/// One entry before the one that denies, for what is wanted, from each of the other ends.
fn remedies<'n>(
    acl: &'n NetworkAcl,
    direction: Direction,
    rule: u16,
    ports: Ports,
    others: impl IntoIterator<Item = Addresses>,
    numbers: &mut Numbers<'n>,
) -> Vec<String> {
    let cidrs = others.into_iter().flat_map(|others| others.cidrs());
    cidrs
        .map(|cidr| {
            let entry = Entry {
                direction,
                rule,
                ports,
                cidr,
            };
            entry.command(acl, numbers)
        })
        .collect()
}

impl Entry {
    /// The command that adds it.
    pub(crate) fn command<'n>(&self, acl: &'n NetworkAcl, numbers: &mut Numbers<'n>) -> String {
        let number = numbers.before(acl, self);
        let Self { rule, ports, cidr, .. } = self;
        let acl = &acl.id;
        let (way, to) = match self.direction {
            Direction::Ingress => ("--ingress", "from"),
            Direction::Egress => ("--egress", "to"),
        };
        let block = if cidr.addr().is_ipv6() {
            "--ipv6-cidr-block"
        } else {
            "--cidr-block"
        };
        match number {
            Some(number) => format!(
                "aws ec2 create-network-acl-entry --network-acl-id {} {way} --rule-number {number} --protocol tcp --port-range From={},To={} {block} {cidr} --rule-action allow",
                word(acl),
                ports.first,
                ports.last
            ),
            None => format!(
                "give rule {rule} of {acl} a higher number, so that one before it can allow tcp {ports} {to} {cidr}"
            ),
        }
    }
}
