//! The plan that people read.

use anstyle::AnsiColor;

use super::connection::in_order;
use super::owners::lines_text;
use super::path;
use super::run::{Change, StepEntry, is_incomplete};
use super::saved_plan::{SavedPlan, SavedStep};
use super::style::{self, Style};
use crate::decide::{GroupVerdict, SideVerdict, Verdict, decide};
use crate::escape::shell;
use crate::model::{Observation, Origin, Side};
use crate::naming::Convention;
use crate::plan::{Plan, StepStatus};
use crate::reconcile::{Converged, Draft, Ending, Situation};
use crate::removal::{Standing, still_connected};
use crate::units::count;

const BOLD: Style = Style::new().bold();
/// How many groups of other connections are shown before the rest is only counted.
const FAR_GROUPS: usize = 3;

const DIM: Style = Style::new().dimmed();

fn coloured(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(colour.into()))
}

/// The text folded to this many columns, at least 40, between words; each line's continuation is indented. Commands, alone,
/// after a colon or between backticks, are not broken: what is copied from the output has to be whole.
pub fn folded(text: &str, columns: usize) -> String {
    let columns = columns.max(40);
    let mut folded = String::new();
    for line in text.lines() {
        let plain = anstream::adapter::strip_str(line).to_string();
        let indent = " ".repeat(hanging(&plain));
        let mut width = 0;
        for piece in pieces(line) {
            let own = textwrap::core::display_width(piece.trim_end());
            if width > 0 && width + own > columns {
                folded.truncate(folded.trim_end().len());
                folded.push('\n');
                folded.push_str(&indent);
                width = indent.len();
            }
            folded.push_str(piece);
            width += textwrap::core::display_width(piece);
        }
        folded.push('\n');
    }
    folded
}

/// How far the continuation of a line is indented: to its second column where it has one, else a little more than the line.
fn hanging(line: &str) -> usize {
    const LAST_COLUMN: usize = 16;
    let indent = line.len() - line.trim_start().len();
    let gap = line[indent..].find("  ").map(|at| indent + at);
    let column = gap.map(|at| at + line[at..].len() - line[at..].trim_start().len());
    match (column.filter(|column| *column <= LAST_COLUMN), indent) {
        (Some(column), _) => column,
        (None, 0) => 0,
        (None, indent) => indent + 2,
    }
}

/// The parts of a line between which it can be folded, each with the spaces after it: words, commands, and what is between
/// backticks.
fn pieces(line: &str) -> Vec<&str> {
    let begins = |text: &str| text.starts_with("aws ") || text.starts_with("autoconnect ");
    let plain = anstream::adapter::strip_str(line).to_string();
    if begins(plain.trim_start()) {
        return vec![line];
    }
    let mut colons = line.match_indices(": ").map(|(at, colon)| at + colon.len());
    let (mut rest, command) = line.split_at(colons.find(|at| begins(&line[*at..])).unwrap_or(line.len()));
    let mut pieces = Vec::new();
    let mut from = rest.len() - rest.trim_start().len();
    while let Some(at) = rest[from..].find(' ').map(|at| from + at) {
        let is_quoted = rest[..at].matches('`').count() % 2 == 1 && rest[at..].contains('`');
        from = at + rest[at..].len() - rest[at..].trim_start().len();
        if !is_quoted {
            pieces.push(&rest[..from]);
            rest = &rest[from..];
            from = 0;
        }
    }
    pieces.extend([rest, command].into_iter().filter(|piece| !piece.is_empty()));
    pieces
}

/// A run with nothing to do: what was found, and whether the path is open.
pub fn unchanged(ended: &Converged<Situation>) -> String {
    let found = &ended.found.observation;
    let mut text = draft_text(&ended.draft, &ended.origin);
    match (&ended.path, ended.ending) {
        (path, Ending::Incomplete) => {
            path::incomplete(&mut text, "the groups are in place", path.as_ref(), found);
        }
        (Some(path), _) => path::open(&mut text, path, found),
        (None, _) => {}
    }
    text
}

