//! How a connection is wired: the groups on each of its resources, the rules between them, and what blocks a hop.
//!
//! Source: docs/pictures.md. Drawings and the report show this. It says nothing that a verdict depends on.

use std::collections::BTreeSet;

use super::path::Routing;
use super::traffic::{End, end, passage, rule_for};
use super::{hops, port_of, target};
use crate::estate::{Connection, Estate, Look, Obstacle, Scope};
use crate::model::{
    DatabaseKind, Direction, GroupId, GroupList, Observation, Rule, SecurityGroup, Side, SubnetId, VpcId, last_segment,
};
use crate::ownership::{Way, is_of_set, names_connection};

/// A connection, from its function to its database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wiring {
    /// Which one it is.
    pub connection: Connection,
    /// Its resources: the function, the proxy if there is one, the database.
    pub ends: Vec<Wired>,
    /// From each resource to the next.
    pub hops: Vec<Hop>,
}

/// A resource of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wired {
    /// What it is.
    pub side: Side,
    /// In words: `function checkout`.
    pub name: String,
    /// Its ARN; none where it was not found.
    pub arn: Option<String>,
    /// Whether it exists; none where that could not be read.
    pub exists: Option<bool>,
    /// Its VPC; none where it is in no VPC, or was not found.
    pub vpc: Option<VpcId>,
    /// Its subnets.
    pub subnets: Vec<SubnetId>,
    /// Its groups that have a part in this connection.
    pub groups: Vec<WiredGroup>,
    /// How many further groups it has.
    pub others: usize,
}

/// A group on a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WiredGroup {
    /// Its id.
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// Whether `setup` or the console made it for such a connection, by its name or its tags.
    pub is_of_set: bool,
}

/// Whether traffic passes a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HopState {
    /// It does, as far as groups, network ACLs and routes were read.
    Open,
    /// It may: something is wrong, such as some pairs of subnets, and does not block all of it.
    Impaired,
    /// It does not.
    Blocked,
    /// That could not be read.
    Unknown,
}

/// From one resource of a connection to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Where it begins.
    pub from: Side,
    /// Where it ends.
    pub to: Side,
    /// The port at its end; none where it is not known.
    pub port: Option<u16>,
    /// Whether traffic passes.
    pub state: HopState,
    /// Why it does not, or why that is not known.
    pub causes: Vec<String>,
    /// The pairs of groups that lead from one resource to the next.
    pub links: Vec<Link>,
}

/// From a group to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The group where the hop begins.
    pub from: GroupId,
    /// The group where it ends.
    pub to: GroupId,
    /// The outbound rule of the first; none where it has none for this hop.
    pub outbound: Option<LinkRule>,
    /// The inbound rule of the second; none where it has none for this hop.
    pub inbound: Option<LinkRule>,
}

/// A rule of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRule {
    /// The rule.
    pub rule: Rule,
    /// Whether it lets the hop's traffic through.
    pub passes: bool,
}

impl Link {
    /// Whether both of its groups let the traffic through.
    #[must_use]
    pub fn passes(&self) -> bool {
        let passes = |rule: &Option<LinkRule>| rule.as_ref().is_some_and(|rule| rule.passes);
        passes(&self.outbound) && passes(&self.inbound)
    }
}

/// How a connection of an estate is wired.
pub(super) fn wiring(estate: &Estate, routing: &Routing<'_>, connection: &Connection) -> Wiring {
    let mut ends = ends(estate, connection);
    let hops = match estate.observation(connection, Scope::Associated) {
        Ok(observation) => wired(estate, routing, &observation),
        Err(obstacle) => severed(&ends, obstacle),
    };
    for end in &mut ends {
        choose(estate, connection, end, &hops);
    }
    Wiring {
        connection: connection.clone(),
        ends,
        hops,
    }
}

