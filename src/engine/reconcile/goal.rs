//! What a run brings about: what it reads, and, purely, what is still to be done for it.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use super::error::{Applied, RunError};
use crate::cloud::Cloud;
use crate::diagnostics::connection::{Diagnosis, Surroundings};
use crate::model::network::Part;
use crate::model::{Direction, Function, GroupId, Observation, Origin};
use crate::observe::ObserveError;
use crate::owner::{Owned, TerraformState};
use crate::plan::{Basis, Ground, Plan, Recorded, Request, Step};
use crate::policy::{PolicyDocument, RolePolicies};
use crate::preconditions::Pending;
use crate::restore::Lists;

/// How a run is to go.
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
#[derive(Clone, Debug)]
pub struct Options {
    /// Only plan.
    pub dry_run: bool,
    /// Wait until the database is available, instead of refusing.
    pub wait_for_database: bool,
    /// Wait until each change has taken effect.
    pub wait_for_effect: bool,
    /// Check the whole path: what blocks it before the user is asked, and whether it is open at the end.
    pub diagnose: bool,
    /// Read what the function's role may do before the user is asked. It is a few requests for each function, which a run
    /// over many connections leaves out.
    pub reads_role: bool,
    /// How long the whole run may wait.
    pub timeout: Duration,
    /// What the plan of `setup` is asked for besides the connection.
    pub request: Request,
    /// Record each step with its parameters: the plan is saved, or compared with a saved one.
    pub records: bool,
    /// Apply exactly the plan that is agreed to: not one with another number for its groups.
    pub exactly: bool,
    /// How owners of resources count.
    pub owners: OwnersWish,
}

/// How the owners of a connection's resources are found, and whether what they own may be changed.
#[derive(Clone, Debug, Default)]
pub struct OwnersWish {
    /// Refuse a plan that changes a resource which has an owner, or whose owner could not be read.
    pub refuse: bool,
    /// What Terraform has, where the user named its state.
    pub terraform: Option<Arc<TerraformState>>,
    /// The owners, where they were read before: a run over many connections has read them for its plan.
    pub known: Option<Vec<Owned>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dry_run: false,
            wait_for_database: false,
            wait_for_effect: true,
            diagnose: false,
            reads_role: true,
            timeout: Duration::from_mins(20),
            request: Request::default(),
            records: false,
            exactly: false,
            owners: OwnersWish::default(),
        }
    }
}

/// What a run remembers of what it has seen and made. It is lost with the run: the next one observes everything anew.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// What this run has seen on the lists of the database and the proxy.
    pub lists: Lists,
    /// The groups that this run has created under a name that it then had to give up.
    pub made: BTreeSet<GroupId>,
    /// The groups that take no more rules, and in which direction.
    pub full: BTreeSet<(GroupId, Direction)>,
    /// What was left to be done in the set of another run, and how often in a row it was found so.
    pub awaited: Option<(Plan, u32)>,
}

/// Why the goal is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// To draft the plan.
    Draft,
    /// To verify what was written.
    Verify,
}

/// How often in a row the result was looked at in vain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looks {
    /// The result was not what was written: what was read may be stale.
    pub stale: u32,
    /// The proxy's answer may be from before the change.
    pub health: u32,
}

/// What is found after the last step.
#[derive(Clone, Debug)]
pub struct Left {
    /// Whether the goal is reached.
    pub is_reached: bool,
    /// What of a goal that is reached is still taking effect.
    pub settling: Option<Settling>,
    /// What would be decided now.
    pub decision: String,
    /// Why.
    pub reasons: Vec<String>,
}

/// What is still taking effect once everything is written.
#[derive(Clone, Debug)]
pub struct Settling {
    /// What the run waits for.
    pub pending: Vec<Pending>,
    /// The looks from which the run goes on counting.
    pub looks: Looks,
    /// Whether the run ends without an error if the time is up before.
    pub can_stay: bool,
}

