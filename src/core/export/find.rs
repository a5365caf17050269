//! Which connections are exported, and which groups make each.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::drift::{discover, reaching};
use crate::estate::{Connection, Estate, Look, Obstacle, Scope};
use crate::model::{
    Database, DatabaseKind, Elsewhere, GroupId, GroupList, Named, Observation, Origin, SecurityGroup, Side,
    last_segment,
};
use crate::ownership::{Way, connection_of, is_of_set};

/// Which connections are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// These: each has to be connected.
    Listed(Vec<Connection>),
    /// Those of a function with a database, directly and through any proxy: there has to be one.
    Pair {
        /// Cluster or instance.
        kind: DatabaseKind,
        /// The database's identifier or ARN.
        database: String,
        /// The function's name or ARN.
        function: String,
    },
    /// All connections of a database: there has to be one.
    Database {
        /// Cluster or instance.
        kind: DatabaseKind,
        /// The database's identifier or ARN.
        database: String,
    },
    /// All connections of the account and Region: there has to be one.
    All,
}

impl Wanted {
    /// Whether what is named by ARNs can be in this account and Region. Everything else finds resources by their names alone.
    ///
    /// # Errors
    ///
    /// Something is in another partition, Region or account.
    pub fn check(&self, here: &Origin) -> Result<(), Elsewhere> {
        match self {
            Self::Listed(connections) => connections.iter().try_for_each(|connection| connection.check(here)),
            Self::Pair {
                kind,
                database,
                function,
            } => direct(*kind, database, function).check(here),
            Self::Database { database, .. } => Named::of(database).check(here),
            Self::All => Ok(()),
        }
    }
}

fn direct(kind: DatabaseKind, database: &str, function: &str) -> Connection {
    Connection {
        kind,
        database: database.to_owned(),
        proxy: None,
        function: function.to_owned(),
    }
}

/// The connections that are exported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Each with what it is made of, in order.
    pub chains: Vec<Chain>,
    /// Those that were found and are not connected.
    pub left_out: Vec<NotConnected>,
}

/// A connection, with its exported groups by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The connection, by the names of its resources.
    pub connection: Connection,
    /// What was read of it.
    pub observation: Observation,
    /// By side: the groups that make it, in the order of the resource's list.
    pub groups: BTreeMap<Side, Vec<GroupId>>,
}

/// A connection that is not exported.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotConnected {
    /// A resource does not exist.
    #[error("{connection}: {kind} {name} does not exist")]
    Missing {
        /// The connection.
        connection: String,
        /// `cluster`, `instance`, `proxy` or `function`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// Something that shows it could not be read.
    #[error("{connection}: {}", unread.join("; "))]
    Unread {
        /// The connection.
        connection: String,
        /// Why.
        unread: Vec<String>,
    },
    /// The database is a member of a cluster, of which it has the groups.
    #[error("instance {instance} is a member of cluster {cluster}, and its security groups are those of the cluster")]
    MemberOfCluster {
        /// The instance.
        instance: String,
        /// Its cluster.
        cluster: String,
    },
    /// No groups lead from one side to the next.
    #[error("{connection}: no security groups that autoconnect or the console made lead from the {from} to the {to}")]
    NotTied {
        /// The connection.
        connection: String,
        /// The side before.
        from: Side,
        /// The side after.
        to: Side,
    },
    /// Nothing that was asked for is connected.
    #[error("{what} has no connection that autoconnect or the console made")]
    Nothing {
        /// The database, the pair or the account.
        what: String,
    },
    /// No function reaches what was asked for, by any rules.
    #[error("no function reaches {what} by its security groups")]
    Unreached {
        /// The database, or any of the account.
        what: String,
    },
}

