//! A resource on one side of a change: its attributes, with what is known only after apply.

use std::collections::BTreeSet;

use serde_json::Value;

use super::plan::{Change, Plan};
use super::references::Named;
use crate::impact::future::{Ids, Known};

/// The attributes of a resource, or of a block in it.
#[derive(Clone, Copy)]
pub(super) struct Side<'p> {
    plan: &'p Plan,
    change: &'p Change,
    values: &'p Value,
    unknown: &'p Value,
    /// The expressions in the configuration.
    expressions: &'p Value,
    /// The values before, for lists of which the plan shows only what they name.
    before: &'p Value,
}

impl<'p> Side<'p> {
    /// The resource before the change.
    pub(super) fn before(plan: &'p Plan, change: &'p Change) -> Self {
        Self {
            plan,
            change,
            values: &change.before,
            unknown: &Value::Null,
            expressions: &Value::Null,
            before: &Value::Null,
        }
    }

    /// The resource after the change.
    pub(super) fn after(plan: &'p Plan, change: &'p Change) -> Self {
        Self {
            plan,
            change,
            values: &change.after,
            unknown: &change.unknown,
            expressions: plan.expressions(change),
            before: &change.before,
        }
    }

    /// The resource after the change; before it if it is deleted.
    pub(super) fn latest(plan: &'p Plan, change: &'p Change) -> Self {
        if change.after.is_object() {
            Self::after(plan, change)
        } else {
            Self::before(plan, change)
        }
    }

    /// Its first block of this name.
    pub(super) fn block(self, key: &str) -> Option<Self> {
        let values = self.values.get(key)?.get(0)?;
        let unknown = match self.unknown.get(key) {
            Some(Value::Array(blocks)) => blocks.first().unwrap_or(&Value::Null),
            Some(unknown) => unknown,
            None => &Value::Null,
        };
        Some(Self {
            values,
            unknown,
            expressions: self
                .expressions
                .get(key)
                .and_then(|blocks| blocks.get(0))
                .unwrap_or(&Value::Null),
            before: self
                .before
                .get(key)
                .and_then(|blocks| blocks.get(0))
                .unwrap_or(&Value::Null),
            ..self
        })
    }

    /// Whether an attribute as a whole is known only after apply.
    pub(super) fn is_unknown(self, key: &str) -> bool {
        *self.unknown == Value::Bool(true) || self.unknown.get(key) == Some(&Value::Bool(true))
    }

    /// Whether an attribute, or a part of it, is known only after apply.
    pub(super) fn has_unknown(self, key: &str) -> bool {
        fn any(unknown: &Value) -> bool {
            match unknown {
                Value::Bool(unknown) => *unknown,
                Value::Array(values) => values.iter().any(any),
                Value::Object(fields) => fields.values().any(any),
                _ => false,
            }
        }
        *self.unknown == Value::Bool(true) || self.unknown.get(key).is_some_and(any)
    }

    /// Whether the configuration sets an attribute.
    pub(super) fn is_configured(self, key: &str) -> bool {
        self.expressions.get(key).is_some() || self.expressions.is_null()
    }

    /// Whether an attribute differs from what it was.
    pub(super) fn differs(self, key: &str) -> bool {
        self.has_unknown(key) || self.before.get(key) != self.values.get(key)
    }

