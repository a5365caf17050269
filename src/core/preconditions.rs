//! What must hold before anything is written.
//!
//! Source: docs/decision.md, "Requirements". What waiting cannot change is refused; what it can
//! change is reported as something to wait for.

mod attach;
mod cross_vpc;
mod extras;
mod internet;
mod msk;
mod pending;
mod prognosis;
mod table;
mod unmet;

use std::collections::BTreeSet;

pub use attach::check_attachment;
pub use cross_vpc::CrossVpcUnmet;
pub use extras::{ExtrasUnmet, check_adoption, check_extras, never_pauses};
pub use internet::InternetUnmet;
pub use msk::MskUnmet;
pub use pending::Pending;
pub use prognosis::Prognosis;
pub use table::{Facts, Making, Requirement, TABLE, ask, makings, provider_name};
pub use unmet::Unmet;

use crate::decide::{Assessment, Decision};
use crate::handover;
use crate::made;
use crate::model::{
    Database, DatabaseKind, EngineFamily, Function, FunctionState, FunctionVpc, GroupId, GroupList, LastUpdateStatus,
    Observation, Proxy, SecurityGroup, Side, TargetHealthState,
};
use crate::ownership::{self, Way, is_being_removed, is_managed};
use crate::plan::{Plan, StepStatus, repair};

/// Checks what does not change by waiting: kind, engine, VPC and membership. Holds also for a no-op.
///
/// # Errors
///
/// The first requirement that does not hold.
pub fn check_identity(observation: &Observation) -> Result<(), Unmet> {
    table::ask_connection(observation)?;
    check_attachment(observation)?;
    Ok(check_extras(observation)?)
}

/// The same for a function that is in no VPC, as if it were in that of the database: with `--attach-vpc`.
///
/// # Errors
///
/// The first requirement that does not hold.
pub fn check_identity_attached(observation: &Observation) -> Result<(), Unmet> {
    let mut attached = observation.clone();
    let database = &observation.database;
    attached.function.vpc.get_or_insert_with(|| FunctionVpc {
        vpc: database.vpc.clone(),
        subnets: database.subnets.clone(),
        groups: GroupList::default(),
        ipv6_allowed: None,
    });
    check_identity(&attached)
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

/// The account that owns the database's VPC, if the function's subnets show it.
fn owner_of_vpc(observation: &Observation) -> Option<&str> {
    let vpc = &observation.database.vpc;
    let mut subnets = observation.function_subnets.iter();
    subnets
        .find(|subnet| subnet.vpc == *vpc && subnet.owner.is_some())
        .and_then(|subnet| subnet.owner.as_deref())
}

/// Whether RDS takes a database as the target of a proxy.
pub(crate) fn check_proxy(database: &Database, proxy: &Proxy) -> Result<(), Unmet> {
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
                retargeted: proxy.retargeted(database),
                database: database.to_string(),
            }),
            None => Ok(()),
        },
    }
}

/// What is still to come of the proxy's health for the database: while it is `REGISTERING`, or waits for
/// capacity. With `after_change`, also an answer that may be from before the change: none, or `UNREACHABLE`.
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
    pending.extend(proxy.as_ref().and_then(proxy_change));
    pending.extend(function_update(function).ok().flatten());
    pending.extend(health_to_come(observation, false));
    pending
}

/// The change of a proxy that is under way, and ends by itself.
fn proxy_change(proxy: &Proxy) -> Option<Pending> {
    matches!(proxy.status.as_str(), "creating" | "modifying" | "reactivating").then(|| Pending::ProxyAvailable {
        proxy: proxy.name.clone(),
    })
}

