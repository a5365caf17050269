//! The states and transitions of a run. No effect happens here.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::time::Duration;

use super::error::{Applied, RunError};
use crate::decide::{Decision, decide};
use crate::diagnose::{Diagnosis, Scene, Surroundings, diagnose_connection, is_open, outlook};
use crate::model::{Direction, GroupId, Observation, Side};
use crate::observe::{Reads, Target};
use crate::plan::{
    Effect, Ground, Plan, RemovalEffect, Request, Step, StepStatus, do_again, lint, plan, put_back, reasons, take_back,
};
use crate::policy::{PolicyDocument, operator};
use crate::requirements::{
    Pending, Unmet, check_adoption, check_identity, check_last_update, check_port, check_quotas, check_repair,
    check_states, health_to_come, notes, still_settling,
};
use crate::restore::Lists;

/// How often the decision is made anew where a name was taken between plan and creation. Each time another run has come
/// further, so that there are no more of them than runs at the same time.
pub(super) const REPLANS: u32 = 50;

/// How often in a row the set of another run may be found as it was before that run counts as dead.
const PATIENCE: u32 = 2;

/// How often groups are put back, of this connection or of others, where writers go on overwriting each other.
const RESTORES: u32 = 5;

/// How often a stale answer is allowed for when the result is verified.
const VERIFICATIONS: u32 = 5;

/// What `setup` was asked to do, beyond the names.
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
#[derive(Clone, Debug)]
pub struct Options {
    /// Only plan.
    pub dry_run: bool,
    /// Wait until the database is available, instead of refusing.
    pub wait_for_database: bool,
    /// Wait until each change has taken effect.
    pub wait_for_effect: bool,
    /// Check the whole path: what stands in its way before the user is asked, and whether it is open at the end.
    pub diagnose: bool,
    /// For how long the whole run may wait.
    pub timeout: Duration,
    /// Further tags for all that is created.
    pub request: Request,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dry_run: false,
            wait_for_database: false,
            wait_for_effect: true,
            diagnose: false,
            timeout: Duration::from_mins(20),
            request: Request::default(),
        }
    }
}

/// How often an answer of the proxy from before the last change is allowed for.
const HEALTH_LOOKS: u32 = 12;

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
    /// The numbers of the steps that were added after the plan was shown, against what other writers have done.
    pub added: Vec<u32>,
    /// What was read around the connection, if the path is checked.
    pub surroundings: Option<Surroundings>,
    /// How the path will be once the plan is carried out, as far as that is not for its steps to decide.
    pub path: Option<Diagnosis>,
}

impl Proposal {
    /// The least that the caller needs to carry it out for this target, and to finish it.
    #[must_use]
    pub fn policy(&self, target: &Target) -> PolicyDocument {
        let Observation { database, function, .. } = &self.observation;
        let mut reads = Reads::at(database.place())
            .connection(target, &self.observation)
            .interfaces_of(function, &self.plan);
        if let Some(surroundings) = &self.surroundings {
            reads = reads.path(&self.observation, &surroundings.network);
        }
        operator(&self.observation, reads.permissions(), &self.plan)
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunResult {
    /// A dry run with changes pending.
    Planned,
    /// The plan was applied, the decision is now no-op, and nothing that was read stands in the way.
    Connected,
    /// The groups are as they should be, and the function does not reach the database: something else stands in the way, or
    /// the proxy does not reach it.
    Incomplete,
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
    /// What was written, in order.
    pub applied: Vec<Applied>,
    /// How it ended.
    pub result: RunResult,
    /// The path as it is at the end; of a plan that was not carried out, as it will be. None where it was not checked.
    pub path: Option<Diagnosis>,
    /// Whether it was a dry run.
    pub dry_run: bool,
}

impl Outcome {
    /// How it ended, for what was found of the path: nothing is connected whose path is blocked, or whose proxy does not
    /// reach the database.
    fn judged(mut self) -> Self {
        let Observation { database, proxy, .. } = &self.found;
        let is_open = is_open(self.path.as_ref(), database, proxy.as_ref());
        if matches!(self.result, RunResult::Connected | RunResult::Unchanged) && !is_open {
            self.result = RunResult::Incomplete;
        }
        self
    }
}

/// Where a run stands: what is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Read the connection.
    Observe,
    /// Wait until nothing of this is pending, then read again. If the time is up before, the run may end so.
    AwaitReady(Vec<Pending>, Option<Box<Outcome>>),
    /// Ask the user.
    Consent(Box<Proposal>),
    /// Carry out the step at this index of the plan.
    Apply(Box<Proposal>, usize),
    /// Read the connection again before the step at this index, which is the first to associate a group of the set that
    /// this run has made: meanwhile another run may have completed one with a lower number.
    Review(Box<Proposal>, usize),
    /// Read the connection again after the last step.
    Verify(Box<Proposal>, Looks),
    /// Look again a little later, since what was read may be stale.
    Recheck(Box<Proposal>, Looks),
    /// Look a little later whether the proxy reaches the database by now. If the time is up before, the run ends so.
    AwaitHealth(Box<Proposal>, Looks, Pending, Box<Outcome>),
    /// Read what is around the connection, to tell whether its path is open.
    Survey(Box<Outcome>),
    /// The end.
    Done(Box<Outcome>),
}

/// How often in a row the result was looked at in vain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looks {
    /// It was not what was written: what was read may be stale.
    stale: u32,
    /// The proxy's answer may be from before the change.
    health: u32,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The connection was read; for a plan with what is around it, if the path is to be checked.
    Observed(Box<Observation>, Option<Box<Surroundings>>),
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
    /// The name of a group was taken by somebody else before anything was associated.
    NameTaken(String),
    /// A group takes no more rules this way, as this error says.
    RulesFull(GroupId, Direction, Box<RunError>),
}

