//! What else has or names the security groups of the snapshot: `remove` keeps such groups.

use std::collections::{BTreeMap, BTreeSet};

use super::{AT_ONCE, Snapshot};
use crate::account::{
    AliasEntry, AliasRouting, CapacityProviderEntry, DbProxyEndpointEntry, FunctionVersionEntry, LaunchTemplateData,
    LaunchTemplateVersionEntry, NetworkConnectorConfiguration, NetworkConnectorEntry, SecurityGroupReferenceEntry,
    UserVpcConfig, VpcConfig,
};
use crate::cloud::{Cloud, FunctionAlias, GroupReference, NetworkConnector, ResourceKind, derived};
use crate::concurrent::bounded;
use crate::model::GroupId;
use crate::observe::{launch_templates, network_connectors, patiently};

impl Snapshot {
    /// Who uses the groups that are in the snapshot.
    pub(super) async fn users(&mut self, cloud: &dyn Cloud) {
        let held = self.group_ids();
        if self.document.security_groups.is_empty() {
            return;
        }
        self.versions(cloud).await;
        self.endpoints(cloud).await;
        let (providers, connectors, templates) = tokio::join!(
            patiently(cloud, || cloud.list_capacity_providers()),
            network_connectors(cloud),
            launch_templates(cloud),
        );
        for provider in self.read(providers) {
            let vpc_config = known(&held, &provider.groups);
            if !vpc_config.security_group_ids.is_empty() {
                self.document.capacity_providers.push(CapacityProviderEntry {
                    capacity_provider_name: provider.name,
                    vpc_config,
                });
            }
        }
        for connector in self.read(connectors) {
            self.connector(connector);
        }
        for template in self.read(templates) {
            let security_group_ids = known(&held, &template.groups).security_group_ids;
            if security_group_ids.is_empty() && template.group_names.is_empty() {
                continue;
            }
            self.document.launch_template_versions.push(LaunchTemplateVersionEntry {
                launch_template_id: template.template,
                launch_template_name: template.name,
                version_number: template.version,
                default_version: false,
                launch_template_data: LaunchTemplateData {
                    security_group_ids,
                    security_groups: template.group_names,
                    network_interfaces: Vec::new(),
                },
            });
        }
        self.references(cloud).await;
    }

    /// The versions that were published into the VPCs of the snapshot, and the aliases that lead to them.
    async fn versions(&mut self, cloud: &dyn Cloud) {
        let held = self.group_ids();
        let listed = patiently(cloud, || derived::bearers(cloud, ResourceKind::Function)).await;
        let subnets: BTreeSet<String> = self.document.subnets.iter().map(|of| of.subnet_id.clone()).collect();
        let mut published: BTreeMap<String, Vec<FunctionVersionEntry>> = BTreeMap::new();
        for bearer in self.read(listed) {
            let Some(version) = bearer.version else { continue };
            let security_group_ids = known(&held, &bearer.groups).security_group_ids;
            if security_group_ids.is_empty() || !bearer.subnets.iter().all(|id| subnets.contains(id.as_str())) {
                continue;
            }
            published.entry(bearer.name).or_default().push(FunctionVersionEntry {
                version,
                vpc_config: Some(VpcConfig {
                    subnet_ids: bearer.subnets.iter().map(ToString::to_string).collect(),
                    security_group_ids,
                    ipv6_allowed_for_dual_stack: None,
                }),
                role: bearer.role,
            });
        }
        let names: Vec<&String> = published.keys().collect();
        let asked = names.iter().map(|name| patiently(cloud, || cloud.list_aliases(name)));
        let answers = bounded(AT_ONCE, asked).await;
        for ((name, versions), aliases) in published.into_iter().zip(answers) {
            let aliases: Vec<FunctionAlias> = self.read(aliases);
            let mut functions = self.document.functions.iter_mut();
            let Some(entry) = functions.find(|entry| entry.function_name == name) else {
                continue;
            };
            let has = |version: &String| versions.iter().any(|entry| entry.version == *version);
            let leading = aliases
                .into_iter()
                .filter(|alias| alias.versions.first().is_some_and(has));
            entry.aliases = leading.filter_map(alias).collect();
            entry.versions = versions;
            for version in &mut entry.versions {
                let own = version.role.take();
                version.role = own.filter(|role| entry.role.as_ref() != Some(role));
            }
        }
    }

