//! Roles and what they may do, as IAM reports it.

use super::{Answer, NewRole, RoleDescription};

/// Reads roles and their policies, and makes and deletes them.
#[async_trait::async_trait]
pub trait IdentityCloud: Sync {
    /// The ARNs of the policies attached to a role.
    async fn list_attached_role_policies(&self, role: &str) -> Answer<Vec<String>>;
    /// The names of a role's own policies.
    async fn list_role_policies(&self, role: &str) -> Answer<Vec<String>>;
    /// The id of a policy's default version.
    async fn get_policy(&self, arn: &str) -> Answer<String>;
    /// The document of a version of a policy, as JSON.
    async fn get_policy_version(&self, arn: &str, version: &str) -> Answer<String>;
    /// The role with this name.
    async fn get_role(&self, name: &str) -> Answer<RoleDescription>;
    /// The document of a role's own policy, as JSON.
    async fn get_role_policy(&self, role: &str, policy: &str) -> Answer<String>;
    /// Makes a role; [`super::Fault::Duplicate`] where its name is taken. Its ARN.
    async fn create_role(&self, new: &NewRole) -> Answer<String>;
    /// Gives a role a policy of its own, in place of one of that name.
    async fn put_role_policy(&self, role: &str, policy: &str, document: &str) -> Answer<()>;
    /// Gives a role the policy with this ARN; nothing changes where it has it.
    async fn attach_role_policy(&self, role: &str, policy: &str) -> Answer<()>;
    /// The names of the roles whose names begin so.
    async fn list_roles(&self, prefix: &str) -> Answer<Vec<String>>;
    /// Takes a policy of IAM off a role.
    async fn detach_role_policy(&self, role: &str, policy: &str) -> Answer<()>;
    /// Takes a policy of its own from a role.
    async fn delete_role_policy(&self, role: &str, policy: &str) -> Answer<()>;
    /// Deletes a role that has no policies any more.
    async fn delete_role(&self, name: &str) -> Answer<()>;
}
