//! What a plan must not contain.

use std::fmt;

use crate::model::GroupId;

/// Something that a plan must not contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A step comes before one that it needs, or two have the same number.
    OutOfOrder {
        /// The step.
        step: u32,
    },
    /// A step refers to something that no earlier step creates.
    Unbound {
        /// The step.
        step: u32,
    },
    /// A group is associated before all rules are written, or a route table before its routes.
    TooEarly {
        /// The step.
        step: u32,
    },
    /// A created group's name is not of the convention, or is taken.
    Name {
        /// The step.
        step: u32,
    },
    /// A group that is not ours would change.
    ForeignGroup {
        /// The step.
        step: u32,
        /// The group.
        group: GroupId,
    },
    /// Something else that is not ours would be deleted.
    Foreign {
        /// The step.
        step: u32,
        /// What.
        resource: String,
    },
    /// A permission, a proxy or a function would be written with an empty name, ARN or id in it.
    Unnamed {
        /// The step.
        step: u32,
    },
    /// Something would be taken off or deleted by a command that only adds.
    TakesAway {
        /// The step.
        step: u32,
    },
    /// A resource would be left without a group, or without subnets.
    Empties {
        /// The step.
        step: u32,
    },
    /// Something would be deleted while it is still used: a group that is on a resource or that a rule names, a role or a
    /// secret whose proxy is not deleted yet.
    StillUsed {
        /// The step.
        step: u32,
    },
    /// A group would be deleted without the mark by which others know of its removal.
    NotMarked {
        /// The step.
        step: u32,
        /// The group.
        group: GroupId,
    },
    /// A rule would be revoked that is not there.
    NoSuchRule {
        /// The step.
        step: u32,
        /// The group.
        group: GroupId,
    },
    /// Traffic that the connection needs would be cut, for a while or for good.
    CutsTraffic {
        /// The step.
        step: u32,
        /// The group.
        group: GroupId,
    },
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfOrder { step } => write!(f, "step {step} comes before one that it needs"),
            Self::Unbound { step } => write!(f, "step {step} refers to something that no earlier step creates"),
            Self::TooEarly { step } => write!(
                f,
                "step {step} associates a group or a route table before all its rules or routes are written"
            ),
            Self::Name { step } => write!(f, "step {step} creates a group with a wrong or taken name"),
            Self::ForeignGroup { step, group } => write!(f, "step {step} changes {group}, which is not ours"),
            Self::Foreign { step, resource } => write!(f, "step {step} deletes {resource}, which is not ours"),
            Self::Unnamed { step } => write!(f, "step {step} writes an empty name, ARN or id"),
            Self::TakesAway { step } => write!(f, "step {step} takes something away"),
            Self::Empties { step } => write!(f, "step {step} leaves a resource without a security group or a subnet"),
            Self::StillUsed { step } => write!(f, "step {step} deletes something that is still used"),
            Self::NotMarked { step, group } => {
                write!(f, "step {step} deletes {group}, which is not marked as being removed")
            }
            Self::NoSuchRule { step, group } => write!(f, "step {step} revokes a rule that {group} does not have"),
            Self::CutsTraffic { step, group } => {
                write!(
                    f,
                    "step {step} revokes a rule of {group} that carries the connection's traffic"
                )
            }
        }
    }
}
