//! VPCs, what is in them and between them, and security groups.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::{AT_ONCE, Snapshot};
use crate::account::{
    AclPorts, AclRule, AddressEntry, CidrBlock, CidrBlockState, DhcpConfiguration, DhcpOptionsEntry, DhcpValue,
    DnsOptions, EgressOnlyGatewayEntry, EndpointEntry, EndpointServiceEntry, ExclusionEntry, GatewayAttachment,
    GroupIdentifier, InterfaceEntry, InternetGatewayEntry, IpPermission, Ipv6CidrBlock, NatGatewayAddress,
    NatGatewayEntry, NetworkAclAssociation, NetworkAclEntry, PeeringEntry, PeeringOptions, PeeringStatus,
    PeeringVpcInfo, PrefixListEntry, PrefixListRange, PrivateDnsNameEntry, PublicAccessOptions, RouteEntry,
    RouteTableAssociation, RouteTableEntry, SecurityGroupEntry, SecurityGroupRuleEntry, ServiceTypeEntry, SubnetEntry,
    Tag, Vpc,
};
use crate::cloud::{Answer, Cloud, DescribedSubnet, InterfaceFilter};
use crate::concurrent::bounded;
use crate::model::network::Own;
use crate::model::network::public_access::NOT_READ;
use crate::model::network::{
    AclEntry, Address, EndpointKind, Exclusion, Interface, InternetGateway, LAST_RULE, NatGateway, NatMode, Network,
    NetworkAcl, Part, PeeringSide, PublicAccess, Resolver, Route, RouteTable, Subnet, Vpc as ModelVpc,
};
use crate::model::{Direction, GroupId, InterfaceId, Peer, Rule, SecurityGroup, VpcId};
use crate::naming::Convention;
use crate::observe::network::network;
use crate::observe::{described_rules, made_for_internet, patiently};
use crate::ownership::looks_ours;

/// The account of a group that is not in the snapshot.
const ELSEWHERE: &str = "unknown";

/// How many values EC2 takes for a filter.
pub(super) const VALUES_OF_A_FILTER: usize = 200;

/// The VPCs that have anything in them, as far as they are wanted.
pub(super) fn vpcs_of(
    subnets: &[DescribedSubnet],
    groups: &[SecurityGroup],
    is_in: &impl Fn(&VpcId) -> bool,
) -> Vec<VpcId> {
    let of_subnets = subnets.iter().map(|listed| &listed.subnet.vpc);
    let vpcs: BTreeSet<&VpcId> = of_subnets.chain(groups.iter().map(|group| &group.vpc)).collect();
    vpcs.into_iter()
        .filter(|vpc| is_in(vpc) && !vpc.as_str().is_empty())
        .cloned()
        .collect()
}

fn dns_options(only_inbound_resolver: bool) -> DnsOptions {
    DnsOptions {
        dns_record_ip_type: None,
        private_dns_only_for_inbound_resolver_endpoint: Some(only_inbound_resolver),
    }
}

/// Both families of some ranges.
fn families(cidrs: &[IpNet]) -> (Vec<CidrBlock>, Vec<Ipv6CidrBlock>) {
    by_family(cidrs.iter().map(|cidr| (cidr, None)))
}

/// Both families of ranges in a state that is not known.
fn doubtful(cidrs: &[(IpNet, String)]) -> (Vec<CidrBlock>, Vec<Ipv6CidrBlock>) {
    by_family(cidrs.iter().map(|(cidr, state)| (cidr, Some(state.clone()))))
}

/// Ranges, each with its state if that is to be written.
fn by_family<'c>(cidrs: impl Iterator<Item = (&'c IpNet, Option<String>)>) -> (Vec<CidrBlock>, Vec<Ipv6CidrBlock>) {
    let (mut ipv4, mut ipv6) = (Vec::new(), Vec::new());
    for (cidr, state) in cidrs {
        let state = state.map(|state| CidrBlockState { state });
        match cidr {
            IpNet::V4(_) => ipv4.push(CidrBlock {
                cidr_block: cidr.to_string(),
                cidr_block_state: state,
            }),
            IpNet::V6(_) => ipv6.push(Ipv6CidrBlock {
                ipv6_cidr_block: cidr.to_string(),
                ipv6_cidr_block_state: state,
            }),
        }
    }
    (ipv4, ipv6)
}

