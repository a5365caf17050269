//! What a role may do, as IAM reports it.

use super::Answer;

/// Reads the policies of roles.
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
}
