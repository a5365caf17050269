//! Databases that took the place of others: blue/green deployments, restores and changes of names.

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::Cloud;
use autoconnect::drift::{FindingKind, Judge, Judgement, discover};
use autoconnect::estate::Connection;
use autoconnect::model::{CredentialsWish, DatabaseKind};
use autoconnect::observe::{NewProxyWish, Proxies, ProxyWish, Target, survey};
use autoconnect::plan::Effect;
use autoconnect::reconcile::Options;
use autoconnect::removal::RemovalWish;

use crate::removals::{disconnect, remove_with};
use crate::scenarios::{Scenario, base};
use crate::support::*;

/// What RDS leaves after a switchover: another database with the same groups, in the name that the other had before.
fn with_another(document: &AccountDocument, name: &str) -> AccountDocument {
    let mut document = document.clone();
    let clusters: Vec<_> = document
        .db_clusters
        .iter()
        .filter(|entry| entry.id == "db")
        .cloned()
        .collect();
    for mut entry in clusters {
        name.clone_into(&mut entry.id);
        entry.endpoint = Some(format!("{name}.example"));
        entry.db_cluster_resource_id = Some("cluster-OLD".to_owned());
        document.db_clusters.push(entry);
    }
    let instances = document.db_instances.clone();
    for mut entry in instances {
        entry.id = match &entry.cluster {
            Some(_) => format!("{}-{name}", entry.id),
            None => name.to_owned(),
        };
        entry.cluster = entry.cluster.map(|_| name.to_owned());
        entry.dbi_resource_id = Some(format!("db-OLD{}", document.db_instances.len()));
        document.db_instances.push(entry);
    }
    document
}

async fn found(account: &OfflineAccount) -> Vec<String> {
    let estate = survey(account, &Proxies::All).await.estate;
    discover(&estate).iter().map(ToString::to_string).collect()
}

async fn judged(account: &OfflineAccount, connection: &Connection) -> Judgement {
    Judge::new(&survey(account, &Proxies::All).await.estate).judge(connection)
}

fn direct() -> impl Iterator<Item = Scenario> {
    base()
        .into_iter()
        .filter(|scenario| scenario.target.proxy == ProxyWish::None)
}

#[tokio::test(start_paused = true)]
async fn the_other_database_of_a_deployment_is_no_connection() {
    for Scenario { document, target, .. } in direct() {
        let before = connected(&document, &target).await;
        let connections = found(&in_memory(&before)).await;
        assert_eq!(connections.len(), 1);
        for (name, is_beside) in [
            ("db-old1", true),
            ("db-old23", true),
            ("db-green-a1b2c3", true),
            ("db-older", false),
            ("db2", false),
        ] {
            let account = in_memory(&with_another(&before, name));
            let found = found(&account).await;
            assert_eq!(found.len(), if is_beside { 1 } else { 2 }, "{name}: {found:?}");
            assert!(found.contains(&connections[0]), "{name}: {found:?}");
        }
        // A tag that names it is a connection that someone has made.
        let mut named = with_another(&before, "db-old1");
        let tag = connections[0].replacen("/db:", "/db-old1:", 1);
        for group in &mut named.security_groups {
            for entry in group.tags.iter_mut().filter(|tag| tag.value == connections[0]) {
                entry.value.clone_from(&tag);
            }
        }
        assert!(found(&in_memory(&named)).await.contains(&tag));
    }
}

