//! Carries out the steps that remove something. What no longer exists is no error, and what is still in use is waited
//! for.

use std::future::Future;

use super::apply::{Ended, STALE_READS, Settle};
use super::error::RunError;
use super::parts::{Attachment, DatabaseGroups, FunctionGroups, Now, Part, ProxyGroups, Variables, describe_function};
use super::session::{Session, failed};
use crate::cloud::{Answer, Cloud, CloudError, Fault, FunctionChange, NewGroups, Operation, ResourceKind, derived};
use crate::model::{Direction, Environment, GroupId, GroupList, Rule, Side, last_segment};
use crate::plan::{RemovalEffect, Step, StepStatus};
use crate::preconditions::{ExtrasUnmet, Unmet};
use crate::removal::{Removable, RemovalUnmet, ShrunkList};
use crate::tags;

impl Session<'_> {
    /// Carries out a step that takes something away.
    pub(super) async fn take_away(
        &self,
        step: &Step,
        effect: &RemovalEffect,
        settle: Settle,
    ) -> Result<Ended, RunError> {
        let status = match effect {
            RemovalEffect::Mark {
                groups,
                connection,
                function,
            } => {
                let mark = async || self.cloud.tag_groups(groups, tags::REMOVING, connection).await;
                let status = self.again(step, mark).await?;
                self.refuse_other_users(step, groups, function).await?;
                status
            }
            RemovalEffect::Retag { groups, connection } => {
                let retag = async || self.cloud.tag_groups(groups, tags::CONNECTION, connection).await;
                self.again(step, retag).await?
            }
            RemovalEffect::Unmark { groups } => {
                let unmark = async || self.cloud.untag_groups(groups, tags::REMOVING).await;
                self.again(step, unmark).await?
            }
            RemovalEffect::OffFunction {
                function,
                group: removable,
            } => {
                let group = removable.id().clone();
                let list = FunctionGroups { function, group };
                return self.take_off(step, list, removable, settle).await;
            }
            RemovalEffect::Detach { function, groups } => {
                return self.change(step, &Detached { function, groups }, settle).await;
            }
            RemovalEffect::OffProxy {
                proxy: name,
                group: removable,
            } => {
                let group = removable.id().clone();
                return self
                    .take_off(step, ProxyGroups { name, group }, removable, settle)
                    .await;
            }
            RemovalEffect::OffDatabase {
                kind,
                id,
                group: removable,
            } => {
                let (kind, group) = (*kind, removable.id().clone());
                let list = DatabaseGroups { kind, id, group };
                return self.take_off(step, list, removable, settle).await;
            }
            RemovalEffect::Revoke {
                group,
                direction,
                rules,
                ..
            } => self.revoke(step, group.id(), *direction, rules).await?,
            RemovalEffect::DeleteGroup { group } => self.delete_group(step, group.id(), settle).await?,
            RemovalEffect::TakeBack { groups } => self.take_back(step, groups).await?,
            RemovalEffect::DeleteProxy { proxy } => self.delete_proxy(step, proxy, settle).await?,
            RemovalEffect::DeleteSecret { secret } => {
                self.again(step, async || self.cloud.delete_secret(secret).await)
                    .await?
            }
            RemovalEffect::UnsetEnvironment { function, variables } => {
                let part = EnvironmentWithout { function, variables };
                return self.change(step, &part, settle).await;
            }
            RemovalEffect::DeleteFunction { function } => {
                self.again(step, async || self.cloud.delete_function(function).await)
                    .await?
            }
            RemovalEffect::DetachRolePolicy { role, policy } => {
                let detach = async || self.cloud.detach_role_policy(role, policy).await;
                self.again(step, detach).await?
            }
            RemovalEffect::DeleteRolePolicy { role, policy } => {
                let delete = async || self.cloud.delete_role_policy(role, policy).await;
                self.again(step, delete).await?
            }
            RemovalEffect::DeleteRole { role } => self.again(step, async || self.cloud.delete_role(role).await).await?,
        };
        Ok(Ended {
            status,
            resource: step.resource.clone(),
        })
    }

    async fn take_off(
        &self,
        step: &Step,
        list: impl Shrink,
        group: &Removable,
        settle: Settle,
    ) -> Result<Ended, RunError> {
        self.change(step, &Without { list, group }, settle).await
    }

    /// A call that may be sent twice: what is not there any more is as it should be.
    pub(super) async fn again(&self, step: &Step, call: impl AsyncFn() -> Answer<()>) -> Result<StepStatus, RunError> {
        let mut pauses = self.consistency_pauses();
        let mut unanswered = 0;
        loop {
            match self.write(step, &step.resource, call()).await? {
                Ok(()) => return Ok(StepStatus::Done),
                Err(error) if error.is_not_found() => {
                    return Ok(self.gone(step, unanswered > 0));
                }
                Err(error) if error.is_contention() => {
                    self.pause(&mut pauses, "another change to finish", &error.fault.to_string())
                        .await?;
                }
                Err(error) if error.may_have_applied() && unanswered < STALE_READS => {
                    unanswered += 1;
                    self.pause(&mut pauses, "AWS to answer", "no answer").await?;
                }
                Err(error) => return Err(failed(step, error)),
            }
        }
    }

    /// What became of a step whose object is gone: by a call of ours that was not answered, or before.
    fn gone(&self, step: &Step, by_us: bool) -> StepStatus {
        if by_us {
            self.note_applied(step, &step.resource);
            StepStatus::Done
        } else {
            StepStatus::Already
        }
    }

    /// From the mark on nobody starts to use the groups; who began right before it is found here, while nothing has
    /// been removed yet.
    async fn refuse_other_users(&self, step: &Step, groups: &[GroupId], function: &str) -> Result<(), RunError> {
        let listing = derived::bearers(self.cloud, ResourceKind::Function);
        let functions = self
            .read(&step.summary, listing)
            .await?
            .map_err(|error| failed(step, error))?;
        let other = functions
            .iter()
            .filter(|other| other.name != function || other.version.is_some())
            .find_map(|other| {
                let group = other.groups.iter().find(|group| groups.contains(group))?;
                let version = other.version.as_ref();
                let version = version
                    .map(|version| format!(", version {version},"))
                    .unwrap_or_default();
                Some(RemovalUnmet::UsedMeanwhile {
                    function: format!("{}{version}", other.name),
                    group: group.to_string(),
                })
            });
        match other {
            None => Ok(()),
            Some(unmet) => {
                let unmark = async || self.cloud.untag_groups(groups, tags::REMOVING).await;
                self.again(step, unmark).await?;
                Err(RunError::Unmet(Unmet::Removal(unmet)))
            }
        }
    }

    async fn revoke(
        &self,
        step: &Step,
        group: &GroupId,
        direction: Direction,
        rules: &[Rule],
    ) -> Result<StepStatus, RunError> {
        let mut pauses = self.consistency_pauses();
        let mut unanswered = 0;
        // A rule that was just written, as by `--repair`, may not be shown yet: the plan's own word counts first.
        let mut present = rules.to_vec();
        loop {
            let call = self.cloud.revoke_security_group(group, direction, &present);
            match self.write(step, group.as_str(), call).await? {
                Ok(()) => return Ok(StepStatus::Done),
                Err(error) if error.is_not_found() => return Ok(self.gone(step, unanswered > 0)),
                // Some are gone already: by a call of ours that was not answered, or by someone else.
                Err(error) if error.is_rule_missing() => {}
                Err(error) if error.may_have_applied() && unanswered < STALE_READS => unanswered += 1,
                Err(error) => return Err(failed(step, error)),
            }
            self.pause(&mut pauses, "the rules to be removed", "still there")
                .await?;
            let looking = derived::group(self.cloud, group);
            match self.read(&step.summary, looking).await? {
                Ok(found) => {
                    let is_there = |rule: &&Rule| found.rules(direction).iter().any(|there| there.is_same_as(rule));
                    present = rules.iter().filter(is_there).cloned().collect();
                }
                Err(error) if error.is_not_found() => present.clear(),
                Err(error) if error.is_transient() => continue,
                Err(error) => return Err(failed(step, error)),
            }
            if present.is_empty() {
                return Ok(self.gone(step, unanswered > 0));
            }
        }
    }

    /// Deletes a group once nothing has it any more: Lambda keeps its interface for up to 45 minutes.
    async fn delete_group(&self, step: &Step, group: &GroupId, settle: Settle) -> Result<StepStatus, RunError> {
        let mut pauses = self.pauses();
        let mut unanswered = 0;
        loop {
            let call = self.cloud.delete_group(group);
            match self.write(step, group.as_str(), call).await? {
                Ok(()) => return Ok(StepStatus::Done),
                Err(error) if error.is_not_found() => return Ok(self.gone(step, unanswered > 0)),
                Err(error) if error.is_in_use() && settle == Settle::Leave => return Ok(StepStatus::Skipped),
                Err(error) if error.is_in_use() => {
                    let waiting_for = format!("the network interfaces with {group} to be deleted, up to 45 minutes");
                    self.pause(&mut pauses, &waiting_for, &error.fault.to_string()).await?;
                }
                Err(error) if error.may_have_applied() && unanswered < STALE_READS => {
                    unanswered += 1;
                    self.pause(&mut pauses, "AWS to answer", "no answer").await?;
                }
                Err(error) => return Err(failed(step, error)),
            }
        }
    }

    /// Deletes groups that this run created and does not need. They do no harm where they are kept: what uses one keeps
    /// it, and a caller who may not delete groups leaves them to `cleanup`.
    async fn take_back(&self, step: &Step, groups: &[Removable]) -> Result<StepStatus, RunError> {
        let is_one = |rule: &Rule| {
            let peer = rule.peer.group();
            peer.is_some_and(|peer| groups.iter().any(|group| group.id() == peer))
        };
        let take = async || {
            for group in groups {
                let found = match self.read(&step.summary, derived::group(self.cloud, group.id())).await? {
                    Err(error) if error.is_not_found() => continue,
                    found => found.map_err(|error| failed(step, error))?,
                };
                for direction in [Direction::Ingress, Direction::Egress] {
                    let rules: Vec<Rule> = found
                        .rules(direction)
                        .iter()
                        .filter(|rule| is_one(rule))
                        .cloned()
                        .collect();
                    if !rules.is_empty() {
                        self.revoke(step, group.id(), direction, &rules).await?;
                    }
                }
            }
            let mut status = StepStatus::Done;
            for group in groups {
                if self.delete_group(step, group.id(), Settle::Leave).await? == StepStatus::Skipped {
                    status = StepStatus::Skipped;
                }
            }
            Ok(status)
        };
        match take().await {
            Err(RunError::Cloud { source, .. }) if source.is_denied() => Ok(StepStatus::Skipped),
            taken => taken,
        }
    }

    async fn delete_proxy(&self, step: &Step, proxy: &str, settle: Settle) -> Result<StepStatus, RunError> {
        let mut pauses = self.pauses();
        let (mut accepted, mut unanswered) = (false, 0);
        loop {
            let state = match self.read(&step.summary, derived::proxy(self.cloud, proxy)).await? {
                Ok(found) => found.status,
                Err(error) if error.is_not_found() => {
                    return Ok(if accepted {
                        StepStatus::Done
                    } else {
                        self.gone(step, unanswered > 0)
                    });
                }
                Err(error) if error.is_transient() && (accepted || unanswered > 0) => error.fault.to_string(),
                Err(error) => return Err(failed(step, error)),
            };
            if !accepted && state != "deleting" {
                match self
                    .write(step, &step.resource, self.cloud.delete_db_proxy(proxy))
                    .await?
                {
                    Ok(()) => accepted = true,
                    Err(error) if error.is_not_found() || error.is_contention() => {}
                    Err(error) if error.may_have_applied() && unanswered < STALE_READS => unanswered += 1,
                    Err(error) => return Err(failed(step, error)),
                }
            }
            if settle == Settle::Leave && (accepted || state == "deleting") {
                return Ok(StepStatus::Done);
            }
            let waiting_for = format!("proxy {proxy} to be deleted");
            self.pause(&mut pauses, &waiting_for, &state).await?;
        }
    }
}

