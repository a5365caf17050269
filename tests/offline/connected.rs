//! `setup` says connected only of what is: the path is open as far as it could be read, and the proxy reaches the database.

use std::time::Duration;

use autoconnect::account::AccountDocument;
use autoconnect::cloud::{Cloud, Operation};
use autoconnect::diagnostics::connection::{Diagnosis, diagnose};
use autoconnect::diagnostics::{Check, Status};
use autoconnect::observe::network::READS_BETWEEN;
use autoconnect::observe::{ProxyWish, Target, observe_around, role, scene};
use autoconnect::reconcile::{Ending, Options};
use serde_json::{Value, from_value, json};
use tokio::time::Instant;

use crate::denied::Denied;
use crate::guarded::Guarded;
use crate::interposed::Interposed;
use crate::policies::{actions, assert_complete, without};
use crate::scenarios::{Scenario, rows_of_the_table, with_new_resources};
use crate::support::*;

type Edit = fn(&mut AccountDocument);

fn checked() -> Options {
    Options {
        diagnose: true,
        ..Options::default()
    }
}

fn checked_dry_run() -> Options {
    Options {
        diagnose: true,
        ..dry_run()
    }
}

fn direct() -> Target {
    instance("inventory", "stock-sync")
}

fn through_the_proxy() -> Target {
    Target {
        proxy: ProxyWish::Existing("orders-proxy".into()),
        ..cluster("orders", "refunds")
    }
}

fn acl(document: &mut AccountDocument, entries: &Value) {
    let acl = json!({
        "NetworkAclId": "acl-0default", "VpcId": "vpc-0a1b2c3d", "IsDefault": true, "Entries": entries,
    });
    document.network_acls.push(from_value(acl).unwrap());
}

fn route_table(document: &mut AccountDocument, routes: &Value) {
    let table = json!({
        "RouteTableId": "rtb-0main", "VpcId": "vpc-0a1b2c3d", "Associations": [{"Main": true}], "Routes": routes,
    });
    document.route_tables.push(from_value(table).unwrap());
}

