//! One run over many connections: which ones, in which accounts and Regions, and the verdict of each.
//!
//! Each account and Region is read once, several of them at a time; [`crate::drift`] judges what was read. Source:
//! docs/drift.md.

mod accounts;
mod changes;
mod event;
mod metrics;
mod repair;
mod shard;
mod state;
mod tell;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use accounts::{Accounts, Handle, OfflineFile, OneCloud, elsewhere};
#[cfg(feature = "aws")]
pub use accounts::{OnAws, configuration};
pub use changes::{Changes, FailedLook, FindingChange, VerdictChange};
pub use event::{Applied, Apply, Event, PlanObject};
pub use metrics::{Run, write as write_metrics};
pub use repair::{AllowedKind, Bounds, MOST, Mending, Repair, RepairResult, Repairs, Ways};
pub use shard::Shard;
pub use state::{How, Known, State, StateError};
pub use tell::{Notify, Recipient, TellError, run_command};

use crate::cloud::{ApiCalls, CloudError, Fault};
use crate::concurrent::bounded;
use crate::drift::{Finding, FindingKind, Judge, Judgement, Severity, Verdict, discover, leftovers, prescribe_removal};
use crate::estate::{Connection, Estate, Part};
use crate::model::{Elsewhere, Origin};
use crate::observe::Proxies;

/// How many accounts and Regions are read at once.
const PLACES_AT_ONCE: usize = 8;

/// An account and Region; what is left out is as the global options and the environment have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The role that is assumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
}

/// A connection that is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is called; by its id if left out.
    pub name: Option<String>,
    /// Where it is.
    pub place: Place,
    /// Which one it is.
    pub connection: Connection,
}

/// Which connections are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// These.
    Entries(Vec<Entry>),
    /// All that are found.
    Everything,
}

/// A connection, looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// What it is called.
    pub name: String,
    /// Where it is, as it was asked for.
    pub place: Place,
    /// The account and Region that it was read from.
    pub origin: Origin,
    /// Which one it is.
    pub connection: Connection,
    /// How it stands.
    pub judgement: Judgement,
    /// The remedies of its findings, as a run in its own account and Region would be named.
    pub remedies: Vec<Vec<String>>,
    /// What became of it, where repairs were asked for.
    pub repair: Option<Repair>,
}

/// What a look has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// The accounts and Regions that were looked at, each once.
    pub origins: Vec<Origin>,
    /// The connections, in the order of the manifest, or of their ids.
    pub judged: Vec<Judged>,
    /// How many requests were sent.
    pub calls: ApiCalls,
}

/// Why nothing of an account and Region could be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Unreachable {
    /// The stable code of the error.
    pub code: &'static str,
    /// Why.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl From<Elsewhere> for Unreachable {
    fn from(elsewhere: Elsewhere) -> Self {
        Self {
            code: elsewhere.code(),
            message: elsewhere.to_string(),
            hint: Some(elsewhere.hint()),
        }
    }
}

impl From<&CloudError> for Unreachable {
    fn from(error: &CloudError) -> Self {
        Self {
            code: error.code(),
            message: error.to_string(),
            hint: error.hint(),
        }
    }
}

impl From<&Fault> for Unreachable {
    fn from(fault: &Fault) -> Self {
        Self {
            code: fault.code(),
            message: fault.to_string(),
            hint: fault.hint(),
        }
    }
}

/// An account and Region as it was read, with the calls that this took and the errors in it.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// The account and Region.
    pub origin: Origin,
    /// What was read.
    pub estate: Estate,
    /// The first error, where a part could not be read.
    pub error: Option<Unreachable>,
    /// How many requests were sent.
    pub calls: ApiCalls,
}

impl Place {
    /// What is known of the account and Region before anything was read.
    pub fn origin(&self) -> Origin {
        Origin {
            account: self.role_arn.as_deref().and_then(|role| Origin::of_arn(role).account),
            region: self.region.clone(),
        }
    }
}

impl Round {
    /// What the accounts and Regions that were looked at have in common.
    pub fn origin(&self) -> Origin {
        Origin::shared(&self.origins)
    }

