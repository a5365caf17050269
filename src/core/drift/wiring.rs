//! How a connection is wired: the groups on each of its resources, the rules between them, and what blocks a hop.
//!
//! Source: docs/pictures.md. Drawings and the report show this. It says nothing that a verdict depends on.

mod ends;

use std::collections::BTreeSet;

use super::path::{Routing, Stopped};
use super::traffic::{End, end, passage, rule_for};
use super::{across, function_moved, hops, port_of, target};
use crate::diagnostics::Status;
use crate::estate::{Connection, Estate, Obstacle, Scope};
use crate::model::{Direction, GroupId, GroupList, Observation, Rule, SecurityGroup, Side, SubnetId, VpcId};
use ends::{choose, ends};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

/// Whether traffic passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "PageHopState")]
pub enum HopState {
    /// It does, as far as groups, network ACLs and routes were read.
    Open,
    /// It may: something is wrong that does not block all of it.
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
    /// Whether no outbound rule where it begins, and no inbound rule where it ends, lets it through. Both are false where the
    /// rules were not looked at.
    pub lacks: Lacks,
    /// The pairs of groups that lead from one resource to the next.
    pub links: Vec<Link>,
}

/// The rules that are missing on a hop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lacks {
    /// No outbound rule of the groups where it begins.
    pub outbound: bool,
    /// No inbound rule of the groups where it ends.
    pub inbound: bool,
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
    /// Whether both let the traffic through, over IPv4 or both over IPv6.
    pub passes: bool,
}

/// A rule of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRule {
    /// The rule.
    pub rule: Rule,
    /// Whether it lets the hop's traffic through.
    pub passes: bool,
}

/// What is said of groups that let some of the traffic through.
const NOT_ALL: &str = "the security groups do not let all of the traffic through";

/// How a connection of an estate is wired.
pub(super) fn wiring(estate: &Estate, routing: &Routing<'_>, connection: &Connection) -> Wiring {
    let mut ends = ends(estate, connection);
    if !connection.is_whole() {
        // What was left over names one resource: there is no path.
        return Wiring {
            connection: connection.clone(),
            ends,
            hops: Vec::new(),
        };
    }
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
        lacks: Lacks::default(),
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
        let Passing { state, causes, lacks } = passing(estate, routing, observation, (from, to), (&near, &far), port);
        Hop {
            from,
            to,
            port,
            state,
            causes,
            lacks,
            links,
        }
    };
    hops(observation).iter().map(hop).collect()
}

/// Whether traffic passes a hop, and why it does not.
struct Passing {
    state: HopState,
    causes: Vec<String>,
    lacks: Lacks,
}

