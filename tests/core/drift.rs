//! Drift, judged from an estate: each kind of finding, alone and exactly; and that nothing is found where nothing changed.

use std::collections::BTreeMap;

use autoconnect::decide::decide;
use autoconnect::drift::{
    FindingKind, FindingKind::*, HopState, Judge, Judgement, Severity, Verdict, Verdict::*, discover, leftovers, list,
};
use autoconnect::estate::{Connection, Estate, Part, Parts, Scope};
use autoconnect::model::network::{self, Network, PrefixList};
use autoconnect::model::*;
use autoconnect::tags;

use crate::builder::*;

/// The estate in which an observation was made.
pub fn estate(observation: &Observation) -> Estate {
    estate_with(observation, |_| ())
}

fn estate_with(observation: &Observation, change: impl FnOnce(&mut Parts)) -> Estate {
    let Observation {
        database,
        function,
        function_subnets,
        proxy,
        groups,
        ..
    } = observation.clone();
    let mut parts = Parts {
        databases: vec![database],
        functions: vec![function],
        proxies: proxy.into_iter().collect(),
        groups,
        subnets: function_subnets,
        ..Parts::default()
    };
    change(&mut parts);
    Estate::new(parts)
}

pub fn connection(observation: &Observation) -> Connection {
    Connection::from_tag(&observation.connection_id()).unwrap()
}

/// A connection as a look at it alone judges it.
fn looked_at(estate: &Estate, of: &Connection) -> Judgement {
    let mut judged = Judge::new(estate).judge(of);
    for leftover in leftovers(estate, &[(of, &judged)]) {
        assert_eq!(leftover.of, Some(0));
        judged.add(leftover.findings);
    }
    judged
}

/// For every world of the exhaustive search: the estate gives the same decision, and what `setup` leaves is in sync.
pub fn check(before: &Observation, after: &Observation) {
    let (found, of) = (estate(before), connection(before));
    let expected = decide(before).decision;
    let wide = found.observation(&of, Scope::Candidates).unwrap();
    assert_eq!(decide(&wide).decision, expected, "{before:#?}");
    let narrow = found.observation(&of, Scope::Associated).unwrap();
    assert_eq!(
        decide(&narrow).decision.to_string() == "no-op",
        expected.to_string() == "no-op",
        "{before:#?}"
    );
    let judged = looked_at(&found, &of);
    check_wiring(&found, &of, &judged);
    // What has changed is always named: the finding for what could not be is never needed.
    let is_named = judged.findings.iter().all(|finding| finding.kind != NotAsSetUp);
    assert!(is_named, "{judged:#?}\n{before:#?}");
    let is_healthy = before
        .proxy
        .as_ref()
        .is_none_or(|proxy| proxy.reaches(&before.database));
    assert_eq!(
        judged.verdict == InSync,
        expected.to_string() == "no-op" && is_healthy && is_as_made(before),
        "{judged:#?}\n{before:#?}"
    );
    assert_eq!(
        judged.verdict == InSync,
        judged.findings.is_empty(),
        "{judged:#?}\n{before:#?}"
    );

    let mut after = after.clone();
    if let Some(proxy) = &mut after.proxy {
        proxy.targets.retain(|target| target.kind == TargetKind::TrackedCluster);
        proxy.targets.push(reached(TargetHealthState::Available, None));
    }
    let judged = looked_at(&estate(&after), &of);
    // What someone has changed stays attached, and stays reported.
    assert_eq!(judged.verdict == InSync, is_as_made(&after), "{judged:#?}\n{after:#?}");
    assert_eq!(
        judged.verdict == InSync,
        judged.findings.is_empty(),
        "{judged:#?}\n{after:#?}"
    );
    let of_rules = [Opened, RuleAdded, RuleRemoved, RuleChanged];
    let is_of_rules = judged.findings.iter().all(|finding| of_rules.contains(&finding.kind));
    assert!(is_of_rules, "{judged:#?}\n{after:#?}");
}

/// What is drawn agrees with the verdict: broken is what a hop blocks, and an open hop has groups that let it through, or a
/// proxy that has tried.
fn check_wiring(estate: &Estate, of: &Connection, judged: &Judgement) {
    let wiring = Judge::new(estate).wiring(of);
    let is_blocked = wiring.hops.iter().any(|hop| hop.state == HopState::Blocked);
    assert_eq!(is_blocked, judged.verdict == Broken, "{wiring:#?}\n{judged:#?}");
    for hop in &wiring.hops {
        let passes = hop.links.iter().any(|link| link.passes);
        let is_tried = hop.from == Side::Proxy;
        assert!(passes || is_tried || hop.state != HopState::Open, "{wiring:#?}");
        assert_eq!(hop.causes.is_empty(), hop.state == HopState::Open, "{wiring:#?}");
    }
}

