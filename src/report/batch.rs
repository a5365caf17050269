//! A run over many connections: its document, and its texts for people (docs/manifest.md).

use std::collections::BTreeMap;
use std::time::SystemTime;

use anstyle::AnsiColor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::SCHEMA_VERSION;
use super::error::ErrorBody;
use super::run::{ResultName, RunDocument, StepEntry};
use super::style::{Style, line};
use super::text::steps_text;
use super::time::timestamp;
use crate::batch::{self, Planned};
use crate::cloud::ApiCalls;
use crate::model::Origin;
use crate::plan::StepStatus;
use crate::reconcile::Progress;
use crate::units::count;

/// What `setup --manifest` decided, did and found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchDocument {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// Always `setup --manifest`.
    pub command: BatchCommand,
    /// The account; null where there are several.
    pub account: Option<String>,
    /// The Region; null where there are several.
    pub region: Option<String>,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// `failed` or `incomplete` if one connection is; else `planned`, `connected` or `unchanged`.
    pub result: BatchResult,
    /// The connections in the order of the manifest, then those that are pruned.
    pub connections: Vec<BatchConnection>,
    /// How many requests were sent in all. Those of single connections count writes only.
    pub api_calls: ApiCalls,
}

/// The value of `command`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BatchCommand {
    /// `setup --manifest`.
    #[serde(rename = "setup --manifest")]
    SetupManifest,
}

/// How a run over many connections ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BatchResult {
    /// Nothing to do.
    Unchanged,
    /// Applied and verified.
    Connected,
    /// Changes are pending.
    Planned,
    /// A connection is incomplete.
    Incomplete,
    /// A connection has failed.
    Failed,
}

/// A connection of a run over many: its document, or its error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum BatchConnection {
    /// Its run did not fail: the document of `setup`, or of `remove` where it is pruned.
    Ran(Box<RunDocument>),
    /// It failed.
    Failed(Box<FailedConnection>),
}

/// A connection that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailedConnection {
    /// Its name.
    pub name: String,
    /// The account, where it is known.
    pub account: Option<String>,
    /// The Region, where it is known.
    pub region: Option<String>,
    /// Always `failed`.
    pub result: FailedResult,
    /// Why.
    pub error: ErrorBody,
}

/// The value of `result` of a connection that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailedResult {
    /// It failed.
    Failed,
}

impl BatchConnection {
    /// A connection as it is planned, or as its run has ended.
    pub fn new(planned: &Planned) -> Self {
        let name = &planned.item.name;
        match &planned.outcome {
            Ok(ran) => Self::ran(name, &ran.document),
            Err(report) => Self::Failed(Box::new(FailedConnection {
                name: name.clone(),
                account: report.origin.account.clone(),
                region: report.origin.region.clone(),
                result: FailedResult::Failed,
                error: report.body.clone(),
            })),
        }
    }

    /// A connection whose run did not fail.
    pub fn ran(name: &str, document: &RunDocument) -> Self {
        Self::Ran(Box::new(RunDocument {
            name: Some(name.to_owned()),
            ..document.clone()
        }))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Ran(document) => document.name.as_deref().unwrap_or_default(),
            Self::Failed(failed) => &failed.name,
        }
    }

    /// How its run has ended.
    pub fn result(&self) -> BatchResult {
        match self {
            Self::Failed(_) => BatchResult::Failed,
            Self::Ran(document) => match document.result {
                ResultName::Incomplete => BatchResult::Incomplete,
                ResultName::Planned => BatchResult::Planned,
                ResultName::Unchanged => BatchResult::Unchanged,
                _ => BatchResult::Connected,
            },
        }
    }

    /// How its run has ended, in words.
    fn ended(&self) -> &'static str {
        match self.result() {
            BatchResult::Failed => "failed",
            BatchResult::Incomplete => "incomplete",
            BatchResult::Unchanged => "unchanged",
            BatchResult::Planned => "not finished",
            BatchResult::Connected if self.decision() == "disconnect" => "removed",
            BatchResult::Connected => "connected",
        }
    }

    /// What is decided of it, in one word.
    pub fn decision(&self) -> &str {
        match self {
            Self::Ran(document) => &document.decision,
            Self::Failed(_) => "failed",
        }
    }

    /// Its steps; none where it has failed.
    pub fn steps(&self) -> &[StepEntry] {
        match self {
            Self::Ran(document) => &document.steps,
            Self::Failed(_) => &[],
        }
    }
}

