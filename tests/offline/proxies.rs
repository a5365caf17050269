//! Connections through an RDS Proxy that exists.

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::{Cloud, derived};
use autoconnect::model::TargetHealthState::{self, Available, Unavailable};
use autoconnect::observe::{ProxyWish, Target, observe};
use autoconnect::reconcile::{Ending, Options};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::*;

fn through(target: Target) -> Target {
    Target {
        proxy: ProxyWish::Existing("orders-proxy".into()),
        ..target
    }
}

fn refunds() -> Target {
    through(cluster("orders", "refunds"))
}

fn health(outcome: &Outcome) -> Option<(TargetHealthState, Option<String>)> {
    let health = outcome
        .found
        .observation
        .proxy
        .as_ref()?
        .target_health(&outcome.found.observation.database)?;
    Some((health.state.clone(), health.reason.clone()))
}

#[tokio::test]
async fn the_whole_set_is_made_and_the_proxy_reaches_the_database() {
    let account = account(|_| ());
    let before = account.document();
    let planned = setup_with(&account, &refunds(), &dry_run(), &Script::default())
        .await
        .unwrap();
    assert_eq!(
        health(&planned),
        Some((TargetHealthState::Unavailable, Some("UNREACHABLE".into())))
    );
    assert!(
        planned
            .draft
            .reasons
            .iter()
            .any(|reason| reason.contains("UNREACHABLE"))
    );

    let outcome = setup(&account, &refunds()).await.unwrap();
    assert_eq!(outcome.ending, Ending::Reached);
    assert_eq!(outcome.draft.decision, "create-new");
    assert_eq!(outcome.draft.plan.steps.len(), 13);
    assert_eq!(health(&outcome), Some((TargetHealthState::Available, None)));
    let after = account.document();
    assert_eq!(
        after.security_groups[..before.security_groups.len()],
        before.security_groups
    );
    assert_eq!(after.security_groups.len(), before.security_groups.len() + 3);
    assert_eq!(after.db_proxies[0].vpc_security_group_ids[0], "sg-0f00");
    assert_eq!(after.db_proxies[0].vpc_security_group_ids.len(), 2);

    let writes = account.calls().write;
    assert_eq!(setup(&account, &refunds()).await.unwrap().ending, Ending::Unchanged);
    assert_eq!(account.calls().write, writes);

    // The second function shares the set; the direct connection of checkout is left alone.
    let checkout = through(cluster("orders", "checkout"));
    let second = setup(&account, &checkout).await.unwrap();
    assert_eq!(second.draft.decision, "associate-existing");
    assert_eq!(second.draft.plan.steps.len(), 1);
    assert_eq!(
        setup(&account, &cluster("orders", "checkout")).await.unwrap().ending,
        Ending::Unchanged
    );
}

#[tokio::test]
async fn a_database_that_is_not_its_target_is_registered() {
    for target in [refunds(), through(instance("inventory", "stock-sync"))] {
        let account = account(|document| document.db_proxies[0].target = None);
        let outcome = setup(&account, &target).await.unwrap();
        assert_eq!(outcome.ending, Ending::Reached);
        assert_eq!(outcome.draft.plan.steps.len(), 14);
        assert_eq!(
            outcome.draft.plan.steps[10].effect.action(),
            "rds:RegisterDBProxyTargets"
        );
        assert_eq!(
            health(&outcome),
            Some((TargetHealthState::Available, None)),
            "its registration is waited for"
        );
        assert_eq!(setup(&account, &target).await.unwrap().ending, Ending::Unchanged);

        // Someone deregisters it: only that is fixed.
        account.edit(|document| document.db_proxies[0].target = None);
        let outcome = setup(&account, &target).await.unwrap();
        assert_eq!(outcome.draft.decision, "associate-existing");
        assert_eq!(outcome.draft.plan.steps.len(), 1);
        assert_eq!(health(&outcome), Some((TargetHealthState::Available, None)));
    }
}

