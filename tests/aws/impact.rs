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
    world.setup_succeeds("--cluster orders --function f");
    let groups = world.groups_of_cluster("orders").await;
    let own = world.the_group("rds-lambda-1").await.group_id.expect("it has an id");
    let left: Vec<&String> = groups.iter().filter(|group| **group != own).collect();
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
    for (after, effect, status) in [(groups.iter().collect(), "none", 0), (left, "breaks", 2)] {
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

/// Where Terraform is found, and `AUTOCONNECT_TERRAFORM_PLUGINS` names a folder with the AWS provider, it makes the plans again:
/// they are those that are kept.
#[test]
fn terraform_makes_the_plans_that_are_kept() {
    let plugins = std::env::var_os("AUTOCONNECT_TERRAFORM_PLUGINS");
    let has_terraform = Command::new("terraform").arg("version").output().is_ok();
    let (Some(plugins), true) = (plugins, has_terraform) else {
        eprintln!("the plans are not made anew: that needs Terraform and AUTOCONNECT_TERRAFORM_PLUGINS");
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
