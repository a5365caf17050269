//! The command-line tool, and with the feature `lambda` a Lambda function too. See [`autoconnect::cli`].

use std::process::ExitCode;

/// Judging many connections is mostly allocating: with this allocator it takes a third less time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The function checks for drift.
    #[cfg(feature = "lambda")]
    if autoconnect::lambda::is_function() {
        return autoconnect::lambda::run();
    }
    // The allocator asks for pages of 2 MiB. `drift` judges much and gains by them; other commands use a small part of each.
    #[cfg(target_os = "linux")]
    if !std::env::args_os().any(|argument| argument == "drift") {
        // An older kernel has no such setting.
        let _ = rustix::thread::disable_transparent_huge_pages(true);
    }
    autoconnect::cli::run(std::env::args_os())
}
