//! `autoconnect cleanup`: removes unused resources that this program created.

use clap::Args;

use super::Ending;
use super::global::Global;
use super::session::{LongRunArgs, Work, on_account};
use crate::cloud::Cloud;
use crate::interrupt::Interrupt;
use crate::reconcile::Cleanup as Goal;
use crate::report::RunDocument;

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
        self.run
            .bring_about(cloud, &Goal, RunDocument::cleanup, global, interrupt)
            .await
    }
}
