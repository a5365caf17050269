//! MSK clusters, and the event source mappings that poll them.

use aws_sdk_kafka::operation::describe_cluster_v2::DescribeClusterV2Output;
use aws_sdk_kafka::types::{Cluster, NetworkType, Provisioned, Serverless};
use aws_sdk_lambda::operation::get_event_source_mapping::GetEventSourceMappingOutput;
use aws_sdk_lambda::types::{
    EventSourceMappingConfiguration, ProvisionedPollerConfig, SelfManagedEventSource, SourceAccessConfiguration,
};

use super::{Aws, called, fault, page};
use crate::cloud::{Answer, CloudError, Fault, Listed, MskCloud, Operation};
use crate::model::{
    ClientAuthentication, ClientBroker, EventSourceMapping, MappingMode, MskCluster, MskKind, MskPlacement,
    SourceAccess,
};

/// The largest page that MSK gives, and Lambda of event source mappings.
const PAGE: i32 = 100;

fn incomplete(operation: Operation, field: &str) -> CloudError {
    CloudError::new(operation, Fault::Malformed(format!("it has no {field}")))
}

async fn describe_cluster(client: &aws_sdk_kafka::Client, arn: &str) -> Answer<MskCluster> {
    let operation = Operation::DescribeClusterV2;
    let answer: DescribeClusterV2Output = client
        .describe_cluster_v2()
        .cluster_arn(arn)
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    cluster(
        operation,
        answer
            .cluster_info
            .ok_or_else(|| incomplete(operation, "ClusterInfo"))?,
    )
}

/// What is common to both kinds of cluster.
#[derive(Default)]
struct Parts {
    authentication: ClientAuthentication,
    client_broker: ClientBroker,
    public_access: Option<String>,
    network_type: Option<NetworkType>,
    placements: Vec<MskPlacement>,
}

fn cluster(operation: Operation, found: Cluster) -> Answer<MskCluster> {
    let missing = |field| incomplete(operation, field);
    let kind = found.cluster_type.ok_or_else(|| missing("ClusterType"))?;
    let parts = match (found.provisioned, found.serverless) {
        (Some(made), _) => of_provisioned(made),
        (None, Some(made)) => of_serverless(made),
        (None, None) => Parts::default(),
    };
    Ok(MskCluster {
        arn: found.cluster_arn.ok_or_else(|| missing("ClusterArn"))?,
        name: found.cluster_name.ok_or_else(|| missing("ClusterName"))?,
        kind: MskKind::from_api(kind.as_str()),
        state: found
            .state
            .map_or("unknown".to_owned(), |state| state.as_str().to_owned()),
        authentication: parts.authentication,
        client_broker: parts.client_broker,
        public_access: parts.public_access,
        network_type: parts.network_type.map(|kind| kind.as_str().to_owned()),
        placements: parts.placements,
    })
}

