//! The command line (spec/cli.md): one file a command.

mod arguments;
mod attach;
mod cleanup;
mod completions;
mod diagnose;
mod drift;
mod export;
mod front;
mod global;
mod internet;
mod list;
mod msk;
mod password;
mod policy;
mod remove;
mod schema;
mod session;
mod setup;
mod signals;
mod snapshot;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::error::{ContextKind, ErrorKind};
use clap::{ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::logging;
use crate::report::{Report, folded};
use global::{Global, Output};

/// Connects AWS Lambda functions to Aurora and RDS databases.
#[derive(Debug, Parser)]
#[command(name = "autoconnect", version, about, max_term_width = 100)]
#[command(
    after_help = "Exit status: 0 done or nothing to do; 1 error; 2 changes pending (--dry-run --detailed-exitcode), a check fails, or drift was found; 130 interrupted."
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Connect a function with a database
    Setup(Box<setup::Setup>),
    /// Attach a function to a VPC
    Attach(Box<attach::Attach>),
    /// Take a function out of its VPC
    Detach(attach::Detach),
    /// Disconnect a function from a database
    Remove(Box<remove::Remove>),
    /// Take away what autoconnect has made and what serves nothing any more
    Cleanup(cleanup::Cleanup),
    /// Print an IAM policy document
    Policy(policy::Policy),
    /// Tell whether a function reaches a database, and if not, why
    Diagnose(diagnose::Diagnose),
    /// Tell whether Lambda can poll an MSK cluster for a function, and if not, why
    Msk(msk::Msk),
    /// Tell whether connections are still as setup would leave them
    Drift(Box<drift::Drift>),
    /// List the functions that are connected with a database
    List(list::List),
    /// Draw the path between a function and a database
    Export(export::Export),
    /// Tell whether a function in a VPC reaches the internet or AWS services, or build what is missing
    Internet(internet::Internet),
    /// Keep an account as a file for --offline
    Snapshot(snapshot::Snapshot),
    /// Print the JSON Schema of what `--output json` prints, or of an account file
    Schema(schema::Schema),
    /// Print a completion script for a shell
    Completions(completions::Completions),
}

/// How a command ends.
type Ending = Result<u8, Box<Report>>;

/// The command line, where each command offers the forms of output that it has.
fn command() -> clap::Command {
    let forms = |name: &str| -> &'static [Output] {
        match name {
            "drift" => &[Output::Text, Output::Json, Output::Ndjson],
            "export" | "completions" => &[Output::Text],
            _ => &[Output::Text, Output::Json],
        }
    };
    Cli::command().mut_subcommands(|command| {
        let output = Output::option(forms(command.get_name()));
        command.arg(output)
    })
}

/// Runs the program with these arguments, the first being its own name.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // Help and usage errors are printed before --color is parsed.
    let colour = match option(&arguments, "--color") {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    };
    let parsed = command().color(colour).try_get_matches_from(&arguments);
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &arguments),
    };
    cli.global.color.write_global();
    let colour = anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
    logging::start(
        cli.global.verbose,
        cli.global.quiet,
        cli.global.log_format,
        colour && io::stderr().is_terminal(),
    );
    let ending = match &cli.command {
        Command::Setup(setup) => setup.run(&cli.global),
        Command::Attach(attach) => attach.run(&cli.global),
        Command::Detach(detach) => detach.run(&cli.global),
        Command::Remove(remove) => remove.run(&cli.global),
        Command::Cleanup(cleanup) => cleanup.run(&cli.global),
        Command::Policy(policy) => policy.run(&cli.global),
        Command::Diagnose(diagnose) => diagnose.run(&cli.global),
        Command::Msk(msk) => msk.run(&cli.global),
        Command::Drift(drift) => drift.run(&cli.global),
        Command::List(list) => list.run(&cli.global),
        Command::Export(export) => export.run(&cli.global),
        Command::Internet(internet) => internet.run(&cli.global),
        Command::Snapshot(snapshot) => snapshot.run(&cli.global),
        Command::Schema(schema) => schema.run(),
        Command::Completions(completions) => completions.run(&mut command()),
    };
    match ending {
        Ok(status) => ExitCode::from(status),
        Err(report) => {
            fail(&report, cli.global.output);
            ExitCode::from(report.status)
        }
    }
}

/// Prints an error: for people on standard error, with `--output json` for scripts on standard output too.
fn fail(report: &Report, output: Output) {
    // Where even the error cannot be printed, the exit status is left to tell.
    let _ = report.write_text(&mut anstream::stderr());
    if output == Output::Json {
        let _ = print_json(&report.document());
    }
}

/// The value of an option, before the arguments are parsed.
fn option<'a>(arguments: &'a [OsString], name: &str) -> Option<&'a str> {
    let text = |argument: &'a OsString| argument.to_str();
    let apart = arguments
        .windows(2)
        .find(|pair| pair[0] == *name)
        .and_then(|pair| text(&pair[1]));
    let joined = |argument: &'a OsString| text(argument)?.strip_prefix(name)?.strip_prefix('=');
    apart.or_else(|| arguments.iter().find_map(joined))
}

/// Help and version are no errors. A usage error is status 1, since 2 means drift to a schedule.
fn usage(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let _ = error.print();
    if option(arguments, "--output") == Some("json") {
        let rendered = error.render().to_string();
        let paragraph: Vec<&str> = rendered
            .lines()
            .take_while(|line| !line.is_empty())
            .map(str::trim)
            .collect();
        let message = paragraph.join(" ");
        let message = message.trim_start_matches("error: ");
        let hint = match error
            .get(ContextKind::SuggestedArg)
            .or_else(|| error.get(ContextKind::SuggestedSubcommand))
        {
            Some(suggested) => format!("did you mean {suggested}?"),
            None => "see --help".to_owned(),
        };
        let report = Report::new("usage", &io::Error::other(message.to_owned()), Some(hint));
        let _ = print_json(&report.document());
    }
    ExitCode::from(1)
}

/// Prints a result. A reader that has gone away is no error.
fn print(text: &str) -> Result<(), Box<Report>> {
    let written = anstream::stdout()
        .write_all(text.as_bytes())
        .and_then(|()| io::stdout().flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Box::new(Report::new(
            "output",
            &error,
            Some("standard output cannot be written to".to_owned()),
        ))),
        _ => Ok(()),
    }
}

/// The text folded, if a person reads it on a terminal.
fn for_people(text: String, stream: &impl IsTerminal) -> String {
    if stream.is_terminal() {
        folded(&text, textwrap::termwidth())
    } else {
        text
    }
}

fn print_json(document: &impl serde::Serialize) -> Result<(), Box<Report>> {
    match serde_json::to_string_pretty(document) {
        Ok(text) => print(&(text + "\n")),
        Err(error) => Err(Box::new(Report::new("output", &error, None))),
    }
}
