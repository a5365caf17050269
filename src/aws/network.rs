//! The network of VPCs, as EC2 describes it: page by page, and in the program's own words.

mod writes;

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types;
use aws_sdk_ec2::types::VpcAttributeName;
use ipnet::IpNet;

use super::ec2::{filter, incomplete};
use super::{Aws, all_items, called, done, ec2, fault};
use crate::cloud::{
    Answer, DescribedInterface, DescribedSubnet, EndpointChange, GatewayFilter, GroupFilter, InterfaceFilter, Listed,
    NetworkCloud, NewEndpoint, NewSecurityGroup, NewSubnet, Operation, Pages, SubnetFilter, Tags,
};
use crate::model::network::{
    AclEntry, Address, Association, CidrState, Destination, EgressOnlyGateway, Endpoint, EndpointKind, EndpointService,
    Exclusion, Interface, InternetGateway, NatGateway, NatMode, NetworkAcl, Part, Peering, PeeringSide, PublicAccess,
    Resolver, Route, RouteOrigin, RouteState, RouteTable, RouteTarget, Vpc, VpcDns,
};
use crate::model::{
    DescribedRule, Direction, EndpointId, GroupId, InternetGatewayId, NatGatewayId, PeeringId, PrefixListId,
    RouteTableId, Rule, SecurityGroup, SubnetId, VpcId,
};

/// Asks for all pages, and reads each item.
macro_rules! all {
    ($operation:expr, $request:expr, $items:ident, $read:expr) => {{
        let mut read = Vec::new();
        for item in all_items!($operation, $request, $items, next_token).await? {
            read.push($read(item)?);
        }
        Ok(read)
    }};
}

pub(super) fn tags(tags: Option<Vec<types::Tag>>) -> BTreeMap<String, String> {
    let tags = tags.unwrap_or_default().into_iter();
    tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
        .collect()
}

fn of_vpcs(vpcs: &[VpcId]) -> types::Filter {
    filter("vpc-id", vpcs.iter().map(ToString::to_string))
}

/// EC2's texts are ranges; what is none is not counted as one.
fn range(text: Option<String>) -> Option<IpNet> {
    text?.parse().ok()
}

async fn describe_vpcs(client: &Client, ids: &[VpcId]) -> Answer<Vec<Vpc>> {
    let operation = Operation::DescribeVpcs;
    let read = |vpc: types::Vpc| {
        let further = vpc.cidr_block_association_set.unwrap_or_default().into_iter();
        let further = further.map(|block| (block.cidr_block, vpc_state(block.cidr_block_state)));
        let ipv6 = vpc.ipv6_cidr_block_association_set.unwrap_or_default().into_iter();
        let ipv6 = ipv6.map(|block| (block.ipv6_cidr_block, vpc_state(block.ipv6_cidr_block_state)));
        // The first range is among the others too, with its state.
        let mut all: Vec<(Option<String>, Option<String>)> = further.chain(ipv6).collect();
        if all.iter().all(|(cidr, _)| *cidr != vpc.cidr_block) {
            all.insert(0, (vpc.cidr_block, None));
        }
        let (cidrs, doubtful_cidrs) = associated(all);
        Answer::Ok(Vpc {
            id: vpc.vpc_id.ok_or_else(|| incomplete(operation, "VpcId"))?.into(),
            owner: vpc.owner_id,
            cidrs,
            doubtful_cidrs,
            tenancy: vpc
                .instance_tenancy
                .map_or_else(|| "default".to_owned(), |tenancy| tenancy.as_str().to_owned()),
            dns: Part::Unread("not asked for".to_owned()),
            dhcp_options: vpc.dhcp_options_id.filter(|id| id != "default"),
            resolver: Part::Unread("not asked for".to_owned()),
        })
    };
    all!(operation, client.describe_vpcs().filters(of_vpcs(ids)), vpcs, read)
}

fn vpc_state(state: Option<types::VpcCidrBlockState>) -> Option<String> {
    Some(state?.state?.as_str().to_owned())
}

pub(super) fn subnet_state(state: Option<types::SubnetCidrBlockState>) -> Option<String> {
    Some(state?.state?.as_str().to_owned())
}

/// The ranges that are associated, and those in a state that is not known, with it.
pub(super) fn associated(
    ranges: impl IntoIterator<Item = (Option<String>, Option<String>)>,
) -> (Vec<IpNet>, Vec<(IpNet, String)>) {
    let (mut cidrs, mut doubtful) = (Vec::new(), Vec::new());
    for (cidr, state) in ranges {
        let Some(cidr) = range(cidr) else {
            continue;
        };
        match CidrState::from_api(state.as_deref()) {
            CidrState::Associated if !cidrs.contains(&cidr) => cidrs.push(cidr),
            CidrState::Associated | CidrState::NotAssociated => {}
            CidrState::Doubtful => doubtful.push((cidr, state.unwrap_or_default())),
        }
    }
    (cidrs, doubtful)
}

