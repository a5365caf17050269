//! What is exported, and what is not when something may not be read.

use autoconnect::account::OfflineAccount;
use autoconnect::estate::Connection;
use autoconnect::export::{Export, GroupRef, NotConnected, RulePeer, Wanted};
use autoconnect::model::{CredentialsWish, DatabaseKind, NewFunction, Place};
use autoconnect::observe::{
    ExportError, NewProxyWish, ObserveError, ProxyWish, Target, chosen_groups, exported, reads_of_export, wired,
};
use autoconnect::policy::read_only;

use crate::guarded::Guarded;
use crate::policies::{actions, without};
use crate::support::*;

/// An account with a direct connection of two functions, and one through a new proxy with a new secret.
async fn connected_account() -> OfflineAccount {
    let account = account(|_| ());
    let through_new = Target {
        user: Some("app".to_owned()),
        iam_required: true,
        new_function: Some(NewFunction {
            runtime: "nodejs24.x".to_owned(),
        }),
        proxy: ProxyWish::New(NewProxyWish {
            credentials: CredentialsWish::Password,
            ..NewProxyWish::default()
        }),
        ..cluster("orders", "report")
    };
    setup(&account, &cluster("orders", "refunds")).await.unwrap();
    setup(&account, &through_new).await.unwrap();
    let shared = Target {
        user: Some("app".to_owned()),
        iam_required: true,
        proxy: ProxyWish::Existing("autoconnect-orders".to_owned()),
        ..cluster("orders", "refunds")
    };
    setup(&account, &shared).await.unwrap();
    account
}

