//! The function's execution role: whether Lambda may read the cluster and the mapping's secrets, and create interfaces
//! beside the cluster.
//!
//! Source: the check `execution-role` of docs/msk.md.

use super::Poller;
use crate::diagnostics::connection::role::{attach_policy, lacking, not_read};
use crate::diagnostics::connection::secret::of_secrets;
use crate::diagnostics::{Check, Finding};
use crate::model::Place;
use crate::policy::{NOT_READ, RolePolicies, lacks_for_msk, msk_access};

/// None where no function is named and no mapping names one.
pub(super) fn check(poller: &Poller<'_>) -> Option<Check> {
    let scene = poller.scene;
    let role = scene.function.as_ref()?.role.as_ref()?;
    let findings = match scene.policies.read() {
        Ok(policies) => findings(poller, role, policies),
        Err(why) => vec![not_read(role, why)],
    };
    let passed = if scene.secrets.is_empty() {
        "the role may read the cluster and manage network interfaces"
    } else {
        "the role may read the cluster and the mapping's secret, and manage network interfaces"
    };
    let evidence = std::iter::once(role.clone()).chain(scene.secrets.iter().map(|secret| secret.arn.clone()));
    Some(Check::of("execution-role", passed, evidence.collect(), findings).noting(NOT_READ))
}

fn findings(poller: &Poller<'_>, role: &str, policies: &RolePolicies) -> Vec<Finding> {
    let scene = poller.scene;
    let (arn, kind) = (&scene.cluster.arn, &scene.cluster.kind);
    let lacks = lacks_for_msk(policies, arn, kind, &poller.place.subnets, &poller.place.groups);
    let purpose = "Lambda needs this to find the brokers and to poll them from their subnets";
    let gives = attach_policy(role, &msk_access(Place::of(arn)));
    let mut findings = lacking(role, &lacks, purpose, &|_| gives.clone());
    let purpose = "Lambda reads the mapping's secret with the function's role";
    findings.extend(of_secrets(role, policies, &scene.secrets, purpose));
    findings
}
