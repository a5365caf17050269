//! A second opinion on every plan, before the user is asked and again before it is carried out: what must never be in
//! one, whatever the decision and the command.

mod flaw;
mod ground;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

pub use flaw::Flaw;
pub use ground::{Ground, May, Right};

use super::network::{EndpointPlan, NetworkEffect, RulePeer};
use super::{Effect, Grant, Plan, ProxyAuth, Ref, RemovalEffect, Step, StepStatus, VpcEffect};
use crate::model::{Direction, GroupId, GroupList, Peer, Protocol, Rule, Side};
use crate::naming::Convention;
use crate::ownership;
use crate::removal::Removable;

/// Everything that is wrong with the plan; empty for each plan that this program makes.
pub fn lint(plan: &Plan, ground: &Ground<'_>) -> Vec<Flaw> {
    let mut linter = Linter {
        ground,
        flaws: Vec::new(),
        off: BTreeSet::new(),
        marked: BTreeSet::new(),
        gone: BTreeSet::new(),
        revoked: BTreeMap::new(),
        seen: BTreeSet::new(),
        grants: plan
            .steps
            .iter()
            .any(|step| matches!(step.effect, Effect::AddRule { .. })),
        last_grant: plan
            .steps
            .iter()
            .rposition(|step| step.status == StepStatus::Planned && matches!(step.effect, Effect::AddRule { .. })),
        naming: OnceCell::new(),
    };
    for (index, step) in plan.steps.iter().enumerate() {
        let place = Place {
            step,
            earlier: &plan.steps[..index],
            later: &plan.steps[index + 1..],
        };
        linter.order(&place);
        if step.status == StepStatus::Planned {
            linter.effect(&place);
        }
    }
    linter.flaws
}

/// Whether a name, an ARN or an id that the step writes is empty: it would be for nothing, or for something else.
fn has_empty_name(effect: &Effect) -> bool {
    let is_empty = |reference: &Ref<String>| reference.existing().is_some_and(String::is_empty);
    let is_no_group = |group: &Ref<GroupId>| group.existing().is_some_and(|id| id.as_str().is_empty());
    match effect {
        Effect::PutRolePolicy { role, policy, grant } => {
            role.is_empty()
                || policy.is_empty()
                || match grant {
                    Grant::ReadSecret { secret, customer_key } => {
                        is_empty(secret) || customer_key.as_ref().is_some_and(String::is_empty)
                    }
                    Grant::ConnectToDatabase { resource_id, user, .. } => resource_id.is_empty() || user.is_empty(),
                    Grant::ConnectThroughProxy { proxy, user } => is_empty(proxy) || user.is_empty(),
                }
        }
        Effect::AttachRolePolicy { role, policy } => role.is_empty() || policy.is_empty(),
        Effect::CreateProxy(proxy) => {
            let of_auth = match &proxy.auth {
                ProxyAuth::Secret { secret, .. } => is_empty(secret),
                ProxyAuth::Iam => false,
            };
            of_auth || is_empty(&proxy.role) || is_no_group(&proxy.group)
        }
        Effect::CreateFunction(function) => {
            is_empty(&function.role) || is_no_group(&function.group) || function.runtime.is_empty()
        }
        _ => false,
    }
}

/// A step among the others.
struct Place<'p> {
    step: &'p Step,
    earlier: &'p [Step],
    later: &'p [Step],
}

impl<'p> Place<'p> {
    /// Whether a step that is still to be done comes after this one.
    fn is_followed_by(&self, is_it: impl Fn(&Effect) -> bool) -> bool {
        let mut planned = self.later.iter().filter(|step| step.status == StepStatus::Planned);
        planned.any(|step| is_it(&step.effect))
    }

    /// All steps of the plan.
    fn all(&self) -> impl Iterator<Item = &'p Step> {
        self.earlier.iter().chain([self.step]).chain(self.later)
    }

    fn is_made_earlier(&self, is_it: impl Fn(&Effect) -> bool) -> bool {
        self.earlier.iter().any(|step| is_it(&step.effect))
    }
}

struct Linter<'g, 'a> {
    ground: &'g Ground<'a>,
    flaws: Vec<Flaw>,
    /// What the steps so far have done.
    off: BTreeSet<(Side, GroupId)>,
    marked: BTreeSet<GroupId>,
    gone: BTreeSet<GroupId>,
    revoked: BTreeMap<(GroupId, Direction), Vec<Rule>>,
    /// The numbers of the steps so far.
    seen: BTreeSet<u32>,
    /// Whether a step grants a rule.
    grants: bool,
    /// The place of the last step that is to grant a rule.
    last_grant: Option<usize>,
    /// The rules that name a group, each with its own group.
    naming: OnceCell<BTreeMap<&'a GroupId, Vec<Naming<'a>>>>,
}

