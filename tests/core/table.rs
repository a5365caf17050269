//! Every row of the decision table of docs/decision.md, "The three decisions", direct and through a proxy.

use autoconnect::decide::{Decision, Verdict, decide};
use autoconnect::model::*;

use crate::builder::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Is {
    Fit,
    Available,
    Unfit,
    None,
}

fn put(observation: &mut Observation, side: Side, is: Is, id: &str, name: &str, ingress: Vec<Rule>, egress: Vec<Rule>) {
    if is == Is::None {
        return;
    }
    let spoilt = |rules: Vec<Rule>| match is {
        Is::Unfit => rules
            .into_iter()
            .map(|rule| Rule {
                ports: Some(PortRange::only(1)),
                ..rule
            })
            .collect(),
        _ => rules,
    };
    observation
        .groups
        .push(group(id, name, spoilt(ingress), spoilt(egress)));
    if is != Is::Available {
        associate(observation, side, id);
    }
}

fn observe(database: Is, function: Is, proxy: Option<Is>) -> Observation {
    match proxy {
        None => {
            let mut observation = direct();
            put(
                &mut observation,
                Side::Database,
                database,
                "sg-d",
                "rds-lambda-1",
                vec![tcp(PORT, "sg-l")],
                vec![],
            );
            put(
                &mut observation,
                Side::Function,
                function,
                "sg-l",
                "lambda-rds-1",
                vec![],
                vec![tcp(PORT, "sg-d")],
            );
            observation
        }
        Some(proxy) => {
            let mut observation = proxied(Some(TargetHealthState::Registering));
            put(
                &mut observation,
                Side::Database,
                database,
                "sg-d",
                "rds-rdsproxy-1",
                vec![tcp(PORT, "sg-p")],
                vec![],
            );
            put(
                &mut observation,
                Side::Function,
                function,
                "sg-l",
                "lambda-rdsproxy-1",
                vec![],
                vec![tcp(PROXY_PORT, "sg-p")],
            );
            let (ingress, egress) = (vec![tcp(PROXY_PORT, "sg-l")], vec![tcp(PORT, "sg-d")]);
            put(
                &mut observation,
                Side::Proxy,
                proxy,
                "sg-p",
                "rdsproxy-lambda-1",
                ingress,
                egress,
            );
            observation
        }
    }
}

/// The decision that the table gives; a group that refers to a side without its partner is judged by rule 2.
fn expected(database: Is, function: Is, proxy: Option<Is>) -> &'static str {
    let usable = |is| matches!(is, Is::Fit | Is::Available);
    let partners = usable(function) && proxy.is_none_or(usable);
    match (database, function, proxy) {
        (Is::Fit, Is::Fit, None | Some(Is::Fit)) => "no-op",
        (Is::Fit, _, _) if partners => "associate-existing",
        _ => "create-new",
    }
}

const STATES: [Is; 4] = [Is::Fit, Is::Available, Is::Unfit, Is::None];

#[test]
fn every_combination_of_a_direct_connection() {
    for database in STATES {
        for function in STATES {
            let observation = observe(database, function, None);
            let assessment = decide(&observation);
            assert_eq!(
                assessment.decision.to_string(),
                expected(database, function, None),
                "{database:?} {function:?}"
            );
        }
    }
}

#[test]
fn every_combination_through_a_proxy() {
    for database in STATES {
        for function in STATES {
            for proxy in STATES {
                let observation = observe(database, function, Some(proxy));
                let assessment = decide(&observation);
                let expected = expected(database, function, Some(proxy));
                assert_eq!(
                    assessment.decision.to_string(),
                    expected,
                    "{database:?} {function:?} {proxy:?}"
                );
            }
        }
    }
}

#[test]
fn verdicts_are_the_words_of_the_table() {
    let observation = observe(Is::Fit, Is::Available, Some(Is::Available));
    let assessment = decide(&observation);
    let verdict = |side| {
        assessment
            .side(side)
            .map(|side| (side.verdict, side.group.map(GroupId::as_str)))
    };
    assert_eq!(verdict(Side::Database), Some((Verdict::Fit, Some("sg-d"))));
    assert_eq!(verdict(Side::Function), Some((Verdict::Available, Some("sg-l"))));
    assert_eq!(verdict(Side::Proxy), Some((Verdict::Available, Some("sg-p"))));

    // The database lacks its group, and the others are still reported as what they are.
    let observation = observe(Is::None, Is::Available, Some(Is::Available));
    let mut observation = observation;
    associate(&mut observation, Side::Database, "sg-d");
    let assessment = decide(&observation);
    assert_eq!(assessment.decision, Decision::CreateNew);
    assert_eq!(
        assessment.side(Side::Database).map(|side| side.verdict),
        Some(Verdict::None)
    );
    assert_eq!(
        assessment.side(Side::Function).map(|side| side.verdict),
        Some(Verdict::Available)
    );
    assert_eq!(
        assessment.side(Side::Proxy).map(|side| side.verdict),
        Some(Verdict::Available)
    );
}

