//! `cleanup`: what is not in use goes, wherever it was left; everything else stays, and is named.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use autoconnect::account::{AccountDocument, OfflineAccount, RoleEntry, SecurityGroupEntry};
use autoconnect::cleanup::Leftovers;
use autoconnect::cloud::{Answer, Cloud, CloudError, Fault, Operation};
use autoconnect::drift::{FindingKind, Judge};
use autoconnect::estate::Connection;
use autoconnect::interrupt::Interrupt;
use autoconnect::observe::{Proxies, survey};
use autoconnect::reconcile::{Cleanup, Converged, Ending, Failure, Options, converge};
use autoconnect::removal::RemovalWish;
use autoconnect::tags;
use serde_json::json;
use tokio::sync::Notify;

use crate::crashes::{Crash, Left, each_death};
use crate::denied::Denied;
use crate::fault_matrix::{Failed, Faults, each_fault};
use crate::interposed::{Hook, Interposed};
use crate::removals::{disconnect, put_on_a_bastion};
use crate::scenarios::{Scenario, base, lists, with_new_resources};
use crate::support::*;

/// The role that a scenario names for its new proxy.
const NAMED_ROLE: &str = "arn:aws:iam::123456789012:role/r";

async fn try_cleanup(cloud: &dyn Cloud, options: &Options) -> Result<Converged<Leftovers>, Failure> {
    Box::pin(converge(
        cloud,
        &Cleanup,
        options,
        &Script::default(),
        Interrupt::never(),
    ))
    .await
}

pub async fn cleanup(account: &OfflineAccount) -> Converged<Leftovers> {
    let ended = try_cleanup(account, &Options::default()).await;
    ended.unwrap_or_else(|failure| panic!("{failure} ({})", failure.error.code()))
}

fn all_scenarios() -> Vec<Scenario> {
    base().into_iter().chain(with_new_resources()).collect()
}

fn is_ours(group: &SecurityGroupEntry) -> bool {
    group.tags.iter().any(|tag| tag.key == tags::MANAGED)
}

/// The account in which `setup` has made a proxy for a new function, and someone has deleted the function.
async fn with_a_proxy_that_is_left() -> (Scenario, AccountDocument) {
    let mut scenarios = with_new_resources().into_iter();
    let scenario = scenarios
        .find(|scenario| scenario.target.new_function.is_some())
        .unwrap();
    let mut document = connected(&scenario.document, &scenario.target).await;
    document.functions.retain(|function| function.function_name != "new");
    (scenario, document)
}

/// Nothing of others is touched: no group, no entry of a list, no role, no secret.
fn assert_others_stay(before: &AccountDocument, after: &AccountDocument, context: &str) {
    let others = |document: &AccountDocument| -> Vec<SecurityGroupEntry> {
        let groups = document.security_groups.iter().filter(|group| !is_ours(group));
        groups.cloned().collect()
    };
    assert_eq!(others(before), others(after), "{context}");
    let ours: BTreeSet<&String> = before
        .security_groups
        .iter()
        .filter(|group| is_ours(group))
        .map(|group| &group.group_id)
        .collect();
    let now = lists(after);
    for (resource, list) in lists(before) {
        // A proxy of ours may go: those of others are counted below.
        let Some(now) = now
            .get(&resource)
            .or_else(|| resource.starts_with("proxy ").then_some(&list))
        else {
            panic!("{resource} is gone: {context}");
        };
        let of_others = list.iter().filter(|id| !ours.contains(id));
        let kept = now.iter().filter(|id| !ours.contains(id));
        assert!(of_others.eq(kept), "{resource}: {context}");
        assert!(list.is_empty() || !now.is_empty(), "{resource}: {context}");
    }
    assert_eq!(before.functions.len(), after.functions.len(), "{context}");
    let of_others =
        |document: &AccountDocument| document.db_proxies.iter().filter(|proxy| proxy.tags.is_empty()).count();
    assert_eq!(of_others(before), of_others(after), "{context}");
    let foreign = |document: &AccountDocument| -> Vec<RoleEntry> {
        let roles = document
            .roles
            .iter()
            .filter(|role| !role.role_name.starts_with("autoconnect-"));
        roles.cloned().collect()
    };
    assert_eq!(foreign(before), foreign(after), "{context}");
}

/// A target of a proxy is registered by the time it is read again.
fn with_registered_targets(mut document: AccountDocument) -> AccountDocument {
    for target in document.db_proxies.iter_mut().filter_map(|proxy| proxy.target.as_mut()) {
        target.registering = false;
    }
    document
}

