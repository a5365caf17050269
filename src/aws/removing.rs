//! Who uses a group, and the writes that remove something.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Tag;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};

use super::{Aws, all_items, called, done, fault, functions, identity, secrets};
use crate::cloud::{Answer, Operation, RemovalCloud, SecretDescription};
use crate::model::GroupId;

/// The shortest time in which a secret can be restored.
const RECOVERY_DAYS: i64 = 7;

async fn rds_tags(client: &aws_sdk_rds::Client, arn: &str) -> Answer<BTreeMap<String, String>> {
    let answer = client
        .list_tags_for_resource()
        .resource_name(arn)
        .send()
        .await
        .map_err(|error| fault::error(Operation::ListTagsForResource, &error))?;
    let tags = answer.tag_list.unwrap_or_default().into_iter();
    Ok(tags
        .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
        .collect())
}

async fn secrets_named(client: &aws_sdk_secretsmanager::Client, prefix: &str) -> Answer<Vec<SecretDescription>> {
    let operation = Operation::ListSecrets;
    let by_name = Filter::builder().key(FilterNameStringType::Name).values(prefix).build();
    let request = client.list_secrets().filters(by_name);
    let mut found = Vec::new();
    for entry in all_items!(operation, request, secret_list, next_token).await? {
        let tags = entry.tags.unwrap_or_default().into_iter();
        found.push(SecretDescription {
            arn: entry.arn.ok_or_else(|| secrets::incomplete(operation, "ARN"))?,
            name: entry.name.ok_or_else(|| secrets::incomplete(operation, "Name"))?,
            kms_key: entry.kms_key_id,
            is_deleted: entry.deleted_date.is_some(),
            rotated_by: entry.rotation_lambda_arn,
            owner: entry.owning_service,
            // The list does not show them.
            replicas: Vec::new(),
            tags: tags
                .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
                .collect(),
        });
    }
    Ok(found)
}

#[async_trait::async_trait]
impl RemovalCloud for Aws {
    async fn list_rds_tags(&self, arn: &str) -> Answer<BTreeMap<String, String>> {
        called(Operation::ListTagsForResource, rds_tags(&self.rds, arn)).await
    }

    async fn list_roles(&self, prefix: &str) -> Answer<Vec<String>> {
        called(Operation::ListRoles, identity::roles_named(&self.iam, prefix)).await
    }

    async fn list_secrets(&self, prefix: &str) -> Answer<Vec<SecretDescription>> {
        called(Operation::ListSecrets, secrets_named(&self.secrets, prefix)).await
    }

    async fn tag_groups(&self, groups: &[GroupId], key: &str, value: &str) -> Answer<()> {
        let operation = Operation::CreateTags;
        let call = self
            .ec2
            .create_tags()
            .set_resources(Some(groups.iter().map(ToString::to_string).collect()))
            .tags(Tag::builder().key(key).value(value).build())
            .send();
        called(operation, done(operation, call)).await
    }

    async fn untag_groups(&self, groups: &[GroupId], key: &str) -> Answer<()> {
        let operation = Operation::DeleteTags;
        let call = self
            .ec2
            .delete_tags()
            .set_resources(Some(groups.iter().map(ToString::to_string).collect()))
            .tags(Tag::builder().key(key).build())
            .send();
        called(operation, done(operation, call)).await
    }

    async fn delete_group(&self, group: &GroupId) -> Answer<()> {
        let operation = Operation::DeleteSecurityGroup;
        let call = self.ec2.delete_security_group().group_id(group.as_str()).send();
        called(operation, done(operation, call)).await
    }

    async fn delete_db_proxy(&self, name: &str) -> Answer<()> {
        let operation = Operation::DeleteDbProxy;
        let call = self.rds.delete_db_proxy().db_proxy_name(name).send();
        called(operation, done(operation, call)).await
    }

    async fn delete_secret(&self, id: &str) -> Answer<()> {
        let operation = Operation::DeleteSecret;
        let call = self
            .secrets
            .delete_secret()
            .secret_id(id)
            .recovery_window_in_days(RECOVERY_DAYS)
            .send();
        called(operation, done(operation, call)).await
    }

    async fn list_function_tags(&self, arn: &str) -> Answer<BTreeMap<String, String>> {
        called(Operation::ListTags, functions::tags(&self.lambda, arn)).await
    }

    async fn delete_function(&self, name: &str) -> Answer<()> {
        let operation = Operation::DeleteFunction;
        let call = self.lambda.delete_function().function_name(name).send();
        called(operation, done(operation, call)).await
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
