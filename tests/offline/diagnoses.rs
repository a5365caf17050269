//! `diagnose`: one change of a network that works, and the answer of the check that it is about.

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::diagnostics::Status;
use autoconnect::diagnostics::connection::{Diagnosis, diagnose};
use autoconnect::observe::{ObserveError, ProxyWish, Target, scene};
use serde_json::{Value, json};

use crate::denied::assert_nothing_is_taken_for_empty;
use crate::support::{cluster, instance};

/// The example in which checkout reaches orders in its own VPC, and ledger-sync reaches ledger across a peering
/// connection.
pub fn works() -> Value {
    let mut value: Value = serde_json::from_str(include_str!("../../docs/examples/network.json")).unwrap();
    value["RouteTables"][2]["Routes"] =
        json!([{"DestinationCidrBlock": "10.0.0.0/16", "VpcPeeringConnectionId": "pcx-0a0d"}]);
    value["SecurityGroups"][3]["IpPermissions"][0]["IpRanges"] = json!([{"CidrIp": "10.0.0.0/16"}]);
    value["VpcPeeringConnections"][0]["AccepterVpcInfo"]["PeeringOptions"]["AllowDnsResolutionFromRemoteVpc"] =
        json!(true);
    value
}

/// The example in which legacy, in no VPC, reaches ledger over the internet.
pub fn public() -> Value {
    let mut value = works();
    value["DBInstances"][1]["PubliclyAccessible"] = json!(true);
    value["SecurityGroups"][3]["IpPermissions"][0]["IpRanges"] = json!([{"CidrIp": "0.0.0.0/0"}]);
    value["InternetGateways"].as_array_mut().unwrap().push(json!(
        {"InternetGatewayId": "igw-0d01", "Attachments": [{"VpcId": "vpc-0d01"}]}
    ));
    value["RouteTables"][2]["Routes"] = json!([{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-0d01"}]);
    value
}

async fn asked(value: &Value, target: &Target) -> Result<Diagnosis, ObserveError> {
    let document: AccountDocument = serde_json::from_value(value.clone()).unwrap();
    let account = OfflineAccount::in_memory(document).unwrap();
    let with_less = assert_nothing_is_taken_for_empty(&account, async |cloud| {
        Some(diagnose(&scene(cloud, target).await.ok()?).checks)
    });
    Box::pin(with_less).await;
    Ok(diagnose(&Box::pin(scene(&account, target)).await?))
}

type Change = fn(&mut Value);

struct Case {
    what: &'static str,
    change: Change,
    status: Status,
    says: &'static str,
}

const fn case(what: &'static str, change: Change, status: Status, says: &'static str) -> Case {
    Case {
        what,
        change,
        status,
        says,
    }
}

/// Asks about each case, and holds the check's status, the diagnosis' verdict and a part of what it says against the table.
async fn hold(base: Value, target: &Target, id: &str, cases: &[Case]) {
    for Case {
        what,
        change,
        status,
        says,
    } in cases
    {
        let mut value = base.clone();
        change(&mut value);
        let answer = asked(&value, target).await.unwrap();
        let check = answer.checks.iter().find(|check| check.id == id);
        let check = check.unwrap_or_else(|| panic!("{what}: no check {id}: {answer:#?}"));
        assert_eq!(check.status, *status, "{what}: {check:#?}");
        assert_eq!(answer.verdict, *status, "{what}: {answer:#?}");
        let text = serde_json::to_string(check).unwrap();
        assert!(text.contains(says), "{what}: {text}");
    }
}

fn resolver(value: &mut Value, servers: &[&str]) {
    let values: Vec<Value> = servers.iter().map(|server| json!({"Value": server})).collect();
    value["Vpcs"][0]["DhcpOptionsId"] = json!("dopt-1");
    value["DhcpOptions"] = json!([{
        "DhcpOptionsId": "dopt-1",
        "DhcpConfigurations": [
            {"Key": "domain-name", "Values": [{"Value": "corp.example"}]},
            {"Key": "domain-name-servers", "Values": values},
        ],
    }]);
}

#[tokio::test(start_paused = true)]
async fn names_within_a_vpc() {
    let cases = [
        case("nothing told", |_| {}, Status::Pass, "DNS support is on"),
        case(
            "host names off",
            |value| value["Vpcs"][0]["EnableDnsHostnames"] = json!(false),
            Status::Pass,
            "has only a private address",
        ),
        case(
            "host names off, told to be private",
            |value| {
                value["Vpcs"][0]["EnableDnsHostnames"] = json!(false);
                value["DBInstances"][0]["PubliclyAccessible"] = json!(false);
            },
            Status::Pass,
            "has only a private address",
        ),
        case(
            "host names off, and public",
            |value| {
                value["Vpcs"][0]["EnableDnsHostnames"] = json!(false);
                value["DBInstances"][0]["PubliclyAccessible"] = json!(true);
            },
            Status::Fail,
            "resolves to its public address",
        ),
        case(
            "host names off, and a public Multi-AZ cluster",
            |value| {
                value["Vpcs"][0]["EnableDnsHostnames"] = json!(false);
                value["DBClusters"][0]["PubliclyAccessible"] = json!(true);
            },
            Status::Fail,
            "--enable-dns-hostnames",
        ),
        case(
            "support off",
            |value| value["Vpcs"][0]["EnableDnsSupport"] = json!(false),
            Status::Fail,
            "--enable-dns-support",
        ),
        case(
            "support off, and custom servers",
            |value| {
                value["Vpcs"][0]["EnableDnsSupport"] = json!(false);
                resolver(value, &["10.0.0.53", "10.0.1.53"]);
            },
            Status::Unknown,
            "10.0.0.53, 10.0.1.53",
        ),
        case(
            "custom DNS servers",
            |value| resolver(value, &["10.0.0.53"]),
            Status::Unknown,
            "dopt-1",
        ),
        case(
            "options that name the VPC's own resolver",
            |value| resolver(value, &["AmazonProvidedDNS"]),
            Status::Pass,
            "DNS support is on",
        ),
        case(
            "options that cannot be seen",
            |value| value["Vpcs"][0]["DhcpOptionsId"] = json!("dopt-9"),
            Status::Unknown,
            "dopt-9",
        ),
        case(
            "the database's VPC, which is not asked, is another one",
            |value| value["Vpcs"][1]["EnableDnsSupport"] = json!(false),
            Status::Pass,
            "DNS support is on",
        ),
    ];
    hold(works(), &cluster("orders", "checkout"), "dns", &cases).await;
}

#[tokio::test(start_paused = true)]
async fn names_across_a_peering_connection() {
    fn option(value: &mut Value, side: &str, is_on: bool) {
        value["VpcPeeringConnections"][0][side]["PeeringOptions"]["AllowDnsResolutionFromRemoteVpc"] = json!(is_on);
    }
    let cases = [
        case("both on", |_| {}, Status::Pass, "in both directions"),
        case(
            "the database's side off",
            |value| option(value, "AccepterVpcInfo", false),
            Status::Warn,
            "still resolves to its private address",
        ),
        case(
            "the function's side off",
            |value| option(value, "RequesterVpcInfo", false),
            Status::Warn,
            "requester",
        ),
        case(
            "host names off at both ends",
            |value| {
                value["Vpcs"][0]["EnableDnsHostnames"] = json!(false);
                value["Vpcs"][1]["EnableDnsHostnames"] = json!(false);
            },
            Status::Pass,
            "has only a private address",
        ),
        case(
            "public, and the database's side off",
            |value| {
                value["DBInstances"][1]["PubliclyAccessible"] = json!(true);
                option(value, "AccepterVpcInfo", false);
            },
            Status::Fail,
            "resolves to its public address",
        ),
        case(
            "public, and host names of the database's VPC off",
            |value| {
                value["DBInstances"][1]["PubliclyAccessible"] = json!(true);
                value["Vpcs"][1]["EnableDnsHostnames"] = json!(false);
            },
            Status::Fail,
            "vpc-0d01",
        ),
    ];
    hold(works(), &instance("ledger", "ledger-sync"), "dns", &cases).await;
}

#[tokio::test(start_paused = true)]
async fn a_public_database_within_the_vpc_is_reported() {
    let mut value = works();
    value["DBInstances"][0]["PubliclyAccessible"] = json!(true);
    let answer = asked(&value, &cluster("orders", "checkout")).await.unwrap();
    let check = &answer.checks[0];
    assert_eq!(
        (check.id.as_str(), check.status),
        ("attached", Status::Warn),
        "{check:#?}"
    );
    let remedy = check.remedy.as_deref().unwrap();
    assert!(
        remedy.contains("--db-instance-identifier orders-1 --no-publicly-accessible"),
        "{remedy}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_function_in_no_vpc() {
    let cases = [
        case("public and open", |_| {}, Status::Warn, "over the internet"),
        case(
            "private",
            |value| value["DBInstances"][1]["PubliclyAccessible"] = json!(false),
            Status::Fail,
            "only from inside the VPC\"",
        ),
        case(
            "not told whether it is public",
            |value| {
                value["DBInstances"][1]
                    .as_object_mut()
                    .unwrap()
                    .remove("PubliclyAccessible");
            },
            Status::Fail,
            "unless it is publicly accessible, which could not be read",
        ),
        case(
            "public, and no rule for the internet",
            |value| value["SecurityGroups"][3]["IpPermissions"] = json!([]),
            Status::Fail,
            "lets tcp 3306 in from the internet",
        ),
        case(
            "public, and a rule for a part of the internet",
            |value| {
                value["SecurityGroups"][3]["IpPermissions"][0]["IpRanges"] = json!([{"CidrIp": "198.51.100.0/24"}]);
            },
            Status::Unknown,
            "198.51.100.0/24",
        ),
        case(
            "public, and rules that add up to the internet",
            |value| {
                value["SecurityGroups"][3]["IpPermissions"][0]["IpRanges"] =
                    json!([{"CidrIp": "0.0.0.0/1"}, {"CidrIp": "128.0.0.0/1"}]);
            },
            Status::Warn,
            "over the internet",
        ),
        case(
            "public, and a rule for UDP",
            |value| value["SecurityGroups"][3]["IpPermissions"][0]["IpProtocol"] = json!("udp"),
            Status::Fail,
            "lets tcp 3306 in from the internet",
        ),
        case(
            "public, and no internet gateway",
            |value| value["RouteTables"][2]["Routes"] = json!([]),
            Status::Fail,
            "no route to an internet gateway",
        ),
        case(
            "public, and an ACL that denies the port",
            |value| {
                let allow = |egress| {
                    json!({"RuleNumber": 100, "Protocol": "6", "RuleAction": "allow", "Egress": egress,
                    "CidrBlock": "0.0.0.0/0", "PortRange": {"From": 5432, "To": 5432}})
                };
                value["NetworkAcls"].as_array_mut().unwrap().push(json!(
                    {"NetworkAclId": "acl-0d", "VpcId": "vpc-0d01", "IsDefault": true, "Entries": [allow(false), allow(true)]}
                ));
            },
            Status::Fail,
            "acl-0d",
        ),
    ];
    hold(public(), &instance("ledger", "legacy"), "attached", &cases).await;
    let answer = asked(&public(), &instance("ledger", "legacy")).await.unwrap();
    assert!(
        answer.headline.contains("over the internet only"),
        "{}",
        answer.headline
    );
}

#[tokio::test(start_paused = true)]
async fn a_proxy_is_never_public() {
    let mut value = works();
    value["DBInstances"][0]["PubliclyAccessible"] = json!(true);
    let target = Target {
        proxy: ProxyWish::Existing("orders-proxy".to_owned()),
        ..cluster("orders", "legacy")
    };
    let answer = asked(&value, &target).await.unwrap();
    let attached = &answer.checks[0];
    assert_eq!(attached.status, Status::Fail);
    assert!(
        attached
            .message
            .contains("proxy orders-proxy can be reached only from inside"),
        "{attached:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_group_of_another_vpc_is_named() {
    fn naming(value: &mut Value) {
        value["SecurityGroups"][3]["IpPermissions"][0] = json!({"IpProtocol": "tcp", "FromPort": 3306, "ToPort": 3306,
            "UserIdGroupPairs": [{"GroupId": "sg-0a01"}]});
    }
    fn through_transit_gateway(value: &mut Value) {
        value["RouteTables"][0]["Routes"][0] =
            json!({"DestinationCidrBlock": "10.1.0.0/16", "TransitGatewayId": "tgw-1"});
        value["RouteTables"][2]["Routes"][0] =
            json!({"DestinationCidrBlock": "10.0.0.0/16", "TransitGatewayId": "tgw-1"});
        value["VpcPeeringConnections"] = json!([]);
    }
    let cases = [
        case("across a peering connection", naming, Status::Pass, "sg-0d01"),
        case(
            "across a transit gateway",
            |value| {
                naming(value);
                through_transit_gateway(value);
            },
            Status::Unknown,
            "tgw-1",
        ),
    ];
    hold(works(), &instance("ledger", "ledger-sync"), "security-groups", &cases).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_known_is_never_good() {
    let target = instance("ledger", "ledger-sync");
    let routes = [
        case(
            "an active route",
            |value| value["RouteTables"][0]["Routes"][0]["State"] = json!("active"),
            Status::Pass,
            "pcx-0a0d",
        ),
        case(
            "a route in a state that is not known",
            |value| value["RouteTables"][0]["Routes"][0]["State"] = json!("filtered"),
            Status::Unknown,
            "filtered",
        ),
        case(
            "a route of an origin that is not known",
            |value| value["RouteTables"][0]["Routes"][0]["Origin"] = json!("Advertisement"),
            Status::Unknown,
            "Advertisement",
        ),
        case(
            "a further range that is not associated any more",
            |value| {
                value["Vpcs"][1]["CidrBlockAssociationSet"] =
                    json!([{"CidrBlock": "10.0.0.0/20", "CidrBlockState": {"State": "disassociated"}}]);
            },
            Status::Pass,
            "pcx-0a0d",
        ),
        case(
            "a further range that is associated, and overlaps",
            |value| {
                value["Vpcs"][1]["CidrBlockAssociationSet"] =
                    json!([{"CidrBlock": "10.0.0.0/20", "CidrBlockState": {"State": "associated"}}]);
            },
            Status::Fail,
            "overlap",
        ),
        case(
            "a further range in a state that is not known",
            |value| {
                value["Vpcs"][1]["CidrBlockAssociationSet"] =
                    json!([{"CidrBlock": "10.9.0.0/20", "CidrBlockState": {"State": "quarantined"}}]);
            },
            Status::Unknown,
            "quarantined",
        ),
    ];
    hold(works(), &target, "routes", &routes).await;
    let states = [
        case(
            "active",
            |value| value["Functions"][2]["State"] = json!("Active"),
            Status::Pass,
            "",
        ),
        case(
            "failed",
            |value| value["Functions"][2]["State"] = json!("Failed"),
            Status::Fail,
            "Failed",
        ),
        case(
            "deactivated",
            |value| value["Functions"][2]["State"] = json!("Deactivated"),
            Status::Fail,
            "Deactivated",
        ),
        case(
            "not known",
            |value| value["Functions"][2]["State"] = json!("Hibernating"),
            Status::Unknown,
            "Hibernating",
        ),
        case(
            "an update that is not known",
            |value| value["Functions"][2]["LastUpdateStatus"] = json!("Pondering"),
            Status::Unknown,
            "Pondering",
        ),
    ];
    hold(works(), &target, "state", &states).await;
}

#[tokio::test(start_paused = true)]
async fn clusters_of_another_form_are_reported() {
    let mut value = works();
    value["DBClusters"][0]["ClusterScalabilityType"] = json!("limitless");
    value["DBInstances"].as_array_mut().unwrap().remove(0);
    let answer = asked(&value, &cluster("orders", "checkout")).await.unwrap();
    let state = answer.checks.iter().find(|check| check.id == "state").unwrap();
    assert_eq!(state.status, Status::Unknown, "{state:#?}");
    assert!(state.message.contains("Limitless"), "{state:#?}");

    let mut value = works();
    value["DBClusters"][0]["VpcNetworkingEnabled"] = json!(false);
    for key in ["DBSubnetGroup", "VpcSecurityGroups"] {
        value["DBClusters"][0].as_object_mut().unwrap().remove(key);
    }
    value["DBInstances"][0].as_object_mut().unwrap().remove("DBSubnetGroup");
    value["DBProxies"] = json!([]);
    let error = asked(&value, &cluster("orders", "checkout")).await.unwrap_err();
    assert_eq!(error.code(), "express-configuration", "{error}");
}

/// Which route a private subnet's answers take decides whether the internet reaches what is in it.
#[tokio::test(start_paused = true)]
async fn a_public_database_is_reached_where_answers_lead_to_the_internet() {
    use Status::{Fail, Unknown, Warn};
    let to = |range: &str, gateway: &str| json!({"DestinationCidrBlock": range, "GatewayId": gateway});
    let nat = json!({"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-0d01"});
    let v6 = json!({"DestinationIpv6CidrBlock": "::/0", "GatewayId": "igw-0d01"});
    let gone = json!({"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-0d01", "State": "blackhole"});
    let doubtful = json!({"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-0d01", "State": "pondering"});
    let peered = json!({"DestinationCidrBlock": "203.0.113.0/24", "VpcPeeringConnectionId": "pcx-0a0d"});
    let service = json!({"DestinationPrefixListId": "pl-0d01", "GatewayId": "vpce-0d01"});
    let all = to("0.0.0.0/0", "igw-0d01");
    let halves = [to("0.0.0.0/1", "igw-0d01"), to("128.0.0.0/1", "igw-0d01")];
    let attached = json!([{"InternetGatewayId": "igw-0d01", "Attachments": [{"VpcId": "vpc-0d01"}]}]);
    let elsewhere = json!([{"InternetGatewayId": "igw-0d01", "Attachments": [{"VpcId": "vpc-0a01"}]}]);
    let rows = [
        (json!([all]), &attached, Warn, "open to everyone"),
        (json!(halves), &attached, Warn, "open to everyone"),
        // What is led elsewhere is of others than Lambda.
        (json!([all, peered]), &attached, Warn, "open to everyone"),
        (json!([all, service]), &attached, Warn, "open to everyone"),
        (json!([nat]), &attached, Fail, "no route to an internet gateway"),
        (json!([v6]), &attached, Fail, "no route to an internet gateway"),
        (json!([gone]), &attached, Fail, "which is gone"),
        (json!([to("8.8.8.8/32", "igw-0d01")]), &attached, Unknown, "only a part"),
        (
            json!([nat, to("8.8.8.8/32", "igw-0d01")]),
            &attached,
            Unknown,
            "only a part",
        ),
        (json!([nat, halves[0]]), &attached, Unknown, "only a part"),
        (json!([doubtful]), &attached, Unknown, "pondering"),
        (json!([all]), &json!([]), Fail, "not attached to vpc-0d01"),
        (json!([all]), &elsewhere, Fail, "not attached to vpc-0d01"),
    ];
    for (routes, gateways, expected, says) in rows {
        let mut value = public();
        value["InternetGateways"] = gateways.clone();
        value["NatGateways"] = json!([{"NatGatewayId": "nat-0d01", "VpcId": "vpc-0d01", "SubnetId": "subnet-0d01a"}]);
        value["PrefixLists"] = json!([{"PrefixListId": "pl-0d01", "Entries": [{"Cidr": "198.51.100.0/24"}]}]);
        value["RouteTables"][2]["Routes"] = routes.clone();
        let answer = asked(&value, &instance("ledger", "legacy")).await.unwrap();
        let check = answer.checks.iter().find(|check| check.id == "attached").unwrap();
        assert_eq!(check.status, expected, "{routes} {gateways}: {check:#?}");
        assert!(check.message.contains(says), "{routes} {gateways}: {check:#?}");
    }
}
