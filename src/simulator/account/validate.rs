//! Mistakes in an account's file, each with the JSON path at which it is.

mod msk;
mod network;
mod users;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::document::{AccountDocument, DbClusterEntry, FORMAT_VERSION, IpPermission};
use crate::model::EngineFamily;

/// A mistake in an account's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where, e.g. `$.Functions[0].VpcConfig.SubnetIds[1]`.
    pub path: String,
    /// What was expected and what was found.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Everything in the document that an account of AWS could not contain.
pub(super) fn mistakes(document: &AccountDocument) -> Vec<Mistake> {
    let mut check = Check { mistakes: Vec::new() };
    if document.format_version != FORMAT_VERSION {
        check.report(
            "$.FormatVersion",
            format!("expected {FORMAT_VERSION}, found {}", document.format_version),
        );
    }
    if document.account_id.len() != 12 || !document.account_id.bytes().all(|byte| byte.is_ascii_digit()) {
        check.report(
            "$.AccountId",
            format!("expected twelve digits, found \"{}\"", document.account_id),
        );
    }
    let parts: Vec<&str> = document.region.split('-').collect();
    let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_region = match parts.as_slice() {
        [words @ .., number] => words.len() >= 2 && words.iter().all(is_word) && number.parse::<u8>().is_ok(),
        [] => false,
    };
    if !is_region {
        let message = format!(
            "expected the name of a Region such as eu-central-1, found \"{}\"",
            document.region
        );
        check.report("$.Region", message);
    }

    let vpcs = check.unique("Vpcs", "VpcId", &document.vpcs, |vpc| &vpc.vpc_id);
    let subnets = check.unique("Subnets", "SubnetId", &document.subnets, |subnet| &subnet.subnet_id);
    let groups = check.unique("SecurityGroups", "GroupId", &document.security_groups, |group| {
        &group.group_id
    });
    let subnet_groups = check.unique(
        "DBSubnetGroups",
        "DBSubnetGroupName",
        &document.db_subnet_groups,
        |group| &group.name,
    );
    let clusters = check.unique("DBClusters", "DBClusterIdentifier", &document.db_clusters, |cluster| {
        &cluster.id
    });
    check.unique(
        "DBInstances",
        "DBInstanceIdentifier",
        &document.db_instances,
        |instance| &instance.id,
    );
    check.unique("Functions", "FunctionName", &document.functions, |function| {
        &function.function_name
    });

    check.identity(document);
    for (i, subnet) in document.subnets.iter().enumerate() {
        check.exists(format!("$.Subnets[{i}].VpcId"), "VPC", &vpcs, &subnet.vpc_id);
    }
    for (i, group) in document.db_subnet_groups.iter().enumerate() {
        check.exists(format!("$.DBSubnetGroups[{i}].VpcId"), "VPC", &vpcs, &group.vpc_id);
        check.all_exist(
            &format!("$.DBSubnetGroups[{i}].SubnetIds"),
            "subnet",
            &subnets,
            &group.subnet_ids,
        );
    }
    check.security_groups(document, &vpcs, &groups);
    check.databases(document, &subnet_groups, &groups, &clusters);
    check.proxies(document, &vpcs, &groups);
    check.functions(document, &subnets, &groups);
    let known = network::Known {
        vpcs: &vpcs,
        subnets: &subnets,
        groups: &groups,
    };
    check.network(document, &known);
    check.msk(document, &known);
    check.users(document, &known);
    check.mistakes
}

struct Check {
    mistakes: Vec<Mistake>,
}

impl Check {
    fn report(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.mistakes.push(Mistake {
            path: path.into(),
            message: message.into(),
        });
    }

