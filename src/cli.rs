//! The command line (docs/command-line.md): one file for each command.

mod adopt;
mod apply;
mod arguments;
mod attach;
mod batch;
mod cleanup;
mod completions;
mod config;
mod connections;
mod diagnose;
mod drift;
mod export;
mod front;
mod global;
mod help;
mod impact;
mod internet;
mod list;
mod msk;
mod output;
mod password;
mod paths;
mod policy;
mod remove;
mod report;
mod schema;
mod session;
mod settings;
mod setup;
mod show;
mod signals;
mod snapshot;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use clap::error::{ContextKind, ErrorKind};
use clap::{ArgMatches, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::batch::Run;
use crate::escape::{is_unsafe, plain};
use crate::logging;
use crate::manifest::Listed;
use crate::report::{Document, PlanError, Report, SavedPlan, folded};
use global::{Global, Output};
pub use help::{Example, examples};
use output::{fail, print, print_json};
use settings::{Environment, Setting, Settings, SettingsError};

/// Connects AWS Lambda functions to Aurora and RDS databases.
#[derive(Debug, Parser)]
#[command(name = "autoconnect", version, about, max_term_width = 100)]
#[command(
    after_help = "Exit status: 0 done or nothing to do; 1 error; 2 changes pending (--dry-run --detailed-exitcode), a check fails, drift was found, or a change breaks a connection; 130 interrupted."
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Connect a function to a database
    Setup(batch::SetupCommand),
    /// Apply a plan that was saved with --out
    Apply(apply::Apply),
    /// Show a plan that was saved with --out
    Show(show::Show),
    /// Attach a function to a VPC
    Attach(Box<attach::Attach>),
    /// Detach a function from its VPC
    Detach(attach::Detach),
    /// Disconnect a function from a database
    Remove(Box<remove::Remove>),
    /// Remove unused resources that autoconnect created
    Cleanup(cleanup::Cleanup),
    /// Print an IAM policy document
    Policy(policy::Policy),
    /// Check whether a function reaches a database, and if not, why
    Diagnose(diagnose::Diagnose),
    /// Check whether Lambda can poll an MSK cluster for a function, and if not, why
    Msk(msk::Msk),
    /// Check whether connections are still as setup would leave them
    Drift(Box<drift::Drift>),
    /// List the functions that are connected to a database, or to each of all databases
    List(list::List),
    /// Have Terraform or CloudFormation manage the security groups of connections
    Adopt(adopt::Adopt),
    /// Show which connections a reviewed change would break or open
    Impact(impact::Impact),
    /// Write connections as Terraform, CloudFormation or CDK code, or draw them
    Export(export::Export),
    /// Write an HTML page that shows connections, their groups and rules, and what is wrong
    Report(Box<report::Report>),
    /// Check whether a function in a VPC reaches the internet or AWS services, or build what is missing
    Internet(internet::Internet),
    /// Save an account to a file for --offline
    Snapshot(snapshot::Snapshot),
    /// Show the settings in effect, and where each comes from
    Config(config::Config),
    /// Print the JSON Schema of what `--output json` prints, or of an account file
    Schema(schema::Schema),
    /// Print a completion script for a shell
    Completions(completions::Completions),
    /// The options that every command takes
    #[command(hide = true)]
    Options(help::GlobalOptions),
}

/// How a command ends.
type Ending = Result<u8, Box<Report>>;

/// The command line: its commands, options and help. Each command offers the forms of output that it has.
pub fn command() -> clap::Command {
    help::with_endings(Cli::command().mut_subcommands(|command| {
        let output = Output::option(forms(command.get_name()));
        // `help options` shows that of all commands.
        if command.is_hide_set() {
            command
        } else {
            command.arg(output)
        }
    }))
}

/// Whether `setup` takes these arguments, the first being its name; or in one line what is wrong with them.
///
/// # Errors
///
/// It does not.
pub fn check_setup(arguments: &[String]) -> Result<(), String> {
    setup::Setup::parse(arguments).map(drop)
}

