//! `setup --manifest` as a Lambda function: a saved plan, or the connections of the event, a shard at a time.
//!
//! Source: docs/manifest.md, "On Lambda".

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use super::LARGEST_ANSWER;
use crate::aws::{Configuration, Object, object};
use crate::batch::{self, AccountSource, Listener, Passwords, Run};
use crate::cli::{check_setup, run_of_listed, run_of_plan};
use crate::escape::to_json;
use crate::interrupt::Interrupt;
use crate::monitor::{Applied, Event, PlanObject, Unreachable};
use crate::report::{ApplyAnswer, BatchDocument, BatchEvent, BatchEventKind, NotApplied, Report, SavedPlan};

/// How long before Lambda ends the function its connections are to end at their next safe point.
const MARGIN: Duration = Duration::from_mins(1);

/// How many connections the error of a call names.
const MOST_TOLD: usize = 10;

/// Applies what an event asks for; none if it only looks.
pub async fn apply(event: Event, deadline: SystemTime) -> Result<Option<ApplyAnswer>, Report> {
    let shard = event.shard;
    let asked = event.applied(&check_setup).map_err(|error| match error {
        crate::manifest::ManifestError::Mistaken { ref whence, .. } if whence != "connections" => {
            Report::new("event", &error, Some(super::event_hint()))
        }
        error => Report::from(&error),
    })?;
    let Some(asked) = asked else { return Ok(None) };
    let (mut run, saved) = match asked {
        Applied::Plan(place) => {
            let plan = plan_at(&place).await?;
            let run = run_of_plan(&plan, &place.to_string()).map_err(|report| *report)?;
            (run, Some(plan))
        }
        Applied::Listed { listed, prune } => (run_of_listed(listed, prune).map_err(|report| *report)?, None),
    };
    if let (Some(planned), Some(shard)) = (run.shard, shard.filter(|shard| run.shard != Some(*shard))) {
        let error = io::Error::other(format!("shard: the plan is of shard {planned}, and this is {shard}"));
        return Err(Report::new("event", &error, Some(super::event_hint())));
    }
    run.shard = shard.or(run.shard);
    let (trigger, interrupt) = Interrupt::new();
    let timer = tokio::spawn(async move {
        match deadline.duration_since(SystemTime::now()) {
            Ok(left) => tokio::time::sleep(left.saturating_sub(MARGIN)).await,
            // An emulator has none.
            Err(_) => std::future::pending().await,
        }
        trigger.raise();
    });
    let ended = carry_out(run, saved.as_ref(), &interrupt).await;
    timer.abort();
    ended.map(Some)
}

async fn plan_at(place: &PlanObject) -> Result<SavedPlan, Report> {
    let named = Object {
        bucket: &place.bucket,
        key: &place.key,
        version: place.version.as_deref(),
    };
    // The SDK's futures are large, and are kept off the stack.
    let content = Box::pin(object(&Configuration::default(), named, SavedPlan::LARGEST)).await;
    let content = content.map_err(|error| {
        let report = Report::from(&Unreachable::from(&error));
        let error = io::Error::other(format!("cannot read the plan {place}: {}", report.body.message));
        Report::new(&report.body.code, &error, report.body.hint)
    })?;
    SavedPlan::of_content(&content, &place.to_string()).map_err(|error| Report::from(&error))
}

async fn carry_out(run: Run, saved: Option<&SavedPlan>, interrupt: &Interrupt) -> Result<ApplyAnswer, Report> {
    let ready = Box::pin(run.plan(&AccountSource::default(), saved, interrupt)).await;
    let ready = ready.map_err(|report| *report)?;
    if let Some(first) = ready.creating_secrets().first() {
        let error = io::Error::other(format!(
            "{first}: its secret would be created, and nobody can enter its password on Lambda"
        ));
        let hint = "nothing was written: create the secret and name it as `secret`, or run setup --manifest elsewhere";
        return Err(Report::new("db-password-missing", &error, Some(hint.to_owned())));
    }
    let (ended, calls) = Box::pin(ready.apply(&Passwords::new(), &Log, interrupt)).await;
    let answer = ApplyAnswer::new(&BatchDocument::new(&ended, false, calls), LARGEST_ANSWER);
    if answer.is_whole() {
        return Ok(answer);
    }
    log(&answer);
    Err(unapplied(&answer))
}

/// Writes each event to the log of the function.
struct Log;

impl Listener for Log {
    fn tell(&self, _: usize, name: &str, event: batch::Event<'_>) {
        if let Some(event) = BatchEventKind::of(name, event) {
            log(&BatchEvent::now(name, event));
        }
    }
}

/// A log that cannot be written does not end a run that writes.
fn log(line: &impl serde::Serialize) {
    if let Ok(line) = to_json(line) {
        let _ = writeln!(io::stdout(), "{line}");
    }
}

/// Why a call is an error although it has tried everything.
fn unapplied(answer: &ApplyAnswer) -> Report {
    let left = answer.summary.incomplete + answer.summary.failed;
    let all = left + answer.summary.applied + answer.summary.unchanged;
    let in_words = |connection: &NotApplied| match &connection.error {
        Some(error) => format!("{}: [{}] {}", connection.name, error.code, error.message),
        None => format!("{}: incomplete", connection.name),
    };
    let mut told: Vec<String> = answer.not_applied.iter().take(MOST_TOLD).map(in_words).collect();
    if left > told.len() {
        told.push(format!("and {} more", left - told.len()));
    }
    let message = format!(
        "{left} of {all} connections are not as they should be: {}",
        told.join("; ")
    );
    let hint = "the same call again does only what is missing; the log has all of them".to_owned();
    Report::new("unapplied", &io::Error::other(message), Some(hint))
}
