//! Combinations of small worlds (with `AUTOCONNECT_THOROUGH=1` every one), against an evaluator that follows the spec's words with brute force.
//!
//! For each world: the decision is the evaluator's; the groups' order does not matter, byte for byte; the
//! linter finds nothing; no list shrinks; and once the plan is carried out, the decision is no-op.

use autoconnect::decide::{Decision, decide};
use autoconnect::model::*;
use autoconnect::naming::Convention;
use autoconnect::plan::network::RulePeer;
use autoconnect::plan::{Effect, Ground, Plan, Ref, RemovalEffect, Request, StepStatus, VpcEffect, lint, plan};
use autoconnect::tags;
use rayon::prelude::*;

use crate::builder::*;
use crate::thorough::thoroughly;

/// Spec/decision.md in the plainest form: try all pairs.
mod evaluator {
    use super::*;

    struct World<'a> {
        observation: &'a Observation,
        function: Vec<GroupId>,
        proxy: Vec<GroupId>,
    }

    fn named<'a>(observation: &'a Observation, prefixes: &[&str]) -> Vec<&'a SecurityGroup> {
        let matches = |group: &&SecurityGroup| {
            prefixes.iter().any(|prefix| {
                group
                    .name
                    .strip_prefix(prefix)
                    .is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()))
            })
        };
        observation.groups.iter().filter(matches).collect()
    }

    fn one(rules: &[Rule], port: u16, peers: &[GroupId]) -> bool {
        matches!(rules, [Rule { protocol: Protocol::Tcp, ports: Some(PortRange { from, to }), peer: Peer::Group(peer), .. }]
            if *from == i32::from(port) && *to == i32::from(port) && peers.contains(peer))
    }

    fn list(groups: &GroupList) -> Vec<GroupId> {
        groups.iter().cloned().collect()
    }

    impl World<'_> {
        fn database_fits(&self) -> bool {
            let observation = self.observation;
            let proxied = observation.proxy.is_some();
            let healthy = observation.proxy.iter().flat_map(|proxy| &proxy.targets).any(|target| {
                target
                    .health
                    .as_ref()
                    .is_some_and(|health| health.state == TargetHealthState::Available)
            });
            let prefixes: &[&str] = if proxied {
                &["rds-lambda-", "rds-rdsproxy-"]
            } else {
                &["rds-lambda-"]
            };
            let sources = if proxied { &self.proxy } else { &self.function };
            healthy
                || named(observation, prefixes).into_iter().any(|group| {
                    observation.database.groups().contains(&group.id)
                        && one(&group.ingress, PORT, sources)
                        && group.egress.iter().all(|rule| *rule == allow_all())
                })
        }

        fn function_fits(&self, group: &SecurityGroup) -> bool {
            let proxied = self.observation.proxy.is_some();
            let (port, peers) = if proxied {
                (PROXY_PORT, self.proxy.clone())
            } else {
                (PORT, list(&self.observation.database.groups()))
            };
            self.function.contains(&group.id) && one(&group.egress, port, &peers) && group.ingress.is_empty()
        }

        fn proxy_fits(&self, group: &SecurityGroup) -> bool {
            self.proxy.contains(&group.id)
                && one(&group.ingress, PROXY_PORT, &self.function)
                && one(&group.egress, PORT, &list(&self.observation.database.groups()))
        }
    }

    /// The decision, and how many groups it associates that exist.
    pub fn decide(observation: &Observation) -> (&'static str, usize) {
        let proxied = observation.proxy.is_some();
        let on_function = list(&observation.function.groups());
        let on_proxy = observation
            .proxy
            .as_ref()
            .map(|proxy| list(&proxy.groups))
            .unwrap_or_default();
        let functions = named(
            observation,
            if proxied {
                &["lambda-rdsproxy-"]
            } else {
                &["lambda-rds-"]
            },
        );
        let on_the_way = named(observation, &["rdsproxy-lambda-"]);
        let now = World {
            observation,
            function: on_function.clone(),
            proxy: on_proxy.clone(),
        };
        let all_fit = now.database_fits()
            && functions.iter().any(|group| now.function_fits(group))
            && (!proxied || on_the_way.iter().any(|group| now.proxy_fits(group)));
        if all_fit {
            return ("no-op", 0);
        }
        let mut best: Option<usize> = None;
        for function in &functions {
            let choices: Vec<Option<&SecurityGroup>> = if proxied {
                on_the_way.iter().map(|proxy| Some(*proxy)).collect()
            } else {
                vec![None]
            };
            for proxy in choices {
                let mut world = World {
                    observation,
                    function: on_function.clone(),
                    proxy: on_proxy.clone(),
                };
                let mut additions = 0;
                if !world.function.contains(&function.id) {
                    world.function.push(function.id.clone());
                    additions += 1;
                }
                if let Some(proxy) = proxy
                    && !world.proxy.contains(&proxy.id)
                {
                    world.proxy.push(proxy.id.clone());
                    additions += 1;
                }
                if world.database_fits()
                    && world.function_fits(function)
                    && proxy.is_none_or(|group| world.proxy_fits(group))
                {
                    best = Some(best.map_or(additions, |best: usize| best.min(additions)));
                }
            }
        }
        best.map_or(("create-new", 0), |additions| ("associate-existing", additions))
    }
}

