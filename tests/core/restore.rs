//! Which groups are restored where a list was overwritten: those that the run has seen on it, and that are whole.

use autoconnect::decide::{Decision, decide};
use autoconnect::model::*;
use autoconnect::observe::Target;
use autoconnect::plan::{Plan, Request, StepStatus, plan, take_back};
use autoconnect::reconcile::{Connect, Goal, Memory, Options, Situation};
use autoconnect::restore::Lists;
use autoconnect::tags;

use crate::builder::{PORT, PROXY_PORT, allow_all, direct, group, proxied, tcp};

fn tagged(mut group: SecurityGroup, side: Side, connection: &str) -> SecurityGroup {
    group.tags = [
        (tags::MANAGED, "true"),
        (tags::CONNECTION, connection),
        (tags::ROLE, tags::role(side)),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    group
}

/// The set of function `g` on cluster `c`, complete, its group for the database being on nothing.
fn overwritten() -> Observation {
    let mut observation = direct();
    let of = "cluster/c:function/g";
    observation.groups = vec![
        tagged(
            group("sg-d", "rds-lambda-2", vec![tcp(PORT, "sg-l")], vec![]),
            Side::Database,
            of,
        ),
        tagged(
            group("sg-l", "lambda-rds-2", vec![], vec![tcp(PORT, "sg-d")]),
            Side::Function,
            of,
        ),
    ];
    observation
}

/// A run that has seen these groups on a side.
fn having_seen(side: Side, groups: &[&str]) -> Lists {
    let groups: Vec<GroupId> = groups.iter().map(|id| GroupId::from(*id)).collect();
    let mut lists = Lists::default();
    lists.note(side, &groups);
    lists
}

/// What is restored by a run that has seen all of it.
fn ids(observation: &Observation, side: Side) -> Vec<&str> {
    ids_after(&having_seen(side, &["sg-d", "sg-p", "sg-l"]), observation, side)
}

fn ids_after<'o>(lists: &Lists, observation: &'o Observation, side: Side) -> Vec<&'o str> {
    lists
        .taken_off(observation, side)
        .into_iter()
        .map(|group| group.id.as_str())
        .collect()
}

#[test]
fn a_whole_group_of_another_connection_is_put_back() {
    assert_eq!(ids(&overwritten(), Side::Database), ["sg-d"]);
}

/// Anyone can make a pair of groups that name each other, and tag them.
#[test]
fn what_the_run_has_not_seen_is_not_put_back() {
    let observation = overwritten();
    let mut elsewhere = having_seen(Side::Proxy, &["sg-d"]);
    elsewhere.merge(&having_seen(Side::Database, &["sg-x"]));
    for lists in [Lists::default(), having_seen(Side::Function, &["sg-d"]), elsewhere] {
        assert_eq!(ids_after(&lists, &observation, Side::Database), [""; 0], "{lists:?}");
    }
    let mut lists = Lists::default();
    let mut before = overwritten();
    crate::builder::associate(&mut before, Side::Database, "sg-d");
    lists.note_all(&before);
    assert_eq!(ids_after(&lists, &observation, Side::Database), ["sg-d"]);
}

#[test]
fn a_list_that_lambda_guards_needs_nothing() {
    assert_eq!(ids(&overwritten(), Side::Function), [""; 0]);
}

#[test]
fn nothing_else_is_put_back() {
    type Change = fn(&mut Observation);
    let changes: [(&str, Change); 9] = [
        ("it is there", |o| {
            crate::builder::associate(o, Side::Database, "sg-d");
        }),
        ("it is not ours", |o| o.groups[0].tags.clear()),
        ("it is another database's", |o| {
            let connection = "cluster/other:function/g".to_owned();
            o.groups[0].tags.insert(tags::CONNECTION.to_owned(), connection);
        }),
        ("it is for another side", |o| {
            o.groups[0].tags.insert(tags::ROLE.to_owned(), "function".to_owned());
        }),
        ("it is of another VPC", |o| o.groups[0].vpc = "vpc-2".into()),
        ("it lets nobody in", |o| o.groups[0].ingress.clear()),
        ("somebody has opened it", |o| o.groups[0].ingress.push(tcp(22, "sg-x"))),
        ("its partner does not lead to it", |o| o.groups[1].egress.clear()),
        ("it is still being made", |o| o.groups[0].egress.push(allow_all())),
    ];
    for (why, change) in changes {
        let mut observation = overwritten();
        change(&mut observation);
        assert_eq!(ids(&observation, Side::Database), [""; 0], "{why}");
    }
}

