//! `internet` where some of a function's subnets differ: each sentence that counts or names subnets or services counts and
//! names those for which it is true. What is expected follows from where a fault was put, one subnet at a time.

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::diagnostics::{Check, Status};
use autoconnect::internet::{Answer, Wish, check, draft};
use autoconnect::observe::{MskTarget, Which, building_site, msk_scene, way_out};
use serde_json::{Value, json};

use crate::internet::wish;

const VPC: &str = "vpc-1";

/// A function in some private subnets, each in a zone of its own with a NAT gateway in a public subnet, route tables and
/// ACLs of its own.
fn account(subnets: usize, ipv6: bool) -> Value {
    let all = |egress: bool, range: &str| {
        let key = if range.contains(':') {
            "Ipv6CidrBlock"
        } else {
            "CidrBlock"
        };
        json!({"RuleNumber": if range.contains(':') { 101 } else { 100 }, "Protocol": "-1", "RuleAction": "allow",
               "Egress": egress, key: range})
    };
    let entries = json!([
        all(true, "0.0.0.0/0"),
        all(false, "0.0.0.0/0"),
        all(true, "::/0"),
        all(false, "::/0")
    ]);
    let each = |make: &dyn Fn(usize) -> Vec<Value>| -> Vec<Value> { (0..subnets).flat_map(make).collect() };
    let zone = |n: usize| format!("eu-central-1{}", ["a", "b", "c"][n]);
    json!({
        "FormatVersion": 1, "AccountId": "123456789012", "Region": "eu-central-1",
        "Vpcs": [{"VpcId": VPC, "CidrBlock": "10.0.0.0/16", "Ipv6CidrBlock": "2001:db8::/56"}],
        "Subnets": each(&|n| {
            let mut own = json!({"SubnetId": private(n), "VpcId": VPC, "AvailabilityZone": zone(n), "CidrBlock": format!("10.0.{n}.0/24")});
            if ipv6 {
                own["Ipv6CidrBlockAssociationSet"] = json!([{"Ipv6CidrBlock": format!("2001:db8:0:{n}::/64")}]);
            }
            vec![own, json!({"SubnetId": public(n), "VpcId": VPC, "AvailabilityZone": zone(n), "CidrBlock": format!("10.0.10{n}.0/24")})]
        }),
        "SecurityGroups": [
            {"GroupId": "sg-f", "GroupName": "f", "VpcId": VPC, "IpPermissionsEgress": [
                {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]},
            {"GroupId": "sg-open", "GroupName": "open", "VpcId": VPC,
             "IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/16"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}],
             "IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]},
            {"GroupId": "sg-shut", "GroupName": "shut", "VpcId": VPC, "IpPermissions": [], "IpPermissionsEgress": []}
        ],
        "InternetGateways": [{"InternetGatewayId": "igw-1", "Attachments": [{"VpcId": VPC}]}],
        "EgressOnlyInternetGateways": [{"EgressOnlyInternetGatewayId": "eigw-1", "Attachments": [{"VpcId": VPC}]}],
        "NatGateways": each(&|n| vec![json!({"NatGatewayId": format!("nat-{n}"), "VpcId": VPC, "SubnetId": public(n),
            "State": "available", "ConnectivityType": "public", "NatGatewayAddresses": []})]),
        "NetworkInterfaces": each(&|n| vec![json!({"NetworkInterfaceId": format!("eni-{n}"), "VpcId": VPC, "SubnetId": public(n),
            "SourceDestCheck": false, "PublicIp": format!("203.0.113.{n}"), "Groups": [{"GroupId": "sg-open"}]})]),
        "RouteTables": each(&|n| vec![
            json!({"RouteTableId": format!("rtb-{n}"), "VpcId": VPC, "Associations": [{"SubnetId": private(n)}],
                   "Routes": if ipv6 {
                       json!([{"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": format!("nat-{n}")},
                              {"DestinationIpv6CidrBlock": "::/0", "EgressOnlyInternetGatewayId": "eigw-1"}])
                   } else {
                       json!([{"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": format!("nat-{n}")}])
                   }}),
            json!({"RouteTableId": format!("rtb-p{n}"), "VpcId": VPC, "Associations": [{"SubnetId": public(n)}],
                   "Routes": [{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}]})]),
        "NetworkAcls": each(&|n| vec![
            json!({"NetworkAclId": format!("acl-{n}"), "VpcId": VPC, "IsDefault": n == 0, "Associations": [{"SubnetId": private(n)}], "Entries": entries}),
            json!({"NetworkAclId": format!("acl-p{n}"), "VpcId": VPC, "IsDefault": false, "Associations": [{"SubnetId": public(n)}], "Entries": entries})]),
        "VpcEndpoints": [],
        "Functions": [{"FunctionName": "f", "VpcConfig": {"SubnetIds": (0..subnets).map(private).collect::<Vec<_>>(),
            "SecurityGroupIds": ["sg-f"], "Ipv6AllowedForDualStack": ipv6}}]
    })
}

fn private(n: usize) -> String {
    format!("subnet-{n}")
}

fn public(n: usize) -> String {
    format!("subnet-p{n}")
}

/// An entry of a list by its id.
fn entry<'v>(value: &'v mut Value, list: &str, key: &str, id: &str) -> &'v mut Value {
    let entries = value[list].as_array_mut().unwrap();
    entries.iter_mut().find(|entry| entry[key] == id).unwrap()
}

