//! `internet setup`, as a goal of [`super::converge`].

use super::error::RunError;
use super::goal::{Draft, Goal, Look, Memory};
use crate::cloud::Cloud;
use crate::endpoint::whose;
use crate::internet::{Scene, Wish, draft};
use crate::model::network::Own;
use crate::model::{Origin, Place, Side};
use crate::observe::{OWN_READS, ObserveError, Reads, building_site};
use crate::owner::{Owned, owners_of_groups, warnings};
use crate::plan::{Basis, Ground, May, Plan, Right};
use crate::policy::{PolicyDocument, operator};
use crate::preconditions::{Facts, Making, Pending, Unmet, ask};

/// What a plan may do to the groups of endpoints.
pub(super) fn ground(own: &Own) -> Ground<'_> {
    own.groups.iter().fold(Ground::new(May::Add), |ground, group| {
        ground.with_group(group, Right::from(&whose(group)))
    })
}

/// A function that is to reach the internet, or AWS services without it.
#[derive(Clone, Debug)]
pub struct Internet(pub Wish);

#[async_trait::async_trait]
impl Goal for Internet {
    type Seen = Scene;

    fn name(&self) -> &'static str {
        "internet setup"
    }

    async fn observe(&self, cloud: &dyn Cloud, _: Look) -> Result<Scene, ObserveError> {
        building_site(cloud, &self.0.function, &self.0.services).await
    }

    fn origin(&self, scene: &Scene) -> Origin {
        Origin::of_arn(&scene.function.arn)
    }

    fn draft(&self, scene: &Scene, _: &mut Memory) -> Result<Draft, RunError> {
        let Self(wish) = self;
        let facts = Facts {
            function: Some(&scene.function),
            ..Facts::default()
        };
        ask(&[Making::WayOut], &facts)?;
        let building = draft(scene, wish).map_err(Unmet::from)?;
        let name = &scene.function.name;
        let what = match wish.services.as_slice() {
            [] => "the internet".to_owned(),
            services => format!("{} without the internet", services.join(", ")),
        };
        let mut heading = vec![format!("Let function {name} reach {what}")];
        if let Some(vpc) = &scene.function.vpc {
            let subnets: Vec<&str> = vpc.subnets.iter().map(crate::model::SubnetId::as_str).collect();
            heading.push(format!("vpc      {}", vpc.vpc));
            heading.push(format!("subnets  {}", subnets.join(", ")));
        }
        let is_reached = building.plan.steps.is_empty();
        let owners: Vec<Owned> = owners_of_groups(&scene.own.groups, Side::Function, None).collect();
        let warnings: Vec<String> = warnings(&owners, &building.plan).collect();
        Ok(Draft {
            heading,
            decision: if is_reached { "no-op" } else { "build" },
            meaning: if is_reached {
                "there is nothing to build"
            } else {
                "what is missing is built, what exists is used"
            },
            reasons: building.reasons,
            notes: building.notes.into_iter().chain(warnings).collect(),
            pending: building
                .pending
                .into_iter()
                .map(|what| Pending::Available { what })
                .collect(),
            plan: building.plan,
            owners,
            ..Draft::default()
        })
    }

    fn ground<'s>(&self, scene: &'s Scene) -> Ground<'s> {
        ground(&scene.own)
    }

    fn basis(&self, scene: &Scene) -> Basis {
        Basis::of_network(&self.ground(scene), &scene.network, &scene.own)
    }

    fn policy(&self, scene: &Scene, plan: &Plan) -> PolicyDocument {
        let function = &scene.function;
        let mut reads = Reads::at(Place::of(&function.arn)).function(function);
        if function.vpc.is_some() {
            reads = reads.network(&scene.network, plan).any(OWN_READS.iter().copied());
        }
        operator(function, reads.permissions(), plan)
    }
}
