//! Reads the rules of groups one by one, with their ids.

use super::lists::all;
use crate::cloud::{Answer, Cloud, Operation};
use crate::model::{DescribedRule, GroupId};

/// How many values a filter of EC2 can have.
const FILTER_VALUES: usize = 200;

/// The rules of these groups.
///
/// # Errors
///
/// They cannot be read.
pub async fn described_rules(cloud: &dyn Cloud, groups: &[GroupId]) -> Answer<Vec<DescribedRule>> {
    let mut rules = Vec::new();
    for some in groups.chunks(FILTER_VALUES) {
        let page = |from| cloud.describe_security_group_rules(some, from);
        rules.extend(all(cloud, Operation::DescribeSecurityGroupRules, page).await?);
    }
    Ok(rules)
}