fn texts<T: ToString>(ids: &[T]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

fn attachments(vpc: Option<&VpcId>) -> Vec<GatewayAttachment> {
    let attached = |vpc: &VpcId| GatewayAttachment {
        vpc_id: vpc.to_string(),
        state: "attached".to_owned(),
    };
    vpc.map(attached).into_iter().collect()
}

impl Snapshot {
    /// The network of VPCs. `listing` are the groups with rules that name prefix lists, whose ranges are asked for too.
    pub(super) async fn network(&mut self, cloud: &dyn Cloud, vpcs: &[VpcId], listing: &[GroupId]) -> Answer<()> {
        let Network {
            vpcs,
            subnets,
            route_tables,
            acls,
            peerings,
            internet_gateways,
            egress_only_gateways,
            nat_gateways,
            public_access,
            exclusions,
            endpoints,
            services: _,
            interfaces,
            prefix_lists,
            groups: _,
        } = network(cloud, vpcs, listing).await?;
        let own = self.document.account_id.clone();
        let vpcs = self.part(vpcs);
        self.document.dhcp_options = dhcp_options(&vpcs);
        self.document.vpcs = vpcs.iter().map(|vpc| to_vpc(vpc, &own)).collect();
        self.document.subnets = self.part(subnets).iter().map(to_subnet).collect();
        self.document.route_tables = self.part(route_tables).iter().map(to_route_table).collect();
        self.document.network_acls = self.part(acls).iter().map(to_acl).collect();
        let peerings = self.part(peerings).into_iter().map(|peering| PeeringEntry {
            vpc_peering_connection_id: peering.id.to_string(),
            status: PeeringStatus { code: peering.status },
            requester_vpc_info: to_side(&peering.requester),
            accepter_vpc_info: to_side(&peering.accepter),
        });
        self.document.vpc_peering_connections = peerings.collect();
        self.document.internet_gateways = self.part(internet_gateways).iter().map(to_gateway).collect();
        let gateways = self
            .part(egress_only_gateways)
            .into_iter()
            .map(|gateway| EgressOnlyGatewayEntry {
                egress_only_internet_gateway_id: gateway.id.to_string(),
                attachments: attachments(gateway.vpc.as_ref()),
            });
        self.document.egress_only_internet_gateways = gateways.collect();
        // A NAT gateway that is gone has no subnet any more.
        let gateways = self.part(nat_gateways).into_iter();
        let gateways = gateways.filter(|gateway| gateway.subnet.is_some() || gateway.mode != NatMode::Zonal);
        self.document.nat_gateways = gateways.map(to_nat_gateway).collect();
        self.public_access(public_access, &exclusions);
        let endpoints = self.part(endpoints).into_iter().map(|endpoint| EndpointEntry {
            vpc_endpoint_id: endpoint.id.to_string(),
            vpc_endpoint_type: kind_of_endpoint(endpoint.kind),
            vpc_id: endpoint.vpc.to_string(),
            service_name: endpoint.service,
            state: endpoint.state,
            subnet_ids: texts(&endpoint.subnets),
            groups: endpoint
                .groups
                .iter()
                .map(|id| GroupIdentifier {
                    group_id: id.to_string(),
                })
                .collect(),
            route_table_ids: texts(&endpoint.route_tables),
            private_dns_enabled: endpoint.private_dns,
            dns_options: endpoint.only_inbound_resolver.map(dns_options),
            policy_document: endpoint.policy,
            tags: Tag::list(&endpoint.tags),
        });
        self.document.vpc_endpoints = endpoints.collect();
        self.document.network_interfaces = self.part(interfaces).into_iter().map(to_interface).collect();
        for list in self.part(prefix_lists) {
            let entries = self.part(list.entries);
            self.document.prefix_lists.push(PrefixListEntry {
                prefix_list_id: list.id.to_string(),
                prefix_list_name: None,
                entries: entries
                    .iter()
                    .map(|cidr| PrefixListRange { cidr: cidr.to_string() })
                    .collect(),
            });
        }
        Ok(())
    }

    /// VPC Block Public Access, also where it is off: a file that does not show it says less.
    fn public_access(&mut self, setting: Part<PublicAccess>, exclusions: &Part<Vec<Exclusion>>) {
        let not_read = |why: String| {
            let setting = PublicAccess {
                mode: NOT_READ.to_owned(),
                state: None,
                ..PublicAccess::default()
            };
            (setting, Some(why))
        };
        let (setting, gap) = match (setting, exclusions) {
            (Part::Unread(why), _) => not_read(why),
            // Without them it is not known what the setting stops.
            (Part::Read(_), Part::Unread(why)) => not_read(why.clone()),
            (Part::Read(setting), Part::Read(_)) => (setting, None),
        };
        if let Some(why) = gap {
            self.note_gap(why);
        }
        self.document.vpc_block_public_access_options = Some(PublicAccessOptions {
            internet_gateway_block_mode: setting.mode,
            state: setting.state,
            exclusions_allowed: setting.exclusions_allowed,
        });
        let entry = |exclusion: Exclusion| ExclusionEntry {
            exclusion_id: exclusion.id,
            resource_arn: exclusion.resource,
            internet_gateway_exclusion_mode: exclusion.mode,
            state: exclusion.state,
        };
        let exclusions = exclusions.known().cloned().unwrap_or_default();
        self.document.vpc_block_public_access_exclusions = exclusions.into_iter().map(entry).collect();
    }

    /// The services that endpoints can be for.
    pub(super) async fn endpoint_services(&mut self, cloud: &dyn Cloud) {
        let services = patiently(cloud, || cloud.describe_endpoint_services()).await;
        let services = self.read(services).into_iter().map(|service| EndpointServiceEntry {
            service_name: service.name,
            service_type: service
                .kinds
                .into_iter()
                .map(|kind| ServiceTypeEntry {
                    service_type: kind_of_endpoint(kind),
                })
                .collect(),
            availability_zones: service.zones,
            private_dns_names: service
                .private_names
                .into_iter()
                .map(|private_dns_name| PrivateDnsNameEntry { private_dns_name })
                .collect(),
        });
        self.document.vpc_endpoint_services = services.collect();
    }

    /// What earlier runs created for the VPCs' ways to the internet, and have not attached yet.
    pub(super) async fn made_for_internet(&mut self, cloud: &dyn Cloud, vpcs: &[VpcId]) {
        let reads = vpcs
            .iter()
            .map(|vpc| patiently(cloud, || made_for_internet(cloud, vpc)));
        for made in bounded(AT_ONCE, reads).await {
            let made: Own = self.read(made);
            let free = made.gateways.iter().filter(|gateway| gateway.vpc.is_none());
            self.document.internet_gateways.extend(free.map(to_gateway));
            self.document
                .addresses
                .extend(made.addresses.into_iter().map(to_address));
        }
    }

    /// What else has a group of the convention, such as an EC2 instance: `remove` leaves such a group where it is.
    pub(super) async fn interfaces(&mut self, cloud: &dyn Cloud) {
        let groups = self.document.security_groups.iter();
        let named = groups.filter(|group| Convention::ALL.iter().any(|of| of.number(&group.group_name).is_some()));
        let ids: Vec<GroupId> = named.map(|group| group.group_id.as_str().into()).collect();
        let mut bearing = BTreeMap::new();
        for some in ids.chunks(VALUES_OF_A_FILTER) {
            let found = patiently(cloud, || {
                cloud.describe_network_interfaces(InterfaceFilter::WithGroups(some))
            })
            .await;
            let others = self
                .read(found)
                .into_iter()
                .filter(|interface| !interface.is_of_service);
            bearing.extend(others.map(|found| (found.interface.id.to_string(), found)));
        }
        let ids: Vec<InterfaceId> = bearing.keys().map(|id| id.as_str().into()).collect();
        let mut entries = self.document.network_interfaces.clone();
        for some in ids.chunks(VALUES_OF_A_FILTER) {
            let found = patiently(cloud, || cloud.describe_network_interfaces(InterfaceFilter::Ids(some))).await;
            entries.extend(self.read(found).into_iter().map(|found| to_interface(found.interface)));
        }
        entries.sort_by(|a, b| a.network_interface_id.cmp(&b.network_interface_id));
        entries.dedup_by(|a, b| a.network_interface_id == b.network_interface_id);
        let groups = self.group_ids();
        for entry in &mut entries {
            let Some(interface) = bearing.remove(&entry.network_interface_id) else {
                continue;
            };
            entry.description = interface.description;
            // A group of a VPC that someone shares can be another account's.
            let known = interface.groups.iter().filter(|id| groups.contains(id.as_str()));
            entry.groups = known
                .map(|id| GroupIdentifier {
                    group_id: id.to_string(),
                })
                .collect();
        }
        self.document.network_interfaces = entries;
    }

    /// A part that was read; a gap where it was not.
    fn part<T>(&mut self, part: Part<Vec<T>>) -> Vec<T> {
        match part {
            Part::Read(read) => read,
            Part::Unread(why) => {
                self.note_gap(why);
                Vec::new()
            }
        }
    }

    /// Security groups. A rule can name a group that is not among them: of another VPC, of another account, or gone.
    pub(super) fn groups<'g>(&mut self, groups: impl Iterator<Item = &'g SecurityGroup>) {
        let kept: Vec<&SecurityGroup> = groups.collect();
        let ids: BTreeSet<&str> = kept.iter().map(|group| group.id.as_str()).collect();
        let permission = |rule: &Rule| {
            let mut permission = IpPermission::from_rule(rule);
            let elsewhere = permission
                .user_id_group_pairs
                .iter_mut()
                .filter(|pair| !ids.contains(pair.group_id.as_str()));
            elsewhere.for_each(|pair| pair.user_id = Some(ELSEWHERE.to_owned()));
            permission
        };
        let entry = |group: &&SecurityGroup| SecurityGroupEntry {
            group_id: group.id.to_string(),
            group_name: group.name.clone(),
            vpc_id: group.vpc.to_string(),
            // It shows whether a group is ours.
            description: group.description.clone(),
            ip_permissions: group.ingress.iter().map(permission).collect(),
            ip_permissions_egress: group.egress.iter().map(permission).collect(),
            tags: Tag::list(&group.tags),
        };
        self.document.security_groups = kept.iter().map(entry).collect();
    }
}