/// The state machine of one run.
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
#[derive(Clone, Debug)]
pub struct Machine {
    request: Request,
    dry_run: bool,
    wait_for_database: bool,
    wait_for_effect: bool,
    diagnoses: bool,
    approved: Option<Approved>,
    replans: u32,
    restores: u32,
    /// What this run has seen on the lists of its database and its proxy.
    lists: Lists,
    /// The groups that this run has made, for as long as their names were to be had.
    made: BTreeSet<GroupId>,
    /// The number of the set that was compared with those of other runs before it is associated.
    reviewed: Option<u64>,
    /// What was left to be done in the set of another run, and how often that was found so.
    awaited: Option<(Plan, u32)>,
}

/// What the user agreed to.
#[derive(Clone, Debug)]
struct Approved {
    proposal: Box<Proposal>,
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
    fn covers(&self, proposal: &Proposal) -> bool {
        let (agreed, plan) = (&self.proposal.plan, &proposal.plan);
        match self.extent {
            Extent::Exactly => return agreed == plan,
            Extent::AnyOrder => {
                let agreed: Vec<Effect> = planned_effects(agreed).collect();
                return planned_effects(plan).all(|effect| agreed.contains(&effect));
            }
            Extent::AnyNumber => {}
        }
        // Sharing a set that another run has made is less than making one.
        let is_less = matches!(
            (&self.proposal.decision, &proposal.decision),
            (Decision::CreateNew, Decision::AssociateExisting { .. })
        );
        let is_same_kind = mem::discriminant(&self.proposal.decision) == mem::discriminant(&proposal.decision);
        let planned = |plan: &Plan| {
            let mut actions = BTreeMap::new();
            // What this run has made, and nothing uses, it may take back unasked.
            let is_asked_for = |step: &&Step| !step.status.is_there() && !takes_back(step);
            let steps = plan.steps.iter().filter(is_asked_for);
            for step in steps {
                *actions.entry(step.effect.action()).or_insert(0) += 1;
            }
            actions
        };
        let agreed = planned(agreed);
        (is_same_kind || is_less)
            && planned(plan)
                .iter()
                .all(|(action, count)| agreed.get(action) >= Some(count))
    }
}

