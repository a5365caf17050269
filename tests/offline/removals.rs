//! `remove`: what goes and what stays, and that it may die anywhere.

use std::collections::BTreeSet;

use autoconnect::account::{AccountDocument, GroupIdentifier, InterfaceEntry, OfflineAccount, SecurityGroupEntry};
use autoconnect::cloud::{Cloud, Operation};
use autoconnect::drift::{FindingKind, Judge, Verdict, discover};
use autoconnect::estate::Connection;
use autoconnect::interrupt::Interrupt;
use autoconnect::model::{CredentialsWish, SecurityGroup};
use autoconnect::observe::{NewProxyWish, Proxies, ProxyWish, Target, survey};
use autoconnect::plan::StepStatus;
use autoconnect::plan::removal::OPERATIONS;
use autoconnect::reconcile::{Converged, Disconnect, Ending, Failure, Options, converge};
use autoconnect::removal::{RemovalWish, Standing};
use autoconnect::report::is_incomplete;
use autoconnect::tags;

use crate::crashes::{Crash, Left, each_death};
use crate::fault_matrix::{Failed, Faults, each_fault};
use crate::fix;
use crate::interposed::Interposed;
use crate::scenarios::{Scenario, base, publish, versions_that_reach};
use crate::support::*;

const CONSOLE: RemovalWish = RemovalWish {
    console_made: true,
    with_proxy: false,
    with_function: false,
    unset_env: false,
};
const WITH_PROXY: RemovalWish = RemovalWish {
    console_made: false,
    with_proxy: true,
    with_function: false,
    unset_env: false,
};

/// What is none of ours has a group.
pub fn put_on_a_bastion(document: &mut AccountDocument, group_id: String) {
    document.network_interfaces.push(InterfaceEntry {
        network_interface_id: "eni-0b".to_owned(),
        vpc_id: document.vpcs[0].vpc_id.clone(),
        subnet_id: document.subnets[0].subnet_id.clone(),
        source_dest_check: true,
        status: "in-use".to_owned(),
        public_ip: None,
        description: "bastion".to_owned(),
        groups: vec![GroupIdentifier { group_id }],
    });
}

pub fn disconnect(target: &Target, wish: RemovalWish) -> Disconnect {
    // A proxy that setup made is named as any other.
    let proxy = match &target.proxy {
        ProxyWish::New(_) => ProxyWish::Existing("autoconnect-db".to_owned()),
        other => other.clone(),
    };
    Disconnect {
        target: Target {
            proxy,
            ..Target::direct(target.kind, &target.database, &target.function)
        },
        wish,
        wait_for_database: false,
    }
}

pub async fn remove_with(
    cloud: &dyn Cloud,
    goal: &Disconnect,
    options: &Options,
) -> Result<Converged<Standing>, Failure> {
    Box::pin(converge(cloud, goal, options, &Script::default(), Interrupt::never())).await
}

async fn remove(account: &OfflineAccount, target: &Target, wish: RemovalWish) -> Converged<Standing> {
    let ended = remove_with(account, &disconnect(target, wish), &Options::default()).await;
    ended.unwrap_or_else(|failure| panic!("{failure} ({})", failure.error.code()))
}

async fn refused(account: &OfflineAccount, target: &Target, wish: RemovalWish) -> &'static str {
    let writes = account.calls().write;
    let failure = remove_with(account, &disconnect(target, wish), &Options::default())
        .await
        .unwrap_err();
    assert_eq!(account.calls().write, writes, "{failure}");
    failure.error.code()
}

fn account_of(scenario: &Scenario) -> OfflineAccount {
    OfflineAccount::in_memory(scenario.document.clone()).unwrap()
}

fn with_function(target: &Target, function: &str) -> Target {
    Target {
        function: function.to_owned(),
        ..target.clone()
    }
}

/// Of an account what a removal may leave otherwise than it was: revisions and states that pass.
pub fn essence(document: &AccountDocument) -> impl PartialEq + std::fmt::Debug + use<> {
    let document = document.clone();
    let active = |memberships: Vec<autoconnect::account::VpcSecurityGroupMembership>| -> Vec<String> {
        let present = memberships
            .into_iter()
            .filter(|membership| membership.status != "removing");
        present.map(|membership| membership.vpc_security_group_id).collect()
    };
    let functions: Vec<_> = document
        .functions
        .into_iter()
        .map(|function| (function.function_name, function.vpc_config))
        .collect();
    let databases: Vec<_> = document
        .db_clusters
        .into_iter()
        .map(|cluster| active(cluster.vpc_security_groups))
        .chain(
            document
                .db_instances
                .into_iter()
                .map(|instance| active(instance.vpc_security_groups)),
        )
        .collect();
    let proxies: Vec<_> = document
        .db_proxies
        .into_iter()
        .map(|proxy| (proxy.name, proxy.vpc_security_group_ids))
        .collect();
    (document.security_groups, functions, databases, proxies)
}

