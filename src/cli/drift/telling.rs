//! Tells what has changed to whoever asked for it.

use super::Drift;
use crate::cli::global::Global;
use crate::patrol::{Change, Notify, Patrol, TellError, run_command};
use crate::report::{DriftDocument, DriftNotice, Report};

/// The most that SNS and an event bus take is 256 KiB, with what is around the notice.
const LARGEST_NOTICE: usize = 200 * 1024;

impl Drift {
    /// Tells everybody. Whoever cannot be told does not keep the others from being told, and is an error in the end: then
    /// the changes count as not told, and the next run tells them again.
    pub(super) async fn tell(
        &self,
        found: &Patrol,
        changes: &[Change<'_>],
        global: &Global,
    ) -> Result<(), Box<Report>> {
        let mut failed = None;
        if !self.notify.is_empty() {
            let notice = DriftNotice::new(found, changes, LARGEST_NOTICE);
            for to in &self.notify {
                if let Err(error) = Box::pin(notify(to, &notice, global)).await {
                    failed = Some(error);
                }
            }
        }
        if let Some(command) = &self.command {
            let report = serde_json::to_vec(&DriftDocument::new(found));
            let report = report.map_err(|error| Box::new(Report::new("output", &error, None)))?;
            if let Err(error) = run_command(command, report).await {
                failed = Some(error);
            }
        }
        match failed {
            None => Ok(()),
            Some(error) => {
                let hint = match &error {
                    TellError::Cloud(error) => error.hint(),
                    _ => None,
                };
                let hint = hint.unwrap_or_else(|| "the report stands; the next run tells the changes again".to_owned());
                Err(Box::new(Report::new("not-told", &error, Some(hint))))
            }
        }
    }
}

#[cfg(feature = "aws")]
async fn notify(to: &Notify, notice: &DriftNotice, global: &Global) -> Result<(), TellError> {
    Ok(crate::aws::notify(&global.configuration(), to, notice).await?)
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "the adapter's own twin awaits")]
async fn notify(_: &Notify, _: &DriftNotice, _: &Global) -> Result<(), TellError> {
    Err(TellError::NoAws)
}
