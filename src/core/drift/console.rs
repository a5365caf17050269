//! Connected compute resources: which functions the console lists under a database, and which reach it in other ways.
//!
//! Source: docs/decision.md, "Connected compute resources".

use std::collections::{BTreeMap, BTreeSet};

use super::traffic::{End, passes};
use crate::estate::{Connection, Estate, Look};
use crate::model::{
    Database, DatabaseKind, Function, GroupId, GroupList, PortRange, Protocol, Proxy, SecurityGroup, TargetKind,
};
use crate::naming::Convention;
use crate::ownership::is_removed_with;

/// A function that reaches a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compute<'e> {
    /// The function.
    pub function: &'e Function,
    /// The proxy through which it does.
    pub proxy: Option<&'e Proxy>,
    /// The function's groups that make the console list it; none where it does not.
    pub groups: Vec<&'e GroupId>,
}

impl Compute<'_> {
    /// Whether the console lists it.
    pub fn is_listed(&self) -> bool {
        !self.groups.is_empty()
    }
}

/// What is connected to one database.
pub type Listing<'e> = Vec<Compute<'e>>;

/// What a function is listed under: the database, and the proxy if it is through one.
type Place<'e> = (DatabaseKind, &'e str, Option<&'e str>);

/// Where the console lists a function, each with the function's groups that say so.
fn places<'e>(estate: &'e Estate, function: &'e Function) -> BTreeMap<Place<'e>, Vec<&'e GroupId>> {
    let mut places: BTreeMap<Place<'e>, Vec<&'e GroupId>> = BTreeMap::new();
    let groups = function.vpc.iter().flat_map(|vpc| vpc.groups.iter());
    for group in groups
        .filter_map(|id| estate.group(id))
        .filter(|group| is_function_group(&group.name))
    {
        for rule in group.egress.iter().filter(|rule| rule.protocol == Protocol::Tcp) {
            let (Some(ports), Some(to)) = (rule.ports, rule.peer.group()) else {
                continue;
            };
            let is_for = |port: u16| ports == PortRange::only(port);
            let direct = estate
                .databases_with(to)
                .filter(|database| database.port.is_some_and(is_for));
            let mut found: Vec<Place<'e>> = direct
                .map(|database| (database.kind, database.id.as_str(), None))
                .collect();
            let proxies = estate
                .proxies_with(to)
                .filter(|proxy| is_for(proxy.engine_family.listener_port()));
            for proxy in proxies.filter(|proxy| has_console_group(estate, proxy)) {
                found.extend(targets(proxy).map(|(kind, id)| (kind, id, Some(proxy.name.as_str()))));
            }
            for place in found {
                let groups = places.entry(place).or_default();
                if !groups.contains(&&group.id) {
                    groups.push(&group.id);
                }
            }
        }
    }
    places
}

fn is_function_group(name: &str) -> bool {
    let conventions = [Convention::LambdaRds, Convention::LambdaRdsproxy];
    conventions.iter().any(|convention| convention.number(name).is_some())
}

fn has_console_group(estate: &Estate, proxy: &Proxy) -> bool {
    let mut groups = proxy.groups.iter().filter_map(|id| estate.group(id));
    groups.any(|group| Convention::RdsproxyLambda.number(&group.name).is_some())
}

/// The databases behind a proxy: a cluster, not its instances.
fn targets(proxy: &Proxy) -> impl Iterator<Item = (DatabaseKind, &str)> {
    proxy
        .targets
        .iter()
        .filter_map(|target| match (&target.kind, &target.tracked_cluster) {
            (TargetKind::TrackedCluster, _) => Some((DatabaseKind::Cluster, target.resource.as_str())),
            (TargetKind::RdsInstance, None) => Some((DatabaseKind::Instance, target.resource.as_str())),
            _ => None,
        })
}

/// Every function-database pair that the console would show, as connections.
pub fn connected(estate: &Estate) -> BTreeSet<Connection> {
    let of_function = |function| {
        places(estate, function)
            .into_keys()
            .map(move |(kind, database, proxy)| connection(function, kind, database, proxy))
    };
    estate.functions().flat_map(of_function).collect()
}

fn connection(function: &Function, kind: DatabaseKind, database: &str, proxy: Option<&str>) -> Connection {
    Connection {
        kind,
        database: database.to_owned(),
        proxy: proxy.map(str::to_owned),
        function: function.name.clone(),
    }
}

/// Every pair of a function and a database whose groups of the console's names know each other, whatever the rule: one
/// that someone has changed at one end is known by the other end, or else a connection would no longer be watched from
/// the moment in which it drifts.
fn tied(estate: &Estate) -> BTreeSet<Connection> {
    let mut tied = BTreeSet::new();
    for function in estate.functions() {
        let groups = function.vpc.iter().flat_map(|vpc| vpc.groups.iter());
        for group in groups.filter_map(|id| estate.group(id)) {
            let is = |convention: Convention, name: &str| convention.number(name).is_some();
            for peer in estate.neighbours(&group.id).filter_map(|id| estate.group(id)) {
                if is(Convention::LambdaRds, &group.name) && is(Convention::RdsLambda, &peer.name) {
                    let databases = estate.databases_with(&peer.id);
                    tied.extend(databases.map(|database| connection(function, database.kind, &database.id, None)));
                }
                if is(Convention::LambdaRdsproxy, &group.name) && is(Convention::RdsproxyLambda, &peer.name) {
                    for proxy in estate.proxies_with(&peer.id) {
                        let of = |(kind, id)| connection(function, kind, id, Some(&proxy.name));
                        tied.extend(targets(proxy).map(of));
                    }
                }
            }
        }
    }
    tied
}

