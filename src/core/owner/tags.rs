//! The owner that a resource's tags name.

use std::collections::BTreeMap;

use super::{Manager, Owner};

/// What CloudFormation writes on each resource of a stack that takes tags. Nobody else can write a tag that begins so.
const STACK: &str = "aws:cloudformation:stack-name";
const STACK_ID: &str = "aws:cloudformation:stack-id";
const LOGICAL_ID: &str = "aws:cloudformation:logical-id";

/// Keys of tags by which people name the tool, in lower case and without `-`, `_`, `:` and spaces.
const CLAIMS: [&str; 7] = [
    "managedby",
    "provisionedby",
    "deployedby",
    "provisioner",
    "iac",
    "iactool",
    "infrastructureascode",
];

/// Values of such tags that name no tool.
const NO_TOOL: [&str; 9] = [
    "",
    "-",
    "none",
    "no",
    "false",
    "manual",
    "manually",
    "console",
    "autoconnect",
];

/// The owner that tags name, if they name one.
pub fn by_tags(tags: &BTreeMap<String, String>) -> Option<Owner> {
    let tag = |key: &str| tags.get(key).filter(|value| !value.is_empty()).cloned();
    let tool = tool(tags);
    let stack = tag(STACK).or_else(|| tag(STACK_ID).and_then(|id| name_in(&id)));
    if let Some(stack) = stack {
        let (manager, called) = match tool {
            Some((manager, called)) if runs_on_cloudformation(manager) => (manager, called),
            _ if is_serverless(tags, &stack) => (Manager::Serverless, None),
            _ => (Manager::CloudFormation, None),
        };
        return Some(Owner {
            called,
            stack: Some(stack),
            logical_id: tag(LOGICAL_ID),
            ..Owner::by_tags(manager)
        });
    }
    let (manager, called) = tool.or_else(|| claimed(tags))?;
    Some(Owner {
        called,
        ..Owner::by_tags(manager)
    })
}

/// The stack's name in its id: `arn:…:stack/NAME/UUID`.
fn name_in(stack_id: &str) -> Option<String> {
    let name = stack_id.rsplit(':').next()?.strip_prefix("stack/")?.split('/').next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// The tool that a tag of its own proves, and what it calls the application.
fn tool(tags: &BTreeMap<String, String>) -> Option<(Manager, Option<String>)> {
    let tag = |key: &str| tags.get(key).cloned();
    let has_key_of = |prefix: &str| tags.keys().any(|key| key.starts_with(prefix));
    let by_key =
        |key: &str, manager: Manager| Some((manager, tag(key)?)).map(|(manager, value)| (manager, Some(value)));
    by_key("copilot-application", Manager::Copilot)
        .or_else(|| by_key("elasticbeanstalk:environment-name", Manager::ElasticBeanstalk))
        .or_else(|| by_key("sst:app", Manager::Sst))
        .or_else(|| has_key_of("amplify:").then(|| (Manager::Amplify, tag("amplify:app-id"))))
        .or_else(|| (tags.get("lambda:createdBy").map(String::as_str) == Some("SAM")).then_some((Manager::Sam, None)))
        .or_else(|| has_key_of("aws-cdk:").then_some((Manager::Cdk, None)))
        .or_else(|| has_key_of("serverless:").then_some((Manager::Serverless, None)))
        .or_else(|| has_key_of("aws:servicecatalog:").then_some((Manager::ServiceCatalog, None)))
        .or_else(|| has_key_of("pulumi:").then(|| (Manager::Pulumi, tag("pulumi:project"))))
        .or_else(|| has_key_of("crossplane-").then(|| (Manager::Crossplane, tag("crossplane-name"))))
        .or_else(|| has_key_of("services.k8s.aws/").then(|| (Manager::Ack, tag("services.k8s.aws/namespace"))))
}

/// Whether what such a tool deploys is in CloudFormation stacks.
fn runs_on_cloudformation(manager: Manager) -> bool {
    matches!(
        manager,
        Manager::Copilot
            | Manager::ElasticBeanstalk
            | Manager::Sst
            | Manager::Amplify
            | Manager::Sam
            | Manager::Cdk
            | Manager::Serverless
            | Manager::ServiceCatalog
    )
}

/// The Serverless Framework names its stacks `SERVICE-STAGE`, and gives all resources the tag `STAGE`.
fn is_serverless(tags: &BTreeMap<String, String>, stack: &str) -> bool {
    let stage = tags.get("STAGE").filter(|stage| !stage.is_empty());
    stage.is_some_and(|stage| {
        stack
            .strip_suffix(stage.as_str())
            .is_some_and(|rest| rest.len() > 1 && rest.ends_with('-'))
    })
}

/// The tool that people name in a tag.
fn claimed(tags: &BTreeMap<String, String>) -> Option<(Manager, Option<String>)> {
    let plain = |text: &str| -> String {
        let kept = text.chars().filter(|c| !matches!(c, '-' | '_' | ':' | ' '));
        kept.collect::<String>().to_ascii_lowercase()
    };
    for (key, value) in tags {
        let (key, lower) = (plain(key), value.trim().to_ascii_lowercase());
        if key == "terraform" || key == "opentofu" {
            if !["false", "no", "0"].contains(&lower.as_str()) {
                return Some((Manager::Terraform, None));
            }
            continue;
        }
        if !CLAIMS.contains(&key.as_str()) || NO_TOOL.contains(&lower.as_str()) {
            continue;
        }
        let named = [
            ("terraform", Manager::Terraform),
            ("terragrunt", Manager::Terraform),
            ("opentofu", Manager::Terraform),
            ("pulumi", Manager::Pulumi),
            ("crossplane", Manager::Crossplane),
            ("cdk", Manager::Cdk),
            ("serverless", Manager::Serverless),
            ("cloudformation", Manager::CloudFormation),
        ];
        let known = named.into_iter().find(|(name, _)| lower.contains(name));
        return Some(match known {
            Some((_, manager)) => (manager, None),
            None if lower == "sam" || lower == "aws-sam" => (Manager::Sam, None),
            None => (Manager::Other, Some(value.clone())),
        });
    }
    None
}
