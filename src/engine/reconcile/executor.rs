//! What every run does, whoever decides: ask, carry out a step, wait, look.

use std::fmt::Display;
use std::time::Duration;

use secrecy::SecretString;
use tokio::time::Instant;
use tracing::{Instrument, info, info_span};

use super::apply::{Bindings, Settle};
use super::error::RunError;
use super::goal::{Draft, Options};
use super::session::{Progress, Session, interrupted};
use crate::cloud::Cloud;
use crate::diagnostics::connection::Surroundings;
use crate::model::{Observation, Origin};
use crate::observe::{ObserveError, surroundings};
use crate::plan::{Effect, Plan, Step, StepStatus};
use crate::restore::Lists;
use crate::wait::Pauses;

/// For how long what was read holds while the user thinks.
const FRESH: Duration = Duration::from_secs(10);

/// For how long the last look at the path may take where the run's time is up.
const LAST_LOOK: Duration = Duration::from_secs(10);

/// What the user is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// What would be carried out.
    pub draft: &'a Draft,
    /// Where it would be carried out.
    pub origin: &'a Origin,
}

/// Whoever stands before the program: asked for consent, and told of the progress.
#[async_trait::async_trait]
pub trait Front: Sync {
    /// Asks whether the plan may be carried out.
    ///
    /// # Errors
    ///
    /// [`RunError::Declined`] and [`RunError::ConsentRequired`].
    async fn consent(&self, asked: Asked<'_>) -> Result<(), RunError>;

    /// The password of a database user, for a secret that is to be made. Asked for before anything is written.
    ///
    /// # Errors
    ///
    /// [`RunError::NoPassword`] and [`RunError::BadPassword`].
    async fn password(&self, user: &str) -> Result<SecretString, RunError>;

    /// Tells how the run goes on.
    fn progress(&self, progress: Progress<'_>);
}

/// The effects of one run, and what they share.
pub(super) struct Executor<'a> {
    session: &'a Session<'a>,
    front: &'a dyn Front,
    settle: Settle,
    bindings: Bindings,
    pauses: Pauses,
    /// A run that has waited goes on waiting where AWS does not answer for a while.
    has_waited: bool,
}

impl<'a> Executor<'a> {
    pub(super) fn new(session: &'a Session<'a>, front: &'a dyn Front, options: &Options) -> Self {
        Self {
            session,
            front,
            settle: if options.wait_for_effect {
                Settle::Wait
            } else {
                Settle::Leave
            },
            bindings: Bindings::default(),
            pauses: session.pauses(),
            has_waited: false,
        }
    }

    /// Reads what is around a connection that was set up. A run whose time is up takes a little longer for it.
    pub(super) async fn survey(&self, found: &Observation) -> Result<Surroundings, RunError> {
        let until = self.session.deadline().max(Instant::now() + LAST_LOOK);
        let reading = surroundings(self.session.cloud, found).instrument(info_span!("survey"));
        tokio::select! {
            biased;
            () = self.session.interrupt.raised() => Err(interrupted("after everything was written, while the path was checked")),
            read = tokio::time::timeout_at(until, reading) => Ok(read.unwrap_or_else(|_| Surroundings::unread("the timeout was reached"))),
        }
    }

    /// Reads what the run is about. The first look of a run tells at once that AWS does not answer.
    pub(super) async fn look<T>(
        &mut self,
        observe: impl AsyncFn(&dyn Cloud) -> Result<T, ObserveError>,
    ) -> Result<T, RunError> {
        loop {
            let observing = observe(self.session.cloud).instrument(info_span!("observe"));
            let observed = tokio::select! {
                biased;
                () = self.session.interrupt.raised() => return Err(interrupted("while reading; nothing is lost")),
                observed = self.session.in_time(observing) => observed?,
            };
            match observed {
                Err(ObserveError::Cloud(error)) if error.is_transient() && self.has_waited => {
                    self.pause("AWS to answer", &error.fault.to_string()).await?;
                }
                observed => return Ok(observed?),
            }
        }
    }

    /// Notes the account and Region that an answer came from.
    pub(super) fn came_from(&self, origin: Origin) {
        self.session.came_from(origin);
    }

    /// The account and Region of the run, as far as they are known.
    pub(super) fn origin(&self) -> Origin {
        self.session.origin()
    }

    /// Pauses once; an error at the deadline, or when the user ends the run.
    pub(super) async fn pause(&mut self, waiting_for: &str, state: &str) -> Result<(), RunError> {
        self.has_waited = true;
        self.session.pause(&mut self.pauses, waiting_for, state).await
    }

    /// Pauses once, for what ends by itself.
    pub(super) async fn wait_for(&mut self, pending: &[impl Display]) -> Result<(), RunError> {
        let waiting_for: Vec<String> = pending.iter().map(ToString::to_string).collect();
        self.pause(&waiting_for.join(" and "), "not yet").await
    }

    /// Asks the user. Whether that took so long that what was read may no longer hold.
    pub(super) async fn ask(&mut self, asked: Asked<'_>) -> Result<bool, RunError> {
        let since = Instant::now();
        tokio::select! {
            biased;
            () = self.session.interrupt.raised() => return Err(interrupted(self.asking())),
            consent = self.front.consent(asked) => consent?,
        }
        self.ask_password(&asked.draft.plan).await?;
        // The user's time is not the run's.
        self.session.extend_clock(since.elapsed());
        self.pauses = self.session.pauses();
        Ok(since.elapsed() > FRESH)
    }

    /// Where a run ends that is interrupted while it asks: it may ask again after its first writes.
    fn asking(&self) -> &'static str {
        if self.session.applied().is_empty() {
            "before anything was written"
        } else {
            "while it asked whether to go on"
        }
    }

    /// Asks for the password that a secret of the plan needs.
    async fn ask_password(&mut self, plan: &Plan) -> Result<(), RunError> {
        let mut planned = plan.steps.iter().filter(|step| step.status == StepStatus::Planned);
        let user = planned.find_map(|step| match &step.effect {
            Effect::CreateSecret { user, .. } => Some(user),
            _ => None,
        });
        if let Some(user) = user.filter(|_| self.bindings.password.is_none()) {
            let password = tokio::select! {
                biased;
                () = self.session.interrupt.raised() => return Err(interrupted(self.asking())),
                password = self.front.password(user) => password?,
            };
            self.bindings.password = Some(password);
        }
        Ok(())
    }

    /// What the steps have read of the lists of groups so far.
    pub(super) fn lists(&self) -> Lists {
        self.session.lists()
    }

    /// Carries out one step, and gives it back as it ended.
    pub(super) async fn apply(&mut self, step: &Step) -> Result<Step, RunError> {
        // What was written takes effect whether AWS answers the next look or not.
        self.has_waited = true;
        self.front.progress(Progress::Started(step));
        info!(step = step.id, action = step.effect.action(), summary = %step.summary, "step begins");
        let applied = self.session.apply(step, &self.bindings, self.settle).await?;
        if step.effect.creates() {
            self.bindings.bind(step.id, &applied.resource);
        }
        let ended = Step {
            status: applied.status,
            resource: applied.resource,
            ..step.clone()
        };
        self.front.progress(Progress::Ended(&ended));
        info!(step = ended.id, resource = %ended.resource, status = ?ended.status, "step ended");
        Ok(ended)
    }
}
