//! The files that a command line names: what is written must not replace what is read, nor be mixed with the result.

use std::ffi::OsStr;
use std::path::Path;

use clap::ArgMatches;

use crate::files::{is_same_file, is_stdout};

/// Options and arguments that name a file to read.
pub const READ: [&str; 6] = [
    "offline",
    "manifest",
    "plan",
    "template",
    "terraform_plan",
    "terraform_state",
];

/// Options that name a file to write. A state file is read before.
pub const WRITTEN: [&str; 4] = ["state_file", "out", "metrics_file", "resources_to_import"];

/// Those of them that are written beside a result, which is on standard output.
const BESIDE_A_RESULT: [&str; 2] = ["metrics_file", "resources_to_import"];

/// What is wrong with the files that the options name.
pub fn mistake(matches: &ArgMatches) -> Option<String> {
    let matches = super::innermost(matches);
    for written in BESIDE_A_RESULT {
        if paths(matches, written).any(|path| is_stdout(path).unwrap_or(false)) {
            return Some(format!(
                "{} names a file: the result is on standard output",
                option(written)
            ));
        }
    }
    for (at, written) in WRITTEN.into_iter().enumerate() {
        for path in paths(matches, written) {
            let others = READ.iter().chain(&WRITTEN[..at]);
            let replaced = others.copied().find(|other| {
                let mut others = paths(matches, other);
                others.any(|other| is_same_file(other, path))
            });
            if let Some(other) = replaced {
                return Some(format!(
                    "{} names the file of {}, which it would replace",
                    option(written),
                    option(other)
                ));
            }
        }
    }
    None
}

fn paths<'m>(matches: &'m ArgMatches, id: &str) -> impl Iterator<Item = &'m Path> {
    let values = matches.try_get_raw(id).ok().flatten();
    let paths = values.into_iter().flatten().map(move |value| (value, id == "template"));
    paths.flat_map(|(value, is_template)| {
        // A template may have its stack before it.
        let file = is_template.then(|| value.to_str()?.split_once('=').map(|(_, file)| OsStr::new(file)));
        [Some(value), file.flatten()].into_iter().flatten().map(Path::new)
    })
}

fn option(id: &str) -> String {
    match id {
        "plan" => "PLAN".to_owned(),
        id => format!("--{}", id.replace('_', "-")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command;

    /// The options whose value is called `FILE`, `DIR` or `PLAN` in the help.
    fn files_of(command: &clap::Command, found: &mut Vec<String>) {
        let is_file = |argument: &&clap::Arg| {
            let names = argument.get_value_names().unwrap_or_default();
            names
                .iter()
                .any(|name| name.ends_with("FILE") || matches!(name.as_str(), "DIR" | "PLAN"))
        };
        found.extend(
            command
                .get_arguments()
                .filter(is_file)
                .map(|argument| argument.get_id().to_string()),
        );
        for command in command.get_subcommands() {
            files_of(command, found);
        }
    }

    #[test]
    fn every_option_that_names_a_file_is_known() {
        let mut found = Vec::new();
        files_of(&command(), &mut found);
        found.sort_unstable();
        found.dedup();
        let mut known: Vec<_> = READ.into_iter().chain(WRITTEN).map(str::to_owned).collect();
        known.sort_unstable();
        assert_eq!(found, known);
    }
}
