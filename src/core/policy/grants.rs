//! What the roles that the program makes may do, and who may assume them.
//!
//! Source: docs/new-proxies.md, "What is made". Every permission is for exactly one resource.

use std::collections::BTreeMap;

use serde_json::Value;

use super::document::{Effect, PolicyDocument, Principal, Statement, Texts, literal};
use crate::model::{Place, last_segment};

/// RDS, as it assumes a proxy's role.
pub const RDS: &str = "rds.amazonaws.com";
/// Lambda, as it assumes a function's role.
pub const LAMBDA: &str = "lambda.amazonaws.com";

/// AWS's own policy with what Lambda needs to run a function in a VPC, and to write its log.
pub fn vpc_access(place: Place<'_>) -> String {
    format!(
        "arn:{}:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole",
        place.partition
    )
}

/// AWS's own policy with what Lambda needs to read an MSK cluster for a function, and to write its log.
pub fn msk_access(place: Place<'_>) -> String {
    format!(
        "arn:{}:iam::aws:policy/service-role/AWSLambdaMSKExecutionRole",
        place.partition
    )
}

/// Lets one service assume a role.
pub fn trust(service: &str) -> String {
    let service = Texts::from_iter([service]);
    let statement = Statement {
        principal: Some(Principal::Of(BTreeMap::from([("Service".to_owned(), service)]))),
        ..Statement::allow(["sts:AssumeRole"])
    };
    document(vec![statement])
}

/// Lets read one secret, and decrypt it where its key is a customer's.
pub fn read_secret(secret: &str, customer_key: Option<&str>) -> String {
    let place = Place::of(secret);
    let mut statements = vec![Statement::allow(["secretsmanager:GetSecretValue"]).on([literal(secret)])];
    if let Some(key) = customer_key {
        let decrypt = Statement::allow(["kms:Decrypt"]).on([literal(key)]);
        statements.push(decrypt.when("StringEquals", "kms:ViaService", [via_secrets_manager(place)]));
    }
    document(statements)
}

/// The actions that a client with IAM authentication needs to poll an MSK cluster: on the cluster, on its topics, and on its
/// consumer groups. Source: docs/msk.md, "`msk check`".
pub const MSK_LOGIN: [&[&str]; 3] = [
    &[
        "kafka-cluster:Connect",
        "kafka-cluster:DescribeClusterDynamicConfiguration",
    ],
    &["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"],
    &["kafka-cluster:DescribeGroup", "kafka-cluster:AlterGroup"],
];

/// Lets poll all topics of one MSK cluster, with IAM authentication.
pub fn poll_msk(cluster: &str) -> String {
    let id = cluster.split_once(":cluster/").map_or("*", |(_, id)| id);
    let resources = [
        cluster.to_owned(),
        Place::of(cluster).arn("kafka", &format!("topic/{id}/*")),
        Place::of(cluster).arn("kafka", &format!("group/{id}/*")),
    ];
    let statements = MSK_LOGIN.into_iter().zip(resources);
    let statements = statements.map(|(actions, resource)| Statement::allow(actions.iter().copied()).on([resource]));
    document(statements.collect())
}

/// Lets connect as one user: to a database, or through a proxy, by its resource id (`cluster-…`, `db-…`, `prx-…`).
pub fn connect(place: Place<'_>, resource_id: &str, user: &str) -> String {
    let user = format!("dbuser:{}/{}", literal(resource_id), literal(user));
    let resource = place.arn("rds-db", &user);
    document(vec![Statement::allow(["rds-db:connect"]).on([resource])])
}

/// Lets connect through the proxy with this ARN.
pub fn connect_through(proxy: &str, user: &str) -> String {
    connect(Place::of(proxy), last_segment(proxy), user)
}

/// The resource id and the user of a document that lets connect as one user, as [`connect`] writes it for this place.
pub fn connects_as(document: &str, place: Place<'_>) -> Option<(String, String)> {
    let document = PolicyDocument::read(document).ok()?;
    let [statement] = document.statement.as_slice() else {
        return None;
    };
    let [resource] = statement.resource.0.as_slice() else {
        return None;
    };
    let (id, user) = resource
        .strip_prefix(&place.arn("rds-db", "dbuser:"))?
        .split_once('/')?;
    Some((id.to_owned(), user.to_owned()))
}

fn document(statements: Vec<Statement>) -> String {
    PolicyDocument::new(statements).to_string()
}

