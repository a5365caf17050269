//! What is kept between two runs: each connection that is known, each of its findings with the time at which it was seen
//! first, and what each recipient was notified of.
//!
//! Several runs may share a file, as those of the shards of one manifest do: each replaces what it has looked at, and leaves
//! the rest as it finds it when it writes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::changes::{FailedLook, Told, fingerprints, open_findings};
use super::{Judged, Place, Round, Shard, key};
use crate::drift::{Finding, Verdict};
use crate::estate::Connection;
use crate::files::{self, LARGEST_TEXT, Locked, New};
use crate::json;
use crate::model::{DatabaseKind, Origin};

/// The version of the file.
const VERSION: u32 = 2;

/// How a connection came to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// A manifest names it.
    Manifest,
    /// The command line names it.
    Named,
    /// It was found in the account.
    Found,
}

/// A connection that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Entry", into = "Entry")]
pub struct Known {
    /// What it is called.
    pub name: String,
    /// Which one it is.
    pub connection: Connection,
    /// Where it is, as it was asked for.
    pub place: Place,
    /// The account and Region that it was read from.
    pub origin: Origin,
    /// How it came to be looked at last.
    pub how: How,
    /// Whether it was connected once: then it is missed where it is no longer found.
    pub was_connected: bool,
    /// Whether it was missed last.
    pub has_vanished: bool,
    /// How it stood last.
    pub verdict: Verdict,
    /// Its open findings, by what distinguishes them.
    pub findings: BTreeMap<String, Finding>,
}

/// A known connection as it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    kind: DatabaseKind,
    database: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proxy: Option<String>,
    function: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked_region: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role_arn: Option<String>,
    account: Option<String>,
    region: Option<String>,
    how: How,
    was_connected: bool,
    has_vanished: bool,
    verdict: Verdict,
    findings: BTreeMap<String, Finding>,
}

impl From<Known> for Entry {
    fn from(known: Known) -> Self {
        Self {
            name: known.name,
            kind: known.connection.kind,
            database: known.connection.database,
            proxy: known.connection.proxy,
            function: known.connection.function,
            asked_region: known.place.region,
            profile: known.place.profile,
            role_arn: known.place.role_arn,
            account: known.origin.account,
            region: known.origin.region,
            how: known.how,
            was_connected: known.was_connected,
            has_vanished: known.has_vanished,
            verdict: known.verdict,
            findings: known.findings,
        }
    }
}

impl From<Entry> for Known {
    fn from(entry: Entry) -> Self {
        Self {
            name: entry.name,
            connection: Connection {
                kind: entry.kind,
                database: entry.database,
                proxy: entry.proxy,
                function: entry.function,
            },
            place: Place {
                region: entry.asked_region,
                profile: entry.profile,
                role_arn: entry.role_arn,
            },
            origin: Origin {
                account: entry.account,
                region: entry.region,
            },
            how: entry.how,
            was_connected: entry.was_connected,
            has_vanished: entry.has_vanished,
            verdict: entry.verdict,
            findings: entry.findings,
        }
    }
}

impl Known {
    /// Whether it was connected here once, and is not among those that were found, by their ids.
    pub fn is_missed(&self, origin: &Origin, found: &BTreeSet<String>) -> bool {
        let is_same = |ours: &Option<String>, theirs: &Option<String>| match (ours, theirs) {
            (Some(ours), Some(theirs)) => ours == theirs,
            // Without an account or a Region, only what was asked for in the same way can be meant.
            _ => self.place == Place::default(),
        };
        let is_here = is_same(&self.origin.account, &origin.account) && is_same(&self.origin.region, &origin.region);
        self.was_connected && self.connection.is_whole() && is_here && !found.contains(&self.connection.to_string())
    }
}

/// What is kept between two runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub(super) connections: BTreeMap<String, Known>,
    pub(super) recipients: BTreeMap<String, BTreeMap<String, Told>>,
    /// By recipient and shard: the failure of the last looks that it was notified of.
    pub(super) failed_looks: BTreeMap<String, FailedLook>,
    /// The recipients, with the shard, that this run has notified of a look that failed, or of one that did not.
    pub(super) looked: BTreeSet<String>,
    /// What an earlier version sent to all recipients.
    migrated: BTreeMap<String, Told>,
    /// The connections that this run has looked at, or that are no longer known.
    touched: BTreeSet<String>,
    /// By recipient: the connections of which it was notified that they are no longer known.
    pub(super) ended: BTreeMap<String, BTreeSet<String>>,
    /// By what was asked for: the keys of the connections.
    asked: BTreeMap<String, String>,
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    schema_version: u32,
    #[serde(default)]
    connections: BTreeMap<String, Known>,
    #[serde(default)]
    recipients: BTreeMap<String, BTreeMap<String, Told>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    failed_looks: BTreeMap<String, FailedLook>,
}

/// The file of the version before: the last verdict of each connection that was not in sync.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verdicts {
    verdicts: BTreeMap<String, Verdict>,
}

