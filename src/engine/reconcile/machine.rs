//! The states and transitions of a run, whatever its goal is. No effect happens here.
//!
//! observe → draft → await → consent → apply → verify → restore → done. Before a set of groups of its own is put into use, a
//! run reviews whether another run was faster.

use std::collections::BTreeMap;

use super::error::RunError;
use super::goal::{Draft, End, Ending, Goal, Left, Looks, Memory, Options, Settling};
use crate::diagnostics::connection::Surroundings;
use crate::handover;
use crate::model::{Direction, GroupId};
use crate::plan::{Effect, Plan, RemovalEffect, Step, StepStatus, lint, record};
use crate::preconditions::{Pending, Unmet};
use crate::restore::Lists;

/// How often the draft is made anew where a name was taken between plan and creation. Each time another run has come
/// further, so that there are no more of them than runs at the same time.
const REPLANS: u32 = 50;

/// How often steps are added against what other writers have done, where they go on overwriting each other.
const RESTORES: u32 = 5;

/// How often a stale answer is allowed for when the result is verified.
const VERIFICATIONS: u32 = 5;

/// A draft with what it was made from.
#[derive(Clone, Debug)]
pub struct Drafted<S> {
    /// The draft, whose steps know how far they are.
    pub draft: Draft,
    /// What was seen.
    pub seen: S,
}

/// Where a run stands: what is to be done next.
#[derive(Clone, Debug)]
pub enum State<S> {
    /// Read what the draft is made from.
    Observe,
    /// Wait until nothing of this is pending, then read again. If the time is up before, the run may end so.
    AwaitReady(Vec<Pending>, Option<Box<End<S>>>),
    /// Ask the user.
    Consent(Box<Drafted<S>>),
    /// Carry out the step at this index of the plan.
    Apply(Box<Drafted<S>>, usize),
    /// Read again before the step at this index, which is the first to associate a group of the set that this run has made:
    /// meanwhile another run may have completed one with a lower number.
    Review(Box<Drafted<S>>, usize),
    /// Read again after the last step.
    Verify(Box<Drafted<S>>, Looks),
    /// Look again a little later, since what was read may be stale.
    Recheck(Box<Drafted<S>>, Looks),
    /// Look a little later whether this has taken effect. If the time is up before, the run may end so.
    AwaitEffect(Box<Drafted<S>>, Looks, Vec<Pending>, Option<Box<End<S>>>),
    /// Read what is around the connection, to know whether its path is open.
    Survey(Box<End<S>>),
    /// The end.
    Done(Box<End<S>>),
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event<S> {
    /// The goal was read.
    Observed(S),
    /// What the run goes by does not exist any more, as this error says.
    Gone(Box<RunError>),
    /// What is around the connection was read.
    Surveyed(Box<Surroundings>),
    /// The run may wait no longer.
    TimeUp,
    /// Nothing is pending any more, or a pause is over.
    Ready,
    /// The user agreed: at once, or after so long that what was read may no longer hold.
    Consented {
        /// Whether to look again first.
        look_again: bool,
    },
    /// A step has ended.
    Stepped {
        /// How.
        status: StepStatus,
        /// What it changed.
        resource: String,
        /// What the steps have read of the lists of groups so far.
        lists: Lists,
    },
    /// The name of a group was taken by another writer before anything was associated.
    NameTaken(String),
    /// A group takes no more rules in this direction, as this error says.
    RulesFull(GroupId, Direction, Box<RunError>),
}

/// The state machine of one run.
pub struct Machine<'g, G> {
    goal: &'g G,
    options: &'g Options,
    memory: Memory,
    approved: Option<Approved>,
    replans: u32,
    restores: u32,
    /// The number of the set that was compared with those of other runs before it is associated.
    reviewed: Option<u64>,
}

/// What the user agreed to.
#[derive(Clone, Debug)]
struct Approved {
    decision: &'static str,
    plan: Plan,
    /// To what else.
    extent: Extent,
}

/// How far an approval reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// To exactly this plan.
    Exactly,
    /// To the same decision with another number of the set.
    AnyNumber,
    /// To the same steps in another order.
    AnyOrder,
}

