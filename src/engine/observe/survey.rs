//! Reads what connections are judged by, in bulk: the lists of an account and Region, then the proxies' targets.

use std::collections::{BTreeMap, BTreeSet};

use super::lists::{Lists, known_proxies, lists, patiently};
use super::{Found, from_cluster, from_instance};
use crate::cloud::{Answer, Cloud, CloudError, DbCluster, DbInstance, DbSubnetGroup, DescribedSubnet, Operation};
use crate::concurrent::bounded;
use crate::estate::{Connection, Estate, Part, Parts};
use crate::model::network::{self, Network, PrefixList, RouteTable};
use crate::model::{Database, GroupId, GroupList, Origin, PrefixListId, Proxy, SecurityGroup, last_segment};
use crate::naming::{Convention, created};
use crate::ownership::connection_of;
use tracing::warn;

/// The operations of a survey: what a caller of `drift` and `list` needs permission for, and nothing else.
pub const READS: &[Operation] = &[
    Operation::DescribeDbClusters,
    Operation::DescribeDbInstances,
    Operation::DescribeDbSubnetGroups,
    Operation::DescribeDbProxies,
    Operation::DescribeDbProxyTargets,
    Operation::DescribeDbProxyEndpoints,
    Operation::ListFunctions,
    Operation::DescribeSecurityGroups,
    Operation::DescribeSubnets,
];

/// The operations by which it is told whether a proxy that connects by IAM, with a role that this program made, may connect
/// to its database, and a function's role through a proxy that takes IAM. What may not be read of that is not judged.
pub const PERMISSION_READS: &[Operation] = &[Operation::ListRolePolicies, Operation::GetRolePolicy];

/// The operations that show whether network ACLs and routes let a connection's traffic pass. What may not be read
/// of that is not judged.
pub const PATH_READS: &[Operation] = &[
    Operation::DescribeVpcs,
    Operation::DescribeRouteTables,
    Operation::DescribeNetworkAcls,
    Operation::DescribeVpcPeeringConnections,
    Operation::GetManagedPrefixListEntries,
];

/// The operation that shows whose functions and proxies are. Where it may not be called, their owners are unknown.
pub const TAG_READS: &[Operation] = &[Operation::GetResources];

/// All operations of a survey with its network: what `drift` and the plan of a manifest read.
pub fn reads_of_drift() -> impl Iterator<Item = Operation> {
    let reads = READS.iter().chain(TAG_READS).chain(PERMISSION_READS).chain(PATH_READS);
    reads.copied()
}

/// How many values a filter of EC2 can have.
const FILTER_VALUES: usize = 200;

/// How many proxies are asked for their targets at once.
const PROXIES_AT_ONCE: usize = 5;

/// How many prefix lists are read at once.
const LISTS_AT_ONCE: usize = 5;

/// The proxies that are asked for their targets, one call each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proxies {
    /// All of them.
    All,
    /// Those with these names, in lower case.
    Named(BTreeSet<String>),
}

impl Proxies {
    fn wants(&self, proxy: &Proxy) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.contains(&proxy.name.to_ascii_lowercase()),
        }
    }
}

/// What a survey gives.
#[derive(Clone, Debug, Default)]
pub struct Surveyed {
    /// What was read, and which parts of it were not.
    pub estate: Estate,
    /// The account and Region.
    pub origin: Origin,
    /// Why parts were not read.
    pub errors: Vec<CloudError>,
    /// Whether no part was.
    pub is_empty: bool,
}

/// Reads the targets of a proxy; why they could not be read.
async fn targets_of(cloud: &dyn Cloud, proxy: &mut Proxy) -> Option<(Part, CloudError)> {
    let answer = patiently(cloud, || cloud.describe_db_proxy_targets(&proxy.name)).await;
    match super::of_proxy(proxy, answer) {
        Ok(targets) => {
            proxy.targets = targets;
            None
        }
        Err(error) => Some((Part::TargetsOf(proxy.name.clone()), error)),
    }
}