/// Carries a plan out on the observation, as AWS would.
fn carried_out(observation: &Observation, plan: &Plan) -> Observation {
    let mut after = observation.clone();
    let id = |group: &Ref<GroupId>| match group {
        Ref::Existing(id) => id.clone(),
        Ref::Step(step) => GroupId::from(format!("sg-new-{step}")),
    };
    for step in plan.steps.iter().filter(|step| step.status == StepStatus::Planned) {
        match &step.effect {
            Effect::CreateSecurityGroup {
                name,
                vpc,
                tags,
                description,
                ..
            } => after.groups.push(SecurityGroup {
                id: id(&Ref::Step(step.id)),
                name: name.clone(),
                vpc: vpc.clone(),
                owner: None,
                description: description.clone(),
                ingress: vec![],
                egress: vec![allow_all()],
                tags: tags.clone(),
            }),
            Effect::RevokeDefaultEgress { group } => {
                let group = after.groups.iter_mut().find(|found| found.id == id(group)).unwrap();
                group.egress.retain(|rule| !rule.is_default_egress());
            }
            Effect::AddRule {
                direction,
                group,
                port,
                peer,
                ..
            } => {
                let RulePeer::Group(peer) = peer else {
                    panic!("{step:?}")
                };
                let rule = Rule::tcp(*port, id(peer));
                let group = after.groups.iter_mut().find(|found| found.id == id(group)).unwrap();
                match direction {
                    Direction::Ingress => group.ingress.push(rule),
                    Direction::Egress => group.egress.push(rule),
                }
            }
            Effect::RegisterTarget { .. } => after.proxy.as_mut().unwrap().targets.push(ProxyTarget {
                kind: TargetKind::TrackedCluster,
                resource: "c".into(),
                tracked_cluster: None,
                health: None,
                role: None,
            }),
            Effect::AssociateDatabase { group, .. } => associate(&mut after, Side::Database, id(group).as_str()),
            Effect::AssociateProxy { group, .. } => associate(&mut after, Side::Proxy, id(group).as_str()),
            Effect::AssociateFunction { group, .. } => associate(&mut after, Side::Function, id(group).as_str()),
            Effect::CreateProxy(plan) => {
                after.proxy.as_mut().unwrap().exists = true;
                associate(&mut after, Side::Proxy, id(&plan.group).as_str());
            }
            Effect::Vpc(VpcEffect::Attach(plan)) => {
                for group in &plan.groups {
                    associate(&mut after, Side::Function, id(group).as_str());
                }
            }
            Effect::Vpc(VpcEffect::Detach { .. }) => panic!("setup detaches nothing"),
            Effect::CreateFunction(plan) => {
                after.function.exists = true;
                associate(&mut after, Side::Function, id(&plan.group).as_str());
            }
            // Secrets and roles have no part in an observation of what exists.
            Effect::CreateSecret { .. }
            | Effect::CreateRole { .. }
            | Effect::PutRolePolicy { .. }
            | Effect::AttachRolePolicy { .. }
            | Effect::SetEnvironment { .. } => {}
            Effect::Network(effect) => panic!("setup makes no network: {effect:?}"),
            Effect::Removal(effect) => match effect {
                RemovalEffect::Unmark { groups } => {
                    for group in after.groups.iter_mut().filter(|group| groups.contains(&group.id)) {
                        group.tags.remove(tags::REMOVING);
                    }
                }
                RemovalEffect::Revoke {
                    group,
                    direction,
                    rules,
                    ..
                } => {
                    let found = after.groups.iter_mut().find(|found| found.id == *group.id()).unwrap();
                    let list = match direction {
                        Direction::Ingress => &mut found.ingress,
                        Direction::Egress => &mut found.egress,
                    };
                    list.retain(|rule| !rules.iter().any(|revoked| revoked.is_same_as(rule)));
                }
                other => panic!("setup takes away: {other:?}"),
            },
            Effect::Handover(effect) => panic!("setup changes who manages a group: {effect:?}"),
        }
    }
    after
}

