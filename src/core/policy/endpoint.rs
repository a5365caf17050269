//! The policies of VPC endpoints: what they allow, and the least that an event source mapping needs.
//!
//! Source: docs/msk.md, "`msk check`" and "`msk setup`".

use std::collections::BTreeMap;

use super::document::{Effect, PolicyDocument, Principal, Statement, Texts, literal};
use super::evaluate::{Context, Holds, Request, Verdict, conditions_hold, evaluate, is_like_text};
use super::grants::LAMBDA;
use crate::model::Place;
use crate::model::network::WELL_KNOWN;

/// Who sends a request through an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller<'a> {
    /// A service of AWS, such as `lambda.amazonaws.com`.
    Service(&'a str),
    /// A role, by its ARN.
    Role(&'a str),
    /// A role, by its ARN, through a gateway endpoint. These take other principals than `*` differently: an account is
    /// its root user only, and a role has to be named by a condition on `aws:PrincipalArn` (VPC user guide, "Principals
    /// for gateway endpoints").
    ByGateway(&'a str),
}

/// Whether a statement of a policy applies to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Concern {
    /// It applies.
    Sure,
    /// It may apply: AWS does not document how gateway endpoints treat its principal.
    Principal,
    /// It may apply: its conditions or its principal cannot be decided.
    Maybe,
    /// It does not apply.
    No,
}

impl Caller<'_> {
    fn is_among(self, principal: &Principal) -> bool {
        let by_kind = match principal {
            Principal::Everyone(text) => return text == "*",
            Principal::Of(by_kind) => by_kind,
        };
        let named = |kind: &str| by_kind.get(kind).into_iter().flat_map(Texts::iter);
        // The whole account is meant by its number and by its root.
        let is_own = |text: &str| match self {
            Self::Service(_) | Self::ByGateway(_) => false,
            Self::Role(arn) => text == arn || is_account_of(text, arn),
        };
        let is_service = |text: &str| matches!(self, Self::Service(name) if name == text);
        named("AWS").any(|text| text == "*" || is_own(text)) || named("Service").any(is_service)
    }

    /// Whether a statement applies to the caller, by its principal and its conditions.
    fn concern(self, statement: &Statement) -> Concern {
        let by_principal = match &statement.principal {
            None if statement.effect == Effect::Deny => Concern::Maybe,
            Some(principal) if self.is_among(principal) => Concern::Sure,
            None | Some(Principal::Everyone(_)) => return Concern::No,
            Some(Principal::Of(by_kind)) => {
                let named = || by_kind.get("AWS").into_iter().flat_map(Texts::iter);
                match self {
                    // Who assumes a role gives the session its name.
                    Self::Role(role) if named().any(|text| is_session_of(text, role)) => Concern::Maybe,
                    Self::ByGateway(role) if named().any(|text| text == role || is_session_of(text, role)) => {
                        Concern::Principal
                    }
                    // What is documented for an account is whom it allows.
                    Self::ByGateway(role)
                        if statement.effect == Effect::Deny && named().any(|text| is_account_of(text, role)) =>
                    {
                        Concern::Principal
                    }
                    Self::Service(_) | Self::Role(_) | Self::ByGateway(_) => return Concern::No,
                }
            }
        };
        match (conditions_hold(statement, &self.context()), by_principal) {
            (Holds::No, _) => Concern::No,
            (Holds::Yes, concern) | (Holds::Unknown, concern @ Concern::Principal) => concern,
            (Holds::Unknown, _) => Concern::Maybe,
        }
    }

    /// What is known of its requests.
    fn context(self) -> Context {
        match self {
            Self::Service(_) => Context::unknown(),
            Self::Role(role) | Self::ByGateway(role) => Context::unknown()
                .with("aws:PrincipalArn", [role])
                .with("aws:PrincipalAccount", [Place::of(role).account])
                .with("aws:PrincipalIsAWSService", ["false"]),
        }
    }
}

/// Whether a principal is a session of a role.
fn is_session_of(principal: &str, role: &str) -> bool {
    let name = role.rsplit('/').next().unwrap_or_default();
    principal.contains(&format!(":sts::{}:assumed-role/{name}/", Place::of(role).account))
}

/// Whether a principal means the whole account of a role.
fn is_account_of(principal: &str, role: &str) -> bool {
    let account = Place::of(role).account;
    principal == account || principal.ends_with(&format!(":iam::{account}:root"))
}

