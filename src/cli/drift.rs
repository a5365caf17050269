//! `autoconnect drift`: whether connections are still as `setup` would leave them, once or on a schedule.

mod schedule;
mod telling;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;
use tokio::runtime;
use tokio::time::Instant;

use super::arguments::{FunctionName, ProxyChoice, parse_function, parse_timeout};
use super::global::{Global, Output};
use super::signals::listen;
use super::{Ending, for_people, print, print_json};
use crate::estate::Connection;
use crate::interrupt::Interrupt;
use crate::model::{DatabaseKind, Origin};
use crate::naming::created;
use crate::patrol::{
    Accounts, Entry, Notify, OfflineFile, Patrol, Place, Run, Shard, State, Wanted, manifest, patrol, write_metrics,
};
use crate::reconcile::{Failure, RunError};
use crate::report::{ConnectionDrift, DriftDocument, Report, drift_text};

/// Options of `drift`.
#[derive(Clone, Debug, Args)]
pub struct Drift {
    /// The connections to look at, in TOML (`autoconnect schema manifest` prints the schema)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cluster", "instance", "function", "proxy"])]
    manifest: Option<PathBuf>,
    /// The Aurora or Multi-AZ DB cluster
    #[arg(long, value_name = "CLUSTER", conflicts_with = "instance", requires = "function",
          value_parser = clap::builder::NonEmptyStringValueParser::new())]
    cluster: Option<String>,
    /// The DB instance (not a cluster's member)
    #[arg(long, value_name = "INSTANCE", requires = "function",
          value_parser = clap::builder::NonEmptyStringValueParser::new())]
    instance: Option<String>,
    /// The Lambda function: a name, a partial or a full ARN; may be repeated
    #[arg(long, value_name = "F", value_parser = parse_function)]
    function: Vec<FunctionName>,
    /// The RDS Proxy between them
    #[arg(long, value_name = "none|NAME|new[:NAME]", default_value = "none")]
    proxy: ProxyChoice,
    /// Only the N-th of so many parts of the connections
    #[arg(long, value_name = "N/OF")]
    shard: Option<Shard>,
    /// A connection that cannot be judged is no error
    #[arg(long)]
    allow_unknown: bool,
    /// Look again and again, so often
    #[arg(long, value_name = "DURATION", value_parser = parse_timeout, help_heading = "Schedule")]
    every: Option<Duration>,
    /// Write the run's figures to this file, in Prometheus' text format
    #[arg(long, value_name = "FILE", help_heading = "Schedule")]
    metrics_file: Option<PathBuf>,
    /// Tell a topic or a bus of changed verdicts; may be repeated
    #[arg(long, value_name = "sns:ARN|eventbridge:BUS", help_heading = "Schedule")]
    notify: Vec<Notify>,
    /// Run this command when verdicts change, with the report on its standard input
    #[arg(long = "on-drift", value_name = "CMD", help_heading = "Schedule")]
    command: Option<String>,
    /// Keep the verdicts here, for a schedule of single runs to tell changes by
    #[arg(long, value_name = "FILE", help_heading = "Schedule")]
    state_file: Option<PathBuf>,
}