    async fn endpoints(&mut self, cloud: &dyn Cloud) {
        let held = self.group_ids();
        if self.document.db_proxies.is_empty() {
            return;
        }
        // A snapshot of one VPC has no others.
        let vpcs: BTreeSet<String> = self.document.vpcs.iter().map(|vpc| vpc.vpc_id.clone()).collect();
        let places = self.document.subnets.iter().map(|subnet| subnet.subnet_id.clone());
        let places: BTreeSet<String> = places.collect();
        let listed = patiently(cloud, || cloud.list_proxy_endpoints()).await;
        for endpoint in self.read(listed) {
            let vpc_security_group_ids = known(&held, &endpoint.groups).security_group_ids;
            let mut proxies = self.document.db_proxies.iter();
            if vpc_security_group_ids.is_empty() || !proxies.any(|proxy| proxy.name == endpoint.proxy) {
                continue;
            }
            let subnets = endpoint.subnets.iter().map(ToString::to_string);
            self.document.db_proxy_endpoints.push(DbProxyEndpointEntry {
                name: endpoint.name,
                proxy: endpoint.proxy,
                status: endpoint.status,
                vpc_id: endpoint.vpc.map(|id| id.to_string()).filter(|id| vpcs.contains(id)),
                vpc_subnet_ids: subnets.filter(|id| places.contains(id)).collect(),
                vpc_security_group_ids,
                target_role: endpoint.role.map(|role| role.as_api().to_owned()),
                endpoint: endpoint.host,
            });
        }
    }

    fn connector(&mut self, connector: NetworkConnector) {
        let held = self.group_ids();
        let vpc_egress_configuration = known(&held, &connector.groups);
        if vpc_egress_configuration.security_group_ids.is_empty() {
            return;
        }
        let version = connector.version.and_then(|version| version.parse().ok());
        self.document.network_connectors.push(NetworkConnectorEntry {
            name: connector.name,
            version: version.unwrap_or(1),
            configuration: NetworkConnectorConfiguration {
                vpc_egress_configuration,
            },
        });
    }

    async fn references(&mut self, cloud: &dyn Cloud) {
        let groups = self.document.security_groups.iter();
        let ids: Vec<GroupId> = groups.map(|group| group.group_id.as_str().into()).collect();
        for some in ids.chunks(super::network::VALUES_OF_A_FILTER) {
            let found = patiently(cloud, || cloud.describe_group_references(some)).await;
            let entries = self.read(found).into_iter().map(reference);
            self.document.security_group_references.extend(entries);
        }
    }
}

fn alias(found: FunctionAlias) -> Option<AliasEntry> {
    let mut versions = found.versions.into_iter();
    Some(AliasEntry {
        name: found.name,
        function_version: versions.next()?,
        // Which versions it leads to is known, and not how much of the traffic.
        routing_config: versions.next().map(|other| AliasRouting {
            additional_version_weights: BTreeMap::from([(other, 0.0)]),
        }),
    })
}

fn reference(found: GroupReference) -> SecurityGroupReferenceEntry {
    let through = found.through;
    let is_gateway = through.as_ref().is_some_and(|id| id.starts_with("tgw-"));
    SecurityGroupReferenceEntry {
        group_id: found.group.to_string(),
        referencing_vpc_id: found.vpc.to_string(),
        vpc_peering_connection_id: through.clone().filter(|_| !is_gateway),
        transit_gateway_id: through.filter(|_| is_gateway),
    }
}

/// Those of some groups that are in the snapshot: one of a shared VPC can be another account's.
fn known(held: &BTreeSet<String>, groups: &[GroupId]) -> UserVpcConfig {
    let known = groups.iter().filter(|id| held.contains(id.as_str()));
    UserVpcConfig {
        subnet_ids: Vec::new(),
        security_group_ids: known.map(ToString::to_string).collect(),
    }
}
