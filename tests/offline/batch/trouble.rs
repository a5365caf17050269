//! Runs over many connections that die, fail in part, or run at the same time: the next run completes them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::{Answer, Cloud, CloudError, Fault, Operation};
use autoconnect::interrupt::Interrupt;
use autoconnect::model::EnvironmentWish;
use autoconnect::observe::Target;
use autoconnect::reconcile::Failure;
use serde_json::Value;

use super::ids::known_by_names;
use super::{Heard, applied_until, assert_all_ran, bulk, errors, planned, usual};
use crate::crashes::{Crash, each_death};
use crate::interposed::{Hook, Interposed, slow, slow_with};
use crate::support::{cluster, example, in_memory, in_virtual_time, instance, setup, thoroughly};

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

/// Answers the first calls of an operation with a fault.
struct Failing<'a> {
    operation: Operation,
    fault: Fault,
    left: &'a AtomicU32,
}

impl Hook for Failing<'_> {
    async fn around<T: std::fmt::Debug + Send>(
        &self,
        operation: Operation,
        call: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        let takes_one = |left: u32| left.checked_sub(1);
        if operation == self.operation
            && self
                .left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, takes_one)
                .is_ok()
        {
            return Err(CloudError::new(operation, self.fault.clone()));
        }
        call.await
    }
}

fn denied(operation: Operation) -> Fault {
    Fault::AccessDenied {
        action: operation.to_string(),
        resource: None,
        message: "denied once".to_owned(),
    }
}

const WRITES: [Operation; 7] = [
    Operation::CreateSecurityGroup,
    Operation::RevokeSecurityGroupEgress,
    Operation::AuthorizeSecurityGroupIngress,
    Operation::AuthorizeSecurityGroupEgress,
    Operation::ModifyDbCluster,
    Operation::ModifyDbInstance,
    Operation::UpdateFunctionConfiguration,
];

#[test]
fn throttled_lists_make_a_run_slower_and_fail_nothing() {
    in_virtual_time(async {
        let document = unconnected();
        let expected = undisturbed(&document).await;
        let lists = [
            Operation::DescribeDbClusters,
            Operation::DescribeDbInstances,
            Operation::ListFunctions,
            Operation::DescribeSecurityGroups,
            Operation::DescribeSubnets,
        ];
        for operation in lists {
            let account = in_memory(&document);
            let left = AtomicU32::new(3);
            let fault = Fault::Throttled("slow down".to_owned());
            let hook = Failing {
                operation,
                fault,
                left: &left,
            };
            let cloud = Interposed {
                account: &account,
                hook,
            };
            assert_all_ran(&bulk(&cloud, usual(&targets())).await, &operation.to_string());
            assert_eq!(left.into_inner(), 0, "{operation}");
            assert_completed(&account, &expected, &operation.to_string()).await;
        }
    });
}

#[test]
fn a_write_that_is_denied_fails_its_connection_alone() {
    in_virtual_time(async {
        let document = unconnected();
        let expected = undisturbed(&document).await;
        for operation in WRITES {
            let account = in_memory(&document);
            let left = AtomicU32::new(1);
            let hook = Failing {
                operation,
                fault: denied(operation),
                left: &left,
            };
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

/// The adapter sends a throttled request again. Where AWS goes on throttling, the connection fails, and no other one does.
#[test]
fn a_write_that_stays_throttled_fails_its_connection_at_most() {
    in_virtual_time(async {
        let document = unconnected();
        let expected = undisturbed(&document).await;
        for operation in WRITES {
            let account = in_memory(&document);
            let left = AtomicU32::new(1);
            let fault = Fault::Throttled("slow down".to_owned());
            let hook = Failing {
                operation,
                fault,
                left: &left,
            };
            let cloud = Interposed {
                account: &account,
                hook,
            };
            let ended = bulk(&cloud, usual(&targets())).await;
            let failed: Vec<String> = errors(&ended).into_iter().flatten().collect();
            assert!(
                failed.len() <= 1 && failed.iter().all(|code| code == "throttled"),
                "{failed:?}"
            );
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
        let hook = Failing {
            operation,
            fault: denied(operation),
            left: &left,
        };
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
fn a_run_that_is_interrupted_at_any_call_is_completed_by_the_next() {
    in_virtual_time(async {
        let document = unconnected();
        let expected = undisturbed(&document).await;
        let mut codes = BTreeSet::new();
        for at in (0..).step_by(thoroughly([6, 1])) {
            let account = in_memory(&document);
            let plans = planned(&account, usual(&targets())).await;
            let (calls, (trigger, interrupt)) = (AtomicU32::new(0), Interrupt::new());
            let cloud = slow_with(&account, |_| {
                if calls.fetch_add(1, Ordering::Relaxed) == at {
                    trigger.raise();
                }
            });
            let ended = applied_until(&cloud, plans, &Heard::default(), &interrupt).await;
            codes.extend(errors(&ended).into_iter().flatten());
            assert_completed(&account, &expected, &format!("call {at}")).await;
            if !interrupt.is_raised() {
                break;
            }
        }
        assert_eq!(codes, BTreeSet::from(["interrupted".to_owned()]));
    });
}

#[test]
fn a_run_beside_single_runs_loses_nothing() {
    in_virtual_time(async {
        let document = unconnected();
        let expected = undisturbed(&document).await;
        for target in targets() {
            let account = in_memory(&document);
            let (one, other) = (slow(&account), slow(&account));
            let (many, single) = tokio::join!(bulk(&one, usual(&targets())), setup(&other, &target));
            for code in errors(&many).into_iter().flatten() {
                assert_eq!(code, "plan-outdated", "{target:?}");
            }
            single.unwrap_or_else(|failure| panic!("{target:?}: {failure}"));
            assert_completed(&account, &expected, &format!("{target:?}")).await;
        }
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
