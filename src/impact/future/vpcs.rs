//! VPCs, subnets and peering connections.

use ipnet::Ipv4Net;
use serde_json::json;

use super::{About, Future, Known, Layer, Ways};

impl Future {
    /// Creates a VPC.
    pub fn create_vpc(&mut self, by: &str, id: &str, cidr: Option<&str>) {
        self.touch(by, About::Vpc(id.to_owned()), Layer::Network);
        let mut entry = json!({ "VpcId": id });
        if let Some(cidr) = cidr.filter(|cidr| cidr.parse::<Ipv4Net>().is_ok()) {
            entry["CidrBlock"] = json!(cidr);
        } else {
            let why = format!("the range of {by} is not known");
            self.doubt(by, About::Vpc(id.to_owned()), Layer::Network, Ways::ANY, why);
        }
        if let Ok(entry) = serde_json::from_value(entry) {
            self.document.vpcs.push(entry);
        }
    }

    /// Changes whether a VPC resolves names, and gives host names.
    pub fn change_vpc(&mut self, by: &str, id: &str, (support, hostnames): (Option<bool>, Option<bool>)) {
        self.touch(by, About::Vpc(id.to_owned()), Layer::Network);
        if let Some(vpc) = self.document.vpcs.iter_mut().find(|vpc| vpc.vpc_id == id) {
            vpc.enable_dns_support = support.or(vpc.enable_dns_support);
            vpc.enable_dns_hostnames = hostnames.or(vpc.enable_dns_hostnames);
        } else {
            let why = format!("{by} changes {id}, which was not found in the account");
            self.doubt(by, About::Vpc(id.to_owned()), Layer::Network, Ways::ANY, why);
        }
    }

    /// Notes that something of a VPC is not known.
    pub fn doubtful_vpc(&mut self, by: &str, id: &str, why: &str) {
        self.doubt(by, About::Vpc(id.to_owned()), Layer::Network, Ways::ANY, why);
    }

    /// Creates a subnet.
    pub fn create_subnet(
        &mut self,
        by: &str,
        id: &str,
        (vpc, cidr, zone): (Known<String>, Option<String>, Option<String>),
    ) {
        let vpc = match vpc {
            Ok(vpc) => vpc,
            Err(why) => return self.doubt(by, About::Everything, Layer::Network, Ways::ANY, why),
        };
        self.touch(by, About::Vpc(vpc.clone()), Layer::Network);
        let range = cidr.as_ref().and_then(|cidr| cidr.parse::<Ipv4Net>().ok());
        let siblings = self.document.subnets.iter().filter(|subnet| subnet.vpc_id == vpc);
        let overlaps = |range: &Ipv4Net| {
            siblings
                .filter_map(|subnet| subnet.cidr_block.as_ref()?.parse::<Ipv4Net>().ok())
                .any(|other| other.contains(range) || range.contains(&other))
        };
        if !self.has_vpc(&vpc) || range.as_ref().is_none_or(overlaps) {
            let why = format!("the VPC or the range of {by} is not known, or another subnet has it");
            return self.doubt(by, About::Vpc(vpc), Layer::Network, Ways::ANY, why);
        }
        let entry = json!({
            "SubnetId": id, "VpcId": vpc, "CidrBlock": cidr,
            "AvailabilityZone": zone.unwrap_or_else(|| format!("{}a", self.document.region)),
        });
        if let Ok(entry) = serde_json::from_value(entry) {
            self.document.subnets.push(entry);
        }
    }

    /// Deletes a subnet, once all other changes are made.
    pub fn delete_subnet(&mut self, by: &str, id: &str) {
        if let Some(vpc) = self.vpc_of_subnet(id) {
            self.touch(by, About::Vpc(vpc), Layer::Network);
        }
        self.deleted_subnets.push((by.to_owned(), id.to_owned()));
    }

