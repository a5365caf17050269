//! Carries out what the machine says, against a cloud.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{Instrument, info, info_span, trace};

use super::apply::{Bindings, Settle};
use super::error::{Failure, RunError};
use super::machine::{Event, Machine, Options, Outcome, Proposal, State};
use super::session::{Progress, Session, interrupted};
use crate::cloud::Cloud;
use crate::interrupt::Interrupt;
use crate::model::Observation;
use crate::observe::{ObserveError, Target, observe};
use crate::requirements::{Pending, check_states};
use crate::wait::Pauses;

/// For how long what was read holds while the user thinks.
const FRESH: Duration = Duration::from_secs(10);

/// Whoever stands before the program: asked for consent, and told of the progress.
pub trait Front: Sync {
    /// Asks whether the plan may be carried out.
    ///
    /// # Errors
    ///
    /// [`RunError::Declined`] and [`RunError::ConsentRequired`].
    fn consent(&self, proposal: &Proposal) -> impl Future<Output = Result<(), RunError>> + Send;

    /// Tells how the run goes on.
    fn progress(&self, progress: Progress<'_>);
}

/// Runs `setup` to its end.
///
/// # Errors
///
/// Why it failed, and what it had written by then.
pub async fn run(
    cloud: &impl Cloud,
    target: &Target,
    options: &Options,
    front: &impl Front,
    interrupt: Interrupt,
) -> Result<Outcome, Failure> {
    let show = |progress: Progress<'_>| front.progress(progress);
    let session = Session::new(cloud, interrupt, options.timeout, &show);
    let span = info_span!("setup", database = %target.database, function = %target.function, dry_run = options.dry_run);
    let driven = drive(&session, target, options, front).instrument(span).await;
    driven.map_err(|error| Failure {
        error,
        applied: session.applied(),
    })
}

async fn drive<C: Cloud>(
    session: &Session<'_, C>,
    target: &Target,
    options: &Options,
    front: &impl Front,
) -> Result<Outcome, RunError> {
    let mut machine = Machine::new(options);
    let mut state = State::Observe;
    let mut bindings = Bindings::default();
    let mut rechecks = session.pauses();
    let settle = if options.wait_for_effect {
        Settle::Wait
    } else {
        Settle::Leave
    };
    loop {
        info!(state = state.name(), "transition");
        let event = match &state {
            State::Observe => Event::Observed(Box::new(session.observe(target).await?)),
            State::Verify(..) => Event::Observed(Box::new(session.observe_patiently(target, &mut rechecks).await?)),
            State::AwaitReady(pending) => {
                session.await_ready(target, options, pending).await?;
                Event::Ready
            }
            State::Consent(proposal) => {
                let asked = Instant::now();
                tokio::select! {
                    biased;
                    () = session.interrupt.raised() => return Err(interrupted("before anything was written")),
                    consent = front.consent(proposal) => consent?,
                }
                // The user's time is not the run's.
                session.restart_clock(options.timeout);
                rechecks = session.pauses();
                Event::Consented {
                    look_again: asked.elapsed() > FRESH,
                }
            }
            State::Apply(proposal, index) => {
                let Some(step) = proposal.plan.steps.get(*index) else {
                    return Err(RunError::Flawed(Vec::new()));
                };
                for &side in proposal.observation.sides() {
                    if let Some(id) = proposal.plan.existing(side) {
                        bindings.bind(side, id.clone());
                    }
                }
                front.progress(Progress::Started(step));
                match session.apply(step, &mut bindings, settle).await {
                    Err(RunError::NameTaken { name }) => Event::NameTaken(name),
                    Err(error) => return Err(error),
                    Ok(applied) => {
                        let mut ended = step.clone();
                        ended.status = applied.status;
                        ended.resource.clone_from(&applied.resource);
                        front.progress(Progress::Ended(&ended));
                        Event::Stepped(applied.status, applied.resource)
                    }
                }
            }
            State::Recheck(..) => {
                session
                    .pause(&mut rechecks, "AWS to show what was written", "not shown yet")
                    .await?;
                Event::Ready
            }
            State::Done(outcome) => return Ok(Outcome::clone(outcome)),
        };
        state = machine.step(state, event)?;
    }
}

impl State {
    /// The state's name, for the log.
    fn name(&self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::AwaitReady(_) => "await-ready",
            Self::Consent(_) => "consent",
            Self::Apply(..) => "apply",
            Self::Verify(..) => "verify",
            Self::Recheck(..) => "recheck",
            Self::Done(_) => "done",
        }
    }
}

impl<C: Cloud> Session<'_, C> {
    async fn observe(&self, target: &Target) -> Result<Observation, RunError> {
        let observing = observe(self.cloud, target).instrument(info_span!("observe"));
        let observation = tokio::select! {
            biased;
            () = self.interrupt.raised() => return Err(interrupted("while reading; nothing is lost")),
            observation = observing => observation?,
        };
        trace!(?observation, "observed");
        Ok(observation)
    }

    /// Looks until nothing is pending that a write has to wait for.
    async fn await_ready(&self, target: &Target, options: &Options, pending: &[Pending]) -> Result<(), RunError> {
        let mut pauses = self.pauses();
        let mut pending = pending.to_vec();
        while !pending.is_empty() {
            let waiting_for = pending
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" and ");
            self.pause(&mut pauses, &waiting_for, "not yet").await?;
            let observation = self.observe_patiently(target, &mut pauses).await?;
            pending = check_states(&observation, options.wait_for_database)?;
        }
        Ok(())
    }

    /// Observes; where AWS does not answer now, looks again until the deadline.
    async fn observe_patiently(&self, target: &Target, pauses: &mut Pauses) -> Result<Observation, RunError> {
        loop {
            match self.observe(target).await {
                Err(RunError::Observe(ObserveError::Cloud(error))) if error.is_transient() => {
                    self.pause(pauses, "AWS to answer", &error.fault.to_string()).await?;
                }
                observation => return observation,
            }
        }
    }
}
