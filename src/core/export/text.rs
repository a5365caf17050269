//! Text in which references to resources stand: the same for every format.

use serde_json::{Number, Value};

use crate::model::{DatabaseKind, GroupId, VpcId};

/// An attribute of a resource, which a format writes in its own way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// The account's id.
    Account,
    /// The Region.
    Region,
    /// The id of a VPC.
    Vpc(VpcId),
    /// The id of an exported group.
    GroupId(GroupId),
    /// The ARN of a secret, which is named by its ARN here: of an exported one, or of one of another owner with which an
    /// exported proxy logs in.
    SecretArn(String),
    /// The name of an exported role.
    RoleName(String),
    /// The ARN of an exported role, which is named by its name here.
    RoleArn(String),
    /// `prx-…`, by which IAM names a proxy, which is named by its name here; also of a proxy of another owner.
    ProxyResourceId(String),
    /// `cluster-…` or `db-…`, by which IAM names a database.
    DatabaseResourceId(DatabaseKind, String),
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// As it is.
    Literal(String),
    /// The value of an attribute.
    Reference(Reference),
}

/// A value that is replaced by a reference where it is found between these two texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// What comes right before it.
    pub before: String,
    /// The value; not empty.
    pub value: String,
    /// What comes right after it.
    pub after: String,
    /// The attribute.
    pub reference: Reference,
}

impl Known {
    /// A value between two texts.
    pub fn between(before: &str, value: &str, after: &str, reference: Reference) -> Self {
        Self {
            before: before.to_owned(),
            value: value.to_owned(),
            after: after.to_owned(),
            reference,
        }
    }

    /// The rest of a text that begins with it, after the value.
    fn begins<'t>(&self, text: &'t str) -> Option<&'t str> {
        let after = text
            .strip_prefix(self.before.as_str())?
            .strip_prefix(self.value.as_str())?;
        (!self.value.is_empty() && after.starts_with(self.after.as_str())).then_some(after)
    }
}

/// A text with references in it. No piece is an empty literal, and no two literals follow each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub Vec<Piece>);

impl Text {
    /// A text without references.
    pub fn literal(text: &str) -> Self {
        let mut made = Self::default();
        made.push(text);
        made
    }

    fn push(&mut self, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Literal(before)) => before.push_str(text),
            _ => self.0.push(Piece::Literal(text.to_owned())),
        }
    }

    /// A text in which each of these values is replaced by its reference. Of two that begin at one place the longer counts.
    pub fn refer(text: &str, values: &[Known]) -> Self {
        let mut made = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            let here = values.iter().filter_map(|known| Some((known, known.begins(rest)?)));
            if let Some((known, after)) = here.min_by_key(|(_, after)| after.len()) {
                made.push(&known.before);
                made.0.push(Piece::Reference(known.reference.clone()));
                rest = after;
            } else {
                let next = rest.chars().next().map_or(rest.len(), char::len_utf8);
                made.push(&rest[..next]);
                rest = &rest[next..];
            }
        }
        made
    }
}

/// A JSON document with references in its texts. The keys of objects are in the order in which people write policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text. As the whole of a document, one that is no JSON.
    Text(Text),
    /// A list.
    Array(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

/// The keys of policies, in the order in which people write them. Others follow in the order of the alphabet.
const KEYS: [&str; 11] = [
    "Version",
    "Id",
    "Statement",
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "Condition",
];

impl Json {
    /// Reads a document, and replaces each of these values in its texts by its reference. What is no JSON is one text.
    pub fn refer(document: &str, values: &[Known]) -> Self {
        match serde_json::from_str(document) {
            Ok(value) => Self::of(value, values),
            Err(_) => Self::Text(Text::literal(document)),
        }
    }

    fn of(value: Value, values: &[Known]) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(value) => Self::Number(value),
            Value::String(text) => Self::Text(Text::refer(&text, values)),
            Value::Array(items) => Self::Array(items.into_iter().map(|item| Self::of(item, values)).collect()),
            Value::Object(entries) => {
                let mut entries: Vec<(String, Self)> = entries
                    .into_iter()
                    .map(|(key, value)| (key, Self::of(value, values)))
                    .collect();
                let rank = |key: &str| KEYS.iter().position(|known| *known == key).unwrap_or(KEYS.len());
                entries.sort_by(|(a, _), (b, _)| (rank(a), a).cmp(&(rank(b), b)));
                Self::Object(entries)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Piece {
        Piece::Literal(text.to_owned())
    }

    #[test]
    fn values_become_references_wherever_they_stand() {
        let values = [
            Known::between(":", "eu-central-1", ":12:", Reference::Region),
            Known::between(":", "12", ":", Reference::Account),
            Known::between("", "prx-1", "", Reference::ProxyResourceId("p".to_owned())),
            Known::between("", "prx-12", "", Reference::ProxyResourceId("q".to_owned())),
            Known::between("", "", "", Reference::Account),
        ];
        let table = [
            ("", vec![]),
            ("none", vec![literal("none")]),
            (
                "arn:eu-central-1:12:eu-central-1",
                vec![
                    literal("arn:"),
                    Piece::Reference(Reference::Region),
                    literal(":"),
                    Piece::Reference(Reference::Account),
                    literal(":eu-central-1"),
                ],
            ),
            (
                "dbuser:prx-12/ä",
                vec![
                    literal("dbuser:"),
                    Piece::Reference(Reference::ProxyResourceId("q".to_owned())),
                    literal("/ä"),
                ],
            ),
            (
                "prx-1prx-1",
                vec![
                    Piece::Reference(Reference::ProxyResourceId("p".to_owned())),
                    Piece::Reference(Reference::ProxyResourceId("p".to_owned())),
                ],
            ),
        ];
        for (text, pieces) in table {
            assert_eq!(Text::refer(text, &values).0, pieces, "{text}");
        }
    }

    #[test]
    fn policies_have_their_keys_in_the_usual_order() {
        let Json::Object(entries) = Json::refer(r#"{"Statement": [], "Zeta": 1, "Id": "x", "Version": "v"}"#, &[])
        else {
            panic!("it is an object");
        };
        let keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["Version", "Id", "Statement", "Zeta"]);
        assert_eq!(Json::refer("{", &[]), Json::Text(Text::literal("{")));
    }
}