/// A setup that died at each call leaves nothing that is not in use once it is cleaned up; and the next setup connects.
#[tokio::test(start_paused = true)]
async fn what_runs_that_died_have_left_is_taken_away() {
    let mut cleaned = 0;
    for scenario in all_scenarios() {
        let dying = async |cloud: &Interposed<'_, Crash<'_>>| setup(cloud, &scenario.target).await;
        each_death(&scenario.document, dying, async |died: Left| {
            let context = format!("{}, {}", scenario.name, died.context);
            let account = died.account;
            let left = account.document();
            let is_on = |group: &SecurityGroupEntry| {
                let functions = left
                    .functions
                    .iter()
                    .filter_map(|function| function.vpc_config.as_ref());
                let mut ids = functions.flat_map(|config| &config.security_group_ids);
                ids.any(|id| *id == group.group_id)
            };
            let serves = left.security_groups.iter().any(|group| is_ours(group) && is_on(group));
            // One with a role that was named does not show that setup has made it.
            let stays = left
                .db_proxies
                .iter()
                .any(|proxy| !proxy.tags.is_empty() && proxy.role_arn.as_deref() == Some(NAMED_ROLE));
            // A proxy that is being created may be that of a run in progress.
            let is_creating = left.db_proxies.iter().any(|proxy| proxy.status == "creating");
            let ended = cleanup(&account).await;
            if is_creating {
                assert_eq!(account.document().db_proxies, left.db_proxies, "{context}");
                account.edit(|document| {
                    for proxy in &mut document.db_proxies {
                        "available".clone_into(&mut proxy.status);
                    }
                });
                cleanup(&account).await;
            }
            let after = account.document();
            assert_others_stay(&left, &after, &context);
            if serves {
                assert_eq!(ended.applied.len(), 0, "{:?}: {context}", ended.applied);
            } else if !stays {
                let proxies = after.db_proxies.iter();
                assert!(proxies.clone().all(|proxy| proxy.tags.is_empty()), "{context}");
                let ours: Vec<_> = after.security_groups.iter().filter(|group| is_ours(group)).collect();
                assert!(ours.is_empty(), "{ours:?}: {context}");
                let made = |name: &String| name.starts_with("autoconnect-eu-central-1-");
                assert!(!after.roles.iter().any(|role| made(&role.role_name)), "{context}");
                cleaned += 1;
            }
            let again = cleanup(&account).await;
            assert_eq!(
                (again.ending, with_registered_targets(account.document())),
                (Ending::Unchanged, with_registered_targets(after)),
                "{context}"
            );
            if scenario.document.secrets.len() == left.secrets.len() {
                let connected = setup(&account, &scenario.target).await;
                connected.unwrap_or_else(|failure| panic!("{failure}: {context}"));
            }
        })
        .await;
    }
    assert!(cleaned > 60, "{cleaned}");
}

#[tokio::test(start_paused = true)]
async fn what_serves_stays() {
    for scenario in all_scenarios() {
        let document = connected(&scenario.document, &scenario.target).await;
        let account = in_memory(&document);
        let ended = cleanup(&account).await;
        assert_eq!(
            (ended.ending, account.document()),
            (Ending::Unchanged, document),
            "{}",
            scenario.name
        );
        let told = ended
            .draft
            .reasons
            .iter()
            .any(|reason| reason.contains("in use and will be kept"));
        assert_eq!(told, !ended.found.groups.is_empty(), "{:?}", ended.draft.reasons);
    }
}

/// A function that someone has deleted leaves its set on the database: a dry run writes nothing, and a run that dies at
/// any call is finished by the next.
#[tokio::test(start_paused = true)]
async fn what_deleted_functions_have_left_is_taken_away() {
    let mut deaths = 0;
    for scenario in base() {
        let mut document = connected(&scenario.document, &scenario.target).await;
        document.functions.remove(0);
        let account = in_memory(&document);
        let planned = try_cleanup(&account, &dry_run()).await.unwrap();
        assert_eq!(
            (planned.ending, account.document()),
            (Ending::Planned, document.clone())
        );
        let warned = planned.draft.notes.iter().any(|note| note.contains("in progress"));
        assert!(warned, "{:?}", planned.draft.notes);
        let cleaning = async |cloud: &Interposed<'_, Crash<'_>>| try_cleanup(cloud, &Options::default()).await;
        deaths += each_death(&document, cleaning, async |died: Left| {
            cleanup(&died.account).await;
            let left = died.account.document();
            assert_eq!(
                left.security_groups, scenario.document.security_groups,
                "{}",
                died.context
            );
            assert_others_stay(&document, &left, &scenario.name);
        })
        .await;
    }
    assert!(deaths > 300, "{deaths}");
}

type Change = fn(&mut AccountDocument);

fn of<'d>(document: &'d mut AccountDocument, name: &str) -> &'d mut SecurityGroupEntry {
    let mut groups = document.security_groups.iter_mut();
    groups.find(|group| group.group_name.starts_with(name)).unwrap()
}

