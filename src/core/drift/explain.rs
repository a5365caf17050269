//! What has changed in a connection that `setup` would change.
//!
//! A side without a matching group is explained by its own group: the one that was made for this connection, or
//! that a group of the next side names. Groups of other connections can be on the same resource.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, FindingKind, hops, port_of};
use crate::classify::{Candidate, Classified, Misfit, classify};
use crate::decide::{Assessment, Verdict};
use crate::estate::Estate;
use crate::model::{Direction, GroupId, Observation, PortRange, Protocol, Rule, SecurityGroup, Side};
use crate::naming::Convention;
use crate::ownership::{is_tagged, names_connection};

/// A group with its name and id.
pub(super) fn in_words(group: &SecurityGroup) -> String {
    format!("{} ({})", group.name, group.id)
}

/// A side's own group, and how it stands there.
struct Own<'c, 'a> {
    side: Side,
    candidate: &'c Candidate<'a>,
    dangling: Vec<Misfit<'a>>,
}

/// What is to be explained.
struct Case<'e, 'c, 'a> {
    estate: &'e Estate,
    observation: &'a Observation,
    classified: &'c Classified<'a>,
    function_moved: bool,
    /// Sides whose own group is on them.
    own: Vec<Own<'c, 'a>>,
    /// What is known of the groups that others are tied to, by side.
    anchors: BTreeMap<Side, Anchors<'a>>,
}

/// The groups on a side, or made for this connection, that tie groups of the next sides to it.
#[derive(Default)]
struct Anchors<'a> {
    ids: BTreeSet<&'a GroupId>,
    /// The groups that their rules name.
    named: BTreeSet<&'a GroupId>,
}

impl<'a> Anchors<'a> {
    fn of(observation: &Observation, classified: &Classified<'a>, side: Side) -> Self {
        let connection = observation.connection_id();
        let is_anchor =
            |candidate: &&Candidate<'a>| candidate.associated || names_connection(candidate.group, &connection);
        let mut anchors = Self::default();
        for candidate in classified.side(side).iter().filter(is_anchor) {
            anchors.ids.insert(&candidate.group.id);
            anchors.named.extend(candidate.group.peers());
        }
        anchors
    }
}

/// What makes `setup` do something, each once; and the groups whose rules these findings explain.
pub(super) fn findings(
    estate: &Estate,
    observation: &Observation,
    assessment: &Assessment<'_>,
    function_moved: bool,
) -> (Vec<Finding>, BTreeSet<GroupId>) {
    let classified = classify(observation);
    let mut case = Case {
        estate,
        observation,
        classified: &classified,
        function_moved,
        own: Vec::new(),
        anchors: BTreeMap::new(),
    };
    let anchors = |side: &Side| (*side, Anchors::of(observation, &classified, *side));
    case.anchors = observation.sides().iter().map(anchors).collect();
    case.anchor_what_was_taken_off();
    let sides = observation.sides().iter().copied();
    case.own = sides.clone().filter_map(|side| case.own_group(side)).collect();
    let mut findings = Vec::new();
    let mut explained = BTreeSet::new();
    for side in sides.filter(|side| !(function_moved && *side == Side::Function)) {
        let Some(verdict) = assessment.side(side) else { continue };
        let chosen = verdict.group.and_then(|id| observation.group(id));
        match (case.own.iter().find(|own| own.side == side), verdict.verdict) {
            _ if case.is_fit(side) => {}
            (Some(own), _) => {
                explained.insert(own.candidate.group.id.clone());
                findings.extend(case.rules(own));
            }
            // It fits as soon as the others do.
            (None, Verdict::Fit) => {}
            (None, Verdict::Available) => findings.extend(chosen.map(|group| case.detached(side, group))),
            (None, _) => findings.push(case.absent(side)),
        }
    }
    let mut findings = case.ports_moved(findings);
    let mut told: BTreeSet<(FindingKind, String, Option<String>)> = BTreeSet::new();
    findings.retain(|finding| told.insert((finding.kind, finding.resource.clone(), finding.found.clone())));
    (findings, explained)
}

