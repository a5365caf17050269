//! A set that an earlier run has begun is completed, wherever that run ended; a changed one is left alone.

use std::collections::{BTreeMap, BTreeSet};

use autoconnect::decide::{Decision, decide};
use autoconnect::model::network::Part;
use autoconnect::model::*;
use autoconnect::plan::{Effect, Ground, Request, StepStatus, lint, plan, reasons};
use autoconnect::tags;
use autoconnect::users::User;

use crate::builder::*;

fn ours(mut group: SecurityGroup, side: Side, connection: &str) -> SecurityGroup {
    group.tags = BTreeMap::from([
        (tags::MANAGED.to_owned(), "true".to_owned()),
        (tags::CONNECTION.to_owned(), connection.to_owned()),
        (tags::ROLE.to_owned(), tags::role(side).to_owned()),
    ]);
    group
}

/// The groups after the first `done` of: create, create, revoke, revoke, authorize, authorize.
fn begun(done: usize) -> Observation {
    let mut observation = direct();
    let connection = observation.connection_id();
    let default = |revoked: bool| if revoked { vec![] } else { vec![allow_all()] };
    if done >= 1 {
        let ingress = if done >= 5 { vec![tcp(PORT, "sg-l")] } else { vec![] };
        let group = group("sg-d", "rds-lambda-4", ingress, default(done >= 3));
        observation.groups.push(ours(group, Side::Database, &connection));
    }
    if done >= 2 {
        let mut egress = default(done >= 4);
        egress.extend((done >= 6).then(|| tcp(PORT, "sg-d")));
        let group = group("sg-l", "lambda-rds-4", vec![], egress);
        observation.groups.push(ours(group, Side::Function, &connection));
    }
    observation
}

#[test]
fn every_prefix_of_a_run_is_completed() {
    for done in 0..=6 {
        let observation = begun(done);
        let assessment = decide(&observation);
        assert_eq!(assessment.decision, Decision::CreateNew);
        let plan = plan(&assessment, &Request::default());
        assert_eq!(lint(&plan, &Ground::of_connection(&observation)), []);
        assert_eq!(plan.number, Some(if done == 0 { 1 } else { 4 }));
        let mut already = plan.steps.iter().map(|step| step.status.is_there());
        assert!(already.by_ref().take(done).all(|already| already), "after {done} steps");
        assert!(already.all(|already| !already), "after {done} steps");
        // The groups are adopted; their rules are there already.
        for step in plan.steps.iter().filter(|step| step.status.is_there()) {
            assert_eq!(
                step.status == StepStatus::Adopt,
                matches!(step.effect, Effect::CreateSecurityGroup { .. }),
                "{}",
                step.summary
            );
        }
    }
}

/// Rules are written before anything is associated: what has the groups of a set without its rules was not connected by us.
#[test]
fn what_anything_else_has_is_left_alone_until_its_rules_are_there() {
    let on = |group: &str| {
        let users = BTreeSet::from([User::Function("evil".to_owned())]);
        Part::Read(Bearers::from([(GroupId::from(group), users)]))
    };
    let table: [(&str, Option<Part<Bearers>>, bool, &str); 5] = [
        ("not asked", None, true, ""),
        ("on nothing", Some(Part::Read(Bearers::new())), true, ""),
        (
            "on a function",
            Some(on("sg-l")),
            false,
            "lambda-rds-4 (sg-l) is on function evil",
        ),
        (
            "on another database",
            Some(on("sg-d")),
            false,
            "rds-lambda-4 (sg-d) is on function evil",
        ),
        (
            "not known",
            Some(Part::Unread("no permission".to_owned())),
            false,
            "(no permission)",
        ),
    ];
    for (what, bearers, completes, told) in table {
        for done in 2..=6 {
            let mut observation = begun(done);
            observation.extras.bearers = bearers.clone();
            let assessment = decide(&observation);
            let plan = plan(&assessment, &Request::default());
            let is_whole = done == 6;
            let expected = if completes || is_whole { 4 } else { 1 };
            assert_eq!(plan.number, Some(expected), "{what}, after {done} steps");
            assert_eq!(lint(&plan, &Ground::of_connection(&observation)), []);
            let reasons = reasons(&assessment, &plan).join(" ");
            let is_told = !completes && !is_whole;
            assert_eq!(reasons.contains("is left as it is"), is_told, "{what}: {reasons}");
            assert!(!is_told || reasons.contains(told), "{what}: {reasons}");
            assert!(!is_told || !reasons.contains("you can delete it"), "{what}: {reasons}");
        }
    }
}

#[test]
fn after_the_database_only_the_function_is_left() {
    let mut observation = begun(6);
    associate(&mut observation, Side::Database, "sg-d");
    let expected = Decision::AssociateExisting {
        function: Some("sg-l".into()),
        proxy: None,
    };
    assert_eq!(decide(&observation).decision, expected);
}

