//! A run over many connections.

use super::page::{CELL, Page, Section, TITLE, cell, clipped, item, row, text};
use super::run::{permissions, planned, step_row};
use super::{Document, place};
use crate::escape::markdown_code;
use crate::report::batch::{BatchConnection, BatchDocument, BatchResult};
use crate::report::run::StepEntry;

impl Document for BatchDocument {
    fn markdown(&self) -> String {
        let mut page = Page::titled("autoconnect setup: manifest");
        let steps: Vec<StepEntry> = self
            .connections
            .iter()
            .flat_map(BatchConnection::steps)
            .cloned()
            .collect();
        let lead = match self.result {
            BatchResult::Planned => "Plan",
            BatchResult::Unchanged => "No changes",
            BatchResult::Connected => "Connected",
            BatchResult::Incomplete => "Incomplete",
            BatchResult::Failed => "Failed",
        };
        page.fixed(format!(
            "**{lead}:** {} in {}; {}.",
            self.counted(),
            place(self.account.as_ref(), self.region.as_ref()),
            planned(&steps)
        ));
        let rows = self.connections.iter().map(connection_row).collect();
        page.section(Section::table(
            1,
            &["connection", "decision", "result", "steps"],
            rows,
            "connection",
        ));
        let errors: Vec<String> = self.connections.iter().filter_map(error).collect();
        if !errors.is_empty() {
            page.fixed("Failed:");
        }
        page.section(Section::open(2, errors, "error"));
        let told: Vec<String> = self.connections.iter().flat_map(reasons).collect();
        let rows = self.connections.iter().flat_map(steps_of).collect();
        page.section(Section::table(
            3,
            &["connection", "#", "change", "step", "resource"],
            rows,
            "step",
        ));
        page.section(Section::folded(4, "Reasons and notes", told, "sentence"));
        let needed = "Permissions that the steps need";
        page.section(Section::folded(5, needed, permissions(&steps), "action"));
        page.render()
    }
}

fn connection_row(connection: &BatchConnection) -> String {
    let result = match connection {
        BatchConnection::Ran(document) => serde_json::to_value(document.result).unwrap_or_default(),
        BatchConnection::Failed(_) => "failed".into(),
    };
    row([
        cell(connection.name()),
        connection.decision().to_owned(),
        result.as_str().unwrap_or_default().to_owned(),
        planned(connection.steps()),
    ])
}

fn error(connection: &BatchConnection) -> Option<String> {
    let BatchConnection::Failed(failed) = connection else {
        return None;
    };
    let code = markdown_code(&clipped(&failed.error.code, TITLE));
    let name = markdown_code(&clipped(connection.name(), CELL));
    Some(format!("- {name}: {code} {}\n", text(&failed.error.message)))
}

/// The steps of a connection as rows, each with its name.
fn steps_of(connection: &BatchConnection) -> Vec<String> {
    let name = cell(connection.name());
    let steps = connection.steps().iter();
    steps.map(|step| format!("| {name} {}", step_row(step, true))).collect()
}

fn reasons(connection: &BatchConnection) -> Vec<String> {
    let BatchConnection::Ran(document) = connection else {
        return Vec::new();
    };
    let name = markdown_code(&clipped(connection.name(), TITLE));
    let reason = |reason: &String| format!("- {name}: {}", item(reason).trim_start_matches("- "));
    document.reasons.iter().map(reason).collect()
}
