//! The metrics of a run in the Prometheus text format, for the textfile collector of the node exporter.

use std::fmt::Write;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Round;
use crate::drift::{Severity, Verdict};
use crate::files::{self, New};

/// A run that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Run<'p> {
    /// What it found.
    pub patrol: &'p Round,
    /// How long it took.
    pub duration: Duration,
    /// When it ended.
    pub ended: SystemTime,
    /// Whether it was no error.
    pub is_success: bool,
}

const LAST_SUCCESS: &str = "autoconnect_drift_last_success_timestamp_seconds";

/// Writes a run's figures, whole or not at all. Where the run was an error, the time of the last success stays.
///
/// # Errors
///
/// The file cannot be written.
pub fn write(path: &Path, run: &Run<'_>) -> io::Result<()> {
    let before = files::read_regular(path)?.unwrap_or_default();
    let last = String::from_utf8_lossy(&before)
        .lines()
        .find_map(|line| line.strip_prefix(LAST_SUCCESS)?.trim().parse().ok());
    files::write(path, text(run, last).as_bytes(), New::Shared)
}

fn text(run: &Run<'_>, last_success: Option<f64>) -> String {
    let mut text = String::new();
    let mut metric = |name: &str, help: &str, values: &[(String, String)]| {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in values {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    let plain = |value: String| [(String::new(), value)];
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let verdicts = Verdict::ALL.map(|verdict| {
        (
            format!("{{verdict=\"{}\"}}", verdict.as_str()),
            run.patrol.count(verdict).to_string(),
        )
    });
    metric("autoconnect_drift_connections", "Connections by verdict.", &verdicts);
    let severities = Severity::ALL.map(|severity| {
        (
            format!("{{severity=\"{}\"}}", severity.as_str()),
            run.patrol.findings(severity).to_string(),
        )
    });
    metric("autoconnect_drift_findings", "Findings by severity.", &severities);
    metric(
        "autoconnect_drift_duration_seconds",
        "How long the last run took.",
        &plain(format!("{:.3}", run.duration.as_secs_f64())),
    );
    let calls = [("read", run.patrol.calls.read), ("write", run.patrol.calls.write)];
    let calls = calls.map(|(kind, count)| (format!("{{kind=\"{kind}\"}}"), count.to_string()));
    metric(
        "autoconnect_drift_api_calls",
        "Requests that the last run sent to AWS.",
        &calls,
    );
    metric(
        "autoconnect_drift_last_run_timestamp_seconds",
        "When the last run ended.",
        &plain(format!("{:.3}", seconds(run.ended))),
    );
    let success = if run.is_success {
        Some(seconds(run.ended))
    } else {
        last_success
    };
    if let Some(success) = success {
        metric(
            LAST_SUCCESS,
            "When the last successful run ended.",
            &plain(format!("{success:.3}")),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_last_success_outlives_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("drift.prom");
        let patrol = Round::default();
        let run = |second, is_success| Run {
            patrol: &patrol,
            duration: Duration::from_millis(1500),
            ended: UNIX_EPOCH + Duration::from_secs(second),
            is_success,
        };
        write(&path, &run(100, false)).unwrap();
        assert!(!fs::read_to_string(&path).unwrap().contains(LAST_SUCCESS));
        write(&path, &run(200, true)).unwrap();
        write(&path, &run(300, false)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(&format!("\n{LAST_SUCCESS} 200.000\n")), "{text}");
        assert!(
            text.contains("\nautoconnect_drift_last_run_timestamp_seconds 300.000\n"),
            "{text}"
        );
        assert!(
            text.contains("autoconnect_drift_connections{verdict=\"in-sync\"} 0\n"),
            "{text}"
        );
        assert!(
            text.contains("autoconnect_drift_findings{severity=\"critical\"} 0\n"),
            "{text}"
        );
        assert!(text.contains("autoconnect_drift_duration_seconds 1.500\n"), "{text}");
    }
}
