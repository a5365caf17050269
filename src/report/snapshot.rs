//! What `snapshot` prints besides the file that it writes.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::SCHEMA_VERSION;
use super::style::line;
use crate::cloud::ApiCalls;
use crate::model::Origin;
use crate::snapshot::Snapshot;

/// What `snapshot` has written. With `--out -` it is not printed: standard output has the snapshot itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SnapshotDocument {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// Always `snapshot`.
    #[schemars(extend("const" = "snapshot"))]
    pub command: String,
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
    /// The file.
    pub file: String,
    /// How many DB clusters and DB instances are in it.
    pub databases: usize,
    /// How many functions.
    pub functions: usize,
    /// How many security groups.
    pub security_groups: usize,
    /// How many VPCs.
    pub vpcs: usize,
    /// What could not be read, and is not in it.
    pub gaps: Vec<String>,
    /// How many requests were sent.
    pub api_calls: ApiCalls,
}

impl SnapshotDocument {
    /// The document of a snapshot that was written to this file.
    pub fn new(file: &Path, taken: &Snapshot, api_calls: ApiCalls) -> Self {
        let document = &taken.document;
        Self {
            schema_version: SCHEMA_VERSION,
            command: "snapshot".to_owned(),
            account: document.account_id.clone(),
            region: document.region.clone(),
            file: file.display().to_string(),
            databases: document.db_clusters.len() + document.db_instances.len(),
            functions: document.functions.len(),
            security_groups: document.security_groups.len(),
            vpcs: document.vpcs.len(),
            gaps: taken.gaps.clone(),
            api_calls,
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let count = |number: usize, one: &str| match number {
            1 => format!("1 {one}"),
            _ => format!("{number} {one}s"),
        };
        let origin = Origin {
            account: Some(self.account.clone()),
            region: Some(self.region.clone()),
        };
        let mut text = String::new();
        line(&mut text, &origin.heading());
        line(&mut text, "");
        let wrote = format!(
            "Wrote {}: {}, {}, {}, {}; without secrets and without environments.",
            self.file,
            count(self.databases, "database"),
            count(self.functions, "function"),
            count(self.security_groups, "security group"),
            count(self.vpcs, "VPC"),
        );
        line(&mut text, &wrote);
        text
    }
}
