//! What still connects a function with a database once a plan is applied: other groups and their rules.
//!
//! Judged as `drift` judges whether traffic can pass, on the account as the plan leaves it.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::Standing;
use crate::classify::InWords;
use crate::decide::{Decision, decide};
use crate::drift::traffic::{End, RuleOf, passage};
use crate::estate::{self, Estate};
use crate::model::{Direction, GroupId, GroupList, Observation, SecurityGroup, Side, SubnetId};
use crate::plan::{Effect, Plan, RemovalEffect, StepStatus};
use crate::users::User;

/// What lets traffic pass besides the groups of the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// The groups on the function, the proxy and the database whose names are not of the convention.
    pub groups: Vec<SecurityGroup>,
    /// The ranges of the subnets in their VPCs.
    pub ranges: BTreeMap<SubnetId, Vec<IpNet>>,
}

/// How the function still reaches the database, in sentences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StillConnected {
    /// By what this connection is not, and `remove` leaves.
    pub by_others: Vec<String>,
    /// By another connection of its own, which another `remove` removes.
    pub by_connections: Vec<String>,
}

/// How the function still reaches the database after the plan; empty where it does not, as far as the groups show.
pub fn still_connected(standing: &Standing, plan: &Plan) -> StillConnected {
    let mut found = StillConnected::default();
    let Some(after) = After::of(standing, plan) else {
        return found;
    };
    let observation = &after.observation;
    if let Some(rules) = after.way(observation) {
        found.by_others.push(after.sentence(observation, &rules));
    }
    // A published version keeps the groups with which it was published.
    for (version, groups) in after.versions(standing) {
        let subnets = standing
            .observation
            .function
            .vpc
            .as_ref()
            .map_or(&[][..], |vpc| &vpc.subnets);
        let from = End::new(&after.estate, groups, subnets);
        if let Some(rules) = after.way_from(&from, observation) {
            let version = version.replacen("function", "Function", 1);
            found.by_others.push(after.sentence_of(&version, observation, &rules));
        }
    }
    if observation.proxy.is_some() {
        let direct = Observation {
            proxy: None,
            ..observation.clone()
        };
        if let Some(rules) = after.way(&direct) {
            let sentence = after.sentence(&direct, &rules);
            if decide(&direct).decision == Decision::NoOp {
                found.by_connections.push(sentence);
            } else {
                found.by_others.push(sentence);
            }
        }
    }
    found
}

/// A connection as a plan leaves it.
struct After {
    observation: Observation,
    estate: Estate,
    /// Whether it is still to come.
    is_planned: bool,
}

impl After {
    /// None where an end does not exist any more, or is in another network that nothing of ours leads to.
    fn of(standing: &Standing, plan: &Plan) -> Option<Self> {
        let before = &standing.observation;
        let is_in = |side: Side| standing.has(side);
        if !before.sides().iter().all(|side| is_in(*side)) {
            return None;
        }
        let effects: Vec<&RemovalEffect> = plan
            .steps
            .iter()
            .filter(|step| step.status != StepStatus::Skipped)
            .filter_map(|step| match &step.effect {
                Effect::Removal(effect) => Some(effect),
                _ => None,
            })
            .collect();
        // Whether two VPCs are connected at all is not read: `setup --cross-vpc` has made what the plan removes.
        let vpc = before.function.vpc.as_ref().map(|vpc| &vpc.vpc);
        if vpc.is_some_and(|vpc| *vpc != before.database.vpc) && effects.is_empty() {
            return None;
        }
        let mut observation = before.clone();
        for effect in &effects {
            take_off(&mut observation, effect);
        }
        let groups = before.groups.iter().chain(&standing.ends.groups);
        let mut groups: BTreeMap<GroupId, SecurityGroup> =
            groups.map(|group| (group.id.clone(), group.clone())).collect();
        for effect in &effects {
            revoke(&mut groups, effect);
        }
        for group in &mut observation.groups {
            if let Some(left) = groups.get(&group.id) {
                group.clone_from(left);
            }
        }
        let estate = Estate::new(estate::Parts {
            groups: groups.into_values().collect(),
            ranges: standing.ends.ranges.clone(),
            ..estate::Parts::default()
        });
        Some(Self {
            observation,
            estate,
            is_planned: plan.steps.iter().any(|step| step.status == StepStatus::Planned),
        })
    }

    fn end(&self, observation: &Observation, side: Side) -> End {
        let subnets: &[SubnetId] = match side {
            Side::Database => &observation.database.subnets,
            Side::Function => observation.function.vpc.as_ref().map_or(&[], |vpc| &vpc.subnets),
            Side::Proxy => observation.proxy.as_ref().map_or(&[], |proxy| &proxy.subnets),
        };
        End::new(&self.estate, observation.groups_on(side), subnets)
    }

