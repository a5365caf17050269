//! The parts of a plan.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::references::{split, without_index};
use crate::json::check_keys;
use crate::model::Place;

/// Why a text is no plan that can be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoPlan {
    /// It is something else: what was expected and found.
    #[error("{0}")]
    Other(String),
    /// It is a plan in a format that came later.
    #[error("its format_version is {0}, and only versions 0 and 1 are supported")]
    Version(String),
}

/// A plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its changes, also those that change nothing.
    pub changes: Vec<Change>,
    /// The configuration of the root module.
    pub configuration: Value,
    /// The values of the root module's variables.
    pub variables: BTreeMap<String, Value>,
    /// The configurations of providers.
    providers: Value,
    /// The data sources that are read only after apply: module, type and name.
    read_later: Vec<(String, String, String)>,
    /// Why it does not show all changes.
    pub incomplete: Option<String>,
}

/// A resource before and after.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its address.
    pub address: String,
    /// The address of its module; empty for the root module.
    pub module: String,
    /// Its type.
    pub kind: String,
    /// Its name in the module.
    pub name: String,
    /// Its index, where it is one of several.
    pub index: Option<Value>,
    /// Which configuration of a provider it has.
    provider: Option<String>,
    /// What is done.
    pub actions: Vec<String>,
    /// Its attributes before; null if it is created.
    pub before: Value,
    /// Its attributes after; null if it is deleted.
    pub after: Value,
    /// Which of these are known only after apply.
    pub unknown: Value,
    /// What stands for its id where it is created.
    pub placeholder: String,
}

#[derive(Deserialize)]
struct Read {
    #[serde(default)]
    format_version: Option<String>,
    resource_changes: Option<Vec<ReadChange>>,
    #[serde(default)]
    deferred_changes: Vec<Value>,
    #[serde(default)]
    configuration: Value,
    #[serde(default)]
    variables: BTreeMap<String, Value>,
    #[serde(default)]
    planned_values: Value,
    #[serde(default)]
    errored: bool,
    complete: Option<bool>,
}

#[derive(Deserialize)]
struct ReadChange {
    address: String,
    #[serde(default)]
    module_address: String,
    #[serde(default)]
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    index: Option<Value>,
    deposed: Option<String>,
    change: ReadActions,
}

#[derive(Deserialize)]
struct ReadActions {
    actions: Vec<String>,
    #[serde(default)]
    before: Value,
    #[serde(default)]
    after: Value,
    #[serde(default)]
    after_unknown: Value,
}

impl Plan {
    /// Reads a plan in JSON.
    ///
    /// # Errors
    ///
    /// It is none, or has a format that is not supported.
    pub fn read(content: &[u8]) -> Result<Self, NoPlan> {
        let content = content.strip_prefix("\u{feff}".as_bytes()).unwrap_or(content);
        let read: Read = serde_json::from_slice(content).map_err(|error| {
            let is_log = content.split(|byte| *byte == b'\n').next();
            let is_log = is_log.is_some_and(|line| serde_json::from_slice::<Value>(line).is_ok());
            NoPlan::Other(if is_log {
                "it is the log that `terraform plan -json` prints".to_owned()
            } else {
                error.to_string()
            })
        })?;
        check_keys(content).map_err(|error| NoPlan::Other(error.to_string()))?;
        // Only another major version is not compatible.
        let version = read.format_version.as_deref().unwrap_or_default();
        if read.format_version.is_some() && !["0", "1"].contains(&version.split('.').next().unwrap_or_default()) {
            return Err(NoPlan::Version(version.to_owned()));
        }
        let is_plan = read.planned_values.is_object() || read.resource_changes.is_some();
        if read.format_version.is_none() || !is_plan {
            return Err(NoPlan::Other("expected resource_changes, found none".to_owned()));
        }
        let incomplete = if read.errored {
            Some("the plan ended with an error, and does not show all changes".to_owned())
        } else if read.complete == Some(false) || !read.deferred_changes.is_empty() {
            Some("the plan is not complete: Terraform has deferred changes to a later one".to_owned())
        } else {
            None
        };
        let (data, managed): (Vec<ReadChange>, Vec<ReadChange>) = read
            .resource_changes
            .unwrap_or_default()
            .into_iter()
            .partition(|read| read.mode == "data");
        let data = data
            .into_iter()
            .filter(|read| read.change.actions.iter().any(|action| action == "read"));
        let read_later = data.map(|read| (read.module_address, read.kind, read.name)).collect();
        let keys = provider_keys(&read.configuration);
        let changes = managed.into_iter().enumerate().map(|(number, read)| {
            let ReadActions {
                actions,
                before,
                after,
                after_unknown,
            } = read.change;
            let prefix = match read.kind.as_str() {
                "aws_security_group" => "sg",
                "aws_subnet" => "subnet",
                "aws_vpc" => "vpc",
                "aws_network_acl" => "acl",
                "aws_route_table" => "rtb",
                "aws_vpc_peering_connection" => "pcx",
                _ => "id",
            };
            Change {
                address: match read.deposed {
                    Some(key) => format!("{} (deposed {key})", read.address),
                    None => read.address,
                },
                provider: keys
                    .get(&(modules_of(&read.module_address), read.kind.clone(), read.name.clone()))
                    .cloned(),
                module: read.module_address,
                kind: read.kind,
                name: read.name,
                index: read.index,
                actions,
                before,
                after,
                unknown: after_unknown,
                placeholder: format!("{prefix}-planned{number:05}"),
            }
        });
        Ok(Self {
            changes: changes.collect(),
            configuration: read.configuration.get("root_module").cloned().unwrap_or_default(),
            variables: read.variables,
            providers: read.configuration.get("provider_config").cloned().unwrap_or_default(),
            read_later,
            incomplete,
        })
    }

