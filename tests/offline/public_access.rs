//! VPC Block Public Access: what it stops, what is excluded from it, and what is not known of it.

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::*;
use autoconnect::diagnostics::connection::diagnose;
use autoconnect::diagnostics::{Check, Status};
use autoconnect::internet::{Answer, check};
use autoconnect::model::DatabaseKind;
use autoconnect::observe::{Target, building_site, scene, way_out};
use serde_json::{Value, json};

use crate::denied::Denied;
use crate::internet::{base, setup, wish};
use crate::internet_checks::answer;
use crate::interposed::Interposed;

const VPC: &str = "vpc-0a1b";

/// How the function's subnets, subnet-a and subnet-b, get out.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// A NAT gateway in subnet-c, a public subnet.
    Nat,
    /// A regional NAT gateway.
    Regional,
    /// A NAT instance in subnet-c.
    Instance,
}

fn account_with(way: Way) -> Value {
    let mut value = base();
    value["InternetGateways"] = json!([{"InternetGatewayId": "igw-1", "Attachments": [{"VpcId": VPC}]}]);
    let out = match way {
        Way::Nat => {
            value["NatGateways"] = json!([{"NatGatewayId": "nat-1", "VpcId": VPC, "SubnetId": "subnet-c"}]);
            json!({"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1"})
        }
        Way::Regional => {
            value["NatGateways"] = json!([{"NatGatewayId": "nat-1", "VpcId": VPC, "AvailabilityMode": "regional"}]);
            json!({"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1"})
        }
        Way::Instance => {
            value["NetworkInterfaces"] = json!([{"NetworkInterfaceId": "eni-1", "VpcId": VPC, "SubnetId": "subnet-c",
                "SourceDestCheck": false, "PublicIp": "203.0.113.7", "Groups": [{"GroupId": "sg-nat"}]}]);
            value["SecurityGroups"].as_array_mut().unwrap().push(
                json!({"GroupId": "sg-nat", "GroupName": "nat", "VpcId": VPC,
                "IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}],
                "IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}),
            );
            json!({"DestinationCidrBlock": "0.0.0.0/0", "NetworkInterfaceId": "eni-1"})
        }
    };
    value["RouteTables"] = json!([
        {"RouteTableId": "rtb-main", "VpcId": VPC, "Associations": [{"Main": true}], "Routes": [out]},
        {"RouteTableId": "rtb-c", "VpcId": VPC, "Associations": [{"SubnetId": "subnet-c"}],
         "Routes": [{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}]}
    ]);
    value["VpcEndpoints"] = json!([]);
    value
}

fn options(value: &mut Value, options: Value) {
    value["VpcBlockPublicAccessOptions"] = options;
}

fn exclusion(resource: &str, mode: &str, state: &str) -> Value {
    json!({"ExclusionId": "vpcbpa-exclude-1", "ResourceArn": format!("arn:aws:ec2:eu-central-1:123456789012:{resource}"),
           "InternetGatewayExclusionMode": mode, "State": state})
}

fn offline(value: &Value) -> OfflineAccount {
    let document: AccountDocument = serde_json::from_value(value.clone()).unwrap();
    OfflineAccount::in_memory(document).unwrap()
}

async fn asked(value: &Value) -> Answer {
    answer(&offline(value), &wish()).await.unwrap()
}

fn found<'a>(checks: &'a [Check], id: &str) -> &'a Check {
    checks.iter().find(|check| check.id == id).unwrap()
}

