//! The functions and conditions of a template.
//!
//! Source: CloudFormation user guide, "Intrinsic function reference" and "Pseudo parameters reference".

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use super::{Inputs, Value};
use crate::manifest::text::{Field, Found, Node, flag_of_template, shown};

/// How many conditions may depend on one another in a row. CloudFormation needs a few.
const DEEPEST_CONDITION: usize = 100;

/// Whether a condition holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    Known(bool),
    /// It depends on what is not known, and on what.
    Unknown(String),
}

/// What values are resolved by.
pub(super) struct Resolver<'i> {
    parameters: BTreeMap<String, Value>,
    mappings: BTreeMap<String, Node>,
    conditions: BTreeMap<String, Node>,
    /// The names of resources.
    resources: BTreeSet<String>,
    inputs: &'i Inputs,
    /// Conditions that were judged. One that is being judged is not known: it would depend on itself.
    judged: RefCell<BTreeMap<String, Truth>>,
    /// How many conditions are being judged.
    judging: Cell<usize>,
}

impl<'i> Resolver<'i> {
    pub(super) fn new(
        parameters: BTreeMap<String, Value>,
        mappings: Vec<Field>,
        conditions: Vec<Field>,
        resources: BTreeSet<String>,
        inputs: &'i Inputs,
    ) -> Self {
        let by_key = |fields: Vec<Field>| fields.into_iter().map(|field| (field.key, field.node)).collect();
        Self {
            parameters,
            mappings: by_key(mappings),
            conditions: by_key(conditions),
            resources,
            inputs,
            judged: RefCell::default(),
            judging: Cell::default(),
        }
    }

    /// A value with its functions resolved.
    pub(super) fn value(&self, node: &Node) -> Value {
        match &node.found {
            Found::Text(text) => literal(text),
            Found::Number(text) => Value::Text(text.clone()),
            Found::Flag(flag) => Value::Flag(*flag),
            Found::Nothing | Found::Other(_) => Value::Nothing,
            Found::List(nodes) => self.list(nodes),
            Found::Table(fields) => match fields.as_slice() {
                [field] if field.key == "Ref" || field.key.starts_with("Fn::") => {
                    self.function(&field.key, &field.node)
                }
                fields => self.table(fields),
            },
        }
    }

    fn list(&self, nodes: &[Node]) -> Value {
        let values = nodes.iter().map(|node| self.value(node));
        Value::List(values.filter(|value| *value != Value::Nothing).collect())
    }

    fn table(&self, fields: &[Field]) -> Value {
        if let Some(field) = fields.iter().find(|field| field.key.starts_with("Fn::")) {
            return Value::Unknown(format!("{} is not resolved", shown(&field.key)));
        }
        let fields = fields.iter().map(|field| (field.key.clone(), self.value(&field.node)));
        Value::Table(fields.filter(|(_, value)| *value != Value::Nothing).collect())
    }

    fn function(&self, name: &str, argument: &Node) -> Value {
        let arguments = match &argument.found {
            Found::List(nodes) => nodes.as_slice(),
            _ => std::slice::from_ref(argument),
        };
        let resolved = match (name, arguments) {
            ("Ref", [name]) => text_of(name).map(|name| self.reference(name)),
            ("Fn::GetAtt", arguments) => self.attribute(arguments),
            ("Fn::If", [condition, then, otherwise]) => self
                .condition_name(condition)
                .map(|condition| self.choice(condition, then, otherwise)),
            ("Fn::Sub", [text]) => text_of(text).map(|text| self.substituted(text, &BTreeMap::new())),
            ("Fn::Sub", [text, names]) => match (text_of(text), &names.found) {
                (Some(text), Found::Table(names)) => {
                    let names = names.iter().map(|field| (field.key.as_str(), self.value(&field.node)));
                    Some(self.substituted(text, &names.collect()))
                }
                _ => None,
            },
            ("Fn::Join", [delimiter, list]) => text_of(delimiter).map(|delimiter| joined(delimiter, &self.value(list))),
            ("Fn::Split", [delimiter, text]) => text_of(delimiter).map(|delimiter| split(delimiter, self.value(text))),
            ("Fn::Select", [index, list]) => Some(selected(&self.value(index), self.value(list))),
            ("Fn::FindInMap", [map, top, second, rest @ ..]) => {
                Some(self.found_in_map(&[map, top, second].map(|node| self.value(node)), rest))
            }
            _ => None,
        };
        resolved.unwrap_or_else(|| Value::Unknown(format!("{} is not resolved", shown(name))))
    }

