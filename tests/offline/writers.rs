//! Runs at the same time: two on one connection, two and three for functions of one database, in every order of their
//! calls, also where some of them die. Functions of one database share one set of groups in the end.

use std::panic::catch_unwind;

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::{Cloud, Operation};
use autoconnect::drift::{Judge, discover};
use autoconnect::interrupt::Interrupt;
use autoconnect::observe::{Proxies, ProxyWish, Target, survey};
use autoconnect::reconcile::{Ending, Options};

use crate::scenarios::{Scenario, assert_nothing_lost, lists, row, sets_made, with_new_resources};
use crate::schedules::{Agreeing, Moment, Start, Turn, Verdict, World, cloud, explore};
use crate::support::{in_virtual_time, run, setup, thoroughly};

/// A run of `setup`.
pub fn connecting(target: &Target) -> Box<Start> {
    let target = target.clone();
    Box::new(move |gated| {
        let target = target.clone();
        Box::pin(async move {
            let (cloud, front, options) = (cloud(&gated), Agreeing(&gated.1), Options::default());
            let ended = run(&cloud, &target, &options, &front, Interrupt::never()).await;
            ended.map(|_| ()).map_err(|failure| failure.error.code())
        })
    })
}

/// Nobody writes what these read.
pub fn is_unshared(operation: Operation) -> bool {
    let of_subnets = [Operation::DescribeSubnets, Operation::DescribeDbSubnetGroups];
    of_subnets.contains(&operation)
}

/// Where a cluster is connected, its instances stay as they are.
pub fn is_unshared_of_cluster(operation: Operation) -> bool {
    is_unshared(operation) || operation == Operation::DescribeDbInstances
}

/// Runs for several functions read and write their own function, and nobody else's.
fn is_unshared_of_functions(operation: Operation) -> bool {
    let of_function = [
        Operation::GetFunctionConfiguration,
        Operation::UpdateFunctionConfiguration,
    ];
    is_unshared_of_cluster(operation) || of_function.contains(&operation)
}

pub fn nothing_is_lost(before: &AccountDocument) -> Box<Verdict> {
    let before = before.clone();
    Box::new(move |now, _| {
        let held = catch_unwind(|| assert_nothing_lost(&before, now, ""));
        held.map_err(|words| words.downcast_ref::<String>().cloned().unwrap_or_default())
    })
}

/// Runs `setup` for each of them twice on a copy of the account: whether the first run had nothing to do; the second
/// must have nothing to do.
pub fn set_up_again(now: &AccountDocument, targets: &[Target]) -> Result<Vec<bool>, String> {
    let account = OfflineAccount::in_memory(now.clone()).map_err(|mistakes| format!("{mistakes:?}"))?;
    in_virtual_time(async {
        let mut were_connected = Vec::new();
        for target in targets.iter().chain(targets) {
            let writes = account.calls().write;
            let again = setup(&account, target).await;
            let again = again.map_err(|failure| format!("the next run of {} fails: {failure}", target.function))?;
            were_connected.push(again.ending == Ending::Unchanged && account.calls().write == writes);
        }
        let in_the_end = were_connected.split_off(targets.len());
        if in_the_end.contains(&false) {
            return Err("not connected in the end".to_owned());
        }
        Ok(were_connected)
    })
}

/// Whether another run has overwritten what this run wrote on a list, without having seen it: this run wrote after the
/// other one's read and before its write, which follows at once (docs/safety.md, "What is not promised").
pub fn is_overwritten_unseen(moment: &Moment, run: usize) -> bool {
    let lists = [
        (Operation::DescribeDbClusters, Operation::ModifyDbCluster),
        (Operation::DescribeDbInstances, Operation::ModifyDbInstance),
        (Operation::DescribeDbProxies, Operation::ModifyDbProxy),
    ];
    lists.into_iter().any(|(read, write)| {
        let calls: Vec<(usize, Operation)> = moment
            .calls
            .iter()
            .filter_map(|(turn, call)| match turn {
                Turn::Run(run) => Some((*run, (*call)?)),
                _ => None,
            })
            .collect();
        let writes_of = |of: usize| {
            let calls = calls.iter().enumerate();
            calls.filter_map(move |(at, call)| (*call == (of, write)).then_some(at))
        };
        let others = (0..moment.ends.len()).filter(|other| *other != run);
        others
            .flat_map(|other| writes_of(other).map(move |at| (other, at)))
            .any(|(other, at)| {
                let read_at = calls[..at].iter().rposition(|call| *call == (other, read));
                read_at.is_some_and(|read_at| writes_of(run).any(|written| read_at < written && written < at))
            })
    })
}

