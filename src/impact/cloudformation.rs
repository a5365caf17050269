//! A template or a change set of CloudFormation, applied to an account.
//!
//! Source: CloudFormation API reference, `ResourceChange`: with property values, a change set has each resource before and after
//! as JSON in a string. A template has only what is to be: what it does not say may be as it is now, or be taken away.

mod computers;
mod groups;
mod items;
mod network;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use thiserror::Error;

pub use items::{ChangeSet, Stack};

use super::future::{About, Future, Layer};
use crate::files;
use crate::json::check_keys;
use crate::template::{Inputs, TemplateError, Value};
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
    /// It is a change set that does not say what would be changed, or that can no longer be executed.
    #[error("{} is a change set that cannot be executed: {why}", .path.display())]
    NotReady {
        /// The file.
        path: PathBuf,
        /// Its status, with the reason that CloudFormation gives.
        why: String,
    },
    /// It is of another account or Region than the one that is judged.
    #[error("{what} is of {found}, and the account that is judged is {here}")]
    Elsewhere {
        /// What it is.
        what: String,
        /// Its account and Region.
        found: String,
        /// The account and Region that are judged.
        here: String,
    },
    /// What names the stack is the ARN of something else.
    #[error("{0} is not the ARN of a stack")]
    NoStack(String),
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
    pub fn hint(&self) -> String {
        match self {
            Self::Template(_) => {
                "name a template in YAML or JSON; give the values of its parameters with --parameter NAME=VALUE"
                    .to_owned()
            }
            Self::Elsewhere { .. } => {
                "judge it with credentials for its account and Region, or with an account file of them".to_owned()
            }
            Self::NoStack(_) => "give --stack the name of the stack, or its ARN".to_owned(),
            Self::NotReady { .. } => format!("wait until it is made, or make another; then {PRINT}"),
            Self::NoValues(_) | Self::Part(_) | Self::NoChangeSet { .. } => PRINT.to_owned(),
        }
    }
}

/// How to make the file of a change set.
const PRINT: &str = "print it so: aws cloudformation describe-change-set --include-property-values --stack-name STACK --change-set-name NAME";

/// The most that is read of a change set, in bytes.
const LARGEST: u64 = 256 << 20;

/// The name of a stack, which may be given as its ARN.
///
/// # Errors
///
/// It is the ARN of something else, or of a stack in another account or Region.
pub fn stack_name(stack: &str, inputs: &Inputs) -> Result<String, CloudFormationError> {
    if !stack.starts_with("arn:") {
        return Ok(stack.to_owned());
    }
    let no_stack = || CloudFormationError::NoStack(stack.to_owned());
    let mut parts = stack.splitn(6, ':').skip(2);
    let resource = (parts.next() == Some("cloudformation")).then(|| parts.nth(2)).flatten();
    let name = resource.and_then(|resource| resource.strip_prefix("stack/"));
    let name = name
        .and_then(|name| name.split('/').next())
        .filter(|name| !name.is_empty());
    let name = name.ok_or_else(no_stack)?;
    check_place(&format!("stack {name}"), stack, inputs)?;
    Ok(name.to_owned())
}

/// Refuses what an ARN says to be of another account or Region than the one that is judged.
fn check_place(what: &str, arn: &str, inputs: &Inputs) -> Result<(), CloudFormationError> {
    let mut parts = arn.split(':').skip(3);
    let (Some(region), Some(account)) = (parts.next(), parts.next()) else {
        return Ok(());
    };
    let (Some(own_account), Some(own_region)) = (&inputs.account, &inputs.region) else {
        return Ok(());
    };
    if account == own_account && region == own_region {
        return Ok(());
    }
    let place = |account: &str, region: &str| format!("account {account} in {region}");
    Err(CloudFormationError::Elsewhere {
        what: what.to_owned(),
        found: place(account, region),
        here: place(own_account, own_region),
    })
}

