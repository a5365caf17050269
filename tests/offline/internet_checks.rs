//! `internet check`: one change of a network that works, and the check that tells it.

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::check::Status;
use autoconnect::internet::{Answer, Wish, check};
use autoconnect::observe::way_out;
use serde_json::{Value, json};

use crate::internet::{base, setup, wish};

const VPC: &str = "vpc-0a1b";

/// An account in which the function reaches the internet, with a NAT gateway in each zone.
async fn works() -> Value {
    let document: AccountDocument = serde_json::from_value(base()).unwrap();
    let account = OfflineAccount::in_memory(document).unwrap();
    setup(
        &account,
        &Wish {
            per_zone: true,
            ..wish()
        },
    )
    .await
    .unwrap();
    serde_json::to_value(account.document()).unwrap()
}

async fn asked(value: &Value, wish: &Wish) -> Answer {
    let document: AccountDocument = serde_json::from_value(value.clone()).unwrap();
    let account = OfflineAccount::in_memory(document).unwrap();
    check(&way_out(&account, "f").await.unwrap(), wish)
}

/// The route table of a subnet, by its place in the file.
fn table_of(value: &Value, subnet: &str) -> usize {
    let tables = value["RouteTables"].as_array().unwrap();
    let is_its = |table: &Value| {
        table["Associations"]
            .as_array()
            .unwrap()
            .iter()
            .any(|found| found["SubnetId"] == subnet)
    };
    tables.iter().position(is_its).unwrap()
}

fn default_route<'v>(value: &'v mut Value, subnet: &str) -> &'v mut Value {
    let table = table_of(value, subnet);
    let routes = value["RouteTables"][table]["Routes"].as_array_mut().unwrap();
    routes
        .iter_mut()
        .find(|route| route["DestinationCidrBlock"] == "0.0.0.0/0")
        .unwrap()
}

fn acl(entries: &Value) -> Value {
    json!([{"NetworkAclId": "acl-1", "VpcId": VPC, "IsDefault": true, "Entries": entries}])
}

fn allow(number: u16, egress: bool, from: u16, to: u16) -> Value {
    json!({"RuleNumber": number, "Protocol": "6", "RuleAction": "allow", "Egress": egress, "CidrBlock": "0.0.0.0/0",
           "PortRange": {"From": from, "To": to}})
}

#[tokio::test(start_paused = true)]
async fn what_setup_has_built_passes() {
    let answer = asked(&works().await, &wish()).await;
    assert_eq!(answer.verdict, Status::Pass, "{answer:#?}");
    assert_eq!(answer.headline, "function f reaches the internet on port 443.");
    let ids: Vec<&str> = answer.checks.iter().map(|check| check.id.as_str()).collect();
    let expected = [
        "attached",
        "default-route",
        "route-active",
        "nat-gateways",
        "network-acls",
        "security-groups",
        "dns",
        "subnets-agree",
        "zones",
    ];
    assert_eq!(ids, expected);
    assert!(
        answer
            .checks
            .iter()
            .all(|check| !check.evidence.is_empty() && check.remedy.is_none()),
        "{answer:#?}"
    );
}

