//! Whose a group is: each fact that contradicts its tags, one by one, and what a run that died has left.

use std::collections::BTreeMap;

use autoconnect::model::*;
use autoconnect::ownership::{
    Contradiction, For, Names, OwnConnection, OwnTags, Ownership, Way, connection_of, is_made_for, is_on_way, judge,
    looks_ours, side_of, way_of,
};
use autoconnect::tags;

use crate::builder::*;

fn of(observation: &Observation) -> String {
    observation.connection_id()
}

/// A group as `setup` makes it for function f, with these rules.
fn made(
    observation: &Observation,
    side: Side,
    id: &str,
    name: &str,
    ingress: Vec<Rule>,
    egress: Vec<Rule>,
) -> SecurityGroup {
    SecurityGroup {
        description: Way::of(observation).description(side, &observation.function.name),
        tags: BTreeMap::from([
            (tags::MANAGED.to_owned(), "true".to_owned()),
            (tags::CONNECTION.to_owned(), of(observation)),
            (tags::ROLE.to_owned(), tags::role(side).to_owned()),
        ]),
        ..group(id, name, ingress, egress)
    }
}

/// A whole set for the function of the observation, and the side that each of its groups is for.
pub fn set(mut observation: Observation) -> (Observation, Vec<Side>) {
    if observation.proxy.is_none() {
        observation.groups = vec![
            made(
                &observation,
                Side::Database,
                "sg-d",
                "rds-lambda-3",
                vec![tcp(PORT, "sg-l")],
                vec![],
            ),
            made(
                &observation,
                Side::Function,
                "sg-l",
                "lambda-rds-3",
                vec![],
                vec![tcp(PORT, "sg-d")],
            ),
        ];
        return (observation, vec![Side::Database, Side::Function]);
    }
    let (inbound, outbound) = (vec![tcp(PROXY_PORT, "sg-l")], vec![tcp(PORT, "sg-d")]);
    observation.groups = vec![
        made(
            &observation,
            Side::Database,
            "sg-d",
            "rds-rdsproxy-3",
            vec![tcp(PORT, "sg-p")],
            vec![],
        ),
        made(
            &observation,
            Side::Function,
            "sg-l",
            "lambda-rdsproxy-3",
            vec![],
            vec![tcp(PROXY_PORT, "sg-p")],
        ),
        made(
            &observation,
            Side::Proxy,
            "sg-p",
            "rdsproxy-lambda-3",
            inbound,
            outbound,
        ),
    ];
    (observation, vec![Side::Database, Side::Function, Side::Proxy])
}

fn judged(observation: &Observation, at: usize, side: Side, made_for: For<'_>) -> Ownership {
    let groups = observation.groups.as_slice();
    judge(&groups[at], side, &Way::of(observation), made_for, &Names::new(groups))
}

#[test]
fn every_group_of_a_set_is_proven_in_each_state_of_its_making() {
    for whole in [direct(), proxied(None)] {
        let (observation, sides) = set(whole);
        let all = observation.groups.len();
        // Bit by bit: which groups exist, and which of their rules.
        for existing in 0..1_u32 << all {
            for ruled in 0..1_u32 << (2 * all) {
                let mut begun = observation.clone();
                let mut at = 0;
                begun.groups.retain_mut(|group| {
                    let exists = existing & (1 << at) != 0;
                    if ruled & (1 << (2 * at)) == 0 {
                        group.ingress.clear();
                    }
                    if ruled & (1 << (2 * at + 1)) == 0 {
                        group.egress = vec![allow_all()];
                    }
                    at += 1;
                    exists
                });
                // A rule is written once both its ends exist.
                let ids: Vec<GroupId> = begun.groups.iter().map(|group| group.id.clone()).collect();
                for group in &mut begun.groups {
                    let exists = |rule: &Rule| rule.peer.group().is_none_or(|peer| ids.contains(peer));
                    group.ingress.retain(exists);
                    group.egress.retain(exists);
                }
                for at in 0..begun.groups.len() {
                    let original = observation
                        .groups
                        .iter()
                        .position(|group| group.id == begun.groups[at].id);
                    let side = sides[original.unwrap()];
                    for made_for in [For::Function("f"), For::AnyFunction] {
                        assert_eq!(judged(&begun, at, side, made_for), Ownership::Proven, "{begun:#?}");
                    }
                }
            }
        }
    }
}

type Change = fn(&mut Observation);

fn tag(key: &'static str, found: Option<&str>, expected: &str) -> Contradiction {
    Contradiction::Tag {
        key,
        found: found.map(str::to_owned),
        expected: expected.to_owned(),
    }
}