    /// How many connections have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.judged
            .iter()
            .filter(|judged| judged.judgement.verdict == verdict)
            .count()
    }

    /// How many findings are so bad.
    pub fn findings(&self, severity: Severity) -> usize {
        let findings = self.judged.iter().flat_map(|judged| &judged.judgement.findings);
        findings.filter(|finding| finding.severity == severity).count()
    }

    /// The connections that are not in sync.
    pub fn not_in_sync(&self) -> impl Iterator<Item = &Judged> {
        let judged = self.judged.iter();
        judged.filter(|judged| judged.judgement.verdict != Verdict::InSync)
    }

    /// The connections that are not in sync, and those of which a repair has something to tell.
    pub fn told(&self) -> impl Iterator<Item = &Judged> {
        let judged = self.judged.iter();
        judged.filter(|judged| judged.judgement.verdict != Verdict::InSync || judged.repair.is_some())
    }

    /// How many connections a repair has ended so with.
    pub fn repairs(&self, result: RepairResult) -> usize {
        let repairs = self.judged.iter().filter_map(|judged| judged.repair.as_ref());
        repairs.filter(|repair| repair.result == result).count()
    }

    /// 0 all in sync, 2 drift, 1 an error: also where a repair has failed, or a connection is unknown, unless that is allowed.
    pub fn exit_status(&self, allow_unknown: bool) -> u8 {
        let has = |verdict| self.count(verdict) > 0;
        match (
            has(Verdict::Unknown) && !allow_unknown || self.repairs(RepairResult::Failed) > 0,
            has(Verdict::Drifted) || has(Verdict::Broken),
        ) {
            (true, _) => 1,
            (false, true) => 2,
            (false, false) => 0,
        }
    }
}

/// Looks once. Connections that are `known` and no longer found are looked at, too.
///
/// # Errors
///
/// Nothing could be read at all; or of all connections there are, not all could be found.
pub async fn patrol(
    accounts: &impl Accounts,
    wanted: &Wanted,
    shard: Option<Shard>,
    known: &[Known],
) -> Result<Round, Unreachable> {
    match wanted {
        Wanted::Everything => everything(accounts, shard, known).await,
        Wanted::Entries(entries) => {
            let entries = entries
                .iter()
                .filter(|entry| shard.is_none_or(|shard| shard.has(&entry.key())));
            these(accounts, &entries.collect::<Vec<_>>()).await
        }
    }
}

impl Judged {
    /// Whether it was known, and is no longer found.
    pub fn has_vanished(&self) -> bool {
        let mut findings = self.judgement.findings.iter();
        findings.any(|finding| finding.kind == FindingKind::ConnectionVanished)
    }

    /// Keeps the remedies of its findings, each once.
    fn keep_remedies(&mut self) {
        for remedy in self
            .judgement
            .findings
            .iter()
            .filter_map(|finding| finding.remedy.as_ref())
        {
            if !self.remedies.contains(remedy) {
                self.remedies.push(remedy.clone());
            }
        }
    }

    /// Gives the commands that make its findings go away further arguments.
    fn extend_remedies(&mut self, change: impl Fn(&mut Vec<String>)) {
        let remedies = self
            .judgement
            .findings
            .iter_mut()
            .filter_map(|finding| finding.remedy.as_mut());
        remedies.for_each(change);
    }
}

impl Entry {
    /// What distinguishes it from all others.
    fn key(&self) -> String {
        key(&self.place, &self.connection)
    }
}

fn key(place: &Place, connection: &Connection) -> String {
    let Place {
        region,
        profile,
        role_arn,
    } = place;
    let of = |part: &Option<String>| part.clone().unwrap_or_default();
    format!("{}|{}|{}|{connection}", of(role_arn), of(profile), of(region))
}

