//! When a group is fit for use: each change that makes it unfit, with the reason that is reported.

use autoconnect::decide::{Verdict, decide};
use autoconnect::model::*;

use crate::builder::*;

fn verdict(observation: &Observation, side: Side, id: &str) -> (Verdict, Vec<String>) {
    let assessment = decide(observation);
    let side = assessment.side(side).unwrap();
    let found = side
        .groups
        .iter()
        .find(|found| found.group.id.as_str() == id)
        .expect("the group counts");
    (found.verdict, found.why().map(ToString::to_string).collect())
}

/// A database group with these rules, on a database whose function has sg-l.
fn database_group(ingress: Vec<Rule>, egress: Vec<Rule>) -> (Verdict, Vec<String>) {
    let mut observation = direct();
    observation.groups = vec![group("sg-d", "rds-lambda-1", ingress, egress)];
    associate(&mut observation, Side::Database, "sg-d");
    associate(&mut observation, Side::Function, "sg-l");
    verdict(&observation, Side::Database, "sg-d")
}

/// A function group with these rules, on a function whose database has sg-d.
fn function_group(ingress: Vec<Rule>, egress: Vec<Rule>) -> (Verdict, Vec<String>) {
    let mut observation = direct();
    observation.groups = vec![group("sg-l", "lambda-rds-1", ingress, egress)];
    associate(&mut observation, Side::Function, "sg-l");
    associate(&mut observation, Side::Database, "sg-d");
    verdict(&observation, Side::Function, "sg-l")
}

fn proxy_group(ingress: Vec<Rule>, egress: Vec<Rule>) -> (Verdict, Vec<String>) {
    let mut observation = proxied(None);
    observation.groups = vec![group("sg-p", "rdsproxy-lambda-1", ingress, egress)];
    associate(&mut observation, Side::Proxy, "sg-p");
    associate(&mut observation, Side::Function, "sg-l");
    associate(&mut observation, Side::Database, "sg-d");
    verdict(&observation, Side::Proxy, "sg-p")
}

fn described(rule: Rule) -> Rule {
    Rule {
        description: Some("any text".into()),
        ..rule
    }
}

#[test]
fn database_groups() {
    let fit = (Verdict::Fit, vec![]);
    assert_eq!(database_group(vec![tcp(PORT, "sg-l")], vec![]), fit);
    assert_eq!(
        database_group(vec![described(tcp(PORT, "sg-l"))], vec![]),
        fit,
        "a description is no change"
    );
    assert_eq!(
        database_group(vec![tcp(PORT, "sg-l")], vec![allow_all()]),
        fit,
        "the default outbound rule"
    );
    let ipv6 = cidr(Protocol::All, None, "::/0");
    assert_eq!(
        database_group(vec![tcp(PORT, "sg-l")], vec![allow_all(), ipv6]),
        fit,
        "in a VPC with IPv6"
    );

    let range = Rule {
        ports: Some(PortRange { from: 5432, to: 5433 }),
        ..tcp(PORT, "sg-l")
    };
    let udp = Rule {
        protocol: Protocol::Other("udp".into()),
        ..tcp(PORT, "sg-l")
    };
    let list = Rule {
        peer: Peer::PrefixList("pl-1".into()),
        ..tcp(PORT, "sg-l")
    };
    let table = [
        (vec![], vec![], "has no inbound rule"),
        (
            vec![tcp(PORT, "sg-x")],
            vec![],
            "source sg-x of its inbound rule is not on the function",
        ),
        (
            vec![tcp(5432, "sg-l")],
            vec![],
            "inbound rule is tcp 5432 from sg-l; expected port 5433",
        ),
        (
            vec![range],
            vec![],
            "inbound rule is tcp 5432-5433 from sg-l; expected port 5433",
        ),
        (
            vec![udp],
            vec![],
            "inbound rule is udp 5433 from sg-l; expected protocol tcp",
        ),
        (vec![list], vec![], "expected a security group as its source"),
        (
            vec![cidr(Protocol::Tcp, Some(PORT), "10.0.0.0/8")],
            vec![],
            "expected a security group as its source",
        ),
        (
            vec![tcp(PORT, "sg-l"), tcp(22, "sg-x")],
            vec![],
            "unexpected inbound rule: tcp 22 from sg-x",
        ),
        (
            vec![tcp(22, "sg-x"), tcp(PORT, "sg-l")],
            vec![],
            "unexpected inbound rule: tcp 22 from sg-x",
        ),
        (
            vec![tcp(PORT, "sg-l")],
            vec![tcp(443, "sg-x")],
            "unexpected outbound rule: tcp 443 to sg-x",
        ),
        (
            vec![tcp(PORT, "sg-l")],
            vec![cidr(Protocol::All, None, "10.0.0.0/8")],
            "unexpected outbound rule: all traffic to 10.0.0.0/8",
        ),
    ];
    for (ingress, egress, reason) in table {
        let (verdict, why) = database_group(ingress, egress);
        assert_eq!(verdict, Verdict::Unfit, "{reason}");
        assert!(
            why.iter().any(|why| why.contains(reason)),
            "{reason:?} is not in {why:?}"
        );
    }
}

