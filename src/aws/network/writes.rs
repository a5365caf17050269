//! Writes to a network: each one call of EC2.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::retry::RetryConfig;
use aws_sdk_ec2::config::{Builder, Config};
use aws_sdk_ec2::types::{
    ConnectivityType, DnsOptionsSpecification, DomainType, PeeringConnectionOptionsRequest, ResourceType, Tag,
    TagSpecification, VpcEndpointType,
};
use ipnet::IpNet;

use super::{done, fault, incomplete};
use crate::cloud::{Answer, CloudError, EndpointChange, Fault, NewEndpoint, NewSubnet, Operation, Tags};
use crate::model::network::{EndpointKind, RouteTarget, has_gateway};
use crate::model::{EndpointId, InternetGatewayId, NatGatewayId, PeeringId, RouteTableId, SubnetId, VpcId};

fn tagged(kind: ResourceType, tags: &Tags) -> TagSpecification {
    let tags = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build());
    TagSpecification::builder()
        .resource_type(kind)
        .set_tags(Some(tags.collect()))
        .build()
}

fn texts<T: ToString>(ids: &[T]) -> Option<Vec<String>> {
    (!ids.is_empty()).then(|| ids.iter().map(ToString::to_string).collect())
}

pub(super) async fn create_subnet(client: &Client, new: &NewSubnet) -> Answer<SubnetId> {
    let operation = Operation::CreateSubnet;
    let answer = client
        .create_subnet()
        .vpc_id(new.vpc.as_str())
        .cidr_block(new.cidr.to_string())
        .availability_zone(&new.zone)
        .tag_specifications(tagged(ResourceType::Subnet, &new.tags))
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    let id = answer.subnet.and_then(|subnet| subnet.subnet_id);
    Ok(id.ok_or_else(|| incomplete(operation, "SubnetId"))?.into())
}

/// What EC2 makes again for each request, without a token that identifies a repeated one, is asked for once: where no
/// answer comes, what was made is found by its tags. A second address would be charged.
fn once() -> Builder {
    Config::builder().retry_config(RetryConfig::disabled())
}

pub(super) async fn create_internet_gateway(client: &Client, tags: &Tags) -> Answer<InternetGatewayId> {
    let operation = Operation::CreateInternetGateway;
    let answer = client
        .create_internet_gateway()
        .tag_specifications(tagged(ResourceType::InternetGateway, tags))
        .customize()
        .config_override(once())
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    let id = answer.internet_gateway.and_then(|gateway| gateway.internet_gateway_id);
    Ok(id.ok_or_else(|| incomplete(operation, "InternetGatewayId"))?.into())
}

pub(super) async fn attach_internet_gateway(client: &Client, gateway: &InternetGatewayId, vpc: &VpcId) -> Answer<()> {
    let call = client
        .attach_internet_gateway()
        .internet_gateway_id(gateway.as_str())
        .vpc_id(vpc.as_str());
    done(Operation::AttachInternetGateway, call.send()).await
}

pub(super) async fn allocate_address(client: &Client, tags: &Tags) -> Answer<String> {
    let operation = Operation::AllocateAddress;
    let answer = client
        .allocate_address()
        .domain(DomainType::Vpc)
        .tag_specifications(tagged(ResourceType::ElasticIp, tags))
        .customize()
        .config_override(once())
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    answer
        .allocation_id
        .ok_or_else(|| incomplete(operation, "AllocationId"))
}

pub(super) async fn create_nat_gateway(
    client: &Client,
    subnet: &SubnetId,
    allocation: &str,
    tags: &Tags,
) -> Answer<NatGatewayId> {
    let operation = Operation::CreateNatGateway;
    let answer = client
        .create_nat_gateway()
        .subnet_id(subnet.as_str())
        .allocation_id(allocation)
        .connectivity_type(ConnectivityType::Public)
        .tag_specifications(tagged(ResourceType::Natgateway, tags))
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    let id = answer.nat_gateway.and_then(|nat| nat.nat_gateway_id);
    Ok(id.ok_or_else(|| incomplete(operation, "NatGatewayId"))?.into())
}

pub(super) async fn create_route_table(client: &Client, vpc: &VpcId, tags: &Tags) -> Answer<RouteTableId> {
    let operation = Operation::CreateRouteTable;
    let answer = client
        .create_route_table()
        .vpc_id(vpc.as_str())
        .tag_specifications(tagged(ResourceType::RouteTable, tags))
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    let id = answer.route_table.and_then(|table| table.route_table_id);
    Ok(id.ok_or_else(|| incomplete(operation, "RouteTableId"))?.into())
}

