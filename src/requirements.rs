//! What must hold before anything is written.
//!
//! Source: spec/decision.md, "Requirements". What never changes by waiting is refused; what does is
//! told as something to wait for.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::decide::{Assessment, Decision};
use crate::model::{
    Database, DatabaseKind, EngineFamily, Function, FunctionState, LastUpdateStatus, Observation, Side,
    TargetHealthState, VpcId,
};
use crate::plan::Plan;
use crate::tags;

/// The most security groups that a function, a database or a proxy may have.
pub const MAX_GROUPS: usize = 5;

/// A requirement that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unmet {
    /// `--instance` names a member of a cluster.
    #[error("instance {instance} is a member of cluster {cluster}, and the cluster holds its members' security groups")]
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
        "proxy {proxy} has {target} for its target, and a proxy has but one; {database} cannot be registered with it"
    )]
    ProxyOtherTarget {
        /// The proxy.
        proxy: String,
        /// Its target.
        target: String,
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
    #[error("the last update of function {function} failed{}, and the groups that it shows may not be in effect", .reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default())]
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
    /// One group too many.
    #[error("{resource} has {count} security groups already ({}), and at most {MAX_GROUPS} are possible", .groups.join(", "))]
    TooManyGroups {
        /// The resource in words.
        resource: String,
        /// How many it has.
        count: usize,
        /// Their ids.
        groups: Vec<String>,
        /// The one that the connection no longer needs.
        could_go: Option<String>,
    },
}

impl Unmet {
    /// The stable code of the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::MemberOfCluster { .. } => "member-of-cluster",
            Self::ForeignEngine { .. } => "unsupported-engine",
            Self::RdsCustom { .. } => "rds-custom",
            Self::ServerlessV1 { .. } => "serverless-v1",
            Self::GlobalDatabase { .. } => "global-database",
            Self::SharedVpc { .. } => "shared-vpc",
            Self::FunctionOutsideVpc { .. } => "function-not-in-vpc",
            Self::DifferentVpcs { .. } => "different-vpcs",
            Self::ProxyUnsupportedEngine { .. } => "proxy-unsupported-engine",
            Self::ProxyOtherFamily { .. } => "proxy-other-engine-family",
            Self::ProxyOtherVpc { .. } => "proxy-different-vpc",
            Self::ProxyOtherTarget { .. } => "proxy-other-target",
            Self::DatabaseNotAvailable { .. } => "database-not-available",
            Self::LastUpdateFailed { .. } => "function-update-failed",
            Self::ProxyNotAvailable { .. } => "proxy-not-available",
            Self::FunctionNotActive { .. } => "function-not-active",
            Self::TooManyGroups { .. } => "too-many-groups",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::MemberOfCluster { cluster, .. } => format!("use --cluster {cluster} instead of --instance"),
            Self::ForeignEngine { .. } => "only Aurora, Multi-AZ DB clusters and RDS instances can be connected".to_owned(),
            Self::RdsCustom { .. } => "change the security groups of an RDS Custom database by hand".to_owned(),
            Self::ServerlessV1 { .. } => {
                "Aurora Serverless v2 (engine mode provisioned) can be connected; for v1, use the Data API or set the groups by hand".to_owned()
            }
            Self::GlobalDatabase { .. } => "set the groups of its clusters by hand, in each Region".to_owned(),
            Self::SharedVpc { .. } => "connect databases in VPCs that their own account owns".to_owned(),
            Self::FunctionOutsideVpc { function, vpc, .. } => {
                format!("attach function {function} to subnets of {vpc}, then run again")
            }
            Self::DifferentVpcs { function_vpc, database_vpc, .. } => format!(
                "attach the function to {database_vpc}; where {function_vpc} and {database_vpc} are peered, `autoconnect diagnose` tells what the path needs"
            ),
            Self::ProxyUnsupportedEngine { .. } => "connect directly, with --proxy none".to_owned(),
            Self::ProxyOtherFamily { .. } | Self::ProxyOtherVpc { .. } | Self::ProxyOtherTarget { .. } => {
                "name a proxy that is made for this database".to_owned()
            }
            Self::DatabaseNotAvailable { ends: true, .. } => {
                "run again once it is available, or with --wait to wait for it".to_owned()
            }
            Self::DatabaseNotAvailable { ends: false, .. } => {
                "start or mend it, then run again: this does not end by waiting".to_owned()
            }
            Self::LastUpdateFailed { function, .. } => {
                format!("mend what AWS names, update function {function} once more, then run again")
            }
            Self::ProxyNotAvailable { .. } => "run again once it is available".to_owned(),
            Self::FunctionNotActive { .. } => "mend the function, then run again".to_owned(),
            Self::TooManyGroups {
                could_go: Some(group), ..
            } => format!(
                "{group} belongs to this connection and would be superseded: if nothing else needs it, take it off, then run again"
            ),
            Self::TooManyGroups { could_go: None, .. } => {
                "take off a group that is not needed, or merge two of them, then run again".to_owned()
            }
        }
    }
}