#[test]
fn a_complete_set_that_was_taken_off_the_database_is_put_back() {
    let mut observation = begun(6);
    associate(&mut observation, Side::Function, "sg-l");
    let assessment = decide(&observation);
    assert_eq!(assessment.decision, Decision::CreateNew);
    let plan = plan(&assessment, &Request::default());
    assert_eq!(plan.pending(), 1);
    assert!(plan.adds_to(Side::Database));
}

fn number_of_new_set(observation: &Observation) -> Option<u64> {
    plan(&decide(observation), &Request::default()).number
}

#[test]
fn what_someone_changed_is_left_alone() {
    // In use and lacking a rule: no run of ours ends like this.
    let mut observation = begun(5);
    associate(&mut observation, Side::Database, "sg-d");
    assert_eq!(number_of_new_set(&observation), Some(1));
    // A rule that we do not write.
    let mut observation = begun(3);
    observation.groups[0].ingress.push(tcp(22, "sg-x"));
    assert_eq!(number_of_new_set(&observation), Some(1));
}

#[test]
fn what_is_not_of_this_connection_is_left_alone() {
    for (tag, value) in [
        (tags::MANAGED, "false"),
        (tags::CONNECTION, "cluster/other:function/f"),
        (tags::CONNECTION, "cluster/c:proxy/p:function/f"),
        (tags::ROLE, "proxy"),
        (tags::REMOVING, "cluster/c:function/g"),
    ] {
        let mut observation = begun(2);
        for group in &mut observation.groups {
            group.tags.insert(tag.to_owned(), value.to_owned());
        }
        assert_eq!(number_of_new_set(&observation), Some(1), "{tag} {value}");
    }
    // Half of the set is ours, and the other name is someone else's now.
    let mut observation = begun(1);
    observation.groups.push(group("sg-x", "LAMBDA-rds-4", vec![], vec![]));
    assert_eq!(number_of_new_set(&observation), Some(1));
}

/// The same as `begun`, by a run for function `g`.
fn begun_by_another(done: usize) -> Observation {
    let mut observation = begun(done);
    let (connection, function) = (observation.connection_of("g"), "autoconnect: from function g");
    for group in &mut observation.groups {
        group.tags.insert(tags::CONNECTION.to_owned(), connection.clone());
        for rule in &mut group.ingress {
            rule.description = Some(function.to_owned());
        }
        for rule in group.egress.iter_mut().filter(|rule| !rule.is_default_egress()) {
            rule.description = Some(format!("autoconnect: to {}", observation.database));
        }
    }
    observation
}

#[test]
fn what_a_run_for_another_function_has_begun_is_completed_and_shared() {
    for done in 1..=6 {
        let observation = begun_by_another(done);
        let assessment = decide(&observation);
        let plan = plan(&assessment, &Request::default());
        assert_eq!(lint(&plan, &Ground::of_connection(&observation)), []);
        assert_eq!(plan.number, Some(4), "after {done} steps");
        assert_eq!(plan.begun_for(&observation), Some("g"));
        assert_eq!(plan.prepares_groups(), done < 6, "after {done} steps");
        let mut already = plan.steps.iter().map(|step| step.status.is_there());
        assert!(already.by_ref().take(done).all(|already| already), "after {done} steps");
        assert!(already.all(|already| !already), "after {done} steps");
        // All of a set is of the function that it was begun for.
        for step in &plan.steps {
            if let Effect::CreateSecurityGroup { tags, description, .. } = &step.effect {
                assert_eq!(tags[tags::CONNECTION], observation.connection_of("g"));
                assert!(description.contains("function g"), "{description}");
            }
        }
    }
}

#[test]
fn of_another_functions_groups_only_what_is_as_it_would_be_written_is_shared() {
    type Change = fn(&mut Observation);
    let changes: [(&str, Change); 6] = [
        ("a rule without a description", |o| {
            o.groups[0].ingress[0].description = None;
        }),
        ("a rule with another function's description", |o| {
            o.groups[0].ingress[0].description = Some("autoconnect: from function h".to_owned());
        }),
        ("an outbound rule without a description", |o| {
            o.groups[1].egress[0].description = None;
        }),
        ("a rule too many", |o| o.groups[0].ingress.push(tcp(22, "sg-x"))),
        ("one group without tags", |o| o.groups[1].tags.clear()),
        ("one group of another side", |o| {
            o.groups[1].tags.insert(tags::ROLE.to_owned(), "database".to_owned());
        }),
    ];
    for (why, change) in changes {
        let mut observation = begun_by_another(6);
        change(&mut observation);
        assert_eq!(number_of_new_set(&observation), Some(1), "{why}");
    }
}

/// Every run makes the same choice, whichever set is its own.
#[test]
fn of_two_begun_sets_the_one_with_the_lower_number_is_completed() {
    let mut observation = begun(2);
    for mut group in begun_by_another(2).groups {
        group.id = format!("{}-2", group.id).as_str().into();
        group.name = group.name.replace('4', "2");
        observation.groups.push(group);
    }
    assert_eq!(number_of_new_set(&observation), Some(2));
}
