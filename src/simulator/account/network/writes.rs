//! AWS's answers to writes to a network.

use std::collections::BTreeSet;

use ipnet::{IpNet, Ipv4Net};

use crate::account::document::{
    AccountDocument, AddressEntry, DnsOptions, EndpointEntry, GatewayAttachment, GroupIdentifier, InternetGatewayEntry,
    NatGatewayAddress, NatGatewayEntry, PeeringOptions, PrefixListEntry, PrefixListRange, RouteEntry,
    RouteTableAssociation, RouteTableEntry, SubnetEntry, Tag,
};
use crate::account::rules::{Outcome, State, rejected};
use crate::cloud::{EndpointChange, Fault, NewEndpoint, NewSubnet, Tags};
use crate::model::network::{Destination, EndpointKind, RouteTarget};
use crate::model::{EndpointId, GroupList, InternetGatewayId, NatGatewayId, PeeringId, RouteTableId, SubnetId, VpcId};

/// The elastic IP addresses of an account in a Region, unless AWS raises the quota.
const MAX_ADDRESSES: usize = 5;

/// The first free id of a fixed sequence: the same account always gives the same ids.
fn free_id<'a>(kind: &str, taken: impl Iterator<Item = &'a String>) -> String {
    let taken: BTreeSet<&String> = taken.collect();
    let mut ids = (1..=taken.len() + 1).map(|n| format!("{kind}-{n:017x}"));
    ids.find(|id| !taken.contains(id)).unwrap_or_default()
}

fn not_found(kind: &str, id: &str) -> Fault {
    Fault::NotFound(format!("The {kind} ID '{id}' does not exist"))
}

fn found_if(exists: bool, kind: &str, id: &str) -> Outcome<()> {
    if exists { Ok(()) } else { Err(not_found(kind, id)) }
}

impl AccountDocument {
    /// The table with this id; the main one that a VPC has by itself is written down by the first change of it.
    fn table_mut(&mut self, id: &RouteTableId) -> Outcome<&mut RouteTableEntry> {
        let is_it = |table: &RouteTableEntry| table.route_table_id == id.as_str();
        if !self.route_tables.iter().any(is_it) {
            let mut vpcs = self.vpcs.iter().map(|vpc| vpc.vpc_id.clone());
            let vpc = vpcs.find(|vpc| self.route_tables_of(vpc).iter().any(|table| table.id == *id));
            let vpc = vpc.ok_or_else(|| not_found("routeTable", id.as_str()))?;
            self.route_tables.push(RouteTableEntry {
                route_table_id: id.to_string(),
                vpc_id: vpc,
                associations: vec![RouteTableAssociation {
                    route_table_association_id: None,
                    main: true,
                    subnet_id: None,
                }],
                routes: Vec::new(),
                tags: Vec::new(),
            });
        }
        let table = self.route_tables.iter_mut().find(|table| is_it(table));
        table.ok_or_else(|| not_found("routeTable", id.as_str()))
    }

    /// A gateway endpoint is a route in each of its tables, to the prefix list of its service.
    fn route_to_endpoint(&mut self, endpoint: &str, service: &str, tables: &[RouteTableId]) -> Outcome<()> {
        let leads_there = |route: &&RouteEntry| route.gateway_id.as_deref() == Some(endpoint);
        let routes = self.route_tables.iter().flat_map(|table| &table.routes);
        let of_route = routes
            .filter(leads_there)
            .find_map(|route| route.destination_prefix_list_id.clone());
        let mut lists = self.prefix_lists.iter();
        let named = lists.find(|list| list.prefix_list_name.as_deref() == Some(service));
        let list = of_route.or_else(|| named.map(|list| list.prefix_list_id.clone()));
        let list = list.unwrap_or_else(|| {
            let id = format!("pl-{}", service.rsplit('.').next().unwrap_or(service));
            // Addresses that are for documentation stand for the service's.
            let range = PrefixListRange {
                cidr: "198.51.100.0/24".to_owned(),
            };
            self.prefix_lists.push(PrefixListEntry {
                prefix_list_id: id.clone(),
                prefix_list_name: Some(service.to_owned()),
                entries: vec![range],
            });
            id
        });
        for id in tables {
            let table = self.table_mut(id)?;
            if !table.routes.iter().any(|route| leads_there(&route)) {
                table.routes.push(RouteEntry {
                    destination_prefix_list_id: Some(list.clone()),
                    gateway_id: Some(endpoint.to_owned()),
                    state: "active".to_owned(),
                    ..RouteEntry::default()
                });
            }
        }
        Ok(())
    }

