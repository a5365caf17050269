//! The user in front of a run: asked on a terminal, shown the progress there.

use std::io::{self, BufRead, IsTerminal, Write};

use secrecy::SecretString;

use super::for_people;
use super::global::{Global, Output};
use super::password::{TerminalGuard, from_prompt, from_stdin};
use super::signals::note_consent;
use crate::cloud::Cloud;
use crate::interrupt::Interrupt;
use crate::model::Origin;
use crate::reconcile::{Asked, Converged, Front, Goal, Options, Progress, RunError, converge};
use crate::report::{ProgressLine, Report, draft_text};

/// The terminal, or its absence.
pub struct Terminal {
    yes: bool,
    password_stdin: bool,
    output: Output,
    progress: ProgressLine,
}

impl Terminal {
    pub fn new(yes: bool, password_stdin: bool, global: &Global) -> Self {
        Self {
            yes,
            password_stdin,
            output: global.output,
            progress: ProgressLine::new(!global.quiet),
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
        let converged = converge(cloud, goal, options, self, interrupt).await;
        self.progress.clear();
        converged.map_err(|failure| Box::new(Report::of_run(&failure)))
    }

    /// Standard output is for the result: with JSON or Markdown the plan to be approved goes to standard error.
    fn show_plan(&self, asked: Asked<'_>) {
        let mut text = draft_text(asked.draft, asked.origin);
        text.push('\n');
        // A reader that has gone away does not keep the run from being approved.
        let _ = match self.output {
            Output::Text => anstream::stdout()
                .write_all(for_people(&text, &io::stdout()).as_bytes())
                .and_then(|()| io::stdout().flush()),
            Output::Json | Output::Markdown if !self.yes => {
                anstream::stderr().write_all(for_people(&text, &io::stderr()).as_bytes())
            }
            Output::Json | Output::Markdown | Output::Ndjson => Ok(()),
        };
    }
}

#[async_trait::async_trait]
impl Front for Terminal {
    async fn consent(&self, asked: Asked<'_>) -> Result<(), RunError> {
        self.progress.clear();
        let can_ask = io::stdin().is_terminal() && io::stderr().is_terminal();
        self.show_plan(asked);
        let origin = asked.origin.clone();
        match (self.yes, can_ask) {
            (true, _) => {
                note_consent();
                Ok(())
            }
            (false, false) => Err(RunError::ConsentRequired),
            (false, true) => {
                // Reading blocks, and Ctrl-C has to be heard meanwhile.
                let answer = tokio::task::spawn_blocking(move || ask(&origin)).await;
                if matches!(answer, Ok(Ok(true))) {
                    note_consent();
                    Ok(())
                } else {
                    Err(RunError::Declined)
                }
            }
        }
    }

    async fn password(&self, user: &str) -> Result<SecretString, RunError> {
        self.progress.clear();
        let _guard = TerminalGuard::new();
        let (user, from_pipe) = (user.to_owned(), self.password_stdin);
        // Reading blocks, and Ctrl-C has to be heard meanwhile.
        let read = move || {
            if from_pipe {
                from_stdin(&user)
            } else {
                from_prompt(&user)
            }
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(password) => password,
            Err(_) => Err(RunError::BadPassword {
                reason: "it could not be read".to_owned(),
            }),
        }
    }

    fn progress(&self, progress: Progress<'_>) {
        self.progress.show(progress);
    }
}

fn ask(origin: &Origin) -> io::Result<bool> {
    let mut terminal = io::stderr();
    write!(terminal, "Apply this plan in {origin}? Type yes to apply it: ")?;
    terminal.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}
