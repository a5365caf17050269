//! `remove` undoes all that `setup` did: also where a resource no longer exists, and where ours is the function's last group;
//! and it says what still connects the two.

use std::collections::BTreeMap;

use autoconnect::account::{AccountDocument, IpPermission, OfflineAccount};
use autoconnect::cloud::{Cloud, Operation};
use autoconnect::interrupt::Interrupt;
use autoconnect::model::{EnvironmentWish, Peer, PortRange, Protocol, Rule};
use autoconnect::observe::{ProxyWish, Target};
use autoconnect::reconcile::{Converged, Ending, Failure, Options, converge};
use autoconnect::removal::{RemovalWish, Standing};
use autoconnect::report::is_incomplete;
use autoconnect::tags;

use crate::crashes::{Crash, Left, each_death};
use crate::denied::Denied;
use crate::fault_matrix::{Failed, Faults, each_fault};
use crate::interposed::Interposed;
use crate::removals::{disconnect, put_on_a_bastion};
use crate::scenarios::{Scenario, base, publish, with_new_resources};
use crate::support::*;

async fn try_remove(
    cloud: &dyn Cloud,
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

fn is_ours(document: &AccountDocument) -> usize {
    let groups = document.security_groups.iter();
    let ours = groups.filter(|group| group.tags.iter().any(|tag| tag.key.starts_with(tags::PREFIX)));
    ours.count()
}

/// Deletes something of an account, as someone does.
type Delete = fn(&mut AccountDocument);

/// What someone deletes: each resource of a connection, and all of them.
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
        let connected = connected(&scenario.document, &scenario.target).await;
        for (what, delete) in deletions(&scenario.target) {
            let mut document = connected.clone();
            for delete in delete {
                delete(&mut document);
            }
            let context = format!("{}: {what} gone", scenario.name);

            let account = in_memory(&document);
            let planned = try_remove(&account, &scenario.target, RemovalWish::default(), &dry_run()).await;
            let planned = planned.unwrap_or_else(|failure| panic!("{context}: {failure}"));
            assert_eq!(planned.ending, Ending::Planned, "{context}");
            assert!(planned.draft.reasons[0].contains("no longer exists"), "{context}");
            assert_eq!(account.document(), document, "a dry run writes nothing: {context}");

            let options = Options::default();
            let removing = async |cloud: &Interposed<'_, Crash<'_>>| {
                try_remove(cloud, &scenario.target, RemovalWish::default(), &options).await
            };
            deaths += each_death(&document, removing, async |died: Left| {
                let context = format!("{context}, {}", died.context);
                // Everything that shows the connection may be gone now: then the name is that of nothing.
                let again = try_remove(&died.account, &scenario.target, RemovalWish::default(), &options).await;
                if let Err(failure) = again {
                    assert!(failure.error.code().ends_with("-not-found"), "{context}: {failure}");
                }
                let left = died.account.document();
                assert_eq!(is_ours(&left), 0, "{context}");
                assert_eq!(left.security_groups, scenario.document.security_groups, "{context}");
            })
            .await;
        }
    }
    println!("{deaths} deaths of removals of what is gone healed");
    assert!(deaths > 500, "{deaths}");
}

