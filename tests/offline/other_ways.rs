//! `diagnose`: ways besides routes between private addresses, and what making a network interface takes.

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::diagnostics::connection::{Diagnosis, diagnose, diagnose_connection};
use autoconnect::diagnostics::{Check, Status};
use autoconnect::fix::Scope;
use autoconnect::interrupt::Interrupt;
use autoconnect::observe::{Target, scene};
use autoconnect::reconcile::{Fix, Options, converge};
use serde_json::{Value, json};

use crate::diagnoses::{public, works};
use crate::support::{Script, cluster, dry_run, instance, setup_with};

fn offline(value: &Value) -> OfflineAccount {
    let document: AccountDocument = serde_json::from_value(value.clone()).unwrap();
    OfflineAccount::in_memory(document).unwrap()
}

async fn asked(value: &Value, target: &Target) -> Diagnosis {
    diagnose(&scene(&offline(value), target).await.unwrap())
}

fn check<'a>(diagnosis: &'a Diagnosis, id: &str) -> &'a Check {
    let found = diagnosis.checks.iter().find(|check| check.id == id);
    found.unwrap_or_else(|| panic!("no check {id}: {diagnosis:#?}"))
}

type Change = fn(&mut Value);

fn let_in(value: &mut Value, ranges: &[&str]) {
    let ranges: Vec<Value> = ranges.iter().map(|range| json!({"CidrIp": range})).collect();
    value["SecurityGroups"][3]["IpPermissions"][0]["IpRanges"] = json!(ranges);
}

