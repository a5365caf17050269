//! One step: an API action with its parameters, what it comes after, and its sentence.

use std::collections::BTreeMap;

use serde::Serialize;

use super::network::{NetworkEffect, RulePeer};
use super::{Ref, VpcEffect};
use crate::adopt::OwnRole;
use crate::extras::Variable;
use crate::handover::HandoverEffect;
use crate::model::{DatabaseKind, Direction, EngineFamily, GroupId, Place, Side, SubnetId, VpcId};
use crate::operation::Operation;
use crate::ownership::OwnTags;
use crate::words;
use crate::{policy, tags};

use super::removal::RemovalEffect;

/// How AWS charges for a proxy, as it continues "billed".
pub const PROXY_COST: &str = "by the hour, for the database's vCPUs or ACUs";

/// What a plan can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Made {
    /// A security group.
    SecurityGroup,
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
    /// A subnet.
    Subnet,
    /// An internet gateway.
    InternetGateway,
    /// An elastic IP address.
    Address,
    /// A NAT gateway.
    NatGateway,
    /// A route table.
    RouteTable,
    /// A VPC endpoint.
    Endpoint,
}

/// What a policy allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grant {
    /// Reading one secret, and decrypting it where its key is a customer's.
    ReadSecret {
        /// The secret.
        secret: Ref<String>,
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
        proxy: Ref<String>,
        /// The user.
        user: String,
    },
}

impl Grant {
    /// The resource whose ARN the document refers to, and which may have to be made first.
    pub fn resource(&self) -> Option<&Ref<String>> {
        match self {
            Self::ReadSecret { secret: resource, .. } | Self::ConnectThroughProxy { proxy: resource, .. } => {
                Some(resource)
            }
            Self::ConnectToDatabase { .. } => None,
        }
    }

    /// The policy document; none where the ARN of a resource is not known.
    pub fn document(&self, arn: impl Fn(&Ref<String>) -> Option<String>) -> Option<String> {
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyAuth {
    /// With a secret.
    Secret {
        /// The secret.
        secret: Ref<String>,
        /// Whether clients have to use IAM.
        iam_required: bool,
    },
    /// With IAM from end to end.
    Iam,
}

/// A proxy to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProxyPlan {
    /// Its name.
    pub name: String,
    /// Its engine family.
    pub family: EngineFamily,
    /// Its subnets.
    pub subnets: Vec<SubnetId>,
    /// The group that it is born with.
    pub group: Ref<GroupId>,
    /// The role that RDS assumes for it.
    pub role: Ref<String>,
    /// How it authenticates.
    pub auth: ProxyAuth,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The tags by which one that is there already may be treated as it.
    #[serde(skip)]
    pub own: OwnTags,
}

/// A function to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FunctionPlan {
    /// Its name.
    pub name: String,
    /// Its runtime.
    pub runtime: String,
    /// Its subnets.
    pub subnets: Vec<SubnetId>,
    /// The group that it is born with.
    pub group: Ref<GroupId>,
    /// Its execution role.
    pub role: Ref<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The tags by which one that is there already may be treated as it.
    #[serde(skip)]
    pub own: OwnTags,
}

