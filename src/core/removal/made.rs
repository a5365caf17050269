//! Existing resources with our names, besides groups, and whether they are removed: for `remove` and `cleanup`.
//!
//! One is removed only if it is exactly as this program creates it, by the comparison that decides whether `setup`
//! takes it over ([`crate::adopt`]), and if nothing uses it.

use std::collections::BTreeSet;

use crate::adopt::OwnRole;
use crate::model::{FoundRole, last_segment};
use crate::plan::RemovalEffect;
use crate::users::User;

/// What stands under the names of what this program makes for a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MadeForProxy {
    /// How the proxy differs from one that this program makes; nothing where it no longer exists.
    pub differences: Vec<String>,
    /// Its secrets, those with our tags.
    pub secrets: Vec<MadeSecret>,
    /// Its role.
    pub role: Option<MadeRole>,
}

/// A secret with our tags and a name of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MadeSecret {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// How it differs from one that this program makes, and what could not be read of it.
    pub differences: Vec<String>,
    /// The proxies that log in with it.
    pub used_by: Vec<User>,
}

/// A role with a name of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MadeRole {
    /// Its name.
    pub name: String,
    /// How it differs from one that this program makes, and what could not be read of it.
    pub differences: Vec<String>,
    /// The policies of IAM that are attached to it.
    pub attached: Vec<String>,
    /// Its own policies.
    pub policies: Vec<String>,
    /// The proxies and functions that have it.
    pub used_by: Vec<User>,
}

impl MadeSecret {
    /// Why it is kept once `going` is gone, as the end of a sentence; none if it is removed.
    pub fn stays(&self, going: &BTreeSet<User>) -> Option<String> {
        stays(&self.used_by, "uses it", going, &self.differences)
    }

    /// What its step does, as text.
    pub fn summary(&self) -> String {
        format!("secret {}, which can be restored for 7 days", self.name)
    }
}

impl MadeRole {
    /// A role as it was found, compared with how this program makes it.
    pub fn new(name: &str, found: FoundRole, own: &OwnRole, used_by: Vec<User>) -> Self {
        Self {
            name: name.to_owned(),
            differences: own.differences(&found),
            attached: found.attached,
            policies: found.inline.into_keys().collect(),
            used_by,
        }
    }

    /// Why it is kept once `going` is gone, as the end of a sentence; none if it is removed.
    pub fn stays(&self, going: &BTreeSet<User>) -> Option<String> {
        stays(&self.used_by, "has it", going, &self.differences)
    }

    /// The steps that remove its policies, in any order, each with its words. The role itself goes after them.
    pub fn policies_off(&self) -> Vec<(RemovalEffect, String)> {
        let role = &self.name;
        let attached = self.attached.iter().map(|policy| {
            let effect = RemovalEffect::DetachRolePolicy {
                role: role.clone(),
                policy: policy.clone(),
            };
            (effect, format!("policy {} of role {role}", last_segment(policy)))
        });
        let own = self.policies.iter().map(|policy| {
            let effect = RemovalEffect::DeleteRolePolicy {
                role: role.clone(),
                policy: policy.clone(),
            };
            (effect, format!("policy {policy} of role {role}"))
        });
        attached.chain(own).collect()
    }
}

fn stays(used_by: &[User], how: &str, going: &BTreeSet<User>, differences: &[String]) -> Option<String> {
    let in_use = used_by.iter().find(|user| !going.contains(user));
    let in_use = in_use.map(|user| format!("{user} {how}"));
    in_use.or_else(|| (!differences.is_empty()).then(|| differences.join("; ")))
}
