//! `autoconnect show`: prints a saved plan.

use std::path::PathBuf;

use clap::Args;

use super::Ending;
use super::global::Global;
use super::session::print_result;
use crate::report::SavedPlan;
use crate::report::{Report, saved_text};

/// Options of `show`.
#[derive(Clone, Debug, Args)]
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
