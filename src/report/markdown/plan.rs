//! A saved plan.

use super::page::{CELL, Page, Section, TITLE, cell, clipped, item, text};
use super::run::{columns, permissions, planned, step_row};
use super::{Document, place};
use crate::escape::markdown_code;
use crate::report::run::StepEntry;
use crate::report::saved_plan::{SavedPlan, SavedStep};

impl Document for SavedPlan {
    fn markdown(&self) -> String {
        let steps: Vec<StepEntry> = self.steps.iter().map(SavedStep::entry).collect();
        let mut page = Page::titled("autoconnect: saved plan");
        page.fixed(format!(
            "**Plan:** {} in {}. Decision: {}.",
            planned(&steps),
            place(self.account.as_ref(), self.region.as_ref()),
            markdown_code(&clipped(&self.decision, TITLE))
        ));
        page.fixed(markdown_code(&clipped(&self.command_line(), CELL)));
        page.fixed(self.heading.first().map_or_else(String::new, |heading| text(heading)));
        if self.connections.is_empty() {
            let rows = steps.iter().map(|step| step_row(step, true)).collect();
            page.section(Section::table(1, columns(true), rows, "step"));
        } else {
            let of_connection = |step: &SavedStep| {
                let name = cell(step.connection.as_deref().unwrap_or_default());
                format!("| {name} {}", step_row(&step.entry(), true))
            };
            let rows = self.steps.iter().map(of_connection).collect();
            let columns: Vec<&str> = std::iter::once("connection")
                .chain(columns(true).iter().copied())
                .collect();
            page.section(Section::table(1, &columns, rows, "step"));
        }
        let reasons: Vec<String> = self
            .reasons
            .iter()
            .chain(&self.notes)
            .map(|reason| item(reason))
            .collect();
        if !reasons.is_empty() {
            page.fixed("Reasons and notes:");
        }
        page.section(Section::open(2, reasons, "sentence"));
        let needed = "Permissions that the steps need";
        page.section(Section::folded(3, needed, permissions(&steps), "action"));
        page.render()
    }
}
