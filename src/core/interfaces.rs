//! Whether Lambda may change a function's network interfaces as a plan requires. Every command reports it before it
//! asks the user.
//!
//! Source: docs/attaching.md, "Execution role". `attach` and `setup --attach-vpc` refuse where the role lacks something
//! ([`crate::attach::fit`]): without it the function never gets its interface. Where the function is attached already, what is
//! lacking is a warning.

use crate::escape::word;
use crate::model::network::Part;
use crate::model::{Function, GroupId, Place, last_segment};
use crate::plan::{Effect, Plan, Ref, RemovalEffect, StepStatus, VpcEffect};
use crate::policy::{InterfaceChange, Lack, RolePolicies, Verdict, lacks_for_change, vpc_access};

/// What a plan makes Lambda do with the interfaces of the function that it is about, besides attaching it. None where
/// it changes none of them.
pub fn change_of(plan: &Plan) -> Option<InterfaceChange> {
    let planned = plan.steps.iter().filter(|step| step.status == StepStatus::Planned);
    let changes = planned.filter_map(|step| match &step.effect {
        Effect::AssociateFunction { .. } | Effect::Removal(RemovalEffect::OffFunction { .. }) => {
            Some(InterfaceChange::Replace)
        }
        Effect::Vpc(VpcEffect::Detach { .. })
        | Effect::Removal(RemovalEffect::Detach { .. } | RemovalEffect::DeleteFunction { .. }) => {
            Some(InterfaceChange::Delete)
        }
        _ => None,
    });
    // A change of groups needs what a deletion needs, and more.
    changes.min_by_key(|change| *change == InterfaceChange::Delete)
}

/// The warnings about a change: what the role does not allow, with what that leads to, and what is not known.
pub fn warnings(function: &Function, role: &Part<RolePolicies>, change: InterfaceChange, plan: &Plan) -> Vec<String> {
    // AWS names the role of every function; an account file can leave it out.
    let Some(name) = function.role.as_deref().map(last_segment) else {
        return Vec::new();
    };
    let role = match role.read() {
        Ok(role) => role,
        Err(why) => {
            return vec![format!(
                "Could not determine whether role {name} lets Lambda change the network interfaces of function {}: {why}.",
                function.name
            )];
        }
    };
    let (subnets, groups) = match (&function.vpc, change) {
        (Some(vpc), InterfaceChange::Make | InterfaceChange::Replace) => {
            let mut groups: Vec<GroupId> = vpc.groups.iter().cloned().collect();
            groups.extend(added(plan));
            (vpc.subnets.as_slice(), groups)
        }
        _ => (&[][..], Vec::new()),
    };
    let place = Place::of(&function.arn);
    let lacks = lacks_for_change(role, change, place, subnets, &groups);
    [Verdict::NotAllowed, Verdict::Denied, Verdict::Unknown]
        .into_iter()
        .filter_map(|verdict| warning(name, &lacks, verdict, place))
        .collect()
}

/// The groups that exist and are put on the function.
fn added(plan: &Plan) -> impl Iterator<Item = GroupId> {
    plan.steps.iter().filter_map(|step| match &step.effect {
        Effect::AssociateFunction {
            group: Ref::Existing(group),
            ..
        } => Some(group.clone()),
        _ => None,
    })
}

fn warning(role: &str, lacks: &[Lack], verdict: Verdict, place: Place<'_>) -> Option<String> {
    let lacks: Vec<&Lack> = lacks.iter().filter(|lack| lack.verdict == verdict).collect();
    let first = lacks.first()?;
    let actions: Vec<&str> = lacks.iter().map(|lack| lack.action).collect();
    let actions = actions.join(", ");
    if verdict == Verdict::Unknown {
        return Some(format!(
            "Could not determine whether role {role} allows {actions}, which Lambda needs to change the function's network interfaces; this depends on {}.",
            first.by
        ));
    }
    let has = |action: &str| lacks.iter().any(|lack| lack.action == action);
    let leads_to = match (has("ec2:CreateNetworkInterface"), has("ec2:DeleteNetworkInterface")) {
        (true, _) => "AWS refuses the change, or the function fails with it",
        (false, true) => {
            "unused interfaces stay behind, and their groups and subnets cannot be deleted until you delete the interfaces"
        }
        (false, false) => "the change can fail",
    };
    let (why, fix) = match verdict {
        Verdict::Denied => (
            format!("denies {actions} (by {})", first.by),
            "remove that denial first".to_owned(),
        ),
        _ if first.is_bounded => (
            format!("does not allow {actions} ({})", first.by),
            "allow that in the permissions boundary first".to_owned(),
        ),
        _ => (
            format!("does not allow {actions}"),
            format!(
                "give it that first with `aws iam attach-role-policy --role-name {} --policy-arn {}`",
                word(role),
                word(vpc_access(place))
            ),
        ),
    };
    Some(format!(
        "Role {role} {why}, which Lambda needs to change the function's network interfaces: otherwise {leads_to}; {fix}."
    ))
}
