//! VPCs, subnets, network ACLs, route tables and peering connections, as CloudFormation has them.

use super::items::{Action, Item, Stack};
use crate::account::{AclRule, RouteEntry};
use crate::impact::future::{About, Future, Known, Layer, OfTable};
use crate::impact::rules::acl_entry;
use crate::template::Value;

/// Takes off what is deleted, or replaced, of what stays.
pub(super) fn remove(stack: &Stack, item: &Item, future: &mut Future) {
    let Some(before) = item.before.clone().filter(|_| item.ends()) else {
        return;
    };
    let by = item.logical_id.as_str();
    let before = Value::Table(before);
    let text = |key: &str| stack.text(before.field(key)).ok().flatten();
    match item.kind.as_str() {
        "AWS::EC2::NetworkAclEntry" => {
            if let (Some(acl), Ok(rule)) = (text("NetworkAclId"), acl_rule(stack, &before)) {
                future.change_acl(by, &acl, (&[rule], &[]));
            }
        }
        "AWS::EC2::Route" => {
            if let (Some(table), Ok(route)) = (text("RouteTableId"), route(stack, &before)) {
                future.change_routes(by, &table, (&[route], &[]));
            }
        }
        "AWS::EC2::SubnetRouteTableAssociation" if item.deletes() => {
            if let (Some(table), Some(subnet)) = (text("RouteTableId"), text("SubnetId")) {
                future.dissociate_route_table(by, &table, &subnet);
            }
        }
        "AWS::EC2::SubnetNetworkAclAssociation" if item.deletes() => {
            if let (Some(acl), Some(subnet)) = (text("NetworkAclId"), text("SubnetId")) {
                future.dissociate_acl(by, &acl, &subnet);
            }
        }
        _ => {}
    }
}

/// Creates what is created.
pub(super) fn create(stack: &Stack, item: &Item, future: &mut Future) {
    // Each needs its VPC, which may stand below it.
    if item.kind == "AWS::EC2::VPC" || !item.creates() {
        return;
    }
    let by = item.logical_id.as_str();
    let vpc = stack.needed(item, "VpcId");
    for other in stack
        .items
        .iter()
        .filter(|other| other.kind == "AWS::EC2::VPC" && other.creates())
    {
        let is_there = future
            .document
            .vpcs
            .iter()
            .any(|known| known.vpc_id == other.placeholder);
        if vpc.as_ref() == Ok(&other.placeholder) && !is_there {
            let cidr = stack.text(other.property("CidrBlock")).ok().flatten();
            future.create_vpc(&other.logical_id, &other.placeholder, cidr.as_deref());
        }
    }
    match item.kind.as_str() {
        "AWS::EC2::Subnet" => {
            let of = |key| stack.text(item.property(key)).ok().flatten();
            future.create_subnet(by, &item.placeholder, (vpc, of("CidrBlock"), of("AvailabilityZone")));
        }
        "AWS::EC2::NetworkAcl" => future.create_acl(by, &item.placeholder, vpc),
        "AWS::EC2::RouteTable" => future.create_route_table(by, &item.placeholder, vpc),
        "AWS::EC2::VPCPeeringConnection" => match (vpc, stack.needed(item, "PeerVpcId")) {
            (Ok(vpc), Ok(peer)) => {
                // Within one account CloudFormation accepts it itself.
                let is_own = *item.property("PeerOwnerId") == Value::Nothing;
                future.create_peering(by, &item.placeholder, (&vpc, &peer), is_own);
            }
            (Err(why), _) | (_, Err(why)) => future.not_understood(by, About::Everything, Layer::Network, why),
        },
        _ => {}
    }
}

