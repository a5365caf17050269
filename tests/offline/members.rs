//! Which instances of a cluster a connection depends on: the writer, or the readers through an endpoint that is for these.

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::Cloud;
use autoconnect::diagnostics::Status;
use autoconnect::diagnostics::connection::{Diagnosis, diagnose, diagnose_connection};
use autoconnect::observe::{ProxyWish, through};
use serde_json::{Value, json};

use crate::support::cluster;

/// The example with a second instance of cluster orders, a third one if wanted, and endpoints of its proxy.
fn base(statuses: &[&str], writer: Option<&str>) -> Value {
    let mut value = crate::diagnoses::works();
    value["SecurityGroups"][2]["IpPermissionsEgress"] = json!([{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432,
        "UserIdGroupPairs": [{"GroupId": "sg-0a02"}]}]);
    value["SecurityGroups"][1]["IpPermissions"][0]["UserIdGroupPairs"] =
        json!([{"GroupId": "sg-0a01"}, {"GroupId": "sg-0a03"}]);
    let first = value["DBInstances"][0].take();
    let instances = value["DBInstances"].as_array_mut().unwrap();
    instances.remove(0);
    let (mut members, zones) = (Vec::new(), ["a", "b", "b"]);
    for (place, status) in statuses.iter().enumerate() {
        let id = format!("orders-{}", place + 1);
        let mut instance = first.clone();
        instance["DBInstanceIdentifier"] = json!(id);
        instance["DBInstanceStatus"] = json!(status);
        instance["AvailabilityZone"] = json!(format!("eu-central-1{}", zones[place]));
        instances.push(instance);
        members.push(json!({"DBInstanceIdentifier": id, "IsClusterWriter": writer == Some(&id)}));
    }
    if writer != Some("not told") {
        value["DBClusters"][0]["DBClusterMembers"] = json!(members);
    }
    value["DBProxyEndpoints"] = json!([
        {"DBProxyEndpointName": "readers", "DBProxyName": "orders-proxy", "VpcId": "vpc-0a01", "TargetRole": "READ_ONLY",
         "VpcSubnetIds": ["subnet-0ad1a", "subnet-0ad1b"], "VpcSecurityGroupIds": ["sg-0a03"]},
        {"DBProxyEndpointName": "writers", "DBProxyName": "orders-proxy", "VpcId": "vpc-0a01", "TargetRole": "READ_WRITE",
         "VpcSubnetIds": ["subnet-0ad1a", "subnet-0ad1b"], "VpcSecurityGroupIds": ["sg-0a03"]},
    ]);
    value
}

fn offline(value: &Value) -> OfflineAccount {
    let document: AccountDocument = serde_json::from_value(value.clone()).unwrap();
    OfflineAccount::in_memory(document).unwrap()
}

/// To what the function connects.
#[derive(Clone, Copy, Debug)]
enum To {
    Cluster,
    Proxy,
    Writers,
    Readers,
}

async fn asked(value: &Value, to: To, function: &str) -> (Diagnosis, Diagnosis) {
    let account = offline(value);
    let mut target = cluster("orders", function);
    if !matches!(to, To::Cluster) {
        target.proxy = ProxyWish::Existing("orders-proxy".to_owned());
    }
    let endpoint = match to {
        To::Cluster | To::Proxy => None,
        To::Writers => Some("writers"),
        To::Readers => Some("readers"),
    };
    let scene = through(&account, &target, endpoint).await.unwrap();
    (diagnose(&scene), diagnose_connection(&scene))
}

fn status(diagnosis: &Diagnosis, id: &str) -> Status {
    let check = diagnosis.checks.iter().find(|check| check.id == id).unwrap();
    check.status
}

