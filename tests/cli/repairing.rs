//! `drift --repair`: what people and scripts read, consent, exit statuses, manifests, and who is notified.

use std::fs;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::Shell;

const STOCK: &str = "--instance inventory --function stock-sync";
const REPAIR: &str = "drift --offline account.json --manifest manifest.toml --repair";

const MANIFEST: &str = r#"
[[connection]]
name = "the stock"
instance = "inventory"
function = "stock-sync"

[[connection]]
name = "refunds"
cluster = "orders"
function = "refunds"

[[connection]]
name = "invoices"
instance = "ledger"
function = "invoices"
"#;

fn rules<'a>(account: &'a mut Value, name: &str, direction: &str) -> &'a mut Vec<Value> {
    let groups = account["SecurityGroups"].as_array_mut().unwrap();
    let group = groups.iter_mut().find(|group| group["GroupName"] == name).unwrap();
    let rules = &mut group[direction];
    if rules.is_null() {
        *rules = json!([]);
    }
    rules.as_array_mut().unwrap()
}

fn open(account: &mut Value) {
    rules(account, "rds-lambda-3", "IpPermissions")
        .push(json!({"IpProtocol": "tcp", "FromPort": 5433, "ToPort": 5433, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}));
}

/// An account with a connection that is open to the internet, one that has lost its groups, and one of groups that the
/// console created and someone has changed.
fn shell() -> Shell {
    let shell = Shell::new();
    for connection in [STOCK, "--cluster orders --function refunds"] {
        let run = shell.run(&format!("setup --offline account.json {connection} --yes"));
        assert_eq!(run.status, Some(0), "{}", run.stderr);
    }
    shell.edit(|account| {
        open(account);
        let functions = account["Functions"].as_array_mut().unwrap();
        let refunds = functions
            .iter_mut()
            .find(|found| found["FunctionName"] == "refunds")
            .unwrap();
        refunds["VpcConfig"]["SecurityGroupIds"]
            .as_array_mut()
            .unwrap()
            .truncate(1);
    });
    fs::write(shell.folder.path().join("manifest.toml"), MANIFEST).unwrap();
    shell
}

fn account(shell: &Shell) -> Vec<u8> {
    fs::read(shell.folder.path().join("account.json")).unwrap()
}

fn valid(shell: &Shell, schema: &str, document: &Value) {
    let schema = shell.run(&format!("schema {schema}")).json();
    if let Err(error) = jsonschema::validate(&schema, document) {
        panic!("{error}: {document:#}");
    }
}

#[test]
fn people_read_what_is_repaired_and_what_is_left() {
    let shell = shell();
    let before = account(&shell);
    assert_snapshot!("repair_dry_run", shell.session(&format!("{REPAIR} --dry-run")));
    assert_snapshot!("repair_consent", shell.session(REPAIR));
    let none = "--yes --only missing-rules,permissions";
    assert_snapshot!("repair_only", shell.session(&format!("{REPAIR} {none}")));
    assert_eq!(before, account(&shell));
    assert_snapshot!("repair_max", shell.session(&format!("{REPAIR} --max 1 --dry-run")));
    assert_snapshot!("repair_applied", shell.session(&format!("{REPAIR} --yes --quiet")));
    assert_snapshot!("repair_again", shell.session(&format!("{REPAIR} --yes")));
}

#[test]
fn scripts_read_repairs() {
    let shell = shell();
    let planned = shell.run(&format!("{REPAIR} --dry-run --output json"));
    valid(&shell, "drift", &planned.json());
    let run = shell.run(&format!("{REPAIR} --yes --output json"));
    valid(&shell, "drift", &run.json());
    assert_eq!(run.status, Some(2));
    assert_snapshot!("repair_json", run.stdout);
    let results = |run: &crate::Run| -> Vec<Value> {
        let document = run.json();
        let connections = document["connections"].as_array().unwrap().iter();
        connections.map(|found| found["repair"]["result"].clone()).collect()
    };
    assert_eq!(results(&planned), ["planned", "planned", "left"]);
    assert_eq!(results(&run), ["repaired", "repaired", "left"]);
    // What was in sync has no repair, and without the option nothing has.
    let again = shell.run(&format!("{REPAIR} --yes --output json"));
    assert_eq!(results(&again), [json!(null), json!(null), json!("left")]);
    assert_eq!(again.json()["api_calls"]["write"], 0);
    let lines = shell.run("drift --offline account.json --manifest manifest.toml --output ndjson");
    assert!(
        lines.stdout.lines().all(|line| line.contains("\"repair\":null")),
        "{}",
        lines.stdout
    );
}

