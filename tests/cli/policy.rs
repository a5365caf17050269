//! `policy`: documents alone on standard output.

use insta::assert_snapshot;

use super::Shell;

#[test]
fn each_document_is_printed_alone() {
    let shell = Shell::new();
    let session = |arguments: &str| shell.session(&format!("policy {arguments}"));
    let refunds = "operator --offline account.json --cluster orders --function refunds";
    assert_snapshot!(
        "operator",
        session(&format!("{refunds} --proxy new --tag team=payments --yes"))
    );
    assert_snapshot!(
        "operator_remove",
        session("operator remove --offline account.json --cluster orders --function checkout --console-made")
    );
    assert_snapshot!("drift", session("drift"));
    let roles = "--role arn:aws:iam::210987654321:role/drift --role arn:aws:iam::345678901234:role/drift";
    let topic = "sns:arn:aws:sns:eu-central-1:123456789012:drift";
    assert_snapshot!(
        "drift_of_a_schedule",
        session(&format!(
            "drift --account 123456789012 --region eu-central-1 {roles} --notify {topic} --notify eventbridge:default"
        ))
    );
    assert_snapshot!(
        "drift_in_one_place",
        session("drift --account 123456789012 --region eu-central-1")
    );
    assert_snapshot!("execution_role", session("execution-role --msk"));
    assert_snapshot!(
        "deny_eni",
        session("deny-eni --offline account.json --function checkout")
    );
    assert_snapshot!(
        "guardrail",
        session("guardrail --require-vpc --vpc vpc-0a1b --subnet subnet-0a1b --subnet subnet-0a1c")
    );
    assert_snapshot!(
        "guardrail_deny",
        session("guardrail --deny --vpc vpc-0a1b --security-group sg-0a1b")
    );
    for arguments in [refunds, "execution-role", "guardrail --require-vpc"] {
        let run = shell.run(&format!("policy {arguments} --output json"));
        assert_eq!(
            (run.status, run.json()["Version"].as_str()),
            (Some(0), Some("2012-10-17"))
        );
    }
}

/// Each command is named as it is run; without one, it is `setup`.
#[test]
fn an_operator_s_command_line_is_that_of_the_run() {
    let shell = Shell::new();
    let refunds = "--cluster orders --function refunds";
    let named = shell.run(&format!("policy operator setup --offline account.json {refunds}"));
    let unnamed = shell.run(&format!("--offline account.json policy operator {refunds}"));
    assert_eq!((named.status, &named.stdout), (Some(0), &unnamed.stdout));
    for (run, action) in [
        (
            "remove --cluster orders --function checkout --console-made",
            "ec2:DeleteSecurityGroup",
        ),
        (
            "attach --function refunds --subnet subnet-0a1a --security-group sg-0d00",
            "lambda:UpdateFunctionConfiguration",
        ),
        ("detach --function checkout", "lambda:UpdateFunctionConfiguration"),
        (
            "internet setup --function checkout --service sqs",
            "ec2:CreateVpcEndpoint",
        ),
        (
            "diagnose --fix --cluster orders --function checkout",
            "ec2:DescribeNetworkAcls",
        ),
        ("setup --cross-vpc --cluster orders --function checkout", ""),
    ] {
        let run = shell.run(&format!("--offline account.json policy operator {run}"));
        match action {
            // Refused as the run itself would be.
            "" => assert_eq!((run.status, run.stdout.as_str()), (Some(1), "")),
            action => assert!(run.stdout.contains(action), "{}{}", run.stdout, run.stderr),
        }
    }
}

#[test]
fn what_the_lists_leave_open_is_reported() {
    let run = Shell::new().run("policy guardrail --subnet subnet-0a1b --log-format json");
    assert!(run.stderr.contains("add --require-vpc"), "{}", run.stderr);
    assert!(run.json()["Statement"].is_array());
}