#[tokio::test(start_paused = true)]
#[expect(clippy::too_many_lines, reason = "a table, one row a case")]
async fn each_change_is_told_by_its_check() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change, &str, Status, &str); 16] = [
        (
            "the classic mistake",
            |value| {
                let igw = value["InternetGateways"][0]["InternetGatewayId"].clone();
                *default_route(value, "subnet-b") = json!({"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": igw});
            },
            "default-route",
            Status::Fail,
            "only private addresses",
        ),
        (
            "no route",
            |value| {
                let table = table_of(value, "subnet-b");
                value["RouteTables"][table]["Routes"] = json!([]);
            },
            "default-route",
            Status::Fail,
            "has no route 0.0.0.0/0",
        ),
        (
            "a transit gateway",
            |value| {
                *default_route(value, "subnet-b") =
                    json!({"DestinationCidrBlock": "0.0.0.0/0", "TransitGatewayId": "tgw-1"});
            },
            "default-route",
            Status::Unknown,
            "tgw-1",
        ),
        (
            "a black hole",
            |value| default_route(value, "subnet-b")["State"] = json!("blackhole"),
            "route-active",
            Status::Fail,
            "blackhole",
        ),
        (
            "one of two subnets",
            |value| default_route(value, "subnet-b")["State"] = json!("blackhole"),
            "subnets-agree",
            Status::Fail,
            "1 of 2 fail",
        ),
        (
            "a failed NAT gateway",
            |value| value["NatGateways"][1]["State"] = json!("failed"),
            "nat-gateways",
            Status::Fail,
            "is failed",
        ),
        (
            "a pending NAT gateway",
            |value| {
                value["NatGateways"][1]["State"] = json!("pending");
                value["SettlesAfterReads"] = json!(9);
            },
            "nat-gateways",
            Status::Warn,
            "is pending",
        ),
        (
            "a private NAT gateway",
            |value| value["NatGateways"][1]["ConnectivityType"] = json!("private"),
            "nat-gateways",
            Status::Fail,
            "private",
        ),
        (
            "a NAT gateway in a private subnet",
            |value| {
                let tables = value["RouteTables"].as_array_mut().unwrap();
                let public = tables
                    .iter_mut()
                    .find(|table| {
                        table["Routes"][0]["GatewayId"]
                            .as_str()
                            .is_some_and(|id| id.starts_with("igw"))
                    })
                    .unwrap();
                public["Routes"] = json!([]);
            },
            "nat-gateways",
            Status::Fail,
            "no route 0.0.0.0/0 to an internet gateway",
        ),
        (
            "a detached internet gateway",
            |value| value["InternetGateways"][0]["Attachments"] = json!([]),
            "nat-gateways",
            Status::Fail,
            "internet gateway of vpc-0a1b",
        ),
        (
            "a NAT instance that checks",
            |value| {
                value["NetworkInterfaces"] = json!([{"NetworkInterfaceId": "eni-1", "VpcId": VPC, "SubnetId": "subnet-c", "PublicIp": "203.0.113.9"}]);
                *default_route(value, "subnet-b") =
                    json!({"DestinationCidrBlock": "0.0.0.0/0", "NetworkInterfaceId": "eni-1"});
            },
            "nat-gateways",
            Status::Fail,
            "checks source and destination",
        ),
        (
            "answers blocked in part",
            |value| {
                value["NetworkAcls"] = acl(&json!([
                    allow(100, true, 0, 65535),
                    allow(90, false, 32768, 65535),
                    allow(95, false, 443, 443)
                ]));
            },
            "network-acls",
            Status::Fail,
            "tcp 1024-32767 blocked by rule * of acl-1",
        ),
        (
            "the way out blocked",
            |value| {
                value["NetworkAcls"] = acl(&json!([allow(100, true, 1024, 65535), allow(100, false, 0, 65535)]));
            },
            "network-acls",
            Status::Fail,
            "tcp 443 blocked",
        ),
        (
            "no group lets out",
            |value| value["SecurityGroups"][0]["IpPermissionsEgress"] = json!([]),
            "security-groups",
            Status::Fail,
            "sg-f",
        ),
        (
            "one zone",
            |value| value["Functions"][0]["VpcConfig"]["SubnetIds"] = json!(["subnet-a"]),
            "zones",
            Status::Warn,
            "eu-central-1a",
        ),
        (
            "IPv6 on, in subnets without",
            |value| value["Functions"][0]["VpcConfig"]["Ipv6AllowedForDualStack"] = json!(true),
            "ipv6",
            Status::Fail,
            "not dual-stack",
        ),
    ];
    let works = works().await;
    for (name, change, id, status, message) in cases {
        let mut value = works.clone();
        change(&mut value);
        let answer = asked(&value, &wish()).await;
        let check = answer
            .checks
            .iter()
            .find(|check| check.id == id)
            .unwrap_or_else(|| panic!("{name}: no {id}"));
        assert_eq!(check.status, status, "{name}: {check:#?}");
        assert!(check.message.contains(message), "{name}: {}", check.message);
        assert!(answer.verdict >= status, "{name}");
        assert_eq!(
            check.status == Status::Fail,
            check.remedy.is_some() || id == "subnets-agree",
            "{name}: {check:#?}"
        );
    }
}

/// Ranges that are not of the internet may be denied, or led elsewhere.
#[tokio::test(start_paused = true)]
async fn private_ranges_do_not_count() {
    let mut value = works().await;
    let deny = |egress: bool| json!({"RuleNumber": 10, "Protocol": "-1", "RuleAction": "deny", "Egress": egress, "CidrBlock": "172.16.0.0/12"});
    value["NetworkAcls"] = acl(&json!([
        deny(true),
        deny(false),
        allow(100, true, 0, 65535),
        allow(100, false, 0, 65535)
    ]));
    value["SecurityGroups"][0]["IpPermissionsEgress"] = json!([{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
        "IpRanges": [{"CidrIp": "0.0.0.0/1"}, {"CidrIp": "128.0.0.0/2"}, {"CidrIp": "192.0.0.0/3"}]}]);
    let answer = asked(&value, &wish()).await;
    assert_eq!(answer.verdict, Status::Pass, "{answer:#?}");
}

