//! The network of an account in a file. What the file leaves out has the defaults of AWS: a VPC has a main route
//! table with the routes to its own ranges, and a default network ACL that allows everything.

mod writes;

use std::collections::{BTreeMap, BTreeSet};

use ipnet::{IpNet, Ipv4Net};

use super::document::{
    AccountDocument, AclRule, CidrBlockState, DhcpOptionsEntry, EndpointEntry, EndpointServiceEntry, ExclusionEntry,
    GatewayAttachment, InterfaceEntry, InternetGatewayEntry, Ipv6CidrBlock, NatGatewayEntry, NetworkAclEntry,
    PeeringEntry, PeeringVpcInfo, PrefixListEntry, RouteEntry, RouteTableEntry, SecurityGroupEntry, SubnetEntry, Tag,
    Vpc as VpcEntry,
};
use super::offline::OfflineAccount;
use super::pages::EC2_PAGE;
use super::rules::{Outcome, State};
use crate::cloud::{
    Answer, DescribedInterface, DescribedSubnet, EndpointChange, Fault, GatewayFilter, GroupFilter, InterfaceFilter,
    Listed, NetworkCloud, NewEndpoint, NewSecurityGroup, NewSubnet, Operation, SubnetFilter, Tags,
};
use crate::model::network::public_access::NOT_READ;
use crate::model::network::{
    AclEntry, Address, Association, CidrState, Destination, EgressOnlyGateway, Endpoint, EndpointKind, EndpointService,
    Exclusion, Interface, InternetGateway, LAST_RULE, NatGateway, NatMode, Network, NetworkAcl, Part, Peering,
    PeeringSide, PrefixList, PublicAccess, Resolver, Route, RouteOrigin, RouteState, RouteTable, RouteTarget, Subnet,
    Vpc, VpcDns,
};
use crate::model::{
    DescribedRule, Direction, EndpointId, GroupId, InternetGatewayId, NatGatewayId, PeeringId, PrefixListId,
    RouteTableId, Rule, SecurityGroup, SubnetId, VpcId,
};

/// The bits of a subnet's network in a file that does not show its range.
const SUBNET_BITS: u8 = 24;

/// The ranges in these texts; the file was checked for those that are none.
fn ranges<'a>(texts: impl IntoIterator<Item = &'a String>) -> Vec<IpNet> {
    texts.into_iter().filter_map(|text| text.parse().ok()).collect()
}

impl VpcEntry {
    /// Its ranges; `index` is its place in the file.
    pub(super) fn cidrs(&self, index: usize) -> Vec<IpNet> {
        let made = format!("10.{}.0.0/16", index % 256);
        let first = std::iter::once(self.cidr_block.as_ref().unwrap_or(&made));
        // The first range is commonly named among its associations too, which contain its state.
        let is_told = |text: &&String| !self.associations().any(|(cidr, _)| cidr == *text);
        let plain = ranges(first.chain(&self.ipv6_cidr_block).filter(is_told));
        let mut cidrs = plain;
        for cidr in in_state(self.associations(), CidrState::Associated) {
            if !cidrs.contains(&cidr.0) {
                cidrs.push(cidr.0);
            }
        }
        // IPv4 first.
        cidrs.sort_by_key(|cidr| cidr.addr().is_ipv6());
        cidrs
    }

    /// The ranges whose association is in a state that is not known, with it.
    fn doubtful_cidrs(&self) -> Vec<(IpNet, String)> {
        in_state(self.associations(), CidrState::Doubtful)
    }

    fn associations(&self) -> impl Iterator<Item = (&String, Option<&String>)> {
        let ipv4 = self.cidr_block_association_set.iter();
        let ipv4 = ipv4.map(|block| (&block.cidr_block, state_of(block.cidr_block_state.as_ref())));
        ipv4.chain(of_ipv6(&self.ipv6_cidr_block_association_set))
    }
}

fn state_of(state: Option<&CidrBlockState>) -> Option<&String> {
    state.map(|state| &state.state)
}

fn of_ipv6(blocks: &[Ipv6CidrBlock]) -> impl Iterator<Item = (&String, Option<&String>)> {
    let blocks = blocks.iter();
    blocks.map(|block| (&block.ipv6_cidr_block, state_of(block.ipv6_cidr_block_state.as_ref())))
}

/// The ranges whose association is in this state, with its name.
fn in_state<'a>(
    ranges: impl Iterator<Item = (&'a String, Option<&'a String>)>,
    wanted: CidrState,
) -> Vec<(IpNet, String)> {
    ranges
        .filter(|(_, state)| CidrState::from_api(state.map(String::as_str)) == wanted)
        .filter_map(|(cidr, state)| Some((cidr.parse().ok()?, state.cloned().unwrap_or_default())))
        .collect()
}

impl SubnetEntry {
    pub(super) fn doubtful_cidrs(&self) -> Vec<(IpNet, String)> {
        in_state(of_ipv6(&self.ipv6_cidr_block_association_set), CidrState::Doubtful)
    }
}

