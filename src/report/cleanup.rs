//! The JSON document of `cleanup`: that of `remove`, without a connection.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{DecisionName, ResultName, SCHEMA_VERSION, StepEntry};
use crate::cleanup::Leftovers;
use crate::cloud::ApiCalls;
use crate::model::Origin;
use crate::reconcile::{Converged, Ending};

/// Nothing: `cleanup` is about no single connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Nothing;

/// What `cleanup` found and did: the document of `remove`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CleanupDocument {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// The account; null where it is not known.
    pub account: Option<String>,
    /// The Region; null where it is not known.
    pub region: Option<String>,
    /// Always null: it is about no single connection.
    pub connection: Nothing,
    /// `no-op` or `disconnect`.
    pub decision: DecisionName,
    /// What is removed and what is kept, one sentence each.
    pub reasons: Vec<String>,
    /// Always null: it is about no single connection.
    pub sides: Nothing,
    /// One step for each write, in order.
    pub steps: Vec<StepEntry>,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// How the run ended: `planned`, `removed` or `unchanged`.
    pub result: ResultName,
    /// How many requests were sent.
    pub api_calls: ApiCalls,
}

impl CleanupDocument {
    /// The document of a run that did not fail.
    #[must_use]
    pub fn new(converged: &Converged<Leftovers>, api_calls: ApiCalls) -> Self {
        let draft = &converged.draft;
        let Origin { account, region } = converged.origin.clone();
        Self {
            schema_version: SCHEMA_VERSION,
            account,
            region,
            connection: Nothing,
            decision: if draft.plan.steps.is_empty() {
                DecisionName::NoOp
            } else {
                DecisionName::Disconnect
            },
            reasons: draft.reasons.iter().chain(&draft.notes).cloned().collect(),
            sides: Nothing,
            steps: draft.plan.steps.iter().map(StepEntry::new).collect(),
            dry_run: converged.dry_run,
            result: match converged.ending {
                Ending::Planned => ResultName::Planned,
                Ending::Reached | Ending::Incomplete => ResultName::Removed,
                Ending::Unchanged => ResultName::Unchanged,
            },
            api_calls,
        }
    }
}
