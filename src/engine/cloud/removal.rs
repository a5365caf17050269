//! What `remove` needs: who uses a group, and the writes that remove something.

use std::collections::BTreeMap;

use super::{Answer, ResourceKind, SecretDescription};
use crate::model::{GroupId, SubnetId};

/// A resource in a VPC with its security groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bearer {
    /// Its name or identifier.
    pub name: String,
    /// The published version of a function; none for the function itself.
    pub version: Option<String>,
    /// The cluster of an instance.
    pub cluster: Option<String>,
    /// The subnets of a function.
    pub subnets: Vec<SubnetId>,
    /// Its groups.
    pub groups: Vec<GroupId>,
    /// The role of a proxy or a function.
    pub role: Option<String>,
    /// The secrets of a proxy.
    pub secrets: Vec<String>,
}

/// Reads the users of groups, and removes.
#[async_trait::async_trait]
pub trait RemovalCloud: Sync {
    /// All resources of a kind with all groups, also those that are being associated or disassociated; of functions each
    /// published version too, which keeps the groups and the role with which it was published.
    async fn list_bearers(&self, kind: ResourceKind) -> Answer<Vec<Bearer>>;
    /// The tags of the RDS resource with this ARN.
    async fn list_rds_tags(&self, arn: &str) -> Answer<BTreeMap<String, String>>;
    /// The names of the roles whose names begin so.
    async fn list_roles(&self, prefix: &str) -> Answer<Vec<String>>;
    /// The secrets whose names begin so; not those that are scheduled for deletion.
    async fn list_secrets(&self, prefix: &str) -> Answer<Vec<SecretDescription>>;

    /// Gives a tag to groups, in place of one with its key.
    async fn tag_groups(&self, groups: &[GroupId], key: &str, value: &str) -> Answer<()>;
    /// Takes a tag off groups; nothing changes where it is not there.
    async fn untag_groups(&self, groups: &[GroupId], key: &str) -> Answer<()>;
    /// Deletes a group; [`super::Fault::DependencyViolation`] where something still uses it.
    async fn delete_group(&self, group: &GroupId) -> Answer<()>;
    /// Deletes a proxy with its targets, which takes minutes.
    async fn delete_db_proxy(&self, name: &str) -> Answer<()>;
    /// Schedules a secret for deletion, after the shortest time in which it can be restored: 7 days.
    async fn delete_secret(&self, id: &str) -> Answer<()>;
    /// The tags of the function with this ARN.
    async fn list_function_tags(&self, arn: &str) -> Answer<BTreeMap<String, String>>;
    /// Deletes a function with all its versions.
    async fn delete_function(&self, name: &str) -> Answer<()>;
    /// Takes a policy of IAM off a role.
    async fn detach_role_policy(&self, role: &str, policy: &str) -> Answer<()>;
    /// Takes a policy of its own from a role.
    async fn delete_role_policy(&self, role: &str, policy: &str) -> Answer<()>;
    /// Deletes a role that has no policies any more.
    async fn delete_role(&self, name: &str) -> Answer<()>;
}
