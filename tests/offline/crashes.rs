//! The crash matrix: every starting state, every call, three ways to die there.

use std::sync::atomic::{AtomicU32, Ordering};

use autoconnect::account::OfflineAccount;
use autoconnect::cloud::{Answer, CloudError, Fault, Operation};
use autoconnect::interrupt::Interrupt;
use autoconnect::reconcile::{Options, run};
use tokio::sync::Notify;

use crate::interposed::{Hook, Interposed};
use crate::scenarios::{Scenario, all_rows, assert_heals, assert_safe, row, with_new_resources};
use crate::support::{Script, thoroughly};

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

/// Dies at one call. How many calls there were in all, if it lived.
async fn dies(scenario: &Scenario, account: &OfflineAccount, at: u32, death: Death) -> Option<u32> {
    let (front, options) = (Script::default(), Options::default());
    let (ended, calls) = crashing(account, at, death, async |cloud| {
        run(cloud, &scenario.target, &options, &front, Interrupt::never()).await
    })
    .await;
    if let Some(Err(failure)) = ended {
        // A lost answer of a read ends the run with an error of its own.
        assert_eq!(death, Death::AnswerLost, "{}: {failure}", scenario.name);
        assert_eq!(failure.error.code(), "timed-out", "{}: {failure}", scenario.name);
    }
    (calls <= at).then_some(calls)
}

/// Dies at each call in turn, and heals. How many deaths there were.
async fn matrix(scenarios: Vec<Scenario>) -> u32 {
    let mut deaths = 0;
    for scenario in scenarios {
        for death in DEATHS {
            for at in 0.. {
                let account = OfflineAccount::in_memory(scenario.document.clone()).unwrap();
                let lived = dies(&scenario, &account, at, death).await;
                let context = format!("{}, {death:?} call {at}", scenario.name);
                assert_safe(&scenario.document, &account.document(), &context);
                if lived.is_some() {
                    break;
                }
                assert_heals(&scenario, &account, &context).await;
                deaths += 1;
            }
        }
    }
    deaths
}

#[tokio::test(start_paused = true)]
async fn each_combination_of_the_table_survives_each_death() {
    let deaths = matrix(all_rows()).await;
    println!("{deaths} crashes healed");
    assert!(deaths > 6000, "{deaths}");
}

#[tokio::test(start_paused = true)]
async fn new_resources_survive_each_death() {
    let deaths = matrix(with_new_resources()).await;
    println!("{deaths} crashes healed");
    assert!(deaths > 600, "{deaths}");
}

/// The run that finishes what another one has left dies too.
#[tokio::test(start_paused = true)]
async fn the_run_that_heals_dies_too() {
    let mut deaths = 0;
    for scenario in thoroughly(vec![row("cluster None/None/None")], all_rows()) {
        for first in 0.. {
            let account = OfflineAccount::in_memory(scenario.document.clone()).unwrap();
            let has_lived = dies(&scenario, &account, first, Death::After).await.is_some();
            if has_lived {
                break;
            }
            for second in 0.. {
                let account = OfflineAccount::in_memory(account.document()).unwrap();
                let has_lived = dies(&scenario, &account, second, Death::After).await.is_some();
                if has_lived {
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