/// Why a state could not be kept.
#[derive(Debug, Error)]
#[error("cannot use the state file {}", .path.display())]
pub struct StateError {
    path: PathBuf,
    source: io::Error,
}

impl State {
    /// The state in a file; a new one where there is none.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is no state.
    pub fn load(path: &Path) -> Result<Self, StateError> {
        let content = match files::read(path, LARGEST_TEXT) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(Self::error(path, source)),
        };
        Self::parse(&content).map_err(|source| Self::error(path, source))
    }

    fn error(path: &Path, source: io::Error) -> StateError {
        StateError {
            path: path.to_owned(),
            source,
        }
    }

    fn parse(content: &[u8]) -> io::Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            schema_version: Option<u32>,
        }
        // A file that was only just made, or was made by hand.
        if content.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        match serde_json::from_slice::<Version>(content)?.schema_version {
            None => Ok(Self::migrated(json::from_slice::<Verdicts>(content)?)),
            Some(VERSION) => {
                let document: Document = json::from_slice(content)?;
                Ok(Self {
                    recipients: document.recipients,
                    failed_looks: document.failed_looks,
                    ..Self::of(document.connections)
                })
            }
            Some(version) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("it is of version {version}; this program knows versions 1 and {VERSION}"),
            )),
        }
    }

    fn of(connections: BTreeMap<String, Known>) -> Self {
        let asked = connections
            .iter()
            .map(|(key_now, known)| (key(&known.place, &known.connection), key_now.clone()))
            .collect();
        Self {
            connections,
            asked,
            ..Self::default()
        }
    }

    /// The state of an earlier version: which connections were not in sync, and that all recipients were notified.
    fn migrated(Verdicts { verdicts }: Verdicts) -> Self {
        let mut connections = BTreeMap::new();
        let mut everybody = BTreeMap::new();
        for (key, verdict) in verdicts {
            let mut parts = key.splitn(4, '|').map(str::to_owned);
            let mut part = || parts.next().filter(|part| !part.is_empty());
            let (role_arn, profile, region, id) = (part(), part(), part(), part());
            let Some(connection) = id.as_deref().and_then(Connection::from_tag) else {
                continue;
            };
            let place = Place {
                region,
                profile,
                role_arn,
            };
            let told = Told {
                name: connection.to_string(),
                id: connection.to_string(),
                verdict,
                findings: None,
            };
            everybody.insert(key.clone(), told);
            let is_found = place == Place::default();
            connections.insert(
                key,
                Known {
                    name: connection.to_string(),
                    connection,
                    origin: Origin::default(),
                    how: if is_found { How::Found } else { How::Manifest },
                    was_connected: is_found,
                    place,
                    has_vanished: false,
                    verdict,
                    findings: BTreeMap::new(),
                },
            );
        }
        Self {
            migrated: everybody,
            ..Self::of(connections)
        }
    }

    /// The connections that are known.
    pub fn known(&self) -> Vec<Known> {
        self.connections.values().cloned().collect()
    }

    /// By what a connection is known: the account and Region that it was read from; where these are not known, as it was
    /// before, or what was asked for.
    pub(super) fn key_of(&self, judged: &Judged) -> String {
        let asked = key(&judged.place, &judged.connection);
        if let Origin {
            account: Some(account),
            region: Some(region),
        } = &judged.origin
        {
            return format!("{account}/{region}/{}", judged.connection);
        }
        self.asked.get(&asked).cloned().unwrap_or(asked)
    }

    /// Prepares the state for a look at these connections: what is known by an old key gets the one that it has now, and
    /// what an earlier version sent to all recipients counts as sent to these recipients.
    pub fn prepare(&mut self, patrol: &Round, recipients: &[String]) {
        let migrated = std::mem::take(&mut self.migrated);
        if !migrated.is_empty() {
            for recipient in recipients {
                let told = self.recipients.entry(recipient.clone());
                told.or_insert_with(|| migrated.clone());
            }
        }
        for judged in &patrol.judged {
            let (old, new) = (key(&judged.place, &judged.connection), self.key_of(judged));
            if old == new {
                continue;
            }
            if let Some(known) = self.connections.remove(&old) {
                self.connections.entry(new.clone()).or_insert(known);
                self.touched.insert(old.clone());
            }
            for told in self.recipients.values_mut() {
                if let Some(before) = told.remove(&old) {
                    told.entry(new.clone()).or_insert(before);
                }
            }
        }
    }

    /// Tells each finding when it was seen first.
    pub fn date(&self, patrol: &mut Round, now: &str) {
        for judged in &mut patrol.judged {
            let known = self.connections.get(&self.key_of(judged));
            let prints = fingerprints(&judged.judgement.findings);
            let prints: Vec<String> = prints.into_iter().map(|(print, _)| print).collect();
            for (finding, print) in judged.judgement.findings.iter_mut().zip(prints) {
                let before = known.and_then(|known| known.findings.get(&print)?.first_seen.clone());
                finding.first_seen = Some(before.unwrap_or_else(|| now.to_owned()));
            }
        }
    }

    /// Remembers what a look has found. What a manifest no longer names, and what a look at everything no longer finds and
    /// was never connected, is no longer known.
    pub fn remember(&mut self, patrol: &Round, how: How, shard: Option<Shard>) {
        let mut seen = BTreeSet::new();
        for judged in &patrol.judged {
            let key = self.key_of(judged);
            let before = self.connections.get(&key);
            let open = open_findings(judged, before.map(|known| &known.findings));
            let is_in_sync = judged.judgement.verdict == Verdict::InSync;
            let is_found = how == How::Found && judged.connection.is_whole();
            let known = Known {
                name: judged.name.clone(),
                connection: judged.connection.clone(),
                place: judged.place.clone(),
                origin: judged.origin.clone(),
                how: match (how, before) {
                    (How::Named, Some(before)) => before.how,
                    _ => how,
                },
                was_connected: is_found || is_in_sync || before.is_some_and(|known| known.was_connected),
                has_vanished: judged.has_vanished(),
                verdict: judged.judgement.verdict,
                findings: open
                    .into_iter()
                    .map(|(print, finding)| (print, finding.clone()))
                    .collect(),
            };
            self.asked
                .insert(super::key(&known.place, &known.connection), key.clone());
            self.connections.insert(key.clone(), known);
            self.touched.insert(key.clone());
            seen.insert(key);
        }
        let is_in_shard = |known: &Known| shard.is_none_or(|shard| shard.has(&key(&known.place, &known.connection)));
        let is_of_look = |known: &Known| match how {
            How::Manifest => known.how == How::Manifest || known.has_vanished,
            How::Found => {
                let here = patrol.origins.contains(&known.origin);
                known.how == How::Found && (here || known.origin == Origin::default())
            }
            How::Named => false,
        };
        let ended = |(key, known): &(&String, &Known)| !seen.contains(*key) && is_in_shard(known) && is_of_look(known);
        let ended: Vec<String> = self
            .connections
            .iter()
            .filter(ended)
            .map(|(key, _)| key.clone())
            .collect();
        for key in ended {
            self.connections.remove(&key);
            self.touched.insert(key);
        }
    }

    /// Forgets the connections of this name or id. Whether there were any.
    pub fn forget(&mut self, name: &str) -> bool {
        let is_it = |known: &Known| known.name == name || known.connection.to_string() == name;
        let keys: Vec<String> = self
            .connections
            .iter()
            .filter(|(_, known)| is_it(known))
            .map(|(key, _)| key.clone())
            .collect();
        for key in &keys {
            self.connections.remove(key);
        }
        self.touched.extend(keys.iter().cloned());
        !keys.is_empty()
    }

    /// Writes what this run has looked at to a file, whole or not at all, beside what others have written there.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written, or is no state.
    pub fn save(&self, path: &Path) -> Result<(), StateError> {
        self.write(path).map_err(|source| Self::error(path, source))
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let locked = match locked(path) {
            // A link may lead to a file that does not exist yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return files::replace(path, &self.content()?, New::Private);
            }
            locked => locked?,
        };
        let mut merged = Self::parse(&locked.read(LARGEST_TEXT)?)?;
        if merged.migrated.is_empty() {
            merged.take(self);
        } else {
            // What an earlier version has written, this run has read.
            merged = self.clone();
        }
        locked.replace(&merged.content()?)
    }

    /// Takes over what another one has looked at.
    fn take(&mut self, other: &Self) {
        let replace = |key: &String, ours: &mut BTreeMap<String, Told>, theirs: Option<&Told>| match theirs {
            Some(told) => {
                ours.insert(key.clone(), told.clone());
            }
            None => {
                ours.remove(key);
            }
        };
        for key in &other.touched {
            match other.connections.get(key) {
                Some(known) => self.connections.insert(key.clone(), known.clone()),
                None => self.connections.remove(key),
            };
        }
        for (recipient, theirs) in &other.recipients {
            let ours = self.recipients.entry(recipient.clone()).or_default();
            for key in &other.touched {
                replace(key, ours, theirs.get(key));
            }
            for key in other.ended.get(recipient).into_iter().flatten() {
                ours.remove(key);
            }
        }
        for recipient in &other.looked {
            match other.failed_looks.get(recipient) {
                Some(failed) => self.failed_looks.insert(recipient.clone(), failed.clone()),
                None => self.failed_looks.remove(recipient),
            };
        }
    }

    fn content(&self) -> io::Result<Vec<u8>> {
        let document = Document {
            schema_version: VERSION,
            connections: self.connections.clone(),
            recipients: self.recipients.clone(),
            failed_looks: self.failed_looks.clone(),
        };
        Ok(serde_json::to_vec(&document)?)
    }
}

/// The file, made where there is none, so that two runs that begin at the same time do not overwrite each other.
fn locked(path: &Path) -> io::Result<Locked> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Locked::wait(path),
    }
}
