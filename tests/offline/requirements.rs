//! Every requirement of docs/decision.md, with its error before the first write.

use autoconnect::account::AccountDocument;
use autoconnect::cloud::Cloud;
use autoconnect::observe::Target;
use autoconnect::reconcile::Options;

use crate::support::*;

type Change = fn(&mut AccountDocument);

async fn refused(target: &Target, change: Change) -> (&'static str, String, String) {
    let account = account(change);
    for dry_run in [true, false] {
        let options = Options {
            dry_run,
            ..Options::default()
        };
        let failure = setup_with(&account, target, &options, &Script::default())
            .await
            .unwrap_err();
        assert_eq!(account.calls().write, 0);
        if !dry_run {
            let hint = failure.error.hint().expect("each unmet requirement has a hint");
            return (failure.error.code(), failure.error.to_string(), hint);
        }
    }
    unreachable!()
}

#[expect(clippy::too_many_lines, reason = "a table, a row for each requirement")]
#[tokio::test]
async fn each_requirement_is_refused_by_name() {
    let refunds = || cluster("orders", "refunds");
    let stock = || instance("inventory", "stock-sync");
    let table: [(Target, Change, &str, &[&str]); 17] = [
        (
            cluster("archive", "refunds"),
            |_| (),
            "different-vpcs",
            &["vpc-0a1b2c3d", "vpc-0e5f6a7b", "diagnose"],
        ),
        (
            cluster("orders", "newsletter"),
            |_| (),
            "function-not-in-vpc",
            &["newsletter", "vpc-0a1b2c3d"],
        ),
        (
            refunds(),
            |d| d.db_clusters[0].engine_mode = Some("serverless".into()),
            "serverless-v1",
            &["orders", "v2"],
        ),
        (
            refunds(),
            |d| d.db_clusters[0].global_cluster_identifier = Some("planet".into()),
            "global-database",
            &["planet"],
        ),
        (
            refunds(),
            |d| d.db_clusters[0].status = "modifying".into(),
            "database-not-available",
            &["modifying", "--wait"],
        ),
        (
            refunds(),
            |d| d.db_instances[1].status = "rebooting".into(),
            "database-not-available",
            &["orders-2", "rebooting"],
        ),
        (
            stock(),
            |d| d.db_instances[2].status = "stopped".into(),
            "database-not-available",
            &["inventory", "stopped"],
        ),
        (
            refunds(),
            |d| d.functions[1].state = "Failed".into(),
            "function-not-active",
            &["refunds", "Failed"],
        ),
        (
            refunds(),
            |d| d.functions[1].state = "Wondering".into(),
            "function-not-active",
            &["Wondering"],
        ),
        (
            instance("orders-1", "refunds"),
            |_| (),
            "member-of-cluster",
            &["orders-1", "--cluster orders"],
        ),
        (
            stock(),
            |d| d.db_instances[2].engine = "custom-oracle-ee".into(),
            "rds-custom",
            &["custom-oracle-ee"],
        ),
        (
            refunds(),
            |d| d.db_clusters[0].engine = "docdb".into(),
            "unsupported-engine",
            &["docdb"],
        ),
        (
            refunds(),
            |d| d.vpcs[0].owner_id = Some("999999999999".into()),
            "shared-vpc",
            &["999999999999", "vpc-0a1b2c3d"],
        ),
        (refunds(), fill_refunds, "too-many-groups", &["refunds", "sg-0f00"]),
        (
            instance("ledger", "invoices"),
            fill_ledger,
            "too-many-groups",
            &["ledger", "rds-lambda-2 (sg-0d02)"],
        ),
        (
            cluster("ordres", "refunds"),
            |_| (),
            "cluster-not-found",
            &["ordres", "did you mean orders"],
        ),
        (
            cluster("orders", "refund"),
            |_| (),
            "function-not-found",
            &["did you mean refunds"],
        ),
    ];
    for (target, change, code, words) in table {
        let (found, message, hint) = refused(&target, change).await;
        assert_eq!(found, code, "{target:?}: {message}");
        for word in words {
            assert!(
                message.contains(word) || hint.contains(word),
                "{code}: {word} is not in: {message} / {hint}"
            );
        }
    }
}

