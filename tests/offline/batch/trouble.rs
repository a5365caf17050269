//! Runs over many connections that die, fail in part, or run at the same time: the next run completes them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::{Answer, Cloud, CloudError, Fault, Operation};
use autoconnect::model::EnvironmentWish;
use autoconnect::observe::Target;
use autoconnect::reconcile::Failure;
use serde_json::Value;

use super::ids::known_by_names;
use super::{assert_all_ran, bulk, errors, usual};
use crate::crashes::{Crash, each_death};
use crate::interposed::{Hook, Interposed, slow};
use crate::support::{cluster, example, in_memory, in_virtual_time, instance};

/// The example account without groups of the convention and without proxies.
fn unconnected() -> AccountDocument {
    let mut document = example();
    let is_plain = |name: &str| !name.starts_with("rds") && !name.starts_with("lambda");
    document.security_groups.retain(|group| is_plain(&group.group_name));
    let kept: BTreeSet<String> = document
        .security_groups
        .iter()
        .map(|group| group.group_id.clone())
        .collect();
    let lists = document
        .db_clusters
        .iter_mut()
        .map(|cluster| &mut cluster.vpc_security_groups);
    let lists = lists.chain(
        document
            .db_instances
            .iter_mut()
            .map(|instance| &mut instance.vpc_security_groups),
    );
    for list in lists {
        list.retain(|membership| kept.contains(&membership.vpc_security_group_id));
    }
    for config in document
        .functions
        .iter_mut()
        .filter_map(|function| function.vpc_config.as_mut())
    {
        config.security_group_ids.retain(|id| kept.contains(id));
    }
    document.db_proxies.clear();
    document
}

/// Two functions of one database, and two of another one.
fn targets() -> Vec<Target> {
    vec![
        instance("inventory", "stock-sync"),
        cluster("orders", "refunds"),
        instance("inventory", "invoices"),
        cluster("orders", "checkout"),
    ]
}

/// The account after a run to which nothing happened.
async fn undisturbed(document: &AccountDocument) -> Value {
    let account = in_memory(document);
    assert_all_ran(&bulk(&account, usual(&targets())).await, "undisturbed");
    shape(&known_by_names(&account.document()))
}

/// Without the tags and the descriptions of groups: they name the connection for which a set was created, and another one
/// may do that where the first has failed.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields
                .iter()
                .filter(|(key, _)| !["Tags", "Description"].contains(&key.as_str()));
            kept.map(|(key, value)| (key.clone(), shape(value))).collect()
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(shape).collect();
            items.sort_by_key(Value::to_string);
            items.into()
        }
        other => other.clone(),
    }
}

/// The next run completes everything, as if nothing had happened, and the one after it writes nothing.
async fn assert_completed(account: &OfflineAccount, expected: &Value, context: &str) {
    assert_all_ran(&bulk(account, usual(&targets())).await, context);
    let left = shape(&known_by_names(&account.document()));
    assert!(left == *expected, "{context}: {left:#}");
    let before = account.calls().write;
    assert_all_ran(&bulk(account, usual(&targets())).await, context);
    assert_eq!(account.calls().write, before, "{context}");
}

#[test]
fn a_run_that_dies_at_any_call_is_completed_by_the_next() {
    in_virtual_time(async {
        let document = unconnected();
        let expected = undisturbed(&document).await;
        let deaths = Box::pin(each_death(
            &document,
            async |cloud: &Interposed<'_, Crash<'_>>| {
                bulk(cloud, usual(&targets())).await;
                Ok::<_, Failure>(())
            },
            async |left| assert_completed(&left.account, &expected, &left.context).await,
        ));
        assert!(deaths.await > 50);
    });
}

/// Denies one write of an operation.
struct Denied<'a> {
    operation: Operation,
    left: &'a AtomicU32,
}

impl Hook for Denied<'_> {
    async fn around<T: std::fmt::Debug + Send>(
        &self,
        operation: Operation,
        call: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        if operation == self.operation && self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            let fault = Fault::AccessDenied {
                action: operation.to_string(),
                resource: None,
                message: "denied once".to_owned(),
            };
            return Err(CloudError::new(operation, fault));
        }
        call.await
    }
}

#[test]
fn a_write_that_is_denied_fails_its_connection_alone() {
    in_virtual_time(async {
        let document = unconnected();
        let expected = undisturbed(&document).await;
        for operation in [
            Operation::CreateSecurityGroup,
            Operation::RevokeSecurityGroupEgress,
            Operation::AuthorizeSecurityGroupIngress,
            Operation::AuthorizeSecurityGroupEgress,
            Operation::ModifyDbCluster,
            Operation::ModifyDbInstance,
            Operation::UpdateFunctionConfiguration,
        ] {
            let account = in_memory(&document);
            let left = AtomicU32::new(1);
            let hook = Denied { operation, left: &left };
            let cloud = Interposed {
                account: &account,
                hook,
            };
            let ended = bulk(&cloud, usual(&targets())).await;
            let failed: Vec<String> = errors(&ended).into_iter().flatten().collect();
            assert_eq!(failed, ["access-denied"], "{operation}");
            assert_completed(&account, &expected, &operation.to_string()).await;
        }
    });
}

/// A function whose environment is needed is read by itself. Where that is denied, the error says so.
#[test]
fn a_function_that_may_not_be_read_fails_its_connection_alone() {
    in_virtual_time(async {
        let account = in_memory(&unconnected());
        let left = AtomicU32::new(1);
        let operation = Operation::GetFunctionConfiguration;
        let hook = Denied { operation, left: &left };
        let cloud = Interposed {
            account: &account,
            hook,
        };
        let mut targets = targets();
        targets[0].environment = Some(EnvironmentWish { overwrite: false });
        let ended = bulk(&cloud, usual(&targets)).await;
        let codes: Vec<Option<String>> = errors(&ended);
        assert_eq!(codes, [Some("access-denied".to_owned()), None, None, None]);
        let again = bulk(&account, usual(&targets)).await;
        assert_all_ran(&again, "again");
    });
}

#[test]
fn two_runs_at_once_lose_nothing() {
    in_virtual_time(async {
        let document = unconnected();
        let expected = undisturbed(&document).await;
        for overlap in 1..=targets().len() {
            let account = in_memory(&document);
            let (one, other) = (slow(&account), slow(&account));
            let (first, second) = (usual(&targets()), usual(&targets()[..overlap]));
            // What one run finds to be done otherwise than it has planned, it refuses.
            let (first, second) = tokio::join!(bulk(&one, first), bulk(&other, second));
            for code in errors(&first).into_iter().chain(errors(&second)).flatten() {
                assert!(["plan-outdated", "declined"].contains(&code.as_str()), "{code}");
            }
            assert_completed(&account, &expected, &format!("{overlap} in both")).await;
        }
    });
}