/// The value of `kms:ViaService` where Secrets Manager asks KMS.
pub(super) fn via_secrets_manager(place: Place<'_>) -> String {
    format!("secretsmanager.{}.{}", place.region, suffix(place))
}

fn suffix(place: Place<'_>) -> &'static str {
    match place.partition {
        "aws-cn" => "amazonaws.com.cn",
        _ => "amazonaws.com",
    }
}

/// Whether two documents say the same for every request: whatever the order of their fields, their statements and their
/// lists, the brackets of lists of one, and the names of statements. Whatever else one has, and the other has not, counts,
/// also what this program does not know.
pub fn is_same(a: &str, b: &str) -> bool {
    let read = |text: &str| -> Option<Value> { serde_json::from_str(text).ok().map(canonical) };
    read(a).is_some_and(|a| Some(a) == read(b))
}

/// A document in one of the forms that say the same.
fn canonical(document: Value) -> Value {
    let Value::Object(mut document) = document else {
        return document;
    };
    let statements = match document.remove("Statement") {
        None => Vec::new(),
        Some(Value::Array(statements)) => statements,
        Some(statement) => vec![statement],
    };
    let mut statements: Vec<Value> = statements.into_iter().map(canonical_statement).collect();
    statements.sort_by_cached_key(Value::to_string);
    statements.dedup();
    document.insert("Statement".to_owned(), Value::Array(statements));
    Value::Object(document)
}

fn canonical_statement(statement: Value) -> Value {
    let Value::Object(statement) = statement else {
        return statement;
    };
    let part = |(key, value): (String, Value)| {
        let value = match key.as_str() {
            "Sid" => return None,
            "Action" | "NotAction" | "Resource" | "NotResource" => listed(value),
            "Principal" | "NotPrincipal" => by_key(value, listed),
            "Condition" => by_key(value, |keys| by_key(keys, listed)),
            _ => value,
        };
        Some((key, value))
    };
    Value::Object(statement.into_iter().filter_map(part).collect())
}

fn by_key(value: Value, change: impl Fn(Value) -> Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(map.into_iter().map(|(key, value)| (key, change(value))).collect()),
        other => other,
    }
}

/// A text as a list of one, and a list in order. IAM also takes `true` and `5` where it means texts.
fn listed(value: Value) -> Value {
    let mut values = match value {
        Value::Array(values) => values,
        value => vec![value],
    };
    for value in &mut values {
        if matches!(value, Value::Bool(_) | Value::Number(_)) {
            *value = Value::String(value.to_string());
        }
    }
    values.sort_by_cached_key(Value::to_string);
    values.dedup();
    Value::Array(values)
}

/// A document without its spaces, for a message.
pub fn on_one_line(document: &str) -> String {
    let value = serde_json::from_str::<Value>(document).map(|value| value.to_string());
    value.unwrap_or_else(|_| document.to_owned())
}

/// The ARN of the secret that a document lets read, and of the key to decrypt it with, where the document is one of
/// [`read_secret`].
pub fn secret_of(text: &str) -> Option<(String, Option<String>)> {
    let found = PolicyDocument::read(text).ok()?;
    let of = |action: &str| {
        let mut statements = found.statement.iter();
        let statement = statements.find(|statement| statement.action.iter().eq([action]))?;
        statement.resource.iter().next().map(str::to_owned)
    };
    let (secret, key) = (of("secretsmanager:GetSecretValue")?, of("kms:Decrypt"));
    let is_plain = |arn: &str| !arn.contains(['*', '?', '$']);
    let is_one = is_plain(&secret) && key.as_deref().is_none_or(is_plain);
    (is_one && is_same(text, &read_secret(&secret, key.as_deref()))).then_some((secret, key))
}

/// A trust policy that lets `service` assume the role besides those whom this one lets.
pub fn trust_also(document: &str, service: &str) -> String {
    let alone = trust(service);
    let (Ok(mut document), Ok(added)) = (serde_json::from_str::<Value>(document), serde_json::from_str(&alone)) else {
        return alone;
    };
    let added: Value = added;
    let added = added["Statement"].as_array().cloned().unwrap_or_default();
    match document.get_mut("Statement") {
        Some(Value::Array(statements)) => statements.extend(added),
        Some(statement @ Value::Object(_)) => {
            let kept = statement.take();
            *statement = std::iter::once(kept).chain(added).collect();
        }
        _ => return alone,
    }
    document.to_string()
}

