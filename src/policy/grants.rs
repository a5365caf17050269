//! What the roles that the program makes may do, and who may assume them.
//!
//! Source: spec/proxy.md, "`--proxy`". Every permission is for exactly one resource.

use std::collections::BTreeMap;

use super::document::{Effect, PolicyDocument, Principal, Statement, Texts};
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

/// AWS's own policy with what Lambda needs to read an MSK cluster for a function, and to write its log.
#[must_use]
pub fn msk_access(place: Place<'_>) -> String {
    format!(
        "arn:{}:iam::aws:policy/service-role/AWSLambdaMSKExecutionRole",
        place.partition
    )
}

/// Lets one service assume a role.
#[must_use]
pub fn trust(service: &str) -> String {
    let service = Texts::from_iter([service]);
    let statement = Statement {
        principal: Some(Principal::Of(BTreeMap::from([("Service".to_owned(), service)]))),
        ..Statement::allow(["sts:AssumeRole"])
    };
    document(vec![statement])
}

/// Lets read one secret, and decrypt it where its key is a customer's.
#[must_use]
pub fn read_secret(secret: &str, customer_key: Option<&str>) -> String {
    let place = Place::of(secret);
    let mut statements = vec![Statement::allow(["secretsmanager:GetSecretValue"]).on([secret])];
    if let Some(key) = customer_key {
        let via = format!("secretsmanager.{}.{}", place.region, suffix(place));
        let decrypt = Statement::allow(["kms:Decrypt"]).on([key]);
        statements.push(decrypt.when("StringEquals", "kms:ViaService", [via]));
    }
    document(statements)
}

/// Lets connect as one user: to a database, or through a proxy, by its resource id (`cluster-…`, `db-…`, `prx-…`).
#[must_use]
pub fn connect(place: Place<'_>, resource_id: &str, user: &str) -> String {
    let resource = place.arn("rds-db", &format!("dbuser:{resource_id}/{user}"));
    document(vec![Statement::allow(["rds-db:connect"]).on([resource])])
}

/// Lets connect through the proxy with this ARN.
#[must_use]
pub fn connect_through(proxy: &str, user: &str) -> String {
    connect(Place::of(proxy), last_segment(proxy), user)
}

/// The resource id and the user of a document that lets connect as one user, as [`connect`] writes it for this place.
#[must_use]
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

fn suffix(place: Place<'_>) -> &'static str {
    match place.partition {
        "aws-cn" => "amazonaws.com.cn",
        _ => "amazonaws.com",
    }
}

/// Whether two documents say the same, whatever their spaces, the order of their fields and the brackets of lists of one.
#[must_use]
pub fn is_same(a: &str, b: &str) -> bool {
    let read = |text| PolicyDocument::read(text).ok();
    read(a).is_some_and(|a| Some(a) == read(b))
}

/// Whether a trust policy lets `service` assume the role. Conditions are not looked into, since whether they hold
/// is for AWS to say.
#[must_use]
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
    use serde_json::{Value, json};

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
    fn a_permission_to_connect_tells_its_user() {
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
