//! Mistakes in the network of an account's file.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::Check;
use crate::account::document::{
    AccountDocument, AclRule, GatewayAttachment, NetworkAclEntry, RouteEntry, RouteTableEntry,
};
use crate::model::Direction;

/// What ids there are.
pub(super) struct Known<'a> {
    pub vpcs: &'a BTreeSet<&'a str>,
    pub subnets: &'a BTreeSet<&'a str>,
    pub groups: &'a BTreeSet<&'a str>,
}

impl Check {
    pub(super) fn network(&mut self, document: &AccountDocument, known: &Known<'_>) {
        self.ranges(document);
        self.route_tables(document, known);
        self.acls(document, known);
        self.gateways(document, known);
        self.endpoints(document, known);
        self.interfaces(document, known);
        self.unique(
            "VpcPeeringConnections",
            "VpcPeeringConnectionId",
            &document.vpc_peering_connections,
            |peering| &peering.vpc_peering_connection_id,
        );
        self.unique("PrefixLists", "PrefixListId", &document.prefix_lists, |list| {
            &list.prefix_list_id
        });
        for (i, list) in document.prefix_lists.iter().enumerate() {
            for (j, entry) in list.entries.iter().enumerate() {
                self.range::<IpNet>(format!("$.PrefixLists[{i}].Entries[{j}].Cidr"), &entry.cidr);
            }
        }
    }

    fn range<T: std::str::FromStr>(&mut self, path: String, text: &str) {
        if text.parse::<T>().is_err() {
            self.report(
                path,
                format!("expected a range such as 10.0.0.0/16 or 2001:db8::/56, found \"{text}\""),
            );
        }
    }

    /// The ranges of VPCs and subnets: a subnet's is within its VPC's, and no two of a VPC overlap.
    fn ranges(&mut self, document: &AccountDocument) {
        for (i, vpc) in document.vpcs.iter().enumerate() {
            if let Some(cidr) = &vpc.cidr_block {
                self.range::<Ipv4Net>(format!("$.Vpcs[{i}].CidrBlock"), cidr);
            }
            for (j, block) in vpc.cidr_block_association_set.iter().enumerate() {
                let path = format!("$.Vpcs[{i}].CidrBlockAssociationSet[{j}].CidrBlock");
                self.range::<Ipv4Net>(path, &block.cidr_block);
            }
        }
        // Disjoint ranges of each VPC and family, by their first addresses. Of ranges in CIDR notation that overlap one is
        // within the other.
        let mut taken: BTreeMap<&str, BTreeMap<IpNet, &str>> = BTreeMap::new();
        let of_vpcs: BTreeMap<&str, Vec<IpNet>> = document
            .vpcs
            .iter()
            .enumerate()
            .map(|(place, vpc)| (vpc.vpc_id.as_str(), vpc.cidrs(place)))
            .collect();
        for (i, subnet) in document.subnets.iter().enumerate() {
            if let Some(cidr) = &subnet.cidr_block {
                self.range::<Ipv4Net>(format!("$.Subnets[{i}].CidrBlock"), cidr);
            }
            let of_vpc = of_vpcs
                .get(subnet.vpc_id.as_str())
                .map(Vec::as_slice)
                .unwrap_or_default();
            for cidr in document.subnet_cidrs(subnet) {
                let cidr = cidr.trunc();
                if !of_vpc.iter().any(|range| range.contains(&cidr)) {
                    let message = format!("{cidr} is not within a range of {}", subnet.vpc_id);
                    self.report(format!("$.Subnets[{i}].CidrBlock"), message);
                }
                let taken = taken.entry(&subnet.vpc_id).or_default();
                let overlaps = |other: &IpNet| other.contains(&cidr) || cidr.contains(other);
                let before = taken.range(..=cidr).next_back();
                let after = taken.range(cidr..).next();
                let mut nearest = before.into_iter().chain(after);
                if let Some((range, other)) = nearest.find(|(range, _)| overlaps(range)) {
                    let message = format!("{cidr} overlaps {range} of {other}");
                    self.report(format!("$.Subnets[{i}].CidrBlock"), message);
                } else {
                    taken.insert(cidr, &subnet.subnet_id);
                }
            }
        }
    }