/// Whether every attached group of the convention's names has exactly the rules that it is made with, in the plainest form.
fn is_as_made(observation: &Observation) -> bool {
    let sides = [Side::Database, Side::Proxy, Side::Function];
    let side_of = |group: &SecurityGroup| {
        [
            ("rds-", Side::Database),
            ("rdsproxy-", Side::Proxy),
            ("lambda-", Side::Function),
        ]
        .into_iter()
        .find(|(start, _)| group.name.starts_with(start) && group.name.ends_with(|c: char| c.is_ascii_digit()))
        .map(|(_, side)| side)
    };
    let is_single = |rules: &[Rule], port: Option<u16>, of: &[Side]| {
        let [rule] = rules else { return false };
        let Some(peer) = rule.peer.group() else { return false };
        let named = observation
            .groups
            .iter()
            .find(|group| group.id == *peer)
            .and_then(side_of);
        let is_on = of.iter().any(|side| observation.groups_on(*side).contains(peer));
        let has_port = |port: u16| rule.ports == Some(PortRange::only(port));
        let is_one = rule.ports.is_some_and(|ports| ports.from == ports.to);
        rule.protocol == Protocol::Tcp
            && is_one
            && port.is_none_or(has_port)
            && (is_on || named.is_some_and(|side| of.contains(&side)))
    };
    let port_at = |side: Side, peer: Option<&GroupId>| {
        let is_there = peer.is_some_and(|peer| observation.groups_on(side).contains(peer));
        let port = match side {
            Side::Database => observation.database.port,
            _ => observation.function_port(),
        };
        port.filter(|_| is_there)
    };
    let attached = observation.groups.iter().filter(|group| {
        let mut lists = sides.iter().map(|side| observation.groups_on(*side));
        lists.any(|list| list.contains(&group.id))
    });
    attached.filter(|group| side_of(group).is_some()).all(|group| {
        let out = group.egress.first().and_then(|rule| rule.peer.group());
        let own = |side| port_at(side, Some(&group.id));
        match group.name.rsplit_once('-').unwrap().0 {
            "rds-lambda" => {
                is_single(&group.ingress, own(Side::Database), &[Side::Function, Side::Proxy])
                    && group.egress.iter().all(Rule::is_default_egress)
            }
            "rds-rdsproxy" => {
                is_single(&group.ingress, own(Side::Database), &[Side::Proxy])
                    && group.egress.iter().all(Rule::is_default_egress)
            }
            "lambda-rds" => {
                group.ingress.is_empty() && is_single(&group.egress, port_at(Side::Database, out), &[Side::Database])
            }
            "lambda-rdsproxy" => {
                group.ingress.is_empty() && is_single(&group.egress, port_at(Side::Proxy, out), &[Side::Proxy])
            }
            "rdsproxy-lambda" => {
                is_single(&group.ingress, own(Side::Proxy), &[Side::Function])
                    && is_single(&group.egress, port_at(Side::Database, out), &[Side::Database])
            }
            _ => true,
        }
    })
}

fn reached(state: TargetHealthState, reason: Option<&str>) -> ProxyTarget {
    ProxyTarget {
        kind: TargetKind::RdsInstance,
        resource: "c-1".into(),
        tracked_cluster: Some("c".into()),
        health: Some(TargetHealth {
            state,
            reason: reason.map(str::to_owned),
        }),
        role: None,
    }
}

/// A direct connection as `setup` leaves it, with the tags of ours.
fn connected() -> Observation {
    let mut observation = direct();
    observation.groups = vec![
        group("sg-d", "rds-lambda-1", vec![tcp(PORT, "sg-l")], vec![]),
        group("sg-l", "lambda-rds-1", vec![], vec![tcp(PORT, "sg-d")]),
        group("sg-x", "others", vec![], vec![]),
    ];
    let id = observation.connection_id();
    for group in &mut observation.groups[..2] {
        group.tags.insert(tags::CONNECTION.to_owned(), id.clone());
    }
    associate(&mut observation, Side::Database, "sg-d");
    associate(&mut observation, Side::Function, "sg-l");
    observation
}

