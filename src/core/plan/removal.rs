//! Steps that remove something: those of `remove`, and the mark that shows a removal to other runs.

use serde::Serialize;

use super::Steps;
use crate::classify::InWords;
use crate::model::{DatabaseKind, Direction, GroupId, Rule, SecurityGroup};
use crate::operation::Operation;
use crate::removal::Removable;

/// The operations that only a removal needs, and those by which `setup` uses again what a removal has left.
pub const OPERATIONS: &[Operation] = &[
    Operation::ListFunctions,
    Operation::ListAliases,
    Operation::DescribeDbProxyEndpoints,
    Operation::ListEventSourceMappings,
    Operation::ListCapacityProviders,
    Operation::ListNetworkConnectors,
    Operation::ListNetworkConnectorVersions,
    Operation::GetNetworkConnector,
    Operation::DescribeLaunchTemplateVersions,
    Operation::DescribeSecurityGroupReferences,
    Operation::DescribeNetworkInterfaces,
    Operation::ListTagsForResource,
    Operation::ListSecrets,
    Operation::ListRolePolicies,
    Operation::ListAttachedRolePolicies,
    Operation::CreateTags,
    Operation::DeleteTags,
    Operation::RevokeSecurityGroupIngress,
    Operation::DeleteSecurityGroup,
    Operation::DeleteDbProxy,
    Operation::DeleteSecret,
    Operation::DeleteRolePolicy,
    Operation::DeleteRole,
    Operation::GetRolePolicy,
    Operation::ListTags,
    Operation::DeleteFunction,
    Operation::DetachRolePolicy,
];

/// What a step removes, as one call of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "effect", rename_all = "kebab-case")]
pub enum RemovalEffect {
    /// Marks groups as being removed: the first write of a removal.
    Mark {
        /// The groups.
        groups: Vec<GroupId>,
        /// The connection that is being removed.
        connection: String,
        /// The function that is being disconnected: no other one may have them.
        function: String,
    },
    /// Names the connection that groups which are kept belong to from now on.
    Retag {
        /// The groups.
        groups: Vec<GroupId>,
        /// That connection; without a function where they are none's.
        connection: String,
    },
    /// Removes the mark again: `setup` continues with what a removal has left.
    Unmark {
        /// The groups.
        groups: Vec<GroupId>,
    },
    /// Takes a group off the function.
    OffFunction {
        /// The function's ARN.
        function: String,
        /// The group.
        group: Removable,
    },
    /// Takes the function's last groups off, and the function out of its VPC with them.
    Detach {
        /// The function's ARN.
        function: String,
        /// The groups: all that it has.
        groups: Vec<Removable>,
    },
    /// Takes a group off the proxy.
    OffProxy {
        /// The proxy's name.
        proxy: String,
        /// The group.
        group: Removable,
    },
    /// Takes a group off the database.
    OffDatabase {
        /// Cluster or instance.
        kind: DatabaseKind,
        /// Its identifier.
        id: String,
        /// The group.
        group: Removable,
    },
    /// Takes rules out of a group.
    Revoke {
        /// The group.
        group: Removable,
        /// Which way.
        direction: Direction,
        /// The rules.
        rules: Vec<Rule>,
        /// Whether they go before others are granted: the group may be at its quota of rules.
        makes_room: bool,
    },
    /// Deletes a group.
    DeleteGroup {
        /// The group.
        group: Removable,
    },
    /// Deletes the groups that this very run has made and does not need, with the rules by which they name each other,
    /// unless something else uses them.
    TakeBack {
        /// The groups.
        groups: Vec<Removable>,
    },
    /// Deletes a proxy with its targets.
    DeleteProxy {
        /// Its name.
        proxy: String,
    },
    /// Schedules a secret for deletion.
    DeleteSecret {
        /// Its ARN.
        secret: String,
    },
    /// Takes variables out of the function's environment that still have these values.
    UnsetEnvironment {
        /// The function's ARN.
        function: String,
        /// The variables with their values.
        variables: Vec<(&'static str, String)>,
    },
    /// Deletes the function.
    DeleteFunction {
        /// Its ARN.
        function: String,
    },
    /// Takes a policy of IAM off a role.
    DetachRolePolicy {
        /// The role's name.
        role: String,
        /// The policy's ARN.
        policy: String,
    },
    /// Takes a policy of its own from a role.
    DeleteRolePolicy {
        /// The role's name.
        role: String,
        /// The policy's name.
        policy: String,
    },
    /// Deletes a role.
    DeleteRole {
        /// Its name.
        role: String,
    },
}

impl RemovalEffect {
    /// The operation of the API that carries it out.
    pub fn operation(&self) -> Operation {
        match self {
            Self::Mark { .. } | Self::Retag { .. } => Operation::CreateTags,
            Self::Unmark { .. } => Operation::DeleteTags,
            Self::OffFunction { .. } | Self::Detach { .. } | Self::UnsetEnvironment { .. } => {
                Operation::UpdateFunctionConfiguration
            }
            Self::DeleteFunction { .. } => Operation::DeleteFunction,
            Self::DetachRolePolicy { .. } => Operation::DetachRolePolicy,
            Self::OffProxy { .. } => Operation::ModifyDbProxy,
            Self::OffDatabase { kind, .. } => Operation::modifies(*kind),
            Self::Revoke { direction, .. } => Operation::revokes(*direction),
            Self::DeleteGroup { .. } | Self::TakeBack { .. } => Operation::DeleteSecurityGroup,
            Self::DeleteProxy { .. } => Operation::DeleteDbProxy,
            Self::DeleteSecret { .. } => Operation::DeleteSecret,
            Self::DeleteRolePolicy { .. } => Operation::DeleteRolePolicy,
            Self::DeleteRole { .. } => Operation::DeleteRole,
        }
    }

