//! Drift on whole accounts: what a survey costs, what it reads, and that it writes nothing.

use std::collections::BTreeSet;
use std::sync::Mutex;

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::{Answer, Cloud, CloudError, Fault, Operation};
use autoconnect::decide::decide;
use autoconnect::drift::{FindingKind, Judge, Verdict, discover, list};
use autoconnect::estate::{Connection, Estate, Part, Scope};
use autoconnect::model::DatabaseKind;
use autoconnect::observe::{Proxies, READS, TAG_READS, observe_tagged, survey};
use serde_json::json;

use crate::interposed::{Hook, Interposed};
use crate::support::*;

async fn estate(account: &OfflineAccount) -> Estate {
    let surveyed = survey(account, &Proxies::All).await;
    assert_eq!(surveyed.errors, []);
    surveyed.estate
}

fn of(tag: &str) -> Connection {
    Connection::from_tag(tag).unwrap()
}

/// An account with so many connections, two functions for each database.
pub fn large(connections: usize) -> AccountDocument {
    let databases = connections.div_ceil(2);
    let mut groups = Vec::new();
    for n in 0..databases {
        groups.push(json!({"GroupId": format!("sg-d{n}"), "GroupName": format!("rds-lambda-{n}"), "VpcId": "vpc-1", "IpPermissions": [
            {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": format!("sg-f{n}")}]}]}));
        groups.push(json!({"GroupId": format!("sg-f{n}"), "GroupName": format!("lambda-rds-{n}"), "VpcId": "vpc-1", "IpPermissionsEgress": [
            {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": format!("sg-d{n}")}]}]}));
    }
    let instances: Vec<_> = (0..databases)
        .map(|n| {
            json!({"DBInstanceIdentifier": format!("db-{n}"), "Engine": "postgres", "Port": 5432, "DBSubnetGroup": "g",
                "VpcSecurityGroups": [{"VpcSecurityGroupId": format!("sg-d{n}")}]})
        })
        .collect();
    let functions: Vec<_> = (0..connections)
        .map(|n| {
            json!({"FunctionName": format!("f-{n}"), "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": [format!("sg-f{}", n / 2)]}})
        })
        .collect();
    serde_json::from_value(json!({
        "FormatVersion": 1, "AccountId": "123456789012", "Region": "eu-central-1",
        "Vpcs": [{"VpcId": "vpc-1"}],
        "Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1", "AvailabilityZone": "eu-central-1a"}],
        "SecurityGroups": groups,
        "DBSubnetGroups": [{"DBSubnetGroupName": "g", "VpcId": "vpc-1"}],
        "DBInstances": instances,
        "Functions": functions,
    }))
    .unwrap()
}

#[tokio::test]
async fn the_calls_do_not_grow_with_the_connections() {
    let account = OfflineAccount::in_memory(large(1000)).unwrap();
    let mut calls = Vec::new();
    for connections in [1, 1000] {
        let before = account.calls();
        let found = estate(&account).await;
        for n in 0..connections {
            let judged = Judge::new(&found).judge(&of(&format!("instance/db-{}:function/f-{n}", n / 2)));
            assert_eq!(judged.verdict, Verdict::InSync, "{judged:?}");
        }
        calls.push(account.calls().read - before.read);
        assert_eq!(account.calls().write, 0);
    }
    // 500 instances on 5 pages, 1,000 functions on 20, 1,000 groups on one, and one page each of five other lists.
    assert_eq!(calls, [31, 31]);
    assert_eq!(discover(&estate(&account).await).len(), 1000);
}

#[tokio::test]
async fn only_the_proxies_that_are_looked_at_are_asked_for_their_targets() {
    let account = account(|_| ());
    let cost = async |proxies: &Proxies| {
        let before = account.calls().read;
        survey(&account, proxies).await;
        account.calls().read - before
    };
    let none = cost(&Proxies::Named(BTreeSet::new())).await;
    let one = cost(&Proxies::Named(BTreeSet::from(["orders-proxy".to_owned()]))).await;
    // The eight lists, and, since there is a proxy, that of the endpoints of proxies.
    assert_eq!((none, one, cost(&Proxies::All).await), (9, 10, 10));
}

/// Remembers the operations, and refuses one of them.
struct Watch {
    seen: Mutex<BTreeSet<Operation>>,
    refused: Option<(Operation, Fault, Mutex<u32>)>,
}

impl Hook for Watch {
    async fn around<T: Send>(&self, operation: Operation, call: impl Future<Output = Answer<T>> + Send) -> Answer<T> {
        self.seen.lock().unwrap().insert(operation);
        if let Some((refused, fault, left)) = &self.refused
            && *refused == operation
        {
            let mut left = left.lock().unwrap();
            if *left > 0 {
                *left -= 1;
                return Err(CloudError::new(operation, fault.clone()));
            }
        }
        call.await
    }
}

#[tokio::test]
async fn a_survey_uses_exactly_the_operations_of_its_list() {
    let account = account(|_| ());
    let cloud = Interposed {
        account: &account,
        hook: Watch {
            seen: Mutex::default(),
            refused: None,
        },
    };
    survey(&cloud, &Proxies::All).await;
    let seen = cloud.hook.seen.into_inner().unwrap();
    assert_eq!(seen, READS.iter().chain(TAG_READS).copied().collect());
    assert!(seen.iter().all(|operation| !operation.writes()));
}

#[tokio::test(start_paused = true)]
async fn throttling_slows_and_other_errors_are_reported() {
    let account = account(|_| ());
    let surveyed = async |operation, fault, times| {
        let cloud = Interposed {
            account: &account,
            hook: Watch {
                seen: Mutex::default(),
                refused: Some((operation, fault, Mutex::new(times))),
            },
        };
        survey(&cloud, &Proxies::All).await
    };
    for &operation in READS {
        let slow = surveyed(operation, Fault::Throttled("slow down".to_owned()), 20).await;
        assert_eq!(slow.errors, [], "{operation}");
        assert_eq!(
            Judge::new(&slow.estate)
                .judge(&of("cluster/orders:function/checkout"))
                .verdict,
            Verdict::InSync
        );
        let denied = surveyed(operation, Fault::Unavailable("down".to_owned()), 1).await;
        assert_eq!(denied.errors.len(), 1, "{operation}");
        assert!(!denied.is_empty);
        assert_eq!(denied.estate.all_unread().count(), 1, "{operation}");
    }
    let denied = surveyed(Operation::ListFunctions, Fault::Unavailable("down".to_owned()), 1).await;
    assert!(denied.estate.unread(&Part::Functions).unwrap().contains("down"));
    let judged = Judge::new(&denied.estate).judge(&of("cluster/orders:function/checkout"));
    assert_eq!(judged.verdict, Verdict::Unknown);
}

#[tokio::test]
async fn an_observation_from_the_estate_is_what_setup_observes() {
    let account = account(|_| ());
    let found = estate(&account).await;
    for target in [
        cluster("orders", "checkout"),
        cluster("orders", "refunds"),
        instance("ledger", "invoices"),
        instance("inventory", "stock-sync"),
    ] {
        let read = observe_tagged(&account, &target).await.unwrap();
        let mut from_estate = found
            .observation(&of(&read.connection_id()), Scope::Candidates)
            .unwrap();
        // Lambda's list contains no environments.
        assert_eq!(from_estate.function.environment, None);
        from_estate.function.environment.clone_from(&read.function.environment);
        assert_eq!(decide(&from_estate).decision, decide(&read).decision);
        from_estate.groups.clone_from(&read.groups);
        assert_eq!(from_estate, read);
    }
}

#[tokio::test]
async fn what_setup_leaves_is_in_sync_and_found_again() {
    let account = account(|document| {
        for function in &mut document.functions {
            function.role = Some("arn:aws:iam::123456789012:role/f".to_owned());
        }
    });
    let mut targets = vec![
        cluster("orders", "refunds"),
        instance("inventory", "stock-sync"),
        instance("ledger", "invoices"),
    ];
    targets.push(autoconnect::observe::Target {
        proxy: autoconnect::observe::ProxyWish::Existing("orders-proxy".to_owned()),
        ..cluster("orders", "checkout")
    });
    for target in targets {
        let found = setup(&account, &target).await.unwrap().found;
        let writes = account.calls().write;
        let found_estate = estate(&account).await;
        let connection = of(&found.observation.connection_id());
        let judged = Judge::new(&found_estate).judge(&connection);
        let told: Vec<(FindingKind, &str)> = judged
            .findings
            .iter()
            .map(|finding| (finding.kind, finding.resource.as_str()))
            .collect();
        // The group that someone has changed is still attached, and still reported, though the new set serves.
        let expected = match connection.database.as_str() {
            "ledger" => (Verdict::Drifted, vec![(FindingKind::RuleChanged, "sg-0f02")]),
            _ => (Verdict::InSync, vec![]),
        };
        assert_eq!((judged.verdict, told), expected, "{connection}");
        assert!(discover(&found_estate).contains(&connection), "{connection}");
        assert_eq!(account.calls().write, writes);
    }
    let found = estate(&account).await;
    let database = found
        .databases()
        .find(|database| database.kind == DatabaseKind::Cluster && database.id == "orders")
        .unwrap();
    let listed: Vec<_> = list(&found, database)
        .iter()
        .map(|compute| {
            (
                compute.function.name.as_str(),
                compute.proxy.is_some(),
                compute.is_listed(),
            )
        })
        .collect();
    assert_eq!(
        listed,
        [
            ("checkout", false, true),
            ("checkout", true, true),
            ("refunds", false, true)
        ]
    );
}

#[tokio::test]
async fn what_someone_changes_afterwards_is_found() {
    let account = account(|_| ());
    setup(&account, &instance("inventory", "stock-sync")).await.unwrap();
    let connection = of("instance/inventory:function/stock-sync");
    let found = async |edit: &dyn Fn(&mut AccountDocument)| {
        let changed = OfflineAccount::in_memory({
            let mut document = account.document();
            edit(&mut document);
            document
        })
        .unwrap();
        let judged = Judge::new(&estate(&changed).await).judge(&connection);
        (
            judged.verdict,
            judged.findings.iter().map(|finding| finding.kind).collect::<Vec<_>>(),
        )
    };
    let port = |document: &mut AccountDocument| {
        document
            .db_instances
            .iter_mut()
            .find(|instance| instance.id == "inventory")
            .unwrap()
            .port = Some(6000);
    };
    assert_eq!(found(&port).await, (Verdict::Broken, vec![FindingKind::PortMoved]));
    let removed = |document: &mut AccountDocument| {
        document
            .security_groups
            .iter_mut()
            .find(|group| group.group_name == "lambda-rds-3")
            .unwrap()
            .ip_permissions_egress
            .clear();
    };
    assert_eq!(found(&removed).await, (Verdict::Broken, vec![FindingKind::RuleRemoved]));
    let gone = |document: &mut AccountDocument| {
        document
            .functions
            .retain(|function| function.function_name != "stock-sync");
    };
    assert_eq!(found(&gone).await, (Verdict::Broken, vec![FindingKind::FunctionGone]));
}
