//! Every order in which runs of the program, people and deaths can come after each other, explored with stateright.
//!
//! What is explored is the program's own code: each run stops before each call that others could see or be seen by, and
//! a state of the model is what came of one order of turns, found by carrying that order out from its beginning. Two
//! orders have led to the same state if the account is the same and each run remembers the same: the plan that was
//! agreed to, how each of its steps ended, the answers since, and which groups it has seen on databases and proxies.
//! (The pauses are too short for its clocks to count.)

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::future::poll_fn;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::{Answer, Operation, Pace};
use autoconnect::reconcile::{Asked, Front, Progress, RunError};
use secrecy::SecretString;
use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::interposed::{Hook, Interposed};
use crate::stale_reads::settle;
use crate::support::{CANARY, in_virtual_time};

/// For how long nothing must happen until all runs stand before a call: longer than any pause.
const QUIET: Duration = Duration::from_millis(5);

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Turn {
    /// This run does the first of the calls that it stands before.
    Run(usize),
    /// A person makes this edit.
    Person(usize),
    /// This run's process dies.
    Death(usize),
}

/// How a run ended, as text; of a failure its code.
pub type End = Result<(), &'static str>;

/// A run, carried out through a gate.
pub type Start = dyn Fn(Gated) -> Pin<Box<dyn Future<Output = End>>> + Send + Sync;

/// What a person may do to the account.
pub type Edit = fn(&mut AccountDocument);

/// Whether all is well with the account, else what is wrong.
pub type Verdict = dyn Fn(&AccountDocument, &Moment) -> Result<(), String> + Send + Sync;

/// What is explored.
pub struct World {
    pub before: AccountDocument,
    pub runs: Vec<Box<Start>>,
    /// What a person may do, each at most once.
    pub edits: Vec<Edit>,
    /// How many edits there may be in all.
    pub edits_at_most: usize,
    /// How many runs may die.
    pub deaths_at_most: usize,
    /// How often the turn may pass from a run that could go on to another; without a limit, as often as can be.
    pub switches_at_most: Option<usize>,
    /// Whether a call need not be a turn of its own: nobody in this world writes what it reads.
    pub is_unshared: fn(Operation) -> bool,
    /// Holds in every state.
    pub always: Box<Verdict>,
    /// Holds once all runs have ended.
    pub at_the_end: Box<Verdict>,
    /// Something that must come up, else less was explored than is said.
    pub sometimes: fn(&AccountDocument) -> bool,
}

/// A state: the turns that led there, and what they came to.
#[derive(Clone, Debug)]
pub struct Moment {
    pub turns: Vec<Turn>,
    /// The turns again, with the calls that were made.
    pub calls: Vec<(Turn, Option<Operation>)>,
    /// Account and memories in one number, by which states are the same.
    key: u64,
    next: Vec<Turn>,
    /// The runs that have not ended.
    alive: Vec<usize>,
    flaw: Option<String>,
    /// How the runs ended; none for one that goes on, or has died.
    pub ends: Vec<Option<End>>,
    is_sought: bool,
}

impl Hash for Moment {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl PartialEq for Moment {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

/// A call before which a run stands.
struct Ticket {
    number: u64,
    operation: Operation,
    is_granted: bool,
}

#[derive(Default)]
struct GateState {
    tickets: Vec<Ticket>,
    entered: u64,
    /// The plan and its steps that have ended, and all answers since, whichever came first of those that were asked for
    /// at once.
    memory: u64,
    /// What of that stays once the next step has ended.
    plan: u64,
    /// The groups that it has seen on databases and proxies, which it restores if it misses them.
    seen: BTreeSet<String>,
}

/// Where a run waits for its turns.
#[derive(Clone)]
pub struct Gate {
    state: Arc<Mutex<GateState>>,
    account: Arc<OfflineAccount>,
    is_unshared: fn(Operation) -> bool,
}

/// The account behind a gate.
pub type Gated = (Arc<OfflineAccount>, Gate);

/// The cloud that a run has.
pub fn cloud(gated: &Gated) -> Interposed<'_, Gate> {
    Interposed {
        account: &gated.0,
        hook: gated.1.clone(),
    }
}

impl Gate {
    fn is_open(&self, number: u64) -> bool {
        let mut state = self.state.lock().unwrap();
        let granted = state
            .tickets
            .iter()
            .position(|ticket| ticket.number == number && ticket.is_granted);
        granted.map(|at| state.tickets.remove(at)).is_some()
    }

    /// Lets the call through that has waited longest.
    fn open(&self) -> Option<Operation> {
        let mut state = self.state.lock().unwrap();
        let ticket = state.tickets.first_mut()?;
        ticket.is_granted = true;
        Some(ticket.operation)
    }

    /// From here on only this counts, and no earlier answer.
    fn remember(&self, plan: u64) {
        let mut state = self.state.lock().unwrap();
        (state.plan, state.memory) = (plan, plan);
    }

