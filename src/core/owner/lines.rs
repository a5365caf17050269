//! The lines that give a resource its security groups where its owner describes it: the whole list, because a deployment
//! replaces it whole.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Ends, Manager, Owned, Owner};
use crate::escape::plain;
use crate::model::{DatabaseKind, GroupId, Side};
use crate::plan::{Effect, Plan, Ref, RemovalEffect, StepStatus, VpcEffect};

/// The language of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// A template of CloudFormation or SAM, or a `serverless.yml`.
    Yaml,
    /// Code of the CDK.
    #[serde(rename = "typescript")]
    TypeScript,
    /// Configuration of Terraform.
    Hcl,
}

/// Lines for the owner of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    /// Their language.
    pub language: Language,
    /// Where they belong, in words.
    pub into: String,
    /// The lines.
    pub lines: Vec<String>,
}

/// A group on the list that a resource is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Listed {
    /// One that exists.
    Existing(String),
    /// One that a step of the plan creates, by its name.
    New { name: String, step: Option<u32> },
}

/// The word in place of the id of a group that does not exist yet.
const NEW_GROUP: &str = "GROUP_ID";

/// The lines that give a resource the groups that it has once the plan is carried out; none for a group, for an owner that
/// describes resources in another way, and where the owner is not known.
pub fn lines<'a>(of: &Owned, ends: impl Into<Ends<'a>>, plan: &Plan) -> Option<Lines> {
    let owner = of.owner.as_ref().ok()?;
    if of.group.is_some() {
        return None;
    }
    let ends = ends.into();
    let resource = Resource {
        ends,
        side: of.side,
        groups: listed(&ends, of.side, plan),
    };
    match owner.manager {
        // They are built on the CDK where they make stacks.
        Manager::Sst | Manager::Amplify if owner.stack.is_none() => None,
        Manager::Cdk | Manager::Sst | Manager::Amplify => Some(resource.typescript(owner)),
        Manager::Terraform => Some(resource.hcl(owner)),
        Manager::Serverless => Some(resource.serverless(owner)),
        Manager::Pulumi | Manager::Crossplane | Manager::Ack | Manager::Other => None,
        Manager::CloudFormation
        | Manager::Sam
        | Manager::ElasticBeanstalk
        | Manager::Copilot
        | Manager::ServiceCatalog => Some(resource.template(owner)),
    }
}

/// The groups of a side's resource after the plan, in their order.
fn listed(ends: &Ends<'_>, side: Side, plan: &Plan) -> Vec<Listed> {
    let on = ends.groups_on(side);
    let (mut off, mut is_detached) = (BTreeSet::new(), false);
    let mut added: Vec<Listed> = Vec::new();
    let left = |status| !matches!(status, StepStatus::Done | StepStatus::Already);
    for step in plan.steps.iter().filter(|step| left(step.status)) {
        let groups: Vec<&Ref<GroupId>> = match &step.effect {
            Effect::AssociateDatabase { group, .. } if side == Side::Database => vec![group],
            Effect::AssociateProxy { group, .. } if side == Side::Proxy => vec![group],
            Effect::AssociateFunction { group, .. } if side == Side::Function => vec![group],
            Effect::Vpc(VpcEffect::Attach(attach)) if side == Side::Function => attach.groups.iter().collect(),
            Effect::Removal(RemovalEffect::OffDatabase { group, .. }) if side == Side::Database => {
                off.insert(group.id().clone());
                continue;
            }
            Effect::Removal(RemovalEffect::OffProxy { group, .. }) if side == Side::Proxy => {
                off.insert(group.id().clone());
                continue;
            }
            Effect::Removal(RemovalEffect::OffFunction { group, .. }) if side == Side::Function => {
                off.insert(group.id().clone());
                continue;
            }
            Effect::Removal(RemovalEffect::Detach { .. }) if side == Side::Function => {
                is_detached = true;
                continue;
            }
            _ => continue,
        };
        added.extend(groups.into_iter().map(|group| of_step(group, plan)));
    }
    let kept = on.iter().filter(|id| !is_detached && !off.contains(*id));
    let mut all: Vec<Listed> = kept.map(existing).collect();
    for group in added {
        if !all.contains(&group) {
            all.push(group);
        }
    }
    all
}

fn of_step(group: &Ref<GroupId>, plan: &Plan) -> Listed {
    match group {
        Ref::Existing(id) => existing(id),
        Ref::Step(step) => Listed::New {
            name: plan
                .steps
                .iter()
                .find(|of| of.id == *step)
                .map_or_else(|| "the new group".to_owned(), |of| of.resource.clone()),
            step: Some(*step),
        },
    }
}

/// A group on a list. One that an earlier connection of a manifest is to make has no id yet.
fn existing(id: &GroupId) -> Listed {
    match id.as_str().strip_prefix("new:") {
        Some(name) => Listed::New {
            name: name.to_owned(),
            step: None,
        },
        None => Listed::Existing(id.to_string()),
    }
}

struct Resource<'a> {
    ends: Ends<'a>,
    side: Side,
    groups: Vec<Listed>,
}

