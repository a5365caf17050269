//! Whether network ACLs and routes let the traffic of a connection pass, where they were read: the engine of `diagnose`.
//!
//! Source: docs/drift.md, `broken`. Many connections are between the same subnets, which are asked about once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::{Finding, FindingKind, hops, port_of, subnets_of};
use crate::diagnostics::Status;
use crate::diagnostics::connection::{Scene, Surroundings, legs};
use crate::estate::Estate;
use crate::model::{Observation, Proxy, Side, SubnetId, VpcId};
use crate::reachability::Paths;
use crate::reachability::leg::{End, Leg, blocked_besides_groups, distinct, judged_by_groups, stopped_by_groups};

/// The most causes that a message names.
const NAMED: usize = 3;

/// The paths of an estate, as far as they were asked about.
#[derive(Debug)]
pub(super) struct Routing<'e> {
    estate: &'e Estate,
    paths: Option<Paths<'e>>,
    known: RefCell<BTreeMap<Between, Rc<Blocked>>>,
}

/// From these subnets to those, on a port.
type Between = (Vec<SubnetId>, Vec<SubnetId>, u16);

/// Pairs of subnets, by their places.
type Pairs = BTreeSet<(usize, usize)>;

/// What network ACLs and routes stop between subnets.
#[derive(Debug)]
struct Blocked {
    causes: Vec<String>,
    /// Between which subnets nothing passes.
    pairs: Pairs,
}

/// What stops traffic of a hop: network ACLs and routes, and where they stop some of it, security groups too.
#[derive(Clone, Debug, Default)]
pub(super) struct Stopped {
    /// Why, as text.
    pub causes: Vec<String>,
    /// Whether nothing passes between any two subnets.
    pub is_whole: bool,
}

/// The blocked hops of a connection.
#[derive(Debug, Default)]
pub(super) struct BlockedHops {
    /// One finding for each.
    pub findings: Vec<Finding>,
    /// Where they begin, of those that nothing passes.
    pub whole: Vec<Side>,
}

impl BlockedHops {
    /// Whether nothing passes a hop. A proxy that reaches its database has tried.
    pub(super) fn is_whole(&self, observation: &Observation) -> bool {
        let is_tried = |proxy: &Proxy| proxy.reaches(&observation.database);
        let has_tried = |side: Side| side == Side::Proxy && observation.proxy.as_ref().is_some_and(is_tried);
        self.whole.iter().any(|side| !has_tried(*side))
    }
}

impl<'e> Routing<'e> {
    pub(super) fn new(estate: &'e Estate) -> Self {
        Self {
            estate,
            paths: estate.network().map(Paths::new),
            known: RefCell::default(),
        }
    }

