//! What `drift` prints: one document, a line a connection, or a text for people.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::SCHEMA_VERSION;
use crate::cloud::ApiCalls;
use crate::drift::{Finding, Verdict};
use crate::model::{DatabaseKind, Origin};
use crate::patrol::{Change, Judged, Patrol};

/// What `drift` found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DriftDocument {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// The account; null where it is not known, or where there are several.
    pub account: Option<String>,
    /// The Region; null where it is not known, or where there are several.
    pub region: Option<String>,
    /// How many connections have which verdict.
    pub summary: DriftSummary,
    /// The connections.
    pub connections: Vec<ConnectionDrift>,
    /// How many requests were sent.
    pub api_calls: ApiCalls,
}

/// How many connections have which verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DriftSummary {
    /// As `setup` would leave them.
    pub in_sync: usize,
    /// Changed, though traffic may still pass.
    pub drifted: usize,
    /// Traffic cannot pass at all.
    pub broken: usize,
    /// Something could not be read.
    pub unknown: usize,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionDrift {
    /// Its name in the manifest, else its id.
    pub name: String,
    /// As in the tag `autoconnect:connection`.
    pub id: String,
    /// How it stands.
    pub verdict: Verdict,
    /// What `setup` would do; null where that could not be told.
    pub decision: Option<String>,
    /// The account; null where it is not known.
    pub account: Option<String>,
    /// The Region; null where it is not known.
    pub region: Option<String>,
    /// The profile that the manifest names.
    pub profile: Option<String>,
    /// The role that the manifest names.
    pub role_arn: Option<String>,
    /// What has changed, or could not be read.
    pub findings: Vec<Finding>,
}

/// What is sent when verdicts change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DriftNotice {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// The account; null where it is not known, or where there are several.
    pub account: Option<String>,
    /// The Region; null where it is not known, or where there are several.
    pub region: Option<String>,
    /// How many connections have which verdict.
    pub summary: DriftSummary,
    /// The connections whose verdict has changed, as many as fit.
    pub changed: Vec<ConnectionChange>,
    /// How many more have changed.
    pub more: usize,
}

/// What the Lambda function answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DriftAnswer {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// The account; null where it is not known, or where there are several.
    pub account: Option<String>,
    /// The Region; null where it is not known, or where there are several.
    pub region: Option<String>,
    /// How many connections have which verdict.
    pub summary: DriftSummary,
    /// The connections that are not in sync, as many as fit; the function's log has all of them.
    pub not_in_sync: Vec<ConnectionDrift>,
    /// How many more are not in sync.
    pub more: usize,
    /// How many requests were sent.
    pub api_calls: ApiCalls,
}

/// A connection whose verdict has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionChange {
    /// Its verdict before.
    pub before: Verdict,
    /// The connection now.
    pub now: ConnectionDrift,
}

impl DriftDocument {
    /// The document of a look.
    #[must_use]
    pub fn new(patrol: &Patrol) -> Self {
        let Origin { account, region } = patrol.origin();
        Self {
            schema_version: SCHEMA_VERSION,
            account,
            region,
            summary: DriftSummary::new(patrol),
            connections: patrol.judged.iter().map(ConnectionDrift::new).collect(),
            api_calls: patrol.calls,
        }
    }
}

impl DriftSummary {
    /// Counts a look's verdicts.
    #[must_use]
    pub fn new(patrol: &Patrol) -> Self {
        Self {
            in_sync: patrol.count(Verdict::InSync),
            drifted: patrol.count(Verdict::Drifted),
            broken: patrol.count(Verdict::Broken),
            unknown: patrol.count(Verdict::Unknown),
        }
    }
}

impl ConnectionDrift {
    /// One connection of a look.
    #[must_use]
    pub fn new(judged: &Judged) -> Self {
        Self {
            name: judged.name.clone(),
            id: judged.connection.to_string(),
            verdict: judged.judgement.verdict,
            decision: judged.judgement.decision.as_ref().map(ToString::to_string),
            account: judged.origin.account.clone(),
            region: judged.origin.region.clone(),
            profile: judged.place.profile.clone(),
            role_arn: judged.place.role_arn.clone(),
            findings: judged.judgement.findings.clone(),
        }
    }
}

impl DriftNotice {
    /// What has changed, in a notice of at most `limit` bytes.
    #[must_use]
    pub fn new(patrol: &Patrol, changes: &[Change<'_>], limit: usize) -> Self {
        let entry = |change: &Change<'_>| ConnectionChange {
            before: change.before,
            now: ConnectionDrift::new(change.judged),
        };
        let Origin { account, region } = patrol.origin();
        let (told, more) = fitting(changes.iter().map(entry), limit);
        Self {
            schema_version: SCHEMA_VERSION,
            account,
            region,
            summary: DriftSummary::new(patrol),
            changed: told,
            more,
        }
    }
}

