//! `diagnose` over the wire: what AWS's API tells of networks is read as it is meant.

use aws_sdk_ec2::types::{
    AttributeBooleanValue, Filter, IpPermission, IpRange, PeeringConnectionOptionsRequest, PortRange, RuleAction,
};
use aws_sdk_lambda::types::VpcConfig;
use serde_json::Value;

use crate::world::{Run, World, reads};

/// A world in which function `f` reaches instance `d`.
async fn healthy() -> World {
    let world = World::new().await;
    world.instance("d", "postgres", 5432).await;
    world.function("f").await;
    let policy = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole";
    let attach = world
        .iam
        .attach_role_policy()
        .role_name("of-the-test")
        .policy_arn(policy);
    attach.send().await.unwrap();
    host_names(&world, &world.vpc).await;
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

async fn host_names(world: &World, vpc: &str) {
    let on = AttributeBooleanValue::builder().value(true).build();
    let change = world.ec2.modify_vpc_attribute().vpc_id(vpc).enable_dns_hostnames(on);
    change.send().await.unwrap();
}

fn diagnose(world: &World) -> Run {
    world.run("diagnose --instance d --function f")
}

fn check<'d>(document: &'d Value, id: &str) -> &'d Value {
    let checks = document["checks"].as_array().unwrap();
    checks.iter().find(|check| check["id"] == id).unwrap()
}

/// The check with this id is the only one that has this status, and names what it is about.
fn assert_found(run: &Run, id: &str, status: &str, named: &[&str]) {
    let document = run.json();
    assert_eq!(document["verdict"], status, "{document:#}");
    assert_eq!(run.status, if status == "fail" { 2 } else { 0 });
    for check in document["checks"].as_array().unwrap() {
        let expected = if check["id"] == id { status } else { "pass" };
        assert_eq!(check["status"], expected, "{document:#}");
    }
    let found = check(&document, id);
    let told = format!("{} {} {}", found["message"], found["evidence"], found["remedy"]);
    for name in named {
        assert!(told.contains(name), "{name} in {told}");
    }
}

#[tokio::test]
async fn what_works_passes_and_nothing_is_written() {
    let world = healthy().await;
    let mark = world.mark();
    let run = diagnose(&world);
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(run.json()["verdict"], "pass", "{:#}", run.json());
    let calls = world.calls_since(mark);
    assert!(calls.iter().all(|call| reads(call)), "{calls:?}");
    assert_eq!(run.json()["api_calls"]["read"], calls.len());
}

#[tokio::test]
async fn an_acl_that_denies_a_part_is_named_with_its_rule() {
    let world = healthy().await;
    let ec2 = &world.ec2;
    let acl = ec2.create_network_acl().vpc_id(&world.vpc).send().await.unwrap();
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
        .flat_map(aws_sdk_ec2::types::NetworkAcl::associations)
        .find(|found| found.subnet_id() == Some(&world.subnets[1]))
        .and_then(|found| found.network_acl_association_id())
        .unwrap();
    let replace = ec2.replace_network_acl_association().association_id(association);
    replace.network_acl_id(&acl).send().await.unwrap();
    let rule = format!("tcp 1024-32767 blocked by rule 90 of {acl}");
    assert_found(
        &diagnose(&world),
        "network-acls",
        "fail",
        &[&rule, &world.subnets[1], &world.subnets[0]],
    );
}

#[tokio::test]
async fn groups_dns_and_routes_that_are_amiss_are_found() {
    let world = healthy().await;
    let off = AttributeBooleanValue::builder().value(false).build();
    let change = world
        .ec2
        .modify_vpc_attribute()
        .vpc_id(&world.vpc)
        .enable_dns_support(off);
    change.send().await.unwrap();
    assert_found(&diagnose(&world), "dns", "fail", &[&world.vpc, "--enable-dns-support"]);
    let on = AttributeBooleanValue::builder().value(true).build();
    let change = world
        .ec2
        .modify_vpc_attribute()
        .vpc_id(&world.vpc)
        .enable_dns_support(on);
    change.send().await.unwrap();

    let group = world.group("closed").await;
    let modify = world.rds.modify_db_instance().db_instance_identifier("d");
    modify.vpc_security_group_ids(&group).send().await.unwrap();
    assert_found(&diagnose(&world), "security-groups", "fail", &[&group, "5432"]);
}

