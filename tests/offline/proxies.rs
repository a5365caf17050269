//! Connections through an RDS Proxy that exists.

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::Cloud;
use autoconnect::model::TargetHealthState;
use autoconnect::observe::{ProxyWish, Target, observe};
use autoconnect::reconcile::{Ending, Options};
use tokio::time::Instant;

use crate::support::*;

fn through(target: Target) -> Target {
    Target {
        proxy: ProxyWish::Existing("orders-proxy".into()),
        ..target
    }
}

fn refunds() -> Target {
    through(cluster("orders", "refunds"))
}

fn health(outcome: &Outcome) -> Option<(TargetHealthState, Option<String>)> {
    let health = outcome
        .found
        .observation
        .proxy
        .as_ref()?
        .target_health(&outcome.found.observation.database)?;
    Some((health.state.clone(), health.reason.clone()))
}

#[tokio::test]
async fn the_whole_set_is_made_and_the_proxy_reaches_the_database() {
    let account = account(|_| ());
    let before = account.document();
    let planned = setup_with(&account, &refunds(), &dry_run(), &Script::default())
        .await
        .unwrap();
    assert_eq!(
        health(&planned),
        Some((TargetHealthState::Unavailable, Some("UNREACHABLE".into())))
    );
    assert!(
        planned
            .draft
            .reasons
            .iter()
            .any(|reason| reason.contains("UNREACHABLE"))
    );

    let outcome = setup(&account, &refunds()).await.unwrap();
    assert_eq!(outcome.ending, Ending::Reached);
    assert_eq!(outcome.draft.decision, "create-new");
    assert_eq!(outcome.draft.plan.steps.len(), 13);
    assert_eq!(health(&outcome), Some((TargetHealthState::Available, None)));
    let after = account.document();
    assert_eq!(
        after.security_groups[..before.security_groups.len()],
        before.security_groups
    );
    assert_eq!(after.security_groups.len(), before.security_groups.len() + 3);
    assert_eq!(after.db_proxies[0].vpc_security_group_ids[0], "sg-0f00");
    assert_eq!(after.db_proxies[0].vpc_security_group_ids.len(), 2);

    let writes = account.calls().write;
    assert_eq!(setup(&account, &refunds()).await.unwrap().ending, Ending::Unchanged);
    assert_eq!(account.calls().write, writes);

    // The second function shares the set; the direct connection of checkout is left alone.
    let checkout = through(cluster("orders", "checkout"));
    let second = setup(&account, &checkout).await.unwrap();
    assert_eq!(second.draft.decision, "associate-existing");
    assert_eq!(second.draft.plan.steps.len(), 1);
    assert_eq!(
        setup(&account, &cluster("orders", "checkout")).await.unwrap().ending,
        Ending::Unchanged
    );
}

#[tokio::test]
async fn a_database_that_is_not_its_target_is_registered() {
    for target in [refunds(), through(instance("inventory", "stock-sync"))] {
        let account = account(|document| document.db_proxies[0].target = None);
        let outcome = setup(&account, &target).await.unwrap();
        assert_eq!(outcome.ending, Ending::Reached);
        assert_eq!(outcome.draft.plan.steps.len(), 14);
        assert_eq!(
            outcome.draft.plan.steps[10].effect.action(),
            "rds:RegisterDBProxyTargets"
        );
        assert_eq!(
            health(&outcome),
            Some((TargetHealthState::Available, None)),
            "its registration is waited for"
        );
        assert_eq!(setup(&account, &target).await.unwrap().ending, Ending::Unchanged);

        // Someone deregisters it: only that is fixed.
        account.edit(|document| document.db_proxies[0].target = None);
        let outcome = setup(&account, &target).await.unwrap();
        assert_eq!(outcome.draft.decision, "associate-existing");
        assert_eq!(outcome.draft.plan.steps.len(), 1);
        assert_eq!(health(&outcome), Some((TargetHealthState::Available, None)));
    }
}

#[tokio::test]
async fn an_auth_failure_is_reported_and_no_new_groups_are_made_for_it() {
    let account = account(|_| ());
    setup(&account, &refunds()).await.unwrap();
    account.edit(|document| {
        document.db_proxies[0].target.as_mut().unwrap().unavailable_reason = Some("AUTH_FAILURE".into());
    });
    let outcome = setup(&account, &refunds()).await.unwrap();
    assert_eq!(outcome.draft.decision, "no-op");
    assert_eq!(outcome.ending, Ending::Incomplete);
    let reasons = outcome.draft.reasons.join(" ");
    assert!(reasons.contains("not a network problem"), "{reasons}");
}