/// A function, and what its role may do, if that was read.
pub type WithRole<'s> = (&'s Function, Option<&'s Part<RolePolicies>>);

/// What a run brings about.
#[async_trait::async_trait]
pub trait Goal: Sync {
    /// What is read for it.
    type Seen: Clone + Debug + Send + Sync;

    /// The command, for the log.
    fn name(&self) -> &'static str;

    /// Reads what the draft is made from.
    ///
    /// # Errors
    ///
    /// A resource does not exist, or a call fails.
    async fn observe(&self, cloud: &dyn Cloud, look: Look) -> Result<Self::Seen, ObserveError>;

    /// The account and Region that this was read from.
    fn origin(&self, seen: &Self::Seen) -> Origin;

    /// What is still to be done. Pure. Without planned steps the goal is reached.
    ///
    /// # Errors
    ///
    /// A requirement does not hold: nothing is written.
    fn draft(&self, seen: &Self::Seen, memory: &mut Memory) -> Result<Draft, RunError>;

    /// What a plan is checked against: the groups that were read, whose they are, and what the command may do. Pure.
    fn ground<'s>(&self, seen: &'s Self::Seen) -> Ground<'s>;

    /// What a saved plan depends on besides the parameters of its steps. Pure.
    fn basis(&self, seen: &Self::Seen) -> Basis {
        Basis::of_ground(&self.ground(seen))
    }

    /// The least that the caller needs for a run with this plan, and for the one that finishes it. Pure.
    fn policy(&self, seen: &Self::Seen, plan: &Plan) -> PolicyDocument;

    /// The function whose network interfaces the steps change, where its role is not judged by the draft itself, and what
    /// its role may do, if that was read. Pure.
    fn interfaces_of<'s>(&self, _seen: &'s Self::Seen) -> Option<WithRole<'s>> {
        None
    }

    /// What is found after the last step. Pure.
    ///
    /// # Errors
    ///
    /// A requirement does not hold any more.
    fn left(&self, seen: &Self::Seen, memory: &mut Memory, looks: Looks) -> Result<Left, RunError> {
        let draft = self.draft(seen, memory)?;
        let is_reached = draft.plan.is_empty();
        let is_settling = is_reached && !draft.pending.is_empty();
        Ok(Left {
            is_reached,
            settling: is_settling.then_some(Settling {
                pending: draft.pending,
                looks,
                can_stay: false,
            }),
            decision: draft.decision.to_owned(),
            reasons: draft.reasons,
        })
    }

    /// What is seen once nothing is left that the names of the run lead to: the run has deleted the last of it. None where
    /// that is an error. Pure.
    fn vanished(&self, _before: &Self::Seen, _applied: &Plan) -> Option<Self::Seen> {
        None
    }

    /// Notes the lists of groups that were read, where the goal writes such lists. Pure.
    fn note_lists(&self, _seen: &Self::Seen, _lists: &mut Lists) {}

    /// The steps that add again what was on the lists that the steps of `applied` have written, and is gone. Pure.
    fn repair(&self, _seen: &Self::Seen, _applied: &Plan, _memory: &Memory) -> Vec<Step> {
        Vec::new()
    }

    /// The steps that do again what another writer may have undone, once the goal was looked for in vain. Pure.
    fn do_again(&self, _seen: &Self::Seen, _applied: &Plan, _memory: &Memory) -> Vec<Step> {
        Vec::new()
    }

    /// Whether sharing a set of groups that another run has made, or making it under another number, is no more than was
    /// agreed to.
    fn shares_sets(&self) -> bool {
        false
    }

    /// Whether a step is left to the next run where one that comes before it was. The groups of `setup` are associated while
    /// a new proxy cannot have its target yet.
    fn leaves_what_follows(&self) -> bool {
        true
    }

    /// Whether another run has by now made what this plan is about to put into use. Pure.
    fn is_superseded(&self, _plan: &Plan, _seen: &Self::Seen, _memory: &Memory) -> bool {
        false
    }

    /// Notes that a group takes no more rules. Whether another order of steps may help. Pure.
    fn is_full(&self, _memory: &mut Memory, _group: GroupId, _direction: Direction) -> bool {
        false
    }

    /// The connection whose path is checked at the end of an applied run, where it is to be. Pure.
    fn surveys<'s>(&self, _seen: &'s Self::Seen) -> Option<&'s Observation> {
        None
    }

    /// How the run ended, for what was found of the path. Pure.
    fn judge(&self, end: End<Self::Seen>, _surroundings: Option<Surroundings>) -> End<Self::Seen> {
        end
    }
}

