//! Lists of all that exists, a page at a time and each page as large as the service gives it.

use super::{Aws, called, ec2, fault, functions, msk, rds};
use crate::cloud::inventory::Listed;
use crate::cloud::{Answer, DbCluster, DbInstance, DbSubnetGroup, Inventory, ListedSubnet, Operation, Page};
use crate::model::{EventSourceMapping, Function, MskCluster, Proxy, SecurityGroup};

/// The largest page that MSK gives, and Lambda of event source mappings.
const MSK_PAGE: i32 = 100;

/// A page of what the service gave, each item read.
fn page<S, T>(items: Option<Vec<S>>, next: Option<String>, read: impl Fn(S) -> Answer<T>) -> Listed<T> {
    let items: Answer<Vec<T>> = items.unwrap_or_default().into_iter().map(read).collect();
    Ok(Page {
        items: items?,
        next: next.filter(|next| !next.is_empty()),
    })
}

#[async_trait::async_trait]
impl Inventory for Aws {
    async fn list_db_clusters(&self, from: Option<String>) -> Listed<DbCluster> {
        let operation = Operation::DescribeDbClusters;
        let call = self.rds.describe_db_clusters().max_records(rds::PAGE).set_marker(from);
        let answer = called(operation, async {
            call.send().await.map_err(|error| fault::error(operation, &error))
        });
        let answer = answer.await?;
        page(answer.db_clusters, answer.marker, rds::db_cluster)
    }

    async fn list_db_instances(&self, from: Option<String>) -> Listed<DbInstance> {
        let operation = Operation::DescribeDbInstances;
        let call = self.rds.describe_db_instances().max_records(rds::PAGE).set_marker(from);
        let answer = called(operation, async {
            call.send().await.map_err(|error| fault::error(operation, &error))
        });
        let answer = answer.await?;
        page(answer.db_instances, answer.marker, rds::db_instance)
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
        page(Some(named.collect()), answer.marker, Ok)
    }

    async fn list_db_proxies(&self, from: Option<String>) -> Listed<Proxy> {
        let operation = Operation::DescribeDbProxies;
        let call = self.rds.describe_db_proxies().max_records(rds::PAGE).set_marker(from);
        let answer = called(operation, async {
            call.send().await.map_err(|error| fault::error(operation, &error))
        });
        let answer = answer.await?;
        page(answer.db_proxies, answer.marker, rds::db_proxy)
    }

    async fn list_functions(&self, from: Option<String>) -> Listed<Function> {
        let operation = Operation::ListFunctions;
        let call = self.lambda.list_functions().max_items(functions::PAGE).set_marker(from);
        let answer = called(operation, async {
            call.send().await.map_err(|error| fault::error(operation, &error))
        });
        let answer = answer.await?;
        page(answer.functions, answer.next_marker, functions::listed)
    }

    async fn list_security_groups(&self, from: Option<String>) -> Listed<SecurityGroup> {
        let operation = Operation::DescribeSecurityGroups;
        let call = self
            .ec2
            .describe_security_groups()
            .max_results(ec2::PAGE)
            .set_next_token(from);
        let answer = called(operation, async {
            call.send().await.map_err(|error| fault::error(operation, &error))
        });
        let answer = answer.await?;
        page(answer.security_groups, answer.next_token, ec2::security_group)
    }

    async fn list_subnets(&self, from: Option<String>) -> Listed<ListedSubnet> {
        let operation = Operation::DescribeSubnets;
        let call = self.ec2.describe_subnets().max_results(ec2::PAGE).set_next_token(from);
        let answer = called(operation, async {
            call.send().await.map_err(|error| fault::error(operation, &error))
        });
        let answer = answer.await?;
        page(answer.subnets, answer.next_token, |found| {
            let ipv6 = found.ipv6_cidr_block_association_set.clone().unwrap_or_default();
            let ranges = found.cidr_block.clone().into_iter();
            let ranges = ranges.chain(ipv6.into_iter().filter_map(|block| block.ipv6_cidr_block));
            Ok(ListedSubnet {
                ranges: ranges.filter_map(|range| range.parse().ok()).collect(),
                subnet: ec2::subnet(found)?,
            })
        })
    }

    async fn list_msk_clusters(&self, from: Option<String>) -> Listed<MskCluster> {
        let operation = Operation::ListClustersV2;
        let call = self.kafka.list_clusters_v2().max_results(MSK_PAGE).set_next_token(from);
        let answer = called(operation, async {
            call.send().await.map_err(|error| fault::error(operation, &error))
        });
        let answer = answer.await?;
        page(answer.cluster_info_list, answer.next_token, |found| {
            msk::cluster(operation, found)
        })
    }

    async fn list_all_event_source_mappings(&self, from: Option<String>) -> Listed<EventSourceMapping> {
        let operation = Operation::ListEventSourceMappings;
        let call = self
            .lambda
            .list_event_source_mappings()
            .max_items(MSK_PAGE)
            .set_marker(from);
        let answer = called(operation, async {
            call.send().await.map_err(|error| fault::error(operation, &error))
        });
        let answer = answer.await?;
        page(answer.event_source_mappings, answer.next_marker, msk::listed)
    }
}
