//! A second opinion on a plan: what must never be in one, whatever the decision.

use std::fmt;

use super::{Effect, GroupRef, Made, Plan, StepStatus};
use crate::model::{GroupId, Observation};
use crate::naming::Convention;
use crate::tags;

/// Something that a plan must not contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A step comes before one that it needs.
    OutOfOrder {
        /// The step.
        step: u32,
    },
    /// A step speaks of something that no earlier step creates.
    Unbound {
        /// The step.
        step: u32,
    },
    /// A group is associated before all rules are written.
    TooEarly {
        /// The step.
        step: u32,
    },
    /// A created group's name is not of the convention, or is taken.
    Name {
        /// The step.
        step: u32,
    },
    /// A rule of a group that is not ours would change.
    ForeignGroup {
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
            Self::Unbound { step } => write!(f, "step {step} speaks of something that no earlier step creates"),
            Self::TooEarly { step } => write!(f, "step {step} associates a group before all rules are written"),
            Self::Name { step } => write!(f, "step {step} creates a group with a wrong or taken name"),
            Self::ForeignGroup { step, group } => write!(f, "step {step} changes rules of {group}, which is not ours"),
        }
    }
}

/// Everything that is wrong with the plan; empty for each plan that [`super::plan`] makes.
#[must_use]
pub fn lint(plan: &Plan, observation: &Observation) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    for (index, step) in plan.steps.iter().enumerate() {
        let (earlier, later) = (&plan.steps[..index], &plan.steps[index + 1..]);
        let id = step.id;
        if step
            .after
            .iter()
            .any(|needed| earlier.iter().all(|step| step.id != *needed))
        {
            flaws.push(Flaw::OutOfOrder { step: id });
        }
        let is_created = |group: &GroupRef| match group {
            GroupRef::Existing(_) => true,
            GroupRef::New(side) => earlier.iter().any(
                |step| matches!(&step.effect, Effect::CreateSecurityGroup { side: created, .. } if created == side),
            ),
        };
        if !step.effect.groups().into_iter().all(is_created) {
            flaws.push(Flaw::Unbound { step: id });
        }
        let is_made = |made: &Made| earlier.iter().any(|step| step.effect.makes() == Some(*made));
        if !step.effect.needs().iter().all(is_made) {
            flaws.push(Flaw::Unbound { step: id });
        }
        if step.effect.associates().is_some() && later.iter().any(|step| step.effect.prepares_groups()) {
            flaws.push(Flaw::TooEarly { step: id });
        }
        if step.status != StepStatus::Planned {
            continue;
        }
        match &step.effect {
            Effect::CreateSecurityGroup { name, .. } => {
                let is_known = Convention::ALL
                    .iter()
                    .any(|convention| convention.number(name).is_some());
                let is_taken = observation
                    .groups
                    .iter()
                    .any(|group| group.name.eq_ignore_ascii_case(name));
                if !is_known || is_taken {
                    flaws.push(Flaw::Name { step: id });
                }
            }
            Effect::RevokeDefaultEgress { group } | Effect::Authorize { group, .. } => {
                if let GroupRef::Existing(group) = group
                    && !is_tagged(observation, group)
                {
                    flaws.push(Flaw::ForeignGroup {
                        step: id,
                        group: group.clone(),
                    });
                }
            }
            _ => {}
        }
    }
    flaws
}

fn is_tagged(observation: &Observation, group: &GroupId) -> bool {
    let connection = observation.connection_id();
    observation
        .group(group)
        .is_some_and(|group| group.tags.get(tags::CONNECTION) == Some(&connection))
}
