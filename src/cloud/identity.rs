//! What a role may do, as IAM tells it.

use std::future::Future;

use super::Answer;

/// Reads the policies of roles.
pub trait IdentityCloud: Sync {
    /// The ARNs of the policies attached to a role.
    fn list_attached_role_policies(&self, role: &str) -> impl Future<Output = Answer<Vec<String>>> + Send;
    /// The names of a role's own policies.
    fn list_role_policies(&self, role: &str) -> impl Future<Output = Answer<Vec<String>>> + Send;
    /// The id of a policy's default version.
    fn get_policy(&self, arn: &str) -> impl Future<Output = Answer<String>> + Send;
    /// The document of a version of a policy, as JSON.
    fn get_policy_version(&self, arn: &str, version: &str) -> impl Future<Output = Answer<String>> + Send;
}
