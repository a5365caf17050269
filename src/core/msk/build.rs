//! What `msk setup` makes: endpoints in the cluster's subnets and a group for them, or NAT gateways as `internet setup`.
//!
//! Source: docs/msk.md, "`msk setup`". The private names of an endpoint take the requests of the whole VPC: so that
//! nobody else is cut off, the group lets the whole VPC in, unless `--restrict` asks for the least. The brokers' own
//! groups are changed only where they have our tags: MSK has no operation that gives the brokers further groups, and
//! the poller has those that the cluster was made with.

use std::collections::{BTreeMap, BTreeSet};

use super::ways::{of_policy, traveller};
use super::{MskScene, Needs, is_public, services};
use crate::diagnostics::connection::dns;
use crate::diagnostics::{Finding, none_fails};
use crate::endpoint::{
    Asker, Gate, HTTPS, Naming, by_name, change, create, crossings, endpoint_tags, group_of, inbound, is_alive,
    lets_in, named, of_service, one_in_each_zone, outbound, prepare, ranges,
};
use crate::internet::{Wish, draft_for};
use crate::model::network::Own;
use crate::model::network::{Endpoint, EndpointKind};
use crate::model::{Direction, GroupId, MappingMode, MskPlacement, SecurityGroup, SubnetId, VpcId};
use crate::ownership;
use crate::plan::network::{EndpointPlan, EndpointWish, NetworkEffect, RulePeer};
use crate::plan::{Effect, Plan, Ref, Step, Steps};
use crate::policy::{PolicyDocument, Principal, Texts, for_mapping};
use crate::preconditions::{MskUnmet, Pending, Unmet};
use crate::reachability::Paths;
use crate::reachability::leg::authorize;

/// What the endpoints for a VPC's event sources are tagged with.
pub fn connection(vpc: &VpcId) -> String {
    format!("msk/{vpc}")
}

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

