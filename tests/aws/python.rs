//! Python environments of the tests' own, pinned and with hashes. They are made where they are missing, below the target
//! folder; nothing outside it changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// The interpreter of an environment that holds exactly what the requirements name.
pub fn environment(name: &str, requirements: &Path) -> PathBuf {
    /// Tests run at the same time, and several may need one that is not there yet.
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = fs::read_to_string(requirements).expect("the requirements are there");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let python = folder.join("bin/python");
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|found| found == wanted) {
        return python;
    }
    eprintln!(
        "installing what the tests need of Python into {}: about a minute, once",
        folder.display()
    );
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
    run(Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
            // The requirements name all that is needed.
            "--no-deps",
            "--requirement",
        ])
        .arg(requirements));
    fs::write(&installed, wanted).expect("the environment can be written to");
    python
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| {
        panic!("the tests over the wire need python3 (3.10 or later) with venv: {command:?}: {error}")
    });
    assert!(status.success(), "{command:?} failed with {status}");
}
