//! The goal of `diagnose --fix` and of `setup --cross-vpc`.

use std::collections::BTreeSet;

use super::attach::tags_to_draft;
use super::error::RunError;
use super::goal::{Draft, Goal, Look, Memory, WithRole};
use crate::cloud::{Cloud, GroupFilter, derived};
use crate::diagnostics::connection::Scene;
use crate::fix::{Fixing, Scope, Seen, fix};
use crate::made::warnings_of;
use crate::model::{Origin, Side, VpcId};
use crate::observe::{ObserveError, Reads, Target, add_what_is_taken_over, observe, through};
use crate::operation::Operation;
use crate::owner::{self, heading, owners_of};
use crate::ownership::For;
use crate::plan::{Basis, Effect, Ground, May, Plan, Request};
use crate::policy::{PolicyDocument, Subject, operator};

/// A connection that works, as far as adding can make it so.
#[derive(Clone, Debug)]
pub struct Fix {
    /// The connection.
    pub target: Target,
    /// The endpoint of the proxy that the function connects to; none for the default one.
    pub endpoint: Option<String>,
    /// How much is fixed.
    pub scope: Scope,
    /// What was asked for besides.
    pub request: Request,
}

impl Fix {
    /// The groups of both ends and of the proxy that are open to the internet. Within one VPC `diagnose` judges the groups.
    fn warnings(&self, scene: &Scene) -> Vec<String> {
        let Some(groups) = scene
            .network
            .groups
            .known()
            .filter(|_| self.scope == Scope::GroupsAcrossVpcs)
        else {
            return Vec::new();
        };
        let Scene {
            function,
            database,
            proxy,
            ..
        } = scene;
        let proxy = proxy
            .iter()
            .map(|proxy| (format!("proxy {}", proxy.name), proxy.groups.clone()));
        let ends = [
            (database.to_string(), database.groups()),
            (format!("function {}", function.name), function.groups()),
        ];
        let ends = ends.into_iter().chain(proxy);
        ends.flat_map(|(resource, on)| {
            let attached = groups.iter().filter(|group| on.contains(&group.id));
            warnings_of(attached, &resource).collect::<Vec<_>>()
        })
        .collect()
    }
}

#[async_trait::async_trait]
impl Goal for Fix {
    type Seen = Seen;

