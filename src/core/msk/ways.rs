//! The ways from the cluster's subnets to Lambda, STS and Secrets Manager: endpoints, or NAT gateways. Either suffices.
//!
//! Source: the checks `nat-gateways` and `endpoints` of docs/msk.md, and its first table. Where an endpoint has private
//! DNS, the requests of all of the VPC go to it, regardless of other routes: a NAT gateway does not replace a broken
//! one.

use super::brokers::rules;
use super::{MskScene, Needs, Poller, is_public};
use crate::diagnostics::{Check, Finding, Status};
use crate::endpoint::{HTTPS, ServiceWay, listed, read_policy, service_way, worst};
use crate::escape::word;
use crate::internet::{Traveller, nat_can_lead_out};
use crate::model::network::Endpoint;
use crate::model::{Direction, Function, MappingMode, MskPlacement, VpcId};
use crate::policy::{Caller, LAMBDA, PolicyDocument, Verdict, for_mapping, through_endpoint};
use crate::reachability::leg::authorize;
use crate::reachability::leg::distinct;
use crate::reachability::{Addresses, Block, Ports};

/// The services that a poller in on-demand mode calls from the cluster's subnets.
pub fn services(needs: &Needs) -> Vec<&'static str> {
    let mut services = vec!["lambda", "sts"];
    services.extend(needs.uses_secret.then_some("secretsmanager"));
    services
}

const OUTBOUND: &str = "brokers-outbound";
pub(super) const NAT: &str = "nat-gateways";
pub(super) const ENDPOINTS: &str = "endpoints";

/// The outbound rules, the NAT way and the endpoint way.
pub(super) fn check(poller: &Poller<'_>) -> [Check; 3] {
    let (mut evidence, mut outbound) = rules(poller, Direction::Egress);
    let passed = format!("{} let the poller out", listed(&poller.place.groups));
    let judged = match poller.needs.mode {
        MappingMode::OnDemand => {
            let ways = Ways::of(poller);
            evidence.extend(ways.evidence_of_rules());
            let mut missing = ways.missing_rules();
            let mut checks = [ways.nat_check(poller), ways.endpoint_check(poller)];
            // Without the mappings the mode is not known, and only this one needs a way.
            if poller.scene.mode.is_none() && poller.scene.mappings.read().is_err() {
                missing = capped(missing, Status::Unknown);
                for check in &mut checks {
                    check.status = check.status.min(Status::Unknown);
                }
            }
            outbound.extend(missing);
            checks
        }
        MappingMode::Provisioned => {
            let because = "in provisioned mode the poller does not call Lambda and STS from the cluster's subnets";
            [NAT, ENDPOINTS].map(|id| not_needed(id, because, Vec::new()))
        }
    };
    let [nat, endpoints] = judged;
    [Check::of(OUTBOUND, &passed, evidence, outbound), nat, endpoints]
}

fn not_needed(id: &str, because: &str, evidence: Vec<String>) -> Check {
    Check::of(id, &format!("not needed: {because}"), evidence, Vec::new())
}

fn is_good(status: Status) -> bool {
    status <= Status::Warn
}

/// What NAT gateways make of the poller's requests, except what the cluster's groups let out.
struct NatWay {
    findings: Vec<Finding>,
    evidence: Vec<String>,
    /// Whether a subnet is public, so that no NAT gateway can serve it.
    is_public: bool,
}

/// The checks of `internet` for the cluster's subnets, as one.
fn nat_way(poller: &Poller<'_>) -> NatWay {
    let is_public = |subnet| is_public(poller.paths, subnet) == Ok(true);
    let mut way = NatWay {
        findings: Vec::new(),
        evidence: Vec::new(),
        is_public: poller.place.subnets.iter().any(is_public),
    };
    let checks = traveller(poller.scene, poller.place, poller.vpc).checks(poller.paths);
    // The groups are a check of their own, the poller comes over IPv4, and it has no cold starts.
    let left_out = ["security-groups", "ipv6", "subnets-agree"];
    for check in checks
        .into_iter()
        .filter(|check| !left_out.contains(&check.id.as_str()))
    {
        if check.status == Status::Pass {
            way.evidence.extend(check.evidence);
            continue;
        }
        let remedies = check.remedy.iter().flat_map(|remedy| remedy.lines());
        // What builds it all is reported once, for all findings.
        let mut remedies: Vec<String> = remedies
            .filter(|line| !line.starts_with("autoconnect "))
            .map(str::to_owned)
            .collect();
        for text in check.evidence {
            let status = check.status;
            let remedies = std::mem::take(&mut remedies);
            way.findings.push(Finding { status, text, remedies });
        }
    }
    way
}

/// The poller, as what wants to reach the internet.
pub(super) fn traveller<'s>(scene: &'s MskScene, place: &'s MskPlacement, vpc: &'s VpcId) -> Traveller<'s> {
    Traveller {
        name: format!("MSK cluster {}", scene.cluster.name),
        option: format!("--cluster-arn {}", word(&scene.cluster.arn)),
        region: scene.region(),
        vpc,
        subnets: distinct(&place.subnets),
        groups: place.groups.clone(),
        port: HTTPS,
        ipv6: false,
        role: None,
    }
}

