//! Whether a role may read secrets, and decrypt those whose keys are customers'.
//!
//! Source: the check `proxy-role` of docs/network.md, and `execution-role` of docs/msk.md.

use super::role::lacking;
use crate::diagnostics::Finding;
use crate::escape::word;
use crate::model::network::Part;
use crate::model::{NeededSecret, Place, last_segment};
use crate::policy::{Lack, RolePolicies, lacks_for_secret, read_secret};

/// What keeps a role from reading these secrets.
pub(crate) fn of_secrets(role: &str, policies: &RolePolicies, secrets: &[NeededSecret], purpose: &str) -> Vec<Finding> {
    secrets
        .iter()
        .flat_map(|secret| of_secret(role, policies, secret, purpose))
        .collect()
}

fn of_secret(role: &str, policies: &RolePolicies, secret: &NeededSecret, purpose: &str) -> Vec<Finding> {
    let arn = &secret.arn;
    if secret.is_deleted {
        let remedy = format!("aws secretsmanager restore-secret --secret-id {}", word(arn));
        let text = format!("secret {arn} is scheduled for deletion: nobody can read it");
        return vec![Finding::fail(text).fixed_by(remedy)];
    }
    let purpose = format!("{purpose}: {arn}");
    let gives = |key: Option<&str>| {
        format!(
            "aws iam put-role-policy --role-name {} --policy-name read-{} --policy-document {}",
            word(last_segment(role)),
            word(named(arn)),
            word(read_secret(arn, key))
        )
    };
    match &secret.customer_key {
        Part::Read(key) => {
            let key = key.as_deref();
            lacking(role, &lacks_for_secret(policies, arn, key), &purpose, &|_| gives(key))
        }
        Part::Unread(why) => {
            // Which key it is matters only to a role that may not decrypt with any.
            let place = Place::of(arn);
            let any = place.arn("kms", "key/unknown");
            let (read, decrypt): (Vec<Lack>, Vec<Lack>) = lacks_for_secret(policies, arn, Some(&any))
                .into_iter()
                .partition(|lack| lack.resource == *arn);
            let mut findings = lacking(role, &read, &purpose, &|_| gives(None));
            if !decrypt.is_empty() {
                findings.push(Finding::unknown(format!(
                    "could not determine whether {role} needs and has kms:Decrypt on the key of secret {arn}: {why}"
                )));
            }
            findings
        }
    }
}

/// A name for the policy that lets read a secret: that of the secret, as far as IAM takes its characters.
fn named(arn: &str) -> String {
    let name = arn.rsplit(':').next().unwrap_or(arn);
    let allowed = |character: &char| character.is_ascii_alphanumeric() || "+=,.@_-".contains(*character);
    name.chars().filter(allowed).take(100).collect()
}
