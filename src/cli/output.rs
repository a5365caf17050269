//! Standard output: with `--output json` or `markdown` exactly one document, also if the command fails.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use serde::Serialize;

use super::global::Output;
use crate::escape;
use crate::report::{Document, Report};

/// Whether this run has printed its document.
static HAS_PRINTED: Mutex<bool> = Mutex::new(false);

fn printing() -> MutexGuard<'static, bool> {
    HAS_PRINTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Prints a result. A reader that has gone away is no error.
pub fn print(text: &str) -> Result<(), Box<Report>> {
    let mut has_printed = printing();
    *has_printed = true;
    write(text)
}

fn write(text: &str) -> Result<(), Box<Report>> {
    let written = anstream::stdout()
        .write_all(text.as_bytes())
        .and_then(|()| io::stdout().flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Box::new(Report::new(
            "output",
            &error,
            Some("standard output cannot be written to".to_owned()),
        ))),
        _ => Ok(()),
    }
}

/// Prints a document.
pub fn print_json(document: &impl Serialize) -> Result<(), Box<Report>> {
    let text = escape::to_json_pretty(document).map_err(|error| Box::new(Report::new("output", &error, None)))?;
    print(&(text + "\n"))
}

/// Notes that standard output has its document, however it got there.
pub fn note_printed() {
    *printing() = true;
}

/// A schedule prints a document for each of its runs.
pub fn begin_run() {
    *printing() = false;
}

/// Prints an error: for people on standard error, and with `--output json` or `markdown` on standard output too, unless the run
/// has printed its document there before it failed.
pub fn fail(report: &Report, output: Output) {
    fail_with(report, output, &mut printing());
}

/// The same from another thread. Whoever is just printing is not waited for: it may never end.
pub fn fail_now(report: &Report, output: Output) {
    let mut has_printed = match HAS_PRINTED.try_lock() {
        Ok(has_printed) => has_printed,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return,
    };
    fail_with(report, output, &mut has_printed);
}

fn fail_with(report: &Report, output: Output, has_printed: &mut bool) {
    // Where even the error cannot be printed, only the exit status can report it.
    let _ = report.write_text(&mut anstream::stderr());
    let text = match output {
        _ if *has_printed => None,
        Output::Json => escape::to_json_pretty(&report.document()).ok().map(|text| text + "\n"),
        Output::Markdown => Some(report.document().markdown()),
        Output::Text | Output::Ndjson => None,
    };
    if let Some(text) = text {
        *has_printed = true;
        let _ = write(&text);
    }
}

/// A file that could not be written.
pub fn unwritten(path: &Path, error: &std::io::Error) -> Box<Report> {
    let hint = format!("{} could not be written: check it and its folder", path.display());
    Box::new(Report::new("output", error, Some(hint)))
}