/// Changes what stays.
pub(super) fn change(stack: &Stack, item: &Item, future: &mut Future) {
    if item.action == Action::Delete {
        return;
    }
    let by = item.logical_id.as_str();
    let after = Value::Table(item.after.clone());
    if let Some(why) = item.doubt.as_ref().filter(|_| item.kind.starts_with("AWS::EC2::")) {
        let is_network = ["Acl", "Route", "Subnet", "VPC"]
            .iter()
            .any(|part| item.kind.contains(part));
        if is_network && !item.kind.contains("SecurityGroup") {
            future.not_understood(by, About::Everything, Layer::Network, why.as_str());
        }
        return;
    }
    match item.kind.as_str() {
        "AWS::EC2::NetworkAclEntry" => match (stack.needed(item, "NetworkAclId"), acl_rule(stack, &after)) {
            (Ok(acl), Ok(rule)) => future.change_acl(by, &acl, (&[], &[rule])),
            (Ok(acl), Err(why)) => future.doubtful_acl(by, Some(&acl), &why),
            (Err(why), _) => future.doubtful_acl(by, None, &why),
        },
        "AWS::EC2::SubnetNetworkAclAssociation" => {
            match (stack.needed(item, "NetworkAclId"), stack.needed(item, "SubnetId")) {
                (Ok(acl), Ok(subnet)) => future.associate_acl(by, &acl, &subnet),
                (Err(why), _) | (_, Err(why)) => future.doubtful_acl(by, None, &why),
            }
        }
        "AWS::EC2::Route" => match (stack.needed(item, "RouteTableId"), route(stack, &after)) {
            (Ok(table), Ok(route)) => future.change_routes(by, &table, (&[], &[route])),
            (Ok(table), Err(why)) => future.doubtful_routes(by, Some(&table), &why),
            (Err(why), _) => future.doubtful_routes(by, None, &why),
        },
        "AWS::EC2::SubnetRouteTableAssociation" => {
            match (stack.needed(item, "RouteTableId"), stack.needed(item, "SubnetId")) {
                (Ok(table), Ok(subnet)) => future.associate_route_table(by, &table, &OfTable::Subnet(subnet)),
                (Err(why), _) | (_, Err(why)) => future.doubtful_routes(by, None, &why),
            }
        }
        "AWS::EC2::VPC" if item.before.is_some() && item.action == Action::Change => {
            let flag = |key| {
                stack
                    .text(item.property(key))
                    .map(|text| text.map(|text| text == "true"))
            };
            if let (Ok(support), Ok(names)) = (flag("EnableDnsSupport"), flag("EnableDnsHostnames")) {
                future.change_vpc(by, item.id(), (support, names));
            }
        }
        _ => {}
    }
}

/// Deletes what is deleted.
pub(super) fn delete(_: &Stack, item: &Item, future: &mut Future) {
    let Some(id) = item.physical_id.as_ref().filter(|_| item.deletes()) else {
        return;
    };
    let by = item.logical_id.as_str();
    // EC2 refuses to delete a subnet that is in use, and no path needs another.
    if let Some(why) = item.doubt.as_ref().filter(|_| item.kind != "AWS::EC2::Subnet") {
        if item.kind == "AWS::EC2::RouteTable" {
            future.doubtful_routes(by, Some(id), why);
        }
        return;
    }
    match item.kind.as_str() {
        "AWS::EC2::NetworkAcl" => future.delete_acl(by, id),
        "AWS::EC2::RouteTable" => future.delete_route_table(by, id),
        "AWS::EC2::Subnet" => future.delete_subnet(by, id),
        "AWS::EC2::VPCPeeringConnection" => future.delete_peering(by, id),
        "AWS::EC2::VPC" => {
            future.doubtful_vpc(
                by,
                id,
                &format!("{by} deletes {id}: EC2 refuses that while anything is in it"),
            );
        }
        _ => {}
    }
}

fn acl_rule(stack: &Stack, value: &Value) -> Known<AclRule> {
    let text = |key: &str| stack.text(value.field(key));
    let port = |key: &str| stack.text(value.field("PortRange").field(key));
    acl_entry(
        [text("RuleNumber")?, text("Protocol")?, text("RuleAction")?],
        [text("CidrBlock")?, text("Ipv6CidrBlock")?],
        [port("From")?, port("To")?],
        text("Egress")?.is_some_and(|flag| flag.eq_ignore_ascii_case("true")),
    )
}

fn route(stack: &Stack, value: &Value) -> Known<RouteEntry> {
    let text = |key: &str| stack.text(value.field(key));
    let gateway = match text("GatewayId")? {
        None => text("VpcEndpointId")?,
        gateway => gateway,
    };
    let route = RouteEntry {
        destination_cidr_block: text("DestinationCidrBlock")?,
        destination_ipv6_cidr_block: text("DestinationIpv6CidrBlock")?,
        destination_prefix_list_id: text("DestinationPrefixListId")?,
        gateway_id: gateway,
        nat_gateway_id: text("NatGatewayId")?,
        vpc_peering_connection_id: text("VpcPeeringConnectionId")?,
        transit_gateway_id: text("TransitGatewayId")?,
        egress_only_internet_gateway_id: text("EgressOnlyInternetGatewayId")?,
        network_interface_id: text("NetworkInterfaceId")?,
        state: "active".to_owned(),
        origin: None,
    };
    crate::impact::rules::followed(route)
}
