//! What `remove` needs: who uses a group, and the writes that take away.

use std::collections::BTreeMap;
use std::future::Future;

use super::{Answer, ResourceKind, SecretDescription};
use crate::model::{Direction, FunctionVpc, GroupId, Rule, SecurityGroup, SubnetId};
use crate::removal::ShrunkList;

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

/// A network interface with its security groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BearingInterface {
    /// `eni-…`
    pub id: String,
    /// What it says of itself.
    pub description: String,
    /// Its groups.
    pub groups: Vec<GroupId>,
    /// Lambda or RDS made it: whose it is, they tell themselves.
    pub is_of_service: bool,
}

/// Reads the users of groups, and takes away.
pub trait RemovalCloud: Sync {
    /// All resources of a kind with all groups, also those that are being put on or taken off; of functions each published
    /// version too, which keeps the groups and the role with which it was published.
    fn list_bearers(&self, kind: ResourceKind) -> impl Future<Output = Answer<Vec<Bearer>>> + Send;
    /// The network interfaces that bear one of these groups.
    fn describe_interfaces_with(
        &self,
        groups: &[GroupId],
    ) -> impl Future<Output = Answer<Vec<BearingInterface>>> + Send;
    /// The groups with a rule of this direction that names one of these.
    fn describe_groups_naming(
        &self,
        groups: &[GroupId],
        direction: Direction,
    ) -> impl Future<Output = Answer<Vec<SecurityGroup>>> + Send;
    /// The groups of the Region with this tag.
    fn describe_tagged_groups(&self, key: &str, value: &str)
    -> impl Future<Output = Answer<Vec<SecurityGroup>>> + Send;
    /// The tags of the RDS resource with this ARN.
    fn list_rds_tags(&self, arn: &str) -> impl Future<Output = Answer<BTreeMap<String, String>>> + Send;
    /// The names of the roles whose names begin so.
    fn list_roles(&self, prefix: &str) -> impl Future<Output = Answer<Vec<String>>> + Send;
    /// The secrets whose names begin so; not those that are scheduled for deletion.
    fn list_secrets(&self, prefix: &str) -> impl Future<Output = Answer<Vec<SecretDescription>>> + Send;

    /// Gives a tag to groups, in place of one with its key.
    fn tag_groups(&self, groups: &[GroupId], key: &str, value: &str) -> impl Future<Output = Answer<()>> + Send;
    /// Takes a tag off groups; nothing changes where it is not there.
    fn untag_groups(&self, groups: &[GroupId], key: &str) -> impl Future<Output = Answer<()>> + Send;
    /// Takes rules out of a group.
    fn revoke_rules(
        &self,
        group: &GroupId,
        direction: Direction,
        rules: &[Rule],
    ) -> impl Future<Output = Answer<()>> + Send;
    /// Deletes a group; [`super::Fault::DependencyViolation`] where something still uses it.
    fn delete_group(&self, group: &GroupId) -> impl Future<Output = Answer<()>> + Send;
    /// Leaves a cluster with these groups.
    fn shrink_db_cluster(&self, id: &str, groups: &ShrunkList) -> impl Future<Output = Answer<()>> + Send;
    /// Leaves an instance with these groups.
    fn shrink_db_instance(&self, id: &str, groups: &ShrunkList) -> impl Future<Output = Answer<()>> + Send;
    /// Leaves a proxy with these groups.
    fn shrink_db_proxy(&self, name: &str, groups: &ShrunkList) -> impl Future<Output = Answer<()>> + Send;
    /// Leaves a function, attached as it is, with these groups, if it is still at `revision`.
    fn shrink_function(
        &self,
        name: &str,
        vpc: &FunctionVpc,
        groups: &ShrunkList,
        revision: Option<&str>,
    ) -> impl Future<Output = Answer<()>> + Send;
    /// Deletes a proxy with its targets, which takes minutes.
    fn delete_db_proxy(&self, name: &str) -> impl Future<Output = Answer<()>> + Send;
    /// Schedules a secret for deletion, after the shortest time in which it can be restored: 7 days.
    fn delete_secret(&self, id: &str) -> impl Future<Output = Answer<()>> + Send;
    /// The tags of the function with this ARN.
    fn list_function_tags(&self, arn: &str) -> impl Future<Output = Answer<BTreeMap<String, String>>> + Send;
    /// Deletes a function with all its versions.
    fn delete_function(&self, name: &str) -> impl Future<Output = Answer<()>> + Send;
    /// Takes a policy of IAM off a role.
    fn detach_role_policy(&self, role: &str, policy: &str) -> impl Future<Output = Answer<()>> + Send;
    /// Takes a policy of its own from a role.
    fn delete_role_policy(&self, role: &str, policy: &str) -> impl Future<Output = Answer<()>> + Send;
    /// Deletes a role that has no policies any more.
    fn delete_role(&self, name: &str) -> impl Future<Output = Answer<()>> + Send;
}
