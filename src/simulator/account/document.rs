//! The format of an account's file: the API's own names and shapes, as `aws … describe-…` prints them.

mod msk;
mod network;
mod users;

use std::collections::BTreeMap;

pub use msk::*;
pub use network::*;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Number;
use serde_with::skip_serializing_none;
pub use users::*;

use crate::model::{FunctionState, LastUpdateStatus, Peer, PortRange, Protocol, Rule, SecurityGroup, USUAL_GROUPS};

/// The version of the format that this program reads and writes.
pub const FORMAT_VERSION: u32 = 1;

/// An AWS account in one Region.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AccountDocument {
    /// Version of the format: 1.
    pub format_version: u32,
    /// Free text for the reader.
    pub comment: Option<String>,
    /// Twelve digits.
    pub account_id: String,
    /// E.g. `eu-central-1`.
    pub region: String,
    /// After how many reads a state that passes (`modifying`, `Pending`, `adding`, …) has passed. Default 2.
    #[serde(default = "default_settles_after_reads")]
    pub settles_after_reads: u32,
    /// The account's quotas, where they are not AWS's defaults.
    #[serde(default, skip_serializing_if = "Quotas::is_default")]
    pub quotas: Quotas,
    /// The VPCs.
    #[serde(default)]
    pub vpcs: Vec<Vpc>,
    /// The DHCP options that VPCs name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dhcp_options: Vec<DhcpOptionsEntry>,
    /// The subnets.
    #[serde(default)]
    pub subnets: Vec<SubnetEntry>,
    /// The security groups.
    #[serde(default)]
    pub security_groups: Vec<SecurityGroupEntry>,
    /// The rules one by one, with their ids, as `describe-security-group-rules` prints them. Of a rule that is not listed the
    /// id is not known; left out altogether, each rule has an id that follows from what it says.
    pub security_group_rules: Option<Vec<SecurityGroupRuleEntry>>,
    /// The DB subnet groups.
    #[serde(default, rename = "DBSubnetGroups")]
    pub db_subnet_groups: Vec<DbSubnetGroup>,
    /// The DB clusters.
    #[serde(default, rename = "DBClusters")]
    pub db_clusters: Vec<DbClusterEntry>,
    /// The DB instances, those of clusters too.
    #[serde(default, rename = "DBInstances")]
    pub db_instances: Vec<DbInstanceEntry>,
    /// The RDS Proxies.
    #[serde(default, rename = "DBProxies", skip_serializing_if = "Vec::is_empty")]
    pub db_proxies: Vec<DbProxyEntry>,
    /// The endpoints of proxies, besides their default ones.
    #[serde(default, rename = "DBProxyEndpoints", skip_serializing_if = "Vec::is_empty")]
    pub db_proxy_endpoints: Vec<DbProxyEndpointEntry>,
    /// The Lambda functions.
    #[serde(default)]
    pub functions: Vec<FunctionEntry>,
    /// The secrets: what describes them, never what they hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretEntry>,
    /// The keys of KMS that encrypt them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kms_keys: Vec<KmsKeyEntry>,
    /// The IAM roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<RoleEntry>,
    /// The policies of IAM's that roles are given, or that bound them. The program knows some of AWS's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<ManagedPolicy>,
    /// The route tables. A VPC without a main one has one with the routes to its own ranges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub route_tables: Vec<RouteTableEntry>,
    /// The network ACLs. A VPC without a default one has one that allows everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub network_acls: Vec<NetworkAclEntry>,
    /// The VPC peering connections.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vpc_peering_connections: Vec<PeeringEntry>,
    /// The internet gateways.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub internet_gateways: Vec<InternetGatewayEntry>,
    /// The egress-only internet gateways.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub egress_only_internet_gateways: Vec<EgressOnlyGatewayEntry>,
    /// The NAT gateways.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nat_gateways: Vec<NatGatewayEntry>,
    /// What the account has set for VPC Block Public Access; off if left out.
    pub vpc_block_public_access_options: Option<PublicAccessOptions>,
    /// What is excluded from VPC Block Public Access.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vpc_block_public_access_exclusions: Vec<ExclusionEntry>,
    /// The VPC endpoints.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vpc_endpoints: Vec<EndpointEntry>,
    /// The services that VPC endpoints can be for, as `describe-vpc-endpoint-services` prints their details; not known if
    /// left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vpc_endpoint_services: Vec<EndpointServiceEntry>,
    /// The prefix lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefix_lists: Vec<PrefixListEntry>,
    /// The network interfaces that routes lead to, or that have groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub network_interfaces: Vec<InterfaceEntry>,
    /// The elastic IP addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressEntry>,
    /// The MSK clusters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub msk_clusters: Vec<MskClusterEntry>,
    /// The event source mappings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event_source_mappings: Vec<EventSourceMappingEntry>,
    /// The capacity providers of Lambda.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capacity_providers: Vec<CapacityProviderEntry>,
    /// The network connectors of Lambda, version by version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub network_connectors: Vec<NetworkConnectorEntry>,
    /// The launch templates, version by version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub launch_template_versions: Vec<LaunchTemplateVersionEntry>,
    /// The VPCs on the other side of a connection whose rules name a group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security_group_references: Vec<SecurityGroupReferenceEntry>,
}

