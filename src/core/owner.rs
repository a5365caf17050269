//! Whose a resource is within its account: the stack, or the tool, that deploys it, by its tags or by a state file of Terraform.
//!
//! Source: docs/stacks.md. Anyone with permission to tag a resource can write its tags, so tags are not a proof. What was
//! not read is unknown.

mod ends;
mod lines;
mod sources;
mod tags;
mod terraform;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use ends::Ends;
pub use lines::{Language, Lines, lines};
pub use sources::{InTemplate, Sources, TemplateGroups, TemplateList};
pub use tags::by_tags;
pub use terraform::{StateError, TerraformState};

use crate::model::network::Part;
use crate::model::{GroupId, Observation, ResourceTags, SecurityGroup, Side};
use crate::plan::{Effect, Plan, RemovalEffect, StepStatus};

/// What deploys a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Manager {
    /// A CloudFormation stack, of no tool that its tags tell.
    #[serde(rename = "cloudformation")]
    CloudFormation,
    /// AWS SAM.
    Sam,
    /// The AWS CDK.
    Cdk,
    /// The Serverless Framework.
    Serverless,
    /// Terraform or `OpenTofu`.
    Terraform,
    /// Pulumi.
    Pulumi,
    /// AWS Elastic Beanstalk.
    ElasticBeanstalk,
    /// AWS Amplify.
    Amplify,
    /// AWS Copilot.
    Copilot,
    /// AWS Service Catalog.
    ServiceCatalog,
    /// SST.
    Sst,
    /// Crossplane.
    Crossplane,
    /// AWS Controllers for Kubernetes.
    Ack,
    /// Another one, by the name that a tag such as `ManagedBy` gives.
    Other,
}

impl Manager {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::CloudFormation => "CloudFormation",
            Self::Sam => "AWS SAM",
            Self::Cdk => "AWS CDK",
            Self::Serverless => "Serverless Framework",
            Self::Terraform => "Terraform",
            Self::Pulumi => "Pulumi",
            Self::ElasticBeanstalk => "Elastic Beanstalk",
            Self::Amplify => "Amplify",
            Self::Copilot => "Copilot",
            Self::ServiceCatalog => "Service Catalog",
            Self::Sst => "SST",
            Self::Crossplane => "Crossplane",
            Self::Ack => "AWS Controllers for Kubernetes",
            Self::Other => "another tool",
        }
    }

    /// Where the resource is described for it.
    fn source(self) -> &'static str {
        match self {
            Self::CloudFormation | Self::Sam | Self::ServiceCatalog | Self::ElasticBeanstalk => "its template",
            Self::Serverless => "serverless.yml",
            Self::Terraform => "its configuration",
            Self::Crossplane | Self::Ack => "its manifest",
            Self::Cdk | Self::Pulumi | Self::Amplify | Self::Copilot | Self::Sst | Self::Other => "its code",
        }
    }
}

/// What shows an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// Tags of the resource.
    Tags,
    /// A state file of Terraform.
    TerraformState,
}

/// The owner of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The tool.
    pub manager: Manager,
    /// What the tags call the application, the environment, or the tool itself where the program does not know it.
    pub called: Option<String>,
    /// The name of its CloudFormation stack.
    pub stack: Option<String>,
    /// The logical id of the resource in that stack.
    pub logical_id: Option<String>,
    /// The address of the resource in Terraform.
    pub address: Option<String>,
    /// What shows it.
    pub evidence: Evidence,
}

impl Owner {
    fn by_tags(manager: Manager) -> Self {
        Self {
            manager,
            called: None,
            stack: None,
            logical_id: None,
            address: None,
            evidence: Evidence::Tags,
        }
    }

    /// Its deployment, as the subject of a sentence.
    pub fn deployment(&self) -> String {
        match (&self.stack, self.manager) {
            (Some(stack), _) => format!("the next deployment of stack {stack} that updates it"),
            (None, Manager::Terraform) => "the next `terraform apply`".to_owned(),
            (None, Manager::Pulumi) => "the next `pulumi up`".to_owned(),
            (None, Manager::Crossplane | Manager::Ack) => {
                format!("{}, which compares it again and again,", self.manager.name())
            }
            (None, _) => "its next deployment".to_owned(),
        }
    }

    /// The deployment that may have undone a change, as the subject of a sentence.
    pub fn last_deployment(&self) -> String {
        match (&self.stack, self.manager) {
            (Some(stack), _) => format!("the last deployment of stack {stack}"),
            (None, Manager::Terraform) => "the last `terraform apply`".to_owned(),
            (None, Manager::Pulumi) => "the last `pulumi up`".to_owned(),
            (None, Manager::Crossplane | Manager::Ack) => self.manager.name().to_owned(),
            (None, _) => "the last deployment of its owner".to_owned(),
        }
    }