    pub(super) fn paths(&self) -> Option<&Paths<'e>> {
        self.paths.as_ref()
    }

    /// What network ACLs and routes stop of a connection.
    pub(super) fn blocked(&self, observation: &Observation) -> BlockedHops {
        let mut blocked = BlockedHops::default();
        let (Some(paths), Some(_)) = (&self.paths, &observation.function.vpc) else {
            return blocked;
        };
        for hop in hops(observation) {
            let Some((port, found)) = port_of(observation, hop.1)
                .and_then(|port| Some((port, self.of_hop(paths, observation, *hop, port)?)))
                .filter(|(_, found)| !found.causes.is_empty())
            else {
                continue;
            };
            if found.is_whole {
                blocked.whole.push(hop.0);
            }
            blocked.findings.push(finding(observation, *hop, port, &found));
        }
        blocked
    }

    /// What network ACLs and routes stop of a hop; none where that was not read.
    pub(super) fn hop(&self, observation: &Observation, hop: (Side, Side), port: u16) -> Option<Stopped> {
        self.of_hop(self.paths.as_ref()?, observation, hop, port)
    }

    /// What groups make of the hop that begins at this side, for each pair of subnets; none where that was not read.
    pub(super) fn of_groups(&self, observation: &Observation, from: Side) -> Option<(Status, Vec<String>)> {
        let paths = self.paths.as_ref()?;
        paths.network().groups.read().ok()?;
        let scene = Scene::of(observation, Surroundings::unread("it is not asked for here"));
        let legs = legs(&scene);
        let leg = legs.iter().find(|leg| leg.from.side == from)?;
        Some(judged_by_groups(paths, leg))
    }

    fn of_hop(
        &self,
        paths: &Paths<'_>,
        observation: &Observation,
        (from, to): (Side, Side),
        port: u16,
    ) -> Option<Stopped> {
        let ((near_vpc, near), (far_vpc, far)) = (place(observation, from), place(observation, to));
        if near.is_empty() || far.is_empty() {
            return None;
        }
        let found = self.between(paths, (near_vpc, near), (far_vpc, far), port);
        let mut causes = found.causes.clone();
        let all = distinct(near).len() * distinct(far).len();
        let mut is_whole = found.pairs.len() == all;
        if !found.pairs.is_empty() && !is_whole {
            let (pairs, why) = self.stopped_by_groups(observation, from).unwrap_or_default();
            is_whole = found.pairs.union(&pairs).count() == all;
            causes.extend(why.into_iter().filter(|_| is_whole));
        }
        Some(Stopped { causes, is_whole })
    }

    /// The pairs of subnets between which groups let nothing through on the hop that begins at this side, and why; none where the
    /// groups were not read.
    fn stopped_by_groups(&self, observation: &Observation, from: Side) -> Option<(Pairs, Vec<String>)> {
        let scene = Scene::of(observation, Surroundings::unread("it is not asked for here"));
        let legs = legs(&scene);
        let leg = legs.iter().find(|leg| leg.from.side == from)?;
        let network = self.estate.network_of_groups(&leg.from.groups, &leg.to.groups)?;
        let paths = Paths::new(&network);
        Some((stopped_by_groups(&paths, leg), judged_by_groups(&paths, leg).1))
    }

    fn between(
        &self,
        paths: &Paths<'_>,
        (near_vpc, near): (&VpcId, &[SubnetId]),
        (far_vpc, far): (&VpcId, &[SubnetId]),
        port: u16,
    ) -> Rc<Blocked> {
        let key = (near.to_vec(), far.to_vec(), port);
        if let Some(known) = self.known.borrow().get(&key) {
            return Rc::clone(known);
        }
        let end = |side, vpc, subnets| End {
            side,
            name: String::new(),
            vpc,
            subnets: distinct(subnets),
            groups: Vec::new(),
        };
        let leg = Leg {
            from: end(Side::Function, near_vpc, near),
            to: end(Side::Database, far_vpc, far),
            port,
            remedy: None,
            proof: None,
            doubt: None,
        };
        let (causes, pairs) = blocked_besides_groups(paths, &leg);
        let blocked = Rc::new(Blocked { causes, pairs });
        self.known.borrow_mut().insert(key, Rc::clone(&blocked));
        blocked
    }
}

fn place(observation: &Observation, side: Side) -> (&VpcId, &[SubnetId]) {
    let vpc = match (side, &observation.function.vpc, &observation.proxy) {
        (Side::Function, Some(attached), _) => &attached.vpc,
        (Side::Proxy, _, Some(proxy)) => &proxy.vpc,
        _ => &observation.database.vpc,
    };
    (vpc, subnets_of(observation, side))
}

fn finding(observation: &Observation, (from, to): (Side, Side), port: u16, blocked: &Stopped) -> Finding {
    let name = |side| match (side, &observation.proxy) {
        (Side::Function, _) => format!("function {}", observation.function.name),
        (Side::Proxy, Some(proxy)) => format!("proxy {}", proxy.name),
        _ => observation.database.to_string(),
    };
    let (from, to) = (name(from), name(to));
    let how = if blocked.is_whole {
        "is blocked"
    } else {
        "is blocked between some of their subnets"
    };
    let mut causes: Vec<String> = blocked.causes.iter().take(NAMED).cloned().collect();
    if let more @ 1.. = blocked.causes.len() - causes.len() {
        causes.push(format!("{more} more"));
    }
    let causes = causes.join("; ");
    let message = format!("tcp {port} from {from} to {to} {how}: {causes}");
    let expected = format!("tcp {port} from each subnet of {from} to each subnet of {to}");
    Finding::new(FindingKind::PathBlocked, to, message).with(Some(expected), Some(causes))
}