impl NotConnected {
    /// The stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { kind: "cluster", .. } => "cluster-not-found",
            Self::Missing { kind: "instance", .. } => "instance-not-found",
            Self::Missing { kind: "proxy", .. } => "proxy-not-found",
            Self::Missing { .. } => "function-not-found",
            Self::Unread { .. } => "not-read",
            Self::MemberOfCluster { .. } => "member-of-cluster",
            Self::NotTied { .. } | Self::Nothing { .. } | Self::Unreached { .. } => "not-connected",
        }
    }
}

/// Finds the connections that are asked for.
///
/// # Errors
///
/// One that was named is not connected, or none of those that were asked for is.
pub fn find(estate: &Estate, wanted: &Wanted) -> Result<Found, NotConnected> {
    match wanted {
        Wanted::Listed(connections) => {
            let chains: Result<Vec<Chain>, NotConnected> =
                connections.iter().map(|connection| chain(estate, connection)).collect();
            let mut chains = chains?;
            chains.sort_by(|a, b| a.connection.cmp(&b.connection));
            chains.dedup_by(|a, b| a.connection == b.connection);
            Ok(Found {
                chains,
                left_out: Vec::new(),
            })
        }
        Wanted::Pair {
            kind,
            database,
            function,
        } => {
            let is_direct = chain(estate, &direct(*kind, database, function));
            let is_pair = |of: &Connection| {
                is_of(of, *kind, database) && of.function == last_segment(function) && of.proxy.is_some()
            };
            let mut found = judged(estate, discover(estate).into_iter().filter(is_pair));
            match is_direct {
                Ok(chain) => found.chains.insert(0, chain),
                Err(why) if found.chains.is_empty() => return Err(why),
                Err(_) => {}
            }
            Ok(found)
        }
        Wanted::Database { kind, database } => {
            if let Look::Found(database) = estate.database(*kind, database) {
                check_member(database)?;
            }
            let of_database = discover(estate).into_iter();
            let found = judged(estate, of_database.filter(|of| is_of(of, *kind, database)));
            some(found, || format!("{kind} {}", last_segment(database)))
        }
        Wanted::All => some(judged(estate, discover(estate)), || "the account".to_owned()),
    }
}

/// The connections that are asked for, whether they work or not: those that were named, or all that groups show, also those that
/// other rules let pass.
///
/// # Errors
///
/// Nothing was named, and no groups show a connection.
pub fn connections(estate: &Estate, wanted: &Wanted) -> Result<Vec<Connection>, NotConnected> {
    let (found, what) = match wanted {
        Wanted::Listed(connections) => return Ok(connections.clone()),
        Wanted::Pair {
            kind,
            database,
            function,
        } => {
            let mut found = shown(estate, *kind, database);
            found.retain(|of| of.function == last_segment(function));
            if found.is_empty() {
                found.push(direct(*kind, database, function));
            }
            return Ok(found);
        }
        Wanted::Database { kind, database } => (
            shown(estate, *kind, database),
            format!("{kind} {}", last_segment(database)),
        ),
        Wanted::All => {
            let mut all = discover(estate);
            all.extend(reaching(estate, None));
            (all.into_iter().collect(), "any database of the account".to_owned())
        }
    };
    if found.is_empty() {
        return Err(NotConnected::Unreached { what });
    }
    Ok(found)
}

/// The connections of a database. Those with a cluster's member are the cluster's, unless the member was named.
fn shown(estate: &Estate, kind: DatabaseKind, database: &str) -> Vec<Connection> {
    let mut found = discover(estate);
    if let Look::Found(database) = estate.database(kind, database) {
        found.extend(reaching(estate, Some(database)));
    }
    found.retain(|of| is_of(of, kind, database));
    found.into_iter().collect()
}

fn is_of(connection: &Connection, kind: DatabaseKind, database: &str) -> bool {
    connection.kind == kind && connection.database.eq_ignore_ascii_case(last_segment(database))
}

fn some(found: Found, what: impl FnOnce() -> String) -> Result<Found, NotConnected> {
    if found.chains.is_empty() {
        let mut left_out = found.left_out.into_iter();
        return Err(left_out
            .next()
            .unwrap_or_else(|| NotConnected::Nothing { what: what() }));
    }
    Ok(found)
}

