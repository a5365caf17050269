//! Connections through an RDS Proxy that exists.

use aws_sdk_rds::types::EngineFamily;

use crate::world::{World, beside_roles, reads};

#[tokio::test]
async fn a_cluster_through_a_proxy() {
    let world = World::new().await;
    world.cluster("orders", 2).await;
    world.function("checkout").await;
    world.function("refunds").await;
    world.proxy("orders-proxy", EngineFamily::Postgresql).await;
    let setup = "--cluster orders --function checkout --proxy orders-proxy --yes";

    let mark = world.mark();
    let planned = world.setup_succeeds(&setup.replace("--yes", "--dry-run"));
    assert_eq!(
        (planned["decision"].as_str(), planned["steps"].as_array().unwrap().len()),
        (Some("create-new"), 14)
    );
    assert_eq!(planned["connection"]["proxy"]["port"], 5432);
    assert!(
        planned["connection"]["proxy"]["target_health"].is_null(),
        "it has no target yet"
    );
    let calls = world.calls_since(mark);
    assert!(calls.iter().all(|call| reads(call)), "{calls:?}");
    // Those of the path are 8, and two are for the tags of the function and the proxy.
    assert_eq!(beside_roles(&calls), 9 + 8, "{calls:?}");

    let document = world.setup_succeeds(setup);
    assert_eq!(document["result"], "connected");
    assert_eq!(document["connection"]["proxy"]["target_health"]["state"], "AVAILABLE");
    for side in ["database", "proxy", "function"] {
        assert_eq!(document["sides"][side]["verdict"], "fit", "{side}");
    }
    let id = async |name| world.the_group(name).await.group_id().unwrap().to_owned();
    let (database, proxy) = (id("rds-rdsproxy-1").await, id("rdsproxy-lambda-1").await);
    let function = id("lambda-rdsproxy-1").await;
    assert_eq!(
        world.groups_of_cluster("orders").await,
        [world.base.as_str(), &database]
    );
    assert_eq!(
        world.groups_of_proxy("orders-proxy").await,
        [world.base.as_str(), &proxy]
    );
    assert_eq!(
        world.groups_of_function("checkout").await,
        [world.base.as_str(), &function]
    );

    let again = world.setup_succeeds(setup);
    assert_eq!(
        (again["decision"].as_str(), &again["api_calls"]["write"]),
        (Some("no-op"), &0.into())
    );
    let second = world.setup_succeeds(&setup.replace("checkout", "refunds"));
    assert_eq!(second["decision"], "associate-existing");
    assert_eq!(second["steps"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_instance_with_a_port_of_its_own_through_a_proxy() {
    let world = World::new().await;
    world.instance("inventory", "mysql", 3307).await;
    world.function("stock").await;
    world.proxy("stock-proxy", EngineFamily::Mysql).await;
    let setup = "--instance inventory --function stock --proxy stock-proxy --yes";
    let document = world.setup_succeeds(setup);
    assert_eq!(document["result"], "connected");
    assert_eq!(document["connection"]["proxy"]["port"], 3306);
    let proxy = world.the_group("rdsproxy-lambda-1").await;
    assert_eq!(
        proxy.ip_permissions()[0].from_port(),
        Some(3306),
        "the proxy listens on its family's port"
    );
    assert_eq!(proxy.ip_permissions_egress()[0].from_port(), Some(3307));
    assert_eq!(world.setup_succeeds(setup)["result"], "unchanged");

    // Someone takes the group off the database: the proxy does not reach it any more, and the set is completed.
    let base = world.base.clone();
    let modify = world
        .rds
        .modify_db_instance()
        .db_instance_identifier("inventory")
        .vpc_security_group_ids(&base);
    modify.send().await.unwrap();
    assert_eq!(
        world.setup_succeeds(setup)["decision"],
        "create-new",
        "nothing lets the proxy in any more"
    );
}

#[tokio::test]
async fn what_does_not_go_with_a_proxy_is_refused() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    world.function("checkout").await;
    world.proxy("orders-proxy", EngineFamily::Mysql).await;
    let mark = world.mark();
    let run = world.setup("--cluster orders --function checkout --proxy orders-proxy --yes");
    assert_eq!(
        (run.status, run.error_code().as_str()),
        (1, "proxy-other-engine-family")
    );
    let run = world.setup("--cluster orders --function checkout --proxy order-proxy --yes");
    assert_eq!((run.status, run.error_code().as_str()), (1, "proxy-not-found"));
    assert!(run.json()["error"]["hint"].as_str().unwrap().contains("orders-proxy"));
    assert!(world.calls_since(mark).iter().all(|call| reads(call)));
}
