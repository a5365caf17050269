//! The scenarios that the simulator and moto both run: an account, a goal, and what the program must make of it.

use autoconnect::account::AccountDocument;
use serde_json::{Value, json};

/// The ids of the account below; moto gives others, in which these do not occur.
pub const VPC: &str = "vpc-x";
pub const SUBNETS: [&str; 2] = ["subnet-x", "subnet-y"];
/// Also the name of the group, after the prefix.
pub const BASE: &str = "sg-base";
pub const DEFAULT: &str = "sg-default";
pub const BROKERS: &str = "sg-brokers";
pub const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:orders-app-AbCdEf";
pub const MSK: &str = "arn:aws:kafka:eu-central-1:123456789012:cluster/events/0a1b2c3d-0001-0002-0003-0a1b2c3d4e5f-1";
/// The roles of functions that may, and may not, be in a VPC.
pub const ROLES: [&str; 2] = ["of-the-test-inside", "of-the-test-outside"];
pub const REGION: &str = "eu-central-1";

/// One command on the account below.
pub struct Scenario {
    pub name: &'static str,
    /// Commands that lead to the beginning.
    pub before: &'static [&'static str],
    /// A function that someone deletes after them.
    pub deleted: Option<&'static str>,
    pub arguments: &'static str,
    pub expected: Expected,
    /// The order of its steps follows from ids that AWS gives.
    pub in_any_order: bool,
}

/// What the command's JSON says.
pub struct Expected {
    pub decision: &'static str,
    /// Of `diagnose`, its verdict.
    pub result: &'static str,
    /// The IAM actions of its steps, in order.
    pub actions: &'static [&'static str],
}

impl Scenario {
    /// Fails unless this is what the command printed, and it ended well.
    pub fn assert_printed(&self, status: Option<i32>, printed: &Value) {
        let steps = printed["steps"].as_array().into_iter().flatten();
        let mut actions: Vec<&str> = steps.map(|step| step["action"].as_str().unwrap()).collect();
        let text = |key: &str| printed[key].as_str();
        let result = text("result").or(text("verdict"));
        let Expected {
            decision,
            result: ending,
            actions: expected,
        } = self.expected;
        let mut expected = expected.to_vec();
        if self.in_any_order {
            actions.sort_unstable();
            expected.sort_unstable();
        }
        let found = (
            text("decision").unwrap_or_default(),
            result.unwrap_or_default(),
            actions,
        );
        assert_eq!(found, (decision, ending, expected), "{}: {printed:#}", self.name);
        assert_eq!(status, Some(0), "{}: {printed:#}", self.name);
    }
}

