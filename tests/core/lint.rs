//! What the linter says of a plan that must never be carried out: each flaw, for each command that could have it.

use autoconnect::adopt::{OwnPolicies, OwnRole};
use autoconnect::decide::decide;
use autoconnect::model::network::RouteTarget;
use autoconnect::model::*;
use autoconnect::ownership::{For, Ownership, Way};
use autoconnect::ownership::{OwnConnection, OwnTags};
use autoconnect::plan::network::{EndpointPlan, EndpointWish, NetworkEffect, RulePeer, Via};
use autoconnect::plan::{
    AttachPlan, Effect, Flaw, Grant, Ground, Made, May, Plan, Ref, RemovalEffect, Request, Right, Step, StepStatus,
    VpcEffect, lint, plan,
};
use autoconnect::removal::Removable;

use crate::builder::*;
use crate::ownership::set;

/// Steps from 1, each after none.
fn steps(effects: Vec<Effect>) -> Plan {
    let step = |(id, effect)| Step {
        id,
        effect,
        resource: "what it changes".to_owned(),
        summary: "what it does".to_owned(),
        after: Vec::new(),
        status: StepStatus::Planned,
    };
    Plan {
        steps: (1..).zip(effects).map(step).collect(),
        number: None,
    }
}

fn id(id: &str) -> GroupId {
    id.into()
}

fn existing(group: &str) -> Ref<GroupId> {
    Ref::Existing(id(group))
}

fn removable(group: &str) -> Removable {
    Removable::owned(&crate::builder::group(group, "any", vec![], vec![]), &Ownership::Proven).unwrap()
}

fn grant(group: &str, port: u16, peer: &str) -> Effect {
    Effect::AddRule {
        direction: Direction::Ingress,
        group: existing(group),
        port,
        peer: RulePeer::Group(existing(peer)),
        description: String::new(),
    }
}

fn revoke(group: &str, rule: Rule, makes_room: bool) -> Effect {
    Effect::Removal(RemovalEffect::Revoke {
        group: removable(group),
        direction: Direction::Ingress,
        rules: vec![rule],
        makes_room,
    })
}

fn mark(group: &str) -> Effect {
    Effect::Removal(RemovalEffect::Mark {
        groups: vec![id(group)],
        connection: "cluster/c:function/f".to_owned(),
        function: "f".to_owned(),
    })
}

fn off_database(group: &str) -> Effect {
    Effect::Removal(RemovalEffect::OffDatabase {
        kind: DatabaseKind::Cluster,
        id: "c".to_owned(),
        group: removable(group),
    })
}

fn delete(group: &str) -> Effect {
    Effect::Removal(RemovalEffect::DeleteGroup {
        group: removable(group),
    })
}

fn delete_role() -> Effect {
    Effect::Removal(RemovalEffect::DeleteRole {
        role: "autoconnect-role".to_owned(),
    })
}

fn delete_proxy() -> Effect {
    Effect::Removal(RemovalEffect::DeleteProxy {
        proxy: "autoconnect-p".to_owned(),
    })
}

fn create_role() -> Effect {
    Effect::CreateRole {
        made: Made::ProxyRole,
        name: "autoconnect-role".to_owned(),
        service: "rds.amazonaws.com",
        description: String::new(),
        tags: [].into(),
        own: Box::new(OwnRole {
            arn: "arn:aws:iam::123456789012:role/autoconnect-role".to_owned(),
            service: "rds.amazonaws.com",
            tags: OwnTags {
                side: Side::Proxy,
                connection: OwnConnection::Way("test".to_owned()),
            },
            managed: Vec::new(),
            policies: OwnPolicies::Proxy {
                proxy: "autoconnect-p".to_owned(),
                database: String::new(),
                databases: Some(Vec::new()),
                renewed: None,
                secrets: Some(Vec::new()),
            },
        }),
    }
}

fn read_secret() -> Effect {
    Effect::PutRolePolicy {
        role: "autoconnect-role".to_owned(),
        policy: "autoconnect-secret".to_owned(),
        grant: Grant::ReadSecret {
            secret: Ref::Existing("arn".to_owned()),
            customer_key: None,
        },
    }
}

