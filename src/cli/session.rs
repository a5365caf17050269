//! A command's session with an account: connects, runs until the end or an interrupt, and prints the result.

use clap::{ArgGroup, Args};
use std::future::Future;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use tokio::runtime;

use super::arguments::{Tag, parse_cluster, parse_instance, parse_timeout};
use super::front::Terminal;
use super::global::{Global, Output};
use super::output::note_printed;
use super::signals::listen;
use super::{Ending, for_people, print, print_json};
use crate::account::{AccountFileError, OfflineAccount};
use crate::cloud::{ApiCalls, Cloud};
use crate::interrupt::Interrupt;
use crate::model::{DatabaseKind, Origin};
use crate::monitor::{Accounts, OfflineFile};
use crate::plan::Request;
use crate::reconcile::{Applied, Converged, Ending as RunEnding, Failure, Goal, Options, RunError};
use crate::report::{Checks, ChecksDocument, Document, Report, RunDocument, converged_text};

/// What a command does with an account.
pub trait Work {
    /// Does it, and prints the result.
    fn on(&self, cloud: &dyn Cloud, global: &Global, interrupt: Interrupt) -> impl Future<Output = Ending>;
}

/// Does the work on the account that the global options name.
pub fn on_account(work: &impl Work, global: &Global) -> Ending {
    on_runtime(async |interrupt| match &global.offline {
        Some(path) => {
            let account = OfflineAccount::open(path).map_err(|error| Box::new(file_report(&error)))?;
            check_place(global, account.home())?;
            work.on(&account, global, interrupt).await
        }
        // The SDK's futures are large, and are kept off the stack.
        None => Box::pin(on_aws(work, global, interrupt)).await,
    })
}

/// What a command does with several accounts and Regions.
pub trait AccountsWork {
    /// Does it, and prints the result.
    fn on(&self, accounts: &impl Accounts, global: &Global, interrupt: Interrupt) -> impl Future<Output = Ending>;
}

/// Does the work on the accounts that can be reached with the global options.
pub fn on_accounts(work: &impl AccountsWork, global: &Global) -> Ending {
    on_runtime(async |interrupt| match &global.offline {
        Some(path) => work.on(&OfflineFile(path.clone()), global, interrupt).await,
        // The SDK's futures are large, and are kept off the stack.
        None => Box::pin(on_all_of_aws(work, global, interrupt)).await,
    })
}

#[cfg(feature = "aws")]
async fn on_all_of_aws(work: &impl AccountsWork, global: &Global, interrupt: Interrupt) -> Ending {
    work.on(&crate::monitor::OnAws(global.configuration()), global, interrupt)
        .await
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "the adapter's own twin awaits")]
async fn on_all_of_aws(_: &impl AccountsWork, _: &Global, _: Interrupt) -> Ending {
    Err(Box::new(Report::no_aws()))
}

/// The report of a run that was interrupted before it wrote anything.
pub fn interrupted_reading() -> Report {
    let error = RunError::Interrupted {
        at: "while reading; nothing was written".to_owned(),
    };
    Report::of_run(&Failure {
        error,
        applied: Vec::new(),
        origin: Origin::default(),
    })
}

/// Runs until the end or an interrupt.
pub fn on_runtime(work: impl AsyncFnOnce(Interrupt) -> Ending) -> Ending {
    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Err(Box::new(Report::new("runtime", &error, None))),
    };
    let ending = runtime.block_on(async { work(listen()).await });
    // A prompt that was interrupted, or a command that does not read its input, still holds a thread.
    runtime.shutdown_background();
    ending
}

/// Refuses the saved plan of another account, Region or kind of account.
fn check_place(global: &Global, origin: Origin) -> Result<(), Box<Report>> {
    let Some(plan) = &global.applies else { return Ok(()) };
    plan.check_place(&origin, global.place()).map_err(|error| {
        Box::new(Report {
            origin,
            ..Report::from(&error)
        })
    })
}

