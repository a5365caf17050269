//! A check: one question about the account, with its result, the evidence, and what fixes it.
//!
//! Source: docs/network.md and docs/command-line.md, "Output".

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::escape::plain;

/// The answer of a check, from the best to the worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    #[default]
    Pass,
    /// It works, and could be better.
    Warn,
    /// It cannot be determined, because a permission is missing or the resource is not visible.
    Unknown,
    /// It does not work.
    Fail,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Unknown => "unknown",
            Self::Fail => "fail",
        })
    }
}

/// A check that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Stable, such as `network-acls`.
    pub id: String,
    /// Its answer.
    pub status: Status,
    /// The answer in one sentence.
    pub message: String,
    /// What it rests on: ids, rule numbers, ranges.
    pub evidence: Vec<String>,
    /// What to do about it: a command a line.
    pub remedy: Option<String>,
}

/// The worst answer of all.
pub fn verdict(checks: &[Check]) -> Status {
    checks.iter().map(|check| check.status).max().unwrap_or_default()
}

/// Nothing, if none of these findings fails.
///
/// # Errors
///
/// The texts of those that do, and the commands that fix them.
pub fn none_fails(findings: impl IntoIterator<Item = Finding>) -> Result<(), (Vec<String>, Vec<String>)> {
    let failing = findings.into_iter().filter(|finding| finding.status == Status::Fail);
    let (texts, remedies): (Vec<String>, Vec<_>) = failing.map(|finding| (finding.text, finding.remedies)).unzip();
    if texts.is_empty() {
        return Ok(());
    }
    Err((texts, remedies.into_iter().flatten().collect()))
}

/// Something that a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is; never [`Status::Pass`].
    pub status: Status,
    /// What it is, with ids.
    pub text: String,
    /// What fixes it: commands.
    pub remedies: Vec<String>,
}

impl Finding {
    /// Something that does not work.
    pub fn fail(text: impl Into<String>) -> Self {
        Self::new(Status::Fail, text)
    }

    /// Something that could be better.
    pub fn warn(text: impl Into<String>) -> Self {
        Self::new(Status::Warn, text)
    }

    /// Something that cannot be determined.
    pub fn unknown(text: impl Into<String>) -> Self {
        Self::new(Status::Unknown, text)
    }

    fn new(status: Status, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
            remedies: Vec::new(),
        }
    }

    /// With a command that fixes it: one line.
    pub fn fixed_by(mut self, remedy: impl Into<String>) -> Self {
        self.remedies.push(plain(&remedy.into()).into_owned());
        self
    }

    /// With all of these, each a line.
    pub fn fixed_by_all(self, remedies: impl IntoIterator<Item = String>) -> Self {
        remedies.into_iter().fold(self, Self::fixed_by)
    }
}

impl Check {
    /// With something for the reader in its evidence that decides nothing.
    pub fn noting(mut self, note: impl Into<String>) -> Self {
        self.evidence.push(note.into());
        self
    }

    /// The check that found these findings, the worst first; without any it passes, with this evidence.
    pub fn of(id: &str, passed: &str, evidence: Vec<String>, mut findings: Vec<Finding>) -> Self {
        // Stable: of two that are as bad, the first one found is reported first.
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.status));
        let mut remedies: Vec<String> = Vec::new();
        let mut told = BTreeSet::new();
        for remedy in findings.iter().flat_map(|finding| &finding.remedies) {
            if told.insert(remedy) {
                remedies.push(remedy.clone());
            }
        }
        let worst = findings.first().map(|finding| finding.status).unwrap_or_default();
        let same = findings.iter().filter(|finding| finding.status == worst).count();
        let message = match findings.first() {
            None => passed.to_owned(),
            Some(first) if same == 1 => first.text.clone(),
            Some(first) => format!("{}; and {} more", first.text, same - 1),
        };
        Self {
            id: id.to_owned(),
            status: worst,
            message,
            evidence: match worst {
                Status::Pass => evidence,
                _ => findings.into_iter().map(|finding| finding.text).collect(),
            },
            remedy: (!remedies.is_empty()).then(|| remedies.join("\n")),
        }
    }
}