impl AccountDocument {
    pub(super) fn vpc_cidrs(&self, id: &str) -> Vec<IpNet> {
        let found = self.vpcs.iter().enumerate().find(|(_, vpc)| vpc.vpc_id == id);
        found.map(|(index, vpc)| vpc.cidrs(index)).unwrap_or_default()
    }

    pub(super) fn subnet_cidrs(&self, subnet: &SubnetEntry) -> Vec<IpNet> {
        let ipv6 = of_ipv6(&subnet.ipv6_cidr_block_association_set);
        let mut cidrs = ranges(&subnet.cidr_block);
        cidrs.extend(in_state(ipv6, CidrState::Associated).into_iter().map(|(cidr, _)| cidr));
        // One that has only IPv6 has no IPv4 range.
        if cidrs.is_empty() && subnet.doubtful_cidrs().is_empty() {
            cidrs.extend(self.made_range(subnet).map(IpNet::V4));
        }
        cidrs
    }

    /// The range of a subnet for which the file has none.
    fn made_range(&self, subnet: &SubnetEntry) -> Option<Ipv4Net> {
        let of_vpc = self.vpc_cidrs(&subnet.vpc_id).into_iter().find_map(|cidr| match cidr {
            IpNet::V4(cidr) => Some(cidr),
            IpNet::V6(_) => None,
        })?;
        let mut siblings = self.subnets.iter().filter(|other| other.vpc_id == subnet.vpc_id);
        let index = siblings.position(|other| other.subnet_id == subnet.subnet_id)?;
        let mut parts = of_vpc.subnets(of_vpc.prefix_len().max(SUBNET_BITS)).ok()?;
        parts.nth(index)
    }

    fn route_tables_of(&self, vpc: &str) -> Vec<RouteTable> {
        let entries = self.route_tables.iter().filter(|table| table.vpc_id == vpc);
        let mut tables: Vec<RouteTable> = entries.map(|entry| self.to_route_table(entry)).collect();
        if !tables.iter().any(|table| table.is_main) {
            tables.push(RouteTable {
                id: made_id("rtb", vpc).into(),
                vpc: vpc.into(),
                is_main: true,
                associations: Vec::new(),
                routes: local_routes(&self.vpc_cidrs(vpc)),
                tags: BTreeMap::new(),
            });
        }
        tables
    }

    fn to_route_table(&self, entry: &RouteTableEntry) -> RouteTable {
        let mut routes: Vec<Route> = entry.routes.iter().filter_map(to_route).collect();
        for route in local_routes(&self.vpc_cidrs(&entry.vpc_id)) {
            if !routes.iter().any(|named| named.destination == route.destination) {
                routes.push(route);
            }
        }
        let association = |index: usize, subnet: &String| Association {
            id: format!("rtbassoc-{}-{index}", entry.route_table_id),
            subnet: subnet.as_str().into(),
        };
        RouteTable {
            id: entry.route_table_id.as_str().into(),
            vpc: entry.vpc_id.as_str().into(),
            is_main: entry.associations.iter().any(|found| found.main),
            associations: entry
                .associations
                .iter()
                .enumerate()
                .filter_map(|(index, found)| {
                    let made = association(index, found.subnet_id.as_ref()?);
                    Some(Association {
                        id: found.route_table_association_id.clone().unwrap_or(made.id),
                        ..made
                    })
                })
                .collect(),
            routes,
            tags: Tag::map(&entry.tags),
        }
    }

    fn acls_of(&self, vpc: &str) -> Vec<NetworkAcl> {
        let entries = self.network_acls.iter().filter(|acl| acl.vpc_id == vpc);
        let mut acls: Vec<NetworkAcl> = entries.map(to_acl).collect();
        if !acls.iter().any(|acl| acl.is_default) {
            acls.push(default_acl(vpc));
        }
        acls
    }

