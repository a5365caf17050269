//! The function's timeout, compared with the time that a connection needs.
//!
//! Source: Lambda developer guide, "Configure Lambda function timeout" (3 seconds unless configured); Aurora user guide,
//! "Scaling to zero ACUs" (resuming takes about 15 seconds, and 30 or more after a day).

use super::Scene;
use crate::diagnostics::{Check, Finding};
use crate::escape::word;
use crate::model::Scaling;
use crate::preconditions::never_pauses;

/// Lambda's default, in seconds: a first connection, with its name, its TLS and its login, can take longer than that.
const DEFAULT: u32 = 3;

/// In how many seconds a paused Aurora instance has certainly resumed, except one that has paused for longer than a
/// day.
const RESUMES_IN: u32 = 15;

/// What is advised.
const ADVISED: u32 = 60;

/// None where neither the timeout nor the capacity was read.
pub(super) fn check(scene: &Scene) -> Option<Check> {
    let function = &scene.function;
    let name = &function.name;
    let database = &scene.database;
    let pauses = database.access.scaling.as_ref().is_some_and(Scaling::pauses);
    let mut findings = Vec::new();
    let mut evidence = Vec::new();
    let raise = |findings: &mut Vec<Finding>, text: String| {
        findings.push(Finding::warn(text).fixed_by(format!(
            "aws lambda update-function-configuration --function-name {} --timeout {ADVISED}",
            word(name)
        )));
    };
    let timeout = function.timeout;
    if let Some(seconds) = timeout {
        evidence.push(format!("function {name}: Timeout {seconds} s"));
    }
    let through = scene
        .proxy
        .as_ref()
        .and_then(|proxy| never_pauses(database, &proxy.name));
    match (through, pauses, timeout) {
        (Some(text), ..) => findings.push(Finding::warn(text.trim_end_matches('.'))),
        (None, true, Some(seconds)) if seconds <= RESUMES_IN => raise(
            &mut findings,
            format!(
                "function {name} times out after {seconds} s, and {database}, whose minimum capacity is 0 ACUs, pauses when nobody is connected: resuming takes about {RESUMES_IN} s, and 30 s or more after a day"
            ),
        ),
        (None, true, Some(_)) => evidence.push(format!(
            "{database} pauses when nobody is connected: resuming takes about {RESUMES_IN} s, and 30 s or more after a day"
        )),
        (None, true, None) => findings.push(Finding::warn(format!(
            "{database}, whose minimum capacity is 0 ACUs, pauses when nobody is connected: resuming takes about {RESUMES_IN} s, and the timeout of function {name} was not read"
        ))),
        (None, false, _) => {}
    }
    if let Some(seconds) = timeout.filter(|seconds| *seconds <= DEFAULT && findings.is_empty()) {
        raise(
            &mut findings,
            format!(
                "function {name} times out after {seconds} s: its first connection, with a cold start, TLS and a login, can take longer"
            ),
        );
    }
    if findings.is_empty() && evidence.is_empty() {
        return None;
    }
    Some(Check::of(
        "timeout",
        "the function's timeout leaves time to connect",
        evidence,
        findings,
    ))
}