    /// Whether something is gone after it.
    pub fn deletes(&self) -> bool {
        matches!(
            self,
            Self::DeleteGroup { .. }
                | Self::TakeBack { .. }
                | Self::DeleteProxy { .. }
                | Self::DeleteFunction { .. }
                | Self::DetachRolePolicy { .. }
                | Self::DeleteSecret { .. }
                | Self::DeleteRolePolicy { .. }
                | Self::DeleteRole { .. }
        )
    }

    /// What is waited for after the call, as text.
    pub fn waits_for(&self) -> Option<&'static str> {
        match self {
            Self::OffFunction { .. } | Self::Detach { .. } | Self::UnsetEnvironment { .. } => {
                Some("the function's update to finish")
            }
            Self::OffProxy { .. } => Some("the proxy to be available without the group"),
            Self::OffDatabase { .. } => Some("the group to be disassociated from the database"),
            Self::DeleteGroup { .. } => Some("the network interfaces with the group to be deleted"),
            Self::DeleteProxy { .. } => Some("the proxy to be deleted"),
            _ => None,
        }
    }
}

impl Steps {
    /// Revokes rules of a group; first, where the group has to lose one before it can get another. The number of the step.
    pub(crate) fn revoke(
        &mut self,
        (group, removable): (&SecurityGroup, &Removable),
        direction: Direction,
        rules: Vec<Rule>,
        after: &[u32],
        makes_room: bool,
    ) -> u32 {
        let words: Vec<String> = rules.iter().map(|rule| InWords(direction, rule).to_string()).collect();
        let first = if makes_room {
            ", first: the group may be at its quota of rules"
        } else {
            ""
        };
        let summary = format!("{}: revoke {direction} rule {}{first}", group.name, words.join(", "));
        let effect = RemovalEffect::Revoke {
            group: removable.clone(),
            direction,
            rules,
            makes_room,
        };
        self.add(effect, group.id.as_str(), summary, after)
    }
}
