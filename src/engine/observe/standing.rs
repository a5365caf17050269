//! Reads a connection for its removal: the connection itself, who uses its groups, and what was made for its proxy.

use std::collections::BTreeSet;

use super::extras::{found_role, secret_differences};
use super::remains::{remains, tagged, with};
use super::undo::undo;
use super::{Groups, NewProxyWish, ObserveError, ProxyWish, Reads, Target, found, observe_tagged, users_of};
use crate::adopt::{OwnPolicies, OwnRole, of_proxy_settings, own_tags};
use crate::cloud::{Answer, Bearer, Cloud, GroupFilter, ResourceKind, derived};
use crate::model::{CredentialsWish, GroupId, Observation, Proxy, Side, VpcId, last_segment};
use crate::naming::created;
use crate::operation::Operation;
use crate::ownership::{OwnTags, is_managed};
use crate::plan::Plan;
use crate::policy::Permissions;
use crate::removal::{Ends, MadeForProxy, MadeRole, MadeSecret, RemovalWish, Standing, is_made_for};
use crate::users::User;

/// Reads a connection that is to be removed.
///
/// # Errors
///
/// A resource does not exist, or a call fails.
pub async fn observe_standing(cloud: &dyn Cloud, target: &Target, wish: RemovalWish) -> Result<Standing, ObserveError> {
    let (observation, gone) = Box::pin(read(cloud, &as_it_may_stand(target, wish), wish)).await?;
    let users = users_of(cloud, &candidates(&observation)).await?;
    let made = match &observation.proxy {
        Some(proxy) if wish.with_proxy => {
            let proxies = derived::bearers(cloud, ResourceKind::Proxy).await?;
            Some(made_for(cloud, &observation, proxy, &proxies).await?)
        }
        _ => None,
    };
    let ends = ends(cloud, &observation, &gone).await?;
    let undo = undo(cloud, target, wish, &observation, &ends.groups).await?;
    Ok(Standing {
        observation,
        users,
        made,
        gone,
        ends,
        undo,
    })
}

/// The connection with its groups, wherever they are, and the sides whose resource no longer exists.
async fn read(
    cloud: &dyn Cloud,
    target: &Target,
    wish: RemovalWish,
) -> Result<(Observation, BTreeSet<Side>), ObserveError> {
    let mut observation = match observe_tagged(cloud, target).await {
        Ok(observation) => observation,
        // A name may be wrong, or that of what is gone: then something still has the connection's tags.
        Err(missing @ ObserveError::NoSuch { .. }) => return remains(cloud, target, wish).await?.ok_or(missing),
        Err(error) => return Err(error),
    };
    let proxy_is_gone = observation.proxy.as_ref().is_some_and(|proxy| !proxy.exists);
    let gone = proxy_is_gone.then_some(Side::Proxy).into_iter().collect();
    // Across two VPCs, the function's group is in the function's own. Where the database or the function was moved, groups
    // are where they were before.
    let vpc = observation.function.vpc.as_ref().map(|vpc| vpc.vpc.clone());
    if vpc.as_ref() != Some(&observation.database.vpc) {
        let tagged = tagged(cloud, &observation.connection_id()).await?;
        observation = with(observation, tagged);
        if let Some(vpc) = vpc {
            let more = derived::groups(cloud, GroupFilter::OfConvention(&vpc)).await?;
            observation = with(observation, more);
        }
    }
    Ok((observation, gone))
}

