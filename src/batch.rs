//! Many connections in one run: planned one after the other on the account as those before leave it, and applied
//! concurrently, with one writer for each list of groups.
//!
//! Source: docs/manifest.md, "How it is planned" and "How it is applied".

mod accounts;
mod all;
mod apply;
mod prune;
mod run;

use std::collections::{BTreeMap, BTreeSet};

use secrecy::SecretString;

pub use accounts::{AccountSource, Opened};
pub use all::{check, plan_all};
pub use apply::{Event, Listener, Passwords, apply, changes};
pub use prune::prune;
pub use run::{Ready, Run};

use crate::cloud::{ApiCalls, Cloud};
use crate::interrupt::Interrupt;
use crate::model::{DatabaseKind, Origin, VpcId};
use crate::monitor::Place;
use crate::naming::created;
use crate::observe::{ProxyWish, Target};
use crate::plan::{Effect, StepStatus};
use crate::preview::{Needs, Preview};
use crate::reconcile::{
    Asked, Connect, Disconnect, Draft, Ending, Failure, Fix, Front, Options, Progress, RunError, converge,
};
use crate::report::{
    Report, RunDocument, connected, incomplete, is_incomplete, is_incomplete_across, path_across, removal_text,
    text_across, unchanged, unfinished,
};

/// One connection of a run over many.
#[derive(Clone, Debug)]
pub struct Item {
    /// What it is called.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// The command that would bring about this connection alone.
    pub arguments: Vec<String>,
    /// What is to be brought about.
    pub job: Job,
}

/// What is brought about for one connection.
#[derive(Clone, Debug)]
pub enum Job {
    /// It is set up, within one VPC.
    Connect(Box<Target>, Options),
    /// It is set up across two VPCs.
    AcrossVpcs(Box<Fix>, Options),
    /// It is removed.
    Disconnect(Box<Disconnect>, Options),
}

/// How the run of one connection ended.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The document, as the connection's own command prints it.
    pub document: RunDocument,
    /// What was to be done.
    pub draft: Draft,
    /// The account and Region.
    pub origin: Origin,
    /// What is printed at the end for people.
    pub text: String,
    /// Whether the connection is not as it should be, although nothing failed.
    pub is_incomplete: bool,
}

impl Ran {
    /// Whether something is to be written.
    pub fn is_pending(&self) -> bool {
        !self.draft.plan.is_empty()
    }

    /// Whether a run has something to do: to write, or to wait for what an earlier one has written.
    pub fn is_unfinished(&self) -> bool {
        self.is_pending() || !self.draft.pending.is_empty()
    }
}

/// A connection with its plan, or why there is none.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The connection.
    pub item: Item,
    /// Its plan.
    pub outcome: Result<Ran, Box<Report>>,
}

impl Job {
    /// Runs it alone, with options that are changed so.
    ///
    /// # Errors
    ///
    /// The run failed.
    pub async fn run(
        &self,
        cloud: &dyn Cloud,
        change: impl Fn(&mut Options),
        front: &dyn Front,
        interrupt: Interrupt,
    ) -> Result<Ran, Failure> {
        let mut options = self.options().clone();
        change(&mut options);
        // Requests that several connections share are counted for the whole run.
        let calls = |written: usize| ApiCalls {
            read: 0,
            write: u64::try_from(written).unwrap_or(u64::MAX),
        };
        match self {
            Self::Connect(target, _) => {
                let goal = Connect {
                    target,
                    options: &options,
                };
                let ended = converge(cloud, &goal, &options, front, interrupt).await?;
                let text = match ended.ending {
                    Ending::Planned => String::new(),
                    Ending::Unfinished => unfinished(&ended),
                    Ending::Incomplete if ended.draft.decision != "no-op" => incomplete(&ended),
                    Ending::Unchanged | Ending::Incomplete => unchanged(&ended),
                    Ending::Reached => connected(&ended),
                };
                Ok(Ran {
                    document: RunDocument::setup(&ended, calls(ended.applied.len())),
                    is_incomplete: matches!(ended.ending, Ending::Incomplete | Ending::Unfinished),
                    origin: ended.origin,
                    draft: ended.draft,
                    text,
                })
            }
            Self::AcrossVpcs(goal, _) => {
                let ended = converge(cloud, goal.as_ref(), &options, front, interrupt).await?;
                let path = options.diagnose.then(|| path_across(&ended));
                Ok(Ran {
                    document: RunDocument::across_vpcs(&ended, path.as_ref(), calls(ended.applied.len())),
                    text: text_across(&ended, path.as_ref()),
                    is_incomplete: is_incomplete_across(&ended, path.as_ref()),
                    origin: ended.origin,
                    draft: ended.draft,
                })
            }
            Self::Disconnect(goal, _) => {
                let ended = converge(cloud, goal.as_ref(), &options, front, interrupt).await?;
                Ok(Ran {
                    document: RunDocument::remove(&ended, calls(ended.applied.len())),
                    text: removal_text(&ended),
                    is_incomplete: is_incomplete(&ended),
                    origin: ended.origin,
                    draft: ended.draft,
                })
            }
        }
    }

    /// How its own command would run.
    pub fn options(&self) -> &Options {
        match self {
            Self::Connect(_, options) | Self::AcrossVpcs(_, options) | Self::Disconnect(_, options) => options,
        }
    }

    /// What the user named.
    pub fn target(&self) -> &Target {
        match self {
            Self::Connect(target, _) => target,
            Self::AcrossVpcs(fix, _) => &fix.target,
            Self::Disconnect(goal, _) => &goal.target,
        }
    }

