//! `autoconnect drift`: whether connections are still as `setup` would leave them, once or on a schedule.

mod repairing;
mod schedule;
mod sources;
mod telling;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use tokio::time::Instant;

use super::arguments::{FunctionName, ProxyChoice, parse_cluster, parse_function, parse_instance, parse_timeout};
use super::global::{Global, Output};
use super::output::{fail, print, print_json};
use super::session::{AccountsWork, interrupted_reading, no_connections, on_accounts};
use super::{Ending, for_people};
use crate::escape::to_json;
use crate::estate::Connection;
use crate::interrupt::Interrupt;
use crate::manifest;
use crate::model::{DatabaseKind, last_segment};
use crate::monitor::{
    Accounts, Entry, FailedLook, How, Notify, Place, Round, Run, Shard, State, Wanted, patrol, write_metrics,
};
use crate::naming::created;
use crate::report::{ConnectionDrift, Document, DriftDocument, FailedLookNotice, Report, drift_text, timestamp};
use repairing::RepairArgs;
pub use sources::{SourceArgs, Sourced};
use telling::not_told;

const EXAMPLES: &str = "\
Check every connection of the account and Region:
  autoconnect drift
Check the connections of a file, and show what a repair would change:
  autoconnect drift --manifest connections.toml --repair --dry-run
Keep checking, and send what is new to an event bus:
  autoconnect drift --every 15m --state-file drift.json \\
      --notify eventbridge:alarms";

/// Options of `drift`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Drift {
    /// The connections to look at, in TOML, YAML or JSON (see docs/manifest.md)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cluster", "instance", "function", "proxy"])]
    manifest: Option<PathBuf>,
    /// The Aurora or Multi-AZ DB cluster: its identifier or ARN
    #[arg(long, value_name = "CLUSTER", conflicts_with = "instance", requires = "function", value_parser = parse_cluster)]
    cluster: Option<String>,
    /// The DB instance (not a cluster's member): its identifier or ARN
    #[arg(long, value_name = "INSTANCE", requires = "function", value_parser = parse_instance)]
    instance: Option<String>,
    /// The Lambda function: a name, a partial or a full ARN; may be repeated
    #[arg(long, value_name = "F", value_parser = parse_function)]
    function: Vec<FunctionName>,
    /// The RDS Proxy between them
    #[arg(long, value_name = "none|NAME|new[:NAME]", default_value = "none")]
    proxy: ProxyChoice,
    /// Process only shard N of M
    #[arg(long, value_name = "N/OF")]
    shard: Option<Shard>,
    /// Do not fail if a connection cannot be judged
    #[arg(long)]
    allow_unknown: bool,
    /// Fail if no connection is found
    #[arg(long)]
    fail_on_empty: bool,
    /// Accept a manifest without connections
    #[arg(long, requires = "manifest", conflicts_with_all = ["cluster", "instance"])]
    allow_empty: bool,
    /// Repeat the check at this interval
    #[arg(long, value_name = "DURATION", value_parser = parse_timeout, help_heading = "Schedule")]
    every: Option<Duration>,
    /// Write metrics to this file, in the Prometheus text format
    #[arg(long, value_name = "FILE", help_heading = "Schedule")]
    metrics_file: Option<PathBuf>,
    /// Send new, changed and resolved findings to an SNS topic or an event bus; may be repeated
    #[arg(long, value_name = "sns:ARN|eventbridge:BUS", help_heading = "Schedule")]
    notify: Vec<Notify>,
    /// Run this command when findings are new, changed or resolved, with the report and the changes on its standard input
    #[arg(long = "on-drift", value_name = "CMD", value_parser = NonEmptyStringValueParser::new(), help_heading = "Schedule")]
    command: Option<String>,
    /// How long that command may run before it is killed
    #[arg(long = "on-drift-timeout", value_name = "DURATION", default_value = "5m", value_parser = parse_timeout,
          requires = "command", help_heading = "Schedule")]
    command_timeout: Duration,
    /// Save the findings in this file, with the time when each was first seen and who was notified
    #[arg(long, value_name = "FILE", help_heading = "Schedule")]
    state_file: Option<PathBuf>,
    /// Stop reporting this connection as vanished, by its name or id; may be repeated
    #[arg(long, value_name = "NAME", requires = "state_file", help_heading = "Schedule")]
    forget: Vec<String>,
    #[command(flatten)]
    sources: SourceArgs,
    #[command(flatten)]
    repairs: RepairArgs,
}