/// The closing lines of a run that has carried out its plan, where the function does not reach the database all the same.
pub fn incomplete(ended: &Converged<Situation>) -> String {
    let mut text = Text::default();
    let lead = format!(
        "the groups are in place ({}; {})",
        groups_of(ended),
        writes(&ended.draft.plan)
    );
    for line in added(&ended.draft.plan, &ended.draft.added) {
        text.line(line);
    }
    path::incomplete(&mut text.0, &lead, ended.path.as_ref(), &ended.found.observation);
    lines_text(
        &mut text.0,
        &ended.draft.owners,
        &ended.found.observation,
        &ended.draft.plan,
    );
    text.0
}

/// The groups that connect the sides, in words.
fn groups_of(ended: &Converged<Situation>) -> String {
    let found = &ended.found.observation;
    let groups: Vec<String> = decide(found)
        .sides
        .iter()
        .filter_map(|side| side.group.and_then(|id| found.group(id)))
        .map(|group| format!("{} ({})", group.name, group.id))
        .collect();
    groups.join(" and ")
}

/// The whole draft: where it is, what it is about, what was found, the decision, the steps, and what blocks the path.
pub fn draft_text(draft: &Draft, origin: &Origin) -> String {
    let mut text = Text::default();
    text.origin(origin);
    text.heading(&draft.heading);
    if let Some(observation) = &draft.connection {
        text.found(observation);
    }
    text.decision((draft.decision, draft.meaning), &draft.reasons, &draft.notes);
    let steps: Vec<StepEntry> = draft.plan.steps.iter().map(StepEntry::from).collect();
    text.steps(&steps);
    if let Some(observation) = &draft.connection {
        lines_text(&mut text.0, &draft.owners, observation, &draft.plan);
    }
    // Without steps, the end of the run says it.
    if let (Some(path), Some(observation), false) = (&draft.path, &draft.connection, draft.plan.is_empty()) {
        path::before(&mut text.0, path, observation);
    }
    text.0
}

/// The steps of one connection among many, without the closing count.
pub(super) fn steps_text(steps: &[StepEntry]) -> String {
    let mut text = Text::default();
    for step in steps {
        text.step(step);
    }
    text.0
}

/// A saved plan, for `show`.
pub fn saved_text(plan: &SavedPlan) -> String {
    let mut text = Text::default();
    text.origin(&plan.origin());
    text.heading(&plan.heading);
    text.line(format!("{BOLD}Command{BOLD:#}"));
    text.line(format!("  {}", plan.command_line()));
    text.line("");
    let steps: Vec<StepEntry> = plan.steps.iter().map(SavedStep::entry).collect();
    if plan.connections.is_empty() {
        text.decision((&plan.decision, &plan.meaning), &plan.reasons, &plan.notes);
        text.steps(&steps);
        return text.0;
    }
    for connection in &plan.connections {
        text.line(format!("{BOLD}{}{BOLD:#}: {}", connection.name, connection.decision));
        for reason in &connection.reasons {
            text.line(format!("  {reason}"));
        }
        let its = |step: &&SavedStep| step.connection.as_ref() == Some(&connection.name);
        for step in plan.steps.iter().filter(its) {
            text.step(&step.entry());
        }
        text.line("");
    }
    text.count(&steps);
    text.0
}

