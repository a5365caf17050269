//! The user in front of a run: asked on a terminal, shown the progress there.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::SecretString;

use super::for_people;
use super::global::{Global, Output};
use super::output::unwritten;
use super::password::read_password;
use super::signals::note_consent;
use crate::cloud::Cloud;
use crate::escape::word;
use crate::interrupt::Interrupt;
use crate::model::Origin;
use crate::observe::ObserveError;
use crate::reconcile::{Asked, Converged, Draft, Failure, Front, Goal, Options, Progress, RunError, converge};
use crate::report::{AccountKind, PlanError, ProgressLine, Report, SavedPlan, draft_text};

/// The terminal, or its absence.
pub struct Terminal {
    yes: bool,
    password_stdin: bool,
    output: Output,
    quiet: bool,
    progress: ProgressLine,
    /// Where the plan is saved.
    out: Option<PathBuf>,
    /// The options that name the account, as they are typed.
    account: String,
    arguments: Vec<String>,
    place: AccountKind,
    /// The saved plan that is applied.
    applies: Option<Arc<SavedPlan>>,
    /// Whether the user has agreed to the saved plan.
    has_agreed: AtomicBool,
    /// Why the saved plan is not applied.
    refused: Mutex<Option<PlanError>>,
}

impl Terminal {
    /// Whether to apply unasked, where to save the plan, and whether a password comes from standard input.
    pub fn new(yes: bool, out: Option<&Path>, password_stdin: bool, global: &Global) -> Self {
        Self {
            yes,
            out: out.map(Path::to_owned),
            password_stdin,
            ..Self::of(global)
        }
    }

    /// Nobody is asked.
    pub fn of(global: &Global) -> Self {
        Self {
            yes: false,
            password_stdin: false,
            output: global.output,
            quiet: global.quiet,
            progress: ProgressLine::new(!global.quiet),
            out: None,
            account: account_options(global),
            arguments: global.arguments.clone(),
            place: global.place(),
            applies: global.applies.clone(),
            has_agreed: AtomicBool::new(false),
            refused: Mutex::default(),
        }
    }

    /// Brings about a goal in front of the user.
    pub async fn converge<G: Goal>(
        &self,
        cloud: &dyn Cloud,
        goal: &G,
        options: &Options,
        interrupt: Interrupt,
    ) -> Result<Converged<G::Seen>, Box<Report>> {
        let options = Options {
            records: self.out.is_some() || self.applies.is_some(),
            exactly: self.applies.is_some(),
            ..options.clone()
        };
        let converged = converge(cloud, goal, &options, self, interrupt).await;
        self.progress.clear();
        let converged = converged.map_err(|failure| self.report(&failure))?;
        if let Some(plan) = &self.applies
            && converged.applied.is_empty()
            && converged.draft.plan.is_empty()
        {
            plan.check_done(&converged.draft).map_err(|error| {
                Box::new(Report {
                    origin: converged.origin.clone(),
                    ..Report::from(&error)
                })
            })?;
        }
        self.save(&converged.draft, &converged.origin)?;
        Ok(converged)
    }

    /// A failed run. What the plan depends on may be gone.
    fn report(&self, failure: &Failure) -> Box<Report> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner).take();
        let is_outdated = self.applies.is_some() && failure.applied.is_empty() && has_changed(&failure.error);
        let outdated = is_outdated.then(|| PlanError::Outdated {
            differences: vec![failure.error.to_string()],
        });
        let Some(error) = refused.or(outdated) else {
            let mut report = Report::of_run(failure);
            if self.applies.is_some() && matches!(failure.error, RunError::ConsentRequired) {
                report.body.hint =
                    Some("add --yes to apply the plan, or use `autoconnect show` to only show it".to_owned());
            }
            return Box::new(report);
        };
        let mut report = Report::from(&error);
        report.body.applied.clone_from(&failure.applied);
        report.origin = failure.origin.clone();
        Box::new(report)
    }

    /// Saves the plan, where that was asked for.
    fn save(&self, draft: &Draft, origin: &Origin) -> Result<(), Box<Report>> {
        let Some(path) = &self.out else { return Ok(()) };
        let plan = SavedPlan::new(draft, origin, self.place, self.arguments.clone());
        self.write(&plan, path)
    }

    /// Writes a plan, and tells how to apply it.
    pub fn write(&self, plan: &SavedPlan, path: &Path) -> Result<(), Box<Report>> {
        plan.write(path).map_err(|error| unwritten(path, &error))?;
        if !self.quiet {
            let command = format!("autoconnect apply {}{}", word(operand(path)), self.account);
            let _ = writeln!(
                anstream::stderr(),
                "The plan is saved. To apply exactly this plan, run: {command}"
            );
        }
        Ok(())
    }

    /// Whether the draft is the saved plan that is applied, and this is its account.
    fn check(&self, plan: &SavedPlan, asked: Asked<'_>) -> Result<(), RunError> {
        let checked = plan.check_place(asked.origin, self.place);
        checked.and_then(|()| plan.check(asked.draft)).map_err(|error| {
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            RunError::Declined
        })
    }

    fn agree(&self) {
        self.has_agreed.store(true, Ordering::Relaxed);
        note_consent();
    }
}

