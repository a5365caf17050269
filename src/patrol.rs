//! One look at many connections: which ones, in which accounts and Regions, and how each stands.
//!
//! Each account and Region is read once, several of them at a time; [`crate::drift`] judges what was read. Source:
//! spec/drift.md.

mod accounts;
mod event;
pub mod manifest;
mod metrics;
mod shard;
mod state;
mod tell;

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

#[cfg(feature = "aws")]
pub use accounts::OnAws;
pub use accounts::{Accounts, OfflineFile};
pub use event::Event;
pub use metrics::{Run, write as write_metrics};
pub use shard::Shard;
pub use state::{Change, State, StateError};
pub use tell::{Notify, TellError, run_command};

use crate::cloud::{ApiCalls, CloudError, Fault};
use crate::concurrent::bounded;
use crate::drift::{Finding, Judgement, Verdict, discover, judge};
use crate::estate::{Connection, Estate, Part};
use crate::model::Origin;
use crate::observe::Proxies;

/// How many accounts and Regions are read at once.
const PLACES_AT_ONCE: usize = 8;

/// An account and Region; what is left out is as the global options and the environment have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The Region.
    pub region: Option<String>,
    /// The profile.
    pub profile: Option<String>,
    /// The role that is assumed.
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
}

/// What a look has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patrol {
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
    fn origin(&self) -> Origin {
        Origin {
            account: self.role_arn.as_deref().and_then(|role| Origin::of_arn(role).account),
            region: self.region.clone(),
        }
    }
}

impl Patrol {
    /// What the accounts and Regions that were looked at have in common.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin::shared(&self.origins)
    }

    /// How many connections have this verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.judged
            .iter()
            .filter(|judged| judged.judgement.verdict == verdict)
            .count()
    }

    /// The connections that are not in sync.
    pub fn not_in_sync(&self) -> impl Iterator<Item = &Judged> {
        let judged = self.judged.iter();
        judged.filter(|judged| judged.judgement.verdict != Verdict::InSync)
    }

    /// 0 all in sync, 2 drift, 1 an error: also where a connection is unknown, unless that is allowed.
    #[must_use]
    pub fn exit_status(&self, allow_unknown: bool) -> u8 {
        let has = |verdict| self.count(verdict) > 0;
        match (
            has(Verdict::Unknown) && !allow_unknown,
            has(Verdict::Drifted) || has(Verdict::Broken),
        ) {
            (true, _) => 1,
            (false, true) => 2,
            (false, false) => 0,
        }
    }
}

/// Looks once.
///
/// # Errors
///
/// Nothing could be read at all; or of all connections there are, not all could be found.
pub async fn patrol(accounts: &impl Accounts, wanted: &Wanted, shard: Option<Shard>) -> Result<Patrol, Unreachable> {
    match wanted {
        Wanted::Everything => everything(accounts, shard).await,
        Wanted::Entries(entries) => {
            let entries = entries
                .iter()
                .filter(|entry| shard.is_none_or(|shard| shard.has(&entry.key())));
            these(accounts, &entries.collect::<Vec<_>>()).await
        }
    }
}

impl Entry {
    /// What tells it from all others.
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

async fn everything(accounts: &impl Accounts, shard: Option<Shard>) -> Result<Patrol, Unreachable> {
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
    let connections = discover(&estate).into_iter();
    let connections = connections.filter(|connection| shard.is_none_or(|shard| shard.has(&key(&place, connection))));
    let judged = connections.map(|connection| Judged {
        name: connection.to_string(),
        place: place.clone(),
        origin: origin.clone(),
        judgement: judge(&estate, &connection),
        connection,
    });
    Ok(Patrol {
        judged: judged.collect(),
        origins: vec![origin.clone()],
        calls,
    })
}

async fn these(accounts: &impl Accounts, entries: &[&Entry]) -> Result<Patrol, Unreachable> {
    let mut places: BTreeMap<&Place, BTreeSet<String>> = BTreeMap::new();
    for entry in entries {
        let proxies = places.entry(&entry.place).or_default();
        proxies.extend(entry.connection.proxy.as_ref().map(|proxy| proxy.to_ascii_lowercase()));
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
    let judged = |entry: &&Entry| Judged {
        name: entry.name.clone().unwrap_or_else(|| entry.connection.to_string()),
        place: entry.place.clone(),
        origin: origins[&entry.place].clone(),
        connection: entry.connection.clone(),
        judgement: match &surveys[&entry.place] {
            Ok(survey) => judge(&survey.estate, &entry.connection),
            Err(error) => Judgement {
                verdict: Verdict::Unknown,
                decision: None,
                findings: vec![Finding::unread(&entry.connection, &error.message)],
            },
        },
    };
    let each: BTreeSet<&Origin> = origins.values().collect();
    Ok(Patrol {
        origins: each.into_iter().cloned().collect(),
        judged: entries.iter().map(judged).collect(),
        calls,
    })
}
