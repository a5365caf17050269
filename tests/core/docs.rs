//! The documentation keeps up with the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use autoconnect::drift::FindingKind;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn every_error_code_is_documented() {
    let documented = read("docs/errors.md");
    let mut codes = Vec::new();
    for file in [
        "src/cloud/error.rs",
        "src/requirements/unmet.rs",
        "src/attach/unmet.rs",
        "src/requirements/cross_vpc.rs",
        "src/requirements/extras.rs",
        "src/requirements/internet.rs",
        "src/requirements/msk.rs",
        "src/removal/unmet.rs",
        "src/observe/error.rs",
        "src/reconcile/error.rs",
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
