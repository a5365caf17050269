//! The policies of an account's roles. Of AWS's own, those that functions and proxies have most often are known here; a file
//! holds the others.

use serde_json::{Value, json};

use super::offline::OfflineAccount;
use super::rules::{Outcome, State};
use crate::cloud::{Answer, Fault, IdentityCloud, NewRole, Operation, RoleDescription};
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

    async fn get_role(&self, name: &str) -> Answer<RoleDescription> {
        self.read(Operation::GetRole, |state| state.get_role(name))
    }

    async fn get_role_policy(&self, role: &str, policy: &str) -> Answer<String> {
        self.read(Operation::GetRolePolicy, |state| state.get_role_policy(role, policy))
    }

    async fn create_role(&self, new: &NewRole) -> Answer<String> {
        self.write(Operation::CreateRole, |state| state.create_role(new))
    }

    async fn put_role_policy(&self, role: &str, policy: &str, document: &str) -> Answer<()> {
        self.write(Operation::PutRolePolicy, |state| {
            state.put_role_policy(role, policy, document)
        })
    }

    async fn attach_role_policy(&self, role: &str, policy: &str) -> Answer<()> {
        self.write(Operation::AttachRolePolicy, |state| {
            state.attach_role_policy(role, policy)
        })
    }

    async fn list_roles(&self, prefix: &str) -> Answer<Vec<String>> {
        self.read(Operation::ListRoles, |state| {
            let names = state.document.roles.iter().map(|role| role.role_name.clone());
            Ok(names.filter(|name| name.starts_with(prefix)).collect())
        })
    }

    async fn detach_role_policy(&self, role: &str, policy: &str) -> Answer<()> {
        self.write(Operation::DetachRolePolicy, |state| {
            let attached = &mut state.role_mut(role)?.attached_policies;
            let before = attached.len();
            attached.retain(|found| found != policy);
            if attached.len() < before {
                return Ok(());
            }
            Err(Fault::NotFound(format!("Policy {policy} was not found.")))
        })
    }

    async fn delete_role_policy(&self, role: &str, policy: &str) -> Answer<()> {
        self.write(Operation::DeleteRolePolicy, |state| {
            let policies = &mut state.role_mut(role)?.policies;
            let before = policies.len();
            policies.retain(|found| found.policy_name != policy);
            if policies.len() < before {
                return Ok(());
            }
            Err(Fault::NotFound(format!(
                "The role policy with name {policy} cannot be found."
            )))
        })
    }

    async fn delete_role(&self, name: &str) -> Answer<()> {
        self.write(Operation::DeleteRole, |state| state.delete_role(name))
    }
}