/// The same through a proxy that reaches the database.
fn connected_through_proxy() -> Observation {
    let mut observation = proxied(Some(TargetHealthState::Available));
    observation.groups = vec![
        group("sg-d", "rds-rdsproxy-1", vec![tcp(PORT, "sg-p")], vec![]),
        group(
            "sg-p",
            "rdsproxy-lambda-1",
            vec![tcp(PROXY_PORT, "sg-l")],
            vec![tcp(PORT, "sg-d")],
        ),
        group("sg-l", "lambda-rdsproxy-1", vec![], vec![tcp(PROXY_PORT, "sg-p")]),
        group("sg-x", "others", vec![], vec![]),
    ];
    associate(&mut observation, Side::Database, "sg-d");
    associate(&mut observation, Side::Proxy, "sg-p");
    associate(&mut observation, Side::Function, "sg-l");
    observation
}

fn rules<'o>(observation: &'o mut Observation, id: &str, direction: Direction) -> &'o mut Vec<Rule> {
    let group = observation
        .groups
        .iter_mut()
        .find(|group| group.id.as_str() == id)
        .unwrap();
    match direction {
        Direction::Ingress => &mut group.ingress,
        Direction::Egress => &mut group.egress,
    }
}

fn take_off(observation: &mut Observation, side: Side, id: &str) {
    let left = |list: &GroupList| GroupList::as_read(list.iter().filter(|group| group.as_str() != id).cloned());
    match side {
        Side::Database => observation
            .database
            .memberships
            .retain(|membership| membership.group.as_str() != id),
        Side::Function => {
            let vpc = observation.function.vpc.as_mut().unwrap();
            vpc.groups = left(&vpc.groups);
        }
        Side::Proxy => {
            let proxy = observation.proxy.as_mut().unwrap();
            proxy.groups = left(&proxy.groups);
        }
    }
}

fn set_health(observation: &mut Observation, state: TargetHealthState, reason: Option<&str>) {
    let proxy = observation.proxy.as_mut().unwrap();
    proxy.targets[1] = reached(state, reason);
}

type Change = fn(&mut Observation);

type Mutation = (
    &'static str,
    Change,
    Verdict,
    &'static [(FindingKind, &'static str, Option<&'static str>)],
);

/// Each mutation gives exactly these findings: kind, resource, and what is there.
fn check_table(base: &Observation, table: &[Mutation]) {
    let judged = Judge::new(&estate(base)).judge(&connection(base));
    assert_eq!((judged.verdict, judged.findings), (InSync, vec![]));
    for (name, mutate, verdict, findings) in table {
        let mut observation = base.clone();
        mutate(&mut observation);
        let judged = Judge::new(&estate(&observation)).judge(&connection(&observation));
        let found: Vec<_> = judged
            .findings
            .iter()
            .map(|found| (found.kind, found.resource.as_str(), found.found.as_deref()))
            .collect();
        assert_eq!(
            (judged.verdict, found.as_slice()),
            (*verdict, *findings),
            "{name}: {judged:#?}"
        );
    }
}

const FUNCTION: &str = "arn:aws:lambda:eu-central-1:123456789012:function:f";
const DATABASE: &str = "arn:aws:rds:eu-central-1:123456789012:cluster:c";

