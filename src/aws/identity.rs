//! IAM roles.

use std::collections::BTreeMap;

use aws_sdk_iam::Client;
use aws_sdk_iam::types::Tag;

use super::fault;
use crate::cloud::{Answer, CloudError, Fault, NewRole, Operation, RoleDescription};

pub(super) async fn get_role(client: &Client, name: &str) -> Answer<RoleDescription> {
    let operation = Operation::GetRole;
    let answer = client
        .get_role()
        .role_name(name)
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    let incomplete = || CloudError::new(operation, Fault::Malformed("it has no Role".to_owned()));
    let role = answer.role.ok_or_else(incomplete)?;
    let tags = role.tags.unwrap_or_default().into_iter();
    Ok(RoleDescription {
        arn: role.arn,
        trust: decoded(role.assume_role_policy_document.as_deref().unwrap_or_default()),
        tags: tags.map(|tag| (tag.key, tag.value)).collect(),
    })
}

pub(super) async fn get_role_policy(client: &Client, role: &str, policy: &str) -> Answer<String> {
    let operation = Operation::GetRolePolicy;
    let answer = client
        .get_role_policy()
        .role_name(role)
        .policy_name(policy)
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    Ok(decoded(&answer.policy_document))
}

/// IAM gives documents URL-encoded.
fn decoded(document: &str) -> String {
    percent_encoding::percent_decode_str(document)
        .decode_utf8_lossy()
        .into_owned()
}

pub(super) async fn create_role(client: &Client, new: &NewRole) -> Answer<String> {
    let operation = Operation::CreateRole;
    let answer = client
        .create_role()
        .role_name(&new.name)
        .description(&new.description)
        .assume_role_policy_document(&new.trust)
        .set_tags(Some(tags(operation, &new.tags)?))
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    let incomplete = || CloudError::new(operation, Fault::Malformed("it has no Role".to_owned()));
    Ok(answer.role.ok_or_else(incomplete)?.arn)
}

fn tags(operation: Operation, tags: &BTreeMap<String, String>) -> Answer<Vec<Tag>> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    let tags: Result<Vec<Tag>, _> = tags.iter().map(tag).collect();
    tags.map_err(|error| CloudError::new(operation, Fault::Malformed(error.to_string())))
}

pub(super) async fn put_role_policy(client: &Client, role: &str, policy: &str, document: &str) -> Answer<()> {
    client
        .put_role_policy()
        .role_name(role)
        .policy_name(policy)
        .policy_document(document)
        .send()
        .await
        .map_err(|error| fault::error(Operation::PutRolePolicy, &error))?;
    Ok(())
}

pub(super) async fn attach_role_policy(client: &Client, role: &str, policy: &str) -> Answer<()> {
    client
        .attach_role_policy()
        .role_name(role)
        .policy_arn(policy)
        .send()
        .await
        .map_err(|error| fault::error(Operation::AttachRolePolicy, &error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn documents_are_decoded() {
        assert_eq!(super::decoded("%7B%22a%22%3A%20%22b%22%7D"), r#"{"a": "b"}"#);
        assert_eq!(super::decoded(r#"{"a": "100%"}"#), r#"{"a": "100%"}"#);
    }
}
