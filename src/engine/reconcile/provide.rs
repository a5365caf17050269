//! Creates what does not exist yet: secret, roles, proxy, function. What an earlier run made, or a call whose answer
//! was lost, is found by its name and known by its tags or its role.

use std::time::Duration;

use tokio::time::Instant;

use super::apply::{Bindings, Ended, STALE_READS, Settle};
use super::error::RunError;
use super::parts::FunctionEnvironment;
use super::session::{Session, failed};
use crate::adopt::{self, OwnRole};
use crate::cloud::{
    Answer, CloudError, Fault, NewDbProxy, NewLambda, NewProxyAuth, NewRole, NewSecret, Operation, derived,
};
use crate::extras::{Value, Variable};
use crate::model::FunctionState;
use crate::observe::{found_role, secret_details};
use crate::plan::{Effect, FunctionPlan, Grant, ProxyAuth, ProxyPlan, Step, StepStatus};
use crate::policy;
use crate::wait::Pauses;

/// For how long a new role may not work yet.
const ROLE_WINDOW: Duration = Duration::from_mins(3);

/// What was found under the name of something that was to be made.
struct Found {
    arn: String,
    /// How it differs from what was to be made.
    differences: Vec<String>,
}

impl Session<'_> {
    /// Carries out a step that makes something, or gives a role or a function something.
    pub(super) async fn provide(&self, step: &Step, bindings: &Bindings, settle: Settle) -> Result<Ended, RunError> {
        let done = |arn: String| Ended {
            status: StepStatus::Done,
            resource: arn,
        };
        match &step.effect {
            Effect::CreateSecret {
                name,
                user,
                description,
                tags,
                own,
            } => {
                let Some(password) = bindings.password.clone() else {
                    return Err(RunError::NoPassword { user: user.clone() });
                };
                let new = NewSecret {
                    name: name.clone(),
                    description: description.clone(),
                    user: user.clone(),
                    password,
                    tags: tags.clone(),
                };
                let answer = self.write(step, name, self.cloud.create_secret(&new)).await?;
                let look = async || {
                    let secret = self.cloud.describe_secret(name).await?;
                    let details = secret_details(self.cloud, &secret).await?;
                    Ok(Found {
                        differences: adopt::of_secret(&details, own),
                        arn: secret.arn,
                    })
                };
                let (arn, _) = self.made(step, name, answer, look).await?;
                Ok(done(arn))
            }
            Effect::CreateRole {
                name,
                service,
                description,
                tags,
                own,
                ..
            } => {
                let new = NewRole {
                    name: name.clone(),
                    description: description.clone(),
                    trust: policy::trust(service),
                    tags: tags.clone(),
                };
                let (arn, is_new) = self.create_role(step, &new, own).await?;
                let status = if is_new { StepStatus::Done } else { StepStatus::Adopt };
                Ok(Ended { status, resource: arn })
            }
            Effect::PutRolePolicy { role, policy, grant } => {
                let document = render(grant, bindings)?;
                let put = async || self.cloud.put_role_policy(role, policy, &document).await;
                self.give_role(step, role, put).await?;
                Ok(done(role.clone()))
            }
            Effect::AttachRolePolicy { role, policy } => {
                let attach = async || self.cloud.attach_role_policy(role, policy).await;
                self.give_role(step, role, attach).await?;
                Ok(done(role.clone()))
            }
            Effect::CreateProxy(plan) => {
                let arn = self.create_proxy(step, plan, bindings, settle).await?;
                Ok(done(arn))
            }
            Effect::CreateFunction(plan) => {
                let arn = self.create_function(step, plan, bindings, settle).await?;
                Ok(done(arn))
            }
            Effect::SetEnvironment {
                function,
                proxy,
                secret,
                overwrite,
                variables,
                ..
            } => {
                let secret = secret.as_ref().map(|secret| bindings.resolve(secret)).transpose()?;
                let part = FunctionEnvironment {
                    function,
                    overwrite: *overwrite,
                    variables: self
                        .values(step, variables, proxy.as_deref(), secret.as_deref())
                        .await?,
                };
                self.change(step, &part, settle).await
            }
            // The caller carries out what has to do with groups.
            _ => Err(RunError::Flawed(Vec::new())),
        }
    }

    async fn create_role(&self, step: &Step, new: &NewRole, own: &OwnRole) -> Result<(String, bool), RunError> {
        let answer = self.write(step, &new.name, self.cloud.create_role(new)).await?;
        let look = async || {
            let role = found_role(self.cloud, &new.name).await?.ok_or_else(|| {
                let fault = Fault::NotFound(format!("The role with name {} cannot be found.", new.name));
                CloudError::new(Operation::GetRole, fault)
            })?;
            Ok(Found {
                differences: own.differences(&role),
                arn: role.arn,
            })
        };
        self.made(step, &new.name, answer, look).await
    }

    /// The ARN of what was made, and whether this run created it. Where its name is taken, or no answer came, it is
    /// looked for: it must be ours.
    async fn made(
        &self,
        step: &Step,
        name: &str,
        answer: Answer<String>,
        look: impl AsyncFn() -> Answer<Found>,
    ) -> Result<(String, bool), RunError> {
        let error = match answer {
            Ok(arn) => {
                self.name_last_applied(&arn);
                return Ok((arn, true));
            }
            Err(error) if error.is_duplicate() || error.may_have_applied() => error,
            Err(error) => return Err(failed(step, error)),
        };
        let mut pauses = self.consistency_pauses();
        let mut looks = 0;
        loop {
            match self.read(&step.summary, look()).await? {
                Ok(found) if found.differences.is_empty() => {
                    // Of a role that is there now another run is the maker, or an attempt of ours that was answered
                    // late.
                    let is_new = !error.is_duplicate() || step.effect.operation() != Operation::CreateRole;
                    if is_new {
                        self.note_applied(step, &found.arn);
                    }
                    return Ok((found.arn, is_new));
                }
                Ok(found) => {
                    return Err(RunError::Taken {
                        doing: step.summary.clone(),
                        name: name.to_owned(),
                        differences: found.differences,
                    });
                }
                Err(missing) if missing.is_not_found() && (error.is_duplicate() || looks < STALE_READS) => {
                    looks += 1;
                    self.pause(&mut pauses, &format!("{name} to be found"), "not found")
                        .await?;
                }
                Err(missing) if missing.is_not_found() => return Err(failed(step, error)),
                Err(other) => return Err(failed(step, other)),
            }
        }
    }

    /// Changes a role, which may not be found yet.
    async fn give_role(&self, step: &Step, role: &str, give: impl AsyncFn() -> Answer<()>) -> Result<(), RunError> {
        let mut pauses = self.consistency_pauses();
        let mut unanswered = 0;
        loop {
            match self.write(step, role, give()).await? {
                Err(error) if error.is_not_found() || error.is_contention() => {
                    self.pause(
                        &mut pauses,
                        &format!("role {role} to be found"),
                        &error.fault.to_string(),
                    )
                    .await?;
                }
                // To give it twice is to give it once.
                Err(error) if error.may_have_applied() && unanswered < STALE_READS => {
                    unanswered += 1;
                    self.pause(&mut pauses, &format!("role {role} to accept a policy"), "no answer")
                        .await?;
                }
                Err(error) => return Err(failed(step, error)),
                Ok(()) => return Ok(()),
            }
        }
    }

    async fn create_proxy(
        &self,
        step: &Step,
        plan: &ProxyPlan,
        bindings: &Bindings,
        settle: Settle,
    ) -> Result<String, RunError> {
        let role = bindings.resolve(&plan.role)?;
        let new = NewDbProxy {
            name: plan.name.clone(),
            family: plan.family.clone(),
            subnets: plan.subnets.clone(),
            group: bindings.resolve(&plan.group)?,
            role: role.clone(),
            auth: match &plan.auth {
                ProxyAuth::Iam => NewProxyAuth::Iam,
                ProxyAuth::Secret { secret, iam_required } => NewProxyAuth::Secret {
                    secret: bindings.resolve(secret)?,
                    iam_required: *iam_required,
                },
            },
            tags: plan.tags.clone(),
        };
        let create = async || self.cloud.create_db_proxy(&new).await;
        let answer = self.create_with_role(step, &plan.name, create).await?;
        let look = async || {
            let proxy = derived::proxy(self.cloud, &plan.name).await?;
            let tags = self.cloud.list_rds_tags(&proxy.arn).await?;
            let mut differences = adopt::of_proxy_settings(&proxy, &role, &plan.subnets, Some(&tags), &plan.own);
            if !proxy.groups.contains(&new.group) {
                differences.push(format!("it does not have group {}", new.group));
            }
            Ok(Found {
                differences,
                arn: proxy.arn,
            })
        };
        let (arn, _) = self.made(step, &plan.name, answer, look).await?;
        if settle == Settle::Wait {
            let waiting_for = format!("proxy {} to become available", plan.name);
            let look = async || {
                let status = derived::proxy(self.cloud, &plan.name).await?.status;
                Ok(match status.as_str() {
                    "available" => Wait::Over,
                    "creating" | "modifying" => Wait::GoesOn(status),
                    _ => Wait::Failed(status),
                })
            };
            let what = format!("proxy {}", plan.name);
            self.wait_for(step, &what, &waiting_for, look).await?;
        }
        Ok(arn)
    }

    async fn create_function(
        &self,
        step: &Step,
        plan: &FunctionPlan,
        bindings: &Bindings,
        settle: Settle,
    ) -> Result<String, RunError> {
        let new = NewLambda {
            name: plan.name.clone(),
            runtime: plan.runtime.clone(),
            role: bindings.resolve(&plan.role)?,
            subnets: plan.subnets.clone(),
            group: bindings.resolve(&plan.group)?,
            tags: plan.tags.clone(),
        };
        let create = async || self.cloud.create_function(&new).await;
        let answer = self.create_with_role(step, &plan.name, create).await?;
        let look = async || {
            let function = self.cloud.get_function_configuration(&plan.name).await?;
            let tags = self.cloud.list_function_tags(&function.arn).await?;
            let wanted = (new.role.as_str(), Some(new.runtime.as_str()));
            Ok(Found {
                differences: adopt::of_function_settings(&function, wanted, &plan.subnets, Some(&tags), &plan.own),
                arn: function.arn,
            })
        };
        let (arn, _) = self.made(step, &plan.name, answer, look).await?;
        if settle == Settle::Wait {
            let waiting_for = format!("function {} to become active", plan.name);
            let look = async || {
                let function = self.cloud.get_function_configuration(&plan.name).await?;
                let reason = function.state_reason.unwrap_or_default();
                Ok(match function.state {
                    FunctionState::Active | FunctionState::Inactive => Wait::Over,
                    FunctionState::Pending => Wait::GoesOn("Pending".to_owned()),
                    FunctionState::Other(state) => Wait::Failed(format!("{state} {reason}").trim_end().to_owned()),
                })
            };
            let what = format!("function {}", plan.name);
            self.wait_for(step, &what, &waiting_for, look).await?;
        }
        Ok(arn)
    }

    /// Pauses while a role that was just made, or changed, may not work yet.
    pub(super) fn role_pauses(&self) -> Pauses {
        let deadline = self.deadline().min(Instant::now() + ROLE_WINDOW);
        Pauses::until(deadline, self.cloud.pace())
    }

    /// Creates something whose role, or group, may be too new to be used.
    async fn create_with_role(
        &self,
        step: &Step,
        name: &str,
        create: impl AsyncFn() -> Answer<String>,
    ) -> Result<Answer<String>, RunError> {
        let mut pauses = self.role_pauses();
        loop {
            let answer = self.write(step, name, create()).await?;
            let waiting_for = match &answer {
                Err(error) if error.is_role_not_ready() => "the new role to be assumable",
                Err(error) if error.is_not_found() => "the new group to be found",
                _ => return Ok(answer),
            };
            if let Err(error) = &answer {
                let pause = self.pause(&mut pauses, waiting_for, &error.fault.to_string()).await;
                // The message of AWS is more helpful than a timeout.
                if matches!(pause, Err(RunError::TimedOut { .. })) {
                    return Ok(answer);
                }
                pause?;
            }
        }
    }

    /// Looks until what was made is ready. What is not found right after its creation is looked for again.
    async fn wait_for(
        &self,
        step: &Step,
        what: &str,
        waiting_for: &str,
        look: impl AsyncFn() -> Answer<Wait>,
    ) -> Result<(), RunError> {
        let mut pauses = self.pauses();
        let mut unseen = self.consistency_pauses();
        loop {
            match self.read(&step.summary, look()).await? {
                Ok(Wait::Over) => return Ok(()),
                Ok(Wait::GoesOn(state)) => self.pause(&mut pauses, waiting_for, &state).await?,
                Ok(Wait::Failed(reason)) => {
                    return Err(RunError::NotTaken {
                        resource: what.to_owned(),
                        reason,
                    });
                }
                Err(error) if error.is_not_found() => self.pause(&mut unseen, waiting_for, "not found yet").await?,
                Err(error) if error.is_transient() => {
                    self.pause(&mut pauses, waiting_for, &error.fault.to_string()).await?;
                }
                Err(error) => return Err(failed(step, error)),
            }
        }
    }

    /// The values of the variables, the proxy's endpoint among them.
    async fn values(
        &self,
        step: &Step,
        variables: &[Variable],
        proxy: Option<&str>,
        secret: Option<&str>,
    ) -> Result<Vec<(&'static str, String)>, RunError> {
        let mut values = Vec::with_capacity(variables.len());
        for (name, value) in variables {
            let value = match value {
                Value::Known(value) => value.clone(),
                Value::NewSecret => {
                    let what = "the new secret".to_owned();
                    secret.ok_or(RunError::Unbound { what })?.to_owned()
                }
                Value::ProxyEndpoint => self.endpoint(step, proxy.unwrap_or_default()).await?,
            };
            values.push((*name, value));
        }
        Ok(values)
    }

    async fn endpoint(&self, step: &Step, proxy: &str) -> Result<String, RunError> {
        let mut pauses = self.pauses();
        let mut looks = 0;
        loop {
            let state = match self.read(&step.summary, derived::proxy(self.cloud, proxy)).await? {
                Ok(proxy) => match proxy.endpoint.filter(|endpoint| !endpoint.is_empty()) {
                    Some(endpoint) => return Ok(endpoint),
                    None => proxy.status,
                },
                // It was made by this run, and may not be found at once.
                Err(error) if error.is_not_found() && looks < STALE_READS => "not found".to_owned(),
                Err(error) => return Err(failed(step, error)),
            };
            looks += 1;
            self.pause(&mut pauses, "the proxy's endpoint", &state).await?;
        }
    }
}

/// What a look at something new shows.
enum Wait {
    Over,
    GoesOn(String),
    Failed(String),
}

/// The document of a grant. That what it refers to is bound is checked first.
fn render(grant: &Grant, bindings: &Bindings) -> Result<String, RunError> {
    if let Some(resource) = grant.resource() {
        bindings.resolve(resource)?;
    }
    Ok(grant
        .document(|resource| bindings.resolve(resource).ok())
        .unwrap_or_default())
}
