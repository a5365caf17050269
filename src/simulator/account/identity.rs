//! The policies of an account's roles. Of AWS's own, those that functions and proxies have most often are known here; a file
//! holds the others.

use serde_json::{Value, json};

use super::offline::OfflineAccount;
use super::rules::{Outcome, State};
use crate::cloud::{Answer, Fault, IdentityCloud, Operation};
use crate::model::last_segment;

/// The version that every policy of a file has.
const VERSION: &str = "v1";

/// What AWS's own policies allow (AWS managed policy reference).
fn of_aws(arn: &str) -> Option<Value> {
    let eni = [
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
    ];
    let logs = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"];
    let msk = [
        "kafka:DescribeCluster",
        "kafka:DescribeClusterV2",
        "kafka:GetBootstrapBrokers",
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeVpcs",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeSubnets",
        "ec2:DescribeSecurityGroups",
    ];
    let actions: Vec<&str> = match last_segment(arn) {
        "AWSLambdaVPCAccessExecutionRole" => logs.into_iter().chain(eni).collect(),
        "AWSLambdaENIManagementAccess" => eni.to_vec(),
        "AWSLambdaBasicExecutionRole" => logs.to_vec(),
        "AWSLambdaMSKExecutionRole" => msk.into_iter().chain(logs).collect(),
        "AdministratorAccess" => vec!["*"],
        "AmazonS3FullAccess" => vec!["s3:*", "s3-object-lambda:*"],
        "AWSXRayDaemonWriteAccess" => vec![
            "xray:PutTraceSegments",
            "xray:PutTelemetryRecords",
            "xray:GetSamplingRules",
            "xray:GetSamplingTargets",
            "xray:GetSamplingStatisticSummaries",
        ],
        _ => return None,
    };
    let is_of_aws = arn.contains(":iam::aws:policy/");
    let statement = json!({"Effect": "Allow", "Action": actions, "Resource": "*"});
    is_of_aws.then(|| json!({"Version": "2012-10-17", "Statement": [statement]}))
}

/// Whether the program knows what a policy of AWS's allows, so that a file need not hold it.
#[must_use]
pub fn is_known_policy(arn: &str) -> bool {
    of_aws(arn).is_some()
}

impl State {
    fn policy(&self, arn: &str) -> Outcome<Value> {
        let own = self.document.policies.iter().find(|policy| policy.arn == arn);
        let document = own.map(|policy| policy.policy_document.clone()).or_else(|| of_aws(arn));
        document.ok_or_else(|| Fault::NotFound(format!("Policy {arn} does not exist or is not attachable.")))
    }
}

#[async_trait::async_trait]
impl IdentityCloud for OfflineAccount {
    async fn list_attached_role_policies(&self, role: &str) -> Answer<Vec<String>> {
        self.read(Operation::ListAttachedRolePolicies, |state| {
            Ok(state.role(role)?.attached_policies.clone())
        })
    }

    async fn list_role_policies(&self, role: &str) -> Answer<Vec<String>> {
        self.read(Operation::ListRolePolicies, |state| {
            let policies = state.role(role)?.policies.iter();
            Ok(policies.map(|policy| policy.policy_name.clone()).collect())
        })
    }

    async fn get_policy(&self, arn: &str) -> Answer<String> {
        self.read(Operation::GetPolicy, |state| {
            state.policy(arn).map(|_| VERSION.to_owned())
        })
    }

    async fn get_policy_version(&self, arn: &str, _: &str) -> Answer<String> {
        self.read(Operation::GetPolicyVersion, |state| {
            state.policy(arn).map(|document| document.to_string())
        })
    }
}
