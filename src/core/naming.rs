//! The names that the console gives to security groups, and the numbers in them.
//!
//! Source: docs/decision.md, "Group names". The whole name must match. EC2 holds names to be unique in a
//! VPC without regard to case, so a name in other case is no match but takes its number.

pub mod created;
pub mod function;

use std::cmp::Ordering;
use std::fmt;

use crate::model::Side;

/// One of the five name patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Convention {
    /// `rds-lambda-n`, on the database of a direct connection; accepted through a proxy too.
    RdsLambda,
    /// `rds-rdsproxy-n`, on the database behind a proxy.
    RdsRdsproxy,
    /// `lambda-rds-n`, on the function of a direct connection.
    LambdaRds,
    /// `lambda-rdsproxy-n`, on the function before a proxy.
    LambdaRdsproxy,
    /// `rdsproxy-lambda-n`, on the proxy.
    RdsproxyLambda,
}

impl Convention {
    /// All patterns.
    pub const ALL: [Self; 5] = [
        Self::RdsLambda,
        Self::RdsRdsproxy,
        Self::LambdaRds,
        Self::LambdaRdsproxy,
        Self::RdsproxyLambda,
    ];

    /// The name up to its number.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::RdsLambda => "rds-lambda-",
            Self::RdsRdsproxy => "rds-rdsproxy-",
            Self::LambdaRds => "lambda-rds-",
            Self::LambdaRdsproxy => "lambda-rdsproxy-",
            Self::RdsproxyLambda => "rdsproxy-lambda-",
        }
    }

    /// The pattern as people write it, e.g. `rds-lambda-n`.
    pub fn pattern(self) -> String {
        format!("{}n", self.prefix())
    }

    /// The name with this number.
    pub fn name(self, n: u64) -> String {
        format!("{}{n}", self.prefix())
    }

    /// The pattern that a new group of this side gets.
    pub fn for_new(side: Side, through_proxy: bool) -> Self {
        match (side, through_proxy) {
            (Side::Database, false) => Self::RdsLambda,
            (Side::Database, true) => Self::RdsRdsproxy,
            (Side::Function, false) => Self::LambdaRds,
            (Side::Function, true) => Self::LambdaRdsproxy,
            (Side::Proxy, _) => Self::RdsproxyLambda,
        }
    }

    /// The patterns that count on this side.
    pub fn accepted(side: Side, through_proxy: bool) -> &'static [Self] {
        match (side, through_proxy) {
            (Side::Database, false) => &[Self::RdsLambda],
            (Side::Database, true) => &[Self::RdsRdsproxy, Self::RdsLambda],
            (Side::Function, false) => &[Self::LambdaRds],
            (Side::Function, true) => &[Self::LambdaRdsproxy],
            (Side::Proxy, _) => &[Self::RdsproxyLambda],
        }
    }

    /// Whether a name is of any of the patterns.
    pub fn is_any(name: &str) -> bool {
        Self::ALL.iter().any(|convention| convention.number(name).is_some())
    }

    /// The number in `name`, if the whole name is of this pattern.
    pub fn number(self, name: &str) -> Option<Number<'_>> {
        name.strip_prefix(self.prefix()).and_then(Number::parse)
    }
}

/// The number of a group's name: one or more decimal digits, of any length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number<'a>(&'a str);

impl<'a> Number<'a> {
    fn parse(digits: &'a str) -> Option<Self> {
        (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(Self(digits))
    }

    fn significant(self) -> &'a str {
        self.0.trim_start_matches('0')
    }
}

impl Ord for Number<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (self.significant(), other.significant());
        (a.len(), a, self.0.len()).cmp(&(b.len(), b, other.0.len()))
    }
}

impl PartialOrd for Number<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Number<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The smallest n ≥ 1 for which none of the set's names is among `names`, case not counting.
pub fn smallest_free_number<'a>(set: &[Convention], names: impl IntoIterator<Item = &'a str>) -> u64 {
    let mut taken: Vec<u64> = names.into_iter().filter_map(|name| number_taken(set, name)).collect();
    taken.sort_unstable();
    // Each number that is taken moves the candidate on, if it is the candidate.
    taken
        .into_iter()
        .fold(1, |free, n| if n == free { free + 1 } else { free })
}

