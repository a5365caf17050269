//! The driver of every command that writes, but `setup`: observe → draft → wait → consent → apply → verify.
//!
//! A command is a [`Goal`]: what it reads, and, purely, what is still to be done. As with `setup`, AWS is the only
//! state: each draft is made from what is there, so that a run that died is finished by the next.

use std::future::Future;

use tracing::{Instrument, info, info_span, trace};

use super::error::{Applied, Failure, RunError};
use super::executor::{Asked, Executor, Front};
use super::interfaces::interface_warnings;
use super::machine::{Options, REPLANS};
use super::session::{Progress, Session};
use crate::cloud::{Checked, Cloud};
use crate::interrupt::Interrupt;
use crate::model::{Function, Origin};
use crate::observe::ObserveError;
use crate::plan::{Ground, Plan, Step, StepStatus, lint};
use crate::policy::PolicyDocument;
use crate::requirements::Pending;
use crate::restore::Lists;

/// How often a stale answer is allowed for when the result is verified.
const VERIFICATIONS: u32 = 5;

/// How often groups of other connections are put back, where writers go on overwriting each other.
const RESTORES: u32 = 5;

/// What a run brings about.
pub trait Goal: Sync {
    /// What is read for it.
    type Seen: Send + Sync;

    /// The command, for the log.
    fn name(&self) -> &'static str;

    /// Reads what the draft is made from.
    ///
    /// # Errors
    ///
    /// A resource does not exist, or a call fails.
    fn observe(&self, cloud: &dyn Cloud) -> impl Future<Output = Result<Self::Seen, ObserveError>> + Send;

    /// The account and Region that this was read from.
    fn origin(&self, seen: &Self::Seen) -> Origin;

    /// What is still to be done. Pure. Without planned steps the goal is reached.
    ///
    /// # Errors
    ///
    /// A requirement does not hold: nothing is written.
    fn draft(&self, seen: &Self::Seen) -> Result<Draft, RunError>;

    /// What a plan is checked against: the groups that were read, whose they are, and what the command may do. Pure.
    fn ground<'s>(&self, seen: &'s Self::Seen) -> Ground<'s>;

    /// The least that the caller needs for a run with this plan, and for the one that finishes it. Pure.
    fn policy(&self, seen: &Self::Seen, plan: &Plan) -> PolicyDocument;

    /// The function whose network interfaces the steps change, where its role is not judged by the draft itself. Pure.
    fn interfaces_of<'s>(&self, _seen: &'s Self::Seen) -> Option<&'s Function> {
        None
    }

    /// What is seen once nothing is left that the names of the run could be told by: the run has taken the last of it away.
    /// None where that is an error. Pure.
    fn vanished(&self, _before: &Self::Seen, _applied: &Plan) -> Option<Self::Seen> {
        None
    }

    /// Notes the lists of groups that were read, where the goal writes such lists. Pure.
    fn note_lists(&self, _seen: &Self::Seen, _lists: &mut Lists) {}

    /// The steps that put back what was on the lists that the steps of `applied` have written, and is gone. Pure.
    fn put_back(&self, _seen: &Self::Seen, _applied: &Plan, _lists: &Lists) -> Vec<Step> {
        Vec::new()
    }
}

/// What is still to be done for a goal, before the user is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// What it is about and what was found: lines for people, the first one being the title.
    pub heading: Vec<String>,
    /// The decision as scripts read it, such as `disconnect` or `no-op`.
    pub decision: &'static str,
    /// The decision in words.
    pub meaning: &'static str,
    /// Why, one sentence each.
    pub reasons: Vec<String>,
    /// What else the user should know.
    pub notes: Vec<String>,
    /// What has to end before the first write.
    pub pending: Vec<Pending>,
    /// The steps, with how far they are.
    pub plan: Plan,
}