    /// The value of an attribute as it is written.
    pub(super) fn value(self, key: &str) -> &'p Value {
        self.values.get(key).unwrap_or(&Value::Null)
    }

    /// Which values of it are known only after apply.
    pub(super) fn unknown_of(self, key: &str) -> &'p Value {
        self.unknown.get(key).unwrap_or(&Value::Null)
    }

    /// What is said of an attribute that is known only after apply.
    pub(super) fn why(self, key: &str) -> String {
        format!("{key} of {} is known only after apply", self.change.address)
    }

    /// A single value as a text; none where it is not set.
    pub(super) fn text(self, key: &str) -> Known<Option<String>> {
        if self.is_unknown(key) {
            if !self.is_configured(key) {
                // AWS, or the provider, gives it a value.
                return Ok(None);
            }
            let named = self.named(key);
            return match (named.ids.as_slice(), named.only_later()) {
                ([_], Some(id)) => Ok(Some(id.to_owned())),
                _ => Err(self.why(key)),
            };
        }
        Ok(text(self.value(key)))
    }

    /// A single value that has to be there.
    pub(super) fn needed(self, key: &str) -> Known<String> {
        let text = self.text(key)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| format!("{} has no {key}", self.change.address))
    }

    /// The id of what is changed; of a default one, which is taken over, under its own key.
    pub(super) fn own_id(self, of_default: Option<&str>) -> Known<String> {
        match of_default {
            Some(key) => self.needed(key),
            None if self.change.creates() => Ok(self.change.placeholder.clone()),
            None => self.needed("id"),
        }
    }

    /// A flag; none where it is not set.
    pub(super) fn flag(self, key: &str) -> Known<Option<bool>> {
        Ok(self.text(key)?.map(|text| text == "true"))
    }

    /// Whether an attribute is shown as it was, although its expression is known only after apply: so the provider plans what
    /// AWS gives a value, too.
    pub(super) fn is_kept(self, key: &str) -> bool {
        !self.differs(key) && self.named(key).is_later
    }

    /// What the expression of an attribute names.
    pub(super) fn named(self, key: &str) -> Named {
        let expression = self.expressions.get(key).unwrap_or(&Value::Null);
        self.plan.named(self.change, expression)
    }

    /// A list of ids; none where it is not set.
    ///
    /// Of a list that is known only after apply, the plan shows what its expression names, but neither the expression nor ids
    /// that stand in it literally. What is named may be in the list, or only be what decides, or be in a branch that is not
    /// taken. Certain is the only one that is known only after apply: without it, Terraform would know the list. Of ids that are
    /// not named, those that were in the list before may be in it; if all that were are named, there are no others.
    pub(super) fn ids(self, key: &str) -> Option<Ids> {
        let why = || self.why(key);
        if self.is_unknown(key) {
            let named = self.named(key);
            let before: BTreeSet<String> = texts(self.before.get(key)).into_iter().collect();
            let named_before: BTreeSet<&String> = named.ids.iter().filter_map(|named| named.before.as_ref()).collect();
            let is_all = !before.is_empty() && before.iter().all(|id| named_before.contains(id));
            let certain: Vec<String> = named.only_later().map(str::to_owned).into_iter().collect();
            // Values of variables that decide are no ids.
            let ids = named.ids.iter().map(|named| named.id.clone());
            let ids: Vec<String> = ids
                .filter(|id| id.starts_with("sg-") || id.starts_with("subnet-"))
                .collect();
            let is_partial = named.is_partial || ids.is_empty();
            return Some(Ids {
                fewer: ids
                    .iter()
                    .any(|id| !certain.contains(id))
                    .then(|| format!("{}: what its expression names may be in it, or not", why())),
                more: (is_partial || !is_all).then(why),
                are_old: !is_partial && !before.is_empty(),
                certain,
                ids,
            });
        }
        let values = self.value(key).as_array()?;
        let mut ids = texts(self.values.get(key));
        let unknown = match self.unknown_of(key) {
            Value::Array(elements) => elements.iter().filter(|unknown| **unknown == Value::Bool(true)).count(),
            _ => 0,
        };
        let mut more = None;
        if unknown > 0 {
            let named = self.named(key);
            let new: Vec<String> = named
                .ids
                .into_iter()
                .filter(|named| named.is_later && !ids.contains(&named.id))
                .map(|named| named.id)
                .collect();
            if named.is_partial || new.len() != unknown {
                more = Some(why());
            } else {
                ids.extend(new);
            }
        } else if values.len() != ids.len() {
            more = Some(why());
        }
        Some(Ids {
            ids,
            more,
            ..Ids::default()
        })
    }
}

/// A single value as a text.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The texts in a list.
pub(super) fn texts(list: Option<&Value>) -> Vec<String> {
    let values = list.and_then(Value::as_array).into_iter().flatten();
    values.filter_map(text).collect()
}
