//! Reads who can use a security group besides functions, databases and proxies.

use super::Answer;
pub use crate::model::ProxyEndpoint;
use crate::model::{GroupId, VpcId};

/// An alias of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionAlias {
    /// Its name.
    pub name: String,
    /// The versions that it leads to: one, or two while traffic is shifted.
    pub versions: Vec<String>,
}

/// A capacity provider of Lambda, on whose instances functions run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapacityProvider {
    /// Its name.
    pub name: String,
    /// The groups of its instances.
    pub groups: Vec<GroupId>,
}

/// A version of a network connector of Lambda.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkConnector {
    /// Its name.
    pub name: String,
    /// The number of the version, if AWS reports it.
    pub version: Option<String>,
    /// The groups of its network interfaces.
    pub groups: Vec<GroupId>,
}

/// A version of a launch template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchTemplateVersion {
    /// `lt-…`
    pub template: String,
    /// The template's name.
    pub name: String,
    /// The number of the version.
    pub version: i64,
    /// The groups that it names by id, those of its network interfaces among them.
    pub groups: Vec<GroupId>,
    /// The groups that it names by name.
    pub group_names: Vec<String>,
}

/// A VPC on the other side of a peering or transit gateway connection with a rule that names a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupReference {
    /// The group that is named.
    pub group: GroupId,
    /// The VPC.
    pub vpc: VpcId,
    /// The peering connection or the transit gateway between them.
    pub through: Option<String>,
}

/// Reads who uses a group.
#[async_trait::async_trait]
pub trait UsersCloud: Sync {
    /// The aliases of a function.
    async fn list_aliases(&self, function: &str) -> Answer<Vec<FunctionAlias>>;
    /// The endpoints of all proxies, besides the default ones.
    async fn list_proxy_endpoints(&self) -> Answer<Vec<ProxyEndpoint>>;
    /// All capacity providers in a VPC.
    async fn list_capacity_providers(&self) -> Answer<Vec<CapacityProvider>>;
    /// The ARNs of all network connectors.
    async fn list_network_connectors(&self) -> Answer<Vec<String>>;
    /// The ARNs of the versions of a network connector.
    async fn list_network_connector_versions(&self, connector: &str) -> Answer<Vec<String>>;
    /// A version of a network connector, by its ARN.
    async fn get_network_connector(&self, version: &str) -> Answer<NetworkConnector>;
    /// The latest and the default versions of all launch templates; of one, all versions.
    async fn describe_launch_template_versions(&self, template: Option<&str>) -> Answer<Vec<LaunchTemplateVersion>>;
    /// The VPCs on the other side of a connection whose rules name one of these groups.
    async fn describe_group_references(&self, groups: &[GroupId]) -> Answer<Vec<GroupReference>>;
}