fn passing(
    estate: &Estate,
    routing: &Routing<'_>,
    observation: &Observation,
    (from, to): (Side, Side),
    (near, far): (&End, &End),
    port: Option<u16>,
) -> Passing {
    let ended = |state, causes| Passing {
        state,
        causes,
        lacks: Lacks::default(),
    };
    if from == Side::Function && observation.function.vpc.is_none() {
        let cause = format!("function {} is in no VPC", observation.function.name);
        return ended(HopState::Blocked, vec![cause]);
    }
    let Some(port) = port else {
        return ended(HopState::Unknown, vec!["the port is not known".to_owned()]);
    };
    let mut causes = Vec::new();
    let mut is_tried = false;
    if let (Side::Proxy, Some(proxy)) = (from, &observation.proxy) {
        // The health of the target is measured: groups, network ACLs and routes that seem to block it are not the last word.
        is_tried = proxy.reaches(&observation.database);
        causes.extend(target(observation).map(|finding| finding.message));
        if !proxy.has_target(&observation.database) {
            return ended(HopState::Blocked, causes);
        }
    }
    let names = (observation.describe(from), observation.describe(to));
    let (of_groups, lacks) = blocked_by_groups(estate, (near, far), port, (&names.0, &names.1));
    let Stopped {
        causes: found,
        is_whole,
    } = routing.hop(observation, (from, to), port).unwrap_or_default();
    // Of a function that has moved to another VPC, drift reports that, and not how the path is blocked.
    let has_moved = function_moved(observation).is_some() && across::groups(estate, observation).is_empty();
    let is_blocked = !is_tried && (!of_groups.is_empty() || (is_whole && !has_moved));
    causes.extend(of_groups);
    causes.extend(found.into_iter().map(|cause| {
        if is_whole {
            cause
        } else {
            format!("blocked between some subnets: {cause}")
        }
    }));
    let mut is_unknown = false;
    if !is_blocked && let Some((status, doubts)) = routing.of_groups(observation, from) {
        match status {
            Status::Pass => {}
            Status::Unknown => is_unknown = causes.is_empty(),
            Status::Warn | Status::Fail => causes.push(NOT_ALL.to_owned()),
        }
        if status != Status::Pass && !(is_tried && status == Status::Unknown) {
            causes.extend(doubts);
        }
    }
    let mut told = BTreeSet::new();
    causes.retain(|cause| told.insert(cause.clone()));
    let state = match (is_blocked, causes.is_empty()) {
        (true, _) => HopState::Blocked,
        (false, true) => HopState::Open,
        (false, false) if is_unknown => HopState::Unknown,
        (false, false) => HopState::Impaired,
    };
    Passing { state, causes, lacks }
}

/// Why the groups of both ends let nothing through; nothing where they do.
fn blocked_by_groups(
    estate: &Estate,
    (near, far): (&End, &End),
    port: u16,
    (near_name, far_name): (&str, &str),
) -> (Vec<String>, Lacks) {
    if passage(estate, near, far, port).is_some() {
        return (Vec::new(), Lacks::default());
    }
    let lacks = |groups: &GroupList, direction, other| {
        let mut on = groups.iter().filter_map(|id| estate.group(id));
        !on.any(|group| rule_for(estate, group, direction, port, other).is_some())
    };
    let lacks = Lacks {
        outbound: lacks(&near.groups, Direction::Egress, far),
        inbound: lacks(&far.groups, Direction::Ingress, near),
    };
    let mut causes = Vec::new();
    if lacks.outbound {
        causes.push(format!(
            "no group of {near_name} has an outbound rule for tcp {port} to {far_name}"
        ));
    }
    if lacks.inbound {
        causes.push(format!(
            "no group of {far_name} has an inbound rule for tcp {port} from {near_name}"
        ));
    }
    if causes.is_empty() {
        causes.push(format!(
            "the rules for tcp {port} let nothing through by a version of IP that both ends have"
        ));
    }
    (causes, lacks)
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
            let outbound = best(estate, start, Direction::Egress, port, (goal, far));
            let inbound = best(estate, goal, Direction::Ingress, port, (start, near));
            let alone = |end: &End, group: &SecurityGroup| End {
                groups: GroupList::as_read([group.id.clone()]),
                ranges: end.ranges.clone(),
            };
            // A rule may name another group of the same resource.
            let of_both = passage(estate, &alone(near, start), far, port).is_some()
                && passage(estate, near, &alone(far, goal), port).is_some();
            let is_passed = |rule: &Option<LinkRule>| rule.as_ref().is_some_and(|rule| rule.passes);
            links.push(Link {
                from: start.id.clone(),
                to: goal.id.clone(),
                passes: of_both && is_passed(&outbound) && is_passed(&inbound),
                outbound,
                inbound,
            });
        }
    }
    if !links.iter().any(|link| link.passes)
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
            passes: true,
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
    estate: &Estate,
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
        .or_else(|| rule_for(estate, group, direction, port, end));
    let rule = passing.or_else(|| naming().next())?;
    Some(LinkRule {
        rule: rule.clone(),
        passes: passing.is_some(),
    })
}
