//! Network ACLs and routes between the ends of a connection: `drift` reports what `diagnose` reports.

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::{Cloud, Operation};
use autoconnect::diagnostics::Status;
use autoconnect::diagnostics::connection::diagnose;
use autoconnect::drift::HopState::{self, Blocked, Impaired, Open};
use autoconnect::drift::{FindingKind, Judge, Judgement, Severity, Verdict};
use autoconnect::estate::Connection;
use autoconnect::interrupt::Interrupt;
use autoconnect::observe::{PATH_READS, Proxies, ProxyWish, Target, scene, survey, survey_paths};
use autoconnect::reconcile::{Options, converge};
use serde_json::{Value, json};

use crate::denied::Denied;
use crate::fix;
use crate::interposed::Interposed;
use crate::support::{Script, cluster, connected, in_memory};

/// An ACL of the subnets which denies what the entry says, and allows everything else.
fn acl(value: &mut Value, subnets: &[&str], denied: &Value) {
    let associations: Vec<Value> = subnets.iter().map(|id| json!({"SubnetId": id})).collect();
    let allow = |egress: bool| json!({"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "Egress": egress, "CidrBlock": "0.0.0.0/0"});
    let mut denied = denied.clone();
    denied["RuleAction"] = json!("deny");
    denied["RuleNumber"] = json!(50);
    value["NetworkAcls"]
        .as_array_mut()
        .unwrap()
        .push(json!({"NetworkAclId": "acl-0b01", "VpcId": "vpc-0a01",
        "Associations": associations, "Entries": [denied, allow(false), allow(true)]}));
}

fn tcp(egress: bool, cidr: &str, from: u16, to: u16) -> Value {
    json!({"Protocol": "6", "Egress": egress, "CidrBlock": cidr, "PortRange": {"From": from, "To": to}})
}

/// A route table of the subnets with one route besides the local one.
fn table(value: &mut Value, subnets: &[&str], route: &Value) {
    let associations: Vec<Value> = subnets
        .iter()
        .map(|id| json!({"RouteTableAssociationId": format!("rtbassoc-{id}"), "SubnetId": id}))
        .collect();
    value["RouteTables"]
        .as_array_mut()
        .unwrap()
        .push(json!({"RouteTableId": "rtb-0b01", "VpcId": "vpc-0a01",
        "Associations": associations, "Routes": [route]}));
}

/// A route of the function's subnets for a prefix list.
fn to_what_is_gone(value: &mut Value, entries: &[&str]) {
    let entries: Vec<Value> = entries.iter().map(|cidr| json!({"Cidr": cidr})).collect();
    value["PrefixLists"] = json!([{"PrefixListId": "pl-0b01", "Entries": entries}]);
    let route = json!({"DestinationPrefixListId": "pl-0b01", "NetworkInterfaceId": "eni-0b01", "State": "blackhole"});
    table(value, &OF_FUNCTION, &route);
}

const OF_FUNCTION: [&str; 2] = ["subnet-0a01a", "subnet-0a01b"];
const OF_DATABASE: [&str; 2] = ["subnet-0ad1a", "subnet-0ad1b"];

type Change = fn(&mut Value);

/// What is changed; how the direct connection stands then, and the one through a proxy.
const CASES: [(&str, Change, Verdict, Verdict); 13] = [
    ("nothing", |_| (), Verdict::InSync, Verdict::InSync),
    (
        "the port is denied out of the function's subnets",
        |value| acl(value, &OF_FUNCTION, &tcp(true, "10.0.0.0/16", 5432, 5432)),
        Verdict::Broken,
        Verdict::Broken,
    ),
    (
        "another port is denied",
        |value| acl(value, &OF_FUNCTION, &tcp(true, "10.0.0.0/16", 3306, 3306)),
        Verdict::InSync,
        Verdict::InSync,
    ),
    (
        "udp is denied",
        |value| {
            let mut entry = tcp(true, "10.0.0.0/16", 5432, 5432);
            entry["Protocol"] = json!("17");
            acl(value, &OF_FUNCTION, &entry);
        },
        Verdict::InSync,
        Verdict::InSync,
    ),
    (
        "the port is denied out of one of the function's subnets",
        |value| acl(value, &OF_FUNCTION[..1], &tcp(true, "10.0.0.0/16", 5432, 5432)),
        Verdict::Drifted,
        Verdict::Drifted,
    ),
    (
        "the port is denied to one of the other end's subnets",
        |value| acl(value, &OF_FUNCTION, &tcp(true, "10.0.11.0/24", 5432, 5432)),
        Verdict::Drifted,
        Verdict::Drifted,
    ),
    (
        "the answers' ports are denied into the function's subnets",
        |value| acl(value, &OF_FUNCTION, &tcp(false, "10.0.0.0/16", 1024, 65535)),
        Verdict::Broken,
        Verdict::Broken,
    ),
    (
        "some of the answers' ports are denied out of the other end's subnets",
        |value| acl(value, &OF_DATABASE, &tcp(true, "10.0.0.0/22", 40000, 50000)),
        Verdict::Broken,
        Verdict::Broken,
    ),
    (
        // A connection within one subnet passes no ACL, so some of the proxy's pairs remain. The proxy has tried.
        "the port is denied into the database's subnets from each other",
        |value| acl(value, &OF_DATABASE, &tcp(false, "10.0.8.0/21", 5432, 5432)),
        Verdict::InSync,
        Verdict::Drifted,
    ),
    (
        "a route of the function's subnets leads to what is gone",
        |value| {
            let route =
                json!({"DestinationCidrBlock": "10.0.8.0/21", "NetworkInterfaceId": "eni-0b01", "State": "blackhole"});
            table(value, &OF_FUNCTION, &route);
        },
        Verdict::Broken,
        Verdict::Broken,
    ),
    (
        "a route for a prefix list leads to what is gone",
        |value| to_what_is_gone(value, &["10.0.8.0/21"]),
        Verdict::Broken,
        Verdict::Broken,
    ),
    (
        "a route for a prefix list of other ranges leads to what is gone",
        |value| to_what_is_gone(value, &["10.0.64.0/21"]),
        Verdict::InSync,
        Verdict::InSync,
    ),
    (
        "a route of the function's subnets leads to an appliance",
        |value| {
            let route =
                json!({"DestinationCidrBlock": "10.0.8.0/21", "NetworkInterfaceId": "eni-0b01", "State": "active"});
            table(value, &OF_FUNCTION, &route);
        },
        Verdict::InSync,
        Verdict::InSync,
    ),
];

fn connection(target: &Target) -> Connection {
    Connection {
        kind: target.kind,
        database: target.database.clone(),
        function: target.function.clone(),
        proxy: match &target.proxy {
            ProxyWish::Existing(name) => Some(name.clone()),
            _ => None,
        },
    }
}

async fn judged(cloud: &dyn Cloud, target: &Target) -> Judgement {
    let mut estate = survey(cloud, &Proxies::All).await.estate;
    survey_paths(cloud, &mut estate).await;
    Judge::new(&estate).judge(&connection(target))
}

fn is_blocked(judgement: &Judgement) -> bool {
    let mut findings = judgement.findings.iter();
    findings.any(|finding| finding.kind == FindingKind::PathBlocked)
}

/// Whether ACLs or routes fail for `diagnose`; what a proxy has tried is a warning.
async fn fails(account: &OfflineAccount, target: &Target) -> bool {
    let checks = diagnose(&scene(account, target).await.unwrap()).checks;
    let mut checks = checks.iter();
    checks.any(|check| {
        ["network-acls", "routes"].contains(&check.id.as_str()) && [Status::Fail, Status::Warn].contains(&check.status)
    })
}

fn changed(document: &AccountDocument, change: Change) -> OfflineAccount {
    let mut value = serde_json::to_value(document).unwrap();
    change(&mut value);
    OfflineAccount::in_memory(serde_json::from_value(value).unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn drift_reports_a_blocked_path_as_diagnose_does() {
    let document: AccountDocument = serde_json::from_value(crate::diagnoses::works()).unwrap();
    let direct = cluster("orders", "checkout");
    let proxied = Target {
        proxy: ProxyWish::Existing("orders-proxy".to_owned()),
        ..direct.clone()
    };
    for (target, is_direct) in [(direct, true), (proxied, false)] {
        let document = connected(&document, &target).await;
        for (what, change, of_direct, of_proxied) in CASES {
            let context = format!("{what}, direct: {is_direct}");
            let account = changed(&document, change);
            let judgement = judged(&account, &target).await;
            let expected = if is_direct { of_direct } else { of_proxied };
            assert_eq!(judgement.verdict, expected, "{context}: {judgement:#?}");
            assert_eq!(
                is_blocked(&judgement),
                fails(&account, &target).await,
                "{context}: {judgement:#?}"
            );
            assert_eq!(is_blocked(&judgement), expected != Verdict::InSync, "{context}");
            for finding in judgement.findings {
                assert_eq!(finding.severity, Severity::High, "{context}: {finding:#?}");
                let remedy = finding.remedy.unwrap_or_default().join(" ");
                assert!(
                    remedy.starts_with("diagnose --cluster orders --function checkout"),
                    "{context}: {remedy}"
                );
                assert_eq!(
                    remedy.ends_with("--proxy orders-proxy"),
                    !is_direct,
                    "{context}: {remedy}"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_read_of_the_path_is_not_judged() {
    let document: AccountDocument = serde_json::from_value(crate::diagnoses::works()).unwrap();
    let target = cluster("orders", "checkout");
    let document = connected(&document, &target).await;
    let account = changed(&document, |value| {
        acl(value, &OF_FUNCTION, &tcp(true, "10.0.0.0/16", 5432, 5432));
    });
    for &operation in PATH_READS {
        let cloud = Interposed {
            account: &account,
            hook: Denied(operation),
        };
        let expected = match operation {
            Operation::DescribeNetworkAcls => Verdict::InSync,
            _ => Verdict::Broken,
        };
        assert_eq!(judged(&cloud, &target).await.verdict, expected, "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn routes_between_two_vpcs_are_judged() {
    let goal = fix::goal();
    let account = crate::support::network_account(fix::broken);
    let front = Script::default();
    converge(&account, &goal, &Options::default(), &front, Interrupt::never())
        .await
        .unwrap();
    let target = goal.target;
    let sound = judged(&account, &target).await;
    assert!(!is_blocked(&sound), "{sound:#?}");
    let document = account.document();
    let peering_routes = |value: &mut Value, place: usize, keep: bool| {
        let routes = value["RouteTables"][place]["Routes"].as_array_mut().unwrap();
        routes.retain(|route| keep || route.get("VpcPeeringConnectionId").is_none_or(Value::is_null));
    };
    for place in [0, 2] {
        let mut value = serde_json::to_value(&document).unwrap();
        peering_routes(&mut value, place, false);
        let account = in_memory(&serde_json::from_value(value).unwrap());
        let judgement = judged(&account, &target).await;
        assert!(fails(&account, &target).await);
        assert_eq!(
            (judgement.verdict, is_blocked(&judgement)),
            (Verdict::Broken, true),
            "{judgement:#?}"
        );
        assert_eq!(hops(&account, &target).await, [Blocked]);
    }
}

/// The states of a connection's hops, as pictures and the report have them.
async fn hops(cloud: &dyn Cloud, target: &Target) -> Vec<HopState> {
    let mut estate = survey(cloud, &Proxies::All).await.estate;
    survey_paths(cloud, &mut estate).await;
    estate.complete_network();
    let wiring = Judge::new(&estate).wiring(&connection(target));
    wiring.hops.iter().map(|hop| hop.state).collect()
}

/// The outbound rules of the function's groups: this one only.
fn out(value: &mut Value, peers: &Value) {
    for group in value["SecurityGroups"].as_array_mut().unwrap() {
        let name = group["GroupName"].as_str().unwrap().to_owned();
        if name == "functions" {
            group["IpPermissionsEgress"] = json!([]);
        }
        if name.starts_with("lambda-rds-") {
            let mut rule = json!({"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432});
            for (key, value) in peers.as_object().unwrap() {
                rule[key] = value.clone();
            }
            group["IpPermissionsEgress"] = json!([rule]);
        }
    }
}

fn to_list(value: &mut Value, entries: &[&str]) {
    let entries: Vec<Value> = entries.iter().map(|cidr| json!({"Cidr": cidr})).collect();
    value["PrefixLists"] = json!([{"PrefixListId": "pl-0b01", "Entries": entries}]);
    out(value, &json!({"PrefixListIds": [{"PrefixListId": "pl-0b01"}]}));
}

fn to_one_subnet(value: &mut Value) {
    out(value, &json!({"IpRanges": [{"CidrIp": "10.0.11.0/24"}]}));
}

/// A change of a connection; whether it is through a proxy; what `drift` says, how it is drawn, and what `diagnose` says.
type View = (&'static str, bool, Change, Verdict, &'static [HopState], Status);

const VIEWS: [View; 11] = [
    ("nothing", false, |_| (), Verdict::InSync, &[Open], Status::Pass),
    (
        "groups and a network ACL stop everything together",
        false,
        |value| {
            to_one_subnet(value);
            acl(value, &OF_FUNCTION, &tcp(true, "10.0.11.0/24", 5432, 5432));
        },
        Verdict::Broken,
        &[Blocked],
        Status::Fail,
    ),
    (
        "groups and a route stop everything together",
        false,
        |value| {
            to_one_subnet(value);
            let route =
                json!({"DestinationCidrBlock": "10.0.11.0/24", "NetworkInterfaceId": "eni-0b01", "State": "blackhole"});
            table(value, &OF_FUNCTION, &route);
        },
        Verdict::Broken,
        &[Blocked],
        Status::Fail,
    ),
    (
        "groups and a network ACL stop the same",
        false,
        |value| {
            to_one_subnet(value);
            acl(value, &OF_FUNCTION, &tcp(true, "10.0.12.0/24", 5432, 5432));
        },
        Verdict::Drifted,
        &[Impaired],
        Status::Fail,
    ),
    (
        "a prefix list without the database's subnets",
        false,
        |value| to_list(value, &["10.9.0.0/16"]),
        Verdict::Broken,
        &[Blocked],
        Status::Fail,
    ),
    (
        "a prefix list with one of them",
        false,
        |value| to_list(value, &["10.0.11.0/24"]),
        Verdict::Drifted,
        &[Impaired],
        Status::Fail,
    ),
    (
        "a prefix list with all of them",
        false,
        |value| to_list(value, &["10.0.8.0/21"]),
        Verdict::Drifted,
        &[Open],
        Status::Pass,
    ),
    (
        "a prefix list with one of them, and a network ACL for that one",
        false,
        |value| {
            to_list(value, &["10.0.11.0/24"]);
            acl(value, &OF_FUNCTION, &tcp(true, "10.0.11.0/24", 5432, 5432));
        },
        Verdict::Broken,
        &[Blocked],
        Status::Fail,
    ),
    (
        "the cluster has no instance",
        true,
        |value| {
            value["DBInstances"].as_array_mut().unwrap().remove(0);
        },
        Verdict::Drifted,
        &[Open, Impaired],
        Status::Fail,
    ),
    (
        "the proxy is being made",
        true,
        |value| value["DBProxies"][0]["Status"] = json!("creating"),
        Verdict::Drifted,
        &[Open, Impaired],
        Status::Fail,
    ),
    (
        "the proxy reaches the database by groups that are being taken off",
        true,
        |value| {
            for group in value["DBClusters"][0]["VpcSecurityGroups"].as_array_mut().unwrap() {
                group["Status"] = json!("removing");
            }
        },
        Verdict::Drifted,
        &[Open, Impaired],
        Status::Warn,
    ),
];

#[tokio::test(start_paused = true)]
async fn drift_pictures_and_diagnose_agree() {
    let document: AccountDocument = serde_json::from_value(crate::diagnoses::works()).unwrap();
    let direct = cluster("orders", "checkout");
    let proxied = Target {
        proxy: ProxyWish::Existing("orders-proxy".to_owned()),
        ..direct.clone()
    };
    for (what, is_proxied, change, verdict, states, status) in VIEWS {
        let target = if is_proxied { &proxied } else { &direct };
        let mut value = serde_json::to_value(connected(&document, target).await).unwrap();
        value["SettlesAfterReads"] = json!(100);
        change(&mut value);
        let account = OfflineAccount::in_memory(serde_json::from_value(value).unwrap()).unwrap();
        let judgement = judged(&account, target).await;
        assert_eq!(judgement.verdict, verdict, "{what}: {judgement:#?}");
        assert_eq!(hops(&account, target).await, states, "{what}");
        let diagnosis = diagnose(&scene(&account, target).await.unwrap());
        assert_eq!(diagnosis.verdict, status, "{what}: {diagnosis:#?}");
    }
}

/// The entries of prefix lists are read where a rule or a route names one; where that is not allowed, they count as passing.
#[tokio::test(start_paused = true)]
async fn prefix_lists_are_read_where_rules_and_routes_name_them() {
    let document: AccountDocument = serde_json::from_value(crate::diagnoses::works()).unwrap();
    let target = cluster("orders", "checkout");
    let document = connected(&document, &target).await;
    let rows: [(Change, Verdict, usize); 3] = [
        (|_| (), Verdict::InSync, 0),
        (|value| to_what_is_gone(value, &["10.0.8.0/21"]), Verdict::InSync, 1),
        (|value| to_list(value, &["10.9.0.0/16"]), Verdict::Drifted, 1),
    ];
    for (change, verdict, unread) in rows {
        let account = changed(&document, change);
        let cloud = Interposed {
            account: &account,
            hook: Denied(Operation::GetManagedPrefixListEntries),
        };
        let mut estate = survey(&cloud, &Proxies::All).await.estate;
        survey_paths(&cloud, &mut estate).await;
        let judge = Judge::new(&estate);
        assert_eq!(judge.judge(&connection(&target)).verdict, verdict);
        let told = judge.unread_network();
        assert_eq!(told.len(), unread, "{told:?}");
        assert!(told.iter().all(|text| text.contains("pl-0b01")), "{told:?}");
    }
}