impl Machine {
    /// A run that has not begun.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        Self {
            request: options.request.clone(),
            dry_run: options.dry_run,
            wait_for_database: options.wait_for_database,
            wait_for_effect: options.wait_for_effect,
            diagnoses: options.diagnose,
            approved: None,
            replans: 0,
            restores: 0,
            lists: Lists::default(),
            made: BTreeSet::new(),
            reviewed: None,
            awaited: None,
        }
    }

    /// The state after `event`.
    ///
    /// # Errors
    ///
    /// A requirement does not hold, or the result could not be verified.
    pub fn step(&mut self, state: State, event: Event) -> Result<State, RunError> {
        match (state, event) {
            (State::Observe, Event::Observed(observation, surroundings)) => {
                self.lists.note_all(&observation);
                self.propose(*observation, surroundings.map(|surroundings| *surroundings))
            }
            (State::AwaitReady(..), Event::Ready) => Ok(State::Observe),
            (State::AwaitReady(_, Some(outcome)), Event::TimeUp) => Ok(State::Done(outcome)),
            (State::AwaitHealth(_, _, _, outcome), Event::TimeUp) => Ok(self.end(*outcome)),
            (State::Survey(outcome), Event::Surveyed(surroundings)) => {
                let path = diagnose_connection(&Scene::of(&outcome.found, *surroundings));
                let path = Some(path);
                Ok(State::Done(Box::new(Outcome { path, ..*outcome }.judged())))
            }
            (State::Consent(proposal), Event::Consented { look_again: true }) => {
                self.approved = Some(Approved {
                    proposal,
                    extent: Extent::Exactly,
                });
                Ok(State::Observe)
            }
            (State::Consent(proposal), Event::Consented { look_again: false }) => {
                check(&proposal.plan, &proposal.observation)?;
                Ok(next_step(proposal, 0))
            }
            (State::Apply(proposal, _), Event::NameTaken(name)) => {
                self.made.extend(made_by(&proposal.plan));
                self.approved = Some(Approved {
                    proposal,
                    extent: Extent::AnyNumber,
                });
                self.replans += 1;
                if self.replans > REPLANS {
                    return Err(RunError::NameTaken { name });
                }
                Ok(State::Observe)
            }
            (State::Apply(proposal, _), Event::RulesFull(group, direction, error)) => {
                if !self.request.repair || !self.request.full.insert((group, direction)) {
                    return Err(*error);
                }
                self.made.extend(made_by(&proposal.plan));
                self.approved = Some(Approved {
                    proposal,
                    extent: Extent::AnyOrder,
                });
                Ok(State::Observe)
            }
            (
                State::Apply(mut proposal, index),
                Event::Stepped {
                    status,
                    resource,
                    lists,
                },
            ) => {
                self.lists.merge(&lists);
                if let Some(step) = proposal.plan.steps.get_mut(index) {
                    step.status = status;
                    step.resource = resource;
                }
                Ok(self.review(next_step(proposal, index + 1)))
            }
            (State::Review(proposal, index), Event::Observed(found, _)) => {
                self.reviewed = proposal.plan.number;
                self.lists.note_all(&found);
                if !self.is_superseded(&proposal, &found) {
                    return Ok(State::Apply(proposal, index));
                }
                self.made.extend(made_by(&proposal.plan));
                let surroundings = proposal.surroundings.clone();
                self.approved = Some(Approved {
                    proposal,
                    extent: Extent::AnyNumber,
                });
                self.propose(*found, surroundings)
            }
            (State::Verify(proposal, looks), Event::Observed(found, _)) => self.verify(proposal, looks, *found),
            (State::Recheck(proposal, looks) | State::AwaitHealth(proposal, looks, ..), Event::Ready) => {
                Ok(State::Verify(proposal, looks))
            }
            // The driver answers each state with its own event, or ends the run.
            (state, _) => Ok(state),
        }
    }

    fn propose(&mut self, observation: Observation, surroundings: Option<Surroundings>) -> Result<State, RunError> {
        check_identity(&observation)?;
        let assessment = decide(&observation);
        let mut plan = plan(&assessment, &self.request);
        // A run that writes nothing takes nothing over.
        if assessment.decision != Decision::NoOp {
            check_adoption(&observation).map_err(Unmet::from)?;
            plan.steps.extend(take_back(&observation, &plan, &self.made));
        }
        check(&plan, &observation)?;
        if self.request.repair {
            check_repair(&observation)?;
        }
        let mut notes = notes(&assessment, &plan);
        // An update of the function makes good for one that failed; without one, it is not known what is in effect.
        if !plan.adds_to(Side::Function) {
            check_last_update(&observation.function)?;
        }
        let pending = if assessment.decision == Decision::NoOp {
            still_settling(&observation)
        } else {
            let mut pending = check_states(&observation, self.wait_for_database)?;
            pending.extend(self.set_of_another(&observation, &plan));
            if self.dry_run {
                check_port(&observation.database)?;
            }
            check_quotas(&assessment, &plan)?;
            pending
        };
        let waits = assessment.decision != Decision::NoOp || self.wait_for_effect;
        // A proxy that an earlier run has begun takes minutes: --no-wait is not to wait for it.
        let leaves = !self.wait_for_effect && pending.iter().any(is_new_proxy(&observation));
        let waits = waits && !leaves;
        let is_to_wait = !pending.is_empty() && !self.dry_run && waits;
        // What only waits for a proxy to reach the database is over, one way or the other, when the time is up.
        let only_health = assessment.decision == Decision::NoOp
            && plan.is_empty()
            && pending
                .iter()
                .all(|pending| matches!(pending, Pending::TargetHealth { .. }));
        if is_to_wait && !only_health {
            return Ok(State::AwaitReady(pending, None));
        }
        notes.extend(pending.iter().map(|pending| {
            if self.dry_run {
                format!("An applied run waits for {pending}.")
            } else {
                format!("Not waited for: {pending}.")
            }
        }));
        // Rules that are set back are a change, though the connection could do without.
        let decision = match &assessment.decision {
            Decision::NoOp if !plan.is_empty() => Decision::AssociateExisting {
                function: None,
                proxy: None,
            },
            decision => decision.clone(),
        };
        let scene = |surroundings: &Surroundings| Scene::of(&observation, surroundings.clone());
        let path = surroundings.as_ref().map(|read| outlook(scene(read), &plan));
        let mut proposal = Box::new(Proposal {
            decision,
            reasons: reasons(&assessment, &plan),
            notes,
            plan,
            observation,
            added: Vec::new(),
            surroundings,
            path,
        });
        if self.request.repair && !proposal.plan.sets_back() {
            let why = match proposal.decision {
                Decision::NoOp => "the groups of this connection are as they were made",
                _ => "no set of groups that autoconnect made for this connection is in use with changed rules",
            };
            proposal.notes.push(format!("--repair does not apply: {why}."));
        }
        if leaves {
            proposal.plan.skip();
        }
        if proposal.decision == Decision::NoOp || self.dry_run || leaves {
            let result = match proposal.decision {
                Decision::NoOp => RunResult::Unchanged,
                _ => RunResult::Planned,
            };
            let outcome = Box::new(Outcome {
                found: proposal.observation.clone(),
                path: proposal.path.clone(),
                proposal: *proposal,
                applied: Vec::new(),
                result,
                dry_run: self.dry_run,
            });
            let outcome = Box::new(outcome.judged());
            return Ok(if is_to_wait {
                State::AwaitReady(pending, Some(outcome))
            } else {
                State::Done(outcome)
            });
        }
        match &self.approved {
            Some(approved) if approved.covers(&proposal) => Ok(next_step(proposal, 0)),
            _ => Ok(State::Consent(proposal)),
        }
    }

    /// Looks again before this run's own set is associated. No other set can have a lower number than the first.
    fn review(&self, next: State) -> State {
        match next {
            State::Apply(proposal, index)
                if self.reviewed != proposal.plan.number
                    && proposal.plan.number > Some(1)
                    && made_by(&proposal.plan).next().is_some()
                    && proposal.plan.steps[index].effect.associates().is_some() =>
            {
                State::Review(proposal, index)
            }
            next => next,
        }
    }

    /// Whether another set connects them by now, or is complete and has a lower number than the one that this run makes.
    fn is_superseded(&self, proposal: &Proposal, found: &Observation) -> bool {
        let assessment = decide(found);
        let other = plan(&assessment, &self.request);
        match assessment.decision {
            Decision::NoOp | Decision::AssociateExisting { .. } => true,
            Decision::CreateNew => other.number < proposal.plan.number && !other.prepares_groups(),
        }
    }

    /// The set of another run, for as long as that run may be completing it.
    fn set_of_another(&mut self, observation: &Observation, plan: &Plan) -> Option<Pending> {
        let is_awaited = self.wait_for_effect && plan.prepares_groups() && !plan.sets_back();
        let function = plan.begun_for(observation).filter(|_| is_awaited)?;
        let looks = match &self.awaited {
            Some((before, looks)) if before == plan => looks + 1,
            _ => 0,
        };
        self.awaited = Some((plan.clone(), looks));
        (looks < PATIENCE).then(|| Pending::SetOfAnother {
            function: function.to_owned(),
        })
    }

    /// Whether these steps are carried out, too.
    fn restores(&mut self, lost: &[Step]) -> bool {
        let is_one_more = !lost.is_empty() && self.restores < RESTORES;
        self.restores += u32::from(is_one_more);
        is_one_more
    }

    /// The end of a run that has carried out its plan: with a last look at the path, if it is checked.
    fn end(&self, outcome: Outcome) -> State {
        if self.diagnoses {
            return State::Survey(Box::new(outcome));
        }
        State::Done(Box::new(outcome.judged()))
    }

    fn verify(&mut self, mut proposal: Box<Proposal>, looks: Looks, found: Observation) -> Result<State, RunError> {
        self.lists.note_all(&found);
        let assessment = decide(&found);
        tell_what_is_left(&mut proposal);
        if is_left_to_the_next_run(&proposal.plan) {
            let note = "Not waited for: a step was skipped, since its resource is not ready yet. Run again to finish.";
            proposal.notes.push(note.to_owned());
            return Ok(State::Done(Box::new(Outcome {
                proposal: *proposal,
                found,
                applied: Vec::new(),
                result: RunResult::Planned,
                path: None,
                dry_run: false,
            })));
        }
        if assessment.decision == Decision::NoOp {
            check_last_update(&found.function)?;
            let lost = put_back(&found, &proposal.plan, &self.lists);
            if self.restores(&lost) {
                return go_on(proposal, lost, &found);
            }
            let (stale, health) = (0, looks.health + 1);
            let surely = health_to_come(&found, false).map(|pending| (pending, Looks::default()));
            let perhaps =
                health_to_come(&found, health < HEALTH_LOOKS).map(|pending| (pending, Looks { stale, health }));
            let ends = |proposal: Proposal| Outcome {
                proposal,
                found,
                applied: Vec::new(),
                result: RunResult::Connected,
                path: None,
                dry_run: false,
            };
            if let Some((pending, looks)) = surely.or(perhaps).filter(|_| self.wait_for_effect) {
                let outcome = Box::new(ends((*proposal).clone()));
                return Ok(State::AwaitHealth(proposal, looks, pending, outcome));
            }
            if !self.wait_for_effect {
                let note = "Not waited for: the changes were accepted, and may still be taking effect.";
                proposal.notes.push(note.to_owned());
            }
            return Ok(self.end(ends(*proposal)));
        }
        if looks.stale + 1 < VERIFICATIONS {
            let stale = looks.stale + 1;
            return Ok(State::Recheck(proposal, Looks { stale, ..looks }));
        }
        // Another run may have overwritten our group before it could know of it.
        let from = proposal.plan.steps.last().map_or(0, |step| step.id);
        let lost = do_again(&assessment, &self.request, from);
        if self.restores(&lost) {
            return go_on(proposal, lost, &found);
        }
        Err(RunError::NotVerified {
            decision: assessment.decision.to_string(),
            reasons: reasons(&assessment, &Plan::default()),
        })
    }
}

