//! The policies of VPC endpoints: what they allow, and the least that an event source mapping needs.
//!
//! Source: docs/msk.md, "`msk check`" and "`msk setup`".

use std::collections::BTreeMap;

use super::document::{Effect, PolicyDocument, Principal, Statement, Texts, literal};
use super::evaluate::{Context, Request, Verdict, evaluate};
use super::grants::LAMBDA;
use crate::model::Place;

/// Who sends a request through an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller<'a> {
    /// A service of AWS, such as `lambda.amazonaws.com`.
    Service(&'a str),
    /// A role, by its ARN.
    Role(&'a str),
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
            Self::Service(_) => false,
            Self::Role(arn) => {
                let account = Place::of(arn).account;
                text == arn || text == account || text.ends_with(&format!(":iam::{account}:root"))
            }
        };
        let is_service = |text: &str| matches!(self, Self::Service(name) if name == text);
        named("AWS").any(|text| text == "*" || is_own(text)) || named("Service").any(is_service)
    }

    /// Whether it may be a session of the role that is named: who assumes a role gives the session its name.
    fn may_be_session(self, principal: &Principal) -> bool {
        let (Self::Role(role), Principal::Of(by_kind)) = (self, principal) else {
            return false;
        };
        let name = role.rsplit('/').next().unwrap_or_default();
        let session = format!(":sts::{}:assumed-role/{name}/", Place::of(role).account);
        by_kind
            .get("AWS")
            .into_iter()
            .flat_map(Texts::iter)
            .any(|text| text.contains(&session))
    }
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
        context: &Context::unknown(),
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
}

/// How many of a caller's requests an endpoint's policy allows: all, some or none. `service` is the endpoint's service, such as
/// `kinesis-streams`.
pub fn reach_through_endpoint(policy: &PolicyDocument, caller: Caller<'_>, service: &str) -> Reach {
    let is_named = |statement: &Statement| {
        let principal = statement.principal.as_ref();
        principal.is_some_and(|principal| caller.is_among(principal))
    };
    let concerns = |statement: &Statement| match &statement.principal {
        Some(principal) => caller.is_among(principal) || caller.may_be_session(principal),
        None => false,
    };
    let whole = format!("{}:*", action_prefix(service));
    let is_all = |statement: &Statement| {
        let mut actions = statement.action.iter();
        actions.any(|action| action == "*" || action == "*:*" || action.eq_ignore_ascii_case(&whole))
            && statement.resource.iter().any(|resource| resource == "*")
    };
    let of = |effect: Effect| {
        let statements = policy.statement.iter();
        statements.filter(move |statement| statement.effect == effect)
    };
    let denials: Vec<&Statement> = of(Effect::Deny)
        .filter(|statement| concerns(statement) || statement.principal.is_none())
        .collect();
    let allowances: Vec<&Statement> = of(Effect::Allow).filter(|statement| concerns(statement)).collect();
    let is_certain = |statement: &&&Statement| statement.condition.is_empty() && is_named(statement);
    if allowances.is_empty() || denials.iter().filter(is_certain).any(|statement| is_all(statement)) {
        return Reach::Nothing;
    }
    let certain: Vec<&&Statement> = allowances.iter().filter(is_certain).collect();
    match (certain.iter().any(|statement| is_all(statement)), denials.is_empty()) {
        (true, true) => Reach::All,
        (true, false)
            if denials
                .iter()
                .any(|statement| !is_certain(&statement) && is_all(statement)) =>
        {
            Reach::Unknown
        }
        _ if certain.is_empty() => Reach::Unknown,
        _ => Reach::Some,
    }
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
                Reach::Some,
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
