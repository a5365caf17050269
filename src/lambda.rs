//! `drift`, and `setup --manifest`, as a Lambda function: this binary, named `bootstrap`, called by a schedule or by Step
//! Functions.
//!
//! Source: docs/drift.md, "On AWS itself". A function keeps no state between two calls, so it cannot report
//! changes: it logs its findings, and an alarm on its metrics reports when they change.

mod apply;
mod metrics;

pub use metrics::embedded;

use std::env;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use tokio::runtime;
use tokio::time::Instant;

use crate::aws::Configuration;
use crate::drift::Verdict;
use crate::escape::{plain, to_json};
use crate::interrupt::Interrupt;
use crate::logging::{self, LogFormat};
use crate::monitor::{Bounds, Event, OnAws, RepairResult, Repairs, Round, Shard, Wanted, Ways, patrol};
use crate::report::{Answer, ConnectionDrift, DriftAnswer, Report};

/// Step Functions takes 256 KiB for an answer.
const LARGEST_ANSWER: usize = 200 * 1024;

/// How long one repair may wait: the function itself is ended after 15 minutes at the latest. The next call goes on with
/// what was not finished.
const REPAIR_TIMEOUT: Duration = Duration::from_mins(4);

/// Whether Lambda has started this process as a function, and nobody a command.
pub fn is_function() -> bool {
    env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() && env::args_os().len() == 1
}

/// Answers calls until Lambda ends the process.
pub fn run() -> ExitCode {
    logging::start(0, false, LogFormat::Json, false);
    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return ended(&error),
    };
    // The SDK's futures are large, and are kept off the stack.
    let handler = service_fn(|event: LambdaEvent<Value>| Box::pin(async { answer(event).await.map_err(Failed) }));
    match runtime.block_on(lambda_runtime::run(handler)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ended(error.as_ref()),
    }
}

fn ended(error: &dyn std::error::Error) -> ExitCode {
    tracing::error!("the function has ended: {error}");
    ExitCode::FAILURE
}

/// One call: a look, or a run that sets connections up.
async fn answer(call: LambdaEvent<Value>) -> Result<Answer, Report> {
    let event: Event = serde_path_to_error::deserialize(call.payload).map_err(|error| unusable(&error))?;
    match apply::apply(event.clone(), call.context.deadline()).await? {
        Some(answer) => Ok(Answer::Apply(answer)),
        None => drift(event, &call.context.env_config.function_name)
            .await
            .map(Answer::Drift),
    }
}

/// One look: its connections that are not in sync and its metrics go to the log.
async fn drift(event: Event, function: &str) -> Result<DriftAnswer, Report> {
    let started = Instant::now();
    let (shard, allow_unknown) = (event.shard, event.allow_unknown);
    let repair = event.repair.clone();
    let wanted = event.wanted().map_err(|error| Report::from(&error))?;
    let accounts = OnAws(Configuration::default());
    let found = patrol(&accounts, &wanted, shard, &[]).await;
    let found = found.map_err(|error| Report::from(&error))?;
    let found = match repair {
        Some(bounds) => repaired(&accounts, found, &wanted, shard, &bounds).await?,
        None => found,
    };
    let metrics = metrics::embedded(function, &found, started.elapsed(), SystemTime::now());
    log(&found, &metrics).map_err(|error| Report::new("output", &error, None))?;
    match found.exit_status(allow_unknown) {
        1 if found.repairs(RepairResult::Failed) > 0 => Err(unrepaired(&found)),
        1 => Err(unjudged(&found)),
        _ => Ok(DriftAnswer::new(&found, LARGEST_ANSWER)),
    }
}

/// Repairs what a look has found, and looks again.
async fn repaired(
    accounts: &OnAws,
    mut found: Round,
    wanted: &Wanted,
    shard: Option<Shard>,
    bounds: &Bounds,
) -> Result<Round, Report> {
    let interrupt = Interrupt::never();
    let ways = Ways {
        bounds,
        timeout: REPAIR_TIMEOUT,
        interrupt: &interrupt,
    };
    let mut repairs = Repairs::plan(accounts, &found, ways).await;
    if repairs.planned().next().is_none() {
        repairs.tell_in(&mut found);
        return Ok(found);
    }
    repairs.carry_out(accounts, &found, ways, &|_| ()).await;
    match patrol(accounts, wanted, shard, &[]).await {
        Ok(mut after) => {
            repairs.tell(&found, &mut after);
            Ok(after)
        }
        Err(error) => {
            // What was repaired is in the log, though the call fails.
            repairs.tell_in(&mut found);
            log(&found, &Value::Null).map_err(|error| Report::new("output", &error, None))?;
            Err(Report::from(&error))
        }
    }
}

fn log(found: &Round, metrics: &Value) -> io::Result<()> {
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    for judged in found.told() {
        writeln!(stdout, "{}", to_json(&ConnectionDrift::new(judged))?)?;
    }
    if !metrics.is_null() {
        writeln!(stdout, "{metrics}")?;
    }
    stdout.flush()
}

fn unusable(error: &serde_path_to_error::Error<serde_json::Error>) -> Report {
    Report::new("event", error, Some(event_hint()))
}

fn event_hint() -> String {
    "`autoconnect schema event` prints the JSON Schema of the event".to_owned()
}

/// Why a look is an error although it has ended.
fn unjudged(found: &Round) -> Report {
    let mut unknown = found
        .not_in_sync()
        .filter(|judged| judged.judgement.verdict == Verdict::Unknown);
    let first = unknown.next().map(|judged| {
        let why = judged
            .judgement
            .findings
            .first()
            .map(|finding| finding.message.as_str());
        format!("{}: {}", judged.name, why.unwrap_or_default())
    });
    let message = format!(
        "{} of {} connections could not be judged; the first is {}",
        found.count(Verdict::Unknown),
        found.judged.len(),
        first.unwrap_or_default()
    );
    let hint = "with \"allow_unknown\": true in its event, the function does not fail for that".to_owned();
    Report::new("unjudged", &io::Error::other(message), Some(hint))
}

/// Why a call is an error although all could be judged.
fn unrepaired(found: &Round) -> Report {
    let mut repairs = found.judged.iter().filter_map(|judged| {
        let repair = judged
            .repair
            .as_ref()
            .filter(|repair| repair.result == RepairResult::Failed)?;
        Some(format!(
            "{}: {}",
            judged.name,
            repair.reason.as_deref().unwrap_or_default()
        ))
    });
    let first = repairs.next().unwrap_or_default();
    let count = found.repairs(RepairResult::Failed);
    let message = format!("{count} repairs have failed; the first is {first}");
    let hint = "the next call goes on with them; the log has all of them".to_owned();
    Report::new("unrepaired", &io::Error::other(message), Some(hint))
}

/// A call that failed, as Lambda reports it.
struct Failed(Report);

/// As the runtime logs it.
impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = &self.0.body;
        write!(f, "error[{}]: {}", body.code, plain(&body.message))
    }
}

impl From<Failed> for Diagnostic {
    fn from(Failed(report): Failed) -> Self {
        let body = report.body;
        let hint = body.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        Self {
            error_type: body.code,
            error_message: body.message + &hint,
        }
    }
}
