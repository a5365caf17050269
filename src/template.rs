//! Templates of CloudFormation and SAM: which resources a stack is to have, with which properties.
//!
//! A template is read from YAML or JSON, with its functions in long or short form, and resolved as far as it can be from
//! itself and the values of its parameters. What cannot be resolved is [`Value::Unknown`], and says why: it is never left out.

mod functions;
mod parameters;
mod serverless;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

pub use value::Value;

use crate::files;
use crate::manifest::text::{Field, Form, Found, Kind, Node, shown};
use crate::manifest::{Mistake, Spot};
use functions::{Resolver, Truth};

/// The most that is read of a template, in bytes. CloudFormation takes 1 MB.
const LARGEST: u64 = 16 << 20;

/// The macros whose effect on what is read here is known: none, or that of [`serverless`].
const KNOWN_TRANSFORMS: [&str; 3] = [SERVERLESS, "AWS::LanguageExtensions", "AWS::SecretsManager-2020-07-23"];

/// The macro of SAM.
const SERVERLESS: &str = "AWS::Serverless-2016-10-31";

/// What a template does not say itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// The values of parameters. Those without one have their defaults.
    pub parameters: BTreeMap<String, String>,
    /// The account of the stack, twelve digits.
    pub account: Option<String>,
    /// The Region of the stack.
    pub region: Option<String>,
    /// The stack's name.
    pub stack: Option<String>,
}

/// A template, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its resources, in the order of the text.
    pub resources: Vec<Resource>,
    /// The resources whose condition is false: the stack is not to have them.
    pub left_out: Vec<Resource>,
    /// What of it may have further resources, or other properties, that were not read: macros, loops.
    pub unread: Vec<Unread>,
}

/// A resource of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its name in the template.
    pub logical_id: String,
    /// Its type, such as `AWS::Lambda::Function`. A function of SAM has that of Lambda, with Lambda's properties.
    pub kind: String,
    /// Where it stands.
    pub spot: Spot,
    /// Why it is not known whether the stack has it, where its condition depends on what is not known.
    pub doubt: Option<String>,
    /// Whether it stays where another takes its place, as its `UpdateReplacePolicy` says.
    pub is_retained: bool,
    /// Its properties.
    pub properties: BTreeMap<String, Value>,
}

/// A part of a template that was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Where it stands.
    pub spot: Spot,
    /// What it is.
    pub what: String,
}

/// Why a template cannot be used.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// Its file cannot be read.
    #[error("cannot read the template {}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no template.
    #[error("{}: {mistake}", .path.display())]
    Mistaken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        mistake: Mistake,
    },
}

impl Template {
    /// Reads the file of a template: JSON where its name ends so, otherwise YAML, of which JSON is a part.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is no template.
    pub fn load(path: &Path, inputs: &Inputs) -> Result<Self, TemplateError> {
        let unreadable = |source| TemplateError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let text = files::read_text(path, LARGEST).map_err(unreadable)?;
        Self::read(&text, inputs).map_err(|mistake| TemplateError::Mistaken {
            path: path.to_owned(),
            mistake,
        })
    }

    /// Reads a template in JSON or YAML.
    ///
    /// # Errors
    ///
    /// It is no template, or has no parameter to which a value is given.
    pub fn read(text: &str, inputs: &Inputs) -> Result<Self, Mistake> {
        let is_json = text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
        // A flow mapping of YAML begins like JSON.
        let root = match is_json.then(|| Form::Json.read(Kind::Template, text)) {
            Some(Ok(root)) => root,
            Some(Err(error)) => Form::Yaml.read(Kind::Template, text).map_err(|_| error)?,
            None => Form::Yaml.read(Kind::Template, text)?,
        };
        of_tree(root, inputs)
    }

    /// A resource by its name in the template.
    pub fn resource(&self, logical_id: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.logical_id == logical_id)
    }
}

fn of_tree(root: Node, inputs: &Inputs) -> Result<Template, Mistake> {
    let spot = root.spot;
    let sections = table(root, "a template")?;
    let mut parts: BTreeMap<String, Node> = sections.into_iter().map(|field| (field.key, field.node)).collect();
    let resources = parts.remove("Resources").ok_or_else(|| {
        Mistake::at(
            spot,
            "expected a template of CloudFormation, found none: it has no Resources",
        )
    })?;
    let mut section = |name: &str| match parts.remove(name) {
        Some(node) => table(node, name),
        None => Ok(Vec::new()),
    };
    let (parameters, mappings, conditions) = (section("Parameters")?, section("Mappings")?, section("Conditions")?);
    let globals = section("Globals")?;
    let (transforms, mut unread) = transforms(&parts);
    let resources = table(resources, "Resources")?;
    let names = resources.iter().map(|field| field.key.clone()).collect();
    let parameters = parameters::values(parameters, &inputs.parameters)?;
    let resolver = Resolver::new(parameters, mappings, conditions, names, inputs);
    let (mut read, mut left_out) = (Vec::new(), Vec::new());
    for Field { key, spot, node } in resources {
        if key.starts_with("Fn::") {
            let what = format!("{} in Resources, which CloudFormation expands", shown(&key));
            unread.push(Unread { spot, what });
            continue;
        }
        let node = if transforms.contains(SERVERLESS) {
            serverless::with_globals(node, &globals)
        } else {
            node
        };
        match resource(&resolver, key, spot, node)? {
            Read::Wanted(resource, what) => {
                unread.extend(what.map(|what| Unread { spot, what }));
                read.push(resource);
            }
            Read::LeftOut(resource) => left_out.push(resource),
        }
    }
    Ok(Template {
        resources: read,
        left_out,
        unread,
    })
}

