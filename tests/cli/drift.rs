//! `drift` and `list`: what people and scripts read, exit statuses, manifests, schedules and who is notified.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use serde_json::Value;

use crate::Shell;

const MANIFEST: &str = r#"
[[connection]]
name = "the shop"
cluster = "orders"
function = "checkout"

[[connection]]
instance = "ledger"
function = "invoices"

[[connection]]
cluster = "orders"
function = "refunds"

[[connection]]
cluster = "orders"
function = "checkout"
region = "us-east-1"
"#;

fn shell() -> Shell {
    let shell = Shell::new();
    fs::write(shell.folder.path().join("manifest.toml"), MANIFEST).unwrap();
    shell
}

fn valid(shell: &Shell, schema: &str, document: &Value) {
    let schema = shell.run(&format!("schema {schema}")).json();
    if let Err(error) = jsonschema::validate(&schema, document) {
        panic!("{error}: {document:#}");
    }
}

/// Whether a value is a time in RFC 3339.
pub fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00Z"
}

#[test]
fn people_read_what_changed_and_what_fixes_it() {
    let shell = shell();
    assert_snapshot!(
        "drift_manifest",
        shell.session("drift --offline account.json --manifest manifest.toml")
    );
    assert_snapshot!("drift_found", shell.session("drift --offline account.json"));
    assert_snapshot!("list", shell.session("list --offline account.json --cluster orders"));
    assert_snapshot!(
        "list_wrong_name",
        shell.session("list --offline account.json --instance orders")
    );
}

#[test]
fn scripts_read_documents() {
    let shell = shell();
    let drift = "drift --offline account.json --manifest manifest.toml";
    let run = shell.run(&format!("{drift} --output json"));
    valid(&shell, "drift", &run.json());
    valid(&shell, "", &run.json());
    assert_snapshot!("drift_json", run.stdout);
    let lines = shell.run(&format!("{drift} --output ndjson"));
    let lines: Vec<Value> = lines
        .stdout
        .lines()
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            // A line of a log says when, and of which account and Region.
            let time = line.as_object_mut().unwrap().remove("time").unwrap();
            assert!(is_time(&time), "{time}");
            assert!(line["region"].is_string() && line.get("account").is_some(), "{line}");
            line
        })
        .collect();
    assert_eq!(lines[0]["account"], "123456789012");
    assert_eq!(Value::from(lines), run.json()["connections"]);
    let list = shell.run("list --offline account.json --cluster orders --output json");
    valid(&shell, "list", &list.json());
    assert_snapshot!("list_json", list.stdout);
    let manifest: Value = serde_json::to_value(toml::from_str::<toml::Value>(MANIFEST).unwrap()).unwrap();
    valid(&shell, "manifest", &manifest);
}

