//! `msk setup`, as a goal of [`super::converge`].
//!
//! Source: docs/msk.md, "`msk setup`".

use super::error::RunError;
use super::goal::{Draft, Goal, Look, Memory};
use super::internet::ground;
use crate::cloud::{Cloud, GroupFilter, derived};
use crate::endpoint::{GROUP_NAMES, listed};
use crate::model::network::Own;
use crate::model::{MappingMode, Origin, Place, SecurityGroup, Side};
use crate::msk::{Built, EndpointsWish, MskScene, endpoints, nat_gateways};
use crate::observe::{MskTarget, OWN_READS, ObserveError, made_for_internet, msk_scene, reads_of_msk};
use crate::owner::{Owned, owners_of_groups, warnings};
use crate::plan::{Basis, Ground, Plan};
use crate::policy::{PolicyDocument, Subject, operator};
use crate::preconditions::Unmet;

/// A cluster that Lambda is to be able to poll.
#[derive(Clone, Debug)]
pub struct MskSetup {
    /// The cluster and its mappings.
    pub target: MskTarget,
    /// Which way.
    pub via: MskVia,
    /// What is wanted of endpoints.
    pub wish: EndpointsWish,
}

/// The way from the cluster's subnets to Lambda and STS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MskVia {
    /// Interface endpoints.
    Endpoints,
    /// NAT gateways.
    Nat,
}

/// What is read for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MskSite {
    /// The cluster, its mappings, and its network.
    pub scene: MskScene,
    /// What earlier runs created for the VPC's way to the internet; for endpoints only the groups.
    pub own: Own,
}

#[async_trait::async_trait]
impl Goal for MskSetup {
    type Seen = MskSite;

    fn name(&self) -> &'static str {
        "msk setup"
    }

    async fn observe(&self, cloud: &dyn Cloud, _: Look) -> Result<Self::Seen, ObserveError> {
        let scene = msk_scene(cloud, &self.target).await?;
        let own = match (scene.vpc.known(), self.via) {
            (Some(vpc), MskVia::Endpoints) => Own {
                groups: derived::groups(cloud, GroupFilter::Named(vpc, &GROUP_NAMES)).await?,
                ..Own::default()
            },
            (Some(vpc), MskVia::Nat) => made_for_internet(cloud, vpc).await?,
            (None, _) => Own::default(),
        };
        Ok(MskSite { scene, own })
    }

    fn origin(&self, site: &Self::Seen) -> Origin {
        Origin::of_arn(&site.scene.cluster.arn)
    }

    fn draft(&self, site: &Self::Seen, _: &mut Memory) -> Result<Draft, RunError> {
        let MskSite { scene, own } = site;
        let built = match self.via {
            MskVia::Endpoints => endpoints(scene, &own.groups, &self.wish).map_err(Unmet::from)?,
            MskVia::Nat => nat_gateways(scene, own, &self.wish.tags)?,
        };
        Ok(draft(scene, &own.groups, self.via, built))
    }

    fn ground<'s>(&self, site: &'s Self::Seen) -> Ground<'s> {
        ground(&site.own)
    }

    fn basis(&self, site: &Self::Seen) -> Basis {
        Basis::of_network(&self.ground(site), &site.scene.network, &site.own)
    }

    fn policy(&self, MskSite { scene, .. }: &Self::Seen, plan: &Plan) -> PolicyDocument {
        let place = Place::of(&scene.cluster.arn);
        let mut reads = reads_of_msk(&self.target, scene).network(&scene.network, plan);
        if self.via == MskVia::Nat {
            reads = reads.any(OWN_READS.iter().copied());
        }
        let subject = Subject {
            place,
            function: None,
            proxy: None,
        };
        operator(subject, reads.permissions(), plan)
    }
}

fn draft(scene: &MskScene, groups: &[SecurityGroup], via: MskVia, built: Built) -> Draft {
    let place = scene.placement();
    let needs = scene.needs();
    let is_reached = built.plan.is_empty();
    let vpc = scene.vpc.known().map(ToString::to_string).unwrap_or_default();
    let way = match via {
        MskVia::Endpoints => "endpoints",
        MskVia::Nat => "NAT gateways",
    };
    let there = match needs.mode {
        MappingMode::OnDemand => format!(
            "The poller of MSK cluster {} reaches Lambda and STS through {way}.",
            scene.cluster.name
        ),
        MappingMode::Provisioned => format!(
            "In provisioned mode the poller of MSK cluster {} needs neither endpoints nor NAT gateways.",
            scene.cluster.name
        ),
    };
    let owners: Vec<Owned> = owners_of_groups(groups, Side::Function, None).collect();
    let warnings: Vec<String> = warnings(&owners, &built.plan).collect();
    Draft {
        heading: vec![
            format!("Let Lambda poll MSK cluster {} through {way}", scene.cluster.name),
            format!("mode     {}", needs.mode),
            format!("subnets  {} of {vpc}", listed(&place.subnets)),
            format!("groups   {}", listed(&place.groups)),
        ],
        decision: if is_reached { "no-op" } else { "build" },
        meaning: if is_reached {
            "there is nothing to change"
        } else {
            "what is missing is created"
        },
        reasons: if is_reached && built.pending.is_empty() {
            vec![there]
        } else {
            built.reasons
        },
        notes: built.notes.into_iter().chain(warnings).collect(),
        pending: built.pending,
        plan: built.plan,
        owners,
        ..Draft::default()
    }
}
