//! `autoconnect cleanup`: removes unused resources that this program created.

use clap::Args;

use super::Ending;
use super::global::Global;
use super::session::{RunArgs, UNTIL_DELETED, Work, on_account};
use crate::cloud::Cloud;
use crate::interrupt::Interrupt;
use crate::reconcile::Cleanup as Goal;
use crate::report::RunDocument;

const EXAMPLES: &str = "\
Show what would be removed:
  autoconnect cleanup --dry-run
Remove it, without waiting for network interfaces:
  autoconnect cleanup --no-wait";

/// Options of `cleanup`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES, mut_arg("timeout", |timeout| timeout.default_value(UNTIL_DELETED)))]
pub struct Cleanup {
    #[command(flatten)]
    run: RunArgs,
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
