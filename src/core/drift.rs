//! Judges connections: is each still as `setup` would leave it, and can traffic pass at all?
//!
//! Source: docs/drift.md. Pure: an [`Estate`] comes in, judgements go out. The decision is the measure of *in sync*,
//! and that no attached group differs from how it was made: `explain` shows what has changed where the decision is not
//! no-op, `attached` which other groups differ, `traffic` whether that breaks the path, and `remedy` what makes it go
//! away.

mod across;
mod attached;
mod cause;
mod console;
mod explain;
mod finding;
mod leftover;
mod path;
mod remedy;
pub mod traffic;
mod wiring;

pub use console::{Compute, Listing, connected, discover, list, list_all, reaching};
pub use finding::{Finding, FindingKind, Severity};
pub use leftover::{Leftover, leftovers};
pub use remedy::{command, prescribe_removal};
pub use wiring::{Hop, HopState, Lacks, Link, LinkRule, Wired, WiredGroup, Wiring};

use std::collections::BTreeSet;

use crate::adopt::{is_connect_policy, is_database_policy};
use crate::decide::{Decision, decide};
use crate::estate::{Connection, Estate, Obstacle, Part, Scope};
use crate::model::{DatabaseKind, GroupId, Observation, SecurityGroup, Side, SubnetId, last_segment};
use crate::naming::created;
use crate::plan::health;
use crate::policy::connects_as;
use crate::preconditions::{Unmet, check_identity, check_last_update};
use crate::reachability::Paths;
use crate::words;
use explain::in_words;
use path::{BlockedHops, Routing};

words! {
    /// How a connection stands, from the best to the worst.
    pub enum Verdict {
        /// As `setup` would leave it.
        InSync = "in-sync",
        /// Changed, though traffic may still pass.
        Drifted = "drifted",
        /// Traffic cannot pass at all.
        Broken = "broken",
        /// Something that it is judged by could not be read.
        Unknown = "unknown",
    }
}

/// One connection, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// How it stands.
    pub verdict: Verdict,
    /// What `setup` would do; none where that could not be determined, and across two VPCs, where it does nothing
    /// without `--cross-vpc`, for what is not in sync.
    pub decision: Option<Decision>,
    /// What has changed, or could not be read.
    pub findings: Vec<Finding>,
    /// The groups whose differences are among the findings.
    pub claimed: BTreeSet<GroupId>,
}

impl Judgement {
    /// A connection that could not be judged, and why.
    pub fn unknown(findings: Vec<Finding>) -> Self {
        Self {
            verdict: Verdict::Unknown,
            decision: None,
            findings,
            claimed: BTreeSet::new(),
        }
    }
}

/// A function without a VPC, as it is found.
const NO_VPC: &str = "no VPC";
/// A proxy without a target, as it is found.
const NO_TARGET: &str = "no target";

/// Judges the connections of an estate.
#[derive(Debug)]
pub struct Judge<'e> {
    estate: &'e Estate,
    routing: Routing<'e>,
}

impl<'e> Judge<'e> {
    /// Lays out an estate for judging.
    pub fn new(estate: &'e Estate) -> Self {
        Self {
            estate,
            routing: Routing::new(estate),
        }
    }

    /// Judges one connection, and names what resolves its findings.
    pub fn judge(&self, connection: &Connection) -> Judgement {
        let mut judgement = self.judged(connection);
        remedy::prescribe(self.estate, connection, &mut judgement.findings);
        judgement
    }

    /// Judges a connection that was known and is no longer found.
    pub fn judge_vanished(&self, connection: &Connection) -> Judgement {
        let mut judgement = self.judged(connection);
        // What could not be read may be why it was not found.
        if judgement.verdict == Verdict::Unknown {
            return judgement;
        }
        // What is gone cannot be missed on its own.
        let (gone, mut rest): (Vec<Finding>, Vec<Finding>) = judgement.findings.into_iter().partition(Finding::is_gone);
        rest.insert(0, Finding::vanished(connection, &gone));
        judgement.findings = rest;
        if judgement.verdict == Verdict::InSync {
            judgement.verdict = Verdict::Drifted;
        }
        remedy::prescribe(self.estate, connection, &mut judgement.findings);
        judgement
    }

