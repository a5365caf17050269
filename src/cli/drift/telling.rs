//! Notifies recipients of what has changed.

use super::Drift;
use crate::cli::global::Global;
use crate::escape::to_json;
use crate::interrupt::Interrupt;
use crate::monitor::{Changes, Notify, Recipient, Round, TellError, run_command};
use crate::report::{DriftDocument, DriftNotice, FailedLookNotice, Notice, Report};

/// The most that SNS and an event bus take is 256 KiB, with what is around the notice.
const LARGEST_NOTICE: usize = 200 * 1024;

impl Drift {
    /// A recipient.
    pub(super) fn recipients(&self) -> Vec<Recipient<'_>> {
        let notify = self.notify.iter().map(Recipient::Notify);
        notify.chain(self.command.as_deref().map(Recipient::Command)).collect()
    }

    /// Tells one recipient what has changed.
    pub(super) async fn tell(
        &self,
        recipient: Recipient<'_>,
        look: (&Round, &Changes, &str),
        global: &Global,
        interrupt: &Interrupt,
    ) -> Result<(), TellError> {
        let (found, changes, time) = look;
        let notice = || Notice::Changes(DriftNotice::new(found, changes, time, LARGEST_NOTICE));
        let report = || to_json(&DriftDocument::with_changes(found, changes));
        self.send(recipient, notice, report, global, interrupt).await
    }

    /// Tells one recipient that the look failed.
    pub(super) async fn tell_failed(
        &self,
        recipient: Recipient<'_>,
        failed: &FailedLookNotice,
        global: &Global,
        interrupt: &Interrupt,
    ) -> Result<(), TellError> {
        let notice = || Notice::Failed(failed.clone());
        self.send(recipient, notice, || to_json(failed), global, interrupt)
            .await
    }

    /// Sends a notice to a topic or a bus; a command gets the report.
    async fn send(
        &self,
        recipient: Recipient<'_>,
        notice: impl FnOnce() -> Notice,
        report: impl FnOnce() -> serde_json::Result<String>,
        global: &Global,
        interrupt: &Interrupt,
    ) -> Result<(), TellError> {
        match recipient {
            Recipient::Notify(to) => {
                let notice = notice();
                tokio::select! {
                    told = Box::pin(notify(to, &notice, global)) => told,
                    () = interrupt.raised() => Err(TellError::Interrupted),
                }
            }
            Recipient::Command(command) => {
                let report = report().map_err(|error| TellError::Command(error.into()))?;
                run_command(command, report.as_bytes(), self.command_timeout, interrupt).await
            }
        }
    }
}

/// The error of a recipient that could not be notified.
pub(super) fn not_told(recipient: Recipient<'_>, error: &TellError) -> Report {
    let hint = match error {
        TellError::Cloud(error) => error.hint(),
        _ => None,
    };
    let hint = hint.unwrap_or_else(|| format!("the report was printed; the next run notifies {recipient} again"));
    Report::new("not-told", error, Some(hint))
}

#[cfg(feature = "aws")]
async fn notify(to: &Notify, notice: &Notice, global: &Global) -> Result<(), TellError> {
    use crate::aws::Recipient as To;
    use crate::cloud::{CloudError, Fault, Operation};

    let (recipient, operation) = match to {
        Notify::Sns(topic) => (To::Topic(topic), Operation::Publish),
        Notify::EventBridge(bus) => (To::Bus(bus), Operation::PutEvents),
    };
    let text = to_json(notice).map_err(|error| CloudError::new(operation, Fault::Malformed(error.to_string())))?;
    let subject = notice.subject();
    Ok(crate::aws::notify(&global.configuration(), recipient, subject, text).await?)
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "the adapter's own twin awaits")]
async fn notify(_: &Notify, _: &Notice, _: &Global) -> Result<(), TellError> {
    Err(TellError::NoAws)
}
