//! The steps that attach a function to a VPC, and detach it. Lambda replaces `VpcConfig` whole.

use serde::Serialize;

use super::Ref;
use crate::model::{GroupId, SubnetId, VpcId};

/// A change of where a function is attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "effect", rename_all = "kebab-case")]
pub enum VpcEffect {
    /// Attaches it, or changes its subnets. Groups that it has stay.
    Attach(Box<AttachPlan>),
    /// Detaches it: no subnets, no groups.
    Detach {
        /// The function's ARN.
        function: String,
    },
}

/// Where a function is to be attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AttachPlan {
    /// The function's ARN.
    pub function: String,
    /// The VPC.
    pub vpc: VpcId,
    /// All of its subnets.
    pub subnets: Vec<SubnetId>,
    /// The groups that it gets, besides those it has in this VPC.
    pub groups: Vec<Ref<GroupId>>,
    /// `Ipv6AllowedForDualStack`; none to leave it.
    pub ipv6: Option<bool>,
}
