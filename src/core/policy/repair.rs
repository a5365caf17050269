//! The write permissions that `drift --repair` needs for repairs of these kinds.
//!
//! Source: docs/drift.md, "Repairs". Groups are created and changed only with our tag, and policies are written only on
//! roles with our tag.

use super::Permissions;
use super::document::Condition;
use super::operator::{tagged, when};
use crate::model::{DatabaseKind, Direction, Place};
use crate::operation::Operation;
use crate::plan::RepairKind;
use crate::tags;

/// Adds what repairs of these kinds need. A part of the place that is `*` is any.
pub fn repairs(permissions: &mut Permissions, kinds: impl IntoIterator<Item = RepairKind>, place: Place<'_>) {
    let group = || [place.arn("ec2", "security-group/*")];
    let rds = |resource: &str| place.arn("rds", resource);
    permissions.add("lambda:GetFunctionConfiguration", [place.arn("lambda", "function:*")]);
    for kind in kinds {
        match kind {
            RepairKind::AddedRules => {
                for direction in [Direction::Ingress, Direction::Egress] {
                    permissions.add_when(ours(), Operation::revokes(direction).iam_action(), group());
                }
            }
            RepairKind::MissingRules => authorize(permissions, place),
            RepairKind::MissingGroups => {
                let create = Operation::CreateSecurityGroup.iam_action();
                permissions.add_when(tagged(), create, group());
                permissions.add(create, [place.arn("ec2", "vpc/*")]);
                let at_birth = when("StringEquals", "ec2:CreateAction", "CreateSecurityGroup");
                permissions.add_when(at_birth, "ec2:CreateTags", group());
                // EC2 gives a new group a rule that is revoked.
                let revoke = Operation::revokes(Direction::Egress).iam_action();
                permissions.add_when(ours(), revoke, group());
                authorize(permissions, place);
                associate(permissions, place);
            }
            RepairKind::DetachedGroups => associate(permissions, place),
            RepairKind::ProxyTargets => {
                let resources = ["target-group:*", "db-proxy:*", "cluster:*", "db:*"].map(rds);
                permissions.add(Operation::RegisterDbProxyTargets.iam_action(), resources);
            }
            RepairKind::Permissions => {
                permissions.add_when(ours(), Operation::PutRolePolicy.iam_action(), [place.role("*")]);
                for read in [
                    Operation::GetRole,
                    Operation::ListAttachedRolePolicies,
                    Operation::ListRolePolicies,
                    Operation::GetRolePolicy,
                ] {
                    permissions.add(read.iam_action(), [place.role("*")]);
                }
            }
            RepairKind::Other => {}
        }
    }
}

/// Where what exists has our tag.
pub(super) fn ours() -> Condition {
    when("StringEquals", &format!("aws:ResourceTag/{}", tags::MANAGED), "true")
}

fn authorize(permissions: &mut Permissions, place: Place<'_>) {
    for direction in [Direction::Ingress, Direction::Egress] {
        let action = Operation::authorizes(direction).iam_action();
        permissions.add_when(ours(), action, [place.arn("ec2", "security-group/*")]);
    }
}

fn associate(permissions: &mut Permissions, place: Place<'_>) {
    for (kind, resource) in [(DatabaseKind::Cluster, "cluster:*"), (DatabaseKind::Instance, "db:*")] {
        permissions.add(Operation::modifies(kind).iam_action(), [place.arn("rds", resource)]);
    }
    permissions.add(Operation::ModifyDbProxy.iam_action(), [place.arn("rds", "db-proxy:*")]);
    let function = [place.arn("lambda", "function:*")];
    permissions.add(Operation::UpdateFunctionConfiguration.iam_action(), function);
    // What Lambda reads of EC2 on the caller's behalf.
    for read in ["ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"] {
        permissions.add(read, ["*".to_owned()]);
    }
    permissions.add("ec2:GetSecurityGroupsForVpc", [place.arn("ec2", "vpc/*")]);
}
