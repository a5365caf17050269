//! The resources of a connection, and which of their groups have a part in it.

use std::collections::BTreeSet;

use super::{Hop, Link, Wired, WiredGroup};
use crate::estate::{Connection, Estate, Look};
use crate::model::{DatabaseKind, GroupId, GroupList, Side, last_segment};
use crate::ownership::{Way, is_of_set, names_connection};

/// The resources that a connection names, each with all of its groups.
pub(super) fn ends(estate: &Estate, connection: &Connection) -> Vec<Wired> {
    let named = |side: Side, kind: &str, name: &str| Wired {
        side,
        name: format!("{kind} {}", last_segment(name)),
        arn: None,
        exists: Some(false),
        vpc: None,
        subnets: Vec::new(),
        groups: Vec::new(),
        others: 0,
    };
    let groups = |list: GroupList| -> Vec<WiredGroup> {
        let group = |id: &GroupId| WiredGroup {
            id: id.clone(),
            name: estate.group(id).map_or_else(String::new, |group| group.name.clone()),
            is_of_set: false,
        };
        list.iter().map(group).collect()
    };
    let mut ends = Vec::new();
    if !connection.function.is_empty() {
        let function = named(Side::Function, "function", &connection.function);
        ends.push(match estate.function(&connection.function) {
            Look::Found(found) => Wired {
                arn: Some(found.arn.clone()),
                exists: Some(true),
                vpc: found.vpc.as_ref().map(|vpc| vpc.vpc.clone()),
                subnets: found.vpc.iter().flat_map(|vpc| vpc.subnets.iter().cloned()).collect(),
                groups: groups(found.groups()),
                ..function
            },
            look => absent(function, &look),
        });
    }
    if let Some(name) = &connection.proxy {
        let proxy = named(Side::Proxy, "proxy", name);
        ends.push(match estate.proxy(name) {
            Look::Found(found) => Wired {
                arn: Some(found.arn.clone()),
                exists: Some(true),
                vpc: Some(found.vpc.clone()),
                subnets: found.subnets.clone(),
                groups: groups(found.groups.clone()),
                ..proxy
            },
            look => absent(proxy, &look),
        });
    }
    if connection.database.is_empty() {
        return ends;
    }
    let kind = match connection.kind {
        DatabaseKind::Cluster => "cluster",
        DatabaseKind::Instance => "instance",
    };
    let database = named(Side::Database, kind, &connection.database);
    ends.push(match estate.database(connection.kind, &connection.database) {
        Look::Found(found) => Wired {
            arn: Some(found.arn.clone()),
            exists: Some(true),
            vpc: Some(found.vpc.clone()).filter(|vpc| !vpc.as_str().is_empty()),
            subnets: found.subnets.clone(),
            groups: groups(found.groups()),
            ..database
        },
        look => absent(database, &look),
    });
    ends
}

fn absent<T>(end: Wired, look: &Look<'_, T>) -> Wired {
    Wired {
        exists: match look {
            Look::Unread(_) => None,
            Look::Absent | Look::Found(_) => Some(false),
        },
        ..end
    }
}

/// Keeps those groups of a resource that have a part in the connection: those of its links, and those that were made for it.
/// Where a resource has no link, its groups with names of the convention are kept too: a rule or the other group may be gone.
pub(super) fn choose(estate: &Estate, connection: &Connection, end: &mut Wired, hops: &[Hop]) {
    let way = Way::new(
        connection.kind,
        last_segment(&connection.database),
        connection.proxy.as_deref(),
    );
    let id = connection.to_string();
    let links = hops.iter().flat_map(|hop| {
        let ids = |link: &Link| {
            let from = (hop.from == end.side).then(|| link.from.clone());
            from.into_iter().chain((hop.to == end.side).then(|| link.to.clone()))
        };
        hop.links.iter().flat_map(ids).collect::<Vec<_>>()
    });
    let linked: BTreeSet<GroupId> = links.collect();
    let all = end.groups.len();
    end.groups.retain_mut(|on| {
        let group = estate.group(&on.id);
        on.is_of_set = group.is_some_and(|group| is_of_set(group, end.side, &way));
        let is_made_for = group.is_some_and(|group| names_connection(group, &id));
        linked.contains(&on.id) || is_made_for || (linked.is_empty() && on.is_of_set)
    });
    end.others = all - end.groups.len();
}
