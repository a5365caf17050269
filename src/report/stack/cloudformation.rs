//! The template as CloudFormation reads it, and the file by which it imports what exists.

use std::fmt::Write;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::json;
use serde_saphyr::DoubleQuoted;

use super::{ForOwner, OwnersGroup, Part, Resource, Template, Value};
use crate::escape::{is_unsafe, plain};
use crate::model::Side;

/// The template as YAML.
///
/// # Errors
///
/// Its writer fails.
pub fn cloudformation(template: &Template) -> Result<String, serde_saphyr::ser::Error> {
    let mut text = String::new();
    for line in comments(template) {
        // A control character would end the comment, and what follows would be read.
        let line = plain(&line).to_string();
        text.push_str(format!("# {line}").trim_end());
        text.push('\n');
    }
    let written = serde_saphyr::to_string(&Whole(template))?;
    // They are within double quotes, where YAML reads the escape as the character.
    for letter in written.chars() {
        if letter != '\n' && is_unsafe(letter) {
            let _ = write!(text, "\\U{:08x}", u32::from(letter));
        } else {
            text.push(letter);
        }
    }
    Ok(text)
}

/// The list for `aws cloudformation create-change-set --resources-to-import`, as JSON.
pub fn resources_to_import(template: &Template) -> String {
    let of_resource = |resource: &Resource| {
        let identifier = resource.import.as_ref()?.iter();
        let identifier: serde_json::Map<String, serde_json::Value> = identifier
            .map(|(key, value)| ((*key).to_owned(), json!(value)))
            .collect();
        Some(json!({
            "ResourceType": resource.kind,
            "LogicalResourceId": resource.id,
            "ResourceIdentifier": identifier,
        }))
    };
    let list: Vec<serde_json::Value> = template.resources.iter().filter_map(of_resource).collect();
    format!("{:#}\n", serde_json::Value::Array(list))
}

/// What stands above the template.
pub(super) fn comments(template: &Template) -> Vec<String> {
    let mut lines = vec![
        format!("{}. Written by `autoconnect export`.", template.origin.heading()),
        format!("{}.", template.description),
    ];
    for note in &template.notes {
        lines.push(String::new());
        lines.push(note.clone());
    }
    for owner in &template.owners {
        lines.push(String::new());
        lines.extend(of_owner(owner));
    }
    lines
}

/// What the owner of a resource has to have in its own template: the whole list, since a deployment replaces it.
fn of_owner(owner: &ForOwner) -> Vec<String> {
    let ForOwner {
        side,
        resource,
        subnets,
        ipv6_allowed,
        groups,
    } = owner;
    let mut lines = vec![format!(
        "{resource} is not part of this template. The template that it belongs to needs:"
    )];
    let group = |group: &OwnersGroup| match group {
        OwnersGroup::Id(id) => format!("- {id}"),
        OwnersGroup::Output(output) => format!("- the output {output} of this stack"),
    };
    let mut list = |key: &str, indent: &str, items: Vec<String>| {
        lines.push(format!("{indent}{key}:"));
        lines.extend(items.into_iter().map(|item| format!("{indent}  {item}")));
    };
    let groups: Vec<String> = groups.iter().map(group).collect();
    match side {
        Side::Function => {
            list("VpcConfig", "  ", Vec::new());
            list("SecurityGroupIds", "    ", groups);
            list(
                "SubnetIds",
                "    ",
                subnets.iter().map(|subnet| format!("- {subnet}")).collect(),
            );
            if *ipv6_allowed {
                lines.push("    Ipv6AllowedForDualStack: true".to_owned());
            }
        }
        Side::Proxy | Side::Database => list("VpcSecurityGroupIds", "  ", groups),
    }
    lines
}

