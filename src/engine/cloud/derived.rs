//! What follows from the answers of a [`Cloud`]: whole lists, the one that was asked for, and parts.

use std::collections::BTreeMap;
use std::future::Future;

use super::{
    Answer, Cloud, CloudError, DbCluster, DbInstance, DbProxy, DbSubnetGroup, Fault, GroupFilter, InstanceFilter,
    Listed, ListedFunction, Operation, Page, Pages, ResourceKind, SubnetFilter, Versions,
};
use crate::model::{
    EventSourceMapping, FunctionVpc, GroupId, GroupMembership, Proxy, SecurityGroup, Subnet, SubnetId, VpcId, network,
};

/// A resource in a VPC with its security groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bearer {
    /// Its name or identifier.
    pub name: String,
    /// The published version of a function; none for the function itself.
    pub version: Option<String>,
    /// The cluster of an instance.
    pub cluster: Option<String>,
    /// The subnets of a function.
    pub subnets: Vec<SubnetId>,
    /// Its groups.
    pub groups: Vec<GroupId>,
    /// The role of a proxy or a function.
    pub role: Option<String>,
    /// The secrets of a proxy.
    pub secrets: Vec<String>,
}

/// All pages of a list.
///
/// # Errors
///
/// A page cannot be read, or pages lead to each other.
pub async fn every<T, F: Future<Output = Listed<T>>>(
    operation: Operation,
    page: impl Fn(Option<String>) -> F,
) -> Answer<Vec<T>> {
    let (mut items, mut from) = (Vec::new(), None);
    let mut pages = Pages::of(operation);
    loop {
        let Page { items: more, next } = page(from).await?;
        items.extend(more);
        if !pages.turn(next.as_deref())? {
            return Ok(items);
        }
        from = next;
    }
}

/// The first of what a request for one thing found; otherwise it does not exist.
fn first<T>(operation: Operation, page: Page<T>, missing: impl FnOnce() -> String) -> Answer<T> {
    let missing = || CloudError::new(operation, Fault::NotFound(missing()));
    page.items.into_iter().next().ok_or_else(missing)
}

/// Security groups.
///
/// # Errors
///
/// A call fails.
pub async fn groups(cloud: &dyn Cloud, which: GroupFilter<'_>) -> Answer<Vec<SecurityGroup>> {
    let page = |from| cloud.describe_security_groups(which, from);
    every(Operation::DescribeSecurityGroups, page).await
}

/// One security group.
///
/// # Errors
///
/// It does not exist, or the call fails.
pub async fn group(cloud: &dyn Cloud, id: &GroupId) -> Answer<SecurityGroup> {
    let page = cloud.describe_security_groups(GroupFilter::Id(id), None).await?;
    let missing = || format!("The security group '{id}' does not exist");
    first(Operation::DescribeSecurityGroups, page, missing)
}

/// Subnets by their ids.
///
/// # Errors
///
/// One does not exist, or a call fails.
pub async fn subnets(cloud: &dyn Cloud, ids: &[SubnetId]) -> Answer<Vec<Subnet>> {
    let page = |from| cloud.describe_subnets(SubnetFilter::Ids(ids), from);
    let found = every(Operation::DescribeSubnets, page).await?;
    Ok(found.into_iter().map(|found| found.subnet).collect())
}

/// The subnets of VPCs, as parts of a network.
///
/// # Errors
///
/// A call fails.
pub async fn subnets_of(cloud: &dyn Cloud, vpcs: &[VpcId]) -> Answer<Vec<network::Subnet>> {
    let page = |from| cloud.describe_subnets(SubnetFilter::OfVpcs(vpcs), from);
    let found = every(Operation::DescribeSubnets, page).await?.into_iter();
    Ok(found
        .map(|found| network::Subnet {
            id: found.subnet.id,
            vpc: found.subnet.vpc,
            cidrs: found.cidrs,
            doubtful_cidrs: found.doubtful_cidrs,
            availability_zone: found.subnet.availability_zone,
            free_addresses: found.subnet.free_addresses,
            tags: found.tags,
        })
        .collect())
}

/// The cluster with this identifier.
///
/// # Errors
///
/// It does not exist, or the call fails.
pub async fn cluster(cloud: &dyn Cloud, id: &str) -> Answer<DbCluster> {
    let page = cloud.describe_db_clusters(Some(id), None).await?;
    first(Operation::DescribeDbClusters, page, || format!("{id} not found"))
}

/// The instance with this identifier.
///
/// # Errors
///
/// It does not exist, or the call fails.
pub async fn instance(cloud: &dyn Cloud, id: &str) -> Answer<DbInstance> {
    let page = cloud.describe_db_instances(InstanceFilter::Id(id), None).await?;
    first(Operation::DescribeDbInstances, page, || format!("{id} not found"))
}

/// The instances of a cluster; none for a cluster that does not exist, which the cluster's own call says better.
///
/// # Errors
///
/// A call fails.
pub async fn members(cloud: &dyn Cloud, cluster: &str) -> Answer<Vec<DbInstance>> {
    let page = |from| cloud.describe_db_instances(InstanceFilter::OfCluster(cluster), from);
    match every(Operation::DescribeDbInstances, page).await {
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        members => members,
    }
}

