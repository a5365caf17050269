//! Progress: one line on a terminal; elsewhere a line for each step.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::escape::plain;
use crate::plan::StepStatus;
use crate::reconcile::Progress;
use crate::units::span;

/// Without a terminal, how often a run says what it waits for.
const EVERY: Duration = Duration::from_secs(30);

/// Shows the progress of a run on standard error.
#[derive(Debug)]
pub struct ProgressLine {
    /// On a terminal.
    bar: ProgressBar,
    /// Elsewhere, as in CI.
    log: Option<Log>,
}

impl ProgressLine {
    /// Progress that is shown, or that never is.
    pub fn new(visible: bool) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let bar = ProgressBar::new_spinner();
        bar.set_draw_target(if visible && is_terminal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        });
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4} {msg}") {
            bar.set_style(style);
        }
        Self {
            bar,
            log: (visible && !is_terminal).then(|| Log::new(EVERY, to_stderr)),
        }
    }

    /// Shows what is happening.
    pub fn show(&self, progress: Progress<'_>) {
        let doing = match progress {
            Progress::Started(step) => step.summary.clone(),
            Progress::Waiting { waiting_for, state } => format!("waiting for {waiting_for} ({state})"),
            Progress::Ended(step) => {
                let word = match step.status {
                    StepStatus::Already => "same",
                    StepStatus::Adopt => "adopt",
                    StepStatus::Skipped => "later",
                    StepStatus::Planned | StepStatus::Done => "done",
                };
                return self.line(&format!("  {word:>7}  {}", plain(&step.summary)));
            }
        };
        self.doing(doing);
    }

    /// Shows something that has ended.
    pub fn line(&self, line: &str) {
        match &self.log {
            Some(log) => log.line(line),
            None => self.bar.println(line),
        }
    }

    /// Shows what is being done.
    pub fn doing(&self, doing: String) {
        if let Some(log) = &self.log {
            return log.doing(doing);
        }
        // A line that was removed, as for a question, comes back.
        if self.bar.is_finished() {
            self.bar.reset();
        }
        self.bar.enable_steady_tick(Duration::from_millis(120));
        self.bar.set_message(plain(&doing).into_owned());
    }

    /// Takes the line away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
        if let Some(log) = &self.log {
            log.idle();
        }
    }
}

fn to_stderr(line: &str) {
    // Progress that nobody reads does not end a run.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Lines of progress: each step that has ended, and now and then what takes long.
#[derive(Debug)]
struct Log {
    shared: Arc<Shared>,
    print: fn(&str),
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What is being done, and since when.
    doing: Option<(String, Instant)>,
    is_over: bool,
}

impl Log {
    fn new(every: Duration, print: fn(&str)) -> Self {
        let shared = Arc::new(Shared::default());
        let watched = Arc::clone(&shared);
        // A call that takes long keeps the run from saying so itself.
        thread::spawn(move || watch(&watched, every, print));
        Self { shared, print }
    }

    fn line(&self, line: &str) {
        (self.print)(line);
        self.idle();
    }

    fn doing(&self, what: String) {
        self.change(|state| {
            let since = match &state.doing {
                // Only the state that was read last has changed.
                Some((before, since)) if subject(before) == subject(&what) => *since,
                _ => Instant::now(),
            };
            state.doing = Some((what, since));
        });
    }

    fn idle(&self) {
        self.change(|state| state.doing = None);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.shared.changed.notify_all();
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.change(|state| state.is_over = true);
    }
}

/// What is done, without the state that was read last.
fn subject(what: &str) -> &str {
    what.rsplit_once(" (").map_or(what, |(subject, _)| subject)
}

/// Prints what is being done whenever it has taken so long again.
fn watch(shared: &Shared, every: Duration, print: fn(&str)) {
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    let mut told: Option<(Instant, u32)> = None;
    while !state.is_over {
        let due = state.doing.as_ref().map(|(what, since)| {
            let times = told.filter(|(of, _)| of == since).map_or(0, |(_, times)| times) + 1;
            (what, *since, times, *since + every * times)
        });
        let Some((what, since, times, due)) = due else {
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            print(&format!("  {:>7}  {}", span(since.elapsed()), plain(what)));
            told = Some((since, times));
            continue;
        }
        (state, _) = shared
            .changed
            .wait_timeout(state, left)
            .unwrap_or_else(PoisonError::into_inner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

    fn keep(line: &str) {
        LINES.lock().unwrap().push(line.to_owned());
    }

    /// Waits until so many lines were printed, and takes them.
    fn lines(count: usize) -> Vec<String> {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let mut lines = LINES.lock().unwrap();
            if lines.len() >= count || Instant::now() > until {
                return std::mem::take(&mut lines);
            }
            drop(lines);
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn what_takes_long_is_reported_again_and_again() {
        let log = Log::new(Duration::from_millis(30), keep);
        log.doing("waiting for cluster orders (modifying)".to_owned());
        let told = lines(2);
        assert!(
            told.len() >= 2
                && told
                    .iter()
                    .all(|line| line.ends_with("waiting for cluster orders (modifying)")),
            "{told:?}"
        );
        log.doing("waiting for cluster orders (backing-up)".to_owned());
        assert!(lines(1)[0].ends_with("(backing-up)"));
        log.line("   done  cluster orders: add sg-1");
        let told = lines(1);
        assert!(
            told.iter().any(|line| line == "   done  cluster orders: add sg-1"),
            "{told:?}"
        );
        // Nothing is waited for any more.
        thread::sleep(Duration::from_millis(120));
        assert_eq!(LINES.lock().unwrap().as_slice(), [""; 0]);
        drop(log);
    }
}