impl Drift {
    pub fn run(&self, global: &Global) -> Ending {
        self.check_usage()?;
        on_accounts(self, global)
    }

    /// One run: reads, judges, and then does all that was asked for with what it has found. Each of these is tried whatever
    /// became of the others; what failed is reported, and makes the run an error. `memory` stands for a state file.
    async fn once(
        &self,
        accounts: &impl Accounts,
        global: &Global,
        memory: &mut State,
        interrupt: &Interrupt,
    ) -> Ending {
        let started = Instant::now();
        let mut failures = Failures::default();
        let mut loaded = failures.of(self.state_file.as_deref().map(state_of));
        let is_kept = loaded.is_some();
        let state = loaded.as_mut().unwrap_or(memory);
        let known = if is_kept || self.every.is_some() {
            state.known()
        } else {
            Vec::new()
        };
        // A manifest can change between two runs.
        let looked = match self.wanted(global).await {
            Ok(wanted) => tokio::select! {
                found = patrol(accounts, &wanted, self.shard, &known) => match found {
                    Ok(found) => Ok((wanted, found)),
                    Err(error) => Err(Box::new(Report::from(&error))),
                },
                () = interrupt.raised() => return Err(Box::new(interrupted_reading())),
            },
            Err(report) => Err(report),
        };
        let mut found = match looked {
            Ok((wanted, found)) if self.repairs.repair => {
                let fails = |report| {
                    failures.of::<()>(Some(Err(report)));
                };
                self.repaired(accounts, found, (&wanted, &known), global, interrupt, fails)
                    .await?
            }
            Ok((_, found)) => found,
            Err(report) => {
                self.report_failed_look(&report, global, (state, is_kept), &mut failures, interrupt)
                    .await;
                return Err(report);
            }
        };
        let status = found.exit_status(self.allow_unknown);
        let (duration, ended) = (started.elapsed(), SystemTime::now());
        let time = timestamp(ended);

        let recipients = self.recipients();
        let names: Vec<String> = recipients.iter().map(ToString::to_string).collect();
        let is_remembered = is_kept || !names.is_empty();
        if is_remembered {
            state.prepare(&found, &names);
        }
        if is_kept {
            state.date(&mut found, &time);
        }
        let file = self.state_file.as_deref().map(|path| path.to_string_lossy());
        found.complete_remedies(global.region.as_deref(), global.profile.as_deref(), file.as_deref());

        let is_refused = self.fail_on_empty && found.judged.is_empty();
        // Of two documents on standard output, neither could be read.
        if !(is_refused && matches!(global.output, Output::Json | Output::Markdown)) {
            failures.of(Some(print_patrol(&found, global, &time, self.every.is_some())));
        }
        if let Some(path) = &self.metrics_file {
            let run = Run {
                patrol: &found,
                duration,
                ended,
                is_success: status != 1 && !is_refused,
            };
            failures.of(Some(write_metrics(path, &run).map_err(|error| {
                let hint = format!("{} could not be written; the report is complete", path.display());
                Box::new(Report::new("metrics-file", &error, Some(hint)))
            })));
        }
        if is_remembered {
            state.remember(&found, self.how(), self.shard);
            for (recipient, name) in recipients.into_iter().zip(&names) {
                let mut changes = state.changes(name, &found);
                changes.recovered = state.failed_look(name, self.shard).cloned();
                let told = if changes.is_empty() {
                    Ok(())
                } else {
                    self.tell(recipient, (&found, &changes, &time), global, interrupt).await
                };
                match told {
                    Ok(()) => {
                        state.tell(name, &found);
                        state.tell_failed_look(name, self.shard, None);
                    }
                    Err(error) => {
                        failures.of::<()>(Some(Err(Box::new(not_told(recipient, &error)))));
                    }
                }
            }
        }
        failures.of(self.save(state, is_kept));
        if interrupt.is_raised() && self.every.is_none() {
            return Err(Box::new(self.repairs.interrupted()));
        }
        if is_refused {
            return Err(Box::new(no_connections("", found.origin())));
        }
        Ok(if failures.any { 1 } else { status })
    }

