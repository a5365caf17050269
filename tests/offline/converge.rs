//! The driver of the commands other than `setup`, with a small goal: a group of this name is in the VPC.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use autoconnect::account::OfflineAccount;
use autoconnect::cloud::{Cloud, GroupFilter, Operation, derived};
use autoconnect::interrupt::Interrupt;
use autoconnect::model::{Function, LastUpdateStatus, Origin, SecurityGroup, Side, VpcId};
use autoconnect::observe::ObserveError;
use autoconnect::plan::{Effect, Ground, May, Plan, Right, Step, StepStatus};
use autoconnect::policy::{Permissions, PolicyDocument, operator};
use autoconnect::preconditions::Pending;
use autoconnect::reconcile::{Converged, Draft, Ending, Failure, Goal, Look, Memory, Options, RunError, converge};
use autoconnect::tags;

use crate::support::*;

const VPC: &str = "vpc-0a1b2c3d";

/// A group of ours named `rds-lambda-n`, once an update of the function has ended.
#[derive(Default)]
struct Named {
    number: u64,
    /// What is drafted never becomes true.
    is_unreachable: bool,
    /// How often it was looked at.
    looks: AtomicU32,
}

#[async_trait::async_trait]
impl Goal for Named {
    type Seen = (Function, Vec<SecurityGroup>);

    fn name(&self) -> &'static str {
        "named"
    }

    async fn observe(&self, cloud: &dyn Cloud, _: Look) -> Result<Self::Seen, ObserveError> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        let function = cloud.get_function_configuration("refunds").await?;
        Ok((
            function,
            derived::groups(cloud, GroupFilter::OfConvention(&VPC.into())).await?,
        ))
    }

    fn ground<'s>(&self, (_, groups): &'s Self::Seen) -> Ground<'s> {
        let groups = groups.iter();
        groups.fold(Ground::new(May::Add), |ground, group| {
            ground.with_group(group, Right::None)
        })
    }

    fn policy(&self, (function, _): &Self::Seen, plan: &Plan) -> PolicyDocument {
        operator(function, Permissions::default(), plan)
    }

    fn origin(&self, (function, _): &Self::Seen) -> Origin {
        Origin::of_arn(&function.arn)
    }

    fn draft(&self, (function, groups): &Self::Seen, _: &mut Memory) -> Result<Draft, RunError> {
        let is_ours = |group: &&SecurityGroup| group.tags.contains_key(tags::MANAGED);
        let mut number = self.number;
        let name = loop {
            let name = format!("rds-lambda-{number}");
            match groups.iter().find(|group| group.name == name) {
                Some(group) if !is_ours(&group) => number += 1,
                found => break (found.is_none() || self.is_unreachable).then_some(name),
            }
        };
        let step = |name: String| Step {
            id: 1,
            summary: format!("security group {name}"),
            resource: name.clone(),
            effect: Effect::CreateSecurityGroup {
                side: Some(Side::Database),
                name,
                vpc: VpcId::from(VPC),
                description: String::new(),
                tags: BTreeMap::from(tags::OWN.map(|key| (key.to_owned(), "true".to_owned()))),
                existing: None,
            },
            after: vec![],
            status: StepStatus::Planned,
        };
        let is_busy = function.last_update == Some(LastUpdateStatus::InProgress);
        Ok(Draft {
            heading: vec!["A group".to_owned()],
            decision: if name.is_some() { "create" } else { "no-op" },
            pending: is_busy
                .then(|| Pending::FunctionUpdate {
                    function: function.name.clone(),
                })
                .into_iter()
                .collect(),
            plan: Plan {
                steps: name.into_iter().map(step).collect(),
                number: None,
            },
            ..Draft::default()
        })
    }
}

type Ended = Result<Converged<(Function, Vec<SecurityGroup>)>, Failure>;

async fn run(account: &dyn Cloud, goal: &Named, options: &Options, front: &Script) -> Ended {
    converge(account, goal, options, front, Interrupt::never()).await
}

fn named(number: u64) -> Named {
    Named {
        number,
        ..Named::default()
    }
}

fn writes(account: &OfflineAccount) -> u64 {
    account.calls().write
}