/// The run that carries out a saved plan of `setup --manifest`, which came from `path`.
///
/// # Errors
///
/// It is the plan of another command, or its arguments are not those that a plan is saved with.
pub fn run_of_plan(plan: &SavedPlan, path: &str) -> Result<Run, Box<Report>> {
    match apply::command_of(plan, path, &["--yes"])?.command {
        Command::Setup(batch::SetupCommand::Many(many)) => many.of_plan(plan),
        _ => Err(Box::new(Report::from(&PlanError::Invalid {
            path: path.to_owned(),
            why: "it is not a plan of setup --manifest".to_owned(),
        }))),
    }
}

/// The run of `setup --manifest --yes` over connections that were read, with or without `--prune`.
///
/// # Errors
///
/// The command line of a connection is wrong, which [`check_setup`] tells.
pub fn run_of_listed(listed: Vec<Listed>, prune: bool) -> Result<Run, Box<Report>> {
    batch::SetupMany::unasked(prune).of_listed(listed)
}

/// The forms of output that a command has.
fn forms(command: &str) -> &'static [Output] {
    match command {
        "drift" | "setup" => &[Output::Text, Output::Json, Output::Ndjson, Output::Markdown],
        "show" | "apply" | "attach" | "detach" | "remove" | "cleanup" | "adopt" | "diagnose" | "msk" | "internet"
        | "impact" => &[Output::Text, Output::Json, Output::Markdown],
        "export" | "completions" | "options" => &[Output::Text],
        _ => &[Output::Text, Output::Json],
    }
}

/// Runs the program with these arguments, the first being its own name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let [_, request, rest @ ..] = arguments.as_slice()
        && request == completions::REQUEST
    {
        completions::answer(rest);
        return ExitCode::SUCCESS;
    }
    let environment = Environment::of_process();
    let read = Settings::read(&environment);
    let parsed = match parse(&arguments, &read) {
        Ok(parsed) => parsed,
        Err(Unparsed::Usage(error)) => return usage(&error, default_output(&arguments, &read, &environment)),
        Err(Unparsed::Settings(error)) => {
            let report = Report::from(error);
            fail(&report, default_output(&arguments, &read, &environment));
            return ExitCode::from(report.status);
        }
    };
    let Parsed {
        mut cli,
        matches,
        settings,
    } = parsed;
    let forms = forms(matches.subcommand_name().unwrap_or_default());
    let tags = settings.tags();
    cli.command.add_tags(&tags);
    if let Some(mistake) = paths::mistake(&matches) {
        let report = Report::usage(&mistake, "name another file");
        fail(&report, cli.global.output);
        return ExitCode::from(report.status);
    }
    if let Some(out) = cli.command.saves(&matches) {
        if let Some(wrong) = cannot_save(&cli, out) {
            let report = Report::usage(wrong, "see docs/saved-plans.md");
            fail(&report, cli.global.output);
            return ExitCode::from(report.status);
        }
        cli.global.arguments = apply::arguments_of(&matches, if cli.command.takes_tags() { &tags } else { &[] });
    }
    cli.global.color.write_global();
    let colour = anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
    logging::start(
        cli.global.verbose,
        cli.global.quiet,
        cli.global.log_format,
        colour && io::stderr().is_terminal(),
    );
    if cli.global.output == Output::Ndjson && !cli.command.has_events() {
        let report = Report::usage(
            "--output ndjson is for drift and setup --manifest only",
            "take --output json",
        );
        fail(&report, Output::Text);
        return ExitCode::from(report.status);
    }
    if cli.global.output == Output::Json
        && matches!(
            cli.command,
            Command::Export(_) | Command::Completions(_) | Command::Options(_)
        )
    {
        let report = Report::usage("this command does not print a JSON document", "omit --output json");
        fail(&report, Output::Json);
        return ExitCode::from(report.status);
    }
    if cli.global.output == Output::Markdown && !forms.contains(&Output::Markdown) {
        let report = Report::usage("this command does not print Markdown", "omit --output markdown");
        fail(&report, Output::Markdown);
        return ExitCode::from(report.status);
    }
    if cli.command.is_on_account() && cli.global.offline.is_none() {
        let is_used = |setting| config::explicit(&matches, setting).is_none();
        for notice in settings.notices(is_used, cli.command.takes_tags()) {
            tracing::warn!("{notice}");
        }
    }
    signals::start(cli.global.output);
    let ending = caught(|| match &cli.command {
        Command::Config(config) => config.run(&cli.global, &settings, &matches, &environment),
        _ => dispatch(&cli),
    });
    match ending {
        Ok(status) => ExitCode::from(status),
        Err(report) => {
            fail(&report, cli.global.output);
            ExitCode::from(report.status)
        }
    }
}

