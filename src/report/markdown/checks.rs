//! The checks of `diagnose`, `internet check` and `msk check`, and those within the document of a run.

use std::cmp::Reverse;

use super::page::{Page, Section, TITLE, cell, clipped, commands, list, row, text};
use super::{Document, place};
use crate::diagnostics::{Check, Status};
use crate::escape::{markdown, markdown_code};
use crate::report::ChecksDocument;
use crate::units::count;

impl Document for ChecksDocument {
    fn markdown(&self) -> String {
        let mut page = Page::titled(&format!("autoconnect {}", markdown(&clipped(&self.command, TITLE))));
        page.fixed(format!(
            "**{}:** {}",
            verdict(self.checks.verdict),
            text(&self.checks.summary)
        ));
        page.fixed(format!(
            "{} in {}.",
            counts(&self.checks.checks),
            place(self.account.as_ref(), self.region.as_ref())
        ));
        sections(&mut page, &self.checks.checks);
        page.render()
    }
}

/// A verdict at the beginning of a line.
fn verdict(status: Status) -> &'static str {
    match status {
        Status::Pass => "Pass",
        Status::Warn => "Warning",
        Status::Unknown => "Unknown",
        Status::Fail => "Fail",
    }
}

/// How many checks have which status.
fn counts(checks: &[Check]) -> String {
    let of = |status| checks.iter().filter(|check| check.status == status).count();
    let counts = [Status::Fail, Status::Unknown, Status::Warn, Status::Pass]
        .into_iter()
        .map(|status| (of(status), status))
        .filter(|(count, _)| *count > 0)
        .map(|(count, status)| format!("{count} {status}"));
    let counts: Vec<String> = counts.collect();
    match counts.as_slice() {
        [] => "No checks".to_owned(),
        counts => format!("{}: {}", count(checks.len(), "check"), counts.join(", ")),
    }
}

/// A table of the checks, the worst first, and folded what they rest on and what to do.
fn sections(page: &mut Page, checks: &[Check]) {
    let (told, passed) = by_status(checks);
    let rows = told.iter().chain(&passed).map(|check| {
        row([
            check.status.to_string(),
            markdown_code(&clipped(&check.id, TITLE)),
            cell(&check.message),
        ])
    });
    let columns = ["status", "check", "result"];
    page.section(Section::table(1, &columns, rows.collect(), "check"));
    page.section(Section::folded(2, "Evidence and remedies", in_full(&told), "check"));
    page.section(Section::folded(
        3,
        "Evidence of the checks that pass",
        in_full(&passed),
        "check",
    ));
}

/// Those that do not pass, the worst first, and those that do.
fn by_status(checks: &[Check]) -> (Vec<&Check>, Vec<&Check>) {
    let (mut told, passed): (Vec<&Check>, Vec<&Check>) = checks.iter().partition(|check| check.status != Status::Pass);
    told.sort_by_key(|check| Reverse(check.status));
    (told, passed)
}

/// All checks in one folded section of this rank, the worst first.
pub fn folded(rank: u8, checks: &[Check]) -> Section {
    let (told, passed) = by_status(checks);
    let units = in_full(&[told, passed].concat());
    Section::folded(rank, &counts(checks), units, "check")
}

fn in_full(checks: &[&Check]) -> Vec<String> {
    checks.iter().map(|check| unit(check)).collect()
}

/// A check with its evidence and its remedy, as a unit.
fn unit(check: &Check) -> String {
    let mut unit = format!(
        "**{}** {}: {}\n\n",
        check.status,
        markdown_code(&clipped(&check.id, TITLE)),
        text(&check.message)
    );
    // What the message says need not be said again.
    let evidence = check.evidence.iter().filter(|evidence| **evidence != check.message);
    let evidence = list(evidence.map(String::as_str));
    if !evidence.is_empty() {
        unit += &evidence;
        unit.push('\n');
    }
    let remedies: Vec<&str> = check.remedy.iter().flat_map(|remedy| remedy.lines()).collect();
    if !remedies.is_empty() {
        unit += "To fix it:\n\n";
        unit += &commands(&remedies);
        unit.push('\n');
    }
    unit
}
