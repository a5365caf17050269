//! The states of the function, the database, the proxy and its target.
//!
//! Source: the check `state` of docs/network.md.

use super::{Asker, Scene};
use crate::diagnostics::{Check, Finding};
use crate::escape::word;
use crate::model::{
    Database, DatabaseForm, DatabaseKind, Function, FunctionState, LastUpdateStatus, Member, NoReader, Proxy,
    ProxyEndpoint, TargetHealthState, TargetRole, takes_connections,
};
use crate::preconditions::check_proxy;

/// States of a function other than `Pending` and `Inactive` in which it takes no invocations (Lambda API reference, `State`).
const NOT_INVOCABLE: [&str; 5] = [
    "ActiveNonInvocable",
    "Deactivated",
    "Deactivating",
    "Deleting",
    "Failed",
];

pub(super) fn check(scene: &Scene, asker: Asker) -> Check {
    let mut findings = Vec::new();
    let mut evidence = Vec::new();
    of_function(&scene.function, &mut findings, &mut evidence);
    of_database(scene, asker, &mut findings, &mut evidence);
    if let Some(proxy) = &scene.proxy {
        of_proxy(scene, proxy, &mut findings, &mut evidence);
        if let Some(endpoint) = &scene.endpoint {
            of_endpoint(endpoint, &mut findings, &mut evidence);
        }
    }
    Check::of("state", "everything is available", evidence, findings)
}

fn because(reason: Option<&String>) -> String {
    reason.map(|reason| format!(": {reason}")).unwrap_or_default()
}

fn of_function(function: &Function, findings: &mut Vec<Finding>, evidence: &mut Vec<String>) {
    let name = &function.name;
    let state = function.state.as_api();
    evidence.push(format!("function {name}: {state}"));
    let why = because(function.why_state().as_ref());
    match &function.state {
        FunctionState::Active => {}
        FunctionState::Inactive => findings.push(Finding::warn(format!(
            "function {name} is Inactive: its first invocation fails while its network interface comes back{why}"
        ))),
        FunctionState::Pending => findings.push(Finding::warn(format!(
            "function {name} is Pending: it can be invoked once its network interface exists{why}"
        ))),
        FunctionState::Other(other) if !NOT_INVOCABLE.contains(&other.as_str()) => {
            findings.push(Finding::unknown(format!(
                "function {name} is {state}, a state that this version does not know{why}"
            )));
        }
        FunctionState::Other(_) => findings.push(Finding::fail(format!("function {name} is {state}{why}")).fixed_by(
            format!("aws lambda get-function-configuration --function-name {}", word(name)),
        )),
    }
    let why = because(function.why_update().as_ref());
    match &function.last_update {
        None | Some(LastUpdateStatus::Successful) => {}
        Some(LastUpdateStatus::InProgress) => findings.push(Finding::warn(format!(
            "an update of function {name} is in progress: until it finishes, the previous settings apply"
        ))),
        Some(LastUpdateStatus::Failed) => findings.push(
            Finding::fail(format!(
                "the last update of function {name} failed{why}: the settings shown may not be in effect"
            ))
            .fixed_by("fix the cause, then repeat the update"),
        ),
        Some(LastUpdateStatus::Other(status)) => {
            findings.push(Finding::unknown(format!(
                "the last update of function {name} is {status}"
            )));
        }
    }
}

fn of_database(scene: &Scene, asker: Asker, findings: &mut Vec<Finding>, evidence: &mut Vec<String>) {
    let database = &scene.database;
    let own = (database.to_string(), &database.status, None);
    let members = database
        .members
        .iter()
        .filter(|_| database.kind == DatabaseKind::Cluster);
    let members = members.map(|member| {
        let name = format!("instance {} of {database}", member.id);
        (name, &member.status, spared(scene, member))
    });
    for (name, status, spared) in std::iter::once(own).chain(members) {
        evidence.push(format!("{name}: {status}"));
        if status == "available" {
            continue;
        }
        let text = format!("{name} is {status}");
        findings.push(if takes_connections(status) {
            Finding::warn(format!("{text}: it still accepts connections"))
        } else if let Some(why) = spared {
            Finding::warn(format!("{text}, not available; {why}"))
        } else {
            let start = match database.kind {
                DatabaseKind::Cluster => format!(
                    "aws rds start-db-cluster --db-cluster-identifier {}",
                    word(&database.id)
                ),
                DatabaseKind::Instance => format!(
                    "aws rds start-db-instance --db-instance-identifier {}",
                    word(&database.id)
                ),
            };
            let finding = match asker {
                Asker::Diagnose | Asker::Across => Finding::fail(format!("{text}, not available")),
                Asker::Setup { .. } => {
                    Finding::warn(format!("{text}: it accepts no connections until it is available"))
                }
            };
            if status == "stopped" {
                finding.fixed_by(start)
            } else {
                finding
            }
        });
    }
    if database.kind == DatabaseKind::Cluster && database.members.is_empty() && database.form == DatabaseForm::Limitless
    {
        findings.push(Finding::unknown(format!(
            "{database} is an Aurora PostgreSQL Limitless Database: the routers of its DB shard group accept connections, and their state was not read"
        )));
    } else if database.kind == DatabaseKind::Cluster && database.members.is_empty() && !is_serverless_v1(database) {
        let text = format!("{database} has no instance: nothing accepts connections");
        findings.push(match asker {
            Asker::Diagnose | Asker::Across => Finding::fail(text),
            Asker::Setup { .. } => Finding::warn(format!(
                "{text} until an instance is added, which gets the groups of the cluster"
            )),
        });
    }
    if database.port.is_none() {
        findings.push(Finding::fail(format!(
            "{database} is {} and has no port yet",
            database.status
        )));
    }
}