#[tokio::test]
async fn an_auth_failure_is_reported_and_no_new_groups_are_made_for_it() {
    let account = account(|_| ());
    setup(&account, &refunds()).await.unwrap();
    account.edit(|document| {
        document.db_proxies[0].target.as_mut().unwrap().unavailable_reason = Some("AUTH_FAILURE".into());
    });
    let outcome = setup(&account, &refunds()).await.unwrap();
    assert_eq!(outcome.draft.decision, "no-op");
    assert_eq!(outcome.ending, Ending::Incomplete);
    let reasons = outcome.draft.reasons.join(" ");
    assert!(reasons.contains("not a network problem"), "{reasons}");
}

#[tokio::test]
async fn each_requirement_of_a_proxy_is_refused_by_name() {
    type Change = fn(&mut AccountDocument);
    let table: [(Change, &str, &str); 6] = [
        (
            |d| d.db_proxies[0].engine_family = "MYSQL".into(),
            "proxy-other-engine-family",
            "MYSQL",
        ),
        (
            |d| {
                d.db_proxies[0].vpc_id = "vpc-0e5f6a7b".into();
                d.db_proxies[0].vpc_security_group_ids.clear();
            },
            "proxy-different-vpc",
            "vpc-0e5f6a7b",
        ),
        (
            |d| d.db_proxies[0].target.as_mut().unwrap().rds_resource_id = "archive".into(),
            "proxy-other-target",
            "archive",
        ),
        (
            |d| d.db_clusters[0].engine = "oracle-ee".into(),
            "proxy-unsupported-engine",
            "oracle-ee",
        ),
        (
            |d| d.db_proxies[0].status = "incompatible-network".into(),
            "proxy-not-available",
            "incompatible-network",
        ),
        (
            |d| d.db_proxies[0].name = "orders-proxi".into(),
            "proxy-not-found",
            "orders-proxy",
        ),
    ];
    for (change, code, word) in table {
        let account = account(change);
        let failure = setup(&account, &refunds()).await.unwrap_err();
        assert_eq!(failure.error.code(), code, "{failure}");
        assert!(failure.error.to_string().contains(word), "{code}: {failure}");
        assert!(failure.error.hint().is_some());
        assert_eq!(account.calls().write, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn observing_a_proxy_takes_no_further_round() {
    let account = account(|_| ());
    let start = Instant::now();
    observe(&slow(&account), &refunds()).await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 2);
    assert_eq!(account.calls().read, 7);
}

/// Wherever the user ends a run, the next one completes it.
#[tokio::test(start_paused = true)]
async fn an_interrupted_run_is_completed_by_the_next() {
    let groups = example().security_groups.len() + 3;
    for call in 0..70 {
        let account: OfflineAccount = account(|document| document.db_proxies[0].target = None);
        let _ = setup_interrupted_at(call, &account, &refunds()).await;
        setup(&account, &refunds()).await.unwrap();
        assert_eq!(
            account.document().security_groups.len(),
            groups,
            "one set, after call {call}"
        );
        assert_eq!(setup(&account, &refunds()).await.unwrap().ending, Ending::Unchanged);
    }
}

/// Groups of another function's connection through the same proxy are nobody's to give away.
#[tokio::test]
async fn what_another_function_uses_is_not_superseded() {
    let account = account(|_| ());
    setup(&account, &through(cluster("orders", "checkout"))).await.unwrap();
    account.edit(|document| {
        let group = document
            .security_groups
            .iter_mut()
            .find(|group| group.group_name == "lambda-rdsproxy-1")
            .unwrap();
        group.ip_permissions_egress[0].to_port = Some(6000);
    });
    let outcome = setup_with(&account, &refunds(), &dry_run(), &Script::default())
        .await
        .unwrap();
    assert_eq!(outcome.draft.decision, "create-new");
    let reasons = outcome.draft.reasons.join(" ");
    assert!(!reasons.contains("takes its place"), "{reasons}");
    let outcome = setup_with(
        &account,
        &through(cluster("orders", "checkout")),
        &dry_run(),
        &Script::default(),
    )
    .await
    .unwrap();
    let reasons = outcome.draft.reasons.join(" ");
    for name in ["rds-rdsproxy-1", "rdsproxy-lambda-1", "lambda-rdsproxy-1"] {
        assert!(
            reasons.contains(&format!("{name} (sg-")) && reasons.contains("replaces it"),
            "{name}: {reasons}"
        );
    }
}

/// Where nothing has to be written, states that are none of the connection's do not matter; what is still
/// taking effect does.
#[tokio::test]
async fn a_connection_that_settles_is_waited_for_whatever_its_database_does() {
    let account = account(|_| ());
    setup(&account, &refunds()).await.unwrap();
    account.edit(|document| {
        document.db_clusters[0].status = "stopped".into();
        document.db_proxies[0].target.as_mut().unwrap().registering = true;
        document.functions[1].last_update_status = "InProgress".into();
    });
    let front = Script::default();
    let outcome = setup_with(&account, &refunds(), &Options::default(), &front)
        .await
        .unwrap();
    assert_eq!(outcome.ending, Ending::Unchanged);
    assert!(front.waits.lock().unwrap()[0].contains("an update of function refunds"));
    assert_eq!(
        outcome.found.observation.function.last_update,
        Some(autoconnect::model::LastUpdateStatus::Successful)
    );
}

#[tokio::test]
async fn a_failed_update_is_refused_before_the_target_is_registered() {
    let account = account(|_| ());
    setup(&account, &refunds()).await.unwrap();
    account.edit(|document| {
        document.db_proxies[0].target = None;
        document.functions[1].last_update_status = "Failed".into();
    });
    let writes = account.calls().write;
    let failure = setup(&account, &refunds()).await.unwrap_err();
    assert_eq!(failure.error.code(), "function-update-failed");
    assert_eq!(account.calls().write, writes);
}

/// A rule for tcp to a port.
fn tcp(port: u16, peers: &Value) -> Value {
    let mut rule = json!({"IpProtocol": "tcp", "FromPort": port, "ToPort": port});
    for (key, value) in peers.as_object().unwrap() {
        rule[key] = value.clone();
    }
    json!([rule])
}

fn ranges(cidrs: &[&str]) -> Value {
    let ranges: Vec<Value> = cidrs.iter().map(|cidr| json!({"CidrIp": cidr})).collect();
    json!({"IpRanges": ranges})
}

fn list(id: &str) -> Value {
    json!({"PrefixListIds": [{"PrefixListId": id}]})
}

type Change = fn(&mut Value);

/// What is changed where the proxy reaches the cluster by ranges, and what RDS would then find.
const HEALTHS: [(&str, Change, TargetHealthState); 16] = [
    ("nothing", |_| (), Available),
    (
        "to one of its subnets",
        |value| out(value, &ranges(&["10.0.11.0/24"])),
        Available,
    ),
    (
        "to a part of its subnet",
        |value| out(value, &ranges(&["10.0.11.128/25"])),
        Available,
    ),
    (
        "to the subnet in another zone",
        |value| out(value, &ranges(&["10.0.12.0/24"])),
        Unavailable,
    ),
    (
        "to one subnet, and the zone is not told",
        |value| {
            out(value, &ranges(&["10.0.12.0/24"]));
            value["DBInstances"][0]
                .as_object_mut()
                .unwrap()
                .remove("AvailabilityZone");
        },
        Available,
    ),
    (
        "to other addresses",
        |value| out(value, &ranges(&["10.0.1.0/24"])),
        Unavailable,
    ),
    (
        "over IPv6 only",
        |value| out(value, &json!({"Ipv6Ranges": [{"CidrIpv6": "::/0"}]})),
        Unavailable,
    ),
    (
        "to a prefix list with it",
        |value| out(value, &list("pl-0a01")),
        Available,
    ),
    (
        "to a prefix list without it",
        |value| out(value, &list("pl-0a02")),
        Unavailable,
    ),
    (
        "on another port",
        |value| value["SecurityGroups"][2]["IpPermissionsEgress"] = tcp(3306, &ranges(&["0.0.0.0/0"])),
        Unavailable,
    ),
    (
        "no rule out",
        |value| value["SecurityGroups"][2]["IpPermissionsEgress"] = json!([]),
        Unavailable,
    ),
    (
        "in from others only",
        |value| value["SecurityGroups"][1]["IpPermissions"] = tcp(5432, &ranges(&["10.0.1.0/24"])),
        Unavailable,
    ),
    (
        "a network ACL of the proxy's subnets",
        |value| {
            value["DBProxies"][0]["VpcSubnetIds"] = json!(["subnet-0a0f1", "subnet-0a0f2"]);
            value["NetworkAcls"]
                .as_array_mut()
                .unwrap()
                .push(json!({"NetworkAclId": "acl-0b01", "VpcId": "vpc-0a01",
                "Associations": [{"SubnetId": "subnet-0a0f1"}, {"SubnetId": "subnet-0a0f2"}], "Entries": []}));
        },
        Unavailable,
    ),
    (
        "a backup",
        |value| value["DBInstances"][0]["DBInstanceStatus"] = json!("backing-up"),
        Available,
    ),
    (
        "a change",
        |value| value["DBInstances"][0]["DBInstanceStatus"] = json!("modifying"),
        Available,
    ),
    (
        "stopped",
        |value| value["DBInstances"][0]["DBInstanceStatus"] = json!("stopped"),
        Unavailable,
    ),
];

fn out(value: &mut Value, peers: &Value) {
    value["SecurityGroups"][2]["IpPermissionsEgress"] = tcp(5432, peers);
}

#[tokio::test(start_paused = true)]
async fn a_proxy_reaches_what_something_lets_it_reach() {
    for (what, change, expected) in HEALTHS {
        let mut value = crate::diagnoses::works();
        value["SettlesAfterReads"] = json!(100);
        value["PrefixLists"] = json!([{"PrefixListId": "pl-0a01", "Entries": [{"Cidr": "10.0.8.0/21"}]},
            {"PrefixListId": "pl-0a02", "Entries": [{"Cidr": "10.0.1.0/24"}]}]);
        out(&mut value, &ranges(&["10.0.11.0/24", "10.0.12.0/24"]));
        value["SecurityGroups"][1]["IpPermissions"] = tcp(5432, &ranges(&["10.0.0.0/16"]));
        change(&mut value);
        let document: AccountDocument = serde_json::from_value(value).unwrap();
        let account = OfflineAccount::in_memory(document).unwrap();
        let targets = account.describe_db_proxy_targets("orders-proxy").await.unwrap();
        let health = targets.iter().find_map(|target| target.health.as_ref()).unwrap();
        let reason = (expected == Unavailable).then(|| "UNREACHABLE".to_owned());
        assert_eq!((&health.state, &health.reason), (&expected, &reason), "{what}");
    }
}

/// Whether clients may and must use IAM, and the secrets: as the answer of RDS has them, and as a file without logins.
#[tokio::test]
async fn what_a_proxy_takes_is_read_from_its_logins() {
    let secret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:one-AbCdEf";
    let login = |mode: &str| json!({"AuthScheme": "SECRETS", "SecretArn": secret, "IAMAuth": mode});
    let rows = [
        (json!([]), json!(null), (false, false), 0),
        (json!([]), json!("REQUIRED"), (true, true), 0),
        (json!([]), json!("ENABLED"), (true, false), 0),
        (json!([login("DISABLED")]), json!(null), (false, false), 1),
        (json!([login("ENABLED")]), json!(null), (true, false), 1),
        (json!([login("REQUIRED")]), json!(null), (true, true), 1),
        (
            json!([login("REQUIRED"), login("DISABLED")]),
            json!(null),
            (true, false),
            2,
        ),
        (
            json!([login("REQUIRED"), login("REQUIRED")]),
            json!(null),
            (true, true),
            2,
        ),
        // The logins say it, also against the summary of an edited file.
        (json!([login("REQUIRED")]), json!("DISABLED"), (true, true), 1),
        // IAM from end to end, which no login shows.
        (json!([login("DISABLED")]), json!("REQUIRED"), (true, true), 1),
    ];
    for (auth, mode, expected, secrets) in rows {
        let mut value = crate::diagnoses::works();
        value["Secrets"] = json!([{"ARN": secret, "Name": "one"}]);
        value["DBProxies"][0]["Auth"] = auth.clone();
        value["DBProxies"][0]["IAMAuth"] = mode.clone();
        let document: AccountDocument = serde_json::from_value(value).unwrap();
        let account = OfflineAccount::in_memory(document).unwrap();
        let found = derived::proxy(&account, "orders-proxy").await.unwrap();
        assert_eq!((found.takes_iam, found.requires_iam), expected, "{auth} {mode}");
        assert_eq!(found.secrets.len(), secrets, "{auth} {mode}");
    }
}
