//! `remove` as a [`Goal`]: a function is no longer connected with a database.

use std::collections::BTreeSet;

use super::error::RunError;
use super::goal::{Draft, Goal, Look, Memory, WithRole};
use crate::cloud::Cloud;
use crate::model::{Origin, Side};
use crate::observe::{ObserveError, Target, observe_standing, reads_of_standing};
use crate::owner::{Owned, owners, warnings};
use crate::plan::{Effect, Ground, Plan, RemovalEffect, Step, put_back};
use crate::policy::{PolicyDocument, operator};
use crate::preconditions::{
    ExtrasUnmet, Pending, Unmet, database_pending, function_update, provider_name, proxy_pending,
};
use crate::removal::{Parts, RemovalWish, Standing, Undo, ground, parts, steps, still_connected};
use crate::restore::Lists;

/// The function is disconnected from the database, and what was made for them alone is gone.
#[derive(Clone, Debug)]
pub struct Disconnect {
    /// The connection.
    pub target: Target,
    /// How far to go.
    pub wish: RemovalWish,
    /// Wait until the database is available, instead of refusing.
    pub wait_for_database: bool,
}

#[async_trait::async_trait]
impl Goal for Disconnect {
    type Seen = Standing;

    fn name(&self) -> &'static str {
        "remove"
    }

    async fn observe(&self, cloud: &dyn Cloud, _: Look) -> Result<Standing, ObserveError> {
        Box::pin(observe_standing(cloud, &self.target, self.wish)).await
    }

    fn origin(&self, standing: &Standing) -> Origin {
        standing.observation.origin()
    }

    fn draft(&self, standing: &Standing, _: &mut Memory) -> Result<Draft, RunError> {
        let observation = &standing.observation;
        if let Some(cluster) = &observation.database.member_of {
            return Err(RunError::Unmet(Unmet::MemberOfCluster {
                instance: observation.database.id.clone(),
                cluster: cluster.clone(),
            }));
        }
        let function = &observation.function;
        if self.wish.unset_env && !self.wish.with_function && function.exists && function.environment.is_none() {
            return Err(RunError::Unmet(Unmet::Extras(ExtrasUnmet::EnvironmentUnreadable {
                function: function.name.clone(),
            })));
        }
        let found = parts(standing, self.wish).map_err(Unmet::Removal)?;
        let plan = steps(standing, &found, self.wish).map_err(Unmet::Removal)?;
        let pending = self.pending(standing, &plan)?;
        let owners = owners(observation, None);
        let warnings: Vec<String> = warnings(&owners, &plan).collect();
        let (decision, meaning) = if plan.is_empty() {
            ("no-op", "there is nothing to do")
        } else {
            ("disconnect", "what connects them and is not used elsewhere is removed")
        };
        Ok(Draft {
            heading: heading(standing, &owners),
            decision,
            meaning,
            reasons: reasons(standing, &found, &plan),
            notes: notes(standing, &found, &plan, self.wish)
                .into_iter()
                .chain(warnings)
                .collect(),
            pending,
            plan,
            owners,
            ..Draft::default()
        })
    }

    fn ground<'s>(&self, standing: &'s Standing) -> Ground<'s> {
        ground(standing, self.wish)
    }

    fn interfaces_of<'s>(&self, standing: &'s Standing) -> Option<WithRole<'s>> {
        Some((&standing.observation.function, None))
    }

    fn policy(&self, standing: &Standing, plan: &Plan) -> PolicyDocument {
        let reads = reads_of_standing(&self.target, self.wish, standing, plan);
        operator(&standing.observation, reads, plan)
    }

    fn vanished(&self, before: &Standing, applied: &Plan) -> Option<Standing> {
        let has_deleted = |wanted: fn(&RemovalEffect) -> bool| {
            let mut steps = applied.steps.iter();
            steps.any(|step| matches!(&step.effect, Effect::Removal(effect) if wanted(effect)))
        };
        let deletes_function = has_deleted(|effect| matches!(effect, RemovalEffect::DeleteFunction { .. }));
        let deletes_proxy = has_deleted(|effect| matches!(effect, RemovalEffect::DeleteProxy { .. }));
        if before.gone.is_empty() && !deletes_function {
            return None;
        }
        let mut standing = before.clone();
        standing.observation.groups.clear();
        if deletes_function {
            standing.gone.insert(Side::Function);
            standing.observation.function.exists = false;
            standing.observation.function.vpc = None;
        }
        if let Some(proxy) = standing.observation.proxy.as_mut().filter(|_| deletes_proxy) {
            standing.gone.insert(Side::Proxy);
            proxy.exists = false;
        }
        (standing.made, standing.undo) = (None, Undo::default());
        Some(standing)
    }

    fn note_lists(&self, standing: &Standing, lists: &mut Lists) {
        lists.note_all(&standing.observation);
    }

    fn repair(&self, standing: &Standing, applied: &Plan, memory: &Memory) -> Vec<Step> {
        put_back(&standing.observation, applied, &memory.lists)
    }
}

