//! Settings in `AUTOCONNECT_*` variables and in files, and `autoconnect config`.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use insta::assert_snapshot;
use serde_json::Value;

use super::{CHECKOUT, Run, STOCK, Shell};

/// A shell with a home folder of its own.
struct Home {
    shell: Shell,
}

impl Home {
    fn new() -> Self {
        Self { shell: Shell::new() }
    }

    fn local(self, text: &str) -> Self {
        fs::write(self.shell.folder.path().join("autoconnect.toml"), text).unwrap();
        self
    }

    fn user(self, text: &str) -> Self {
        let folder = self.shell.folder.path().join("home/.config/autoconnect");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("autoconnect.toml"), text).unwrap();
        self
    }

    fn command(&self, arguments: &str, variables: &[(&str, &str)]) -> Command {
        let mut command = self.shell.command(arguments);
        command
            .env("HOME", self.shell.folder.path().join("home"))
            .envs(variables.iter().copied());
        command
    }

    /// A run, in whose texts the folder is `/work`.
    fn run(&self, arguments: &str, variables: &[(&str, &str)]) -> Run {
        let mut run = Shell::run_command(&mut self.command(arguments, variables));
        let folder = self.shell.folder.path();
        for text in [&mut run.stdout, &mut run.stderr] {
            // The system may know the folder by another path.
            let canonical = folder.canonicalize().unwrap();
            *text = text.replace(&*canonical.to_string_lossy(), "/work");
            *text = text.replace(&*folder.to_string_lossy(), "/work");
        }
        run
    }

    fn session(&self, arguments: &str, variables: &[(&str, &str)]) -> String {
        let run = self.run(arguments, variables);
        let mut set = String::new();
        for (name, value) in variables {
            write!(set, "{name}={value} ").unwrap();
        }
        format!(
            "$ {set}autoconnect {arguments}\n--- stdout\n{}--- stderr\n{}--- status {}",
            run.stdout,
            run.stderr,
            run.status.unwrap()
        )
    }
}

const LOCAL: &str = "region = \"eu-west-2\"\ntimeout = \"30m\"\n\n[tags]\nteam = \"shop\"\n";
const USER: &str = "region = \"eu-west-3\"\nprofile = \"shop\"\n\n[tags]\nteam = \"all\"\nowner = \"ann\"\n";

#[test]
fn config_shows_every_setting_and_its_source() {
    let home = Home::new();
    assert_snapshot!(
        "config_defaults",
        home.session("config", &[("AWS_REGION", "eu-west-1")])
    );
    let home = Home::new().local(LOCAL).user(USER);
    let variables = [
        ("AUTOCONNECT_COLOR", "never"),
        ("AUTOCONNECT_TAGS", "cost=7"),
        ("AUTOCONNECT_REGOIN", "x"),
    ];
    assert_snapshot!("config", home.session("config", &variables));
    assert_snapshot!("config_json", home.session("config --output json", &variables));
    assert_snapshot!(
        "config_option",
        home.session("config --region eu-north-1 --log-format json", &variables)
    );
    assert_snapshot!(
        "config_offline",
        home.session("config --offline account.json", &variables)
    );
}

#[test]
fn the_document_holds_to_its_schema() {
    let home = Home::new().local(LOCAL).user(USER);
    let document = home.run("config --output json", &[]).json();
    for schema in ["schema", "schema config"] {
        let schema = home.run(schema, &[]).json();
        if let Err(error) = jsonschema::validate(&schema, &document) {
            panic!("{error}: {document:#}");
        }
        let mut unknown = document.clone();
        unknown["surprise"] = 1.into();
        assert!(!jsonschema::is_valid(&schema, &unknown));
    }
}

#[test]
fn settings_that_cannot_be_used_are_errors() {
    let home = Home::new().local("regoin = \"eu-west-1\"\n");
    assert_snapshot!("config_unknown_key", home.session("config", &[]));
    let home = Home::new().user("timeout = \"soon\"\n[tags]\n\"aws:x\" = \"1\"\n");
    assert_snapshot!("config_wrong_values", home.session(&format!("{STOCK} --dry-run"), &[]));
    let home = Home::new();
    let variables = [("AUTOCONNECT_REGION", "EU"), ("AUTOCONNECT_OUTPUT", "json")];
    assert_snapshot!("config_wrong_variable", home.session("config", &variables));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let home = Home::new().local(LOCAL);
        let path = home.shell.folder.path().join("autoconnect.toml");
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
        assert_snapshot!("config_writable", home.session("config", &[]));
    }
}

/// Shells run these when they start, and help is asked for when something is wrong.
#[test]
fn help_schemas_and_completions_need_no_settings() {
    let broken = Home::new().local("regoin = 1");
    let none = Home::new();
    for arguments in ["--help", "setup --help", "--version", "schema", "completions bash"] {
        let (run, plain) = (broken.run(arguments, &[]), none.run(arguments, &[]));
        assert_eq!((run.status, run.stdout), (Some(0), plain.stdout), "{arguments}");
    }
    let set = [
        ("AUTOCONNECT_REGION", "eu-west-1"),
        ("AUTOCONNECT_TIMEOUT", "7m"),
        ("AUTOCONNECT_OUTPUT", "json"),
    ];
    for arguments in ["--help", "setup --help", "policy operator --help", "completions bash"] {
        assert_eq!(
            none.run(arguments, &set).stdout,
            none.run(arguments, &[]).stdout,
            "{arguments}"
        );
    }
}

