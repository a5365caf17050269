//! Exports to CloudFormation and the CDK, read by the real tools: cfn-lint judges the templates, the CDK synthesises the
//! stacks, and moto's CloudFormation creates what is then in sync.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aws_sdk_lambda::types::VpcConfig;
use serde_json::{Value, json};

use crate::node;
use crate::python;
use crate::template::judged;
use crate::world::{World, finish, program};

/// A folder with a copy of the example account, on which these command lines were run.
fn account(name: &str, setups: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stacks").join(name);
    fs::create_dir_all(&folder).unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples/account.json");
    fs::copy(example, folder.join("account.json")).unwrap();
    for setup in setups {
        offline(&folder, &format!("setup {setup} --yes"));
    }
    folder
}

fn offline(folder: &Path, arguments: &str) -> String {
    let mut command = Command::new(program());
    command.args(arguments.split(' ')).args(["--offline", "account.json"]);
    let run = finish(command.current_dir(folder));
    assert_eq!(run.status, 0, "{arguments}: {}", run.stderr);
    run.stdout
}

/// The template that the CDK makes of a stack.
fn synthesised(name: &str, code: &str) -> Value {
    let packages = node::packages("cdk");
    let folder = packages.join("stacks").join(name);
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("stack.ts");
    fs::write(&file, code).unwrap();
    let strictly = [
        "--noEmit",
        "--strict",
        "--skipLibCheck",
        "--module",
        "commonjs",
        "--target",
        "es2022",
        "--types",
        "node",
    ];
    let checked = finish(
        Command::new("npx")
            .arg("tsc")
            .args(strictly)
            .arg(&file)
            .current_dir(&packages),
    );
    assert_eq!(checked.status, 0, "{}{}", checked.stdout, checked.stderr);
    let out = folder.join("out");
    let ran = finish(
        Command::new("npx")
            .arg("tsx")
            .arg(&file)
            .env("CDK_OUTDIR", &out)
            .current_dir(&packages),
    );
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    serde_json::from_slice(&fs::read(out.join("Autoconnect.template.json")).unwrap()).unwrap()
}

/// A connection of each kind. The CDK makes of its stack exactly the template that CloudFormation reads.
#[test]
fn the_cdk_makes_the_same_template() {
    let table: [(&str, &[&str]); 4] = [
        ("console-made", &[]),
        ("direct", &["--instance inventory --function stock-sync"]),
        (
            "new-proxy",
            &["--cluster orders --function checkout --proxy new --secret orders-app"],
        ),
        (
            "several",
            &[
                "--instance inventory --function stock-sync",
                "--cluster orders --function stock-sync",
            ],
        ),
    ];
    for (name, setups) in table {
        let folder = account(name, setups);
        let file = folder.join("template.yaml");
        fs::write(&file, offline(&folder, "export --all --format cloudformation")).unwrap();
        let (findings, template) = judged(&file);
        assert_eq!(findings, Vec::<String>::new(), "{name}");
        assert_eq!(
            synthesised(name, &offline(&folder, "export --all --format cdk")),
            template,
            "{name}"
        );
    }
}

/// A template creates in an empty account what `setup` has created in another one.
#[tokio::test]
async fn a_created_stack_is_in_sync() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    world.function("checkout").await;
    world.function("refunds").await;
    for function in ["checkout", "refunds"] {
        world.setup_succeeds(&format!("--cluster orders --function {function} --yes"));
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stacks").join(world.region);
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("template.yaml");
    let import = folder.join("import.json");
    let mut export = world.command();
    export.args("export --cluster orders --format cloudformation --resources-to-import".split(' '));
    let exported = finish(export.arg(&import));
    assert_eq!(exported.status, 0, "{}", exported.stderr);
    fs::write(&file, &exported.stdout).unwrap();
    let (findings, template) = judged(&file);
    assert_eq!(findings, Vec::<String>::new());
    let imported: Vec<Value> = serde_json::from_slice(&fs::read(&import).unwrap()).unwrap();
    assert_eq!(imported.len(), template["Resources"].as_object().unwrap().len());

    let other = World::new().await;
    other.cluster("orders", 1).await;
    let peer = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer");
    let mut create = Command::new(python::environment("peer", &peer.join("requirements.txt")));
    let created = finish(
        create
            .arg(peer.join("stack.py"))
            .arg(&file)
            .args([&other.peer.url, other.region])
            .arg(json!({"VpcId": other.vpc}).to_string()),
    );
    assert_eq!(created.status, 0, "{}", created.stderr);
    let created = created.json();
    let group = |name: &str| created[name].as_str().unwrap().to_owned();
    let groups = [other.base.clone(), group("RdsLambda1")];
    let modified = other.rds.modify_db_cluster().db_cluster_identifier("orders");
    modified
        .set_vpc_security_group_ids(Some(groups.to_vec()))
        .send()
        .await
        .unwrap();
    for function in ["checkout", "refunds"] {
        let config = VpcConfig::builder()
            .set_subnet_ids(Some(other.subnets.clone()))
            .security_group_ids(&other.base)
            .security_group_ids(group("LambdaRds1"))
            .build();
        other.function_in(function, Some(config)).await;
        let drift = other.run(&format!("drift --cluster orders --function {function}"));
        assert_eq!(drift.json()["connections"][0]["verdict"], "in-sync", "{}", drift.stdout);
    }
    // From birth, nothing but CloudFormation changes these groups.
    let removed = other.run("remove --cluster orders --function checkout --yes");
    assert_eq!(removed.error_code(), "managed-elsewhere");
}
