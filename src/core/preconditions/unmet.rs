//! The requirements as errors: what was expected, what was found, and what to do.

use thiserror::Error;

use super::{CrossVpcUnmet, ExtrasUnmet, InternetUnmet, MskUnmet};
use crate::attach::AttachUnmet;
use crate::escape::word;
use crate::handover::HandedOver;
use crate::model::{MOST_GROUPS, QUOTA_CODE, VpcId};
use crate::plan::repair::Unproven;
use crate::removal::RemovalUnmet;
use crate::tags;

/// A requirement that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unmet {
    /// `--instance` names a member of a cluster.
    #[error("instance {instance} is a member of cluster {cluster}, and its security groups are those of the cluster")]
    MemberOfCluster {
        /// The instance.
        instance: String,
        /// Its cluster.
        cluster: String,
    },
    /// The RDS API also lists DocumentDB and Neptune clusters.
    #[error("{database} has engine {engine}, which is neither Aurora nor RDS")]
    ForeignEngine {
        /// Kind and identifier.
        database: String,
        /// The engine.
        engine: String,
    },
    /// RDS Custom.
    #[error("{database} is RDS Custom ({engine}), whose network settings this program does not change")]
    RdsCustom {
        /// Kind and identifier.
        database: String,
        /// The engine.
        engine: String,
    },
    /// Aurora Serverless v1.
    #[error(
        "cluster {cluster} is Aurora Serverless v1 (engine mode serverless), which cannot be connected automatically"
    )]
    ServerlessV1 {
        /// The cluster.
        cluster: String,
    },
    /// A global database.
    #[error("cluster {cluster} is part of the global database {global}, which cannot be connected automatically")]
    GlobalDatabase {
        /// The cluster.
        cluster: String,
        /// The global database.
        global: String,
    },
    /// A shared VPC.
    #[error("{database} of account {account} is in {vpc}, a VPC that account {owner} owns and shares")]
    SharedVpc {
        /// Kind and identifier.
        database: String,
        /// The database's account.
        account: String,
        /// The VPC.
        vpc: VpcId,
        /// The VPC's account.
        owner: String,
    },
    /// The function is in no VPC.
    #[error("function {function} is not attached to a VPC; {database} is in {vpc}")]
    FunctionOutsideVpc {
        /// The function.
        function: String,
        /// Kind and identifier of the database.
        database: String,
        /// The database's VPC.
        vpc: VpcId,
    },
    /// The function runs on the instances of a capacity provider.
    #[error(
        "function {function} runs on the instances of capacity provider {provider} (Lambda Managed Instances), and has their subnets and security groups, not its own"
    )]
    ManagedInstances {
        /// The function.
        function: String,
        /// The name of the capacity provider.
        provider: String,
    },
    /// Function and database in different VPCs.
    #[error("function {function} is in {function_vpc}, but {database} is in {database_vpc}")]
    DifferentVpcs {
        /// The function.
        function: String,
        /// Its VPC.
        function_vpc: VpcId,
        /// Kind and identifier of the database.
        database: String,
        /// Its VPC.
        database_vpc: VpcId,
    },
    /// RDS Proxy does not support the engine.
    #[error("RDS Proxy does not support engine {engine} of {database}")]
    ProxyUnsupportedEngine {
        /// Kind and identifier.
        database: String,
        /// The engine.
        engine: String,
    },
    /// The proxy is for another engine family.
    #[error("proxy {proxy} is for {family}, but {database} has engine {engine}")]
    ProxyOtherFamily {
        /// The proxy.
        proxy: String,
        /// Its family.
        family: String,
        /// Kind and identifier of the database.
        database: String,
        /// The database's engine.
        engine: String,
    },
    /// The proxy is in another VPC.
    #[error("proxy {proxy} is in {proxy_vpc}, but {database} is in {database_vpc}")]
    ProxyOtherVpc {
        /// The proxy.
        proxy: String,
        /// Its VPC.
        proxy_vpc: VpcId,
        /// Kind and identifier of the database.
        database: String,
        /// Its VPC.
        database_vpc: VpcId,
    },
    /// The proxy has another database for its target.
    #[error(
        "proxy {proxy} has {target} as its target, and a proxy can have only one target; {database} cannot be registered with it"
    )]
    ProxyOtherTarget {
        /// The proxy.
        proxy: String,
        /// Its target.
        target: String,
        /// The commands that give it this one, where its target is from before a blue/green switchover.
        retargeted: Option<String>,
        /// Kind and identifier of the database.
        database: String,
    },
    /// The database, or a member, is not `available`.
    #[error("{database} is not available: {}", .states.join(", "))]
    DatabaseNotAvailable {
        /// Kind and identifier.
        database: String,
        /// Each resource that is not available, with its status.
        states: Vec<String>,
        /// Whether that ends by itself.
        ends: bool,
    },
    /// The function's last update failed, so that what it shows may not be in effect.
    #[error("the last update of function {function} failed{}, and the groups that AWS reports may not be in effect", .reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default())]
    LastUpdateFailed {
        /// The function.
        function: String,
        /// Why, where AWS says so.
        reason: Option<String>,
    },
    /// The proxy is not `available`.
    #[error("proxy {proxy} is {status}, not available")]
    ProxyNotAvailable {
        /// The proxy.
        proxy: String,
        /// Its status.
        status: String,
    },
    /// The function is in a state from which waiting does not help.
    #[error("function {function} is {state}, neither Active nor Inactive{}", .reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    FunctionNotActive {
        /// The function.
        function: String,
        /// Its state.
        state: String,
        /// Why, where AWS says so.
        reason: Option<String>,
    },
    /// Of what is made or changed besides the groups.
    #[error(transparent)]
    Extras(#[from] ExtrasUnmet),
    /// Of attaching a function to a VPC.
    #[error(transparent)]
    Attach(#[from] AttachUnmet),
    /// Of connecting across VPCs.
    #[error(transparent)]
    CrossVpc(#[from] CrossVpcUnmet),
    /// Of a way to the internet.
    #[error(transparent)]
    Internet(#[from] InternetUnmet),
    /// A requirement of polling an MSK cluster.
    #[error(transparent)]
    Msk(#[from] MskUnmet),
    /// Of a removal.
    #[error(transparent)]
    Removal(#[from] RemovalUnmet),
    /// A repair would change a group that is not proven ours.
    #[error("--repair changes only groups that are proven to be autoconnect's: {}", .groups.iter().map(|found| format!("{} is not, since {}", found.group, found.why.join(", and "))).collect::<Vec<_>>().join("; "))]
    RepairUnproven {
        /// The groups, with what contradicts their tags.
        groups: Vec<Unproven>,
    },
    /// Nothing is connected that was chosen.
    #[error("no connection of these resources was found")]
    NoConnections,
    /// Another tool manages groups that would be changed.
    #[error("{}, and autoconnect does not change it", handed_over_text(.groups))]
    HandedOver {
        /// The groups.
        groups: Vec<HandedOver>,
    },
    /// `--owned refuse`, and the plan changes what a stack or a tool deploys.
    #[error("--owned refuse changes nothing that a stack or a tool deploys: {}", .resources.join("; "))]
    Owned {
        /// A sentence for each resource that the plan would change.
        resources: Vec<String>,
    },
    /// More groups were named than it takes.
    #[error("{resource} would have {} security groups ({}), and at most {most} are allowed", .groups.len(), .groups.join(", "))]
    GroupsBeyondLimit {
        /// The resource as text.
        resource: String,
        /// How many it takes.
        most: usize,
        /// The ids of those it has and of those that were named.
        groups: Vec<String>,
    },
    /// One group too many.
    #[error("{resource} already has {count} security groups ({}), and at most {most} are allowed", .groups.join(", "))]
    TooManyGroups {
        /// The resource as text.
        resource: String,
        /// How many it has.
        count: usize,
        /// How many it takes.
        most: usize,
        /// Their ids.
        groups: Vec<String>,
        /// The one that the connection no longer needs.
        could_go: Option<String>,
        /// One that has the name of a group for connections, and no rules.
        without_rules: Option<String>,
    },
}

impl Unmet {
    /// The stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MemberOfCluster { .. } => "member-of-cluster",
            Self::ForeignEngine { .. } => "unsupported-engine",
            Self::RdsCustom { .. } => "rds-custom",
            Self::ServerlessV1 { .. } => "serverless-v1",
            Self::GlobalDatabase { .. } => "global-database",
            Self::SharedVpc { .. } => "shared-vpc",
            Self::FunctionOutsideVpc { .. } => "function-not-in-vpc",
            Self::ManagedInstances { .. } => "managed-instances",
            Self::DifferentVpcs { .. } => "different-vpcs",
            Self::ProxyUnsupportedEngine { .. } => "proxy-unsupported-engine",
            Self::ProxyOtherFamily { .. } => "proxy-other-engine-family",
            Self::ProxyOtherVpc { .. } => "proxy-different-vpc",
            Self::ProxyOtherTarget { .. } => "proxy-other-target",
            Self::DatabaseNotAvailable { .. } => "database-not-available",
            Self::LastUpdateFailed { .. } => "function-update-failed",
            Self::ProxyNotAvailable { .. } => "proxy-not-available",
            Self::FunctionNotActive { .. } => "function-not-active",
            Self::Extras(unmet) => unmet.code(),
            Self::Attach(unmet) => unmet.code(),
            Self::CrossVpc(unmet) => unmet.code(),
            Self::Internet(unmet) => unmet.code(),
            Self::Msk(unmet) => unmet.code(),
            Self::Removal(unmet) => unmet.code(),
            Self::RepairUnproven { .. } => "repair-unproven",
            Self::NoConnections => "no-connections",
            Self::HandedOver { .. } => "managed-elsewhere",
            Self::Owned { .. } => "owned",
            Self::TooManyGroups { .. } | Self::GroupsBeyondLimit { .. } => "too-many-groups",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::MemberOfCluster { cluster, .. } => format!("use --cluster {} instead of --instance", word(cluster)),
            Self::ForeignEngine { .. } => "only Aurora, Multi-AZ DB clusters and RDS instances can be connected".to_owned(),
            Self::RdsCustom { .. } => "change the security groups of an RDS Custom database yourself".to_owned(),
            Self::ServerlessV1 { .. } => {
                "Aurora Serverless v2 (engine mode provisioned) can be connected; for v1, use the Data API or set the groups yourself".to_owned()
            }
            Self::GlobalDatabase { .. } => "set the groups of its clusters yourself, in each Region".to_owned(),
            Self::SharedVpc { .. } => "connect databases in VPCs that their own account owns".to_owned(),
            Self::FunctionOutsideVpc { vpc, .. } => {
                format!("add --attach-vpc, which attaches the function to private subnets of {vpc}")
            }
            Self::ManagedInstances { provider, .. } => format!(
                "`aws lambda get-capacity-provider --capacity-provider-name {}` shows its subnets and groups, which are chosen when a provider is created: add rules for these groups, or create a provider with other groups",
                word(provider)
            ),
            Self::DifferentVpcs {
                function,
                function_vpc,
                database,
                database_vpc,
            } => format!(
                "attach the function to {database_vpc}; where {function_vpc} and {database_vpc} are peered, `autoconnect diagnose --{} --function {}` reports what the path needs",
                database
                    .split_once(' ')
                    .map_or_else(|| word(database), |(kind, id)| format!("{kind} {}", word(id))),
                word(function)
            ),
            Self::ProxyUnsupportedEngine { .. } => "connect directly, with --proxy none".to_owned(),
            Self::ProxyOtherTarget {
                target,
                retargeted: Some(commands),
                ..
            } => format!(
                "{target} is from before a blue/green switchover: `{commands}` gives the proxy the new one, and ends the connections to the old one"
            ),
            Self::ProxyOtherFamily { .. } | Self::ProxyOtherVpc { .. } | Self::ProxyOtherTarget { .. } => {
                "name a proxy that this database can use".to_owned()
            }
            Self::DatabaseNotAvailable { ends: true, .. } => {
                "run again once it is available, or with --wait to wait for it".to_owned()
            }
            Self::DatabaseNotAvailable { ends: false, .. } => {
                "start or fix it, then run again: waiting does not help".to_owned()
            }
            Self::LastUpdateFailed { function, .. } => {
                format!("fix what AWS reports, update function {function} again, then run again")
            }
            Self::ProxyNotAvailable { status, .. } => match status.as_str() {
                "deleting" => "once it is deleted, name another proxy, or create one with --proxy new".to_owned(),
                "incompatible-network" => {
                    "fix its network (RDS tells what is wrong among its events), then run again: waiting does not help".to_owned()
                }
                "insufficient-resource-limits" => {
                    "make room for it (RDS tells which limit is reached among its events), then run again: waiting does not help".to_owned()
                }
                _ => "find out why, then run again once it is available: waiting may not help".to_owned(),
            },
            Self::FunctionNotActive { .. } => "fix the function, then run again".to_owned(),
            Self::Extras(unmet) => unmet.hint(),
            Self::Attach(unmet) => unmet.hint(),
            Self::CrossVpc(unmet) => unmet.hint(),
            Self::Internet(unmet) => unmet.hint(),
            Self::Msk(unmet) => unmet.hint(),
            Self::Removal(unmet) => unmet.hint(),
            Self::RepairUnproven { .. } => {
                "check who tagged these groups, and change their rules yourself; without --repair, a new set is created".to_owned()
            }
            Self::NoConnections => {
                "check the names, the account and the Region: `autoconnect list` shows the connections of a database".to_owned()
            }
            Self::HandedOver { .. } => {
                "change the code that manages the group and deploy it; `autoconnect adopt --to autoconnect` gives the group back to autoconnect".to_owned()
            }
            Self::Owned { .. } => {
                "change its template or code instead: without --owned refuse, the plan prints the lines for it".to_owned()
            }
            Self::TooManyGroups {
                could_go: Some(group), ..
            } => format!(
                "{group} belongs to this connection and would be replaced: if nothing else needs it, disassociate it, then run again"
            ),
            Self::TooManyGroups {
                without_rules: Some(group), ..
            } => format!(
                "{group} has the name of a group for connections and no rules: if no rule elsewhere names it and nothing else needs it, disassociate it, then run again"
            ),
            Self::TooManyGroups { resource, most, .. } if resource.starts_with("function ") || *most >= MOST_GROUPS => {
                "disassociate a group that is not needed, or merge two of them, then run again".to_owned()
            }
            Self::GroupsBeyondLimit { .. } => "name fewer groups".to_owned(),
            Self::TooManyGroups { .. } => format!(
                "disassociate a group that is not needed, or have the quota {QUOTA_CODE} (security groups per network interface) raised, up to {MOST_GROUPS}, then run again"
            ),
        }
    }
}

/// The groups with the tools that manage them.
fn handed_over_text(groups: &[HandedOver]) -> String {
    let of_each = |HandedOver { group, manager }: &HandedOver| {
        format!("{group} is managed by {manager} (its tag {})", tags::OWNER)
    };
    groups.iter().map(of_each).collect::<Vec<_>>().join("; ")
}