/// What is still to be done for a goal, before the user is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// What it is about: lines for people, the first one being the title.
    pub heading: Vec<String>,
    /// The connection as it was observed, where the groups of its sides are shown.
    pub connection: Option<Box<Observation>>,
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
    /// Whether all of the steps are left to a later run, which `--no-wait` asks for.
    pub is_left: bool,
    /// The numbers of the steps that were added after the draft was shown, against what other writers have done.
    pub added: Vec<u32>,
    /// The steps with their parameters, where they are recorded.
    pub recorded: Vec<Recorded>,
    /// What the recorded steps depend on.
    pub basis: Basis,
    /// The resources of the connection that have an owner, or whose owner could not be read.
    pub owners: Vec<Owned>,
    /// How the path will be once the plan is carried out, as far as its steps do not decide that; none where the path is not
    /// checked.
    pub path: Option<Diagnosis>,
}

impl Draft {
    /// Whether there is nothing to do.
    pub fn is_reached(&self) -> bool {
        self.plan.is_empty() && !self.is_left
    }

    /// Notes what a run that ends here has not seen done. One that `waits` ends here only when its time is up.
    pub(super) fn note_pending(&mut self, dry_run: bool, waits: bool) {
        let lead = match (dry_run, waits) {
            (true, _) => "An applied run waits for",
            (false, true) => "Timed out waiting for",
            (false, false) => "Not waited for:",
        };
        let notes = self.pending.iter().map(|pending| format!("{lead} {pending}."));
        self.notes.extend(notes);
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Changes are pending: a dry run.
    Planned,
    /// Steps are left to the next run: they must wait, and `--no-wait` was given.
    Unfinished,
    /// The plan was applied, and nothing is left to be done.
    Reached,
    /// Of `setup`: the groups are as they should be, and the function does not reach the database, because something else
    /// blocks the path or the proxy does not reach it.
    Incomplete,
    /// There was nothing to do.
    Unchanged,
}

impl Ending {
    /// Whether steps are still to be carried out.
    #[must_use]
    pub fn is_pending(self) -> bool {
        matches!(self, Self::Planned | Self::Unfinished)
    }
}

/// The end of a run, as the machine knows it.
#[derive(Clone, Debug)]
pub struct End<S> {
    /// What was to be done, with how far each step came.
    pub draft: Draft,
    /// What was observed last.
    pub found: S,
    /// How it ended.
    pub ending: Ending,
    /// The path as it is at the end; of a plan that was not carried out, as it will be. None where it was not checked.
    pub path: Option<Diagnosis>,
}

/// The end of a run that did not fail.
#[derive(Clone, Debug)]
pub struct Converged<S> {
    /// The account and Region.
    pub origin: Origin,
    /// What was to be done, with how far each step came.
    pub draft: Draft,
    /// What was observed last.
    pub found: S,
    /// What was written, in order.
    pub applied: Vec<Applied>,
    /// How it ended.
    pub ending: Ending,
    /// The path as it is at the end; of a plan that was not carried out, as it will be. None where it was not checked.
    pub path: Option<Diagnosis>,
    /// Whether it was a dry run.
    pub dry_run: bool,
}
