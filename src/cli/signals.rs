//! Ctrl-C and SIGTERM.

use std::io::{self, Write};

use crate::interrupt::Interrupt;

/// Raises the interrupt on Ctrl-C and SIGTERM. A second one ends the program at once.
pub fn listen() -> Interrupt {
    let (trigger, interrupt) = Interrupt::new();
    // Listening begins here, not when the task first runs.
    let Ok(mut signals) = Signals::new() else {
        return interrupt;
    };
    tokio::spawn(async move {
        signals.next().await;
        // In plain words, whatever is logged: the user has just pressed a key and waits.
        let _ = writeln!(
            io::stderr(),
            "interrupted: ending at the next safe point; interrupt again to end at once"
        );
        trigger.raise();
        signals.next().await;
        std::process::exit(130);
    });
    interrupt
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn new() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}