    fn is_waited_at(&self) -> bool {
        !self.state.lock().unwrap().tickets.is_empty()
    }
}

/// Says yes, and sends the gate what the run relies on from then on: what it has read before is of no more account.
pub struct Agreeing<'a>(pub &'a Gate);

#[async_trait::async_trait]
impl Front for Agreeing<'_> {
    async fn consent(&self, asked: Asked<'_>) -> Result<(), RunError> {
        self.0.remember(hash_of_debug(&asked.draft.plan));
        Ok(())
    }

    async fn password(&self, _: &str) -> Result<SecretString, RunError> {
        Ok(SecretString::from(CANARY))
    }

    fn progress(&self, progress: Progress<'_>) {
        if let Progress::Ended(step) = progress {
            let plan = self.0.state.lock().unwrap().plan;
            self.0.remember(hash(&(plan, hash_of_debug(step))));
        }
    }
}

impl Hook for Gate {
    fn pace(&self) -> Pace {
        Pace {
            first: Duration::from_millis(1),
            longest: Duration::from_millis(1),
        }
    }

    async fn around<T: Debug + Send>(
        &self,
        operation: Operation,
        call: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        if (self.is_unshared)(operation) {
            return call.await;
        }
        let number = {
            let mut state = self.state.lock().unwrap();
            let number = state.entered;
            state.entered += 1;
            state.tickets.push(Ticket {
                number,
                operation,
                is_granted: false,
            });
            number
        };
        // It is asked again after each turn.
        poll_fn(|_| {
            if self.is_open(number) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        let answer = call.await;
        if operation.writes() {
            // A database that is modifying would refuse the other's write, and so guard the list: AWS promises no such thing.
            self.account.edit(settle);
        }
        let text = format!("{answer:?}");
        let remembered = hash(&(number, operation, &text));
        let mut state = self.state.lock().unwrap();
        if is_of_lists(operation) {
            state.seen.extend(groups_in(&text));
        }
        state.memory = state.memory.wrapping_add(remembered);
        answer
    }
}

fn is_of_lists(operation: Operation) -> bool {
    let of_lists = [
        Operation::DescribeDbClusters,
        Operation::DescribeDbInstances,
        Operation::DescribeDbProxies,
    ];
    of_lists.contains(&operation)
}

/// The ids of groups in an answer.
fn groups_in(answer: &str) -> impl Iterator<Item = String> {
    let quoted = answer.split("GroupId(\"").skip(1);
    quoted.filter_map(|rest| rest.split('"').next()).map(str::to_owned)
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn hash_of_debug(value: &impl Debug) -> u64 {
    hash(&format!("{value:?}"))
}

type Running = Pin<Box<dyn Future<Output = End>>>;

/// Lets all runs go on until each stands before a call, or has ended.
async fn quiesce(runs: &mut [Option<Running>], ends: &mut [Option<End>]) {
    let mut quiet = pin!(tokio::time::sleep(QUIET));
    poll_fn(|context| {
        for (run, end) in runs.iter_mut().zip(ends.iter_mut()) {
            if let Some(running) = run
                && let Poll::Ready(ended) = running.as_mut().poll(context)
            {
                (*run, *end) = (None, Some(ended));
            }
        }
        quiet.as_mut().poll(context)
    })
    .await;
}

impl World {
    /// Carries out the turns from the beginning, and judges what came of them.
    fn replay(&self, turns: Vec<Turn>) -> Moment {
        let (mut moment, document) = in_virtual_time(self.carry_out(turns));
        let has_ended = moment.alive.is_empty();
        moment.is_sought = (self.sometimes)(&document);
        moment.flaw = if !has_ended && moment.next.is_empty() {
            Some(format!("runs {:?} neither go on nor end", moment.alive))
        } else if let Err(flaw) = (self.always)(&document, &moment) {
            Some(flaw)
        } else if has_ended {
            (self.at_the_end)(&document, &moment).err()
        } else {
            None
        };
        moment
    }

    async fn carry_out(&self, turns: Vec<Turn>) -> (Moment, AccountDocument) {
        let account = Arc::new(OfflineAccount::in_memory(self.before.clone()).expect("a valid account"));
        let gate = || Gate {
            state: Arc::default(),
            account: Arc::clone(&account),
            is_unshared: self.is_unshared,
        };
        let gates: Vec<Gate> = self.runs.iter().map(|_| gate()).collect();
        let begun = self.runs.iter().zip(&gates);
        let mut runs: Vec<Option<Running>> = begun
            .map(|(start, gate)| Some(start((Arc::clone(&account), gate.clone()))))
            .collect();
        let mut ends = vec![None; runs.len()];
        quiesce(&mut runs, &mut ends).await;
        let mut calls = Vec::new();
        for turn in &turns {
            let call = match *turn {
                Turn::Run(run) => gates[run].open(),
                Turn::Person(edit) => {
                    account.edit(self.edits[edit]);
                    None
                }
                Turn::Death(run) => {
                    runs[run] = None;
                    None
                }
            };
            calls.push((*turn, call));
            quiesce(&mut runs, &mut ends).await;
        }
        let document = account.document();
        let alive: Vec<usize> = (0..runs.len()).filter(|run| runs[*run].is_some()).collect();
        let ready: Vec<usize> = alive.iter().copied().filter(|run| gates[*run].is_waited_at()).collect();
        let next = self.next(&turns, &ready);
        let memory = |gate: &Gate| {
            let state = gate.state.lock().unwrap();
            hash(&(state.memory, &state.seen))
        };
        let memories: Vec<u64> = gates.iter().map(memory).collect();
        // With a limit, what is left of it is part of the state.
        let limit = self.switches_at_most.map(|_| (switches(&turns), turns.last().copied()));
        let key = hash(&(hash_of_debug(&document), memories, &alive, &next, limit));
        let moment = Moment {
            turns,
            calls,
            key,
            next,
            alive,
            ends,
            flaw: None,
            is_sought: false,
        };
        (moment, document)
    }

    /// What can come next. Nothing but the runs themselves goes on once they have ended.
    fn next(&self, turns: &[Turn], alive: &[usize]) -> Vec<Turn> {
        if alive.is_empty() {
            return Vec::new();
        }
        let mut next: Vec<Turn> = alive.iter().copied().map(Turn::Run).collect();
        let edits: BTreeSet<usize> = turns.iter().filter_map(Turn::edit).collect();
        if edits.len() < self.edits_at_most {
            let left = (0..self.edits.len()).filter(|edit| !edits.contains(edit));
            next.extend(left.map(Turn::Person));
        }
        let deaths = turns.iter().filter(|turn| matches!(turn, Turn::Death(_))).count();
        if deaths < self.deaths_at_most {
            next.extend(alive.iter().copied().map(Turn::Death));
        }
        if let Some(at_most) = self.switches_at_most
            && let Some(Turn::Run(last)) = turns.last()
            && alive.contains(last)
            && switches(turns) >= at_most
        {
            next.retain(|turn| !matches!(turn, Turn::Run(run) if run != last));
        }
        next
    }
}

/// How often another run had its turn than before.
fn switches(turns: &[Turn]) -> usize {
    let runs: Vec<usize> = turns.iter().filter_map(Turn::run).collect();
    runs.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

impl Turn {
    fn edit(&self) -> Option<usize> {
        match self {
            Self::Person(edit) => Some(*edit),
            _ => None,
        }
    }

    fn run(&self) -> Option<usize> {
        match self {
            Self::Run(run) => Some(*run),
            _ => None,
        }
    }
}

impl Model for World {
    type State = Moment;
    type Action = Turn;

    fn init_states(&self) -> Vec<Moment> {
        vec![self.replay(Vec::new())]
    }

    fn actions(&self, moment: &Moment, turns: &mut Vec<Turn>) {
        turns.extend(&moment.next);
    }

    fn next_state(&self, moment: &Moment, turn: Turn) -> Option<Moment> {
        let mut turns = moment.turns.clone();
        turns.push(turn);
        Some(self.replay(turns))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nothing goes wrong", |_, moment: &Moment| moment.flaw.is_none()),
            Property::sometimes("what is sought comes up", |_, moment: &Moment| moment.is_sought),
        ]
    }
}

/// What was explored.
#[derive(Clone, Copy, Debug, Default)]
pub struct Explored {
    pub states: usize,
    pub orders: usize,
}

impl std::ops::AddAssign for Explored {
    fn add_assign(&mut self, other: Self) {
        self.states += other.states;
        self.orders += other.orders;
    }
}

/// Explores all of a world, which has so many states at least.
pub fn explore(name: &str, world: World, at_least: usize) -> Explored {
    let begun = std::time::Instant::now();
    let checker = world
        .checker()
        .threads(2)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    if let Some(path) = checker.discovery("nothing goes wrong") {
        let last = path.last_state();
        panic!(
            "{name}: {}\nafter {:#?}\n{:?}",
            last.flaw.as_deref().unwrap_or_default(),
            last.calls,
            last.ends
        );
    }
    assert!(
        checker.discovery("what is sought comes up").is_some(),
        "{name}: less was explored than is said"
    );
    assert!(checker.is_done(), "{name}: not all was explored");
    let explored = Explored {
        states: checker.unique_state_count(),
        orders: checker.state_count(),
    };
    println!(
        "{name}: {explored:?}, {} turns at most, {:?}",
        checker.max_depth(),
        begun.elapsed()
    );
    assert!(explored.states >= at_least, "{name}: fewer states than {at_least}");
    explored
}