async fn describe_dhcp_options(client: &Client, ids: &[String]) -> Answer<BTreeMap<String, Resolver>> {
    let operation = Operation::DescribeDhcpOptions;
    let read = |options: types::DhcpOptions| {
        let id = options
            .dhcp_options_id
            .ok_or_else(|| incomplete(operation, "DhcpOptionsId"))?;
        let configurations = options.dhcp_configurations.unwrap_or_default().into_iter();
        let servers = configurations
            .filter(|found| found.key.as_deref() == Some("domain-name-servers"))
            .flat_map(|found| found.values.unwrap_or_default())
            .filter_map(|found| found.value);
        Answer::Ok((id, Resolver::of(servers)))
    };
    let wanted = filter("dhcp-options-id", ids.iter().cloned());
    let read: Answer<Vec<_>> = all!(
        operation,
        client.describe_dhcp_options().filters(wanted),
        dhcp_options,
        read
    );
    Ok(read?.into_iter().collect())
}

async fn describe_vpc_dns(client: &Client, id: &VpcId) -> Answer<VpcDns> {
    let attribute = |name| {
        let call = client.describe_vpc_attribute().vpc_id(id.as_str()).attribute(name);
        async move {
            let answer = call.send().await;
            answer.map_err(|error| fault::error(Operation::DescribeVpcAttribute, &error))
        }
    };
    let (support, hostnames) = tokio::join!(
        attribute(VpcAttributeName::EnableDnsSupport),
        attribute(VpcAttributeName::EnableDnsHostnames)
    );
    let is_on = |value: Option<types::AttributeBooleanValue>| value.and_then(|value| value.value);
    let missing = |field| incomplete(Operation::DescribeVpcAttribute, field);
    Ok(VpcDns {
        support: is_on(support?.enable_dns_support).ok_or_else(|| missing("EnableDnsSupport"))?,
        hostnames: is_on(hostnames?.enable_dns_hostnames).ok_or_else(|| missing("EnableDnsHostnames"))?,
    })
}

async fn describe_route_tables(client: &Client, vpcs: &[VpcId]) -> Answer<Vec<RouteTable>> {
    let operation = Operation::DescribeRouteTables;
    let read = |table: types::RouteTable| {
        let associations = table.associations.unwrap_or_default();
        Answer::Ok(RouteTable {
            id: table
                .route_table_id
                .ok_or_else(|| incomplete(operation, "RouteTableId"))?
                .into(),
            vpc: table.vpc_id.unwrap_or_default().into(),
            is_main: associations.iter().any(|found| found.main == Some(true)),
            associations: associations
                .into_iter()
                .filter_map(|found| {
                    Some(Association {
                        id: found.route_table_association_id.unwrap_or_default(),
                        subnet: found.subnet_id?.into(),
                    })
                })
                .collect(),
            routes: table.routes.unwrap_or_default().into_iter().filter_map(route).collect(),
            tags: tags(table.tags),
        })
    };
    all!(
        operation,
        client.describe_route_tables().filters(of_vpcs(vpcs)),
        route_tables,
        read
    )
}

fn route(route: types::Route) -> Option<Route> {
    let cidr = range(route.destination_cidr_block).or_else(|| range(route.destination_ipv6_cidr_block));
    let destination = match cidr {
        Some(cidr) => Destination::Cidr(cidr),
        None => Destination::PrefixList(route.destination_prefix_list_id?.into()),
    };
    let gateway = route.gateway_id.as_deref().filter(|id| !id.is_empty());
    let targets = [
        gateway.map(RouteTarget::of_gateway),
        route.nat_gateway_id.map(|id| RouteTarget::Nat(id.into())),
        route
            .vpc_peering_connection_id
            .map(|id| RouteTarget::Peering(id.into())),
        route
            .egress_only_internet_gateway_id
            .map(|id| RouteTarget::EgressOnly(id.into())),
        route.transit_gateway_id.map(RouteTarget::TransitGateway),
        route.network_interface_id.map(|id| RouteTarget::Interface(id.into())),
        route
            .instance_id
            .or(route.local_gateway_id)
            .or(route.carrier_gateway_id)
            .or(route.core_network_arn)
            .map(RouteTarget::Other),
    ];
    Some(Route {
        destination,
        // A black hole may not show any more what it led through.
        target: targets
            .into_iter()
            .flatten()
            .next()
            .unwrap_or_else(|| RouteTarget::Other("a target that EC2 does not name".to_owned())),
        state: RouteState::from_api(route.state.as_ref().map_or("active", types::RouteState::as_str)),
        origin: route
            .origin
            .as_ref()
            .map_or(RouteOrigin::Static, |origin| RouteOrigin::from_api(origin.as_str())),
    })
}

