//! `remove` over the wire: what setup made is gone, what others use stays.

use aws_sdk_ec2::types::RequestLaunchTemplateData;
use serde_json::Value;

use crate::world::{World, finish};

impl World {
    fn remove_succeeds(&self, arguments: &str) -> Value {
        let run = self.run(&format!("remove {arguments}"));
        assert_eq!(run.status, 0, "{run:?}");
        run.json()
    }
}

fn expect(document: &Value, decision: &str, result: &str) {
    assert_eq!(
        (document["decision"].as_str(), document["result"].as_str()),
        (Some(decision), Some(result)),
        "{document:#}"
    );
}

#[tokio::test]
async fn the_first_function_shares_and_the_last_takes_all_away() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    world.function("checkout").await;
    world.function("refunds").await;
    world.setup_succeeds("--cluster orders --function checkout --yes");
    world.setup_succeeds("--cluster orders --function refunds --yes");

    let shared = world.remove_succeeds("--cluster orders --function checkout --yes");
    expect(&shared, "disconnect", "removed");
    let steps = shared["steps"].as_array().unwrap();
    let actions: Vec<&str> = steps.iter().map(|step| step["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["ec2:CreateTags", "lambda:UpdateFunctionConfiguration"]);
    assert_eq!(world.groups_of_function("checkout").await, [world.base.as_str()]);
    let handed_over = world.the_group("lambda-rds-1").await;
    let mut tags = handed_over.tags().iter();
    let of_connection = tags.find(|tag| tag.key() == Some("autoconnect:connection")).unwrap();
    assert_eq!(of_connection.value(), Some("cluster/orders:function/refunds"));
    let drift = finish(world.command().args(["drift", "--output", "json"]));
    assert_eq!(drift.status, 0, "{drift:?}");
    let found = drift.json()["connections"].clone();
    assert_eq!(found.as_array().unwrap().len(), 1, "{found:#}");
    assert_eq!(found[0]["id"], "cluster/orders:function/refunds");

    let mark = world.mark();
    let planned = world.remove_succeeds("--cluster orders --function refunds --dry-run");
    expect(&planned, "disconnect", "planned");
    assert!(world.calls_since(mark).iter().all(|call| crate::world::reads(call)));
    let unfinished = world.remove_succeeds("--cluster orders --function refunds --yes --no-wait");
    expect(&unfinished, "disconnect", "planned");
    let marked = world.the_group("lambda-rds-1").await;
    assert!(
        marked
            .tags()
            .iter()
            .any(|tag| tag.key() == Some("autoconnect:removing"))
    );
    let removed = world.remove_succeeds("--cluster orders --function refunds --yes");
    expect(&removed, "disconnect", "removed");
    assert_eq!(world.groups_of_cluster("orders").await, [world.base.as_str()]);
    assert_eq!(world.groups_of_function("refunds").await, [world.base.as_str()]);
    assert!(world.groups_named("*lambda*").await.is_empty());
    let again = world.remove_succeeds("--cluster orders --function refunds --yes");
    expect(&again, "no-op", "unchanged");
    assert_eq!(again["api_calls"]["write"], 0);
}

/// What a removal has left is used again, and removed again, whichever answer is lost.
#[tokio::test]
async fn a_removal_that_died_and_lost_answers() {
    let world = World::new().await;
    world.instance("inventory", "mysql", 3307).await;
    world.function("stock").await;
    world.setup_succeeds("--instance inventory --function stock --yes");
    let id = world.the_group("rds-lambda-1").await.group_id().unwrap().to_owned();
    let message = "You are not authorized to perform: ec2:RevokeSecurityGroupIngress on resource: sg-1";
    world.fault("RevokeSecurityGroupIngress", 1, 403, "UnauthorizedOperation", message);
    let died = world.run("remove --instance inventory --function stock --yes");
    assert_eq!((died.status, died.error_code().as_str()), (1, "access-denied"));
    assert_eq!(died.json()["error"]["applied"].as_array().unwrap().len(), 4);

    let connected = world.setup_succeeds("--instance inventory --function stock --yes");
    expect(&connected, "create-new", "connected");
    assert_eq!(
        world.the_group("rds-lambda-1").await.group_id(),
        Some(id.as_str()),
        "the same set"
    );
    for action in ["CreateTags", "RevokeSecurityGroupEgress", "DeleteSecurityGroup"] {
        world.lose_answer(action);
    }
    let removed = world.remove_succeeds("--instance inventory --function stock --yes");
    expect(&removed, "disconnect", "removed");
    assert!(world.groups_named("*lambda*").await.is_empty());
}

#[tokio::test]
async fn a_proxy_goes_with_its_role() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    world.function("checkout").await;
    world.setup_succeeds("--cluster orders --function checkout --proxy new --yes");
    let of_connection = "--cluster orders --function checkout --proxy autoconnect-orders";
    let removed = world.remove_succeeds(&format!("{of_connection} --with-proxy --yes"));
    expect(&removed, "disconnect", "removed");
    let proxies = world.rds.describe_db_proxies().send().await.unwrap();
    assert!(proxies.db_proxies().is_empty());
    let role = format!("autoconnect-{}-proxy-autoconnect-orders", world.region);
    assert!(world.iam.get_role().role_name(role).send().await.is_err());
    assert!(world.groups_named("*rdsproxy*").await.is_empty());
    expect(
        &world.remove_succeeds(&format!("{of_connection} --with-proxy --yes")),
        "no-op",
        "unchanged",
    );
}

