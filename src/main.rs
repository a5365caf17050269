//! The command-line tool, and with the feature `lambda` a Lambda function too. See [`autoconnect::cli`].

use std::process::ExitCode;

/// The scheduled check judges many connections, which is mostly allocating: with this allocator it takes a third less time. A
/// command of a person needs less memory without it (docs/performance.md).
#[cfg(feature = "lambda")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    #[cfg(feature = "lambda")]
    if autoconnect::lambda::is_function() {
        return autoconnect::lambda::run();
    }
    autoconnect::cli::run(std::env::args_os())
}
