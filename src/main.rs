//! The command-line tool, and with the feature `lambda` a Lambda function too. See [`autoconnect::cli`].

use std::process::ExitCode;

/// Judging many connections is mostly allocating: with this allocator it takes a third less time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    #[cfg(feature = "lambda")]
    if autoconnect::lambda::is_function() {
        return autoconnect::lambda::run();
    }
    autoconnect::cli::run(std::env::args_os())
}
