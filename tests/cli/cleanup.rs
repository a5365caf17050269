//! `cleanup` as it is typed and read.

use std::fs;

use insta::assert_snapshot;

use crate::Shell;

/// An account in which someone has deleted a function that `setup` had connected.
fn left() -> Shell {
    let shell = Shell::new();
    let connected = shell.run("setup --offline account.json --instance inventory --function stock-sync --yes");
    assert_eq!(connected.status, Some(0));
    let path = shell.folder.path().join("account.json");
    let mut account: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let functions = account["Functions"].as_array_mut().unwrap();
    functions.retain(|function| function["FunctionName"] != "stock-sync");
    fs::write(&path, serde_json::to_vec_pretty(&account).unwrap()).unwrap();
    shell
}

#[test]
fn what_serves_nothing_goes() {
    let shell = left();
    let cleanup = "cleanup --offline account.json";
    assert_snapshot!("plan", shell.session(&format!("{cleanup} --dry-run")));
    let pending = shell.run(&format!("{cleanup} --dry-run --detailed-exitcode"));
    assert_eq!(pending.status, Some(2));
    assert_snapshot!("consent", shell.session(cleanup));
    assert_snapshot!("applied_json", shell.session(&format!("{cleanup} --yes --output json")));
    assert_snapshot!("again", shell.session(cleanup));
    assert_snapshot!("help", shell.session("cleanup --help"));
}

#[test]
fn the_policy_is_for_exactly_this_run() {
    let shell = left();
    assert_snapshot!(
        "policy",
        shell.session("policy operator cleanup --offline account.json")
    );
}

#[test]
fn what_is_printed_holds_to_the_schema_of_remove_without_a_connection() {
    let shell = left();
    let schema = shell.run("schema").json();
    let planned = shell
        .run("cleanup --offline account.json --dry-run --output json")
        .json();
    assert!(jsonschema::is_valid(&schema, &planned), "{planned:#}");
    let remove = "remove --offline account.json --instance inventory --function stock-sync --dry-run --output json";
    let removed = shell.run(remove).json();
    let keys = |document: &serde_json::Value| document.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&planned), keys(&removed));
    assert!(planned["connection"].is_null() && planned["sides"].is_null());
    assert_eq!(
        (&planned["decision"], &planned["result"]),
        (&removed["decision"], &removed["result"])
    );
}