#[test]
fn function_groups() {
    assert_eq!(function_group(vec![], vec![tcp(PORT, "sg-d")]), (Verdict::Fit, vec![]));
    let table = [
        (vec![], vec![], "has no outbound rule"),
        (
            vec![],
            vec![allow_all()],
            "outbound rule is all traffic to 0.0.0.0/0; expected protocol tcp",
        ),
        (
            vec![],
            vec![tcp(PORT, "sg-d"), allow_all()],
            "unexpected outbound rule: all traffic",
        ),
        (vec![], vec![tcp(PROXY_PORT, "sg-d")], "expected port 5433"),
        (
            vec![],
            vec![tcp(PORT, "sg-x")],
            "destination sg-x of its outbound rule is not on the database",
        ),
        (
            vec![tcp(PORT, "sg-d")],
            vec![tcp(PORT, "sg-d")],
            "unexpected inbound rule",
        ),
    ];
    for (ingress, egress, reason) in table {
        let (verdict, why) = function_group(ingress, egress);
        assert_eq!(verdict, Verdict::Unfit, "{reason}");
        assert!(
            why.iter().any(|why| why.contains(reason)),
            "{reason:?} is not in {why:?}"
        );
    }
}

#[test]
fn proxy_groups() {
    let fit = proxy_group(vec![tcp(PROXY_PORT, "sg-l")], vec![tcp(PORT, "sg-d")]);
    assert_eq!(fit, (Verdict::Fit, vec![]));
    let table = [
        (
            vec![tcp(PORT, "sg-l")],
            vec![tcp(PORT, "sg-d")],
            "inbound rule is tcp 5433 from sg-l; expected port 5432",
        ),
        (
            vec![tcp(PROXY_PORT, "sg-l")],
            vec![tcp(PROXY_PORT, "sg-d")],
            "outbound rule is tcp 5432 to sg-d; expected port 5433",
        ),
        (
            vec![tcp(PROXY_PORT, "sg-x")],
            vec![tcp(PORT, "sg-d")],
            "source sg-x of its inbound rule is not on the function",
        ),
        (
            vec![tcp(PROXY_PORT, "sg-l")],
            vec![tcp(PORT, "sg-x")],
            "destination sg-x of its outbound rule is not on the database",
        ),
        (
            vec![tcp(PROXY_PORT, "sg-l")],
            vec![tcp(PORT, "sg-d"), allow_all()],
            "unexpected outbound rule",
        ),
    ];
    for (ingress, egress, reason) in table {
        let (verdict, why) = proxy_group(ingress, egress);
        assert_eq!(verdict, Verdict::Unfit, "{reason}");
        assert!(
            why.iter().any(|why| why.contains(reason)),
            "{reason:?} is not in {why:?}"
        );
    }
}

#[test]
fn groups_of_other_vpcs_and_removed_ones_do_not_count() {
    let mut observation = direct();
    let mut elsewhere = group("sg-e", "lambda-rds-1", vec![], vec![tcp(PORT, "sg-d")]);
    elsewhere.vpc = "vpc-2".into();
    observation.groups = vec![
        group("sg-d", "rds-lambda-1", vec![tcp(PORT, "sg-l")], vec![]),
        elsewhere,
    ];
    associate(&mut observation, Side::Function, "sg-l");
    observation.database.memberships = vec![GroupMembership {
        group: "sg-d".into(),
        status: "removing".into(),
    }];
    let assessment = decide(&observation);
    assert!(assessment.side(Side::Function).unwrap().groups.is_empty());
    let database = assessment.side(Side::Database).unwrap();
    assert_eq!(
        database.verdict,
        Verdict::Available,
        "it is being taken off, so it is not associated"
    );
}

#[test]
fn only_available_health_counts() {
    use TargetHealthState::*;
    for (state, verdict) in [
        (Available, Verdict::Fit),
        (Registering, Verdict::None),
        (Unavailable, Verdict::None),
        (Unused, Verdict::None),
        (Other("PERFECT".into()), Verdict::None),
    ] {
        let observation = proxied(Some(state.clone()));
        assert_eq!(
            decide(&observation).side(Side::Database).unwrap().verdict,
            verdict,
            "{state:?}"
        );
    }
    assert_eq!(
        decide(&proxied(None)).side(Side::Database).unwrap().verdict,
        Verdict::None
    );

    // For a cluster any member counts; another cluster's member does not.
    let mut observation = proxied(Some(Unavailable));
    let proxy = observation.proxy.as_mut().unwrap();
    let mut second = proxy.targets[1].clone();
    second.health = Some(TargetHealth {
        state: Available,
        reason: None,
    });
    second.tracked_cluster = Some("another".into());
    proxy.targets.push(second.clone());
    assert!(!proxy.clone().reaches(&observation.database));
    second.tracked_cluster = Some("c".into());
    proxy.targets.push(second);
    assert!(proxy.clone().reaches(&observation.database));
}
