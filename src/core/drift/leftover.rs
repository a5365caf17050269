//! Attached groups that differ, and belong to no connection that is looked at.

use std::collections::{BTreeMap, BTreeSet};

use super::attached::findings;
use super::remedy::prescribe;
use super::{Finding, FindingKind, Judgement, Verdict};
use crate::estate::{Connection, Estate};
use crate::model::{DatabaseKind, GroupId, last_segment};

/// What differs in the groups of a resource, and which of the connections that were looked at it concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// The place, among the connections that were looked at, of the first one with a resource that has a group.
    pub of: Option<usize>,
    /// The resource that has the group: a connection of one end only.
    pub resource: Connection,
    /// What differs.
    pub findings: Vec<Finding>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Resource {
    Database(DatabaseKind, String),
    Proxy(String),
    Function(String),
}

impl Resource {
    fn of(connection: &Connection) -> Vec<Self> {
        let database = last_segment(&connection.database).to_ascii_lowercase();
        let mut resources = vec![Self::Database(connection.kind, database)];
        resources.extend(
            connection
                .proxy
                .as_ref()
                .map(|proxy| Self::Proxy(proxy.to_ascii_lowercase())),
        );
        resources.push(Self::Function(last_segment(&connection.function).to_owned()));
        resources
    }

    /// All that have a group: databases first.
    fn with(estate: &Estate, group: &GroupId) -> Vec<Self> {
        let databases = estate
            .databases_with(group)
            .map(|database| Self::Database(database.kind, database.id.to_ascii_lowercase()));
        let proxies = estate
            .proxies_with(group)
            .chain(estate.proxies_with_endpoints_with(group))
            .map(|proxy| Self::Proxy(proxy.name.to_ascii_lowercase()));
        let functions = estate
            .functions_with(group)
            .map(|function| Self::Function(function.name.clone()));
        databases.chain(proxies).chain(functions).collect()
    }

    fn alone(&self) -> Connection {
        let none = Connection {
            kind: DatabaseKind::Instance,
            database: String::new(),
            proxy: None,
            function: String::new(),
        };
        match self.clone() {
            Self::Database(kind, database) => Connection { kind, database, ..none },
            Self::Proxy(name) => Connection {
                proxy: Some(name),
                ..none
            },
            Self::Function(function) => Connection { function, ..none },
        }
    }
}

/// What the judgements of these connections do not show of attached groups that differ from how they were made.
pub fn leftovers(estate: &Estate, judged: &[(&Connection, &Judgement)]) -> Vec<Leftover> {
    let mut flawed = estate.flawed().peekable();
    if flawed.peek().is_none() {
        return Vec::new();
    }
    let claimed: BTreeSet<&GroupId> = judged.iter().flat_map(|(_, judgement)| &judgement.claimed).collect();
    let opened: BTreeSet<&str> = judged
        .iter()
        .flat_map(|(_, judgement)| &judgement.findings)
        .filter(|finding| finding.kind == FindingKind::Opened)
        .map(|finding| finding.resource.as_str())
        .collect();
    let mut first: BTreeMap<Resource, usize> = BTreeMap::new();
    for (at, (connection, _)) in judged.iter().enumerate() {
        for resource in Resource::of(connection) {
            first.entry(resource).or_insert(at);
        }
    }
    let mut leftovers: BTreeMap<(Option<usize>, Connection), Vec<Finding>> = BTreeMap::new();
    for (group, flaws) in flawed.filter(|(group, _)| !claimed.contains(&group.id)) {
        let resources = Resource::with(estate, &group.id);
        let of = resources
            .iter()
            .filter_map(|resource| Some((*first.get(resource)?, resource)))
            .min();
        let Some(resource) = of.map(|(_, resource)| resource).or(resources.first()) else {
            continue;
        };
        let mut found = findings(estate, group, flaws);
        found.retain(|finding| finding.kind != FindingKind::Opened || !opened.contains(finding.resource.as_str()));
        let key = (of.map(|(at, _)| at), resource.alone());
        leftovers.entry(key).or_default().extend(found);
    }
    let filled = leftovers.into_iter().filter(|(_, findings)| !findings.is_empty());
    filled
        .map(|((of, resource), mut findings)| {
            prescribe(estate, &resource, &mut findings);
            Leftover { of, resource, findings }
        })
        .collect()
}

impl Judgement {
    /// The same, with what differs in groups that belong to no connection that is looked at.
    pub fn add(&mut self, findings: Vec<Finding>) {
        if self.verdict == Verdict::InSync && !findings.is_empty() {
            self.verdict = Verdict::Drifted;
        }
        self.findings.extend(findings);
    }

    /// What differs in the groups of a resource that is of no connection.
    pub fn of_leftover(findings: Vec<Finding>) -> Self {
        Self {
            verdict: Verdict::Drifted,
            decision: None,
            findings,
            claimed: BTreeSet::new(),
        }
    }
}
