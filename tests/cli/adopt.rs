//! `adopt` as it is typed and read, and what the other commands then refuse.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::Shell;

const CONNECTION: &str = "--offline account.json --instance inventory --function stock-sync";

fn change(shell: &Shell, change: impl FnOnce(&mut Value)) {
    let path = shell.folder.path().join("account.json");
    let mut account = read(&path);
    change(&mut account);
    fs::write(path, serde_json::to_vec_pretty(&account).unwrap()).unwrap();
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn group<'a>(account: &'a mut Value, name: &str) -> &'a mut Value {
    let groups = account["SecurityGroups"].as_array_mut().unwrap();
    groups.iter_mut().find(|group| group["GroupName"] == name).unwrap()
}

/// An account in which `setup` has made a connection with the third set, and Terraform manages it.
fn adopted() -> Shell {
    let shell = Shell::new();
    assert_eq!(shell.run(&format!("setup {CONNECTION} --yes")).status, Some(0));
    assert_eq!(
        shell.run(&format!("adopt --to terraform {CONNECTION} --yes")).status,
        Some(0)
    );
    shell
}

/// The command fails with this code, names who manages the group, and writes nothing.
fn assert_refused(shell: &Shell, command: &str, manager: &str) {
    let path = shell.folder.path().join("account.json");
    let before = read(&path);
    let refused = shell.run(&format!("{command} --output json"));
    assert_eq!(refused.status, Some(1), "{command}");
    let error = &refused.json()["error"];
    assert_eq!(error["code"], "managed-elsewhere", "{command}: {error:#}");
    assert!(
        error["message"].as_str().unwrap().contains(manager),
        "{command}: {error:#}"
    );
    assert_eq!(error["applied"], json!([]), "{command}");
    assert_eq!(read(&path), before, "{command}");
}

#[test]
fn groups_are_handed_over_and_taken_back() {
    let shell = Shell::new();
    shell.run(&format!("setup {CONNECTION} --yes"));
    assert_snapshot!(
        "plan",
        shell.session(&format!("adopt --to terraform {CONNECTION} --dry-run"))
    );
    assert_snapshot!("consent", shell.session(&format!("adopt --to terraform {CONNECTION}")));
    assert_snapshot!(
        "applied_json",
        shell.session(&format!("adopt --to terraform {CONNECTION} --yes --output json"))
    );
    assert_snapshot!("again", shell.session(&format!("adopt --to terraform {CONNECTION}")));
    assert_snapshot!(
        "other",
        shell.session(&format!(
            "adopt --to cloudformation {CONNECTION} --dry-run --output markdown"
        ))
    );
    assert_snapshot!(
        "policy",
        shell.session(&format!("policy operator adopt --to terraform {CONNECTION}"))
    );
    assert_snapshot!(
        "back",
        shell.session(&format!("adopt --to autoconnect {CONNECTION} --yes"))
    );
    assert_snapshot!("help", shell.session("adopt --help"));
    assert_eq!(shell.run(&format!("remove {CONNECTION} --yes")).status, Some(0));
}

#[test]
fn a_wrong_choice_is_an_error() {
    let shell = Shell::new();
    assert_snapshot!(
        "none",
        shell.session("adopt --to terraform --offline account.json --cluster no-such")
    );
    assert_snapshot!(
        "nothing_chosen",
        shell.session("adopt --to terraform --offline account.json --function f")
    );
    assert_snapshot!(
        "other_tool",
        shell.session("adopt --to pulumi --offline account.json --all")
    );
    let elsewhere = "arn:aws:rds:eu-central-1:999999999999:cluster:orders";
    let refused = shell.run(&format!(
        "adopt --to terraform --offline account.json --cluster {elsewhere}"
    ));
    assert_eq!(refused.status, Some(1));
}

/// Whatever would change a group that was handed over, is refused before the first write.
#[test]
fn no_command_changes_what_was_handed_over() {
    for manager in ["terraform", "pulumi <b>"] {
        let refuses = |command: &str, changed: &dyn Fn(&mut Value)| {
            let shell = adopted();
            change(&shell, |account| {
                for name in ["rds-lambda-3", "lambda-rds-3"] {
                    let tags = group(account, name)["Tags"].as_array_mut().unwrap();
                    tags.iter_mut().find(|tag| tag["Key"] == "autoconnect:owner").unwrap()["Value"] = json!(manager);
                }
                changed(account);
            });
            assert_refused(&shell, &format!("{command} {CONNECTION}"), manager);
        };
        let no_rules = |account: &mut Value| group(account, "rds-lambda-3")["IpPermissions"] = json!([]);
        let off_the_function = |account: &mut Value| {
            for function in account["Functions"].as_array_mut().unwrap() {
                if function["FunctionName"] == "stock-sync" {
                    let groups = function["VpcConfig"]["SecurityGroupIds"].as_array_mut().unwrap();
                    groups.pop();
                }
            }
        };
        refuses("remove --yes", &|_| {});
        refuses("remove --dry-run", &|_| {});
        // A changed rule: no second set is made beside it, and it is not repaired.
        refuses("setup --yes", &no_rules);
        refuses("setup --dry-run", &no_rules);
        refuses("setup --repair --yes", &no_rules);
        // The same where a deployment has taken the set off the function, too.
        refuses("setup --yes", &|account| {
            no_rules(account);
            off_the_function(account);
        });
    }
}

