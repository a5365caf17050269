//! The account and Region: in the first line of every text, at the top of every document, in the question.

use super::*;

const FIRST: &str = "Account 123456789012, Region eu-central-1";

/// A command line for each kind of text and document, all on the examples.
const COMMANDS: &[&str] = &[
    "setup --offline account.json --cluster orders --function checkout",
    "setup --offline account.json --instance inventory --function stock-sync --dry-run",
    "setup --offline account.json --instance inventory --function stock-sync --yes",
    "remove --offline account.json --cluster orders --function checkout --dry-run",
    "remove --offline account.json --cluster orders --function checkout --console-made --yes",
    "cleanup --offline account.json --dry-run",
    "attach --offline account.json --function refunds --like-database orders --dry-run",
    "detach --offline account.json --function checkout --dry-run",
    "drift --offline account.json",
    "drift --offline account.json --cluster orders --function checkout",
    "list --offline account.json --cluster orders",
    "diagnose --offline network.json --cluster orders --function checkout",
    "internet check --offline network.json --function checkout",
    "internet setup --offline network.json --function checkout --dry-run",
    "msk check --offline msk.json --cluster-arn ARN",
    "msk setup --offline msk.json --cluster-arn ARN --via nat --dry-run",
];

fn commands(shell: &Shell) -> Vec<String> {
    let msk: Value = serde_json::from_slice(&fs::read(shell.folder.path().join("msk.json")).unwrap()).unwrap();
    let arn = msk["MskClusters"][0]["ClusterArn"].as_str().unwrap().to_owned();
    COMMANDS.iter().map(|command| command.replace("ARN", &arn)).collect()
}

#[test]
fn every_text_names_account_and_region_first() {
    for command in commands(&Shell::new()) {
        let run = Shell::new().run(&command);
        assert_eq!(run.stdout.lines().next(), Some(FIRST), "{command}: {}", run.stderr);
    }
    let shell = Shell::new();
    let run = shell.run("snapshot --offline account.json --out kept.json");
    assert_eq!(run.stdout.lines().next(), Some(FIRST), "{}", run.stderr);
}

#[test]
fn every_document_names_account_and_region() {
    for command in commands(&Shell::new()) {
        let run = Shell::new().run(&format!("{command} --output json"));
        let document = run.json();
        assert_eq!(document["account"], "123456789012", "{command}: {}", run.stdout);
        assert_eq!(document["region"], "eu-central-1", "{command}: {}", run.stdout);
    }
}

/// An error names the account and Region once they are known, and has null for both before.
#[test]
fn errors_name_account_and_region_as_far_as_they_are_known() {
    let table = [
        (
            "setup --offline account.json --cluster order --function checkout",
            Some("123456789012"),
        ),
        (
            "diagnose --offline account.json --cluster order --function checkout",
            Some("123456789012"),
        ),
        ("list --offline account.json --cluster order", Some("123456789012")),
        ("setup --cluster orders", None),
        (
            "setup --offline nowhere.json --cluster orders --function checkout",
            None,
        ),
    ];
    for (command, account) in table {
        let run = Shell::new().run(&format!("{command} --output json"));
        let document = run.json();
        assert!(document["error"]["code"].is_string(), "{command}");
        assert_eq!(document["account"].as_str(), account, "{command}");
        assert_eq!(document["region"].is_string(), account.is_some(), "{command}");
    }
}

/// An empty account is most often the wrong one.
#[test]
fn no_connections_are_told_with_the_account_and_region() {
    let shell = Shell::new();
    shell.edit(|account| {
        for list in ["DBClusters", "DBInstances", "DBProxies", "Functions"] {
            account[list] = Value::Array(Vec::new());
        }
        for group in account["SecurityGroups"].as_array_mut().unwrap() {
            for rules in ["IpPermissions", "IpPermissionsEgress"] {
                group[rules] = Value::Array(Vec::new());
            }
        }
    });
    let run = shell.run("drift --offline account.json");
    assert_eq!(run.stdout.lines().next(), Some(FIRST), "{}", run.stderr);
    let told = "0 connections in account 123456789012, Region eu-central-1: 0 in sync";
    assert!(run.stdout.contains(told), "{}", run.stdout);
}

#[test]
fn each_line_of_a_look_names_account_and_region() {
    let shell = Shell::new();
    let run = shell.run("drift --offline account.json --output ndjson");
    assert!(run.stdout.lines().count() > 1, "{}", run.stderr);
    for line in run.stdout.lines() {
        let connection: Value = serde_json::from_str(line).unwrap();
        assert_eq!(connection["account"], "123456789012", "{line}");
        assert_eq!(connection["region"], "eu-central-1", "{line}");
    }
}
