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
    "snapshot --offline account.json --out kept.json",
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
fn no_connections_are_reported_with_the_account_and_region() {
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

/// An ARN says where a resource is. What is elsewhere is refused before anything is read or written.
#[test]
fn arns_of_elsewhere_are_refused_with_the_part_that_differs() {
    let arn = |service: &str, place: &str, resource: &str| format!("arn:aws:{service}:{place}:{resource}");
    let here = "eu-central-1:123456789012";
    let shell = Shell::new();
    let cluster = |place: &str| arn("rds", place, "cluster:orders");
    let function = |place: &str| arn("lambda", place, "function:checkout");
    let right = [
        format!(
            "setup --cluster {} --function {} --dry-run",
            cluster(here),
            function(here)
        ),
        format!(
            "setup --cluster {} --function checkout --proxy new --dry-run",
            cluster(here)
        ),
        format!("remove --cluster {} --function checkout --dry-run", cluster(here)),
        format!("list --cluster {}", cluster(here)),
        format!("diagnose --cluster {} --function {}", cluster(here), function(here)),
        format!("attach --function refunds --like-database {} --dry-run", cluster(here)),
        format!("drift --cluster {} --function {}", cluster(here), function(here)),
    ];
    for command in right {
        let run = shell.run(&format!("{command} --offline account.json --output json"));
        assert!(run.json()["error"].is_null(), "{command}: {}", run.stdout);
    }
    let table = [
        ("us-east-1:123456789012", "other-region"),
        ("eu-central-1:210987654321", "other-account"),
    ];
    for (place, code) in table {
        let commands = [
            format!("setup --cluster {} --function checkout --yes", cluster(place)),
            format!("setup --cluster orders --function {} --yes", function(place)),
            format!(
                "setup --cluster orders --function new:f --proxy new --secret {} --yes",
                arn("secretsmanager", place, "secret:s-Ac1De2")
            ),
            format!(
                "setup --cross-vpc --cluster {} --function checkout --yes",
                cluster(place)
            ),
            format!("remove --cluster {} --function checkout --yes", cluster(place)),
            format!("remove --cluster orders --function {} --yes", function(place)),
            format!("list --cluster {}", cluster(place)),
            format!("drift --cluster {} --function checkout", cluster(place)),
            format!("drift --cluster orders --function {}", function(place)),
            format!("diagnose --cluster {} --function checkout", cluster(place)),
            format!("diagnose --fix --yes --cluster orders --function {}", function(place)),
            format!("export --cluster {} --function checkout --format dot", cluster(place)),
            format!("attach --function {} --like-database orders --yes", function(place)),
            format!("attach --function refunds --like-database {} --yes", cluster(place)),
            format!(
                "attach --function refunds --like-instance {} --yes",
                arn("rds", place, "db:inventory")
            ),
            format!("detach --function {} --yes", function(place)),
            format!("internet check --function {}", function(place)),
            format!("internet setup --function {} --yes", function(place)),
            format!(
                "policy operator remove --cluster {} --function checkout",
                cluster(place)
            ),
        ];
        for command in commands {
            let before = fs::read(shell.folder.path().join("account.json")).unwrap();
            let run = shell.run(&format!("{command} --offline account.json"));
            assert_eq!(run.status, Some(1), "{command}: {}", run.stdout);
            assert!(
                run.stderr.contains(&format!("error[{code}]")),
                "{command}: {}",
                run.stderr
            );
            let (region, account) = place.split_once(':').unwrap();
            let named = if code == "other-region" { region } else { account };
            assert!(run.stderr.contains(named), "{command}: {}", run.stderr);
            let after = fs::read(shell.folder.path().join("account.json")).unwrap();
            assert_eq!(before, after, "{command}");
        }
        for verb in ["check", "setup --via nat --yes"] {
            let cluster = arn("kafka", place, "cluster/orders/0e010000-0000-4000-8000-000000000001-1");
            let run = shell.run(&format!("msk {verb} --offline msk.json --cluster-arn {cluster}"));
            assert!(run.stderr.contains(&format!("error[{code}]")), "{verb}: {}", run.stderr);
        }
    }
    let role = "setup --offline account.json --cluster orders --function refunds --proxy new --proxy-role arn:aws:iam::210987654321:role/r --dry-run";
    let run = shell.run(role);
    assert!(run.stderr.contains("error[other-account]"), "{}", run.stderr);
    let china = "list --offline account.json --cluster arn:aws-cn:rds:cn-north-1:123456789012:cluster:orders";
    let run = shell.run(china);
    assert!(run.stderr.contains("error[other-partition]"), "{}", run.stderr);
}

#[test]
fn arns_of_another_kind_are_refused_in_every_command() {
    let shell = Shell::new();
    let instance = "arn:aws:rds:eu-central-1:123456789012:db:inventory";
    let cluster = "arn:aws:rds:eu-central-1:123456789012:cluster:orders";
    let commands = [
        ("setup", "--function f"),
        ("remove", "--function f"),
        ("list", ""),
        ("drift", "--function f"),
        ("diagnose", "--function f"),
        ("export", "--function f --format dot"),
    ];
    for (command, more) in commands {
        for (option, arn, instead) in [
            ("--cluster", instance, "--instance"),
            ("--instance", cluster, "--cluster"),
        ] {
            let run = shell.run(&format!(
                "{command} --offline account.json {option} {arn} {more} --output json"
            ));
            let run = if command == "export" {
                shell.run(&format!("{command} --offline account.json {option} {arn} {more}"))
            } else {
                run
            };
            assert_eq!(run.status, Some(1), "{command}");
            assert!(
                run.stderr.contains(&format!("use {instead}")),
                "{command} {option}: {}",
                run.stderr
            );
        }
    }
    let manifest = format!(
        "[[connection]]\ncluster = \"{instance}\"\nfunction = \"f\"\n\n[[connection]]\ncluster = \"{cluster}\"\nfunction = \"{cluster}\"\nregion = \"us-east-1\"\n"
    );
    fs::write(shell.folder.path().join("manifest.toml"), manifest).unwrap();
    let run = shell.run("drift --offline account.json --manifest manifest.toml");
    for told in [
        "line 2: cluster: expected a DB cluster, found the ARN of DB instance inventory: use --instance",
        "line 7: function: expected a Lambda function, found the ARN of DB cluster orders",
        "is in Region eu-central-1, and this run is in Region us-east-1",
    ] {
        assert!(run.stderr.contains(told), "{told}: {}", run.stderr);
    }
    let elsewhere =
        "[[connection]]\ninstance = \"arn:aws:rds:eu-central-1:210987654321:db:inventory\"\nfunction = \"f\"\n";
    fs::write(shell.folder.path().join("manifest.toml"), elsewhere).unwrap();
    let run = shell.run("drift --offline account.json --manifest manifest.toml --allow-unknown");
    assert!(run.stderr.contains("error[other-account]"), "{}", run.stderr);
}

#[test]
fn nothing_found_is_an_error_where_it_is_to_be_one() {
    let shell = Shell::new();
    shell.edit(|account| account["Functions"] = Value::Array(Vec::new()));
    for command in ["drift", "list --instance inventory"] {
        let command = format!("{command} --offline account.json --fail-on-empty");
        let run = shell.run(&command);
        assert_eq!(run.status, Some(1), "{command}");
        assert!(
            run.stderr.contains("error[no-connections]: 0 connections"),
            "{}",
            run.stderr
        );
        assert!(
            run.stderr.contains("account 123456789012, Region eu-central-1"),
            "{}",
            run.stderr
        );
        assert_eq!(run.stdout.lines().next(), Some(FIRST), "{command}");
        let json = shell.run(&format!("{command} --output json")).json();
        assert_eq!(json["error"]["code"], "no-connections", "{command}");
        assert_eq!(json["account"], "123456789012", "{command}");
    }
    let full = Shell::new();
    for command in ["drift", "list --cluster orders"] {
        let run = full.run(&format!("{command} --offline account.json --fail-on-empty"));
        assert_ne!(run.status, Some(1), "{command}: {}", run.stderr);
    }
}
