//! The JSON document of `setup` and `remove` (docs/command-line.md).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::ErrorDocument;
use super::path::DiagnosisEntry;
use crate::cloud::ApiCalls;
use crate::decide::{GroupVerdict, SideVerdict, Verdict, decide};
use crate::model::{DatabaseKind, Observation, Origin, Side};
use crate::naming::{Convention, Number};
use crate::plan::{Plan, Step, StepStatus};
use crate::reconcile::{Converged, Ending, Situation};
use crate::removal::{Standing, still_connected};

/// The version of the documents' format.
pub const SCHEMA_VERSION: u32 = 1;

/// Any document that the program prints with `--output json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OutputDocument {
    /// Of `setup`.
    Setup(Box<SetupDocument>),
    /// Of `cleanup`.
    Cleanup(Box<super::cleanup::CleanupDocument>),
    /// Of `diagnose`, `internet check` and `msk check`.
    Checks(super::checks::ChecksDocument),
    /// Of `attach` and `detach`.
    Attachment(Box<super::attachment::AttachmentDocument>),
    /// Of `drift`.
    Drift(super::drift::DriftDocument),
    /// Of `list`.
    List(super::list::ListDocument),
    /// Of `internet setup`.
    Internet(Box<super::internet::InternetDocument>),
    /// Of `msk setup`.
    Msk(Box<super::msk::MskDocument>),
    /// Of `snapshot`.
    Snapshot(super::snapshot::SnapshotDocument),
    /// Of any command that failed.
    Error(ErrorDocument),
}

/// What `setup` or `remove` decided, did and found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetupDocument {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// The account; null where it is not known.
    pub account: Option<String>,
    /// The Region; null where it is not known.
    pub region: Option<String>,
    /// What is connected to what.
    pub connection: ConnectionEntry,
    /// `no-op`, `associate-existing` or `create-new`; of `remove` `no-op` or `disconnect`.
    pub decision: DecisionName,
    /// Why, one sentence each.
    pub reasons: Vec<String>,
    /// The sides as they were found; after an applied run, as they are at its end.
    pub sides: Sides,
    /// One step for each write, in order.
    pub steps: Vec<StepEntry>,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// How the run ended.
    pub result: ResultName,
    /// Of `setup`: the checks of `diagnose`, with what blocks an incomplete connection. Absent with `--no-diagnose`, and of
    /// `remove`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<DiagnosisEntry>,
    /// How many requests were sent.
    pub api_calls: ApiCalls,
}

/// The three decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DecisionName {
    /// Every side has a fit group.
    NoOp,
    /// Groups that exist are associated.
    AssociateExisting,
    /// A new set is created.
    CreateNew,
    /// Of `remove`: what connects them is taken away.
    Disconnect,
}

/// The connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionEntry {
    /// As in the tag `autoconnect:connection`.
    pub id: String,
    /// The database.
    pub database: DatabaseEntry,
    /// The function.
    pub function: FunctionEntry,
    /// The proxy, if there is one between.
    pub proxy: Option<ProxyEntry>,
}

/// The database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabaseEntry {
    /// `cluster` or `instance`.
    pub kind: DatabaseKind,
    /// Its identifier.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// Its port; null while it is being created.
    pub port: Option<u16>,
    /// Its VPC.
    pub vpc: String,
}

/// The function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FunctionEntry {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

/// The proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyEntry {
    /// Its name.
    pub name: String,
    /// The port it listens on.
    pub port: u16,
    /// The host name to connect to; null until it is known.
    pub endpoint: Option<String>,
    /// What it says of the database; null if that is not its target.
    pub target_health: Option<TargetHealthEntry>,
}

/// The health of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetHealthEntry {
    /// E.g. `AVAILABLE`.
    pub state: String,
    /// E.g. `AUTH_FAILURE`.
    pub reason: Option<String>,
}

/// The sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sides {
    /// The database's.
    pub database: SideEntry,
    /// The function's.
    pub function: SideEntry,
    /// The proxy's, if there is one.
    pub proxy: Option<SideEntry>,
}

/// One side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SideEntry {
    /// The verdict on the side.
    pub verdict: VerdictName,
    /// The group that the verdict speaks of.
    pub group: Option<String>,
    /// Every group of the VPC whose name counts on this side.
    pub groups: Vec<GroupEntry>,
}