impl Draft {
    /// Tells what a run that ends here does not wait for.
    fn tell_waits(&mut self, dry_run: bool) {
        let told = if dry_run && !self.plan.is_empty() {
            "An applied run waits for"
        } else {
            "Not waited for:"
        };
        let waits = self.pending.iter().map(|pending| format!("{told} {pending}."));
        self.notes.extend(waits);
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Changes are pending: a dry run, or one that was not to wait.
    Planned,
    /// The plan was applied, and nothing is left to be done.
    Reached,
    /// There was nothing to do.
    Unchanged,
}

/// The end of a run that did not fail.
#[derive(Clone, Debug)]
pub struct Converged<S> {
    /// The account and Region.
    pub origin: Origin,
    /// What was to be done, with how far each step came.
    pub draft: Draft,
    /// The numbers of the steps that were added after the draft was shown, against what other writers have done.
    pub added: Vec<u32>,
    /// What was observed last.
    pub found: S,
    /// What was written, in order.
    pub applied: Vec<Applied>,
    /// How it ended.
    pub ending: Ending,
    /// Whether it was a dry run.
    pub dry_run: bool,
}

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
    let mut run = Run {
        goal,
        options,
        executor: Executor::new(&session, front, options),
        approved: None,
        lists: Lists::default(),
        added: Vec::new(),
    };
    let span = info_span!("converge", goal = goal.name(), dry_run = options.dry_run);
    // What a run remembers is large, and is kept off the stack.
    let driven = Box::pin(run.drive()).instrument(span).await;
    match driven {
        Ok((draft, found, ending)) => Ok(Converged {
            origin: session.origin(),
            added: run.added,
            draft,
            found,
            applied: session.applied(),
            ending,
            dry_run: options.dry_run,
        }),
        Err(error) => Err(session.failure(error)),
    }
}

/// What comes after a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Look again once nothing is pending any more.
    Wait,
    /// Ask the user.
    Ask,
    /// Carry the plan out.
    Apply,
    /// Nothing more.
    End(Ending),
}

/// Decides what comes after a draft. Only exactly what was approved is carried out without asking.
fn next(draft: &Draft, options: &Options, approved: Option<&Plan>) -> Next {
    let is_reached = draft.plan.is_empty();
    let waits = !options.dry_run && !draft.pending.is_empty();
    match (waits, is_reached) {
        (true, true) if options.wait_for_effect => Next::Wait,
        (true, false) => Next::Wait,
        (_, true) => Next::End(Ending::Unchanged),
        (false, false) if options.dry_run => Next::End(Ending::Planned),
        (false, false) if approved == Some(&draft.plan) => Next::Apply,
        (false, false) => Next::Ask,
    }
}

struct Run<'a, G> {
    goal: &'a G,
    options: &'a Options,
    executor: Executor<'a>,
    /// What the user has agreed to.
    approved: Option<Plan>,
    /// What this run has seen on the lists that it writes.
    lists: Lists,
    /// The steps that were added after the draft was shown.
    added: Vec<u32>,
}

