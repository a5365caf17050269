//! All documents that `policy` prints, and those of the roles that `setup` makes, before a public linter of IAM policies
//! (parliament). What it finds is judged by name.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use autoconnect::policy;
use serde_json::{Value, json};

use crate::python;
use crate::world::{World, program};

/// The command lines after `autoconnect policy`.
const DOCUMENTS: [&str; 31] = [
    "operator --instance inventory --function stock-sync",
    "operator --cluster orders --function checkout",
    "operator --cluster orders --function refunds",
    "operator --cluster orders --function refunds --proxy new",
    "operator --cluster orders --function refunds --proxy new --proxy-auth iam --db-user app",
    "operator --cluster orders --function new:report --proxy new --db-user app --iam-auth required --set-env",
    "operator --cluster orders --function newsletter --attach-vpc",
    "operator remove --cluster orders --function checkout --console-made",
    "operator remove --cluster orders --function checkout --proxy orders-proxy",
    "operator attach --function refunds --subnet subnet-0a1a --security-group sg-0d00",
    "operator attach --function newsletter --like-database orders --security-group sg-0d00",
    "operator detach --function checkout",
    "operator internet setup --function checkout",
    "operator internet setup --function checkout --service sqs,s3",
    "operator diagnose --fix --offline network.json --instance ledger --function ledger-sync",
    "operator diagnose --fix --offline network.json --cluster orders --function checkout --proxy orders-proxy",
    "operator msk setup --offline msk.json --cluster-arn CLUSTER --via endpoints --restrict",
    "operator msk setup --offline msk.json --cluster-arn CLUSTER --via nat",
    "drift",
    "drift --role arn:aws:iam::210987654321:role/drift",
    "drift --notify sns:arn:aws:sns:eu-central-1:123456789012:drift --notify eventbridge:default",
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
const JUDGED: [(&str, &str); 7] = [
    (
        r#"UNKNOWN_ACTION: "Unknown action lambda:"#,
        "newer than the linter: capacity providers and network connectors",
    ),
    (
        "RESOURCE_EFFECTIVELY_STAR: null",
        "drift reads whatever there is, in any account and Region unless one is named",
    ),
    (
        r#"INVALID_ARN: "Account expected to be of form like 123456789012""#,
        "AWS's own policies and prefix lists are in the account aws",
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

/// The cluster of the example that lacks a way out.
const CLUSTER: &str = "arn:aws:kafka:eu-central-1:123456789012:cluster/audit/0e020000-0000-4000-8000-000000000002-1";

fn printed(arguments: &str) -> Value {
    let mut command = Command::new(program());
    let words = arguments.replace("CLUSTER", CLUSTER);
    command.arg("policy").args(words.split_whitespace());
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples"));
    if !arguments.contains("--region") && !arguments.contains("--offline") {
        command.args(["--offline", "account.json"]);
    }
    let output = command.env_clear().stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments}: {error}"))
}

/// An action on several kinds of resources stands in several statements, since only the request of what is made has tags, and
/// only what was made has ours: parliament looks at one at a time. Whether the document has each kind that it misses.
fn is_said_elsewhere(document: &Value, finding: &str) -> bool {
    let Some(missing) = finding.strip_prefix("RESOURCE_MISMATCH: ") else {
        return false;
    };
    let missing: Vec<Value> = serde_json::from_str(missing).unwrap();
    let has = |value: &Value, fits: &dyn Fn(&str) -> bool| match value {
        Value::Array(all) => all.iter().filter_map(Value::as_str).any(fits),
        one => one.as_str().is_some_and(fits),
    };
    missing.iter().all(|missing| {
        let kind = missing["required_format"].as_str().unwrap().rsplit(':').next().unwrap();
        let kind = kind.trim_end_matches('*');
        let mut statements = document["Statement"].as_array().unwrap().iter();
        statements.any(|statement| {
            has(&statement["Action"], &|action| missing["action"] == action)
                && has(&statement["Resource"], &|arn| {
                    arn.rsplit(':').next().unwrap().starts_with(kind)
                })
        })
    })
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
        .filter(|(name, finding)| !is_said_elsewhere(&documents[name], finding))
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

/// Every request that is sent is in the policy that was printed for the run, also what may be denied.
#[tokio::test]
async fn every_request_is_in_the_printed_policy() {
    let world = World::new().await;
    world.grant_vpc_access().await;
    world.cluster("orders", 1).await;
    for function in ["checkout", "refunds", "outside"] {
        match function {
            "outside" => world.function_in(function, None).await,
            _ => world.function(function).await,
        }
    }
    let iam = "--proxy new --proxy-auth iam --db-user app";
    let runs = [
        ("setup", "--cluster orders --function checkout".to_owned()),
        ("setup", format!("--cluster orders --function refunds {iam}")),
        (
            "setup",
            format!("--cluster orders --function new:report {iam} --set-env"),
        ),
        ("setup", "--cluster orders --function outside --attach-vpc".to_owned()),
        ("remove", "--cluster orders --function checkout".to_owned()),
        ("internet setup", "--function refunds".to_owned()),
        ("attach", "--function refunds --like-database orders".to_owned()),
        ("detach", "--function outside".to_owned()),
    ];
    for (command, arguments) in runs {
        let mut print = world.command();
        print
            .args(["policy", "operator"])
            .args(command.split(' '))
            .args(arguments.split(' '));
        let printed = crate::world::finish(&mut print);
        assert_eq!(printed.status, 0, "{command} {arguments}: {printed:?}");
        let allowed: BTreeSet<String> = actions(&printed.json());
        let mark = world.mark();
        let mut run = world.command();
        run.args(command.split(' '))
            .args(arguments.split(' '))
            .args(["--yes", "--output", "json"]);
        let run = crate::world::finish(&mut run);
        let sent: BTreeSet<String> = world.peer.actions(world.region).split_off(mark).into_iter().collect();
        assert!(sent.len() > 2, "{command} {arguments}: {run:?}");
        let missing: Vec<&String> = sent.difference(&allowed).collect();
        assert!(missing.is_empty(), "{command} {arguments}: {missing:?} of {run:?}");
    }
}

/// The same of the scheduled check.
#[tokio::test]
async fn every_request_of_drift_is_in_its_policy() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    world.function("checkout").await;
    world.setup_succeeds("--cluster orders --function checkout --proxy new --yes");
    let allowed = actions(&printed("drift"));
    let mark = world.mark();
    let run = world.run("drift --cluster orders --function checkout --proxy autoconnect-orders");
    assert_eq!(run.status, 0, "{run:?}");
    let sent: BTreeSet<String> = world.peer.actions(world.region).split_off(mark).into_iter().collect();
    let missing: Vec<&String> = sent.difference(&allowed).collect();
    assert!(missing.is_empty() && sent.len() > 2, "{missing:?} of {sent:?}");
}

/// The actions of a document.
fn actions(document: &Value) -> BTreeSet<String> {
    let statements = document["Statement"].as_array().unwrap().iter();
    let of = |statement: &Value| match &statement["Action"] {
        Value::Array(actions) => actions
            .iter()
            .map(|action| action.as_str().unwrap().to_owned())
            .collect(),
        action => vec![action.as_str().unwrap().to_owned()],
    };
    statements.flat_map(of).collect()
}
