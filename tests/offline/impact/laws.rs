//! What holds for all changes.

use autoconnect::account::AccountDocument;
use autoconnect::impact::{Effect, Path};
use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::{Value, json};

use super::{after, checkout, judged, made_by_terraform, plan, shop};

/// The plans that know everything and create nothing whose id is not known: they can be reversed.
const REVERSIBLE: [&str; 8] = [
    "nothing",
    "cluster-loses-group",
    "function-loses-group",
    "inline-opened",
    "port-changed",
    "acl-unchanged",
    "repaired",
    "cluster-replaced",
];

fn changes(plan: &mut Value) -> &mut Vec<Value> {
    plan["resource_changes"].as_array_mut().unwrap()
}

/// The plan that takes everything back.
fn reversed(plan: &Value) -> Value {
    let mut plan = plan.clone();
    for change in changes(&mut plan) {
        let change = change["change"].as_object_mut().unwrap();
        let (before, after) = (change["before"].take(), change["after"].take());
        change["before"] = after;
        change["after"] = before;
        change["after_unknown"] = json!({});
        for action in change["actions"].as_array_mut().unwrap() {
            *action = match action.as_str().unwrap() {
                "create" => json!("delete"),
                "delete" => json!("create"),
                other => json!(other),
            };
        }
    }
    plan
}

fn has_no_impact(document: &AccountDocument, plan_of: &Value) -> Result<(), TestCaseError> {
    for judged in judged(document, &plan(plan_of)) {
        prop_assert_eq!(
            (judged.effect, &judged.by),
            (Effect::None, &Vec::new()),
            "{:#?}",
            judged
        );
        prop_assert_eq!(&judged.before, &judged.after);
    }
    Ok(())
}

/// A rule resource of the database's group, or of another one.
fn rule() -> impl Strategy<Value = Value> {
    let group = prop::sample::select(vec!["sg-0d00", "sg-0d01", "sg-0f01", "sg-0f00"]);
    let peer = prop::sample::select(vec![
        ("cidr_ipv4", "0.0.0.0/0"),
        ("cidr_ipv4", "10.9.0.0/16"),
        ("cidr_ipv6", "::/0"),
        ("referenced_security_group_id", "sg-0f00"),
        ("referenced_security_group_id", "123456789012/sg-0d00"),
    ]);
    let kind = prop::sample::select(vec!["ingress", "egress"]);
    (group, peer, kind, 5430..5440_u16, 0..20_u16).prop_map(|(group, (key, peer), kind, from, more)| {
        let rule = json!({
            "security_group_id": group, key: peer, "ip_protocol": "tcp", "from_port": from, "to_port": from + more,
        });
        json!({"type": format!("aws_vpc_security_group_{kind}_rule"), "rule": rule})
    })
}

/// A change of rules and lists: nothing of it is there before.
fn random_plan() -> impl Strategy<Value = Value> {
    let groups = vec!["sg-0d00", "sg-0d01", "sg-0f00", "sg-0f01"];
    let list = subsequence(groups.clone(), 0..=4);
    (prop::collection::vec(rule(), 0..4), list.clone(), list).prop_map(|(rules, cluster, function)| {
        let mut changes: Vec<Value> = rules
            .into_iter()
            .enumerate()
            .map(|(number, rule)| {
                json!({
                    "address": format!("rule.{number}"), "type": rule["type"], "name": number.to_string(),
                    "change": {"actions": ["create"], "before": null, "after": rule["rule"], "after_unknown": {}},
                })
            })
            .collect();
        let update = |kind: &str, before: Value, after: Value| {
            json!({
                "address": format!("{kind}.x"), "type": kind, "name": "x",
                "change": {"actions": ["update"], "before": before, "after": after, "after_unknown": {}},
            })
        };
        let orders = |groups: &[&str]| json!({"cluster_identifier": "orders", "vpc_security_group_ids": groups});
        changes.push(update(
            "aws_rds_cluster",
            orders(&["sg-0d00", "sg-0d01"]),
            orders(&cluster),
        ));
        let function_of = |groups: &[&str]| {
            json!({
                "function_name": "checkout",
                "vpc_config": [{"subnet_ids": ["subnet-0a1a", "subnet-0a1b"], "security_group_ids": groups}],
            })
        };
        changes.push(update(
            "aws_lambda_function",
            function_of(&["sg-0f00", "sg-0f01"]),
            function_of(&function),
        ));
        json!({"format_version": "1.2", "resource_changes": changes})
    })
}

