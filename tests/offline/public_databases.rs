//! `diagnose`: a publicly accessible database, from a function in no VPC and through the NAT gateways of another VPC.

use autoconnect::diagnostics::Status;
use autoconnect::diagnostics::connection::{diagnose, diagnose_connection};
use autoconnect::fix::Scope;
use autoconnect::interrupt::Interrupt;
use autoconnect::observe::scene;
use autoconnect::plan::Request;
use autoconnect::reconcile::{Fix, converge};
use serde_json::{Value, json};

use crate::diagnoses::{public, works};
use crate::other_ways::{Change, asked, check, offline};
use crate::support::{Script, dry_run, instance};

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
#[expect(clippy::too_many_lines, reason = "a table, one row a case")]
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
    let rows: [(&str, Change, Status, &str); 14] = [
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
        (
            "answers to half of the internet lead to what is gone",
            |value| {
                for table in value["RouteTables"].as_array_mut().unwrap() {
                    let routes = table["Routes"].as_array_mut().unwrap();
                    let gone = json!({"DestinationCidrBlock": "0.0.0.0/1", "GatewayId": "vgw-1", "State": "blackhole"});
                    routes.push(gone);
                }
            },
            Unknown,
            "leads answers to 0.0.0.0/1 to what is gone",
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

/// An ACL of these subnets that lets tcp 443 out, and all answers in.
fn only_https(value: &mut Value, subnets: &[&str]) {
    let associations: Vec<Value> = subnets.iter().map(|id| json!({"SubnetId": id})).collect();
    value["NetworkAcls"].as_array_mut().unwrap().push(
        json!({"NetworkAclId": "acl-0a09", "VpcId": "vpc-0a01", "Associations": associations, "Entries": [
            {"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "Egress": false, "CidrBlock": "0.0.0.0/0"},
            {"RuleNumber": 100, "Protocol": "6", "RuleAction": "allow", "Egress": true, "CidrBlock": "0.0.0.0/0",
             "PortRange": {"From": 443, "To": 443}}]}),
    );
}

/// One of both subnets of the function has this route.
fn second_subnet(value: &mut Value, routes: &Value) {
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
    let rows: [(&str, Change, Status, &str); 22] = [
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
            |value| second_subnet(value, &json!([])),
            Fail,
            "It works over the internet only, and not from all subnets",
        ),
        (
            "a transit gateway in one subnet",
            |value| {
                second_subnet(
                    value,
                    &json!([{"DestinationCidrBlock": "0.0.0.0/0", "TransitGatewayId": "tgw-1"}]),
                );
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
            "an ACL of the function's subnets that lets nothing of the port out",
            |value| only_https(value, &["subnet-0a01a", "subnet-0a01b"]),
            Fail,
            "It does not work",
        ),
        (
            "an ACL of one of them",
            |value| only_https(value, &["subnet-0a01a"]),
            Fail,
            "It works over the internet only, and not from all subnets",
        ),
        (
            "an ACL of the NAT gateway's subnet",
            |value| {
                let subnet = value["NatGateways"][0]["SubnetId"].as_str().unwrap().to_owned();
                only_https(value, &[&subnet]);
            },
            Fail,
            "It does not work",
        ),
        (
            "a pending NAT gateway",
            |value| {
                value["NatGateways"][0]["State"] = json!("pending");
                value["SettlesAfterReads"] = json!(99);
            },
            Unknown,
            "It is not certain",
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
                request: Request::default(),
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
