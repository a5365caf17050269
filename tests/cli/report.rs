//! `report`: the file, what is printed, and the data within.

use std::fs;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::Shell;

const REPORT: &str = "report --offline account.json";

/// The data within a page.
fn data(html: &str) -> Value {
    let start = html.find("id=\"data\">").unwrap() + "id=\"data\">".len();
    let length = html[start..].find("</script>").unwrap();
    serde_json::from_str(&html[start..start + length]).unwrap()
}

fn page(shell: &Shell, arguments: &str) -> Value {
    let run = shell.run(&format!("{REPORT} {arguments} --out page.html"));
    assert_eq!(
        (run.status, run.stderr.as_str()),
        (Some(0), ""),
        "{arguments}: {}",
        run.stdout
    );
    data(&fs::read_to_string(shell.folder.path().join("page.html")).unwrap())
}

fn names(page: &Value) -> Vec<&str> {
    let connections = page["connections"].as_array().unwrap();
    connections
        .iter()
        .map(|connection| connection["name"].as_str().unwrap())
        .collect()
}

#[test]
fn what_is_printed() {
    let shell = Shell::new();
    let sessions: Vec<String> = [
        "--out page.html",
        "--out page.html --output json",
        "--cluster orders --function checkout --out page.html",
        "--cluster nothing --function checkout --out page.html",
        "--cluster order --out page.html",
        "--cluster orders --function check --out page.html",
        "--cluster orders --function checkout --proxy orders-prox --out page.html",
        "--instance orders --out page.html",
        "--instance orders-1 --out page.html",
        "--cluster arn:aws:rds:us-east-1:999999999999:cluster:orders --out page.html",
        "--cluster orders --function arn:aws:lambda:us-east-1:999999999999:function:checkout --out page.html",
        "--state-file missing.json --out page.html",
        "--out account.json",
        "--function checkout --out page.html",
        "--cluster orders --function new:f --out page.html",
        "",
    ]
    .iter()
    .map(|arguments| shell.session(&format!("{REPORT} {arguments}")))
    .collect();
    assert_snapshot!("report", sessions.join("\n\n"));
}

#[test]
fn the_data_has_its_schema_and_the_verdicts_of_drift() {
    let shell = Shell::new();
    let page = page(&shell, "");
    let schema = shell.run("schema page").json();
    assert!(jsonschema::is_valid(&schema, &page), "{page:#}");
    let document = shell.run(&format!("{REPORT} --out page.html --output json")).json();
    for schema in ["schema report", "schema"] {
        assert!(
            jsonschema::is_valid(&shell.run(schema).json(), &document),
            "{document:#}"
        );
    }
    let drift = shell.run("drift --offline account.json --output json").json();
    assert_eq!(page["summary"], drift["summary"]);
    for (shown, judged) in page["connections"]
        .as_array()
        .unwrap()
        .iter()
        .zip(drift["connections"].as_array().unwrap())
    {
        for field in ["name", "id", "verdict", "decision", "account", "region"] {
            assert_eq!(shown[field], judged[field], "{field}");
        }
        let messages = |of: &Value| -> Vec<Value> {
            let findings = of["findings"].as_array().unwrap();
            findings.iter().map(|finding| finding["message"].clone()).collect()
        };
        assert_eq!(messages(shown), messages(judged));
    }
}

#[test]
fn it_is_about_what_was_asked_for() {
    let shell = Shell::new();
    let both = ["cluster/orders:function/checkout", "instance/ledger:function/invoices"];
    let manifest = "[[connection]]\ncluster = \"orders\"\nfunction = \"refunds\"\nname = \"refunds\"\n";
    fs::write(shell.folder.path().join("connections.toml"), manifest).unwrap();
    let selections: [(&str, &str, &[&str]); 6] = [
        ("", "account", &both),
        ("--cluster orders", "database", &both[..1]),
        ("--cluster orders --function checkout", "connection", &both[..1]),
        (
            "--cluster orders --function refunds",
            "connection",
            &["cluster/orders:function/refunds"],
        ),
        (
            "--cluster orders --function refunds --proxy orders-proxy",
            "connection",
            &["cluster/orders:proxy/orders-proxy:function/refunds"],
        ),
        ("--manifest connections.toml", "manifest", &["refunds"]),
    ];
    for (arguments, scope, expected) in selections {
        let page = page(&shell, arguments);
        assert_eq!(names(&page), expected, "{arguments}");
        assert_eq!(page["scope"], scope, "{arguments}");
    }
}

