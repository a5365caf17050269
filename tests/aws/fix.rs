//! `diagnose --fix` over the wire: it adds, and changes nothing that others made.

use aws_sdk_ec2::types::{PortRange, RuleAction};

use crate::world::{Run, World};

const FIX: &str = "diagnose --instance d --function f --fix";

fn verdict(run: &Run) -> (i32, String) {
    (
        run.status,
        run.json()["verdict"]
            .as_str()
            .unwrap_or_else(|| panic!("{run:?}"))
            .to_owned(),
    )
}

fn works() -> (i32, String) {
    (0, "pass".to_owned())
}

fn fails() -> (i32, String) {
    (2, "fail".to_owned())
}

/// The groups of a side that nobody's rules let through get company, and stay as they are.
#[tokio::test]
async fn a_missing_rule_comes_with_groups_of_its_own() {
    let world = World::healthy().await;
    let closed = world.group("closed").await;
    let modify = world.rds.modify_db_instance().db_instance_identifier("d");
    modify.vpc_security_group_ids(&closed).send().await.unwrap();
    let before = (world.the_group("closed").await, world.the_group("base").await);

    let (planned, writes) = world.written(&format!("{FIX} --dry-run"));
    assert_eq!((verdict(&planned), writes), (fails(), vec![]));
    assert!(!planned.json()["steps"].as_array().unwrap().is_empty());
    let (fixed, writes) = world.written(&format!("{FIX} --yes"));
    assert_eq!(verdict(&fixed), works(), "{fixed:?}");
    assert!(!writes.is_empty());
    assert_eq!(verdict(&world.run("diagnose --instance d --function f")), works());
    let (again, writes) = world.written(&format!("{FIX} --yes"));
    assert_eq!((verdict(&again), writes), (works(), vec![]));

    assert_eq!((world.the_group("closed").await, world.the_group("base").await), before);
    let (of_instance, of_function) = (world.groups_of_instance("d").await, world.groups_of_function("f").await);
    assert_eq!((of_instance[0].as_str(), of_instance.len()), (closed.as_str(), 2));
    assert_eq!((of_function[0].as_str(), of_function.len()), (world.base.as_str(), 2));
    // These are the groups of `setup`.
    let (setup, writes) = world.written("setup --instance d --function f --yes");
    assert_eq!((setup.json()["decision"].as_str(), writes), (Some("no-op"), vec![]));
}

/// A network ACL is someone's intent: the command is printed, and is all it takes.
#[tokio::test]
async fn a_network_acl_is_reported_and_not_touched() {
    let world = World::healthy().await;
    let acl = world.denying_acl(&world.subnets[1]).await;
    let (fixed, writes) = world.written(&format!("{FIX} --yes"));
    assert_eq!((verdict(&fixed), writes), (fails(), vec![]));

    // What adding can fix is fixed anyway.
    let closed = world.group("closed").await;
    let modify = world.rds.modify_db_instance().db_instance_identifier("d");
    modify.vpc_security_group_ids(&closed).send().await.unwrap();
    let (fixed, writes) = world.written(&format!("{FIX} --yes"));
    assert_eq!(verdict(&fixed), fails());
    assert!(
        writes.contains(&"AuthorizeSecurityGroupIngress".to_owned()),
        "{writes:?}"
    );
    assert!(writes.iter().all(|call| !call.contains("Acl")), "{writes:?}");
    let document = fixed.json();
    let checks = document["checks"].as_array().unwrap();
    let failing: Vec<_> = checks.iter().filter(|check| check["status"] == "fail").collect();
    assert_eq!(failing.len(), 1, "{document:#}");
    assert_eq!(failing[0]["id"], "network-acls");

    for command in failing[0]["remedy"].as_str().unwrap().lines() {
        let words: Vec<&str> = command.split(' ').collect();
        assert_eq!(words[..3], ["aws", "ec2", "create-network-acl-entry"], "{command}");
        let option = |name: &str| words[words.iter().position(|word| *word == name).unwrap() + 1];
        assert_eq!(option("--network-acl-id"), acl);
        let bounds = option("--port-range")
            .split(',')
            .map(|bound| bound.split_once('=').unwrap().1.parse().unwrap());
        let bounds: Vec<i32> = bounds.collect();
        let entry = world
            .ec2
            .create_network_acl_entry()
            .network_acl_id(&acl)
            .egress(words.contains(&"--egress"))
            .rule_number(option("--rule-number").parse().unwrap())
            .protocol("6")
            .port_range(PortRange::builder().from(bounds[0]).to(bounds[1]).build())
            .cidr_block(option("--cidr-block"))
            .rule_action(RuleAction::Allow);
        entry.send().await.unwrap();
    }
    let (again, writes) = world.written(&format!("{FIX} --yes"));
    assert_eq!((verdict(&again), writes), (works(), vec![]));
}