#[expect(clippy::too_many_lines, reason = "a table")]
#[test]
fn each_change_of_a_direct_connection_is_found() {
    use Direction::*;
    let table: &[Mutation] = &[
        (
            "a second inbound rule",
            |o| rules(o, "sg-d", Ingress).push(tcp(22, "sg-x")),
            Drifted,
            &[(RuleAdded, "sg-d", Some("tcp 22 from others (sg-x)"))],
        ),
        (
            "the same rule for a range",
            |o| rules(o, "sg-d", Ingress).push(cidr(Protocol::Tcp, Some(PORT), "10.0.0.0/8")),
            Drifted,
            &[(RuleAdded, "sg-d", Some("tcp 5433 from 10.0.0.0/8"))],
        ),
        (
            "an outbound rule of the database's",
            |o| rules(o, "sg-d", Egress).push(tcp(22, "sg-x")),
            Drifted,
            &[(RuleAdded, "sg-d", Some("tcp 22 to others (sg-x)"))],
        ),
        (
            "the default outbound rule of the database's",
            |o| rules(o, "sg-d", Egress).push(allow_all()),
            InSync,
            &[],
        ),
        (
            "the default outbound rule of the function's",
            |o| rules(o, "sg-l", Egress).push(allow_all()),
            Drifted,
            &[(RuleAdded, "sg-l", Some("all traffic to 0.0.0.0/0"))],
        ),
        (
            "an inbound rule of the function's",
            |o| rules(o, "sg-l", Ingress).push(tcp(22, "sg-x")),
            Drifted,
            &[(RuleAdded, "sg-l", Some("tcp 22 from others (sg-x)"))],
        ),
        (
            "no inbound rule",
            |o| rules(o, "sg-d", Ingress).clear(),
            Broken,
            &[(RuleRemoved, "sg-d", None)],
        ),
        (
            "no outbound rule",
            |o| rules(o, "sg-l", Egress).clear(),
            Broken,
            &[(RuleRemoved, "sg-l", None)],
        ),
        (
            "other rules in its place",
            |o| *rules(o, "sg-d", Ingress) = vec![tcp(1, "sg-l"), tcp(2, "sg-l")],
            Broken,
            &[
                (RuleAdded, "sg-d", Some("tcp 1 from lambda-rds-1 (sg-l)")),
                (RuleAdded, "sg-d", Some("tcp 2 from lambda-rds-1 (sg-l)")),
                (RuleRemoved, "sg-d", None),
            ],
        ),
        (
            "another port",
            |o| *rules(o, "sg-d", Ingress) = vec![tcp(3306, "sg-l")],
            Broken,
            &[(RuleChanged, "sg-d", Some("tcp 3306 from lambda-rds-1 (sg-l)"))],
        ),
        (
            "all protocols",
            |o| {
                *rules(o, "sg-d", Ingress) = vec![Rule {
                    protocol: Protocol::All,
                    ports: None,
                    ..tcp(1, "sg-l")
                }];
            },
            Drifted,
            &[(RuleChanged, "sg-d", Some("all traffic from lambda-rds-1 (sg-l)"))],
        ),
        (
            "a range for the source",
            |o| *rules(o, "sg-d", Ingress) = vec![cidr(Protocol::Tcp, Some(PORT), "10.0.0.0/8")],
            Drifted,
            &[(RuleChanged, "sg-d", Some("tcp 5433 from 10.0.0.0/8"))],
        ),
        (
            "another group for the source",
            |o| *rules(o, "sg-d", Ingress) = vec![tcp(PORT, "sg-x")],
            Broken,
            &[(RuleChanged, "sg-d", Some("tcp 5433 from others (sg-x)"))],
        ),
        (
            "another group for the destination",
            |o| *rules(o, "sg-l", Egress) = vec![tcp(PORT, "sg-x")],
            Broken,
            &[(RuleChanged, "sg-l", Some("tcp 5433 to others (sg-x)"))],
        ),
        (
            "the function's group taken off",
            |o| take_off(o, Side::Function, "sg-l"),
            Broken,
            &[(GroupDetached, "sg-l", Some("not associated"))],
        ),
        (
            "the database's group taken off",
            |o| take_off(o, Side::Database, "sg-d"),
            Broken,
            &[(GroupDetached, "sg-d", Some("not associated"))],
        ),
        (
            "the database's group taken off, of a pair without tags",
            |o| {
                take_off(o, Side::Database, "sg-d");
                for group in &mut o.groups {
                    group.tags.clear();
                }
            },
            Broken,
            &[(GroupDetached, "sg-d", Some("not associated"))],
        ),
        (
            "the function's group taken off, of a pair without tags",
            |o| {
                take_off(o, Side::Function, "sg-l");
                for group in &mut o.groups {
                    group.tags.clear();
                }
            },
            Broken,
            &[(GroupDetached, "sg-l", Some("not associated"))],
        ),
        (
            "the database's group being taken off",
            |o| o.database.memberships[0].status = "removing".into(),
            Broken,
            &[(GroupDetached, "sg-d", Some("not associated"))],
        ),
        (
            "both taken off",
            |o| {
                take_off(o, Side::Function, "sg-l");
                take_off(o, Side::Database, "sg-d");
            },
            Broken,
            &[
                (GroupDetached, "sg-d", Some("not associated")),
                (GroupDetached, "sg-l", Some("not associated")),
            ],
        ),
        (
            "the function's group deleted",
            |o| {
                take_off(o, Side::Function, "sg-l");
                rules(o, "sg-d", Ingress).clear();
                o.groups.remove(1);
            },
            Broken,
            &[(RuleRemoved, "sg-d", None), (GroupGone, FUNCTION, Some("none"))],
        ),
        (
            "both deleted",
            |o| {
                take_off(o, Side::Function, "sg-l");
                take_off(o, Side::Database, "sg-d");
                o.groups.truncate(0);
            },
            Broken,
            &[(GroupGone, DATABASE, Some("none")), (GroupGone, FUNCTION, Some("none"))],
        ),
        (
            "the port of the database moved",
            |o| o.database.port = Some(3307),
            Broken,
            &[(PortMoved, DATABASE, Some("3307"))],
        ),
        (
            "the function moved",
            |o| {
                let vpc = o.function.vpc.as_mut().unwrap();
                vpc.vpc = "vpc-2".into();
                vpc.groups = GroupList::default();
                o.function_subnets[0].vpc = "vpc-2".into();
            },
            Broken,
            &[(FunctionMoved, FUNCTION, Some("vpc-2"))],
        ),
        (
            "the function in no VPC",
            |o| o.function.vpc = None,
            Broken,
            &[(FunctionMoved, FUNCTION, Some("no VPC"))],
        ),
        (
            "a further set of its own that nothing bears",
            |o| {
                let mut left = o.groups[0].clone();
                left.id = "sg-d0".into();
                left.name = "rds-lambda-9".into();
                o.groups.push(left);
            },
            Drifted,
            &[(GroupUnused, "sg-d0", Some("a group that is not in use"))],
        ),
        (
            "the database joined a global one",
            |o| o.database.global_cluster = Some("g".into()),
            Drifted,
            &[(NotSupported, DATABASE, Some("global-database"))],
        ),
        (
            "the function's last update failed",
            |o| o.function.last_update = Some(LastUpdateStatus::Failed),
            Drifted,
            &[(NotSupported, FUNCTION, Some("function-update-failed"))],
        ),
        (
            "a changed group beside one that fits",
            |o| {
                o.groups.push(group("sg-d0", "rds-lambda-9", vec![], vec![]));
                associate(o, Side::Database, "sg-d0");
            },
            Drifted,
            &[(RuleRemoved, "sg-d0", None)],
        ),
    ];
    check_table(&connected(), table);
}

