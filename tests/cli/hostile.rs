//! Values that someone else has chosen: whatever stands in an account, it neither drives a terminal, nor looks like a
//! line of the program, nor becomes a part of a command that a person copies.

use std::collections::BTreeSet;
use std::fs;

use autoconnect::escape::is_unsafe;
use rayon::prelude::*;
use serde_json::{Value, json};

use super::{Run, Shell};
use crate::thorough::thoroughly;

/// Escape sequences, a line of its own, and marks that turn the text around.
const HOSTILE: &str =
    "x\u{1b}[2J\u{1b}]0;t\u{7}\r\nerror[forged]: all is well\u{9b}31m\u{202e}\u{2066}\u{2028}\u{200b}\u{7f}y";

/// The commands by the file that they are run on.
const COMMANDS: [(&str, &[&str]); 3] = [
    (
        "account.json",
        &[
            "setup --cluster orders --function refunds --proxy orders-proxy --dry-run",
            "setup --instance inventory --function stock-sync --set-env --yes --no-wait",
            "remove --cluster orders --function checkout --console-made --dry-run",
            "drift --metrics-file metrics.prom",
            "list --cluster orders",
            "list",
            "export --cluster orders --function checkout --format dot",
            "policy operator setup --instance inventory --function stock-sync",
            "snapshot --out -",
        ],
    ),
    (
        "network.json",
        &[
            "diagnose --cluster orders --function reports",
            "internet check --function crawler",
            "internet setup --function crawler --dry-run",
            "export --cluster orders --function reports --format mermaid",
        ],
    ),
    (
        "msk.json",
        &[
            "msk check --cluster-arn arn:aws:kafka:eu-central-1:123456789012:cluster/audit/0e020000-0000-4000-8000-000000000002-1",
        ],
    ),
];

/// Gives everything a tag, a description and a reason, as AWS does.
fn adorn(account: &mut Value) {
    let tags = json!([{"Key": "team", "Value": "orders"}]);
    for list in ["SecurityGroups", "Secrets", "Roles", "Subnets", "RouteTables"] {
        for entry in account[list].as_array_mut().into_iter().flatten() {
            entry["Tags"].is_null().then(|| entry["Tags"] = tags.clone());
        }
    }
    for group in account["SecurityGroups"].as_array_mut().unwrap() {
        group["Description"] = "a group".into();
        for permission in group["IpPermissions"].as_array_mut().into_iter().flatten() {
            for pair in permission["UserIdGroupPairs"].as_array_mut().into_iter().flatten() {
                pair["Description"] = "a rule".into();
            }
        }
    }
    for function in account["Functions"].as_array_mut().into_iter().flatten() {
        function["StateReason"] = "a reason".into();
        function["LastUpdateStatusReason"] = "a reason".into();
    }
}

/// The names of all fields that hold a text.
fn fields(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let has_text =
                    value.is_string() || value.as_array().is_some_and(|list| list.iter().any(Value::is_string));
                if has_text {
                    found.insert(name.clone());
                }
                fields(value, found);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| fields(value, found)),
        _ => {}
    }
}

/// Puts the value at the end of every text in fields of this name.
fn put(value: &mut Value, field: &str, hostile: &str) {
    let append = |text: &mut Value| {
        if let Value::String(text) = text {
            text.push_str(hostile);
        }
    };
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                if name == field {
                    append(value);
                    value.as_array_mut().into_iter().flatten().for_each(append);
                }
                put(value, field, hostile);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| put(value, field, hostile)),
        _ => {}
    }
}

fn assert_harmless(text: &str, context: &str) {
    for line in text.lines() {
        assert!(!line.contains(is_unsafe), "{context}: {line:?}");
        assert!(!line.trim_start().starts_with("error[forged]"), "{context}: {line:?}");
    }
    assert!(!text.contains('\r'), "{context}: {text:?}");
}

fn assert_run(run: &Run, context: &str, is_json: bool) {
    assert!(matches!(run.status, Some(0..=2)), "{context}: {:?}", run.status);
    assert_harmless(&run.stdout, context);
    assert_harmless(&run.stderr, context);
    if is_json {
        let document: Result<Value, _> = serde_json::from_str(&run.stdout);
        assert!(document.is_ok(), "{context}: {document:?} {}", run.stdout);
        let logged = run.stderr.lines().filter(|line| line.starts_with('{'));
        for line in logged {
            let line: Result<Value, _> = serde_json::from_str(line);
            assert!(line.is_ok(), "{context}: {line:?}");
        }
    }
}

