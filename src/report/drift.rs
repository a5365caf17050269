//! What `drift` prints: one document, one line for each connection, or a text for people.

use std::collections::BTreeSet;

use anstyle::AnsiColor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::SCHEMA_VERSION;
use super::error::{ErrorBody, Report};
use super::run::StepEntry;
use super::style::{Style, line};
use super::time::Clock;
use crate::cloud::ApiCalls;
use crate::drift::{Finding, Severity, Verdict};
use crate::escape::command;
use crate::model::Origin;
use crate::monitor::{Changes, FailedLook, FindingChange, Judged, Repair, RepairResult, Repairs, Round, VerdictChange};
use crate::plan::RepairKind;
use crate::units::count;

/// The version of notices. The first one contained only verdicts.
const NOTICE_VERSION: u32 = 2;

/// What `drift` found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DriftDocument {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// Always `drift`.
    #[schemars(extend("const" = "drift"))]
    pub command: String,
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
    /// Findings that are new since the last run; only on the standard input of `--on-drift`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Vec<FindingChange>>,
    /// Findings that have changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Vec<FindingChange>>,
    /// Findings that are gone since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Vec<FindingChange>>,
    /// Connections whose verdict has changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdicts: Option<Vec<VerdictChange>>,
    /// The failure of earlier looks that was reported, where this look is the first that did not fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<FailedLook>,
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
    /// When it was looked at, in RFC 3339; only with `--output ndjson`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Its name in the manifest, else its id.
    pub name: String,
    /// As in the tag `autoconnect:connection`.
    pub id: String,
    /// How it stands.
    pub verdict: Verdict,
    /// What `setup` would do; null where that could not be determined.
    pub decision: Option<String>,
    /// The account; null where it is not known.
    pub account: Option<String>,
    /// The Region; null where it is not known.
    pub region: Option<String>,
    /// The profile that the manifest names.
    pub profile: Option<String>,
    /// The role that the manifest names.
    pub role_arn: Option<String>,
    /// What has changed, or could not be read; after repairs, what is left.
    pub findings: Vec<Finding>,
    /// What became of it with `--repair`; null without it, and where the connection was in sync.
    #[serde(default)]
    pub repair: Option<RepairEntry>,
}

/// The repair of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepairEntry {
    /// What became of the connection.
    pub result: RepairResult,
    /// The kinds of changes that the repair takes.
    pub kinds: BTreeSet<RepairKind>,
    /// Why it was left, or has failed; null otherwise.
    pub reason: Option<String>,
    /// One step for each write, in order.
    pub steps: Vec<StepEntry>,
    /// The findings that are gone after it.
    pub findings: Vec<Finding>,
}

impl From<&Repair> for RepairEntry {
    fn from(repair: &Repair) -> Self {
        Self {
            result: repair.result,
            kinds: repair.kinds.clone(),
            reason: repair.reason.clone(),
            steps: repair.steps.iter().map(StepEntry::from).collect(),
            findings: repair.mended.clone(),
        }
    }
}

/// What is sent when findings or verdicts change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DriftNotice {
    /// Version of this format: 2.
    pub schema_version: u32,
    /// The account; null where it is not known, or where there are several.
    pub account: Option<String>,
    /// The Region; null where it is not known, or where there are several.
    pub region: Option<String>,
    /// When the connections were looked at, in RFC 3339.
    pub time: String,
    /// How many connections have which verdict.
    pub summary: DriftSummary,
    /// Findings that the recipient was not notified of, the worst first, as many as fit.
    pub new: Vec<FindingChange>,
    /// Findings that have changed since it was notified of them, as many as fit.
    pub changed: Vec<FindingChange>,
    /// Findings that it was notified of and that are gone, as many as fit.
    pub resolved: Vec<FindingChange>,
    /// Connections whose verdict has changed since, as many as fit.
    pub verdicts: Vec<VerdictChange>,
    /// How many more changes there are.
    pub more: usize,
    /// The failure of earlier looks that was reported, where this look is the first that did not fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<FailedLook>,
}

