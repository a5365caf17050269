//! All documents that `policy` prints, and those of the roles that `setup` makes, before a public linter of IAM policies
//! (parliament). What it finds is judged by name.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use autoconnect::policy;
use serde_json::{Value, json};

use crate::python;

/// The command lines after `autoconnect policy`.
const DOCUMENTS: [&str; 18] = [
    "operator --instance inventory --function stock-sync",
    "operator --cluster orders --function checkout",
    "operator --cluster orders --function refunds",
    "operator --cluster orders --function refunds --proxy new",
    "operator --cluster orders --function refunds --proxy new --proxy-auth iam --db-user app",
    "operator --cluster orders --function new:report --proxy new --db-user app --iam-auth required --set-env",
    "operator --cluster orders --function newsletter --attach-vpc",
    "drift",
    "drift --account 123456789012 --region eu-central-1",
    "execution-role",
    "execution-role --msk",
    "deny-eni --function checkout",
    "deny-eni --function checkout --account 123456789012 --region eu-central-1",
    "guardrail --require-vpc",
    "guardrail --vpc vpc-0a1b2c3d --vpc vpc-0a1b2c3e",
    "guardrail --require-vpc --subnet subnet-0a1b2c3d --security-group sg-0a1b2c3d",
    "guardrail --vpc vpc-0a1b2c3d --subnet subnet-0a1b2c3d --security-group sg-0a1b2c3d --deny",
    "guardrail --subnet subnet-0a1b2c3d --deny",
];

/// What parliament finds although it is right: how the finding begins, and why it is so.
const JUDGED: [(&str, &str); 6] = [
    (
        "RESOURCE_EFFECTIVELY_STAR: null",
        "drift reads whatever there is, in any account and Region unless one is named",
    ),
    (
        r#"RESOURCE_MISMATCH: [{"action": "ec2:CreateSecurityGroup", "required_format": "arn:*:ec2:*:*:security-group/*"}]"#,
        "the action needs a group and a VPC, which stand in two statements: only the group's request has tags",
    ),
    (
        r#"RESOURCE_STAR: ["ec2:AssignPrivateIpAddresses""#,
        "the interfaces do not exist yet, and the role is for any function",
    ),
    (
        r#"RESOURCE_STAR: ["ec2:CreateNetworkInterface""#,
        "as AWSLambdaMSKExecutionRole has it",
    ),
    (
        r#"RESOURCE_STAR: ["lambda:CreateFunction""#,
        "the guide's own: a guardrail is for all functions",
    ),
    (
        r#"UNKNOWN_CONDITION_FOR_ACTION: "Unknown condition lambda:SourceFunctionArn"#,
        "the guide's own: the key is in every request that a function's code makes",
    ),
];

fn printed(arguments: &str) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_autoconnect"));
    command.arg("policy").args(arguments.split_whitespace());
    if !arguments.contains("--region") {
        let account = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples/account.json");
        command.arg("--offline").arg(account);
    }
    let output = command.env_clear().stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments}: {error}"))
}

/// What parliament finds in each document.
fn findings(documents: &BTreeMap<String, Value>) -> BTreeMap<String, Vec<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer");
    let mut linter = Command::new(python::environment("lint", &folder.join("lint-requirements.txt")))
        .args(["-W", "ignore"])
        .arg(folder.join("lint.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = linter.stdin.take().unwrap();
    stdin
        .write_all(serde_json::to_string(documents).unwrap().as_bytes())
        .unwrap();
    drop(stdin);
    let output = linter.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_public_linter_finds_nothing_that_was_not_judged() {
    const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:s-AbCdEf";
    const KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d";
    const PROXY: &str = "arn:aws:rds:eu-central-1:123456789012:db-proxy:prx-0a1b2c3d";
    let mut documents: BTreeMap<String, Value> = DOCUMENTS
        .iter()
        .map(|arguments| ((*arguments).to_owned(), printed(arguments)))
        .collect();
    for (name, document) in [
        ("the role of a proxy", policy::read_secret(SECRET, Some(KEY))),
        ("the role of a function", policy::connect_through(PROXY, "app")),
    ] {
        documents.insert(name.to_owned(), serde_json::from_str(&document).unwrap());
    }
    let flawed = "one that is flawed".to_owned();
    let statement = json!({"Effect": "Allow", "Action": "ec2:CreateSecurityGroups", "Resource": "*"});
    documents.insert(
        flawed.clone(),
        json!({"Version": "2012-10-17", "Statement": [statement]}),
    );

    let mut findings = findings(&documents);
    assert_eq!(findings.len(), documents.len());
    assert_eq!(findings.remove(&flawed).unwrap().len(), 1, "the linter lints");
    let findings: Vec<(String, String)> = findings
        .into_iter()
        .flat_map(|(name, found)| found.into_iter().map(move |finding| (name.clone(), finding)))
        .collect();
    for (name, finding) in &findings {
        let is_judged = JUDGED.iter().any(|(judged, _)| finding.starts_with(judged));
        assert!(is_judged, "{name}: {finding}");
    }
    for (judged, _) in JUDGED {
        let is_found = findings.iter().any(|(_, finding)| finding.starts_with(judged));
        assert!(is_found, "not found any more: {judged}");
    }
}
