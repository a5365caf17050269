//! Which operations reading a connection takes.

use std::collections::BTreeSet;

use super::{ProxyWish, Target};
use crate::model::{Credentials, DatabaseKind, Observation};
use crate::operation::Operation;

/// The operations with which a connection is read: now, and once the run has made what it lacks.
#[must_use]
pub fn reads(target: &Target, observation: &Observation) -> BTreeSet<Operation> {
    let Observation {
        database,
        proxy,
        extras,
        ..
    } = observation;
    let mut reads = BTreeSet::from([
        Operation::DescribeDbInstances,
        Operation::GetFunctionConfiguration,
        Operation::DescribeSubnets,
        Operation::DescribeSecurityGroups,
    ]);
    if target.kind == DatabaseKind::Cluster {
        reads.insert(Operation::DescribeDbClusters);
        // Its instances would tell the VPC.
        if database.members.is_empty() {
            reads.insert(Operation::DescribeDbSubnetGroups);
        }
    }
    if target.proxy != ProxyWish::None {
        reads.extend([Operation::DescribeDbProxies, Operation::DescribeDbProxyTargets]);
    }
    let credentials = extras.new_proxy.as_ref().map(|new| &new.credentials);
    let is_named =
        |credentials: &Credentials| matches!(credentials, Credentials::Secret(_) | Credentials::NewSecret { .. });
    if extras.secret.is_some() || credentials.is_some_and(is_named) {
        reads.insert(Operation::DescribeSecret);
    }
    if matches!(credentials, Some(Credentials::Secret(secret)) if secret.key.is_some()) {
        reads.insert(Operation::DescribeKey);
    }
    if extras.attach.is_some() {
        reads.insert(Operation::DescribeVpcs);
    }
    let is_new = proxy.as_ref().is_some_and(|proxy| !proxy.exists);
    if is_new && extras.new_proxy.as_ref().is_some_and(|new| new.role.is_some()) {
        reads.insert(Operation::GetRole);
    }
    if extras.connect.is_some() {
        reads.insert(Operation::GetRolePolicy);
    }
    reads
}
