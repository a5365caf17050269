//! What the end of `setup`, and its plan, say of the path from the function to the database.

use anstyle::AnsiColor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::style::{Style, line};
use crate::diagnostics::connection::{Diagnosis, blocks, diagnose_command};
use crate::diagnostics::{Check, Status};
use crate::model::Observation;
use crate::plan::health;

/// How many lines of a check's remedy are shown before the rest is only counted.
const REMEDIES: usize = 4;

/// The checks of `diagnose`, as `setup` made them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiagnosisEntry {
    /// The worst status of the checks: `pass`, `warn`, `unknown` or `fail`, in this order.
    pub verdict: Status,
    /// The checks. Of a plan that was not carried out: without those that its steps decide, such as `security-groups`.
    pub checks: Vec<Check>,
}

impl From<&Diagnosis> for DiagnosisEntry {
    fn from(diagnosis: &Diagnosis) -> Self {
        Self {
            verdict: diagnosis.verdict,
            checks: diagnosis.checks.clone(),
        }
    }
}

/// The command that makes all checks of a connection.
fn command_of(observation: &Observation) -> String {
    diagnose_command(&observation.database, &observation.function, observation.proxy.as_ref())
}

/// What blocks the path although the plan is carried out, and what could not be checked, before the user is asked. Nothing
/// where there is neither.
pub fn before(text: &mut String, path: &Diagnosis, observation: &Observation) {
    let unknown: Vec<&Check> = of_status(path, Status::Unknown).collect();
    let is_blocked = blocks(path).next().is_some();
    if is_blocked {
        let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        line(text, "");
        line(
            text,
            &format!("{red}The path is blocked{red:#}, and these steps do not open it:"),
        );
        tell_blocks(text, path);
    }
    if !unknown.is_empty() {
        line(text, "");
        line(text, "It is not known whether anything else blocks the path:");
        for check in unknown {
            line(text, &format!("  unknown  {}: {}", check.id, check.message));
        }
    }
    if is_blocked {
        tell_command(text, observation);
    }
}

/// Whether the path is open, as far as it could be read, and what is not known of it.
pub fn open(text: &mut String, path: &Diagnosis, observation: &Observation) {
    let passed: Vec<&str> = of_status(path, Status::Pass).map(|check| check.id.as_str()).collect();
    let unknown: Vec<&Check> = of_status(path, Status::Unknown).collect();
    let warned: Vec<&Check> = of_status(path, Status::Warn).collect();
    let how_far = if unknown.is_empty() {
        ""
    } else {
        ", as far as it could be read"
    };
    line(text, &format!("The path is open{how_far}: {} pass.", passed.join(", ")));
    for check in unknown.iter().chain(&warned) {
        line(text, &format!("  {:<7}  {}: {}", check.status, check.id, check.message));
    }
    if !unknown.is_empty() || !warned.is_empty() {
        line(text, &format!("See `{}`.", command_of(observation)));
    }
}

/// What stands in the way of a connection whose groups are in place, as this says.
pub fn incomplete(text: &mut String, lead: &str, path: Option<&Diagnosis>, observation: &Observation) {
    let Observation {
        database,
        function,
        proxy,
        ..
    } = observation;
    let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    let blocked = match proxy {
        Some(proxy) if !proxy.reaches(database) => format!("proxy {} does not reach {database}", proxy.name),
        _ => format!("function {} does not reach {database}", function.name),
    };
    line(text, &format!("{red}Incomplete{red:#}: {lead}, but {blocked}."));
    let is_told = path.is_some_and(|path| {
        tell_blocks(text, path);
        blocks(path).any(|check| check.id == "state")
    });
    if let Some(health) = health(observation).filter(|_| !is_told) {
        line(text, &format!("  {health}"));
    }
    tell_command(text, observation);
}

fn of_status(path: &Diagnosis, status: Status) -> impl Iterator<Item = &Check> {
    path.checks.iter().filter(move |check| check.status == status)
}

fn tell_blocks(text: &mut String, path: &Diagnosis) {
    let red = Style::new().fg_color(Some(AnsiColor::Red.into()));
    for check in blocks(path) {
        line(text, &format!("  {red}fail{red:#}  {}: {}", check.id, check.message));
        let remedies: Vec<&str> = check.remedy.iter().flat_map(|remedy| remedy.lines()).collect();
        for remedy in remedies.iter().take(REMEDIES) {
            line(text, &format!("          {remedy}"));
        }
        if let more @ 1.. = remedies.len().saturating_sub(REMEDIES) {
            line(text, &format!("          and {more} more"));
        }
    }
}

fn tell_command(text: &mut String, observation: &Observation) {
    // What is still to be made cannot be looked at.
    if observation.function.exists && observation.proxy.as_ref().is_none_or(|proxy| proxy.exists) {
        line(
            text,
            &format!("All checks and remedies: `{}`.", command_of(observation)),
        );
    }
}
