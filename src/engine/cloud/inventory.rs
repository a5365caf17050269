//! Reads in bulk, a page at a time: what exists in the account and Region.
//!
//! Source: docs/drift.md, "What it reads". The number of calls grows with the pages of what exists.

use super::{DbCluster, DbInstance, DbSubnetGroup, Listed};
use crate::model::{EventSourceMapping, Function, MskCluster, Proxy};

/// Lists of all that exists. `from` is a page's `next`; none for the first page.
#[async_trait::async_trait]
pub trait Inventory: Sync {
    /// All clusters.
    async fn list_db_clusters(&self, from: Option<String>) -> Listed<DbCluster>;
    /// All instances, those of clusters too.
    async fn list_db_instances(&self, from: Option<String>) -> Listed<DbInstance>;
    /// All DB subnet groups in a VPC, with their names.
    async fn list_db_subnet_groups(&self, from: Option<String>) -> Listed<(String, DbSubnetGroup)>;
    /// All proxies, without their targets: those have to be asked for one by one.
    async fn list_db_proxies(&self, from: Option<String>) -> Listed<Proxy>;
    /// All functions. Lambda's list contains no states, and environments are not kept.
    async fn list_functions(&self, from: Option<String>) -> Listed<Function>;
    /// All MSK clusters.
    async fn list_msk_clusters(&self, from: Option<String>) -> Listed<MskCluster>;
    /// All event source mappings, whatever they poll.
    async fn list_all_event_source_mappings(&self, from: Option<String>) -> Listed<EventSourceMapping>;
}