/// The closing lines of an applied run.
pub fn connected(ended: &Converged<Situation>) -> String {
    let found = &ended.found.observation;
    let green = coloured(AnsiColor::Green).bold();
    let groups = groups_of(ended);
    let writes = writes(&ended.draft.plan);
    let added = added(&ended.draft.plan, &ended.draft.added);
    let through = found
        .proxy
        .as_ref()
        .map(|proxy| format!(" through proxy {}", proxy.name))
        .unwrap_or_default();
    let endpoint = match &found.proxy {
        Some(proxy) => proxy.endpoint.as_ref(),
        None => found.database.access.endpoint.as_ref(),
    };
    let endpoint = endpoint
        .zip(found.function_port())
        .map(|(host, port)| format!("The function reaches it at {host}:{port}."));
    let mut text = Text::default();
    text.line(format!(
        "{green}Connected{green:#}: function {} to {}{through}{}, by {}; {writes}.",
        found.function.name,
        found.database,
        found
            .function_port()
            .map(|port| format!(" on port {port}"))
            .unwrap_or_default(),
        groups
    ));
    for line in added.into_iter().chain(endpoint) {
        text.line(line);
    }
    if let Some(path) = &ended.path {
        path::open(&mut text.0, path, found);
    }
    lines_text(&mut text.0, &ended.draft.owners, found, &ended.draft.plan);
    text.0
}

/// The steps that were added after the plan was shown, a line for each.
fn added(plan: &Plan, ids: &[u32]) -> Vec<String> {
    let steps = plan.steps.iter().filter(|step| ids.contains(&step.id));
    let done = steps.filter(|step| step.status == StepStatus::Done);
    done.map(|step| format!("also done, in addition to the plan: {}", step.summary))
        .collect()
}

/// What a plan has written, counted.
fn writes(plan: &Plan) -> String {
    let done = plan.steps.iter().filter(|step| step.status == StepStatus::Done);
    count(done.count(), "write")
}

/// The closing lines of a run that was not to wait, and is not at its end.
pub fn unfinished(ended: &Converged<Situation>) -> String {
    let mut text = Text::default();
    text.left(&ended.draft.plan);
    let look = ended.found.observation.proxy.as_ref().map(|proxy| {
        let name = shell(&proxy.name);
        format!(" See `aws rds describe-db-proxies --db-proxy-name {name}`: once it is available,")
    });
    text.line(format!("{} run the same command again to finish.", look.unwrap_or_default()).trim_start());
    text.0
}

/// The end of a command other than `setup`: what is pending or unchanged, what could not wait, or what was done.
pub fn converged_text<S>(converged: &Converged<S>) -> String {
    let draft = &converged.draft;
    let subject = draft.heading.first().map_or("", String::as_str);
    let mut text = Text::default();
    match converged.ending {
        Ending::Unfinished => {
            text.left(&draft.plan);
            text.line("Run the same command again to finish.");
            text.0
        }
        Ending::Planned | Ending::Unchanged => draft_text(draft, &converged.origin),
        Ending::Reached | Ending::Incomplete => {
            let green = coloured(AnsiColor::Green).bold();
            let writes = count(converged.applied.len(), "write");
            text.line(format!("{green}Done{green:#}: {subject}, {writes}."));
            for line in added(&draft.plan, &draft.added) {
                text.line(line);
            }
            text.0
        }
    }
}