#[tokio::test]
async fn each_requirement_of_a_proxy_is_refused_by_name() {
    type Change = fn(&mut AccountDocument);
    let table: [(Change, &str, &str); 6] = [
        (
            |d| d.db_proxies[0].engine_family = "MYSQL".into(),
            "proxy-other-engine-family",
            "MYSQL",
        ),
        (
            |d| {
                d.db_proxies[0].vpc_id = "vpc-0e5f6a7b".into();
                d.db_proxies[0].vpc_security_group_ids.clear();
            },
            "proxy-different-vpc",
            "vpc-0e5f6a7b",
        ),
        (
            |d| d.db_proxies[0].target.as_mut().unwrap().rds_resource_id = "archive".into(),
            "proxy-other-target",
            "archive",
        ),
        (
            |d| d.db_clusters[0].engine = "oracle-ee".into(),
            "proxy-unsupported-engine",
            "oracle-ee",
        ),
        (
            |d| d.db_proxies[0].status = "incompatible-network".into(),
            "proxy-not-available",
            "incompatible-network",
        ),
        (
            |d| d.db_proxies[0].name = "orders-proxi".into(),
            "proxy-not-found",
            "orders-proxy",
        ),
    ];
    for (change, code, word) in table {
        let account = account(change);
        let failure = setup(&account, &refunds()).await.unwrap_err();
        assert_eq!(failure.error.code(), code, "{failure}");
        assert!(failure.error.to_string().contains(word), "{code}: {failure}");
        assert!(failure.error.hint().is_some());
        assert_eq!(account.calls().write, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn observing_a_proxy_takes_no_further_round() {
    let account = account(|_| ());
    let start = Instant::now();
    observe(&slow(&account), &refunds()).await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 2);
    assert_eq!(account.calls().read, 7);
}

/// Wherever the user ends a run, the next one completes it.
#[tokio::test(start_paused = true)]
async fn an_interrupted_run_is_completed_by_the_next() {
    let groups = example().security_groups.len() + 3;
    for call in 0..70 {
        let account: OfflineAccount = account(|document| document.db_proxies[0].target = None);
        let _ = setup_interrupted_at(call, &account, &refunds()).await;
        setup(&account, &refunds()).await.unwrap();
        assert_eq!(
            account.document().security_groups.len(),
            groups,
            "one set, after call {call}"
        );
        assert_eq!(setup(&account, &refunds()).await.unwrap().ending, Ending::Unchanged);
    }
}

/// Groups of another function's connection through the same proxy are nobody's to give away.
#[tokio::test]
async fn what_another_function_uses_is_not_superseded() {
    let account = account(|_| ());
    setup(&account, &through(cluster("orders", "checkout"))).await.unwrap();
    account.edit(|document| {
        let group = document
            .security_groups
            .iter_mut()
            .find(|group| group.group_name == "lambda-rdsproxy-1")
            .unwrap();
        group.ip_permissions_egress[0].to_port = Some(6000);
    });
    let outcome = setup_with(&account, &refunds(), &dry_run(), &Script::default())
        .await
        .unwrap();
    assert_eq!(outcome.draft.decision, "create-new");
    let reasons = outcome.draft.reasons.join(" ");
    assert!(!reasons.contains("takes its place"), "{reasons}");
    let outcome = setup_with(
        &account,
        &through(cluster("orders", "checkout")),
        &dry_run(),
        &Script::default(),
    )
    .await
    .unwrap();
    let reasons = outcome.draft.reasons.join(" ");
    for name in ["rds-rdsproxy-1", "rdsproxy-lambda-1", "lambda-rdsproxy-1"] {
        assert!(
            reasons.contains(&format!("{name} (sg-")) && reasons.contains("replaces it"),
            "{name}: {reasons}"
        );
    }
}

/// Where nothing has to be written, states that are none of the connection's do not matter; what is still
/// taking effect does.
#[tokio::test]
async fn a_connection_that_settles_is_waited_for_whatever_its_database_does() {
    let account = account(|_| ());
    setup(&account, &refunds()).await.unwrap();
    account.edit(|document| {
        document.db_clusters[0].status = "stopped".into();
        document.db_proxies[0].target.as_mut().unwrap().registering = true;
        document.functions[1].last_update_status = "InProgress".into();
    });
    let front = Script::default();
    let outcome = setup_with(&account, &refunds(), &Options::default(), &front)
        .await
        .unwrap();
    assert_eq!(outcome.ending, Ending::Unchanged);
    assert!(front.waits.lock().unwrap()[0].contains("an update of function refunds"));
    assert_eq!(
        outcome.found.observation.function.last_update,
        Some(autoconnect::model::LastUpdateStatus::Successful)
    );
}

#[tokio::test]
async fn a_failed_update_is_refused_before_the_target_is_registered() {
    let account = account(|_| ());
    setup(&account, &refunds()).await.unwrap();
    account.edit(|document| {
        document.db_proxies[0].target = None;
        document.functions[1].last_update_status = "Failed".into();
    });
    let writes = account.calls().write;
    let failure = setup(&account, &refunds()).await.unwrap_err();
    assert_eq!(failure.error.code(), "function-update-failed");
    assert_eq!(account.calls().write, writes);
}