/// Something that ends by itself, and that a write has to wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pending {
    /// The function is `Pending`, or an update of it is `InProgress`.
    FunctionUpdate {
        /// The function.
        function: String,
    },
    /// The proxy is being created or changed.
    ProxyAvailable {
        /// The proxy.
        proxy: String,
    },
    /// The proxy's target is `REGISTERING`.
    TargetHealth {
        /// The proxy.
        proxy: String,
        /// Kind and identifier of the database.
        database: String,
    },
    /// The database or members of it are not `available`, and the user asked to wait.
    DatabaseAvailable {
        /// Kind and identifier.
        database: String,
        /// Each resource that is not available, with its status.
        states: Vec<String>,
    },
}

impl std::fmt::Display for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ProxyAvailable { proxy } => write!(f, "proxy {proxy} to become available"),
            Self::TargetHealth { proxy, database } => {
                write!(f, "proxy {proxy} to reach {database}")
            }
            Self::FunctionUpdate { function } => write!(f, "an update of function {function} to end"),
            Self::DatabaseAvailable { database, states } => {
                write!(f, "{database} to become available ({})", states.join(", "))
            }
        }
    }
}

/// Checks what does not change by waiting: kind, engine, VPC and membership. Holds also for a no-op.
///
/// # Errors
///
/// The first requirement that does not hold.
pub fn check_identity(observation: &Observation) -> Result<(), Unmet> {
    let Observation { database, function, .. } = observation;
    check_database(database)?;
    if let Some((owner, account)) = shared_by(observation) {
        return Err(Unmet::SharedVpc {
            database: database.to_string(),
            account: account.to_owned(),
            vpc: database.vpc.clone(),
            owner: owner.to_owned(),
        });
    }
    let Some(vpc) = &function.vpc else {
        return Err(Unmet::FunctionOutsideVpc {
            function: function.name.clone(),
            database: database.to_string(),
            vpc: database.vpc.clone(),
        });
    };
    if vpc.vpc != database.vpc {
        return Err(Unmet::DifferentVpcs {
            function: function.name.clone(),
            function_vpc: vpc.vpc.clone(),
            database: database.to_string(),
            database_vpc: database.vpc.clone(),
        });
    }
    check_proxy(observation)
}

