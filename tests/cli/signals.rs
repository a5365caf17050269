//! Signals, whatever the program is doing.

#![cfg(unix)]

use std::fs;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use serde_json::{Value, json};

use super::Shell;

fn send(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Runs a command that does not end by itself, and sends it a signal once it has had time to begin.
fn interrupted(shell: &Shell, arguments: &str, signal: &str, after: u64) -> Output {
    let mut command = shell.command(arguments);
    // The input stays open, and nobody writes to it.
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    await_handler(&child);
    sleep(Duration::from_millis(after));
    assert_eq!(child.try_wait().unwrap(), None, "{arguments} has ended by itself");
    let start = Instant::now();
    send(&child, signal);
    let input = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(input);
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{arguments}: {:?}",
        start.elapsed()
    );
    output
}

/// Waits until the program handles signals: on a busy machine it may take a while to start.
fn await_handler(child: &std::process::Child) {
    const INTERRUPT: u64 = 1 << 1;
    let status = format!("/proc/{}/status", child.id());
    let deadline = Instant::now() + Duration::from_secs(20);
    while let Ok(status) = fs::read_to_string(&status) {
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        if caught.is_none_or(|mask| mask & INTERRUPT != 0) || Instant::now() > deadline {
            return;
        }
        sleep(Duration::from_millis(5));
    }
}

/// A pipe to which nobody writes ends no run; a signal does, and the document is that of an interrupted run.
#[test]
fn a_run_that_reads_a_pipe_is_ended_by_a_signal() {
    let table = [
        "setup --offline pipe --cluster orders --function refunds --dry-run",
        "setup --offline /dev/stdin --cluster orders --function refunds --dry-run",
        "list --offline pipe --cluster orders",
        "drift --offline account.json --manifest pipe",
        "drift --offline pipe",
        "drift --offline account.json --state-file pipe",
        "setup --offline account.json --cluster orders --function refunds --proxy new --db-user app --db-password-stdin --yes",
        "snapshot --offline account.json --out pipe",
    ];
    table.into_par_iter().for_each(|arguments| {
        let shell = Shell::new();
        let pipe = shell.folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for signal in ["-INT", "-TERM"] {
            let before = fs::read(shell.folder.path().join("account.json")).unwrap();
            let output = interrupted(&shell, &format!("{arguments} --output json"), signal, 400);
            assert_eq!(output.status.code(), Some(130), "{arguments} {signal}: {output:?}");
            let document: Value = serde_json::from_slice(&output.stdout)
                .unwrap_or_else(|error| panic!("{arguments}: {error}: {output:?}"));
            assert_eq!(document["error"]["code"], "interrupted", "{arguments}");
            assert_eq!(document["error"]["applied"], json!([]), "{arguments}");
            assert_eq!(
                fs::read(shell.folder.path().join("account.json")).unwrap(),
                before,
                "{arguments}"
            );
        }
    });
}

/// A run that computes does not look at signals, and is ended anyway.
#[test]
fn a_run_that_computes_is_ended_by_a_signal() {
    let shell = Shell::new();
    shell.edit(|account| {
        account["Quotas"] = json!({"SecurityGroupsPerRegion": 1_000_000});
        let vpc = account["SecurityGroups"][0]["VpcId"].clone();
        let groups = account["SecurityGroups"].as_array_mut().unwrap();
        groups.extend((0..150_000).map(|number| {
            json!({"GroupId": format!("sg-{number:017x}"), "GroupName": format!("group-{number}"), "VpcId": vpc,
                   "IpPermissions": [], "IpPermissionsEgress": []})
        }));
    });
    let output = interrupted(&shell, "drift --offline account.json --output json", "-INT", 100);
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["error"]["code"], "interrupted");
}
