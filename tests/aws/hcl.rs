//! `export --format terraform` without Terraform: its files are parsed by python-hcl2, and their attributes held to the provider's
//! schema, which is kept as data. `terraform.rs` has Terraform itself judge them where it is found.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::python;
use crate::world::{finish, program};

/// The account of the documentation, in which `change` was made.
fn account(folder: &Path, change: impl FnOnce(&mut Value)) -> PathBuf {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples/account.json");
    let mut account: Value = serde_json::from_str(&std::fs::read_to_string(example).unwrap()).unwrap();
    change(&mut account);
    let path = folder.join("account.json");
    std::fs::write(&path, account.to_string()).unwrap();
    path
}

/// The addresses of what is exported.
fn checked(arguments: &str, change: impl FnOnce(&mut Value)) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let (account, out) = (account(folder.path(), change), folder.path().join("code"));
    let mut command = Command::new(program());
    command
        .env_clear()
        .current_dir(folder.path())
        .args(["export", "--format", "terraform", "--offline"])
        .arg(account)
        .arg("--out")
        .arg(&out)
        .args(arguments.split_whitespace());
    let run = finish(&mut command);
    assert_eq!(run.status, 0, "{run:?}");
    let peer = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer");
    let mut parser = Command::new(python::environment("hcl", &peer.join("hcl-requirements.txt")));
    let parser = parser
        .arg(peer.join("hcl_check.py"))
        .arg(&out)
        .arg(peer.join("terraform-schema.json"));
    let parsed = finish(parser);
    assert_eq!(parsed.status, 0, "{arguments}: {}\n{}", parsed.stdout, parsed.stderr);
    serde_json::from_str(&parsed.stdout).unwrap()
}

/// Every kind of resource that is written, and every way in which a proxy logs in.
#[test]
fn attributes_are_those_of_the_provider() {
    let table: [(&str, &[&str]); 4] = [
        (
            "--all",
            &["aws_security_group.lambda_rds_1", "aws_security_group.rds_lambda_1"],
        ),
        (
            "--cluster orders --function refunds --planned --proxy new --db-user app --iam-auth required",
            &[
                "aws_db_proxy.autoconnect_orders",
                "aws_db_proxy_target.autoconnect_orders_orders",
                "aws_iam_role_policy.proxy_autoconnect_orders_secret",
                "aws_secretsmanager_secret.autoconnect_orders_app",
                "data.aws_iam_role.shop_functions",
            ],
        ),
        (
            "--cluster orders --function refunds --planned --proxy new --proxy-auth iam --db-user app",
            &["aws_iam_role.proxy_autoconnect_orders", "data.aws_rds_cluster.orders"],
        ),
        (
            "--cluster orders --function new:keeper --planned --proxy orders-proxy",
            &[
                "aws_iam_role_policy_attachment.function_keeper_awslambdavpcaccessexecutionrole",
                "data.aws_db_proxy.orders_proxy",
            ],
        ),
    ];
    for (arguments, expected) in table {
        let found = checked(arguments, |_| {});
        for address in expected {
            assert!(
                found.contains(&(*address).to_owned()),
                "{arguments}: no {address} in {found:?}"
            );
        }
    }
}

/// Text from AWS stays text in every place of the code.
#[test]
fn hostile_texts_stay_texts() {
    let hostile = "${file(\"/etc/passwd\")} $${x} %{ for } \" \\ \u{202e}\n# x\n}";
    let found = checked("--cluster orders", |account| {
        for group in account["SecurityGroups"].as_array_mut().unwrap() {
            group["Description"] = json!(hostile);
            group["Tags"] = json!([{"Key": format!("größe {hostile}"), "Value": hostile}]);
            for rules in ["IpPermissions", "IpPermissionsEgress"] {
                let rules = group.get_mut(rules).and_then(Value::as_array_mut);
                for rule in rules.into_iter().flatten() {
                    let pairs = rule.get_mut("UserIdGroupPairs").and_then(Value::as_array_mut);
                    for pair in pairs.into_iter().flatten() {
                        pair["Description"] = json!(hostile);
                    }
                }
            }
        }
    });
    assert_eq!(found.len(), 4, "{found:?}");
}
