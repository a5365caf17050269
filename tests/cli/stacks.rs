//! Functions and databases that stacks and other tools deploy: plans, refusals, drift, and the page about them.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::Shell;

const EXAMPLES: [&str; 4] = [
    "stacks.json",
    "shop.yaml",
    "shop-connected.yaml",
    "payments.tfstate.json",
];
const CHECKOUT: &str = "--offline stacks.json --cluster orders --function checkout";

fn shell() -> Shell {
    let shell = Shell::new();
    for example in EXAMPLES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("docs/examples")
            .join(example);
        fs::copy(path, shell.folder.path().join(example)).unwrap();
    }
    shell
}

impl Shell {
    /// Copies the account as it is, without the groups that were added to a function: what a deployment does.
    fn undo(&self) {
        fs::copy(
            self.folder.path().join("stacks.json"),
            self.folder.path().join("undone.json"),
        )
        .unwrap();
        self.edit_file("undone.json", |account| {
            for function in account["Functions"].as_array_mut().unwrap() {
                function["VpcConfig"]["SecurityGroupIds"] = json!(["sg-0f00"]);
            }
        });
    }

    /// What a test wants of a plan: the lines with the owner, the warnings and the lines for the owner.
    fn owned(&self, arguments: &str) -> String {
        let run = self.run(&format!("setup --no-diagnose --dry-run {arguments}"));
        let mut shown = format!("$ {arguments}\n--- status {}\n", run.status.unwrap());
        let mut is_shown = false;
        for line in run.stdout.lines() {
            is_shown |= line.starts_with("For ");
            let text = line.trim_start();
            let is_of_owner = [
                "note: Its tags",
                "note: The Terraform",
                "note: Whether",
                "function  ",
                "proxy  ",
                "database  ",
            ];
            if is_shown || is_of_owner.iter().any(|start| text.starts_with(start)) {
                shown.push_str(line);
                shown.push('\n');
            }
        }
        shown + &run.stderr
    }
}

#[test]
fn a_plan_names_each_owner_and_has_its_lines() {
    let shell = shell();
    let mut plans = String::new();
    for (function, more) in [
        ("checkout", ""),
        ("report", ""),
        ("billing-dev-invoice-mail", ""),
        ("payments", ""),
        ("payments", "--terraform-state payments.tfstate.json"),
        ("audit", ""),
        ("newsletter", ""),
    ] {
        plans += &shell.owned(&format!(
            "--offline stacks.json --instance ledger --function {function} {more}"
        ));
        plans.push('\n');
    }
    plans += &shell.owned(&format!("{CHECKOUT} --proxy orders-proxy"));
    let page = format!("setup {CHECKOUT} --no-diagnose --dry-run --output markdown");
    assert_snapshot!("stacks_markdown", shell.run(&page).stdout);
    assert_snapshot!("stacks_owners", plans);
}

