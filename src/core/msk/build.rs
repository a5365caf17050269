//! What `msk setup` makes: endpoints in the cluster's subnets and a group for them, or NAT gateways as `internet setup`.
//!
//! Source: docs/msk.md, "`msk setup`". The private names of an endpoint take the requests of the whole VPC: so that
//! nobody else is cut off, the group lets the whole VPC in, unless `--restrict` asks for the least. The brokers' own
//! groups are changed only where they have our tags: MSK has no operation that gives the brokers further groups, and
//! the poller has those that the cluster was made with.

use std::collections::{BTreeMap, BTreeSet};

use super::ways::traveller;
use super::{MskScene, Needs, is_public, services};
use crate::check::{Finding, Status};
use crate::diagnose::dns;
use crate::endpoint::{Asker, Gate, HTTPS, authorize, crossings, inbound, listed, named, outbound};
use crate::internet::{Own, Wish, draft_for};
use crate::model::network::{Endpoint, EndpointKind};
use crate::model::{Direction, GroupId, MappingMode, MskPlacement, Peer, Rule, SecurityGroup, SubnetId, VpcId};
use crate::ownership::{self, Ownership};
use crate::plan::network::{EndpointPlan, EndpointWish, NetworkEffect, RulePeer};
use crate::plan::{Effect, Plan, Ref, Step, Steps, tags_at_birth};
use crate::policy::{PolicyDocument, Principal, Texts, for_mapping};
use crate::preconditions::{MskUnmet, Pending, Unmet};
use crate::reachability::Paths;
use crate::reachability::leg::acls::Numbers;
use crate::reachability::leg::between;

/// The name of the endpoints' group in each VPC.
pub const GROUP: &str = "autoconnect-msk-endpoints";

/// Its description.
const DESCRIPTION: &str = "Endpoints for the event sources of MSK clusters";

/// What all that is made for a VPC's event sources is tagged with.
fn connection(vpc: &VpcId) -> String {
    format!("msk/{vpc}")
}

/// Whose the group is that has the name of the endpoints' one.
#[must_use]
pub fn whose(group: &SecurityGroup) -> Ownership {
    ownership::of_single_group(group, DESCRIPTION, &connection(&group.vpc), GROUP_ROLE)
}

/// Its role.
const GROUP_ROLE: &str = "endpoints-group";

/// What is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointsWish {
    /// Whether the endpoints' policies allow the least, and their group lets only the brokers' groups in.
    pub restrict: bool,
    /// Further tags for all that is made.
    pub tags: BTreeMap<String, String>,
}

/// What is still to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Built {
    /// The steps.
    pub plan: Plan,
    /// What has to end first.
    pub pending: Vec<Pending>,
    /// What is missing, one sentence each.
    pub reasons: Vec<String>,
    /// What else the user should know.
    pub notes: Vec<String>,
}

/// The steps to what is wanted; none where it is there. `group` is what has the name of the endpoints' group.
///
/// # Errors
///
/// A requirement does not hold.
pub fn endpoints(scene: &MskScene, group: Option<&SecurityGroup>, wish: &EndpointsWish) -> Result<Built, MskUnmet> {
    let paths = Paths::new(&scene.network);
    let place = scene.placement();
    let mut builder = Builder::new(scene, &paths, &place, wish)?;
    builder.brokers()?;
    if builder.needs.mode == MappingMode::OnDemand {
        builder.services(group)?;
    }
    Ok(builder.built())
}

/// The steps to a NAT gateway in each of the cluster's zones, and to the rules that the brokers' groups lack. `own` is
/// what earlier runs created for the VPC's way to the internet.
///
/// # Errors
///
/// A requirement does not hold.
pub fn nat_gateways(scene: &MskScene, own: &Own, tags: &BTreeMap<String, String>) -> Result<Built, Unmet> {
    let paths = Paths::new(&scene.network);
    let place = scene.placement();
    let wish = EndpointsWish::default();
    let mut builder = Builder::new(scene, &paths, &place, &wish)?;
    builder.joins = false;
    builder.brokers()?;
    if builder.needs.mode == MappingMode::Provisioned {
        return Ok(builder.built());
    }
    let public = |id: &&SubnetId| is_public(&paths, id) == Ok(true);
    let public: Vec<SubnetId> = place.subnets.iter().filter(public).cloned().collect();
    if !public.is_empty() {
        return Err(MskUnmet::PublicSubnets { subnets: public }.into());
    }
    let out = Wish {
        function: String::new(),
        port: HTTPS,
        services: Vec::new(),
        per_zone: true,
        tags: tags.clone(),
    };
    let before = std::mem::take(&mut builder.steps);
    let building = draft_for(
        &traveller(scene, &place, builder.vpc),
        &scene.network,
        own,
        &out,
        before,
    )?;
    let mut built = builder.built();
    built.plan = building.plan;
    built.reasons.extend(building.reasons);
    for note in building.notes {
        // The same table may be that of several zones.
        if !built.notes.contains(&note) {
            built.notes.push(note);
        }
    }
    built
        .pending
        .extend(building.pending.into_iter().map(|what| Pending::Available { what }));
    Ok(built)
}

