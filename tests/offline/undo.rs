//! `remove` undoes all that `setup` did: also where a resource no longer exists, and where ours is the function's last group;
//! and it says what still connects the two.

use autoconnect::account::{AccountDocument, IpPermission, OfflineAccount};
use autoconnect::cloud::Cloud;
use autoconnect::interrupt::Interrupt;
use autoconnect::model::{Peer, PortRange, Protocol, Rule};
use autoconnect::observe::{ProxyWish, Target};
use autoconnect::reconcile::{Converged, Ending, Failure, Options, converge};
use autoconnect::removal::{RemovalWish, Standing};
use autoconnect::report::is_incomplete;
use autoconnect::tags;

use crate::crashes::{DEATHS, crashing};
use crate::removals::{disconnect, put_on_a_bastion};
use crate::scenarios::{Scenario, base};
use crate::support::*;

async fn try_remove(
    cloud: &impl Cloud,
    target: &Target,
    wish: RemovalWish,
    options: &Options,
) -> Result<Converged<Standing>, Failure> {
    let goal = disconnect(target, wish);
    Box::pin(converge(cloud, &goal, options, &Script::default(), Interrupt::never())).await
}

async fn remove(account: &OfflineAccount, target: &Target, wish: RemovalWish) -> Converged<Standing> {
    let ended = try_remove(account, target, wish, &Options::default()).await;
    ended.unwrap_or_else(|failure| panic!("{failure} ({})", failure.error.code()))
}

fn account_of(document: &AccountDocument) -> OfflineAccount {
    OfflineAccount::in_memory(document.clone()).unwrap()
}

async fn connected(scenario: &Scenario) -> AccountDocument {
    let account = account_of(&scenario.document);
    setup(&account, &scenario.target).await.unwrap();
    account.document()
}

fn is_ours(document: &AccountDocument) -> usize {
    let groups = document.security_groups.iter();
    let ours = groups.filter(|group| group.tags.iter().any(|tag| tag.key.starts_with(tags::PREFIX)));
    ours.count()
}

/// Deletes something of an account, as somebody does.
type Delete = fn(&mut AccountDocument);

/// What somebody deletes: each resource of a connection, and all of them.
fn deletions(target: &Target) -> Vec<(&'static str, Vec<Delete>)> {
    let function: Delete = |document| document.functions.retain(|function| function.function_name != "f");
    let database: Delete = |document| {
        document.db_clusters.clear();
        document.db_instances.clear();
        for proxy in &mut document.db_proxies {
            proxy.target = None;
        }
    };
    let proxy: Delete = |document| document.db_proxies.clear();
    let mut deletions = vec![
        ("function", vec![function]),
        ("database", vec![database]),
        ("function and database", vec![function, database]),
    ];
    if target.proxy != ProxyWish::None {
        deletions.push(("proxy", vec![proxy]));
        deletions.push(("all", vec![function, database, proxy]));
    }
    deletions
}

/// A function, a database or a proxy that no longer exists: the groups are found by their tags, wherever a run dies.
#[tokio::test(start_paused = true)]
async fn what_is_left_of_resources_that_are_gone_is_taken_away() {
    let mut deaths = 0;
    for scenario in base() {
        let connected = connected(&scenario).await;
        for (what, delete) in deletions(&scenario.target) {
            let mut document = connected.clone();
            for delete in delete {
                delete(&mut document);
            }
            let context = format!("{}: {what} gone", scenario.name);

            let account = account_of(&document);
            let planned = try_remove(&account, &scenario.target, RemovalWish::default(), &dry_run()).await;
            let planned = planned.unwrap_or_else(|failure| panic!("{context}: {failure}"));
            assert_eq!(planned.ending, Ending::Planned, "{context}");
            assert!(planned.draft.reasons[0].contains("no longer exists"), "{context}");
            assert_eq!(account.document(), document, "a dry run writes nothing: {context}");

            for death in DEATHS {
                for at in 0.. {
                    let died = account_of(&document);
                    let options = Options::default();
                    let (_, calls) = crashing(&died, at, death, async |cloud| {
                        try_remove(cloud, &scenario.target, RemovalWish::default(), &options).await
                    })
                    .await;
                    let last = calls <= at;
                    // All that tells of the connection may be gone by now: then the name is that of nothing.
                    let again = try_remove(&died, &scenario.target, RemovalWish::default(), &options).await;
                    match again {
                        Ok(_) => {}
                        Err(failure) => assert!(failure.error.code().ends_with("-not-found"), "{context}: {failure}"),
                    }
                    let left = died.document();
                    assert_eq!(is_ours(&left), 0, "{context}, {death:?} call {at}");
                    assert_eq!(
                        left.security_groups, scenario.document.security_groups,
                        "{context}, {death:?} call {at}"
                    );
                    if last {
                        break;
                    }
                    deaths += 1;
                }
            }
        }
    }
    println!("{deaths} deaths of removals of what is gone healed");
    assert!(deaths > 500, "{deaths}");
}