/// Reads the file of a change set; none if it is something else, which a template can be.
///
/// # Errors
///
/// It is a change set that lacks something, or one of another account or Region.
pub fn change_set(path: &Path, inputs: &Inputs) -> Result<Option<ChangeSet>, CloudFormationError> {
    // What cannot be read, the reader of templates reports.
    let Ok(content) = files::read(path, LARGEST) else {
        return Ok(None);
    };
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(&content) else {
        return Ok(None);
    };
    // Of one that is not made yet, the AWS CLI prints no changes.
    let has = |key: &str| json.get(key).is_some();
    if has("Resources") || !["Changes", "ChangeSetName", "ChangeSetId"].into_iter().any(has) {
        return Ok(None);
    }
    let unread = |error: serde_json::Error| CloudFormationError::NoChangeSet {
        path: path.to_owned(),
        why: error.to_string(),
    };
    let set: ChangeSet = serde_json::from_value(json).map_err(unread)?;
    check_keys(&content).map_err(unread)?;
    if let Some(arn) = set.arn() {
        check_place(&format!("the change set {}", path.display()), arn, inputs)?;
    }
    if let Some(why) = set.not_ready() {
        let path = path.to_owned();
        return Err(CloudFormationError::NotReady { path, why });
    }
    if set.next_token.is_some() {
        return Err(CloudFormationError::Part(path.to_owned()));
    }
    if set.lacks_values() {
        return Err(CloudFormationError::NoValues(path.to_owned()));
    }
    Ok(Some(set))
}

/// Types on which connections can depend, and that are not understood.
const MATTERING: [&str; 15] = [
    "AWS::CloudFormation::Stack",
    "AWS::EC2::NetworkInterfaceAttachment",
    "AWS::EC2::PrefixList",
    "AWS::EC2::SecurityGroupVpcAssociation",
    "AWS::EC2::SubnetCidrBlock",
    "AWS::EC2::TransitGateway",
    "AWS::EC2::VPCCidrBlock",
    "AWS::EC2::VPCDHCPOptionsAssociation",
    "AWS::EC2::VPNGatewayRoutePropagation",
    "AWS::RAM::",
    "AWS::RDS::DBProxyEndpoint",
    "AWS::RDS::DBShardGroup",
    "AWS::RDS::GlobalCluster",
    "AWS::Serverless::Application",
    "AWS::ServiceCatalog::CloudFormationProvisionedProduct",
];

/// Applies a stack's change.
pub fn apply(stack: &Stack, future: &mut Future) {
    for (what, why) in &stack.unread {
        future.not_understood(what, About::Everything, Layer::Resource, why.as_str());
    }
    if let Some((what, why)) = &stack.unfound {
        future.not_judged(what, why.as_str());
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
        other(stack, item, future);
    }
    future.finish();
}

/// What no step has understood, and connections can depend on.
fn other(stack: &Stack, item: &Item, future: &mut Future) {
    let kind = item.kind.as_str();
    let by = item.logical_id.as_str();
    let why = format!("what becomes of {by} is not understood: resources of type {kind} are not judged");
    // A module can have any resource, and the CDK closes the default group of a VPC by one of its own.
    let holds_any = kind.ends_with("::MODULE") || kind.starts_with("Custom::Vpc");
    if holds_any || MATTERING.iter().any(|beginning| kind.starts_with(beginning)) {
        let about = if holds_any { None } else { about(stack, item, future) };
        future.not_understood(by, about.unwrap_or(About::Everything), Layer::Resource, why);
    } else if kind == "AWS::CloudFormation::CustomResource" || !kind.starts_with("AWS::") {
        // It runs code of its own. What that can change of a path is what the resource names.
        future.not_judged(by, why.as_str());
        let mut named = BTreeSet::new();
        for properties in item.before.iter().chain([&item.after]) {
            for value in properties.values() {
                named_in(stack, value, &mut named);
            }
        }
        let named: Vec<_> = named.iter().filter_map(|id| future.depending_on(id)).collect();
        for (about, layer) in named {
            future.not_known(by, about, layer, why.as_str());
        }
    }
}

/// What a resource is of, where its properties say so.
fn about(stack: &Stack, item: &Item, future: &Future) -> Option<About> {
    let properties = if item.action == Action::Delete {
        item.before.as_ref()?
    } else {
        &item.after
    };
    let text = |key: &str| stack.text(properties.get(key)?).ok().flatten();
    if let Some(proxy) = text("DBProxyName") {
        return Some(About::Proxy(proxy.to_ascii_lowercase()));
    }
    let id = text("VpcId").or_else(|| text("SubnetId"))?;
    Some(future.depending_on(&id)?.0)
}

/// The ids that a value has in it.
fn named_in(stack: &Stack, value: &Value, named: &mut BTreeSet<String>) {
    match value {
        Value::List(values) => {
            for value in values {
                named_in(stack, value, named);
            }
        }
        Value::Table(fields) => {
            for value in fields.values() {
                named_in(stack, value, named);
            }
        }
        value => named.extend(stack.text(value).ok().flatten()),
    }
}