async fn describe_network_acls(client: &Client, vpcs: &[VpcId]) -> Answer<Vec<NetworkAcl>> {
    let operation = Operation::DescribeNetworkAcls;
    let read = |acl: types::NetworkAcl| {
        let associations = acl.associations.unwrap_or_default().into_iter();
        let entries = acl.entries.unwrap_or_default().into_iter().map(acl_entry);
        Answer::Ok(NetworkAcl {
            id: acl
                .network_acl_id
                .ok_or_else(|| incomplete(operation, "NetworkAclId"))?
                .into(),
            vpc: acl.vpc_id.unwrap_or_default().into(),
            is_default: acl.is_default.unwrap_or_default(),
            subnets: associations.filter_map(|found| Some(found.subnet_id?.into())).collect(),
            entries: entries.collect::<Answer<_>>()?,
        })
    };
    all!(
        operation,
        client.describe_network_acls().filters(of_vpcs(vpcs)),
        network_acls,
        read
    )
}

/// An entry that cannot be read must not be passed over: the one behind it would seem to decide.
fn acl_entry(entry: types::NetworkAclEntry) -> Answer<AclEntry> {
    let missing = |field| incomplete(Operation::DescribeNetworkAcls, field);
    let cidr = range(entry.cidr_block).or_else(|| range(entry.ipv6_cidr_block));
    let protocol = match entry.protocol.as_deref().unwrap_or("-1") {
        "-1" => None,
        "tcp" => Some(6),
        "udp" => Some(17),
        "icmp" => Some(1),
        number => Some(number.parse().map_err(|_| missing("Protocol"))?),
    };
    let port = |port: Option<i32>| port.and_then(|port| u16::try_from(port).ok());
    let ports = entry.port_range.and_then(|ports| port(ports.from).zip(port(ports.to)));
    Ok(AclEntry {
        number: entry
            .rule_number
            .and_then(|number| u16::try_from(number).ok())
            .ok_or_else(|| missing("RuleNumber"))?,
        direction: if entry.egress == Some(true) {
            Direction::Egress
        } else {
            Direction::Ingress
        },
        allows: entry.rule_action == Some(types::RuleAction::Allow),
        protocol,
        ports,
        cidr: cidr.ok_or_else(|| missing("CidrBlock"))?,
    })
}

async fn describe_peerings(client: &Client, vpcs: &[VpcId]) -> Answer<Vec<Peering>> {
    let operation = Operation::DescribeVpcPeeringConnections;
    let of = |side| {
        let name = format!("{side}-vpc-info.vpc-id");
        let filter = filter(&name, vpcs.iter().map(ToString::to_string));
        let request = client.describe_vpc_peering_connections().filters(filter);
        async move { all!(operation, request, vpc_peering_connections, peering) }
    };
    let (requested, accepted): (Answer<Vec<Peering>>, Answer<Vec<Peering>>) =
        tokio::join!(of("requester"), of("accepter"));
    let mut peerings = requested?;
    for peering in accepted? {
        if !peerings.contains(&peering) {
            peerings.push(peering);
        }
    }
    Ok(peerings)
}

fn peering(peering: types::VpcPeeringConnection) -> Answer<Peering> {
    let missing = |field| incomplete(Operation::DescribeVpcPeeringConnections, field);
    let status = peering.status.and_then(|status| status.code);
    Ok(Peering {
        id: peering
            .vpc_peering_connection_id
            .ok_or_else(|| missing("VpcPeeringConnectionId"))?
            .into(),
        status: status.map(|code| code.as_str().to_owned()).unwrap_or_default(),
        requester: side(peering.requester_vpc_info.ok_or_else(|| missing("RequesterVpcInfo"))?),
        accepter: side(peering.accepter_vpc_info.ok_or_else(|| missing("AccepterVpcInfo"))?),
    })
}

fn side(info: types::VpcPeeringConnectionVpcInfo) -> PeeringSide {
    let further = info.cidr_block_set.unwrap_or_default().into_iter();
    let ipv6 = info.ipv6_cidr_block_set.unwrap_or_default().into_iter();
    let mut cidrs: Vec<IpNet> = Vec::new();
    let all = std::iter::once(info.cidr_block)
        .chain(further.map(|block| block.cidr_block))
        .chain(ipv6.map(|block| block.ipv6_cidr_block));
    for cidr in all.filter_map(range) {
        if !cidrs.contains(&cidr) {
            cidrs.push(cidr);
        }
    }
    PeeringSide {
        vpc: info.vpc_id.unwrap_or_default().into(),
        owner: info.owner_id,
        region: info.region,
        cidrs,
        resolves_for_peer: info
            .peering_options
            .and_then(|options| options.allow_dns_resolution_from_remote_vpc),
    }
}

