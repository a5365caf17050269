//! The reasons for a decision, one sentence each, with ids.

use super::{Effect, Plan, Step, StepStatus, half_made};
use crate::decide::{Assessment, Decision, SideVerdict, Verdict};
use crate::diagnostics::connection::meaning_of;
use crate::extras;
use crate::model::{Observation, SecurityGroup, TargetHealthState};

/// Why the decision is what it is, what the new set supersedes, and what the proxy's health means.
pub fn reasons(assessment: &Assessment<'_>, plan: &Plan) -> Vec<String> {
    let observation = assessment.observation;
    let mut reasons = Vec::new();
    match &assessment.decision {
        Decision::NoOp => reasons.push(format!(
            "Every side has a matching group: {}.",
            joined(assessment.sides.iter().map(|side| on_side(observation, side)))
        )),
        Decision::AssociateExisting {
            function: None,
            proxy: None,
        } => reasons.push(format!(
            "Every side has a matching group, but {}.",
            joined(extras::lacks(observation).into_iter())
        )),
        Decision::AssociateExisting { .. } => {
            let missing = assessment
                .sides
                .iter()
                .filter(|side| side.verdict == Verdict::Available);
            reasons.push(format!(
                "The groups for this connection exist and only need to be associated: {}.",
                joined(missing.map(|side| format!("{} with {}", named(side), observation.describe(side.side))))
            ));
        }
        Decision::CreateNew => {
            reasons.push(format!(
                "No set of existing groups connects them: {}.",
                joined(assessment.sides.iter().map(|side| lack(observation, side)))
            ));
            reasons.extend(completed(observation, plan));
            reasons.extend(left_alone(observation));
            reasons.extend(superseded(assessment, plan));
            reasons.extend(left_over(observation, plan));
        }
    }
    if assessment.decision != Decision::CreateNew {
        reasons.extend(set_back(observation, plan));
    }
    reasons.extend(health(observation));
    reasons
}

/// The groups whose rules are restored, though the connection does not need them.
fn set_back(observation: &Observation, plan: &Plan) -> Vec<String> {
    let changes = |group: &&SecurityGroup| {
        let of_group = |step: &&Step| step.resource == group.id.as_str() && step.effect.associates().is_none();
        plan.steps
            .iter()
            .filter(of_group)
            .any(|step| step.status == StepStatus::Planned)
    };
    let sentence = |group: &SecurityGroup| {
        format!(
            "{} ({}) is associated and was changed after its creation; its rules will be restored.",
            group.name, group.id
        )
    };
    observation.groups.iter().filter(changes).map(sentence).collect()
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join("; ")
}

fn named(side: &SideVerdict<'_>) -> String {
    let group = side
        .group
        .and_then(|id| side.groups.iter().find(|found| found.group.id == *id));
    match group {
        Some(found) => format!("{} ({})", found.group.name, found.group.id),
        None => "no group".to_owned(),
    }
}

fn on_side(observation: &Observation, side: &SideVerdict<'_>) -> String {
    match side.group {
        Some(_) => format!("{} on {}", named(side), observation.describe(side.side)),
        None => format!(
            "the proxy's target health is AVAILABLE for {}",
            observation.describe(side.side)
        ),
    }
}

fn lack(observation: &Observation, side: &SideVerdict<'_>) -> String {
    let resource = observation.describe(side.side);
    match side.verdict {
        Verdict::Fit => on_side(observation, side) + " matches",
        Verdict::Available => format!("{} exists for {resource} but is not associated", named(side)),
        Verdict::None => format!("{resource} has no group for this connection"),
        Verdict::Unfit => {
            let why = side
                .groups
                .iter()
                .find(|found| Some(&found.group.id) == side.group)
                .map(|found| joined(found.why().map(ToString::to_string)))
                .unwrap_or_default();
            format!("{} on {resource} does not match: {why}", named(side))
        }
    }
}