    /// What `Ref` gives.
    fn reference(&self, name: &str) -> Value {
        let inputs = self.inputs;
        let known =
            |value: Option<String>| value.map_or_else(|| Value::Unknown(format!("{name} is not known")), Value::Text);
        let region = inputs.region.as_deref();
        match name {
            "AWS::AccountId" => known(inputs.account.clone()),
            "AWS::Region" => known(inputs.region.clone()),
            "AWS::StackName" => known(inputs.stack.clone()),
            "AWS::Partition" => known(region.and_then(partition).map(|(partition, _)| partition.to_owned())),
            "AWS::URLSuffix" => known(region.and_then(partition).map(|(_, suffix)| suffix.to_owned())),
            "AWS::NoValue" => Value::Nothing,
            _ if name.starts_with("AWS::") => known(None),
            _ => match self.parameters.get(name) {
                Some(value) => value.clone(),
                None => self.of_resource(name, None),
            },
        }
    }

    fn of_resource(&self, name: &str, attribute: Option<&str>) -> Value {
        if !self.resources.contains(name) {
            return Value::Unknown(format!("the template has no parameter or resource {}", shown(name)));
        }
        Value::Of {
            resource: name.to_owned(),
            attribute: attribute.map(str::to_owned),
        }
    }

    fn attribute(&self, arguments: &[Node]) -> Option<Value> {
        match arguments {
            [both] => {
                let (name, attribute) = text_of(both)?.split_once('.')?;
                Some(self.of_resource(name, Some(attribute)))
            }
            [name, attribute] => {
                let name = text_of(name)?;
                Some(match self.value(attribute) {
                    Value::Text(attribute) => self.of_resource(name, Some(&attribute)),
                    Value::Unknown(why) => Value::Unknown(why),
                    _ => return None,
                })
            }
            _ => None,
        }
    }

    fn choice(&self, condition: &str, then: &Node, otherwise: &Node) -> Value {
        match self.condition(condition) {
            Truth::Known(true) => self.value(then),
            Truth::Known(false) => self.value(otherwise),
            Truth::Unknown(why) => {
                let (then, otherwise) = (self.value(then), self.value(otherwise));
                if then == otherwise { then } else { Value::Unknown(why) }
            }
        }
    }

    /// The name of a condition. A name such as `No` is read as a flag: it stands for the only condition whose name is read as
    /// the same flag.
    pub(super) fn condition_name<'n>(&'n self, node: &'n Node) -> Option<&'n str> {
        let Found::Flag(flag) = node.found else {
            return text_of(node);
        };
        let mut names = self.conditions.keys();
        let name = names.find(|name| flag_of_template(name) == Some(flag))?;
        let is_only = !names.any(|name| flag_of_template(name) == Some(flag));
        is_only.then_some(name)
    }

    /// Whether a condition of the template holds.
    pub(super) fn condition(&self, name: &str) -> Truth {
        let Some(node) = self.conditions.get(name) else {
            return Truth::Unknown(format!("the template has no condition {}", shown(name)));
        };
        if let Some(judged) = self.judged.borrow().get(name) {
            return judged.clone();
        }
        if self.judging.get() == DEEPEST_CONDITION {
            return Truth::Unknown("too many conditions depend on one another".to_owned());
        }
        let itself = Truth::Unknown(format!("condition {} depends on itself", shown(name)));
        self.judged.borrow_mut().insert(name.to_owned(), itself);
        self.judging.set(self.judging.get() + 1);
        let truth = self.truth(node);
        self.judging.set(self.judging.get() - 1);
        self.judged.borrow_mut().insert(name.to_owned(), truth.clone());
        truth
    }