fn check_database(database: &Database) -> Result<(), Unmet> {
    let name = || database.to_string();
    let engine = || database.engine.clone();
    match database {
        Database {
            member_of: Some(cluster),
            ..
        } => Err(Unmet::MemberOfCluster {
            instance: database.id.clone(),
            cluster: cluster.clone(),
        }),
        Database { engine: e, .. } if e == "docdb" || e == "neptune" => Err(Unmet::ForeignEngine {
            database: name(),
            engine: engine(),
        }),
        Database { engine: e, .. } if e.starts_with("custom-") => Err(Unmet::RdsCustom {
            database: name(),
            engine: engine(),
        }),
        Database {
            engine_mode: Some(mode),
            ..
        } if mode == "serverless" => Err(Unmet::ServerlessV1 {
            cluster: database.id.clone(),
        }),
        Database {
            global_cluster: Some(global),
            ..
        } => Err(Unmet::GlobalDatabase {
            cluster: database.id.clone(),
            global: global.clone(),
        }),
        _ => Ok(()),
    }
}

/// Owner of the VPC and account of the database, where they differ.
fn shared_by(observation: &Observation) -> Option<(&str, &str)> {
    let account = observation.database.account()?;
    observation
        .function_subnets
        .iter()
        .filter(|subnet| subnet.vpc == observation.database.vpc)
        .filter_map(|subnet| subnet.owner.as_deref())
        .find(|owner| *owner != account)
        .map(|owner| (owner, account))
}

fn check_proxy(observation: &Observation) -> Result<(), Unmet> {
    let Observation { database, proxy, .. } = observation;
    let Some(proxy) = proxy else { return Ok(()) };
    match EngineFamily::of_engine(&database.engine) {
        None => Err(Unmet::ProxyUnsupportedEngine {
            database: database.to_string(),
            engine: database.engine.clone(),
        }),
        Some(family) if family != proxy.engine_family => Err(Unmet::ProxyOtherFamily {
            proxy: proxy.name.clone(),
            family: proxy.engine_family.to_string(),
            database: database.to_string(),
            engine: database.engine.clone(),
        }),
        Some(_) if proxy.vpc != database.vpc => Err(Unmet::ProxyOtherVpc {
            proxy: proxy.name.clone(),
            proxy_vpc: proxy.vpc.clone(),
            database: database.to_string(),
            database_vpc: database.vpc.clone(),
        }),
        Some(_) => match proxy.other_target(database) {
            Some(target) => Err(Unmet::ProxyOtherTarget {
                proxy: proxy.name.clone(),
                target: target.to_owned(),
                database: database.to_string(),
            }),
            None => Ok(()),
        },
    }
}

/// What is still to come of the proxy's health for the database: while it is `REGISTERING`, or waits for
/// capacity. With `after_change`, also an answer that may be from before the change: none, or `UNREACHABLE`.
#[must_use]
pub fn health_to_come(observation: &Observation, after_change: bool) -> Option<Pending> {
    let Observation { database, proxy, .. } = observation;
    let proxy = proxy.as_ref()?;
    let is_to_come = match proxy.target_health(database) {
        None => after_change && proxy.has_target(database) && !database.members.is_empty(),
        Some(health) => match (&health.state, health.reason.as_deref()) {
            (TargetHealthState::Registering, _) | (_, Some("PENDING_PROXY_CAPACITY")) => true,
            (TargetHealthState::Unavailable, Some("UNREACHABLE") | None) => after_change,
            _ => false,
        },
    };
    is_to_come.then(|| Pending::TargetHealth {
        proxy: proxy.name.clone(),
        database: database.to_string(),
    })
}

/// What of a connection that is as it should be is still taking effect. States that do not end by
/// themselves, or are none of the connection's, are no matter of a run that writes nothing.
#[must_use]
pub fn still_settling(observation: &Observation) -> Vec<Pending> {
    let Observation {
        database,
        function,
        proxy,
        ..
    } = observation;
    let mut pending = Vec::new();
    if is_taking_our_group(observation) && database.status != "available" {
        pending.push(Pending::DatabaseAvailable {
            database: database.to_string(),
            states: vec![format!("{database} is {}", database.status)],
        });
    }
    if let Some(proxy) = proxy.as_ref().filter(|proxy| is_passing(&proxy.status)) {
        pending.push(Pending::ProxyAvailable {
            proxy: proxy.name.clone(),
        });
    }
    if function_is_busy(function) == Ok(true) {
        pending.push(Pending::FunctionUpdate {
            function: function.name.clone(),
        });
    }
    pending.extend(health_to_come(observation, false));
    pending
}