    /// What decides what passes between these subnets of these VPCs, where the resources in them have these groups.
    pub(super) fn between(&self, vpcs: &[VpcId], subnets: &BTreeSet<&SubnetId>, groups: &[GroupId]) -> Network {
        let of_vpcs: BTreeSet<&str> = vpcs.iter().map(VpcId::as_str).collect();
        let is_asked = |entry: &&SubnetEntry| subnets.iter().any(|id| id.as_str() == entry.subnet_id);
        let subnets = self.subnets.iter().filter(is_asked);
        let subnet = |entry: &SubnetEntry| Subnet {
            id: entry.subnet_id.as_str().into(),
            vpc: entry.vpc_id.as_str().into(),
            cidrs: self.subnet_cidrs(entry),
            doubtful_cidrs: entry.doubtful_cidrs(),
            availability_zone: entry.availability_zone.clone(),
            free_addresses: None,
            tags: BTreeMap::new(),
        };
        let has = |entry: &&SecurityGroupEntry| groups.iter().any(|id| id.as_str() == entry.group_id);
        let list = |entry: &PrefixListEntry| PrefixList {
            id: entry.prefix_list_id.as_str().into(),
            entries: Part::Read(ranges(entry.entries.iter().map(|entry| &entry.cidr))),
        };
        let peerings = self.vpc_peering_connections.iter();
        Network {
            subnets: Part::Read(subnets.map(subnet).collect()),
            route_tables: Part::Read(of_vpcs.iter().flat_map(|vpc| self.route_tables_of(vpc)).collect()),
            acls: Part::Read(of_vpcs.iter().flat_map(|vpc| self.acls_of(vpc)).collect()),
            peerings: Part::Read(peerings.map(|entry| self.to_peering(entry)).collect()),
            prefix_lists: Part::Read(self.prefix_lists.iter().map(list).collect()),
            groups: Part::Read(
                self.security_groups
                    .iter()
                    .filter(has)
                    .map(SecurityGroupEntry::to_model)
                    .collect(),
            ),
            ..Network::default()
        }
    }

    fn to_peering(&self, entry: &PeeringEntry) -> Peering {
        Peering {
            id: entry.vpc_peering_connection_id.as_str().into(),
            status: entry.status.code.clone(),
            requester: self.to_side(&entry.requester_vpc_info),
            accepter: self.to_side(&entry.accepter_vpc_info),
        }
    }

    fn to_side(&self, info: &PeeringVpcInfo) -> PeeringSide {
        let ipv4 = info.cidr_block_set.iter().map(|block| &block.cidr_block);
        let ipv6 = info.ipv6_cidr_block_set.iter().map(|block| &block.ipv6_cidr_block);
        let mut cidrs = ranges(ipv4.chain(ipv6));
        if cidrs.is_empty() {
            cidrs = self.vpc_cidrs(&info.vpc_id);
        }
        let options = info.peering_options.as_ref();
        PeeringSide {
            vpc: info.vpc_id.as_str().into(),
            owner: info.owner_id.clone().or_else(|| Some(self.account_id.clone())),
            region: info.region.clone().or_else(|| Some(self.region.clone())),
            cidrs,
            resolves_for_peer: Some(options.is_some_and(|options| options.allow_dns_resolution_from_remote_vpc)),
        }
    }
}

/// The id of what the file leaves out, which follows from the VPC's.
fn made_id(kind: &str, vpc: &str) -> String {
    format!("{kind}-{}", vpc.strip_prefix("vpc-").unwrap_or(vpc))
}

fn local_routes(cidrs: &[IpNet]) -> Vec<Route> {
    let local = |cidr: &IpNet| Route {
        destination: Destination::Cidr(*cidr),
        target: RouteTarget::Local,
        state: RouteState::Active,
        origin: RouteOrigin::Static,
    };
    cidrs.iter().map(local).collect()
}

fn to_route(entry: &RouteEntry) -> Option<Route> {
    let cidr = entry
        .destination_cidr_block
        .as_ref()
        .or(entry.destination_ipv6_cidr_block.as_ref());
    let destination = match (cidr, &entry.destination_prefix_list_id) {
        (Some(cidr), _) => Destination::Cidr(cidr.parse().ok()?),
        (None, Some(list)) => Destination::PrefixList(list.as_str().into()),
        (None, None) => return None,
    };
    Some(Route {
        destination,
        target: entry.target()?,
        state: RouteState::from_api(&entry.state),
        origin: entry
            .origin
            .as_deref()
            .map_or(RouteOrigin::Static, RouteOrigin::from_api),
    })
}

impl RouteEntry {
    /// An active route to a destination through a target.
    pub fn leading(destination: &Destination, target: &RouteTarget) -> Self {
        let mut entry = Self {
            state: "active".to_owned(),
            ..Self::default()
        };
        match destination {
            Destination::Cidr(cidr @ IpNet::V4(_)) => entry.destination_cidr_block = Some(cidr.to_string()),
            Destination::Cidr(cidr) => entry.destination_ipv6_cidr_block = Some(cidr.to_string()),
            Destination::PrefixList(list) => entry.destination_prefix_list_id = Some(list.to_string()),
        }
        match target {
            RouteTarget::Local => entry.gateway_id = Some("local".to_owned()),
            RouteTarget::Peering(id) => entry.vpc_peering_connection_id = Some(id.to_string()),
            RouteTarget::InternetGateway(id) => entry.gateway_id = Some(id.to_string()),
            RouteTarget::EgressOnly(id) => entry.egress_only_internet_gateway_id = Some(id.to_string()),
            RouteTarget::Nat(id) => entry.nat_gateway_id = Some(id.to_string()),
            RouteTarget::Interface(id) => entry.network_interface_id = Some(id.to_string()),
            RouteTarget::Endpoint(id) => entry.gateway_id = Some(id.to_string()),
            RouteTarget::TransitGateway(id) => entry.transit_gateway_id = Some(id.clone()),
            RouteTarget::VpnGateway(id) | RouteTarget::Other(id) => entry.gateway_id = Some(id.clone()),
        }
        entry
    }

