//! A leg of a path: from resources with groups in some subnets to resources with groups in others, on one port.
//!
//! Source: the checks `security-groups`, `network-acls` and `routes` of docs/network.md. All pairs of subnets count,
//! since either end may be in any of its own.

pub(crate) mod acls;
mod groups;
mod routes;

pub use groups::authorize;

use std::collections::BTreeSet;

pub(crate) use groups::passages;
pub use groups::{Missing, missing, stopped_by_groups};

use crate::model::{GroupId, Side, SubnetId, VpcId};
use crate::reachability::Paths;
use crate::reachability::check::{Check, Finding, Status};

/// One leg, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegReport {
    /// Where it begins.
    pub from: EndReport,
    /// Where it ends.
    pub to: EndReport,
    /// The port at its end.
    pub port: u16,
    /// The pairs of subnets between which nothing passes, by their places in the ends' lists.
    pub failing: BTreeSet<(usize, usize)>,
    /// What of the checks is about it and failed, by the checks' ids.
    pub broken_by: BTreeSet<&'static str>,
}

impl LegReport {
    /// How many pairs of subnets there are.
    pub fn pairs(&self) -> usize {
        self.from.subnets.len() * self.to.subnets.len()
    }
}

/// An end of a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndReport {
    /// What it is.
    pub side: Side,
    /// In words: `function checkout`.
    pub name: String,
    /// Its subnets.
    pub subnets: Vec<SubnetId>,
}

/// An end of a leg: what has groups in subnets.
#[derive(Clone, Debug)]
pub struct End<'s> {
    /// What it is.
    pub side: Side,
    /// In words: `function checkout`.
    pub name: String,
    /// Its VPC.
    pub vpc: &'s VpcId,
    /// Its subnets, each once.
    pub subnets: Vec<&'s SubnetId>,
    /// Its groups.
    pub groups: Vec<GroupId>,
}

/// From one end to the other, on a port.
#[derive(Clone, Debug)]
pub struct Leg<'s> {
    /// Where it begins.
    pub from: End<'s>,
    /// Where it ends.
    pub to: End<'s>,
    /// The port at its end.
    pub port: u16,
    /// The command that gives both ends groups within one VPC, where there is one.
    pub remedy: Option<String>,
    /// Why it is known that traffic passes: a proxy that reaches its database. What seems to stop it is then a warning.
    pub proof: Option<String>,
    /// Why it is not known whether traffic passes although nothing that was read lets it. What stops it is then not known.
    pub doubt: Option<String>,
}

/// The port of a leg whose port is not known yet.
pub const NO_PORT: u16 = 0;

/// A finding with the pairs of subnets between which it stops everything; all of them where it names none.
#[derive(Clone, Debug)]
struct OnLeg {
    finding: Finding,
    pairs: BTreeSet<(usize, usize)>,
}

/// What a concern found on one leg.
#[derive(Clone, Debug, Default)]
struct Found {
    findings: Vec<OnLeg>,
    /// What it rests on where nothing is wrong.
    evidence: Vec<String>,
}

impl Found {
    fn add(&mut self, finding: Finding, pairs: impl IntoIterator<Item = (usize, usize)>) {
        let pairs = pairs.into_iter().collect();
        self.findings.push(OnLeg { finding, pairs });
    }

    /// One finding in place of those that fail: whether they count is not known.
    fn in_doubt(&mut self, doubt: &str) {
        let is_failing = |found: &OnLeg| found.finding.status == Status::Fail;
        let (failing, others): (Vec<OnLeg>, Vec<OnLeg>) =
            std::mem::take(&mut self.findings).into_iter().partition(is_failing);
        self.findings = others;
        if let Some(first) = failing.first() {
            let text = format!("{}; but {doubt}", first.finding.text);
            self.add(
                Finding::unknown(text),
                failing.into_iter().flat_map(|found| found.pairs),
            );
        }
    }
}

/// The concern that does not depend on the port.
const ROUTES: &str = "routes";

/// What asks about each leg.
type Concern = fn(&Paths<'_>, &[Leg<'_>]) -> Vec<Found>;

/// The concerns that are about subnets and what is between them: id, what is said where nothing is wrong, and the check.
const CONCERNS: [(&str, &str, Concern); 3] = [
    (
        "security-groups",
        "the security groups let the connection through",
        |paths, legs| legs.iter().map(|leg| groups::check(paths, leg)).collect(),
    ),
    (
        "network-acls",
        "the network ACLs let everything through, both ways",
        acls::check,
    ),
    (ROUTES, "the route tables lead to the target and back", |paths, legs| {
        legs.iter().map(|leg| routes::check(paths, leg)).collect()
    }),
];

/// Asks everything that is about subnets and what is between them: one check for each concern, and each leg as it was found.
pub fn checks(paths: &Paths<'_>, legs: &[Leg<'_>]) -> (Vec<Check>, Vec<LegReport>) {
    let mut reports: Vec<LegReport> = legs.iter().map(report).collect();
    let check = |(id, passed, concern): (&'static str, &str, Concern)| {
        let mut findings = Vec::new();
        let mut evidence = Vec::new();
        for ((mut found, leg), report) in concern(paths, legs).into_iter().zip(legs).zip(&mut reports) {
            if leg.port == NO_PORT && id != ROUTES {
                found = Found::default();
                let text = format!(
                    "{} has no port yet, so it is not known what lets it through",
                    leg.to.name
                );
                found.add(Finding::unknown(text), leg.pairs());
            }
            if let Some(doubt) = &leg.doubt {
                found.in_doubt(doubt);
            }
            evidence.extend(found.evidence);
            for OnLeg { mut finding, pairs } in found.findings {
                if let Some(proof) = &leg.proof {
                    if finding.status == Status::Unknown {
                        evidence.push(format!("{}; {proof}", finding.text));
                        continue;
                    }
                    finding.status = Status::Warn;
                    finding.text = format!("{}; but {proof}", finding.text);
                }
                if finding.status == Status::Fail {
                    report.broken_by.insert(id);
                    report.failing.extend(&pairs);
                }
                findings.push(finding);
            }
        }
        Check::of(id, passed, evidence, findings)
    };
    let checks = CONCERNS.into_iter().map(check).collect();
    (checks, reports)
}