/// Checks what a run that writes needs of the states of its resources.
///
/// # Errors
///
/// A state that ends the run. With `wait_for_database`, or where a change of ours is under way, a database
/// that is not available is instead something to wait for.
pub fn check_states(observation: &Observation, wait_for_database: bool) -> Result<Vec<Pending>, Unmet> {
    let mut pending: Vec<Pending> = database_pending(observation, wait_for_database)?.into_iter().collect();
    if let Some(proxy) = observation.proxy.as_ref().filter(|proxy| proxy.exists) {
        // One that `remove` has deleted is created again once it is gone.
        if proxy.status == "deleting" && observation.extras.new_proxy.is_some() {
            pending.push(Pending::ProxyGone {
                proxy: proxy.name.clone(),
            });
        } else {
            pending.extend(proxy_pending(proxy)?);
        }
    }
    if observation.function.exists {
        pending.extend(function_update(&observation.function)?);
    }
    Ok(pending)
}

/// What has to end before the database takes a change.
///
/// # Errors
///
/// [`Unmet::DatabaseNotAvailable`].
pub fn database_pending(observation: &Observation, wait_for_database: bool) -> Result<Option<Pending>, Unmet> {
    let database = &observation.database;
    let unavailable = not_available(database);
    if unavailable.is_empty() && database.port.is_some() {
        return Ok(None);
    }
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
    Ok(Some(Pending::DatabaseAvailable { database, states }))
}

/// What has to end before these sides of a connection take another group, where only the resources are known.
///
/// # Errors
///
/// A state that does not end by itself.
pub fn states_of(
    sides: &BTreeSet<Side>,
    database: &Database,
    function: &Function,
    proxy: Option<&Proxy>,
) -> Result<Vec<Pending>, Unmet> {
    let mut pending = Vec::new();
    if sides.contains(&Side::Database) {
        let unavailable = not_available(database);
        let states: Vec<String> = unavailable
            .iter()
            .map(|(what, status)| format!("{what} is {status}"))
            .collect();
        let ends = unavailable.iter().all(|(_, status)| ends_by_itself(status));
        // A change of ours may be under way; what else ends by itself is waited for too.
        let database = database.to_string();
        match (states.is_empty(), ends) {
            (true, _) => {}
            (false, true) => pending.push(Pending::DatabaseAvailable { database, states }),
            (false, false) => return Err(Unmet::DatabaseNotAvailable { database, states, ends }),
        }
    }
    if let Some(proxy) = proxy.filter(|_| sides.contains(&Side::Proxy)) {
        pending.extend(proxy_pending(proxy)?);
    }
    if sides.contains(&Side::Function) {
        pending.extend(function_update(function)?);
    }
    Ok(pending)
}

/// What has to end before the proxy takes a change.
///
/// # Errors
///
/// [`Unmet::ProxyNotAvailable`].
pub fn proxy_pending(proxy: &Proxy) -> Result<Option<Pending>, Unmet> {
    if proxy.status == "available" {
        return Ok(None);
    }
    let pending = proxy_change(proxy).ok_or_else(|| Unmet::ProxyNotAvailable {
        proxy: proxy.name.clone(),
        status: proxy.status.clone(),
    })?;
    Ok(Some(pending))
}

/// Whether the database is `modifying` because it was given a group of ours, or is losing one: that ends by itself, and a
/// run that died there is to be finished by the next, as is one for another function right after it.
fn is_taking_our_group(observation: &Observation) -> bool {
    let Database {
        status,
        memberships,
        members,
        ..
    } = &observation.database;
    let only_modifying = std::iter::once(status)
        .chain(members.iter().map(|member| &member.status))
        .all(|status| status == "available" || status == "modifying");
    only_modifying
        && memberships.iter().any(|membership| {
            let Some(group) = observation.group(&membership.group) else {
                return false;
            };
            let is_of_way = |(way, function): (Way, Option<&str>)| way == Way::of(observation) && function.is_some();
            ownership::way_of(&group.tags).is_some_and(is_of_way)
                || (membership.status != "active" && (is_managed(&group.tags) || is_being_removed(group)))
        })
}

/// Checks that a repair would change only groups that are proven ours.
///
/// # Errors
///
/// The groups that are not, and what contradicts their tags.
pub fn check_repair(observation: &Observation) -> Result<(), Unmet> {
    let groups = repair::unproven(observation);
    if groups.is_empty() {
        Ok(())
    } else {
        Err(Unmet::RepairUnproven { groups })
    }
}