    /// The paths of the estate's network, where it was asked for.
    pub fn paths(&self) -> Option<&Paths<'e>> {
        self.routing.paths()
    }

    /// What lies between resources and could not be read, a sentence each. It counts as passing.
    pub fn unread_network(&self) -> Vec<String> {
        let Some(network) = self.estate.network() else {
            return Vec::new();
        };
        let parts = [
            ("network ACLs", network.acls.read().err()),
            ("route tables", network.route_tables.read().err()),
            ("VPC peering connections", network.peerings.read().err()),
            ("VPCs", network.vpcs.read().err()),
            ("prefix lists", network.prefix_lists.read().err()),
        ];
        let unread = parts
            .into_iter()
            .filter_map(|(what, why)| Some((what.to_owned(), why?)));
        let lists = network.prefix_lists.known().into_iter().flatten();
        let unread_lists =
            lists.filter_map(|list| Some((format!("the entries of {}", list.id), list.entries.read().err()?)));
        unread
            .chain(unread_lists)
            .map(|(what, why)| format!("{what} could not be read, and count as passing: {why}"))
            .collect()
    }

    /// The groups and rules by which a connection passes, and what blocks it.
    pub fn wiring(&self, connection: &Connection) -> Wiring {
        wiring::wiring(self.estate, &self.routing, connection)
    }

    fn judged(&self, connection: &Connection) -> Judgement {
        let estate = self.estate;
        let observation = match estate.observation(connection, Scope::Associated) {
            Ok(observation) => observation,
            Err(Obstacle::Missing(missing)) => {
                return Judgement {
                    verdict: Verdict::Broken,
                    decision: None,
                    findings: missing.iter().map(|(kind, name)| Finding::gone(kind, name)).collect(),
                    claimed: BTreeSet::new(),
                };
            }
            Err(Obstacle::Unread(unread)) => {
                let findings = unread.iter().map(|why| Finding::unread(connection, why));
                return Judgement::unknown(findings.collect());
            }
        };
        let across = across::groups(estate, &observation);
        if !across.is_empty() {
            return self.judge_across(connection, &observation, &across);
        }
        let is_no_op = decide(&observation).decision == Decision::NoOp;
        let mut findings: Vec<Finding> = function_moved(&observation).into_iter().collect();
        let mut decision = Decision::NoOp;
        let mut claimed = BTreeSet::new();
        if !is_no_op {
            // What the decision is instead, and why, depends on other groups too.
            if let Ok(wide) = estate.observation(connection, Scope::Candidates) {
                let assessment = decide(&wide);
                let (explained, groups) = explain::findings(estate, &wide, &assessment, !findings.is_empty());
                findings.extend(explained);
                claimed = groups;
                decision = assessment.decision;
            }
        }
        findings.extend(on_any_way(estate, connection, &observation));
        attached::add(estate, &observation, &mut claimed, &mut findings);
        // A function that has moved has left its groups behind, and between the VPCs there need be no way.
        let has_moved = findings
            .iter()
            .any(|finding| finding.kind == FindingKind::FunctionMoved);
        if !has_moved {
            findings.extend(unused(estate, &observation, &findings));
        }
        let blocked = if has_moved {
            BlockedHops::default()
        } else {
            self.routing.blocked(&observation)
        };
        let is_broken = !traffic::can_pass(estate, &observation) || blocked.is_whole(&observation);
        findings.extend(blocked.findings);
        cause::name(estate, &observation, &mut findings);
        let of_templates = cause::not_in_templates(estate, &observation);
        let verdict = if is_broken {
            Verdict::Broken
        } else if is_no_op && findings.is_empty() {
            cause::verdict(&of_templates)
        } else {
            Verdict::Drifted
        };
        findings.extend(of_templates);
        // No verdict without its reason.
        if verdict != Verdict::InSync && findings.is_empty() {
            findings.push(Finding::not_as_set_up(&observation, &decision));
        }
        if verdict == Verdict::Broken {
            findings.iter_mut().for_each(Finding::in_broken);
        }
        Judgement {
            verdict,
            decision: Some(decision),
            findings,
            claimed,
        }
    }

    /// Judges a connection of these groups across two VPCs.
    fn judge_across(&self, connection: &Connection, observation: &Observation, groups: &[&SecurityGroup]) -> Judgement {
        let estate = self.estate;
        let mut findings = across::findings(estate, observation, groups);
        findings.extend(on_any_way(estate, connection, observation));
        let mut claimed = groups.iter().map(|group| group.id.clone()).collect();
        attached::add(estate, observation, &mut claimed, &mut findings);
        findings.extend(unused(estate, observation, &findings));
        let blocked = self.routing.blocked(observation);
        let is_broken = !traffic::can_pass(estate, observation) || blocked.is_whole(observation);
        findings.extend(blocked.findings);
        cause::name(estate, observation, &mut findings);
        let verdict = if is_broken {
            Verdict::Broken
        } else if findings.iter().any(|finding| finding.kind == FindingKind::Unread) {
            Verdict::Unknown
        } else if findings.is_empty() {
            Verdict::InSync
        } else {
            Verdict::Drifted
        };
        if verdict == Verdict::Broken {
            findings.iter_mut().for_each(Finding::in_broken);
        }
        remedy::prescribe_across(connection, &mut findings);
        Judgement {
            verdict,
            decision: (verdict == Verdict::InSync).then_some(Decision::NoOp),
            findings,
            claimed,
        }
    }
}