#[test]
fn each_change_of_a_connection_through_a_proxy_is_found() {
    use Direction::*;
    use TargetHealthState::*;
    let table: &[Mutation] = &[
        (
            "the proxy's inbound rule gone",
            |o| rules(o, "sg-p", Ingress).clear(),
            Broken,
            &[(RuleRemoved, "sg-p", None)],
        ),
        (
            "the proxy's outbound rule gone, though it reaches the database",
            |o| rules(o, "sg-p", Egress).clear(),
            Drifted,
            &[(RuleRemoved, "sg-p", None)],
        ),
        (
            "the proxy's outbound rule gone",
            |o| {
                rules(o, "sg-p", Egress).clear();
                set_health(o, Unavailable, Some("UNREACHABLE"));
            },
            Broken,
            &[
                (RuleRemoved, "sg-p", None),
                (TargetNotAvailable, "p", Some("UNAVAILABLE (UNREACHABLE)")),
            ],
        ),
        (
            "the database's rule gone, and the proxy reaches it by another way",
            |o| rules(o, "sg-d", Ingress).clear(),
            Drifted,
            &[(RuleRemoved, "sg-d", None)],
        ),
        (
            "the proxy's group taken off",
            |o| take_off(o, Side::Proxy, "sg-p"),
            Broken,
            &[(GroupDetached, "sg-p", Some("not associated"))],
        ),
        (
            "the function's group taken off",
            |o| take_off(o, Side::Function, "sg-l"),
            Broken,
            &[(GroupDetached, "sg-l", Some("not associated"))],
        ),
        (
            "the proxy cannot log in",
            |o| set_health(o, Unavailable, Some("AUTH_FAILURE")),
            Drifted,
            &[(TargetNotAvailable, "p", Some("UNAVAILABLE (AUTH_FAILURE)"))],
        ),
        (
            "the proxy has not tried yet",
            |o| set_health(o, Registering, None),
            Drifted,
            &[(TargetNotAvailable, "p", Some("REGISTERING"))],
        ),
        (
            "the database is no target",
            |o| o.proxy.as_mut().unwrap().targets.clear(),
            Broken,
            &[(TargetNotAvailable, "p", Some("no target"))],
        ),
        (
            "another database is its target",
            |o| {
                o.proxy.as_mut().unwrap().targets = vec![ProxyTarget {
                    kind: TargetKind::RdsInstance,
                    resource: "other".into(),
                    tracked_cluster: None,
                    health: None,
                    role: None,
                }];
            },
            Broken,
            &[(TargetNotAvailable, "p", Some("its target is other"))],
        ),
        (
            "the port moved, and the proxy knows",
            |o| {
                o.database.port = Some(3307);
                set_health(o, Unavailable, Some("UNREACHABLE"));
            },
            Broken,
            &[
                (PortMoved, DATABASE, Some("3307")),
                (TargetNotAvailable, "p", Some("UNAVAILABLE (UNREACHABLE)")),
            ],
        ),
    ];
    check_table(&connected_through_proxy(), table);
}

