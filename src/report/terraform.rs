//! An export as Terraform.
//!
//! Source: docs/export.md. One file for each kind of resource; the whole document is these files one after the other.

mod labels;
mod network;
mod proxies;
mod roles;

use std::collections::BTreeMap;

use super::hcl::{Block, Expression, Item, Part, commented, write};
use crate::export::{
    Export, Function, GroupRef, InlinePolicy, Json, OtherProxy, Piece, Reference, RoleRef, SecretRef, Tags, Text,
};
use crate::model::{DatabaseKind, Direction, GroupId, VpcId, last_segment};
use crate::naming::created;
use crate::tags;
use labels::{Labels, label};

/// A file of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportFile {
    /// Its name.
    pub name: &'static str,
    /// What is in it.
    pub content: String,
}

/// The oldest provider in which all that is written exists.
const PROVIDER: &str = ">= 5.0";
/// The same for a proxy that logs in with IAM and no secret: before, the provider demands a block `auth`.
const PROVIDER_FOR_IAM: &str = ">= 6.0";
/// The first Terraform with `import` blocks.
const TERRAFORM: &str = ">= 1.5";

/// The files of an export. The first one is always there.
pub const TERRAFORM_FILES: [&str; 9] = [
    "versions.tf",
    "variables.tf",
    "data.tf",
    "security_groups.tf",
    "secrets.tf",
    "roles.tf",
    "proxies.tf",
    "imports.tf",
    "owners.tf",
];

/// The export in files, none of which is empty.
pub fn terraform(export: &Export) -> Vec<ExportFile> {
    let mut writer = Writer::new(export);
    let groups = writer.security_groups();
    let secrets = writer.secrets();
    let roles = writer.roles();
    let proxies = writer.proxies();
    let owners = writer.owners();
    let parts = [
        writer.versions(),
        std::mem::take(&mut writer.variables).into_values().collect(),
        std::mem::take(&mut writer.data).into_values().collect(),
        groups,
        secrets,
        roles,
        proxies,
        std::mem::take(&mut writer.imports),
        owners,
    ];
    let files = TERRAFORM_FILES.into_iter().zip(parts);
    let files = files.filter(|(_, parts)| !parts.is_empty());
    files
        .map(|(name, parts)| ExportFile {
            name,
            content: write(&spaced(parts)),
        })
        .collect()
}

/// The files of an export as one document.
pub fn document_text(files: &[ExportFile]) -> String {
    let contents: Vec<&str> = files.iter().map(|file| file.content.as_str()).collect();
    contents.join("\n")
}

/// Parts of a file, with an empty line between each two; comments stay with what follows them.
fn spaced(parts: Vec<Item>) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    for part in parts {
        let is_apart = matches!(items.last(), None | Some(Item::Comment(_) | Item::Blank)) || part == Item::Blank;
        if !is_apart {
            items.push(Item::Blank);
        }
        items.push(part);
    }
    items
}

