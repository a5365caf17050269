//! `setup` and `remove` at the same time, in every order of their calls.

use std::panic::catch_unwind;

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::interrupt::Interrupt;
use autoconnect::observe::Target;
use autoconnect::reconcile::{Disconnect, Ending, Options, converge};
use autoconnect::removal::RemovalWish;

use crate::scenarios::{assert_nothing_lost, row};
use crate::schedules::{Agreeing, Moment, Start, World, cloud, explore};
use crate::support::{Script, in_virtual_time, setup, thoroughly};
use crate::writers::{connecting, is_overwritten_unseen, set_up_again, world};

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

/// Whatever came of it: another function that was told that it is connected is, unless `remove` has overwritten its group
/// without having seen it; the next `setup` connects and the next `remove` disconnects, and what is not ours stays.
fn world_of(setup_of: &Target, remove_of: &Target, document: &AccountDocument, switches: usize) -> World {
    let (setup_of, remove_of, foreign) = (setup_of.clone(), remove_of.clone(), document.clone());
    let scenario = row("cluster None/None/None");
    World {
        before: connected(document, &remove_of),
        runs: vec![connecting(&setup_of), disconnecting(&remove_of)],
        switches_at_most: Some(switches),
        is_unshared: crate::writers::is_unshared_of_cluster,
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
            let held = catch_unwind(|| assert_nothing_lost(&foreign, &after, ""));
            held.map_err(|_| "something of others is lost".to_owned())
        }),
        ..world(&scenario, vec![])
    }
}

/// Two functions are disconnected at the same time from the groups that they share: each run can take the other for the one
/// that keeps them. Whichever has them then, its next `remove` takes all of it away.
#[test]
fn two_removals_of_shared_groups() {
    let scenario = row("cluster None/None/None");
    let other = Target {
        function: "g".into(),
        ..scenario.target.clone()
    };
    let targets = [scenario.target.clone(), other];
    let (of, foreign) = (targets.clone(), scenario.document.clone());
    let world = World {
        before: connected(&connected(&scenario.document, &targets[0]), &targets[1]),
        runs: targets.iter().map(disconnecting).collect(),
        switches_at_most: Some(thoroughly(2, 3)),
        is_unshared: crate::writers::is_unshared_of_cluster,
        at_the_end: Box::new(move |now: &AccountDocument, _: &Moment| {
            let after = of
                .iter()
                .try_fold(now.clone(), |now, target| removed_again(&now, target))?;
            let held = catch_unwind(|| assert_nothing_lost(&foreign, &after, ""));
            held.map_err(|_| "something of others is lost".to_owned())?;
            if after.security_groups.len() > foreign.security_groups.len() {
                return Err("groups are left that nobody removes".to_owned());
            }
            Ok(())
        }),
        ..world(&scenario, vec![])
    };
    explore("two removals of shared groups", world);
}

#[test]
fn setup_and_remove_of_one_connection() {
    let scenario = row("cluster None/None/None");
    // With more switches one waits for the other for as long as it is not its turn, without end.
    let world = world_of(&scenario.target, &scenario.target, &scenario.document, 1);
    explore("setup and remove of one connection", world);
}

#[test]
fn setup_and_remove_of_two_functions() {
    let scenario = row("cluster None/None/None");
    let other = Target {
        function: "g".into(),
        ..scenario.target.clone()
    };
    explore(
        "setup and remove of two functions",
        world_of(&other, &scenario.target, &scenario.document, thoroughly(2, 3)),
    );
}
