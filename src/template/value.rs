//! A value of a template, resolved as far as it can be.

use std::collections::BTreeMap;

/// A value of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text or a number, as it is written.
    Text(String),
    /// True or false.
    Flag(bool),
    /// A list.
    List(Vec<Value>),
    /// A table.
    Table(BTreeMap<String, Value>),
    /// An attribute of a resource of the template, or what `Ref` gives of it.
    Of {
        /// The resource's name in the template.
        resource: String,
        /// The attribute; none for `Ref`.
        attribute: Option<String>,
    },
    /// No value: what stands here is left out, as `AWS::NoValue` says.
    Nothing,
    /// It depends on what is not known, and on what.
    Unknown(String),
}

impl Value {
    /// A text or a number.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The field of a table. What is not known has fields that are not known; anything else has none.
    pub fn field(&self, key: &str) -> &Self {
        match self {
            Self::Table(fields) => fields.get(key).unwrap_or(&Self::Nothing),
            Self::Unknown(_) => self,
            _ => &Self::Nothing,
        }
    }

    /// The elements of a list; a single value is a list of it, as CloudFormation takes it.
    pub fn elements(&self) -> &[Self] {
        match self {
            Self::List(values) => values,
            Self::Nothing => &[],
            other => std::slice::from_ref(other),
        }
    }

    /// Why it is not known, if it is not, or a part of it is not.
    pub fn doubt(&self) -> Option<&str> {
        match self {
            Self::Unknown(why) => Some(why),
            Self::List(values) => values.iter().find_map(Self::doubt),
            Self::Table(fields) => fields.values().find_map(Self::doubt),
            Self::Text(_) | Self::Flag(_) | Self::Of { .. } | Self::Nothing => None,
        }
    }
}
