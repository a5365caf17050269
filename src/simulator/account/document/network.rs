//! The network in an account's file, as `aws ec2 describe-…` prints it. What is left out has the defaults of AWS:
//! see [`crate::account`]'s `network`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::Tag;

/// A range of a VPC.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CidrBlock {
    /// E.g. `10.1.0.0/16`.
    pub cidr_block: String,
    /// Whether it counts; `associated` if left out.
    pub cidr_block_state: Option<CidrBlockState>,
}

/// The state of a range's association.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CidrBlockState {
    /// `associated`, `associating`, `disassociated`, …
    pub state: String,
}

/// The DHCP options of VPCs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DhcpOptionsEntry {
    /// `dopt-…`
    pub dhcp_options_id: String,
    /// The options.
    #[serde(default)]
    pub dhcp_configurations: Vec<DhcpConfiguration>,
}

/// A DHCP option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DhcpConfiguration {
    /// E.g. `domain-name-servers`, the only one that counts here.
    pub key: String,
    /// E.g. `AmazonProvidedDNS`, or the addresses of other servers.
    #[serde(default)]
    pub values: Vec<DhcpValue>,
}

/// A value of a DHCP option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DhcpValue {
    /// The value.
    pub value: String,
}

/// An IPv6 range of a VPC or a subnet.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Ipv6CidrBlock {
    /// E.g. `2001:db8::/56`.
    pub ipv6_cidr_block: String,
    /// Whether it counts; `associated` if left out.
    pub ipv6_cidr_block_state: Option<CidrBlockState>,
}

/// A route table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RouteTableEntry {
    /// `rtb-…`
    pub route_table_id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// What it is the table of.
    #[serde(default)]
    pub associations: Vec<RouteTableAssociation>,
    /// Its routes; those to the VPC's own ranges need not be named.
    #[serde(default)]
    pub routes: Vec<RouteEntry>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// What a route table is the table of: a subnet, or as the main one every subnet with no other.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RouteTableAssociation {
    /// `rtbassoc-…`
    pub route_table_association_id: Option<String>,
    /// Whether it is the VPC's main table.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub main: bool,
    /// The subnet.
    pub subnet_id: Option<String>,
}

/// A route: one destination and one target.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RouteEntry {
    /// Where to, an IPv4 range.
    pub destination_cidr_block: Option<String>,
    /// Where to, an IPv6 range.
    pub destination_ipv6_cidr_block: Option<String>,
    /// Where to, a prefix list.
    pub destination_prefix_list_id: Option<String>,
    /// `local`, an internet gateway, a virtual private gateway or a VPC endpoint.
    pub gateway_id: Option<String>,
    /// A NAT gateway.
    pub nat_gateway_id: Option<String>,
    /// A peering connection.
    pub vpc_peering_connection_id: Option<String>,
    /// A transit gateway.
    pub transit_gateway_id: Option<String>,
    /// An egress-only internet gateway.
    pub egress_only_internet_gateway_id: Option<String>,
    /// A network interface, of a NAT instance say.
    pub network_interface_id: Option<String>,
    /// `active`, `blackhole` or another state. Default `active`.
    #[serde(default = "active", skip_serializing_if = "is_active")]
    pub state: String,
    /// `CreateRoute`, `CreateRouteTable`, `EnableVgwRoutePropagation` or another origin.
    pub origin: Option<String>,
}

fn active() -> String {
    "active".to_owned()
}

fn is_active(state: &str) -> bool {
    state == "active"
}

/// A network ACL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct NetworkAclEntry {
    /// `acl-…`
    pub network_acl_id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Whether it is that of every subnet with no other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_default: bool,
    /// The subnets that it is the ACL of.
    #[serde(default)]
    pub associations: Vec<NetworkAclAssociation>,
    /// Its entries; the last one, which denies what is left, need not be named.
    #[serde(default)]
    pub entries: Vec<AclRule>,
}

/// A subnet's association with a network ACL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct NetworkAclAssociation {
    /// The subnet.
    pub subnet_id: String,
}