/// The run with further steps.
fn go_on(mut proposal: Box<Proposal>, steps: Vec<Step>, found: &Observation) -> Result<State, RunError> {
    let from = proposal.plan.steps.len();
    proposal.added.extend(steps.iter().map(|step| step.id));
    proposal.plan.steps.extend(steps);
    check(&proposal.plan, found)?;
    Ok(next_step(proposal, from))
}

/// Refuses a plan with a flaw.
fn check(plan: &Plan, observation: &Observation) -> Result<(), RunError> {
    let flaws = lint(plan, &Ground::of_connection(observation));
    if flaws.is_empty() {
        Ok(())
    } else {
        Err(RunError::Flawed(flaws))
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

/// Whether a step deletes what this run has made itself, and does not need.
fn takes_back(step: &Step) -> bool {
    matches!(step.effect, Effect::Removal(RemovalEffect::TakeBack { .. }))
}

/// Whether a step that the connection needs could not be done yet.
fn is_left_to_the_next_run(plan: &Plan) -> bool {
    let mut skipped = plan.steps.iter().filter(|step| step.status == StepStatus::Skipped);
    skipped.any(|step| !takes_back(step))
}

/// Notes what this run has made in vain and could not delete.
fn tell_what_is_left(proposal: &mut Proposal) {
    let skipped = proposal
        .plan
        .steps
        .iter()
        .filter(|step| step.status == StepStatus::Skipped);
    for step in skipped.filter(|step| takes_back(step)) {
        let note = format!(
            "{} could not be deleted: `autoconnect cleanup` deletes it.",
            step.resource
        );
        if !proposal.notes.contains(&note) {
            proposal.notes.push(note);
        }
    }
}

/// The groups that the steps of a plan have made.
fn made_by(plan: &Plan) -> impl Iterator<Item = GroupId> {
    let done = plan.steps.iter().filter(|step| step.status == StepStatus::Done);
    let made = done.filter(|step| matches!(step.effect, Effect::CreateSecurityGroup { .. }));
    made.map(|step| GroupId::from(step.resource.as_str()))
}

/// Whether a run waits for this proxy to be created.
fn is_new_proxy(observation: &Observation) -> impl Fn(&Pending) -> bool + use<> {
    let is_creating = observation
        .proxy
        .as_ref()
        .is_some_and(|proxy| proxy.status == "creating");
    move |pending| is_creating && matches!(pending, Pending::ProxyAvailable { .. })
}

/// The next step that is still to be done, else verification.
fn next_step(proposal: Box<Proposal>, from: usize) -> State {
    let is_planned = |step: &Step| step.status == StepStatus::Planned;
    match proposal.plan.steps.iter().skip(from).position(is_planned) {
        Some(offset) => State::Apply(proposal, from + offset),
        None => State::Verify(proposal, Looks::default()),
    }
}
