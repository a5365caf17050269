//! Whether a function reaches a database, and if not, why: decided from what was read, and nothing sent.
//!
//! Source: spec/network.md, "`diagnose`". An invocation lands in any of the function's subnets, and a database in any
//! of its own: all pairs of subnets count.

mod acls;
mod dns;
mod groups;
mod headline;
mod role;
mod routes;
mod state;
mod subnets;

use std::collections::BTreeSet;

pub use headline::headline;

use crate::check::{Check, Finding, Status, verdict};
use crate::model::network::{Network, Part};
use crate::model::{Database, Function, GroupId, Proxy, ProxyTarget, Side, SubnetId, VpcId};
use crate::path::Paths;
use crate::policy::PolicyDocument;

/// What was read of a function, a database, what is between them, and what the function's role may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// The function.
    pub function: Function,
    /// The database.
    pub database: Database,
    /// The proxy between them, if there is one.
    pub proxy: Option<Proxy>,
    /// The proxy's targets.
    pub targets: Part<Vec<ProxyTarget>>,
    /// The network of their VPCs.
    pub network: Network,
    /// The policies of the function's execution role.
    pub policies: Part<Vec<PolicyDocument>>,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// Whether it works, in one sentence.
    pub headline: String,
    /// The worst of the checks.
    pub verdict: Status,
    /// The checks, in the order of the spec.
    pub checks: Vec<Check>,
    /// The way from the function to the database: one leg, or two through a proxy.
    pub legs: Vec<LegReport>,
}

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
    #[must_use]
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

/// An end of a leg: what bears groups in subnets.
#[derive(Clone, Debug)]
struct End<'s> {
    side: Side,
    name: String,
    vpc: &'s VpcId,
    subnets: Vec<&'s SubnetId>,
    groups: Vec<GroupId>,
}

/// From one end to the other, on a port.
#[derive(Clone, Debug)]
struct Leg<'s> {
    from: End<'s>,
    to: End<'s>,
    port: u16,
}

/// A finding with the pairs of subnets between which it stops everything; all of them where it tells none.
#[derive(Clone, Debug)]
struct OnLeg {
    finding: Finding,
    pairs: BTreeSet<(usize, usize)>,
}

/// What a concern came upon on one leg.
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
}

/// What asks about a leg.
type Concern = fn(&Scene, &Paths<'_>, &Leg<'_>) -> Found;

/// The concerns that are about subnets and what is between them: id, what is said where nothing is wrong, and the check.
const CONCERNS: [(&str, &str, Concern); 3] = [
    (
        "security-groups",
        "the security groups let the connection through",
        groups::check,
    ),
    (
        "network-acls",
        "the network ACLs let everything through, both ways",
        acls::check,
    ),
    ("routes", "the route tables lead there and back", routes::check),
];