impl BatchDocument {
    /// The document of connections as they were planned or have ended.
    pub fn new(planned: &[Planned], dry_run: bool, api_calls: ApiCalls) -> Self {
        let connections: Vec<BatchConnection> = planned.iter().map(BatchConnection::new).collect();
        let origins = planned.iter().map(|planned| match &planned.outcome {
            Ok(ran) => ran.origin.clone(),
            Err(report) => report.origin.clone(),
        });
        let Origin { account, region } = Origin::shared(&origins.collect::<Vec<_>>());
        Self {
            schema_version: SCHEMA_VERSION,
            command: BatchCommand::SetupManifest,
            account,
            region,
            dry_run,
            result: connections
                .iter()
                .map(BatchConnection::result)
                .max()
                .unwrap_or(BatchResult::Unchanged),
            connections,
            api_calls,
        }
    }

    /// The number of connections by decision or result, in words.
    pub fn counted(&self) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for connection in &self.connections {
            let word = match connection.result() {
                BatchResult::Failed | BatchResult::Incomplete => connection.ended(),
                _ if self.dry_run => connection.decision(),
                _ => connection.ended(),
            };
            *counts.entry(word).or_default() += 1;
        }
        let counts: Vec<String> = counts
            .into_iter()
            .map(|(word, count)| format!("{count} {word}"))
            .collect();
        let all = count(self.connections.len(), "connection");
        if counts.is_empty() {
            return all;
        }
        format!("{all}: {}", counts.join(", "))
    }

    /// How many steps are planned.
    pub fn planned_steps(&self) -> usize {
        let steps = self.connections.iter().flat_map(BatchConnection::steps);
        steps.filter(|step| step.status == StepStatus::Planned).count()
    }
}

const BOLD: Style = Style::new().bold();

/// The plan of all connections, grouped by database, before the user is asked.
pub fn batch_plan_text(planned: &[Planned], document: &BatchDocument) -> String {
    let mut text = String::new();
    let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
    for (index, planned) in planned.iter().enumerate() {
        let target = planned.item.job.target();
        let origin = match &planned.outcome {
            Ok(ran) => ran.origin.to_string(),
            Err(report) => report.origin.to_string(),
        };
        let title = format!("{} {}, {origin}", target.kind, target.database_id());
        match groups.iter_mut().find(|(known, _)| *known == title) {
            Some((_, indices)) => indices.push(index),
            None => groups.push((title, vec![index])),
        }
    }
    for (title, indices) in groups {
        line(&mut text, &format!("{BOLD}{title}{BOLD:#}"));
        for index in indices {
            connection_text(&mut text, &planned[index]);
        }
        line(&mut text, "");
    }
    let summary = document.counted();
    match document.planned_steps() {
        0 => line(&mut text, &format!("{BOLD}No changes.{BOLD:#} {summary}.")),
        1 => line(
            &mut text,
            &format!("{BOLD}Plan:{BOLD:#} {summary}; 1 step to carry out."),
        ),
        steps => line(
            &mut text,
            &format!("{BOLD}Plan:{BOLD:#} {summary}; {steps} steps to carry out."),
        ),
    }
    text
}