#[tokio::test(start_paused = true)]
async fn ipv6_needs_an_egress_only_gateway() {
    let mut value = works().await;
    value["Vpcs"][0]["Ipv6CidrBlock"] = json!("2001:db8::/56");
    for (index, subnet) in ["2001:db8:0:1::/64", "2001:db8:0:2::/64"].iter().enumerate() {
        value["Subnets"][index]["Ipv6CidrBlockAssociationSet"] = json!([{"Ipv6CidrBlock": subnet}]);
    }
    value["Functions"][0]["VpcConfig"]["Ipv6AllowedForDualStack"] = json!(true);
    let of = |answer: &Answer| answer.checks.iter().find(|check| check.id == "ipv6").unwrap().clone();
    let missing = of(&asked(&value, &wish()).await);
    assert_eq!(missing.status, Status::Fail);
    assert!(missing.remedy.unwrap().contains("create-route"));
    value["EgressOnlyInternetGateways"] =
        json!([{"EgressOnlyInternetGatewayId": "eigw-1", "Attachments": [{"VpcId": VPC}]}]);
    for subnet in ["subnet-a", "subnet-b"] {
        let table = table_of(&value, subnet);
        let route = json!({"DestinationIpv6CidrBlock": "::/0", "EgressOnlyInternetGatewayId": "eigw-1"});
        value["RouteTables"][table]["Routes"]
            .as_array_mut()
            .unwrap()
            .push(route);
    }
    assert_eq!(of(&asked(&value, &wish()).await).status, Status::Pass);
}

fn for_secrets() -> Wish {
    Wish {
        services: vec!["secretsmanager".into()],
        ..wish()
    }
}

/// An interface endpoint whose name counts, which lets the function in.
fn with_endpoint(mut value: Value) -> Value {
    value["SecurityGroups"].as_array_mut().unwrap().push(json!({"GroupId": "sg-e", "GroupName": "e", "VpcId": VPC,
        "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": "sg-f"}]}]}));
    value["VpcEndpoints"].as_array_mut().unwrap().push(
        json!({"VpcEndpointId": "vpce-s", "VpcEndpointType": "Interface",
        "VpcId": VPC, "ServiceName": "com.amazonaws.eu-central-1.secretsmanager", "SubnetIds": ["subnet-a", "subnet-b"],
        "Groups": [{"GroupId": "sg-e"}], "PrivateDnsEnabled": true}),
    );
    value
}

#[tokio::test(start_paused = true)]
async fn a_service_is_reached_either_way() {
    let neither = asked(&base(), &for_secrets()).await;
    assert_eq!(neither.verdict, Status::Fail);
    assert!(
        neither.checks.iter().any(|check| check.id == "default-route"),
        "what stops the internet is told too"
    );
    let by_endpoint = asked(&with_endpoint(base()), &for_secrets()).await;
    assert_eq!(by_endpoint.verdict, Status::Pass, "{by_endpoint:#?}");
    let by_internet = asked(&works().await, &for_secrets()).await;
    assert_eq!(by_internet.verdict, Status::Pass, "{by_internet:#?}");
}

/// The name of the service leads to the endpoint, internet or not.
#[tokio::test(start_paused = true)]
async fn an_endpoint_that_keeps_the_function_out_is_told_though_the_internet_is_there() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change, Status, &str); 5] = [
        (
            "its group",
            |value| {
                let groups = value["SecurityGroups"].as_array_mut().unwrap();
                groups.last_mut().unwrap()["IpPermissions"] = json!([]);
            },
            Status::Fail,
            "endpoint vpce-s",
        ),
        (
            "its state",
            |value| value["VpcEndpoints"].as_array_mut().unwrap().last_mut().unwrap()["State"] = json!("failed"),
            Status::Fail,
            "is failed",
        ),
        (
            "DNS",
            |value| value["Vpcs"][0]["EnableDnsSupport"] = json!(false),
            Status::Fail,
            "DNS support",
        ),
        (
            "zones",
            |value| {
                value["VpcEndpoints"].as_array_mut().unwrap().last_mut().unwrap()["SubnetIds"] = json!(["subnet-a"]);
            },
            Status::Warn,
            "subnet-b",
        ),
        (
            "private DNS",
            |value| {
                value["VpcEndpoints"].as_array_mut().unwrap().last_mut().unwrap()["PrivateDnsEnabled"] = json!(false);
            },
            Status::Pass,
            "through the internet",
        ),
    ];
    let works = with_endpoint(works().await);
    for (name, change, status, message) in cases {
        let mut value = works.clone();
        change(&mut value);
        let answer = asked(&value, &for_secrets()).await;
        let check = answer
            .checks
            .iter()
            .find(|check| check.id == "service-secretsmanager")
            .unwrap();
        assert_eq!(check.status, status, "{name}: {check:#?}");
        assert!(check.message.contains(message), "{name}: {}", check.message);
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateway_endpoint_counts_for_the_tables_it_is_in() {
    let s3 = Wish {
        services: vec!["s3".into()],
        ..wish()
    };
    let in_one = asked(&base(), &s3).await;
    let check = in_one.checks.iter().find(|check| check.id == "service-s3").unwrap();
    assert_eq!(check.status, Status::Fail);
    assert!(
        check.message.contains("subnet-b") && !check.message.contains("subnet-a"),
        "{}",
        check.message
    );
    let mut value = base();
    value["VpcEndpoints"][0]["RouteTableIds"] = json!(["rtb-main", "rtb-b"]);
    assert_eq!(asked(&value, &s3).await.verdict, Status::Pass);
}
