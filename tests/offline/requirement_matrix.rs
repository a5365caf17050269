//! Every command asks the same requirements before its first write: a table of commands and requirements.

use std::collections::BTreeMap;

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::Cloud;
use autoconnect::fix::Scope;
use autoconnect::internet::Wish;
use autoconnect::interrupt::Interrupt;
use autoconnect::model::{CredentialsWish, DatabaseKind, NewFunction};
use autoconnect::observe::{Location, NewProxyWish, ProxyWish, Target};
use autoconnect::plan::Request;
use autoconnect::preconditions::{Making, TABLE};
use autoconnect::reconcile::{self, Attach, Failure, Goal, Internet, Options, converge};
use serde_json::{Value, json};

use crate::support::*;

/// A command that writes, on the function and the database of the base account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Setup,
    SetupAttach,
    SetupNewFunction,
    SetupNewProxy,
    SetupProxy,
    CrossVpc,
    Fix,
    AttachSubnet,
    AttachLike,
    Detach,
    InternetSetup,
}

use Command::{
    AttachLike, AttachSubnet, CrossVpc, Detach, Fix, InternetSetup, Setup, SetupAttach, SetupNewFunction,
    SetupNewProxy, SetupProxy,
};

const ALL: [Command; 11] = [
    Setup,
    SetupAttach,
    SetupNewFunction,
    SetupNewProxy,
    SetupProxy,
    CrossVpc,
    Fix,
    AttachSubnet,
    AttachLike,
    Detach,
    InternetSetup,
];