/// Why a connection works although an instance of the cluster takes none, if it does: the name leads to others.
fn spared(scene: &Scene, member: &Member) -> Option<String> {
    let serving = scene.serving();
    let reached = match &scene.proxy {
        Some(_) => scene.reached(),
        None => "the endpoint of the cluster".to_owned(),
    };
    match scene.database.writer() {
        Some(writer) if !serving.contains(&member) => Some(if scene.is_for_readers() {
            format!("{reached} leads to readers only, and it is the writer")
        } else {
            format!("it is a reader, and {reached} leads to the writer, {}", writer.id)
        }),
        writer => {
            let other = serving.iter().find(|other| takes_connections(&other.status))?;
            Some(match writer {
                Some(_) => format!("{reached} leads to other readers too, such as {}", other.id),
                None => format!(
                    "it is not known which instance is the writer, and {} accepts connections",
                    other.id
                ),
            })
        }
    }
}

/// Aurora Serverless v1 has no instances.
fn is_serverless_v1(database: &Database) -> bool {
    database.engine_mode.as_deref() == Some("serverless")
}

/// The finding of a proxy of which the database is not a target.
fn no_target(proxy: &Proxy, database: &Database) -> Finding {
    let name = &proxy.name;
    let made_for = format!("name a proxy that is made for {database}, or have setup make one: --proxy new");
    if let Some(other) = proxy.other_target(database) {
        let finding =
            |what: &str| Finding::fail(format!("the target of proxy {name} is {other}{what}, not {database}"));
        return match proxy.retargeted(database) {
            Some(commands) => finding(", which is from before a blue/green switchover").fixed_by(commands),
            // A proxy has but one target, and others may use it for this one.
            None => finding("").fixed_by(made_for),
        };
    }
    let text = format!("{database} is not a target of proxy {name}");
    if let Err(unmet) = check_proxy(database, proxy) {
        return Finding::fail(format!("{text}, and cannot be one: {unmet}")).fixed_by(unmet.hint());
    }
    let kind = match database.kind {
        DatabaseKind::Cluster => "--db-cluster-identifiers",
        DatabaseKind::Instance => "--db-instance-identifiers",
    };
    Finding::fail(text).fixed_by(format!(
        "aws rds register-db-proxy-targets --db-proxy-name {} {kind} {}",
        word(name),
        word(&database.id)
    ))
}

fn of_proxy(scene: &Scene, proxy: &Proxy, findings: &mut Vec<Finding>, evidence: &mut Vec<String>) {
    let name = &proxy.name;
    evidence.push(format!("proxy {name}: {}", proxy.status));
    match proxy.status.as_str() {
        "available" => {}
        "modifying" => findings.push(Finding::warn(format!(
            "proxy {name} is modifying: it still accepts connections"
        ))),
        status => findings.push(Finding::fail(format!("proxy {name} is {status}, not available"))),
    }
    let database = &scene.database;
    let targets = match scene.targets.read() {
        Ok(targets) => targets.clone(),
        Err(why) => return findings.push(Finding::unknown(format!("the targets of proxy {name}: {why}"))),
    };
    let proxy = Proxy {
        targets,
        ..proxy.clone()
    };
    // RDS registers the members of a cluster together with it.
    let of_member = database.member_of.as_ref().map(|cluster| Database {
        kind: DatabaseKind::Cluster,
        id: cluster.clone(),
        ..database.clone()
    });
    let database = match &of_member {
        Some(cluster) if proxy.has_target(cluster) => cluster,
        _ => database,
    };
    if !proxy.has_target(database) {
        return findings.push(no_target(&proxy, database));
    }
    let readers_only = scene
        .endpoint
        .as_ref()
        .filter(|endpoint| endpoint.role == Some(TargetRole::ReadOnly));
    let health = match readers_only {
        None => Ok(proxy.writer_health(database)),
        Some(endpoint) => proxy.reader_health(database).map_err(|why| match why {
            NoReader::None => Finding::fail(format!(
                "{endpoint} leads to readers only, and {database} has none: requests to it fail"
            ))
            .fixed_by("connect to the proxy's default endpoint, or add a reader to the cluster"),
            NoReader::NotTold => Finding::unknown(format!(
                "{endpoint} leads to readers only, and proxy {name} does not report which of its targets are readers"
            )),
        }),
    };
    let health = match health {
        Ok(Some(health)) => health,
        Ok(None) => {
            return findings.push(Finding::unknown(format!(
                "proxy {name} does not report whether it reaches {database}"
            )));
        }
        Err(finding) => return findings.push(finding),
    };
    let (of, target) = match readers_only {
        Some(_) => ("readers of ", format!("the readers of {database}")),
        None => ("", database.to_string()),
    };
    let reason = health.reason.as_deref();
    let said = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    evidence.push(format!(
        "proxy {name}, target {of}{database}: {}{said}",
        health.state.as_api()
    ));
    match health.state {
        TargetHealthState::Available => {}
        TargetHealthState::Registering => findings.push(Finding::warn(format!(
            "proxy {name} is still trying to reach {target} for the first time (REGISTERING)"
        ))),
        TargetHealthState::Unavailable => {
            let (meaning, remedy) = meaning(reason, name);
            let text = format!("proxy {name} does not reach {target}{said}: {meaning}");
            let finding = Finding::fail(text);
            findings.push(remedy.into_iter().fold(finding, Finding::fixed_by));
        }
        TargetHealthState::Unused => findings.push(Finding::fail(format!(
            "proxy {name} does not use {target} (UNUSED): it has no endpoint that needs it"
        ))),
        TargetHealthState::Other(_) => findings.push(Finding::unknown(format!(
            "proxy {name} reports for {target}: {}{said}",
            health.state.as_api()
        ))),
    }
}

