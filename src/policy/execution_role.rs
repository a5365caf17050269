//! What Lambda needs in the execution role of a function in a VPC, and what of it a role lacks.
//!
//! Source: spec/lambda-vpc.md, "Execution role".

use super::document::{PolicyDocument, Statement};
use super::evaluate::{Context, Request, Verdict, evaluate};
use crate::model::{GroupId, MskKind, Place, SubnetId};

/// The actions with which Lambda makes, finds and deletes a function's network interfaces.
pub const INTERFACE_ACTIONS: [&str; 6] = [
    CREATE,
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
];

/// The actions of AWS's policy `AWSLambdaMSKExecutionRole`, but for writing the log. Source: spec/msk.md.
pub const MSK_ACTIONS: [&str; 9] = [
    DESCRIBE_CLUSTER,
    DESCRIBE_CLUSTER_V2,
    "kafka:GetBootstrapBrokers",
    CREATE,
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeVpcs",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeSubnets",
    "ec2:DescribeSecurityGroups",
];

const DESCRIBE_CLUSTER: &str = "kafka:DescribeCluster";
const DESCRIBE_CLUSTER_V2: &str = "kafka:DescribeClusterV2";
const CREATE: &str = "ec2:CreateNetworkInterface";

/// The key by which a function's own calls are told from those that Lambda makes for it. Lambda's have it not.
pub const SOURCE_FUNCTION: &str = "lambda:SourceFunctionArn";

/// An action that a role does not surely allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// The action.
    pub action: &'static str,
    /// The resource for which it is lacking.
    pub resource: String,
    /// What the policies say: never [`Verdict::Allowed`].
    pub verdict: Verdict,
}

/// What a role with these policies lacks for a function in these subnets with these groups.
#[must_use]
pub fn lacks(policies: &[PolicyDocument], place: Place<'_>, subnets: &[SubnetId], groups: &[GroupId]) -> Vec<Lack> {
    lacking(policies, &INTERFACE_ACTIONS, |action| {
        on_interfaces(action, place, subnets, groups)
    })
}

/// What a role with these policies lacks for a function that is invoked with the records of an MSK cluster in these
/// subnets with these groups.
#[must_use]
pub fn lacks_for_msk(
    policies: &[PolicyDocument],
    cluster: &str,
    kind: &MskKind,
    subnets: &[SubnetId],
    groups: &[GroupId],
) -> Vec<Lack> {
    let mut lacks = lacking(policies, &MSK_ACTIONS, |action| match action.split_once(':') {
        Some(("kafka", _)) => vec![cluster.to_owned()],
        _ => on_interfaces(action, Place::of(cluster), subnets, groups),
    });
    let is_lacking = |action: &str| lacks.iter().any(|lack| lack.action == action);
    // Either describes a provisioned cluster; only the newer one describes a serverless cluster.
    let either = *kind != MskKind::Serverless;
    let left_out = match (is_lacking(DESCRIBE_CLUSTER), is_lacking(DESCRIBE_CLUSTER_V2)) {
        (true, _) => Some(DESCRIBE_CLUSTER),
        (false, true) if either => Some(DESCRIBE_CLUSTER_V2),
        _ => None,
    };
    lacks.retain(|lack| Some(lack.action) != left_out);
    lacks
}

/// The resources on which Lambda needs an action of EC2's.
fn on_interfaces(action: &str, place: Place<'_>, subnets: &[SubnetId], groups: &[GroupId]) -> Vec<String> {
    if action.starts_with("ec2:Describe") {
        return vec!["*".to_owned()];
    }
    let mut resources = vec![place.arn("ec2", "network-interface/*")];
    if action == CREATE {
        resources.extend(subnets.iter().map(|id| place.arn("ec2", &format!("subnet/{id}"))));
        let groups = groups.iter();
        resources.extend(groups.map(|id| place.arn("ec2", &format!("security-group/{id}"))));
    }
    resources
}

fn lacking(
    policies: &[PolicyDocument],
    actions: &[&'static str],
    resources: impl Fn(&str) -> Vec<String>,
) -> Vec<Lack> {
    let context = Context::unknown().with(SOURCE_FUNCTION, [""; 0]);
    let worst = |&action: &&'static str| {
        // One line an action, for the worst of its resources.
        let verdict_on = |resource: String| Lack {
            verdict: evaluate(
                policies,
                Request {
                    action,
                    resource: &resource,
                    context: &context,
                },
            ),
            action,
            resource,
        };
        let worst = resources(action)
            .into_iter()
            .map(verdict_on)
            .max_by_key(|lack| lack.verdict)?;
        (worst.verdict != Verdict::Allowed).then_some(worst)
    };
    actions.iter().filter_map(worst).collect()
}