/// Reads everything that connections are judged by. A part that cannot be read is reported as such.
pub async fn survey(cloud: &dyn Cloud, proxies: &Proxies) -> Surveyed {
    let Lists {
        clusters,
        instances,
        subnet_groups,
        proxies: found,
        functions,
        groups,
        subnets,
        tagged,
    } = lists(cloud).await;
    let mut unread = Unread::default();
    let mut parts = Parts {
        databases: databases(
            take(clusters, Part::Clusters, &mut unread),
            take(instances, Part::Instances, &mut unread),
            take(subnet_groups, Part::SubnetGroups, &mut unread),
        ),
        functions: take(functions, Part::Functions, &mut unread),
        proxies: take(known_proxies(found), Part::Proxies, &mut unread),
        groups: take(groups, Part::Groups, &mut unread),
        ..Parts::default()
    };
    for DescribedSubnet { subnet, ranges, .. } in take(subnets, Part::Subnets, &mut unread) {
        parts.ranges.insert(subnet.id.clone(), ranges);
        parts.subnets.push(subnet);
    }
    let is_empty = unread.parts.len() == LISTS;
    match tagged {
        Ok(tagged) => parts.tags = tagged,
        Err(error) => {
            // Where nothing can be read, that is the error.
            if !is_empty {
                warn!(%error, "the owners of functions and proxies are not known");
            }
            unread.parts.insert(Part::Tags, error.to_string());
        }
    }
    let of_proxies = !parts.proxies.is_empty();
    let endpoints = async {
        if of_proxies {
            patiently(cloud, || cloud.list_proxy_endpoints()).await
        } else {
            Ok(Vec::new())
        }
    };
    let mut targets = Vec::new();
    for proxy in &mut parts.proxies {
        if proxies.wants(proxy) {
            targets.push(targets_of(cloud, proxy));
        }
    }
    let (endpoints, targets) = tokio::join!(endpoints, bounded(PROXIES_AT_ONCE, targets));
    for (part, error) in targets.into_iter().flatten() {
        unread.tell(part, error);
    }
    match endpoints {
        Ok(endpoints) => parts.endpoints = endpoints,
        // Without them, all that is not known is whether a group that nothing else has is unused.
        Err(error) if error.is_denied() => {
            unread.parts.insert(Part::ProxyEndpoints, error.to_string());
        }
        Err(error) => unread.tell(Part::ProxyEndpoints, error),
    }
    let origin = origin(&parts).or(cloud.home());
    let region = origin.region.clone().unwrap_or_default();
    let own = parts
        .proxies
        .iter()
        .filter(|proxy| proxies.wants(proxy) && created::is_own_proxy_role(&region, proxy));
    let own: Vec<_> = own.map(|proxy| permissions(cloud, &region, &proxy.name)).collect();
    parts.permissions = bounded(PROXIES_AT_ONCE, own).await.into_iter().flatten().collect();
    let roles = roles_through_proxies(&parts, proxies);
    let prefix = created::connect_policies_in(&region);
    let read = roles.into_iter().map(async |role| {
        let found = policies(cloud, &role, &prefix).await?;
        Some((role, found))
    });
    parts.role_permissions = bounded(PROXIES_AT_ONCE, read).await.into_iter().flatten().collect();
    Surveyed {
        origin,
        estate: Estate::new(Parts {
            unread: unread.parts,
            ..parts
        }),
        errors: unread.errors,
        is_empty,
    }
}

/// Reads the network ACLs, the route tables and the peering connections of the VPCs that functions are in, and of those of
/// databases and proxies, and the prefix lists that rules and routes name, if any.
pub async fn survey_paths(cloud: &dyn Cloud, estate: &mut Estate) {
    let all = estate.vpcs_of_connections();
    let (mut vpcs, mut route_tables) = (network::Part::default(), network::Part::default());
    let (mut acls, mut peerings) = (network::Part::default(), network::Part::default());
    for some in all.chunks(FILTER_VALUES) {
        let (more_vpcs, more_tables, more_acls, more_peerings) = tokio::join!(
            patiently(cloud, || cloud.describe_vpcs(some)),
            patiently(cloud, || cloud.describe_route_tables(some)),
            patiently(cloud, || cloud.describe_network_acls(some)),
            patiently(cloud, || cloud.describe_peerings(some)),
        );
        extend(&mut vpcs, more_vpcs);
        extend(&mut route_tables, more_tables);
        extend(&mut acls, more_acls);
        extend(&mut peerings, more_peerings);
    }
    let prefix_lists = if all.is_empty() {
        network::Part::default()
    } else {
        let mut named = estate.named_prefix_lists();
        let tables = route_tables.known().into_iter().flatten();
        named.extend(tables.flat_map(RouteTable::prefix_lists).cloned());
        prefix_lists(cloud, named).await
    };
    estate.set_network(Network {
        vpcs,
        route_tables,
        acls,
        peerings,
        prefix_lists,
        ..Network::unread("it was not read")
    });
}

