//! Databases that took the place of others: blue/green deployments, restores and changes of names.

use autoconnect::account::{AccountDocument, DbProxyEntry, OfflineAccount, RoleEntry, RolePolicy};
use autoconnect::cloud::{Cloud, Operation};
use autoconnect::diagnostics::Status;
use autoconnect::diagnostics::connection::diagnose;
use autoconnect::drift::{FindingKind, Judge, Judgement, Verdict, discover};
use autoconnect::estate::Connection;
use autoconnect::interrupt::Interrupt;
use autoconnect::model::{CredentialsWish, DatabaseKind};
use autoconnect::observe::{NewProxyWish, Proxies, ProxyWish, Target, scene, survey};
use autoconnect::plan::Effect;
use autoconnect::reconcile::{Options, converge};
use autoconnect::removal::RemovalWish;
use serde_json::json;

use crate::cleanup::cleanup;
use crate::denied::Denied;
use crate::interposed::Interposed;
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

/// A connection through a new proxy that logs in by IAM.
fn by_iam() -> Target {
    Target {
        proxy: ProxyWish::New(NewProxyWish {
            credentials: CredentialsWish::Iam,
            ..NewProxyWish::default()
        }),
        user: Some("app".to_owned()),
        iam_required: true,
        ..cluster("orders", "refunds")
    }
}

