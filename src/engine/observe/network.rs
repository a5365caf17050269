//! Reads the network of VPCs. A part that may not be read is marked as unread, and does not end the run.

use std::collections::BTreeSet;

use crate::cloud::{Answer, Cloud, Fault, GatewayFilter, GroupFilter, InterfaceFilter, derived};
use crate::concurrent::bounded;
use crate::model::network::{Exclusion, Network, Part, PrefixList, PublicAccess, Resolver, RouteTarget, Vpc};
use crate::model::{GroupId, InterfaceId, Peer, PrefixListId, SecurityGroup, VpcId};
use crate::operation::Operation;

/// The operations with which a network is read.
pub const READS: &[Operation] = &[
    Operation::DescribeVpcs,
    Operation::DescribeVpcAttribute,
    Operation::DescribeDhcpOptions,
    Operation::DescribeSubnets,
    Operation::DescribeRouteTables,
    Operation::DescribeNetworkAcls,
    Operation::DescribeVpcPeeringConnections,
    Operation::DescribeInternetGateways,
    Operation::DescribeEgressOnlyInternetGateways,
    Operation::DescribeNatGateways,
    Operation::DescribeVpcBlockPublicAccessOptions,
    Operation::DescribeVpcBlockPublicAccessExclusions,
    Operation::DescribeVpcEndpoints,
    Operation::DescribeNetworkInterfaces,
    Operation::DescribeSecurityGroups,
    Operation::GetManagedPrefixListEntries,
];

/// Those of them with which [`between`] reads, which is all that a way within a VPC or across a peering connection goes by.
pub const READS_BETWEEN: &[Operation] = &[
    Operation::DescribeVpcs,
    Operation::DescribeVpcAttribute,
    Operation::DescribeDhcpOptions,
    Operation::DescribeSubnets,
    Operation::DescribeRouteTables,
    Operation::DescribeNetworkAcls,
    Operation::DescribeVpcPeeringConnections,
    Operation::DescribeSecurityGroups,
    Operation::GetManagedPrefixListEntries,
];

/// How many VPCs are asked for their DNS attributes at once.
const VPCS_AT_ONCE: usize = 5;

/// What is said of a part that nothing asks for.
const NOT_READ: &str = "it was not read";

/// The network of these VPCs, with these security groups and those of the endpoints.
///
/// # Errors
///
/// AWS cannot be asked at all: no credentials, no connection, no answer.
pub async fn network(cloud: &dyn Cloud, vpcs: &[VpcId], groups: &[GroupId]) -> Answer<Network> {
    let (plain, out, endpoints) = tokio::join!(
        inside(cloud, vpcs, groups),
        outside(cloud, vpcs),
        cloud.describe_vpc_endpoints(vpcs)
    );
    let (mut network, gateways, endpoints) = (plain?, out?, part(endpoints)?);
    network.peerings = gateways.peerings;
    network.internet_gateways = gateways.internet_gateways;
    network.egress_only_gateways = gateways.egress_only_gateways;
    network.nat_gateways = gateways.nat_gateways;
    network.public_access = gateways.public_access;
    network.exclusions = gateways.exclusions;
    network.endpoints = endpoints;
    network.interfaces = interfaces(cloud, &network).await?;
    let more = groups_of_others(cloud, &network, groups).await?;
    if let Part::Read(groups) = &mut network.groups {
        groups.extend(more);
    }
    // After all groups, since their rules name prefix lists too.
    network.prefix_lists = Part::Read(prefix_lists(cloud, &network).await?);
    Ok(network)
}

/// The network between resources in these VPCs that have these security groups: without gateways, endpoints and interfaces,
/// and within one VPC without peering connections.
///
/// # Errors
///
/// AWS cannot be asked at all: no credentials, no connection, no answer.
pub async fn between(cloud: &dyn Cloud, vpcs: &[VpcId], groups: &[GroupId]) -> Answer<Network> {
    let peerings = async {
        match vpcs {
            [] | [_] => Ok(not_read()),
            vpcs => part(cloud.describe_peerings(vpcs).await),
        }
    };
    let (plain, peerings) = tokio::join!(inside(cloud, vpcs, groups), peerings);
    let plain = plain?;
    let lists = prefix_lists(cloud, &plain).await?;
    Ok(Network {
        peerings: peerings?,
        prefix_lists: Part::Read(lists),
        internet_gateways: not_read(),
        egress_only_gateways: not_read(),
        nat_gateways: not_read(),
        endpoints: not_read(),
        interfaces: not_read(),
        public_access: not_read(),
        exclusions: not_read(),
        services: None,
        ..plain
    })
}

