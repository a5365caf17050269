//! One step: an API action with its parameters, what it comes after, and its sentence.

use std::collections::BTreeMap;

use super::VpcEffect;
use super::network::{NetworkEffect, Slot};
use crate::adopt::OwnRole;
use crate::extras::{Value, Variable};
use crate::model::{DatabaseKind, Direction, EngineFamily, GroupId, Place, Side, SubnetId, VpcId};
use crate::operation::Operation;
use crate::ownership::OwnTags;
use crate::{policy, tags};

use super::removal::RemovalEffect;

/// A group that a step refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupRef {
    /// It exists.
    Existing(GroupId),
    /// The plan's own step creates it for this side.
    New(Side),
}

/// A resource with an ARN that a step refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourceRef {
    /// It exists: its ARN.
    Existing(String),
    /// A step of the plan makes it.
    New(Made),
}

/// What a plan can make besides groups; at most one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Made {
    /// The secret of the proxy.
    Secret,
    /// The role of the proxy.
    ProxyRole,
    /// The proxy.
    Proxy,
    /// The role of the function.
    FunctionRole,
    /// The function.
    Function,
}

impl std::fmt::Display for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Secret => "secret",
            Self::ProxyRole => "role of the proxy",
            Self::Proxy => "proxy",
            Self::FunctionRole => "role of the function",
            Self::Function => "function",
        })
    }
}

/// What a policy allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Reading one secret, and decrypting it where its key is a customer's.
    ReadSecret {
        /// The secret.
        secret: ResourceRef,
        /// The ARN of the customer's key.
        customer_key: Option<String>,
    },
    /// Connecting to the database as one user.
    ConnectToDatabase {
        /// The ARN of the database, which contains the place.
        database: String,
        /// The resource id by which IAM names it.
        resource_id: String,
        /// The user.
        user: String,
    },
    /// Connecting through the proxy as one user.
    ConnectThroughProxy {
        /// The proxy.
        proxy: ResourceRef,
        /// The user.
        user: String,
    },
}

impl Grant {
    /// The resource whose ARN the document refers to, and which may have to be made first.
    #[must_use]
    pub fn resource(&self) -> Option<&ResourceRef> {
        match self {
            Self::ReadSecret { secret: resource, .. } | Self::ConnectThroughProxy { proxy: resource, .. } => {
                Some(resource)
            }
            Self::ConnectToDatabase { .. } => None,
        }
    }

    /// The policy document; none where the ARN of a resource is not known.
    #[must_use]
    pub fn document(&self, arn: impl Fn(&ResourceRef) -> Option<String>) -> Option<String> {
        Some(match self {
            Self::ReadSecret { secret, customer_key } => policy::read_secret(&arn(secret)?, customer_key.as_deref()),
            Self::ConnectToDatabase {
                database,
                resource_id,
                user,
            } => policy::connect(Place::of(database), resource_id, user),
            Self::ConnectThroughProxy { proxy, user } => policy::connect_through(&arn(proxy)?, user),
        })
    }
}

/// How a new proxy authenticates to the database, and its clients to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyAuth {
    /// With a secret.
    Secret {
        /// The secret.
        secret: ResourceRef,
        /// Whether clients have to use IAM.
        iam_required: bool,
    },
    /// With IAM from end to end.
    Iam,
}

/// A proxy to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyPlan {
    /// Its name.
    pub name: String,
    /// Its engine family.
    pub family: EngineFamily,
    /// Its subnets.
    pub subnets: Vec<SubnetId>,
    /// The group that it is born with.
    pub group: GroupRef,
    /// The role that RDS assumes for it.
    pub role: ResourceRef,
    /// How it authenticates.
    pub auth: ProxyAuth,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The tags by which one that is there already may be treated as it.
    pub own: OwnTags,
}

/// A function to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionPlan {
    /// Its name.
    pub name: String,
    /// Its runtime.
    pub runtime: String,
    /// Its subnets.
    pub subnets: Vec<SubnetId>,
    /// The group that it is born with.
    pub group: GroupRef,
    /// Its execution role.
    pub role: ResourceRef,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The tags by which one that is there already may be treated as it.
    pub own: OwnTags,
}

