//! Which resources a state of Terraform has, and under which addresses.
//!
//! Source: Terraform's documentation, "JSON Output Format"; state files of version 4. Only ids, ARNs and addresses are kept:
//! the rest of a state can hold secrets.

use std::collections::BTreeMap;

use serde_json::Value;
use thiserror::Error;

use super::{Evidence, Manager, Owner};
use crate::json;
use crate::model::GroupId;

/// The types of the resources that a connection can have an end in. Their attribute `arn` is their own.
const TYPES: [&str; 8] = [
    "aws_lambda_function",
    "aws_rds_cluster",
    "aws_db_instance",
    "aws_db_proxy",
    "awscc_lambda_function",
    "awscc_rds_db_cluster",
    "awscc_rds_db_instance",
    "awscc_rds_db_proxy",
];

/// The names of the attribute that holds the ARN.
const ARNS: [&str; 5] = [
    "arn",
    "db_cluster_arn",
    "db_instance_arn",
    "db_proxy_arn",
    "function_arn",
];

/// Why a state cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StateError {
    /// It is no JSON.
    #[error("it is not JSON: {0}; a plan file becomes JSON with `terraform show -json PLAN`")]
    NotJson(String),
    /// It is JSON that is not read.
    #[error("{0}")]
    Refused(String),
    /// It is a state of another version.
    #[error(
        "it is a Terraform state of version {0}, and only version 4 is read; `terraform show -json` prints any state"
    )]
    Version(u64),
    /// It is something else.
    #[error("it is neither a Terraform state (version 4) nor the output of `terraform show -json`")]
    NotTerraform,
}

/// The addresses of what a state of Terraform has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TerraformState {
    by_arn: BTreeMap<String, String>,
    by_group: BTreeMap<String, String>,
}

impl TerraformState {
    /// Reads a state file of version 4, or what `terraform show -json` prints of a state or a plan.
    ///
    /// # Errors
    ///
    /// It is neither.
    pub fn parse(text: &str) -> Result<Self, StateError> {
        let root: Value = json::from_slice(text.as_bytes()).map_err(|error| {
            let why = error.to_string();
            if error.is_data() {
                StateError::Refused(why)
            } else {
                StateError::NotJson(why)
            }
        })?;
        let mut state = Self::default();
        if let Some(version) = root.get("version").and_then(Value::as_u64) {
            if version != 4 {
                return Err(StateError::Version(version));
            }
            let resources = root.get("resources").and_then(Value::as_array);
            resources
                .ok_or(StateError::NotTerraform)?
                .iter()
                .for_each(|resource| state.add_raw(resource));
            return Ok(state);
        }
        let is_shown = root.get("format_version").is_some_and(Value::is_string);
        // An empty state has no values.
        if !is_shown || root.get("terraform_version").is_none() && root.as_object().is_some_and(|root| root.len() > 1) {
            return Err(StateError::NotTerraform);
        }
        let of_state = root.get("values");
        let of_plan = root.get("prior_state").and_then(|state| state.get("values"));
        for values in [of_state, of_plan, root.get("planned_values")].into_iter().flatten() {
            if let Some(module) = values.get("root_module") {
                state.add_module(module);
            }
        }
        Ok(state)
    }

    /// The owner of the function, database or proxy with this ARN.
    pub fn of_arn(&self, arn: &str) -> Option<Owner> {
        self.by_arn.get(arn).map(|address| owner(address))
    }

    /// The owner of a security group.
    pub fn of_group(&self, group: &GroupId) -> Option<Owner> {
        self.by_group.get(group.as_str()).map(|address| owner(address))
    }

    /// A resource of a state file, with all its instances.
    fn add_raw(&mut self, resource: &Value) {
        let text = |key: &str| resource.get(key).and_then(Value::as_str);
        let (Some("managed"), Some(kind), Some(name)) = (text("mode"), text("type"), text("name")) else {
            return;
        };
        let module = text("module").map(|module| format!("{module}.")).unwrap_or_default();
        let instances = resource.get("instances").and_then(Value::as_array);
        for instance in instances.into_iter().flatten() {
            // One that is about to be destroyed has another in its place.
            if instance.get("deposed").is_some() {
                continue;
            }
            let index = match instance.get("index_key") {
                Some(key @ (Value::String(_) | Value::Number(_))) => format!("[{key}]"),
                _ => String::new(),
            };
            if let Some(attributes) = instance.get("attributes") {
                self.add(kind, attributes, format!("{module}{kind}.{name}{index}"));
            }
        }
    }

    /// A module of what `terraform show -json` prints, with those in it.
    fn add_module(&mut self, module: &Value) {
        let list = |key: &str| module.get(key).and_then(Value::as_array).into_iter().flatten();
        for resource in list("resources") {
            let text = |key: &str| resource.get(key).and_then(Value::as_str);
            if let (Some("managed"), Some(kind), Some(address), Some(values)) =
                (text("mode"), text("type"), text("address"), resource.get("values"))
            {
                self.add(kind, values, address.to_owned());
            }
        }
        list("child_modules").for_each(|module| self.add_module(module));
    }

    fn add(&mut self, kind: &str, attributes: &Value, address: String) {
        let text = |key: &str| attributes.get(key).and_then(Value::as_str);
        if kind == "aws_security_group" || kind == "aws_default_security_group" || kind == "awscc_ec2_security_group" {
            let id = text("id")
                .into_iter()
                .chain(text("group_id"))
                .find(|id| id.starts_with("sg-"));
            if let Some(id) = id {
                self.by_group.insert(id.to_owned(), address);
            }
        } else if TYPES.contains(&kind)
            && let Some(arn) = ARNS.iter().find_map(|key| text(key))
        {
            self.by_arn.insert(arn.to_owned(), address);
        }
    }
}

fn owner(address: &str) -> Owner {
    Owner {
        address: Some(address.to_owned()),
        evidence: Evidence::TerraformState,
        ..Owner::by_tags(Manager::Terraform)
    }
}
