//! What fixes a connection by only adding something: a rule in a new group, a route to an existing peering connection,
//! DNS on it. Network ACLs and the groups of others are reported, and not changed.
//!
//! Source: docs/network.md, "`diagnose --fix`" and "Two VPCs: `setup --cross-vpc`". Within one VPC the groups are those
//! of `setup`; across two they have the usual names, and rules for the ranges of the other side's subnets.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use crate::decide::decide;
use crate::diagnostics::connection::{Diagnosis, Scene, diagnose, diagnose_across, diagnose_command, legs};
use crate::diagnostics::{Check, Status};
use crate::model::network::{Destination, Part, RouteTarget};
use crate::model::{
    Direction, GroupId, GroupQuota, Observation, Peer, PeeringId, Protocol, ResourceTags, RouteTableId, SecurityGroup,
    Side, SubnetId, VpcId,
};
use crate::naming::{Convention, smallest_free_number};
use crate::ownership::{self, For, Names, Way};
use crate::plan::network::{NetworkEffect, RulePeer, Via};
use crate::plan::{Effect, Plan, Ref, Request, Step, Steps, plan, tags_at_birth};
use crate::preconditions::{
    CrossVpcUnmet, Facts, Making, Pending, Unmet, ask, check_identity, check_quotas, check_states, states_of,
    versions_stay,
};
use crate::reachability::leg::authorize;
use crate::reachability::leg::{Leg, Missing, missing};
use crate::reachability::{Addresses, Paths, RouteFault};
use crate::tags;

/// How much is to be fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All that adding can fix: `diagnose --fix`.
    Everything,
    /// The security groups across two VPCs, where nothing else is amiss: `setup --cross-vpc`.
    GroupsAcrossVpcs,
}

/// What is fixed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Both ends, and all that is between them.
    pub scene: Scene,
    /// The groups of both VPCs whose names are of the convention.
    pub groups: Vec<SecurityGroup>,
    /// The connection as `setup` sees it, where it is within one VPC.
    pub observation: Option<Observation>,
    /// The tags by which the owners of the function and the proxy are known.
    pub tags: ResourceTags,
}

impl Seen {
    /// The VPC of a side.
    pub fn vpc(&self, side: Side) -> &VpcId {
        let scene = &self.scene;
        let of_function = scene.function.vpc.as_ref().map(|vpc| &vpc.vpc);
        match side {
            Side::Function => of_function.unwrap_or(&scene.database.vpc),
            Side::Proxy => scene.proxy.as_ref().map_or(&scene.database.vpc, |proxy| &proxy.vpc),
            Side::Database => &scene.database.vpc,
        }
    }

    /// The group of a side that an earlier run created for this connection.
    pub fn own_group(&self, side: Side) -> Option<&SecurityGroup> {
        let made_for = For::Function(&self.scene.function.name);
        let (way, names) = (self.way(), Names::new(&self.groups));
        self.groups.iter().find(|group| {
            group.vpc == *self.vpc(side) && ownership::judge(group, side, &way, made_for, &names).is_credible()
        })
    }