/// A group with one of its rules.
type Naming<'a> = (&'a GroupId, Direction, &'a Rule);

impl<'a> Linter<'_, 'a> {
    /// Whether the step comes after all that it needs, and before nothing that it spoils.
    fn order(&mut self, place: &Place<'_>) {
        let step = place.step.id;
        let effect = &place.step.effect;
        let is_before = |needed: &u32| self.seen.contains(needed);
        if !place.step.after.iter().all(is_before) || !self.seen.insert(step) {
            self.flaws.push(Flaw::OutOfOrder { step });
        }
        let is_bound = effect.needs().into_iter().all(|(made, maker)| {
            let mut earlier = place.earlier.iter();
            earlier.any(|step| step.id == maker && step.effect.makes() == Some(made))
        });
        if !is_bound {
            self.flaws.push(Flaw::Unbound { step });
        }
        if is_too_early(place) {
            self.flaws.push(Flaw::TooEarly { step });
        }
        if is_out_of_order(place) {
            self.flaws.push(Flaw::OutOfOrder { step });
        }
    }

    /// Whether the step may do what it does.
    fn effect(&mut self, place: &Place<'_>) {
        let step = place.step.id;
        if has_empty_name(&place.step.effect) {
            self.flaws.push(Flaw::Unnamed { step });
        }
        match &place.step.effect {
            Effect::CreateSecurityGroup { side, name, vpc, .. } => {
                let is_again = |effect: &Effect| matches!(effect, Effect::CreateSecurityGroup { name: other, vpc: of, .. } if other == name && of == vpc);
                if side.is_some() && !Convention::is_any(name)
                    || self.is_taken(vpc, name)
                    || place.is_made_earlier(is_again)
                {
                    self.flaws.push(Flaw::Name { step });
                }
            }
            Effect::RevokeDefaultEgress {
                group: Ref::Existing(group),
            }
            | Effect::AddRule {
                group: Ref::Existing(group),
                ..
            } => self.must_be(step, group, Right::Credible),
            Effect::CreateProxy(proxy) => self.must_have(step, !proxy.subnets.is_empty()),
            Effect::CreateFunction(function) => self.must_have(step, !function.subnets.is_empty()),
            Effect::Vpc(VpcEffect::Attach(plan)) => {
                self.must_have(step, !plan.subnets.is_empty() && !plan.groups.is_empty());
            }
            Effect::Vpc(VpcEffect::Detach { .. }) => self.may(step, May::Detach),
            Effect::Network(effect) => self.network(step, effect),
            Effect::Removal(effect) => self.removal(place, effect),
            Effect::Handover(effect) => {
                for group in effect.groups() {
                    self.must_be(step, group, Right::ConsoleMade);
                }
            }
            Effect::RevokeDefaultEgress { .. }
            | Effect::AddRule { .. }
            | Effect::RegisterTarget { .. }
            | Effect::AssociateDatabase { .. }
            | Effect::AssociateProxy { .. }
            | Effect::AssociateFunction { .. }
            | Effect::CreateSecret { .. }
            | Effect::CreateRole { .. }
            | Effect::PutRolePolicy { .. }
            | Effect::AttachRolePolicy { .. }
            | Effect::SetEnvironment { .. } => {}
        }
    }

    fn network(&mut self, step: u32, effect: &NetworkEffect) {
        if let NetworkEffect::CreateEndpoint(endpoint) = effect {
            self.must_have(step, endpoint.subnets.is_empty() || !endpoint.groups.is_empty());
        }
    }

    fn removal(&mut self, place: &Place<'_>, effect: &RemovalEffect) {
        let step = place.step.id;
        match effect {
            RemovalEffect::Mark { groups, .. } => {
                self.may(step, May::TakeAway);
                for group in groups {
                    self.must_be(step, group, Right::ConsoleMade);
                    self.marked.insert(group.clone());
                }
            }
            RemovalEffect::Retag { groups, .. } => {
                self.may(step, May::TakeAway);
                for group in groups {
                    self.must_be(step, group, Right::Credible);
                }
            }
            RemovalEffect::Unmark { groups } => {
                for group in groups {
                    self.must_be(step, group, Right::Credible);
                }
            }
            RemovalEffect::Detach { groups, .. } => {
                self.may(step, May::TakeAway);
                let has = |id: &GroupId| groups.iter().any(|group| group.id() == id);
                if let Some(other) = self
                    .ground
                    .list(Side::Function)
                    .and_then(|list| list.iter().find(|id| !has(id)))
                {
                    self.flaws.push(Flaw::ForeignGroup {
                        step,
                        group: other.clone(),
                    });
                }
                for group in groups {
                    self.must_be(step, group.id(), Right::ConsoleMade);
                    self.off.insert((Side::Function, group.id().clone()));
                }
            }
            RemovalEffect::OffFunction { group, .. } => self.take_off(step, Side::Function, group),
            RemovalEffect::OffProxy { group, .. } => self.take_off(step, Side::Proxy, group),
            RemovalEffect::OffDatabase { group, .. } => self.take_off(step, Side::Database, group),
            RemovalEffect::Revoke {
                group,
                direction,
                rules,
                makes_room,
            } => self.revoke(place, group.id(), *direction, rules, *makes_room),
            RemovalEffect::DeleteGroup { group } => self.delete_group(step, group.id()),
            RemovalEffect::TakeBack { groups } => self.take_back(place, groups),
            RemovalEffect::DeleteProxy { proxy } => {
                self.must_be_ours(step, proxy);
                self.all_off(Side::Proxy);
            }
            RemovalEffect::UnsetEnvironment { .. } => self.may(step, May::TakeAway),
            RemovalEffect::DeleteFunction { function } => {
                self.must_be_ours(step, function);
                self.all_off(Side::Function);
            }
            RemovalEffect::DeleteSecret { secret } => self.delete_part(place, secret, |_| false),
            RemovalEffect::DetachRolePolicy { role, .. } => self.delete_part(place, role, |_| false),
            // A policy of ours on a role that is not.
            RemovalEffect::DeleteRolePolicy { role, policy } if !self.ground.is_ours(role) => {
                self.must_be_ours(step, policy);
            }
            RemovalEffect::DeleteRolePolicy { role, .. } => self.delete_part(place, role, |_| false),
            RemovalEffect::DeleteRole { role } => self.delete_part(place, role, |effect| match effect {
                RemovalEffect::DeleteRolePolicy { role: of, .. } | RemovalEffect::DetachRolePolicy { role: of, .. } => {
                    of == role
                }
                _ => false,
            }),
        }
    }

    fn take_off(&mut self, step: u32, side: Side, group: &Removable) {
        self.may(step, May::TakeAway);
        self.must_be(step, group.id(), Right::ConsoleMade);
        self.off.insert((side, group.id().clone()));
        let is_off = |id: &GroupId| self.off.contains(&(side, id.clone()));
        let is_left = self.ground.list(side).is_none_or(|list| !list.iter().all(is_off));
        self.must_have(step, is_left);
    }

    fn revoke(&mut self, place: &Place<'_>, group: &GroupId, direction: Direction, rules: &[Rule], makes_room: bool) {
        let step = place.step.id;
        let right = match self.ground.may() {
            May::TakeAway => Right::ConsoleMade,
            May::Add | May::Detach => Right::Proven,
        };
        self.must_be(step, group, right);
        let Some(known) = self.ground.group(group) else { return };
        let is_there = |rule: &Rule| known.rules(direction).iter().any(|found| found.is_same_as(rule));
        if !rules.iter().all(is_there) {
            self.flaws.push(Flaw::NoSuchRule {
                step,
                group: group.clone(),
            });
        }
        // Mostly a plan that revokes grants nothing.
        let granting = self.grants.then(|| place.all()).into_iter().flatten();
        let granted: Vec<Rule> = granting
            .filter_map(|step| granted(&step.effect, group, direction))
            .collect();
        let is_granted = |rule: &Rule| granted.iter().any(|granted| granted.is_same_as(rule));
        let cuts = rules.iter().any(is_granted) || makes_room && self.cuts(place, group, direction, rules);
        if cuts {
            self.flaws.push(Flaw::CutsTraffic {
                step,
                group: group.clone(),
            });
        }
        // Grants come before revokes: at no time is less let through than before and after. Only a group at its quota of
        // rules has to lose one first.
        let is_early = !makes_room && self.last_grant > Some(place.earlier.len());
        let grants = |effect: &Effect| granted_to(effect, group, direction);
        if is_early || makes_room && !place.is_followed_by(grants) {
            self.flaws.push(Flaw::OutOfOrder { step });
        }
        let revoked = self.revoked.entry((group.clone(), direction)).or_default();
        revoked.extend(rules.iter().cloned());
    }

    /// Whether a rule that makes room lets traffic through that is granted only afterwards, while another that could go
    /// in its place does not.
    fn cuts(&self, place: &Place<'_>, group: &GroupId, direction: Direction, rules: &[Rule]) -> bool {
        let Some(known) = self.ground.group(group) else {
            return false;
        };
        let wanted: Vec<Rule> = place
            .later
            .iter()
            .filter(|step| step.status == StepStatus::Planned)
            .filter_map(|step| granted(&step.effect, group, direction))
            .collect();
        let is_revoked = |rule: &Rule| self.is_revoked(group, direction, rule);
        let left: Vec<Rule> = known
            .rules(direction)
            .iter()
            .filter(|rule| !is_revoked(rule))
            .cloned()
            .collect();
        let spoils = |gone: &Rule| spoils(&left, gone, &wanted);
        rules.iter().any(spoils) && left.iter().any(|rule| !spoils(rule))
    }

    fn is_revoked(&self, group: &GroupId, direction: Direction, rule: &Rule) -> bool {
        let revoked = self.revoked.get(&(group.clone(), direction));
        revoked.is_some_and(|revoked| revoked.iter().any(|found| found.is_same_as(rule)))
    }

    /// The rules that name a group.
    fn naming(&self, group: &GroupId) -> &[Naming<'a>] {
        let all = self.naming.get_or_init(|| {
            let mut all: BTreeMap<&GroupId, Vec<Naming<'a>>> = BTreeMap::new();
            for by in self.ground.groups() {
                for direction in [Direction::Ingress, Direction::Egress] {
                    for rule in by.rules(direction) {
                        if let Some(peer) = rule.peer.group() {
                            all.entry(peer).or_default().push((&by.id, direction, rule));
                        }
                    }
                }
            }
            all
        });
        all.get(group).map(Vec::as_slice).unwrap_or_default()
    }

    fn delete_group(&mut self, step: u32, group: &GroupId) {
        self.may(step, May::TakeAway);
        self.must_be(step, group, Right::ConsoleMade);
        let is_marked =
            self.marked.contains(group) || self.ground.group(group).is_some_and(ownership::is_being_removed);
        if !is_marked {
            self.flaws.push(Flaw::NotMarked {
                step,
                group: group.clone(),
            });
        }
        let is_on = |side: Side| !self.off.contains(&(side, group.clone()));
        let mut naming = self.naming(group).iter();
        let is_named = naming.any(|(by, direction, rule)| {
            *by != group && !self.gone.contains(*by) && !self.is_revoked(by, *direction, rule)
        });
        if is_named || self.ground.bearers(group).into_iter().any(is_on) {
            self.flaws.push(Flaw::StillUsed { step });
        }
        self.gone.insert(group.clone());
    }

    /// Groups that the run created without need: nothing has them or refers to them, and their rules name only each
    /// other.
    fn take_back(&mut self, place: &Place<'_>, groups: &[Removable]) {
        let step = place.step.id;
        let is_own = |rule: &Rule| {
            let peer = rule.peer.group();
            rule.is_default_egress() || groups.iter().any(|group| Some(group.id()) == peer)
        };
        for group in groups.iter().map(Removable::id) {
            if !self.ground.is_ours_alone(group) {
                self.flaws.push(Flaw::ForeignGroup {
                    step,
                    group: group.clone(),
                });
            }
            let known = self.ground.group(group);
            let has_other_rules = known.is_some_and(|known| !known.ingress.iter().chain(&known.egress).all(is_own));
            let is_spoken_of = place.all().any(|step| step.effect.speaks_of(group));
            if has_other_rules || is_spoken_of || !self.ground.bearers(group).is_empty() {
                self.flaws.push(Flaw::StillUsed { step });
            }
        }
    }

    /// What is deleted has no group any more.
    fn all_off(&mut self, side: Side) {
        let list = self.ground.list(side).into_iter().flat_map(GroupList::iter);
        self.off.extend(list.map(|group| (side, group.clone())));
    }

    /// What a proxy or a function had of its own goes after it.
    fn delete_part(&mut self, place: &Place<'_>, resource: &str, is_needed: impl Fn(&RemovalEffect) -> bool) {
        let step = place.step.id;
        self.must_be_ours(step, resource);
        let uses = |effect: &Effect| match effect {
            Effect::Removal(RemovalEffect::DeleteProxy { .. } | RemovalEffect::DeleteFunction { .. }) => true,
            Effect::Removal(effect) => is_needed(effect),
            _ => false,
        };
        if place.is_followed_by(uses) {
            self.flaws.push(Flaw::StillUsed { step });
        }
    }

    fn may(&mut self, step: u32, what: May) {
        if self.ground.may() < what {
            self.flaws.push(Flaw::TakesAway { step });
        }
    }

    fn must_be(&mut self, step: u32, group: &GroupId, right: Right) {
        if self.ground.right(group) < right {
            self.flaws.push(Flaw::ForeignGroup {
                step,
                group: group.clone(),
            });
        }
    }

    fn must_be_ours(&mut self, step: u32, resource: &str) {
        self.may(step, May::TakeAway);
        if !self.ground.is_ours(resource) {
            self.flaws.push(Flaw::Foreign {
                step,
                resource: resource.to_owned(),
            });
        }
    }

    fn must_have(&mut self, step: u32, has_one: bool) {
        if !has_one {
            self.flaws.push(Flaw::Empties { step });
        }
    }

    fn is_taken(&self, vpc: &crate::model::VpcId, name: &str) -> bool {
        let mut groups = self.ground.groups();
        groups.any(|group| group.vpc == *vpc && group.name.eq_ignore_ascii_case(name))
    }
}

