//! Carries out one step; errors are handled before success.
//!
//! Source: docs/decision.md, "The order of writes". What already is as it should be is no error; what was not found
//! right after its creation is looked for again; a list is read right before it is written and checked after.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use secrecy::SecretString;
use tokio::time::Instant;

use super::error::RunError;
use super::parts::{DatabaseGroups, FunctionGroups, Part, ProxyGroups};
use super::session::{Session, failed};
use crate::cloud::{CloudError, GroupFilter, NewSecurityGroup, derived};
use crate::model::{DatabaseKind, Direction, GroupId, PortRange, Protocol, Rule};
use crate::naming::Convention;
use crate::ownership;
use crate::plan::{Effect, Ref, Step, StepStatus};
use crate::wait::Pauses;

/// How long EC2 may take to find a group that it has just created.
const CONSISTENCY_WINDOW: Duration = Duration::from_mins(2);

/// How often a written list may turn out to lack our group, because someone else wrote too, before that is an error.
const REWRITES: u32 = 5;

/// How many reads may still show a list from before the write.
pub(super) const STALE_READS: u32 = 4;

/// What the steps so far have made, by their numbers, and the password that the run was given.
#[derive(Clone, Debug, Default)]
pub(super) struct Bindings {
    /// By the step that made it: an id, or an ARN.
    made: BTreeMap<u32, String>,
    pub(super) password: Option<SecretString>,
}

impl Bindings {
    /// Notes what a step has made.
    pub(super) fn bind(&mut self, step: u32, made: &str) {
        self.made.insert(step, made.to_owned());
    }

    /// What a step refers to.
    ///
    /// # Errors
    ///
    /// No step has made it, which the linter refuses: an error, instead of an empty name that would be sent to AWS.
    pub(super) fn resolve<T: Clone + Display + From<String>>(&self, reference: &Ref<T>) -> Result<T, RunError> {
        let made = match reference {
            Ref::Existing(existing) => return Ok(existing.clone()),
            Ref::Step(step) => self.made.get(step),
        };
        let unbound = || RunError::Unbound {
            what: reference.to_string(),
        };
        Ok(made.cloned().ok_or_else(unbound)?.into())
    }

    pub(super) fn resolve_all<T: Clone + Display + From<String>>(
        &self,
        references: &[Ref<T>],
    ) -> Result<Vec<T>, RunError> {
        references.iter().map(|reference| self.resolve(reference)).collect()
    }
}

/// What became of a step.
pub(super) struct Ended {
    pub(super) status: StepStatus,
    /// What it changed, by its id.
    pub(super) resource: String,
}

/// Whether to wait until a change has taken effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settle {
    Wait,
    Leave,
}