    fn route_tables(&mut self, document: &AccountDocument, known: &Known<'_>) {
        self.unique("RouteTables", "RouteTableId", &document.route_tables, |table| {
            &table.route_table_id
        });
        let (mut main, mut associated) = (BTreeSet::new(), BTreeSet::new());
        for (i, table) in document.route_tables.iter().enumerate() {
            let path = format!("$.RouteTables[{i}]");
            self.exists(format!("{path}.VpcId"), "VPC", known.vpcs, &table.vpc_id);
            self.route_table(&path, table, known);
            for (j, found) in table.associations.iter().enumerate() {
                let path = format!("{path}.Associations[{j}]");
                if found.main && !main.insert(&table.vpc_id) {
                    self.report(path, format!("{} has a main route table already", table.vpc_id));
                } else if let Some(subnet) = &found.subnet_id
                    && !associated.insert(subnet)
                {
                    self.report(path, format!("{subnet} has a route table already"));
                }
            }
        }
    }

    fn route_table(&mut self, path: &str, table: &RouteTableEntry, known: &Known<'_>) {
        for (j, found) in table.associations.iter().enumerate() {
            if let Some(subnet) = &found.subnet_id {
                self.exists(
                    format!("{path}.Associations[{j}].SubnetId"),
                    "subnet",
                    known.subnets,
                    subnet,
                );
            }
        }
        for (j, route) in table.routes.iter().enumerate() {
            self.route(&format!("{path}.Routes[{j}]"), route);
        }
    }

    fn route(&mut self, path: &str, route: &RouteEntry) {
        if let Some(cidr) = &route.destination_cidr_block {
            self.range::<Ipv4Net>(format!("{path}.DestinationCidrBlock"), cidr);
        }
        if let Some(cidr) = &route.destination_ipv6_cidr_block {
            self.range::<Ipv6Net>(format!("{path}.DestinationIpv6CidrBlock"), cidr);
        }
        let destinations = [
            &route.destination_cidr_block,
            &route.destination_ipv6_cidr_block,
            &route.destination_prefix_list_id,
        ];
        if destinations.iter().filter(|destination| destination.is_some()).count() != 1 {
            self.report(
                path,
                "expected one of DestinationCidrBlock, DestinationIpv6CidrBlock and DestinationPrefixListId",
            );
        }
        if route.target().is_none() {
            self.report(path, "expected a target, such as GatewayId or NatGatewayId, found none");
        }
        if route.state.is_empty() {
            self.report(
                format!("{path}.State"),
                "expected a state such as active or blackhole, found none",
            );
        }
    }

    fn acls(&mut self, document: &AccountDocument, known: &Known<'_>) {
        self.unique("NetworkAcls", "NetworkAclId", &document.network_acls, |acl| {
            &acl.network_acl_id
        });
        let (mut default, mut associated) = (BTreeSet::new(), BTreeSet::new());
        for (i, acl) in document.network_acls.iter().enumerate() {
            let path = format!("$.NetworkAcls[{i}]");
            self.exists(format!("{path}.VpcId"), "VPC", known.vpcs, &acl.vpc_id);
            if acl.is_default && !default.insert(&acl.vpc_id) {
                self.report(
                    format!("{path}.IsDefault"),
                    format!("{} has a default ACL already", acl.vpc_id),
                );
            }
            for (j, found) in acl.associations.iter().enumerate() {
                let path = format!("{path}.Associations[{j}].SubnetId");
                if !associated.insert(&found.subnet_id) {
                    self.report(&path, format!("{} has an ACL already", found.subnet_id));
                }
                self.exists(path, "subnet", known.subnets, &found.subnet_id);
            }
            self.acl_rules(&path, acl);
        }
    }

    fn acl_rules(&mut self, path: &str, acl: &NetworkAclEntry) {
        let mut numbers: BTreeSet<(Direction, u16, bool)> = BTreeSet::new();
        for (j, rule) in acl.entries.iter().enumerate() {
            let path = format!("{path}.Entries[{j}]");
            let direction = if rule.egress {
                Direction::Egress
            } else {
                Direction::Ingress
            };
            // The last one, which nobody makes, is there once for IPv4 and once for IPv6.
            let is_ipv6_last = rule.rule_number > 32766 && rule.ipv6_cidr_block.is_some();
            if !numbers.insert((direction, rule.rule_number, is_ipv6_last)) {
                self.report(
                    format!("{path}.RuleNumber"),
                    format!("rule {} exists already", rule.rule_number),
                );
            }
            self.acl_rule(&path, rule);
        }
    }

