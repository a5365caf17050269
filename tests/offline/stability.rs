//! Eventually stable reconciliation (Anvil's property), from random accounts and through random faults: the goal is reached
//! within as many rounds as there are faults and one more, whatever came before; and from then on nothing changes.

use std::sync::{LazyLock, Mutex};

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::{Answer, Cloud, CloudError, Fault, Operation};
use autoconnect::interrupt::Interrupt;
use autoconnect::preconditions::Unmet;
use autoconnect::reconcile::{Ending, Failure, Options, RunError};
use proptest::prelude::*;
use tokio::sync::Notify;

use crate::interposed::{Hook, Interposed};
use crate::random_accounts::{Change, after, changes};
use crate::scenarios::{Scenario, all_rows, assert_safe, with_new_resources};
use crate::stale_reads::settle;
use crate::support::{Outcome, Script, in_virtual_time, run, setup, thoroughly};

/// What goes wrong at a call.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Throttled,
    ServerError,
    /// Carried out, and no answer.
    Lost,
    AccessDenied,
    Busy,
    NotFound,
    /// The process dies, before or after the call.
    Dies {
        after: bool,
    },
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        Just(Trouble::Throttled),
        Just(Trouble::ServerError),
        Just(Trouble::Lost),
        Just(Trouble::AccessDenied),
        Just(Trouble::Busy),
        Just(Trouble::NotFound),
        any::<bool>().prop_map(|after| Trouble::Dies { after }),
    ]
}

/// Each trouble comes so many calls after the one before, the last of the list first.
struct Troubled<'a> {
    left: &'a Mutex<Vec<(u32, Trouble)>>,
    dead: &'a Notify,
}

impl Hook for Troubled<'_> {
    async fn around<T: std::fmt::Debug + Send>(
        &self,
        operation: Operation,
        call: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        let trouble = {
            let mut left = self.left.lock().unwrap();
            match left.last_mut() {
                Some((0, _)) => left.pop().map(|(_, trouble)| trouble),
                Some((calls, _)) => {
                    *calls -= 1;
                    None
                }
                None => None,
            }
        };
        let words = "trouble of the test".to_owned();
        let fault = match trouble {
            None => return call.await,
            Some(Trouble::Lost) => {
                let _ = call.await;
                Fault::TimedOut
            }
            Some(Trouble::Dies { after }) => {
                if after {
                    let _ = call.await;
                }
                self.dead.notify_one();
                std::future::pending().await
            }
            Some(Trouble::Throttled) => Fault::Throttled(words),
            Some(Trouble::ServerError) => Fault::Unavailable(words),
            Some(Trouble::AccessDenied) => Fault::AccessDenied {
                action: operation.iam_action().to_owned(),
                resource: None,
                message: words,
            },
            Some(Trouble::Busy) => Fault::Busy(words),
            Some(Trouble::NotFound) => Fault::NotFound(words),
        };
        Err(CloudError::new(operation, fault))
    }
}

/// An account, and what is still to go wrong in it.
struct World {
    account: OfflineAccount,
    left: Mutex<Vec<(u32, Trouble)>>,
}

impl World {
    /// A run; none where it dies.
    async fn round(&self, scenario: &Scenario) -> Option<Result<Outcome, Failure>> {
        let dead = Notify::new();
        let hook = Troubled {
            left: &self.left,
            dead: &dead,
        };
        let cloud = Interposed {
            account: &self.account,
            hook,
        };
        let (options, front) = (Options::default(), Script::default());
        tokio::select! {
            ended = run(&cloud, &scenario.target, &options, &front, Interrupt::never()) => Some(ended),
            () = dead.notified() => None,
        }
    }

    fn troubles_left(&self) -> usize {
        self.left.lock().unwrap().len()
    }

    fn settled(&self) -> AccountDocument {
        let mut document = self.account.document();
        settle(&mut document);
        document
    }
}

/// The requirement that does not hold, where nothing goes wrong and yet the goal cannot be reached.
async fn refused_for(scenario: &Scenario) -> Option<RunError> {
    let account = OfflineAccount::in_memory(scenario.document.clone()).unwrap();
    let failure = setup(&account, &scenario.target).await.err()?;
    assert!(
        matches!(failure.error, RunError::Unmet(_)) && failure.applied.is_empty(),
        "{}: {failure} after {:?}",
        scenario.name,
        failure.applied
    );
    Some(failure.error)
}

async fn reaches_the_goal(
    mut scenario: Scenario,
    changes: Vec<Change>,
    hidden_for: u32,
    troubles: Vec<(u32, Trouble)>,
) {
    scenario.document = after(&scenario, &changes).await;
    let context = format!("{} after {changes:?} with {troubles:?}", scenario.name);
    let mut refused = refused_for(&scenario).await;
    // What ends by itself is no refusal for good: a round that goes wrong may last until then.
    if matches!(
        refused,
        Some(RunError::Unmet(Unmet::DatabaseNotAvailable { ends: true, .. }))
    ) {
        settle(&mut scenario.document);
        refused = refused_for(&scenario).await;
    }
    let rounds = troubles.len() + 1;
    let world = World {
        account: OfflineAccount::eventually_consistent(scenario.document.clone(), hidden_for).unwrap(),
        left: Mutex::new(troubles),
    };
    let mut reached = None;
    for _ in 0..rounds {
        let troubles = world.troubles_left();
        let ended = world.round(&scenario).await;
        assert_safe(&scenario.document, &world.account.document(), &context);
        match ended {
            Some(Ok(_)) => {
                reached = Some(world.settled());
                break;
            }
            ended if world.troubles_left() == troubles => {
                let error = ended.and_then(Result::err).map(|failure| failure.error);
                assert_eq!(error, refused, "it fails, and nothing went wrong: {context}");
                break;
            }
            _ => {}
        }
    }
    if refused.is_some() {
        assert_eq!(world.account.calls().write, 0, "{context}");
        return;
    }
    let reached = reached.unwrap_or_else(|| panic!("not connected after {rounds} rounds: {context}"));
    // What else goes wrong changes nothing.
    for _ in 0..3 {
        let _ = world.round(&scenario).await;
        assert_eq!(world.settled(), reached, "not stable: {context}");
    }
    let writes = world.account.calls().write;
    let stable = setup(&world.account, &scenario.target).await.unwrap();
    assert_eq!(
        (stable.ending, world.account.calls().write),
        (Ending::Unchanged, writes),
        "{context}"
    );
}

static SCENARIOS: LazyLock<Vec<Scenario>> =
    LazyLock::new(|| all_rows().into_iter().chain(with_new_resources()).collect());

proptest! {
    #![proptest_config(ProptestConfig { cases: thoroughly([100, 1000, 50_000]), ..ProptestConfig::default() })]

    #[test]
    fn the_goal_is_reached_and_holds(
        which in any::<prop::sample::Index>(),
        changes in changes(),
        hidden_for in 0..3_u32,
        troubles in prop::collection::vec((0..40_u32, trouble()), 0..6),
    ) {
        let scenario = which.get(&SCENARIOS).clone();
        in_virtual_time(reaches_the_goal(scenario, changes, hidden_for, troubles));
    }
}