    fn name(&self) -> &'static str {
        match self.scope {
            Scope::Everything => "diagnose --fix",
            Scope::GroupsAcrossVpcs => "setup --cross-vpc",
        }
    }

    async fn observe(&self, cloud: &dyn Cloud, look: Look) -> Result<Seen, ObserveError> {
        // Both are large, and are kept off the stack.
        let scene = Box::pin(through(cloud, &self.target, self.endpoint.as_deref())).await?;
        let mut vpcs: BTreeSet<VpcId> = BTreeSet::from([scene.database.vpc.clone()]);
        vpcs.extend(scene.function.vpc.as_ref().map(|vpc| vpc.vpc.clone()));
        vpcs.extend(scene.proxy.as_ref().map(|proxy| proxy.vpc.clone()));
        vpcs.extend(scene.endpoint.as_ref().and_then(|endpoint| endpoint.vpc.clone()));
        let tags = tags_to_draft(cloud, &scene.function, scene.proxy.as_ref(), look);
        let of_vpcs = async {
            if vpcs.len() == 1 {
                let mut observation = Box::pin(observe(cloud, &self.target)).await?;
                add_what_is_taken_over(cloud, &self.target, &mut observation).await?;
                return Ok((Vec::new(), Some(observation)));
            }
            let mut groups = Vec::new();
            for vpc in &vpcs {
                groups.extend(derived::groups(cloud, GroupFilter::OfConvention(vpc)).await?);
            }
            Ok::<_, ObserveError>((groups, None))
        };
        let (of_vpcs, tags) = tokio::join!(of_vpcs, tags);
        let (groups, observation) = of_vpcs?;
        Ok(Seen {
            scene,
            groups,
            observation,
            tags,
        })
    }

    fn origin(&self, seen: &Seen) -> Origin {
        Origin::of_arn(&seen.scene.database.arn)
    }

    fn draft(&self, seen: &Seen, _: &mut Memory) -> Result<Draft, RunError> {
        let Fixing {
            plan,
            reasons,
            left,
            pending,
            notes,
        } = fix(seen, self.scope, &self.request)?;
        let creates = plan
            .steps
            .iter()
            .any(|step| matches!(step.effect, Effect::CreateSecurityGroup { .. }));
        let (decision, meaning) = match (plan.is_empty(), creates) {
            (true, _) => ("no-op", "nothing can be fixed by adding resources"),
            (false, true) => ("create-new", "what is missing is added, with new groups"),
            (false, false) => ("associate-existing", "what is missing is added"),
        };
        let scene = &seen.scene;
        let through = scene.proxy.as_ref().map(|_| format!(" through {}", scene.reached()));
        let function = scene.function.vpc.as_ref().map_or("no VPC", |vpc| vpc.vpc.as_str());
        let attached = scene.network.groups.known().map_or(&[][..], Vec::as_slice);
        let owners = owners_of(scene, &seen.tags, attached, None);
        let of_owners: Vec<String> = owner::warnings(&owners, &plan).collect();
        Ok(Draft {
            heading: [
                format!(
                    "Connect function {} to {}{}",
                    scene.function.name,
                    scene.database,
                    through.unwrap_or_default()
                ),
                format!(
                    "the function is in {function}, {} in {}",
                    scene.database, scene.database.vpc
                ),
            ]
            .into_iter()
            .chain(heading(&owners))
            .collect(),
            decision,
            meaning,
            reasons,
            notes: left
                .into_iter()
                .chain(notes)
                .chain(self.warnings(scene))
                .chain(of_owners)
                .collect(),
            pending,
            plan,
            owners,
            ..Draft::default()
        })
    }

    fn ground<'s>(&self, seen: &'s Seen) -> Ground<'s> {
        if let Some(observation) = &seen.observation {
            return Ground::of_connection(observation);
        }
        let made_for = For::Function(&seen.scene.function.name);
        let sides = [Side::Database, Side::Proxy, Side::Function];
        Ground::new(May::Add).with_judged(&seen.groups, &seen.way(), made_for, &sides)
    }

    fn basis(&self, seen: &Seen) -> Basis {
        let ground = self.ground(seen);
        if let Some(observation) = &seen.observation {
            return Basis::of_connection(&ground, observation);
        }
        let Scene {
            database,
            function,
            proxy,
            ..
        } = &seen.scene;
        let basis = Basis::of_ground(&ground)
            .with_list(Side::Database, database.groups().iter())
            .with_list(Side::Function, function.groups().iter());
        match proxy {
            Some(proxy) => basis.with_list(Side::Proxy, proxy.groups.iter()),
            None => basis,
        }
    }

    fn interfaces_of<'s>(&self, seen: &'s Seen) -> Option<WithRole<'s>> {
        Some((&seen.scene.function, None))
    }

    fn policy(&self, seen: &Seen, plan: &Plan) -> PolicyDocument {
        let Scene {
            function,
            database,
            proxy,
            network,
            ..
        } = &seen.scene;
        let place = database.place();
        let mut reads = Reads::at(place)
            .database(database)
            .function(function)
            .role_of(function)
            .tags_of(function, proxy.as_ref())
            .network(network, plan);
        if let Some(proxy) = proxy {
            reads = reads.proxy(proxy);
        }
        if seen.scene.endpoint.is_some() {
            reads = reads.any([Operation::DescribeDbProxyEndpoints]);
        }
        if let Some(role) = &seen.scene.proxy_role {
            reads = reads.role(&role.arn).secrets(&role.secrets);
        }
        if let Some(observation) = &seen.observation {
            reads = reads.connection(&self.target, observation).bearers_of(plan);
        }
        let subject = Subject {
            place,
            function: Some(function),
            proxy: proxy.as_ref(),
        };
        operator(subject, reads.permissions(), plan)
    }
}
