//! Whether a function in a VPC reaches the internet, or AWS services without it. Pure.
//!
//! Source: docs/internet.md. A function in a VPC has only private addresses: being in a public subnet gives
//! it no internet.

pub(crate) mod acls;
pub(crate) mod checks;
pub(crate) mod names;
pub(crate) mod public_access;
pub(crate) mod services;
pub(crate) mod way;

use std::collections::BTreeMap;

use super::connection::managed;
use super::{Check, Finding, Status, verdict};
use crate::endpoint::{Asker, HTTPS};
use crate::escape::word;
use crate::model::network::public_access::Block;
use crate::model::network::{Network, Own};
use crate::model::{Function, GroupId, Place, SubnetId, VpcId};
use crate::reachability::Paths;
use crate::reachability::leg::distinct;

/// What is asked: whether this function reaches the internet, or these services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The function, by its name or ARN.
    pub function: String,
    /// The port; 443 by default.
    pub port: u16,
    /// The AWS services that are enough, such as `secretsmanager`; none for the whole internet.
    pub services: Vec<String>,
    /// Whether each of the function's Availability Zones gets a NAT gateway of its own.
    pub per_zone: bool,
    /// Further tags for all that is made.
    pub tags: BTreeMap<String, String>,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// The function.
    pub function: Function,
    /// The network of its VPC; empty for a function in none.
    pub network: Network,
    /// What earlier runs created for this VPC, and the network does not show.
    pub own: Own,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether it works, in one sentence.
    pub headline: String,
    /// The worst of the checks.
    pub verdict: Status,
    /// The checks, in the order of the spec.
    pub checks: Vec<Check>,
}

/// What sends requests to the internet: something with groups in subnets.
#[derive(Clone, Debug)]
pub struct Traveller<'s> {
    /// In words: `function checkout`.
    pub name: String,
    /// The option that names it on the command line: `--function checkout`.
    pub option: String,
    /// Its Region.
    pub region: &'s str,
    /// Its VPC.
    pub vpc: &'s VpcId,
    /// Its subnets.
    pub subnets: Vec<&'s SubnetId>,
    /// Its groups.
    pub groups: Vec<GroupId>,
    /// The port that it wants to reach.
    pub port: u16,
    /// Whether it uses IPv6 (`Ipv6AllowedForDualStack`).
    pub ipv6: bool,
    /// The role with which it calls services, where it is known.
    pub role: Option<&'s str>,
}

impl<'s> Traveller<'s> {
    /// The function; none for one in no VPC.
    pub fn of_function(function: &'s Function, port: u16) -> Option<Self> {
        let vpc = function.vpc.as_ref()?;
        Some(Self {
            name: format!("function {}", function.name),
            option: format!("--function {}", word(&function.name)),
            region: Place::of(&function.arn).region,
            vpc: &vpc.vpc,
            subnets: distinct(&vpc.subnets),
            groups: vpc.groups.iter().cloned().collect(),
            port,
            ipv6: vpc.ipv6_allowed == Some(true),
            role: function.role.as_deref(),
        })
    }

    /// Its subnets, for [`Self::asker`].
    pub(crate) fn subnet_ids(&self) -> Vec<SubnetId> {
        self.subnets.iter().map(|&subnet| subnet.clone()).collect()
    }

    /// What asks an endpoint, from these subnets.
    pub(crate) fn asker<'a>(&'a self, subnets: &'a [SubnetId]) -> Asker<'a> {
        Asker {
            name: &self.name,
            vpc: self.vpc,
            subnets,
            groups: &self.groups,
        }
    }

    /// The same, in one of its subnets only.
    pub(crate) fn alone(&self, subnet: &'s SubnetId) -> Self {
        Self {
            subnets: vec![subnet],
            ..self.clone()
        }
    }

    pub(crate) fn acl_stops(&self, paths: &Paths<'_>, subnet: &SubnetId) -> bool {
        acls::stops(paths, subnet, self.port)
    }

    /// The checks of the way to the internet.
    pub fn checks(&self, paths: &Paths<'_>) -> Vec<Check> {
        checks::all(paths, self)
    }
}