/// An entry of a network ACL.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AclRule {
    /// 1 to 32766; 32767 is the last one, `*`.
    pub rule_number: u16,
    /// A protocol's number, or `-1` for all.
    pub protocol: String,
    /// `allow` or `deny`.
    pub rule_action: String,
    /// Whether it is for outbound traffic.
    pub egress: bool,
    /// The other end, an IPv4 range.
    pub cidr_block: Option<String>,
    /// The other end, an IPv6 range.
    pub ipv6_cidr_block: Option<String>,
    /// The ports of TCP and UDP; left out for all.
    pub port_range: Option<AclPorts>,
}

/// Ports, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AclPorts {
    /// The first.
    pub from: u16,
    /// The last.
    pub to: u16,
}

/// A VPC peering connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PeeringEntry {
    /// `pcx-…`
    pub vpc_peering_connection_id: String,
    /// Its status; `active` if left out.
    #[serde(default = "PeeringStatus::active")]
    pub status: PeeringStatus,
    /// The side that asked for it.
    pub requester_vpc_info: PeeringVpcInfo,
    /// The side that accepted it.
    pub accepter_vpc_info: PeeringVpcInfo,
}

/// The status of a peering connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PeeringStatus {
    /// `active`, `pending-acceptance`, `expired`, …
    pub code: String,
}

impl PeeringStatus {
    fn active() -> Self {
        Self { code: active() }
    }
}

/// A side of a peering connection.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PeeringVpcInfo {
    /// The VPC.
    pub vpc_id: String,
    /// The account that owns it; this one if left out.
    pub owner_id: Option<String>,
    /// Its Region; this one if left out.
    pub region: Option<String>,
    /// Its IPv4 ranges; those of the VPC in this file if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cidr_block_set: Vec<CidrBlock>,
    /// Its IPv6 ranges, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ipv6_cidr_block_set: Vec<Ipv6CidrBlock>,
    /// Its options.
    pub peering_options: Option<PeeringOptions>,
}

/// The options of a side of a peering connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PeeringOptions {
    /// Whether names of this side resolve to private addresses for the other.
    pub allow_dns_resolution_from_remote_vpc: bool,
}

/// An internet gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct InternetGatewayEntry {
    /// `igw-…`
    pub internet_gateway_id: String,
    /// The VPC that it is attached to.
    #[serde(default)]
    pub attachments: Vec<GatewayAttachment>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// An egress-only internet gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct EgressOnlyGatewayEntry {
    /// `eigw-…`
    pub egress_only_internet_gateway_id: String,
    /// The VPC that it is attached to.
    #[serde(default)]
    pub attachments: Vec<GatewayAttachment>,
}

/// A gateway's attachment to a VPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GatewayAttachment {
    /// The VPC.
    pub vpc_id: String,
    /// `available` or `attached`.
    #[serde(default = "available")]
    pub state: String,
}

fn available() -> String {
    "available".to_owned()
}

/// A NAT gateway.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct NatGatewayEntry {
    /// `nat-…`
    pub nat_gateway_id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Its subnet; left out for a regional one.
    pub subnet_id: Option<String>,
    /// `zonal` or `regional`. Default `zonal`.
    pub availability_mode: Option<String>,
    /// The route table of a regional one.
    pub route_table_id: Option<String>,
    /// `pending`, `available`, `failed`, `deleting` or `deleted`. Default `available`.
    #[serde(default = "available")]
    pub state: String,
    /// Why it failed.
    pub failure_message: Option<String>,
    /// `public` or `private`. Default `public`.
    #[serde(default = "public")]
    pub connectivity_type: String,
    /// Its addresses.
    #[serde(default)]
    pub nat_gateway_addresses: Vec<NatGatewayAddress>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

fn public() -> String {
    "public".to_owned()
}

/// An address of a NAT gateway.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct NatGatewayAddress {
    /// The elastic IP address that it is.
    pub allocation_id: Option<String>,
    /// The public address.
    pub public_ip: Option<String>,
}

/// What the account has set for VPC Block Public Access.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PublicAccessOptions {
    /// `off`, `block-bidirectional` or `block-ingress`; `not-read` where it could not be read.
    pub internet_gateway_block_mode: String,
    /// `default-state`, `update-in-progress` or `update-complete`.
    pub state: Option<String>,
    /// `allowed`, or `not-allowed` where an organization's policy forbids exclusions. Default `allowed`.
    pub exclusions_allowed: Option<String>,
}

