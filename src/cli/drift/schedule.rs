//! `--every`: one run after the other, never two at once, until a signal ends it.

use std::io::Write;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Drift;
use crate::cli::Ending;
use crate::cli::global::{Global, Output};
use crate::cli::output::{begin_run, fail};
use crate::interrupt::Interrupt;
use crate::monitor::{Accounts, State};
use crate::wait::jittered;

/// Runs until it is interrupted, which is how a schedule ends well. A run that fails is reported, and the next one
/// comes.
pub async fn run(
    drift: &Drift,
    accounts: &impl Accounts,
    global: &Global,
    every: Duration,
    interrupt: Interrupt,
) -> Ending {
    let mut memory = State::default();
    loop {
        let next = Instant::now() + jittered(every);
        begin_run();
        let ending = drift.once(accounts, global, &mut memory, &interrupt).await;
        if interrupt.is_raised() {
            break;
        }
        if let Err(report) = ending {
            // Standard output of a schedule is the reports of its runs; with JSON or Markdown a failed one is among them.
            fail(
                &report,
                if global.output == Output::Ndjson {
                    Output::Text
                } else {
                    global.output
                },
            );
        }
        // A run that took longer than the interval is followed by the next one at once.
        tokio::select! {
            () = sleep_until(next) => {}
            () = interrupt.raised() => break,
        }
    }
    if !global.quiet {
        let _ = writeln!(std::io::stderr(), "the schedule was ended");
    }
    Ok(0)
}