impl Disconnect {
    /// What has to end before the resources that are touched take their change.
    fn pending(&self, standing: &Standing, plan: &Plan) -> Result<Vec<Pending>, Unmet> {
        let observation = &standing.observation;
        let touched: BTreeSet<Side> = plan
            .steps
            .iter()
            .filter_map(|step| match &step.effect {
                Effect::Removal(
                    RemovalEffect::OffFunction { .. }
                    | RemovalEffect::Detach { .. }
                    | RemovalEffect::UnsetEnvironment { .. },
                ) => Some(Side::Function),
                Effect::Removal(RemovalEffect::OffProxy { .. }) => Some(Side::Proxy),
                Effect::Removal(RemovalEffect::OffDatabase { .. }) => Some(Side::Database),
                _ => None,
            })
            .collect();
        let mut pending = Vec::new();
        if touched.contains(&Side::Database) {
            pending.extend(database_pending(observation, self.wait_for_database)?);
        }
        // What an earlier run has disassociated is not free before that has taken effect.
        let database = &observation.database;
        let is_coming_off = |step: &Step| match &step.effect {
            Effect::Removal(RemovalEffect::DeleteGroup { group }) => database
                .memberships
                .iter()
                .any(|membership| membership.status == "removing" && membership.group == *group.id()),
            _ => false,
        };
        if plan.steps.iter().any(is_coming_off) && pending.is_empty() {
            pending.push(Pending::DatabaseAvailable {
                database: database.to_string(),
                states: vec!["a group is being disassociated".to_owned()],
            });
        }
        if touched.contains(&Side::Proxy)
            && let Some(proxy) = &observation.proxy
        {
            pending.extend(proxy_pending(proxy)?);
        }
        if touched.contains(&Side::Function) {
            pending.extend(function_update(&observation.function)?);
        }
        Ok(pending)
    }
}

fn heading(standing: &Standing, owners: &[Owned]) -> Vec<String> {
    let observation = &standing.observation;
    let through = match &observation.proxy {
        Some(proxy) => format!(", through proxy {}", proxy.name),
        None => String::new(),
    };
    let title = format!(
        "Disconnect function {} from {}{through}",
        observation.function.name, observation.database
    );
    let on = |side: &Side| {
        let groups: Vec<String> = observation
            .groups_on(*side)
            .iter()
            .map(|id| match observation.group(id) {
                Some(group) => format!("{} ({id})", group.name),
                None => id.to_string(),
            })
            .collect();
        let groups = match groups.as_slice() {
            _ if !standing.has(*side) => "no longer exists".to_owned(),
            [] => "no security groups".to_owned(),
            groups => groups.join(", "),
        };
        let mut of_side = owners.iter().filter(|on| on.side == *side && on.group.is_none());
        let owner = of_side.find_map(|on| on.owner.as_ref().ok());
        let owner = owner.map(|owner| format!(" ({owner})")).unwrap_or_default();
        format!("{}{owner}: {groups}", observation.describe(*side))
    };
    std::iter::once(title)
        .chain(observation.sides().iter().map(on))
        .collect()
}