#[test]
fn a_second_function_shares_the_pair() {
    let base = connected();
    let other = Function {
        name: "g".into(),
        ..base.function.clone()
    };
    let found = estate_with(&base, |parts| parts.functions.push(other));
    let of = Connection {
        function: "g".into(),
        ..connection(&base)
    };
    assert_eq!(Judge::new(&found).judge(&of).verdict, InSync);
    let ids: Vec<String> = discover(&found).iter().map(ToString::to_string).collect();
    assert_eq!(ids, ["cluster/c:function/f", "cluster/c:function/g"]);
}

#[test]
fn groups_of_other_connections_are_no_findings_of_this_one() {
    // g has a pair of its own on the same database, and someone changed f's.
    let mut base = connected();
    base.groups
        .push(group("sg-d2", "rds-lambda-2", vec![tcp(PORT, "sg-l2")], vec![]));
    base.groups
        .push(group("sg-l2", "lambda-rds-2", vec![], vec![tcp(PORT, "sg-d2")]));
    associate(&mut base, Side::Database, "sg-d2");
    let mut other = Function {
        name: "g".into(),
        ..base.function.clone()
    };
    other.vpc.as_mut().unwrap().groups = GroupList::as_read(["sg-l2".into()]);
    rules(&mut base, "sg-d", Direction::Ingress).clear();
    let found = estate_with(&base, |parts| parts.functions.push(other));
    let judged = Judge::new(&found).judge(&connection(&base));
    let kinds: Vec<_> = judged
        .findings
        .iter()
        .map(|finding| (finding.kind, finding.resource.as_str()))
        .collect();
    assert_eq!(kinds, [(RuleRemoved, "sg-d")], "{judged:#?}");
    let of = Connection {
        function: "g".into(),
        ..connection(&base)
    };
    assert_eq!(Judge::new(&found).judge(&of).verdict, InSync);
}

/// The entries of a prefix list count as ranges do.
#[test]
fn a_prefix_list_can_open_a_group() {
    let unread = || network::Part::Unread("it may not be read".to_owned());
    let of = |ranges: &[&str]| network::Part::Read(ranges.iter().map(|range| range.parse().unwrap()).collect());
    for (entries, kind, severity) in [
        (of(&["0.0.0.0/0"]), Opened, Severity::Critical),
        (of(&["0.0.0.0/1", "128.0.0.0/1"]), Opened, Severity::Critical),
        (of(&["::/0"]), Opened, Severity::Critical),
        (of(&["8.8.8.0/24"]), RuleAdded, Severity::High),
        (of(&["10.0.0.0/8"]), RuleAdded, Severity::Medium),
        (unread(), RuleAdded, Severity::Medium),
    ] {
        let mut base = connected();
        let mut rule = tcp(PORT, "sg-x");
        rule.peer = Peer::PrefixList("pl-1".into());
        rules(&mut base, "sg-d", Direction::Ingress).push(rule);
        let mut found = estate(&base);
        let lists = vec![PrefixList {
            id: "pl-1".into(),
            entries: entries.clone(),
        }];
        found.set_network(Network {
            prefix_lists: network::Part::Read(lists),
            ..Network::unread("it is not asked for")
        });
        let judged = Judge::new(&found).judge(&connection(&base));
        let kinds: Vec<_> = judged
            .findings
            .iter()
            .map(|finding| (finding.kind, finding.severity))
            .collect();
        assert_eq!(kinds, [(kind, severity)], "{entries:?}: {judged:#?}");
        let is_unknown = judged.findings[0].message.contains("it is not known whether");
        assert_eq!(is_unknown, entries == unread(), "{judged:#?}");
    }
}

/// Two ends speak IPv4 where both have it: rules for IPv6 let nothing pass then.
#[test]
fn rules_for_ipv6_count_where_ipv6_is_spoken() {
    let mut base = connected();
    base.database.subnets = vec!["subnet-1".into()];
    base.groups[2].ingress = vec![cidr(Protocol::Tcp, Some(PORT), "2001:db8::/56")];
    base.groups[2].egress = vec![cidr(Protocol::All, None, "::/0")];
    associate(&mut base, Side::Database, "sg-x");
    associate(&mut base, Side::Function, "sg-x");
    take_off(&mut base, Side::Function, "sg-l");
    for (ranges, expected) in [
        (&["2001:db8:0:1::/64"][..], Drifted),
        (&["10.0.1.0/24", "2001:db8:0:1::/64"], Broken),
        (&["10.0.1.0/24"], Broken),
        (&[], Broken),
    ] {
        let found = estate_with(&base, |parts| {
            let ranges = ranges.iter().map(|range| range.parse().unwrap()).collect();
            parts.ranges = BTreeMap::from([(SubnetId::from("subnet-1"), ranges)]);
        });
        let judged = Judge::new(&found).judge(&connection(&base));
        assert_eq!(judged.verdict, expected, "{ranges:?}: {judged:#?}");
        let wiring = Judge::new(&found).wiring(&connection(&base));
        let causes = &wiring.hops[0].causes;
        assert_eq!(causes.is_empty(), expected == Drifted, "{ranges:?}: {causes:?}");
        if ranges.len() > 1 {
            assert!(causes[0].contains("a version of IP that both ends have"), "{causes:?}");
        }
    }
}