/// What keeps a set, and what is reported about it. Nothing is written.
#[tokio::test(start_paused = true)]
async fn what_stays_is_named_with_the_reason() {
    let table: [(Change, &str); 9] = [
        (
            |document| {
                let group = of(document, "lambda-rds").group_id.clone();
                put_on_a_bastion(document, group);
            },
            "in use and will be kept",
        ),
        (
            |document| {
                let mut rule = of(document, "rds-lambda").ip_permissions[0].clone();
                rule.user_id_group_pairs[0].group_id = "sg-base-f".into();
                of(document, "rds-lambda").ip_permissions.push(rule);
            },
            "has a rule that autoconnect did not create: tcp 5433 from sg-base-f",
        ),
        (
            |document| {
                let rule =
                    json!({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]});
                let rule = serde_json::from_value(rule).unwrap();
                of(document, "lambda-rds").ip_permissions_egress.push(rule);
            },
            "has a rule that autoconnect did not create: tcp 443 to 0.0.0.0/0",
        ),
        (
            |document| {
                // A description proves nothing where traffic passes.
                let rule = json!({"IpProtocol": "tcp", "FromPort": 5433, "ToPort": 5433,
                                  "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "cluster/db:function/f"}]});
                let rule = serde_json::from_value(rule).unwrap();
                of(document, "rds-lambda").ip_permissions.push(rule);
            },
            "has a rule that autoconnect did not create: tcp 5433 from 10.0.0.0/8",
        ),
        (
            |document| {
                let named = of(document, "lambda-rds").group_id.clone();
                let mut rule = of(document, "rds-lambda").ip_permissions[0].clone();
                rule.user_id_group_pairs[0].group_id = named;
                document.security_groups[0].ip_permissions.push(rule);
            },
            "a rule of sg-base-d names lambda-rds-1",
        ),
        (
            |document| {
                document.db_clusters[0]
                    .vpc_security_groups
                    .retain(|found| found.vpc_security_group_id != "sg-base-d");
            },
            "is the only group of cluster db",
        ),
        (
            |document| {
                for name in ["lambda-rds", "rds-lambda"] {
                    of(document, name).tags.retain(|tag| tag.key != tags::ROLE);
                }
            },
            "differ from those that autoconnect writes",
        ),
        (
            |document| {
                let group = of(document, "lambda-rds").group_id.clone();
                let config = document.functions[0].vpc_config.as_mut().unwrap();
                config.security_group_ids.push(group);
            },
            "in use and will be kept",
        ),
        (
            |document| {
                for name in ["lambda-rds", "rds-lambda"] {
                    of(document, name).tags.clear();
                }
            },
            "no unused resources",
        ),
    ];
    let scenario = &base()[0];
    let mut document = connected(&scenario.document, &scenario.target).await;
    let config = document.functions.remove(0).vpc_config;
    // A published version of another function has it.
    let mut published = document.clone();
    let version = json!({"Version": "1", "VpcConfig": serde_json::to_value(config).unwrap()});
    published.functions[0]
        .versions
        .push(serde_json::from_value(version).unwrap());
    let account = in_memory(&published);
    assert_eq!(cleanup(&account).await.ending, Ending::Unchanged);
    for (change, told) in table {
        let mut document = document.clone();
        change(&mut document);
        let account = in_memory(&document);
        let kept = cleanup(&account).await;
        assert_eq!(
            (kept.ending, account.document()),
            (Ending::Unchanged, document),
            "{told}"
        );
        let found = kept.draft.reasons.iter().any(|reason| reason.contains(told));
        assert!(found, "{told}: {:?}", kept.draft.reasons);
    }
}

/// Whatever may not be read of who uses a group keeps it; roles and secrets stay where they may not be listed.
#[tokio::test(start_paused = true)]
async fn what_may_not_be_read_stays() {
    let (scenario, mut document) = with_a_proxy_that_is_left().await;
    document.db_proxies.retain(|proxy| proxy.tags.is_empty());
    let whole = in_memory(&document);
    let ended = cleanup(&whole).await;
    assert_eq!(ended.ending, Ending::Reached);
    let gone = whole.document();
    assert_eq!(gone.security_groups, scenario.document.security_groups);
    assert_eq!(gone.roles, scenario.document.roles);
    let is_deleted = |document: &AccountDocument| document.secrets.iter().any(|secret| secret.deleted_date.is_some());
    assert!(is_deleted(&gone));
    let table = [
        (Operation::ListFunctions, true, true, false),
        (Operation::DescribeDbProxies, true, true, true),
        (Operation::DescribeDbClusters, true, false, false),
        (Operation::DescribeNetworkInterfaces, true, false, false),
        (Operation::ListRoles, false, true, false),
        (Operation::ListSecrets, false, false, true),
    ];
    for (operation, groups_stay, roles_stay, secrets_stay) in table {
        let account = in_memory(&document);
        let cloud = Interposed {
            account: &account,
            hook: Denied(operation),
        };
        let ended = try_cleanup(&cloud, &Options::default()).await;
        ended.unwrap_or_else(|failure| panic!("{operation}: {failure}"));
        let left = account.document();
        assert_eq!(
            left.security_groups == document.security_groups,
            groups_stay,
            "{operation}"
        );
        assert_eq!(left.roles == document.roles, roles_stay, "{operation}");
        assert_eq!(!is_deleted(&left), secrets_stay, "{operation}");
    }
}

/// Nothing is left of a connection through a proxy of ours but the secret, which can be restored.
fn assert_all_is_gone(scenario: &Scenario, left: &AccountDocument, context: &str) {
    assert_eq!(left.db_proxies, scenario.document.db_proxies, "{context}");
    assert_eq!(left.security_groups, scenario.document.security_groups, "{context}");
    assert_eq!(left.roles, scenario.document.roles, "{context}");
    let made = &left.secrets[scenario.document.secrets.len()..];
    assert!(made.iter().all(|secret| secret.deleted_date.is_some()), "{context}");
}

/// A proxy of ours that no function reaches goes with its groups, its role and its secret, wherever a run dies; also where its
/// database is gone too.
#[tokio::test(start_paused = true)]
async fn a_proxy_that_serves_nothing_goes_with_what_it_has() {
    let (scenario, document) = with_a_proxy_that_is_left().await;
    let mut without_database = document.clone();
    without_database.db_clusters.clear();
    without_database.db_instances.clear();
    without_database
        .db_proxies
        .iter_mut()
        .for_each(|proxy| proxy.target = None);
    let mut without_target = document.clone();
    without_target
        .db_proxies
        .iter_mut()
        .for_each(|proxy| proxy.target = None);
    let mut deaths = 0;
    for (what, document) in [
        ("", document),
        ("no database", without_database),
        ("no target", without_target),
    ] {
        let planned = try_cleanup(&in_memory(&document), &dry_run()).await.unwrap();
        let actions: Vec<Operation> = planned
            .draft
            .plan
            .steps
            .iter()
            .map(|step| step.effect.operation())
            .collect();
        let at = |operation: Operation| actions.iter().position(|found| *found == operation);
        let order = [
            Operation::CreateTags,
            Operation::DeleteDbProxy,
            Operation::DeleteSecurityGroup,
            Operation::DeleteSecret,
            Operation::DeleteRole,
        ];
        assert!(
            order.map(at).is_sorted() && at(order[0]).is_some(),
            "{what}: {actions:?}"
        );
        let warned = planned
            .draft
            .notes
            .iter()
            .any(|note| note.contains("cannot be restored"));
        assert!(warned, "{:?}", planned.draft.notes);
        let before = Scenario {
            document: AccountDocument {
                db_proxies: document
                    .db_proxies
                    .iter()
                    .filter(|proxy| proxy.tags.is_empty())
                    .cloned()
                    .collect(),
                ..scenario.document.clone()
            },
            ..scenario.clone()
        };
        let cleaning = async |cloud: &Interposed<'_, Crash<'_>>| try_cleanup(cloud, &Options::default()).await;
        deaths += each_death(&document, cleaning, async |died: Left| {
            cleanup(&died.account).await;
            let context = format!("{what}: {}", died.context);
            assert_all_is_gone(&before, &died.account.document(), &context);
            let again = cleanup(&died.account).await;
            assert_eq!(again.ending, Ending::Unchanged, "{context}");
        })
        .await;
    }
    println!("{deaths} deaths of cleanups of proxies healed");
    assert!(deaths > 300, "{deaths}");
}

/// A proxy that is not exactly as `setup` makes it, or that serves something, stays with its groups, its role and its secret,
/// and each difference is named.
#[tokio::test(start_paused = true)]
#[expect(clippy::too_many_lines, reason = "a table, one row a case")]
async fn a_proxy_that_differs_or_serves_something_stays() {
    fn ours(document: &mut AccountDocument) -> &mut autoconnect::account::DbProxyEntry {
        let mut proxies = document.db_proxies.iter_mut();
        proxies.find(|proxy| proxy.name == "autoconnect-db").unwrap()
    }
    fn tag<'d>(document: &'d mut AccountDocument, key: &str) -> &'d mut String {
        let mut tags = ours(document).tags.iter_mut();
        &mut tags.find(|tag| tag.key == key).unwrap().value
    }
    fn group(document: &AccountDocument) -> String {
        let mut groups = document.security_groups.iter();
        let group = groups.find(|group| group.group_name == "lambda-rdsproxy-1").unwrap();
        group.group_id.clone()
    }
    let (_, document) = with_a_proxy_that_is_left().await;
    let table: [(Change, &[&str]); 17] = [
        (
            |document| *tag(document, tags::CONNECTION) = "cluster/db:proxy/other:function/f".to_owned(),
            &["its tag autoconnect:connection is cluster/db:proxy/other:function/f"],
        ),
        (
            |document| ours(document).tags.retain(|tag| tag.key != tags::ROLE),
            &["its tag autoconnect:role is missing"],
        ),
        (
            |document| *tag(document, tags::ROLE) = "database".to_owned(),
            &["its tag autoconnect:role is database, not proxy"],
        ),
        (
            |document| ours(document).require_tls = Some(false),
            &["it accepts connections without TLS"],
        ),
        (
            |document| {
                let proxy = ours(document);
                (proxy.require_tls, proxy.debug_logging) = (Some(false), Some(true));
            },
            &["it accepts connections without TLS", "it logs SQL statements"],
        ),
        (
            |document| ours(document).role_arn = Some(NAMED_ROLE.to_owned()),
            &["its role is arn:aws:iam::123456789012:role/r, not arn:aws:iam::123456789012:role/autoconnect-"],
        ),
        (|document| ours(document).role_arn = None, &["it has no role"]),
        (
            |document| {
                let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:s-abcdef".to_owned();
                ours(document).secret_arns.push(arn);
            },
            &["it logs in with several secrets"],
        ),
        (
            |document| {
                ours(document).vpc_subnet_ids.pop();
            },
            &["its subnets are"],
        ),
        (
            |document| ours(document).vpc_security_group_ids.push("sg-base-p".to_owned()),
            &["it has group sg-base-p, which autoconnect did not create"],
        ),
        (
            |document| {
                let mut other = document.db_instances[0].clone();
                (other.id, other.cluster) = ("other".to_owned(), None);
                document.db_instances.push(other);
                let target = json!({"Type": "RDS_INSTANCE", "RdsResourceId": "other"});
                ours(document).target = Some(serde_json::from_value(target).unwrap());
            },
            &["its target is instance other"],
        ),
        (
            |document| {
                let endpoint = json!({"DBProxyEndpointName": "reader", "DBProxyName": "autoconnect-db",
                                      "VpcSecurityGroupIds": ["sg-base-p"]});
                document
                    .db_proxy_endpoints
                    .push(serde_json::from_value(endpoint).unwrap());
            },
            &["it has endpoint reader, through which others may connect"],
        ),
        (
            |document| ours(document).tags.clear(),
            &["is the only group of proxy autoconnect-db, and AWS requires at least one"],
        ),
        (
            |document| {
                let group = group(document);
                let config = document.functions[0].vpc_config.as_mut().unwrap();
                config.security_group_ids.push(group);
            },
            &["in use and will be kept"],
        ),
        (
            |document| {
                let config = json!({"SubnetIds": ["subnet-a"], "SecurityGroupIds": [group(document)]});
                let version = json!({"Version": "1", "VpcConfig": config});
                document.functions[0]
                    .versions
                    .push(serde_json::from_value(version).unwrap());
            },
            &["in use and will be kept"],
        ),
        (
            |document| {
                let group = group(document);
                put_on_a_bastion(document, group);
            },
            &["in use and will be kept"],
        ),
        (
            |document| {
                let rule = json!({"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]});
                let group = of(document, "rdsproxy-lambda");
                group.ip_permissions.push(serde_json::from_value(rule).unwrap());
            },
            &[
                "has a rule that autoconnect did not create",
                "Proxy autoconnect-db will be kept: one of its security groups will be kept",
            ],
        ),
    ];
    for (change, told) in table {
        let mut document = document.clone();
        change(&mut document);
        let account = in_memory(&document);
        let kept = cleanup(&account).await;
        let after = account.document();
        assert_eq!(after.db_proxies.len(), document.db_proxies.len(), "{told:?}");
        let names = |document: &AccountDocument| -> Vec<String> {
            let roles = document.roles.iter().map(|role| role.role_name.clone());
            roles.filter(|name| name.contains("proxy")).collect()
        };
        let has_role = document.db_proxies[1]
            .role_arn
            .as_ref()
            .is_some_and(|role| role.contains("autoconnect-"));
        assert_eq!(
            names(&after).len(),
            usize::from(has_role),
            "{told:?}: {:?}",
            kept.draft.reasons
        );
        assert!(
            after.secrets.iter().all(|secret| secret.deleted_date.is_none()),
            "{told:?}"
        );
        for told in told {
            let found = kept.draft.reasons.iter().any(|reason| reason.contains(told));
            assert!(found, "{told}: {:?}", kept.draft.reasons);
        }
        let again = cleanup(&account).await;
        assert_eq!(
            (again.ending, account.document()),
            (Ending::Unchanged, after),
            "{told:?}"
        );
    }
}

/// A secret that someone else may read, or that is not as `setup` makes it, stays, and each difference is named.
#[tokio::test(start_paused = true)]
async fn a_secret_that_differs_stays() {
    type Edit = fn(&mut autoconnect::account::SecretEntry);
    let (_, document) = with_a_proxy_that_is_left().await;
    let table: [(Edit, &str); 7] = [
        (|secret| secret.tags.clear(), "it does not have the autoconnect tags"),
        (
            |secret| secret.tags.retain(|tag| tag.key != tags::ROLE),
            "its tag autoconnect:role is missing",
        ),
        (
            |secret| {
                let mut of_secret = secret.tags.iter_mut();
                let tag = of_secret.find(|tag| tag.key == tags::CONNECTION).unwrap();
                tag.value = "cluster/db:proxy/other:function/f".to_owned();
            },
            "does not name the proxy of its name",
        ),
        (
            |secret| secret.kms_key_id = Some("alias/k".to_owned()),
            "it is encrypted with alias/k",
        ),
        (
            |secret| secret.resource_policy = Some(json!({"Version": "2012-10-17", "Statement": []})),
            "it has a resource policy",
        ),
        (
            |secret| {
                secret.rotation_lambda_arn = Some("arn:aws:lambda:eu-central-1:123456789012:function:r".to_owned());
            },
            "rotates it",
        ),
        (
            |secret| secret.owning_service = Some("rds".to_owned()),
            "service rds manages it",
        ),
    ];
    for (change, told) in table {
        let mut document = document.clone();
        change(document.secrets.last_mut().unwrap());
        let account = in_memory(&document);
        let ended = cleanup(&account).await;
        let found = ended
            .draft
            .reasons
            .iter()
            .any(|reason| reason.starts_with("Secret ") && reason.contains(told));
        assert!(found, "{told}: {:?}", ended.draft.reasons);
        assert_eq!(account.document().secrets, document.secrets, "{told}");
    }
}

/// Whatever may not be read of a proxy, a secret or a role keeps it.
#[tokio::test(start_paused = true)]
async fn what_may_not_be_read_of_a_proxy_keeps_it() {
    let (_, document) = with_a_proxy_that_is_left().await;
    let table = [
        (
            Operation::ListTagsForResource,
            "Proxy autoconnect-db will be kept: its tags could not be read",
        ),
        (
            Operation::DescribeDbProxyTargets,
            "Proxy autoconnect-db will be kept: its targets could not be read",
        ),
        (
            Operation::DescribeDbSubnetGroups,
            "Proxy autoconnect-db will be kept: its database's subnets could not be read",
        ),
        (Operation::DescribeDbProxyEndpoints, "its users could not be read"),
        (Operation::ListFunctions, "its users could not be read"),
        (Operation::DescribeSecret, "could not read whether"),
        (Operation::GetResourcePolicy, "could not read whether"),
    ];
    for (operation, told) in table {
        let account = in_memory(&document);
        let cloud = Interposed {
            account: &account,
            hook: Denied(operation),
        };
        let ended = try_cleanup(&cloud, &Options::default()).await;
        let ended = ended.unwrap_or_else(|failure| panic!("{operation}: {failure}"));
        let found = ended.draft.reasons.iter().any(|reason| reason.contains(told));
        assert!(found, "{operation}: {:?}", ended.draft.reasons);
        let left = account.document();
        let of_secrets = [Operation::DescribeSecret, Operation::GetResourcePolicy].contains(&operation);
        assert_eq!(left.db_proxies == document.db_proxies, !of_secrets, "{operation}");
        assert!(
            left.secrets.iter().all(|secret| secret.deleted_date.is_none()),
            "{operation}"
        );
    }
}

/// A role that something has, or that is not as it was made, stays.
#[tokio::test(start_paused = true)]
async fn roles_go_only_as_they_were_made_and_unused() {
    let table: [(Change, &str); 6] = [
        (|_| {}, "will be removed: not in use"),
        (
            |document| of_role(document).tags.clear(),
            "does not have the autoconnect tags",
        ),
        (
            |document| of_role(document).assume_role_policy_document["Statement"][0]["Principal"] = json!("*"),
            "its trust policy is",
        ),
        (
            |document| {
                of_role(document)
                    .attached_policies
                    .push("arn:aws:iam::aws:policy/AdministratorAccess".into());
            },
            "AdministratorAccess",
        ),
        (
            |document| {
                let policy = json!({"PolicyName": "autoconnect-x", "PolicyDocument": {"Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}});
                of_role(document).policies.push(serde_json::from_value(policy).unwrap());
            },
            "its own policy autoconnect-x is",
        ),
        (
            |document| {
                let role = of_role(document).role_name.clone();
                document.functions[0].role = Some(format!("arn:aws:iam::123456789012:role/{role}"));
            },
            "function f has it",
        ),
    ];
    let (_, document) = with_a_proxy_that_is_left().await;
    for (change, told) in table {
        let mut document = document.clone();
        change(&mut document);
        let role = of_role(&mut document).clone();
        let account = in_memory(&document);
        let ended = cleanup(&account).await;
        let reason = format!(
            "Role {} {}",
            role.role_name,
            if told.starts_with("will be removed") {
                "will be removed"
            } else {
                "will be kept"
            }
        );
        let found = ended
            .draft
            .reasons
            .iter()
            .any(|text| text.starts_with(&reason) && text.contains(told));
        assert!(found, "{told}: {:?}", ended.draft.reasons);
        let is_left = account.document().roles.contains(&role);
        assert_eq!(is_left, !told.starts_with("will be removed"), "{told}");
    }
}

fn of_role(document: &mut AccountDocument) -> &mut RoleEntry {
    let mut roles = document.roles.iter_mut();
    roles.find(|role| role.role_name.contains("function-new")).unwrap()
}

/// The mark of a removal that died right after it hides a live connection from `drift`: it is removed.
#[tokio::test(start_paused = true)]
async fn the_mark_of_a_removal_that_died_is_taken_off_what_serves() {
    for scenario in base() {
        let document = connected(&scenario.document, &scenario.target).await;
        let account = in_memory(&document);
        let goal = disconnect(&scenario.target, RemovalWish::default());
        let marked = AtomicU32::new(0);
        let hook = Until {
            operation: Operation::CreateTags,
            calls: &marked,
        };
        let cloud = Interposed {
            account: &account,
            hook,
        };
        let front = Script::default();
        let died = converge(&cloud, &goal, &Options::default(), &front, Interrupt::never()).await;
        died.unwrap_err();
        assert_ne!(account.document(), document);
        let ended = cleanup(&account).await;
        assert_eq!(ended.ending, Ending::Reached);
        assert_eq!(
            account.document().security_groups,
            document.security_groups,
            "{}",
            scenario.name
        );
    }
}

/// Refuses everything after a call of one operation.
struct Until<'a> {
    operation: Operation,
    calls: &'a AtomicU32,
}

impl Hook for Until<'_> {
    async fn around<T: std::fmt::Debug + Send>(
        &self,
        operation: Operation,
        call: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        if self.calls.load(Ordering::Relaxed) > 0 {
            let fault = Fault::Rejected {
                code: "Ended".to_owned(),
                message: "the run has died".to_owned(),
            };
            return Err(CloudError::new(operation, fault));
        }
        if operation == self.operation {
            self.calls.fetch_add(1, Ordering::Relaxed);
        }
        call.await
    }
}

/// A cleanup between any two calls of a setup costs that run at most an error: the next one connects, and then nothing is left
/// to be cleaned up. Two cleanups at once end as one.
#[tokio::test(start_paused = true)]
async fn a_cleanup_during_a_setup_loses_nothing_for_good() {
    let mut during = 0;
    for scenario in base() {
        for at in 0.. {
            let account = in_memory(&scenario.document);
            let calls = AtomicU32::new(0);
            let (reached, goes_on) = (Notify::new(), Notify::new());
            let hook = Paused {
                at,
                calls: &calls,
                reached: &reached,
                goes_on: &goes_on,
            };
            let cloud = Interposed {
                account: &account,
                hook,
            };
            let options = Options {
                timeout: Duration::from_mins(5),
                ..Options::default()
            };
            let front = Script::default();
            let setting_up = async {
                let ended = run(&cloud, &scenario.target, &options, &front, Interrupt::never()).await;
                reached.notify_one();
                ended
            };
            let cleaning = async {
                reached.notified().await;
                let options = Options {
                    wait_for_effect: false,
                    ..Options::default()
                };
                let ended = try_cleanup(&account, &options).await;
                goes_on.notify_one();
                ended
            };
            let (_, cleaned) = tokio::join!(setting_up, cleaning);
            cleaned.unwrap();
            if calls.load(Ordering::Relaxed) <= at {
                break;
            }
            during += 1;
            let context = format!("{}, call {at}", scenario.name);
            let connected = setup(&account, &scenario.target).await;
            connected.unwrap_or_else(|failure| panic!("{failure}: {context}"));
            let document = account.document();
            let left = try_cleanup(&account, &Options::default()).await.unwrap();
            // What the first run has gone on to make is removed, and what connects stays.
            if left.ending == Ending::Unchanged {
                assert_eq!(account.document(), document, "{context}");
            }
            let writes = account.calls().write;
            setup(&account, &scenario.target).await.unwrap();
            assert_eq!(account.calls().write, writes, "{context}");
        }
        let mut document = connected(&scenario.document, &scenario.target).await;
        document.functions.remove(0);
        let account = in_memory(&document);
        let (one, other) = (slow(&account), slow(&account));
        let options = Options::default();
        let (one, other) = tokio::join!(try_cleanup(&one, &options), try_cleanup(&other, &options));
        assert!(one.is_ok() && other.is_ok(), "{:?} {:?}", one.err(), other.err());
        assert_eq!(account.document().security_groups, scenario.document.security_groups);
    }
    assert!(during > 60, "{during}");
}

/// Pauses before one call.
struct Paused<'a> {
    at: u32,
    calls: &'a AtomicU32,
    reached: &'a Notify,
    goes_on: &'a Notify,
}

impl Hook for Paused<'_> {
    async fn around<T: std::fmt::Debug + Send>(
        &self,
        _: Operation,
        call: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        if self.calls.fetch_add(1, Ordering::Relaxed) == self.at {
            self.reached.notify_one();
            self.goes_on.notified().await;
        }
        call.await
    }
}