fn judged(estate: &Estate, connections: impl IntoIterator<Item = Connection>) -> Found {
    let mut found = Found::default();
    for connection in connections {
        match chain(estate, &connection) {
            Ok(chain) => found.chains.push(chain),
            Err(why) => found.left_out.push(why),
        }
    }
    found
}

fn check_member(database: &Database) -> Result<(), NotConnected> {
    match &database.member_of {
        Some(cluster) => Err(NotConnected::MemberOfCluster {
            instance: database.id.clone(),
            cluster: cluster.clone(),
        }),
        None => Ok(()),
    }
}

/// The groups that make a connection: on each side those of the console's names, or of our tags for this connection, that lead
/// to one of the next side, or from one of the side before.
fn chain(estate: &Estate, connection: &Connection) -> Result<Chain, NotConnected> {
    let observation = estate
        .observation(connection, Scope::Associated)
        .map_err(|obstacle| match obstacle {
            Obstacle::Missing(missing) => {
                let (kind, name) = missing.into_iter().next().unwrap_or_default();
                NotConnected::Missing {
                    connection: connection.to_string(),
                    kind,
                    name,
                }
            }
            Obstacle::Unread(unread) => NotConnected::Unread {
                connection: connection.to_string(),
                unread,
            },
        })?;
    check_member(&observation.database)?;
    let connection = Connection {
        kind: observation.database.kind,
        database: observation.database.id.clone(),
        proxy: observation.proxy.as_ref().map(|proxy| proxy.name.clone()),
        function: observation.function.name.clone(),
    };
    let way = Way::of(&observation);
    let on = |side: Side| -> Vec<&SecurityGroup> {
        let list: GroupList = observation.groups_on(side);
        let groups: Vec<&SecurityGroup> = list.iter().filter_map(|id| estate.group(id)).collect();
        groups
            .into_iter()
            .filter(|group| is_of_set(group, side, &way))
            .collect()
    };
    let id = observation.connection_id();
    // Across two VPCs rules can name ranges in place of groups: then the tags show which groups belong together.
    let is_tied = |near: &SecurityGroup, far: &SecurityGroup| {
        let is_tagged = |group: &SecurityGroup| connection_of(&group.tags) == Some(&id);
        near.names(&far.id) || far.names(&near.id) || (is_tagged(near) && is_tagged(far))
    };
    let mut sides = observation.sides().to_vec();
    sides.reverse();
    let mut groups: BTreeMap<Side, Vec<GroupId>> = BTreeMap::new();
    // From the function on: a group on a proxy counts if the function's groups lead to it.
    for (index, hop) in sides.windows(2).enumerate() {
        let (near, far) = (hop[0], hop[1]);
        let before: Vec<&SecurityGroup> = match groups.get(&near) {
            Some(known) => on(near).into_iter().filter(|group| known.contains(&group.id)).collect(),
            None => on(near),
        };
        let after = on(far);
        let leading = before.iter().filter(|near| after.iter().any(|far| is_tied(near, far)));
        let leading: Vec<GroupId> = leading.map(|group| group.id.clone()).collect();
        let reached = after.iter().filter(|far| before.iter().any(|near| is_tied(near, far)));
        let reached: Vec<GroupId> = reached.map(|group| group.id.clone()).collect();
        // A proxy that reaches its database by groups of another owner is connected all the same.
        let is_registered = index > 0
            && observation
                .proxy
                .as_ref()
                .is_some_and(|proxy| proxy.has_target(&observation.database));
        if reached.is_empty() && !is_registered {
            return Err(NotConnected::NotTied {
                connection: connection.to_string(),
                from: near,
                to: far,
            });
        }
        if index == 0 {
            groups.insert(near, leading);
        }
        groups.insert(far, reached);
    }
    Ok(Chain {
        connection,
        observation,
        groups,
    })
}
