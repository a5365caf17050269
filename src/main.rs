//! The command-line tool. See [`autoconnect::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    autoconnect::cli::run(std::env::args_os())
}
