//! Everything in an account and Region that connections are judged by: plain data, read once in bulk, and indexed.
//!
//! From it follows, for any connection, the same [`crate::model::Observation`] that `setup` reads for one: [`crate::decide`]
//! stays the one measure. Source: docs/drift.md, "What it reads".

mod connection;
mod observation;
mod part;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ipnet::IpNet;

pub use connection::Connection;
pub use observation::{Obstacle, Scope};
pub use part::Part;

use crate::made::{Flaws, Surroundings, flaws};
use crate::model::network::{self, Network};
use crate::model::{
    Database, DatabaseKind, Function, GroupId, Peer, PrefixListId, Protocol, Proxy, ProxyEndpoint, SecurityGroup, Side,
    Subnet, SubnetId, VpcId, last_segment,
};
use crate::naming::{Convention, beside_production};
use crate::owner::Sources;
use crate::ownership::{connection_of, looks_ours};

/// What was read, as it was read.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// Clusters, and instances: also those that are members of clusters.
    pub databases: Vec<Database>,
    /// Functions, without their environments.
    pub functions: Vec<Function>,
    /// Proxies with their targets.
    pub proxies: Vec<Proxy>,
    /// The endpoints of proxies, besides the default ones.
    pub endpoints: Vec<ProxyEndpoint>,
    /// Security groups.
    pub groups: Vec<SecurityGroup>,
    /// Subnets.
    pub subnets: Vec<Subnet>,
    /// The ranges of subnets, as far as they are known.
    pub ranges: BTreeMap<SubnetId, Vec<IpNet>>,
    /// By the name of a proxy whose role this program made to connect to the database by IAM: the policies of our names on
    /// that role, with their documents.
    pub permissions: BTreeMap<String, Vec<(String, String)>>,
    /// By the name of a role of functions that are connected through proxies: the policies of our names by which it may
    /// connect through them, with their documents.
    pub role_permissions: BTreeMap<String, Vec<(String, String)>>,
    /// The tags of functions and proxies that have any, by ARN.
    pub tags: BTreeMap<String, BTreeMap<String, String>>,
    /// What could not be read, and why.
    pub unread: BTreeMap<Part, String>,
}

/// An account and Region, indexed.
#[derive(Clone, Debug, Default)]
pub struct Estate {
    databases: BTreeMap<(DatabaseKind, String), Database>,
    functions: BTreeMap<String, Function>,
    proxies: BTreeMap<String, Proxy>,
    groups: BTreeMap<GroupId, SecurityGroup>,
    subnets: BTreeMap<SubnetId, Subnet>,
    ranges: BTreeMap<SubnetId, Vec<IpNet>>,
    permissions: BTreeMap<String, Vec<(String, String)>>,
    role_permissions: BTreeMap<String, Vec<(String, String)>>,
    tags: BTreeMap<String, BTreeMap<String, String>>,
    unread: BTreeMap<Part, String>,
    /// What lies between the resources besides security groups; none where that was not asked for.
    network: Option<Network>,
    /// What was read besides the account to know owners.
    sources: Arc<Sources>,
    /// By group: the groups of the convention with a rule that names it.
    named_by: BTreeMap<GroupId, Vec<GroupId>>,
    /// By the tag `autoconnect:connection`.
    tagged: BTreeMap<String, Vec<GroupId>>,
    /// By group: the databases, that are no members, which have it.
    on_databases: BTreeMap<GroupId, Vec<(DatabaseKind, String)>>,
    on_proxies: BTreeMap<GroupId, Vec<String>>,
    /// By group: the proxies with an endpoint that has it.
    on_endpoints: BTreeMap<GroupId, BTreeSet<String>>,
    on_functions: BTreeMap<GroupId, Vec<String>>,
    /// The groups of the convention's names or with our tags that are attached, and differ from how they were made.
    flaws: BTreeMap<GroupId, Flaws>,
}

