//! Who can use a security group besides functions, databases and proxies.

use std::collections::BTreeSet;

use aws_sdk_lambda::types::AliasConfiguration;
use aws_sdk_lambdacore::types::NetworkConnectorConfiguration;

use super::{Aws, all_items, called, fault, rds};
use crate::cloud::{
    Answer, CapacityProvider, CloudError, Fault, FunctionAlias, GroupReference, LaunchTemplateVersion,
    NetworkConnector, Operation, ProxyEndpoint, UsersCloud,
};
use crate::model::{GroupId, TargetRole, last_segment};

/// The largest page of launch template versions, if all templates are asked for.
const TEMPLATES_PAGE: i32 = 200;

/// The largest page of Lambda's other lists.
const PAGE: i32 = 50;

fn incomplete(operation: Operation, field: &str) -> CloudError {
    CloudError::new(operation, Fault::Malformed(format!("it has no {field}")))
}

fn ids(groups: Option<Vec<String>>) -> Vec<GroupId> {
    groups.unwrap_or_default().into_iter().map(GroupId::from).collect()
}

fn alias(found: AliasConfiguration) -> Option<FunctionAlias> {
    let weights = found
        .routing_config
        .and_then(|routing| routing.additional_version_weights);
    let shifted: BTreeSet<String> = weights.unwrap_or_default().into_keys().collect();
    Some(FunctionAlias {
        name: found.name?,
        versions: found.function_version.into_iter().chain(shifted).collect(),
    })
}

async fn aliases(client: &aws_sdk_lambda::Client, function: &str) -> Answer<Vec<FunctionAlias>> {
    let request = client.list_aliases().function_name(function).max_items(PAGE);
    let mut found = Vec::new();
    for item in all_items!(Operation::ListAliases, request, aliases, next_marker).await? {
        found.extend(alias(item));
    }
    Ok(found)
}

async fn proxy_endpoints(client: &aws_sdk_rds::Client) -> Answer<Vec<ProxyEndpoint>> {
    let operation = Operation::DescribeDbProxyEndpoints;
    let request = client.describe_db_proxy_endpoints().max_records(rds::PAGE);
    let mut found = Vec::new();
    for item in all_items!(operation, request, db_proxy_endpoints, marker).await? {
        // The default endpoint has the groups of its proxy.
        if item.is_default == Some(true) {
            continue;
        }
        found.push(ProxyEndpoint {
            name: item
                .db_proxy_endpoint_name
                .ok_or_else(|| incomplete(operation, "DBProxyEndpointName"))?,
            proxy: item.db_proxy_name.unwrap_or_default(),
            vpc: item.vpc_id.filter(|id| !id.is_empty()).map(Into::into),
            subnets: item
                .vpc_subnet_ids
                .unwrap_or_default()
                .into_iter()
                .map(Into::into)
                .collect(),
            groups: ids(item.vpc_security_group_ids),
            status: item.status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            role: item.target_role.map(|role| TargetRole::from_api(role.as_str())),
            host: item.endpoint,
        });
    }
    Ok(found)
}

async fn capacity_providers(client: &aws_sdk_lambda::Client) -> Answer<Vec<CapacityProvider>> {
    let request = client.list_capacity_providers().max_items(PAGE);
    let mut found = Vec::new();
    for item in all_items!(
        Operation::ListCapacityProviders,
        request,
        capacity_providers,
        next_marker
    )
    .await?
    {
        found.push(CapacityProvider {
            name: last_segment(&item.capacity_provider_arn).to_owned(),
            groups: ids(item.vpc_config.map(|config| config.security_group_ids)),
        });
    }
    Ok(found)
}

async fn network_connectors(client: &aws_sdk_lambdacore::Client) -> Answer<Vec<String>> {
    let request = client.list_network_connectors().max_items(PAGE);
    let mut found = Vec::new();
    for item in all_items!(
        Operation::ListNetworkConnectors,
        request,
        network_connectors,
        next_marker
    )
    .await?
    {
        found.push(item.arn);
    }
    Ok(found)
}

async fn network_connector_versions(client: &aws_sdk_lambdacore::Client, connector: &str) -> Answer<Vec<String>> {
    let request = client
        .list_network_connector_versions()
        .identifier(connector)
        .max_items(PAGE);
    let mut found = Vec::new();
    for item in all_items!(
        Operation::ListNetworkConnectorVersions,
        request,
        network_connector_versions,
        next_marker
    )
    .await?
    {
        found.push(item.version_arn);
    }
    Ok(found)
}

async fn network_connector(client: &aws_sdk_lambdacore::Client, version: &str) -> Answer<NetworkConnector> {
    let operation = Operation::GetNetworkConnector;
    let found = client
        .get_network_connector()
        .identifier(version)
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    let groups = match found.configuration {
        Some(NetworkConnectorConfiguration::VpcEgressConfiguration(config)) => config.security_group_ids,
        None => None,
        Some(_) => return Err(incomplete(operation, "VpcEgressConfiguration")),
    };
    Ok(NetworkConnector {
        name: found.name,
        version: found.version.map(|version| version.to_string()),
        groups: ids(groups),
    })
}