/// The command line, with the defaults that the user has set.
struct Parsed {
    cli: Cli,
    matches: ArgMatches,
    settings: Settings,
}

/// Why there is no command to run. Help and version are among the usage errors.
enum Unparsed<'a> {
    Usage(clap::Error),
    Settings(&'a SettingsError),
}

/// Parses the arguments alone first: neither help nor a usage error depends on settings. Where settings are used, they are
/// then the defaults of the options.
fn parse<'a>(arguments: &[OsString], read: &'a Result<Settings, SettingsError>) -> Result<Parsed, Unparsed<'a>> {
    // Help and usage errors are printed before --color is parsed.
    let wanted = option(arguments, "--color").or_else(|| Some(&*read.as_ref().ok()?.get(Setting::Color)?.value));
    let colour = match wanted {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    };
    let matches = |command: clap::Command| {
        let parsed = command.color(colour).try_get_matches_from(arguments);
        parsed.map_err(Unparsed::Usage)
    };
    let mut found = matches(command())?;
    // A shell runs them when it starts, in any folder.
    let has_settings = !matches!(found.subcommand_name(), Some("completions" | "schema" | "options"));
    let settings = if has_settings {
        read.as_ref().map_err(Unparsed::Settings)?.clone()
    } else {
        Settings::default()
    };
    if !settings.is_empty() {
        let is_offline = found.contains_id("offline");
        found = matches(settings.onto(command(), is_offline))?;
    }
    let cli = Cli::from_arg_matches(&found).map_err(Unparsed::Usage)?;
    Ok(Parsed {
        cli,
        matches: found,
        settings,
    })
}

/// The form of output of an error that comes before the arguments are parsed.
fn default_output(arguments: &[OsString], read: &Result<Settings, SettingsError>, environment: &Environment) -> Output {
    let form = match (option(arguments, "--output"), read) {
        (Some(form), _) => Output::from_str(form, false).ok(),
        (None, Ok(settings)) => settings.output(),
        (None, Err(_)) => Settings::output_of_variable(environment),
    };
    // A stream of events does not begin with an error.
    form.filter(|form| *form != Output::Ndjson).unwrap_or_default()
}

impl Command {
    /// Adds the default tags, where something is created.
    fn add_tags(&mut self, tags: &[arguments::Tag]) {
        match self {
            Self::Setup(setup) => setup.add_tags(tags),
            Self::Internet(internet) => internet.add_tags(tags),
            Self::Msk(msk) => msk.add_tags(tags),
            Self::Export(export) => export.add_tags(tags),
            _ => {}
        }
    }

    /// Whether what it creates gets tags.
    fn takes_tags(&self) -> bool {
        matches!(self, Self::Setup(_) | Self::Internet(_) | Self::Msk(_))
    }

    /// Whether it prints a line for each connection.
    fn has_events(&self) -> bool {
        match self {
            Self::Setup(setup) => setup.is_many(),
            Self::Drift(_) => true,
            _ => false,
        }
    }

    /// Whether it writes to an account, with some of its options.
    fn can_write(&self) -> bool {
        matches!(
            self,
            Self::Setup(_)
                | Self::Attach(_)
                | Self::Detach(_)
                | Self::Remove(_)
                | Self::Cleanup(_)
                | Self::Adopt(_)
                | Self::Diagnose(_)
                | Self::Msk(_)
                | Self::Internet(_)
        )
    }

    /// Where it saves its plan.
    fn saves<'m>(&self, matches: &'m ArgMatches) -> Option<&'m PathBuf> {
        // The files of a snapshot and a report and the folder of an export are no plans.
        let out = innermost(matches).try_get_one("out").ok().flatten();
        out.filter(|_| !matches!(self, Self::Snapshot(_) | Self::Export(_) | Self::Report(_)))
    }

    /// Whether it reads or changes an account.
    fn is_on_account(&self) -> bool {
        !matches!(
            self,
            Self::Config(_) | Self::Schema(_) | Self::Completions(_) | Self::Show(_) | Self::Options(_)
        )
    }
}

