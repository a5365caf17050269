//! A template or a change set of CloudFormation, applied to an account.
//!
//! Source: CloudFormation API reference, `ResourceChange`: with property values, a change set has each resource before and after
//! as JSON in a string. A template has only what is to be: what it does not say may be as it is now, or be taken away.

mod computers;
mod groups;
mod items;
mod network;

use std::path::{Path, PathBuf};

use thiserror::Error;

pub use items::{ChangeSet, Stack};

use super::future::{About, Future, Layer};
use crate::files;
use crate::template::TemplateError;
use items::{Action, Item};

/// Why a change of CloudFormation cannot be used.
#[derive(Debug, Error)]
pub enum CloudFormationError {
    /// It is no template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// It is a change set without what is needed of it.
    #[error("{} is a change set without the values of properties", .0.display())]
    NoValues(PathBuf),
    /// It is the first page of a change set.
    #[error("{} has only a part of a change set: it ends with a NextToken", .0.display())]
    Part(PathBuf),
    /// It is something else.
    #[error("{} is no change set: {why}", .path.display())]
    NoChangeSet {
        /// The file.
        path: PathBuf,
        /// What was expected and found.
        why: String,
    },
}

impl CloudFormationError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Template(_) => {
                "name a template in YAML or JSON; give the values of its parameters with --parameter NAME=VALUE".to_owned()
            }
            Self::NoValues(_) | Self::Part(_) | Self::NoChangeSet { .. } => {
                "print it so: aws cloudformation describe-change-set --include-property-values --stack-name STACK --change-set-name NAME"
                    .to_owned()
            }
        }
    }
}

/// The most that is read of a change set, in bytes.
const LARGEST: u64 = 256 << 20;

/// Reads the file of a change set; none if it is something else, which a template can be.
///
/// # Errors
///
/// It is a change set that lacks something.
pub fn change_set(path: &Path) -> Result<Option<ChangeSet>, CloudFormationError> {
    // What cannot be read, the reader of templates reports.
    let Ok(content) = files::read(path, LARGEST) else {
        return Ok(None);
    };
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(&content) else {
        return Ok(None);
    };
    if json.get("Changes").is_none() {
        return Ok(None);
    }
    let set: ChangeSet = serde_json::from_value(json).map_err(|error| CloudFormationError::NoChangeSet {
        path: path.to_owned(),
        why: error.to_string(),
    })?;
    if set.next_token.is_some() {
        return Err(CloudFormationError::Part(path.to_owned()));
    }
    if set.lacks_values() {
        return Err(CloudFormationError::NoValues(path.to_owned()));
    }
    Ok(Some(set))
}

/// Types on which connections can depend, and that are not understood.
const MATTERING: [&str; 11] = [
    "AWS::CloudFormation::Stack",
    "AWS::EC2::NetworkInterfaceAttachment",
    "AWS::EC2::PrefixList",
    "AWS::EC2::SecurityGroupVpcAssociation",
    "AWS::EC2::TransitGateway",
    "AWS::EC2::VPCCidrBlock",
    "AWS::EC2::VPCDHCPOptionsAssociation",
    "AWS::EC2::VPNGatewayRoutePropagation",
    "AWS::RDS::DBShardGroup",
    "AWS::RDS::GlobalCluster",
    "AWS::Serverless::Application",
];

/// Applies a stack's change.
pub fn apply(stack: &Stack, future: &mut Future) {
    for (what, why) in &stack.unread {
        future.not_understood(what, About::Everything, Layer::Resource, why.as_str());
    }
    let items: Vec<&Item> = stack.items.iter().filter(|item| item.action != Action::Stay).collect();
    let steps: [fn(&Stack, &Item, &mut Future); 8] = [
        groups::remove_rules,
        network::remove,
        network::create,
        groups::create,
        groups::add_rules,
        network::change,
        computers::delete,
        |stack, item, future| {
            groups::delete(stack, item, future);
            network::delete(stack, item, future);
        },
    ];
    for (at, step) in steps.into_iter().enumerate() {
        if at == 7 {
            for kind in computers::TYPES {
                for item in items.iter().filter(|item| item.kind == kind) {
                    computers::change(stack, item, future);
                }
            }
        }
        for item in &items {
            step(stack, item, future);
        }
    }
    for item in items {
        other(item, future);
    }
    future.finish();
}

fn other(item: &Item, future: &mut Future) {
    let kind = item.kind.as_str();
    if MATTERING.iter().any(|beginning| kind.starts_with(beginning)) || kind.starts_with("Custom::Vpc") {
        let why = format!(
            "what becomes of {} is not understood: resources of type {kind} are not judged",
            item.logical_id
        );
        future.not_understood(&item.logical_id, About::Everything, Layer::Resource, why);
    }
}