#[tokio::test(start_paused = true)]
async fn what_is_down_counts_where_the_name_leads_to_it() {
    use Status::{Fail, Pass, Warn};
    use To::{Cluster, Proxy, Readers, Writers};
    type Row<'r> = (&'r [&'r str], Option<&'r str>, [(To, Status); 4]);
    const UP: &str = "available";
    const DOWN: &str = "rebooting";
    let (first, second, none, not_told) = (Some("orders-1"), Some("orders-2"), None, Some("not told"));
    // What is up, which is the writer, and the check `state` by the name that is connected to.
    let rows: [Row<'_>; 13] = [
        (
            &[UP, UP],
            first,
            [(Cluster, Pass), (Proxy, Pass), (Writers, Pass), (Readers, Pass)],
        ),
        (
            &[UP, DOWN],
            first,
            [(Cluster, Warn), (Proxy, Warn), (Writers, Warn), (Readers, Fail)],
        ),
        (
            &[DOWN, UP],
            first,
            [(Cluster, Fail), (Proxy, Fail), (Writers, Fail), (Readers, Warn)],
        ),
        (
            &[DOWN, UP],
            second,
            [(Cluster, Warn), (Proxy, Warn), (Writers, Warn), (Readers, Fail)],
        ),
        (
            &[UP, DOWN],
            second,
            [(Cluster, Fail), (Proxy, Fail), (Writers, Fail), (Readers, Warn)],
        ),
        (
            &[DOWN, DOWN],
            first,
            [(Cluster, Fail), (Proxy, Fail), (Writers, Fail), (Readers, Fail)],
        ),
        (
            &[UP, DOWN, UP],
            first,
            [(Cluster, Warn), (Proxy, Warn), (Writers, Warn), (Readers, Warn)],
        ),
        (
            &[UP, "creating"],
            first,
            [(Cluster, Warn), (Proxy, Warn), (Writers, Warn), (Readers, Fail)],
        ),
        // It takes connections.
        (
            &["modifying", UP],
            first,
            [(Cluster, Warn), (Proxy, Warn), (Writers, Warn), (Readers, Warn)],
        ),
        // A file that says nothing: the first one is the writer.
        (
            &[UP, DOWN],
            not_told,
            [(Cluster, Warn), (Proxy, Warn), (Writers, Warn), (Readers, Fail)],
        ),
        (
            &[DOWN, UP],
            not_told,
            [(Cluster, Fail), (Proxy, Fail), (Writers, Fail), (Readers, Warn)],
        ),
        // None is known to be the writer; the proxy reaches one of them.
        (
            &[DOWN, UP],
            none,
            [
                (Cluster, Warn),
                (Proxy, Warn),
                (Writers, Warn),
                (Readers, Status::Unknown),
            ],
        ),
        (
            &[DOWN, DOWN],
            none,
            [(Cluster, Fail), (Proxy, Fail), (Writers, Fail), (Readers, Fail)],
        ),
    ];
    for (statuses, writer, expected) in rows {
        let value = base(statuses, writer);
        for (to, expected) in expected {
            let context = format!("{statuses:?}, writer {writer:?}, {to:?}");
            let (answer, of_setup) = asked(&value, to, "checkout").await;
            assert_eq!(status(&answer, "state"), expected, "{context}: {answer:#?}");
            // To `setup` an instance that is down is connected, unless the proxy says that it does not reach it.
            if matches!(to, Cluster) {
                assert_ne!(status(&of_setup, "state"), Fail, "{context}: {of_setup:#?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn zones_and_public_addresses_are_those_of_the_writer() {
    use Status::{Fail, Pass, Unknown, Warn};
    // The function reports-b is in zone b, the instances in a and b.
    for (writer, expected) in [("orders-1", Warn), ("orders-2", Pass), ("none", Pass)] {
        let mut value = base(&["available", "available"], Some(writer));
        value["Functions"][0]["VpcConfig"]["SubnetIds"] = json!(["subnet-0a01b"]);
        let (answer, _) = asked(&value, To::Cluster, "checkout").await;
        assert_eq!(status(&answer, "subnets"), expected, "{writer}: {answer:#?}");
    }
    // Which of both is public, which is the writer, and `attached` of a function in no VPC and of one within.
    let rows = [
        ([true, true], "orders-1", Warn, Warn),
        ([false, false], "orders-1", Fail, Pass),
        ([true, false], "orders-1", Warn, Warn),
        ([false, true], "orders-1", Fail, Warn),
        ([true, false], "orders-2", Fail, Warn),
        ([true, true], "none", Warn, Warn),
        ([false, true], "none", Unknown, Warn),
    ];
    for (public, writer, outside, within) in rows {
        let mut value = base(&["available", "available"], Some(writer));
        let instances = value["DBInstances"].as_array_mut().unwrap();
        let members = instances
            .iter_mut()
            .filter(|found| found["DBClusterIdentifier"] == "orders");
        for (member, is_public) in members.zip(public) {
            member["PubliclyAccessible"] = json!(is_public);
        }
        value["SecurityGroups"][1]["IpPermissions"] = json!([{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432,
            "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]);
        value["RouteTables"]
            .as_array_mut()
            .unwrap()
            .push(json!({"RouteTableId": "rtb-0a09", "VpcId": "vpc-0a01",
            "Associations": [{"SubnetId": "subnet-0ad1a"}, {"SubnetId": "subnet-0ad1b"}],
            "Routes": [{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-0a01"}]}));
        let context = format!("{public:?}, writer {writer}");
        let (answer, _) = asked(&value, To::Cluster, "legacy").await;
        assert_eq!(status(&answer, "attached"), outside, "{context}: {answer:#?}");
        let (answer, _) = asked(&value, To::Cluster, "checkout").await;
        assert_eq!(status(&answer, "attached"), within, "{context}: {answer:#?}");
        // Host names off: a public name leads to a public address.
        value["Vpcs"][0]["EnableDnsHostnames"] = json!(false);
        let (answer, _) = asked(&value, To::Cluster, "checkout").await;
        let expected = match outside {
            Warn => Fail,
            Fail => Pass,
            other => other,
        };
        assert_eq!(status(&answer, "dns"), expected, "{context}: {answer:#?}");
    }
}

/// What AWS says of the writer is in a snapshot, and read back from it.
#[tokio::test(start_paused = true)]
async fn a_file_says_which_instance_is_the_writer() {
    for writer in ["orders-1", "orders-2"] {
        let account = offline(&base(&["available", "available"], Some(writer)));
        let found = account.describe_db_clusters(Some("orders"), None).await.unwrap();
        assert_eq!(found.items[0].writer.as_deref(), Some(writer));
    }
    let two = json!([{"DBInstanceIdentifier": "orders-1", "IsClusterWriter": true},
                     {"DBInstanceIdentifier": "orders-2", "IsClusterWriter": true}]);
    let foreign = json!([{"DBInstanceIdentifier": "ledger", "IsClusterWriter": true}]);
    for (members, said) in [(two, "[1].IsClusterWriter"), (foreign, "[0].DBInstanceIdentifier")] {
        let mut value = base(&["available", "available"], None);
        value["DBClusters"][0]["DBClusterMembers"] = members;
        let document: AccountDocument = serde_json::from_value(value).unwrap();
        let error = format!("{:?}", OfflineAccount::in_memory(document).err());
        assert!(
            error.contains(&format!("$.DBClusters[0].DBClusterMembers{said}")),
            "{error}"
        );
    }
}