/// What lets traffic pass besides the groups of the convention, and the ranges of the VPCs that the connection is in.
async fn ends(cloud: &dyn Cloud, observation: &Observation, gone: &BTreeSet<Side>) -> Answer<Ends> {
    let of_function = observation.function.vpc.as_ref().map(|vpc| &vpc.vpc);
    let is_whole = gone.is_empty() && of_function.is_some();
    let made = observation
        .groups
        .iter()
        .filter(|group| is_made_for(group, observation));
    let vpcs: BTreeSet<&VpcId> = made.map(|group| &group.vpc).chain(of_function).collect();
    let is_across = vpcs.iter().any(|vpc| **vpc != observation.database.vpc);
    if !is_whole && !is_across {
        return Ok(Ends::default());
    }
    let vpcs = vpcs.into_iter().chain([&observation.database.vpc]);
    let vpcs: Vec<VpcId> = vpcs.collect::<BTreeSet<_>>().into_iter().cloned().collect();
    let on = observation.sides().iter().map(|side| observation.groups_on(*side));
    let on: BTreeSet<GroupId> = on
        .flat_map(|groups| groups.iter().cloned().collect::<Vec<_>>())
        .collect();
    let others = on.into_iter().filter(|id| is_whole && observation.group(id).is_none());
    let others: Vec<GroupId> = others.collect();
    let groups = async {
        match others.as_slice() {
            [] => Ok(Vec::new()),
            others => derived::groups(cloud, GroupFilter::Ids(others)).await,
        }
    };
    let (groups, subnets) = tokio::join!(groups, derived::subnets_of(cloud, &vpcs));
    let ranges = subnets?.into_iter().map(|subnet| (subnet.id, subnet.cidrs));
    Ok(Ends {
        groups: groups?,
        ranges: ranges.collect(),
    })
}

/// The permissions that reading it takes.
pub fn reads_of_standing(target: &Target, wish: RemovalWish, standing: &Standing, plan: &Plan) -> Permissions {
    let observation = &standing.observation;
    let place = observation.database.place();
    let mut reads = Reads::at(place)
        .connection(target, observation)
        .tags_of(&observation.function, observation.proxy.as_ref())
        .interfaces_of(&observation.function, plan);
    if !candidates(observation).is_empty() {
        reads = reads.users(place, &standing.users);
    }
    reads = of_undo(reads, wish, standing);
    let Some(proxy) = observation.proxy.as_ref().filter(|_| wish.with_proxy) else {
        return reads.permissions();
    };
    let role = place.role(&created::proxy_role(place.region, &proxy.name));
    let tags = proxy.exists.then(|| proxy.arn.clone());
    let made = standing.made.as_ref();
    let of_role = made.and_then(|made| made.role.as_ref());
    let has_policies = of_role.is_some_and(|made| !made.policies.is_empty());
    let of_role = of_role.map(|_| role.clone());
    let secrets = made.into_iter().flat_map(|made| &made.secrets);
    let secrets: Vec<String> = secrets.map(|secret| secret.arn.clone()).collect();
    reads
        .of(Operation::DescribeSecret, secrets.clone())
        .of(Operation::GetResourcePolicy, secrets)
        .of(Operation::GetRolePolicy, of_role.clone().filter(|_| has_policies))
        .any([Operation::DescribeDbProxies, Operation::ListSecrets])
        .of(Operation::ListTagsForResource, tags)
        .of(Operation::GetRole, [role])
        .of(Operation::ListRolePolicies, of_role.clone())
        .of(Operation::ListAttachedRolePolicies, of_role)
        .permissions()
}

/// What the function was given besides groups.
fn of_undo<'a>(mut reads: Reads<'a>, wish: RemovalWish, standing: &'a Standing) -> Reads<'a> {
    let (observation, undo) = (&standing.observation, &standing.undo);
    let function = &observation.function;
    let place = observation.database.place();
    let role = function
        .role
        .clone()
        .filter(|_| function.exists && observation.proxy.is_some());
    let has_one = !undo.permissions.is_empty() || !undo.kept_permissions.is_empty();
    reads = reads
        .of(Operation::GetRolePolicy, role.clone().filter(|_| has_one))
        .of(Operation::ListRolePolicies, role);
    if undo.asked_proxies {
        reads = reads.any([Operation::DescribeDbProxies]);
    }
    if !wish.with_function {
        return reads;
    }
    let arn = function.exists.then(|| function.arn.clone());
    let role = [place.role(&created::function_role(place.region, &function.name))];
    let made = undo.function.as_ref().and_then(|made| made.role.as_ref());
    let has_policies = made.is_some_and(|made| !made.policies.is_empty());
    reads
        .of(Operation::ListTags, arn)
        .any([Operation::ListFunctions])
        .of(Operation::GetRole, role.clone())
        .of(Operation::ListRolePolicies, role.clone())
        .of(Operation::ListAttachedRolePolicies, role.clone())
        .of(Operation::GetRolePolicy, role.into_iter().filter(|_| has_policies))
}