#[test]
fn a_run_ends_with_the_ids_and_later_ones_warn_in_a_line() {
    let shell = shell();
    let connected = shell
        .run(&format!("setup {CHECKOUT} --no-diagnose --yes --output json"))
        .json();
    let owner = &connected["owners"][0];
    assert_eq!(owner["will_undo"], json!(true));
    let lines: Vec<&str> = owner["lines"]["text"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(lines.contains(&"          - sg-00000000000000002"), "{lines:?}");
    assert!(!lines.join("\n").contains("GROUP_ID"));
    let document = shell.run(&format!("setup {CHECKOUT} --output json"));
    let schema = shell.run("schema setup").json();
    jsonschema::validate(&schema, &document.json()).unwrap();
    assert_snapshot!(
        "stacks_no_op_json",
        serde_json::to_string_pretty(&document.json()["owners"]).unwrap()
    );
    assert_snapshot!("stacks_no_op", shell.session(&format!("setup {CHECKOUT}")));
    assert_snapshot!("stacks_remove", shell.session(&format!("remove {CHECKOUT} --dry-run")));
}

#[test]
fn what_is_owned_is_refused_before_anything_is_written() {
    let shell = shell();
    let before = fs::read(shell.folder.path().join("stacks.json")).unwrap();
    let refused = format!("setup {CHECKOUT} --owned refuse");
    assert_snapshot!("stacks_refused", shell.session(&format!("{refused} --yes")));
    let other = "setup --offline stacks.json --instance ledger --function newsletter --owned refuse --yes";
    assert!(
        shell
            .run(other)
            .stderr
            .contains("instance ledger belongs to stack data, resource LedgerDatabase")
    );
    assert_eq!(fs::read(shell.folder.path().join("stacks.json")).unwrap(), before);
    // What nobody owns is written, and what changes nothing is not refused.
    let free = "setup --offline stacks.json --cluster orders --function newsletter --owned refuse --yes";
    assert_eq!(shell.run(free).status, Some(0));
    assert_eq!(shell.run(&format!("setup {CHECKOUT} --yes")).status, Some(0));
    assert_eq!(shell.run(&refused).status, Some(0));
}

#[test]
fn a_manifest_has_both_options() {
    let shell = shell();
    let manifest = "defaults:\n  owned: refuse\n  no_diagnose: true\nconnection:\n\
        \x20 - {name: shop, cluster: orders, function: checkout}\n\
        \x20 - {name: mail, cluster: orders, function: newsletter}\n\
        \x20 - {name: payments, cluster: orders, function: payments, owned: warn, terraform_state: payments.tfstate.json}\n";
    fs::write(shell.folder.path().join("manifest.yaml"), manifest).unwrap();
    assert_snapshot!(
        "stacks_manifest",
        shell.session("setup --offline stacks.json --manifest manifest.yaml --dry-run")
    );
    let document = shell
        .run("setup --offline stacks.json --manifest manifest.yaml --dry-run --output json")
        .json();
    let address = &document["connections"][2]["owners"][0]["address"];
    assert_eq!(address, "module.payments.aws_lambda_function.this[\"main\"]");
    let applied = shell
        .run("setup --offline stacks.json --manifest manifest.yaml --yes --output json")
        .json();
    assert_eq!(applied["connections"][0]["error"]["code"], "owned", "{applied:#}");
    assert_eq!(
        applied["connections"][2]["owners"][0]["will_undo"],
        json!(true),
        "{applied:#}"
    );
}

#[test]
fn files_that_are_something_else_are_refused() {
    let shell = shell();
    for (arguments, expected) in [
        (
            format!("setup {CHECKOUT} --terraform-state shop.yaml"),
            "it is not JSON",
        ),
        (
            format!("setup {CHECKOUT} --terraform-state stacks.json"),
            "neither a Terraform state",
        ),
        (
            format!("setup {CHECKOUT} --terraform-state nothing.json"),
            "the file cannot be read",
        ),
        (
            format!("drift {CHECKOUT} --template nothing.yaml"),
            "cannot read the template nothing.yaml",
        ),
        (
            format!("drift {CHECKOUT} --template stacks.json"),
            "it has no Resources",
        ),
        (format!("drift {CHECKOUT} --template shop="), "expected a file"),
        (
            format!("setup {CHECKOUT} --cross-vpc --owned refuse"),
            "cannot be used with",
        ),
    ] {
        let run = shell.run(&arguments);
        assert_ne!(run.status, Some(0), "{arguments}");
        assert!(run.stderr.contains(expected), "{arguments}: {}", run.stderr);
    }
}

#[test]
fn drift_knows_templates_of_named_stacks_alone() {
    let shell = shell();
    shell.run(&format!("setup {CHECKOUT} --no-diagnose --yes"));
    let verdict = |template: &str| {
        let run = shell.run(&format!("drift {CHECKOUT} --output json --template {template}"));
        let document = run.json();
        jsonschema::validate(&shell.run("schema drift").json(), &document).unwrap();
        (
            document["connections"][0]["verdict"].as_str().unwrap().to_owned(),
            run.status,
        )
    };
    let sync = ("in-sync".to_owned(), Some(0));
    assert_eq!(verdict("shop-connected.yaml"), sync);
    assert_eq!(verdict("shop=shop.yaml"), ("drifted".to_owned(), Some(2)));
    assert_eq!(verdict("other=shop.yaml"), sync);
    let edited = |from: &str, to: &str| {
        let path = shell.folder.path();
        let text = fs::read_to_string(path.join("shop-connected.yaml")).unwrap();
        fs::write(path.join("edited.yaml"), text.replace(from, to)).unwrap();
        verdict("shop=edited.yaml")
    };
    // What the template leaves open is no pass.
    assert_eq!(
        edited("- sg-00000000000000002", "- !ImportValue Group"),
        ("unknown".to_owned(), Some(1))
    );
    // A stack without the resource deletes it, or gives it up.
    assert_eq!(
        edited("CheckoutFunction:", "OtherFunction:"),
        ("drifted".to_owned(), Some(2))
    );
    shell.undo();
    let undone = shell
        .run("drift --offline undone.json --cluster orders --function checkout --output json")
        .json();
    let cause = undone["connections"][0]["findings"][0]["cause"].as_str().unwrap();
    assert!(
        cause.contains("the last deployment of stack shop probably took it off"),
        "{cause}"
    );
}

/// A tag can hold anything: nothing of it leaves its line, or ends a block of Markdown.
#[test]
fn hostile_tags_stay_text() {
    let shell = shell();
    shell.edit_file("stacks.json", |account| {
        for function in account["Functions"].as_array_mut().unwrap() {
            function["Tags"] = json!([
                {"Key": "aws:cloudformation:stack-name", "Value": "a\nb\u{1b}[31m```\n# <b>"},
                {"Key": "aws:cloudformation:logical-id", "Value": "x:\n  evil: \"${y}\u{202e}"},
            ]);
        }
    });
    let text = shell.run(&format!("setup {CHECKOUT} --no-diagnose --dry-run")).stdout;
    assert!(
        !text.contains('\u{1b}') && !text.contains('\u{202e}') && !text.contains("\n  evil"),
        "{text}"
    );
    let page = shell
        .run(&format!("setup {CHECKOUT} --no-diagnose --dry-run --output markdown"))
        .stdout;
    assert!(
        !page.contains("<b>") && !page.contains('\u{202e}') && !page.contains("\n# "),
        "{page}"
    );
    let json = shell.run(&format!("setup {CHECKOUT} --no-diagnose --dry-run --output json"));
    assert!(!json.stdout.contains('\u{202e}'));
    json.json();
}

/// A deployment sends the environment of the template, too.
#[test]
fn environment_variables_are_of_the_template() {
    let shell = shell();
    shell.run(&format!("setup {CHECKOUT} --yes"));
    let sets = format!("setup {CHECKOUT} --set-env --db-user app --no-diagnose --dry-run --output json");
    let planned = shell.run(&sets).json();
    let reasons = planned["reasons"].to_string();
    assert!(
        reasons.contains("will send the environment variables of its template"),
        "{reasons}"
    );
    let refused = shell.run(&format!("{sets} --owned refuse"));
    assert_eq!(refused.json()["error"]["code"], "owned");
    let both = shell.run(&sets.replace("--function checkout", "--function report"));
    let reasons = both.json()["reasons"].to_string();
    assert!(
        reasons.contains("will send the security groups and the environment variables of"),
        "{reasons}"
    );
}

/// Each command that changes what others deploy says whose it is, in its text and in its document.
#[test]
fn each_command_names_the_owners_of_what_it_changes() {
    let belongs = "function checkout belongs to AWS SAM stack shop, resource CheckoutFunction";
    let table = [
        (
            "attach --function checkout --subnet subnet-0a1a --security-group sg-0f00",
            "function checkout",
        ),
        ("detach --function checkout", "function checkout"),
        (
            "diagnose --cluster orders --function checkout --fix",
            "function checkout",
        ),
        ("remove --cluster orders --function checkout", "function checkout"),
    ];
    for (command, resource) in table {
        let shell = shell();
        if command.starts_with("remove") {
            assert_eq!(shell.run(&format!("setup {CHECKOUT} --yes")).status, Some(0));
        }
        let plan = format!("{command} --offline stacks.json --dry-run");
        let text = shell.run(&plan).stdout;
        assert!(text.contains(belongs), "{command}: {text}");
        assert!(text.contains("AWS SAM stack shop, resource CheckoutFunction\n") || command.starts_with("remove"));
        let run = shell.run(&format!("{plan} --output json"));
        let document = run.json();
        assert!(
            document["reasons"].to_string().contains(belongs),
            "{command}: {document:#}"
        );
        let owners = document["owners"]
            .as_array()
            .unwrap_or_else(|| panic!("{command}: {document:#}"));
        let owner = owners.iter().find(|owner| owner["resource"] == resource).unwrap();
        assert_eq!(
            (&owner["stack"], &owner["manager"], &owner["will_undo"]),
            (&json!("shop"), &json!("sam"), &json!(true)),
            "{command}: {owner:#}"
        );
        assert_eq!(owner["lines"]["language"], "yaml", "{command}: {owner:#}");
        let page = shell.run(&format!("{plan} --output markdown")).stdout;
        assert!(page.contains("For the template of stack shop"), "{command}: {page}");
        // Of a function without an owner nothing is said.
        let of_nobody = plan.replace("checkout", "newsletter");
        let run = shell.run(&format!("{of_nobody} --output json"));
        let names = |key: &str| run.json()[key].to_string().contains("newsletter belongs");
        assert!(!names("owners") && !names("reasons"), "{command}: {}", run.stdout);
    }
}

/// A group of an endpoint that a stack deploys, and whose missing rule is added.
#[test]
fn the_owner_of_an_endpoints_group_is_named() {
    let audit = "arn:aws:kafka:eu-central-1:123456789012:cluster/audit/";
    let commands = [
        (
            "network.json",
            "internet setup --function crawler --service secretsmanager".to_owned(),
        ),
        ("msk.json", format!("msk setup --via endpoints --cluster-arn {audit}")),
    ];
    for (file, command) in commands {
        let shell = shell();
        let arns = fs::read_to_string(shell.folder.path().join(file)).unwrap();
        let arn = arns.split('"').find(|text| text.starts_with(audit));
        let command = command.replace(audit, arn.unwrap_or_default());
        let command = format!("{command} --offline {file}");
        let run = shell.run(&format!("{command} --yes"));
        assert_eq!(run.status, Some(0), "{command}: {}", run.stderr);
        shell.edit_file(file, |account| {
            let groups = account["SecurityGroups"].as_array_mut().unwrap();
            let mut groups = groups.iter_mut();
            let group = groups
                .find(|group| group["GroupName"] == "autoconnect-endpoints")
                .unwrap();
            group["IpPermissions"] = json!([]);
            let tags = group["Tags"].as_array_mut().unwrap();
            tags.push(json!({"Key": "aws:cloudformation:stack-name", "Value": "net"}));
            tags.push(json!({"Key": "aws:cloudformation:logical-id", "Value": "Endpoints"}));
        });
        let run = shell.run(&format!("{command} --dry-run"));
        let says = "belongs to stack net, resource Endpoints: the next deployment of stack net";
        assert!(run.stdout.contains(says), "{command}: {}{}", run.stdout, run.stderr);
        let document = shell.run(&format!("{command} --dry-run --output json")).json();
        let owner = &document["owners"][0];
        assert_eq!(
            (&owner["stack"], &owner["will_undo"], &owner["lines"]),
            (&json!("net"), &json!(true), &Value::Null),
            "{command}: {document:#}"
        );
    }
}
