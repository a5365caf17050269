//! The commands that resolve findings.
//!
//! A command is named only if it has something to do and its run would not be refused: the plan of `setup` is made
//! here, as a run would make it. If something other than groups blocks the traffic, the command is `diagnose`, which
//! names the cause. What no command of this program changes has no remedy.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, FindingKind, traffic};
use crate::cleanup;
use crate::estate::{Connection, Estate, Scope};
use crate::model::{DatabaseKind, Direction, GroupId};
use crate::ownership::connection_of;
use crate::plan::{Effect, RemovalEffect, Step, StepStatus};
use crate::preconditions::{Prognosis, check_identity_attached};

/// The arguments of a command about one connection.
pub fn command(name: &str, connection: &Connection, flag: Option<&str>) -> Vec<String> {
    let mut arguments = vec![name.to_owned()];
    let mut option = |name: &str, value: &str| {
        // A value that begins with a hyphen would be read as an option.
        if value.starts_with('-') {
            arguments.push(format!("{name}={value}"));
        } else {
            arguments.extend([name.to_owned(), value.to_owned()]);
        }
    };
    let database = match connection.kind {
        DatabaseKind::Cluster => "--cluster",
        DatabaseKind::Instance => "--instance",
    };
    option(database, &connection.database);
    option("--function", &connection.function);
    if let Some(proxy) = &connection.proxy {
        option("--proxy", proxy);
    }
    arguments.extend(flag.map(str::to_owned));
    arguments
}

fn prognosis(estate: &Estate, connection: &Connection) -> Prognosis {
    let wide = estate.observation(connection, Scope::Candidates);
    wide.map(|wide| Prognosis::of(&wide)).unwrap_or_default()
}

/// The `setup` that leaves a connection as it should be. None where there is nothing to do.
fn setup(prognosis: &Prognosis, connection: &Connection) -> Option<Vec<String>> {
    let repairs = prognosis.repairs()?;
    Some(command("setup", connection, repairs.then_some("--repair")))
}

/// Whether a repair resolves this finding about the rules of a group.
fn repairs(prognosis: &Prognosis, finding: &Finding, group: &GroupId) -> bool {
    let Some(repair) = &prognosis.repair else { return false };
    let mut planned = repair.steps.iter().filter(|step| step.status == StepStatus::Planned);
    let mut is_any = |of: &dyn Fn(&Step) -> bool| planned.any(|step| step.resource == group.as_str() && of(step));
    match finding.kind {
        FindingKind::Opened => is_any(&|step| revokes(step, Some(Direction::Ingress))),
        FindingKind::RuleAdded => is_any(&|step| revokes(step, None)),
        _ => is_any(&|step| matches!(step.effect, Effect::AddRule { .. })),
    }
}

fn revokes(step: &Step, wanted: Option<Direction>) -> bool {
    match &step.effect {
        Effect::Removal(RemovalEffect::Revoke { direction, .. }) => wanted.is_none_or(|wanted| wanted == *direction),
        Effect::RevokeDefaultEgress { .. } => wanted.is_none(),
        _ => false,
    }
}

/// Whether a group that nothing has is named by none that is in use: then `cleanup` removes it.
fn serves_nothing(estate: &Estate, group: &GroupId) -> bool {
    let (mut seen, mut next) = (BTreeSet::from([group]), vec![group]);
    while let Some(id) = next.pop() {
        if estate.is_in_use(id) {
            return false;
        }
        next.extend(estate.naming(id).filter(|other| seen.insert(other)));
    }
    true
}