    fn vpc_exists(&self, id: &VpcId) -> Outcome<()> {
        let mut vpcs = self.vpcs.iter();
        found_if(vpcs.any(|vpc| vpc.vpc_id == id.as_str()), "vpc", id.as_str())
    }

    fn subnet_exists(&self, id: &str) -> Outcome<&SubnetEntry> {
        let found = self.subnets.iter().find(|subnet| subnet.subnet_id == id);
        found.ok_or_else(|| not_found("subnet", id))
    }

    /// What a route leads to has to be there.
    fn target_exists(&self, vpc: &str, target: &RouteTarget) -> Outcome<()> {
        match target {
            RouteTarget::InternetGateway(id) => {
                let gateway = self
                    .internet_gateways
                    .iter()
                    .find(|gateway| gateway.internet_gateway_id == id.as_str());
                let gateway = gateway.ok_or_else(|| not_found("internetGateway", id.as_str()))?;
                if gateway.attachments.iter().any(|attachment| attachment.vpc_id == vpc) {
                    Ok(())
                } else {
                    Err(rejected(
                        "InvalidParameterValue",
                        format!("{id} is not attached to {vpc}"),
                    ))
                }
            }
            RouteTarget::Nat(id) => {
                let exists = self.nat_gateways.iter().any(|nat| nat.nat_gateway_id == id.as_str());
                found_if(exists, "natGateway", id.as_str())
            }
            RouteTarget::Peering(id) => {
                let mut peerings = self.vpc_peering_connections.iter();
                let exists = peerings.any(|peering| peering.vpc_peering_connection_id == id.as_str());
                found_if(exists, "vpcPeeringConnection", id.as_str())
            }
            _ => Ok(()),
        }
    }
}

fn to_entry(destination: IpNet, target: &RouteTarget) -> RouteEntry {
    RouteEntry {
        origin: Some("CreateRoute".to_owned()),
        ..RouteEntry::leading(&Destination::Cidr(destination), target)
    }
}

fn is_for(route: &RouteEntry, destination: IpNet) -> bool {
    let text = destination.to_string();
    [&route.destination_cidr_block, &route.destination_ipv6_cidr_block].contains(&&Some(text))
}

impl State {
    pub(super) fn create_subnet(&mut self, new: &NewSubnet) -> Outcome<SubnetId> {
        let document = &mut self.document;
        document.vpc_exists(&new.vpc)?;
        let of_vpc = document.vpc_cidrs(new.vpc.as_str());
        if !of_vpc.iter().any(|range| range.contains(&IpNet::V4(new.cidr))) {
            let message = format!("The CIDR '{}' is invalid.", new.cidr);
            return Err(rejected("InvalidSubnet.Range", message));
        }
        let overlaps = |cidr: &IpNet| cidr.contains(&IpNet::V4(new.cidr)) || IpNet::V4(new.cidr).contains(cidr);
        let siblings = document
            .subnets
            .iter()
            .filter(|subnet| subnet.vpc_id == new.vpc.as_str());
        let taken = siblings
            .flat_map(|subnet| document.subnet_cidrs(subnet))
            .any(|cidr| overlaps(&cidr));
        if taken {
            let message = format!("The CIDR '{}' conflicts with another subnet", new.cidr);
            return Err(Fault::Duplicate(message));
        }
        let id = free_id("subnet", document.subnets.iter().map(|subnet| &subnet.subnet_id));
        document.subnets.push(SubnetEntry {
            subnet_id: id.clone(),
            vpc_id: new.vpc.to_string(),
            availability_zone: new.zone.clone(),
            cidr_block: Some(new.cidr.to_string()),
            ipv6_cidr_block_association_set: Vec::new(),
            tags: Tag::list(&new.tags),
            available_ip_address_count: Some(addresses(new.cidr)),
        });
        Ok(id.into())
    }

    pub(super) fn create_internet_gateway(&mut self, new: &Tags) -> InternetGatewayId {
        let gateways = &mut self.document.internet_gateways;
        let id = free_id("igw", gateways.iter().map(|gateway| &gateway.internet_gateway_id));
        gateways.push(InternetGatewayEntry {
            internet_gateway_id: id.clone(),
            attachments: Vec::new(),
            tags: Tag::list(new),
        });
        id.into()
    }

