//! The network of an account's VPCs, as EC2 describes it.

use std::collections::BTreeMap;
use std::future::Future;

use ipnet::{IpNet, Ipv4Net};

use super::Answer;
use crate::model::network::{
    Address, EgressOnlyGateway, Endpoint, EndpointKind, EndpointService, Exclusion, Interface, InternetGateway,
    NatGateway, NetworkAcl, Peering, PublicAccess, Resolver, RouteTable, RouteTarget, Subnet, Vpc, VpcDns,
};
use crate::model::{
    EndpointId, GroupId, InterfaceId, InternetGatewayId, NatGatewayId, PeeringId, PrefixListId, RouteTableId,
    SecurityGroup, SubnetId, VpcId,
};

/// Reads what lies between two ends of a connection, and makes what is missing there. Most methods that read ask for
/// whole VPCs: what does not exist, or is another account's, is not among what comes back.
pub trait NetworkCloud: Sync {
    /// VPCs, without their DNS attributes.
    fn describe_vpcs(&self, ids: &[VpcId]) -> impl Future<Output = Answer<Vec<Vpc>>> + Send;
    /// The DNS attributes of a VPC.
    fn describe_vpc_dns(&self, id: &VpcId) -> impl Future<Output = Answer<VpcDns>> + Send;
    /// Who resolves names where these DHCP options count, by their ids.
    fn describe_dhcp_options(&self, ids: &[String]) -> impl Future<Output = Answer<BTreeMap<String, Resolver>>> + Send;
    /// The subnets of VPCs.
    fn describe_vpc_subnets(&self, vpcs: &[VpcId]) -> impl Future<Output = Answer<Vec<Subnet>>> + Send;
    /// The route tables of VPCs.
    fn describe_route_tables(&self, vpcs: &[VpcId]) -> impl Future<Output = Answer<Vec<RouteTable>>> + Send;
    /// The network ACLs of VPCs.
    fn describe_network_acls(&self, vpcs: &[VpcId]) -> impl Future<Output = Answer<Vec<NetworkAcl>>> + Send;
    /// The peering connections that these VPCs have a part in.
    fn describe_peerings(&self, vpcs: &[VpcId]) -> impl Future<Output = Answer<Vec<Peering>>> + Send;
    /// The internet gateways attached to VPCs.
    fn describe_internet_gateways(&self, vpcs: &[VpcId]) -> impl Future<Output = Answer<Vec<InternetGateway>>> + Send;
    /// The egress-only internet gateways attached to VPCs.
    fn describe_egress_only_gateways(
        &self,
        vpcs: &[VpcId],
    ) -> impl Future<Output = Answer<Vec<EgressOnlyGateway>>> + Send;
    /// The NAT gateways of VPCs.
    fn describe_nat_gateways(&self, vpcs: &[VpcId]) -> impl Future<Output = Answer<Vec<NatGateway>>> + Send;
    /// What the account has set for VPC Block Public Access.
    fn describe_public_access(&self) -> impl Future<Output = Answer<PublicAccess>> + Send;
    /// All exclusions from VPC Block Public Access.
    fn describe_public_access_exclusions(&self) -> impl Future<Output = Answer<Vec<Exclusion>>> + Send;
    /// The endpoints of VPCs.
    fn describe_vpc_endpoints(&self, vpcs: &[VpcId]) -> impl Future<Output = Answer<Vec<Endpoint>>> + Send;
    /// The services of AWS that endpoints can be for in the Region.
    fn describe_endpoint_services(&self) -> impl Future<Output = Answer<Vec<EndpointService>>> + Send;
    /// Network interfaces by their ids.
    fn describe_interfaces(&self, ids: &[InterfaceId]) -> impl Future<Output = Answer<Vec<Interface>>> + Send;
    /// The ranges of a prefix list.
    fn prefix_list_entries(&self, id: &PrefixListId) -> impl Future<Output = Answer<Vec<IpNet>>> + Send;
    /// Security groups by their ids.
    fn describe_groups(&self, ids: &[GroupId]) -> impl Future<Output = Answer<Vec<SecurityGroup>>> + Send;
    /// The security groups of a VPC with this name, in this case: one at most.
    fn describe_named_groups(&self, vpc: &VpcId, name: &str)
    -> impl Future<Output = Answer<Vec<SecurityGroup>>> + Send;
    /// The internet gateways with a tag, attached or not.
    fn describe_tagged_gateways(
        &self,
        key: &str,
        value: &str,
    ) -> impl Future<Output = Answer<Vec<InternetGateway>>> + Send;
    /// The elastic IP addresses with a tag.
    fn describe_tagged_addresses(&self, key: &str, value: &str) -> impl Future<Output = Answer<Vec<Address>>> + Send;