async fn describe_internet_gateways(client: &Client, which: GatewayFilter<'_>) -> Answer<Vec<InternetGateway>> {
    let which = match which {
        GatewayFilter::AttachedTo(vpcs) => filter("attachment.vpc-id", vpcs.iter().map(ToString::to_string)),
        GatewayFilter::Tagged(key, value) => filter(&format!("tag:{key}"), [value.to_owned()]),
    };
    let operation = Operation::DescribeInternetGateways;
    let read = |gateway: types::InternetGateway| {
        Answer::Ok(InternetGateway {
            id: gateway
                .internet_gateway_id
                .ok_or_else(|| incomplete(operation, "InternetGatewayId"))?
                .into(),
            vpc: attached_to(gateway.attachments),
            tags: tags(gateway.tags),
        })
    };
    all!(
        operation,
        client.describe_internet_gateways().filters(which),
        internet_gateways,
        read
    )
}

async fn describe_egress_only_gateways(client: &Client, vpcs: &[VpcId]) -> Answer<Vec<EgressOnlyGateway>> {
    let operation = Operation::DescribeEgressOnlyInternetGateways;
    let read = |gateway: types::EgressOnlyInternetGateway| {
        Answer::Ok(EgressOnlyGateway {
            id: gateway
                .egress_only_internet_gateway_id
                .ok_or_else(|| incomplete(operation, "EgressOnlyInternetGatewayId"))?
                .into(),
            vpc: attached_to(gateway.attachments),
        })
    };
    // There is no filter for the VPC.
    let all: Answer<Vec<EgressOnlyGateway>> = all!(
        operation,
        client.describe_egress_only_internet_gateways(),
        egress_only_internet_gateways,
        read
    );
    let mut gateways = all?;
    gateways.retain(|gateway| gateway.vpc.as_ref().is_some_and(|vpc| vpcs.contains(vpc)));
    Ok(gateways)
}

/// EC2 calls an internet gateway's attachment `available`, which the type does not know.
fn attached_to(attachments: Option<Vec<types::InternetGatewayAttachment>>) -> Option<VpcId> {
    let mut attachments = attachments.unwrap_or_default().into_iter();
    let is_attached = |state: &types::AttachmentStatus| ["available", "attached"].contains(&state.as_str());
    let attached = attachments.find(|found| found.state.as_ref().is_some_and(is_attached))?;
    Some(attached.vpc_id?.into())
}

async fn describe_nat_gateways(client: &Client, vpcs: &[VpcId]) -> Answer<Vec<NatGateway>> {
    let operation = Operation::DescribeNatGateways;
    let read = |nat: types::NatGateway| {
        let addresses = nat.nat_gateway_addresses.unwrap_or_default().into_iter();
        Answer::Ok(NatGateway {
            id: nat
                .nat_gateway_id
                .ok_or_else(|| incomplete(operation, "NatGatewayId"))?
                .into(),
            vpc: nat.vpc_id.unwrap_or_default().into(),
            subnet: nat.subnet_id.filter(|id| !id.is_empty()).map(Into::into),
            mode: NatMode::from_api(nat.availability_mode.as_ref().map(types::AvailabilityMode::as_str)),
            route_table: nat.route_table_id.filter(|id| !id.is_empty()).map(Into::into),
            state: nat.state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
            failure: nat.failure_message,
            connectivity: nat
                .connectivity_type
                .map_or_else(|| "public".to_owned(), |kind| kind.as_str().to_owned()),
            public_addresses: addresses.filter_map(|address| address.public_ip).collect(),
            tags: tags(nat.tags),
        })
    };
    all!(
        operation,
        client.describe_nat_gateways().filter(of_vpcs(vpcs)),
        nat_gateways,
        read
    )
}

async fn describe_public_access(client: &Client) -> Answer<PublicAccess> {
    let operation = Operation::DescribeVpcBlockPublicAccessOptions;
    let answer = client.describe_vpc_block_public_access_options().send().await;
    let options = answer
        .map_err(|error| fault::error(operation, &error))?
        .vpc_block_public_access_options
        .ok_or_else(|| incomplete(operation, "VpcBlockPublicAccessOptions"))?;
    Ok(PublicAccess {
        mode: options
            .internet_gateway_block_mode
            .ok_or_else(|| incomplete(operation, "InternetGatewayBlockMode"))?
            .as_str()
            .to_owned(),
        state: options.state.map(|state| state.as_str().to_owned()),
        exclusions_allowed: options.exclusions_allowed.map(|allowed| allowed.as_str().to_owned()),
        account: options.aws_account_id,
    })
}