/// Both ways, as they were found.
struct Ways {
    nat: NatWay,
    /// What the cluster's groups do not let out to all the world.
    out_to_all: Vec<Finding>,
    services: Vec<ServiceWay>,
}

impl Ways {
    fn of(poller: &Poller<'_>) -> Self {
        let way = |service: &'static str| {
            let policy =
                |endpoint: &Endpoint| of_policy(&poller.needs, poller.scene.function.as_ref(), service, endpoint);
            service_way(poller.paths, &poller.asker(), poller.scene.region(), service, policy)
        };
        Self {
            nat: nat_way(poller),
            out_to_all: out_to_all(poller),
            services: services(&poller.needs).into_iter().map(way).collect(),
        }
    }

    fn nat_status(&self) -> Status {
        worst(&self.nat.findings).max(worst(&self.out_to_all))
    }

    fn endpoint_status(&self) -> Status {
        self.services.iter().map(status).max().unwrap_or_default()
    }

    /// The endpoints that take requests and do not serve them.
    fn in_the_way(&self) -> impl Iterator<Item = &ServiceWay> {
        let broken = |way: &&ServiceWay| way.takes_requests() && !is_good(status(way));
        self.services.iter().filter(broken)
    }

    /// What has to be let out on the port of all services for the way that is there, or for the one that comes nearest.
    fn missing_rules(&self) -> Vec<Finding> {
        let of_endpoints = |ways: &mut dyn Iterator<Item = &ServiceWay>| -> Vec<Finding> {
            ways.flat_map(|way| way.outbound.clone()).collect()
        };
        if is_good(self.endpoint_status()) {
            Vec::new()
        } else if is_good(self.nat_status()) {
            of_endpoints(&mut self.in_the_way())
        } else {
            let mut findings = of_endpoints(&mut self.services.iter());
            let is_nearer = is_good(worst(&self.nat.findings));
            let has_endpoints = self.services.iter().any(|way| way.endpoint.is_some());
            if is_nearer || !has_endpoints {
                findings.extend(capped(self.out_to_all.clone(), self.endpoint_status()));
            }
            findings
        }
    }

    fn evidence_of_rules(&self) -> Option<String> {
        if self.out_to_all.is_empty() {
            return Some(format!("tcp {HTTPS}: out to all"));
        }
        let is_open = is_good(self.endpoint_status());
        is_open.then(|| format!("tcp {HTTPS}: out to the endpoints"))
    }

    fn nat_check(&self, poller: &Poller<'_>) -> Check {
        let nat = &self.nat;
        if is_good(self.endpoint_status()) && !is_good(self.nat_status()) {
            let lacks = nat.findings.iter().map(|finding| finding.text.clone()).collect();
            return not_needed(NAT, "the endpoints lead to the services", lacks);
        }
        let mut findings = capped(nat.findings.clone(), self.endpoint_status());
        let vpc = poller.vpc;
        if !is_good(worst(&findings)) && !nat.is_public && nat_can_lead_out(poller.paths.network(), vpc) {
            findings = ending_in(findings, setup(poller, "nat"));
        }
        Check::of(NAT, "NAT gateways lead to the services", nat.evidence.clone(), findings)
    }

    fn endpoint_check(&self, poller: &Poller<'_>) -> Check {
        let evidence = self.services.iter().flat_map(|way| way.evidence.clone()).collect();
        let texts = || {
            let findings = self.services.iter().flat_map(|way| &way.findings);
            findings.map(|finding| finding.text.clone()).collect()
        };
        let nat_is_good = is_good(self.nat_status());
        if nat_is_good && !is_good(self.endpoint_status()) {
            let mut broken: Vec<Finding> = self.in_the_way().flat_map(|way| way.findings.clone()).collect();
            if let Err(why) = poller.paths.network().endpoints.read() {
                let text = format!("whether an endpoint of {} takes the requests: {why}", poller.vpc);
                return Check::of(ENDPOINTS, "", evidence, vec![Finding::unknown(text)]);
            }
            if broken.is_empty() {
                return not_needed(ENDPOINTS, "NAT gateways lead to the services", texts());
            }
            broken[0].text += "; its private DNS takes the requests of the whole VPC, so a NAT gateway does not help";
            return Check::of(ENDPOINTS, "", evidence, broken);
        }
        let findings = self.services.iter().flat_map(|way| way.findings.clone()).collect();
        let mut findings = capped(findings, self.nat_status());
        if !is_good(worst(&findings)) {
            findings = ending_in(findings, setup(poller, "endpoints"));
        }
        Check::of(ENDPOINTS, "endpoints lead to the services", evidence, findings)
    }
}

fn status(way: &ServiceWay) -> Status {
    way.status().max(worst(&way.outbound))
}

