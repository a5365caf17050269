//! Reads who uses security groups: the one place that does (see [`crate::users`]).

use std::collections::{BTreeMap, BTreeSet};

use super::lists::all;
use super::{Reads, found};
use crate::cloud::{
    Answer, Bearer, CapacityProvider, Cloud, CloudError, Fault, FunctionAlias, GroupFilter, GroupReference,
    InterfaceFilter, LaunchTemplateVersion, NetworkConnector, ProxyEndpoint, ResourceKind, derived,
};
use crate::concurrent::bounded;
use crate::model::{Direction, EventSourceMapping, GroupId, Place};
use crate::operation::Operation;
use crate::users::{Unread, User, Users};

/// How many requests are sent at once where each resource has one of its own.
const AT_ONCE: usize = 5;

/// The groups that are asked about, by their ids, with their names.
pub type Groups = BTreeMap<GroupId, String>;

/// Who uses these groups. What the caller may not read is noted in the answer; a group can then have users that are not
/// known.
///
/// # Errors
///
/// A call fails for another reason than a missing permission, such as a lost connection.
pub async fn users_of(cloud: &dyn Cloud, groups: &Groups) -> Answer<Users> {
    let mut users = Users::default();
    if groups.is_empty() {
        return Ok(users);
    }
    let ids: Vec<GroupId> = groups.keys().cloned().collect();
    let (
        functions,
        clusters,
        instances,
        proxies,
        interfaces,
        rules,
        references,
        mappings,
        providers,
        connectors,
        templates,
    ) = tokio::join!(
        derived::bearers(cloud, ResourceKind::Function),
        derived::bearers(cloud, ResourceKind::Cluster),
        derived::bearers(cloud, ResourceKind::Instance),
        proxies_with_endpoints(cloud),
        cloud.describe_network_interfaces(InterfaceFilter::WithGroups(&ids)),
        rules_naming(cloud, &ids),
        references(cloud, &ids),
        all(cloud, Operation::ListEventSourceMappings, |from| cloud
            .list_event_source_mappings(None, from)),
        cloud.list_capacity_providers(),
        connectors_and_reads(cloud),
        launch_templates(cloud),
    );
    let functions = known(&mut users, functions)?;
    versions(
        cloud,
        &mut users,
        functions.iter().filter(|bearer| bears_one(bearer, groups)),
    )
    .await?;
    for cluster in known(&mut users, clusters)? {
        users.add(&cluster.groups, &User::Cluster(cluster.name));
    }
    for instance in known(&mut users, instances)? {
        // The groups of members are those of their cluster.
        let user = match instance.cluster {
            Some(cluster) => User::Cluster(cluster),
            None => User::Instance(instance.name),
        };
        users.add(&instance.groups, &user);
    }
    let (proxies, endpoints) = proxies;
    if !matches!(&proxies, Ok(proxies) if proxies.is_empty()) {
        users.add_followed(Operation::DescribeDbProxyEndpoints);
    }
    for proxy in known(&mut users, proxies)? {
        users.add(&proxy.groups, &User::Proxy(proxy.name));
    }
    for endpoint in known(&mut users, endpoints)? {
        let ProxyEndpoint {
            name, proxy, groups, ..
        } = endpoint;
        users.add_endpoint(proxy, name, &groups);
    }
    for interface in known(&mut users, interfaces)? {
        if !interface.is_of_service {
            let id = interface.interface.id.to_string();
            users.add(&interface.groups, &User::Interface(id, interface.description));
        }
    }
    for (of, names) in known(&mut users, rules)? {
        users.add_rule(&of, &names);
    }
    for reference in known(&mut users, references)? {
        let user = User::PeeredVpc {
            vpc: reference.vpc.to_string(),
            through: reference.through,
        };
        users.add([&reference.group], &user);
    }
    of_lambda(&mut users, mappings, providers, connectors)?;
    for template in known(&mut users, templates)? {
        let named = groups.iter().filter(|(_, name)| template.group_names.contains(name));
        let of_template: Vec<GroupId> = template.groups.iter().chain(named.map(|(id, _)| id)).cloned().collect();
        let user = User::LaunchTemplate {
            id: template.template,
            name: template.name,
            version: template.version,
        };
        users.add(&of_template, &user);
    }
    Ok(users)
}