/// The proxy with this name, without its targets.
///
/// # Errors
///
/// It does not exist, the program does not know its engine family, or the call fails.
pub async fn proxy(cloud: &dyn Cloud, name: &str) -> Answer<Proxy> {
    let page = cloud.describe_db_proxies(Some(name), None).await?;
    known(first(Operation::DescribeDbProxies, page, || {
        format!("{name} not found")
    })?)
}

/// A proxy of an engine family that the program knows.
///
/// # Errors
///
/// It is of another one.
pub fn known(proxy: DbProxy) -> Answer<Proxy> {
    let unknown = || Fault::Malformed("it has no EngineFamily that is known".to_owned());
    match proxy {
        DbProxy::Known(proxy) => Ok(proxy),
        DbProxy::OfOtherFamily(_) => Err(CloudError::new(Operation::DescribeDbProxies, unknown())),
    }
}

/// The DB subnet group with this name.
///
/// # Errors
///
/// It does not exist, or the call fails.
pub async fn subnet_group(cloud: &dyn Cloud, name: &str) -> Answer<DbSubnetGroup> {
    let page = cloud.describe_db_subnet_groups(Some(name), None).await?;
    first(Operation::DescribeDbSubnetGroups, page, || format!("{name} not found"))
}

/// The event source mappings of a source.
///
/// # Errors
///
/// A call fails.
pub async fn mappings(cloud: &dyn Cloud, source: &str) -> Answer<Vec<EventSourceMapping>> {
    let page = |from| cloud.list_event_source_mappings(Some(source), from);
    every(Operation::ListEventSourceMappings, page).await
}

async fn functions(cloud: &dyn Cloud, versions: Versions) -> Answer<Vec<ListedFunction>> {
    every(Operation::ListFunctions, |from| cloud.list_functions(versions, from)).await
}

/// Where the functions of the account and Region are attached, by their names.
///
/// # Errors
///
/// A call fails.
pub async fn attached_functions(cloud: &dyn Cloud) -> Answer<BTreeMap<String, FunctionVpc>> {
    let all = functions(cloud, Versions::Latest).await?.into_iter();
    let attached = all.filter_map(|found| Some((found.function.name, found.function.vpc?)));
    Ok(attached.collect())
}

/// All names of a kind, to offer the nearest ones for a wrong name.
///
/// # Errors
///
/// A call fails.
pub async fn names(cloud: &dyn Cloud, kind: ResourceKind) -> Answer<Vec<String>> {
    if kind == ResourceKind::Function {
        let all = functions(cloud, Versions::Latest).await?.into_iter();
        return Ok(all.map(|found| found.function.name).collect());
    }
    let all = bearers(cloud, kind).await?.into_iter();
    Ok(all.map(|bearer| bearer.name).collect())
}

/// All resources of a kind with all groups, also those that are being associated or disassociated; of functions each
/// published version too.
///
/// # Errors
///
/// A call fails.
pub async fn bearers(cloud: &dyn Cloud, kind: ResourceKind) -> Answer<Vec<Bearer>> {
    let operation = Operation::lists(kind);
    Ok(match kind {
        ResourceKind::Cluster => {
            let all = every(operation, |from| cloud.describe_db_clusters(None, from)).await?;
            all.into_iter().map(Bearer::of_cluster).collect()
        }
        ResourceKind::Instance => {
            let page = |from| cloud.describe_db_instances(InstanceFilter::All, from);
            let all = every(operation, page).await?;
            all.into_iter().map(Bearer::of_instance).collect()
        }
        ResourceKind::Proxy => {
            let all = every(operation, |from| cloud.describe_db_proxies(None, from)).await?;
            all.into_iter().map(Bearer::of_proxy).collect()
        }
        ResourceKind::Function => {
            let all = functions(cloud, Versions::All).await?;
            all.into_iter().map(Bearer::of_function).collect()
        }
    })
}

impl Bearer {
    fn of_cluster(cluster: DbCluster) -> Self {
        Self {
            name: cluster.id,
            groups: groups_of(cluster.memberships),
            ..Self::default()
        }
    }

    fn of_instance(instance: DbInstance) -> Self {
        Self {
            name: instance.id,
            cluster: instance.cluster,
            groups: groups_of(instance.memberships),
            ..Self::default()
        }
    }

    fn of_proxy(proxy: DbProxy) -> Self {
        match proxy {
            DbProxy::OfOtherFamily(bearer) => bearer,
            DbProxy::Known(proxy) => Self {
                groups: proxy.groups.iter().cloned().collect(),
                name: proxy.name,
                role: proxy.role,
                secrets: proxy.secrets,
                ..Self::default()
            },
        }
    }

    fn of_function(ListedFunction { function, version }: ListedFunction) -> Self {
        let groups = function.groups().iter().cloned().collect();
        Self {
            name: function.name,
            version,
            subnets: function.vpc.map(|vpc| vpc.subnets).unwrap_or_default(),
            groups,
            role: function.role,
            ..Self::default()
        }
    }
}

fn groups_of(memberships: Vec<GroupMembership>) -> Vec<GroupId> {
    memberships.into_iter().map(|membership| membership.group).collect()
}
