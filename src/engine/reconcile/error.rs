//! How a run can fail.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::cloud::CloudError;
use crate::model::Origin;
use crate::observe::ObserveError;
use crate::plan::Flaw;
use crate::preconditions::Unmet;

/// A failed run: why, and what it had written by then.
#[derive(Debug, Error)]
#[error("{}{error}", lead(.error, .applied))]
pub struct Failure {
    /// Why.
    #[source]
    pub error: RunError,
    /// What was written, in order.
    pub applied: Vec<Applied>,
    /// Where, as far as that was known.
    pub origin: Origin,
}

/// What comes before the error where the user has not agreed. A run may ask again after its first writes, where the plan
/// has changed since: what these were is then told with the error.
fn lead(error: &RunError, applied: &[Applied]) -> &'static str {
    match error {
        RunError::Declined | RunError::ConsentRequired if applied.is_empty() => "nothing was written: ",
        RunError::Declined | RunError::ConsentRequired => "nothing more was written: ",
        _ => "",
    }
}

/// A write that was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Applied {
    /// The IAM name of the API action.
    pub action: String,
    /// What it changed: an id or an ARN.
    pub resource: String,
    /// What it did, for people.
    pub summary: String,
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RunError {
    /// The connection could not be read.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// A requirement does not hold.
    #[error(transparent)]
    Unmet(#[from] Unmet),
    /// A call failed while applying.
    #[error("{doing}: {source}")]
    Cloud {
        /// The step.
        doing: String,
        /// The failed call.
        source: CloudError,
    },
    /// The time was up.
    #[error("timed out waiting for {waiting_for} (last state: {last_seen})")]
    TimedOut {
        /// What for.
        waiting_for: String,
        /// The state that was read last.
        last_seen: String,
    },
    /// An association was accepted, and then failed.
    #[error("the change of {resource} failed: {reason}")]
    NotTaken {
        /// The resource.
        resource: String,
        /// AWS's reason.
        reason: String,
    },
    /// Somebody else holds the name of a group that was to be created.
    #[error("another security group named {name} was created in the meantime")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// Somebody else holds the name of something that was to be created.
    #[error("{doing}: {name} already exists, and autoconnect did not create it: {}", .differences.join("; "))]
    Taken {
        /// The step.
        doing: String,
        /// The name.
        name: String,
        /// How what has the name differs from what was to be made.
        differences: Vec<String>,
    },
    /// The user's password is needed, and was not given.
    #[error("the password of database user {user} is needed, and standard input is not a terminal")]
    NoPassword {
        /// The user.
        user: String,
    },
    /// The password cannot be used.
    #[error("the password cannot be used: {reason}")]
    BadPassword {
        /// Why. Never the password.
        reason: String,
    },
    /// The user said no.
    #[error("the plan was not approved")]
    Declined,
    /// There is nobody to ask.
    #[error("the plan needs approval, and standard input is not a terminal")]
    ConsentRequired,
    /// The user ended the run.
    #[error("interrupted {at}")]
    Interrupted {
        /// Where it stands.
        at: String,
    },
    /// All was applied, and yet the decision is not no-op.
    #[error("all steps succeeded, but the result is still {decision}: {}", .reasons.join(" "))]
    NotVerified {
        /// The decision.
        decision: String,
        /// Its reasons.
        reasons: Vec<String>,
    },
    /// A step refers to something that no step before it has created: a mistake of this program.
    #[error("the step was not run: it refers to {what}, which no step has created")]
    Unbound {
        /// What.
        what: String,
    },
    /// The plan has a flaw: a mistake of this program.
    #[error("the plan is invalid, and its remaining steps were not run: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Flawed(Vec<Flaw>),
}

impl RunError {
    /// The stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Observe(error) => error.code(),
            Self::Unmet(unmet) => unmet.code(),
            Self::Cloud { source, .. } => source.code(),
            Self::TimedOut { .. } => "timed-out",
            Self::NotTaken { .. } => "change-failed",
            Self::NameTaken { .. } | Self::Taken { .. } => "name-taken",
            Self::NoPassword { .. } => "db-password-missing",
            Self::BadPassword { .. } => "db-password-unusable",
            Self::Declined => "declined",
            Self::ConsentRequired => "consent-required",
            Self::Interrupted { .. } => "interrupted",
            Self::NotVerified { .. } => "not-verified",
            Self::Unbound { .. } => "unbound-reference",
            Self::Flawed(_) => "flawed-plan",
        }
    }

    /// What to do about it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Observe(error) => error.hint(),
            Self::Unmet(unmet) => Some(unmet.hint()),
            Self::Cloud { source, .. } => source.hint(),
            Self::TimedOut { .. } | Self::Interrupted { .. } => Some(
                "run the same command again: it continues where this run stopped, and does nothing twice".to_owned(),
            ),
            Self::NotTaken { .. } => Some("fix what AWS reports, then run again".to_owned()),
            Self::NameTaken { .. } => Some("run again: the next free number is used".to_owned()),
            Self::Taken { name, .. } => Some(format!(
                "rename or remove {name}, or give the proxy or the function another name, then run again"
            )),
            Self::NoPassword { .. } => {
                Some("use --db-password-stdin and write the password to standard input".to_owned())
            }
            Self::BadPassword { .. } => {
                Some("enter the password as one line of text, on standard input or at the prompt".to_owned())
            }
            Self::ConsentRequired => Some("add --yes to apply the plan, or --dry-run to only show it".to_owned()),
            Self::NotVerified { .. } => Some(
                "another user or process may have changed the groups: run with --dry-run to see the current state"
                    .to_owned(),
            ),
            Self::Declined => Some("answer yes to apply the plan, or run with --yes".to_owned()),
            Self::Flawed(_) | Self::Unbound { .. } => {
                Some("this is a bug in autoconnect: please report it with the plan".to_owned())
            }
        }
    }
}