/// Whether traffic would find something unfinished.
fn is_too_early(place: &Place<'_>) -> bool {
    let effect = &place.step.effect;
    if effect.associates().is_some() && place.later.iter().any(|step| step.effect.prepares_groups()) {
        return true;
    }
    let Effect::Network(effect) = effect else { return false };
    let prepares = |group: &Ref<GroupId>| {
        place.is_followed_by(
            |later| matches!(later, Effect::AddRule { group: of, .. } | Effect::RevokeDefaultEgress { group: of } if of == group),
        )
    };
    match effect {
        NetworkEffect::CreateEndpoint(endpoint) => {
            let EndpointPlan { groups, .. } = endpoint.as_ref();
            groups.iter().any(prepares)
        }
        NetworkEffect::ModifyEndpoint { wish, .. } => wish.add_groups.iter().any(prepares),
        NetworkEffect::AssociateRouteTable { table, .. } | NetworkEffect::ReplaceAssociation { table, .. } => place
            .is_followed_by(|later| match later {
                Effect::Network(
                    NetworkEffect::CreateRoute { table: of, .. } | NetworkEffect::ReplaceRoute { table: of, .. },
                ) => of == table,
                _ => false,
            }),
        _ => false,
    }
}

/// Whether a role or a proxy is used before the step that makes it, or gives it what it needs.
fn is_out_of_order(place: &Place<'_>) -> bool {
    match &place.step.effect {
        Effect::PutRolePolicy { role, .. } | Effect::AttachRolePolicy { role, .. } => {
            place.is_followed_by(|later| matches!(later, Effect::CreateRole { name, .. } if name == role))
        }
        Effect::RegisterTarget { proxy, .. } => {
            place.is_followed_by(|later| matches!(later, Effect::CreateProxy(made) if made.name == *proxy))
        }
        Effect::CreateProxy(_) => place.is_followed_by(|later| {
            matches!(
                later,
                Effect::PutRolePolicy {
                    grant: Grant::ReadSecret { .. },
                    ..
                }
            )
        }),
        _ => false,
    }
}