fn create_endpoint(groups: Vec<Ref<GroupId>>) -> Effect {
    Effect::Network(NetworkEffect::CreateEndpoint(Box::new(EndpointPlan {
        vpc: "vpc-1".into(),
        service: "sts".to_owned(),
        subnets: vec!["subnet-1".into()],
        groups,
        route_tables: vec![],
        policy: None,
        tags: [].into(),
    })))
}

fn add_rule(group: Ref<GroupId>) -> Effect {
    Effect::AddRule {
        direction: Direction::Ingress,
        group,
        port: 443,
        peer: RulePeer::Cidr("10.0.0.0/8".parse().unwrap()),
        description: String::new(),
    }
}

fn create_group(name: &str) -> Effect {
    Effect::CreateSecurityGroup {
        side: None,
        name: name.to_owned(),
        vpc: "vpc-1".into(),
        description: String::new(),
        tags: [].into(),
        existing: None,
    }
}

fn route(table: Ref<RouteTableId>) -> Effect {
    Effect::Network(NetworkEffect::CreateRoute {
        table,
        destination: "0.0.0.0/0".parse().unwrap(),
        via: Via::Existing(RouteTarget::Local),
    })
}

fn associate_table(table: Ref<RouteTableId>) -> Effect {
    Effect::Network(NetworkEffect::AssociateRouteTable {
        table,
        subnet: Ref::Existing("subnet-1".into()),
    })
}

/// A connected set, with a foreign rule on the database's group, and a group of someone else on the database.
fn connected() -> Observation {
    let (mut observation, _) = set(direct());
    observation.groups[0].ingress.push(tcp(22, "sg-x"));
    let mut foreign = group("sg-x", "rds-lambda-9", vec![], vec![]);
    foreign.tags = observation.groups[0].tags.clone();
    "Managed by another team".clone_into(&mut foreign.description);
    observation.groups.push(foreign);
    associate(&mut observation, Side::Database, "sg-x");
    associate(&mut observation, Side::Database, "sg-d");
    associate(&mut observation, Side::Function, "sg-l");
    observation
}

/// The ground of a removal.
fn removal(observation: &Observation) -> Ground<'_> {
    Ground::new(May::TakeAway)
        .with_lists(observation)
        .with_judged(
            &observation.groups,
            &Way::of(observation),
            For::AnyFunction,
            observation.sides(),
        )
        .with_other("autoconnect-p")
        .with_other("autoconnect-role")
}

#[test]
fn what_only_adds_takes_nothing_away_and_changes_nothing_foreign() {
    let observation = connected();
    let foreign = |group: &str| Flaw::ForeignGroup {
        step: 1,
        group: id(group),
    };
    let wanted = tcp(PORT, "sg-l");
    let table: Vec<(Vec<Effect>, Vec<Flaw>)> = vec![
        (vec![grant("sg-d", PORT, "sg-l")], vec![]),
        (vec![revoke("sg-d", tcp(22, "sg-x"), false)], vec![]),
        // Its tags say that it is ours, and its description and its other end do not.
        (vec![grant("sg-x", PORT, "sg-l")], vec![foreign("sg-x")]),
        (
            vec![Effect::RevokeDefaultEgress {
                group: existing("sg-x"),
            }],
            vec![foreign("sg-x")],
        ),
        (
            vec![Effect::Removal(RemovalEffect::Unmark {
                groups: vec![id("sg-x")],
            })],
            vec![foreign("sg-x")],
        ),
        (vec![add_rule(existing("sg-x"))], vec![foreign("sg-x")]),
        (vec![add_rule(existing("sg-unread"))], vec![foreign("sg-unread")]),
        (
            vec![revoke("sg-d", tcp(23, "sg-x"), false)],
            vec![Flaw::NoSuchRule {
                step: 1,
                group: id("sg-d"),
            }],
        ),
        (
            vec![grant("sg-d", PORT, "sg-l"), revoke("sg-d", wanted, false)],
            vec![Flaw::CutsTraffic {
                step: 2,
                group: id("sg-d"),
            }],
        ),
        (
            vec![revoke("sg-d", tcp(22, "sg-x"), false), grant("sg-l", PORT, "sg-d")],
            vec![Flaw::OutOfOrder { step: 1 }],
        ),
        (vec![mark("sg-d")], vec![Flaw::TakesAway { step: 1 }]),
        (vec![off_database("sg-d")], vec![Flaw::TakesAway { step: 1 }]),
        (
            vec![Effect::Vpc(VpcEffect::Detach {
                function: "arn".to_owned(),
            })],
            vec![Flaw::TakesAway { step: 1 }],
        ),
    ];
    for (effects, flaws) in table {
        let plan = steps(effects);
        assert_eq!(lint(&plan, &Ground::of_connection(&observation)), flaws, "{plan:#?}");
    }
}