/// Whether a policy names the account of a role as a principal.
pub fn names_account(policy: &PolicyDocument, role: &str) -> bool {
    let principals = policy
        .statement
        .iter()
        .filter_map(|statement| statement.principal.as_ref());
    let of_aws = principals.filter_map(|principal| match principal {
        Principal::Everyone(_) => None,
        Principal::Of(by_kind) => by_kind.get("AWS"),
    });
    of_aws.flat_map(Texts::iter).any(|text| is_account_of(text, role))
}

/// The prefix of the actions of a service, by the service's name in endpoints: `kinesis` of `kinesis-streams`.
fn action_prefix(service: &str) -> &str {
    match service.split('.').next().unwrap_or_default() {
        "email-smtp" => "ses",
        "kinesis-firehose" => "firehose",
        "kinesis-streams" => "kinesis",
        "monitoring" => "cloudwatch",
        name => name,
    }
}

/// What an endpoint's policy says of a request.
pub fn through_endpoint(policy: &PolicyDocument, caller: Caller<'_>, action: &str, resource: &str) -> Verdict {
    let concerns = |statement: &&Statement| match &statement.principal {
        Some(principal) => caller.is_among(principal),
        // For all but some: nothing is allowed by it for certain, and denied it may be.
        None => statement.effect == Effect::Deny,
    };
    let statements = policy.statement.iter().filter(concerns).cloned().collect();
    let request = Request {
        action,
        resource,
        context: &caller.context(),
    };
    evaluate([&PolicyDocument::new(statements)], request)
}

/// How much of what some callers may send an endpoint's policy lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every request.
    All,
    /// Some requests.
    Some,
    /// No request.
    Nothing,
    /// It depends on conditions.
    Unknown,
    /// It depends on what a gateway endpoint makes of the principal that is named.
    Principal,
}

/// How many of a caller's requests an endpoint's policy allows: all, some or none. `service` is the endpoint's service, such as
/// `kinesis-streams`.
pub fn reach_through_endpoint(policy: &PolicyDocument, caller: Caller<'_>, service: &str) -> Reach {
    let prefix = action_prefix(service);
    let whole = format!("{prefix}:*");
    let is_all = |statement: &Statement| {
        let mut actions = statement.action.iter();
        actions.any(|action| action == "*" || action == "*:*" || action.eq_ignore_ascii_case(&whole))
            && statement.resource.iter().any(|resource| resource == "*")
    };
    // Of other services it is not known by which prefixes their actions begin.
    let is_known = WELL_KNOWN.contains(&service);
    let is_of_service = |statement: &Statement| !is_known || may_name(statement, prefix);
    let of = |effect: Effect| -> Vec<(Concern, &Statement)> {
        let statements = policy.statement.iter();
        let statements = statements.filter(|statement| statement.effect == effect && is_of_service(statement));
        let concerns = statements.map(|statement| (caller.concern(statement), statement));
        concerns.filter(|(concern, _)| *concern != Concern::No).collect()
    };
    let (denials, allowances) = (of(Effect::Deny), of(Effect::Allow));
    let has = |of: &[(Concern, &Statement)], wanted: Concern, all: bool| {
        let mut of = of.iter();
        of.any(|(concern, statement)| *concern == wanted && (!all || is_all(statement)))
    };
    if allowances.is_empty() || has(&denials, Concern::Sure, true) {
        return Reach::Nothing;
    }
    let doubt = |of: &[(Concern, &Statement)]| {
        if has(of, Concern::Principal, false) {
            Reach::Principal
        } else {
            Reach::Unknown
        }
    };
    if !has(&allowances, Concern::Sure, false) {
        return doubt(&allowances);
    }
    if !has(&allowances, Concern::Sure, true) {
        return Reach::Some;
    }
    match denials.as_slice() {
        [] => Reach::All,
        denials if has(denials, Concern::Maybe, true) || has(denials, Concern::Principal, true) => doubt(denials),
        _ => Reach::Some,
    }
}

/// Whether a statement may be about actions that begin with this prefix.
fn may_name(statement: &Statement, prefix: &str) -> bool {
    let fits = |pattern: &str| {
        let (service, _) = pattern.split_once(':').unwrap_or((pattern, ""));
        is_like_text(&service.to_ascii_lowercase(), prefix)
    };
    let whole = |pattern: &str| pattern == "*" || pattern.eq_ignore_ascii_case(&format!("{prefix}:*"));
    if statement.action.is_empty() && !statement.not_action.is_empty() {
        return !statement.not_action.iter().any(whole);
    }
    statement.action.iter().any(fits)
}