struct Builder<'b> {
    scene: &'b MskScene,
    paths: &'b Paths<'b>,
    place: &'b MskPlacement,
    vpc: &'b VpcId,
    name: String,
    needs: Needs,
    wish: &'b EndpointsWish,
    /// Whether the brokers' groups let 443 out to themselves only, so that the endpoints have to have them.
    joins: bool,
    steps: Steps,
    pending: Vec<Pending>,
    reasons: Vec<String>,
    notes: Vec<String>,
}

impl<'b> Builder<'b> {
    fn new(
        scene: &'b MskScene,
        paths: &'b Paths<'b>,
        place: &'b MskPlacement,
        wish: &'b EndpointsWish,
    ) -> Result<Self, MskUnmet> {
        let name = format!("MSK cluster {}", scene.cluster.name);
        if matches!(scene.cluster.state.as_str(), "DELETING" | "FAILED") {
            let state = scene.cluster.state.clone();
            return Err(MskUnmet::NotActive { cluster: name, state });
        }
        let unread = |why: &str| MskUnmet::Unread { why: why.to_owned() };
        let vpc = scene.vpc.read().map_err(unread)?;
        let network = &scene.network;
        network.subnets.read().map_err(unread)?;
        network.groups.read().map_err(unread)?;
        network.endpoints.read().map_err(unread)?;
        scene.mappings.read().map_err(unread)?;
        let mut builder = Self {
            scene,
            paths,
            place,
            vpc,
            name,
            needs: scene.needs(),
            wish,
            joins: false,
            steps: Steps::default(),
            pending: Vec::new(),
            reasons: Vec::new(),
            notes: Vec::new(),
        };
        builder.joins = builder.needs.mode == MappingMode::OnDemand && !builder.is_open(Direction::Egress, &[], HTTPS);
        Ok(builder)
    }