impl Session<'_> {
    /// Carries out one step of the plan.
    pub(super) async fn apply(&self, step: &Step, bindings: &Bindings, settle: Settle) -> Result<Ended, RunError> {
        match &step.effect {
            Effect::CreateSecurityGroup {
                name,
                vpc,
                description,
                tags,
                ..
            } => {
                let new = NewSecurityGroup {
                    name: name.clone(),
                    vpc: vpc.clone(),
                    description: description.clone(),
                    tags: tags.clone(),
                };
                let id = self.create(step, &new).await?;
                Ok(Ended {
                    status: StepStatus::Done,
                    resource: id.to_string(),
                })
            }
            Effect::RevokeDefaultEgress { group } => {
                let id = bindings.resolve(group)?;
                let is_new = group.step().is_some();
                Ok(Ended {
                    status: self.revoke_default_egress(step, &id, is_new).await?,
                    resource: id.to_string(),
                })
            }
            Effect::AddRule {
                direction,
                group,
                port,
                peer,
                description,
            } => {
                let id = bindings.resolve(group)?;
                let rule = Rule {
                    protocol: Protocol::Tcp,
                    ports: Some(PortRange::only(*port)),
                    peer: peer.resolved(|group| bindings.resolve(group))?,
                    description: Some(description.clone()),
                };
                self.authorize(step, &id, *direction, &rule).await?;
                Ok(Ended {
                    status: StepStatus::Done,
                    resource: id.to_string(),
                })
            }
            Effect::AssociateDatabase { kind, id, group } => {
                let group = bindings.resolve(group)?;
                let part = DatabaseGroups { kind: *kind, id, group };
                self.change(step, &part, settle).await
            }
            Effect::AssociateFunction { function, group } => {
                let group = bindings.resolve(group)?;
                self.change(step, &FunctionGroups { function, group }, settle).await
            }
            Effect::AssociateProxy { name, group } => {
                let group = bindings.resolve(group)?;
                self.change(step, &ProxyGroups { name, group }, settle).await
            }
            Effect::RegisterTarget { proxy, kind, database } => {
                let status = self.register_target(step, proxy, *kind, database, settle).await?;
                Ok(Ended {
                    status,
                    resource: step.resource.clone(),
                })
            }
            Effect::Network(effect) => self.network(step, effect, bindings, settle).await,
            Effect::Vpc(effect) => self.apply_vpc(step, effect, bindings, settle).await,
            Effect::Removal(effect) => self.take_away(step, effect, settle).await,
            Effect::Handover(effect) => self.hand_over(step, effect).await,
            _ => self.provide(step, bindings, settle).await,
        }
    }

    async fn create(&self, step: &Step, new: &NewSecurityGroup) -> Result<GroupId, RunError> {
        let created = self
            .write(step, &new.name, self.cloud.create_security_group(new))
            .await?;
        let id = match created {
            // Taken, or perhaps created by a call whose answer was lost: it is ours if its tags say so.
            Err(error) if error.is_duplicate() || error.may_have_applied() => {
                let id = self.own_group(step, new, error).await?;
                self.note_applied(step, id.as_str());
                id
            }
            Err(error) => return Err(failed(step, error)),
            Ok(id) => {
                self.name_last_applied(id.as_str());
                id
            }
        };
        self.find_group(step, &id).await?;
        Ok(id)
    }

    /// The group that stands in the way of a creation, if it is the very group that was to be created.
    async fn own_group(&self, step: &Step, new: &NewSecurityGroup, error: CloudError) -> Result<GroupId, RunError> {
        let mut pauses = self.consistency_pauses();
        let mut looks = 0;
        // The names of connections' groups are taken in any case.
        let only = [new.name.as_str()];
        let like = if Convention::is_any(&new.name) {
            GroupFilter::OfConvention(&new.vpc)
        } else {
            GroupFilter::Named(&new.vpc, &only)
        };
        loop {
            let groups = self
                .read(&step.summary, derived::groups(self.cloud, like))
                .await?
                .map_err(|error| failed(step, error))?;
            let named = groups
                .into_iter()
                .find(|group| group.name.eq_ignore_ascii_case(&new.name));
            match named {
                Some(group) if ownership::is_as_created(&group, &new.description, &new.tags) => {
                    return Ok(group.id);
                }
                Some(_) => return Err(RunError::NameTaken { name: new.name.clone() }),
                None if error.is_duplicate() || looks < STALE_READS => {
                    looks += 1;
                    self.pause(&mut pauses, &format!("group {} to be found", new.name), "not found")
                        .await?;
                }
                None => return Err(failed(step, error)),
            }
        }
    }

    /// Waits until EC2 finds a group that it has created.
    async fn find_group(&self, step: &Step, id: &GroupId) -> Result<Vec<Rule>, RunError> {
        let mut pauses = self.consistency_pauses();
        loop {
            match self.read(&step.summary, derived::group(self.cloud, id)).await? {
                Err(error) if error.is_not_found() => {
                    self.pause(&mut pauses, &format!("group {id} to be found"), "not found")
                        .await?;
                }
                Err(error) => return Err(failed(step, error)),
                Ok(group) => return Ok(group.egress),
            }
        }
    }

    async fn revoke_default_egress(&self, step: &Step, id: &GroupId, is_new: bool) -> Result<StepStatus, RunError> {
        let mut pauses = self.consistency_pauses();
        let mut is_new = is_new;
        let mut unanswered = 0;
        loop {
            let mut defaults = self.find_group(step, id).await?;
            defaults.retain(Rule::is_default_egress);
            if defaults.is_empty() {
                if !is_new {
                    return Ok(StepStatus::Already);
                }
                // EC2 has given the new group its rule, whether this read shows it yet or not.
                is_new = false;
                defaults.push(Rule::default_egress());
            }
            let revoked = self
                .write(
                    step,
                    id.as_str(),
                    self.cloud.revoke_security_group(id, Direction::Egress, &defaults),
                )
                .await?;
            match revoked {
                // The rule is gone already, which the next read will show, or the group is not found yet.
                Err(error) if error.is_not_found() || error.is_rule_missing() => {
                    self.pause(&mut pauses, "the default outbound rule to be removed", "still there")
                        .await?;
                }
                // The next read shows whether it was carried out.
                Err(error) if error.may_have_applied() && unanswered < STALE_READS => {
                    unanswered += 1;
                    self.pause(&mut pauses, "the default outbound rule to be removed", "no answer")
                        .await?;
                }
                Err(error) => return Err(failed(step, error)),
                Ok(()) => return Ok(StepStatus::Done),
            }
        }
    }

    async fn authorize(&self, step: &Step, id: &GroupId, direction: Direction, rule: &Rule) -> Result<(), RunError> {
        let mut pauses = self.consistency_pauses();
        loop {
            let call = self.cloud.authorize_security_group(id, direction, rule);
            match self.write(step, id.as_str(), call).await? {
                // It was not there when the plan was made: a call of ours whose answer was lost, or another run.
                Err(error) if error.is_duplicate() => {
                    self.note_applied(step, id.as_str());
                    return Ok(());
                }
                Err(error) if error.is_not_found() => {
                    self.pause(&mut pauses, "the new groups to be found", "not found")
                        .await?;
                }
                Err(error) => return Err(failed(step, error)),
                Ok(()) => return Ok(()),
            }
        }
    }

    async fn register_target(
        &self,
        step: &Step,
        proxy: &str,
        kind: DatabaseKind,
        database: &str,
        settle: Settle,
    ) -> Result<StepStatus, RunError> {
        let mut pauses = self.pauses();
        loop {
            let call = self.cloud.register_db_proxy_targets(proxy, kind, database);
            match self.write(step, &step.resource, call).await? {
                // It was not its target when the plan was made: a lost answer of ours, or another run.
                Err(error) if error.is_duplicate() => {
                    self.note_applied(step, &step.resource);
                    return Ok(StepStatus::Done);
                }
                // A proxy that is being created takes minutes, which the user does not want to wait for.
                Err(error) if error.is_contention() && settle == Settle::Leave => return Ok(StepStatus::Skipped),
                Err(error) if error.is_contention() => {
                    self.pause(&mut pauses, "the proxy to accept a target", &error.fault.to_string())
                        .await?;
                }
                Err(error) => return Err(failed(step, error)),
                Ok(()) => return Ok(StepStatus::Done),
            }
        }
    }

    pub(super) fn consistency_pauses(&self) -> Pauses {
        Pauses::until(
            self.deadline().min(Instant::now() + CONSISTENCY_WINDOW),
            self.cloud.pace(),
        )
    }

    /// Changes a part of a resource that AWS replaces whole: read, write what was read with our change, look until it
    /// has taken effect. Where a write of someone else has replaced ours, begin again.
    pub(super) async fn change<P: Part>(&self, step: &Step, part: &P, settle: Settle) -> Result<Ended, RunError> {
        let mut written = 0;
        let mut unanswered = false;
        let mut pauses = self.pauses();
        let mut visible = self.consistency_pauses();
        let mut roles = self.role_pauses();
        let waiting_for = step.effect.waits_for().unwrap_or("the change to take effect");
        let (mut not_seen, mut unfound) = (0, 0);
        loop {
            let now = match self.read(&step.summary, part.read(self.cloud)).await? {
                // What was written takes effect whether AWS answers now or not.
                Err(error) if written > 0 && error.is_transient() => {
                    self.pause(&mut pauses, waiting_for, &error.fault.to_string()).await?;
                    continue;
                }
                // What this run created may not be found at once.
                Err(error) if error.is_not_found() && unfound < STALE_READS => {
                    unfound += 1;
                    self.pause(&mut visible, waiting_for, "not found").await?;
                    continue;
                }
                now => now.map_err(|error| failed(step, error))?,
            };
            if let Some((side, groups)) = P::unguarded(&now.seen) {
                self.note_list(side, groups);
            }
            if now.is_changed && unanswered {
                unanswered = false;
                self.note_applied(step, &step.resource);
            }
            // A failure from before our write may still be read right after it.
            if let Some(reason) = &now.failure
                && written > 0
                && (now.is_changed || not_seen >= STALE_READS)
            {
                return Err(RunError::NotTaken {
                    resource: part.describe(),
                    reason: reason.clone(),
                });
            }
            // After a failed update the list may show what is not in effect: it is written once more.
            let shows = now.is_changed && now.failure.is_none();
            if shows && (now.settled || settle == Settle::Leave) {
                return Ok(Ended {
                    status: if written > 0 {
                        StepStatus::Done
                    } else {
                        StepStatus::Already
                    },
                    resource: step.resource.clone(),
                });
            }
            not_seen += 1;
            if shows || (written > 0 && not_seen <= STALE_READS) {
                self.pause(&mut pauses, waiting_for, &now.state).await?;
                continue;
            }
            if written > REWRITES {
                return Err(RunError::NotTaken {
                    resource: part.describe(),
                    reason: format!("another process changed it back {written} times"),
                });
            }
            if !now.is_changed {
                part.check(&now.seen)?;
            }
            match self
                .write(step, &step.resource, part.write(self.cloud, &now.seen))
                .await?
            {
                // Another change is under way, or someone wrote in between: read, and write if still needed.
                Err(error) if error.is_contention() => {
                    self.pause(&mut pauses, waiting_for, &error.fault.to_string()).await?;
                }
                Err(error) if error.is_role_not_ready() && part.may_need_new_role() => {
                    let state = error.fault.to_string();
                    // The message of AWS is more helpful than a timeout.
                    match self.pause(&mut roles, "the role's permissions to work", &state).await {
                        Err(RunError::TimedOut { .. }) => return Err(failed(step, error)),
                        pause => pause?,
                    }
                }
                // The new group is not visible to this service yet.
                Err(error) if error.is_not_found() => {
                    self.pause(&mut visible, "the new group to be found", &error.fault.to_string())
                        .await?;
                }
                Err(error) if error.may_have_applied() && written < REWRITES => {
                    unanswered = true;
                    written += 1;
                    (not_seen, unfound) = (0, 0);
                    self.pause(&mut pauses, waiting_for, "no response to the change")
                        .await?;
                }
                Err(error) => return Err(failed(step, error)),
                Ok(()) => {
                    unanswered = false;
                    written += 1;
                    (not_seen, unfound) = (0, 0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_step_has_created_is_an_error_and_no_empty_name() {
        let mut bindings = Bindings::default();
        let group = Ref::<GroupId>::Step(2);
        assert_eq!(bindings.resolve(&group).unwrap_err().code(), "unbound-reference");
        bindings.bind(2, "sg-1");
        assert_eq!(bindings.resolve(&group), Ok("sg-1".into()));
        assert_eq!(
            bindings.resolve_all(&[group, Ref::Step(3)]).unwrap_err().code(),
            "unbound-reference"
        );
    }
}
