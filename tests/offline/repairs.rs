//! `setup --repair`: the rules of our own groups are restored, and no others.

use autoconnect::account::{AccountDocument, IpPermission, OfflineAccount, SecurityGroupEntry, Tag};
use autoconnect::cloud::Cloud;
use autoconnect::model::{Peer, PortRange, Protocol, Rule};
use autoconnect::observe::ProxyWish;
use autoconnect::operation::Operation;
use autoconnect::plan::{Effect, RemovalEffect, Request, Step, StepStatus};
use autoconnect::reconcile::{Ending, Options};
use autoconnect::tags;

use crate::crashes::{Crash, Left, each_death};
use crate::fault_matrix::{Failed, Faults, each_fault};
use crate::interposed::Interposed;
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
                if planned.unwrap().ending == Ending::Planned {
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
        assert_eq!(outcome.ending, Ending::Reached, "{name}");
        let planned: Vec<Operation> = outcome
            .draft
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
        let repairing = async |cloud: &Interposed<'_, Crash<'_>>| {
            setup_with(cloud, &scenario.target, &repair(), &Script::default()).await
        };
        deaths += each_death(&document, repairing, async |died: Left| {
            repaired(&died.account, &scenario).await;
            let left = groups(&died.account.document());
            assert_eq!(left, groups(&connected), "{name}, {}", died.context);
        })
        .await;
    }
    println!("{deaths} deaths of a repair healed");
    assert!(deaths > 500, "{deaths}");
}

type Edit = fn(&mut AccountDocument);

/// A connected account in which the database's group of ours was opened, and what else was done to it.
fn forgeries() -> [(&'static str, Edit, &'static str); 6] {
    fn made(document: &mut AccountDocument, name: &str) -> usize {
        let mut groups = document.security_groups.iter();
        groups.rposition(|group| group.group_name.starts_with(name)).unwrap()
    }
    fn tag(document: &mut AccountDocument, name: &str, key: &str, value: Option<&str>) {
        let at = made(document, name);
        let tags = &mut document.security_groups[at].tags;
        tags.retain(|tag| tag.key != key);
        tags.extend(value.map(|value| Tag {
            key: key.to_owned(),
            value: value.to_owned(),
        }));
    }
    [
        (
            "a group of a person's with our tags",
            |document| {
                let at = made(document, "rds-lambda-");
                "web servers".clone_into(&mut document.security_groups[at].description);
            },
            "its description \"web servers\" is not one that autoconnect writes",
        ),
        (
            "no description",
            |document| {
                let at = made(document, "rds-lambda-");
                document.security_groups[at].description.clear();
            },
            "its description is not known",
        ),
        (
            "not managed",
            |document| tag(document, "rds-lambda-", tags::MANAGED, None),
            "it has no tag autoconnect:managed=true",
        ),
        (
            "another side's",
            |document| tag(document, "rds-lambda-", tags::ROLE, Some("proxy")),
            "its tag autoconnect:role is \"proxy\", not \"database\"",
        ),
        (
            "the other end is not ours",
            |document| {
                let at = made(document, "lambda-rds-");
                document.security_groups[at].tags.clear();
            },
            "at the other end is not ours",
        ),
        (
            "the other end does not name it",
            |document| {
                let at = made(document, "lambda-rds-");
                let other = document.security_groups[0].group_id.clone();
                document.security_groups[at].ip_permissions_egress[0].user_id_group_pairs[0].group_id = other;
                let at = made(document, "rds-lambda-");
                document.security_groups[at].ip_permissions.clear();
            },
            "does not name it back",
        ),
    ]
}

/// Tags are not enough: what contradicts them is reported, before the first write.
#[tokio::test(start_paused = true)]
async fn a_group_that_is_not_proven_ours_is_not_repaired() {
    let direct = |scenario: &Scenario| scenario.target.proxy == ProxyWish::None;
    for scenario in base().into_iter().filter(direct) {
        let account = OfflineAccount::in_memory(scenario.document.clone()).unwrap();
        setup(&account, &scenario.target).await.unwrap();
        let connected = account.document();
        for (what, edit, why) in forgeries() {
            let mut document = connected.clone();
            edit(&mut document);
            let group = document
                .security_groups
                .iter_mut()
                .rfind(|group| group.group_name.starts_with("rds-lambda-"))
                .unwrap();
            changes()[0].1(group);
            let account = OfflineAccount::in_memory(document.clone()).unwrap();
            let ended = setup_with(&account, &scenario.target, &repair(), &Script::default()).await;
            let failure = ended.expect_err(what);
            assert_eq!(failure.error.code(), "repair-unproven", "{what}");
            assert!(failure.to_string().contains(why), "{what}: {failure}");
            assert_eq!(
                (account.calls().write, account.document() == document),
                (0, true),
                "{what}"
            );
        }
    }
}

/// Each rule that is revoked is a step of its own, in which it is spelled out.
#[tokio::test(start_paused = true)]
async fn each_rule_is_revoked_by_a_step_of_its_own() {
    let scenario = &base()[0];
    let account = OfflineAccount::in_memory(scenario.document.clone()).unwrap();
    setup(&account, &scenario.target).await.unwrap();
    account.edit(|document| {
        let group = document.security_groups.last_mut().unwrap();
        group.ip_permissions_egress.extend((1..=3).map(outbound));
    });
    let options = Options {
        dry_run: true,
        ..repair()
    };
    let planned = setup_with(&account, &scenario.target, &options, &Script::default()).await;
    let plan = planned.unwrap().draft.plan;
    let revokes: Vec<&str> = plan
        .steps
        .iter()
        .filter(|step| matches!(step.effect, Effect::Removal(RemovalEffect::Revoke { .. })))
        .map(|step| step.summary.split_once(": ").unwrap().1)
        .collect();
    let rule = |n: u8| format!("revoke outbound rule tcp 443 to 192.0.2.{n}/32");
    assert_eq!(revokes, [rule(1), rule(2), rule(3)]);
}