impl AccountDocument {
    /// An account that has nothing.
    pub fn empty(account_id: String, region: String) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            account_id,
            region,
            settles_after_reads: default_settles_after_reads(),
            ..Self::default()
        }
    }

    /// Whether it has the database that a proxy's target names.
    pub fn has_database(&self, kind: &str, id: &str) -> bool {
        match kind {
            "TRACKED_CLUSTER" => self.db_clusters.iter().any(|cluster| cluster.id == id),
            _ => self.db_instances.iter().any(|instance| instance.id == id),
        }
    }
}

fn default_settles_after_reads() -> u32 {
    2
}

/// Quotas that the program can meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct Quotas {
    /// Security groups in the Region. Default 2,500.
    pub security_groups_per_region: usize,
    /// Inbound, and again outbound, rules of a group. Default 60.
    pub rules_per_security_group: usize,
    /// Security groups on a database, a proxy or an endpoint; a function has 5 at most. Default 5, at most 16.
    pub security_groups_per_network_interface: usize,
    /// Proxies of the account in the Region. Default 20.
    pub proxies: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            security_groups_per_region: 2500,
            rules_per_security_group: 60,
            security_groups_per_network_interface: USUAL_GROUPS,
            proxies: 20,
        }
    }
}

impl Quotas {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A VPC.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Vpc {
    /// `vpc-…`
    pub vpc_id: String,
    /// The account that owns it; this one if left out.
    pub owner_id: Option<String>,
    /// Its IPv4 range; `10.n.0.0/16` if left out, for the file's n-th VPC, counted from 0.
    pub cidr_block: Option<String>,
    /// Further IPv4 ranges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cidr_block_association_set: Vec<CidrBlock>,
    /// `default` or `dedicated`. Default `default`.
    pub instance_tenancy: Option<String>,
    /// Whether its resolver answers. Default true.
    pub enable_dns_support: Option<bool>,
    /// Whether it gives host names. Default true.
    pub enable_dns_hostnames: Option<bool>,
    /// Its IPv6 range. New groups in such a VPC also get an IPv6 outbound rule.
    pub ipv6_cidr_block: Option<String>,
    /// Its IPv6 ranges, with their states.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ipv6_cidr_block_association_set: Vec<Ipv6CidrBlock>,
    /// Its DHCP options; those with the VPC's own resolver if left out.
    pub dhcp_options_id: Option<String>,
}

/// A subnet.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SubnetEntry {
    /// `subnet-…`
    pub subnet_id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// E.g. `eu-central-1a`.
    pub availability_zone: String,
    /// Its IPv4 range; if left out, the n-th /24 of the VPC's first range, for its n-th subnet in the file.
    pub cidr_block: Option<String>,
    /// Its IPv6 range.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ipv6_cidr_block_association_set: Vec<Ipv6CidrBlock>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// How many of its addresses are free.
    pub available_ip_address_count: Option<u32>,
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SecurityGroupEntry {
    /// `sg-…`
    pub group_id: String,
    /// Its name.
    pub group_name: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Its description.
    #[serde(default)]
    pub description: String,
    /// Inbound rules.
    #[serde(default)]
    pub ip_permissions: Vec<IpPermission>,
    /// Outbound rules.
    #[serde(default)]
    pub ip_permissions_egress: Vec<IpPermission>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl Tag {
    pub(crate) fn list(tags: &BTreeMap<String, String>) -> Vec<Self> {
        let tag = |(key, value): (&String, &String)| Self {
            key: key.clone(),
            value: value.clone(),
        };
        tags.iter().map(tag).collect()
    }

    pub(crate) fn map(tags: &[Self]) -> BTreeMap<String, String> {
        tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect()
    }
}

/// Rules for one protocol and port range: one rule for each target.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct IpPermission {
    /// `tcp`, `udp`, `icmp`, a number, or `-1` for all.
    pub ip_protocol: String,
    /// First port.
    pub from_port: Option<i32>,
    /// Last port.
    pub to_port: Option<i32>,
    /// Targets that are security groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_id_group_pairs: Vec<UserIdGroupPair>,
    /// Targets that are IPv4 ranges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ip_ranges: Vec<IpRange>,
    /// Targets that are IPv6 ranges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ipv6_ranges: Vec<Ipv6Range>,
    /// Targets that are prefix lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefix_list_ids: Vec<PrefixListId>,
}

/// A security group as a target.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UserIdGroupPair {
    /// `sg-…`
    pub group_id: String,
    /// The account of the group; this one if left out.
    pub user_id: Option<String>,
    /// Free text.
    pub description: Option<String>,
}

