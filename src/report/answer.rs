//! What the Lambda function answers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::batch::{BatchConnection, BatchDocument, BatchResult};
use super::document::SCHEMA_VERSION;
use super::drift::{DriftAnswer, Room};
use super::error::ErrorBody;
use crate::cloud::ApiCalls;

/// What the Lambda function answers.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Answer {
    /// It has looked, and perhaps repaired.
    Drift(DriftAnswer),
    /// It has applied.
    Apply(ApplyAnswer),
}

/// What the Lambda function answers where it applies. It is also the last line of a call in its log, where the call fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyAnswer {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// The account; null where there are several.
    pub account: Option<String>,
    /// The Region; null where there are several.
    pub region: Option<String>,
    /// The worst result of a connection; `unchanged` where there is none.
    pub result: BatchResult,
    /// How many connections ended how.
    pub summary: ApplySummary,
    /// The connections that are not as they should be, as many as fit; the function's log has all of them.
    pub not_applied: Vec<NotApplied>,
    /// How many more there are.
    pub more: usize,
    /// How many requests were sent.
    pub api_calls: ApiCalls,
}

/// How many connections ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplySummary {
    /// Set up, or removed where they are pruned.
    pub applied: usize,
    /// Nothing was to be done.
    pub unchanged: usize,
    /// Not as they should be, although nothing failed.
    pub incomplete: usize,
    /// Failed.
    pub failed: usize,
}

/// A connection that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotApplied {
    /// Its name.
    pub name: String,
    /// Why it failed, and what was written before; null where it is incomplete.
    pub error: Option<ErrorBody>,
}

impl ApplyAnswer {
    /// How a run has ended, in an answer of at most `limit` bytes.
    pub fn new(ended: &BatchDocument, limit: usize) -> Self {
        let mut summary = ApplySummary::default();
        for connection in &ended.connections {
            let count = match connection.result() {
                BatchResult::Unchanged => &mut summary.unchanged,
                BatchResult::Connected => &mut summary.applied,
                BatchResult::Planned | BatchResult::Incomplete => &mut summary.incomplete,
                BatchResult::Failed => &mut summary.failed,
            };
            *count += 1;
        }
        let left = ended
            .connections
            .iter()
            .filter(|connection| connection.result() > BatchResult::Connected);
        let mut room = Room::of(limit);
        let not_applied = room.fit(left.map(|connection| NotApplied {
            name: connection.name().to_owned(),
            error: match connection {
                BatchConnection::Failed(failed) => Some(failed.error.clone()),
                BatchConnection::Ran(_) => None,
            },
        }));
        Self {
            schema_version: SCHEMA_VERSION,
            account: ended.account.clone(),
            region: ended.region.clone(),
            result: ended.result,
            summary,
            not_applied,
            more: room.more,
            api_calls: ended.api_calls,
        }
    }

    /// Whether all connections are as they should be.
    pub fn is_whole(&self) -> bool {
        self.summary.incomplete + self.summary.failed == 0
    }
}