pub fn check(observation: &Observation) {
    let assessment = decide(observation);
    let (expected, additions) = evaluator::decide(observation);
    assert_eq!(assessment.decision.to_string(), expected, "{observation:#?}");
    if let Decision::AssociateExisting { function, proxy } = &assessment.decision {
        let added = [function, proxy].into_iter().flatten().count();
        assert_eq!(added, additions, "{observation:#?}");
    }
    let steps = plan(&assessment, &Request::default());
    assert_eq!(
        lint(&steps, &Ground::of_connection(observation)),
        [],
        "{observation:#?}"
    );

    let mut reversed = observation.clone();
    reversed.groups.reverse();
    assert_eq!(
        format!("{:?}", plan(&decide(&reversed), &Request::default())),
        format!("{steps:?}")
    );

    let after = carried_out(observation, &steps);
    let again = decide(&after);
    assert_eq!(again.decision, Decision::NoOp, "{observation:#?}\n{steps:#?}");
    assert!(plan(&again, &Request::default()).is_empty());
    crate::drift::check(observation, &after);
    for &side in observation.sides() {
        let now = after.groups_on(side);
        assert!(
            observation.groups_on(side).iter().all(|group| now.contains(group)),
            "a list has shrunk"
        );
    }
    for before in &observation.groups {
        assert_eq!(
            after.group(&before.id),
            Some(before),
            "a group that was there has changed"
        );
    }
}

/// A group and whether it is associated, or no group.
type Variant = Option<(SecurityGroup, bool)>;

/// A group that is absent, or has one of these rules, and is associated or not.
fn variants(id: &str, name: &str, rules: &[(Vec<Rule>, Vec<Rule>)]) -> Vec<Variant> {
    let mut variants = vec![None];
    for (ingress, egress) in rules {
        for associated in [true, false] {
            variants.push(Some((group(id, name, ingress.clone(), egress.clone()), associated)));
        }
    }
    variants
}

fn put(observation: &mut Observation, side: Side, variant: Option<&(SecurityGroup, bool)>) {
    if let Some((group, associated)) = variant {
        observation.groups.push(group.clone());
        if *associated {
            associate(observation, side, group.id.as_str());
        }
    }
}