impl<'c, 'a> Case<'_, 'c, 'a> {
    /// Whether the side has a group that fits as things are.
    fn is_fit(&self, side: Side) -> bool {
        let now = self.classified.now();
        let mut candidates = self.classified.side(side).iter();
        candidates.any(|candidate| candidate.associated && now.suits(side, candidate))
            || (side == Side::Database && self.classified.proxy_reaches_database())
    }

    /// The sides next to this one on the path.
    fn neighbours(&self, side: Side) -> impl Iterator<Item = Side> {
        hops(self.observation).iter().filter_map(move |(from, to)| match side {
            side if side == *from => Some(*to),
            side if side == *to => Some(*from),
            _ => None,
        })
    }

    /// Adds to the anchors the groups that somebody took off: those that no resource has, and that are tied to a group on the
    /// next side. Without them, the group on the next side would seem to belong to no connection.
    fn anchor_what_was_taken_off(&mut self) {
        let mut taken_off = Vec::new();
        for &side in self.observation.sides() {
            let candidates = self.classified.side(side).iter().map(|candidate| candidate.group);
            let unused = candidates.filter(|group| !self.estate.is_in_use(&group.id) && !is_tagged(&group.tags));
            taken_off.extend(
                unused
                    .filter(|group| self.is_tied(side, group))
                    .map(|group| (side, group)),
            );
        }
        for (side, group) in taken_off {
            let anchors = self.anchors.entry(side).or_default();
            anchors.ids.insert(&group.id);
            anchors.named.extend(group.peers());
        }
    }

    fn is_made_for_this(&self, group: &SecurityGroup) -> bool {
        names_connection(group, &self.observation.connection_id())
    }

    /// Whether a group is tied to one of the next sides: to one on it, or to one that was made for this connection.
    fn is_tied(&self, side: Side, group: &SecurityGroup) -> bool {
        let mut next = self.neighbours(side).filter_map(|side| self.anchors.get(&side));
        next.any(|anchors| anchors.named.contains(&group.id) || group.peers().any(|peer| anchors.ids.contains(peer)))
    }

    /// The group of this connection that is on the side, the one with the least wrong.
    fn own_group(&self, side: Side) -> Option<Own<'c, 'a>> {
        let names_no_group = |group: &SecurityGroup| {
            let mut rules = group.ingress.iter().chain(&group.egress);
            rules.all(|rule| rule.peer.group().is_none())
        };
        let is_own = |candidate: &&Candidate<'a>| {
            let group = candidate.group;
            let is_nobodys = names_no_group(group) && !is_tagged(&group.tags);
            candidate.associated && (self.is_made_for_this(group) || self.is_tied(side, group) || is_nobodys)
        };
        let now = self.classified.now();
        let own = self.classified.side(side).iter().filter(is_own).map(|candidate| Own {
            side,
            candidate,
            dangling: now.dangling(side, candidate).into_iter().flatten().collect(),
        });
        own.min_by_key(|own| {
            let group = own.candidate.group;
            let wrong = own.candidate.misfits.len() + own.dangling.len();
            (!self.is_made_for_this(group), wrong, own.candidate.number, &group.id)
        })
    }

    /// The group that the side's own one should name, or that should name it.
    fn own_of(&self, side: Side) -> Option<&'a SecurityGroup> {
        let own = self.own.iter().find(|own| own.side == side)?;
        Some(own.candidate.group)
    }

    /// A side without a group of this connection: it was disassociated, or is gone.
    fn absent(&self, side: Side) -> Finding {
        let candidates = self
            .classified
            .side(side)
            .iter()
            .filter(|candidate| !candidate.associated);
        let own = candidates
            .filter(|candidate| self.is_made_for_this(candidate.group) || self.is_tied(side, candidate.group));
        let own = own.min_by_key(|candidate| {
            let group = candidate.group;
            (
                !self.is_made_for_this(group),
                candidate.misfits.len(),
                candidate.number,
                &group.id,
            )
        });
        match own {
            Some(candidate) => self.detached(side, candidate.group),
            None => self.gone(side),
        }
    }

    fn detached(&self, side: Side, group: &SecurityGroup) -> Finding {
        let resource = self.observation.describe(side);
        let message = format!("{} is not on {resource}", in_words(group));
        Finding::new(FindingKind::GroupDetached, group.id.as_str(), message)
            .with(Some(format!("on {resource}")), Some("not associated".to_owned()))
            .off(side)
    }

    fn gone(&self, side: Side) -> Finding {
        let resource = self.observation.describe(side);
        let patterns = Convention::accepted(side, self.observation.proxy.is_some());
        let patterns: Vec<String> = patterns.iter().map(|convention| convention.pattern()).collect();
        let patterns = patterns.join(" or ");
        let message = format!("{resource} has no security group named {patterns} for this connection");
        Finding::new(FindingKind::GroupGone, self.arn(side), message)
            .with(
                Some(format!("a security group named {patterns}")),
                Some("none".to_owned()),
            )
            .off(side)
    }

    fn arn(&self, side: Side) -> &str {
        match side {
            Side::Database => &self.observation.database.arn,
            Side::Function => &self.observation.function.arn,
            Side::Proxy => self.observation.proxy.as_ref().map_or("", |proxy| &proxy.arn),
        }
    }

    /// The port of a side's rule in this direction, and the side at its other end; none where there is to be no rule.
    fn expected(&self, side: Side, direction: Direction) -> Option<(u16, Side)> {
        let hop = hops(self.observation).iter().find(|(from, to)| match direction {
            Direction::Egress => *from == side,
            Direction::Ingress => *to == side,
        });
        let (from, to) = *hop?;
        let port = port_of(self.observation, to);
        let other = match direction {
            Direction::Egress => to,
            Direction::Ingress => from,
        };
        Some((port?, other))
    }

    /// What is wrong with the rules of a side's own group.
    fn rules(&self, own: &Own<'_, '_>) -> Vec<Finding> {
        let group = own.candidate.group;
        let mut findings = Vec::new();
        for direction in [Direction::Ingress, Direction::Egress] {
            let expected = self.expected(own.side, direction);
            let wanted = expected.map(|(port, other)| self.wanted(direction, port, other));
            let rule = |kind, found: Option<&Rule>| of_rule(self.estate, group, direction, kind, wanted.clone(), found);
            let mut changed: Option<&Rule> = None;
            let (mut extra, mut is_removed) = (0, false);
            for misfit in &own.candidate.misfits {
                match misfit {
                    Misfit::NoRule { direction: of, .. } if *of == direction => {
                        is_removed = true;
                        findings.push(rule(FindingKind::RuleRemoved, None));
                    }
                    Misfit::ExtraRule {
                        direction: of,
                        rule: found,
                    } if *of == direction => {
                        extra += 1;
                        findings.push(rule(FindingKind::RuleAdded, Some(found)));
                    }
                    Misfit::WrongProtocol {
                        direction: of,
                        rule: found,
                    }
                    | Misfit::WrongPort {
                        direction: of,
                        rule: found,
                        ..
                    }
                    | Misfit::NoGroup {
                        direction: of,
                        rule: found,
                    } if *of == direction && changed.is_none() => {
                        changed = Some(found);
                        findings.push(rule(FindingKind::RuleChanged, Some(found)));
                    }
                    _ => {}
                }
            }
            // Several rules, and none of them is the group's own.
            let all = group.rules(direction).len();
            if expected.is_some() && !is_removed && changed.is_none() && extra > 0 && extra == all {
                findings.push(rule(FindingKind::RuleRemoved, None));
            }
            let Some((_, other)) = expected.filter(|_| changed.is_none()) else {
                continue;
            };
            let peer = own.dangling.iter().find_map(|misfit| match misfit {
                Misfit::NotOn {
                    direction: of, peer, ..
                } if *of == direction => Some(*peer),
                _ => None,
            });
            let Some(peer) = peer.filter(|_| !(self.function_moved && other == Side::Function)) else {
                continue;
            };
            let found = group
                .rules(direction)
                .iter()
                .find(|rule| rule.peer.group() == Some(peer));
            findings.push(match self.what_became_of(group, peer, other) {
                Some(finding) => finding,
                None => rule(FindingKind::RuleChanged, found),
            });
        }
        findings
    }

    /// Why the group that a rule names is not on the other side; none where the rule itself was changed.
    fn what_became_of(&self, group: &SecurityGroup, peer: &GroupId, other: Side) -> Option<Finding> {
        if self.own_of(other).is_some_and(|own| own.names(&group.id)) {
            return None;
        }
        let Some(named) = self.estate.group(peer) else {
            let message = format!("{} names {peer}, which does not exist", in_words(group));
            let expected = format!("on {}", self.observation.describe(other));
            let finding = Finding::new(FindingKind::GroupGone, peer.as_str(), message);
            return Some(finding.with(Some(expected), Some("none".to_owned())).off(other));
        };
        let accepted = Convention::accepted(other, self.observation.proxy.is_some());
        let is_of_side = accepted
            .iter()
            .any(|convention| convention.number(&named.name).is_some());
        (is_of_side || self.is_made_for_this(named)).then(|| self.detached(other, named))
    }

    /// A rule as it should be.
    fn wanted(&self, direction: Direction, port: u16, other: Side) -> String {
        let peer = match self.own_of(other) {
            Some(group) => in_words(group),
            None => format!("a security group of {}", self.observation.describe(other)),
        };
        format!("tcp {port} {} {peer}", word(direction))
    }

    /// Where both groups before the database are for one other port, it is the database that has moved.
    fn ports_moved(&self, mut findings: Vec<Finding>) -> Vec<Finding> {
        let (Some(port), Some((from, to))) = (self.observation.database.port, hops(self.observation).last()) else {
            return findings;
        };
        let old_port = |side: Side, direction: Direction| {
            let own = self.own.iter().find(|own| own.side == side)?;
            let [rule] = own.candidate.group.rules(direction) else {
                return None;
            };
            let ports = rule
                .ports
                .filter(|ports| *ports != PortRange::only(port) && ports.from == ports.to)?;
            (rule.protocol == Protocol::Tcp && rule.peer.group().is_some()).then_some((ports, &own.candidate.group.id))
        };
        let ends = old_port(*from, Direction::Egress).zip(old_port(*to, Direction::Ingress));
        let Some(((old, leaving), (same, entering))) = ends.filter(|((a, _), (b, _))| a == b) else {
            return findings;
        };
        debug_assert_eq!(old, same);
        let database = &self.observation.database;
        findings.retain(|finding| {
            let is_of_ends = [leaving, entering].iter().any(|id| finding.resource == id.as_str());
            finding.kind != FindingKind::RuleChanged || !is_of_ends
        });
        let message = format!("{database} listens on port {port}, and its security groups are for port {old}");
        let moved = Finding::new(FindingKind::PortMoved, database.arn.as_str(), message);
        findings.insert(0, moved.with(Some(old.to_string()), Some(port.to_string())));
        findings
    }
}

