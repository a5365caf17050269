//! Two writers: two runs on one connection, or of two functions on one database, in every order of their calls, also
//! where one of them dies.

use std::panic::catch_unwind;

use autoconnect::account::{AccountDocument, OfflineAccount, SecurityGroupEntry};
use autoconnect::cloud::{Cloud, Operation};
use autoconnect::interrupt::Interrupt;
use autoconnect::model::GroupId;
use autoconnect::observe::Target;
use autoconnect::reconcile::{Options, RunResult, run};

use crate::scenarios::{Scenario, assert_nothing_lost, lists, row};
use crate::schedules::{Agreeing, Moment, Start, Turn, Verdict, World, cloud, explore};
use crate::support::{in_virtual_time, setup, thoroughly};

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

/// Two functions' runs read and write their own function, and nobody else's.
fn is_unshared_of_two_functions(operation: Operation) -> bool {
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
            were_connected.push(again.result == RunResult::Unchanged && account.calls().write == writes);
        }
        let in_the_end = were_connected.split_off(targets.len());
        if in_the_end.contains(&false) {
            return Err("not connected in the end".to_owned());
        }
        Ok(were_connected)
    })
}

/// Each run was told that it is connected, and is; one that died is by its next run. What a run has overwritten that then
/// died is put back by the next run, of whichever connection (docs/safety.md, "What is not promised").
fn all_are_connected(targets: Vec<Target>) -> Box<Verdict> {
    Box::new(move |now: &AccountDocument, moment: &Moment| {
        let were_connected = set_up_again(now, &targets)?;
        let has_died = |run: usize| moment.turns.contains(&Turn::Death(run));
        let has_overwritten = moment.calls.iter().any(|(turn, call)| {
            matches!(turn, Turn::Run(run) if has_died(*run)) && *call == Some(Operation::ModifyDbCluster)
        });
        for ((target, end), was_connected) in targets.iter().zip(&moment.ends).zip(were_connected) {
            match end {
                Some(Ok(())) if !was_connected && !has_overwritten => {
                    return Err(format!("{} is not connected", target.function));
                }
                Some(Err(code)) => return Err(format!("{} fails with {code}", target.function)),
                _ => {}
            }
        }
        Ok(())
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

/// Runs for both functions of a scenario.
fn two_functions(scenario: &Scenario) -> World {
    let other = Target {
        function: "g".into(),
        ..scenario.target.clone()
    };
    World {
        is_unshared: is_unshared_of_two_functions,
        sometimes: is_overwritten,
        ..world(scenario, vec![scenario.target.clone(), other])
    }
}

/// Whether a function has its group, and the group that lets it in is not where it was put before: another run has
/// overwritten the list, and has yet to put it back.
fn is_overwritten(now: &AccountDocument) -> bool {
    let lists = lists(now);
    let is_on = |kinds: [&str; 2], id: &GroupId| {
        let mut of_kind = lists
            .iter()
            .filter(|(resource, _)| kinds.iter().any(|kind| resource.starts_with(kind)));
        of_kind.any(|(_, groups)| groups.iter().any(|group| group == id.as_str()))
    };
    let groups: Vec<_> = now.security_groups.iter().map(SecurityGroupEntry::to_model).collect();
    groups
        .iter()
        .filter(|group| group.name.starts_with("lambda-"))
        .any(|group| {
            let lets_in = group.egress.first().and_then(|rule| rule.peer.group());
            is_on(["function", "function"], &group.id) && lets_in.is_some_and(|id| !is_on(["cluster", "proxy"], id))
        })
}

#[test]
fn two_runs_on_one_connection() {
    let scenario = row("cluster None/None/None");
    let targets = vec![scenario.target.clone(), scenario.target.clone()];
    let world = World {
        switches_at_most: thoroughly(Some(2), None),
        ..world(&scenario, targets)
    };
    explore("two runs on one connection", world);
}

#[test]
fn two_functions_on_one_database() {
    let world = World {
        switches_at_most: thoroughly(Some(3), None),
        ..two_functions(&row("cluster None/None/None"))
    };
    explore("two functions on one database", world);
}

#[test]
fn two_functions_through_one_proxy() {
    let world = World {
        switches_at_most: thoroughly(Some(2), Some(4)),
        ..two_functions(&row("cluster None/None/Some(None)"))
    };
    explore("two functions through one proxy", world);
}

/// Where one of two runs dies, the other connects all the same; and its own connection is there after its next run.
#[test]
fn two_functions_of_which_one_dies() {
    let world = World {
        deaths_at_most: 1,
        switches_at_most: thoroughly(Some(2), Some(3)),
        ..two_functions(&row("cluster None/None/None"))
    };
    explore("two functions, of which one dies", world);
}
