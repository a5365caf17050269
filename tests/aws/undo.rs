//! `remove` over the wire where resources no longer exist, and what else of `setup` it undoes.

use serde_json::Value;

use crate::world::World;

fn remove(world: &World, arguments: &str) -> Value {
    let run = world.run(&format!("remove {arguments}"));
    assert_eq!(run.status, 0, "{run:?}");
    run.json()
}

fn actions(document: &Value) -> Vec<&str> {
    let steps = document["steps"].as_array().unwrap();
    steps.iter().map(|step| step["action"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_is_left_of_a_function_and_a_database_is_found_by_its_tags() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    for function in ["checkout", "refunds"] {
        world.function(function).await;
        world.setup_succeeds(&format!("--cluster orders --function {function} --yes"));
    }
    // The groups were made for checkout, and are refunds' from then on.
    world
        .lambda
        .delete_function()
        .function_name("checkout")
        .send()
        .await
        .unwrap();
    let of_checkout = "--cluster orders --function checkout";
    let handed_over = remove(&world, &format!("{of_checkout} --yes"));
    assert_eq!(actions(&handed_over), ["ec2:CreateTags"]);
    let wrong = world.run(&format!("remove {of_checkout} --yes"));
    assert_eq!((wrong.status, wrong.error_code().as_str()), (1, "function-not-found"));

    world
        .lambda
        .delete_function()
        .function_name("refunds")
        .send()
        .await
        .unwrap();
    let database = world
        .rds
        .delete_db_instance()
        .db_instance_identifier("orders-1")
        .skip_final_snapshot(true);
    database.send().await.unwrap();
    let database = world
        .rds
        .delete_db_cluster()
        .db_cluster_identifier("orders")
        .skip_final_snapshot(true);
    database.send().await.unwrap();
    let of_refunds = "--cluster orders --function refunds";
    let mark = world.mark();
    let planned = remove(&world, &format!("{of_refunds} --dry-run"));
    assert!(world.calls_since(mark).iter().all(|call| crate::world::reads(call)));
    assert_eq!(
        (planned["decision"].as_str(), planned["result"].as_str()),
        (Some("disconnect"), Some("planned"))
    );
    assert_eq!(planned["region"], world.region);
    assert_eq!(world.groups_named("*lambda*").await.len(), 2);
    let removed = remove(&world, &format!("{of_refunds} --yes"));
    assert_eq!(removed["result"], "removed");
    assert!(world.groups_named("*lambda*").await.is_empty());
    let gone = world.run(&format!("remove {of_refunds} --yes"));
    assert_eq!((gone.status, gone.error_code().as_str()), (1, "function-not-found"));
}

#[tokio::test]
async fn a_function_that_setup_made_goes_with_its_role_its_variables_with_the_connection() {
    let world = World::new().await;
    world.instance("inventory", "postgres", 5433).await;
    world.setup_succeeds("--instance inventory --function new:stock --set-env --yes");
    let made = world
        .lambda
        .get_function_configuration()
        .function_name("stock")
        .send()
        .await
        .unwrap();
    assert_eq!(made.code_sha256(), Some(autoconnect::naming::created::CODE_SHA256));

    let unset = remove(&world, "--instance inventory --function stock --unset-env --dry-run");
    let steps = unset["steps"].as_array().unwrap();
    let told = |text: &str| {
        steps
            .iter()
            .any(|step| step["summary"].as_str().unwrap().contains(text))
    };
    assert!(told("DB_HOST, DB_PORT") && told("detach it"), "{unset:#}");

    let role = format!("autoconnect-{}-function-stock", world.region);
    let removed = remove(&world, "--instance inventory --function stock --with-function --yes");
    assert_eq!(removed["result"], "removed");
    let gone = world
        .lambda
        .get_function_configuration()
        .function_name("stock")
        .send()
        .await;
    assert!(gone.is_err());
    assert!(world.iam.get_role().role_name(role).send().await.is_err());
    assert!(world.groups_named("*lambda*").await.is_empty());

    // Not one that someone else made.
    world.function("stock").await;
    world.setup_succeeds("--instance inventory --function stock --yes");
    let refused = world.run("remove --instance inventory --function stock --with-function --yes");
    assert_eq!(
        (refused.status, refused.error_code().as_str()),
        (1, "function-not-ours")
    );
}

#[tokio::test]
async fn a_function_without_other_groups_leaves_its_vpc_and_what_still_connects_is_reported() {
    let world = World::new().await;
    world.instance("inventory", "postgres", 5433).await;
    world.function("stock").await;
    world.setup_succeeds("--instance inventory --function stock --yes");
    // Someone takes the others off.
    let group = world.the_group("lambda-rds-1").await.group_id.unwrap();
    let config = aws_sdk_lambda::types::VpcConfig::builder()
        .set_subnet_ids(Some(world.subnets.clone()))
        .security_group_ids(group);
    let update = world.lambda.update_function_configuration().function_name("stock");
    update.vpc_config(config.build()).send().await.unwrap();
    for _ in 0..2 {
        world.groups_of_function("stock").await;
    }
    let removed = remove(&world, "--instance inventory --function stock --yes");
    assert!(
        removed["steps"]
            .as_array()
            .unwrap()
            .iter()
            .any(|step| { step["summary"].as_str().unwrap().contains("detach it") })
    );
    let function = world
        .lambda
        .get_function_configuration()
        .function_name("stock")
        .send()
        .await
        .unwrap();
    assert!(
        function
            .vpc_config
            .is_none_or(|config| config.security_group_ids().is_empty())
    );

    world.function("sync").await;
    world.setup_succeeds("--instance inventory --function sync --yes");
    let rule = aws_sdk_ec2::types::IpPermission::builder()
        .ip_protocol("tcp")
        .from_port(5433)
        .to_port(5433)
        .ip_ranges(aws_sdk_ec2::types::IpRange::builder().cidr_ip("10.0.0.0/16").build())
        .build();
    let open = world
        .ec2
        .authorize_security_group_ingress()
        .group_id(&world.base)
        .ip_permissions(rule);
    open.send().await.unwrap();
    let run = world.run("remove --instance inventory --function sync --yes");
    assert_eq!(
        (run.status, run.json()["result"].as_str()),
        (1, Some("incomplete")),
        "{run:?}"
    );
}

/// What a function that was deleted leaves behind, in this Region only: its proxy, groups, roles and secrets.
#[tokio::test]
async fn cleanup_takes_away_what_serves_nothing() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    world.function("checkout").await;
    world.function("refunds").await;
    world.setup_succeeds("--cluster orders --function checkout --proxy new --yes");
    world.setup_succeeds("--cluster orders --function refunds --yes");
    let clean = world.run("cleanup --dry-run");
    assert_eq!(
        (clean.status, clean.json()["result"].as_str()),
        (0, Some("unchanged")),
        "{clean:?}"
    );

    let delete = world.lambda.delete_function().function_name("checkout");
    delete.send().await.unwrap();
    let told = |document: &Value, text: &str| {
        let reasons = document["reasons"].as_array().unwrap();
        reasons.iter().any(|reason| reason.as_str().unwrap().contains(text))
    };
    let mark = world.mark();
    let planned = world.run("cleanup --dry-run --detailed-exitcode");
    assert_eq!(planned.status, 2, "{planned:?}");
    assert!(world.calls_since(mark).iter().all(|call| crate::world::reads(call)));
    assert!(told(&planned.json(), "in progress"), "{planned:?}");
    let is_planned = |action: &str| {
        let document = planned.json();
        let steps = document["steps"].as_array().unwrap();
        steps.iter().any(|step| step["action"] == action)
    };
    assert!(is_planned("rds:DeleteDBProxy"), "{planned:?}");
    let (cleaned, _) = world.written("cleanup --yes");
    assert_eq!(
        (cleaned.status, cleaned.json()["result"].as_str()),
        (0, Some("removed")),
        "{cleaned:?}"
    );
    assert!(world.groups_named("*rdsproxy*").await.is_empty());
    let role = format!("autoconnect-{}-proxy-autoconnect-orders", world.region);
    assert!(world.iam.get_role().role_name(role).send().await.is_err());
    let proxy = world.rds.describe_db_proxies().db_proxy_name("autoconnect-orders");
    assert!(proxy.send().await.is_err());
    // What connects refunds stays.
    assert_eq!(world.groups_named("*-lambda-*").await.len(), 1);
    assert_eq!(world.groups_of_function("refunds").await.len(), 2);
    let again = world.run("cleanup --yes").json();
    assert_eq!(
        (again["result"].as_str(), again["api_calls"]["write"].as_u64()),
        (Some("unchanged"), Some(0))
    );
}
