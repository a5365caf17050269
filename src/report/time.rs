//! Times: in documents as RFC 3339 in UTC, in texts as the reader's clock shows them.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A time in RFC 3339, to the second.
pub fn timestamp(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX).to_string()
}

/// Where and when a text is read.
#[derive(Clone, Debug)]
pub struct Clock {
    now: Timestamp,
    zone: TimeZone,
}

impl Clock {
    /// This machine's, now: in the zone of `TZ` or of the system, else in UTC.
    pub fn of_system() -> Self {
        Self {
            now: Timestamp::now(),
            zone: TimeZone::try_system().unwrap_or(TimeZone::UTC),
        }
    }

    /// A time in RFC 3339 as the reader's clock shows it: `2026-11-29 13:04:05 CET`. Any other text is left as it is.
    pub fn local(&self, time: &str) -> String {
        self.shown(time, "%Y-%m-%d %H:%M:%S %Z")
    }

    /// The same to the minute, and how long ago that is: `2026-11-29 13:04 CET, 3 days ago`.
    pub fn ago(&self, time: &str) -> String {
        let shown = self.shown(time, "%Y-%m-%d %H:%M %Z");
        match time.parse::<Timestamp>() {
            Ok(time) if time <= self.now => format!("{shown}, {}", age(self.now.as_second() - time.as_second())),
            _ => shown,
        }
    }

    fn shown(&self, time: &str, form: &str) -> String {
        match time.parse::<Timestamp>() {
            Ok(time) => time.to_zoned(self.zone.clone()).strftime(form).to_string(),
            Err(_) => time.to_owned(),
        }
    }
}

/// `3 days ago`, rounded down.
fn age(seconds: i64) -> String {
    const UNITS: [(i64, &str); 4] = [(365 * 86_400, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute")];
    let unit = UNITS.iter().find(|(unit, _)| seconds >= *unit);
    match unit.map(|(unit, name)| (seconds / unit, name)) {
        None => "less than a minute ago".to_owned(),
        Some((1, name)) => format!("1 {name} ago"),
        Some((count, name)) => format!("{count} {name}s ago"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::{Offset, TimeZone};

    use super::*;

    #[test]
    fn a_time_is_that_of_the_readers_clock() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let now = "2026-11-29T12:04:05Z".parse().unwrap();
        let clock = Clock { now, zone };
        let table = [
            ("2026-11-29T12:04:05Z", "2026-11-29 13:04 CET, less than a minute ago"),
            ("2026-11-29T12:03:05Z", "2026-11-29 13:03 CET, 1 minute ago"),
            ("2026-11-29T09:00:00Z", "2026-11-29 10:00 CET, 3 hours ago"),
            ("2026-11-26T12:04:05Z", "2026-11-26 13:04 CET, 3 days ago"),
            ("2026-07-01T22:30:00Z", "2026-07-02 00:30 CEST, 150 days ago"),
            ("2020-02-02T02:02:02Z", "2020-02-02 03:02 CET, 6 years ago"),
            ("2026-11-29T13:00:00Z", "2026-11-29 14:00 CET"),
            ("yesterday", "yesterday"),
        ];
        for (time, text) in table {
            assert_eq!(clock.ago(time), text);
        }
        assert_eq!(clock.local("2026-07-01T22:30:09Z"), "2026-07-02 00:30:09 CEST");
        let zone = TimeZone::fixed(Offset::from_hours(-3).unwrap());
        assert_eq!(
            Clock { now, zone }.local("2026-07-01T22:30:09Z"),
            "2026-07-01 19:30:09 -03"
        );
    }
}
