//! The network of an account's VPCs, as EC2 describes it.

use std::collections::BTreeMap;

use ipnet::{IpNet, Ipv4Net};

use super::{Answer, Listed, NewSecurityGroup};
use crate::model::network::{
    Address, EgressOnlyGateway, Endpoint, EndpointKind, EndpointService, Exclusion, Interface, InternetGateway,
    NatGateway, NetworkAcl, Peering, PublicAccess, Resolver, RouteTable, RouteTarget, Vpc, VpcDns,
};
use crate::model::{
    self, DescribedRule, Direction, EndpointId, GroupId, InterfaceId, InternetGatewayId, NatGatewayId, PeeringId,
    PrefixListId, RouteTableId, Rule, SecurityGroup, SubnetId, VpcId,
};

/// Reads security groups and what else lies between two ends of a connection, and makes what is missing there. Most methods that read ask for
/// whole VPCs: what does not exist, or is another account's, is not among what comes back.
#[async_trait::async_trait]
pub trait NetworkCloud: Sync {
    /// VPCs, without their DNS attributes.
    async fn describe_vpcs(&self, ids: &[VpcId]) -> Answer<Vec<Vpc>>;
    /// The DNS attributes of a VPC.
    async fn describe_vpc_dns(&self, id: &VpcId) -> Answer<VpcDns>;
    /// Who resolves names where these DHCP options count, by their ids.
    async fn describe_dhcp_options(&self, ids: &[String]) -> Answer<BTreeMap<String, Resolver>>;
    /// Security groups, a page at a time.
    async fn describe_security_groups(&self, which: GroupFilter<'_>, from: Option<String>) -> Listed<SecurityGroup>;
    /// The rules of groups, a page at a time.
    async fn describe_security_group_rules(&self, groups: &[GroupId], from: Option<String>) -> Listed<DescribedRule>;
    /// Subnets, a page at a time.
    async fn describe_subnets(&self, which: SubnetFilter<'_>, from: Option<String>) -> Listed<DescribedSubnet>;
    /// The route tables of VPCs.
    async fn describe_route_tables(&self, vpcs: &[VpcId]) -> Answer<Vec<RouteTable>>;
    /// The network ACLs of VPCs.
    async fn describe_network_acls(&self, vpcs: &[VpcId]) -> Answer<Vec<NetworkAcl>>;
    /// The peering connections that these VPCs have a part in.
    async fn describe_peerings(&self, vpcs: &[VpcId]) -> Answer<Vec<Peering>>;
    /// Internet gateways.
    async fn describe_internet_gateways(&self, which: GatewayFilter<'_>) -> Answer<Vec<InternetGateway>>;
    /// The egress-only internet gateways attached to VPCs.
    async fn describe_egress_only_gateways(&self, vpcs: &[VpcId]) -> Answer<Vec<EgressOnlyGateway>>;
    /// The NAT gateways of VPCs.
    async fn describe_nat_gateways(&self, vpcs: &[VpcId]) -> Answer<Vec<NatGateway>>;
    /// What the account has set for VPC Block Public Access.
    async fn describe_public_access(&self) -> Answer<PublicAccess>;
    /// All exclusions from VPC Block Public Access.
    async fn describe_public_access_exclusions(&self) -> Answer<Vec<Exclusion>>;
    /// The endpoints of VPCs.
    async fn describe_vpc_endpoints(&self, vpcs: &[VpcId]) -> Answer<Vec<Endpoint>>;
    /// The services of AWS that endpoints can be for in the Region.
    async fn describe_endpoint_services(&self) -> Answer<Vec<EndpointService>>;
    /// Network interfaces.
    async fn describe_network_interfaces(&self, which: InterfaceFilter<'_>) -> Answer<Vec<DescribedInterface>>;
    /// The ranges of a prefix list.
    async fn prefix_list_entries(&self, id: &PrefixListId) -> Answer<Vec<IpNet>>;
    /// The elastic IP addresses with a tag.
    async fn describe_tagged_addresses(&self, key: &str, value: &str) -> Answer<Vec<Address>>;

    /// Makes a subnet.
    async fn create_subnet(&self, new: &NewSubnet) -> Answer<SubnetId>;
    /// Makes an internet gateway, which is attached to nothing.
    async fn create_internet_gateway(&self, tags: &Tags) -> Answer<InternetGatewayId>;
    /// Attaches an internet gateway; [`Fault::Duplicate`] where it is attached.
    ///
    /// [`Fault::Duplicate`]: super::Fault::Duplicate
    async fn attach_internet_gateway(&self, gateway: &InternetGatewayId, vpc: &VpcId) -> Answer<()>;
    /// Allocates an elastic IP address: its `AllocationId`.
    async fn allocate_address(&self, tags: &Tags) -> Answer<String>;
    /// Makes a public NAT gateway.
    async fn create_nat_gateway(&self, subnet: &SubnetId, allocation: &str, tags: &Tags) -> Answer<NatGatewayId>;
    /// Makes a route table.
    async fn create_route_table(&self, vpc: &VpcId, tags: &Tags) -> Answer<RouteTableId>;
    /// Adds a route; [`Fault::Duplicate`] where the table has one for this destination.
    ///
    /// [`Fault::Duplicate`]: super::Fault::Duplicate
    async fn create_route(&self, table: &RouteTableId, destination: IpNet, target: &RouteTarget) -> Answer<()>;
    /// Leads a route that is there elsewhere.
    async fn replace_route(&self, table: &RouteTableId, destination: IpNet, target: &RouteTarget) -> Answer<()>;
    /// Gives a subnet a route table of its own; [`Fault::Duplicate`] where it has one.
    ///
    /// [`Fault::Duplicate`]: super::Fault::Duplicate
    async fn associate_route_table(&self, table: &RouteTableId, subnet: &SubnetId) -> Answer<()>;
    /// Gives the subnet of an association another route table.
    async fn replace_route_table_association(&self, association: &str, table: &RouteTableId) -> Answer<()>;
    /// Makes a VPC endpoint.
    async fn create_vpc_endpoint(&self, new: &NewEndpoint) -> Answer<EndpointId>;
    /// Changes a VPC endpoint.
    async fn modify_vpc_endpoint(&self, id: &EndpointId, change: &EndpointChange) -> Answer<()>;
    /// Lets names resolve to private addresses for the other side: on the requester's side, on the accepter's, or both.
    async fn allow_peering_dns(&self, id: &PeeringId, requester: bool, accepter: bool) -> Answer<()>;
    /// Creates a group; [`super::Fault::Duplicate`] where its name is taken.
    async fn create_security_group(&self, new: &NewSecurityGroup) -> Answer<GroupId>;
    /// Takes rules out of a group.
    async fn revoke_security_group(&self, group: &GroupId, direction: Direction, rules: &[Rule]) -> Answer<()>;
    /// Adds a rule to a group; [`super::Fault::Duplicate`] where it is there already.
    async fn authorize_security_group(&self, group: &GroupId, direction: Direction, rule: &Rule) -> Answer<()>;
    /// Gives a tag to groups, in place of one with its key.
    async fn tag_groups(&self, groups: &[GroupId], key: &str, value: &str) -> Answer<()>;
    /// Takes a tag off groups; nothing changes where it is not there.
    async fn untag_groups(&self, groups: &[GroupId], key: &str) -> Answer<()>;
    /// Deletes a group; [`super::Fault::DependencyViolation`] where something still uses it.
    async fn delete_group(&self, group: &GroupId) -> Answer<()>;
}

/// Which security groups are read.
#[derive(Clone, Copy, Debug)]
pub enum GroupFilter<'a> {
    /// All.
    All,
    /// The one with this id; [`Fault::NotFound`] where there is none.
    ///
    /// [`Fault::NotFound`]: super::Fault::NotFound
    Id(&'a GroupId),
    /// Those with these ids, as far as they exist.
    Ids(&'a [GroupId]),
    /// Those of a VPC whose names follow the convention, in upper or lower case; others may be among them.
    OfConvention(&'a VpcId),
    /// Those of a VPC with these names, in this case: one at most of each.
    Named(&'a VpcId, &'a [&'a str]),
    /// Those with a rule of this direction that names one of these.
    Naming(&'a [GroupId], Direction),
    /// Those with this tag.
    Tagged(&'a str, &'a str),
}

/// Which subnets are read.
#[derive(Clone, Copy, Debug)]
pub enum SubnetFilter<'a> {
    /// All.
    All,
    /// Those with these ids; [`Fault::NotFound`] where one does not exist.
    ///
    /// [`Fault::NotFound`]: super::Fault::NotFound
    Ids(&'a [SubnetId]),
    /// Those of VPCs.
    OfVpcs(&'a [VpcId]),
}

/// Which internet gateways are read.
#[derive(Clone, Copy, Debug)]
pub enum GatewayFilter<'a> {
    /// Those attached to VPCs.
    AttachedTo(&'a [VpcId]),
    /// Those with this tag, attached or not.
    Tagged(&'a str, &'a str),
}

/// Which network interfaces are read.
#[derive(Clone, Copy, Debug)]
pub enum InterfaceFilter<'a> {
    /// Those with these ids, as far as they exist.
    Ids(&'a [InterfaceId]),
    /// Those that have one of these groups.
    WithGroups(&'a [GroupId]),
}

/// A subnet, as `DescribeSubnets` returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedSubnet {
    /// The subnet.
    pub subnet: model::Subnet,
    /// Its IPv4 range and its IPv6 ranges, in any state.
    pub ranges: Vec<IpNet>,
    /// Its ranges that are associated.
    pub cidrs: Vec<IpNet>,
    /// Ranges in a state that this program does not know, with it.
    pub doubtful_cidrs: Vec<(IpNet, String)>,
    /// Its tags.
    pub tags: Tags,
}

/// A network interface, as `DescribeNetworkInterfaces` returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedInterface {
    /// The interface.
    pub interface: Interface,
    /// What it says of itself.
    pub description: String,
    /// Its groups.
    pub groups: Vec<GroupId>,
    /// Lambda or RDS made it: they report themselves whose it is.
    pub is_of_service: bool,
}

/// Tags from birth.
pub type Tags = BTreeMap<String, String>;

/// A subnet to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSubnet {
    /// Its VPC.
    pub vpc: VpcId,
    /// Its range.
    pub cidr: Ipv4Net,
    /// Its Availability Zone.
    pub zone: String,
    /// Its tags.
    pub tags: Tags,
}

/// A VPC endpoint to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEndpoint {
    /// Its VPC.
    pub vpc: VpcId,
    /// Its kind.
    pub kind: EndpointKind,
    /// E.g. `com.amazonaws.eu-central-1.sts`.
    pub service: String,
    /// The subnets of an interface endpoint.
    pub subnets: Vec<SubnetId>,
    /// The groups of an interface endpoint.
    pub groups: Vec<GroupId>,
    /// The route tables of a gateway endpoint.
    pub route_tables: Vec<RouteTableId>,
    /// Its policy document; none for full access.
    pub policy: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// What is changed of a VPC endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointChange {
    /// Subnets that it gets besides those it has.
    pub add_subnets: Vec<SubnetId>,
    /// Groups that it gets besides those it has.
    pub add_groups: Vec<GroupId>,
    /// Route tables that it gets besides those it has.
    pub add_route_tables: Vec<RouteTableId>,
    /// Whether the service's own name is to lead to it.
    pub private_dns: Option<bool>,
    /// A policy document in place of the one it has.
    pub policy: Option<String>,
}