    /// The rules by which traffic leaves the function for the next side and enters it, if it comes to the database.
    fn way(&self, observation: &Observation) -> Option<[RuleOf<'_>; 2]> {
        observation.function.vpc.as_ref()?;
        self.way_from(&self.end(observation, Side::Function), observation)
    }

    fn way_from(&self, from: &End, observation: &Observation) -> Option<[RuleOf<'_>; 2]> {
        let hop = |from: &End, to, port: Option<u16>| passage(&self.estate, from, &self.end(observation, to), port?);
        let database = &observation.database;
        let Some(proxy) = &observation.proxy else {
            return hop(from, Side::Database, database.port);
        };
        let first = hop(from, Side::Proxy, observation.function_port())?;
        let of_proxy = self.end(observation, Side::Proxy);
        let goes_on = proxy.has_target(database)
            && (proxy.reaches(database) || hop(&of_proxy, Side::Database, database.port).is_some());
        goes_on.then_some(first)
    }

    /// The published versions of the function, with the groups of the connection that each still has.
    fn versions(&self, standing: &Standing) -> BTreeMap<String, GroupList> {
        let mut versions: BTreeMap<String, GroupList> = BTreeMap::new();
        let name = &self.observation.function.name;
        for group in &self.observation.groups {
            for user in standing.users.of(&group.id) {
                if matches!(user, User::Version { function, .. } if function == name) {
                    let groups = versions.entry(user.to_string()).or_default();
                    *groups = groups.clone().with(group.id.clone());
                }
            }
        }
        versions
    }

    fn sentence(&self, observation: &Observation, [out, into]: &[RuleOf<'_>; 2]) -> String {
        self.sentence_of(
            &format!("Function {}", observation.function.name),
            observation,
            &[*out, *into],
        )
    }

    fn sentence_of(&self, who: &str, observation: &Observation, [out, into]: &[RuleOf<'_>; 2]) -> String {
        let through = match &observation.proxy {
            Some(proxy) => format!(" through proxy {}", proxy.name),
            None => String::new(),
        };
        let verb = if self.is_planned {
            "will still reach"
        } else {
            "still reaches"
        };
        let lets = |(group, rule): &RuleOf<'_>, direction| {
            format!("{} ({}) allows {}", group.name, group.id, InWords(direction, rule))
        };
        format!(
            "{who} {verb} {}{through}: {}, and {}.",
            observation.database,
            lets(out, Direction::Egress),
            lets(into, Direction::Ingress)
        )
    }
}

/// Takes a group off, as the step does.
fn take_off(observation: &mut Observation, effect: &RemovalEffect) {
    match effect {
        RemovalEffect::OffFunction { group, .. } => {
            if let Some(vpc) = &mut observation.function.vpc {
                vpc.groups = without(&vpc.groups, group.id());
            }
        }
        RemovalEffect::Detach { groups, .. } => {
            for group in groups {
                if let Some(vpc) = &mut observation.function.vpc {
                    vpc.groups = without(&vpc.groups, group.id());
                }
            }
            // A function that was given another group meanwhile stays attached, with that one.
            let vpc = observation.function.vpc.take();
            observation.function.vpc = vpc.filter(|vpc| !vpc.groups.is_empty());
        }
        RemovalEffect::DeleteFunction { .. } => observation.function.vpc = None,
        RemovalEffect::OffProxy { group, .. } => {
            if let Some(proxy) = &mut observation.proxy {
                proxy.groups = without(&proxy.groups, group.id());
                forget_health(observation);
            }
        }
        RemovalEffect::OffDatabase { group, .. } => {
            let memberships = &mut observation.database.memberships;
            memberships.retain(|membership| membership.group != *group.id());
            forget_health(observation);
        }
        RemovalEffect::DeleteProxy { .. } => {
            if let Some(proxy) = &mut observation.proxy {
                proxy.targets.clear();
            }
        }
        _ => {}
    }
}

/// What the proxy has found out was before.
fn forget_health(observation: &mut Observation) {
    let proxy = observation.proxy.iter_mut();
    for target in proxy.flat_map(|proxy| &mut proxy.targets) {
        target.health = None;
    }
}

fn without(groups: &GroupList, id: &GroupId) -> GroupList {
    GroupList::as_read(groups.iter().filter(|other| *other != id).cloned())
}

fn revoke(groups: &mut BTreeMap<GroupId, SecurityGroup>, effect: &RemovalEffect) {
    match effect {
        RemovalEffect::Revoke {
            group,
            direction,
            rules,
            ..
        } => {
            if let Some(group) = groups.get_mut(group.id()) {
                let list = match direction {
                    Direction::Ingress => &mut group.ingress,
                    Direction::Egress => &mut group.egress,
                };
                list.retain(|rule| !rules.iter().any(|gone| gone.is_same_as(rule)));
            }
        }
        RemovalEffect::DeleteGroup { group } => {
            groups.remove(group.id());
        }
        _ => {}
    }
}
