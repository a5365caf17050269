//! IAM policy documents: those that the program writes, and what it reads of a role's trust.
//!
//! Source: spec/proxy.md, "`--proxy`". Every permission is for exactly one resource.

use serde_json::{Value, json};

use crate::model::{Place, last_segment};

/// RDS, as it assumes a proxy's role.
pub const RDS: &str = "rds.amazonaws.com";
/// Lambda, as it assumes a function's role.
pub const LAMBDA: &str = "lambda.amazonaws.com";

/// AWS's own policy with what Lambda needs to run a function in a VPC, and to write its log.
#[must_use]
pub fn vpc_access(place: Place<'_>) -> String {
    format!(
        "arn:{}:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole",
        place.partition
    )
}

/// Lets one service assume a role.
#[must_use]
pub fn trust(service: &str) -> String {
    document(&[json!({
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole"
    })])
}

/// Lets read one secret, and decrypt it where its key is a customer's.
#[must_use]
pub fn read_secret(secret: &str, customer_key: Option<&str>) -> String {
    let place = Place::of(secret);
    let mut statements = vec![allow("secretsmanager:GetSecretValue", secret)];
    if let Some(key) = customer_key {
        let mut decrypt = allow("kms:Decrypt", key);
        decrypt["Condition"] = json!({
            "StringEquals": {"kms:ViaService": format!("secretsmanager.{}.{}", place.region, suffix(place))}
        });
        statements.push(decrypt);
    }
    document(&statements)
}

/// Lets connect as one user: to a database, or through a proxy, by its resource id (`cluster-…`, `db-…`, `prx-…`).
#[must_use]
pub fn connect(place: Place<'_>, resource_id: &str, user: &str) -> String {
    let resource = place.arn("rds-db", &format!("dbuser:{resource_id}/{user}"));
    document(&[allow("rds-db:connect", &resource)])
}

/// Lets connect through the proxy with this ARN.
#[must_use]
pub fn connect_through(proxy: &str, user: &str) -> String {
    connect(Place::of(proxy), last_segment(proxy), user)
}

fn allow(action: &str, resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": action, "Resource": resource})
}

fn document(statements: &[Value]) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

fn suffix(place: Place<'_>) -> &'static str {
    match place.partition {
        "aws-cn" => "amazonaws.com.cn",
        _ => "amazonaws.com",
    }
}

/// Whether two documents say the same, whatever their spaces and the order of their fields.
#[must_use]
pub fn is_same(a: &str, b: &str) -> bool {
    let read = |text| serde_json::from_str::<Value>(text).ok();
    read(a).is_some_and(|a| Some(a) == read(b))
}

/// Whether a trust policy lets `service` assume the role. Conditions are not looked into, since whether they hold
/// is for AWS to say.
#[must_use]
pub fn trusts(document: &str, service: &str) -> bool {
    let Ok(document) = serde_json::from_str::<Value>(document) else {
        return false;
    };
    let has = |value: &Value, wanted: &dyn Fn(&str) -> bool| one_or_many(value).filter_map(Value::as_str).any(wanted);
    one_or_many(&document["Statement"]).any(|statement| {
        statement["Effect"] == "Allow"
            && has(&statement["Action"], &|action| {
                ["sts:assumerole", "sts:*", "*"].contains(&action.to_ascii_lowercase().as_str())
            })
            && has(&statement["Principal"]["Service"], &|principal| principal == service)
    })
}

fn one_or_many(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Array(values) => values.as_slice(),
        value => std::slice::from_ref(value),
    }
    .iter()
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn documents_are_compared_by_what_they_say() {
        assert!(is_same(r#"{"a": 1, "b": [2]}"#, r#"{"b":[2],"a":1}"#));
        assert!(!is_same(r#"{"a": 1}"#, r#"{"a": 2}"#));
        assert!(!is_same("", ""));
    }
}
