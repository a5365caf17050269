//! Logs on standard error: `-v`, `-vv`, `RUST_LOG`, as text or JSON lines.

use tracing::Level;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging. `RUST_LOG` has the last word on what is logged.
pub fn start(verbose: u8, quiet: bool, format: LogFormat, colour: bool) {
    let level = match (quiet, verbose) {
        (true, _) => "error",
        // What it warns of, a source of credentials that has none, is told by the error that follows from it.
        (false, 0) => "warn,aws_config=error",
        (false, 1) => "warn,autoconnect=info",
        (false, 2) => "warn,autoconnect=debug",
        (false, _) => "warn,autoconnect=trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    // The HTTP and SDK crates log whole requests at their lower levels, with headers and bodies that can
    // hold secrets: those levels are never logged, whatever RUST_LOG says.
    let no_wire =
        filter_fn(|metadata| *metadata.level() <= Level::INFO || metadata.target().starts_with("autoconnect"));
    let layer = match format {
        LogFormat::Text => fmt::layer().with_writer(std::io::stderr).with_ansi(colour).boxed(),
        LogFormat::Json => fmt::layer().json().with_writer(std::io::stderr).boxed(),
    };
    // A second start, as in tests, changes nothing.
    let _ = tracing_subscriber::registry()
        .with(layer.with_filter(no_wire).with_filter(filter))
        .try_init();
}
