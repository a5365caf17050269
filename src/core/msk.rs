//! Whether an event source mapping can poll an MSK cluster and invoke its function, and if not, why: decided from what was
//! read, without sending packets.
//!
//! Source: docs/msk.md. The poller works from interfaces in the *cluster's* subnets with the *cluster's* groups; the
//! function's own VPC plays no part. In on-demand mode it calls Lambda and STS from there, through a NAT gateway or
//! through endpoints; in provisioned mode it does not.

mod brokers;
mod build;
mod cluster;
mod headline;
mod role;
mod ways;

use std::collections::BTreeSet;

pub use build::{Built, EndpointsWish, connection, endpoints, nat_gateways};
pub use headline::headline;
pub use ways::services;

pub use crate::diagnostics::internet::Answer;
use crate::diagnostics::internet::way::{Exit, way_out};
use crate::diagnostics::{Check, Finding, verdict};
use crate::endpoint::Asker;
use crate::model::network::{Network, Part};
use crate::model::{
    Authentication, EventSourceMapping, Function, MappingMode, MskCluster, MskPlacement, NeededSecret, Place, SubnetId,
    VpcId,
};
use crate::policy::RolePolicies;
use crate::reachability::{Gap, Paths};

/// What was read of a cluster, what polls it, and the network between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MskScene {
    /// The cluster.
    pub cluster: MskCluster,
    /// The VPC of its subnets, where it could be read.
    pub vpc: Part<VpcId>,
    /// The mappings that were asked about: one by its id, a function's, or all of the cluster's.
    pub mappings: Part<Vec<EventSourceMapping>>,
    /// The function that is, or is to be, invoked, if one is known.
    pub function: Option<Function>,
    /// The functions of further mappings of the cluster.
    pub others: Vec<Function>,
    /// The policies of its execution role.
    pub policies: Part<RolePolicies>,
    /// The secrets that the mappings read.
    pub secrets: Vec<NeededSecret>,
    /// The network of the cluster's VPC.
    pub network: Network,
    /// The mode, if the user gave one.
    pub mode: Option<MappingMode>,
    /// The authentication, if the user gave one.
    pub authentication: Option<Authentication>,
}

/// What the poller needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Its mode. Of several mappings with both, on-demand, which needs more.
    pub mode: MappingMode,
    /// How it authenticates.
    pub authentications: Vec<Authentication>,
    /// Whether it reads a secret.
    pub uses_secret: bool,
    /// The secrets, as far as they are known.
    pub secrets: Vec<String>,
}

impl Needs {
    /// Whether one of the ways to authenticate takes a secret.
    fn may_use_secret(&self) -> bool {
        self.authentications.iter().any(|way| way.uses_secret())
    }
}

impl MskScene {
    /// The mappings that were read.
    pub fn known_mappings(&self) -> &[EventSourceMapping] {
        self.mappings.known().map(Vec::as_slice).unwrap_or_default()
    }

    /// What the poller needs: as the user says, else as the mappings say, else for everything that is on.
    pub fn needs(&self) -> Needs {
        let mappings = self.known_mappings();
        // Lambda's own default is on-demand.
        let of_mappings = mappings.iter().map(|mapping| mapping.mode).min();
        let told: BTreeSet<Authentication> = match self.authentication {
            Some(told) => BTreeSet::from([told]),
            None => mappings
                .iter()
                .flat_map(|mapping| mapping.authentications(&self.cluster))
                .collect(),
        };
        let is_told = !told.is_empty();
        let authentications = if is_told {
            told.into_iter().collect()
        } else {
            self.cluster.authentications()
        };
        let secrets: BTreeSet<&str> = mappings.iter().flat_map(EventSourceMapping::secrets).collect();
        let mut by_secret = authentications.iter().map(|way| way.uses_secret());
        Needs {
            mode: self.mode.or(of_mappings).unwrap_or(MappingMode::OnDemand),
            // Where it is not known, a secret is needed only if there is no way without one.
            uses_secret: if is_told {
                by_secret.any(|uses| uses) || (self.authentication.is_none() && !secrets.is_empty())
            } else {
                !authentications.is_empty() && by_secret.all(|uses| uses)
            },
            authentications,
            secrets: secrets.into_iter().map(str::to_owned).collect(),
        }
    }

    /// Whether something can poll the cluster now: the cluster is not being created, and not all of its mappings are disabled or
    /// being deleted. A cluster without mappings counts, since the question is then whether a mapping would work.
    pub fn is_polled(&self) -> bool {
        let mappings = self.known_mappings();
        let is_off = |mapping: &EventSourceMapping| matches!(&*mapping.state, "Disabled" | "Disabling" | "Deleting");
        self.cluster.state != "CREATING" && (mappings.is_empty() || !mappings.iter().all(is_off))
    }

    /// The execution roles of the functions that are, or are to be, invoked.
    pub fn roles(&self) -> Vec<String> {
        let functions = self.function.iter().chain(&self.others);
        let roles: BTreeSet<&String> = functions.filter_map(|function| function.role.as_ref()).collect();
        roles.into_iter().cloned().collect()
    }

    /// Where the poller is: of a serverless cluster with several places, the first.
    pub fn placement(&self) -> MskPlacement {
        self.cluster.placements.first().cloned().unwrap_or_default()
    }

    /// The cluster's Region.
    pub fn region(&self) -> &str {
        Place::of(&self.cluster.arn).region
    }
}

/// The poller, as what asks services, and what is known of its network.
struct Poller<'s> {
    scene: &'s MskScene,
    paths: &'s Paths<'s>,
    place: &'s MskPlacement,
    vpc: &'s VpcId,
    name: String,
    needs: Needs,
}

impl Poller<'_> {
    fn asker(&self) -> Asker<'_> {
        Asker {
            name: &self.name,
            vpc: self.vpc,
            subnets: &self.place.subnets,
            groups: &self.place.groups,
        }
    }
}

/// Asks everything.
pub fn check(scene: &MskScene) -> Answer {
    let paths = Paths::new(&scene.network);
    let place = scene.placement();
    let unknown = VpcId::from("its VPC");
    let poller = Poller {
        scene,
        paths: &paths,
        place: &place,
        vpc: scene.vpc.known().unwrap_or(&unknown),
        name: format!("MSK cluster {}", scene.cluster.name),
        needs: scene.needs(),
    };
    let mut checks = vec![
        cluster::check(&poller),
        cluster::mapping(&poller),
        brokers::inbound(&poller),
    ];
    checks.extend(ways::check(&poller));
    checks.push(brokers::acls(&poller));
    checks.extend(role::check(&poller));
    checks.extend(role::login(&poller));
    Answer {
        headline: headline(scene, &poller.needs, &checks),
        verdict: verdict(&checks),
        checks,
    }
}

/// The answer for an event source that is no MSK cluster: it is named, and nothing is said of its network.
pub fn not_checked(what: &str) -> Answer {
    let finding = Finding::unknown(what);
    let checks = vec![Check::of("event-source", "", Vec::new(), vec![finding])];
    Answer {
        headline: format!("It is not known whether it works: {what}."),
        verdict: verdict(&checks),
        checks,
    }
}

/// Whether a subnet is public: its default route leads to an internet gateway.
///
/// # Errors
///
/// Its route table could not be read, or it is not known whether the route counts.
pub fn is_public(paths: &Paths<'_>, subnet: &SubnetId) -> Result<bool, Gap> {
    match way_out(paths, subnet, false)?.exit {
        Exit::InternetGateway(_) => Ok(true),
        Exit::Doubtful(_, why) => Err(why),
        _ => Ok(false),
    }
}
