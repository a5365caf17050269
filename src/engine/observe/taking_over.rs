//! Reads what shows whether things that exist may be taken over: only where a run would do so.
//!
//! A run that has nothing to write takes nothing over, and needs none of these permissions.

use std::collections::BTreeSet;

use super::extras::{found_role, secret_details, with_key};
use super::{ObserveError, ProxyWish, Target, found};
use crate::adopt::{is_taking_over_proxy, made_secret};
use crate::cloud::{
    Answer, Bearer, Cloud, CloudError, Fault, GroupFilter, InterfaceFilter, Operation, ResourceKind, derived,
};
use crate::decide::{Decision, decide};
use crate::model::network::Part;
use crate::model::{Bearers, ConnectionPool, GroupId, Observation, Proxy, Secret};
use crate::naming::created;
use crate::plan::{Begun, begun_sets};
use crate::users::User;

/// What is read to know what has groups.
pub const BEARER_READS: [Operation; 3] = [
    Operation::ListFunctions,
    Operation::DescribeDbProxies,
    Operation::DescribeNetworkInterfaces,
];

/// Adds what shows whether the proxy and the groups that a run would go on with are as an earlier run of ours has left them.
///
/// # Errors
///
/// A call fails: without the permission, too, since a second set would not be made for want of it. What an emulator does not
/// offer is noted instead.
pub async fn add_what_is_taken_over(
    cloud: &dyn Cloud,
    target: &Target,
    observation: &mut Observation,
) -> Result<(), ObserveError> {
    if is_taking_over_proxy(observation) {
        add_proxy(cloud, target, observation).await?;
    }
    let lacking = lacking(observation);
    if lacking.is_empty() {
        return Ok(());
    }
    let mut bearers = bearers(cloud, observation, &lacking).await?;
    if matches!(&bearers, Part::Read(bearers) if !bearers.is_empty()) {
        // Another run may have written the rules and put the groups into use since they were read.
        let filter = GroupFilter::OfConvention(&observation.database.vpc);
        let mut groups = derived::groups(cloud, filter).await?;
        groups.sort_by(|a, b| a.id.cmp(&b.id));
        observation.groups = groups;
        let still = self::lacking(observation);
        if let Part::Read(bearers) = &mut bearers {
            bearers.retain(|group, _| still.iter().any(|set| set.groups.contains(group)));
        }
    }
    observation.extras.bearers = Some(bearers);
    Ok(())
}

/// The sets that this run would complete, and that lack rules.
fn lacking(observation: &Observation) -> Vec<Begun> {
    let sets = begun_sets(observation);
    if sets.is_empty() || decide(observation).decision != Decision::CreateNew {
        return Vec::new();
    }
    sets
}

/// What has the groups of these sets, besides the ends of the connection.
async fn bearers(cloud: &dyn Cloud, observation: &Observation, sets: &[Begun]) -> Answer<Part<Bearers>> {
    let ids: Vec<GroupId> = sets.iter().flat_map(|set| set.groups.iter().cloned()).collect();
    let (functions, proxies, interfaces) = tokio::join!(
        derived::bearers(cloud, ResourceKind::Function),
        derived::bearers(cloud, ResourceKind::Proxy),
        cloud.describe_network_interfaces(InterfaceFilter::WithGroups(&ids)),
    );
    let mut bearers = Bearers::new();
    let mut unread = Vec::new();
    let mut add = |groups: &[GroupId], user: &User| {
        for group in groups.iter().filter(|group| ids.contains(group)) {
            bearers.entry(group.clone()).or_default().insert(user.clone());
        }
    };
    let function = &observation.function.name;
    for Bearer {
        name, version, groups, ..
    } in known(functions, &mut unread)?
    {
        if name == *function {
            continue;
        }
        let user = match version {
            Some(version) => User::Version {
                function: name,
                version,
                aliases: Vec::new(),
            },
            None => User::Function(name),
        };
        add(&groups, &user);
    }
    let own = observation.proxy.as_ref().map(|proxy| proxy.name.as_str());
    for Bearer { name, groups, .. } in known(proxies, &mut unread)? {
        if own != Some(name.as_str()) {
            add(&groups, &User::Proxy(name));
        }
    }
    // The interfaces of Lambda and RDS outlive what a removal has disassociated. The groups of a run that died before it had
    // associated them have never had one.
    let is_removed: BTreeSet<&GroupId> = sets
        .iter()
        .filter(|set| set.is_being_removed)
        .flat_map(|set| &set.groups)
        .collect();
    for interface in known(interfaces, &mut unread)? {
        let counts = |group: &&GroupId| !(interface.is_of_service && is_removed.contains(group));
        let groups: Vec<GroupId> = interface.groups.iter().filter(counts).cloned().collect();
        add(
            &groups,
            &User::Interface(interface.interface.id.to_string(), interface.description),
        );
    }
    Ok(match unread.as_slice() {
        [why, ..] if bearers.is_empty() => Part::Unread(why.clone()),
        _ => Part::Read(bearers),
    })
}

/// What was read; nothing, and why, where it is not to be had.
fn known<T: Default>(answer: Answer<T>, unread: &mut Vec<String>) -> Answer<T> {
    match answer {
        Err(error) if is_unavailable(&error) => {
            unread.push(error.to_string());
            Ok(T::default())
        }
        answer => answer,
    }
}

fn is_unavailable(error: &CloudError) -> bool {
    matches!(
        error.fault,
        Fault::Rejected { .. } | Fault::NotOffered(_) | Fault::Malformed(_)
    )
}

/// What the proxy may do and does by itself, and with what it logs in.
async fn add_proxy(cloud: &dyn Cloud, target: &Target, observation: &mut Observation) -> Result<(), ObserveError> {
    let (Some(proxy), ProxyWish::New(wish)) = (&observation.proxy, &target.proxy) else {
        return Ok(());
    };
    let region = observation.database.place().region;
    let role = async {
        // A role that was named is used as it is.
        match wish.role {
            None => found_role(cloud, &created::proxy_role(region, &proxy.name)).await,
            Some(_) => Ok(None),
        }
    };
    let secret = async {
        match made_secret(observation, proxy) {
            Some(arn) => secret(cloud, arn).await,
            None => Ok(None),
        }
    };
    let (role, pool, secret) = tokio::join!(role, pool(cloud, proxy), secret);
    let (role, pool, secret) = (role?, pool?, secret?);
    let found = &mut observation.extras.found;
    (found.proxy_role, found.proxy_pool, found.proxy_secret) = (role, pool, secret);
    Ok(())
}

/// How a proxy keeps connections. One that is still being created may not show it: then it is read again once the proxy is there.
async fn pool(cloud: &dyn Cloud, proxy: &Proxy) -> Answer<Option<ConnectionPool>> {
    match cloud.describe_db_proxy_target_group(&proxy.name).await {
        Err(error) if proxy.status != "available" && (error.is_contention() || error.is_not_found()) => Ok(None),
        // Only what stands in for AWS has proxies without it.
        Err(error) if matches!(error.fault, Fault::NotOffered(_)) => Ok(None),
        answer => Ok(Some(answer?.pool)),
    }
}

async fn secret(cloud: &dyn Cloud, arn: &str) -> Result<Option<Secret>, ObserveError> {
    let Some(description) = found(cloud.describe_secret(arn).await)? else {
        return Ok(None);
    };
    let Some(details) = found(secret_details(cloud, &description).await)? else {
        return Ok(None);
    };
    Ok(Some(Secret {
        details: Some(Box::new(details)),
        ..with_key(cloud, description, false).await?
    }))
}
