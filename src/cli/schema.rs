//! `autoconnect schema`: the JSON Schemas, made from the types that are printed.

use clap::{Args, ValueEnum};
use schemars::schema_for;

use super::{Ending, print_json};
use crate::account::AccountDocument;
use crate::manifest::Manifest;
use crate::monitor::Event;
use crate::report::{
    Answer, BatchDocument, BatchEvent, ChecksDocument, ConfigDocument, DriftDocument, ErrorDocument, ImpactDocument,
    ListDocument, Notice, OutputDocument, PageData, ReportDocument, RunDocument, SavedPlan, SnapshotDocument,
};

const EXAMPLES: &str = "\
The schema of all documents:
  autoconnect schema
The schema of a manifest, for an editor:
  autoconnect schema manifest";

/// Options of `schema`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Schema {
    /// Which document (default: any that `--output json` prints)
    document: Option<Document>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Document {
    /// What every command that writes prints, also `diagnose --fix`
    #[value(aliases = ["setup", "attachment", "internet", "msk"])]
    Run,
    /// What `setup --manifest` prints
    Batch,
    /// A line of `setup --manifest --output ndjson`
    BatchEvent,
    /// What `diagnose`, `internet check` and `msk check` print
    Checks,
    /// What `drift` prints; with `--output ndjson` each line is one of its connections
    Drift,
    /// What `drift` sends when findings or verdicts change
    Notice,
    /// The event of the Lambda function that checks for drift and applies manifests
    Event,
    /// The response of that function
    Answer,
    /// What `impact` prints
    Impact,
    /// What `list` prints
    List,
    /// The connections that `setup --manifest` and `drift --manifest` read
    Manifest,
    /// What `report` prints
    Report,
    /// The data within the page that `report` writes
    Page,
    /// What `snapshot` prints
    Snapshot,
    /// What `config` prints
    Config,
    /// The plan that `--out` saves, and that `show` prints
    Plan,
    /// What a failed command prints
    Error,
    /// The file that `--offline` reads
    Account,
}

impl Schema {
    pub fn run(&self) -> Ending {
        let schema = match self.document {
            None => schema_for!(OutputDocument),
            Some(Document::Run) => schema_for!(RunDocument),
            Some(Document::Batch) => schema_for!(BatchDocument),
            Some(Document::BatchEvent) => schema_for!(BatchEvent),
            Some(Document::Checks) => schema_for!(ChecksDocument),
            Some(Document::Drift) => schema_for!(DriftDocument),
            Some(Document::Notice) => schema_for!(Notice),
            Some(Document::Event) => schema_for!(Event),
            Some(Document::Answer) => schema_for!(Answer),
            Some(Document::Impact) => schema_for!(ImpactDocument),
            Some(Document::List) => schema_for!(ListDocument),
            Some(Document::Manifest) => schema_for!(Manifest),
            Some(Document::Report) => schema_for!(ReportDocument),
            Some(Document::Page) => schema_for!(PageData),
            Some(Document::Snapshot) => schema_for!(SnapshotDocument),
            Some(Document::Config) => schema_for!(ConfigDocument),
            Some(Document::Plan) => schema_for!(SavedPlan),
            Some(Document::Error) => schema_for!(ErrorDocument),
            Some(Document::Account) => schema_for!(AccountDocument),
        };
        print_json(&schema)?;
        Ok(0)
    }
}
