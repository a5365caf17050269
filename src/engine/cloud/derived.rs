//! What follows from the answers of a [`Cloud`]: whole lists, the one that was asked for, and parts.

use std::future::Future;

use super::{Answer, Cloud, CloudError, Fault, GroupFilter, Listed, Operation, Page, Pages, SubnetFilter};
use crate::model::{GroupId, SecurityGroup, Subnet, SubnetId, VpcId, network};

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
