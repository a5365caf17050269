//! What is read, and that nothing is written where nothing may be.

use crate::world::{World, beside_roles, reads};

#[tokio::test]
async fn dry_runs_and_no_ops_write_nothing_and_read_little() {
    let world = World::new().await;
    world.cluster("orders", 2).await;
    world.instance("inventory", "postgres", 5432).await;
    world.function("checkout").await;
    // The checks of the path read the VPC, its two DNS attributes, its subnets, route tables and ACLs, the groups of both
    // ends, and the VPC's DHCP options, besides the role's policies.
    for (setup, most) in [
        ("--cluster orders --no-diagnose", 6),
        ("--instance inventory --no-diagnose", 5),
        ("--cluster orders", 6 + 8),
        ("--instance inventory", 5 + 8),
    ] {
        let mark = world.mark();
        let document = world.setup_succeeds(&format!("{setup} --function checkout --dry-run"));
        let calls = world.calls_since(mark);
        assert!(calls.iter().all(|call| reads(call)), "{calls:?}");
        assert_eq!(beside_roles(&calls), most, "{calls:?}");
        assert_eq!(document["api_calls"]["read"], calls.len());
        assert_eq!(document["api_calls"]["write"], 0);
    }

    world.setup_succeeds("--cluster orders --function checkout --yes");
    let mark = world.mark();
    world.setup_succeeds("--cluster orders --function checkout --yes");
    world.setup_succeeds("--cluster orders --function checkout --dry-run --detailed-exitcode");
    let refused = world.setup("--instance inventory --function checkout");
    assert_eq!((refused.status, refused.error_code().as_str()), (1, "consent-required"));
    let missing = world.setup("--cluster order --function checkout --yes");
    assert_eq!(
        (missing.status, missing.error_code().as_str()),
        (1, "cluster-not-found")
    );
    let calls = world.calls_since(mark);
    assert!(calls.iter().all(|call| reads(call)), "{calls:?}");
}

#[tokio::test]
async fn groups_beyond_the_first_page_count() {
    let world = World::new().await;
    world.instance("inventory", "postgres", 5432).await;
    world.function("stock").await;
    for i in 1..=45 {
        world.group(&format!("rds-lambda-{i}")).await;
    }
    let mark = world.mark();
    let document = world.setup_succeeds("--instance inventory --function stock --dry-run --no-diagnose");
    let pages = world
        .calls_since(mark)
        .iter()
        .filter(|call| *call == "DescribeSecurityGroups")
        .count();
    assert_eq!(pages, 3);
    assert_eq!(document["sides"]["database"]["groups"].as_array().unwrap().len(), 45);
    assert_eq!(document["steps"][0]["resource"], "rds-lambda-46");
}

#[tokio::test]
async fn a_wrong_name_is_answered_with_the_nearest_ones_of_all_pages() {
    let world = World::new().await;
    for i in 0..24 {
        world.cluster(&format!("cluster-{i:02}"), 0).await;
    }
    world.cluster("payments", 1).await;
    world.function("checkout").await;
    let run = world.setup("--cluster paymetns --function checkout --dry-run");
    assert_eq!((run.status, run.error_code().as_str()), (1, "cluster-not-found"));
    assert!(
        run.json()["error"]["hint"].as_str().unwrap().contains("payments"),
        "{run:?}"
    );
    let run = world.setup("--cluster payments --function chekcout --dry-run");
    assert_eq!((run.status, run.error_code().as_str()), (1, "function-not-found"));
    assert!(
        run.json()["error"]["hint"].as_str().unwrap().contains("checkout"),
        "{run:?}"
    );
    let run = world.setup("--instance payments --function checkout --dry-run");
    assert!(
        run.json()["error"]["hint"]
            .as_str()
            .unwrap()
            .contains("--cluster payments"),
        "{run:?}"
    );
}

#[tokio::test]
async fn a_cluster_without_instances_is_found_in_its_vpc() {
    let world = World::new().await;
    world.cluster("empty", 0).await;
    world.function("checkout").await;
    let mark = world.mark();
    let document = world.setup_succeeds("--cluster empty --function checkout --dry-run --no-diagnose");
    assert_eq!(document["connection"]["database"]["vpc"], world.vpc.as_str());
    assert_eq!(beside_roles(&world.calls_since(mark)), 7);
}