    fn unique<'a, T>(
        &mut self,
        list: &str,
        field: &str,
        items: &'a [T],
        id: impl Fn(&'a T) -> &'a str,
    ) -> BTreeSet<&'a str> {
        let mut seen = BTreeSet::new();
        for (i, id) in items.iter().map(id).enumerate() {
            let path = || format!("$.{list}[{i}].{field}");
            if id.is_empty() {
                self.report(path(), "expected a name or an id, found an empty string");
            } else if !seen.insert(id) {
                self.report(path(), format!("\"{id}\" exists already"));
            }
        }
        seen
    }

    fn exists(&mut self, path: String, kind: &str, known: &BTreeSet<&str>, id: &str) {
        if !known.contains(id) {
            self.report(path, format!("there is no {kind} \"{id}\""));
        }
    }

    fn all_exist(&mut self, path: &str, kind: &str, known: &BTreeSet<&str>, ids: &[String]) {
        for (i, id) in ids.iter().enumerate() {
            self.exists(format!("{path}[{i}]"), kind, known, id);
        }
    }

    fn port(&mut self, path: String, port: Option<u16>) {
        if port == Some(0) {
            self.report(path, "expected a number from 1 to 65535, found 0");
        }
    }

    fn lower_case(&mut self, path: String, id: &str) {
        if id.bytes().any(|byte| byte.is_ascii_uppercase()) {
            self.report(
                path,
                format!("expected lower case, as RDS keeps identifiers, found \"{id}\""),
            );
        }
    }

    /// Secrets, keys and roles.
    fn identity(&mut self, document: &AccountDocument) {
        self.unique("Secrets", "Name", &document.secrets, |secret| &secret.name);
        self.unique("KmsKeys", "KeyId", &document.kms_keys, |key| &key.key_id);
        self.unique("Roles", "RoleName", &document.roles, |role| &role.role_name);
        for (i, key) in document.kms_keys.iter().enumerate() {
            if !["AWS", "CUSTOMER"].contains(&key.key_manager.as_str()) {
                let message = format!("expected AWS or CUSTOMER, found \"{}\"", key.key_manager);
                self.report(format!("$.KmsKeys[{i}].KeyManager"), message);
            }
        }
    }

    fn security_groups(&mut self, document: &AccountDocument, vpcs: &BTreeSet<&str>, groups: &BTreeSet<&str>) {
        let mut names = BTreeSet::new();
        for (i, group) in document.security_groups.iter().enumerate() {
            let path = format!("$.SecurityGroups[{i}]");
            self.exists(format!("{path}.VpcId"), "VPC", vpcs, &group.vpc_id);
            if !names.insert((group.vpc_id.as_str(), group.group_name.to_ascii_lowercase())) {
                self.report(
                    format!("{path}.GroupName"),
                    format!(
                        "\"{}\" is taken in {} (case does not count)",
                        group.group_name, group.vpc_id
                    ),
                );
            }
            let lists = [
                ("IpPermissions", &group.ip_permissions),
                ("IpPermissionsEgress", &group.ip_permissions_egress),
            ];
            for (list, permissions) in lists {
                for (j, permission) in permissions.iter().enumerate() {
                    self.permission(&format!("{path}.{list}[{j}]"), permission, &document.account_id, groups);
                }
                let mut rules: Vec<_> = permissions.iter().flat_map(IpPermission::rules).collect();
                let count = rules.len();
                for rule in &mut rules {
                    rule.description = None;
                }
                rules.sort();
                rules.dedup();
                if rules.len() != count {
                    self.report(format!("{path}.{list}"), "the same rule is listed twice");
                }
            }
        }
    }

    fn databases(
        &mut self,
        document: &AccountDocument,
        subnet_groups: &BTreeSet<&str>,
        groups: &BTreeSet<&str>,
        clusters: &BTreeSet<&str>,
    ) {
        let (mut members, none): (BTreeMap<&str, BTreeSet<&str>>, _) = (BTreeMap::new(), BTreeSet::new());
        for instance in &document.db_instances {
            let of = instance.cluster.as_deref().unwrap_or_default();
            members.entry(of).or_default().insert(&instance.id);
        }
        for (i, cluster) in document.db_clusters.iter().enumerate() {
            let path = format!("$.DBClusters[{i}]");
            self.port(format!("{path}.Port"), Some(cluster.port));
            self.lower_case(format!("{path}.DBClusterIdentifier"), &cluster.id);
            if cluster.vpc_networking_enabled != Some(false) || !cluster.subnet_group.is_empty() {
                self.exists(
                    format!("{path}.DBSubnetGroup"),
                    "DB subnet group",
                    subnet_groups,
                    &cluster.subnet_group,
                );
            }
            for (j, membership) in cluster.vpc_security_groups.iter().enumerate() {
                let path = format!("{path}.VpcSecurityGroups[{j}].VpcSecurityGroupId");
                self.exists(path, "security group", groups, &membership.vpc_security_group_id);
            }
            self.members(&path, cluster, members.get(cluster.id.as_str()).unwrap_or(&none));
        }
        let in_no_vpc = document.db_clusters.iter();
        let in_no_vpc = in_no_vpc.filter(|cluster| cluster.vpc_networking_enabled == Some(false));
        let in_no_vpc: BTreeSet<&str> = in_no_vpc.map(|cluster| cluster.id.as_str()).collect();
        for (i, instance) in document.db_instances.iter().enumerate() {
            let path = format!("$.DBInstances[{i}]");
            self.port(format!("{path}.Port"), instance.port);
            self.lower_case(format!("{path}.DBInstanceIdentifier"), &instance.id);
            let is_in_no_vpc = |cluster: &String| in_no_vpc.contains(cluster.as_str());
            if !instance.cluster.as_ref().is_some_and(is_in_no_vpc) || !instance.subnet_group.is_empty() {
                self.exists(
                    format!("{path}.DBSubnetGroup"),
                    "DB subnet group",
                    subnet_groups,
                    &instance.subnet_group,
                );
            }
            if let Some(cluster) = &instance.cluster {
                self.exists(format!("{path}.DBClusterIdentifier"), "DB cluster", clusters, cluster);
                if !instance.vpc_security_groups.is_empty() {
                    self.report(
                        format!("{path}.VpcSecurityGroups"),
                        format!("expected none: the instance has the groups of cluster {cluster}"),
                    );
                }
            }
            for (j, membership) in instance.vpc_security_groups.iter().enumerate() {
                let path = format!("{path}.VpcSecurityGroups[{j}].VpcSecurityGroupId");
                self.exists(path, "security group", groups, &membership.vpc_security_group_id);
            }
        }
    }

    fn members(&mut self, path: &str, cluster: &DbClusterEntry, instances: &BTreeSet<&str>) {
        let mut has_writer = false;
        for (i, member) in cluster.members.iter().enumerate() {
            let path = format!("{path}.DBClusterMembers[{i}]");
            let what = "instance of the cluster";
            self.exists(format!("{path}.DBInstanceIdentifier"), what, instances, &member.id);
            if member.is_cluster_writer && std::mem::replace(&mut has_writer, true) {
                self.report(format!("{path}.IsClusterWriter"), "a cluster has one writer");
            }
        }
    }

    fn proxies(&mut self, document: &AccountDocument, vpcs: &BTreeSet<&str>, groups: &BTreeSet<&str>) {
        self.unique("DBProxies", "DBProxyName", &document.db_proxies, |proxy| &proxy.name);
        let clusters: BTreeSet<&str> = document.db_clusters.iter().map(|cluster| cluster.id.as_str()).collect();
        let instances: BTreeSet<&str> = document
            .db_instances
            .iter()
            .map(|instance| instance.id.as_str())
            .collect();
        for (i, proxy) in document.db_proxies.iter().enumerate() {
            let path = format!("$.DBProxies[{i}]");
            self.exists(format!("{path}.VpcId"), "VPC", vpcs, &proxy.vpc_id);
            if EngineFamily::from_api(&proxy.engine_family).is_none() {
                self.report(
                    format!("{path}.EngineFamily"),
                    format!(
                        "expected MYSQL, POSTGRESQL or SQLSERVER, found \"{}\"",
                        proxy.engine_family
                    ),
                );
            }
            self.all_exist(
                &format!("{path}.VpcSecurityGroupIds"),
                "security group",
                groups,
                &proxy.vpc_security_group_ids,
            );
            let Some(target) = &proxy.target else { continue };
            let ids = match target.kind.as_str() {
                "TRACKED_CLUSTER" => &clusters,
                "RDS_INSTANCE" => &instances,
                other => {
                    let message = format!("expected TRACKED_CLUSTER or RDS_INSTANCE, found \"{other}\"");
                    self.report(format!("{path}.Target.Type"), message);
                    continue;
                }
            };
            self.exists(
                format!("{path}.Target.RdsResourceId"),
                "database",
                ids,
                &target.rds_resource_id,
            );
        }
    }

    fn functions(&mut self, document: &AccountDocument, subnets: &BTreeSet<&str>, groups: &BTreeSet<&str>) {
        let vpc_of: BTreeMap<&str, &str> = document
            .subnets
            .iter()
            .map(|subnet| (subnet.subnet_id.as_str(), subnet.vpc_id.as_str()))
            .collect();
        for (i, function) in document.functions.iter().enumerate() {
            let Some(config) = &function.vpc_config else { continue };
            let path = format!("$.Functions[{i}].VpcConfig");
            if config.subnet_ids.is_empty() {
                self.report(format!("{path}.SubnetIds"), "expected at least one subnet, found none");
            }
            self.all_exist(&format!("{path}.SubnetIds"), "subnet", subnets, &config.subnet_ids);
            let vpc_of = |id: &String| vpc_of.get(id.as_str()).copied();
            let vpcs: BTreeSet<&str> = config.subnet_ids.iter().filter_map(vpc_of).collect();
            if vpcs.len() > 1 {
                self.report(format!("{path}.SubnetIds"), "expected subnets of one VPC");
            }
            let distinct: BTreeSet<&String> = config.security_group_ids.iter().collect();
            if distinct.len() != config.security_group_ids.len() {
                self.report(format!("{path}.SecurityGroupIds"), "the same group is listed twice");
            }
            self.all_exist(
                &format!("{path}.SecurityGroupIds"),
                "security group",
                groups,
                &config.security_group_ids,
            );
        }
    }

    fn permission(&mut self, path: &str, permission: &IpPermission, account: &str, groups: &BTreeSet<&str>) {
        if permission.rules().next().is_none() {
            self.report(
                path,
                "expected a target (UserIdGroupPairs, IpRanges, Ipv6Ranges or PrefixListIds), found none",
            );
        }
        let protocol = permission.ip_protocol.as_str();
        let known = ["tcp", "udp", "icmp", "icmpv6", "-1"].contains(&protocol) || protocol.parse::<u8>().is_ok();
        if !known {
            let message = format!("expected tcp, udp, icmp, icmpv6, -1 or a number, found \"{protocol}\"");
            self.report(format!("{path}.IpProtocol"), message);
        }
        match (
            permission.ip_protocol.as_str(),
            permission.from_port,
            permission.to_port,
        ) {
            ("tcp" | "udp" | "6" | "17", Some(from), Some(to))
                if (0..=65535).contains(&from) && (from..=65535).contains(&to) => {}
            ("tcp" | "udp" | "6" | "17", ..) => {
                self.report(
                    path,
                    "expected FromPort and ToPort with 0 <= FromPort <= ToPort <= 65535",
                );
            }
            _ => {}
        }
        for (k, pair) in permission.user_id_group_pairs.iter().enumerate() {
            if pair.user_id.as_deref().is_none_or(|user| user == account) {
                self.exists(
                    format!("{path}.UserIdGroupPairs[{k}].GroupId"),
                    "security group",
                    groups,
                    &pair.group_id,
                );
            }
        }
        for (k, range) in permission.ip_ranges.iter().enumerate() {
            if range.cidr_ip.parse::<ipnet::Ipv4Net>().is_err() {
                self.report(
                    format!("{path}.IpRanges[{k}].CidrIp"),
                    format!(
                        "expected an IPv4 range such as 10.0.0.0/16, found \"{}\"",
                        range.cidr_ip
                    ),
                );
            }
        }
        for (k, range) in permission.ipv6_ranges.iter().enumerate() {
            if range.cidr_ipv6.parse::<ipnet::Ipv6Net>().is_err() {
                self.report(
                    format!("{path}.Ipv6Ranges[{k}].CidrIpv6"),
                    format!(
                        "expected an IPv6 range such as 2001:db8::/56, found \"{}\"",
                        range.cidr_ipv6
                    ),
                );
            }
        }
    }
}
