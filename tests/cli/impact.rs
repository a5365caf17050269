//! `impact`: what people, scripts and reviewers read, and the exit status; and the commands of docs/ci.md.

use std::fs;
use std::path::Path;

use autoconnect::report::ImpactDocument;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::Shell;

const MANIFEST: &str = r#"
[[connection]]
name = "the shop"
cluster = "orders"
function = "checkout"

[[connection]]
cluster = "orders"
function = "refunds"

[[connection]]
cluster = "orders"
function = "checkout"
region = "us-east-1"
"#;

const TEMPLATE: &str = "
Transform: AWS::Serverless-2016-10-31
Parameters:
  Extra: {Type: String, Default: sg-0f01}
Resources:
  Checkout:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: checkout
      VpcConfig:
        SubnetIds: [subnet-0a1a, subnet-0a1b]
        SecurityGroupIds: [sg-0f00, !Ref Extra]
";

/// A shell with a manifest, a template, and plans of Terraform.
fn shell() -> Shell {
    let shell = Shell::new();
    let write = |name: &str, content: &[u8]| fs::write(shell.folder.path().join(name), content).unwrap();
    write("connections.toml", MANIFEST.as_bytes());
    write("template.yaml", TEMPLATE.as_bytes());
    for (name, plan) in [
        ("nothing.json", "nothing"),
        ("plan.json", "cluster-loses-group"),
        ("opened.json", "rule-opened"),
        ("unknown.json", "list-unknown"),
        ("repaired.json", "repaired"),
    ] {
        let plans = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans");
        write(name, &fs::read(plans.join(format!("{plan}.json"))).unwrap());
    }
    write("binary", b"PK\x03\x04...");
    shell
}

const IMPACT: &str = "impact --offline account.json";

#[test]
fn people_read_what_a_plan_does() {
    let shell = shell();
    assert_snapshot!(
        "impact_breaks",
        shell.session(&format!("{IMPACT} --terraform-plan plan.json"))
    );
    assert_snapshot!(
        "impact_opened",
        shell.session(&format!("{IMPACT} --terraform-plan opened.json"))
    );
    assert_snapshot!(
        "impact_unknown",
        shell.session(&format!("{IMPACT} --terraform-plan unknown.json"))
    );
    assert_snapshot!(
        "impact_nothing",
        shell.session(&format!("{IMPACT} --terraform-plan nothing.json"))
    );
    assert_snapshot!(
        "impact_manifest",
        shell.session(&format!(
            "{IMPACT} --terraform-plan repaired.json --manifest connections.toml"
        ))
    );
    assert_snapshot!(
        "impact_template",
        shell.session(&format!(
            "{IMPACT} --template template.yaml --stack shop --parameter Extra=sg-0d00"
        ))
    );
    // Nothing is written.
    let before = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples/account.json")).unwrap();
    assert_eq!(fs::read(shell.folder.path().join("account.json")).unwrap(), before);
}

#[test]
fn a_reviewer_reads_what_a_plan_does() {
    let shell = shell();
    let markdown = |plan: &str| {
        shell
            .run(&format!("{IMPACT} --terraform-plan {plan} --output markdown"))
            .stdout
    };
    assert_snapshot!("impact_markdown", markdown("plan.json"));
    assert_snapshot!("impact_markdown_nothing", markdown("nothing.json"));
    // What is read of a plan cannot be anything but text.
    shell.edit_file("opened.json", |plan| {
        for change in plan["resource_changes"].as_array_mut().unwrap() {
            let address = change["address"].as_str().unwrap();
            change["address"] = json!(format!("{address}[\"<img src=x> @someone \u{1b}[31m `\"]"));
        }
    });
    let page = markdown("opened.json");
    assert!(
        !page.contains("<img") && !page.contains('\u{1b}') && page.contains("opened"),
        "{page}"
    );
    let text = shell.run(&format!("{IMPACT} --terraform-plan opened.json"));
    assert!(!text.stdout.contains('\u{1b}'), "{}", text.stdout);
}

