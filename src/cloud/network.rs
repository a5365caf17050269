//! The network of an account's VPCs, as EC2 describes it.

use std::future::Future;

use ipnet::IpNet;

use super::Answer;
use crate::model::network::{
    EgressOnlyGateway, Endpoint, Interface, InternetGateway, NatGateway, NetworkAcl, Peering, RouteTable, Subnet, Vpc,
    VpcDns,
};
use crate::model::{GroupId, InterfaceId, PrefixListId, SecurityGroup, VpcId};

/// Reads what lies between two ends of a connection. Each method asks for whole VPCs: what does not exist, or is
/// another account's, is not among what comes back.
pub trait NetworkCloud: Sync {
    /// VPCs, without their DNS attributes.
    fn describe_vpcs(&self, ids: &[VpcId]) -> impl Future<Output = Answer<Vec<Vpc>>> + Send;
    /// The DNS attributes of a VPC.
    fn describe_vpc_dns(&self, id: &VpcId) -> impl Future<Output = Answer<VpcDns>> + Send;
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
    /// The endpoints of VPCs.
    fn describe_vpc_endpoints(&self, vpcs: &[VpcId]) -> impl Future<Output = Answer<Vec<Endpoint>>> + Send;
    /// Network interfaces by their ids.
    fn describe_interfaces(&self, ids: &[InterfaceId]) -> impl Future<Output = Answer<Vec<Interface>>> + Send;
    /// The ranges of a prefix list.
    fn prefix_list_entries(&self, id: &PrefixListId) -> impl Future<Output = Answer<Vec<IpNet>>> + Send;
    /// Security groups by their ids.
    fn describe_groups(&self, ids: &[GroupId]) -> impl Future<Output = Answer<Vec<SecurityGroup>>> + Send;
}
