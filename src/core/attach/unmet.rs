//! Why a function cannot be attached to a VPC.

use thiserror::Error;

use crate::escape::word;
use crate::model::{SubnetId, VpcId};

/// The most subnets that Lambda takes for a function.
pub const MAX_SUBNETS: usize = 16;

/// A requirement of attaching that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AttachUnmet {
    /// The subnets are not of one VPC.
    #[error("the subnets are in several VPCs, and a function can be in only one: {}", .vpcs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    SeveralVpcs {
        /// Their VPCs.
        vpcs: Vec<VpcId>,
    },
    /// Lambda cannot attach to a VPC with dedicated tenancy.
    #[error("{vpc} has dedicated tenancy, and Lambda cannot attach functions there")]
    DedicatedTenancy {
        /// The VPC.
        vpc: VpcId,
    },
    /// Too many subnets.
    #[error("{count} subnets were named, and at most {MAX_SUBNETS} are allowed")]
    TooManySubnets {
        /// How many.
        count: usize,
    },
    /// Subnets or groups that do not exist, or are in another VPC.
    #[error("not in {vpc}: {}", .ids.join(", "))]
    NotInVpc {
        /// Their ids.
        ids: Vec<String>,
        /// Where they should be.
        vpc: VpcId,
    },
    /// IPv6 with subnets that do not have both kinds of addresses.
    #[error("not dual-stack: {}{}", .subnets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "), if *.is_on { format!("; function {function} uses IPv6 (Ipv6AllowedForDualStack)") } else { String::new() })]
    NotDualStack {
        /// The function.
        function: String,
        /// Whether the function uses IPv6 already, and neither `--ipv6` nor `--no-ipv6` was given.
        is_on: bool,
        /// The subnets.
        subnets: Vec<SubnetId>,
    },
    /// The function is attached to another VPC.
    #[error("{function} is attached to {vpc}, not to {wanted}")]
    AttachedElsewhere {
        /// The function as text.
        function: String,
        /// Where it is.
        vpc: VpcId,
        /// Where it should be.
        wanted: VpcId,
    },
    /// The execution role does not allow what Lambda needs.
    #[error("role {role} does not allow {}, which Lambda needs for the function's network interfaces", .actions.join(", "))]
    RoleLacks {
        /// The role's name.
        role: String,
        /// What it lacks.
        actions: Vec<&'static str>,
        /// The policy that would be enough.
        policy: String,
    },
    /// The execution role explicitly denies what Lambda needs. A further policy does not help.
    #[error("role {role} denies {}, which Lambda needs for the function's network interfaces: {by}", .actions.join(", "))]
    RoleDenies {
        /// The role's name.
        role: String,
        /// What it denies.
        actions: Vec<&'static str>,
        /// The statement that denies the first of them.
        by: String,
    },
    /// The permissions boundary of the execution role does not allow what Lambda needs. A further policy does not help.
    #[error("role {role} does not allow {}, which Lambda needs for the function's network interfaces: {by}", .actions.join(", "))]
    RoleBounded {
        /// The role's name.
        role: String,
        /// What it does not allow.
        actions: Vec<&'static str>,
        /// The boundary, as text.
        by: String,
    },
    /// The database has only groups of the convention, which are of no use to a function.
    #[error("{database} has no security group that a function could share")]
    NoGroup {
        /// Kind and identifier.
        database: String,
    },
}

impl AttachUnmet {
    /// The stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SeveralVpcs { .. } => "several-vpcs",
            Self::DedicatedTenancy { .. } => "dedicated-tenancy",
            Self::TooManySubnets { .. } => "too-many-subnets",
            Self::NotInVpc { .. } => "not-in-vpc",
            Self::NotDualStack { .. } => "not-dual-stack",
            Self::AttachedElsewhere { .. } => "attached-elsewhere",
            Self::RoleLacks { .. } => "role-without-vpc-access",
            Self::RoleDenies { .. } => "role-denies-vpc-access",
            Self::RoleBounded { .. } => "role-bounded",
            Self::NoGroup { .. } => "no-group-to-share",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::SeveralVpcs { .. } => "name subnets of one VPC".to_owned(),
            Self::DedicatedTenancy { vpc } => {
                format!("attach the function to a second VPC that is peered with {vpc}")
            }
            Self::TooManySubnets { .. } => "one private subnet in each Availability Zone is enough".to_owned(),
            Self::NotInVpc { vpc, .. } => format!("name subnets and groups that exist in {vpc}, and check the Region"),
            Self::NotDualStack { is_on: true, .. } => {
                "add --no-ipv6 to turn it off, or give each subnet an IPv6 range in addition to its IPv4 range".to_owned()
            }
            Self::NotDualStack { .. } => {
                "omit --ipv6, or give each subnet an IPv6 range in addition to its IPv4 range".to_owned()
            }
            Self::AttachedElsewhere { vpc, .. } => {
                format!("this would end its connections in {vpc}; if that is intended, run `autoconnect detach` first")
            }
            Self::RoleLacks { role, policy, .. } => format!(
                "attach the policy with `autoconnect attach --grant`, or with `aws iam attach-role-policy --role-name {} --policy-arn {}`",
                word(role),
                word(policy)
            ),
            Self::RoleDenies { .. } => {
                "remove the denial from its policies, or limit it to the function's own code (`autoconnect policy deny-eni`)"
                    .to_owned()
            }
            Self::RoleBounded { .. } => {
                "allow these actions in the permissions boundary, or replace the boundary: another policy does not help".to_owned()
            }
            Self::NoGroup { .. } => {
                "name one with --security-group; `autoconnect setup --attach-vpc` creates one for the function".to_owned()
            }
        }
    }
}
