//! MSK clusters and event source mappings, as MSK and Lambda describe them.

use super::Answer;
use crate::model::{EventSourceMapping, MskCluster};

/// Reads MSK clusters and what polls them.
#[async_trait::async_trait]
pub trait MskCloud: Sync {
    /// The cluster with this ARN.
    async fn describe_msk_cluster(&self, arn: &str) -> Answer<MskCluster>;
    /// The event source mappings of a source, or only those of one function.
    async fn list_event_source_mappings(&self, source: &str, function: Option<&str>)
    -> Answer<Vec<EventSourceMapping>>;
    /// The event source mapping with this id.
    async fn get_event_source_mapping(&self, uuid: &str) -> Answer<EventSourceMapping>;
}
