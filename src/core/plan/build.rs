//! Turns a decision into steps.

use std::collections::{BTreeMap, BTreeSet};

use super::half_made::{self, HalfMade, Wanted, wanted_rules};
use super::network::RulePeer;
use super::{Effect, Made, Plan, Ref, RemovalEffect, Step, StepStatus, Steps, repair};
use crate::decide::{Assessment, Decision};
use crate::model::{Direction, GroupId, Observation, Rule, SecurityGroup, Side, VpcId};
use crate::naming::{Convention, smallest_free_number};
use crate::ownership::{Names, Way};
use crate::removal::Removable;
use crate::restore::Lists;

/// What the user asked for, beyond the names of the resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Further tags for all that is created (`--tag K=V`).
    pub tags: BTreeMap<String, String>,
    /// The rules of our own groups that someone has changed are restored, instead of making a new set (`--repair`).
    pub repair: bool,
    /// Groups that AWS has said in this run to be at their quota of rules this way: one of their rules that do not belong
    /// is revoked before another is granted.
    pub full: BTreeSet<(GroupId, Direction)>,
    /// Names of groups that other connections of the same run are about to create, by VPC: their numbers are taken.
    pub reserved: BTreeSet<(VpcId, String)>,
}

/// The steps that carry out the decision. Equal observations give equal plans, in whatever order their
/// groups were read.
pub fn plan(assessment: &Assessment<'_>, request: &Request) -> Plan {
    let observation = assessment.observation;
    let mut builder = Builder {
        observation,
        request,
        steps: Steps::default(),
    };
    let number = match &assessment.decision {
        Decision::NoOp => {
            builder.set_back_changed();
            None
        }
        Decision::AssociateExisting { function, proxy } => {
            let groups = [(Side::Proxy, proxy), (Side::Function, function)]
                .into_iter()
                .filter_map(|(side, group)| Some((side, Ref::Existing(group.clone()?))));
            let ready = builder.set_back_changed();
            builder.connect(&groups.collect(), ready);
            None
        }
        Decision::CreateNew => builder.create_set(),
    };
    Plan {
        number,
        ..builder.steps.plan()
    }
}

/// The steps that restore what was on the lists that this run has written, and is gone; `found` is what was observed
/// after its writes, and `seen` what it has read before (see [`crate::restore`]).
pub fn put_back(found: &Observation, plan: &Plan, seen: &Lists) -> Vec<Step> {
    let request = Request::default();
    let mut builder = Builder {
        observation: found,
        request: &request,
        steps: Steps::of(plan),
    };
    for side in [Side::Database, Side::Proxy] {
        if !plan.has_written_to(side) {
            continue;
        }
        for group in seen.taken_off(found, side) {
            let (resource, name) = (found.describe(side), &group.name);
            let step = builder.associate(side, Ref::Existing(group.id.clone()), &[]);
            let again = format!(
                "{resource}: associate {name} ({}) again, which another process disassociated",
                group.id
            );
            builder.steps.set_summary(step, again);
        }
    }
    builder.steps.since(plan.steps.len())
}

/// The step that deletes the groups of `made`, which this run created and `plan` does not use: another name of their
/// set was taken meanwhile, or another set is complete. It comes last, so that nothing depends on it.
pub fn take_back(observation: &Observation, plan: &Plan, made: &BTreeSet<GroupId>) -> Option<Step> {
    let is_used = |id: &GroupId| {
        let mut sides = observation.sides().iter();
        plan.steps.iter().any(|step| step.effect.speaks_of(id))
            || sides.any(|side| observation.groups_on(*side).contains(id))
    };
    let is_own_rule = |rule: &Rule| {
        let peer = rule.peer.group();
        rule.is_default_egress() || peer.is_some_and(|peer| made.contains(peer) && !is_used(peer))
    };
    let in_vain: Vec<(&SecurityGroup, Removable)> = observation
        .groups
        .iter()
        .filter(|group| made.contains(&group.id) && !is_used(&group.id))
        .filter(|group| group.ingress.iter().chain(&group.egress).all(is_own_rule))
        .filter_map(|group| {
            let mut sides = observation.sides().iter();
            Some((
                group,
                sides.find_map(|side| Removable::made_alone(group, *side, observation))?,
            ))
        })
        .collect();
    let (groups, removable): (Vec<&SecurityGroup>, Vec<Removable>) = in_vain.into_iter().unzip();
    if groups.is_empty() {
        return None;
    }
    let names: Vec<String> = groups
        .iter()
        .map(|group| format!("{} ({})", group.name, group.id))
        .collect();
    let ids: Vec<&str> = groups.iter().map(|group| group.id.as_str()).collect();
    let mut steps = Steps::of(plan);
    let summary = format!(
        "security groups {}, which this run created and does not need",
        names.join(", ")
    );
    let effect = RemovalEffect::TakeBack { groups: removable };
    steps.add(effect, ids.join(", "), summary, &[]);
    steps.since(plan.steps.len()).pop()
}

