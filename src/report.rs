//! What people and scripts see: the text plan, the JSON documents, errors and progress.

mod across;
mod attachment;
mod checks;
mod cleanup;
mod document;
mod drift;
mod error;
mod graph;
mod internet;
mod list;
mod msk;
mod path;
mod progress;
mod snapshot;
mod style;
mod text;

pub use across::{is_open_across, path_across, text_across};
pub use attachment::AttachmentDocument;
pub use checks::ChecksDocument;
pub use cleanup::CleanupDocument;
pub use document::{OutputDocument, SetupDocument, StepEntry, is_incomplete};
pub use drift::{
    ChangedFinding, ChangedVerdict, ConnectionDrift, DriftAnswer, DriftDocument, DriftNotice, DriftSummary,
    FailedLookNotice, Notice, drift_text,
};
pub use error::{Authorization, ErrorBody, ErrorDocument, Report};
pub use graph::{dot, mermaid};
pub use internet::InternetDocument;
pub use list::{ListDocument, list_text};
pub use msk::MskDocument;
pub use path::DiagnosisEntry;
pub use progress::ProgressLine;
pub use snapshot::SnapshotDocument;
pub use text::{connected, converged_text, draft_text, folded, incomplete, removal_text, unchanged, unfinished};
