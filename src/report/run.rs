//! The JSON document of every command that writes (docs/command-line.md).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::checks::Checks;
use super::connection::{ConnectionRun, FunctionEntry};
use super::document::SCHEMA_VERSION;
use super::owners::OwnerEntry;
use crate::cleanup::Leftovers;
use crate::cloud::ApiCalls;
use crate::diagnostics::{Check, Status};
use crate::fix::Seen;
use crate::handover::manager_of;
use crate::internet::{self, Wish};
use crate::model::{Function, FunctionVpc, Origin};
use crate::msk;
use crate::observe::ChosenGroups;
use crate::plan::{Step, StepStatus};
use crate::reconcile::{Attach, Converged, Detach, Draft, Ending, Goal, MskSite, Situation};
use crate::removal::{Standing, still_connected};

/// The version of the document of `diagnose --fix`. The first one was that of `diagnose`, and had its `command`.
const FIX_VERSION: u32 = 2;

/// What a command that writes decided, did and found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RunDocument {
    /// Its name, where it is one of the connections of a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Version of this format: 1, of `diagnose --fix` 2.
    pub schema_version: u32,
    /// The account; null where it is not known.
    pub account: Option<String>,
    /// The Region; null where it is not known.
    pub region: Option<String>,
    /// The command, and what only its document has.
    #[serde(flatten)]
    pub run: Run,
    /// `no-op`, or what changes: of `setup` and `diagnose --fix` `associate-existing` or `create-new`, of `remove` and
    /// `cleanup` `disconnect`, of `attach` and `detach` their name, of `adopt`
    /// too, of `internet setup` and `msk setup` `build`.
    #[schemars(extend("enum" = ["no-op", "associate-existing", "create-new", "disconnect", "attach", "detach", "adopt", "build"]))]
    pub decision: String,
    /// Why, and what else there is to know, one sentence each.
    pub reasons: Vec<String>,
    /// One step for each write, in order.
    pub steps: Vec<StepEntry>,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// How the run ended.
    pub result: ResultName,
    /// How many requests were sent.
    pub api_calls: ApiCalls,
}

/// The command of a run, and what only its document has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "command")]
pub enum Run {
    /// `setup`.
    #[serde(rename = "setup")]
    Setup(Box<ConnectionRun>),
    /// `remove`.
    #[serde(rename = "remove")]
    Remove(Box<ConnectionRun>),
    /// `cleanup`: it is about no single connection.
    #[serde(rename = "cleanup")]
    Cleanup {
        /// Always null.
        connection: (),
        /// Always null.
        sides: (),
    },
    /// `adopt`.
    #[serde(rename = "adopt")]
    Adopt {
        /// The security groups of the connections that were chosen, with who manages each; after an applied run, as it is
        /// at its end.
        groups: Vec<ManagedGroup>,
    },
    /// `attach`.
    #[serde(rename = "attach")]
    Attach(AttachmentRun),
    /// `detach`.
    #[serde(rename = "detach")]
    Detach(AttachmentRun),
    /// `internet setup`.
    #[serde(rename = "internet setup")]
    InternetSetup {
        /// The function.
        function: FunctionEntry,
        /// Its VPC. Null for a function in none.
        vpc: Option<String>,
        /// The worst status of the checks.
        verdict: Status,
        /// The checks of `internet check` as they were found; after an applied run, as they are at its end.
        checks: Vec<Check>,
        /// The resources that a stack or another tool deploys, or whose tags could not be read. Absent where there are none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        owners: Vec<OwnerEntry>,
    },
    /// `msk setup`.
    #[serde(rename = "msk setup")]
    MskSetup {
        /// The cluster.
        cluster: MskClusterEntry,
        /// The worst status of the checks.
        verdict: Status,
        /// The checks of `msk check` as they were found; after an applied run, as they are at its end.
        checks: Vec<Check>,
        /// The resources that a stack or another tool deploys, or whose tags could not be read. Absent where there are none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        owners: Vec<OwnerEntry>,
    },
    /// `diagnose --fix`: the checks of `diagnose` as they were found; after an applied run, as they are at its end.
    #[serde(rename = "diagnose --fix")]
    DiagnoseFix(FixRun),
}

/// A security group and the tool that manages it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManagedGroup {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The tool, as the tag `autoconnect:owner` names it; null for autoconnect.
    pub owner: Option<String>,
}

/// What a run of `diagnose --fix` found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FixRun {
    /// The checks.
    #[serde(flatten)]
    pub checks: Checks,
    /// The resources that a stack or another tool deploys, or whose tags could not be read. Absent where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<OwnerEntry>,
}