/// The steps that associate again what someone has disassociated since this run associated it, counted from `from`.
/// None where more than that was undone: what people change is theirs.
pub fn do_again(assessment: &Assessment<'_>, request: &Request, from: u32) -> Vec<Step> {
    let mut steps = plan(assessment, request).steps;
    steps.retain(|step| step.status == StepStatus::Planned);
    let associates = |step: &Step| step.effect.associates().is_some() && !step.effect.creates();
    if !steps.iter().all(associates) {
        return Vec::new();
    }
    for (id, step) in (from + 1..).zip(&mut steps) {
        (step.id, step.after) = (id, Vec::new());
        step.summary += ", again";
    }
    steps
}

/// The group that each side gets.
pub(super) type Groups = BTreeMap<Side, Ref<GroupId>>;

/// The steps that make room for others, by the side and the way in which they do.
type MadeRoom = BTreeMap<(Side, Direction), Vec<u32>>;

pub(super) struct Builder<'a> {
    pub(super) observation: &'a Observation,
    pub(super) request: &'a Request,
    pub(super) steps: Steps,
}

impl<'a> Builder<'a> {
    /// Creates or completes a set, and associates it. None while the database has no port, which the
    /// requirements refuse before.
    fn create_set(&mut self) -> Option<u64> {
        let observation = self.observation;
        let wanted = wanted_rules(observation)?;
        let sides = observation.sides();
        let through_proxy = observation.proxy.is_some();
        let begun = half_made::find(observation, &wanted);
        let changed =
            || half_made::in_use(observation).find(|set| self.request.repair && repair::is_proven(set, observation));
        let set = begun.or_else(changed).unwrap_or_else(|| HalfMade {
            function: &observation.function.name,
            groups: BTreeMap::new(),
            number: {
                let conventions = sides.iter().map(|side| Convention::for_new(*side, through_proxy));
                let names = observation
                    .groups
                    .iter()
                    .filter(|group| group.vpc == observation.database.vpc)
                    .map(|group| group.name.as_str());
                let reserved = self.request.reserved.iter();
                let reserved = reserved.filter(|(vpc, _)| *vpc == observation.database.vpc);
                let names = names.chain(reserved.map(|(_, name)| name.as_str()));
                smallest_free_number(&conventions.collect::<Vec<_>>(), names)
            },
        });

        let is_repaired = self.request.repair && set.is_in_use(observation);
        let mut created: BTreeMap<Side, u32> = BTreeMap::new();
        for side in sides {
            created.insert(*side, self.create_group(*side, &set));
        }
        let mut ready = Vec::new();
        for side in sides {
            let group = set.reference(*side, &created);
            let done = set.groups.contains_key(side) && !set.has_default_egress(*side);
            // In a group that is in use, grants come first.
            if is_repaired && !done && set.groups.contains_key(side) {
                continue;
            }
            let name = Convention::for_new(*side, through_proxy).name(set.number);
            let resource = set.resource(*side, &name);
            let step = self
                .steps
                .revoke_default_egress(group, &name, &resource, &[created[side]]);
            self.mark_done(step, done);
            ready.push(step);
        }
        let made_room = if is_repaired {
            self.make_room(&set, &wanted, &created)
        } else {
            MadeRoom::new()
        };
        ready.extend(made_room.values().flatten());
        for rule in &wanted {
            let granted = self.authorize(*rule, &set, &created, &made_room);
            ready.push(granted);
        }
        let others = self.changed_sets(Some(set.number));
        ready.extend(self.grant_missing(&others, &wanted));
        let granted = ready.clone();
        if is_repaired {
            ready.extend(self.revoke_strays(&set, &wanted, &granted));
        }
        for other in &others {
            ready.extend(self.revoke_strays(other, &wanted, &granted));
        }
        ready.extend(self.unmark(&set, &ready));
        let groups = sides.iter().map(|side| (*side, set.reference(*side, &created)));
        self.connect(&groups.collect(), ready);
        Some(set.number)
    }

    /// Sets the rules of sets back that are in use, though another set serves the connection.
    fn set_back_changed(&mut self) -> Vec<u32> {
        let sets = self.changed_sets(None);
        let Some(wanted) = wanted_rules(self.observation).filter(|_| !sets.is_empty()) else {
            return Vec::new();
        };
        let mut steps = self.grant_missing(&sets, &wanted);
        let granted = steps.clone();
        for set in &sets {
            steps.extend(self.revoke_strays(set, &wanted, &granted));
        }
        steps
    }

