//! The kinds of changes of a repair: what `drift --repair --only` names.
//!
//! Source: docs/drift.md, "Repairs".

use std::collections::BTreeSet;

use super::{Effect, Plan, Ref, RemovalEffect, Step, StepStatus};
use crate::model::GroupId;
use crate::words;

words! {
    /// What a repair changes.
    pub enum RepairKind {
        /// Rules of our own groups that `setup` would not have made are revoked.
        AddedRules = "added-rules",
        /// Rules of our own groups are added again.
        MissingRules = "missing-rules",
        /// A group is created, with its rules, and associated.
        MissingGroups = "missing-groups",
        /// A group that exists is associated again with the database, the proxy or the function.
        DetachedGroups = "detached-groups",
        /// The database is registered as the target of the proxy.
        ProxyTargets = "proxy-targets",
        /// An inline policy of ours is written again.
        Permissions = "permissions",
        /// Anything else, which no repair does.
        Other = "other",
    }
}

impl RepairKind {
    /// Those that can be allowed.
    pub const ALLOWED: [Self; 6] = [
        Self::AddedRules,
        Self::MissingRules,
        Self::MissingGroups,
        Self::DetachedGroups,
        Self::ProxyTargets,
        Self::Permissions,
    ];

    /// The kind of one effect. What is about a group that the plan makes belongs to making it.
    fn of(effect: &Effect, is_made: impl Fn(&Ref<GroupId>) -> bool) -> Self {
        let of_group =
            |group: &Ref<GroupId>, existing: Self| if is_made(group) { Self::MissingGroups } else { existing };
        match effect {
            // A group of a connection has a side; one of VPC endpoints has none.
            Effect::CreateSecurityGroup { side: Some(_), .. } => Self::MissingGroups,
            Effect::RevokeDefaultEgress { group } => of_group(group, Self::AddedRules),
            Effect::AddRule { group, .. } => of_group(group, Self::MissingRules),
            Effect::AssociateDatabase { group, .. }
            | Effect::AssociateProxy { group, .. }
            | Effect::AssociateFunction { group, .. } => of_group(group, Self::DetachedGroups),
            Effect::RegisterTarget { .. } => Self::ProxyTargets,
            Effect::PutRolePolicy { .. } => Self::Permissions,
            Effect::Removal(RemovalEffect::Revoke { .. }) => Self::AddedRules,
            Effect::CreateSecurityGroup { side: None, .. }
            | Effect::CreateSecret { .. }
            | Effect::CreateRole { .. }
            | Effect::AttachRolePolicy { .. }
            | Effect::CreateProxy(_)
            | Effect::CreateFunction(_)
            | Effect::SetEnvironment { .. }
            | Effect::Vpc(_)
            | Effect::Network(_)
            | Effect::Removal(_)
            | Effect::Handover(_) => Self::Other,
        }
    }
}

impl Plan {
    /// The steps that are still to be done.
    pub fn planned(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.status == StepStatus::Planned)
    }

    /// What a step of a repair changes.
    pub fn kind(&self, step: &Step) -> RepairKind {
        // A step that is done already stands for a group that exists.
        let is_planned = |id: u32| self.planned().any(|step| step.id == id);
        RepairKind::of(&step.effect, |group| group.step().is_some_and(is_planned))
    }

    /// The kinds of all that is still to be done.
    pub fn kinds(&self) -> BTreeSet<RepairKind> {
        self.planned().map(|step| self.kind(step)).collect()
    }
}
