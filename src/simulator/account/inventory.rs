//! An account's lists, in pages of the sizes that AWS gives. Listing does not advance states that pass.

use super::document::{AccountDocument, DbInstanceEntry, MskClusterEntry};
use super::offline::OfflineAccount;
use super::rules::State;
use crate::cloud::{DbCluster, DbInstance, DbSubnetGroup, Inventory, Listed, Operation, Page};
use crate::model::{EventSourceMapping, Function, MskCluster, Proxy};

/// The largest page of RDS.
const RDS_PAGE: usize = 100;
/// The largest page of EC2.
pub(super) const EC2_PAGE: usize = 1000;
/// The largest page of Lambda.
const LAMBDA_PAGE: usize = 50;
/// The largest page of MSK, and of Lambda's event source mappings.
const MSK_PAGE: usize = 100;

impl OfflineAccount {
    pub(super) fn page<E, T>(
        &self,
        operation: Operation,
        size: usize,
        from: Option<String>,
        list: impl FnOnce(&AccountDocument) -> &[E],
        item: impl Fn(&State, &E) -> Option<T>,
    ) -> Listed<T> {
        self.read(operation, |state| {
            let entries = list(&state.document);
            let start: usize = from.and_then(|from| from.parse().ok()).unwrap_or_default();
            let rest = entries.get(start..).unwrap_or_default();
            Ok(Page {
                items: rest.iter().take(size).filter_map(|entry| item(state, entry)).collect(),
                next: (rest.len() > size).then(|| (start + size).to_string()),
            })
        })
    }
}

impl State {
    /// The instance; a member has its cluster's groups and port.
    fn listed_instance(&self, entry: &DbInstanceEntry) -> DbInstance {
        let mut entry = entry.clone();
        let cluster = entry
            .cluster
            .as_deref()
            .and_then(|id| self.places.cluster(&self.document.db_clusters, id));
        if let Some(cluster) = cluster {
            entry.vpc_security_groups.clone_from(&cluster.vpc_security_groups);
            entry.port = entry.port.or(Some(cluster.port));
        }
        self.db_instance(entry)
    }
}

#[async_trait::async_trait]
impl Inventory for OfflineAccount {
    async fn list_db_clusters(&self, from: Option<String>) -> Listed<DbCluster> {
        let operation = Operation::DescribeDbClusters;
        self.page(
            operation,
            RDS_PAGE,
            from,
            |document| &document.db_clusters,
            |state, entry| Some(state.db_cluster(entry.clone())),
        )
    }

    async fn list_db_instances(&self, from: Option<String>) -> Listed<DbInstance> {
        let operation = Operation::DescribeDbInstances;
        self.page(
            operation,
            RDS_PAGE,
            from,
            |document| &document.db_instances,
            |state, entry| Some(state.listed_instance(entry)),
        )
    }

    async fn list_db_subnet_groups(&self, from: Option<String>) -> Listed<(String, DbSubnetGroup)> {
        let operation = Operation::DescribeDbSubnetGroups;
        self.page(
            operation,
            RDS_PAGE,
            from,
            |document| &document.db_subnet_groups,
            |state, entry| Some((entry.name.clone(), state.subnet_group(&entry.name)?)),
        )
    }

    async fn list_db_proxies(&self, from: Option<String>) -> Listed<Proxy> {
        let operation = Operation::DescribeDbProxies;
        self.page(
            operation,
            RDS_PAGE,
            from,
            |document| &document.db_proxies,
            |state, entry| Some(state.to_proxy(entry.clone())),
        )
    }

    async fn list_functions(&self, from: Option<String>) -> Listed<Function> {
        let operation = Operation::ListFunctions;
        self.page(
            operation,
            LAMBDA_PAGE,
            from,
            |document| &document.functions,
            |state, entry| {
                let function = state.to_function(entry.clone());
                Some(Function {
                    environment: None,
                    ..function
                })
            },
        )
    }

    async fn list_msk_clusters(&self, from: Option<String>) -> Listed<MskCluster> {
        let operation = Operation::ListClustersV2;
        self.page(
            operation,
            MSK_PAGE,
            from,
            |document| &document.msk_clusters,
            |_, entry| Some(MskClusterEntry::to_model(entry)),
        )
    }

    async fn list_all_event_source_mappings(&self, from: Option<String>) -> Listed<EventSourceMapping> {
        let operation = Operation::ListEventSourceMappings;
        self.page(
            operation,
            MSK_PAGE,
            from,
            |document| &document.event_source_mappings,
            |state, entry| Some(state.mapping(entry)),
        )
    }
}