/// Asks everything. A remedy is the command that builds what is missing, whether or not that command would refuse.
pub fn check(scene: &Scene, wish: &Wish) -> Answer {
    let name = format!("function {}", scene.function.name);
    if let Some(provider) = &scene.function.capacity_provider {
        let finding = managed(&scene.function.name, provider);
        let checks = vec![Check::of("attached", "", Vec::new(), vec![finding])];
        return Answer {
            headline: format!(
                "It is not known whether {name} reaches the internet: it uses the network of a capacity provider's instances."
            ),
            verdict: verdict(&checks),
            checks,
        };
    }
    let Some(traveller) = Traveller::of_function(&scene.function, wish.port) else {
        let passed = "the function is in no VPC: Lambda's own network reaches the internet";
        let checks = vec![Check::of("attached", passed, Vec::new(), Vec::new())];
        return Answer {
            headline: format!("{name} is in no VPC, and reaches the internet."),
            verdict: verdict(&checks),
            checks,
        };
    };
    let paths = Paths::new(&scene.network);
    let subnets: Vec<&str> = traveller.subnets.iter().map(|subnet| subnet.as_str()).collect();
    let attached = format!("the function is in {}, {}", traveller.vpc, subnets.join(", "));
    let mut checks = vec![match scene.network.subnets.read() {
        Ok(_) => Check::of("attached", &attached, vec![attached.clone()], Vec::new()),
        Err(why) => Check::of(
            "attached",
            "",
            Vec::new(),
            vec![Finding::unknown(format!("the subnets of {name}: {why}"))],
        ),
    }];
    if wish.services.is_empty() {
        checks.extend(traveller.checks(&paths));
        return Answer {
            headline: of_internet(&paths, &traveller, &checks),
            verdict: verdict(&checks),
            checks,
        };
    }
    let services = services::all(&paths, &traveller, traveller.region, &wish.services);
    // Where the internet is the way to a service, what stops it is reported, too: from the subnets that need it.
    let lacking: Vec<&SubnetId> = traveller
        .subnets
        .iter()
        .copied()
        .filter(|subnet| {
            let mut services = services.iter();
            services.any(|service| service.lack_internet.contains(subnet))
        })
        .collect();
    let headline = of_services(&paths, &traveller, &services, verdict(&checks));
    checks.extend(services.into_iter().map(|service| service.check));
    if !lacking.is_empty() {
        let from_there = Traveller {
            subnets: lacking,
            port: HTTPS,
            ..traveller.clone()
        };
        checks.extend(checks::way_to_services(&paths, &from_there));
    }
    Answer {
        headline,
        verdict: verdict(&checks),
        checks,
    }
}

/// Whether VPC Block Public Access would let a NAT gateway of the VPC lead out, as far as that is known.
pub fn nat_can_lead_out(network: &Network, vpc: &VpcId) -> bool {
    !matches!(public_access::before_any_nat(network, vpc), Block::Stopped(_))
}

/// From which of a traveller's subnets something does not work.
enum Extent {
    /// It works, as far as is known or not.
    Not(Status),
    /// From all.
    All,
    /// From these, and of how many others it is not known.
    Some(Vec<String>, usize),
}

impl Extent {
    /// By the status of all subnets together, and that of each of them.
    fn of(traveller: &Traveller<'_>, together: Status, of: impl Fn(&Traveller<'_>) -> Status) -> Self {
        if together != Status::Fail {
            return Self::Not(together);
        }
        let (mut failing, mut untold) = (Vec::new(), 0);
        for subnet in &traveller.subnets {
            match of(&traveller.alone(subnet)) {
                Status::Fail => failing.push(subnet.to_string()),
                Status::Unknown => untold += 1,
                Status::Pass | Status::Warn => {}
            }
        }
        if failing.is_empty() || failing.len() == traveller.subnets.len() {
            Self::All
        } else {
            Self::Some(failing, untold)
        }
    }

    fn works(&self) -> bool {
        matches!(self, Self::Not(status) if *status <= Status::Warn)
    }

    /// The share in words, `1 of its 2 subnets`; none for all.
    fn count(&self, traveller: &Traveller<'_>, of: &str) -> Option<String> {
        let Self::Some(failing, untold) = self else {
            return None;
        };
        let at_least = if *untold == 0 { "" } else { "at least " };
        let (some, all) = (failing.len(), traveller.subnets.len());
        Some(format!("{at_least}{some} of {of}{all}"))
    }

    /// In words: ` from 1 of its 2 subnets`; nothing for all.
    fn share(&self, traveller: &Traveller<'_>) -> String {
        let count = self.count(traveller, "its ");
        count.map(|count| format!(" from {count} subnets")).unwrap_or_default()
    }

    /// What the share means, in words; nothing for all.
    fn cold_starts(&self, traveller: &Traveller<'_>) -> String {
        let count = self.count(traveller, "");
        let about = |count: String| format!(": about {count} cold starts fail").replace("about at least", "at least");
        count.map(about).unwrap_or_default()
    }

    /// Where, in words: ` there (subnet-0a)`; nothing for all.
    fn place(&self) -> String {
        match self {
            Self::Some(failing, _) => format!(" there ({})", failing.join(", ")),
            Self::All | Self::Not(_) => String::new(),
        }
    }
}

