//! Every decision, on clusters and instances, applied and run again.

use aws_sdk_ec2::types::{IpPermission, SecurityGroup, UserIdGroupPair};
use serde_json::{Value, json};

use crate::world::World;

fn tag<'a>(group: &'a SecurityGroup, key: &str) -> Option<&'a str> {
    group.tags().iter().find(|tag| tag.key() == Some(key))?.value()
}

fn expect(document: &Value, decision: &str, result: &str) {
    assert_eq!(
        (document["decision"].as_str(), document["result"].as_str()),
        (Some(decision), Some(result)),
        "{document:#}"
    );
}

fn statuses(document: &Value) -> Vec<&str> {
    document["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["status"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn tags_of_the_user_are_on_the_groups() {
    let world = World::new().await;
    world.cluster("orders", 2).await;
    world.function("checkout").await;
    let planned = world.setup_succeeds("--cluster orders --function checkout --dry-run");
    expect(&planned, "create-new", "planned");
    let document = world.setup_succeeds("--cluster orders --function checkout --tag team=shop --yes");
    expect(&document, "create-new", "connected");
    assert_eq!(statuses(&document), ["done"; 8]);
    for name in ["rds-lambda-1", "lambda-rds-1"] {
        let group = world.the_group(name).await;
        assert_eq!(tag(&group, "autoconnect:managed"), Some("true"));
        assert_eq!(tag(&group, "team"), Some("shop"));
    }
}

#[tokio::test]
async fn a_changed_group_is_superseded_and_stays() {
    let world = World::new().await;
    world.instance("inventory", "postgres", 5432).await;
    world.function("stock").await;
    world.setup_succeeds("--instance inventory --function stock --yes");
    let old = world.the_group("rds-lambda-1").await.group_id().unwrap().to_owned();
    let pair = UserIdGroupPair::builder().group_id(&world.base).build();
    let rule = IpPermission::builder()
        .ip_protocol("tcp")
        .from_port(22)
        .to_port(22)
        .user_id_group_pairs(pair)
        .build();
    world
        .ec2
        .authorize_security_group_ingress()
        .group_id(&old)
        .ip_permissions(rule)
        .send()
        .await
        .unwrap();

    let document = world.setup_succeeds("--instance inventory --function stock --yes");
    expect(&document, "create-new", "connected");
    let reasons = document["reasons"].to_string();
    assert!(reasons.contains(&old) && reasons.contains("tcp 22"), "{reasons}");
    let new = world.the_group("rds-lambda-2").await.group_id().unwrap().to_owned();
    assert_eq!(
        world.groups_of_instance("inventory").await,
        [world.base.clone(), old, new]
    );
    assert_eq!(
        world.the_group("rds-lambda-1").await.ip_permissions().len(),
        2,
        "the old group is left alone"
    );
    expect(
        &world.setup_succeeds("--instance inventory --function stock --yes"),
        "no-op",
        "unchanged",
    );
}

#[tokio::test]
async fn a_run_that_failed_half_way_is_completed() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    world.function("checkout").await;
    let message =
        "You are not authorized to perform: ec2:AuthorizeSecurityGroupEgress on resource: sg-1 because of a policy";
    world.fault("AuthorizeSecurityGroupEgress", 1, 403, "UnauthorizedOperation", message);
    let failed = world.setup("--cluster orders --function checkout --yes");
    assert_eq!((failed.status, failed.error_code().as_str()), (1, "access-denied"));
    let error = &failed.json()["error"];
    assert!(
        error["hint"]
            .as_str()
            .unwrap()
            .contains("ec2:AuthorizeSecurityGroupEgress on sg-1"),
        "{error}"
    );
    let applied: Vec<_> = error["applied"]
        .as_array()
        .unwrap()
        .iter()
        .map(|write| write["action"].clone())
        .collect();
    assert_eq!(
        applied,
        [
            "ec2:CreateSecurityGroup",
            "ec2:CreateSecurityGroup",
            "ec2:RevokeSecurityGroupEgress",
            "ec2:RevokeSecurityGroupEgress",
            "ec2:AuthorizeSecurityGroupIngress"
        ]
    );

    let document = world.setup_succeeds("--cluster orders --function checkout --yes");
    expect(&document, "create-new", "connected");
    assert_eq!(
        statuses(&document),
        [
            "adopt", "adopt", "already", "already", "already", "done", "done", "done"
        ]
    );
    assert_eq!(world.groups_named("*lambda*").await.len(), 2, "one set, not two");
    expect(
        &world.setup_succeeds("--cluster orders --function checkout --yes"),
        "no-op",
        "unchanged",
    );
}

#[tokio::test]
async fn a_name_in_other_case_takes_its_number() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    world.function("checkout").await;
    world.group("RDS-Lambda-1").await;
    world.group("lambda-rds-2").await;
    let document = world.setup_succeeds("--cluster orders --function checkout --yes");
    expect(&document, "create-new", "connected");
    world.the_group("rds-lambda-3").await;
    world.the_group("lambda-rds-3").await;
    assert_eq!(document["sides"]["function"]["groups"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_full_function_is_refused_before_the_first_write() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    let mut groups = vec![world.base.clone()];
    for i in 0..4 {
        groups.push(world.group(&format!("group-{i}")).await);
    }
    let config = aws_sdk_lambda::types::VpcConfig::builder()
        .set_subnet_ids(Some(world.subnets.clone()))
        .set_security_group_ids(Some(groups))
        .build();
    world.function_in("full", Some(config)).await;
    let mark = world.mark();
    let run = world.setup("--cluster orders --function full --yes");
    assert_eq!((run.status, run.error_code().as_str()), (1, "too-many-groups"));
    assert_eq!(run.json()["error"]["applied"], json!([]));
    assert!(world.calls_since(mark).iter().all(|call| crate::world::reads(call)));
}

/// On a database the account's quota counts. Where it may not be read, more than 5 groups is a note.
#[tokio::test]
async fn a_full_database_is_refused_by_the_accounts_quota() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    world.function("f").await;
    let mut groups = vec![world.base.clone()];
    for i in 0..4 {
        groups.push(world.group(&format!("group-{i}")).await);
    }
    let modify = world.rds.modify_db_cluster().db_cluster_identifier("orders");
    modify.set_vpc_security_group_ids(Some(groups)).send().await.unwrap();
    let mark = world.mark();
    let run = world.setup("--cluster orders --function f --yes");
    assert_eq!((run.status, run.error_code().as_str()), (1, "too-many-groups"));
    let calls = world.calls_since(mark);
    assert!(calls.iter().all(|call| crate::world::reads(call)), "{calls:?}");
    assert!(calls.iter().any(|call| call.contains("GetServiceQuota")), "{calls:?}");

    world.fault(
        "GetServiceQuota",
        1,
        400,
        "AccessDeniedException",
        "not authorized to perform: servicequotas:GetServiceQuota",
    );
    let run = world.setup("--cluster orders --function f --dry-run");
    assert_eq!(run.status, 0);
    let text = run.json().to_string();
    assert!(
        text.contains("L-2AFB9258") && text.contains("servicequotas:GetServiceQuota"),
        "{text}"
    );
}
