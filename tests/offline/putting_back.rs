//! What is put on a list besides the plan's own groups: only what the very run has seen there and then missed; and what
//! a run created without need, which it deletes again.

use std::sync::Mutex;

use autoconnect::account::{AccountDocument, OfflineAccount, SecurityGroupEntry};
use autoconnect::cloud::{Answer, Cloud, CloudError, Fault, Operation};
use autoconnect::interrupt::Interrupt;
use autoconnect::observe::{ProxyWish, Target};
use autoconnect::plan::{Request, StepStatus};
use autoconnect::reconcile::{Converged, Disconnect, Ending, Options, converge};
use autoconnect::removal::{RemovalWish, Standing};
use autoconnect::report::{RunDocument, connected as closing_text, converged_text};
use serde_json::json;

use crate::interposed::{Hook, Interposed};
use crate::scenarios::{Scenario, base, groups_on_database, lists, row};
use crate::stale_reads::settle;
use crate::support::*;

/// Connects these one after the other.
async fn connected(document: &AccountDocument, targets: &[&Target]) -> AccountDocument {
    let account = OfflineAccount::in_memory(document.clone()).unwrap();
    for target in targets {
        setup(&account, target).await.unwrap();
    }
    let mut document = account.document();
    settle(&mut document);
    document
}

async fn removed(cloud: &dyn Cloud, target: &Target) -> Converged<Standing> {
    let goal = Disconnect {
        target: target.clone(),
        wish: RemovalWish::default(),
        wait_for_database: false,
    };
    let front = Script::default();
    converge(cloud, &goal, &Options::default(), &front, Interrupt::never())
        .await
        .unwrap()
}

/// A pair of groups that name each other, on nothing, with the tags of a function that connects with this database.
fn forge(document: &mut AccountDocument, scenario: &Scenario, tagged: &[&str]) {
    let (database, function) = match scenario.target.proxy {
        ProxyWish::None => ("rds-lambda-9", "lambda-rds-9"),
        _ => ("rdsproxy-lambda-9", "lambda-rdsproxy-9"),
    };
    let kind = if document.db_clusters.is_empty() {
        "instance"
    } else {
        "cluster"
    };
    let tags = |name: &str| {
        let (way, role) = match scenario.target.proxy {
            ProxyWish::None => (format!("{kind}/db"), "database"),
            _ => (format!("{kind}/db:proxy/p"), "proxy"),
        };
        let role = if name == function { "function" } else { role };
        let all = json!([
            {"Key": "autoconnect:managed", "Value": "true"},
            {"Key": "autoconnect:connection", "Value": format!("{way}:function/evil")},
            {"Key": "autoconnect:role", "Value": role},
        ]);
        if tagged.contains(&role) { all } else { json!([]) }
    };
    let rule = |port: u16, group: &str| json!([{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "UserIdGroupPairs": [{"GroupId": group}]}]);
    let port = if database == "rds-lambda-9" { 5433 } else { 5432 };
    let onwards = if database == "rds-lambda-9" {
        json!([])
    } else {
        rule(5433, "sg-evil-b")
    };
    let mut groups = vec![
        json!({"GroupId": "sg-evil-d", "GroupName": database, "VpcId": "vpc-1", "Description": "of someone else",
               "IpPermissions": rule(port, "sg-evil-l"), "IpPermissionsEgress": onwards, "Tags": tags(database)}),
        json!({"GroupId": "sg-evil-l", "GroupName": function, "VpcId": "vpc-1", "Description": "of someone else",
               "IpPermissionsEgress": rule(port, "sg-evil-d"), "Tags": tags(function)}),
    ];
    if database != "rds-lambda-9" {
        groups.push(json!({"GroupId": "sg-evil-b", "GroupName": "rds-rdsproxy-9", "VpcId": "vpc-1", "Description": "of someone else",
                           "IpPermissions": rule(5433, "sg-evil-d"), "Tags": tags("rds-rdsproxy-9")}));
    }
    let entries = groups
        .into_iter()
        .map(|group| serde_json::from_value::<SecurityGroupEntry>(group).unwrap());
    document.security_groups.extend(entries);
}