    /// Whether its deployment is known to send the whole list of security groups.
    pub fn is_certain(&self) -> bool {
        self.manager != Manager::Other
    }
}

/// As in `SAM stack shop, resource CheckoutFunction`.
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.stack, self.manager, &self.called) {
            (Some(stack), Manager::CloudFormation, _) => write!(f, "stack {stack}")?,
            (Some(stack), manager, _) => write!(f, "{} stack {stack}", manager.name())?,
            (None, Manager::Other, Some(called)) => write!(f, "tool {called}")?,
            (None, manager, Some(called)) => write!(f, "{} {called}", manager.name())?,
            (None, manager, None) => f.write_str(manager.name())?,
        }
        match (&self.logical_id, &self.address) {
            (Some(id), _) => write!(f, ", resource {id}"),
            (None, Some(address)) => write!(f, ", {address}"),
            (None, None) => Ok(()),
        }
    }
}

/// What is known of the owner of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// It has this one.
    Owner(Owner),
    /// Nothing that was read names one.
    None,
    /// Its tags could not be read, and why.
    Unread(String),
}

/// A resource of a connection that has an owner, or whose owner could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// The side that it is on.
    pub side: Side,
    /// The security group, where the resource is one.
    pub group: Option<GroupId>,
    /// The resource in words, as in `function checkout`.
    pub resource: String,
    /// The ARN of the function, the database or the proxy; the id of a group.
    pub id: String,
    /// The owner, or why it is not known.
    pub owner: Result<Owner, String>,
}

/// The owners of the resources of a connection, and of the groups of the convention on them. What is still to be made has
/// none.
pub fn owners(observation: &Observation, state: Option<&TerraformState>) -> Vec<Owned> {
    owners_of(observation, &observation.extras.tags, &observation.groups, state)
}

/// The owners of these resources, and of those of the groups that are on them. The tags are those of the function and the proxy.
pub fn owners_of<'a>(
    ends: impl Into<Ends<'a>>,
    tags: &ResourceTags,
    groups: &[SecurityGroup],
    state: Option<&TerraformState>,
) -> Vec<Owned> {
    let ends = ends.into();
    let mut all = Vec::new();
    for side in ends.sides().filter(|side| ends.exists(*side)) {
        let owner = match of_side(&ends, side, tags, state) {
            Ownership::Owner(owner) => Ok(owner),
            Ownership::Unread(why) => Err(why),
            Ownership::None => continue,
        };
        all.push(Owned {
            side,
            group: None,
            resource: ends.describe(side),
            id: ends.arn(side).to_owned(),
            owner,
        });
    }
    for side in ends.sides() {
        let on = ends.groups_on(side);
        let groups = on.iter().filter_map(|id| groups.iter().find(|group| group.id == *id));
        all.extend(owners_of_groups(groups, side, state));
    }
    all
}

/// The owners of groups, which are on this side.
pub fn owners_of_groups<'a>(
    groups: impl IntoIterator<Item = &'a SecurityGroup>,
    side: Side,
    state: Option<&TerraformState>,
) -> impl Iterator<Item = Owned> {
    groups.into_iter().filter_map(move |group| {
        let in_state = state.and_then(|state| state.of_group(&group.id));
        Some(Owned {
            side,
            group: Some(group.id.clone()),
            resource: format!("security group {} ({})", group.name, group.id),
            id: group.id.to_string(),
            owner: Ok(in_state.or_else(|| by_tags(&group.tags))?),
        })
    })
}

/// The owner of a side's resource.
pub fn ownership(observation: &Observation, side: Side, state: Option<&TerraformState>) -> Ownership {
    of_side(&observation.into(), side, &observation.extras.tags, state)
}

fn of_side(ends: &Ends<'_>, side: Side, tags: &ResourceTags, state: Option<&TerraformState>) -> Ownership {
    if let Some(owner) = state.and_then(|state| state.of_arn(ends.arn(side))) {
        return Ownership::Owner(owner);
    }
    let tags = match side {
        Side::Database => ends.database.map(|database| Part::Read(database.tags.clone())),
        Side::Function => tags.function.clone(),
        Side::Proxy => tags.proxy.clone(),
    };
    match tags {
        Some(Part::Read(tags)) => by_tags(&tags).map_or(Ownership::None, Ownership::Owner),
        Some(Part::Unread(why)) => Ownership::Unread(why),
        None => Ownership::None,
    }
}

/// What the user has to know of the owners of what a plan changes, a sentence each.
pub fn warnings(owners: &[Owned], plan: &Plan) -> impl Iterator<Item = String> {
    let changed = owners.iter().filter(|owned| owned.is_changed_by(plan));
    changed.filter_map(|owned| owned.warning(plan))
}

