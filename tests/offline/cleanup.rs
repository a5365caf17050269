//! `cleanup`: what serves nothing goes, wherever it was left; everything else stays, and is named.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use autoconnect::account::{AccountDocument, OfflineAccount, RoleEntry, SecurityGroupEntry};
use autoconnect::cleanup::Leftovers;
use autoconnect::cloud::{Answer, Cloud, CloudError, Fault, Operation};
use autoconnect::drift::{FindingKind, judge};
use autoconnect::estate::Connection;
use autoconnect::interrupt::Interrupt;
use autoconnect::observe::{Proxies, ProxyWish, survey};
use autoconnect::reconcile::{Cleanup, Converged, Ending, Failure, Options, converge, run};
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

async fn try_cleanup(cloud: &impl Cloud, options: &Options) -> Result<Converged<Leftovers>, Failure> {
    Box::pin(converge(
        cloud,
        &Cleanup,
        options,
        &Script::default(),
        Interrupt::never(),
    ))
    .await
}

async fn cleanup(account: &OfflineAccount) -> Converged<Leftovers> {
    let ended = try_cleanup(account, &Options::default()).await;
    ended.unwrap_or_else(|failure| panic!("{failure} ({})", failure.error.code()))
}

fn all_scenarios() -> Vec<Scenario> {
    base().into_iter().chain(with_new_resources()).collect()
}

fn is_ours(group: &SecurityGroupEntry) -> bool {
    group.tags.iter().any(|tag| tag.key == tags::MANAGED)
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
        let of_others = list.iter().filter(|id| !ours.contains(id));
        let kept = now[&resource].iter().filter(|id| !ours.contains(id));
        assert!(of_others.eq(kept), "{resource}: {context}");
        assert!(list.is_empty() || !now[&resource].is_empty(), "{resource}: {context}");
    }
    assert_eq!(before.functions.len(), after.functions.len(), "{context}");
    assert_eq!(before.db_proxies.len(), after.db_proxies.len(), "{context}");
    let foreign = |document: &AccountDocument| -> Vec<RoleEntry> {
        let roles = document
            .roles
            .iter()
            .filter(|role| !role.role_name.starts_with("autoconnect-"));
        roles.cloned().collect()
    };
    assert_eq!(foreign(before), foreign(after), "{context}");
}

/// A setup that died at each call leaves nothing that serves nothing once it is cleaned up; and the next setup connects.
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
            let proxy_is_ours = left.db_proxies.iter().any(|proxy| !proxy.tags.is_empty());
            let ended = cleanup(&account).await;
            let after = account.document();
            assert_others_stay(&left, &after, &context);
            if serves {
                assert_eq!(ended.applied.len(), 0, "{:?}: {context}", ended.applied);
            } else if !proxy_is_ours {
                let ours: Vec<_> = after.security_groups.iter().filter(|group| is_ours(group)).collect();
                assert!(ours.is_empty(), "{ours:?}: {context}");
                let made = |name: &String| name.starts_with("autoconnect-eu-central-1-");
                assert!(!after.roles.iter().any(|role| made(&role.role_name)), "{context}");
                cleaned += 1;
            }
            let again = cleanup(&account).await;
            assert_eq!(
                (again.ending, account.document()),
                (Ending::Unchanged, after),
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
            .any(|reason| reason.contains("in use, and stay"));
        assert_eq!(told, !ended.found.groups.is_empty(), "{:?}", ended.draft.reasons);
    }
}

/// A function that somebody has deleted leaves its set on the database: a dry run writes nothing, and a run that dies at any
/// call is finished by the next.
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

