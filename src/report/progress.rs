//! One line of progress on a terminal: what is being done, and what is waited for.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::plan::StepStatus;
use crate::reconcile::Progress;

/// Shows the progress of a run on standard error, if that is a terminal.
#[derive(Debug)]
pub struct ProgressLine {
    bar: ProgressBar,
}

impl ProgressLine {
    /// A line that is shown, or one that never is.
    #[must_use]
    pub fn new(visible: bool) -> Self {
        let bar = ProgressBar::new_spinner();
        // indicatif draws to standard error, and only if that is a terminal.
        bar.set_draw_target(if visible {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        });
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4} {msg}") {
            bar.set_style(style);
        }
        Self { bar }
    }

    /// Shows what is happening.
    pub fn show(&self, progress: Progress<'_>) {
        // A line that was taken away, as for a question, comes back.
        if self.bar.is_finished() {
            self.bar.reset();
        }
        match progress {
            Progress::Started(step) => {
                self.bar.enable_steady_tick(Duration::from_millis(120));
                self.bar.set_message(step.summary.clone());
            }
            Progress::Waiting { waiting_for, state } => {
                self.bar.enable_steady_tick(Duration::from_millis(120));
                self.bar.set_message(format!("waiting for {waiting_for} ({state})"));
            }
            Progress::Ended(step) => {
                let word = match step.status {
                    StepStatus::Already => "is so",
                    StepStatus::Adopt => "adopt",
                    StepStatus::Skipped => "later",
                    StepStatus::Planned | StepStatus::Done => "done",
                };
                self.bar.println(format!("  {word:>5}  {}", step.summary));
            }
        }
    }

    /// Takes the line away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
