//! Functions into a VPC and out of it: whole runs, and runs that die at any call.

use std::sync::atomic::{AtomicU32, Ordering};

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::{Cloud, CloudError, Fault, Operation};
use autoconnect::interrupt::Interrupt;
use autoconnect::model::DatabaseKind;
use autoconnect::observe::Location;
use autoconnect::reconcile::{Attach, Converged, Detach, Ending, Failure, Goal, Options, RunError, converge};
use serde_json::json;

use crate::support::*;

const SUBNETS: [&str; 2] = ["subnet-0a1a", "subnet-0a1b"];

pub fn attach(function: &str, subnets: &[&str], groups: &[&str]) -> Attach {
    Attach {
        function: function.to_owned(),
        location: Location::Subnets(subnets.iter().map(|&id| id.into()).collect()),
        groups: groups.iter().map(|&id| id.into()).collect(),
        ipv6: None,
        grant: false,
    }
}

fn like(function: &str, kind: Option<DatabaseKind>, id: &str) -> Attach {
    Attach {
        location: Location::Like {
            kind,
            id: id.to_owned(),
        },
        ..attach(function, &[], &[])
    }
}

fn newsletter() -> Attach {
    attach("newsletter", &SUBNETS, &["sg-0f00"])
}

fn detach(function: &str) -> Detach {
    Detach {
        function: function.to_owned(),
    }
}

async fn run<G: Goal>(cloud: &dyn Cloud, goal: &G) -> Result<Converged<G::Seen>, Failure> {
    converge(cloud, goal, &Options::default(), &Script::default(), Interrupt::never()).await
}

/// Subnets and groups of a function.
fn place(document: &AccountDocument, function: &str) -> Option<(Vec<String>, Vec<String>)> {
    let mut functions = document.functions.iter();
    let function = functions.find(|found| found.function_name == function).unwrap();
    let config = function.vpc_config.clone()?;
    Some((config.subnet_ids, config.security_group_ids))
}