async fn describe_public_access_exclusions(client: &Client) -> Answer<Vec<Exclusion>> {
    let operation = Operation::DescribeVpcBlockPublicAccessExclusions;
    let read = |exclusion: types::VpcBlockPublicAccessExclusion| {
        Answer::Ok(Exclusion {
            id: exclusion
                .exclusion_id
                .ok_or_else(|| incomplete(operation, "ExclusionId"))?,
            resource: exclusion.resource_arn.unwrap_or_default(),
            mode: exclusion
                .internet_gateway_exclusion_mode
                .map(|mode| mode.as_str().to_owned())
                .unwrap_or_default(),
            state: exclusion
                .state
                .map(|state| state.as_str().to_owned())
                .unwrap_or_default(),
        })
    };
    // The model names no paginator for it.
    let (mut turned, mut token) = (Pages::of(operation), None);
    let mut exclusions = Vec::new();
    loop {
        let request = client.describe_vpc_block_public_access_exclusions();
        let page = request.set_next_token(token.take()).send().await;
        let page = page.map_err(|error| fault::error(operation, &error))?;
        let has_more = turned.turn(page.next_token())?;
        token = page.next_token;
        for exclusion in page.vpc_block_public_access_exclusions.unwrap_or_default() {
            exclusions.push(read(exclusion)?);
        }
        if !has_more {
            return Ok(exclusions);
        }
    }
}

async fn describe_vpc_endpoints(client: &Client, vpcs: &[VpcId]) -> Answer<Vec<Endpoint>> {
    let operation = Operation::DescribeVpcEndpoints;
    let read = |endpoint: types::VpcEndpoint| {
        let groups = endpoint.groups.unwrap_or_default().into_iter();
        let kind = endpoint.vpc_endpoint_type;
        Answer::Ok(Endpoint {
            id: endpoint
                .vpc_endpoint_id
                .ok_or_else(|| incomplete(operation, "VpcEndpointId"))?
                .into(),
            vpc: endpoint.vpc_id.unwrap_or_default().into(),
            kind: EndpointKind::from_api(kind.as_ref().map_or("Gateway", types::VpcEndpointType::as_str)),
            service: endpoint.service_name.unwrap_or_default(),
            // EC2 writes it with a capital letter or without, as it happens.
            state: endpoint
                .state
                .map(|state| state.as_str().to_ascii_lowercase())
                .unwrap_or_default(),
            subnets: endpoint
                .subnet_ids
                .unwrap_or_default()
                .into_iter()
                .map(Into::into)
                .collect(),
            groups: groups.filter_map(|group| Some(group.group_id?.into())).collect(),
            route_tables: endpoint
                .route_table_ids
                .unwrap_or_default()
                .into_iter()
                .map(Into::into)
                .collect(),
            private_dns: endpoint.private_dns_enabled.unwrap_or_default(),
            // EC2 leaves the option out for services that do not have it.
            only_inbound_resolver: endpoint
                .dns_options
                .map(|dns| dns.private_dns_only_for_inbound_resolver_endpoint.unwrap_or_default()),
            policy: endpoint.policy_document,
            tags: tags(endpoint.tags),
        })
    };
    all!(
        operation,
        client.describe_vpc_endpoints().filters(of_vpcs(vpcs)),
        vpc_endpoints,
        read
    )
}

async fn describe_endpoint_services(client: &Client) -> Answer<Vec<EndpointService>> {
    let operation = Operation::DescribeVpcEndpointServices;
    let (mut turned, mut token) = (Pages::of(operation), None);
    let mut services = Vec::new();
    loop {
        let request = client.describe_vpc_endpoint_services();
        let page = request.set_next_token(token.take()).send().await;
        let page = page.map_err(|error| fault::error(operation, &error))?;
        let has_more = turned.turn(page.next_token())?;
        token = page.next_token;
        let details = page.service_details.unwrap_or_default().into_iter();
        // Others offer services of their own, under names that AWS makes.
        for service in details.filter(|service| service.owner.as_deref() == Some("amazon")) {
            let kinds = service.service_type.unwrap_or_default().into_iter();
            let names = service.private_dns_names.unwrap_or_default().into_iter();
            let mut private_names: Vec<String> = names.filter_map(|name| name.private_dns_name).collect();
            private_names.extend(service.private_dns_name);
            private_names.sort();
            private_names.dedup();
            services.push(EndpointService {
                name: service
                    .service_name
                    .ok_or_else(|| incomplete(operation, "ServiceName"))?,
                kinds: kinds
                    .filter_map(|kind| Some(EndpointKind::from_api(kind.service_type?.as_str())))
                    .collect(),
                zones: service.availability_zones.unwrap_or_default(),
                private_names,
            });
        }
        if !has_more {
            return Ok(services);
        }
    }
}

