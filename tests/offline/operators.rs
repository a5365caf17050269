//! The policies that `policy operator` prints for the commands other than `setup`: each is enough for its run, and for the
//! run that finishes one that died; and neither an action of it nor a resource could be left out.

use std::fmt::Debug;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::Cloud;
use autoconnect::fix::Scope;
use autoconnect::interrupt::Interrupt;
use autoconnect::model::{DatabaseKind, EnvironmentWish};
use autoconnect::observe::{Location, ProxyWish, Target, Which};
use autoconnect::plan::Request;
use autoconnect::policy::{PolicyDocument, Texts};
use autoconnect::reconcile::{
    Asked, Attach, Cleanup, Converged, Detach, Failure, Fix, Front, Goal, Internet, MskVia, Options, Progress,
    RunError, converge,
};
use autoconnect::removal::RemovalWish;
use secrecy::SecretString;

use crate::guarded::Guarded;
use crate::interposed::Interposed;
use crate::policies::{Recorder, actions, assert_complete, sees_less, without};
use crate::removals::disconnect;
use crate::scenarios::{self, Scenario, with_policies};
use crate::support::*;
use crate::{attach, internet, msk};

async fn run<G: Goal>(cloud: &dyn Cloud, goal: &G, options: &Options) -> Result<Converged<G::Seen>, Failure> {
    Box::pin(converge(cloud, goal, options, &Script::default(), Interrupt::never())).await
}

async fn guarded<G: Goal>(
    account: &OfflineAccount,
    goal: &G,
    policy: &PolicyDocument,
) -> Result<Converged<G::Seen>, Failure> {
    let policy = policy.clone();
    run(&Guarded { account, policy }, goal, &Options::default()).await
}

/// What `policy operator` prints.
async fn printed<G: Goal>(document: &AccountDocument, goal: &G) -> PolicyDocument {
    let planned = run(&account_with(document), goal, &dry_run()).await;
    let planned = planned.unwrap_or_else(|failure| panic!("{}: {failure}", goal.name()));
    goal.policy(&planned.found, &planned.draft.plan)
}

fn account_with(document: &AccountDocument) -> OfflineAccount {
    OfflineAccount::in_memory(document.clone()).unwrap()
}

/// What is left of a run that the user ended at each of its calls in turn, where it had written something.
async fn half_made<G: Goal>(document: &AccountDocument, goal: &G) -> Vec<AccountDocument> {
    let mut left = Vec::new();
    for call in 0.. {
        let account = account_with(document);
        let (trigger, interrupt) = Interrupt::new();
        let calls = AtomicU32::new(0);
        let cloud = slow_with(&account, |_| {
            if calls.fetch_add(1, Ordering::Relaxed) == call {
                trigger.raise();
            }
        });
        let ended = Box::pin(converge(
            &cloud,
            goal,
            &Options::default(),
            &Script::default(),
            interrupt,
        ))
        .await;
        if account.calls().write > 0 && left.last() != Some(&account.document()) {
            left.push(account.document());
        }
        if ended.is_ok() {
            break;
        }
    }
    left
}

/// By the service authorization reference these know no resources.
const ON_ALL: [&str; 23] = [
    "ec2:DescribeAddresses",
    "ec2:DescribeEgressOnlyInternetGateways",
    "ec2:DescribeInternetGateways",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:DescribeNatGateways",
    "ec2:DescribeNetworkAcls",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroupReferences",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcBlockPublicAccessExclusions",
    "ec2:DescribeVpcBlockPublicAccessOptions",
    "ec2:DescribeVpcEndpointServices",
    "ec2:DescribeVpcEndpoints",
    "ec2:DescribeVpcPeeringConnections",
    "ec2:DescribeVpcs",
    "iam:ListRoles",
    "lambda:ListCapacityProviders",
    "lambda:ListEventSourceMappings",
    "lambda:ListFunctions",
    "lambda:ListNetworkConnectors",
    "secretsmanager:ListSecrets",
];