/// Each run reported that it is connected, and is, unless another run has overwritten its group without having seen it;
/// one that died is by its next run.
fn all_are_connected(targets: Vec<Target>) -> Box<Verdict> {
    Box::new(move |now: &AccountDocument, moment: &Moment| {
        let were_connected = set_up_again(now, &targets)?;
        for (run, (target, was_connected)) in targets.iter().zip(were_connected).enumerate() {
            match &moment.ends[run] {
                Some(Ok(())) if !was_connected && !is_overwritten_unseen(moment, run) => {
                    return Err(format!("{} is not connected", target.function));
                }
                Some(Err(code)) => return Err(format!("{} fails with {code}", target.function)),
                _ => {}
            }
        }
        Ok(())
    })
}

/// All are connected; and once each was run at most once more, by one set of groups that they share, nothing of ours is on
/// nothing, and nothing has drifted.
fn all_share_one_set(before: &AccountDocument, targets: Vec<Target>) -> Box<Verdict> {
    let (before, are_connected) = (before.clone(), all_are_connected(targets.clone()));
    Box::new(move |now: &AccountDocument, moment: &Moment| {
        are_connected(now, moment)?;
        let account = OfflineAccount::in_memory(now.clone()).map_err(|mistakes| format!("{mistakes:?}"))?;
        in_virtual_time(async {
            for target in &targets {
                let again = setup(&account, target).await;
                again.map_err(|failure| format!("the next run of {} fails: {failure}", target.function))?;
            }
            let document = account.document();
            let made = sets_made(&before, &document);
            let sides = if before.db_proxies.is_empty() || targets[0].proxy == ProxyWish::None {
                2
            } else {
                3
            };
            if made.values().collect::<Vec<_>>() != [&sides] {
                return Err(format!("not one set of {sides} groups: {made:?}"));
            }
            let estate = survey(&account, &Proxies::All).await.estate;
            for connection in discover(&estate) {
                let judged = Judge::new(&estate).judge(&connection);
                if judged.verdict != autoconnect::drift::Verdict::InSync {
                    return Err(format!("{connection} is {:?}", judged.findings));
                }
            }
            Ok(())
        })
    })
}

/// Runs of these, and nobody else.
pub fn world(scenario: &Scenario, targets: Vec<Target>) -> World {
    World {
        runs: targets.iter().map(connecting).collect(),
        edits: Vec::new(),
        edits_at_most: 0,
        deaths_at_most: 0,
        switches_at_most: None,
        is_unshared: if scenario.document.db_clusters.is_empty() {
            is_unshared
        } else {
            is_unshared_of_cluster
        },
        always: nothing_is_lost(&scenario.document),
        at_the_end: all_are_connected(targets),
        sometimes: |_| true,
        before: scenario.document.clone(),
    }
}

/// Runs for so many functions of a scenario.
fn functions(scenario: &Scenario, count: usize) -> World {
    let mut scenario = scenario.clone();
    let mut third = scenario.document.functions[1].clone();
    third.function_name = "h".into();
    scenario.document.functions.push(third);
    let targets: Vec<Target> = ["f", "g", "h"][..count]
        .iter()
        .map(|function| Target {
            function: (*function).to_owned(),
            ..scenario.target.clone()
        })
        .collect();
    World {
        is_unshared: is_unshared_of_functions,
        sometimes: is_shared,
        at_the_end: all_share_one_set(&scenario.document, targets.clone()),
        ..world(&scenario, targets)
    }
}

/// Whether two functions have a group of the convention.
fn is_shared(now: &AccountDocument) -> bool {
    let lists = lists(now);
    let bearers = |id: &str| {
        let functions = lists.iter().filter(|(resource, _)| resource.starts_with("function"));
        functions
            .filter(|(_, groups)| groups.iter().any(|group| group == id))
            .count()
    };
    let mut groups = now.security_groups.iter();
    groups.any(|group| group.group_name.starts_with("lambda-") && bearers(&group.group_id) > 1)
}