async fn launch_template_versions(
    client: &aws_sdk_ec2::Client,
    template: Option<&str>,
) -> Answer<Vec<LaunchTemplateVersion>> {
    let operation = Operation::DescribeLaunchTemplateVersions;
    let call = client.describe_launch_template_versions().max_results(TEMPLATES_PAGE);
    let call = match template {
        Some(id) => call.launch_template_id(id),
        None => call.versions("$Latest").versions("$Default"),
    };
    let mut found = Vec::new();
    for item in all_items!(operation, call, launch_template_versions, next_token).await? {
        let data = item.launch_template_data;
        let interfaces = data.as_ref().and_then(|data| data.network_interfaces.clone());
        let of_interfaces = interfaces.unwrap_or_default().into_iter();
        let groups = ids(data.as_ref().and_then(|data| data.security_group_ids.clone())).into_iter();
        found.push(LaunchTemplateVersion {
            template: item
                .launch_template_id
                .ok_or_else(|| incomplete(operation, "LaunchTemplateId"))?,
            name: item.launch_template_name.unwrap_or_default(),
            version: item.version_number.unwrap_or_default(),
            groups: groups
                .chain(of_interfaces.flat_map(|interface| ids(interface.groups)))
                .collect(),
            group_names: data.and_then(|data| data.security_groups).unwrap_or_default(),
        });
    }
    Ok(found)
}

async fn group_references(client: &aws_sdk_ec2::Client, groups: &[GroupId]) -> Answer<Vec<GroupReference>> {
    let operation = Operation::DescribeSecurityGroupReferences;
    let answer = client
        .describe_security_group_references()
        .set_group_id(Some(groups.iter().map(ToString::to_string).collect()))
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    let found = answer.security_group_reference_set.unwrap_or_default().into_iter();
    found
        .map(|reference| {
            Ok(GroupReference {
                group: reference
                    .group_id
                    .ok_or_else(|| incomplete(operation, "GroupId"))?
                    .into(),
                vpc: reference.referencing_vpc_id.unwrap_or_default().into(),
                through: reference.vpc_peering_connection_id.or(reference.transit_gateway_id),
            })
        })
        .collect()
}

impl Aws {
    /// A list; none where the service has no such operation. An emulator at an endpoint of its own answers what it does
    /// not have with HTTP status 500 and no request id, which AWS does not do.
    async fn offered<T>(&self, operation: Operation, call: impl Future<Output = Answer<Vec<T>>>) -> Answer<Vec<T>> {
        let answer = called(operation, call).await;
        let is_missing = |error: &CloudError| {
            let is_emulators = self.has_own_endpoint && error.request_id.is_none();
            error.is_not_offered() || is_emulators && matches!(error.fault, Fault::Unavailable(_))
        };
        match answer {
            Err(error) if is_missing(&error) => Ok(Vec::new()),
            answer => answer,
        }
    }
}

#[async_trait::async_trait]
impl UsersCloud for Aws {
    async fn list_aliases(&self, function: &str) -> Answer<Vec<FunctionAlias>> {
        called(Operation::ListAliases, aliases(&self.lambda, last_segment(function))).await
    }

    async fn list_proxy_endpoints(&self) -> Answer<Vec<ProxyEndpoint>> {
        self.offered(Operation::DescribeDbProxyEndpoints, proxy_endpoints(&self.rds))
            .await
    }

    async fn list_capacity_providers(&self) -> Answer<Vec<CapacityProvider>> {
        self.offered(Operation::ListCapacityProviders, capacity_providers(&self.lambda))
            .await
    }

    async fn list_network_connectors(&self) -> Answer<Vec<String>> {
        self.offered(Operation::ListNetworkConnectors, network_connectors(&self.connectors))
            .await
    }

    async fn list_network_connector_versions(&self, connector: &str) -> Answer<Vec<String>> {
        let call = network_connector_versions(&self.connectors, connector);
        called(Operation::ListNetworkConnectorVersions, call).await
    }

    async fn get_network_connector(&self, version: &str) -> Answer<NetworkConnector> {
        called(
            Operation::GetNetworkConnector,
            network_connector(&self.connectors, version),
        )
        .await
    }

    async fn describe_launch_template_versions(&self, template: Option<&str>) -> Answer<Vec<LaunchTemplateVersion>> {
        let call = launch_template_versions(&self.ec2, template);
        self.offered(Operation::DescribeLaunchTemplateVersions, call).await
    }

    async fn describe_group_references(&self, groups: &[GroupId]) -> Answer<Vec<GroupReference>> {
        let call = group_references(&self.ec2, groups);
        self.offered(Operation::DescribeSecurityGroupReferences, call).await
    }
}