    /// What it leads through; none where it names nothing.
    pub fn target(&self) -> Option<RouteTarget> {
        let targets = [
            self.gateway_id.as_deref().map(RouteTarget::of_gateway),
            self.nat_gateway_id.as_deref().map(|id| RouteTarget::Nat(id.into())),
            self.vpc_peering_connection_id
                .as_deref()
                .map(|id| RouteTarget::Peering(id.into())),
            self.transit_gateway_id.clone().map(RouteTarget::TransitGateway),
            self.egress_only_internet_gateway_id
                .as_deref()
                .map(|id| RouteTarget::EgressOnly(id.into())),
            self.network_interface_id
                .as_deref()
                .map(|id| RouteTarget::Interface(id.into())),
        ];
        targets.into_iter().flatten().next()
    }
}

fn to_acl(entry: &NetworkAclEntry) -> NetworkAcl {
    let subnets = entry.associations.iter();
    NetworkAcl {
        id: entry.network_acl_id.as_str().into(),
        vpc: entry.vpc_id.as_str().into(),
        is_default: entry.is_default,
        subnets: subnets.map(|found| found.subnet_id.as_str().into()).collect(),
        entries: entry.entries.iter().filter_map(AclRule::to_model).collect(),
    }
}

impl AclRule {
    /// The entry as the rest of the program knows it; none where its range or protocol is none.
    pub(super) fn to_model(&self) -> Option<AclEntry> {
        let cidr = self.cidr_block.as_ref().or(self.ipv6_cidr_block.as_ref())?;
        Some(AclEntry {
            number: self.rule_number,
            direction: if self.egress {
                Direction::Egress
            } else {
                Direction::Ingress
            },
            allows: self.rule_action == "allow",
            protocol: match self.protocol.as_str() {
                "-1" => None,
                number => Some(number.parse().ok()?),
            },
            ports: self.port_range.map(|ports| (ports.from, ports.to)),
            cidr: cidr.parse().ok()?,
        })
    }
}

fn default_acl(vpc: &str) -> NetworkAcl {
    let everywhere = || ["0.0.0.0/0", "::/0"].into_iter().filter_map(|cidr| cidr.parse().ok());
    let entry = |number, direction, allows, cidr| AclEntry {
        number,
        direction,
        allows,
        protocol: None,
        ports: None,
        cidr,
    };
    let both = [Direction::Ingress, Direction::Egress];
    let of = |direction| {
        let allowed = everywhere()
            .zip([100, 101])
            .map(move |(cidr, number)| entry(number, direction, true, cidr));
        allowed.chain(everywhere().map(move |cidr| entry(LAST_RULE, direction, false, cidr)))
    };
    NetworkAcl {
        id: made_id("acl", vpc).into(),
        vpc: vpc.into(),
        is_default: true,
        subnets: Vec::new(),
        entries: both.into_iter().flat_map(of).collect(),
    }
}

fn attached_to(attachments: &[GatewayAttachment]) -> Option<VpcId> {
    let attached = attachments
        .iter()
        .find(|found| ["available", "attached"].contains(&found.state.as_str()));
    attached.map(|found| found.vpc_id.as_str().into())
}

fn to_internet_gateway(entry: &InternetGatewayEntry) -> InternetGateway {
    InternetGateway {
        id: entry.internet_gateway_id.as_str().into(),
        vpc: attached_to(&entry.attachments),
        tags: Tag::map(&entry.tags),
    }
}

fn to_nat_gateway(entry: &NatGatewayEntry) -> NatGateway {
    let addresses = entry.nat_gateway_addresses.iter();
    NatGateway {
        id: entry.nat_gateway_id.as_str().into(),
        vpc: entry.vpc_id.as_str().into(),
        subnet: entry.subnet_id.as_deref().map(SubnetId::from),
        mode: NatMode::from_api(entry.availability_mode.as_deref()),
        route_table: entry.route_table_id.as_deref().map(RouteTableId::from),
        state: entry.state.clone(),
        failure: entry.failure_message.clone(),
        connectivity: entry.connectivity_type.clone(),
        public_addresses: addresses.filter_map(|address| address.public_ip.clone()).collect(),
        tags: Tag::map(&entry.tags),
    }
}

