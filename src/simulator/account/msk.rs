//! The MSK clusters of an account in a file, and the event source mappings that poll them.

use super::document::{ClientAuthenticationEntry, EventSourceMappingEntry, MskClusterEntry, Switch};
use super::offline::OfflineAccount;
use super::pages::MSK_PAGE;
use super::rules::State;
use crate::cloud::{Answer, Fault, Listed, MskCloud, Operation};
use crate::model::{
    ClientAuthentication, ClientBroker, EventSourceMapping, MappingMode, MskCluster, MskKind, MskPlacement,
    SourceAccess,
};

impl MskClusterEntry {
    pub(super) fn to_model(&self) -> MskCluster {
        let (provisioned, serverless) = (self.provisioned.as_ref(), self.serverless.as_ref());
        let authentication = provisioned
            .and_then(|made| made.client_authentication.as_ref())
            .or(serverless.and_then(|made| made.client_authentication.as_ref()));
        let connectivity = provisioned
            .and_then(|made| made.broker_node_group_info.connectivity_info.as_ref())
            .or(serverless.and_then(|made| made.connectivity_info.as_ref()));
        let encryption = provisioned.and_then(|made| made.encryption_info.as_ref()?.encryption_in_transit.as_ref());
        let of_provisioned = provisioned.map(|made| {
            let brokers = &made.broker_node_group_info;
            placement(&brokers.client_subnets, &brokers.security_groups)
        });
        let of_serverless = serverless.into_iter().flat_map(|made| &made.vpc_configs);
        MskCluster {
            arn: self.cluster_arn.clone(),
            name: self.cluster_name.clone(),
            kind: MskKind::from_api(&self.cluster_type),
            state: self.state.clone(),
            authentication: authentication
                .map(ClientAuthenticationEntry::to_model)
                .unwrap_or_default(),
            client_broker: encryption
                .map(|found| ClientBroker::from_api(&found.client_broker))
                .unwrap_or_default(),
            public_access: connectivity.and_then(|found| Some(found.public_access.as_ref()?.kind.clone())),
            network_type: connectivity.and_then(|found| found.network_type.clone()),
            placements: of_provisioned
                .into_iter()
                .chain(of_serverless.map(|config| placement(&config.subnet_ids, &config.security_group_ids)))
                .collect(),
        }
    }
}

fn placement(subnets: &[String], groups: &[String]) -> MskPlacement {
    MskPlacement {
        subnets: subnets.iter().map(|id| id.as_str().into()).collect(),
        groups: groups.iter().map(|id| id.as_str().into()).collect(),
    }
}

impl ClientAuthenticationEntry {
    fn to_model(&self) -> ClientAuthentication {
        let is_on = |switch: Option<Switch>| switch.is_some_and(|switch| switch.enabled);
        let sasl = self.sasl.clone().unwrap_or_default();
        ClientAuthentication {
            unauthenticated: is_on(self.unauthenticated),
            tls: is_on(self.tls),
            scram: is_on(sasl.scram),
            iam: is_on(sasl.iam),
        }
    }
}

impl State {
    pub(super) fn mapping(&self, entry: &EventSourceMappingEntry) -> EventSourceMapping {
        let access = entry.source_access_configurations.iter();
        let pollers = entry.provisioned_poller_config.clone().unwrap_or_default();
        EventSourceMapping {
            uuid: entry.uuid.clone(),
            source: Some(entry.event_source_arn.clone()).filter(|arn| !arn.is_empty()),
            bootstrap_servers: entry
                .self_managed_event_source
                .iter()
                .flat_map(|source| source.endpoints.values().flatten().cloned())
                .collect(),
            function: Some(self.function_arn(&entry.function_arn)),
            state: entry.state.clone(),
            mode: MappingMode::of_pollers(pollers.minimum_pollers, pollers.maximum_pollers),
            access: access
                .map(|access| SourceAccess {
                    kind: access.kind.clone(),
                    uri: access.uri.clone(),
                })
                .collect(),
            last_result: entry.last_processing_result.clone(),
        }
    }

    pub(super) fn function_arn(&self, name: &str) -> String {
        if name.starts_with("arn:") {
            return name.to_owned();
        }
        let name = name.rsplit_once("function:").map_or(name, |(_, name)| name);
        self.arn("lambda", &format!("function:{name}"))
    }
}

#[async_trait::async_trait]
impl MskCloud for OfflineAccount {
    async fn describe_msk_cluster(&self, arn: &str) -> Answer<MskCluster> {
        self.read(Operation::DescribeClusterV2, |state| {
            let mut clusters = state.document.msk_clusters.iter();
            let found = clusters.find(|cluster| cluster.cluster_arn == arn);
            let missing = || Fault::NotFound(format!("The requested cluster {arn} does not exist."));
            found.map(MskClusterEntry::to_model).ok_or_else(missing)
        })
    }

    async fn list_msk_clusters(&self, from: Option<String>) -> Listed<MskCluster> {
        self.page(
            Operation::ListClustersV2,
            MSK_PAGE,
            from,
            |document| &document.msk_clusters,
            |_, entry| Some(entry.to_model()),
        )
    }

    async fn list_event_source_mappings(
        &self,
        source: Option<&str>,
        from: Option<String>,
    ) -> Listed<EventSourceMapping> {
        let operation = Operation::ListEventSourceMappings;
        let Some(source) = source else {
            let mapping = |state: &State, entry: &EventSourceMappingEntry| Some(state.mapping(entry));
            return self.page(
                operation,
                MSK_PAGE,
                from,
                |document| &document.event_source_mappings,
                mapping,
            );
        };
        self.read(operation, |state| {
            let of_source = state.document.event_source_mappings.iter();
            let of_source = of_source.filter(|entry| entry.event_source_arn == source);
            Ok(of_source.map(|entry| state.mapping(entry)).collect::<Vec<_>>().into())
        })
    }

    async fn get_event_source_mapping(&self, uuid: &str) -> Answer<EventSourceMapping> {
        self.read(Operation::GetEventSourceMapping, |state| {
            let mut mappings = state.document.event_source_mappings.iter();
            let found = mappings.find(|entry| entry.uuid == uuid);
            let missing = || Fault::NotFound("The resource you requested does not exist.".to_owned());
            found.map(|entry| state.mapping(entry)).ok_or_else(missing)
        })
    }
}
