//! The proxy's role: whether the proxy can log in to the database with it.
//!
//! Source: the check `proxy-role` of docs/network.md; RDS user guide, "Setting up database credentials for RDS Proxy".
//! A target that is `AVAILABLE` shows that the proxy does log in, even if the policies that can be read do not allow it.

use super::secret::of_secrets;
use super::{ProxyRole, Scene, iam, role};
use crate::diagnostics::{Check, Finding, Status};
use crate::escape::word;
use crate::model::{Proxy, last_segment};
use crate::policy::{NOT_READ, RDS, trust_also, trusts};

const ID: &str = "proxy-role";

/// None where the proxy's role was not read, and where it has none and needs none.
pub(super) fn check(scene: &Scene) -> Option<Check> {
    let proxy = scene.proxy.as_ref()?;
    let Some(role) = &scene.proxy_role else {
        let needs_one = proxy.role.is_none() && (!proxy.secrets.is_empty() || proxy.is_iam_only());
        let text = format!("AWS does not report the role of proxy {}", proxy.name);
        return needs_one.then(|| judged(scene, proxy, Vec::new(), vec![Finding::unknown(text)]));
    };
    let mut findings = of_trust(role);
    match role.policies.read() {
        Ok(policies) => {
            let purpose = format!("proxy {} logs in with this secret", proxy.name);
            findings.extend(of_secrets(&role.arn, policies, &role.secrets, &purpose));
            if proxy.is_iam_only() {
                findings.extend(iam::of_proxy(scene, proxy, role, policies));
            }
        }
        Err(why) => findings.push(role::not_read(&role.arn, why)),
    }
    let secrets = role.secrets.iter().map(|secret| secret.arn.clone());
    let evidence = std::iter::once(role.arn.clone()).chain(secrets).collect();
    Some(judged(scene, proxy, evidence, findings))
}

/// The check of these findings. What only could not be read counts for nothing where the proxy evidently logs in.
fn judged(scene: &Scene, proxy: &Proxy, mut evidence: Vec<String>, mut findings: Vec<Finding>) -> Check {
    if logs_in(scene, proxy) {
        let known = format!("the target of proxy {} is AVAILABLE: the proxy can log in", proxy.name);
        evidence.push(known);
        findings.retain_mut(|finding| match finding.status {
            Status::Unknown => {
                evidence.push(finding.text.clone());
                false
            }
            Status::Fail => {
                finding.status = Status::Warn;
                finding
                    .text
                    .push_str("; its target is AVAILABLE, so this may fail only at the next login");
                true
            }
            Status::Warn | Status::Pass => true,
        });
    }
    let passed = format!("proxy {} can log in with its role", proxy.name);
    Check::of(ID, &passed, evidence, findings).noting(NOT_READ)
}

fn logs_in(scene: &Scene, proxy: &Proxy) -> bool {
    let with_targets = scene.targets.known().map(|targets| Proxy {
        targets: targets.clone(),
        ..proxy.clone()
    });
    with_targets.is_some_and(|proxy| proxy.reaches(&scene.database))
}

/// Whether RDS may assume it.
fn of_trust(role: &ProxyRole) -> Vec<Finding> {
    match role.trust.read() {
        Ok(document) if trusts(document, RDS) => Vec::new(),
        Ok(document) => {
            let remedy = format!(
                "aws iam update-assume-role-policy --role-name {} --policy-document {}",
                word(last_segment(&role.arn)),
                word(trust_also(document, RDS))
            );
            let text = format!("{} does not trust {RDS}: no proxy can use it", role.arn);
            vec![Finding::fail(text).fixed_by(remedy)]
        }
        Err(why) => vec![Finding::unknown(format!(
            "the trust policy of {} is not known: {why}",
            role.arn
        ))],
    }
}