/// Each operation fails in each way: the run ends with its own error, or at its end, and the next one finishes.
#[tokio::test(start_paused = true)]
async fn every_operation_of_a_cleanup_survives_every_fault() {
    let (scenario, document) = with_a_proxy_that_is_left().await;
    let cleaning = async |cloud: &Interposed<'_, Faults<'_>>| try_cleanup(cloud, &Options::default()).await;
    let (injected, used) = each_fault(&document, cleaning, async |failed: Failed<_>| {
        cleanup(&failed.account).await;
        assert_all_is_gone(&scenario, &failed.account.document(), &failed.context);
    })
    .await;
    assert!(used.contains(&Operation::DeleteDbProxy), "{used:?}");
    assert!(injected > thoroughly([100, 300]), "{injected}");
}

/// Groups for endpoints, of `internet setup` and `msk setup`, are ours too: by their tags, names and descriptions.
#[tokio::test(start_paused = true)]
async fn groups_of_endpoints_that_are_gone_are_taken_away() {
    let scenario = &base()[0];
    let of_internet = json!({
        "GroupId": "sg-e", "GroupName": "autoconnect-endpoints", "VpcId": "vpc-1", "Description": "On VPC endpoints, to let vpc-1 in",
        "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
                           "IpRanges": [{"CidrIp": "10.0.0.0/16", "Description": "autoconnect: from vpc-1"}]}],
        "Tags": [{"Key": tags::MANAGED, "Value": "true"}, {"Key": tags::ROLE, "Value": "endpoints-group"},
                 {"Key": tags::CONNECTION, "Value": "internet/vpc-1"}]
    });
    let mut of_msk = of_internet.clone();
    of_msk["GroupName"] = "autoconnect-msk-endpoints".into();
    of_msk["Description"] = "Endpoints for the event sources of MSK clusters".into();
    of_msk["Tags"][2]["Value"] = "msk/vpc-1".into();
    of_msk["IpPermissions"][0]["IpRanges"][0]["Description"] = "Pollers of MSK".into();
    for group in [of_internet, of_msk] {
        let with = |group: &serde_json::Value| {
            let mut document = scenario.document.clone();
            document
                .security_groups
                .push(serde_json::from_value(group.clone()).unwrap());
            document
        };
        let mut used = with(&group);
        put_on_a_bastion(&mut used, "sg-e".to_owned());
        let account = in_memory(&used);
        assert_eq!(cleanup(&account).await.ending, Ending::Unchanged);
        let account = in_memory(&with(&group));
        assert_eq!(cleanup(&account).await.ending, Ending::Reached);
        assert_eq!(account.document().security_groups, scenario.document.security_groups);
        // Anyone may write tags.
        for (pointer, value) in [
            ("/GroupName", "workers"),
            ("/Description", "of the workers"),
            ("/Tags/1/Value", "workers"),
            ("/Tags/2/Value", "internet/vpc-2"),
        ] {
            let mut forged = group.clone();
            *forged.pointer_mut(pointer).unwrap() = value.into();
            let account = in_memory(&with(&forged));
            let kept = cleanup(&account).await;
            assert_eq!(kept.ending, Ending::Unchanged, "{pointer}");
            let told = kept
                .draft
                .reasons
                .iter()
                .any(|reason| reason.contains("differ from those that autoconnect writes"));
            assert!(told, "{:?}", kept.draft.reasons);
        }
    }
}