    /// Deletes the subnets that are to be deleted. One that something is in stays: EC2 refuses to delete it.
    pub(super) fn delete_subnets(&mut self) {
        for (by, id) in std::mem::take(&mut self.deleted_subnets) {
            let Some(vpc) = self.vpc_of_subnet(&id) else { continue };
            let document = &mut self.document;
            let functions = document
                .functions
                .iter()
                .filter_map(|function| function.vpc_config.as_ref());
            let mut in_use = functions.flat_map(|config| &config.subnet_ids);
            let groups = document.db_subnet_groups.iter().flat_map(|group| &group.subnet_ids);
            let proxies = document.db_proxies.iter().flat_map(|proxy| &proxy.vpc_subnet_ids);
            let others = document.vpc_endpoints.iter().flat_map(|endpoint| &endpoint.subnet_ids);
            let gateways = document
                .nat_gateways
                .iter()
                .filter_map(|gateway| gateway.subnet_id.as_ref());
            if in_use.any(|subnet| *subnet == id)
                || groups
                    .chain(proxies)
                    .chain(others)
                    .chain(gateways)
                    .any(|subnet| *subnet == id)
            {
                let why = format!(
                    "{by} deletes {id}, which is in use: EC2 refuses that, and what is done by then is not known"
                );
                self.doubt(&by, About::Vpc(vpc), Layer::Network, Ways::ANY, why);
                continue;
            }
            document.subnets.retain(|subnet| subnet.subnet_id != id);
            for acl in &mut document.network_acls {
                acl.associations.retain(|association| association.subnet_id != id);
            }
            for table in &mut document.route_tables {
                table
                    .associations
                    .retain(|association| association.subnet_id.as_deref() != Some(&id));
            }
        }
    }

    /// Creates a peering connection.
    pub fn create_peering(&mut self, by: &str, id: &str, (requester, accepter): (&str, &str), is_accepted: bool) {
        for vpc in [requester, accepter] {
            self.touch(by, About::Vpc(vpc.to_owned()), Layer::Network);
        }
        let entry = json!({
            "VpcPeeringConnectionId": id,
            "Status": {"Code": if is_accepted { "active" } else { "pending-acceptance" }},
            "RequesterVpcInfo": {"VpcId": requester},
            "AccepterVpcInfo": {"VpcId": accepter},
        });
        if let Ok(entry) = serde_json::from_value(entry) {
            self.document.vpc_peering_connections.push(entry);
        }
    }

    /// Accepts a peering connection.
    pub fn accept_peering(&mut self, by: &str, id: &str) {
        let mut touched = Vec::new();
        for peering in &mut self.document.vpc_peering_connections {
            if peering.vpc_peering_connection_id == id {
                "active".clone_into(&mut peering.status.code);
                touched
                    .extend([&peering.requester_vpc_info, &peering.accepter_vpc_info].map(|side| side.vpc_id.clone()));
            }
        }
        for vpc in touched {
            self.touch(by, About::Vpc(vpc), Layer::Network);
        }
    }

    /// Deletes a peering connection. Routes to it lead nowhere afterwards.
    pub fn delete_peering(&mut self, by: &str, id: &str) {
        for vpc in self.vpcs_of_peering(id) {
            self.touch(by, About::Vpc(vpc), Layer::Network);
        }
        let document = &mut self.document;
        document
            .vpc_peering_connections
            .retain(|peering| peering.vpc_peering_connection_id != id);
        for route in document.route_tables.iter_mut().flat_map(|table| &mut table.routes) {
            if route.vpc_peering_connection_id.as_deref() == Some(id) {
                "blackhole".clone_into(&mut route.state);
            }
        }
    }

    /// The VPCs of a peering connection.
    pub fn vpcs_of_peering(&self, id: &str) -> Vec<String> {
        let peerings = self.document.vpc_peering_connections.iter();
        let peering = peerings.filter(|peering| peering.vpc_peering_connection_id == id);
        peering
            .flat_map(|peering| [&peering.requester_vpc_info, &peering.accepter_vpc_info])
            .map(|side| side.vpc_id.clone())
            .collect()
    }
}