/// Whether a removal has marked all that was made for a connection: what is left of it is no connection any more.
fn is_being_removed(estate: &Estate, connection: &str) -> bool {
    let is_marked = |group: &SecurityGroup| is_removed_with(group, connection);
    let mut tagged = estate.tagged(connection).peekable();
    tagged.peek().is_some() && tagged.all(is_marked)
}

/// Whether the database of a connection is not the one in production, in a blue/green deployment.
fn is_beside_production(estate: &Estate, connection: &Connection) -> bool {
    match estate.database(connection.kind, &connection.database) {
        Look::Found(database) => estate.production_of(database).is_some(),
        Look::Absent | Look::Unread(_) => false,
    }
}

/// Every connection there is in an estate: ours by their tags, those that the console would show, and those of the
/// console's names that someone has changed at one end.
pub fn discover(estate: &Estate) -> BTreeSet<Connection> {
    let mut connections = connected(estate);
    // A rule that a removal left since it is not ours may still tie the groups that it kept.
    let tied = tied(estate).into_iter();
    connections.extend(tied.filter(|of| !is_being_removed(estate, &of.to_string())));
    // What a blue/green deployment has copied groups to is no connection that anyone has made.
    connections.retain(|of| !is_beside_production(estate, of));
    let tagged = estate
        .tagged_connections()
        .filter(|connection| !is_being_removed(estate, connection));
    connections.extend(tagged.filter_map(Connection::from_tag));
    connections
}

/// The connections that rules let pass, whoever made them: with this database, or with all.
pub fn reaching(estate: &Estate, only: Option<&Database>) -> Vec<Connection> {
    let listings = match only {
        Some(database) => vec![(database, list(estate, database))],
        None => list_all(estate),
    };
    let of_database = |(database, listing): &(&Database, Listing<'_>)| -> Vec<Connection> {
        let reaching = listing.iter().map(|compute| {
            let proxy = compute.proxy.map(|proxy| proxy.name.as_str());
            connection(compute.function, database.kind, &database.id, proxy)
        });
        reaching.collect()
    };
    listings.iter().flat_map(of_database).collect()
}

/// A function with the places where the console lists it.
type Placed<'e> = (&'e Function, BTreeMap<Place<'e>, Vec<&'e GroupId>>);

fn placed(estate: &Estate) -> Vec<Placed<'_>> {
    let functions = estate.functions();
    functions.map(|function| (function, places(estate, function))).collect()
}

/// The functions that reach a database: first those that the console lists, then those that only other rules let pass.
pub fn list<'e>(estate: &'e Estate, database: &'e Database) -> Listing<'e> {
    listing(estate, database, &placed(estate))
}

/// Every cluster, and every instance that is no member of one, with the functions that reach it.
pub fn list_all(estate: &Estate) -> Vec<(&Database, Listing<'_>)> {
    let placed = placed(estate);
    let databases = estate.databases().filter(|database| database.member_of.is_none());
    databases
        .map(|database| (database, listing(estate, database, &placed)))
        .collect()
}

fn listing<'e>(estate: &'e Estate, database: &'e Database, functions: &[Placed<'e>]) -> Listing<'e> {
    let proxies: Vec<&Proxy> = estate
        .proxies()
        .filter(|proxy| targets(proxy).any(|(kind, id)| kind == database.kind && id == database.id))
        .collect();
    let to = |groups: GroupList| End::new(estate, groups, &database.subnets);
    let ways = std::iter::once(None).chain(proxies.into_iter().map(Some));
    let ways: Vec<(Option<&Proxy>, End, Option<u16>)> = ways
        .filter_map(|proxy| match proxy {
            None => Some((None, to(database.groups()), database.port)),
            Some(proxy) => {
                let at = End::new(estate, proxy.groups.clone(), &proxy.subnets);
                let goes_on = proxy.reaches(database)
                    || database
                        .port
                        .is_some_and(|port| passes(estate, &at, &to(database.groups()), port));
                goes_on.then(|| (Some(proxy), at, Some(proxy.engine_family.listener_port())))
            }
        })
        .collect();
    let mut listed = Vec::new();
    let mut manual = Vec::new();
    for (function, all) in functions {
        let here = all
            .iter()
            .filter(|((kind, id, _), _)| *kind == database.kind && *id == database.id);
        let places: BTreeMap<&Place, &Vec<&GroupId>> = here.collect();
        let from = function.vpc.as_ref().filter(|vpc| vpc.vpc == database.vpc);
        let from = from.map(|vpc| End::new(estate, vpc.groups.clone(), &vpc.subnets));
        for (proxy, at, port) in &ways {
            let place = (
                database.kind,
                database.id.as_str(),
                proxy.map(|proxy| proxy.name.as_str()),
            );
            let reaches = |port| from.as_ref().is_some_and(|from| passes(estate, from, at, port));
            if !places.contains_key(&place) && port.is_some_and(reaches) {
                manual.push(Compute {
                    function,
                    proxy: *proxy,
                    groups: Vec::new(),
                });
            }
        }
        listed.extend(places.into_iter().map(|((_, _, through), groups)| Compute {
            function,
            proxy: through.and_then(|name| estate.proxies().find(|proxy| proxy.name == name)),
            groups: groups.clone(),
        }));
    }
    listed.extend(manual);
    listed
}