fn table<'v>(value: &'v mut Value, id: &str) -> &'v mut Value {
    entry(value, "RouteTables", "RouteTableId", id)
}

/// The default route of a subnet, for IPv4.
fn lead(value: &mut Value, n: usize, target: &Value) {
    let mut route = json!({"DestinationCidrBlock": "0.0.0.0/0"});
    route
        .as_object_mut()
        .unwrap()
        .extend(target.as_object().unwrap().clone());
    table(value, &format!("rtb-{n}"))["Routes"][0] = route;
}

fn acl(value: &mut Value, id: &str, entries: Value) {
    entry(value, "NetworkAcls", "NetworkAclId", id)["Entries"] = entries;
}

fn allow(egress: bool, from: u16, to: u16, range: &str) -> Value {
    json!({"RuleNumber": 100 + from % 7, "Protocol": "6", "RuleAction": "allow", "Egress": egress, "CidrBlock": range,
           "PortRange": {"From": from, "To": to}})
}

async fn asked(value: &Value, wish: &Wish) -> Answer {
    let document: AccountDocument = serde_json::from_value(value.clone()).unwrap();
    let account = OfflineAccount::in_memory(document).unwrap();
    check(&way_out(&account, "f", &wish.services).await.unwrap(), wish)
}

/// What `internet setup` would do: why, or why not.
async fn planned(value: &Value, wish: &Wish) -> Result<Vec<String>, String> {
    let document: AccountDocument = serde_json::from_value(value.clone()).unwrap();
    let account = OfflineAccount::in_memory(document).unwrap();
    let scene = building_site(&account, "f", &wish.services).await.unwrap();
    match draft(&scene, wish) {
        Ok(building) => Ok(building.reasons.into_iter().chain(building.notes).collect()),
        Err(refusal) => Err(refusal.to_string()),
    }
}

fn by_id<'a>(answer: &'a Answer, id: &str) -> &'a Check {
    answer.checks.iter().find(|check| check.id == id).unwrap()
}

type Fault = fn(&mut Value, usize);

/// Faults of the way of one subnet over IPv4. Whether they are known to stop it.
const FAULTS: [(&str, Fault, Status); 20] = [
    (
        "no route",
        |value, n| {
            table(value, &format!("rtb-{n}"))["Routes"]
                .as_array_mut()
                .unwrap()
                .retain(|route| route["DestinationCidrBlock"].is_null());
        },
        Status::Fail,
    ),
    (
        "an internet gateway",
        |value, n| lead(value, n, &json!({"GatewayId": "igw-1"})),
        Status::Fail,
    ),
    (
        "a black hole",
        |value, n| lead(value, n, &json!({"NatGatewayId": "nat-gone", "State": "blackhole"})),
        Status::Fail,
    ),
    (
        "a peered VPC",
        |value, n| lead(value, n, &json!({"VpcPeeringConnectionId": "pcx-1"})),
        Status::Fail,
    ),
    (
        "a transit gateway",
        |value, n| lead(value, n, &json!({"TransitGatewayId": "tgw-1"})),
        Status::Unknown,
    ),
    (
        "a NAT gateway that is not there",
        |value, n| lead(value, n, &json!({"NatGatewayId": "nat-other"})),
        Status::Fail,
    ),
    (
        "a failed NAT gateway",
        |value, n| entry(value, "NatGateways", "NatGatewayId", &format!("nat-{n}"))["State"] = json!("failed"),
        Status::Fail,
    ),
    (
        "a deleted NAT gateway",
        |value, n| entry(value, "NatGateways", "NatGatewayId", &format!("nat-{n}"))["State"] = json!("deleted"),
        Status::Fail,
    ),
    (
        "a private NAT gateway",
        |value, n| {
            entry(value, "NatGateways", "NatGatewayId", &format!("nat-{n}"))["ConnectivityType"] = json!("private");
        },
        Status::Fail,
    ),
    (
        "a NAT gateway that leads nowhere",
        |value, n| table(value, &format!("rtb-p{n}"))["Routes"] = json!([]),
        Status::Fail,
    ),
    (
        "a NAT gateway behind a firewall",
        |value, n| {
            table(value, &format!("rtb-p{n}"))["Routes"] =
                json!([{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "vpce-fw"}]);
        },
        Status::Unknown,
    ),
    (
        "a NAT gateway behind an appliance",
        |value, n| {
            table(value, &format!("rtb-p{n}"))["Routes"] =
                json!([{"DestinationCidrBlock": "0.0.0.0/0", "NetworkInterfaceId": format!("eni-{n}")}]);
        },
        Status::Unknown,
    ),
    (
        "an ACL that lets nothing out",
        |value, n| acl(value, &format!("acl-{n}"), json!([allow(false, 0, 65535, "0.0.0.0/0")])),
        Status::Fail,
    ),
    (
        "an ACL that lets no answers in",
        |value, n| acl(value, &format!("acl-{n}"), json!([allow(true, 0, 65535, "0.0.0.0/0")])),
        Status::Fail,
    ),
    (
        "an ACL that lets nothing in to the NAT gateway",
        |value, n| {
            acl(
                value,
                &format!("acl-p{n}"),
                json!([
                    allow(true, 0, 65535, "0.0.0.0/0"),
                    allow(false, 1024, 65535, "0.0.0.0/0")
                ]),
            );
        },
        Status::Fail,
    ),
    (
        "an ACL that lets no answers out of the NAT gateway's subnet",
        |value, n| {
            acl(
                value,
                &format!("acl-p{n}"),
                json!([allow(true, 443, 443, "0.0.0.0/0"), allow(false, 0, 65535, "0.0.0.0/0")]),
            );
        },
        Status::Fail,
    ),
    (
        "a NAT instance whose group is shut",
        |value, n| {
            entry(value, "NetworkInterfaces", "NetworkInterfaceId", &format!("eni-{n}"))["Groups"] =
                json!([{"GroupId": "sg-shut"}]);
            lead(value, n, &json!({"NetworkInterfaceId": format!("eni-{n}")}));
        },
        Status::Fail,
    ),
    (
        "a NAT instance that is gone",
        |value, n| {
            entry(value, "NetworkInterfaces", "NetworkInterfaceId", &format!("eni-{n}"))["Status"] = json!("available");
            lead(value, n, &json!({"NetworkInterfaceId": format!("eni-{n}")}));
        },
        Status::Fail,
    ),
    (
        "two halves, one of which is gone",
        |value, n| {
            lead(
                value,
                n,
                &json!({"DestinationCidrBlock": "0.0.0.0/1", "NatGatewayId": format!("nat-{n}")}),
            );
            table(value, &format!("rtb-{n}"))["Routes"]
                .as_array_mut()
                .unwrap()
                .push(json!({"DestinationCidrBlock": "128.0.0.0/1", "NatGatewayId": "nat-gone", "State": "blackhole"}));
        },
        Status::Fail,
    ),
    (
        "two halves, one of which is missing",
        |value, n| {
            lead(
                value,
                n,
                &json!({"DestinationCidrBlock": "0.0.0.0/1", "NatGatewayId": format!("nat-{n}")}),
            );
        },
        Status::Fail,
    ),
];