/// The least that the endpoint of a service has to let event source mappings do, in the three shapes of the developer guide:
/// Lambda invoke functions, Lambda assume their roles, and the execution roles read these secrets. None for a service that
/// no mapping needs, and without secrets or roles.
pub fn for_mapping(service: &str, secrets: &[String], roles: &[String]) -> Option<PolicyDocument> {
    let statement = match service {
        "lambda" => Statement::allow(["lambda:InvokeFunction"])
            .on(["*"])
            .by(service_principal()),
        "sts" => Statement::allow(["sts:AssumeRole"]).on(["*"]).by(service_principal()),
        "secretsmanager" if !secrets.is_empty() && !roles.is_empty() => {
            let roles = roles.iter().map(String::as_str).collect();
            Statement::allow(["secretsmanager:GetSecretValue"])
                .on(secrets.iter().map(|secret| literal(secret)))
                .by(Principal::Of(BTreeMap::from([("AWS".to_owned(), roles)])))
        }
        _ => return None,
    };
    Some(PolicyDocument::new(vec![statement]))
}

fn service_principal() -> Principal {
    Principal::Of(BTreeMap::from([("Service".to_owned(), [LAMBDA].into_iter().collect())]))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/r";

    fn verdict(statement: &Value, caller: Caller<'_>, action: &str, resource: &str) -> Verdict {
        let policy = PolicyDocument::read(&json!({ "Statement": statement }).to_string()).unwrap();
        through_endpoint(&policy, caller, action, resource)
    }

    #[test]
    fn principals_are_distinguished() {
        let table = [
            (json!("*"), true, true),
            (json!({"AWS": "*"}), true, true),
            (json!({"Service": "lambda.amazonaws.com"}), true, false),
            (
                json!({"Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"]}),
                true,
                false,
            ),
            (json!({"Service": "ec2.amazonaws.com"}), false, false),
            (json!({"AWS": ROLE}), false, true),
            (json!({"AWS": "123456789012"}), false, true),
            (json!({"AWS": "arn:aws:iam::123456789012:root"}), false, true),
            (json!({"AWS": "arn:aws:iam::210987654321:root"}), false, false),
        ];
        for (principal, by_service, by_role) in table {
            let statement = json!({"Effect": "Allow", "Principal": principal, "Action": "sts:*", "Resource": "*"});
            for (caller, allowed) in [(Caller::Service(LAMBDA), by_service), (Caller::Role(ROLE), by_role)] {
                let verdict = verdict(&statement, caller, "sts:AssumeRole", "*");
                assert_eq!(verdict == Verdict::Allowed, allowed, "{principal} {caller:?}");
            }
        }
    }

    #[test]
    fn a_denial_counts_for_those_that_it_names() {
        let statements = |principal: Value| {
            json!([
                {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"},
                {"Effect": "Deny", "Principal": principal, "Action": "lambda:*", "Resource": "*"}
            ])
        };
        let table = [
            (json!({"AWS": ROLE}), Verdict::Allowed),
            (json!({"Service": "lambda.amazonaws.com"}), Verdict::Denied),
        ];
        for (principal, expected) in table {
            let lambda = Caller::Service(LAMBDA);
            let found = verdict(&statements(principal), lambda, "lambda:InvokeFunction", "*");
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn how_much_a_role_may_send() {
        let own = json!({"AWS": "123456789012"});
        let session = "arn:aws:sts::123456789012:assumed-role/r/f";
        let other_session = "arn:aws:sts::123456789012:assumed-role/other/f";
        let allow = json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"});
        let org = json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}});
        let table = [
            (json!([allow]), Reach::All),
            (json!([]), Reach::Nothing),
            (
                json!({"Effect": "Allow", "Principal": own, "Action": "*", "Resource": "*"}),
                Reach::All,
            ),
            (
                json!({"Effect": "Allow", "Principal": {"AWS": "210987654321"}, "Action": "*", "Resource": "*"}),
                Reach::Nothing,
            ),
            (
                json!({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}),
                Reach::Some,
            ),
            (
                json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Condition": org}),
                Reach::Unknown,
            ),
            (
                json!([allow, {"Effect": "Deny", "Principal": own, "Action": "*", "Resource": "*"}]),
                Reach::Nothing,
            ),
            (
                json!([allow, {"Effect": "Deny", "Principal": {"AWS": "210987654321"}, "Action": "*", "Resource": "*"}]),
                Reach::All,
            ),
            (
                json!([allow, {"Effect": "Deny", "Principal": "*", "Action": "s3:Delete*", "Resource": "*"}]),
                Reach::Some,
            ),
            (
                json!([allow, {"Effect": "Deny", "Principal": "*", "Action": "S3:*", "Resource": "*"}]),
                Reach::Nothing,
            ),
            (
                json!([allow, {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*"}]),
                Reach::All,
            ),
            (
                json!([{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}]),
                Reach::All,
            ),
            (
                json!([allow, {"Effect": "Deny", "NotPrincipal": {"AWS": ROLE}, "Action": "*", "Resource": "*"}]),
                Reach::Unknown,
            ),
            // What names a session of the role may mean this caller.
            (
                json!([{"Effect": "Allow", "Principal": {"AWS": session}, "Action": "*", "Resource": "*"}]),
                Reach::Unknown,
            ),
            (
                json!([allow, {"Effect": "Deny", "Principal": {"AWS": session}, "Action": "*", "Resource": "*"}]),
                Reach::Unknown,
            ),
            (
                json!([{"Effect": "Allow", "Principal": {"AWS": other_session}, "Action": "*", "Resource": "*"}]),
                Reach::Nothing,
            ),
            (
                json!([allow, {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*", "Condition": org}]),
                Reach::Unknown,
            ),
        ];
        for (statements, expected) in table {
            let policy = PolicyDocument::read(&json!({ "Statement": statements }).to_string()).unwrap();
            assert_eq!(
                reach_through_endpoint(&policy, Caller::Role(ROLE), "s3"),
                expected,
                "{statements}"
            );
        }
    }

    /// The VPC user guide, "Principals for gateway endpoints": an account is its root user only, and a role has to be named
    /// by a condition. An interface endpoint takes principals as IAM does.
    #[test]
    fn gateway_endpoints_take_principals_otherwise() {
        let role = json!({"AWS": ROLE});
        let session = json!({"AWS": "arn:aws:sts::123456789012:assumed-role/r/f"});
        let account = json!({"AWS": "123456789012"});
        let root = json!({"AWS": "arn:aws:iam::123456789012:root"});
        let other = json!({"AWS": "210987654321"});
        let none = json!({});
        let is = |operator: &str, key: &str, value: &str| json!({operator: {key: value}});
        let table = [
            (json!("*"), none.clone(), Reach::All, Reach::All),
            (json!({"AWS": "*"}), none.clone(), Reach::All, Reach::All),
            (account, none.clone(), Reach::All, Reach::Nothing),
            (root, none.clone(), Reach::All, Reach::Nothing),
            (other, none.clone(), Reach::Nothing, Reach::Nothing),
            (role, none.clone(), Reach::All, Reach::Principal),
            (session, none, Reach::Unknown, Reach::Principal),
            (
                json!("*"),
                is("StringEquals", "aws:PrincipalArn", ROLE),
                Reach::All,
                Reach::All,
            ),
            (
                json!("*"),
                is("ArnEquals", "aws:PrincipalArn", ROLE),
                Reach::All,
                Reach::All,
            ),
            (
                json!("*"),
                is("StringEquals", "AWS:principalarn", ROLE),
                Reach::All,
                Reach::All,
            ),
            (
                json!("*"),
                is(
                    "StringEquals",
                    "aws:PrincipalArn",
                    "arn:aws:iam::123456789012:role/other",
                ),
                Reach::Nothing,
                Reach::Nothing,
            ),
            (
                json!("*"),
                is("StringEquals", "aws:PrincipalAccount", "123456789012"),
                Reach::All,
                Reach::All,
            ),
            (
                json!("*"),
                is("StringEquals", "aws:PrincipalOrgID", "o-1"),
                Reach::Unknown,
                Reach::Unknown,
            ),
        ];
        for (principal, condition, by_interface, by_gateway) in table {
            let statement = json!({"Effect": "Allow", "Principal": principal, "Action": "*", "Resource": "*", "Condition": condition});
            let policy = PolicyDocument::read(&json!({ "Statement": statement }).to_string()).unwrap();
            let of = |caller| reach_through_endpoint(&policy, caller, "s3");
            assert_eq!(of(Caller::Role(ROLE)), by_interface, "{statement}");
            assert_eq!(of(Caller::ByGateway(ROLE)), by_gateway, "{statement}");
        }
    }

    /// A denial that may be for the caller never passes, and one that is for others does.
    #[test]
    fn denials_at_a_gateway_endpoint() {
        let table = [
            (json!("*"), Reach::Nothing),
            (json!({"AWS": ROLE}), Reach::Principal),
            (json!({"AWS": "123456789012"}), Reach::Principal),
            (json!({"AWS": "210987654321"}), Reach::All),
        ];
        for (principal, expected) in table {
            let statements = json!([
                {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"},
                {"Effect": "Deny", "Principal": principal, "Action": "*", "Resource": "*"}
            ]);
            let policy = PolicyDocument::read(&json!({ "Statement": statements }).to_string()).unwrap();
            let found = reach_through_endpoint(&policy, Caller::ByGateway(ROLE), "s3");
            assert_eq!(found, expected, "{statements}");
        }
    }

    /// By the prefix of the actions: `kinesis-streams` has those of `kinesis`. Of services whose prefix is not known, nothing
    /// is concluded from it.
    #[test]
    fn what_allows_nothing_of_the_service() {
        let table = [
            ("secretsmanager", json!("s3:*"), Reach::Nothing),
            (
                "secretsmanager",
                json!(["s3:*", "secretsmanager:GetSecretValue"]),
                Reach::Some,
            ),
            ("secretsmanager", json!("secrets*:Get*"), Reach::Some),
            ("secretsmanager", json!("SecretsManager:*"), Reach::All),
            ("kinesis-streams", json!("kinesis:*"), Reach::All),
            ("kinesis-streams", json!("firehose:*"), Reach::Nothing),
            ("kinesis-firehose", json!("firehose:*"), Reach::All),
            ("monitoring", json!("monitoring:*"), Reach::Nothing),
            ("monitoring", json!("cloudwatch:PutMetricData"), Reach::Some),
            ("email-smtp", json!("ses:*"), Reach::All),
            ("ecr.dkr", json!("ecr:*"), Reach::All),
            ("bedrock-runtime", json!("bedrock:*"), Reach::Some),
        ];
        for (service, actions, expected) in table {
            let statement = json!({"Effect": "Allow", "Principal": "*", "Action": actions, "Resource": "*"});
            let policy = PolicyDocument::read(&json!({ "Statement": statement }).to_string()).unwrap();
            let found = reach_through_endpoint(&policy, Caller::Role(ROLE), service);
            assert_eq!(found, expected, "{service} {actions}");
        }
        for (not, expected) in [
            (json!("s3:*"), Reach::Some),
            (json!("secretsmanager:*"), Reach::Nothing),
            (json!("*"), Reach::Nothing),
        ] {
            let statement = json!({"Effect": "Allow", "Principal": "*", "NotAction": not, "Resource": "*"});
            let policy = PolicyDocument::read(&json!({ "Statement": statement }).to_string()).unwrap();
            let found = reach_through_endpoint(&policy, Caller::Role(ROLE), "secretsmanager");
            assert_eq!(found, expected, "all but {not}");
        }
    }

    #[test]
    fn the_least_is_enough_and_no_more() {
        let secret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:AmazonMSK_s-AbCdEf";
        let secrets = [secret.to_owned()];
        let roles = [ROLE.to_owned()];
        let role = Caller::Role(ROLE);
        let lambda = Caller::Service(LAMBDA);
        let table = [
            ("lambda", lambda, "lambda:InvokeFunction", "*"),
            ("sts", lambda, "sts:AssumeRole", "*"),
            ("secretsmanager", role, "secretsmanager:GetSecretValue", secret),
        ];
        for (service, caller, action, resource) in table {
            let policy = for_mapping(service, &secrets, &roles).unwrap();
            assert_eq!(through_endpoint(&policy, caller, action, resource), Verdict::Allowed);
            let other = through_endpoint(&policy, caller, "lambda:CreateFunction", resource);
            assert_eq!(other, Verdict::NotAllowed);
        }
        let policy = for_mapping("secretsmanager", &secrets, &roles).unwrap();
        for other in [Caller::Role("arn:aws:iam::123456789012:role/other"), lambda] {
            let by_other = through_endpoint(&policy, other, "secretsmanager:GetSecretValue", secret);
            assert_eq!(by_other, Verdict::NotAllowed);
        }
        let other = through_endpoint(&policy, role, "secretsmanager:GetSecretValue", &format!("{secret}x"));
        assert_eq!(other, Verdict::NotAllowed);
        assert_eq!(for_mapping("secretsmanager", &[], &roles), None);
        assert_eq!(for_mapping("secretsmanager", &secrets, &[]), None);
        assert_eq!(for_mapping("sqs", &secrets, &roles), None);
    }
}