/// The entries of prefix lists, a request for each list.
async fn prefix_lists(cloud: &dyn Cloud, ids: BTreeSet<PrefixListId>) -> network::Part<Vec<PrefixList>> {
    let read = ids.into_iter().map(async |id| {
        let entries = match patiently(cloud, || cloud.prefix_list_entries(&id)).await {
            Ok(entries) => network::Part::Read(entries),
            Err(error) => {
                warn!(%id, %error, "rules and routes are judged without the entries of a prefix list");
                network::Part::Unread(error.to_string())
            }
        };
        PrefixList { id, entries }
    });
    network::Part::Read(bounded(LISTS_AT_ONCE, read).await)
}

fn extend<T>(part: &mut network::Part<Vec<T>>, more: Answer<Vec<T>>) {
    match (part, more) {
        (network::Part::Read(known), Ok(more)) => known.extend(more),
        (part, Err(error)) => {
            warn!(%error, "network ACLs and routes are judged without the part that could not be read");
            *part = network::Part::Unread(error.to_string());
        }
        (network::Part::Unread(_), Ok(_)) => {}
    }
}

/// The policies of our names by which a proxy's role may connect to a database.
async fn permissions(cloud: &dyn Cloud, region: &str, proxy: &str) -> Option<(String, Vec<(String, String)>)> {
    let role = created::proxy_role(region, proxy);
    let prefix = created::connect_policies(region, proxy);
    let policies = policies(cloud, &role, &prefix).await?;
    Some((proxy.to_owned(), policies))
}

/// The policies of a role whose names begin so, with their documents; none where they may not be read.
async fn policies(cloud: &dyn Cloud, role: &str, prefix: &str) -> Option<Vec<(String, String)>> {
    let read = async {
        let names = patiently(cloud, || cloud.list_role_policies(role)).await?;
        let mut policies = Vec::new();
        for name in names.into_iter().filter(|name| name.starts_with(prefix)) {
            let document = patiently(cloud, || cloud.get_role_policy(role, &name)).await?;
            policies.push((name, document));
        }
        Ok::<_, CloudError>(policies)
    };
    match read.await {
        Ok(policies) => Some(policies),
        Err(error) => {
            warn!(%role, %error, "what a role may connect to by IAM was not read");
            None
        }
    }
}

/// The roles of the functions that are connected through the proxies which are looked at and take IAM: a group of the
/// convention leads to a group of such a proxy, or was made for a connection through one.
fn roles_through_proxies(parts: &Parts, proxies: &Proxies) -> BTreeSet<String> {
    let taking = parts
        .proxies
        .iter()
        .filter(|proxy| proxy.takes_iam && proxies.wants(proxy));
    let (names, on): (BTreeSet<&str>, Vec<&GroupList>) =
        taking.map(|proxy| (proxy.name.as_str(), &proxy.groups)).unzip();
    if names.is_empty() {
        return BTreeSet::new();
    }
    let on: BTreeSet<&GroupId> = on.into_iter().flat_map(GroupList::iter).collect();
    let leads = |group: &&SecurityGroup| {
        let tag = connection_of(&group.tags).and_then(Connection::from_tag);
        let is_made_for = tag
            .and_then(|tag| tag.proxy)
            .is_some_and(|proxy| names.contains(proxy.as_str()));
        let mut peers = group.egress.iter().filter_map(|rule| rule.peer.group());
        Convention::LambdaRdsproxy.number(&group.name).is_some() && (is_made_for || peers.any(|peer| on.contains(peer)))
    };
    let leading: BTreeSet<&GroupId> = parts.groups.iter().filter(leads).map(|group| &group.id).collect();
    let functions = parts.functions.iter();
    let functions = functions.filter(|function| function.groups().iter().any(|id| leading.contains(id)));
    functions
        .filter_map(|function| function.role.as_deref())
        .map(|role| last_segment(role).to_owned())
        .collect()
}

