//! Two writers: two runs on one database, in all orders with up to two preemptions at any call, and with three around
//! the writes that AWS does not guard; and a person who edits between any two calls.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use autoconnect::account::{AccountDocument, OfflineAccount, VpcSecurityGroupMembership};
use autoconnect::cloud::{Answer, Cloud, Operation};
use autoconnect::interrupt::Interrupt;
use autoconnect::observe::Target;
use autoconnect::reconcile::{Failure, Options, Outcome, RunResult, run};
use tokio::sync::Notify;

use crate::interposed::{Hook, Interposed};
use crate::scenarios::{
    Scenario, assert_heals, assert_nothing_lost, assert_safe, groups_on_database, rows_of_the_table,
};
use crate::stale_reads::settle;
use crate::support::{Script, setup};

/// Whose turn it is: each run does so many calls, and then the other, until the list is at its end.
struct Turns {
    state: Mutex<(usize, Vec<u32>)>,
    ended: [Mutex<bool>; 2],
    changed: Notify,
}

impl Turns {
    fn new(calls: &[u32]) -> Self {
        let mut calls = calls.to_vec();
        calls.reverse();
        Self {
            state: Mutex::new((0, calls)),
            ended: [Mutex::new(false), Mutex::new(false)],
            changed: Notify::new(),
        }
    }

    /// Waits for the turn of a run, and takes one call of it.
    async fn take(&self, me: usize) {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.state.lock().unwrap();
                if *self.ended[1 - me].lock().unwrap() {
                    return;
                }
                let (turn, left) = &mut *state;
                if *turn == me {
                    match left.last_mut() {
                        // The last of the list goes on to its end.
                        None => return,
                        Some(0) => {
                            left.pop();
                            *turn = 1 - me;
                            self.changed.notify_waiters();
                        }
                        Some(calls) => {
                            *calls -= 1;
                            return;
                        }
                    }
                }
            }
            changed.await;
        }
    }

    fn end(&self, me: usize) {
        *self.ended[me].lock().unwrap() = true;
        self.changed.notify_waiters();
    }
}

struct Turn<'a> {
    account: &'a OfflineAccount,
    me: usize,
    turns: &'a Turns,
    /// The calls of this run, in order.
    calls: &'a Mutex<Vec<Operation>>,
}

impl Hook for Turn<'_> {
    async fn around<T: Send>(&self, operation: Operation, call: impl Future<Output = Answer<T>> + Send) -> Answer<T> {
        self.turns.take(self.me).await;
        self.calls.lock().unwrap().push(operation);
        let answer = call.await;
        if operation.writes() {
            // A database that is modifying would refuse the other's write, and so guard the list: AWS promises no such thing.
            self.account.edit(settle);
        }
        answer
    }
}

struct Ended {
    outcomes: [Result<Outcome, Failure>; 2],
    calls: [Vec<Operation>; 2],
}

/// Both runs, in this order of calls.
async fn interleaved(account: &OfflineAccount, targets: &[Target; 2], order: &[u32]) -> Ended {
    let turns = Turns::new(order);
    let calls = [Mutex::default(), Mutex::default()];
    let options = Options::default();
    let one = async |me: usize| {
        let hook = Turn {
            account,
            me,
            turns: &turns,
            calls: &calls[me],
        };
        let cloud = Interposed { account, hook };
        let ended = run(&cloud, &targets[me], &options, &Script::default(), Interrupt::never()).await;
        turns.end(me);
        ended
    };
    let (first, second) = tokio::join!(Box::pin(one(0)), Box::pin(one(1)));
    Ended {
        outcomes: [first, second],
        calls: calls.map(|calls| calls.into_inner().unwrap()),
    }
}

/// Whoever ended well is connected at the end, whatever the other did; who did not, is by the next run.
async fn assert_both(scenario: &Scenario, targets: &[Target; 2], order: &[u32]) {
    let context = format!("{} after {order:?}", scenario.name);
    let account = OfflineAccount::in_memory(scenario.document.clone()).unwrap();
    let ended = interleaved(&account, targets, order).await;
    assert_nothing_lost(&scenario.document, &account.document(), &context);
    for (outcome, target) in ended.outcomes.iter().zip(targets) {
        let now = setup(&account, target).await;
        let now = now.unwrap_or_else(|failure| panic!("{context}: {failure}"));
        match outcome {
            Ok(_) => assert_eq!(
                now.result,
                RunResult::Unchanged,
                "{context}: it was told that it is connected"
            ),
            Err(failure) => assert!(
                [
                    "name-taken",
                    "not-verified",
                    "change-failed",
                    "busy",
                    "changed-meanwhile"
                ]
                .contains(&failure.error.code()),
                "{context}: {failure} ({})",
                failure.error.code()
            ),
        }
    }
    for target in targets {
        let writes = account.calls().write;
        assert_eq!(
            setup(&account, target).await.unwrap().result,
            RunResult::Unchanged,
            "{context}"
        );
        assert_eq!(account.calls().write, writes, "{context}");
    }
}

