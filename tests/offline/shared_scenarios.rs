//! The scenarios that moto runs too, by the program on a file.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::shared::{Scenario, account, scenarios};

/// Runs the program on the file: its exit status and what it printed.
fn program(file: &Path, arguments: &str) -> (Option<i32>, Value) {
    let program = std::env::var_os("AUTOCONNECT_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_autoconnect").into());
    let arguments = arguments.replace("MSK", crate::shared::MSK);
    let mut command = Command::new(program);
    command.env_clear().args(arguments.split_whitespace());
    let output = command
        .args(["--output", "json", "--offline"])
        .arg(file)
        .output()
        .unwrap();
    let printed = serde_json::from_slice(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let printed = printed.unwrap_or_else(|error| panic!("{arguments}: {error}: {errors}"));
    (output.status.code(), printed)
}

fn run(scenario: &Scenario) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("account.json");
    std::fs::write(&file, serde_json::to_vec(&account()).unwrap()).unwrap();
    for arguments in scenario.before {
        let (status, printed) = program(&file, arguments);
        assert_eq!(status, Some(0), "{}: {arguments}: {printed:#}", scenario.name);
    }
    if let Some(deleted) = scenario.deleted {
        let mut document: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let functions = document["Functions"].as_array_mut().unwrap();
        functions.retain(|function| function["FunctionName"] != deleted);
        std::fs::write(&file, document.to_string()).unwrap();
    }
    let (status, printed) = program(&file, scenario.arguments);
    scenario.assert_printed(status, &printed);
}

#[test]
fn each_scenario_ends_as_the_list_says() {
    for scenario in scenarios() {
        run(&scenario);
    }
}