/// The four verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictName {
    /// Associated, and as it should be.
    Fit,
    /// As it should be, but not associated.
    Available,
    /// Changed, or made for something else.
    Unfit,
    /// There is none.
    None,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupEntry {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The verdict on it.
    pub verdict: VerdictName,
    /// Why it is unfit.
    pub why: Vec<String>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepEntry {
    /// Its number, from 1.
    pub id: u32,
    /// The IAM name of the API action.
    pub action: String,
    /// The IAM actions that the caller needs for it, its own among them.
    pub permissions: Vec<String>,
    /// How AWS charges for what it makes; null if it does not.
    pub charged: Option<String>,
    /// What it does, for people.
    pub summary: String,
    /// What it changes: an id or an ARN; the name of a group that does not exist yet.
    pub resource: String,
    /// The steps that come before it.
    pub after: Vec<u32>,
    /// How far it is.
    pub status: StepStatusName,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepStatusName {
    /// To be done.
    Planned,
    /// Done by this run.
    Done,
    /// It was so already.
    Already,
    /// What it would make is there already, exactly as it would be made, and is taken over.
    Adopt,
    /// The run ended before it.
    Skipped,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResultName {
    /// A dry run with changes pending.
    Planned,
    /// Applied and verified: the path is open as far as it could be read, and a proxy's target is AVAILABLE.
    Connected,
    /// Of `remove`: applied and verified.
    Removed,
    /// Of `setup`: the groups are as they should be, and the path is blocked, or the proxy's target is not AVAILABLE. Of
    /// `remove`: the function still reaches the database.
    Incomplete,
    /// Nothing to do.
    Unchanged,
}

/// How a run ended that builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BuildResult {
    /// Changes are pending.
    Planned,
    /// Applied and verified.
    Built,
    /// Nothing to do.
    Unchanged,
}

impl From<Ending> for BuildResult {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Planned => Self::Planned,
            Ending::Unchanged => Self::Unchanged,
            Ending::Reached | Ending::Incomplete => Self::Built,
        }
    }
}

impl SetupDocument {
    /// The document of a run of `setup` that did not fail.
    #[must_use]
    pub fn new(ended: &Converged<Situation>, api_calls: ApiCalls) -> Self {
        let draft = &ended.draft;
        Self {
            decision: match draft.decision {
                "no-op" => DecisionName::NoOp,
                "associate-existing" => DecisionName::AssociateExisting,
                _ => DecisionName::CreateNew,
            },
            reasons: draft.reasons.iter().chain(&draft.notes).cloned().collect(),
            dry_run: ended.dry_run,
            result: match ended.ending {
                Ending::Planned => ResultName::Planned,
                Ending::Reached => ResultName::Connected,
                Ending::Incomplete => ResultName::Incomplete,
                Ending::Unchanged => ResultName::Unchanged,
            },
            diagnosis: ended.path.as_ref().map(DiagnosisEntry::from),
            api_calls,
            ..Self::of(&ended.found.observation, &draft.plan)
        }
    }

    /// The document of a run of `remove` that did not fail.
    #[must_use]
    pub fn of_removal(converged: &Converged<Standing>, api_calls: ApiCalls) -> Self {
        let draft = &converged.draft;
        Self {
            decision: if draft.plan.steps.is_empty() {
                DecisionName::NoOp
            } else {
                DecisionName::Disconnect
            },
            reasons: draft.reasons.iter().chain(&draft.notes).cloned().collect(),
            dry_run: converged.dry_run,
            result: match converged.ending {
                Ending::Planned if converged.dry_run => ResultName::Planned,
                _ if is_incomplete(converged) => ResultName::Incomplete,
                Ending::Planned => ResultName::Planned,
                Ending::Reached | Ending::Incomplete => ResultName::Removed,
                Ending::Unchanged => ResultName::Unchanged,
            },
            api_calls,
            ..Self::of(&converged.found.observation, &draft.plan)
        }
    }

