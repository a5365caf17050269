//! `autoconnect cleanup`: removes unused resources that this program created.

use clap::Args;

use super::Ending;
use super::front::Terminal;
use super::global::Global;
use super::session::{LongRunArgs, Work, on_account, print_result};
use crate::cloud::Cloud;
use crate::interrupt::Interrupt;
use crate::reconcile::{Cleanup as Goal, Ending as RunEnding, converge};
use crate::report::{CleanupDocument, Report, converged_text};

/// Options of `cleanup`.
#[derive(Clone, Debug, Args)]
pub struct Cleanup {
    #[command(flatten)]
    run: LongRunArgs,
}

impl Cleanup {
    pub fn run(&self, global: &Global) -> Ending {
        on_account(self, global)
    }
}

impl Work for Cleanup {
    async fn on(&self, cloud: &dyn Cloud, global: &Global, interrupt: Interrupt) -> Ending {
        let front = Terminal::new(self.run.yes, false, global);
        let converged = converge(cloud, &Goal, &self.run.options(), &front, interrupt).await;
        front.clear();
        let converged = converged.map_err(|failure| Box::new(Report::of_run(&failure)))?;
        let document = || CleanupDocument::new(&converged, cloud.calls());
        print_result(global, document, || converged_text(&converged), &converged.applied)?;
        Ok(self.run.status(converged.ending == RunEnding::Planned))
    }
}
