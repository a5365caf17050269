//! What polling an MSK cluster needs that `msk setup` does not provide, as errors.
//!
//! Source: docs/msk.md, "`msk setup`".

use thiserror::Error;

use crate::endpoint::NameTaken;
use crate::model::{EndpointId, GroupId, SubnetId};

/// A requirement of `msk setup` that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MskUnmet {
    /// The cluster is not up, and will not be.
    #[error("{cluster} is {state}")]
    NotActive {
        /// The cluster as text.
        cluster: String,
        /// Its state.
        state: String,
    },
    /// Something that decides could not be read.
    #[error("could not determine what to build: {why}")]
    Unread {
        /// Why.
        why: String,
    },
    /// The brokers' groups lack rules, and are not ours to change.
    #[error("{} of {cluster} lack rules from and to themselves, and autoconnect did not create them: it does not change their rules", crate::endpoint::listed(.groups))]
    BrokerRules {
        /// The cluster as text.
        cluster: String,
        /// The groups.
        groups: Vec<GroupId>,
        /// What adds the rules.
        commands: Vec<String>,
    },
    /// A NAT gateway is of no use to public subnets.
    #[error("public subnets cannot use a NAT gateway: {}", crate::endpoint::listed(.subnets))]
    PublicSubnets {
        /// The subnets.
        subnets: Vec<SubnetId>,
    },
    /// Network ACLs or DNS attributes are in the way.
    #[error("endpoints would not work: {}", .findings.join("; "))]
    Blocked {
        /// What is in the way.
        findings: Vec<String>,
        /// What fixes it.
        commands: Vec<String>,
    },
    /// An endpoint that exists does not serve, and is not ours to change.
    #[error("endpoint {endpoint} receives the requests of the whole VPC and does not work: {}", .findings.join("; "))]
    Endpoint {
        /// The endpoint.
        endpoint: EndpointId,
        /// What is wrong with it.
        findings: Vec<String>,
        /// What fixes it.
        commands: Vec<String>,
    },
    /// The name of the endpoints' group is someone else's.
    #[error(transparent)]
    GroupName(#[from] NameTaken),
    /// `--restrict` has to name the secret.
    #[error("--restrict names the secret in the endpoint's policy, and no mapping says which one")]
    NoSecret,
    /// `--restrict` has to name the role that reads the secret.
    #[error("--restrict names the execution role in the endpoint's policy, and no function with that role is known")]
    NoRole,
}

impl MskUnmet {
    /// The stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotActive { .. } => "msk-cluster-not-active",
            Self::Unread { .. } => "msk-network-unread",
            Self::BrokerRules { .. } => "msk-brokers-closed",
            Self::PublicSubnets { .. } => "msk-subnets-public",
            Self::Blocked { .. } => "msk-endpoints-blocked",
            Self::Endpoint { .. } => "msk-endpoint-unfit",
            Self::GroupName(_) => "msk-group-name-taken",
            Self::NoSecret => "msk-secret-unknown",
            Self::NoRole => "msk-role-unknown",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NotActive { .. } => "run again once the cluster is ACTIVE, or name another cluster".to_owned(),
            Self::Unread { .. } => "allow the caller to read it".to_owned(),
            Self::BrokerRules { commands, .. } | Self::Blocked { commands, .. } | Self::Endpoint { commands, .. } => {
                format!("fix it, then run again:\n  {}", commands.join("\n  "))
            }
            Self::PublicSubnets { .. } => "use --via endpoints, or switch the mapping to provisioned mode".to_owned(),
            Self::GroupName(taken) => taken.hint(),
            Self::NoRole => "create the mapping first, or name its function with --function".to_owned(),
            Self::NoSecret => "create the mapping first, or name it with --mapping".to_owned(),
        }
    }
}
