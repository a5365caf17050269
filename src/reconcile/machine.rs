//! The states and transitions of a run. No effect happens here.

use super::error::RunError;
use crate::decide::{Assessment, Decision, decide};
use crate::model::Observation;
use crate::plan::{Plan, Request, Step, StepStatus, lint, plan, reasons};
use crate::requirements::{Pending, check_identity, check_quotas, check_states, notes};

/// How often the decision is made anew where a name was taken between plan and creation.
const REPLANS: u32 = 3;

/// How often a stale answer is allowed for when the result is verified.
const VERIFICATIONS: u32 = 5;

/// What is to be done, before the user is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// What was observed.
    pub observation: Observation,
    /// The decision.
    pub decision: Decision,
    /// The steps, with how far they are.
    pub plan: Plan,
    /// Why, one sentence each.
    pub reasons: Vec<String>,
    /// What else the user should know.
    pub notes: Vec<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunResult {
    /// A dry run with changes pending.
    Planned,
    /// The plan was applied, and the decision is now no-op.
    Connected,
    /// There was nothing to do.
    Unchanged,
}

/// The end of a run that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What was decided and done.
    pub proposal: Proposal,
    /// What was observed last.
    pub found: Observation,
    /// How it ended.
    pub result: RunResult,
    /// Whether it was a dry run.
    pub dry_run: bool,
}

/// Where a run stands: what is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Read the connection.
    Observe,
    /// Wait until nothing of this is pending, then read again.
    AwaitReady(Vec<Pending>),
    /// Ask the user.
    Consent(Box<Proposal>),
    /// Carry out the step at this index of the plan.
    Apply(Box<Proposal>, usize),
    /// Read the connection again, for the n-th time after the last step.
    Verify(Box<Proposal>, u32),
    /// Look again a little later, since what was read may be stale.
    Recheck(Box<Proposal>, u32),
    /// The end.
    Done(Box<Outcome>),
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The connection was read.
    Observed(Box<Observation>),
    /// Nothing is pending any more, or a pause is over.
    Ready,
    /// The user agreed.
    Consented,
    /// The step ended so, and changed this.
    Stepped(StepStatus, String),
    /// The name of a group was taken by somebody else before anything was associated.
    NameTaken(String),
}

/// The state machine of one run.
#[derive(Clone, Debug)]
pub struct Machine {
    request: Request,
    dry_run: bool,
    wait_for_database: bool,
    consented: bool,
    replans: u32,
}

impl Machine {
    /// A run that has not begun.
    #[must_use]
    pub fn new(request: Request, dry_run: bool, wait_for_database: bool) -> Self {
        Self {
            request,
            dry_run,
            wait_for_database,
            consented: false,
            replans: 0,
        }
    }

    /// The state after `event`.
    ///
    /// # Errors
    ///
    /// A requirement does not hold, or the result could not be verified.
    pub fn step(&mut self, state: State, event: Event) -> Result<State, RunError> {
        match (state, event) {
            (State::Observe, Event::Observed(observation)) => self.propose(*observation),
            (State::AwaitReady(_), Event::Ready) => Ok(State::Observe),
            (State::Consent(proposal), Event::Consented) => {
                self.consented = true;
                Ok(next_step(proposal, 0))
            }
            (State::Apply(_, _), Event::NameTaken(name)) => {
                self.replans += 1;
                if self.replans > REPLANS {
                    return Err(RunError::NameTaken { name });
                }
                Ok(State::Observe)
            }
            (State::Apply(mut proposal, index), Event::Stepped(status, resource)) => {
                if let Some(step) = proposal.plan.steps.get_mut(index) {
                    step.status = status;
                    step.resource = resource;
                }
                Ok(next_step(proposal, index + 1))
            }
            (State::Verify(proposal, looks), Event::Observed(found)) => verify(proposal, looks, *found),
            (State::Recheck(proposal, looks), Event::Ready) => Ok(State::Verify(proposal, looks)),
            // The driver answers each state with its own event, or ends the run.
            (state, _) => Ok(state),
        }
    }

    fn propose(&self, observation: Observation) -> Result<State, RunError> {
        check_identity(&observation)?;
        let assessment = decide(&observation);
        let plan = plan(&assessment, &self.request);
        let flaws = lint(&plan, &observation);
        if !flaws.is_empty() {
            return Err(RunError::Flawed(flaws));
        }
        let mut notes = notes(&assessment);
        if assessment.decision != Decision::NoOp {
            let pending = check_states(&observation, self.wait_for_database)?;
            check_quotas(&assessment, &plan)?;
            if !pending.is_empty() && !self.dry_run {
                return Ok(State::AwaitReady(pending));
            }
            notes.extend(
                pending
                    .iter()
                    .map(|pending| format!("An applied run waits for {pending}.")),
            );
        }
        let Assessment { decision, .. } = &assessment;
        let proposal = Box::new(Proposal {
            decision: decision.clone(),
            reasons: reasons(&assessment, &plan),
            notes,
            plan,
            observation,
        });
        if proposal.decision == Decision::NoOp || self.dry_run {
            let result = match proposal.decision {
                Decision::NoOp => RunResult::Unchanged,
                _ => RunResult::Planned,
            };
            return Ok(State::Done(Box::new(Outcome {
                found: proposal.observation.clone(),
                proposal: *proposal,
                result,
                dry_run: self.dry_run,
            })));
        }
        // Consent to one number of a set is consent to another.
        if self.consented {
            return Ok(next_step(proposal, 0));
        }
        Ok(State::Consent(proposal))
    }
}

/// The next step that is still to be done, else verification.
fn next_step(proposal: Box<Proposal>, from: usize) -> State {
    let is_planned = |step: &Step| step.status == StepStatus::Planned;
    match proposal.plan.steps.iter().skip(from).position(is_planned) {
        Some(offset) => State::Apply(proposal, from + offset),
        None => State::Verify(proposal, 1),
    }
}

fn verify(proposal: Box<Proposal>, looks: u32, found: Observation) -> Result<State, RunError> {
    let assessment = decide(&found);
    if assessment.decision == Decision::NoOp {
        return Ok(State::Done(Box::new(Outcome {
            proposal: *proposal,
            found,
            result: RunResult::Connected,
            dry_run: false,
        })));
    }
    if looks < VERIFICATIONS {
        return Ok(State::Recheck(proposal, looks + 1));
    }
    Err(RunError::NotVerified {
        decision: assessment.decision.to_string(),
        reasons: reasons(&assessment, &Plan::default()),
    })
}