/// The groups that may be of the connection: those on its resources, and those whose tags name it.
fn candidates(observation: &Observation) -> Groups {
    let is_on_one = |id: &GroupId| {
        observation
            .sides()
            .iter()
            .any(|side| observation.groups_on(*side).contains(id))
    };
    let all = observation
        .groups
        .iter()
        .filter(|group| is_on_one(&group.id) || is_made_for(group, observation));
    all.map(|group| (group.id.clone(), group.name.clone())).collect()
}

/// A proxy that goes may be gone already.
fn as_it_may_stand(target: &Target, wish: RemovalWish) -> Target {
    let proxy = match &target.proxy {
        ProxyWish::Existing(name) if wish.with_proxy => ProxyWish::New(NewProxyWish {
            name: Some(name.clone()),
            credentials: CredentialsWish::Iam,
            role: None,
            without_iam: false,
            only_looks: true,
        }),
        other => other.clone(),
    };
    // The secret that setup was given is known by its name: it may be gone.
    Target {
        proxy,
        secret: None,
        ..target.clone()
    }
}

async fn made_for(
    cloud: &dyn Cloud,
    observation: &Observation,
    proxy: &Proxy,
    proxies: &[Bearer],
) -> Answer<MadeForProxy> {
    let own = own_tags(observation, Side::Proxy);
    let prefix = created::secrets_of(&proxy.name);
    let (differences, secrets, role) = tokio::join!(
        proxy_differences(cloud, observation, proxy, &own),
        cloud.list_secrets(&prefix),
        made_role(cloud, observation, proxy, proxies)
    );
    let mut made = MadeForProxy {
        differences: differences?,
        secrets: Vec::new(),
        role: role?,
    };
    let secrets = secrets?.into_iter();
    for secret in secrets.filter(|secret| is_managed(&secret.tags) && secret.name.starts_with(&prefix)) {
        let others = proxies.iter().filter(|other| other.name != proxy.name);
        let others = others.filter(|other| other.secrets.contains(&secret.arn));
        made.secrets.push(MadeSecret {
            differences: secret_differences(cloud, &secret.arn, &own).await?,
            used_by: others.map(|other| User::Proxy(other.name.clone())).collect(),
            arn: secret.arn,
            name: secret.name,
        });
    }
    Ok(made)
}

/// How the proxy differs from one that this program makes; with a role of any name that `--proxy-role` may have named.
async fn proxy_differences(
    cloud: &dyn Cloud,
    observation: &Observation,
    proxy: &Proxy,
    own: &OwnTags,
) -> Answer<Vec<String>> {
    if !proxy.exists {
        return Ok(Vec::new());
    }
    let tags = found(cloud.list_rds_tags(&proxy.arn).await)?.unwrap_or_default();
    let place = observation.database.place();
    let is_named = |role: &&String| !last_segment(role).starts_with(created::POLICIES);
    let role = proxy.role.clone().filter(|role| is_named(&role));
    let role = role.unwrap_or_else(|| place.role(&created::proxy_role(place.region, &proxy.name)));
    // Those of a database that is gone are not known.
    let subnets = match observation.database.subnets.as_slice() {
        [] => &proxy.subnets,
        subnets => subnets,
    };
    Ok(of_proxy_settings(proxy, &role, subnets, Some(&tags), own))
}

async fn made_role(
    cloud: &dyn Cloud,
    observation: &Observation,
    proxy: &Proxy,
    proxies: &[Bearer],
) -> Answer<Option<MadeRole>> {
    let name = created::proxy_role(observation.database.place().region, &proxy.name);
    let Some(role) = found_role(cloud, &name).await? else {
        return Ok(None);
    };
    let mut own = OwnRole::of_proxy(observation, proxy);
    if let OwnPolicies::Proxy { databases, secrets, .. } = &mut own.policies {
        // A database that was replaced or restored has another id than the one for which the policy was written.
        *databases = None;
        // A proxy that is gone, or has another role now, does not tell what this one was for.
        if proxy.role.as_ref() != Some(&role.arn) {
            *secrets = None;
        }
    }
    let has_it = |other: &&Bearer| other.name != proxy.name && other.role.as_deref() == Some(&role.arn);
    let used_by = proxies.iter().filter(has_it);
    let used_by = used_by.map(|other| User::Proxy(other.name.clone())).collect();
    Ok(Some(MadeRole::new(&name, role, &own, used_by)))
}
