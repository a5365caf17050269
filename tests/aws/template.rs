//! The CloudFormation template of docs/lambda: judged by cfn-lint, and held to what the program does.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
#[cfg(feature = "lambda")]
use std::time::{Duration, SystemTime};

#[cfg(feature = "lambda")]
use autoconnect::lambda::embedded;
use autoconnect::model::Place;
#[cfg(feature = "lambda")]
use autoconnect::monitor::Round;
use autoconnect::monitor::{Bounds, Event};
use autoconnect::observe::{PATH_READS, PERMISSION_READS, READS, TAG_READS};
use autoconnect::plan::RepairKind;
use autoconnect::policy::{Permissions, read_only, repairs, sets_up};
use serde_json::{Value, json};

use crate::python;

const TEMPLATE: &str = "docs/lambda/template.yaml";
const APPLY: &str = "docs/lambda/apply.yaml";

/// What cfn-lint finds in a template, and the template.
pub fn judged(template: &Path) -> (Vec<String>, Value) {
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
fn the_template_is_in_order_and_its_role_only_reads_unless_it_repairs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(TEMPLATE);
    let (findings, template) = judged(&path);
    assert_eq!(findings, Vec::<String>::new());

    let log = json!({"Fn::GetAtt": ["Log", "Arn"]}).to_string();
    let mut expected: BTreeSet<(String, String)> = READS
        .iter()
        .chain(TAG_READS)
        .chain(PERMISSION_READS)
        .chain(PATH_READS)
        .map(|read| (read.iam_action().to_owned(), json!("*").to_string()))
        .collect();
    expected.insert(("logs:CreateLogStream".to_owned(), log.clone()));
    expected.insert(("logs:PutLogEvents".to_owned(), log));
    expected.insert(("sts:AssumeRole".to_owned(), json!({"Ref": "RoleArns"}).to_string()));
    let mut role = template["Resources"]["Role"].clone();
    let policies = role["Properties"]["Policies"].as_array_mut().unwrap();
    let repairs = policies
        .iter()
        .position(|policy| policy["Fn::If"][0] == "Repairs")
        .unwrap();
    let repairs = policies.remove(repairs);
    assert_eq!(allowed(&role), expected);
    // Without `Repair`, there is none.
    assert_eq!(template["Parameters"]["Repair"]["Default"], "off");
    assert_eq!(repairs["Fn::If"][2], json!({"Ref": "AWS::NoValue"}));
    assert_eq!(written(&repairs["Fn::If"][1]["PolicyDocument"]), printed());
}

/// What statements allow: each action on one resource, with its condition.
fn written(document: &Value) -> BTreeSet<(String, String, String)> {
    let list = |value: &Value| match value {
        Value::Array(values) => values.clone(),
        value => vec![value.clone()],
    };
    let mut all = BTreeSet::new();
    for statement in document["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Allow");
        for action in list(&statement["Action"]) {
            for resource in list(&statement["Resource"]) {
                let resource = resource["Fn::Sub"].as_str().or(resource.as_str()).unwrap();
                let resource = resource
                    .replace("${AWS::Partition}", "aws")
                    .replace("${AWS::Region}", "eu-central-1")
                    .replace("${AWS::AccountId}", "123456789012");
                let condition = match &statement["Condition"] {
                    Value::Null => String::new(),
                    condition => condition.to_string(),
                };
                all.insert((action.as_str().unwrap().to_owned(), resource, condition));
            }
        }
    }
    all
}

