//! The function's execution role: whether Lambda may read the cluster and the mapping's secrets, create interfaces beside the
//! cluster, and log in to it.
//!
//! Source: the checks `execution-role` and `iam-auth` of docs/msk.md.

use super::Poller;
use crate::diagnostics::connection::role::{attach_policy, lacking, not_read};
use crate::diagnostics::connection::secret::of_secrets;
use crate::diagnostics::{Check, Finding};
use crate::escape::word;
use crate::model::{Authentication, Place, last_segment};
use crate::policy::{Lack, NOT_READ, RolePolicies, Verdict, lacks_for_msk, lacks_for_msk_login, msk_access, poll_msk};

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

/// Whether the role may log in to a cluster that is polled with IAM authentication. None where another way is used, or no
/// function is known.
pub(super) fn login(poller: &Poller<'_>) -> Option<Check> {
    let scene = poller.scene;
    let role = scene.function.as_ref()?.role.as_ref()?;
    let (cluster, name) = (&scene.cluster.arn, &scene.cluster.name);
    if poller.needs.authentications != [Authentication::Iam] {
        return None;
    }
    let findings = match scene.policies.read() {
        Ok(policies) => {
            let lacks = lacks_for_msk_login(policies, cluster);
            let is_missing = |lack: &Lack| lack.verdict == Verdict::NotAllowed;
            let (missing, others): (Vec<Lack>, Vec<Lack>) = lacks.into_iter().partition(is_missing);
            let mut findings = lacking(role, &others, "Lambda logs in to the cluster with it", &|_| {
                String::new()
            });
            if !missing.is_empty() {
                let actions: Vec<&str> = missing.iter().map(|lack| lack.action).collect();
                let remedy = format!(
                    "aws iam put-role-policy --role-name {} --policy-name {} --policy-document {}",
                    word(last_segment(role)),
                    word(format!("poll-{name}")),
                    word(poll_msk(cluster))
                );
                let text = format!(
                    "{role} does not allow {} on cluster {name}: with IAM authentication Lambda cannot log in, unless the policy of the cluster allows it",
                    actions.join(", ")
                );
                findings.push(Finding::warn(text).fixed_by(remedy));
            }
            findings
        }
        Err(why) => vec![not_read(role, why)],
    };
    let evidence = vec![role.clone(), cluster.clone()];
    let passed = "the role may connect to the cluster; its permissions for topics and groups were not checked";
    Some(Check::of("iam-auth", passed, evidence, findings).noting(NOT_READ))
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
