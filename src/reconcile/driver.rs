//! Carries out what the machine says, against a cloud.

use std::future::Future;
use std::time::Duration;

use secrecy::SecretString;
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
use crate::plan::{Effect, Step};
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

    /// The password of a database user, for a secret that is to be made. Asked for before anything is written.
    ///
    /// # Errors
    ///
    /// [`RunError::NoPassword`] and [`RunError::BadPassword`].
    fn password(&self, user: &str) -> impl Future<Output = Result<SecretString, RunError>> + Send;

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
    let mut driver = Driver {
        session,
        target,
        options,
        front,
        bindings: Bindings::default(),
        pauses: session.pauses(),
        has_waited: false,
    };
    let mut state = State::Observe;
    loop {
        let transition = info_span!("transition", state = state.name());
        transition.in_scope(|| info!("transition"));
        if let State::Done(outcome) = state {
            let applied = session.applied();
            return Ok(Outcome { applied, ..*outcome });
        }
        let event = driver.carry_out(&state).instrument(transition).await?;
        state = machine.step(state, event)?;
    }
}

/// What the effects of a run share.
struct Driver<'a, C, F> {
    session: &'a Session<'a, C>,
    target: &'a Target,
    options: &'a Options,
    front: &'a F,
    bindings: Bindings,
    pauses: Pauses,
    /// A run that has waited goes on waiting where AWS does not answer for a while.
    has_waited: bool,
}

impl<C: Cloud, F: Front> Driver<'_, C, F> {
    /// Does what the state asks for, and tells what came of it.
    async fn carry_out(&mut self, state: &State) -> Result<Event, RunError> {
        let (session, target) = (self.session, self.target);
        match state {
            State::Observe if !self.has_waited => Ok(Event::Observed(Box::new(session.observe(target).await?))),
            State::Observe | State::Verify(..) => {
                let found = session.observe_patiently(target, &mut self.pauses).await?;
                Ok(Event::Observed(Box::new(found)))
            }
            State::AwaitReady(pending) => {
                self.has_waited = true;
                let waiting_for = pending
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" and ");
                session.pause(&mut self.pauses, &waiting_for, "not yet").await?;
                Ok(Event::Ready)
            }
            State::AwaitHealth(_, _, pending) => {
                let waiting_for = pending.to_string();
                session.pause(&mut self.pauses, &waiting_for, "not yet").await?;
                Ok(Event::Ready)
            }
            State::Consent(proposal) => self.ask(proposal).await,
            State::Apply(proposal, index) => match proposal.plan.steps.get(*index) {
                Some(step) => self.apply(step).await,
                None => Err(RunError::Flawed(Vec::new())),
            },
            State::Recheck(..) => {
                let waiting_for = "AWS to show what was written";
                session.pause(&mut self.pauses, waiting_for, "not shown yet").await?;
                Ok(Event::Ready)
            }
            State::Done(_) => Ok(Event::Ready),
        }
    }

    async fn ask(&mut self, proposal: &Proposal) -> Result<Event, RunError> {
        let asked = Instant::now();
        tokio::select! {
            biased;
            () = self.session.interrupt.raised() => return Err(interrupted("before anything was written")),
            consent = self.front.consent(proposal) => consent?,
        }
        self.session.look_ahead(&proposal.plan).await?;
        self.ask_password(proposal).await?;
        // The user's time is not the run's.
        self.session.extend_clock(asked.elapsed());
        self.pauses = self.session.pauses();
        Ok(Event::Consented {
            look_again: asked.elapsed() > FRESH,
        })
    }

    /// Asks for the password that a secret of the plan needs.
    async fn ask_password(&mut self, proposal: &Proposal) -> Result<(), RunError> {
        let user = proposal.plan.steps.iter().find_map(|step| match &step.effect {
            Effect::CreateSecret { user, .. } => Some(user),
            _ => None,
        });
        if let Some(user) = user.filter(|_| self.bindings.password.is_none()) {
            let password = tokio::select! {
                biased;
                () = self.session.interrupt.raised() => return Err(interrupted("before anything was written")),
                password = self.front.password(user) => password?,
            };
            self.bindings.password = Some(password);
        }
        Ok(())
    }

    async fn apply(&mut self, step: &Step) -> Result<Event, RunError> {
        let settle = if self.options.wait_for_effect {
            Settle::Wait
        } else {
            Settle::Leave
        };
        self.front.progress(Progress::Started(step));
        info!(step = step.id, action = step.effect.action(), summary = %step.summary, "step begins");
        match self.session.apply(step, &mut self.bindings, settle).await {
            Err(RunError::NameTaken { name }) => Ok(Event::NameTaken(name)),
            Err(error) => Err(error),
            Ok(applied) => {
                let ended = Step {
                    status: applied.status,
                    resource: applied.resource,
                    ..step.clone()
                };
                self.front.progress(Progress::Ended(&ended));
                info!(step = ended.id, resource = %ended.resource, status = ?ended.status, "step ended");
                Ok(Event::Stepped(ended.status, ended.resource))
            }
        }
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
            Self::AwaitHealth(..) => "await-health",
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