    pub(super) fn attach_internet_gateway(&mut self, id: &InternetGatewayId, vpc: &VpcId) -> Outcome<()> {
        self.document.vpc_exists(vpc)?;
        let gateways = &mut self.document.internet_gateways;
        let has_one = |gateway: &InternetGatewayEntry| {
            gateway
                .attachments
                .iter()
                .any(|attachment| attachment.vpc_id == vpc.as_str())
        };
        if gateways
            .iter()
            .any(|gateway| gateway.internet_gateway_id != id.as_str() && has_one(gateway))
        {
            let message = format!("Network {vpc} already has an internet gateway attached");
            return Err(rejected("InvalidParameterValue", message));
        }
        let gateway = gateways
            .iter_mut()
            .find(|gateway| gateway.internet_gateway_id == id.as_str());
        let gateway = gateway.ok_or_else(|| not_found("internetGateway", id.as_str()))?;
        if !gateway.attachments.is_empty() {
            return Err(Fault::Duplicate(format!(
                "resource {id} is already attached to network {vpc}"
            )));
        }
        gateway.attachments.push(GatewayAttachment {
            vpc_id: vpc.to_string(),
            state: "available".to_owned(),
        });
        Ok(())
    }

    pub(super) fn allocate_address(&mut self, new: &Tags) -> Outcome<String> {
        let addresses = &mut self.document.addresses;
        if addresses.len() >= MAX_ADDRESSES {
            return Err(Fault::LimitExceeded(
                "The maximum number of addresses has been reached.".to_owned(),
            ));
        }
        let id = free_id("eipalloc", addresses.iter().map(|address| &address.allocation_id));
        addresses.push(AddressEntry {
            allocation_id: id.clone(),
            public_ip: format!("203.0.113.{}", 100 + addresses.len()),
            association_id: None,
            tags: Tag::list(new),
        });
        Ok(id)
    }

    pub(super) fn create_nat_gateway(
        &mut self,
        subnet: &SubnetId,
        allocation: &str,
        new: &Tags,
    ) -> Outcome<NatGatewayId> {
        let document = &mut self.document;
        let vpc = document.subnet_exists(subnet.as_str())?.vpc_id.clone();
        let attached = |gateway: &InternetGatewayEntry| gateway.attachments.iter().any(|found| found.vpc_id == vpc);
        if !document.internet_gateways.iter().any(attached) {
            let message = format!("Network {vpc} has no Internet gateway attached");
            return Err(rejected("Gateway.NotAttached", message));
        }
        let address = document
            .addresses
            .iter_mut()
            .find(|address| address.allocation_id == allocation);
        let address = address.ok_or_else(|| not_found("allocation", allocation))?;
        if address.association_id.is_some() {
            let message = format!("elastic-ip {allocation} is already associated");
            return Err(rejected("Resource.AlreadyAssociated", message));
        }
        let id = free_id("nat", document.nat_gateways.iter().map(|nat| &nat.nat_gateway_id));
        address.association_id = Some(format!("eipassoc-{}", id.trim_start_matches("nat-")));
        let public_ip = Some(address.public_ip.clone());
        document.nat_gateways.push(NatGatewayEntry {
            nat_gateway_id: id.clone(),
            vpc_id: vpc,
            subnet_id: Some(subnet.to_string()),
            availability_mode: None,
            route_table_id: None,
            state: "pending".to_owned(),
            failure_message: None,
            connectivity_type: "public".to_owned(),
            nat_gateway_addresses: vec![NatGatewayAddress {
                allocation_id: Some(allocation.to_owned()),
                public_ip,
            }],
            tags: Tag::list(new),
        });
        Ok(id.into())
    }

    /// A pending NAT gateway or endpoint is available after some reads.
    pub(super) fn settle_network(&mut self) {
        let nats = self
            .document
            .nat_gateways
            .iter()
            .map(|nat| (nat.nat_gateway_id.clone(), nat.state == "pending"));
        let endpoints = self.document.vpc_endpoints.iter();
        let endpoints = endpoints.map(|endpoint| (endpoint.vpc_endpoint_id.clone(), endpoint.state == "pending"));
        let all: Vec<(String, bool)> = nats.chain(endpoints).collect();
        for (id, is_pending) in all {
            if !self.has_passed(format!("network/{id}"), is_pending) {
                continue;
            }
            for nat in self
                .document
                .nat_gateways
                .iter_mut()
                .filter(|nat| nat.nat_gateway_id == id)
            {
                "available".clone_into(&mut nat.state);
            }
            for endpoint in self
                .document
                .vpc_endpoints
                .iter_mut()
                .filter(|found| found.vpc_endpoint_id == id)
            {
                "available".clone_into(&mut endpoint.state);
            }
        }
    }