async fn describe_network_interfaces(client: &Client, which: InterfaceFilter<'_>) -> Answer<Vec<DescribedInterface>> {
    let operation = Operation::DescribeNetworkInterfaces;
    let read = |interface: types::NetworkInterface| {
        let association = interface.association;
        let description = interface.description.unwrap_or_default();
        let kind = interface
            .interface_type
            .as_ref()
            .map(types::NetworkInterfaceType::as_str);
        let groups = interface.groups.unwrap_or_default().into_iter();
        let groups: Vec<GroupId> = groups.filter_map(|group| Some(group.group_id?.into())).collect();
        Answer::Ok(DescribedInterface {
            is_of_service: is_of_service(kind, interface.requester_id.as_deref(), &description),
            interface: Interface {
                id: interface
                    .network_interface_id
                    .ok_or_else(|| incomplete(operation, "NetworkInterfaceId"))?
                    .into(),
                vpc: interface.vpc_id.unwrap_or_default().into(),
                subnet: interface.subnet_id.unwrap_or_default().into(),
                checks_destination: interface.source_dest_check,
                public_address: association.and_then(|association| association.public_ip),
                status: interface
                    .status
                    .map(|status| status.as_str().to_owned())
                    .unwrap_or_default(),
                groups: groups.clone(),
            },
            description,
            groups,
        })
    };
    let which = match which {
        InterfaceFilter::Ids(ids) => filter("network-interface-id", ids.iter().map(ToString::to_string)),
        InterfaceFilter::WithGroups(groups) => filter("group-id", groups.iter().map(ToString::to_string)),
    };
    all!(
        operation,
        client.describe_network_interfaces().filters(which),
        network_interfaces,
        read
    )
}

/// Lambda's and RDS's own interfaces, those of proxies among them, by what each service writes on them.
fn is_of_service(kind: Option<&str>, requester: Option<&str>, description: &str) -> bool {
    kind == Some("lambda")
        || requester == Some("amazon-rds")
        || [
            "AWS Lambda VPC ENI",
            "RDSNetworkInterface",
            "Network interface for DBProxy",
        ]
        .iter()
        .any(|start| description.starts_with(start))
}

async fn prefix_list_entries(client: &Client, id: &PrefixListId) -> Answer<Vec<IpNet>> {
    let operation = Operation::GetManagedPrefixListEntries;
    let read = |entry: types::PrefixListEntry| range(entry.cidr).ok_or_else(|| incomplete(operation, "Cidr"));
    all!(
        operation,
        client.get_managed_prefix_list_entries().prefix_list_id(id.as_str()),
        entries,
        read
    )
}

async fn describe_tagged_addresses(client: &Client, key: &str, value: &str) -> Answer<Vec<Address>> {
    let operation = Operation::DescribeAddresses;
    let answer = client
        .describe_addresses()
        .filters(filter(&format!("tag:{key}"), [value.to_owned()]))
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    let read = |address: types::Address| {
        Ok(Address {
            allocation: address
                .allocation_id
                .ok_or_else(|| incomplete(operation, "AllocationId"))?,
            public_ip: address.public_ip.unwrap_or_default(),
            association: address.association_id,
            tags: tags(address.tags),
        })
    };
    answer.addresses.unwrap_or_default().into_iter().map(read).collect()
}

#[async_trait::async_trait]
impl NetworkCloud for Aws {
    async fn describe_vpcs(&self, ids: &[VpcId]) -> Answer<Vec<Vpc>> {
        called(Operation::DescribeVpcs, describe_vpcs(&self.ec2, ids)).await
    }

    async fn describe_vpc_dns(&self, id: &VpcId) -> Answer<VpcDns> {
        called(Operation::DescribeVpcAttribute, describe_vpc_dns(&self.ec2, id)).await
    }

    async fn describe_dhcp_options(&self, ids: &[String]) -> Answer<BTreeMap<String, Resolver>> {
        called(Operation::DescribeDhcpOptions, describe_dhcp_options(&self.ec2, ids)).await
    }

    async fn describe_security_groups(&self, which: GroupFilter<'_>, from: Option<String>) -> Listed<SecurityGroup> {
        ec2::describe_security_groups(&self.ec2, which, from).await
    }

