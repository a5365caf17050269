//! `diagnose` over the wire: what AWS's API returns about networks is read as it is meant.

use aws_sdk_ec2::types::AttributeBooleanValue;
use serde_json::Value;

use crate::world::{Run, World, reads};

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
    let world = World::healthy().await;
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
    let world = World::healthy().await;
    let acl = world.denying_acl(&world.subnets[1]).await;
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
    let world = World::healthy().await;
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
    let world = World::healthy().await;
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
    let world = World::healthy().await;
    let other = world.away("10.9").await;
    let diagnose = || world.run("diagnose --instance d --function away");

    let document = diagnose().json();
    let routes = check(&document, "routes");
    assert_eq!(routes["status"], "fail");
    let remedy = routes["remedy"].as_str().unwrap();
    assert!(remedy.contains("create-vpc-peering-connection"), "{remedy}");

    let peering = world.peer(&other).await;
    for (vpc, cidr) in [(&other, "10.0.0.0/16"), (&world.vpc, "10.9.0.0/16")] {
        let document = diagnose().json();
        let routes = check(&document, "routes");
        assert_eq!(routes["status"], "fail");
        assert!(routes["remedy"].as_str().unwrap().contains(&peering), "{routes:#}");
        world.lead(vpc, cidr, &peering).await;
    }
    assert_found(&diagnose(), "dns", "warn", &[&peering]);
    world.resolve_across(&peering).await;
    let run = diagnose();
    assert_eq!(run.json()["verdict"], "pass", "{:#}", run.json());
}

/// An endpoint of a proxy is judged by its own group and role; its name is looked for among those that exist.
#[tokio::test]
async fn an_endpoint_of_a_proxy_is_judged_by_itself() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    world
        .proxy("readers", aws_sdk_rds::types::EngineFamily::Postgresql)
        .await;
    world.function("f").await;
    world.setup_succeeds("--cluster orders --function f --proxy readers --yes");
    let closed = world.group("closed").await;
    let endpoint = world.rds.create_db_proxy_endpoint().db_proxy_name("readers");
    let endpoint = endpoint
        .db_proxy_endpoint_name("reader")
        .vpc_security_group_ids(&closed);
    let endpoint = endpoint.set_vpc_subnet_ids(Some(world.subnets.clone()));
    let endpoint = endpoint.target_role(aws_sdk_rds::types::DbProxyEndpointTargetRole::ReadOnly);
    endpoint.send().await.unwrap();
    let through = "diagnose --cluster orders --function f --proxy readers";
    let wrong = world.run(&format!("{through} --proxy-endpoint readre"));
    assert_eq!(
        (wrong.status, wrong.error_code().as_str()),
        (1, "proxy-endpoint-not-found")
    );
    assert_eq!(wrong.json()["error"]["hint"], "did you mean reader?");
    let run = world.run(&format!("{through} --proxy-endpoint reader"));
    let document = run.json();
    assert_eq!(run.status, 2, "{document:#}");
    let groups = check(&document, "security-groups");
    assert_eq!(groups["status"], "fail", "{document:#}");
    assert!(groups["message"].as_str().unwrap().contains(&closed), "{groups:#}");
    let state = check(&document, "state");
    assert_eq!(state["status"], "fail", "{document:#}");
    assert!(state["message"].as_str().unwrap().contains("readers only"), "{state:#}");
}