/// What may be wrong with a connection within a VPC and with one across VPCs.
fn on_any_way(estate: &Estate, connection: &Connection, observation: &Observation) -> impl Iterator<Item = Finding> {
    let found = [
        target(observation),
        stale_permission(estate, connection, observation),
        stale_access(estate, connection, observation),
        requirement(observation),
    ];
    found.into_iter().flatten()
}

/// A function that is in another VPC than its database, or in none.
fn function_moved(observation: &Observation) -> Option<Finding> {
    let Observation { database, function, .. } = observation;
    let found = match &function.vpc {
        Some(vpc) if vpc.vpc == database.vpc => return None,
        Some(vpc) => vpc.vpc.to_string(),
        None => NO_VPC.to_owned(),
    };
    let message = format!(
        "function {} is in {found}, and {database} is in {}",
        function.name, database.vpc
    );
    let finding = Finding::new(FindingKind::FunctionMoved, function.arn.as_str(), message);
    let finding = finding.with(Some(database.vpc.to_string()), Some(found));
    Some(finding.off(Side::Function))
}

/// A proxy that does not have the database for its target, or does not reach it.
fn target(observation: &Observation) -> Option<Finding> {
    let Observation { database, proxy, .. } = observation;
    let proxy = proxy.as_ref()?;
    let finding = |message: String, found: String| {
        let expected = format!("{database} is its target, AVAILABLE");
        Finding::new(FindingKind::TargetNotAvailable, proxy.name.as_str(), message).with(Some(expected), Some(found))
    };
    if !proxy.has_target(database) {
        let found = match proxy.other_target(database) {
            Some(other) => format!("its target is {other}"),
            None => NO_TARGET.to_owned(),
        };
        let before = proxy.retargeted(database).map(|commands| {
            format!(", which is from before a blue/green switchover; `{commands}` gives the proxy the new one")
        });
        let before = before.unwrap_or_default();
        return Some(finding(
            format!("{database} is not a target of proxy {}: {found}{before}", proxy.name),
            found,
        ));
    }
    // While it is being modified, it takes connections.
    if !matches!(proxy.status.as_str(), "available" | "modifying") {
        return Some(finding(
            format!("proxy {} is {}, not available", proxy.name, proxy.status),
            format!("the proxy is {}", proxy.status),
        ));
    }
    match proxy.target_health(database) {
        None if database.kind == DatabaseKind::Cluster && database.members.is_empty() => Some(finding(
            format!(
                "{database} has no instance: proxy {} has nothing to connect to",
                proxy.name
            ),
            "no instance".to_owned(),
        )),
        None => Some(finding(
            format!("proxy {} reports no health of {database}", proxy.name),
            "no health".to_owned(),
        )),
        Some(_) if proxy.reaches(database) => None,
        Some(found) => {
            let reason = found
                .reason
                .as_ref()
                .map(|reason| format!(" ({reason})"))
                .unwrap_or_default();
            let found = format!("{}{reason}", found.state.as_api());
            let message =
                health(observation).unwrap_or_else(|| format!("proxy {} has {database} as {found}", proxy.name));
            Some(finding(message, found))
        }
    }
}

/// A proxy that may connect to another database than this, by IAM: this one has taken the place of that, as after a
/// blue/green switchover, a restore or a change of names, and has another resource id.
fn stale_permission(estate: &Estate, connection: &Connection, observation: &Observation) -> Option<Finding> {
    let Observation { database, proxy, .. } = observation;
    let (proxy, id) = (proxy.as_ref()?, database.access.resource_id.as_ref()?);
    let place = database.place();
    let policies = estate.permissions(&proxy.name).iter();
    let ours = policies.filter(|(name, document)| is_database_policy(place, &proxy.name, name, document));
    let stale = ours.filter_map(|(_, document)| connects_as(document, place).filter(|(other, _)| other != id));
    let (other, user) = stale.into_iter().next()?;
    let role = created::proxy_role(place.region, &proxy.name);
    let message = format!(
        "role {role} of proxy {} may connect to {other} as {user}, and {database} is {id}: the proxy cannot log in to it",
        proxy.name
    );
    let finding = Finding::new(FindingKind::PermissionStale, role, message).with(Some(id.clone()), Some(other));
    Some(Finding {
        remedy: writes_permission(connection, observation, &user),
        ..finding
    })
}

