//! The verdicts of the last run, so that only changes are told.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Judged, Patrol, key};
use crate::drift::Verdict;
use crate::files::{self, LARGEST_TEXT, New};

/// The last verdict of each connection that was not in sync.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    verdicts: BTreeMap<String, Verdict>,
}

/// A connection whose verdict is another one than last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'p> {
    /// The connection.
    pub judged: &'p Judged,
    /// Its verdict before.
    pub before: Verdict,
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
        let fail = |source| StateError {
            path: path.to_owned(),
            source,
        };
        match files::read(path, LARGEST_TEXT) {
            Ok(content) => serde_json::from_slice(&content).map_err(|error| fail(error.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(fail(error)),
        }
    }

    /// Writes the state to a file, whole or not at all.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), StateError> {
        let content = serde_json::to_vec(self).map_err(io::Error::from);
        let written = content.and_then(|content| files::replace(path, &content, New::Private));
        written.map_err(|source| StateError {
            path: path.to_owned(),
            source,
        })
    }

    /// What has changed since. What was never looked at counts as in sync before.
    #[must_use]
    pub fn changes<'p>(&self, patrol: &'p Patrol) -> Vec<Change<'p>> {
        let before = |judged: &Judged| {
            let last = self.verdicts.get(&key(&judged.place, &judged.connection));
            last.copied().unwrap_or(Verdict::InSync)
        };
        let changes = patrol.judged.iter().map(|judged| Change {
            judged,
            before: before(judged),
        });
        changes
            .filter(|change| change.before != change.judged.judgement.verdict)
            .collect()
    }

    /// Remembers these verdicts, in place of those before.
    pub fn remember(&mut self, patrol: &Patrol) {
        let verdicts = patrol
            .judged
            .iter()
            .map(|judged| (key(&judged.place, &judged.connection), judged.judgement.verdict));
        self.verdicts = verdicts.filter(|(_, verdict)| *verdict != Verdict::InSync).collect();
    }
}
