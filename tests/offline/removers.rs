//! `setup` and `remove` at the same time, in every order of their calls.

use std::panic::catch_unwind;

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::Operation;
use autoconnect::interrupt::Interrupt;
use autoconnect::observe::Target;
use autoconnect::reconcile::{Disconnect, Ending, Options, converge};
use autoconnect::removal::RemovalWish;

use crate::scenarios::{assert_nothing_lost, publish, row, versions_that_reach};
use crate::schedules::{Agreeing, Moment, Start, Verdict, World, cloud, explore};
use crate::support::{Script, in_virtual_time, setup, thoroughly};
use crate::writers::{connecting, is_overwritten_unseen, is_unshared_of_cluster, nothing_is_lost, set_up_again, world};

fn goal(target: &Target) -> Disconnect {
    Disconnect {
        target: target.clone(),
        wish: RemovalWish::default(),
        wait_for_database: false,
    }
}

/// A run of `remove`.
fn disconnecting(target: &Target) -> Box<Start> {
    let target = target.clone();
    Box::new(move |gated| {
        let goal = goal(&target);
        Box::pin(async move {
            // A group that is still in use is left to the next run: to wait for it would have no end here, as long as
            // it is not the other's turn.
            let options = Options {
                wait_for_effect: false,
                ..Options::default()
            };
            let (cloud, front) = (cloud(&gated), Agreeing(&gated.1));
            let ended = converge(&cloud, &goal, &options, &front, Interrupt::never()).await;
            ended.map(|_| ()).map_err(|failure| failure.error.code())
        })
    })
}

/// The account in which `target` is connected.
fn connected(document: &AccountDocument, target: &Target) -> AccountDocument {
    let account = OfflineAccount::in_memory(document.clone()).unwrap();
    in_virtual_time(setup(&account, target)).unwrap();
    let mut document = account.document();
    crate::stale_reads::settle(&mut document);
    document
}

/// The account with a published version of function `f`, by an alias.
fn with_version(mut document: AccountDocument) -> AccountDocument {
    publish(&mut document, "f");
    document
}

/// In every state, each published version reaches what it reached before.
fn versions_reach(before: &AccountDocument) -> Box<Verdict> {
    let before = versions_that_reach(before);
    assert!(!before.is_empty(), "no version reaches anything");
    Box::new(move |now: &AccountDocument, _: &Moment| {
        let now = versions_that_reach(now);
        if now == before {
            Ok(())
        } else {
            Err(format!("of {before:?} only {now:?} reach the database"))
        }
    })
}

/// Nobody writes versions and aliases.
fn is_unshared_with_versions(operation: Operation) -> bool {
    is_unshared_of_cluster(operation) || operation == Operation::ListAliases
}

/// Two runs of `remove`, the second of which has nothing to do.
fn removed_again(now: &AccountDocument, target: &Target) -> Result<AccountDocument, String> {
    let account = OfflineAccount::in_memory(now.clone()).map_err(|mistakes| format!("{mistakes:?}"))?;
    in_virtual_time(async {
        for wanted in [None, Some(Ending::Unchanged)] {
            let front = Script::default();
            let options = Options::default();
            let ended = converge(&account, &goal(target), &options, &front, Interrupt::never()).await;
            let ended = ended.map_err(|failure| format!("the next remove fails: {failure}"))?;
            if wanted.is_some_and(|wanted| wanted != ended.ending) {
                return Err("the second remove has something to do".to_owned());
            }
        }
        Ok(account.document())
    })
}

