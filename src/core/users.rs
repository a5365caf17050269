//! Who uses a security group, for every command that removes a group from something or deletes it.
//!
//! Functions with their published versions, databases, proxies and their endpoints are read from their own services: an
//! idle function has no network interface, and the interfaces of Lambda and RDS linger, are shared, and do not show
//! whose they are. So are event source mappings, capacity providers and network connectors of Lambda. Interfaces show
//! everything else, such as an EC2 instance; launch templates and rules name a group that nothing may have yet.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::model::GroupId;
use crate::operation::Operation;

/// Who uses a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum User {
    /// A function.
    Function(String),
    /// A published version of a function, which keeps the groups with which it was published.
    Version {
        /// The function's name.
        function: String,
        /// The version's number.
        version: String,
        /// The aliases that lead to it.
        aliases: Vec<String>,
    },
    /// A cluster, or a member of it.
    Cluster(String),
    /// An instance that is in no cluster.
    Instance(String),
    /// A proxy.
    Proxy(String),
    /// An endpoint of a proxy, with groups of its own.
    Endpoint {
        /// The proxy's name.
        proxy: String,
        /// The endpoint's name.
        name: String,
    },
    /// The network interfaces of an event source mapping.
    Mapping {
        /// The mapping's id.
        uuid: String,
        /// The ARN of the function that it invokes.
        function: String,
    },
    /// The instances of a capacity provider of Lambda.
    CapacityProvider(String),
    /// A version of a network connector of Lambda.
    NetworkConnector {
        /// Its name.
        name: String,
        /// The number of the version, if AWS reports it.
        version: Option<String>,
    },
    /// A version of a launch template that names the group.
    LaunchTemplate {
        /// `lt-…`
        id: String,
        /// The template's name.
        name: String,
        /// The number of the version.
        version: i64,
    },
    /// A network interface of anything else: its id and its description.
    Interface(String, String),
    /// A VPC on the other side of a connection, with a rule that names the group.
    PeeredVpc {
        /// The VPC.
        vpc: String,
        /// The peering connection or the transit gateway.
        through: Option<String>,
    },
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(name) => write!(f, "function {name}"),
            Self::Version {
                function,
                version,
                aliases,
            } => {
                write!(f, "function {function}, version {version}")?;
                match aliases.as_slice() {
                    [] => Ok(()),
                    [alias] => write!(f, " (alias {alias})"),
                    aliases => write!(f, " (aliases {})", aliases.join(", ")),
                }
            }
            Self::Cluster(id) => write!(f, "cluster {id}"),
            Self::Instance(id) => write!(f, "instance {id}"),
            Self::Proxy(name) => write!(f, "proxy {name}"),
            Self::Endpoint { proxy, name } => write!(f, "endpoint {name} of proxy {proxy}"),
            Self::Mapping { uuid, function } => write!(f, "event source mapping {uuid} of {function}"),
            Self::CapacityProvider(name) => write!(f, "capacity provider {name}"),
            Self::NetworkConnector { name, version } => {
                write!(f, "network connector {name}")?;
                version
                    .as_ref()
                    .map_or(Ok(()), |version| write!(f, ", version {version}"))
            }
            Self::LaunchTemplate { id, name, version } => write!(f, "launch template {name} ({id}), version {version}"),
            Self::Interface(id, description) if description.is_empty() => write!(f, "network interface {id}"),
            Self::Interface(id, description) => write!(f, "network interface {id} ({description})"),
            Self::PeeredVpc { vpc, through } => {
                write!(f, "a rule in {vpc}")?;
                through
                    .as_ref()
                    .map_or(Ok(()), |through| write!(f, ", reached through {through}"))
            }
        }
    }
}

/// A kind of user that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The operation that failed.
    pub operation: Operation,
    /// The IAM action that was refused, where AWS refused one; else the operation's own.
    pub action: String,
    /// Why it failed.
    pub message: String,
    /// The stable code of the error.
    pub code: &'static str,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.action, self.message)
    }
}

/// Who uses some groups, as far as it could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Users {
    by_group: BTreeMap<GroupId, BTreeSet<User>>,
    named_by: BTreeMap<GroupId, BTreeSet<GroupId>>,
    unread: Vec<Unread>,
    /// The endpoints of proxies, whatever their groups: the proxy's name and their own.
    endpoints: BTreeSet<(String, String)>,
    /// The operations that were asked for only because of what others had found.
    followed: BTreeSet<Operation>,
}

impl Users {
    /// Notes who uses these groups.
    pub fn add<'g>(&mut self, groups: impl IntoIterator<Item = &'g GroupId>, user: &User) {
        for group in groups {
            self.by_group.entry(group.clone()).or_default().insert(user.clone());
        }
    }

    /// Notes an endpoint of a proxy, with these groups.
    pub fn add_endpoint(&mut self, proxy: String, name: String, groups: &[GroupId]) {
        self.endpoints.insert((proxy.clone(), name.clone()));
        self.add(groups, &User::Endpoint { proxy, name });
    }

    /// The names of the endpoints that a proxy has besides its default one.
    pub fn endpoints_of(&self, proxy: &str) -> impl Iterator<Item = &str> {
        let endpoints = self.endpoints.iter();
        endpoints.filter_map(move |(of, name)| (of == proxy).then_some(name.as_str()))
    }

    /// Notes that a rule of one group names another.
    pub fn add_rule(&mut self, of: &GroupId, names: &GroupId) {
        if of != names {
            self.named_by.entry(names.clone()).or_default().insert(of.clone());
        }
    }

    /// Notes what could not be read.
    pub fn add_unread(&mut self, unread: Unread) {
        if !self.unread.contains(&unread) {
            self.unread.push(unread);
        }
    }

    /// Notes an operation that was asked for because of what another one had found.
    pub fn add_followed(&mut self, operation: Operation) {
        self.followed.insert(operation);
    }

    /// Whether this operation was asked for because of what another one had found.
    pub fn followed(&self, operation: Operation) -> bool {
        self.followed.contains(&operation)
    }

    /// Who uses a group.
    pub fn of(&self, group: &GroupId) -> impl Iterator<Item = &User> {
        self.by_group.get(group).into_iter().flatten()
    }

    /// The groups with rules that name a group.
    pub fn naming(&self, group: &GroupId) -> impl Iterator<Item = &GroupId> {
        self.named_by.get(group).into_iter().flatten()
    }

    /// What could not be read: until it can, any group may have users that are not known.
    pub fn unread(&self) -> &[Unread] {
        &self.unread
    }

    /// The functions of which a published version uses a group.
    pub fn published(&self) -> BTreeSet<&str> {
        let users = self.by_group.values().flatten();
        users
            .filter_map(|user| match user {
                User::Version { function, .. } => Some(function.as_str()),
                _ => None,
            })
            .collect()
    }
}