/// What a run of `attach` or `detach` is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachmentRun {
    /// The function.
    pub function: FunctionEntry,
    /// Where it is attached; after an applied run, where it is at its end. Null for a function in no VPC.
    pub vpc_config: Option<VpcConfigEntry>,
    /// The function, if a stack or another tool deploys it, or its tags could not be read. Absent where none does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<OwnerEntry>,
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
    /// What it does to its resource.
    pub change: Change,
    /// What it does, for people.
    pub summary: String,
    /// What it changes: an id or an ARN; the name of a group that does not exist yet.
    pub resource: String,
    /// The steps that come before it.
    pub after: Vec<u32>,
    /// How far it is.
    pub status: StepStatus,
}

/// What a step does to its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It creates it.
    Create,
    /// It changes it.
    #[serde(rename = "change")]
    Update,
    /// It deletes it.
    Delete,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResultName {
    /// Changes are pending: a dry run. Of commands other than `setup` also a run with `--no-wait` that left steps to the next.
    Planned,
    /// Of `setup`: applied and verified: the path is open as far as it could be read, and a proxy's target is AVAILABLE.
    Connected,
    /// Of `remove` and `cleanup`: applied and verified.
    Removed,
    /// Of `adopt`: applied and verified.
    Adopted,
    /// Of `attach`: applied and verified.
    Attached,
    /// Of `detach`: applied and verified.
    Detached,
    /// Of `internet setup` and `msk setup`: applied and verified.
    Built,
    /// Of `diagnose --fix`: applied and verified, and no check fails.
    Fixed,
    /// Of `setup`: applied, and the path is blocked, the proxy's target is not AVAILABLE, or steps that must wait are left. Of
    /// `remove`: the function still reaches the database. Of `diagnose --fix`: nothing more can be added, and a check fails.
    Incomplete,
    /// Nothing to do.
    Unchanged,
}

impl ResultName {
    /// The name of an ending, where a run that has reached its goal has this one.
    pub(super) fn of(ending: Ending, reached: Self) -> Self {
        match ending {
            Ending::Planned | Ending::Unfinished => Self::Planned,
            Ending::Reached => reached,
            Ending::Incomplete => Self::Incomplete,
            Ending::Unchanged => Self::Unchanged,
        }
    }

    /// The name of an ending of `setup`: what is not finished is not connected.
    pub(super) fn of_setup(ending: Ending) -> Self {
        match ending {
            Ending::Unfinished => Self::Incomplete,
            ending => Self::of(ending, Self::Connected),
        }
    }
}

impl RunDocument {
    /// The document of a run of `setup` that did not fail.
    pub fn setup(ended: &Converged<Situation>, api_calls: ApiCalls) -> Self {
        let run = ConnectionRun::new(&ended.found.observation, ended.path.as_ref(), &ended.draft);
        let result = ResultName::of_setup(ended.ending);
        Self::new(ended, Run::Setup(Box::new(run)), result, api_calls)
    }

    /// The document of a run of `remove` that did not fail.
    pub fn remove(ended: &Converged<Standing>, api_calls: ApiCalls) -> Self {
        let run = ConnectionRun::new(&ended.found.observation, None, &ended.draft);
        let result = if is_incomplete(ended) {
            ResultName::Incomplete
        } else {
            ResultName::of(ended.ending, ResultName::Removed)
        };
        Self::new(ended, Run::Remove(Box::new(run)), result, api_calls)
    }

    /// The document of a run of `cleanup` that did not fail.
    pub fn cleanup(ended: &Converged<Leftovers>, api_calls: ApiCalls) -> Self {
        let run = Run::Cleanup {
            connection: (),
            sides: (),
        };
        let result = ResultName::of(ended.ending, ResultName::Removed);
        Self::new(ended, run, result, api_calls)
    }

    /// The document of a run of `adopt` that did not fail.
    pub fn adopt(ended: &Converged<ChosenGroups>, api_calls: ApiCalls) -> Self {
        let groups = ended.found.groups.iter();
        let run = Run::Adopt {
            groups: groups
                .map(|group| ManagedGroup {
                    id: group.id.to_string(),
                    name: group.name.clone(),
                    owner: manager_of(group).map(str::to_owned),
                })
                .collect(),
        };
        let result = ResultName::of(ended.ending, ResultName::Adopted);
        Self::new(ended, run, result, api_calls)
    }

    /// The document of a run of `attach` that did not fail.
    pub fn attach(ended: &Converged<<Attach as Goal>::Seen>, api_calls: ApiCalls) -> Self {
        let run = AttachmentRun::new(&ended.found.0, &ended.draft);
        let result = ResultName::of(ended.ending, ResultName::Attached);
        Self::new(ended, Run::Attach(run), result, api_calls)
    }