/// Findings have the time of the state file, which stays as it is.
#[test]
fn findings_are_dated_by_the_state_of_drift() {
    let shell = Shell::new();
    shell.run("drift --offline account.json --state-file state.json");
    let path = shell.folder.path().join("state.json");
    let state = fs::read_to_string(&path).unwrap();
    let first_seen = |text: &str| {
        let start = text.find("\"first_seen\":").unwrap();
        text[start..].split('"').nth(3).unwrap().to_owned()
    };
    let dated = state.replace(&first_seen(&state), "2026-01-02T03:04:05Z");
    fs::write(&path, &dated).unwrap();
    let page = page(&shell, "--state-file state.json");
    let finding = &page["connections"][1]["findings"][0];
    assert_eq!(finding["first_seen"], "2026-01-02T03:04:05Z", "{page:#}");
    assert_eq!(fs::read_to_string(&path).unwrap(), dated);
}

/// What blocks a path: the checks that fail, with their evidence, and what is drawn.
#[test]
fn a_broken_path_has_its_evidence() {
    let shell = Shell::new();
    shell.edit(|account| {
        let groups = account["SecurityGroups"].as_array_mut().unwrap();
        let group = groups.iter_mut().find(|group| group["GroupId"] == "sg-0d01").unwrap();
        group["IpPermissions"] = json!([]);
    });
    let page = page(&shell, "--cluster orders --function checkout");
    let connection = &page["connections"][0];
    assert_eq!(connection["verdict"], "broken");
    assert_eq!(connection["hops"][0]["state"], "blocked");
    assert_eq!(connection["hops"][0]["lacks"], json!(["inbound"]));
    let check = &connection["checks"][0];
    assert_eq!(check["id"], "security-groups", "{connection:#}");
    assert_eq!(check["status"], "fail");
    assert!(check["evidence"].to_string().contains("sg-0d01"), "{check:#}");
    assert!(
        check["remedy"].as_str().unwrap().starts_with("autoconnect setup"),
        "{check:#}"
    );
}

/// The data cannot end the element that it stands in.
#[test]
fn hostile_names_do_not_leave_the_data() {
    let shell = Shell::new();
    let hostile = "</script><script>alert(1)</script><!--&\u{2028}\u{202e}";
    shell.edit(|account| {
        let groups = account["SecurityGroups"].as_array_mut().unwrap();
        let group = groups.iter_mut().find(|group| group["GroupId"] == "sg-0f01").unwrap();
        group["GroupName"] = json!(format!("lambda-rds-1{hostile}"));
    });
    let run = shell.run(&format!("{REPORT} --cluster orders --function checkout --out -"));
    let page = data(&run.stdout);
    assert_eq!(page["groups"][0]["name"], format!("lambda-rds-1{hostile}"));
    assert!(!run.stdout.contains("<script>alert"));
    assert!(run.stderr.contains("Wrote a page with 1 connection"), "{}", run.stderr);
}

/// Connections without a verdict are counted, and not silently left out.
#[test]
fn connections_by_other_rules_are_said_to_be_left_out() {
    let shell = Shell::new();
    let run = shell.run("report --offline network.json --out page.html");
    assert!(
        run.stdout.contains("note: 5 connections by other rules"),
        "{}",
        run.stdout
    );
    let page = data(&fs::read_to_string(shell.folder.path().join("page.html")).unwrap());
    assert_eq!(page["left_out"].as_array().map(Vec::len), Some(1), "{page:#}");
}

/// Rules that let some of the addresses through are no open path.
#[test]
fn rules_for_some_addresses_are_not_drawn_as_open() {
    for (range, state) in [("10.0.0.0/8", "open"), ("10.0.1.7/32", "impaired")] {
        let shell = Shell::new();
        shell.edit_file("network.json", |account| {
            let groups = account["SecurityGroups"].as_array_mut().unwrap();
            let group = groups.iter_mut().find(|group| group["GroupId"] == "sg-0a02").unwrap();
            group["IpPermissions"] = json!([{
                "IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": range}]
            }]);
        });
        let run = "report --offline network.json --cluster orders --function checkout --proxy none --out page.html";
        shell.run(run);
        let page = data(&fs::read_to_string(shell.folder.path().join("page.html")).unwrap());
        let hop = &page["connections"][0]["hops"][0];
        assert_eq!(hop["state"], state, "{range}: {hop:#}");
        assert_eq!(hop["causes"].as_array().unwrap().is_empty(), state == "open", "{hop:#}");
    }
}