    /// The way to the database.
    pub fn way(&self) -> Way {
        let Scene { database, proxy, .. } = &self.scene;
        Way::new(
            database.kind,
            &database.id,
            proxy.as_ref().map(|proxy| proxy.name.as_str()),
        )
    }
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fixing {
    /// The steps.
    pub plan: Plan,
    /// What is amiss.
    pub reasons: Vec<String>,
    /// What adding does not fix, each with what does.
    pub left: Vec<String>,
    /// What has to end before the resources take another group.
    pub pending: Vec<Pending>,
    /// What else the user should know.
    pub notes: Vec<String>,
}

/// What fixes a connection.
///
/// # Errors
///
/// A requirement does not hold.
pub fn fix(seen: &Seen, scope: Scope, request: &Request) -> Result<Fixing, Unmet> {
    let scene = &seen.scene;
    let facts = Facts {
        function: Some(&scene.function),
        ..Facts::default()
    };
    ask(&[Making::FunctionNetwork], &facts)?;
    let diagnosis = match scope {
        Scope::GroupsAcrossVpcs => diagnose_across(scene),
        Scope::Everything => diagnose(scene),
    };
    // What is reached over the internet has no legs.
    let legs = if diagnosis.legs.is_empty() {
        Vec::new()
    } else {
        legs(scene)
    };
    if scope == Scope::GroupsAcrossVpcs {
        check_ready(scene, &diagnosis, &legs)?;
    }
    let paths = Paths::new(&scene.network);
    let mut builder = Builder {
        seen,
        request,
        steps: Steps::default(),
        pending: Vec::new(),
        notes: Vec::new(),
    };
    let mut fixed = BTreeSet::new();
    let (to_endpoint, others) = legs.split_at(usize::from(scene.endpoint.is_some()).min(legs.len()));
    let mut gaps: Vec<Missing> = others.iter().flat_map(|leg| missing(&paths, leg)).collect();
    let mut checks = diagnosis.checks.iter();
    if checks.any(|check| check.id == "security-groups" && check.status == Status::Unknown) {
        gaps.clear();
    }
    let before: Vec<Missing> = to_endpoint.iter().flat_map(|leg| missing(&paths, leg)).collect();
    if !gaps.is_empty() || builder.after_setup(&before) != before {
        builder.groups(&legs, &gaps)?;
    }
    if !builder.steps.is_empty() {
        fixed.insert("security-groups");
        let after = builder.after_setup(&before);
        let told = to_endpoint
            .iter()
            .flat_map(|leg| after.iter().flat_map(|gap| by_hand(leg, gap)));
        builder.notes.extend(told);
    }
    if scope == Scope::Everything {
        for leg in legs.iter().filter(|leg| !leg.is_within_vpc()) {
            if builder.routes(&paths, leg) {
                fixed.insert("routes");
            }
            if builder.dns(&paths, leg) {
                fixed.insert("dns");
            }
        }
    }
    let changes_function = |step: &Step| matches!(step.effect, Effect::AssociateFunction { .. });
    let notes = builder
        .steps
        .iter()
        .any(changes_function)
        .then(|| versions_stay(&scene.function));
    let notes = notes.into_iter().collect();
    let is_fixed = |check: &&Check| fixed.contains(check.id.as_str());
    let told_of = |check: &&Check| check.status == Status::Fail || (check.status != Status::Pass && is_fixed(check));
    let (reasons, left): (Vec<&Check>, Vec<&Check>) = diagnosis.checks.iter().filter(told_of).partition(is_fixed);
    Ok(Fixing {
        plan: builder.steps.plan(),
        reasons: reasons
            .into_iter()
            .map(|check| format!("{}: {}.", check.id, check.message))
            .collect(),
        left: left.into_iter().flat_map(told).chain(builder.notes).collect(),
        notes,
        pending: builder.pending,
    })
}

/// What the groups on the way to an endpoint of a proxy do not let through: no group of this program is for that.
fn by_hand(leg: &Leg<'_>, gap: &Missing) -> Vec<String> {
    let (own, words) = match gap.direction {
        Direction::Egress => (&leg.from, format!("out of {} to {}", leg.from.name, leg.to.name)),
        Direction::Ingress => (&leg.to, format!("into {} from {}", leg.to.name, leg.from.name)),
    };
    let range = |range: &IpNet| match range {
        IpNet::V4(range) => format!("IpRanges=[{{CidrIp={range}}}]"),
        IpNet::V6(range) => format!("Ipv6Ranges=[{{CidrIpv6={range}}}]"),
    };
    let what = format!(
        "Not fixed, security-groups: {words}, no group lets tcp {} through",
        gap.port
    );
    let Some(group) = own.groups.first() else {
        return vec![format!("{what}, and {} has no security group.", own.name)];
    };
    let commands = gap.ranges.iter().map(range);
    lines(
        &format!("{what}."),
        commands.map(|ranges| authorize(group, gap.direction, gap.port, &ranges)),
    )
}

/// A check that adding does not fix, and a line for each further command of its remedy.
fn told(check: &Check) -> Vec<String> {
    let lead = format!("Not fixed, {}: {}.", check.id, check.message);
    let commands = check.remedy.iter().flat_map(|remedy| remedy.lines());
    lines(&lead, commands.map(str::to_owned))
}

/// What is not fixed, with the first command, and a line for each further one.
fn lines(lead: &str, mut commands: impl Iterator<Item = String>) -> Vec<String> {
    let first = match commands.next() {
        Some(command) => format!("{lead} By hand: {command}"),
        None => lead.to_owned(),
    };
    let rest = commands.map(|command| format!("And by hand: {command}"));
    std::iter::once(first).chain(rest).collect()
}

/// Source: docs/network.md, "Two VPCs: `setup --cross-vpc`".
fn check_ready(scene: &Scene, diagnosis: &Diagnosis, legs: &[Leg<'_>]) -> Result<(), CrossVpcUnmet> {
    if !legs.is_empty() && legs.iter().all(Leg::is_within_vpc) {
        return Err(CrossVpcUnmet::SameVpc {
            vpc: scene.database.vpc.clone(),
        });
    }
    let mut others = diagnosis.checks.iter().filter(|check| check.id != "security-groups");
    match others.find(|check| check.status == Status::Fail) {
        None => Ok(()),
        Some(check) => Err(CrossVpcUnmet::NotReady {
            check: check.id.clone(),
            message: check.message.clone(),
            diagnose: diagnose_command(&scene.database, &scene.function, scene.proxy.as_ref()),
        }),
    }
}

struct Builder<'s> {
    seen: &'s Seen,
    request: &'s Request,
    steps: Steps,
    pending: Vec<Pending>,
    notes: Vec<String>,
}

impl Builder<'_> {
    /// What of this, between the function and an endpoint of the proxy, the groups of `setup` leave as it is. They lead to the
    /// proxy, and to the endpoint only if it has the proxy's groups.
    fn after_setup(&self, before: &[Missing]) -> Vec<Missing> {
        let Seen { scene, observation, .. } = self.seen;
        let is_accepted = |observation: &&Observation| !before.is_empty() && check_identity(observation).is_ok();
        let Some(observation) = observation.as_ref().filter(is_accepted) else {
            return before.to_vec();
        };
        let plan = plan(&decide(observation), self.request);
        let mut after = scene.clone();
        if let Part::Read(groups) = &mut after.network.groups {
            for group in &observation.groups {
                if groups.iter().all(|known| known.id != group.id) {
                    groups.push(group.clone());
                }
            }
        }
        for step in &plan.steps {
            if let (Effect::AssociateFunction { group, .. }, Some(vpc)) = (&step.effect, &mut after.function.vpc)
                && let Ref::Existing(id) = group
            {
                vpc.groups = vpc.groups.clone().with(id.clone());
            }
        }
        let paths = Paths::new(&after.network);
        let legs = legs(&after);
        legs.first().map(|leg| missing(&paths, leg)).unwrap_or_default()
    }

