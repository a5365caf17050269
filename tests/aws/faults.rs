//! What goes wrong between the program and AWS, and is fixed or reported.

use serde_json::json;

use crate::world::{World, beside_roles};

async fn orders_and_checkout() -> World {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    world.function("checkout").await;
    world
}

const SETUP: &str = "--cluster orders --function checkout --yes";

#[tokio::test]
async fn throttling_and_server_errors_are_retried() {
    let world = orders_and_checkout().await;
    world.fault("DescribeSecurityGroups", 2, 503, "RequestLimitExceeded", "slow down");
    world.fault("DescribeDBClusters", 1, 400, "Throttling", "Rate exceeded");
    world.fault("GetFunctionConfiguration", 1, 500, "ServiceException", "oops");
    let mark = world.mark();
    let document = world.setup_succeeds("--cluster orders --function checkout --dry-run --no-diagnose");
    assert_eq!(document["decision"], "create-new");
    let calls = world.calls_since(mark);
    assert_eq!(beside_roles(&calls), 6 + 4, "{calls:?}");
    assert_eq!(document["api_calls"]["read"], calls.len(), "retries count");
}

#[tokio::test]
async fn throttled_out_is_reported() {
    let world = orders_and_checkout().await;
    world.fault("DescribeDBClusters", 9, 400, "Throttling", "Rate exceeded");
    let run = world.setup(SETUP);
    assert_eq!((run.status, run.error_code().as_str()), (1, "throttled"), "{run:?}");
}

#[tokio::test]
async fn expired_and_unknown_credentials_are_reported() {
    let world = orders_and_checkout().await;
    world.fault(
        "DescribeDBClusters",
        1,
        403,
        "ExpiredToken",
        "The security token is expired",
    );
    assert_eq!(world.setup(SETUP).error_code(), "expired-credentials");
    world.fault(
        "DescribeDBClusters",
        1,
        403,
        "InvalidClientTokenId",
        "The security token is invalid",
    );
    assert_eq!(world.setup(SETUP).error_code(), "invalid-credentials");
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_is_not_made_twice() {
    let world = orders_and_checkout().await;
    world.lose_answer("CreateSecurityGroup");
    world.lose_answer("AuthorizeSecurityGroupIngress");
    world.lose_answer("ModifyDBCluster");
    let document = world.setup_succeeds(SETUP);
    assert_eq!(document["result"], "connected");
    assert_eq!(world.groups_named("*lambda*").await.len(), 2);
    assert_eq!(world.groups_of_cluster("orders").await.len(), 2);
    assert_eq!(world.setup_succeeds(SETUP)["result"], "unchanged");
}

#[tokio::test]
async fn a_group_that_is_not_found_right_after_its_creation_is_waited_for() {
    let world = orders_and_checkout().await;
    world.peer.hide_new_groups(world.region, 2);
    let document = world.setup_succeeds(SETUP);
    assert_eq!(document["result"], "connected");
    assert_eq!(world.groups_named("*lambda*").await.len(), 2);
}

#[tokio::test]
async fn a_writer_in_between_is_not_overwritten() {
    let world = orders_and_checkout().await;
    let theirs = world.group("theirs").await;
    let config = json!({ "SubnetIds": world.subnets, "SecurityGroupIds": [world.base, theirs] });
    world.peer.meddle(world.region, "checkout", &config);
    let mark = world.mark();
    let document = world.setup_succeeds(SETUP);
    assert_eq!(document["result"], "connected");
    let groups = world.groups_of_function("checkout").await;
    assert_eq!(
        groups[..2],
        [world.base.clone(), theirs],
        "what the other wrote is still there"
    );
    assert_eq!(groups.len(), 3);
    let updates = world
        .calls_since(mark)
        .iter()
        .filter(|call| *call == "UpdateFunctionConfiguration")
        .count();
    assert_eq!(updates, 2, "the first update was refused for its RevisionId");
}

#[tokio::test]
async fn a_change_that_is_under_way_is_waited_for() {
    let world = orders_and_checkout().await;
    world.fault("ModifyDBCluster", 1, 400, "InvalidDBClusterStateFault", "modifying");
    world.fault(
        "UpdateFunctionConfiguration",
        1,
        409,
        "ResourceConflictException",
        "in progress",
    );
    assert_eq!(world.setup_succeeds(SETUP)["result"], "connected");
}

#[tokio::test]
async fn a_quota_is_reported_with_what_was_written() {
    let world = orders_and_checkout().await;
    world.fault("ModifyDBCluster", 1, 400, "QuotaExceeded", "too many groups");
    let run = world.setup(SETUP);
    assert_eq!((run.status, run.error_code().as_str()), (1, "quota-reached"));
    assert_eq!(run.json()["error"]["applied"].as_array().unwrap().len(), 6);
    assert!(run.stderr.contains("already written:"), "{}", run.stderr);
    assert_eq!(world.setup_succeeds(SETUP)["result"], "connected");
}

/// AWS's codes for requests that come too fast, of calls that the SDK sends only once.
#[tokio::test]
async fn throttled_calls_that_are_sent_once_are_sent_again() {
    let world = World::new().await;
    world.function("f").await;
    let codes = [
        ("AllocateAddress", 503, "RequestLimitExceeded"),
        ("CreateInternetGateway", 400, "Throttling"),
        ("AllocateAddress", 400, "ThrottlingException"),
        ("CreateInternetGateway", 503, "SlowDown"),
        ("AllocateAddress", 429, "TooManyRequestsException"),
        ("CreateInternetGateway", 429, "AnyCode"),
    ];
    for (action, status, code) in codes {
        world.fault(action, 1, status, code, "slow down");
    }
    let (run, writes) = world.written("internet setup --function f --yes");
    assert_eq!(run.status, 0, "{run:?}");
    for action in ["AllocateAddress", "CreateInternetGateway"] {
        let sent = writes.iter().filter(|write| *write == action).count();
        assert_eq!(sent, 4, "{action}: three refused, one carried out: {writes:?}");
    }
    let addresses = world.ec2.describe_addresses().send().await.unwrap();
    assert_eq!(addresses.addresses().len(), 1);
    let (again, writes) = world.written("internet setup --function f --yes");
    assert_eq!((&again.json()["result"], writes.len()), (&"unchanged".into(), 0));
}

/// The time that was given bounds it, and what AWS said is reported.
#[tokio::test]
async fn throttling_without_an_end_is_reported_in_time() {
    let world = World::new().await;
    world.function("f").await;
    world.fault("AllocateAddress", 99, 503, "RequestLimitExceeded", "slow down");
    let start = std::time::Instant::now();
    let run = world.run("internet setup --function f --yes --timeout 5s");
    assert_eq!((run.status, run.error_code().as_str()), (1, "throttled"), "{run:?}");
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
    let addresses = world.ec2.describe_addresses().send().await.unwrap();
    assert!(addresses.addresses().is_empty());
}