    fn truth(&self, node: &Node) -> Truth {
        let unknown = || Truth::Unknown("a condition of the template is not understood".to_owned());
        let Found::Table(fields) = &node.found else {
            return unknown();
        };
        let [Field { key, node, .. }] = fields.as_slice() else {
            return unknown();
        };
        let arguments = match &node.found {
            Found::List(nodes) => nodes.as_slice(),
            _ => std::slice::from_ref(node),
        };
        match (key.as_str(), arguments) {
            ("Condition", [name]) => self
                .condition_name(name)
                .map_or_else(unknown, |name| self.condition(name)),
            ("Fn::Equals", [one, other]) => equal(&self.value(one), &self.value(other)),
            ("Fn::Not", [one]) => match self.truth(one) {
                Truth::Known(truth) => Truth::Known(!truth),
                unknown @ Truth::Unknown(_) => unknown,
            },
            ("Fn::And", all) => self.all(all, true),
            ("Fn::Or", all) => self.all(all, false),
            _ => unknown(),
        }
    }

    /// Whether all are `neutral`. One that is not decides the result, even if others are unknown.
    fn all(&self, nodes: &[Node], neutral: bool) -> Truth {
        let mut all = Truth::Known(neutral);
        for node in nodes {
            match self.truth(node) {
                Truth::Known(truth) if truth != neutral => return Truth::Known(truth),
                Truth::Known(_) => {}
                unknown @ Truth::Unknown(_) => all = unknown,
            }
        }
        all
    }

    /// `Fn::Sub`. A text that is one name and nothing else has the value of it.
    fn substituted(&self, text: &str, names: &BTreeMap<&str, Value>) -> Value {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, after)) = after.split_once('}') else {
                break;
            };
            push_text(&mut parts, before);
            if let Some(written) = name.strip_prefix('!') {
                push_text(&mut parts, &format!("${{{written}}}"));
            } else {
                let name = name.trim();
                parts.push(match (names.get(name), name.split_once('.')) {
                    (Some(value), _) => value.clone(),
                    (None, Some((resource, attribute))) => self.of_resource(resource, Some(attribute)),
                    (None, None) => self.reference(name),
                });
            }
            rest = after;
        }
        push_text(&mut parts, rest);
        together(parts, "")
    }

    fn found_in_map(&self, keys: &[Value; 3], rest: &[Node]) -> Value {
        if let Some(why) = keys.iter().find_map(Value::doubt) {
            return Value::Unknown(why.to_owned());
        }
        let [Some(map), Some(top), Some(second)] = keys.each_ref().map(Value::text) else {
            return Value::Unknown("Fn::FindInMap is not resolved".to_owned());
        };
        let found = self.mappings.get(map).and_then(|map| below(map, top));
        match found.and_then(|map| below(map, second)) {
            Some(node) => plain(node),
            None => match rest {
                [node] => match self.value(node) {
                    Value::Table(mut fields) => fields.remove("DefaultValue").unwrap_or(Value::Nothing),
                    other => other,
                },
                _ => Value::Unknown(format!(
                    "the mapping {} has no {}, {}",
                    shown(map),
                    shown(top),
                    shown(second)
                )),
            },
        }
    }
}

/// A text that stands in the template. One with a dynamic reference is known to CloudFormation only.
fn literal(text: &str) -> Value {
    if text.contains("{{resolve:") {
        Value::Unknown("a dynamic reference is not resolved".to_owned())
    } else {
        Value::Text(text.to_owned())
    }
}

