//! The core stays pure: no SDK, no runtime, no clock, no randomness, no logging.

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

#[test]
fn the_core_imports_nothing_impure() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    for module in [
        "attach",
        "model",
        "naming",
        "nat",
        "check",
        "classify",
        "decide",
        "drift",
        "estate",
        "diagnose",
        "endpoint",
        "extras",
        "leg",
        "mend",
        "msk",
        "operation",
        "path",
        "plan",
        "policy",
        "removal",
        "requirements",
        "restore",
        "tags",
    ] {
        sources(&src.join(format!("{module}.rs")), &mut files);
        if src.join(module).is_dir() {
            sources(&src.join(module), &mut files);
        }
    }
    assert!(files.len() > 15, "{files:?}");
    let forbidden = [
        "aws_",
        "tokio",
        "tracing",
        "backoff",
        "async ",
        "std::time",
        "std::fs",
        "std::env",
        "rand",
        "HashMap",
        "HashSet",
        "crate::cloud",
        "crate::account",
        "crate::aws",
        "crate::wait",
    ];
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let code: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        for word in forbidden {
            let used = code
                .iter()
                .find(|line| line.contains(word) && (line.contains("use ") || line.contains("::") || word == "async "));
            assert_eq!(used, None, "{} uses {word}", file.display());
        }
    }
}