/// The steps to what is wanted; none where it is there. `groups` have a name of the endpoints' group.
///
/// # Errors
///
/// A requirement does not hold.
pub fn endpoints(scene: &MskScene, groups: &[SecurityGroup], wish: &EndpointsWish) -> Result<Built, MskUnmet> {
    let paths = Paths::new(&scene.network);
    let place = scene.placement();
    let mut builder = Builder::new(scene, &paths, &place, wish)?;
    builder.brokers()?;
    if builder.needs.mode == MappingMode::OnDemand {
        builder.services(groups)?;
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

    /// What is in the way of any endpoint, and of those that are made in the cluster's subnets.
    fn check_paths(&self, makes: bool) -> Result<(), MskUnmet> {
        let mut findings = Vec::new();
        if makes {
            findings.extend(crossings(self.paths, &self.asker(), "(new)", &self.place.subnets));
        }
        dns::private_names(self.paths, self.vpc, &mut findings, &mut Vec::new());
        none_fails(findings).map_err(|(findings, commands)| MskUnmet::Blocked { findings, commands })
    }

    fn naming(&self, service: &str) -> Naming<'b> {
        let region = self.scene.region();
        named(&self.scene.network, region, service, Some(&EndpointKind::Interface))
    }

    /// The endpoint that takes the requests to a service.
    fn endpoint_of(&self, service: &str) -> Option<&'b Endpoint> {
        let network = &self.scene.network;
        let mut all = of_service(network, self.vpc, self.scene.region(), service);
        all.retain(|found| is_alive(found));
        by_name(network, &all).map(|(endpoint, _)| endpoint)
    }

    fn services(&mut self, groups: &[SecurityGroup]) -> Result<(), MskUnmet> {
        let services = services(&self.needs);
        let found: Vec<(&str, Option<&Endpoint>)> = services
            .iter()
            .map(|&service| (service, self.endpoint_of(service)))
            .collect();
        self.check_paths(found.iter().any(|(_, endpoint)| endpoint.is_none()))?;
        let is_closed = |endpoint: &Endpoint| !inbound(self.paths, &self.asker(), endpoint).is_empty();
        let needs_group = found.iter().any(|(_, endpoint)| endpoint.is_none_or(is_closed));
        let existing = match group_of(groups, &self.scene.network) {
            Err(taken) if needs_group => return Err(taken.into()),
            found => found.ok().flatten(),
        };
        let has_it = |endpoint: &Endpoint| existing.is_some_and(|group| endpoint.groups.contains(&group.id));
        let is_used = found.iter().any(|(_, endpoint)| endpoint.is_some_and(has_it));
        let group = (needs_group || is_used).then(|| self.group(existing, &found));
        for (service, endpoint) in found {
            match (endpoint, &group) {
                (Some(endpoint), group) => self.fix(service, endpoint, group.as_ref())?,
                (None, Some(group)) => self.create(service, group)?,
                // An endpoint that is missing needs the group.
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// The endpoints' group, with the steps that let the poller in.
    fn group(&mut self, existing: Option<&SecurityGroup>, found: &[(&str, Option<&Endpoint>)]) -> Ref<GroupId> {
        // What was narrowed once is not opened again.
        let is_narrow = |(service, endpoint): &(&str, Option<&Endpoint>)| {
            endpoint.is_some_and(|endpoint| self.is_ours(&endpoint.tags) && narrowed(endpoint, service).is_some())
        };
        // A new endpoint takes the requests of the whole VPC, and would cut off whoever is not let in.
        let makes = found.iter().any(|(_, endpoint)| endpoint.is_none());
        let narrow = self.wish.restrict || !makes && found.iter().any(is_narrow);
        let mut all = ranges(self.paths, self.vpc);
        all.retain(|peer| matches!(peer, RulePeer::Cidr(range) if range.addr().is_ipv4()));
        let open = existing.filter(|group| lets_in(group, &all));
        let mut peers: Vec<RulePeer> = Vec::new();
        if let Some(group) = open {
            if self.wish.restrict {
                self.notes.push(format!(
                    "{} already lets all of {} in and is left so: --restrict limits only the policies of the endpoints.",
                    group.id, self.vpc
                ));
            }
        } else {
            peers.extend(self.brokers_group().into_iter().map(RulePeer::Group));
            peers.extend(all.into_iter().filter(|_| !narrow));
        }
        let (steps, reasons) = (&mut self.steps, &mut self.reasons);
        prepare(steps, reasons, self.vpc, existing, &peers, &self.wish.tags)
    }

    fn brokers_group(&self) -> Option<Ref<GroupId>> {
        self.place.groups.first().cloned().map(Ref::Existing)
    }

    fn create(&mut self, service: &str, group: &Ref<GroupId>) -> Result<(), MskUnmet> {
        let naming = self.naming(service);
        let name = naming.name().unwrap_or(service).to_owned();
        self.reasons.push(format!(
            "{} has no interface endpoint {name} with private DNS.",
            self.vpc
        ));
        let subnets = one_in_each_zone(self.paths, &self.place.subnets, &[], &naming);
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
        groups.extend(self.brokers_group().filter(|_| self.joins));
        let least = self.wish.restrict.then(|| self.least(service, &Narrow::default()));
        let plan = EndpointPlan {
            vpc: self.vpc.clone(),
            service: name,
            subnets,
            groups,
            route_tables: Vec::new(),
            policy: least.transpose()?.map(|least| least.to_string()),
            tags: endpoint_tags(&connection(self.vpc), service, &self.wish.tags),
        };
        create(&mut self.steps, plan);
        Ok(())
    }

    /// What an endpoint that takes the VPC's requests lacks. To one that is not ours, groups are added only: it is reached
    /// from every subnet of the VPC, and each further zone is charged for.
    fn fix(&mut self, service: &str, endpoint: &Endpoint, group: Option<&Ref<GroupId>>) -> Result<(), MskUnmet> {
        if endpoint.state != "available" {
            self.pending.push(Pending::Available {
                what: format!("endpoint {} ({})", endpoint.id, endpoint.service),
            });
            return Ok(());
        }
        let mut wish = EndpointWish::default();
        if self.is_ours(&endpoint.tags) || endpoint.subnets.is_empty() {
            let naming = self.naming(service);
            wish.add_subnets = one_in_each_zone(self.paths, &self.place.subnets, &endpoint.subnets, &naming);
        }
        let lacks = |group: &Ref<GroupId>| !group.existing().is_some_and(|id| endpoint.groups.contains(id));
        if !inbound(self.paths, &self.asker(), endpoint).is_empty() {
            wish.add_groups.extend(group.filter(|group| lacks(group)).cloned());
        }
        if self.joins && !self.outbound(endpoint).is_empty() {
            wish.add_groups.extend(self.brokers_group().filter(lacks));
        }
        if self.wish.restrict {
            wish.policy = self.narrower(service, endpoint)?;
        }
        self.check_rest(service, endpoint, &wish)?;
        if let Some(what) = change(&mut self.steps, endpoint, wish) {
            let (id, name) = (&endpoint.id, &endpoint.service);
            self.reasons
                .push(format!("Endpoint {id} ({name}) must be changed: {what}."));
        }
        Ok(())
    }

    fn outbound(&self, endpoint: &Endpoint) -> Vec<Finding> {
        let (id, groups) = (endpoint.id.as_str(), &endpoint.groups);
        outbound(self.paths, &self.asker(), id, &endpoint.subnets, groups)
    }

    /// What no step fixes is an error, before the first write.
    fn check_rest(&self, service: &str, endpoint: &Endpoint, wish: &EndpointWish) -> Result<(), MskUnmet> {
        let mut findings = Vec::new();
        if wish.policy.is_none() {
            let function = self.scene.function.as_ref();
            findings.extend(of_policy(&self.needs, function, service, endpoint));
        }
        let subnets: Vec<SubnetId> = endpoint.subnets.iter().chain(&wish.add_subnets).cloned().collect();
        findings.extend(crossings(self.paths, &self.asker(), endpoint.id.as_str(), &subnets));
        if !self.joins {
            findings.extend(self.outbound(endpoint));
        }
        none_fails(findings).map_err(|(findings, commands)| MskUnmet::Endpoint {
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
                "The policy of endpoint {} ({}) is left unchanged: `msk setup` did not create it, and others may need what it allows.",
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

    /// Whether an endpoint was made for event sources.
    fn is_ours(&self, found: &BTreeMap<String, String>) -> bool {
        ownership::is_made_for(found, &connection(self.vpc), None)
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