/// What keeps a set, and what is told of it. Nothing is written.
#[tokio::test(start_paused = true)]
async fn what_stays_is_named_with_the_reason() {
    let table: [(Change, &str); 9] = [
        (
            |document| {
                let group = of(document, "lambda-rds").group_id.clone();
                put_on_a_bastion(document, group);
            },
            "in use, and stay",
        ),
        (
            |document| {
                let mut rule = of(document, "rds-lambda").ip_permissions[0].clone();
                rule.user_id_group_pairs[0].group_id = "sg-base-f".into();
                of(document, "rds-lambda").ip_permissions.push(rule);
            },
            "has a rule that autoconnect did not make: tcp 5433 from sg-base-f",
        ),
        (
            |document| {
                let rule =
                    json!({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]});
                let rule = serde_json::from_value(rule).unwrap();
                of(document, "lambda-rds").ip_permissions_egress.push(rule);
            },
            "has a rule that autoconnect did not make: tcp 443 to 0.0.0.0/0",
        ),
        (
            |document| {
                // A description proves nothing where traffic passes.
                let rule = json!({"IpProtocol": "tcp", "FromPort": 5433, "ToPort": 5433,
                                  "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "cluster/db:function/f"}]});
                let rule = serde_json::from_value(rule).unwrap();
                of(document, "rds-lambda").ip_permissions.push(rule);
            },
            "has a rule that autoconnect did not make: tcp 5433 from 10.0.0.0/8",
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
            "are not those that autoconnect gives",
        ),
        (
            |document| {
                let group = of(document, "lambda-rds").group_id.clone();
                let config = document.functions[0].vpc_config.as_mut().unwrap();
                config.security_group_ids.push(group);
            },
            "in use, and stay",
        ),
        (
            |document| {
                for name in ["lambda-rds", "rds-lambda"] {
                    of(document, name).tags.clear();
                }
            },
            "Nothing is left over",
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
    let mut scenarios = with_new_resources().into_iter();
    let scenario = scenarios
        .find(|scenario| scenario.target.new_function.is_some())
        .unwrap();
    let mut document = connected(&scenario.document, &scenario.target).await;
    document.functions.retain(|function| function.function_name != "new");
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

/// A role that something has, or that is not as it was made, stays.
#[tokio::test(start_paused = true)]
async fn roles_go_only_as_they_were_made_and_unused() {
    let table: [(Change, &str); 6] = [
        (|_| {}, "goes: nothing has it"),
        (|document| of_role(document).tags.clear(), "does not have the tags"),
        (
            |document| of_role(document).assume_role_policy_document["Statement"][0]["Principal"] = json!("*"),
            "may be assumed by others",
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
            "policy autoconnect-x",
        ),
        (
            |document| {
                let role = of_role(document).role_name.clone();
                document.functions[0].role = Some(format!("arn:aws:iam::123456789012:role/{role}"));
            },
            "function f has it",
        ),
    ];
    let mut scenarios = with_new_resources().into_iter();
    let scenario = scenarios
        .find(|scenario| scenario.target.new_function.is_some())
        .unwrap();
    let mut document = connected(&scenario.document, &scenario.target).await;
    document.functions.retain(|function| function.function_name != "new");
    for (change, told) in table {
        let mut document = document.clone();
        change(&mut document);
        let role = of_role(&mut document).clone();
        let account = in_memory(&document);
        let ended = cleanup(&account).await;
        let reason = format!(
            "Role {} {}",
            role.role_name,
            if told.starts_with("goes") { "goes" } else { "stays" }
        );
        let found = ended
            .draft
            .reasons
            .iter()
            .any(|text| text.starts_with(&reason) && text.contains(told));
        assert!(found, "{told}: {:?}", ended.draft.reasons);
        let is_left = account.document().roles.contains(&role);
        assert_eq!(is_left, !told.starts_with("goes"), "{told}");
    }
}

fn of_role(document: &mut AccountDocument) -> &mut RoleEntry {
    let mut roles = document.roles.iter_mut();
    roles.find(|role| role.role_name.contains("function-new")).unwrap()
}

/// The mark of a removal that died right after it hides a live connection from `drift`: it is taken off.
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
            // What the first run has gone on to make is taken away, and what connects stays.
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
    let mut scenarios = with_new_resources().into_iter();
    let scenario = scenarios
        .find(|scenario| scenario.target.new_function.is_some())
        .unwrap();
    let mut document = connected(&scenario.document, &scenario.target).await;
    document.functions.retain(|function| function.function_name != "new");
    document.db_proxies.retain(|proxy| proxy.tags.is_empty());
    let cleaning = async |cloud: &Interposed<'_, Faults<'_>>| try_cleanup(cloud, &Options::default()).await;
    let (injected, _) = each_fault(&document, cleaning, async |failed: Failed<_>| {
        cleanup(&failed.account).await;
        let left = failed.account.document();
        let context = failed.context;
        assert_eq!(left.security_groups, scenario.document.security_groups, "{context}");
        assert_eq!(left.roles, scenario.document.roles, "{context}");
    })
    .await;
    assert!(injected > 300, "{injected}");
}

/// Groups for endpoints, of `internet setup` and `msk setup`, are ours too.
#[tokio::test(start_paused = true)]
async fn groups_of_endpoints_that_are_gone_are_taken_away() {
    let scenario = &base()[0];
    let mut document = scenario.document.clone();
    let group = json!({
        "GroupId": "sg-e", "GroupName": "autoconnect-endpoints", "VpcId": "vpc-1",
        "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
                           "IpRanges": [{"CidrIp": "10.0.0.0/16", "Description": "autoconnect: from vpc-1"}]}],
        "Tags": [{"Key": tags::MANAGED, "Value": "true"}, {"Key": tags::ROLE, "Value": "endpoints"},
                 {"Key": tags::CONNECTION, "Value": "internet/vpc-1"}]
    });
    document.security_groups.push(serde_json::from_value(group).unwrap());
    let mut used = document.clone();
    put_on_a_bastion(&mut used, "sg-e".to_owned());
    let account = in_memory(&used);
    assert_eq!(cleanup(&account).await.ending, Ending::Unchanged);
    let account = in_memory(&document);
    assert_eq!(cleanup(&account).await.ending, Ending::Reached);
    assert_eq!(account.document().security_groups, scenario.document.security_groups);
    assert!(matches!(scenario.target.proxy, ProxyWish::None));
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
        let findings = judge(&found, &of).findings.into_iter();
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
