//! Gathers what the page of `report` shows from a look and what it has read.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    PageConnection, PageData, PageDatabase, PageFinding, PageFunction, PageGroup, PageGroupOn, PageHealth, PageHop,
    PageProxy, PageRule, PageScope,
};
use crate::diagnostics::connection::{Scene, Surroundings, legs};
use crate::diagnostics::{Check, Status};
use crate::drift::{Finding, Hop, HopState, Judge, Link, LinkRule, Verdict, Wired, Wiring};
use crate::escape::command;
use crate::estate::{Estate, Look, Scope};
use crate::model::network::{Network, Part};
use crate::model::{Direction, GroupId, Observation, Origin, Side, last_segment};
use crate::monitor::{Judged, Place, Round};
use crate::owner::{Ownership, ownership};
use crate::plan::PROXY_COST;
use crate::reachability::Paths;
use crate::reachability::leg;
use crate::report::document::SCHEMA_VERSION;
use crate::report::drift::DriftSummary;

/// What a page is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// In words.
    pub title: &'a str,
    /// Which connections were asked for.
    pub scope: PageScope,
    /// When they were looked at, in RFC 3339.
    pub made_at: &'a str,
}

/// The data of a page: the connections of a look, with what was read of each account and Region.
#[must_use]
pub fn collect(subject: Subject<'_>, round: &Round, estates: &BTreeMap<Place, Estate>) -> PageData {
    let Origin { account, region } = round.origin();
    let unread = estates.values().flat_map(|estate| {
        let sentence = |(part, why): (&_, &str)| format!("{part} could not be read: {why}");
        estate.all_unread().map(sentence).collect::<BTreeSet<_>>()
    });
    let mut page = PageData {
        schema_version: SCHEMA_VERSION,
        command: "report".to_owned(),
        title: subject.title.to_owned(),
        account,
        region,
        made_at: subject.made_at.to_owned(),
        scope: subject.scope,
        program: concat!("autoconnect ", env!("CARGO_PKG_VERSION")).to_owned(),
        summary: DriftSummary::new(round),
        unread: unread.collect(),
        databases: Vec::new(),
        functions: Vec::new(),
        proxies: Vec::new(),
        groups: Vec::new(),
        connections: Vec::new(),
    };
    let views: BTreeMap<&Place, View<'_>> = estates
        .iter()
        .map(|(place, estate)| (place, View::of(estate)))
        .collect();
    let networks: BTreeMap<&Place, Paths<'_>> = views
        .iter()
        .filter_map(|(place, view)| Some((*place, Paths::new(view.network.as_ref()?))))
        .collect();
    let mut index = Index::default();
    for judged in &round.judged {
        let seen = views.get(&judged.place).map(|view| (view, networks.get(&judged.place)));
        let connection = index.connection(&mut page, judged, seen);
        page.connections.push(connection);
    }
    page
}

/// What was read of an account and Region.
struct View<'e> {
    estate: &'e Estate,
    judge: Judge<'e>,
    /// With the groups, which a survey has apart from the network.
    network: Option<Network>,
}

impl<'e> View<'e> {
    fn of(estate: &'e Estate) -> Self {
        let with_groups = |network: &Network| Network {
            groups: Part::Read(estate.groups().cloned().collect()),
            ..network.clone()
        };
        Self {
            estate,
            judge: Judge::new(estate),
            network: estate.network().map(with_groups),
        }
    }
}

/// Where resources and groups stand in the lists of the page.
#[derive(Default)]
struct Index {
    databases: BTreeMap<String, usize>,
    functions: BTreeMap<String, usize>,
    proxies: BTreeMap<String, usize>,
    groups: BTreeMap<GroupId, usize>,
}

