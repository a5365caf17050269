//! An offline dry run as a whole process, from start to exit.

use std::process::{Command, Stdio};

fn main() {
    divan::main();
}

fn run(arguments: &[&str]) {
    let status = Command::new(env!("CARGO_BIN_EXE_autoconnect"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(Stdio::null())
        .status()
        .expect("the program runs");
    assert!(status.success());
}

const SETUP: [&str; 8] = [
    "setup",
    "--offline",
    "docs/examples/account.json",
    "--instance",
    "inventory",
    "--function",
    "stock-sync",
    "--dry-run",
];

#[divan::bench]
fn offline_dry_run() {
    run(&SETUP);
}

/// What a process costs that does nothing.
#[divan::bench]
fn version() {
    run(&["--version"]);
}