/// An IPv4 range as a target.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct IpRange {
    /// E.g. `10.0.0.0/16`.
    pub cidr_ip: String,
    /// Free text.
    pub description: Option<String>,
}

/// An IPv6 range as a target.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Ipv6Range {
    /// E.g. `2001:db8::/56`.
    pub cidr_ipv6: String,
    /// Free text.
    pub description: Option<String>,
}

/// A prefix list as a target.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PrefixListId {
    /// `pl-…`
    pub prefix_list_id: String,
    /// Free text.
    pub description: Option<String>,
}

/// A rule with its id. What it lets through is in the group.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SecurityGroupRuleEntry {
    /// `sgr-…`
    pub security_group_rule_id: String,
    /// The group that it is a rule of.
    pub group_id: String,
    /// Whether it is outbound.
    pub is_egress: bool,
    /// As in [`IpPermission`].
    pub ip_protocol: String,
    /// First port.
    pub from_port: Option<i32>,
    /// Last port.
    pub to_port: Option<i32>,
    /// The IPv4 range that it names.
    pub cidr_ipv4: Option<String>,
    /// The IPv6 range that it names.
    pub cidr_ipv6: Option<String>,
    /// The prefix list that it names.
    pub prefix_list_id: Option<String>,
    /// The group that it names.
    pub referenced_group_info: Option<ReferencedGroup>,
    /// Free text.
    pub description: Option<String>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// A group that a rule names.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ReferencedGroup {
    /// `sg-…`
    pub group_id: String,
    /// The account of the group; this one if left out.
    pub user_id: Option<String>,
}

/// A DB subnet group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DbSubnetGroup {
    /// Its name.
    #[serde(rename = "DBSubnetGroupName")]
    pub name: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Its subnets; all those of the VPC if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subnet_ids: Vec<String>,
}

/// A security group on a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct VpcSecurityGroupMembership {
    /// `sg-…`
    pub vpc_security_group_id: String,
    /// `active`, `adding` or `removing`.
    #[serde(default = "active")]
    pub status: String,
}

fn active() -> String {
    "active".to_owned()
}

fn available() -> String {
    "available".to_owned()
}

