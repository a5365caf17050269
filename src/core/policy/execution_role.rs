//! What Lambda needs in the execution role of a function in a VPC, and what of it a role lacks.
//!
//! Source: docs/attaching.md, "Execution role".

use super::document::{PolicyDocument, Statement};
use super::evaluate::{Context, Request, Verdict};
use super::grants::{MSK_LOGIN, via_secrets_manager};
use super::role::{Judgement, RolePolicies};
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

/// The actions of AWS's policy `AWSLambdaMSKExecutionRole`, without those for writing the log. Source: docs/msk.md,
/// "`msk check`".
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
const READ_SECRET: &str = "secretsmanager:GetSecretValue";
const DECRYPT: &str = "kms:Decrypt";
const CONNECT: &str = "rds-db:connect";
const CREATE: &str = "ec2:CreateNetworkInterface";
const DELETE_ACTIONS: [&str; 2] = ["ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface"];

/// The key that distinguishes a function's own calls from those that Lambda makes for it, which do not have it.
pub const SOURCE_FUNCTION: &str = "lambda:SourceFunctionArn";

/// An action that a role may not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// The action.
    pub action: &'static str,
    /// The resource for which it is lacking.
    pub resource: String,
    /// What the policies say: never [`Verdict::Allowed`].
    pub verdict: Verdict,
    /// What decides it: a statement, the permissions boundary, what could not be read.
    pub by: String,
    /// Whether it is the permissions boundary, so that no further policy helps.
    pub is_bounded: bool,
}

/// What Lambda does with network interfaces when the settings of a function change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterfaceChange {
    /// It makes interfaces, and keeps them: a function is attached.
    Make,
    /// It makes interfaces for the new settings and deletes those for the old ones: the groups or subnets change.
    Replace,
    /// It deletes interfaces: a function is detached or deleted.
    Delete,
}

impl InterfaceChange {
    /// The actions that the change needs.
    fn actions(self) -> &'static [&'static str] {
        match self {
            Self::Make | Self::Replace => &INTERFACE_ACTIONS,
            Self::Delete => &DELETE_ACTIONS,
        }
    }
}

/// What a role lacks for a function in these subnets with these groups.
pub fn lacks(role: &RolePolicies, place: Place<'_>, subnets: &[SubnetId], groups: &[GroupId]) -> Vec<Lack> {
    lacks_for_change(role, InterfaceChange::Make, place, subnets, groups)
}

/// What a role lacks for a change of a function that is then in these subnets with these groups.
pub fn lacks_for_change(
    role: &RolePolicies,
    change: InterfaceChange,
    place: Place<'_>,
    subnets: &[SubnetId],
    groups: &[GroupId],
) -> Vec<Lack> {
    lacking(role, &of_lambda(place), change.actions(), |action| {
        on_interfaces(action, place, subnets, groups)
    })
}

/// What is known of a request that Lambda sends with a function's role.
fn of_lambda(place: Place<'_>) -> Context {
    in_place(place).with(SOURCE_FUNCTION, [""; 0])
}

/// What is known of every request that a role of this place sends to a service of it.
fn in_place(place: Place<'_>) -> Context {
    Context::unknown()
        .with("aws:RequestedRegion", [place.region])
        .with("aws:PrincipalAccount", [place.account])
}