/// Names the remedies of a connection's findings.
pub fn prescribe(estate: &Estate, connection: &Connection, findings: &mut [Finding]) {
    let mut known: BTreeMap<Connection, Prognosis> = BTreeMap::new();
    let mut of = |connection: &Connection, use_it: &mut dyn FnMut(&Prognosis)| {
        let found = known
            .entry(connection.clone())
            .or_insert_with(|| prognosis(estate, connection));
        use_it(found);
    };
    let is_blocked_elsewhere = is_blocked_elsewhere(estate, connection, findings);
    for finding in findings.iter_mut().filter(|finding| finding.remedy.is_none()) {
        use FindingKind as Kind;
        let mut remedy = None;
        match finding.kind {
            Kind::Opened | Kind::RuleAdded | Kind::RuleRemoved | Kind::RuleChanged => {
                let id = GroupId::from(finding.resource.as_str());
                // Only the connection that a group was made for can repair it.
                let tag = estate.group(&id).and_then(|group| connection_of(&group.tags));
                if let Some(owner) = tag.and_then(Connection::from_tag) {
                    of(&owner, &mut |prognosis| {
                        let repairs = repairs(prognosis, finding, &id);
                        remedy = repairs.then(|| command("setup", &owner, Some("--repair")));
                    });
                }
            }
            // What groups do not open, no further group opens.
            Kind::GroupGone | Kind::GroupDetached | Kind::PortMoved | Kind::NotAsSetUp if is_blocked_elsewhere => {
                remedy = Some(command("diagnose", connection, None));
            }
            Kind::GroupGone | Kind::GroupDetached | Kind::PortMoved | Kind::NotAsSetUp | Kind::ConnectionVanished => {
                of(connection, &mut |prognosis| remedy = setup(prognosis, connection));
            }
            Kind::TargetNotAvailable => {
                let has_no_target = finding.found.as_deref() == Some(super::NO_TARGET);
                if has_no_target || (is_unreachable(finding) && !is_blocked_elsewhere) {
                    of(connection, &mut |prognosis| remedy = setup(prognosis, connection));
                }
                remedy = remedy.or_else(|| Some(command("diagnose", connection, None)));
            }
            Kind::PathBlocked => remedy = Some(command("diagnose", connection, None)),
            Kind::FunctionMoved if finding.found.as_deref() == Some(super::NO_VPC) => {
                let observation = estate.observation(connection, Scope::Associated);
                let is_accepted = observation.is_ok_and(|found| check_identity_attached(&found).is_ok());
                remedy = is_accepted.then(|| command("setup", connection, Some("--attach-vpc")));
            }
            Kind::GroupUnused => {
                let group = GroupId::from(finding.resource.as_str());
                remedy = serves_nothing(estate, &group).then(|| cleanup::COMMAND.map(str::to_owned).to_vec());
            }
            Kind::PermissionStale
            | Kind::FunctionMoved
            | Kind::DatabaseGone
            | Kind::ProxyGone
            | Kind::FunctionGone
            | Kind::NotSupported
            | Kind::NotInTemplate
            | Kind::Unread => {}
        }
        finding.remedy = remedy;
    }
}

/// Names the remedies of a connection that was found by its tags, and of which a resource is gone: what is left of it can be
/// removed, and then it is no longer found. One that is named stays gone.
pub fn prescribe_removal(estate: &Estate, connection: &Connection, findings: &mut [Finding]) {
    use FindingKind::{DatabaseGone, FunctionGone, ProxyGone};
    if estate.tagged(&connection.to_string()).next().is_none() {
        return;
    }
    for finding in findings {
        if matches!(finding.kind, DatabaseGone | FunctionGone | ProxyGone) && finding.remedy.is_none() {
            finding.remedy = Some(command("remove", connection, None));
        }
    }
}

/// Names the remedies of a connection across two VPCs.
pub(super) fn prescribe_across(connection: &Connection, findings: &mut [Finding]) {
    use FindingKind::{GroupDetached, GroupGone, RuleRemoved};
    for finding in findings {
        if matches!(finding.kind, GroupDetached | GroupGone | RuleRemoved) {
            finding.remedy = Some(command("setup", connection, Some("--cross-vpc")));
        }
    }
}

/// Whether the groups of the whole connection let its traffic through, and the proxy does not reach the database
/// anyway.
fn is_blocked_elsewhere(estate: &Estate, connection: &Connection, findings: &[Finding]) -> bool {
    let has_target = |finding: &Finding| {
        finding.kind == FindingKind::TargetNotAvailable && finding.found.as_deref() != Some(super::NO_TARGET)
    };
    findings.iter().any(has_target)
        && estate
            .observation(connection, Scope::Associated)
            .is_ok_and(|observation| traffic::groups_let_through(estate, &observation))
}

/// Whether a proxy does not reach the database for a reason that groups may be.
fn is_unreachable(finding: &Finding) -> bool {
    finding.found.as_deref().unwrap_or_default().contains("UNREACHABLE")
}
