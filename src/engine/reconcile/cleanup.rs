//! `cleanup` as a [`Goal`]: no unused resource of ours is left.

use super::error::RunError;
use super::goal::{Draft, Goal, Look, Memory};
use crate::cleanup::{Leftovers, clean, ground};
use crate::cloud::Cloud;
use crate::model::{Origin, Place};
use crate::observe::{ObserveError, leftovers, reads_of_leftovers, region_and_account};
use crate::plan::{Effect, Ground, Plan, RemovalEffect};
use crate::policy::{PolicyDocument, Subject, operator};
use crate::preconditions::Pending;

/// What has to end before a group is deleted.
fn pending(left: &Leftovers, plan: &Plan) -> Vec<Pending> {
    let mut steps = plan.steps.iter();
    let coming_off = steps.find_map(|step| match &step.effect {
        Effect::Removal(RemovalEffect::DeleteGroup { group }) => left.coming_off.get(group.id()),
        _ => None,
    });
    let pending = coming_off.map(|database| Pending::DatabaseAvailable {
        database: database.to_string(),
        states: vec!["a group is being disassociated".to_owned()],
    });
    pending.into_iter().collect()
}

/// Nothing of ours is left in the account and Region that is not in use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cleanup;

#[async_trait::async_trait]
impl Goal for Cleanup {
    type Seen = Leftovers;

    fn name(&self) -> &'static str {
        "cleanup"
    }

    fn origin(&self, left: &Leftovers) -> Origin {
        left.origin.clone()
    }

    async fn observe(&self, cloud: &dyn Cloud, _: Look) -> Result<Leftovers, ObserveError> {
        Ok(leftovers(cloud).await?)
    }

    fn draft(&self, left: &Leftovers, _: &mut Memory) -> Result<Draft, RunError> {
        let cleaning = clean(left);
        let is_reached = cleaning.plan.is_empty();
        let mut reasons = cleaning.reasons;
        if is_reached {
            reasons.insert(0, "There are no unused resources to remove.".to_owned());
        }
        let deletes_group = |effect: &Effect| matches!(effect, Effect::Removal(RemovalEffect::DeleteGroup { .. }));
        let deletes_proxy = |effect: &Effect| matches!(effect, Effect::Removal(RemovalEffect::DeleteProxy { .. }));
        let mut notes = Vec::new();
        if cleaning.plan.steps.iter().any(|step| deletes_proxy(&step.effect)) {
            notes.push(
                "A deleted proxy cannot be restored; clients other than Lambda functions lose it too.".to_owned(),
            );
        }
        if !is_reached {
            notes.push(
                "A setup that is in progress may be creating what looks unused here: apply this only while no setup is running.".to_owned(),
            );
        }
        if cleaning.plan.steps.iter().any(|step| deletes_group(&step.effect)) {
            notes.push(
                "Lambda deletes an unused network interface within 20 minutes, or 45 at worst. Its group cannot be deleted before: the run waits, or with --no-wait leaves the group to the next run.".to_owned(),
            );
        }
        Ok(Draft {
            heading: vec![
                "Remove unused resources that autoconnect created".to_owned(),
                format!(
                    "security groups  {}, proxies  {}, roles  {}, secrets  {}",
                    left.groups.len(),
                    left.proxies.len(),
                    left.roles.len(),
                    left.secrets.len()
                ),
            ],
            decision: if is_reached { "no-op" } else { "disconnect" },
            meaning: if is_reached {
                "there is nothing to do"
            } else {
                "unused resources are removed"
            },
            reasons,
            notes,
            pending: pending(left, &cleaning.plan),
            plan: cleaning.plan,
            ..Draft::default()
        })
    }

    fn ground<'s>(&self, left: &'s Leftovers) -> Ground<'s> {
        ground(left)
    }

    fn policy(&self, left: &Leftovers, plan: &Plan) -> PolicyDocument {
        let (region, account) = region_and_account(&left.origin);
        let subject = Subject {
            place: Place::in_region(&region, &account),
            function: None,
            proxy: None,
        };
        operator(subject, reads_of_leftovers(left), plan)
    }
}
