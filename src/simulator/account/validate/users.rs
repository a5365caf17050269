//! Mistakes in what else has security groups, or names them.

use std::collections::BTreeSet;

use super::Check;
use super::network::Known;
use crate::account::document::{AccountDocument, FunctionEntry, UserVpcConfig};

impl Check {
    pub(super) fn users(&mut self, document: &AccountDocument, known: &Known<'_>) {
        for (i, function) in document.functions.iter().enumerate() {
            self.versions(&format!("$.Functions[{i}]"), function, known);
        }
        let proxies: BTreeSet<&str> = document.db_proxies.iter().map(|proxy| proxy.name.as_str()).collect();
        self.unique(
            "DBProxyEndpoints",
            "DBProxyEndpointName",
            &document.db_proxy_endpoints,
            |endpoint| &endpoint.name,
        );
        for (i, endpoint) in document.db_proxy_endpoints.iter().enumerate() {
            let path = format!("$.DBProxyEndpoints[{i}]");
            self.exists(format!("{path}.DBProxyName"), "proxy", &proxies, &endpoint.proxy);
            if let Some(vpc) = &endpoint.vpc_id {
                self.exists(format!("{path}.VpcId"), "VPC", known.vpcs, vpc);
            }
            self.all_exist(
                &format!("{path}.VpcSubnetIds"),
                "subnet",
                known.subnets,
                &endpoint.vpc_subnet_ids,
            );
            self.all_exist(
                &format!("{path}.VpcSecurityGroupIds"),
                "security group",
                known.groups,
                &endpoint.vpc_security_group_ids,
            );
        }
        self.unique(
            "CapacityProviders",
            "CapacityProviderName",
            &document.capacity_providers,
            |provider| &provider.capacity_provider_name,
        );
        for (i, provider) in document.capacity_providers.iter().enumerate() {
            self.placed_user(
                &format!("$.CapacityProviders[{i}].VpcConfig"),
                &provider.vpc_config,
                known,
            );
        }
        let connectors = document.network_connectors.iter();
        let versions: Vec<String> = connectors
            .map(|connector| format!("{}:{}", connector.name, connector.version))
            .collect();
        self.unique("NetworkConnectors", "Name", &versions, |version| version);
        for (i, connector) in document.network_connectors.iter().enumerate() {
            let path = format!("$.NetworkConnectors[{i}].Configuration.VpcEgressConfiguration");
            self.placed_user(&path, &connector.configuration.vpc_egress_configuration, known);
        }
        let templates = document.launch_template_versions.iter();
        let versions: Vec<String> = templates
            .map(|template| format!("{}:{}", template.launch_template_id, template.version_number))
            .collect();
        self.unique("LaunchTemplateVersions", "LaunchTemplateId", &versions, |version| {
            version
        });
        for (i, reference) in document.security_group_references.iter().enumerate() {
            let path = format!("$.SecurityGroupReferences[{i}].GroupId");
            self.exists(path, "security group", known.groups, &reference.group_id);
        }
    }

    fn versions(&mut self, path: &str, function: &FunctionEntry, known: &Known<'_>) {
        let mut versions = BTreeSet::from(["$LATEST"]);
        for (j, published) in function.versions.iter().enumerate() {
            let path = format!("{path}.Versions[{j}]");
            if published.version.parse::<u64>().is_err() || !versions.insert(&published.version) {
                let message = format!("expected a number, each once, found \"{}\"", published.version);
                self.report(format!("{path}.Version"), message);
            }
            let Some(config) = &published.vpc_config else { continue };
            self.all_exist(
                &format!("{path}.VpcConfig.SubnetIds"),
                "subnet",
                known.subnets,
                &config.subnet_ids,
            );
            let groups = format!("{path}.VpcConfig.SecurityGroupIds");
            self.all_exist(&groups, "security group", known.groups, &config.security_group_ids);
        }
        for (j, alias) in function.aliases.iter().enumerate() {
            let path = format!("{path}.Aliases[{j}].FunctionVersion");
            self.exists(path, "version", &versions, &alias.function_version);
        }
    }

    fn placed_user(&mut self, path: &str, config: &UserVpcConfig, known: &Known<'_>) {
        self.all_exist(
            &format!("{path}.SubnetIds"),
            "subnet",
            known.subnets,
            &config.subnet_ids,
        );
        self.all_exist(
            &format!("{path}.SecurityGroupIds"),
            "security group",
            known.groups,
            &config.security_group_ids,
        );
    }
}