/// A value of a mapping, in which CloudFormation allows no functions.
fn plain(node: &Node) -> Value {
    match &node.found {
        Found::Text(text) => literal(text),
        Found::Number(text) => Value::Text(text.clone()),
        Found::Flag(flag) => Value::Flag(*flag),
        Found::List(nodes) => Value::List(nodes.iter().map(plain).collect()),
        Found::Table(_) => Value::Unknown("a mapping leads to a table".to_owned()),
        Found::Nothing | Found::Other(_) => Value::Nothing,
    }
}

fn text_of(node: &Node) -> Option<&str> {
    match &node.found {
        Found::Text(text) | Found::Number(text) => Some(text),
        _ => None,
    }
}

fn below<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    let Found::Table(fields) = &node.found else { return None };
    Some(&fields.iter().find(|field| field.key == key)?.node)
}

fn push_text(parts: &mut Vec<Value>, text: &str) {
    if !text.is_empty() {
        parts.push(literal(text));
    }
}

/// One text of several values. A single value is itself.
fn together(mut parts: Vec<Value>, delimiter: &str) -> Value {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    let mut texts = Vec::new();
    for part in &parts {
        match part {
            Value::Text(text) => texts.push(text.clone()),
            Value::Flag(flag) => texts.push(flag.to_string()),
            Value::Unknown(why) => return Value::Unknown(why.clone()),
            Value::Of { resource, .. } => {
                return Value::Unknown(format!("it is a text with an attribute of {resource}"));
            }
            Value::List(_) | Value::Table(_) | Value::Nothing => {
                return Value::Unknown("a text is made of what is no text".to_owned());
            }
        }
    }
    Value::Text(texts.join(delimiter))
}

fn joined(delimiter: &str, list: &Value) -> Value {
    match list {
        Value::List(values) if values.is_empty() => Value::Text(String::new()),
        Value::List(values) => together(values.clone(), delimiter),
        Value::Unknown(why) => Value::Unknown(why.clone()),
        _ => Value::Unknown("Fn::Join is not resolved".to_owned()),
    }
}

fn split(delimiter: &str, text: Value) -> Value {
    match text {
        Value::Text(text) if !delimiter.is_empty() => {
            Value::List(text.split(delimiter).map(|part| Value::Text(part.to_owned())).collect())
        }
        Value::Unknown(why) => Value::Unknown(why),
        _ => Value::Unknown("Fn::Split is not resolved".to_owned()),
    }
}

fn selected(index: &Value, list: Value) -> Value {
    let index = index.text().and_then(|index| index.parse::<usize>().ok());
    match (index, list) {
        (_, Value::Unknown(why)) => Value::Unknown(why),
        (Some(index), Value::List(mut values)) if index < values.len() => values.swap_remove(index),
        _ => Value::Unknown("Fn::Select is not resolved".to_owned()),
    }
}

fn equal(one: &Value, other: &Value) -> Truth {
    if let Some(why) = one.doubt().or(other.doubt()) {
        return Truth::Unknown(why.to_owned());
    }
    let text = |value: &Value| match value {
        Value::Flag(flag) => Value::Text(flag.to_string()),
        value => value.clone(),
    };
    Truth::Known(text(one) == text(other))
}

/// The partition of a Region, and the ending of host names in it. Partitions that are not listed here are not known.
fn partition(region: &str) -> Option<(&'static str, &'static str)> {
    match region.split('-').next()? {
        "cn" => Some(("aws-cn", "amazonaws.com.cn")),
        "us" if region.starts_with("us-gov-") => Some(("aws-us-gov", "amazonaws.com")),
        "us" if region.starts_with("us-iso") => None,
        "eu" if region.starts_with("eu-isoe-") || region.starts_with("eusc-") => None,
        "us" | "eu" | "ap" | "sa" | "ca" | "me" | "af" | "il" | "mx" => Some(("aws", "amazonaws.com")),
        _ => None,
    }
}
