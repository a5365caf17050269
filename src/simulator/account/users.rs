//! Who can use a security group in an account, besides functions, databases and proxies.

use std::collections::BTreeSet;

use super::OfflineAccount;
use super::document::{
    AccountDocument, LaunchTemplateVersionEntry, NetworkConnectorEntry, SecurityGroupReferenceEntry,
};
use super::rules::{Outcome, State};
use crate::cloud::{
    Answer, CapacityProvider, Fault, FunctionAlias, GroupReference, LaunchTemplateVersion, NetworkConnector, Operation,
    ProxyEndpoint, UsersCloud,
};
use crate::model::{GroupId, TargetRole};

fn ids(groups: &[String]) -> Vec<GroupId> {
    groups.iter().map(|id| id.as_str().into()).collect()
}

impl AccountDocument {
    /// Whether something with an interface of its own, besides the resources that list their groups, has the group.
    pub(super) fn is_borne_by_others(&self, id: &str) -> bool {
        let is_it = |group: &String| group == id;
        let versions = self.functions.iter().flat_map(|function| &function.versions);
        let configs = versions.filter_map(|version| version.vpc_config.as_ref());
        let connectors = self.network_connectors.iter();
        let connectors = connectors.map(|connector| &connector.configuration.vpc_egress_configuration);
        let providers = self.capacity_providers.iter().map(|provider| &provider.vpc_config);
        let endpoints = self.db_proxy_endpoints.iter();
        configs
            .flat_map(|config| &config.security_group_ids)
            .chain(endpoints.flat_map(|endpoint| &endpoint.vpc_security_group_ids))
            .chain(
                connectors
                    .chain(providers)
                    .flat_map(|config| &config.security_group_ids),
            )
            .any(is_it)
    }
}

impl State {
    fn connector_arn(&self, name: &str) -> String {
        self.arn("lambda", &format!("network-connector:{name}"))
    }

    fn connector_version_arn(&self, entry: &NetworkConnectorEntry) -> String {
        format!("{}:{}", self.connector_arn(&entry.name), entry.version)
    }

    fn network_connector(&self, version: &str) -> Outcome<NetworkConnector> {
        let mut entries = self.document.network_connectors.iter();
        let found = entries.find(|entry| self.connector_version_arn(entry) == version);
        let entry = found.ok_or_else(|| Fault::NotFound(format!("Network connector not found: {version}")))?;
        Ok(NetworkConnector {
            name: entry.name.clone(),
            version: Some(entry.version.to_string()),
            groups: ids(&entry.configuration.vpc_egress_configuration.security_group_ids),
        })
    }

    fn launch_template_versions(&self, template: Option<&str>) -> Vec<LaunchTemplateVersion> {
        let all = &self.document.launch_template_versions;
        let latest = |entry: &LaunchTemplateVersionEntry| {
            let same = all
                .iter()
                .filter(|other| other.launch_template_id == entry.launch_template_id);
            same.map(|other| other.version_number).max() == Some(entry.version_number)
        };
        let is_wanted = |entry: &&LaunchTemplateVersionEntry| match template {
            Some(id) => entry.launch_template_id == id,
            None => entry.default_version || latest(entry),
        };
        let version = |entry: &LaunchTemplateVersionEntry| LaunchTemplateVersion {
            template: entry.launch_template_id.clone(),
            name: entry.launch_template_name.clone(),
            version: entry.version_number,
            groups: entry
                .launch_template_data
                .group_ids()
                .map(|id| id.as_str().into())
                .collect(),
            group_names: entry.launch_template_data.security_groups.clone(),
        };
        all.iter().filter(is_wanted).map(version).collect()
    }
}

#[async_trait::async_trait]
impl UsersCloud for OfflineAccount {
    async fn list_aliases(&self, function: &str) -> Answer<Vec<FunctionAlias>> {
        self.read(Operation::ListAliases, |state| {
            let name = state.local_name(function);
            let mut functions = state.document.functions.iter();
            let found = functions.find(|entry| entry.function_name == name);
            let found = found.ok_or_else(|| Fault::NotFound(format!("Function not found: {name}")))?;
            let aliases = found.aliases.iter().map(|alias| {
                let shifted = alias.routing_config.iter();
                let shifted = shifted.flat_map(|routing| routing.additional_version_weights.keys());
                FunctionAlias {
                    name: alias.name.clone(),
                    versions: std::iter::once(&alias.function_version)
                        .chain(shifted)
                        .cloned()
                        .collect(),
                }
            });
            Ok(aliases.collect())
        })
    }

    async fn list_proxy_endpoints(&self) -> Answer<Vec<ProxyEndpoint>> {
        self.read(Operation::DescribeDbProxyEndpoints, |state| {
            let endpoints = state.document.db_proxy_endpoints.iter().map(|entry| ProxyEndpoint {
                name: entry.name.clone(),
                proxy: entry.proxy.clone(),
                vpc: entry.vpc_id.as_deref().map(Into::into),
                subnets: entry.vpc_subnet_ids.iter().map(|id| id.as_str().into()).collect(),
                groups: ids(&entry.vpc_security_group_ids),
                status: entry.status.clone(),
                role: entry.target_role.as_deref().map(TargetRole::from_api),
                host: entry.endpoint.clone(),
            });
            Ok(endpoints.collect())
        })
    }

    async fn list_capacity_providers(&self) -> Answer<Vec<CapacityProvider>> {
        self.read(Operation::ListCapacityProviders, |state| {
            let providers = state.document.capacity_providers.iter().map(|entry| CapacityProvider {
                name: entry.capacity_provider_name.clone(),
                groups: ids(&entry.vpc_config.security_group_ids),
            });
            Ok(providers.collect())
        })
    }

    async fn list_network_connectors(&self) -> Answer<Vec<String>> {
        self.read(Operation::ListNetworkConnectors, |state| {
            let entries = state.document.network_connectors.iter();
            let names: BTreeSet<&str> = entries.map(|entry| entry.name.as_str()).collect();
            Ok(names.into_iter().map(|name| state.connector_arn(name)).collect())
        })
    }

    async fn list_network_connector_versions(&self, connector: &str) -> Answer<Vec<String>> {
        self.read(Operation::ListNetworkConnectorVersions, |state| {
            let entries = state.document.network_connectors.iter();
            let own = entries.filter(|entry| state.connector_arn(&entry.name) == connector);
            Ok(own.map(|entry| state.connector_version_arn(entry)).collect())
        })
    }

    async fn get_network_connector(&self, version: &str) -> Answer<NetworkConnector> {
        self.read(Operation::GetNetworkConnector, |state| state.network_connector(version))
    }

    async fn describe_launch_template_versions(&self, template: Option<&str>) -> Answer<Vec<LaunchTemplateVersion>> {
        self.read(Operation::DescribeLaunchTemplateVersions, |state| {
            Ok(state.launch_template_versions(template))
        })
    }

    async fn describe_group_references(&self, groups: &[GroupId]) -> Answer<Vec<GroupReference>> {
        self.read(Operation::DescribeSecurityGroupReferences, |state| {
            let is_one = |entry: &&SecurityGroupReferenceEntry| groups.iter().any(|id| id.as_str() == entry.group_id);
            let reference = |entry: &SecurityGroupReferenceEntry| GroupReference {
                group: entry.group_id.as_str().into(),
                vpc: entry.referencing_vpc_id.as_str().into(),
                through: entry
                    .vpc_peering_connection_id
                    .clone()
                    .or_else(|| entry.transit_gateway_id.clone()),
            };
            let entries = state.document.security_group_references.iter();
            Ok(entries.filter(is_one).map(reference).collect())
        })
    }
}