#[test]
fn scripts_read_what_a_plan_does() {
    let shell = shell();
    let schema = shell.run("schema impact").json();
    for plan in [
        "plan.json",
        "opened.json",
        "unknown.json",
        "repaired.json",
        "nothing.json",
    ] {
        let run = shell.run(&format!("{IMPACT} --terraform-plan {plan} --output json"));
        let document = run.json();
        if let Err(error) = jsonschema::validate(&schema, &document) {
            panic!("{error}: {document:#}");
        }
        serde_json::from_value::<ImpactDocument>(document).unwrap();
        assert_eq!(run.stderr, "");
    }
    let run = shell.run(&format!("{IMPACT} --terraform-plan plan.json --output json"));
    let document = run.json();
    let first = &document["connections"][0];
    assert_eq!(
        (&first["name"], &first["effect"], &first["by"]),
        (
            &json!("cluster/orders:function/checkout"),
            &json!("breaks"),
            &json!(["aws_rds_cluster.orders"])
        )
    );
    assert_eq!(first["before"], json!({"verdict": "in-sync", "path": "open"}));
    assert_eq!(first["after"], json!({"verdict": "broken", "path": "blocked"}));
    assert_eq!(
        document["source"],
        json!({"kind": "terraform-plan", "file": "plan.json"})
    );
    let run = shell.run(&format!(
        "{IMPACT} --terraform-plan plan.json --manifest connections.toml --output json"
    ));
    let document = run.json();
    let names: Vec<&Value> = document["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, [&json!("the shop"), &json!("cluster/orders:function/refunds")]);
    assert_eq!(document["elsewhere"], json!(1));
}

#[test]
fn the_status_is_2_where_a_connection_breaks() {
    let shell = shell();
    for (arguments, status) in [
        ("--terraform-plan nothing.json", 0),
        ("--terraform-plan plan.json", 2),
        ("--terraform-plan opened.json", 0),
        ("--terraform-plan opened.json --fail-on opened", 2),
        ("--terraform-plan opened.json --fail-on unknown", 0),
        ("--terraform-plan unknown.json", 0),
        ("--terraform-plan unknown.json --fail-on opened", 0),
        ("--terraform-plan unknown.json --fail-on opened,unknown", 2),
        ("--terraform-plan repaired.json --fail-on opened --fail-on unknown", 0),
        ("--template template.yaml", 0),
        ("--template template.yaml --parameter Extra=sg-0d00", 2),
        ("--terraform-plan binary", 1),
        ("--terraform-plan missing.json", 1),
        ("--terraform-plan account.json", 1),
        ("--terraform-plan nothing.json --manifest missing.toml", 1),
        ("--template connections.toml", 1),
        ("--template template.yaml --parameter Other=1", 1),
        ("--template template.yaml --parameter Other", 1),
        ("--template template.yaml --terraform-plan plan.json", 1),
        ("--terraform-plan plan.json --stack shop", 1),
        ("", 1),
    ] {
        let run = shell.run(&format!("{IMPACT} {arguments}"));
        assert_eq!(run.status, Some(status), "{arguments}: {}{}", run.stdout, run.stderr);
    }
}

#[test]
fn errors_name_what_to_do() {
    let shell = shell();
    assert_snapshot!(
        "impact_binary",
        shell.session(&format!("{IMPACT} --terraform-plan binary"))
    );
    assert_snapshot!(
        "impact_no_template",
        shell.session(&format!("{IMPACT} --template connections.toml"))
    );
    let set = json!({"Changes": [{"ResourceChange": {
        "Action": "Modify", "LogicalResourceId": "A", "PhysicalResourceId": "a", "ResourceType": "AWS::Lambda::Function"}}]});
    let path = shell.folder.path().join("changes.json");
    fs::write(&path, set.to_string()).unwrap();
    let run = shell.run(&format!("{IMPACT} --template changes.json"));
    assert!(run.stderr.contains("--include-property-values"), "{}", run.stderr);
    assert_eq!(run.status, Some(1));
    let more = json!({"Changes": [], "NextToken": "more"});
    fs::write(&path, more.to_string()).unwrap();
    let run = shell.run(&format!("{IMPACT} --template changes.json"));
    assert!(run.stderr.contains("only a part of a change set"), "{}", run.stderr);
    fs::write(
        shell.folder.path().join("later.json"),
        r#"{"format_version": "2.0", "resource_changes": []}"#,
    )
    .unwrap();
    assert_snapshot!(
        "impact_version",
        shell.session(&format!("{IMPACT} --terraform-plan later.json"))
    );
    assert_snapshot!("impact_without_a_change", shell.session(IMPACT));
}

/// A change set says what would be changed only when it is made.
#[test]
fn a_change_set_that_is_not_ready_is_an_error() {
    const NO_CHANGES: &str =
        "The submitted information didn't contain changes. Submit different information to create a change set.";
    const NO_UPDATES: &str = "No updates are to be performed.";
    let shell = shell();
    let path = shell.folder.path().join("changes.json");
    let changes = || {
        json!([{"ResourceChange": {
        "Action": "Remove", "LogicalResourceId": "A", "PhysicalResourceId": "a", "ResourceType": "AWS::S3::Bucket"}}])
    };
    for (status, execution, reason, changes, is_read) in [
        ("CREATE_COMPLETE", "AVAILABLE", "", changes(), true),
        ("CREATE_COMPLETE", "EXECUTE_COMPLETE", "", changes(), true),
        ("CREATE_COMPLETE", "OBSOLETE", "", changes(), false),
        ("CREATE_COMPLETE", "AVAILABLE", "", json!([]), true),
        ("CREATE_PENDING", "UNAVAILABLE", "", json!([]), false),
        ("CREATE_IN_PROGRESS", "UNAVAILABLE", "", json!([]), false),
        ("CREATE_IN_PROGRESS", "UNAVAILABLE", "", Value::Null, false),
        ("DELETE_COMPLETE", "UNAVAILABLE", "", json!([]), false),
        ("FAILED", "UNAVAILABLE", NO_CHANGES, json!([]), true),
        ("FAILED", "UNAVAILABLE", NO_CHANGES, Value::Null, true),
        ("FAILED", "UNAVAILABLE", NO_UPDATES, json!([]), true),
        ("FAILED", "UNAVAILABLE", "Template error", json!([]), false),
        ("FAILED", "UNAVAILABLE", "Template error", changes(), false),
        ("FAILED", "UNAVAILABLE", "", json!([]), false),
        ("A_STATUS_OF_LATER", "AVAILABLE", "", changes(), false),
    ] {
        let mut set = json!({"ChangeSetName": "c", "StackName": "s", "Status": status, "ExecutionStatus": execution});
        if !reason.is_empty() {
            set["StatusReason"] = json!(reason);
        }
        if !changes.is_null() {
            set["Changes"] = changes;
        }
        fs::write(&path, set.to_string()).unwrap();
        let run = shell.run(&format!("{IMPACT} --template changes.json --output json"));
        let document = run.json();
        if is_read {
            assert_eq!(document["source"]["kind"], "change-set", "{set}: {document:#}");
            assert_eq!(document["summary"]["none"], 2, "{set}: {document:#}");
        } else {
            assert_eq!(run.status, Some(1), "{set}: {document:#}");
            let error = &document["error"];
            assert_eq!(error["code"], "template", "{set}: {document:#}");
            let told = document.to_string();
            let wanted = if execution == "OBSOLETE" { execution } else { status };
            assert!(told.contains(wanted) && told.contains(reason), "{set}: {document:#}");
        }
    }
}

/// What stands for an id is said by its address, in words that a sentence can have.
#[test]
fn a_sentence_names_an_address_once() {
    let shell = shell();
    let path = shell.folder.path().join("acl.json");
    let acl = json!({"vpc_id": "vpc-0a1b2c3d", "subnet_ids": ["subnet-0a1a"], "ingress": [], "egress": []});
    let change = json!({"actions": ["create"], "before": null, "after": acl, "after_unknown": {"id": true}});
    let change = json!({"address": "aws_network_acl.x", "mode": "managed", "type": "aws_network_acl", "name": "x", "change": change});
    fs::write(
        &path,
        json!({"format_version": "1.2", "resource_changes": [change]}).to_string(),
    )
    .unwrap();
    let told = shell
        .run(&format!("{IMPACT} --terraform-plan acl.json --output json"))
        .stdout;
    assert!(told.contains("rule * of aws_network_acl.x"), "{told}");
    assert!(!told.contains("of of"), "{told}");
}

/// The commands of a block of docs/ci.md and docs/impact.md that run this program.
fn documented(page: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
    let text = fs::read_to_string(path).unwrap();
    let (mut is_code, mut commands) = (false, Vec::new());
    for line in text.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
        }
        if let Some((_, command)) = line.split_once("autoconnect ").filter(|_| is_code)
            && ["setup ", "impact "].iter().any(|name| command.starts_with(name))
        {
            commands.push(command.split(" > ").next().unwrap().to_owned());
        }
    }
    commands
}