/// What has network interfaces of its own besides functions.
fn of_lambda(
    users: &mut Users,
    mappings: Answer<Vec<EventSourceMapping>>,
    providers: Answer<Vec<CapacityProvider>>,
    connectors: (Vec<Operation>, Answer<Vec<NetworkConnector>>),
) -> Answer<()> {
    for mapping in known(users, mappings)? {
        let of_mapping: Vec<GroupId> = mapping.groups().collect();
        let user = User::Mapping {
            uuid: mapping.uuid,
            function: mapping.function.unwrap_or_else(|| "a function".to_owned()),
        };
        users.add(&of_mapping, &user);
    }
    for provider in known(users, providers)? {
        users.add(&provider.groups, &User::CapacityProvider(provider.name));
    }
    let (followed, connectors) = connectors;
    for operation in followed {
        users.add_followed(operation);
    }
    for connector in known(users, connectors)? {
        let NetworkConnector { name, version, groups } = connector;
        users.add(&groups, &User::NetworkConnector { name, version });
    }
    Ok(())
}

impl Reads<'_> {
    /// Who uses groups.
    pub fn users(self, place: Place<'_>, users: &Users) -> Self {
        let followed = |operation: &Operation| users.followed(*operation);
        let of_connectors = |operation| followed(&operation).then(|| place.arn("lambda", "network-connector:*"));
        let functions = users.published().into_iter();
        let functions = functions.map(|name| place.arn("lambda", &format!("function:{name}")));
        self.any([
            Operation::ListFunctions,
            Operation::DescribeDbClusters,
            Operation::DescribeDbInstances,
            Operation::DescribeDbProxies,
            Operation::DescribeNetworkInterfaces,
            Operation::DescribeSecurityGroups,
            Operation::DescribeSecurityGroupReferences,
            Operation::ListEventSourceMappings,
            Operation::ListCapacityProviders,
            Operation::ListNetworkConnectors,
            Operation::DescribeLaunchTemplateVersions,
        ])
        .any([Operation::DescribeDbProxyEndpoints].into_iter().filter(followed))
        .of(
            Operation::ListNetworkConnectorVersions,
            of_connectors(Operation::ListNetworkConnectorVersions),
        )
        .of(
            Operation::GetNetworkConnector,
            of_connectors(Operation::GetNetworkConnector),
        )
        .of(Operation::ListAliases, functions)
    }
}

/// What was read; nothing, and a note of it, where it may not be read.
fn known<T: Default>(users: &mut Users, answer: Answer<T>) -> Answer<T> {
    let error = match answer {
        Ok(read) => return Ok(read),
        Err(error) => error,
    };
    let action = match &error.fault {
        Fault::AccessDenied { action, .. } => action.clone(),
        Fault::Rejected { .. } | Fault::NotOffered(_) | Fault::Malformed(_) => error.operation.iam_action().to_owned(),
        _ => return Err(error),
    };
    users.add_unread(Unread {
        operation: error.operation,
        action,
        message: error.fault.to_string(),
        code: error.code(),
    });
    Ok(T::default())
}

fn bears_one(bearer: &Bearer, groups: &Groups) -> bool {
    bearer.groups.iter().any(|id| groups.contains_key(id))
}

/// Functions and their published versions, these with the aliases that lead to them.
async fn versions<'b>(cloud: &dyn Cloud, users: &mut Users, bearers: impl Iterator<Item = &'b Bearer>) -> Answer<()> {
    let (published, functions): (Vec<&Bearer>, Vec<&Bearer>) = bearers.partition(|bearer| bearer.version.is_some());
    for function in functions {
        users.add(&function.groups, &User::Function(function.name.clone()));
    }
    let names: BTreeSet<String> = published.iter().map(|bearer| bearer.name.clone()).collect();
    let asked = names.into_iter().map(async |name| {
        let answer = found(cloud.list_aliases(&name).await);
        (name, answer.map(Option::unwrap_or_default))
    });
    let mut aliases: BTreeMap<String, Vec<FunctionAlias>> = BTreeMap::new();
    for (name, answer) in bounded(AT_ONCE, asked).await {
        aliases.insert(name, known(users, answer)?);
    }
    let mut leading: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for (function, aliases) in &aliases {
        for alias in aliases {
            let versions: BTreeSet<&String> = alias.versions.iter().collect();
            for version in versions {
                let to_it = leading.entry((function, version)).or_default();
                to_it.push(alias.name.clone());
            }
        }
    }
    for bearer in published {
        let Some(version) = &bearer.version else { continue };
        let aliases = leading.get(&(bearer.name.as_str(), version.as_str()));
        let user = User::Version {
            function: bearer.name.clone(),
            version: version.clone(),
            aliases: aliases.cloned().unwrap_or_default(),
        };
        users.add(&bearer.groups, &user);
    }
    Ok(())
}

