//! `drift --repair`: carries out the remedies of findings, within bounds.
//!
//! Source: docs/drift.md, "Repairs". A remedy is a run of `setup` for one connection. What it would do is drafted first and
//! sorted into kinds; only such a draft is carried out, by the same [`converge`] as that of `setup`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use autoconnect_core::words;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use super::accounts::Handle;
use super::{Accounts, Judged, Place, Round, Unreachable};
use crate::cloud::{ApiCalls, Cloud};
use crate::drift::{Finding, Verdict, command};
use crate::escape::command as typed;
use crate::estate::Connection;
use crate::interrupt::Interrupt;
use crate::observe::{ObserveError, ProxyWish, Target};
use crate::plan::{Plan, RepairKind, Request, Step, StepStatus};
use crate::reconcile::{
    Asked, Connect, Converged, Draft, Ending, Failure, Front, Options, Progress, RunError, Situation, converge,
};

/// How many connections a run repairs if nothing else is said.
pub const MOST: usize = 10;

/// What repairs may do. The `repair` of the event of the Lambda function.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// The kinds of changes that are allowed; all of them, if left out.
    #[serde(default = "all_kinds")]
    pub only: BTreeSet<AllowedKind>,
    /// How many connections are repaired at most: 10, if left out.
    #[serde(default = "most")]
    pub max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            only: all_kinds(),
            max: most(),
        }
    }
}

impl Bounds {
    /// Those of these kinds that are not allowed.
    fn forbidden<'k>(&self, kinds: &'k BTreeSet<RepairKind>) -> impl Iterator<Item = RepairKind> + use<'k, '_> {
        let allowed = |kind: &RepairKind| self.only.iter().any(|allowed| allowed.0 == *kind);
        kinds.iter().copied().filter(move |kind| !allowed(kind))
    }
}

fn most() -> usize {
    MOST
}

fn all_kinds() -> BTreeSet<AllowedKind> {
    RepairKind::ALLOWED.map(AllowedKind).into()
}

/// A kind of changes that can be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(extend("enum" = ["added-rules", "missing-rules", "missing-groups", "detached-groups", "proxy-targets", "permissions"]), with = "String")]
pub struct AllowedKind(pub RepairKind);

impl FromStr for AllowedKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut kinds = RepairKind::ALLOWED.into_iter();
        let found = kinds.find(|kind| kind.as_str() == text);
        found.map(Self).ok_or_else(|| {
            let words = RepairKind::ALLOWED.map(RepairKind::as_str);
            format!("expected one of {}", words.join(", "))
        })
    }
}

impl TryFrom<String> for AllowedKind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for AllowedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

words! {
    /// What became of a connection that was not in sync.
    pub enum RepairResult {
        /// The repair was carried out.
        Repaired = "repaired",
        /// A dry run: the repair would be carried out.
        Planned = "planned",
        /// Nothing was changed, for a reason.
        Left = "left",
        /// The repair has failed; the next run goes on with it.
        Failed = "failed",
    }
}

/// The repair of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// What became of it.
    pub result: RepairResult,
    /// The kinds of changes that it takes.
    pub kinds: BTreeSet<RepairKind>,
    /// Why it was left, or has failed.
    pub reason: Option<String>,
    /// What it does, with how far each step came.
    pub steps: Vec<Step>,
    /// The findings that are gone after it.
    pub mended: Vec<Finding>,
}

impl Repair {
    fn left(reason: impl Into<String>) -> Self {
        Self {
            result: RepairResult::Left,
            kinds: BTreeSet::new(),
            reason: Some(reason.into()),
            steps: Vec::new(),
            mended: Vec::new(),
        }
    }

    fn failed(reason: impl Into<String>) -> Self {
        Self {
            result: RepairResult::Failed,
            ..Self::left(reason)
        }
    }
}

/// A run of `setup` that resolves findings of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mending {
    /// What is connected.
    pub target: Target,
    /// Whether the rules of our groups are restored.
    pub repair: bool,
}