/// At the quota of rules one goes first: of the group that is granted another, and none that carries the traffic.
#[test]
fn a_rule_that_makes_room_cuts_nothing() {
    let (mut observation, _) = set(direct());
    let (broad, other) = (cidr(Protocol::All, None, "0.0.0.0/0"), tcp(22, "sg-x"));
    observation.groups[0].ingress = vec![broad.clone(), other.clone()];
    let cut = Flaw::CutsTraffic {
        step: 1,
        group: id("sg-d"),
    };
    let table = [
        (
            vec![revoke("sg-d", other.clone(), true), grant("sg-d", PORT, "sg-l")],
            vec![],
        ),
        (
            vec![revoke("sg-d", broad.clone(), true), grant("sg-d", PORT, "sg-l")],
            vec![cut],
        ),
        (
            vec![revoke("sg-d", other.clone(), true), grant("sg-l", PORT, "sg-d")],
            vec![Flaw::OutOfOrder { step: 1 }],
        ),
        (vec![revoke("sg-d", other, true)], vec![Flaw::OutOfOrder { step: 1 }]),
    ];
    for (effects, flaws) in table {
        let plan = steps(effects);
        assert_eq!(lint(&plan, &Ground::of_connection(&observation)), flaws, "{plan:#?}");
    }
    // Where nothing else could go, it is visible in the step, and is no flaw.
    observation.groups[0].ingress = vec![broad.clone()];
    let plan = steps(vec![revoke("sg-d", broad, true), grant("sg-d", PORT, "sg-l")]);
    assert_eq!(lint(&plan, &Ground::of_connection(&observation)), []);
}

#[test]
fn a_removal_takes_nothing_too_early_nor_too_much() {
    let observation = connected();
    let own = || tcp(PORT, "sg-l");
    let whole = || {
        vec![
            mark("sg-d"),
            mark("sg-l"),
            Effect::Removal(RemovalEffect::OffFunction {
                function: "arn".to_owned(),
                group: removable("sg-l"),
            }),
            off_database("sg-d"),
            revoke("sg-d", own(), false),
            Effect::Removal(RemovalEffect::Revoke {
                group: removable("sg-l"),
                direction: Direction::Egress,
                rules: vec![tcp(PORT, "sg-d")],
                makes_room: false,
            }),
            delete("sg-l"),
            delete("sg-d"),
        ]
    };
    let without = |at: usize| {
        let mut effects = whole();
        effects.remove(at);
        effects
    };
    let not_marked = |step, group: &str| Flaw::NotMarked { step, group: id(group) };
    let table: Vec<(&str, Vec<Effect>, Vec<Flaw>)> = vec![
        // The function has no other group.
        ("the whole", whole(), vec![Flaw::Empties { step: 3 }]),
        (
            "no mark",
            without(0),
            vec![Flaw::Empties { step: 2 }, not_marked(7, "sg-d")],
        ),
        ("still on the function", without(2), vec![Flaw::StillUsed { step: 6 }]),
        (
            "still on the database",
            without(3),
            vec![Flaw::Empties { step: 3 }, Flaw::StillUsed { step: 7 }],
        ),
        (
            "still named by the database's group",
            without(4),
            vec![Flaw::Empties { step: 3 }, Flaw::StillUsed { step: 6 }],
        ),
        (
            "a group with forged tags",
            vec![mark("sg-x"), off_database("sg-x"), delete("sg-x")],
            vec![
                Flaw::ForeignGroup {
                    step: 1,
                    group: id("sg-x"),
                },
                Flaw::ForeignGroup {
                    step: 2,
                    group: id("sg-x"),
                },
                Flaw::ForeignGroup {
                    step: 3,
                    group: id("sg-x"),
                },
                // The rule of the database's group names it.
                Flaw::StillUsed { step: 3 },
            ],
        ),
        (
            "the proxy after its role",
            vec![delete_role(), delete_proxy()],
            vec![Flaw::StillUsed { step: 1 }],
        ),
        ("the proxy and its role", vec![delete_proxy(), delete_role()], vec![]),
        (
            "somebody's role",
            vec![Effect::Removal(RemovalEffect::DeleteRole {
                role: "admin".to_owned(),
            })],
            vec![Flaw::Foreign {
                step: 1,
                resource: "admin".to_owned(),
            }],
        ),
        (
            "a detached function with a group of somebody's",
            vec![Effect::Removal(RemovalEffect::Detach {
                function: "arn".to_owned(),
                groups: vec![],
            })],
            vec![Flaw::ForeignGroup {
                step: 1,
                group: id("sg-l"),
            }],
        ),
    ];
    for (what, effects, flaws) in table {
        assert_eq!(lint(&steps(effects), &removal(&observation)), flaws, "{what}");
    }
}