    /// Writes the state file, if there is one and it is to be kept.
    fn save(&self, state: &State, is_kept: bool) -> Option<Result<(), Box<Report>>> {
        let path = self.state_file.as_deref().filter(|_| is_kept)?;
        Some(save(state, path))
    }

    /// Notifies the recipients that nothing could be read: each once, until a look works again or fails with another error.
    async fn report_failed_look(
        &self,
        report: &Report,
        global: &Global,
        (state, is_kept): (&mut State, bool),
        failures: &mut Failures,
        interrupt: &Interrupt,
    ) {
        let time = timestamp(SystemTime::now());
        let notice = FailedLookNotice::new(report, &time);
        let code = &report.body.code;
        for recipient in self.recipients() {
            let name = recipient.to_string();
            if state
                .failed_look(&name, self.shard)
                .is_some_and(|told| told.code == *code)
            {
                continue;
            }
            match self.tell_failed(recipient, &notice, global, interrupt).await {
                Ok(()) => {
                    let failed = FailedLook {
                        code: code.clone(),
                        since: time.clone(),
                    };
                    state.tell_failed_look(&name, self.shard, Some(failed));
                }
                Err(error) => {
                    failures.of::<()>(Some(Err(Box::new(not_told(recipient, &error)))));
                }
            }
        }
        failures.of(self.save(state, is_kept));
    }

    /// Ends the findings of connections that were known and are no longer found.
    fn forget_vanished(&self) -> Result<(), Box<Report>> {
        let Some(path) = self.state_file.as_deref().filter(|_| !self.forget.is_empty()) else {
            return Ok(());
        };
        let mut state = state_of(path)?;
        for name in &self.forget {
            if !state.forget(name) {
                let message = format!("{} knows no connection named {name}", path.display());
                let vanished = state.known().into_iter().filter(|known| known.has_vanished);
                let vanished: Vec<String> = vanished.map(|known| known.name).collect();
                let hint = match vanished.as_slice() {
                    [] => "no connection that was known has vanished".to_owned(),
                    names => format!("these have vanished: {}", names.join(", ")),
                };
                let error = std::io::Error::other(message);
                return Err(Box::new(Report::new("not-known", &error, Some(hint))));
            }
        }
        save(&state, path)
    }

    /// How the connections of this run come to be looked at.
    fn how(&self) -> How {
        match (&self.manifest, self.cluster.is_some() || self.instance.is_some()) {
            (Some(_), _) => How::Manifest,
            (None, true) => How::Named,
            (None, false) => How::Found,
        }
    }

    async fn wanted(&self, global: &Global) -> Result<Wanted, Box<Report>> {
        if let Some(path) = &self.manifest {
            let home = global.account_source().region().await;
            let entries = manifest::load(path, home.as_deref(), !self.allow_empty);
            return Ok(Wanted::Entries(
                entries.map_err(|error| Box::new(Report::from(&error)))?,
            ));
        }
        let (kind, database) = match (&self.cluster, &self.instance) {
            (Some(cluster), _) => (DatabaseKind::Cluster, cluster),
            (None, Some(instance)) => (DatabaseKind::Instance, instance),
            (None, None) => return Ok(Wanted::Everything),
        };
        let proxy = match &self.proxy {
            ProxyChoice::None => None,
            ProxyChoice::Existing(name) | ProxyChoice::New(Some(name)) => Some(name.clone()),
            ProxyChoice::New(None) => Some(created::proxy(&last_segment(database).to_ascii_lowercase())),
        };
        let entry = |function: &FunctionName| Entry {
            name: None,
            place: Place::default(),
            connection: Connection {
                kind,
                database: database.clone(),
                proxy: proxy.clone(),
                function: function.name.clone(),
            },
        };
        Ok(Wanted::Entries(self.function.iter().map(entry).collect()))
    }

