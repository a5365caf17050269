//! IAM roles.

use std::collections::BTreeMap;

use aws_sdk_iam::Client;
use aws_sdk_iam::types::Tag;

use super::{Aws, all_items, called, done, fault};
use crate::cloud::{Answer, CloudError, Fault, IdentityCloud, NewRole, Operation, RoleDescription, unexpected};

async fn get_role(client: &Client, name: &str) -> Answer<RoleDescription> {
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
        description: role.description.filter(|text| !text.is_empty()),
        max_session: role
            .max_session_duration
            .and_then(|seconds| u32::try_from(seconds).ok()),
        boundary: role
            .permissions_boundary
            .and_then(|boundary| boundary.permissions_boundary_arn),
        trust: decoded(role.assume_role_policy_document.as_deref().unwrap_or_default()),
        tags: tags.map(|tag| (tag.key, tag.value)).collect(),
    })
}

async fn roles_named(client: &Client, prefix: &str) -> Answer<Vec<String>> {
    let roles = all_items!(Operation::ListRoles, client.list_roles(), roles, marker).await?;
    let names = roles.into_iter().map(|role| role.role_name);
    Ok(names.filter(|name| name.starts_with(prefix)).collect())
}

async fn get_role_policy(client: &Client, role: &str, policy: &str) -> Answer<String> {
    let operation = Operation::GetRolePolicy;
    let answer = client
        .get_role_policy()
        .role_name(role)
        .policy_name(policy)
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    if !answer.role_name.eq_ignore_ascii_case(role) || answer.policy_name != policy {
        let answered = format!("policy {} of role {}", answer.policy_name, answer.role_name);
        return Err(unexpected(
            operation,
            format!("policy {policy} of role {role}"),
            answered,
        ));
    }
    Ok(decoded(&answer.policy_document))
}

async fn list_attached_role_policies(client: &Client, role: &str) -> Answer<Vec<String>> {
    let request = client.list_attached_role_policies().role_name(role);
    let all = all_items!(Operation::ListAttachedRolePolicies, request, attached_policies, marker);
    Ok(all.await?.into_iter().filter_map(|policy| policy.policy_arn).collect())
}

async fn list_role_policies(client: &Client, role: &str) -> Answer<Vec<String>> {
    let request = client.list_role_policies().role_name(role);
    all_items!(Operation::ListRolePolicies, request, policy_names, marker).await
}

async fn get_policy(client: &Client, arn: &str) -> Answer<String> {
    let operation = Operation::GetPolicy;
    let answer = client
        .get_policy()
        .policy_arn(arn)
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    let incomplete = || CloudError::new(operation, Fault::Malformed("it has no DefaultVersionId".to_owned()));
    let policy = answer.policy.ok_or_else(incomplete)?;
    match policy.arn {
        Some(found) if found != arn => Err(unexpected(operation, arn.to_owned(), found)),
        _ => policy.default_version_id.ok_or_else(incomplete),
    }
}

async fn get_policy_version(client: &Client, arn: &str, version: &str) -> Answer<String> {
    let operation = Operation::GetPolicyVersion;
    let answer = client
        .get_policy_version()
        .policy_arn(arn)
        .version_id(version)
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    let incomplete = || CloudError::new(operation, Fault::Malformed("it has no Document".to_owned()));
    let found = answer.policy_version.ok_or_else(incomplete)?;
    if let Some(id) = found.version_id.filter(|id| id != version) {
        return Err(unexpected(operation, format!("{arn} {version}"), format!("{arn} {id}")));
    }
    Ok(decoded(&found.document.ok_or_else(incomplete)?))
}

#[async_trait::async_trait]
impl IdentityCloud for Aws {
    async fn list_attached_role_policies(&self, role: &str) -> Answer<Vec<String>> {
        let call = list_attached_role_policies(&self.iam, role);
        called(Operation::ListAttachedRolePolicies, call).await
    }

    async fn list_role_policies(&self, role: &str) -> Answer<Vec<String>> {
        called(Operation::ListRolePolicies, list_role_policies(&self.iam, role)).await
    }

    async fn get_policy(&self, arn: &str) -> Answer<String> {
        called(Operation::GetPolicy, get_policy(&self.iam, arn)).await
    }

    async fn get_policy_version(&self, arn: &str, version: &str) -> Answer<String> {
        called(Operation::GetPolicyVersion, get_policy_version(&self.iam, arn, version)).await
    }

    async fn get_role(&self, name: &str) -> Answer<RoleDescription> {
        called(Operation::GetRole, get_role(&self.iam, name)).await
    }

    async fn get_role_policy(&self, role: &str, policy: &str) -> Answer<String> {
        let call = get_role_policy(&self.iam, role, policy);
        called(Operation::GetRolePolicy, call).await
    }

    async fn create_role(&self, new: &NewRole) -> Answer<String> {
        called(Operation::CreateRole, create_role(&self.iam, new)).await
    }

    async fn put_role_policy(&self, role: &str, policy: &str, document: &str) -> Answer<()> {
        let call = put_role_policy(&self.iam, role, policy, document);
        called(Operation::PutRolePolicy, call).await
    }

    async fn attach_role_policy(&self, role: &str, policy: &str) -> Answer<()> {
        let call = attach_role_policy(&self.iam, role, policy);
        called(Operation::AttachRolePolicy, call).await
    }

    async fn list_roles(&self, prefix: &str) -> Answer<Vec<String>> {
        called(Operation::ListRoles, roles_named(&self.iam, prefix)).await
    }

    async fn detach_role_policy(&self, role: &str, policy: &str) -> Answer<()> {
        let operation = Operation::DetachRolePolicy;
        let call = self.iam.detach_role_policy().role_name(role).policy_arn(policy).send();
        called(operation, done(operation, call)).await
    }

    async fn delete_role_policy(&self, role: &str, policy: &str) -> Answer<()> {
        let operation = Operation::DeleteRolePolicy;
        let call = self.iam.delete_role_policy().role_name(role).policy_name(policy).send();
        called(operation, done(operation, call)).await
    }

    async fn delete_role(&self, name: &str) -> Answer<()> {
        let operation = Operation::DeleteRole;
        let call = self.iam.delete_role().role_name(name).send();
        called(operation, done(operation, call)).await
    }
}

/// IAM gives documents URL-encoded.
fn decoded(document: &str) -> String {
    percent_encoding::percent_decode_str(document)
        .decode_utf8_lossy()
        .into_owned()
}

async fn create_role(client: &Client, new: &NewRole) -> Answer<String> {
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

async fn put_role_policy(client: &Client, role: &str, policy: &str, document: &str) -> Answer<()> {
    let call = client
        .put_role_policy()
        .role_name(role)
        .policy_name(policy)
        .policy_document(document);
    done(Operation::PutRolePolicy, call.send()).await
}

async fn attach_role_policy(client: &Client, role: &str, policy: &str) -> Answer<()> {
    let call = client.attach_role_policy().role_name(role).policy_arn(policy);
    done(Operation::AttachRolePolicy, call.send()).await
}

#[cfg(test)]
mod tests {
    #[test]
    fn documents_are_decoded() {
        assert_eq!(super::decoded("%7B%22a%22%3A%20%22b%22%7D"), r#"{"a": "b"}"#);
        assert_eq!(super::decoded(r#"{"a": "100%"}"#), r#"{"a": "100%"}"#);
    }
}
