//! The metrics of a run as a log line in the embedded metric format of `CloudWatch`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::drift::Severity;
use crate::monitor::Round;
use crate::report::DriftSummary;

/// The namespace of the metrics; docs/lambda/template.yaml has alarms on them.
const NAMESPACE: &str = "autoconnect";

/// The line, for a look of this function.
pub fn embedded(function: &str, found: &Round, duration: Duration, ended: SystemTime) -> Value {
    let DriftSummary {
        in_sync,
        drifted,
        broken,
        unknown,
    } = DriftSummary::new(found);
    let metrics = [
        ("InSync", "Count"),
        ("Drifted", "Count"),
        ("Broken", "Count"),
        ("Unknown", "Count"),
        ("NotAsSetUp", "Count"),
        ("CriticalFindings", "Count"),
        ("HighFindings", "Count"),
        ("MediumFindings", "Count"),
        ("LowFindings", "Count"),
        ("ApiCalls", "Count"),
        ("Duration", "Milliseconds"),
    ];
    let metrics = metrics.map(|(name, unit)| json!({"Name": name, "Unit": unit}));
    let milliseconds = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    json!({
        "_aws": {
            "Timestamp": milliseconds(ended.duration_since(UNIX_EPOCH).unwrap_or_default()),
            "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [["FunctionName"]], "Metrics": metrics}],
        },
        "FunctionName": function,
        "InSync": in_sync,
        "Drifted": drifted,
        "Broken": broken,
        "Unknown": unknown,
        "NotAsSetUp": drifted + broken,
        "CriticalFindings": found.findings(Severity::Critical),
        "HighFindings": found.findings(Severity::High),
        "MediumFindings": found.findings(Severity::Medium),
        "LowFindings": found.findings(Severity::Low),
        "ApiCalls": found.calls.read + found.calls.write,
        "Duration": milliseconds(duration),
    })
}