    /// Groups that let through what no group does.
    fn groups(&mut self, legs: &[Leg<'_>], gaps: &[Missing]) -> Result<(), Unmet> {
        if let (true, Some(observation)) = (legs.iter().all(Leg::is_within_vpc), &self.seen.observation) {
            check_identity(observation)?;
            let assessment = decide(observation);
            let plan = plan(&assessment, self.request);
            check_quotas(&assessment, &plan)?;
            if !plan.is_empty() {
                self.pending = check_states(observation, false)?;
            }
            self.steps = Steps::of(&plan);
            return Ok(());
        }
        let scene = &self.seen.scene;
        self.ask_across()?;
        let mut by_side: BTreeMap<Side, Vec<&Missing>> = BTreeMap::new();
        for gap in gaps {
            by_side.entry(gap.side).or_default().push(gap);
        }
        let sides: BTreeSet<Side> = by_side.keys().copied().collect();
        self.pending = states_of(&sides, &scene.database, &scene.function, scene.proxy.as_ref())?;
        let number = self.free_number(sides.into_iter());
        let mut ready = Vec::new();
        let mut groups = Vec::new();
        for (side, gaps) in &by_side {
            let (group, steps) = self.group(*side, gaps, number);
            ready.extend(steps);
            groups.push((*side, group));
        }
        for (side, group) in groups {
            self.associate(side, &group, &ready)?;
        }
        Ok(())
    }

    /// The requirements of a connection across two VPCs.
    fn ask_across(&self) -> Result<(), Unmet> {
        let Scene {
            database,
            function,
            proxy,
            network,
            ..
        } = &self.seen.scene;
        let mut vpcs = network.vpcs.known().into_iter().flatten();
        let facts = Facts {
            function: Some(function),
            database: Some(database),
            proxy: proxy.as_ref(),
            vpc_owner: vpcs
                .find(|vpc| vpc.id == database.vpc)
                .and_then(|vpc| vpc.owner.as_deref()),
            ..Facts::default()
        };
        let mut makes = vec![Making::ConnectionAcross, Making::FunctionNetwork];
        makes.extend(proxy.is_some().then_some(Making::Through));
        ask(&makes, &facts)
    }

    /// For the sides whose group is still to be made. One that an earlier run has just made may not be visible yet: then
    /// its name is taken, and the run looks again.
    fn free_number(&self, sides: impl Iterator<Item = Side>) -> u64 {
        let through_proxy = self.seen.scene.proxy.is_some();
        let sides = sides.filter(|side| self.seen.own_group(*side).is_none());
        let conventions: Vec<Convention> = sides.map(|side| Convention::for_new(side, through_proxy)).collect();
        smallest_free_number(&conventions, self.seen.groups.iter().map(|group| group.name.as_str()))
    }

    fn connection(&self) -> String {
        self.seen.scene.connection_id()
    }

    fn describe(&self, side: Side) -> String {
        let scene = &self.seen.scene;
        match side {
            Side::Function => format!("function {}", scene.function.name),
            Side::Proxy => scene
                .proxy
                .as_ref()
                .map_or_else(String::new, |proxy| format!("proxy {}", proxy.name)),
            Side::Database => scene.database.to_string(),
        }
    }

    /// The group of a side with the rules that are missing, and the steps that make it so.
    fn group(&mut self, side: Side, gaps: &[&Missing], number: u64) -> (Ref<GroupId>, Vec<u32>) {
        let own = self.seen.own_group(side).cloned();
        let mut steps = Vec::new();
        let (reference, name) = if let Some(group) = &own {
            (Ref::Existing(group.id.clone()), group.name.clone())
        } else {
            let name = Convention::for_new(side, self.seen.scene.proxy.is_some()).name(number);
            let created = self.create(side, &name);
            steps.push(created);
            (Ref::Step(created), name)
        };
        let has_default = own
            .as_ref()
            .is_none_or(|group| group.egress.iter().any(crate::model::Rule::is_default_egress));
        let resource = own.as_ref().map_or_else(|| name.clone(), |group| group.id.to_string());
        if has_default {
            let revoked = self
                .steps
                .revoke_default_egress(reference.clone(), &name, &resource, &[]);
            steps.push(revoked);
        }
        let before = steps.clone();
        for gap in gaps {
            for cidr in &gap.ranges {
                let is_there = own.as_ref().is_some_and(|group| has_rule(group, gap, *cidr));
                if is_there {
                    continue;
                }
                let effect = Effect::AddRule {
                    direction: gap.direction,
                    group: reference.clone(),
                    port: gap.port,
                    peer: RulePeer::Cidr(*cidr),
                    description: self.connection(),
                };
                let summary = format!("{name}: {} tcp {} for {cidr}", gap.direction, gap.port);
                steps.push(self.steps.add(effect, &resource, summary, &before));
            }
        }
        (reference, steps)
    }

    fn create(&mut self, side: Side, name: &str) -> u32 {
        let vpc = self.seen.vpc(side).clone();
        let function = &self.seen.scene.function.name;
        let effect = Effect::CreateSecurityGroup {
            side: Some(side),
            name: name.to_owned(),
            vpc: vpc.clone(),
            description: self.seen.way().description_across_vpcs(side, function),
            tags: tags_at_birth(&self.connection(), tags::role(side), &self.request.tags),
            existing: None,
        };
        let summary = format!("security group {name} in {vpc}, for {}", self.describe(side));
        self.steps.add(effect, name, summary, &[])
    }

    /// Puts a group on its resource, unless it is there.
    fn associate(&mut self, side: Side, group: &Ref<GroupId>, after: &[u32]) -> Result<(), Unmet> {
        let scene = &self.seen.scene;
        let present: Vec<GroupId> = match (side, &scene.proxy) {
            (Side::Function, _) => scene.function.groups().iter().cloned().collect(),
            (Side::Database, _) => scene.database.groups().iter().cloned().collect(),
            (Side::Proxy, Some(proxy)) => proxy.groups.iter().cloned().collect(),
            (Side::Proxy, None) => Vec::new(),
        };
        if group.existing().is_some_and(|id| present.contains(id)) {
            return Ok(());
        }
        // Across two VPCs the account's quota is not read.
        let quota = GroupQuota::Unread("it is not read for two VPCs".to_owned());
        let most = quota.most(side);
        self.notes.extend(
            quota
                .warning(side, &self.describe(side), present.len() + 1)
                .map(|note| format!("{note}.")),
        );
        if present.len() >= most {
            return Err(Unmet::TooManyGroups {
                resource: self.describe(side),
                count: present.len(),
                most,
                groups: present.iter().map(ToString::to_string).collect(),
                could_go: None,
                without_rules: None,
            });
        }
        let group = group.clone();
        let (effect, resource) = match (side, &scene.proxy) {
            (Side::Proxy, Some(proxy)) => {
                let name = proxy.name.clone();
                (Effect::AssociateProxy { name, group }, proxy.arn.clone())
            }
            (Side::Function, _) => {
                let function = scene.function.arn.clone();
                (
                    Effect::AssociateFunction { function, group },
                    scene.function.arn.clone(),
                )
            }
            _ => {
                let (kind, id) = (scene.database.kind, scene.database.id.clone());
                (
                    Effect::AssociateDatabase { kind, id, group },
                    scene.database.arn.clone(),
                )
            }
        };
        let summary = format!("{}: add its new security group", self.describe(side));
        self.steps.add(effect, resource, summary, after);
        Ok(())
    }

    /// Routes to a peering connection that is there, where no route leads to the other VPC. Whether there are any.
    fn routes(&mut self, paths: &Paths<'_>, leg: &Leg<'_>) -> bool {
        let mut wanted: BTreeSet<(RouteTableId, IpNet, PeeringId)> = BTreeSet::new();
        for &from in &leg.from.subnets {
            for &to in &leg.to.subnets {
                for (near, far) in [(from, to), (to, from)] {
                    wanted.extend(missing_routes(paths, near, far));
                }
            }
        }
        for (table, destination, peering) in &wanted {
            let effect = NetworkEffect::CreateRoute {
                table: Ref::Existing(table.clone()),
                destination: *destination,
                via: Via::Existing(RouteTarget::Peering(peering.clone())),
            };
            let summary = format!("{table}: route {destination} to {peering}");
            self.steps.add(effect, table.as_str(), summary, &[]);
        }
        !wanted.is_empty()
    }

    /// DNS on the peering connection, on the sides of this account. Whether there is anything to allow.
    fn dns(&mut self, paths: &Paths<'_>, leg: &Leg<'_>) -> bool {
        let peerings = paths.peerings(leg.from.vpc, leg.to.vpc);
        let Some(peering) = peerings.first().filter(|peering| peering.is_active()) else {
            return false;
        };
        let account = self.seen.scene.database.account();
        let is_off = |side: &crate::model::network::PeeringSide| {
            side.resolves_for_peer == Some(false) && (side.owner.is_none() || side.owner.as_deref() == account)
        };
        let (requester, accepter) = (is_off(&peering.requester), is_off(&peering.accepter));
        if !requester && !accepter {
            return false;
        }
        let effect = NetworkEffect::AllowPeeringDns {
            peering: peering.id.clone(),
            requester,
            accepter,
        };
        let summary = format!("{}: resolve names to private addresses for the other VPC", peering.id);
        self.steps.add(effect, peering.id.as_str(), summary, &[]);
        true
    }
}

fn has_rule(group: &SecurityGroup, gap: &Missing, cidr: IpNet) -> bool {
    group.rules(gap.direction).iter().any(|rule| {
        let port = i32::from(gap.port);
        rule.protocol == Protocol::Tcp
            && rule.ports.is_some_and(|ports| (ports.from, ports.to) == (port, port))
            && rule.peer == Peer::Cidr(cidr.to_string())
    })
}

/// The routes that lead a subnet to another one's VPC, where nothing leads there and an active connection could. A
/// default route may lead the traffic out: a longer prefix takes it back.
fn missing_routes(paths: &Paths<'_>, near: &SubnetId, far: &SubnetId) -> Vec<(RouteTableId, IpNet, PeeringId)> {
    let (Some(from), Some(to)) = (paths.subnet(near), paths.subnet(far)) else {
        return Vec::new();
    };
    let peerings = paths.peerings(&from.vpc, &to.vpc);
    let Some(peering) = peerings.first().filter(|peering| peering.is_active()) else {
        return Vec::new();
    };
    let ways = paths.ways(near, far, false).unwrap_or_default();
    let amiss = ways
        .iter()
        .filter(|way| matches!(way.fault, Some(RouteFault::None | RouteFault::Outward)));
    let cidrs = peering.side(&to.vpc).map(|side| side.cidrs.clone()).unwrap_or_default();
    let mut routes = Vec::new();
    for way in amiss {
        let covers = |cidr: &&IpNet| Addresses::from(**cidr).intersection(&way.hop.addresses).is_some();
        let table = way.hop.table;
        let is_free = |cidr: &&IpNet| {
            !table
                .routes
                .iter()
                .any(|route| route.destination == Destination::Cidr(**cidr))
        };
        let of_side = cidrs.iter().filter(covers).filter(is_free);
        routes.extend(of_side.map(|cidr| (table.id.clone(), *cidr, peering.id.clone())));
    }
    routes
}
