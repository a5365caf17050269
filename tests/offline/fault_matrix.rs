//! The fault matrix: every operation that the program uses, and every way in which it can fail.

use std::collections::BTreeSet;
use std::sync::Mutex;

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::{Answer, CloudError, Fault, Operation};
use autoconnect::observe::{EXPORT_READS, network, role};
use autoconnect::plan;

use crate::interposed::{Hook, Interposed};
use crate::scenarios::{Scenario, assert_heals, assert_safe, rows_of_the_table, with_new_resources};
use crate::support::{in_memory, setup, setup_interrupted_at, thoroughly};

/// A way in which a call fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Failure {
    Throttled,
    ServerError,
    TimedOutApplied,
    TimedOutNotApplied,
    AccessDenied,
    NotFound,
    Duplicate,
    QuotaReached,
    PreconditionFailed,
    WrongState,
    RoleNotReady,
}

pub const FAILURES: [Failure; 11] = [
    Failure::Throttled,
    Failure::ServerError,
    Failure::TimedOutApplied,
    Failure::TimedOutNotApplied,
    Failure::AccessDenied,
    Failure::NotFound,
    Failure::Duplicate,
    Failure::QuotaReached,
    Failure::PreconditionFailed,
    Failure::WrongState,
    Failure::RoleNotReady,
];

impl Failure {
    fn fault(self, operation: Operation) -> Fault {
        let words = "fault of the test".to_owned();
        match self {
            Self::Throttled => Fault::Throttled(words),
            Self::ServerError => Fault::Unavailable(words),
            Self::TimedOutApplied | Self::TimedOutNotApplied => Fault::TimedOut,
            Self::AccessDenied => Fault::AccessDenied {
                action: operation.iam_action().to_owned(),
                resource: None,
                message: words,
            },
            Self::NotFound => Fault::NotFound(words),
            Self::Duplicate => Fault::Duplicate(words),
            Self::QuotaReached => Fault::LimitExceeded(words),
            Self::PreconditionFailed => Fault::PreconditionFailed(words),
            Self::WrongState => Fault::Busy(words),
            Self::RoleNotReady => Fault::RoleNotReady(words),
        }
    }
}

/// Which calls of an operation fail: from the n-th on, so many.
#[derive(Clone, Copy, Debug)]
pub struct Which {
    pub operation: Operation,
    pub from: u32,
    pub times: u32,
}

#[derive(Default)]
pub struct Tally {
    pub calls: u32,
    pub used: BTreeSet<Operation>,
    /// Writes that were carried out and answered, and those whose answer was lost.
    pub written: usize,
    pub lost: usize,
}

pub struct Faults<'a> {
    pub which: Which,
    pub failure: Failure,
    pub tally: &'a Mutex<Tally>,
}

impl Hook for Faults<'_> {
    async fn around<T: std::fmt::Debug + Send>(
        &self,
        operation: Operation,
        call: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        let fails = {
            let mut tally = self.tally.lock().unwrap();
            tally.used.insert(operation);
            let fails = operation == self.which.operation
                && (self.which.from..self.which.from.saturating_add(self.which.times)).contains(&tally.calls);
            tally.calls += u32::from(operation == self.which.operation);
            fails
        };
        if !fails {
            let answer = call.await;
            self.tally.lock().unwrap().written += usize::from(answer.is_ok() && operation.writes());
            return answer;
        }
        // AWS says that something is there already only where it is: an earlier attempt of the same call has made it.
        if matches!(self.failure, Failure::TimedOutApplied | Failure::Duplicate) {
            let answer = call.await;
            self.tally.lock().unwrap().lost += usize::from(answer.is_ok() && operation.writes());
            if answer.is_err() && matches!(self.failure, Failure::Duplicate) {
                return answer;
            }
        }
        Err(CloudError::new(operation, self.failure.fault(operation)))
    }
}

fn scenarios() -> Vec<Scenario> {
    // Of the table the two extremes, and what is made besides: each operation is in one of them.
    let mut scenarios: Vec<Scenario> = rows_of_the_table()
        .into_iter()
        .filter(|scenario| scenario.name.contains("None/None") || scenario.name.contains("Fit/Available"))
        .step_by(thoroughly([3, 1]))
        .collect();
    scenarios.extend(with_new_resources());
    scenarios
}