/// What a step does, as one call of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Creates a group, tagged from birth.
    CreateSecurityGroup {
        /// The side that it is for.
        side: Side,
        /// Its name.
        name: String,
        /// Its VPC.
        vpc: VpcId,
        /// Its description.
        description: String,
        /// Its tags.
        tags: BTreeMap<String, String>,
        /// The group, where an earlier run has created it.
        existing: Option<GroupId>,
    },
    /// Takes the rules that EC2 gives to a new group out of it.
    RevokeDefaultEgress {
        /// The group.
        group: GroupRef,
    },
    /// Adds a rule for one TCP port and one group.
    Authorize {
        /// Which way.
        direction: Direction,
        /// The group that gets the rule.
        group: GroupRef,
        /// The port.
        port: u16,
        /// The group at the other end.
        peer: GroupRef,
        /// The rule's description.
        description: String,
    },
    /// Makes the database the proxy's target.
    RegisterTarget {
        /// The proxy.
        proxy: String,
        /// Cluster or instance.
        kind: DatabaseKind,
        /// The database's identifier.
        database: String,
    },
    /// Adds a group to the database's list.
    AssociateDatabase {
        /// Cluster or instance.
        kind: DatabaseKind,
        /// Its identifier.
        id: String,
        /// The group.
        group: GroupRef,
    },
    /// Adds a group to the proxy's list.
    AssociateProxy {
        /// The proxy.
        name: String,
        /// The group.
        group: GroupRef,
    },
    /// Adds a group to the function's list.
    AssociateFunction {
        /// The function's ARN: a name alone could be that of another account's.
        function: String,
        /// The group.
        group: GroupRef,
    },
    /// Makes a secret of a user's name and password. The password is no part of the plan.
    CreateSecret {
        /// Its name.
        name: String,
        /// The user.
        user: String,
        /// Its description.
        description: String,
        /// Its tags.
        tags: BTreeMap<String, String>,
        /// The tags by which one that is there already may be treated as it.
        own: OwnTags,
    },
    /// Makes a role that one service may assume.
    CreateRole {
        /// Which role.
        made: Made,
        /// Its name.
        name: String,
        /// The service.
        service: &'static str,
        /// Its description.
        description: String,
        /// Its tags.
        tags: BTreeMap<String, String>,
        /// What one that is there already is compared with.
        own: Box<OwnRole>,
    },
    /// Gives a role a policy of its own.
    PutRolePolicy {
        /// The role's name.
        role: String,
        /// The policy's name.
        policy: String,
        /// What it allows.
        grant: Grant,
    },
    /// Gives a role one of AWS's policies.
    AttachRolePolicy {
        /// The role's name.
        role: String,
        /// The policy's ARN.
        policy: String,
    },
    /// Makes a proxy.
    CreateProxy(Box<ProxyPlan>),
    /// Makes a function.
    CreateFunction(Box<FunctionPlan>),
    /// Changes where a function is attached.
    Vpc(VpcEffect),
    /// Gives variables to the function's environment, besides those it has.
    SetEnvironment {
        /// The function's ARN.
        function: String,
        /// The proxy's name, whose endpoint a variable may be.
        proxy: Option<String>,
        /// Whether another value of such a variable may be replaced.
        overwrite: bool,
        /// The variables.
        variables: Vec<Variable>,
    },
    /// Makes or changes a part of a network.
    Network(NetworkEffect),
    /// Takes something away.
    Removal(RemovalEffect),
}

impl Effect {
    /// The operation of the API that carries it out.
    #[must_use]
    pub fn operation(&self) -> Operation {
        match self {
            Self::CreateSecurityGroup { .. } => Operation::CreateSecurityGroup,
            Self::RevokeDefaultEgress { .. } => Operation::RevokeSecurityGroupEgress,
            Self::Authorize { direction, .. } => Operation::authorizes(*direction),
            Self::AssociateDatabase { kind, .. } => Operation::modifies(*kind),
            Self::RegisterTarget { .. } => Operation::RegisterDbProxyTargets,
            Self::AssociateProxy { .. } => Operation::ModifyDbProxy,
            Self::AssociateFunction { .. } | Self::SetEnvironment { .. } | Self::Vpc(_) => {
                Operation::UpdateFunctionConfiguration
            }
            Self::CreateSecret { .. } => Operation::CreateSecret,
            Self::CreateRole { .. } => Operation::CreateRole,
            Self::PutRolePolicy { .. } => Operation::PutRolePolicy,
            Self::AttachRolePolicy { .. } => Operation::AttachRolePolicy,
            Self::CreateProxy(_) => Operation::CreateDbProxy,
            Self::CreateFunction(_) => Operation::CreateFunction,
            Self::Network(effect) => effect.operation(),
            Self::Removal(effect) => effect.operation(),
        }
    }