/// Whatever uses a group keeps it, and is named; once it is gone, so is the group.
#[tokio::test]
async fn what_uses_a_group_keeps_it() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    world
        .proxy("readers", aws_sdk_rds::types::EngineFamily::Postgresql)
        .await;
    world.function("checkout").await;
    world.setup_succeeds("--cluster orders --function checkout --yes");
    let group = world.the_group("lambda-rds-1").await.group_id().unwrap().to_owned();

    let published = world.lambda.publish_version().function_name("checkout").send().await;
    let version = published.unwrap().version.unwrap();
    let alias = world.lambda.create_alias().function_name("checkout").name("live");
    alias.function_version(&version).send().await.unwrap();
    let data = RequestLaunchTemplateData::builder().security_group_ids(&group).build();
    let template = world.ec2.create_launch_template().launch_template_name("workers");
    template.launch_template_data(data).send().await.unwrap();
    let endpoint = world.rds.create_db_proxy_endpoint().db_proxy_name("readers");
    let endpoint = endpoint.db_proxy_endpoint_name("reader").vpc_security_group_ids(&group);
    let endpoint = endpoint.set_vpc_subnet_ids(Some(world.subnets.clone())).send().await;
    endpoint.unwrap();
    let interface = world.ec2.create_network_interface().subnet_id(&world.subnets[0]);
    let interface = interface.groups(&group).description("bastion").send().await.unwrap();
    let interface = interface.network_interface.unwrap().network_interface_id.unwrap();

    let mark = world.mark();
    // The published version still reaches the database.
    let removed = world.run("remove --cluster orders --function checkout --yes");
    assert_eq!(removed.status, 1, "{removed:?}");
    let removed = removed.json();
    expect(&removed, "disconnect", "incomplete");
    let reasons = removed["reasons"].to_string();
    for user in [
        format!("function checkout, version {version} (alias live)"),
        "endpoint reader of proxy readers".to_owned(),
        "launch template workers".to_owned(),
        format!("network interface {interface} (bastion)"),
    ] {
        assert!(reasons.contains(&user), "{user}: {reasons}");
    }
    let asked = world.calls_since(mark);
    for operation in [
        "ListAliases",
        "ListCapacityProviders",
        "ListEventSourceMappings",
        "ListNetworkConnectors",
        "DescribeDBProxyEndpoints",
        "DescribeLaunchTemplateVersions",
        "DescribeNetworkInterfaces",
        "DescribeSecurityGroupReferences",
    ] {
        assert!(asked.iter().any(|call| call == operation), "{operation}: {asked:?}");
    }
    assert_eq!(world.groups_of_function("checkout").await, [world.base.as_str()]);
    assert_eq!(world.the_group("lambda-rds-1").await.group_id(), Some(group.as_str()));

    // The version keeps its group for good; what may not be read keeps it too.
    let message = "You are not authorized to perform: ec2:DescribeNetworkInterfaces";
    world.fault("DescribeNetworkInterfaces", 1, 403, "UnauthorizedOperation", message);
    let unchanged = world.run("remove --cluster orders --function checkout --yes");
    assert_eq!(unchanged.status, 1, "{unchanged:?}");
    let unchanged = unchanged.json();
    expect(&unchanged, "no-op", "incomplete");
}

/// What may not be read keeps the group, and is named.
#[tokio::test]
async fn what_cannot_be_read_keeps_the_group() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    world.function("checkout").await;
    world.setup_succeeds("--cluster orders --function checkout --yes");
    let message = "You are not authorized to perform: ec2:DescribeLaunchTemplateVersions";
    world.fault(
        "DescribeLaunchTemplateVersions",
        9,
        403,
        "UnauthorizedOperation",
        message,
    );
    let removed = world.remove_succeeds("--cluster orders --function checkout --yes");
    expect(&removed, "disconnect", "removed");
    let reasons = removed["reasons"].to_string();
    assert!(reasons.contains("ec2:DescribeLaunchTemplateVersions"), "{reasons}");
    assert_eq!(world.groups_of_function("checkout").await, [world.base.as_str()]);
    world.the_group("lambda-rds-1").await;
    world.the_group("rds-lambda-1").await;
}
