//! Roles and secrets of ours that nothing names.

use super::{Builder, Leftovers};
use crate::model::last_segment;
use crate::plan::RemovalEffect;

/// Adds the steps for secrets and roles. What goes and what stays, one sentence each.
pub(super) fn clean(left: &Leftovers, builder: &mut Builder) -> Vec<String> {
    let mut reasons = Vec::new();
    // Lambda needs a role until it has deleted a function's network interface, and groups are deleted only then.
    let ready = builder.all();
    for secret in &left.secrets {
        if let Some(why) = &secret.stays {
            reasons.push(format!("Secret {} stays: {why}.", secret.name));
            continue;
        }
        reasons.push(format!("Secret {} goes: no proxy logs in with it.", secret.name));
        let effect = RemovalEffect::DeleteSecret {
            secret: secret.arn.clone(),
        };
        let summary = format!("secret {}, which can be restored for 7 days", secret.name);
        builder.push(ready.clone(), effect, &secret.arn, summary);
    }
    for role in &left.roles {
        if let Some(why) = &role.stays {
            reasons.push(format!("Role {} stays: {why}.", role.name));
            continue;
        }
        reasons.push(format!("Role {} goes: nothing has it.", role.name));
        let mut after = ready.clone();
        for policy in &role.attached {
            let effect = RemovalEffect::DetachRolePolicy {
                role: role.name.clone(),
                policy: policy.clone(),
            };
            let summary = format!("policy {} of role {}", last_segment(policy), role.name);
            builder.push(ready.clone(), effect, &role.name, summary);
            after.extend(builder.all().last());
        }
        for policy in &role.policies {
            let effect = RemovalEffect::DeleteRolePolicy {
                role: role.name.clone(),
                policy: policy.clone(),
            };
            let summary = format!("policy {policy} of role {}", role.name);
            builder.push(ready.clone(), effect, &role.name, summary);
            after.extend(builder.all().last());
        }
        let effect = RemovalEffect::DeleteRole {
            role: role.name.clone(),
        };
        builder.push(after, effect, &role.name, format!("role {}", role.name));
    }
    reasons
}
