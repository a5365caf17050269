//! The parts of resources that AWS replaces whole: lists of groups, and a function's environment. What is sent is
//! what was just read, and ours.

use std::future::Future;

use super::error::RunError;
use crate::cloud::{Answer, Cloud, CloudError, Fault, FunctionChange, NewGroups, Operation, derived};
use crate::model::{
    DatabaseKind, Environment, Function, FunctionVpc, GroupId, GroupList, LastUpdateStatus, MOST_GROUPS, Side,
    USUAL_GROUPS, last_segment,
};
use crate::observe::read_memberships;
use crate::preconditions::{ExtrasUnmet, Unmet};

/// A part as it is now.
pub(super) struct Now<S> {
    /// It is as our change leaves it.
    pub(super) is_changed: bool,
    /// The last change has taken effect.
    pub(super) settled: bool,
    /// The last change failed, and why.
    pub(super) failure: Option<String>,
    /// The state as text.
    pub(super) state: String,
    /// What the write needs of this read.
    pub(super) seen: S,
}

impl<S> Now<S> {
    /// A part of a function, which its last update has changed.
    pub(super) fn of_function(function: Function, is_changed: bool, seen: impl FnOnce(Function) -> S) -> Self {
        let (settled, failure, state) = last_update(&function);
        Self {
            is_changed,
            settled,
            failure,
            state,
            seen: seen(function),
        }
    }
}

/// A part of a resource that AWS replaces whole, with our change to it.
pub(super) trait Part: Sync {
    type Seen: Send + Sync;

    fn describe(&self) -> String;
    /// Whether a role that was just changed may keep AWS from taking the write.
    fn may_need_new_role(&self) -> bool {
        false
    }
    fn read(&self, cloud: &dyn Cloud) -> impl Future<Output = Answer<Now<Self::Seen>>> + Send;
    /// The list that was read, where only the list itself shows what another writer has done to it.
    fn unguarded(_seen: &Self::Seen) -> Option<(Side, &GroupList)> {
        None
    }
    /// Whether what was seen has room for our change.
    fn check(&self, seen: &Self::Seen) -> Result<(), RunError>;
    fn write(&self, cloud: &dyn Cloud, seen: &Self::Seen) -> impl Future<Output = Answer<()>> + Send;
}

/// Of a function AWS takes 5, of anything else what the account's quota says, which was looked at before the plan was
/// shown: here only what no quota allows is refused.
fn has_room(resource: String, groups: &GroupList, most: usize) -> Result<(), RunError> {
    if groups.len() < most {
        return Ok(());
    }
    Err(RunError::Unmet(Unmet::TooManyGroups {
        resource,
        count: groups.len(),
        most,
        groups: groups.iter().map(ToString::to_string).collect(),
        could_go: None,
        without_rules: None,
    }))
}

/// A group on a database.
pub(super) struct DatabaseGroups<'a> {
    pub(super) kind: DatabaseKind,
    pub(super) id: &'a str,
    pub(super) group: GroupId,
}

impl Part for DatabaseGroups<'_> {
    type Seen = GroupList;

    fn describe(&self) -> String {
        format!("{} {}", self.kind, self.id)
    }

    async fn read(&self, cloud: &dyn Cloud) -> Answer<Now<GroupList>> {
        let database = read_memberships(cloud, self.kind, self.id).await?;
        let all_active = database
            .memberships
            .iter()
            .all(|membership| membership.status == "active");
        let groups = database.groups();
        Ok(Now {
            is_changed: groups.contains(&self.group),
            settled: all_active && database.status != "modifying",
            failure: None,
            state: database.status,
            seen: groups,
        })
    }

    fn unguarded(seen: &GroupList) -> Option<(Side, &GroupList)> {
        Some((Side::Database, seen))
    }

    fn check(&self, seen: &GroupList) -> Result<(), RunError> {
        has_room(self.describe(), seen, MOST_GROUPS)
    }

    async fn write(&self, cloud: &dyn Cloud, seen: &GroupList) -> Answer<()> {
        let groups = seen.clone().with(self.group.clone());
        cloud
            .modify_database(self.kind, self.id, NewGroups::Grown(&groups))
            .await
    }
}

/// A group on a proxy.
pub(super) struct ProxyGroups<'a> {
    pub(super) name: &'a str,
    pub(super) group: GroupId,
}

impl Part for ProxyGroups<'_> {
    type Seen = GroupList;

    fn describe(&self) -> String {
        format!("proxy {}", self.name)
    }

    async fn read(&self, cloud: &dyn Cloud) -> Answer<Now<GroupList>> {
        let proxy = derived::proxy(cloud, self.name).await?;
        Ok(Now {
            is_changed: proxy.groups.contains(&self.group),
            settled: proxy.status == "available",
            failure: None,
            state: proxy.status,
            seen: proxy.groups,
        })
    }

    fn unguarded(seen: &GroupList) -> Option<(Side, &GroupList)> {
        Some((Side::Proxy, seen))
    }

    fn check(&self, seen: &GroupList) -> Result<(), RunError> {
        has_room(self.describe(), seen, MOST_GROUPS)
    }

    async fn write(&self, cloud: &dyn Cloud, seen: &GroupList) -> Answer<()> {
        let groups = seen.clone().with(self.group.clone());
        cloud.modify_db_proxy(self.name, NewGroups::Grown(&groups)).await
    }
}