/// A group created by the console may be disassociated and deleted where the user has asked for it, and no more.
#[test]
fn the_consoles_groups_are_not_tagged_again() {
    let observation = connected();
    let foreign = group("sg-c", "rds-lambda-7", vec![], vec![]);
    let ground = removal(&observation).with_group(&foreign, Right::ConsoleMade);
    assert_eq!(lint(&steps(vec![mark("sg-c"), delete("sg-c")]), &ground), []);
    let retag = Effect::Removal(RemovalEffect::Retag {
        groups: vec![id("sg-c")],
        connection: "cluster/c".to_owned(),
    });
    let flaw = Flaw::ForeignGroup {
        step: 1,
        group: id("sg-c"),
    };
    assert_eq!(lint(&steps(vec![retag]), &ground), [flaw]);
}

#[test]
fn networks_are_built_in_order() {
    let taken = group("sg-e", "autoconnect-endpoints", vec![], vec![]);
    let ground = Ground::new(May::Add).with_group(&taken, Right::None);
    let widen = Effect::Network(NetworkEffect::ModifyEndpoint {
        endpoint: "vpce-1".into(),
        wish: EndpointWish {
            add_groups: vec![existing("sg-own")],
            ..EndpointWish::default()
        },
    });
    let own = group("sg-own", "autoconnect-msk-endpoints", vec![], vec![allow_all()]);
    let ground = ground.with_group(&own, Right::Credible);
    let table = [
        (
            vec![
                create_group("endpoints"),
                add_rule(Ref::Step(1)),
                create_endpoint(vec![Ref::Step(1)]),
            ],
            vec![],
        ),
        (
            vec![create_endpoint(vec![Ref::Step(1)])],
            vec![Flaw::Unbound { step: 1 }],
        ),
        (vec![create_endpoint(vec![])], vec![Flaw::Empties { step: 1 }]),
        (
            vec![
                create_group("endpoints"),
                create_endpoint(vec![Ref::Step(1)]),
                add_rule(Ref::Step(1)),
            ],
            vec![Flaw::TooEarly { step: 2 }],
        ),
        (
            vec![
                widen,
                Effect::RevokeDefaultEgress {
                    group: existing("sg-own"),
                },
            ],
            vec![Flaw::TooEarly { step: 1 }],
        ),
        (
            vec![create_group("Autoconnect-Endpoints")],
            vec![Flaw::Name { step: 1 }],
        ),
        (vec![route(Ref::Step(1))], vec![Flaw::Unbound { step: 1 }]),
        (
            vec![
                associate_table(Ref::Existing("rtb-1".into())),
                route(Ref::Existing("rtb-1".into())),
            ],
            vec![Flaw::TooEarly { step: 1 }],
        ),
    ];
    for (effects, flaws) in table {
        let plan = steps(effects);
        assert_eq!(lint(&plan, &ground), flaws, "{plan:#?}");
    }
}

