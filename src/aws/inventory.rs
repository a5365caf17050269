//! Lists of all that exists, a page at a time and each page as large as the service gives it.

use super::{Aws, called, fault, functions, msk, page, page_of, rds};
use crate::cloud::{DbCluster, DbInstance, DbSubnetGroup, Inventory, Listed, Operation};
use crate::model::{EventSourceMapping, Function, MskCluster, Proxy};

/// The largest page that MSK gives, and Lambda of event source mappings.
const MSK_PAGE: i32 = 100;

#[async_trait::async_trait]
impl Inventory for Aws {
    async fn list_db_clusters(&self, from: Option<String>) -> Listed<DbCluster> {
        let request = self.rds.describe_db_clusters().max_records(rds::PAGE).set_marker(from);
        page!(
            Operation::DescribeDbClusters,
            request,
            db_clusters,
            marker,
            rds::db_cluster
        )
    }

    async fn list_db_instances(&self, from: Option<String>) -> Listed<DbInstance> {
        let request = self.rds.describe_db_instances().max_records(rds::PAGE).set_marker(from);
        page!(
            Operation::DescribeDbInstances,
            request,
            db_instances,
            marker,
            rds::db_instance
        )
    }

    async fn list_db_subnet_groups(&self, from: Option<String>) -> Listed<(String, DbSubnetGroup)> {
        let operation = Operation::DescribeDbSubnetGroups;
        let call = self
            .rds
            .describe_db_subnet_groups()
            .max_records(rds::PAGE)
            .set_marker(from);
        let answer = called(operation, async {
            call.send().await.map_err(|error| fault::error(operation, &error))
        });
        let answer = answer.await?;
        let named = answer
            .db_subnet_groups
            .unwrap_or_default()
            .into_iter()
            .filter_map(|group| {
                let name = group.db_subnet_group_name.clone()?;
                Some((name, rds::subnet_group(group)?))
            });
        page_of(Some(named.collect()), answer.marker, Ok)
    }

    async fn list_db_proxies(&self, from: Option<String>) -> Listed<Proxy> {
        let request = self.rds.describe_db_proxies().max_records(rds::PAGE).set_marker(from);
        page!(Operation::DescribeDbProxies, request, db_proxies, marker, rds::db_proxy)
    }

    async fn list_functions(&self, from: Option<String>) -> Listed<Function> {
        let request = self.lambda.list_functions().max_items(functions::PAGE).set_marker(from);
        page!(
            Operation::ListFunctions,
            request,
            functions,
            next_marker,
            functions::listed
        )
    }

    async fn list_msk_clusters(&self, from: Option<String>) -> Listed<MskCluster> {
        let request = self.kafka.list_clusters_v2().max_results(MSK_PAGE).set_next_token(from);
        page!(
            Operation::ListClustersV2,
            request,
            cluster_info_list,
            next_token,
            |found| msk::cluster(Operation::ListClustersV2, found)
        )
    }

    async fn list_all_event_source_mappings(&self, from: Option<String>) -> Listed<EventSourceMapping> {
        let request = self
            .lambda
            .list_event_source_mappings()
            .max_items(MSK_PAGE)
            .set_marker(from);
        page!(
            Operation::ListEventSourceMappings,
            request,
            event_source_mappings,
            next_marker,
            msk::listed
        )
    }
}