/// A function and a database without any groups of the convention, with a proxy, in subnets of two zones; the same function
/// again in no VPC, and in a second VPC that is peered.
pub fn base() -> Value {
    let trust = json!({"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["lambda.amazonaws.com", "rds.amazonaws.com"]}}]});
    let function = |name: &str, vpc: Value| {
        let mut function = json!({"FunctionName": name, "Role": "arn:aws:iam::123456789012:role/f", "Timeout": 30});
        if !vpc.is_null() {
            function["VpcConfig"] = vpc;
        }
        function
    };
    let subnet = |id: &str, vpc: &str, zone: &str, cidr: &str| json!({"SubnetId": id, "VpcId": vpc, "AvailabilityZone": zone, "CidrBlock": cidr});
    let group = |id: &str, vpc: &str| {
        json!({"GroupId": id, "GroupName": id, "VpcId": vpc,
        "IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]})
    };
    let routes = |id: &str, vpc: &str, other: &str| {
        json!({"RouteTableId": id, "VpcId": vpc, "Associations": [{"Main": true}],
        "Routes": [{"DestinationCidrBlock": other, "VpcPeeringConnectionId": "pcx-1"}]})
    };
    json!({
        "FormatVersion": 1, "AccountId": "123456789012", "Region": "eu-central-1",
        "Vpcs": [{"VpcId": "vpc-0a", "CidrBlock": "10.0.0.0/16"}, {"VpcId": "vpc-0b", "CidrBlock": "10.1.0.0/16"}],
        "Subnets": [subnet("subnet-a", "vpc-0a", "eu-central-1a", "10.0.0.0/24"), subnet("subnet-b", "vpc-0a", "eu-central-1b", "10.0.1.0/24"),
            subnet("subnet-c", "vpc-0b", "eu-central-1a", "10.1.0.0/24")],
        "RouteTables": [routes("rtb-a", "vpc-0a", "10.1.0.0/16"), routes("rtb-b", "vpc-0b", "10.0.0.0/16")],
        "VpcPeeringConnections": [{"VpcPeeringConnectionId": "pcx-1", "Status": {"Code": "active"},
            "RequesterVpcInfo": {"VpcId": "vpc-0b", "Region": "eu-central-1"},
            "AccepterVpcInfo": {"VpcId": "vpc-0a", "Region": "eu-central-1"}}],
        "SecurityGroups": [group("sg-d", "vpc-0a"), group("sg-f", "vpc-0a"), group("sg-p", "vpc-0a"),
            {"GroupId": "sg-o", "GroupName": "sg-o", "VpcId": "vpc-0b"}],
        "DBSubnetGroups": [{"DBSubnetGroupName": "main", "VpcId": "vpc-0a", "SubnetIds": ["subnet-a", "subnet-b"]}],
        "DBClusters": [{"DBClusterIdentifier": "orders", "Engine": "aurora-postgresql", "Port": 5432, "DBSubnetGroup": "main",
            "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-d"}], "MasterUsername": "root", "DbClusterResourceId": "cluster-X",
            "MasterUserSecret": {"SecretArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:master-Ac1De2"}}],
        "DBInstances": [{"DBInstanceIdentifier": "orders-1", "Engine": "aurora-postgresql", "DBSubnetGroup": "main", "DBClusterIdentifier": "orders",
            "AvailabilityZone": "eu-central-1a"}],
        "DBProxies": [{"DBProxyName": "through", "EngineFamily": "POSTGRESQL", "VpcId": "vpc-0a", "VpcSubnetIds": ["subnet-a", "subnet-b"],
            "VpcSecurityGroupIds": ["sg-p"], "Target": {"Type": "TRACKED_CLUSTER", "RdsResourceId": "orders"}}],
        "Secrets": [{"Name": "master"}],
        "Roles": [{"RoleName": "f", "AssumeRolePolicyDocument": trust,
            "AttachedPolicies": ["arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"]}],
        "Functions": [
            function("f", json!({"SubnetIds": ["subnet-a"], "SecurityGroupIds": ["sg-f"]})),
            function("loose", Value::Null),
            function("far", json!({"SubnetIds": ["subnet-c"], "SecurityGroupIds": ["sg-o"]}))
        ]
    })
}

fn target(function: &str, proxy: ProxyWish) -> Target {
    let mut target = Target::direct(DatabaseKind::Cluster, "orders", function);
    target.proxy = proxy;
    target
}

/// Runs a command on an account: its error, if it has one.
async fn carried_out(command: Command, account: &OfflineAccount) -> Result<(), Failure> {
    async fn goal(account: &OfflineAccount, goal: &impl Goal) -> Result<(), Failure> {
        let options = Options::default();
        converge(account, goal, &options, &Script::default(), Interrupt::never())
            .await
            .map(drop)
    }
    let set_up = async |target: Target| {
        let options = Options::default();
        run(account, &target, &options, &Script::default(), Interrupt::never())
            .await
            .map(drop)
    };
    let wish = NewProxyWish {
        credentials: CredentialsWish::MasterSecret,
        ..NewProxyWish::default()
    };
    let attach = |function: &str, location: Location| Attach {
        function: function.to_owned(),
        location,
        groups: vec!["sg-f".into()],
        ipv6: None,
        grant: false,
    };
    let fix = |function: &str, scope: Scope| reconcile::Fix {
        target: target(function, ProxyWish::None),
        endpoint: None,
        scope,
        request: Request::default(),
    };
    match command {
        Setup => set_up(target("f", ProxyWish::None)).await,
        SetupAttach => {
            let mut target = target("loose", ProxyWish::None);
            target.attach = true;
            set_up(target).await
        }
        SetupNewFunction => {
            let mut target = target("fresh", ProxyWish::None);
            target.new_function = Some(NewFunction {
                runtime: "nodejs24.x".into(),
            });
            set_up(target).await
        }
        SetupNewProxy => set_up(target("f", ProxyWish::New(wish))).await,
        SetupProxy => set_up(target("f", ProxyWish::Existing("through".into()))).await,
        CrossVpc => goal(account, &fix("far", Scope::GroupsAcrossVpcs)).await,
        Fix => goal(account, &fix("f", Scope::Everything)).await,
        AttachSubnet => {
            let subnets = Location::Subnets(vec!["subnet-a".into(), "subnet-b".into()]);
            goal(account, &attach("f", subnets)).await
        }
        AttachLike => {
            let like = Location::Like {
                kind: None,
                id: "orders".into(),
            };
            goal(account, &attach("f", like)).await
        }
        Detach => {
            let detach = reconcile::Detach { function: "f".into() };
            goal(account, &detach).await
        }
        InternetSetup => {
            let wish = Wish {
                function: "f".into(),
                port: 443,
                services: vec![],
                per_zone: false,
                tags: BTreeMap::new(),
            };
            goal(account, &Internet(wish)).await
        }
    }
}

fn account(value: &Value) -> OfflineAccount {
    let document: AccountDocument = serde_json::from_value(value.clone()).unwrap();
    OfflineAccount::in_memory(document).unwrap()
}

/// Without a change, every command of the table does what it is for.
#[tokio::test(start_paused = true)]
async fn each_command_works_where_all_requirements_hold() {
    for command in ALL {
        let account = account(&base());
        carried_out(command, &account)
            .await
            .unwrap_or_else(|failure| panic!("{command:?}: {failure}"));
        assert!(account.calls().write > 0, "{command:?} writes");
    }
}

#[expect(clippy::too_many_lines, reason = "a table, a row for each requirement")]
#[tokio::test(start_paused = true)]
async fn each_command_asks_what_concerns_it_before_its_first_write() {
    type Change = fn(&mut Value);
    /// The commands that connect with the database.
    const CONNECT: &[Command] = &[
        Setup,
        SetupAttach,
        SetupNewFunction,
        SetupNewProxy,
        SetupProxy,
        CrossVpc,
        Fix,
    ];
    fn of_functions(value: &mut Value, field: &str, content: &Value) {
        for function in value["Functions"].as_array_mut().unwrap() {
            function[field] = content.clone();
        }
    }
    let table: [(&str, Change, &str, &[Command]); 15] = [
        (
            "Aurora Serverless v1",
            |value| value["DBClusters"][0]["EngineMode"] = json!("serverless"),
            "serverless-v1",
            CONNECT,
        ),
        (
            "global database",
            |value| value["DBClusters"][0]["GlobalClusterIdentifier"] = json!("planet"),
            "global-database",
            CONNECT,
        ),
        (
            "another engine",
            |value| value["DBClusters"][0]["Engine"] = json!("docdb"),
            "unsupported-engine",
            CONNECT,
        ),
        (
            "RDS Custom",
            |value| value["DBClusters"][0]["Engine"] = json!("custom-oracle-ee"),
            "rds-custom",
            CONNECT,
        ),
        (
            "a shared VPC",
            |value| value["Vpcs"][0]["OwnerId"] = json!("999999999999"),
            "shared-vpc",
            CONNECT,
        ),
        (
            "dedicated tenancy",
            |value| value["Vpcs"][0]["InstanceTenancy"] = json!("dedicated"),
            "dedicated-tenancy",
            &[SetupAttach, SetupNewFunction, SetupNewProxy, AttachSubnet, AttachLike],
        ),
        (
            "Lambda Managed Instances",
            |value| {
                let arn = "arn:aws:lambda:eu-central-1:123456789012:capacity-provider:pool";
                let config = json!({"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": arn}});
                of_functions(value, "CapacityProviderConfig", &config);
            },
            "managed-instances",
            &[
                Setup,
                SetupAttach,
                SetupNewProxy,
                SetupProxy,
                CrossVpc,
                Fix,
                AttachSubnet,
                AttachLike,
                Detach,
                InternetSetup,
            ],
        ),
        (
            "an engine without a proxy",
            |value| value["DBClusters"][0]["Engine"] = json!("oracle-ee"),
            "proxy-unsupported-engine",
            &[SetupNewProxy, SetupProxy],
        ),
        (
            "a proxy for another engine",
            |value| value["DBProxies"][0]["EngineFamily"] = json!("MYSQL"),
            "proxy-other-engine-family",
            &[SetupProxy],
        ),
        (
            "one zone",
            |value| value["Subnets"][1]["AvailabilityZone"] = json!("eu-central-1a"),
            "one-availability-zone",
            &[SetupNewProxy],
        ),
        (
            "a stopped database",
            |value| value["DBClusters"][0]["Status"] = json!("stopped"),
            "database-not-available",
            // Across two VPCs the state is among the preconditions, `path-not-ready`.
            &[Setup, SetupAttach, SetupNewFunction, SetupNewProxy, SetupProxy, Fix],
        ),
        (
            "a failed function",
            |value| of_functions(value, "State", &json!("Failed")),
            "function-not-active",
            &[
                Setup,
                SetupAttach,
                SetupNewProxy,
                SetupProxy,
                Fix,
                AttachSubnet,
                AttachLike,
                Detach,
            ],
        ),
        (
            "IPv6 on, and subnets without",
            |value| value["Functions"][0]["VpcConfig"]["Ipv6AllowedForDualStack"] = json!(true),
            "not-dual-stack",
            &[AttachSubnet, AttachLike],
        ),
        (
            "a role that may not make interfaces",
            |value| value["Roles"][0]["AttachedPolicies"] = json!([]),
            "role-without-vpc-access",
            &[SetupAttach, AttachSubnet, AttachLike],
        ),
        (
            "too many groups",
            |value| {
                for n in 0..4 {
                    let id = format!("sg-more{n}");
                    let group = |id: &str, vpc: &str| json!({"GroupId": id, "GroupName": id, "VpcId": vpc});
                    value["SecurityGroups"]
                        .as_array_mut()
                        .unwrap()
                        .push(group(&id, "vpc-0a"));
                    value["SecurityGroups"]
                        .as_array_mut()
                        .unwrap()
                        .push(group(&format!("{id}b"), "vpc-0b"));
                    let functions = value["Functions"].as_array_mut().unwrap();
                    functions[0]["VpcConfig"]["SecurityGroupIds"]
                        .as_array_mut()
                        .unwrap()
                        .push(json!(id));
                    functions[2]["VpcConfig"]["SecurityGroupIds"]
                        .as_array_mut()
                        .unwrap()
                        .push(json!(format!("{id}b")));
                }
            },
            "too-many-groups",
            &[Setup, SetupNewProxy, SetupProxy, CrossVpc, Fix],
        ),
    ];
    for (name, change, code, concerned) in table {
        let mut value = base();
        change(&mut value);
        for command in ALL {
            let account = account(&value);
            let ended = carried_out(command, &account).await;
            let found = ended.as_ref().err().map(|failure| failure.error.code());
            if concerned.contains(&command) {
                assert_eq!(found, Some(code), "{name}, {command:?}: {ended:?}");
                assert_eq!(account.calls().write, 0, "{name}, {command:?}: nothing is written");
                assert!(ended.unwrap_err().error.hint().is_some(), "{name}, {command:?}");
            } else {
                assert_ne!(found, Some(code), "{name}, {command:?} is not concerned");
            }
        }
    }
}

/// Each requirement is asked of something, and everything that is made has a requirement.
#[test]
fn the_table_covers_what_is_made() {
    let all = [
        Making::Connection,
        Making::ConnectionAcross,
        Making::FunctionNetwork,
        Making::WayOut,
        Making::Attachment,
        Making::Through,
        Making::Function,
        Making::Proxy,
    ];
    for making in all {
        assert!(TABLE.iter().any(|row| row.of.contains(&making)), "{making:?}");
    }
    assert!(TABLE.iter().all(|row| !row.of.is_empty() && !row.name.is_empty()));
}