#[test]
fn two_runs_on_one_connection() {
    let scenario = row("cluster None/None/None");
    let targets = vec![scenario.target.clone(), scenario.target.clone()];
    let world = World {
        switches_at_most: thoroughly([Some(1), Some(2), None]),
        ..world(&scenario, targets)
    };
    explore("two runs on one connection", world, 50);
}

#[test]
fn two_functions_on_one_database() {
    let world = World {
        switches_at_most: thoroughly([Some(1), Some(3), None]),
        ..functions(&row("cluster None/None/None"), 2)
    };
    explore("two functions on one database", world, 50);
}

#[test]
fn three_functions_on_one_database() {
    let world = World {
        switches_at_most: thoroughly([Some(0), Some(1), Some(3)]),
        ..functions(&row("cluster None/None/None"), 3)
    };
    explore("three functions on one database", world, 50);
}

#[test]
fn two_functions_through_one_proxy() {
    let world = World {
        switches_at_most: thoroughly([Some(0), Some(2), Some(4)]),
        ..functions(&row("cluster None/None/Some(None)"), 2)
    };
    explore("two functions through one proxy", world, 50);
}

/// Both look for a proxy that is not there yet: one of them makes it, with its role and its policy.
#[test]
fn two_functions_through_a_new_proxy() {
    let mut scenarios = with_new_resources().into_iter();
    let is_wanted = |scenario: &Scenario| {
        let ProxyWish::New(wish) = &scenario.target.proxy else {
            return false;
        };
        wish.role.is_none() && scenario.target.new_function.is_none()
    };
    let scenario = scenarios.find(is_wanted).expect("a scenario with a new proxy");
    let world = World {
        switches_at_most: thoroughly([Some(0), Some(1), Some(2)]),
        ..functions(&scenario, 2)
    };
    explore("two functions through a new proxy", world, 50);
}

/// Where one of two runs dies, the other connects anyway; and its own connection is there after its next run.
#[test]
fn two_functions_of_which_one_dies() {
    let world = World {
        deaths_at_most: 1,
        switches_at_most: thoroughly([Some(0), Some(2), Some(3)]),
        ..functions(&row("cluster None/None/None"), 2)
    };
    explore("two functions, of which one dies", world, 50);
}

/// Runs for a function of each of two databases, which both look for the first free number of their VPC.
#[test]
fn two_databases_of_one_vpc() {
    let mut scenario = row("cluster None/None/None");
    let mut other = scenario.document.db_clusters[0].clone();
    other.id = "other".into();
    scenario.document.db_clusters.push(other);
    let of_other = Target {
        database: "other".into(),
        function: "g".into(),
        ..scenario.target.clone()
    };
    let targets = vec![scenario.target.clone(), of_other];
    let world = World {
        // Each run reads and writes its own database and function.
        is_unshared: |operation| {
            let of_database = [Operation::DescribeDbClusters, Operation::ModifyDbCluster];
            is_unshared_of_functions(operation) || of_database.contains(&operation)
        },
        switches_at_most: thoroughly([Some(1), Some(2), None]),
        sometimes: |now| {
            let is_there = |name: &str| now.security_groups.iter().any(|group| group.group_name == name);
            is_there("rds-lambda-1") && is_there("rds-lambda-2")
        },
        ..world(&scenario, targets)
    };
    explore("two databases of one VPC", world, 50);
}

/// Two sets of ours on one database: what one run overwrites within its window, the other puts on again.
#[test]
fn one_directly_and_one_through_a_proxy() {
    let scenario = row("cluster None/None/Some(None)");
    let directly = Target {
        proxy: ProxyWish::None,
        function: "g".into(),
        ..scenario.target.clone()
    };
    let targets = vec![scenario.target.clone(), directly];
    let world = World {
        is_unshared: |operation| {
            let of_proxy = [
                Operation::DescribeDbProxies,
                Operation::DescribeDbProxyTargets,
                Operation::ModifyDbProxy,
                Operation::RegisterDbProxyTargets,
            ];
            is_unshared_of_functions(operation) || of_proxy.contains(&operation)
        },
        switches_at_most: thoroughly([Some(1), Some(2), Some(4)]),
        sometimes: |now| lists(now)["cluster db"].len() == 3,
        ..world(&scenario, targets)
    };
    explore("one directly and one through a proxy", world, 50);
}