/// Every text of an account in turn, in every command, in texts, documents, logs and metrics.
#[test]
fn no_value_of_an_account_drives_a_terminal_or_forges_a_line() {
    let mut cases = Vec::new();
    for (file, commands) in COMMANDS {
        let shell = Shell::new();
        let mut account: Value = serde_json::from_slice(&fs::read(shell.folder.path().join(file)).unwrap()).unwrap();
        adorn(&mut account);
        let mut names = BTreeSet::new();
        fields(&account, &mut names);
        assert!(names.len() > 20, "{names:?}");
        cases.extend(names.into_iter().map(|field| (file, commands, account.clone(), field)));
    }
    // Where few commands are run, each text still meets some, and each command some texts.
    let step = thoroughly([3, 1]);
    let cases: Vec<_> = cases.into_iter().enumerate().collect();
    cases
        .into_par_iter()
        .for_each(|(number, (file, commands, mut account, field))| {
            put(&mut account, &field, HOSTILE);
            for (_, command) in commands.iter().enumerate().filter(|(at, _)| (at + number) % step == 0) {
                for form in ["-vv", "-vv --log-format json --output json"] {
                    let shell = Shell::new();
                    fs::write(shell.folder.path().join(file), account.to_string()).unwrap();
                    let arguments = format!("{command} --offline {file} {form}");
                    let context = format!("{field}: {arguments}");
                    let run = shell.run(&arguments);
                    assert_run(&run, &context, form.contains("json"));
                    if let Ok(metrics) = fs::read_to_string(shell.folder.path().join("metrics.prom")) {
                        assert_harmless(&metrics, &context);
                    }
                }
            }
        });
}

/// What a person copies from a remedy is one word for each value, whatever is in it.
#[cfg(unix)]
#[test]
fn no_value_becomes_syntax_of_a_shell() {
    const WORD: &str = "a b'c\"d$(touch pwned)`touch pwned`;touch pwned;#*";
    let shell = Shell::new();
    let original = fs::read_to_string(shell.folder.path().join("network.json")).unwrap();
    let document: Value = serde_json::from_str(&original).unwrap();
    let mut ids = BTreeSet::new();
    for (list, id) in [
        ("Vpcs", "VpcId"),
        ("Subnets", "SubnetId"),
        ("RouteTables", "RouteTableId"),
        ("SecurityGroups", "GroupId"),
        ("NetworkAcls", "NetworkAclId"),
        ("VpcPeeringConnections", "VpcPeeringConnectionId"),
    ] {
        let entries = document[list].as_array().into_iter().flatten();
        ids.extend(entries.filter_map(|entry| entry[id].as_str()).map(str::to_owned));
    }
    assert!(ids.len() > 10, "{ids:?}");
    let commands = [
        "diagnose --cluster orders --function reports",
        "diagnose --instance ledger --function ledger-sync",
        "internet check --function crawler",
    ];
    let mut seen = 0;
    for id in ids {
        let hostile = serde_json::to_string(&format!("{id}{WORD}")).unwrap();
        let account = original.replace(&format!("\"{id}\""), &hostile);
        fs::write(shell.folder.path().join("hostile.json"), account).unwrap();
        for command in commands {
            let run = shell.run(&format!("{command} --offline hostile.json --output json"));
            let document = run.json();
            let checks = document["checks"].as_array().into_iter().flatten();
            let remedies = checks.filter_map(|check| check["remedy"].as_str()).flat_map(str::lines);
            let of_commands = remedies.filter(|line| line.starts_with("aws ") || line.starts_with("autoconnect "));
            // Words in angle brackets are for the reader to fill in.
            for line in of_commands.filter(|line| line.contains("pwned") && !line.contains('<')) {
                seen += 1;
                let output = std::process::Command::new("bash")
                    .args(["-c", &format!("set -- {line}; printf '%s\\n' \"$@\"")])
                    .current_dir(&shell.folder)
                    .output()
                    .unwrap();
                assert!(output.status.success(), "{line}");
                let words = String::from_utf8(output.stdout).unwrap();
                let word = format!("{id}{WORD}");
                assert!(words.lines().any(|found| found.contains(&word)), "{line}\n{words}");
                assert!(!shell.folder.path().join("pwned").exists(), "{line}");
            }
        }
    }
    assert!(seen > 5, "{seen} commands");
}
