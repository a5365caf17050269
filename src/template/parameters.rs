//! The parameters of a template: their types, defaults and given values.

use std::collections::BTreeMap;

use super::{Value, table};
use crate::manifest::Mistake;
use crate::manifest::text::{Field, Found, Node, shown};

/// The value of each parameter.
///
/// # Errors
///
/// A value is given to a parameter that the template does not have, or that is not one of its `AllowedValues`.
pub(super) fn values(
    declared: Vec<Field>,
    given: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Value>, Mistake> {
    if let Some(name) = given
        .keys()
        .find(|name| !declared.iter().any(|field| field.key == **name))
    {
        let names: Vec<&str> = declared.iter().map(|field| field.key.as_str()).take(20).collect();
        let message = format!(
            "the template has no parameter {}; it has: {}",
            shown(name),
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            }
        );
        return Err(Mistake { spot: None, message });
    }
    declared
        .into_iter()
        .map(|field| {
            let value = value(&field.key, field.node, given.get(&field.key))?;
            Ok((field.key, value))
        })
        .collect()
}

fn text_of(node: &Node) -> Option<String> {
    match &node.found {
        Found::Text(text) | Found::Number(text) => Some(text.clone()),
        Found::Flag(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Refuses a value that is not one of the parameter's `AllowedValues`. The error does not show one with `NoEcho`.
fn check(
    name: &str,
    value: &str,
    (kind, is_secret): (&str, bool),
    fields: &BTreeMap<String, Node>,
) -> Result<(), Mistake> {
    let Some(field) = fields.get("AllowedValues") else {
        return Ok(());
    };
    let Found::List(nodes) = &field.found else {
        return Ok(());
    };
    // A template that allows something else than single values is CloudFormation's to refuse.
    let Some(allowed) = nodes.iter().map(text_of).collect::<Option<Vec<String>>>() else {
        return Ok(());
    };
    let is_same = |one: &String| {
        let numbers = (one.parse::<f64>(), value.parse::<f64>());
        one == value
            || kind.contains("Number") && matches!(numbers, (Ok(one), Ok(other)) if one.total_cmp(&other).is_eq())
    };
    if allowed.iter().any(is_same) {
        return Ok(());
    }
    let listed: Vec<String> = allowed.iter().take(20).map(|value| shown(value).to_string()).collect();
    let more = if allowed.len() > listed.len() { ", …" } else { "" };
    let what = if is_secret {
        "have the value that is given".to_owned()
    } else {
        format!("be {}", shown(value))
    };
    let message = format!(
        "parameter {name} cannot {what}: its AllowedValues are {}{more}",
        listed.join(", ")
    );
    Err(Mistake {
        spot: Some(field.spot),
        message,
    })
}

fn value(name: &str, declared: Node, given: Option<&String>) -> Result<Value, Mistake> {
    let fields: BTreeMap<String, Node> = table(declared, name)?
        .into_iter()
        .map(|field| (field.key, field.node))
        .collect();
    let text = |key: &str| fields.get(key).and_then(text_of);
    let is_secret = text("NoEcho").is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
    let kind = text("Type").unwrap_or_default();
    let is_list = kind == "CommaDelimitedList" || kind.starts_with("List<");
    if let Some(given) = given.filter(|_| !kind.starts_with("AWS::SSM::")) {
        let each: Vec<&str> = if is_list {
            given.split(',').map(str::trim).collect()
        } else {
            vec![given]
        };
        for value in each {
            check(name, value, (&kind, is_secret), &fields)?;
        }
    }
    if is_secret {
        return Ok(Value::Unknown(format!("parameter {name} is NoEcho")));
    }
    if kind.starts_with("AWS::SSM::Parameter::") {
        return Ok(Value::Unknown(format!(
            "parameter {name} is a parameter of Systems Manager"
        )));
    }
    let Some(text) = given.cloned().or_else(|| text("Default")) else {
        return Ok(Value::Unknown(format!("parameter {name} has no value")));
    };
    if is_list {
        let parts = text.split(',').map(|part| Value::Text(part.trim().to_owned()));
        return Ok(Value::List(if text.is_empty() { Vec::new() } else { parts.collect() }));
    }
    Ok(Value::Text(text))
}