impl Snapshot {
    /// The rules of the groups that look ours, one by one: only those are exported.
    pub(super) async fn group_rules<'g>(&mut self, cloud: &dyn Cloud, groups: impl Iterator<Item = &'g SecurityGroup>) {
        let ids: Vec<GroupId> = groups
            .filter(|group| looks_ours(group))
            .map(|group| group.id.clone())
            .collect();
        let found = described_rules(cloud, &ids).await;
        let found = self.read(found);
        self.document.security_group_rules = Some(found.iter().map(SecurityGroupRuleEntry::from_described).collect());
    }
}

/// The groups with a rule that names a prefix list.
pub(super) fn listing(groups: &[SecurityGroup], is_in: &impl Fn(&VpcId) -> bool) -> Vec<GroupId> {
    let names_a_list = |group: &&SecurityGroup| {
        let mut rules = group.ingress.iter().chain(&group.egress);
        is_in(&group.vpc) && rules.any(|rule| matches!(rule.peer, Peer::PrefixList(_)))
    };
    groups
        .iter()
        .filter(names_a_list)
        .map(|group| group.id.clone())
        .collect()
}

fn to_gateway(gateway: &InternetGateway) -> InternetGatewayEntry {
    InternetGatewayEntry {
        internet_gateway_id: gateway.id.to_string(),
        attachments: attachments(gateway.vpc.as_ref()),
        tags: Tag::list(&gateway.tags),
    }
}

