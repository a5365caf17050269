//! The cluster itself, and the mappings that poll it.

use super::{Poller, is_public};
use crate::diagnostics::{Check, Finding};
use crate::endpoint::listed;
use crate::escape::word;
use crate::model::{Authentication, ClientAuthentication, ClientBroker, EventSourceMapping, MskCluster, MskKind};

/// Whether the cluster is up, and where it is.
pub(super) fn check(poller: &Poller<'_>) -> Check {
    let cluster = &poller.scene.cluster;
    let mut findings = Vec::new();
    let told = format!("{} is {}", poller.name, cluster.state);
    match cluster.state.as_str() {
        "ACTIVE" => {}
        "CREATING" => findings.push(Finding::warn(format!("{told}: it cannot be polled yet"))),
        "UPDATING" | "MAINTENANCE" | "REBOOTING_BROKER" | "HEALING" => findings.push(Finding::warn(told)),
        "DELETING" | "FAILED" => findings.push(Finding::fail(told)),
        _ => findings.push(Finding::unknown(told)),
    }
    if let Err(why) = poller.scene.vpc.read() {
        findings.push(Finding::unknown(format!("the VPC of {}: {why}", poller.name)));
    }
    if poller.place.subnets.is_empty() {
        findings.push(Finding::unknown(format!("AWS reports no subnets for {}", poller.name)));
    }
    if poller.place.groups.is_empty() {
        findings.push(Finding::unknown(format!(
            "AWS reports no security groups for {}: it has the default group of {}",
            poller.name, poller.vpc
        )));
    }
    if let [_, others @ ..] = cluster.placements.as_slice()
        && !others.is_empty()
    {
        let subnets: Vec<_> = others.iter().flat_map(|place| place.subnets.clone()).collect();
        findings.push(Finding::warn(format!(
            "{} is in {} VPCs, and only the first was looked at, not {}",
            poller.name,
            others.len() + 1,
            listed(&subnets)
        )));
    }
    let mut evidence = vec![format!(
        "{}, {}, {} with {}",
        cluster.kind,
        cluster.state,
        poller.vpc,
        listed(&poller.place.groups)
    )];
    for subnet in &poller.place.subnets {
        evidence.push(match is_public(poller.paths, subnet) {
            Ok(true) => format!("{subnet}: public, its route table leads to an internet gateway"),
            Ok(false) => format!("{subnet}: private"),
            Err(gap) => format!("{subnet}: {gap}"),
        });
    }
    let on: Vec<String> = cluster.authentications().iter().map(ToString::to_string).collect();
    evidence.push(format!("authentication that is on: {}", on.join(", ")));
    Check::of(
        "cluster",
        &format!("{} is {}", poller.name, cluster.state),
        evidence,
        findings,
    )
}

/// Whether the mappings are on, and fit the cluster.
pub(super) fn mapping(poller: &Poller<'_>) -> Check {
    const ID: &str = "mapping";
    let scene = poller.scene;
    let mut findings = Vec::new();
    let mut evidence = Vec::new();
    if let Err(why) = scene.mappings.read() {
        findings.push(Finding::unknown(format!(
            "the event source mappings of {}: {why}",
            poller.name
        )));
    }
    let mappings = scene.known_mappings();
    for mapping in mappings {
        findings.extend(of_mapping(poller, mapping));
        let ways = match mapping.authentications(&scene.cluster).as_slice() {
            [] => "no authentication".to_owned(),
            ways => named(ways),
        };
        let function = mapping.function.as_deref().unwrap_or("an unknown function");
        evidence.push(format!(
            "{}: {}, {} mode, {ways}, for {function}",
            mapping.uuid, mapping.state, mapping.mode
        ));
    }
    let on = scene.cluster.authentications();
    for way in poller.needs.authentications.iter().filter(|way| !on.contains(way)) {
        let text = format!("{way} authentication is off on {}", poller.name);
        findings.push(Finding::fail(text).fixed_by_all(turned_on(&scene.cluster, *way)));
    }
    let mode = poller.needs.mode;
    let passed = match mappings {
        [] => format!("no event source mapping polls it yet; checked for {mode} mode"),
        [one] => format!("event source mapping {}, checked for {mode} mode", one.uuid),
        some => format!("{} event source mappings, checked for {mode} mode", some.len()),
    };
    Check::of(ID, &passed, evidence, findings)
}

