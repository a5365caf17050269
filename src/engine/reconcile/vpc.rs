//! Carries out the steps that attach a function to a VPC, and detach it.

use std::collections::BTreeSet;

use super::apply::{Bindings, Ended, Settle};
use super::error::RunError;
use super::parts::{Now, Part, describe_function, last_update};
use super::session::Session;
use crate::attach::AttachUnmet;
use crate::cloud::{Answer, Cloud, FunctionChange};
use crate::model::{Function, FunctionVpc, GroupId, GroupList, USUAL_GROUPS};
use crate::plan::{AttachPlan, Step, VpcEffect};
use crate::preconditions::Unmet;

impl Session<'_> {
    /// Carries out one such step.
    pub(super) async fn apply_vpc(
        &self,
        step: &Step,
        effect: &VpcEffect,
        bindings: &Bindings,
        settle: Settle,
    ) -> Result<Ended, RunError> {
        match effect {
            VpcEffect::Attach(plan) => {
                let groups: Result<Vec<GroupId>, RunError> =
                    plan.groups.iter().map(|group| bindings.resolve(group)).collect();
                let groups = groups?;
                self.change(step, &Attached { plan, groups }, settle).await
            }
            VpcEffect::Detach { function } => self.change(step, &Detached { function }, settle).await,
        }
    }
}

/// Where a function is attached, and at which revision.
pub(super) struct Place {
    vpc: Option<FunctionVpc>,
    revision: Option<String>,
}

fn now(function: Function, is_changed: bool) -> Now<Place> {
    let (settled, failure, state) = last_update(&function);
    Now {
        is_changed,
        settled,
        failure,
        state,
        seen: Place {
            vpc: function.vpc,
            revision: function.revision_id,
        },
    }
}

/// A function in these subnets, with these groups besides those it has.
struct Attached<'a> {
    plan: &'a AttachPlan,
    groups: Vec<GroupId>,
}

impl Attached<'_> {
    fn holds(&self, vpc: &FunctionVpc) -> bool {
        let subnets =
            |ids: &'_ [crate::model::SubnetId]| -> BTreeSet<String> { ids.iter().map(ToString::to_string).collect() };
        subnets(&vpc.subnets) == subnets(&self.plan.subnets)
            && self.groups.iter().all(|group| vpc.groups.contains(group))
            && self
                .plan
                .ipv6
                .is_none_or(|allowed| vpc.ipv6_allowed.unwrap_or(false) == allowed)
    }

    fn groups_after(&self, seen: &Place) -> GroupList {
        let before = seen.vpc.as_ref().map(|vpc| vpc.groups.clone()).unwrap_or_default();
        self.groups.iter().cloned().fold(before, GroupList::with)
    }
}

impl Part for Attached<'_> {
    type Seen = Place;

    fn describe(&self) -> String {
        describe_function(&self.plan.function)
    }

    fn may_need_new_role(&self) -> bool {
        true
    }

    async fn read(&self, cloud: &dyn Cloud) -> Answer<Now<Place>> {
        let function = cloud.get_function_configuration(&self.plan.function).await?;
        let is_changed = function.vpc.as_ref().is_some_and(|vpc| self.holds(vpc));
        Ok(now(function, is_changed))
    }

    fn check(&self, seen: &Place) -> Result<(), RunError> {
        if let Some(vpc) = seen.vpc.as_ref().filter(|vpc| vpc.vpc != self.plan.vpc) {
            return Err(RunError::Unmet(Unmet::Attach(AttachUnmet::AttachedElsewhere {
                function: describe_function(&self.plan.function),
                vpc: vpc.vpc.clone(),
                wanted: self.plan.vpc.clone(),
            })));
        }
        let groups = self.groups_after(seen);
        if groups.len() <= USUAL_GROUPS {
            return Ok(());
        }
        Err(RunError::Unmet(Unmet::TooManyGroups {
            resource: self.describe(),
            count: seen.vpc.as_ref().map_or(0, |vpc| vpc.groups.len()),
            most: USUAL_GROUPS,
            groups: groups.iter().map(ToString::to_string).collect(),
            could_go: None,
            without_rules: None,
        }))
    }

    async fn write(&self, cloud: &dyn Cloud, seen: &Place) -> Answer<()> {
        let ipv6_before = seen.vpc.as_ref().and_then(|vpc| vpc.ipv6_allowed);
        let vpc = FunctionVpc {
            vpc: self.plan.vpc.clone(),
            subnets: self.plan.subnets.clone(),
            groups: self.groups_after(seen),
            ipv6_allowed: self.plan.ipv6.or(ipv6_before),
        };
        let revision = seen.revision.as_deref();
        cloud
            .update_function_configuration(&self.plan.function, FunctionChange::vpc(&vpc), revision)
            .await
    }
}

/// A function in no VPC.
struct Detached<'a> {
    function: &'a str,
}

impl Part for Detached<'_> {
    type Seen = Place;

    fn describe(&self) -> String {
        describe_function(self.function)
    }

    async fn read(&self, cloud: &dyn Cloud) -> Answer<Now<Place>> {
        let function = cloud.get_function_configuration(self.function).await?;
        let is_changed = function.vpc.is_none();
        Ok(now(function, is_changed))
    }

    fn check(&self, _: &Place) -> Result<(), RunError> {
        Ok(())
    }

    async fn write(&self, cloud: &dyn Cloud, seen: &Place) -> Answer<()> {
        cloud
            .update_function_configuration(self.function, FunctionChange::Detached, seen.revision.as_deref())
            .await
    }
}