/// A foreign outbound rule.
fn outbound(n: u8) -> IpPermission {
    IpPermission::from_rule(&Rule {
        protocol: Protocol::Tcp,
        ports: Some(PortRange::only(443)),
        peer: Peer::Cidr(format!("192.0.2.{n}/32")),
        description: None,
    })
}

/// A connected account whose function's group lacks its rule and has as many foreign ones as its quota allows.
async fn full(scenario: &Scenario, quota: usize, foreign: u8) -> AccountDocument {
    let account = OfflineAccount::in_memory(scenario.document.clone()).unwrap();
    setup(&account, &scenario.target).await.unwrap();
    account.edit(|document| {
        document.quotas.rules_per_security_group = quota;
        let group = document.security_groups.last_mut().unwrap();
        assert!(group.group_name.starts_with("lambda-"), "{}", group.group_name);
        group.ip_permissions_egress = (1..=foreign).map(outbound).collect();
    });
    account.document()
}

/// AWS's default quota is known before the first write; another one by its error. Either way one rule that does not
/// belong goes first, and only one.
#[tokio::test(start_paused = true)]
async fn a_group_at_its_quota_of_rules_is_repaired() {
    for scenario in base() {
        for (quota, foreign, is_known) in [(60, 60, true), (5, 5, false), (61, 61, true), (200, 80, true)] {
            let document = full(&scenario, quota, foreign).await;
            let account = OfflineAccount::in_memory(document.clone()).unwrap();
            let outcome = repaired(&account, &scenario).await;
            let name = format!("{}: {foreign} of {quota}", scenario.name);
            let steps = &outcome.draft.plan.steps;
            let done = |step: &&Step| step.status == StepStatus::Done;
            let actions: Vec<&str> = steps.iter().filter(done).map(|step| step.effect.action()).collect();
            assert_eq!(
                actions[..3],
                [
                    "ec2:RevokeSecurityGroupEgress",
                    "ec2:AuthorizeSecurityGroupEgress",
                    "ec2:RevokeSecurityGroupEgress"
                ],
                "{name}"
            );
            assert_eq!(actions.len(), usize::from(foreign) + 1, "{name}");
            assert_eq!(outcome.applied.len(), usize::from(foreign) + 1, "{name}");
            let first = steps.iter().find(|step| step.status == StepStatus::Done).unwrap();
            assert!(
                first.summary.ends_with("may be at its quota of rules"),
                "{name}: {}",
                first.summary
            );
            // What is learned by the error costs one call that was refused.
            let refused = usize::from(!is_known);
            assert_eq!(
                usize::try_from(account.calls().write).unwrap(),
                usize::from(foreign) + 1 + refused,
                "{name}"
            );
        }
    }
}

/// What carries the connection's traffic is not what goes first.
#[tokio::test(start_paused = true)]
async fn making_room_cuts_no_traffic() {
    for scenario in base() {
        let mut document = full(&scenario, 3, 2).await;
        let group = document.security_groups.last_mut().unwrap();
        // All traffic, before the others: until the own rule is there again, the connection needs it.
        let all = IpPermission::from_rule(&Rule::default_egress());
        group.ip_permissions_egress.insert(0, all);
        let account = OfflineAccount::in_memory(document).unwrap();
        let outcome = repaired(&account, &scenario).await;
        let done = outcome
            .draft
            .plan
            .steps
            .iter()
            .filter(|step| step.status == StepStatus::Done);
        let summaries: Vec<&str> = done.map(|step| step.summary.as_str()).collect();
        let grant = summaries
            .iter()
            .position(|step| step.contains("outbound rule tcp") && !step.contains("revoke"));
        let all = summaries.iter().position(|step| step.contains("all traffic"));
        assert!(grant < all, "{}: {summaries:#?}", scenario.name);
        assert_eq!(grant, Some(1), "{}: {summaries:#?}", scenario.name);
    }
}

/// Each operation of a repair fails in each way, also where the group is at its quota: the run ends with its own error, or
/// repaired, shows what it has written, and the next one has nothing left to do after it.
#[tokio::test(start_paused = true)]
async fn every_operation_of_a_repair_survives_every_fault() {
    let mut injected = 0;
    for scenario in base() {
        let account = OfflineAccount::in_memory(scenario.document.clone()).unwrap();
        setup(&account, &scenario.target).await.unwrap();
        let connected = account.document();
        for quota in [60, 3] {
            let document = full(&scenario, quota, 3).await;
            let repairing = async |cloud: &Interposed<'_, Faults<'_>>| {
                setup_with(cloud, &scenario.target, &repair(), &Script::default()).await
            };
            let (faults, _) = each_fault(&document, repairing, async |failed: Failed<_>| {
                repaired(&failed.account, &scenario).await;
                let left = groups(&failed.account.document());
                assert_eq!(
                    left,
                    groups(&connected),
                    "{}, {quota}: {}",
                    scenario.name,
                    failed.context
                );
            })
            .await;
            injected += faults;
        }
    }
    println!("{injected} faults in repairs");
    assert!(injected > 500, "{injected}");
}
