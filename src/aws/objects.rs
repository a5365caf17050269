//! Reads an object of S3.

use super::{Configuration, called, fault};
use crate::cloud::{Answer, CloudError, Fault, Operation};
use crate::units::size;

/// An object of S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object<'a> {
    /// The bucket.
    pub bucket: &'a str,
    /// The key.
    pub key: &'a str,
    /// The version; the current one if left out.
    pub version: Option<&'a str>,
}

/// The content of an object, which may have so many bytes.
///
/// # Errors
///
/// The configuration has no Region, the call fails, or the object is larger.
pub async fn object(configuration: &Configuration, object: Object<'_>, most: u64) -> Answer<Vec<u8>> {
    let operation = Operation::GetObject;
    let failed = |fault| CloudError::new(operation, fault);
    let shared = super::load(configuration).await.map_err(failed)?;
    // Only AWS has a host for each bucket.
    let has_own_endpoint = shared.endpoint_url().is_some();
    let client = aws_sdk_s3::Client::from_conf(
        aws_sdk_s3::config::Builder::from(&shared)
            .force_path_style(has_own_endpoint)
            .build(),
    );
    let call = client
        .get_object()
        .bucket(object.bucket)
        .key(object.key)
        .set_version_id(object.version.map(str::to_owned));
    let too_large = || failed(Fault::Malformed(format!("it has more than {}", size(most))));
    called(operation, async {
        let answer = call.send().await.map_err(|error| fault::error(operation, &error))?;
        let mut body = answer.body;
        let mut content = Vec::new();
        while let Some(part) = body.next().await {
            let part = part.map_err(|error| failed(Fault::Unreachable(error.to_string())))?;
            let length = u64::try_from(content.len() + part.len()).unwrap_or(u64::MAX);
            if length > most {
                return Err(too_large());
            }
            content.extend_from_slice(&part);
        }
        Ok(content)
    })
    .await
}