#[tokio::test(start_paused = true)]
async fn the_old_database_leaves_the_groups_and_takes_nothing_from_the_one_in_production() {
    let options = Options::default();
    for Scenario { document, target, .. } in direct() {
        let before = connected(&document, &target).await;
        let account = in_memory(&with_another(&before, "db-old1"));
        let old = Target {
            database: "db-old1".to_owned(),
            ..target.clone()
        };
        let ended = remove_with(&account, &disconnect(&old, RemovalWish::default()), &options).await;
        let ended = ended.unwrap_or_else(|failure| panic!("{failure}"));
        let steps = &ended.draft.plan.steps;
        let modifies = match target.kind {
            DatabaseKind::Cluster => "rds:ModifyDBCluster",
            DatabaseKind::Instance => "rds:ModifyDBInstance",
        };
        let actions: Vec<&str> = steps.iter().map(|step| step.effect.action()).collect();
        assert_eq!(actions, [modifies], "{steps:?}");
        // Function, groups and the database in production are as they were.
        let mut after = account.document();
        after.db_clusters.retain(|entry| entry.id != "db-old1");
        after.db_instances.retain(|entry| !entry.id.ends_with("db-old1"));
        assert_eq!(after.functions, before.functions);
        assert_eq!(after.security_groups, before.security_groups);
        assert_eq!(after.db_clusters, before.db_clusters);
        assert!(setup(&account, &target).await.unwrap().applied.is_empty());
        // Nothing is left to do, and the function does not go with it.
        let again = remove_with(&account, &disconnect(&old, RemovalWish::default()), &options)
            .await
            .unwrap();
        assert!(again.draft.plan.is_empty(), "{:?}", again.draft.plan);
        let with_function = RemovalWish {
            with_function: true,
            ..RemovalWish::default()
        };
        let account = in_memory(&with_another(&before, "db-old1"));
        let refused = remove_with(&account, &disconnect(&old, with_function), &options).await;
        assert_eq!(refused.unwrap_err().error.code(), "leads-elsewhere");
        assert_eq!(account.calls().write, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_one_in_production_is_disconnected_although_the_old_one_has_its_group() {
    for Scenario { document, target, .. } in direct() {
        let before = connected(&document, &target).await;
        let account = in_memory(&with_another(&before, "db-old1"));
        let goal = disconnect(&target, RemovalWish::default());
        let ended = remove_with(&account, &goal, &Options::default()).await;
        let ended = ended.unwrap_or_else(|failure| panic!("{failure}"));
        assert!(!ended.applied.is_empty());
        let after = account.document();
        assert_eq!(after.functions[0].vpc_config, document.functions[0].vpc_config);
        // The old database keeps what it has.
        let old = with_another(&before, "db-old1");
        let is_old = |id: &str| id == "db-old1";
        let clusters = |document: &AccountDocument| -> Vec<_> {
            let all = document.db_clusters.iter();
            all.filter(|entry| is_old(&entry.id))
                .map(|entry| entry.vpc_security_groups.clone())
                .collect()
        };
        assert_eq!(clusters(&after), clusters(&old));
    }
}

/// A proxy that logs in by IAM names the database by its resource id, which a replaced one does not have.
#[tokio::test(start_paused = true)]
async fn a_permission_for_a_database_that_was_replaced_is_noticed_and_written_again() {
    let made = Target {
        proxy: ProxyWish::New(NewProxyWish {
            credentials: CredentialsWish::Iam,
            ..NewProxyWish::default()
        }),
        user: Some("app".to_owned()),
        iam_required: true,
        ..cluster("orders", "refunds")
    };
    let account = account(|document| {
        for entry in &mut document.db_clusters {
            entry.iam_database_authentication_enabled = Some(true);
        }
    });
    setup(&account, &made).await.unwrap();
    let named = Target {
        proxy: ProxyWish::Existing("autoconnect-orders".to_owned()),
        ..made.clone()
    };
    let connection = Connection {
        kind: DatabaseKind::Cluster,
        database: "orders".to_owned(),
        proxy: Some("autoconnect-orders".to_owned()),
        function: "refunds".to_owned(),
    };
    let is_stale = |judgement: &Judgement| {
        let mut findings = judgement.findings.iter();
        findings.any(|finding| finding.kind == FindingKind::PermissionStale)
    };
    assert!(!is_stale(&judged(&account, &connection).await));
    assert!(setup(&account, &named).await.unwrap().applied.is_empty());

    let mut document = account.document();
    for entry in document.db_clusters.iter_mut().filter(|entry| entry.id == "orders") {
        entry.db_cluster_resource_id = Some("cluster-NEW".to_owned());
    }
    for target in [&named, &made] {
        let account = in_memory(&document);
        let judgement = judged(&account, &connection).await;
        assert!(is_stale(&judgement), "{:?}", judgement.findings);
        let finding = judgement
            .findings
            .iter()
            .find(|finding| finding.kind == FindingKind::PermissionStale)
            .unwrap();
        assert!(finding.message.contains("cluster-ORDERSEXAMPLE") && finding.message.contains("cluster-NEW"));
        let remedy = finding.remedy.as_ref().unwrap().join(" ");
        let expected =
            "setup --cluster orders --function refunds --proxy autoconnect-orders --iam-auth required --db-user=app";
        assert_eq!(remedy, expected);
        let outcome = setup(&account, target).await.unwrap();
        let written: Vec<&str> = outcome.applied.iter().map(|applied| applied.action.as_str()).collect();
        assert_eq!(written, ["iam:PutRolePolicy"], "{outcome:?}");
        let mut steps = outcome.proposal.plan.steps.iter();
        let put = steps
            .find(|step| matches!(step.effect, Effect::PutRolePolicy { .. }))
            .unwrap();
        assert!(
            put.summary
                .contains("replaces the permission for cluster-ORDERSEXAMPLE"),
            "{put:?}"
        );
        assert!(!is_stale(&judged(&account, &connection).await));
        assert!(setup(&account, target).await.unwrap().applied.is_empty());
    }

    // What someone else wrote under that name is not replaced.
    let mut foreign = document.clone();
    let role = foreign
        .roles
        .iter_mut()
        .find(|role| role.role_name.contains("-proxy-"))
        .unwrap();
    let policy = role
        .policies
        .iter_mut()
        .find(|policy| policy.policy_name.contains("connect"))
        .unwrap();
    policy.policy_document["Statement"][0]["Resource"] = "*".into();
    let account = in_memory(&foreign);
    assert!(!is_stale(&judged(&account, &connection).await));
    let refused = setup(&account, &named).await.unwrap_err();
    assert_eq!(refused.error.code(), "policy-name-taken", "{refused}");
    assert_eq!(account.document().roles, foreign.roles);
}
