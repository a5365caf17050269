//! MSK clusters and event source mappings, as MSK and Lambda describe them.

use std::future::Future;

use super::Answer;
use crate::model::{EventSourceMapping, MskCluster};

/// Reads MSK clusters and what polls them.
pub trait MskCloud: Sync {
    /// The cluster with this ARN.
    fn describe_msk_cluster(&self, arn: &str) -> impl Future<Output = Answer<MskCluster>> + Send;
    /// The event source mappings of a source, or only those of one function.
    fn list_event_source_mappings(
        &self,
        source: &str,
        function: Option<&str>,
    ) -> impl Future<Output = Answer<Vec<EventSourceMapping>>> + Send;
    /// The event source mapping with this id.
    fn get_event_source_mapping(&self, uuid: &str) -> impl Future<Output = Answer<EventSourceMapping>> + Send;
}