/// The macros that are run on the whole template, and those whose effect is not known.
fn transforms(parts: &BTreeMap<String, Node>) -> (BTreeSet<String>, Vec<Unread>) {
    let (mut known, mut unread) = (BTreeSet::new(), Vec::new());
    for (key, node) in parts {
        let nodes = match (key.as_str(), &node.found) {
            ("Transform", Found::List(nodes)) => nodes.iter().collect(),
            ("Transform" | "Fn::Transform", _) => vec![node],
            _ => continue,
        };
        for node in nodes {
            match &node.found {
                Found::Text(name) if KNOWN_TRANSFORMS.contains(&name.as_str()) => {
                    known.insert(name.clone());
                }
                found => unread.push(Unread {
                    spot: node.spot,
                    what: format!("the macro {}, which can change every resource", found.words()),
                }),
            }
        }
    }
    (known, unread)
}

/// A resource that was read.
enum Read {
    /// One that the stack is to have, and what of it was not read.
    Wanted(Resource, Option<String>),
    /// One whose condition is false.
    LeftOut(Resource),
}

/// Reads a resource.
fn resource(resolver: &Resolver, logical_id: String, spot: Spot, node: Node) -> Result<Read, Mistake> {
    let mut fields: BTreeMap<String, Node> = table(node, &logical_id)?
        .into_iter()
        .map(|field| (field.key, field.node))
        .collect();
    let condition = fields.remove("Condition");
    let name = condition.as_ref().and_then(|node| resolver.condition_name(node));
    let (is_wanted, doubt) = match (&condition, name.map(|name| resolver.condition(name))) {
        (None, _) => (true, None),
        (_, Some(Truth::Known(is_wanted))) => (is_wanted, None),
        (_, Some(Truth::Unknown(why))) => (true, Some(why)),
        (Some(other), None) => (true, Some(format!("its condition is {}", other.found.words()))),
    };
    let Some(Found::Text(kind)) = fields.remove("Type").map(|node| node.found) else {
        let message = format!("resource {} has no Type", shown(&logical_id));
        return Err(Mistake::at(spot, message));
    };
    let policy = fields.remove("UpdateReplacePolicy").map(|node| node.found);
    let is_retained = matches!(policy, Some(Found::Text(policy)) if policy == "Retain");
    let mut unread = None;
    let properties = match fields.remove("Properties") {
        None => BTreeMap::new(),
        Some(node) => match resolver.value(&node) {
            Value::Table(properties) => properties,
            Value::Nothing => BTreeMap::new(),
            Value::Unknown(why) => {
                unread = Some(format!("the properties of {}: {why}", shown(&logical_id)));
                BTreeMap::new()
            }
            Value::Text(_) | Value::Flag(_) | Value::List(_) | Value::Of { .. } => {
                let message = format!("the Properties of resource {} are no table", shown(&logical_id));
                return Err(Mistake::at(spot, message));
            }
        },
    };
    let kind = serverless::kind(kind);
    let resource = Resource {
        logical_id,
        kind,
        spot,
        doubt,
        is_retained,
        properties,
    };
    Ok(if is_wanted {
        Read::Wanted(resource, unread)
    } else {
        Read::LeftOut(resource)
    })
}

/// The fields of a table, none of which it has twice.
fn table(node: Node, what: &str) -> Result<Vec<Field>, Mistake> {
    let Node { spot, found } = node;
    let fields = match found {
        Found::Table(fields) => fields,
        Found::Nothing => Vec::new(),
        found => {
            let message = format!("{}: expected a table, found {}", shown(what), found.words());
            return Err(Mistake::at(spot, message));
        }
    };
    let mut seen = BTreeSet::new();
    match fields.iter().find(|field| !seen.insert(&field.key)) {
        Some(twice) => {
            let message = format!("{} has the key {} twice", shown(what), shown(&twice.key));
            Err(Mistake::at(twice.spot, message))
        }
        None => Ok(fields),
    }
}

#[cfg(test)]
mod tests;