/// What a step does, as one call of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "effect", rename_all = "kebab-case")]
pub enum Effect {
    /// Creates a group, tagged from birth.
    CreateSecurityGroup {
        /// The side of a connection that it is for; none for a group of VPC endpoints.
        side: Option<Side>,
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
        group: Ref<GroupId>,
    },
    /// Adds a rule for one TCP port.
    AddRule {
        /// Which way.
        direction: Direction,
        /// The group that gets the rule.
        group: Ref<GroupId>,
        /// The port.
        port: u16,
        /// The other end.
        peer: RulePeer,
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
        group: Ref<GroupId>,
    },
    /// Adds a group to the proxy's list.
    AssociateProxy {
        /// The proxy.
        name: String,
        /// The group.
        group: Ref<GroupId>,
    },
    /// Adds a group to the function's list.
    AssociateFunction {
        /// The function's ARN: a name alone could be that of another account's.
        function: String,
        /// The group.
        group: Ref<GroupId>,
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
        #[serde(skip)]
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
        #[serde(skip)]
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
    /// Gives variables to the function's environment, besides those it has.
    SetEnvironment {
        /// The function's ARN.
        function: String,
        /// The proxy's name, whose endpoint a variable may be.
        proxy: Option<String>,
        /// The secret whose ARN a variable may be.
        secret: Option<Ref<String>>,
        /// Whether another value of such a variable may be replaced.
        overwrite: bool,
        /// Those that have another value now.
        replaces: Vec<&'static str>,
        /// The variables.
        variables: Vec<Variable>,
    },
    /// Changes where a function is attached.
    #[serde(untagged)]
    Vpc(VpcEffect),
    /// Makes or changes a part of a network.
    #[serde(untagged)]
    Network(NetworkEffect),
    /// Takes something away.
    #[serde(untagged)]
    Removal(RemovalEffect),
    /// Says who manages groups.
    #[serde(untagged)]
    Handover(HandoverEffect),
}

impl Effect {
    /// The operation of the API that carries it out.
    pub fn operation(&self) -> Operation {
        match self {
            Self::CreateSecurityGroup { .. } => Operation::CreateSecurityGroup,
            Self::RevokeDefaultEgress { .. } => Operation::RevokeSecurityGroupEgress,
            Self::AddRule { direction, .. } => Operation::authorizes(*direction),
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
            Self::Handover(HandoverEffect::HandOver { .. }) => Operation::CreateTags,
            Self::Handover(HandoverEffect::TakeOver { .. }) => Operation::DeleteTags,
        }
    }

    /// The IAM name of that operation.
    pub fn action(&self) -> &'static str {
        self.operation().iam_action()
    }

