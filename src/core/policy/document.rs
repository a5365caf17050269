//! The shape of a policy document, as IAM writes and reads it.
//!
//! Source: the IAM user guide's grammar of the JSON policy language. A list of one may be written without brackets, and is.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A policy document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyDocument {
    /// The version of the language.
    #[serde(default = "version")]
    pub version: String,
    /// What it allows and denies.
    #[serde(deserialize_with = "one_or_many")]
    pub statement: Vec<Statement>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// Whether it allows or denies.
    pub effect: Effect,
    /// For whom, in the policy of a resource or a role's trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    /// Patterns of actions.
    #[serde(default, skip_serializing_if = "Texts::is_empty")]
    pub action: Texts,
    /// Patterns of actions that it is not about.
    #[serde(default, skip_serializing_if = "Texts::is_empty")]
    pub not_action: Texts,
    /// Patterns of resources.
    #[serde(default, skip_serializing_if = "Texts::is_empty")]
    pub resource: Texts,
    /// Patterns of resources that it is not about.
    #[serde(default, skip_serializing_if = "Texts::is_empty")]
    pub not_resource: Texts,
    /// Where it applies.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub condition: Condition,
}

/// By operator and key, the values of which one must fit. All operators and keys must.
pub type Condition = BTreeMap<String, BTreeMap<String, Texts>>;

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Allows.
    Allow,
    /// Denies, whatever else allows.
    Deny,
}

/// For whom a statement is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Principal {
    /// `*`.
    Everyone(String),
    /// By kind: `AWS`, `Service`, `Federated`.
    Of(BTreeMap<String, Texts>),
}

/// One text or several.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Texts(pub Vec<String>);

impl Texts {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The texts in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<T: Into<String>> FromIterator<T> for Texts {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        Self(texts.into_iter().map(Into::into).collect())
    }
}

impl PolicyDocument {
    /// A document of these statements.
    pub fn new(statement: Vec<Statement>) -> Self {
        Self {
            version: version(),
            statement,
        }
    }

    /// The same, with an action that is checked on no resource.
    pub fn allowing(mut self, action: &str) -> Self {
        let plain = Statement::allow([action]).on(["*"]);
        let is_alike = |statement: &&mut Statement| {
            let action = statement.action.clone();
            **statement
                == Statement {
                    action,
                    ..plain.clone()
                }
        };
        match self.statement.iter_mut().find(is_alike) {
            Some(statement) => {
                statement.action.0.push(action.to_owned());
                statement.action.0.sort();
                statement.action.0.dedup();
            }
            None => self.statement.push(plain),
        }
        self
    }

    /// Reads a document.
    ///
    /// # Errors
    ///
    /// It is no policy document.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

impl std::fmt::Display for PolicyDocument {
    /// As JSON, on one line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| std::fmt::Error)?)
    }
}

impl Statement {
    fn new(effect: Effect, actions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            sid: None,
            effect,
            principal: None,
            action: actions.into_iter().collect(),
            not_action: Texts::default(),
            resource: Texts::default(),
            not_resource: Texts::default(),
            condition: BTreeMap::new(),
        }
    }

    /// Allows these actions.
    pub fn allow(actions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(Effect::Allow, actions)
    }

    /// Denies these actions.
    pub fn deny(actions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(Effect::Deny, actions)
    }

    /// On these resources.
    pub fn on(mut self, resources: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.resource = resources.into_iter().collect();
        self
    }

    /// Only where this condition holds too.
    pub fn when(mut self, operator: &str, key: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let keys = self.condition.entry(operator.to_owned()).or_default();
        keys.insert(key.to_owned(), values.into_iter().collect());
        self
    }

    /// For these only, in the policy of a resource.
    pub fn by(mut self, principal: Principal) -> Self {
        self.principal = Some(principal);
        self
    }

    /// By this name.
    pub fn named(mut self, sid: &str) -> Self {
        self.sid = Some(sid.to_owned());
        self
    }
}

/// A value that stands for itself alone in a policy, where `*`, `?` and `${…}` would be patterns and variables.
///
/// Source: the IAM user guide's page on policy variables. IAM reads them in the resource's part of an ARN in `Resource`
/// and `NotResource`, and in the values of conditions on strings, in policies of the version 2012-10-17.
pub fn literal(value: &str) -> String {
    let mut literal = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '*' | '?' | '$' => literal.extend(['$', '{', character, '}']),
            _ => literal.push(character),
        }
    }
    literal
}

fn version() -> String {
    "2012-10-17".to_owned()
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> From<OneOrMany<T>> for Vec<T> {
    fn from(values: OneOrMany<T>) -> Self {
        match values {
            OneOrMany::One(value) => vec![value],
            OneOrMany::Many(values) => values,
        }
    }
}

fn one_or_many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    OneOrMany::deserialize(deserializer).map(Vec::from)
}

/// IAM also takes `true` and `5` where it means `"true"` and `"5"`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Flag(bool),
    Number(serde_json::Number),
}

impl From<Scalar> for String {
    fn from(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Text(text) => text,
            Scalar::Flag(flag) => flag.to_string(),
            Scalar::Number(number) => number.to_string(),
        }
    }
}

impl Serialize for Texts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [text] => text.serialize(serializer),
            texts => texts.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scalars: Vec<Scalar> = one_or_many(deserializer)?;
        Ok(scalars.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_of_one_are_read_and_written_without_brackets() {
        let text =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":["a","b"]}]}"#;
        let document = PolicyDocument::read(text).unwrap();
        assert_eq!(document.to_string(), text);
        let bare = r#"{"Statement": {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["a", "b"]}}"#;
        assert_eq!(PolicyDocument::read(bare).unwrap(), document);
    }

    #[test]
    fn conditions_are_read_in_all_their_forms() {
        let document = json!({"Statement": {
            "Sid": "x", "Effect": "Deny", "NotAction": "s3:*", "NotResource": "*", "Principal": "*",
            "Condition": {"Bool": {"aws:SecureTransport": false}, "NumericLessThan": {"s3:max-keys": [10]}}
        }});
        let document = PolicyDocument::read(&document.to_string()).unwrap();
        let statement = &document.statement[0];
        assert_eq!(statement.condition["Bool"]["aws:SecureTransport"].0, ["false"]);
        assert_eq!(statement.condition["NumericLessThan"]["s3:max-keys"].0, ["10"]);
        assert_eq!(statement.principal, Some(Principal::Everyone("*".into())));
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        for text in [
            "",
            "{}",
            r#"{"Statement": [{"Action": "*"}]}"#,
            r#"{"Statement": [{"Effect": "Maybe"}]}"#,
        ] {
            assert!(PolicyDocument::read(text).is_err(), "{text}");
        }
    }
}