fn not_read<T>() -> Part<T> {
    Part::Unread(NOT_READ.to_owned())
}

async fn inside(cloud: &dyn Cloud, vpcs: &[VpcId], groups: &[GroupId]) -> Answer<Network> {
    let of_groups = async {
        match groups {
            [] => Ok(Vec::new()),
            groups => derived::groups(cloud, GroupFilter::Ids(groups)).await,
        }
    };
    let (of_vpcs, subnets, route_tables, acls, groups) = tokio::join!(
        with_dns(cloud, vpcs),
        derived::subnets_of(cloud, vpcs),
        cloud.describe_route_tables(vpcs),
        cloud.describe_network_acls(vpcs),
        of_groups
    );
    Ok(Network {
        vpcs: of_vpcs?,
        subnets: part(subnets)?,
        route_tables: part(route_tables)?,
        acls: part(acls)?,
        groups: part(groups)?,
        ..Network::default()
    })
}

async fn outside(cloud: &dyn Cloud, vpcs: &[VpcId]) -> Answer<Network> {
    let (peerings, internet, egress_only, nat, blocking) = tokio::join!(
        cloud.describe_peerings(vpcs),
        cloud.describe_internet_gateways(GatewayFilter::AttachedTo(vpcs)),
        cloud.describe_egress_only_gateways(vpcs),
        cloud.describe_nat_gateways(vpcs),
        public_access(cloud)
    );
    let (public_access, exclusions) = blocking?;
    Ok(Network {
        public_access,
        exclusions,
        peerings: part(peerings)?,
        internet_gateways: part(internet)?,
        egress_only_gateways: part(egress_only)?,
        nat_gateways: part(nat)?,
        ..Network::default()
    })
}

/// Reads which services endpoints can be for, where something depends on their names.
///
/// # Errors
///
/// AWS cannot be asked at all.
pub async fn with_services(cloud: &dyn Cloud, network: &mut Network) -> Answer<()> {
    network.services = Some(match cloud.describe_endpoint_services().await {
        Err(error) if error.is_not_offered() => Part::Unread(error.to_string()),
        // Every Region has some: an account file may not show them, and an emulator may know none.
        Ok(services) if services.is_empty() => Part::Unread("none is listed".to_owned()),
        answer => part(answer)?,
    });
    Ok(())
}

/// What VPC Block Public Access stops. A Region without it stops nothing.
async fn public_access(cloud: &dyn Cloud) -> Answer<(Part<PublicAccess>, Part<Vec<Exclusion>>)> {
    let setting = match cloud.describe_public_access().await {
        Err(error) if error.is_not_offered() => return Ok(Default::default()),
        answer => part(answer)?,
    };
    let exclusions = match setting.known() {
        Some(setting) if !setting.is_off() => part(cloud.describe_public_access_exclusions().await)?,
        _ => Part::default(),
    };
    Ok((setting, exclusions))
}