impl Approved {
    /// Whether the user has agreed to this too. With another set, it may do less than was agreed to, but nothing else.
    fn covers(&self, draft: &Draft) -> bool {
        let (agreed, plan) = (&self.plan, &draft.plan);
        match self.extent {
            Extent::Exactly => return agreed == plan,
            Extent::AnyOrder => {
                let agreed: Vec<Effect> = planned_effects(agreed).collect();
                return planned_effects(plan).all(|effect| agreed.contains(&effect));
            }
            Extent::AnyNumber => {}
        }
        // Sharing a set that another run has made is less than making one.
        let is_less = (self.decision, draft.decision) == ("create-new", "associate-existing");
        let planned = |plan: &Plan| {
            let mut actions = BTreeMap::new();
            // What this run has made, and nothing uses, it may delete unasked.
            let is_asked_for = |step: &&Step| !step.status.is_there() && !step.effect.takes_back();
            let steps = plan.steps.iter().filter(is_asked_for);
            for step in steps {
                *actions.entry(step.effect.action()).or_insert(0) += 1;
            }
            actions
        };
        let agreed = planned(agreed);
        (self.decision == draft.decision || is_less)
            && planned(plan)
                .iter()
                .all(|(action, count)| agreed.get(action) >= Some(count))
    }
}

/// A state, or why the run ends.
type Next<S> = Result<State<S>, RunError>;

impl<'g, G: Goal> Machine<'g, G> {
    /// A run that has not begun.
    pub fn new(goal: &'g G, options: &'g Options) -> Self {
        Self {
            goal,
            options,
            memory: Memory::default(),
            approved: None,
            replans: 0,
            restores: 0,
            reviewed: None,
        }
    }

    /// The state after `event`.
    ///
    /// # Errors
    ///
    /// A requirement does not hold, or the result could not be verified.
    pub fn step(&mut self, state: State<G::Seen>, event: Event<G::Seen>) -> Next<G::Seen> {
        match (state, event) {
            (State::Observe, Event::Observed(seen)) => self.propose(seen),
            (State::AwaitReady(..), Event::Ready) => Ok(State::Observe),
            (State::AwaitReady(_, Some(end)), Event::TimeUp) => Ok(State::Done(end)),
            (State::AwaitEffect(_, _, _, Some(end)), Event::TimeUp) => Ok(self.end(*end)),
            (State::Survey(end), Event::Surveyed(surroundings)) => {
                Ok(State::Done(Box::new(self.goal.judge(*end, Some(*surroundings)))))
            }
            (State::Consent(drafted), Event::Consented { look_again: true }) => {
                self.approve(&drafted, Extent::Exactly);
                Ok(State::Observe)
            }
            (State::Consent(drafted), Event::Consented { look_again: false }) => {
                self.check(&drafted.draft.plan, &drafted.seen)?;
                Ok(self.next_step(drafted, 0))
            }
            (State::Apply(drafted, _), Event::NameTaken(name)) => {
                self.replans += 1;
                if self.replans > REPLANS {
                    return Err(RunError::NameTaken { name });
                }
                self.give_up_set(&drafted);
                Ok(State::Observe)
            }
            (State::Apply(drafted, _), Event::RulesFull(group, direction, error)) => {
                if !self.goal.is_full(&mut self.memory, group, direction) {
                    return Err(*error);
                }
                self.memory.made.extend(made_by(&drafted.draft.plan));
                self.approve(&drafted, Extent::AnyOrder);
                Ok(State::Observe)
            }
            (
                State::Apply(drafted, index),
                Event::Stepped {
                    status,
                    resource,
                    lists,
                },
            ) => {
                self.memory.lists.merge(&lists);
                let mut drafted = drafted;
                if let Some(step) = drafted.draft.plan.steps.get_mut(index) {
                    step.status = status;
                    step.resource = resource;
                }
                Ok(self.review(self.next_step(drafted, index + 1)))
            }
            (State::Review(drafted, index), Event::Observed(seen)) => {
                self.reviewed = drafted.draft.plan.number;
                self.goal.note_lists(&seen, &mut self.memory.lists);
                if !self.goal.is_superseded(&drafted.draft.plan, &seen, &self.memory) {
                    return Ok(State::Apply(drafted, index));
                }
                self.give_up_set(&drafted);
                Ok(State::Observe)
            }
            (State::Verify(drafted, looks), Event::Observed(seen)) => self.verify(drafted, looks, seen),
            (State::Verify(drafted, looks), Event::Gone(error)) => {
                match self.goal.vanished(&drafted.seen, &drafted.draft.plan) {
                    Some(seen) => self.verify(drafted, looks, seen),
                    None => Err(*error),
                }
            }
            (State::Recheck(drafted, looks) | State::AwaitEffect(drafted, looks, ..), Event::Ready) => {
                Ok(State::Verify(drafted, looks))
            }
            // The driver answers each state with its own event, or ends the run.
            (state, _) => Ok(state),
        }
    }

    fn approve(&mut self, drafted: &Drafted<G::Seen>, extent: Extent) {
        self.approved = Some(Approved {
            decision: drafted.draft.decision,
            plan: drafted.draft.plan.clone(),
            extent,
        });
    }