/// What a run left that died when it had made its roles and its secret: they are compared before they are taken over.
async fn with_half_made_resources() -> Scenario {
    let mut scenarios = with_new_resources().into_iter();
    let scenario = scenarios
        .find(|scenario| scenario.target.new_function.is_some() && scenario.target.iam_required)
        .unwrap();
    let roles = |document: &AccountDocument| document.roles.iter().filter(|role| !role.tags.is_empty()).count();
    for call in 0.. {
        let account = in_memory(&scenario.document);
        let ended = setup_interrupted_at(call, &account, &scenario.target).await;
        assert!(ended.is_err(), "the run was not interrupted in time");
        let mut document = account.document();
        if roles(&document) == 2 {
            // The proxy and its target are made before the function's role: here they are gone.
            document.db_proxies.retain(|proxy| proxy.tags.is_empty());
            return Scenario {
                name: format!("{}, half made", scenario.name),
                document,
                target: scenario.target,
            };
        }
    }
    unreachable!("the loop has no end")
}

/// What a run has left of whose calls some failed.
pub struct Failed<T> {
    pub account: OfflineAccount,
    pub ended: Result<T, autoconnect::reconcile::Failure>,
    /// Which failed, as text.
    pub context: String,
}

/// Runs on an account of its own with this document, and lets these calls fail; what the run has left, if it was met. An error
/// names all that was written, except for answers that were lost for good, and is never a mistake of the program's.
async fn with_fault<T>(
    document: &AccountDocument,
    (which, failure): (Which, Failure),
    used: &mut BTreeSet<Operation>,
    run: impl AsyncFn(&Interposed<'_, Faults<'_>>) -> Result<T, autoconnect::reconcile::Failure>,
) -> Option<Failed<T>> {
    let context = format!("{failure:?} at {which:?}");
    let account = in_memory(document);
    let tally = Mutex::default();
    let hook = Faults {
        which,
        failure,
        tally: &tally,
    };
    let cloud = Interposed {
        account: &account,
        hook,
    };
    let ended = Box::pin(run(&cloud)).await;
    let tally = tally.into_inner().unwrap();
    used.extend(&tally.used);
    if tally.calls <= which.from {
        return None;
    }
    if let Err(ended) = &ended {
        let mistakes = ["flawed-plan", "malformed-answer"];
        assert!(!mistakes.contains(&ended.error.code()), "{context}: {ended}");
        assert!(!ended.error.to_string().is_empty());
        let (told, done) = (ended.applied.len(), tally.written);
        assert!(
            (done..=done + tally.lost).contains(&told),
            "{context}: {told} writes told, {done} done, {} lost: {ended}",
            tally.lost
        );
    }
    Some(Failed {
        account,
        ended,
        context,
    })
}

/// Lets each operation of a run fail in each way: once, twice after the first call, and always (usually in one of these
/// ways, by turns); and judges what is left. How many faults there were, and the operations that were used.
pub async fn each_fault<T>(
    document: &AccountDocument,
    run: impl AsyncFn(&Interposed<'_, Faults<'_>>) -> Result<T, autoconnect::reconcile::Failure>,
    mut judge: impl AsyncFnMut(Failed<T>),
) -> (u32, BTreeSet<Operation>) {
    let (mut injected, mut used) = (0, BTreeSet::new());
    let calls = [(0, 1), (1, 2), (0, u32::MAX)];
    // An operation that a run without a fault does not call has no call that could fail.
    let never = Which {
        operation: Operation::ListFunctions,
        from: u32::MAX,
        times: 0,
    };
    with_fault(document, (never, FAILURES[0]), &mut used, &run).await;
    for (row, operation) in used.clone().into_iter().enumerate() {
        for (column, failure) in FAILURES.into_iter().enumerate() {
            let turn = (row + column) % calls.len();
            for &(from, times) in thoroughly([&calls[turn..=turn], &calls]) {
                let which = Which { operation, from, times };
                let Some(failed) = with_fault(document, (which, failure), &mut used, &run).await else {
                    break;
                };
                injected += 1;
                Box::pin(judge(failed)).await;
            }
        }
    }
    (injected, used)
}

