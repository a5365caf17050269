//! Accounts up to the ids that AWS gives: everything is known by its name.

use std::collections::BTreeMap;

use autoconnect::account::AccountDocument;
use serde_json::{Map, Value};

use crate::stale_reads::settle;

/// What each id stands for.
pub type Names = BTreeMap<String, String>;

/// The document without what depends on the order of writes to different resources.
pub fn known_by_names(document: &AccountDocument) -> Value {
    let mut document = document.clone();
    settle(&mut document);
    let names = document
        .security_groups
        .iter()
        .map(|group| {
            (
                group.group_id.clone(),
                format!("{} of {}", group.group_name, group.vpc_id),
            )
        })
        .collect();
    renamed(&serde_json::to_value(&document).unwrap(), &names)
}

/// A value in which ids are replaced by names, and objects are in an order of their own.
pub fn renamed(value: &Value, names: &Names) -> Value {
    match value {
        Value::String(text) => Value::String(names.get(text).unwrap_or(text).clone()),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(|item| renamed(item, names)).collect();
            if items.iter().all(Value::is_object) && !items.iter().any(is_membership) {
                items.sort_by_key(Value::to_string);
            }
            Value::Array(items)
        }
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(key, _)| *key != "RevisionId");
            Value::Object(
                kept.map(|(key, value)| (key.clone(), renamed(value, names)))
                    .collect::<Map<_, _>>(),
            )
        }
        other => other.clone(),
    }
}

/// The order of a database's groups counts.
fn is_membership(value: &Value) -> bool {
    value.get("VpcSecurityGroupId").is_some()
}

/// Where two values differ, for people.
pub fn differences(at: &str, one: &Value, other: &Value) -> Vec<String> {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let keys = one.keys().chain(other.keys().filter(|key| !one.contains_key(*key)));
            keys.flat_map(|key| {
                let none = Value::Null;
                differences(
                    &format!("{at}.{key}"),
                    one.get(key).unwrap_or(&none),
                    other.get(key).unwrap_or(&none),
                )
            })
            .collect()
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let pairs = one.iter().zip(other).enumerate();
            pairs
                .flat_map(|(index, (one, other))| differences(&format!("{at}[{index}]"), one, other))
                .collect()
        }
        (one, other) if one == other => Vec::new(),
        (one, other) => vec![format!("{at}: {one} and {other}")],
    }
}

/// Both accounts are the same but for ids.
pub fn assert_same(one: &AccountDocument, other: &AccountDocument, context: &str) {
    let differences = differences("", &known_by_names(one), &known_by_names(other));
    assert!(differences.is_empty(), "{context}:\n{}", differences.join("\n"));
}