/// How the last update of a function ended: settled, failed, as text.
fn last_update(function: &Function) -> (bool, Option<String>, String) {
    let reason = || function.why_update().unwrap_or_else(|| "no reason given".to_owned());
    match &function.last_update {
        Some(LastUpdateStatus::InProgress) => (false, None, "update in progress".to_owned()),
        Some(LastUpdateStatus::Failed) => (true, Some(reason()), "update failed".to_owned()),
        Some(LastUpdateStatus::Other(other)) => (false, None, other.clone()),
        Some(LastUpdateStatus::Successful) | None => (true, None, "updated".to_owned()),
    }
}

pub(super) fn describe_function(arn: &str) -> String {
    format!("function {}", last_segment(arn))
}

/// A group on a function.
pub(super) struct FunctionGroups<'a> {
    pub(super) function: &'a str,
    pub(super) group: GroupId,
}

/// Where a function was attached, and at which revision.
pub(super) struct Attachment {
    pub(super) vpc: Option<FunctionVpc>,
    pub(super) revision: Option<String>,
}

impl Attachment {
    pub(super) fn of(function: Function) -> Self {
        Self {
            vpc: function.vpc,
            revision: function.revision_id,
        }
    }
}

impl Part for FunctionGroups<'_> {
    type Seen = Attachment;

    fn describe(&self) -> String {
        describe_function(self.function)
    }

    async fn read(&self, cloud: &dyn Cloud) -> Answer<Now<Attachment>> {
        let function = cloud.get_function_configuration(self.function).await?;
        let is_changed = function.groups().contains(&self.group);
        Ok(Now::of_function(function, is_changed, Attachment::of))
    }

    fn check(&self, seen: &Attachment) -> Result<(), RunError> {
        match &seen.vpc {
            Some(vpc) => has_room(self.describe(), &vpc.groups, USUAL_GROUPS),
            None => Ok(()),
        }
    }

    async fn write(&self, cloud: &dyn Cloud, seen: &Attachment) -> Answer<()> {
        let Some(vpc) = &seen.vpc else {
            let fault = Fault::Rejected {
                code: "Detached".to_owned(),
                message: "the function was detached from its VPC meanwhile".to_owned(),
            };
            return Err(CloudError::new(Operation::UpdateFunctionConfiguration, fault));
        };
        let vpc = FunctionVpc {
            groups: vpc.groups.clone().with(self.group.clone()),
            ..vpc.clone()
        };
        cloud
            .update_function_configuration(self.function, FunctionChange::vpc(&vpc), seen.revision.as_deref())
            .await
    }
}

/// Variables in a function's environment.
pub(super) struct FunctionEnvironment<'a> {
    pub(super) function: &'a str,
    /// Whether other values may be replaced, which the user was shown before.
    pub(super) overwrite: bool,
    pub(super) variables: Vec<(&'static str, String)>,
}

/// What the environment was, and at which revision of the function.
pub(super) struct Variables {
    pub(super) environment: Option<Environment>,
    pub(super) revision: Option<String>,
}

impl Variables {
    pub(super) fn of(function: Function) -> Self {
        Self {
            environment: function.environment,
            revision: function.revision_id,
        }
    }
}

impl Part for FunctionEnvironment<'_> {
    type Seen = Variables;

    fn describe(&self) -> String {
        describe_function(self.function)
    }

    async fn read(&self, cloud: &dyn Cloud) -> Answer<Now<Variables>> {
        let function = cloud.get_function_configuration(self.function).await?;
        let has = |environment: &Environment| {
            let mut variables = self.variables.iter();
            variables.all(|(name, value)| environment.get(name) == Some(value))
        };
        let is_changed = function.environment.as_ref().is_some_and(has);
        Ok(Now::of_function(function, is_changed, Variables::of))
    }

    /// An environment that cannot be read must not be written: what is in it would be lost. Nor is a value that
    /// someone else has set meanwhile.
    fn check(&self, seen: &Variables) -> Result<(), RunError> {
        let function = || last_segment(self.function).to_owned();
        let Some(environment) = &seen.environment else {
            let unmet = ExtrasUnmet::EnvironmentUnreadable { function: function() };
            return Err(RunError::Unmet(Unmet::Extras(unmet)));
        };
        let others: Vec<String> = self
            .variables
            .iter()
            .filter(|(name, value)| environment.get(name).is_some_and(|found| found != value))
            .map(|(name, _)| (*name).to_owned())
            .collect();
        if others.is_empty() || self.overwrite {
            return Ok(());
        }
        Err(RunError::Unmet(Unmet::Extras(ExtrasUnmet::OtherValues {
            function: function(),
            variables: others,
        })))
    }

    async fn write(&self, cloud: &dyn Cloud, seen: &Variables) -> Answer<()> {
        let mut environment = seen.environment.clone().unwrap_or_default();
        for (name, value) in &self.variables {
            environment = environment.with(name, value);
        }
        let change = FunctionChange::Environment(&environment);
        cloud
            .update_function_configuration(self.function, change, seen.revision.as_deref())
            .await
    }
}
