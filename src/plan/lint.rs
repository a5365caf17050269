//! A second opinion on a plan: what must never be in one, whatever the decision.

use std::fmt;

use super::{Effect, GroupRef, Made, Plan, RemovalEffect, StepStatus};
use crate::model::{GroupId, Observation};
use crate::naming::Convention;
use crate::ownership::{self, For, Way};
use crate::removal::Removable;

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
    /// Something would be taken off or deleted.
    TakesAway {
        /// The step.
        step: u32,
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
            Self::TakesAway { step } => write!(f, "step {step} takes something away"),
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
                let is_known = Convention::is_any(name);
                let is_taken = observation
                    .groups
                    .iter()
                    .any(|group| group.name.eq_ignore_ascii_case(name));
                if !is_known || is_taken {
                    flaws.push(Flaw::Name { step: id });
                }
            }
            Effect::RevokeDefaultEgress { group } | Effect::Authorize { group, .. } => {
                if let GroupRef::Existing(group) = group {
                    flaws.extend(foreign(observation, id, std::iter::once(group)));
                }
            }
            Effect::Removal(RemovalEffect::Unmark { groups }) => {
                flaws.extend(foreign(observation, id, groups.iter()));
            }
            Effect::Removal(RemovalEffect::Revoke { group, .. }) => {
                // Grants come before revokes: at no time is less let through than before and after.
                if later.iter().any(|step| matches!(step.effect, Effect::Authorize { .. })) {
                    flaws.push(Flaw::OutOfOrder { step: id });
                }
                flaws.extend(foreign(observation, id, std::iter::once(group.id())));
            }
            Effect::Removal(RemovalEffect::TakeBack { groups }) => {
                let is_used = |group: &Removable| {
                    let mut sides = observation.sides().iter();
                    sides.any(|side| observation.groups_on(*side).contains(group.id()))
                        || plan.steps.iter().any(|step| step.effect.speaks_of(group.id()))
                };
                if groups.iter().any(is_used) {
                    flaws.push(Flaw::TakesAway { step: id });
                }
                let is_alone = |group: &Removable| {
                    let known = observation.group(group.id());
                    let mut sides = observation.sides().iter();
                    known.is_some_and(|known| {
                        sides.any(|side| Removable::made_alone(known, *side, observation).is_some())
                    })
                };
                flaws.extend(
                    groups
                        .iter()
                        .filter(|group| !is_alone(group))
                        .map(|group| Flaw::ForeignGroup {
                            step: id,
                            group: group.id().clone(),
                        }),
                );
            }
            // Only `remove` takes anything away, and its plans are not judged here.
            Effect::Removal(_) => flaws.push(Flaw::TakesAway { step: id }),
            _ => {}
        }
    }
    flaws
}

/// The groups of a step that are not ours.
fn foreign<'a>(
    observation: &Observation,
    step: u32,
    groups: impl Iterator<Item = &'a GroupId>,
) -> impl Iterator<Item = Flaw> {
    groups
        .filter(|group| !is_ours(observation, group))
        .map(move |group| Flaw::ForeignGroup {
            step,
            group: group.clone(),
        })
}

fn is_ours(observation: &Observation, group: &GroupId) -> bool {
    let (way, groups) = (Way::of(observation), observation.groups.as_slice());
    observation.group(group).is_some_and(|group| {
        let mut sides = observation.sides().iter();
        sides.any(|side| ownership::judge(group, *side, &way, For::AnyFunction, groups).is_credible())
    })
}