const ALLOWED: &str = "allowed";

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table, one row a case")]
async fn modes_and_exclusions_decide() {
    use Status::{Fail, Pass, Unknown};
    type Row = (
        Way,
        &'static str,
        Option<(&'static str, &'static str, &'static str)>,
        Status,
    );
    let of_nat = "subnet/subnet-c";
    let of_function = "subnet/subnet-a";
    let vpc = "vpc/vpc-0a1b";
    let (both, egress, done) = ("allow-bidirectional", "allow-egress", "create-complete");
    let rows: [Row; 34] = [
        (Way::Nat, "off", None, Pass),
        (Way::Nat, "block-ingress", None, Pass),
        (Way::Nat, "block-bidirectional", None, Fail),
        (Way::Nat, "block-everything", None, Unknown),
        (Way::Nat, "block-bidirectional", Some((of_nat, egress, done)), Pass),
        (Way::Nat, "block-bidirectional", Some((of_nat, both, done)), Pass),
        (Way::Nat, "block-bidirectional", Some((vpc, egress, done)), Pass),
        (
            Way::Nat,
            "block-bidirectional",
            Some((vpc, both, "update-complete")),
            Pass,
        ),
        // What leaves by the internet gateway is the NAT gateway's.
        (Way::Nat, "block-bidirectional", Some((of_function, both, done)), Fail),
        (Way::Nat, "block-bidirectional", Some(("vpc/vpc-0a1", both, done)), Fail),
        (
            Way::Nat,
            "block-bidirectional",
            Some((of_nat, egress, "create-in-progress")),
            Unknown,
        ),
        (
            Way::Nat,
            "block-bidirectional",
            Some((of_nat, egress, "delete-in-progress")),
            Unknown,
        ),
        (
            Way::Nat,
            "block-bidirectional",
            Some((of_nat, egress, "create-failed")),
            Fail,
        ),
        (
            Way::Nat,
            "block-bidirectional",
            Some((of_nat, egress, "delete-complete")),
            Fail,
        ),
        (
            Way::Nat,
            "block-bidirectional",
            Some((of_nat, egress, "disable-complete")),
            Fail,
        ),
        (
            Way::Nat,
            "block-bidirectional",
            Some((of_nat, egress, "a-new-state")),
            Unknown,
        ),
        (
            Way::Nat,
            "block-bidirectional",
            Some((of_nat, "allow-some", done)),
            Unknown,
        ),
        (Way::Nat, "not-read", None, Unknown),
        (Way::Regional, "off", None, Pass),
        (Way::Regional, "block-ingress", None, Pass),
        (Way::Regional, "block-bidirectional", None, Fail),
        (Way::Regional, "block-bidirectional", Some((vpc, egress, done)), Pass),
        // It is in no subnet.
        (
            Way::Regional,
            "block-bidirectional",
            Some((of_function, both, done)),
            Unknown,
        ),
        (Way::Regional, "a-new-mode", None, Unknown),
        (Way::Instance, "off", None, Pass),
        // A NAT instance goes through the internet gateway itself.
        (Way::Instance, "block-ingress", None, Fail),
        (Way::Instance, "block-ingress", Some((of_nat, both, done)), Pass),
        (Way::Instance, "block-ingress", Some((of_nat, egress, done)), Fail),
        (Way::Instance, "block-ingress", Some((vpc, both, done)), Pass),
        (Way::Instance, "block-bidirectional", None, Fail),
        (Way::Instance, "block-bidirectional", Some((of_nat, both, done)), Pass),
        (
            Way::Instance,
            "block-bidirectional",
            Some((of_nat, egress, done)),
            Unknown,
        ),
        (
            Way::Instance,
            "block-bidirectional",
            Some((of_function, both, done)),
            Fail,
        ),
        (Way::Instance, "a-new-mode", None, Unknown),
    ];
    for (way, mode, excluded, expected) in rows {
        let mut value = account_with(way);
        options(
            &mut value,
            json!({"InternetGatewayBlockMode": mode, "State": "update-complete", "ExclusionsAllowed": ALLOWED}),
        );
        if let Some((resource, allows, state)) = excluded {
            value["VpcBlockPublicAccessExclusions"] = json!([exclusion(resource, allows, state)]);
        }
        let context = format!("{way:?}, {mode}, {excluded:?}");
        let answer = asked(&value).await;
        let judged = found(&answer.checks, "public-access");
        assert_eq!(judged.status, expected, "{context}: {judged:#?}");
        // Zones of the NAT gateway may differ.
        assert_eq!(
            answer.verdict.max(Status::Warn),
            expected.max(Status::Warn),
            "{context}: {answer:#?}"
        );
        assert!(!judged.evidence.is_empty(), "{context}");
        if expected != Pass {
            assert!(
                judged.message.contains("VPC Block Public Access"),
                "{context}: {judged:#?}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_not_reported_or_is_being_changed() {
    use Status::{Fail, Pass, Unknown};
    let blocked = |state: &str, allowed: &str| json!({"InternetGatewayBlockMode": "block-bidirectional", "State": state, "ExclusionsAllowed": allowed});
    let rows = [
        (Value::Null, Pass, "is off"),
        (json!({"InternetGatewayBlockMode": "off"}), Pass, "is off"),
        (
            json!({"InternetGatewayBlockMode": "off", "State": "update-in-progress"}),
            Unknown,
            "update-in-progress",
        ),
        (
            json!({"InternetGatewayBlockMode": "off", "State": "half-way"}),
            Unknown,
            "half-way",
        ),
        (blocked("update-in-progress", ALLOWED), Unknown, "update-in-progress"),
        (blocked("update-complete", ALLOWED), Pass, "vpcbpa-exclude-1"),
        (blocked("update-complete", "not-allowed"), Fail, "allows no exclusions"),
        (blocked("update-complete", "sometimes"), Unknown, "sometimes"),
    ];
    for (setting, expected, told) in rows {
        let mut value = account_with(Way::Nat);
        value["VpcBlockPublicAccessExclusions"] = json!([exclusion("vpc/vpc-0a1b", "allow-egress", "create-complete")]);
        if !setting.is_null() {
            options(&mut value, setting.clone());
        }
        let answer = asked(&value).await;
        let judged = found(&answer.checks, "public-access");
        assert_eq!(judged.status, expected, "{setting}: {judged:#?}");
        assert!(judged.evidence[0].contains(told), "{setting}: {judged:#?}");
    }
}

#[tokio::test]
async fn a_denied_read_is_unknown_and_names_the_permission() {
    let mut value = account_with(Way::Nat);
    options(&mut value, json!({"InternetGatewayBlockMode": "block-bidirectional"}));
    for operation in [
        Operation::DescribeVpcBlockPublicAccessOptions,
        Operation::DescribeVpcBlockPublicAccessExclusions,
    ] {
        let account = offline(&value);
        let cloud = Interposed {
            account: &account,
            hook: Denied(operation),
        };
        let answer = check(&way_out(&cloud, "f", &[]).await.unwrap(), &wish());
        let judged = found(&answer.checks, "public-access");
        assert_eq!(
            (judged.status, answer.verdict),
            (Status::Unknown, Status::Unknown),
            "{answer:#?}"
        );
        assert!(judged.message.contains(operation.iam_action()), "{judged:#?}");
    }
}

/// IPv6 leaves from the function's own subnets.
#[tokio::test]
async fn ipv6_has_an_answer_of_its_own() {
    use Status::{Fail, Pass, Unknown, Warn};
    let dual = |target: Value| {
        let mut value = account_with(Way::Nat);
        value["Vpcs"][0]["Ipv6CidrBlock"] = json!("2001:db8::/56");
        for (index, subnet) in ["2001:db8:0:1::/64", "2001:db8:0:2::/64"].iter().enumerate() {
            value["Subnets"][index]["Ipv6CidrBlockAssociationSet"] = json!([{"Ipv6CidrBlock": subnet}]);
        }
        value["Functions"][0]["VpcConfig"]["Ipv6AllowedForDualStack"] = json!(true);
        value["SecurityGroups"][0]["IpPermissionsEgress"] = json!([{"IpProtocol": "-1",
            "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]);
        value["EgressOnlyInternetGateways"] =
            json!([{"EgressOnlyInternetGatewayId": "eigw-1", "Attachments": [{"VpcId": VPC}]}]);
        let mut route = target;
        route["DestinationIpv6CidrBlock"] = json!("::/0");
        value["RouteTables"][0]["Routes"].as_array_mut().unwrap().push(route);
        value
    };
    let egress_only = json!({"EgressOnlyInternetGatewayId": "eigw-1"});
    let gateway = json!({"GatewayId": "igw-1"});
    let in_both = |mode: &str| {
        json!([
            exclusion("subnet/subnet-a", mode, "create-complete"),
            exclusion("subnet/subnet-b", mode, "create-complete")
        ])
    };
    let none = json!([]);
    let rows = [
        (&egress_only, "off", none.clone(), Pass),
        (&egress_only, "block-ingress", none.clone(), Pass),
        (&egress_only, "block-bidirectional", none.clone(), Fail),
        (&egress_only, "block-bidirectional", in_both("allow-egress"), Pass),
        (
            &egress_only,
            "block-bidirectional",
            in_both("allow-bidirectional"),
            Pass,
        ),
        (
            &egress_only,
            "block-bidirectional",
            json!([exclusion("subnet/subnet-a", "allow-egress", "create-complete")]),
            Fail,
        ),
        (
            &egress_only,
            "block-bidirectional",
            json!([exclusion("subnet/subnet-c", "allow-egress", "create-complete")]),
            Fail,
        ),
        (&egress_only, "a-new-mode", none.clone(), Unknown),
        (&gateway, "off", none.clone(), Warn),
        (&gateway, "block-ingress", none.clone(), Fail),
        (&gateway, "block-ingress", in_both("allow-bidirectional"), Warn),
        (&gateway, "block-bidirectional", none, Fail),
    ];
    for (target, mode, exclusions, expected) in rows {
        let mut value = dual(target.clone());
        options(&mut value, json!({"InternetGatewayBlockMode": mode}));
        value["VpcBlockPublicAccessExclusions"] = exclusions.clone();
        let answer = asked(&value).await;
        let judged = found(&answer.checks, "ipv6");
        assert_eq!(judged.status, expected, "{target} {mode} {exclusions}: {judged:#?}");
    }
    // IPv4 goes on through an excluded NAT gateway.
    let mut value = dual(egress_only);
    options(&mut value, json!({"InternetGatewayBlockMode": "block-bidirectional"}));
    value["VpcBlockPublicAccessExclusions"] = json!([exclusion("subnet/subnet-c", "allow-egress", "create-complete")]);
    let answer = asked(&value).await;
    assert!(answer.headline.contains("over IPv4 only"), "{}", answer.headline);
    value["VpcBlockPublicAccessExclusions"] = in_both("allow-egress");
    let answer = asked(&value).await;
    assert!(answer.headline.contains("over IPv6 only"), "{}", answer.headline);
}

/// Nothing that is charged for is built where it would lead nowhere.
#[tokio::test(start_paused = true)]
async fn setup_builds_no_nat_gateway_that_is_stopped() {
    let bare = |public: bool| {
        let mut value = base();
        if public {
            value["InternetGateways"] = json!([{"InternetGatewayId": "igw-1", "Attachments": [{"VpcId": VPC}]}]);
            value["RouteTables"].as_array_mut().unwrap().push(
                json!({"RouteTableId": "rtb-c", "VpcId": VPC, "Associations": [{"SubnetId": "subnet-c"}],
                "Routes": [{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}]}),
            );
        }
        value
    };
    let done = "create-complete";
    let of_nat = exclusion("subnet/subnet-c", "allow-egress", done);
    let of_vpc = exclusion("vpc/vpc-0a1b", "allow-bidirectional", done);
    // What there is, the mode, what is excluded, and the error; none where it is built.
    let rows = [
        (bare(false), "off", json!([]), None),
        (bare(false), "block-ingress", json!([]), None),
        (
            bare(false),
            "block-bidirectional",
            json!([]),
            Some("a new NAT gateway in eu-central-1a"),
        ),
        (bare(false), "block-bidirectional", json!([of_vpc]), None),
        (
            bare(true),
            "block-bidirectional",
            json!([]),
            Some("a new NAT gateway in eu-central-1a"),
        ),
        (
            account_with(Way::Nat),
            "block-bidirectional",
            json!([]),
            Some("NAT gateway nat-1"),
        ),
        (account_with(Way::Nat), "block-bidirectional", json!([of_nat]), None),
        (
            account_with(Way::Regional),
            "block-bidirectional",
            json!([]),
            Some("NAT gateway nat-1"),
        ),
        (
            account_with(Way::Instance),
            "block-ingress",
            json!([]),
            Some("network interface eni-1"),
        ),
        (
            account_with(Way::Instance),
            "block-bidirectional",
            json!([]),
            Some("network interface eni-1"),
        ),
    ];
    for (mut value, mode, exclusions, refused) in rows {
        options(&mut value, json!({"InternetGatewayBlockMode": mode}));
        value["VpcBlockPublicAccessExclusions"] = exclusions.clone();
        let account = offline(&value);
        let context = format!("{mode} {exclusions} {refused:?}");
        let ended = setup(&account, &wish()).await;
        match (ended, refused) {
            (Ok(_), None) => {
                let answer = check(&building_site(&account, "f", &[]).await.unwrap(), &wish());
                assert!(answer.verdict <= Status::Warn, "{context}: {answer:#?}");
            }
            (Err(failure), Some(what)) => {
                assert_eq!(account.calls().write, 0, "{context}");
                let text = failure.error.to_string();
                assert!(text.contains(what) && text.contains(mode), "{context}: {text}");
                assert_eq!(failure.error.code(), "public-access-blocked", "{context}");
            }
            (ended, _) => panic!("{context}: {ended:#?}"),
        }
    }
    // No command is recommended that would refuse.
    let mut value = bare(false);
    options(&mut value, json!({"InternetGatewayBlockMode": "block-bidirectional"}));
    let answer = asked(&value).await;
    let remedies: Vec<&str> = answer
        .checks
        .iter()
        .filter_map(|check| check.remedy.as_deref())
        .collect();
    assert!(
        !remedies.iter().any(|remedy| remedy.contains("internet setup")),
        "{remedies:#?}"
    );
    assert!(
        remedies
            .iter()
            .any(|remedy| remedy.contains("create-vpc-block-public-access-exclusion")),
        "{remedies:#?}"
    );
}

/// With an unknown setting it is built as before, and noted.
#[tokio::test(start_paused = true)]
async fn setup_notes_what_it_does_not_know() {
    let mut value = base();
    options(&mut value, json!({"InternetGatewayBlockMode": "not-read"}));
    let run = setup(&offline(&value), &wish()).await.unwrap();
    let notes = run.draft.notes.join("\n");
    assert!(notes.contains("VPC Block Public Access"), "{notes}");
}

/// A NAT gateway whose state, mode or connectivity this version does not know is not judged.
#[tokio::test]
async fn nat_gateways_that_are_not_known() {
    type Change = fn(&mut Value);
    let rows: [(&str, Change, Status, &str); 8] = [
        ("available", |nat| nat["State"] = json!("available"), Status::Pass, ""),
        (
            "pending",
            |nat| nat["State"] = json!("pending"),
            Status::Unknown,
            "pending",
        ),
        ("failed", |nat| nat["State"] = json!("failed"), Status::Fail, "failed"),
        (
            "deleting",
            |nat| nat["State"] = json!("deleting"),
            Status::Fail,
            "deleting",
        ),
        (
            "a state",
            |nat| nat["State"] = json!("suspended"),
            Status::Unknown,
            "suspended",
        ),
        (
            "private",
            |nat| nat["ConnectivityType"] = json!("private"),
            Status::Fail,
            "private",
        ),
        (
            "a connectivity",
            |nat| nat["ConnectivityType"] = json!("hybrid"),
            Status::Unknown,
            "hybrid",
        ),
        (
            "a mode",
            |nat| {
                nat["AvailabilityMode"] = json!("global");
                nat.as_object_mut().unwrap().remove("SubnetId");
            },
            Status::Unknown,
            "global",
        ),
    ];
    for way in [Way::Nat, Way::Regional] {
        for (name, change, expected, told) in rows {
            let mut value = account_with(way);
            change(&mut value["NatGateways"][0]);
            let answer = asked(&value).await;
            let judged = found(&answer.checks, "nat-gateways");
            assert_eq!(judged.status, expected, "{way:?}, {name}: {judged:#?}");
            assert!(judged.message.contains(told), "{way:?}, {name}: {judged:#?}");
        }
    }
}

/// A publicly accessible database is not reached where nothing comes in.
#[tokio::test]
async fn a_public_database_behind_it() {
    use Status::{Fail, Unknown, Warn};
    let rows = [
        (json!({"InternetGatewayBlockMode": "off"}), None, Warn),
        (json!({"InternetGatewayBlockMode": "block-ingress"}), None, Fail),
        (json!({"InternetGatewayBlockMode": "block-bidirectional"}), None, Fail),
        (
            json!({"InternetGatewayBlockMode": "block-bidirectional"}),
            Some("allow-bidirectional"),
            Warn,
        ),
        (
            json!({"InternetGatewayBlockMode": "block-bidirectional"}),
            Some("allow-egress"),
            Fail,
        ),
        (json!({"InternetGatewayBlockMode": "a-new-mode"}), None, Unknown),
    ];
    for (setting, excluded, expected) in rows {
        let mut value = crate::diagnoses::public();
        options(&mut value, setting.clone());
        if let Some(mode) = excluded {
            value["VpcBlockPublicAccessExclusions"] = json!([exclusion("vpc/vpc-0d01", mode, "create-complete")]);
        }
        let target = Target::direct(DatabaseKind::Instance, "ledger", "legacy");
        let diagnosis = diagnose(&scene(&offline(&value), &target).await.unwrap());
        let judged = found(&diagnosis.checks, "attached");
        assert_eq!(judged.status, expected, "{setting} {excluded:?}: {judged:#?}");
    }
}
