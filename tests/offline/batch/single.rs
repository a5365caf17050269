//! A run over many connections decides and leaves what single runs in the order of the manifest decide and leave; and a
//! second one has nothing to do.

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::batch::{Item, Job, Planned, Ran};
use autoconnect::cloud::Cloud;
use autoconnect::fix::Scope;
use autoconnect::interrupt::Interrupt;
use autoconnect::model::{DatabaseKind, EnvironmentWish, NewFunction};
use autoconnect::observe::{ProxyWish, Target};
use autoconnect::plan::{Plan, Request};
use autoconnect::reconcile::{Connect, Disconnect, Draft, Ending, Failure, Fix, Options, converge};
use autoconnect::removal::RemovalWish;
use proptest::prelude::*;

use super::estates::{Case, case};
use super::ids::assert_same;
use super::{applied, assert_all_ran, bulk, connecting, errors, item, messages, planned, ran, usual};
use crate::fix::peered;
use crate::scenarios::{all_rows, with_new_resources};
use crate::support::{Script, in_memory, in_virtual_time, instance, network_account, thoroughly};

/// How one connection ended, run alone.
type Alone = Result<(Draft, Ending), Failure>;

/// Runs it alone, and like a run over many does not read what the function's role may do.
pub async fn alone(cloud: &dyn Cloud, job: &Job) -> Alone {
    let options = &Options {
        reads_role: false,
        ..job.options().clone()
    };
    let (front, never) = (Script::default(), Interrupt::never());
    match job {
        Job::Connect(target, _) => {
            let goal = Connect { target, options };
            let ended = Box::pin(converge(cloud, &goal, options, &front, never)).await;
            ended.map(|ended| (ended.draft, ended.ending))
        }
        Job::AcrossVpcs(goal, _) => {
            let ended = Box::pin(converge(cloud, goal.as_ref(), options, &front, never)).await;
            ended.map(|ended| (ended.draft, ended.ending))
        }
        Job::Disconnect(goal, _) => {
            let ended = Box::pin(converge(cloud, goal.as_ref(), options, &front, never)).await;
            ended.map(|ended| (ended.draft, ended.ending))
        }
    }
}

/// What is planned or was done, without parameters.
fn actions(plan: &Plan) -> Vec<&'static str> {
    plan.steps.iter().map(|step| step.effect.action()).collect()
}

fn words(one: &Planned) -> String {
    match &one.outcome {
        Ok(Ran { draft, .. }) => format!("{} {:?}", draft.decision, actions(&draft.plan)),
        Err(report) => report.body.code.clone(),
    }
}

/// Compares both ways on an account: what they leave, and which connections were brought about.
async fn both_ways(document: &AccountDocument, items: Vec<Item>, context: &str) -> (OfflineAccount, Vec<Item>) {
    let singly = in_memory(document);
    let mut singles = Vec::new();
    for item in &items {
        singles.push(alone(&singly, &item.job).await);
    }
    let account = in_memory(document);
    let plans = planned(&account, items).await;
    assert_eq!(account.calls().write, 0, "planning writes: {context}");
    assert_eq!(&account.document(), document, "planning changes: {context}");
    for (single, planned) in singles.iter().zip(&plans) {
        let expected = match single {
            Ok((draft, _)) => format!("{} {:?}", draft.decision, actions(&draft.plan)),
            Err(failure) => failure.error.code().to_owned(),
        };
        let why = messages(std::slice::from_ref(planned));
        assert_eq!(words(planned), expected, "{} {why}: {context}", planned.item.name);
    }
    let before: Vec<String> = plans.iter().map(words).collect();
    let ended = applied(&account, plans).await;
    let after: Vec<String> = ended.iter().map(words).collect();
    let decision = |words: &String| words.split(' ').next().unwrap_or_default().to_owned();
    let decisions = |all: &[String]| all.iter().map(decision).collect::<Vec<_>>();
    assert_eq!(decisions(&after), decisions(&before), "{}: {context}", messages(&ended));
    for (single, ended) in singles.iter().zip(&ended) {
        if let (Ok((_, ending)), Ok(ran)) = (single, &ended.outcome) {
            assert_eq!(
                ran.is_incomplete,
                *ending == Ending::Incomplete,
                "{}: {context}",
                ended.item.name
            );
        }
    }
    assert_same(&singly.document(), &account.document(), context);
    let brought_about = ended.into_iter().filter(|ended| ended.outcome.is_ok());
    (account, brought_about.map(|ended| ended.item).collect())
}

