//! What else has security groups, or names them: published versions, endpoints of proxies, capacity providers, network
//! connectors, launch templates, and VPCs on the other side of a connection.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{VpcConfig, attached, available};

/// A published version of a function.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct FunctionVersionEntry {
    /// Its number.
    pub version: String,
    /// Where it is attached, as when it was published; left out, or with empty lists, for one in no VPC.
    #[serde(default, deserialize_with = "attached")]
    pub vpc_config: Option<VpcConfig>,
    /// The role with which it was published. Default: the function's.
    pub role: Option<String>,
}

/// An alias of a function.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AliasEntry {
    /// Its name.
    pub name: String,
    /// The version that it leads to.
    pub function_version: String,
    /// Another version that gets a part of the traffic.
    pub routing_config: Option<AliasRouting>,
}

/// How an alias shifts traffic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AliasRouting {
    /// The share of the traffic of the other version.
    #[serde(default)]
    pub additional_version_weights: BTreeMap<String, f64>,
}

/// A share is a number that is written down, never the result of a computation.
impl Eq for AliasRouting {}

/// An endpoint of an RDS Proxy, besides its default one.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DbProxyEndpointEntry {
    /// Its name.
    #[serde(rename = "DBProxyEndpointName")]
    pub name: String,
    /// The name of its proxy.
    #[serde(rename = "DBProxyName")]
    pub proxy: String,
    /// Default `available`.
    #[serde(default = "available")]
    pub status: String,
    /// Its VPC.
    pub vpc_id: Option<String>,
    /// Its subnets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vpc_subnet_ids: Vec<String>,
    /// Its security groups.
    #[serde(default)]
    pub vpc_security_group_ids: Vec<String>,
    /// `READ_WRITE` or `READ_ONLY`.
    pub target_role: Option<String>,
    /// Its host name.
    pub endpoint: Option<String>,
}

/// A capacity provider of Lambda.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CapacityProviderEntry {
    /// Its name.
    pub capacity_provider_name: String,
    /// The subnets and the groups of its instances.
    pub vpc_config: UserVpcConfig,
}

/// A version of a network connector of Lambda.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct NetworkConnectorEntry {
    /// The connector's name.
    pub name: String,
    /// The number of the version. Default 1.
    #[serde(default = "first")]
    pub version: u32,
    /// Where it is.
    pub configuration: NetworkConnectorConfiguration,
}

fn first() -> u32 {
    1
}

/// Where a network connector is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct NetworkConnectorConfiguration {
    /// Its subnets and groups.
    pub vpc_egress_configuration: UserVpcConfig,
}

/// Subnets and security groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UserVpcConfig {
    /// The subnets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subnet_ids: Vec<String>,
    /// The groups.
    #[serde(default)]
    pub security_group_ids: Vec<String>,
}

/// A version of a launch template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct LaunchTemplateVersionEntry {
    /// `lt-…`
    pub launch_template_id: String,
    /// The template's name.
    pub launch_template_name: String,
    /// The number of the version.
    pub version_number: i64,
    /// Whether it is the default one.
    #[serde(default)]
    pub default_version: bool,
    /// What it says of security groups.
    #[serde(default)]
    pub launch_template_data: LaunchTemplateData,
}

/// What a launch template says of security groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct LaunchTemplateData {
    /// Groups by their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security_group_ids: Vec<String>,
    /// Groups by their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security_groups: Vec<String>,
    /// Network interfaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub network_interfaces: Vec<LaunchTemplateInterface>,
}

/// A network interface of a launch template.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct LaunchTemplateInterface {
    /// Its groups, by their ids.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// A VPC on the other side of a peering or transit gateway connection with a rule that names a group.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SecurityGroupReferenceEntry {
    /// The group that is named.
    pub group_id: String,
    /// The VPC.
    pub referencing_vpc_id: String,
    /// The peering connection between them.
    pub vpc_peering_connection_id: Option<String>,
    /// The transit gateway between them.
    pub transit_gateway_id: Option<String>,
}

impl LaunchTemplateData {
    /// All groups that it names by id.
    pub fn group_ids(&self) -> impl Iterator<Item = &String> {
        let of_interfaces = self.network_interfaces.iter().flat_map(|interface| &interface.groups);
        self.security_group_ids.iter().chain(of_interfaces)
    }
}
