//! The JSON document of `attach` and `detach`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{FunctionEntry, SCHEMA_VERSION, StepEntry};
use crate::cloud::ApiCalls;
use crate::model::{Function, FunctionVpc, Origin};
use crate::reconcile::{Converged, Ending};

/// What `attach` or `detach` decided, did and found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachmentDocument {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// The account; null where it is not known.
    pub account: Option<String>,
    /// The Region; null where it is not known.
    pub region: Option<String>,
    /// The function.
    pub function: FunctionEntry,
    /// Where it is attached; after an applied run, where it is at its end. Null for a function in no VPC.
    pub vpc_config: Option<VpcConfigEntry>,
    /// `attach`, `detach` or `no-op`.
    pub decision: String,
    /// Why, and what else there is to know, one sentence each.
    pub reasons: Vec<String>,
    /// One step for each write, in order.
    pub steps: Vec<StepEntry>,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// How the run ended.
    pub result: AttachmentResult,
    /// How many requests were sent.
    pub api_calls: ApiCalls,
}

/// Where a function is attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VpcConfigEntry {
    /// The VPC.
    pub vpc: String,
    /// The subnets.
    pub subnets: Vec<String>,
    /// The security groups.
    pub groups: Vec<String>,
    /// Whether it uses IPv6 in dual-stack subnets.
    pub ipv6: bool,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AttachmentResult {
    /// A dry run with changes pending.
    Planned,
    /// Applied and verified.
    Attached,
    /// Applied and verified.
    Detached,
    /// Nothing to do.
    Unchanged,
}

impl VpcConfigEntry {
    fn new(vpc: &FunctionVpc) -> Self {
        Self {
            vpc: vpc.vpc.to_string(),
            subnets: vpc.subnets.iter().map(ToString::to_string).collect(),
            groups: vpc.groups.iter().map(ToString::to_string).collect(),
            ipv6: vpc.ipv6_allowed.unwrap_or(false),
        }
    }
}

impl AttachmentDocument {
    /// The document of a run that did not fail.
    #[must_use]
    pub fn new<S>(converged: &Converged<S>, function: &Function, api_calls: ApiCalls) -> Self {
        let draft = &converged.draft;
        let Origin { account, region } = converged.origin.clone();
        Self {
            schema_version: SCHEMA_VERSION,
            account,
            region,
            function: FunctionEntry {
                name: function.name.clone(),
                arn: function.arn.clone(),
            },
            vpc_config: function.vpc.as_ref().map(VpcConfigEntry::new),
            decision: draft.decision.to_owned(),
            reasons: draft.reasons.iter().chain(&draft.notes).cloned().collect(),
            steps: draft.plan.steps.iter().map(StepEntry::new).collect(),
            dry_run: converged.dry_run,
            result: match (converged.ending, &function.vpc) {
                (Ending::Planned, _) => AttachmentResult::Planned,
                (Ending::Unchanged, _) => AttachmentResult::Unchanged,
                (Ending::Reached | Ending::Incomplete, Some(_)) => AttachmentResult::Attached,
                (Ending::Reached | Ending::Incomplete, None) => AttachmentResult::Detached,
            },
            api_calls,
        }
    }
}
