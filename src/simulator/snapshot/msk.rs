//! MSK clusters, and the event source mappings that poll them, and what else functions poll.

use std::collections::{BTreeMap, BTreeSet};

use super::Snapshot;
use crate::account::{
    BrokerNodeGroupInfo, ClientAuthenticationEntry, ConnectivityInfo, EncryptionInTransit, EncryptionInfo,
    EventSourceMappingEntry, MskClusterEntry, MskVpcConfig, ProvisionedEntry, ProvisionedPollerConfig, PublicAccess,
    SaslEntry, SelfManagedEventSource, ServerlessEntry, SourceAccessEntry, Switch,
};
use crate::cloud::{Cloud, Operation};
use crate::model::{
    ClientAuthentication, EventSourceMapping, MappingMode, MskCluster, MskKind, MskPlacement, VpcId, without_qualifier,
};
use crate::observe::all;

impl Snapshot {
    /// The clusters whose subnets and groups are in the snapshot already. Of one VPC, only the mappings that poll them.
    pub(super) async fn msk(&mut self, cloud: &dyn Cloud, vpc: Option<&VpcId>) {
        let (clusters, mappings) = tokio::join!(
            all(cloud, Operation::ListClustersV2, |from| cloud.list_msk_clusters(from)),
            all(cloud, Operation::ListEventSourceMappings, |from| {
                cloud.list_event_source_mappings(None, from)
            }),
        );
        let groups = self.group_ids();
        let subnets: BTreeSet<String> = self
            .document
            .subnets
            .iter()
            .map(|subnet| subnet.subnet_id.clone())
            .collect();
        let holds = |place: &&MskPlacement| {
            place.subnets.iter().all(|id| subnets.contains(id.as_str()))
                && place.groups.iter().all(|id| groups.contains(id.as_str()))
        };
        for cluster in self.read(clusters) {
            let name = cluster.name.clone();
            let (here, elsewhere): (Vec<_>, Vec<_>) = cluster.placements.iter().partition(holds);
            if vpc.is_some() && here.is_empty() {
                continue;
            }
            match entry(cluster.clone()).filter(|_| elsewhere.is_empty()) {
                Some(entry) => self.document.msk_clusters.push(entry),
                None => self.gaps.push(format!(
                    "MSK cluster {name}: not all of its subnets and security groups could be read"
                )),
            }
        }
        let clusters = self.document.msk_clusters.iter();
        let arns: BTreeSet<String> = clusters.map(|cluster| cluster.cluster_arn.clone()).collect();
        let mappings = self.read(mappings).into_iter();
        let polls_one = |mapping: &EventSourceMapping| mapping.source.as_ref().is_some_and(|arn| arns.contains(arn));
        let names_one = |mapping: &EventSourceMapping| mapping.groups().any(|id| groups.contains(id.as_str()));
        let kept = mappings.filter(|mapping| vpc.is_none() || polls_one(mapping) || names_one(mapping));
        let kept = kept.filter_map(mapping).collect();
        self.document.event_source_mappings = kept;
    }

    /// The functions that a mapping of the snapshot invokes, by their ARNs.
    pub(super) fn polled_for(&self) -> BTreeSet<String> {
        let mappings = self.document.event_source_mappings.iter();
        mappings
            .map(|mapping| without_qualifier(&mapping.function_arn).to_owned())
            .collect()
    }
}

/// None for a cluster that is not as an account's file has them: of a new kind, or with brokers nowhere.
fn entry(cluster: MskCluster) -> Option<MskClusterEntry> {
    let client_authentication = authentication(cluster.authentication);
    let public_access = cluster.public_access.map(|kind| PublicAccess { kind });
    let connectivity_info = (public_access.is_some() || cluster.network_type.is_some()).then_some(ConnectivityInfo {
        public_access,
        network_type: cluster.network_type,
    });
    let mut places = cluster.placements.into_iter().map(|place| MskVpcConfig {
        subnet_ids: place.subnets.iter().map(ToString::to_string).collect(),
        security_group_ids: place.groups.iter().map(ToString::to_string).collect(),
    });
    let (cluster_type, provisioned, serverless) = match cluster.kind {
        MskKind::Provisioned => {
            let place = places.next()?;
            let made = ProvisionedEntry {
                broker_node_group_info: BrokerNodeGroupInfo {
                    client_subnets: place.subnet_ids,
                    security_groups: place.security_group_ids,
                    instance_type: None,
                    connectivity_info,
                },
                client_authentication,
                encryption_info: Some(EncryptionInfo {
                    encryption_in_transit: Some(EncryptionInTransit {
                        client_broker: cluster.client_broker.as_api().to_owned(),
                    }),
                }),
            };
            ("PROVISIONED", Some(made), None)
        }
        MskKind::Serverless => {
            let made = ServerlessEntry {
                vpc_configs: places.collect(),
                client_authentication,
                connectivity_info,
            };
            ("SERVERLESS", None, Some(made))
        }
        MskKind::Other(_) => return None,
    };
    Some(MskClusterEntry {
        cluster_arn: cluster.arn,
        cluster_name: cluster.name,
        cluster_type: cluster_type.to_owned(),
        state: cluster.state,
        provisioned,
        serverless,
    })
}

/// What is on; what is not said is off.
fn authentication(found: ClientAuthentication) -> Option<ClientAuthenticationEntry> {
    let switch = |is_on: bool| is_on.then_some(Switch { enabled: true });
    let sasl = SaslEntry {
        scram: switch(found.scram),
        iam: switch(found.iam),
    };
    (found != ClientAuthentication::default()).then_some(ClientAuthenticationEntry {
        sasl: (found.scram || found.iam).then_some(sasl),
        tls: switch(found.tls),
        unauthenticated: switch(found.unauthenticated),
    })
}

/// None for what neither polls anything of AWS's nor names security groups.
fn mapping(found: EventSourceMapping) -> Option<EventSourceMappingEntry> {
    if found.source.is_none() && found.groups().next().is_none() {
        return None;
    }
    let access = found.access.into_iter().map(|access| SourceAccessEntry {
        kind: access.kind,
        uri: access.uri,
    });
    Some(EventSourceMappingEntry {
        uuid: found.uuid,
        event_source_arn: found.source.unwrap_or_default(),
        self_managed_event_source: (!found.bootstrap_servers.is_empty()).then(|| SelfManagedEventSource {
            endpoints: BTreeMap::from([("KAFKA_BOOTSTRAP_SERVERS".to_owned(), found.bootstrap_servers)]),
        }),
        function_arn: found.function?,
        state: found.state,
        // The mode follows from a number of pollers being set, whatever it is.
        provisioned_poller_config: (found.mode == MappingMode::Provisioned).then_some(ProvisionedPollerConfig {
            minimum_pollers: Some(1),
            maximum_pollers: None,
        }),
        source_access_configurations: access.collect(),
        topics: Vec::new(),
        last_processing_result: found.last_result,
    })
}