/// Checks each n-th combination of one variant a slot. How many there were.
fn check_each(nth: usize, base: &Observation, slots: &[(Side, Vec<Variant>)]) -> usize {
    let all: usize = slots.iter().map(|(_, variants)| variants.len()).product();
    let world = |number: usize| {
        let (mut world, mut rest) = (base.clone(), number);
        for (side, variants) in slots {
            put(&mut world, *side, variants[rest % variants.len()].as_ref());
            rest /= variants.len();
        }
        world
    };
    let numbers = (0..all).into_par_iter().step_by(nth);
    numbers.map(|number| check(&world(number))).count()
}

/// Prime to the numbers of variants: each variant of a slot is met with each of any other.
const USUALLY: usize = 10;

#[test]
fn direct_worlds() {
    let database = |id, n| {
        let rules = [
            (vec![tcp(PORT, "sg-l1")], vec![]),
            (vec![tcp(PORT, "sg-l2")], vec![allow_all()]),
            (vec![tcp(PORT, "sg-x")], vec![]),
            (vec![tcp(1, "sg-l1")], vec![]),
            (vec![tcp(PORT, "sg-l1"), tcp(PORT, "sg-l2")], vec![]),
        ];
        variants(id, &Convention::RdsLambda.name(n), &rules)
    };
    let function = |id, n| {
        let rules = [
            (vec![], vec![tcp(PORT, "sg-d1")]),
            (vec![], vec![tcp(PORT, "sg-d2")]),
            (vec![], vec![tcp(PORT, "sg-x")]),
            (vec![tcp(1, "sg-x")], vec![tcp(PORT, "sg-d1")]),
            (vec![], vec![tcp(PORT, "sg-d1"), allow_all()]),
        ];
        variants(id, &Convention::LambdaRds.name(n), &rules)
    };
    let slots = [
        (Side::Database, database("sg-d1", 1)),
        (Side::Database, database("sg-d2", 2)),
        (Side::Function, function("sg-l1", 2)),
        (Side::Function, function("sg-l2", 1)),
    ];
    let nth = thoroughly([USUALLY, 1]);
    assert_eq!(check_each(nth, &direct(), &slots), 11_usize.pow(4).div_ceil(nth));
}

#[test]
fn proxied_worlds() {
    let database_rules = [
        (vec![tcp(PORT, "sg-p1")], vec![]),
        (vec![tcp(PORT, "sg-p2")], vec![]),
        (vec![tcp(PORT, "sg-x")], vec![]),
    ];
    let function = |id, n| {
        let rules = [
            (vec![], vec![tcp(PROXY_PORT, "sg-p1")]),
            (vec![], vec![tcp(PROXY_PORT, "sg-p2")]),
            (vec![], vec![tcp(PORT, "sg-p1")]),
        ];
        variants(id, &Convention::LambdaRdsproxy.name(n), &rules)
    };
    let proxy = |id, n| {
        let rules = [
            (vec![tcp(PROXY_PORT, "sg-l1")], vec![tcp(PORT, "sg-d")]),
            (vec![tcp(PROXY_PORT, "sg-l2")], vec![tcp(PORT, "sg-d")]),
            (vec![tcp(PROXY_PORT, "sg-l1")], vec![tcp(PORT, "sg-x")]),
        ];
        variants(id, &Convention::RdsproxyLambda.name(n), &rules)
    };
    let slots = [
        (Side::Database, variants("sg-d", "rds-rdsproxy-1", &database_rules)),
        (Side::Function, function("sg-l1", 1)),
        (Side::Function, function("sg-l2", 2)),
        (Side::Proxy, proxy("sg-p1", 2)),
        (Side::Proxy, proxy("sg-p2", 1)),
    ];
    let nth = thoroughly([USUALLY, 1]);
    for health in [None, Some(TargetHealthState::Available)] {
        assert_eq!(check_each(nth, &proxied(health), &slots), 7_usize.pow(5).div_ceil(nth));
    }
}
