//! What blocks the path of a connection that `setup` is about to create, and is not fixed by its steps.

use super::{Asker, Diagnosis, Scene, ask, diagnose_connection, headline};
use crate::diagnostics::{Check, Status, verdict};
use crate::model::network::Part;
use crate::model::{Database, FunctionState, Proxy, Side};
use crate::plan::{Effect, Plan, StepStatus};
use crate::reachability::leg::LegReport;

/// The checks that a plan's groups decide.
const OF_GROUPS: &str = "security-groups";

/// Whether the function reaches the database: nothing that was read stands in the way, and the proxy between them reaches it.
pub fn is_open(diagnosis: Option<&Diagnosis>, database: &Database, proxy: Option<&Proxy>) -> bool {
    let is_reached = proxy.is_none_or(|proxy| proxy.reaches(database));
    is_reached && diagnosis.is_none_or(|diagnosis| blocks(diagnosis).next().is_none())
}

/// The checks that failed.
pub fn blocks(diagnosis: &Diagnosis) -> impl Iterator<Item = &Check> {
    diagnosis.checks.iter().filter(|check| check.status == Status::Fail)
}

/// The checks as they will be once this plan is carried out, without those that its steps decide. Without steps these are
/// the checks as they are.
pub fn outlook(mut scene: Scene, plan: &Plan) -> Diagnosis {
    let planned = || plan.steps.iter().filter(|step| step.status == StepStatus::Planned);
    if planned().next().is_none() {
        return diagnose_connection(&scene);
    }
    let now = diagnose_connection(&scene);
    let registers = planned().any(|step| matches!(step.effect, Effect::RegisterTarget { .. }));
    let is_cut = now
        .legs
        .iter()
        .any(|leg| leg.from.side == Side::Proxy && is_by_groups(leg));
    // The proxy tries again once it has its groups and its target.
    let tries_anew = registers || is_cut || scene.proxy.as_ref().is_some_and(|proxy| !proxy.exists);
    if tries_anew {
        scene.targets = Part::Unread("the proxy tries again once the plan is applied".to_owned());
    }
    if let Some(proxy) = scene.proxy.as_mut().filter(|proxy| !proxy.exists) {
        "available".clone_into(&mut proxy.status);
        proxy.subnets.clone_from(&scene.database.subnets);
    }
    if !scene.function.exists {
        scene.function.state = FunctionState::Active;
    }
    let grants = planned().any(|step| {
        matches!(
            step.effect,
            Effect::PutRolePolicy { .. } | Effect::AttachRolePolicy { .. }
        )
    });
    let is_decided = |check: &Check| match check.id.as_str() {
        OF_GROUPS => true,
        "execution-role" | "iam-auth" => grants || !scene.function.exists,
        // Nothing but what the proxy will find is not known.
        "state" => tries_anew && check.status == Status::Unknown,
        _ => false,
    };
    let moves = planned().any(|step| step.effect.associates() == Some(Side::Function));
    let Diagnosis { mut checks, legs, .. } = ask(&scene, Asker::Setup { moves });
    checks.retain(|check| !is_decided(check));
    Diagnosis {
        headline: headline(&scene, &checks, &legs),
        verdict: verdict(&checks),
        checks,
        legs,
    }
}

fn is_by_groups(leg: &LegReport) -> bool {
    leg.broken_by.contains(OF_GROUPS)
}
