//! A run, and a person who edits rules, groups, the database or the function between any two of its calls.

use autoconnect::account::{AccountDocument, FunctionEntry, SecurityGroupEntry};
use autoconnect::cloud::Operation;
use autoconnect::tags;
use serde_json::json;

use crate::scenarios::{Scenario, groups_on_database, lists, row, rows_of_the_table};
use crate::schedules::{Edit, Explored, Moment, Turn, World, explore};
use crate::support::thoroughly;
use crate::writers::{nothing_is_lost, set_up_again, world};

/// The group that the person puts on things.
const THEIRS: &str = "sg-base-p";

fn on_database(document: &mut AccountDocument) {
    let entry = json!({"VpcSecurityGroupId": THEIRS, "Status": "active"});
    groups_on_database(document).push(serde_json::from_value(entry).unwrap());
}

/// Each update of a function has another revision.
fn update(document: &mut AccountDocument, update: impl FnOnce(&mut FunctionEntry)) {
    let function = &mut document.functions[0];
    update(function);
    function.revision_id = Some(format!(
        "{}-of-a-person",
        function.revision_id.as_deref().unwrap_or_default()
    ));
}

fn on_function(document: &mut AccountDocument) {
    update(document, |function| {
        let config = function.vpc_config.as_mut().unwrap();
        config.security_group_ids.push(THEIRS.to_owned());
    });
}

fn variable(document: &mut AccountDocument) {
    update(document, |function| {
        function.environment.insert("THEIRS".to_owned(), "value".to_owned());
    });
}

pub fn takes_the_name(document: &mut AccountDocument) {
    let mut groups = document.security_groups.iter();
    let names = ["rds-lambda-1", "rds-rdsproxy-1"];
    if groups.any(|group| names.contains(&group.group_name.as_str())) {
        return;
    }
    for (id, name) in [("sg-theirs-1", names[0]), ("sg-theirs-2", names[1])] {
        let entry = json!({"GroupId": id, "GroupName": name, "VpcId": "vpc-1"});
        document.security_groups.push(serde_json::from_value(entry).unwrap());
    }
}

fn last_of_ours(document: &mut AccountDocument) -> Option<&mut SecurityGroupEntry> {
    let mut groups = document.security_groups.iter_mut().rev();
    groups.find(|group| group.tags.iter().any(|tag| tag.key == tags::MANAGED))
}

fn opens_our_group(document: &mut AccountDocument) {
    let rule = json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]});
    if let Some(group) = last_of_ours(document) {
        group.ip_permissions.push(serde_json::from_value(rule).unwrap());
    }
}

fn takes_our_rules(document: &mut AccountDocument) {
    if let Some(group) = last_of_ours(document) {
        group.ip_permissions.clear();
        group.ip_permissions_egress.clear();
    }
}

fn takes_ours_off_the_database(document: &mut AccountDocument) {
    let groups = groups_on_database(document);
    groups.retain(|group| group.vpc_security_group_id.starts_with("sg-base"));
}

fn takes_ours_off_the_function(document: &mut AccountDocument) {
    update(document, |function| {
        let config = function.vpc_config.as_mut().unwrap();
        config.security_group_ids.retain(|group| group.starts_with("sg-base"));
    });
}

/// What does the connection no harm: the run has to connect, and to leave what the person did.
const HARMLESS: [Edit; 4] = [on_database, on_function, variable, takes_the_name];

/// What undoes or spoils what the run does.
const HARMFUL: [Edit; 4] = [
    opens_our_group,
    takes_our_rules,
    takes_ours_off_the_database,
    takes_ours_off_the_function,
];

/// The one moment in which an edit can be lost: between the read and the write of a list that AWS does not guard, that
/// is, right before such a write.
fn is_in_the_window(moment: &Moment, edit: usize) -> bool {
    let mut calls = moment.calls.iter().skip_while(|(turn, _)| *turn != Turn::Person(edit));
    let next = calls.find_map(|(turn, call)| matches!(turn, Turn::Run(_)).then_some(*call).flatten());
    let unguarded = [Operation::ModifyDbCluster, Operation::ModifyDbInstance];
    next.is_some_and(|call| unguarded.contains(&call))
}

fn is_there(now: &AccountDocument, edit: usize) -> bool {
    let lists = lists(now);
    let bears = |kind: &str| {
        let mut of_kind = lists.iter().filter(|(resource, _)| resource.starts_with(kind));
        of_kind.any(|(_, groups)| groups.iter().any(|group| group == THEIRS))
    };
    match edit {
        0 => bears("cluster") || bears("instance"),
        1 => bears("function"),
        2 => now.functions[0].environment.contains_key("THEIRS"),
        _ => true,
    }
}

fn with_a_harmless_person(scenario: &Scenario) -> World {
    let (targets, lost) = (vec![scenario.target.clone()], nothing_is_lost(&scenario.document));
    World {
        edits: HARMLESS.to_vec(),
        edits_at_most: thoroughly([1, 1, 2]),
        always: Box::new(move |now, moment| {
            lost(now, moment)?;
            for turn in &moment.turns {
                if let Turn::Person(edit) = *turn
                    && !is_there(now, edit)
                    && !(edit == 0 && is_in_the_window(moment, edit))
                {
                    return Err(format!("edit {edit} is lost"));
                }
            }
            Ok(())
        }),
        // Who takes the name of a group between plan and creation makes the run plan again.
        sometimes: |now| now.security_groups.iter().any(|group| group.group_id == "sg-theirs-1"),
        ..world(scenario, targets)
    }
}

fn with_a_harmful_person(scenario: &Scenario) -> World {
    let targets = vec![scenario.target.clone()];
    World {
        edits: HARMFUL.to_vec(),
        edits_at_most: thoroughly([1, 1, 2]),
        at_the_end: Box::new(move |now, moment| {
            if let [Some(Err(code))] = moment.ends[..]
                && !["not-verified", "change-failed", "not-found", "too-many-groups"].contains(&code)
            {
                return Err(format!("it fails with {code}"));
            }
            set_up_again(now, &targets).map(|_| ())
        }),
        ..world(scenario, vec![scenario.target.clone()])
    }
}

#[test]
fn what_a_person_does_between_two_calls_stays() {
    let mut explored = Explored::default();
    // Of few rows the first has nothing yet, and the others are of each kind.
    let (first, step) = thoroughly([(2, 9), (0, 1)]);
    for scenario in rows_of_the_table().into_iter().skip(first).step_by(step) {
        let mut world = with_a_harmless_person(&scenario);
        if !scenario.name.contains("None/None") {
            world.sometimes = |_| true;
        }
        explored += explore(&format!("{} and a person", scenario.name), world, 10);
    }
    println!("{explored:?}");
    assert!(explored.states > thoroughly([500, 5000]), "{explored:?}");
}

#[test]
fn what_a_person_spoils_is_fixed_by_the_next_run() {
    let mut explored = Explored::default();
    for name in [
        "cluster None/None/None",
        "instance None/None/Some(None)",
        "cluster None/None/Some(None)",
    ] {
        let scenario = row(name);
        explored += explore(
            &format!("{name} and a person who spoils it"),
            with_a_harmful_person(&scenario),
            50,
        );
    }
    println!("{explored:?}");
}