impl<G: Goal> Run<'_, G> {
    async fn drive(&mut self) -> Result<(Draft, G::Seen, Ending), RunError> {
        let mut redrafts = 0;
        loop {
            let (mut draft, seen) = self.look().await?;
            let next = next(&draft, self.options, self.approved.as_ref());
            info!(decision = draft.decision, ?next, "drafted");
            self.check(&draft.plan, &seen)?;
            if matches!(next, Next::Ask | Next::End(Ending::Planned)) {
                self.warn(&mut draft, &seen).await?;
            }
            match next {
                Next::Wait => {
                    self.executor.wait_for(&draft.pending).await?;
                    continue;
                }
                Next::End(ending) => {
                    draft.tell_waits(self.options.dry_run);
                    return Ok((draft, seen, ending));
                }
                Next::Ask => {
                    if self.executor.ask(Asked::Draft(&draft, &self.executor.origin())).await? {
                        self.approved = Some(draft.plan);
                        continue;
                    }
                }
                Next::Apply => {}
            }
            match self.apply(&mut draft.plan, &seen).await {
                Err(RunError::NameTaken { .. }) if redrafts < REPLANS => redrafts += 1,
                applied => {
                    applied?;
                    return self.verify(draft, seen).await;
                }
            }
        }
    }

    async fn look(&mut self) -> Result<(Draft, G::Seen), RunError> {
        let goal = self.goal;
        let seen = self
            .executor
            .look(async |cloud: &dyn Cloud| goal.observe(cloud).await)
            .await?;
        self.executor.came_from(goal.origin(&seen));
        goal.note_lists(&seen, &mut self.lists);
        let draft = goal.draft(&seen)?;
        trace!(?draft, "observed");
        Ok((draft, seen))
    }

    /// Adds what the function's role lacks for the steps to what the user should know.
    async fn warn(&mut self, draft: &mut Draft, seen: &G::Seen) -> Result<(), RunError> {
        let Some(function) = self.goal.interfaces_of(seen) else {
            return Ok(());
        };
        let plan = &draft.plan;
        let reading = async |cloud: &dyn Cloud| interface_warnings(cloud, function, None, plan).await;
        let warnings = self.executor.look(reading).await?;
        draft.notes.extend(warnings);
        Ok(())
    }

    /// Refuses a plan with a flaw.
    fn check(&self, plan: &Plan, seen: &G::Seen) -> Result<(), RunError> {
        let flaws = lint(plan, &self.goal.ground(seen));
        if flaws.is_empty() {
            Ok(())
        } else {
            Err(RunError::Flawed(flaws))
        }
    }

    async fn apply(&mut self, plan: &mut Plan, seen: &G::Seen) -> Result<(), RunError> {
        self.check(plan, seen)?;
        for index in 0..plan.steps.len() {
            let step = &plan.steps[index];
            if step.status != StepStatus::Planned {
                continue;
            }
            let ended = if follows_skipped(step, plan) {
                Step {
                    status: StepStatus::Skipped,
                    ..step.clone()
                }
            } else {
                self.executor.apply(step).await?
            };
            plan.steps[index] = ended;
        }
        Ok(())
    }

    /// Looks whether the goal is reached. What is read may be from before the last write.
    async fn verify(&mut self, mut draft: Draft, before: G::Seen) -> Result<(Draft, G::Seen, Ending), RunError> {
        let (mut looks, mut restores) = (0, 0);
        loop {
            let (left, seen) = match self.look().await {
                Err(error @ RunError::Observe(ObserveError::NoSuch { .. })) => {
                    let seen = self.goal.vanished(&before, &draft.plan).ok_or(error)?;
                    (self.goal.draft(&seen)?, seen)
                }
                look => look?,
            };
            self.lists.merge(&self.executor.lists());
            let lost = self.goal.put_back(&seen, &draft.plan, &self.lists);
            if !lost.is_empty() && restores < RESTORES {
                restores += 1;
                self.added.extend(lost.iter().map(|step| step.id));
                draft.plan.steps.extend(lost);
                self.apply(&mut draft.plan, &seen).await?;
                continue;
            }
            if draft.plan.has_skipped() {
                let note =
                    "Not waited for: a step was skipped, since its resource is not ready yet. Run again to finish.";
                draft.notes.push(note.to_owned());
                return Ok((draft, seen, Ending::Planned));
            }
            looks += 1;
            match next(&left, self.options, None) {
                Next::End(_) => {
                    if !self.options.wait_for_effect {
                        let note = "Not waited for: the changes were accepted, and may still be taking effect.";
                        draft.notes.push(note.to_owned());
                    }
                    return Ok((draft, seen, Ending::Reached));
                }
                Next::Wait if left.plan.is_empty() => self.executor.wait_for(&left.pending).await?,
                _ if looks < VERIFICATIONS => {
                    self.executor
                        .pause("AWS to show what was written", "not shown yet")
                        .await?;
                }
                _ => {
                    return Err(RunError::NotVerified {
                        decision: left.decision.to_owned(),
                        reasons: left.reasons,
                    });
                }
            }
        }
    }
}

/// Whether a step that this one needs was left for the next run.
fn follows_skipped(step: &Step, plan: &Plan) -> bool {
    let needed = plan.steps.iter().filter(|other| step.after.contains(&other.id));
    needed.into_iter().any(|other| other.status == StepStatus::Skipped)
}
