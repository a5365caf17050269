//! The documentation keeps up with the code.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use autoconnect::drift::FindingKind;

use crate::generated::assert_part_current;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn every_error_code_is_documented() {
    let documented = read("docs/errors.md");
    let mut codes = Vec::new();
    for file in [
        "src/engine/cloud/error.rs",
        "src/core/preconditions/unmet.rs",
        "src/core/attach/unmet.rs",
        "src/core/preconditions/cross_vpc.rs",
        "src/core/preconditions/extras.rs",
        "src/core/preconditions/internet.rs",
        "src/core/preconditions/msk.rs",
        "src/core/removal/unmet.rs",
        "src/core/export/find.rs",
        "src/engine/observe/error.rs",
        "src/engine/reconcile/error.rs",
    ] {
        let source = read(file);
        for part in source.split("pub fn code(&self)").skip(1) {
            let body = part.split("\n    }\n").next().unwrap();
            codes.extend(
                body.split("=> \"")
                    .skip(1)
                    .map(|rest| rest.split('"').next().unwrap().to_owned()),
            );
        }
    }
    assert!(codes.len() > 40, "{codes:?}");
    for code in codes {
        assert!(
            documented.contains(&format!("`{code}`")),
            "{code} is not in docs/errors.md"
        );
    }
}

#[test]
fn every_finding_of_drift_is_documented() {
    let documented = read("docs/drift.md");
    for kind in FindingKind::ALL {
        let kind = kind.as_str();
        assert!(
            documented.contains(&format!("`{kind}`")),
            "{kind} is not in docs/drift.md"
        );
    }
}

#[test]
fn every_option_of_setup_is_in_the_readme() {
    let readme = read("README.md");
    let help = read("tests/cli/snapshots/cli__help_setup.snap");
    let options: BTreeSet<&str> = help
        .split(|c: char| !c.is_ascii_alphabetic() && c != '-')
        .filter(|word| word.starts_with("--") && word.len() > 2)
        .collect();
    assert!(options.len() > 25, "{options:?}");
    let common = ["--color", "--verbose", "--quiet", "--log-format", "--help"];
    for option in options.iter().filter(|option| !common.contains(option)) {
        assert!(readme.contains(option), "{option} is not in the README");
    }
}

/// Each promise names the test that holds it, as `tests/…/file.rs::name`.
#[test]
fn every_test_that_a_promise_names_exists() {
    let promises = read("docs/safety.md");
    let named: BTreeSet<(&str, &str)> = promises
        .split('`')
        .filter_map(|code| code.split_once("::"))
        .filter(|(file, _)| file.starts_with("tests/"))
        .collect();
    assert!(named.len() > 15, "{named:?}");
    for (file, test) in named {
        let source = read(file);
        let (_, body) = source
            .split_once(&format!("fn {test}("))
            .unwrap_or_else(|| panic!("docs/safety.md names {file}::{test}, which does not exist"));
        let before = &source[..source.len() - body.len()];
        let attributes = before.rsplit("\n\n").next().unwrap_or_default();
        assert!(
            attributes.contains("#[test]") || attributes.contains("#[tokio::test"),
            "{file}::{test} is no test"
        );
    }
}

#[test]
fn the_command_line_reference_is_current() {
    let mut command = autoconnect::cli::command();
    command.build();
    let mut reference = String::new();
    options(&mut reference, "Global options", &command, clap::Arg::is_global_set);
    for subcommand in command.get_subcommands() {
        describe(&mut reference, "autoconnect", subcommand);
    }
    assert_part_current("docs/command-line.md", &reference);
}

/// A section for a command, or one for each of its subcommands.
fn describe(reference: &mut String, above: &str, command: &clap::Command) {
    if command.get_name() == "help" || command.is_hide_set() {
        return;
    }
    let name = format!("{above} {}", command.get_name());
    if command.get_subcommands().next().is_none() || command.get_arguments().any(|option| !option.is_global_set()) {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        write!(reference, "\n### {name}\n\n{about}.\n").unwrap();
        options(reference, "", command, |option| !option.is_global_set());
    }
    for subcommand in command.get_subcommands() {
        describe(reference, &name, subcommand);
    }
}

