//! The documentation keeps up with the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

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
        "src/requirements/attach.rs",
        "src/requirements/extras.rs",
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