/// A name that nothing has, and whose connection nothing is tagged with, is wrong.
#[tokio::test(start_paused = true)]
async fn a_wrong_name_is_still_an_error() {
    for scenario in base() {
        let document = connected(&scenario.document, &scenario.target).await;
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
            let account = in_memory(&document);
            let refused = try_remove(&account, &target, RemovalWish::default(), &Options::default()).await;
            assert_eq!(refused.unwrap_err().error.code(), code, "{}", scenario.name);
            assert_eq!(account.document(), document);
        }
        // A tag of ours that someone has put on a group of his own proves nothing.
        let mut forged = document.clone();
        let tag =
            |value: &str| serde_json::from_value(serde_json::json!({"Key": tags::CONNECTION, "Value": value})).unwrap();
        let kind = scenario.target.kind;
        forged.security_groups[0]
            .tags
            .push(tag(&format!("{kind}/db:function/ff")));
        let account = in_memory(&forged);
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
        let mut document = connected(&scenario.document, &scenario.target).await;
        let group = {
            let config = document.functions[0].vpc_config.as_mut().unwrap();
            config.security_group_ids.remove(0);
            config.security_group_ids[0].clone()
        };
        let before = &scenario.document.security_groups;
        let removing = async |cloud: &Interposed<'_, Crash<'_>>| {
            try_remove(cloud, &scenario.target, RemovalWish::default(), &Options::default()).await
        };
        each_death(&document, removing, async |died: Left| {
            let ended = remove(&died.account, &scenario.target, RemovalWish::default()).await;
            let left = died.account.document();
            assert_eq!(left.functions[0].vpc_config, None, "{}", scenario.name);
            assert_eq!(&left.security_groups, before, "{}", scenario.name);
            assert!(!is_incomplete(&ended));
        })
        .await;
        let account = in_memory(&document);
        let planned = try_remove(&account, &scenario.target, RemovalWish::default(), &dry_run())
            .await
            .unwrap();
        let warned = planned
            .draft
            .notes
            .iter()
            .any(|note| note.contains("will be detached from its VPC"));
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
            if operation == Operation::CreateTags {
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
async fn what_still_connects_is_reported_and_the_status_is_not_0() {
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
        let connected = connected(&scenario.document, &scenario.target).await;
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
            let account = in_memory(&document);
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
    let mut console = connected(&scenario.document, &scenario.target).await;
    for group in &mut console.security_groups {
        group.tags.clear();
    }
    let account = in_memory(&console);
    let kept = remove(&account, &scenario.target, RemovalWish::default()).await;
    assert_eq!((kept.ending, is_incomplete(&kept)), (Ending::Unchanged, true));
    // A group on a bastion stays, but comes off the function.
    let mut shared = connected(&scenario.document, &scenario.target).await;
    let mut groups = shared.security_groups.iter();
    let group = groups.find(|group| group.group_name == "lambda-rds-1").unwrap();
    let group = group.group_id.clone();
    put_on_a_bastion(&mut shared, group);
    let account = in_memory(&shared);
    let removed = remove(&account, &scenario.target, RemovalWish::default()).await;
    assert_eq!((removed.ending, is_incomplete(&removed)), (Ending::Reached, false));
}

const UNSET_ENV: RemovalWish = RemovalWish {
    console_made: false,
    with_proxy: false,
    with_function: false,
    unset_env: true,
};
const WITH_FUNCTION: RemovalWish = RemovalWish {
    console_made: false,
    with_proxy: true,
    with_function: true,
    unset_env: false,
};

/// A change that someone makes to a function's environment.
type EnvironmentChange = fn(&mut BTreeMap<String, String>);

/// What `--set-env` set goes, as long as it has the same values; other variables stay, wherever a run dies.
#[tokio::test(start_paused = true)]
async fn variables_go_that_still_have_their_values() {
    // The changes that someone makes, the user that is named, and what stays.
    let table: [(EnvironmentChange, Option<&str>, &[&str]); 5] = [
        (|_| {}, Some("app"), &[]),
        (|_| {}, None, &["DB_USER"]),
        (
            |variables| *variables.get_mut("DB_PORT").unwrap() = "1".to_owned(),
            Some("app"),
            &["DB_PORT"],
        ),
        (
            |variables| *variables.get_mut("DB_HOST").unwrap() = "other".to_owned(),
            Some("app"),
            &["DB_HOST", "DB_PORT", "DB_USER"],
        ),
        (|variables| drop(variables.remove("DB_PORT")), Some("app"), &[]),
    ];
    for scenario in base().into_iter().step_by(thoroughly([6, 1])) {
        for (change, user, stays) in table {
            let account = in_memory(&scenario.document);
            account.edit(|document| {
                document.functions[0]
                    .environment
                    .insert("OWN".to_owned(), "1".to_owned());
            });
            let before = account.document();
            let target = Target {
                environment: Some(EnvironmentWish { overwrite: false }),
                user: Some("app".to_owned()),
                ..scenario.target.clone()
            };
            setup(&account, &target).await.unwrap();
            assert_eq!(account.document().functions[0].environment.len(), 4);
            account.edit(|document| change(&mut document.functions[0].environment));
            let connected = account.document();
            let mut goal = disconnect(&target, UNSET_ENV);
            goal.target.user = user.map(str::to_owned);
            let run = async |cloud: &Interposed<'_, Crash<'_>>| {
                let options = Options::default();
                Box::pin(converge(cloud, &goal, &options, &Script::default(), Interrupt::never())).await
            };
            each_death(&connected, run, async |died: Left| {
                let front = Script::default();
                let again = converge(&died.account, &goal, &Options::default(), &front, Interrupt::never()).await;
                let again = again.unwrap();
                let left = died.account.document();
                let mut expected = before.functions[0].environment.clone();
                for name in stays {
                    expected.insert((*name).to_owned(), connected.functions[0].environment[*name].clone());
                }
                assert_eq!(left.functions[0].environment, expected, "{}", scenario.name);
                assert_eq!(left.functions[0].vpc_config, before.functions[0].vpc_config);
                let told = again.draft.reasons.iter().any(|reason| reason.contains("will be kept"));
                assert_eq!(told, !stays.is_empty(), "{:?}", again.draft.reasons);
            })
            .await;
            // Without the option all of them stay.
            let account = in_memory(&connected);
            remove(&account, &target, RemovalWish::default()).await;
            assert_eq!(
                account.document().functions[0].environment,
                connected.functions[0].environment
            );
        }
    }
}

/// A value that changes between plan and write stays.
#[tokio::test(start_paused = true)]
async fn a_variable_that_changes_meanwhile_stays() {
    let scenario = &base()[0];
    let account = in_memory(&scenario.document);
    let target = Target {
        environment: Some(EnvironmentWish { overwrite: false }),
        ..scenario.target.clone()
    };
    setup(&account, &target).await.unwrap();
    let cloud = slow_with(&account, |operation| {
        if operation == Operation::CreateTags {
            account.edit(|document| {
                let variables = &mut document.functions[0].environment;
                *variables.get_mut("DB_PORT").unwrap() = "1".to_owned();
            });
        }
    });
    try_remove(&cloud, &target, UNSET_ENV, &Options::default())
        .await
        .unwrap();
    let left = account.document().functions[0].environment.clone();
    assert_eq!(
        left.into_iter().collect::<Vec<_>>(),
        [("DB_PORT".to_owned(), "1".to_owned())]
    );
}

fn through_proxy() -> impl Iterator<Item = Scenario> {
    base()
        .into_iter()
        .filter(|scenario| scenario.target.proxy != ProxyWish::None)
}

/// The permission to connect through the proxy goes with the last function of the role that needs it, and only as `setup`
/// writes it.
#[tokio::test(start_paused = true)]
async fn the_permission_to_connect_goes_when_nothing_needs_it() {
    for scenario in through_proxy() {
        let target = Target {
            iam_required: true,
            user: Some("app".to_owned()),
            ..scenario.target.clone()
        };
        let other = Target {
            function: "g".to_owned(),
            ..target.clone()
        };
        let account = in_memory(&scenario.document);
        setup(&account, &target).await.unwrap();
        let connected = account.document();
        assert_ne!(connected.roles, scenario.document.roles);
        let removing = async |cloud: &Interposed<'_, Crash<'_>>| {
            try_remove(cloud, &target, RemovalWish::default(), &Options::default()).await
        };
        each_death(&connected, removing, async |died: Left| {
            remove(&died.account, &target, RemovalWish::default()).await;
            let roles = died.account.document().roles;
            assert_eq!(roles, scenario.document.roles, "{}", died.context);
        })
        .await;
        // Both functions have the role.
        setup(&account, &other).await.unwrap();
        let kept = remove(&account, &target, RemovalWish::default()).await;
        assert_eq!(account.document().roles, connected.roles);
        let told = kept
            .draft
            .reasons
            .iter()
            .any(|reason| reason.contains("function g also has the role"));
        assert!(told, "{:?}", kept.draft.reasons);
        remove(&account, &other, RemovalWish::default()).await;
        assert_eq!(account.document().roles, scenario.document.roles);

        // Someone has changed it.
        let mut changed = connected.clone();
        let document = &mut changed.roles[0].policies[0].policy_document;
        let resource = &mut document["Statement"][0]["Resource"];
        *resource = format!("{}x", resource.as_str().unwrap()).into();
        let account = in_memory(&changed);
        let kept = remove(&account, &target, RemovalWish::default()).await;
        assert_eq!(account.document().roles, changed.roles);
        let told = kept
            .draft
            .reasons
            .iter()
            .any(|reason| reason.contains("differs from what setup writes"));
        assert!(told, "{:?}", kept.draft.reasons);

        // What may not be read stays, and the rest goes.
        let account = in_memory(&connected);
        let denied = Interposed {
            account: &account,
            hook: Denied(Operation::ListRolePolicies),
        };
        let kept = try_remove(&denied, &target, RemovalWish::default(), &Options::default())
            .await
            .unwrap();
        assert_eq!(kept.ending, Ending::Reached);
        assert_eq!(account.document().roles, connected.roles);
        let told = kept
            .draft
            .reasons
            .iter()
            .any(|reason| reason.contains("Could not read whether role"));
        assert!(told, "{:?}", kept.draft.reasons);
    }
}

/// What `setup` has made for a new function, with the proxy, is gone, wherever a run dies.
#[tokio::test(start_paused = true)]
async fn a_function_that_setup_made_goes_with_its_role() {
    let mut scenarios = with_new_resources().into_iter();
    let scenario = scenarios
        .find(|scenario| scenario.target.new_function.is_some())
        .unwrap();
    let account = in_memory(&scenario.document);
    setup(&account, &scenario.target).await.unwrap();
    let connected = account.document();
    let removing = async |cloud: &Interposed<'_, Crash<'_>>| {
        try_remove(cloud, &scenario.target, WITH_FUNCTION, &Options::default()).await
    };
    let deaths = each_death(&connected, removing, async |died: Left| {
        let context = died.context;
        let again = try_remove(&died.account, &scenario.target, WITH_FUNCTION, &Options::default()).await;
        if let Err(failure) = again {
            assert_eq!(failure.error.code(), "function-not-found", "{failure}: {context}");
        }
        let left = died.account.document();
        assert_eq!(left.functions, scenario.document.functions, "{context}");
        assert_eq!(left.roles, scenario.document.roles, "{context}");
        assert_eq!(left.security_groups, scenario.document.security_groups, "{context}");
        assert_eq!(left.db_proxies, scenario.document.db_proxies, "{context}");
    })
    .await;
    assert!(deaths > 100, "{deaths}");
}

/// A published version keeps the groups with which it was published: it still reaches the database.
#[tokio::test(start_paused = true)]
async fn a_published_version_is_still_connected() {
    for scenario in base() {
        let mut document = connected(&scenario.document, &scenario.target).await;
        publish(&mut document, "f");
        let account = in_memory(&document);
        let removed = remove(&account, &scenario.target, RemovalWish::default()).await;
        assert_eq!((removed.ending, is_incomplete(&removed)), (Ending::Reached, true));
        let left = account.document();
        assert_eq!(left.functions[0].vpc_config, scenario.document.functions[0].vpc_config);
        let told = |reason: &String| reason.contains("Function f, version 1 (alias live-1) will still reach");
        let reasons = &removed.draft.reasons;
        assert!(reasons.iter().any(told), "{reasons:?}");
    }
}

/// A change that someone makes.
type Change = fn(&mut AccountDocument);

fn function(document: &mut AccountDocument) -> &mut autoconnect::account::FunctionEntry {
    let mut functions = document.functions.iter_mut();
    functions.find(|function| function.function_name == "new").unwrap()
}

fn role(document: &mut AccountDocument) -> &mut autoconnect::account::RoleEntry {
    let mut roles = document.roles.iter_mut();
    roles.find(|role| role.role_name.contains("function-new")).unwrap()
}

/// A function that is not as `setup` made it, or is connected with something else, stays with all the rest.
#[tokio::test(start_paused = true)]
async fn a_function_that_is_not_as_setup_made_it_stays() {
    let mut scenarios = with_new_resources().into_iter();
    let scenario = scenarios
        .find(|scenario| scenario.target.new_function.is_some())
        .unwrap();
    let account = in_memory(&scenario.document);
    setup(&account, &scenario.target).await.unwrap();
    let connected = account.document();
    let table: [(Change, &str, &str); 12] = [
        (
            |document| function(document).tags.clear(),
            "function-not-ours",
            "its tag autoconnect:managed is missing",
        ),
        (
            |document| function(document).tags[0].value = "cluster/x:function/new".into(),
            "function-not-ours",
            "its tag",
        ),
        (
            |document| function(document).handler = Some("app.main".into()),
            "function-not-ours",
            "handler",
        ),
        (
            |document| function(document).code_sha256 = Some("x".into()),
            "function-not-ours",
            "code",
        ),
        (
            |document| function(document).role = Some("arn:aws:iam::123456789012:role/f".into()),
            "function-not-ours",
            "its role is arn:aws:iam::123456789012:role/f, not",
        ),
        (
            |document| {
                let arn = function(document).role.clone();
                document.functions[0].role = arn;
            },
            "function-not-ours",
            "also used by",
        ),
        (
            |document| role(document).tags.clear(),
            "function-not-ours",
            "of role autoconnect-eu-central-1-function-new: its tag autoconnect:managed is missing",
        ),
        (
            |document| {
                role(document)
                    .attached_policies
                    .push("arn:aws:iam::aws:policy/AdministratorAccess".into());
            },
            "function-not-ours",
            "AdministratorAccess",
        ),
        (
            |document| {
                let mut own = role(document).policies[0].clone();
                own.policy_name = "own".to_owned();
                role(document).policies.push(own);
            },
            "function-not-ours",
            "policy own",
        ),
        (
            |document| {
                role(document).assume_role_policy_document["Statement"][0]["Principal"] = serde_json::json!("*");
            },
            "function-not-ours",
            "its trust policy is",
        ),
        (
            |document| publish(document, "new"),
            "function-not-ours",
            "published versions (1)",
        ),
        (
            |document| {
                let config = function(document).vpc_config.as_mut().unwrap();
                config.security_group_ids.push("sg-base-f".into());
            },
            "function-in-use",
            "sg-base-f",
        ),
    ];
    for (change, code, told) in table {
        let mut document = connected.clone();
        change(&mut document);
        let account = in_memory(&document);
        let refused = try_remove(&account, &scenario.target, WITH_FUNCTION, &Options::default()).await;
        let failure = refused.unwrap_err();
        assert_eq!(failure.error.code(), code, "{told}: {failure}");
        assert!(failure.to_string().contains(told), "{told}: {failure}");
        assert_eq!(account.document(), document, "nothing is written");
    }
}

/// The operations with which the function, its role and its permissions go.
pub const OF_FUNCTIONS: [Operation; 4] = [
    Operation::GetRolePolicy,
    Operation::ListTags,
    Operation::DeleteFunction,
    Operation::DetachRolePolicy,
];

/// Each operation fails in each way: the run ends with its own error, or at its end, and the next one has nothing left to
/// do after it.
#[tokio::test(start_paused = true)]
async fn every_operation_that_deletes_a_function_survives_every_fault() {
    let mut scenarios = with_new_resources().into_iter();
    let scenario = scenarios
        .find(|scenario| scenario.target.new_function.is_some())
        .unwrap();
    let account = in_memory(&scenario.document);
    setup(&account, &scenario.target).await.unwrap();
    let connected = account.document();
    let removing = async |cloud: &Interposed<'_, Faults<'_>>| {
        try_remove(cloud, &scenario.target, WITH_FUNCTION, &Options::default()).await
    };
    let (_, used) = each_fault(&connected, removing, async |failed: Failed<_>| {
        let context = failed.context;
        let again = try_remove(&failed.account, &scenario.target, WITH_FUNCTION, &Options::default()).await;
        if let Err(failure) = again {
            assert_eq!(failure.error.code(), "function-not-found", "{failure}: {context}");
        }
        let left = failed.account.document();
        assert_eq!(left.functions, scenario.document.functions, "{context}");
        assert_eq!(left.roles, scenario.document.roles, "{context}");
        assert_eq!(left.security_groups, scenario.document.security_groups, "{context}");
    })
    .await;
    assert!(
        OF_FUNCTIONS.iter().all(|operation| used.contains(operation)),
        "{used:?}"
    );
}
