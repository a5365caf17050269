//! What a tag says is believed only where the group itself bears it out: the mark of a removal, and whose a group is that a
//! report calls replaced.

use autoconnect::decide::{Decision, decide};
use autoconnect::model::*;
use autoconnect::plan::{Request, plan, reasons};
use autoconnect::preconditions::{Unmet, check_quotas};
use autoconnect::tags;

use crate::builder::*;

/// A pair that the console made, in use.
fn connected() -> Observation {
    let mut observation = direct();
    observation.groups = vec![
        group("sg-d", "rds-lambda-1", vec![tcp(PORT, "sg-l")], vec![]),
        group("sg-l", "lambda-rds-1", vec![], vec![tcp(PORT, "sg-d")]),
    ];
    associate(&mut observation, Side::Database, "sg-d");
    associate(&mut observation, Side::Function, "sg-l");
    observation
}

fn tagged(observation: &mut Observation, id: &str, of: &[(&str, &str)]) {
    let mut groups = observation.groups.iter_mut();
    let group = groups.find(|group| group.id == GroupId::from(id)).unwrap();
    let of = of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    group.tags.extend(of);
}

#[test]
fn only_the_mark_that_remove_writes_keeps_a_group_from_matching() {
    type Tags<'t> = &'t [(&'t str, &'t str)];
    let table: [(&str, Tags<'_>, bool); 7] = [
        ("x", &[], true),
        ("", &[], true),
        ("cluster/c", &[], true),
        ("cluster/c:function/", &[], true),
        ("cluster/other:function/f", &[], true),
        ("cluster/c:function/f", &[], false),
        // `remove` does not mark what claims to be ours and is not.
        ("cluster/c:function/f", &[(tags::MANAGED, "true")], true),
    ];
    for (mark, others, matches) in table {
        for id in ["sg-d", "sg-l"] {
            let mut observation = connected();
            tagged(&mut observation, id, &[(tags::REMOVING, mark)]);
            tagged(&mut observation, id, others);
            let assessment = decide(&observation);
            let is_no_op = assessment.decision == Decision::NoOp;
            assert_eq!(is_no_op, matches, "{mark} on {id}");
            let told = reasons(&assessment, &plan(&assessment, &Request::default())).join(" ");
            assert_eq!(
                told.contains("autoconnect:removing"),
                !matches,
                "{mark} on {id}: {told}"
            );
        }
    }
}

/// What the error says that could go, on a function that is full.
fn could_go(observation: &Observation) -> (Option<String>, Option<String>) {
    let assessment = decide(observation);
    let plan = plan(&assessment, &Request::default());
    match check_quotas(&assessment, &plan) {
        Err(Unmet::TooManyGroups {
            could_go,
            without_rules,
            ..
        }) => (could_go, without_rules),
        other => panic!("{other:?}"),
    }
}

/// A full function, whose group 5 has these rules and tags.
fn full(egress: Vec<Rule>, of: &[(&str, &str)]) -> Observation {
    let mut observation = direct();
    // The database of another connection has the first.
    observation.groups = vec![
        group("sg-other", "rds-lambda-5", vec![tcp(PORT, "sg-5")], vec![]),
        group("sg-5", "lambda-rds-5", vec![], egress),
    ];
    tagged(&mut observation, "sg-5", of);
    for id in ["sg-5", "sg-a", "sg-b", "sg-c", "sg-e"] {
        associate(&mut observation, Side::Function, id);
    }
    observation
}

#[test]
fn nobody_is_told_to_cut_a_connection_because_of_a_tag() {
    let own = "cluster/c:function/f";
    let tables: [&[(&str, &str)]; 3] = [
        &[],
        &[(tags::CONNECTION, own)],
        &[
            (tags::MANAGED, "true"),
            (tags::CONNECTION, own),
            (tags::ROLE, "function"),
        ],
    ];
    for of in tables {
        let observation = full(vec![tcp(PORT, "sg-other")], of);
        assert_eq!(could_go(&observation), (None, None), "{of:?}");
        let assessment = decide(&observation);
        let told = reasons(&assessment, &plan(&assessment, &Request::default())).join(" ");
        assert!(!told.contains("replaces it"), "{of:?}: {told}");
    }
    // One rule names the function's group, another a group of somebody else: the report names it, and no error advises to remove it.
    let mut observation = full(vec![tcp(PORT, "sg-d"), tcp(PORT, "sg-other")], &[]);
    observation.groups.push(group("sg-d", "rds-lambda-2", vec![], vec![]));
    associate(&mut observation, Side::Database, "sg-d");
    assert_eq!(could_go(&observation), (None, None));
    let mut observation = full(vec![tcp(PORT, "sg-d"), tcp(22, "sg-d")], &[]);
    observation.groups.push(group("sg-d", "rds-lambda-2", vec![], vec![]));
    observation.groups.remove(0);
    associate(&mut observation, Side::Database, "sg-d");
    assert_eq!(could_go(&observation), (Some("lambda-rds-5 (sg-5)".to_owned()), None));
}

#[test]
fn a_group_without_rules_is_named_where_nothing_is_replaced() {
    let mut observation = full(vec![], &[]);
    observation.groups.remove(0);
    assert_eq!(could_go(&observation), (None, Some("lambda-rds-5 (sg-5)".to_owned())));
    // A rule of another group goes by it.
    let observation = full(vec![], &[]);
    assert_eq!(could_go(&observation), (None, None));
}
