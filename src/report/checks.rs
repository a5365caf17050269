//! The result of `diagnose`, `internet check` and `msk check`, for scripts and for people.
//!
//! Source: docs/command-line.md, "Output".

use anstyle::AnsiColor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::SCHEMA_VERSION;
use super::style::{Style, line};
use crate::cloud::ApiCalls;
use crate::diagnostics::{Check, Status, verdict};
use crate::model::Origin;

/// How many lines of evidence are shown of a check before the rest is only counted.
const EVIDENCE: usize = 8;

/// What a command that only checks found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ChecksDocument {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// The account; null where it is not known.
    pub account: Option<String>,
    /// The Region; null where it is not known.
    pub region: Option<String>,
    /// The command: `diagnose`, `internet check` or `msk check`.
    #[schemars(extend("enum" = ["diagnose", "internet check", "msk check"]))]
    pub command: String,
    /// What came out.
    #[serde(flatten)]
    pub checks: Checks,
    /// How many requests were sent.
    pub api_calls: ApiCalls,
}

/// What was checked, and what came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Checks {
    /// Whether it works, in a sentence or two.
    pub summary: String,
    /// The worst status of the checks: `pass`, `warn`, `unknown` or `fail`, in this order.
    pub verdict: Status,
    /// The checks.
    pub checks: Vec<Check>,
}

impl ChecksDocument {
    /// The document of these checks.
    pub fn new(command: &str, origin: Origin, checks: Checks, api_calls: ApiCalls) -> Self {
        let Origin { account, region } = origin;
        Self {
            schema_version: SCHEMA_VERSION,
            account,
            region,
            command: command.to_owned(),
            checks,
            api_calls,
        }
    }

    /// For people: the account and Region, whether it works, then what does not with its evidence and remedy, then the
    /// rest in one line each.
    pub fn text(&self) -> String {
        let origin = Origin {
            account: self.account.clone(),
            region: self.region.clone(),
        };
        let mut text = String::new();
        line(&mut text, &origin.heading());
        line(&mut text, "");
        text + &self.checks.text()
    }
}

impl Checks {
    /// These checks.
    pub fn new(summary: String, checks: Vec<Check>) -> Self {
        Self {
            summary,
            verdict: verdict(&checks),
            checks,
        }
    }

    /// The exit status: 2 where a check fails.
    pub fn exit_status(&self) -> u8 {
        if self.verdict == Status::Fail { 2 } else { 0 }
    }

    /// The text without the account and Region, for one that has named them already.
    pub fn text(&self) -> String {
        let bold = style(self.verdict).bold();
        let mut text = String::new();
        line(&mut text, &format!("{bold}{}{bold:#}", self.summary));
        let (mut told, mut folded): (Vec<&Check>, Vec<&Check>) =
            self.checks.iter().partition(|check| check.status != Status::Pass);
        told.sort_by_key(|check| std::cmp::Reverse(check.status));
        for check in told {
            in_full(&mut text, check);
        }
        if !folded.is_empty() {
            text.push('\n');
        }
        for check in folded.drain(..) {
            let style = style(check.status);
            line(
                &mut text,
                &format!("{style}{:>7}{style:#}  {}: {}", check.status, check.id, check.message),
            );
        }
        text
    }
}

fn in_full(text: &mut String, check: &Check) {
    let style = style(check.status).bold();
    line(text, "");
    line(
        text,
        &format!("{style}{:>7}{style:#}  {}: {}", check.status, check.id, check.message),
    );
    // What the message says need not be said again.
    let rest: Vec<&String> = check
        .evidence
        .iter()
        .filter(|evidence| **evidence != check.message)
        .collect();
    for evidence in rest.iter().take(EVIDENCE) {
        line(text, &format!("           - {evidence}"));
    }
    if let more @ 1.. = rest.len().saturating_sub(EVIDENCE) {
        line(text, &format!("           - and {more} more: see --output json"));
    }
    let remedies: Vec<&str> = check.remedy.iter().flat_map(|remedy| remedy.lines()).collect();
    if !remedies.is_empty() {
        let cyan = Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()));
        line(text, &format!("         {cyan}to fix it{cyan:#}:"));
    }
    for remedy in remedies.iter().take(EVIDENCE) {
        line(text, &format!("           {remedy}"));
    }
    if let more @ 1.. = remedies.len().saturating_sub(EVIDENCE) {
        line(text, &format!("           and {more} more: see --output json"));
    }
}

fn style(status: Status) -> Style {
    let colour = match status {
        Status::Pass => AnsiColor::Green,
        Status::Warn | Status::Unknown => AnsiColor::Yellow,
        Status::Fail => AnsiColor::Red,
    };
    Style::new().fg_color(Some(colour.into()))
}
