//! What is left of a connection whose function, database or proxy no longer exists: found by its tags, in the whole Region.

use std::collections::{BTreeMap, BTreeSet};

use super::{Found, ObserveError, ProxyWish, Target, found, from_instance, name_of, read_database, second_round};
use crate::cloud::{Answer, Cloud, DbInstance, GroupFilter, derived};
use crate::estate::Connection;
use crate::model::{Access, DatabaseKind, Observation, Origin, Place, Proxy, SecurityGroup, Side, VpcId};
use crate::naming::created;
use crate::ownership::{Way, is_managed, is_on_way, names_side};
use crate::removal::RemovalWish;
use crate::tags;

/// The connection as far as it still exists, with the sides that do not; none where no group has its tags either.
pub(super) async fn remains(
    cloud: &dyn Cloud,
    target: &Target,
    wish: RemovalWish,
) -> Result<Option<(Observation, BTreeSet<Side>)>, ObserveError> {
    let (database, function, proxy) = tokio::join!(
        read_database(cloud, target),
        cloud.get_function_configuration(target.function_name()),
        read_proxy(cloud, target)
    );
    let (database, function, proxy) = (found(database)?, found(function)?, proxy?);
    let connection = Connection {
        kind: target.kind,
        database: target.database.clone(),
        proxy: proxy_name(target),
        function: target.function.clone(),
    };
    let groups = tagged(cloud, &connection.to_string()).await?;
    if groups.is_empty() {
        // The roles that were made for the function and the proxy go last.
        let region = match &database {
            Some(found) => found.database.place().region,
            None => return Ok(None),
        };
        let of_function =
            (wish.with_function && function.is_none()).then(|| created::function_role(region, target.function_name()));
        let of_proxy = connection.proxy.as_ref().filter(|_| wish.with_proxy && proxy.is_none());
        let roles = of_function
            .into_iter()
            .chain(of_proxy.map(|proxy| created::proxy_role(region, proxy)));
        let mut is_role_left = false;
        for role in roles {
            is_role_left |= is_made_for(cloud, &role, &connection).await?;
        }
        if !is_role_left {
            return Ok(None);
        }
    }
    let mut gone = BTreeSet::new();
    let absent = [
        (Side::Database, database.is_none()),
        (Side::Function, function.is_none()),
        (Side::Proxy, connection.proxy.is_some() && proxy.is_none()),
    ];
    gone.extend(absent.into_iter().filter(|(_, is_gone)| *is_gone).map(|(side, _)| side));
    let arns = database.iter().map(|found| found.database.arn.as_str());
    let arns = arns.chain(function.iter().map(|function| function.arn.as_str()));
    let mut arns = arns.chain(proxy.iter().map(|proxy| proxy.arn.as_str()));
    let owners = groups.iter().filter_map(|group| group.owner.as_deref());
    let origin = arns.next().map_or_else(|| Origin::of_owners(owners), Origin::of_arn);
    let origin = origin.or(cloud.home());
    target.check(&origin)?;
    let database = database.unwrap_or_else(|| no_longer(target, &origin, vpc_of(&groups)));
    let named = Target {
        function: target.function_name().to_owned(),
        ..target.clone()
    };
    let proxy = match (&connection.proxy, proxy) {
        (Some(_), None) => Some(super::absent_proxy(&named, &database.database)),
        (_, proxy) => proxy,
    };
    let observation = second_round(cloud, &named, database, function, proxy, false).await?;
    Ok(Some((with(observation, groups), gone)))
}

/// The observation with the groups that have the connection's tags, wherever in the Region they are.
pub(super) fn with(mut observation: Observation, groups: Vec<SecurityGroup>) -> Observation {
    for group in groups {
        if !observation.groups.iter().any(|found| found.id == group.id) {
            observation.groups.push(group);
        }
    }
    observation.groups.sort_by(|a, b| a.id.cmp(&b.id));
    observation
}

/// The groups of the Region that were made for the connection, or are being removed with it.
pub(super) async fn tagged(cloud: &dyn Cloud, connection: &str) -> Answer<Vec<SecurityGroup>> {
    let (made, marked) = tokio::join!(
        derived::groups(cloud, GroupFilter::Tagged(tags::CONNECTION, connection)),
        derived::groups(cloud, GroupFilter::Tagged(tags::REMOVING, connection))
    );
    let mut groups = made?;
    groups.retain(|group| is_managed(&group.tags));
    groups.extend(marked?);
    groups.sort_by(|a, b| a.id.cmp(&b.id));
    groups.dedup_by(|a, b| a.id == b.id);
    Ok(groups)
}

/// Whether a role is there that was made for the connection, or for another function's on the same way.
async fn is_made_for(cloud: &dyn Cloud, role: &str, connection: &Connection) -> Answer<bool> {
    let role = found(cloud.get_role(role).await)?;
    let way = Way::new(connection.kind, &connection.database, connection.proxy.as_deref());
    Ok(role.is_some_and(|role| is_on_way(&role.tags, &way)))
}

/// The proxy's name as in the tag.
fn proxy_name(target: &Target) -> Option<String> {
    match &target.proxy {
        ProxyWish::None => None,
        ProxyWish::Existing(name) => Some(name.to_ascii_lowercase()),
        ProxyWish::New(wish) => Some(name_of(wish, target)),
    }
}

async fn read_proxy(cloud: &dyn Cloud, target: &Target) -> Answer<Option<Proxy>> {
    let Some(name) = proxy_name(target) else {
        return Ok(None);
    };
    let (proxy, targets) = tokio::join!(derived::proxy(cloud, &name), cloud.describe_db_proxy_targets(&name));
    let Some(proxy) = found(proxy)? else {
        return Ok(None);
    };
    Ok(Some(Proxy {
        targets: super::of_proxy(&proxy, targets)?,
        ..proxy
    }))
}

/// The VPC in which the database was: that of the groups of its side, else of any.
fn vpc_of(groups: &[SecurityGroup]) -> VpcId {
    let has_role = |group: &&SecurityGroup, side| names_side(group, side);
    let of = |side| groups.iter().find(move |group| has_role(group, side));
    let group = of(Side::Database)
        .or_else(|| of(Side::Proxy))
        .or_else(|| groups.first());
    group.map_or_else(|| VpcId::from(""), |group| group.vpc.clone())
}

/// A database that no longer exists.
fn no_longer(target: &Target, origin: &Origin, vpc: VpcId) -> Found {
    let part = |part: &'_ Option<String>| part.clone().unwrap_or_else(|| "*".to_owned());
    let (region, account) = (part(&origin.region), part(&origin.account));
    let id = target.database_id();
    let kind = match target.kind {
        DatabaseKind::Cluster => "cluster",
        DatabaseKind::Instance => "db",
    };
    let arn = Place::in_region(&region, &account).arn("rds", &format!("{kind}:{id}"));
    let mut found = from_instance(DbInstance {
        id,
        arn,
        engine: String::new(),
        port: None,
        status: "deleted".to_owned(),
        availability_zone: None,
        subnet_group: None,
        cluster: None,
        memberships: Vec::new(),
        access: Access::default(),
        tags: BTreeMap::new(),
    });
    found.database.kind = target.kind;
    found.database.members.clear();
    found.vpc = Some(vpc);
    found
}