/// The policy is enough, wherever the run before has ended; and less is not: without any one action, or resource, a run
/// fails or does not see what it should.
async fn holds<G: Goal<Seen: Debug>>(name: &str, document: &AccountDocument, goal: &G) {
    let policy = printed(document, goal).await;
    for statement in &policy.statement {
        assert!(!statement.resource.is_empty(), "{name}: {statement:?}");
        for action in statement.action.iter() {
            let is_on_all = statement.resource == Texts::from_iter(["*"]);
            assert_eq!(is_on_all, ON_ALL.contains(&action), "{name}: {action}");
            assert!(!action.contains('*'), "{name}: {action}");
        }
    }
    let mut begun = half_made(document, goal).await;
    begun.insert(0, document.clone());
    let mut runs = Vec::new();
    for document in begun {
        let free = account_with(&document);
        let called = Mutex::default();
        let recorded = Interposed {
            account: &free,
            hook: Recorder(&called),
        };
        let wanted = run(&recorded, goal, &Options::default()).await;
        assert_complete(name, &policy, called);
        let wanted = wanted.unwrap_or_else(|failure| panic!("{name}: {failure}"));
        let account = account_with(&document);
        let found = guarded(&account, goal, &policy).await;
        let found = found.unwrap_or_else(|failure| panic!("{name}: {failure}"));
        let seen = format!("{:?} {:?}", wanted.found, wanted.draft);
        assert_eq!(format!("{:?} {:?}", found.found, found.draft), seen, "{name}");
        assert_eq!(found.draft, wanted.draft, "{name}");
        assert_eq!(account.document(), free.document(), "{name}");
        // The next run has nothing to do, and needs no more.
        guarded(&account, goal, &policy).await.unwrap();
        runs.push((document, seen));
    }
    for action in actions(&policy) {
        // The mark of `remove` is tested on its own.
        if action != "ec2:DeleteTags" {
            let less = without(&policy, &action);
            let is_missed = is_missed(&runs, goal, &less, &action).await;
            assert!(is_missed, "{name}: {action} is not needed");
        }
    }
    // Whose these are is not known before: AWS's own, or the account's.
    let is_of_either = |arn: &str| arn.contains(":policy/") || arn.contains(":prefix-list/");
    for (at, statement) in policy.statement.iter().enumerate() {
        let several = statement.resource.iter().filter(|_| statement.resource.0.len() > 1);
        for resource in several.filter(|arn| !is_of_either(arn)) {
            let mut less = policy.clone();
            less.statement[at].resource.0.retain(|other| other != resource);
            let is_missed = is_missed(&runs, goal, &less, "").await;
            assert!(is_missed, "{name}: {:?} on {resource} is not needed", statement.action);
        }
    }
}

/// Whether one of the runs fails with this policy for lack of the action, or does not see what it should.
async fn is_missed<G: Goal<Seen: Debug>>(
    runs: &[(AccountDocument, String)],
    goal: &G,
    policy: &PolicyDocument,
    action: &str,
) -> bool {
    for (document, seen) in runs {
        match guarded(&account_with(document), goal, policy).await {
            Err(failure) => {
                let told = failure.error.to_string();
                // Where the users of a group are not known, it stays, and its tag has to be changed.
                let denied = [action, "ec2:CreateTags"].map(|of| format!("not authorized to perform {of}"));
                assert!(denied.iter().any(|denied| told.contains(denied)), "{told}");
                return true;
            }
            Ok(converged) if format!("{:?} {:?}", converged.found, converged.draft) != *seen => return true,
            Ok(_) => {}
        }
    }
    false
}

fn base() -> Vec<Scenario> {
    scenarios::base().into_iter().map(Scenario::with_policies).collect()
}

fn with_new_resources() -> Vec<Scenario> {
    let scenarios = scenarios::with_new_resources().into_iter();
    scenarios.map(Scenario::with_policies).collect()
}

fn example_with(change: impl FnOnce(&mut AccountDocument)) -> AccountDocument {
    let mut document = example();
    with_policies(&mut document);
    change(&mut document);
    document
}

async fn connected(document: &AccountDocument, targets: &[&Target]) -> AccountDocument {
    let account = account_with(document);
    for target in targets {
        setup(&account, target).await.unwrap();
    }
    account.document()
}

