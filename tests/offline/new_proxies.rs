//! Proxies and functions that the run makes, with their secrets and roles.

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::{Cloud, Operation};
use autoconnect::model::{CredentialsWish, EnvironmentWish, NewFunction, TargetHealthState};
use autoconnect::observe::{NewProxyWish, ProxyWish, Target, observe};
use autoconnect::plan::StepStatus;
use autoconnect::reconcile::{Ending, Options};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::*;

const MASTER_SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!cluster-orders-Ac1De2";
const PROXY_ROLE: &str = "autoconnect-eu-central-1-proxy-autoconnect-orders";
const FUNCTION_ROLE: &str = "autoconnect-eu-central-1-function-report";

fn through_new(target: Target) -> Target {
    Target {
        proxy: ProxyWish::New(NewProxyWish::default()),
        ..target
    }
}

/// The command on the project's card, for a function that has no connection yet.
fn refunds() -> Target {
    through_new(cluster("orders", "refunds"))
}

fn with_credentials(target: Target, credentials: CredentialsWish, user: Option<&str>) -> Target {
    Target {
        iam_required: credentials == CredentialsWish::Iam,
        proxy: ProxyWish::New(NewProxyWish {
            credentials,
            ..NewProxyWish::default()
        }),
        user: user.map(str::to_owned),
        ..target
    }
}

/// Everything at once: a new function, a new proxy, a new secret, IAM, and the environment.
fn everything() -> Target {
    let target = with_credentials(cluster("orders", "report"), CredentialsWish::Password, Some("app"));
    Target {
        new_function: Some(NewFunction {
            runtime: "nodejs24.x".into(),
        }),
        iam_required: true,
        environment: Some(EnvironmentWish { overwrite: false }),
        ..target
    }
}

/// The actions of a run, except what it takes over.
fn actions(outcome: &Outcome) -> Vec<&'static str> {
    let steps = outcome.draft.plan.steps.iter();
    let steps = steps.filter(|step| step.status != StepStatus::Adopt);
    steps.map(|step| step.effect.action()).collect()
}

fn health(outcome: &Outcome) -> Option<TargetHealthState> {
    let health = outcome
        .found
        .observation
        .proxy
        .as_ref()?
        .target_health(&outcome.found.observation.database)?;
    Some(health.state.clone())
}

/// The one policy of a role's own.
fn policy<'d>(document: &'d AccountDocument, role: &str) -> &'d Value {
    let role = document.roles.iter().find(|found| found.role_name == role).unwrap();
    assert_eq!(role.policies.len(), 1, "{:?}", role.policies);
    &role.policies[0].policy_document
}

