//! A Lambda function and the subnets it is attached to.

use super::{Environment, GroupList, SubnetId, VpcId, explained};

/// `State` of a function. Open: an unknown state is never treated as good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionState {
    /// Ready.
    Active,
    /// Idle for weeks; its network interface is gone until the next invocation.
    Inactive,
    /// Being created.
    Pending,
    /// Any other.
    Other(String),
}

impl FunctionState {
    /// Reads the API's `State`.
    pub fn from_api(state: &str) -> Self {
        match state {
            "Active" => Self::Active,
            "Inactive" => Self::Inactive,
            "Pending" => Self::Pending,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The API's `State`.
    pub fn as_api(&self) -> &str {
        match self {
            Self::Active => "Active",
            Self::Inactive => "Inactive",
            Self::Pending => "Pending",
            Self::Other(other) => other,
        }
    }
}

/// `LastUpdateStatus` of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastUpdateStatus {
    /// The last update has taken effect.
    Successful,
    /// The last update is under way; another one would be refused.
    InProgress,
    /// The last update failed.
    Failed,
    /// Any other.
    Other(String),
}

impl LastUpdateStatus {
    /// Reads the API's `LastUpdateStatus`.
    pub fn from_api(status: &str) -> Self {
        match status {
            "Successful" => Self::Successful,
            "InProgress" => Self::InProgress,
            "Failed" => Self::Failed,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// `VpcConfig` of a function that is attached to a VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionVpc {
    /// The VPC.
    pub vpc: VpcId,
    /// Its subnets; an invocation lands in any of them.
    pub subnets: Vec<SubnetId>,
    /// The groups of the function (docs/decision.md, "Terms").
    pub groups: GroupList,
    /// `Ipv6AllowedForDualStack`, if AWS reports it.
    pub ipv6_allowed: Option<bool>,
}

/// A Lambda function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Its ARN, without a qualifier.
    pub arn: String,
    /// Whether it exists; if not, the run creates it.
    pub exists: bool,
    /// Where it is attached, if it is.
    pub vpc: Option<FunctionVpc>,
    /// Its state.
    pub state: FunctionState,
    /// Why it is in that state, where AWS says so.
    pub state_reason: Option<String>,
    /// `StateReasonCode`.
    pub state_reason_code: Option<String>,
    /// The fate of its last update, if it had one.
    pub last_update: Option<LastUpdateStatus>,
    /// Why the last update failed, where AWS says so.
    pub last_update_reason: Option<String>,
    /// `LastUpdateStatusReasonCode`.
    pub last_update_reason_code: Option<String>,
    /// Guards an update against a writer in between.
    pub revision_id: Option<String>,
    /// The ARN of its execution role.
    pub role: Option<String>,
    /// Its environment; none where AWS cannot show it, because a permission on its key is missing.
    pub environment: Option<Environment>,
    /// What it runs.
    pub code: Code,
    /// `Timeout`: for how many seconds an invocation may run, if AWS reports it.
    pub timeout: Option<u32>,
    /// `CapacityProviderArn`: the capacity provider on whose instances it runs (Lambda Managed Instances). Its network is
    /// then that of the provider, whatever its own `VpcConfig` says.
    pub capacity_provider: Option<String>,
}

/// What a function runs, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Code {
    /// E.g. `nodejs24.x`.
    pub runtime: Option<String>,
    /// E.g. `index.handler`.
    pub handler: Option<String>,
    /// `CodeSha256`.
    pub sha256: Option<String>,
}

impl Function {
    /// Why it is in its state, and what to do about it.
    pub fn why_state(&self) -> Option<String> {
        explained(self.state_reason.as_deref(), self.state_reason_code.as_deref())
    }

    /// Why its last update failed, and what to do about it.
    pub fn why_update(&self) -> Option<String> {
        explained(
            self.last_update_reason.as_deref(),
            self.last_update_reason_code.as_deref(),
        )
    }

    /// The groups of the function (docs/decision.md, "Terms"); none for a function outside any VPC.
    pub fn groups(&self) -> GroupList {
        self.vpc.as_ref().map(|vpc| vpc.groups.clone()).unwrap_or_default()
    }
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: SubnetId,
    /// Its VPC.
    pub vpc: VpcId,
    /// Its Availability Zone.
    pub availability_zone: String,
    /// The account that owns it: another one than the function's where the VPC is shared.
    pub owner: Option<String>,
    /// How many addresses of it are free, if AWS reports it.
    pub free_addresses: Option<u32>,
}
