//! Reads a connection for its removal: the connection itself, who uses its groups, and what was made for its proxy.

use std::collections::{BTreeMap, BTreeSet};

use super::{NewProxyWish, ObserveError, ProxyWish, Reads, Target, found, observe};
use crate::cloud::{Answer, Bearer, Cloud, ResourceKind};
use crate::model::{CredentialsWish, Direction, GroupId, Observation, Proxy, last_segment};
use crate::naming::created;
use crate::operation::Operation;
use crate::policy::Permissions;
use crate::removal::{MadeForProxy, MadeRole, MadeSecret, RemovalWish, Standing, User, is_made_for};
use crate::tags;

/// Reads a connection that is to be removed.
///
/// # Errors
///
/// A resource does not exist, or a call fails.
pub async fn observe_standing(
    cloud: &impl Cloud,
    target: &Target,
    wish: RemovalWish,
) -> Result<Standing, ObserveError> {
    let mut observation = observe(cloud, &as_it_may_stand(target, wish)).await?;
    // Across two VPCs, the function's group is in the function's own.
    let vpc = observation.function.vpc.as_ref().map(|vpc| &vpc.vpc);
    if let Some(vpc) = vpc.filter(|vpc| **vpc != observation.database.vpc) {
        let more = cloud.describe_connection_groups(vpc).await?;
        observation.groups.extend(more);
        observation.groups.sort_by(|a, b| a.id.cmp(&b.id));
    }
    let groups = candidates(&observation);
    let bearers = tokio::join!(
        cloud.list_bearers(ResourceKind::Function),
        cloud.list_bearers(ResourceKind::Cluster),
        cloud.list_bearers(ResourceKind::Instance),
        cloud.list_bearers(ResourceKind::Proxy),
    );
    let (functions, clusters, instances, proxies) = (bearers.0?, bearers.1?, bearers.2?, bearers.3?);
    let (interfaces, inbound, outbound) = if groups.is_empty() {
        (Vec::new(), Vec::new(), Vec::new())
    } else {
        let (interfaces, inbound, outbound) = tokio::join!(
            cloud.describe_interfaces_with(&groups),
            cloud.describe_groups_naming(&groups, Direction::Ingress),
            cloud.describe_groups_naming(&groups, Direction::Egress),
        );
        (interfaces?, inbound?, outbound?)
    };
    let mut users: BTreeMap<GroupId, BTreeSet<User>> = BTreeMap::new();
    let mut use_by = |groups: &[GroupId], user: User| {
        for group in groups {
            users.entry(group.clone()).or_default().insert(user.clone());
        }
    };
    let lists = [
        (User::Function as fn(String) -> User, &functions),
        (User::Cluster, &clusters),
        (User::Instance, &instances),
        (User::Proxy, &proxies),
    ];
    for (user, bearers) in lists {
        for bearer in bearers {
            use_by(&bearer.groups, user(bearer.name.clone()));
        }
    }
    for interface in interfaces.into_iter().filter(|interface| !interface.is_of_service) {
        use_by(&interface.groups, User::Interface(interface.id, interface.description));
    }
    let mut named_by: BTreeMap<GroupId, BTreeSet<GroupId>> = BTreeMap::new();
    for group in inbound.iter().chain(&outbound) {
        let peers = group
            .ingress
            .iter()
            .chain(&group.egress)
            .filter_map(|rule| rule.peer.group());
        for peer in peers.filter(|peer| **peer != group.id) {
            named_by.entry(peer.clone()).or_default().insert(group.id.clone());
        }
    }
    let made = match &observation.proxy {
        Some(proxy) if wish.with_proxy => Some(made_for(cloud, &observation, proxy, &proxies).await?),
        _ => None,
    };
    Ok(Standing {
        observation,
        users,
        named_by,
        made,
    })
}