/// Refuses to leave a resource without any group.
fn leaves_one(resource: String, kind: &'static str, groups: &GroupList, group: &Removable) -> Result<(), RunError> {
    match ShrunkList::without(groups, group) {
        Some(_) => Ok(()),
        None => Err(RunError::Unmet(Unmet::Removal(RemovalUnmet::LastGroup {
            resource,
            kind,
            group: group.id().to_string(),
        }))),
    }
}

fn would_be_empty(operation: Operation) -> CloudError {
    let fault = Fault::Rejected {
        code: "NoGroupLeft".to_owned(),
        message: "the resource would be left without a security group".to_owned(),
    };
    CloudError::new(operation, fault)
}

/// A list of groups that AWS replaces whole, as what a group can be removed from.
trait Shrink: Part {
    /// Function, proxy or database.
    const KIND: &'static str;

    fn operation(&self) -> Operation;
    /// The list; none where the resource has none any more.
    fn groups(seen: &Self::Seen) -> Option<&GroupList>;
    fn leave(
        &self,
        cloud: &dyn Cloud,
        seen: &Self::Seen,
        groups: &ShrunkList,
    ) -> impl Future<Output = Answer<()>> + Send;
}

/// A list without a group: the part that puts the group on, turned round.
struct Without<'a, P> {
    list: P,
    group: &'a Removable,
}