fn dispatch(cli: &Cli) -> Ending {
    match &cli.command {
        Command::Setup(setup) => setup.run(&cli.global),
        Command::Apply(apply) => apply.run(&cli.global),
        Command::Show(show) => show.run(&cli.global),
        Command::Attach(attach) => attach.run(&cli.global),
        Command::Detach(detach) => detach.run(&cli.global),
        Command::Remove(remove) => remove.run(&cli.global),
        Command::Cleanup(cleanup) => cleanup.run(&cli.global),
        Command::Adopt(adopt) => adopt.run(&cli.global),
        Command::Policy(policy) => policy.run(&cli.global),
        Command::Diagnose(diagnose) => diagnose.run(&cli.global),
        Command::Msk(msk) => msk.run(&cli.global),
        Command::Drift(drift) => drift.run(&cli.global),
        Command::List(list) => list.run(&cli.global),
        Command::Impact(impact) => impact.run(&cli.global),
        Command::Export(export) => export.run(&cli.global),
        Command::Report(report) => report.run(&cli.global),
        Command::Internet(internet) => internet.run(&cli.global),
        Command::Snapshot(snapshot) => snapshot.run(&cli.global),
        Command::Config(_) => unreachable!("it is run with the settings"),
        Command::Schema(schema) => schema.run(),
        Command::Completions(completions) => completions.run(&mut command()),
        Command::Options(_) => help::GlobalOptions::run(&mut command()),
    }
}

/// What was given to the command itself, such as `policy operator setup`.
fn innermost(mut matches: &ArgMatches) -> &ArgMatches {
    while let Some((_, below)) = matches.subcommand() {
        matches = below;
    }
    matches
}

/// Why the plan of a command cannot be saved to this file.
fn cannot_save(cli: &Cli, out: &Path) -> Option<&'static str> {
    if !cli.command.can_write() {
        Some("--out saves the plan of a command that writes; a policy is printed")
    } else if out.as_os_str() == "-" {
        Some("--out names a file: the result of the dry run is on standard output")
    } else {
        None
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
fn usage(error: &clap::Error, output: Output) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let rendered = error.render().to_string();
    if rendered.contains(|character| character != '\n' && is_unsafe(character)) {
        for line in rendered.lines() {
            let _ = writeln!(io::stderr(), "{}", plain(line));
        }
    } else {
        let _ = error.print();
    }
    if output != Output::Text {
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
        let report = Report::usage(message, &hint);
        let _ = match output {
            Output::Markdown => print(&report.document().markdown()),
            _ => print_json(&report.document()),
        };
    }
    ExitCode::from(1)
}

/// The width of a text that is not printed on a terminal, unless `COLUMNS` is set.
const WIDTH: usize = 80;

/// The text folded: to the terminal's width, else to that of `COLUMNS`, else to 80 columns.
fn for_people(text: &str, stream: &impl IsTerminal) -> String {
    let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
    let width = if stream.is_terminal() {
        textwrap::termwidth()
    } else {
        columns().unwrap_or(WIDTH)
    };
    folded(text, width)
}

/// Runs a command. A mistake of the program that shows as a panic is an error like others.
fn caught(command: impl FnOnce() -> Ending) -> Ending {
    let before = Arc::new(panic::take_hook());
    let place = Arc::new(Mutex::new(None));
    panic::set_hook({
        let (place, before) = (Arc::clone(&place), Arc::clone(&before));
        Box::new(move |info| {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(info.to_string());
            if std::env::var_os("RUST_BACKTRACE").is_some() {
                before(info);
            }
        })
    });
    let ending = panic::catch_unwind(AssertUnwindSafe(command));
    panic::set_hook(Box::new(move |info| before(info)));
    ending.unwrap_or_else(|_| {
        let place = place.lock().unwrap_or_else(PoisonError::into_inner).take();
        let error = io::Error::other(place.unwrap_or_else(|| "panicked".to_owned()));
        let hint = "this is a bug in autoconnect: please report it; the next run finds what was written".to_owned();
        Err(Box::new(Report::new("internal", &error, Some(hint))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_like_others() {
        let report = caught(|| panic!("canary {}", 7)).unwrap_err();
        assert_eq!((report.body.code.as_str(), report.status), ("internal", 1));
        assert!(report.body.message.contains("canary 7"), "{}", report.body.message);
        assert_eq!(caught(|| Ok(2)).unwrap(), 2);
    }
}
