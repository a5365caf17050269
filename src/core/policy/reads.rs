//! What a caller needs that only reads, such as the scheduled check of `drift`.
//!
//! Source: docs/policies.md, "`drift`".

use super::Permissions;
use crate::model::Place;
use crate::operation::Operation;

/// The permissions for these operations, whatever they find in a place. A part of the place that is `*` is any.
pub fn read_only(reads: impl IntoIterator<Item = Operation>, place: Place<'_>) -> Permissions {
    let mut permissions = Permissions::default();
    for read in reads {
        permissions.add(read.iam_action(), of_any(read, place));
    }
    permissions
}

/// The resources that an operation which reads is checked on, whichever it asks for.
pub fn of_any(read: Operation, place: Place<'_>) -> Vec<String> {
    let rds = |resource: &str| place.arn("rds", resource);
    match read {
        Operation::DescribeDbClusters => vec![rds("cluster:*")],
        Operation::DescribeDbInstances => vec![rds("db:*")],
        Operation::DescribeDbSubnetGroups => vec![rds("subgrp:*")],
        // Of proxies alone are tags read.
        Operation::DescribeDbProxies | Operation::ListTagsForResource => vec![rds("db-proxy:*")],
        Operation::DescribeDbProxyTargets | Operation::DescribeDbProxyTargetGroups => {
            vec![rds("db-proxy:*"), rds("target-group:*")]
        }
        Operation::DescribeDbProxyEndpoints => vec![rds("db-proxy:*"), rds("db-proxy-endpoint:*")],
        Operation::GetManagedPrefixListEntries => {
            let of_aws = Place {
                account: "aws",
                ..place
            };
            [place, of_aws].map(|place| place.arn("ec2", "prefix-list/*")).into()
        }
        Operation::DescribeSecret => vec![place.arn("secretsmanager", "secret:*")],
        // Functions may have roles of any name.
        Operation::GetRole
        | Operation::ListRolePolicies
        | Operation::ListAttachedRolePolicies
        | Operation::GetRolePolicy => vec![place.role("*")],
        // EC2 describes all or nothing, and so does Lambda list functions.
        _ => vec!["*".to_owned()],
    }
}