/// A DB cluster.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DbClusterEntry {
    /// Its identifier, in lower case.
    #[serde(rename = "DBClusterIdentifier")]
    pub id: String,
    /// E.g. `aurora-postgresql`.
    pub engine: String,
    /// E.g. `provisioned`, or `serverless` for Aurora Serverless v1.
    pub engine_mode: Option<String>,
    /// The port it listens on.
    pub port: u16,
    /// Default `available`.
    #[serde(default = "available")]
    pub status: String,
    /// The name of its DB subnet group; left out for a cluster in no VPC.
    #[serde(rename = "DBSubnetGroup", default, skip_serializing_if = "String::is_empty")]
    pub subnet_group: String,
    /// Its security groups, which its instances share.
    #[serde(default)]
    pub vpc_security_groups: Vec<VpcSecurityGroupMembership>,
    /// Its instances, and which of them is its writer; without it, the first instance of the cluster in the file is.
    #[serde(rename = "DBClusterMembers", default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<DbClusterMemberEntry>,
    /// The global database it is in.
    pub global_cluster_identifier: Option<String>,
    /// Whether its Data API is on.
    pub http_endpoint_enabled: Option<bool>,
    /// Whether a Multi-AZ DB cluster has a public address; for Aurora, its instances report it.
    pub publicly_accessible: Option<bool>,
    /// False for a cluster that was created with express configuration, which is in no VPC.
    pub vpc_networking_enabled: Option<bool>,
    /// `standard` or `limitless`.
    pub cluster_scalability_type: Option<String>,
    /// Its writer endpoint.
    pub endpoint: Option<String>,
    /// The database that was made with it.
    pub database_name: Option<String>,
    /// The id by which IAM names it.
    pub db_cluster_resource_id: Option<String>,
    /// Whether it takes IAM authentication.
    #[serde(rename = "IAMDatabaseAuthenticationEnabled")]
    pub iam_database_authentication_enabled: Option<bool>,
    /// The master user.
    pub master_username: Option<String>,
    /// The secret in which RDS keeps the master user's password.
    pub master_user_secret: Option<MasterUserSecret>,
    /// How it scales, where it is Aurora Serverless v2.
    #[serde(rename = "ServerlessV2ScalingConfiguration")]
    pub scaling: Option<ScalingEntry>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tag_list: Vec<Tag>,
}

/// An instance of a DB cluster, as the cluster names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DbClusterMemberEntry {
    /// The instance.
    #[serde(rename = "DBInstanceIdentifier")]
    pub id: String,
    /// Whether it is the writer; one is at most.
    #[serde(default)]
    pub is_cluster_writer: bool,
}

/// How an Aurora Serverless v2 cluster scales.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ScalingEntry {
    /// Aurora capacity units at least. With 0, instances pause when nobody is connected.
    pub min_capacity: Option<Number>,
    /// Aurora capacity units at most.
    pub max_capacity: Option<Number>,
    /// After how many seconds without a connection they pause.
    pub seconds_until_auto_pause: Option<u32>,
}

/// The secret in which RDS keeps a master user's password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct MasterUserSecret {
    /// Its ARN.
    pub secret_arn: String,
}

/// A DB instance.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DbInstanceEntry {
    /// Its identifier, in lower case.
    #[serde(rename = "DBInstanceIdentifier")]
    pub id: String,
    /// E.g. `postgres`.
    pub engine: String,
    /// The port it listens on; left out while it is being created.
    pub port: Option<u16>,
    /// Default `available`.
    #[serde(rename = "DBInstanceStatus", default = "available")]
    pub status: String,
    /// E.g. `eu-central-1a`.
    pub availability_zone: Option<String>,
    /// Whether it has a public address.
    pub publicly_accessible: Option<bool>,
    /// The name of its DB subnet group; left out for a member of a cluster in no VPC.
    #[serde(rename = "DBSubnetGroup", default, skip_serializing_if = "String::is_empty")]
    pub subnet_group: String,
    /// The cluster that it is a member of.
    #[serde(rename = "DBClusterIdentifier")]
    pub cluster: Option<String>,
    /// Its security groups; a cluster's member has those of the cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vpc_security_groups: Vec<VpcSecurityGroupMembership>,
    /// Its host name.
    pub endpoint: Option<String>,
    /// The database that was made with it.
    #[serde(rename = "DBName")]
    pub db_name: Option<String>,
    /// The id by which IAM names it.
    pub dbi_resource_id: Option<String>,
    /// Whether it takes IAM authentication.
    #[serde(rename = "IAMDatabaseAuthenticationEnabled")]
    pub iam_database_authentication_enabled: Option<bool>,
    /// The master user.
    pub master_username: Option<String>,
    /// The secret in which RDS keeps the master user's password.
    pub master_user_secret: Option<MasterUserSecret>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tag_list: Vec<Tag>,
}