/// What a role lacks for a function that is invoked with the records of an MSK cluster in these subnets with these groups.
pub fn lacks_for_msk(
    role: &RolePolicies,
    cluster: &str,
    kind: &MskKind,
    subnets: &[SubnetId],
    groups: &[GroupId],
) -> Vec<Lack> {
    let place = Place::of(cluster);
    let mut lacks = lacking(role, &of_lambda(place), &MSK_ACTIONS, |action| {
        match action.split_once(':') {
            Some(("kafka", _)) => vec![cluster.to_owned()],
            _ => on_interfaces(action, place, subnets, groups),
        }
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

/// What a role lacks to log in to an MSK cluster with IAM authentication. Which topics and consumer groups it is for is not
/// known here.
pub fn lacks_for_msk_login(role: &RolePolicies, cluster: &str) -> Vec<Lack> {
    let of_role = in_place(Place::of(cluster));
    lacking(role, &of_role, MSK_LOGIN[0], |_| vec![cluster.to_owned()])
}

/// What a role lacks to read a secret, and to decrypt it where its key is a customer's.
pub fn lacks_for_secret(role: &RolePolicies, secret: &str, customer_key: Option<&str>) -> Vec<Lack> {
    let place = Place::of(secret);
    let of_role = in_place(place).with(SOURCE_FUNCTION, [""; 0]);
    let mut lacks = lacking(role, &of_role, &[READ_SECRET], |_| vec![secret.to_owned()]);
    if let Some(key) = customer_key {
        // Secrets Manager asks KMS on the caller's behalf, and names the secret.
        let through = of_role
            .with("kms:ViaService", [via_secrets_manager(place)])
            .with("kms:EncryptionContext:SecretARN", [secret]);
        lacks.extend(lacking(role, &through, &[DECRYPT], |_| vec![key.to_owned()]));
    }
    lacks
}

/// Whether a role may connect to a database, or through a proxy, as one user: by the resource id (`cluster-…`, `db-…`,
/// `prx-…`).
pub fn may_connect(role: &RolePolicies, place: Place<'_>, resource_id: &str, user: &str) -> Judgement {
    role.judge(Request {
        action: CONNECT,
        resource: &place.arn("rds-db", &format!("dbuser:{resource_id}/{user}")),
        context: &in_place(place),
    })
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
    role: &RolePolicies,
    context: &Context,
    actions: &[&'static str],
    resources: impl Fn(&str) -> Vec<String>,
) -> Vec<Lack> {
    let worst = |&action: &&'static str| {
        // One line an action, for the worst of its resources.
        let verdict_on = |resource: String| {
            let Judgement {
                verdict,
                by,
                is_bounded,
            } = role.judge(Request {
                action,
                resource: &resource,
                context,
            });
            Lack {
                action,
                resource,
                verdict,
                by,
                is_bounded,
            }
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
        let role = RolePolicies::only([policy]);
        lacks(&role, PLACE, &["subnet-1".into()], &["sg-1".into()])
    }

    #[test]
    fn the_printed_policy_is_enough() {
        let role = RolePolicies::only([execution_role(false)]);
        assert_eq!(lacks(&role, PLACE, &["subnet-1".into()], &["sg-1".into()]), []);
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
            let role = RolePolicies::only([PolicyDocument::new(vec![Statement::allow(actions).on(["*"])])]);
            let lacks = lacks_for_msk(&role, CLUSTER, &kind, &["subnet-1".into()], &["sg-1".into()]);
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
            by: "no statement of its policies".into(),
            is_bounded: false,
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
        let all_unknown = |condition: serde_json::Value| {
            let lacks = found(&json!({"Effect": "Allow", "Action": "ec2:*", "Resource": "*", "Condition": condition}));
            assert!(lacks.iter().all(|lack| lack.verdict == Verdict::Unknown), "{lacks:?}");
            assert_eq!(lacks.len(), INTERFACE_ACTIONS.len());
        };
        all_unknown(json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}));
        all_unknown(json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}));
        // The Region and the account are known.
        let by_region = |wanted: &str| {
            let condition =
                json!({"StringEquals": {"aws:RequestedRegion": wanted, "aws:PrincipalAccount": PLACE.account}});
            found(&json!({"Effect": "Allow", "Action": "ec2:*", "Resource": "*", "Condition": condition}))
        };
        assert_eq!(by_region(PLACE.region), []);
        assert_eq!(by_region("us-east-1").len(), INTERFACE_ACTIONS.len());
    }

    /// What is needed to delete interfaces, and nothing else, where a function leaves its VPC.
    #[test]
    fn each_change_needs_its_own_actions() {
        let only = |actions: &[&str]| {
            RolePolicies::only([PolicyDocument::new(vec![
                Statement::allow(actions.iter().copied()).on(["*"]),
            ])])
        };
        let table = [
            (InterfaceChange::Make, only(&INTERFACE_ACTIONS), 0),
            (InterfaceChange::Replace, only(&INTERFACE_ACTIONS), 0),
            (InterfaceChange::Delete, only(&INTERFACE_ACTIONS), 0),
            (InterfaceChange::Delete, only(&DELETE_ACTIONS), 0),
            (InterfaceChange::Delete, only(&["ec2:DescribeNetworkInterfaces"]), 1),
            (InterfaceChange::Delete, only(&[CREATE]), 2),
            (InterfaceChange::Replace, only(&DELETE_ACTIONS), 4),
            (InterfaceChange::Make, only(&[]), 6),
        ];
        for (change, role, expected) in table {
            let lacks = lacks_for_change(&role, change, PLACE, &[], &[]);
            assert_eq!(lacks.len(), expected, "{change:?} {role:?}: {lacks:?}");
        }
    }

    #[test]
    fn secrets_are_read_and_decrypted() {
        use Verdict::{NotAllowed, Unknown};
        type Row<'r> = (PolicyDocument, Option<&'r str>, &'r [(&'r str, Verdict)]);
        const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:s-AbCdEf";
        const KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/k";
        let read = || Statement::allow([READ_SECRET]).on([SECRET]);
        let decrypt = || Statement::allow([DECRYPT]).on([KEY]);
        let ours = PolicyDocument::read(&crate::policy::read_secret(SECRET, Some(KEY))).unwrap();
        let other_service = "ssm.eu-central-1.amazonaws.com";
        let other = decrypt().when("StringEquals", "kms:ViaService", [other_service]);
        let of_it = decrypt().when("StringEquals", "kms:EncryptionContext:SecretARN", [SECRET]);
        let at_will = decrypt().when("StringEquals", "kms:GrantOperations", ["Decrypt"]);
        let document = |statements: Vec<Statement>| PolicyDocument::new(statements);
        let table: [Row<'_>; 9] = [
            (ours, Some(KEY), &[]),
            (document(vec![read()]), None, &[]),
            (document(vec![read()]), Some(KEY), &[(DECRYPT, NotAllowed)]),
            (document(vec![decrypt()]), Some(KEY), &[(READ_SECRET, NotAllowed)]),
            (
                document(vec![]),
                Some(KEY),
                &[(READ_SECRET, NotAllowed), (DECRYPT, NotAllowed)],
            ),
            (document(vec![read(), other]), Some(KEY), &[(DECRYPT, NotAllowed)]),
            (document(vec![read(), of_it]), Some(KEY), &[]),
            (document(vec![read(), at_will]), Some(KEY), &[(DECRYPT, Unknown)]),
            (
                document(vec![Statement::allow([READ_SECRET]).on([KEY])]),
                None,
                &[(READ_SECRET, NotAllowed)],
            ),
        ];
        for (document, key, expected) in table {
            let role = RolePolicies::only([document]);
            let found = lacks_for_secret(&role, SECRET, key);
            let found: Vec<(&str, Verdict)> = found.iter().map(|lack| (lack.action, lack.verdict)).collect();
            assert_eq!(found, expected, "{role:?}");
        }
    }
}
