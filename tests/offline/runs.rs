//! Runs to their end: the decisions, what stays, what is waited for, and how a run is ended.

use std::sync::Mutex;
use std::time::Duration;

use autoconnect::account::OfflineAccount;
use autoconnect::cloud::{Cloud, Operation};
use autoconnect::interrupt::Interrupt;
use autoconnect::observe::observe;
use autoconnect::plan::StepStatus;
use autoconnect::reconcile::{Asked, Ending, Front, Options, Progress, RunError};
use secrecy::SecretString;
use tokio::time::Instant;

use crate::support::*;

fn function_groups(account: &OfflineAccount, name: &str) -> Vec<String> {
    let document = account.document();
    let function = document
        .functions
        .iter()
        .find(|function| function.function_name == name)
        .unwrap();
    function.vpc_config.as_ref().unwrap().security_group_ids.clone()
}

#[tokio::test]
async fn a_new_set_is_made_and_nothing_else_changes() {
    let account = account(|_| ());
    let before = account.document();
    let outcome = setup(&account, &instance("inventory", "stock-sync")).await.unwrap();
    assert_eq!(outcome.ending, Ending::Reached);
    assert!(
        outcome
            .draft
            .plan
            .steps
            .iter()
            .all(|step| step.status == StepStatus::Done)
    );
    let after = account.document();
    assert_eq!(
        after.security_groups[..before.security_groups.len()],
        before.security_groups
    );
    assert_eq!(after.security_groups.len(), before.security_groups.len() + 2);
    assert_eq!(after.db_clusters, before.db_clusters);
    for group in &after.security_groups[before.security_groups.len()..] {
        assert!(
            group
                .tags
                .iter()
                .any(|tag| tag.key == "autoconnect:managed" && tag.value == "true")
        );
    }
    assert_eq!(
        setup(&account, &instance("inventory", "stock-sync"))
            .await
            .unwrap()
            .ending,
        Ending::Unchanged
    );
}

#[tokio::test]
async fn in_a_vpc_with_ipv6_both_default_rules_go() {
    let account = account(|document| document.vpcs[0].ipv6_cidr_block = Some("2001:db8::/56".into()));
    setup(&account, &instance("inventory", "stock-sync")).await.unwrap();
    let document = account.document();
    let made: Vec<_> = document
        .security_groups
        .iter()
        .filter(|group| group.group_name.ends_with("-3"))
        .collect();
    assert_eq!(made.len(), 2);
    assert!(
        made.iter()
            .all(|group| group.ip_permissions.len() + group.ip_permissions_egress.len() == 1)
    );
}

#[tokio::test]
async fn groups_that_are_not_found_at_first_are_made_once() {
    for hidden_for in 1..6 {
        let account = OfflineAccount::eventually_consistent(example(), hidden_for).unwrap();
        let outcome = setup(&account, &instance("inventory", "stock-sync")).await.unwrap();
        assert_eq!(outcome.ending, Ending::Reached);
        assert_eq!(
            account.document().security_groups.len(),
            example().security_groups.len() + 2
        );
    }
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let account = account(|_| ());
    let before = account.document();
    let front = Script::default();
    for target in [instance("inventory", "stock-sync"), cluster("orders", "refunds")] {
        let outcome = setup_with(&account, &target, &dry_run(), &front).await.unwrap();
        assert_eq!(outcome.ending, Ending::Planned);
    }
    assert_eq!(account.calls().write, 0);
    assert_eq!(account.document(), before);
    assert!(front.drafts.lock().unwrap().is_empty(), "nobody is asked");
}

#[tokio::test]
async fn no_is_an_answer() {
    let account = account(|_| ());
    let front = Script {
        declines: true,
        ..Script::default()
    };
    let failure = setup_with(&account, &cluster("orders", "refunds"), &Options::default(), &front)
        .await
        .unwrap_err();
    assert_eq!(failure.error, RunError::Declined);
    assert_eq!(account.calls().write, 0);
}