/// Proxies, and their endpoints unless there are no proxies.
async fn proxies_with_endpoints(cloud: &dyn Cloud) -> (Answer<Vec<Bearer>>, Answer<Vec<ProxyEndpoint>>) {
    let proxies = derived::bearers(cloud, ResourceKind::Proxy).await;
    let endpoints = match &proxies {
        Ok(proxies) if proxies.is_empty() => Ok(Vec::new()),
        _ => cloud.list_proxy_endpoints().await,
    };
    (proxies, endpoints)
}

/// The groups of the Region with rules that name one of these, in either direction: each with the one that it names.
async fn rules_naming(cloud: &dyn Cloud, ids: &[GroupId]) -> Answer<Vec<(GroupId, GroupId)>> {
    let (inbound, outbound) = tokio::join!(
        derived::groups(cloud, GroupFilter::Naming(ids, Direction::Ingress)),
        derived::groups(cloud, GroupFilter::Naming(ids, Direction::Egress)),
    );
    let mut named = Vec::new();
    for group in inbound?.iter().chain(&outbound?) {
        let rules = group.ingress.iter().chain(&group.egress);
        let peers = rules.filter_map(|rule| rule.peer.group());
        named.extend(peers.map(|peer| (group.id.clone(), peer.clone())));
    }
    Ok(named)
}

/// The rules of VPCs on the other side of a connection. The call fails as a whole for one group that is gone.
async fn references(cloud: &dyn Cloud, ids: &[GroupId]) -> Answer<Vec<GroupReference>> {
    let gone = |error: &CloudError| error.is_not_found();
    match cloud.describe_group_references(ids).await {
        Err(error) if gone(&error) && ids.len() > 1 => {}
        Err(error) if gone(&error) => return Ok(Vec::new()),
        answer => return answer,
    }
    let mut all = Vec::new();
    for id in ids {
        let answer = cloud.describe_group_references(std::slice::from_ref(id)).await;
        all.extend(found(answer)?.unwrap_or_default());
    }
    Ok(all)
}

/// All versions of all network connectors: what uses one can be bound to a version.
///
/// # Errors
///
/// A call fails.
pub async fn network_connectors(cloud: &dyn Cloud) -> Answer<Vec<NetworkConnector>> {
    let connectors = cloud.list_network_connectors().await?;
    versions_of(cloud, connectors).await
}

/// The same, and what was asked for because there are connectors.
async fn connectors_and_reads(cloud: &dyn Cloud) -> (Vec<Operation>, Answer<Vec<NetworkConnector>>) {
    match cloud.list_network_connectors().await {
        Ok(connectors) if !connectors.is_empty() => {
            let reads = vec![Operation::ListNetworkConnectorVersions, Operation::GetNetworkConnector];
            (reads, versions_of(cloud, connectors).await)
        }
        listed => (Vec::new(), listed.map(|_| Vec::new())),
    }
}

async fn versions_of(cloud: &dyn Cloud, connectors: Vec<String>) -> Answer<Vec<NetworkConnector>> {
    let mut versions: BTreeSet<String> = connectors.iter().cloned().collect();
    let listed = connectors
        .into_iter()
        .map(async |connector| cloud.list_network_connector_versions(&connector).await);
    for answer in bounded(AT_ONCE, listed).await {
        versions.extend(found(answer)?.unwrap_or_default());
    }
    let asked = versions
        .into_iter()
        .map(async |version| cloud.get_network_connector(&version).await);
    let mut all: Vec<NetworkConnector> = Vec::new();
    for answer in bounded(AT_ONCE, asked).await {
        all.extend(found(answer)?.filter(|connector| !all.contains(connector)));
    }
    Ok(all)
}

/// All versions of all launch templates: the first request returns the latest and the default ones, which for most
/// templates are all there are.
///
/// # Errors
///
/// A call fails.
pub async fn launch_templates(cloud: &dyn Cloud) -> Answer<Vec<LaunchTemplateVersion>> {
    let mut all: Vec<LaunchTemplateVersion> = Vec::new();
    for version in cloud.describe_launch_template_versions(None).await? {
        // A latest version that is the default one too is listed twice.
        if !all.contains(&version) {
            all.push(version);
        }
    }
    let mut seen: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for version in &all {
        let (count, latest) = seen.entry(&version.template).or_default();
        (*count, *latest) = (*count + 1, version.version.max(*latest));
    }
    let partly = seen.into_iter().filter(|(_, (count, latest))| count < latest);
    let partly: Vec<String> = partly.map(|(template, _)| template.to_owned()).collect();
    let asked = partly
        .into_iter()
        .map(async |template| cloud.describe_launch_template_versions(Some(&template)).await);
    for answer in bounded(AT_ONCE, asked).await {
        for version in found(answer)?.unwrap_or_default() {
            if !all.contains(&version) {
                all.push(version);
            }
        }
    }
    Ok(all)
}
