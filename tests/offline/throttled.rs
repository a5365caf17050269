//! Throttled requests of calls that are sent once: they were not carried out, and are sent again until the time is up.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use autoconnect::cloud::*;
use autoconnect::interrupt::Interrupt;
use autoconnect::reconcile::{Converged, Failure, Internet, Options, converge};
use tokio::time::Instant;

use crate::internet;
use crate::interposed::{Hook, Interposed};
use crate::support::Script;

/// Refuses the first requests of an operation, counts those that were carried out, and notes when each was sent.
struct Throttling<'a> {
    operation: Operation,
    times: u32,
    refused: &'a AtomicU32,
    carried_out: &'a AtomicU32,
    sent: &'a Mutex<Vec<Instant>>,
    fault: fn() -> Fault,
}

impl Hook for Throttling<'_> {
    async fn around<T: std::fmt::Debug + Send + 'static>(
        &self,
        operation: Operation,
        call: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        if operation != self.operation {
            return call.await;
        }
        self.sent.lock().unwrap().push(Instant::now());
        if self.refused.load(Ordering::Relaxed) < self.times {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(CloudError::new(operation, (self.fault)()));
        }
        self.carried_out.fetch_add(1, Ordering::Relaxed);
        call.await
    }
}

/// What is asked for once, since a second request would make a second one.
const ONCE: [Operation; 6] = [
    Operation::AllocateAddress,
    Operation::CreateInternetGateway,
    Operation::CreateNatGateway,
    Operation::CreateRouteTable,
    Operation::CreateSubnet,
    Operation::CreateVpcEndpoint,
];

struct Ended {
    result: Result<(), Failure>,
    refused: u32,
    carried_out: u32,
    sent: Vec<Instant>,
    took: Duration,
}

/// Builds a way out with endpoints while an operation is refused.
async fn built(
    operation: Operation,
    times: u32,
    fault: fn() -> Fault,
    timeout: Duration,
    interrupt: Interrupt,
) -> Ended {
    let wish = autoconnect::internet::Wish {
        services: vec!["sqs".into()],
        ..internet::wish()
    };
    let mut of = internet::base();
    // Without a gateway endpoint for the whole there is one to be made.
    of["VpcEndpoints"] = serde_json::json!([]);
    of["RouteTables"][0]["Routes"] = serde_json::json!([]);
    let account = internet::account(&of);
    let (refused, carried_out) = (AtomicU32::new(0), AtomicU32::new(0));
    let sent = Mutex::default();
    let hook = Throttling {
        operation,
        times,
        refused: &refused,
        carried_out: &carried_out,
        sent: &sent,
        fault,
    };
    let cloud = Interposed {
        account: &account,
        hook,
    };
    // A way out by NAT has all but the endpoint, which takes its place for services.
    let goal = Internet(match operation {
        Operation::CreateVpcEndpoint => wish,
        _ => internet::wish(),
    });
    let options = Options {
        timeout,
        ..Options::default()
    };
    let start = Instant::now();
    let ended = converge(&cloud, &goal, &options, &Script::default(), interrupt).await;
    Ended {
        result: ended.map(|_: Converged<_>| ()),
        refused: refused.into_inner(),
        carried_out: carried_out.into_inner(),
        sent: sent.into_inner().unwrap(),
        took: start.elapsed(),
    }
}

fn throttled() -> Fault {
    Fault::Throttled("Rate exceeded".into())
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_once_is_sent_again_where_it_was_throttled() {
    for operation in ONCE {
        let free = built(operation, 0, throttled, Duration::from_mins(20), Interrupt::never()).await;
        free.result.unwrap_or_else(|failure| panic!("{operation}: {failure}"));
        assert!(free.carried_out > 0, "{operation} is not called");
        for times in [1, 4, 9] {
            let ended = built(operation, times, throttled, Duration::from_mins(20), Interrupt::never()).await;
            ended.result.unwrap_or_else(|failure| panic!("{operation}: {failure}"));
            assert_eq!(
                (ended.refused, ended.carried_out),
                (times, free.carried_out),
                "{operation}"
            );
            // The pauses of the run are random: only those after a refused request can be compared.
            let refused = usize::try_from(times).unwrap();
            assert!(
                ended.sent[..=refused].windows(2).all(|pair| pair[0] < pair[1]),
                "{operation}: there is a pause between two requests"
            );
        }
    }
}

/// Only a throttled request is known not to have been carried out.
#[tokio::test(start_paused = true)]
async fn nothing_else_is_sent_again() {
    let denied = || Fault::Rejected {
        code: "InvalidParameterValue".into(),
        message: "no".into(),
    };
    let quota = || Fault::LimitExceeded("no more".into());
    for operation in ONCE {
        for fault in [denied as fn() -> Fault, quota] {
            let ended = built(operation, 9, fault, Duration::from_mins(20), Interrupt::never()).await;
            assert_eq!((ended.refused, ended.carried_out), (1, 0), "{operation}");
            assert!(ended.result.is_err(), "{operation}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_wait_ends_with_the_time_and_with_the_user() {
    for operation in ONCE {
        let minute = Duration::from_mins(1);
        let ended = built(operation, u32::MAX, throttled, minute, Interrupt::never()).await;
        let failure = ended.result.unwrap_err();
        assert_eq!(failure.error.code(), "throttled", "{operation}: {failure}");
        assert!(
            ended.took <= minute + Duration::from_secs(1),
            "{operation}: {:?}",
            ended.took
        );
        assert!(
            ended.refused > 3 && ended.carried_out == 0,
            "{operation}: {}",
            ended.refused
        );

        let (trigger, interrupt) = Interrupt::new();
        let raise = async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            trigger.raise();
        };
        let (ended, ()) = tokio::join!(
            built(operation, u32::MAX, throttled, Duration::from_mins(20), interrupt),
            raise
        );
        let failure = ended.result.unwrap_err();
        assert_eq!(failure.error.code(), "interrupted", "{operation}: {failure}");
        assert!(ended.took < Duration::from_secs(21), "{operation}: {:?}", ended.took);
    }
}
