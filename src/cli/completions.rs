//! `autoconnect completions SHELL`.

use clap::{Args, Command};
use clap_complete::Shell;

use super::{Ending, print};

const EXAMPLES: &str = "\
bash, in ~/.bashrc:
  autoconnect completions bash
zsh, as the file _autoconnect in a folder of $fpath:
  autoconnect completions zsh
fish, as ~/.config/fish/completions/autoconnect.fish:
  autoconnect completions fish";

/// Options of `completions`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
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