struct Writer<'e> {
    export: &'e Export,
    labels: Labels,
    groups: BTreeMap<&'e GroupId, String>,
    secrets: BTreeMap<&'e str, String>,
    roles: BTreeMap<&'e str, String>,
    proxies: BTreeMap<&'e str, String>,
    /// Variables and data sources that are needed, by what they are named; filled while resources are written.
    variables: BTreeMap<String, Item>,
    data: BTreeMap<(&'static str, String), Item>,
    /// The labels of what was given one by another's name.
    others: BTreeMap<(&'static str, String), String>,
    imports: Vec<Item>,
}

impl<'e> Writer<'e> {
    fn new(export: &'e Export) -> Self {
        let mut labels = Labels::default();
        let region = export.origin.region.clone().unwrap_or_default();
        let groups = export
            .groups
            .iter()
            .map(|group| (&group.id, labels.take("aws_security_group", &group.name)));
        let groups = groups.collect();
        let secrets = export.secrets.iter().map(|secret| {
            let name = secret.name.strip_prefix(created::SECRETS).unwrap_or(&secret.name);
            (secret.arn.as_str(), labels.take("aws_secretsmanager_secret", name))
        });
        let secrets = secrets.collect();
        let beginning = created::roles_of(&region);
        let roles = export.roles.iter().map(|role| {
            let name = role.name.strip_prefix(&beginning).unwrap_or(&role.name);
            (role.name.as_str(), labels.take("aws_iam_role", name))
        });
        let roles = roles.collect();
        let proxies = export
            .proxies
            .iter()
            .map(|proxy| (proxy.name.as_str(), labels.take("aws_db_proxy", &proxy.name)));
        let proxies = proxies.collect();
        Self {
            export,
            labels,
            groups,
            secrets,
            roles,
            proxies,
            variables: BTreeMap::new(),
            data: BTreeMap::new(),
            others: BTreeMap::new(),
            imports: Vec::new(),
        }
    }

    /// What the file is, and which Terraform and provider it is for.
    fn versions(&self) -> Vec<Item> {
        let export = self.export;
        let mut told = vec![
            format!("{}. Written by `autoconnect export`.", export.origin.heading()),
            "Connections:".to_owned(),
        ];
        told.extend(export.connections.iter().map(|made| format!("  {}", made.connection)));
        if !export.left_out.is_empty() {
            told.push("Found and not exported:".to_owned());
            told.extend(export.left_out.iter().map(|why| format!("  {why}")));
        }
        if !export.unread.is_empty() {
            told.push("Not read, so this file may lack something:".to_owned());
            told.extend(export.unread.iter().map(|why| format!("  {why}")));
        }
        let needs_iam = export.proxies.iter().any(crate::export::Proxy::is_iam_to_database);
        let source = vec![
            ("source".to_owned(), Expression::text("hashicorp/aws")),
            (
                "version".to_owned(),
                Expression::text(if needs_iam { PROVIDER_FOR_IAM } else { PROVIDER }),
            ),
        ];
        let mut providers = Block::new("required_providers", &[]);
        providers.set("aws", Expression::Object(source));
        let mut terraform = Block::new("terraform", &[]);
        terraform.set("required_version", Expression::text(TERRAFORM));
        terraform.nest(providers);
        vec![Item::Comment(told.join("\n")), Item::Blank, Item::Block(terraform)]
    }

    fn import(&mut self, address: &str, id: &str) {
        let mut import = Block::new("import", &[]);
        import.set("to", Expression::Verbatim(address.to_owned()));
        import.set("id", Expression::text(id));
        self.imports.push(Item::Block(import));
    }

    /// A variable, which is declared where it is used for the first time.
    fn variable(&mut self, name: &str, description: &str, kind: &str, default: Option<Expression>) -> String {
        self.variables.entry(name.to_owned()).or_insert_with(|| {
            let mut variable = Block::new("variable", &[name]);
            variable.set("description", Expression::text(description));
            variable.set("type", Expression::Verbatim(kind.to_owned()));
            if let Some(default) = default {
                variable.set("default", default);
            }
            Item::Block(variable)
        });
        format!("var.{name}")
    }

    /// The label of something of another owner, by the kind of its block and its name.
    fn other_label(&mut self, kind: &'static str, key: &str, name: &str) -> String {
        let key = (kind, key.to_owned());
        if let Some(known) = self.others.get(&key) {
            return known.clone();
        }
        let label = self.labels.take(kind, name);
        self.others.insert(key, label.clone());
        label
    }

    /// A data source with one argument; its address.
    fn data(&mut self, kind: &'static str, name: &str, argument: &str) -> String {
        let label = match kind {
            "aws_db_proxy" => self.other_label("data aws_db_proxy", name, name),
            "aws_iam_role" => self.other_label("data aws_iam_role", name, name),
            "aws_rds_cluster" => self.other_label("data aws_rds_cluster", name, name),
            _ => self.other_label("data aws_db_instance", name, name),
        };
        let mut block = Block::new("data", &[kind, &label]);
        block.set(argument, Expression::text(name));
        self.data.insert((kind, label.clone()), Item::Block(block));
        format!("data.{kind}.{label}")
    }

    fn vpc(&mut self, vpc: &VpcId) -> Expression {
        let is_only = self.export.vpcs() == [vpc];
        let name = if is_only {
            "vpc_id".to_owned()
        } else {
            format!("{}_id", label(vpc.as_str()))
        };
        let default = (!vpc.as_str().is_empty()).then(|| Expression::text(vpc.as_str()));
        let reference = self.variable(&name, "The VPC of the security groups", "string", default);
        Expression::Verbatim(reference)
    }

    fn region(&mut self) -> String {
        let default = self.export.origin.region.as_deref().map(Expression::text);
        self.variable("region", "The AWS Region", "string", default)
    }

    fn account(&mut self) -> String {
        let default = self.export.origin.account.as_deref().map(Expression::text);
        self.variable("account_id", "The AWS account", "string", default)
    }

    /// A group in an expression.
    fn group(&mut self, group: &GroupRef) -> Expression {
        match group {
            GroupRef::Exported(id) => Expression::Verbatim(self.group_id(id)),
            // A variable for a group of another account would only hide whose it is.
            GroupRef::Other {
                id,
                account: Some(account),
                ..
            } => Expression::text(&format!("{account}/{id}")),
            GroupRef::Other { id, name, .. } => {
                let name = name.as_deref().unwrap_or(id.as_str());
                let label = self.other_label("variable", id.as_str(), &format!("{name}_security_group"));
                let description = format!("Security group {name} of another owner");
                let default = Some(Expression::text(id.as_str()));
                Expression::Verbatim(self.variable(&format!("{label}_id"), &description, "string", default))
            }
        }
    }

    fn group_id(&self, id: &GroupId) -> String {
        let label = self.groups.get(id).map_or("unnamed", String::as_str);
        format!("aws_security_group.{label}.id")
    }

    fn secret(&mut self, secret: &SecretRef) -> String {
        let (SecretRef::Exported(arn) | SecretRef::Other(arn)) = secret;
        self.reference(&Reference::SecretArn(arn.clone()))
    }

    fn role_arn(&mut self, role: &RoleRef) -> Expression {
        Expression::Verbatim(match role {
            RoleRef::Exported(name) => self.reference(&Reference::RoleArn(name.clone())),
            RoleRef::Other(arn) => format!("{}.arn", self.data("aws_iam_role", last_segment(arn), "name")),
        })
    }

    /// A reference as Terraform writes it.
    fn reference(&mut self, reference: &Reference) -> String {
        match reference {
            Reference::Account => self.account(),
            Reference::Region => self.region(),
            Reference::Vpc(vpc) => match self.vpc(vpc) {
                Expression::Verbatim(text) => text,
                _ => String::new(),
            },
            Reference::GroupId(id) => self.group_id(id),
            Reference::SecretArn(arn) => {
                if let Some(label) = self.secrets.get(arn.as_str()) {
                    return format!("aws_secretsmanager_secret.{label}.arn");
                }
                let name = secret_name(arn);
                let label = self.other_label("variable", arn, &format!("{name}_secret"));
                let description = format!("Secret {name} of another owner");
                let default = Some(Expression::text(arn));
                self.variable(&format!("{label}_arn"), &description, "string", default)
            }
            Reference::RoleName(name) => format!("aws_iam_role.{}.name", self.role_label(name)),
            Reference::RoleArn(name) => format!("aws_iam_role.{}.arn", self.role_label(name)),
            Reference::ProxyResourceId(name) => {
                let address = match self.proxies.get(name.as_str()) {
                    Some(label) => format!("aws_db_proxy.{label}"),
                    None => self.data("aws_db_proxy", name, "name"),
                };
                format!("split(\":\", {address}.arn)[6]")
            }
            Reference::DatabaseResourceId(DatabaseKind::Cluster, id) => {
                format!(
                    "{}.cluster_resource_id",
                    self.data("aws_rds_cluster", id, "cluster_identifier")
                )
            }
            Reference::DatabaseResourceId(DatabaseKind::Instance, id) => {
                format!(
                    "{}.resource_id",
                    self.data("aws_db_instance", id, "db_instance_identifier")
                )
            }
        }
    }

    fn role_label(&self, name: &str) -> String {
        self.roles.get(name).cloned().unwrap_or_default()
    }

    fn text(&mut self, text: &Text) -> Expression {
        if let [Piece::Reference(reference)] = text.0.as_slice() {
            return Expression::Verbatim(self.reference(reference));
        }
        let parts = text.0.iter().map(|piece| match piece {
            Piece::Literal(text) => Part::Literal(text.clone()),
            Piece::Reference(reference) => Part::Interpolation(self.reference(reference)),
        });
        Expression::Text(parts.collect())
    }

    fn json(&mut self, json: &Json) -> Expression {
        match json {
            Json::Null => Expression::Null,
            Json::Bool(value) => Expression::Bool(*value),
            Json::Number(value) => Expression::Number(value.to_string()),
            Json::Text(text) => self.text(text),
            Json::Array(items) => {
                let is_flat = items
                    .iter()
                    .all(|item| !matches!(item, Json::Object(_) | Json::Array(_)));
                let items = items.iter().map(|item| self.json(item)).collect();
                if is_flat {
                    Expression::List(items)
                } else {
                    Expression::Lines(items)
                }
            }
            Json::Object(entries) => {
                let entries = entries.iter().map(|(key, value)| (key.clone(), self.json(value)));
                Expression::Object(entries.collect())
            }
        }
    }

    /// A policy document.
    fn document(&mut self, document: &Json) -> Expression {
        let written = self.json(document);
        match document {
            // What is no JSON was kept as a text.
            Json::Text(_) => written,
            _ => Expression::Call("jsonencode", Box::new(written)),
        }
    }
}

/// The name of a secret, from its ARN, without the six characters that Secrets Manager appends.
fn secret_name(arn: &str) -> &str {
    const SUFFIX: usize = 7;
    let name = arn.splitn(7, ':').nth(6).unwrap_or(arn);
    let end = name.len().saturating_sub(SUFFIX);
    if name.is_char_boundary(end) && name[end..].starts_with('-') {
        &name[..end]
    } else {
        name
    }
}

/// Tags, if there are any.
fn tags_of(tags: &Tags) -> Option<Item> {
    let entries: Vec<(String, Expression)> = tags
        .iter()
        .map(|(key, value)| (key.clone(), Expression::text(value)))
        .collect();
    (!entries.is_empty()).then(|| Item::Attribute("tags".to_owned(), Expression::Object(entries)))
}

/// What a change of these attributes is no reason for.
fn ignoring(attributes: &[&str]) -> Block {
    let list = attributes
        .iter()
        .map(|attribute| Expression::Verbatim((*attribute).to_owned()));
    let mut lifecycle = Block::new("lifecycle", &[]);
    lifecycle.set("ignore_changes", Expression::List(list.collect()));
    lifecycle
}
