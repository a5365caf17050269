//! Files with a key twice. One reader takes the first value, another one the last: a reviewer and the program can see
//! different things.

use std::fs;

use super::Shell;

/// A text with one more value for a key, before the first one that it has.
fn twice(text: &str, key: &str, value: &str) -> String {
    let key = format!("\"{key}\":");
    assert!(text.contains(&key), "{key}: {text}");
    text.replacen(&key, &format!("{key} {value}, {key}"), 1)
}

#[test]
fn no_file_is_read_that_has_a_key_twice() {
    const STOCK: &str = "setup --offline account.json --instance inventory --function stock-sync";
    let shell = Shell::new();
    let path = |name: &str| shell.folder.path().join(name);
    let write = |name: &str, text: &str| fs::write(path(name), text).unwrap();
    assert_eq!(shell.run(&format!("{STOCK} --out plan.json")).status, Some(0));
    assert_eq!(
        shell.run("drift --offline account.json --state-file state.json").stderr,
        ""
    );
    write(
        "payments.tfstate.json",
        r#"{"version": 4, "resources": [{"mode": "managed", "type": "aws_lambda_function", "name": "f", "instances": []}]}"#,
    );
    write(
        "tfplan.json",
        r#"{"format_version": "1.2", "resource_changes": [{"address": "aws_security_group.a", "mode": "managed",
            "type": "aws_security_group", "name": "a", "change": {"actions": ["no-op"], "before": {}, "after": {}}}]}"#,
    );
    write(
        "changes.json",
        r#"{"ChangeSetName": "c", "StackName": "s", "Status": "CREATE_COMPLETE", "Changes": []}"#,
    );
    write("template.json", r#"{"Resources": {"A": {"Type": "AWS::SNS::Topic"}}}"#);
    write("template.yaml", "Resources:\n  A:\n    Type: AWS::SNS::Topic\n");
    write(
        "manifest.json",
        r#"{"connection": [{"cluster": "orders", "function": "checkout"}]}"#,
    );
    write(
        "manifest.yaml",
        "connection:\n  - cluster: orders\n    function: checkout\n",
    );
    write(
        "manifest.toml",
        "[[connection]]\ncluster = \"orders\"\nfunction = \"checkout\"\n",
    );
    let json = |name: &str, key: &str, value: &str| {
        let text = fs::read_to_string(path(name)).unwrap();
        twice(&text, key, value)
    };
    let text = |name: &str, one: &str, both: &str| fs::read_to_string(path(name)).unwrap().replacen(one, both, 1);
    let apply = "apply FILE --offline account.json --yes";
    let state = "drift --offline account.json --state-file FILE";
    let owners = "drift --offline account.json --terraform-state FILE";
    let terraform = "impact --offline account.json --terraform-plan FILE";
    let template = "impact --offline account.json --template FILE";
    let manifest = "drift --offline account.json --manifest FILE";
    #[rustfmt::skip]
    let table = [
        ("plan.json", json("plan.json", "region", "\"eu-west-1\""), apply, "plan-invalid"),
        ("plan.json", json("plan.json", "summary", "\"harmless\""), apply, "plan-invalid"),
        ("plan.json", json("plan.json", "summary", "\"harmless\""), "show FILE", "plan-invalid"),
        ("plan.json", json("plan.json", "parameters", "{}"), "show FILE", "plan-invalid"),
        ("state.json", json("state.json", "connections", "{}"), state, "state-file"),
        ("state.json", json("state.json", "verdict", "\"in-sync\""), state, "state-file"),
        ("account.json", json("account.json", "Region", "\"eu-west-1\""), "list --offline FILE --cluster orders", "account-file"),
        ("account.json", json("account.json", "KeyManager", "\"AWS\""), "list --offline FILE --cluster orders", "account-file"),
        ("payments.tfstate.json", json("payments.tfstate.json", "type", "\"aws_iam_role\""), owners, ""),
        ("tfplan.json", json("tfplan.json", "actions", "[\"delete\"]"), terraform, "terraform-plan"),
        ("tfplan.json", json("tfplan.json", "after", "null"), terraform, "terraform-plan"),
        ("changes.json", json("changes.json", "Changes", "[]"), template, "template"),
        ("template.json", json("template.json", "A", "{}"), template, "template"),
        ("template.json", json("template.json", "Type", "\"AWS::SQS::Queue\""), template, "template"),
        ("template.yaml", text("template.yaml", "    Type:", "    Type: AWS::SQS::Queue\n    Type:"), template, "template"),
        ("manifest.json", json("manifest.json", "cluster", "\"x\""), manifest, "manifest"),
        ("manifest.json", json("manifest.json", "connection", "[]"), manifest, "manifest"),
        ("manifest.yaml", text("manifest.yaml", "    function:", "    function: f\n    function:"), manifest, "manifest"),
        ("manifest.toml", text("manifest.toml", "function =", "function = \"f\"\nfunction ="), manifest, "manifest"),
    ];
    for (name, content, command, code) in table {
        let changed = format!("twice-{name}");
        write(&changed, &content);
        let once = shell.run(&command.replace("FILE", name));
        let run = shell.run(&command.replace("FILE", &changed));
        let context = format!("{command}, {content}: {}{}", run.stdout, run.stderr);
        assert_eq!(run.status, Some(1), "{context}");
        let is_told = match code {
            "" => run.stderr.contains("error: invalid value"),
            code => run.stderr.contains(&format!("error[{code}]: ")),
        };
        assert!(is_told, "{context}");
        assert!(
            run.stderr.contains("twice") || run.stderr.contains("duplicate"),
            "{context}"
        );
        assert!(
            !once.stderr.contains("error["),
            "{command}, with a key once: {}",
            once.stderr
        );
        assert_eq!(fs::read_to_string(path(&changed)).unwrap(), content, "{context}");
    }
}
