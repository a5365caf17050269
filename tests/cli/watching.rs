//! `drift` again and again: what is remembered, who is notified of what, and that nothing that fails hides the rest.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Shell;
use crate::drift::is_time;

const LEDGER: &str = "--instance ledger --function invoices";
const ID: &str = "instance/ledger:function/invoices";
const TELL: &str = "/bin/cat >> told; echo >> told";

/// The example account with nothing drifted: the group that someone changed is as it was made.
fn shell() -> Shell {
    let shell = Shell::new();
    shell.edit(|account| *group(account, "lambda-rds-2") = vec![pair("sg-0d02")]);
    shell
}

fn group<'a>(account: &'a mut Value, name: &str) -> &'a mut Vec<Value> {
    let groups = account["SecurityGroups"].as_array_mut().unwrap();
    let found = groups.iter_mut().find(|group| group["GroupName"] == name).unwrap();
    let direction = if name.starts_with("lambda") {
        "IpPermissionsEgress"
    } else {
        "IpPermissions"
    };
    found[direction].as_array_mut().unwrap()
}

fn pair(group: &str) -> Value {
    json!({"IpProtocol": "tcp", "FromPort": 3306, "ToPort": 3306, "UserIdGroupPairs": [{"GroupId": group}]})
}

fn range(cidr: &str, port: u16) -> Value {
    json!({"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr}]})
}

fn path(shell: &Shell, name: &str) -> PathBuf {
    shell.folder.path().join(name)
}

fn read(shell: &Shell, name: &str) -> Value {
    serde_json::from_slice(&fs::read(path(shell, name)).unwrap()).unwrap()
}

fn drift(shell: &Shell, arguments: &str, on_drift: Option<&str>) -> Command {
    let mut command = shell.command("drift --offline account.json --output json");
    command.args(arguments.split_whitespace());
    if let Some(on_drift) = on_drift {
        command.args(["--on-drift", on_drift]);
    }
    command
}

fn run(shell: &Shell, arguments: &str, on_drift: Option<&str>) -> Output {
    drift(shell, arguments, on_drift).output().unwrap()
}

/// What the command was given since: one document for each run of it.
fn told(shell: &Shell) -> Vec<Value> {
    let text = fs::read_to_string(path(shell, "told")).unwrap_or_default();
    let _ = fs::remove_file(path(shell, "told"));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Of the changes in a document: the kinds of the findings that are new, have changed, and are resolved.
fn changes(document: &Value) -> [Vec<&str>; 3] {
    ["new", "changed", "resolved"].map(|key| {
        let changes = document[key].as_array().unwrap().iter();
        changes
            .map(|change| change["finding"]["kind"].as_str().unwrap())
            .collect()
    })
}

fn findings(output: &Output, id: &str) -> Vec<Value> {
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let connections = document["connections"].as_array().unwrap();
    let found = connections.iter().find(|found| found["id"] == id);
    found
        .map(|found| found["findings"].as_array().unwrap().clone())
        .unwrap_or_default()
}

#[test]
fn new_changed_and_resolved_findings_are_reported_once() {
    let shell = shell();
    let schema = shell.run("schema drift").json();
    let nothing: [Vec<&str>; 3] = Default::default();
    let step = |edit: &dyn Fn(&mut Value), expected: &[Vec<&str>; 3]| {
        shell.edit(|account| edit(account));
        for again in [false, true] {
            let output = run(&shell, "--state-file state", Some(TELL));
            assert_ne!(output.status.code(), Some(1), "{output:?}");
            let documents = told(&shell);
            if again || *expected == nothing {
                assert_eq!(documents, Vec::<Value>::new());
            } else {
                assert_eq!(documents.len(), 1);
                assert_eq!(changes(&documents[0]), *expected, "{:#}", documents[0]);
                if let Err(error) = jsonschema::validate(&schema, &documents[0]) {
                    panic!("{error}: {:#}", documents[0]);
                }
            }
        }
    };
    step(&|_| (), &nothing);
    step(
        &|account| group(account, "rds-lambda-2").push(range("10.1.0.0/16", 22)),
        &[vec!["rule-added"], vec![], vec![]],
    );
    // The same verdict, and one finding more.
    step(
        &|account| group(account, "rds-lambda-2").push(range("0.0.0.0/0", 3306)),
        &[vec!["opened"], vec![], vec![]],
    );
    // Worse than before, though it was open already.
    step(
        &|account| group(account, "rds-lambda-2").push(range("0.0.0.0/0", 22)),
        &[vec![], vec!["opened"], vec![]],
    );
    step(
        &|account| group(account, "rds-lambda-2").retain(|rule| rule["IpRanges"][0]["CidrIp"] != "0.0.0.0/0"),
        &[vec![], vec![], vec!["opened"]],
    );
    step(
        &|account| group(account, "rds-lambda-2").truncate(1),
        &[vec![], vec![], vec!["rule-added"]],
    );
    step(&|_| (), &nothing);
}

#[test]
fn the_time_at_which_a_finding_was_seen_first_is_kept() {
    let shell = shell();
    shell.edit(|account| group(account, "rds-lambda-2").push(range("10.1.0.0/16", 22)));
    let first_seen = |arguments: &str, kind: &str| {
        let found = findings(&run(&shell, arguments, None), ID);
        let finding = found.into_iter().find(|finding| finding["kind"] == kind).unwrap();
        finding["first_seen"].clone()
    };
    assert_eq!(first_seen(LEDGER, "rule-added"), Value::Null, "without a state file");
    let with_state = format!("{LEDGER} --state-file state");
    let first = first_seen(&with_state, "rule-added");
    assert!(is_time(&first), "{first}");
    // Long ago, as far as the file knows.
    let text = fs::read_to_string(path(&shell, "state")).unwrap();
    let ago = json!("2020-02-02T02:02:02Z");
    fs::write(
        path(&shell, "state"),
        text.replace(&first.to_string(), &ago.to_string()),
    )
    .unwrap();
    shell.edit(|account| group(account, "rds-lambda-2").push(range("0.0.0.0/0", 3306)));
    assert_eq!(first_seen(&with_state, "rule-added"), ago);
    assert_ne!(first_seen(&with_state, "opened"), ago);
    let text = shell.run(&format!("drift --offline account.json {with_state}")).stdout;
    assert!(
        text.contains("since:    2020-02-02 02:02 UTC, ") && text.contains(" years ago\n"),
        "{text}"
    );
    // Resolved, and seen again.
    let rules = |shell: &Shell, rules: Vec<Value>| {
        shell.edit(|account| *group(account, "rds-lambda-2") = rules);
        run(shell, &with_state, None);
    };
    rules(&shell, vec![pair("sg-0f02")]);
    rules(&shell, vec![pair("sg-0f02"), range("10.1.0.0/16", 22)]);
    assert_ne!(first_seen(&with_state, "rule-added"), ago);
}

/// Each consequence fails in turn; the others happen anyway, and the run is an error.
#[cfg(target_os = "linux")]
#[test]
fn each_consequence_is_tried_whatever_became_of_the_others() {
    let topic = "sns:arn:aws:sns:eu-central-1:123456789012:drift";
    // What fails, and by which code it is reported.
    let cases = [
        ("nothing", None),
        ("report", Some("error[output]")),
        ("metrics", Some("error[metrics-file]")),
        ("notify", Some("error[not-told]")),
        ("command", Some("error[not-told]")),
        ("state", Some("error[state-file]")),
        ("broken state", Some("error[state-file]")),
    ];
    for (fails, code) in cases {
        let shell = shell();
        shell.edit(|account| group(account, "rds-lambda-2").push(range("10.1.0.0/16", 22)));
        let state = if fails == "state" { "nowhere/state" } else { "state" };
        if fails == "broken state" {
            fs::write(path(&shell, "state"), "{\"schema_version\": 2, \"connections\": ").unwrap();
        }
        let metrics = if fails == "metrics" {
            "nowhere/drift.prom"
        } else {
            "drift.prom"
        };
        let arguments = format!("{LEDGER} --metrics-file {metrics} --state-file {state}");
        let tell = if fails == "command" {
            "/bin/cat >> told; echo >> told; exit 3"
        } else {
            TELL
        };
        let mut command = drift(&shell, &arguments, Some(tell));
        if fails == "notify" {
            // There is no AWS behind this endpoint, nor credentials; without the adapter there is no AWS at all.
            command.args(["--notify", topic]);
            command
                .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
                .env("AWS_EC2_METADATA_DISABLED", "true");
        }
        if fails == "report" {
            command.stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
        } else {
            command.stdout(Stdio::piped());
        }
        let output = command
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(if code.is_some() { 1 } else { 2 }),
            "{fails}: {stderr}"
        );
        match code {
            Some(code) => assert!(stderr.contains(code), "{fails}: {stderr}"),
            None => assert_eq!(stderr, ""),
        }
        if fails != "report" {
            // One document, whatever failed.
            assert_eq!(findings(&output, ID).len(), 1, "{fails}");
        }
        assert_eq!(path(&shell, "drift.prom").exists(), fails != "metrics", "{fails}");
        assert_eq!(told(&shell).len(), 1, "{fails}");
        match fails {
            "state" => {}
            // What cannot be read is not overwritten.
            "broken state" => assert!(fs::read_to_string(path(&shell, "state")).unwrap().ends_with(": ")),
            _ => assert_eq!(read(&shell, "state")["schema_version"], 2, "{fails}"),
        }
        if matches!(fails, "report" | "metrics" | "notify" | "nothing") {
            // Who was notified is not notified again, whatever else failed.
            run(&shell, &format!("{LEDGER} --state-file state"), Some(TELL));
            assert_eq!(told(&shell).len(), 0, "{fails}");
        }
        if fails == "command" {
            run(&shell, &format!("{LEDGER} --state-file state"), Some(TELL));
            assert_eq!(told(&shell).len(), 1, "{fails}");
        }
    }
}

#[test]
fn a_state_of_the_version_before_is_migrated() {
    let before = |verdict: &str| json!({"verdicts": {format!("|||{ID}"): verdict}}).to_string();
    // The file, the connection drifted, and the changes that are reported.
    let nothing: Option<[Vec<&str>; 3]> = None;
    let table = [
        (before("drifted"), true, nothing.clone()),
        (before("broken"), true, Some([vec!["rule-added"], vec![], vec![]])),
        (before("drifted"), false, Some([vec![], vec![], vec![]])),
        (
            "{\"verdicts\": {}}".to_owned(),
            true,
            Some([vec!["rule-added"], vec![], vec![]]),
        ),
        (String::new(), true, Some([vec!["rule-added"], vec![], vec![]])),
        (String::new(), false, nothing),
    ];
    for look in [LEDGER, ""] {
        for (file, is_drifted, expected) in &table {
            let shell = shell();
            fs::write(path(&shell, "state"), file).unwrap();
            if *is_drifted {
                shell.edit(|account| group(account, "rds-lambda-2").push(range("10.1.0.0/16", 22)));
            }
            let output = run(&shell, &format!("{look} --state-file state"), Some(TELL));
            assert_eq!(
                output.status.code(),
                Some(if *is_drifted { 2 } else { 0 }),
                "{file}: {output:?}"
            );
            let documents = told(&shell);
            assert_eq!(documents.first().map(changes), *expected, "{file}");
            assert_eq!(read(&shell, "state")["schema_version"], 2);
            let again = run(&shell, &format!("{look} --state-file state"), Some(TELL));
            assert_eq!((again.status, told(&shell).len()), (output.status, 0), "{file}");
        }
    }
    for (file, message) in [
        ("{\"schema_version\": 3}", "it is of version 3"),
        ("[1]", "state"),
        ("{\"verdict\": {}}", "unknown field"),
    ] {
        let shell = shell();
        fs::write(path(&shell, "state"), file).unwrap();
        let output = run(&shell, &format!("{LEDGER} --state-file state"), None);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{file}");
        assert!(
            stderr.contains("error[state-file]") && stderr.contains(message),
            "{file}: {stderr}"
        );
        assert_eq!(fs::read_to_string(path(&shell, "state")).unwrap(), file);
    }
}

#[test]
fn shards_share_a_file_and_lose_nothing() {
    let shell = shell();
    shell.edit(|account| {
        group(account, "rds-lambda-2").push(range("10.1.0.0/16", 22));
        group(account, "rds-lambda-1").push(range("10.1.0.0/16", 22));
    });
    let all = |documents: &[Value]| -> Vec<String> {
        let new = documents
            .iter()
            .flat_map(|document| document["new"].as_array().unwrap());
        let mut names: Vec<String> = new.map(|change| change["connection"].to_string()).collect();
        names.sort();
        names
    };
    let arguments = |shard: usize| format!("--state-file state --shard {shard}/5");
    // All at the same time.
    let runs: Vec<_> = (1..=5)
        .map(|shard| {
            let mut command = drift(
                &shell,
                &arguments(shard),
                Some(&format!("cat >> told-{shard}; echo >> told-{shard}")),
            );
            command
                .env("PATH", "/bin:/usr/bin")
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut run in runs {
        assert_ne!(run.wait().unwrap().code(), Some(1));
    }
    let mut documents = Vec::new();
    for shard in 1..=5 {
        let text = fs::read_to_string(path(&shell, &format!("told-{shard}"))).unwrap_or_default();
        documents.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
    }
    assert_eq!(all(&documents).len(), 2, "{documents:#?}");
    let state = read(&shell, "state");
    assert_eq!(state["connections"].as_object().unwrap().len(), 2, "{state:#}");
    // None is reported again: by its own shard, by another number of shards, or by one run for all.
    for shard in 1..=5 {
        run(&shell, &arguments(shard), Some(TELL));
    }
    for shard in 1..=2 {
        run(&shell, &format!("--state-file state --shard {shard}/2"), Some(TELL));
    }
    run(&shell, "--state-file state", Some(TELL));
    assert_eq!(told(&shell), Vec::<Value>::new());
}

/// The function's group was disassociated, and nothing that is left ties the ends together.
fn vanish(shell: &Shell) {
    shell.edit(|account| {
        let functions = account["Functions"].as_array_mut().unwrap();
        let function = functions
            .iter_mut()
            .find(|found| found["FunctionName"] == "checkout")
            .unwrap();
        function["VpcConfig"]["SecurityGroupIds"] = json!(["sg-0f00"]);
    });
}

const CHECKOUT: &str = "cluster/orders:function/checkout";

#[test]
fn a_connection_that_vanishes_stays_a_finding_until_it_is_forgotten() {
    let shell = shell();
    let kinds = |arguments: &str| -> Vec<String> {
        let found = findings(&run(&shell, arguments, None), CHECKOUT);
        found
            .iter()
            .map(|finding| finding["kind"].as_str().unwrap().to_owned())
            .collect()
    };
    let state = "--state-file state";
    assert_eq!(run(&shell, state, None).status.code(), Some(0));
    vanish(&shell);
    assert_eq!(
        run(&shell, "", None).status.code(),
        Some(0),
        "nobody knows without a state file"
    );
    for _ in 0..3 {
        let output = run(&shell, state, Some(TELL));
        assert_eq!(output.status.code(), Some(2));
        let found = findings(&output, CHECKOUT);
        assert_eq!(
            (&found[0]["kind"], &found[0]["severity"]),
            (&json!("connection-vanished"), &json!("high"))
        );
        assert_eq!(
            found[0]["remedy"],
            json!(["setup", "--cluster", "orders", "--function", "checkout"])
        );
    }
    assert_eq!(told(&shell).len(), 1);
    // A look at something else, or of another shard, does not end it.
    run(&shell, &format!("{LEDGER} {state}"), None);
    for shard in 1..=4 {
        run(&shell, &format!("{state} --shard {shard}/4"), None);
    }
    assert_eq!(kinds(state)[0], "connection-vanished");
    // A name that is not known is a mistake.
    let wrong = run(&shell, &format!("{state} --forget checkout"), None);
    let stderr = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(
        stderr.contains("error[not-known]") && stderr.contains(CHECKOUT),
        "{stderr}"
    );
    assert_eq!(
        run(&shell, &format!("--forget {CHECKOUT}"), None).status.code(),
        Some(1),
        "without a state file"
    );

    let forgotten = run(&shell, &format!("{state} --forget {CHECKOUT}"), Some(TELL));
    assert_eq!(forgotten.status.code(), Some(0));
    let documents = told(&shell);
    assert!(
        changes(&documents[0])[2].contains(&"connection-vanished"),
        "{documents:#?}"
    );
    assert_eq!(run(&shell, state, Some(TELL)).status.code(), Some(0));
    assert_eq!(told(&shell).len(), 0);
}

#[test]
fn a_connection_that_comes_back_is_no_longer_missed() {
    let shell = shell();
    run(&shell, "--state-file state", None);
    vanish(&shell);
    let found = findings(&run(&shell, "--state-file state", Some(TELL)), CHECKOUT);
    let remedy = found[0]["remedy"].as_array().unwrap();
    let remedy: Vec<&str> = remedy.iter().map(|word| word.as_str().unwrap()).collect();
    let setup = shell.run(&format!("{} --offline account.json --yes", remedy.join(" ")));
    assert_eq!(setup.status, Some(0), "{}", setup.stderr);
    assert_eq!(run(&shell, "--state-file state", Some(TELL)).status.code(), Some(0));
    let documents = told(&shell);
    assert!(
        changes(&documents[1])[2].contains(&"connection-vanished"),
        "{documents:#?}"
    );
}

/// What no command could connect again is forgotten by the command that the finding names.
#[test]
fn what_is_gone_for_good_is_forgotten_by_its_remedy() {
    let shell = shell();
    run(&shell, "--state-file state", None);
    shell.edit(|account| {
        let functions = account["Functions"].as_array_mut().unwrap();
        functions.retain(|function| function["FunctionName"] != "checkout");
    });
    let found = findings(&run(&shell, "--state-file state", None), CHECKOUT);
    let kinds: Vec<&Value> = found.iter().map(|finding| &finding["kind"]).collect();
    assert_eq!(kinds, ["connection-vanished"]);
    assert_eq!(found[0]["found"], "there is no function checkout");
    assert_eq!(
        found[0]["remedy"],
        json!(["drift", "--forget", CHECKOUT, "--state-file", "state"])
    );
    let remedy = found[0]["remedy"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap());
    let output = shell
        .command("")
        .args(remedy)
        .args(["--offline", "account.json"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        findings(&run(&shell, "--state-file state", None), CHECKOUT),
        Vec::<Value>::new()
    );
}

#[test]
fn a_manifest_says_which_connections_there_are() {
    let shell = shell();
    run(&shell, "--state-file state", None);
    vanish(&shell);
    assert_eq!(run(&shell, "--state-file state", None).status.code(), Some(2));
    let manifest = |text: &str| fs::write(path(&shell, "m.toml"), text).unwrap();
    let ledger = "[[connection]]\ninstance = \"ledger\"\nfunction = \"invoices\"\n";
    let checkout = "[[connection]]\nname = \"the shop\"\ncluster = \"orders\"\nfunction = \"checkout\"\n";
    // Named, it is judged as any other.
    manifest(&format!("{ledger}{checkout}"));
    let found = findings(&run(&shell, "--manifest m.toml --state-file state", None), CHECKOUT);
    let kinds: Vec<&Value> = found.iter().map(|finding| &finding["kind"]).collect();
    assert_eq!(kinds, ["group-detached"]);
    // No longer named, it is no longer known.
    manifest(ledger);
    let output = run(&shell, "--manifest m.toml --state-file state", Some(TELL));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(run(&shell, "--state-file state", None).status.code(), Some(0));
}

#[test]
fn what_could_not_be_read_is_not_resolved() {
    let shell = shell();
    shell.edit(|account| group(account, "rds-lambda-2").push(range("10.1.0.0/16", 22)));
    let manifest = |region: &str| {
        let text = format!(
            "[[connection]]\ninstance = \"ledger\"\nfunction = \"invoices\"\nregion = \"{region}\"\n\n[[connection]]\ncluster = \"orders\"\nfunction = \"checkout\"\n"
        );
        fs::write(path(&shell, "m.toml"), text).unwrap();
    };
    let look = || {
        run(&shell, "--manifest m.toml --state-file state", Some(TELL));
        told(&shell)
    };
    manifest("eu-central-1");
    assert_eq!(changes(&look()[0]), [vec!["rule-added"], vec![], vec![]]);
    // The account file is moved to another Region, so that this connection cannot be read.
    shell.edit(|account| account["Region"] = "eu-west-1".into());
    let documents = look();
    assert_eq!(
        changes(&documents[0]),
        [vec!["unread"], vec![], vec![]],
        "{documents:#?}"
    );
    assert_eq!(look(), Vec::<Value>::new());
    shell.edit(|account| account["Region"] = "eu-central-1".into());
    let documents = look();
    assert_eq!(
        changes(&documents[0]),
        [vec![], vec![], vec!["unread"]],
        "{documents:#?}"
    );
}

#[cfg(unix)]
#[test]
fn a_schedule_says_when_and_where() {
    let shell = shell();
    for (output, lines) in [
        ("text", " UTC  Account 123456789012, Region eu-central-1"),
        ("ndjson", "\"time\":\"20"),
    ] {
        let child = shell
            .command(&format!("drift --offline account.json --every 1s --output {output}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = child.id().to_string();
        std::thread::sleep(Duration::from_millis(1800));
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        let output = child.wait_with_output().unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0));
        assert!(stdout.matches(lines).count() >= 2, "{stdout}");
    }
}

/// Whether a process is there and runs.
#[cfg(target_os = "linux")]
fn is_alive(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat"));
    status.is_ok_and(|status| !status.contains(") Z "))
}

/// Whether a process is gone, or is in a moment.
#[cfg(target_os = "linux")]
fn is_gone(pid: &str) -> bool {
    let begun = Instant::now();
    while is_alive(pid) {
        if begun.elapsed() > Duration::from_secs(4) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

#[cfg(target_os = "linux")]
#[test]
fn a_command_is_killed_with_all_that_it_has_started() {
    let hang = "sleep 300 & echo $! > pid; wait";
    let started = |shell: &Shell| {
        let begun = Instant::now();
        loop {
            match fs::read_to_string(path(shell, "pid")) {
                Ok(pid) if pid.ends_with('\n') => return pid.trim().to_owned(),
                _ => assert!(begun.elapsed() < Duration::from_secs(30), "the command does not start"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    for (signal, every, status) in [("-INT", "", 130), ("-TERM", "", 130), ("-TERM", "--every 1h", 0)] {
        let shell = shell();
        shell.edit(|account| group(account, "rds-lambda-2").push(range("10.1.0.0/16", 22)));
        let arguments = format!("{LEDGER} --state-file state {every}");
        let mut command = drift(&shell, &arguments, Some(hang));
        let child = command
            .env("PATH", "/bin:/usr/bin")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let sleeper = started(&shell);
        assert!(is_alive(&sleeper));
        let pid = child.id().to_string();
        Command::new("kill").args([signal, &pid]).status().unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{signal} {every}: {output:?}");
        assert!(is_gone(&sleeper), "{signal} {every}");
        // What was not delivered was not reported: the next run sends it again.
        run(&shell, &format!("{LEDGER} --state-file state"), Some(TELL));
        assert_eq!(told(&shell).len(), 1, "{signal} {every}");
    }
    let shell = shell();
    shell.edit(|account| group(account, "rds-lambda-2").push(range("10.1.0.0/16", 22)));
    let mut command = drift(&shell, &format!("{LEDGER} --on-drift-timeout 1s"), Some(hang));
    let output = command.env("PATH", "/bin:/usr/bin").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("did not end within 1s, and was killed"), "{stderr}");
    assert!(is_gone(&started(&shell)));
}

/// A look that fails as a whole is reported to each recipient once, until a look works again, which is reported too. Nothing
/// counts as resolved meanwhile, and another error is reported again.
#[test]
fn a_failed_look_is_reported_once() {
    let shell = shell();
    let (notice, report) = (shell.run("schema notice").json(), shell.run("schema drift").json());
    let whole = fs::read(path(&shell, "account.json")).unwrap();
    let manifest = "[[connection]]\ninstance = \"ledger\"\nfunction = \"invoices\"\n";
    let broken = b"{";
    let step = |arguments: &str, account: &[u8], manifest: &str| {
        fs::write(path(&shell, "account.json"), account).unwrap();
        fs::write(path(&shell, "m.toml"), manifest).unwrap();
        let output = run(&shell, &format!("--manifest m.toml {arguments}"), Some(TELL));
        (output.status.code(), told(&shell))
    };
    for arguments in ["--state-file state", "--state-file sharded --shard 1/1"] {
        assert_eq!(step(arguments, &whole, manifest), (Some(0), vec![]), "{arguments}");
        for again in [false, true] {
            let (status, documents) = step(arguments, broken, manifest);
            assert_eq!(status, Some(1));
            if again {
                assert_eq!(documents, Vec::<Value>::new(), "it is told once");
                continue;
            }
            assert_eq!(documents.len(), 1);
            assert_eq!(documents[0]["error"]["code"], "account-file", "{:#}", documents[0]);
            assert!(is_time(&documents[0]["time"]));
            if let Err(error) = jsonschema::validate(&notice, &documents[0]) {
                panic!("{error}: {:#}", documents[0]);
            }
        }
        // Another error.
        let (status, documents) = step(arguments, &whole, "[[connection]]\n");
        assert_eq!((status, documents.len()), (Some(1), 1), "{documents:?}");
        assert_eq!(documents[0]["error"]["code"], "manifest", "{:#}", documents[0]);
        // It works again: that is reported, once, and nothing is resolved.
        let (status, documents) = step(arguments, &whole, manifest);
        assert_eq!((status, documents.len()), (Some(0), 1), "{documents:?}");
        assert_eq!(documents[0]["recovered"]["code"], "manifest");
        assert!(is_time(&documents[0]["recovered"]["since"]));
        let nothing: [Vec<&str>; 3] = Default::default();
        assert_eq!(changes(&documents[0]), nothing);
        if let Err(error) = jsonschema::validate(&report, &documents[0]) {
            panic!("{error}: {:#}", documents[0]);
        }
        assert_eq!(step(arguments, &whole, manifest), (Some(0), vec![]));
    }

    // A recipient that could not be notified is notified by the next run.
    fs::write(path(&shell, "account.json"), broken).unwrap();
    let output = run(&shell, "--manifest m.toml --state-file state", Some("exit 3"));
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("not-told"), "{errors}");
    assert_eq!(step("--state-file state", broken, manifest).1.len(), 1);

    // What drifted before a failed look is neither reported again nor resolved by it.
    fs::write(path(&shell, "account.json"), &whole).unwrap();
    shell.edit(|account| group(account, "rds-lambda-2").push(range("10.1.0.0/16", 22)));
    let drifted = fs::read(path(&shell, "account.json")).unwrap();
    let (status, documents) = step("--state-file state", &drifted, manifest);
    assert_eq!((status, documents.len()), (Some(2), 1));
    assert_eq!(changes(&documents[0])[0], ["rule-added"]);
    assert_eq!(step("--state-file state", broken, manifest).1.len(), 1);
    let (status, documents) = step("--state-file state", &drifted, manifest);
    assert_eq!((status, documents.len()), (Some(2), 1));
    let nothing: [Vec<&str>; 3] = Default::default();
    assert_eq!(
        (changes(&documents[0]), &documents[0]["verdicts"]),
        (nothing, &json!([]))
    );
}

/// A schedule without a state file remembers the failure for as long as it runs.
#[test]
fn a_schedule_reports_a_failed_look_once() {
    let shell = shell();
    fs::write(path(&shell, "account.json"), b"{").unwrap();
    let mut schedule = drift(&shell, "--every 1s", Some(TELL))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while !path(&shell, "told").exists() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    // Several more looks.
    std::thread::sleep(Duration::from_millis(2500));
    schedule.kill().unwrap();
    schedule.wait().unwrap();
    let documents = told(&shell);
    assert_eq!(documents.len(), 1, "{documents:?}");
    assert_eq!(documents[0]["error"]["code"], "account-file");
}