fn completed(observation: &Observation, plan: &Plan) -> Option<String> {
    let is_of_set = |step: &&Step| matches!(step.effect, Effect::CreateSecurityGroup { .. });
    let made: Vec<&str> = plan
        .steps
        .iter()
        .filter(|step| step.effect.creates() && step.status.is_there() && is_of_set(step))
        .map(|step| step.resource.as_str())
        .collect();
    (!made.is_empty()).then(|| {
        let made = made.join(", ");
        if plan.sets_back() {
            format!("The set of an earlier run ({made}) was changed; its rules will be restored.")
        } else if let Some(function) = plan.begun_for(observation) {
            let further = if plan.prepares_groups() {
                "started the set"
            } else {
                "created the set"
            };
            format!("A run for function {function} has {further} ({made}); this run shares it.")
        } else {
            format!("An earlier run has started the set ({made}); this run completes it.")
        }
    })
}

fn superseded(assessment: &Assessment<'_>, plan: &Plan) -> Vec<String> {
    let sides = assessment.sides.iter().filter(|side| plan.adds_to(side.side));
    sides
        .flat_map(|side| {
            assessment
                .superseded(side.side)
                .into_iter()
                .map(move |found| (side.side, found))
        })
        .map(|(side, found)| {
            format!(
                "{} ({}) remains on {}; the new set replaces it for this connection.",
                found.group.name,
                found.group.id,
                assessment.observation.describe(side)
            )
        })
        .collect()
}

/// The sets that look begun and are not completed.
fn left_alone(observation: &Observation) -> Vec<String> {
    let left = half_made::left_alone(observation).into_iter();
    left.map(|(set, why)| {
        let groups: Vec<&str> = set.groups.values().map(|group| group.id.as_str()).collect();
        format!(
            "The set that looks begun ({}) lacks rules and is left as it is: {why}. autoconnect writes the rules of a set before it associates its groups.",
            groups.join(", ")
        )
    })
    .collect()
}

fn left_over(observation: &Observation, plan: &Plan) -> Vec<String> {
    let mut groups = half_made::left_over(observation, plan);
    groups.sort_by_key(|group| (&group.name, &group.id));
    let sentence = |group: &SecurityGroup| {
        format!(
            "{} ({}) was created for this connection by an earlier run and can no longer be used: you can delete it.",
            group.name, group.id
        )
    };
    groups.into_iter().map(sentence).collect()
}

/// What the proxy says of the database, and what to do about it; nothing where all is well.
pub fn health(observation: &Observation) -> Option<String> {
    let proxy = observation.proxy.as_ref().filter(|proxy| proxy.exists)?;
    let Some(health) = proxy.target_health(&observation.database) else {
        let what = if proxy.has_target(&observation.database) {
            "does not report yet whether it reaches"
        } else {
            "does not have the target"
        };
        return Some(format!("Proxy {} {what} {}.", proxy.name, observation.database));
    };
    if health.state == TargetHealthState::Available {
        return None;
    }
    let look = "see the description of the target in the RDS console";
    let meaning = match (health.reason.as_deref(), &health.state) {
        (Some(reason), _) => match meaning_of(reason) {
            Some((meaning, remedy)) => format!("{meaning}; {remedy}"),
            None => format!("this version does not know that reason; {look}"),
        },
        (None, TargetHealthState::Registering) => {
            "the proxy is trying to reach it for the first time; wait a few minutes, then look again".to_owned()
        }
        (None, TargetHealthState::Unused) => {
            "the proxy has no endpoint that needs it; wait a few minutes if that was just changed, then look again"
                .to_owned()
        }
        (None, _) => format!("AWS gives no reason; {look}"),
    };
    let meaning = match health.reason.as_deref() {
        Some("AUTH_FAILURE") => format!("{meaning}. This is not a network problem, and no security group fixes it"),
        _ => meaning,
    };
    let reason = health
        .reason
        .as_deref()
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default();
    Some(format!(
        "Proxy {} reports {} as {}{reason}: {meaning}.",
        proxy.name,
        observation.database,
        health.state.as_api()
    ))
}