/// An endpoint has a state of its own (RDS API reference, `DBProxyEndpoint`).
fn of_endpoint(endpoint: &ProxyEndpoint, findings: &mut Vec<Finding>, evidence: &mut Vec<String>) {
    let role = endpoint
        .role
        .as_ref()
        .map_or("target role not reported", TargetRole::as_api);
    evidence.push(format!("{endpoint}: {}, {role}", endpoint.status));
    match endpoint.status.as_str() {
        "available" => {}
        "modifying" => findings.push(Finding::warn(format!(
            "{endpoint} is modifying: it still accepts connections"
        ))),
        status @ ("creating" | "deleting" | "incompatible-network" | "insufficient-resource-limits") => {
            findings.push(Finding::fail(format!("{endpoint} is {status}, not available")));
        }
        status => findings.push(Finding::unknown(format!(
            "{endpoint} is {status:?}, a state that this version does not know"
        ))),
    }
    match &endpoint.role {
        Some(TargetRole::ReadWrite | TargetRole::ReadOnly) => {}
        Some(TargetRole::Other(role)) => findings.push(Finding::unknown(format!(
            "{endpoint} has the target role {role:?}, which this version does not know"
        ))),
        None => findings.push(Finding::unknown(format!(
            "AWS does not report whether {endpoint} leads to a writer or to readers"
        ))),
    }
    if endpoint.vpc.is_none() || endpoint.subnets.is_empty() {
        findings.push(Finding::unknown(format!(
            "the subnets of {endpoint} are not known, so it is not known whether the function reaches it"
        )));
    }
}

/// What a reason means, and what to do.
fn meaning(reason: Option<&str>, proxy: &str) -> (&'static str, Option<String>) {
    match reason.map(meaning_of) {
        Some(Some((meaning, remedy))) => (meaning, Some(remedy.to_owned())),
        Some(None) => ("this version does not know that reason", None),
        None => {
            let look = format!("aws rds describe-db-proxy-targets --db-proxy-name {}", word(proxy));
            ("AWS gives no reason", Some(look))
        }
    }
}

/// What a reason of `TargetHealth` means, and what to do (RDS API reference). The only table of them.
pub fn meaning_of(reason: &str) -> Option<(&'static str, &'static str)> {
    Some(match reason {
        "UNREACHABLE" => (
            "it gets no response: a security group rule, a route or a network ACL entry is missing, or the database is down",
            "see the checks between proxy and database",
        ),
        "CONNECTION_FAILED" => (
            "the database refuses its connections",
            "check whether the database has reached its connection limit, or requires another TLS version",
        ),
        "AUTH_FAILURE" => (
            "the database does not accept the user and password of its secret, or the secret cannot be read",
            "check the secret's user and password, and that the proxy's role may read it and decrypt it with its key",
        ),
        "PENDING_PROXY_CAPACITY" => ("the proxy is adding capacity", "wait a few minutes, then check again"),
        "INVALID_REPLICATION_STATE" => (
            "the proxy cannot use the database in its replication state",
            "check the replication of the database",
        ),
        "PROMOTED" => (
            "the database was promoted, and is no longer a member of what the proxy tracks",
            "register it with the proxy again, or name the database that the proxy serves",
        ),
        _ => return None,
    })
}