/// What was applied needs nothing more.
async fn nothing_is_left(account: &OfflineAccount, items: Vec<Item>, context: &str) {
    let writes = account.calls().write;
    let plans = planned(account, items.clone()).await;
    for planned in &plans {
        let ran = ran(planned);
        let steps = actions(&ran.draft.plan);
        assert!(!ran.is_pending(), "{} {steps:?}: {context}", planned.item.name);
    }
    assert_all_ran(&bulk(account, items).await, context);
    assert_eq!(account.calls().write, writes, "the second run writes: {context}");
}

async fn compared(case: &Case) {
    let document = case.document().await;
    let items = case.items();
    let context = format!("{case:?}");
    let (account, items) = both_ways(&document, items, &context).await;
    nothing_is_left(&account, items, &context).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: thoroughly([40, 1500, 30_000]), ..ProptestConfig::default() })]

    #[test]
    fn many_at_once_are_as_one_after_the_other(case in case(8)) {
        in_virtual_time(compared(&case));
    }
}

/// Each combination of the decision table, for its function, another one and one that is made.
#[test]
fn each_row_of_the_table_and_what_follows() {
    for scenario in all_rows().into_iter().step_by(thoroughly([7, 1])) {
        in_virtual_time(async {
            let other = Target {
                function: "g".into(),
                ..scenario.target.clone()
            };
            let made = Target {
                function: "made".into(),
                new_function: Some(NewFunction {
                    runtime: "nodejs24.x".into(),
                }),
                ..scenario.target.clone()
            };
            for targets in [[&scenario.target, &made, &other], [&other, &scenario.target, &made]] {
                let (account, items) = both_ways(&scenario.document, usual(targets), &scenario.name).await;
                nothing_is_left(&account, items, &scenario.name).await;
            }
        });
    }
}

/// What `setup` makes besides groups, for two functions each: the second one uses what the first one makes.
#[test]
fn new_resources_are_made_once() {
    for scenario in with_new_resources() {
        in_virtual_time(async {
            let second = Target {
                function: "g".into(),
                new_function: None,
                environment: scenario.target.environment.map(|_| EnvironmentWish { overwrite: true }),
                ..scenario.target.clone()
            };
            let items = usual([&scenario.target, &second]);
            let (account, items) = both_ways(&scenario.document, items, &scenario.name).await;
            assert_eq!(items.len(), 2, "{}", scenario.name);
            nothing_is_left(&account, items, &scenario.name).await;
        });
    }
}

/// Across two VPCs, next to connections within one.
#[test]
fn across_two_vpcs() {
    in_virtual_time(async {
        let document = network_account(|document| {
            peered(document);
            document.security_groups[0].ip_permissions_egress.clear();
            document.security_groups[3].ip_permissions.clear();
        })
        .document();
        let across = |function: &str| {
            let fix = Fix {
                target: instance("ledger", function),
                endpoint: None,
                scope: Scope::GroupsAcrossVpcs,
                request: Request::default(),
            };
            item(&fix.target.clone(), Job::AcrossVpcs(Box::new(fix), Options::default()))
        };
        let orders = Target::direct(DatabaseKind::Cluster, "orders", "checkout");
        let proxied = Target {
            proxy: ProxyWish::Existing("orders-proxy".into()),
            function: "reports".into(),
            ..orders.clone()
        };
        let options = Options::default();
        let items = vec![
            across("ledger-sync"),
            connecting(&orders, &options),
            across("checkout"),
            connecting(&proxied, &options),
            across("reports"),
        ];
        let (account, items) = both_ways(&document, items, "across VPCs").await;
        assert_eq!(items.len(), 5);
        assert!(account.calls().write > 0);
        nothing_is_left(&account, items, "across VPCs").await;
    });
}

/// Removals are planned like connections.
#[test]
fn removals_between_connections() {
    in_virtual_time(async {
        for scenario in crate::scenarios::base() {
            let of = |function: &str| Target {
                function: function.into(),
                ..scenario.target.clone()
            };
            let account = in_memory(&scenario.document);
            assert!(
                errors(&bulk(&account, usual([&of("f")])).await)
                    .iter()
                    .all(Option::is_none)
            );
            let removal = Disconnect {
                target: of("f"),
                wish: RemovalWish::default(),
                wait_for_database: false,
            };
            let items = vec![
                connecting(&of("g"), &Options::default()),
                item(&of("f"), Job::Disconnect(Box::new(removal), Options::default())),
            ];
            let (account, items) = both_ways(&account.document(), items, &scenario.name).await;
            assert_eq!(items.len(), 2, "{}", scenario.name);
            nothing_is_left(&account, items, &scenario.name).await;
        }
    });
}