/// A role of the function that may connect, by IAM, through another proxy than this: this one was made anew under the name of
/// that, or that one was renamed.
fn stale_access(estate: &Estate, connection: &Connection, observation: &Observation) -> Option<Finding> {
    let Observation {
        database,
        proxy,
        function,
        ..
    } = observation;
    let (proxy, role) = (proxy.as_ref()?, last_segment(function.role.as_deref()?));
    let (place, id) = (database.place(), last_segment(&proxy.arn));
    let policies = estate.role_permissions(role).iter();
    let ours = policies.filter(|(name, document)| is_connect_policy(place, name, document));
    let mut named = ours.filter_map(|(name, document)| {
        let (other, user) = connects_as(document, place)?;
        let is_for_proxy = *name == created::connect_policy(place.region, &proxy.name, &user);
        (is_for_proxy && other != id).then_some((other, user))
    });
    let (other, user) = named.next()?;
    let renamed = estate.proxies().find(|proxy| last_segment(&proxy.arn) == other);
    let what = match renamed {
        Some(renamed) => format!("{other}, which is proxy {}, renamed", renamed.name),
        None => format!("{other}, a proxy that no longer exists"),
    };
    let message = format!(
        "role {role} of function {} may connect through {what}, as {user}, and proxy {} is {id}: the function cannot log in by IAM",
        function.name, proxy.name
    );
    let finding = Finding::new(FindingKind::PermissionStale, role, message).with(Some(id.to_owned()), Some(other));
    // The policy of a renamed proxy is what leads through it: it is not written over.
    let remedy = match renamed {
        Some(_) => None,
        None => writes_permission(connection, observation, &user),
    };
    Some(Finding { remedy, ..finding })
}

/// The `setup` that writes the permissions to connect by IAM anew; none where it would be refused.
fn writes_permission(connection: &Connection, observation: &Observation, user: &str) -> Option<Vec<String>> {
    let takes_iam = observation.proxy.as_ref().is_some_and(|proxy| proxy.takes_iam);
    if !takes_iam || check_identity(observation).is_err() {
        return None;
    }
    let mut remedy = command("setup", connection, Some("--iam-auth"));
    remedy.extend(["required".to_owned(), format!("--db-user={user}")]);
    Some(remedy)
}

/// What `setup` would refuse now, though it made the connection once: a database that has joined a global
/// database, a proxy that was created again for another engine, a function whose last update has failed.
fn requirement(observation: &Observation) -> Option<Finding> {
    if let Err(unmet) = check_last_update(&observation.function) {
        return Some(not_supported(observation.function.arn.as_str(), &unmet));
    }
    match check_identity(observation) {
        // These have messages of their own.
        Ok(())
        | Err(Unmet::FunctionOutsideVpc { .. } | Unmet::DifferentVpcs { .. } | Unmet::ProxyOtherTarget { .. }) => None,
        Err(unmet) => Some(not_supported(observation.database.arn.as_str(), &unmet)),
    }
}

fn not_supported(resource: &str, unmet: &Unmet) -> Finding {
    let finding = Finding::new(FindingKind::NotSupported, resource, unmet.to_string());
    let expected = "a connection that setup could make".to_owned();
    finding.with(Some(expected), Some(unmet.code().to_owned()))
}

/// Groups that were made for this connection, and that nothing has any more.
fn unused(estate: &Estate, observation: &Observation, told: &[Finding]) -> Vec<Finding> {
    let connection = observation.connection_id();
    let bearers = [
        Part::Clusters,
        Part::Instances,
        Part::Proxies,
        Part::ProxyEndpoints,
        Part::Functions,
    ];
    if bearers.iter().any(|part| estate.unread(part).is_some()) {
        return Vec::new();
    }
    let told: BTreeSet<&str> = told.iter().map(|finding| finding.resource.as_str()).collect();
    let unused = estate
        .tagged(&connection)
        .filter(|group| !estate.is_in_use(&group.id) && !told.contains(group.id.as_str()));
    unused
        .map(|group| {
            let message = format!("{} was created for this connection and is not in use", in_words(group));
            Finding::new(FindingKind::GroupUnused, group.id.as_str(), message).with(
                Some("a group in use, or none".to_owned()),
                Some("a group that is not in use".to_owned()),
            )
        })
        .collect()
}

/// The port on which a side takes connections.
fn port_of(observation: &Observation, side: Side) -> Option<u16> {
    match side {
        Side::Database => observation.database.port,
        Side::Function | Side::Proxy => observation.function_port(),
    }
}

/// The subnets of a side.
fn subnets_of(observation: &Observation, side: Side) -> &[SubnetId] {
    match side {
        Side::Database => &observation.database.subnets,
        Side::Function => observation.function.vpc.as_ref().map_or(&[], |vpc| &vpc.subnets),
        Side::Proxy => observation.proxy.as_ref().map_or(&[], |proxy| &proxy.subnets),
    }
}

/// The sides of a connection that its traffic passes one after the other.
fn hops(observation: &Observation) -> &'static [(Side, Side)] {
    match observation.proxy {
        Some(_) => &[(Side::Function, Side::Proxy), (Side::Proxy, Side::Database)],
        None => &[(Side::Function, Side::Database)],
    }
}