impl Resource<'_> {
    /// The name of the property that holds the list, in CloudFormation and in Terraform.
    fn list(&self) -> (&'static str, &'static str) {
        match (self.side, self.kind()) {
            (Side::Function, _) => ("SecurityGroupIds", "security_group_ids"),
            (Side::Database, DatabaseKind::Instance) => ("VPCSecurityGroups", "vpc_security_group_ids"),
            (Side::Database, DatabaseKind::Cluster) | (Side::Proxy, _) => {
                ("VpcSecurityGroupIds", "vpc_security_group_ids")
            }
        }
    }

    /// The kind of the database, where it is about one.
    fn kind(&self) -> DatabaseKind {
        self.ends
            .database
            .map_or(DatabaseKind::Instance, |database| database.kind)
    }

    /// The subnets of the function, and whether it uses IPv6 in them.
    fn subnets(&self) -> (Vec<String>, bool) {
        let vpc = self.ends.function.vpc.as_ref();
        let subnets = vpc.iter().flat_map(|vpc| &vpc.subnets).map(ToString::to_string);
        (subnets.collect(), vpc.is_some_and(|vpc| vpc.ipv6_allowed == Some(true)))
    }

    fn template(&self, owner: &Owner) -> Lines {
        let id = plain(owner.logical_id.as_deref().unwrap_or("LOGICAL_ID")).into_owned();
        let mut lines = vec!["Resources:".to_owned()];
        lines.push(format!("  {}:", yaml(&id)));
        lines.push("    Properties:".to_owned());
        lines.extend(self.properties().into_iter().map(|line| format!("      {line}")));
        Lines {
            language: Language::Yaml,
            into: format!("the template of stack {}", owner.stack.as_deref().unwrap_or("STACK")),
            lines,
        }
    }

    /// The properties of CloudFormation.
    fn properties(&self) -> Vec<String> {
        let (list, _) = self.list();
        if self.side != Side::Function {
            return self.yaml_list(list, "");
        }
        let (subnets, has_ipv6) = self.subnets();
        let mut lines = vec!["VpcConfig:".to_owned()];
        lines.extend(self.yaml_list(list, "  "));
        lines.push("  SubnetIds:".to_owned());
        lines.extend(subnets.iter().map(|id| format!("    - {}", yaml(id))));
        if has_ipv6 {
            lines.push("  Ipv6AllowedForDualStack: true".to_owned());
        }
        lines
    }

    fn yaml_list(&self, key: &str, indent: &str) -> Vec<String> {
        let item = |group: &Listed| match group {
            Listed::Existing(id) => format!("{indent}  - {}", yaml(id)),
            Listed::New { name, step } => format!("{indent}  - {NEW_GROUP} # {}", remark(name, *step)),
        };
        let mut lines = vec![format!("{indent}{key}:")];
        if self.groups.is_empty() {
            return vec![format!("{indent}{key}: []")];
        }
        lines.extend(self.groups.iter().map(item));
        lines
    }

    fn serverless(&self, owner: &Owner) -> Lines {
        let mut lines = Vec::new();
        if self.side == Side::Function {
            let (subnets, has_ipv6) = self.subnets();
            let key = key_of(&self.ends.function.name, owner.logical_id.as_deref());
            lines.push("functions:".to_owned());
            lines.push(format!("  {}:", yaml(&key)));
            lines.push("    vpc:".to_owned());
            lines.extend(self.yaml_list("securityGroupIds", "      "));
            lines.push("      subnetIds:".to_owned());
            lines.extend(subnets.iter().map(|id| format!("        - {}", yaml(id))));
            if has_ipv6 {
                lines.push("      ipv6AllowedForDualStack: true".to_owned());
            }
        } else {
            lines.push("resources:".to_owned());
            lines.extend(self.template(owner).lines.into_iter().map(|line| format!("  {line}")));
        }
        Lines {
            language: Language::Yaml,
            into: "serverless.yml".to_owned(),
            lines,
        }
    }

    fn typescript(&self, owner: &Owner) -> Lines {
        let class = match (self.side, self.kind()) {
            (Side::Function, _) => "lambda.CfnFunction",
            (Side::Proxy, _) => "rds.CfnDBProxy",
            (Side::Database, DatabaseKind::Cluster) => "rds.CfnDBCluster",
            (Side::Database, DatabaseKind::Instance) => "rds.CfnDBInstance",
        };
        let id = plain(owner.logical_id.as_deref().unwrap_or("LOGICAL_ID")).into_owned();
        let path = if self.side == Side::Function { "VpcConfig." } else { "" };
        let mut lines = vec![
            format!("// CONSTRUCT is the construct whose resource is {id}."),
            format!("const resource = CONSTRUCT.node.defaultChild as {class};"),
            format!("resource.addPropertyOverride('{path}{}', [", self.list().0),
        ];
        lines.extend(self.groups.iter().map(|group| match group {
            Listed::Existing(id) => format!("  {},", quoted(id)),
            Listed::New { name, step } => format!("  {}, // {}", quoted(NEW_GROUP), remark(name, *step)),
        }));
        lines.push("]);".to_owned());
        if self.side == Side::Function {
            let (subnets, has_ipv6) = self.subnets();
            lines.push("resource.addPropertyOverride('VpcConfig.SubnetIds', [".to_owned());
            lines.extend(subnets.iter().map(|id| format!("  {},", quoted(id))));
            lines.push("]);".to_owned());
            if has_ipv6 {
                lines.push("resource.addPropertyOverride('VpcConfig.Ipv6AllowedForDualStack', true);".to_owned());
            }
        }
        Lines {
            language: Language::TypeScript,
            into: match &owner.stack {
                Some(stack) => format!("the code of stack {stack}"),
                None => "the code of its stack".to_owned(),
            },
            lines,
        }
    }

    fn hcl(&self, owner: &Owner) -> Lines {
        let kind = match (self.side, self.kind()) {
            (Side::Function, _) => "aws_lambda_function",
            (Side::Proxy, _) => "aws_db_proxy",
            (Side::Database, DatabaseKind::Cluster) => "aws_rds_cluster",
            (Side::Database, DatabaseKind::Instance) => "aws_db_instance",
        };
        let name = owner.address.as_deref().and_then(name_in).unwrap_or("NAME");
        let mut lines = vec![format!("resource \"{kind}\" {} {{", quoted(name))];
        let list = self.list().1;
        if self.side == Side::Function {
            let (subnets, has_ipv6) = self.subnets();
            lines.push("  vpc_config {".to_owned());
            lines.push("    subnet_ids = [".to_owned());
            lines.extend(subnets.iter().map(|id| format!("      {},", quoted(id))));
            lines.push("    ]".to_owned());
            lines.extend(self.hcl_list(list, "    "));
            if has_ipv6 {
                lines.push("    ipv6_allowed_for_dual_stack = true".to_owned());
            }
            lines.push("  }".to_owned());
        } else {
            lines.extend(self.hcl_list(list, "  "));
        }
        lines.push("}".to_owned());
        Lines {
            language: Language::Hcl,
            into: match &owner.address {
                Some(address) => format!("the Terraform configuration of {}", plain(address)),
                None => "its Terraform configuration".to_owned(),
            },
            lines,
        }
    }

    fn hcl_list(&self, key: &str, indent: &str) -> Vec<String> {
        let mut lines = vec![format!("{indent}{key} = [")];
        lines.extend(self.groups.iter().map(|group| match group {
            Listed::Existing(id) => format!("{indent}  {},", quoted(id)),
            Listed::New { name, step } => format!("{indent}  {}, # {}", quoted(NEW_GROUP), remark(name, *step)),
        }));
        lines.push(format!("{indent}]"));
        lines
    }
}