/// Whether a proxy's status ends by itself.
fn is_passing(status: &str) -> bool {
    matches!(status, "creating" | "modifying" | "reactivating")
}

/// Checks what a run that writes needs of the states of its resources.
///
/// # Errors
///
/// A state that ends the run. With `wait_for_database`, or where a change of ours is under way, a database
/// that is not available is instead something to wait for.
pub fn check_states(observation: &Observation, wait_for_database: bool) -> Result<Vec<Pending>, Unmet> {
    let Observation {
        database,
        function,
        proxy,
        ..
    } = observation;
    let mut pending = Vec::new();
    let unavailable = not_available(database);
    if !unavailable.is_empty() || database.port.is_none() {
        let mut states: Vec<String> = unavailable
            .iter()
            .map(|(what, status)| format!("{what} is {status}"))
            .collect();
        if database.port.is_none() {
            states.push(format!("{database} has no port yet"));
        }
        let ends = unavailable.iter().all(|(_, status)| ends_by_itself(status));
        let database = database.to_string();
        if !ends || !(wait_for_database || is_taking_our_group(observation)) {
            return Err(Unmet::DatabaseNotAvailable { database, states, ends });
        }
        pending.push(Pending::DatabaseAvailable { database, states });
    }
    if let Some(proxy) = proxy.as_ref().filter(|proxy| proxy.status != "available") {
        if !is_passing(&proxy.status) {
            return Err(Unmet::ProxyNotAvailable {
                proxy: proxy.name.clone(),
                status: proxy.status.clone(),
            });
        }
        pending.push(Pending::ProxyAvailable {
            proxy: proxy.name.clone(),
        });
    }
    if function_is_busy(function)? {
        pending.push(Pending::FunctionUpdate {
            function: function.name.clone(),
        });
    }
    Ok(pending)
}

/// Whether the database is `modifying` because it was given a group of ours: that ends by itself, and a
/// run that died there is to be finished by the next, as is one for another function right after it.
fn is_taking_our_group(observation: &Observation) -> bool {
    let Database {
        status,
        memberships,
        members,
        ..
    } = &observation.database;
    let connection = observation.connection_id();
    let only_modifying = std::iter::once(status)
        .chain(members.iter().map(|member| &member.status))
        .all(|status| status == "available" || status == "modifying");
    only_modifying
        && memberships.iter().any(|membership| {
            let tag = |key| {
                observation
                    .group(&membership.group)
                    .and_then(|group| group.tags.get(key))
            };
            tag(tags::CONNECTION) == Some(&connection)
                || (membership.status == "adding" && tag(tags::MANAGED).is_some())
        })
}

/// Whether a status of a database ends by itself (user guide, "Viewing DB instance status").
fn ends_by_itself(status: &str) -> bool {
    let stays = [
        "stopped",
        "failed",
        "deleting",
        "deleted",
        "storage-full",
        "insufficient-capacity",
    ];
    let stays_so = ["incompatible-", "inaccessible-", "restore-error"];
    !stays.contains(&status) && !stays_so.iter().any(|start| status.starts_with(start)) && !status.ends_with("-failed")
}

/// What of the database is not available, in words, with its status.
fn not_available(database: &Database) -> Vec<(String, &str)> {
    let own = (database.status != "available").then(|| (database.to_string(), database.status.as_str()));
    let members = database
        .members
        .iter()
        .filter(|member| database.kind == DatabaseKind::Cluster && member.status != "available")
        .map(|member| (format!("its instance {}", member.id), member.status.as_str()));
    own.into_iter().chain(members).collect()
}