impl Drift {
    pub fn run(&self, global: &Global) -> Ending {
        self.check_usage()?;
        let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return Err(Box::new(Report::new("runtime", &error, None))),
        };
        let ending = runtime.block_on(async {
            let interrupt = listen();
            match &global.offline {
                Some(path) => self.on(&OfflineFile(path.clone()), global, interrupt).await,
                // The SDK's futures are large, and are kept off the stack.
                None => Box::pin(self.on_aws(global, interrupt)).await,
            }
        });
        // A command that does not read its input still holds a thread.
        runtime.shutdown_background();
        ending
    }

    #[cfg(feature = "aws")]
    async fn on_aws(&self, global: &Global, interrupt: Interrupt) -> Ending {
        self.on(&crate::patrol::OnAws(global.configuration()), global, interrupt)
            .await
    }

    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_async, reason = "the adapter's own twin awaits")]
    async fn on_aws(&self, _: &Global, _: Interrupt) -> Ending {
        Err(Box::new(super::session::no_aws()))
    }

    async fn on(&self, accounts: &impl Accounts, global: &Global, interrupt: Interrupt) -> Ending {
        if let Some(every) = self.every {
            return schedule::run(self, accounts, global, every, interrupt).await;
        }
        let mut state = self.last_state()?;
        tokio::select! {
            ending = self.once(accounts, global, &mut state) => ending,
            () = interrupt.raised() => Err(Box::new(interrupted())),
        }
    }

    /// One run: reads, judges, prints, and tells what has changed since the last one.
    async fn once(&self, accounts: &impl Accounts, global: &Global, state: &mut State) -> Ending {
        let started = Instant::now();
        // A manifest can change between two runs.
        let wanted = self.wanted()?;
        let found = patrol(accounts, &wanted, self.shard).await;
        let found = found.map_err(|error| Box::new(Report::from(&error)))?;
        let status = found.exit_status(self.allow_unknown);
        let duration = started.elapsed();
        print_patrol(&found, global)?;
        if let Some(path) = &self.metrics_file {
            let run = Run {
                patrol: &found,
                duration,
                ended: SystemTime::now(),
                is_success: status != 1,
            };
            write_metrics(path, &run).map_err(|error| {
                let hint = format!("{} could not be written; the report stands", path.display());
                Box::new(Report::new("metrics-file", &error, Some(hint)))
            })?;
        }
        let changes = state.changes(&found);
        if !changes.is_empty() {
            self.tell(&found, &changes, global).await?;
        }
        state.remember(&found);
        if let Some(path) = &self.state_file {
            state
                .save(path)
                .map_err(|error| Box::new(Report::new("state-file", &error, None)))?;
        }
        Ok(status)
    }

    fn last_state(&self) -> Result<State, Box<Report>> {
        match &self.state_file {
            None => Ok(State::default()),
            Some(path) => State::load(path).map_err(|error| {
                let hint = "remove the file: what is not in sync is told once more".to_owned();
                Box::new(Report::new("state-file", &error, Some(hint)))
            }),
        }
    }

    fn wanted(&self) -> Result<Wanted, Box<Report>> {
        if let Some(path) = &self.manifest {
            let entries = manifest::load(path).map_err(|error| Box::new(Report::from(&error)))?;
            return Ok(Wanted::Entries(entries));
        }
        let (kind, database) = match (&self.cluster, &self.instance) {
            (Some(cluster), _) => (DatabaseKind::Cluster, cluster),
            (None, Some(instance)) => (DatabaseKind::Instance, instance),
            (None, None) => return Ok(Wanted::Everything),
        };
        let proxy = match &self.proxy {
            ProxyChoice::None => None,
            ProxyChoice::Existing(name) | ProxyChoice::New(Some(name)) => Some(name.clone()),
            ProxyChoice::New(None) => Some(created::proxy(&database.to_ascii_lowercase())),
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
            _ => return Ok(()),
        };
        let hint = Some("see `autoconnect drift --help`".to_owned());
        Err(Box::new(Report::new("usage", &std::io::Error::other(wrong), hint)))
    }
}

fn interrupted() -> Report {
    let error = RunError::Interrupted {
        at: "while reading; nothing was written".to_owned(),
    };
    Report::of_run(&Failure {
        error,
        applied: Vec::new(),
        origin: Origin::default(),
    })
}

fn print_patrol(found: &Patrol, global: &Global) -> Result<(), Box<Report>> {
    match global.output {
        Output::Json => print_json(&DriftDocument::new(found)),
        Output::Text => print(&for_people(drift_text(found), &std::io::stdout())),
        Output::Ndjson => {
            let mut lines = String::new();
            for judged in &found.judged {
                let line = serde_json::to_string(&ConnectionDrift::new(judged));
                lines += &line.map_err(|error| Box::new(Report::new("output", &error, None)))?;
                lines.push('\n');
            }
            print(&lines)
        }
    }
}