/// The command that turns a way to authenticate on beside those that are on, since the setting is replaced whole. A serverless
/// cluster has the one it has, and what needs no authentication is never asked for.
fn turned_on(cluster: &MskCluster, way: Authentication) -> Option<String> {
    let on = |other: Authentication, is_on: bool| is_on || other == way;
    let ClientAuthentication {
        unauthenticated,
        tls,
        scram,
        iam,
    } = cluster.authentication;
    if cluster.kind == MskKind::Serverless || matches!(way, Authentication::Plaintext | Authentication::Tls) {
        return None;
    }
    let (scram, iam) = (on(Authentication::Scram, scram), on(Authentication::Iam, iam));
    let mut wanted = vec![format!("Sasl={{Scram={{Enabled={scram}}},Iam={{Enabled={iam}}}}}")];
    let mut authority = "";
    if on(Authentication::MutualTls, tls) {
        wanted.push("Tls={CertificateAuthorityArnList=[CA_ARN],Enabled=true}".to_owned());
        authority = " and the ARN of its private certificate authority in place of CA_ARN";
    }
    wanted.push(format!("Unauthenticated={{Enabled={unauthenticated}}}"));
    let encryption = match cluster.client_broker {
        ClientBroker::Plaintext => " --encryption-info EncryptionInTransit={ClientBroker=TLS_PLAINTEXT}",
        _ => "",
    };
    let arn = word(&cluster.arn);
    Some(format!(
        "turn it on, with the answer of `aws kafka describe-cluster-v2 --cluster-arn {arn} --query ClusterInfo.CurrentVersion --output text` in place of VERSION{authority}: aws kafka update-security --cluster-arn {arn} --current-version VERSION --client-authentication {}{encryption}",
        word(wanted.join(","))
    ))
}

/// Whether a mapping that names no secret has no way to log in, since the cluster takes nothing else.
fn without_login(poller: &Poller<'_>, mapping: &EventSourceMapping) -> Option<Finding> {
    let (cluster, uuid) = (&poller.scene.cluster, &mapping.uuid);
    let on = cluster.authentications();
    if on.is_empty() || !mapping.authentications(cluster).is_empty() {
        return None;
    }
    let kind = if on.contains(&Authentication::Scram) {
        "SASL_SCRAM_512_AUTH"
    } else {
        "CLIENT_CERTIFICATE_TLS_AUTH"
    };
    let remedy = format!(
        "with the ARN of a secret that has the login in place of SECRET_ARN: aws lambda update-event-source-mapping --uuid {} --source-access-configurations Type={kind},URI=SECRET_ARN",
        word(uuid)
    );
    let text = format!(
        "event source mapping {uuid} names no secret, and {} takes only {}",
        poller.name,
        named(&on)
    );
    Some(Finding::fail(text).fixed_by(remedy))
}

fn named(ways: &[Authentication]) -> String {
    let ways: Vec<String> = ways.iter().map(Authentication::to_string).collect();
    ways.join(" or ")
}

fn of_mapping(poller: &Poller<'_>, mapping: &EventSourceMapping) -> Vec<Finding> {
    let uuid = &mapping.uuid;
    let mut findings = Vec::new();
    if let Some(source) = mapping
        .source
        .as_ref()
        .filter(|source| **source != poller.scene.cluster.arn)
    {
        findings.push(Finding::fail(format!(
            "event source mapping {uuid} polls {source}, not {}",
            poller.name
        )));
    }
    match mapping.state.as_str() {
        "Enabled" | "Creating" | "Enabling" | "Updating" => {}
        "Disabled" | "Disabling" => {
            let remedy = format!("aws lambda update-event-source-mapping --uuid {} --enabled", word(uuid));
            let text = format!("event source mapping {uuid} is {}: it polls nothing", mapping.state);
            findings.push(Finding::warn(text).fixed_by(remedy));
        }
        "Deleting" => {
            findings.push(Finding::warn(format!("event source mapping {uuid} is being deleted")));
        }
        state => findings.push(Finding::unknown(format!(
            "event source mapping {uuid} has the state {state:?}, which this version does not know"
        ))),
    }
    if let Some(result) = mapping
        .last_result
        .as_ref()
        .filter(|result| result.starts_with("PROBLEM"))
    {
        let text = format!("event source mapping {uuid} reports: {result}");
        // Where the function fails, polling works. Every other problem is about the path to the cluster or to Lambda, in the
        // mapping's own mode and with its own authentication.
        let scene = poller.scene;
        let is_of_another = scene.mode.is_some_and(|mode| mode != mapping.mode) || scene.authentication.is_some();
        findings.push(if result.contains("Function call failed") || is_of_another {
            Finding::warn(text)
        } else {
            Finding::unknown(text)
        });
    }
    findings.extend(without_login(poller, mapping));
    if poller.scene.mode.is_some_and(|mode| mode != mapping.mode) {
        findings.push(Finding::warn(format!(
            "event source mapping {uuid} is in {} mode, and {} mode was requested",
            mapping.mode, poller.needs.mode
        )));
    }
    findings
}
