//! What fits where the cursor is, for the scripts of the shells.
//!
//! A script calls `autoconnect __complete SHELL …`: for zsh and fish with the words up to the cursor, the last one being the
//! one to complete; for bash with the characters that end a word and with the line up to the cursor. The first line of the
//! answer is `values` or `files`: with `files` the shell offers files by itself. Then comes what fits, one on each line,
//! with its meaning after a tab. Nothing is ever printed that means something to a shell, and nothing is an error.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::panic;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Arg, Command};
use clap_complete::engine::{self, ArgValueCompleter, CompletionCandidate};

use super::names::{Account, Kind};
use crate::cli::global::HEADING as GLOBAL;
use crate::cli::{command, option};

/// The argument by which a script asks.
pub const REQUEST: &str = "__complete";

/// Stands for the files that the shell offers.
const FILES: &str = "<files>";

/// The names of values that are paths.
const PATHS: [&str; 3] = ["FILE", "DIR", "PLAN"];

/// Prints what fits. Whatever goes wrong, it prints less.
pub fn answer(request: &[OsString]) {
    panic::set_hook(Box::new(|_| ()));
    let Ok(answer) = panic::catch_unwind(|| answer_of(request)) else {
        return;
    };
    // A shell that does not read on misses nothing.
    let _ = io::stdout().write_all(answer.as_bytes());
}

fn answer_of(request: &[OsString]) -> String {
    let (shell, rest) = match request {
        [shell, rest @ ..] => (shell.to_str().unwrap_or_default(), rest),
        [] => return String::new(),
    };
    let words = match (shell, rest) {
        ("bash", [_, line]) => line.to_str().and_then(words_of),
        ("bash", _) => None,
        _ => Some(rest.to_vec()),
    };
    let Some((word, before)) = words.as_ref().and_then(|words| words.split_last()) else {
        return String::new();
    };
    let fits = fits(before, word);
    if fits.iter().any(|(value, _)| value.ends_with(FILES)) {
        return "files\n".to_owned();
    }
    let mut answer = "values\n".to_owned();
    for (value, meaning) in fits {
        if shell == "bash" {
            let ends = rest[0].to_string_lossy();
            answer.push_str(beyond(&value, &word.to_string_lossy(), &ends));
        } else {
            answer.push_str(&value);
            if !meaning.is_empty() {
                answer.push('\t');
                answer.push_str(&meaning);
            }
        }
        answer.push('\n');
    }
    answer
}

/// The words of a line of bash up to the cursor, from the program's name on, without what stands before it to set
/// variables. None within quotes, and where a variable is set that names another account.
fn words_of(line: &str) -> Option<Vec<OsString>> {
    // A letter shows whether the cursor is in a word or after it.
    let mut words = shlex::split(&format!("{line}x"))?;
    let last = words.pop()?;
    words.push(last.strip_suffix('x')?.to_owned());
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let sets = |word: &String| word.split_once('=').is_some_and(|(name, _)| name.chars().all(is_name));
    let first = words.iter().position(|word| !sets(word)).unwrap_or(words.len());
    let command = words.split_off(first);
    // They are not set here, and so the names would be those of another account.
    if words
        .iter()
        .any(|word| word.starts_with("AWS_") || word.starts_with("AUTOCONNECT_"))
    {
        return None;
    }
    Some(command.into_iter().map(OsString::from).collect())
}

/// The part of a value that bash has not seen as words of their own: it ends words at `:` and `=`.
fn beyond<'v>(value: &'v str, word: &str, ends: &str) -> &'v str {
    let seen = word.rfind(|c| matches!(c, ':' | '=') && ends.contains(c));
    seen.and_then(|at| value.get(at + 1..)).unwrap_or(value)
}

/// What fits in place of a word, with its meaning.
fn fits(before: &[OsString], word: &OsStr) -> Vec<(String, String)> {
    let account = Arc::new(Account {
        offline: option(before, "--offline").map(path),
        region: option(before, "--region").map(str::to_owned),
        profile: option(before, "--profile").map(str::to_owned),
        endpoint_url: option(before, "--endpoint-url").map(str::to_owned),
    });
    let mut words = before.to_vec();
    words.push(word.to_owned());
    let at = before.len();
    let found = engine::complete(&mut with_names(command(), &account), words, at, None).unwrap_or_default();
    let (global, own): (Vec<_>, Vec<_>) = found.into_iter().partition(is_global);
    let text = |candidate: &CompletionCandidate| {
        let value = candidate.get_value().to_str()?.to_owned();
        let meaning = candidate.get_help().map(ToString::to_string).unwrap_or_default();
        let meaning = meaning.lines().next().unwrap_or_default().replace('\t', " ");
        (is_harmless(&value) || value.ends_with(FILES)).then_some((value, meaning))
    };
    let mut fits: Vec<(String, String)> = own.iter().chain(&global).filter_map(text).collect();
    // Options are offered where nothing else is, or where the word begins like one.
    if word.is_empty() && fits.iter().any(|(value, _)| !value.starts_with('-')) {
        fits.retain(|(value, _)| !value.starts_with('-'));
    }
    fits
}