/// What is said of a group that does not exist yet, in a comment.
fn remark(name: &str, step: Option<u32>) -> String {
    let who = step.map_or_else(|| "this run".to_owned(), |step| format!("step {step}"));
    format!("the id of {}, which {who} creates", plain(name))
}

/// A scalar of YAML.
fn yaml(value: &str) -> String {
    let is_plain = value.starts_with(|c: char| c.is_ascii_alphabetic())
        && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        && !["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
            .contains(&value.to_ascii_lowercase().as_str());
    if is_plain { value.to_owned() } else { quoted(value) }
}

/// A string of TypeScript, YAML or HCL. The ids that are written so contain nothing that HCL would take for an expression.
fn quoted(value: &str) -> String {
    format!("\"{}\"", plain(value).replace('\\', "\\\\").replace('"', "\\\""))
}

/// The name of a resource in its address: of `module.shop["a.b"].aws_lambda_function.checkout[0]` it is `checkout`.
fn name_in(address: &str) -> Option<&str> {
    let without_key = match address.strip_suffix(']') {
        Some(rest) => rest.rfind('[').map(|at| &rest[..at])?,
        None => address,
    };
    let name = without_key.rsplit('.').next()?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    is_name.then_some(name)
}

/// The key of a function in `serverless.yml`. The logical id is the key with a capital first letter, without `-` and `_`,
/// and with `LambdaFunction` at its end; the function's own name is `SERVICE-STAGE-KEY` unless it was chosen.
fn key_of(function: &str, logical_id: Option<&str>) -> String {
    let Some(normal) = logical_id.and_then(|id| id.strip_suffix("LambdaFunction")) else {
        return "FUNCTION".to_owned();
    };
    let cuts = std::iter::once(0).chain(function.match_indices('-').map(|(at, _)| at + 1));
    let own = cuts.map(|at| &function[at..]).find(|key| normalised(key) == normal);
    own.map_or_else(
        || {
            let mut letters = normal.chars();
            let first = letters.next().map(|first| first.to_ascii_lowercase());
            first.into_iter().chain(letters).collect()
        },
        str::to_owned,
    )
}

/// A key as the Serverless Framework writes it in a logical id.
fn normalised(key: &str) -> String {
    let key = key.replace('-', "Dash").replace('_', "Underscore");
    let mut letters = key.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
