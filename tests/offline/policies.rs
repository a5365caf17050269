//! The policy that `policy operator` prints is enough for its run, and for the run that finishes one that died; and no
//! action of it could be left out.

use std::collections::BTreeSet;
use std::sync::Mutex;

use autoconnect::account::OfflineAccount;
use autoconnect::cloud::{Answer, Cloud, Operation};
use autoconnect::interrupt::Interrupt;
use autoconnect::model::{CredentialsWish, EnvironmentWish, NewFunction, Place};
use autoconnect::observe::{NewProxyWish, Proxies, ProxyWish, READS, TAG_READS, survey};
use autoconnect::policy::{PolicyDocument, Texts, read_only};
use autoconnect::reconcile::{Failure, Options};

use serde_json::json;

use crate::guarded::Guarded;
use crate::interposed::{Hook, Interposed};
use crate::scenarios::{Scenario, base, rows_of_the_table, with_new_resources};
use crate::support::*;

fn scenarios() -> Vec<Scenario> {
    let rows = rows_of_the_table().into_iter().step_by(thoroughly([6, 1]));
    let scenarios = rows.chain(with_new_resources());
    scenarios.map(Scenario::with_policies).collect()
}

/// A run with each option of `setup` that the others do not have, by itself.
fn with_options() -> Vec<Scenario> {
    let new_proxy = |credentials| {
        ProxyWish::New(NewProxyWish {
            credentials,
            ..NewProxyWish::default()
        })
    };
    let set = Some(EnvironmentWish { overwrite: false });
    let of = |name: &str, change: &dyn Fn(&mut Scenario)| {
        let mut scenario = base().remove(0);
        name.clone_into(&mut scenario.name);
        change(&mut scenario);
        scenario
    };
    vec![
        of(
            "--proxy new --proxy-auth iam --iam-auth required --db-user",
            &|scenario| {
                scenario.target.proxy = new_proxy(CredentialsWish::Iam);
                scenario.document.db_clusters[0].db_cluster_resource_id = Some("cluster-1A".to_owned());
                (scenario.target.iam_required, scenario.target.user) = (true, Some("app".to_owned()));
            },
        ),
        of("--proxy new on the managed master secret", &|scenario| {
            let secret = json!({"SecretArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:s-AbCdEf"});
            scenario.document.db_clusters[0].master_user_secret = Some(serde_json::from_value(secret).unwrap());
            scenario.document.secrets[0].arn =
                Some("arn:aws:secretsmanager:eu-central-1:123456789012:secret:s-AbCdEf".to_owned());
            scenario.target.proxy = new_proxy(CredentialsWish::MasterSecret);
        }),
        of("--set-env --secret", &|scenario| {
            scenario.target.secret = Some("s".to_owned());
            scenario.target.environment = set;
        }),
        of("--set-env --db-user", &|scenario| {
            scenario.target.user = Some("app".to_owned());
            scenario.target.environment = set;
        }),
        of("--set-env --overwrite-env", &|scenario| {
            let function = &mut scenario.document.functions[0];
            function
                .environment
                .insert("DB_HOST".to_owned(), "elsewhere".to_owned());
            scenario.target.environment = Some(EnvironmentWish { overwrite: true });
        }),
        of("--function new:", &|scenario| {
            "new".clone_into(&mut scenario.target.function);
            scenario.target.new_function = Some(NewFunction {
                runtime: "nodejs24.x".to_owned(),
            });
        }),
        of("--function new: --proxy p --iam-auth required", &|scenario| {
            scenario.target = base().remove(1).target;
            "new".clone_into(&mut scenario.target.function);
            scenario.target.new_function = Some(NewFunction {
                runtime: "nodejs24.x".to_owned(),
            });
            (scenario.target.iam_required, scenario.target.user) = (true, Some("app".to_owned()));
        }),
    ]
}

fn account_of(scenario: &Scenario) -> OfflineAccount {
    OfflineAccount::in_memory(scenario.document.clone()).unwrap()
}

/// What `policy operator` prints.
async fn printed(scenario: &Scenario) -> PolicyDocument {
    let outcome = setup_with(&account_of(scenario), &scenario.target, &dry_run(), &Script::default()).await;
    policy_of(&outcome.unwrap(), &scenario.target)
}

async fn guarded_run(
    scenario: &Scenario,
    account: &OfflineAccount,
    policy: &PolicyDocument,
) -> Result<Outcome, Failure> {
    let cloud = Guarded {
        account,
        policy: policy.clone(),
    };
    setup(&cloud, &scenario.target).await
}