/// Calls of one round are sent at once; here each takes a second.
#[tokio::test(start_paused = true)]
async fn observing_takes_two_rounds() {
    let account = account(|_| ());
    for target in [cluster("orders", "refunds"), instance("inventory", "stock-sync")] {
        let start = Instant::now();
        observe(&slow(&account), &target).await.unwrap();
        assert_eq!(start.elapsed().as_secs(), 2, "{target:?}");
    }
}

#[tokio::test]
async fn an_update_of_the_function_is_waited_for_before_anything_is_written() {
    let account = account(|document| {
        document.functions[1].last_update_status = "InProgress".into();
        document.functions[3].state = "Pending".into();
    });
    for target in [cluster("orders", "refunds"), instance("inventory", "stock-sync")] {
        let front = Script::default();
        let outcome = setup_with(&account, &target, &Options::default(), &front)
            .await
            .unwrap();
        assert_eq!(outcome.ending, Ending::Reached);
        assert!(front.waits.lock().unwrap()[0].contains("an update of function"));
    }
}

#[tokio::test]
async fn with_wait_a_database_is_waited_for() {
    let account = account(|document| document.db_clusters[0].status = "backing-up".into());
    let options = Options {
        wait_for_database: true,
        ..Options::default()
    };
    let outcome = setup_with(&account, &cluster("orders", "refunds"), &options, &Script::default())
        .await
        .unwrap();
    assert_eq!(outcome.ending, Ending::Reached);
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_at_the_timeout() {
    let account = account(|document| {
        document.db_clusters[0].status = "upgrading".into();
        document.settles_after_reads = 1000;
    });
    let options = Options {
        wait_for_database: true,
        timeout: Duration::from_secs(90),
        ..Options::default()
    };
    let start = Instant::now();
    let cloud = slow(&account);
    let failure = setup_with(&cloud, &cluster("orders", "refunds"), &options, &Script::default())
        .await
        .unwrap_err();
    assert!(matches!(failure.error, RunError::TimedOut { .. }), "{failure}");
    assert!((90..110).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    assert_eq!(account.calls().write, 0);
}

#[tokio::test(start_paused = true)]
async fn without_waiting_the_run_ends_once_all_is_accepted() {
    let account = account(|document| document.settles_after_reads = 1000);
    let options = Options {
        wait_for_effect: false,
        ..Options::default()
    };
    let outcome = setup_with(
        &account,
        &instance("inventory", "stock-sync"),
        &options,
        &Script::default(),
    )
    .await
    .unwrap();
    assert_eq!(outcome.ending, Ending::Reached);
}

/// Wherever the user ends a run, it says where it stands, and the next one completes it.
#[tokio::test(start_paused = true)]
async fn an_interrupted_run_is_completed_by_the_next() {
    let target = instance("inventory", "stock-sync");
    let mut ended = 0;
    for call in 0..60 {
        let account = account(|_| ());
        let result = setup_interrupted_at(call, &account, &target).await;
        if let Err(failure) = result {
            ended += 1;
            assert_eq!(failure.error.code(), "interrupted", "{failure}");
            assert_eq!(
                failure.applied.len() as u64,
                account.calls().write,
                "what was written is listed"
            );
        }
        let again = setup(&account, &target).await.unwrap();
        assert!(!again.ending.is_pending());
        assert_eq!(
            account.document().security_groups.len(),
            example().security_groups.len() + 2,
            "one set"
        );
        assert_eq!(setup(&account, &target).await.unwrap().ending, Ending::Unchanged);
    }
    assert!(ended > 15, "the run was ended at each of its calls: {ended}");
}

/// Another writer changes the function's groups between our read and our write: neither is lost.
#[tokio::test(start_paused = true)]
async fn a_writer_in_between_is_not_overwritten() {
    let account = account(|_| ());
    let done = std::sync::atomic::AtomicBool::new(false);
    let cloud = slow_with(&account, |operation| {
        if operation == Operation::UpdateFunctionConfiguration && !done.swap(true, std::sync::atomic::Ordering::Relaxed)
        {
            account.edit(|document| {
                let function = document
                    .functions
                    .iter_mut()
                    .find(|f| f.function_name == "refunds")
                    .unwrap();
                function
                    .vpc_config
                    .as_mut()
                    .unwrap()
                    .security_group_ids
                    .push("sg-0f02".into());
                function.revision_id = Some("theirs".into());
            });
        }
    });
    let outcome = setup(&cloud, &cluster("orders", "refunds")).await.unwrap();
    assert_eq!(outcome.ending, Ending::Reached);
    assert_eq!(function_groups(&account, "refunds"), ["sg-0f00", "sg-0f02", "sg-0f01"]);
}

/// A group that someone takes off the database right after our write is put on again.
#[tokio::test(start_paused = true)]
async fn a_group_that_is_taken_off_again_is_put_on_again() {
    let account = account(|_| ());
    let writes = std::sync::atomic::AtomicU32::new(0);
    let cloud = slow_with(&account, |operation| {
        let reads = operation == Operation::DescribeDbInstances;
        let written = account
            .document()
            .db_instances
            .iter()
            .any(|i| i.id == "inventory" && i.vpc_security_groups.len() > 1);
        if reads && written && writes.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 {
            account.edit(|document| {
                let instance = document.db_instances.iter_mut().find(|i| i.id == "inventory").unwrap();
                instance.vpc_security_groups.truncate(1);
            });
        }
    });
    let outcome = setup(&cloud, &instance("inventory", "stock-sync")).await.unwrap();
    assert_eq!(outcome.ending, Ending::Reached);
    let document = account.document();
    let inventory = document.db_instances.iter().find(|i| i.id == "inventory").unwrap();
    assert_eq!(inventory.vpc_security_groups.len(), 2);
}

/// Someone takes the name of the second group between plan and creation.
#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_meanwhile_leads_to_the_next_number() {
    let account = account(|_| ());
    let cloud = slow_with(&account, |operation| {
        let taken = account
            .document()
            .security_groups
            .iter()
            .any(|group| group.group_name == "rds-lambda-3");
        if operation == Operation::CreateSecurityGroup && !taken {
            account.edit(|document| {
                let mut theirs = document.security_groups[3].clone();
                theirs.group_id = "sg-theirs".into();
                theirs.group_name = "rds-lambda-3".into();
                document.security_groups.push(theirs);
            });
        }
    });
    let outcome = setup(&cloud, &instance("inventory", "stock-sync")).await.unwrap();
    assert_eq!(outcome.ending, Ending::Reached);
    assert_eq!(outcome.draft.plan.number, Some(4));
}

/// A run that ends before its last change has taken effect is followed by one that waits for it.
#[tokio::test]
async fn a_change_that_is_still_taking_effect_is_waited_for() {
    let account = account(|document| document.settles_after_reads = 12);
    let options = Options {
        wait_for_effect: false,
        ..Options::default()
    };
    let target = instance("inventory", "stock-sync");
    setup_with(&account, &target, &options, &Script::default())
        .await
        .unwrap();
    let front = Script::default();
    let again = setup_with(&account, &target, &Options::default(), &front)
        .await
        .unwrap();
    assert_eq!(again.ending, Ending::Unchanged);
    assert!(!front.waits.lock().unwrap().is_empty(), "it has waited");
    let document = account.document();
    assert!(
        document
            .db_instances
            .iter()
            .all(|instance| instance.status == "available")
    );
    assert_eq!(document.functions[3].last_update_status, "Successful");
}

#[tokio::test]
async fn a_failed_update_is_no_connection() {
    let account = account(|document| {
        document.functions[0].last_update_status = "Failed".into();
        document.functions[0].last_update_status_reason = Some("no free address in subnet-0a1a".into());
    });
    let failure = setup(&account, &cluster("orders", "checkout")).await.unwrap_err();
    assert_eq!(failure.error.code(), "function-update-failed");
    assert!(failure.error.to_string().contains("no free address"), "{failure}");
    let planned = setup_with(&account, &cluster("orders", "checkout"), &dry_run(), &Script::default()).await;
    assert_eq!(planned.unwrap_err().error, failure.error, "a dry run tells the same");

    // Where an update is needed anyway, it is made.
    account.edit(|document| document.functions[1].last_update_status = "Failed".into());
    let outcome = setup(&account, &cluster("orders", "refunds")).await.unwrap();
    assert_eq!(outcome.ending, Ending::Reached);
}

/// The time at the prompt is the user's, and what was read before is read again.
#[tokio::test(start_paused = true)]
async fn a_slow_answer_costs_no_time_and_is_checked() {
    struct Slowly<'a>(&'a OfflineAccount, Mutex<u32>);
    #[async_trait::async_trait]
    impl Front for Slowly<'_> {
        async fn consent(&self, _: Asked<'_>) -> Result<(), RunError> {
            tokio::time::sleep(Duration::from_hours(1)).await;
            *self.1.lock().unwrap() += 1;
            // Meanwhile someone takes the number.
            self.0.edit(|document| {
                let mut theirs = document.security_groups[3].clone();
                theirs.group_id = "sg-theirs".into();
                theirs.group_name = "rds-lambda-3".into();
                if document
                    .security_groups
                    .iter()
                    .all(|group| group.group_id != theirs.group_id)
                {
                    document.security_groups.push(theirs);
                }
            });
            Ok(())
        }
        async fn password(&self, user: &str) -> Result<SecretString, RunError> {
            Err(RunError::NoPassword { user: user.to_owned() })
        }
        fn progress(&self, _: Progress<'_>) {}
    }
    let account = account(|_| ());
    let front = Slowly(&account, Mutex::default());
    let target = instance("inventory", "stock-sync");
    let outcome = run(&account, &target, &Options::default(), &front, Interrupt::never())
        .await
        .unwrap();
    assert_eq!(outcome.ending, Ending::Reached);
    assert_eq!(outcome.draft.plan.number, Some(4));
    assert_eq!(*front.1.lock().unwrap(), 2, "another plan is asked about again");
}