fn of_internet(paths: &Paths<'_>, traveller: &Traveller<'_>, checks: &[Check]) -> String {
    let (name, port) = (&traveller.name, traveller.port);
    let reaches = format!("{name} reaches the internet on port {port}");
    let not = format!("{name} does not reach the internet on port {port}");
    let worst = verdict(checks);
    let warned = if worst == Status::Warn { ", with warnings" } else { "" };
    let extent = |v6: bool| {
        let of = |traveller: &Traveller<'_>| checks::of_family(paths, traveller, v6);
        Extent::of(traveller, of(traveller), of)
    };
    if traveller.ipv6 {
        let (v4, v6) = (extent(false), extent(true));
        let (share4, share6) = (v4.share(traveller), v6.share(traveller));
        return match (v4.works(), v6.works()) {
            _ if worst == Status::Fail && matches!((&v4, &v6), (Extent::Not(_), Extent::Not(_))) => format!("{not}."),
            (true, true) => format!("{reaches} over IPv4 and IPv6{warned}."),
            (true, false) => match v6 {
                Extent::All => format!(
                    "{reaches} over IPv4 only: IPv6 requests time out, and clients may try IPv6 first for names with both kinds of addresses."
                ),
                Extent::Some(..) => format!(
                    "{reaches} over IPv4, and over IPv6 not{share6}: IPv6 requests time out{}, and clients may try IPv6 first for names with both kinds of addresses.",
                    v6.place()
                ),
                Extent::Not(_) => not_known(&format!(
                    "{name} reaches the internet on port {port} over IPv6; over IPv4 it does"
                )),
            },
            (false, true) => match v4 {
                Extent::All => {
                    format!("{reaches} over IPv6 only: requests to hosts that have only IPv4 addresses time out.")
                }
                Extent::Some(..) => format!(
                    "{reaches} over IPv6, and over IPv4 not{share4}: requests to hosts that have only IPv4 addresses time out{}.",
                    v4.place()
                ),
                Extent::Not(_) => not_known(&format!(
                    "{name} reaches the internet on port {port} over IPv4; over IPv6 it does"
                )),
            },
            (false, false) => match (v4, v6) {
                (Extent::Not(_), Extent::Not(_)) => not_known(&format!("{name} reaches the internet on port {port}")),
                (Extent::Not(_), _) => format!("{not} over IPv6{share6}; whether it does over IPv4 is not known."),
                (_, Extent::Not(_)) => format!("{not} over IPv4{share4}; whether it does over IPv6 is not known."),
                (Extent::All, Extent::All) => format!("{not}."),
                _ => format!("{not} over IPv4{share4}, nor over IPv6{share6}."),
            },
        };
    }
    let v4 = extent(false);
    match worst {
        Status::Pass | Status::Warn => format!("{reaches}{warned}."),
        Status::Unknown => not_known(&format!("{name} reaches the internet on port {port}")),
        Status::Fail => format!("{not}{}{}.", v4.share(traveller), v4.cold_starts(traveller)),
    }
}

fn not_known(what: &str) -> String {
    format!("It is not known whether {what}: see the checks with the status unknown.")
}

/// `before` is the status of what counts for all services.
fn of_services(paths: &Paths<'_>, traveller: &Traveller<'_>, services: &[services::Service], before: Status) -> String {
    let name = &traveller.name;
    let with = |is_it: &dyn Fn(Status) -> bool| -> Vec<&str> {
        let found = services.iter().filter(|service| is_it(service.check.status));
        found.map(|service| service.name.as_str()).collect()
    };
    let good = with(&|status| status <= Status::Warn);
    let unknown = with(&|status| status == Status::Unknown);
    let reaches = match good.as_slice() {
        [] => String::new(),
        good => format!("it reaches {}", good.join(", ")),
    };
    let mut failing: Vec<(Extent, Vec<&str>)> = Vec::new();
    for service in services.iter().filter(|service| service.check.status == Status::Fail) {
        let of = |alone: &Traveller<'_>| services::status(paths, alone, &service.name);
        let extent = Extent::of(traveller, Status::Fail, of);
        let same = |other: &Extent| match (other, &extent) {
            (Extent::Some(a, x), Extent::Some(b, y)) => (a, x) == (b, y),
            (a, b) => matches!((a, b), (Extent::All, Extent::All)),
        };
        match failing.iter_mut().find(|(other, _)| same(other)) {
            Some((_, names)) => names.push(&service.name),
            None => failing.push((extent, vec![&service.name])),
        }
    }
    if failing.is_empty() {
        let all: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
        let is_warned = services.iter().any(|service| service.check.status == Status::Warn);
        return match (unknown.is_empty() && before <= Status::Warn, reaches.is_empty()) {
            (true, _) => format!(
                "{name} reaches {}{}.",
                all.join(", "),
                if is_warned { ", with warnings" } else { "" }
            ),
            (false, true) => not_known(&format!("{name} reaches {}", all.join(", "))),
            (false, false) if unknown.is_empty() => not_known(&format!("{name} reaches {}", all.join(", "))),
            (false, false) => not_known(&format!("{name} reaches {}; {reaches}", unknown.join(", "))),
        };
    }
    let clauses: Vec<String> = failing
        .iter()
        .map(|(extent, names)| format!("{}{}", names.join(", "), extent.share(traveller)))
        .collect();
    let mut parts = vec![format!("{name} does not reach {}", clauses.join(", nor "))];
    if let [(extent, _)] = failing.as_slice() {
        parts[0] += &extent.cold_starts(traveller);
    }
    if !reaches.is_empty() {
        parts.push(reaches);
    }
    if !unknown.is_empty() {
        parts.push(format!("whether it reaches {} is not known", unknown.join(", ")));
    }
    format!("{}.", parts.join("; "))
}
