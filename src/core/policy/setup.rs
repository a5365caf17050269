//! What the caller of `setup --manifest` needs for connections by groups within a VPC, whichever these are.
//!
//! Source: docs/policies.md, "`manifest`". Proxies, functions, secrets and roles are not created, environments and roles
//! not written. Groups are created, changed and deleted only with our tag.

use super::operator::when;
use super::repair::{ours, repairs};
use super::{Permissions, of_any};
use crate::model::{Direction, Place};
use crate::operation::Operation;
use crate::plan::RepairKind;
use crate::tags;

/// What the lists do not show: read for each connection that is changed, and for the checks of its path.
const READS: &[Operation] = &[
    Operation::GetFunctionConfiguration,
    Operation::DescribeVpcs,
    Operation::DescribeVpcAttribute,
    Operation::DescribeDhcpOptions,
    Operation::DescribeRouteTables,
    Operation::DescribeNetworkAcls,
    Operation::DescribeNetworkInterfaces,
    Operation::GetManagedPrefixListEntries,
    Operation::GetServiceQuota,
    Operation::GetRole,
    Operation::ListRolePolicies,
    Operation::GetRolePolicy,
    Operation::ListAttachedRolePolicies,
    Operation::GetPolicy,
    Operation::GetPolicyVersion,
];

/// Who else uses a group that is about to be removed.
const USERS: &[Operation] = &[
    Operation::DescribeSecurityGroupReferences,
    Operation::DescribeLaunchTemplateVersions,
    Operation::ListEventSourceMappings,
    Operation::ListCapacityProviders,
    Operation::ListNetworkConnectors,
    Operation::ListNetworkConnectorVersions,
    Operation::GetNetworkConnector,
    Operation::ListAliases,
];

/// Adds what setting up connections takes; with `prunes`, also what removing connections takes. A part of the place that
/// is `*` is any.
pub fn sets_up(permissions: &mut Permissions, prunes: bool, place: Place<'_>) {
    repairs(permissions, [RepairKind::MissingGroups], place);
    let users = USERS.iter().filter(|_| prunes);
    for read in READS.iter().chain(users).copied() {
        permissions.add(read.iam_action(), resources(read, place));
    }
    if !prunes {
        return;
    }
    let groups = || [place.arn("ec2", "security-group/*")];
    for direction in [Direction::Ingress, Direction::Egress] {
        permissions.add_when(ours(), Operation::revokes(direction).iam_action(), groups());
    }
    permissions.add_when(ours(), Operation::DeleteSecurityGroup.iam_action(), groups());
    for (operation, key) in [
        (Operation::CreateTags, tags::REMOVING),
        (Operation::CreateTags, tags::CONNECTION),
        (Operation::DeleteTags, tags::REMOVING),
    ] {
        let mut on_ours = when("ForAllValues:StringEquals", "aws:TagKeys", key);
        on_ours.extend(ours());
        permissions.add_when(on_ours, operation.iam_action(), groups());
    }
}

fn resources(read: Operation, place: Place<'_>) -> Vec<String> {
    let lambda = |resource: &str| vec![place.arn("lambda", resource)];
    match read {
        Operation::GetFunctionConfiguration | Operation::ListAliases => lambda("function:*"),
        Operation::ListNetworkConnectorVersions | Operation::GetNetworkConnector => lambda("network-connector:*"),
        Operation::DescribeVpcAttribute => vec![place.arn("ec2", "vpc/*")],
        Operation::GetRole | Operation::ListAttachedRolePolicies => vec![place.role("*")],
        Operation::GetPolicy | Operation::GetPolicyVersion => {
            let Place { partition, account, .. } = place;
            ["aws", account]
                .map(|owner| format!("arn:{partition}:iam::{owner}:policy/*"))
                .into()
        }
        _ => of_any(read, place),
    }
}