async fn everything(accounts: &impl Accounts, shard: Option<Shard>, known: &[Known]) -> Result<Round, Unreachable> {
    let place = Place::default();
    let Survey {
        origin,
        estate,
        error,
        calls,
    } = accounts.survey(&place, &Proxies::All).await?;
    let needed = [
        Part::Clusters,
        Part::Instances,
        Part::Proxies,
        Part::Functions,
        Part::Groups,
    ];
    if let Some(error) = error.filter(|_| needed.iter().any(|part| estate.unread(part).is_some())) {
        return Err(error);
    }
    let found = discover(&estate);
    let ids: BTreeSet<String> = found.iter().map(ToString::to_string).collect();
    let vanished = known.iter().filter(|known| known.is_missed(&origin, &ids));
    let vanished: Vec<(&str, &Connection)> = vanished.map(|known| (known.name.as_str(), &known.connection)).collect();
    let is_looked_at = |connection: &Connection| shard.is_none_or(|shard| shard.has(&key(&place, connection)));
    let judged = |name: &str, connection: &Connection, judgement: Judgement| Judged {
        name: name.to_owned(),
        place: place.clone(),
        origin: origin.clone(),
        connection: connection.clone(),
        judgement,
        remedies: Vec::new(),
        repair: None,
    };
    let judge = Judge::new(&estate);
    let mut looked_at: Vec<Judged> = found
        .iter()
        .filter(|connection| is_looked_at(connection))
        .map(|connection| {
            let mut judgement = judge.judge(connection);
            prescribe_removal(&estate, connection, &mut judgement.findings);
            judged(&connection.to_string(), connection, judgement)
        })
        .collect();
    let missed = vanished.into_iter().filter(|(_, connection)| is_looked_at(connection));
    looked_at.extend(missed.map(|(name, connection)| judged(name, connection, judge.judge_vanished(connection))));
    // To which connection a group belongs does not depend on the shard.
    let mut all: Vec<(&Connection, Judgement)> = Vec::new();
    if shard.is_some() && estate.flawed().next().is_some() {
        let others = found.iter().filter(|connection| !is_looked_at(connection));
        all.extend(others.map(|connection| (connection, judge.judge(connection))));
    }
    let judgements: Vec<(Connection, Judgement)> = looked_at
        .iter()
        .map(|judged| (judged.connection.clone(), judged.judgement.clone()))
        .collect();
    let ours = judgements.iter().map(|(connection, judgement)| (connection, judgement));
    let others = all.iter().map(|(connection, judgement)| (*connection, judgement));
    for leftover in leftovers(&estate, &ours.chain(others).collect::<Vec<_>>()) {
        match leftover.of {
            Some(at) => {
                if let Some(judged) = looked_at.get_mut(at) {
                    judged.judgement.add(leftover.findings);
                }
            }
            None if is_looked_at(&leftover.resource) => {
                let name = leftover.resource.to_string();
                let judgement = Judgement::of_leftover(leftover.findings);
                looked_at.push(judged(&name, &leftover.resource, judgement));
            }
            None => {}
        }
    }
    looked_at.iter_mut().for_each(Judged::keep_remedies);
    Ok(Round {
        judged: looked_at,
        origins: vec![origin],
        calls,
    })
}

