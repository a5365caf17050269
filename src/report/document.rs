//! The documents that the program prints with `--output json` (docs/command-line.md).

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::batch::BatchDocument;
use super::checks::ChecksDocument;
use super::config::ConfigDocument;
use super::drift::DriftDocument;
use super::error::ErrorDocument;
use super::impact::ImpactDocument;
use super::list::ListDocument;
use super::page::ReportDocument;
use super::run::RunDocument;
use super::saved_plan::SavedPlan;
use super::snapshot::SnapshotDocument;

/// The version of the documents' format.
pub const SCHEMA_VERSION: u32 = 1;

/// Any document that the program prints with `--output json`. The `command` of a document tells which one it is; that of a
/// command that failed has `error` instead.
#[derive(Clone, Copy, Debug)]
pub struct OutputDocument;

impl JsonSchema for OutputDocument {
    fn schema_name() -> Cow<'static, str> {
        "OutputDocument".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Any document that the program prints with `--output json`. The `command` of a document tells which one it is; that of a command that failed has `error` instead.",
            "oneOf": [
                generator.subschema_for::<RunDocument>(),
                generator.subschema_for::<BatchDocument>(),
                generator.subschema_for::<ChecksDocument>(),
                generator.subschema_for::<DriftDocument>(),
                generator.subschema_for::<ImpactDocument>(),
                generator.subschema_for::<ListDocument>(),
                generator.subschema_for::<ReportDocument>(),
                generator.subschema_for::<SnapshotDocument>(),
                generator.subschema_for::<ConfigDocument>(),
                generator.subschema_for::<SavedPlan>(),
                generator.subschema_for::<ErrorDocument>(),
            ],
        })
    }
}
