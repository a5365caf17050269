//! The end of `--help`: the global options in short form, and examples.
//!
//! A command has its examples beside its options, as the text after its long help: a line for each purpose, and below it the
//! command lines, indented by two spaces.

use std::fmt::Write as _;

use clap::builder::PossibleValue;
use clap::{Arg, Args, Command};

use super::global::HEADING;
use super::{Ending, print};

/// The command that shows all global options with their explanations.
const OPTIONS: &str = "options";

/// The heading above the examples.
const EXAMPLES: &str = "Examples:";

/// A command line that help shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// What it is for; the same as the one above it where that is empty.
    pub purpose: String,
    /// The command line, which begins with the program's name; with a backslash before each line break.
    pub line: String,
}

/// Options of `options`: none of its own.
#[derive(Clone, Debug, Args)]
pub struct GlobalOptions {}

impl GlobalOptions {
    /// Prints what `autoconnect help options` does.
    pub fn run(command: &mut Command) -> Ending {
        command.build();
        let help = command
            .find_subcommand_mut(OPTIONS)
            .map(|options| options.render_long_help().ansi().to_string());
        print(&help.unwrap_or_default())?;
        Ok(0)
    }
}

/// A program with the end of `--help` on each of its commands. Below `autoconnect help options` each global option has its
/// whole explanation, elsewhere one line.
pub fn with_endings(program: Command) -> Command {
    let explained: Vec<Arg> = globals(&program).cloned().collect();
    with_ending(program, &[]).mut_subcommand(OPTIONS, |options| {
        options
            .override_usage("autoconnect COMMAND [OPTIONS]")
            .after_long_help(None::<&str>)
            .args(explained)
    })
}

fn globals(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|option| option.is_global_set())
}

/// `above` are the global options of the commands above this one.
fn with_ending(command: Command, above: &[Arg]) -> Command {
    let mut known: Vec<Arg> = above.to_vec();
    for own in globals(&command) {
        match known.iter_mut().find(|option| option.get_id() == own.get_id()) {
            Some(option) => *option = own.clone(),
            None => known.push(own.clone()),
        }
    }
    let ending = ending(&command, &known);
    command
        .mut_args(|option| {
            let is_global = option.is_global_set();
            option.hide_long_help(is_global)
        })
        .after_long_help(ending)
        .mut_subcommands(|below| with_ending(below, &known))
}

/// The text after the long help of a command: the global options, its examples, and what stands below its short help, too.
fn ending(command: &Command, globals: &[Arg]) -> String {
    let styles = command.get_styles();
    let (header, literal) = (styles.get_header(), styles.get_literal());
    let mut text = format!("{header}{HEADING}{header:#} (`autoconnect help {OPTIONS}` explains them):\n");
    let usages: Vec<String> = globals.iter().map(usage).collect();
    let width = usages.iter().map(String::len).max().unwrap_or_default();
    for (option, usage) in globals.iter().zip(usages) {
        let help = option.get_help().map(ToString::to_string).unwrap_or_default();
        let values = values(option);
        let pad = " ".repeat(width - usage.len());
        let _ = writeln!(text, "  {literal}{usage}{literal:#}{pad}  {help}{values}");
    }
    if let Some(examples) = command.get_after_long_help() {
        let _ = write!(text, "\n{header}{EXAMPLES}{header:#}");
        for line in examples.to_string().lines() {
            let _ = write!(text, "\n  {line}");
        }
    }
    if let Some(below) = command.get_after_help() {
        let _ = write!(text, "\n{below}");
    }
    text.trim_end().to_owned()
}

/// `-q, --quiet`, `    --region REGION`.
fn usage(option: &Arg) -> String {
    let short = option
        .get_short()
        .map_or_else(|| "    ".to_owned(), |short| format!("-{short}, "));
    let long = option.get_long().unwrap_or_default();
    let names = option.get_value_names().unwrap_or_default();
    let value = names.first().filter(|_| option.get_action().takes_values());
    let value = value.map(|name| format!(" <{name}>")).unwrap_or_default();
    format!("{short}--{long}{value}")
}

/// `: text, json`, where these are all values that an option takes.
fn values(option: &Arg) -> String {
    if !option.get_action().takes_values() {
        return String::new();
    }
    let values = option.get_possible_values();
    let values: Vec<&str> = values.iter().map(PossibleValue::get_name).collect();
    if values.is_empty() {
        String::new()
    } else {
        format!(": {}", values.join(", "))
    }
}

/// The examples in the help of a command. A line that ends with a backslash goes on in the next one.
pub fn examples(command: &Command) -> Vec<Example> {
    let help = command.get_after_long_help().map(ToString::to_string);
    let help = help.unwrap_or_default();
    let (_, listed) = help.split_once(&format!("{EXAMPLES}\n")).unwrap_or_default();
    let mut purpose = "";
    let mut examples: Vec<Example> = Vec::new();
    let mut goes_on = false;
    for line in listed.lines().take_while(|line| !line.is_empty()) {
        let text = line.trim_start();
        match examples.last_mut() {
            Some(example) if goes_on => {
                example.line.push('\n');
                example.line.push_str(text);
            }
            _ if text.starts_with("autoconnect ") => examples.push(Example {
                purpose: std::mem::take(&mut purpose).to_owned(),
                line: text.to_owned(),
            }),
            _ => purpose = text.trim_end_matches(':'),
        }
        goes_on = text.ends_with('\\');
    }
    examples
}

impl Example {
    /// The arguments, the first being the program's name. The examples quote nothing.
    pub fn arguments(&self) -> Vec<&str> {
        self.line.split_whitespace().filter(|word| *word != "\\").collect()
    }
}
