//! Ctrl-C and SIGTERM. They are listened to on a thread of their own, since a run may compute, or read a pipe to which
//! nobody writes.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use super::global::Output;
use super::output::fail_now;
use super::password::restore_terminal;
use crate::interrupt::{Interrupt, Trigger};
use crate::model::Origin;
use crate::reconcile::{Failure, RunError};
use crate::report::Report;

/// How long a run that has written nothing may take to end by itself.
const PATIENCE: Duration = Duration::from_millis(700);

/// The interrupt of this process.
static INTERRUPT: OnceLock<Interrupt> = OnceLock::new();

/// Whether the run may have written something.
static MAY_HAVE_WRITTEN: AtomicBool = AtomicBool::new(false);

/// Begins to listen. `output` is the form of the document that a run prints which does not end by itself.
pub fn start(output: Output) {
    INTERRUPT.get_or_init(|| {
        let (trigger, interrupt) = Interrupt::new();
        let (ready, is_ready) = mpsc::channel();
        let listening = move || listen_until_ended(&trigger, output, &ready);
        if thread::Builder::new()
            .name("signals".to_owned())
            .spawn(listening)
            .is_ok()
        {
            // Without a thread that is ready, signals do what they do by default.
            let _ = is_ready.recv();
        }
        interrupt
    });
}

/// The interrupt that a signal raises. A second signal ends the program at once.
pub fn listen() -> Interrupt {
    start(Output::Text);
    INTERRUPT.get().cloned().unwrap_or_else(Interrupt::never)
}

/// Notes that the run was allowed to write: from now on it ends at its safe points only, or by a second signal.
pub fn note_consent() {
    MAY_HAVE_WRITTEN.store(true, Ordering::Relaxed);
}

fn listen_until_ended(trigger: &Trigger, output: Output, ready: &mpsc::Sender<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return };
    runtime.block_on(async {
        let Ok(mut signals) = Signals::new() else { return };
        // Whoever waits for it may have given up.
        let _ = ready.send(());
        signals.next().await;
        // In plain words, whatever is logged: the user has just pressed a key and waits.
        let _ = writeln!(
            io::stderr(),
            "interrupted: stopping at the next safe point; interrupt again to stop immediately"
        );
        trigger.raise();
        tokio::select! {
            () = signals.next() => {}
            () = tokio::time::sleep(PATIENCE), if !MAY_HAVE_WRITTEN.load(Ordering::Relaxed) => {}
        }
        end_now(output);
    });
}

/// Ends the program, with the error that a run would report that ends by itself.
fn end_now(output: Output) -> ! {
    let at = if MAY_HAVE_WRITTEN.load(Ordering::Relaxed) {
        "immediately: a write may be in progress"
    } else {
        "while reading or computing; nothing was written"
    };
    restore_terminal();
    let failure = Failure {
        error: RunError::Interrupted { at: at.to_owned() },
        applied: Vec::new(),
        origin: Origin::default(),
    };
    fail_now(&Report::of_run(&failure), output);
    std::process::exit(130);
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
