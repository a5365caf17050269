//! What was not read is unknown: checks with all that was read, and with less.

use autoconnect::diagnostics::{Check, Status};

/// What is wrong with the checks that were made from less: each has to say what it said before, or that it is unknown.
pub(crate) fn wrongly_told(all: &[Check], less: &[Check]) -> Vec<String> {
    fn told(check: &Check) -> (&str, Status, &str) {
        (&check.id, check.status, &check.message)
    }
    let is_unknown = |check: &Check| check.status == Status::Unknown;
    let mut wrong = Vec::new();
    for check in less.iter().filter(|check| !is_unknown(check)) {
        let before = all.iter().find(|before| before.id == check.id);
        // What is asked only where something else does not decide may come to anything but a failure.
        if !before.map_or(check.status != Status::Fail, |before| before.status == check.status) {
            wrong.push(format!("{:?} became {:?}", before.map(told), told(check)));
        }
    }
    // What a check is about may itself be unread; another one says so.
    let gone = all.iter().find(|check| !less.iter().any(|found| found.id == check.id));
    if let (Some(check), false) = (gone, less.iter().any(is_unknown)) {
        wrong.push(format!("{:?} is gone", told(check)));
    }
    wrong
}
