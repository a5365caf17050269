//! The crash matrix: every starting state, every call, three ways to die there.

use std::sync::atomic::{AtomicU32, Ordering};

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::{Answer, CloudError, Fault, Operation};
use autoconnect::interrupt::Interrupt;
use autoconnect::observe::Target;
use autoconnect::reconcile::{Failure, Options, converge};
use autoconnect::removal::RemovalWish;
use tokio::sync::Notify;

use crate::interposed::{Hook, Interposed};
use crate::removals::disconnect;
use crate::scenarios::{
    Scenario, all_rows, assert_heals, assert_safe, base, publish, row, rows_of_the_table, versions_that_reach,
    with_new_resources,
};
use crate::support::{Script, connected, in_memory, run, thoroughly};

/// How a run dies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Death {
    /// The process dies before the call.
    Before,
    /// The process dies right after the call was carried out.
    After,
    /// The call is carried out, and its answer is lost; the process lives on.
    AnswerLost,
}

/// All of them.
pub const DEATHS: [Death; 3] = [Death::Before, Death::After, Death::AnswerLost];

/// Dies at its n-th call, counted from 0.
pub struct Crash<'a> {
    at: u32,
    death: Death,
    calls: &'a AtomicU32,
    dead: &'a Notify,
}

impl Hook for Crash<'_> {
    async fn around<T: std::fmt::Debug + Send>(
        &self,
        operation: Operation,
        call: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        if self.calls.fetch_add(1, Ordering::Relaxed) != self.at {
            return call.await;
        }
        if self.death == Death::Before {
            self.dead.notify_one();
            std::future::pending::<()>().await;
        }
        let answer = call.await;
        if self.death == Death::AnswerLost {
            return answer.and(Err(CloudError::new(operation, Fault::TimedOut)));
        }
        self.dead.notify_one();
        std::future::pending().await
    }
}

/// How a run ended that is to die at one call, if it did end, and how many calls there were.
pub async fn crashing<T>(
    account: &OfflineAccount,
    at: u32,
    death: Death,
    run: impl AsyncFnOnce(&Interposed<'_, Crash<'_>>) -> T,
) -> (Option<T>, u32) {
    let (calls, dead) = (AtomicU32::new(0), Notify::new());
    let hook = Crash {
        at,
        death,
        calls: &calls,
        dead: &dead,
    };
    let cloud = Interposed { account, hook };
    let ended = tokio::select! {
        ended = run(&cloud) => Some(ended),
        () = dead.notified() => None,
    };
    (ended, calls.load(Ordering::Relaxed))
}

/// What a run has left that died, or lost an answer, at one of its calls.
pub struct Left {
    pub account: OfflineAccount,
    /// How it died, as text.
    pub context: String,
}

/// Lets a run die at each of its calls in turn, in each way, each time on an account of its own with this document, and
/// judges what it has left; last what it leaves if nothing happens to it. How many deaths there were.
///
/// Where few deaths are tried, none is before a call, since that leaves what a death after the call before it leaves; and an
/// account like the one just judged is not judged again, which is what most deaths after reads leave.
///
/// A run that has lost an answer may end with an error, and only with that of the lost answer.
pub async fn each_death<T>(
    document: &AccountDocument,
    run: impl AsyncFn(&Interposed<'_, Crash<'_>>) -> Result<T, Failure>,
    mut judge: impl AsyncFnMut(Left),
) -> u32 {
    let mut deaths = 0;
    for &death in thoroughly([&DEATHS[1..], &DEATHS]) {
        let mut judged = None;
        for at in 0.. {
            let account = in_memory(document);
            let (ended, calls) = Box::pin(crashing(&account, at, death, &run)).await;
            let (is_hit, context) = (calls > at, format!("{death:?} call {at}"));
            if let Some(Err(failure)) = &ended {
                let expected = (Death::AnswerLost, "timed-out");
                assert_eq!((death, failure.error.code()), expected, "{context}: {failure}");
            }
            let left = account.document();
            if thoroughly([judged.as_ref() != Some(&left), true]) {
                Box::pin(judge(Left { account, context })).await;
                judged = Some(left);
            }
            if !is_hit {
                break;
            }
            deaths += 1;
        }
    }
    deaths
}