    /// The document of a run of `detach` that did not fail.
    pub fn detach(ended: &Converged<<Detach as Goal>::Seen>, api_calls: ApiCalls) -> Self {
        let run = AttachmentRun::new(&ended.found.0, &ended.draft);
        let result = ResultName::of(ended.ending, ResultName::Detached);
        Self::new(ended, Run::Detach(run), result, api_calls)
    }

    /// The document of a run of `internet setup` that did not fail.
    pub fn internet(ended: &Converged<internet::Scene>, wish: &Wish, api_calls: ApiCalls) -> Self {
        let function = &ended.found.function;
        let answer = internet::check(&ended.found, wish);
        let run = Run::InternetSetup {
            function: function.into(),
            vpc: function.vpc.as_ref().map(|vpc| vpc.vpc.to_string()),
            verdict: answer.verdict,
            checks: answer.checks,
            owners: OwnerEntry::all(&ended.draft, function),
        };
        let result = ResultName::of(ended.ending, ResultName::Built);
        Self::new(ended, run, result, api_calls)
    }

    /// The document of a run of `msk setup` that did not fail.
    pub fn msk(ended: &Converged<MskSite>, api_calls: ApiCalls) -> Self {
        let scene = &ended.found.scene;
        let place = scene.placement();
        let report = msk::check(scene);
        let run = Run::MskSetup {
            cluster: MskClusterEntry {
                name: scene.cluster.name.clone(),
                arn: scene.cluster.arn.clone(),
                vpc: scene.vpc.known().map(ToString::to_string),
                subnets: place.subnets.iter().map(ToString::to_string).collect(),
                groups: place.groups.iter().map(ToString::to_string).collect(),
            },
            verdict: report.verdict,
            checks: report.checks,
            owners: OwnerEntry::all_groups(&ended.draft),
        };
        let result = ResultName::of(ended.ending, ResultName::Built);
        Self::new(ended, run, result, api_calls)
    }

    /// The document of a run of `diagnose --fix` that did not fail, with the checks at its end.
    pub fn fix(ended: &Converged<Seen>, checks: Checks, api_calls: ApiCalls) -> Self {
        let result = match ResultName::of(ended.ending, ResultName::Fixed) {
            ResultName::Fixed | ResultName::Unchanged if checks.verdict == Status::Fail => ResultName::Incomplete,
            result => result,
        };
        let run = FixRun {
            checks,
            owners: OwnerEntry::all(&ended.draft, &ended.found.scene),
        };
        Self {
            schema_version: FIX_VERSION,
            ..Self::new(ended, Run::DiagnoseFix(run), result, api_calls)
        }
    }

    /// What all of them have.
    pub(super) fn new<S>(ended: &Converged<S>, run: Run, result: ResultName, api_calls: ApiCalls) -> Self {
        let draft = &ended.draft;
        let Origin { account, region } = ended.origin.clone();
        Self {
            name: None,
            schema_version: SCHEMA_VERSION,
            account,
            region,
            run,
            decision: draft.decision.to_owned(),
            reasons: draft.reasons.iter().chain(&draft.notes).cloned().collect(),
            steps: draft.plan.steps.iter().map(StepEntry::from).collect(),
            dry_run: ended.dry_run,
            result,
            api_calls,
        }
    }
}

/// Whether a run of `remove` ends with the function still reaching the database by what is no connection of its own.
pub fn is_incomplete(ended: &Converged<Standing>) -> bool {
    let left = || still_connected(&ended.found, &ended.draft.plan);
    ended.ending != Ending::Planned && !left().by_others.is_empty()
}

impl AttachmentRun {
    fn new(function: &Function, draft: &Draft) -> Self {
        Self {
            owners: OwnerEntry::all(draft, function),
            function: function.into(),
            vpc_config: function.vpc.as_ref().map(VpcConfigEntry::from),
        }
    }
}

impl From<&FunctionVpc> for VpcConfigEntry {
    fn from(vpc: &FunctionVpc) -> Self {
        Self {
            vpc: vpc.vpc.to_string(),
            subnets: vpc.subnets.iter().map(ToString::to_string).collect(),
            groups: vpc.groups.iter().map(ToString::to_string).collect(),
            ipv6: vpc.ipv6_allowed.unwrap_or(false),
        }
    }
}

impl From<&Step> for StepEntry {
    fn from(step: &Step) -> Self {
        Self {
            id: step.id,
            action: step.effect.action().to_owned(),
            permissions: step.effect.iam_actions().into_iter().map(str::to_owned).collect(),
            charged: step.effect.cost().map(str::to_owned),
            change: if step.effect.creates() {
                Change::Create
            } else if step.effect.deletes() {
                Change::Delete
            } else {
                Change::Update
            },
            summary: step.summary.clone(),
            resource: step.resource.clone(),
            after: step.after.clone(),
            status: step.status,
        }
    }
}
