//! Roles and secrets of ours that are not in use.

use std::collections::BTreeSet;

use super::Leftovers;
use crate::plan::{RemovalEffect, Steps};
use crate::users::User;

/// Adds the steps for secrets and roles, once the proxies in `going` are gone. What is removed and what is kept, one
/// sentence each.
pub(super) fn clean(left: &Leftovers, going: &BTreeSet<User>, steps: &mut Steps) -> Vec<String> {
    let mut reasons = Vec::new();
    // Lambda needs a role until it has deleted a function's network interface, and groups are deleted only then.
    for secret in &left.secrets {
        if let Some(why) = secret.stays(going) {
            reasons.push(format!("Secret {} will be kept: {why}.", secret.name));
            continue;
        }
        reasons.push(format!("Secret {} will be removed: no proxy uses it.", secret.name));
        let effect = RemovalEffect::DeleteSecret {
            secret: secret.arn.clone(),
        };
        steps.then(effect, &secret.arn, secret.summary());
    }
    for role in &left.roles {
        if let Some(why) = role.stays(going) {
            reasons.push(format!("Role {} will be kept: {why}.", role.name));
            continue;
        }
        reasons.push(format!("Role {} will be removed: not in use.", role.name));
        for (effect, summary) in role.policies_off() {
            steps.then(effect, &role.name, summary);
        }
        let effect = RemovalEffect::DeleteRole {
            role: role.name.clone(),
        };
        steps.then(effect, &role.name, format!("role {}", role.name));
    }
    reasons
}
