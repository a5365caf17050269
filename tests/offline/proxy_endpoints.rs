//! Endpoints of a proxy: the way to them by their own groups and subnets, their role, and that they use groups.

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::{Cloud, Operation};
use autoconnect::diagnostics::Status;
use autoconnect::diagnostics::connection::{Diagnosis, diagnose};
use autoconnect::drift::{FindingKind, Judge, leftovers};
use autoconnect::estate::Connection;
use autoconnect::fix::Scope;
use autoconnect::interrupt::Interrupt;
use autoconnect::model::DatabaseKind;
use autoconnect::observe::{ObserveError, Proxies, ProxyWish, Target, survey, through};
use autoconnect::plan::Request;
use autoconnect::reconcile::{Fix, Options, converge};
use serde_json::{Value, json};

use crate::denied::Denied;
use crate::interposed::Interposed;
use crate::support::{Script, setup};

/// The example in which checkout reaches orders through orders-proxy, with an endpoint for readers and one in another
/// VPC, vpc-0d01, where the function billing is.
fn base() -> Value {
    let mut value = crate::diagnoses::works();
    value["SecurityGroups"][2]["IpPermissionsEgress"] = json!([{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432,
        "UserIdGroupPairs": [{"GroupId": "sg-0a02"}]}]);
    value["SecurityGroups"][1]["IpPermissions"][0]["UserIdGroupPairs"] =
        json!([{"GroupId": "sg-0a01"}, {"GroupId": "sg-0a03"}]);
    let push = |list: &mut Value, entry: Value| list.as_array_mut().unwrap().push(entry);
    push(
        &mut value["SecurityGroups"],
        json!({"GroupId": "sg-0e01", "GroupName": "readers", "VpcId": "vpc-0a01", "IpPermissions":
            [{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": "sg-0a01"}]}]}),
    );
    push(
        &mut value["SecurityGroups"],
        json!({"GroupId": "sg-0e02", "GroupName": "billing", "VpcId": "vpc-0d01", "IpPermissions":
            [{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": "sg-0e02"}]}],
            "IpPermissionsEgress":
            [{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": "sg-0e02"}]}]}),
    );
    value["DBProxyEndpoints"] = json!([
        {"DBProxyEndpointName": "orders-readers", "DBProxyName": "orders-proxy", "VpcId": "vpc-0a01",
         "VpcSubnetIds": ["subnet-0ad1a", "subnet-0ad1b"], "VpcSecurityGroupIds": ["sg-0e01"], "TargetRole": "READ_ONLY"},
        {"DBProxyEndpointName": "orders-billing", "DBProxyName": "orders-proxy", "VpcId": "vpc-0d01",
         "VpcSubnetIds": ["subnet-0d01a", "subnet-0d01b"], "VpcSecurityGroupIds": ["sg-0e02"], "TargetRole": "READ_WRITE"},
    ]);
    let mut reader = value["DBInstances"][0].clone();
    reader["DBInstanceIdentifier"] = json!("orders-2");
    push(&mut value["DBInstances"], reader);
    let mut billing = value["Functions"][0].clone();
    billing["FunctionName"] = json!("billing");
    billing["VpcConfig"] = json!({"SubnetIds": ["subnet-0d01a"], "SecurityGroupIds": ["sg-0e02"]});
    push(&mut value["Functions"], billing);
    value
}

fn offline(value: &Value) -> OfflineAccount {
    let document: AccountDocument = serde_json::from_value(value.clone()).unwrap();
    OfflineAccount::in_memory(document).unwrap()
}

async fn asked(cloud: &dyn Cloud, function: &str, endpoint: Option<&str>) -> Result<Diagnosis, ObserveError> {
    let target = Target {
        proxy: ProxyWish::Existing("orders-proxy".to_owned()),
        ..Target::direct(DatabaseKind::Cluster, "orders", function)
    };
    Ok(diagnose(&through(cloud, &target, endpoint).await?))
}

#[tokio::test(start_paused = true)]
#[expect(clippy::too_many_lines, reason = "a table, one row a case")]
async fn the_endpoints_own_groups_subnets_and_role_decide() {
    use Status::{Fail, Pass, Unknown, Warn};
    type Change = fn(&mut Value);
    const READERS: &str = "orders-readers";
    const BILLING: &str = "orders-billing";
    let rows: [(&str, &str, Change, &str, Status, &str); 20] = [
        ("checkout", READERS, |_| (), "security-groups", Pass, ""),
        ("checkout", READERS, |_| (), "state", Pass, ""),
        (
            "checkout",
            READERS,
            // The proxy's own group lets the function in no more: that is not on this way.
            |value| value["SecurityGroups"][2]["IpPermissions"] = json!([]),
            "security-groups",
            Pass,
            "",
        ),
        (
            "checkout",
            READERS,
            |value| value["SecurityGroups"][4]["IpPermissions"] = json!([]),
            "security-groups",
            Fail,
            "endpoint orders-readers of proxy orders-proxy",
        ),
        (
            "checkout",
            READERS,
            // From the proxy to the database its own groups count.
            |value| value["SecurityGroups"][2]["IpPermissionsEgress"] = json!([]),
            "security-groups",
            Fail,
            "proxy orders-proxy",
        ),
        (
            "checkout",
            READERS,
            |value| {
                value["DBInstances"].as_array_mut().unwrap().pop();
            },
            "state",
            Fail,
            "leads to readers only, and cluster orders has none",
        ),
        (
            "checkout",
            READERS,
            |value| value["DBProxyEndpoints"][0]["TargetRole"] = json!("READ_WRITE"),
            "state",
            Pass,
            "",
        ),
        (
            "checkout",
            READERS,
            |value| value["DBProxyEndpoints"][0]["TargetRole"] = json!("READ_MOSTLY"),
            "state",
            Unknown,
            "READ_MOSTLY",
        ),
        (
            "checkout",
            READERS,
            |value| {
                value["DBProxyEndpoints"][0]
                    .as_object_mut()
                    .unwrap()
                    .remove("TargetRole");
            },
            "state",
            Unknown,
            "does not report whether",
        ),
        (
            "checkout",
            READERS,
            |value| {
                value["DBProxyEndpoints"][0]
                    .as_object_mut()
                    .unwrap()
                    .remove("VpcSubnetIds");
            },
            "state",
            Unknown,
            "the subnets of endpoint orders-readers",
        ),
        (
            "checkout",
            READERS,
            |value| status(value, "creating"),
            "state",
            Fail,
            "creating",
        ),
        (
            "checkout",
            READERS,
            |value| status(value, "deleting"),
            "state",
            Fail,
            "deleting",
        ),
        (
            "checkout",
            READERS,
            |value| status(value, "incompatible-network"),
            "state",
            Fail,
            "incompatible-network",
        ),
        (
            "checkout",
            READERS,
            |value| status(value, "modifying"),
            "state",
            Warn,
            "modifying",
        ),
        (
            "checkout",
            READERS,
            |value| status(value, "moving"),
            "state",
            Unknown,
            "moving",
        ),
        // No peering connection is needed between the endpoint's VPC and the proxy's.
        ("billing", BILLING, |_| (), "security-groups", Pass, ""),
        ("billing", BILLING, |_| (), "routes", Pass, ""),
        (
            "billing",
            BILLING,
            |value| value["VpcPeeringConnections"] = json!([]),
            "routes",
            Pass,
            "",
        ),
        (
            "billing",
            BILLING,
            |value| value["SecurityGroups"][5]["IpPermissions"] = json!([]),
            "security-groups",
            Fail,
            "endpoint orders-billing",
        ),
        (
            "billing",
            BILLING,
            |value| {
                value["NetworkAcls"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!({"NetworkAclId": "acl-0e02", "VpcId": "vpc-0d01",
                    "Associations": [{"SubnetId": "subnet-0d01b"}], "Entries": []}));
            },
            "network-acls",
            Fail,
            "acl-0e02",
        ),
    ];
    for (function, endpoint, change, id, expected, told) in rows {
        let mut value = base();
        change(&mut value);
        let diagnosis = asked(&offline(&value), function, Some(endpoint)).await.unwrap();
        let check = diagnosis.checks.iter().find(|check| check.id == id).unwrap();
        let context = format!("{function} {endpoint} {id} {told:?}: {check:#?}");
        assert_eq!(check.status, expected, "{context}");
        assert!(
            check.message.contains(told) || check.evidence.iter().any(|text| text.contains(told)),
            "{context}"
        );
        let through = format!("through endpoint {endpoint} of proxy orders-proxy");
        assert!(diagnosis.headline.contains(&through), "{}", diagnosis.headline);
    }
}

fn status(value: &mut Value, status: &str) {
    value["DBProxyEndpoints"][0]["Status"] = json!(status);
}

#[tokio::test(start_paused = true)]
async fn without_an_endpoint_nothing_more_is_read() {
    let (with, without) = (offline(&base()), offline(&base()));
    asked(&with, "checkout", Some("orders-readers")).await.unwrap();
    let diagnosis = asked(&without, "checkout", None).await.unwrap();
    assert!(
        diagnosis.headline.contains("through proxy orders-proxy"),
        "{}",
        diagnosis.headline
    );
    assert_eq!(with.calls().read, without.calls().read + 1);
}

#[tokio::test]
async fn a_wrong_name_is_answered_with_the_nearest() {
    let account = offline(&base());
    let error = asked(&account, "checkout", Some("orders-reader")).await.unwrap_err();
    assert_eq!(error.code(), "proxy-endpoint-not-found");
    assert_eq!(
        error.to_string(),
        "there is no endpoint orders-reader of proxy orders-proxy"
    );
    assert!(
        error.hint().unwrap().starts_with("did you mean orders-readers"),
        "{:?}",
        error.hint()
    );
    // In any case, as RDS keeps it.
    asked(&account, "checkout", Some("Orders-Readers")).await.unwrap();
    let mut value = base();
    value["DBProxyEndpoints"] = json!([]);
    let error = asked(&offline(&value), "checkout", Some("x")).await.unwrap_err();
    assert!(
        error.hint().unwrap().contains("describe-db-proxy-endpoints"),
        "{:?}",
        error.hint()
    );
    let account = offline(&base());
    let denied = Interposed {
        account: &account,
        hook: Denied(Operation::DescribeDbProxyEndpoints),
    };
    let error = asked(&denied, "checkout", Some("orders-readers")).await.unwrap_err();
    assert_eq!(error.code(), "access-denied");
}

/// A group of ours that only an endpoint has is in use, and one that is open there is reported.
#[tokio::test]
async fn drift_knows_that_endpoints_have_groups() {
    let connection = Connection {
        kind: DatabaseKind::Cluster,
        database: "orders".into(),
        proxy: Some("orders-proxy".into()),
        function: "checkout".into(),
    };
    let connected = {
        let account = offline(&base());
        let target = Target {
            proxy: ProxyWish::Existing("orders-proxy".to_owned()),
            ..Target::direct(DatabaseKind::Cluster, "orders", "checkout")
        };
        setup(&account, &target).await.unwrap();
        serde_json::to_value(account.document()).unwrap()
    };
    // Another group for this connection, as setup makes it.
    let tagged = |on_endpoint: bool, open: bool| {
        let mut value = connected.clone();
        let groups = value["SecurityGroups"].as_array_mut().unwrap();
        let ours = groups
            .iter()
            .find(|group| group["GroupName"] == "rdsproxy-lambda-1")
            .unwrap();
        let mut group = ours.clone();
        group["GroupId"] = json!("sg-0e09");
        group["GroupName"] = json!("rdsproxy-lambda-9");
        if open {
            group["IpPermissions"] = json!([{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]);
        }
        groups.push(group);
        if on_endpoint {
            value["DBProxyEndpoints"][0]["VpcSecurityGroupIds"] = json!(["sg-0e01", "sg-0e09"]);
        }
        value
    };
    let kinds = async |cloud: &dyn Fn() -> OfflineAccount, denied: bool| {
        let account = cloud();
        let surveyed = if denied {
            let hook = Denied(Operation::DescribeDbProxyEndpoints);
            let cloud = Interposed {
                account: &account,
                hook,
            };
            survey(&cloud, &Proxies::All).await
        } else {
            survey(&account, &Proxies::All).await
        };
        assert_eq!(surveyed.errors.len(), 0, "{:?}", surveyed.errors);
        let judgement = Judge::new(&surveyed.estate).judge(&connection);
        let left = leftovers(&surveyed.estate, &[(&connection, &judgement)]);
        let findings = judgement
            .findings
            .iter()
            .chain(left.iter().flat_map(|left| &left.findings));
        let of_group = findings.filter(|finding| finding.resource == "sg-0e09");
        of_group.map(|finding| finding.kind).collect::<Vec<_>>()
    };
    let unused = kinds(&|| offline(&tagged(false, false)), false).await;
    assert_eq!(unused, [FindingKind::GroupUnused]);
    // What could not be read is not said to be unused.
    assert_eq!(kinds(&|| offline(&tagged(false, false)), true).await, []);
    let used = kinds(&|| offline(&tagged(true, false)), false).await;
    assert!(!used.contains(&FindingKind::GroupUnused), "{used:?}");
    let opened = kinds(&|| offline(&tagged(true, true)), false).await;
    assert!(opened.contains(&FindingKind::Opened), "{opened:?}");
}

fn fix(function: &str, endpoint: &str) -> Fix {
    Fix {
        target: Target {
            proxy: ProxyWish::Existing("orders-proxy".to_owned()),
            ..Target::direct(DatabaseKind::Cluster, "orders", function)
        },
        endpoint: Some(endpoint.to_owned()),
        scope: Scope::Everything,
        request: Request::default(),
    }
}

/// Connected by `setup`; then the endpoint has these of the proxy's groups, and the function has none of the connection.
async fn function_without_group(shares: bool) -> Value {
    let account = offline(&base());
    setup(&account, &fix("checkout", "orders-readers").target)
        .await
        .unwrap();
    let mut value = serde_json::to_value(account.document()).unwrap();
    let groups = value["SecurityGroups"].as_array_mut().unwrap();
    groups.push(json!({"GroupId": "sg-0e03", "GroupName": "closed", "VpcId": "vpc-0a01"}));
    let ours = groups
        .iter()
        .find(|group| group["GroupName"] == "rdsproxy-lambda-1")
        .unwrap();
    let ours = ours["GroupId"].clone();
    if shares {
        value["DBProxyEndpoints"][0]["VpcSecurityGroupIds"] = json!([ours]);
    }
    let mut functions = value["Functions"].as_array_mut().unwrap().iter_mut();
    let checkout = functions
        .find(|function| function["FunctionName"] == "checkout")
        .unwrap();
    checkout["VpcConfig"]["SecurityGroupIds"] = json!(["sg-0e03"]);
    value
}

/// What `diagnose --fix` does for a function that connects to an endpoint: it ends there, changes no endpoint and no group of
/// others, and names by a command what it leaves.
#[tokio::test(start_paused = true)]
#[expect(clippy::too_many_lines, reason = "a table, one row a case")]
async fn what_adding_fixes_on_the_way_to_an_endpoint_is_fixed() {
    /// What is amiss, the account, function and endpoint, the actions, whether it works then, and what is left.
    type Row = (
        &'static str,
        Value,
        &'static str,
        &'static str,
        &'static [&'static str],
        bool,
        Option<&'static str>,
    );
    const READERS: &str = "orders-readers";
    let change = |change: fn(&mut Value)| {
        let mut value = base();
        change(&mut value);
        value
    };
    let closed = |value: &mut Value| value["SecurityGroups"][4]["IpPermissions"] = json!([]);
    let by_hand = "--group-id sg-0e01";
    let rows: [Row; 7] = [
        ("nothing is amiss", base(), "checkout", READERS, &[], true, None),
        (
            "the endpoint's group lets nothing in",
            change(closed),
            "checkout",
            READERS,
            &[],
            false,
            Some(by_hand),
        ),
        (
            "the proxy's group lets nothing out",
            change(|value| value["SecurityGroups"][2]["IpPermissionsEgress"] = json!([])),
            "checkout",
            READERS,
            &["rds:ModifyDBCluster", "rds:ModifyDBProxy"],
            true,
            None,
        ),
        (
            "both",
            change(|value| {
                value["SecurityGroups"][2]["IpPermissionsEgress"] = json!([]);
                value["SecurityGroups"][4]["IpPermissions"] = json!([]);
            }),
            "checkout",
            READERS,
            &["rds:ModifyDBCluster", "rds:ModifyDBProxy"],
            false,
            Some(by_hand),
        ),
        (
            "the function lacks its group, and the endpoint has that of the proxy",
            function_without_group(true).await,
            "checkout",
            READERS,
            &["lambda:UpdateFunctionConfiguration"],
            true,
            None,
        ),
        (
            "the function lacks its group, and the endpoint has others",
            function_without_group(false).await,
            "checkout",
            READERS,
            &[],
            false,
            Some("--group-id sg-0e03"),
        ),
        (
            "no route leads back from the endpoint's VPC",
            change(|value| {
                value["RouteTables"][2]["Routes"] = json!([]);
                value["SecurityGroups"][5]["IpPermissions"][0]["UserIdGroupPairs"] = json!([{"GroupId": "sg-0a01"}]);
            }),
            "checkout",
            "orders-billing",
            &["ec2:CreateRoute"],
            true,
            None,
        ),
    ];
    for (what, value, function, endpoint, expected, works, told) in rows {
        let account = offline(&value);
        let goal = fix(function, endpoint);
        let run = async |dry_run| {
            let options = Options {
                dry_run,
                ..Options::default()
            };
            converge(&account, &goal, &options, &Script::default(), Interrupt::never()).await
        };
        let planned = run(true).await.unwrap_or_else(|failure| panic!("{what}: {failure}"));
        let ended = run(false).await.unwrap_or_else(|failure| panic!("{what}: {failure}"));
        let steps: Vec<&str> = ended.applied.iter().map(|applied| applied.action.as_str()).collect();
        assert_eq!(steps.is_empty(), expected.is_empty(), "{what}: {steps:?}");
        for action in expected {
            assert!(steps.contains(action), "{what}: {steps:?}");
        }
        // Before anything is done, and at the end.
        for notes in [&planned.draft.notes, &ended.draft.notes] {
            let left: Vec<&String> = notes
                .iter()
                .filter(|note| note.starts_with("Not fixed, security-groups"))
                .collect();
            match told {
                Some(told) => assert!(left.iter().any(|note| note.contains(told)), "{what}: {notes:#?}"),
                None => assert!(left.is_empty(), "{what}: {notes:#?}"),
            }
        }
        let diagnosis = asked(&account, function, Some(endpoint)).await.unwrap();
        assert_eq!(diagnosis.verdict <= Status::Warn, works, "{what}: {diagnosis:#?}");
        let after = serde_json::to_value(account.document()).unwrap();
        let before = serde_json::to_value(offline(&value).document()).unwrap();
        assert_eq!(after["DBProxyEndpoints"], before["DBProxyEndpoints"], "{what}");
        let (after, before) = (&after["SecurityGroups"], &before["SecurityGroups"]);
        let before = before.as_array().unwrap();
        assert!(after.as_array().unwrap().starts_with(before), "{what}");
        let again = run(false).await.unwrap();
        assert!(again.applied.is_empty(), "{what}: {:?}", again.applied);
    }
}
