//! `diagnose --fix` and `setup --cross-vpc`: what is missing is added once, wherever a run ends, and nothing else changes.

use std::sync::atomic::{AtomicU32, Ordering};

use autoconnect::account::{AccountDocument, OfflineAccount, VpcSecurityGroupMembership};
use autoconnect::diagnostics::Status;
use autoconnect::diagnostics::connection::diagnose;
use autoconnect::fix::Scope;
use autoconnect::interrupt::Interrupt;
use autoconnect::observe::{Target, scene};
use autoconnect::plan::Request;
use autoconnect::reconcile::{Ending, Fix, Options, converge};

use crate::interposed::slow_with;
use crate::support::{Script, instance, network_account};

pub fn goal() -> Fix {
    Fix {
        target: instance("ledger", "ledger-sync"),
        endpoint: None,
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

/// The two VPCs are connected, except the groups.
pub fn peered(document: &mut AccountDocument) {
    let back = serde_json::json!({"DestinationCidrBlock": "10.0.0.0/16", "VpcPeeringConnectionId": "pcx-0a0d"});
    document.route_tables[2]
        .routes
        .push(serde_json::from_value(back).unwrap());
    let accepter = &mut document.vpc_peering_connections[0].accepter_vpc_info;
    let options = accepter.peering_options.as_mut().unwrap();
    options.allow_dns_resolution_from_remote_vpc = true;
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

/// `setup --cross-vpc` says which groups are open to the internet, as `setup` does within one VPC; `diagnose --fix` judges them itself.
#[tokio::test(start_paused = true)]
async fn groups_that_are_open_to_the_internet_are_named() {
    let open = |document: &mut AccountDocument| {
        let rule = serde_json::json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]});
        let of_function = document
            .functions
            .iter()
            .find(|function| function.function_name == "ledger-sync")
            .unwrap();
        let of_function = of_function.vpc_config.as_ref().unwrap().security_group_ids[0].clone();
        let of_database = document
            .db_instances
            .iter()
            .find(|instance| instance.id == "ledger")
            .unwrap();
        let of_database = of_database.vpc_security_groups[0].vpc_security_group_id.clone();
        for id in [&of_function, &of_database] {
            let mut groups = document.security_groups.iter_mut();
            let group = groups.find(|group| group.group_id == *id).unwrap();
            group.ip_permissions.push(serde_json::from_value(rule.clone()).unwrap());
        }
    };
    for (scope, is_open) in [
        (Scope::GroupsAcrossVpcs, true),
        (Scope::GroupsAcrossVpcs, false),
        (Scope::Everything, true),
    ] {
        let account = network_account(|document| {
            peered(document);
            if is_open {
                open(document);
            }
        });
        let goal = Fix { scope, ..goal() };
        let options = Options {
            dry_run: true,
            ..Options::default()
        };
        let planned = converge(&account, &goal, &options, &Script::default(), Interrupt::never()).await;
        let notes = planned.unwrap().draft.notes;
        let named = notes
            .iter()
            .filter(|note| note.contains("is open to the internet: tcp 22 from 0.0.0.0/0"));
        let expected = if is_open && scope == Scope::GroupsAcrossVpcs {
            2
        } else {
            0
        };
        assert_eq!(named.count(), expected, "{notes:?}");
    }
}