    pub(super) fn create_route_table(&mut self, vpc: &VpcId, new: &Tags) -> Outcome<RouteTableId> {
        let document = &mut self.document;
        document.vpc_exists(vpc)?;
        let id = free_id("rtb", document.route_tables.iter().map(|table| &table.route_table_id));
        document.route_tables.push(RouteTableEntry {
            route_table_id: id.clone(),
            vpc_id: vpc.to_string(),
            associations: Vec::new(),
            routes: Vec::new(),
            tags: Tag::list(new),
        });
        Ok(id.into())
    }

    pub(super) fn create_route(
        &mut self,
        table: &RouteTableId,
        destination: IpNet,
        target: &RouteTarget,
    ) -> Outcome<()> {
        let vpc = self.document.table_mut(table)?.vpc_id.clone();
        self.document.target_exists(&vpc, target)?;
        let locals = self.document.vpc_cidrs(&vpc);
        let table = self.document.table_mut(table)?;
        if locals.contains(&destination) || table.routes.iter().any(|route| is_for(route, destination)) {
            return Err(Fault::Duplicate(format!(
                "The route identified by {destination} already exists."
            )));
        }
        table.routes.push(to_entry(destination, target));
        Ok(())
    }

    pub(super) fn replace_route(
        &mut self,
        table: &RouteTableId,
        destination: IpNet,
        target: &RouteTarget,
    ) -> Outcome<()> {
        let vpc = self.document.table_mut(table)?.vpc_id.clone();
        self.document.target_exists(&vpc, target)?;
        let table = self.document.table_mut(table)?;
        let route = table.routes.iter_mut().find(|route| is_for(route, destination));
        let missing = || {
            rejected(
                "InvalidParameterValue",
                format!("There is no route defined for '{destination}'"),
            )
        };
        *route.ok_or_else(missing)? = to_entry(destination, target);
        Ok(())
    }

    pub(super) fn associate_route_table(&mut self, table: &RouteTableId, subnet: &SubnetId) -> Outcome<()> {
        self.document.subnet_exists(subnet.as_str())?;
        let has_it = |found: &RouteTableAssociation| found.subnet_id.as_deref() == Some(subnet.as_str());
        if self
            .document
            .route_tables
            .iter()
            .any(|table| table.associations.iter().any(has_it))
        {
            return Err(Fault::Duplicate(format!(
                "the subnet {subnet} has an association already"
            )));
        }
        let all = self.document.route_tables.iter().flat_map(|table| &table.associations);
        let ids: Vec<String> = all
            .filter_map(|found| found.route_table_association_id.clone())
            .collect();
        let id = free_id("rtbassoc", ids.iter());
        self.document
            .table_mut(table)?
            .associations
            .push(RouteTableAssociation {
                route_table_association_id: Some(id),
                main: false,
                subnet_id: Some(subnet.to_string()),
            });
        Ok(())
    }

    pub(super) fn replace_association(&mut self, association: &str, table: &RouteTableId) -> Outcome<()> {
        self.document.table_mut(table)?;
        // The ids of associations that the file does not show follow from their tables.
        let vpcs: Vec<String> = self.document.vpcs.iter().map(|vpc| vpc.vpc_id.clone()).collect();
        let all = vpcs.iter().flat_map(|vpc| self.document.route_tables_of(vpc));
        let subnet = all
            .flat_map(|table| table.associations)
            .find(|found| found.id == association)
            .map(|found| found.subnet);
        let subnet = subnet.ok_or_else(|| not_found("association", association))?;
        for entry in &mut self.document.route_tables {
            let is_it = |found: &RouteTableAssociation| found.subnet_id.as_deref() == Some(subnet.as_str());
            entry.associations.retain(|found| !is_it(found));
        }
        self.associate_route_table(table, &subnet)
    }