/// The permissions that reading it takes.
#[must_use]
pub fn reads_of_standing(target: &Target, wish: RemovalWish, standing: &Standing) -> Permissions {
    let observation = &standing.observation;
    let place = observation.database.place();
    let mut reads = Reads::at(place).connection(target, observation).any([
        Operation::ListFunctions,
        Operation::DescribeDbClusters,
        Operation::DescribeDbInstances,
        Operation::DescribeDbProxies,
    ]);
    if !candidates(observation).is_empty() {
        reads = reads.any([Operation::DescribeNetworkInterfaces]);
    }
    let Some(proxy) = observation.proxy.as_ref().filter(|_| wish.with_proxy) else {
        return reads.permissions();
    };
    let role = place.role(&created::proxy_role(place.region, &proxy.name));
    let tags = proxy.exists.then(|| proxy.arn.clone());
    let of_role = standing.made.as_ref().and_then(|made| made.role.as_ref());
    let of_role = of_role.map(|_| role.clone());
    reads
        .any([Operation::ListSecrets])
        .of(Operation::ListTagsForResource, tags)
        .of(Operation::GetRole, [role])
        .of(Operation::ListRolePolicies, of_role.clone())
        .of(Operation::ListAttachedRolePolicies, of_role)
        .permissions()
}

/// The groups that may be of the connection: those on its resources, and those whose tags name it.
fn candidates(observation: &Observation) -> Vec<GroupId> {
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
    all.map(|group| group.id.clone()).collect()
}

/// A proxy that goes may be gone already.
fn as_it_may_stand(target: &Target, wish: RemovalWish) -> Target {
    let proxy = match &target.proxy {
        ProxyWish::Existing(name) if wish.with_proxy => ProxyWish::New(NewProxyWish {
            name: Some(name.clone()),
            credentials: CredentialsWish::Iam,
            role: None,
        }),
        other => other.clone(),
    };
    Target {
        proxy,
        ..target.clone()
    }
}

async fn made_for(
    cloud: &impl Cloud,
    observation: &Observation,
    proxy: &Proxy,
    proxies: &[Bearer],
) -> Answer<MadeForProxy> {
    let role = created::proxy_role(observation.database.place().region, &proxy.name);
    let prefix = created::secrets_of(&proxy.name);
    let proxy_tags = async {
        if proxy.exists {
            found(cloud.list_rds_tags(&proxy.arn).await)
        } else {
            Ok(None)
        }
    };
    let (proxy_tags, secrets, role) = tokio::join!(
        proxy_tags,
        cloud.list_secrets(&prefix),
        made_role(cloud, &role, proxy, proxies)
    );
    let is_ours = |tags: &BTreeMap<String, String>| tags.get(tags::MANAGED).is_some_and(|value| value == "true");
    let other = |uses: &dyn Fn(&Bearer) -> bool| {
        let mut others = proxies.iter().filter(|other| other.name != proxy.name);
        others.find(|other| uses(other)).map(|other| other.name.clone())
    };
    Ok(MadeForProxy {
        is_proxy_ours: proxy_tags?.as_ref().is_some_and(is_ours),
        secrets: secrets?
            .into_iter()
            .filter(|secret| is_ours(&secret.tags) && secret.name.starts_with(&prefix))
            .map(|secret| MadeSecret {
                used_by: other(&|bearer| bearer.secrets.contains(&secret.arn)),
                arn: secret.arn,
                name: secret.name,
            })
            .collect(),
        role: role?,
    })
}

async fn made_role(cloud: &impl Cloud, name: &str, proxy: &Proxy, proxies: &[Bearer]) -> Answer<Option<MadeRole>> {
    let Some(role) = found(cloud.get_role(name).await)? else {
        return Ok(None);
    };
    if role.tags.get(tags::MANAGED).is_none_or(|value| value != "true") {
        return Ok(None);
    }
    let (own, attached) = tokio::join!(cloud.list_role_policies(name), cloud.list_attached_role_policies(name));
    let is_ours = |policy: &String| policy.starts_with(created::POLICIES);
    let (policies, mut other_policies): (Vec<String>, Vec<String>) =
        found(own)?.unwrap_or_default().into_iter().partition(is_ours);
    let attached = found(attached)?.unwrap_or_default();
    other_policies.extend(attached.iter().map(|arn| last_segment(arn).to_owned()));
    let has_it = |other: &&Bearer| other.name != proxy.name && other.role.as_deref() == Some(&role.arn);
    Ok(Some(MadeRole {
        name: name.to_owned(),
        policies,
        other_policies,
        used_by: proxies.iter().find(has_it).map(|other| other.name.clone()),
    }))
}