/// Beside a changed group of the same connection, the new set is what connects.
#[tokio::test]
async fn the_groups_that_connect_are_named() {
    let account = account(|_| ());
    for result in [Ending::Reached, Ending::Unchanged] {
        let outcome = setup(&account, &instance("ledger", "invoices")).await.unwrap();
        assert_eq!(outcome.ending, result);
        let found = autoconnect::decide::decide(&outcome.found.observation);
        let named: Vec<&str> = found
            .sides
            .iter()
            .map(|side| {
                outcome
                    .found
                    .observation
                    .group(side.group.unwrap())
                    .unwrap()
                    .name
                    .as_str()
            })
            .collect();
        assert_eq!(named, ["rds-lambda-3", "lambda-rds-3"]);
    }
}

#[tokio::test]
async fn arns_are_names_only_in_their_own_account_and_region() {
    let account = account(|_| ());
    for (function, expected) in [
        ("arn:aws:lambda:eu-central-1:123456789012:function:checkout", None),
        ("123456789012:function:checkout", None),
        (
            "arn:aws:lambda:us-east-1:123456789012:function:checkout",
            Some("other-region"),
        ),
        (
            "arn:aws:lambda:eu-central-1:999999999999:function:checkout",
            Some("other-account"),
        ),
        ("999999999999:function:checkout", Some("other-account")),
    ] {
        let result = setup(
            &account,
            &cluster("arn:aws:rds:eu-central-1:123456789012:cluster:orders", function),
        )
        .await;
        let code = result.as_ref().err().map(|failure| failure.error.code());
        assert_eq!(code, expected, "{function}");
    }
}
