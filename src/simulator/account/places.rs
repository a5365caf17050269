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
    /// By their clusters.
    first_members: BTreeMap<String, usize>,
    proxies: BTreeMap<String, usize>,
}

impl Places {
    pub(super) fn of(document: &AccountDocument) -> Self {
        fn index<'a>(names: impl Iterator<Item = &'a String>) -> BTreeMap<String, usize> {
            names.enumerate().map(|(place, name)| (name.clone(), place)).collect()
        }
        // Of several, the first is collected last.
        let instances = document.db_instances.iter().enumerate().rev();
        let members = instances.filter_map(|(place, instance)| Some((instance.cluster.clone()?, place)));
        Self {
            first_members: members.collect(),
            clusters: index(document.db_clusters.iter().map(|cluster| &cluster.id)),
            subnet_groups: index(document.db_subnet_groups.iter().map(|group| &group.name)),
            subnets: index(document.subnets.iter().map(|subnet| &subnet.subnet_id)),
            functions: index(document.functions.iter().map(|function| &function.function_name)),
            instances: index(document.db_instances.iter().map(|instance| &instance.id)),
            proxies: index(document.db_proxies.iter().map(|proxy| &proxy.name)),
        }
    }

    pub(super) fn cluster<'d>(&self, clusters: &'d [DbClusterEntry], id: &str) -> Option<&'d DbClusterEntry> {
        let place = position(&self.clusters, clusters, id, |cluster| cluster.id == id)?;
        clusters.get(place)
    }

    pub(super) fn subnet_group<'d>(&self, groups: &'d [DbSubnetGroup], name: &str) -> Option<&'d DbSubnetGroup> {
        let place = position(&self.subnet_groups, groups, name, |group| group.name == name)?;
        groups.get(place)
    }

    pub(super) fn subnet<'d>(&self, subnets: &'d [SubnetEntry], id: &str) -> Option<&'d SubnetEntry> {
        let place = position(&self.subnets, subnets, id, |subnet| subnet.subnet_id == id)?;
        subnets.get(place)
    }

    /// Where an instance is in the list. Case does not count in RDS.
    pub(super) fn instance(&self, instances: &[DbInstanceEntry], id: &str) -> Option<usize> {
        position(&self.instances, instances, id, |instance| {
            instance.id.eq_ignore_ascii_case(id)
        })
    }

    /// Where the first instance of a cluster is in the list.
    pub(super) fn first_member(&self, instances: &[DbInstanceEntry], cluster: &str) -> Option<usize> {
        position(&self.first_members, instances, cluster, |instance| {
            instance.cluster.as_deref() == Some(cluster)
        })
    }

    /// Where a proxy is in the list. Case does not count in RDS.
    pub(super) fn proxy(&self, proxies: &[DbProxyEntry], name: &str) -> Option<usize> {
        position(&self.proxies, proxies, name, |proxy| {
            proxy.name.eq_ignore_ascii_case(name)
        })
    }

    /// Where a function is in the list.
    pub(super) fn function(&self, functions: &[FunctionEntry], name: &str) -> Option<usize> {
        position(&self.functions, functions, name, |function| {
            function.function_name == name
        })
    }
}

/// Where an entry is: where it was when the document was opened, if it is there still.
fn position<E>(
    places: &BTreeMap<String, usize>,
    entries: &[E],
    name: &str,
    is_it: impl Fn(&E) -> bool,
) -> Option<usize> {
    let place = places.get(name).copied();
    place
        .filter(|place| entries.get(*place).is_some_and(&is_it))
        .or_else(|| entries.iter().position(is_it))
}
