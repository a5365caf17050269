//! One step: an API action with its parameters, what it comes after, and its sentence.

use std::collections::BTreeMap;

use crate::model::{DatabaseKind, Direction, GroupId, Side, VpcId};
use crate::operation::Operation;

/// A group that a step speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupRef {
    /// It exists.
    Existing(GroupId),
    /// The plan's own step creates it for this side.
    New(Side),
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
}

impl Effect {
    /// The operation of the API that carries it out.
    #[must_use]
    pub fn operation(&self) -> Operation {
        match self {
            Self::CreateSecurityGroup { .. } => Operation::CreateSecurityGroup,
            Self::RevokeDefaultEgress { .. } => Operation::RevokeSecurityGroupEgress,
            Self::Authorize { direction, .. } => Operation::authorizes(*direction),
            Self::AssociateDatabase {
                kind: DatabaseKind::Cluster,
                ..
            } => Operation::ModifyDbCluster,
            Self::AssociateDatabase {
                kind: DatabaseKind::Instance,
                ..
            } => Operation::ModifyDbInstance,
            Self::RegisterTarget { .. } => Operation::RegisterDbProxyTargets,
            Self::AssociateProxy { .. } => Operation::ModifyDbProxy,
            Self::AssociateFunction { .. } => Operation::UpdateFunctionConfiguration,
        }
    }

    /// The IAM name of that operation.
    #[must_use]
    pub fn action(&self) -> &'static str {
        self.operation().iam_action()
    }

    /// The IAM actions that the caller needs for this step: tags at a group's birth have their own.
    #[must_use]
    pub fn iam_actions(&self) -> Vec<&'static str> {
        match self {
            Self::CreateSecurityGroup { .. } => vec![self.action(), "ec2:CreateTags"],
            Self::AssociateFunction { .. } => vec![
                self.action(),
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ],
            _ => vec![self.action()],
        }
    }

    /// The side whose resource gets a group by this step.
    #[must_use]
    pub fn associates(&self) -> Option<Side> {
        match self {
            Self::AssociateDatabase { .. } => Some(Side::Database),
            Self::AssociateProxy { .. } => Some(Side::Proxy),
            Self::AssociateFunction { .. } => Some(Side::Function),
            Self::CreateSecurityGroup { .. }
            | Self::RevokeDefaultEgress { .. }
            | Self::Authorize { .. }
            | Self::RegisterTarget { .. } => None,
        }
    }

    /// What is waited for after the call, in words.
    #[must_use]
    pub fn waits_for(&self) -> Option<&'static str> {
        match self {
            Self::CreateSecurityGroup { .. } => Some("the group to be found"),
            Self::RevokeDefaultEgress { .. } | Self::Authorize { .. } | Self::RegisterTarget { .. } => None,
            Self::AssociateDatabase { .. } => Some("the group to be active on the database"),
            Self::AssociateProxy { .. } => Some("the proxy to be available with the group"),
            Self::AssociateFunction { .. } => Some("the function's update to end"),
        }
    }

    /// Whether the step creates something, rather than changing it.
    #[must_use]
    pub fn creates(&self) -> bool {
        matches!(self, Self::CreateSecurityGroup { .. })
    }

    /// The groups that the step speaks of.
    #[must_use]
    pub fn groups(&self) -> Vec<&GroupRef> {
        match self {
            Self::CreateSecurityGroup { .. } | Self::RegisterTarget { .. } => vec![],
            Self::Authorize { group, peer, .. } => vec![group, peer],
            Self::RevokeDefaultEgress { group }
            | Self::AssociateDatabase { group, .. }
            | Self::AssociateProxy { group, .. }
            | Self::AssociateFunction { group, .. } => vec![group],
        }
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
