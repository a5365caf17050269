//! `impact` on an account that is read over the wire, and the plans of tests/plans, which Terraform makes.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::world::{World, finish, reads};

#[tokio::test]
async fn a_plan_is_judged_on_what_is_read_of_the_account() {
    let world = World::healthy().await;
    world.cluster("orders", 1).await;
    world.setup_succeeds("--cluster orders --function f --yes");
    let groups = world.groups_of_cluster("orders").await;
    // The group that all resources of this world have lets everything pass.
    let closed = world.group("closed").await;
    let plan = |after: &[&String]| {
        let side =
            |groups: serde_json::Value| json!({"cluster_identifier": "orders", "vpc_security_group_ids": groups});
        json!({"format_version": "1.2", "resource_changes": [{
            "address": "aws_rds_cluster.orders", "mode": "managed", "type": "aws_rds_cluster", "name": "orders",
            "change": {"actions": ["update"], "before": side(json!(groups)), "after": side(json!(after)), "after_unknown": {}},
        }]})
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.json");
    for (after, effect, status) in [(groups.iter().collect(), "none", 0), (vec![&closed], "breaks", 2)] {
        fs::write(&file, plan(&after).to_string()).unwrap();
        let mark = world.mark();
        let mut command = world.command();
        command
            .args(["impact", "--output", "json", "--terraform-plan"])
            .arg(&file);
        let run = finish(&mut command);
        let document = run.json();
        let found = document["connections"].as_array().unwrap().iter();
        let found = found.filter(|one| one["name"] == "cluster/orders:function/f");
        let found: Vec<&serde_json::Value> = found.map(|one| &one["effect"]).collect();
        assert_eq!((found, run.status), (vec![&json!(effect)], status), "{document:#}");
        let calls = world.calls_since(mark);
        assert!(calls.iter().all(|call| reads(call)), "{calls:?}");
    }
}

/// Where Terraform and the AWS provider are found, they make the plans again:
/// they are those that are kept.
#[test]
fn terraform_makes_the_plans_that_are_kept() {
    let plugins = crate::terraform::plugins();
    let has_terraform = Command::new("terraform").arg("version").output().is_ok();
    let (Some(plugins), true) = (plugins, has_terraform) else {
        eprintln!("the plans are not made anew: that needs Terraform and its provider for AWS");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans/make.py");
    let made = Command::new("python3")
        .arg(script)
        .arg("--check")
        .arg(plugins)
        .output()
        .expect("the tests over the wire need python3");
    let told = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{told}");
}
