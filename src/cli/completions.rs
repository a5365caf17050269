//! `autoconnect completions SHELL`. The scripts for bash, zsh and fish ask this program what fits: see [`answer`].

mod answer;
mod names;

use clap::{Args, Command};
use clap_complete::Shell;

use super::{Ending, print};
pub use answer::{REQUEST, answer};

const EXAMPLES: &str = "\
Completion in bash from now on: put this line into ~/.bashrc:
  source <(autoconnect completions bash)
In zsh: write the script into a folder of $fpath, as _autoconnect:
  autoconnect completions zsh
In fish: write it to ~/.config/fish/completions/autoconnect.fish:
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
        let script = match self.shell {
            Shell::Bash => include_str!("completions/autoconnect.bash").to_owned(),
            Shell::Zsh => include_str!("completions/autoconnect.zsh").to_owned(),
            Shell::Fish => include_str!("completions/autoconnect.fish").to_owned(),
            // These complete commands and options only.
            shell => {
                let mut script = Vec::new();
                clap_complete::generate(shell, command, "autoconnect", &mut script);
                String::from_utf8_lossy(&script).into_owned()
            }
        };
        print(&script)?;
        Ok(0)
    }
}
