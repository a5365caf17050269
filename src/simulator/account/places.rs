//! An index of the entries that many others name, so that a large account is read in linear time.

use std::collections::BTreeMap;

use super::document::{
    AccountDocument, DbClusterEntry, DbInstanceEntry, DbProxyEntry, DbSubnetGroup, FunctionEntry, SubnetEntry,
};

/// Positions in the lists, as they were when the document was opened. An entry that is elsewhere now is searched for.
#[derive(Debug)]
pub(super) struct Places {
    clusters: BTreeMap<String, usize>,
    subnet_groups: BTreeMap<String, usize>,
    subnets: BTreeMap<String, usize>,
    functions: BTreeMap<String, usize>,
    instances: BTreeMap<String, usize>,
    proxies: BTreeMap<String, usize>,
}

impl Places {
    pub(super) fn of(document: &AccountDocument) -> Self {
        fn index<'a>(names: impl Iterator<Item = &'a String>) -> BTreeMap<String, usize> {
            names.enumerate().map(|(place, name)| (name.clone(), place)).collect()
        }
        Self {
            clusters: index(document.db_clusters.iter().map(|cluster| &cluster.id)),
            subnet_groups: index(document.db_subnet_groups.iter().map(|group| &group.name)),
            subnets: index(document.subnets.iter().map(|subnet| &subnet.subnet_id)),
            functions: index(document.functions.iter().map(|function| &function.function_name)),
            instances: index(document.db_instances.iter().map(|instance| &instance.id)),
            proxies: index(document.db_proxies.iter().map(|proxy| &proxy.name)),
        }
    }

    pub(super) fn cluster<'d>(&self, clusters: &'d [DbClusterEntry], id: &str) -> Option<&'d DbClusterEntry> {
        let is_it = |cluster: &&DbClusterEntry| cluster.id == id;
        let place = self.clusters.get(id).and_then(|place| clusters.get(*place));
        place.filter(is_it).or_else(|| clusters.iter().find(is_it))
    }

    pub(super) fn subnet_group<'d>(&self, groups: &'d [DbSubnetGroup], name: &str) -> Option<&'d DbSubnetGroup> {
        let is_it = |group: &&DbSubnetGroup| group.name == name;
        let place = self.subnet_groups.get(name).and_then(|place| groups.get(*place));
        place.filter(is_it).or_else(|| groups.iter().find(is_it))
    }

    pub(super) fn subnet<'d>(&self, subnets: &'d [SubnetEntry], id: &str) -> Option<&'d SubnetEntry> {
        let is_it = |subnet: &&SubnetEntry| subnet.subnet_id == id;
        let place = self.subnets.get(id).and_then(|place| subnets.get(*place));
        place.filter(is_it).or_else(|| subnets.iter().find(is_it))
    }

    /// Where an instance is in the list. Case does not count in RDS.
    pub(super) fn instance(&self, instances: &[DbInstanceEntry], id: &str) -> Option<usize> {
        let is_it = |instance: &DbInstanceEntry| instance.id.eq_ignore_ascii_case(id);
        let place = self.instances.get(id).copied();
        place
            .filter(|place| instances.get(*place).is_some_and(is_it))
            .or_else(|| instances.iter().position(is_it))
    }

    /// Where a proxy is in the list. Case does not count in RDS.
    pub(super) fn proxy(&self, proxies: &[DbProxyEntry], name: &str) -> Option<usize> {
        let is_it = |proxy: &DbProxyEntry| proxy.name.eq_ignore_ascii_case(name);
        let place = self.proxies.get(name).copied();
        place
            .filter(|place| proxies.get(*place).is_some_and(is_it))
            .or_else(|| proxies.iter().position(is_it))
    }

    /// Where a function is in the list.
    pub(super) fn function(&self, functions: &[FunctionEntry], name: &str) -> Option<usize> {
        let is_it = |function: &FunctionEntry| function.function_name == name;
        let place = self.functions.get(name).copied();
        place
            .filter(|place| functions.get(*place).is_some_and(is_it))
            .or_else(|| functions.iter().position(is_it))
    }
}
