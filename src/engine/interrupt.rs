//! Ctrl-C and SIGTERM: a run ends at the next safe point, never within a write.

use std::future;

use tokio::sync::watch;

/// Tells whether the user wants the run to end.
#[derive(Clone, Debug)]
pub struct Interrupt(watch::Receiver<bool>);

/// Raises an [`Interrupt`].
#[derive(Debug)]
pub struct Trigger(watch::Sender<bool>);

impl Trigger {
    /// Asks the run to end.
    pub fn raise(&self) {
        self.0.send_replace(true);
    }
}

impl Interrupt {
    /// An interrupt with what raises it.
    pub fn new() -> (Trigger, Self) {
        let (sender, receiver) = watch::channel(false);
        (Trigger(sender), Self(receiver))
    }

    /// An interrupt that is never raised.
    pub fn never() -> Self {
        Self::new().1
    }

    /// Whether it was raised.
    pub fn is_raised(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is raised.
    pub async fn raised(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|raised| *raised).await.is_err() {
            // Nobody is left who could raise it.
            future::pending::<()>().await;
        }
    }
}