#[test]
fn target_health_stands_in_for_the_database_group() {
    for (state, decision) in [
        (TargetHealthState::Available, "no-op"),
        (TargetHealthState::Unavailable, "create-new"),
    ] {
        let mut observation = observe(Is::None, Is::Fit, Some(Is::Fit));
        associate(&mut observation, Side::Database, "sg-d");
        observation.proxy.as_mut().unwrap().targets[1].health = Some(TargetHealth { state, reason: None });
        assert_eq!(decide(&observation).decision.to_string(), decision);
    }
}

#[test]
fn through_a_proxy_an_rds_lambda_group_counts_on_the_database_too() {
    let mut observation = observe(Is::Fit, Is::Fit, Some(Is::Fit));
    observation.groups[0].name = "rds-lambda-7".into();
    assert_eq!(decide(&observation).decision, Decision::NoOp);
    observation.groups[0].name = "rds-proxy-7".into();
    assert_eq!(decide(&observation).decision, Decision::CreateNew);
}

#[test]
fn pairs_are_recognized_by_rules_and_the_lowest_number_is_chosen() {
    let mut observation = direct();
    observation.groups = vec![
        group("sg-d", "rds-lambda-3", vec![tcp(PORT, "sg-l1")], vec![]),
        group("sg-e", "rds-lambda-4", vec![tcp(PORT, "sg-l2")], vec![]),
        group("sg-l2", "lambda-rds-10", vec![], vec![tcp(PORT, "sg-d")]),
        group("sg-l1", "lambda-rds-9", vec![], vec![tcp(PORT, "sg-e")]),
        // Fit by itself, but the database lets nobody in who has it.
        group("sg-l3", "lambda-rds-1", vec![], vec![tcp(PORT, "sg-d")]),
    ];
    associate(&mut observation, Side::Database, "sg-d");
    associate(&mut observation, Side::Database, "sg-e");
    let assessment = decide(&observation);
    let expected = Decision::AssociateExisting {
        function: Some("sg-l1".into()),
        proxy: None,
    };
    assert_eq!(assessment.decision, expected);
    let function = assessment.side(Side::Function).unwrap();
    assert_eq!(
        function.group.map(GroupId::as_str),
        Some("sg-l1"),
        "the chosen group speaks for its side"
    );
}

#[test]
fn fewest_additions_come_before_the_lowest_number() {
    let mut observation = proxied(Some(TargetHealthState::Available));
    observation.groups = vec![
        group("sg-d", "rds-rdsproxy-1", vec![tcp(PORT, "sg-p9")], vec![]),
        group("sg-l1", "lambda-rdsproxy-1", vec![], vec![tcp(PROXY_PORT, "sg-p1")]),
        group(
            "sg-p1",
            "rdsproxy-lambda-1",
            vec![tcp(PROXY_PORT, "sg-l1")],
            vec![tcp(PORT, "sg-d")],
        ),
        group("sg-l9", "lambda-rdsproxy-9", vec![], vec![tcp(PROXY_PORT, "sg-p9")]),
        group(
            "sg-p9",
            "rdsproxy-lambda-9",
            vec![tcp(PROXY_PORT, "sg-l9")],
            vec![tcp(PORT, "sg-d")],
        ),
    ];
    associate(&mut observation, Side::Database, "sg-d");
    associate(&mut observation, Side::Proxy, "sg-p9");
    let expected = Decision::AssociateExisting {
        function: Some("sg-l9".into()),
        proxy: None,
    };
    assert_eq!(decide(&observation).decision, expected);
}

/// The rows of the table in docs/decision.md under "The three decisions": the cells of the three sides and the decision.
fn documented_rows() -> Vec<[String; 4]> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/decision.md")).unwrap();
    let section = page.split("## The three decisions").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    section
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            let cells: Vec<_> = cells.map(|cell| cell.trim().trim_end_matches('*').to_owned()).collect();
            cells.try_into().unwrap()
        })
        .collect()
}

#[test]
fn the_documented_table_decides_each_combination_as_the_program() {
    let rows = documented_rows();
    assert!(rows.len() >= 8, "{rows:?}");
    let allows = |cell: &str, is: Is| {
        let word = format!("{is:?}").to_lowercase();
        cell == "any" || cell.split(" or ").any(|allowed| allowed == word)
    };
    for database in STATES {
        for function in STATES {
            for proxy in STATES.map(Some).into_iter().chain([None]) {
                let documented: std::collections::BTreeSet<_> = rows
                    .iter()
                    .filter(|[on_database, on_function, on_proxy, _]| {
                        allows(on_database, database)
                            && allows(on_function, function)
                            // A direct connection has no proxy that could be wrong, or differ from the function.
                            && proxy.map_or(on_proxy == "any" || on_proxy == on_function, |is| allows(on_proxy, is))
                    })
                    .map(|[.., decision]| decision.clone())
                    .collect();
                let decision = decide(&observe(database, function, proxy)).decision.to_string();
                assert_eq!(
                    Vec::from_iter(documented),
                    [decision],
                    "{database:?} {function:?} {proxy:?}"
                );
            }
        }
    }
}