/// Every order with at most two preemptions; then three, around the writes that nothing guards.
async fn all_orders(scenario: &Scenario, targets: &[Target; 2]) -> u32 {
    let alone = {
        let account = OfflineAccount::in_memory(scenario.document.clone()).unwrap();
        interleaved(&account, targets, &[u32::MAX]).await.calls[0].clone()
    };
    let length = u32::try_from(alone.len()).unwrap();
    let mut orders = 0;
    for first in 0..=length {
        for second in 0..=length {
            assert_both(scenario, targets, &[first, second]).await;
            orders += 1;
        }
    }
    let unguarded = |operation: &Operation| {
        matches!(
            operation,
            Operation::ModifyDbCluster | Operation::ModifyDbInstance | Operation::ModifyDbProxy
        )
    };
    let writes: Vec<u32> = (0..length).filter(|at| unguarded(&alone[*at as usize])).collect();
    let near = |at: u32| {
        writes
            .iter()
            .any(|write| (write.saturating_sub(2)..=write + 3).contains(&at))
    };
    for first in (0..=length).filter(|at| near(*at)) {
        for second in (0..=length).filter(|at| near(*at)) {
            for third in 1..=4 {
                assert_both(scenario, targets, &[first, second, third]).await;
                orders += 1;
            }
        }
    }
    orders
}

fn pairs() -> Vec<(Scenario, [Target; 2])> {
    let fresh = rows_of_the_table()
        .into_iter()
        .filter(|scenario| scenario.name.contains("None/None"));
    fresh
        .flat_map(|scenario| {
            let other = Target {
                function: "g".into(),
                ..scenario.target.clone()
            };
            let same = [scenario.target.clone(), scenario.target.clone()];
            let two = [scenario.target.clone(), other];
            [(scenario.clone(), same), (scenario, two)]
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn two_runs_in_every_order() {
    let mut orders = 0;
    for (scenario, targets) in pairs() {
        orders += all_orders(&scenario, &targets).await;
    }
    println!("{orders} orders of two runs");
    assert!(orders > 5000, "{orders}");
}

struct Person<'a> {
    account: &'a OfflineAccount,
    at: u32,
    calls: &'a AtomicU32,
    edit: fn(&mut AccountDocument),
    /// The call right before which the edit was made.
    met: &'a Mutex<Option<Operation>>,
}

impl Hook for Person<'_> {
    async fn around<T: Send>(&self, operation: Operation, call: impl Future<Output = Answer<T>> + Send) -> Answer<T> {
        if self.calls.fetch_add(1, Ordering::Relaxed) == self.at {
            self.account.edit(self.edit);
            *self.met.lock().unwrap() = Some(operation);
        }
        call.await
    }
}

fn member(id: &str) -> VpcSecurityGroupMembership {
    serde_json::from_value(serde_json::json!({"VpcSecurityGroupId": id, "Status": "active"})).unwrap()
}

/// A person puts a group on the database or the function between any two calls: it is never lost, but for the one
/// moment between the read and the write of a database's list, which AWS does not guard (docs/safety.md).
#[tokio::test(start_paused = true)]
async fn what_a_person_adds_between_two_calls_stays() {
    let to_database: fn(&mut AccountDocument) = |document| groups_on_database(document).push(member("sg-base-p"));
    let to_function: fn(&mut AccountDocument) = |document| {
        let function = &mut document.functions[0];
        function
            .vpc_config
            .as_mut()
            .unwrap()
            .security_group_ids
            .push("sg-base-p".into());
        function.revision_id = Some("of-the-person".into());
    };
    let has = |document: &mut AccountDocument, database: bool| {
        if database {
            groups_on_database(document)
                .iter()
                .any(|group| group.vpc_security_group_id == "sg-base-p")
        } else {
            let config = document.functions[0].vpc_config.as_ref().unwrap();
            config.security_group_ids.iter().any(|group| group == "sg-base-p")
        }
    };
    let mut edits = 0;
    for scenario in rows_of_the_table() {
        for (edit, database) in [(to_database, true), (to_function, false)] {
            for at in 0.. {
                let context = format!("{}: database {database}, before call {at}", scenario.name);
                let account = OfflineAccount::in_memory(scenario.document.clone()).unwrap();
                let (calls, met) = (AtomicU32::new(0), Mutex::new(None));
                let hook = Person {
                    account: &account,
                    at,
                    calls: &calls,
                    edit,
                    met: &met,
                };
                let cloud = Interposed {
                    account: &account,
                    hook,
                };
                let options = Options::default();
                let ended = run(
                    &cloud,
                    &scenario.target,
                    &options,
                    &Script::default(),
                    Interrupt::never(),
                )
                .await;
                let Some(next) = *met.lock().unwrap() else { break };
                edits += 1;
                let unguarded = matches!(next, Operation::ModifyDbCluster | Operation::ModifyDbInstance);
                let mut after = account.document();
                assert!(
                    has(&mut after, database) || (database && unguarded),
                    "{context}: the person's group is lost"
                );
                assert_safe(&scenario.document, &after, &context);
                if let Err(failure) = ended {
                    panic!("{context}: {failure}");
                }
                assert_heals(&scenario, &account, &context).await;
            }
        }
    }
    println!("{edits} edits by a person");
    assert!(edits > 1000, "{edits}");
}