fn options(reference: &mut String, heading: &str, command: &clap::Command, wanted: impl Fn(&clap::Arg) -> bool) {
    if !heading.is_empty() {
        write!(reference, "\n### {heading}\n").unwrap();
    }
    let mut rows = String::new();
    for option in command.get_arguments().filter(|option| wanted(option)) {
        if option.is_hide_set() || matches!(option.get_id().as_str(), "help" | "version") {
            continue;
        }
        let values = option.get_value_names().unwrap_or_default().join(" ");
        let usage = match (option.get_long(), option.get_short()) {
            (Some(long), short) => {
                let short = short.map(|short| format!("-{short}, ")).unwrap_or_default();
                let takes_value = option.get_action().takes_values();
                let value = if takes_value {
                    format!(" {values}")
                } else {
                    String::new()
                };
                format!("{short}--{long}{value}")
            }
            (None, _) => values,
        };
        let help = option.get_long_help().or_else(|| option.get_help());
        let help = help.map(ToString::to_string).unwrap_or_default();
        let mut help = help.replace("\n\n", ". ");
        let allowed: Vec<_> = option
            .get_possible_values()
            .iter()
            .map(|value| format!("`{}`", value.get_name()))
            .collect();
        if !allowed.is_empty() && option.get_action().takes_values() {
            write!(help, ". One of {}", allowed.join(", ")).unwrap();
        }
        if let ([default], true) = (option.get_default_values(), option.get_action().takes_values()) {
            write!(help, ". Default: `{}`", default.to_string_lossy()).unwrap();
        }
        writeln!(
            rows,
            "| `{}` | {} |",
            usage.replace('|', "\\|"),
            help.replace('\n', " ").replace('|', "\\|")
        )
        .unwrap();
    }
    if !rows.is_empty() {
        write!(reference, "\n| option | meaning |\n|---|---|\n{rows}").unwrap();
    }
}

/// Comments cite the page in docs/ that holds a rule. After the page can stand the sections, as `page.md, "One" and "Two"`,
/// and before it a row of a table, as `` `row` of page.md ``.
#[test]
fn every_page_that_a_comment_cites_exists() {
    let mut sources = Vec::new();
    for folder in ["src", "tests"] {
        rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut sources);
    }
    let mut seen = (0, 0, 0);
    for source in sources {
        let comments = comments(&fs::read_to_string(&source).unwrap());
        let mut rest = comments.as_str();
        while let Some(start) = rest.find("docs/") {
            let (before, from) = rest.split_at(start);
            let end = from.find(|c: char| !c.is_ascii_alphanumeric() && !"/-._".contains(c));
            let (path, after) = from.split_at(end.unwrap_or(from.len()));
            rest = after;
            let path = path.trim_end_matches('.');
            if Path::new(path).extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            seen.0 += 1;
            let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
            let page = fs::read_to_string(page).unwrap_or_else(|_| panic!("{} cites {path}", source.display()));
            let headings: BTreeSet<&str> = page
                .lines()
                .filter(|line| line.starts_with('#'))
                .map(|line| line.trim_start_matches('#').trim())
                .collect();
            let mut list = after;
            while let Some(quoted) = list.strip_prefix(", \"").or_else(|| list.strip_prefix(" and \"")) {
                let (heading, more) = quoted.split_once('"').unwrap();
                assert!(
                    headings.contains(heading),
                    "{} cites the section {heading:?} of {path}, which has {headings:?}",
                    source.display()
                );
                seen.1 += 1;
                list = more;
            }
            if let Some(row) = before
                .strip_suffix("` of ")
                .and_then(|before| before.rsplit('`').next())
            {
                assert!(
                    page.contains(&format!("| `{row}`")),
                    "{} cites `{row}` of {path}, which has no such row",
                    source.display()
                );
                seen.2 += 1;
            }
        }
    }
    assert!(seen.0 > 80 && seen.1 > 30 && seen.2 > 10, "{seen:?}");
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The comments of a source, each block of lines as one line.
fn comments(source: &str) -> String {
    let mut all = String::new();
    for line in source.lines() {
        match line.trim_start().strip_prefix("//") {
            Some(comment) => {
                all.push(' ');
                all.push_str(comment.trim_start_matches(['/', '!']).trim());
            }
            None => all.push('\n'),
        }
    }
    all
}
