//! Stale reads: each service may show the account as it was up to some writes ago, for some reads.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::{Answer, Operation};

use crate::goals::{Aim, goals};
use crate::interposed::{Hook, Interposed};
use crate::scenarios::{assert_heals, rows_of_the_table, with_new_resources};
use crate::support::{in_memory, thoroughly};

/// After how many reads of a service it shows what is.
const READS_TO_CATCH_UP: u32 = 3;

/// The part of AWS that answers: each is behind by itself.
fn service(operation: Operation) -> &'static str {
    operation.iam_action().split(':').next().unwrap_or_default()
}

struct History {
    /// The account after each write, the first before any.
    versions: Vec<Arc<OfflineAccount>>,
    /// How often each service was read since the last write.
    reads: BTreeMap<&'static str, u32>,
}

struct Stale<'a> {
    account: &'a OfflineAccount,
    /// By how many writes each service is behind.
    behind: BTreeMap<&'static str, usize>,
    history: Mutex<History>,
}

/// States that pass have passed: what is only read in the past does not pass by being read.
pub fn settle(document: &mut AccountDocument) {
    for memberships in document
        .db_clusters
        .iter_mut()
        .map(|cluster| (&mut cluster.status, &mut cluster.vpc_security_groups))
        .chain(
            document
                .db_instances
                .iter_mut()
                .map(|instance| (&mut instance.status, &mut instance.vpc_security_groups)),
        )
    {
        let (status, groups) = memberships;
        "available".clone_into(status);
        groups.retain(|group| group.status != "removing");
        for group in groups {
            "active".clone_into(&mut group.status);
        }
    }
    for proxy in &mut document.db_proxies {
        "available".clone_into(&mut proxy.status);
        if let Some(target) = &mut proxy.target {
            target.registering = false;
        }
    }
    for function in &mut document.functions {
        "Active".clone_into(&mut function.state);
        "Successful".clone_into(&mut function.last_update_status);
    }
}

impl Hook for Stale<'_> {
    fn past(&self, operation: Operation) -> Option<Arc<OfflineAccount>> {
        if operation.writes() {
            return None;
        }
        let service = service(operation);
        let mut history = self.history.lock().unwrap();
        let reads = history.reads.entry(service).or_default();
        *reads += 1;
        if *reads > READS_TO_CATCH_UP {
            if *reads > 2 * READS_TO_CATCH_UP {
                self.account.edit(settle);
            }
            return None;
        }
        let behind = self.behind.get(service).copied().unwrap_or_default();
        let last = history.versions.len() - 1;
        (behind > 0).then(|| Arc::clone(&history.versions[last.saturating_sub(behind)]))
    }

    async fn around<T: std::fmt::Debug + Send>(
        &self,
        operation: Operation,
        call: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        let answer = call.await;
        if operation.writes() && answer.is_ok() {
            let now = OfflineAccount::in_memory(self.account.document()).expect("it was one before");
            let mut history = self.history.lock().unwrap();
            history.versions.push(Arc::new(now));
            history.reads.clear();
        }
        answer
    }
}

/// A run to a goal that sees the past reaches it, and leaves what one that does not leaves; what it left.
async fn sees_the_past(aim: &Aim, behind: [usize; 3]) -> OfflineAccount {
    let context = format!("{}: EC2, RDS and Lambda behind by {behind:?} writes", aim.name);
    let account = in_memory(&aim.document);
    let first = Arc::new(in_memory(&aim.document));
    let services = ["ec2", "rds", "lambda"].into_iter().zip(behind);
    let hook = Stale {
        account: &account,
        // IAM, KMS and Secrets Manager are as slow as the slowest.
        behind: services
            .chain(["iam", "kms", "secretsmanager"].map(|service| (service, behind.into_iter().max().unwrap_or(0))))
            .collect(),
        history: Mutex::new(History {
            versions: vec![first],
            reads: BTreeMap::new(),
        }),
    };
    let cloud = Interposed {
        account: &account,
        hook,
    };
    let ended = aim.goal.run(&cloud).await;
    (aim.judge)(&aim.document, &account.document(), &context);
    match ended {
        Ok(ending) => assert!(!ending.is_pending(), "{context}"),
        Err(failure) => panic!("{context}: {failure} ({})", failure.error.code()),
    }
    account.edit(settle);
    account
}

#[tokio::test(start_paused = true)]
async fn no_duplicate_and_no_shrinking_list() {
    let mut runs = 0;
    let behind = thoroughly([&[0, 3][..], &[0, 1, 2, 3]]);
    let rows = rows_of_the_table().into_iter().step_by(thoroughly([3, 1]));
    for scenario in rows.chain(with_new_resources()) {
        let aim = Aim::setup(&scenario);
        for &ec2 in behind {
            for &rds in behind {
                for &lambda in behind {
                    let account = sees_the_past(&aim, [ec2, rds, lambda]).await;
                    assert_heals(&scenario, &account, &aim.name).await;
                    runs += 1;
                }
            }
        }
    }
    println!("{runs} runs on stale reads");
    assert!(runs > thoroughly([100, 2000]), "{runs}");
}

#[tokio::test(start_paused = true)]
async fn each_goal_is_reached_on_stale_reads_and_then_stays() {
    let behind = thoroughly([&[0, 3][..], &[0, 1, 2, 3]]);
    for aim in goals().await {
        let left = aim.left().await;
        for &ec2 in behind {
            for &rds in behind {
                for &lambda in behind {
                    let account = sees_the_past(&aim, [ec2, rds, lambda]).await;
                    let context = format!(
                        "{}: EC2, RDS and Lambda behind by {:?} writes",
                        aim.name,
                        [ec2, rds, lambda]
                    );
                    aim.assert_left(&account, &left, &context).await;
                }
            }
        }
    }
}