/// Databases, a proxy, functions and an MSK cluster in a VPC of two subnets; one function is in no VPC.
pub fn account() -> AccountDocument {
    let everywhere = json!([{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]);
    let itself = |protocol: &str, port: Option<u16>, group| json!([{"IpProtocol": protocol, "FromPort": port, "ToPort": port, "UserIdGroupPairs": [{"GroupId": group}]}]);
    let group = |id: &str, description: &str, ingress: &Value| {
        json!({"GroupId": id, "GroupName": id.trim_start_matches("sg-"), "VpcId": VPC, "Description": description,
               "IpPermissions": ingress, "IpPermissionsEgress": everywhere})
    };
    let on = json!([{"VpcSecurityGroupId": BASE, "Status": "active"}]);
    let arn = |role: &str| format!("arn:aws:iam::123456789012:role/{role}");
    let role = |name: &str, service: &str, policies: &[&str]| {
        let trust = json!({"Version": "2012-10-17", "Statement":
            [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]});
        json!({"RoleName": name, "AssumeRolePolicyDocument": trust, "AttachedPolicies": policies})
    };
    let function = |name: &str, role: &str, vpc_config: Option<Value>| {
        json!({"FunctionName": name, "Runtime": "nodejs22.x", "Handler": "index.handler", "Timeout": 60,
               "RevisionId": format!("revision-of-{name}"), "Role": arn(role), "VpcConfig": vpc_config})
    };
    let inside = json!({"SubnetIds": SUBNETS, "SecurityGroupIds": [BASE]});
    let subnet = |id: &str, zone: &str, range: &str| {
        json!({"SubnetId": id, "VpcId": VPC, "AvailabilityZone": format!("{REGION}{zone}"), "CidrBlock": range,
               "AvailableIpAddressCount": 251})
    };
    let vpc_access = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole";
    let document = json!({
        "FormatVersion": 1, "AccountId": "123456789012", "Region": REGION,
        "Vpcs": [{"VpcId": VPC, "CidrBlock": "10.0.0.0/16"}],
        "Subnets": [subnet(SUBNETS[0], "a", "10.0.0.0/24"), subnet(SUBNETS[1], "b", "10.0.1.0/24")],
        "SecurityGroups": [
            group(DEFAULT, "default VPC security group", &itself("-1", None, DEFAULT)),
            group(BASE, "of the test", &json!([])),
            group(BROKERS, "of the test", &itself("tcp", Some(9098), BROKERS))
        ],
        "DBSubnetGroups": [{"DBSubnetGroupName": "subnets", "VpcId": VPC, "SubnetIds": SUBNETS}],
        "DBClusters": [{"DBClusterIdentifier": "orders", "Engine": "aurora-postgresql", "Port": 5432, "DBSubnetGroup": "subnets",
            "VpcSecurityGroups": on, "MasterUsername": "admin1", "DatabaseName": "shop", "IAMDatabaseAuthenticationEnabled": true,
            "Endpoint": "orders.example", "EngineMode": "provisioned", "HttpEndpointEnabled": false, "PubliclyAccessible": false,
            "DbClusterResourceId": "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            "MasterUserSecret": {"SecretArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!cluster-0a1b2c3d-AbCdEf"}}],
        "DBInstances": [
            {"DBInstanceIdentifier": "orders-1", "Engine": "aurora-postgresql", "Port": 5432, "DBSubnetGroup": "subnets",
             "DBClusterIdentifier": "orders", "AvailabilityZone": "eu-central-1a", "PubliclyAccessible": false,
             "DbiResourceId": "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ", "Endpoint": "orders-1.example", "DBName": "shop", "MasterUsername": "admin1",
             "IAMDatabaseAuthenticationEnabled": false},
            {"DBInstanceIdentifier": "inventory", "Engine": "mysql", "Port": 3307, "DBSubnetGroup": "subnets",
             "VpcSecurityGroups": on, "MasterUsername": "admin1", "IAMDatabaseAuthenticationEnabled": true,
             "Endpoint": "inventory.example", "AvailabilityZone": "eu-central-1a", "PubliclyAccessible": false,
             "DbiResourceId": "db-BCDEFGHIJKLMNOPQRSTUVWXYZA"}
        ],
        "DBProxies": [{"DBProxyName": "pool", "EngineFamily": "POSTGRESQL", "VpcId": VPC, "VpcSubnetIds": SUBNETS,
            "VpcSecurityGroupIds": [BASE], "Target": {"Type": "TRACKED_CLUSTER", "RdsResourceId": "orders"},
            "RoleArn": arn("of-the-test-proxy"), "IAMAuth": "DISABLED", "Endpoint": "pool.example", "RequireTLS": false,
            "SecretArns": ["arn:aws:secretsmanager:us-east-1:123456789012:secret:of-the-test"]}],
        "Functions": [
            function("checkout", ROLES[0], Some(inside.clone())), function("refunds", ROLES[0], Some(inside)),
            function("newsletter", ROLES[1], None)
        ],
        "Secrets": [{"Name": "orders-app", "ARN": SECRET}],
        "Roles": [role(ROLES[0], "lambda.amazonaws.com", &[vpc_access]), role(ROLES[1], "lambda.amazonaws.com", &[]),
                  role("of-the-test-proxy", "rds.amazonaws.com", &[])],
        "MskClusters": [{"ClusterArn": MSK, "ClusterName": "events", "ClusterType": "PROVISIONED", "Provisioned": {
            "BrokerNodeGroupInfo": {"ClientSubnets": SUBNETS, "SecurityGroups": [BROKERS], "InstanceType": "kafka.m7g.large"},
            "ClientAuthentication": {"Sasl": {"Iam": {"Enabled": true}}}}}]
    });
    serde_json::from_value(document).unwrap()
}

const SETUP: &str = "setup --cluster orders --function checkout --yes";
const SETUP_INSTANCE: &str = "setup --instance inventory --function checkout --yes";
const PROXIED: &str = "setup --cluster orders --function checkout --proxy pool --yes";
const NEW_PROXY: &str = "setup --cluster orders --function checkout --proxy new --secret orders-app --yes";
const ATTACH: &str =
    "attach --function newsletter --subnet subnet-x --subnet subnet-y --security-group sg-base --grant --yes";
const INTERNET: &str = "internet setup --function checkout --yes";
const ENDPOINTS: &str = "msk setup --cluster-arn MSK --via endpoints --yes";
const FIX: &str = "diagnose --instance inventory --function checkout --fix --yes";

/// The groups of two sides are made, with one rule each, and put on.
macro_rules! two_groups {
    ($($then:literal),*) => {
        &["ec2:CreateSecurityGroup", "ec2:CreateSecurityGroup", "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupEgress",
          "ec2:AuthorizeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupEgress", $($then),*, "lambda:UpdateFunctionConfiguration"]
    };
}

/// The groups of three sides are made, with one rule for each way, and put on.
macro_rules! three_groups {
    ($($then:literal),*) => {
        &["ec2:CreateSecurityGroup", "ec2:CreateSecurityGroup", "ec2:CreateSecurityGroup",
          "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupEgress",
          "ec2:AuthorizeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupIngress",
          "ec2:AuthorizeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupEgress", $($then),*, "lambda:UpdateFunctionConfiguration"]
    };
}

fn scenario(
    name: &'static str,
    before: &'static [&'static str],
    arguments: &'static str,
    (decision, result): (&'static str, &'static str),
    actions: &'static [&'static str],
) -> Scenario {
    Scenario {
        name,
        before,
        deleted: None,
        arguments,
        expected: Expected {
            decision,
            result,
            actions,
        },
        in_any_order: false,
    }
}

/// All of them.
#[expect(clippy::too_many_lines, reason = "one list")]
pub fn scenarios() -> Vec<Scenario> {
    let (created, shared, unchanged) = (
        ("create-new", "connected"),
        ("associate-existing", "connected"),
        ("no-op", "unchanged"),
    );
    vec![
        scenario(
            "a cluster's first function",
            &[],
            SETUP,
            created,
            two_groups!("rds:ModifyDBCluster"),
        ),
        scenario(
            "a cluster's second function",
            &[SETUP],
            "setup --cluster orders --function refunds --yes",
            shared,
            &["lambda:UpdateFunctionConfiguration"],
        ),
        scenario("a cluster once more", &[SETUP], SETUP, unchanged, &[]),
        scenario(
            "an instance's first function",
            &[],
            SETUP_INSTANCE,
            created,
            two_groups!("rds:ModifyDBInstance"),
        ),
        scenario(
            "an instance's second function",
            &[SETUP_INSTANCE],
            "setup --instance inventory --function refunds --yes",
            shared,
            &["lambda:UpdateFunctionConfiguration"],
        ),
        scenario(
            "an instance once more",
            &[SETUP_INSTANCE],
            SETUP_INSTANCE,
            unchanged,
            &[],
        ),
        scenario(
            "through a proxy",
            &[],
            PROXIED,
            created,
            three_groups!("rds:ModifyDBCluster", "rds:ModifyDBProxy"),
        ),
        scenario("through a proxy once more", &[PROXIED], PROXIED, unchanged, &[]),
        scenario(
            "a new proxy on a secret",
            &[],
            NEW_PROXY,
            created,
            three_groups!(
                "iam:CreateRole",
                "iam:PutRolePolicy",
                "rds:CreateDBProxy",
                "rds:RegisterDBProxyTargets",
                "rds:ModifyDBCluster"
            ),
        ),
        scenario(
            "the last function's connection is removed",
            &[SETUP],
            "remove --cluster orders --function checkout --yes",
            ("disconnect", "removed"),
            &[
                "ec2:CreateTags",
                "lambda:UpdateFunctionConfiguration",
                "rds:ModifyDBCluster",
                "ec2:RevokeSecurityGroupEgress",
                "ec2:RevokeSecurityGroupIngress",
                "ec2:DeleteSecurityGroup",
                "ec2:DeleteSecurityGroup",
            ],
        ),
        scenario(
            "one of two functions' connections is removed",
            &[SETUP, "setup --cluster orders --function refunds --yes"],
            "remove --cluster orders --function checkout --yes",
            ("disconnect", "removed"),
            &["ec2:CreateTags", "lambda:UpdateFunctionConfiguration"],
        ),
        scenario(
            "a function goes into a VPC",
            &[],
            ATTACH,
            ("attach", "attached"),
            &["iam:AttachRolePolicy", "lambda:UpdateFunctionConfiguration"],
        ),
        scenario(
            "a function goes out of a VPC",
            &[ATTACH],
            "detach --function newsletter --yes",
            ("detach", "detached"),
            &["lambda:UpdateFunctionConfiguration"],
        ),
        Scenario {
            deleted: Some("checkout"),
            in_any_order: true,
            ..scenario(
                "what a deleted function has left",
                &[SETUP_INSTANCE],
                "cleanup --yes",
                ("disconnect", "removed"),
                &[
                    "ec2:CreateTags",
                    "rds:ModifyDBInstance",
                    "ec2:RevokeSecurityGroupIngress",
                    "ec2:RevokeSecurityGroupEgress",
                    "ec2:DeleteSecurityGroup",
                    "ec2:DeleteSecurityGroup",
                ],
            )
        },
        scenario(
            "a way to the internet",
            &[],
            INTERNET,
            ("build", "built"),
            &[
                "ec2:CreateSubnet",
                "ec2:CreateInternetGateway",
                "ec2:AttachInternetGateway",
                "ec2:AllocateAddress",
                "ec2:CreateNatGateway",
                "ec2:CreateRouteTable",
                "ec2:CreateRoute",
                "ec2:AssociateRouteTable",
                "ec2:CreateRouteTable",
                "ec2:CreateRoute",
                "ec2:AssociateRouteTable",
                "ec2:AssociateRouteTable",
            ],
        ),
        scenario(
            "endpoints for an MSK cluster",
            &[],
            ENDPOINTS,
            ("build", "built"),
            &[
                "ec2:CreateSecurityGroup",
                "ec2:RevokeSecurityGroupEgress",
                "ec2:AuthorizeSecurityGroupIngress",
                "ec2:AuthorizeSecurityGroupIngress",
                "ec2:CreateVpcEndpoint",
                "ec2:CreateVpcEndpoint",
            ],
        ),
        scenario(
            "what diagnose finds is fixed",
            &[],
            FIX,
            ("create-new", "fixed"),
            two_groups!("rds:ModifyDBInstance"),
        ),
        scenario("what was fixed stays", &[FIX], FIX, ("no-op", "unchanged"), &[]),
    ]
}