impl Index {
    fn connection(
        &mut self,
        page: &mut PageData,
        judged: &Judged,
        seen: Option<(&View<'_>, Option<&Paths<'_>>)>,
    ) -> PageConnection {
        let connection = &judged.connection;
        let wiring = seen.map(|(view, _)| view.judge.wiring(connection));
        let observation = seen.and_then(|(view, _)| view.estate.observation(connection, Scope::Associated).ok());
        let place = format!("{:?}", judged.place);
        let mut resource = |side: Side| {
            let wired = wiring
                .as_ref()
                .and_then(|wiring| wiring.ends.iter().find(|end| end.side == side));
            self.resource(
                page,
                &place,
                judged,
                side,
                wired,
                seen.map(|(view, _)| view.estate),
                observation.as_ref(),
            )
        };
        let (function, database) = (resource(Side::Function), resource(Side::Database));
        let proxy = connection.proxy.is_some().then(|| resource(Side::Proxy));
        let hops = wiring
            .iter()
            .flat_map(|wiring| wiring.hops.iter().map(move |hop| (wiring, hop)));
        let hops = hops.map(|(wiring, hop)| self.hop(page, wiring, hop)).collect();
        let is_in_doubt = judged.judgement.verdict != Verdict::InSync;
        let checks = seen
            .and_then(|(_, paths)| Some((paths?, observation.as_ref()?)))
            .filter(|_| is_in_doubt);
        PageConnection {
            name: judged.name.clone(),
            id: connection.to_string(),
            verdict: judged.judgement.verdict,
            decision: judged.judgement.decision.as_ref().map(ToString::to_string),
            account: judged.origin.account.clone(),
            region: judged.origin.region.clone(),
            function: Some(function),
            proxy,
            database: Some(database),
            hops,
            target_health: observation.as_ref().and_then(health),
            findings: judged.judgement.findings.iter().map(finding).collect(),
            checks: checks
                .map(|(paths, observation)| failing(paths, observation))
                .unwrap_or_default(),
            costs: connection
                .proxy
                .iter()
                .map(|name| format!("RDS Proxy {name} is billed {PROXY_COST}."))
                .collect(),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "each is another view of the same resource")]
    fn resource(
        &mut self,
        page: &mut PageData,
        place: &str,
        judged: &Judged,
        side: Side,
        wired: Option<&Wired>,
        estate: Option<&Estate>,
        observation: Option<&Observation>,
    ) -> usize {
        let connection = &judged.connection;
        let (list, name) = match side {
            Side::Function => (&mut self.functions, connection.function.as_str()),
            Side::Proxy => (&mut self.proxies, connection.proxy.as_deref().unwrap_or_default()),
            Side::Database => (&mut self.databases, connection.database.as_str()),
        };
        let name = last_segment(name).to_owned();
        let arn = wired.and_then(|wired| wired.arn.clone());
        let key = arn
            .clone()
            .unwrap_or_else(|| format!("{place}|{}|{name}", connection.kind));
        let next = list.len();
        let at = *list.entry(key).or_insert(next);
        if at < next {
            return at;
        }
        let vpc = wired.and_then(|wired| wired.vpc.as_ref().map(ToString::to_string));
        let owner = observation.and_then(|observation| {
            let state = estate.and_then(|estate| estate.sources().terraform.as_ref());
            match ownership(observation, side, state) {
                Ownership::Owner(owner) => Some(owner.to_string()),
                Ownership::None | Ownership::Unread(_) => None,
            }
        });
        match side {
            Side::Function => page.functions.push(PageFunction { name, arn, vpc, owner }),
            Side::Proxy => page.proxies.push(PageProxy { name, arn, vpc, owner }),
            Side::Database => {
                let found = match estate.map(|estate| estate.database(connection.kind, &connection.database)) {
                    Some(Look::Found(found)) => Some(found),
                    _ => None,
                };
                page.databases.push(PageDatabase {
                    kind: connection.kind.to_string(),
                    id: name,
                    arn,
                    engine: found.map(|found| found.engine.clone()),
                    port: found.and_then(|found| found.port),
                    vpc,
                    owner,
                });
            }
        }
        at
    }