fn to_endpoint(entry: &EndpointEntry) -> Endpoint {
    Endpoint {
        id: entry.vpc_endpoint_id.as_str().into(),
        vpc: entry.vpc_id.as_str().into(),
        kind: EndpointKind::from_api(&entry.vpc_endpoint_type),
        service: entry.service_name.clone(),
        state: entry.state.to_ascii_lowercase(),
        subnets: entry.subnet_ids.iter().map(|id| id.as_str().into()).collect(),
        groups: entry
            .groups
            .iter()
            .map(|group| group.group_id.as_str().into())
            .collect(),
        route_tables: entry.route_table_ids.iter().map(|id| id.as_str().into()).collect(),
        private_dns: entry.private_dns_enabled,
        only_inbound_resolver: entry
            .dns_options
            .as_ref()
            .map(|dns| dns.private_dns_only_for_inbound_resolver_endpoint.unwrap_or_default()),
        policy: entry.policy_document.clone(),
        tags: Tag::map(&entry.tags),
    }
}

fn to_interface(entry: &InterfaceEntry) -> DescribedInterface {
    let groups = entry.groups.iter();
    let groups: Vec<GroupId> = groups.map(|group| group.group_id.as_str().into()).collect();
    DescribedInterface {
        interface: Interface {
            id: entry.network_interface_id.as_str().into(),
            vpc: entry.vpc_id.as_str().into(),
            subnet: entry.subnet_id.as_str().into(),
            checks_destination: Some(entry.source_dest_check),
            public_address: entry.public_ip.clone(),
            status: entry.status.clone(),
            groups: groups.clone(),
        },
        description: entry.description.clone(),
        groups,
        is_of_service: false,
    }
}

impl State {
    fn groups_by(&mut self, which: GroupFilter<'_>) -> Outcome<Vec<SecurityGroup>> {
        let all = |state: &Self| -> Vec<SecurityGroup> {
            let groups = state.document.security_groups.iter();
            groups.map(SecurityGroupEntry::to_model).collect()
        };
        let mut found: Vec<SecurityGroup> = match which {
            GroupFilter::Id(id) => vec![self.read_group(id)?.to_model()],
            GroupFilter::Ids(ids) => {
                let read = ids.iter().filter_map(|id| self.read_group(id).ok());
                read.map(|entry| entry.to_model()).collect()
            }
            GroupFilter::OfConvention(vpc) | GroupFilter::Named(vpc, _) => {
                let visible = self.read_groups(vpc.as_str());
                visible.iter().map(SecurityGroupEntry::to_model).collect()
            }
            GroupFilter::All | GroupFilter::Naming(..) | GroupFilter::Tagged(..) => all(self),
        };
        match which {
            GroupFilter::Named(_, names) => found.retain(|group| names.contains(&group.name.as_str())),
            GroupFilter::Naming(ids, direction) => {
                let ids: BTreeSet<&GroupId> = ids.iter().collect();
                found.retain(|group| {
                    let mut peers = group.rules(direction).iter().filter_map(|rule| rule.peer.group());
                    peers.any(|peer| ids.contains(peer))
                });
            }
            GroupFilter::Tagged(key, value) => {
                found.retain(|group| group.tags.get(key).is_some_and(|found| found == value));
            }
            GroupFilter::All | GroupFilter::Id(_) | GroupFilter::Ids(_) | GroupFilter::OfConvention(_) => {}
        }
        Ok(found)
    }
}

/// Those of the VPCs, in the order of the file.
fn of_vpcs<T>(vpcs: &[VpcId], of: impl Fn(&str) -> Vec<T>) -> Vec<T> {
    vpcs.iter().flat_map(|vpc| of(vpc.as_str())).collect()
}

fn is_of(vpcs: &[VpcId], id: &str) -> bool {
    vpcs.iter().any(|vpc| vpc.as_str() == id)
}

#[async_trait::async_trait]
impl NetworkCloud for OfflineAccount {
    async fn describe_vpcs(&self, ids: &[VpcId]) -> Answer<Vec<Vpc>> {
        self.read(Operation::DescribeVpcs, |state| {
            let document = &state.document;
            let asked = document.vpcs.iter().enumerate();
            let vpc = |(index, entry): (usize, &VpcEntry)| Vpc {
                id: entry.vpc_id.as_str().into(),
                owner: entry.owner_id.clone().or_else(|| Some(document.account_id.clone())),
                cidrs: entry.cidrs(index),
                doubtful_cidrs: entry.doubtful_cidrs(),
                tenancy: entry.instance_tenancy.clone().unwrap_or_else(|| "default".to_owned()),
                dns: Part::Unread("not asked for".to_owned()),
                dhcp_options: entry.dhcp_options_id.clone().filter(|id| id != "default"),
                resolver: Part::Unread("not asked for".to_owned()),
            };
            Ok(asked.filter(|(_, entry)| is_of(ids, &entry.vpc_id)).map(vpc).collect())
        })
    }

    async fn describe_vpc_dns(&self, id: &VpcId) -> Answer<VpcDns> {
        self.read(Operation::DescribeVpcAttribute, |state| {
            let vpcs = &state.document.vpcs;
            let found = vpcs.iter().find(|vpc| vpc.vpc_id == id.as_str());
            let found = found.ok_or_else(|| Fault::NotFound(format!("The vpc ID '{id}' does not exist")))?;
            Ok(VpcDns {
                support: found.enable_dns_support.unwrap_or(true),
                hostnames: found.enable_dns_hostnames.unwrap_or(true),
            })
        })
    }