impl DriftAnswer {
    /// What a look has found, in an answer of at most `limit` bytes.
    #[must_use]
    pub fn new(patrol: &Patrol, limit: usize) -> Self {
        let Origin { account, region } = patrol.origin();
        let (not_in_sync, more) = fitting(patrol.not_in_sync().map(ConnectionDrift::new), limit);
        Self {
            schema_version: SCHEMA_VERSION,
            account,
            region,
            summary: DriftSummary::new(patrol),
            not_in_sync,
            more,
            api_calls: patrol.calls,
        }
    }
}

/// As many entries as fit into a document of `limit` bytes, and how many do not.
fn fitting<T: Serialize>(entries: impl Iterator<Item = T>, limit: usize) -> (Vec<T>, usize) {
    let mut left = limit.saturating_sub(500);
    let mut entries = entries.peekable();
    let fitting = std::iter::from_fn(|| {
        let fits = |entry: &T| {
            // What cannot be written as JSON has no size, and is found out when it is sent.
            let size = serde_json::to_string(entry).map_or(0, |text| text.len() + 1);
            left.checked_sub(size).inspect(|rest| left = *rest).is_some()
        };
        entries.next_if(fits)
    });
    let fitting = fitting.collect();
    (fitting, entries.count())
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// So many connections are all shown; of more, only those that are not in sync.
const SHOWN: usize = 50;

/// So many accounts and Regions are named in the first line.
const NAMED: usize = 5;

/// The accounts and Regions of a look, in one line.
fn heading(patrol: &Patrol) -> String {
    let origins = &patrol.origins;
    if origins.len() < 2 {
        return patrol.origin().heading();
    }
    let named: Vec<String> = origins.iter().take(NAMED).map(Origin::to_string).collect();
    let more = match origins.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("Accounts and Regions: {}{more}", named.join("; "))
}

fn colour(verdict: Verdict) -> Style {
    let colour = match verdict {
        Verdict::InSync => AnsiColor::Green,
        Verdict::Drifted => AnsiColor::Yellow,
        Verdict::Broken => AnsiColor::Red,
        Verdict::Unknown => AnsiColor::Magenta,
    };
    Style::new().fg_color(Some(colour.into())).bold()
}

/// A look, for people.
#[must_use]
pub fn drift_text(patrol: &Patrol) -> String {
    let is_alone = patrol.origins.len() < 2;
    let mut text = format!("{}\n\n", heading(patrol));
    let start = text.len();
    let shows_all = patrol.judged.len() <= SHOWN;
    for judged in patrol
        .judged
        .iter()
        .filter(|judged| shows_all || judged.judgement.verdict != Verdict::InSync)
    {
        connection(&mut text, judged, is_alone);
    }
    if text.len() > start {
        text.push('\n');
    }
    let DriftSummary {
        in_sync,
        drifted,
        broken,
        unknown,
    } = DriftSummary::new(patrol);
    let connections = match patrol.judged.len() {
        // Most often the wrong account or Region.
        0 if is_alone => format!("0 connections in {}", patrol.origin()),
        1 => "1 connection".to_owned(),
        n => format!("{n} connections"),
    };
    // Writing to a text cannot fail.
    let _ = writeln!(
        text,
        "{BOLD}{connections}:{BOLD:#} {in_sync} in sync, {drifted} drifted, {broken} broken, {unknown} unknown."
    );
    text
}

/// One connection; its account and Region too, unless all have the same.
fn connection(text: &mut String, judged: &Judged, is_alone: bool) {
    let verdict = judged.judgement.verdict;
    let style = colour(verdict);
    let place = [&judged.place.role_arn, &judged.place.profile];
    let origin = (!is_alone).then(|| judged.origin.to_string());
    let place: Vec<&str> = place.into_iter().flatten().chain(&origin).map(String::as_str).collect();
    let place = if place.is_empty() {
        String::new()
    } else {
        format!("  {DIM}{}{DIM:#}", place.join(", "))
    };
    let _ = writeln!(text, "{style}{:<8}{style:#} {}{place}", verdict.as_str(), judged.name);
    for finding in &judged.judgement.findings {
        let _ = writeln!(text, "  {}: {}", finding.kind.as_str(), finding.message);
        if let (Some(expected), Some(found)) = (&finding.expected, &finding.found) {
            let _ = writeln!(
                text,
                "    {DIM}expected: {expected}{DIM:#}\n    {DIM}found:    {found}{DIM:#}"
            );
        }
    }
    if matches!(verdict, Verdict::Drifted | Verdict::Broken) && judged.judgement.decision.is_some() {
        let connection = &judged.connection;
        let kind = match connection.kind {
            DatabaseKind::Cluster => "--cluster",
            DatabaseKind::Instance => "--instance",
        };
        let proxy = connection
            .proxy
            .as_ref()
            .map(|proxy| format!(" --proxy {proxy}"))
            .unwrap_or_default();
        let _ = writeln!(
            text,
            "  {DIM}what would mend it: autoconnect setup {kind} {} --function {}{proxy} --dry-run{DIM:#}",
            connection.database, connection.function
        );
    }
}
