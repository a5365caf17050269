//! Owners of resources on whole runs: what may not be read, how many requests there are, and what a snapshot keeps.

use std::collections::BTreeMap;
use std::sync::Mutex;

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::*;
use autoconnect::drift::{Judge, Verdict};
use autoconnect::estate::{Connection, Part};
use autoconnect::observe::{Proxies, ProxyWish, Target, survey};
use autoconnect::owner::Manager;
use autoconnect::reconcile::{Options, OwnersWish};
use autoconnect::snapshot::snapshot;

use crate::batch::{assert_all_ran, bulk, connecting};
use crate::denied::Denied;
use crate::interposed::{Hook, Interposed};
use crate::support::*;

fn stacks(change: impl FnOnce(&mut AccountDocument)) -> OfflineAccount {
    account_of("stacks.json", change)
}

fn refusing() -> Options {
    Options {
        owners: OwnersWish {
            refuse: true,
            ..OwnersWish::default()
        },
        ..Options::default()
    }
}

fn through_proxy() -> Target {
    Target {
        proxy: ProxyWish::Existing("orders-proxy".to_owned()),
        ..cluster("orders", "checkout")
    }
}

/// Without the tags a run goes on, says that the owner is not known, and is refused only where that was asked for.
#[tokio::test(start_paused = true)]
async fn tags_that_may_not_be_read_end_no_run() {
    for (operation, target, resource) in [
        (Operation::ListTags, cluster("orders", "checkout"), "function checkout"),
        (Operation::ListTagsForResource, through_proxy(), "proxy orders-proxy"),
    ] {
        let account = stacks(|_| ());
        let cloud = Interposed {
            account: &account,
            hook: Denied(operation),
        };
        let refused = setup_with(&cloud, &target, &refusing(), &Script::default()).await;
        assert_eq!(refused.unwrap_err().error.code(), "owned", "{operation}");
        assert_eq!(account.calls().write, 0, "{operation}");
        let ended = setup(&cloud, &target).await.unwrap();
        let unread = ended.draft.owners.iter().find(|owned| owned.resource == resource);
        let why = unread.unwrap().owner.as_ref().unwrap_err();
        assert!(why.contains(operation.iam_action()), "{why}");
        let notes = ended.draft.notes.join("\n");
        assert!(
            notes.contains(&format!("Whether a stack deploys {resource} is not known")),
            "{notes}"
        );
        // Nothing is to be changed any more, so that nothing is refused.
        setup_with(&cloud, &target, &refusing(), &Script::default())
            .await
            .unwrap();
    }
}

/// A tag read that fails in any other way ends no run either.
#[tokio::test(start_paused = true)]
async fn the_tags_of_all_may_be_missing_in_a_survey() {
    let account = stacks(|_| ());
    setup(&account, &cluster("orders", "checkout")).await.unwrap();
    let undone = stacks(|document| {
        *document = account.document();
        for function in &mut document.functions {
            function.vpc_config.as_mut().unwrap().security_group_ids = vec!["sg-0f00".to_owned()];
        }
    });
    let connection = Connection::from_tag("cluster/orders:function/checkout").unwrap();
    for (account, verdict) in [(&account, Verdict::InSync), (&undone, Verdict::Broken)] {
        let cloud = Interposed {
            account,
            hook: Denied(Operation::GetResources),
        };
        let found = survey(&cloud, &Proxies::All).await;
        assert!(found.errors.is_empty() && !found.is_empty);
        assert!(found.estate.unread(&Part::Tags).unwrap().contains("tag:GetResources"));
        let judged = Judge::new(&found.estate).judge(&connection);
        assert_eq!(judged.verdict, verdict);
        let causes: Vec<&String> = judged
            .findings
            .iter()
            .filter_map(|finding| finding.cause.as_ref())
            .collect();
        assert!(
            causes
                .iter()
                .all(|cause| cause.starts_with("not known, because the tags of function checkout")),
            "{causes:?}"
        );
        assert_eq!(causes.len(), judged.findings.len());
    }
}

/// Counts calls by operation.
#[derive(Default)]
struct Counts(Mutex<BTreeMap<Operation, usize>>);

impl Hook for Counts {
    async fn around<T: Send>(&self, operation: Operation, call: impl Future<Output = Answer<T>> + Send) -> Answer<T> {
        *self.0.lock().unwrap().entry(operation).or_default() += 1;
        call.await
    }
}

/// Many functions are asked for their tags together, also where all of them are then connected.
#[test]
fn a_manifest_reads_tags_in_pages() {
    in_virtual_time(async {
        let account = stacks(|document| {
            for number in 0..150 {
                let mut function = document.functions[0].clone();
                function.function_name = format!("worker-{number}");
                document.functions.push(function);
            }
        });
        let cloud = Interposed {
            account: &account,
            hook: Counts::default(),
        };
        let targets = (0..30).map(|number| cluster("orders", &format!("worker-{number}")));
        let items = targets.map(|target| connecting(&target, &Options::default()));
        let ended = bulk(&cloud, items.collect()).await;
        assert_all_ran(&ended, "applied");
        for planned in &ended {
            let owners = &planned.outcome.as_ref().unwrap().draft.owners;
            let owner = owners[0].owner.as_ref().unwrap();
            assert_eq!(
                (owner.manager, owners.len()),
                (Manager::Sam, 1),
                "{}",
                planned.item.name
            );
        }
        let counts = cloud.hook.0.into_inner().unwrap();
        assert_eq!(counts.get(&Operation::ListTags), None);
        // 155 functions and a proxy that have tags, on two pages of 100.
        assert_eq!(counts[&Operation::GetResources], 2);
    });
}

#[tokio::test]
async fn a_snapshot_keeps_the_tags() {
    let account = stacks(|_| ());
    let taken = snapshot(&account, None).await.unwrap();
    assert_eq!(taken.gaps, Vec::<String>::new());
    let (before, after) = (account.document(), taken.document);
    let functions = |document: &AccountDocument| {
        let functions = document.functions.iter();
        let mut tags: Vec<_> = functions
            .map(|entry| (entry.function_name.clone(), sorted(&entry.tags)))
            .collect();
        tags.sort();
        tags
    };
    assert_eq!(functions(&after), functions(&before));
    for (after, before) in after.db_clusters.iter().zip(&before.db_clusters) {
        assert_eq!(sorted(&after.tag_list), sorted(&before.tag_list));
    }
    let ledger = |document: &AccountDocument| {
        let found = document.db_instances.iter().find(|instance| instance.id == "ledger");
        sorted(&found.unwrap().tag_list)
    };
    assert_eq!(ledger(&after), ledger(&before));
    assert_eq!(ledger(&after).len(), 3);
    assert_eq!(sorted(&after.db_proxies[0].tags), sorted(&before.db_proxies[0].tags));
}

fn sorted(tags: &[autoconnect::account::Tag]) -> BTreeMap<String, String> {
    let tags = tags.iter().map(|tag| (tag.key.clone(), tag.value.clone()));
    tags.collect()
}