/// The API's `VpcEndpointType`.
fn kind_of_endpoint(kind: EndpointKind) -> String {
    match kind {
        EndpointKind::Interface => "Interface".to_owned(),
        EndpointKind::Gateway => "Gateway".to_owned(),
        EndpointKind::Other(kind) => kind,
    }
}

fn to_nat_gateway(gateway: NatGateway) -> NatGatewayEntry {
    NatGatewayEntry {
        nat_gateway_id: gateway.id.to_string(),
        vpc_id: gateway.vpc.to_string(),
        subnet_id: gateway.subnet.map(|subnet| subnet.to_string()),
        availability_mode: gateway.mode.as_api().map(str::to_owned),
        route_table_id: gateway.route_table.map(|table| table.to_string()),
        state: gateway.state,
        failure_message: gateway.failure,
        connectivity_type: gateway.connectivity,
        nat_gateway_addresses: gateway
            .public_addresses
            .into_iter()
            .map(|address| NatGatewayAddress {
                allocation_id: None,
                public_ip: Some(address),
            })
            .collect(),
        tags: Tag::list(&gateway.tags),
    }
}

fn to_address(address: Address) -> AddressEntry {
    AddressEntry {
        allocation_id: address.allocation,
        public_ip: address.public_ip,
        association_id: address.association,
        tags: Tag::list(&address.tags),
    }
}

