//! The function's execution role: whether Lambda may manage its network interfaces with it.
//!
//! Source: the check `execution-role` of docs/network.md; docs/attaching.md, "Execution role".

use super::{Scene, has_interfaces};
use crate::diagnostics::{Check, Finding, Status};
use crate::escape::word;
use crate::model::{Place, last_segment};
use crate::policy::{
    Effect, LAMBDA, Lack, NOT_READ, PolicyDocument, Principal, RolePolicies, Statement, Texts, Verdict, lacks,
    trust_also, vpc_access,
};

const ID: &str = "execution-role";

/// What is said of a role that Lambda may not assume.
pub(super) const NOT_TRUSTED: &str = "does not trust";

pub(super) fn check(scene: &Scene) -> Check {
    let function = &scene.function;
    let (Some(arn), Some(vpc)) = (&function.role, &function.vpc) else {
        let finding = Finding::unknown(format!("the execution role of function {} is not known", function.name));
        return Check::of(ID, "", Vec::new(), vec![finding]);
    };
    let place = Place::of(&function.arn);
    let groups: Vec<_> = vpc.groups.iter().cloned().collect();
    let mut untrusted = None;
    let findings = match scene.policies.read() {
        Ok(policies) => {
            let lacks = lacks(policies, place, &vpc.subnets, &groups);
            untrusted = of_trust(arn, policies);
            let purpose = "Lambda needs this to create and keep the function's network interfaces";
            lacking(arn, &lacks, purpose, &|_| attach_policy(arn, &vpc_access(place)))
        }
        Err(why) => vec![not_read(arn, why)],
    };
    let passed = "the role may manage network interfaces";
    let is_trusted = untrusted.is_none();
    let findings = untrusted.into_iter().chain(findings).collect();
    let mut check = Check::of(ID, passed, vec![arn.clone()], findings).noting(NOT_READ);
    // The guide: a function whose interface exists is invoked also without these permissions.
    if is_trusted && has_interfaces(function) && check.status == Status::Fail {
        check.status = Status::Warn;
        check.message = format!(
            "{}; the function's network interface exists, so it can still be invoked",
            check.message
        );
    }
    check
}

/// That Lambda may not assume the role, as far as its trust policy shows: no permission counts then, and no invocation
/// succeeds.
fn of_trust(arn: &str, policies: &RolePolicies) -> Option<Finding> {
    let trusted = policies.trust.as_deref()?;
    // Conditions and patterns of actions are not looked into: whom a statement names is enough for doubt.
    let may_be_for_lambda = |statement: &Statement| {
        let is_for = match &statement.principal {
            Some(Principal::Of(principals)) => {
                let mut services = principals.get("Service").into_iter().flat_map(Texts::iter);
                services.any(|service| service == LAMBDA)
            }
            Some(Principal::Everyone(_)) | None => true,
        };
        is_for && statement.effect == Effect::Allow
    };
    let document = PolicyDocument::read(trusted).ok()?;
    // AWS has no role without a statement: a file that has one does not show whom the role trusts.
    let is_trusted = document.statement.is_empty() || document.statement.iter().any(may_be_for_lambda);
    let text = format!("{arn} {NOT_TRUSTED} {LAMBDA}: no invocation of the function succeeds");
    let remedy = format!(
        "aws iam update-assume-role-policy --role-name {} --policy-document {}",
        word(last_segment(arn)),
        word(trust_also(trusted, LAMBDA))
    );
    (!is_trusted).then(|| Finding::fail(text).fixed_by(remedy))
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
