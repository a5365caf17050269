//! The commands of spec/cli.md that this version does not have: they say so, rather than not be known.

use std::ffi::OsString;

use clap::{Args, Subcommand};

use super::Ending;
use crate::report::Report;

/// The commands to come.
#[derive(Debug, Subcommand)]
#[command(hide = true)]
pub enum ToCome {
    #[command(hide = true)]
    Internet(Rest),
}

/// Whatever follows.
#[derive(Debug, Args)]
pub struct Rest {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _rest: Vec<OsString>,
}

impl ToCome {
    pub fn run(&self) -> Ending {
        let name = match self {
            Self::Internet(_) => "internet",
        };
        let error = std::io::Error::other(format!("this version has no `{name}` yet"));
        let hint = "`autoconnect --help` lists what it has".to_owned();
        Err(Box::new(Report::new("not-in-this-version", &error, Some(hint))))
    }
}