#[tokio::test]
async fn from_nothing_to_a_working_chain() {
    let account = account(|_| ());
    let before = account.document();
    let outcome = setup(&account, &refunds()).await.unwrap();
    assert_eq!(outcome.ending, Ending::Reached);
    assert_eq!(health(&outcome), Some(TargetHealthState::Available));
    let after_the_rules = &actions(&outcome)[10..];
    assert_eq!(
        after_the_rules,
        [
            "iam:CreateRole",
            "iam:PutRolePolicy",
            "rds:CreateDBProxy",
            "rds:RegisterDBProxyTargets",
            "rds:ModifyDBCluster",
            "lambda:UpdateFunctionConfiguration",
        ]
    );
    let document = account.document();
    assert_eq!(
        document.security_groups[..before.security_groups.len()],
        before.security_groups
    );
    assert_eq!(document.security_groups.len(), before.security_groups.len() + 3);
    assert_eq!(document.secrets, before.secrets, "the managed master secret is used");
    assert_eq!(document.db_proxies[0], before.db_proxies[0]);
    let proxy = &document.db_proxies[1];
    assert_eq!(
        (proxy.name.as_str(), proxy.engine_family.as_str(), proxy.status.as_str()),
        ("autoconnect-orders", "POSTGRESQL", "available")
    );
    assert_eq!(proxy.secret_arns, [MASTER_SECRET]);
    assert_eq!(proxy.iam_auth.as_deref(), Some("DISABLED"));
    assert_eq!(
        proxy.vpc_security_group_ids.len(),
        1,
        "only the group that it was born with"
    );
    assert!(
        proxy
            .tags
            .iter()
            .any(|tag| tag.key == "autoconnect:managed" && tag.value == "true")
    );
    assert_eq!(
        policy(&document, PROXY_ROLE)["Statement"],
        json!([{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": MASTER_SECRET}])
    );

    let writes = account.calls().write;
    let again = setup(&account, &refunds()).await.unwrap();
    assert_eq!((again.ending, account.calls().write), (Ending::Unchanged, writes));
    assert_eq!(again.draft.decision, "no-op");

    // The second function shares all of it.
    let second = setup(&account, &through_new(cluster("orders", "checkout")))
        .await
        .unwrap();
    assert_eq!(second.draft.decision, "associate-existing");
    assert_eq!(actions(&second), ["lambda:UpdateFunctionConfiguration"]);
}

#[tokio::test]
async fn everything_at_once_and_then_nothing() {
    let account = account(|_| ());
    let outcome = setup(&account, &everything()).await.unwrap();
    assert_eq!(outcome.ending, Ending::Reached);
    assert_eq!(
        actions(&outcome)[10..],
        [
            "secretsmanager:CreateSecret",
            "iam:CreateRole",
            "iam:PutRolePolicy",
            "rds:CreateDBProxy",
            "rds:RegisterDBProxyTargets",
            "rds:ModifyDBCluster",
            "iam:CreateRole",
            "iam:AttachRolePolicy",
            "lambda:CreateFunction",
            "iam:PutRolePolicy",
            "lambda:UpdateFunctionConfiguration",
        ]
    );
    let document = account.document();
    let function = document.functions.iter().find(|f| f.function_name == "report").unwrap();
    assert_eq!(function.runtime.as_deref(), Some("nodejs24.x"));
    let variables: Vec<(&str, &str)> = function
        .environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        variables,
        [
            ("DB_HOST", "autoconnect-orders.proxy-0.eu-central-1.rds.amazonaws.com"),
            ("DB_NAME", "orders"),
            ("DB_PORT", "5432"),
            ("DB_USER", "app"),
        ]
    );
    let role = document
        .roles
        .iter()
        .find(|role| role.role_name == FUNCTION_ROLE)
        .unwrap();
    assert_eq!(
        role.attached_policies,
        ["arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"]
    );
    assert_eq!(
        policy(&document, FUNCTION_ROLE)["Statement"],
        json!([{
            "Effect": "Allow",
            "Action": "rds-db:connect",
            "Resource": "arn:aws:rds-db:eu-central-1:123456789012:dbuser:prx-autoconnect-orders/app"
        }])
    );
    assert_eq!(document.db_proxies[1].iam_auth.as_deref(), Some("REQUIRED"));
    let secret = document.secrets.last().unwrap();
    assert_eq!(secret.name, "autoconnect/autoconnect-orders/app");

    let again = setup(&account, &everything()).await.unwrap();
    assert_eq!(again.ending, Ending::Unchanged, "{:?}", again.draft.reasons);

    // What someone removes is given back, and nothing else is done.
    account.edit(|document| {
        document.functions.last_mut().unwrap().environment.remove("DB_PORT");
        let role = document
            .roles
            .iter_mut()
            .find(|role| role.role_name == FUNCTION_ROLE)
            .unwrap();
        role.policies.clear();
    });
    let mended = setup(&account, &everything()).await.unwrap();
    assert_eq!(mended.draft.decision, "associate-existing");
    assert_eq!(
        actions(&mended),
        ["iam:PutRolePolicy", "lambda:UpdateFunctionConfiguration"]
    );
    assert_eq!(setup(&account, &everything()).await.unwrap().ending, Ending::Unchanged);
}

#[tokio::test]
async fn end_to_end_iam_needs_no_secret() {
    let account = account(|_| ());
    let target = with_credentials(cluster("orders", "refunds"), CredentialsWish::Iam, Some("app"));
    let outcome = setup(&account, &target).await.unwrap();
    assert_eq!(outcome.ending, Ending::Reached);
    let document = account.document();
    assert!(document.db_proxies[1].secret_arns.is_empty());
    assert_eq!(
        policy(&document, PROXY_ROLE)["Statement"][0]["Resource"],
        "arn:aws:rds-db:eu-central-1:123456789012:dbuser:cluster-ORDERSEXAMPLE/app"
    );
    assert_eq!(setup(&account, &target).await.unwrap().ending, Ending::Unchanged);
}

#[tokio::test]
async fn a_customers_key_and_only_that_is_decrypted_with() {
    let account = account(|_| ());
    let target = with_credentials(
        instance("inventory", "stock-sync"),
        CredentialsWish::Secret("stock-app".into()),
        None,
    );
    let outcome = setup(&account, &target).await.unwrap();
    assert_eq!(health(&outcome), Some(TargetHealthState::Available));
    let document = account.document();
    let policy = policy(&document, "autoconnect-eu-central-1-proxy-autoconnect-inventory");
    let decrypt = &policy["Statement"][1];
    assert_eq!(decrypt["Action"], "kms:Decrypt");
    assert_eq!(
        decrypt["Resource"],
        "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d-0000-4000-8000-000000000001"
    );

    // AWS's own key needs no permission.
    let account = self::account(|document| document.kms_keys[0].key_manager = "AWS".into());
    setup(&account, &target).await.unwrap();
    let document = account.document();
    let policy = self::policy(&document, "autoconnect-eu-central-1-proxy-autoconnect-inventory");
    assert_eq!(policy["Statement"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_role_that_was_named_is_used_as_it_is() {
    let account = account(|_| ());
    let roles = account.document().roles;
    let target = Target {
        proxy: ProxyWish::New(NewProxyWish {
            name: Some("pool".into()),
            role: Some("arn:aws:iam::123456789012:role/orders-proxy".into()),
            ..NewProxyWish::default()
        }),
        ..cluster("orders", "refunds")
    };
    setup(&account, &target).await.unwrap();
    let document = account.document();
    assert_eq!(document.roles, roles);
    assert_eq!(document.db_proxies[1].name, "pool");
    assert_eq!(setup(&account, &target).await.unwrap().ending, Ending::Unchanged);
}

/// The cost of reading: at most eight calls in three dependent rounds for whatever is asked for, except a new function.
#[tokio::test(start_paused = true)]
async fn observing_costs_few_calls_and_three_rounds() {
    let existing = |account: &OfflineAccount| account.document().db_proxies.len() > 1;
    let with_key = with_credentials(
        instance("inventory", "stock-sync"),
        CredentialsWish::Secret("stock-app".into()),
        None,
    );
    for target in [refunds(), everything(), with_key] {
        for prepared in [false, true] {
            let account = account(|_| ());
            if prepared {
                setup(&account, &target).await.unwrap();
            }
            assert_eq!(existing(&account), prepared);
            let reads = account.calls().read;
            let start = Instant::now();
            observe(&slow(&account), &target).await.unwrap();
            let calls = account.calls().read - reads;
            // With a new function its role is read, too: its trust, two lists and its own policy, one after the other; and
            // the tags of the function.
            let (more, rounds) = if target.new_function.is_some() { (7, 4) } else { (0, 3) };
            // Where something is made, the VPC is read for its tenancy, besides its subnets.
            let of_vpc = u64::from(!prepared);
            assert!(calls <= 8 + of_vpc + more, "{calls} calls for {target:?}");
            assert!(
                start.elapsed().as_secs() <= rounds,
                "{:?} for {target:?}",
                start.elapsed()
            );
        }
    }
}

/// Wherever the user ends a run, the next one completes it, and the third changes nothing.
#[tokio::test(start_paused = true)]
async fn an_interrupted_run_is_completed_by_the_next() {
    let mut longest = 0;
    for call in 0..280 {
        let account = account(|_| ());
        let interrupted = setup_interrupted_at(call, &account, &everything()).await.is_err();
        if interrupted {
            longest = call;
        }
        setup(&account, &everything()).await.unwrap();
        let document = account.document();
        let counts = (
            document.security_groups.len(),
            document.db_proxies.len(),
            document.secrets.len(),
            document.roles.len(),
            document.functions.len(),
        );
        let before = example();
        let expected = (
            before.security_groups.len() + 3,
            before.db_proxies.len() + 1,
            before.secrets.len() + 1,
            before.roles.len() + 2,
            before.functions.len() + 1,
        );
        assert_eq!(counts, expected, "after call {call}");
        let third = setup(&account, &everything()).await.unwrap();
        assert_eq!(third.ending, Ending::Unchanged, "after call {call}");
    }
    assert!((60..279).contains(&longest), "all calls were met: {longest}");
}

/// New groups are not found, and new roles cannot be assumed, for some requests.
#[tokio::test(start_paused = true)]
async fn what_is_new_may_not_work_at_once() {
    let account = OfflineAccount::eventually_consistent(example(), 3).unwrap();
    let front = Script::default();
    let outcome = setup_with(&account, &everything(), &Options::default(), &front)
        .await
        .unwrap();
    assert_eq!(outcome.ending, Ending::Reached);
    let waits = front.waits.lock().unwrap().clone();
    for wait in [
        "the new role to be assumable",
        "proxy autoconnect-orders to become available",
    ] {
        assert!(waits.iter().any(|waited| waited == wait), "{wait}: {waits:?}");
    }
    assert_eq!(setup(&account, &everything()).await.unwrap().ending, Ending::Unchanged);
}

#[tokio::test]
async fn without_waiting_the_next_run_registers_the_target() {
    let account = account(|_| ());
    let options = Options {
        wait_for_effect: false,
        ..Options::default()
    };
    let outcome = setup_with(&account, &refunds(), &options, &Script::default())
        .await
        .unwrap();
    assert_eq!(outcome.ending, Ending::Unfinished, "steps are left to the next run");
    assert!(outcome.draft.plan.has_skipped());
    assert!(account.document().db_proxies[1].target.is_none());
    assert_eq!(account.document().db_proxies[1].status, "creating");

    let outcome = setup(&account, &refunds()).await.unwrap();
    assert_eq!(outcome.ending, Ending::Reached);
    assert_eq!(actions(&outcome), ["rds:RegisterDBProxyTargets"]);
}

#[tokio::test]
async fn each_requirement_is_refused_by_name() {
    type Change = fn(&mut AccountDocument);
    let named = |name: &str| Target {
        proxy: ProxyWish::New(NewProxyWish {
            name: Some(name.into()),
            ..NewProxyWish::default()
        }),
        ..cluster("orders", "refunds")
    };
    let secret = |id: &str| with_credentials(cluster("orders", "refunds"), CredentialsWish::Secret(id.into()), None);
    let role = |arn: &str| Target {
        proxy: ProxyWish::New(NewProxyWish {
            role: Some(arn.into()),
            ..NewProxyWish::default()
        }),
        ..cluster("orders", "refunds")
    };
    let iam = |user| with_credentials(cluster("orders", "refunds"), CredentialsWish::Iam, user);
    let password = with_credentials(cluster("orders", "refunds"), CredentialsWish::Password, Some("app"));
    let nothing: Change = |_| ();
    let table: [(Change, Target, &str); 14] = [
        (nothing, named("orders-proxy"), "proxy-name-taken"),
        (
            nothing,
            through_new(instance("inventory", "stock-sync")),
            "proxy-credentials-missing",
        ),
        (nothing, secret("nowhere"), "secret-not-found"),
        (nothing, role("arn:aws:iam::123456789012:role/nobody"), "role-not-found"),
        (
            nothing,
            role("arn:aws:iam::123456789012:role/shop-functions"),
            "role-without-trust",
        ),
        (
            |d| d.secrets[1].deleted_date = Some("2026-11-01".into()),
            secret("orders-app"),
            "secret-deleted",
        ),
        (
            |d| d.secrets[1].name = "autoconnect/autoconnect-orders/app".into(),
            password,
            "secret-name-taken",
        ),
        (
            |d| d.db_subnet_groups[0].subnet_ids = vec!["subnet-0a1a".into()],
            refunds(),
            "one-availability-zone",
        ),
        (
            |d| d.db_clusters[0].engine = "oracle-ee".into(),
            refunds(),
            "proxy-unsupported-engine",
        ),
        (
            |d| d.db_clusters[0].engine = "sqlserver-se".into(),
            iam(Some("app")),
            "no-end-to-end-iam",
        ),
        (nothing, iam(None), "db-user-missing"),
        (
            nothing,
            Target {
                proxy: ProxyWish::Existing("orders-proxy".into()),
                iam_required: true,
                user: Some("app".into()),
                ..cluster("orders", "refunds")
            },
            "proxy-without-iam",
        ),
        (
            nothing,
            Target {
                new_function: Some(NewFunction {
                    runtime: "nodejs24.x".into(),
                }),
                ..cluster("orders", "checkout")
            },
            "function-name-taken",
        ),
        (
            |d| d.db_clusters[0].engine_mode = Some("serverless".into()),
            refunds(),
            "serverless-v1",
        ),
    ];
    for (change, target, code) in table {
        let account = account(change);
        let failure = setup(&account, &target).await.unwrap_err();
        assert_eq!(failure.error.code(), code, "{failure}");
        assert!(failure.error.hint().is_some(), "{code}");
        assert_eq!(account.calls().write, 0, "{code}");
    }
}

/// A variable that has another value is an error, unless it may be overwritten; all others stay as they are.
#[tokio::test]
async fn the_environment_is_added_to() {
    let env = |overwrite| Target {
        environment: Some(EnvironmentWish { overwrite }),
        ..cluster("orders", "checkout")
    };
    let account = account(|d| {
        d.functions[0].environment = [("DB_HOST", "elsewhere"), ("API_KEY", "kept")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
    });
    let failure = setup(&account, &env(false)).await.unwrap_err();
    assert_eq!(failure.error.code(), "environment-differs");
    assert!(
        !failure.to_string().contains("elsewhere"),
        "values are not told: {failure}"
    );
    assert_eq!(account.calls().write, 0);
    setup(&account, &env(true)).await.unwrap();
    let environment = &account.document().functions[0].environment;
    assert_eq!(environment["API_KEY"], "kept");
    assert_eq!(
        environment["DB_HOST"],
        "orders.cluster-cexample.eu-central-1.rds.amazonaws.com"
    );
    assert_eq!(environment["DB_SECRET_ARN"], MASTER_SECRET);
}

/// A name that someone else takes between plan and creation is not taken over.
#[tokio::test(start_paused = true)]
async fn what_others_made_meanwhile_is_not_taken_over() {
    let account = account(|_| ());
    let cloud = slow_with(&account, |operation| {
        if operation == Operation::CreateRole {
            account.edit(|document| {
                let mut role = document.roles[1].clone();
                role.role_name = PROXY_ROLE.into();
                document.roles.push(role);
            });
        }
    });
    let failure = setup(&cloud, &refunds()).await.unwrap_err();
    assert_eq!(failure.error.code(), "name-taken", "{failure}");
    assert!(failure.applied.len() >= 8, "the groups are told: {:?}", failure.applied);
}

/// The password is in nothing that is kept or printed.
#[tokio::test]
async fn the_password_is_nowhere() {
    let account = account(|_| ());
    let front = Script::default();
    let outcome = setup_with(&account, &everything(), &Options::default(), &front)
        .await
        .unwrap();
    let document = serde_json::to_string(&account.document()).unwrap();
    let told = format!("{outcome:?} {:?} {document}", front.drafts.lock().unwrap());
    assert!(told.contains("autoconnect/autoconnect-orders/app"));
    assert!(!told.contains(CANARY));

    // Not even where everything that holds it is printed in a panic.
    let new = autoconnect::cloud::NewSecret {
        name: "s".into(),
        description: String::new(),
        user: "app".into(),
        password: CANARY.to_owned().into(),
        tags: std::collections::BTreeMap::new(),
    };
    let panic = std::panic::catch_unwind(|| panic!("{new:?}")).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("NewSecret") && !message.contains(CANARY), "{message}");
}

/// What is named for a proxy that exists is compared, not ignored.
#[tokio::test]
async fn another_proxy_than_the_one_that_exists_is_refused() {
    let account = account(|_| ());
    let password = |user| with_credentials(cluster("orders", "refunds"), CredentialsWish::Password, Some(user));
    setup(&account, &password("app")).await.unwrap();
    let writes = account.calls().write;
    let role = "arn:aws:iam::123456789012:role/orders-proxy";
    let others = [
        password("app2"),
        with_credentials(
            cluster("orders", "refunds"),
            CredentialsWish::Secret("orders-app".into()),
            None,
        ),
        with_credentials(cluster("orders", "refunds"), CredentialsWish::Iam, Some("app")),
        Target {
            proxy: ProxyWish::New(NewProxyWish {
                role: Some(role.into()),
                ..NewProxyWish::default()
            }),
            ..cluster("orders", "refunds")
        },
    ];
    for target in others {
        let failure = setup(&account, &target).await.unwrap_err();
        assert_eq!(failure.error.code(), "proxy-differs", "{failure}");
    }
    // Naming nothing, or the same again, continues with it.
    for target in [refunds(), password("app")] {
        assert_eq!(setup(&account, &target).await.unwrap().ending, Ending::Unchanged);
    }
    assert_eq!(account.calls().write, writes);
}

/// With IAM from end to end the proxy itself logs in as each user: its role is allowed that first.
#[tokio::test]
async fn a_second_user_of_end_to_end_iam_can_log_in_too() {
    let account = account(|_| ());
    let iam = |function, user| with_credentials(cluster("orders", function), CredentialsWish::Iam, Some(user));
    setup(&account, &iam("refunds", "app")).await.unwrap();
    let second = setup(&account, &iam("checkout", "app2")).await.unwrap();
    assert_eq!(
        actions(&second),
        [
            "lambda:UpdateFunctionConfiguration",
            "iam:PutRolePolicy",
            "iam:PutRolePolicy"
        ]
    );
    let document = account.document();
    let resources = |role: &str| -> Vec<String> {
        let role = document.roles.iter().find(|found| found.role_name == role).unwrap();
        let statement =
            |policy: &autoconnect::account::RolePolicy| policy.policy_document["Statement"][0]["Resource"].clone();
        role.policies
            .iter()
            .map(|policy| statement(policy).as_str().unwrap().to_owned())
            .collect()
    };
    for (role, kind) in [
        (PROXY_ROLE, "cluster-ORDERSEXAMPLE"),
        ("shop-functions", "prx-autoconnect-orders"),
    ] {
        let arn = |user| format!("arn:aws:rds-db:eu-central-1:123456789012:dbuser:{kind}/{user}");
        assert_eq!(resources(role), [arn("app"), arn("app2")], "{role}");
    }
    for target in [iam("refunds", "app"), iam("checkout", "app2")] {
        assert_eq!(setup(&account, &target).await.unwrap().ending, Ending::Unchanged);
    }
}

/// Without a secret of theirs, clients are given the user who was named, not the master user's secret.
#[tokio::test]
async fn the_named_user_is_not_given_the_secret_of_another() {
    let account = account(|_| ());
    let env = |user: Option<&str>| Target {
        environment: Some(EnvironmentWish { overwrite: true }),
        user: user.map(str::to_owned),
        ..cluster("orders", "checkout")
    };
    setup(&account, &env(Some("app"))).await.unwrap();
    let environment = account.document().functions[0].environment.clone();
    assert_eq!(environment.get("DB_USER").map(String::as_str), Some("app"));
    assert!(!environment.contains_key("DB_SECRET_ARN"));
    let outcome = setup(&account, &env(None)).await.unwrap();
    assert_eq!(
        account.document().functions[0].environment["DB_SECRET_ARN"],
        MASTER_SECRET
    );
    assert!(outcome.draft.notes.iter().any(|note| note.contains("DB_USER remains")));
}

/// RDS keeps the names of proxies in lower case, also where a run died right after it had made one.
#[tokio::test(start_paused = true)]
async fn names_in_other_case_are_the_same_proxy() {
    let named = Target {
        proxy: ProxyWish::New(NewProxyWish {
            name: Some("MyProxy".into()),
            ..NewProxyWish::default()
        }),
        iam_required: true,
        user: Some("app".into()),
        ..cluster("orders", "refunds")
    };
    for call in 0..90 {
        let account = account(|_| ());
        let _ = setup_interrupted_at(call, &account, &named).await;
        setup(&account, &named).await.unwrap();
        assert_eq!(
            account.document().security_groups.len(),
            example().security_groups.len() + 3
        );
        assert_eq!(setup(&account, &named).await.unwrap().ending, Ending::Unchanged);
        assert_eq!(account.document().db_proxies[1].name, "myproxy");
    }
}

/// What someone sets while the run is under way is not replaced.
#[tokio::test(start_paused = true)]
async fn a_value_set_meanwhile_is_not_replaced() {
    let account = account(|_| ());
    let target = Target {
        environment: Some(EnvironmentWish { overwrite: false }),
        ..refunds()
    };
    let cloud = slow_with(&account, |operation| {
        if operation == Operation::CreateDbProxy {
            account.edit(|document| {
                document.functions[1]
                    .environment
                    .insert("DB_HOST".into(), "replica".into());
            });
        }
    });
    let failure = setup(&cloud, &target).await.unwrap_err();
    assert_eq!(failure.error.code(), "environment-differs", "{failure}");
    assert_eq!(account.document().functions[1].environment["DB_HOST"], "replica");
}

/// What would stop the run in the middle is looked for before its first write.
#[tokio::test]
async fn nothing_is_written_where_it_would_end_half_way() {
    type Change = fn(&mut AccountDocument);
    let taken: Change = |document| {
        let mut role = document.roles[1].clone();
        role.role_name = FUNCTION_ROLE.into();
        document.roles.push(role);
    };
    let large: Change = |document| {
        let variables = &mut document.functions[1].environment;
        variables.insert("LARGE".into(), "x".repeat(4000));
    };
    let env = Target {
        environment: Some(EnvironmentWish { overwrite: false }),
        ..refunds()
    };
    let permission = with_credentials(cluster("orders", "refunds"), CredentialsWish::Iam, Some("app"));
    let table: [(Change, Target, &str); 7] = [
        (taken, everything(), "name-taken"),
        (large, env, "environment-too-large"),
        (
            |d| d.roles.remove(0).role_name.clear(),
            permission.clone(),
            "role-not-found",
        ),
        (
            |d| d.functions[1].role = None,
            permission.clone(),
            "function-without-role",
        ),
        (
            |d| d.db_clusters[0].iam_database_authentication_enabled = Some(false),
            permission.clone(),
            "iam-authentication-disabled",
        ),
        // A policy without it would let the proxy connect to no database.
        (
            |d| d.db_clusters[0].db_cluster_resource_id = None,
            permission,
            "resource-id-unknown",
        ),
        (
            |d| d.db_instances.retain(|i| i.cluster.as_deref() != Some("orders")),
            refunds(),
            "cluster-without-instances",
        ),
    ];
    for (change, target, code) in table {
        let account = account(change);
        let failure = setup(&account, &target).await.unwrap_err();
        assert_eq!(failure.error.code(), code, "{failure}");
        assert_eq!(account.calls().write, 0, "{code}");
    }
}