fn is_anywhere(document: &AccountDocument, prefix: &str) -> bool {
    lists(document)
        .values()
        .flatten()
        .any(|group| group.starts_with(prefix))
}

/// Anyone may make groups and tag them: no command puts them on a database, a proxy or a function.
#[tokio::test(start_paused = true)]
async fn forged_tags_put_no_group_on_a_list() {
    for scenario in base() {
        for tagged in [&["database", "proxy"][..], &["database", "proxy", "function"][..]] {
            let context = format!("{} with {tagged:?} tagged", scenario.name);
            let target = &scenario.target;
            // A new connection.
            let mut document = scenario.document.clone();
            forge(&mut document, &scenario, tagged);
            let account = OfflineAccount::in_memory(document).unwrap();
            let outcome = setup(&account, target).await.unwrap();
            assert_eq!(outcome.ending, Ending::Reached, "{context}");
            assert!(!is_anywhere(&account.document(), "sg-evil"), "setup: {context}");
            // A repair, which writes the database's list too.
            let mut document = connected(&scenario.document, &[target]).await;
            forge(&mut document, &scenario, tagged);
            let ours = document
                .security_groups
                .iter_mut()
                .find(|group| group.group_name.starts_with("rds-"));
            ours.unwrap().ip_permissions.clear();
            groups_on_database(&mut document).pop();
            let account = OfflineAccount::in_memory(document).unwrap();
            let options = Options {
                request: Request {
                    repair: true,
                    ..Request::default()
                },
                ..Options::default()
            };
            let outcome = setup_with(&account, target, &options, &Script::default())
                .await
                .unwrap();
            assert_eq!(outcome.ending, Ending::Reached, "{context}");
            assert!(!is_anywhere(&account.document(), "sg-evil"), "repair: {context}");
            // A removal.
            let mut document = connected(&scenario.document, &[target]).await;
            forge(&mut document, &scenario, tagged);
            let account = OfflineAccount::in_memory(document).unwrap();
            removed(&account, target).await;
            assert!(!is_anywhere(&account.document(), "sg-evil"), "remove: {context}");
        }
    }
}

/// The group that function `g` has on the database by way of the proxy.
const OF_G: &str = "rds-rdsproxy-1";

/// An account where `g` is connected through the proxy, and `f` is to be connected without it.
async fn two_ways() -> (AccountDocument, Target, Target) {
    let scenario = row("cluster None/None/Some(None)");
    let g = Target {
        function: "g".into(),
        ..scenario.target.clone()
    };
    let f = Target {
        proxy: ProxyWish::None,
        ..scenario.target
    };
    (connected(&scenario.document, &[&g]).await, f, g)
}

fn id_of(document: &AccountDocument, name: &str) -> String {
    let group = document.security_groups.iter().find(|group| group.group_name == name);
    group.unwrap().group_id.clone()
}

fn is_on_database(document: &AccountDocument, name: &str) -> bool {
    let id = id_of(document, name);
    lists(document)["cluster db"].contains(&id)
}

/// Takes a group off the database, as another writer does that overwrites the list.
fn take_off(document: &mut AccountDocument, name: &str) {
    let id = id_of(document, name);
    groups_on_database(document).retain(|membership| membership.vpc_security_group_id != id);
}

/// Does something before the first call of an operation.
fn before<'a>(
    account: &'a OfflineAccount,
    operation: Operation,
    edit: impl FnOnce(&mut AccountDocument) + Send + 'a,
) -> Interposed<'a, crate::interposed::Slowly<'a>> {
    let edit = Mutex::new(Some(edit));
    slow_with(account, move |called| {
        if called == operation
            && let Some(edit) = edit.lock().unwrap().take()
        {
            account.edit(edit);
        }
    })
}

