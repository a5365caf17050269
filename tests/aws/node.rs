//! The packages of npm that the tests need, pinned and with hashes, below the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// A folder in which the packages of `tests/peer/NAME` are installed.
pub fn packages(name: &str) -> PathBuf {
    /// Tests run at the same time, and several may need what is not there yet.
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _installing = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer").join(name);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("npm-{name}"));
    let lock = fs::read_to_string(wanted.join("package-lock.json")).expect("the lock file is there");
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|found| found == lock) {
        return folder;
    }
    eprintln!("installing packages of npm into {}: seconds, once", folder.display());
    fs::create_dir_all(&folder).expect("the target folder can be written to");
    for file in ["package.json", "package-lock.json"] {
        fs::copy(wanted.join(file), folder.join(file)).expect("the target folder can be written to");
    }
    let ran = Command::new("npm")
        .args(["ci", "--silent"])
        .current_dir(&folder)
        .status();
    let status = ran.unwrap_or_else(|error| panic!("the tests of CDK stacks need Node.js with npm: {error}"));
    assert!(status.success(), "npm ci failed with {status}");
    fs::write(&installed, lock).expect("the target folder can be written to");
    folder
}