/// What a function's role needs to run in a VPC; and, if `msk`, to be invoked with the records of an MSK cluster.
#[must_use]
pub fn execution_role(msk: bool) -> PolicyDocument {
    // The interfaces do not exist yet when the policy is written, and describing knows no resources.
    let mut statements = vec![
        Statement::allow(INTERFACE_ACTIONS)
            .on(["*"])
            .named("LambdaNetworkInterfaces"),
    ];
    if msk {
        statements.push(Statement::allow(MSK_ACTIONS).on(["*"]).named("LambdaReadsMsk"));
    }
    PolicyDocument::new(statements)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PLACE: Place<'static> = Place {
        partition: "aws",
        region: "eu-central-1",
        account: "123456789012",
    };

    fn found(statements: &serde_json::Value) -> Vec<Lack> {
        let policy = PolicyDocument::read(&json!({ "Statement": statements }).to_string()).unwrap();
        lacks(&[policy], PLACE, &["subnet-1".into()], &["sg-1".into()])
    }

    #[test]
    fn the_printed_policy_is_enough() {
        assert_eq!(
            lacks(&[execution_role(false)], PLACE, &["subnet-1".into()], &["sg-1".into()]),
            []
        );
    }

    #[test]
    fn one_action_that_describes_the_cluster_is_enough() {
        const CLUSTER: &str = "arn:aws:kafka:eu-central-1:123456789012:cluster/c/1";
        let others = MSK_ACTIONS
            .into_iter()
            .filter(|action| !action.starts_with("kafka:DescribeCluster"));
        let others: Vec<&str> = others.collect();
        let (old, new) = (DESCRIBE_CLUSTER, DESCRIBE_CLUSTER_V2);
        let table: [(&[&str], MskKind, &[&str]); 8] = [
            (&[old, new], MskKind::Provisioned, &[]),
            (&[old], MskKind::Provisioned, &[]),
            (&[new], MskKind::Provisioned, &[]),
            (&[], MskKind::Provisioned, &[new]),
            (&[old, new], MskKind::Serverless, &[]),
            (&[old], MskKind::Serverless, &[new]),
            (&[new], MskKind::Serverless, &[]),
            (&[], MskKind::Serverless, &[new]),
        ];
        for (given, kind, expected) in table {
            let actions: Vec<&str> = others.iter().chain(given).copied().collect();
            let policy = PolicyDocument::new(vec![Statement::allow(actions).on(["*"])]);
            let lacks = lacks_for_msk(&[policy], CLUSTER, &kind, &["subnet-1".into()], &["sg-1".into()]);
            let found: Vec<&str> = lacks.iter().map(|lack| lack.action).collect();
            assert_eq!(found, expected, "{given:?} {kind}");
        }
    }

    #[test]
    fn each_action_that_is_not_there_is_named() {
        for left_out in INTERFACE_ACTIONS {
            let others: Vec<&str> = INTERFACE_ACTIONS
                .into_iter()
                .filter(|action| *action != left_out)
                .collect();
            let lacks = found(&json!({"Effect": "Allow", "Action": others, "Resource": "*"}));
            assert_eq!(lacks.len(), 1);
            assert_eq!((lacks[0].action, lacks[0].verdict), (left_out, Verdict::NotAllowed));
        }
    }

    #[test]
    fn another_subnet_is_not_enough() {
        let lacks = found(&json!([
            {"Effect": "Allow", "Action": INTERFACE_ACTIONS, "Resource": ["arn:aws:ec2:*:*:network-interface/*", "arn:aws:ec2:*:*:security-group/*", "arn:aws:ec2:*:*:subnet/subnet-2"]},
            {"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}
        ]));
        let lack = Lack {
            action: CREATE,
            resource: "arn:aws:ec2:eu-central-1:123456789012:subnet/subnet-1".into(),
            verdict: Verdict::NotAllowed,
        };
        assert_eq!(lacks, [lack]);
    }

    #[test]
    fn what_denies_the_functions_own_code_does_not_deny_lambda() {
        let lacks = found(&json!([
            {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "ec2:*", "Resource": "*", "Condition": {"ArnEquals": {SOURCE_FUNCTION: "arn:aws:lambda:eu-central-1:123456789012:function:f"}}}
        ]));
        assert_eq!(lacks, []);
    }

    #[test]
    fn what_depends_on_the_request_is_not_known() {
        let lacks = found(
            &json!({"Effect": "Allow", "Action": "ec2:*", "Resource": "*", "Condition": {"StringEquals": {"aws:RequestedRegion": "eu-central-1"}}}),
        );
        assert!(lacks.iter().all(|lack| lack.verdict == Verdict::Unknown), "{lacks:?}");
        assert_eq!(lacks.len(), INTERFACE_ACTIONS.len());
    }
}
