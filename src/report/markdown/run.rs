//! A plan, or a run that has carried it out.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::page::{CELL, Page, Section, TITLE, cell, clipped, code, item, row, text};
use super::{Document, checks, place};
use crate::decide::Verdict;
use crate::diagnostics::{Check, Status};
use crate::escape::markdown_code;
use crate::plan::StepStatus;
use crate::report::connection::{ConnectionRun, SideEntry};
use crate::report::owners::{OwnerEntry, fence};
use crate::report::run::{Change, ResultName, Run, RunDocument, StepEntry};
use crate::report::text::of_side;

impl Document for RunDocument {
    fn markdown(&self) -> String {
        let mut page = Page::titled(&self.title());
        page.fixed(self.summary());
        if let Run::DiagnoseFix(run) = &self.run {
            page.fixed(text(&run.checks.summary));
        }
        page.section(Section::table(
            1,
            columns(self.dry_run),
            self.steps.iter().map(|step| step_row(step, self.dry_run)).collect(),
            "step",
        ));
        let blocks = self.checks().iter().filter(|check| check.status == Status::Fail);
        let blocks = blocks.map(|check| {
            let id = markdown_code(&clipped(&check.id, TITLE));
            format!("- **{}** {id}: {}\n", check.status, text(&check.message))
        });
        let blocks: Vec<String> = blocks.collect();
        if !blocks.is_empty() {
            page.fixed(match (self.result, &self.run) {
                (ResultName::Planned, Run::Setup(_)) => "The path is blocked, and these steps do not open it:",
                (ResultName::Planned, _) => "These checks fail now:",
                _ => "These checks fail:",
            });
        }
        page.section(Section::open(2, blocks, "check"));
        let reasons: Vec<String> = self.reasons.iter().map(|reason| item(reason)).collect();
        if !reasons.is_empty() {
            page.fixed("Reasons and notes:");
        }
        page.section(Section::open(3, reasons, "sentence"));
        let changed = self.owners().iter().filter(|owner| owner.will_undo);
        let blocks: Vec<String> = changed.filter_map(lines_block).collect();
        page.section(Section::open(3, blocks, "block"));
        page.section(Section::folded(
            4,
            "Permissions that the steps need",
            permissions(&self.steps),
            "action",
        ));
        if let Run::Setup(run) | Run::Remove(run) = &self.run {
            page.section(Section::folded(5, &self.sides_title(), sides(run), "group"));
        }
        page.section(checks::folded(6, self.checks()));
        page.render()
    }
}

impl RunDocument {
    fn title(&self) -> String {
        let name = |name: &str| markdown_code(&clipped(name, TITLE));
        let (command, subject) = match &self.run {
            Run::Setup(run) => ("setup", Some(subject(run))),
            Run::Remove(run) => ("remove", Some(subject(run))),
            Run::Cleanup { .. } => ("cleanup", None),
            Run::Adopt { .. } => ("adopt", None),
            Run::Attach(run) => ("attach", Some(name(&run.function.name))),
            Run::Detach(run) => ("detach", Some(name(&run.function.name))),
            Run::InternetSetup { function, .. } => ("internet setup", Some(name(&function.name))),
            Run::MskSetup { cluster, .. } => ("msk setup", Some(name(&cluster.name))),
            Run::DiagnoseFix(_) => ("diagnose --fix", None),
        };
        match subject {
            Some(subject) => format!("autoconnect {command}: {subject}"),
            None => format!("autoconnect {command}"),
        }
    }

    /// How the run ended, what was counted, and where.
    fn summary(&self) -> String {
        let planned = || planned(&self.steps);
        let done = || counted(&self.steps, &[StepStatus::Done], ["created", "changed", "destroyed"]);
        let is_left = self.steps.iter().any(|step| step.status == StepStatus::Skipped);
        let (lead, counts) = match self.result {
            ResultName::Planned if self.dry_run => ("Plan", planned()),
            ResultName::Planned => ("Not finished", format!("{}; left: {}", done(), planned())),
            ResultName::Unchanged => ("No changes", "nothing to do".to_owned()),
            ResultName::Incomplete if is_left => ("Not finished", format!("{}; left: {}", done(), planned())),
            ResultName::Incomplete => ("Incomplete", done()),
            ResultName::Connected => ("Connected", done()),
            ResultName::Removed => ("Removed", done()),
            ResultName::Adopted => ("Adopted", done()),
            ResultName::Attached => ("Attached", done()),
            ResultName::Detached => ("Detached", done()),
            ResultName::Built => ("Built", done()),
            ResultName::Fixed => ("Fixed", done()),
        };
        let status = |status| self.steps.iter().filter(|step| step.status == status).count();
        let adopted = match status(StepStatus::Adopt) {
            0 => String::new(),
            count => format!(" {count} to adopt."),
        };
        let already = match status(StepStatus::Already) {
            0 => String::new(),
            count => format!(" {count} unchanged."),
        };
        format!(
            "**{lead}:** {counts} in {}.{adopted}{already} Decision: {}.",
            place(self.account.as_ref(), self.region.as_ref()),
            markdown_code(&clipped(&self.decision, TITLE))
        )
    }