/// Dies at each call in turn, and heals. How many deaths there were.
async fn matrix(scenarios: Vec<Scenario>) -> u32 {
    let (options, mut deaths) = (Options::default(), 0);
    for scenario in scenarios {
        let dying = async |cloud: &Interposed<'_, Crash<'_>>| {
            let front = Script::default();
            run(cloud, &scenario.target, &options, &front, Interrupt::never()).await
        };
        let heals = async |left: Left| {
            let context = format!("{}, {}", scenario.name, left.context);
            assert_safe(&scenario.document, &left.account.document(), &context);
            assert_heals(&scenario, &left.account, &context).await;
        };
        deaths += each_death(&scenario.document, dying, heals).await;
    }
    deaths
}

#[tokio::test(start_paused = true)]
async fn each_combination_of_the_table_survives_each_death() {
    let usual = rows_of_the_table().into_iter().step_by(3).collect();
    let deaths = matrix(thoroughly([usual, all_rows()])).await;
    println!("{deaths} crashes healed");
    assert!(deaths > thoroughly([500, 6000]), "{deaths}");
}

#[tokio::test(start_paused = true)]
async fn new_resources_survive_each_death() {
    let deaths = matrix(with_new_resources()).await;
    println!("{deaths} crashes healed");
    assert!(deaths > 400, "{deaths}");
}

/// The groups of a published version stay, with its way to the database, wherever a run dies: one that takes them into use
/// again, one that shares them, and one that makes another set because someone has changed them.
#[tokio::test(start_paused = true)]
async fn what_a_version_uses_survives_each_death() {
    let mut scenarios = Vec::new();
    for scenario in base() {
        let mut document = connected(&scenario.document, &scenario.target).await;
        publish(&mut document, "f");
        let account = in_memory(&document);
        let goal = disconnect(&scenario.target, RemovalWish::default());
        let (options, front) = (Options::default(), Script::default());
        Box::pin(converge(&account, &goal, &options, &front, Interrupt::never()))
            .await
            .unwrap();
        let removed = account.document();
        let mut changed = removed.clone();
        let mut groups = changed.security_groups.iter_mut();
        let group = groups.find(|group| group.group_name.starts_with("rds-")).unwrap();
        let mut rule = group.ip_permissions[0].clone();
        (rule.from_port, rule.to_port) = (Some(22), Some(22));
        group.ip_permissions.push(rule);
        for (what, document, function) in [
            ("removed", &removed, "f"),
            ("removed", &removed, "g"),
            ("connected", &document, "g"),
            ("changed", &changed, "f"),
        ] {
            assert_eq!(versions_that_reach(document).len(), 1, "{}, {what}", scenario.name);
            scenarios.push(Scenario {
                name: format!("{}, version of f, {what}, for {function}", scenario.name),
                document: document.clone(),
                target: Target {
                    function: function.to_owned(),
                    ..scenario.target.clone()
                },
            });
        }
    }
    let deaths = matrix(scenarios).await;
    println!("{deaths} crashes beside a published version healed");
    assert!(deaths > 500, "{deaths}");
}

/// The run that finishes what another one has left dies too.
#[tokio::test(start_paused = true)]
async fn the_run_that_heals_dies_too() {
    let one = vec![row("cluster None/None/None")];
    let mut deaths = 0;
    for scenario in thoroughly([one.clone(), one, all_rows()]) {
        for first in 0.. {
            let account = in_memory(&scenario.document);
            if !dies(&scenario, &account, first).await {
                break;
            }
            for second in 0.. {
                let account = in_memory(&account.document());
                if !dies(&scenario, &account, second).await {
                    break;
                }
                let context = format!("{}, dead after calls {first} and {second}", scenario.name);
                assert_heals(&scenario, &account, &context).await;
                deaths += 1;
            }
        }
    }
    println!("{deaths} crashes of two runs healed");
    assert!(deaths > 300, "{deaths}");
}

/// Whether the run died right after this call, and did not come to its end before.
async fn dies(scenario: &Scenario, account: &OfflineAccount, at: u32) -> bool {
    let (front, options) = (Script::default(), Options::default());
    let (_, calls) = crashing(account, at, Death::After, async |cloud| {
        run(cloud, &scenario.target, &options, &front, Interrupt::never()).await
    })
    .await;
    calls > at
}