/// The rule that an effect gives a group that exists.
fn granted(effect: &Effect, group: &GroupId, direction: Direction) -> Option<Rule> {
    match effect {
        Effect::AddRule {
            direction: way,
            group: Ref::Existing(of),
            port,
            peer: RulePeer::Group(Ref::Existing(peer)),
            ..
        } if of == group && *way == direction => Some(Rule::tcp(*port, peer.clone())),
        _ => None,
    }
}

/// Whether an effect gives a group that exists a rule, whoever is at its other end.
fn granted_to(effect: &Effect, group: &GroupId, direction: Direction) -> bool {
    matches!(effect, Effect::AddRule { direction: way, group: Ref::Existing(of), .. } if of == group && *way == direction)
}

/// Whether without `gone` the rules let less of the wanted traffic through.
pub(super) fn spoils(rules: &[Rule], gone: &Rule, wanted: &[Rule]) -> bool {
    wanted.iter().any(|wanted| {
        let carries = |rule: &Rule| carries(rule, wanted);
        let others = rules.iter().filter(|rule| !rule.is_same_as(gone));
        carries(gone) && !others.into_iter().any(carries)
    })
}

/// Whether a rule may let the traffic of another one through: a range may be that of its other end.
fn carries(rule: &Rule, wanted: &Rule) -> bool {
    let port = match (&rule.protocol, rule.ports, wanted.ports) {
        (Protocol::All, ..) => true,
        (Protocol::Tcp, Some(ports), Some(wanted)) => ports.from <= wanted.from && wanted.to <= ports.to,
        _ => false,
    };
    let end = match &rule.peer {
        Peer::Group(_) => rule.peer == wanted.peer,
        Peer::Cidr(_) | Peer::PrefixList(_) => true,
    };
    port && end
}
