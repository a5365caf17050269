//! Attached groups that differ from how they were made, also where another set serves the connection.
//!
//! Source: docs/drift.md, "Which groups are compared". [`crate::made`] says how a group differs, [`Estate`] which ones
//! are attached and do. A group that is open to the internet is reported by every connection whose resource has it.
//! Other differences are reported by the connection that the group belongs to; what belongs to none that is looked at
//! is left to [`findings`].

use std::collections::BTreeSet;

use super::explain::{in_words, of_rule, rule_in_words, word};
use super::{Finding, FindingKind};
use crate::estate::{Connection, Estate, Look};
use crate::made::{self, Difference, Flaws};
use crate::model::{Direction, GroupId, GroupList, Observation, SecurityGroup, Side};
use crate::ownership::connection_of;

/// At most this many additional rules of a group are reported one by one.
const TOLD: usize = 50;

/// Adds what differs in the groups on a connection's resources to what was found already. `claimed` are the groups whose
/// differences are reported, before and after.
pub(super) fn add(
    estate: &Estate,
    observation: &Observation,
    claimed: &mut BTreeSet<GroupId>,
    findings: &mut Vec<Finding>,
) {
    let sides = observation.sides();
    let lists: Vec<(Side, GroupList)> = sides.iter().map(|side| (*side, observation.groups_on(*side))).collect();
    let mut seen = BTreeSet::new();
    for (side, list) in &lists {
        for id in list.iter() {
            let (Some(group), Some(flaws)) = (estate.group(id), estate.flaws(id)) else {
                continue;
            };
            if !seen.insert(id) {
                continue;
            }
            if let Some(opened) = opened(group, flaws) {
                forget_rules(estate, group, flaws, findings);
                findings.insert(0, opened);
            }
            let is_told = claimed.contains(id) || findings.iter().any(|finding| is_of_rules(finding, id));
            if is_told || concerns(estate, observation, *side, &lists, group) {
                claimed.insert(id.clone());
            }
            if !is_told && claimed.contains(id) {
                findings.extend(differences(estate, group, flaws));
            }
        }
    }
}

/// All that differs in a group.
pub fn findings(estate: &Estate, group: &SecurityGroup, flaws: &Flaws) -> Vec<Finding> {
    let mut findings: Vec<Finding> = opened(group, flaws).into_iter().collect();
    findings.extend(differences(estate, group, flaws));
    findings
}

fn is_of_rules(finding: &Finding, group: &GroupId) -> bool {
    use FindingKind::{RuleAdded, RuleChanged, RuleRemoved};
    matches!(finding.kind, RuleAdded | RuleChanged | RuleRemoved) && finding.resource == group.as_str()
}

fn opened(group: &SecurityGroup, Flaws { opening, .. }: &Flaws) -> Option<Finding> {
    if opening.is_empty() {
        return None;
    }
    let rules = made::in_words(opening, Direction::Ingress);
    let message = format!("{} is open to the internet: {rules}", in_words(group));
    let expected = "no inbound rule for the internet".to_owned();
    Some(Finding::new(FindingKind::Opened, group.id.as_str(), message).with(Some(expected), Some(rules)))
}

/// The rules that open a group are not also reported as added.
fn forget_rules(estate: &Estate, group: &SecurityGroup, flaws: &Flaws, findings: &mut Vec<Finding>) {
    let rules = flaws.opening.iter();
    let opening: BTreeSet<String> = rules
        .map(|rule| rule_in_words(estate, Direction::Ingress, rule))
        .collect();
    findings.retain(|finding| {
        let is_opening = finding.found.as_ref().is_some_and(|found| opening.contains(found));
        !(is_opening && finding.kind == FindingKind::RuleAdded && finding.resource == group.id.as_str())
    });
}

fn differences(estate: &Estate, group: &SecurityGroup, flaws: &Flaws) -> Vec<Finding> {
    let opening: BTreeSet<&crate::model::Rule> = flaws.opening.iter().collect();
    let is_told = |difference: &&Difference| {
        let opens = difference.found.as_ref().is_some_and(|rule| opening.contains(rule));
        difference.expected.is_none() && difference.direction == Direction::Ingress && opens
    };
    let mut findings = Vec::new();
    let mut added = 0;
    for difference in flaws.differences.iter().filter(|difference| !is_told(difference)) {
        let (kind, wanted) = match (&difference.expected, &difference.found) {
            (None, _) => (FindingKind::RuleAdded, None),
            (Some(wanted), None) => (FindingKind::RuleRemoved, Some(wanted)),
            (Some(wanted), Some(_)) => (FindingKind::RuleChanged, Some(wanted)),
        };
        added += usize::from(kind == FindingKind::RuleAdded);
        if kind == FindingKind::RuleAdded && added > TOLD {
            continue;
        }
        let wanted = wanted.map(|(port, side)| {
            let port = port.map_or_else(|| "one port".to_owned(), |port| port.to_string());
            format!(
                "tcp {port} {} a security group of the {side}",
                word(difference.direction)
            )
        });
        let rule = difference.found.as_ref();
        findings.push(of_rule(estate, group, difference.direction, kind, wanted, rule));
    }
    if let Some(more @ 1..) = added.checked_sub(TOLD) {
        let message = format!("{} has {more} more additional rules", in_words(group));
        let more = Finding::new(FindingKind::RuleAdded, group.id.as_str(), message);
        findings.push(more.with(None, Some(format!("{added} additional rules"))));
    }
    findings
}

/// Whether a group that differs belongs to this connection: by its tag; or, where its tag names no connection that there
/// is, by a rule that ties it to the next side; or where no rule of it names a group any more.
fn concerns(
    estate: &Estate,
    observation: &Observation,
    side: Side,
    lists: &[(Side, GroupList)],
    group: &SecurityGroup,
) -> bool {
    if let Some(tag) = connection_of(&group.tags) {
        if tag == observation.connection_id() {
            return true;
        }
        if Connection::from_tag(tag).is_some_and(|other| is_there(estate, &other)) {
            return false;
        }
    }
    let mut neighbours = estate.neighbours(&group.id).peekable();
    if neighbours.peek().is_none() {
        return true;
    }
    let on_others = |id: &GroupId| lists.iter().any(|(other, list)| *other != side && list.contains(id));
    neighbours.any(on_others)
}

fn is_there(estate: &Estate, connection: &Connection) -> bool {
    let proxy = connection.proxy.as_ref();
    matches!(estate.database(connection.kind, &connection.database), Look::Found(_))
        && matches!(estate.function(&connection.function), Look::Found(_))
        && proxy.is_none_or(|proxy| matches!(estate.proxy(proxy), Look::Found(_)))
}