    async fn describe_dhcp_options(&self, ids: &[String]) -> Answer<BTreeMap<String, Resolver>> {
        self.read(Operation::DescribeDhcpOptions, |state| {
            let asked = state.document.dhcp_options.iter();
            let asked = asked.filter(|options| ids.contains(&options.dhcp_options_id));
            let resolver = |options: &DhcpOptionsEntry| {
                let servers = options.dhcp_configurations.iter();
                let servers = servers.filter(|found| found.key == "domain-name-servers");
                Resolver::of(servers.flat_map(|found| found.values.iter().map(|found| found.value.clone())))
            };
            Ok(asked
                .map(|options| (options.dhcp_options_id.clone(), resolver(options)))
                .collect())
        })
    }

    async fn describe_security_groups(&self, which: GroupFilter<'_>, from: Option<String>) -> Listed<SecurityGroup> {
        let operation = Operation::DescribeSecurityGroups;
        if let GroupFilter::All = which {
            let to_model = |_: &State, entry: &SecurityGroupEntry| Some(entry.to_model());
            return self.page(
                operation,
                EC2_PAGE,
                from,
                |document| &document.security_groups,
                to_model,
            );
        }
        self.read(operation, |state| Ok(state.groups_by(which)?.into()))
    }

    async fn describe_security_group_rules(&self, groups: &[GroupId], _: Option<String>) -> Listed<DescribedRule> {
        self.read(Operation::DescribeSecurityGroupRules, |state| {
            Ok(state.described_rules(groups).into())
        })
    }

    async fn describe_subnets(&self, which: SubnetFilter<'_>, from: Option<String>) -> Listed<DescribedSubnet> {
        let operation = Operation::DescribeSubnets;
        let to_model = |state: &State, entry: &SubnetEntry| Some(state.to_subnet(entry));
        match which {
            SubnetFilter::All => self.page(operation, EC2_PAGE, from, |document| &document.subnets, to_model),
            SubnetFilter::Ids(ids) => self.read(operation, |state| {
                let subnets = &state.document.subnets;
                let found: Outcome<Vec<DescribedSubnet>> = ids
                    .iter()
                    .map(|id| {
                        let entry = subnets.iter().find(|subnet| subnet.subnet_id == id.as_str());
                        let missing = || Fault::NotFound(format!("The subnet ID '{id}' does not exist"));
                        Ok(state.to_subnet(entry.ok_or_else(missing)?))
                    })
                    .collect();
                Ok(found?.into())
            }),
            SubnetFilter::OfVpcs(vpcs) => self.read(operation, |state| {
                let subnets = state.document.subnets.iter();
                let found = subnets.filter(|subnet| is_of(vpcs, &subnet.vpc_id));
                let found: Vec<DescribedSubnet> = found.map(|entry| state.to_subnet(entry)).collect();
                Ok(found.into())
            }),
        }
    }

    async fn describe_route_tables(&self, vpcs: &[VpcId]) -> Answer<Vec<RouteTable>> {
        self.read(Operation::DescribeRouteTables, |state| {
            Ok(of_vpcs(vpcs, |vpc| state.document.route_tables_of(vpc)))
        })
    }

    async fn describe_network_acls(&self, vpcs: &[VpcId]) -> Answer<Vec<NetworkAcl>> {
        self.read(Operation::DescribeNetworkAcls, |state| {
            Ok(of_vpcs(vpcs, |vpc| state.document.acls_of(vpc)))
        })
    }

    async fn describe_peerings(&self, vpcs: &[VpcId]) -> Answer<Vec<Peering>> {
        self.read(Operation::DescribeVpcPeeringConnections, |state| {
            let document = &state.document;
            let has_part = |entry: &&PeeringEntry| {
                is_of(vpcs, &entry.requester_vpc_info.vpc_id) || is_of(vpcs, &entry.accepter_vpc_info.vpc_id)
            };
            let entries = document.vpc_peering_connections.iter().filter(has_part);
            Ok(entries.map(|entry| document.to_peering(entry)).collect())
        })
    }

    async fn describe_internet_gateways(&self, which: GatewayFilter<'_>) -> Answer<Vec<InternetGateway>> {
        self.read(Operation::DescribeInternetGateways, |state| {
            let gateways = state.document.internet_gateways.iter().map(to_internet_gateway);
            let is_asked = |found: &InternetGateway| match which {
                GatewayFilter::AttachedTo(vpcs) => found.vpc.as_ref().is_some_and(|vpc| vpcs.contains(vpc)),
                GatewayFilter::Tagged(key, value) => found.tags.get(key).is_some_and(|found| found == value),
            };
            Ok(gateways.filter(is_asked).collect())
        })
    }