/// The end of `remove`, with what still connects the function with the database.
pub fn removal_text(converged: &Converged<Standing>) -> String {
    let mut text = Text(converged_text(converged));
    if is_incomplete(converged) {
        let yellow = coloured(AnsiColor::Yellow).bold();
        text.line(format!("{yellow}Still connected{yellow:#}"));
        // A draft that changes nothing has told how.
        let told = converged.ending == Ending::Unchanged;
        for sentence in still_connected(&converged.found, &converged.draft.plan).by_others {
            if !told {
                text.line(format!("  {sentence}"));
            }
        }
    }
    text.0
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: impl AsRef<str>) {
        style::line(&mut self.0, line.as_ref());
    }

    fn origin(&mut self, origin: &Origin) {
        self.line(origin.heading());
        self.line("");
    }

    fn heading(&mut self, lines: &[String]) {
        for (index, line) in lines.iter().enumerate() {
            match index {
                0 => self.line(format!("{BOLD}{line}{BOLD:#}")),
                _ => self.line(format!("  {line}")),
            }
        }
        self.line("");
    }

    fn left(&mut self, plan: &Plan) {
        let yellow = coloured(AnsiColor::Yellow).bold();
        self.line(format!(
            "{yellow}Not finished{yellow:#}: remaining steps must wait; --no-wait was given."
        ));
        for step in &plan.steps {
            if matches!(step.status, StepStatus::Skipped | StepStatus::Planned) {
                self.line(format!("  left  {}", step.summary));
            }
        }
    }

    fn found(&mut self, observation: &Observation) {
        let assessment = decide(observation);
        self.line(format!("{BOLD}Found{BOLD:#}"));
        for side in &assessment.sides {
            self.side(observation, side);
        }
        self.line("");
    }

    fn side(&mut self, observation: &Observation, side: &SideVerdict<'_>) {
        let resource = observation.describe(side.side);
        if !observation.exists(side.side) {
            self.line(format!("  {resource}: to be created"));
            return;
        }
        self.line(format!(
            "  {resource}: {}",
            coloured_verdict(side.verdict, of_side(side.verdict))
        ));
        if side.side == Side::Database && side.verdict == Verdict::Fit && side.group.is_none() {
            self.line("    the proxy reaches it: its target is AVAILABLE");
        }
        let groups = in_order(side);
        let patterns = Convention::accepted(side.side, observation.proxy.is_some());
        let patterns: Vec<String> = patterns.iter().map(|convention| convention.pattern()).collect();
        let patterns = patterns.join(" or ");
        if !groups.iter().any(|found| found.associated) {
            self.line(format!(
                "    {DIM}no security group named {patterns} is attached{DIM:#}"
            ));
        }
        // Groups that are neither on the resource nor fit for it are mostly those of other connections.
        let (near, far): (Vec<&GroupVerdict<'_>>, Vec<_>) = groups
            .into_iter()
            .partition(|found| found.associated || found.verdict != Verdict::Unfit);
        for found in near.iter().chain(far.iter().take(FAR_GROUPS)) {
            let place = if found.associated { "" } else { ", not associated" };
            self.line(format!(
                "    {} ({}): {}{place}",
                found.group.name,
                found.group.id,
                coloured_verdict(found.verdict, of_group(found.verdict))
            ));
            for why in found.why() {
                self.line(format!("      - {why}"));
            }
        }
        match far.len().saturating_sub(FAR_GROUPS) {
            0 => {}
            more => self.line(format!(
                "    {DIM}and {more} more named {patterns} that do not match and are not associated: see --output json{DIM:#}"
            )),
        }
        let others = observation.groups_on(side.side).len() - near.iter().filter(|found| found.associated).count();
        match others {
            0 => {}
            1 => self.line(format!("    {DIM}1 other group is attached, and is kept{DIM:#}")),
            n => self.line(format!("    {DIM}{n} other groups are attached, and are kept{DIM:#}")),
        }
    }

    fn decision(&mut self, (decision, meaning): (&str, &str), reasons: &[String], notes: &[String]) {
        self.line(format!("{BOLD}Decision: {decision}{BOLD:#}, {meaning}"));
        for reason in reasons {
            self.line(format!("  {reason}"));
        }
        for note in notes {
            self.line(format!("  {DIM}note:{DIM:#} {note}"));
        }
        self.line("");
    }

    fn steps(&mut self, steps: &[StepEntry]) {
        if steps.is_empty() {
            self.line("No changes.");
            return;
        }
        self.line(format!("{BOLD}Steps{BOLD:#}"));
        for step in steps {
            self.step(step);
        }
        self.line("");
        self.count(steps);
    }

    /// How many steps there are to do, and what is charged.
    fn count(&mut self, steps: &[StepEntry]) {
        let count = |wanted: &dyn Fn(&StepEntry) -> bool| steps.iter().filter(|step| wanted(step)).count();
        let is_planned = |step: &StepEntry| step.status == StepStatus::Planned;
        let planned = |change| count(&|step| is_planned(step) && step.change == change);
        let [create, change, destroy] = [Change::Create, Change::Update, Change::Delete].map(planned);
        let already = count(&|step| step.status == StepStatus::Already);
        let already = if already == 0 {
            String::new()
        } else {
            format!(" {already} unchanged.")
        };
        let adopted = match count(&|step| step.status == StepStatus::Adopt) {
            0 => String::new(),
            count => format!(" {count} to adopt."),
        };
        self.line(format!(
            "{BOLD}Plan:{BOLD:#} {create} to create, {change} to change, {destroy} to destroy.{adopted}{already}"
        ));
        let charged: Vec<String> = steps
            .iter()
            .filter(|step| is_planned(step))
            .filter_map(|step| Some(format!("{} {}", step.resource, step.charged.as_ref()?)))
            .collect();
        if !charged.is_empty() {
            self.line(format!("{BOLD}Charged:{BOLD:#} {}.", charged.join("; ")));
        }
    }

    fn step(&mut self, step: &StepEntry) {
        let (colour, sign) = match (step.status, step.change) {
            (StepStatus::Planned, Change::Create) => (AnsiColor::Green, "+ create   "),
            (StepStatus::Planned, Change::Delete) => (AnsiColor::Red, "- delete   "),
            (StepStatus::Planned, Change::Update) => (AnsiColor::Yellow, "~ change   "),
            (StepStatus::Adopt, _) => (AnsiColor::Cyan, "= adopt    "),
            _ => (AnsiColor::BrightBlack, "= no change"),
        };
        let style = coloured(colour);
        self.line(format!("  {style}{sign}{style:#}  {}", step.summary));
        self.line(format!("               {DIM}{}{DIM:#}", step.permissions.join(", ")));
        if let Some(cost) = &step.charged {
            self.line(format!("               {BOLD}$ charged {cost}{BOLD:#}"));
        }
    }
}

