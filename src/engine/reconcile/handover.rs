//! `adopt` as a [`Goal`]: the groups of connections have the tag that says which tool manages them.

use super::apply::Ended;
use super::error::RunError;
use super::goal::{Draft, Goal, Look, Memory};
use super::session::Session;
use crate::cloud::Cloud;
use crate::export::Wanted;
use crate::handover::{HandoverEffect, Manager, hand_over};
use crate::model::{Origin, Place};
use crate::observe::{ChosenGroups, ObserveError, PERMISSION_READS, READS, chosen_groups, region_and_account};
use crate::plan::{Ground, May, Plan, Right, Step};
use crate::policy::{PolicyDocument, Subject, operator, read_only};
use crate::preconditions::Unmet;
use crate::tags;
use crate::units::count;

/// The groups of connections are managed by a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handover {
    /// Which connections.
    pub wanted: Wanted,
    /// The tool; none where the groups are this program's again.
    pub to: Option<Manager>,
}

#[async_trait::async_trait]
impl Goal for Handover {
    type Seen = ChosenGroups;

    fn name(&self) -> &'static str {
        "adopt"
    }

    fn origin(&self, seen: &ChosenGroups) -> Origin {
        seen.origin.clone()
    }

    async fn observe(&self, cloud: &dyn Cloud, _: Look) -> Result<ChosenGroups, ObserveError> {
        chosen_groups(cloud, &self.wanted).await
    }

    fn draft(&self, seen: &ChosenGroups, _: &mut Memory) -> Result<Draft, RunError> {
        let plan = hand_over(&seen.groups, self.to);
        let is_reached = plan.is_empty();
        let to = self.to.map_or_else(|| "autoconnect".to_owned(), |to| to.to_string());
        if seen.groups.is_empty() {
            return Err(Unmet::NoConnections.into());
        }
        let reason = if is_reached {
            format!("{to} manages {} already.", count(seen.groups.len(), "security group"))
        } else {
            format!(
                "The owner of {} of {} changes.",
                plan.pending(),
                count(seen.groups.len(), "security group")
            )
        };
        let notes = self.to.filter(|_| !is_reached).map(|to| {
            format!("From then on, setup, remove and cleanup do not change these groups, and name {to}. drift goes on checking them.")
        });
        Ok(Draft {
            heading: vec![
                format!("Have {to} manage the security groups of connections"),
                format!(
                    "connections  {}, security groups  {}",
                    seen.connections,
                    seen.groups.len()
                ),
            ],
            decision: if is_reached { "no-op" } else { "adopt" },
            meaning: if is_reached {
                "there is nothing to do"
            } else {
                "the tag autoconnect:owner is changed"
            },
            reasons: vec![reason],
            notes: notes.into_iter().collect(),
            plan,
            ..Draft::default()
        })
    }

    fn ground<'s>(&self, seen: &'s ChosenGroups) -> Ground<'s> {
        let groups = seen.groups.iter();
        groups.fold(Ground::new(May::Add), |ground, group| {
            ground.with_group(group, Right::ConsoleMade)
        })
    }

    fn policy(&self, seen: &ChosenGroups, plan: &Plan) -> PolicyDocument {
        let (region, account) = region_and_account(&seen.origin);
        let place = Place::in_region(&region, &account);
        let subject = Subject {
            place,
            function: None,
            proxy: None,
        };
        let reads = read_only(READS.iter().chain(PERMISSION_READS).copied(), place);
        operator(subject, reads, plan)
    }
}

impl Session<'_> {
    /// Sets or deletes the tag that says who manages groups.
    pub(super) async fn hand_over(&self, step: &Step, effect: &HandoverEffect) -> Result<Ended, RunError> {
        let change = async || match effect {
            HandoverEffect::HandOver { groups, to, .. } => self.cloud.tag_groups(groups, tags::OWNER, to.tag()).await,
            HandoverEffect::TakeOver { groups, .. } => self.cloud.untag_groups(groups, tags::OWNER).await,
        };
        Ok(Ended {
            status: self.again(step, change).await?,
            resource: step.resource.clone(),
        })
    }
}