async fn of_all(account: &OfflineAccount) -> Export {
    exported(account, None, &Wanted::All).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn everything_of_a_connection_is_exported_once() {
    let account = connected_account().await;
    let before = account.document();
    let export = of_all(&account).await;
    assert_eq!(account.document(), before, "nothing is written");
    let names: Vec<&str> = export.groups.iter().map(|group| group.name.as_str()).collect();
    let expected = [
        "lambda-rds-1",
        "lambda-rds-2",
        "lambda-rdsproxy-1",
        "rds-lambda-1",
        "rds-lambda-2",
        "rds-rdsproxy-1",
        "rdsproxy-lambda-1",
    ];
    assert_eq!(names, expected);
    assert_eq!(export.connections.len(), 5, "{:?}", export.connections);
    assert!(export.groups.iter().all(|group| group.exists));
    let rules = export.groups.iter().flat_map(|group| &group.rules);
    assert!(rules.clone().all(|rule| rule.id.is_some()));
    let made: Vec<&str> = export.roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(
        made,
        [
            "autoconnect-eu-central-1-function-report",
            "autoconnect-eu-central-1-proxy-autoconnect-orders"
        ]
    );
    // Ours on a role of another owner, and that alone.
    assert_eq!(export.other_roles.len(), 1, "{:?}", export.other_roles);
    assert_eq!(export.policies.len(), 3, "{:?}", export.policies);
    assert_eq!((export.secrets.len(), export.proxies.len()), (1, 1));
    assert_eq!((export.databases.len(), export.functions.len()), (2, 4));
    // All that refers to an exported group says so.
    for rule in rules {
        if let RulePeer::Group(GroupRef::Other { id, .. }) = &rule.peer {
            assert!(export.group(id).is_none(), "{id} is exported");
        }
    }
    // One connection of it has no less, and no other's.
    let pair = Wanted::Pair {
        kind: DatabaseKind::Cluster,
        database: "orders".to_owned(),
        function: "report".to_owned(),
    };
    let one = exported(&account, None, &pair).await.unwrap();
    let names: Vec<&str> = one.groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(names, ["lambda-rdsproxy-1", "rds-rdsproxy-1", "rdsproxy-lambda-1"]);
    assert_eq!((one.proxies, one.secrets), (export.proxies, export.secrets));
}

#[tokio::test(start_paused = true)]
async fn the_policy_of_export_is_enough_and_no_action_can_be_left_out() {
    let account = connected_account().await;
    let whole = of_all(&account).await;
    for place in [
        Place::in_region("*", "*"),
        Place::in_region("eu-central-1", "123456789012"),
    ] {
        let policy = read_only(reads_of_export(), place).document();
        let seen = async |policy| {
            let account = &account;
            exported(&Guarded { account, policy }, None, &Wanted::All).await
        };
        assert_eq!(seen(policy.clone()).await.unwrap(), whole);
        for action in actions(&policy) {
            let is_missed = match seen(without(&policy, &action)).await {
                Err(ExportError::Observe(error)) => error.code() == "access-denied",
                Err(ExportError::NotConnected(error)) => panic!("{action}: {error}"),
                Ok(found) => !found.unread.is_empty(),
            };
            // Subnets and who else has a group are not needed for what is exported; they are read with all the rest.
            let is_of_survey = [
                "ec2:DescribeSubnets",
                "rds:DescribeDBSubnetGroups",
                "rds:DescribeDBProxyEndpoints",
            ];
            assert!(
                is_missed || is_of_survey.contains(&action.as_str()),
                "{action} is not needed"
            );
        }
    }
}

/// A removed rule has no id any more, and a new one has one: also in a file that lists ids.
#[tokio::test(start_paused = true)]
async fn ids_of_rules_are_those_that_were_listed() {
    let account = account(|document| document.security_group_rules = Some(Vec::new()));
    let wanted = Wanted::Pair {
        kind: DatabaseKind::Cluster,
        database: "orders".to_owned(),
        function: "checkout".to_owned(),
    };
    let export = exported(&account, None, &wanted).await.unwrap();
    let mut rules = export.groups.iter().flat_map(|group| &group.rules);
    assert!(rules.all(|rule| rule.id.is_none()), "{export:?}");
    setup(&account, &instance("inventory", "stock-sync")).await.unwrap();
    let wanted = Wanted::Database {
        kind: DatabaseKind::Instance,
        database: "inventory".to_owned(),
    };
    let export = exported(&account, None, &wanted).await.unwrap();
    let mut rules = export.groups.iter().flat_map(|group| &group.rules);
    assert!(rules.all(|rule| rule.id.is_some()), "{export:?}");
    assert_eq!(account.document().security_group_rules.unwrap().len(), 2);
}

/// What has our names and our tags and leads nowhere is no connection.
#[tokio::test(start_paused = true)]
async fn groups_that_lead_nowhere_are_left_out() {
    let account = account(|document| {
        let function = document
            .functions
            .iter_mut()
            .find(|function| function.function_name == "invoices")
            .unwrap();
        let groups = &mut function.vpc_config.as_mut().unwrap().security_group_ids;
        groups.retain(|group| group == "sg-0f00");
        let group = document
            .security_groups
            .iter_mut()
            .find(|group| group.group_name == "lambda-rds-2")
            .unwrap();
        group.tags = [
            ("connection", "instance/ledger:function/invoices"),
            ("managed", "true"),
            ("role", "function"),
        ]
        .map(|(key, value)| autoconnect::account::Tag {
            key: format!("autoconnect:{key}"),
            value: value.to_owned(),
        })
        .to_vec();
    });
    let export = of_all(&account).await;
    assert_eq!(export.connections.len(), 1, "{:?}", export.connections);
    assert_eq!(export.left_out.len(), 1, "{:?}", export.left_out);
    assert!(export.left_out[0].contains("instance/ledger:function/invoices"));
    let wanted = Wanted::Database {
        kind: DatabaseKind::Instance,
        database: "ledger".to_owned(),
    };
    let error = exported(&account, None, &wanted).await.unwrap_err();
    assert!(
        matches!(error, ExportError::NotConnected(NotConnected::NotTied { .. })),
        "{error}"
    );
}

/// Everything else finds resources by their names, and the account that is read may have one of the same name.
#[tokio::test(start_paused = true)]
async fn what_is_in_another_account_or_region_is_not_taken_for_one_of_the_same_name() {
    let account = connected_account().await;
    let database = |place: &str| format!("arn:aws:rds:{place}:cluster:orders");
    let function = |place: &str| format!("arn:aws:lambda:{place}:function:refunds");
    let pair = |database: String, function: String| Wanted::Pair {
        kind: DatabaseKind::Cluster,
        database,
        function,
    };
    let here = "eu-central-1:123456789012";
    for (place, code) in [
        ("eu-central-1:999999999999", "other-account"),
        ("us-east-1:123456789012", "other-region"),
    ] {
        let listed = Connection {
            kind: DatabaseKind::Cluster,
            database: "orders".to_owned(),
            proxy: Some("autoconnect-orders".to_owned()),
            function: function(place),
        };
        let elsewhere = [
            Wanted::Database {
                kind: DatabaseKind::Cluster,
                database: database(place),
            },
            pair(database(place), "refunds".to_owned()),
            pair("orders".to_owned(), function(place)),
            Wanted::Listed(vec![listed]),
        ];
        for wanted in elsewhere {
            let of_export = [
                exported(&account, None, &wanted).await.map(drop),
                wired(&account, &wanted).await.map(drop),
            ];
            for result in of_export {
                assert!(
                    matches!(&result, Err(ExportError::Observe(error)) if error.code() == code),
                    "{wanted:?}: {result:?}"
                );
            }
            let chosen: Result<_, ObserveError> = chosen_groups(&account, &wanted).await;
            assert!(
                matches!(&chosen, Err(error) if error.code() == code),
                "{wanted:?}: {chosen:?}"
            );
        }
    }
    let wanted = pair(database(here), function(here));
    assert!(exported(&account, None, &wanted).await.is_ok());
    assert!(wired(&account, &wanted).await.is_ok());
    assert!(!chosen_groups(&account, &wanted).await.unwrap().groups.is_empty());
}
