//! Eventually stable reconciliation (Anvil's property), from random accounts and through random faults: the goal is reached
//! within as many rounds as there are faults and one more, whatever came before; and from then on nothing changes.

use std::sync::{LazyLock, Mutex};

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::{Answer, Cloud, CloudError, Fault, Operation};
use autoconnect::preconditions::Unmet;
use autoconnect::reconcile::{Ending, Failure, RunError};
use proptest::prelude::*;
use tokio::sync::Notify;

use crate::goals::{Aim, goals};
use crate::interposed::{Hook, Interposed};
use crate::random_accounts::{after, changes};
use crate::scenarios::{Scenario, all_rows, with_new_resources};
use crate::stale_reads::settle;
use crate::support::{in_memory, in_virtual_time, thoroughly};

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
    fn new(document: &AccountDocument, hidden_for: u32, troubles: Vec<(u32, Trouble)>) -> Self {
        Self {
            account: OfflineAccount::eventually_consistent(document.clone(), hidden_for).unwrap(),
            left: Mutex::new(troubles),
        }
    }

    /// A run; none where it dies.
    async fn round(&self, aim: &Aim) -> Option<Result<Ending, Failure>> {
        let dead = Notify::new();
        let hook = Troubled {
            left: &self.left,
            dead: &dead,
        };
        let cloud = Interposed {
            account: &self.account,
            hook,
        };
        tokio::select! {
            ended = aim.goal.run(&cloud) => Some(ended),
            () = dead.notified() => None,
        }
    }

    fn troubles_left(&self) -> usize {
        self.left.lock().unwrap().len()
    }

    fn refusals_left(&self) -> usize {
        let left = self.left.lock().unwrap();
        let refusals = left
            .iter()
            .filter(|(_, trouble)| matches!(trouble, Trouble::AccessDenied));
        refusals.count()
    }

    fn settled(&self) -> AccountDocument {
        let mut document = self.account.document();
        settle(&mut document);
        document
    }
}

/// The requirement that does not hold, where nothing goes wrong and yet the goal cannot be reached.
async fn refused_for(aim: &Aim, document: &AccountDocument) -> Option<RunError> {
    let account = in_memory(document);
    let failure = aim.goal.run(&account).await.err()?;
    assert!(
        matches!(failure.error, RunError::Unmet(_)) && failure.applied.is_empty(),
        "{}: {failure} after {:?}",
        aim.name,
        failure.applied
    );
    Some(failure.error)
}

/// The goal is reached, and then stays; what was left, or nothing where the goal cannot be reached.
async fn reaches_the_goal(aim: &Aim, hidden_for: u32, troubles: Vec<(u32, Trouble)>) -> Option<OfflineAccount> {
    let context = format!("{} with {troubles:?}, new groups hidden for {hidden_for}", aim.name);
    let mut document = aim.document.clone();
    let mut refused = refused_for(aim, &document).await;
    // What ends by itself is no refusal for good: a round that goes wrong may last until then.
    if matches!(
        refused,
        Some(RunError::Unmet(Unmet::DatabaseNotAvailable { ends: true, .. }))
    ) {
        settle(&mut document);
        refused = refused_for(aim, &document).await;
    }
    let rounds = troubles.len() + 1;
    let world = World::new(&document, hidden_for, troubles);
    let mut reached = None;
    for _ in 0..rounds {
        let (troubles, refusals) = (world.troubles_left(), world.refusals_left());
        let ended = world.round(aim).await;
        let is_partial = aim.leaves_what_it_may_not_read && world.refusals_left() < refusals;
        (aim.judge)(&document, &world.account.document(), &context);
        match ended {
            Some(Ok(_)) if !is_partial => {
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
        return None;
    }
    let reached = reached.unwrap_or_else(|| panic!("not reached after {rounds} rounds: {context}"));
    // What else goes wrong changes nothing.
    for _ in 0..3 {
        let _ = world.round(aim).await;
        assert_eq!(world.settled(), reached, "not stable: {context}");
    }
    let writes = world.account.calls().write;
    let stable = aim.goal.run(&world.account).await.unwrap();
    assert_eq!(
        (stable, world.account.calls().write),
        (Ending::Unchanged, writes),
        "{context}"
    );
    Some(world.account)
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
        let mut scenario = which.get(&SCENARIOS).clone();
        in_virtual_time(async {
            scenario.document = after(&scenario, &changes).await;
            scenario.name = format!("{} after {changes:?}", scenario.name);
            reaches_the_goal(&Aim::setup(&scenario), hidden_for, troubles).await;
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: thoroughly([40, 400, 20_000]), ..ProptestConfig::default() })]

    #[test]
    fn each_goal_is_reached_and_holds(
        which in any::<prop::sample::Index>(),
        hidden_for in 0..3_u32,
        troubles in prop::collection::vec((0..40_u32, trouble()), 0..6),
    ) {
        in_virtual_time(async {
            let mut goals = goals().await;
            let aim = goals.swap_remove(which.index(goals.len()));
            let left = aim.left().await;
            let context = format!("{} with {troubles:?}", aim.name);
            let account = reaches_the_goal(&aim, hidden_for, troubles).await.expect("nothing refuses it");
            aim.assert_left(&account, &left, &context).await;
        });
    }
}