/// The resources that have an owner, and whose they are, a line each, for the heading of a plan.
pub fn heading(owners: &[Owned]) -> impl Iterator<Item = String> {
    let resources = owners.iter().filter(|owned| owned.group.is_none());
    resources.filter_map(|owned| Some(format!("{}, {}", owned.resource, owned.owner.as_ref().ok()?)))
}

impl Owned {
    /// Whether steps of this plan change what the owner deploys: the list of groups of the resource, or the rules of a
    /// group.
    pub fn is_changed_by(&self, plan: &Plan) -> bool {
        let mut steps = plan.steps.iter().filter(|step| step.status != StepStatus::Already);
        match &self.group {
            Some(group) => steps.any(|step| step.resource == group.as_str() && step.effect.associates().is_none()),
            None => steps.any(|step| changes(&step.effect) == Some(self.side)),
        }
    }

    /// What the user has to know of it; none for a resource that the plan leaves alone and whose owner is not known.
    pub fn warning(&self, plan: &Plan) -> Option<String> {
        let is_changed = self.is_changed_by(plan);
        let resource = &self.resource;
        let owner = match &self.owner {
            Ok(owner) => owner,
            Err(why) if is_changed => {
                return Some(format!(
                    "Whether a stack deploys {resource} is not known: its tags could not be read ({why}). If one does, its next deployment undoes this change."
                ));
            }
            Err(_) => return None,
        };
        let says = match owner.evidence {
            Evidence::Tags => "Its tags say that",
            Evidence::TerraformState => "The Terraform state says that",
        };
        let whose = format!("{says} {resource} belongs to {owner}");
        let deployment = owner.deployment();
        let (source, will) = (owner.manager.source(), if owner.is_certain() { "will" } else { "may" });
        Some(match (is_changed, &self.group) {
            (true, Some(_)) => format!("{whose}: {deployment} {will} undo the change of its rules."),
            (true, None) if is_removal(plan) => format!(
                "{whose}: where {source} still has the group, {deployment} {will} put it back, or fail because it no longer exists. Change {source} too."
            ),
            (true, None) => format!(
                "{whose}: {deployment} {will} send {} of {source}, and so undo this change. Change {source} too.",
                what_is_sent(plan, self.side)
            ),
            (false, Some(_)) => return None,
            (false, None) => {
                format!("{whose}: {deployment} {will} take the group of this connection off, unless {source} has it.")
            }
        })
    }
}

/// Whether a plan takes groups off.
fn is_removal(plan: &Plan) -> bool {
    use RemovalEffect::{Detach, OffDatabase, OffFunction, OffProxy};
    let mut effects = plan.steps.iter().map(|step| &step.effect);
    effects.any(|effect| {
        matches!(
            effect,
            Effect::Removal(OffFunction { .. } | OffDatabase { .. } | OffProxy { .. } | Detach { .. })
        )
    })
}

/// The side whose resource an effect changes in what its owner deploys, where it exists: its list of groups, or the
/// function's environment.
fn changes(effect: &Effect) -> Option<Side> {
    match effect {
        effect if changes_environment(effect) => Some(Side::Function),
        Effect::Vpc(_) | Effect::Removal(RemovalEffect::OffFunction { .. } | RemovalEffect::Detach { .. }) => {
            Some(Side::Function)
        }
        Effect::Removal(RemovalEffect::OffProxy { .. }) => Some(Side::Proxy),
        Effect::Removal(RemovalEffect::OffDatabase { .. }) => Some(Side::Database),
        _ => effect.associates(),
    }
}

fn changes_environment(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::SetEnvironment { .. } | Effect::Removal(RemovalEffect::UnsetEnvironment { .. })
    )
}

/// What the next deployment sends of a resource that a plan changes.
fn what_is_sent(plan: &Plan, side: Side) -> &'static str {
    let effects = || plan.planned().map(|step| &step.effect);
    let sends_groups = effects().any(|effect| !changes_environment(effect) && changes(effect) == Some(side));
    match (
        sends_groups,
        side == Side::Function && effects().any(changes_environment),
    ) {
        (true, true) => "the security groups and the environment variables",
        (false, true) => "the environment variables",
        _ => "the security groups",
    }
}

/// Why `--owned refuse` refuses a plan: a sentence for each resource that it changes, and that has an owner or whose owner
/// is not known.
pub fn refusals(owners: &[Owned], plan: &Plan) -> Vec<String> {
    let changed = owners.iter().filter(|owned| owned.is_changed_by(plan));
    let why = changed.map(|Owned { resource, owner, .. }| match owner {
        Ok(owner) => format!("{resource} belongs to {owner}"),
        Err(why) => format!("whether a stack deploys {resource} could not be read ({why})"),
    });
    why.collect()
}