#[test]
fn other_rules_let_pass_too() {
    // Whoever has opened other groups, the connection is not broken.
    let mut base = connected();
    base.groups[2].ingress = vec![cidr(Protocol::Tcp, Some(PORT), "10.0.1.0/24")];
    base.groups[2].egress = vec![allow_all()];
    associate(&mut base, Side::Database, "sg-x");
    associate(&mut base, Side::Function, "sg-x");
    take_off(&mut base, Side::Function, "sg-l");
    let with_range = |range: Option<&str>| {
        let range = range.map(|range| range.parse().unwrap());
        let found = estate_with(&base, |parts| {
            parts.ranges = BTreeMap::from([(SubnetId::from("subnet-1"), range.into_iter().collect())]);
        });
        Judge::new(&found).judge(&connection(&base)).verdict
    };
    assert_eq!(with_range(Some("10.0.1.128/25")), Drifted);
    assert_eq!(with_range(Some("10.0.2.0/24")), Broken);
    assert_eq!(with_range(Some("10.0.0.0/16")), Drifted);
    // What is not known may pass.
    assert_eq!(with_range(None), Drifted);
}

#[test]
fn what_does_not_exist_is_broken_and_what_was_not_read_is_unknown() {
    let base = connected_through_proxy();
    let of = connection(&base);
    let judged = |change: &dyn Fn(&mut Parts)| {
        let judged = Judge::new(&estate_with(&base, |parts| change(parts))).judge(&of);
        let kinds: Vec<FindingKind> = judged.findings.iter().map(|finding| finding.kind).collect();
        (judged.verdict, kinds)
    };
    assert_eq!(judged(&|parts| parts.functions.clear()), (Broken, vec![FunctionGone]));
    assert_eq!(judged(&|parts| parts.proxies.clear()), (Broken, vec![ProxyGone]));
    assert_eq!(judged(&|parts| parts.databases.clear()), (Broken, vec![DatabaseGone]));
    for part in [
        Part::Clusters,
        Part::Instances,
        Part::Proxies,
        Part::TargetsOf("p".into()),
        Part::Functions,
        Part::Groups,
    ] {
        let unread = |parts: &mut Parts| {
            parts.unread.insert(part.clone(), "no permission".into());
        };
        assert_eq!(judged(&unread), (Unknown, vec![Unread]), "{part}");
    }
    // A direct connection has nothing to do with proxies.
    let direct = connected();
    let found = estate_with(&direct, |parts| {
        parts.unread.insert(Part::Proxies, "no permission".into());
    });
    assert_eq!(Judge::new(&found).judge(&connection(&direct)).verdict, InSync);
}

#[test]
fn what_was_not_read_has_not_vanished() {
    let base = connected_through_proxy();
    let of = connection(&base);
    let kinds = |change: &dyn Fn(&mut Parts)| -> (Verdict, Vec<FindingKind>) {
        let judged = Judge::new(&estate_with(&base, |parts| change(parts))).judge_vanished(&of);
        (
            judged.verdict,
            judged.findings.iter().map(|finding| finding.kind).collect(),
        )
    };
    assert_eq!(kinds(&|_| ()), (Drifted, vec![ConnectionVanished]));
    assert_eq!(
        kinds(&|parts| parts.functions.clear()),
        (Broken, vec![ConnectionVanished])
    );
    let unread = |parts: &mut Parts| {
        parts.unread.insert(Part::TargetsOf("p".into()), "no permission".into());
    };
    assert_eq!(kinds(&unread), (Unknown, vec![Unread]));
}