/// Where the other way may be good, it is not known whether this one has to be.
pub(super) fn capped(mut findings: Vec<Finding>, other: Status) -> Vec<Finding> {
    if other == Status::Unknown {
        for finding in &mut findings {
            finding.status = finding.status.min(Status::Unknown);
        }
    }
    findings
}

/// With the one command that does it all, before those for each part.
fn ending_in(mut findings: Vec<Finding>, command: String) -> Vec<Finding> {
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.status));
    if let Some(first) = findings.first_mut() {
        first.remedies.insert(0, command);
    }
    findings
}

fn setup(poller: &Poller<'_>, via: &str) -> String {
    format!(
        "autoconnect msk setup --cluster-arn {} --via {via}",
        word(&poller.scene.cluster.arn)
    )
}

fn out_to_all(poller: &Poller<'_>) -> Vec<Finding> {
    let groups = &poller.place.groups;
    let wanted = Block {
        addresses: Addresses::ALL_V4,
        ports: Ports::only(HTTPS),
    };
    let passage = poller.paths.passage(groups, Direction::Egress, wanted, &[]);
    if passage.blocked.is_empty() {
        return Vec::new();
    }
    if let Some(gap) = passage.gaps.first() {
        return vec![Finding::unknown(format!(
            "it is not known what the outbound rules let through: {gap}"
        ))];
    }
    let finding = Finding::fail(format!("{} do not let tcp {HTTPS} out to all", listed(groups)));
    let remedy = |group| authorize(group, Direction::Egress, HTTPS, "IpRanges=[{CidrIp=0.0.0.0/0}]");
    vec![groups.iter().take(1).map(remedy).fold(finding, Finding::fixed_by)]
}

/// What an endpoint's policy does not let the poller do.
pub(super) fn of_policy(
    needs: &Needs,
    function: Option<&Function>,
    service: &str,
    endpoint: &Endpoint,
) -> Vec<Finding> {
    let (told, policy) = match read_policy(endpoint) {
        Ok(Some(read)) => read,
        Ok(None) => return Vec::new(),
        Err(unread) => return vec![unread],
    };
    let id = &endpoint.id;
    let role = function.and_then(|function| function.role.as_deref());
    let any = || vec!["*".to_owned()];
    let one = |arn: Option<&str>| arn.map_or_else(any, |arn| vec![arn.to_owned()]);
    let lambda = Caller::Service(LAMBDA);
    let (action, caller, resources) = match service {
        "lambda" => {
            let arn = function.map(|function| function.arn.as_str());
            ("lambda:InvokeFunction", lambda, one(arn))
        }
        "sts" => ("sts:AssumeRole", lambda, one(role)),
        _ => {
            // The secret is read with the function's role.
            let caller = role.map_or(lambda, Caller::Role);
            let secrets = match needs.secrets.as_slice() {
                [] => any(),
                secrets => secrets.to_vec(),
            };
            ("secretsmanager:GetSecretValue", caller, secrets)
        }
    };
    let judge = |resource: &String| {
        let roles: Vec<String> = role.map(str::to_owned).into_iter().collect();
        let statement = for_mapping(service, std::slice::from_ref(resource), &roles)
            .map(|least| format!("add to the policy of {id} what {least} allows"));
        let finding = match through_endpoint(&policy, caller, action, resource) {
            // The guide asks for all resources: what Lambda sends in the name of a mapping need not name one.
            Verdict::Allowed if service != "secretsmanager" => match through_endpoint(&policy, caller, action, "*") {
                Verdict::NotAllowed => Finding::warn(format!(
                    "{told} allows {action} only on some resources, including {resource}; the Lambda developer guide asks for Resource \"*\""
                )),
                _ => return None,
            },
            Verdict::Allowed => return None,
            Verdict::NotAllowed if service == "secretsmanager" && role.is_none() => Finding::unknown(format!(
                "whether {told} allows {action} depends on the function's role; name the function with --function"
            )),
            // It may allow it on the one that is used.
            Verdict::NotAllowed if resource == "*" => {
                let verdict = through_endpoint(&without_resources(&policy), caller, action, resource);
                match verdict {
                    Verdict::NotAllowed | Verdict::Denied => {
                        Finding::fail(format!("{told} does not allow {action} on {resource}"))
                    }
                    _ => Finding::unknown(format!(
                        "{told} allows {action} only on some resources; name the function with --function"
                    )),
                }
            }
            Verdict::NotAllowed => Finding::fail(format!("{told} does not allow {action} on {resource}")),
            Verdict::Denied => Finding::fail(format!("{told} denies {action} on {resource}")),
            Verdict::Unknown => Finding::unknown(format!(
                "whether {told} allows {action} on {resource} depends on conditions"
            )),
        };
        Some(statement.into_iter().fold(finding, Finding::fixed_by))
    };
    resources.iter().filter_map(judge).collect()
}

/// The policy as if each of its statements were for everything.
fn without_resources(policy: &PolicyDocument) -> PolicyDocument {
    let mut policy = policy.clone();
    for statement in &mut policy.statement {
        statement.resource = ["*"].into_iter().collect();
        statement.not_resource = crate::policy::Texts::default();
    }
    policy
}