impl<P: Shrink> Part for Without<'_, P> {
    type Seen = P::Seen;

    fn describe(&self) -> String {
        self.list.describe()
    }

    async fn read(&self, cloud: &dyn Cloud) -> Answer<Now<P::Seen>> {
        let now = self.list.read(cloud).await?;
        Ok(Now {
            is_changed: !now.is_changed,
            ..now
        })
    }

    fn unguarded(seen: &P::Seen) -> Option<(Side, &GroupList)> {
        P::unguarded(seen)
    }

    fn check(&self, seen: &P::Seen) -> Result<(), RunError> {
        match P::groups(seen) {
            Some(groups) => leaves_one(self.describe(), P::KIND, groups, self.group),
            None => Ok(()),
        }
    }

    async fn write(&self, cloud: &dyn Cloud, seen: &P::Seen) -> Answer<()> {
        let left = P::groups(seen).and_then(|groups| ShrunkList::without(groups, self.group));
        match left {
            Some(left) => self.list.leave(cloud, seen, &left).await,
            None => Err(would_be_empty(self.list.operation())),
        }
    }
}

impl Shrink for DatabaseGroups<'_> {
    const KIND: &'static str = "database";

    fn operation(&self) -> Operation {
        Operation::modifies(self.kind)
    }

    fn groups(seen: &GroupList) -> Option<&GroupList> {
        Some(seen)
    }

    async fn leave(&self, cloud: &dyn Cloud, _: &GroupList, groups: &ShrunkList) -> Answer<()> {
        cloud
            .modify_database(self.kind, self.id, NewGroups::Shrunk(groups))
            .await
    }
}

