//! The function's execution role: whether Lambda may manage its network interfaces with it.
//!
//! Source: the check `execution-role` of docs/network.md; docs/attaching.md, "Execution role".

use super::Scene;
use crate::diagnostics::{Check, Finding, Status};
use crate::escape::word;
use crate::model::{FunctionState, LastUpdateStatus, Place, last_segment};
use crate::policy::{Lack, NOT_READ, Verdict, lacks, vpc_access};

const ID: &str = "execution-role";

pub(super) fn check(scene: &Scene) -> Check {
    let function = &scene.function;
    let (Some(arn), Some(vpc)) = (&function.role, &function.vpc) else {
        let finding = Finding::unknown(format!("the execution role of function {} is not known", function.name));
        return Check::of(ID, "", Vec::new(), vec![finding]);
    };
    let place = Place::of(&function.arn);
    let groups: Vec<_> = vpc.groups.iter().cloned().collect();
    let findings = match scene.policies.read() {
        Ok(policies) => {
            let lacks = lacks(policies, place, &vpc.subnets, &groups);
            let purpose = "Lambda needs this to create and keep the function's network interfaces";
            lacking(arn, &lacks, purpose, &|_| attach_policy(arn, &vpc_access(place)))
        }
        Err(why) => vec![not_read(arn, why)],
    };
    let passed = "the role may manage network interfaces";
    let mut check = Check::of(ID, passed, vec![arn.clone()], findings).noting(NOT_READ);
    // The guide: a function whose interface exists is invoked also without these permissions.
    let has_interface = function.state == FunctionState::Active
        && matches!(function.last_update, None | Some(LastUpdateStatus::Successful));
    if has_interface && check.status == Status::Fail {
        check.status = Status::Warn;
        check.message = format!(
            "{}; the function's network interface exists, so it can still be invoked",
            check.message
        );
    }
    check
}

/// A role whose policies could not be read.
pub(crate) fn not_read(arn: &str, why: &str) -> Finding {
    Finding::unknown(format!("the permissions of {arn} are not known: {why}"))
}

/// The command that attaches a policy to a role.
pub(crate) fn attach_policy(role: &str, policy: &str) -> String {
    format!(
        "aws iam attach-role-policy --role-name {} --policy-arn {}",
        word(last_segment(role)),
        word(policy)
    )
}

/// What a role lacks, as findings: one for what no policy allows, one for what its boundary does not, one for what is
/// denied and one for what is not known. `gives` is the command that gives it the first.
pub(crate) fn lacking(arn: &str, lacks: &[Lack], purpose: &str, gives: &dyn Fn(&[&Lack]) -> String) -> Vec<Finding> {
    let with = |wanted: &dyn Fn(&Lack) -> bool| -> Vec<&Lack> { lacks.iter().filter(|lack| wanted(lack)).collect() };
    let is_missing = |lack: &Lack| lack.verdict == Verdict::NotAllowed;
    let missing = with(&|lack| is_missing(lack) && !lack.is_bounded);
    let bounded = with(&|lack| is_missing(lack) && lack.is_bounded);
    let denied = with(&|lack| lack.verdict == Verdict::Denied);
    let unclear = with(&|lack| lack.verdict == Verdict::Unknown);
    let mut findings = Vec::new();
    if !missing.is_empty() {
        let text = format!("{arn} does not allow {}", named(&missing));
        findings.push(Finding::fail(text).fixed_by(gives(&missing)));
    }
    if let Some(first) = bounded.first() {
        let text = format!("{arn} does not allow {}, since {}", named(&bounded), first.by);
        let remedy = format!("allow {} in the permissions boundary of {arn}", named(&bounded));
        findings.push(Finding::fail(text).fixed_by(remedy));
    }
    if let Some(first) = denied.first() {
        let text = format!("{arn} denies {} by {}", named(&denied), first.by);
        let remedy = format!(
            "change the policies of {arn} so that they do not deny {}",
            named(&denied)
        );
        findings.push(Finding::fail(text).fixed_by(remedy));
    }
    if let Some(first) = unclear.first() {
        findings.push(Finding::unknown(format!(
            "could not determine whether {arn} allows {}; this depends on {}",
            named(&unclear),
            first.by
        )));
    }
    if let Some(first) = findings.first_mut() {
        first.text = format!("{}: {purpose}", first.text);
    }
    findings
}

fn named(lacks: &[&Lack]) -> String {
    let actions: Vec<&str> = lacks.iter().map(|lack| lack.action).collect();
    actions.join(", ")
}