/// An RDS Proxy. The health of its target follows from the groups.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DbProxyEntry {
    /// Its name.
    #[serde(rename = "DBProxyName")]
    pub name: String,
    /// `MYSQL`, `POSTGRESQL` or `SQLSERVER`.
    pub engine_family: String,
    /// Default `available`.
    #[serde(default = "available")]
    pub status: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Its subnets; all those of its VPC if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vpc_subnet_ids: Vec<String>,
    /// Its security groups.
    #[serde(default)]
    pub vpc_security_group_ids: Vec<String>,
    /// The database that it is for.
    pub target: Option<ProxyTargetEntry>,
    /// The role that RDS assumes for it.
    pub role_arn: Option<String>,
    /// The secrets with which it logs in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secret_arns: Vec<String>,
    /// `REQUIRED`, `DISABLED` (so if left out) or `ENABLED`: whether clients use IAM.
    #[serde(rename = "IAMAuth")]
    pub iam_auth: Option<String>,
    /// Whether clients must use TLS. Default true.
    #[serde(rename = "RequireTLS")]
    pub require_tls: Option<bool>,
    /// Whether it logs SQL statements. Default false.
    pub debug_logging: Option<bool>,
    /// How it logs in, as RDS describes it. Left out, it is one entry for each secret with `IAMAuth`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auth: Vec<ProxyAuthEntry>,
    /// After how many seconds it closes a client's idle connection. Default 1800.
    pub idle_client_timeout: Option<u32>,
    /// `IPV4`, `IPV6` or `DUAL`.
    pub endpoint_network_type: Option<String>,
    /// `IPV4` or `IPV6`.
    pub target_connection_network_type: Option<String>,
    /// How it keeps connections to its database; as RDS makes it if left out.
    pub connection_pool_config: Option<ConnectionPoolEntry>,
    /// The ARN of its default target group, if it does not follow from the name.
    pub target_group_arn: Option<String>,
    /// Its ARN, if it does not follow from the name.
    #[serde(rename = "DBProxyArn")]
    pub arn: Option<String>,
    /// Its host name, if it does not follow from the name.
    pub endpoint: Option<String>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

impl DbProxyEntry {
    /// The secrets with which it logs in. Where only `Auth` names them, as in the answer of RDS, those.
    pub fn secrets(&self) -> Vec<String> {
        if self.secret_arns.is_empty() {
            let named = self.auth.iter().filter_map(|auth| auth.secret_arn.clone());
            return named.collect();
        }
        self.secret_arns.clone()
    }

    /// Whether clients may, and whether they have to, use IAM. `Auth` says so for each login, and RDS in no other place;
    /// `IAMAuth` of the proxy itself counts where no login takes IAM, for a proxy that does so from end to end.
    pub fn iam(&self) -> (bool, bool) {
        let modes = || self.auth.iter().map(|auth| auth.iam_auth.as_deref());
        if modes().any(takes_iam) {
            return (true, modes().all(|mode| mode == Some("REQUIRED")));
        }
        let mode = self.iam_auth.as_deref();
        (takes_iam(mode), mode == Some("REQUIRED"))
    }
}

fn takes_iam(mode: Option<&str>) -> bool {
    matches!(mode, Some("REQUIRED" | "ENABLED"))
}

/// How a proxy logs in for one user.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ProxyAuthEntry {
    /// Free text.
    pub description: Option<String>,
    /// The user.
    pub user_name: Option<String>,
    /// `SECRETS`.
    pub auth_scheme: Option<String>,
    /// The secret; one of `SecretArns`.
    pub secret_arn: Option<String>,
    /// `REQUIRED`, `DISABLED` or `ENABLED`.
    #[serde(rename = "IAMAuth")]
    pub iam_auth: Option<String>,
    /// How clients' passwords are checked.
    pub client_password_auth_type: Option<String>,
}

/// How a proxy keeps connections to its database.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ConnectionPoolEntry {
    /// In seconds.
    pub connection_borrow_timeout: Option<u32>,
    /// SQL that each new connection begins with.
    pub init_query: Option<String>,
    /// Of the database's connections.
    pub max_connections_percent: Option<u32>,
    /// Of the database's connections.
    pub max_idle_connections_percent: Option<u32>,
    /// `EXCLUDE_VARIABLE_SETS`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub session_pinning_filters: Vec<String>,
}

/// The database of a proxy.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ProxyTargetEntry {
    /// `TRACKED_CLUSTER` or `RDS_INSTANCE`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// The identifier of the cluster or the instance.
    pub rds_resource_id: String,
    /// Whether it is `REGISTERING` still.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub registering: bool,
    /// A reason for which it is `UNAVAILABLE` that is none of the groups', such as `AUTH_FAILURE`.
    pub unavailable_reason: Option<String>,
}

