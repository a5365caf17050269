//! A text of limited length: parts that always stand in it, and sections of which as much is kept as fits.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::MARKDOWN_LIMIT;
use crate::escape::{html, markdown, plain};
use crate::units::count;

/// The longest value in a title, in characters.
pub const TITLE: usize = 100;
/// The longest value in a cell of a table, in characters.
pub const CELL: usize = 400;
/// The longest value elsewhere, in characters.
pub const TEXT: usize = 2_000;
/// How many entries of one unit are shown before the rest is only counted.
const ENTRIES: usize = 20;
/// The longest block of commands, in bytes.
const COMMANDS: usize = 4_000;
/// Room for the line that says how much of a section is left out.
const MORE: usize = 120;

/// The parts of a text, in the order in which they stand.
#[derive(Debug, Default)]
pub struct Page(Vec<Part>);

#[derive(Debug)]
enum Part {
    Fixed(String),
    Section(Section),
}

/// A part of which as many units are kept as fit.
#[derive(Debug)]
pub struct Section {
    /// The more important ones, with lower ranks, are kept first.
    rank: u8,
    opening: String,
    /// Each ends its lines, and leaves nothing open.
    units: Vec<String>,
    /// What a unit is, where some are left out.
    noun: &'static str,
    closing: &'static str,
    is_folded: bool,
}

impl Section {
    /// A table with these columns. Each unit is a [`row`].
    pub fn table(rank: u8, columns: &[&str], units: Vec<String>, noun: &'static str) -> Self {
        let line = |cells: &mut dyn Iterator<Item = &str>| cells.fold("|".to_owned(), |line, cell| line + cell + "|");
        let head = line(&mut columns.iter().copied());
        let rule = line(&mut columns.iter().map(|_| "---"));
        Self {
            rank,
            opening: format!("{head}\n{rule}\n"),
            units,
            noun,
            closing: "",
            is_folded: false,
        }
    }

    /// A list or blocks in the open.
    pub fn open(rank: u8, units: Vec<String>, noun: &'static str) -> Self {
        Self {
            rank,
            opening: String::new(),
            units,
            noun,
            closing: "",
            is_folded: false,
        }
    }

    /// A list or blocks that the reader unfolds.
    pub fn folded(rank: u8, summary: &str, units: Vec<String>, noun: &'static str) -> Self {
        Self {
            rank,
            opening: opening(summary),
            units,
            noun,
            closing: CLOSING,
            is_folded: true,
        }
    }
}

const CLOSING: &str = "\n</details>\n";

fn opening(summary: &str) -> String {
    format!("<details>\n<summary>{}</summary>\n\n", html(&clipped(summary, TITLE)))
}

/// A block that the reader unfolds, as a unit.
pub fn fold(summary: &str, content: &str) -> String {
    format!(
        "{}{}{CLOSING}\n",
        opening(summary),
        content.trim_end_matches('\n').to_owned() + "\n"
    )
}

impl Page {
    /// A text that begins with this title, which is Markdown already.
    pub fn titled(title: &str) -> Self {
        Self(vec![Part::Fixed(format!("### {title}\n"))])
    }

    /// A text without a title.
    pub fn untitled() -> Self {
        Self::default()
    }

    /// A part that always stands in the text. It has few values, each [`clipped`].
    pub fn fixed(&mut self, markdown: impl Into<String>) {
        self.0.push(Part::Fixed(markdown.into() + "\n"));
    }

    /// A section, unless it is empty.
    pub fn section(&mut self, section: Section) {
        if !section.units.is_empty() {
            self.0.push(Part::Section(section));
        }
    }

    /// The text, within the limit.
    pub fn render(self) -> String {
        let always: usize = self.0.iter().map(Part::least).sum();
        let mut left = MARKDOWN_LIMIT.saturating_sub(always);
        let mut kept = vec![0; self.0.len()];
        let mut by_rank: Vec<(usize, &Section)> = self
            .0
            .iter()
            .enumerate()
            .filter_map(|(index, part)| match part {
                Part::Section(section) => Some((index, section)),
                Part::Fixed(_) => None,
            })
            .collect();
        by_rank.sort_by_key(|(_, section)| section.rank);
        for (index, section) in by_rank {
            for unit in &section.units {
                let Some(rest) = left.checked_sub(unit.len()) else {
                    break;
                };
                left = rest;
                kept[index] += 1;
            }
        }
        let parts: Vec<String> = self.0.iter().zip(kept).map(|(part, kept)| part.with(kept)).collect();
        parts.join("\n")
    }
}

impl Part {
    /// The length of what is never left out, with the line between two parts.
    fn least(&self) -> usize {
        1 + match self {
            Self::Fixed(text) => text.len(),
            Self::Section(section) => section.opening.len() + section.closing.len() + MORE,
        }
    }