/// Whether it is an option that every command takes.
fn is_global(candidate: &CompletionCandidate) -> bool {
    candidate.get_tag().is_some_and(|heading| heading.to_string() == GLOBAL)
}

/// Whether a shell reads it as one word that means nothing else. All names that AWS allows are such words.
fn is_harmless(value: &str) -> bool {
    !value.is_empty()
        && value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_./:=@,+".contains(c))
}

/// A path as it is typed: `~/` is the home folder.
fn path(typed: &str) -> PathBuf {
    match (typed.strip_prefix("~/"), env::var_os("HOME")) {
        (Some(below), Some(home)) => PathBuf::from(home).join(below),
        _ => typed.into(),
    }
}

/// The command line, with the names of an account as values, and files left to the shell.
fn with_names(command: Command, account: &Arc<Account>) -> Command {
    command
        .mut_args(|option| with_values(option, account))
        .mut_subcommands(|below| with_names(below, account))
}

fn with_values(option: Arg, account: &Arc<Account>) -> Arg {
    let names = option.get_value_names().unwrap_or_default();
    if names.iter().any(|name| PATHS.iter().any(|path| name.ends_with(path))) {
        return option.add(ArgValueCompleter::new(|_: &OsStr| {
            vec![CompletionCandidate::new(FILES)]
        }));
    }
    let Some(kind) = Kind::of_option(option.get_id().as_str()) else {
        return option;
    };
    let takes = |word: &str| {
        names
            .iter()
            .any(|name| name.split('|').any(|part| part.starts_with(word)))
    };
    let mut words = Vec::new();
    if kind == Kind::Proxy && takes("none") {
        words.push("none");
    }
    if kind == Kind::Proxy && takes("new") {
        words.push("new");
    }
    let account = Arc::clone(account);
    option.add(ArgValueCompleter::new(move |typed: &OsStr| {
        let typed = typed.to_string_lossy();
        let names = account.names(kind);
        let all = words.iter().map(|word| (*word).to_owned()).chain(names);
        all.filter(|name| name.starts_with(&*typed))
            .map(CompletionCandidate::new)
            .collect()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_bash_reads_it() {
        let table: [(&str, Option<&[&str]>); 8] = [
            ("autoconnect ", Some(&["autoconnect", ""])),
            ("autoconnect setup --clu", Some(&["autoconnect", "setup", "--clu"])),
            ("LANG=C autoconnect l", Some(&["autoconnect", "l"])),
            ("AWS_PROFILE=live autoconnect l", None),
            (
                "autoconnect list --offline 'my file' --c",
                Some(&["autoconnect", "list", "--offline", "my file", "--c"]),
            ),
            (
                "autoconnect list --offline=a\\ b ",
                Some(&["autoconnect", "list", "--offline=a b", ""]),
            ),
            ("autoconnect list --offline \"open", None),
            (
                "autoconnect list $(touch x) --c",
                Some(&["autoconnect", "list", "$(touch", "x)", "--c"]),
            ),
        ];
        for (line, words) in table {
            let expected = words.map(|words| words.iter().map(OsString::from).collect::<Vec<_>>());
            assert_eq!(words_of(line), expected, "{line}");
        }
    }

    #[test]
    fn bash_has_seen_what_stands_before_a_colon() {
        let arn = "arn:aws:kafka:eu-central-1:1:cluster/orders/1";
        assert_eq!(
            beyond(arn, "arn:aws:ka", " =:"),
            "kafka:eu-central-1:1:cluster/orders/1"
        );
        assert_eq!(beyond(arn, "arn:aws:ka", " "), arn);
        assert_eq!(beyond("--cluster=orders", "--cluster=or", "=:"), "orders");
        assert_eq!(beyond("orders", "or", "=:"), "orders");
    }

    #[test]
    fn what_a_shell_could_read_is_not_offered() {
        for name in [
            "",
            "a b",
            "$(touch x)",
            "`x`",
            "a;b",
            "a\nb",
            "a'b",
            "~",
            "*",
            "a\u{202e}b",
            "é",
        ] {
            assert!(!is_harmless(name), "{name}");
        }
        assert!(is_harmless("arn:aws:lambda:eu-central-1:1:function:f_1-2"));
    }
}
