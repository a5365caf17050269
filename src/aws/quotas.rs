//! The account's quotas, from Service Quotas.

use aws_sdk_servicequotas::Client;

use super::fault;
use crate::cloud::{Answer, CloudError, Fault, Operation};
use crate::model::QUOTA_CODE;

/// How many security groups a network interface takes.
pub(super) async fn groups_per_interface(client: &Client) -> Answer<usize> {
    let operation = Operation::GetServiceQuota;
    let answer = client
        .get_service_quota()
        .service_code("vpc")
        .quota_code(QUOTA_CODE)
        .send()
        .await;
    let quota = answer.map_err(|error| fault::error(operation, &error))?.quota;
    let value = quota.and_then(|quota| quota.value);
    // The API gives a number with a fraction; quotas are whole and small.
    let whole = value.map(|value| value.clamp(0.0, 1000.0).to_string());
    let whole = whole.and_then(|text| text.split('.').next()?.parse().ok());
    whole.ok_or_else(|| CloudError::new(operation, Fault::Malformed("the quota has no value".to_owned())))
}