    /// The IAM name of that operation.
    #[must_use]
    pub fn action(&self) -> &'static str {
        self.operation().iam_action()
    }

    /// The IAM actions that the caller needs for this step: tags at birth have their own, and so has giving a role
    /// to a service.
    #[must_use]
    pub fn iam_actions(&self) -> Vec<&'static str> {
        const OF_LAMBDA: [&str; 4] = [
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
            "ec2:GetSecurityGroupsForVpc",
        ];
        let more: &[&str] = match self {
            Self::CreateSecurityGroup { .. } => &["ec2:CreateTags"],
            Self::CreateSecret { .. } => &["secretsmanager:TagResource"],
            Self::CreateRole { .. } => &["iam:TagRole", "iam:GetRole"],
            Self::CreateProxy(_) => &["rds:AddTagsToResource", "iam:PassRole"],
            Self::CreateFunction(_) => &["lambda:TagResource", "iam:PassRole"],
            Self::Network(effect) => effect.more_actions(),
            // The mark is removed again where someone has started to use the groups meanwhile.
            Self::Removal(RemovalEffect::Mark { .. }) => &["ec2:DeleteTags"],
            Self::Removal(RemovalEffect::TakeBack { .. }) => {
                &["ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"]
            }
            _ => &[],
        };
        let of_lambda: &[&str] = match self {
            Self::AssociateFunction { .. }
            | Self::CreateFunction(_)
            | Self::Vpc(VpcEffect::Attach(_))
            | Self::Removal(RemovalEffect::OffFunction { .. }) => &OF_LAMBDA,
            _ => &[],
        };
        std::iter::once(self.action())
            .chain(more.iter().copied())
            .chain(of_lambda.iter().copied())
            .collect()
    }

    /// How AWS charges for what it makes, for as long as that exists.
    #[must_use]
    pub fn cost(&self) -> Option<&'static str> {
        match self {
            Self::CreateProxy(_) => Some("by the hour, for the database's vCPUs or ACUs"),
            Self::CreateSecret { .. } => Some("by the month"),
            Self::Network(effect) => effect.cost(),
            _ => None,
        }
    }

    /// The side whose resource gets a group by this step.
    #[must_use]
    pub fn associates(&self) -> Option<Side> {
        match self {
            Self::AssociateDatabase { .. } => Some(Side::Database),
            Self::AssociateProxy { .. } | Self::CreateProxy(_) => Some(Side::Proxy),
            Self::AssociateFunction { .. } | Self::CreateFunction(_) | Self::Vpc(VpcEffect::Attach(_)) => {
                Some(Side::Function)
            }
            _ => None,
        }
    }

    /// Whether it deletes what the run has made itself, and does not need.
    #[must_use]
    pub fn takes_back(&self) -> bool {
        matches!(self, Self::Removal(RemovalEffect::TakeBack { .. }))
    }

    /// Whether it makes or changes a group's rules: all of that comes before any group is put on a resource.
    #[must_use]
    pub fn prepares_groups(&self) -> bool {
        matches!(
            self,
            Self::CreateSecurityGroup { .. }
                | Self::RevokeDefaultEgress { .. }
                | Self::Authorize { .. }
                | Self::Network(NetworkEffect::CreateGroup { .. } | NetworkEffect::AddRule { .. })
                | Self::Removal(RemovalEffect::Unmark { .. } | RemovalEffect::Revoke { .. })
        )
    }

    /// What is waited for after the call, as text.
    #[must_use]
    pub fn waits_for(&self) -> Option<&'static str> {
        match self {
            Self::CreateSecurityGroup { .. } => Some("the group to be found"),
            Self::AssociateDatabase { .. } => Some("the group to be active on the database"),
            Self::AssociateProxy { .. } => Some("the proxy to be available with the group"),
            Self::AssociateFunction { .. } | Self::SetEnvironment { .. } | Self::Vpc(VpcEffect::Detach { .. }) => {
                Some("the function's update to finish")
            }
            Self::Vpc(VpcEffect::Attach(_)) => Some("the function's network interface to be created"),
            Self::CreateProxy(_) => Some("the proxy to become available"),
            Self::CreateFunction(_) => Some("the function to become active"),
            Self::Network(effect) => effect.waits_for(),
            Self::Removal(effect) => effect.waits_for(),
            Self::RevokeDefaultEgress { .. }
            | Self::Authorize { .. }
            | Self::RegisterTarget { .. }
            | Self::CreateSecret { .. }
            | Self::CreateRole { .. }
            | Self::PutRolePolicy { .. }
            | Self::AttachRolePolicy { .. } => None,
        }
    }

    /// Whether the step creates something, rather than changing it.
    #[must_use]
    pub fn creates(&self) -> bool {
        if self.makes_slot().is_some() {
            return true;
        }
        matches!(
            self,
            Self::CreateSecurityGroup { .. }
                | Self::CreateSecret { .. }
                | Self::CreateRole { .. }
                | Self::CreateProxy(_)
                | Self::CreateFunction(_)
        )
    }

    /// By what later steps know what it makes of a network.
    #[must_use]
    pub fn makes_slot(&self) -> Option<&Slot> {
        match self {
            Self::Network(effect) => effect.makes(),
            _ => None,
        }
    }

    /// The tags that something gets by which later steps know it, if this step makes it: rules for ranges know a
    /// connection's group by its role.
    #[must_use]
    pub fn tags_of(&self, slot: &str) -> Option<&BTreeMap<String, String>> {
        match self {
            Self::CreateSecurityGroup { side, tags, .. } if tags::role(*side) == slot => Some(tags),
            Self::Network(effect) if effect.makes().is_some_and(|made| made == slot) => effect.tags(),
            _ => None,
        }
    }

    /// Whether something is gone after the step.
    #[must_use]
    pub fn deletes(&self) -> bool {
        matches!(self, Self::Removal(effect) if effect.deletes())
    }

    /// What it makes besides groups.
    #[must_use]
    pub fn makes(&self) -> Option<Made> {
        match self {
            Self::CreateSecret { .. } => Some(Made::Secret),
            Self::CreateRole { made, .. } => Some(*made),
            Self::CreateProxy(_) => Some(Made::Proxy),
            Self::CreateFunction(_) => Some(Made::Function),
            _ => None,
        }
    }

    /// What the step needs that another step makes.
    #[must_use]
    pub fn needs(&self) -> Vec<Made> {
        let mut refs: Vec<&ResourceRef> = Vec::new();
        let mut needs = Vec::new();
        match self {
            Self::PutRolePolicy { grant, .. } => match grant {
                Grant::ReadSecret { secret, .. } => refs.push(secret),
                Grant::ConnectThroughProxy { proxy, .. } => refs.push(proxy),
                Grant::ConnectToDatabase { .. } => {}
            },
            Self::CreateProxy(proxy) => {
                refs.push(&proxy.role);
                if let ProxyAuth::Secret { secret, .. } = &proxy.auth {
                    refs.push(secret);
                }
            }
            Self::CreateFunction(function) => refs.push(&function.role),
            Self::SetEnvironment { variables, .. } => {
                needs.extend(variables.iter().filter_map(|(_, value)| match value {
                    Value::ProxyEndpoint => Some(Made::Proxy),
                    Value::NewSecret => Some(Made::Secret),
                    Value::Known(_) => None,
                }));
            }
            _ => {}
        }
        needs.extend(refs.into_iter().filter_map(|reference| match reference {
            ResourceRef::New(made) => Some(*made),
            ResourceRef::Existing(_) => None,
        }));
        needs
    }

    /// The groups that the step refers to.
    #[must_use]
    pub fn groups(&self) -> Vec<&GroupRef> {
        match self {
            Self::Authorize { group, peer, .. } => vec![group, peer],
            Self::CreateProxy(proxy) => vec![&proxy.group],
            Self::CreateFunction(function) => vec![&function.group],
            Self::Vpc(VpcEffect::Attach(plan)) => plan.groups.iter().collect(),
            Self::RevokeDefaultEgress { group }
            | Self::AssociateDatabase { group, .. }
            | Self::AssociateProxy { group, .. }
            | Self::AssociateFunction { group, .. } => vec![group],
            _ => vec![],
        }
    }
}