fn set(document: &mut AccountDocument, function: &str, value: &serde_json::Value) {
    let found = document
        .functions
        .iter_mut()
        .find(|found| found.function_name == function)
        .unwrap();
    let mut changed = serde_json::to_value(&*found).unwrap();
    for (key, value) in value.as_object().unwrap() {
        changed[key] = value.clone();
    }
    *found = serde_json::from_value(changed).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_function_goes_into_a_vpc_and_out_of_it() {
    let account = account(|_| ());
    let attached = run(&account, &newsletter()).await.unwrap();
    assert_eq!((attached.ending, attached.draft.decision), (Ending::Reached, "attach"));
    assert_eq!(attached.applied[0].action, "lambda:UpdateFunctionConfiguration");
    let expected = (SUBNETS.map(str::to_owned).to_vec(), vec!["sg-0f00".to_owned()]);
    assert_eq!(place(&account.document(), "newsletter"), Some(expected));

    let writes = account.calls().write;
    let again = run(&account, &newsletter()).await.unwrap();
    assert_eq!(
        (again.ending, again.draft.decision, account.calls().write),
        (Ending::Unchanged, "no-op", writes)
    );

    let detached = run(&account, &detach("newsletter")).await.unwrap();
    assert_eq!((detached.ending, detached.draft.decision), (Ending::Reached, "detach"));
    assert!(
        detached.draft.notes[0].contains("20 minutes"),
        "{:?}",
        detached.draft.notes
    );
    assert_eq!(place(&account.document(), "newsletter"), None);
    let again = run(&account, &detach("newsletter")).await.unwrap();
    assert_eq!((again.ending, again.draft.decision), (Ending::Unchanged, "no-op"));
    assert_eq!(account.calls().write, writes + 1);
}

#[tokio::test(start_paused = true)]
async fn groups_stay_and_subnets_are_replaced() {
    let account = account(|_| ());
    let (subnets, groups) = place(&account.document(), "checkout").unwrap();
    assert!(subnets.len() > 1 && !groups.contains(&"sg-0d00".to_owned()));
    let goal = attach("checkout", &["subnet-0a1a"], &["sg-0d00"]);
    let attached = run(&account, &goal).await.unwrap();
    assert!(
        attached
            .draft
            .reasons
            .iter()
            .any(|reason| reason.contains("will be removed from subnet-0a1b")),
        "{:?}",
        attached.draft
    );
    let (subnets, after) = place(&account.document(), "checkout").unwrap();
    assert_eq!(subnets, ["subnet-0a1a"]);
    assert_eq!(after, [groups, vec!["sg-0d00".to_owned()]].concat());
}

#[tokio::test(start_paused = true)]
async fn what_ends_with_a_detachment_is_reported() {
    let account = account(|_| ());
    let detached = run(&account, &detach("checkout")).await.unwrap();
    let told = detached.draft.notes.join(" ");
    assert!(told.contains("Its connections through lambda-rds-1 end."), "{told}");
    let summary = &detached.draft.plan.steps[0].summary;
    assert!(
        summary.contains("lambda-rds-1 (sg-0f01)") && summary.contains("subnet-0a1a"),
        "{summary}"
    );
}

#[tokio::test(start_paused = true)]
async fn like_a_database_is_in_its_subnets_and_with_its_groups() {
    for (kind, id) in [
        (None, "orders"),
        (Some(DatabaseKind::Cluster), "orders"),
        (None, "inventory"),
        (Some(DatabaseKind::Instance), "inventory"),
    ] {
        let account = account(|_| ());
        let attached = run(&account, &like("newsletter", kind, id)).await.unwrap();
        assert_eq!(attached.ending, Ending::Reached, "{id}");
        let (subnets, groups) = place(&account.document(), "newsletter").unwrap();
        assert_eq!(subnets, SUBNETS, "{id}");
        // The groups of its connections are of no use to a function.
        assert_eq!(groups, ["sg-0d00"], "{id}");
    }
    let account = account(|_| ());
    for (kind, id, code) in [
        (None, "order", "cluster-not-found"),
        (Some(DatabaseKind::Instance), "orders", "instance-not-found"),
    ] {
        let failure = run(&account, &like("newsletter", kind, id)).await.unwrap_err();
        assert_eq!(failure.error.code(), code, "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_database_with_groups_of_connections_alone_has_none_to_share() {
    let account = account(|document| {
        for cluster in &mut document.db_clusters {
            cluster
                .vpc_security_groups
                .retain(|group| group.vpc_security_group_id == "sg-0d01");
        }
    });
    let failure = run(&account, &like("newsletter", None, "orders")).await.unwrap_err();
    assert_eq!(failure.error.code(), "no-group-to-share", "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_role_is_given_what_it_lacks_only_if_asked() {
    let bare = |document: &mut AccountDocument| {
        for role in &mut document.roles {
            role.attached_policies.clear();
        }
        set(
            document,
            "newsletter",
            &json!({"Role": "arn:aws:iam::123456789012:role/shop-functions"}),
        );
    };
    let account = account(bare);
    let failure = run(&account, &newsletter()).await.unwrap_err();
    assert_eq!(failure.error.code(), "role-without-vpc-access", "{failure}");
    assert_eq!(account.calls().write, 0);
    let goal = Attach {
        grant: true,
        ..newsletter()
    };
    let attached = run(&account, &goal).await.unwrap();
    let actions: Vec<&str> = attached.applied.iter().map(|applied| applied.action.as_str()).collect();
    assert_eq!(actions, ["iam:AttachRolePolicy", "lambda:UpdateFunctionConfiguration"]);
    assert_eq!(run(&account, &goal).await.unwrap().ending, Ending::Unchanged);
    assert_eq!(run(&account, &newsletter()).await.unwrap().ending, Ending::Unchanged);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_is_refused_before_the_first_write() {
    let six = ["sg-0d00", "sg-0f00", "sg-0d01", "sg-0f01", "sg-0d02", "sg-0f02"];
    let table: Vec<(&str, Attach)> = vec![
        ("function-not-found", attach("newsleter", &SUBNETS, &["sg-0f00"])),
        ("not-found", attach("newsletter", &["subnet-0000"], &["sg-0f00"])),
        ("not-in-vpc", attach("newsletter", &SUBNETS, &["sg-0000"])),
        ("not-in-vpc", attach("newsletter", &["subnet-0e5a"], &["sg-0f00"])),
        (
            "several-vpcs",
            attach("newsletter", &["subnet-0a1a", "subnet-0e5a"], &["sg-0f00"]),
        ),
        ("attached-elsewhere", attach("checkout", &["subnet-0e5a"], &[])),
        ("too-many-groups", attach("newsletter", &SUBNETS, &six)),
        (
            "not-dual-stack",
            Attach {
                ipv6: Some(true),
                ..newsletter()
            },
        ),
    ];
    for (code, goal) in table {
        let account = account(|_| ());
        let failure = run(&account, &goal).await.unwrap_err();
        assert_eq!(failure.error.code(), code, "{failure}");
        assert_eq!(account.calls().write, 0, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn states_are_waited_for_or_reported_with_what_fixes_them() {
    let busy = account(|document| set(document, "newsletter", &json!({"LastUpdateStatus": "InProgress"})));
    assert_eq!(run(&busy, &newsletter()).await.unwrap().ending, Ending::Reached);

    let idle = account(|document| {
        set(
            document,
            "newsletter",
            &json!({"State": "Inactive", "StateReasonCode": "Idle"}),
        );
    });
    let attached = run(&idle, &newsletter()).await.unwrap();
    assert!(
        attached.draft.notes.iter().any(|note| note.contains("fails once")),
        "{:?}",
        attached.draft.notes
    );

    let failed = account(|document| {
        let state = json!({"State": "Failed", "StateReason": "No address is free.", "StateReasonCode": "SubnetOutOfIPAddresses"});
        set(document, "newsletter", &state);
    });
    let failure = run(&failed, &newsletter()).await.unwrap_err();
    let text = failure.to_string();
    assert_eq!(failure.error.code(), "function-not-active", "{text}");
    assert!(
        text.contains("SubnetOutOfIPAddresses") && text.contains("larger ones"),
        "{text}"
    );
}

/// A role that was given its policy a moment ago may not work yet.
#[tokio::test(start_paused = true)]
async fn a_role_that_does_not_work_yet_is_waited_for() {
    struct NotYet(AtomicU32);
    impl crate::interposed::Hook for NotYet {
        async fn around<T: Send>(
            &self,
            operation: Operation,
            call: impl Future<Output = autoconnect::cloud::Answer<T>> + Send,
        ) -> autoconnect::cloud::Answer<T> {
            if operation == Operation::UpdateFunctionConfiguration && self.0.fetch_add(1, Ordering::Relaxed) < 3 {
                let words =
                    "The provided execution role does not have permissions to call CreateNetworkInterface on EC2";
                return Err(CloudError::new(operation, Fault::RoleNotReady(words.to_owned())));
            }
            call.await
        }
    }
    let account = account(|_| ());
    let cloud = crate::interposed::Interposed {
        account: &account,
        hook: NotYet(AtomicU32::new(0)),
    };
    assert_eq!(run(&cloud, &newsletter()).await.unwrap().ending, Ending::Reached);
}

/// Ends a run at each of its calls in turn: the next one finishes it, and the third writes nothing.
async fn survives<G: Goal>(goal: &G, document: &AccountDocument) -> u32 {
    let mut deaths = 0;
    for at in 0.. {
        let account = OfflineAccount::in_memory(document.clone()).unwrap();
        let (trigger, interrupt) = Interrupt::new();
        let calls = AtomicU32::new(0);
        let cloud = slow_with(&account, |_| {
            if calls.fetch_add(1, Ordering::Relaxed) == at {
                trigger.raise();
            }
        });
        let ended = converge(&cloud, goal, &Options::default(), &Script::default(), interrupt).await;
        let Err(failure) = ended else { break };
        assert!(
            matches!(failure.error, RunError::Interrupted { .. }),
            "call {at}: {failure}"
        );
        assert_eq!(failure.applied.len() as u64, account.calls().write, "call {at}");
        let healed = run(&account, goal).await.unwrap();
        assert!(!healed.ending.is_pending(), "call {at}");
        let writes = account.calls().write;
        assert_eq!(
            run(&account, goal).await.unwrap().ending,
            Ending::Unchanged,
            "call {at}"
        );
        assert_eq!(account.calls().write, writes, "call {at}");
        assert_eq!(account.document().security_groups, document.security_groups);
        deaths += 1;
    }
    deaths
}

#[tokio::test(start_paused = true)]
async fn each_run_survives_each_death() {
    let mut document = example();
    for role in &mut document.roles {
        role.attached_policies.clear();
    }
    set(
        &mut document,
        "newsletter",
        &json!({"Role": "arn:aws:iam::123456789012:role/shop-functions"}),
    );
    let granting = Attach {
        grant: true,
        ..newsletter()
    };
    let deaths = survives(&granting, &document).await
        + survives(&attach("checkout", &["subnet-0a1a"], &["sg-0d00"]), &example()).await
        + survives(&detach("checkout"), &example()).await;
    assert!(deaths > 30, "{deaths}");
}

/// AWS accepts the change, and then cannot make the interface.
#[tokio::test(start_paused = true)]
async fn an_attachment_that_fails_is_reported_with_what_fixes_it() {
    let account = account(|_| ());
    let reads_after = AtomicU32::new(0);
    let cloud = slow_with(&account, |operation| {
        let is_attached = place(&account.document(), "newsletter").is_some();
        if operation == Operation::GetFunctionConfiguration && is_attached {
            reads_after.fetch_add(1, Ordering::Relaxed);
            let failed = json!({"LastUpdateStatus": "Failed", "LastUpdateStatusReason": "The limit is reached.",
                                "LastUpdateStatusReasonCode": "EniLimitExceeded"});
            account.edit(|document| set(document, "newsletter", &failed));
        }
    });
    let failure = run(&cloud, &newsletter()).await.unwrap_err();
    let text = failure.to_string();
    assert_eq!(failure.error.code(), "change-failed", "{text}");
    assert!(text.contains("EniLimitExceeded") && text.contains("quota"), "{text}");
    assert_eq!(failure.applied.len(), 1);
    assert!(reads_after.load(Ordering::Relaxed) > 0);
}