/// The VPCs with their DNS attributes and resolvers, which are questions of their own.
async fn with_dns(cloud: &dyn Cloud, ids: &[VpcId]) -> Answer<Part<Vec<Vpc>>> {
    // A closure over borrowed ids is not general enough for the futures that run this.
    let each: Vec<VpcId> = ids.to_vec();
    let attributes = each.into_iter().map(async |id: VpcId| {
        let attributes = cloud.describe_vpc_dns(&id).await;
        (id, attributes)
    });
    let (vpcs, attributes) = tokio::join!(cloud.describe_vpcs(ids), bounded(VPCS_AT_ONCE, attributes));
    let mut vpcs = match part(vpcs)? {
        Part::Read(vpcs) => vpcs,
        unread @ Part::Unread(_) => return Ok(unread),
    };
    for (id, attributes) in attributes {
        let attributes = part(attributes)?;
        if let Some(vpc) = vpcs.iter_mut().find(|vpc| vpc.id == id) {
            vpc.dns = attributes;
        }
    }
    let options: BTreeSet<String> = vpcs.iter().filter_map(|vpc| vpc.dhcp_options.clone()).collect();
    let options: Vec<String> = options.into_iter().collect();
    let resolvers = match options.as_slice() {
        [] => Part::default(),
        options => part(cloud.describe_dhcp_options(options).await)?,
    };
    for vpc in &mut vpcs {
        vpc.resolver = match (&vpc.dhcp_options, &resolvers) {
            (None, _) => Part::Read(Resolver::Amazon),
            (Some(_), Part::Unread(why)) => Part::Unread(why.clone()),
            (Some(id), Part::Read(resolvers)) => match resolvers.get(id) {
                Some(resolver) => Part::Read(resolver.clone().within(&vpc.cidrs)),
                None => Part::Unread(format!("the DHCP options {id} cannot be seen from this account")),
            },
        };
    }
    Ok(Part::Read(vpcs))
}

/// The groups of the endpoints, and of the interfaces that routes lead to.
async fn groups_of_others(cloud: &dyn Cloud, network: &Network, known: &[GroupId]) -> Answer<Vec<SecurityGroup>> {
    let endpoints = network.endpoints.known().into_iter().flatten();
    let interfaces = network.interfaces.known().into_iter().flatten();
    let ids: BTreeSet<&GroupId> = endpoints
        .flat_map(|endpoint| &endpoint.groups)
        .chain(interfaces.flat_map(|interface| &interface.groups))
        .filter(|id| !known.contains(id))
        .collect();
    let ids: Vec<GroupId> = ids.into_iter().cloned().collect();
    if ids.is_empty() || network.groups.known().is_none() {
        return Ok(Vec::new());
    }
    Ok(part(derived::groups(cloud, GroupFilter::Ids(&ids)).await)?
        .known()
        .cloned()
        .unwrap_or_default())
}

/// The prefix lists that rules and routes name.
async fn prefix_lists(cloud: &dyn Cloud, network: &Network) -> Answer<Vec<PrefixList>> {
    let groups = network.groups.known().into_iter().flatten();
    let rules = groups.flat_map(|group| group.ingress.iter().chain(&group.egress));
    let in_rules = rules.filter_map(|rule| match &rule.peer {
        Peer::PrefixList(id) => Some(PrefixListId::from(id.as_str())),
        Peer::Group(_) | Peer::Cidr(_) => None,
    });
    let tables = network.route_tables.known().into_iter().flatten();
    let in_routes = tables.flat_map(|table| table.prefix_lists().cloned());
    let ids: BTreeSet<PrefixListId> = in_rules.chain(in_routes).collect();
    let mut lists = Vec::new();
    for id in ids {
        let entries = part(cloud.prefix_list_entries(&id).await)?;
        lists.push(PrefixList { id, entries });
    }
    Ok(lists)
}

/// The interfaces that routes lead to.
async fn interfaces(cloud: &dyn Cloud, network: &Network) -> Answer<Part<Vec<crate::model::network::Interface>>> {
    let tables = network.route_tables.known().into_iter().flatten();
    let ids: BTreeSet<&InterfaceId> = tables
        .flat_map(|table| &table.routes)
        .filter_map(|route| match &route.target {
            RouteTarget::Interface(id) => Some(id),
            _ => None,
        })
        .collect();
    let ids: Vec<InterfaceId> = ids.into_iter().cloned().collect();
    if ids.is_empty() {
        return Ok(Part::default());
    }
    let found = cloud.describe_network_interfaces(InterfaceFilter::Ids(&ids)).await;
    part(found.map(|found| found.into_iter().map(|found| found.interface).collect()))
}

/// What was read, or why not. That AWS cannot be asked at all is no answer, and ends the command.
pub(super) fn part<T>(answer: Answer<T>) -> Answer<Part<T>> {
    match answer {
        Ok(read) => Ok(Part::Read(read)),
        Err(error) => match &error.fault {
            Fault::AccessDenied { .. } | Fault::NotFound(_) | Fault::Rejected { .. } | Fault::Malformed(_) => {
                Ok(Part::Unread(error.to_string()))
            }
            _ => Err(error),
        },
    }
}
