//! What a reviewed change does to connections: plans that Terraform has made (tests/plans), changes of every resource type,
//! and what holds for all changes.

mod laws;
mod templates;
mod types;

use std::path::Path;

use autoconnect::account::{AccountDocument, NetworkAclEntry};
use autoconnect::impact::{Change, Effect, Judged, NoPlan, Plan, judge};
use serde_json::{Value, json};

use crate::support::*;

/// The plan of this name that Terraform has made.
pub fn made_by_terraform(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/plans/{name}.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub fn plan(plan: &Value) -> Change {
    Change::Terraform(Box::new(Plan::read(plan.to_string().as_bytes()).unwrap()))
}

/// The example account, with the network ACL that some plans change.
pub fn shop() -> AccountDocument {
    let mut document = example();
    document.network_acls.push(acl());
    document
}

fn acl() -> NetworkAclEntry {
    let all = |egress: bool| json!({"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "Egress": egress, "CidrBlock": "0.0.0.0/0"});
    let acl = json!({
        "NetworkAclId": "acl-0a1b", "VpcId": "vpc-0a1b2c3d", "IsDefault": true,
        "Associations": [{"SubnetId": "subnet-0a1a"}, {"SubnetId": "subnet-0a1b"}],
        "Entries": [all(false), all(true)],
    });
    serde_json::from_value(acl).unwrap()
}

/// What a change does to all connections that are found.
pub fn judged(document: &AccountDocument, change: &Change) -> Vec<Judged> {
    let (future, names) = change.applied(document.clone());
    let (judged, _) = in_virtual_time(judge(document.clone(), future, None, &names)).unwrap();
    judged
}

/// What a change does to the connection of `checkout` with `orders`.
pub fn checkout(judged: &[Judged]) -> &Judged {
    one(judged, "cluster/orders:function/checkout")
}

pub fn one<'j>(judged: &'j [Judged], name: &str) -> &'j Judged {
    let found = judged.iter().find(|judged| judged.name == name);
    found.unwrap_or_else(|| panic!("{name} is not among {judged:#?}"))
}

/// The account as a change leaves it.
pub fn after(document: &AccountDocument, change: &Change) -> AccountDocument {
    change.applied(document.clone()).0.document
}

#[test]
fn plans_of_terraform_are_judged() {
    const CHECKOUT: &str = "cluster/orders:function/checkout";
    const RULE: &str = "aws_vpc_security_group_ingress_rule";
    for (name, connection, effect, by) in [
        ("nothing", CHECKOUT, Effect::None, ""),
        (
            "cluster-loses-group",
            CHECKOUT,
            Effect::Breaks,
            "aws_rds_cluster.orders",
        ),
        (
            "function-loses-group",
            CHECKOUT,
            Effect::Breaks,
            "aws_lambda_function.checkout",
        ),
        ("rule-deleted", CHECKOUT, Effect::Breaks, &format!("{RULE}.database")),
        ("rule-opened", CHECKOUT, Effect::Opened, &format!("{RULE}.world")),
        ("inline-opened", CHECKOUT, Effect::Opened, "aws_security_group.database"),
        // All that names the group is changed with it.
        ("group-replaced", CHECKOUT, Effect::None, ""),
        (
            "group-replaced-without-rules",
            CHECKOUT,
            Effect::Unknown,
            "aws_rds_cluster.orders",
        ),
        ("source-unknown", CHECKOUT, Effect::Unknown, &format!("{RULE}.database")),
        // Terraform shows the list as it was.
        ("list-unknown", CHECKOUT, Effect::Unknown, "aws_rds_cluster.orders"),
        (
            "function-deleted",
            CHECKOUT,
            Effect::Breaks,
            "aws_lambda_function.checkout",
        ),
        ("cluster-replaced", CHECKOUT, Effect::Breaks, "aws_rds_cluster.orders"),
        ("port-changed", CHECKOUT, Effect::Breaks, "aws_rds_cluster.orders"),
        ("acl-closed", CHECKOUT, Effect::Breaks, "aws_network_acl_rule.in"),
        ("acl-unchanged", CHECKOUT, Effect::None, ""),
        (
            "function-created",
            "cluster/orders:function/audit",
            Effect::Repaired,
            "aws_lambda_function.audit",
        ),
        (
            "module",
            CHECKOUT,
            Effect::Opened,
            // Whether the list keeps the group that it names besides is not known.
            "aws_rds_cluster.orders aws_security_group_rule.extra module.extra[\"a\"].aws_security_group.this",
        ),
        (
            "repaired",
            "cluster/orders:function/refunds",
            Effect::Repaired,
            "aws_lambda_function.refunds",
        ),
    ] {
        let all = judged(&shop(), &plan(&made_by_terraform(name)));
        let found = one(&all, connection);
        assert_eq!(
            (found.effect, found.by.join(" ").as_str()),
            (effect, by),
            "{name}: {found:#?}"
        );
        let others = all.iter().filter(|judged| judged.name != connection);
        for other in others.filter(|other| other.name != CHECKOUT && name != "acl-closed") {
            assert_eq!(other.effect, Effect::None, "{name}: {other:#?}");
        }
    }
}

/// No plan is in the folder that is not judged above.
#[test]
fn every_plan_is_judged() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans");
    let source = include_str!("impact.rs");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|suffix| suffix == "json") {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            assert!(source.contains(&format!("\"{name}\"")), "{name}");
            count += 1;
        }
    }
    assert!(count > 10, "{count}");
}

/// A group that does not exist yet is told by the address of its resource.
#[test]
fn what_stands_for_ids_is_never_told() {
    for name in ["module", "group-replaced", "group-replaced-without-rules"] {
        for judged in judged(&shop(), &plan(&made_by_terraform(name))) {
            let told = format!("{judged:?}");
            assert!(!told.contains("-planned0"), "{told}");
        }
    }
}

#[test]
fn plans_that_are_none_are_refused() {
    for (content, expected) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("{}", "expected resource_changes, found none"),
        (
            r#"{"format_version": "1.0", "values": {}}"#,
            "expected resource_changes, found none",
        ),
        (
            "{\"@level\": \"info\"}\n{\"@level\": \"info\"}\n",
            "it is the log that `terraform plan -json` prints",
        ),
    ] {
        let error = Plan::read(content.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), expected, "{content}");
    }
    let mut made = made_by_terraform("nothing");
    for (version, is_read) in [
        ("0.1", true),
        ("1.0", true),
        ("1.99", true),
        ("2.0", false),
        ("10.0", false),
        ("", false),
    ] {
        made["format_version"] = json!(version);
        let read = Plan::read(made.to_string().as_bytes());
        match read {
            Ok(_) => assert!(is_read, "{version}"),
            Err(error) => {
                assert!(!is_read, "{version}: {error}");
                assert_eq!(error, NoPlan::Version(version.to_owned()));
                assert!(
                    error.to_string().contains("only versions 0 and 1 are supported"),
                    "{error}"
                );
            }
        }
    }
}

/// A plan that does not show all changes leaves nothing certain.
#[test]
fn incomplete_plans_make_everything_unknown() {
    for (key, value) in [
        ("errored", json!(true)),
        ("complete", json!(false)),
        ("deferred_changes", json!([{"reason": "instance_count_unknown"}])),
    ] {
        let mut made = made_by_terraform("nothing");
        made[key] = value;
        for judged in judged(&shop(), &plan(&made)) {
            assert_eq!(judged.effect, Effect::Unknown, "{key}: {judged:#?}");
        }
    }
}