/// Notes which operations are called, whatever becomes of them.
pub struct Recorder<'a>(pub &'a Mutex<BTreeSet<Operation>>);

impl Hook for Recorder<'_> {
    async fn around<T: std::fmt::Debug + Send + 'static>(
        &self,
        operation: Operation,
        call: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        self.0.lock().unwrap().insert(operation);
        call.await
    }
}

/// Every operation that was called is in the policy, also one that may be denied without ending the run.
pub fn assert_complete(name: &str, policy: &PolicyDocument, called: Mutex<BTreeSet<Operation>>) {
    let allowed = actions(policy);
    let called = called.into_inner().unwrap();
    assert!(!called.is_empty(), "{name}");
    let missing: Vec<&str> = called
        .iter()
        .map(|operation| operation.iam_action())
        .filter(|action| !allowed.contains(*action))
        .collect();
    assert!(
        missing.is_empty(),
        "{name}: {missing:?} are called, and not in the policy"
    );
}

/// The actions of a policy.
pub fn actions(policy: &PolicyDocument) -> BTreeSet<String> {
    let actions = policy.statement.iter().flat_map(|statement| statement.action.iter());
    actions.map(str::to_owned).collect()
}

/// The policy without one action.
pub fn without(policy: &PolicyDocument, action: &str) -> PolicyDocument {
    let mut policy = policy.clone();
    for statement in &mut policy.statement {
        statement.action.0.retain(|found| found != action);
    }
    policy.statement.retain(|statement| !statement.action.is_empty());
    policy
}

/// Whether a run could not read for this action what it attaches a function by, and said so.
pub fn sees_less(outcome: &Outcome, action: &str) -> bool {
    format!("{:?}", outcome.draft).contains(&format!("not authorized to perform {action}"))
}

/// What is left of a run that died at each of its calls in turn.
async fn half_made(scenario: &Scenario) -> Vec<OfflineAccount> {
    let mut accounts = Vec::new();
    for call in 0.. {
        let account = account_of(scenario);
        if setup_interrupted_at(call, &account, &scenario.target).await.is_ok() {
            break;
        }
        if account.calls().write > 0 {
            accounts.push(OfflineAccount::in_memory(account.document()).unwrap());
        }
    }
    accounts
}

#[tokio::test(start_paused = true)]
async fn the_printed_policy_is_enough() {
    for scenario in scenarios().into_iter().chain(with_options()) {
        let policy = printed(&scenario).await;
        let account = account_of(&scenario);
        match guarded_run(&scenario, &account, &policy).await {
            // What it may not read, where that stops nothing, it would report.
            Ok(outcome) => assert!(!sees_less(&outcome, ""), "{}: {outcome:#?}", scenario.name),
            Err(failure) => panic!("{}: {failure}", scenario.name),
        }
        // The next run has nothing to do, and needs no more.
        guarded_run(&scenario, &account, &policy).await.unwrap();
    }
}

/// Of each run that writes, and of those that finish what died.
#[tokio::test(start_paused = true)]
async fn every_call_is_in_the_printed_policy() {
    let mut runs = 0;
    for scenario in scenarios().into_iter().chain(with_options()) {
        let policy = printed(&scenario).await;
        let mut accounts = half_made(&scenario).await;
        accounts.insert(0, account_of(&scenario));
        for account in accounts {
            let called = Mutex::default();
            let cloud = Interposed {
                account: &account,
                hook: Recorder(&called),
            };
            setup(&cloud, &scenario.target).await.unwrap();
            setup(&cloud, &scenario.target).await.unwrap();
            assert_complete(&scenario.name, &policy, called);
            runs += 1;
        }
    }
    assert!(runs > 200, "{runs}");
}

#[tokio::test(start_paused = true)]
async fn every_call_of_drift_is_in_its_policy() {
    let account = account(|_| ());
    let called = Mutex::default();
    let cloud = Interposed {
        account: &account,
        hook: Recorder(&called),
    };
    let seen = survey(&cloud, &Proxies::All).await;
    assert!(seen.errors.is_empty());
    let policy = read_only(READS.iter().chain(TAG_READS).copied(), Place::in_region("*", "*")).document();
    assert_complete("drift", &policy, called);
}

