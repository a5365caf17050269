//! The CloudFormation template of docs/lambda: judged by cfn-lint, and held to what the program does.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use autoconnect::observe::READS;
use serde_json::{Value, json};

use crate::python;

const TEMPLATE: &str = "docs/lambda/template.yaml";

/// What cfn-lint finds in a template, and the template.
fn judged(template: &Path) -> (Vec<String>, Value) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer");
    let output = Command::new(python::environment(
        "template",
        &folder.join("template-requirements.txt"),
    ))
    .arg(folder.join("template.py"))
    .arg(template)
    .stdin(Stdio::null())
    .output()
    .unwrap();
    let document: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let findings = serde_json::from_value(document["findings"].clone()).unwrap();
    (findings, document["template"].clone())
}

/// All actions that the statements of a role allow, each with its resource.
fn allowed(role: &Value) -> BTreeSet<(String, String)> {
    let policies = role["Properties"]["Policies"].as_array().unwrap();
    // A policy under a condition stands second in its list.
    let policies = policies.iter().map(|policy| policy["Fn::If"].get(1).unwrap_or(policy));
    let statements = policies.flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap());
    statements
        .flat_map(|statement| {
            assert_eq!(statement["Effect"], "Allow");
            let actions = match &statement["Action"] {
                Value::Array(actions) => actions.clone(),
                action => vec![action.clone()],
            };
            let resource = statement["Resource"].to_string();
            actions
                .into_iter()
                .map(move |action| (action.as_str().unwrap().to_owned(), resource.clone()))
        })
        .collect()
}

#[test]
fn the_template_is_in_order_and_its_role_only_reads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(TEMPLATE);
    let (findings, template) = judged(&path);
    assert_eq!(findings, Vec::<String>::new());

    let log = json!({"Fn::GetAtt": ["Log", "Arn"]}).to_string();
    let mut expected: BTreeSet<(String, String)> = READS
        .iter()
        .map(|read| (read.iam_action().to_owned(), json!("*").to_string()))
        .collect();
    expected.insert(("logs:CreateLogStream".to_owned(), log.clone()));
    expected.insert(("logs:PutLogEvents".to_owned(), log));
    expected.insert(("sts:AssumeRole".to_owned(), json!({"Ref": "RoleArns"}).to_string()));
    assert_eq!(allowed(&template["Resources"]["Role"]), expected);
}

#[test]
fn its_state_machine_and_alarms_fit_the_function() {
    let (_, template) = judged(&Path::new(env!("CARGO_MANIFEST_DIR")).join(TEMPLATE));
    let resources = &template["Resources"];
    let properties = |name: &str| &resources[name]["Properties"];

    // The fields that the map fills are those of the event.
    let definition = properties("Map")["DefinitionString"].as_str().unwrap();
    let definition = definition.replace("${AtOnce}", "4");
    let machine: Value = serde_json::from_str(&definition).unwrap_or_else(|error| panic!("{error}: {definition}"));
    let selector = machine["States"]["Shards"]["ItemSelector"].as_object().unwrap();
    let fields: BTreeSet<&str> = selector.keys().map(|key| key.trim_end_matches(".$")).collect();
    let schema = serde_json::to_value(schemars::schema_for!(autoconnect::patrol::Event)).unwrap();
    let known: BTreeSet<&str> = schema["properties"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert!(fields.is_subset(&known) && fields.contains("shard"), "{fields:?}");
    assert!(
        serde_json::from_value::<autoconnect::patrol::Event>(json!({"manifest": null, "shard": "3/16"})).is_ok(),
        "as the map calls the function where there is no manifest"
    );

    // The function writes the metrics that the alarms are on.
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lambda/metrics.rs")).unwrap();
    for alarm in ["DriftAlarm", "SilentAlarm"] {
        let alarm = properties(alarm);
        assert!(source.contains(&alarm["Namespace"].to_string()), "{alarm}");
        assert!(source.contains(&format!("({}, ", alarm["MetricName"])), "{alarm}");
    }
    // A look has to end before Lambda ends it after 15 minutes.
    assert!(properties("Function")["Timeout"].as_u64().unwrap() < 900);
}

#[test]
fn the_linter_lints() {
    let folder = tempfile::tempdir().unwrap();
    let flawed = folder.path().join("flawed.yaml");
    fs::write(
        &flawed,
        "Resources:\n  Log:\n    Type: AWS::Logs::LogGroup\n    Properties:\n      RetentionInDays: 31\n",
    )
    .unwrap();
    let (findings, _) = judged(&flawed);
    assert!(findings[0].starts_with('E'), "{findings:?}");
}
