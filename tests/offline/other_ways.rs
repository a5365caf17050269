//! `diagnose`: ways besides routes between private addresses, and what making a network interface takes.

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::diagnostics::connection::{Diagnosis, diagnose, diagnose_connection};
use autoconnect::diagnostics::{Check, Status};
use autoconnect::observe::{Target, scene};
use autoconnect::reconcile::Options;
use serde_json::{Value, json};

use crate::diagnoses::works;
use crate::support::{Script, cluster, instance, setup_with};

pub fn offline(value: &Value) -> OfflineAccount {
    let document: AccountDocument = serde_json::from_value(value.clone()).unwrap();
    OfflineAccount::in_memory(document).unwrap()
}

pub async fn asked(value: &Value, target: &Target) -> Diagnosis {
    diagnose(&scene(&offline(value), target).await.unwrap())
}

pub fn check<'a>(diagnosis: &'a Diagnosis, id: &str) -> &'a Check {
    let found = diagnosis.checks.iter().find(|check| check.id == id);
    found.unwrap_or_else(|| panic!("no check {id}: {diagnosis:#?}"))
}

pub type Change = fn(&mut Value);

/// What lies behind an endpoint is not known: it may be the database.
#[tokio::test(start_paused = true)]
async fn an_endpoint_of_somebody_elses_service_may_lead_to_the_database() {
    use Status::{Fail, Pass, Unknown};
    const SERVICE: &str = "com.amazonaws.vpce.eu-central-1.vpce-svc-0a1b2c3d4e5f60718";
    let endpoint = |vpc: &str, kind: &str, service: &str, state: &str| {
        json!({"VpcEndpointId": "vpce-0f01",
        "VpcEndpointType": kind, "VpcId": vpc, "ServiceName": service, "State": state})
    };
    let aws = "com.amazonaws.eu-central-1.sqs";
    let rows = [
        (None, Fail),
        (Some(endpoint("vpc-0a01", "Interface", SERVICE, "available")), Unknown),
        (Some(endpoint("vpc-0a01", "Resource", "", "available")), Unknown),
        (Some(endpoint("vpc-0a01", "ServiceNetwork", "", "available")), Unknown),
        (
            Some(endpoint("vpc-0a01", "Interface", SERVICE, "pendingAcceptance")),
            Fail,
        ),
        (Some(endpoint("vpc-0a01", "Interface", aws, "available")), Fail),
        (
            Some(endpoint("vpc-0a01", "GatewayLoadBalancer", SERVICE, "available")),
            Fail,
        ),
        (Some(endpoint("vpc-0d01", "Interface", SERVICE, "available")), Fail),
    ];
    let target = instance("ledger", "ledger-sync");
    for (endpoint, expected) in rows {
        let mut value = works();
        value["VpcPeeringConnections"] = json!([]);
        value["RouteTables"][0]["Routes"].as_array_mut().unwrap().remove(0);
        value["SecurityGroups"][3]["IpPermissions"] = json!([]);
        value["VpcEndpoints"].as_array_mut().unwrap().extend(endpoint.clone());
        let found = scene(&offline(&value), &target).await.unwrap();
        let answer = diagnose(&found);
        assert_eq!(answer.verdict, expected, "{endpoint:?}: {answer:#?}");
        for id in ["routes", "security-groups"] {
            let check = check(&answer, id);
            assert_eq!(check.status, expected, "{endpoint:?}: {check:#?}");
            if expected == Unknown {
                assert!(
                    check.message.contains("vpce-0f01") && check.remedy.is_none(),
                    "{check:#?}"
                );
            }
        }
        assert_eq!(diagnose_connection(&found).verdict, Fail, "{endpoint:?}");
        // Where there is a way, the endpoint is none of this connection's.
        let mut value = works();
        value["VpcEndpoints"].as_array_mut().unwrap().extend(endpoint.clone());
        assert_eq!(asked(&value, &target).await.verdict, Pass, "{endpoint:?}");
        value["SecurityGroups"][3]["IpPermissions"] = json!([]);
        assert_eq!(asked(&value, &target).await.verdict, Fail, "{endpoint:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_route_that_is_missing_leads_to_the_transit_gateway_of_the_other_one() {
    let there = json!({"DestinationCidrBlock": "10.1.0.0/16", "TransitGatewayId": "tgw-1"});
    let back = json!({"DestinationCidrBlock": "10.0.0.0/16", "TransitGatewayId": "tgw-1"});
    let gone = json!({"DestinationCidrBlock": "10.0.0.0/16", "TransitGatewayId": "tgw-1", "State": "blackhole"});
    let create = "aws ec2 create-route --route-table-id";
    let rows = [
        (Some(&there), None, Some(format!("{create} rtb-0d01 --destination-cidr-block 10.0.0.0/16 --transit-gateway-id tgw-1"))),
        (None, Some(&back), Some(format!("{create} rtb-0a01 --destination-cidr-block 10.1.0.0/16 --transit-gateway-id tgw-1"))),
        (
            Some(&there),
            Some(&gone),
            Some("aws ec2 replace-route --route-table-id rtb-0d01 --destination-cidr-block 10.0.0.0/16 --transit-gateway-id tgw-1".to_owned()),
        ),
        (Some(&there), Some(&back), None),
    ];
    for (there, back, expected) in rows {
        let mut value = works();
        value["VpcPeeringConnections"] = json!([]);
        value["RouteTables"][0]["Routes"] = there.into_iter().cloned().collect();
        value["RouteTables"][2]["Routes"] = back.into_iter().cloned().collect();
        let answer = asked(&value, &instance("ledger", "ledger-sync")).await;
        assert_eq!(
            check(&answer, "routes").remedy,
            expected,
            "{there:?} {back:?}: {answer:#?}"
        );
    }
}

/// A subnet without free addresses and a role without permissions stop nothing while the interface exists.
#[tokio::test(start_paused = true)]
async fn making_a_network_interface_is_needed_only_where_there_is_none() {
    use Status::{Fail, Warn};
    const BASIC: &str = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
    let faults: [(&str, Change); 2] = [
        ("subnets", |value| {
            value["Subnets"][0]["AvailableIpAddressCount"] = json!(0);
        }),
        ("execution-role", |value| {
            value["Roles"][0]["AttachedPolicies"] = json!([BASIC]);
        }),
    ];
    let states: [(&str, Change, Status); 6] = [
        ("active", |_| (), Warn),
        (
            "pending",
            |value| value["Functions"][0]["State"] = json!("Pending"),
            Fail,
        ),
        (
            "inactive",
            |value| value["Functions"][0]["State"] = json!("Inactive"),
            Fail,
        ),
        (
            "being changed",
            |value| value["Functions"][0]["LastUpdateStatus"] = json!("InProgress"),
            Fail,
        ),
        (
            "badly changed",
            |value| value["Functions"][0]["LastUpdateStatus"] = json!("Failed"),
            Fail,
        ),
        (
            "in a state of its own",
            |value| value["Functions"][0]["State"] = json!("Pondering"),
            Fail,
        ),
    ];
    let target = cluster("orders", "checkout");
    for (id, fault) in faults {
        for (what, change, expected) in states {
            let mut value = works();
            fault(&mut value);
            change(&mut value);
            let answer = asked(&value, &target).await;
            assert_eq!(check(&answer, id).status, expected, "{id}, {what}: {answer:#?}");
        }
        // The plan of `setup` gives the function a group; once it has it, its interface exists.
        let mut value = works();
        fault(&mut value);
        let account = offline(&value);
        let found = async |dry_run| {
            let options = Options {
                dry_run,
                diagnose: true,
                ..Options::default()
            };
            let ended = setup_with(&account, &target, &options, &Script::default())
                .await
                .unwrap();
            let path = ended.path.or(ended.draft.path).unwrap();
            path.checks
                .iter()
                .find(|check| check.id == id)
                .map(|check| check.status)
        };
        let of_plan = if id == "subnets" { Fail } else { Warn };
        assert_eq!(found(true).await, Some(of_plan), "{id}");
        assert_eq!(found(false).await, Some(Warn), "{id}");
        assert_eq!(found(true).await, Some(Warn), "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_that_lambda_may_not_assume_runs_nothing() {
    use Status::{Fail, Pass};
    let statement = |principal: Value| json!([{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]);
    let rows = [
        (statement(json!({"Service": "lambda.amazonaws.com"})), Pass),
        (
            statement(json!({"Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"]})),
            Pass,
        ),
        (statement(json!("*")), Pass),
        (statement(json!({"Service": "ec2.amazonaws.com"})), Fail),
        (statement(json!({"AWS": "arn:aws:iam::123456789012:root"})), Fail),
        (
            json!([{"Effect": "Deny", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]),
            Fail,
        ),
        // A statement that stands alone.
        (
            json!({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}),
            Fail,
        ),
        // What a file does not show, and what this version does not know, decide nothing.
        (json!([]), Pass),
        (
            json!([{"Effect": "Allow", "NotPrincipal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"}]),
            Pass,
        ),
    ];
    for (statements, expected) in rows {
        let mut value = works();
        value["Roles"][0]["AssumeRolePolicyDocument"]["Statement"] = statements.clone();
        let answer = asked(&value, &cluster("orders", "checkout")).await;
        let role = check(&answer, "execution-role");
        assert_eq!(role.status, expected, "{statements}: {role:#?}");
        if expected == Fail {
            assert!(answer.headline.starts_with("It does not work: "), "{answer:#?}");
            // Whom the role trusts, it trusts still.
            let remedy = role.remedy.as_deref().unwrap();
            let kept = ["ec2.amazonaws.com", "123456789012:root"];
            let kept = kept.iter().filter(|name| statements.to_string().contains(*name));
            assert!(remedy.contains("lambda.amazonaws.com"), "{remedy}");
            assert!(kept.clone().all(|name| remedy.contains(name)), "{remedy}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_database_without_a_port_is_judged_by_what_does_not_depend_on_it() {
    use Status::{Fail, Pass, Unknown};
    let mut value = works();
    value["DBInstances"][1].as_object_mut().unwrap().remove("Port");
    value["DBInstances"][1]["DBInstanceStatus"] = json!("creating");
    let target = instance("ledger", "ledger-sync");
    let answer = asked(&value, &target).await;
    for (id, expected) in [
        ("state", Fail),
        ("security-groups", Unknown),
        ("network-acls", Unknown),
        ("routes", Pass),
    ] {
        assert_eq!(check(&answer, id).status, expected, "{answer:#?}");
    }
    assert!(!format!("{answer:?}").contains("tcp 0"), "{answer:#?}");
    value["DBInstances"][1]["PubliclyAccessible"] = json!(true);
    let answer = asked(&value, &instance("ledger", "legacy")).await;
    assert_eq!(check(&answer, "attached").status, Unknown, "{answer:#?}");
    assert!(!format!("{answer:?}").contains("tcp 0"), "{answer:#?}");
}

#[tokio::test(start_paused = true)]
async fn what_aws_leaves_empty_is_not_there() {
    // A function that was detached.
    let mut value = works();
    value["Functions"][0]["VpcConfig"] = json!({"SubnetIds": [], "SecurityGroupIds": []});
    value["Functions"][0]["Versions"] =
        json!([{"Version": "1", "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}}]);
    let answer = asked(&value, &cluster("orders", "checkout")).await;
    assert!(
        check(&answer, "attached")
            .message
            .contains("function checkout is in no VPC"),
        "{answer:#?}"
    );
    value["Functions"][0]["VpcConfig"]["SecurityGroupIds"] = json!(["sg-0a01"]);
    let document: AccountDocument = serde_json::from_value(value).unwrap();
    assert!(OfflineAccount::in_memory(document).is_err());
    // A subnet that has IPv6 only.
    for given in [Value::Null, json!("absent")] {
        let mut value = works();
        value["Vpcs"][0]["Ipv6CidrBlock"] = json!("2001:db8::/56");
        let subnet = value["Subnets"][0].as_object_mut().unwrap();
        subnet.insert("CidrBlock".to_owned(), given.clone());
        if !given.is_null() {
            subnet.remove("CidrBlock");
        }
        subnet.insert(
            "Ipv6CidrBlockAssociationSet".to_owned(),
            json!([{"Ipv6CidrBlock": "2001:db8:0:1::/64"}]),
        );
        let answer = asked(&value, &cluster("orders", "checkout")).await;
        assert!(
            check(&answer, "routes")
                .message
                .contains("subnet-0a01a has no IPv4 addresses"),
            "{given}: {answer:#?}"
        );
    }
}