/// The resources of a connection, each with all of its groups.
fn ends(estate: &Estate, connection: &Connection) -> Vec<Wired> {
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

/// The hops of a connection that could not be observed: what is gone, or could not be read, is the cause of each.
fn severed(ends: &[Wired], obstacle: Obstacle) -> Vec<Hop> {
    let (state, causes) = match obstacle {
        Obstacle::Missing(missing) => {
            let gone = missing
                .iter()
                .map(|(kind, name)| format!("{kind} {name} does not exist"));
            (HopState::Blocked, gone.collect())
        }
        Obstacle::Unread(unread) => (HopState::Unknown, unread),
    };
    let hop = |pair: &[Wired]| Hop {
        from: pair[0].side,
        to: pair[1].side,
        port: None,
        state,
        causes: causes.clone(),
        links: Vec::new(),
    };
    ends.windows(2).map(hop).collect()
}

fn wired(estate: &Estate, routing: &Routing<'_>, observation: &Observation) -> Vec<Hop> {
    let hop = |&(from, to): &(Side, Side)| {
        let near = end(estate, observation, from);
        let far = end(estate, observation, to);
        let port = port_of(observation, to);
        let links = port.map_or_else(Vec::new, |port| links(estate, &near, &far, port));
        let (state, causes) = state(estate, routing, observation, (from, to), (&near, &far), port);
        Hop {
            from,
            to,
            port,
            state,
            causes,
            links,
        }
    };
    hops(observation).iter().map(hop).collect()
}

/// Whether traffic passes a hop, and why it does not.
fn state(
    estate: &Estate,
    routing: &Routing<'_>,
    observation: &Observation,
    (from, to): (Side, Side),
    (near, far): (&End, &End),
    port: Option<u16>,
) -> (HopState, Vec<String>) {
    if from == Side::Function && observation.function.vpc.is_none() {
        return (
            HopState::Blocked,
            vec![format!("function {} is in no VPC", observation.function.name)],
        );
    }
    let Some(port) = port else {
        return (HopState::Unknown, vec!["the port is not known".to_owned()]);
    };
    let mut causes = Vec::new();
    if from == Side::Proxy
        && let Some(proxy) = &observation.proxy
    {
        if proxy.reaches(&observation.database) {
            return (HopState::Open, Vec::new());
        }
        causes.extend(target(observation).map(|finding| finding.message));
        if !proxy.has_target(&observation.database) {
            return (HopState::Blocked, causes);
        }
    }
    let mut of_groups = Vec::new();
    if passage(estate, near, far, port).is_none() {
        let (near_name, far_name) = (observation.describe(from), observation.describe(to));
        let lacks = |groups: &GroupList, direction, other| {
            let mut on = groups.iter().filter_map(|id| estate.group(id));
            !on.any(|group| rule_for(group, direction, port, other).is_some())
        };
        if lacks(&near.groups, Direction::Egress, far) {
            of_groups.push(format!(
                "no group of {near_name} has an outbound rule for tcp {port} to {far_name}"
            ));
        }
        if lacks(&far.groups, Direction::Ingress, near) {
            of_groups.push(format!(
                "no group of {far_name} has an inbound rule for tcp {port} from {near_name}"
            ));
        }
        if of_groups.is_empty() {
            of_groups.push(format!(
                "the rules for tcp {port} are for IPv4 on one side and for IPv6 on the other"
            ));
        }
    }
    let (of_network, is_whole) = routing.hop(observation, (from, to), port).unwrap_or_default();
    let is_blocked = !of_groups.is_empty() || is_whole;
    causes.extend(of_groups);
    causes.extend(of_network.into_iter().map(|cause| {
        if is_whole {
            cause
        } else {
            format!("blocked between some subnets: {cause}")
        }
    }));
    let state = match (is_blocked, causes.is_empty()) {
        (true, _) => HopState::Blocked,
        (false, true) => HopState::Open,
        (false, false) => HopState::Impaired,
    };
    (state, causes)
}

/// The pairs of groups whose rules name one another; where none of them lets the traffic through, also those that do.
fn links(estate: &Estate, near: &End, far: &End, port: u16) -> Vec<Link> {
    let on = |groups: &GroupList| -> Vec<&SecurityGroup> { groups.iter().filter_map(|id| estate.group(id)).collect() };
    let (starts, goals) = (on(&near.groups), on(&far.groups));
    let mut links = Vec::new();
    for start in &starts {
        for goal in &goals {
            if !(names(start, Direction::Egress, goal) || names(goal, Direction::Ingress, start)) {
                continue;
            }
            links.push(Link {
                from: start.id.clone(),
                to: goal.id.clone(),
                outbound: best(start, Direction::Egress, port, (goal, far)),
                inbound: best(goal, Direction::Ingress, port, (start, near)),
            });
        }
    }
    if !links.iter().any(Link::passes)
        && let Some([(start, out), (goal, into)]) = passage(estate, near, far, port)
    {
        let passing = |rule: &Rule| {
            Some(LinkRule {
                rule: rule.clone(),
                passes: true,
            })
        };
        links.push(Link {
            from: start.id.clone(),
            to: goal.id.clone(),
            outbound: passing(out),
            inbound: passing(into),
        });
    }
    links
}

/// Whether a rule of a group in this direction names the other group.
fn names(group: &SecurityGroup, direction: Direction, other: &SecurityGroup) -> bool {
    let mut rules = group.rules(direction).iter();
    rules.any(|rule| rule.peer.group() == Some(&other.id))
}

/// The rule of a group that stands for a link: one that names the other group and lets the traffic through, else another one
/// that does, else one that names the other group.
fn best(
    group: &SecurityGroup,
    direction: Direction,
    port: u16,
    (other, end): (&SecurityGroup, &End),
) -> Option<LinkRule> {
    let naming = || {
        let rules = group.rules(direction).iter();
        rules.filter(|rule| rule.peer.group() == Some(&other.id))
    };
    let passing = naming()
        .find(|rule| rule.lets_tcp(port))
        .or_else(|| rule_for(group, direction, port, end));
    let rule = passing.or_else(|| naming().next())?;
    Some(LinkRule {
        rule: rule.clone(),
        passes: passing.is_some(),
    })
}

/// Keeps those groups of a resource that have a part in the connection: those of its links, and those that were made for it.
/// Where a resource has no link, each group with a name of the convention may be what is left of one.
fn choose(estate: &Estate, connection: &Connection, end: &mut Wired, hops: &[Hop]) {
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