    /// Makes a subnet.
    fn create_subnet(&self, new: &NewSubnet) -> impl Future<Output = Answer<SubnetId>> + Send;
    /// Makes an internet gateway, which is attached to nothing.
    fn create_internet_gateway(&self, tags: &Tags) -> impl Future<Output = Answer<InternetGatewayId>> + Send;
    /// Attaches an internet gateway; [`Fault::Duplicate`] where it is attached.
    ///
    /// [`Fault::Duplicate`]: super::Fault::Duplicate
    fn attach_internet_gateway(
        &self,
        gateway: &InternetGatewayId,
        vpc: &VpcId,
    ) -> impl Future<Output = Answer<()>> + Send;
    /// Allocates an elastic IP address: its `AllocationId`.
    fn allocate_address(&self, tags: &Tags) -> impl Future<Output = Answer<String>> + Send;
    /// Makes a public NAT gateway.
    fn create_nat_gateway(
        &self,
        subnet: &SubnetId,
        allocation: &str,
        tags: &Tags,
    ) -> impl Future<Output = Answer<NatGatewayId>> + Send;
    /// Makes a route table.
    fn create_route_table(&self, vpc: &VpcId, tags: &Tags) -> impl Future<Output = Answer<RouteTableId>> + Send;
    /// Adds a route; [`Fault::Duplicate`] where the table has one for this destination.
    ///
    /// [`Fault::Duplicate`]: super::Fault::Duplicate
    fn create_route(
        &self,
        table: &RouteTableId,
        destination: IpNet,
        target: &RouteTarget,
    ) -> impl Future<Output = Answer<()>> + Send;
    /// Leads a route that is there elsewhere.
    fn replace_route(
        &self,
        table: &RouteTableId,
        destination: IpNet,
        target: &RouteTarget,
    ) -> impl Future<Output = Answer<()>> + Send;
    /// Gives a subnet a route table of its own; [`Fault::Duplicate`] where it has one.
    ///
    /// [`Fault::Duplicate`]: super::Fault::Duplicate
    fn associate_route_table(&self, table: &RouteTableId, subnet: &SubnetId)
    -> impl Future<Output = Answer<()>> + Send;
    /// Gives the subnet of an association another route table.
    fn replace_route_table_association(
        &self,
        association: &str,
        table: &RouteTableId,
    ) -> impl Future<Output = Answer<()>> + Send;
    /// Makes a VPC endpoint.
    fn create_vpc_endpoint(&self, new: &NewEndpoint) -> impl Future<Output = Answer<EndpointId>> + Send;
    /// Changes a VPC endpoint.
    fn modify_vpc_endpoint(&self, id: &EndpointId, change: &EndpointChange) -> impl Future<Output = Answer<()>> + Send;
    /// Lets names resolve to private addresses for the other side: on the requester's side, on the accepter's, or both.
    fn allow_peering_dns(
        &self,
        id: &PeeringId,
        requester: bool,
        accepter: bool,
    ) -> impl Future<Output = Answer<()>> + Send;
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
