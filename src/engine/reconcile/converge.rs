//! The driver of every command that writes: it carries out what the machine says, against a cloud.
//!
//! AWS is the only state: each draft is made from what is there, so that a run that died is finished by the next.

use tracing::{Instrument, info, info_span, trace};

use super::error::{Failure, RunError};
use super::executor::{Asked, Executor, Front};
use super::goal::{Converged, End, Ending, Goal, Look, Options};
use super::interfaces::interface_warnings;
use super::machine::{Event, Machine, State};
use super::session::{Progress, Session};
use crate::cloud::{Checked, Cloud, Fault};
use crate::interrupt::Interrupt;
use crate::model::{Direction, GroupId};
use crate::observe::ObserveError;
use crate::plan::{Effect, Ref, Step};

/// Brings about a goal.
///
/// # Errors
///
/// Why it failed, and what it had written by then.
pub async fn converge<G: Goal>(
    cloud: &dyn Cloud,
    goal: &G,
    options: &Options,
    front: &dyn Front,
    interrupt: Interrupt,
) -> Result<Converged<G::Seen>, Failure> {
    let show = |progress: Progress<'_>| front.progress(progress);
    let cloud = &Checked::new(cloud);
    let session = Session::new(cloud, interrupt, options.timeout, &show);
    let span = info_span!("converge", goal = goal.name(), dry_run = options.dry_run);
    // What a run remembers is large, and is kept off the stack.
    let driven = Box::pin(drive(&session, goal, options, front)).instrument(span).await;
    match driven {
        Ok(End {
            draft,
            found,
            ending,
            path,
        }) => Ok(Converged {
            origin: session.origin(),
            draft,
            found,
            applied: session.applied(),
            ending,
            path,
            dry_run: options.dry_run,
        }),
        Err(error) => Err(session.failure(error)),
    }
}

async fn drive<G: Goal>(
    session: &Session<'_>,
    goal: &G,
    options: &Options,
    front: &dyn Front,
) -> Result<End<G::Seen>, RunError> {
    let mut machine = Machine::new(goal, options);
    let mut executor = Executor::new(session, front, options);
    let mut state = State::Observe;
    loop {
        let transition = info_span!("transition", state = state.name());
        transition.in_scope(|| info!("transition"));
        if let State::Done(end) = state {
            return Ok(*end);
        }
        let event = Box::pin(carry_out(&mut executor, goal, &state))
            .instrument(transition)
            .await?;
        state = machine.step(state, event)?;
        if options.reads_role {
            state = warn(&mut executor, goal, state).await?;
        }
    }
}

/// Adds what the function's role lacks for the steps to what the user should know, before the user is asked.
async fn warn<G: Goal>(
    executor: &mut Executor<'_>,
    goal: &G,
    mut state: State<G::Seen>,
) -> Result<State<G::Seen>, RunError> {
    let (draft, seen) = match &mut state {
        State::Consent(drafted) => (&mut drafted.draft, &drafted.seen),
        State::Done(end) if end.ending == Ending::Planned => (&mut end.draft, &end.found),
        _ => return Ok(state),
    };
    if let Some((function, known)) = goal.interfaces_of(seen) {
        let plan = &draft.plan;
        let reading = async |cloud: &dyn Cloud| interface_warnings(cloud, function, known, plan).await;
        let warnings = executor.look(reading).await?;
        draft.notes.extend(warnings);
    }
    Ok(state)
}

/// Does what the state asks for, and says what came of it.
async fn carry_out<G: Goal>(
    executor: &mut Executor<'_>,
    goal: &G,
    state: &State<G::Seen>,
) -> Result<Event<G::Seen>, RunError> {
    match state {
        State::Observe => observed(executor, goal, Look::Draft).await,
        State::Review(..) => observed(executor, goal, Look::Verify).await,
        State::Verify(..) => match observed(executor, goal, Look::Verify).await {
            Err(error @ RunError::Observe(ObserveError::NoSuch { .. })) => Ok(Event::Gone(Box::new(error))),
            observed => observed,
        },
        State::AwaitReady(pending, ends) | State::AwaitEffect(_, _, pending, ends) => {
            match executor.wait_for(pending).await {
                Err(RunError::TimedOut { .. }) if ends.is_some() => Ok(Event::TimeUp),
                waited => waited.map(|()| Event::Ready),
            }
        }
        State::Survey(end) => match goal.surveys(&end.found) {
            Some(observation) => {
                let surroundings = executor.survey(observation).await?;
                trace!(?surroundings, "surveyed");
                Ok(Event::Surveyed(Box::new(surroundings)))
            }
            None => Ok(Event::Ready),
        },
        State::Consent(drafted) => {
            let origin = executor.origin();
            let asked = Asked {
                draft: &drafted.draft,
                origin: &origin,
            };
            Ok(Event::Consented {
                look_again: executor.ask(asked).await?,
            })
        }
        State::Apply(drafted, index) => match drafted.draft.plan.steps.get(*index) {
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

async fn observed<G: Goal>(executor: &mut Executor<'_>, goal: &G, look: Look) -> Result<Event<G::Seen>, RunError> {
    let seen = executor
        .look(async |cloud: &dyn Cloud| goal.observe(cloud, look).await)
        .await?;
    executor.came_from(goal.origin(&seen));
    trace!(?seen, "observed");
    Ok(Event::Observed(seen))
}

/// The group that takes no more rules, and in which direction, if that is why the step failed.
fn full(step: &Step, error: &RunError) -> Option<(GroupId, Direction)> {
    match (&step.effect, error) {
        (
            Effect::AddRule {
                group: Ref::Existing(group),
                direction,
                ..
            },
            RunError::Cloud { source, .. },
        ) if matches!(source.fault, Fault::LimitExceeded(_)) => Some((group.clone(), *direction)),
        _ => None,
    }
}
