//! A set that an earlier run has begun is completed, wherever that run ended; a changed one is left alone.

use std::collections::BTreeMap;

use autoconnect::decide::{Decision, decide};
use autoconnect::model::*;
use autoconnect::plan::{Request, StepStatus, lint, plan};
use autoconnect::tags;

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
        assert_eq!(lint(&plan, &observation), []);
        assert_eq!(plan.number, Some(if done == 0 { 1 } else { 4 }));
        let mut already = plan.steps.iter().map(|step| step.status == StepStatus::Already);
        assert!(already.by_ref().take(done).all(|already| already), "after {done} steps");
        assert!(already.all(|already| !already), "after {done} steps");
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
fn what_somebody_changed_is_left_alone() {
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
    for tag in tags::OWN {
        let mut observation = begun(2);
        for group in &mut observation.groups {
            group.tags.insert(tag.to_owned(), "another".to_owned());
        }
        assert_eq!(number_of_new_set(&observation), Some(1), "{tag}");
    }
    // Half of the set is ours, and the other name is somebody else's by now.
    let mut observation = begun(1);
    observation.groups.push(group("sg-x", "LAMBDA-rds-4", vec![], vec![]));
    assert_eq!(number_of_new_set(&observation), Some(1));
}