/// The account and Region of what was read. Without a function, a database or a proxy the groups tell their owner: every
/// VPC has one, while a subnet may be shared by another account.
fn origin(parts: &Parts) -> Origin {
    let databases = parts.databases.iter().map(|database| &database.arn);
    let functions = parts.functions.iter().map(|function| &function.arn);
    let proxies = parts.proxies.iter().map(|proxy| &proxy.arn);
    let arn = databases.chain(functions).chain(proxies).next();
    let owners = parts.groups.iter().filter_map(|group| group.owner.as_deref());
    arn.map_or_else(|| Origin::of_owners(owners), |arn| Origin::of_arn(arn))
}

/// How many lists there are besides that of tags.
const LISTS: usize = 7;

#[derive(Default)]
struct Unread {
    parts: BTreeMap<Part, String>,
    errors: Vec<CloudError>,
}

impl Unread {
    fn tell(&mut self, part: Part, error: CloudError) {
        self.parts.insert(part, error.to_string());
        self.errors.push(error);
    }
}

fn take<T>(list: Answer<Vec<T>>, part: Part, unread: &mut Unread) -> Vec<T> {
    list.unwrap_or_else(|error| {
        unread.tell(part, error);
        Vec::new()
    })
}

/// Clusters with their instances, and the instances. An instance names its VPC; a cluster without instances names it
/// only by its subnet group.
fn databases(clusters: Vec<DbCluster>, instances: Vec<DbInstance>, subnet_groups: Vec<DbSubnetGroup>) -> Vec<Database> {
    let subnet_groups = subnet_groups.into_iter().map(|group| (group.name.clone(), group));
    let subnet_groups: BTreeMap<String, DbSubnetGroup> = subnet_groups.collect();
    let mut members: BTreeMap<String, Vec<DbInstance>> = BTreeMap::new();
    for instance in &instances {
        if let Some(cluster) = &instance.cluster {
            members.entry(cluster.clone()).or_default().push(instance.clone());
        }
    }
    let placed = |found: Found| {
        let Found {
            mut database,
            vpc,
            subnet_group,
        } = found;
        let group = subnet_group.and_then(|name| subnet_groups.get(&name));
        match (vpc, group) {
            (Some(vpc), _) => database.vpc = vpc,
            (None, Some(group)) => (database.vpc, database.subnets) = (group.vpc.clone(), group.subnets.clone()),
            (None, None) => {}
        }
        database
    };
    let clusters = clusters.into_iter().map(|cluster| {
        let members = members.remove(&cluster.id).unwrap_or_default();
        from_cluster(cluster, members)
    });
    let clusters: Vec<Found> = clusters.collect();
    clusters
        .into_iter()
        .chain(instances.into_iter().map(from_instance))
        .map(placed)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SecurityGroup;

    fn groups(owners: &[&str]) -> Vec<SecurityGroup> {
        let group = |(number, owner): (usize, &&str)| SecurityGroup {
            id: format!("sg-{number}").as_str().into(),
            name: "default".to_owned(),
            vpc: "vpc-1".into(),
            description: String::new(),
            owner: Some((*owner).to_owned()),
            ingress: Vec::new(),
            egress: Vec::new(),
            tags: BTreeMap::new(),
        };
        owners.iter().enumerate().map(group).collect()
    }

    #[test]
    fn an_account_without_databases_and_functions_is_known_by_its_groups() {
        let table: [(&[&str], Option<&str>); 3] = [
            (&["111111111111", "111111111111"], Some("111111111111")),
            // One of them may be shared by another account.
            (&["111111111111", "222222222222"], None),
            (&[], None),
        ];
        for (owners, account) in table {
            let parts = Parts {
                groups: groups(owners),
                ..Parts::default()
            };
            assert_eq!(origin(&parts).account.as_deref(), account, "{owners:?}");
        }
    }
}
