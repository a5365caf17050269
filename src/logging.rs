//! Logs on standard error: `-v`, `-vv`, `RUST_LOG`, as text or JSON lines.

use std::fmt::{self, Debug};
use std::io::{self, Write};

use tracing::Level;
use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::escape::{Plain, json};

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
        // What it warns of, a source of credentials that has none, is reported by the error that follows from it.
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
        LogFormat::Text => tracing_subscriber::fmt::layer()
            .fmt_fields(PlainFields)
            .with_writer(io::stderr)
            .with_ansi(colour)
            .boxed(),
        LogFormat::Json => tracing_subscriber::fmt::layer()
            .json()
            .with_writer(|| JsonLines(io::stderr()))
            .boxed(),
    };
    // A second start, as in tests, changes nothing.
    let _ = tracing_subscriber::registry()
        .with(layer.with_filter(no_wire).with_filter(filter))
        .try_init();
}

/// Writes fields as `tracing-subscriber` does, with values in which nothing drives a terminal or ends the line.
#[derive(Debug)]
struct PlainFields;

impl<'w> FormatFields<'w> for PlainFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = PlainVisitor {
            writer,
            is_first: true,
            result: Ok(()),
        };
        fields.record(&mut visitor);
        visitor.result
    }
}

struct PlainVisitor<'w> {
    writer: Writer<'w>,
    is_first: bool,
    result: fmt::Result,
}

impl Visit for PlainVisitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if self.result.is_err() {
            return;
        }
        let space = if self.is_first { "" } else { " " };
        self.is_first = false;
        let value = Plain(format_args!("{value:?}"));
        self.result = match field.name() {
            "message" => write!(self.writer, "{space}{value}"),
            name => write!(self.writer, "{space}{name}={value}"),
        };
    }
}

/// Lines of JSON in which unsafe characters are escaped. Each event is written at once.
struct JsonLines<W>(W);

impl<W: Write> Write for JsonLines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(line) {
            Ok(text) => self.0.write_all(json(text).as_bytes())?,
            Err(_) => self.0.write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