    async fn describe_security_group_rules(&self, groups: &[GroupId], from: Option<String>) -> Listed<DescribedRule> {
        ec2::describe_security_group_rules(&self.ec2, groups, from).await
    }

    async fn describe_subnets(&self, which: SubnetFilter<'_>, from: Option<String>) -> Listed<DescribedSubnet> {
        ec2::describe_subnets(&self.ec2, which, from).await
    }

    async fn describe_route_tables(&self, vpcs: &[VpcId]) -> Answer<Vec<RouteTable>> {
        called(Operation::DescribeRouteTables, describe_route_tables(&self.ec2, vpcs)).await
    }

    async fn describe_network_acls(&self, vpcs: &[VpcId]) -> Answer<Vec<NetworkAcl>> {
        called(Operation::DescribeNetworkAcls, describe_network_acls(&self.ec2, vpcs)).await
    }

    async fn describe_peerings(&self, vpcs: &[VpcId]) -> Answer<Vec<Peering>> {
        let call = describe_peerings(&self.ec2, vpcs);
        called(Operation::DescribeVpcPeeringConnections, call).await
    }

    async fn describe_internet_gateways(&self, which: GatewayFilter<'_>) -> Answer<Vec<InternetGateway>> {
        let call = describe_internet_gateways(&self.ec2, which);
        called(Operation::DescribeInternetGateways, call).await
    }

    async fn describe_egress_only_gateways(&self, vpcs: &[VpcId]) -> Answer<Vec<EgressOnlyGateway>> {
        let call = describe_egress_only_gateways(&self.ec2, vpcs);
        called(Operation::DescribeEgressOnlyInternetGateways, call).await
    }

    async fn describe_nat_gateways(&self, vpcs: &[VpcId]) -> Answer<Vec<NatGateway>> {
        called(Operation::DescribeNatGateways, describe_nat_gateways(&self.ec2, vpcs)).await
    }

    async fn describe_public_access(&self) -> Answer<PublicAccess> {
        let operation = Operation::DescribeVpcBlockPublicAccessOptions;
        called(operation, describe_public_access(&self.ec2)).await
    }

    async fn describe_public_access_exclusions(&self) -> Answer<Vec<Exclusion>> {
        let operation = Operation::DescribeVpcBlockPublicAccessExclusions;
        called(operation, describe_public_access_exclusions(&self.ec2)).await
    }

    async fn describe_vpc_endpoints(&self, vpcs: &[VpcId]) -> Answer<Vec<Endpoint>> {
        called(Operation::DescribeVpcEndpoints, describe_vpc_endpoints(&self.ec2, vpcs)).await
    }

    async fn describe_endpoint_services(&self) -> Answer<Vec<EndpointService>> {
        let operation = Operation::DescribeVpcEndpointServices;
        called(operation, describe_endpoint_services(&self.ec2)).await
    }

    async fn describe_network_interfaces(&self, which: InterfaceFilter<'_>) -> Answer<Vec<DescribedInterface>> {
        let call = describe_network_interfaces(&self.ec2, which);
        called(Operation::DescribeNetworkInterfaces, call).await
    }

    async fn prefix_list_entries(&self, id: &PrefixListId) -> Answer<Vec<IpNet>> {
        let call = prefix_list_entries(&self.ec2, id);
        called(Operation::GetManagedPrefixListEntries, call).await
    }

    async fn describe_tagged_addresses(&self, key: &str, value: &str) -> Answer<Vec<Address>> {
        let call = describe_tagged_addresses(&self.ec2, key, value);
        called(Operation::DescribeAddresses, call).await
    }

    async fn create_subnet(&self, new: &NewSubnet) -> Answer<SubnetId> {
        called(Operation::CreateSubnet, writes::create_subnet(&self.ec2, new)).await
    }

    async fn create_internet_gateway(&self, tags: &Tags) -> Answer<InternetGatewayId> {
        let call = writes::create_internet_gateway(&self.ec2, tags);
        called(Operation::CreateInternetGateway, call).await
    }

    async fn attach_internet_gateway(&self, gateway: &InternetGatewayId, vpc: &VpcId) -> Answer<()> {
        let call = writes::attach_internet_gateway(&self.ec2, gateway, vpc);
        called(Operation::AttachInternetGateway, call).await
    }

    async fn allocate_address(&self, tags: &Tags) -> Answer<String> {
        called(Operation::AllocateAddress, writes::allocate_address(&self.ec2, tags)).await
    }

    async fn create_nat_gateway(&self, subnet: &SubnetId, allocation: &str, tags: &Tags) -> Answer<NatGatewayId> {
        let call = writes::create_nat_gateway(&self.ec2, subnet, allocation, tags);
        called(Operation::CreateNatGateway, call).await
    }

