//! Every command of this program that it prints is one that it accepts, on the account for which it was printed: remedies in
//! documents, and commands in texts, hints and errors.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde_json::{Value, json};

use crate::Shell;
use crate::thorough::thoroughly;

/// Which file, what is done to it, and its name.
type Account = (&'static str, &'static str, fn(&mut Value));

fn acl(account: &mut Value, vpc: &str) {
    let acl = json!({"NetworkAclId": "acl-0default", "VpcId": vpc, "IsDefault": true, "Entries": []});
    let acls = &mut account["NetworkAcls"];
    if acls.is_null() {
        *acls = json!([]);
    }
    let acls = acls.as_array_mut().unwrap();
    acls.retain(|acl| !(acl["VpcId"] == vpc && acl["IsDefault"] == true));
    acls.push(acl);
}

fn target(account: &mut Value, reason: &str) {
    account["DBProxies"][0]["Target"]["UnavailableReason"] = reason.into();
}

fn accounts() -> Vec<Account> {
    vec![
        ("account.json", "as it is", |_| ()),
        ("network.json", "as it is", |_| ()),
        ("account.json", "the default ACL denies all", |a| acl(a, "vpc-0a1b2c3d")),
        ("network.json", "the default ACL denies all", |a| acl(a, "vpc-0a01")),
        ("account.json", "no name resolves", |a| {
            a["Vpcs"][0]["EnableDnsSupport"] = false.into();
        }),
        ("account.json", "the proxy cannot log in", |a| target(a, "AUTH_FAILURE")),
        ("account.json", "the proxy has no way", |a| target(a, "UNREACHABLE")),
        ("account.json", "the proxy has no target", |a| {
            a["DBProxies"][0].as_object_mut().unwrap().remove("Target");
        }),
        ("account.json", "the database listens elsewhere", |a| {
            a["DBInstances"][0]["Port"] = 6000.into();
        }),
        ("account.json", "no function is in a VPC", |a| {
            for function in a["Functions"].as_array_mut().unwrap() {
                function.as_object_mut().unwrap().remove("VpcConfig");
            }
        }),
        ("account.json", "the cluster joined a global database", |a| {
            a["DBClusters"][0]["GlobalClusterIdentifier"] = "world".into();
        }),
        ("account.json", "the groups have no rules", |a| {
            for group in a["SecurityGroups"].as_array_mut().unwrap() {
                group["IpPermissions"] = json!([]);
            }
        }),
    ]
}

fn names(account: &Value, list: &str, key: &str) -> Vec<String> {
    let list = account[list].as_array().into_iter().flatten();
    list.map(|entry| entry[key].as_str().unwrap().to_owned()).collect()
}

/// What is run on each account to see what it prints.
fn questions(account: &Value) -> Vec<String> {
    let clusters = names(account, "DBClusters", "DBClusterIdentifier").into_iter();
    let instances = names(account, "DBInstances", "DBInstanceIdentifier").into_iter();
    let databases: Vec<String> = clusters
        .map(|id| format!("--cluster {id}"))
        .chain(instances.map(|id| format!("--instance {id}")))
        .collect();
    let proxies = names(account, "DBProxies", "DBProxyName").into_iter();
    let proxies: Vec<String> = proxies
        .map(|name| format!(" --proxy {name}"))
        .chain([String::new()])
        .collect();
    let mut questions = vec!["drift".to_owned(), "cleanup --dry-run".to_owned()];
    for function in names(account, "Functions", "FunctionName") {
        questions.push(format!("internet check --function {function}"));
        for (database, proxy) in databases
            .iter()
            .flat_map(|id| proxies.iter().map(move |proxy| (id, proxy)))
        {
            let connection = format!("{database} --function {function}{proxy}");
            questions.push(format!("diagnose {connection}"));
            questions.push(format!("setup {connection} --dry-run"));
        }
    }
    questions
}

fn strings<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(values) => values.iter().for_each(|value| strings(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| strings(value, found)),
        _ => {}
    }
}

/// The commands in a text: on a line of their own, after a colon, or between backquotes.
fn commands(text: &str, found: &mut BTreeSet<String>) {
    for line in text.lines() {
        let quoted = line.split('`').skip(1).step_by(2);
        let own = [line.trim_start()]
            .into_iter()
            .chain(line.split_once(": ").map(|(_, rest)| rest));
        let own = own.filter(|command| !command.contains('`'));
        let printed = quoted
            .chain(own)
            .filter_map(|command| command.strip_prefix("autoconnect "));
        // What stands in capitals is for the reader to fill in: here a private subnet of the example network.
        found.extend(printed.map(|command| command.replace("--subnet SUBNET", "--subnet subnet-0a01b")));
    }
}

/// All commands that a question makes the program print.
fn printed(shell: &Shell, file: &str, question: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let run = shell.run(&format!("{question} --offline {file} --output json"));
    commands(&run.stderr, &mut found);
    let document = run.json();
    let mut texts = Vec::new();
    strings(&document, &mut texts);
    for text in texts {
        commands(text, &mut found);
    }
    let connections = document["connections"].as_array().into_iter().flatten();
    for finding in connections.flat_map(|found| found["findings"].as_array().into_iter().flatten()) {
        if let Some(words) = finding["remedy"].as_array() {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            found.insert(words.join(" "));
        }
    }
    // Only these say more in their text.
    if question.starts_with("setup ") || question == "drift" {
        commands(&shell.run(&format!("{question} --offline {file}")).stdout, &mut found);
    }
    found
}

fn writes(command: &str) -> bool {
    let writers = [
        "setup ",
        "remove ",
        "attach ",
        "detach ",
        "cleanup",
        "internet setup ",
        "msk setup ",
    ];
    writers.iter().any(|writer| command.starts_with(writer)) || command.contains("--fix")
}

#[test]
fn every_command_that_is_printed_is_accepted_and_has_something_to_do() {
    let each = accounts().into_par_iter().map(|(file, name, edit)| {
        let (mut tried, mut wrong) = (0, Vec::new());
        let shell = Shell::new();
        shell.edit_file(file, edit);
        let path = shell.folder.path().join(file);
        let account: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let mut all: BTreeMap<String, String> = BTreeMap::new();
        for question in questions(&account).into_iter().step_by(thoroughly([5, 1])) {
            for command in printed(&shell, file, &question) {
                all.entry(command).or_insert_with(|| question.clone());
            }
        }
        for (command, question) in all {
            tried += 1;
            let dry_run = if writes(&command) && !command.contains("--dry-run") {
                " --dry-run"
            } else {
                ""
            };
            let run = shell.run(&format!("{command}{dry_run} --offline {file} --output json"));
            let place = format!("{file}, {name}: `{command}`, printed by `{question}`");
            let help = command.ends_with("--help");
            let is_incomplete = !help && run.json()["result"] == "incomplete";
            if run.status == Some(1) && !is_incomplete {
                wrong.push(format!("{place}: {}", run.stderr));
            } else if writes(&command) && !help && run.json()["decision"] == "no-op" {
                wrong.push(format!("{place}: it has nothing to do"));
            }
        }
        (tried, wrong)
    });
    let (tried, wrong): (Vec<usize>, Vec<Vec<String>>) = each.unzip();
    let (tried, wrong) = (tried.iter().sum::<usize>(), wrong.concat());
    assert!(wrong.is_empty(), "{}: {}", wrong.len(), wrong.join("\n"));
    assert!(tried > thoroughly([40, 200]), "{tried}");
}