#[test]
fn functions_are_attached_and_detached_only_whole() {
    let attach = |subnets: Vec<SubnetId>, groups: Vec<Ref<GroupId>>| {
        vec![Effect::Vpc(VpcEffect::Attach(Box::new(AttachPlan {
            function: "arn".to_owned(),
            vpc: "vpc-1".into(),
            subnets,
            groups,
            ipv6: None,
        })))]
    };
    let subnet = || vec![SubnetId::from("subnet-1")];
    let table = [
        (attach(subnet(), vec![existing("sg-1")]), vec![]),
        (attach(vec![], vec![existing("sg-1")]), vec![Flaw::Empties { step: 1 }]),
        (attach(subnet(), vec![]), vec![Flaw::Empties { step: 1 }]),
        (attach(subnet(), vec![Ref::Step(2)]), vec![Flaw::Unbound { step: 1 }]),
    ];
    for (effects, flaws) in table {
        let plan = steps(effects);
        assert_eq!(lint(&plan, &Ground::new(May::Add)), flaws, "{plan:#?}");
    }
    let detach = steps(vec![Effect::Vpc(VpcEffect::Detach {
        function: "arn".to_owned(),
    })]);
    assert_eq!(lint(&detach, &Ground::new(May::Detach)), []);
    assert_eq!(
        lint(&steps(vec![off_database("sg-1")]), &Ground::new(May::Detach)).first(),
        Some(&Flaw::TakesAway { step: 1 })
    );
}

#[test]
fn roles_are_made_before_they_are_used() {
    let ground = Ground::new(May::Add);
    let table = [
        (vec![create_role(), read_secret()], vec![]),
        (vec![read_secret(), create_role()], vec![Flaw::OutOfOrder { step: 1 }]),
    ];
    for (effects, flaws) in table {
        let plan = steps(effects);
        assert_eq!(lint(&plan, &ground), flaws, "{plan:#?}");
    }
    let mut twice = steps(vec![create_role(), read_secret()]);
    twice.steps[1].id = 1;
    assert_eq!(lint(&twice, &ground), [Flaw::OutOfOrder { step: 1 }]);
}

/// EC2 minds no case.
#[test]
fn a_name_that_is_taken_in_another_case_is_found() {
    let mut observation = direct();
    let plan = plan(&decide(&observation), &Request::default());
    observation.groups = vec![group("sg-1", "RDS-Lambda-1", vec![], vec![])];
    assert_eq!(
        lint(&plan, &Ground::of_connection(&observation)),
        [Flaw::Name { step: 1 }]
    );
}

/// An ARN, a name or an id that is empty is for nothing, or for something else than was meant.
#[test]
fn nothing_is_written_with_an_empty_name_in_it() {
    let observation = connected();
    let put = |grant: Grant| Effect::PutRolePolicy {
        role: "autoconnect-role".to_owned(),
        policy: "autoconnect-policy".to_owned(),
        grant,
    };
    let to_database = |id: &str, user: &str| {
        put(Grant::ConnectToDatabase {
            database: observation.database.arn.clone(),
            resource_id: id.to_owned(),
            user: user.to_owned(),
        })
    };
    let through = |proxy: &str, user: &str| {
        put(Grant::ConnectThroughProxy {
            proxy: Ref::Existing(proxy.to_owned()),
            user: user.to_owned(),
        })
    };
    let reads = |secret: &str, key: Option<&str>| {
        put(Grant::ReadSecret {
            secret: Ref::Existing(secret.to_owned()),
            customer_key: key.map(str::to_owned),
        })
    };
    let attach = |policy: &str| Effect::AttachRolePolicy {
        role: "autoconnect-role".to_owned(),
        policy: policy.to_owned(),
    };
    let table = [
        (to_database("cluster-1", "app"), false),
        (to_database("", "app"), true),
        (to_database("cluster-1", ""), true),
        (through("arn", "app"), false),
        (through("", "app"), true),
        (through("arn", ""), true),
        (reads("arn", None), false),
        (reads("arn", Some("key")), false),
        (reads("", None), true),
        (reads("arn", Some("")), true),
        (attach("arn"), false),
        (attach(""), true),
    ];
    for (effect, is_flaw) in table {
        let plan = steps(vec![effect]);
        let flaws = lint(&plan, &Ground::of_connection(&observation));
        let expected: &[Flaw] = if is_flaw { &[Flaw::Unnamed { step: 1 }] } else { &[] };
        assert_eq!(flaws, expected, "{plan:#?}");
    }
}