    /// The IAM actions that the caller needs for this step: tags at birth have their own, and so has giving a role
    /// to a service.
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
    pub fn cost(&self) -> Option<&'static str> {
        match self {
            Self::CreateProxy(_) => Some(PROXY_COST),
            Self::CreateSecret { .. } => Some("by the month"),
            Self::Network(effect) => effect.cost(),
            _ => None,
        }
    }

    /// The side whose resource gets a group by this step.
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
    pub fn takes_back(&self) -> bool {
        matches!(self, Self::Removal(RemovalEffect::TakeBack { .. }))
    }

    /// Whether it makes or changes a group's rules: all of that comes before any group is put on a resource.
    pub fn prepares_groups(&self) -> bool {
        matches!(
            self,
            Self::CreateSecurityGroup { .. }
                | Self::RevokeDefaultEgress { .. }
                | Self::AddRule { .. }
                | Self::Removal(RemovalEffect::Unmark { .. } | RemovalEffect::Revoke { .. })
        )
    }

    /// What is waited for after the call, as text.
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
            | Self::AddRule { .. }
            | Self::RegisterTarget { .. }
            | Self::CreateSecret { .. }
            | Self::CreateRole { .. }
            | Self::PutRolePolicy { .. }
            | Self::AttachRolePolicy { .. }
            | Self::Handover(_) => None,
        }
    }

    /// Whether the step creates something, rather than changing it.
    pub fn creates(&self) -> bool {
        self.makes().is_some()
    }

    /// The tags of what it makes, if it makes something.
    pub fn tags(&self) -> Option<&BTreeMap<String, String>> {
        match self {
            Self::CreateSecurityGroup { tags, .. }
            | Self::CreateSecret { tags, .. }
            | Self::CreateRole { tags, .. } => Some(tags),
            Self::CreateProxy(proxy) => Some(&proxy.tags),
            Self::CreateFunction(function) => Some(&function.tags),
            Self::Network(effect) => effect.tags(),
            _ => None,
        }
    }

    /// The value of `autoconnect:role` of what it makes.
    pub fn role(&self) -> Option<&str> {
        self.tags()?.get(tags::ROLE).map(String::as_str)
    }

    /// Whether something is gone after the step.
    pub fn deletes(&self) -> bool {
        matches!(self, Self::Removal(effect) if effect.deletes())
    }

    /// What it makes.
    pub fn makes(&self) -> Option<Made> {
        match self {
            Self::CreateSecurityGroup { .. } => Some(Made::SecurityGroup),
            Self::CreateSecret { .. } => Some(Made::Secret),
            Self::CreateRole { made, .. } => Some(*made),
            Self::CreateProxy(_) => Some(Made::Proxy),
            Self::CreateFunction(_) => Some(Made::Function),
            Self::Network(effect) => effect.makes(),
            _ => None,
        }
    }

    /// What the step refers to that other steps make: what it is, and the number of the step.
    pub fn needs(&self) -> Vec<(Made, u32)> {
        let groups = self.groups();
        let mut needs: Vec<(Made, Option<u32>)> =
            groups.iter().map(|group| (Made::SecurityGroup, group.step())).collect();
        match self {
            Self::PutRolePolicy { grant, .. } => match grant {
                Grant::ReadSecret { secret, .. } => needs.push((Made::Secret, secret.step())),
                Grant::ConnectThroughProxy { proxy, .. } => needs.push((Made::Proxy, proxy.step())),
                Grant::ConnectToDatabase { .. } => {}
            },
            Self::CreateProxy(proxy) => {
                needs.push((Made::ProxyRole, proxy.role.step()));
                if let ProxyAuth::Secret { secret, .. } = &proxy.auth {
                    needs.push((Made::Secret, secret.step()));
                }
            }
            Self::CreateFunction(function) => needs.push((Made::FunctionRole, function.role.step())),
            Self::SetEnvironment { secret, .. } => {
                needs.push((Made::Secret, secret.as_ref().and_then(Ref::step)));
            }
            Self::Network(effect) => needs.extend(effect.needs()),
            _ => {}
        }
        needs
            .into_iter()
            .filter_map(|(made, step)| Some((made, step?)))
            .collect()
    }

    /// The groups that the step refers to.
    pub fn groups(&self) -> Vec<&Ref<GroupId>> {
        match self {
            Self::AddRule { group, peer, .. } => match peer {
                RulePeer::Group(peer) => vec![group, peer],
                RulePeer::Cidr(_) | RulePeer::PrefixList(_) => vec![group],
            },
            Self::Network(effect) => effect.groups(),
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

impl From<NetworkEffect> for Effect {
    fn from(effect: NetworkEffect) -> Self {
        Self::Network(effect)
    }
}

impl From<RemovalEffect> for Effect {
    fn from(effect: RemovalEffect) -> Self {
        Self::Removal(effect)
    }
}

impl From<HandoverEffect> for Effect {
    fn from(effect: HandoverEffect) -> Self {
        Self::Handover(effect)
    }
}

impl From<VpcEffect> for Effect {
    fn from(effect: VpcEffect) -> Self {
        Self::Vpc(effect)
    }
}

impl Effect {
    /// Whether the step uses this group, which exists.
    pub fn speaks_of(&self, id: &GroupId) -> bool {
        let is_made = matches!(self, Self::CreateSecurityGroup { existing: Some(existing), .. } if existing == id);
        is_made || self.groups().into_iter().any(|group| group.is(id))
    }
}

words! {
    /// How far a step is.
    #[schemars(rename = "StepStatusName")]
    pub enum StepStatus {
        /// To be done.
        Planned = "planned",
        /// Done by this run.
        Done = "done",
        /// It was so already.
        Already = "already",
        /// What it would make is there already, exactly as it would be made, and is taken over.
        Adopt = "adopt",
        /// The run ended before it.
        Skipped = "skipped",
    }
}

impl StepStatus {
    /// Whether what the step is about was there before, so that nothing is written.
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
