//! Secrets and the keys that encrypt them. `GetSecretValue` is never called.

use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, Tag};
use secrecy::ExposeSecret;
use secrecy::zeroize::Zeroizing;

use super::{all_items, fault};
use crate::cloud::{Answer, CloudError, Fault, KeyDescription, NewSecret, Operation, SecretDescription, unexpected};
use crate::model::Secret;

/// The shortest time in which a secret can be restored.
pub(super) const RECOVERY_DAYS: i64 = 7;

fn incomplete(operation: Operation, field: &str) -> CloudError {
    CloudError::new(operation, Fault::Malformed(format!("it has no {field}")))
}

pub(super) async fn describe_secret(client: &aws_sdk_secretsmanager::Client, id: &str) -> Answer<SecretDescription> {
    let operation = Operation::DescribeSecret;
    let secret = client
        .describe_secret()
        .secret_id(id)
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    let tags = secret.tags.unwrap_or_default().into_iter();
    Ok(SecretDescription {
        arn: secret.arn.ok_or_else(|| incomplete(operation, "ARN"))?,
        name: secret.name.ok_or_else(|| incomplete(operation, "Name"))?,
        kms_key: secret.kms_key_id.filter(|key| !key.is_empty()),
        is_deleted: secret.deleted_date.is_some(),
        rotated_by: secret.rotation_lambda_arn.filter(|arn| !arn.is_empty()),
        owner: secret.owning_service.filter(|owner| !owner.is_empty()),
        description: secret.description.filter(|text| !text.is_empty()),
        replicas: secret
            .replication_status
            .unwrap_or_default()
            .into_iter()
            .filter_map(|replica| replica.region)
            .collect(),
        tags: tags
            .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
            .collect(),
    })
}

pub(super) async fn list_secrets(
    client: &aws_sdk_secretsmanager::Client,
    prefix: &str,
) -> Answer<Vec<SecretDescription>> {
    let operation = Operation::ListSecrets;
    let by_name = Filter::builder().key(FilterNameStringType::Name).values(prefix).build();
    let request = client.list_secrets().filters(by_name);
    let mut found = Vec::new();
    for entry in all_items!(operation, request, secret_list, next_token).await? {
        let tags = entry.tags.unwrap_or_default().into_iter();
        found.push(SecretDescription {
            arn: entry.arn.ok_or_else(|| incomplete(operation, "ARN"))?,
            name: entry.name.ok_or_else(|| incomplete(operation, "Name"))?,
            kms_key: entry.kms_key_id,
            is_deleted: entry.deleted_date.is_some(),
            rotated_by: entry.rotation_lambda_arn,
            owner: entry.owning_service,
            description: entry.description.filter(|text| !text.is_empty()),
            // The list does not show them.
            replicas: Vec::new(),
            tags: tags
                .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
                .collect(),
        });
    }
    Ok(found)
}

/// The policy, except one that says nothing.
pub(super) async fn get_resource_policy(client: &aws_sdk_secretsmanager::Client, id: &str) -> Answer<Option<String>> {
    let operation = Operation::GetResourcePolicy;
    let answer = client
        .get_resource_policy()
        .secret_id(id)
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    match answer.arn {
        Some(arn) if arn != id && !Secret::is_named(&arn, id) => Err(unexpected(operation, id.to_owned(), arn)),
        _ => Ok(answer.resource_policy.filter(|policy| !policy.trim().is_empty())),
    }
}

pub(super) async fn create_secret(client: &aws_sdk_secretsmanager::Client, new: &NewSecret) -> Answer<String> {
    let operation = Operation::CreateSecret;
    let content = secret_string(&new.user, new.password.expose_secret())
        .map_err(|error| CloudError::new(operation, Fault::Malformed(error.to_string())))?;
    let tags = new
        .tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build());
    let answer = client
        .create_secret()
        .name(&new.name)
        .description(&new.description)
        .secret_string(content.as_str())
        .set_tags(Some(tags.collect()))
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    answer.arn.ok_or_else(|| incomplete(operation, "ARN"))
}

/// What the secret holds, in memory that is wiped. The SDK's own copy is not.
fn secret_string(user: &str, password: &str) -> serde_json::Result<Zeroizing<String>> {
    #[derive(serde::Serialize)]
    struct Content<'a> {
        username: &'a str,
        password: &'a str,
    }
    // Large enough from the start: what grows leaves copies behind.
    let mut json = Zeroizing::new(Vec::with_capacity(64 + 6 * (user.len() + password.len())));
    serde_json::to_writer(
        &mut *json,
        &Content {
            username: user,
            password,
        },
    )?;
    Ok(Zeroizing::new(String::from_utf8_lossy(&json).into_owned()))
}

pub(super) async fn describe_key(client: &aws_sdk_kms::Client, id: &str) -> Answer<KeyDescription> {
    let operation = Operation::DescribeKey;
    let answer = client
        .describe_key()
        .key_id(id)
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    let key = answer
        .key_metadata
        .ok_or_else(|| incomplete(operation, "KeyMetadata"))?;
    let manager = key.key_manager.as_ref();
    Ok(KeyDescription {
        is_customers: manager.is_none_or(|manager| manager.as_str() != "AWS"),
        arn: key.arn.ok_or_else(|| incomplete(operation, "Arn"))?,
    })
}
