//! Reads what `diagnose` judges: both ends and a proxy, then the network of their VPCs and the function's role.

use std::collections::BTreeSet;

use super::network::{network, part};
use super::role::{needed_secrets, role_and_policies, role_policies};
use super::{Found, ObserveError, answered, existing, read_database};
use super::{ProxyWish, Target};
use crate::cloud::{Answer, Cloud, DbSubnetGroup, ResourceKind, derived};
use crate::diagnostics::connection::{ProxyRole, Scene};
use crate::model::network::Part;
use crate::model::{Function, GroupId, Proxy, ProxyEndpoint, ProxyTarget, VpcId};
use crate::similar::similar;

/// Reads a function, a database, and all that is between them.
///
/// # Errors
///
/// A resource does not exist, or it or AWS cannot be asked for.
pub async fn scene(cloud: &dyn Cloud, target: &Target) -> Result<Scene, ObserveError> {
    through(cloud, target, None).await
}

/// Reads the same for a function that connects to this endpoint of the proxy.
///
/// # Errors
///
/// The endpoint does not exist, and as above.
pub async fn through(cloud: &dyn Cloud, target: &Target, endpoint: Option<&str>) -> Result<Scene, ObserveError> {
    target.check(&cloud.home())?;
    let endpoints = async {
        match endpoint {
            Some(_) => cloud.list_proxy_endpoints().await.map(Some),
            None => Ok(None),
        }
    };
    let (database, function, proxy, endpoints) = tokio::join!(
        read_database(cloud, target),
        cloud.get_function_configuration(target.function_name()),
        read_proxy(cloud, target),
        endpoints
    );
    target.check(&answered(cloud, &database, &function))?;
    let function = existing(cloud, ResourceKind::Function, &target.function, function).await?;
    let found = existing(cloud, target.kind.into(), &target.database, database).await?;
    let proxy = match &target.proxy {
        ProxyWish::Existing(name) => existing(cloud, ResourceKind::Proxy, name, proxy).await?,
        _ => proxy?,
    };
    let endpoint = match (endpoint, endpoints?, &proxy) {
        (Some(name), Some(all), Some((proxy, _))) => Some(named(name, all, proxy)?),
        _ => None,
    };
    with_network(cloud, found, function, proxy, endpoint).await
}

/// The endpoint of a proxy with this name; RDS keeps the names in lower case.
fn named(name: &str, all: Vec<ProxyEndpoint>, proxy: &Proxy) -> Result<ProxyEndpoint, ObserveError> {
    let of_proxy = all
        .into_iter()
        .filter(|endpoint| endpoint.proxy.eq_ignore_ascii_case(&proxy.name));
    let of_proxy: Vec<ProxyEndpoint> = of_proxy.collect();
    let names: Vec<String> = of_proxy.iter().map(|endpoint| endpoint.name.clone()).collect();
    let mut endpoints = of_proxy.into_iter();
    let found = endpoints.find(|endpoint| endpoint.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| ObserveError::NoSuchProxyEndpoint {
        name: name.to_owned(),
        proxy: proxy.name.clone(),
        similar: similar(name, names),
    })
}

async fn read_proxy(cloud: &dyn Cloud, target: &Target) -> Answer<Option<(Proxy, Part<Vec<ProxyTarget>>)>> {
    let ProxyWish::Existing(name) = &target.proxy else {
        return Ok(None);
    };
    let (proxy, targets) = tokio::join!(derived::proxy(cloud, name), cloud.describe_db_proxy_targets(name));
    let proxy = proxy?;
    Ok(Some((proxy, part(targets)?)))
}

async fn with_network(
    cloud: &dyn Cloud,
    found: Found,
    mut function: Function,
    proxy: Option<(Proxy, Part<Vec<ProxyTarget>>)>,
    endpoint: Option<ProxyEndpoint>,
) -> Result<Scene, ObserveError> {
    let Found {
        mut database,
        vpc,
        subnet_group,
    } = found;
    let of_database = async {
        match (vpc, &subnet_group) {
            (Some(vpc), name) => Ok(Some(DbSubnetGroup {
                name: name.clone().unwrap_or_default(),
                vpc,
                subnets: database.subnets.clone(),
            })),
            (None, Some(name)) => derived::subnet_group(cloud, name).await.map(Some),
            (None, None) => Ok(None),
        }
    };
    let (group, of_function) = tokio::join!(of_database, vpc_of(cloud, &function));
    let Some(DbSubnetGroup { vpc, subnets, .. }) = group? else {
        return Err(ObserveError::no_vpc(&database));
    };
    (database.vpc, database.subnets) = (vpc, subnets);
    if let (Some(vpc), Some(id)) = (&mut function.vpc, of_function?) {
        vpc.vpc = id;
    }
    let (proxy, targets) = match proxy {
        Some((proxy, targets)) => (Some(proxy), targets),
        None => (None, Part::default()),
    };
    let mut vpcs: BTreeSet<VpcId> = BTreeSet::from([database.vpc.clone()]);
    vpcs.extend(function.vpc.as_ref().map(|vpc| vpc.vpc.clone()));
    vpcs.extend(proxy.as_ref().map(|proxy| proxy.vpc.clone()));
    vpcs.extend(endpoint.as_ref().and_then(|endpoint| endpoint.vpc.clone()));
    let vpcs: Vec<VpcId> = vpcs.into_iter().collect();
    let mut groups: BTreeSet<GroupId> = database.groups().iter().cloned().collect();
    groups.extend(function.groups().iter().cloned());
    groups.extend(proxy.iter().flat_map(|proxy| proxy.groups.iter().cloned()));
    groups.extend(endpoint.iter().flat_map(|endpoint| endpoint.groups.iter().cloned()));
    let groups: Vec<GroupId> = groups.into_iter().collect();
    let policies = async {
        match &function.role {
            Some(role) => role_policies(cloud, role).await,
            None => Ok(Part::Unread("AWS does not report the function's role".to_owned())),
        }
    };
    let (network, policies, proxy_role) = tokio::join!(
        network(cloud, &vpcs, &groups),
        policies,
        proxy_role(cloud, proxy.as_ref())
    );
    Ok(Scene {
        network: network?,
        policies: policies?,
        proxy_role: proxy_role?,
        function,
        database,
        proxy,
        endpoint,
        targets,
    })
}

/// The role of a proxy, and what it has to read.
async fn proxy_role(cloud: &dyn Cloud, proxy: Option<&Proxy>) -> Answer<Option<ProxyRole>> {
    let Some((proxy, arn)) = proxy.and_then(|proxy| Some((proxy, proxy.role.as_deref()?))) else {
        return Ok(None);
    };
    let secrets: BTreeSet<&str> = proxy.secrets.iter().map(String::as_str).collect();
    let (role, secrets) = tokio::join!(role_and_policies(cloud, arn), needed_secrets(cloud, secrets));
    let (role, policies) = role?;
    Ok(Some(ProxyRole {
        arn: arn.to_owned(),
        trust: match role {
            Part::Read(role) => Part::Read(role.trust),
            Part::Unread(why) => Part::Unread(why),
        },
        policies,
        secrets: secrets?,
    }))
}

/// The VPC of the function's subnets; its own configuration only repeats it.
pub(super) async fn vpc_of(cloud: &dyn Cloud, function: &Function) -> Answer<Option<VpcId>> {
    let Some(vpc) = &function.vpc else {
        return Ok(None);
    };
    let subnets = part(derived::subnets(cloud, &vpc.subnets).await)?;
    Ok(subnets.known().and_then(|subnets| Some(subnets.first()?.vpc.clone())))
}