/// A name that nothing bears, and whose connection nothing is tagged with, is wrong.
#[tokio::test(start_paused = true)]
async fn a_wrong_name_is_still_an_error() {
    for scenario in base() {
        let document = connected(&scenario).await;
        let wrong = [
            (
                Target {
                    function: "ff".to_owned(),
                    ..scenario.target.clone()
                },
                "function-not-found",
            ),
            (
                Target {
                    database: "dbb".to_owned(),
                    ..scenario.target.clone()
                },
                match scenario.target.kind {
                    autoconnect::model::DatabaseKind::Cluster => "cluster-not-found",
                    autoconnect::model::DatabaseKind::Instance => "instance-not-found",
                },
            ),
            (
                Target {
                    proxy: ProxyWish::Existing("pp".to_owned()),
                    ..scenario.target.clone()
                },
                "proxy-not-found",
            ),
        ];
        for (target, code) in wrong {
            let account = account_of(&document);
            let refused = try_remove(&account, &target, RemovalWish::default(), &Options::default()).await;
            assert_eq!(refused.unwrap_err().error.code(), code, "{}", scenario.name);
            assert_eq!(account.document(), document);
        }
        // A tag of ours that somebody has put on a group of his own proves nothing.
        let mut forged = document.clone();
        let tag =
            |value: &str| serde_json::from_value(serde_json::json!({"Key": tags::CONNECTION, "Value": value})).unwrap();
        let kind = scenario.target.kind;
        forged.security_groups[0]
            .tags
            .push(tag(&format!("{kind}/db:function/ff")));
        let account = account_of(&forged);
        let target = Target {
            function: "ff".to_owned(),
            proxy: ProxyWish::None,
            ..scenario.target.clone()
        };
        let refused = try_remove(&account, &target, RemovalWish::default(), &Options::default()).await;
        assert_eq!(refused.unwrap_err().error.code(), "function-not-found");
    }
}

/// AWS leaves no function in a VPC without a group: where ours is the last, the function leaves the VPC, and what it is given
/// meanwhile stays on it.
#[tokio::test(start_paused = true)]
async fn a_function_with_no_other_group_is_detached() {
    for scenario in base() {
        let mut document = connected(&scenario).await;
        let group = {
            let config = document.functions[0].vpc_config.as_mut().unwrap();
            config.security_group_ids.remove(0);
            config.security_group_ids[0].clone()
        };
        let before = &scenario.document.security_groups;
        for death in DEATHS {
            for at in 0.. {
                let account = account_of(&document);
                let (_, calls) = crashing(&account, at, death, async |cloud| {
                    try_remove(cloud, &scenario.target, RemovalWish::default(), &Options::default()).await
                })
                .await;
                let ended = remove(&account, &scenario.target, RemovalWish::default()).await;
                let left = account.document();
                assert_eq!(left.functions[0].vpc_config, None, "{}", scenario.name);
                assert_eq!(&left.security_groups, before, "{}", scenario.name);
                assert!(!is_incomplete(&ended));
                if calls <= at {
                    break;
                }
            }
        }
        let account = account_of(&document);
        let planned = try_remove(&account, &scenario.target, RemovalWish::default(), &dry_run())
            .await
            .unwrap();
        let warned = planned.draft.notes.iter().any(|note| note.contains("leaves its VPC"));
        assert!(warned, "{:?}", planned.draft.notes);
        let steps: Vec<&str> = planned
            .draft
            .plan
            .steps
            .iter()
            .map(|step| step.summary.as_str())
            .collect();
        assert!(
            steps.iter().any(|step| step.contains("detach it from vpc-1")),
            "{steps:?}"
        );

        // Given another group after the plan, it stays attached with that one.
        let given = slow_with(&account, |operation| {
            if operation == autoconnect::cloud::Operation::CreateTags {
                account.edit(|document| {
                    let config = document.functions[0].vpc_config.as_mut().unwrap();
                    if !config.security_group_ids.contains(&"sg-base-f".to_owned()) {
                        config.security_group_ids.push("sg-base-f".to_owned());
                    }
                });
            }
        });
        let ended = try_remove(&given, &scenario.target, RemovalWish::default(), &Options::default()).await;
        ended.unwrap();
        let left = account.document();
        let config = left.functions[0].vpc_config.as_ref().unwrap();
        assert_eq!(config.security_group_ids, ["sg-base-f"], "{group}");
    }
}

fn rule(port: u16, peer: Peer) -> IpPermission {
    let port = i32::from(port);
    IpPermission::from_rule(&Rule {
        protocol: Protocol::Tcp,
        ports: Some(PortRange { from: port, to: port }),
        peer,
        description: Some("by hand".to_owned()),
    })
}

fn entry<'d>(document: &'d mut AccountDocument, id: &str) -> &'d mut autoconnect::account::SecurityGroupEntry {
    let mut groups = document.security_groups.iter_mut();
    groups.find(|group| group.group_id == id).unwrap()
}