    fn check_usage(&self) -> Result<(), Box<Report>> {
        let has_database = self.cluster.is_some() || self.instance.is_some();
        let wrong = match has_database {
            false if !self.function.is_empty() => "--function goes with --cluster or --instance",
            false if self.proxy != ProxyChoice::None => "--proxy goes with --cluster or --instance",
            _ if has_twice(&self.function) => "--function names a function twice",
            _ if self.every.is_some() && self.repairs.repair && !self.repairs.yes && !self.repairs.dry_run => {
                "--every cannot ask before it repairs: add --yes, or --dry-run to only show the repairs"
            }
            _ => return Ok(()),
        };
        Err(Report::usage(wrong, "see `autoconnect drift --help`"))
    }
}

impl AccountsWork for Drift {
    async fn on(&self, accounts: &impl Accounts, global: &Global, interrupt: Interrupt) -> Ending {
        let accounts = &Sourced {
            accounts,
            sources: self.sources.read()?,
        };
        self.forget_vanished()?;
        if let Some(every) = self.every {
            return schedule::run(self, accounts, global, every, interrupt).await;
        }
        self.once(accounts, global, &mut State::default(), &interrupt).await
    }
}

/// Whether a function is named twice, by its name or its ARN.
fn has_twice(functions: &[FunctionName]) -> bool {
    let mut names = BTreeSet::new();
    !functions
        .iter()
        .all(|function| names.insert(last_segment(&function.name)))
}

/// What has failed after the connections were judged. It is reported at once.
#[derive(Default)]
struct Failures {
    any: bool,
}

impl Failures {
    /// What was tried, if it did not fail. The report is on standard output already, and errors are not.
    fn of<T>(&mut self, tried: Option<Result<T, Box<Report>>>) -> Option<T> {
        match tried? {
            Ok(done) => Some(done),
            Err(report) => {
                fail(&report, Output::Text);
                self.any = true;
                None
            }
        }
    }
}

fn save(state: &State, path: &Path) -> Result<(), Box<Report>> {
    let saved = state.save(path);
    saved.map_err(|error| Box::new(Report::new("state-file", &error, None)))
}

pub fn state_of(path: &Path) -> Result<State, Box<Report>> {
    State::load(path).map_err(|error| {
        let hint = "remove the file; the next run then reports everything that is not in sync".to_owned();
        Box::new(Report::new("state-file", &error, Some(hint)))
    })
}

fn print_patrol(found: &Round, global: &Global, time: &str, is_scheduled: bool) -> Result<(), Box<Report>> {
    match global.output {
        Output::Json => print_json(&DriftDocument::new(found)),
        Output::Markdown => {
            // An empty line ends the last block before the next report begins.
            let end = if is_scheduled { "\n" } else { "" };
            print(&(DriftDocument::new(found).markdown() + end))
        }
        Output::Text => {
            let text = drift_text(found, is_scheduled.then_some(time));
            print(&for_people(&text, &std::io::stdout()))
        }
        Output::Ndjson => {
            let mut lines = String::new();
            for judged in &found.judged {
                let line = to_json(&ConnectionDrift::at(judged, time));
                lines += &line.map_err(|error| Box::new(Report::new("output", &error, None)))?;
                lines.push('\n');
            }
            print(&lines)
        }
    }
}