/// What is sent once when looks begin to fail as a whole, or fail with another error: nothing is known of the connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailedLookNotice {
    /// Version of this format: 2.
    pub schema_version: u32,
    /// The account; null where it is not known.
    pub account: Option<String>,
    /// The Region; null where it is not known.
    pub region: Option<String>,
    /// When the look failed, in RFC 3339.
    pub time: String,
    /// Why.
    pub error: ErrorBody,
}

/// What is sent to a topic or a bus.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Notice {
    /// Findings or verdicts have changed, or looks work again.
    Changes(DriftNotice),
    /// Looks have begun to fail.
    Failed(FailedLookNotice),
}

impl Notice {
    /// The subject of a message.
    pub fn subject(&self) -> String {
        match self {
            Self::Changes(DriftNotice { summary, .. }) => format!(
                "autoconnect: {} drifted, {} broken, {} unknown",
                summary.drifted, summary.broken, summary.unknown
            ),
            Self::Failed(notice) => format!("autoconnect: drift failed ({})", notice.error.code),
        }
    }
}

impl FailedLookNotice {
    /// The notice of a look that ended with this error.
    pub fn new(report: &Report, time: &str) -> Self {
        let Origin { account, region } = report.origin.clone();
        Self {
            schema_version: NOTICE_VERSION,
            account,
            region,
            time: time.to_owned(),
            error: report.body.clone(),
        }
    }
}

/// What the Lambda function answers where it only looks, or repairs.
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
    /// The connections that were repaired and are in sync, as many as fit; absent without `repair`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repaired: Vec<ConnectionDrift>,
    /// How many more there are.
    pub more: usize,
    /// How many requests were sent.
    pub api_calls: ApiCalls,
}

impl DriftDocument {
    /// The document of a look.
    pub fn new(patrol: &Round) -> Self {
        let Origin { account, region } = patrol.origin();
        Self {
            schema_version: SCHEMA_VERSION,
            command: "drift".to_owned(),
            account,
            region,
            summary: DriftSummary::new(patrol),
            connections: patrol.judged.iter().map(ConnectionDrift::new).collect(),
            api_calls: patrol.calls,
            new: None,
            changed: None,
            resolved: None,
            verdicts: None,
            recovered: None,
        }
    }

    /// The document with what has changed since the last run.
    pub fn with_changes(patrol: &Round, changes: &Changes) -> Self {
        Self {
            new: Some(changes.new.clone()),
            changed: Some(changes.changed.clone()),
            resolved: Some(changes.resolved.clone()),
            verdicts: Some(changes.verdicts.clone()),
            recovered: changes.recovered.clone(),
            ..Self::new(patrol)
        }
    }
}

impl DriftSummary {
    /// Counts a look's verdicts.
    pub fn new(patrol: &Round) -> Self {
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
    pub fn new(judged: &Judged) -> Self {
        Self {
            time: None,
            name: judged.name.clone(),
            id: judged.connection.to_string(),
            verdict: judged.judgement.verdict,
            decision: judged.judgement.decision.as_ref().map(ToString::to_string),
            account: judged.origin.account.clone(),
            region: judged.origin.region.clone(),
            profile: judged.place.profile.clone(),
            role_arn: judged.place.role_arn.clone(),
            findings: judged.judgement.findings.clone(),
            repair: judged.repair.as_ref().map(RepairEntry::from),
        }
    }

    /// A line of a log: one connection, and when it was looked at.
    pub fn at(judged: &Judged, time: &str) -> Self {
        Self {
            time: Some(time.to_owned()),
            ..Self::new(judged)
        }
    }
}

impl DriftNotice {
    /// What has changed, in a notice of at most `limit` bytes.
    pub fn new(patrol: &Round, changes: &Changes, time: &str, limit: usize) -> Self {
        let Origin { account, region } = patrol.origin();
        let mut worst_first: Vec<&FindingChange> = changes.new.iter().collect();
        worst_first.sort_by_key(|change| std::cmp::Reverse(change.finding.severity));
        let mut room = Room::of(limit);
        Self {
            schema_version: NOTICE_VERSION,
            account,
            region,
            time: time.to_owned(),
            summary: DriftSummary::new(patrol),
            new: room.fit(worst_first.into_iter().cloned()),
            changed: room.fit(changes.changed.iter().cloned()),
            resolved: room.fit(changes.resolved.iter().cloned()),
            verdicts: room.fit(changes.verdicts.iter().cloned()),
            more: room.more,
            recovered: changes.recovered.clone(),
        }
    }
}

impl DriftAnswer {
    /// What a look has found, in an answer of at most `limit` bytes.
    pub fn new(patrol: &Round, limit: usize) -> Self {
        let Origin { account, region } = patrol.origin();
        let mut room = Room::of(limit);
        let not_in_sync = room.fit(patrol.not_in_sync().map(ConnectionDrift::new));
        let repaired = patrol
            .told()
            .filter(|judged| judged.judgement.verdict == Verdict::InSync);
        let repaired = room.fit(repaired.map(ConnectionDrift::new));
        Self {
            schema_version: SCHEMA_VERSION,
            account,
            region,
            summary: DriftSummary::new(patrol),
            not_in_sync,
            repaired,
            more: room.more,
            api_calls: patrol.calls,
        }
    }
}

/// What is left of a document's size, and how many entries did not fit.
pub(super) struct Room {
    left: usize,
    pub(super) more: usize,
}

impl Room {
    pub(super) fn of(limit: usize) -> Self {
        Self {
            left: limit.saturating_sub(700),
            more: 0,
        }
    }

