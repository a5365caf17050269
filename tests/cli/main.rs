//! The command line: both streams and the exit status of the real program, offline.

mod adopt;
mod attach;
mod book;
mod cleanup;
mod commands;
#[cfg(unix)]
mod completion;
mod config;
mod diagnose;
mod drift;
mod export;
mod files;
#[path = "../shared/generated.rs"]
mod generated;
mod hostile;
mod impact;
mod internet;
mod manifest;
mod markdown;
mod msk;
mod origins;
mod pages;
mod pictures;
mod plans;
mod policy;
mod recording;
mod references;
mod remedies;
mod repairing;
mod report;
mod signals;
mod stacks;
#[path = "../offline/thorough.rs"]
mod thorough;
mod twice;
mod watching;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use autoconnect::report::RunDocument;
use insta::assert_snapshot;
use serde_json::Value;
use tempfile::TempDir;

/// The program under test. `AUTOCONNECT_PROGRAM` names another build of it: the tests' own has whatever their dependencies
/// switch on in those that it shares with them.
fn program() -> OsString {
    std::env::var_os("AUTOCONNECT_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_autoconnect").into())
}

/// A folder with the example account, and the program run in it with no environment: without a home folder and without
/// variables, nobody's own settings are read.
struct Shell {
    folder: TempDir,
}

struct Run {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Run {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

impl Shell {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for example in ["account.json", "msk.json", "network.json"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("docs/examples")
                .join(example);
            fs::copy(path, folder.path().join(example)).unwrap();
        }
        Self { folder }
    }

    fn edit(&self, change: impl FnOnce(&mut Value)) {
        self.edit_file("account.json", change);
    }

    fn edit_file(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let path = self.folder.path().join(name);
        let mut account = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut account);
        fs::write(path, account.to_string()).unwrap();
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(program());
        command
            .args(arguments.split_whitespace())
            .env_clear()
            // So that a sentence is looked for whatever its length.
            .env("COLUMNS", "1000")
            .env("TZ", "UTC")
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &str) -> Run {
        Self::run_command(&mut self.command(arguments))
    }

