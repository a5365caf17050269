//! `setup --repair`: the rules of our own groups are set back, and no others.

use autoconnect::account::{AccountDocument, IpPermission, OfflineAccount, SecurityGroupEntry};
use autoconnect::cloud::Cloud;
use autoconnect::model::Rule;
use autoconnect::operation::Operation;
use autoconnect::plan::{Request, StepStatus};
use autoconnect::reconcile::{Options, Outcome, RunResult};

use crate::crashes::{DEATHS, crashing};
use crate::scenarios::{Scenario, base};
use crate::support::*;

fn repair() -> Options {
    Options {
        request: Request {
            repair: true,
            ..Request::default()
        },
        ..Options::default()
    }
}

async fn repaired(account: &OfflineAccount, scenario: &Scenario) -> Outcome {
    let ended = setup_with(account, &scenario.target, &repair(), &Script::default()).await;
    ended.unwrap_or_else(|failure| panic!("{failure} ({})", failure.error.code()))
}

/// The groups with their rules in an order of their own.
fn groups(document: &AccountDocument) -> Vec<(String, String, Vec<Rule>, Vec<Rule>)> {
    let sorted = |rules: Vec<Rule>| {
        let mut rules = rules;
        for rule in &mut rules {
            rule.description = None;
        }
        rules.sort();
        rules
    };
    let group = |entry: &SecurityGroupEntry| {
        let group = entry.to_model();
        (
            group.id.to_string(),
            group.name,
            sorted(group.ingress),
            sorted(group.egress),
        )
    };
    document.security_groups.iter().map(group).collect()
}

type Change = fn(&mut SecurityGroupEntry);

/// What people do to a group.
fn changes() -> [(&'static str, Change); 5] {
    [
        ("an inbound rule added", |group| {
            let mut rule = IpPermission::from_rule(&Rule::default_egress());
            rule.ip_protocol = "tcp".into();
            (rule.from_port, rule.to_port) = (Some(22), Some(22));
            group.ip_permissions.push(rule);
        }),
        ("all outbound traffic", |group| {
            let rule = IpPermission::from_rule(&Rule::default_egress());
            group.ip_permissions_egress.push(rule);
        }),
        ("other ports", |group| {
            for rule in group.ip_permissions.iter_mut().chain(&mut group.ip_permissions_egress) {
                rule.to_port = rule.to_port.map(|port| port + 1);
            }
        }),
        ("no inbound rules", |group| group.ip_permissions.clear()),
        ("no rules", |group| {
            group.ip_permissions.clear();
            group.ip_permissions_egress.clear();
        }),
    ]
}

/// Accounts in which each of our groups was changed in each way that makes it unfit.
async fn changed() -> Vec<(String, Scenario, AccountDocument, AccountDocument)> {
    let mut accounts = Vec::new();
    for scenario in base() {
        let account = OfflineAccount::in_memory(scenario.document.clone()).unwrap();
        setup(&account, &scenario.target).await.unwrap();
        let connected = account.document();
        for index in scenario.document.security_groups.len()..connected.security_groups.len() {
            for (what, change) in changes() {
                let mut document = connected.clone();
                change(&mut document.security_groups[index]);
                let account = OfflineAccount::in_memory(document.clone()).unwrap();
                let planned = setup_with(&account, &scenario.target, &dry_run(), &Script::default()).await;
                if planned.unwrap().result == RunResult::Planned {
                    let name = format!(
                        "{}: {what} in {}",
                        scenario.name, document.security_groups[index].group_name
                    );
                    accounts.push((name, scenario.clone(), connected.clone(), document));
                }
            }
        }
    }
    accounts
}

#[tokio::test(start_paused = true)]
async fn changed_rules_are_set_back_and_nothing_is_made() {
    let mut runs = 0;
    for (name, scenario, connected, document) in changed().await {
        let account = OfflineAccount::in_memory(document.clone()).unwrap();
        let outcome = repaired(&account, &scenario).await;
        assert_eq!(groups(&account.document()), groups(&connected), "{name}");
        assert_eq!(outcome.result, RunResult::Connected, "{name}");
        let planned: Vec<Operation> = outcome
            .proposal
            .plan
            .steps
            .iter()
            .filter(|step| step.status == StepStatus::Done)
            .map(|step| step.effect.operation())
            .collect();
        let grants = |operation: &Operation| operation.iam_action().starts_with("ec2:Authorize");
        let first_revoke = planned.iter().position(|operation| !grants(operation));
        let last_grant = planned.iter().rposition(grants);
        assert!(
            last_grant.is_none() || first_revoke.is_none() || last_grant < first_revoke,
            "{name}: {planned:?}"
        );
        runs += 1;

        // Off by default: the console's way is to create.
        let other = OfflineAccount::in_memory(document.clone()).unwrap();
        setup(&other, &scenario.target).await.unwrap();
        let made = other.document().security_groups.len() - document.security_groups.len();
        assert!(made > 1, "{name}");

        let writes = account.calls().write;
        repaired(&account, &scenario).await;
        assert_eq!(account.calls().write, writes, "{name}");
    }
    assert!(runs > 30, "{runs}");
}

#[tokio::test(start_paused = true)]
async fn groups_without_our_tags_are_not_repaired() {
    for (name, scenario, _, mut document) in changed().await {
        for group in &mut document.security_groups {
            group.tags.clear();
        }
        let account = OfflineAccount::in_memory(document.clone()).unwrap();
        repaired(&account, &scenario).await;
        let after = account.document();
        assert_eq!(
            after.security_groups[..document.security_groups.len()],
            document.security_groups,
            "{name}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_repair_survives_each_death() {
    let mut deaths = 0;
    for (name, scenario, connected, document) in changed().await {
        for death in DEATHS {
            for at in 0.. {
                let account = OfflineAccount::in_memory(document.clone()).unwrap();
                let (options, front) = (repair(), Script::default());
                let (_, calls) = crashing(&account, at, death, async |cloud| {
                    setup_with(cloud, &scenario.target, &options, &front).await
                })
                .await;
                if calls <= at {
                    break;
                }
                deaths += 1;
                repaired(&account, &scenario).await;
                assert_eq!(
                    groups(&account.document()),
                    groups(&connected),
                    "{name}, {death:?} call {at}"
                );
            }
        }
    }
    println!("{deaths} deaths of a repair healed");
    assert!(deaths > 500, "{deaths}");
}