/// Ways that work, beside the usual one.
const GOOD: [(&str, Fault); 4] = [
    ("a NAT instance of which the file names no groups", |value, n| {
        entry(value, "NetworkInterfaces", "NetworkInterfaceId", &format!("eni-{n}"))["Groups"] = json!([]);
        lead(value, n, &json!({"NetworkInterfaceId": format!("eni-{n}")}));
    }),
    ("a NAT instance", |value, n| {
        lead(value, n, &json!({"NetworkInterfaceId": format!("eni-{n}")}));
    }),
    ("two halves", |value, n| {
        lead(
            value,
            n,
            &json!({"DestinationCidrBlock": "0.0.0.0/1", "NatGatewayId": format!("nat-{n}")}),
        );
        table(value, &format!("rtb-{n}"))["Routes"]
            .as_array_mut()
            .unwrap()
            .push(json!({"DestinationCidrBlock": "128.0.0.0/1", "NatGatewayId": format!("nat-{n}")}));
    }),
    ("a NAT gateway that two halves lead on from", |value, n| {
        table(value, &format!("rtb-p{n}"))["Routes"] = json!([
        {"DestinationCidrBlock": "0.0.0.0/1", "GatewayId": "igw-1"}, {"DestinationCidrBlock": "128.0.0.0/1", "GatewayId": "igw-1"}]);
    }),
];

/// Which of 2 and of 3 subnets have a fault.
fn places() -> Vec<(usize, Vec<usize>)> {
    vec![
        (2, vec![0]),
        (2, vec![1]),
        (2, vec![0, 1]),
        (3, vec![1]),
        (3, vec![0, 2]),
        (3, vec![0, 1, 2]),
    ]
}

fn names(subnets: &[usize]) -> String {
    subnets.iter().map(|n| private(*n)).collect::<Vec<_>>().join(", ")
}

fn others(all: usize, some: &[usize]) -> Vec<usize> {
    (0..all).filter(|n| !some.contains(n)).collect()
}

