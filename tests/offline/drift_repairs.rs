//! `drift --repair`: what it repairs, what it leaves, and that it never does more than it may.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use autoconnect::account::{AccountDocument, IpPermission, SecurityGroupEntry};
use autoconnect::cloud::Cloud;
use autoconnect::drift::Verdict;
use autoconnect::estate::Connection;
use autoconnect::interrupt::Interrupt;
use autoconnect::model::{CredentialsWish, DatabaseKind, Place as At, Rule};
use autoconnect::monitor::{
    AllowedKind, Bounds, Entry, Judged, OneCloud, Place, Repair, RepairResult, Repairs, Round, Wanted, Ways, patrol,
};
use autoconnect::observe::{NewProxyWish, PATH_READS, PERMISSION_READS, ProxyWish, READS, TAG_READS, Target};
use autoconnect::plan::{RepairKind, StepStatus};
use autoconnect::policy::{PolicyDocument, Texts, read_only, repairs};
use autoconnect::tags;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::crashes::{Crash, Left, each_death};
use crate::fault_matrix::{Failed, Faults, each_fault};
use crate::guarded::Guarded;
use crate::interposed::Interposed;
use crate::scenarios::{Scenario, base, lists};
use crate::support::*;

fn connection(target: &Target) -> Connection {
    Connection {
        kind: target.kind,
        database: target.database.clone(),
        proxy: match &target.proxy {
            ProxyWish::Existing(name) => Some(name.clone()),
            _ => None,
        },
        function: target.function.clone(),
    }
}

fn entries(targets: &[Target]) -> Wanted {
    let entry = |target: &Target| Entry {
        name: None,
        place: Place::default(),
        connection: connection(target),
    };
    Wanted::Entries(targets.iter().map(entry).collect())
}

fn only(kinds: &[RepairKind]) -> Bounds {
    Bounds {
        only: kinds.iter().copied().map(AllowedKind).collect(),
        ..Bounds::default()
    }
}

/// What `drift --repair --yes` does.
async fn mend(cloud: &dyn Cloud, targets: &[Target], bounds: &Bounds, interrupt: &Interrupt) -> Round {
    let (accounts, wanted) = (OneCloud(cloud), entries(targets));
    let Ok(mut found) = patrol(&accounts, &wanted, None, &[]).await else {
        return Round::default();
    };
    let ways = Ways {
        bounds,
        timeout: std::time::Duration::from_mins(20),
        interrupt,
    };
    let mut repairs = Repairs::plan(&accounts, &found, ways).await;
    repairs.carry_out(&accounts, &found, ways, &|_| ()).await;
    if let Ok(mut after) = patrol(&accounts, &wanted, None, &[]).await {
        repairs.tell(&found, &mut after);
        return after;
    }
    repairs.tell_in(&mut found);
    found
}

async fn mended(cloud: &dyn Cloud, target: &Target, bounds: &Bounds) -> Judged {
    let targets = std::slice::from_ref(target);
    let mut round = mend(cloud, targets, bounds, &Interrupt::never()).await;
    round.judged.remove(0)
}

fn repair(judged: &Judged) -> &Repair {
    judged.repair.as_ref().unwrap_or_else(|| panic!("{judged:?}"))
}

type Edit = fn(&mut AccountDocument);

/// The group that was made last for this side.
fn group<'a>(document: &'a mut AccountDocument, name: &str) -> &'a mut SecurityGroupEntry {
    let mut groups = document.security_groups.iter_mut().rev();
    groups.find(|group| group.group_name.starts_with(name)).unwrap()
}

fn stray() -> IpPermission {
    let mut rule = IpPermission::from_rule(&Rule::default_egress());
    rule.ip_protocol = "tcp".into();
    (rule.from_port, rule.to_port) = (Some(22), Some(22));
    rule
}

/// The function's group is deleted, and the rule that names it.
fn delete_function_group(document: &mut AccountDocument) {
    let id = group(document, "lambda-rds-").group_id.clone();
    document.security_groups.retain(|group| group.group_id != id);
    for group in &mut document.security_groups {
        group
            .ip_permissions
            .retain(|rule| rule.user_id_group_pairs.iter().all(|pair| pair.group_id != id));
    }
    for function in &mut document.functions {
        if let Some(config) = &mut function.vpc_config {
            config.security_group_ids.retain(|group| *group != id);
        }
    }
}