/// The database's group is judged after each change.
fn assert_found(table: Vec<(&str, Change, Contradiction)>) {
    for (what, change, expected) in table {
        let (mut observation, _) = set(direct());
        change(&mut observation);
        let whose = judged(&observation, 0, Side::Database, For::Function("f"));
        assert!(whose.contradictions().contains(&expected), "{what}: {whose:?}");
        assert!(!whose.is_proven(), "{what}");
        assert_eq!(whose.is_credible(), expected == Contradiction::NoDescription, "{what}");
        assert!(!whose.reasons().is_empty(), "{what}");
    }
}

#[test]
fn tags_that_say_something_else_contradict() {
    let ours = "cluster/c:function/f";
    let table = [
        (tags::MANAGED, "yes", "true"),
        (tags::CONNECTION, "cluster/c:function/g", ours),
        (tags::CONNECTION, "cluster/d:function/f", ours),
        (tags::CONNECTION, "instance/c:function/f", ours),
        (tags::CONNECTION, "cluster/c:proxy/p:function/f", ours),
        (tags::CONNECTION, "cluster/c", ours),
        (tags::REMOVING, "cluster/c:function/g", ours),
        (tags::ROLE, "function", "database"),
    ];
    for (key, value, expected) in table {
        let (mut observation, _) = set(direct());
        let tags = &mut observation.groups[0].tags;
        tags.insert(key.to_owned(), value.to_owned());
        let whose = judged(&observation, 0, Side::Database, For::Function("f"));
        assert_eq!(whose, Ownership::Claimed(vec![tag(key, Some(value), expected)]));
    }
    for key in tags::OWN {
        let (mut observation, _) = set(direct());
        observation.groups[0].tags.remove(key);
        let whose = judged(&observation, 0, Side::Database, For::Function("f"));
        let [
            Contradiction::Tag {
                found: None,
                key: missing,
                ..
            },
        ] = whose.contradictions()
        else {
            panic!("{key}: {whose:?}");
        };
        assert_eq!(*missing, key);
    }
}

#[test]
fn names_and_descriptions_that_setup_does_not_write_contradict() {
    let name = |found: &str| Contradiction::Name {
        found: found.to_owned(),
        pattern: "rds-lambda-n".to_owned(),
    };
    let description = |found: &str| Contradiction::Description(found.to_owned());
    assert_found(vec![
        (
            "another name",
            |o| "rds-rdsproxy-3".clone_into(&mut o.groups[0].name),
            name("rds-rdsproxy-3"),
        ),
        (
            "a number that setup does not write",
            |o| "rds-lambda-03".clone_into(&mut o.groups[0].name),
            name("rds-lambda-03"),
        ),
        (
            "a person's description",
            |o| "web servers".clone_into(&mut o.groups[0].description),
            description("web servers"),
        ),
        (
            "the description of another database's group",
            |o| "On cluster d, to connect it with function f".clone_into(&mut o.groups[0].description),
            description("On cluster d, to connect it with function f"),
        ),
        (
            "the description of the other side",
            |o| "On function f, to connect it with cluster c".clone_into(&mut o.groups[0].description),
            description("On function f, to connect it with cluster c"),
        ),
        (
            "a description with no function",
            |o| "On cluster c, to connect it with function ".clone_into(&mut o.groups[0].description),
            description("On cluster c, to connect it with function "),
        ),
        (
            "no description",
            |o| o.groups[0].description.clear(),
            Contradiction::NoDescription,
        ),
    ]);
}

#[test]
fn another_end_that_does_not_tie_back_contradicts() {
    let not_tied = || Contradiction::NotTied {
        direction: Direction::Ingress,
        partner: "lambda-rds-3 (sg-l)".to_owned(),
    };
    let partner = |why| Contradiction::Partner {
        group: "lambda-rds-3 (sg-l)".to_owned(),
        why: vec![why],
    };
    assert_found(vec![
        (
            "no other end",
            |o| o.groups.truncate(1),
            Contradiction::NoPartner {
                name: "lambda-rds-3".to_owned(),
            },
        ),
        (
            "the other end without a tag",
            |o| o.groups[1].tags.retain(|key, _| key != tags::MANAGED),
            partner(tag(tags::MANAGED, None, "true")),
        ),
        (
            "the other end with a person's description",
            |o| "web servers".clone_into(&mut o.groups[1].description),
            partner(Contradiction::Description("web servers".to_owned())),
        ),
        (
            "another other end",
            |o| {
                o.groups[0].ingress = vec![tcp(PORT, "sg-x")];
                o.groups[1].egress = vec![tcp(PORT, "sg-y")];
            },
            not_tied(),
        ),
        (
            "a person's rule before ours are written",
            |o| {
                o.groups[0].ingress = vec![tcp(22, "sg-x")];
                o.groups[1].egress = vec![allow_all()];
            },
            not_tied(),
        ),
    ]);
}

