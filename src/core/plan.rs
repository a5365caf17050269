//! The plan: an ordered list of writes as data, which leaves nothing to choose while applying.
//!
//! Source: docs/decision.md, "The order of writes". The text, the JSON document and the executor read this one list. What
//! does not exist yet is referred to by the number of the step that creates it: [`Ref::Step`].

mod basis;
mod build;
mod explain;
mod half_made;
mod kind;
mod lint;
pub mod network;
mod provide;
mod record;
pub mod removal;
pub mod repair;
mod step;
mod steps;
mod vpc;

pub use basis::{Basis, Named};
pub use build::{Request, do_again, plan, put_back, take_back};
pub use explain::{health, reasons};
pub use half_made::{Begun, begun_sets};
pub use kind::RepairKind;
pub use lint::{Flaw, Ground, May, Right, lint};
pub use network::NetworkEffect;
pub use record::{Created, Recorded, differences, record, still_on};
pub use removal::RemovalEffect;
pub use step::{Effect, FunctionPlan, Grant, Made, PROXY_COST, ProxyAuth, ProxyPlan, Step, StepStatus};
pub use steps::{Ref, Steps, tags_at_birth};
pub use vpc::{AttachPlan, VpcEffect};

use crate::model::{GroupId, Observation, Side};
use crate::tags;

/// The steps of one run, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The steps; none for a no-op.
    pub steps: Vec<Step>,
    /// The number of the set that is created, if one is.
    pub number: Option<u64>,
}

impl Plan {
    /// How many steps are still to be done.
    pub fn pending(&self) -> usize {
        self.steps
            .iter()
            .filter(|step| step.status == StepStatus::Planned)
            .count()
    }

    /// Whether nothing has to be written.
    pub fn is_empty(&self) -> bool {
        self.pending() == 0
    }

    /// Whether a group is added to the list of this side's resource.
    pub fn adds_to(&self, side: Side) -> bool {
        self.steps
            .iter()
            .any(|step| step.status == StepStatus::Planned && step.effect.associates() == Some(side))
    }

    /// The other function whose run has started the set of this plan.
    pub fn begun_for<'p>(&'p self, observation: &Observation) -> Option<&'p str> {
        let mut effects = self.steps.iter().map(|step| &step.effect);
        let function = effects.find_map(|effect| match effect {
            Effect::CreateSecurityGroup { tags, .. } => observation.function_of(tags.get(tags::CONNECTION)?),
            _ => None,
        })?;
        (function != observation.function.name).then_some(function)
    }

    /// Whether a group or a rule of its set is still missing.
    pub fn prepares_groups(&self) -> bool {
        let mut planned = self.steps.iter().filter(|step| step.status == StepStatus::Planned);
        planned.any(|step| step.effect.prepares_groups())
    }

    /// Whether rules of existing groups are restored.
    pub fn sets_back(&self) -> bool {
        let mut effects = self.steps.iter().map(|step| &step.effect);
        effects.any(|effect| matches!(effect, Effect::Removal(RemovalEffect::Revoke { .. })))
    }

    /// Leaves everything for the next run.
    pub fn skip(&mut self) {
        for step in self.steps.iter_mut().filter(|step| step.status == StepStatus::Planned) {
            step.status = StepStatus::Skipped;
        }
    }

    /// Whether a step that is needed could not be done yet, and was left for the next run. What a run would only delete of
    /// its own is not needed.
    pub fn has_skipped(&self) -> bool {
        let mut skipped = self.steps.iter().filter(|step| step.status == StepStatus::Skipped);
        skipped.any(|step| !step.effect.takes_back())
    }

    /// Whether this run has replaced the list of groups of this side's resource.
    pub fn has_written_to(&self, side: Side) -> bool {
        let written = |step: &Step| match &step.effect {
            Effect::Removal(RemovalEffect::OffDatabase { .. }) => Some(Side::Database),
            Effect::Removal(RemovalEffect::OffProxy { .. }) => Some(Side::Proxy),
            effect if effect.creates() => None,
            effect => effect.associates(),
        };
        let mut done = self.steps.iter().filter(|step| step.status == StepStatus::Done);
        done.any(|step| written(step) == Some(side))
    }

    /// The group of the set on this side that exists already, from an earlier run.
    pub fn existing(&self, side: Side) -> Option<&GroupId> {
        self.steps.iter().find_map(|step| match &step.effect {
            Effect::CreateSecurityGroup {
                side: created,
                existing,
                ..
            } if *created == Some(side) => existing.as_ref(),
            _ => None,
        })
    }
}