#[tokio::test(start_paused = true)]
async fn each_sentence_names_the_subnets_for_which_it_is_true() {
    for (name, fault, status) in FAULTS {
        for (all, bad) in places() {
            let case = format!("{name} in {bad:?} of {all}");
            let mut value = account(all, false);
            for n in &bad {
                fault(&mut value, *n);
            }
            let good = others(all, &bad);
            let answer = asked(&value, &wish()).await;
            assert_eq!(answer.verdict, status, "{case}: {answer:#?}");
            let (some, is_known) = (bad.len(), status == Status::Fail);
            let headline = match (is_known, some == all) {
                (true, true) => "function f does not reach the internet on port 443.".to_owned(),
                (true, false) => format!(
                    "function f does not reach the internet on port 443 from {some} of its {all} subnets: about {some} of {all} cold starts fail."
                ),
                (false, _) => "It is not known whether function f reaches the internet on port 443: see the checks with the status unknown.".to_owned(),
            };
            assert_eq!(answer.headline, headline, "{case}");
            let agree = by_id(&answer, "subnets-agree");
            let differ = is_known && some < all;
            assert_eq!(agree.status == Status::Fail, differ, "{case}: {agree:#?}");
            for n in &good {
                let text = format!("{} reaches the internet", private(*n));
                assert!(
                    agree.status != Status::Pass || agree.evidence.contains(&text),
                    "{case}: {agree:#?}"
                );
            }
            for n in &bad {
                let text = format!("{} reaches the internet", private(*n));
                assert!(!agree.evidence.contains(&text), "{case}: {agree:#?}");
            }
            if differ {
                let verb = |of: &[usize], one: &'static str, more: &'static str| if of.len() == 1 { one } else { more };
                let text = format!(
                    "the subnets differ: {} {} the internet, {} {} not; of the cold starts of function f, {some} of {all} fail",
                    names(&good),
                    verb(&good, "reaches", "reach"),
                    names(&bad),
                    verb(&bad, "does", "do")
                );
                assert_eq!(agree.message, text, "{case}");
            }
            let zones = by_id(&answer, "zones");
            // An ACL or a route of the gateway's subnet is not about its zone.
            if !name.contains("ACL") {
                assert!(!zones.message.contains("each served"), "{case}: {zones:#?}");
            }
        }
    }
    for (name, change) in GOOD {
        for (all, some) in places() {
            let mut value = account(all, false);
            for n in &some {
                change(&mut value, *n);
            }
            value["SettlesAfterReads"] = json!(99);
            let answer = asked(&value, &wish()).await;
            assert!(
                answer.verdict <= Status::Warn,
                "{name} in {some:?} of {all}: {answer:#?}"
            );
            assert!(
                answer
                    .headline
                    .starts_with("function f reaches the internet on port 443"),
                "{name}"
            );
            let agree = by_id(&answer, "subnets-agree");
            assert_eq!((agree.status, agree.evidence.len()), (Status::Pass, all), "{name}");
        }
    }
}

/// A service that nothing but the internet leads to, and one with an interface endpoint.
#[tokio::test(start_paused = true)]
async fn each_service_is_told_from_the_subnets_that_reach_it() {
    for (name, fault, status) in FAULTS {
        for (all, bad) in places() {
            let case = format!("{name} in {bad:?} of {all}");
            let mut value = account(all, false);
            for n in &bad {
                fault(&mut value, *n);
            }
            // Its ACLs let all of the VPC through.
            if name.starts_with("an ACL") {
                continue;
            }
            value["VpcEndpoints"] = json!([{"VpcEndpointId": "vpce-q", "VpcEndpointType": "Interface", "VpcId": VPC,
                "ServiceName": "com.amazonaws.eu-central-1.sqs", "SubnetIds": (0..all).map(private).collect::<Vec<_>>(),
                "Groups": [{"GroupId": "sg-open"}], "PrivateDnsEnabled": true}]);
            let both = Wish {
                services: vec!["sqs".into(), "sns".into()],
                ..wish()
            };
            let answer = asked(&value, &both).await;
            assert_eq!(by_id(&answer, "service-sqs").status, Status::Pass, "{case}");
            let sns = by_id(&answer, "service-sns");
            assert_eq!((sns.status, answer.verdict), (status, status), "{case}: {answer:#?}");
            let (some, is_known) = (bad.len(), status == Status::Fail);
            let headline = match (is_known, some == all) {
                (true, true) => "function f does not reach sns; it reaches sqs.".to_owned(),
                (true, false) => format!(
                    "function f does not reach sns from {some} of its {all} subnets: about {some} of {all} cold starts fail; it reaches sqs."
                ),
                (false, _) => "It is not known whether function f reaches sns; it reaches sqs: see the checks with the status unknown.".to_owned(),
            };
            assert_eq!(answer.headline, headline, "{case}");
            let verb = if is_known {
                format!("sns is not reachable from {}: ", names(&bad))
            } else {
                format!("it is not known whether sns is reachable from {}: ", names(&bad))
            };
            assert!(sns.message.starts_with(&verb), "{case}: {sns:#?}");
            assert_eq!(sns.remedy.is_some(), is_known, "{case}: {sns:#?}");
            // The checks of the way to the internet name these subnets only.
            let told = answer.checks.iter().filter(|check| check.status >= Status::Unknown);
            for check in told.filter(|check| !check.id.starts_with("service-")) {
                for n in others(all, &bad) {
                    let text = format!("{check:?}");
                    assert!(!text.contains(&format!("{}:", private(n))), "{case}: {text}");
                }
            }
            let why = planned(&value, &both).await.map(|reasons| reasons.join("\n"));
            if let Ok(why) = why {
                assert!(
                    why.contains("sqs is reached through interface endpoint vpce-q."),
                    "{case}: {why}"
                );
                let way = match (is_known, some == all) {
                    (true, true) => {
                        "sns: vpc-1 has no endpoint for it, and the function has no way to the internet.".to_owned()
                    }
                    (true, false) => format!(
                        "sns: vpc-1 has no endpoint for it, and the function has no way to the internet from {}.",
                        names(&bad)
                    ),
                    (false, _) => format!(
                        "sns: vpc-1 has no endpoint for it, and it is not known whether the function has a way to the internet from {}.",
                        names(&bad)
                    ),
                };
                assert!(why.contains(&way), "{case}: {why}");
            }
        }
    }
}

