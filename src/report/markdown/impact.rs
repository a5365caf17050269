//! What a change does to connections.

use super::page::{Page, Section, TITLE, cell, clipped, row};
use super::{Document, place};
use crate::escape::{markdown, markdown_code};
use crate::impact::Effect;
use crate::impact::Judged;
use crate::report::ImpactDocument;
use crate::units::count;

impl Document for ImpactDocument {
    fn markdown(&self) -> String {
        let mut page = Page::titled("autoconnect impact");
        page.fixed(format!(
            "**{}:** {} in {}, with {}.",
            count(self.connections.len(), "connection"),
            self.summary.words(),
            place(self.account.as_ref(), self.region.as_ref()),
            markdown_code(&clipped(&self.source.file, TITLE))
        ));
        let rows = self.told().map(|connection| row(cells(connection)));
        let columns = ["effect", "connection", "why", "by"];
        page.section(Section::table(1, &columns, rows.collect(), "connection"));
        let not = self.not_understood.iter();
        let not = not.map(|not| row([markdown_code(&clipped(&not.address, TITLE)), cell(&not.why)]));
        page.section(Section::table(2, &["not understood", "why"], not.collect(), "resource"));
        let names = self
            .connections
            .iter()
            .filter(|connection| connection.effect == Effect::None);
        let names: Vec<String> = names
            .map(|connection| format!("- {}\n", markdown_code(&clipped(&connection.name, TITLE))))
            .collect();
        let summary = format!("{} not affected", count(names.len(), "connection"));
        page.section(Section::folded(3, &summary, names, "connection"));
        if let Some(elsewhere) = self.elsewhere_in_words() {
            page.fixed(markdown(&elsewhere));
        }
        page.render()
    }
}

fn cells(connection: &Judged) -> [String; 4] {
    let by: Vec<String> = connection
        .by
        .iter()
        .map(|by| markdown_code(&clipped(by, TITLE)))
        .collect();
    [
        connection.effects(),
        markdown_code(&clipped(&connection.name, TITLE)),
        cell(&connection.why.join("; ")),
        by.join(" "),
    ]
}