pub(super) fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    }
}

/// A finding of a rule of a group: one too many, one that is missing, or one that is another than it should be.
pub(super) fn of_rule(
    estate: &Estate,
    group: &SecurityGroup,
    direction: Direction,
    kind: FindingKind,
    wanted: Option<String>,
    rule: Option<&Rule>,
) -> Finding {
    let found = rule.map(|rule| rule_in_words(estate, direction, rule));
    let what = match kind {
        FindingKind::RuleAdded => "has an additional",
        FindingKind::RuleRemoved => "lacks its",
        _ => "has a changed",
    };
    let told = match (&found, &wanted) {
        (None, Some(wanted)) => format!(": {wanted}"),
        (Some(found), Some(wanted)) if kind == FindingKind::RuleChanged => format!(": {found} instead of {wanted}"),
        (Some(found), _) => format!(": {found}"),
        (None, None) => String::new(),
    };
    let message = format!("{} {what} {direction} rule{told}", in_words(group));
    let expected = wanted.filter(|_| kind != FindingKind::RuleAdded);
    let inbound = rule.filter(|_| direction == Direction::Ingress);
    Finding::new(kind, group.id.as_str(), message)
        .with(expected, found)
        .by_rule(estate, inbound)
}

/// A rule with the group that it names.
pub(super) fn rule_in_words(estate: &Estate, direction: Direction, rule: &Rule) -> String {
    let peer = rule.peer.group().and_then(|id| estate.group(id)).map(in_words);
    let peer = peer.unwrap_or_else(|| rule.peer.to_string());
    format!("{rule} {} {peer}", word(direction))
}
