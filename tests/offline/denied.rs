//! What may not be read is unknown, and stops no check of the rest.

use std::collections::BTreeSet;
use std::sync::Mutex;

use autoconnect::account::OfflineAccount;
use autoconnect::cloud::*;
use autoconnect::diagnostics::connection::diagnose;
use autoconnect::diagnostics::{Check, Status};
use autoconnect::observe::{network, role, scene};

use crate::interposed::{Hook, Interposed};
use crate::support::{cluster, in_memory, network_account, thoroughly};
use crate::unread::wrongly_told;

/// Refuses one operation.
pub struct Denied(pub Operation);

impl Hook for Denied {
    async fn around<T: std::fmt::Debug + Send>(
        &self,
        operation: Operation,
        call: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        if operation != self.0 {
            return call.await;
        }
        let fault = Fault::AccessDenied {
            action: operation.iam_action().to_owned(),
            resource: None,
            message: format!("no permission for {}", operation.iam_action()),
        };
        Err(CloudError::new(operation, fault))
    }
}

/// Remembers which operations there were.
#[derive(Default)]
struct Recorded(Mutex<BTreeSet<Operation>>);

impl Hook for Recorded {
    async fn around<T: std::fmt::Debug + Send>(
        &self,
        operation: Operation,
        call: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        self.0.lock().unwrap().insert(operation);
        call.await
    }
}

/// With any one of the reads denied, each check says what it says with all of them, or that it is unknown: never anything else.
pub async fn assert_nothing_is_taken_for_empty(
    account: &OfflineAccount,
    checks: impl AsyncFn(&dyn Cloud) -> Option<Vec<Check>>,
) {
    // What settles does so with each look, so that each has an account of its own.
    let document = account.document();
    let cloud = Interposed {
        account: &in_memory(&document),
        hook: Recorded::default(),
    };
    let Some(all) = checks(&cloud).await else { return };
    let mut wrong = Vec::new();
    // Of the reads, each case denies a few, and all cases together deny all.
    let step = thoroughly([8, 1]);
    let first: usize = all.iter().map(|check| check.message.len()).sum();
    let denied = cloud.hook.0.into_inner().unwrap().into_iter();
    for operation in denied.skip(first % step).step_by(step) {
        let cloud = Interposed {
            account: &in_memory(&document),
            hook: Denied(operation),
        };
        if let Some(less) = checks(&cloud).await {
            let found = wrongly_told(&all, &less).into_iter();
            wrong.extend(found.map(|text| format!("without {operation}: {text}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn each_read_that_is_denied_makes_only_its_checks_unknown() {
    let target = cluster("orders", "checkout");
    let mut unknown = 0;
    for &operation in network::READS.iter().chain(role::ROLE_READS) {
        let account = network_account(|_| ());
        let cloud = Interposed {
            account: &account,
            hook: Denied(operation),
        };
        let diagnosis = diagnose(&scene(&cloud, &target).await.unwrap());
        for check in &diagnosis.checks {
            let told = format!("{} {:?}", check.message, check.evidence);
            match check.status {
                Status::Pass => {}
                Status::Unknown => {
                    unknown += 1;
                    assert!(told.contains(operation.iam_action()), "{operation}: {check:#?}");
                }
                Status::Warn | Status::Fail => panic!("{operation}: {check:#?}"),
            }
        }
    }
    // Groups, ACLs, routes, subnets, DNS (twice), and the role (four times, since it has no policy of its own).
    assert!(unknown >= 9, "{unknown}");
}

#[tokio::test]
async fn without_credentials_nothing_is_said() {
    struct NoCredentials;
    impl Hook for NoCredentials {
        async fn around<T: std::fmt::Debug + Send>(
            &self,
            operation: Operation,
            _: impl Future<Output = Answer<T>> + Send,
        ) -> Answer<T> {
            Err(CloudError::new(operation, Fault::NoCredentials(None)))
        }
    }
    let account = network_account(|_| ());
    let cloud = Interposed {
        account: &account,
        hook: NoCredentials,
    };
    let error = scene(&cloud, &cluster("orders", "checkout")).await.unwrap_err();
    assert_eq!(error.code(), "no-credentials");
}