async fn these(accounts: &impl Accounts, entries: &[&Entry]) -> Result<Round, Unreachable> {
    let mut places: BTreeMap<&Place, BTreeSet<String>> = BTreeMap::new();
    for entry in entries {
        entry.connection.check(&accounts.home(&entry.place))?;
        let proxies = places.entry(&entry.place).or_default();
        proxies.extend(entry.connection.proxy.as_ref().map(|proxy| proxy.to_ascii_lowercase()));
    }
    for place in places.keys() {
        accounts.check(place).await?;
    }
    let surveys = places.into_iter().map(async |(place, proxies)| {
        let survey = accounts.survey(place, &Proxies::Named(proxies)).await;
        (place, survey)
    });
    let surveys: BTreeMap<&Place, Result<Survey, Unreachable>> =
        bounded(PLACES_AT_ONCE, surveys).await.into_iter().collect();
    let first = surveys.values().next();
    if let Some(Err(error)) = first.filter(|_| surveys.values().all(Result::is_err)) {
        return Err(error.clone());
    }
    let origins: BTreeMap<&Place, Origin> = surveys
        .iter()
        .map(|(place, survey)| {
            (
                *place,
                survey
                    .as_ref()
                    .map_or_else(|_| place.origin(), |survey| survey.origin.clone()),
            )
        })
        .collect();
    let mut calls = ApiCalls::default();
    for survey in surveys.values().flatten() {
        calls.read += survey.calls.read;
        calls.write += survey.calls.write;
    }
    let judge_of: BTreeMap<&Place, Result<Judge<'_>, &Unreachable>> = surveys
        .iter()
        .map(|(place, survey)| (*place, survey.as_ref().map(|survey| Judge::new(&survey.estate))))
        .collect();
    let judged = |entry: &&Entry| Judged {
        name: entry.name.clone().unwrap_or_else(|| entry.connection.to_string()),
        place: entry.place.clone(),
        origin: origins[&entry.place].clone(),
        connection: entry.connection.clone(),
        judgement: match &judge_of[&entry.place] {
            Ok(judge) => judge.judge(&entry.connection),
            Err(error) => Judgement::unknown(vec![Finding::unread(&entry.connection, &error.message)]),
        },
        remedies: Vec::new(),
        repair: None,
    };
    for entry in entries {
        entry.connection.check(&origins[&entry.place])?;
    }
    let mut looked_at: Vec<Judged> = entries.iter().map(judged).collect();
    for (place, survey) in &surveys {
        let Ok(survey) = survey else { continue };
        tell_leftovers(&survey.estate, place, &mut looked_at);
    }
    for judged in &mut looked_at {
        judged.keep_remedies();
        let Place {
            region,
            profile,
            role_arn,
        } = judged.place.clone();
        // No option of the other commands assumes a role: they would run in another account.
        if role_arn.is_some() {
            for finding in &mut judged.judgement.findings {
                finding.remedy = None;
            }
        }
        judged.extend_remedies(|arguments| place_options(arguments, region.as_deref(), profile.as_deref()));
    }
    let each: BTreeSet<&Origin> = origins.values().collect();
    Ok(Round {
        origins: each.into_iter().cloned().collect(),
        judged: looked_at,
        calls,
    })
}

/// Adds what differs in groups on the resources of a place's connections, and belongs to none of them.
fn tell_leftovers(estate: &Estate, place: &Place, looked_at: &mut [Judged]) {
    let here: Vec<usize> = (0..looked_at.len())
        .filter(|at| looked_at[*at].place == *place)
        .collect();
    let of_place: Vec<(&Connection, &Judgement)> = here
        .iter()
        .map(|at| (&looked_at[*at].connection, &looked_at[*at].judgement))
        .collect();
    for leftover in leftovers(estate, &of_place) {
        if let Some(at) = leftover.of {
            looked_at[here[at]].judgement.add(leftover.findings);
        }
    }
}

fn place_options(arguments: &mut Vec<String>, region: Option<&str>, profile: Option<&str>) {
    for (option, value) in [("--region", region), ("--profile", profile)] {
        if let Some(value) = value
            && !arguments.iter().any(|argument| argument == option)
        {
            arguments.extend([option.to_owned(), value.to_owned()]);
        }
    }
}

impl Round {
    /// Completes the commands that resolve findings with the Region and the profile of this run, and with its state
    /// file: whoever runs them is in the same account.
    pub fn complete_remedies(&mut self, region: Option<&str>, profile: Option<&str>, state_file: Option<&str>) {
        for judged in &mut self.judged {
            let name = judged.name.clone();
            judged.extend_remedies(|arguments| place_options(arguments, region, profile));
            let Some(file) = state_file else { continue };
            let forget = ["drift", "--forget", name.as_str(), "--state-file", file].map(str::to_owned);
            for finding in &mut judged.judgement.findings {
                if finding.kind == FindingKind::ConnectionVanished && finding.remedy.is_none() {
                    finding.remedy = Some(forget.to_vec());
                }
            }
        }
    }
}