    async fn describe_egress_only_gateways(&self, vpcs: &[VpcId]) -> Answer<Vec<EgressOnlyGateway>> {
        self.read(Operation::DescribeEgressOnlyInternetGateways, |state| {
            let entries = state.document.egress_only_internet_gateways.iter();
            let gateways = entries.map(|entry| EgressOnlyGateway {
                id: entry.egress_only_internet_gateway_id.as_str().into(),
                vpc: attached_to(&entry.attachments),
            });
            let is_attached = |found: &EgressOnlyGateway| found.vpc.as_ref().is_some_and(|vpc| vpcs.contains(vpc));
            Ok(gateways.filter(is_attached).collect())
        })
    }

    async fn describe_nat_gateways(&self, vpcs: &[VpcId]) -> Answer<Vec<NatGateway>> {
        self.read(Operation::DescribeNatGateways, |state| {
            state.settle_network();
            let entries = state.document.nat_gateways.iter();
            Ok(entries
                .filter(|entry| is_of(vpcs, &entry.vpc_id))
                .map(to_nat_gateway)
                .collect())
        })
    }

    async fn describe_public_access(&self) -> Answer<PublicAccess> {
        self.read(Operation::DescribeVpcBlockPublicAccessOptions, |state| {
            let account = Some(state.document.account_id.clone());
            let Some(options) = &state.document.vpc_block_public_access_options else {
                return Ok(PublicAccess {
                    account,
                    ..PublicAccess::default()
                });
            };
            if options.internet_gateway_block_mode == NOT_READ {
                let message = "it could not be read when the account file was written";
                return Err(Fault::Malformed(message.to_owned()));
            }
            Ok(PublicAccess {
                mode: options.internet_gateway_block_mode.clone(),
                state: options.state.clone(),
                exclusions_allowed: options.exclusions_allowed.clone(),
                account,
            })
        })
    }

    async fn describe_public_access_exclusions(&self) -> Answer<Vec<Exclusion>> {
        self.read(Operation::DescribeVpcBlockPublicAccessExclusions, |state| {
            let entries = state.document.vpc_block_public_access_exclusions.iter();
            let exclusion = |entry: &ExclusionEntry| Exclusion {
                id: entry.exclusion_id.clone(),
                resource: entry.resource_arn.clone(),
                mode: entry.internet_gateway_exclusion_mode.clone(),
                state: entry.state.clone(),
            };
            Ok(entries.map(exclusion).collect())
        })
    }

    async fn describe_vpc_endpoints(&self, vpcs: &[VpcId]) -> Answer<Vec<Endpoint>> {
        self.read(Operation::DescribeVpcEndpoints, |state| {
            state.settle_network();
            let entries = state.document.vpc_endpoints.iter();
            Ok(entries
                .filter(|entry| is_of(vpcs, &entry.vpc_id))
                .map(to_endpoint)
                .collect())
        })
    }

    async fn describe_endpoint_services(&self) -> Answer<Vec<EndpointService>> {
        self.read(Operation::DescribeVpcEndpointServices, |state| {
            let service = |entry: &EndpointServiceEntry| EndpointService {
                name: entry.service_name.clone(),
                kinds: entry
                    .service_type
                    .iter()
                    .map(|kind| EndpointKind::from_api(&kind.service_type))
                    .collect(),
                zones: entry.availability_zones.clone(),
                private_names: entry
                    .private_dns_names
                    .iter()
                    .map(|name| name.private_dns_name.clone())
                    .collect(),
            };
            Ok(state.document.vpc_endpoint_services.iter().map(service).collect())
        })
    }

    /// An account's file knows of no interfaces of functions and databases.
    async fn describe_network_interfaces(&self, which: InterfaceFilter<'_>) -> Answer<Vec<DescribedInterface>> {
        self.read(Operation::DescribeNetworkInterfaces, |state| {
            let interfaces = state.document.network_interfaces.iter().map(to_interface);
            let groups: BTreeSet<&GroupId> = match which {
                InterfaceFilter::Ids(_) => BTreeSet::new(),
                InterfaceFilter::WithGroups(groups) => groups.iter().collect(),
            };
            let is_asked = |found: &DescribedInterface| match which {
                InterfaceFilter::Ids(ids) => ids.contains(&found.interface.id),
                InterfaceFilter::WithGroups(_) => found.groups.iter().any(|id| groups.contains(id)),
            };
            Ok(interfaces.filter(is_asked).collect())
        })
    }

    async fn prefix_list_entries(&self, id: &PrefixListId) -> Answer<Vec<IpNet>> {
        self.read(Operation::GetManagedPrefixListEntries, |state| {
            let lists = &state.document.prefix_lists;
            let found = lists.iter().find(|list| list.prefix_list_id == id.as_str());
            let found = found.ok_or_else(|| Fault::NotFound(format!("The prefix list ID '{id}' does not exist")))?;
            Ok(ranges(found.entries.iter().map(|entry| &entry.cidr)))
        })
    }

