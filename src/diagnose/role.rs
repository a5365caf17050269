//! The function's execution role: whether Lambda may manage its network interfaces with it.
//!
//! Source: spec/network.md, `diagnose` 7; spec/lambda-vpc.md, "Execution role".

use super::Scene;
use crate::check::{Check, Finding};
use crate::model::{Place, last_segment};
use crate::policy::{Verdict, lacks, vpc_access};

pub(super) fn check(scene: &Scene) -> Check {
    const ID: &str = "execution-role";
    let function = &scene.function;
    let (Some(arn), Some(vpc)) = (&function.role, &function.vpc) else {
        let finding = Finding::unknown(format!("the execution role of function {} is not told", function.name));
        return Check::of(ID, "", Vec::new(), vec![finding]);
    };
    let policies = match scene.policies.read() {
        Ok(policies) => policies,
        Err(why) => {
            let finding = Finding::unknown(format!("what {arn} may do is not known: {why}"));
            return Check::of(ID, "", Vec::new(), vec![finding]);
        }
    };
    let place = Place::of(&function.arn);
    let groups: Vec<_> = vpc.groups.iter().cloned().collect();
    let lacks = lacks(policies, place, &vpc.subnets, &groups);
    let actions = |wanted: &dyn Fn(Verdict) -> bool| -> Vec<&str> {
        let lacking = lacks.iter().filter(|lack| wanted(lack.verdict));
        lacking.map(|lack| lack.action).collect()
    };
    let mut findings = Vec::new();
    let missing = actions(&|verdict| verdict == Verdict::NotAllowed);
    let denied = actions(&|verdict| verdict == Verdict::Denied);
    let unclear = actions(&|verdict| verdict == Verdict::Unknown);
    if !missing.is_empty() {
        let remedy = format!(
            "aws iam attach-role-policy --role-name {} --policy-arn {}",
            last_segment(arn),
            vpc_access(place)
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
    if !findings.is_empty() {
        findings[0].text += ": Lambda needs this to make and to keep the function's network interfaces";
    }
    Check::of(
        ID,
        "the role may manage network interfaces",
        vec![arn.clone()],
        findings,
    )
}
