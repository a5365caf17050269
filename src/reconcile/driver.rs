//! Carries out what the machine says, against a cloud.

use tracing::{Instrument, info, info_span, trace};

use super::error::{Failure, RunError};
use super::executor::{Asked, Executor, Front};
use super::interfaces::interface_warnings;
use super::machine::{Event, Machine, Options, Outcome, RunResult, State};
use super::session::{Progress, Session};
use crate::cloud::{Checked, Cloud, Fault};
use crate::interrupt::Interrupt;
use crate::model::{Direction, GroupId, Observation};
use crate::observe::{Target, observe, observe_around};
use crate::plan::{Effect, GroupRef, Step};

/// Runs `setup` to its end.
///
/// # Errors
///
/// Why it failed, and what it had written by then.
pub async fn run(
    cloud: &dyn Cloud,
    target: &Target,
    options: &Options,
    front: &dyn Front,
    interrupt: Interrupt,
) -> Result<Outcome, Failure> {
    let show = |progress: Progress<'_>| front.progress(progress);
    let cloud = &Checked::new(cloud);
    let session = Session::new(cloud, interrupt, options.timeout, &show);
    let span = info_span!("setup", database = %target.database, function = %target.function, dry_run = options.dry_run);
    // What a run remembers is large, and is kept off the stack.
    let driven = Box::pin(drive(&session, target, options, front)).instrument(span).await;
    driven.map_err(|error| session.failure(error))
}

async fn drive(
    session: &Session<'_>,
    target: &Target,
    options: &Options,
    front: &dyn Front,
) -> Result<Outcome, RunError> {
    let mut machine = Machine::new(options);
    let mut executor = Executor::new(session, front, options);
    let mut state = State::Observe;
    loop {
        let transition = info_span!("transition", state = state.name());
        transition.in_scope(|| info!("transition"));
        if let State::Done(outcome) = state {
            let applied = session.applied();
            return Ok(Outcome { applied, ..*outcome });
        }
        let event = Box::pin(carry_out(&mut executor, target, &state))
            .instrument(transition)
            .await?;
        state = warn(&mut executor, machine.step(state, event)?).await?;
    }
}

/// Adds what the function's role lacks for the steps to what the user should know, before the user is asked. A function that
/// is yet to be attached was judged already.
async fn warn(executor: &mut Executor<'_>, mut state: State) -> Result<State, RunError> {
    let proposal = match &mut state {
        State::Consent(proposal) => &mut **proposal,
        State::Done(outcome) if outcome.dry_run && outcome.result == RunResult::Planned => &mut outcome.proposal,
        _ => return Ok(state),
    };
    let Observation { function, extras, .. } = &proposal.observation;
    if function.exists && extras.attach.is_none() {
        let (plan, known) = (&proposal.plan, proposal.surroundings.as_ref());
        let known = known.map(|surroundings| &surroundings.policies);
        let reading = async |cloud: &dyn Cloud| interface_warnings(cloud, function, known, plan).await;
        let warnings = executor.look(reading).await?;
        proposal.notes.extend(warnings);
    }
    Ok(state)
}

/// Does what the state asks for, and tells what came of it.
async fn carry_out(executor: &mut Executor<'_>, target: &Target, state: &State) -> Result<Event, RunError> {
    match state {
        State::Observe if executor.diagnoses() => {
            let look = async |cloud: &dyn Cloud| observe_around(cloud, target).await;
            let (found, surroundings) = Box::pin(executor.look(look)).await?;
            executor.came_from(found.origin());
            trace!(observation = ?found, ?surroundings, "observed");
            Ok(Event::Observed(Box::new(found), Some(Box::new(surroundings))))
        }
        State::Observe | State::Verify(..) | State::Review(..) => {
            let found = Box::pin(executor.look(async |cloud| observe(cloud, target).await)).await?;
            executor.came_from(found.origin());
            trace!(observation = ?found, "observed");
            Ok(Event::Observed(Box::new(found), None))
        }
        State::AwaitReady(pending, ends) => match executor.wait_for(pending).await {
            Err(RunError::TimedOut { .. }) if ends.is_some() => Ok(Event::TimeUp),
            waited => waited.map(|()| Event::Ready),
        },
        State::AwaitHealth(_, _, pending, _) => match executor.wait_for(&[pending]).await {
            Err(RunError::TimedOut { .. }) => Ok(Event::TimeUp),
            waited => waited.map(|()| Event::Ready),
        },
        State::Survey(outcome) => {
            let surroundings = executor.survey(&outcome.found).await?;
            trace!(?surroundings, "surveyed");
            Ok(Event::Surveyed(Box::new(surroundings)))
        }
        State::Consent(proposal) => Ok(Event::Consented {
            look_again: executor.ask(Asked::Setup(proposal)).await?,
        }),
        State::Apply(proposal, index) => match proposal.plan.steps.get(*index) {
            Some(step) => match executor.apply(step).await {
                Err(RunError::NameTaken { name }) => Ok(Event::NameTaken(name)),
                Err(error) => match full(step, &error) {
                    Some((group, direction)) => Ok(Event::RulesFull(group, direction, Box::new(error))),
                    None => Err(error),
                },
                Ok(ended) => Ok(Event::Stepped {
                    status: ended.status,
                    resource: ended.resource,
                    lists: executor.lists(),
                }),
            },
            None => Err(RunError::Flawed(Vec::new())),
        },
        State::Recheck(..) => {
            executor.pause("AWS to show what was written", "not shown yet").await?;
            Ok(Event::Ready)
        }
        State::Done(_) => Ok(Event::Ready),
    }
}

/// The group that takes no more rules, and which way, if that is why the step failed.
fn full(step: &Step, error: &RunError) -> Option<(GroupId, Direction)> {
    match (&step.effect, error) {
        (
            Effect::Authorize {
                group: GroupRef::Existing(group),
                direction,
                ..
            },
            RunError::Cloud { source, .. },
        ) if matches!(source.fault, Fault::LimitExceeded(_)) => Some((group.clone(), *direction)),
        _ => None,
    }
}

impl State {
    /// The state's name, for the log.
    fn name(&self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::AwaitReady(..) => "await-ready",
            Self::Consent(_) => "consent",
            Self::Apply(..) => "apply",
            Self::Review(..) => "review",
            Self::Verify(..) => "verify",
            Self::Recheck(..) => "recheck",
            Self::AwaitHealth(..) => "await-health",
            Self::Survey(_) => "survey",
            Self::Done(_) => "done",
        }
    }
}