/// Checks that no new set is made beside groups of this connection that another tool manages.
///
/// # Errors
///
/// These groups.
pub fn check_handover(observation: &Observation) -> Result<(), Unmet> {
    let groups = handover::of_connection(observation);
    if groups.is_empty() {
        Ok(())
    } else {
        Err(Unmet::HandedOver { groups })
    }
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

/// What of the database is not available, as text, with its status.
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
            reason: function.why_update(),
        }),
        _ => Ok(()),
    }
}

/// The function's update, or its creation, that is under way.
///
/// # Errors
///
/// [`Unmet::FunctionNotActive`].
pub fn function_update(function: &Function) -> Result<Option<Pending>, Unmet> {
    let pending = || Pending::FunctionUpdate {
        function: function.name.clone(),
    };
    match &function.state {
        FunctionState::Active | FunctionState::Inactive => {
            Ok((function.last_update == Some(LastUpdateStatus::InProgress)).then(pending))
        }
        FunctionState::Pending => Ok(Some(pending())),
        FunctionState::Other(state) => Err(Unmet::FunctionNotActive {
            function: function.name.clone(),
            state: state.clone(),
            reason: function.why_state(),
        }),
    }
}

/// Checks that no resource ends with more groups than it takes: 5 on a function, the account's quota on the others.
///
/// # Errors
///
/// [`Unmet::TooManyGroups`], with the group that could go.
pub fn check_quotas(assessment: &Assessment<'_>, plan: &Plan) -> Result<(), Unmet> {
    let observation = assessment.observation;
    for &side in observation.sides() {
        let groups = observation.groups_on(side);
        let most = observation.group_quota.most(side);
        if plan.adds_to(side) && groups.len() >= most {
            return Err(Unmet::TooManyGroups {
                resource: observation.describe(side),
                count: groups.len(),
                most,
                groups: groups.iter().map(ToString::to_string).collect(),
                could_go: could_go(assessment, side),
                without_rules: assessment.without_rules(side).map(named),
            });
        }
    }
    Ok(())
}

fn could_go(assessment: &Assessment<'_>, side: Side) -> Option<String> {
    if assessment.decision != Decision::CreateNew {
        return None;
    }
    assessment.could_go(side).map(named)
}

fn named(group: &SecurityGroup) -> String {
    format!("{} ({})", group.name, group.id)
}

/// What the user should know, and the plan does not change.
pub fn notes(assessment: &Assessment<'_>, plan: &Plan) -> Vec<String> {
    let observation = assessment.observation;
    let is_set_back = |group: &GroupId| {
        let mut planned = plan.steps.iter().filter(|step| step.status == StepStatus::Planned);
        planned.any(|step| step.resource == group.as_str() && step.effect.associates().is_none())
    };
    let mut notes = made::warnings(observation, is_set_back);
    if assessment.decision != Decision::NoOp {
        notes.extend(table::unread(observation));
        let of_quota = observation
            .sides()
            .iter()
            .filter(|side| plan.adds_to(**side))
            .filter_map(|&side| {
                let count = observation.groups_on(side).len() + 1;
                let warning = observation
                    .group_quota
                    .warning(side, &observation.describe(side), count);
                warning.map(|warning| format!("{warning}."))
            });
        notes.extend(of_quota);
        notes.extend(attach::notes(observation));
        notes.extend(cross_zone(observation));
        notes.extend(extras::notes(observation));
    }
    if plan.adds_to(Side::Function) && observation.function.exists {
        notes.push(versions_stay(&observation.function));
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
                .map(|unmet| format!("There is nothing to write, but {unmet}.")),
        );
    }
    notes
}

/// Source: docs/attaching.md, "Published versions".
pub fn versions_stay(function: &Function) -> String {
    format!(
        "Published versions of function {}, and aliases that point to them, keep the network settings that they were published with.",
        function.name
    )
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
            "Traffic between Availability Zones is charged: function {} is in {}, {} in {}.",
            observation.function.name,
            joined(&function),
            observation.database,
            joined(&database)
        )
    })
}