/// What besides security groups stops a leg's traffic: network ACLs and routes, as text, each once, and the pairs of
/// subnets between which nothing passes. What could not be read stops nothing.
pub fn blocked_besides_groups(paths: &Paths<'_>, leg: &Leg<'_>) -> (Vec<String>, BTreeSet<(usize, usize)>) {
    let of_acls = acls::check(paths, std::slice::from_ref(leg));
    let found = of_acls.into_iter().chain([routes::check(paths, leg)]);
    let (mut texts, mut pairs) = (Vec::new(), BTreeSet::new());
    for OnLeg {
        finding,
        pairs: stopped,
    } in found.flat_map(|found| found.findings)
    {
        if finding.status == Status::Fail {
            texts.push(finding.text);
            pairs.extend(stopped);
        }
    }
    (texts, pairs)
}

/// Whether there is certainly no route between any two subnets of a leg's ends.
pub fn is_unrouted(paths: &Paths<'_>, leg: &Leg<'_>) -> bool {
    let findings = routes::check(paths, leg).findings.into_iter();
    let failing = findings.filter(|found| found.finding.status == Status::Fail);
    let pairs: BTreeSet<(usize, usize)> = failing.flat_map(|found| found.pairs).collect();
    !pairs.is_empty() && leg.pairs().all(|pair| pairs.contains(&pair))
}

/// The pairs of subnets between which nothing passes: what groups, network ACLs and routes stop together. What could not be
/// read stops nothing.
pub fn stopped(paths: &Paths<'_>, leg: &Leg<'_>) -> BTreeSet<(usize, usize)> {
    let mut pairs = stopped_by_groups(paths, leg);
    pairs.extend(blocked_besides_groups(paths, leg).1);
    pairs
}

/// What the groups of both ends make of a leg's traffic: how bad it is, and why, each cause once.
pub fn judged_by_groups(paths: &Paths<'_>, leg: &Leg<'_>) -> (Status, Vec<String>) {
    let findings = groups::check(paths, leg).findings;
    let status = findings
        .iter()
        .map(|found| found.finding.status)
        .max()
        .unwrap_or_default();
    let mut texts: Vec<String> = Vec::new();
    for OnLeg { finding, .. } in findings {
        if finding.status == status && !texts.contains(&finding.text) {
            texts.push(finding.text);
        }
    }
    (status, texts)
}

/// What is between subnets of one VPC besides groups, both ways on a port: ACLs, and routes that lead away.
pub(crate) fn between<'n>(
    paths: &Paths<'n>,
    vpc: &VpcId,
    from: &[SubnetId],
    to: &[SubnetId],
    port: u16,
    numbers: &mut acls::Numbers<'n>,
) -> (Vec<Finding>, BTreeSet<&'n str>) {
    let end = |subnets| End {
        side: Side::Function,
        name: String::new(),
        vpc,
        subnets: distinct(subnets),
        groups: Vec::new(),
    };
    let leg = Leg {
        from: end(from),
        to: end(to),
        port,
        remedy: None,
        proof: None,
        doubt: None,
    };
    let crossings = acls::between(paths, &leg.from.subnets, &leg.to.subnets, port, numbers);
    // Within a VPC there is always the local route: tables that were not read are no reason for doubt.
    let routed = if paths.network().route_tables.read().is_ok() {
        routes::check(paths, &leg)
    } else {
        Found::default()
    };
    let findings = crossings.findings.into_iter().map(|(finding, _)| finding);
    let routed = routed.findings.into_iter().map(|found| found.finding);
    (findings.chain(routed).collect(), crossings.acls)
}

fn report(leg: &Leg<'_>) -> LegReport {
    let end = |end: &End<'_>| EndReport {
        side: end.side,
        name: end.name.clone(),
        subnets: end.subnets.iter().copied().cloned().collect(),
    };
    LegReport {
        from: end(&leg.from),
        to: end(&leg.to),
        port: leg.port,
        failing: BTreeSet::new(),
        broken_by: BTreeSet::new(),
    }
}

/// Each subnet once.
pub fn distinct(subnets: &[SubnetId]) -> Vec<&SubnetId> {
    let mut seen = BTreeSet::new();
    subnets.iter().filter(|id| seen.insert(*id)).collect()
}

impl Leg<'_> {
    /// All pairs of subnets, by their places.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let (rows, columns) = (self.from.subnets.len(), self.to.subnets.len());
        (0..rows).flat_map(move |row| (0..columns).map(move |column| (row, column)))
    }

    /// Whether both ends are in one VPC.
    pub fn is_within_vpc(&self) -> bool {
        self.from.vpc == self.to.vpc
    }

    /// The family in which two subnets speak with each other: IPv4 where both have it.
    fn is_v6(paths: &Paths<'_>, a: &SubnetId, b: &SubnetId) -> bool {
        let both = |v6| paths.addresses(a, v6).is_some() && paths.addresses(b, v6).is_some();
        !both(false) && both(true)
    }
}