/// A proxy that logs in by IAM names the database by its resource id, which a replaced one does not have.
#[tokio::test(start_paused = true)]
async fn a_permission_for_a_database_that_was_replaced_is_noticed_and_written_anew() {
    let made = by_iam();
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
        let mut steps = outcome.draft.plan.steps.iter();
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

/// What the proxy's role has and what is known of the database decide together; an ARN without the id is never written.
#[tokio::test(start_paused = true)]
async fn without_the_resource_id_no_permission_is_written() {
    let account = account(|document| {
        document.db_clusters[0].iam_database_authentication_enabled = Some(true);
    });
    setup(&account, &by_iam()).await.unwrap();
    let whole = account.document();
    let named = Target {
        proxy: ProxyWish::Existing("autoconnect-orders".to_owned()),
        ..by_iam()
    };
    for (id, has_policy, expected) in [
        (Some("cluster-ORDERSEXAMPLE"), true, Ok(0)),
        (Some("cluster-ORDERSEXAMPLE"), false, Ok(1)),
        // Whether the policy is for this database is not known, and nothing is written.
        (None, true, Ok(0)),
        (None, false, Err("resource-id-unknown")),
        (Some(""), false, Err("resource-id-unknown")),
    ] {
        for target in [&named, &by_iam()] {
            let mut document = whole.clone();
            document.db_clusters[0].db_cluster_resource_id = id.map(str::to_owned);
            let mut roles = document.roles.iter_mut();
            let role = roles.find(|role| role.role_name.contains("-proxy-")).unwrap();
            role.policies.retain(|_| has_policy);
            let account = in_memory(&document);
            let ended = setup(&account, target).await;
            let ended = ended.as_ref().map(|outcome| outcome.applied.len());
            let ended = ended.map_err(|failure| failure.error.code());
            assert_eq!(ended, expected, "{id:?} {has_policy}");
            if expected.is_err() {
                assert_eq!(account.calls().write, 0);
            }
        }
    }
}

/// An account in which refunds connects through a new proxy by IAM, without a secret.
async fn made_by_iam() -> AccountDocument {
    let account = account(|document| {
        document.db_clusters[0].iam_database_authentication_enabled = Some(true);
    });
    setup(&account, &by_iam()).await.unwrap();
    account.document()
}

fn proxy_role(document: &mut AccountDocument) -> &mut RoleEntry {
    let mut roles = document.roles.iter_mut();
    roles.find(|role| role.role_name.contains("-proxy-")).unwrap()
}

fn resource(document: &mut AccountDocument) -> &mut serde_json::Value {
    &mut proxy_role(document).policies[0].policy_document["Statement"][0]["Resource"]
}

/// The policy of the proxy's role may name the database that was there before: `remove` and `cleanup` know it as ours by all
/// the rest, and by nothing less.
#[tokio::test(start_paused = true)]
async fn a_permission_for_a_replaced_database_goes_with_the_proxy_and_nothing_else_does() {
    type Change = fn(&mut AccountDocument);
    const USER: &str = "arn:aws:rds-db:eu-central-1:123456789012:dbuser:";
    let table: [(&str, Change, bool); 11] = [
        ("as it was made", |_| (), true),
        (
            "the database was replaced",
            |document| document.db_clusters[0].db_cluster_resource_id = Some("cluster-NEW".to_owned()),
            true,
        ),
        (
            "the database's id is not known",
            |document| document.db_clusters[0].db_cluster_resource_id = None,
            true,
        ),
        (
            "by an instance before",
            |document| *resource(document) = format!("{USER}db-OLD/app").into(),
            true,
        ),
        ("any resource", |document| *resource(document) = "*".into(), false),
        (
            "any database",
            |document| *resource(document) = format!("{USER}*/app").into(),
            false,
        ),
        (
            "a proxy",
            |document| *resource(document) = format!("{USER}prx-1/app").into(),
            false,
        ),
        (
            "another user",
            |document| *resource(document) = format!("{USER}cluster-OLD/admin").into(),
            false,
        ),
        (
            "two databases",
            |document| {
                *resource(document) = json!([format!("{USER}cluster-OLD/app"), format!("{USER}cluster-NEW/app")]);
            },
            false,
        ),
        (
            "another action too",
            |document| {
                *resource(document) = format!("{USER}cluster-OLD/app").into();
                let statement = &mut proxy_role(document).policies[0].policy_document["Statement"][0];
                statement["Action"] = json!(["rds-db:connect", "iam:PassRole"]);
            },
            false,
        ),
        (
            "another name",
            |document| {
                *resource(document) = format!("{USER}cluster-OLD/app").into();
                proxy_role(document).policies[0].policy_name += "x";
            },
            false,
        ),
    ];
    let whole = made_by_iam().await;
    let target = Target {
        proxy: ProxyWish::Existing("autoconnect-orders".to_owned()),
        user: None,
        iam_required: false,
        ..by_iam()
    };
    let wish = RemovalWish {
        with_proxy: true,
        ..RemovalWish::default()
    };
    for (what, change, goes) in table {
        let mut document = whole.clone();
        change(&mut document);
        let role = proxy_role(&mut document).clone();
        let is_left = |after: &AccountDocument| after.roles.contains(&role);
        let account = in_memory(&document);
        let ended = remove_with(&account, &disconnect(&target, wish), &Options::default()).await;
        let ended = ended.unwrap_or_else(|failure| panic!("{what}: {failure}"));
        let after = account.document();
        assert!(
            after.db_proxies.iter().all(|proxy| proxy.name != "autoconnect-orders"),
            "{what}"
        );
        assert_eq!(is_left(&after), !goes, "{what}: {:?}", ended.draft.reasons);
        let mut reasons = ended.draft.reasons.iter();
        let told = reasons.any(|reason| reason.contains("will be kept: its own policy"));
        assert_eq!(told, !goes, "{what}: {:?}", ended.draft.reasons);

        // The same where somebody has deleted the proxy.
        document.db_proxies.retain(|proxy| proxy.name != "autoconnect-orders");
        let account = in_memory(&document);
        let ended = cleanup(&account).await;
        assert_eq!(is_left(&account.document()), !goes, "{what}: {:?}", ended.draft.reasons);
    }
}

/// The permission on the function's role may name the proxy that had the name before. It goes too, unless a proxy has that id:
/// one that was renamed keeps its id, and the permission is what leads through it.
#[tokio::test(start_paused = true)]
async fn a_permission_for_a_proxy_that_was_made_anew_goes_unless_it_is_another_ones() {
    let connected = made_by_iam().await;
    let target = Target {
        proxy: ProxyWish::Existing("autoconnect-orders".to_owned()),
        ..by_iam()
    };
    let with_proxy = RemovalWish {
        with_proxy: true,
        ..RemovalWish::default()
    };
    for (id, is_denied, proxy_is_gone, goes) in [
        ("prx-autoconnect-orders", false, false, true),
        ("prx-before", false, false, true),
        ("prx-before", true, false, false),
        ("prx-renamed", false, false, false),
        ("prx-before", false, true, true),
        ("prx-renamed", false, true, false),
        ("cluster-OLD", false, false, false),
    ] {
        let mut document = connected.clone();
        let of_function = |document: &AccountDocument| {
            let mut policies = document.roles.iter().flat_map(|role| {
                let policies = role.policies.iter();
                policies.map(move |policy| (role.role_name.clone(), policy.clone()))
            });
            policies.find(|(role, policy)| policy.policy_name.contains("connect") && !role.contains("-proxy-"))
        };
        let (role, _) = of_function(&document).unwrap();
        let mut roles = document.roles.iter_mut();
        let entry = roles.find(|entry| entry.role_name == role).unwrap();
        entry.policies[0].policy_document["Statement"][0]["Resource"] =
            format!("arn:aws:rds-db:eu-central-1:123456789012:dbuser:{id}/app").into();
        let mut renamed = document.db_proxies.last().unwrap().clone();
        renamed.name = "renamed".to_owned();
        renamed.vpc_security_group_ids.clear();
        document.db_proxies.push(renamed);
        if proxy_is_gone {
            document.db_proxies.retain(|proxy| proxy.name != "autoconnect-orders");
        }
        let account = in_memory(&document);
        let goal = disconnect(
            &target,
            if proxy_is_gone {
                with_proxy
            } else {
                RemovalWish::default()
            },
        );
        let ended = if is_denied {
            let cloud = Interposed {
                account: &account,
                hook: Denied(Operation::DescribeDbProxies),
            };
            converge(
                &cloud,
                &goal,
                &Options::default(),
                &Script::default(),
                Interrupt::never(),
            )
            .await
        } else {
            remove_with(&account, &goal, &Options::default()).await
        };
        let context = format!("{id} {is_denied} {proxy_is_gone}");
        if is_denied {
            // Without the list of proxies nobody knows who uses the groups either.
            assert_eq!(of_function(&account.document()).is_none(), goes, "{context}");
            continue;
        }
        let ended = ended.unwrap_or_else(|failure| panic!("{context}: {failure}"));
        assert_eq!(
            of_function(&account.document()).is_none(),
            goes,
            "{context}: {:?}",
            ended.draft.reasons
        );
        let mut reasons = ended.draft.reasons.iter();
        let told = match id {
            "prx-renamed" => "prx-renamed, which it names, is proxy renamed now",
            "cluster-OLD" => "it differs from what setup writes",
            _ => continue,
        };
        assert!(
            reasons.any(|reason| reason.contains(told)),
            "{context}: {:?}",
            ended.draft.reasons
        );
    }
}

/// A proxy that was made anew has another id than the permission on the function's role names.
#[tokio::test(start_paused = true)]
#[expect(clippy::too_many_lines, reason = "a table, one row a case")]
async fn a_permission_for_a_proxy_that_was_made_anew_is_noticed_and_written_anew() {
    type Change = fn(&mut AccountDocument);
    fn of_function(document: &mut AccountDocument) -> &mut RolePolicy {
        let mut roles = document.roles.iter_mut();
        let role = roles.find(|role| !role.role_name.contains("-proxy-") && !role.policies.is_empty());
        &mut role.unwrap().policies[0]
    }
    fn names(document: &mut AccountDocument, id: &str) {
        of_function(document).policy_document["Statement"][0]["Resource"] =
            format!("arn:aws:rds-db:eu-central-1:123456789012:dbuser:{id}/app").into();
    }
    fn proxy(document: &mut AccountDocument) -> &mut DbProxyEntry {
        let mut proxies = document.db_proxies.iter_mut();
        proxies.find(|proxy| proxy.name == "autoconnect-orders").unwrap()
    }
    // Whether it is found, and whether `setup` is what makes it go away.
    let table: [(&str, Change, bool, bool); 8] = [
        ("as it was made", |_| (), false, false),
        (
            "a proxy that is gone",
            |document| names(document, "prx-before"),
            true,
            true,
        ),
        (
            "a proxy that was renamed",
            |document| {
                names(document, "prx-renamed");
                let renamed = DbProxyEntry {
                    name: "renamed".to_owned(),
                    vpc_security_group_ids: Vec::new(),
                    ..proxy(document).clone()
                };
                document.db_proxies.push(renamed);
            },
            true,
            false,
        ),
        (
            "the proxy takes passwords only",
            |document| {
                names(document, "prx-before");
                proxy(document).iam_auth = None;
            },
            false,
            false,
        ),
        (
            "another action too",
            |document| {
                names(document, "prx-before");
                of_function(document).policy_document["Statement"][0]["Action"] =
                    json!(["rds-db:connect", "iam:PassRole"]);
            },
            false,
            false,
        ),
        (
            "the name of another proxy's",
            |document| {
                names(document, "prx-before");
                let policy = of_function(document);
                policy.policy_name = policy.policy_name.replace("autoconnect-orders", "other");
            },
            false,
            false,
        ),
        (
            "no policy",
            |document| {
                let name = of_function(document).policy_name.clone();
                for role in &mut document.roles {
                    if !role.role_name.contains("-proxy-") {
                        role.policies.retain(|policy| policy.policy_name != name);
                    }
                }
            },
            false,
            false,
        ),
        (
            "both were replaced",
            |document| {
                names(document, "prx-before");
                document.db_clusters[0].db_cluster_resource_id = Some("cluster-NEW".to_owned());
            },
            true,
            true,
        ),
    ];
    let connected = made_by_iam().await;
    let connection = Connection {
        kind: DatabaseKind::Cluster,
        database: "orders".to_owned(),
        proxy: Some("autoconnect-orders".to_owned()),
        function: "refunds".to_owned(),
    };
    let named = Target {
        proxy: ProxyWish::Existing("autoconnect-orders".to_owned()),
        ..by_iam()
    };
    let of_function = |judgement: &Judgement| {
        let mut findings = judgement.findings.iter();
        let found = findings.find(|finding| {
            finding.kind == FindingKind::PermissionStale && finding.message.contains("of function refunds")
        });
        found.cloned()
    };
    for (what, change, is_found, is_mended) in table {
        let mut document = connected.clone();
        change(&mut document);
        let account = in_memory(&document);
        let judgement = judged(&account, &connection).await;
        let finding = of_function(&judgement);
        assert_eq!(finding.is_some(), is_found, "{what}: {:?}", judgement.findings);
        let Some(finding) = finding else { continue };
        assert_ne!(judgement.verdict, Verdict::InSync, "{what}");
        assert_eq!(finding.expected.as_deref(), Some("prx-autoconnect-orders"), "{what}");
        assert_eq!(finding.remedy.is_some(), is_mended, "{what}: {finding:?}");
        let Some(remedy) = finding.remedy else {
            assert!(finding.message.contains("which is proxy renamed"), "{finding:?}");
            continue;
        };
        let expected =
            "setup --cluster orders --function refunds --proxy autoconnect-orders --iam-auth required --db-user=app";
        assert_eq!(remedy.join(" "), expected, "{what}");
        setup(&account, &named)
            .await
            .unwrap_or_else(|failure| panic!("{what}: {failure}"));
        let mended = judged(&account, &connection).await;
        assert_eq!(mended.findings, [], "{what}");
        // What may not be read is not judged.
        let account = in_memory(&document);
        let cloud = Interposed {
            account: &account,
            hook: Denied(Operation::ListRolePolicies),
        };
        let estate = survey(&cloud, &Proxies::All).await;
        assert_eq!(estate.errors, [], "{what}");
        assert_eq!(
            of_function(&Judge::new(&estate.estate).judge(&connection)),
            None,
            "{what}"
        );
    }
}

/// The roles are asked once each, and only those of functions that are connected through a proxy which takes IAM.
#[tokio::test(start_paused = true)]
async fn a_role_is_asked_once_for_all_of_its_functions() {
    let cost = async |document: &AccountDocument, proxies: &Proxies| {
        let account = in_memory(document);
        survey(&account, proxies).await;
        account.calls().read
    };
    let connected = made_by_iam().await;
    let one = cost(&connected, &Proxies::All).await;
    let mut more = connected.clone();
    let refunds = more
        .functions
        .iter()
        .find(|function| function.function_name == "refunds");
    let refunds = refunds.unwrap().clone();
    for n in 0..10 {
        let mut function = refunds.clone();
        function.function_name = format!("refunds-{n}");
        more.functions.push(function);
    }
    assert_eq!(cost(&more, &Proxies::All).await, one);
    // The list of the role's policies, and the one of ours.
    let mut passwords = connected.clone();
    for proxy in &mut passwords.db_proxies {
        proxy.iam_auth = None;
    }
    let without = cost(&passwords, &Proxies::All).await;
    // Those of the role of the proxy are not asked for either.
    assert_eq!(one, without + 4);
}

/// RDS takes no database of another engine family or VPC as a target, and no rule or peering connection helps.
#[tokio::test(start_paused = true)]
async fn a_database_that_cannot_be_the_target_is_told() {
    type Edit = fn(&mut AccountDocument);
    let target = Target {
        proxy: ProxyWish::Existing("orders-proxy".to_owned()),
        ..cluster("orders", "refunds")
    };
    let cases: [(&str, Edit, Option<&str>); 4] = [
        ("it can be", |_| (), None),
        (
            "another family",
            |it| it.db_proxies[0].engine_family = "MYSQL".to_owned(),
            Some("proxy orders-proxy is for MYSQL, but cluster orders has engine"),
        ),
        (
            "another VPC",
            |it| {
                let vpc = it.vpcs[1].vpc_id.clone();
                let in_it = it.subnets.iter().filter(|subnet| subnet.vpc_id == vpc);
                it.db_proxies[0].vpc_subnet_ids = in_it.map(|subnet| subnet.subnet_id.clone()).collect();
                it.db_proxies[0].vpc_security_group_ids.clear();
                it.db_proxies[0].vpc_id = vpc;
            },
            Some("proxy orders-proxy is in vpc-"),
        ),
        (
            "no family",
            |it| it.db_clusters[0].engine = "docdb".to_owned(),
            Some("does not support engine docdb"),
        ),
    ];
    for (what, change, told) in cases {
        let account = account(|document| {
            document.db_proxies[0].target = None;
            change(document);
        });
        let diagnosis = diagnose(&scene(&account, &target).await.unwrap());
        let state = diagnosis.checks.iter().find(|check| check.id == "state").unwrap();
        assert_eq!(state.status, Status::Fail, "{what}");
        let remedy = state.remedy.as_deref().unwrap();
        assert_eq!(
            remedy.contains("register-db-proxy-targets"),
            told.is_none(),
            "{what}: {remedy}"
        );
        assert!(
            told.is_none_or(|told| state.message.contains(told)),
            "{what}: {state:?}"
        );
    }
}

/// A proxy whose target is a cluster leads to its members.
#[tokio::test(start_paused = true)]
async fn a_member_is_a_target_with_its_cluster() {
    let target = Target {
        proxy: ProxyWish::Existing("orders-proxy".to_owned()),
        ..instance("orders-1", "refunds")
    };
    for is_target in [true, false] {
        let account = account(|document| {
            if !is_target {
                document.db_proxies[0].target = None;
            }
        });
        let diagnosis = diagnose(&scene(&account, &target).await.unwrap());
        let state = diagnosis.checks.iter().find(|check| check.id == "state").unwrap();
        assert_eq!(
            state.message.contains("instance orders-1 is not a target"),
            !is_target,
            "{state:?}"
        );
    }
}

/// A proxy whose target is still the database of before: each command says so, and what it says helps. Any other target may
/// be what others use the proxy for.
#[tokio::test(start_paused = true)]
async fn a_proxy_that_still_leads_to_the_old_database_is_told_with_what_helps() {
    const SWITCH: &str = "aws rds deregister-db-proxy-targets --db-proxy-name orders-proxy --db-cluster-identifiers orders-old1 && aws rds register-db-proxy-targets --db-proxy-name orders-proxy --db-cluster-identifiers orders";
    let target = Target {
        proxy: ProxyWish::Existing("orders-proxy".to_owned()),
        ..cluster("orders", "refunds")
    };
    let connection = Connection {
        kind: DatabaseKind::Cluster,
        database: "orders".to_owned(),
        proxy: Some("orders-proxy".to_owned()),
        function: "refunds".to_owned(),
    };
    for (name, is_before) in [
        ("orders-old1", true),
        ("orders-old", false),
        ("orders-green-a1b2c3", false),
        ("archive-old1", false),
    ] {
        let account = account(|document| {
            let mut old = document.db_clusters[0].clone();
            assert_eq!(old.id, "orders");
            name.clone_into(&mut old.id);
            document.db_clusters.push(old);
            name.clone_into(&mut document.db_proxies[0].target.as_mut().unwrap().rds_resource_id);
        });
        let failure = setup(&account, &target).await.unwrap_err();
        assert_eq!(failure.error.code(), "proxy-other-target", "{failure}");
        assert_eq!(
            failure.error.hint().unwrap().contains(SWITCH),
            is_before,
            "{name}: {failure}"
        );
        assert_eq!(account.calls().write, 0);

        let diagnosis = diagnose(&scene(&account, &target).await.unwrap());
        let state = diagnosis.checks.iter().find(|check| check.id == "state").unwrap();
        assert_eq!(state.status, Status::Fail, "{name}");
        assert!(state.message.contains(name), "{name}: {state:?}");
        let remedy = state.remedy.as_deref().unwrap();
        assert_eq!(remedy == SWITCH, is_before, "{name}: {remedy}");
        // A second target is refused.
        assert!(
            is_before || !remedy.contains("register-db-proxy-targets"),
            "{name}: {remedy}"
        );

        let judgement = judged(&account, &connection).await;
        let mut findings = judgement.findings.iter();
        let finding = findings
            .find(|finding| finding.kind == FindingKind::TargetNotAvailable)
            .unwrap();
        assert_eq!(finding.message.contains(SWITCH), is_before, "{name}: {finding:?}");
        assert_eq!(finding.remedy.as_ref().unwrap()[0], "diagnose", "{name}");

        // What the commands do, and the connection can be made.
        let mut document = account.document();
        document.db_proxies[0].target.as_mut().unwrap().rds_resource_id = "orders".into();
        setup(&in_memory(&document), &target).await.unwrap();
    }
}