#[tokio::test(start_paused = true)]
async fn a_goal_is_planned_reached_and_then_stays() {
    let (account, front) = (account(|_| ()), Script::default());
    let planned = run(&account, &named(77), &dry_run(), &front).await.unwrap();
    assert_eq!((planned.ending, writes(&account)), (Ending::Planned, 0));
    assert!(front.drafts.lock().unwrap().is_empty(), "a dry run asks nobody");

    let reached = run(&account, &named(77), &Options::default(), &front).await.unwrap();
    assert_eq!((reached.ending, reached.applied.len()), (Ending::Reached, 1));
    assert_eq!(reached.draft.plan.steps[0].status, StepStatus::Done);
    assert!(reached.draft.plan.steps[0].resource.starts_with("sg-"));
    assert_eq!(front.drafts.lock().unwrap()[0].plan, planned.draft.plan);
    assert!(reached.found.1.iter().any(|group| group.name == "rds-lambda-77"));

    let again = run(&account, &named(77), &Options::default(), &front).await.unwrap();
    assert_eq!((again.ending, writes(&account)), (Ending::Unchanged, 1));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_without_consent() {
    let front = Script {
        declines: true,
        ..Script::default()
    };
    let account = account(|_| ());
    let failure = run(&account, &named(77), &Options::default(), &front)
        .await
        .unwrap_err();
    assert_eq!((failure.error, writes(&account)), (RunError::Declined, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_pending_is_waited_for_before_the_first_write() {
    let busy = |document: &mut autoconnect::account::AccountDocument| {
        for function in &mut document.functions {
            "InProgress".clone_into(&mut function.last_update_status);
        }
    };
    let (account, front) = (account(busy), Script::default());
    let planned = run(&account, &named(77), &dry_run(), &front).await.unwrap();
    let note = "An applied run waits for an update of function refunds to finish.";
    assert_eq!(planned.draft.notes, [note]);
    let reached = run(&account, &named(77), &Options::default(), &front).await.unwrap();
    assert_eq!(reached.ending, Ending::Reached);
    assert!(!front.waits.lock().unwrap().is_empty());
}

/// A run whose result cannot be verified says so, and what it had written.
#[tokio::test(start_paused = true)]
async fn what_does_not_hold_at_the_end_is_an_error() {
    let goal = Named {
        is_unreachable: true,
        ..named(77)
    };
    let failure = run(&account(|_| ()), &goal, &Options::default(), &Script::default())
        .await
        .unwrap_err();
    assert!(
        matches!(&failure.error, RunError::NotVerified { decision, .. } if decision == "create"),
        "{failure}"
    );
    assert_eq!(failure.applied.len(), 1);
    // Some stale answers are allowed for.
    assert_eq!(goal.looks.load(Ordering::Relaxed), 6);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_meanwhile_is_asked_about_again() {
    let account = account(|_| ());
    let taken = Mutex::new(false);
    let cloud = slow_with(&account, |operation| {
        let mut taken = taken.lock().unwrap();
        if operation == Operation::CreateSecurityGroup && !*taken {
            *taken = true;
            account.edit(|document| {
                let mut group = document.security_groups[0].clone();
                group.group_id = "sg-taken".into();
                group.group_name = "rds-lambda-77".into();
                group.tags.clear();
                document.security_groups.push(group);
            });
        }
    });
    let front = Script::default();
    let reached = run(&cloud, &named(77), &Options::default(), &front).await.unwrap();
    assert_eq!(reached.ending, Ending::Reached);
    assert_eq!(reached.draft.plan.steps[0].summary, "security group rds-lambda-78");
    assert_eq!(front.drafts.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_run_ends_between_two_calls() {
    for at in 0..4 {
        let account = account(|_| ());
        let (trigger, interrupt) = Interrupt::new();
        let calls = AtomicU32::new(0);
        let cloud = slow_with(&account, |_| {
            if calls.fetch_add(1, Ordering::Relaxed) == at {
                trigger.raise();
            }
        });
        let goal = named(77);
        let ended = converge(&cloud, &goal, &Options::default(), &Script::default(), interrupt).await;
        let failure = ended.unwrap_err();
        assert_eq!(failure.error.code(), "interrupted", "at call {at}");
        assert_eq!(failure.applied.len() as u64, writes(&account), "at call {at}");
        let healed = run(&account, &goal, &Options::default(), &Script::default())
            .await
            .unwrap();
        assert!(!healed.ending.is_pending(), "at call {at}");
        assert_eq!(writes(&account), 1, "at call {at}");
    }
}