/// An exclusion from VPC Block Public Access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ExclusionEntry {
    /// `vpcbpa-exclude-…`
    pub exclusion_id: String,
    /// The ARN of a VPC or a subnet.
    pub resource_arn: String,
    /// `allow-bidirectional` or `allow-egress`.
    pub internet_gateway_exclusion_mode: String,
    /// `create-complete`, `update-complete`, `delete-in-progress`, … Default `create-complete`.
    #[serde(default = "create_complete")]
    pub state: String,
}

fn create_complete() -> String {
    "create-complete".to_owned()
}

/// A service that VPC endpoints can be for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct EndpointServiceEntry {
    /// E.g. `com.amazonaws.eu-central-1.sts`.
    pub service_name: String,
    /// Of which kinds its endpoints can be.
    #[serde(default)]
    pub service_type: Vec<ServiceTypeEntry>,
    /// The Availability Zones in which it is; all if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub availability_zones: Vec<String>,
    /// The names that private DNS leads to an endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub private_dns_names: Vec<PrivateDnsNameEntry>,
}

/// A kind of endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ServiceTypeEntry {
    /// `Interface`, `Gateway` or another one.
    pub service_type: String,
}

/// A name that private DNS leads to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PrivateDnsNameEntry {
    /// E.g. `sts.eu-central-1.amazonaws.com`.
    pub private_dns_name: String,
}

/// A VPC endpoint.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct EndpointEntry {
    /// `vpce-…`
    pub vpc_endpoint_id: String,
    /// `Interface` or `Gateway`.
    pub vpc_endpoint_type: String,
    /// Its VPC.
    pub vpc_id: String,
    /// E.g. `com.amazonaws.eu-central-1.secretsmanager`.
    pub service_name: String,
    /// `available`, `pending`, … Default `available`.
    #[serde(default = "available")]
    pub state: String,
    /// The subnets of an interface endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subnet_ids: Vec<String>,
    /// The groups of an interface endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupIdentifier>,
    /// The route tables of a gateway endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub route_table_ids: Vec<String>,
    /// Whether the service's own name leads to it.
    #[serde(default)]
    pub private_dns_enabled: bool,
    /// Its DNS options; if left out, they are not known.
    pub dns_options: Option<DnsOptions>,
    /// Its policy, as JSON in a string; full access if left out.
    pub policy_document: Option<String>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// The DNS options of an endpoint.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DnsOptions {
    /// The kind of addresses that its names lead to, such as `ipv4`. No check depends on it.
    pub dns_record_ip_type: Option<String>,
    /// Whether private DNS answers only what comes in through an inbound endpoint of Route 53 Resolver. Only services that
    /// have gateway endpoints too, such as `s3`, know this option. Default `false`.
    pub private_dns_only_for_inbound_resolver_endpoint: Option<bool>,
}

/// A security group of an endpoint or of a network interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GroupIdentifier {
    /// `sg-…`
    pub group_id: String,
}

/// A prefix list with its entries.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PrefixListEntry {
    /// `pl-…`
    pub prefix_list_id: String,
    /// Its name.
    pub prefix_list_name: Option<String>,
    /// Its ranges.
    pub entries: Vec<PrefixListRange>,
}

/// A range of a prefix list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PrefixListRange {
    /// E.g. `10.0.0.0/16`.
    pub cidr: String,
}

/// A network interface that a route leads to, or that has security groups besides those of functions, databases and
/// proxies, which report theirs themselves.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct InterfaceEntry {
    /// `eni-…`
    pub network_interface_id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Its subnet.
    pub subnet_id: String,
    /// Whether it drops what is not its own. Default true, as EC2's.
    #[serde(default = "yes")]
    pub source_dest_check: bool,
    /// `in-use`, `available`, … Default `in-use`.
    #[serde(default = "in_use")]
    pub status: String,
    /// Its public address.
    pub public_ip: Option<String>,
    /// What it says of itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Its security groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupIdentifier>,
}

fn yes() -> bool {
    true
}

fn in_use() -> String {
    "in-use".to_owned()
}

/// An elastic IP address.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AddressEntry {
    /// `eipalloc-…`
    pub allocation_id: String,
    /// The address.
    pub public_ip: String,
    /// What it is associated with.
    pub association_id: Option<String>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// A policy of IAM's that roles can be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ManagedPolicy {
    /// Its ARN.
    pub arn: String,
    /// What it allows.
    pub policy_document: serde_json::Value,
}
