//! Durations, sizes and numbers as people read them.

use std::time::Duration;

/// A duration in its two largest units: `45s`, `5m 20s`, `1h 5m`, `2d 3h`. Below a second in milliseconds: `300ms`.
pub fn span(time: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let seconds = time.as_secs();
    if seconds == 0 {
        return format!("{}ms", time.subsec_millis());
    }
    let first = UNITS.iter().position(|(unit, _)| seconds >= *unit).unwrap_or(3);
    let mut left = seconds;
    let mut parts = Vec::new();
    for (unit, name) in UNITS.iter().skip(first).take(2) {
        let count = left / unit;
        left %= unit;
        if count > 0 {
            parts.push(format!("{count}{name}"));
        }
    }
    parts.join(" ")
}

/// A number of bytes: exact below 1 KiB, else in KiB or MiB, rounded down to one decimal place.
pub fn size(bytes: u64) -> String {
    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;
    let (unit, name) = match bytes {
        1 => return "1 byte".to_owned(),
        ..KIB => return format!("{bytes} bytes"),
        KIB..MIB => (KIB, "KiB"),
        MIB.. => (MIB, "MiB"),
    };
    match (bytes / unit, bytes % unit * 10 / unit) {
        (whole, 0) => format!("{whole} {name}"),
        (whole, tenth) => format!("{whole}.{tenth} {name}"),
    }
}

/// A number with its noun, in the plural where it is not one: `1 write`, `2 writes`.
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// The first `most` of these texts, and how many more there are: `a; b; and 3 more`.
pub fn first(texts: impl ExactSizeIterator<Item = impl ToString>, most: usize, separator: &str) -> String {
    let more = texts.len().saturating_sub(most);
    let mut told: Vec<String> = texts.take(most).map(|text| text.to_string()).collect();
    if more > 0 {
        told.push(format!("and {more} more"));
    }
    told.join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units() {
        let table = [
            (300, "300ms"),
            (1_000, "1s"),
            (45_900, "45s"),
            (60_000, "1m"),
            (320_000, "5m 20s"),
            (3_605_000, "1h"),
            (3_900_000, "1h 5m"),
            (86_400_000 * 2 + 3_600_000 * 3, "2d 3h"),
        ];
        for (milliseconds, text) in table {
            assert_eq!(span(Duration::from_millis(milliseconds)), text);
        }
    }

    #[test]
    fn sizes_have_binary_units() {
        let table = [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1_023, "1023 bytes"),
            (1 << 10, "1 KiB"),
            (4_097, "4 KiB"),
            (1_536, "1.5 KiB"),
            (1 << 20, "1 MiB"),
            (50 << 20, "50 MiB"),
            ((1 << 20) + (1 << 19), "1.5 MiB"),
            (u64::MAX, "17592186044415.9 MiB"),
        ];
        for (bytes, text) in table {
            assert_eq!(size(bytes), text);
        }
    }
}