/// `msk check` on the subnets of a cluster: what it says of NAT gateways names no subnet that has its way out.
#[tokio::test(start_paused = true)]
async fn the_way_of_a_cluster_fails_where_one_of_its_subnets_has_none() {
    const ARN: &str = "arn:aws:kafka:eu-central-1:123456789012:cluster/events/00000001-1111-4000-8000-000000000000-1";
    let target = MskTarget {
        cluster: Some(ARN.to_owned()),
        which: Which::All,
        mode: None,
        authentication: None,
    };
    for (name, fault, status) in FAULTS {
        for (all, bad) in places() {
            let mut value = account(all, false);
            value["SecurityGroups"].as_array_mut().unwrap().push(json!({"GroupId": "sg-k", "GroupName": "k", "VpcId": VPC,
                "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 9098, "ToPort": 9098, "UserIdGroupPairs": [{"GroupId": "sg-k"}]}],
                "IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}));
            value["MskClusters"] = json!([{"ClusterArn": ARN, "ClusterName": "events", "ClusterType": "PROVISIONED", "State": "ACTIVE",
                "Provisioned": {
                    "BrokerNodeGroupInfo": {"ClientSubnets": (0..all).map(private).collect::<Vec<_>>(), "SecurityGroups": ["sg-k"]},
                    "ClientAuthentication": {"Sasl": {"Iam": {"Enabled": true}}},
                    "EncryptionInfo": {"EncryptionInTransit": {"ClientBroker": "TLS"}}}}]);
            for n in &bad {
                fault(&mut value, *n);
            }
            let document: AccountDocument = serde_json::from_value(value).unwrap();
            let account = OfflineAccount::in_memory(document).unwrap();
            let answer = autoconnect::msk::check(&msk_scene(&account, &target).await.unwrap());
            let case = format!("{name} in {bad:?} of {all}: {answer:#?}");
            let nat = answer.checks.iter().find(|check| check.id == "nat-gateways").unwrap();
            assert_eq!(nat.status, status, "{case}");
            for n in others(all, &bad) {
                let of_subnet = nat
                    .evidence
                    .iter()
                    .filter(|text| text.contains(&format!("{}:", private(n))));
                assert_eq!(of_subnet.count(), 0, "{case}");
            }
            assert!(!answer.headline.contains("From its subnets neither"), "{case}");
        }
    }
}

/// A gateway endpoint in the tables of some subnets, where the others have no other way, or the internet.
#[tokio::test(start_paused = true)]
async fn a_gateway_endpoint_serves_the_subnets_whose_tables_have_it() {
    let s3 = Wish {
        services: vec!["s3".into()],
        ..wish()
    };
    for (all, bad) in places() {
        for has_internet in [false, true] {
            let good = others(all, &bad);
            let mut value = account(all, false);
            for n in 0..all {
                let routes = &mut table(&mut value, &format!("rtb-{n}"))["Routes"];
                if !has_internet {
                    *routes = json!([]);
                }
                if good.contains(&n) {
                    let route = json!({"DestinationPrefixListId": "pl-s3", "GatewayId": "vpce-s3"});
                    routes.as_array_mut().unwrap().push(route);
                }
            }
            value["VpcEndpoints"] = json!([{"VpcEndpointId": "vpce-s3", "VpcEndpointType": "Gateway", "VpcId": VPC,
                "ServiceName": "com.amazonaws.eu-central-1.s3", "RouteTableIds": good.iter().map(|n| format!("rtb-{n}")).collect::<Vec<_>>()}]);
            let answer = asked(&value, &s3).await;
            let case = format!("{good:?} of {all}, internet: {has_internet}: {answer:#?}");
            let check = by_id(&answer, "service-s3");
            let (some, whole) = (bad.len(), bad.len() == all);
            if has_internet {
                assert_eq!(answer.headline, "function f reaches s3.", "{case}");
                let text = if whole {
                    "s3 is reached through the internet".to_owned()
                } else {
                    format!(
                        "s3 is reached through a gateway endpoint from {}, and through the internet from {}",
                        names(&good),
                        names(&bad)
                    )
                };
                assert_eq!(check.message, text, "{case}");
                continue;
            }
            let text = format!("s3 is not reachable from {}: ", names(&bad));
            assert!(check.message.starts_with(&text), "{case}");
            let headline = if whole {
                "function f does not reach s3.".to_owned()
            } else {
                format!(
                    "function f does not reach s3 from {some} of its {all} subnets: about {some} of {all} cold starts fail."
                )
            };
            assert_eq!(answer.headline, headline, "{case}");
            let reasons = planned(&value, &s3).await.unwrap().join("\n");
            let tables = if whole {
                "the function's subnets".to_owned()
            } else {
                names(&bad)
            };
            assert!(
                reasons.contains(&format!(
                    "s3: the route tables of {tables} have no gateway endpoint for it."
                )),
                "{case}: {reasons}"
            );
        }
    }
}

/// An interface endpoint whose group lets some subnets in.
#[tokio::test(start_paused = true)]
async fn an_interface_endpoint_serves_the_subnets_that_its_group_lets_in() {
    let sqs = Wish {
        services: vec!["sqs".into()],
        ..wish()
    };
    for (all, bad) in places() {
        let good = others(all, &bad);
        let mut value = account(all, false);
        let ranges: Vec<Value> = good
            .iter()
            .map(|n| json!({"CidrIp": format!("10.0.{n}.0/24")}))
            .collect();
        if !ranges.is_empty() {
            entry(&mut value, "SecurityGroups", "GroupId", "sg-shut")["IpPermissions"] =
                json!([{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": ranges}]);
        }
        value["VpcEndpoints"] = json!([{"VpcEndpointId": "vpce-q", "VpcEndpointType": "Interface", "VpcId": VPC,
            "ServiceName": "com.amazonaws.eu-central-1.sqs", "SubnetIds": (0..all).map(private).collect::<Vec<_>>(),
            "Groups": [{"GroupId": "sg-shut"}], "PrivateDnsEnabled": true}]);
        let answer = asked(&value, &sqs).await;
        let (some, case) = (bad.len(), format!("{good:?} of {all}: {answer:#?}"));
        let headline = if some == all {
            "function f does not reach sqs.".to_owned()
        } else {
            format!(
                "function f does not reach sqs from {some} of its {all} subnets: about {some} of {all} cold starts fail."
            )
        };
        assert_eq!(answer.headline, headline, "{case}");
        let message = &by_id(&answer, "service-sqs").message;
        assert!(message.contains(&format!("({})", names(&bad))), "{case}");
    }
}

/// IPv4 and IPv6, each with faults of its own subnets.
#[tokio::test(start_paused = true)]
#[expect(clippy::too_many_lines, reason = "one walk through the cases of both families")]
async fn each_family_counts_its_own_subnets() {
    let faults: [(&str, Fault, Status); 6] = [
        (
            "no route",
            |value, n| {
                table(value, &format!("rtb-{n}"))["Routes"]
                    .as_array_mut()
                    .unwrap()
                    .retain(|route| route["DestinationIpv6CidrBlock"].is_null());
            },
            Status::Fail,
        ),
        (
            "not dual-stack",
            |value, n| {
                entry(value, "Subnets", "SubnetId", &private(n))
                    .as_object_mut()
                    .unwrap()
                    .remove("Ipv6CidrBlockAssociationSet");
            },
            Status::Fail,
        ),
        (
            "a peered VPC",
            |value, n| {
                table(value, &format!("rtb-{n}"))["Routes"][1] =
                    json!({"DestinationIpv6CidrBlock": "::/0", "VpcPeeringConnectionId": "pcx-1"});
            },
            Status::Fail,
        ),
        (
            "an ACL",
            |value, n| {
                entry(value, "NetworkAcls", "NetworkAclId", &format!("acl-{n}"))["Entries"]
                    .as_array_mut()
                    .unwrap()
                    .retain(|entry| entry["Ipv6CidrBlock"].is_null());
            },
            Status::Fail,
        ),
        (
            "an instance that is shut",
            |value, n| {
                entry(value, "NetworkInterfaces", "NetworkInterfaceId", &format!("eni-{n}"))["Groups"] =
                    json!([{"GroupId": "sg-shut"}]);
                table(value, &format!("rtb-{n}"))["Routes"][1] =
                    json!({"DestinationIpv6CidrBlock": "::/0", "NetworkInterfaceId": format!("eni-{n}")});
            },
            Status::Fail,
        ),
        (
            "two halves, one of which is gone",
            |value, n| {
                let routes = &mut table(value, &format!("rtb-{n}"))["Routes"];
                routes[1] = json!({"DestinationIpv6CidrBlock": "::/1", "EgressOnlyInternetGatewayId": "eigw-1", "State": "blackhole"});
                routes
                    .as_array_mut()
                    .unwrap()
                    .push(json!({"DestinationIpv6CidrBlock": "8000::/1", "EgressOnlyInternetGatewayId": "eigw-1"}));
            },
            Status::Fail,
        ),
    ];
    let start = "function f reaches the internet on port 443 over";
    for (name, fault, _) in faults {
        for (all, bad) in places() {
            let mut value = account(all, true);
            for n in &bad {
                fault(&mut value, *n);
            }
            let answer = asked(&value, &wish()).await;
            let (some, case) = (bad.len(), format!("{name} in {bad:?} of {all}: {answer:#?}"));
            let headline = if some == all {
                format!(
                    "{start} IPv4 only: IPv6 requests time out, and clients may try IPv6 first for names with both kinds of addresses."
                )
            } else {
                format!(
                    "{start} IPv4, and over IPv6 not from {some} of its {all} subnets: IPv6 requests time out there ({}), and clients may try IPv6 first for names with both kinds of addresses.",
                    names(&bad)
                )
            };
            assert_eq!(answer.headline, headline, "{case}");
            let ipv6 = by_id(&answer, "ipv6");
            assert_eq!(ipv6.status, Status::Fail, "{case}");
            for n in 0..all {
                let is_told = ipv6.evidence.iter().any(|text| text.contains(&private(n)));
                assert!(is_told || !bad.contains(&n), "{case}");
            }
            assert_eq!(by_id(&answer, "subnets-agree").status, Status::Pass, "{case}");
            // And IPv4 in the same subnets.
            for n in &bad {
                table(&mut value, &format!("rtb-{n}"))["Routes"][0] =
                    json!({"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-gone", "State": "blackhole"});
            }
            let headline = asked(&value, &wish()).await.headline;
            let share = format!(" from {some} of its {all} subnets");
            let expected = if some == all {
                "function f does not reach the internet on port 443.".to_owned()
            } else {
                format!("function f does not reach the internet on port 443 over IPv4{share}, nor over IPv6{share}.")
            };
            assert_eq!(headline, expected, "{case}");
        }
    }
    for (all, bad) in places() {
        let mut value = account(all, true);
        for n in &bad {
            lead(
                &mut value,
                *n,
                &json!({"NatGatewayId": "nat-gone", "State": "blackhole"}),
            );
        }
        let headline = asked(&value, &wish()).await.headline;
        let some = bad.len();
        let expected = if some == all {
            format!("{start} IPv6 only: requests to hosts that have only IPv4 addresses time out.")
        } else {
            format!(
                "{start} IPv6, and over IPv4 not from {some} of its {all} subnets: requests to hosts that have only IPv4 addresses time out there ({}).",
                names(&bad)
            )
        };
        assert_eq!(headline, expected, "{bad:?} of {all}");
    }
    // The global unicast range is all of the internet.
    let mut value = account(2, true);
    table(&mut value, "rtb-1")["Routes"][1] =
        json!({"DestinationIpv6CidrBlock": "2000::/3", "EgressOnlyInternetGatewayId": "eigw-1"});
    let answer = asked(&value, &wish()).await;
    assert_eq!(answer.verdict, Status::Pass, "{answer:#?}");
}

/// What leads a NAT gateway's subnet to something that is there is never taken out, and no other NAT gateway is built for it.
#[tokio::test(start_paused = true)]
async fn what_a_nat_gateway_leads_on_to_is_left_as_it_is() {
    let exits = [
        (json!({"GatewayId": "vpce-fw"}), Status::Unknown),
        (json!({"NetworkInterfaceId": "eni-0"}), Status::Unknown),
        (json!({"TransitGatewayId": "tgw-1"}), Status::Unknown),
        (json!({"GatewayId": "vgw-1"}), Status::Unknown),
        (json!({"NatGatewayId": "nat-1"}), Status::Unknown),
        (json!({"GatewayId": "igw-1", "State": "other"}), Status::Unknown),
        (json!({"VpcPeeringConnectionId": "pcx-1"}), Status::Fail),
        (json!({"NatGatewayId": "nat-0"}), Status::Fail),
        (json!({"GatewayId": "igw-1", "State": "blackhole"}), Status::Fail),
        (json!({"GatewayId": "igw-of-another"}), Status::Fail),
    ];
    for (target, status) in exits {
        let is_ours = |ours: bool| {
            let mut value = account(2, false);
            let mut route = json!({"DestinationCidrBlock": "0.0.0.0/0"});
            route
                .as_object_mut()
                .unwrap()
                .extend(target.as_object().unwrap().clone());
            table(&mut value, "rtb-p0")["Routes"] = json!([route]);
            if ours {
                let tags = json!([{"Key": "autoconnect:managed", "Value": "true"},
                    {"Key": "autoconnect:connection", "Value": "internet/vpc-1"}]);
                entry(&mut value, "Subnets", "SubnetId", "subnet-p0")["Tags"] = tags.clone();
                table(&mut value, "rtb-p0")["Tags"] = tags;
            }
            value
        };
        let answer = asked(&is_ours(false), &wish()).await;
        let nat = by_id(&answer, "nat-gateways");
        assert_eq!((nat.status, answer.verdict), (status, status), "{target}: {answer:#?}");
        assert!(nat.remedy.is_none() || status == Status::Fail, "{target}: {nat:#?}");
        let leads_on = status == Status::Unknown || target.get("VpcPeeringConnectionId").is_some();
        if leads_on {
            let text = format!("{answer:?}");
            assert!(!text.contains("replace-route"), "{target}: {text}");
        }
        for ours in [false, true] {
            let planned = planned(&is_ours(ours), &wish()).await;
            if leads_on || !ours {
                assert!(planned.is_err(), "{target}, ours: {ours}: {planned:?}");
            }
        }
    }
}

/// The status of a service, and of `default-route` where the internet is asked for.
async fn of_service(value: &Value, service: &str) -> Status {
    let wish = Wish {
        services: vec![service.into()],
        ..wish()
    };
    asked(value, &wish).await.verdict
}

fn endpoint(service: &str, kind: &str, settings: &Value) -> Value {
    let mut found = json!({"VpcEndpointId": format!("vpce-{service}"), "VpcEndpointType": kind, "VpcId": VPC,
        "ServiceName": format!("com.amazonaws.eu-central-1.{service}")});
    found
        .as_object_mut()
        .unwrap()
        .extend(settings.as_object().unwrap().clone());
    found
}

/// A service with one endpoint for all Regions is in no Region's list of services.
#[tokio::test(start_paused = true)]
async fn a_global_service_needs_no_name_in_the_region() {
    for listed in [None, Some(json!([{"ServiceName": "com.amazonaws.eu-central-1.sqs"}]))] {
        let mut value = account(2, false);
        if let Some(listed) = &listed {
            value["VpcEndpointServices"] = listed.clone();
        }
        assert_eq!(of_service(&value, "iam").await, Status::Pass, "{listed:?}");
        table(&mut value, "rtb-1")["Routes"] = json!([]);
        assert_eq!(of_service(&value, "iam").await, Status::Fail, "{listed:?}");
    }
}

/// Where DNS host names are off, it is not documented where the name of a service with private DNS leads.
#[tokio::test(start_paused = true)]
async fn private_dns_without_host_names() {
    let ways = [
        (json!({"NatGatewayId": "nat-1"}), Status::Unknown),
        (json!({"TransitGatewayId": "tgw-1"}), Status::Unknown),
        (json!({"VpcPeeringConnectionId": "pcx-1"}), Status::Fail),
    ];
    for (target, expected) in ways {
        let mut value = account(2, false);
        lead(&mut value, 1, &target);
        let settings = json!({"SubnetIds": ["subnet-0", "subnet-1"], "Groups": [{"GroupId": "sg-open"}], "PrivateDnsEnabled": true});
        value["VpcEndpoints"] = json!([endpoint("sqs", "Interface", &settings)]);
        assert_eq!(of_service(&value, "sqs").await, Status::Pass, "{target}");
        value["Vpcs"][0]["EnableDnsHostnames"] = json!(false);
        assert_eq!(of_service(&value, "sqs").await, expected, "{target}");
    }
}

/// A route to the prefix list of a gateway endpoint that is gone takes the requests to its service, NAT gateway or not.
#[tokio::test(start_paused = true)]
async fn a_gateway_endpoint_that_is_gone() {
    let gone = json!({"DestinationPrefixListId": "pl-1", "GatewayId": "vpce-gone", "State": "blackhole"});
    // Which endpoint the other subnet's route to the same list leads to.
    for (other, s3, dynamodb) in [
        (None, Status::Unknown, Status::Unknown),
        (Some("s3"), Status::Fail, Status::Pass),
        (Some("dynamodb"), Status::Pass, Status::Fail),
    ] {
        let mut value = account(2, false);
        let push = |value: &mut Value, id: &str, route: Value| {
            table(value, id)["Routes"].as_array_mut().unwrap().push(route);
        };
        push(&mut value, "rtb-1", gone.clone());
        if let Some(service) = other {
            let id = format!("vpce-{service}");
            push(
                &mut value,
                "rtb-0",
                json!({"DestinationPrefixListId": "pl-1", "GatewayId": id}),
            );
            value["VpcEndpoints"] = json!([endpoint(service, "Gateway", &json!({"RouteTableIds": ["rtb-0"]}))]);
        }
        value["PrefixLists"] = json!([{"PrefixListId": "pl-1", "Entries": [{"Cidr": "52.218.0.0/17"}]}]);
        assert_eq!(of_service(&value, "s3").await, s3, "{other:?}");
        assert_eq!(of_service(&value, "dynamodb").await, dynamodb, "{other:?}");
        assert_eq!(of_service(&value, "sqs").await, Status::Pass, "{other:?}");
        let answer = asked(&value, &wish()).await;
        let route = by_id(&answer, "default-route");
        assert_eq!(route.status, Status::Warn, "{other:?}");
        assert!(route.message.contains("requests to pl-1 time out"), "{route:#?}");
    }
}

/// The longest prefix counts beside a working gateway endpoint, too; at equal length the route that is not for a prefix list.
#[tokio::test(start_paused = true)]
async fn what_leads_past_a_gateway_endpoint() {
    let own = json!({"DestinationPrefixListId": "pl-1", "GatewayId": "vpce-s3"});
    let with = |range: &str, target: &str, id: &str| json!({"DestinationCidrBlock": range, target: id});
    let gone = |mut route: Value| {
        route["State"] = json!("blackhole");
        route
    };
    let rows = [
        ("nothing", own.clone(), None, Status::Pass),
        ("its own route is gone", gone(own.clone()), None, Status::Fail),
        (
            "a part to what is gone",
            own.clone(),
            Some(gone(with("52.219.1.0/24", "VpcPeeringConnectionId", "pcx-1"))),
            Status::Fail,
        ),
        (
            "all of it to what is gone",
            own.clone(),
            Some(gone(with("52.219.0.0/16", "VpcPeeringConnectionId", "pcx-1"))),
            Status::Fail,
        ),
        (
            "a shorter prefix to what is gone",
            own.clone(),
            Some(gone(with("52.0.0.0/8", "VpcPeeringConnectionId", "pcx-1"))),
            Status::Pass,
        ),
        (
            "a part to a peered VPC",
            own.clone(),
            Some(with("52.219.1.0/24", "VpcPeeringConnectionId", "pcx-1")),
            Status::Fail,
        ),
        (
            "a part to an internet gateway",
            own.clone(),
            Some(with("52.219.1.0/24", "GatewayId", "igw-1")),
            Status::Fail,
        ),
        (
            "a part to a NAT gateway",
            own.clone(),
            Some(with("52.219.1.0/24", "NatGatewayId", "nat-0")),
            Status::Pass,
        ),
        (
            "a part to a transit gateway",
            own,
            Some(with("52.219.1.0/24", "TransitGatewayId", "tgw-1")),
            Status::Unknown,
        ),
    ];
    for (name, to_endpoint, beside, expected) in rows {
        let mut value = account(2, false);
        value["PrefixLists"] = json!([{"PrefixListId": "pl-1", "Entries": [{"Cidr": "52.219.0.0/16"}]}]);
        value["VpcEndpoints"] = json!([endpoint("s3", "Gateway", &json!({"RouteTableIds": ["rtb-0", "rtb-1"]}))]);
        for id in ["rtb-0", "rtb-1"] {
            let routes = table(&mut value, id)["Routes"].as_array_mut().unwrap();
            routes.push(to_endpoint.clone());
            routes.extend(beside.clone());
        }
        assert_eq!(of_service(&value, "s3").await, expected, "{name}");
    }
}
