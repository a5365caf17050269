//! What `setup` would do for a connection, with `--repair` and without: which of the two is the command to name.

use super::{check_identity, check_quotas, check_repair};
use crate::decide::{Assessment, decide};
use crate::model::Observation;
use crate::plan::{Plan, Request, plan};

/// The plans of `setup`. None where it has nothing to do, or is refused.
#[derive(Debug, Default)]
pub struct Prognosis {
    /// Without `--repair`.
    pub plain: Option<Plan>,
    /// With it.
    pub repair: Option<Plan>,
}

impl Prognosis {
    /// As a run would plan it.
    pub fn of(observation: &Observation) -> Self {
        if check_identity(observation).is_err() {
            return Self::default();
        }
        let assessment = decide(observation);
        Self {
            plain: runnable(&assessment, false),
            repair: runnable(&assessment, true),
        }
    }

    /// Whether the `setup` that leaves the connection as it should be is one with `--repair`: where that makes a difference, so
    /// that no second set is made in addition to groups that can be repaired. None where neither has anything to do.
    pub fn repairs(&self) -> Option<bool> {
        match (&self.plain, &self.repair) {
            (plain, Some(repair)) if plain.as_ref() != Some(repair) => Some(true),
            (Some(_), _) => Some(false),
            (None, _) => None,
        }
    }
}

fn runnable(assessment: &Assessment<'_>, repair: bool) -> Option<Plan> {
    let request = Request {
        repair,
        ..Request::default()
    };
    let plan = plan(assessment, &request);
    let may_repair = !repair || check_repair(assessment.observation).is_ok();
    (!plan.is_empty() && may_repair && check_quotas(assessment, &plan).is_ok()).then_some(plan)
}