/// The number that `name` takes from the set: only as the program itself would write it, without
/// leading zeros, for `rds-lambda-01` does not stand in the way of `rds-lambda-1`.
fn number_taken(set: &[Convention], name: &str) -> Option<u64> {
    set.iter().find_map(|convention| {
        let prefix = convention.prefix();
        let (head, digits) = name.split_at_checked(prefix.len())?;
        if !head.eq_ignore_ascii_case(prefix) || digits.starts_with('0') {
            return None;
        }
        Number::parse(digits)?.0.parse().ok()
    })
}

/// The name before `-oldN` or `-green-` and six characters, which RDS gives in a blue/green deployment.
pub fn beside_production(id: &str) -> Option<&str> {
    let (name, end) = id.rsplit_once('-')?;
    let number = end.strip_prefix("old");
    if number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())) {
        return Some(name);
    }
    let is_random = end.len() == 6
        && end
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    name.strip_suffix("-green").filter(|_| is_random)
}

/// Whether a name is the one that RDS gave to the database which had this name before a blue/green switchover.
pub fn was_before(old: &str, name: &str) -> bool {
    beside_production(old) == Some(name) && !old[name.len()..].starts_with("-green")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_blue_green_deployments_are_recognized() {
        let table = [
            ("orders-old1", Some("orders")),
            ("orders-old12", Some("orders")),
            ("orders-old1-old2", Some("orders-old1")),
            ("orders-green-a1b2c3", Some("orders")),
            ("orders-old", None),
            ("orders-oldx", None),
            ("orders-old1x", None),
            ("orders-green-a1b2", None),
            ("orders-green-A1B2C3", None),
            ("orders", None),
            ("old1", None),
        ];
        for (id, expected) in table {
            assert_eq!(beside_production(id), expected, "{id}");
            // The new database before the switchover was not there before.
            let is_old = expected.is_some() && !id.contains("-green-");
            assert_eq!(was_before(id, expected.unwrap_or("orders")), is_old, "{id}");
            assert!(!was_before(id, "archive"), "{id}");
        }
    }

    #[test]
    fn the_whole_name_must_match() {
        let table = [
            ("rds-lambda-1", Some("1")),
            ("rds-lambda-007", Some("007")),
            ("rds-lambda-99999999999999999999999", Some("99999999999999999999999")),
            ("rds-lambda-", None),
            ("rds-lambda-1a", None),
            ("rds-lambda-1 ", None),
            ("rds-lambda-1\n", None),
            ("my-rds-lambda-1", None),
            ("rds-lambda--1", None),
            ("rds-lambda-+1", None),
            ("rds-lambda-١", None),
            ("RDS-lambda-1", None),
            ("rds-rdsproxy-1", None),
            ("", None),
        ];
        for (name, number) in table {
            let found = Convention::RdsLambda.number(name).map(|n| n.to_string());
            assert_eq!(found.as_deref(), number, "{name:?}");
        }
    }

    #[test]
    fn no_name_matches_two_patterns() {
        for convention in Convention::ALL {
            let name = convention.name(12);
            let matching = Convention::ALL
                .into_iter()
                .filter(|other| other.number(&name).is_some());
            assert_eq!(matching.collect::<Vec<_>>(), [convention]);
        }
    }

    #[test]
    fn numbers_order_by_value_then_by_zeros() {
        let mut numbers = ["10", "9", "09", "0", "100000000000000000000000"].map(|n| Number::parse(n).unwrap());
        numbers.sort();
        assert_eq!(
            numbers.map(|n| n.to_string()),
            ["0", "9", "09", "10", "100000000000000000000000"]
        );
    }

    #[test]
    fn one_number_serves_the_whole_set() {
        let set = [Convention::RdsLambda, Convention::LambdaRds];
        let table: [(&[&str], u64); 7] = [
            (&[], 1),
            (&["rds-lambda-1"], 2),
            (&["rds-lambda-1", "lambda-rds-2"], 3),
            (&["rds-lambda-2"], 1),
            (&["RDS-Lambda-1"], 2),
            (&["rds-lambda-01", "rds-rdsproxy-1"], 1),
            (&["rds-lambda-99999999999999999999999", "lambda-rds-1"], 2),
        ];
        for (names, n) in table {
            assert_eq!(smallest_free_number(&set, names.iter().copied()), n, "{names:?}");
        }
    }
}
