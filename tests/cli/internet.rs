//! `internet` on the example network.

use insta::assert_snapshot;
use serde_json::json;

use crate::Shell;

const INTERNET: &str = "internet --offline network.json";

#[test]
fn what_a_person_reads() {
    let shell = Shell::new();
    let table = [
        ("works", "--function mailer"),
        ("classic_mistake", "check --function crawler"),
        ("no_vpc", "--function legacy"),
        ("json", "--function crawler --output json"),
        ("services", "--function crawler --service secretsmanager,s3"),
        ("refused", "setup --function crawler --yes"),
    ];
    for (name, arguments) in table {
        let before = std::fs::read(shell.folder.path().join("network.json")).unwrap();
        assert_snapshot!(
            format!("internet_{name}"),
            shell.session(&format!("{INTERNET} {arguments}"))
        );
        let after = std::fs::read(shell.folder.path().join("network.json")).unwrap();
        assert!(before == after, "{arguments} changed the file");
    }
}

/// The NAT gateway is deleted, and with it the way out of everybody.
#[test]
fn what_is_missing_is_built_after_consent() {
    let shell = Shell::new();
    shell.edit_file("network.json", |account| {
        account["NatGateways"][0]["State"] = "deleted".into();
        account["RouteTables"][0]["Routes"][1]["State"] = "blackhole".into();
    });
    let setup = format!("{INTERNET} setup --function mailer");
    assert_snapshot!("internet_plan", shell.session(&format!("{setup} --dry-run")));
    let pending = shell.run(&format!("{setup} --dry-run --detailed-exitcode"));
    assert_eq!(pending.status, Some(2));
    let unasked = shell.run(&setup);
    assert!(unasked.stderr.contains("consent-required"), "{}", unasked.stderr);
    assert_snapshot!("internet_built", shell.session(&format!("{setup} --yes --quiet")));
    assert_snapshot!("internet_again", shell.session(&format!("{setup} --yes")));
    let check = shell.run(&format!("{INTERNET} --function mailer"));
    assert_eq!(check.status, Some(0), "{}", check.stdout);
}

#[test]
fn documents_hold_to_their_schema() {
    let shell = Shell::new();
    let setup = format!("{INTERNET} setup --function crawler --service secretsmanager,dynamodb --yes --output json");
    for (arguments, result) in [
        (format!("{setup} --dry-run"), "planned"),
        (setup.clone(), "built"),
        (setup, "unchanged"),
    ] {
        let run = shell.run(&arguments);
        assert_eq!(run.status, Some(0), "{}", run.stderr);
        let document = run.json();
        assert_eq!(document["result"], json!(result), "{document:#}");
        for schema in ["schema", "schema internet"] {
            let schema = shell.run(schema).json();
            assert!(jsonschema::is_valid(&schema, &document), "{document:#}");
        }
    }
    let check = shell
        .run(&format!("{INTERNET} --function crawler --output json"))
        .json();
    assert!(
        jsonschema::is_valid(&shell.run("schema checks").json(), &check),
        "{check:#}"
    );
}

#[test]
fn options_that_do_not_fit_are_mistakes() {
    let shell = Shell::new();
    for arguments in [
        "",
        "--function new:f",
        "--function mailer --port 0",
        "--function mailer --service Secrets",
        "--function mailer --yes",
        "check --function mailer --dry-run",
        "build --function mailer",
    ] {
        let run = shell.run(&format!("{INTERNET} {arguments}"));
        assert_eq!(run.status, Some(1), "{arguments}: {}", run.stdout);
    }
}