/// Rules in one order, each once: an account has them in none.
fn in_order(mut document: AccountDocument) -> Value {
    for group in &mut document.security_groups {
        for permissions in [&mut group.ip_permissions, &mut group.ip_permissions_egress] {
            permissions.sort_by_key(|permission| serde_json::to_string(permission).unwrap());
        }
    }
    for function in &mut document.functions {
        if let Some(config) = &mut function.vpc_config {
            config.security_group_ids.sort();
        }
    }
    for cluster in &mut document.db_clusters {
        cluster
            .vpc_security_groups
            .sort_by(|one, other| one.vpc_security_group_id.cmp(&other.vpc_security_group_id));
    }
    serde_json::to_value(document).unwrap()
}

#[test]
fn a_change_and_its_reverse_have_no_impact() {
    for name in REVERSIBLE {
        let made = made_by_terraform(name);
        let changed = after(&shop(), &plan(&made));
        let back = after(&changed, &plan(&reversed(&made)));
        assert_eq!(in_order(back), in_order(shop()), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_random_change_and_its_reverse_have_no_impact(made in random_plan()) {
        let changed = after(&shop(), &plan(&made));
        let back = after(&changed, &plan(&reversed(&made)));
        prop_assert_eq!(in_order(back), in_order(shop()));
    }

    /// A change to what is there already, and one that only repeats the state, have none.
    #[test]
    fn an_empty_change_has_no_impact(mut made in random_plan()) {
        let document = after(&shop(), &plan(&made));
        for change in changes(&mut made) {
            let after = change["change"]["after"].clone();
            change["change"]["before"] = after;
            change["change"]["actions"] = json!(["update"]);
        }
        has_no_impact(&document, &made)?;
        for change in changes(&mut made) {
            change["change"]["actions"] = json!(["no-op"]);
        }
        has_no_impact(&document, &made)?;
    }

    /// The effect is the difference of the two paths, where everything is known.
    #[test]
    fn an_effect_follows_from_both_paths(made in random_plan()) {
        let judged = judged(&shop(), &plan(&made));
        let found = checkout(&judged);
        prop_assert_eq!(found.before.path, Path::Open);
        let breaks = found.effect == Effect::Breaks;
        prop_assert_eq!(breaks, found.after.path == Path::Blocked, "{:#?}", found);
        prop_assert_ne!(found.effect, Effect::Unknown);
        prop_assert!(found.effect == Effect::None || !found.by.is_empty(), "{:#?}", found);
    }

    /// What of a change is not known never makes it read as none, nor as certain, where it matters.
    #[test]
    fn an_unknown_list_is_never_certain(mut made in random_plan(), of_function in any::<bool>()) {
        let kind = if of_function { "aws_lambda_function" } else { "aws_rds_cluster" };
        for change in changes(&mut made) {
            if change["type"] == kind {
                let change = &mut change["change"];
                if of_function {
                    change["after"]["vpc_config"][0].as_object_mut().unwrap().remove("security_group_ids");
                    change["after_unknown"] = json!({"vpc_config": [{"security_group_ids": true}]});
                } else {
                    change["after"].as_object_mut().unwrap().remove("vpc_security_group_ids");
                    change["after_unknown"] = json!({"vpc_security_group_ids": true});
                }
            }
        }
        let judged = judged(&shop(), &plan(&made));
        let found = checkout(&judged);
        prop_assert!(
            found.effect == Effect::Unknown || found.also.contains(&Effect::Unknown) || found.effect == Effect::Opened,
            "{:#?}", found
        );
        prop_assert_ne!(found.effect, Effect::None);
    }
}