    /// The sets of this connection that are in use and are to be restored, except one.
    fn changed_sets(&self, except: Option<u64>) -> Vec<HalfMade<'a>> {
        let observation: &'a Observation = self.observation;
        let sets = half_made::in_use(observation).filter(|set| Some(set.number) != except);
        sets.filter(|set| self.request.repair && repair::is_proven(set, observation))
            .collect()
    }

    /// Grants the rules that sets lack, between groups that are there.
    fn grant_missing(&mut self, sets: &[HalfMade<'_>], wanted: &[Wanted]) -> Vec<u32> {
        let mut granted = Vec::new();
        for set in sets {
            let made_room = self.make_room(set, wanted, &BTreeMap::new());
            granted.extend(made_room.values().flatten());
            let is_there = |(side, _, _, peer): &&Wanted| [side, peer].iter().all(|side| set.groups.contains_key(side));
            for rule in wanted.iter().filter(is_there).filter(|rule| !set.has(**rule)) {
                granted.push(self.authorize(*rule, set, &BTreeMap::new(), &made_room));
            }
        }
        granted
    }

    /// Revokes what must be revoked before others can be granted.
    fn make_room(&mut self, set: &HalfMade<'_>, wanted: &[Wanted], created: &BTreeMap<Side, u32>) -> MadeRoom {
        let mut made_room = MadeRoom::new();
        for (side, direction, rule) in repair::to_make_room(set, wanted, &self.request.full) {
            let after = created.get(&side).copied();
            let revoked = self.revoke_stray(set, side, direction, &rule, after.as_slice(), true);
            made_room.entry((side, direction)).or_default().extend(revoked);
        }
        made_room
    }

    /// Revokes what does not belong to groups of ours, once all that belongs is granted: each rule by a step of its own.
    fn revoke_strays(&mut self, set: &HalfMade<'_>, wanted: &[Wanted], granted: &[u32]) -> Vec<u32> {
        let room = repair::to_make_room(set, wanted, &self.request.full);
        let mut revoked = Vec::new();
        for side in set.groups.keys() {
            for direction in [Direction::Ingress, Direction::Egress] {
                for rule in set.strays(*side, direction, wanted) {
                    let is_gone = |(of, way, gone): &(Side, Direction, Rule)| {
                        of == side && *way == direction && gone.is_same_as(&rule)
                    };
                    if !room.iter().any(is_gone) {
                        revoked.extend(self.revoke_stray(set, *side, direction, &rule, granted, false));
                    }
                }
            }
        }
        revoked
    }

    /// Revokes one rule of a group that is ours.
    fn revoke_stray(
        &mut self,
        set: &HalfMade<'_>,
        side: Side,
        direction: Direction,
        rule: &Rule,
        after: &[u32],
        makes_room: bool,
    ) -> Option<u32> {
        let group = set.groups.get(&side)?;
        let removable = Removable::ours(group, side, self.observation, &Names::new(&self.observation.groups))?;
        let rules = vec![rule.clone()];
        Some(
            self.steps
                .revoke((group, &removable), direction, rules, after, makes_room),
        )
    }

    /// Takes the mark of a removal off what it has left, once the rules are whole again: a run that dies before finds the
    /// set by its mark, one that dies after by its rules.
    fn unmark(&mut self, set: &HalfMade<'_>, ready: &[u32]) -> Option<u32> {
        let groups = set.marked();
        if groups.is_empty() {
            return None;
        }
        let names: Vec<String> = groups
            .iter()
            .map(|id| self.name_of(&Ref::Existing(id.clone())))
            .collect();
        let resource = groups.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let summary = format!("{}: no longer marked as being removed", names.join(", "));
        Some(
            self.steps
                .add(RemovalEffect::Unmark { groups }, resource, summary, ready),
        )
    }

    fn create_group(&mut self, side: Side, set: &HalfMade<'_>) -> u32 {
        let observation = self.observation;
        let through_proxy = observation.proxy.is_some();
        let name = Convention::for_new(side, through_proxy).name(set.number);
        let vpc = observation.database.vpc.clone();
        let owner = observation.describe_with(side, set.function);
        let effect = Effect::CreateSecurityGroup {
            side: Some(side),
            name: name.clone(),
            vpc: vpc.clone(),
            description: Way::of(observation).description(side, set.function),
            tags: self.tags_of(side, set.function),
            existing: set.id(side).cloned(),
        };
        let summary = format!("security group {name} in {vpc}, for {owner}");
        let step = self.steps.add(effect, set.resource(side, &name), summary, &[]);
        // In a set that is in use already nothing is taken over.
        match set.id(side) {
            Some(id) if !set.is_in_use(observation) => self.steps.adopt(step, id.as_str()),
            existing => self.mark_done(step, existing.is_some()),
        }
        step
    }

    fn authorize(
        &mut self,
        wanted: Wanted,
        set: &HalfMade<'_>,
        created: &BTreeMap<Side, u32>,
        made_room: &MadeRoom,
    ) -> u32 {
        let (side, direction, port, peer) = wanted;
        let through_proxy = self.observation.proxy.is_some();
        let name = |side| Convention::for_new(side, through_proxy).name(set.number);
        let room = made_room.get(&(side, direction)).into_iter().flatten().copied();
        let made = [side, peer].into_iter().filter_map(|side| created.get(&side).copied());
        let after: Vec<u32> = made.chain(room).collect();
        let word = match direction {
            Direction::Ingress => "from",
            Direction::Egress => "to",
        };
        let effect = Effect::AddRule {
            direction,
            group: set.reference(side, created),
            port,
            peer: RulePeer::Group(set.reference(peer, created)),
            description: half_made::description(self.observation, set.function, direction, peer),
        };
        let summary = format!("{}: {direction} rule tcp {port} {word} {}", name(side), name(peer));
        let step = self.steps.add(effect, set.resource(side, &name(side)), summary, &after);
        self.mark_done(step, set.has(wanted));
        step
    }

    /// Registers the database with a proxy that does not have it for a target.
    pub(super) fn register_target(&mut self) -> Option<u32> {
        let Observation { database, proxy, .. } = self.observation;
        let proxy = proxy.as_ref().filter(|proxy| !proxy.has_target(database))?;
        let effect = Effect::RegisterTarget {
            proxy: proxy.name.clone(),
            kind: database.kind,
            database: database.id.clone(),
        };
        let resource = if proxy.exists { &proxy.arn } else { &proxy.name };
        let summary = format!("proxy {}: register {database} as its target", proxy.name);
        let after = self.steps.that_makes(Made::Proxy);
        Some(self.steps.add(effect, resource, summary, after.as_slice()))
    }

    /// Puts a group on the resource of a side. The number of the step.
    pub(super) fn associate(&mut self, side: Side, group: Ref<GroupId>, after: &[u32]) -> u32 {
        let observation = self.observation;
        let added = self.name_of(&group);
        let Observation {
            database,
            function,
            proxy,
            ..
        } = observation;
        let on = observation.groups_on(side);
        let is_on = group.existing().is_some_and(|id| on.contains(id));
        let keeps = match on.len() {
            0 => String::new(),
            1 => ", keeping its 1 other group".to_owned(),
            n => format!(", keeping its {n} other groups"),
        };
        let (effect, resource) = match (side, proxy) {
            (Side::Function, _) => {
                if observation.extras.attach.is_some()
                    && let Some(vpc) = &function.vpc
                {
                    return self.attach(vpc, group, &added, after);
                }
                let arn = function.arn.clone();
                (Effect::AssociateFunction { function: arn, group }, &function.arn)
            }
            (Side::Proxy, Some(proxy)) => {
                let name = proxy.name.clone();
                (Effect::AssociateProxy { name, group }, &proxy.arn)
            }
            (Side::Database | Side::Proxy, _) => {
                let (kind, id) = (database.kind, database.id.clone());
                (Effect::AssociateDatabase { kind, id, group }, &database.arn)
            }
        };
        let summary = format!("{}: associate {added}{keeps}", observation.describe(side));
        let step = self.steps.add(effect, resource, summary, after);
        self.mark_done(step, is_on);
        step
    }

    /// A group as text.
    pub(super) fn name_of(&self, group: &Ref<GroupId>) -> String {
        match group {
            Ref::Existing(id) => match self.observation.group(id) {
                Some(found) => format!("{} ({id})", found.name),
                None => id.to_string(),
            },
            Ref::Step(step) => {
                let mut steps = self.steps.iter().filter(|made| made.id == *step);
                let name = steps.find_map(|made| match &made.effect {
                    Effect::CreateSecurityGroup { name, .. } => Some(name.clone()),
                    _ => None,
                });
                name.unwrap_or_default()
            }
        }
    }

    /// Notes that what a step does was done before.
    fn mark_done(&mut self, step: u32, is_done: bool) {
        if is_done {
            self.steps.set_status(step, StepStatus::Already);
        }
    }
}

impl HalfMade<'_> {
    /// The group of a side: it exists, or one of the steps `created` makes it. There is no step 0: the linter refuses it.
    fn reference(&self, side: Side, created: &BTreeMap<Side, u32>) -> Ref<GroupId> {
        let made = || Ref::Step(created.get(&side).copied().unwrap_or_default());
        self.id(side).cloned().map_or_else(made, Ref::Existing)
    }

    fn resource(&self, side: Side, name: &str) -> String {
        self.id(side).map_or_else(|| name.to_owned(), GroupId::to_string)
    }
}