    fn run_command(command: &mut Command) -> Run {
        let output = command.output().unwrap();
        Run {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What a person sees, in one text, at the width of a pipe.
    fn session(&self, arguments: &str) -> String {
        let run = Self::run_command(self.command(arguments).env_remove("COLUMNS"));
        assert_folded(arguments, &run.stdout);
        let mut session = format!("$ autoconnect {arguments}\n");
        if !run.stdout.is_empty() {
            write!(session, "--- stdout\n{}", run.stdout).unwrap();
        }
        if !run.stderr.is_empty() {
            write!(session, "--- stderr\n{}", run.stderr).unwrap();
        }
        write!(session, "--- status {}", run.status.unwrap()).unwrap();
        session
    }
}

/// No line of a text is wider than a pipe, unless it is one word or one command.
fn assert_folded(arguments: &str, stdout: &str) {
    let is_text = !stdout.starts_with('{')
        && !["export", "completions", "--format", "--help", "markdown"]
            .iter()
            .any(|word| arguments.contains(word));
    for line in stdout.lines().filter(|_| is_text) {
        let text = line.trim_start();
        let is_whole = text.starts_with("aws ")
            || text.starts_with("autoconnect ")
            || (text.starts_with('`') && text.trim_end_matches([',', '.', ':', ';', ')']).ends_with('`'))
            || !text.contains(' ');
        assert!(line.chars().count() <= 80 || is_whole, "{arguments}: {line}");
    }
}

const STOCK: &str = "setup --offline account.json --instance inventory --function stock-sync";
const REFUNDS: &str = "setup --offline account.json --cluster orders --function refunds";
const CHECKOUT: &str = "setup --offline account.json --cluster orders --function checkout";
const LEDGER: &str = "diagnose --offline network.json --instance ledger --function ledger-sync";

#[test]
fn the_three_decisions() {
    let shell = Shell::new();
    assert_snapshot!("no_op", shell.session(CHECKOUT));
    assert_snapshot!("associate_existing", shell.session(&format!("{REFUNDS} --dry-run")));
    assert_snapshot!("create_new", shell.session(&format!("{STOCK} --dry-run")));
    let ledger = "setup --offline account.json --instance ledger --function invoices --dry-run";
    assert_snapshot!("create_new_beside_a_changed_group", shell.session(ledger));
}

#[test]
fn disconnecting() {
    let shell = Shell::new();
    let stock = STOCK.replace("setup", "remove");
    shell.run(&format!("{STOCK} --yes"));
    assert_snapshot!("remove_plan", shell.session(&format!("{stock} --dry-run")));
    assert_snapshot!(
        "remove_json",
        shell.session(&format!("{stock} --dry-run --detailed-exitcode --output json"))
    );
    assert_snapshot!("remove_consent", shell.session(&stock));
    assert_snapshot!("remove_unfinished", shell.session(&format!("{stock} --yes --no-wait")));
    assert_eq!(
        shell.run(&format!("{stock} --yes --output json")).json()["result"],
        "removed"
    );
    assert_snapshot!("remove_again", shell.session(&format!("{stock} --yes --output json")));

    let checkout = CHECKOUT.replace("setup", "remove");
    assert_snapshot!("remove_console_made_kept", shell.session(&checkout));
    assert_snapshot!(
        "remove_console_made",
        shell.session(&format!("{checkout} --console-made --yes"))
    );
    assert_snapshot!(
        "remove_without_proxy",
        shell.session(&format!("{checkout} --with-proxy --dry-run"))
    );
    for wrong in ["--function new:f", "--function f:live", "--function f --proxy new", ""] {
        assert_eq!(
            shell.run(&format!("remove --cluster c {wrong}")).status,
            Some(1),
            "{wrong}"
        );
    }
}

#[test]
fn repairing() {
    let shell = Shell::new();
    shell.run(&format!("{STOCK} --yes"));
    shell.edit(|account| {
        for group in account["SecurityGroups"].as_array_mut().unwrap() {
            if group["GroupName"] == "lambda-rds-3" {
                group["IpPermissionsEgress"][0]["ToPort"] = 6000.into();
            }
        }
    });
    assert_snapshot!("repair_plan", shell.session(&format!("{STOCK} --repair --dry-run")));
    assert_snapshot!(
        "repair_json",
        shell.session(&format!("{STOCK} --repair --yes --output json"))
    );
}

#[test]
fn through_a_proxy() {
    let shell = Shell::new();
    let refunds = format!("{REFUNDS} --proxy orders-proxy");
    assert_snapshot!("proxy_create_new", shell.session(&format!("{refunds} --yes")));
    assert_snapshot!(
        "proxy_json",
        shell.session(&format!("{refunds} --dry-run --output json"))
    );
    shell.edit(|account| account["DBProxies"][0]["Target"]["UnavailableReason"] = "AUTH_FAILURE".into());
    assert_snapshot!("proxy_auth_failure", shell.session(&format!("{refunds} --dry-run")));
}

#[test]
fn through_a_new_proxy() {
    let shell = Shell::new();
    let refunds = format!("{REFUNDS} --proxy new");
    assert_snapshot!("new_proxy", shell.session(&format!("{refunds} --dry-run")));
    assert_snapshot!(
        "new_proxy_unfinished",
        shell.session(&format!("{refunds} --yes --no-wait --output json"))
    );
    assert_snapshot!("new_proxy_finished", shell.session(&format!("{refunds} --yes")));
    let stock = format!("{STOCK} --proxy new --secret stock-app --yes --no-wait");
    assert_snapshot!("new_proxy_unfinished_text", shell.session(&stock));
}

#[test]
fn a_new_function_with_all_that_it_needs() {
    let shell = Shell::new();
    let new = "setup --offline account.json --cluster orders --function new:report --proxy new --db-user app --iam-auth required --set-env";
    assert_snapshot!("new_function", shell.session(&format!("{new} --dry-run")));
    assert_snapshot!("no_password", shell.session(&format!("{new} --yes")));
}

/// The password of a database user is in nothing that the program prints, logs or writes.
#[test]
fn a_password_is_seen_nowhere() {
    const CANARY: &str = "canary-7f3a9c";
    let new = "setup --offline account.json --cluster orders --function new:report --proxy new --db-user app --db-password-stdin --set-env";
    let loud = ["", "-v", "-vv", "-vvv", "-vvv --log-format json"];
    let outputs = ["--output text", "--output json"];
    // Applied, interrupted by a full disk, refused: each with every level of logs.
    let endings = ["--yes", "--yes --no-wait", "--dry-run", ""];
    let mut runs = Vec::new();
    for log in loud {
        for output in outputs {
            runs.extend(endings.map(|ending| (log, output, ending)));
        }
    }
    for (log, output, ending) in runs {
        let shell = Shell::new();
        let arguments = format!("{new} {ending} {output} {log}");
        let mut child = shell
            .command(&arguments)
            .env("RUST_LOG", if log.is_empty() { "error" } else { "trace" })
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A run that needs no password has ended before it is written.
        let _ = writeln!(child.stdin.take().unwrap(), "{CANARY}");
        #[cfg(target_os = "linux")]
        if let Ok(shown) = fs::read(format!("/proc/{}/cmdline", child.id())) {
            assert!(
                !String::from_utf8_lossy(&shown).contains(CANARY),
                "{arguments}: in the arguments"
            );
        }
        let output = child.wait_with_output().unwrap();
        let file = fs::read(shell.folder.path().join("account.json")).unwrap();
        for (name, bytes) in [("stdout", output.stdout), ("stderr", output.stderr), ("file", file)] {
            assert!(
                !String::from_utf8_lossy(&bytes).contains(CANARY),
                "{arguments}: in {name}"
            );
        }
        // Without --yes nobody agrees to the plan; with --no-wait the proxy has no target yet.
        let is_unfinished = ["", "--yes --no-wait"].contains(&ending);
        assert_eq!(output.status.code(), Some(i32::from(is_unfinished)), "{arguments}");
    }
    // A password as an argument is not even known.
    assert_eq!(
        Shell::new()
            .run("setup --db-password x --cluster c --function f")
            .status,
        Some(1)
    );
}

#[test]
fn options_that_have_nothing_to_act_on_are_mistakes() {
    let shell = Shell::new();
    assert_snapshot!(
        "usage_role",
        shell.session(&format!("{REFUNDS} --proxy-role arn:aws:iam::123456789012:role/x"))
    );
    for more in [
        "--proxy-auth iam",
        "--proxy orders-proxy --proxy-auth secret",
        "--db-user app --db-password-stdin",
        "--proxy new --db-password-stdin",
        "--secret s",
        "--proxy orders-proxy --secret s",
        "--proxy new --proxy-auth iam --secret s --db-user app",
        "--proxy new --secret s --db-user app --db-password-stdin",
        "--iam-auth required",
        "--proxy new --proxy-auth iam --db-user app --iam-auth disabled",
        "--proxy orders-proxy --iam-auth disabled",
        "--db-user app",
        "--runtime nodejs24.x",
        "--overwrite-env",
        "--proxy new --proxy-role orders-proxy",
        "--tag a=1 --tag a=2",
        "--tag Team=a --tag team=b",
        "--wait --no-wait",
        "--detailed-exitcode=yes",
        "--runtime nodejs99.x",
        "--runtime python3.14",
    ] {
        let run = shell.run(&format!("{REFUNDS} {more} --dry-run --output json"));
        assert_eq!(run.status, Some(1), "{more}");
        assert_eq!(run.json()["error"]["code"], "usage", "{more}: {}", run.stdout);
    }
}

/// Each command offers the forms of output that it has, and no others.
#[test]
fn forms_that_do_not_exist_are_not_offered() {
    let shell = Shell::new();
    let commands = [
        ("setup", "text, json, ndjson, markdown"),
        ("remove", "text, json, markdown"),
        ("attach", "text, json, markdown"),
        ("detach", "text, json, markdown"),
        ("diagnose", "text, json, markdown"),
        ("list", "text, json"),
        ("internet", "text, json, markdown"),
        ("msk check", "text, json, markdown"),
        ("msk setup", "text, json, markdown"),
        ("snapshot", "text, json"),
        ("policy operator", "text, json"),
        ("drift", "text, json, ndjson, markdown"),
        ("export", "text"),
        ("completions", "text"),
    ];
    for (command, forms) in commands {
        let help = shell.run(&format!("{command} --help")).stdout;
        let after = help
            .split_once("--output <FORM>")
            .unwrap_or_else(|| panic!("{command}: {help}"))
            .1;
        let offered = after.lines().next().unwrap().split_once(": ");
        assert_eq!(offered.map(|(_, forms)| forms), Some(forms), "{command}");
    }
    for wrong in [
        "list --cluster c --output ndjson",
        "msk check --output ndjson",
        "export --output json",
        "setup --output yaml",
    ] {
        let run = shell.run(wrong);
        assert_eq!(run.status, Some(1), "{wrong}");
        assert!(run.stderr.contains("possible values"), "{wrong}: {}", run.stderr);
    }
    let run = shell.run("export --offline account.json --cluster orders --function checkout --format png");
    assert_eq!(run.status, Some(1));
    assert!(run.stderr.contains("possible values: terraform"), "{}", run.stderr);
    // The option counts before the command, too.
    let run = shell.run("--output json list --offline account.json --cluster orders");
    assert_eq!(run.json()["schema_version"], 1);
}

/// Values that cannot be meant, and pairs that contradict each other, in every command that takes them.
#[test]
fn values_that_cannot_be_meant_are_mistakes() {
    let shell = Shell::new();
    let run = |arguments: &[&str]| {
        let output = shell
            .command("")
            .args(arguments)
            .args(["--output", "json"])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let code = serde_json::from_str::<Value>(&text).map(|document| document["error"]["code"].clone());
        (
            output.status.code(),
            code.unwrap_or_default(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let ends = ["--cluster", "orders", "--function", "checkout"];
    let globals: [&[&str]; 9] = [
        &["--region", ""],
        &["--region", "Frankfurt"],
        &["--profile", ""],
        &["--endpoint-url", ""],
        &["--endpoint-url", "localhost:4566"],
        &["--endpoint-url", "ftp://host"],
        &["--offline", ""],
        &["--color", "pink"],
        &["--log-format", "xml"],
    ];
    for wrong in globals {
        for command in ["setup", "remove", "drift", "diagnose"] {
            let (status, code, stderr) = run(&[&[command][..], &ends, wrong].concat());
            assert_eq!(
                (status, &code),
                (Some(1), &Value::from("usage")),
                "{command} {wrong:?}: {stderr}"
            );
        }
    }
    let commands: [&[&str]; 22] = [
        &["setup", "--cluster", "", "--function", "f"],
        &["setup", "--instance", "", "--function", "f"],
        &["setup", "--cluster", "c", "--function", ""],
        &["setup", "--cluster", "c", "--function", "f", "--proxy", ""],
        &[
            "setup",
            "--cluster",
            "c",
            "--function",
            "f",
            "--proxy",
            "new",
            "--secret",
            "",
        ],
        &[
            "setup",
            "--cluster",
            "c",
            "--function",
            "f",
            "--proxy",
            "new",
            "--db-user",
            "",
        ],
        &["setup", "--cluster", "c", "--function", "f", "--tag", ""],
        &["setup", "--cluster", "c", "--function", "f", "--timeout", ""],
        &["setup", "--cluster", "c", "--function", "f", "--detailed-exitcode"],
        &["setup", "--cluster", "c", "--function", "new:f", "--attach-vpc"],
        &["remove", "--cluster", "c", "--function", "f", "--wait", "--no-wait"],
        &["internet", "setup", "--function", "f", "--tag", "a=1", "--tag", "a=2"],
        &["internet", "check", "--function", "f", "--service", ""],
        &[
            "msk",
            "setup",
            "--cluster-arn",
            "arn:aws:kafka:eu-central-1:123456789012:cluster/c/1-1",
            "--via",
            "nat",
            "--tag",
            "a=1",
            "--tag",
            "a=2",
        ],
        &["msk", "check", "--cluster-arn", ""],
        &["attach", "--function", "f", "--like-database", ""],
        &["attach", "--function", "f", "--like-instance", ""],
        &["drift", "--manifest", ""],
        &["drift", "--on-drift", ""],
        &["drift", "--notify", ""],
        &["drift", "--cluster", "c", "--function", "f", "--function", "f"],
        &["snapshot", "--out", "x", "--vpc", ""],
    ];
    for wrong in commands {
        let (status, code, stderr) = run(wrong);
        assert_eq!((status, &code), (Some(1), &Value::from("usage")), "{wrong:?}: {stderr}");
    }
}

/// In CI and in logs: a line for each step that has ended, and with --quiet none.
#[test]
fn without_a_terminal_each_step_is_a_line() {
    for output in ["text", "json"] {
        let shell = Shell::new();
        let run = shell.run(&format!("{STOCK} --yes --output {output}"));
        let done: Vec<&str> = run
            .stderr
            .lines()
            .filter(|line| line.starts_with("     done  "))
            .collect();
        assert_eq!(done.len(), 8, "{}", run.stderr);
        assert_eq!(
            done[0],
            "     done  security group rds-lambda-3 in vpc-0a1b2c3d, for instance inventory"
        );
        let quiet = Shell::new().run(&format!("{STOCK} --yes --quiet --output {output}"));
        assert_eq!(quiet.stderr, "", "{output}");
    }
}

#[test]
fn a_repair_that_does_not_apply_is_said() {
    for arguments in [CHECKOUT, REFUNDS, STOCK] {
        let run = Shell::new().run(&format!("{arguments} --repair --dry-run --output json"));
        let reasons = run.json()["reasons"].to_string();
        assert!(reasons.contains("--repair does not apply: "), "{arguments}: {reasons}");
        let run = Shell::new().run(&format!("{arguments} --repair --dry-run"));
        assert!(
            run.stdout.contains("note: --repair does not apply: "),
            "{arguments}: {}",
            run.stdout
        );
        let without = Shell::new().run(&format!("{arguments} --dry-run"));
        assert!(!without.stdout.contains("--repair"), "{arguments}");
    }
}

#[test]
fn an_applied_run_and_the_next() {
    let shell = Shell::new();
    assert_snapshot!("applied", shell.session(&format!("{STOCK} --yes --tag team=shop")));
    assert_snapshot!("applied_again", shell.session(&format!("{STOCK} --yes")));
    assert_snapshot!(
        "applied_without_waiting",
        shell.session(&format!("{REFUNDS} --yes --no-wait"))
    );
}

#[test]
fn documents() {
    let shell = Shell::new();
    assert_snapshot!("json_no_op", shell.session(&format!("{CHECKOUT} --output json")));
    assert_snapshot!(
        "json_dry_run",
        shell.session(&format!("{STOCK} --dry-run --output json"))
    );
    assert_snapshot!("json_applied", shell.session(&format!("{REFUNDS} --yes --output json")));
    assert_snapshot!("json_error", shell.session(&format!("{STOCK} --output json")));
}

#[test]
fn documents_hold_to_their_schema() {
    let shell = Shell::new();
    let schema = shell.run("schema").json();
    for arguments in [
        format!("{CHECKOUT} --output json"),
        format!("{STOCK} --dry-run --output json"),
        format!("{STOCK} --output json"),
        format!("{STOCK} --yes --output json"),
        format!("{} --dry-run --output json", STOCK.replace("setup", "remove")),
        format!("{} --yes --output json", STOCK.replace("setup", "remove")),
        "setup --output json".to_owned(),
        "setup --offline nowhere.json --cluster c --function f --output=json".to_owned(),
    ] {
        let document = shell.run(&arguments).json();
        assert!(jsonschema::is_valid(&schema, &document), "{arguments}: {document:#}");
    }
    assert!(!jsonschema::is_valid(
        &schema,
        &serde_json::json!({ "schema_version": 1 })
    ));
    let account = serde_json::from_slice(&fs::read(shell.folder.path().join("account.json")).unwrap()).unwrap();
    assert!(jsonschema::is_valid(&shell.run("schema account").json(), &account));
    assert!(!jsonschema::is_valid(&shell.run("schema error").json(), &account));
}

/// Each command names itself in its document, and each document of a run is read back as it was printed.
#[test]
fn the_command_tells_documents_apart() {
    let shell = Shell::new();
    let schema = shell.run("schema").json();
    let newsletter = "--function newsletter";
    let audit = msk::arn("audit");
    let subnet = "--subnet subnet-0a1a --security-group sg-0f00";
    shell.run(&format!("{STOCK} --out plan.json"));
    for (arguments, command) in [
        ("show plan.json".to_owned(), "plan"),
        (format!("{CHECKOUT} --dry-run"), "setup"),
        (format!("{} --dry-run", CHECKOUT.replace("setup", "remove")), "remove"),
        ("cleanup --offline account.json --dry-run".to_owned(), "cleanup"),
        (
            format!("attach --offline account.json {newsletter} {subnet} --yes"),
            "attach",
        ),
        (
            format!("detach --offline account.json {newsletter} --dry-run"),
            "detach",
        ),
        (
            "internet setup --offline network.json --function crawler --service dynamodb --dry-run".to_owned(),
            "internet setup",
        ),
        (
            "internet check --offline network.json --function crawler".to_owned(),
            "internet check",
        ),
        (
            format!("msk setup --offline msk.json --cluster-arn {audit} --via nat --dry-run"),
            "msk setup",
        ),
        (
            format!("msk check --offline msk.json --cluster-arn {audit}"),
            "msk check",
        ),
        (format!("{LEDGER} --dry-run --fix"), "diagnose --fix"),
        (format!("{LEDGER} --yes --fix"), "diagnose --fix"),
        (LEDGER.to_owned(), "diagnose"),
        ("drift --offline account.json".to_owned(), "drift"),
        ("list --offline account.json --cluster orders".to_owned(), "list"),
        (
            "snapshot --offline account.json --out saved.json".to_owned(),
            "snapshot",
        ),
    ] {
        let document = shell.run(&format!("{arguments} --output json")).json();
        assert_eq!(document["command"], command, "{arguments}: {document:#}");
        if let Err(error) = jsonschema::validate(&schema, &document) {
            panic!("{arguments}: {error}: {document:#}");
        }
        let is_fix = command == "diagnose --fix";
        assert_eq!(document["schema_version"], if is_fix { 2 } else { 1 }, "{arguments}");
        if document.get("decision").is_some() && command != "plan" {
            let read: RunDocument = serde_json::from_value(document.clone()).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), document, "{arguments}");
        }
        let mut unknown = document.clone();
        unknown["surprise"] = 1.into();
        assert!(!jsonschema::is_valid(&schema, &unknown), "{arguments}");
        let mut other = document;
        other["command"] = "list".into();
        assert_eq!(jsonschema::is_valid(&schema, &other), command == "list", "{arguments}");
    }
}

#[test]
fn consent_is_needed() {
    let shell = Shell::new();
    let before = fs::read(shell.folder.path().join("account.json")).unwrap();
    assert_snapshot!("consent", shell.session(REFUNDS));
    assert_eq!(fs::read(shell.folder.path().join("account.json")).unwrap(), before);
}

#[test]
fn changes_pending_are_reported_by_the_exit_status() {
    let shell = Shell::new();
    let status = |arguments: String| shell.run(&arguments).status;
    assert_eq!(status(format!("{STOCK} --dry-run")), Some(0));
    assert_eq!(status(format!("{STOCK} --dry-run --detailed-exitcode")), Some(2));
    assert_eq!(status(format!("{CHECKOUT} --dry-run --detailed-exitcode")), Some(0));
    assert_eq!(
        status(format!("{STOCK} --detailed-exitcode")),
        Some(1),
        "only with --dry-run"
    );
}

#[test]
fn errors() {
    let shell = Shell::new();
    let offline = |rest: &str| shell.session(&format!("setup --offline account.json {rest} --dry-run"));
    assert_snapshot!("wrong_cluster", offline("--cluster ordres --function refunds"));
    assert_snapshot!(
        "cluster_named_as_instance",
        offline("--instance orders --function refunds")
    );
    assert_snapshot!("wrong_function", offline("--cluster orders --function refund"));
    assert_snapshot!("different_vpcs", offline("--cluster archive --function refunds"));
    assert_snapshot!("outside_vpc", offline("--cluster orders --function newsletter"));
    assert_snapshot!("member_of_cluster", offline("--instance orders-1 --function refunds"));
    let new = |more: &str| offline(&format!("--instance inventory --function stock-sync {more}"));
    assert_snapshot!("proxy_without_credentials", new("--proxy new"));
    assert_snapshot!("proxy_of_others", new("--proxy new:orders-proxy --secret stock-app"));
    assert_snapshot!(
        "proxy_role_without_trust",
        new("--proxy new --secret stock-app --proxy-role arn:aws:iam::123456789012:role/shop-functions")
    );
    assert_snapshot!(
        "no_file",
        shell.session("setup --offline nowhere.json --cluster c --function f")
    );
    shell.edit(|account| account["Functions"][0]["VpcConfig"]["SubnetIds"][0] = "subnet-9".into());
    assert_snapshot!("inconsistent_file", shell.session(CHECKOUT));
    shell.edit(|account| account["DBClusters"][0]["Port"] = "5432".into());
    assert_snapshot!("malformed_file", shell.session(CHECKOUT));
    let file = shell.folder.path().join("account.json");
    let cut = &std::fs::read(&file).unwrap()[..300];
    std::fs::write(&file, cut).unwrap();
    assert_snapshot!("cut_file", shell.session(CHECKOUT));
    std::fs::write(&file, "\n").unwrap();
    assert_snapshot!("empty_file", shell.session(CHECKOUT));
    std::fs::write(&file, "account: orders\n").unwrap();
    assert_snapshot!("other_file", shell.session(CHECKOUT));
}

#[test]
fn usage_errors_are_status_1() {
    let shell = Shell::new();
    assert_snapshot!("usage_missing", shell.session("setup --cluster orders"));
    assert_snapshot!(
        "usage_both",
        shell.session("setup --cluster a --instance b --function f")
    );
    assert_snapshot!("usage_qualified", shell.session("setup --cluster a --function f:live"));
    assert_snapshot!(
        "usage_tag",
        shell.session("setup --cluster a --function f --tag autoconnect:managed=no")
    );
    assert_snapshot!(
        "usage_unknown",
        shell.session("setup --cluster a --function f --dryrun")
    );
    assert_snapshot!(
        "usage_json",
        shell.session("setup --cluster a --function f --dryrun --output json")
    );
    for arguments in [
        "",
        "nonsense",
        "setup --timeout soon --cluster a --function f",
        "schema nonsense",
    ] {
        assert_eq!(shell.run(arguments).status, Some(1), "{arguments:?}");
    }
}

/// Where the result cannot be printed, what was written is reported anyway.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_does_not_hide_what_was_written() {
    let shell = Shell::new();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let child = shell
        .command(&format!("{REFUNDS} --yes"))
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr.contains("error[output]") && stderr.contains("already written:"),
        "{stderr}"
    );
}

#[test]
fn help() {
    let shell = Shell::new();
    assert_snapshot!("help", shell.session("--help"));
    assert_snapshot!("help_setup", shell.session("setup --help"));
    assert_snapshot!("help_remove", shell.session("remove --help"));
    assert!(shell.run("--version").stdout.starts_with("autoconnect "));
    assert!(shell.run("completions elvish").stdout.contains("--detailed-exitcode"));
    assert_snapshot!("help_options", shell.run("help options").stdout);
    assert_eq!(shell.run("options").stdout, shell.run("help options").stdout);
    assert_eq!(shell.run("help setup").stdout, shell.run("setup --help").stdout);
    assert_eq!(shell.run("--help").stdout, shell.run("help").stdout);
    // Alone it is a mistake, which the same help answers.
    let alone = shell.run("");
    assert_eq!((alone.status, alone.stdout.as_str()), (Some(1), ""));
    assert!(alone.stderr.contains("Commands:\n  setup "), "{}", alone.stderr);
    assert!(shell.run("setpu").stderr.contains("'setup'"));
}

#[test]
fn colours_only_where_they_are_wanted() {
    let shell = Shell::new();
    let escape = '\u{1b}';
    let dry_run = format!("{STOCK} --dry-run");
    assert!(!shell.run(&dry_run).stdout.contains(escape));
    assert!(shell.run(&format!("{dry_run} --color always")).stdout.contains(escape));
    assert!(!shell.run(&format!("{dry_run} --color never")).stdout.contains(escape));
    let output = shell.command(&dry_run).env("NO_COLOR", "1").output().unwrap();
    assert!(!String::from_utf8(output.stdout).unwrap().contains(escape));
}

#[test]
fn logs_go_to_standard_error() {
    let shell = Shell::new();
    let quiet = shell.run(&format!("{STOCK} --dry-run"));
    assert_eq!(quiet.stderr, "");
    let run = shell.run(&format!("{STOCK} --dry-run -vv --log-format json"));
    assert_eq!(run.stdout, quiet.stdout);
    let lines: Vec<Value> = run
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let has = |message: &str| lines.iter().any(|line| line["fields"]["message"] == message);
    assert!(has("transition") && has("answered"), "{}", run.stderr);
    assert!(
        shell
            .run(&format!("{STOCK} --dry-run -v"))
            .stderr
            .contains("transition")
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let shell = Shell::new();
    let mut child = shell
        .command(&format!("{STOCK} --dry-run"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
}

/// A run that waits is ended by SIGINT and by SIGTERM, and says where it stands.
#[cfg(unix)]
#[test]
fn a_run_is_ended_by_a_signal() {
    for signal in ["-INT", "-TERM"] {
        let shell = Shell::new();
        shell.edit(|account| {
            account["DBClusters"][0]["Status"] = "upgrading".into();
            account["SettlesAfterReads"] = 1_000_000.into();
        });
        let arguments = format!("{REFUNDS} --yes --wait -vv --output json");
        let mut child = shell
            .command(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It waits once it has logged the state.
        let mut stderr = child.stderr.take().unwrap();
        let (mut seen, mut byte) = (String::new(), [0]);
        while !seen.contains("await-ready") && stderr.read(&mut byte).unwrap() == 1 {
            seen.push(char::from(byte[0]));
        }
        Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .unwrap();
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        let start = Instant::now();
        let output = child.wait_with_output().unwrap();
        assert!(start.elapsed() < Duration::from_secs(10));
        assert_eq!(output.status.code(), Some(130), "{signal}");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["error"]["code"], "interrupted");
        // It reads the state of the cluster between two waits.
        let message = document["error"]["message"].as_str().unwrap();
        let places = ["while waiting for cluster orders", "while reading"];
        assert!(places.iter().any(|place| message.contains(place)), "{document}");
    }
}