#[cfg(feature = "aws")]
async fn on_aws(work: &impl Work, global: &Global, interrupt: Interrupt) -> Ending {
    let aws = crate::aws::Aws::connect(&global.configuration())
        .await
        .map_err(|fault| Box::new(Report::new(fault.code(), &fault, fault.hint())))?;
    if global.applies.is_some() {
        // Names may exist in any account: whose credentials these are is known before anything is read by them.
        let account = Box::pin(crate::aws::caller_account(&global.configuration())).await;
        check_place(global, Origin { account, region: None }.or(aws.home()))?;
    }
    let ending = Box::pin(work.on(&aws, global, interrupt)).await;
    match ending {
        Err(report) if global.decode_authorization => Err(decoded(report, global).await),
        ending => ending,
    }
}

/// The report of a refused request with what AWS says of the refusal.
#[cfg(feature = "aws")]
async fn decoded(mut report: Box<Report>, global: &Global) -> Box<Report> {
    if let Some(authorization) = &mut report.body.authorization {
        let told = Box::pin(crate::aws::decode_authorization(
            &global.configuration(),
            &authorization.encoded,
        ))
        .await;
        match told {
            Ok(decoded) => authorization.decoded = Some(decoded),
            Err(why) => report.details.push(format!("AWS's message cannot be decoded: {why}")),
        }
    }
    report
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "the adapter's own twin awaits")]
async fn on_aws(_: &impl Work, _: &Global, _: Interrupt) -> Ending {
    Err(Box::new(Report::no_aws()))
}

/// Prints a result in the form that was asked for. Where it cannot be printed, what was written is reported anyway.
pub fn print_result<D: Document>(
    global: &Global,
    document: impl FnOnce() -> D,
    text: impl FnOnce() -> String,
    applied: &[Applied],
) -> Result<(), Box<Report>> {
    let printed = match global.output {
        Output::Json | Output::Ndjson => print_json(&document()),
        Output::Markdown => print(&document().markdown()),
        Output::Text => print(&for_people(&text(), &std::io::stdout())),
    };
    printed.map_err(|mut report| {
        report.body.applied = applied.to_vec();
        report
    })
}

/// Prints a result that has no form but JSON and a text.
pub fn print_plain<D: Serialize>(
    global: &Global,
    document: &D,
    text: impl FnOnce() -> String,
) -> Result<(), Box<Report>> {
    if global.output == Output::Json {
        print_json(document)
    } else {
        print(&for_people(&text(), &std::io::stdout()))
    }
}

/// Prints what a command has written to a file. If that was standard output, it has the file and nothing else, and people read
/// this on standard error.
pub fn print_written<D: Serialize>(
    global: &Global,
    document: &D,
    is_stdout: bool,
    text: impl FnOnce() -> String,
) -> Result<(), Box<Report>> {
    if !is_stdout {
        return print_plain(global, document, text);
    }
    note_printed();
    if !global.quiet {
        // A message that cannot be shown does not make the file wrong.
        let _ = write!(anstream::stderr(), "{}", text());
    }
    Ok(())
}

/// Prints what a command found that only checks.
pub fn print_checks(command: &str, origin: Origin, checks: Checks, cloud: &dyn Cloud, global: &Global) -> Ending {
    let document = ChecksDocument::new(command, origin, checks, cloud.calls());
    print_result(global, || &document, || document.text(), &[])?;
    Ok(document.checks.exit_status())
}

/// What `--fail-on-empty` says where there is no connection.
pub fn no_connections(of: &str, origin: Origin) -> Report {
    let error = std::io::Error::other(format!("0 connections{of} were found in {origin}"));
    let hint = "check that the account and the Region are the right ones".to_owned();
    Report {
        origin,
        ..Report::new("no-connections", &error, Some(hint))
    }
}

/// An account file that cannot be used.
pub fn file_report(error: &AccountFileError) -> Report {
    Report::new("account-file", error, Some(error.hint().to_owned()))
}