    /// Whether a resource is in this account and Region, as far as the plan says where it is: by its ARN, by its Region, or by
    /// that of its provider.
    pub fn is_in(&self, change: &Change, account: &str, region: &str) -> bool {
        let text = |key: &str| {
            let sides = [&change.before, &change.after].into_iter();
            sides
                .filter_map(|side| side.get(key)?.as_str())
                .find(|text| !text.is_empty())
        };
        if let Some(arn) = text("arn") {
            let place = Place::of(arn);
            return [(place.account, account), (place.region, region)]
                .into_iter()
                .all(|(found, wanted)| found.is_empty() || found == wanted);
        }
        let of_provider = || {
            let provider = self.providers.get(change.provider.as_ref()?)?;
            let expression = provider.get("expressions")?.get("region")?;
            if let Some(region) = expression.get("constant_value") {
                return region.as_str();
            }
            let references = expression.get("references")?.as_array()?;
            let variable = references.first()?.as_str()?.strip_prefix("var.")?;
            self.variables.get(variable)?.get("value")?.as_str()
        };
        text("region").or_else(of_provider).is_none_or(|found| found == region)
    }

    /// Whether a data source is read only after apply.
    pub fn is_read_later(&self, module: &str, kind: &str, name: &str) -> bool {
        let mut read = self.read_later.iter();
        read.any(|(of, found, called)| of == module && found == kind && called == name)
    }

    /// Whether values can depend on ids that are known only after apply, through what the plan does not show.
    pub fn has_later(&self) -> bool {
        !self.read_later.is_empty()
            || self
                .changes
                .iter()
                .any(|change| change.kind == "aws_security_group" && change.creates())
    }

    /// What stands for ids of what is created, with the address of each.
    pub fn placeholders(&self) -> impl Iterator<Item = (&str, &str)> {
        let created = self.changes.iter().filter(|change| change.creates());
        created.map(|change| (change.placeholder.as_str(), change.address.as_str()))
    }
}

/// The modules of an address, without their indices.
fn modules_of(address: &str) -> String {
    let steps = split(address);
    let steps: Vec<&str> = steps.iter().map(|step| without_index(step)).collect();
    steps.join(".")
}

/// Which configuration of a provider each resource has: by its module, its type and its name.
fn provider_keys(configuration: &Value) -> BTreeMap<(String, String, String), String> {
    let mut keys = BTreeMap::new();
    let mut modules: Vec<(String, &Value)> = Vec::new();
    modules.extend(configuration.get("root_module").map(|root| (String::new(), root)));
    while let Some((address, module)) = modules.pop() {
        for resource in module.get("resources").and_then(Value::as_array).into_iter().flatten() {
            let text = |key: &str| resource.get(key).and_then(Value::as_str).map(str::to_owned);
            if let (Some(kind), Some(name), Some(key)) = (text("type"), text("name"), text("provider_config_key")) {
                keys.insert((address.clone(), kind, name), key);
            }
        }
        for (name, call) in module
            .get("module_calls")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let inner = match address.as_str() {
                "" => format!("module.{name}"),
                outer => format!("{outer}.module.{name}"),
            };
            modules.extend(call.get("module").map(|module| (inner, module)));
        }
    }
    keys
}

impl Change {
    fn does(&self, action: &str) -> bool {
        self.actions.iter().any(|found| found == action)
    }

    /// Whether anything is changed in the account.
    pub fn is_change(&self) -> bool {
        self.creates() || self.deletes() || self.updates()
    }

    /// Whether it is created, or created anew.
    pub fn creates(&self) -> bool {
        self.does("create")
    }

    /// Whether it is deleted, also to be created anew.
    pub fn deletes(&self) -> bool {
        self.does("delete")
    }

    /// Whether it is changed in place.
    pub fn updates(&self) -> bool {
        self.does("update")
    }
}