/// What stands in the way that no group removes: the edit, and the check that names it.
fn obstacles() -> Vec<(&'static str, Edit, &'static str)> {
    vec![
        ("the default ACL denies all", |a| acl(a, &json!([])), "network-acls"),
        (
            "an ACL lets nothing back",
            |a| {
                acl(
                    a,
                    &json!([
                        {"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "Egress": true, "CidrBlock": "0.0.0.0/0"},
                        {"RuleNumber": 90, "Protocol": "6", "RuleAction": "deny", "Egress": false, "CidrBlock": "0.0.0.0/0",
                         "PortRange": {"From": 1024, "To": 65535}},
                        {"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "Egress": false, "CidrBlock": "0.0.0.0/0"},
                    ]),
                );
            },
            "network-acls",
        ),
        (
            "part of the VPC is sent elsewhere",
            |a| {
                route_table(
                    a,
                    &json!([
                        {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"},
                        {"DestinationCidrBlock": "10.0.1.0/24", "NatGatewayId": "nat-0gone", "State": "blackhole"},
                        {"DestinationCidrBlock": "10.0.2.0/24", "NatGatewayId": "nat-0gone", "State": "blackhole"},
                    ]),
                );
            },
            "routes",
        ),
        (
            "no name resolves",
            |a| a.vpcs[0].enable_dns_support = Some(false),
            "dns",
        ),
    ]
}

fn path(outcome: &Outcome) -> &Diagnosis {
    outcome.path.as_ref().expect("the path was checked")
}

/// What `setup` asks of what `diagnose` does: the role of a proxy is for the proxy's target to show.
fn of_setup(diagnosis: &Diagnosis) -> Vec<Check> {
    let checks = diagnosis.checks.iter().filter(|check| check.id != "proxy-role");
    checks.cloned().collect()
}

fn failing(diagnosis: &Diagnosis) -> Vec<&str> {
    let failing = diagnosis.checks.iter().filter(|check| check.status == Status::Fail);
    failing.map(|check| check.id.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_no_group_removes_is_in_the_plan_and_makes_the_run_incomplete() {
    for (name, edit, check) in obstacles() {
        for target in [direct(), through_the_proxy()] {
            let account = account(edit);
            let front = Script::default();
            let planned = setup_with(&account, &target, &checked_dry_run(), &front).await.unwrap();
            assert_eq!(planned.ending, Ending::Planned, "{name}");
            assert_eq!(failing(path(&planned)), [check], "{name}: {:#?}", path(&planned));

            let outcome = setup_with(&account, &target, &checked(), &front).await.unwrap();
            assert_eq!(outcome.ending, Ending::Incomplete, "{name}");
            assert_eq!(failing(path(&outcome)), [check], "{name}: {:#?}", path(&outcome));
            let asked = front.drafts.lock().unwrap().pop().expect("the user is asked");
            assert_eq!(failing(&asked.path.expect("the path was checked")), [check], "{name}");

            let again = setup_with(&account, &target, &checked(), &front).await.unwrap();
            assert_eq!(again.draft.decision, "no-op", "{name}");
            assert_eq!(again.ending, Ending::Incomplete, "{name}");
            assert_eq!(failing(path(&again)), [check], "{name}");

            // It says what `diagnose` says.
            let diagnosis = diagnose(&scene(&account, &target).await.unwrap());
            assert_eq!(path(&again).checks, of_setup(&diagnosis), "{name}");

            // Whoever does not want the checks has a run as before.
            let unchecked = setup(&account, &target).await.unwrap();
            assert_eq!((unchecked.ending, unchecked.path), (Ending::Unchanged, None), "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_path_is_connected_and_says_what_diagnose_says() {
    for target in [direct(), through_the_proxy()] {
        let account = account(|_| ());
        let planned = setup_with(&account, &target, &checked_dry_run(), &Script::default())
            .await
            .unwrap();
        assert_eq!(failing(path(&planned)), Vec::<&str>::new(), "{:#?}", path(&planned));
        let outcome = setup_with(&account, &target, &checked(), &Script::default())
            .await
            .unwrap();
        assert_eq!(outcome.ending, Ending::Reached);
        let diagnosis = diagnose(&scene(&account, &target).await.unwrap());
        assert_eq!(path(&outcome).checks, of_setup(&diagnosis));
        let again = setup_with(&account, &target, &checked(), &Script::default())
            .await
            .unwrap();
        assert_eq!(again.ending, Ending::Unchanged);
        assert_eq!(path(&again).checks, of_setup(&diagnosis));
    }
}

/// Every row of the decision table and everything that is created: the groups are what the plan decides.
#[tokio::test(start_paused = true)]
async fn no_plan_is_said_to_be_blocked_by_what_it_fixes() {
    for scenario in rows_of_the_table().into_iter().chain(with_new_resources()) {
        let Scenario {
            name,
            mut document,
            target,
        } = scenario;
        // The proxy requires IAM, and to give the function that permission is for --iam-auth.
        let policy = json!({"PolicyName": "connect", "PolicyDocument": {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "rds-db:connect", "Resource": "*"}]}});
        for role in document.roles.iter_mut().filter(|_| !target.iam_required) {
            role.policies.push(from_value(policy.clone()).unwrap());
        }
        let account = autoconnect::account::OfflineAccount::in_memory(document).unwrap();
        let planned = setup_with(&account, &target, &checked_dry_run(), &Script::default())
            .await
            .unwrap();
        assert_eq!(
            failing(path(&planned)),
            Vec::<&str>::new(),
            "{name}: {:#?}",
            path(&planned)
        );
        let outcome = setup_with(&account, &target, &checked(), &Script::default())
            .await
            .unwrap();
        let is_end = matches!(outcome.ending, Ending::Reached | Ending::Unchanged);
        assert!(is_end, "{name}: {:?} {:#?}", outcome.ending, path(&outcome));
    }
}

/// Each state of a target. What may still become better is waited for, until the time is up and no longer.
#[tokio::test(start_paused = true)]
async fn a_proxy_that_does_not_reach_the_database_is_incomplete_in_time() {
    let reasons = [
        "UNREACHABLE",
        "CONNECTION_FAILED",
        "AUTH_FAILURE",
        "PENDING_PROXY_CAPACITY",
        "INVALID_REPLICATION_STATE",
        "PROMOTED",
        "SOMETHING_NEW",
    ];
    for reason in reasons.into_iter().step_by(thoroughly([3, 1])) {
        for options in [checked(), Options::default()] {
            let account = account(|document| {
                document.db_proxies[0].target.as_mut().unwrap().unavailable_reason = Some(reason.to_owned());
            });
            let options = Options {
                timeout: Duration::from_mins(thoroughly([1, 5])),
                ..options
            };
            for expected in ["create-new", "no-op"] {
                let start = Instant::now();
                let outcome = setup_with(&account, &through_the_proxy(), &options, &Script::default()).await;
                let outcome = outcome.unwrap_or_else(|failure| panic!("{reason}: {failure}"));
                assert!(
                    start.elapsed() <= options.timeout + Duration::from_secs(10),
                    "{reason}: {:?}",
                    start.elapsed()
                );
                assert_eq!(outcome.draft.decision, expected, "{reason}");
                assert_eq!(outcome.ending, Ending::Incomplete, "{reason}");
                let health = outcome
                    .found
                    .observation
                    .proxy
                    .as_ref()
                    .unwrap()
                    .target_health(&outcome.found.observation.database);
                let told = format!("{:?}", health.unwrap()).to_uppercase();
                assert!(told.contains(reason), "{told}");
            }
        }
    }
}

/// A database that is stopped, or has no instance yet, is connected anyway: its path is open.
#[tokio::test(start_paused = true)]
async fn a_database_that_is_not_up_keeps_its_connection() {
    let edits: [Edit; 2] = [
        |document| document.db_clusters[0].status = "stopped".into(),
        |document| {
            document
                .db_instances
                .retain(|instance| !instance.id.starts_with("orders"));
        },
    ];
    for edit in edits {
        let account = account(edit);
        let outcome = setup_with(&account, &cluster("orders", "checkout"), &checked(), &Script::default()).await;
        let outcome = outcome.unwrap();
        assert_eq!(outcome.ending, Ending::Unchanged);
        let state = path(&outcome).checks.iter().find(|check| check.id == "state").unwrap();
        assert_eq!(state.status, Status::Warn, "{state:#?}");
    }
}

/// What is not waited for is not said to be connected.
#[tokio::test(start_paused = true)]
async fn without_waiting_a_proxy_that_has_not_answered_is_incomplete() {
    for (registering, expected) in [(true, Ending::Incomplete), (false, Ending::Reached)] {
        let account = account(|document| {
            document.db_proxies[0].target.as_mut().unwrap().registering = registering;
        });
        let options = Options {
            wait_for_effect: false,
            ..checked()
        };
        let outcome = setup_with(&account, &through_the_proxy(), &options, &Script::default())
            .await
            .unwrap();
        assert_eq!(outcome.ending, expected, "{registering}");
    }
}

/// The reads of the checks end no run. What they would have shown is unknown, and the permission is named.
#[tokio::test(start_paused = true)]
async fn what_may_not_be_read_is_unknown_and_ends_nothing() {
    // These are needed for the groups, too.
    let needed = [Operation::DescribeSubnets, Operation::DescribeSecurityGroups];
    let mut unknown = 0;
    for &operation in READS_BETWEEN.iter().chain(role::ROLE_READS) {
        if needed.contains(&operation) {
            continue;
        }
        let account = account(|_| ());
        let cloud = Interposed {
            account: &account,
            hook: Denied(operation),
        };
        let outcome = setup_with(&cloud, &direct(), &checked(), &Script::default())
            .await
            .unwrap();
        assert_eq!(outcome.ending, Ending::Reached, "{operation}");
        for check in &path(&outcome).checks {
            match check.status {
                Status::Pass => {}
                Status::Unknown => {
                    unknown += 1;
                    assert!(names(check, operation.iam_action()), "{operation}: {check:#?}");
                }
                Status::Warn | Status::Fail => panic!("{operation}: {check:#?}"),
            }
        }
    }
    assert!(unknown >= 7, "{unknown}");
}

fn names(check: &Check, action: &str) -> bool {
    format!("{} {:?}", check.message, check.evidence).contains(action)
}

/// The policy for a run with the checks has all of their reads; without one of them the run reports less, or fails.
#[tokio::test(start_paused = true)]
async fn the_reads_of_the_checks_are_in_the_policy() {
    let scenarios = rows_of_the_table().into_iter().chain(with_new_resources());
    let mut left_out = 0;
    for Scenario { name, document, target } in scenarios {
        let account = || autoconnect::account::OfflineAccount::in_memory(document.clone()).unwrap();
        let planned = setup_with(&account(), &target, &checked_dry_run(), &Script::default())
            .await
            .unwrap();
        let policy = policy_of(&planned, &target);
        let of_run = setup_with(&account(), &target, &dry_run(), &Script::default())
            .await
            .unwrap();
        let bare = actions(&policy_of(&of_run, &target));

        let called = std::sync::Mutex::default();
        let recorded = account();
        let cloud = Interposed {
            account: &recorded,
            hook: crate::policies::Recorder(&called),
        };
        setup_with(&cloud, &target, &checked(), &Script::default())
            .await
            .unwrap();
        assert_complete(&name, &policy, called);

        let guarded = account();
        let cloud = Guarded {
            account: &guarded,
            policy: policy.clone(),
        };
        let outcome = setup_with(&cloud, &target, &checked(), &Script::default()).await;
        let outcome = outcome.unwrap_or_else(|failure| panic!("{name}: {failure}"));
        let told = format!("{:?}", path(&outcome));
        assert!(!told.contains("not authorized to perform"), "{name}: {told}");

        for action in actions(&policy).difference(&bare) {
            let guarded = account();
            let cloud = Guarded {
                account: &guarded,
                policy: without(&policy, action),
            };
            let outcome = setup_with(&cloud, &target, &checked(), &Script::default()).await;
            let outcome = outcome.unwrap_or_else(|failure| panic!("{name}, {action}: {failure}"));
            // A role without policies of a kind is asked for none.
            let is_told = path(&outcome).checks.iter().any(|check| names(check, action));
            let is_of_policies = action.starts_with("iam:Get") || action == "ec2:GetManagedPrefixListEntries";
            assert!(is_told || is_of_policies, "{name}: {action}: {:#?}", path(&outcome));
            left_out += 1;
        }
    }
    assert!(left_out > 50, "{left_out}");
}

/// Calls of one round are sent at once; here each takes a second. The checks take two more rounds than the groups: a role
/// leads to its policies, and each of these to its version.
#[tokio::test(start_paused = true)]
async fn observing_with_the_checks_takes_four_rounds() {
    for (target, calls) in [
        (direct(), 16),
        (cluster("orders", "refunds"), 17),
        (through_the_proxy(), 20),
    ] {
        let account = account(|_| ());
        let start = Instant::now();
        Box::pin(observe_around(&slow(&account), &target, true, true))
            .await
            .unwrap();
        assert_eq!(start.elapsed().as_secs(), 4, "{target:?}");
        assert_eq!(account.calls().read, calls, "{target:?}");
    }
}