    fn asker(&self) -> Asker<'_> {
        Asker {
            name: &self.name,
            vpc: self.vpc,
            subnets: &self.place.subnets,
            groups: &self.place.groups,
        }
    }

    /// Whether the brokers' groups let a port through, to or from what has `peers` in the cluster's subnets.
    fn is_open(&self, direction: Direction, peers: &[GroupId], port: u16) -> bool {
        let gate = Gate {
            groups: &self.place.groups,
            direction,
            subnets: &self.place.subnets,
            peers,
            port,
            v6: Some(false),
        };
        gate.closed(self.paths, |_| String::new()).is_empty()
    }

    /// The rules from the brokers' groups to themselves. This program makes no such group, so it changes none, whatever
    /// its tags say.
    fn brokers(&self) -> Result<(), MskUnmet> {
        let ports: BTreeSet<u16> = self.needs.authentications.iter().map(|way| way.port()).collect();
        let both = |port| [(Direction::Ingress, port), (Direction::Egress, port)];
        let mut wanted: Vec<(Direction, u16)> = ports.into_iter().flat_map(both).collect();
        wanted.extend(self.joins.then_some((Direction::Egress, HTTPS)));
        wanted.retain(|(direction, port)| !self.is_open(*direction, &self.place.groups, *port));
        let Some(first) = self.place.groups.first() else {
            return Ok(());
        };
        if wanted.is_empty() {
            return Ok(());
        }
        let itself = format!("UserIdGroupPairs=[{{GroupId={first}}}]");
        let command = |(direction, port)| authorize(first, direction, port, &itself);
        Err(MskUnmet::BrokerRules {
            cluster: self.name.clone(),
            groups: self.place.groups.clone(),
            commands: wanted.into_iter().map(command).collect(),
        })
    }

    fn rule(&mut self, direction: Direction, group: Ref<GroupId>, port: u16, peer: RulePeer, description: &str) -> u32 {
        let preposition = match direction {
            Direction::Ingress => "from",
            Direction::Egress => "to",
        };
        let resource = self.steps.name(&group);
        let summary = format!("{resource}: {direction} rule, tcp {port} {preposition} {peer}");
        let effect = Effect::AddRule {
            direction,
            group,
            port,
            peer,
            description: description.to_owned(),
        };
        self.steps.add(effect, resource, summary, &[])
    }

    /// What is in the way of any endpoint, and of those that are made in the cluster's subnets.
    fn check_paths(&self, makes: bool) -> Result<(), MskUnmet> {
        let mut findings = Vec::new();
        if makes {
            let subnets = &self.place.subnets;
            findings.extend(between(self.paths, self.vpc, subnets, subnets, HTTPS, &mut Numbers::default()).0);
        }
        dns::private_names(self.paths, self.vpc, &mut findings, &mut Vec::new());
        refuse(findings, |findings, commands| MskUnmet::Blocked { findings, commands })
    }

    fn service_name(&self, service: &str) -> String {
        let naming = named(
            &self.scene.network,
            self.scene.region(),
            service,
            Some(&EndpointKind::Interface),
        );
        naming.name().unwrap_or(service).to_owned()
    }

    /// The endpoint that takes the requests to a service.
    fn endpoint_of(&self, service: &str) -> Option<&'b Endpoint> {
        let name = format!("com.amazonaws.{}.{service}", self.scene.region());
        let network = &self.scene.network;
        let mut all = network.endpoints.known().into_iter().flatten();
        all.find(|found| {
            let is_live = !matches!(
                found.state.as_str(),
                "deleting" | "deleted" | "failed" | "rejected" | "expired"
            );
            let is_private = found.takes_names(network.endpoints.known().map_or(&[], Vec::as_slice)) != Some(false);
            found.vpc == *self.vpc && found.service.ends_with(&name) && is_private && is_live
        })
    }

    fn services(&mut self, group: Option<&SecurityGroup>) -> Result<(), MskUnmet> {
        let services = services(&self.needs);
        let found: Vec<(&str, Option<&Endpoint>)> = services
            .iter()
            .map(|&service| (service, self.endpoint_of(service)))
            .collect();
        self.check_paths(found.iter().any(|(_, endpoint)| endpoint.is_none()))?;
        let is_closed = |endpoint: &&Endpoint| !inbound(self.paths, &self.asker(), endpoint).is_empty();
        let needs_group = found
            .iter()
            .any(|(_, endpoint)| endpoint.as_ref().is_none_or(is_closed));
        let group = match group {
            Some(group) if needs_group && !whose(group).is_credible() => {
                return Err(MskUnmet::GroupName {
                    group: group.id.clone(),
                    name: group.name.clone(),
                    why: whose(group).reasons(),
                });
            }
            group => group.filter(|group| whose(group).is_credible()),
        };
        let bears_it = |endpoint: &&Endpoint| group.is_some_and(|group| endpoint.groups.contains(&group.id));
        let is_used = found
            .iter()
            .filter_map(|(_, endpoint)| *endpoint)
            .any(|endpoint| bears_it(&endpoint));
        let (group, after) = if needs_group || is_used {
            let (group, after) = self.group(group, &found);
            (Some(group), after)
        } else {
            (None, Vec::new())
        };
        for (service, endpoint) in found {
            match (endpoint, &group) {
                (Some(endpoint), group) => self.fix(service, endpoint, group.as_ref(), &after)?,
                (None, Some(group)) => self.create(service, group, &after)?,
                // An endpoint that is missing needs the group.
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// The endpoints' group with its rules, and the steps that the endpoints come after.
    fn group(
        &mut self,
        group: Option<&SecurityGroup>,
        found: &[(&str, Option<&Endpoint>)],
    ) -> (Ref<GroupId>, Vec<u32>) {
        let mut after = Vec::new();
        let reference = if let Some(group) = group {
            let existing = Ref::Existing(group.id.clone());
            if group.egress.iter().any(Rule::is_default_egress) {
                let id = group.id.as_str();
                after.push(self.steps.revoke_default_egress(existing.clone(), id, id, &[]));
            }
            existing
        } else {
            self.reasons
                .push(format!("{} has no group for the endpoints.", self.vpc));
            let tags = self.tags(GROUP_ROLE);
            let summary = format!("security group {GROUP} in {}, for the endpoints", self.vpc);
            let created = self
                .steps
                .create_group(GROUP, self.vpc, DESCRIPTION.to_owned(), tags, summary);
            after.extend(self.steps.last());
            created
        };
        // What was narrowed once is not opened again.
        let is_narrow = |(service, endpoint): &(&str, Option<&Endpoint>)| {
            endpoint.is_some_and(|endpoint| self.is_ours(&endpoint.tags) && narrowed(endpoint, service).is_some())
        };
        let narrow = self.wish.restrict || found.iter().any(is_narrow);
        let mut peers: Vec<RulePeer> = self
            .place
            .groups
            .iter()
            .take(1)
            .map(|id| RulePeer::Group(Ref::Existing(id.clone())))
            .collect();
        let ranges = self.paths.vpc(self.vpc).into_iter().flat_map(|vpc| &vpc.cidrs);
        let ipv4 = ranges.filter(|range| range.addr().is_ipv4() && !narrow);
        peers.extend(ipv4.map(|range| RulePeer::Cidr(*range)));
        for peer in peers {
            let has = |group: &SecurityGroup| group.ingress.iter().any(|rule| lets_in(rule, &peer));
            if group.is_some_and(has) {
                continue;
            }
            if group.is_some() {
                self.reasons
                    .push(format!("{reference} does not let tcp {HTTPS} in from {peer}."));
            }
            after.push(self.rule(Direction::Ingress, reference.clone(), HTTPS, peer, "Pollers of MSK"));
        }
        (reference, after)
    }

    fn create(&mut self, service: &str, group: &Ref<GroupId>, after: &[u32]) -> Result<(), MskUnmet> {
        let name = self.service_name(service);
        self.reasons.push(format!(
            "{} has no interface endpoint {name} with private DNS.",
            self.vpc
        ));
        let naming = named(
            &self.scene.network,
            self.scene.region(),
            service,
            Some(&EndpointKind::Interface),
        );
        let mut subnets = self.one_in_each_zone(&[]);
        subnets.retain(|id| {
            self.paths
                .subnet(id)
                .is_none_or(|subnet| naming.is_in(&subnet.availability_zone))
        });
        if subnets.is_empty() || naming.name().is_none() {
            return Err(MskUnmet::Blocked {
                findings: vec![format!(
                    "{name} is not available in the Availability Zones of {}",
                    self.name
                )],
                commands: vec!["use --via nat".to_owned()],
            });
        }
        let mut groups = vec![group.clone()];
        if self.joins {
            groups.extend(self.place.groups.iter().take(1).map(|id| Ref::Existing(id.clone())));
        }
        let role = format!("{service}-endpoint");
        let summary = format!(
            "interface endpoint {name} in {}, with private DNS and {}{}",
            listed(&subnets),
            self.named(&groups),
            if self.wish.restrict {
                ", for the poller only"
            } else {
                ""
            }
        );
        let plan = EndpointPlan {
            vpc: self.vpc.clone(),
            service: name.clone(),
            subnets,
            groups,
            route_tables: Vec::new(),
            policy: self
                .wish
                .restrict
                .then(|| self.least(service, &Narrow::default()))
                .transpose()?
                .map(|least| least.to_string()),
            tags: self.tags(&role),
        };
        self.steps
            .add(NetworkEffect::CreateEndpoint(Box::new(plan)), &name, summary, after);
        Ok(())
    }

    /// What an endpoint that takes the VPC's requests lacks. To one that is not ours, groups are added only: it is reached
    /// from every subnet of the VPC, and each further zone is charged for.
    fn fix(
        &mut self,
        service: &str,
        endpoint: &Endpoint,
        group: Option<&Ref<GroupId>>,
        after: &[u32],
    ) -> Result<(), MskUnmet> {
        if endpoint.state != "available" {
            self.pending.push(Pending::Available {
                what: format!("endpoint {} ({})", endpoint.id, endpoint.service),
            });
            return Ok(());
        }
        let widens = self.is_ours(&endpoint.tags) || endpoint.subnets.is_empty();
        let add_subnets = widens.then(|| self.one_in_each_zone(&endpoint.subnets));
        let mut wish = EndpointWish {
            add_subnets: add_subnets.unwrap_or_default(),
            ..EndpointWish::default()
        };
        let bears = |id: &GroupId| endpoint.groups.contains(id);
        if !inbound(self.paths, &self.asker(), endpoint).is_empty() {
            let missing = group.filter(|group| !group.existing().is_some_and(bears));
            wish.add_groups.extend(missing.cloned());
        }
        if !outbound(self.paths, &self.asker(), endpoint).is_empty() && self.joins {
            let brokers = self.place.groups.iter().take(1).filter(|id| !bears(id));
            wish.add_groups.extend(brokers.map(|id| Ref::Existing(id.clone())));
        }
        if self.wish.restrict {
            wish.policy = self.narrower(service, endpoint)?;
        }
        self.check_rest(service, endpoint, &wish)?;
        if wish == EndpointWish::default() {
            return Ok(());
        }
        let mut parts = Vec::new();
        if !wish.add_subnets.is_empty() {
            parts.push(format!("add {}", listed(&wish.add_subnets)));
        }
        if !wish.add_groups.is_empty() {
            parts.push(format!("add {}", self.named(&wish.add_groups)));
        }
        parts.extend(
            wish.policy
                .is_some()
                .then(|| "limit its policy to what is needed".to_owned()),
        );
        let (id, what) = (&endpoint.id, parts.join("; "));
        self.reasons
            .push(format!("Endpoint {id} ({}) must be changed: {what}.", endpoint.service));
        let effect = NetworkEffect::ModifyEndpoint {
            endpoint: id.clone(),
            wish,
        };
        self.steps
            .add(effect, id.as_str(), format!("endpoint {id}: {what}"), after);
        Ok(())
    }

    /// What no step fixes is an error, before the first write.
    fn check_rest(&self, service: &str, endpoint: &Endpoint, wish: &EndpointWish) -> Result<(), MskUnmet> {
        let mut findings = Vec::new();
        if wish.policy.is_none() {
            findings.extend(super::ways::of_policy(
                &self.needs,
                self.scene.function.as_ref(),
                service,
                endpoint,
            ));
        }
        let subnets = endpoint.subnets.iter().chain(&wish.add_subnets).cloned().collect();
        let widened = Endpoint {
            subnets,
            ..endpoint.clone()
        };
        findings.extend(crossings(self.paths, &self.asker(), &widened));
        if !self.joins {
            findings.extend(outbound(self.paths, &self.asker(), endpoint));
        }
        refuse(findings, |findings, commands| MskUnmet::Endpoint {
            endpoint: endpoint.id.clone(),
            findings,
            commands,
        })
    }

    /// The least policy for an endpoint of ours that has another one. Secrets that it allows stay allowed.
    fn narrower(&mut self, service: &str, endpoint: &Endpoint) -> Result<Option<String>, MskUnmet> {
        let before = narrowed(endpoint, service).unwrap_or_default();
        let least = self.least(service, &before)?;
        let is_so = endpoint
            .policy
            .as_deref()
            .and_then(|text| PolicyDocument::read(text).ok())
            .as_ref()
            == Some(&least);
        if is_so {
            return Ok(None);
        }
        if !self.is_ours(&endpoint.tags) {
            self.notes.push(format!(
                "The policy of endpoint {} ({}) is left unchanged: autoconnect did not create it, and others may need what it allows.",
                endpoint.id, endpoint.service
            ));
            return Ok(None);
        }
        Ok(Some(least.to_string()))
    }

    fn least(&self, service: &str, allowed: &Narrow) -> Result<PolicyDocument, MskUnmet> {
        let all = |own: &[String], allowed: &[String]| -> Vec<String> {
            let all: BTreeSet<&String> = own.iter().chain(allowed).collect();
            all.into_iter().cloned().collect()
        };
        let secrets = all(&self.needs.secrets, &allowed.secrets);
        let roles = all(&self.scene.roles(), &allowed.roles);
        let missing = if secrets.is_empty() {
            MskUnmet::NoSecret
        } else {
            MskUnmet::NoRole
        };
        for_mapping(service, &secrets, &roles).ok_or(missing)
    }

    /// The cluster's subnets in zones where an endpoint has none yet: it takes one in each.
    fn one_in_each_zone(&self, taken: &[SubnetId]) -> Vec<SubnetId> {
        let zone = |id: &SubnetId| self.paths.subnet(id).map(|subnet| subnet.availability_zone.as_str());
        let mut zones: BTreeSet<&str> = taken.iter().filter_map(zone).collect();
        let mut subnets = self.place.subnets.clone();
        subnets.retain(|id| zone(id).is_some_and(|zone| zones.insert(zone)));
        subnets
    }

    fn named(&self, groups: &[Ref<GroupId>]) -> String {
        let names: Vec<String> = groups.iter().map(|group| self.steps.name(group)).collect();
        names.join(", ")
    }

    fn connection(&self) -> String {
        connection(self.vpc)
    }

    /// Whether something is ours, in whatever role.
    fn is_ours(&self, found: &BTreeMap<String, String>) -> bool {
        ownership::is_made_for(found, &self.connection(), None)
    }

    fn tags(&self, role: &str) -> BTreeMap<String, String> {
        tags_at_birth(&self.connection(), role, &self.wish.tags)
    }

    fn built(self) -> Built {
        let plan = self.steps.plan();
        let makes = |step: &Step| matches!(step.effect, Effect::Network(NetworkEffect::CreateEndpoint(_)));
        let narrows = |step: &Step| matches!(&step.effect, Effect::Network(NetworkEffect::ModifyEndpoint { wish, .. }) if wish.policy.is_some());
        let mut notes = self.notes;
        let vpc = self.vpc;
        if self.wish.restrict && plan.steps.iter().any(|step| makes(step) || narrows(step)) {
            notes.push(format!(
                "Private DNS leads all requests of {vpc} to these services to the endpoints: with --restrict only those of the poller are served."
            ));
        } else if plan.steps.iter().any(makes) {
            notes.push(format!(
                "Private DNS leads all requests of {vpc} to these services to the new endpoints: their group lets the whole VPC in."
            ));
        }
        Built {
            plan,
            pending: self.pending,
            reasons: self.reasons,
            notes,
        }
    }
}

/// An error of the findings that fail, if any do: their texts, and the commands that fix them.
fn refuse(findings: Vec<Finding>, unmet: impl FnOnce(Vec<String>, Vec<String>) -> MskUnmet) -> Result<(), MskUnmet> {
    let failing: Vec<Finding> = findings
        .into_iter()
        .filter(|finding| finding.status == Status::Fail)
        .collect();
    if failing.is_empty() {
        return Ok(());
    }
    let commands = failing.iter().flat_map(|finding| finding.remedies.clone()).collect();
    Err(unmet(
        failing.into_iter().map(|finding| finding.text).collect(),
        commands,
    ))
}

/// Whether a rule lets the services' port in from this peer, or more.
fn lets_in(rule: &Rule, peer: &RulePeer) -> bool {
    let is_from = match (&rule.peer, peer) {
        (Peer::Group(id), RulePeer::Group(Ref::Existing(wanted))) => id == wanted,
        (Peer::Cidr(range), RulePeer::Cidr(wanted)) => {
            range.parse::<ipnet::IpNet>().is_ok_and(|range| range.contains(wanted))
        }
        _ => false,
    };
    rule.lets_tcp(HTTPS) && is_from
}

/// What a policy that was narrowed to the least for a service allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Narrow {
    secrets: Vec<String>,
    roles: Vec<String>,
}

/// What an endpoint's policy allows, where it is the least for this service. Earlier versions named no role.
fn narrowed(endpoint: &Endpoint, service: &str) -> Option<Narrow> {
    let policy = PolicyDocument::read(endpoint.policy.as_ref()?).ok()?;
    let [statement] = policy.statement.as_slice() else {
        return None;
    };
    let secrets: Vec<String> = statement.resource.iter().map(str::to_owned).collect();
    let roles: Vec<String> = match &statement.principal {
        Some(Principal::Of(by_kind)) => by_kind
            .get("AWS")
            .into_iter()
            .flat_map(Texts::iter)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    };
    let is_everyones = statement.principal == Some(Principal::Everyone("*".to_owned()));
    let mut least = for_mapping(service, &secrets, if is_everyones { &secrets } else { &roles })?;
    if let ([least], true) = (least.statement.as_mut_slice(), is_everyones) {
        least.principal.clone_from(&statement.principal);
    }
    (least == policy).then_some(Narrow { secrets, roles })
}