    /// Goes on with another set than the one that this run has begun.
    fn give_up_set(&mut self, drafted: &Drafted<G::Seen>) {
        if self.goal.shares_sets() && !self.options.exactly {
            self.memory.made.extend(made_by(&drafted.draft.plan));
            self.approve(drafted, Extent::AnyNumber);
        }
    }

    /// Refuses a plan with a flaw, and one that changes groups which another tool manages.
    fn check(&self, plan: &Plan, seen: &G::Seen) -> Result<(), RunError> {
        let ground = self.goal.ground(seen);
        let flaws = lint(plan, &ground);
        if !flaws.is_empty() {
            return Err(RunError::Flawed(flaws));
        }
        let groups = handover::changed(plan, &ground);
        if !groups.is_empty() {
            return Err(Unmet::HandedOver { groups }.into());
        }
        Ok(())
    }

    fn propose(&mut self, seen: G::Seen) -> Next<G::Seen> {
        self.goal.note_lists(&seen, &mut self.memory.lists);
        let mut draft = self.goal.draft(&seen, &mut self.memory)?;
        self.check(&draft.plan, &seen)?;
        if self.options.records {
            draft.basis = self.goal.basis(&seen);
            draft.recorded = record(&draft.plan, &draft.basis);
        }
        let Options {
            dry_run,
            wait_for_effect,
            ..
        } = *self.options;
        let is_reached = draft.is_reached();
        let is_worth_waiting = !draft.is_left && (wait_for_effect || !is_reached);
        let waits = !dry_run && !draft.pending.is_empty() && is_worth_waiting;
        // What only waits for a proxy to reach the database is over, one way or the other, when the time is up.
        let can_end = is_reached && draft.pending.iter().all(Pending::can_stay);
        if waits && !can_end {
            return Ok(State::AwaitReady(draft.pending, None));
        }
        if is_reached || dry_run || draft.is_left {
            draft.note_pending(dry_run, waits);
            let end = End {
                ending: match (is_reached, dry_run) {
                    (true, _) => Ending::Unchanged,
                    (false, true) => Ending::Planned,
                    (false, false) => Ending::Unfinished,
                },
                path: draft.path.clone(),
                found: seen,
                draft,
            };
            let end = Box::new(self.goal.judge(end, None));
            return Ok(if waits {
                State::AwaitReady(end.draft.pending.clone(), Some(end))
            } else {
                State::Done(end)
            });
        }
        let is_approved = self.approved.as_ref().is_some_and(|approved| approved.covers(&draft));
        let drafted = Box::new(Drafted { draft, seen });
        Ok(if is_approved {
            self.next_step(drafted, 0)
        } else {
            State::Consent(drafted)
        })
    }

    /// The next step that is still to be done, else verification.
    fn next_step(&self, mut drafted: Box<Drafted<G::Seen>>, from: usize) -> State<G::Seen> {
        for index in from..drafted.draft.plan.steps.len() {
            let plan = &mut drafted.draft.plan;
            if plan.steps[index].status != StepStatus::Planned {
                continue;
            }
            if !self.goal.leaves_what_follows() || !follows_skipped(&plan.steps[index], plan) {
                return State::Apply(drafted, index);
            }
            plan.steps[index].status = StepStatus::Skipped;
        }
        State::Verify(drafted, Looks::default())
    }

    /// Looks again before this run's own set is associated. No other set can have a lower number than the first.
    fn review(&self, next: State<G::Seen>) -> State<G::Seen> {
        match next {
            State::Apply(drafted, index)
                if self.goal.shares_sets()
                    && self.reviewed != drafted.draft.plan.number
                    && drafted.draft.plan.number > Some(1)
                    && made_by(&drafted.draft.plan).next().is_some()
                    && drafted.draft.plan.steps[index].effect.associates().is_some() =>
            {
                State::Review(drafted, index)
            }
            next => next,
        }
    }

    /// The end of a run that has carried out its plan: with a last look at the path, if it is checked.
    fn end(&self, end: End<G::Seen>) -> State<G::Seen> {
        if self.goal.surveys(&end.found).is_some() {
            return State::Survey(Box::new(end));
        }
        State::Done(Box::new(self.goal.judge(end, None)))
    }