#[tokio::test(start_paused = true)]
async fn of_remove() {
    for scenario in base().into_iter().step_by(thoroughly([6, 1])) {
        let target = &scenario.target;
        let goal = disconnect(target, RemovalWish::default());
        let document = connected(&scenario.document, &[target]).await;
        holds(&format!("remove: {}", scenario.name), &document, &goal).await;
        let other = Target {
            function: "g".to_owned(),
            ..target.clone()
        };
        let document = connected(&scenario.document, &[target, &other]).await;
        holds(&format!("remove, shared: {}", scenario.name), &document, &goal).await;
    }
    let console = RemovalWish {
        console_made: true,
        ..RemovalWish::default()
    };
    let goal = disconnect(&cluster("orders", "checkout"), console);
    holds("remove, console-made", &example_with(|_| ()), &goal).await;
}

#[tokio::test(start_paused = true)]
async fn of_remove_with_the_proxy() {
    let wish = RemovalWish {
        with_proxy: true,
        ..RemovalWish::default()
    };
    let mut removed = 0;
    for scenario in with_new_resources() {
        let is_new = matches!(scenario.target.proxy, ProxyWish::New(_));
        // A function keeps its last group, and one that setup has made has no other.
        if !is_new || scenario.target.new_function.is_some() {
            continue;
        }
        let document = connected(&scenario.document, &[&scenario.target]).await;
        let goal = disconnect(&scenario.target, wish);
        holds(&format!("remove --with-proxy: {}", scenario.name), &document, &goal).await;
        removed += 1;
    }
    assert!(removed > 1, "{removed}");
}

#[tokio::test(start_paused = true)]
async fn of_remove_with_a_permission_and_variables() {
    let wish = RemovalWish {
        unset_env: true,
        ..RemovalWish::default()
    };
    for scenario in base() {
        let target = Target {
            user: Some("app".to_owned()),
            iam_required: scenario.target.proxy != ProxyWish::None,
            environment: Some(EnvironmentWish { overwrite: false }),
            ..scenario.target.clone()
        };
        let document = connected(&scenario.document, &[&target]).await;
        let mut goal = disconnect(&target, wish);
        goal.target.user = Some("app".to_owned());
        holds(&format!("remove --unset-env: {}", scenario.name), &document, &goal).await;
    }
}

