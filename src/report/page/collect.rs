//! Gathers what the page of `report` shows from a look and what it has read.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    PageConnection, PageData, PageDatabase, PageFinding, PageGroup, PageGroupOn, PageHealth, PageHop, PageResource,
    PageRule, PageScope,
};
use crate::diagnostics::connection::{Scene, Surroundings, legs};
use crate::diagnostics::{Check, Status};
use crate::drift::{Finding, Hop, Judge, Link, LinkRule, Verdict, Wired, Wiring};
use crate::escape::command;
use crate::estate::{Estate, Look, Scope};
use crate::model::{Direction, GroupId, Observation, Origin, Side, last_segment};
use crate::monitor::{Judged, Place, Round};
use crate::owner::{Ownership, ownership};
use crate::plan::PROXY_COST;
use crate::reachability::Paths;
use crate::reachability::leg;
use crate::report::document::SCHEMA_VERSION;
use crate::report::drift::DriftSummary;

/// What a page is about.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// In words.
    pub title: &'a str,
    /// Which connections were asked for.
    pub scope: PageScope,
    /// When they were looked at, in RFC 3339.
    pub made_at: &'a str,
    /// Which connections are not shown, and why, a sentence each.
    pub left_out: Vec<String>,
}

/// The data of a page: the connections of a look, with what was read of each account and Region.
pub fn collect(subject: Subject<'_>, round: &Round, estates: &BTreeMap<Place, Estate>) -> PageData {
    let Origin { account, region } = round.origin();
    let views: BTreeMap<&Place, View<'_>> = estates
        .iter()
        .map(|(place, estate)| (place, View::of(estate)))
        .collect();
    let unread: BTreeSet<String> = views.values().flat_map(View::unread).collect();
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
        unread: unread.into_iter().collect(),
        left_out: subject.left_out,
        databases: Vec::new(),
        functions: Vec::new(),
        proxies: Vec::new(),
        groups: Vec::new(),
        connections: Vec::new(),
    };
    let mut index = Index::default();
    for judged in &round.judged {
        let connection = index.connection(&mut page, judged, views.get(&judged.place));
        page.connections.push(connection);
    }
    page
}

/// What was read of an account and Region.
struct View<'e> {
    estate: &'e Estate,
    judge: Judge<'e>,
}

impl<'e> View<'e> {
    fn of(estate: &'e Estate) -> Self {
        Self {
            estate,
            judge: Judge::new(estate),
        }
    }

    /// What could not be read, a sentence each.
    fn unread(&self) -> Vec<String> {
        let of_parts = self.estate.all_unread();
        let of_parts = of_parts.map(|(part, why)| format!("{part} could not be read: {why}"));
        of_parts.chain(self.judge.unread_network()).collect()
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
    fn connection(&mut self, page: &mut PageData, judged: &Judged, view: Option<&View<'_>>) -> PageConnection {
        let connection = &judged.connection;
        let wiring = view.map(|view| view.judge.wiring(connection));
        let observation = view.and_then(|view| view.estate.observation(connection, Scope::Associated).ok());
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
                view.map(|view| view.estate),
                observation.as_ref(),
            )
        };
        // What was left over names one resource.
        let function = (!connection.function.is_empty()).then(|| resource(Side::Function));
        let database = (!connection.database.is_empty()).then(|| resource(Side::Database));
        let proxy = connection.proxy.is_some().then(|| resource(Side::Proxy));
        let hops = wiring
            .iter()
            .flat_map(|wiring| wiring.hops.iter().map(move |hop| (wiring, hop)));
        let hops = hops.map(|(wiring, hop)| self.hop(page, wiring, hop)).collect();
        let is_in_doubt = judged.judgement.verdict != Verdict::InSync;
        let checks = view
            .and_then(|view| Some((view.judge.paths()?, observation.as_ref()?)))
            .filter(|_| is_in_doubt);
        PageConnection {
            name: judged.name.clone(),
            id: connection.to_string(),
            verdict: judged.judgement.verdict,
            decision: judged.judgement.decision.as_ref().map(ToString::to_string),
            account: judged.origin.account.clone(),
            region: judged.origin.region.clone(),
            function,
            proxy,
            database,
            hops,
            target_health: observation.as_ref().and_then(health),
            findings: judged.judgement.findings.iter().map(finding).collect(),
            checks: checks
                .map(|(paths, observation)| failing(paths, observation, &judged.judgement.findings))
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
        let owner = observation.and_then(|observation| {
            let state = estate.and_then(|estate| estate.sources().terraform.as_ref());
            match ownership(observation, side, state) {
                Ownership::Owner(owner) => Some(owner.to_string()),
                Ownership::None | Ownership::Unread(_) => None,
            }
        });
        let next = list.len();
        let at = *list.entry(key).or_insert(next);
        if at < next {
            // A connection whose other end is gone does not show whose this one is.
            let known = match side {
                Side::Function => &mut page.functions[at].owner,
                Side::Proxy => &mut page.proxies[at].owner,
                Side::Database => &mut page.databases[at].owner,
            };
            *known = known.take().or(owner);
            return at;
        }
        let vpc = wired.and_then(|wired| wired.vpc.as_ref().map(ToString::to_string));
        match side {
            Side::Function => page.functions.push(PageResource { name, arn, vpc, owner }),
            Side::Proxy => page.proxies.push(PageResource { name, arn, vpc, owner }),
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
            state: hop.state,
            causes: hop.causes.clone(),
            lacks: [("outbound", hop.lacks.outbound), ("inbound", hop.lacks.inbound)]
                .into_iter()
                .filter(|(_, lacks)| *lacks)
                .map(|(direction, _)| direction.to_owned())
                .collect(),
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

/// The checks of a path that fail or warn, of those that groups, network ACLs and routes decide. What resolves a finding is
/// the one command to run: it knows which groups are repaired.
fn failing(paths: &Paths<'_>, observation: &Observation, findings: &[Finding]) -> Vec<Check> {
    let scene = Scene::of(observation, Surroundings::unread("it is not asked for here"));
    let (mut checks, _) = leg::checks(paths, &legs(&scene));
    checks.retain(|check| matches!(check.status, Status::Fail | Status::Warn));
    if findings.iter().any(|finding| finding.remedy.is_some()) {
        for check in &mut checks {
            check.remedy = None;
        }
    }
    checks
}
