//! `autoconnect completions SHELL`.

use clap::{Args, Command};
use clap_complete::Shell;

use super::{Ending, print};

/// Options of `completions`.
#[derive(Clone, Debug, Args)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub fn run(&self, command: &mut Command) -> Ending {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, command, "autoconnect", &mut script);
        print(&String::from_utf8_lossy(&script))?;
        Ok(0)
    }
}