fn detach_function(document: &mut AccountDocument) {
    let id = group(document, "lambda-rds-").group_id.clone();
    for function in &mut document.functions {
        if let Some(config) = &mut function.vpc_config {
            config.security_group_ids.retain(|group| *group != id);
        }
    }
}

fn no_target(document: &mut AccountDocument) {
    for proxy in &mut document.db_proxies {
        proxy.target = None;
    }
}

/// What is changed, through a proxy or not, and the kinds that mend it.
fn kinds() -> Vec<(&'static str, bool, Edit, Vec<RepairKind>)> {
    use RepairKind::{AddedRules, DetachedGroups, MissingGroups, MissingRules, ProxyTargets};
    vec![
        (
            "a rule too many",
            false,
            |document| group(document, "rds-lambda-").ip_permissions.push(stray()),
            vec![AddedRules],
        ),
        (
            "no inbound rule",
            false,
            |document| group(document, "rds-lambda-").ip_permissions.clear(),
            vec![MissingRules],
        ),
        (
            "another rule",
            false,
            |document| {
                for rule in &mut group(document, "rds-lambda-").ip_permissions {
                    (rule.from_port, rule.to_port) = (Some(1), Some(1));
                }
            },
            vec![AddedRules, MissingRules],
        ),
        ("off the function", false, detach_function, vec![DetachedGroups]),
        (
            "the function's group is deleted",
            false,
            delete_function_group,
            vec![MissingRules, MissingGroups],
        ),
        ("no target", true, no_target, vec![ProxyTargets]),
        (
            "both groups are gone",
            false,
            |document| {
                let made = |group: &SecurityGroupEntry| group.tags.iter().any(|tag| tag.key == tags::MANAGED);
                let gone: BTreeSet<String> = document
                    .security_groups
                    .iter()
                    .filter(|group| made(group))
                    .map(|group| group.group_id.clone())
                    .collect();
                document.security_groups.retain(|group| !made(group));
                for cluster in &mut document.db_clusters {
                    cluster
                        .vpc_security_groups
                        .retain(|group| !gone.contains(&group.vpc_security_group_id));
                }
                for function in &mut document.functions {
                    if let Some(config) = &mut function.vpc_config {
                        config.security_group_ids.retain(|group| !gone.contains(group));
                    }
                }
            },
            vec![MissingGroups],
        ),
    ]
}