    fn hop(&mut self, page: &mut PageData, wiring: &Wiring, hop: &Hop) -> PageHop {
        let mut groups = |side: Side, linked: &dyn Fn(&Link) -> &GroupId| -> Vec<PageGroupOn> {
            let end = wiring.ends.iter().find(|end| end.side == side);
            let links: BTreeSet<&GroupId> = hop.links.iter().map(linked).collect();
            let all: BTreeSet<&GroupId> = wiring
                .hops
                .iter()
                .flat_map(|hop| hop.links.iter().flat_map(|link| [&link.from, &link.to]))
                .collect();
            // A proxy's group of the other hop has no part in this one.
            let is_here = |id: &GroupId| links.contains(id) || !all.contains(id);
            let on = end
                .into_iter()
                .flat_map(|end| &end.groups)
                .filter(|group| is_here(&group.id));
            let mut place = |group: &crate::drift::WiredGroup| PageGroupOn {
                group: self.group(page, &group.id, Some(&group.name)),
                is_set: group.is_of_set,
            };
            on.map(&mut place).collect()
        };
        let from_groups = groups(hop.from, &|link| &link.from);
        let to_groups = groups(hop.to, &|link| &link.to);
        let mut rules = Vec::new();
        for link in &hop.links {
            let sides = [
                (Direction::Egress, &link.from, &link.outbound),
                (Direction::Ingress, &link.to, &link.inbound),
            ];
            for (direction, group, rule) in sides {
                if let Some(rule) = rule {
                    let rule = self.rule(page, direction, group, rule);
                    if !rules.contains(&rule) {
                        rules.push(rule);
                    }
                }
            }
        }
        PageHop {
            from: hop.from.to_string(),
            to: hop.to.to_string(),
            port: hop.port,
            is_open: match hop.state {
                HopState::Open | HopState::Impaired => Some(true),
                HopState::Blocked => Some(false),
                HopState::Unknown => None,
            },
            causes: hop.causes.clone(),
            from_groups,
            to_groups,
            rules,
        }
    }

    fn rule(&mut self, page: &mut PageData, direction: Direction, group: &GroupId, of: &LinkRule) -> PageRule {
        let LinkRule { rule, passes } = of;
        PageRule {
            direction: match direction {
                Direction::Egress => "outbound".to_owned(),
                Direction::Ingress => "inbound".to_owned(),
            },
            group: self.group(page, group, None),
            peer: rule.peer.group().map(|peer| self.group(page, peer, None)),
            peer_text: rule.peer.to_string(),
            ports: rule.to_string(),
            passes: *passes,
        }
    }

    fn group(&mut self, page: &mut PageData, id: &GroupId, name: Option<&str>) -> usize {
        let next = self.groups.len();
        let at = *self.groups.entry(id.clone()).or_insert(next);
        if at == next {
            page.groups.push(PageGroup {
                id: id.to_string(),
                name: None,
            });
        }
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            page.groups[at].name = Some(name.to_owned());
        }
        at
    }
}

fn health(observation: &Observation) -> Option<PageHealth> {
    let health = observation.proxy.as_ref()?.target_health(&observation.database)?;
    Some(PageHealth {
        state: health.state.as_api().to_owned(),
        reason: health.reason.clone(),
    })
}

fn finding(finding: &Finding) -> PageFinding {
    let words = |remedy: &Vec<String>| command(std::iter::once("autoconnect").chain(remedy.iter().map(String::as_str)));
    PageFinding {
        kind: finding.kind.as_str().to_owned(),
        severity: finding.severity,
        message: finding.message.clone(),
        resource: finding.resource.clone(),
        expected: finding.expected.clone(),
        found: finding.found.clone(),
        first_seen: finding.first_seen.clone(),
        remedy: finding.remedy.as_ref().map(words),
        likely_cause: finding.cause.clone(),
    }
}

/// The checks of a path that do not pass, of those that groups, network ACLs and routes decide.
fn failing(paths: &Paths<'_>, observation: &Observation) -> Vec<Check> {
    let scene = Scene::of(observation, Surroundings::unread("it is not asked for here"));
    let (checks, _) = leg::checks(paths, &legs(&scene));
    let fails = |check: &Check| matches!(check.status, Status::Fail | Status::Warn);
    checks.into_iter().filter(fails).collect()
}
