//! Secrets and the keys that encrypt them. `GetSecretValue` is never called.

use aws_sdk_secretsmanager::types::Tag;
use secrecy::ExposeSecret;
use secrecy::zeroize::Zeroizing;

use super::fault;
use crate::cloud::{Answer, CloudError, Fault, KeyDescription, NewSecret, Operation, SecretDescription};

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
        tags: tags
            .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
            .collect(),
    })
}

pub(super) async fn create_secret(client: &aws_sdk_secretsmanager::Client, new: &NewSecret) -> Answer<String> {
    let operation = Operation::CreateSecret;
    let content = serde_json::json!({"username": new.user, "password": new.password.expose_secret()});
    let content = Zeroizing::new(content.to_string());
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