impl Mending {
    /// The run of `setup` that does all that these remedies do; none where one of them is another command, or two say
    /// something different.
    pub fn of<'r>(connection: &Connection, remedies: impl IntoIterator<Item = &'r [String]>) -> Option<Self> {
        let start = command("setup", connection, None);
        let direct = Target::direct(connection.kind, &connection.database, &connection.function);
        let mut mending = Self {
            target: Target {
                proxy: connection.proxy.clone().map_or(ProxyWish::None, ProxyWish::Existing),
                ..direct
            },
            repair: false,
        };
        for remedy in remedies {
            let mut rest = remedy.strip_prefix(start.as_slice())?.iter().map(String::as_str);
            while let Some(option) = rest.next() {
                match option.split_once('=').unwrap_or((option, "")) {
                    ("--repair", "") => mending.repair = true,
                    ("--iam-auth", "") if rest.next() == Some("required") => mending.target.iam_required = true,
                    ("--db-user", user) if !user.is_empty() => {
                        let before = mending.target.user.replace(user.to_owned());
                        if before.is_some_and(|before| before != user) {
                            return None;
                        }
                    }
                    _ => return None,
                }
            }
        }
        Some(mending)
    }
}

/// What is to become of a connection.
#[derive(Clone, Debug)]
enum Intent {
    /// A repair that was drafted, and is allowed.
    Planned(Mending, Box<Draft>),
    /// It has ended.
    Told(Repair),
}

/// The repairs of a look.
#[derive(Clone, Debug, Default)]
pub struct Repairs {
    /// By the index of the connection in its round, in the order of that.
    intents: Vec<(usize, Intent)>,
    calls: ApiCalls,
    /// Whether the user has ended the run between two repairs.
    pub is_interrupted: bool,
}

/// How repairs go.
#[derive(Clone, Copy, Debug)]
pub struct Ways<'a> {
    /// What they may do.
    pub bounds: &'a Bounds,
    /// How long each may wait.
    pub timeout: Duration,
    /// Ends the run between two of them.
    pub interrupt: &'a Interrupt,
}

impl Repairs {
    /// Drafts the repairs of what a look has found. Writes nothing.
    pub async fn plan(accounts: &impl Accounts, found: &Round, ways: Ways<'_>) -> Self {
        let mut repairs = Self::default();
        let mut open = Opened::default();
        let mut planned = 0;
        for (at, judged) in found.judged.iter().enumerate() {
            let verdict = judged.judgement.verdict;
            if verdict == Verdict::InSync {
                continue;
            }
            let intent = if ways.interrupt.is_raised() {
                repairs.is_interrupted = true;
                Intent::Told(Repair::left(INTERRUPTED))
            } else {
                match mending(judged) {
                    Err(reason) => Intent::Told(Repair::left(reason)),
                    Ok(_) if planned >= ways.bounds.max => {
                        Intent::Told(Repair::left(format!("--max {} is reached", ways.bounds.max)))
                    }
                    Ok(mending) => match open.at(accounts, &judged.place).await {
                        Ok(cloud) => drafted(cloud, mending, ways).await,
                        Err(error) => Intent::Told(Repair::failed(error.message)),
                    },
                }
            };
            planned += usize::from(matches!(intent, Intent::Planned(..)));
            repairs.intents.push((at, intent));
        }
        repairs.calls = open.calls();
        repairs
    }

    /// The repairs that are to be carried out: each connection's place in the round, and its draft.
    pub fn planned(&self) -> impl Iterator<Item = (usize, &Draft)> {
        self.intents.iter().filter_map(|(at, intent)| match intent {
            Intent::Planned(_, draft) => Some((*at, draft.as_ref())),
            Intent::Told(_) => None,
        })
    }