    fn acl_rule(&mut self, path: &str, rule: &AclRule) {
        if rule.cidr_block.is_some() == rule.ipv6_cidr_block.is_some() {
            self.report(path, "expected one of CidrBlock and Ipv6CidrBlock");
        }
        if let Some(cidr) = &rule.cidr_block {
            self.range::<Ipv4Net>(format!("{path}.CidrBlock"), cidr);
        }
        if let Some(cidr) = &rule.ipv6_cidr_block {
            self.range::<Ipv6Net>(format!("{path}.Ipv6CidrBlock"), cidr);
        }
        if rule.protocol != "-1" && rule.protocol.parse::<u8>().is_err() {
            let message = format!("expected a protocol's number or -1, found \"{}\"", rule.protocol);
            self.report(format!("{path}.Protocol"), message);
        }
        if !["allow", "deny"].contains(&rule.rule_action.as_str()) {
            let message = format!("expected allow or deny, found \"{}\"", rule.rule_action);
            self.report(format!("{path}.RuleAction"), message);
        }
        if rule.port_range.is_some_and(|ports| ports.from > ports.to) {
            self.report(format!("{path}.PortRange"), "expected From <= To");
        }
    }

    fn gateways(&mut self, document: &AccountDocument, known: &Known<'_>) {
        self.unique(
            "InternetGateways",
            "InternetGatewayId",
            &document.internet_gateways,
            |gateway| &gateway.internet_gateway_id,
        );
        for (i, gateway) in document.internet_gateways.iter().enumerate() {
            self.attachments(&format!("$.InternetGateways[{i}]"), &gateway.attachments, known);
        }
        for (i, gateway) in document.egress_only_internet_gateways.iter().enumerate() {
            let path = format!("$.EgressOnlyInternetGateways[{i}]");
            self.attachments(&path, &gateway.attachments, known);
        }
        self.unique("NatGateways", "NatGatewayId", &document.nat_gateways, |nat| {
            &nat.nat_gateway_id
        });
        for (i, nat) in document.nat_gateways.iter().enumerate() {
            let path = format!("$.NatGateways[{i}]");
            self.exists(format!("{path}.VpcId"), "VPC", known.vpcs, &nat.vpc_id);
            match (&nat.subnet_id, nat.availability_mode.as_deref()) {
                (Some(subnet), _) => self.exists(format!("{path}.SubnetId"), "subnet", known.subnets, subnet),
                (None, Some(mode)) if mode != "zonal" => {}
                (None, _) => self.report(
                    format!("{path}.SubnetId"),
                    "expected a subnet, or AvailabilityMode regional",
                ),
            }
        }
        self.unique("Addresses", "AllocationId", &document.addresses, |address| {
            &address.allocation_id
        });
    }

    fn interfaces(&mut self, document: &AccountDocument, known: &Known<'_>) {
        for (i, interface) in document.network_interfaces.iter().enumerate() {
            for (j, group) in interface.groups.iter().enumerate() {
                let path = format!("$.NetworkInterfaces[{i}].Groups[{j}].GroupId");
                self.exists(path, "security group", known.groups, &group.group_id);
            }
        }
    }

    fn attachments(&mut self, path: &str, attachments: &[GatewayAttachment], known: &Known<'_>) {
        for (j, attachment) in attachments.iter().enumerate() {
            self.exists(
                format!("{path}.Attachments[{j}].VpcId"),
                "VPC",
                known.vpcs,
                &attachment.vpc_id,
            );
        }
    }

    fn endpoints(&mut self, document: &AccountDocument, known: &Known<'_>) {
        self.unique("VpcEndpoints", "VpcEndpointId", &document.vpc_endpoints, |endpoint| {
            &endpoint.vpc_endpoint_id
        });
        for (i, endpoint) in document.vpc_endpoints.iter().enumerate() {
            let path = format!("$.VpcEndpoints[{i}]");
            self.exists(format!("{path}.VpcId"), "VPC", known.vpcs, &endpoint.vpc_id);
            self.all_exist(
                &format!("{path}.SubnetIds"),
                "subnet",
                known.subnets,
                &endpoint.subnet_ids,
            );
            for (j, group) in endpoint.groups.iter().enumerate() {
                self.exists(
                    format!("{path}.Groups[{j}].GroupId"),
                    "security group",
                    known.groups,
                    &group.group_id,
                );
            }
        }
    }
}
