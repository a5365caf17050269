//! `--output markdown`: what stands in the comment on a pull request.

use insta::assert_snapshot;

use crate::{CHECKOUT, LEDGER, STOCK, Shell};

#[test]
fn a_reviewer_reads_plans_and_results() {
    let shell = Shell::new();
    assert_snapshot!(
        "plan",
        shell.run(&format!("{STOCK} --dry-run --output markdown")).stdout
    );
    assert_snapshot!(
        "no_changes",
        shell.run(&format!("{CHECKOUT} --dry-run --output markdown")).stdout
    );
    assert_snapshot!(
        "fix_plan",
        shell.run(&format!("{LEDGER} --fix --dry-run --output markdown")).stdout
    );
    assert_snapshot!("applied", shell.run(&format!("{STOCK} --yes --output markdown")).stdout);
}

#[test]
fn a_reviewer_reads_diagnoses_and_drift() {
    let shell = Shell::new();
    assert_snapshot!("diagnosis", shell.run(&format!("{LEDGER} --output markdown")).stdout);
    assert_snapshot!(
        "drift",
        shell.run("drift --offline account.json --output markdown").stdout
    );
}

/// The error is on both streams, and nothing else is on standard output.
#[test]
fn a_reviewer_reads_errors() {
    let shell = Shell::new();
    assert_snapshot!("error", shell.session(&format!("{STOCK} --output markdown")));
    assert_snapshot!("usage", shell.session("drift --cluster orders --output markdown"));
    let empty = shell.run("drift --offline account.json --shard 2/2 --fail-on-empty --output markdown");
    assert!(
        empty.stdout.matches("autoconnect drift").count() <= 1,
        "{}",
        empty.stdout
    );
}

#[test]
fn only_commands_that_have_markdown_offer_it() {
    let shell = Shell::new();
    for command in [
        "list --cluster orders",
        "export",
        "policy",
        "snapshot --out -",
        "schema",
        "completions bash",
    ] {
        let run = shell.run(&format!("{command} --output markdown"));
        assert_eq!(run.status, Some(1), "{command}");
        assert!(run.stderr.contains("invalid value 'markdown'"), "{}", run.stderr);
    }
    let run = shell.run("--output markdown schema");
    assert!(
        run.stderr.contains("this command does not print Markdown"),
        "{}",
        run.stderr
    );
    let run = shell.run(&format!("{LEDGER} --format dot --output markdown"));
    assert!(
        run.stderr.contains("--format cannot be used with --output markdown"),
        "{}",
        run.stderr
    );
}