/// Groups, routes and DNS, where a peering connection is there; a route that is there stays, wherever it leads.
#[tokio::test]
async fn routes_dns_and_rules_across_two_vpcs() {
    let world = World::healthy().await;
    let other = world.away("10.9").await;
    let fix = "diagnose --instance d --function away --fix --yes";
    // To make a peering connection is not for a mender.
    let (fixed, writes) = world.written(fix);
    assert_eq!(verdict(&fixed), fails());
    assert!(
        writes
            .iter()
            .all(|call| !call.contains("Peering") && !call.contains("Route")),
        "{writes:?}"
    );
    let peering = world.peer(&other).await;
    // Someone leads the function's range elsewhere, to a gateway where nothing of it is.
    let gateway = world.ec2.create_internet_gateway().send().await.unwrap();
    let gateway = gateway.internet_gateway.unwrap().internet_gateway_id.unwrap();
    let attach = world.ec2.attach_internet_gateway().internet_gateway_id(&gateway);
    attach.vpc_id(&world.vpc).send().await.unwrap();
    let table = world.main_table(&world.vpc).await.route_table_id.unwrap();
    let route = world.ec2.create_route().route_table_id(&table).gateway_id(&gateway);
    route.destination_cidr_block("10.9.0.0/16").send().await.unwrap();

    let (fixed, writes) = world.written(fix);
    assert_eq!(verdict(&fixed), fails(), "{fixed:?}");
    assert_eq!(
        writes.iter().filter(|call| *call == "CreateRoute").count(),
        1,
        "{writes:?}"
    );
    assert!(
        writes.contains(&"ModifyVpcPeeringConnectionOptions".to_owned()),
        "{writes:?}"
    );
    assert!(!writes.contains(&"ReplaceRoute".to_owned()) && !writes.contains(&"DeleteRoute".to_owned()));
    let leads = |table: &aws_sdk_ec2::types::RouteTable, cidr: &str| {
        let mut routes = table.routes().iter();
        let route = routes
            .find(|route| route.destination_cidr_block() == Some(cidr))
            .unwrap();
        (
            route.gateway_id().map(str::to_owned),
            route.vpc_peering_connection_id().map(str::to_owned),
        )
    };
    assert_eq!(
        leads(&world.main_table(&world.vpc).await, "10.9.0.0/16"),
        (Some(gateway), None)
    );
    assert_eq!(
        leads(&world.main_table(&other).await, "10.0.0.0/16"),
        (None, Some(peering.clone()))
    );
    let delete = world
        .ec2
        .delete_route()
        .route_table_id(&table)
        .destination_cidr_block("10.9.0.0/16");
    delete.send().await.unwrap();

    let (fixed, writes) = world.written(fix);
    assert_eq!((verdict(&fixed), writes), (works(), vec!["CreateRoute".to_owned()]));
    assert_eq!(verdict(&world.run("diagnose --instance d --function away")), works());
    let (again, writes) = world.written(fix);
    assert_eq!((verdict(&again), writes), (works(), vec![]));
}