fn to_interface(interface: Interface) -> InterfaceEntry {
    InterfaceEntry {
        network_interface_id: interface.id.to_string(),
        vpc_id: interface.vpc.to_string(),
        subnet_id: interface.subnet.to_string(),
        source_dest_check: interface.checks_destination.unwrap_or(true),
        status: interface.status,
        public_ip: interface.public_address,
        description: String::new(),
        groups: interface
            .groups
            .iter()
            .map(|id| GroupIdentifier {
                group_id: id.to_string(),
            })
            .collect(),
    }
}

/// The DHCP options of all VPCs, each once.
fn dhcp_options(vpcs: &[ModelVpc]) -> Vec<DhcpOptionsEntry> {
    let mut all: Vec<DhcpOptionsEntry> = vpcs.iter().filter_map(to_dhcp_options).collect();
    all.sort_by(|a, b| a.dhcp_options_id.cmp(&b.dhcp_options_id));
    all.dedup();
    all
}

fn to_dhcp_options(vpc: &ModelVpc) -> Option<DhcpOptionsEntry> {
    let servers = match vpc.resolver.known()? {
        Resolver::Amazon => return None,
        Resolver::Others(servers) => servers,
    };
    let values = servers.iter().map(|server| DhcpValue { value: server.clone() });
    Some(DhcpOptionsEntry {
        dhcp_options_id: vpc.dhcp_options.clone()?,
        dhcp_configurations: vec![DhcpConfiguration {
            key: "domain-name-servers".to_owned(),
            values: values.collect(),
        }],
    })
}

fn to_vpc(vpc: &ModelVpc, own: &str) -> Vpc {
    let (ipv4, ipv6) = families(&vpc.cidrs);
    let (doubtful_ipv4, doubtful_ipv6) = doubtful(&vpc.doubtful_cidrs);
    let mut ipv6 = ipv6.into_iter();
    // Options with the VPC's own resolver are as none.
    let has_others = matches!(vpc.resolver.known(), Some(Resolver::Others(_)));
    let dns = vpc.dns.known();
    Vpc {
        vpc_id: vpc.id.to_string(),
        owner_id: vpc.owner.clone().filter(|owner| owner != own),
        cidr_block: ipv4.first().map(|block| block.cidr_block.clone()),
        cidr_block_association_set: ipv4.into_iter().skip(1).chain(doubtful_ipv4).collect(),
        instance_tenancy: Some(vpc.tenancy.clone()).filter(|tenancy| tenancy != "default"),
        enable_dns_support: dns.map(|dns| dns.support),
        enable_dns_hostnames: dns.map(|dns| dns.hostnames),
        ipv6_cidr_block: ipv6.next().map(|block| block.ipv6_cidr_block),
        ipv6_cidr_block_association_set: ipv6.chain(doubtful_ipv6).collect(),
        dhcp_options_id: vpc.dhcp_options.clone().filter(|_| has_others),
    }
}

