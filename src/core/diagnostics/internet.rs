//! Whether a function in a VPC reaches the internet, or AWS services without it. Pure.
//!
//! Source: docs/internet.md. A function in a VPC has only private addresses: being in a public subnet gives
//! it no internet.

mod acls;
pub(crate) mod checks;
pub(crate) mod names;
pub(crate) mod public_access;
pub(crate) mod services;
pub(crate) mod way;

use std::collections::BTreeMap;

use super::connection::managed;
use super::{Check, Finding, Status, verdict};
use crate::endpoint::Asker;
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
    let internet = traveller.checks(&paths);
    if wish.services.is_empty() {
        checks.extend(internet);
    } else {
        let services = services::all(&paths, &traveller, traveller.region, &wish.services);
        // Where the internet is the way to a service, what stops it is reported, too.
        let lacks_internet = services.iter().any(|service| service.lacks_internet);
        checks.extend(services.into_iter().map(|service| service.check));
        if lacks_internet {
            checks.extend(internet);
        }
    }
    Answer {
        headline: headline(&paths, &traveller, wish, &checks),
        verdict: verdict(&checks),
        checks,
    }
}

/// The worst of the checks of one address family; the others count for both.
fn of_family(checks: &[Check], v6: bool) -> Status {
    const OF_IPV4: [&str; 7] = [
        "default-route",
        "route-active",
        "nat-gateways",
        public_access::ID,
        "network-acls",
        "security-groups",
        "subnets-agree",
    ];
    let counts = |check: &&Check| match check.id.as_str() {
        "ipv6" => v6,
        id => !v6 || !OF_IPV4.contains(&id),
    };
    checks
        .iter()
        .filter(counts)
        .map(|check| check.status)
        .max()
        .unwrap_or_default()
}

/// Whether VPC Block Public Access would let a NAT gateway of the VPC lead out, as far as that is known.
pub fn nat_can_lead_out(network: &Network, vpc: &VpcId) -> bool {
    !matches!(public_access::before_any_nat(network, vpc), Block::Stopped(_))
}

fn headline(paths: &Paths<'_>, traveller: &Traveller<'_>, wish: &Wish, checks: &[Check]) -> String {
    let what = match wish.services.as_slice() {
        [] => format!("the internet on port {}", wish.port),
        services => services.join(", "),
    };
    let name = &traveller.name;
    let has_ipv6 = wish.services.is_empty() && checks.iter().any(|check| check.id == "ipv6");
    let is_good = |status: Status| status <= Status::Warn;
    if has_ipv6 {
        match (of_family(checks, false), of_family(checks, true)) {
            (v4, v6) if is_good(v4) && is_good(v6) => {
                let better = if verdict(checks) == Status::Warn {
                    ", with warnings"
                } else {
                    ""
                };
                return format!("{name} reaches {what} over IPv4 and IPv6{better}.");
            }
            (Status::Fail, v6) if is_good(v6) => {
                return format!(
                    "{name} reaches {what} over IPv6 only: requests to hosts that have only IPv4 addresses time out."
                );
            }
            (v4, Status::Fail) if is_good(v4) => {
                return format!(
                    "{name} reaches {what} over IPv4 only: IPv6 requests time out, and clients may try IPv6 first for names with both kinds of addresses."
                );
            }
            _ => {}
        }
    }
    let broken: Vec<&SubnetId> = traveller
        .subnets
        .iter()
        .copied()
        .filter(|subnet| checks::leads_out(paths, subnet) == Some(false))
        .collect();
    let (all, failing) = (traveller.subnets.len(), broken.len());
    match verdict(checks) {
        Status::Pass => format!("{name} reaches {what}."),
        Status::Warn => format!("{name} reaches {what}, with warnings."),
        Status::Unknown => {
            format!("It is not known whether {name} reaches {what}: see the checks with the status unknown.")
        }
        Status::Fail if wish.services.is_empty() && (1..all).contains(&failing) => format!(
            "{name} does not reach {what} from {failing} of its {all} subnets: about {failing} of {all} cold starts fail."
        ),
        Status::Fail => format!("{name} does not reach {what}."),
    }
}