/// What a person changes in the rules of a set makes it no less ours: else nothing could be restored.
#[test]
fn changed_rules_of_one_end_contradict_nothing() {
    let table: [(&str, Change); 5] = [
        ("a rule added", |o| o.groups[0].ingress.push(tcp(22, "sg-x"))),
        ("no rules", |o| o.groups[0].ingress.clear()),
        ("another port", |o| o.groups[0].ingress = vec![tcp(22, "sg-l")]),
        ("another source", |o| o.groups[0].ingress = vec![tcp(PORT, "sg-x")]),
        ("a range", |o| {
            o.groups[0].ingress = vec![cidr(Protocol::Tcp, Some(PORT), "10.0.0.0/8")];
        }),
    ];
    for (what, change) in table {
        let (mut observation, sides) = set(direct());
        change(&mut observation);
        for (at, side) in sides.into_iter().enumerate() {
            assert_eq!(
                judged(&observation, at, side, For::Function("f")),
                Ownership::Proven,
                "{what}, {side}"
            );
        }
    }
}

#[test]
fn a_group_without_our_tags_is_foreign() {
    let (mut observation, _) = set(direct());
    observation.groups[0].tags = BTreeMap::from([("team".to_owned(), "orders".to_owned())]);
    assert_eq!(
        judged(&observation, 0, Side::Database, For::AnyFunction),
        Ownership::Foreign
    );
}

/// A group that stays when its function is disconnected is another's, or nobody's; its description names the first one.
#[test]
fn any_function_counts_where_the_way_is_asked_for() {
    for tag in ["cluster/c:function/g", "cluster/c"] {
        let (mut observation, sides) = set(direct());
        for group in &mut observation.groups {
            group.tags.insert(tags::CONNECTION.to_owned(), tag.to_owned());
        }
        for (at, side) in sides.into_iter().enumerate() {
            assert_eq!(
                judged(&observation, at, side, For::AnyFunction),
                Ownership::Proven,
                "{tag}"
            );
            assert!(
                !judged(&observation, at, side, For::Function("f")).is_credible(),
                "{tag}"
            );
        }
    }
    // A removal that has begun names the function that is being disconnected.
    let (mut observation, _) = set(direct());
    let tags = &mut observation.groups[0].tags;
    tags.insert(tags::CONNECTION.to_owned(), "cluster/c:function/g".to_owned());
    tags.insert(tags::REMOVING.to_owned(), "cluster/c:function/f".to_owned());
    assert_eq!(
        judged(&observation, 0, Side::Database, For::Function("f")),
        Ownership::Proven
    );
}

#[test]
fn ways_are_read_as_they_are_written() {
    for way in [
        Way::new(DatabaseKind::Cluster, "orders", None),
        Way::new(DatabaseKind::Instance, "orders", Some("autoconnect-orders")),
    ] {
        assert_eq!(Way::parse(&way.id()), Some((way.clone(), None)));
        assert_eq!(
            Way::parse(&way.connection("checkout")),
            Some((way.clone(), Some("checkout")))
        );
        for side in [Side::Database, Side::Proxy, Side::Function] {
            for function in ["checkout", "with-connect_9"] {
                assert!(way.writes(side, &way.description(side, function)), "{side}");
                assert!(way.writes(side, &way.description_across_vpcs(side, function)), "{side}");
            }
        }
    }
    for tag in [
        "",
        "orders",
        "table/orders",
        "internet/vpc-1",
        "msk/vpc-1",
        "cluster/c:f",
        "cluster/c:function/f:x",
        "cluster/c:proxy/p:proxy/q",
    ] {
        assert_eq!(Way::parse(tag), None, "{tag}");
    }
}

#[test]
fn other_resources_are_judged_by_all_three_tags() {
    let ours = BTreeMap::from([
        (tags::MANAGED.to_owned(), "true".to_owned()),
        (tags::CONNECTION.to_owned(), "internet/vpc-1".to_owned()),
        (tags::ROLE.to_owned(), "public-routes".to_owned()),
    ]);
    assert!(is_made_for(&ours, "internet/vpc-1", None));
    assert!(is_made_for(&ours, "internet/vpc-1", Some("public-routes")));
    assert!(!is_made_for(&ours, "internet/vpc-1", Some("nat-gateway-a")));
    assert!(!is_made_for(&ours, "msk/vpc-1", None));
    for key in tags::OWN {
        let mut forged = ours.clone();
        forged.remove(key);
        assert!(!is_made_for(&forged, "internet/vpc-1", None), "{key}");
    }
}

