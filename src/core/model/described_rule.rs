//! A rule of a security group as `DescribeSecurityGroupRules` returns it.

use std::collections::BTreeMap;

use super::{Direction, GroupId, Rule};

/// A rule with what `DescribeSecurityGroups` does not show: its id, its tags, and whose the group is that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedRule {
    /// `SecurityGroupRuleId`: `sgr-…`.
    pub id: String,
    /// The group that it is a rule of.
    pub group: GroupId,
    /// Inbound or outbound.
    pub direction: Direction,
    /// The rule.
    pub rule: Rule,
    /// The account of the group that it names, if AWS reports it.
    pub peer_account: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}
