//! MSK clusters and event source mappings, as MSK and Lambda describe them.

use super::{Answer, Listed};
use crate::model::{EventSourceMapping, MskCluster};

/// Reads MSK clusters and what polls them.
#[async_trait::async_trait]
pub trait MskCloud: Sync {
    /// The cluster with this ARN.
    async fn describe_msk_cluster(&self, arn: &str) -> Answer<MskCluster>;
    /// All clusters, a page at a time.
    async fn list_msk_clusters(&self, from: Option<String>) -> Listed<MskCluster>;
    /// Event source mappings, a page at a time: all, or those of a source. Lambda can also list those of a function, but does
    /// not say whether that includes those that invoke a version or an alias.
    async fn list_event_source_mappings(
        &self,
        source: Option<&str>,
        from: Option<String>,
    ) -> Listed<EventSourceMapping>;
    /// The event source mapping with this id.
    async fn get_event_source_mapping(&self, uuid: &str) -> Answer<EventSourceMapping>;
}