/// Asks everything.
#[must_use]
pub fn diagnose(scene: &Scene) -> Diagnosis {
    let paths = Paths::new(&scene.network);
    let legs = legs(scene);
    let mut checks = vec![attached(scene), state::check(scene)];
    let mut reports: Vec<LegReport> = legs.iter().map(report).collect();
    if scene.function.vpc.is_some() {
        for (id, passed, concern) in CONCERNS {
            let mut findings = Vec::new();
            let mut evidence = Vec::new();
            for (leg, report) in legs.iter().zip(&mut reports) {
                let found = concern(scene, &paths, leg);
                evidence.extend(found.evidence);
                for OnLeg { finding, pairs } in found.findings {
                    if finding.status == Status::Fail {
                        report.broken_by.insert(id);
                        report.failing.extend(&pairs);
                    }
                    findings.push(finding);
                }
            }
            checks.push(Check::of(id, passed, evidence, findings));
        }
        checks.push(dns::check(scene, &paths, &legs));
        checks.push(role::check(scene));
        checks.push(subnets::check(scene, &paths));
    }
    Diagnosis {
        headline: headline(scene, &checks, &reports),
        verdict: verdict(&checks),
        checks,
        legs: reports,
    }
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

/// The legs from the function to the database; none for a function in no VPC.
fn legs(scene: &Scene) -> Vec<Leg<'_>> {
    let Scene {
        function,
        database,
        proxy,
        ..
    } = scene;
    let Some(vpc) = &function.vpc else {
        return Vec::new();
    };
    let from = End {
        side: Side::Function,
        name: format!("function {}", function.name),
        vpc: &vpc.vpc,
        subnets: distinct(&vpc.subnets),
        groups: vpc.groups.iter().cloned().collect(),
    };
    let to = End {
        side: Side::Database,
        name: database.to_string(),
        vpc: &database.vpc,
        subnets: distinct(&database.subnets),
        groups: database.groups().iter().cloned().collect(),
    };
    let port = database.port.unwrap_or_default();
    let Some(proxy) = proxy else {
        return vec![Leg { from, to, port }];
    };
    let between = End {
        side: Side::Proxy,
        name: format!("proxy {}", proxy.name),
        vpc: &proxy.vpc,
        subnets: distinct(&proxy.subnets),
        groups: proxy.groups.iter().cloned().collect(),
    };
    let first = Leg {
        from,
        to: between.clone(),
        port: proxy.engine_family.listener_port(),
    };
    let second = Leg {
        from: between,
        to,
        port,
    };
    vec![first, second]
}

fn distinct(subnets: &[SubnetId]) -> Vec<&SubnetId> {
    let mut seen = BTreeSet::new();
    subnets.iter().filter(|id| seen.insert(*id)).collect()
}

impl Leg<'_> {
    /// All pairs of subnets, by their places.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let (rows, columns) = (self.from.subnets.len(), self.to.subnets.len());
        (0..rows).flat_map(move |row| (0..columns).map(move |column| (row, column)))
    }

    fn is_within_vpc(&self) -> bool {
        self.from.vpc == self.to.vpc
    }

    /// The family in which two subnets speak with each other: IPv4 where both have it.
    fn is_v6(paths: &Paths<'_>, a: &SubnetId, b: &SubnetId) -> bool {
        let both = |v6| paths.addresses(a, v6).is_some() && paths.addresses(b, v6).is_some();
        !both(false) && both(true)
    }
}

/// Source: spec/network.md, `diagnose` 1.
fn attached(scene: &Scene) -> Check {
    let Scene { function, database, .. } = scene;
    let Some(vpc) = &function.vpc else {
        let text = format!(
            "function {} is in no VPC, and {database} is in {}: nothing outside reaches it",
            function.name, database.vpc
        );
        let subnets: Vec<&str> = database.subnets.iter().map(SubnetId::as_str).collect();
        let mut finding = Finding::fail(text).mended_by(format!(
            "aws lambda update-function-configuration --function-name {} --vpc-config SubnetIds={},SecurityGroupIds=<a group of {}>",
            function.name,
            subnets.join(","),
            database.vpc
        ));
        if database.access.data_api == Some(true) {
            finding = finding.mended_by(format!(
                "or without a VPC: the Data API of {database} is on (HttpEndpointEnabled), see `aws rds-data execute-statement --resource-arn {}`",
                database.arn
            ));
        }
        return Check::of(
            "attached",
            "",
            vec![format!("{database}: {}", database.vpc)],
            vec![finding],
        );
    };
    let subnets: Vec<&str> = vpc.subnets.iter().map(SubnetId::as_str).collect();
    let evidence = vec![
        format!("function {}: {}, {}", function.name, vpc.vpc, subnets.join(", ")),
        format!("{database}: {}", database.vpc),
    ];
    let passed = if vpc.vpc == database.vpc {
        format!("the function is in the VPC of {database}, {}", database.vpc)
    } else {
        format!("the function is in {}, {database} in {}", vpc.vpc, database.vpc)
    };
    Check::of("attached", &passed, evidence, Vec::new())
}
