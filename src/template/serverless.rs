//! What SAM makes of a template, as far as it is read here: functions with the properties that they share.
//!
//! Source: AWS SAM developer guide, "Globals section of the AWS SAM template": single values of the resource replace the global
//! ones, tables are merged, lists of the resource are added after the global ones.

use crate::manifest::text::{Field, Found, Node};

/// The type of a function of SAM, and that of the function which it becomes.
const FUNCTION: (&str, &str) = ("AWS::Serverless::Function", "AWS::Lambda::Function");

/// The type of the resource that SAM makes of one. Names and `VpcConfig` of functions are the same for both.
pub(super) fn kind(kind: String) -> String {
    if kind == FUNCTION.0 {
        FUNCTION.1.to_owned()
    } else {
        kind
    }
}

/// A resource with the properties that `Globals` gives to resources of its type.
pub(super) fn with_globals(resource: Node, globals: &[Field]) -> Node {
    let Node { spot, found } = resource;
    let Found::Table(mut fields) = found else {
        return Node { spot, found };
    };
    let is_function = fields
        .iter()
        .any(|field| field.key == "Type" && field.node.found == Found::Text(FUNCTION.0.to_owned()));
    let shared = globals.iter().find(|field| is_function && field.key == "Function");
    if let Some(shared) = shared {
        match fields.iter_mut().find(|field| field.key == "Properties") {
            Some(own) => own.node = merged(&shared.node, &own.node),
            None => fields.push(Field {
                key: "Properties".to_owned(),
                ..shared.clone()
            }),
        }
    }
    Node {
        spot,
        found: Found::Table(fields),
    }
}

fn merged(shared: &Node, own: &Node) -> Node {
    let found = match (&shared.found, &own.found) {
        (Found::List(shared), Found::List(own)) => Found::List(shared.iter().chain(own).cloned().collect()),
        (Found::Table(of_all), Found::Table(fields)) if !is_function(of_all) && !is_function(fields) => {
            let mut all = of_all.clone();
            for field in fields {
                match all.iter_mut().find(|shared| shared.key == field.key) {
                    Some(shared) => shared.node = merged(&shared.node, &field.node),
                    None => all.push(field.clone()),
                }
            }
            Found::Table(all)
        }
        _ => return own.clone(),
    };
    Node { spot: own.spot, found }
}

/// Whether a table is the call of a function, which is a single value.
fn is_function(fields: &[Field]) -> bool {
    matches!(fields, [field] if field.key == "Ref" || field.key == "Condition" || field.key.starts_with("Fn::"))
}