    async fn create_route_table(&self, vpc: &VpcId, tags: &Tags) -> Answer<RouteTableId> {
        called(
            Operation::CreateRouteTable,
            writes::create_route_table(&self.ec2, vpc, tags),
        )
        .await
    }

    async fn create_route(&self, table: &RouteTableId, destination: IpNet, target: &RouteTarget) -> Answer<()> {
        let call = writes::create_route(&self.ec2, table, destination, target);
        called(Operation::CreateRoute, call).await
    }

    async fn replace_route(&self, table: &RouteTableId, destination: IpNet, target: &RouteTarget) -> Answer<()> {
        let call = writes::replace_route(&self.ec2, table, destination, target);
        called(Operation::ReplaceRoute, call).await
    }

    async fn associate_route_table(&self, table: &RouteTableId, subnet: &SubnetId) -> Answer<()> {
        let call = writes::associate_route_table(&self.ec2, table, subnet);
        called(Operation::AssociateRouteTable, call).await
    }

    async fn replace_route_table_association(&self, association: &str, table: &RouteTableId) -> Answer<()> {
        let call = writes::replace_association(&self.ec2, association, table);
        called(Operation::ReplaceRouteTableAssociation, call).await
    }

    async fn create_vpc_endpoint(&self, new: &NewEndpoint) -> Answer<EndpointId> {
        called(
            Operation::CreateVpcEndpoint,
            writes::create_vpc_endpoint(&self.ec2, new),
        )
        .await
    }

    async fn modify_vpc_endpoint(&self, id: &EndpointId, change: &EndpointChange) -> Answer<()> {
        let call = writes::modify_vpc_endpoint(&self.ec2, id, change);
        called(Operation::ModifyVpcEndpoint, call).await
    }

    async fn allow_peering_dns(&self, id: &PeeringId, requester: bool, accepter: bool) -> Answer<()> {
        let call = writes::allow_peering_dns(&self.ec2, id, requester, accepter);
        called(Operation::ModifyVpcPeeringConnectionOptions, call).await
    }

    async fn create_security_group(&self, new: &NewSecurityGroup) -> Answer<GroupId> {
        called(
            Operation::CreateSecurityGroup,
            ec2::create_security_group(&self.ec2, new),
        )
        .await
    }

    async fn revoke_security_group(&self, group: &GroupId, direction: Direction, rules: &[Rule]) -> Answer<()> {
        let call = ec2::revoke_security_group(&self.ec2, group, direction, rules);
        called(Operation::revokes(direction), call).await
    }

    async fn authorize_security_group(&self, group: &GroupId, direction: Direction, rule: &Rule) -> Answer<()> {
        called(
            Operation::authorizes(direction),
            ec2::authorize_security_group(&self.ec2, group, direction, rule),
        )
        .await
    }

    async fn tag_groups(&self, groups: &[GroupId], key: &str, value: &str) -> Answer<()> {
        let operation = Operation::CreateTags;
        let call = self
            .ec2
            .create_tags()
            .set_resources(Some(groups.iter().map(ToString::to_string).collect()))
            .tags(types::Tag::builder().key(key).value(value).build())
            .send();
        called(operation, done(operation, call)).await
    }

    async fn untag_groups(&self, groups: &[GroupId], key: &str) -> Answer<()> {
        let operation = Operation::DeleteTags;
        let call = self
            .ec2
            .delete_tags()
            .set_resources(Some(groups.iter().map(ToString::to_string).collect()))
            .tags(types::Tag::builder().key(key).build())
            .send();
        called(operation, done(operation, call)).await
    }

    async fn delete_group(&self, group: &GroupId) -> Answer<()> {
        let operation = Operation::DeleteSecurityGroup;
        let call = self.ec2.delete_security_group().group_id(group.as_str()).send();
        called(operation, done(operation, call)).await
    }
}

#[cfg(test)]
mod tests {
    use super::is_of_service;

    #[test]
    fn the_interfaces_of_lambda_and_rds_are_known() {
        let table = [
            (Some("lambda"), None, "AWS Lambda VPC ENI-f-1", true),
            (Some("interface"), Some("amazon-rds"), "RDSNetworkInterface", true),
            (Some("interface"), None, "Network interface for DBProxy prx-1", true),
            (Some("interface"), Some("amazon-elb"), "ELB app/x", false),
            (Some("interface"), None, "", false),
            (None, None, "Primary network interface", false),
        ];
        for (kind, requester, description, expected) in table {
            assert_eq!(is_of_service(kind, requester, description), expected, "{description}");
        }
    }
}
