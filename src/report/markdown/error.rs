//! A command that failed.

use std::fmt::Write as _;

use super::page::{Page, Section, TITLE, cell, clipped, commands, row, text};
use super::{Document, place};
use crate::escape::markdown_code;
use crate::report::ErrorDocument;

impl Document for ErrorDocument {
    fn markdown(&self) -> String {
        let error = &self.error;
        let mut page = Page::untitled();
        page.fixed(format!(
            "**autoconnect failed:** {}: {}",
            markdown_code(&clipped(&error.code, TITLE)),
            text(&error.message)
        ));
        if self.account.is_some() || self.region.is_some() {
            page.fixed(format!("In {}.", place(self.account.as_ref(), self.region.as_ref())));
        }
        page.section(Section::open(
            1,
            error.hint.iter().map(|hint| hint_of(hint)).collect(),
            "hint",
        ));
        if !error.applied.is_empty() {
            page.fixed("Already written:");
        }
        let rows = error.applied.iter().enumerate().map(|(index, write)| {
            row([
                (index + 1).to_string(),
                cell(&write.summary),
                markdown_code(&clipped(&write.action, TITLE)),
                cell(&write.resource),
            ])
        });
        page.section(Section::table(
            2,
            &["#", "change", "action", "resource"],
            rows.collect(),
            "write",
        ));
        page.render()
    }
}

/// What to do next: sentences, and between them commands, which are indented.
fn hint_of(hint: &str) -> String {
    let lines: Vec<&str> = hint.lines().collect();
    let is_command = |line: &str| line.starts_with("  ");
    let blocks = lines.chunk_by(|one, other| is_command(one) == is_command(other));
    let mut unit = String::new();
    for (index, block) in blocks.enumerate() {
        if is_command(block[0]) {
            let block: Vec<&str> = block.iter().map(|line| line.trim()).collect();
            unit += &commands(&block);
        } else {
            let lead = if index == 0 { "**Hint:** " } else { "" };
            let _ = writeln!(unit, "{lead}{}", text(&block.join(" ")));
        }
        unit.push('\n');
    }
    unit
}
