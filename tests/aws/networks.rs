//! Networks for a world: one in which all works, what breaks it, and a second VPC.

use aws_sdk_ec2::types::{
    AttributeBooleanValue, Filter, IpPermission, IpRange, NetworkAcl, PeeringConnectionOptionsRequest, PortRange,
    RouteTable, RuleAction,
};
use aws_sdk_lambda::types::VpcConfig;

use crate::world::World;

impl World {
    /// Function `f` reaches instance `d`.
    pub async fn healthy() -> Self {
        let world = Self::new().await;
        world.instance("d", "postgres", 5432).await;
        world.function("f").await;
        world.grant_vpc_access().await;
        world.host_names(&world.vpc).await;
        let own = IpPermission::builder()
            .ip_protocol("tcp")
            .from_port(5432)
            .to_port(5432)
            .ip_ranges(IpRange::builder().cidr_ip("10.0.0.0/8").build())
            .build();
        let ingress = world.ec2.authorize_security_group_ingress().group_id(&world.base);
        ingress.ip_permissions(own).send().await.unwrap();
        world
    }

    /// Lets Lambda manage network interfaces with the role that the functions of all worlds share.
    pub async fn grant_vpc_access(&self) {
        let policy = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole";
        let attach = self.iam.attach_role_policy().role_name("of-the-test");
        attach.policy_arn(policy).send().await.unwrap();
    }

    pub async fn host_names(&self, vpc: &str) {
        let on = AttributeBooleanValue::builder().value(true).build();
        let change = self.ec2.modify_vpc_attribute().vpc_id(vpc).enable_dns_hostnames(on);
        change.send().await.unwrap();
    }

    pub async fn subnet(&self, vpc: &str, cidr: &str, zone: &str) -> String {
        let subnet = self.ec2.create_subnet().vpc_id(vpc).cidr_block(cidr);
        let subnet = subnet.availability_zone(format!("{}{zone}", self.region)).send();
        subnet.await.unwrap().subnet.unwrap().subnet_id.unwrap()
    }

    /// The group that a VPC has from the beginning.
    pub async fn default_group(&self, vpc: &str) -> String {
        let of_vpc = Filter::builder().name("vpc-id").values(vpc).build();
        let by_name = Filter::builder().name("group-name").values("default").build();
        let groups = self.ec2.describe_security_groups().filters(of_vpc).filters(by_name);
        let groups = groups.send().await.unwrap();
        groups.security_groups()[0].group_id().unwrap().to_owned()
    }

    /// A VPC with a function in two subnets: `x.y.0.0/24` and `x.y.1.0/24`, in two zones.
    pub async fn elsewhere(&self, function: &str, network: &str) -> String {
        let vpc = self.ec2.create_vpc().cidr_block(format!("{network}.0.0/16"));
        let vpc = vpc.send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
        let config = VpcConfig::builder()
            .subnet_ids(self.subnet(&vpc, &format!("{network}.0.0/24"), "a").await)
            .subnet_ids(self.subnet(&vpc, &format!("{network}.1.0/24"), "b").await)
            .security_group_ids(self.default_group(&vpc).await);
        self.function_in(function, Some(config.build())).await;
        vpc
    }

    /// Function `away` in a VPC of its own, where DNS is as it should be.
    pub async fn away(&self, network: &str) -> String {
        let vpc = self.elsewhere("away", network).await;
        self.host_names(&vpc).await;
        vpc
    }

    /// An active peering connection between another VPC and the world's.
    pub async fn peer(&self, other: &str) -> String {
        let peering = self.ec2.create_vpc_peering_connection().vpc_id(other);
        let peering = peering.peer_vpc_id(&self.vpc).send().await.unwrap();
        let peering = peering.vpc_peering_connection.unwrap();
        let id = peering.vpc_peering_connection_id.unwrap();
        let accept = self.ec2.accept_vpc_peering_connection().vpc_peering_connection_id(&id);
        accept.send().await.unwrap();
        id
    }

    /// All route tables of a VPC.
    pub async fn route_tables(&self, vpc: &str) -> Vec<RouteTable> {
        let of_vpc = Filter::builder().name("vpc-id").values(vpc).build();
        let tables = self.ec2.describe_route_tables().filters(of_vpc).send().await;
        tables.unwrap().route_tables.unwrap_or_default()
    }

    /// The table that a VPC has from the beginning.
    pub async fn main_table(&self, vpc: &str) -> RouteTable {
        let mut tables = self.route_tables(vpc).await.into_iter();
        let is_main = |table: &RouteTable| table.associations().iter().any(|found| found.main() == Some(true));
        tables.find(is_main).unwrap()
    }

    /// Routes a range from a VPC to a peering connection.
    pub async fn lead(&self, vpc: &str, cidr: &str, peering: &str) {
        let table = self.main_table(vpc).await.route_table_id.unwrap();
        let route = self.ec2.create_route().route_table_id(table);
        let route = route.destination_cidr_block(cidr).vpc_peering_connection_id(peering);
        route.send().await.unwrap();
    }

    /// Names of each VPC resolve in the other.
    pub async fn resolve_across(&self, peering: &str) {
        let allow = || {
            PeeringConnectionOptionsRequest::builder()
                .allow_dns_resolution_from_remote_vpc(true)
                .build()
        };
        let options = self.ec2.modify_vpc_peering_connection_options();
        let options = options.vpc_peering_connection_id(peering);
        let options = options.requester_peering_connection_options(allow());
        let options = options.accepter_peering_connection_options(allow());
        options.send().await.unwrap();
    }

    /// A network ACL that lets everything through, except for answers to ports below 32768.
    pub async fn denying_acl(&self, subnet: &str) -> String {
        let ec2 = &self.ec2;
        let acl = ec2.create_network_acl().vpc_id(&self.vpc).send().await.unwrap();
        let acl = acl.network_acl.unwrap().network_acl_id.unwrap();
        for (number, egress, action, ports, protocol) in [
            (90, false, RuleAction::Deny, Some((1024, 32767)), "6"),
            (100, false, RuleAction::Allow, None, "-1"),
            (100, true, RuleAction::Allow, None, "-1"),
        ] {
            let ports = ports.map(|(from, to)| PortRange::builder().from(from).to(to).build());
            let entry = ec2
                .create_network_acl_entry()
                .network_acl_id(&acl)
                .rule_number(number)
                .egress(egress)
                .protocol(protocol)
                .rule_action(action)
                .cidr_block("0.0.0.0/0")
                .set_port_range(ports);
            entry.send().await.unwrap();
        }
        let all = ec2.describe_network_acls().send().await.unwrap();
        let association = all
            .network_acls()
            .iter()
            .flat_map(NetworkAcl::associations)
            .find(|found| found.subnet_id() == Some(subnet))
            .and_then(|found| found.network_acl_association_id())
            .unwrap();
        let replace = ec2.replace_network_acl_association().association_id(association);
        replace.network_acl_id(&acl).send().await.unwrap();
        acl
    }
}