/// Whatever came of it: another function whose run reported that it is connected is, unless `remove` has overwritten
/// its group without having seen it; the next `setup` connects and the next `remove` disconnects, and what is not ours
/// stays.
fn world_of(setup_of: &Target, remove_of: &Target, before: AccountDocument, switches: usize) -> World {
    let scenario = row("cluster None/None/None");
    let (setup_of, remove_of, foreign) = (setup_of.clone(), remove_of.clone(), scenario.document.clone());
    let has_versions = before.functions.iter().any(|function| !function.versions.is_empty());
    let reached = versions_that_reach(&before);
    World {
        always: if has_versions {
            versions_reach(&before)
        } else {
            nothing_is_lost(&foreign)
        },
        before,
        runs: vec![connecting(&setup_of), disconnecting(&remove_of)],
        switches_at_most: Some(switches),
        is_unshared: is_unshared_with_versions,
        at_the_end: Box::new(move |now: &AccountDocument, moment: &Moment| {
            for end in &moment.ends {
                if let Some(Err(code)) = end
                    && ["flawed-plan", "malformed-answer"].contains(code)
                {
                    return Err(format!("it fails with {code}"));
                }
            }
            let were = set_up_again(now, std::slice::from_ref(&setup_of))?;
            let was_connected = moment.ends[0] == Some(Ok(())) && !is_overwritten_unseen(moment, 0);
            if setup_of.function != remove_of.function && was_connected && were == [false] {
                return Err("it was told that it is connected".to_owned());
            }
            let after = removed_again(now, &remove_of)?;
            if versions_that_reach(&after) != reached {
                return Err("a version is cut off by the next remove".to_owned());
            }
            let held = catch_unwind(|| assert_nothing_lost(&foreign, &after, ""));
            held.map_err(|_| "something of others is lost".to_owned())
        }),
        ..world(&scenario, vec![])
    }
}

/// Two functions are disconnected at the same time from the groups that they share: each run can take the other for the one
/// that keeps them. Whichever has them then, its next `remove` takes all of it away.
fn two_removals(published: bool) -> World {
    let scenario = row("cluster None/None/None");
    let other = Target {
        function: "g".into(),
        ..scenario.target.clone()
    };
    let targets = [scenario.target.clone(), other];
    let (of, foreign) = (targets.clone(), scenario.document.clone());
    let before = connected(&connected(&scenario.document, &targets[0]), &targets[1]);
    let before = if published { with_version(before) } else { before };
    World {
        always: if published {
            versions_reach(&before)
        } else {
            nothing_is_lost(&scenario.document)
        },
        runs: targets.iter().map(disconnecting).collect(),
        switches_at_most: Some(thoroughly([0, if published { 1 } else { 2 }, 3])),
        is_unshared: is_unshared_with_versions,
        at_the_end: Box::new(move |now: &AccountDocument, _: &Moment| {
            let removed = |now: &AccountDocument| {
                of.iter()
                    .try_fold(now.clone(), |now, target| removed_again(&now, target))
            };
            let mut after = removed(now)?;
            if published {
                if versions_that_reach(&after).is_empty() {
                    return Err("the version is cut off by the next removals".to_owned());
                }
                // Once it is deleted, all goes.
                for function in &mut after.functions {
                    function.versions.clear();
                    function.aliases.clear();
                }
                after = removed(&after)?;
            }
            let held = catch_unwind(|| assert_nothing_lost(&foreign, &after, ""));
            held.map_err(|_| "something of others is lost".to_owned())?;
            if after.security_groups.len() > foreign.security_groups.len() {
                return Err("groups are left that nobody removes".to_owned());
            }
            Ok(())
        }),
        before,
        ..world(&scenario, vec![])
    }
}

#[test]
fn two_removals_of_shared_groups() {
    explore("two removals of shared groups", two_removals(false), 50);
}

/// A version of one of them keeps its way to the database in every state, until it is deleted.
#[test]
fn two_removals_of_groups_that_a_version_uses() {
    explore("two removals of groups that a version uses", two_removals(true), 50);
}

/// What `setup` connects while `remove` disconnects function `f`, with and without a published version of `f`.
fn both(name: &str, setup_of: &str, switches: usize, with_a_version: usize) {
    let scenario = row("cluster None/None/None");
    let setup_of = Target {
        function: setup_of.into(),
        ..scenario.target.clone()
    };
    let before = connected(&scenario.document, &scenario.target);
    let published = with_version(before.clone());
    explore(name, world_of(&setup_of, &scenario.target, before, switches), 50);
    let name = format!("{name}, with a version");
    explore(
        &name,
        world_of(&setup_of, &scenario.target, published, with_a_version),
        50,
    );
}

#[test]
fn setup_and_remove_of_one_connection() {
    // With more switches one waits for the other for as long as it is not its turn, without end.
    let switches = thoroughly([0, 1]);
    both("setup and remove of one connection", "f", switches, switches);
}

#[test]
fn setup_and_remove_of_two_functions() {
    both(
        "setup and remove of two functions",
        "g",
        thoroughly([1, 2, 3]),
        thoroughly([0, 2, 3]),
    );
}