#[test]
fn arns_are_recognized_in_each_partition() {
    let shell = Shell::new();
    let function = |arguments: &str| {
        let run = shell.run(&format!("policy deny-eni --function {arguments}"));
        let statement = &run.json()["Statement"][0];
        statement["Condition"]["ArnEquals"]["lambda:SourceFunctionArn"].clone()
    };
    assert_eq!(
        function("f --account 123456789012 --region cn-north-1"),
        "arn:aws-cn:lambda:cn-north-1:123456789012:function:f"
    );
    let arn = "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f";
    assert_eq!(function(arn), arn);
}

#[test]
fn mistakes() {
    let shell = Shell::new();
    for arguments in [
        "policy",
        "policy guardrail",
        "policy guardrail --deny",
        "policy guardrail --deny --require-vpc",
        "policy guardrail --vpc subnet-0a1b",
        "policy deny-eni --function new:f",
        "policy deny-eni --function f --account 1",
        "policy deny-eni --function f --account 123456789012",
        "policy operator --function f",
        "policy operator remove --function f",
        "policy operator --cluster c --function f remove --cluster c --function f",
        "policy operator remove --cluster c --function f --with-proxy",
        "policy operator internet --function f",
        "policy operator msk check --cluster-arn arn:aws:kafka:eu-central-1:123456789012:cluster/c/1",
        "policy operator diagnose --cluster c --function f",
        "policy drift --role drift",
        "policy drift --notify mail:me",
        "policy drift --role arn:aws:iam::123456789012:role/*h",
        "policy drift --notify sns:arn:aws:sns:*:123456789012:drift",
        "policy drift --notify eventbridge:*",
        "policy drift --notify eventbridge:${aws:username}",
    ] {
        let run = shell.run(arguments);
        assert_eq!((run.status, run.stdout.as_str()), (Some(1), ""), "{arguments}");
    }
    let wrong_name = "policy deny-eni --offline account.json --function chekout";
    assert_snapshot!("wrong_name", shell.session(wrong_name));
}

/// Of each command that writes, and of `drift`: decoding AWS's messages needs one permission more, and nothing else.
#[test]
fn decoding_needs_its_permission() {
    let shell = Shell::new();
    let checkout = "--cluster orders --function checkout";
    let runs = [
        format!("operator --offline account.json {checkout}"),
        format!("operator setup --offline account.json {checkout} --proxy new"),
        format!("operator remove --offline account.json {checkout} --console-made"),
        "operator cleanup --offline account.json".to_owned(),
        "operator detach --offline account.json --function checkout".to_owned(),
        "operator internet setup --offline account.json --function checkout".to_owned(),
        format!("operator diagnose --offline account.json {checkout} --fix"),
        "drift".to_owned(),
    ];
    let actions = |document: &serde_json::Value| -> Vec<(String, String)> {
        let statements = document["Statement"].as_array().unwrap().iter();
        let texts = |value: &serde_json::Value| match value {
            serde_json::Value::Array(all) => all.iter().map(|text| text.as_str().unwrap().to_owned()).collect(),
            text => vec![text.as_str().unwrap().to_owned()],
        };
        let mut actions: Vec<(String, String)> = statements
            .flat_map(|statement| {
                let condition = statement["Condition"].to_string();
                let resources = texts(&statement["Resource"]).join(" ");
                let of: Vec<String> = texts(&statement["Action"]);
                of.into_iter()
                    .map(move |action| (action, format!("{resources} {condition}")))
            })
            .collect();
        actions.sort();
        actions
    };
    for run in runs {
        let without = actions(&shell.run(&format!("policy {run}")).json());
        let mut with = actions(&shell.run(&format!("policy {run} --decode-authorization")).json());
        let added = ("sts:DecodeAuthorizationMessage".to_owned(), "* null".to_owned());
        let at = with.iter().position(|found| *found == added);
        with.remove(at.unwrap_or_else(|| panic!("{run}: {with:?}")));
        assert_eq!(with, without, "{run}");
    }
}

#[test]
fn what_export_reads() {
    let shell = Shell::new();
    let session = shell.session("policy export --region eu-central-1 --account 123456789012");
    assert_snapshot!("export", session);
}
