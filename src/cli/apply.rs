//! `autoconnect apply`: carries out a saved plan.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, FromArgMatches};

use super::arguments::Tag;
use super::batch::WITH_MANIFEST;
use super::global::Global;
use super::{Cli, Ending, command, dispatch};
use crate::report::{PlanError, Report, SavedPlan};

const EXAMPLES: &str = "\
Apply a plan after it was reviewed; it asks first:
  autoconnect apply plan.json
Apply it in CI, where nobody can be asked:
  autoconnect apply plan.json --yes";

/// Options of `apply`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Apply {
    /// The plan, as `--out` has saved it
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    /// Apply without asking
    #[arg(long, short)]
    yes: bool,
    /// Read the password of a new secret from standard input, instead of asking for it
    #[arg(long)]
    db_password_stdin: bool,
}

impl Apply {
    pub fn run(&self, global: &Global) -> Ending {
        let plan = SavedPlan::read(&self.plan).map_err(|error| Box::new(Report::from(&error)))?;
        let given = [(self.yes, "--yes"), (self.db_password_stdin, "--db-password-stdin")];
        let given: Vec<&str> = given
            .iter()
            .filter(|(is_given, _)| *is_given)
            .map(|(_, option)| *option)
            .collect();
        let cli = command_of(&plan, &self.plan.display().to_string(), &given)?;
        let global = Global {
            applies: Some(Arc::new(plan)),
            ..global.clone()
        };
        dispatch(&Cli { global, ..cli })
    }
}

/// The command of the plan from `path`, with these options besides. It has exactly the options that a saved plan has: none of the account, of the output, or of how
/// to run.
pub fn command_of(plan: &SavedPlan, path: &str, given: &[&str]) -> Result<Cli, Box<Report>> {
    let parse = |more: &[&str]| {
        let arguments = plan.arguments.iter().map(String::as_str);
        let arguments = std::iter::once("autoconnect")
            .chain(arguments)
            .chain(more.iter().copied());
        command().try_get_matches_from(arguments)
    };
    let invalid = || {
        let path = path.to_owned();
        let why = "its arguments are not those of a command that writes".to_owned();
        Box::new(Report::from(&PlanError::Invalid { path, why }))
    };
    let matches = parse(&[]).map_err(|_| invalid())?;
    let saved = Cli::from_arg_matches(&matches).map_err(|_| invalid())?;
    let sorted = |mut arguments: Vec<String>| {
        arguments.sort_unstable();
        arguments
    };
    let is_whole = sorted(arguments_of(&matches, &[])) == sorted(plan.arguments.clone());
    if !is_whole || !saved.command.can_write() {
        return Err(invalid());
    }
    let cli = parse(given).and_then(|matches| Cli::from_arg_matches(&matches));
    cli.map_err(|_| {
        let wrong = "--db-password-stdin is for a plan that creates a secret, which this one does not";
        Report::usage(wrong, "omit --db-password-stdin")
    })
}

/// The options that belong to a run and not to what it brings about, and those that are read again when the plan is applied.
const LEFT_OUT: [&str; 5] = ["dry_run", "out", "detailed_exitcode", "yes", "db_password_stdin"];

/// A command with its options, as a saved plan keeps it: with the default tags, and without the options of the account and of
/// the output.
pub fn arguments_of(matches: &ArgMatches, default_tags: &[Tag]) -> Vec<String> {
    let mut command = command();
    command.build();
    let globals: Vec<String> = command
        .get_arguments()
        .map(|argument| argument.get_id().to_string())
        .collect();
    let mut arguments = Vec::new();
    let (mut command, mut matches) = (&command, matches);
    while let Some((name, below)) = matches.subcommand() {
        let Some(found) = command.find_subcommand(name) else {
            break;
        };
        arguments.push(name.to_owned());
        (command, matches) = (found, below);
        for argument in command.get_arguments() {
            let id = argument.get_id().as_str();
            // An option of one connection does not go with a manifest, although it has a default.
            let is_many = matches.try_contains_id("manifest").unwrap_or_default();
            let is_default = matches.value_source(id) == Some(ValueSource::DefaultValue);
            let is_of_one = is_many && is_default && !WITH_MANIFEST.contains(&id);
            let is_left_out = is_of_one || LEFT_OUT.contains(&id) || globals.iter().any(|global| global == id);
            if is_left_out {
                continue;
            }
            let values = matches.try_get_raw(id).ok().flatten().into_iter().flatten();
            let values = values.map(|value: &OsStr| value.to_string_lossy().into_owned());
            match argument.get_long() {
                None => arguments.extend(values),
                Some(long) if argument.get_action().takes_values() => {
                    arguments.extend(values.map(|value| format!("--{long}={value}")));
                }
                Some(long) => {
                    let is_set = matches.try_get_one::<bool>(id).is_ok_and(|value| value == Some(&true));
                    arguments.extend(is_set.then(|| format!("--{long}")));
                }
            }
        }
    }
    let is_given = |tag: &&Tag| {
        let keys = arguments
            .iter()
            .filter_map(|argument| argument.strip_prefix("--tag=")?.split('=').next());
        keys.into_iter().any(|key| key.eq_ignore_ascii_case(&tag.key))
    };
    let added = default_tags.iter().filter(|tag| !is_given(tag));
    let added: Vec<String> = added.map(|tag| format!("--tag={}={}", tag.key, tag.value)).collect();
    arguments.extend(added);
    arguments
}