/// Many groups on a database, all of which differ, and many connections: each is judged by its own, not by all of them.
#[test]
fn many_groups_that_differ_take_no_time() {
    let mut base = connected();
    for n in 2..60_000 {
        let mut other = group(&format!("sg-{n}"), &format!("rds-lambda-{n}"), vec![], vec![]);
        other.ingress = vec![cidr(Protocol::Tcp, Some(PORT), "0.0.0.0/0")];
        base.groups.push(other);
    }
    let functions: Vec<Function> = (2..60_000)
        .map(|n| {
            let mut function = base.function.clone();
            function.name = format!("f{n}");
            function.vpc.as_mut().unwrap().groups = GroupList::as_read([format!("sg-{n}").as_str().into()]);
            function
        })
        .collect();
    let found = estate_with(&base, |parts| parts.functions.extend(functions));
    assert_eq!(found.flawed().count(), 59_998);
    let of = connection(&base);
    let judged = Judge::new(&found).judge(&of);
    let left = leftovers(&found, &[(&of, &judged)]);
    assert_eq!(left.len(), 59_998);
}

#[test]
fn the_list_is_the_consoles_and_manual_connections_stand_apart() {
    let base = connected();
    let manual = Function {
        name: "m".into(),
        ..base.function.clone()
    };
    let listed = |base: &Observation, opens: bool| -> Vec<(String, bool)> {
        let mut manual = manual.clone();
        manual.vpc.as_mut().unwrap().groups = GroupList::as_read(["sg-m".into()]);
        let mut base = base.clone();
        base.groups.push(group("sg-m", "mine", vec![], vec![allow_all()]));
        if opens {
            base.groups.push(group("sg-o", "open", vec![tcp(PORT, "sg-m")], vec![]));
            associate(&mut base, Side::Database, "sg-o");
        }
        let found = estate_with(&base, |parts| parts.functions.push(manual));
        let database = found.databases().next().unwrap();
        list(&found, database)
            .iter()
            .map(|compute| (compute.function.name.clone(), compute.is_listed()))
            .collect()
    };
    assert_eq!(listed(&base, false), [("f".to_owned(), true)]);
    assert_eq!(listed(&base, true), [("f".to_owned(), true), ("m".to_owned(), false)]);
    // A group of another name, another port, a range of ports, or another destination: not listed, though f may reach it.
    let changes: [(Change, bool); 4] = [
        (|o| o.groups[1].name = "lambda-rds-x".into(), true),
        (|o| o.groups[1].egress = vec![tcp(1, "sg-d")], false),
        (
            |o| o.groups[1].egress[0].ports = Some(PortRange { from: 1, to: 9999 }),
            true,
        ),
        (|o| o.groups[1].egress = vec![tcp(PORT, "sg-x")], false),
    ];
    for (change, reaches) in changes {
        let mut world = base.clone();
        change(&mut world);
        let expected: Vec<(String, bool)> = reaches.then(|| ("f".to_owned(), false)).into_iter().collect();
        assert_eq!(listed(&world, false), expected);
    }
}

#[test]
fn through_a_proxy_the_console_wants_its_group_on_the_proxy() {
    let listed = |base: &Observation| -> Vec<(Option<String>, bool)> {
        let found = estate(base);
        let database = found.databases().next().unwrap();
        let of = |compute: &autoconnect::drift::Compute<'_>| {
            (compute.proxy.map(|proxy| proxy.name.clone()), compute.is_listed())
        };
        list(&found, database).iter().map(of).collect()
    };
    let mut base = connected_through_proxy();
    assert_eq!(listed(&base), [(Some("p".to_owned()), true)]);
    base.groups[1].name = "proxy".into();
    assert_eq!(listed(&base), [(Some("p".to_owned()), false)]);
}

/// Without tags, as created by the console: whatever someone changes at one end, the connection is still watched.
#[test]
fn a_changed_connection_of_the_console_is_still_discovered() {
    type Pair = (fn() -> Observation, [(&'static str, Direction); 2]);
    let pairs: [Pair; 2] = [
        (connected, [("sg-d", Direction::Ingress), ("sg-l", Direction::Egress)]),
        (
            connected_through_proxy,
            [("sg-p", Direction::Ingress), ("sg-l", Direction::Egress)],
        ),
    ];
    for (connected, ends) in pairs {
        let of = connection(&connected());
        for (id, direction) in ends {
            let changes: [fn(&mut Vec<Rule>); 3] = [
                |rules| rules[0].peer = Peer::Cidr("10.0.0.0/8".into()),
                |rules| rules[0].ports = Some(PortRange::only(1)),
                Vec::clear,
            ];
            for change in changes {
                let mut observation = connected();
                for group in &mut observation.groups {
                    group.tags.clear();
                }
                change(rules(&mut observation, id, direction));
                let estate = estate(&observation);
                assert_eq!(discover(&estate), [of.clone()].into(), "{id}: {observation:#?}");
                assert_ne!(Judge::new(&estate).judge(&of).verdict, InSync, "{id}");
            }
        }
    }
}