fn of_provisioned(made: Provisioned) -> Parts {
    let authentication = made.client_authentication;
    let sasl = authentication.as_ref().and_then(|found| found.sasl.as_ref());
    let is_on = |switch: Option<bool>| switch == Some(true);
    let broker = made
        .encryption_info
        .and_then(|found| found.encryption_in_transit?.client_broker);
    let brokers = made.broker_node_group_info;
    let connectivity = brokers.as_ref().and_then(|found| found.connectivity_info.clone());
    Parts {
        authentication: ClientAuthentication {
            unauthenticated: is_on(
                authentication
                    .as_ref()
                    .and_then(|found| found.unauthenticated.as_ref()?.enabled),
            ),
            tls: is_on(authentication.as_ref().and_then(|found| found.tls.as_ref()?.enabled)),
            scram: is_on(sasl.and_then(|found| found.scram.as_ref()?.enabled)),
            iam: is_on(sasl.and_then(|found| found.iam.as_ref()?.enabled)),
        },
        client_broker: broker
            .map(|found| ClientBroker::from_api(found.as_str()))
            .unwrap_or_default(),
        public_access: connectivity
            .as_ref()
            .and_then(|found| found.public_access.as_ref()?.r#type.clone()),
        network_type: connectivity.and_then(|found| found.network_type),
        placements: brokers
            .map(|found| placement(found.client_subnets, found.security_groups))
            .into_iter()
            .collect(),
    }
}

fn of_serverless(made: Serverless) -> Parts {
    let sasl = made.client_authentication.and_then(|found| found.sasl);
    Parts {
        authentication: ClientAuthentication {
            iam: sasl.and_then(|found| found.iam?.enabled) == Some(true),
            ..ClientAuthentication::default()
        },
        network_type: made.connectivity_info.and_then(|found| found.network_type),
        placements: made
            .vpc_configs
            .unwrap_or_default()
            .into_iter()
            .map(|config| placement(config.subnet_ids, config.security_group_ids))
            .collect(),
        ..Parts::default()
    }
}

fn placement(subnets: Option<Vec<String>>, groups: Option<Vec<String>>) -> MskPlacement {
    MskPlacement {
        subnets: subnets.unwrap_or_default().into_iter().map(Into::into).collect(),
        groups: groups.unwrap_or_default().into_iter().map(Into::into).collect(),
    }
}

/// A mapping as Lambda lists it: the same fields as of one that is asked for, in another type.
fn listed(found: EventSourceMappingConfiguration) -> Answer<EventSourceMapping> {
    Ok(EventSourceMapping {
        uuid: found
            .uuid
            .ok_or_else(|| incomplete(Operation::ListEventSourceMappings, "UUID"))?,
        bootstrap_servers: servers(found.self_managed_event_source),
        source: found.event_source_arn,
        function: found.function_arn,
        state: found.state.unwrap_or_else(|| "unknown".to_owned()),
        mode: mode(found.provisioned_poller_config.as_ref()),
        access: access(found.source_access_configurations),
        last_result: found.last_processing_result,
    })
}

async fn get_mapping(client: &aws_sdk_lambda::Client, uuid: &str) -> Answer<EventSourceMapping> {
    let operation = Operation::GetEventSourceMapping;
    let found: GetEventSourceMappingOutput = client
        .get_event_source_mapping()
        .uuid(uuid)
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    Ok(EventSourceMapping {
        uuid: found.uuid.ok_or_else(|| incomplete(operation, "UUID"))?,
        bootstrap_servers: servers(found.self_managed_event_source),
        source: found.event_source_arn,
        function: found.function_arn,
        state: found.state.unwrap_or_else(|| "unknown".to_owned()),
        mode: mode(found.provisioned_poller_config.as_ref()),
        access: access(found.source_access_configurations),
        last_result: found.last_processing_result,
    })
}

/// The bootstrap servers of a Kafka cluster that is not AWS's.
fn servers(source: Option<SelfManagedEventSource>) -> Vec<String> {
    let endpoints = source.and_then(|source| source.endpoints).unwrap_or_default();
    endpoints.into_values().flatten().collect()
}

fn mode(pollers: Option<&ProvisionedPollerConfig>) -> MappingMode {
    let of = |count: fn(&ProvisionedPollerConfig) -> Option<i32>| pollers.and_then(count);
    MappingMode::of_pollers(of(|found| found.minimum_pollers), of(|found| found.maximum_pollers))
}

fn access(configurations: Option<Vec<SourceAccessConfiguration>>) -> Vec<SourceAccess> {
    let configurations = configurations.unwrap_or_default().into_iter();
    configurations
        .filter_map(|found| {
            Some(SourceAccess {
                kind: found.r#type?.as_str().to_owned(),
                uri: found.uri,
            })
        })
        .collect()
}

#[async_trait::async_trait]
impl MskCloud for Aws {
    async fn describe_msk_cluster(&self, arn: &str) -> Answer<MskCluster> {
        called(Operation::DescribeClusterV2, describe_cluster(&self.kafka, arn)).await
    }

    async fn list_msk_clusters(&self, from: Option<String>) -> Listed<MskCluster> {
        let operation = Operation::ListClustersV2;
        let request = self.kafka.list_clusters_v2().max_results(PAGE).set_next_token(from);
        page!(operation, request, cluster_info_list, next_token, |found| {
            cluster(operation, found)
        })
    }

    async fn list_event_source_mappings(
        &self,
        source: Option<&str>,
        from: Option<String>,
    ) -> Listed<EventSourceMapping> {
        let request = self.lambda.list_event_source_mappings().set_marker(from);
        let request = match source {
            Some(source) => request.event_source_arn(source),
            None => request.max_items(PAGE),
        };
        page!(
            Operation::ListEventSourceMappings,
            request,
            event_source_mappings,
            next_marker,
            listed
        )
    }

    async fn get_event_source_mapping(&self, uuid: &str) -> Answer<EventSourceMapping> {
        called(Operation::GetEventSourceMapping, get_mapping(&self.lambda, uuid)).await
    }
}