impl Shrink for ProxyGroups<'_> {
    const KIND: &'static str = "proxy";

    fn operation(&self) -> Operation {
        Operation::ModifyDbProxy
    }

    fn groups(seen: &GroupList) -> Option<&GroupList> {
        Some(seen)
    }

    async fn leave(&self, cloud: &dyn Cloud, _: &GroupList, groups: &ShrunkList) -> Answer<()> {
        cloud.modify_db_proxy(self.name, NewGroups::Shrunk(groups)).await
    }
}

/// A function's environment without these variables, where they still have these values.
struct EnvironmentWithout<'a> {
    function: &'a str,
    variables: &'a [(&'static str, String)],
}

impl Part for EnvironmentWithout<'_> {
    type Seen = Variables;

    fn describe(&self) -> String {
        describe_function(self.function)
    }

    async fn read(&self, cloud: &dyn Cloud) -> Answer<Now<Variables>> {
        let function = cloud.get_function_configuration(self.function).await?;
        let has_one = |environment: &Environment| {
            let mut variables = self.variables.iter();
            variables.any(|(name, value)| environment.get(name) == Some(value))
        };
        let is_changed = function.environment.as_ref().is_some_and(|found| !has_one(found));
        Ok(Now::of_function(function, is_changed, Variables::of))
    }

    /// An environment that cannot be read must not be written: what is in it would be lost.
    fn check(&self, seen: &Variables) -> Result<(), RunError> {
        if seen.environment.is_some() {
            return Ok(());
        }
        let function = last_segment(self.function).to_owned();
        let unmet = ExtrasUnmet::EnvironmentUnreadable { function };
        Err(RunError::Unmet(Unmet::Extras(unmet)))
    }

    async fn write(&self, cloud: &dyn Cloud, seen: &Variables) -> Answer<()> {
        let left = seen.environment.clone().unwrap_or_default().without(self.variables);
        let revision = seen.revision.as_deref();
        let change = FunctionChange::Environment(&left);
        cloud
            .update_function_configuration(self.function, change, revision)
            .await
    }
}