    /// As many of the first entries as fit.
    pub(super) fn fit<T: Serialize>(&mut self, entries: impl Iterator<Item = T>) -> Vec<T> {
        let mut entries = entries.peekable();
        let fitting = std::iter::from_fn(|| {
            let fits = |entry: &T| {
                // What cannot be written as JSON has no size, and is found out when it is sent.
                let size = serde_json::to_string(entry).map_or(0, |text| text.len() + 1);
                self.left.checked_sub(size).inspect(|rest| self.left = *rest).is_some()
            };
            entries.next_if(fits)
        });
        let fitting = fitting.collect();
        self.more += entries.count();
        fitting
    }
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// So many connections are all shown; of more, only those that are not in sync.
const SHOWN: usize = 50;

/// So many accounts and Regions are named in the first line.
const NAMED: usize = 5;

/// The accounts and Regions of a look, in one line.
fn heading(patrol: &Round) -> String {
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

fn colour_of(severity: Severity) -> Style {
    let colour = match severity {
        Severity::Critical | Severity::High => AnsiColor::Red,
        Severity::Medium => AnsiColor::Yellow,
        Severity::Low => AnsiColor::BrightBlack,
    };
    let style = Style::new().fg_color(Some(colour.into()));
    if severity == Severity::Critical {
        style.bold()
    } else {
        style
    }
}

/// A look, for people; one of a schedule with its time.
pub fn drift_text(patrol: &Round, time: Option<&str>) -> String {
    let is_alone = patrol.origins.len() < 2;
    let clock = Clock::of_system();
    let time = time.map(|time| format!("{}  ", clock.local(time))).unwrap_or_default();
    let mut text = String::new();
    line(&mut text, &format!("{time}{}", heading(patrol)));
    line(&mut text, "");
    let start = text.len();
    let shows_all = patrol.judged.len() <= SHOWN;
    for judged in patrol
        .judged
        .iter()
        .filter(|judged| shows_all || judged.judgement.verdict != Verdict::InSync || judged.repair.is_some())
    {
        connection(&mut text, judged, is_alone, &clock);
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
        n => count(n, "connection"),
    };
    line(
        &mut text,
        &format!(
            "{BOLD}{connections}:{BOLD:#} {in_sync} in sync, {drifted} drifted, {broken} broken, {unknown} unknown."
        ),
    );
    if let Some(repairs) = repairs_in_words(
        patrol
            .judged
            .iter()
            .filter_map(|judged| Some(judged.repair.as_ref()?.result)),
    ) {
        line(&mut text, &format!("{BOLD}Repairs:{BOLD:#} {repairs}."));
    }
    text
}

/// How many repairs ended how; none without repairs.
pub(super) fn repairs_in_words(results: impl Iterator<Item = RepairResult>) -> Option<String> {
    let results: Vec<RepairResult> = results.collect();
    let all = [
        RepairResult::Repaired,
        RepairResult::Planned,
        RepairResult::Left,
        RepairResult::Failed,
    ];
    let counts = all.into_iter().filter_map(|result| {
        let count = results.iter().filter(|found| **found == result).count();
        (count > 0).then(|| format!("{count} {}", result.as_str()))
    });
    let counts: Vec<String> = counts.collect();
    (!counts.is_empty()).then(|| counts.join(", "))
}

/// The first line of a repair: its result, and its kinds or why it was left or has failed.
pub(super) fn repair_in_words(repair: &RepairEntry) -> String {
    let kinds: Vec<&str> = repair.kinds.iter().map(|kind| kind.as_str()).collect();
    let about = match (&repair.reason, kinds.as_slice()) {
        (Some(reason), _) => reason.clone(),
        (None, kinds) => kinds.join(", "),
    };
    format!("{}: {about}", repair.result.as_str())
}

/// What the user is asked about before repairs are carried out.
pub fn repairs_text(found: &Round, repairs: &Repairs) -> String {
    let mut text = String::new();
    for (at, draft) in repairs.planned() {
        let judged = &found.judged[at];
        let kinds: Vec<&str> = draft.plan.kinds().iter().map(|kind| kind.as_str()).collect();
        line(
            &mut text,
            &format!(
                "{BOLD}{}{BOLD:#} in {}: {}",
                judged.name,
                judged.origin,
                kinds.join(", ")
            ),
        );
        for step in draft.plan.planned() {
            line(&mut text, &format!("  {}", step.summary));
        }
    }
    text
}

/// What became of a connection that was not in sync.
fn told_repair(text: &mut String, repair: &Repair) {
    let colour = match repair.result {
        RepairResult::Repaired => AnsiColor::Green,
        RepairResult::Planned | RepairResult::Left => AnsiColor::Yellow,
        RepairResult::Failed => AnsiColor::Red,
    };
    let style = Style::new().fg_color(Some(colour.into()));
    let entry = RepairEntry::from(repair);
    line(text, &format!("  {style}{}{style:#}", repair_in_words(&entry)));
    for finding in &entry.findings {
        line(
            text,
            &format!("    resolved: {}: {}", finding.kind.as_str(), finding.message),
        );
    }
    if entry.result != RepairResult::Left {
        for step in &entry.steps {
            line(
                text,
                &format!("    {DIM}{}: {}{DIM:#}", step.status.as_str(), step.summary),
            );
        }
    }
}

/// One connection; its account and Region too, unless all have the same.
fn connection(text: &mut String, judged: &Judged, is_alone: bool, clock: &Clock) {
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
    line(
        text,
        &format!("{style}{:<8}{style:#} {}{place}", verdict.as_str(), judged.name),
    );
    for finding in &judged.judgement.findings {
        let style = colour_of(finding.severity);
        let severity = finding.severity.as_str();
        line(
            text,
            &format!(
                "  {style}{severity}{style:#} {}: {}",
                finding.kind.as_str(),
                finding.message
            ),
        );
        if let (Some(expected), Some(found)) = (&finding.expected, &finding.found) {
            line(text, &format!("    {DIM}expected: {expected}{DIM:#}"));
            line(text, &format!("    {DIM}found:    {found}{DIM:#}"));
        }
        if let Some(cause) = &finding.cause {
            line(text, &format!("    {DIM}cause:    {cause}{DIM:#}"));
        }
        if let Some(first_seen) = &finding.first_seen {
            line(text, &format!("    {DIM}since:    {}{DIM:#}", clock.ago(first_seen)));
        }
    }
    if let Some(repair) = &judged.repair {
        told_repair(text, repair);
    }
    let mut told: BTreeSet<&[String]> = BTreeSet::new();
    let remedies = judged
        .judgement
        .findings
        .iter()
        .filter_map(|finding| finding.remedy.as_deref());
    for remedy in remedies.filter(|remedy| told.insert(remedy)) {
        // It only names what is to be done.
        let purpose = match remedy.first().map(String::as_str) {
            Some("diagnose") => "to see the cause",
            _ => "to fix",
        };
        line(
            text,
            &format!("  {DIM}{purpose}: autoconnect {}{DIM:#}", command(remedy)),
        );
    }
}