    /// A connection as it was found, with the steps of a plan.
    fn of(observation: &Observation, plan: &Plan) -> Self {
        let Origin { account, region } = observation.origin();
        let found = decide(observation);
        let side = |side| found.side(side).map(SideEntry::new);
        Self {
            schema_version: SCHEMA_VERSION,
            account,
            region,
            connection: ConnectionEntry::new(observation),
            decision: DecisionName::NoOp,
            reasons: Vec::new(),
            sides: Sides {
                database: side(Side::Database).unwrap_or_default(),
                function: side(Side::Function).unwrap_or_default(),
                proxy: side(Side::Proxy),
            },
            steps: plan.steps.iter().map(StepEntry::new).collect(),
            dry_run: false,
            result: ResultName::Unchanged,
            diagnosis: None,
            api_calls: ApiCalls::default(),
        }
    }
}

/// Whether a run of `remove` ends with the function still reaching the database by what is no connection of its own.
#[must_use]
pub fn is_incomplete(converged: &Converged<Standing>) -> bool {
    let is_pending = converged.ending == Ending::Planned && converged.dry_run;
    !is_pending
        && !still_connected(&converged.found, &converged.draft.plan)
            .by_others
            .is_empty()
}

impl ConnectionEntry {
    pub(super) fn new(observation: &Observation) -> Self {
        let Observation {
            database,
            function,
            proxy,
            ..
        } = observation;
        Self {
            id: observation.connection_id(),
            database: DatabaseEntry {
                kind: database.kind,
                id: database.id.clone(),
                arn: database.arn.clone(),
                port: database.port,
                vpc: database.vpc.to_string(),
            },
            function: FunctionEntry {
                name: function.name.clone(),
                arn: function.arn.clone(),
            },
            proxy: proxy.as_ref().map(|proxy| ProxyEntry {
                name: proxy.name.clone(),
                port: proxy.engine_family.listener_port(),
                endpoint: proxy.endpoint.clone(),
                target_health: proxy.target_health(database).map(|health| TargetHealthEntry {
                    state: health.state.as_api().to_owned(),
                    reason: health.reason.clone(),
                }),
            }),
        }
    }
}

impl Default for SideEntry {
    fn default() -> Self {
        Self {
            verdict: VerdictName::None,
            group: None,
            groups: Vec::new(),
        }
    }
}

impl SideEntry {
    fn new(side: &SideVerdict<'_>) -> Self {
        let group = |found: &GroupVerdict<'_>| GroupEntry {
            id: found.group.id.to_string(),
            name: found.group.name.clone(),
            verdict: found.verdict.into(),
            why: found.why().map(ToString::to_string).collect(),
        };
        Self {
            verdict: side.verdict.into(),
            group: side.group.map(ToString::to_string),
            groups: in_order(side).into_iter().map(group).collect(),
        }
    }
}

/// The groups of a side as people look for them: fit ones first, those on the resource before the others.
pub(super) fn in_order<'s, 'a>(side: &'s SideVerdict<'a>) -> Vec<&'s GroupVerdict<'a>> {
    fn number(name: &str) -> Option<Number<'_>> {
        Convention::ALL.iter().find_map(|convention| convention.number(name))
    }
    let mut groups: Vec<_> = side.groups.iter().collect();
    groups.sort_by_key(|found| {
        (
            found.verdict,
            !found.associated,
            number(&found.group.name),
            &found.group.id,
        )
    });
    groups
}

impl StepEntry {
    /// The step as scripts read it.
    #[must_use]
    pub fn new(step: &Step) -> Self {
        Self {
            id: step.id,
            action: step.effect.action().to_owned(),
            permissions: step.effect.iam_actions().into_iter().map(str::to_owned).collect(),
            charged: step.effect.cost().map(str::to_owned),
            summary: step.summary.clone(),
            resource: step.resource.clone(),
            after: step.after.clone(),
            status: match step.status {
                StepStatus::Planned => StepStatusName::Planned,
                StepStatus::Done => StepStatusName::Done,
                StepStatus::Already => StepStatusName::Already,
                StepStatus::Adopt => StepStatusName::Adopt,
                StepStatus::Skipped => StepStatusName::Skipped,
            },
        }
    }
}

impl From<Verdict> for VerdictName {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Fit => Self::Fit,
            Verdict::Available => Self::Available,
            Verdict::Unfit => Self::Unfit,
            Verdict::None => Self::None,
        }
    }
}