    /// Carries them out, in the order of the round. One that fails keeps none of the others from being carried out.
    pub async fn carry_out(
        &mut self,
        accounts: &impl Accounts,
        found: &Round,
        ways: Ways<'_>,
        show: &(dyn Fn(Progress<'_>) + Sync),
    ) {
        let mut open = Opened::default();
        let mut has_written = false;
        for (at, intent) in &mut self.intents {
            let Intent::Planned(mending, draft) = intent else {
                continue;
            };
            let repair = if ways.interrupt.is_raised() {
                self.is_interrupted = true;
                Repair::left(INTERRUPTED)
            } else {
                match open.at(accounts, &found.judged[*at].place).await {
                    Err(error) => Repair::failed(error.message),
                    Ok(cloud) => {
                        let guard = Guard {
                            agreed: &draft.plan,
                            may_differ: has_written,
                            accepted: Mutex::default(),
                            show,
                        };
                        let before = cloud.calls().write;
                        let repair = repaired(cloud, mending, &guard, ways).await;
                        has_written |= cloud.calls().write > before;
                        repair
                    }
                }
            };
            *intent = Intent::Told(repair);
        }
        self.is_interrupted |= ways.interrupt.is_raised();
        self.add_calls(open.calls());
    }

    /// Whether something may have been written.
    pub fn has_written(&self) -> bool {
        self.calls.write > 0
    }

    /// Tells, in the look after the repairs, what became of what the look before had found.
    pub fn tell(self, before: &Round, after: &mut Round) {
        let Self { intents, calls, .. } = self;
        for (at, intent) in intents {
            let was = &before.judged[at];
            let is_same = |judged: &&mut Judged| judged.place == was.place && judged.connection == was.connection;
            let Some(now) = after.judged.iter_mut().find(is_same) else {
                continue;
            };
            let mut repair = match intent {
                Intent::Told(repair) => repair,
                Intent::Planned(_, draft) => Repair {
                    result: RepairResult::Planned,
                    kinds: draft.plan.kinds(),
                    reason: None,
                    steps: draft.plan.planned().cloned().collect(),
                    mended: Vec::new(),
                },
            };
            let is_left = |finding: &&Finding| !now.judgement.findings.iter().any(|now| is_the_same(now, finding));
            repair.mended = was.judgement.findings.iter().filter(is_left).cloned().collect();
            // A group that several connections share is repaired once.
            if repair.result == RepairResult::Left && now.judgement.verdict == Verdict::InSync {
                repair.result = RepairResult::Repaired;
                repair.reason = Some("the repair of another connection resolved it".to_owned());
            }
            now.repair = Some(repair);
        }
        after.calls.read += before.calls.read + calls.read;
        after.calls.write += before.calls.write + calls.write;
    }

    /// Tells what became of a look without another look, where nothing was changed, or the user has ended the run.
    pub fn tell_in(self, found: &mut Round) {
        let before = found.clone();
        found.calls = ApiCalls::default();
        self.tell(&before, found);
    }

    fn add_calls(&mut self, calls: ApiCalls) {
        self.calls.read += calls.read;
        self.calls.write += calls.write;
    }
}

const INTERRUPTED: &str = "the run was interrupted before";

/// Whether two looks have found the same.
fn is_the_same(a: &Finding, b: &Finding) -> bool {
    (a.kind, &a.resource, &a.expected, &a.found) == (b.kind, &b.resource, &b.expected, &b.found)
}

/// The account and Region that is worked in: one at a time, since an account file is one for all.
#[derive(Default)]
struct Opened<'a> {
    /// With the requests that were sent before.
    now: Option<(Place, Handle<'a>, ApiCalls)>,
    calls: ApiCalls,
}

impl<'a> Opened<'a> {
    async fn at(&mut self, accounts: &'a impl Accounts, place: &Place) -> Result<&dyn Cloud, Unreachable> {
        let is_there = self.now.as_ref().is_some_and(|(at, ..)| at == place);
        if !is_there {
            self.close();
            let cloud = accounts.open(place).await?;
            let before = cloud.as_cloud().calls();
            self.now = Some((place.clone(), cloud, before));
        }
        match &self.now {
            Some((_, cloud, _)) => Ok(cloud.as_cloud()),
            None => unreachable!("it was just opened"),
        }
    }

    fn close(&mut self) {
        if let Some((_, cloud, before)) = self.now.take() {
            let calls = cloud.as_cloud().calls();
            self.calls.read += calls.read - before.read;
            self.calls.write += calls.write - before.write;
        }
    }

    fn calls(mut self) -> ApiCalls {
        self.close();
        self.calls
    }
}

/// The `setup` that repairs a connection, or why there is none.
fn mending(judged: &Judged) -> Result<Mending, String> {
    let connection = &judged.connection;
    if judged.judgement.verdict == Verdict::Unknown {
        return Err("what the connection is judged by could not be read".to_owned());
    }
    if judged.has_vanished() {
        return Err("it is no longer found, which may be wanted: no repair connects it again".to_owned());
    }
    let own = command("setup", connection, None);
    let is_setup = |remedy: &&Vec<String>| remedy.first().is_some_and(|name| name == "setup");
    let setups: Vec<&Vec<String>> = judged.remedies.iter().filter(is_setup).collect();
    let of_connection: Vec<&[String]> = setups
        .iter()
        .filter(|remedy| is_of(remedy, &own))
        .map(|remedy| remedy.as_slice())
        .collect();
    if of_connection.is_empty() {
        return Err(match (setups.first(), judged.remedies.first()) {
            (Some(other), _) => format!(
                "the group is another connection's: `autoconnect {}`",
                typed(other.as_slice())
            ),
            (None, Some(other)) => format!("`autoconnect {}` is not run by a repair", typed(other)),
            (None, None) => no_remedy(&judged.judgement.findings),
        });
    }
    Mending::of(connection, of_connection.iter().copied()).ok_or_else(|| {
        let remedies: Vec<String> = of_connection.iter().map(|remedy| typed(*remedy)).collect();
        format!(
            "`autoconnect {}` is not run by a repair",
            remedies.join("`, `autoconnect ")
        )
    })
}

/// Whether a remedy is a run of `setup` for this connection: what follows is another option than one of those that name it.
fn is_of(remedy: &[String], own: &[String]) -> bool {
    let names = |option: &String| {
        ["--cluster", "--instance", "--function", "--proxy"]
            .iter()
            .any(|name| option.starts_with(name))
    };
    remedy
        .strip_prefix(own)
        .is_some_and(|rest| !rest.first().is_some_and(names))
}

fn no_remedy(findings: &[Finding]) -> String {
    let kinds: BTreeSet<&str> = findings.iter().map(|finding| finding.kind.as_str()).collect();
    let kinds: Vec<&str> = kinds.into_iter().collect();
    format!("no command of this program resolves {}", kinds.join(", "))
}

/// How a repair is run. The path is not checked: the look that follows does that.
fn options(mending: &Mending, timeout: Duration, dry_run: bool) -> Options {
    Options {
        dry_run,
        timeout,
        request: Request {
            repair: mending.repair,
            ..Request::default()
        },
        exactly: true,
        ..Options::default()
    }
}

async fn run(
    cloud: &dyn Cloud,
    mending: &Mending,
    front: &dyn Front,
    ways: Ways<'_>,
    dry_run: bool,
) -> Result<Converged<Situation>, Failure> {
    let options = options(mending, ways.timeout, dry_run);
    let goal = Connect {
        target: &mending.target,
        options: &options,
    };
    Box::pin(converge(cloud, &goal, &options, front, ways.interrupt.clone())).await
}

/// Drafts a repair, and sorts it.
async fn drafted(cloud: &dyn Cloud, mending: Mending, ways: Ways<'_>) -> Intent {
    let draft = match run(cloud, &mending, &Nobody, ways, true).await {
        Ok(converged) => converged.draft,
        Err(failure) => return Intent::Told(undrafted(&failure.error)),
    };
    let kinds = draft.plan.kinds();
    if kinds.is_empty() {
        return Intent::Told(Repair::left("setup has nothing to change"));
    }
    match forbidden(ways.bounds, &draft.plan) {
        None => Intent::Planned(mending, Box::new(draft)),
        Some(reason) => Intent::Told(Repair {
            kinds,
            steps: draft.plan.planned().cloned().collect(),
            ..Repair::left(reason)
        }),
    }
}

/// A repair that could not be drafted. What `setup` refuses is left; what could not be read is an error.
fn undrafted(error: &RunError) -> Repair {
    match error {
        RunError::Interrupted { .. } => Repair::left(INTERRUPTED),
        RunError::Unmet(_) => Repair::left(error.to_string()),
        RunError::Observe(observed) if !matches!(observed, ObserveError::Cloud(_)) => Repair::left(error.to_string()),
        error => Repair::failed(error.to_string()),
    }
}

/// Why a plan is not allowed; none if it is.
fn forbidden(bounds: &Bounds, plan: &Plan) -> Option<String> {
    let kinds = plan.kinds();
    let forbidden: Vec<&str> = bounds.forbidden(&kinds).map(RepairKind::as_str).collect();
    let other = plan.planned().find(|step| plan.kind(step) == RepairKind::Other);
    match (other, forbidden.as_slice()) {
        (_, []) => None,
        (Some(step), _) => Some(format!("no repair does this: {}", step.summary)),
        (None, kinds) => Some(format!("needs {}, which --only does not allow", kinds.join(", "))),
    }
}

/// Carries out a repair.
async fn repaired(cloud: &dyn Cloud, mending: &Mending, guard: &Guard<'_>, ways: Ways<'_>) -> Repair {
    let agreed = guard.agreed;
    match run(cloud, mending, guard, ways, false).await {
        Ok(converged) => {
            let plan = converged.draft.plan;
            let planned: BTreeSet<u32> = guard
                .accepted()
                .iter()
                .flat_map(Plan::planned)
                .map(|step| step.id)
                .collect();
            let is_told = |step: &Step| !step.status.is_there() || planned.contains(&step.id);
            let is_unchanged = converged.ending == Ending::Unchanged;
            Repair {
                result: RepairResult::Repaired,
                kinds: if is_unchanged { BTreeSet::new() } else { agreed.kinds() },
                reason: is_unchanged.then(|| "it was resolved meanwhile".to_owned()),
                steps: plan.steps.into_iter().filter(is_told).collect(),
                mended: Vec::new(),
            }
        }
        Err(failure) => {
            let has_written = !failure.applied.is_empty();
            let (result, reason) = match failure.error {
                RunError::Declined if !has_written => (RepairResult::Left, CHANGED.to_owned()),
                RunError::Declined => (RepairResult::Failed, CHANGED.to_owned()),
                RunError::Interrupted { .. } if !has_written => (RepairResult::Left, INTERRUPTED.to_owned()),
                error => (RepairResult::Failed, error.to_string()),
            };
            // A step whose write was carried out is done, whatever came after.
            let mut applied: Vec<&str> = failure.applied.iter().map(|applied| applied.summary.as_str()).collect();
            let plan = guard.accepted();
            let mut steps: Vec<Step> = plan.as_ref().unwrap_or(agreed).planned().cloned().collect();
            for step in &mut steps {
                if let Some(at) = applied.iter().position(|summary| *summary == step.summary) {
                    applied.remove(at);
                    step.status = StepStatus::Done;
                }
            }
            Repair {
                result,
                kinds: agreed.kinds(),
                reason: Some(reason),
                steps,
                mended: Vec::new(),
            }
        }
    }
}

const CHANGED: &str = "something was changed since the repair was planned: the next run plans it anew";

/// Agrees to the plan that was allowed, and to nothing else.
struct Guard<'a> {
    agreed: &'a Plan,
    /// An earlier repair has written. It may have done a part of this one.
    may_differ: bool,
    accepted: Mutex<Option<Plan>>,
    show: &'a (dyn Fn(Progress<'_>) + Sync),
}