#[test]
fn what_changes_no_group_is_done() {
    let shell = adopted();
    // The set serves a second function, and the first again after a deployment has taken it off.
    let second = "setup --offline account.json --instance inventory --function stock-report --yes";
    change(&shell, |account| {
        let functions = account["Functions"].as_array_mut().unwrap();
        let mut copy = functions
            .iter()
            .find(|function| function["FunctionName"] == "stock-sync")
            .unwrap()
            .clone();
        copy["FunctionName"] = json!("stock-report");
        copy["VpcConfig"]["SecurityGroupIds"].as_array_mut().unwrap().pop();
        functions.push(copy);
    });
    let shared = shell.run(&format!("{second} --output json")).json();
    assert_eq!(shared["decision"], "associate-existing", "{shared:#}");
    let unchanged = shell.run(&format!("setup {CONNECTION} --yes --output json")).json();
    assert_eq!(unchanged["result"], "unchanged");
    let drift = shell.run("drift --offline account.json --instance inventory --function stock-sync --output json");
    assert_eq!(drift.json()["connections"][0]["verdict"], "in-sync");
}

#[test]
fn cleanup_keeps_what_was_handed_over_and_says_who_manages_it() {
    let shell = adopted();
    change(&shell, |account| {
        let functions = account["Functions"].as_array_mut().unwrap();
        functions.retain(|function| function["FunctionName"] != "stock-sync");
    });
    assert_snapshot!("cleanup", shell.session("cleanup --offline account.json --yes"));
}

/// A manifest names them, for one account and Region.
#[test]
fn the_connections_of_a_manifest_are_handed_over() {
    let shell = adopted();
    assert_eq!(
        shell.run(&format!("adopt --to autoconnect {CONNECTION} --yes")).status,
        Some(0)
    );
    let write = |text: &str| fs::write(shell.folder.path().join("connections.toml"), text).unwrap();
    let connection = "[[connection]]\ninstance = \"inventory\"\nfunction = \"stock-sync\"\n";
    let adopt = "adopt --to cloudformation --offline account.json --manifest connections.toml --yes --output json";
    write(connection);
    let document = shell.run(adopt).json();
    assert_eq!(document["result"], "adopted");
    assert_eq!(document["groups"].as_array().unwrap().len(), 2);
    write(&format!("{connection}region = \"eu-west-1\"\n"));
    let refused = shell.run(adopt);
    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (Some(1), &json!("usage"))
    );
}

/// What was changed can be taken back, and then be repaired.
#[test]
fn changed_groups_are_taken_back() {
    let shell = adopted();
    change(&shell, |account| {
        group(account, "rds-lambda-3")["IpPermissions"] = json!([]);
    });
    let back = shell.run(&format!("adopt --to autoconnect {CONNECTION} --yes --output json"));
    assert_eq!(back.json()["groups"].as_array().unwrap().len(), 2, "{}", back.stdout);
    let repaired = shell.run(&format!("setup {CONNECTION} --repair --yes --output json"));
    assert_eq!(repaired.json()["result"], "connected", "{}", repaired.stdout);
}

/// Groups that the console created have none of our other tags.
#[test]
fn groups_of_the_console_are_handed_over_too() {
    let shell = Shell::new();
    let orders = "--offline account.json --cluster orders --function checkout";
    assert_eq!(
        shell.run(&format!("adopt --to terraform {orders} --yes")).status,
        Some(0)
    );
    assert_refused(&shell, &format!("remove {orders} --console-made --yes"), "terraform");
    let all = shell
        .run("adopt --to terraform --offline account.json --all --yes --output json")
        .json();
    let owners: Vec<&Value> = all["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| &group["owner"])
        .collect();
    assert!(
        owners.len() > 2 && owners.iter().all(|owner| **owner == "terraform"),
        "{all:#}"
    );
}

/// Each command of docs/export.md is run, in its order, on the example account.
#[test]
fn the_commands_of_the_page_on_exports_are_run() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/export.md")).unwrap();
    let shell = Shell::new();
    shell.run("setup --offline account.json --cluster orders --function checkout --yes");
    let mut ran = 0;
    for line in text.lines().filter(|line| line.starts_with("autoconnect ")) {
        let command = line.split(" > ").next().unwrap().trim_start_matches("autoconnect ");
        let yes = if command.starts_with("adopt") { " --yes" } else { "" };
        let run = shell.run(&format!("{command} --offline account.json{yes}"));
        assert_eq!(run.status, Some(0), "{line}: {}", run.stderr);
        ran += 1;
    }
    assert!(ran > 1, "{ran}");
}