fn connection_text(text: &mut String, planned: &Planned) {
    let name = &planned.item.name;
    match &planned.outcome {
        Err(report) => {
            let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
            line(
                text,
                &format!("  {red}{name}: cannot be planned{red:#}: {}", report.body.message),
            );
            for hint in report.body.hint.iter().flat_map(|hint| hint.lines()) {
                line(text, &format!("    {hint}"));
            }
        }
        Ok(ran) => {
            let draft = &ran.draft;
            let what = match draft.decision {
                "disconnect" => "disconnect, since the manifest does not name it",
                decision => decision,
            };
            line(text, &format!("  {BOLD}{name}{BOLD:#}: {what}"));
            for note in &draft.notes {
                line(text, &format!("    note: {note}"));
            }
            let steps: Vec<StepEntry> = draft.plan.steps.iter().map(StepEntry::from).collect();
            let planned: Vec<StepEntry> = steps
                .into_iter()
                .filter(|step| step.status != StepStatus::Already)
                .collect();
            text.push_str(&steps_text(&planned));
            if ran.is_incomplete {
                text.push_str(&ran.text);
            }
        }
    }
}

/// The end of an applied run over many connections.
pub fn batch_end_text(ended: &[Planned], document: &BatchDocument) -> String {
    let mut text = String::new();
    for planned in ended {
        let name = &planned.item.name;
        match &planned.outcome {
            Ok(ran) => {
                let result = BatchConnection::new(planned).ended();
                let writes = match ran.document.api_calls.write {
                    0 => String::new(),
                    1 => ", 1 write".to_owned(),
                    count => format!(", {count} writes"),
                };
                line(&mut text, &format!("{name}: {result}{writes}"));
                if ran.is_incomplete || result == "not finished" {
                    text.push_str(&ran.text);
                }
            }
            Err(report) => {
                let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
                line(
                    &mut text,
                    &format!(
                        "{name}: {red}failed [{}]{red:#}: {}",
                        report.body.code, report.body.message
                    ),
                );
                for write in &report.body.applied {
                    line(
                        &mut text,
                        &format!("    already written: {} ({})", write.summary, write.action),
                    );
                }
                for hint in report.body.hint.iter().flat_map(|hint| hint.lines()) {
                    line(&mut text, &format!("    {hint}"));
                }
            }
        }
    }
    line(&mut text, &format!("{BOLD}{}{BOLD:#}.", document.counted()));
    text
}

/// A line of `--output ndjson`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BatchEvent {
    /// The name of the connection.
    pub name: String,
    /// When, in RFC 3339.
    pub time: String,
    /// What happened.
    #[serde(flatten)]
    pub event: BatchEventKind,
}

/// What happened to a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum BatchEventKind {
    /// It is planned, or cannot be.
    Planned {
        /// Its document, or its error.
        connection: Box<BatchConnection>,
    },
    /// Its plan is being carried out.
    Started,
    /// A step has ended.
    Step {
        /// The step.
        step: Box<StepEntry>,
    },
    /// It waits.
    Waiting {
        /// What for.
        waiting_for: String,
        /// The state that was read last.
        state: String,
    },
    /// Its run has ended.
    Ended {
        /// Its document.
        connection: Box<BatchConnection>,
    },
    /// Its run has failed.
    Failed {
        /// Why.
        error: ErrorBody,
    },
}

impl BatchEvent {
    /// What happens to a connection now.
    pub fn now(name: &str, event: BatchEventKind) -> Self {
        Self {
            name: name.to_owned(),
            time: timestamp(SystemTime::now()),
            event,
        }
    }
}

impl BatchEventKind {
    /// What is told of an event of a connection; none where a step only begins.
    pub fn of(name: &str, event: batch::Event<'_>) -> Option<Self> {
        Some(match event {
            batch::Event::Started => Self::Started,
            batch::Event::Progress(progress) => return Self::of_progress(progress),
            batch::Event::Ended(ran) => Self::Ended {
                connection: Box::new(BatchConnection::ran(name, &ran.document)),
            },
            batch::Event::Failed(report) => Self::Failed {
                error: report.body.clone(),
            },
        })
    }

    /// The event for how a run goes on; none where a step only begins.
    pub fn of_progress(progress: Progress<'_>) -> Option<Self> {
        match progress {
            Progress::Started(_) => None,
            Progress::Waiting { waiting_for, state } => Some(Self::Waiting {
                waiting_for: waiting_for.to_owned(),
                state: state.to_owned(),
            }),
            Progress::Ended(step) => Some(Self::Step {
                step: Box::new(StepEntry::from(step)),
            }),
        }
    }
}