/// After setup and remove the account is as it was; the second removal writes nothing.
#[tokio::test(start_paused = true)]
async fn what_setup_made_is_gone_and_nothing_else() {
    for scenario in base() {
        let account = account_of(&scenario);
        setup(&account, &scenario.target).await.unwrap();
        let goal = disconnect(&scenario.target, RemovalWish::default());
        let planned = remove_with(&account, &goal, &dry_run()).await.unwrap();
        assert_eq!(
            (planned.ending, planned.draft.decision),
            (Ending::Planned, "disconnect")
        );
        let removed = remove(&account, &scenario.target, RemovalWish::default()).await;
        assert_eq!(removed.ending, Ending::Reached, "{}", scenario.name);
        assert_eq!(
            essence(&account.document()),
            essence(&scenario.document),
            "{}",
            scenario.name
        );

        let writes = account.calls().write;
        let again = remove(&account, &scenario.target, RemovalWish::default()).await;
        assert_eq!((again.ending, again.draft.decision), (Ending::Unchanged, "no-op"));
        assert_eq!(account.calls().write, writes, "{}", scenario.name);
        setup(&account, &scenario.target).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn shared_groups_stay_while_another_function_uses_them() {
    for scenario in base() {
        let account = account_of(&scenario);
        let second = with_function(&scenario.target, "g");
        setup(&account, &scenario.target).await.unwrap();
        setup(&account, &second).await.unwrap();
        let before = account.document();

        assert_ne!(tagged_as(&before, "g"), groups(&before));
        let removed = remove(&account, &scenario.target, RemovalWish::default()).await;
        let actions: Vec<&str> = removed.applied.iter().map(|applied| applied.action.as_str()).collect();
        assert_eq!(
            actions,
            ["ec2:CreateTags", "lambda:UpdateFunctionConfiguration"],
            "the groups are handed over, and only the function's comes off: {:?}",
            removed.applied
        );
        let after = account.document();
        assert_eq!(groups(&after), tagged_as(&before, "g"));
        assert_only_connected(&account, &["g"], &scenario.name).await;
        let writes = account.calls().write;
        let again = remove(&account, &scenario.target, RemovalWish::default()).await;
        assert_eq!((again.ending, account.calls().write), (Ending::Unchanged, writes));
        setup(&account, &second).await.unwrap();
        assert_eq!(account.calls().write, writes, "the second function is connected still");

        // The last one takes all of it away.
        remove(&account, &second, RemovalWish::default()).await;
        assert_eq!(
            essence(&account.document()),
            essence(&scenario.document),
            "{}",
            scenario.name
        );
    }
}

/// The groups, their tags in any order.
fn groups(document: &AccountDocument) -> Vec<SecurityGroup> {
    document
        .security_groups
        .iter()
        .map(SecurityGroupEntry::to_model)
        .collect()
}

/// The groups, ours tagged as of this function's connection; as of no function's, if it has no name.
fn tagged_as(document: &AccountDocument, function: &str) -> Vec<SecurityGroup> {
    let mut groups = groups(document);
    let tags = groups
        .iter_mut()
        .filter_map(|group| group.tags.get_mut(tags::CONNECTION));
    for tag in tags {
        let (way, _) = tag.rsplit_once(":function/").unwrap();
        *tag = match function {
            "" => way.to_owned(),
            function => format!("{way}:function/{function}"),
        };
    }
    groups
}

/// What `drift` finds without arguments, and that none of it is broken.
async fn found_by_drift(account: &OfflineAccount, context: &str) -> Vec<(Connection, Verdict)> {
    let found = survey(account, &Proxies::All).await.estate;
    let judged = discover(&found).into_iter().map(|of| {
        let judged = Judge::new(&found).judge(&of);
        assert_ne!(
            judged.verdict,
            Verdict::Broken,
            "{context}: {of}: {:?}",
            judged.findings
        );
        (of, judged.verdict)
    });
    judged.collect()
}

/// That `drift` without arguments finds these functions' connections in sync, and no other.
pub async fn assert_only_connected(account: &OfflineAccount, functions: &[&str], context: &str) {
    let found = found_by_drift(account, context).await;
    let found: Vec<(&str, Verdict)> = found
        .iter()
        .map(|(of, verdict)| (of.function.as_str(), *verdict))
        .collect();
    let expected: Vec<(&str, Verdict)> = functions.iter().map(|name| (*name, Verdict::InSync)).collect();
    assert_eq!(found, expected, "{context}");
}

fn group_of<'a>(document: &'a mut AccountDocument, name: &str) -> &'a mut SecurityGroupEntry {
    let mut groups = document.security_groups.iter_mut();
    groups.find(|group| group.group_name.starts_with(name)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn groups_of_the_consoles_making_go_only_when_asked_unchanged_and_unshared() {
    for scenario in base()
        .into_iter()
        .filter(|scenario| scenario.target.proxy == ProxyWish::None)
    {
        let account = account_of(&scenario);
        setup(&account, &scenario.target).await.unwrap();
        account.edit(|document| {
            for group in &mut document.security_groups {
                group.tags.clear();
            }
        });
        let connected = account.document();
        let kept = remove(&account, &scenario.target, RemovalWish::default()).await;
        assert_eq!(
            (kept.ending, account.document()),
            (Ending::Unchanged, connected.clone())
        );
        assert!(kept.draft.notes[0].contains("--console-made"), "{:?}", kept.draft.notes);

        // Changed by someone.
        account.edit(|document| {
            let other = document.security_groups[0].group_id.clone();
            let group = group_of(document, "lambda-rds");
            let mut rule = group.ip_permissions_egress[0].clone();
            rule.user_id_group_pairs[0].group_id = other;
            group.ip_permissions_egress.push(rule);
        });
        let kept = remove(&account, &scenario.target, CONSOLE).await;
        assert_eq!(kept.ending, Ending::Unchanged);

        // Used by someone else.
        account.edit(|document| *document = connected.clone());
        setup(&account, &with_function(&scenario.target, "g")).await.unwrap();
        let shared = account.document();
        let off = remove(&account, &scenario.target, CONSOLE).await;
        assert_eq!((off.ending, off.applied.len()), (Ending::Reached, 1));
        assert!(
            off.draft
                .reasons
                .iter()
                .any(|reason| reason.contains("function g uses it")),
            "{:?}",
            off.draft.reasons
        );
        let left = account.document();
        assert_eq!(left.security_groups, shared.security_groups);
        assert_eq!(left.functions[1], shared.functions[1]);
        assert_eq!(
            left.functions[0].vpc_config, scenario.document.functions[0].vpc_config,
            "off this function alone"
        );

        // A rule of another group names the database's, which stays with its rules: so does the function's that they name.
        account.edit(|document| {
            *document = connected.clone();
            let group = group_of(document, "rds-lambda");
            let (id, mut rule) = (group.group_id.clone(), group.ip_permissions[0].clone());
            rule.user_id_group_pairs[0].group_id = id;
            document.security_groups[0].ip_permissions.push(rule);
        });
        let named = account.document();
        assert_eq!(
            remove(&account, &scenario.target, CONSOLE).await.ending,
            Ending::Reached
        );
        let left = account.document();
        assert_eq!(
            left.functions[0].vpc_config, scenario.document.functions[0].vpc_config,
            "off this function"
        );
        assert_eq!(
            left.security_groups, named.security_groups,
            "neither rules nor tags change"
        );
        assert_eq!(remove(&account, &scenario.target, CONSOLE).await.applied.len(), 0);

        account.edit(|document| *document = connected.clone());
        let removed = remove(&account, &scenario.target, CONSOLE).await;
        assert_eq!(removed.ending, Ending::Reached);
        assert_eq!(essence(&account.document()), essence(&scenario.document));
    }
}

/// The mark of a removal, a name and a rule are what anyone can write: without the other end, and with any other rule, a
/// group is not the console's. One with any of our tags is judged by them alone.
#[tokio::test(start_paused = true)]
async fn what_only_looks_like_the_consoles_stays() {
    type Edit = fn(&mut AccountDocument);
    fn mark(document: &mut AccountDocument) {
        for group in &mut document.security_groups {
            group.tags.push(autoconnect::account::Tag {
                key: tags::REMOVING.to_owned(),
                value: "cluster/db:function/f".to_owned(),
            });
        }
    }
    fn open(document: &mut AccountDocument) {
        let mut rule = group_of(document, "lambda-rds").ip_permissions_egress[0].clone();
        rule.user_id_group_pairs[0].group_id = document.security_groups[0].group_id.clone();
        group_of(document, "lambda-rds").ip_permissions_egress.push(rule);
    }
    let edits: [(&str, Edit); 3] = [
        ("marked, and a rule added", |document| {
            mark(document);
            open(document);
        }),
        ("the other end names another group", |document| {
            let other = document.security_groups[0].group_id.clone();
            group_of(document, "rds-lambda").ip_permissions[0].user_id_group_pairs[0].group_id = other;
        }),
        ("one of our tags", |document| {
            let group = group_of(document, "lambda-rds");
            group.tags.push(autoconnect::account::Tag {
                key: tags::CONNECTION.to_owned(),
                value: "cluster/db:function/f".to_owned(),
            });
        }),
    ];
    let direct = |scenario: &Scenario| scenario.target.proxy == ProxyWish::None;
    for scenario in base().into_iter().filter(direct) {
        let account = account_of(&scenario);
        setup(&account, &scenario.target).await.unwrap();
        let mut consoles = account.document();
        for group in &mut consoles.security_groups {
            group.tags.clear();
        }
        for (what, edit) in edits {
            let mut document = consoles.clone();
            edit(&mut document);
            let account = OfflineAccount::in_memory(document.clone()).unwrap();
            let kept = remove(&account, &scenario.target, CONSOLE).await;
            let after = account.document();
            let (groups, lists) = (&after.security_groups, after.functions[0].vpc_config.clone());
            assert_eq!(groups, &document.security_groups, "{what}: {:?}", kept.draft.reasons);
            assert_eq!(lists, document.functions[0].vpc_config, "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_without_a_group() {
    for scenario in base()
        .into_iter()
        .filter(|scenario| scenario.target.proxy == ProxyWish::None)
    {
        let account = account_of(&scenario);
        setup(&account, &scenario.target).await.unwrap();
        let connected = account.document();
        account.edit(|document| {
            *document = connected;
            for cluster in &mut document.db_clusters {
                cluster.vpc_security_groups.remove(0);
            }
            for instance in document
                .db_instances
                .iter_mut()
                .filter(|instance| instance.cluster.is_none())
            {
                instance.vpc_security_groups.remove(0);
            }
        });
        assert_eq!(
            refused(&account, &scenario.target, RemovalWish::default()).await,
            "last-group"
        );
    }
}

/// A rule that someone else made is not ours to change, and what it names cannot be deleted.
#[tokio::test(start_paused = true)]
async fn a_group_that_a_foreign_rule_names_is_emptied_and_left() {
    let scenario = &base()[0];
    let account = account_of(scenario);
    setup(&account, &scenario.target).await.unwrap();
    account.edit(|document| {
        let named = group_of(document, "lambda-rds").group_id.clone();
        let mut rule = group_of(document, "rds-lambda").ip_permissions[0].clone();
        rule.user_id_group_pairs[0].group_id = named;
        document.security_groups[0].ip_permissions.push(rule);
    });
    let removed = remove(&account, &scenario.target, RemovalWish::default()).await;
    assert_eq!(removed.ending, Ending::Reached);
    let mut document = account.document();
    let left = group_of(&mut document, "lambda-rds");
    assert!(left.ip_permissions_egress.is_empty());
    assert!(
        removed.draft.reasons.iter().any(|reason| reason.contains("sg-base-d")),
        "{:?}",
        removed.draft.reasons
    );
    // Once that rule is gone, the next run finishes; and a setup before that uses the group again.
    let again = remove(&account, &scenario.target, RemovalWish::default()).await;
    assert_eq!(again.ending, Ending::Unchanged);
    account.edit(|document| {
        document.security_groups[0].ip_permissions.pop();
    });
    assert_eq!(
        remove(&account, &scenario.target, RemovalWish::default()).await.ending,
        Ending::Reached
    );
    assert_eq!(essence(&account.document()), essence(&scenario.document));
}

#[tokio::test(start_paused = true)]
async fn a_function_is_not_disconnected_from_something_else_too() {
    let scenario = &base()[0];
    let account = account_of(scenario);
    setup(&account, &scenario.target).await.unwrap();
    account.edit(|document| {
        let mut other = document.db_clusters[0].clone();
        other.id = "other".into();
        document.db_clusters.push(other);
    });
    assert_eq!(
        refused(&account, &scenario.target, RemovalWish::default()).await,
        "leads-elsewhere"
    );
}

/// Lambda's interface lingers: without waiting the rest is left to the next run.
#[tokio::test(start_paused = true)]
async fn what_has_to_wait_for_lambda_is_left_to_the_next_run() {
    let scenario = &base()[0];
    let account = account_of(scenario);
    setup(&account, &scenario.target).await.unwrap();
    let goal = disconnect(&scenario.target, RemovalWish::default());
    let options = Options {
        wait_for_effect: false,
        ..Options::default()
    };
    let mut ended = remove_with(&account, &goal, &options).await.unwrap();
    assert_eq!(ended.ending, Ending::Unfinished);
    let skipped = |ended: &Converged<Standing>| {
        let mut steps = ended.draft.plan.steps.iter();
        steps.any(|step| step.status == StepStatus::Skipped)
    };
    assert!(skipped(&ended));
    for _ in 0..5 {
        ended = remove_with(&account, &goal, &options).await.unwrap();
    }
    assert_eq!(ended.ending, Ending::Unchanged);
    assert_eq!(essence(&account.document()), essence(&scenario.document));
}

/// Through a proxy that setup makes, on these credentials.
pub fn through_new_proxy(scenario: &Scenario, credentials: CredentialsWish) -> Target {
    Target {
        user: (credentials == CredentialsWish::Password).then(|| "app".to_owned()),
        proxy: ProxyWish::New(NewProxyWish {
            credentials,
            ..NewProxyWish::default()
        }),
        ..scenario.target.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_of_ours_goes_only_when_asked_and_unused() {
    let scenario = &base()[0];
    let account = account_of(scenario);
    let target = through_new_proxy(scenario, CredentialsWish::Password);
    setup(&account, &target).await.unwrap();
    let connected = account.document();

    // It stays with its only group and the whole set, which is no function's: the next function needs but one step.
    let kept = remove(&account, &target, RemovalWish::default()).await;
    let actions: Vec<&str> = kept.applied.iter().map(|applied| applied.action.as_str()).collect();
    assert_eq!(actions, ["ec2:CreateTags", "lambda:UpdateFunctionConfiguration"]);
    assert_eq!(groups(&account.document()), tagged_as(&connected, ""));
    assert_only_connected(&account, &[], "a proxy without a function").await;
    let whole = account.document();
    let removed = remove(&account, &target, WITH_PROXY).await;
    assert_eq!(removed.ending, Ending::Reached);
    assert_eq!(
        essence(&account.document()),
        essence(&scenario.document),
        "the set is found again"
    );
    account.edit(|document| *document = whole);
    let again = setup(&account, &target).await.unwrap();
    assert_eq!(again.applied.len(), 1);

    setup(&account, &with_function(&target, "g")).await.unwrap();
    assert_eq!(refused(&account, &target, WITH_PROXY).await, "proxy-in-use");
    remove(&account, &with_function(&target, "g"), RemovalWish::default()).await;
    account.edit(|document| {
        let proxy = document
            .db_proxies
            .iter_mut()
            .find(|proxy| proxy.name == "autoconnect-db")
            .unwrap();
        proxy.vpc_security_group_ids.push("sg-base-p".into());
    });
    assert_eq!(refused(&account, &target, WITH_PROXY).await, "proxy-in-use");
    account.edit(|document| {
        let proxy = document
            .db_proxies
            .iter_mut()
            .find(|proxy| proxy.name == "autoconnect-db")
            .unwrap();
        proxy.vpc_security_group_ids.pop();
    });

    let removed = remove(&account, &target, WITH_PROXY).await;
    assert_eq!(removed.ending, Ending::Reached);
    let after = account.document();
    assert_eq!(essence(&after), essence(&scenario.document));
    assert_eq!(after.roles, scenario.document.roles);
    let secret = after
        .secrets
        .iter()
        .find(|secret| secret.name == "autoconnect/autoconnect-db/app")
        .unwrap();
    assert!(secret.deleted_date.is_some());
    let again = remove(&account, &target, WITH_PROXY).await;
    assert_eq!(again.ending, Ending::Unchanged);
}

/// With its proxy go only what is exactly as `setup` makes it: a proxy that differs ends the run before its first write, and a
/// role or a secret that differs stays; each difference is named.
#[tokio::test(start_paused = true)]
async fn what_differs_is_not_deleted_with_the_proxy() {
    type Change = fn(&mut AccountDocument);
    fn ours(document: &mut AccountDocument) -> &mut autoconnect::account::DbProxyEntry {
        let mut proxies = document.db_proxies.iter_mut();
        proxies.find(|proxy| proxy.name == "autoconnect-db").unwrap()
    }
    fn role(document: &mut AccountDocument) -> &mut autoconnect::account::RoleEntry {
        let mut roles = document.roles.iter_mut();
        roles.find(|role| role.role_name.contains("proxy")).unwrap()
    }
    let scenario = &base()[0];
    let target = through_new_proxy(scenario, CredentialsWish::Password);
    let connected = connected(&scenario.document, &target).await;
    let refused_for: [(Change, &str, &str); 4] = [
        (
            |document| ours(document).require_tls = Some(false),
            "proxy-not-ours",
            "without TLS",
        ),
        (
            |document| ours(document).tags.clear(),
            "proxy-not-ours",
            "its tag autoconnect:managed is missing",
        ),
        (
            |document| ours(document).tags[0].value = "instance/x:proxy/y".to_owned(),
            "proxy-not-ours",
            "its tag",
        ),
        (
            |document| {
                let endpoint = serde_json::json!({"DBProxyEndpointName": "reader", "DBProxyName": "autoconnect-db",
                                                  "VpcSecurityGroupIds": ["sg-base-p"]});
                document
                    .db_proxy_endpoints
                    .push(serde_json::from_value(endpoint).unwrap());
            },
            "proxy-in-use",
            "reader",
        ),
    ];
    for (change, code, told) in refused_for {
        let mut document = connected.clone();
        change(&mut document);
        let account = in_memory(&document);
        let failure = remove_with(&account, &disconnect(&target, WITH_PROXY), &Options::default())
            .await
            .unwrap_err();
        assert_eq!(failure.error.code(), code, "{told}: {failure}");
        assert!(failure.to_string().contains(told), "{told}: {failure}");
        assert_eq!(account.document(), document, "nothing is written");
    }
    let kept: [(Change, &str); 4] = [
        (
            |document| {
                role(document)
                    .attached_policies
                    .push("arn:aws:iam::aws:policy/AdministratorAccess".to_owned());
            },
            "Role autoconnect-eu-central-1-proxy-autoconnect-db will be kept: policy arn:aws:iam::aws:policy/AdministratorAccess",
        ),
        (
            |document| role(document).policies[0].policy_document["Statement"][0]["Resource"] = "*".into(),
            "its own policy autoconnect-secret+",
        ),
        (
            |document| {
                let policy = serde_json::json!({"Version": "2012-10-17", "Statement": []});
                document.secrets.last_mut().unwrap().resource_policy = Some(policy);
            },
            "Secret autoconnect/autoconnect-db/app will be kept: it has a resource policy",
        ),
        (
            |document| {
                document
                    .secrets
                    .last_mut()
                    .unwrap()
                    .tags
                    .retain(|tag| tag.key != tags::ROLE);
            },
            "Secret autoconnect/autoconnect-db/app will be kept: its tag autoconnect:role is missing",
        ),
    ];
    for (change, told) in kept {
        let mut document = connected.clone();
        change(&mut document);
        let account = in_memory(&document);
        let removed = remove(&account, &target, WITH_PROXY).await;
        let reasons = &removed.draft.reasons;
        assert!(
            reasons.iter().any(|reason| reason.contains(told)),
            "{told}: {reasons:?}"
        );
        let after = account.document();
        assert_eq!(after.db_proxies, scenario.document.db_proxies, "{told}");
        let is_role = told.starts_with("Role") || told.starts_with("its own");
        assert_eq!(after.roles == document.roles, is_role, "{told}");
        assert_eq!(after.secrets == document.secrets, !is_role, "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_of_others_and_what_others_use_stay() {
    let scenarios = base();
    let through = scenarios
        .iter()
        .find(|scenario| scenario.target.proxy != ProxyWish::None)
        .unwrap();
    let account = account_of(through);
    setup(&account, &through.target).await.unwrap();
    assert_eq!(refused(&account, &through.target, WITH_PROXY).await, "proxy-not-ours");

    let account = account_of(&scenarios[0]);
    let target = through_new_proxy(&scenarios[0], CredentialsWish::Password);
    setup(&account, &target).await.unwrap();
    account.edit(|document| {
        let mut proxies = document.db_proxies.iter();
        let made = proxies.find(|proxy| proxy.name == "autoconnect-db").unwrap().clone();
        document.db_proxies[0].role_arn = made.role_arn;
        document.db_proxies[0].secret_arns = made.secret_arns;
    });
    let before = account.document();
    let removed = remove(&account, &target, WITH_PROXY).await;
    let after = account.document();
    assert_eq!((after.roles, after.secrets), (before.roles, before.secrets));
    let stays = removed
        .draft
        .reasons
        .iter()
        .filter(|reason| reason.contains("will be kept"))
        .count();
    assert_eq!(stays, 2, "{:?}", removed.draft.reasons);
}

#[tokio::test(start_paused = true)]
async fn who_begins_to_use_a_group_meanwhile_is_noticed() {
    let scenario = &base()[0];
    let account = account_of(scenario);
    setup(&account, &scenario.target).await.unwrap();
    let connected = account.document();
    let cloud = slow_with(&account, |operation| {
        if operation == Operation::CreateTags {
            account.edit(|document| {
                let id = group_of(document, "lambda-rds").group_id.clone();
                let config = document.functions[1].vpc_config.as_mut().unwrap();
                if !config.security_group_ids.contains(&id) {
                    config.security_group_ids.push(id);
                }
            });
        }
    });
    let goal = disconnect(&scenario.target, RemovalWish::default());
    let options = Options::default();
    let removing = Box::pin(remove_with(&cloud, &goal, &options));
    let failure = removing.await.unwrap_err();
    assert_eq!(failure.error.code(), "used-meanwhile");
    assert_eq!(
        account.document().security_groups,
        connected.security_groups,
        "the mark is taken off again"
    );
}

/// A removal that dies at each call is finished by the next one, and a setup in its place connects again, with one set.
#[tokio::test(start_paused = true)]
async fn a_removal_survives_each_death() {
    let mut cases: Vec<(Scenario, Target, RemovalWish)> = base()
        .into_iter()
        .step_by(thoroughly([3, 1]))
        .map(|scenario| (scenario.clone(), scenario.target.clone(), RemovalWish::default()))
        .collect();
    let proxied = base().remove(0);
    cases.push((
        proxied.clone(),
        through_new_proxy(&proxied, CredentialsWish::Secret("s".into())),
        WITH_PROXY,
    ));
    let mut deaths = 0;
    for (scenario, target, wish) in cases {
        let account = account_of(&scenario);
        setup(&account, &target).await.unwrap();
        let connected = account.document();
        let goal = disconnect(&target, wish);
        let removing = async |cloud: &Interposed<'_, Crash<'_>>| remove_with(cloud, &goal, &Options::default()).await;
        deaths += each_death(&connected, removing, async |died: Left| {
            let context = format!("{}, {}", scenario.name, died.context);
            let half = died.account.document();
            let removed = remove(&died.account, &target, wish).await;
            assert!(!removed.ending.is_pending(), "{context}");
            assert_eq!(
                essence(&died.account.document()),
                essence(&scenario.document),
                "{context}"
            );

            let connects = in_memory(&half);
            let outcome = setup(&connects, &target).await;
            outcome.unwrap_or_else(|failure| panic!("{failure} ({}): {context}", failure.error.code()));
            let writes = connects.calls().write;
            setup(&connects, &target).await.unwrap();
            assert_eq!(connects.calls().write, writes, "{context}");
            let document = connects.document();
            let made = document.security_groups.len() - scenario.document.security_groups.len();
            assert_eq!(
                made,
                connected.security_groups.len() - scenario.document.security_groups.len(),
                "{context}"
            );
            let is_marked = |group: &SecurityGroupEntry| group.tags.iter().any(|tag| tag.key == tags::REMOVING);
            assert!(!document.security_groups.iter().any(is_marked), "{context}");
        })
        .await;
    }
    println!("{deaths} deaths of a removal healed");
    assert!(deaths > 300, "{deaths}");
}

/// Where another function uses the groups, or a proxy stays with its only one, a removal that dies at each call leaves
/// nothing that is reported as broken, and the next one comes to the same end.
#[tokio::test(start_paused = true)]
async fn a_removal_that_hands_groups_over_survives_each_death() {
    let mut cases = Vec::new();
    for scenario in base() {
        let account = account_of(&scenario);
        setup(&account, &scenario.target).await.unwrap();
        setup(&account, &with_function(&scenario.target, "g")).await.unwrap();
        let targets = [scenario.target.clone(), with_function(&scenario.target, "g")];
        cases.push((scenario.name.clone(), account.document(), targets.to_vec()));
    }
    let scenario = base().remove(0);
    let account = account_of(&scenario);
    let target = through_new_proxy(&scenario, CredentialsWish::Password);
    setup(&account, &target).await.unwrap();
    cases.push(("a bare proxy".to_owned(), account.document(), vec![target]));
    let mut deaths = 0;
    for (name, connected, targets) in cases {
        let target = &targets[0];
        let whole = OfflineAccount::in_memory(connected.clone()).unwrap();
        remove(&whole, target, RemovalWish::default()).await;
        let goal = disconnect(target, RemovalWish::default());
        let removing = async |cloud: &Interposed<'_, Crash<'_>>| remove_with(cloud, &goal, &Options::default()).await;
        deaths += each_death(&connected, removing, async |died: Left| {
            let context = format!("{name}, {}", died.context);
            found_by_drift(&died.account, &context).await;
            let half = died.account.document();
            remove(&died.account, target, RemovalWish::default()).await;
            assert_eq!(
                essence(&died.account.document()),
                essence(&whole.document()),
                "{context}"
            );

            let connects = in_memory(&half);
            for target in &targets {
                setup(&connects, target).await.unwrap();
            }
            let document = connects.document();
            assert_eq!(
                document.security_groups.len(),
                connected.security_groups.len(),
                "{context}"
            );
            let functions: Vec<&str> = targets.iter().map(|target| target.function.as_str()).collect();
            assert_only_connected(&connects, &functions, &context).await;
        })
        .await;
    }
    println!("{deaths} deaths of a removal that hands groups over healed");
    assert!(deaths > 100, "{deaths}");
}

/// Of several functions the first by name has the groups; a group that nothing of ours marks is not touched, and neither is
/// one whose tag names another connection.
#[tokio::test(start_paused = true)]
async fn groups_are_handed_over_to_the_first_that_stays() {
    let scenario = &base()[0];
    let account = account_of(scenario);
    account.edit(|document| {
        for name in ["h", "a"] {
            let mut more = document.functions[1].clone();
            more.function_name = name.to_owned();
            document.functions.push(more);
        }
    });
    for function in ["f", "g", "h", "a"] {
        setup(&account, &with_function(&scenario.target, function))
            .await
            .unwrap();
    }
    let connected = account.document();
    remove(&account, &scenario.target, RemovalWish::default()).await;
    assert_eq!(groups(&account.document()), tagged_as(&connected, "a"));
    assert_only_connected(&account, &["a", "g", "h"], "three stay").await;
    // The tags name another function's connection: they stay as they are.
    let named = account.document();
    remove(&account, &with_function(&scenario.target, "h"), RemovalWish::default()).await;
    assert_eq!(account.document().security_groups, named.security_groups);

    // The console's groups have no tags, and get none.
    account.edit(|document| {
        document.clone_from(&connected);
        for group in &mut document.security_groups {
            group.tags.clear();
        }
    });
    let untagged = account.document();
    remove(&account, &scenario.target, CONSOLE).await;
    assert_eq!(account.document().security_groups, untagged.security_groups);
}

/// What is not a function has the group: it is nobody's connection, and goes with the next removal once it is free.
#[tokio::test(start_paused = true)]
async fn groups_that_no_function_uses_any_more_are_no_connection() {
    let scenario = &base()[0];
    let account = account_of(scenario);
    setup(&account, &scenario.target).await.unwrap();
    account.edit(|document| {
        let group = group_of(document, "lambda-rds").group_id.clone();
        put_on_a_bastion(document, group);
    });
    let connected = account.document();
    remove(&account, &scenario.target, RemovalWish::default()).await;
    assert_eq!(groups(&account.document()), tagged_as(&connected, ""));
    assert_only_connected(&account, &[], "an instance only").await;
    let kept = remove(&account, &scenario.target, RemovalWish::default()).await;
    assert_eq!(kept.ending, Ending::Unchanged);
    account.edit(|document| document.network_interfaces.clear());
    remove(&account, &scenario.target, RemovalWish::default()).await;
    assert_eq!(essence(&account.document()), essence(&scenario.document));
}

/// A group that someone else's rule pins is no connection any more; one that someone took off a live one is drift, also
/// where another function has the same groups.
#[tokio::test(start_paused = true)]
async fn what_is_removed_and_what_has_drifted_are_distinguished() {
    let scenario = &base()[0];
    let account = account_of(scenario);
    setup(&account, &scenario.target).await.unwrap();
    let connected = account.document();
    let name = |document: &mut AccountDocument| {
        let named = group_of(document, "lambda-rds").group_id.clone();
        let mut rule = group_of(document, "rds-lambda").ip_permissions[0].clone();
        rule.user_id_group_pairs[0].group_id = named;
        document.security_groups[0].ip_permissions.push(rule);
    };
    account.edit(name);
    remove(&account, &scenario.target, RemovalWish::default()).await;
    assert!(account.document().security_groups.len() > scenario.document.security_groups.len());
    assert_only_connected(&account, &[], "pinned").await;

    for is_shared in [false, true] {
        account.edit(|document| document.clone_from(&connected));
        if is_shared {
            setup(&account, &with_function(&scenario.target, "g")).await.unwrap();
        }
        account.edit(|document| {
            let group = group_of(document, "lambda-rds").group_id.clone();
            let mut functions = document.functions.iter_mut();
            let function = functions.find(|function| function.function_name == "f").unwrap();
            let config = function.vpc_config.as_mut().unwrap();
            config.security_group_ids.retain(|id| *id != group);
        });
        let found = survey(&account, &Proxies::All).await.estate;
        let of = discover(&found).into_iter().find(|of| of.function == "f").unwrap();
        let judged = Judge::new(&found).judge(&of);
        assert_eq!(judged.verdict, Verdict::Broken);
        assert_eq!(judged.findings[0].kind, FindingKind::GroupDetached);
    }
}

/// A setup that died at each call, with any part of its set made, is removed.
#[tokio::test(start_paused = true)]
async fn what_a_crashed_setup_has_left_is_taken_away() {
    for scenario in base() {
        let connecting = async |cloud: &Interposed<'_, Crash<'_>>| setup(cloud, &scenario.target).await;
        each_death(&scenario.document, connecting, async |died: Left| {
            remove(&died.account, &scenario.target, RemovalWish::default()).await;
            let left = essence(&died.account.document());
            assert_eq!(left, essence(&scenario.document), "{}, {}", scenario.name, died.context);
        })
        .await;
    }
}

/// Across two VPCs, too, nothing of the connection is left, and it is in sync before, as `drift` sees it.
#[tokio::test(start_paused = true)]
async fn groups_across_two_vpcs_are_taken_away_wherever_a_removal_dies() {
    let account = network_account(fix::broken);
    let (before, connect) = (account.document(), fix::goal());
    let script = Script::default();
    let connected = converge(&account, &connect, &Options::default(), &script, Interrupt::never()).await;
    assert_eq!(connected.unwrap().ending, Ending::Reached);
    let connected = account.document();
    assert_eq!(connected.security_groups.len(), before.security_groups.len() + 2);
    let found = survey(&account, &Proxies::All).await.estate;
    let of = Connection::from_tag("instance/ledger:function/ledger-sync").unwrap();
    assert!(discover(&found).contains(&of));
    let judged = Judge::new(&found).judge(&of);
    assert_eq!((judged.verdict, judged.findings), (Verdict::InSync, vec![]));

    let goal = disconnect(&connect.target, RemovalWish::default());
    let removing = async |cloud: &Interposed<'_, Crash<'_>>| remove_with(cloud, &goal, &Options::default()).await;
    let deaths = each_death(&connected, removing, async |died: Left| {
        remove(&died.account, &connect.target, RemovalWish::default()).await;
        let left = essence(&died.account.document());
        assert_eq!(left, essence(&before), "{}", died.context);
    })
    .await;
    assert!(deaths > 40, "{deaths}");

    // A rule that someone else has put in keeps the group, and is all that is left of it.
    let mut document = connected;
    let mut groups = document.security_groups.iter_mut();
    let group = groups.find(|group| group.group_name == "rds-lambda-1").unwrap();
    // Its description says that it is ours.
    let mut rule = group.ip_permissions[0].clone();
    rule.ip_ranges[0].cidr_ip = "192.0.2.0/24".to_owned();
    group.ip_permissions.push(rule.clone());
    let kept = group.clone();
    let account = OfflineAccount::in_memory(document).unwrap();
    remove(&account, &connect.target, RemovalWish::default()).await;
    let left = account.document();
    let found = left
        .security_groups
        .iter()
        .find(|group| group.group_id == kept.group_id);
    assert_eq!(found.unwrap().ip_permissions, [rule], "what setup has written is gone");
    assert_eq!(
        remove(&account, &connect.target, RemovalWish::default()).await.ending,
        Ending::Unchanged
    );
    assert_eq!(left.security_groups.len(), before.security_groups.len() + 1);
}

/// A published version of one function keeps the groups of a connection: a removal that dies at any call leaves the version's
/// way to the database, the next one names the version, and once that is deleted nothing is left.
#[tokio::test(start_paused = true)]
async fn a_removal_that_a_version_limits_survives_each_death() {
    let mut deaths = 0;
    for scenario in base().into_iter().step_by(thoroughly([3, 1])) {
        for (others, published) in [(&[][..], "f"), (&["g"][..], "f"), (&["g"][..], "g")] {
            let name = format!("{}, version of {published}, shared with {others:?}", scenario.name);
            let targets: Vec<Target> = std::iter::once(&"f")
                .chain(others)
                .map(|function| with_function(&scenario.target, function))
                .collect();
            let mut document = scenario.document.clone();
            for target in &targets {
                document = connected(&document, target).await;
            }
            publish(&mut document, published);
            let (version, before) = (
                format!("unction {published}, version 1 (alias live-1)"),
                versions_that_reach(&document),
            );
            assert_eq!(before.len(), 1, "{name}");
            let goal = disconnect(&targets[0], RemovalWish::default());
            let removing =
                async |cloud: &Interposed<'_, Crash<'_>>| remove_with(cloud, &goal, &Options::default()).await;
            deaths += each_death(&document, removing, async |died: Left| {
                let (account, context) = (died.account, format!("{name}, {}", died.context));
                assert_eq!(versions_that_reach(&account.document()), before, "{context}");
                let removed = remove(&account, &targets[0], RemovalWish::default()).await;
                assert_eq!(versions_that_reach(&account.document()), before, "{context}");
                assert_eq!(is_incomplete(&removed), published == "f", "{context}");
                let reasons = &removed.draft.reasons;
                let is_named = reasons.iter().any(|reason| reason.contains(&version));
                assert!(is_named || published != "f", "{reasons:?}: {context}");
                let again = remove(&account, &targets[0], RemovalWish::default()).await;
                assert_eq!(again.ending, Ending::Unchanged, "{context}");

                account.edit(|document| {
                    for function in &mut document.functions {
                        function.versions.clear();
                        function.aliases.clear();
                    }
                });
                for target in &targets {
                    remove(&account, target, RemovalWish::default()).await;
                }
                let left = essence(&account.document());
                assert_eq!(left, essence(&scenario.document), "{context}");
            })
            .await;
        }
    }
    println!("{deaths} deaths of a removal that a version limits healed");
    assert!(deaths > thoroughly([300, 1500]), "{deaths}");
}

/// Each operation of a removal fails in each way: the run ends with its own error, or removed, and the next one has
/// nothing left to do after it.
#[tokio::test(start_paused = true)]
async fn every_operation_of_a_removal_survives_every_fault() {
    let mut used: BTreeSet<Operation> = BTreeSet::new();
    let (mut cases, mut injected) = (Vec::new(), 0);
    for scenario in base() {
        cases.push((scenario.clone(), scenario.target.clone(), RemovalWish::default(), None));
        let shared = with_function(&scenario.target, "g");
        cases.push((
            scenario.clone(),
            scenario.target.clone(),
            RemovalWish::default(),
            Some(shared),
        ));
    }
    let scenario = base().remove(0);
    let target = through_new_proxy(&scenario, CredentialsWish::Password);
    cases.push((scenario.clone(), target, WITH_PROXY, None));
    let target = scenario.target.clone();
    let published = Scenario {
        name: "published".to_owned(),
        ..scenario
    };
    cases.push((published, target, RemovalWish::default(), None));
    for (scenario, target, wish, other) in cases {
        let account = account_of(&scenario);
        setup(&account, &target).await.unwrap();
        if let Some(other) = &other {
            setup(&account, other).await.unwrap();
        }
        if scenario.name == "published" {
            // There is a network connector, too.
            account.edit(|document| {
                publish(document, "f");
                let connector = serde_json::json!({"Name": "egress", "Configuration": {"VpcEgressConfiguration": {}}});
                let connector = serde_json::from_value(connector).unwrap();
                document.network_connectors.push(connector);
            });
        }
        let connected = account.document();
        // What another function or a version uses stays.
        let left = if other.is_some() || scenario.name == "published" {
            remove(&account, &target, wish).await;
            account.document()
        } else {
            scenario.document.clone()
        };
        let goal = disconnect(&target, wish);
        let removing = async |cloud: &Interposed<'_, Faults<'_>>| remove_with(cloud, &goal, &Options::default()).await;
        let (faults, operations) = each_fault(&connected, removing, async |failed: Failed<_>| {
            remove(&failed.account, &target, wish).await;
            let (found, context) = (essence(&failed.account.document()), failed.context);
            assert_eq!(found, essence(&left), "{}: {context}", scenario.name);
        })
        .await;
        injected += faults;
        used.extend(operations);
    }
    println!("{injected} faults injected into removals");
    assert!(injected > 1000, "{injected}");
    let only_of_setup = [Operation::DeleteTags];
    let of_functions = crate::undo::OF_FUNCTIONS;
    let unmet = OPERATIONS.iter().filter(|operation| !used.contains(operation));
    let unmet = unmet.filter(|operation| !of_functions.contains(operation));
    let unmet: Vec<_> = unmet.filter(|operation| !only_of_setup.contains(operation)).collect();
    assert!(unmet.is_empty(), "no case calls {unmet:?}");
}