    /// The checks of the document, if it has any.
    fn checks(&self) -> &[Check] {
        match &self.run {
            Run::Setup(run) | Run::Remove(run) => run.diagnosis.as_ref().map_or(&[], |diagnosis| &diagnosis.checks),
            Run::InternetSetup { checks, .. } | Run::MskSetup { checks, .. } => checks,
            Run::DiagnoseFix(run) => &run.checks.checks,
            Run::Cleanup { .. } | Run::Adopt { .. } | Run::Attach(_) | Run::Detach(_) => &[],
        }
    }

    /// The owners of what it is about.
    fn owners(&self) -> &[OwnerEntry] {
        match &self.run {
            Run::Setup(run) | Run::Remove(run) => &run.owners,
            Run::Attach(run) | Run::Detach(run) => &run.owners,
            Run::InternetSetup { owners, .. } | Run::MskSetup { owners, .. } => owners,
            Run::DiagnoseFix(run) => &run.owners,
            Run::Cleanup { .. } | Run::Adopt { .. } => &[],
        }
    }

    fn sides_title(&self) -> String {
        let when = match self.result {
            ResultName::Planned | ResultName::Unchanged => "as found",
            _ => "at the end of the run",
        };
        format!("Security groups {when}")
    }
}

/// The lines for the template or the code of an owner.
fn lines_block(owner: &OwnerEntry) -> Option<String> {
    let lines = owner.lines.as_ref()?;
    let shown: Vec<&str> = lines.text.iter().map(String::as_str).collect();
    let title = text(&format!("For {}, {}:", lines.into, owner.resource));
    Some(format!("{title}\n\n{}\n", code(fence(lines.language), &shown)))
}

/// The columns of the table of steps.
pub(super) fn columns(dry_run: bool) -> &'static [&'static str] {
    let columns = &["#", "change", "step", "resource", "status"];
    if dry_run { &columns[..4] } else { columns }
}

/// A step in that table.
pub(super) fn step_row(step: &StepEntry, dry_run: bool) -> String {
    let change = match (step.status, step.change) {
        (StepStatus::Already, _) => "= no change",
        (StepStatus::Adopt, _) => "= adopt",
        (_, Change::Create) => "+ create",
        (_, Change::Update) => "~ change",
        (_, Change::Delete) => "- delete",
    };
    let status = step.status.as_str();
    let charged = step.charged.as_ref().map(|cost| format!("<br>charged {}", cell(cost)));
    let cells = [
        step.id.to_string(),
        change.replace('~', "\\~"),
        cell(&step.summary) + &charged.unwrap_or_default(),
        markdown_code(&clipped(&step.resource, CELL)),
        status.to_owned(),
    ];
    row(&cells[..columns(dry_run).len()])
}

/// The IAM actions, each once, in the order of the steps.
pub(super) fn permissions(steps: &[StepEntry]) -> Vec<String> {
    let mut told = BTreeSet::new();
    let actions = steps.iter().flat_map(|step| &step.permissions);
    actions
        .filter(|action| told.insert(action.as_str()))
        .map(|action| format!("- {}\n", markdown_code(&clipped(action, TITLE))))
        .collect()
}

/// How many steps of these statuses create, change and delete.
fn counted(steps: &[StepEntry], statuses: &[StepStatus], words: [&str; 3]) -> String {
    let of = |change: Change| {
        let steps = steps.iter();
        steps
            .filter(|step| step.change == change && statuses.contains(&step.status))
            .count()
    };
    let [create, change, destroy] = words;
    format!(
        "{} {create}, {} {change}, {} {destroy}",
        of(Change::Create),
        of(Change::Update),
        of(Change::Delete)
    )
}

/// What is still to be done, counted.
pub(super) fn planned(steps: &[StepEntry]) -> String {
    let left = [StepStatus::Planned, StepStatus::Skipped];
    counted(steps, &left, ["to create", "to change", "to destroy"])
}

/// What is connected to what.
fn subject(run: &ConnectionRun) -> String {
    let connection = &run.connection;
    let name = |name: &str| markdown_code(&clipped(name, TITLE));
    let database = format!("{} {}", connection.database.kind, name(&connection.database.id));
    match &connection.proxy {
        Some(proxy) => format!(
            "{} → proxy {} → {database}",
            name(&connection.function.name),
            name(&proxy.name)
        ),
        None => format!("{} → {database}", name(&connection.function.name)),
    }
}

/// The sides, and the groups of each, as units.
fn sides(run: &ConnectionRun) -> Vec<String> {
    let sides = &run.sides;
    let named: [(&str, Option<&SideEntry>); 3] = [
        ("database", Some(&sides.database)),
        ("proxy", sides.proxy.as_ref()),
        ("function", Some(&sides.function)),
    ];
    let mut units = Vec::new();
    for (name, side) in named {
        let Some(side) = side else { continue };
        units.push(format!("- **{name}**: {}\n", of_side(side.verdict)));
        for group in &side.groups {
            let mut unit = format!(
                "  - {} ({}): {}\n",
                markdown_code(&clipped(&group.name, TITLE)),
                markdown_code(&clipped(&group.id, TITLE)),
                of_group(group.verdict)
            );
            for why in &group.why {
                let _ = write!(unit, "    {}", item(why));
            }
            units.push(unit);
        }
    }
    units
}

/// The verdict on a group, in the same words.
fn of_group(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fit => "matches",
        Verdict::Available => "matches, not associated",
        Verdict::Unfit | Verdict::None => "does not match",
    }
}
