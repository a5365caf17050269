//! Reads in bulk, a page at a time: what exists in the account and Region.
//!
//! Source: docs/drift.md, "What it reads". The number of calls grows with the pages of what exists.

use ipnet::IpNet;

use super::{Answer, DbCluster, DbInstance, DbSubnetGroup};
use crate::model::{EventSourceMapping, Function, MskCluster, Proxy, SecurityGroup, Subnet};

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next page begins; none on the last one.
    pub next: Option<String>,
}

/// A subnet with its ranges, as far as they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSubnet {
    /// The subnet.
    pub subnet: Subnet,
    /// Its IPv4 range and its IPv6 ranges.
    pub ranges: Vec<IpNet>,
}

/// A list's answer: one page, of the largest size.
pub type Listed<T> = Answer<Page<T>>;

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
    /// All security groups.
    async fn list_security_groups(&self, from: Option<String>) -> Listed<SecurityGroup>;
    /// All subnets.
    async fn list_subnets(&self, from: Option<String>) -> Listed<ListedSubnet>;
    /// All MSK clusters.
    async fn list_msk_clusters(&self, from: Option<String>) -> Listed<MskCluster>;
    /// All event source mappings, whatever they poll.
    async fn list_all_event_source_mappings(&self, from: Option<String>) -> Listed<EventSourceMapping>;
}