fn acl(value: &mut Value, denied: &str, ports: (u16, u16)) {
    let entry = |number: u16, action: &str, egress: bool, cidr: &str| {
        json!({"RuleNumber": number, "Protocol": "6", "RuleAction": action,
        "Egress": egress, "CidrBlock": cidr, "PortRange": {"From": ports.0, "To": ports.1}})
    };
    value["NetworkAcls"]
        .as_array_mut()
        .unwrap()
        .push(json!({"NetworkAclId": "acl-0d01", "VpcId": "vpc-0d01",
        "Associations": [{"SubnetId": "subnet-0d01a"}, {"SubnetId": "subnet-0d01b"}], "Entries": [
            entry(90, "deny", false, denied), entry(90, "deny", true, denied),
            {"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "Egress": false, "CidrBlock": "0.0.0.0/0"},
            {"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "Egress": true, "CidrBlock": "0.0.0.0/0"}]}));
}

/// Lambda's own addresses are of the internet: private ranges let none of them in, and keep none of them out.
#[tokio::test(start_paused = true)]
async fn what_a_function_in_no_vpc_comes_from() {
    use Status::{Fail, Unknown, Warn};
    const ALL_BUT_PRIVATE: [&str; 9] = [
        "0.0.0.0/5",
        "8.0.0.0/7",
        "11.0.0.0/8",
        "12.0.0.0/6",
        "16.0.0.0/4",
        "32.0.0.0/3",
        "64.0.0.0/2",
        "128.0.0.0/2",
        "192.0.0.0/2",
    ];
    let rows: [(&str, Change, Status, &str); 13] = [
        ("everyone", |_| (), Warn, "open to everyone"),
        (
            "a private range",
            |value| let_in(value, &["10.0.0.0/16"]),
            Fail,
            "from the internet",
        ),
        (
            "all private ranges",
            |value| let_in(value, &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]),
            Fail,
            "from the internet",
        ),
        (
            "shared and link-local ones",
            |value| let_in(value, &["100.64.0.0/10", "169.254.0.0/16"]),
            Fail,
            "from the internet",
        ),
        (
            "one public address",
            |value| let_in(value, &["203.0.113.10/32"]),
            Unknown,
            "no fixed address",
        ),
        (
            "both",
            |value| let_in(value, &["10.0.0.0/8", "203.0.113.10/32"]),
            Unknown,
            "no fixed address",
        ),
        (
            "half of the internet",
            |value| let_in(value, &["0.0.0.0/1"]),
            Unknown,
            "no fixed address",
        ),
        (
            "all but private ranges",
            |value| let_in(value, &ALL_BUT_PRIVATE),
            Warn,
            "open to everyone",
        ),
        (
            "nothing",
            |value| value["SecurityGroups"][3]["IpPermissions"] = json!([]),
            Fail,
            "from the internet",
        ),
        (
            "an ACL against private ranges",
            |value| acl(value, "10.0.0.0/8", (0, 65535)),
            Warn,
            "open to everyone",
        ),
        (
            "an ACL against a part",
            |value| acl(value, "198.51.100.0/24", (0, 65535)),
            Unknown,
            "a part of the traffic",
        ),
        (
            "an ACL against all",
            |value| acl(value, "0.0.0.0/0", (0, 65535)),
            Fail,
            "acl-0d01 denies",
        ),
        (
            "an ACL against answers",
            |value| acl(value, "0.0.0.0/0", (1024, 2000)),
            Fail,
            "acl-0d01 denies",
        ),
    ];
    for (what, change, expected, says) in rows {
        let mut value = public();
        change(&mut value);
        let answer = asked(&value, &instance("ledger", "legacy")).await;
        let attached = check(&answer, "attached");
        assert_eq!(
            (attached.status, answer.verdict),
            (expected, expected),
            "{what}: {answer:#?}"
        );
        assert!(attached.message.contains(says), "{what}: {attached:#?}");
    }
}

/// `ledger` is public, and nothing private leads to it: the function goes through the NAT gateway of its VPC.
fn unpeered() -> Value {
    let mut value = public();
    value["VpcPeeringConnections"] = json!([]);
    value["RouteTables"][0]["Routes"] = json!([{"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-0a01"}]);
    value
}

/// One of both subnets of the function has this route.
fn second_subnet(value: &mut Value, routes: Value) {
    value["RouteTables"]
        .as_array_mut()
        .unwrap()
        .push(json!({"RouteTableId": "rtb-0a09", "VpcId": "vpc-0a01",
        "Associations": [{"SubnetId": "subnet-0a01b"}], "Routes": routes}));
}

#[tokio::test(start_paused = true)]
#[expect(clippy::too_many_lines, reason = "a table, one row a case")]
async fn a_public_database_in_another_vpc_is_reached_through_nat() {
    use Status::{Fail, Pass, Unknown, Warn};
    const ONLY: &str = "It works over the internet only: ";
    let rows: [(&str, Change, Status, &str); 18] = [
        ("everyone is let in", |_| (), Warn, ONLY),
        (
            "the NAT gateway's address is",
            |value| let_in(value, &["203.0.113.10/32"]),
            Warn,
            ONLY,
        ),
        (
            "another address is",
            |value| let_in(value, &["203.0.113.11/32"]),
            Fail,
            "It does not work",
        ),
        (
            "private ranges are",
            |value| let_in(value, &["10.0.0.0/8"]),
            Fail,
            "It does not work",
        ),
        (
            "the NAT gateway's address is not known, and a part is let in",
            |value| {
                let_in(value, &["203.0.113.10/32"]);
                value["NatGateways"][0]["NatGatewayAddresses"] = json!([]);
            },
            Unknown,
            "It is not certain",
        ),
        (
            "private",
            |value| value["DBInstances"][1]["PubliclyAccessible"] = json!(false),
            Fail,
            "It does not work",
        ),
        (
            "no NAT gateway",
            |value| value["RouteTables"][0]["Routes"] = json!([]),
            Fail,
            "It does not work",
        ),
        (
            "a NAT gateway in one subnet",
            |value| second_subnet(value, json!([])),
            Fail,
            "It works over the internet only, and not from all subnets",
        ),
        (
            "a transit gateway in one subnet",
            |value| {
                second_subnet(
                    value,
                    json!([{"DestinationCidrBlock": "0.0.0.0/0", "TransitGatewayId": "tgw-1"}]),
                )
            },
            Unknown,
            "It is not certain",
        ),
        (
            "the NAT gateway is gone",
            |value| value["NatGateways"][0]["State"] = json!("deleted"),
            Fail,
            "It does not work",
        ),
        (
            "nothing is let out",
            |value| value["SecurityGroups"][0]["IpPermissionsEgress"] = json!([]),
            Fail,
            "It does not work",
        ),
        (
            "a part is let out",
            |value| {
                value["SecurityGroups"][0]["IpPermissionsEgress"] = json!([{"IpProtocol": "tcp", "FromPort": 3306,
                    "ToPort": 3306, "IpRanges": [{"CidrIp": "198.51.100.7/32"}]}]);
            },
            Unknown,
            "It is not certain",
        ),
        (
            "the database's VPC has no internet gateway",
            |value| {
                value["InternetGateways"].as_array_mut().unwrap().pop();
            },
            Fail,
            "It does not work",
        ),
        (
            "a peering connection that was refused",
            |value| {
                value["VpcPeeringConnections"] = works()["VpcPeeringConnections"].take();
                value["VpcPeeringConnections"][0]["Status"]["Code"] = json!("rejected");
            },
            Warn,
            ONLY,
        ),
        (
            // The name leads to its private address, to which there is no route.
            "an active one without routes",
            |value| value["VpcPeeringConnections"] = works()["VpcPeeringConnections"].take(),
            Fail,
            "It does not work",
        ),
        (
            "ranges that overlap",
            |value| {
                value["Vpcs"][1]["CidrBlock"] = json!("10.0.0.0/16");
                value["Subnets"][7]["CidrBlock"] = json!("10.0.101.0/24");
                value["Subnets"][8]["CidrBlock"] = json!("10.0.102.0/24");
            },
            Warn,
            ONLY,
        ),
        (
            "no name resolves",
            |value| value["Vpcs"][0]["EnableDnsSupport"] = json!(false),
            Fail,
            "It does not work",
        ),
        (
            "host names do not matter",
            |value| value["Vpcs"][0]["EnableDnsHostnames"] = json!(false),
            Warn,
            ONLY,
        ),
    ];
    let target = instance("ledger", "ledger-sync");
    for (what, change, expected, says) in rows {
        let mut value = unpeered();
        change(&mut value);
        let account = offline(&value);
        let found = scene(&account, &target).await.unwrap();
        let answer = diagnose(&found);
        assert_eq!(answer.verdict, expected, "{what}: {answer:#?}");
        assert!(answer.headline.contains(says), "{what}: {answer:#?}");
        if expected == Warn {
            assert_eq!(check(&answer, "dns").status, Pass, "{what}: {answer:#?}");
            assert!(
                check(&answer, "attached").message.contains("NAT gateway nat-0a01"),
                "{what}: {answer:#?}"
            );
        }
        // No connection of `setup`, and nothing that adding fixes.
        assert_eq!(diagnose_connection(&found).verdict, Fail, "{what}");
        let run = async |scope| {
            let goal = Fix {
                target: target.clone(),
                endpoint: None,
                scope,
                request: Default::default(),
            };
            converge(&account, &goal, &dry_run(), &Script::default(), Interrupt::never()).await
        };
        let error = run(Scope::GroupsAcrossVpcs)
            .await
            .err()
            .map(|failure| failure.error.code());
        assert_eq!(error, Some("path-not-ready"), "{what}");
        if expected != Fail {
            let fixed = run(Scope::Everything).await.unwrap();
            assert!(fixed.draft.plan.steps.is_empty(), "{what}: {:#?}", fixed.draft.plan);
        }
    }
}

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
            value["Subnets"][0]["AvailableIpAddressCount"] = json!(0)
        }),
        ("execution-role", |value| {
            value["Roles"][0]["AttachedPolicies"] = json!([BASIC])
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
        let status = async |dry_run| {
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
        assert_eq!(status(true).await, Some(Fail), "{id}");
        assert_eq!(status(false).await, Some(Warn), "{id}");
        assert_eq!(status(true).await, Some(Warn), "{id}");
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
        // What this version does not know decides nothing.
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