/// Once the function is gone and nothing is left of it, its name is wrong: the policy is judged up to there.
#[tokio::test(start_paused = true)]
async fn of_remove_with_the_function() {
    let wish = RemovalWish {
        with_function: true,
        with_proxy: true,
        ..RemovalWish::default()
    };
    let mut scenarios = with_new_resources().into_iter();
    let scenario = scenarios
        .find(|scenario| scenario.target.new_function.is_some())
        .unwrap();
    let document = connected(&scenario.document, &[&scenario.target]).await;
    let goal = disconnect(&scenario.target, wish);
    let policy = printed(&document, &goal).await;
    let free = account_with(&document);
    let wanted = run(&free, &goal, &Options::default()).await.unwrap();
    let account = account_with(&document);
    guarded(&account, &goal, &policy).await.unwrap();
    assert_eq!(account.document(), free.document());
    let mut begun = half_made(&document, &goal).await;
    begun.pop();
    assert!(begun.len() > 10, "{}", begun.len());
    for document in begun {
        let account = account_with(&document);
        let ended = guarded(&account, &goal, &policy).await;
        ended.unwrap_or_else(|failure| panic!("{failure}"));
    }
    let runs = [(document, format!("{:?}", wanted.found))];
    for action in actions(&policy) {
        if action != "ec2:DeleteTags" {
            let less = without(&policy, &action);
            assert!(is_missed(&runs, &goal, &less, &action).await, "{action} is not needed");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_cleanup() {
    for scenario in base() {
        let mut document = connected(&scenario.document, &[&scenario.target]).await;
        document.functions.remove(0);
        holds(&format!("cleanup: {}", scenario.name), &document, &Cleanup).await;
    }
    let mut scenarios = with_new_resources().into_iter();
    let scenario = scenarios
        .find(|scenario| scenario.target.new_function.is_some())
        .unwrap();
    let mut document = connected(&scenario.document, &[&scenario.target]).await;
    document.functions.retain(|function| function.function_name != "new");
    document.db_proxies.retain(|proxy| proxy.tags.is_empty());
    holds("cleanup of roles and secrets", &document, &Cleanup).await;
}

/// Where another function starts to use the groups right before they are marked, the mark is removed again.
#[tokio::test(start_paused = true)]
async fn the_policy_of_remove_takes_its_mark_off() {
    struct Meanwhile<'a>(&'a OfflineAccount);
    #[async_trait::async_trait]
    impl Front for Meanwhile<'_> {
        async fn consent(&self, _: Asked<'_>) -> Result<(), RunError> {
            self.0.edit(|document| {
                let of = |document: &AccountDocument, name: &str| {
                    let found = document
                        .functions
                        .iter()
                        .position(|function| function.function_name == name);
                    found.unwrap()
                };
                let config = document.functions[of(document, "f")].vpc_config.clone();
                let other = of(document, "g");
                document.functions[other].vpc_config = config;
            });
            Ok(())
        }

        async fn password(&self, _: &str) -> Result<SecretString, RunError> {
            Err(RunError::Declined)
        }

        fn progress(&self, _: Progress<'_>) {}
    }
    let scenario = base().remove(0);
    let goal = disconnect(&scenario.target, RemovalWish::default());
    let document = connected(&scenario.document, &[&scenario.target]).await;
    let policy = printed(&document, &goal).await;
    for (policy, code) in [
        (policy.clone(), "used-meanwhile"),
        (without(&policy, "ec2:DeleteTags"), "access-denied"),
    ] {
        let account = account_with(&document);
        let front = Meanwhile(&account);
        let cloud = Guarded {
            account: &account,
            policy,
        };
        let ended = converge(&cloud, &goal, &Options::default(), &front, Interrupt::never()).await;
        assert_eq!(ended.unwrap_err().error.code(), code);
    }
}

#[tokio::test(start_paused = true)]
async fn of_attach_and_detach() {
    let like = |kind, id: &str| Attach {
        location: Location::Like {
            kind,
            id: id.to_owned(),
        },
        ..attach::attach("newsletter", &[], &[])
    };
    let with_role = |document: &mut AccountDocument| {
        let role = document.functions[0].role.clone();
        for function in &mut document.functions {
            function.role.clone_from(&role);
        }
    };
    let document = example_with(with_role);
    let named = attach::attach("newsletter", &["subnet-0a1a", "subnet-0a1b"], &["sg-0f00"]);
    holds("attach", &document, &named).await;
    holds("attach like a cluster", &document, &like(None, "orders")).await;
    holds("attach like an instance, perhaps", &document, &like(None, "inventory")).await;
    let instance = like(Some(DatabaseKind::Instance), "inventory");
    holds("attach like an instance", &document, &instance).await;
    holds(
        "attach elsewhere",
        &document,
        &attach::attach("checkout", &["subnet-0a1a"], &["sg-0d00"]),
    )
    .await;
    let without_instances = example_with(|document| {
        with_role(document);
        document.db_instances.retain(|instance| instance.cluster.is_none());
    });
    holds(
        "attach like an empty cluster",
        &without_instances,
        &like(None, "orders"),
    )
    .await;
    let lacking = example_with(|document| {
        with_role(document);
        document.roles[0].attached_policies =
            vec!["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole".to_owned()];
    });
    let granting = Attach { grant: true, ..named };
    holds("attach --grant", &lacking, &granting).await;
    let detach = Detach {
        function: "checkout".to_owned(),
    };
    holds("detach", &document, &detach).await;
}

#[tokio::test(start_paused = true)]
async fn of_internet_setup() {
    for scenario in internet::scenarios() {
        let document = internet::account(&scenario.account).document();
        let goal = Internet(scenario.wish);
        holds(&format!("internet setup: {}", scenario.name), &document, &goal).await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_msk_setup() {
    let document = account_of("msk.json", with_policies).document();
    for (cluster, via, restrict) in [
        ("audit", MskVia::Endpoints, false),
        ("audit", MskVia::Endpoints, true),
        ("clicks", MskVia::Endpoints, true),
        ("payments", MskVia::Endpoints, false),
        ("audit", MskVia::Nat, false),
    ] {
        let goal = msk::goal(cluster, via, restrict);
        holds(&format!("msk setup: {cluster} {via:?} {restrict}"), &document, &goal).await;
    }
    let clusters = ["audit", "clicks", "payments", "telemetry"];
    let with_mapping = clusters.into_iter().find_map(|cluster| {
        let mut goal = msk::goal(cluster, MskVia::Endpoints, false);
        let mut mappings = document.event_source_mappings.iter();
        let mapping = mappings.find(|mapping| Some(&mapping.event_source_arn) == goal.target.cluster.as_ref())?;
        goal.target.which = Which::One(mapping.uuid.clone());
        Some(goal)
    });
    let one = with_mapping.unwrap();
    holds("msk setup for one mapping", &document, &one).await;
}

#[tokio::test(start_paused = true)]
async fn of_what_fixes() {
    let mend = |target: Target, scope| Fix {
        target,
        endpoint: None,
        scope,
        request: Request::default(),
    };
    let across = |change: fn(&mut AccountDocument)| {
        let account = network_account(|document| {
            with_policies(document);
            change(document);
        });
        account.document()
    };
    let broken = across(crate::fix::broken);
    let ledger = instance("ledger", "ledger-sync");
    holds("diagnose --fix", &broken, &mend(ledger.clone(), Scope::Everything)).await;
    let through_proxy = Target {
        proxy: ProxyWish::Existing("orders-proxy".to_owned()),
        ..cluster("orders", "checkout")
    };
    let within = across(|_| ());
    holds(
        "diagnose --fix within one VPC",
        &within,
        &mend(through_proxy.clone(), Scope::Everything),
    )
    .await;
    let endpoint = Fix {
        endpoint: Some("readers".to_owned()),
        ..mend(through_proxy, Scope::Everything)
    };
    let with_endpoint = across(|document| {
        let endpoint = serde_json::json!({"DBProxyEndpointName": "readers", "DBProxyName": "orders-proxy", "VpcId": "vpc-0a01",
            "VpcSubnetIds": ["subnet-0ad1a"], "VpcSecurityGroupIds": ["sg-0a03"], "TargetRole": "READ_WRITE"});
        document.db_proxy_endpoints = vec![serde_json::from_value(endpoint).unwrap()];
    });
    holds("diagnose --fix to an endpoint", &with_endpoint, &endpoint).await;
    let without_groups = across(|document| {
        document.security_groups[0].ip_permissions_egress.clear();
        crate::fix::peered(document);
    });
    let goal = mend(ledger.clone(), Scope::GroupsAcrossVpcs);
    holds("setup --cross-vpc", &without_groups, &goal).await;
    let connected = account_with(&without_groups);
    run(&connected, &goal, &Options::default()).await.unwrap();
    let goal = disconnect(&ledger, RemovalWish::default());
    let planned = run(&connected, &goal, &dry_run()).await.unwrap();
    assert!(!planned.draft.plan.is_empty());
    holds("remove across two VPCs", &connected.document(), &goal).await;
}

/// `setup` itself, where it sets the rules of its own groups back.
#[tokio::test(start_paused = true)]
async fn of_setup_repair() {
    let repairing = |dry_run| Options {
        dry_run,
        request: Request {
            repair: true,
            ..Request::default()
        },
        ..Options::default()
    };
    for scenario in base() {
        let (name, target) = (&scenario.name, &scenario.target);
        let mut document = connected(&scenario.document, &[target]).await;
        for group in document
            .security_groups
            .iter_mut()
            .filter(|group| !group.tags.is_empty())
        {
            for rule in group.ip_permissions.iter_mut().chain(&mut group.ip_permissions_egress) {
                rule.to_port = rule.to_port.map(|port| port + 1);
            }
        }
        let planned = setup_with(&account_with(&document), target, &repairing(true), &Script::default()).await;
        let planned = planned.unwrap();
        assert!(planned.draft.plan.sets_back(), "{name}");
        let policy = policy_of(&planned, target);
        let repaired = async |policy| {
            let account = account_with(&document);
            let cloud = Guarded {
                account: &account,
                policy,
            };
            setup_with(&cloud, target, &repairing(false), &Script::default()).await
        };
        repaired(policy.clone()).await.unwrap();
        for action in actions(&policy) {
            match repaired(without(&policy, &action)).await {
                Ok(outcome) => assert!(sees_less(&outcome, &action), "{name}: {action} is not needed"),
                Err(failure) => assert_eq!(failure.error.code(), "access-denied", "{name}: {action}"),
            }
        }
    }
}