impl Effect {
    /// Whether the step uses this group, which exists.
    #[must_use]
    pub fn speaks_of(&self, id: &GroupId) -> bool {
        let is_it = |group: &GroupRef| matches!(group, GroupRef::Existing(existing) if existing == id);
        let is_made = matches!(self, Self::CreateSecurityGroup { existing: Some(existing), .. } if existing == id);
        is_made || self.groups().into_iter().any(is_it)
    }
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepStatus {
    /// To be done.
    Planned,
    /// This run has done it.
    Done,
    /// It was so already.
    Already,
    /// What it makes is there already, exactly as it would be made, and is taken over.
    Adopt,
    /// It cannot be done yet, and was not waited for.
    Skipped,
}

impl StepStatus {
    /// Whether what the step is about was there before, so that nothing is written.
    #[must_use]
    pub fn is_there(self) -> bool {
        matches!(self, Self::Already | Self::Adopt)
    }
}

/// One step of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its number, from 1.
    pub id: u32,
    /// What it does.
    pub effect: Effect,
    /// What it changes: an id or an ARN; the name of a group that does not exist yet.
    pub resource: String,
    /// What it does, for people.
    pub summary: String,
    /// The steps that must have been done before.
    pub after: Vec<u32>,
    /// How far it is.
    pub status: StepStatus,
}
