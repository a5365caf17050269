//! What a plan says, and what the linter would say of a bad one. Random worlds besides.

use std::collections::BTreeMap;

use autoconnect::decide::decide;
use autoconnect::model::*;
use autoconnect::plan::{Flaw, Ground, Plan, Request, StepStatus, lint, plan, reasons};
use proptest::prelude::*;

use crate::builder::*;
use crate::exhaustive::check;
use crate::thorough::thoroughly;

fn new_set(observation: &Observation) -> Plan {
    plan(&decide(observation), &Request::default())
}

#[test]
fn a_new_set_in_the_order_that_is_safe() {
    let actions = |observation: &Observation| -> Vec<&str> {
        new_set(observation)
            .steps
            .iter()
            .map(|step| step.effect.action())
            .collect()
    };
    let direct_actions = [
        "ec2:CreateSecurityGroup",
        "ec2:CreateSecurityGroup",
        "ec2:RevokeSecurityGroupEgress",
        "ec2:RevokeSecurityGroupEgress",
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:AuthorizeSecurityGroupEgress",
        "rds:ModifyDBCluster",
        "lambda:UpdateFunctionConfiguration",
    ];
    assert_eq!(actions(&direct()), direct_actions);
    let proxied_actions = actions(&proxied(None));
    assert_eq!(proxied_actions.len(), 13);
    assert_eq!(
        proxied_actions[10..],
        [
            "rds:ModifyDBCluster",
            "rds:ModifyDBProxy",
            "lambda:UpdateFunctionConfiguration"
        ]
    );
    let plan = new_set(&proxied(None));
    assert_eq!(plan.steps[0].resource, "rds-rdsproxy-1");
    // Of the steps that create groups it needs that of its own; the others come before all rules.
    let after = &plan.steps[12].after;
    assert!(
        (4..=12).all(|step| after.contains(&step)),
        "the function comes after everything: {after:?}"
    );
}

#[test]
fn the_users_tags_go_on_what_is_created_and_ours_win() {
    let request = Request {
        tags: BTreeMap::from([("team".into(), "shop".into())]),
        ..Request::default()
    };
    let observation = direct();
    let plan = plan(&decide(&observation), &request);
    let autoconnect::plan::Effect::CreateSecurityGroup { tags, description, .. } = &plan.steps[0].effect else {
        panic!("the first step creates a group");
    };
    assert_eq!(tags["team"], "shop");
    assert_eq!(tags["autoconnect:connection"], "cluster/c:function/f");
    assert_eq!(tags["autoconnect:role"], "database");
    assert!(description.len() <= 255);
}

#[test]
fn the_linter_finds_each_flaw() {
    let observation = direct();
    let good = new_set(&observation);
    let with = |change: &dyn Fn(&mut Plan)| {
        let mut plan = good.clone();
        change(&mut plan);
        lint(&plan, &Ground::of_connection(&observation))
    };
    assert_eq!(with(&|_| ()), []);
    assert!(with(&|plan| plan.steps.swap(0, 7)).contains(&Flaw::Unbound { step: 8 }));
    assert!(with(&|plan| plan.steps.swap(0, 2)).contains(&Flaw::OutOfOrder { step: 3 }));
    assert!(with(&|plan| plan.steps.swap(5, 6)).contains(&Flaw::TooEarly { step: 7 }));
    let rename = |plan: &mut Plan| {
        if let autoconnect::plan::Effect::CreateSecurityGroup { name, .. } = &mut plan.steps[0].effect {
            *name = "database".into();
        }
    };
    assert_eq!(with(&rename), [Flaw::Name { step: 1 }]);
    let foreign = |plan: &mut Plan| {
        plan.steps[2].effect = autoconnect::plan::Effect::RevokeDefaultEgress {
            group: autoconnect::plan::Ref::Existing("sg-theirs".into()),
        };
    };
    let flaw = Flaw::ForeignGroup {
        step: 3,
        group: "sg-theirs".into(),
    };
    assert_eq!(with(&foreign), [flaw]);
}

#[test]
fn an_auth_failure_is_no_network_matter() {
    let mut observation = proxied(Some(TargetHealthState::Unavailable));
    let health = observation.proxy.as_mut().unwrap().targets[1].health.as_mut().unwrap();
    health.reason = Some("AUTH_FAILURE".into());
    let assessment = decide(&observation);
    let reasons = reasons(&assessment, &Plan::default()).join(" ");
    assert!(
        reasons.contains("AUTH_FAILURE") && reasons.contains("not a network problem"),
        "{reasons}"
    );
}

fn rule() -> impl Strategy<Value = Rule> {
    let peer = prop_oneof![
        6 => prop::sample::select(vec!["sg-0", "sg-1", "sg-2", "sg-3", "sg-4", "sg-x"]).prop_map(|id| Peer::Group(id.into())),
        1 => Just(Peer::Cidr("0.0.0.0/0".into())),
        1 => Just(Peer::PrefixList("pl-1".into())),
    ];
    let protocol =
        prop_oneof![8 => Just(Protocol::Tcp), 1 => Just(Protocol::All), 1 => Just(Protocol::Other("udp".into()))];
    let ports = prop_oneof![5 => Just(Some(PortRange::only(PORT))), 5 => Just(Some(PortRange::only(PROXY_PORT))), 1 => Just(None)];
    (peer, protocol, ports).prop_map(|(peer, protocol, ports)| Rule {
        ports: ports.filter(|_| protocol != Protocol::All),
        protocol,
        peer,
        description: None,
    })
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    prop_oneof![3 => prop::collection::vec(rule(), 1), 1 => prop::collection::vec(rule(), 0..3)].prop_map(
        |mut rules| {
            rules.sort();
            rules.dedup();
            rules
        },
    )
}

prop_compose! {
    /// Up to five groups with names of the convention or near it, any rules, on any sides.
    fn world()(
        through_proxy: bool,
        reaches: bool,
        groups in prop::collection::vec((0..7_usize, rules(), rules(), any::<[bool; 3]>()), 0..6),
    ) -> Observation {
        let names = ["rds-lambda-", "lambda-rds-", "rds-rdsproxy-", "lambda-rdsproxy-", "rdsproxy-lambda-", "RDS-Lambda-", "other-"];
        let health = if reaches { TargetHealthState::Available } else { TargetHealthState::Unavailable };
        let mut observation = if through_proxy { proxied(Some(health)) } else { direct() };
        for (i, (name, ingress, egress, on)) in groups.into_iter().enumerate() {
            let id = format!("sg-{i}");
            observation.groups.push(group(&id, &format!("{}{}", names[name], i + 1), ingress, egress));
            for (side, on) in [Side::Database, Side::Function, Side::Proxy].into_iter().zip(on) {
                if on && (through_proxy || side != Side::Proxy) {
                    associate(&mut observation, side, &id);
                }
            }
        }
        observation
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: thoroughly([1024, 4096]), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_worlds_hold_every_property(world in world()) {
        check(&world);
    }

    #[test]
    fn a_plan_leaves_nothing_to_choose(world in world()) {
        let plan = plan(&decide(&world), &Request::default());
        prop_assert!(plan.steps.iter().all(|step| step.status == StepStatus::Planned || !step.resource.is_empty()));
        prop_assert!(plan.steps.iter().enumerate().all(|(i, step)| step.id as usize == i + 1));
    }
}