#[async_trait::async_trait]
impl Front for Terminal {
    async fn consent(&self, asked: Asked<'_>) -> Result<(), RunError> {
        self.progress.clear();
        if let Some(plan) = &self.applies {
            self.check(plan, asked)?;
            if self.has_agreed.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
        show_plan(&draft_text(asked.draft, asked.origin), self.output, self.yes);
        if !self.yes {
            ask(format!("Apply this plan in {}? {TO_APPLY}", asked.origin)).await?;
        }
        self.agree();
        Ok(())
    }

    async fn password(&self, user: &str) -> Result<SecretString, RunError> {
        self.progress.clear();
        read_password(user.to_owned(), self.password_stdin, None).await
    }

    fn progress(&self, progress: Progress<'_>) {
        self.progress.show(progress);
    }
}

/// A file as an operand: not to be taken for an option.
fn operand(path: &Path) -> String {
    let text = path.display().to_string();
    if text.starts_with('-') {
        format!("./{text}")
    } else {
        text
    }
}

/// The options that name the account of a run.
fn account_options(global: &Global) -> String {
    let offline = global.offline.as_ref().map(|path| path.display().to_string());
    let options = [
        ("--offline", offline.as_ref()),
        ("--profile", global.profile.as_ref()),
        ("--region", global.region.as_ref()),
        ("--endpoint-url", global.endpoint_url.as_ref()),
    ];
    let given = options
        .into_iter()
        .filter_map(|(option, value)| Some(format!(" {option} {}", word(value?))));
    given.collect()
}

/// Whether a run failed because what it is about is gone, or is not as it was when a plan was made.
fn has_changed(error: &RunError) -> bool {
    match error {
        RunError::Observe(ObserveError::Cloud(error)) => error.is_not_found(),
        RunError::Observe(_) => true,
        // What ends by itself is no change.
        RunError::Unmet(unmet) => ![
            "database-not-available",
            "function-not-active",
            "function-update-failed",
            "proxy-not-available",
        ]
        .contains(&unmet.code()),
        _ => false,
    }
}

/// How a question ends.
pub const TO_APPLY: &str = "Type yes to apply it: ";

/// Standard output is for the result: with JSON or Markdown the plan to be approved goes to standard error.
pub fn show_plan(text: &str, output: Output, is_agreed: bool) {
    let text = format!("{text}\n");
    // A reader that has gone away does not keep the run from being approved.
    let _ = match output {
        Output::Text => anstream::stdout()
            .write_all(for_people(&text, &io::stdout()).as_bytes())
            .and_then(|()| io::stdout().flush()),
        Output::Json | Output::Markdown | Output::Ndjson if is_agreed => Ok(()),
        Output::Json | Output::Markdown | Output::Ndjson => {
            anstream::stderr().write_all(for_people(&text, &io::stderr()).as_bytes())
        }
    };
}

/// Asks whether all of this may be carried out, unless the user has agreed by `--yes`.
pub async fn approve(yes: bool, text: &str, question: &str) -> Result<(), RunError> {
    if !yes {
        if can_ask() {
            // Standard output is for the report.
            let _ = anstream::stderr().write_all(for_people(text, &io::stderr()).as_bytes());
        }
        ask(format!("{question} {TO_APPLY}")).await?;
    }
    note_consent();
    Ok(())
}

fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question to which the user has to type yes.
pub async fn ask(question: String) -> Result<(), RunError> {
    if !can_ask() {
        return Err(RunError::ConsentRequired);
    }
    let read = move || {
        let mut terminal = io::stderr();
        write!(terminal, "{question}")?;
        terminal.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        io::Result::Ok(answer)
    };
    // Reading blocks, and Ctrl-C has to be heard meanwhile.
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(answer)) if answer.trim() == "yes" => Ok(()),
        _ => Err(RunError::Declined),
    }
}