#[tokio::test(start_paused = true)]
async fn the_printed_policy_is_enough_to_finish_a_run_that_died() {
    let mut finished = 0;
    for scenario in scenarios() {
        let policy = printed(&scenario).await;
        for account in half_made(&scenario).await {
            if let Err(failure) = guarded_run(&scenario, &account, &policy).await {
                panic!("{}: {failure}", scenario.name);
            }
            finished += 1;
        }
    }
    assert!(finished > 200, "{finished}");
}

#[tokio::test(start_paused = true)]
async fn no_action_can_be_left_out() {
    let mut left_out = 0;
    for scenario in scenarios() {
        let policy = printed(&scenario).await;
        let mut half_made = half_made(&scenario).await;
        half_made.insert(0, account_of(&scenario));
        for action in actions(&policy) {
            let policy = without(&policy, &action);
            let mut fails = false;
            for account in &half_made {
                let account = OfflineAccount::in_memory(account.document()).unwrap();
                let outcome = guarded_run(&scenario, &account, &policy).await;
                fails = match outcome {
                    Ok(outcome) => sees_less(&outcome, &action),
                    Err(failure) => {
                        assert_eq!(failure.error.code(), "access-denied", "{}: {failure}", scenario.name);
                        true
                    }
                };
                if fails {
                    break;
                }
            }
            assert!(fails, "{}: {action} is not needed", scenario.name);
            left_out += 1;
        }
    }
    assert!(left_out > 100, "{left_out}");
}

#[tokio::test(start_paused = true)]
async fn no_resource_is_wider_than_it_has_to_be() {
    // By the service authorization reference these know no resources.
    let on_all = [
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeRouteTables",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
        "lambda:ListFunctions",
        "rds:CreateDBProxy",
    ];
    for scenario in scenarios() {
        for statement in printed(&scenario).await.statement {
            assert!(!statement.resource.is_empty(), "{statement:?}");
            for action in statement.action.iter() {
                let is_on_all = statement.resource == Texts::from_iter(["*"]);
                assert_eq!(is_on_all, on_all.contains(&action), "{}: {action}", scenario.name);
                assert!(!action.contains('*'), "{action}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_with_nothing_to_do_needs_no_action_that_writes() {
    let target = cluster("orders", "checkout");
    let scenario = Scenario {
        name: "no-op".into(),
        document: example(),
        target,
    };
    let reads = ["Describe", "Get", "List"];
    for action in actions(&printed(&scenario).await) {
        let verb = action.split_once(':').unwrap().1;
        assert!(reads.iter().any(|read| verb.starts_with(read)), "{action}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_connections_policy_is_not_enough() {
    let scenario = Scenario {
        name: "other".into(),
        document: example(),
        target: instance("inventory", "stock-sync"),
    };
    let policy = printed(&scenario).await;
    let account = account(|_| ());
    let cloud = Guarded {
        account: &account,
        policy,
    };
    let other = cluster("orders", "stock-sync");
    let failed = run(
        &cloud,
        &other,
        &Options::default(),
        &Script::default(),
        Interrupt::never(),
    )
    .await;
    assert_eq!(failed.unwrap_err().error.code(), "access-denied");
    assert_eq!(account.calls().write, 0);
}

/// Both in any place and in this one.
#[tokio::test(start_paused = true)]
async fn the_policy_of_drift_is_enough_and_no_action_can_be_left_out() {
    let account = account(|_| ());
    let whole = survey(&account, &Proxies::All).await;
    assert!(whole.errors.is_empty());
    for place in [
        Place::in_region("*", "*"),
        Place::in_region("eu-central-1", "123456789012"),
    ] {
        let policy = read_only(READS.iter().chain(TAG_READS).copied(), place).document();
        let seen = async |policy| {
            let account = &account;
            survey(&Guarded { account, policy }, &Proxies::All).await
        };
        let found = seen(policy.clone()).await;
        assert!(found.errors.is_empty(), "{:?}", found.errors);
        assert_eq!(format!("{:?}", found.estate), format!("{:?}", whole.estate));
        for action in actions(&policy) {
            let found = seen(without(&policy, &action)).await;
            // Of the endpoints of proxies it is only noted that they were not read.
            let is_missed = !found.errors.is_empty() || found.estate.all_unread().next().is_some();
            assert!(is_missed, "{action} is not needed");
        }
    }
    let elsewhere = read_only(
        READS.iter().chain(TAG_READS).copied(),
        Place::in_region("eu-west-1", "123456789012"),
    )
    .document();
    let account = &account;
    let policy = elsewhere;
    assert!(
        !survey(&Guarded { account, policy }, &Proxies::All)
            .await
            .errors
            .is_empty()
    );
}