#[tokio::test]
async fn what_may_not_be_read_is_unknown() {
    let world = healthy().await;
    for (action, id) in [
        ("DescribeNetworkAcls", "network-acls"),
        ("DescribeRouteTables", "routes"),
        ("DescribeVpcAttribute", "dns"),
    ] {
        world.fault(
            action,
            2,
            403,
            "UnauthorizedOperation",
            "You are not authorized to perform this operation.",
        );
        let run = diagnose(&world);
        assert_found(&run, id, "unknown", &[action]);
        // What was not used up.
        diagnose(&world);
    }
    world.fault("ListRolePolicies", 1, 403, "AccessDenied", "not authorized");
    assert_found(
        &diagnose(&world),
        "execution-role",
        "unknown",
        &["iam:ListRolePolicies"],
    );
}

#[tokio::test]
async fn the_way_to_another_vpc_is_followed() {
    let world = healthy().await;
    let ec2 = &world.ec2;
    let other = ec2.create_vpc().cidr_block("10.9.0.0/16").send().await.unwrap();
    let other = other.vpc.unwrap().vpc_id.unwrap();
    host_names(&world, &other).await;
    let subnet = ec2.create_subnet().vpc_id(&other).cidr_block("10.9.1.0/24");
    let subnet = subnet
        .availability_zone(format!("{}a", world.region))
        .send()
        .await
        .unwrap();
    let subnet = subnet.subnet.unwrap().subnet_id.unwrap();
    let groups = ec2
        .describe_security_groups()
        .filters(Filter::builder().name("vpc-id").values(&other).build());
    let group = groups.send().await.unwrap().security_groups()[0]
        .group_id()
        .unwrap()
        .to_owned();
    let config = VpcConfig::builder()
        .subnet_ids(&subnet)
        .security_group_ids(&group)
        .build();
    world.function_in("away", Some(config)).await;
    let diagnose = || world.run("diagnose --instance d --function away");

    let run = diagnose();
    let document = run.json();
    assert_eq!(check(&document, "routes")["status"], "fail");
    assert!(
        check(&document, "routes")["remedy"]
            .as_str()
            .unwrap()
            .contains("create-vpc-peering-connection")
    );

    let peering = ec2
        .create_vpc_peering_connection()
        .vpc_id(&other)
        .peer_vpc_id(&world.vpc);
    let peering = peering.send().await.unwrap().vpc_peering_connection.unwrap();
    let peering = peering.vpc_peering_connection_id.unwrap();
    let accept = ec2.accept_vpc_peering_connection().vpc_peering_connection_id(&peering);
    accept.send().await.unwrap();
    for (vpc, cidr) in [(&other, "10.0.0.0/16"), (&world.vpc, "10.9.0.0/16")] {
        let document = diagnose().json();
        let routes = check(&document, "routes");
        assert_eq!(routes["status"], "fail");
        assert!(routes["remedy"].as_str().unwrap().contains(&peering), "{routes:#}");
        let tables = ec2
            .describe_route_tables()
            .filters(Filter::builder().name("vpc-id").values(vpc).build());
        let table = tables.send().await.unwrap().route_tables()[0]
            .route_table_id()
            .unwrap()
            .to_owned();
        let route = ec2.create_route().route_table_id(table).destination_cidr_block(cidr);
        route.vpc_peering_connection_id(&peering).send().await.unwrap();
    }
    assert_found(&diagnose(), "dns", "fail", &[&peering]);
    let allow = || {
        PeeringConnectionOptionsRequest::builder()
            .allow_dns_resolution_from_remote_vpc(true)
            .build()
    };
    let options = ec2
        .modify_vpc_peering_connection_options()
        .vpc_peering_connection_id(&peering);
    let options = options.requester_peering_connection_options(allow());
    options
        .accepter_peering_connection_options(allow())
        .send()
        .await
        .unwrap();
    let run = diagnose();
    assert_eq!(run.json()["verdict"], "pass", "{:#}", run.json());
}