/// What was looked for in an estate.
#[derive(Debug, PartialEq, Eq)]
pub enum Look<'e, T> {
    /// It is there.
    Found(&'e T),
    /// It is not there.
    Absent,
    /// Whether it is there could not be read, and why.
    Unread(&'e str),
}

impl Estate {
    /// Indexes what was read.
    pub fn new(parts: Parts) -> Self {
        let mut estate = Self {
            ranges: parts.ranges,
            permissions: parts.permissions,
            role_permissions: parts.role_permissions,
            tags: parts.tags,
            unread: parts.unread,
            ..Self::default()
        };
        for group in parts.groups {
            if Convention::is_any(&group.name) {
                for peer in group.peers().collect::<BTreeSet<_>>() {
                    estate.named_by.entry(peer.clone()).or_default().push(group.id.clone());
                }
            }
            if let Some(connection) = connection_of(&group.tags) {
                estate
                    .tagged
                    .entry(connection.to_owned())
                    .or_default()
                    .push(group.id.clone());
            }
            estate.groups.insert(group.id.clone(), group);
        }
        for database in parts.databases {
            let key = (database.kind, database.id.clone());
            for group in database.groups().iter().filter(|_| database.member_of.is_none()) {
                estate.on_databases.entry(group.clone()).or_default().push(key.clone());
            }
            estate.databases.insert(key, database);
        }
        for proxy in parts.proxies {
            for group in proxy.groups.iter() {
                estate
                    .on_proxies
                    .entry(group.clone())
                    .or_default()
                    .push(proxy.name.clone());
            }
            estate.proxies.insert(proxy.name.clone(), proxy);
        }
        for endpoint in parts.endpoints {
            for group in endpoint.groups {
                estate
                    .on_endpoints
                    .entry(group)
                    .or_default()
                    .insert(endpoint.proxy.clone());
            }
        }
        estate.subnets = parts
            .subnets
            .into_iter()
            .map(|subnet| (subnet.id.clone(), subnet))
            .collect();
        for mut function in parts.functions {
            // The subnets say where the function is; its own configuration only repeats it.
            if let Some(vpc) = &mut function.vpc {
                if let Some(subnet) = vpc.subnets.iter().find_map(|id| estate.subnets.get(id)) {
                    vpc.vpc.clone_from(&subnet.vpc);
                }
                for group in vpc.groups.iter() {
                    let on = estate.on_functions.entry(group.clone()).or_default();
                    on.push(function.name.clone());
                }
            }
            estate.functions.insert(function.name.clone(), function);
        }
        estate.flaws = estate.find_flaws();
        estate
    }

    fn find_flaws(&self) -> BTreeMap<GroupId, Flaws> {
        let attached = self.groups.values().filter(|group| self.is_in_use(&group.id));
        let ours = attached.filter(|group| looks_ours(group));
        let found = ours.map(|group| (group.id.clone(), flaws(group, self)));
        found.filter(|(_, flaws)| !flaws.is_empty()).collect()
    }

    /// The VPCs that attached functions, databases and proxies are in; none where no function is attached to one.
    pub fn vpcs_of_connections(&self) -> Vec<VpcId> {
        let of_functions = self.functions.values().filter_map(|function| function.vpc.as_ref());
        let mut vpcs: BTreeSet<&VpcId> = of_functions.map(|attached| &attached.vpc).collect();
        if !vpcs.is_empty() {
            vpcs.extend(self.databases.values().map(|database| &database.vpc));
            vpcs.extend(self.proxies.values().map(|proxy| &proxy.vpc));
        }
        vpcs.into_iter()
            .filter(|vpc| !vpc.as_str().is_empty())
            .cloned()
            .collect()
    }

    /// Adds what lies between the resources besides security groups: route tables, network ACLs and peering connections. The
    /// subnets are those of the estate.
    pub fn set_network(&mut self, network: Network) {
        let subnet = |subnet: &Subnet| network::Subnet {
            id: subnet.id.clone(),
            vpc: subnet.vpc.clone(),
            cidrs: self.ranges.get(&subnet.id).cloned().unwrap_or_default(),
            doubtful_cidrs: Vec::new(),
            availability_zone: subnet.availability_zone.clone(),
            free_addresses: None,
            tags: BTreeMap::new(),
        };
        let subnets = match self.unread(&Part::Subnets) {
            Some(why) => network::Part::Unread(why.to_owned()),
            None => network::Part::Read(self.subnets.values().map(subnet).collect()),
        };
        let has_lists = network.prefix_lists.known().is_some_and(|lists| !lists.is_empty());
        self.network = Some(Network { subnets, ..network });
        // Prefix lists that rules name are known now, and may hold the internet.
        if has_lists {
            self.flaws = self.find_flaws();
        }
    }

    /// Adds the security groups to the network, for what judges each pair of subnets by them.
    pub fn complete_network(&mut self) {
        if let Some(network) = &mut self.network {
            network.groups = match self.unread.get(&Part::Groups) {
                Some(why) => network::Part::Unread(why.clone()),
                None => network::Part::Read(self.groups.values().cloned().collect()),
            };
        }
    }

    /// The network with these security groups, and without network ACLs and routes; none where the groups or the network were
    /// not read.
    pub fn network_of_groups(&self, near: &[GroupId], far: &[GroupId]) -> Option<Network> {
        let network = self.network.as_ref()?;
        if self.unread(&Part::Groups).is_some() {
            return None;
        }
        let groups = near.iter().chain(far).filter_map(|id| self.groups.get(id)).cloned();
        Some(Network {
            groups: network::Part::Read(groups.collect()),
            subnets: network.subnets.clone(),
            peerings: network.peerings.clone(),
            prefix_lists: network.prefix_lists.clone(),
            ..Network::unread("it is not asked for here")
        })
    }

    /// The prefix lists that decide what passes: those that rules for TCP of groups in use name.
    pub fn named_prefix_lists(&self) -> BTreeSet<PrefixListId> {
        let groups = self.groups.values().filter(|group| self.is_in_use(&group.id));
        let rules = groups.flat_map(|group| group.ingress.iter().chain(&group.egress));
        let named = rules.filter_map(|rule| match (&rule.protocol, &rule.peer) {
            (Protocol::All | Protocol::Tcp, Peer::PrefixList(id)) => Some(PrefixListId::from(id.as_str())),
            _ => None,
        });
        named.collect()
    }

    /// What lies between the resources besides security groups, where it was asked for.
    pub fn network(&self) -> Option<&Network> {
        self.network.as_ref()
    }

    /// Adds what was read besides the account to know owners.
    pub fn set_sources(&mut self, sources: Arc<Sources>) {
        self.sources = sources;
    }

    /// What was read besides the account to know owners.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// How a group differs from how it was made; none where it does not, or is on nothing.
    pub fn flaws(&self, group: &GroupId) -> Option<&Flaws> {
        self.flaws.get(group)
    }

    /// The attached groups that differ from how they were made.
    pub fn flawed(&self) -> impl Iterator<Item = (&SecurityGroup, &Flaws)> {
        let flaws = self.flaws.iter();
        flaws.filter_map(|(id, flaws)| Some((self.groups.get(id)?, flaws)))
    }

    /// Why a part was not read.
    pub fn unread(&self, part: &Part) -> Option<&str> {
        self.unread.get(part).map(String::as_str)
    }

    /// All parts that were not read, with the reasons.
    pub fn all_unread(&self) -> impl Iterator<Item = (&Part, &str)> {
        self.unread.iter().map(|(part, why)| (part, why.as_str()))
    }

    /// Whether everything was read that shows which connections there are. Subnets and their groups only place what is empty,
    /// endpoints of proxies say who else has a group, and tags of functions and proxies who deploys these.
    pub fn shows_all_connections(&self) -> bool {
        self.unread.keys().all(|part| {
            matches!(
                part,
                Part::Subnets | Part::SubnetGroups | Part::ProxyEndpoints | Part::Tags
            )
        })
    }

    /// A database by its identifier, in any case.
    pub fn database(&self, kind: DatabaseKind, id: &str) -> Look<'_, Database> {
        let parts: &[Part] = match kind {
            // A cluster's VPC and its state come from its instances.
            DatabaseKind::Cluster => &[Part::Clusters, Part::Instances],
            DatabaseKind::Instance => &[Part::Instances],
        };
        let key = (kind, last_segment(id).to_ascii_lowercase());
        self.look(parts, self.databases.get(&key))
    }

    /// The database in production of a blue/green deployment, for the other one: for the old one after a
    /// switchover (`orders-old1`) and for the new one before it (`orders-green-a1b2c3`), the one with the name before that. Such
    /// a database has the groups of the other: RDS copies them when it makes the deployment. None for any other database.
    ///
    /// Source: RDS user guide, "Switching a blue/green deployment": RDS appends `-oldN` to the names in the blue environment.
    pub fn production_of(&self, database: &Database) -> Option<&Database> {
        let name = beside_production(&database.id)?;
        let production = self.databases.get(&(database.kind, name.to_owned()))?;
        let groups = database.groups();
        let shares = production.groups().iter().any(|group| groups.contains(group));
        shares.then_some(production)
    }

    /// A function by its name, partial ARN or ARN.
    pub fn function(&self, name: &str) -> Look<'_, Function> {
        let found = self.functions.get(last_segment(name));
        let is_it = |function: &&Function| match name.split(':').collect::<Vec<_>>().as_slice() {
            ["arn", ..] => function.arn == name,
            [account, "function", _] => function.arn.split(':').nth(4) == Some(account),
            _ => true,
        };
        self.look(&[Part::Functions], found.filter(is_it))
    }

    /// A proxy by its name, in any case, with its targets.
    pub fn proxy(&self, name: &str) -> Look<'_, Proxy> {
        let name = name.to_ascii_lowercase();
        let mut proxies = self.proxies.values();
        let found = self
            .proxies
            .get(&name)
            .or_else(|| proxies.find(|proxy| proxy.name.eq_ignore_ascii_case(&name)));
        match (
            found,
            found.and_then(|proxy| self.unread(&Part::TargetsOf(proxy.name.clone()))),
        ) {
            (Some(_), Some(why)) => Look::Unread(why),
            (found, _) => self.look(&[Part::Proxies], found),
        }
    }

    fn look<'e, T>(&'e self, parts: &[Part], found: Option<&'e T>) -> Look<'e, T> {
        match (parts.iter().find_map(|part| self.unread(part)), found) {
            (Some(why), _) => Look::Unread(why),
            (None, Some(found)) => Look::Found(found),
            (None, None) => Look::Absent,
        }
    }

    /// The policies of our names, with their documents, by which a proxy connects to its database.
    pub fn permissions(&self, proxy: &str) -> &[(String, String)] {
        self.permissions.get(proxy).map_or(&[], Vec::as_slice)
    }

    /// The policies of our names, with their documents, by which a role of functions may connect through proxies.
    pub fn role_permissions(&self, role: &str) -> &[(String, String)] {
        self.role_permissions.get(role).map_or(&[], Vec::as_slice)
    }

    /// A security group.
    pub fn group(&self, id: &GroupId) -> Option<&SecurityGroup> {
        self.groups.get(id)
    }

    /// All security groups.
    pub fn groups(&self) -> impl Iterator<Item = &SecurityGroup> {
        self.groups.values()
    }

    /// All databases.
    pub fn databases(&self) -> impl Iterator<Item = &Database> {
        self.databases.values()
    }

    /// All functions.
    pub fn functions(&self) -> impl Iterator<Item = &Function> {
        self.functions.values()
    }

    /// All proxies.
    pub fn proxies(&self) -> impl Iterator<Item = &Proxy> {
        self.proxies.values()
    }

    /// The values of the tag `autoconnect:connection`.
    pub fn tagged_connections(&self) -> impl Iterator<Item = &str> {
        self.tagged.keys().map(String::as_str)
    }

    /// The groups with this value of the tag `autoconnect:connection`.
    pub fn tagged(&self, connection: &str) -> impl Iterator<Item = &SecurityGroup> {
        let ids = self.tagged.get(connection).into_iter().flatten();
        ids.filter_map(|id| self.groups.get(id))
    }

    /// The databases that have a group; no members of clusters.
    pub fn databases_with(&self, group: &GroupId) -> impl Iterator<Item = &Database> {
        let keys = self.on_databases.get(group).into_iter().flatten();
        keys.filter_map(|key| self.databases.get(key))
    }

    /// The proxies that have a group.
    pub fn proxies_with(&self, group: &GroupId) -> impl Iterator<Item = &Proxy> {
        let names = self.on_proxies.get(group).into_iter().flatten();
        names.filter_map(|name| self.proxies.get(name))
    }

    /// The proxies that have an endpoint which has a group.
    pub fn proxies_with_endpoints_with(&self, group: &GroupId) -> impl Iterator<Item = &Proxy> {
        let names = self.on_endpoints.get(group).into_iter().flatten();
        names.filter_map(|name| self.proxies.get(name))
    }

    /// The groups of the convention with a rule that names a group.
    pub fn naming(&self, group: &GroupId) -> impl Iterator<Item = &GroupId> {
        self.named_by.get(group).into_iter().flatten()
    }

    /// The groups that a rule of a group names, and those of the convention with a rule that names it.
    pub fn neighbours(&self, group: &GroupId) -> impl Iterator<Item = &GroupId> {
        let named = self.group(group).into_iter().flat_map(SecurityGroup::peers);
        named.chain(self.named_by.get(group).into_iter().flatten())
    }

    /// The functions that have a group.
    pub fn functions_with(&self, group: &GroupId) -> impl Iterator<Item = &Function> {
        let names = self.on_functions.get(group).into_iter().flatten();
        names.filter_map(|name| self.functions.get(name))
    }

    /// Whether a function, a proxy, an endpoint of a proxy or a database has this group.
    pub fn is_in_use(&self, group: &GroupId) -> bool {
        self.on_functions.contains_key(group)
            || self.on_databases.contains_key(group)
            || self.on_proxies.contains_key(group)
            || self.on_endpoints.contains_key(group)
    }

    /// The ranges of subnets; none where one of them is not known.
    pub fn ranges(&self, subnets: &[SubnetId]) -> Option<Vec<IpNet>> {
        let ranges = |id| self.ranges.get(id).filter(|ranges| !ranges.is_empty());
        let known: Option<Vec<&Vec<IpNet>>> = subnets.iter().map(ranges).collect();
        let known = known.filter(|known| !known.is_empty())?;
        Some(known.into_iter().flatten().copied().collect())
    }
}

