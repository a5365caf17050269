//! `remove` as a [`Goal`]: a function is no longer connected with a database.

use std::collections::BTreeSet;

use super::converge::{Draft, Goal};
use super::error::RunError;
use crate::cloud::Cloud;
use crate::model::{Origin, Side};
use crate::observe::{ObserveError, Target, observe_standing, reads_of_standing};
use crate::plan::{Effect, Plan, RemovalEffect, Step, put_back};
use crate::policy::{PolicyDocument, operator};
use crate::removal::{Parts, RemovalWish, Standing, parts, steps};
use crate::requirements::{Pending, Unmet, database_pending, function_update, proxy_pending};

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

impl Goal for Disconnect {
    type Seen = Standing;

    fn name(&self) -> &'static str {
        "remove"
    }

    async fn observe<C: Cloud>(&self, cloud: &C) -> Result<Standing, ObserveError> {
        observe_standing(cloud, &self.target, self.wish).await
    }

    fn origin(&self, standing: &Standing) -> Origin {
        standing.observation.origin()
    }

    fn draft(&self, standing: &Standing) -> Result<Draft, RunError> {
        let observation = &standing.observation;
        if let Some(cluster) = &observation.database.member_of {
            return Err(RunError::Unmet(Unmet::MemberOfCluster {
                instance: observation.database.id.clone(),
                cluster: cluster.clone(),
            }));
        }
        let found = parts(standing, self.wish).map_err(Unmet::Removal)?;
        let plan = steps(standing, &found, self.wish).map_err(Unmet::Removal)?;
        let pending = self.pending(standing, &plan)?;
        let (decision, meaning) = if plan.is_empty() {
            ("no-op", "there is nothing to do")
        } else {
            (
                "disconnect",
                "what connects them, and is used by nobody else, is taken away",
            )
        };
        Ok(Draft {
            heading: heading(standing),
            decision,
            meaning,
            reasons: reasons(standing, &found, &plan),
            notes: notes(standing, &found, &plan, self.wish),
            pending,
            plan,
        })
    }

    fn policy(&self, standing: &Standing, plan: &Plan) -> PolicyDocument {
        let reads = reads_of_standing(&self.target, self.wish, standing);
        operator(&standing.observation, reads, plan)
    }

    fn put_back(&self, standing: &Standing, applied: &Plan) -> Vec<Step> {
        put_back(&standing.observation, applied)
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
                Effect::Removal(RemovalEffect::OffFunction { .. }) => Some(Side::Function),
                Effect::Removal(RemovalEffect::OffProxy { .. }) => Some(Side::Proxy),
                Effect::Removal(RemovalEffect::OffDatabase { .. }) => Some(Side::Database),
                _ => None,
            })
            .collect();
        let mut pending = Vec::new();
        if touched.contains(&Side::Database) {
            pending.extend(database_pending(observation, self.wait_for_database)?);
        }
        // What an earlier run has taken off is not free before that has taken effect.
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
                states: vec!["a group is being taken off it".to_owned()],
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

fn heading(standing: &Standing) -> Vec<String> {
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
            [] => "no security groups".to_owned(),
            groups => groups.join(", "),
        };
        format!("{}: {groups}", observation.describe(*side))
    };
    std::iter::once(title)
        .chain(observation.sides().iter().map(on))
        .collect()
}

fn reasons(standing: &Standing, found: &Parts<'_>, plan: &Plan) -> Vec<String> {
    let observation = &standing.observation;
    let mut reasons = Vec::new();
    if plan.is_empty() {
        reasons.push(format!(
            "No group of autoconnect's making connects function {} with {}{}.",
            observation.function.name,
            observation.database,
            match &observation.proxy {
                Some(proxy) => format!(" through proxy {}", proxy.name),
                None => String::new(),
            }
        ));
    }
    reasons.extend(found.parts.iter().map(|part| match (&part.stays, &part.pinned_by) {
        (Some(why), _) => format!("{} stays: {why}.", part.named()),
        (None, Some(by)) => {
            format!(
                "{} loses its rules but is not deleted: a rule of {by} names it, and that one is not ours.",
                part.named()
            )
        }
        (None, None) => format!("{} goes: nobody else uses it.", part.named()),
    }));
    let made = standing.made.iter();
    reasons.extend(made.clone().flat_map(|made| &made.secrets).filter_map(|secret| {
        let other = secret.used_by.as_ref()?;
        Some(format!("Secret {} stays: proxy {other} uses it.", secret.name))
    }));
    reasons.extend(made.filter_map(|made| made.role.as_ref()).filter_map(|role| {
        match (&role.used_by, role.other_policies.as_slice()) {
            (Some(other), _) => Some(format!("Role {} stays: proxy {other} has it.", role.name)),
            (None, []) => None,
            (None, others) => Some(format!(
                "Role {} stays: somebody has given it more ({}).",
                role.name,
                others.join(", ")
            )),
        }
    }));
    reasons
}

fn notes(standing: &Standing, found: &Parts<'_>, plan: &Plan, wish: RemovalWish) -> Vec<String> {
    let observation = &standing.observation;
    let mut notes = Vec::new();
    for group in &found.foreign {
        let what = if wish.console_made {
            "somebody has changed it, or something else uses it"
        } else {
            "--console-made takes off what the console has made and nobody has changed"
        };
        notes.push(format!(
            "{} ({}) on function {} leads there too, and is not of autoconnect's making: {what}.",
            group.name, group.id, observation.function.name
        ));
    }
    let deletes_group = |effect: &Effect| matches!(effect, Effect::Removal(RemovalEffect::DeleteGroup { .. }));
    if plan.steps.iter().any(|step| deletes_group(&step.effect)) {
        notes.push(
            "Lambda gives a network interface back up to 20 minutes after it was needed last, and a group on it cannot be deleted before: that is waited for, or with --no-wait left to the next run."
                .to_owned(),
        );
    }
    if !wish.with_proxy && found.parts.iter().any(|part| part.side == Side::Proxy && part.goes()) {
        notes.push(
            "The proxy keeps its other groups: whether it still reaches the database by them is not looked into."
                .to_owned(),
        );
    }
    notes
}
