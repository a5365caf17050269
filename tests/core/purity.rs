//! Habits that no lint holds: patterns without Unicode's tables, lists of AWS that are read to a bounded end, and styles that
//! values cannot imitate. What the core may use is held by its crate's dependencies and `src/core/clippy.toml`.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            sources(&entry.unwrap().path(), found);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        found.push(path.to_owned());
    }
}

/// `regex` is built without Unicode's tables, which the tests' own dependencies bring in: a pattern that needs them works in
/// every test, and panics in the program.
#[test]
fn patterns_need_no_tables_of_unicode() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut patterns = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for (at, _) in text.match_indices("Regex::new(") {
            let pattern = &text[at..text[at..].find(".expect(").map_or(text.len(), |end| at + end)];
            let ascii = pattern.replace(r"(?-u:\b(?i:role)\b)", "");
            for needs in [
                r"\w", r"\W", r"\d", r"\D", r"\s", r"\S", r"\b", r"\B", r"\p", "(?i)", "(?i:",
            ] {
                assert!(!ascii.contains(needs), "{}: {needs} in {pattern}", file.display());
            }
            patterns += 1;
        }
    }
    assert!(patterns > 4, "{patterns}");
}

/// The SDK's own paginators end without an error where a page leads to itself, and never where two lead to each other.
#[test]
fn lists_of_aws_are_read_by_the_macro_that_bounds_them() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws"), &mut files);
    assert!(files.len() > 10, "{files:?}");
    // The macro itself is in the crate's root.
    for file in files.iter().filter(|file| !file.ends_with("lib.rs")) {
        let text = fs::read_to_string(file).unwrap();
        assert!(!text.contains("into_paginator"), "{}: use all_items!", file.display());
    }
}

/// Styles of the program are marks until a line is made of them, so that no value can look like one.
#[test]
fn styles_of_texts_are_the_program_s_own() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    for file in files.iter().filter(|file| !file.ends_with("report/style.rs")) {
        let text = fs::read_to_string(file).unwrap();
        let uses = text.contains("anstyle::Style") || text.contains("anstyle::{AnsiColor, Style}");
        assert!(!uses, "{}: use crate::report::style::Style", file.display());
    }
}
