//! `autoconnect show`: prints a saved plan.

use std::path::PathBuf;

use clap::Args;

use super::Ending;
use super::global::Global;
use super::session::print_result;
use crate::report::SavedPlan;
use crate::report::{Report, saved_text};

const EXAMPLES: &str = "\
Read a saved plan:
  autoconnect show plan.json
Print it for the comment on a pull request:
  autoconnect show plan.json --output markdown";

/// Options of `show`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Show {
    /// The plan, as `--out` has saved it
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
}

impl Show {
    pub fn run(&self, global: &Global) -> Ending {
        let plan = SavedPlan::read(&self.plan).map_err(|error| Box::new(Report::from(&error)))?;
        print_result(global, || &plan, || saved_text(&plan), &[])?;
        Ok(0)
    }
}
