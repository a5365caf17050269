//! `internet check`: one change of a network that works, and the check that reports it.

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::Cloud;
use autoconnect::diagnostics::Status;
use autoconnect::internet::{Answer, Wish, check};
use autoconnect::observe::{ObserveError, way_out};
use serde_json::{Value, json};

use crate::denied::assert_nothing_is_taken_for_empty;
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
    answer(&account, wish).await.unwrap()
}

/// What `internet check` says of function f. What it cannot read it does not take for empty.
pub async fn answer(account: &OfflineAccount, wish: &Wish) -> Result<Answer, ObserveError> {
    let asked = async |cloud: &dyn Cloud| Ok(check(&way_out(cloud, "f", &wish.services).await?, wish));
    assert_nothing_is_taken_for_empty(account, async |cloud| Some(asked(cloud).await.ok()?.checks)).await;
    asked(account).await
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

/// Adds a route to the table of `subnet-b`.
fn lead(value: &mut Value, route: Value) {
    let table = table_of(value, "subnet-b");
    value["RouteTables"][table]["Routes"]
        .as_array_mut()
        .unwrap()
        .push(route);
}

/// Adds a route to the table of the subnets that the NAT gateways are in.
fn behind(value: &mut Value, route: Value) {
    let nat = value["NatGateways"][0]["SubnetId"].as_str().unwrap().to_owned();
    let table = table_of(value, &nat);
    value["RouteTables"][table]["Routes"]
        .as_array_mut()
        .unwrap()
        .push(route);
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
        "public-access",
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
async fn each_change_is_reported_by_its_check() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change, &str, Status, &str); 24] = [
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
            "half of the internet through an internet gateway",
            |value| {
                let igw = value["InternetGateways"][0]["InternetGatewayId"].clone();
                lead(value, json!({"DestinationCidrBlock": "0.0.0.0/1", "GatewayId": igw}));
            },
            "default-route",
            Status::Warn,
            "requests to 0.0.0.0/1 time out",
        ),
        (
            "a part of the internet through what is gone",
            |value| {
                let gone = json!({"DestinationCidrBlock": "198.51.100.0/24", "VpcPeeringConnectionId": "pcx-1", "State": "blackhole"});
                lead(value, gone);
            },
            "default-route",
            Status::Warn,
            "requests to 198.51.100.0/24 time out",
        ),
        (
            "a private range through what is gone",
            |value| {
                let gone = json!({"DestinationCidrBlock": "172.16.0.0/16", "VpcPeeringConnectionId": "pcx-1", "State": "blackhole"});
                lead(value, gone);
            },
            "default-route",
            Status::Pass,
            "to a NAT gateway",
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
            Status::Unknown,
            "is pending: it forwards nothing yet",
        ),
        (
            "a pending NAT gateway that is private",
            |value| {
                value["NatGateways"][1]["State"] = json!("pending");
                value["NatGateways"][1]["ConnectivityType"] = json!("private");
                value["SettlesAfterReads"] = json!(9);
            },
            "nat-gateways",
            Status::Fail,
            "is private",
        ),
        (
            "a pending NAT gateway, and a detached internet gateway",
            |value| {
                value["NatGateways"][1]["State"] = json!("pending");
                value["InternetGateways"][0]["Attachments"] = json!([]);
                value["SettlesAfterReads"] = json!(9);
            },
            "nat-gateways",
            Status::Fail,
            "internet gateway of vpc-0a1b",
        ),
        (
            "a NAT gateway whose subnet leads half of the internet to what is gone",
            |value| {
                behind(
                    value,
                    json!({"DestinationCidrBlock": "0.0.0.0/1", "GatewayId": "vgw-1", "State": "blackhole"}),
                );
            },
            "nat-gateways",
            Status::Warn,
            "requests to 0.0.0.0/1 time out",
        ),
        (
            "a NAT gateway whose subnet leads half of the internet back to it",
            |value| {
                let nat = value["NatGateways"][0]["NatGatewayId"].clone();
                behind(value, json!({"DestinationCidrBlock": "0.0.0.0/1", "NatGatewayId": nat}));
            },
            "nat-gateways",
            Status::Warn,
            "requests to 0.0.0.0/1 time out",
        ),
        (
            "a NAT gateway whose subnet leads a part of the internet to a firewall",
            |value| {
                behind(
                    value,
                    json!({"DestinationCidrBlock": "8.8.8.0/24", "NetworkInterfaceId": "eni-1"}),
                );
            },
            "nat-gateways",
            Status::Pass,
            "work",
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
            "source/destination check",
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

/// The ACL of a NAT gateway's subnet has to let in the subnets that lead there, and no others.
#[tokio::test(start_paused = true)]
async fn each_nat_gateway_serves_its_own_subnets() {
    let mut value = works().await;
    let [a, b] = ["subnet-a", "subnet-b"].map(|id| {
        let subnets = value["Subnets"].as_array().unwrap();
        let subnet = subnets.iter().find(|subnet| subnet["SubnetId"] == id).unwrap();
        subnet["CidrBlock"].as_str().unwrap().to_owned()
    });
    let nat_of = |value: &mut Value, subnet: &str| {
        let nat = default_route(value, subnet)["NatGatewayId"].clone();
        let nats = value["NatGateways"].as_array().unwrap();
        nats.iter().find(|found| found["NatGatewayId"] == nat).unwrap()["SubnetId"].clone()
    };
    let outlet = nat_of(&mut value, "subnet-a");
    let entry = |number: u16, egress: bool, cidr: &str, action: &str| json!({"RuleNumber": number, "Protocol": "-1", "RuleAction": action, "Egress": egress, "CidrBlock": cidr});
    for (denied, expected) in [(&b, Status::Pass), (&a, Status::Fail)] {
        let entries = json!([
            entry(10, false, denied, "deny"),
            entry(100, false, "0.0.0.0/0", "allow"),
            entry(100, true, "0.0.0.0/0", "allow")
        ]);
        let open = json!([
            entry(100, false, "0.0.0.0/0", "allow"),
            entry(100, true, "0.0.0.0/0", "allow")
        ]);
        value["NetworkAcls"] = json!([
            {"NetworkAclId": "acl-1", "VpcId": VPC, "IsDefault": true, "Entries": open},
            {"NetworkAclId": "acl-2", "VpcId": VPC, "Entries": entries, "Associations": [{"SubnetId": outlet}]}
        ]);
        let answer = asked(&value, &wish()).await;
        let check = answer.checks.iter().find(|check| check.id == "network-acls").unwrap();
        assert_eq!(check.status, expected, "{denied}: {check:#?}");
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
    let mut doubtful = value.clone();
    doubtful["Subnets"][0]["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlockState"] = json!({"State": "resting"});
    doubtful["Functions"][0]["VpcConfig"]["SubnetIds"] = json!(["subnet-a"]);
    doubtful["SecurityGroups"][0]["IpPermissionsEgress"]
        .as_array_mut()
        .unwrap()
        .push(json!({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}));
    let doubtful = of(&asked(&doubtful, &wish()).await);
    assert!(
        doubtful.message.contains("2001:db8:0:1::/64 is resting"),
        "{doubtful:#?}"
    );
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
    let shut = asked(&value, &wish()).await;
    assert_eq!(of(&shut).status, Status::Fail);
    assert!(
        of(&shut).message.contains("lets tcp 443 out to ::/0"),
        "{:#?}",
        of(&shut)
    );
    assert!(shut.headline.contains("over IPv4 only"), "{}", shut.headline);
    value["SecurityGroups"][0]["IpPermissionsEgress"]
        .as_array_mut()
        .unwrap()
        .push(json!({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}));
    let both = asked(&value, &wish()).await;
    assert_eq!(
        (of(&both).status, both.verdict),
        (Status::Pass, Status::Pass),
        "{both:#?}"
    );
    assert!(both.headline.contains("over IPv4 and IPv6"), "{}", both.headline);
    value["NetworkAcls"] = acl(&json!([allow(100, true, 0, 65535), allow(100, false, 0, 65535)]));
    let denied = of(&asked(&value, &wish()).await);
    assert_eq!(denied.status, Status::Fail);
    assert!(denied.message.contains("acl-1"), "{denied:#?}");
}

type Change = fn(&mut Value);

/// Changes of an account in which the function reaches the internet over IPv6 only. Of IPv6, `2000::/3` is the internet.
const OVER_IPV6: [(&str, Change, Status, &str); 7] = [
    (
        "a group that lets out to 2000::/3",
        |value| value["SecurityGroups"][0]["IpPermissionsEgress"][0]["Ipv6Ranges"] = json!([{"CidrIpv6": "2000::/3"}]),
        Status::Pass,
        "over IPv6 only",
    ),
    (
        "a group that lets out to a part of it",
        |value| value["SecurityGroups"][0]["IpPermissionsEgress"][0]["Ipv6Ranges"] = json!([{"CidrIpv6": "2000::/4"}]),
        Status::Fail,
        "does not reach",
    ),
    (
        "an ACL that lets 2000::/3 pass",
        |value| value["NetworkAcls"] = ipv6_acl("2000::/3"),
        Status::Pass,
        "over IPv6 only",
    ),
    (
        "an ACL that lets a part of it pass",
        |value| value["NetworkAcls"] = ipv6_acl("2000::/4"),
        Status::Fail,
        "does not reach",
    ),
    (
        "a half that leads to what is gone",
        |value| {
            let gone = json!({"DestinationIpv6CidrBlock": "2000::/4", "EgressOnlyInternetGatewayId": "eigw-0", "State": "blackhole"});
            value["RouteTables"][0]["Routes"].as_array_mut().unwrap().push(gone);
        },
        Status::Warn,
        "over IPv6 only",
    ),
    (
        "an internet gateway",
        |value| {
            value["InternetGateways"] = json!([{"InternetGatewayId": "igw-1", "Attachments": [{"VpcId": VPC}]}]);
            value["RouteTables"][0]["Routes"] = json!([{"DestinationIpv6CidrBlock": "::/0", "GatewayId": "igw-1"}]);
        },
        Status::Warn,
        "over IPv6 only",
    ),
    (
        "an internet gateway that is not attached",
        |value| {
            value["InternetGateways"] = json!([{"InternetGatewayId": "igw-1", "Attachments": []}]);
            value["RouteTables"][0]["Routes"] = json!([{"DestinationIpv6CidrBlock": "::/0", "GatewayId": "igw-1"}]);
        },
        Status::Fail,
        "does not reach",
    ),
];

fn ipv6_acl(range: &str) -> Value {
    let allow = |egress: bool| json!({"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "Egress": egress, "Ipv6CidrBlock": range});
    acl(&json!([allow(false), allow(true)]))
}

/// Each address family has its own answer, and no check passes for something that is not there.
#[tokio::test(start_paused = true)]
async fn ipv6_alone_is_reported() {
    let mut value = base();
    value["Vpcs"][0]["Ipv6CidrBlock"] = json!("2001:db8::/56");
    for (index, subnet) in ["2001:db8:0:1::/64", "2001:db8:0:2::/64"].iter().enumerate() {
        value["Subnets"][index]["Ipv6CidrBlockAssociationSet"] = json!([{"Ipv6CidrBlock": subnet}]);
    }
    value["Functions"][0]["VpcConfig"]["Ipv6AllowedForDualStack"] = json!(true);
    value["SecurityGroups"][0]["IpPermissionsEgress"] =
        json!([{"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]);
    value["EgressOnlyInternetGateways"] =
        json!([{"EgressOnlyInternetGatewayId": "eigw-1", "Attachments": [{"VpcId": VPC}]}]);
    value["RouteTables"] = json!([{"RouteTableId": "rtb-1", "VpcId": VPC, "Associations": [{"Main": true}],
        "Routes": [{"DestinationIpv6CidrBlock": "::/0", "EgressOnlyInternetGatewayId": "eigw-1"}]}]);
    let answer = asked(&value, &wish()).await;
    assert!(answer.headline.contains("over IPv6 only"), "{}", answer.headline);
    assert_eq!(answer.verdict, Status::Fail);
    let ids: Vec<&str> = answer.checks.iter().map(|check| check.id.as_str()).collect();
    assert!(
        !ids.contains(&"nat-gateways") && !ids.contains(&"route-active"),
        "{ids:?}"
    );
    let zones = answer.checks.iter().find(|check| check.id == "zones").unwrap();
    assert!(!zones.message.contains("NAT"), "{zones:#?}");
    for (name, change, expected, headline) in OVER_IPV6 {
        let mut value = value.clone();
        change(&mut value);
        let answer = asked(&value, &wish()).await;
        let ipv6 = answer.checks.iter().find(|check| check.id == "ipv6").unwrap();
        assert_eq!(ipv6.status, expected, "{name}: {ipv6:#?}");
        assert!(answer.headline.contains(headline), "{name}: {}", answer.headline);
    }
    value["Functions"][0]["VpcConfig"]["Ipv6AllowedForDualStack"] = json!(false);
    let off = asked(&value, &wish()).await;
    assert_eq!(
        (off.headline.as_str(), off.verdict),
        ("function f does not reach the internet on port 443.", Status::Fail)
    );
}

/// A regional NAT gateway is in no subnet, and serves all zones.
#[tokio::test(start_paused = true)]
async fn a_regional_nat_gateway_is_understood() {
    let regional = |attached: bool| {
        let mut value = base();
        value["NatGateways"] = json!([{"NatGatewayId": "nat-r", "VpcId": VPC, "AvailabilityMode": "regional"}]);
        value["RouteTables"] = json!([{"RouteTableId": "rtb-1", "VpcId": VPC, "Associations": [{"Main": true}],
            "Routes": [{"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-r"}]}]);
        let attachments = if attached { json!([{"VpcId": VPC}]) } else { json!([]) };
        value["InternetGateways"] = json!([{"InternetGatewayId": "igw-1", "Attachments": attachments}]);
        value
    };
    let answer = asked(&regional(true), &wish()).await;
    assert_eq!(answer.verdict, Status::Pass, "{answer:#?}");
    let zones = answer.checks.iter().find(|check| check.id == "zones").unwrap();
    assert!(
        zones.evidence[0].contains("serves all Availability Zones"),
        "{zones:#?}"
    );
    let without = asked(&regional(false), &wish()).await;
    let nat = without.checks.iter().find(|check| check.id == "nat-gateways").unwrap();
    assert_eq!(nat.status, Status::Fail, "{nat:#?}");

    // It is used as it is: a second one would be charged for.
    let document: AccountDocument = serde_json::from_value(regional(true)).unwrap();
    let account = OfflineAccount::in_memory(document).unwrap();
    for per_zone in [false, true] {
        let run = setup(&account, &Wish { per_zone, ..wish() }).await.unwrap();
        assert_eq!(run.applied, [], "per zone: {per_zone}");
    }
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

/// Where the name of a service leads to an endpoint, the internet is no way to it: what stops it is no cause, and a NAT gateway
/// would change nothing.
#[tokio::test(start_paused = true)]
async fn the_internet_does_not_count_where_an_endpoint_is_the_way() {
    type Change<'c> = &'c dyn Fn(&mut Value);
    let condition = json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}});
    let policy = json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Condition": condition}});
    let cases: [(&str, Change<'_>, Status); 3] = [
        (
            "a policy with a condition",
            &|value| value["VpcEndpoints"][1]["PolicyDocument"] = json!(policy.to_string()),
            Status::Unknown,
        ),
        (
            "a state that is not known",
            &|value| value["VpcEndpoints"][1]["State"] = json!("resting"),
            Status::Unknown,
        ),
        (
            "a closed group",
            &|value| value["SecurityGroups"].as_array_mut().unwrap().last_mut().unwrap()["IpPermissions"] = json!([]),
            Status::Fail,
        ),
    ];
    for (what, change, expected) in cases {
        let mut value = with_endpoint(base());
        value["Functions"][0]["Role"] = json!("arn:aws:iam::123456789012:role/f");
        change(&mut value);
        let answer = asked(&value, &for_secrets()).await;
        assert_eq!(answer.verdict, expected, "{what}: {answer:#?}");
        let ids: Vec<&str> = answer.checks.iter().map(|check| check.id.as_str()).collect();
        assert_eq!(ids, ["attached", "service-secretsmanager"], "{what}");
    }
}

/// A gateway endpoint leaves the service its public addresses: groups, ACLs and the endpoint's policy have to let them through.
#[tokio::test(start_paused = true)]
#[expect(clippy::too_many_lines, reason = "a table, one row a case")]
async fn what_stands_before_a_gateway_endpoint() {
    type Change = fn(&mut Value);
    fn policy(value: &mut Value, statement: &Value) {
        value["VpcEndpoints"][0]["PolicyDocument"] = json!(json!({"Statement": statement}).to_string());
    }
    fn group(value: &mut Value, permission: Value) {
        value["SecurityGroups"][0]["IpPermissionsEgress"] = Value::Array(vec![permission]);
    }
    let allow_to = |number: u16, egress: bool, cidr: &str| json!({"RuleNumber": number, "Protocol": "-1", "RuleAction": "allow", "Egress": egress, "CidrBlock": cidr});
    let mut base = base();
    base["Functions"][0]["Role"] = json!("arn:aws:iam::123456789012:role/f");
    base["Functions"][0]["VpcConfig"]["SubnetIds"] = json!(["subnet-a"]);
    base["PrefixLists"] =
        json!([{"PrefixListId": "pl-s3", "Entries": [{"Cidr": "3.5.244.0/22"}, {"Cidr": "52.95.142.0/23"}]}]);
    base["NetworkAcls"] = acl(&json!([
        allow_to(100, true, "0.0.0.0/0"),
        allow_to(100, false, "0.0.0.0/0")
    ]));
    let cases: [(&str, Change, Status, &str); 14] = [
        ("nothing", |_| {}, Status::Pass, "gateway endpoint"),
        (
            "an ACL that lets the VPC through only",
            |value| value["NetworkAcls"][0]["Entries"][0]["CidrBlock"] = json!("10.0.0.0/16"),
            Status::Fail,
            "acl-1",
        ),
        (
            "an ACL that denies the answers",
            |value| value["NetworkAcls"][0]["Entries"][1]["CidrBlock"] = json!("10.0.0.0/16"),
            Status::Fail,
            "acl-1",
        ),
        (
            "an ACL that denies what is not the service's",
            |value| {
                let deny = json!({"RuleNumber": 10, "Protocol": "-1", "RuleAction": "deny", "Egress": true, "CidrBlock": "198.51.100.0/24"});
                value["NetworkAcls"][0]["Entries"].as_array_mut().unwrap().push(deny);
            },
            Status::Pass,
            "gateway endpoint",
        ),
        (
            "an ACL that denies a part, where the ranges are not known",
            |value| {
                value["PrefixLists"] = json!([]);
                let deny = json!({"RuleNumber": 10, "Protocol": "-1", "RuleAction": "deny", "Egress": true, "CidrBlock": "198.51.100.0/24"});
                value["NetworkAcls"][0]["Entries"].as_array_mut().unwrap().push(deny);
            },
            Status::Unknown,
            "rule 10 of acl-1",
        ),
        (
            "an ACL that denies all, where the ranges are not known",
            |value| {
                value["PrefixLists"] = json!([]);
                value["NetworkAcls"][0]["Entries"][0]["CidrBlock"] = json!("10.0.0.0/16");
            },
            Status::Fail,
            "acl-1",
        ),
        (
            "a group for UDP",
            |value| {
                group(
                    value,
                    json!({"IpProtocol": "udp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}),
                );
            },
            Status::Fail,
            "PrefixListId=pl-s3",
        ),
        (
            "a group for another port",
            |value| {
                group(
                    value,
                    json!({"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}),
                );
            },
            Status::Fail,
            "lets tcp 443 out",
        ),
        (
            "a group for the prefix list",
            |value| {
                group(
                    value,
                    json!({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "PrefixListIds": [{"PrefixListId": "pl-s3"}]}),
                );
            },
            Status::Pass,
            "gateway endpoint",
        ),
        (
            "a group for the prefix list, whose ranges are not known",
            |value| {
                value["PrefixLists"] = json!([]);
                group(
                    value,
                    json!({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "PrefixListIds": [{"PrefixListId": "pl-s3"}]}),
                );
            },
            Status::Pass,
            "gateway endpoint",
        ),
        (
            "a policy for others",
            |value| {
                policy(
                    value,
                    &json!({"Effect": "Allow", "Principal": {"AWS": "210987654321"}, "Action": "*", "Resource": "*"}),
                );
            },
            Status::Fail,
            "does not allow arn:aws:iam::123456789012:role/f anything",
        ),
        (
            "a policy for one bucket",
            |value| {
                policy(
                    value,
                    &json!({"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*"}),
                );
            },
            Status::Warn,
            "only some requests",
        ),
        (
            "a policy with a condition",
            |value| {
                policy(
                    value,
                    &json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*",
                        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}),
                );
            },
            Status::Unknown,
            "depends on conditions",
        ),
        (
            "DNS support off",
            |value| value["Vpcs"][0]["EnableDnsSupport"] = json!(false),
            Status::Fail,
            "--enable-dns-support",
        ),
    ];
    let wish = Wish {
        services: vec!["s3".into()],
        ..wish()
    };
    for (what, change, status, says) in cases {
        let mut value = base.clone();
        change(&mut value);
        let answer = asked(&value, &wish).await;
        let check = answer.checks.iter().find(|check| check.id == "service-s3").unwrap();
        assert_eq!(check.status, status, "{what}: {check:#?}");
        let text = serde_json::to_string(check).unwrap();
        assert!(text.contains(says), "{what}: {text}");
    }
}

/// The name of the service leads to the endpoint, internet or not.
#[tokio::test(start_paused = true)]
async fn an_endpoint_that_keeps_the_function_out_is_reported_though_the_internet_is_there() {
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

/// Private DNS of an interface endpoint can answer inbound Resolver endpoints only: then the name leads the function to the
/// public addresses, and so to the gateway endpoint. Which of the two it is counts, and where it was not read, both have to
/// be good.
#[tokio::test(start_paused = true)]
async fn private_dns_for_inbound_resolvers_only_serves_no_function() {
    use Status::{Fail, Pass, Unknown};
    let s3 = Wish {
        services: vec!["s3".into()],
        ..wish()
    };
    let account = |only: Option<bool>, interface_is_good: bool, gateway_is_good: bool| {
        let mut value = with_endpoint(base());
        let endpoint = value["VpcEndpoints"].as_array_mut().unwrap().last_mut().unwrap();
        endpoint["ServiceName"] = json!("com.amazonaws.eu-central-1.s3");
        if let Some(only) = only {
            endpoint["DnsOptions"] = json!({"PrivateDnsOnlyForInboundResolverEndpoint": only});
        }
        if !interface_is_good {
            value["SecurityGroups"].as_array_mut().unwrap().last_mut().unwrap()["IpPermissions"] = json!([]);
        }
        if gateway_is_good {
            value["VpcEndpoints"][0]["RouteTableIds"] = json!(["rtb-main", "rtb-b"]);
        }
        value
    };
    let table = [
        (Some(false), true, true, Pass),
        (Some(false), true, false, Pass),
        (Some(false), false, true, Fail),
        (Some(true), true, true, Pass),
        (Some(true), true, false, Fail),
        (Some(true), false, true, Pass),
        (Some(true), false, false, Fail),
        (None, true, true, Pass),
        (None, true, false, Unknown),
        (None, false, true, Unknown),
        (None, false, false, Fail),
    ];
    for (only, interface, gateway, expected) in table {
        let value = account(only, interface, gateway);
        let answer = asked(&value, &s3).await;
        let check = answer.checks.iter().find(|check| check.id == "service-s3").unwrap();
        assert_eq!(check.status, expected, "{only:?} {interface} {gateway}: {check:#?}");
        if (only, expected) == (Some(true), Fail) {
            assert!(
                check.message.contains("inbound Resolver endpoints only"),
                "{}",
                check.message
            );
            let remedy = check.remedy.as_ref().unwrap();
            assert!(
                remedy.contains("PrivateDnsOnlyForInboundResolverEndpoint=false"),
                "{remedy}"
            );
        }
    }
    // Without a gateway endpoint in the VPC, EC2 does not take the option.
    let mut value = account(None, true, false);
    value["VpcEndpoints"].as_array_mut().unwrap().remove(0);
    value["RouteTables"][0]["Routes"] = json!([]);
    assert_eq!(asked(&value, &s3).await.verdict, Status::Pass);
    // What setup builds for it is reached, and a second run finds nothing to do.
    for only in [Some(true), None] {
        let document: AccountDocument = serde_json::from_value(account(only, true, false)).unwrap();
        let account = OfflineAccount::in_memory(document).unwrap();
        setup(&account, &s3).await.unwrap();
        let value = serde_json::to_value(account.document()).unwrap();
        assert_eq!(asked(&value, &s3).await.verdict, Status::Pass, "{only:?}");
        let writes = account.calls().write;
        assert!(writes > 0, "{only:?}");
        setup(&account, &s3).await.unwrap();
        assert_eq!(account.calls().write, writes, "{only:?}");
    }
}
