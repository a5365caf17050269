//! The lists of all that connections are made of, read concurrently, each to its last page.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use crate::cloud::{
    Answer, Cloud, CloudError, DbCluster, DbInstance, DbProxy, DbSubnetGroup, DescribedSubnet, GroupFilter,
    InstanceFilter, Listed, Operation, SubnetFilter, TaggedResource, Versions, derived,
};
use crate::model::{Function, Proxy, SecurityGroup};
use crate::wait::Pauses;

/// For how long a page is asked for again while requests are throttled.
const PATIENCE: Duration = Duration::from_mins(10);

/// The lists of an account and Region: what each holds, or why it could not be read.
#[expect(missing_docs, reason = "each field is the list of its name")]
pub struct Lists {
    pub clusters: Answer<Vec<DbCluster>>,
    pub instances: Answer<Vec<DbInstance>>,
    pub subnet_groups: Answer<Vec<DbSubnetGroup>>,
    pub proxies: Answer<Vec<DbProxy>>,
    pub functions: Answer<Vec<Function>>,
    pub groups: Answer<Vec<SecurityGroup>>,
    pub subnets: Answer<Vec<DescribedSubnet>>,
    /// The tags of functions and proxies that have any, by ARN.
    pub tagged: Answer<BTreeMap<String, BTreeMap<String, String>>>,
}

/// Reads all of the lists, at the same time. A list that cannot be read stops no other one.
pub async fn lists(cloud: &dyn Cloud) -> Lists {
    let (clusters, instances, subnet_groups, proxies, functions, groups, subnets, tagged) = tokio::join!(
        all(cloud, Operation::DescribeDbClusters, |from| cloud
            .describe_db_clusters(None, from)),
        all(cloud, Operation::DescribeDbInstances, |from| cloud
            .describe_db_instances(InstanceFilter::All, from)),
        all(cloud, Operation::DescribeDbSubnetGroups, |from| cloud
            .describe_db_subnet_groups(None, from)),
        all(cloud, Operation::DescribeDbProxies, |from| cloud
            .describe_db_proxies(None, from)),
        all_functions(cloud),
        all(cloud, Operation::DescribeSecurityGroups, |from| cloud
            .describe_security_groups(GroupFilter::All, from)),
        all(cloud, Operation::DescribeSubnets, |from| cloud
            .describe_subnets(SubnetFilter::All, from)),
        all(cloud, Operation::GetResources, |from| cloud.list_tagged(from)),
    );
    Lists {
        clusters,
        instances,
        subnet_groups,
        proxies,
        functions,
        groups,
        subnets,
        tagged: tagged.map(by_arn),
    }
}

fn by_arn(tagged: Vec<TaggedResource>) -> BTreeMap<String, BTreeMap<String, String>> {
    tagged.into_iter().map(|found| (found.arn, found.tags)).collect()
}

/// All proxies, without their targets: those have to be asked for one by one.
pub(super) async fn all_proxies(cloud: &dyn Cloud) -> Answer<Vec<Proxy>> {
    let page = |from| cloud.describe_db_proxies(None, from);
    known_proxies(all(cloud, Operation::DescribeDbProxies, page).await)
}

/// Listed proxies, all of engine families that the program knows.
///
/// # Errors
///
/// They were not read, or one is of another engine family.
pub fn known_proxies(listed: Answer<Vec<DbProxy>>) -> Answer<Vec<Proxy>> {
    listed?.into_iter().map(derived::known).collect()
}

/// All functions.
pub(super) async fn all_functions(cloud: &dyn Cloud) -> Answer<Vec<Function>> {
    let page = |from| cloud.list_functions(Versions::Latest, from);
    let found = all(cloud, Operation::ListFunctions, page).await?;
    Ok(found.into_iter().map(|found| found.function).collect())
}

/// All pages of a list, each asked for patiently.
///
/// # Errors
///
/// A page cannot be read, or pages lead to each other.
pub async fn all<T, F: Future<Output = Listed<T>>>(
    cloud: &dyn Cloud,
    operation: Operation,
    page: impl Fn(Option<String>) -> F,
) -> Answer<Vec<T>> {
    let page = &page;
    let patient = async |from: Option<String>| patiently(cloud, || page(from.clone())).await;
    derived::every(operation, patient).await
}

/// The answer of a call that may be throttled: then the run becomes slower, and does not fail.
///
/// # Errors
///
/// What the call fails with, if it is not throttling that ends in time.
pub async fn patiently<T, F: Future<Output = Answer<T>>>(cloud: &dyn Cloud, call: impl Fn() -> F) -> Answer<T> {
    let mut pauses = Pauses::until(Instant::now() + PATIENCE, cloud.pace());
    loop {
        let answer = call().await;
        let is_throttled = answer.as_ref().is_err_and(CloudError::is_throttled);
        if !is_throttled || !pauses.pause().await {
            return answer;
        }
    }
}
