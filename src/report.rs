//! What people and scripts see: the text plan, the JSON documents, errors and progress.

mod across;
mod answer;
mod batch;
mod checks;
mod config;
mod connection;
mod document;
mod drawing;
mod drift;
mod error;
pub mod hcl;
mod impact;
mod list;
mod markdown;
mod owners;
mod page;
mod path;
mod progress;
mod run;
mod saved_plan;
mod snapshot;
pub mod stack;
#[expect(
    clippy::disallowed_types,
    reason = "the styles of the program become those of the library here"
)]
mod style;
mod terraform;
mod text;
mod time;

pub use across::{is_incomplete_across, path_across, text_across};
pub use answer::{Answer, ApplyAnswer, ApplySummary, NotApplied};
pub use batch::{
    BatchConnection, BatchDocument, BatchEvent, BatchEventKind, BatchResult, batch_end_text, batch_plan_text,
};
pub use checks::{Checks, ChecksDocument};
pub use config::{ConfigDocument, ConfigFile, ConfigSetting, ConfigSource};
pub use document::OutputDocument;
pub use drawing::{Column, Drawing, Edge, Mark, Node, NodeKind};
pub use drift::{
    ConnectionDrift, DriftAnswer, DriftDocument, DriftNotice, DriftSummary, FailedLookNotice, Notice, RepairEntry,
    drift_text, repairs_text,
};
pub use error::{Authorization, ErrorBody, ErrorDocument, Report};
pub use impact::{ImpactDocument, ImpactSource, ImpactSourceKind, ImpactSummary, NotUnderstood};
pub use list::{ListDocument, ListOfAll, ListOfOne, ListedConnections, list_text};
pub use markdown::{Document, MARKDOWN_LIMIT};
pub use page::{
    PageConnection, PageData, PageDatabase, PageFinding, PageGroup, PageGroupOn, PageHealth, PageHop, PageResource,
    PageRule, PageScope, ReportDocument, Subject, collect,
};
pub use path::DiagnosisEntry;
pub use progress::ProgressLine;
pub use run::{Change, ResultName, RunDocument, StepEntry, is_incomplete};
pub use saved_plan::{AccountKind, PlanError, SavedConnection, SavedPlan};
pub use snapshot::SnapshotDocument;
pub use stack::{Template, cdk, cloudformation, resources_to_import, template};
pub use terraform::{ExportFile, TERRAFORM_FILES, document_text, terraform};
pub use text::{
    connected, converged_text, draft_text, folded, incomplete, removal_text, saved_text, unchanged, unfinished,
};
pub use time::timestamp;
