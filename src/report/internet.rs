//! The JSON document of `internet setup`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{BuildResult, FunctionEntry, SCHEMA_VERSION, StepEntry};
use crate::check::{Check, Status};
use crate::cloud::ApiCalls;
use crate::internet::{Scene, Wish, check};
use crate::model::Origin;
use crate::reconcile::Converged;

/// What `internet setup` decided, did and found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InternetDocument {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// The account; null where it is not known.
    pub account: Option<String>,
    /// The Region; null where it is not known.
    pub region: Option<String>,
    /// The function.
    pub function: FunctionEntry,
    /// Its VPC. Null for a function in none.
    pub vpc: Option<String>,
    /// `build` or `no-op`.
    pub decision: String,
    /// Why, and what else there is to know, one sentence each.
    pub reasons: Vec<String>,
    /// One step for each write, in order.
    pub steps: Vec<StepEntry>,
    /// The worst status of the checks.
    pub verdict: Status,
    /// The checks of `internet check` as they were found; after an applied run, as they are at its end.
    pub checks: Vec<Check>,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// How the run ended.
    pub result: BuildResult,
    /// How many requests were sent.
    pub api_calls: ApiCalls,
}

impl InternetDocument {
    /// The document of a run that did not fail.
    #[must_use]
    pub fn new(converged: &Converged<Scene>, wish: &Wish, api_calls: ApiCalls) -> Self {
        let (draft, scene) = (&converged.draft, &converged.found);
        let answer = check(scene, wish);
        let Origin { account, region } = converged.origin.clone();
        Self {
            schema_version: SCHEMA_VERSION,
            account,
            region,
            function: FunctionEntry {
                name: scene.function.name.clone(),
                arn: scene.function.arn.clone(),
            },
            vpc: scene.function.vpc.as_ref().map(|vpc| vpc.vpc.to_string()),
            decision: draft.decision.to_owned(),
            reasons: draft.reasons.iter().chain(&draft.notes).cloned().collect(),
            steps: draft.plan.steps.iter().map(StepEntry::new).collect(),
            verdict: answer.verdict,
            checks: answer.checks,
            dry_run: converged.dry_run,
            result: converged.ending.into(),
            api_calls,
        }
    }
}