/// What a run has seen on the database and then misses is restored; the step is reported in the document and in the
/// text.
#[tokio::test(start_paused = true)]
async fn what_a_run_has_seen_and_misses_is_put_back_and_reported() {
    let (document, f, _) = two_ways().await;
    let account = OfflineAccount::in_memory(document.clone()).unwrap();
    let cloud = before(&account, Operation::CreateSecurityGroup, |document| {
        take_off(document, OF_G);
    });
    let outcome = setup(&cloud, &f).await.unwrap();
    assert!(is_on_database(&account.document(), OF_G));
    let words = format!("associate {OF_G} ({}) again", id_of(&document, OF_G));
    let told = RunDocument::setup(&outcome, account.calls());
    let step = told.steps.last().unwrap();
    assert!(step.summary.contains(&words), "{step:?}");
    assert_eq!(serde_json::to_value(step).unwrap()["status"], "done");
    assert!(closing_text(&outcome).contains(&words), "{}", closing_text(&outcome));
    let done = outcome
        .draft
        .plan
        .steps
        .iter()
        .filter(|step| step.status == StepStatus::Done);
    assert_eq!(done.count(), outcome.applied.len(), "each write is a step");
    // So does `remove`.
    let mut document = connected(&document, &[&f]).await;
    settle(&mut document);
    let account = OfflineAccount::in_memory(document).unwrap();
    let cloud = before(&account, Operation::CreateTags, |document| take_off(document, OF_G));
    let converged = removed(&cloud, &f).await;
    assert_eq!(converged.ending, Ending::Reached);
    assert!(is_on_database(&account.document(), OF_G));
    assert_eq!(converged.draft.added.len(), 1);
    assert!(
        converged_text(&converged).contains(&words),
        "{}",
        converged_text(&converged)
    );
}

/// The same group, which was disassociated before the run began, stays off: who took it off may have meant it.
#[tokio::test(start_paused = true)]
async fn what_a_run_has_not_seen_stays_off() {
    let (mut document, f, _) = two_ways().await;
    take_off(&mut document, OF_G);
    let account = OfflineAccount::in_memory(document).unwrap();
    let outcome = setup(&account, &f).await.unwrap();
    assert!(outcome.draft.added.is_empty());
    removed(&account, &f).await;
    assert!(!is_on_database(&account.document(), OF_G));
}

/// Someone takes the name of the set's second group, once its first is made.
fn takes_the_second_name(document: &mut AccountDocument) {
    let entry = json!({"GroupId": "sg-theirs", "GroupName": "lambda-rds-1", "VpcId": "vpc-1"});
    document.security_groups.push(serde_json::from_value(entry).unwrap());
}

struct Thief {
    may_delete: bool,
    created: std::sync::atomic::AtomicU32,
}

/// An account whose second name is taken between the two creations.
struct Stealing<'a> {
    account: &'a OfflineAccount,
    thief: &'a Thief,
}