/// A secret: what describes it, never what it holds.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SecretEntry {
    /// Its name.
    pub name: String,
    /// Its ARN, if it does not follow from the name.
    #[serde(rename = "ARN")]
    pub arn: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// The key that encrypts it, unless that is AWS's own.
    pub kms_key_id: Option<String>,
    /// When it was scheduled for deletion.
    pub deleted_date: Option<String>,
    /// Who else may read it: a policy document.
    pub resource_policy: Option<serde_json::Value>,
    /// The function that rotates it.
    #[serde(rename = "RotationLambdaARN")]
    pub rotation_lambda_arn: Option<String>,
    /// The service that manages it, such as `rds`.
    pub owning_service: Option<String>,
    /// The Regions that it is replicated to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replica_regions: Vec<String>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// A key of KMS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct KmsKeyEntry {
    /// Its id.
    pub key_id: String,
    /// `CUSTOMER` or `AWS`.
    pub key_manager: String,
    /// E.g. `alias/orders`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
}

/// An IAM role.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RoleEntry {
    /// Its name.
    pub role_name: String,
    /// Its path, `/` if left out.
    pub path: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// How long a session of it may last, in seconds. Default 3600.
    pub max_session_duration: Option<u32>,
    /// The policy that bounds what it may do: its ARN, or the object that `aws iam get-role` prints.
    #[serde(default, deserialize_with = "boundary")]
    #[schemars(with = "Option<BoundaryForm>")]
    pub permissions_boundary: Option<String>,
    /// Who may assume it: a policy document.
    pub assume_role_policy_document: serde_json::Value,
    /// Its own policies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<RolePolicy>,
    /// The ARNs of the policies attached to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attached_policies: Vec<String>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// The two forms of a permissions boundary.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum BoundaryForm {
    /// Its ARN.
    Arn(String),
    /// As `aws iam get-role` prints it.
    #[serde(rename_all = "PascalCase")]
    Described {
        /// Always `Policy`.
        #[serde(rename = "PermissionsBoundaryType")]
        _kind: Option<String>,
        /// The ARN of the policy.
        permissions_boundary_arn: String,
    },
}

fn boundary<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let form = Option::<BoundaryForm>::deserialize(deserializer)?;
    Ok(form.map(|form| match form {
        BoundaryForm::Arn(arn)
        | BoundaryForm::Described {
            permissions_boundary_arn: arn,
            ..
        } => arn,
    }))
}

/// A policy of a role's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RolePolicy {
    /// Its name.
    pub policy_name: String,
    /// What it allows.
    pub policy_document: serde_json::Value,
}

/// A Lambda function. Of its environment only what `--set-env` writes has a place here.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct FunctionEntry {
    /// Its name.
    pub function_name: String,
    /// Where it is attached; left out, or with empty lists as Lambda shows it, for a function in no VPC.
    #[serde(default, deserialize_with = "attached")]
    pub vpc_config: Option<VpcConfig>,
    /// Default `Active`.
    #[serde(default = "function_active")]
    pub state: String,
    /// Why it is in that state.
    pub state_reason: Option<String>,
    /// The code of that reason, such as `EniLimitExceeded`.
    pub state_reason_code: Option<String>,
    /// Default `Successful`.
    #[serde(default = "update_successful")]
    pub last_update_status: String,
    /// Why the last update failed.
    pub last_update_status_reason: Option<String>,
    /// The code of that reason.
    pub last_update_status_reason_code: Option<String>,
    /// Changes with each update.
    pub revision_id: Option<String>,
    /// The ARN of its execution role.
    pub role: Option<String>,
    /// E.g. `nodejs24.x`.
    pub runtime: Option<String>,
    /// E.g. `index.handler`.
    pub handler: Option<String>,
    /// The hash of its code.
    pub code_sha256: Option<String>,
    /// For how many seconds an invocation may run; if left out, it is not known.
    pub timeout: Option<u32>,
    /// The capacity provider on whose instances it runs; left out for most functions.
    pub capacity_provider_config: Option<CapacityProviderConfig>,
    /// Its published versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<FunctionVersionEntry>,
    /// Its aliases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<AliasEntry>,
    /// Variables of its environment. Nothing secret belongs here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// The capacity provider of a function (Lambda Managed Instances).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CapacityProviderConfig {
    /// The provider, and how the function uses it.
    pub lambda_managed_instances_capacity_provider_config: ManagedInstances,
}

/// The instances on which a function runs.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ManagedInstances {
    /// The ARN of the capacity provider.
    pub capacity_provider_arn: String,
    /// How many execution environments run at once on an instance. No command depends on it.
    pub per_execution_environment_max_concurrency: Option<u32>,
    /// How much memory there is for each virtual CPU. No command depends on it.
    #[serde(rename = "ExecutionEnvironmentMemoryGiBPerVCpu")]
    pub memory_per_cpu: Option<Number>,
}

