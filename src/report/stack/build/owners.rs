//! What stands beside the template: what the owners of other resources have to write, and what its reader should know.

use super::super::{ForOwner, Output, OwnersGroup, Part, Resource, Value};
use super::Builder;
use crate::export::{Group, GroupRef};
use crate::model::{Direction, GroupId, Side};

impl Builder<'_> {
    pub(super) fn owners(&mut self) {
        let export = self.export;
        for function in &export.functions {
            let owner = ForOwner {
                side: Side::Function,
                resource: format!("function {}", function.name),
                subnets: function.subnets.iter().map(ToString::to_string).collect(),
                ipv6_allowed: function.ipv6_allowed == Some(true),
                groups: self.groups_of_owner(&function.groups),
            };
            self.template.owners.push(owner);
        }
        for proxy in &export.other_proxies {
            let owner = ForOwner {
                side: Side::Proxy,
                resource: format!("proxy {}", proxy.name),
                subnets: Vec::new(),
                ipv6_allowed: false,
                groups: self.groups_of_owner(&proxy.groups),
            };
            self.template.owners.push(owner);
        }
        for database in &export.databases {
            let owner = ForOwner {
                side: Side::Database,
                resource: format!("{} {}", database.kind, database.id),
                subnets: Vec::new(),
                ipv6_allowed: false,
                groups: self.groups_of_owner(&database.groups),
            };
            self.template.owners.push(owner);
        }
    }

    fn groups_of_owner(&self, groups: &[GroupRef]) -> Vec<OwnersGroup> {
        let of_output = |id: &GroupId| {
            let label = self.groups.get(id)?;
            let is_of = |output: &&Output| matches!(&output.value, Value::Attribute { of, .. } if of == label);
            self.template.outputs.iter().find(is_of).map(|output| output.id.clone())
        };
        groups
            .iter()
            .map(|group| match group {
                GroupRef::Exported(id) => match self.export.group(id).filter(|group| group.exists) {
                    Some(_) => OwnersGroup::Id(id.to_string()),
                    None => of_output(id).map_or_else(|| OwnersGroup::Id(id.to_string()), OwnersGroup::Output),
                },
                GroupRef::Other { id, .. } => OwnersGroup::Id(id.to_string()),
            })
            .collect()
    }

    pub(super) fn notes(&mut self) {
        let export = self.export;
        let mut notes = Vec::new();
        let has_outbound = |group: &&Group| group.rules.iter().any(|rule| rule.direction == Direction::Egress);
        let without: Vec<&str> = export
            .groups
            .iter()
            .filter(|group| !has_outbound(group))
            .map(|group| group.name.as_str())
            .collect();
        if !without.is_empty() {
            notes.push(format!(
                "A stack that creates {} anew leaves the default outbound rule in it, which has no effect on a database.",
                without.join(", ")
            ));
        }
        if !export.secrets.is_empty() {
            notes.push(
                "The value of a secret is not exported: a stack that creates one anew creates it empty.".to_owned(),
            );
        }
        let imports = |resource: &&Resource| resource.import.is_none();
        let exists = export.groups.iter().any(|group| group.exists);
        let missing: Vec<&str> = self
            .template
            .resources
            .iter()
            .filter(imports)
            .map(|resource| resource.id.as_str())
            .collect();
        if exists && !missing.is_empty() {
            notes.push(format!(
                "These do not exist yet, or their ids could not be read; import the others first, without them: {}.",
                missing.join(", ")
            ));
        }
        let is_resolved = |resource: &&Resource| resource.properties.iter().any(|(_, value)| is_dynamic(value));
        for resource in self.template.resources.iter().filter(is_resolved) {
            notes.push(format!(
                "A text of {} contains {{{{resolve:, which CloudFormation replaces by the value of a parameter or a secret: check it before you use this template.",
                resource.id
            ));
        }
        notes.extend(export.left_out.iter().map(|left| format!("Not exported: {left}.")));
        notes.extend(export.unread.iter().map(|unread| format!("Not read: {unread}.")));
        self.template.notes = notes;
    }
}

/// Whether CloudFormation would find a dynamic reference in a text.
fn is_dynamic(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.contains("{{resolve:"),
        Value::List(items) => items.iter().any(is_dynamic),
        Value::Object(entries) => entries.iter().any(|(_, value)| is_dynamic(value)),
        Value::Document(entries) => entries.iter().any(|(_, value)| is_dynamic(value)),
        Value::Sub(parts) => parts
            .iter()
            .any(|part| matches!(part, Part::Literal(text) if text.contains("{{resolve:"))),
        _ => false,
    }
}
