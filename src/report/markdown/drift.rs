//! The connections of a look at drift.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::page::{CELL, TITLE};
use super::page::{Page, Section, cell, clipped, commands, fold, item, row, text};
use super::{Document, place};
use crate::drift::{Finding, Severity, Verdict};
use crate::escape::{command, markdown_code};
use crate::monitor::RepairResult;
use crate::report::drift::{repair_in_words, repairs_in_words};
use crate::report::{ConnectionDrift, DriftDocument, DriftSummary};
use crate::units::count;

/// How many findings of a connection are shown before the rest is only counted.
const FINDINGS: usize = 20;

impl Document for DriftDocument {
    fn markdown(&self) -> String {
        let DriftSummary {
            in_sync,
            drifted,
            broken,
            unknown,
        } = self.summary;
        let is_alone = self.account.is_some() || self.connections.is_empty();
        let place = if is_alone {
            place(self.account.as_ref(), self.region.as_ref())
        } else {
            "several accounts and Regions".to_owned()
        };
        let mut page = Page::titled("autoconnect drift");
        page.fixed(format!(
            "**{}:** {in_sync} in sync, {drifted} drifted, {broken} broken, {unknown} unknown in {place}.",
            count(self.connections.len(), "connection")
        ));
        let results = self
            .connections
            .iter()
            .filter_map(|connection| Some(connection.repair.as_ref()?.result));
        if let Some(repairs) = repairs_in_words(results) {
            page.fixed(format!("**Repairs:** {repairs}."));
        }
        let (mut told, fit): (Vec<&ConnectionDrift>, Vec<&ConnectionDrift>) = self
            .connections
            .iter()
            .partition(|connection| connection.verdict != Verdict::InSync || connection.repair.is_some());
        told.sort_by_key(|connection| Reverse((worst(connection).map(|finding| finding.severity), connection.verdict)));
        let columns = ["connection", "verdict", "severity", "finding", "account", "Region"];
        let columns = if is_alone { &columns[..4] } else { &columns };
        let rows = told.iter().map(|connection| {
            let cells = cells(connection);
            row(&cells[..columns.len()])
        });
        page.section(Section::table(1, columns, rows.collect(), "connection"));
        let units = told.iter().map(|connection| findings(connection)).collect();
        page.section(Section::open(2, units, "connection"));
        let names = fit.iter().map(|connection| name(&connection.name)).collect();
        let summary = format!("{} in sync", count(fit.len(), "connection"));
        page.section(Section::folded(3, &summary, names, "connection"));
        page.render()
    }
}

fn name(name: &str) -> String {
    format!("- {}\n", markdown_code(&clipped(name, CELL)))
}

/// The worst of its findings.
fn worst(connection: &ConnectionDrift) -> Option<&Finding> {
    let worst: Option<Severity> = connection.findings.iter().map(|finding| finding.severity).max();
    let mut findings = connection.findings.iter();
    findings.find(|finding| Some(finding.severity) == worst)
}

fn cells(connection: &ConnectionDrift) -> [String; 6] {
    let optional = |value: Option<&String>| {
        value
            .map(|value| markdown_code(&clipped(value, TITLE)))
            .unwrap_or_default()
    };
    let worst = worst(connection);
    let finding = worst.map_or(String::new(), |finding| match connection.findings.len() {
        1 => cell(&finding.message),
        findings => format!("{}; and {} more", cell(&finding.message), findings - 1),
    });
    [
        markdown_code(&clipped(&connection.name, CELL)),
        connection.verdict.as_str().to_owned(),
        worst.map_or(String::new(), |finding| finding.severity.as_str().to_owned()),
        finding,
        optional(connection.account.as_ref()),
        optional(connection.region.as_ref()),
    ]
}

/// The findings of a connection, folded, as a unit.
fn findings(connection: &ConnectionDrift) -> String {
    let mut content = String::new();
    for finding in connection.findings.iter().take(FINDINGS) {
        let Finding {
            kind,
            severity,
            message,
            ..
        } = finding;
        let _ = writeln!(
            content,
            "- **{}** `{}`: {}",
            severity.as_str(),
            kind.as_str(),
            text(message)
        );
        for (label, value) in [
            ("expected", &finding.expected),
            ("found", &finding.found),
            ("cause", &finding.cause),
            ("since", &finding.first_seen),
        ] {
            if let Some(value) = value {
                let _ = write!(content, "  {}", item(&format!("{label}: {value}")));
            }
        }
    }
    if let more @ 1.. = connection.findings.len().saturating_sub(FINDINGS) {
        let _ = writeln!(content, "- and {more} more: see `--output json`");
    }
    if let Some(repair) = &connection.repair {
        let _ = write!(content, "{}", item(&repair_in_words(repair)));
        for finding in repair.findings.iter().take(FINDINGS) {
            let _ = write!(content, "  {}", item(&format!("resolved: {}", finding.message)));
        }
        for step in repair
            .steps
            .iter()
            .filter(|_| repair.result != RepairResult::Left)
            .take(FINDINGS)
        {
            let _ = write!(
                content,
                "  {}",
                item(&format!("{}: {}", step.status.as_str(), step.summary))
            );
        }
    }
    let mut told: BTreeSet<&[String]> = BTreeSet::new();
    let remedies = connection
        .findings
        .iter()
        .filter_map(|finding| finding.remedy.as_deref());
    let remedies: Vec<String> = remedies
        .filter(|remedy| told.insert(remedy))
        .map(|remedy| format!("autoconnect {}", command(remedy)))
        .collect();
    if !remedies.is_empty() {
        let remedies: Vec<&str> = remedies.iter().map(String::as_str).collect();
        let _ = write!(content, "\nTo see the cause, or to fix it:\n\n{}", commands(&remedies));
    }
    let summary = format!("{}: {}", connection.name, count(connection.findings.len(), "finding"));
    fold(&summary, &content)
}