/// A role of the template that applies has what `policy manifest` prints, and reads plans.
#[test]
fn the_role_that_applies_has_what_policy_manifest_prints() {
    let (findings, template) = judged(&Path::new(env!("CARGO_MANIFEST_DIR")).join(APPLY));
    assert_eq!(findings, Vec::<String>::new());
    let resources = &template["Resources"];
    let policies = resources["Role"]["Properties"]["Policies"].as_array().unwrap();
    let policy = |name: &str| {
        let mut named = policies.iter().map(|policy| policy["Fn::If"].get(1).unwrap_or(policy));
        let named = named.find(|policy| policy["PolicyName"] == name);
        named.unwrap_or_else(|| panic!("{name}"))["PolicyDocument"].clone()
    };
    let printed = |prunes| {
        let place = Place::in_region("eu-central-1", "123456789012");
        let reads = READS
            .iter()
            .chain(TAG_READS)
            .chain(PERMISSION_READS)
            .chain(PATH_READS)
            .copied();
        let mut permissions = read_only(reads, place);
        sets_up(&mut permissions, prunes, place);
        written(&serde_json::to_value(permissions.document()).unwrap())
    };
    let setup = printed(false);
    assert_eq!(written(&policy("setup")), setup);
    let prune: BTreeSet<_> = printed(true).difference(&setup).cloned().collect();
    assert_eq!(written(&policy("prune")), prune);
    assert_eq!(template["Parameters"]["Prune"]["Default"], "off");
    let of_plan = ["s3:GetObject", "s3:GetObjectVersion"]
        .map(|action| (action.to_owned(), "${Plans.Arn}/plans/*".to_owned(), String::new()));
    assert_eq!(written(&policy("plan")), of_plan.into());
    assert_eq!(policies.len(), 5, "setup, prune, plan, log and other-accounts");
    assert!(
        setup
            .iter()
            .all(|(action, ..)| !action.starts_with("iam:Put") && !action.starts_with("secretsmanager:"))
    );

    let bucket = &resources["Plans"];
    assert_eq!(
        (&bucket["DeletionPolicy"], &bucket["UpdateReplacePolicy"]),
        (&json!("Retain"), &json!("Retain"))
    );
    assert_eq!(bucket["Properties"]["VersioningConfiguration"]["Status"], "Enabled");
    // A plan is applied because somebody started it.
    let types: BTreeSet<&str> = resources
        .as_object()
        .unwrap()
        .values()
        .filter_map(|of| of["Type"].as_str())
        .collect();
    assert!(
        !types.contains("AWS::Scheduler::Schedule") && !types.contains("AWS::Events::Rule"),
        "{types:?}"
    );
}

#[test]
fn the_state_machine_applies_each_shard_of_a_plan_once() {
    let (_, template) = judged(&Path::new(env!("CARGO_MANIFEST_DIR")).join(APPLY));
    let definition = template["Resources"]["Map"]["Properties"]["DefinitionString"]
        .as_str()
        .unwrap();
    let definition = definition
        .replace("${AtOnce}", "4")
        .replace("${Shards}", "3")
        .replace("${Partition}", "aws")
        .replace("${Bucket}", "plans");
    let mut definition: Value =
        serde_json::from_str(&definition).unwrap_or_else(|error| panic!("{error}: {definition}"));
    let states = &mut definition["States"];
    let shards = &mut states["Shards"];
    shards["ItemProcessor"]["States"]["Apply"] = json!({"Type": "Pass", "End": true});
    // Moto's interpreter does not know these fields of a Distributed Map, nor what it tells of itself.
    let map = shards.as_object_mut().unwrap();
    assert_eq!(map.remove("ToleratedFailurePercentage"), Some(json!(100)));
    let writer = map.remove("ResultWriter").unwrap();
    assert_eq!(writer["Parameters"], json!({"Bucket": "plans", "Prefix": "results"}));
    assert_eq!(map.remove("Next"), Some(json!("Counts")));
    map.insert("End".to_owned(), json!(true));
    let mut end = states.clone();
    states
        .as_object_mut()
        .unwrap()
        .retain(|name, _| name == "Numbers" || name == "Shards");
    let plan = json!({"bucket": "plans", "key": "plans/1.json", "version": "3"});
    let events = executed(&definition, &json!({"plan": plan}));
    let expected: Vec<Value> = (1..=3)
        .map(|number| json!({"apply": {"plan": plan}, "shard": format!("{number}/3")}))
        .collect();
    assert_eq!(events, json!(expected));
    let read: Vec<Event> = serde_json::from_value(events).unwrap();
    assert!(read.iter().all(|event| event.apply.is_some()));
    // The execution succeeds only if no shard has failed.
    end.as_object_mut()
        .unwrap()
        .retain(|name, _| ["All", "Applied", "Unapplied"].contains(&name.as_str()));
    end["Unapplied"] = json!({"Type": "Pass", "Result": {"end": "unapplied"}, "End": true});
    end["Applied"] = json!({"Type": "Pass", "Result": {"end": "applied"}, "End": true});
    let end = json!({"StartAt": "All", "States": end});
    for (counts, ending) in [
        ([0, 0, 0], "applied"),
        ([1, 0, 0], "unapplied"),
        ([0, 1, 0], "unapplied"),
        ([0, 0, 1], "unapplied"),
    ] {
        let [failed, timed_out, aborted] = counts;
        let counts = json!({"ItemCounts": {"Failed": failed, "TimedOut": timed_out, "Aborted": aborted}});
        assert_eq!(executed(&end, &counts)["end"], ending, "{counts}");
    }
}