fn more_groups(document: &mut AccountDocument, count: usize) -> Vec<String> {
    (0..count)
        .map(|i| {
            let mut group = document.security_groups[1].clone();
            group.group_id = format!("sg-more{i}");
            group.group_name = format!("more-{i}");
            document.security_groups.push(group.clone());
            group.group_id
        })
        .collect()
}

fn fill_refunds(document: &mut AccountDocument) {
    let more = more_groups(document, 4);
    document.functions[1]
        .vpc_config
        .as_mut()
        .unwrap()
        .security_group_ids
        .extend(more);
}

/// ledger gets an unfit group of another connection, which is the one that could go.
fn fill_ledger(document: &mut AccountDocument) {
    let mut more = more_groups(document, 2);
    more.push("sg-0d01".into());
    let membership = document.db_instances[3].vpc_security_groups[0].clone();
    for id in more {
        let mut membership = membership.clone();
        membership.vpc_security_group_id = id;
        document.db_instances[3].vpc_security_groups.push(membership);
    }
}

#[tokio::test]
async fn what_is_connected_stays_connected_while_the_database_is_stopped() {
    let account = account(|document| document.db_clusters[0].status = "stopped".into());
    let outcome = setup(&account, &cluster("orders", "checkout")).await.unwrap();
    assert_eq!(outcome.ending, autoconnect::reconcile::Ending::Unchanged);
    assert!(
        outcome.draft.notes.iter().any(|note| note.contains("stopped")),
        "{:?}",
        outcome.draft.notes
    );
}

#[tokio::test]
async fn serverless_v2_and_other_zones_are_fine() {
    let account = account(|document| document.db_instances[2].availability_zone = Some("eu-central-1b".into()));
    let outcome = setup_with(
        &account,
        &instance("inventory", "stock-sync"),
        &dry_run(),
        &Script::default(),
    )
    .await
    .unwrap();
    let note = outcome
        .draft
        .notes
        .iter()
        .find(|note| note.contains("is charged"))
        .unwrap();
    assert!(
        note.contains("eu-central-1a") && note.contains("eu-central-1b"),
        "{note}"
    );
}

/// Waiting does not help with what does not end by itself.
#[tokio::test]
async fn a_stopped_database_is_not_waited_for() {
    for status in ["stopped", "failed", "incompatible-network", "storage-full"] {
        let account = account(|document| document.db_clusters[0].status = status.into());
        let options = Options {
            wait_for_database: true,
            ..Options::default()
        };
        let failure = setup_with(&account, &cluster("orders", "refunds"), &options, &Script::default())
            .await
            .unwrap_err();
        assert_eq!(failure.error.code(), "database-not-available", "{status}");
        assert!(failure.error.hint().unwrap().contains("waiting does not help"));
    }
}

#[tokio::test]
async fn a_database_without_a_port_cannot_be_planned_for() {
    let account = account(|document| {
        document.db_instances[2].port = None;
        document.db_instances[2].status = "creating".into();
    });
    let options = Options {
        dry_run: true,
        wait_for_database: true,
        ..Options::default()
    };
    let target = instance("inventory", "stock-sync");
    let failure = setup_with(&account, &target, &options, &Script::default())
        .await
        .unwrap_err();
    assert_eq!(failure.error.code(), "database-not-available");
    assert!(failure.error.to_string().contains("no port yet"), "{failure}");
}

/// Groups of other connections are nobody's to give away.
#[tokio::test]
async fn only_groups_of_this_connection_are_superseded_or_could_go() {
    // checkout is connected with orders by lambda-rds-1, which has nothing to do with inventory.
    let account = account(|_| ());
    let target = instance("inventory", "checkout");
    let outcome = setup_with(&account, &target, &dry_run(), &Script::default())
        .await
        .unwrap();
    let reasons = outcome.draft.reasons.join(" ");
    assert!(!reasons.contains("takes its place"), "{reasons}");

    let (_, message, hint) = refused(&target, |document| {
        let more = more_groups(document, 3);
        document.functions[0]
            .vpc_config
            .as_mut()
            .unwrap()
            .security_group_ids
            .extend(more);
    })
    .await;
    assert!(
        message.contains("sg-0f01") && !hint.contains("sg-0f01"),
        "{message} / {hint}"
    );
}