/// Each command of the workflows is run, with an account file in the place of credentials.
#[test]
fn the_commands_of_the_workflows_work() {
    let shell = shell();
    fs::write(
        shell.folder.path().join("template.yaml"),
        TEMPLATE.replace("Extra:", "Stage: {Type: String}\n  Extra:"),
    )
    .unwrap();
    fs::write(shell.folder.path().join("changes.json"), r#"{"Changes": []}"#).unwrap();
    let own = MANIFEST
        .split("[[connection]]")
        .take(3)
        .collect::<Vec<_>>()
        .join("[[connection]]");
    fs::write(shell.folder.path().join("connections.toml"), own).unwrap();
    let mut commands = documented("ci.md");
    commands.extend(documented("impact.md"));
    let of_impact = commands.iter().filter(|command| command.starts_with("impact ")).count();
    assert!(of_impact >= 5 && commands.len() >= of_impact + 3, "{commands:#?}");
    for command in commands {
        let run = shell.run(&format!("{command} --offline account.json"));
        let expected = if command.contains("plan.json") { 2 } else { 0 };
        assert_eq!(run.status, Some(expected), "{command}: {}{}", run.stdout, run.stderr);
        assert!(!run.stdout.is_empty(), "{command}");
    }
}

/// A change set, or a stack that is named by its ARN, is judged in its own account and Region only.
#[test]
fn what_is_elsewhere_is_refused() {
    const HERE: &str = "account 123456789012 in eu-central-1";
    let shell = shell();
    let path = shell.folder.path().join("changes.json");
    for (region, account, is_here) in [
        ("eu-central-1", "123456789012", true),
        ("eu-central-1", "999999999999", false),
        ("us-east-1", "123456789012", false),
    ] {
        let arn = |what: &str| format!("arn:aws:cloudformation:{region}:{account}:{what}/0a1b2c3d-0000");
        let mut runs = Vec::new();
        for (key, id) in [("StackId", arn("stack/shop")), ("ChangeSetId", arn("changeSet/c"))] {
            let set = json!({"ChangeSetName": "c", "Status": "CREATE_COMPLETE", "Changes": [], key: id});
            fs::write(&path, set.to_string()).unwrap();
            runs.push(shell.run(&format!("{IMPACT} --template changes.json --output json")));
        }
        let stack = arn("stack/shop");
        runs.push(shell.run(&format!(
            "{IMPACT} --template template.yaml --stack {stack} --output json"
        )));
        for run in runs {
            let document = run.json();
            if is_here {
                assert_eq!(run.status, Some(0), "{document:#}");
                continue;
            }
            let told = document["error"]["message"].as_str().unwrap();
            assert_eq!(
                (run.status, &document["error"]["code"]),
                (Some(1), &json!("template")),
                "{document:#}"
            );
            let found = format!("account {account} in {region}");
            assert!(told.contains(HERE) && told.contains(&found), "{told}");
        }
    }
    for stack in [
        "arn:aws:s3:::bucket",
        "arn:aws:cloudformation:eu-central-1:123456789012:changeSet/c/1",
        "arn:",
    ] {
        let run = shell.run(&format!("{IMPACT} --template template.yaml --stack {stack}"));
        assert_eq!(run.status, Some(1), "{stack}: {}", run.stdout);
        assert!(run.stderr.contains("is not the ARN of a stack"), "{}", run.stderr);
    }
}

/// What CloudFormation would refuse is refused: the answer would be about a stack that cannot be.
#[test]
fn parameters_that_cannot_be_are_refused() {
    let shell = shell();
    let parameters = "
  Stage: {Type: String, AllowedValues: [live, test]}
  Count: {Type: Number, AllowedValues: [1, 2.5]}
  Zones: {Type: CommaDelimitedList, AllowedValues: [a, b]}
  Secret: {Type: String, NoEcho: true, AllowedValues: [x]}
  Extra:";
    let text = TEMPLATE.replacen("\n  Extra:", parameters, 1);
    fs::write(shell.folder.path().join("stages.yaml"), text).unwrap();
    for (given, refused) in [
        ("Stage=live", None),
        (
            "Stage=prod",
            Some("parameter Stage cannot be prod: its AllowedValues are live, test"),
        ),
        (
            "Stage=Live",
            Some("parameter Stage cannot be Live: its AllowedValues are live, test"),
        ),
        ("Count=1.0", None),
        (
            "Count=3",
            Some("parameter Count cannot be 3: its AllowedValues are 1, 2.5"),
        ),
        ("Zones=a,b", None),
        (
            "Zones=a,c",
            Some("parameter Zones cannot be c: its AllowedValues are a, b"),
        ),
        (
            "Secret=hunter2",
            Some("parameter Secret cannot have the value that is given: its AllowedValues are x"),
        ),
        (
            "Stage=hunter2 --parameter Stage=test",
            Some("parameter Stage is given twice"),
        ),
        ("Stage=live --parameter Count=1", None),
    ] {
        let run = shell.run(&format!("{IMPACT} --template stages.yaml --parameter {given}"));
        let status = i32::from(refused.is_some());
        assert_eq!(run.status, Some(status), "{given}: {}{}", run.stdout, run.stderr);
        assert!(
            run.stderr.contains(refused.unwrap_or_default()),
            "{given}: {}",
            run.stderr
        );
        assert!(!run.stderr.contains("hunter2"), "{given}: {}", run.stderr);
    }
}