/// Checks that the database has a port: without one there is nothing to plan.
///
/// # Errors
///
/// [`Unmet::DatabaseNotAvailable`].
pub fn check_port(database: &Database) -> Result<(), Unmet> {
    match database.port {
        Some(_) => Ok(()),
        None => Err(Unmet::DatabaseNotAvailable {
            database: database.to_string(),
            states: vec![format!("{database} is {} and has no port yet", database.status)],
            ends: true,
        }),
    }
}

/// Checks that the function shows what is in effect: after a failed update it may not.
///
/// # Errors
///
/// [`Unmet::LastUpdateFailed`].
pub fn check_last_update(function: &Function) -> Result<(), Unmet> {
    match function.last_update {
        Some(LastUpdateStatus::Failed) => Err(Unmet::LastUpdateFailed {
            function: function.name.clone(),
            reason: function.last_update_reason.clone(),
        }),
        _ => Ok(()),
    }
}

fn function_is_busy(function: &Function) -> Result<bool, Unmet> {
    match &function.state {
        FunctionState::Active | FunctionState::Inactive => {
            Ok(function.last_update == Some(LastUpdateStatus::InProgress))
        }
        FunctionState::Pending => Ok(true),
        FunctionState::Other(state) => Err(Unmet::FunctionNotActive {
            function: function.name.clone(),
            state: state.clone(),
            reason: function.state_reason.clone(),
        }),
    }
}

/// Checks that no resource ends with more than [`MAX_GROUPS`] groups.
///
/// # Errors
///
/// [`Unmet::TooManyGroups`], with the group that could go.
pub fn check_quotas(assessment: &Assessment<'_>, plan: &Plan) -> Result<(), Unmet> {
    let observation = assessment.observation;
    for &side in observation.sides() {
        let groups = observation.groups_on(side);
        if plan.adds_to(side) && groups.len() >= MAX_GROUPS {
            return Err(Unmet::TooManyGroups {
                resource: observation.describe(side),
                count: groups.len(),
                groups: groups.iter().map(ToString::to_string).collect(),
                could_go: could_go(assessment, side),
            });
        }
    }
    Ok(())
}

fn could_go(assessment: &Assessment<'_>, side: Side) -> Option<String> {
    if assessment.decision != Decision::CreateNew {
        return None;
    }
    let old = assessment.superseded(side);
    old.first()
        .map(|found| format!("{} ({})", found.group.name, found.group.id))
}

/// What the user should know and nobody has to mend.
#[must_use]
pub fn notes(assessment: &Assessment<'_>) -> Vec<String> {
    let observation = assessment.observation;
    let mut notes = Vec::new();
    if assessment.decision != Decision::NoOp {
        notes.extend(cross_zone(observation));
    }
    if observation.function.state == FunctionState::Inactive {
        notes.push(format!(
            "Function {} is Inactive: its first invocation fails while its network interface comes back.",
            observation.function.name
        ));
    }
    if assessment.decision == Decision::NoOp {
        notes.extend(
            check_states(observation, false)
                .err()
                .map(|unmet| format!("Nothing has to be written, but {unmet}.")),
        );
    }
    notes
}

fn cross_zone(observation: &Observation) -> Option<String> {
    let database: BTreeSet<&str> = observation
        .database
        .members
        .iter()
        .filter_map(|member| member.availability_zone.as_deref())
        .collect();
    let function: BTreeSet<&str> = observation
        .function_subnets
        .iter()
        .map(|subnet| subnet.availability_zone.as_str())
        .collect();
    let joined = |zones: &BTreeSet<&str>| zones.iter().copied().collect::<Vec<_>>().join(", ");
    (!database.is_empty() && !function.is_empty() && (database.len() > 1 || function != database)).then(|| {
        format!(
            "Traffic between Availability Zones costs money: function {} is in {}, {} in {}.",
            observation.function.name,
            joined(&function),
            observation.database,
            joined(&database)
        )
    })
}