/// A word for a verdict in its colour.
fn coloured_verdict(verdict: Verdict, word: &str) -> String {
    let style = coloured(match verdict {
        Verdict::Fit => AnsiColor::Green,
        Verdict::Available => AnsiColor::Cyan,
        Verdict::Unfit => AnsiColor::Red,
        Verdict::None => AnsiColor::Yellow,
    });
    format!("{style}{word}{style:#}")
}

/// What is said of a side.
pub(super) fn of_side(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fit => "matches",
        Verdict::Available => "a matching group exists, and is not associated",
        Verdict::Unfit => "does not match",
        Verdict::None => "no matching group",
    }
}

/// What is said of a group.
fn of_group(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fit | Verdict::Available => "matches",
        Verdict::Unfit | Verdict::None => "does not match",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_folded_between_words_and_commands_are_not() {
        let text = "  + create  a security group in vpc-0a1b2c3d for instance inventory\n\
                    \u{1b}[1m   fail\u{1b}[0m  routes: from subnet-0d01a to subnet-0a01a there is none\n\
                    aws ec2 create-route --route-table-id rtb-0d01 --destination-cidr-block 10.0.0.0/16\n\
                    \x20 what would fix it: autoconnect setup --instance ledger --function invoices --dry-run\n";
        let expected = "  + create  a security group in\n\
                        \x20           vpc-0a1b2c3d for instance\n\
                        \x20           inventory\n\
                        \u{1b}[1m   fail\u{1b}[0m  routes: from subnet-0d01a to\n\
                        \x20        subnet-0a01a there is none\n\
                        aws ec2 create-route --route-table-id rtb-0d01 --destination-cidr-block 10.0.0.0/16\n\
                        \x20 what would fix it:\n\
                        \x20   autoconnect setup --instance ledger --function invoices --dry-run\n";
        assert_eq!(folded(text, 42), expected);
        let quoted =
            "See `aws rds describe-db-proxies --db-proxy-name orders`: then run it again, which finishes it.\n";
        let expected =
            "See\n`aws rds describe-db-proxies --db-proxy-name orders`:\nthen run it again, which finishes it.\n";
        assert_eq!(folded(quoted, 40), expected);
    }
}