    pub(super) fn create_endpoint(&mut self, new: &NewEndpoint) -> Outcome<EndpointId> {
        self.document.vpc_exists(&new.vpc)?;
        for subnet in &new.subnets {
            self.document.subnet_exists(subnet.as_str())?;
        }
        self.check_groups(&GroupList::as_read(new.groups.iter().cloned()), new.vpc.as_str())?;
        let private_dns = new.kind == EndpointKind::Interface;
        let clashes = |endpoint: &EndpointEntry| {
            endpoint.vpc_id == new.vpc.as_str() && endpoint.service_name == new.service && endpoint.private_dns_enabled
        };
        if private_dns && self.document.vpc_endpoints.iter().any(clashes) {
            let message = format!(
                "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {}",
                new.service
            );
            return Err(rejected("InvalidParameter", message));
        }
        let endpoints = &mut self.document.vpc_endpoints;
        let id = free_id("vpce", endpoints.iter().map(|endpoint| &endpoint.vpc_endpoint_id));
        endpoints.push(EndpointEntry {
            vpc_endpoint_id: id.clone(),
            vpc_endpoint_type: match new.kind {
                EndpointKind::Interface => "Interface".to_owned(),
                _ => "Gateway".to_owned(),
            },
            vpc_id: new.vpc.to_string(),
            service_name: new.service.clone(),
            state: if private_dns { "pending" } else { "available" }.to_owned(),
            subnet_ids: new.subnets.iter().map(ToString::to_string).collect(),
            groups: new
                .groups
                .iter()
                .map(|id| GroupIdentifier {
                    group_id: id.to_string(),
                })
                .collect(),
            route_table_ids: new.route_tables.iter().map(ToString::to_string).collect(),
            private_dns_enabled: private_dns,
            dns_options: private_dns.then_some(DnsOptions {
                dns_record_ip_type: None,
                private_dns_only_for_inbound_resolver_endpoint: Some(false),
            }),
            policy_document: new.policy.clone(),
            tags: Tag::list(&new.tags),
        });
        if !new.route_tables.is_empty() {
            self.document.route_to_endpoint(&id, &new.service, &new.route_tables)?;
        }
        Ok(id.into())
    }

    pub(super) fn modify_endpoint(&mut self, id: &EndpointId, change: &EndpointChange) -> Outcome<()> {
        let endpoints = &mut self.document.vpc_endpoints;
        let endpoint = endpoints
            .iter_mut()
            .find(|endpoint| endpoint.vpc_endpoint_id == id.as_str());
        let endpoint = endpoint.ok_or_else(|| not_found("VpcEndpoint", id.as_str()))?;
        let add = |list: &mut Vec<String>, ids: Vec<String>| {
            for id in ids {
                if !list.contains(&id) {
                    list.push(id);
                }
            }
        };
        add(
            &mut endpoint.subnet_ids,
            change.add_subnets.iter().map(ToString::to_string).collect(),
        );
        add(
            &mut endpoint.route_table_ids,
            change.add_route_tables.iter().map(ToString::to_string).collect(),
        );
        for group in &change.add_groups {
            if !endpoint.groups.iter().any(|found| found.group_id == group.as_str()) {
                endpoint.groups.push(GroupIdentifier {
                    group_id: group.to_string(),
                });
            }
        }
        endpoint.private_dns_enabled = change.private_dns.unwrap_or(endpoint.private_dns_enabled);
        if change.policy.is_some() {
            endpoint.policy_document.clone_from(&change.policy);
        }
        let service = endpoint.service_name.clone();
        if change.add_route_tables.is_empty() {
            return Ok(());
        }
        self.document
            .route_to_endpoint(id.as_str(), &service, &change.add_route_tables)
    }

    pub(super) fn allow_peering_dns(&mut self, id: &PeeringId, requester: bool, accepter: bool) -> Outcome<()> {
        let peerings = &mut self.document.vpc_peering_connections;
        let peering = peerings
            .iter_mut()
            .find(|peering| peering.vpc_peering_connection_id == id.as_str());
        let peering = peering.ok_or_else(|| not_found("vpcPeeringConnection", id.as_str()))?;
        if peering.status.code != "active" {
            return Err(rejected(
                "OperationNotPermitted",
                format!("{id} is {}", peering.status.code),
            ));
        }
        let sides = [
            (requester, &mut peering.requester_vpc_info),
            (accepter, &mut peering.accepter_vpc_info),
        ];
        for (wanted, side) in sides {
            if wanted {
                side.peering_options = Some(PeeringOptions {
                    allow_dns_resolution_from_remote_vpc: true,
                });
            }
        }
        Ok(())
    }

    /// Whether tags have this one.
    pub(super) fn is_tagged(found: &[Tag], key: &str, value: &str) -> bool {
        Tag::map(found).get(key).map(String::as_str) == Some(value)
    }
}

/// How many addresses of a range EC2 gives away: it keeps five.
fn addresses(cidr: Ipv4Net) -> u32 {
    (1_u32.checked_shl(u32::from(32 - cidr.prefix_len())).unwrap_or(u32::MAX)).saturating_sub(5)
}