/// What was not read may be as it should be: then any port is right, and any group is on the other side.
impl Surroundings for Estate {
    fn group(&self, id: &GroupId) -> Option<&SecurityGroup> {
        self.groups.get(id)
    }

    fn prefix_list(&self, id: &str) -> Option<&[IpNet]> {
        let mut lists = self.network.as_ref()?.prefix_lists.known()?.iter();
        let found = lists.find(|list| list.id.as_str() == id)?;
        found.entries.known().map(Vec::as_slice)
    }

    fn ports(&self, group: &GroupId, side: Side) -> Vec<u16> {
        match side {
            Side::Database => self
                .databases_with(group)
                .filter_map(|database| database.port)
                .collect(),
            Side::Proxy => self
                .proxies_with(group)
                .chain(self.proxies_with_endpoints_with(group))
                .map(|proxy| proxy.engine_family.listener_port())
                .collect(),
            Side::Function => Vec::new(),
        }
    }

    fn is_on(&self, group: &GroupId, side: Side) -> bool {
        let parts: &[Part] = match side {
            Side::Database => &[Part::Clusters, Part::Instances],
            Side::Proxy => &[Part::Proxies, Part::ProxyEndpoints],
            Side::Function => &[Part::Functions],
        };
        let is_on = match side {
            Side::Database => self.on_databases.contains_key(group),
            Side::Proxy => self.on_proxies.contains_key(group) || self.on_endpoints.contains_key(group),
            Side::Function => self.on_functions.contains_key(group),
        };
        is_on || parts.iter().any(|part| self.unread(part).is_some())
    }
}
