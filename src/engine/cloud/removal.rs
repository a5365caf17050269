//! What `remove` needs: who uses a group, and the writes that remove something.

use std::collections::BTreeMap;

use super::{Answer, SecretDescription};
use crate::model::GroupId;

/// Reads the users of groups, and removes.
#[async_trait::async_trait]
pub trait RemovalCloud: Sync {
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
