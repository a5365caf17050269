//! `diagnose --fix` and `setup --cross-vpc`: what is missing is added once, wherever a run ends, and nothing else changes.

use std::sync::atomic::{AtomicU32, Ordering};

use autoconnect::account::{AccountDocument, OfflineAccount, VpcSecurityGroupMembership};
use autoconnect::check::Status;
use autoconnect::diagnose::diagnose;
use autoconnect::interrupt::Interrupt;
use autoconnect::mend::Scope;
use autoconnect::observe::{Target, scene};
use autoconnect::plan::Request;
use autoconnect::reconcile::{Ending, Mend, Options, converge};

use crate::interposed::slow_with;
use crate::support::{Script, instance, network_account};

pub fn goal() -> Mend {
    Mend {
        target: instance("ledger", "ledger-sync"),
        scope: Scope::Everything,
        request: Request::default(),
    }
}

/// No group of either side lets anything through, the routes back are missing, and DNS is off.
pub fn broken(document: &mut AccountDocument) {
    document.security_groups[0].ip_permissions_egress.clear();
    document.security_groups[3].ip_permissions.clear();
    document.route_tables[0].routes.remove(0);
}

async fn works(account: &OfflineAccount, target: &Target) -> bool {
    diagnose(&scene(account, target).await.unwrap()).verdict <= Status::Warn
}

/// What is there stays: groups with their rules, routes, ACLs, and the groups on everything.
fn assert_only_added(before: &AccountDocument, after: &AccountDocument, context: &str) {
    assert!(after.security_groups.starts_with(&before.security_groups), "{context}");
    assert_eq!(before.network_acls, after.network_acls, "{context}");
    for (before, after) in before.route_tables.iter().zip(&after.route_tables) {
        assert!(after.routes.starts_with(&before.routes), "{context}");
        assert_eq!(before.associations, after.associations, "{context}");
    }
    for (before, after) in before.functions.iter().zip(&after.functions) {
        if let (Some(before), Some(after)) = (&before.vpc_config, &after.vpc_config) {
            assert!(
                after.security_group_ids.starts_with(&before.security_group_ids),
                "{context}"
            );
            assert_eq!(before.subnet_ids, after.subnet_ids, "{context}");
        }
    }
    for (before, after) in before.db_instances.iter().zip(&after.db_instances) {
        let groups = |entry: &[VpcSecurityGroupMembership]| -> Vec<String> {
            entry
                .iter()
                .map(|membership| membership.vpc_security_group_id.clone())
                .collect()
        };
        let (before, after) = (groups(&before.vpc_security_groups), groups(&after.vpc_security_groups));
        assert!(after.starts_with(&before), "{context}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_anywhere_is_finished_by_the_next() {
    let goal = goal();
    let whole = network_account(broken);
    let before = whole.document();
    assert!(!works(&whole, &goal.target).await);
    let ended = converge(
        &whole,
        &goal,
        &Options::default(),
        &Script::default(),
        Interrupt::never(),
    )
    .await;
    assert_eq!(ended.unwrap().ending, Ending::Reached);
    assert!(works(&whole, &goal.target).await);
    assert_only_added(&before, &whole.document(), "whole");
    let groups = whole.document().security_groups.len();
    assert_eq!(groups, before.security_groups.len() + 2);
    for call in 0..300 {
        let account = network_account(broken);
        let (trigger, interrupt) = Interrupt::new();
        let calls = AtomicU32::new(0);
        let cloud = slow_with(&account, |_| {
            if calls.fetch_add(1, Ordering::Relaxed) == call {
                trigger.raise();
            }
        });
        let ended = converge(&cloud, &goal, &Options::default(), &Script::default(), interrupt).await;
        let context = format!("interrupted at call {call}");
        assert_only_added(&before, &account.document(), &context);
        let next = converge(
            &account,
            &goal,
            &Options::default(),
            &Script::default(),
            Interrupt::never(),
        )
        .await;
        next.unwrap_or_else(|failure| panic!("{context}: {failure}"));
        assert!(works(&account, &goal.target).await, "{context}");
        assert_only_added(&before, &account.document(), &context);
        assert_eq!(account.document().security_groups.len(), groups, "{context}");
        if ended.is_ok() {
            return;
        }
    }
    panic!("no run came to its end");
}