fn function_active() -> String {
    FunctionState::Active.as_api().to_owned()
}

fn update_successful() -> String {
    "Successful".to_owned()
}

/// A function's attachment to a VPC, whose VPC follows from its subnets.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct VpcConfig {
    /// Its subnets, at least one.
    pub subnet_ids: Vec<String>,
    /// Its security groups.
    pub security_group_ids: Vec<String>,
    /// Whether it may send over IPv6.
    pub ipv6_allowed_for_dual_stack: Option<bool>,
}

/// Lambda shows a function that was detached with empty lists.
fn attached<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<VpcConfig>, D::Error> {
    let config = Option::<VpcConfig>::deserialize(deserializer)?;
    Ok(config.filter(|config| !config.subnet_ids.is_empty() || !config.security_group_ids.is_empty()))
}

impl IpPermission {
    /// The rules that this permission stands for, one a target.
    pub fn rules(&self) -> impl Iterator<Item = Rule> + '_ {
        let groups = self
            .user_id_group_pairs
            .iter()
            .map(|pair| (Peer::Group(pair.group_id.as_str().into()), &pair.description));
        let ipv4 = self
            .ip_ranges
            .iter()
            .map(|range| (Peer::Cidr(range.cidr_ip.clone()), &range.description));
        let ipv6 = self
            .ipv6_ranges
            .iter()
            .map(|range| (Peer::Cidr(range.cidr_ipv6.clone()), &range.description));
        let lists = self
            .prefix_list_ids
            .iter()
            .map(|list| (Peer::PrefixList(list.prefix_list_id.clone()), &list.description));
        groups
            .chain(ipv4)
            .chain(ipv6)
            .chain(lists)
            .map(|(peer, description)| Rule {
                protocol: Protocol::from_api(&self.ip_protocol),
                ports: self
                    .from_port
                    .zip(self.to_port)
                    .map(|(from, to)| PortRange { from, to }),
                peer,
                description: description.clone(),
            })
    }

    /// The permission that stands for just this rule.
    pub fn from_rule(rule: &Rule) -> Self {
        let mut permission = Self {
            ip_protocol: rule.protocol.as_api().to_owned(),
            from_port: rule.ports.map(|ports| ports.from),
            to_port: rule.ports.map(|ports| ports.to),
            user_id_group_pairs: Vec::new(),
            ip_ranges: Vec::new(),
            ipv6_ranges: Vec::new(),
            prefix_list_ids: Vec::new(),
        };
        let description = rule.description.clone();
        match &rule.peer {
            Peer::Group(id) => permission.user_id_group_pairs.push(UserIdGroupPair {
                group_id: id.to_string(),
                user_id: None,
                description,
            }),
            Peer::Cidr(cidr) if cidr.contains(':') => permission.ipv6_ranges.push(Ipv6Range {
                cidr_ipv6: cidr.clone(),
                description,
            }),
            Peer::Cidr(cidr) => permission.ip_ranges.push(IpRange {
                cidr_ip: cidr.clone(),
                description,
            }),
            Peer::PrefixList(id) => permission.prefix_list_ids.push(PrefixListId {
                prefix_list_id: id.clone(),
                description,
            }),
        }
        permission
    }
}

impl SecurityGroupEntry {
    /// The group as the rest of the program knows it.
    pub fn to_model(&self) -> SecurityGroup {
        SecurityGroup {
            id: self.group_id.as_str().into(),
            name: self.group_name.clone(),
            vpc: self.vpc_id.as_str().into(),
            owner: None,
            description: self.description.clone(),
            ingress: self.ip_permissions.iter().flat_map(IpPermission::rules).collect(),
            egress: self
                .ip_permissions_egress
                .iter()
                .flat_map(IpPermission::rules)
                .collect(),
            tags: self
                .tags
                .iter()
                .map(|tag| (tag.key.clone(), tag.value.clone()))
                .collect(),
        }
    }
}

impl FunctionEntry {
    /// Whether an update of it, or its creation, is under way.
    pub fn is_busy(&self) -> bool {
        LastUpdateStatus::from_api(&self.last_update_status) == LastUpdateStatus::InProgress
            || FunctionState::from_api(&self.state) == FunctionState::Pending
    }
}
