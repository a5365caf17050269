//! The JSON document of `msk setup`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{BuildResult, SCHEMA_VERSION, StepEntry};
use crate::check::{Check, Status};
use crate::cloud::ApiCalls;
use crate::model::Origin;
use crate::msk::check;
use crate::reconcile::{Converged, MskSite};

/// What `msk setup` decided, did and found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MskDocument {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// The account; null where it is not known.
    pub account: Option<String>,
    /// The Region; null where it is not known.
    pub region: Option<String>,
    /// The cluster.
    pub cluster: MskClusterEntry,
    /// `build` or `no-op`.
    pub decision: String,
    /// Why, and what else there is to know, one sentence each.
    pub reasons: Vec<String>,
    /// One step for each write, in order.
    pub steps: Vec<StepEntry>,
    /// The worst status of the checks.
    pub verdict: Status,
    /// The checks of `msk check` as they were found; after an applied run, as they are at its end.
    pub checks: Vec<Check>,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// How the run ended.
    pub result: BuildResult,
    /// How many requests were sent.
    pub api_calls: ApiCalls,
}

/// An MSK cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MskClusterEntry {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its VPC, where it could be read.
    pub vpc: Option<String>,
    /// Its subnets.
    pub subnets: Vec<String>,
    /// Its security groups.
    pub groups: Vec<String>,
}

impl MskDocument {
    /// The document of a run that did not fail.
    #[must_use]
    pub fn new(converged: &Converged<MskSite>, api_calls: ApiCalls) -> Self {
        let (draft, scene) = (&converged.draft, &converged.found.scene);
        let place = scene.placement();
        let report = check(scene);
        let Origin { account, region } = converged.origin.clone();
        Self {
            schema_version: SCHEMA_VERSION,
            account,
            region,
            cluster: MskClusterEntry {
                name: scene.cluster.name.clone(),
                arn: scene.cluster.arn.clone(),
                vpc: scene.vpc.known().map(ToString::to_string),
                subnets: place.subnets.iter().map(ToString::to_string).collect(),
                groups: place.groups.iter().map(ToString::to_string).collect(),
            },
            decision: draft.decision.to_owned(),
            reasons: draft.reasons.iter().chain(&draft.notes).cloned().collect(),
            steps: draft.plan.steps.iter().map(StepEntry::new).collect(),
            verdict: report.verdict,
            checks: report.checks,
            dry_run: converged.dry_run,
            result: converged.ending.into(),
            api_calls,
        }
    }
}
