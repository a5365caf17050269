//! What people and scripts see: the text plan, the JSON documents, errors and progress.

mod document;
mod error;
mod progress;
mod text;

pub use document::{OutputDocument, SetupDocument, StepEntry};
pub use error::{ErrorBody, ErrorDocument, Report};
pub use progress::ProgressLine;
pub use text::{connected, draft_text, folded, plan_text, unfinished};