/// What tags name, whole and broken: a value that is none of ours names nothing.
#[test]
fn what_tags_name() {
    let tagged = |connection: &str, role: &str| {
        BTreeMap::from([
            (tags::CONNECTION.to_owned(), connection.to_owned()),
            (tags::ROLE.to_owned(), role.to_owned()),
        ])
    };
    let direct = Way::new(DatabaseKind::Cluster, "c", None);
    let through = Way::new(DatabaseKind::Instance, "i", Some("p"));
    let table = [
        (
            "cluster/c:function/f",
            "function",
            Some((direct.clone(), Some("f"))),
            Some(Side::Function),
        ),
        (
            "cluster/c",
            "database",
            Some((direct.clone(), None)),
            Some(Side::Database),
        ),
        (
            "instance/i:proxy/p:function/f",
            "proxy",
            Some((through.clone(), Some("f"))),
            Some(Side::Proxy),
        ),
        ("instance/i:proxy/p", "Proxy", Some((through.clone(), None)), None),
        ("internet/vpc-1", "endpoints-group", None, None),
        ("cluster/c:function/f:more", "", None, None),
        ("cluster/c:proxy", "function ", None, None),
        ("", "", None, None),
    ];
    for (connection, role, way, side) in table {
        let found = tagged(connection, role);
        assert_eq!(connection_of(&found), Some(connection));
        assert_eq!(way_of(&found), way, "{connection}");
        assert_eq!(side_of(&found), side, "{role}");
        for other in [&direct, &through] {
            let is_it = way.as_ref().is_some_and(|(way, _)| way == other);
            assert_eq!(is_on_way(&found, other), is_it, "{connection}");
        }
    }
    let none = BTreeMap::new();
    assert_eq!(
        (connection_of(&none), way_of(&none), side_of(&none)),
        (None, None, None)
    );
    assert!(!is_on_way(&none, &direct));
}

/// A group looks ours by any of our tags, or by a name of the convention alone.
#[test]
fn groups_that_look_ours() {
    let table = [
        ("rds-lambda-1", None, true),
        ("rdsproxy-lambda-7", None, true),
        ("RDSPROXY-lambda-7", None, false),
        ("rds-lambda-x", None, false),
        ("databases", None, false),
        ("databases", Some("autoconnect:removing"), true),
        ("databases", Some("autoconnect:managed"), true),
        ("databases", Some("autoconnected"), false),
    ];
    for (name, tag, expected) in table {
        let mut found = group("sg-1", name, vec![], vec![]);
        found.tags.extend(tag.map(|tag| (tag.to_owned(), "x".to_owned())));
        assert_eq!(looks_ours(&found), expected, "{name} {tag:?}");
    }
}

/// The tags of what is made besides groups: exactly these, for any function on the way, for one function, or for one
/// connection.
#[test]
fn tags_of_what_is_made_besides_groups() {
    let way = OwnConnection::Way("cluster/c:proxy/p".to_owned());
    let function = OwnConnection::Function("f".to_owned());
    let this = OwnConnection::This("cluster/c:function/f".to_owned());
    let table = [
        (&way, "cluster/c:proxy/p:function/f", true),
        (&way, "cluster/c:proxy/p", true),
        (&way, "cluster/c:proxy/p2:function/f", false),
        (&way, "cluster/c:function/f", false),
        (&function, "cluster/c:function/f", true),
        (&function, "instance/i:proxy/p:function/f", true),
        (&function, "cluster/c:function/ff", false),
        (&function, "msk/c:function/f", false),
        (&this, "cluster/c:function/f", true),
        (&this, "cluster/d:function/f", false),
    ];
    for (connection, found, holds) in table {
        for side in [Side::Proxy, Side::Function] {
            let own = OwnTags {
                side,
                connection: connection.clone(),
            };
            let right = BTreeMap::from([
                (tags::MANAGED.to_owned(), "true".to_owned()),
                (tags::CONNECTION.to_owned(), found.to_owned()),
                (tags::ROLE.to_owned(), tags::role(side).to_owned()),
            ]);
            assert_eq!(own.differences(&right).is_empty(), holds, "{connection:?} {found}");
            for key in tags::OWN {
                let mut missing = right.clone();
                missing.remove(key);
                let told = own.differences(&missing);
                assert!(told.contains(&format!("its tag {key} is missing")), "{told:?}");
                let mut wrong = right.clone();
                wrong.insert(key.to_owned(), "wrong".to_owned());
                let told = own.differences(&wrong);
                assert!(
                    told.iter()
                        .any(|told| told.starts_with(&format!("its tag {key} is wrong, not "))),
                    "{told:?}"
                );
            }
        }
    }
}
