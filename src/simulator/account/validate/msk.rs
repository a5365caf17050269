//! Mistakes in the MSK clusters and event source mappings of an account's file.

use super::Check;
use super::network::Known;
use crate::account::document::{AccountDocument, MskClusterEntry};

impl Check {
    pub(super) fn msk(&mut self, document: &AccountDocument, known: &Known<'_>) {
        self.unique("MskClusters", "ClusterArn", &document.msk_clusters, |cluster| {
            &cluster.cluster_arn
        });
        for (i, cluster) in document.msk_clusters.iter().enumerate() {
            self.msk_cluster(&format!("$.MskClusters[{i}]"), cluster, known);
        }
        self.unique(
            "EventSourceMappings",
            "UUID",
            &document.event_source_mappings,
            |mapping| &mapping.uuid,
        );
    }

    fn msk_cluster(&mut self, path: &str, cluster: &MskClusterEntry, known: &Known<'_>) {
        let (made, left_out) = match cluster.cluster_type.as_str() {
            "PROVISIONED" => (cluster.provisioned.is_some(), cluster.serverless.is_none()),
            "SERVERLESS" => (cluster.serverless.is_some(), cluster.provisioned.is_none()),
            other => {
                let message = format!("expected PROVISIONED or SERVERLESS, found \"{other}\"");
                return self.report(format!("{path}.ClusterType"), message);
            }
        };
        if !made || !left_out {
            self.report(
                path,
                "expected only Provisioned or only Serverless, as in its ClusterType",
            );
        }
        let brokers = cluster.provisioned.iter().map(|made| &made.broker_node_group_info);
        for brokers in brokers {
            let path = format!("{path}.Provisioned.BrokerNodeGroupInfo");
            self.placed(
                &path,
                "ClientSubnets",
                &brokers.client_subnets,
                "SecurityGroups",
                &brokers.security_groups,
                known,
            );
        }
        let configs = cluster.serverless.iter().flat_map(|made| &made.vpc_configs);
        for (i, config) in configs.enumerate() {
            let path = format!("{path}.Serverless.VpcConfigs[{i}]");
            self.placed(
                &path,
                "SubnetIds",
                &config.subnet_ids,
                "SecurityGroupIds",
                &config.security_group_ids,
                known,
            );
        }
    }

    fn placed(
        &mut self,
        path: &str,
        subnets_field: &str,
        subnets: &[String],
        groups_field: &str,
        groups: &[String],
        known: &Known<'_>,
    ) {
        if subnets.is_empty() {
            self.report(format!("{path}.{subnets_field}"), "expected at least one subnet");
        }
        self.all_exist(&format!("{path}.{subnets_field}"), "subnet", known.subnets, subnets);
        self.all_exist(
            &format!("{path}.{groups_field}"),
            "security group",
            known.groups,
            groups,
        );
    }
}