fn reasons(standing: &Standing, found: &Parts<'_>, plan: &Plan) -> Vec<String> {
    let observation = &standing.observation;
    let mut reasons: Vec<String> = standing
        .gone
        .iter()
        .map(|side| {
            format!(
                "{} no longer exists: what is left of the connection is found by its tags.",
                capitalized(&observation.describe(*side))
            )
        })
        .collect();
    if found.parts.iter().any(|part| part.leaves_old) {
        reasons.push(format!(
            "{} is part of a blue/green deployment and is not the database in production: only groups that both databases have are disassociated.",
            capitalized(&observation.database.to_string())
        ));
    }
    if plan.is_empty() {
        reasons.push(format!(
            "No group that autoconnect created connects function {} with {}{}.",
            observation.function.name,
            observation.database,
            match &observation.proxy {
                Some(proxy) => format!(" through proxy {}", proxy.name),
                None => String::new(),
            }
        ));
    }
    reasons.extend(found.parts.iter().map(|part| {
        let Some(why) = &part.stays else {
            return format!("{} will be removed: not used elsewhere.", part.named());
        };
        let on = if part.stays_on {
            format!(" on {}", observation.describe(part.side))
        } else {
            String::new()
        };
        let without = if part.is_cut {
            ", without the rules that setup has written for this connection"
        } else {
            ""
        };
        format!("{} will be kept{on}{without}: {why}.", part.named())
    }));
    reasons.extend(still_connected(standing, plan).by_others);
    let undo = &standing.undo;
    reasons.extend(undo.kept_permissions.iter().chain(&undo.kept_variables).cloned());
    let made = standing.made.iter();
    let going = BTreeSet::new();
    reasons.extend(made.clone().flat_map(|made| &made.secrets).filter_map(|secret| {
        let why = secret.stays(&going)?;
        Some(format!("Secret {} will be kept: {why}.", secret.name))
    }));
    reasons.extend(made.filter_map(|made| made.role.as_ref()).filter_map(|role| {
        let why = role.stays(&going)?;
        Some(format!("Role {} will be kept: {why}.", role.name))
    }));
    reasons
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

fn notes(standing: &Standing, found: &Parts<'_>, plan: &Plan, wish: RemovalWish) -> Vec<String> {
    let observation = &standing.observation;
    let mut notes = Vec::new();
    for group in &found.foreign {
        let what = if wish.console_made {
            "it has been changed"
        } else {
            "--console-made removes unchanged groups that the console created"
        };
        notes.push(format!(
            "{} ({}) on function {} also leads there, and autoconnect did not create it: {what}.",
            group.name, group.id, observation.function.name
        ));
    }
    notes.extend(
        still_connected(standing, plan)
            .by_connections
            .into_iter()
            .map(|sentence| {
                format!("{sentence} That is a separate connection; `autoconnect remove` without --proxy removes it.")
            }),
    );
    if let Some(provider) = &observation.function.capacity_provider {
        notes.push(format!(
            "Function {} runs on the instances of capacity provider {} (Lambda Managed Instances): the provider's security groups, which are chosen when it is created, and the rules that name them stay.",
            observation.function.name,
            provider_name(provider)
        ));
    }
    let detaches = |effect: &Effect| matches!(effect, Effect::Removal(RemovalEffect::Detach { .. }));
    if plan.steps.iter().any(|step| detaches(&step.effect)) {
        let function = &observation.function.name;
        notes.push(format!(
            "Function {function} will be detached from its VPC, because AWS requires a function in a VPC to have a security group. Outside the VPC it reaches the internet, but nothing in the VPC. To keep it in the VPC, give it another security group first."
        ));
    }
    let deletes_group = |effect: &Effect| matches!(effect, Effect::Removal(RemovalEffect::DeleteGroup { .. }));
    if plan.steps.iter().any(|step| deletes_group(&step.effect)) {
        notes.push(
            "Lambda deletes an unused network interface within 20 minutes, or 45 at worst. Its group cannot be deleted before: the run waits, or with --no-wait leaves the group to the next run."
                .to_owned(),
        );
    }
    if !wish.with_proxy && found.parts.iter().any(|part| part.side == Side::Proxy && part.goes()) {
        notes.push(
            "The proxy keeps its other groups: it was not checked whether it still reaches the database through them."
                .to_owned(),
        );
    }
    notes
}