/// Sets the destination and the target of a request for a route, whichever verb it has.
macro_rules! with_route {
    ($request:expr, $destination:expr, $target:expr) => {{
        let request = match $destination {
            IpNet::V4(cidr) => $request.destination_cidr_block(cidr.to_string()),
            IpNet::V6(cidr) => $request.destination_ipv6_cidr_block(cidr.to_string()),
        };
        match $target {
            RouteTarget::Nat(id) => request.nat_gateway_id(id.as_str()),
            RouteTarget::Peering(id) => request.vpc_peering_connection_id(id.as_str()),
            RouteTarget::EgressOnly(id) => request.egress_only_internet_gateway_id(id.as_str()),
            RouteTarget::Interface(id) => request.network_interface_id(id.as_str()),
            RouteTarget::TransitGateway(id) => request.transit_gateway_id(id),
            RouteTarget::Endpoint(id) => request.vpc_endpoint_id(id.as_str()),
            RouteTarget::InternetGateway(id) => request.gateway_id(id.as_str()),
            RouteTarget::VpnGateway(id) | RouteTarget::Other(id) => request.gateway_id(id),
            RouteTarget::Local => request.gateway_id("local"),
        }
    }};
}

pub(super) async fn create_route(
    client: &Client,
    table: &RouteTableId,
    destination: IpNet,
    target: &RouteTarget,
) -> Answer<()> {
    let request = client.create_route().route_table_id(table.as_str());
    with_route!(request, destination, target)
        .send()
        .await
        .map_err(|error| fault::error(Operation::CreateRoute, &error))?;
    Ok(())
}

pub(super) async fn replace_route(
    client: &Client,
    table: &RouteTableId,
    destination: IpNet,
    target: &RouteTarget,
) -> Answer<()> {
    let request = client.replace_route().route_table_id(table.as_str());
    with_route!(request, destination, target)
        .send()
        .await
        .map_err(|error| fault::error(Operation::ReplaceRoute, &error))?;
    Ok(())
}

pub(super) async fn associate_route_table(client: &Client, table: &RouteTableId, subnet: &SubnetId) -> Answer<()> {
    let call = client
        .associate_route_table()
        .route_table_id(table.as_str())
        .subnet_id(subnet.as_str());
    done(Operation::AssociateRouteTable, call.send()).await
}

pub(super) async fn replace_association(client: &Client, association: &str, table: &RouteTableId) -> Answer<()> {
    let call = client
        .replace_route_table_association()
        .association_id(association)
        .route_table_id(table.as_str());
    done(Operation::ReplaceRouteTableAssociation, call.send()).await
}

pub(super) async fn create_vpc_endpoint(client: &Client, new: &NewEndpoint) -> Answer<EndpointId> {
    let operation = Operation::CreateVpcEndpoint;
    let is_interface = new.kind == EndpointKind::Interface;
    let answer = client
        .create_vpc_endpoint()
        .vpc_id(new.vpc.as_str())
        .service_name(&new.service)
        .vpc_endpoint_type(if is_interface {
            VpcEndpointType::Interface
        } else {
            VpcEndpointType::Gateway
        })
        .set_private_dns_enabled(is_interface.then_some(true))
        // Without it, EC2 lets private DNS of these services answer inbound Resolver endpoints only.
        .set_dns_options((is_interface && has_gateway(&new.service)).then(|| {
            DnsOptionsSpecification::builder()
                .private_dns_only_for_inbound_resolver_endpoint(false)
                .build()
        }))
        .set_subnet_ids(texts(&new.subnets))
        .set_security_group_ids(texts(&new.groups))
        .set_route_table_ids(texts(&new.route_tables))
        .set_policy_document(new.policy.clone())
        .tag_specifications(tagged(ResourceType::VpcEndpoint, &new.tags))
        .customize()
        .config_override(once())
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    let id = answer.vpc_endpoint.and_then(|endpoint| endpoint.vpc_endpoint_id);
    Ok(id.ok_or_else(|| incomplete(operation, "VpcEndpointId"))?.into())
}

pub(super) async fn modify_vpc_endpoint(client: &Client, id: &EndpointId, change: &EndpointChange) -> Answer<()> {
    let call = client
        .modify_vpc_endpoint()
        .vpc_endpoint_id(id.as_str())
        .set_add_subnet_ids(texts(&change.add_subnets))
        .set_add_security_group_ids(texts(&change.add_groups))
        .set_add_route_table_ids(texts(&change.add_route_tables))
        .set_private_dns_enabled(change.private_dns)
        .set_policy_document(change.policy.clone());
    done(Operation::ModifyVpcEndpoint, call.send()).await
}

pub(super) async fn allow_peering_dns(client: &Client, id: &PeeringId, requester: bool, accepter: bool) -> Answer<()> {
    let allow = || {
        PeeringConnectionOptionsRequest::builder()
            .allow_dns_resolution_from_remote_vpc(true)
            .build()
    };
    if !requester && !accepter {
        let fault = Fault::Malformed("there is nothing to allow".to_owned());
        return Err(CloudError::new(Operation::ModifyVpcPeeringConnectionOptions, fault));
    }
    let call = client
        .modify_vpc_peering_connection_options()
        .vpc_peering_connection_id(id.as_str())
        .set_requester_peering_connection_options(requester.then(allow))
        .set_accepter_peering_connection_options(accepter.then(allow));
    done(Operation::ModifyVpcPeeringConnectionOptions, call.send()).await
}