/// What `policy drift --repair` prints besides what `policy drift` does.
fn printed() -> BTreeSet<(String, String, String)> {
    let place = Place::in_region("eu-central-1", "123456789012");
    let reads = READS
        .iter()
        .chain(TAG_READS)
        .chain(PERMISSION_READS)
        .chain(PATH_READS)
        .copied();
    let of = |permissions: Permissions| written(&serde_json::to_value(permissions.document()).unwrap());
    let reads = read_only(reads, place);
    let mut all = reads.clone();
    repairs(&mut all, RepairKind::ALLOWED, place);
    let reads = of(reads);
    of(all).into_iter().filter(|allowed| !reads.contains(allowed)).collect()
}

#[test]
fn its_schedule_has_an_event_that_the_function_reads() {
    let (_, template) = judged(&Path::new(env!("CARGO_MANIFEST_DIR")).join(TEMPLATE));
    let target = &template["Resources"]["Scheduled"]["Properties"]["Target"]["Fn::If"][2];
    let input = target["Input"]["Fn::Sub"][0].as_str().unwrap();
    let bounds = &target["Input"]["Fn::Sub"][1]["Bounds"]["Fn::If"];
    let kinds = template["Parameters"]["RepairOnly"]["Default"].as_str().unwrap();
    let on = bounds[1]["Fn::Sub"][0].as_str().unwrap();
    let on = on.replace("${Kinds}", &kinds.replace(',', "\", \"")).replace(
        "${RepairMax}",
        &template["Parameters"]["RepairMax"]["Default"].to_string(),
    );
    for (bounds, expected) in [
        (on.as_str(), Some(Bounds::default())),
        (bounds[2].as_str().unwrap(), None),
    ] {
        let event = input.replace("${Name}", "null").replace("${Bounds}", bounds);
        let event: Event = serde_json::from_str(&event).unwrap_or_else(|error| panic!("{error}: {event}"));
        assert_eq!(event.repair, expected);
    }
}

#[test]
fn its_state_machine_calls_the_function_once_for_each_shard() {
    let (_, template) = judged(&Path::new(env!("CARGO_MANIFEST_DIR")).join(TEMPLATE));
    let map = &template["Resources"]["Map"]["Properties"];
    let definition = map["DefinitionString"].as_str().unwrap().replace("${AtOnce}", "4");
    let mut definition: Value =
        serde_json::from_str(&definition).unwrap_or_else(|error| panic!("{error}: {definition}"));
    let shards = &mut definition["States"]["Shards"];
    // The function is called by nothing here: what it would be called with is the output.
    shards["ItemProcessor"]["States"]["Look"] = json!({"Type": "Pass", "End": true});
    // Moto's interpreter does not know this field of a Distributed Map.
    let tolerated = shards.as_object_mut().unwrap().remove("ToleratedFailurePercentage");
    assert_eq!(tolerated, Some(json!(100)));
    for (manifest, repair) in [
        (json!("connections.toml"), json!({"max": 2})),
        (json!(null), json!(null)),
    ] {
        let events = executed(
            &definition,
            &json!({"shards": 3, "manifest": manifest, "repair": repair}),
        );
        let expected: Vec<Value> = (1..=3)
            .map(|number| json!({"manifest": manifest, "repair": repair, "shard": format!("{number}/3")}))
            .collect();
        assert_eq!(events, json!(expected));
        let read: Vec<Event> = serde_json::from_value(events).unwrap();
        assert_eq!(read.len(), 3);
    }
}

/// The output of a state machine, in moto's interpreter.
fn executed(definition: &Value, input: &Value) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer");
    let mut interpreter = Command::new(python::environment("peer", &folder.join("requirements.txt")))
        .arg(folder.join("state_machine.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let given = json!({"definition": definition, "input": input}).to_string();
    let mut stdin = interpreter.stdin.take().unwrap();
    stdin.write_all(given.as_bytes()).unwrap();
    drop(stdin);
    let output = interpreter.wait_with_output().unwrap();
    assert!(output.status.success(), "{definition:#}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[cfg(feature = "lambda")]
#[test]
fn its_alarms_are_on_metrics_that_the_function_writes() {
    let (_, template) = judged(&Path::new(env!("CARGO_MANIFEST_DIR")).join(TEMPLATE));
    let properties = |name: &str| &template["Resources"][name]["Properties"];
    let written = embedded("drift", &Round::default(), Duration::ZERO, SystemTime::now());
    let metrics = &written["_aws"]["CloudWatchMetrics"][0];
    let names: Vec<&Value> = metrics["Metrics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|metric| &metric["Name"])
        .collect();
    for alarm in ["CriticalAlarm", "DriftAlarm", "SilentAlarm"] {
        let alarm = properties(alarm);
        assert_eq!(alarm["Namespace"], metrics["Namespace"], "{alarm}");
        assert!(names.contains(&&alarm["MetricName"]), "{alarm}");
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