/// The whole template.
struct Whole<'t>(&'t Template);

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let template = self.0;
        let parameters = template.parameters.iter().map(|parameter| {
            let entries = [
                Some(("Type", Value::text(parameter.kind))),
                Some(("Description", Value::text(&parameter.description))),
                parameter
                    .default
                    .as_ref()
                    .map(|default| ("Default", Value::text(default))),
            ];
            (
                parameter.id.as_str(),
                Value::Object(entries.into_iter().flatten().collect()),
            )
        });
        let parameters: Vec<(&str, Value)> = parameters.collect();
        let resources: Vec<(&str, Value)> = template
            .resources
            .iter()
            .map(|resource| (resource.id.as_str(), of_resource(resource)))
            .collect();
        let outputs: Vec<(&str, Value)> = template
            .outputs
            .iter()
            .map(|output| {
                let entries = vec![
                    ("Description", Value::text(&output.description)),
                    ("Value", output.value.clone()),
                ];
                (output.id.as_str(), Value::Object(entries))
            })
            .collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("AWSTemplateFormatVersion", "2010-09-09")?;
        map.serialize_entry("Description", &template.description)?;
        for (section, entries) in [
            ("Parameters", parameters),
            ("Resources", resources),
            ("Outputs", outputs),
        ] {
            if !entries.is_empty() {
                map.serialize_entry(section, &Section(&entries))?;
            }
        }
        map.end()
    }
}

/// A part of a template, with its entries in order.
struct Section<'s>(&'s [(&'s str, Value)]);

impl Serialize for Section<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

fn of_resource(resource: &Resource) -> Value {
    let after: Vec<Value> = resource.after.iter().map(|id| Value::text(id)).collect();
    let entries = [
        Some(("Type", Value::text(resource.kind))),
        (!after.is_empty()).then_some(("DependsOn", Value::List(after))),
        Some(("DeletionPolicy", Value::text("Retain"))),
        Some(("UpdateReplacePolicy", Value::text("Retain"))),
        Some(("Properties", Value::Object(resource.properties.clone()))),
    ];
    Value::Object(entries.into_iter().flatten().collect())
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) if text.contains(is_unsafe) => DoubleQuoted(text).serialize(serializer),
            Self::Text(text) | Self::OtherGroup { id: text, .. } => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Null => serializer.serialize_unit(),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(entries) => serializer.collect_map(entries.iter().map(|(key, value)| (key, value))),
            Self::Document(entries) => serializer.collect_map(entries.iter().map(|(key, value)| (key, value))),
            Self::Parameter(id) | Self::Ref(id) => function(serializer, "Ref", id),
            Self::Attribute { of, name } => function(serializer, "Fn::GetAtt", &[of.as_str(), name]),
            Self::Sub(parts) => {
                let (text, ids) = substituted(parts);
                if ids.is_empty() {
                    function(serializer, "Fn::Sub", &text)
                } else {
                    function(serializer, "Fn::Sub", &Substituted(&text, &ids))
                }
            }
        }
    }
}

fn function<S: Serializer>(serializer: S, name: &str, argument: &(impl Serialize + ?Sized)) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(name, argument)?;
    map.end()
}

/// The text of `Fn::Sub`, and the variables in it that stand for the ids of proxies, each with the proxy's logical id.
pub(super) fn substituted(parts: &[Part]) -> (String, Vec<(String, String)>) {
    let mut ids: Vec<(String, String)> = Vec::new();
    let mut text = String::new();
    for part in parts {
        match part {
            // `${` of the text itself, such as that of a policy variable.
            Part::Literal(literal) => text.push_str(&literal.replace("${", "${!")),
            Part::Pseudo(name) => {
                let _ = write!(text, "${{{name}}}");
            }
            Part::Attribute { of, name } => {
                let _ = write!(text, "${{{of}.{name}}}");
            }
            Part::Ref(id) => {
                let _ = write!(text, "${{{id}}}");
            }
            Part::ProxyId(proxy) => {
                let variable = format!("{proxy}ResourceId");
                let _ = write!(text, "${{{variable}}}");
                if !ids.iter().any(|(known, _)| *known == variable) {
                    ids.push((variable, proxy.clone()));
                }
            }
        }
    }
    (text, ids)
}

/// The arguments of `Fn::Sub` with variables.
struct Substituted<'s>(&'s str, &'s [(String, String)]);

impl Serialize for Substituted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ids: serde_json::Map<String, serde_json::Value> = self
            .1
            .iter()
            .map(|(variable, proxy)| (variable.clone(), resource_id(proxy)))
            .collect();
        let mut list = serializer.serialize_seq(Some(2))?;
        list.serialize_element(self.0)?;
        list.serialize_element(&ids)?;
        list.end()
    }
}

/// `prx-…` of a proxy: the last part of its ARN.
fn resource_id(proxy: &str) -> serde_json::Value {
    json!({"Fn::Select": [6, {"Fn::Split": [":", {"Fn::GetAtt": [proxy, "DBProxyArn"]}]}]})
}