    fn verify(&mut self, mut drafted: Box<Drafted<G::Seen>>, looks: Looks, seen: G::Seen) -> Next<G::Seen> {
        self.goal.note_lists(&seen, &mut self.memory.lists);
        note_what_is_left(&mut drafted.draft);
        let lost = self.goal.repair(&seen, &drafted.draft.plan, &self.memory);
        if self.restores(&lost) {
            return self.go_on(drafted, lost, &seen);
        }
        if drafted.draft.plan.has_skipped() {
            let note = "Not waited for: a step was skipped, since its resource is not ready yet. Run again to finish.";
            drafted.draft.notes.push(note.to_owned());
            return Ok(State::Done(Box::new(End {
                draft: drafted.draft,
                found: seen,
                ending: Ending::Unfinished,
                path: None,
            })));
        }
        let Left {
            is_reached,
            settling,
            decision,
            reasons,
        } = self.goal.left(&seen, &mut self.memory, looks)?;
        if is_reached {
            let end = |draft: Draft| End {
                draft,
                found: seen,
                ending: Ending::Reached,
                path: None,
            };
            if let Some(settling) = settling.filter(|_| self.options.wait_for_effect) {
                let Settling {
                    pending,
                    looks,
                    can_stay,
                } = settling;
                let ends = can_stay.then(|| Box::new(end(drafted.draft.clone())));
                return Ok(State::AwaitEffect(drafted, looks, pending, ends));
            }
            if !self.options.wait_for_effect {
                let note = "Not waited for: the changes were accepted, and may still be taking effect.";
                drafted.draft.notes.push(note.to_owned());
            }
            return Ok(self.end(end(drafted.draft)));
        }
        if looks.stale + 1 < VERIFICATIONS {
            let stale = looks.stale + 1;
            return Ok(State::Recheck(drafted, Looks { stale, ..looks }));
        }
        // Another run may have overwritten what this one has written before it could know of it.
        let lost = self.goal.do_again(&seen, &drafted.draft.plan, &self.memory);
        if self.restores(&lost) {
            return self.go_on(drafted, lost, &seen);
        }
        Err(RunError::NotVerified { decision, reasons })
    }

    /// Whether these steps are carried out, too.
    fn restores(&mut self, lost: &[Step]) -> bool {
        let is_one_more = !lost.is_empty() && self.restores < RESTORES;
        self.restores += u32::from(is_one_more);
        is_one_more
    }

    /// The run with further steps.
    fn go_on(&self, mut drafted: Box<Drafted<G::Seen>>, steps: Vec<Step>, seen: &G::Seen) -> Next<G::Seen> {
        let plan = &mut drafted.draft.plan;
        let from = plan.steps.len();
        drafted.draft.added.extend(steps.iter().map(|step| step.id));
        plan.steps.extend(steps);
        self.check(plan, seen)?;
        Ok(self.next_step(drafted, from))
    }
}

/// What is still to be done, whatever comes first.
fn planned_effects(plan: &Plan) -> impl Iterator<Item = Effect> {
    let planned = plan.steps.iter().filter(|step| step.status == StepStatus::Planned);
    planned.map(|step| match step.effect.clone() {
        Effect::Removal(RemovalEffect::Revoke {
            group,
            direction,
            rules,
            ..
        }) => Effect::Removal(RemovalEffect::Revoke {
            group,
            direction,
            rules,
            makes_room: false,
        }),
        effect => effect,
    })
}

/// Notes what this run has made in vain and could not delete.
fn note_what_is_left(draft: &mut Draft) {
    let skipped = draft
        .plan
        .steps
        .iter()
        .filter(|step| step.status == StepStatus::Skipped);
    for step in skipped.filter(|step| step.effect.takes_back()) {
        let note = format!(
            "{} could not be deleted: `autoconnect cleanup` deletes it.",
            step.resource
        );
        if !draft.notes.contains(&note) {
            draft.notes.push(note);
        }
    }
}

/// The groups that the steps of a plan have made.
fn made_by(plan: &Plan) -> impl Iterator<Item = GroupId> {
    let done = plan.steps.iter().filter(|step| step.status == StepStatus::Done);
    let made = done.filter(|step| matches!(step.effect, Effect::CreateSecurityGroup { .. }));
    made.map(|step| GroupId::from(step.resource.as_str()))
}

/// Whether a step that this one needs was left to the next run.
fn follows_skipped(step: &Step, plan: &Plan) -> bool {
    let mut needed = plan.steps.iter().filter(|other| step.after.contains(&other.id));
    needed.any(|other| other.status == StepStatus::Skipped)
}

impl<S> State<S> {
    /// The state's name, for the log.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::AwaitReady(..) => "await-ready",
            Self::Consent(_) => "consent",
            Self::Apply(..) => "apply",
            Self::Review(..) => "review",
            Self::Verify(..) => "verify",
            Self::Recheck(..) => "recheck",
            Self::AwaitEffect(..) => "await-effect",
            Self::Survey(_) => "survey",
            Self::Done(_) => "done",
        }
    }
}