#[test]
fn no_more_are_put_back_than_there_is_room_for() {
    let mut observation = overwritten();
    for n in 1..=5 {
        crate::builder::associate(&mut observation, Side::Database, &format!("sg-{n}"));
    }
    assert_eq!(ids(&observation, Side::Database), [""; 0]);
}

#[test]
fn a_proxys_group_is_whole_if_it_leads_from_the_function_to_the_database() {
    let mut observation = proxied(None);
    let of = "cluster/c:proxy/p:function/g";
    let in_between = group(
        "sg-p",
        "rdsproxy-lambda-2",
        vec![tcp(PROXY_PORT, "sg-l")],
        vec![tcp(PORT, "sg-d")],
    );
    observation.groups = vec![
        tagged(
            group("sg-d", "rds-rdsproxy-2", vec![tcp(PORT, "sg-p")], vec![]),
            Side::Database,
            of,
        ),
        tagged(in_between, Side::Proxy, of),
        tagged(
            group("sg-l", "lambda-rdsproxy-2", vec![], vec![tcp(PROXY_PORT, "sg-p")]),
            Side::Function,
            of,
        ),
    ];
    assert_eq!(ids(&observation, Side::Proxy), ["sg-p"]);
    assert_eq!(ids(&observation, Side::Database), ["sg-d"]);
    observation.groups[0].ingress.clear();
    assert_eq!(ids(&observation, Side::Proxy), [""; 0]);
}

/// `f` connected by the first set, and a half-made third set of its own that nothing uses; before, and after its run.
fn connected() -> (Observation, Observation) {
    let mut before = overwritten();
    let own = "cluster/c:function/f";
    let third = group("sg-3", "rds-lambda-3", vec![], vec![]);
    before.groups.extend([
        group("sg-1", "rds-lambda-1", vec![tcp(PORT, "sg-2")], vec![]),
        group("sg-2", "lambda-rds-1", vec![], vec![tcp(PORT, "sg-1")]),
        tagged(third, Side::Database, own),
    ]);
    let mut after = before.clone();
    crate::builder::associate(&mut after, Side::Database, "sg-1");
    crate::builder::associate(&mut after, Side::Function, "sg-2");
    (before, after)
}

/// What a run made in vain and may not delete is no reason to leave another connection's group off the list; a step that is
/// needed and was left to the next run is.
#[test]
fn a_group_is_put_back_also_where_one_of_the_run_s_own_cannot_be_deleted() {
    let (before, after) = connected();
    let mut without = before.clone();
    without.groups.retain(|group| group.id.as_str() != "sg-3");
    let mut applied: Plan = plan(&decide(&without), &Request::default());
    for step in &mut applied.steps {
        step.status = StepStatus::Done;
    }
    assert_eq!(decide(&after).decision, Decision::NoOp);
    let made = [GroupId::from("sg-3")].into();
    let mut in_vain = take_back(&before, &applied, &made).expect("sg-3 is of no use");
    in_vain.status = StepStatus::Skipped;
    let mut not_deleted = applied.clone();
    not_deleted.steps.push(in_vain);
    let mut left = applied.clone();
    left.steps.last_mut().unwrap().status = StepStatus::Skipped;

    let target = Target::direct(DatabaseKind::Cluster, "c", "f");
    let options = Options::default();
    let goal = Connect {
        target: &target,
        options: &options,
    };
    let seen = Situation {
        observation: after,
        surroundings: None,
    };
    let memory = Memory {
        lists: having_seen(Side::Database, &["sg-d"]),
        ..Memory::default()
    };
    for (applied, is_restored) in [(applied, true), (not_deleted, true), (left, false)] {
        let steps = goal.repair(&seen, &applied, &memory);
        assert_eq!(!steps.is_empty(), is_restored, "{applied:?}");
    }
}