impl Hook for Stealing<'_> {
    async fn around<T: std::fmt::Debug + Send>(
        &self,
        operation: Operation,
        call: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        if operation == Operation::CreateSecurityGroup
            && self.thief.created.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 1
        {
            self.account.edit(takes_the_second_name);
        }
        if operation == Operation::DeleteSecurityGroup && !self.thief.may_delete {
            let fault = Fault::AccessDenied {
                action: "ec2:DeleteSecurityGroup".to_owned(),
                resource: None,
                message: "of the test".to_owned(),
            };
            return Err(CloudError::new(operation, fault));
        }
        call.await
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_run_has_made_in_vain_it_deletes_again() {
    for may_delete in [true, false] {
        let scenario = row("cluster None/None/None");
        let account = OfflineAccount::in_memory(scenario.document.clone()).unwrap();
        let thief = Thief {
            may_delete,
            created: 0.into(),
        };
        let hook = Stealing {
            account: &account,
            thief: &thief,
        };
        let cloud = Interposed {
            account: &account,
            hook,
        };
        let front = Script::default();
        let outcome = run(
            &cloud,
            &scenario.target,
            &Options::default(),
            &front,
            Interrupt::never(),
        )
        .await
        .unwrap();
        assert_eq!(outcome.ending, Ending::Reached);
        assert_eq!(outcome.draft.plan.number, Some(2));
        assert_eq!(front.drafts.lock().unwrap().len(), 1, "the user is asked once");
        let document = account.document();
        let is_left = document
            .security_groups
            .iter()
            .any(|group| group.group_name == "rds-lambda-1");
        assert_eq!(is_left, !may_delete);
        let told = outcome
            .draft
            .notes
            .iter()
            .any(|note| note.contains("could not be deleted"));
        assert_eq!(told, !may_delete, "{:?}", outcome.draft.notes);
    }
}

/// The groups of a set for function `g`, as a run of its own makes them; whether they are on the database and on `g`.
async fn set_of_g(scenario: &Scenario, is_associated: bool) -> impl Fn(&mut AccountDocument) + Send + use<> {
    let g = Target {
        function: "g".into(),
        ..scenario.target.clone()
    };
    let before = scenario.document.security_groups.len();
    let made = connected(&scenario.document, &[&g]).await;
    let groups = serde_json::to_string(&made.security_groups[before..]).unwrap();
    let ids: Vec<String> = made.security_groups[before..]
        .iter()
        .map(|group| group.group_id.clone())
        .collect();
    let renamed = |text: &str| {
        ids.iter()
            .fold(text.to_owned(), |text, id| text.replace(id, &format!("{id}-of-g")))
    };
    let groups: Vec<SecurityGroupEntry> = serde_json::from_str(&renamed(&groups)).unwrap();
    move |document| {
        document.security_groups.retain(|group| group.group_id != "sg-theirs");
        document.security_groups.extend(groups.iter().cloned());
        if is_associated {
            let entry = json!({"VpcSecurityGroupId": groups[0].group_id, "Status": "active"});
            groups_on_database(document).push(serde_json::from_value(entry).unwrap());
            let config = document.functions[1].vpc_config.as_mut().unwrap();
            config.security_group_ids.push(groups[1].group_id.clone());
        }
    }
}

/// A set that another run has completed under a lower number, before this one's is associated, is shared; the own one goes.
#[tokio::test(start_paused = true)]
async fn a_set_yields_to_a_complete_one_with_a_lower_number() {
    let scenario = row("cluster None/None/None");
    for is_associated in [false, true] {
        let complete = set_of_g(&scenario, is_associated).await;
        let mut document = scenario.document.clone();
        let theirs = json!({"GroupId": "sg-theirs", "GroupName": "rds-lambda-1", "VpcId": "vpc-1"});
        document.security_groups.push(serde_json::from_value(theirs).unwrap());
        let account = OfflineAccount::in_memory(document).unwrap();
        let cloud = before(&account, Operation::AuthorizeSecurityGroupEgress, complete);
        let front = Script::default();
        let outcome = run(
            &cloud,
            &scenario.target,
            &Options::default(),
            &front,
            Interrupt::never(),
        )
        .await
        .unwrap();
        assert_eq!(outcome.ending, Ending::Reached);
        let asked: Vec<Option<u64>> = {
            let asked = front.drafts.lock().unwrap();
            asked.iter().map(|proposal| proposal.plan.number).collect()
        };
        assert_eq!(asked, [Some(2)], "the user is asked once");
        let document = account.document();
        let names = document.security_groups.iter().map(|group| group.group_name.as_str());
        let ours: Vec<&str> = names.filter(|name| name.contains("lambda-")).collect();
        assert_eq!(ours, ["rds-lambda-1", "lambda-rds-1"]);
        let lists = lists(&document);
        assert_eq!(lists["cluster db"].last(), Some(&id_of(&document, "rds-lambda-1")));
        assert_eq!(lists["function f"].last(), Some(&id_of(&document, "lambda-rds-1")));
        let again = setup(&account, &scenario.target).await.unwrap();
        assert_eq!(again.ending, Ending::Unchanged);
    }
}