#[test]
fn a_list_without_a_database_has_all_of_them() {
    let shell = shell();
    assert_snapshot!("list_all", shell.session("list --offline account.json"));
    let run = shell.run("list --offline account.json --output json");
    let list = run.json();
    valid(&shell, "list", &list);
    valid(&shell, "", &list);
    let databases = list["databases"].as_array().unwrap();
    let names: Vec<&str> = databases
        .iter()
        .map(|listed| listed["database"]["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["archive", "orders", "inventory", "ledger"],
        "members of clusters are not among them"
    );
    for listed in databases {
        let (kind, id) = (&listed["database"]["kind"], &listed["database"]["id"]);
        let (kind, id) = (kind.as_str().unwrap(), id.as_str().unwrap());
        let one = shell.run(&format!("list --offline account.json --{kind} {id} --output json"));
        let one = one.json();
        assert_eq!(
            (&one["database"], &one["functions"]),
            (&listed["database"], &listed["functions"]),
            "{id}"
        );
    }
    assert_eq!(shell.run("list --offline account.json --fail-on-empty").status, Some(0));
    shell.edit(|account| account["Functions"] = Value::Array(Vec::new()));
    let none = shell.run("list --offline account.json --fail-on-empty --output json");
    assert_eq!(
        (none.status, &none.json()["error"]["code"]),
        (Some(1), &"no-connections".into())
    );
    assert_eq!(shell.run("list --offline account.json").status, Some(0));
    assert_eq!(
        shell
            .run("list --offline account.json --cluster orders --instance ledger")
            .status,
        Some(1)
    );
}

#[test]
fn the_exit_status_informs_schedules() {
    let shell = shell();
    let status = |arguments: &str| shell.run(&format!("drift --offline account.json {arguments}")).status;
    assert_eq!(status("--cluster orders --function checkout"), Some(0));
    assert_eq!(status("--instance ledger --function invoices"), Some(2));
    assert_eq!(
        status("--cluster orders --function checkout --function nobody"),
        Some(2)
    );
    assert_eq!(status("--manifest manifest.toml"), Some(1));
    assert_eq!(status("--manifest manifest.toml --allow-unknown"), Some(2));
    assert_eq!(status("--manifest nowhere.toml"), Some(1));
    assert_eq!(status("--cluster orders"), Some(1));
    assert_eq!(status("--function checkout"), Some(1));
    assert_eq!(status("--shard 5/4"), Some(1));
    assert_eq!(
        shell
            .run("list --offline account.json --cluster orders --output ndjson")
            .status,
        Some(1)
    );
    let before = fs::read(shell.folder.path().join("account.json")).unwrap();
    status("");
    assert_eq!(fs::read(shell.folder.path().join("account.json")).unwrap(), before);
}

#[test]
fn shards_share_all_connections() {
    let shell = shell();
    let names = |arguments: &str| -> Vec<String> {
        let run = shell.run(&format!(
            "drift --offline account.json --manifest manifest.toml --output ndjson {arguments}"
        ));
        let name = |line: &str| serde_json::from_str::<Value>(line).unwrap()["name"].to_string();
        run.stdout.lines().map(name).collect()
    };
    let mut shared: Vec<String> = (1..=3).flat_map(|shard| names(&format!("--shard {shard}/3"))).collect();
    let mut all = names("");
    shared.sort();
    all.sort();
    assert_eq!(shared, all);
}

#[test]
fn a_manifest_without_connections_is_an_error_unless_it_is_meant() {
    let shell = Shell::new();
    fs::write(shell.folder.path().join("empty.toml"), "").unwrap();
    let drift = "drift --offline account.json --manifest empty.toml";
    let run = shell.run(&format!("{drift} --output json"));
    assert_eq!(
        (run.status, &run.json()["error"]["code"]),
        (Some(1), &"manifest".into())
    );
    let error = "empty.toml: expected at least one connection, found none";
    assert!(run.stderr.contains(error), "{}", run.stderr);
    assert_eq!(shell.run(&format!("{drift} --allow-empty")).status, Some(0));
    assert_eq!(shell.run("drift --offline account.json --allow-empty").status, Some(1));
}

#[test]
fn mistakes_of_a_manifest_are_reported_by_line() {
    let shell = Shell::new();
    fs::write(
        shell.folder.path().join("m.toml"),
        "[[connection]]\ncluster = \"a\"\ninstance = \"b\"\nfunction = \"f\"\n\n[[connection]]\nfunction = \"f g\"\n",
    )
    .unwrap();
    assert_snapshot!(
        "drift_manifest_mistakes",
        shell.session("drift --offline account.json --manifest m.toml")
    );
}

#[test]
fn only_changes_are_reported_and_figures_are_written() {
    let shell = shell();
    let run = |arguments: &str| {
        let mut command = shell.command("drift --offline account.json --state-file state --metrics-file drift.prom");
        command
            .args(arguments.split_whitespace())
            .args(["--on-drift", "/bin/cat >> told; echo >> told"]);
        command.output().unwrap().status.code()
    };
    let told = || fs::read_to_string(shell.folder.path().join("told")).unwrap_or_default();
    assert_eq!(run("--cluster orders --function checkout"), Some(0));
    assert_eq!(told(), "");
    let ledger = "--instance ledger --function invoices";
    assert_eq!(run(ledger), Some(2));
    assert_eq!(run(ledger), Some(2));
    let lines: Vec<Value> = told().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1);
    valid(&shell, "drift", &lines[0]);
    let figures = fs::read_to_string(shell.folder.path().join("drift.prom")).unwrap();
    assert!(
        figures.contains("autoconnect_drift_connections{verdict=\"drifted\"} 1\n"),
        "{figures}"
    );
    assert!(
        figures.contains("autoconnect_drift_last_success_timestamp_seconds "),
        "{figures}"
    );
    shell.edit(|account| {
        account["Functions"]
            .as_array_mut()
            .unwrap()
            .retain(|function| function["FunctionName"] != "invoices");
    });
    assert_eq!(run(ledger), Some(2));
    assert_eq!(told().lines().count(), 2);
}

#[test]
fn a_command_that_fails_is_an_error_and_is_reported_again() {
    let shell = shell();
    for _ in 0..2 {
        let mut command = shell.command(
            "drift --offline account.json --instance ledger --function invoices --state-file state --output json",
        );
        let output = command.args(["--on-drift", "exit 3"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("error[not-told]"),
            "{output:?}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_schedule_goes_on_after_a_failed_run_and_ends_well() {
    let shell = shell();
    let mut command = shell.command("drift --offline account.json --every 1s --output ndjson --manifest manifest.toml");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id().to_string();
    std::thread::sleep(Duration::from_millis(600));
    fs::rename(
        shell.folder.path().join("account.json"),
        shell.folder.path().join("away.json"),
    )
    .unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    fs::rename(
        shell.folder.path().join("away.json"),
        shell.folder.path().join("account.json"),
    )
    .unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let asked = Instant::now();
    std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(5));
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(
        stdout.lines().count() >= 8 && stdout.lines().count() % 4 == 0,
        "{stdout}"
    );
    assert!(stderr.contains("error[account-file]"), "{stderr}");
    assert!(stderr.contains("the schedule was ended"), "{stderr}");
}

#[test]
fn a_snapshot_is_an_account_file() {
    let shell = shell();
    assert_snapshot!(
        "snapshot",
        shell.session("snapshot --offline account.json --out copy.json")
    );
    let copy = fs::read(shell.folder.path().join("copy.json")).unwrap();
    valid(&shell, "account", &serde_json::from_slice(&copy).unwrap());
    for command in [
        "drift",
        "list --cluster orders",
        "setup --instance inventory --function stock-sync --dry-run",
    ] {
        let of = |file: &str| shell.run(&format!("{command} --offline {file} --output json")).stdout;
        assert_eq!(of("copy.json"), of("account.json"), "{command}");
    }
    assert_eq!(
        shell
            .run("snapshot --offline account.json --out nowhere/copy.json")
            .status,
        Some(1)
    );
}
