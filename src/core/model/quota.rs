//! How many security groups a network interface takes.
//!
//! Source: docs/decision.md, "Requirements", and the VPC user guide, "Amazon VPC quotas": 5 unless the quota L-2AFB9258
//! is raised, at most 16. A function can have 5, regardless of the quota.

use super::Side;

/// The quota's code in Service Quotas, of the service `vpc`.
pub const QUOTA_CODE: &str = "L-2AFB9258";

/// The most groups of a function, and of everything else unless the quota is raised.
pub const USUAL_GROUPS: usize = 5;

/// The most groups of a network interface to which the quota can be raised.
pub const MOST_GROUPS: usize = 16;

/// The quota of security groups for each network interface, as far as it matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum GroupQuota {
    /// It was not asked for, since even the usual one leaves room.
    #[default]
    NotAsked,
    /// The account's.
    Known(usize),
    /// It could not be read, and why.
    Unread(String),
}

impl GroupQuota {
    /// The most groups of a side's resource: where the quota is not known, what AWS never takes more than.
    pub fn most(&self, side: Side) -> usize {
        match (side, self) {
            (Side::Function, _) | (_, Self::NotAsked) => USUAL_GROUPS,
            (_, Self::Known(most)) => (*most).min(MOST_GROUPS),
            (_, Self::Unread(_)) => MOST_GROUPS,
        }
    }

    /// What the user should know of a resource that is to have so many groups.
    pub fn warning(&self, side: Side, resource: &str, count: usize) -> Option<String> {
        let Self::Unread(why) = self else {
            return None;
        };
        (side != Side::Function && count > USUAL_GROUPS).then(|| {
            format!(
                "{resource} would have {count} security groups: AWS allows {USUAL_GROUPS} for each network interface unless the quota {QUOTA_CODE} was raised, which could not be read ({why})"
            )
        })
    }
}