/// `drift` names `cleanup` for a set that nothing has, and after it the finding is gone.
#[tokio::test(start_paused = true)]
async fn drift_names_the_command_that_takes_an_unused_set_away() {
    let scenario = &base()[0];
    let document = connected(&scenario.document, &scenario.target).await;
    // A second set for the same connection, which nothing has.
    let mut twice = document.clone();
    let ours: Vec<SecurityGroupEntry> = twice
        .security_groups
        .iter()
        .filter(|group| is_ours(group))
        .cloned()
        .collect();
    let renamed = |text: &str| text.replace("sg-0", "sg-9");
    for group in ours {
        let mut group: SecurityGroupEntry =
            serde_json::from_str(&renamed(&serde_json::to_string(&group).unwrap())).unwrap();
        group.group_name = group.group_name.replace("-1", "-2");
        twice.security_groups.push(group);
    }
    let account = in_memory(&twice);
    let unused = async || {
        let found = survey(&account, &Proxies::All).await.estate;
        let of = Connection::from_tag("cluster/db:function/f").unwrap();
        let findings = Judge::new(&found).judge(&of).findings.into_iter();
        findings
            .filter(|finding| finding.kind == FindingKind::GroupUnused)
            .collect::<Vec<_>>()
    };
    let before = unused().await;
    assert_eq!(before.len(), 2, "{before:?}");
    for finding in before {
        assert_eq!(
            finding.remedy,
            Some(autoconnect::cleanup::COMMAND.map(str::to_owned).to_vec())
        );
    }
    cleanup(&account).await;
    assert_eq!(unused().await, []);
    assert_eq!(account.document(), document);
}