#[test]
fn a_page_tells_repairs() {
    let shell = shell();
    let run = shell.run(&format!("{REPAIR} --yes --output markdown"));
    assert_snapshot!("repair_markdown", run.stdout);
}

#[test]
fn the_status_is_that_of_the_end() {
    let shell = shell();
    let status = |arguments: &str| shell.run(&format!("drift --offline account.json {arguments}")).status;
    assert_eq!(status(&format!("{STOCK} --repair --dry-run")), Some(2));
    assert_eq!(status(&format!("{STOCK} --repair")), Some(1));
    assert_eq!(status(&format!("{STOCK} --repair --yes --max 0")), Some(2));
    assert_eq!(status(&format!("{STOCK} --repair --yes")), Some(0));
    // Nothing is to be agreed to.
    assert_eq!(status(&format!("{STOCK} --repair")), Some(0));
    for wrong in [
        "--only added-rules",
        "--max 3",
        "--dry-run",
        "--yes",
        "--repair --only other",
        "--repair --only groups",
        "--repair --max few",
        "--repair --every 1h",
    ] {
        assert_eq!(status(&format!("{STOCK} {wrong}")), Some(1), "{wrong}");
    }
}

/// The role of a manifest has no `setup` that could be typed, and is repaired all the same.
#[test]
fn a_place_of_the_manifest_is_repaired_in() {
    let place = |more: &str| {
        let shell = shell();
        let text = format!("[[connection]]\ninstance = \"inventory\"\nfunction = \"stock-sync\"\n{more}\n");
        fs::write(shell.folder.path().join("manifest.toml"), text).unwrap();
        let run = shell.run(&format!("{REPAIR} --yes --output json"));
        (run.status, run.json()["connections"][0]["repair"]["result"].clone())
    };
    assert_eq!(place("region = \"eu-central-1\""), (Some(0), json!("repaired")));
    let here = "role_arn = \"arn:aws:iam::123456789012:role/drift\"";
    assert_eq!(place(here), (Some(0), json!("repaired")));
}

#[test]
fn a_repaired_finding_is_resolved_and_told() {
    const TELL: &str = "/bin/cat >> told; echo >> told";
    let told = |shell: &Shell| -> Vec<Value> {
        let text = fs::read_to_string(shell.folder.path().join("told")).unwrap_or_default();
        let _ = fs::remove_file(shell.folder.path().join("told"));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let run = |shell: &Shell, arguments: &str| {
        let mut command = shell.command(&format!("drift --offline account.json {STOCK} {arguments}"));
        Shell::run_command(command.args(["--on-drift", TELL]))
    };
    // Once known and once not: it is told either way.
    for looks in [true, false] {
        let shell = shell();
        if looks {
            run(&shell, "--state-file state");
            assert_eq!(told(&shell).len(), 1);
        }
        assert_eq!(run(&shell, "--state-file state --repair --yes --quiet").status, Some(0));
        let documents = told(&shell);
        assert_eq!(documents.len(), 1);
        valid(&shell, "drift", &documents[0]);
        let resolved = documents[0]["resolved"].as_array().unwrap();
        assert_eq!(
            (resolved.len(), &resolved[0]["repaired"]),
            (1, &json!(true)),
            "{resolved:#?}"
        );
        assert_eq!(resolved[0]["finding"]["kind"], "opened");
        assert_eq!(documents[0]["new"], json!([]));
        run(&shell, "--state-file state --repair --yes");
        assert_eq!(told(&shell), Vec::<Value>::new());
    }
}

/// Every kind that a repair changes has its own word in the help, the schema of the event and the policy.
#[test]
fn the_kinds_are_named_everywhere() {
    let shell = Shell::new();
    let help = shell.run("drift --help").stdout;
    let schema = shell.run("schema event").stdout;
    for kind in autoconnect::plan::RepairKind::ALLOWED {
        assert!(help.contains(kind.as_str()), "{kind:?}: {help}");
        assert!(schema.contains(kind.as_str()), "{kind:?}: {schema}");
        let policy = shell.run(&format!("policy drift --repair --only {}", kind.as_str()));
        assert_eq!(policy.status, Some(0), "{kind:?}");
    }
    assert_snapshot!(
        "policy_repair",
        shell
            .run("policy drift --repair --account 123456789012 --region eu-central-1")
            .stdout
    );
}
