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
        let endpoints = document.db_proxy_endpoints.iter();
        self.unique(
            "DBProxyEndpoints",
            "DBProxyEndpointName",
            endpoints.map(|endpoint| endpoint.name.as_str()),
        );
        for (i, endpoint) in document.db_proxy_endpoints.iter().enumerate() {
            let path = format!("$.DBProxyEndpoints[{i}]");
            self.exists(format!("{path}.DBProxyName"), "proxy", &proxies, &endpoint.proxy);
            if let Some(vpc) = &endpoint.vpc_id {
                self.exists(format!("{path}.VpcId"), "VPC", known.vpcs, vpc);
            }
            for (j, subnet) in endpoint.vpc_subnet_ids.iter().enumerate() {
                self.exists(format!("{path}.VpcSubnetIds[{j}]"), "subnet", known.subnets, subnet);
            }
            self.known_groups(
                &format!("{path}.VpcSecurityGroupIds"),
                &endpoint.vpc_security_group_ids,
                known,
            );
        }
        let providers = document.capacity_providers.iter();
        self.unique(
            "CapacityProviders",
            "CapacityProviderName",
            providers.map(|provider| provider.capacity_provider_name.as_str()),
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
        self.unique("NetworkConnectors", "Name", versions.iter().map(String::as_str));
        for (i, connector) in document.network_connectors.iter().enumerate() {
            let path = format!("$.NetworkConnectors[{i}].Configuration.VpcEgressConfiguration");
            self.placed_user(&path, &connector.configuration.vpc_egress_configuration, known);
        }
        let templates = document.launch_template_versions.iter();
        let versions: Vec<String> = templates
            .map(|template| format!("{}:{}", template.launch_template_id, template.version_number))
            .collect();
        let versions = versions.iter().map(String::as_str);
        self.unique("LaunchTemplateVersions", "LaunchTemplateId", versions);
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
            for (k, subnet) in config.subnet_ids.iter().enumerate() {
                let path = format!("{path}.VpcConfig.SubnetIds[{k}]");
                self.exists(path, "subnet", known.subnets, subnet);
            }
            let groups = format!("{path}.VpcConfig.SecurityGroupIds");
            self.known_groups(&groups, &config.security_group_ids, known);
        }
        for (j, alias) in function.aliases.iter().enumerate() {
            let path = format!("{path}.Aliases[{j}].FunctionVersion");
            self.exists(path, "version", &versions, &alias.function_version);
        }
    }

    fn placed_user(&mut self, path: &str, config: &UserVpcConfig, known: &Known<'_>) {
        for (i, subnet) in config.subnet_ids.iter().enumerate() {
            self.exists(format!("{path}.SubnetIds[{i}]"), "subnet", known.subnets, subnet);
        }
        self.known_groups(&format!("{path}.SecurityGroupIds"), &config.security_group_ids, known);
    }

    fn known_groups(&mut self, path: &str, groups: &[String], known: &Known<'_>) {
        for (i, group) in groups.iter().enumerate() {
            self.exists(format!("{path}[{i}]"), "security group", known.groups, group);
        }
    }
}