    /// The part with so many of its units.
    fn with(&self, kept: usize) -> String {
        let section = match self {
            Self::Fixed(text) => return text.clone(),
            Self::Section(section) => section,
        };
        let mut text = String::new();
        if kept > 0 || section.is_folded {
            text += &section.opening;
        }
        for unit in &section.units[..kept] {
            text += unit;
        }
        if let more @ 1.. = section.units.len() - kept {
            if kept > 0 {
                text.push('\n');
            }
            let _ = match kept {
                0 => writeln!(text, "{}: see `--output json`.", count(more, section.noun)),
                _ => writeln!(
                    text,
                    "And {}: see `--output json`.",
                    count(more, &format!("more {}", section.noun))
                ),
            };
        }
        // A unit may end with a line between it and the next one.
        text.truncate(text.trim_end_matches('\n').len());
        text.push('\n');
        text + section.closing
    }
}

/// A row of a table, of cells that are Markdown already.
pub fn row<T: AsRef<str>>(cells: impl IntoIterator<Item = T>) -> String {
    let mut row = "|".to_owned();
    for cell in cells {
        let _ = write!(row, " {} |", cell.as_ref());
    }
    row.push('\n');
    row
}

/// A value in a cell.
pub fn cell(value: &str) -> String {
    markdown(&clipped(value, CELL))
}

/// A value in a line of text.
pub fn text(value: &str) -> String {
    markdown(&clipped(value, TEXT))
}

/// An item of a list. An empty one could be the line under a heading.
pub fn item(value: &str) -> String {
    let text = if value.is_empty() {
        "(empty)".to_owned()
    } else {
        text(value)
    };
    format!("- {text}\n")
}

/// A list of values, the first ones of many.
pub fn list<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    let mut values = values.into_iter();
    let mut list: String = values.by_ref().take(ENTRIES).map(item).collect();
    if let more @ 1.. = values.count() {
        let _ = writeln!(list, "- and {more} more: see `--output json`");
    }
    list
}

/// Commands or other lines that are copied as they are, in a block of code that none of them ends. A line is whole or left
/// out.
pub fn commands(lines: &[&str]) -> String {
    let is_shell = |line: &&str| line.starts_with("aws ") || line.starts_with("autoconnect ");
    code(if lines.iter().all(is_shell) { "sh" } else { "text" }, lines)
}

/// The same in a language.
pub fn code(language: &str, lines: &[&str]) -> String {
    let mut shown: Vec<Cow<'_, str>> = Vec::new();
    let mut size = 0;
    for line in lines.iter().take(ENTRIES) {
        let line = plain(line);
        size += line.len() + 1;
        if size > COMMANDS {
            break;
        }
        shown.push(line);
    }
    let mut text = String::new();
    if !shown.is_empty() {
        let fence = "`".repeat(longest_run(&shown).max(2) + 1);
        let _ = writeln!(text, "{fence}{language}\n{}\n{fence}", shown.join("\n"));
    }
    if let more @ 1.. = lines.len() - shown.len() {
        let _ = writeln!(text, "\n{}: see `--output json`.", count(more, "more line"));
    }
    text
}

/// The length of the longest run of backticks.
fn longest_run(lines: &[Cow<'_, str>]) -> usize {
    let runs = |line: &str| {
        line.split(|character| character != '`')
            .map(str::len)
            .max()
            .unwrap_or_default()
    };
    lines.iter().map(|line| runs(line)).max().unwrap_or_default()
}

/// A value of at most so many characters.
pub fn clipped(value: &str, limit: usize) -> Cow<'_, str> {
    match value.char_indices().nth(limit) {
        Some((end, _)) => Cow::Owned(format!("{}…", &value[..end])),
        None => Cow::Borrowed(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_is_longer_than_any_run_of_backticks_in_it() {
        assert_eq!(commands(&["aws x"]), "```sh\naws x\n```\n");
        assert_eq!(commands(&["a ```` b", "```"]), "`````text\na ```` b\n```\n`````\n");
        assert_eq!(commands(&["a\nb"]), "```text\na\\u{a}b\n```\n");
        let long = "x".repeat(COMMANDS);
        assert_eq!(
            commands(&["a", &long]),
            "```text\na\n```\n\n1 more line: see `--output json`.\n"
        );
        assert_eq!(commands(&[&long]), "\n1 more line: see `--output json`.\n");
    }

    #[test]
    fn the_least_important_units_are_left_out_first() {
        let units = |count: usize| (0..count).map(|n| format!("- {n:0>98}\n")).collect::<Vec<_>>();
        let mut page = Page::titled("title");
        page.section(Section::folded(2, "folded", units(10), "thing"));
        page.section(Section::open(1, units(700), "item"));
        let text = page.render();
        assert!(
            text.len() <= MARKDOWN_LIMIT && text.len() > MARKDOWN_LIMIT - 500,
            "{}",
            text.len()
        );
        assert!(
            text.starts_with("### title\n\n<details>\n<summary>folded</summary>\n\n10 things: see `--output json`.\n\n</details>\n\n- 0"),
            "{text}"
        );
        assert!(text.ends_with(" more items: see `--output json`.\n"), "{text}");
    }

    #[test]
    fn a_value_is_cut_between_characters() {
        assert_eq!(clipped("äöü", 2), "äö…");
        assert_eq!(clipped("äöü", 3), "äöü");
    }
}