/// What lets the function reach the database beside our groups, each by a rule of both ends.
#[tokio::test(start_paused = true)]
async fn what_still_connects_is_told_and_the_status_is_not_0() {
    type Spoil = fn(&mut AccountDocument, u16);
    let by_group: Spoil = |document, port| {
        for group in ["sg-base-d", "sg-base-p"] {
            let out = rule(port, Peer::Group(group.into()));
            entry(document, "sg-base-f").ip_permissions_egress.push(out);
        }
        entry(document, "sg-base-d")
            .ip_permissions
            .push(rule(port, Peer::Group("sg-base-f".into())));
        entry(document, "sg-base-p")
            .ip_permissions
            .push(rule(port, Peer::Group("sg-base-f".into())));
    };
    let by_range: Spoil = |document, port| {
        entry(document, "sg-base-f")
            .ip_permissions_egress
            .push(rule(port, Peer::Cidr("0.0.0.0/0".into())));
        entry(document, "sg-base-d")
            .ip_permissions
            .push(rule(port, Peer::Cidr("10.0.0.0/16".into())));
        entry(document, "sg-base-p")
            .ip_permissions
            .push(rule(port, Peer::Cidr("10.0.0.0/16".into())));
    };
    let one_end: Spoil = |document, port| {
        entry(document, "sg-base-f")
            .ip_permissions_egress
            .push(rule(port, Peer::Cidr("0.0.0.0/0".into())));
    };
    let elsewhere: Spoil = |document, port| {
        entry(document, "sg-base-f")
            .ip_permissions_egress
            .push(rule(port, Peer::Cidr("0.0.0.0/0".into())));
        entry(document, "sg-base-d")
            .ip_permissions
            .push(rule(port, Peer::Cidr("192.0.2.0/24".into())));
        entry(document, "sg-base-d")
            .ip_permissions
            .push(rule(port + 1, Peer::Cidr("10.0.0.0/16".into())));
    };
    let table: [(&str, Spoil, bool); 4] = [
        ("rules that name groups", by_group, true),
        ("rules for ranges", by_range, true),
        ("outbound only", one_end, false),
        ("another range, another port", elsewhere, false),
    ];
    for scenario in base() {
        let connected = connected(&scenario).await;
        let port = match scenario.target.proxy {
            ProxyWish::None => crate::scenarios::PORT,
            _ => 5432,
        };
        for (name, spoil, is_open) in &table {
            let mut document = connected.clone();
            spoil(&mut document, port);
            if scenario.target.proxy != ProxyWish::None {
                // The proxy itself reaches the database by other rules.
                entry(&mut document, "sg-base-p")
                    .ip_permissions_egress
                    .push(rule(crate::scenarios::PORT, Peer::Group("sg-base-d".into())));
                entry(&mut document, "sg-base-d")
                    .ip_permissions
                    .push(rule(crate::scenarios::PORT, Peer::Group("sg-base-p".into())));
            }
            let context = format!("{}: {name}", scenario.name);
            let account = account_of(&document);
            let planned = try_remove(&account, &scenario.target, RemovalWish::default(), &dry_run())
                .await
                .unwrap();
            let told = planned
                .draft
                .reasons
                .iter()
                .any(|reason| reason.contains("will still reach"));
            assert_eq!(told, *is_open, "{context}: {:?}", planned.draft.reasons);
            assert!(!is_incomplete(&planned), "a plan is pending: {context}");
            let removed = remove(&account, &scenario.target, RemovalWish::default()).await;
            assert_eq!(removed.ending, Ending::Reached, "{context}");
            assert_eq!(is_incomplete(&removed), *is_open, "{context}");
            let again = remove(&account, &scenario.target, RemovalWish::default()).await;
            assert_eq!(
                (again.ending, is_incomplete(&again)),
                (Ending::Unchanged, *is_open),
                "{context}"
            );
            let told = again
                .draft
                .reasons
                .iter()
                .any(|reason| reason.contains("still reaches"));
            assert_eq!(told, *is_open, "{context}: {:?}", again.draft.reasons);
        }
    }
}

/// Groups of the console's that are left, and a group that is kept, still connect the two.
#[tokio::test(start_paused = true)]
async fn what_remove_leaves_may_still_connect() {
    let scenario = &base()[0];
    let mut console = connected(scenario).await;
    for group in &mut console.security_groups {
        group.tags.clear();
    }
    let account = account_of(&console);
    let kept = remove(&account, &scenario.target, RemovalWish::default()).await;
    assert_eq!((kept.ending, is_incomplete(&kept)), (Ending::Unchanged, true));
    // A group on a bastion stays, but comes off the function.
    let mut shared = connected(scenario).await;
    let mut groups = shared.security_groups.iter();
    let group = groups.find(|group| group.group_name == "lambda-rds-1").unwrap();
    let group = group.group_id.clone();
    put_on_a_bastion(&mut shared, group);
    let account = account_of(&shared);
    let removed = remove(&account, &scenario.target, RemovalWish::default()).await;
    assert_eq!((removed.ending, is_incomplete(&removed)), (Ending::Reached, false));
}
