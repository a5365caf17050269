//! What people and scripts see: the text plan, the JSON documents, errors and progress.

mod attachment;
mod checks;
mod document;
mod error;
mod graph;
mod progress;
mod text;

pub use attachment::AttachmentDocument;
pub use checks::ChecksDocument;
pub use document::{OutputDocument, SetupDocument, StepEntry};
pub use error::{ErrorBody, ErrorDocument, Report};
pub use graph::{dot, mermaid};
pub use progress::ProgressLine;
pub use text::{connected, converged_text, draft_text, folded, plan_text, unfinished};