/// A function without these groups: in no VPC, unless it was given another group meanwhile.
struct Detached<'a> {
    function: &'a str,
    groups: &'a [Removable],
}

impl Part for Detached<'_> {
    type Seen = Attachment;

    fn describe(&self) -> String {
        describe_function(self.function)
    }

    async fn read(&self, cloud: &dyn Cloud) -> Answer<Now<Attachment>> {
        let function = cloud.get_function_configuration(self.function).await?;
        let on = function.groups();
        let is_changed = !self.groups.iter().any(|group| on.contains(group.id()));
        Ok(Now::of_function(function, is_changed, Attachment::of))
    }

    fn check(&self, _: &Attachment) -> Result<(), RunError> {
        Ok(())
    }

    async fn write(&self, cloud: &dyn Cloud, seen: &Attachment) -> Answer<()> {
        let revision = seen.revision.as_deref();
        let left = seen.vpc.as_ref().and_then(|vpc| {
            let left = ShrunkList::without_all(&vpc.groups, self.groups)?;
            Some((vpc, left))
        });
        let change = match &left {
            Some((vpc, left)) => FunctionChange::Vpc(vpc, NewGroups::Shrunk(left)),
            None => FunctionChange::Detached,
        };
        cloud
            .update_function_configuration(self.function, change, revision)
            .await
    }
}

impl Shrink for FunctionGroups<'_> {
    const KIND: &'static str = "function";

    fn operation(&self) -> Operation {
        Operation::UpdateFunctionConfiguration
    }

    fn groups(seen: &Attachment) -> Option<&GroupList> {
        seen.vpc.as_ref().map(|vpc| &vpc.groups)
    }

    async fn leave(&self, cloud: &dyn Cloud, seen: &Attachment, groups: &ShrunkList) -> Answer<()> {
        match &seen.vpc {
            Some(vpc) => {
                let revision = seen.revision.as_deref();
                let change = FunctionChange::Vpc(vpc, NewGroups::Shrunk(groups));
                cloud
                    .update_function_configuration(self.function, change, revision)
                    .await
            }
            None => Err(would_be_empty(self.operation())),
        }
    }
}