fn to_subnet(subnet: &Subnet) -> SubnetEntry {
    let (ipv4, ipv6) = families(&subnet.cidrs);
    SubnetEntry {
        subnet_id: subnet.id.to_string(),
        vpc_id: subnet.vpc.to_string(),
        availability_zone: subnet.availability_zone.clone(),
        cidr_block: ipv4.into_iter().next().map(|block| block.cidr_block),
        ipv6_cidr_block_association_set: ipv6.into_iter().chain(doubtful(&subnet.doubtful_cidrs).1).collect(),
        tags: Tag::list(&subnet.tags),
        available_ip_address_count: subnet.free_addresses,
    }
}

fn to_route_table(table: &RouteTable) -> RouteTableEntry {
    let main = table.is_main.then_some(RouteTableAssociation {
        route_table_association_id: None,
        main: true,
        subnet_id: None,
    });
    let others = table.associations.iter().map(|found| RouteTableAssociation {
        route_table_association_id: Some(found.id.clone()),
        main: false,
        subnet_id: Some(found.subnet.to_string()),
    });
    RouteTableEntry {
        route_table_id: table.id.to_string(),
        vpc_id: table.vpc.to_string(),
        associations: main.into_iter().chain(others).collect(),
        routes: table.routes.iter().map(to_route).collect(),
        tags: Tag::list(&table.tags),
    }
}

fn to_route(route: &Route) -> RouteEntry {
    RouteEntry {
        state: route.state.as_api().to_owned(),
        origin: route.origin.as_api().map(str::to_owned),
        ..RouteEntry::leading(&route.destination, &route.target)
    }
}

fn to_acl(acl: &NetworkAcl) -> NetworkAclEntry {
    let rule = |entry: &AclEntry| AclRule {
        rule_number: entry.number,
        protocol: entry
            .protocol
            .map_or_else(|| "-1".to_owned(), |number| number.to_string()),
        rule_action: if entry.allows { "allow" } else { "deny" }.to_owned(),
        egress: entry.direction == Direction::Egress,
        cidr_block: matches!(entry.cidr, IpNet::V4(_)).then(|| entry.cidr.to_string()),
        ipv6_cidr_block: matches!(entry.cidr, IpNet::V6(_)).then(|| entry.cidr.to_string()),
        port_range: entry.ports.map(|(from, to)| AclPorts { from, to }),
    };
    NetworkAclEntry {
        network_acl_id: acl.id.to_string(),
        vpc_id: acl.vpc.to_string(),
        is_default: acl.is_default,
        associations: acl
            .subnets
            .iter()
            .map(|id| NetworkAclAssociation {
                subnet_id: id.to_string(),
            })
            .collect(),
        entries: acl
            .entries
            .iter()
            .filter(|entry| entry.number < LAST_RULE)
            .map(rule)
            .collect(),
    }
}

fn to_side(side: &PeeringSide) -> PeeringVpcInfo {
    let (ipv4, ipv6) = families(&side.cidrs);
    PeeringVpcInfo {
        vpc_id: side.vpc.to_string(),
        owner_id: side.owner.clone(),
        region: side.region.clone(),
        cidr_block_set: ipv4,
        ipv6_cidr_block_set: ipv6,
        peering_options: side.resolves_for_peer.map(|allows| PeeringOptions {
            allow_dns_resolution_from_remote_vpc: allows,
        }),
    }
}