/// The database that a command is about.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct DatabaseArgs {
    /// The Aurora or Multi-AZ DB cluster: its identifier or ARN
    #[arg(long, value_name = "CLUSTER", value_parser = parse_cluster)]
    cluster: Option<String>,
    /// The DB instance (not a cluster's member): its identifier or ARN
    #[arg(long, value_name = "INSTANCE", value_parser = parse_instance)]
    instance: Option<String>,
}

impl DatabaseArgs {
    /// Its kind and its identifier.
    pub fn named(&self) -> (DatabaseKind, &str) {
        match (&self.cluster, &self.instance) {
            (Some(cluster), _) => (DatabaseKind::Cluster, cluster),
            (None, Some(instance)) => (DatabaseKind::Instance, instance),
            (None, None) => unreachable!("the argument parser requires one of them"),
        }
    }
}

/// Options of every command that writes.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("plans").args(["dry_run", "out"]).multiple(true))]
pub struct RunArgs {
    /// Only show the plan
    #[arg(long)]
    pub dry_run: bool,
    /// Save the plan to a file for `autoconnect apply`, which is replaced if it exists (implies --dry-run)
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// With --dry-run: status 2 if changes are pending
    #[arg(long, requires = "plans")]
    pub detailed_exitcode: bool,
    /// Apply without asking
    #[arg(long, short)]
    pub yes: bool,
    /// Maximum total wait
    #[arg(long, value_name = "DURATION", default_value = "20m", value_parser = parse_timeout)]
    pub timeout: Duration,
    /// Do not wait for changes to take effect (what must finish before a write is still waited for)
    #[arg(long)]
    pub no_wait: bool,
}

impl RunArgs {
    /// How a run is to go.
    pub fn options(&self) -> Options {
        Options {
            dry_run: self.dry_run || self.out.is_some(),
            wait_for_effect: !self.no_wait,
            timeout: self.timeout,
            ..Options::default()
        }
    }

    /// The user in front of the run.
    pub fn terminal(&self, password_stdin: bool, global: &Global) -> Terminal {
        Terminal::new(self.yes, self.out.as_deref(), password_stdin, global)
    }

    /// Brings about a goal, and prints how the run ended.
    pub async fn bring_about<G: Goal>(
        &self,
        cloud: &dyn Cloud,
        goal: &G,
        document: impl FnOnce(&Converged<G::Seen>, ApiCalls) -> RunDocument,
        global: &Global,
        interrupt: Interrupt,
    ) -> Ending {
        let terminal = self.terminal(false, global);
        let converged = terminal.converge(cloud, goal, &self.options(), interrupt).await?;
        let document = || document(&converged, cloud.calls());
        print_result(global, document, || converged_text(&converged), &converged.applied)?;
        Ok(self.status(converged.ending == RunEnding::Planned))
    }

    /// The exit status of a run that did not fail.
    pub fn status(&self, is_pending: bool) -> u8 {
        if self.detailed_exitcode && is_pending { 2 } else { 0 }
    }
}

/// `--timeout` of a command that may wait until Lambda has deleted network interfaces, unless it is given.
pub const UNTIL_DELETED: &str = "45m";

/// Options of a command that creates something for a database.
#[derive(Clone, Debug, Args)]
pub struct WriteArgs {
    #[command(flatten)]
    pub run: RunArgs,
    /// A further tag for all that is created; may be repeated
    #[arg(long = "tag", value_name = "K=V")]
    pub tags: Vec<Tag>,
    /// Wait for a database that is not available, instead of refusing
    #[arg(long, conflicts_with = "no_wait")]
    pub wait: bool,
}

impl WriteArgs {
    /// How a run is to go.
    pub fn options(&self) -> Options {
        let tags = self.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone()));
        Options {
            wait_for_database: self.wait,
            request: Request {
                tags: tags.collect(),
                ..Request::default()
            },
            ..self.run.options()
        }
    }
}