/// The scenario of a cluster, directly or through a proxy.
fn scenario(through_proxy: bool) -> Scenario {
    let mut base = base().into_iter();
    let is_wanted = |scenario: &Scenario| (scenario.target.proxy != ProxyWish::None) == through_proxy;
    base.find(is_wanted).unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_kind_alone_is_allowed_or_left() {
    for (name, through_proxy, edit, needed) in kinds() {
        let Scenario { document, target, .. } = scenario(through_proxy);
        let mut document = connected(&document, &target).await;
        edit(&mut document);
        for kind in RepairKind::ALLOWED {
            let account = in_memory(&document);
            let judged = mended(&account, &target, &only(&[kind])).await;
            let repair = repair(&judged);
            if needed == [kind] {
                assert_eq!(repair.result, RepairResult::Repaired, "{name}, {kind:?}: {judged:#?}");
            } else {
                assert_eq!(repair.result, RepairResult::Left, "{name}, {kind:?}: {judged:#?}");
                let reason = repair.reason.as_deref().unwrap();
                assert!(reason.ends_with("which --only does not allow"), "{name}: {reason}");
                assert_eq!(account.calls().write, 0, "{name}, {kind:?}");
            }
        }
        let account = in_memory(&document);
        let judged = mended(&account, &target, &only(&needed)).await;
        assert_eq!(judged.judgement.verdict, Verdict::InSync, "{name}: {judged:#?}");
        let repair = repair(&judged);
        assert_eq!(repair.kinds, needed.iter().copied().collect(), "{name}");
        assert!(!repair.mended.is_empty() && !repair.steps.is_empty(), "{name}");
        // The next run has nothing to do.
        let before = account.calls().write;
        let judged = mended(&account, &target, &Bounds::default()).await;
        assert_eq!((judged.repair, account.calls().write), (None, before), "{name}");
    }
}

/// A policy of ours that names the database before it was replaced is written again, on our own role only.
#[tokio::test(start_paused = true)]
async fn permissions_are_written_again() {
    let account = account(|document| {
        for entry in &mut document.db_clusters {
            entry.iam_database_authentication_enabled = Some(true);
        }
    });
    let made = Target {
        proxy: ProxyWish::New(NewProxyWish {
            credentials: CredentialsWish::Iam,
            ..NewProxyWish::default()
        }),
        user: Some("app".to_owned()),
        iam_required: true,
        ..cluster("orders", "refunds")
    };
    setup(&account, &made).await.unwrap();
    account.edit(|document| {
        let mut clusters = document.db_clusters.iter_mut();
        let orders = clusters.find(|entry| entry.id == "orders").unwrap();
        orders.db_cluster_resource_id = Some("cluster-NEW".to_owned());
    });
    let target = Target {
        proxy: ProxyWish::Existing("autoconnect-orders".to_owned()),
        ..cluster("orders", "refunds")
    };
    let document = account.document();
    let others: Vec<RepairKind> = RepairKind::ALLOWED[..5].to_vec();
    let judged = mended(&in_memory(&document), &target, &only(&others)).await;
    assert_eq!(
        repair(&judged).reason.as_deref(),
        Some("needs permissions, which --only does not allow")
    );
    let account = in_memory(&document);
    let cloud = Guarded {
        account: &account,
        policy: printed(&[RepairKind::Permissions]),
    };
    let judged = mended(&cloud, &target, &only(&[RepairKind::Permissions])).await;
    assert_eq!(judged.judgement.verdict, Verdict::InSync, "{judged:#?}");
    let written: Vec<&str> = repair(&judged).steps.iter().map(|step| step.effect.action()).collect();
    assert_eq!(written, ["iam:PutRolePolicy"], "{judged:#?}");
}

#[tokio::test(start_paused = true)]
async fn no_more_connections_than_max_are_repaired() {
    let account = account(|_| ());
    let targets = [
        cluster("orders", "checkout"),
        cluster("orders", "refunds"),
        instance("inventory", "stock-sync"),
    ];
    for target in &targets {
        setup(&account, target).await.unwrap();
    }
    account.edit(|document| {
        for function in &mut document.functions {
            if let Some(config) = &mut function.vpc_config {
                config.security_group_ids.truncate(1);
            }
        }
    });
    for max in 0..=3 {
        let account = in_memory(&account.document());
        let bounds = Bounds {
            max,
            ..Bounds::default()
        };
        let round = mend(&account, &targets, &bounds, &Interrupt::never()).await;
        assert_eq!(round.repairs(RepairResult::Repaired), max, "{round:#?}");
        assert_eq!(round.repairs(RepairResult::Left), 3 - max);
        for judged in round.judged.iter().skip(max) {
            assert_eq!(repair(judged).reason, Some(format!("--max {max} is reached")));
        }
        assert_eq!(round.exit_status(false), if max == 3 { 0 } else { 2 });
    }
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_between_two_repairs_ends_them() {
    let (trigger, interrupt) = Interrupt::new();
    let account = account(|_| ());
    let target = instance("inventory", "stock-sync");
    setup(&account, &target).await.unwrap();
    account.edit(detach_function);
    let writes = account.calls().write;
    trigger.raise();
    let round = mend(&account, &[target], &Bounds::default(), &interrupt).await;
    assert_eq!(repair(&round.judged[0]).result, RepairResult::Left);
    assert_eq!(account.calls().write, writes);
}

/// Two connections whose functions have lost their groups.
async fn two_detached() -> (AccountDocument, [Target; 2]) {
    let account = account(|_| ());
    let targets = [cluster("orders", "refunds"), instance("inventory", "stock-sync")];
    for target in &targets {
        setup(&account, target).await.unwrap();
    }
    let mut document = account.document();
    for function in &mut document.functions {
        if let (Some(config), true) = (&mut function.vpc_config, function.function_name != "checkout") {
            config.security_group_ids.truncate(1);
        }
    }
    (document, targets)
}

/// An interrupt at any call leaves no repair half told, and the next run finishes.
#[tokio::test(start_paused = true)]
async fn an_interrupt_at_any_call_is_finished_by_the_next_run() {
    let (document, targets) = two_detached().await;
    for at in 0.. {
        let account = in_memory(&document);
        let (trigger, interrupt) = Interrupt::new();
        let calls = AtomicU32::new(0);
        let cloud = slow_with(&account, |_| {
            if calls.fetch_add(1, Ordering::Relaxed) == at {
                trigger.raise();
            }
        });
        let round = mend(&cloud, &targets, &Bounds::default(), &interrupt).await;
        for judged in &round.judged {
            let Some(repair) = &judged.repair else { continue };
            let is_in_sync = judged.judgement.verdict == Verdict::InSync;
            match repair.result {
                RepairResult::Repaired => assert!(is_in_sync, "call {at}: {judged:#?}"),
                RepairResult::Left => assert!(!is_in_sync, "call {at}: {judged:#?}"),
                // It was interrupted while what it had written took effect.
                RepairResult::Failed => assert_eq!(repair.steps[0].status, StepStatus::Done, "call {at}: {judged:#?}"),
                RepairResult::Planned => panic!("call {at}: {judged:#?}"),
            }
        }
        let round = mend(&account, &targets, &Bounds::default(), &Interrupt::never()).await;
        assert_eq!(round.exit_status(false), 0, "call {at}: {round:#?}");
        if calls.load(Ordering::Relaxed) <= at {
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_does_not_stop_the_others() {
    let (document, targets) = two_detached().await;
    for fails in 0..2 {
        let account = in_memory(&document);
        let name = targets[fails].function_name().to_owned();
        let mut policy = printed(&[RepairKind::DetachedGroups]);
        let others = document
            .functions
            .iter()
            .filter(|function| function.function_name != name);
        let place = At::in_region("*", "*");
        let others: Vec<String> = others
            .map(|function| place.arn("lambda", &format!("function:{}", function.function_name)))
            .collect();
        for statement in &mut policy.statement {
            if statement
                .action
                .iter()
                .any(|action| action == "lambda:UpdateFunctionConfiguration")
            {
                statement.resource = Texts::from_iter(others.clone());
            }
        }
        let cloud = Guarded {
            account: &account,
            policy,
        };
        let round = mend(&cloud, &targets, &Bounds::default(), &Interrupt::never()).await;
        let results: Vec<RepairResult> = round.judged.iter().map(|judged| repair(judged).result).collect();
        let mut expected = [RepairResult::Repaired; 2];
        expected[fails] = RepairResult::Failed;
        assert_eq!(
            (results.as_slice(), round.exit_status(false)),
            (&expected[..], 1),
            "{round:#?}"
        );
        assert!(repair(&round.judged[fails]).reason.is_some());
    }
}

/// The accounts whose repairs are to survive: what is changed, and the connection.
async fn spoilt() -> Vec<(&'static str, AccountDocument, Target)> {
    let mut accounts = Vec::new();
    for (name, through_proxy, edit, _) in kinds() {
        let Scenario { document, target, .. } = scenario(through_proxy);
        let mut document = connected(&document, &target).await;
        edit(&mut document);
        accounts.push((name, document, target));
    }
    accounts
}

async fn assert_heals(account: &autoconnect::account::OfflineAccount, target: &Target, context: &str) {
    let judged = mended(account, target, &Bounds::default()).await;
    assert_eq!(judged.judgement.verdict, Verdict::InSync, "{context}: {judged:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_repair_that_dies_is_finished_by_the_next() {
    let mut deaths = 0;
    for (name, document, target) in spoilt().await {
        let dying = async |cloud: &Interposed<'_, Crash<'_>>| {
            mend(
                cloud,
                std::slice::from_ref(&target),
                &Bounds::default(),
                &Interrupt::never(),
            )
            .await;
            Ok(())
        };
        deaths += each_death(&document, dying, async |left: Left| {
            assert_heals(&left.account, &target, &format!("{name}, {}", left.context)).await;
        })
        .await;
    }
    assert!(deaths > 100, "{deaths}");
}

#[tokio::test(start_paused = true)]
async fn a_repair_survives_every_fault() {
    let mut faults = 0;
    for (name, document, target) in spoilt().await {
        let failing = async |cloud: &Interposed<'_, Faults<'_>>| {
            let round = mend(
                cloud,
                std::slice::from_ref(&target),
                &Bounds::default(),
                &Interrupt::never(),
            )
            .await;
            // What has failed says why.
            for repair in round.judged.iter().filter_map(|judged| judged.repair.as_ref()) {
                assert_eq!(
                    repair.reason.is_none(),
                    repair.result == RepairResult::Repaired,
                    "{repair:#?}"
                );
            }
            Ok(())
        };
        let (injected, _) = each_fault(&document, failing, async |failed: Failed<()>| {
            assert_heals(&failed.account, &target, &format!("{name}, {}", failed.context)).await;
        })
        .await;
        faults += injected;
    }
    assert!(faults > 100, "{faults}");
}

fn printed(kinds: &[RepairKind]) -> PolicyDocument {
    let place = At::in_region("*", "*");
    let reads = READS
        .iter()
        .chain(TAG_READS)
        .chain(PERMISSION_READS)
        .chain(PATH_READS)
        .copied();
    let mut permissions = read_only(reads, place);
    repairs(&mut permissions, kinds.iter().copied(), place);
    permissions.document()
}

/// The printed policy is enough for the repairs of its kinds, and for no others.
#[tokio::test(start_paused = true)]
async fn the_printed_policy_is_enough_for_its_kinds() {
    for (name, through_proxy, edit, needed) in kinds() {
        let Scenario { document, target, .. } = scenario(through_proxy);
        let mut document = connected(&document, &target).await;
        edit(&mut document);
        let result = async |kinds: &[RepairKind]| {
            let account = in_memory(&document);
            let cloud = Guarded {
                account: &account,
                policy: printed(kinds),
            };
            let judged = mended(&cloud, &target, &Bounds::default()).await;
            repair(&judged).clone()
        };
        let enough = result(&needed).await;
        assert_eq!(enough.result, RepairResult::Repaired, "{name}: {enough:#?}");
        // To make groups takes what their rules and their associations take.
        let is_less = |kind: &RepairKind| !needed.contains(kind) && *kind != RepairKind::MissingGroups;
        let others: Vec<RepairKind> = RepairKind::ALLOWED.into_iter().filter(is_less).collect();
        let denied = result(&others).await;
        assert_eq!(denied.result, RepairResult::Failed, "{name}: {denied:#?}");
        assert_eq!(result(&[]).await.result, RepairResult::Failed, "{name}");
    }
}

#[derive(Clone, Debug)]
enum Mutation {
    Stray(Index, bool),
    Clear(Index, bool),
    Shift(Index),
    OffFunctions(Index),
    OffDatabases(Index),
    NoTarget,
    Delete(Index),
    Untag(Index),
    Unavailable,
    NoFunction,
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let index = || any::<Index>();
    prop_oneof![
        (index(), any::<bool>()).prop_map(|(at, way)| Mutation::Stray(at, way)),
        (index(), any::<bool>()).prop_map(|(at, way)| Mutation::Clear(at, way)),
        index().prop_map(Mutation::Shift),
        index().prop_map(Mutation::OffFunctions),
        index().prop_map(Mutation::OffDatabases),
        Just(Mutation::NoTarget),
        index().prop_map(Mutation::Delete),
        index().prop_map(Mutation::Untag),
        Just(Mutation::Unavailable),
        Just(Mutation::NoFunction),
    ]
}

fn mutate(document: &mut AccountDocument, mutation: &Mutation) {
    let groups = &mut document.security_groups;
    if groups.is_empty() {
        return;
    }
    let off = |document: &mut AccountDocument, id: &str| {
        for function in &mut document.functions {
            if let Some(config) = &mut function.vpc_config {
                config.security_group_ids.retain(|group| group != id);
            }
        }
    };
    let off_databases = |document: &mut AccountDocument, id: &str| {
        for cluster in &mut document.db_clusters {
            cluster
                .vpc_security_groups
                .retain(|group| group.vpc_security_group_id != id);
        }
        for instance in &mut document.db_instances {
            instance
                .vpc_security_groups
                .retain(|group| group.vpc_security_group_id != id);
        }
        for proxy in &mut document.db_proxies {
            proxy.vpc_security_group_ids.retain(|group| group != id);
        }
    };
    match mutation {
        Mutation::Stray(at, is_inbound) => {
            let group = at.get_mut(groups);
            let rules = if *is_inbound {
                &mut group.ip_permissions
            } else {
                &mut group.ip_permissions_egress
            };
            if !rules.contains(&stray()) {
                rules.push(stray());
            }
        }
        Mutation::Clear(at, true) => at.get_mut(groups).ip_permissions.clear(),
        Mutation::Clear(at, false) => at.get_mut(groups).ip_permissions_egress.clear(),
        Mutation::Shift(at) => {
            for rule in &mut at.get_mut(groups).ip_permissions {
                rule.to_port = rule.to_port.map(|port| port + 1);
            }
        }
        Mutation::OffFunctions(at) => {
            let id = at.get(groups).group_id.clone();
            off(document, &id);
        }
        Mutation::OffDatabases(at) => {
            let id = at.get(groups).group_id.clone();
            off_databases(document, &id);
        }
        Mutation::NoTarget => no_target(document),
        Mutation::Delete(at) => {
            let id = at.get(groups).group_id.clone();
            off(document, &id);
            off_databases(document, &id);
            document.security_groups.retain(|group| group.group_id != id);
            for group in &mut document.security_groups {
                for rules in [&mut group.ip_permissions, &mut group.ip_permissions_egress] {
                    rules.retain(|rule| rule.user_id_group_pairs.iter().all(|pair| pair.group_id != id));
                }
            }
        }
        Mutation::Untag(at) => at.get_mut(groups).tags.clear(),
        Mutation::Unavailable => {
            for cluster in &mut document.db_clusters {
                cluster.status = "modifying".into();
            }
        }
        Mutation::NoFunction => document.functions.truncate(0),
    }
}

fn is_ours(group: &SecurityGroupEntry) -> bool {
    group.tags.iter().any(|tag| tag.key == tags::MANAGED)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: thoroughly([60, 2000]), failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever has drifted is in sync afterwards, or told as left; and no group is deleted, taken off a resource, or, where it
    /// is not ours, changed.
    #[test]
    fn what_has_drifted_is_repaired_or_told(which in any::<Index>(), mutations in prop::collection::vec(mutation(), 1..4)) {
        in_virtual_time(async {
            let scenarios = base();
            let Scenario { document, target, .. } = which.get(&scenarios);
            let mut document = connected(document, target).await;
            for mutation in &mutations {
                mutate(&mut document, mutation);
            }
            let account = in_memory(&document);
            let judged = mended(&account, target, &Bounds::default()).await;
            let after = account.document();
            let is_told = || judged.repair.as_ref().is_some_and(|repair| {
                repair.reason.is_some() || !judged.judgement.findings.is_empty()
            });
            assert!(judged.judgement.verdict == Verdict::InSync || is_told(), "{mutations:?}: {judged:#?}");
            let failed = judged.repair.as_ref().is_some_and(|repair| repair.result == RepairResult::Failed);
            assert!(!failed, "{mutations:?}: {judged:#?}");
            for group in &document.security_groups {
                let now = after.security_groups.iter().find(|now| now.group_id == group.group_id);
                let now = now.unwrap_or_else(|| panic!("{} is gone: {mutations:?}", group.group_id));
                assert_eq!((&group.tags, &group.group_name), (&now.tags, &now.group_name));
                if !is_ours(group) {
                    assert_eq!(group, now, "{mutations:?}");
                }
            }
            let now = lists(&after);
            for (resource, list) in lists(&document) {
                assert!(now[&resource].starts_with(&list), "{resource}: {mutations:?}");
            }
            assert_eq!(after.db_proxies.len(), document.db_proxies.len());
            assert_eq!(after.functions.len(), document.functions.len());
            assert_eq!((&after.roles, &after.secrets), (&document.roles, &document.secrets));
        });
    }
}

/// A group of another connection is repaired by that connection's repair, and by no other.
#[tokio::test(start_paused = true)]
async fn a_group_of_another_connection_is_left() {
    let account = account(|_| ());
    let (ours, theirs) = (cluster("orders", "refunds"), instance("inventory", "stock-sync"));
    for target in [&ours, &theirs] {
        setup(&account, target).await.unwrap();
    }
    account.edit(|document| {
        let mut groups = document.security_groups.iter_mut();
        let theirs = groups.find(|group| group.group_name == "lambda-rds-3").unwrap();
        let id = theirs.group_id.clone();
        theirs.ip_permissions.push({
            let mut rule = stray();
            rule.ip_protocol = "-1".into();
            (rule.from_port, rule.to_port) = (None, None);
            rule
        });
        let mut functions = document.functions.iter_mut();
        let refunds = functions.find(|function| function.function_name == "refunds").unwrap();
        refunds.vpc_config.as_mut().unwrap().security_group_ids.push(id);
    });
    let before = account.document();
    let judged = mended(&account, &ours, &Bounds::default()).await;
    assert_eq!(repair(&judged).result, RepairResult::Left, "{judged:#?}");
    let reason = repair(&judged).reason.as_deref().unwrap();
    assert!(
        reason.starts_with("the group is another connection's: `autoconnect setup --instance inventory"),
        "{reason}"
    );
    assert_eq!(before, account.document());
    // Both are looked at: the one repair resolves it for both.
    let round = mend(&account, &[ours, theirs], &Bounds::default(), &Interrupt::never()).await;
    assert_eq!(
        (round.repairs(RepairResult::Repaired), round.exit_status(false)),
        (2, 0),
        "{round:#?}"
    );
    assert_eq!(round.judged[0].connection.kind, DatabaseKind::Cluster);
}
