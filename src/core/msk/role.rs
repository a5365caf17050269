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

const ID: &str = "execution-role";

/// None where no function is named and no mapping names one.
pub(super) fn check(poller: &Poller<'_>) -> Option<Check> {
    let scene = poller.scene;
    let Some(function) = &scene.function else {
        let mut named = scene.known_mappings().iter();
        let named = named.find_map(|mapping| mapping.function.as_ref())?;
        let unread = Finding::unknown(format!("the role of {named}: the function could not be read"));
        return Some(Check::of(ID, "", Vec::new(), vec![unread]));
    };
    let role = function.role.as_ref()?;
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
    Some(Check::of(ID, passed, evidence.collect(), findings).noting(NOT_READ))
}

fn findings(poller: &Poller<'_>, role: &str, policies: &RolePolicies) -> Vec<Finding> {
    let scene = poller.scene;
    let (arn, kind) = (&scene.cluster.arn, &scene.cluster.kind);
    let lacks = lacks_for_msk(policies, arn, kind, &poller.place.subnets, &poller.place.groups);
    let purpose = "Lambda needs this to find the brokers and to poll them from their subnets";
    let gives = attach_policy(role, &msk_access(Place::of(arn)));
    let mut findings = lacking(role, &lacks, purpose, &|_| gives.clone());
    if let (Err(why), true) = (scene.mappings.read(), poller.needs.may_use_secret()) {
        findings.push(Finding::unknown(format!("which secret the mappings read: {why}")));
    }
    let purpose = "Lambda reads the mapping's secret with the function's role";
    findings.extend(of_secrets(role, policies, &scene.secrets, purpose));
    findings
}