/// A Region or a profile that one would type each time is no contradiction to an account in a file.
#[test]
fn an_account_in_a_file_has_no_region_or_profile() {
    let home = Home::new().local(LOCAL).user(USER);
    let run = home.run(CHECKOUT, &[("AUTOCONNECT_PROFILE", "shop")]);
    assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""), "{}", run.stdout);
    let typed = home.run(&format!("{CHECKOUT} --region eu-west-1"), &[]);
    assert_eq!(typed.status, Some(1), "{}", typed.stdout);
}

#[test]
fn a_form_of_output_is_for_the_commands_that_have_it() {
    let home = Home::new();
    let is_json = |arguments: &str, output: &str| {
        let run = home.run(arguments, &[("AUTOCONNECT_OUTPUT", output)]);
        (run.status, serde_json::from_str::<Value>(&run.stdout).is_ok())
    };
    let list = "list --offline account.json --cluster orders";
    let export = "export --offline account.json --cluster orders --function checkout --format mermaid";
    let internet = "internet check --offline network.json --function checkout";
    assert_eq!(is_json(list, "json"), (Some(0), true));
    assert_eq!(is_json(list, "ndjson"), (Some(0), false));
    assert_eq!(is_json(&format!("{list} --output text"), "json"), (Some(0), false));
    assert_eq!(is_json(&format!("--output text {list}"), "json"), (Some(0), false));
    assert_eq!(is_json(export, "json"), (Some(0), false));
    assert!(is_json(internet, "json").1);
    // Errors of usage, too.
    assert_eq!(is_json("list", "json"), (Some(1), true));
    assert_eq!(is_json("list --output text", "json"), (Some(1), false));
    let drift = home.run("drift --offline account.json", &[("AUTOCONNECT_OUTPUT", "ndjson")]);
    assert!(drift.stdout.lines().count() > 1, "{}", drift.stdout);
    for line in drift.stdout.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
}

#[test]
fn tags_go_to_what_is_created() {
    let home = Home::new().local(LOCAL).user(USER);
    let run = home.run(&format!("{STOCK} --yes --tag OWNER=bob"), &[]);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let account: Value =
        serde_json::from_slice(&fs::read(home.shell.folder.path().join("account.json")).unwrap()).unwrap();
    let groups = account["SecurityGroups"].as_array().unwrap();
    let created = groups
        .iter()
        .find(|group| group["GroupName"] == "rds-lambda-3")
        .unwrap();
    let tags = created["Tags"].to_string();
    for (key, value) in [("team", "shop"), ("OWNER", "bob")] {
        let tag = serde_json::json!({ "Key": key, "Value": value });
        let is_there = created["Tags"].as_array().is_some_and(|tags| tags.contains(&tag));
        assert!(is_there || created["Tags"][key] == value, "{tags}");
    }
    assert!(!tags.contains("ann") && !tags.contains("owner"), "{tags}");
    // A command that creates nothing does not mind.
    let check = home.run("internet check --offline network.json --function checkout", &[]);
    assert!(!check.stderr.contains("error"), "{}", check.stderr);
    let msk = home.run("msk check --offline msk.json --cluster-arn x", &[]);
    assert_eq!(msk.status, Some(1));
}

/// Each command that waits takes the timeout, at any depth.
#[test]
fn the_timeout_is_a_default() {
    let home = Home::new();
    let table = [
        format!("{STOCK} --dry-run"),
        "cleanup --offline account.json --dry-run".to_owned(),
        "policy operator --offline account.json --cluster orders --function checkout".to_owned(),
        "policy operator remove --offline account.json --cluster orders --function checkout".to_owned(),
        "internet check --offline network.json --function checkout".to_owned(),
    ];
    for arguments in table {
        let with = home.run(&arguments, &[("AUTOCONNECT_TIMEOUT", "7m")]);
        let without = home.run(&arguments, &[]);
        assert_eq!(
            (with.status, with.stdout),
            (without.status, without.stdout),
            "{arguments}"
        );
        assert_eq!(home.run(&arguments, &[("AUTOCONNECT_TIMEOUT", "7")]).status, Some(1));
    }
}

/// The default Region is as good as one that is typed.
#[test]
fn a_policy_is_for_the_default_region() {
    let home = Home::new();
    let arguments = "policy deny-eni --function f --account 123456789012";
    let run = home.run(arguments, &[("AUTOCONNECT_REGION", "eu-west-1")]);
    assert!(
        run.stdout.contains("arn:aws:lambda:eu-west-1:123456789012:function:f"),
        "{}",
        run.stderr
    );
    assert_eq!(home.run(arguments, &[]).status, Some(1));
}

/// Such a file may have come with a repository.
#[test]
fn what_the_working_folder_sets_is_reported() {
    let home = Home::new().local("profile = \"shop\"\n");
    let run = home.run("list --cluster orders", &[]);
    assert!(
        run.stderr.contains("/work/autoconnect.toml sets profile shop"),
        "{}",
        run.stderr
    );
    let home = home.local("[tags]\nteam = \"shop\"\n");
    let run = home.run("setup --cluster orders --function checkout --yes", &[]);
    assert!(
        run.stderr.contains("/work/autoconnect.toml sets tag team=shop"),
        "{}",
        run.stderr
    );
    assert!(!home.run("list --cluster orders", &[]).stderr.contains("sets tag"));
    let home = home.local("profile = \"shop\"\n");
    for quiet in [
        "list --cluster orders --quiet",
        "list --cluster orders --profile own",
        "list --cluster orders --offline account.json",
        "config",
    ] {
        let run = home.run(quiet, &[]);
        assert!(!run.stderr.contains("sets profile"), "{quiet}: {}", run.stderr);
    }
}