    async fn describe_tagged_addresses(&self, key: &str, value: &str) -> Answer<Vec<Address>> {
        self.read(Operation::DescribeAddresses, |state| {
            let entries = state.document.addresses.iter();
            let tagged = entries.filter(|entry| State::is_tagged(&entry.tags, key, value));
            Ok(tagged
                .map(|entry| Address {
                    allocation: entry.allocation_id.clone(),
                    public_ip: entry.public_ip.clone(),
                    association: entry.association_id.clone(),
                    tags: Tag::map(&entry.tags),
                })
                .collect())
        })
    }

    async fn create_subnet(&self, new: &NewSubnet) -> Answer<SubnetId> {
        self.write(Operation::CreateSubnet, |state| state.create_subnet(new))
    }

    async fn create_internet_gateway(&self, tags: &Tags) -> Answer<InternetGatewayId> {
        self.write(Operation::CreateInternetGateway, |state| {
            Ok(state.create_internet_gateway(tags))
        })
    }

    async fn attach_internet_gateway(&self, gateway: &InternetGatewayId, vpc: &VpcId) -> Answer<()> {
        self.write(Operation::AttachInternetGateway, |state| {
            state.attach_internet_gateway(gateway, vpc)
        })
    }

    async fn allocate_address(&self, tags: &Tags) -> Answer<String> {
        self.write(Operation::AllocateAddress, |state| state.allocate_address(tags))
    }

    async fn create_nat_gateway(&self, subnet: &SubnetId, allocation: &str, tags: &Tags) -> Answer<NatGatewayId> {
        self.write(Operation::CreateNatGateway, |state| {
            state.create_nat_gateway(subnet, allocation, tags)
        })
    }

    async fn create_route_table(&self, vpc: &VpcId, tags: &Tags) -> Answer<RouteTableId> {
        self.write(Operation::CreateRouteTable, |state| state.create_route_table(vpc, tags))
    }

    async fn create_route(&self, table: &RouteTableId, destination: IpNet, target: &RouteTarget) -> Answer<()> {
        self.write(Operation::CreateRoute, |state| {
            state.create_route(table, destination, target)
        })
    }

    async fn replace_route(&self, table: &RouteTableId, destination: IpNet, target: &RouteTarget) -> Answer<()> {
        self.write(Operation::ReplaceRoute, |state| {
            state.replace_route(table, destination, target)
        })
    }

    async fn associate_route_table(&self, table: &RouteTableId, subnet: &SubnetId) -> Answer<()> {
        self.write(Operation::AssociateRouteTable, |state| {
            state.associate_route_table(table, subnet)
        })
    }

    async fn replace_route_table_association(&self, association: &str, table: &RouteTableId) -> Answer<()> {
        self.write(Operation::ReplaceRouteTableAssociation, |state| {
            state.replace_association(association, table)
        })
    }

    async fn create_vpc_endpoint(&self, new: &NewEndpoint) -> Answer<EndpointId> {
        self.write(Operation::CreateVpcEndpoint, |state| state.create_endpoint(new))
    }

    async fn modify_vpc_endpoint(&self, id: &EndpointId, change: &EndpointChange) -> Answer<()> {
        self.write(Operation::ModifyVpcEndpoint, |state| state.modify_endpoint(id, change))
    }

    async fn allow_peering_dns(&self, id: &PeeringId, requester: bool, accepter: bool) -> Answer<()> {
        self.write(Operation::ModifyVpcPeeringConnectionOptions, |state| {
            state.allow_peering_dns(id, requester, accepter)
        })
    }

    async fn create_security_group(&self, new: &NewSecurityGroup) -> Answer<GroupId> {
        self.write(Operation::CreateSecurityGroup, |state| state.create_security_group(new))
    }

    async fn revoke_security_group(&self, group: &GroupId, direction: Direction, rules: &[Rule]) -> Answer<()> {
        self.write(Operation::revokes(direction), |state| {
            state.revoke(group, direction, rules)
        })
    }

    async fn authorize_security_group(&self, group: &GroupId, direction: Direction, rule: &Rule) -> Answer<()> {
        self.write(Operation::authorizes(direction), |state| {
            state.authorize(group, direction, rule)
        })
    }

    async fn tag_groups(&self, groups: &[GroupId], key: &str, value: &str) -> Answer<()> {
        self.write(Operation::CreateTags, |state| {
            state.tag_groups(groups, key, Some(value))
        })
    }

    async fn untag_groups(&self, groups: &[GroupId], key: &str) -> Answer<()> {
        self.write(Operation::DeleteTags, |state| state.tag_groups(groups, key, None))
    }

    async fn delete_group(&self, group: &GroupId) -> Answer<()> {
        self.write(Operation::DeleteSecurityGroup, |state| {
            state.delete_security_group(group)
        })
    }
}