    /// Its database, by which connections are divided into shards: two shards never write one database.
    pub fn database(&self) -> String {
        let target = self.target();
        format!("{}/{}", target.kind, target.database_id())
    }

    /// The resources whose lists of groups it may write.
    fn writes_to(&self) -> BTreeSet<(&'static str, String)> {
        let target = self.target();
        let database = match target.kind {
            DatabaseKind::Cluster => "cluster",
            DatabaseKind::Instance => "instance",
        };
        let mut resources = BTreeSet::from([
            (database, target.database_id()),
            ("function", target.function_name().to_owned()),
        ]);
        resources.extend(proxy_of(target).map(|name| ("proxy", name)));
        resources
    }
}

/// The name of a connection's proxy, in lower case as RDS keeps it.
pub fn proxy_of(target: &Target) -> Option<String> {
    match &target.proxy {
        ProxyWish::None => None,
        ProxyWish::Existing(name) => Some(name.to_ascii_lowercase()),
        ProxyWish::New(wish) => Some(wish.name.as_ref().map_or_else(
            || created::proxy(&target.database_id()),
            |name| name.to_ascii_lowercase(),
        )),
    }
}

/// What connections need besides the lists of their account and Region.
pub fn needs<'i>(items: impl IntoIterator<Item = &'i Item>) -> Needs {
    let mut needs = Needs::default();
    for item in items {
        let target = item.job.target();
        needs.proxies.extend(proxy_of(target));
        if target.environment.is_some() {
            needs.environments.insert(target.function_name().to_owned());
        }
    }
    needs
}

/// Plans connections of one account and Region, each on what those before it leave.
pub async fn plan(preview: &Preview<'_>, items: Vec<Item>, interrupt: &Interrupt) -> Vec<Planned> {
    let mut planned = Vec::new();
    for item in items {
        let outcome = plan_one(preview, &item.job, interrupt).await;
        let outcome = outcome.map_err(|failure| Box::new(Report::of_run(&failure)));
        planned.push(Planned { item, outcome });
    }
    planned
}

async fn plan_one(preview: &Preview<'_>, job: &Job, interrupt: &Interrupt) -> Result<Ran, Failure> {
    let dry = |options: &mut Options| {
        options.dry_run = true;
        options.records = true;
        options.reads_role = false;
    };
    let ran = job.run(preview, dry, &Agreed, interrupt.clone()).await?;
    if ran.is_pending() {
        preview.settle(true);
        let applied = |options: &mut Options| {
            options.dry_run = false;
            options.diagnose = false;
            options.reads_role = false;
            options.wait_for_effect = false;
        };
        let carried_out = job.run(preview, applied, &Agreed, interrupt.clone()).await;
        preview.settle(false);
        carried_out.map_err(|failure| Failure {
            // Nothing was written but to the preview.
            applied: Vec::new(),
            ..failure
        })?;
    }
    // A run on the account waits for its proxy's targets before it ends, and not before.
    if let Some(proxy) = proxy_of(job.target()).filter(|_| ran.is_unfinished()) {
        preview.end_registration(&proxy);
    }
    Ok(ran)
}

/// Approves every plan: on a preview nothing is sent.
struct Agreed;

#[async_trait::async_trait]
impl Front for Agreed {
    async fn consent(&self, _: Asked<'_>) -> Result<(), RunError> {
        Ok(())
    }

    async fn password(&self, _: &str) -> Result<SecretString, RunError> {
        Ok(SecretString::from("not known"))
    }

    fn progress(&self, _: Progress<'_>) {}
}

/// The indices of connections that are carried out one after the other, in order: those that may write one list.
fn lanes(planned: &[Planned]) -> Vec<Vec<usize>> {
    let mut lane_of: BTreeMap<(String, &'static str, String), usize> = BTreeMap::new();
    let mut lanes: Vec<Vec<usize>> = Vec::new();
    for (index, Planned { item, outcome }) in planned.iter().enumerate() {
        // Two entries may name one account and Region by different profiles.
        let here = match outcome {
            Ok(ran) => ran.origin.to_string(),
            Err(_) => format!("{:?}", item.place),
        };
        let resources = item.job.writes_to().into_iter();
        let resources: Vec<_> = resources.map(|(kind, name)| (here.clone(), kind, name)).collect();
        let joined: BTreeSet<usize> = resources.iter().filter_map(|key| lane_of.get(key).copied()).collect();
        let lane = joined.first().copied().unwrap_or(lanes.len());
        if lane == lanes.len() {
            lanes.push(Vec::new());
        }
        for other in joined.into_iter().skip(1) {
            let moved = std::mem::take(&mut lanes[other]);
            lanes[lane].extend(moved);
            for at in lane_of.values_mut().filter(|at| **at == other) {
                *at = lane;
            }
        }
        lanes[lane].push(index);
        lane_of.extend(resources.into_iter().map(|key| (key, lane)));
    }
    for lane in &mut lanes {
        lane.sort_unstable();
    }
    lanes.retain(|lane| !lane.is_empty());
    lanes
}

/// The groups that a plan is about to create, by VPC and name.
fn names_to_create(draft: &Draft) -> impl Iterator<Item = (VpcId, String)> + '_ {
    let steps = draft.plan.steps.iter();
    let planned = steps.filter(|step| step.status == StepStatus::Planned);
    planned.filter_map(|step| match &step.effect {
        Effect::CreateSecurityGroup { vpc, name, .. } => Some((vpc.clone(), name.clone())),
        _ => None,
    })
}