/// Whether a trust policy lets `service` assume the role. Conditions are not looked into, since whether they hold
/// is for AWS to say.
pub fn trusts(document: &str, service: &str) -> bool {
    let Ok(document) = PolicyDocument::read(document) else {
        return false;
    };
    document.statement.iter().any(|statement| {
        let assumes = |action: &str| ["sts:assumerole", "sts:*", "*"].contains(&action.to_ascii_lowercase().as_str());
        let services = match &statement.principal {
            Some(Principal::Of(principals)) => principals.get("Service"),
            _ => None,
        };
        statement.effect == Effect::Allow
            && statement.action.iter().any(assumes)
            && services.is_some_and(|services| services.iter().any(|found| found == service))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::{Context, Request, Verdict, evaluate};

    const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:s-AbCdEf";

    #[test]
    fn a_secret_is_read_and_nothing_else() {
        let document: Value = serde_json::from_str(&read_secret(SECRET, None)).unwrap();
        let allowed = json!([{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": SECRET}]);
        assert_eq!(document["Statement"], allowed);
    }

    #[test]
    fn a_customers_key_is_decrypted_with_only_through_secrets_manager() {
        let key = "arn:aws:kms:eu-central-1:123456789012:key/k";
        let document: Value = serde_json::from_str(&read_secret(SECRET, Some(key))).unwrap();
        let decrypt = &document["Statement"][1];
        assert_eq!(
            (&decrypt["Action"], &decrypt["Resource"]),
            (&json!("kms:Decrypt"), &json!(key))
        );
        let via = json!({"StringEquals": {"kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com"}});
        assert_eq!(decrypt["Condition"], via);
    }

    #[test]
    fn a_connection_is_for_one_proxy_and_one_user() {
        let document = connect_through("arn:aws:rds:eu-central-1:123456789012:db-proxy:prx-0a1", "app");
        let document: Value = serde_json::from_str(&document).unwrap();
        let resource = "arn:aws:rds-db:eu-central-1:123456789012:dbuser:prx-0a1/app";
        assert_eq!(document["Statement"][0]["Resource"], resource);
    }

    /// A user may be called `*`, and no name of a user is a pattern.
    #[test]
    fn names_are_no_patterns() {
        let proxy = "arn:aws:rds:eu-central-1:123456789012:db-proxy:prx-0a1";
        let resource = |user: &str| format!("arn:aws:rds-db:eu-central-1:123456789012:dbuser:prx-0a1/{user}");
        let others = ["app", "admin", "a", "${aws:username}", "*", "a?p", "a$p", "$", ""];
        for user in ["*", "app*", "a?p", "${aws:username}", "$", "${*}", "a${"] {
            let document = PolicyDocument::read(&connect_through(proxy, user)).unwrap();
            let verdict = |named: &str| {
                let request = Request {
                    action: "rds-db:connect",
                    resource: &resource(named),
                    context: &Context::unknown(),
                };
                evaluate([&document], request)
            };
            assert_eq!(verdict(user), Verdict::Allowed, "{document}");
            for other in others.into_iter().filter(|other| *other != user) {
                assert_eq!(verdict(other), Verdict::NotAllowed, "{document}: {other}");
            }
        }
        assert_eq!(
            resource("app"),
            PolicyDocument::read(&connect_through(proxy, "app")).unwrap().statement[0]
                .resource
                .0[0]
        );
    }

    #[test]
    fn a_permission_to_connect_contains_its_user() {
        let place = Place::in_region("eu-central-1", "123456789012");
        let found = connects_as(&connect(place, "prx-0a1", "app"), place);
        assert_eq!(found, Some(("prx-0a1".to_owned(), "app".to_owned())));
        for other in [
            connect(Place::in_region("eu-west-1", "123456789012"), "prx-0a1", "app"),
            read_secret(SECRET, None),
            "{}".to_owned(),
        ] {
            assert_eq!(connects_as(&other, place), None, "{other}");
        }
    }

    #[test]
    fn trust_is_read_in_all_its_forms() {
        let table = [
            (trust(RDS), true),
            (trust(LAMBDA), false),
            (
                r#"{"Statement": {"Effect": "Allow", "Principal": {"Service": ["ec2.amazonaws.com", "rds.amazonaws.com"]}, "Action": ["sts:AssumeRole"]}}"#
                    .to_owned(),
                true,
            ),
            (
                r#"{"Statement": [{"Effect": "Deny", "Principal": {"Service": "rds.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#.to_owned(),
                false,
            ),
            (
                r#"{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"}]}"#.to_owned(),
                false,
            ),
            ("no JSON".to_owned(), false),
        ];
        for (document, expected) in table {
            assert_eq!(trusts(&document, RDS), expected, "{document}");
        }
    }

    #[test]
    fn only_what_changes_nothing_is_no_difference() {
        let ours = trust(RDS);
        let same = [
            r#"{"Statement": {"Principal": {"Service": ["rds.amazonaws.com"]}, "Action": ["sts:AssumeRole"], "Effect": "Allow"}, "Version": "2012-10-17"}"#,
            r#"{"Version": "2012-10-17", "Statement": [{"Sid": "x", "Effect": "Allow", "Principal": {"Service": "rds.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#,
            r#"{"Version": "2012-10-17", "Statement": [{"Sid": "1", "Effect": "Allow", "Principal": {"Service": "rds.amazonaws.com"}, "Action": "sts:AssumeRole"}, {"Sid": "2", "Effect": "Allow", "Principal": {"Service": "rds.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#,
        ];
        for document in same {
            assert!(is_same(&ours, document), "{document}");
        }
        let other = [
            r#"{"Statement": [{"Effect": "Allow", "Principal": {"Service": "rds.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#,
            r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "rds.amazonaws.com", "AWS": "111122223333"}, "Action": "sts:AssumeRole"}]}"#,
            r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": ["rds.amazonaws.com", "ec2.amazonaws.com"]}, "Action": "sts:AssumeRole"}]}"#,
            r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}"#,
            r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "NotPrincipal": {"Service": "rds.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#,
            r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "rds.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}]}"#,
            r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "rds.amazonaws.com"}, "Action": "sts:AssumeRole"}, {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "sts:AssumeRole"}]}"#,
            r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": {"Service": "rds.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#,
            r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "rds.amazonaws.com"}, "Action": "sts:AssumeRole", "Condition": {"Bool": {"aws:SecureTransport": true}}}]}"#,
            r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "rds.amazonaws.com"}, "Action": "sts:AssumeRole", "Unknown": 1}]}"#,
            r#"{"Version": "2012-10-17", "Statement": []}"#,
            "",
            "no JSON",
        ];
        for document in other {
            assert!(!is_same(&ours, document), "{document}");
        }
        let condition = |value: &str| {
            format!(
                r#"{{"Statement": {{"Effect": "Allow", "Action": "s:A", "Condition": {{"Bool": {{"k": {value}}}}}}}}}"#
            )
        };
        assert!(is_same(&condition("true"), &condition(r#"["true"]"#)));
        assert!(!is_same(&condition("true"), &condition("false")));
    }

    #[test]
    fn our_own_documents_tell_whom_they_are_for() {
        let key = "arn:aws:kms:eu-central-1:123456789012:key/k";
        let table = [
            (read_secret(SECRET, None), Some((SECRET.to_owned(), None))),
            (
                read_secret(SECRET, Some(key)),
                Some((SECRET.to_owned(), Some(key.to_owned()))),
            ),
            (read_secret("*", None), None),
            (
                read_secret(SECRET, Some("arn:aws:kms:eu-central-1:123456789012:key/*")),
                None,
            ),
            (connect_through("arn:aws:rds:r:a:db-proxy:prx-1", "app"), None),
            (read_secret(SECRET, None).replace("GetSecretValue", "*"), None),
            ("{}".to_owned(), None),
        ];
        for (document, expected) in table {
            assert_eq!(secret_of(&document), expected, "{document}");
        }
    }

    #[test]
    fn documents_are_compared_by_what_they_say() {
        let document = connect_through("arn:aws:rds:eu-central-1:123456789012:db-proxy:prx-0a1", "app");
        let value: Value = serde_json::from_str(&document).unwrap();
        let mut other = value.clone();
        other["Statement"][0]["Action"] = json!(["rds-db:connect"]);
        assert!(is_same(&document, &serde_json::to_string_pretty(&other).unwrap()));
        other["Statement"][0]["Resource"] = json!("*");
        assert!(!is_same(&document, &other.to_string()));
        assert!(!is_same("", ""));
    }
}