/// Runs with a fault; whatever came of it is safe, reported, and healed by the next run. Whether the fault was met.
async fn survives(scenario: &Scenario, which: Which, failure: Failure, used: &mut BTreeSet<Operation>) -> bool {
    let failed = with_fault(&scenario.document, (which, failure), used, async |cloud| {
        setup(cloud, &scenario.target).await
    });
    let Some(failed) = failed.await else { return false };
    let context = format!("{}: {}", scenario.name, failed.context);
    assert_safe(&scenario.document, &failed.account.document(), &context);
    if let Ok(outcome) = failed.ended {
        assert!(!outcome.ending.is_pending(), "{context}");
    }
    assert_heals(scenario, &failed.account, &context).await;
    true
}

/// The operations of a run that meets no fault.
async fn operations_of(scenario: &Scenario) -> BTreeSet<Operation> {
    let never = Which {
        operation: Operation::ListFunctions,
        from: u32::MAX,
        times: 0,
    };
    let mut used = BTreeSet::new();
    survives(scenario, never, FAILURES[0], &mut used).await;
    used
}

#[tokio::test(start_paused = true)]
async fn every_operation_survives_every_fault() {
    let calls = [(0, 1), (0, u32::MAX), (1, 1), (2, 3)];
    let mut used = BTreeSet::new();
    let (mut injected, mut rows) = (0, BTreeSet::new());
    let mut scenarios = scenarios();
    scenarios.push(with_half_made_resources().await);
    // Usually each operation fails in half of the ways in one scenario, and in the others in the next one.
    let nth = thoroughly([2, 1]);
    for (number, scenario) in scenarios.into_iter().enumerate() {
        for (row, operation) in Box::pin(operations_of(&scenario)).await.into_iter().enumerate() {
            rows.insert(operation);
            let failures = FAILURES.into_iter().enumerate();
            for (_, failure) in failures.filter(|(column, _)| (number + row + column) % nth == 0) {
                let turn = row / 2 % 2;
                for &(from, times) in thoroughly([&calls[turn..=turn], &calls]) {
                    let which = Which { operation, from, times };
                    injected += u32::from(survives(&scenario, which, failure, &mut used).await);
                }
            }
        }
    }
    println!("{injected} faults injected");
    assert!(injected > thoroughly([500, 5000]), "{injected}");
    // What shows whether a set without rules, or a proxy, may be taken over is read only after a fault has left such: where
    // these may not be read nothing is taken over (tests/offline/adoption.rs, tests/offline/policies.rs).
    let of_taking_over = [
        Operation::ListFunctions,
        Operation::DescribeNetworkInterfaces,
        Operation::DescribeDbProxyTargetGroups,
    ];
    let expected: BTreeSet<Operation> = used
        .iter()
        .copied()
        .filter(|used| !of_taking_over.contains(used))
        .collect();
    rows.retain(|row| !of_taking_over.contains(row));
    assert_eq!(
        rows, expected,
        "operations that are called only after a fault have no row"
    );
    // Names are only listed for a wrong name, which tests/offline/requirements.rs gives; other commands have operations
    // of their own, the tags of all functions and proxies are read for many connections, and the quota is read only where a resource is nearly full (tests/offline/quotas.rs).
    let others = [
        network::READS,
        role::ROLE_READS,
        EXPORT_READS,
        plan::network::OPERATIONS,
        plan::removal::OPERATIONS,
        &[
            Operation::ListFunctions,
            Operation::GetResources,
            Operation::ListRoles,
            Operation::GetServiceQuota,
            Operation::DescribeVpcEndpointServices,
            Operation::DescribeClusterV2,
            Operation::ListClustersV2,
            Operation::ListEventSourceMappings,
            Operation::GetEventSourceMapping,
            Operation::Publish,
            Operation::PutEvents,
            Operation::GetObject,
        ],
    ]
    .concat();
    let unmet: Vec<Operation> = Operation::ALL
        .iter()
        .copied()
        .filter(|operation| !used.contains(operation) && !others.contains(operation))
        .collect();
    assert!(unmet.is_empty(), "no scenario calls {unmet:?}");
}
