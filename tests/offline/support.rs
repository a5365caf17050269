//! An account, a run on it, and a front that says yes.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::*;
use autoconnect::interrupt::Interrupt;
use autoconnect::model::*;
use autoconnect::observe::Target;
use autoconnect::policy::PolicyDocument;
use autoconnect::reconcile::{
    Asked, Connect, Converged, Draft, Failure, Front, Goal, Options, Progress, RunError, Situation, converge,
};
use secrecy::SecretString;

pub use crate::interposed::{slow, slow_with};
pub use crate::thorough::thoroughly;

/// The password that must not be seen anywhere.
pub const CANARY: &str = "canary-7f3a9c";

/// Does this on a runtime of its own, whose clock goes on only where all else waits.
pub fn in_virtual_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(work)
}

/// The example account of the documentation.
pub fn example() -> AccountDocument {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples/account.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub fn account(change: impl FnOnce(&mut AccountDocument)) -> OfflineAccount {
    let mut document = example();
    change(&mut document);
    OfflineAccount::in_memory(document).unwrap()
}

/// The example network of the documentation.
pub fn network_account(change: impl FnOnce(&mut AccountDocument)) -> OfflineAccount {
    account_of("network.json", change)
}

/// An example of the documentation.
pub fn account_of(example: &str, change: impl FnOnce(&mut AccountDocument)) -> OfflineAccount {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs/examples")
        .join(example);
    let mut document = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    change(&mut document);
    OfflineAccount::in_memory(document).unwrap()
}

/// An account of its own with this document.
pub fn in_memory(document: &AccountDocument) -> OfflineAccount {
    OfflineAccount::in_memory(document.clone()).unwrap()
}

/// Connects this on an account of its own.
pub async fn connected(document: &AccountDocument, target: &Target) -> AccountDocument {
    let account = in_memory(document);
    setup(&account, target).await.unwrap();
    account.document()
}

pub fn cluster(database: &str, function: &str) -> Target {
    Target::direct(DatabaseKind::Cluster, database, function)
}

pub fn instance(database: &str, function: &str) -> Target {
    Target::direct(DatabaseKind::Instance, database, function)
}

/// Says yes (or no), and remembers what it was shown.
#[derive(Default)]
pub struct Script {
    pub declines: bool,
    pub drafts: Mutex<Vec<Draft>>,
    pub waits: Mutex<Vec<String>>,
}

#[async_trait::async_trait]
impl Front for Script {
    async fn consent(&self, asked: Asked<'_>) -> Result<(), RunError> {
        self.drafts.lock().unwrap().push(asked.draft.clone());
        if self.declines { Err(RunError::Declined) } else { Ok(()) }
    }

    async fn password(&self, _: &str) -> Result<SecretString, RunError> {
        Ok(SecretString::from(CANARY))
    }

    fn progress(&self, progress: Progress<'_>) {
        if let Progress::Waiting { waiting_for, .. } = progress {
            self.waits.lock().unwrap().push(waiting_for.to_owned());
        }
    }
}

/// The end of a run of `setup`.
pub type Outcome = Converged<Situation>;

/// Runs `setup`.
pub async fn run(
    cloud: &dyn Cloud,
    target: &Target,
    options: &Options,
    front: &dyn Front,
    interrupt: Interrupt,
) -> Result<Outcome, Failure> {
    converge(cloud, &Connect { target, options }, options, front, interrupt).await
}

/// What a run of `setup` that ended so needs permission for.
pub fn policy_of(outcome: &Outcome, target: &Target) -> PolicyDocument {
    let options = Options::default();
    let goal = Connect {
        target,
        options: &options,
    };
    goal.policy(&outcome.found, &outcome.draft.plan)
}

pub async fn setup(cloud: &dyn Cloud, target: &Target) -> Result<Outcome, Failure> {
    setup_with(cloud, target, &Options::default(), &Script::default()).await
}

pub async fn setup_with(
    cloud: &dyn Cloud,
    target: &Target,
    options: &Options,
    front: &Script,
) -> Result<Outcome, Failure> {
    run(cloud, target, options, front, Interrupt::never()).await
}

pub fn dry_run() -> Options {
    Options {
        dry_run: true,
        ..Options::default()
    }
}

/// Runs `setup` until the user ends it at its n-th call, counted from 0; nothing is ended where it has fewer.
pub async fn setup_interrupted_at(call: u32, account: &OfflineAccount, target: &Target) -> Result<Outcome, Failure> {
    let (trigger, interrupt) = Interrupt::new();
    let calls = AtomicU32::new(0);
    let cloud = slow_with(account, |_| {
        if calls.fetch_add(1, Ordering::Relaxed) == call {
            trigger.raise();
        }
    });
    run(&cloud, target, &Options::default(), &Script::default(), interrupt).await
}
