//! Documents and texts with references to what is in the template.

use super::super::{Part, Value};
use super::Builder;
use crate::export::{Json, Piece, Reference, Text};
use crate::model::last_segment;

impl Builder<'_> {
    pub(super) fn document(&self, document: &Json) -> Value {
        match document {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => number
                .as_i64()
                .map_or_else(|| Value::Text(number.to_string()), Value::Number),
            Json::Text(text) => self.sub(text),
            Json::Array(items) => Value::List(items.iter().map(|item| self.document(item)).collect()),
            Json::Object(entries) => {
                let entries = entries.iter().map(|(key, value)| (key.clone(), self.document(value)));
                Value::Document(entries.collect())
            }
        }
    }

    fn sub(&self, text: &Text) -> Value {
        let mut parts: Vec<Part> = Vec::new();
        for piece in &text.0 {
            let part = match piece {
                Piece::Literal(text) => Part::Literal(text.clone()),
                Piece::Reference(reference) => self.part(reference),
            };
            match (parts.last_mut(), part) {
                (Some(Part::Literal(before)), Part::Literal(more)) => before.push_str(&more),
                (_, part) => parts.push(part),
            }
        }
        match parts.as_slice() {
            [] => Value::text(""),
            [Part::Literal(text)] => Value::text(text),
            [Part::Attribute { of, name }] => Value::Attribute { of: of.clone(), name },
            [Part::Ref(id)] => Value::Ref(id.clone()),
            _ => Value::Sub(parts),
        }
    }

    fn part(&self, reference: &Reference) -> Part {
        match reference {
            Reference::Account => Part::Pseudo("AWS::AccountId"),
            Reference::Region => Part::Pseudo("AWS::Region"),
            Reference::Vpc(vpc) => match self.vpcs.get(vpc) {
                Some(id) => Part::Ref(id.clone()),
                None => Part::Literal(vpc.to_string()),
            },
            Reference::GroupId(group) => match self.groups.get(group) {
                Some(id) => Part::Attribute {
                    of: id.clone(),
                    name: "GroupId",
                },
                None => Part::Literal(group.to_string()),
            },
            Reference::SecretArn(arn) => match self.secrets.get(arn.as_str()) {
                Some(id) => Part::Ref(id.clone()),
                None => Part::Literal(arn.clone()),
            },
            Reference::RoleName(name) => match self.roles.get(name.as_str()) {
                Some(id) => Part::Ref(id.clone()),
                None => Part::Literal(name.clone()),
            },
            Reference::RoleArn(name) => match self.roles.get(name.as_str()) {
                Some(id) => Part::Attribute {
                    of: id.clone(),
                    name: "Arn",
                },
                None => Part::Literal(name.clone()),
            },
            Reference::ProxyResourceId(name) => match self.proxies.get(name.as_str()) {
                Some(id) => Part::ProxyId(id.clone()),
                None => Part::Literal(self.id_of_other_proxy(name)),
            },
            Reference::DatabaseResourceId(kind, id) => {
                let mut databases = self.export.databases.iter();
                let database = databases.find(|database| database.kind == *kind && database.id == *id);
                let resource = database.and_then(|database| database.resource_id.clone());
                Part::Literal(resource.unwrap_or_else(|| id.clone()))
            }
        }
    }

    fn id_of_other_proxy(&self, name: &str) -> String {
        let other = self.export.other_proxies.iter().find(|proxy| proxy.name == name);
        other.map_or_else(|| name.to_owned(), |proxy| last_segment(&proxy.arn).to_owned())
    }
}
