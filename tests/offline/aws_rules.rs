//! The offline account answers as AWS does.

use std::collections::BTreeMap;

use autoconnect::account::OfflineAccount;
use autoconnect::cloud::{Answer, Cloud, Fault, FunctionChange, NetworkCloud, NewGroups, NewSecurityGroup, derived};
use autoconnect::model::*;

use crate::support::*;

fn new(name: &str) -> NewSecurityGroup {
    NewSecurityGroup {
        name: name.into(),
        vpc: "vpc-0a1b2c3d".into(),
        description: "of the test".into(),
        tags: BTreeMap::from([("a".into(), "b".into())]),
    }
}

fn fault<T: std::fmt::Debug>(answer: Answer<T>) -> Fault {
    answer.unwrap_err().fault
}

fn list(ids: &[&str]) -> GroupList {
    GroupList::as_read(ids.iter().map(|id| GroupId::from(*id)))
}

#[tokio::test]
async fn names_are_unique_in_a_vpc_without_regard_to_case() {
    let account = account(|_| ());
    assert!(matches!(
        fault(account.create_security_group(&new("RDS-lambda-1")).await),
        Fault::Duplicate(_)
    ));
    let elsewhere = NewSecurityGroup {
        vpc: "vpc-0e5f6a7b".into(),
        ..new("rds-lambda-1")
    };
    account.create_security_group(&elsewhere).await.unwrap();
    assert!(matches!(
        fault(account.create_security_group(&new("sg-x")).await),
        Fault::Rejected { .. }
    ));
}

#[tokio::test]
async fn a_new_group_has_the_default_outbound_rule() {
    let account = account(|_| ());
    let id = account.create_security_group(&new("x")).await.unwrap();
    let group = derived::group(&account, &id).await.unwrap();
    assert!(group.ingress.is_empty() && group.egress.len() == 1 && group.egress[0].is_default_egress());
    assert_eq!(group.tags["a"], "b");
    account
        .revoke_security_group(&id, Direction::Egress, &group.egress)
        .await
        .unwrap();
    let again = fault(
        account
            .revoke_security_group(&id, Direction::Egress, &group.egress)
            .await,
    );
    assert!(matches!(again, Fault::Rejected { code, .. } if code == "InvalidPermission.NotFound"));
}

#[tokio::test]
async fn duplicate_rules_and_unknown_groups_are_refused() {
    let account = account(|document| document.quotas.rules_per_security_group = 2);
    let add = |peer: &str, port| {
        let (account, rule) = (&account, Rule::tcp(port, peer.into()));
        let rule = Rule {
            description: Some(format!("of {peer}")),
            ..rule
        };
        async move {
            account
                .authorize_security_group(&"sg-0d01".into(), Direction::Ingress, &rule)
                .await
        }
    };
    assert!(
        matches!(fault(add("sg-0f01", 5432).await), Fault::Duplicate(_)),
        "also with another description"
    );
    assert!(matches!(fault(add("sg-nowhere", 5432).await), Fault::NotFound(_)));
    add("sg-0f02", 5432).await.unwrap();
    assert!(matches!(fault(add("sg-0f02", 1).await), Fault::LimitExceeded(_)));
}

#[tokio::test]
async fn a_group_in_use_is_not_deleted() {
    let account = account(|_| ());
    for (id, why) in [
        ("sg-0f01", "named by a rule"),
        ("sg-0f00", "on a function"),
        ("sg-0d00", "on a database"),
    ] {
        let found = account.delete_group(&id.into()).await;
        assert!(matches!(fault(found), Fault::DependencyViolation(_)), "{why}");
    }
    let id = account.create_security_group(&new("x")).await.unwrap();
    account.delete_group(&id).await.unwrap();
    assert!(matches!(fault(account.delete_group(&id).await), Fault::NotFound(_)));
}

#[tokio::test]
async fn quotas_hold() {
    let account = account(|document| document.quotas.security_groups_per_region = 7);
    account.create_security_group(&new("x")).await.unwrap();
    assert!(matches!(
        fault(account.create_security_group(&new("y")).await),
        Fault::LimitExceeded(_)
    ));
    let six = list(&["sg-0d00", "sg-0f00", "sg-0d01", "sg-0f01", "sg-0d02", "sg-0f02"]);
    assert!(matches!(
        fault(
            account
                .modify_database(DatabaseKind::Cluster, "orders", NewGroups::Grown(&six))
                .await
        ),
        Fault::LimitExceeded(_)
    ));
}

#[tokio::test]
async fn changes_of_databases_take_some_reads() {
    let account = account(|_| ());
    account
        .modify_database(
            DatabaseKind::Cluster,
            "ORDERS",
            NewGroups::Grown(&list(&["sg-0d01", "sg-0d02"])),
        )
        .await
        .unwrap();
    let statuses = |cluster: &autoconnect::cloud::DbCluster| -> Vec<(String, String)> {
        cluster
            .memberships
            .iter()
            .map(|m| (m.group.to_string(), m.status.clone()))
            .collect()
    };
    for _ in 0..2 {
        let cluster = derived::cluster(&account, "orders").await.unwrap();
        assert_eq!(cluster.status, "modifying");
        let expected = [("sg-0d01", "active"), ("sg-0d02", "adding"), ("sg-0d00", "removing")];
        assert_eq!(
            statuses(&cluster),
            expected.map(|(id, status)| (id.to_owned(), status.to_owned()))
        );
        let one = list(&["sg-0d01"]);
        let busy = fault(
            account
                .modify_database(DatabaseKind::Cluster, "orders", NewGroups::Grown(&one))
                .await,
        );
        assert!(matches!(busy, Fault::Busy(_)));
    }
    let cluster = derived::cluster(&account, "orders").await.unwrap();
    assert_eq!(cluster.status, "available");
    assert!(statuses(&cluster).iter().all(|(_, status)| status == "active"));
    assert_eq!(
        derived::members(&account, "orders").await.unwrap()[0].memberships,
        cluster.memberships
    );
    assert!(matches!(
        fault(
            account
                .modify_database(
                    DatabaseKind::Instance,
                    "orders-1",
                    NewGroups::Grown(&list(&["sg-0d01"]))
                )
                .await
        ),
        Fault::Rejected { .. }
    ));
}

#[tokio::test]
async fn updates_of_functions_take_some_reads_and_are_guarded() {
    let account: OfflineAccount = account(|_| ());
    let function = account.get_function_configuration("refunds").await.unwrap();
    let vpc = function.vpc.unwrap();
    let stale = fault(
        account
            .update_function_configuration("refunds", FunctionChange::vpc(&vpc), Some("revision-0"))
            .await,
    );
    assert!(matches!(stale, Fault::PreconditionFailed(_)));
    account
        .update_function_configuration("refunds", FunctionChange::vpc(&vpc), Some("revision-1"))
        .await
        .unwrap();
    let busy = fault(
        account
            .update_function_configuration("refunds", FunctionChange::vpc(&vpc), None)
            .await,
    );
    assert!(matches!(busy, Fault::Busy(_)));
    for expected in [
        LastUpdateStatus::InProgress,
        LastUpdateStatus::InProgress,
        LastUpdateStatus::Successful,
    ] {
        let function = account.get_function_configuration("refunds").await.unwrap();
        assert_eq!(function.last_update, Some(expected));
        assert_eq!(function.revision_id.as_deref(), Some("revision-2"));
    }
}
