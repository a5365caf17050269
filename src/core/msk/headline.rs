//! Whether it works, in a sentence or two.

use super::ways::{ENDPOINTS, NAT, services};
use super::{MskScene, Needs};
use crate::diagnostics::{Check, Status, verdict};
use crate::model::Authentication;

/// The first line of the answer.
pub fn headline(scene: &MskScene, needs: &Needs, checks: &[Check]) -> String {
    let name = &scene.cluster.name;
    let function = scene.function.as_ref().map(|function| &function.name);
    let what = match function {
        Some(function) => format!("MSK cluster {name} as an event source of function {function}"),
        None => format!("MSK cluster {name} as an event source"),
    };
    let ways: Vec<String> = needs.authentications.iter().map(Authentication::to_string).collect();
    let how = format!("{} mode, {}", needs.mode, ways.join(" or "));
    let first = checks.iter().find(|check| check.status == verdict(checks));
    let message = first
        .map(|check| check.message.trim_end_matches('.'))
        .unwrap_or_default();
    let failed = |id: &str| {
        checks
            .iter()
            .any(|check| check.id == id && check.status == Status::Fail)
    };
    let no_way = format!(
        "Neither NAT gateways nor endpoints lead from all of its subnets to all of {}",
        services(needs).join(", ")
    );
    let message = if failed(NAT) && failed(ENDPOINTS) {
        &no_way
    } else {
        message
    };
    let mut text = match verdict(checks) {
        Status::Pass => format!("It works: {what} ({how})."),
        Status::Warn if !scene.is_polled() => {
            format!("Nothing is polled now, but nothing that was read would prevent it: {what} ({how}). {message}.")
        }
        Status::Warn => format!("It works, with a warning: {what} ({how}). {message}."),
        Status::Unknown => format!("It is not known whether it works: {what} ({how}). {message}."),
        Status::Fail => format!("It does not work: {what} ({how}). {message}."),
    };
    if function.is_none() {
        text += " No function is known: name one with --function to have its role checked.";
    }
    text
}
