//! The function's execution role: whether Lambda may manage its network interfaces with it.
//!
//! Source: spec/network.md, `diagnose` 7; spec/lambda-vpc.md, "Execution role".

use super::Scene;
use crate::check::{Check, Finding, Status};
use crate::escape::word;
use crate::model::network::Part;
use crate::model::{FunctionState, LastUpdateStatus, Place, last_segment};
use crate::policy::{Lack, PolicyDocument, Verdict, lacks, vpc_access};

const ID: &str = "execution-role";

pub(super) fn check(scene: &Scene) -> Check {
    let function = &scene.function;
    let (Some(arn), Some(vpc)) = (&function.role, &function.vpc) else {
        let finding = Finding::unknown(format!("the execution role of function {} is not known", function.name));
        return Check::of(ID, "", Vec::new(), vec![finding]);
    };
    let place = Place::of(&function.arn);
    let groups: Vec<_> = vpc.groups.iter().cloned().collect();
    let wanted = Wanted {
        lacks: &|policies| lacks(policies, place, &vpc.subnets, &groups),
        policy: vpc_access(place),
        passed: "the role may manage network interfaces",
        purpose: "Lambda needs this to make and to keep the function's network interfaces",
    };
    let mut check = of_role(arn, &scene.policies, &wanted);
    // The guide: a function whose interface exists is invoked also without these permissions.
    let has_interface = function.state == FunctionState::Active
        && matches!(function.last_update, None | Some(LastUpdateStatus::Successful));
    if has_interface && check.status == Status::Fail {
        check.status = Status::Warn;
        check.message = format!(
            "{}; the function's network interface exists, so that it is still invoked",
            check.message
        );
    }
    check
}

/// What a role has to allow.
pub(crate) struct Wanted<'w> {
    /// What policies lack of it.
    pub lacks: &'w dyn Fn(&[PolicyDocument]) -> Vec<Lack>,
    /// The ARN of a policy that has all of it.
    pub policy: String,
    /// What is said where nothing is lacking.
    pub passed: &'w str,
    /// What it is for.
    pub purpose: &'w str,
}

/// Whether a role with these policies allows what is wanted of it.
pub(crate) fn of_role(arn: &str, policies: &Part<Vec<PolicyDocument>>, wanted: &Wanted<'_>) -> Check {
    let policies = match policies.read() {
        Ok(policies) => policies,
        Err(why) => {
            let finding = Finding::unknown(format!("what {arn} may do is not known: {why}"));
            return Check::of(ID, "", Vec::new(), vec![finding]);
        }
    };
    let lacks = (wanted.lacks)(policies);
    let actions = |verdict: Verdict| -> Vec<&str> {
        let lacking = lacks.iter().filter(|lack| lack.verdict == verdict);
        lacking.map(|lack| lack.action).collect()
    };
    let mut findings = Vec::new();
    let (missing, denied) = (actions(Verdict::NotAllowed), actions(Verdict::Denied));
    let unclear = actions(Verdict::Unknown);
    if !missing.is_empty() {
        let remedy = format!(
            "aws iam attach-role-policy --role-name {} --policy-arn {}",
            word(last_segment(arn)),
            word(&wanted.policy)
        );
        findings.push(Finding::fail(format!("{arn} does not allow {}", missing.join(", "))).mended_by(remedy));
    }
    if !denied.is_empty() {
        let remedy = format!("take out of the policies of {arn} what denies {}", denied.join(", "));
        findings.push(Finding::fail(format!("{arn} denies {}", denied.join(", "))).mended_by(remedy));
    }
    if !unclear.is_empty() {
        let text = format!("whether {arn} allows {} depends on conditions", unclear.join(", "));
        findings.push(Finding::unknown(text));
    }
    if let Some(first) = findings.first_mut() {
        first.text = format!("{}: {}", first.text, wanted.purpose);
    }
    Check::of(ID, wanted.passed, vec![arn.to_owned()], findings)
}