impl Guard<'_> {
    fn accepted(&self) -> Option<Plan> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a plan is the one that was allowed. Once this run has written, it may do less: what is done already is not
    /// done again, and a group that was made meanwhile is shared.
    fn covers(&self, plan: &Plan) -> bool {
        let steps = |plan: &Plan| -> Vec<_> {
            let planned = plan.planned();
            planned
                .map(|step| (step.resource.clone(), step.effect.clone()))
                .collect()
        };
        if steps(self.agreed) == steps(plan) {
            return true;
        }
        let mut agreed = self.agreed.kinds();
        // To put a group into use that was just made is a part of making it.
        if agreed.contains(&RepairKind::MissingGroups) {
            agreed.extend([RepairKind::DetachedGroups, RepairKind::MissingRules]);
        }
        let has_written = self.may_differ || self.accepted().is_some();
        has_written && plan.kinds().is_subset(&agreed) && plan.pending() <= self.agreed.pending()
    }
}

#[async_trait::async_trait]
impl Front for Guard<'_> {
    async fn consent(&self, asked: Asked<'_>) -> Result<(), RunError> {
        let plan = &asked.draft.plan;
        if !self.covers(plan) {
            return Err(RunError::Declined);
        }
        *self.accepted.lock().unwrap_or_else(PoisonError::into_inner) = Some(plan.clone());
        Ok(())
    }

    async fn password(&self, _: &str) -> Result<SecretString, RunError> {
        Err(RunError::Declined)
    }

    fn progress(&self, progress: Progress<'_>) {
        (self.show)(progress);
    }
}

/// Agrees to nothing.
struct Nobody;

#[async_trait::async_trait]
impl Front for Nobody {
    async fn consent(&self, _: Asked<'_>) -> Result<(), RunError> {
        Err(RunError::Declined)
    }

    async fn password(&self, _: &str) -> Result<SecretString, RunError> {
        Err(RunError::Declined)
    }

    fn progress(&self, _: Progress<'_>) {}
}
