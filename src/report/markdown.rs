//! The documents as Markdown, for the comment on a pull request.
//!
//! Source: docs/ci.md. Each is made from the document alone, so that a saved one becomes the same text.

mod batch;
mod checks;
mod drift;
mod error;
mod impact;
mod page;
mod plan;
mod run;

use serde::Serialize;

use crate::escape::markdown_code;
use page::clipped;

/// The greatest length of a text in bytes, and so in characters. The body of a comment on GitHub has at most 65,536.
pub const MARKDOWN_LIMIT: usize = 65_000;

/// A document that is also printed as Markdown.
pub trait Document: Serialize {
    /// The document in GitHub Flavored Markdown, at most [`MARKDOWN_LIMIT`] long. What does not fit is counted.
    fn markdown(&self) -> String;
}

impl<D: Document> Document for &D {
    fn markdown(&self) -> String {
        (*self).markdown()
    }
}

/// An account and a Region, in the middle of a sentence.
fn place(account: Option<&String>, region: Option<&String>) -> String {
    let word = |value: Option<&String>, of: &str| match value {
        Some(value) => markdown_code(&clipped(value, 100)),
        None => format!("{of} not known"),
    };
    format!("account {}, {}", word(account, "number"), word(region, "Region"))
}
