//! The account and Region that something was read from.

use std::collections::BTreeSet;
use std::fmt;

use super::Place;

/// An account and Region, as far as they are known. Every text and every JSON document of the program names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// Twelve digits.
    pub account: Option<String>,
    /// E.g. `eu-central-1`.
    pub region: Option<String>,
}

impl Origin {
    /// What an ARN says. An ARN of IAM names no Region.
    pub fn of_arn(arn: &str) -> Self {
        let place = Place::of(arn);
        let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Self {
            account: part(place.account),
            region: part(place.region),
        }
    }

    /// The account that all of these owners are; none if there are several, as where VPCs are shared between accounts.
    pub fn of_owners<'a>(owners: impl IntoIterator<Item = &'a str>) -> Self {
        let owners: BTreeSet<&str> = owners.into_iter().collect();
        let mut owners = owners.into_iter();
        Self {
            account: owners.next().filter(|_| owners.next().is_none()).map(str::to_owned),
            region: None,
        }
    }

    /// The same, with what is not known here taken from `other`.
    pub fn or(self, other: Self) -> Self {
        Self {
            account: self.account.or(other.account),
            region: self.region.or(other.region),
        }
    }

    /// What several origins have in common.
    pub fn shared<'a>(origins: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut origins = origins.into_iter();
        let first = origins.next().cloned().unwrap_or_default();
        origins.fold(first, |shared, origin| Self {
            account: shared
                .account
                .filter(|account| origin.account.as_ref() == Some(account)),
            region: shared.region.filter(|region| origin.region.as_ref() == Some(region)),
        })
    }

    /// The first line of a text that is about this account and Region.
    pub fn heading(&self) -> String {
        let (account, region) = self.words();
        format!("Account {account}, Region {region}")
    }

    fn words(&self) -> (&str, &str) {
        let unknown = "not known";
        (
            self.account.as_deref().unwrap_or(unknown),
            self.region.as_deref().unwrap_or(unknown),
        )
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (account, region) = self.words();
        write!(f, "account {account}, Region {region}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(account: &str, region: &str) -> Origin {
        let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Origin {
            account: part(account),
            region: part(region),
        }
    }

    #[test]
    fn arns_name_account_and_region_as_far_as_they_have_them() {
        let table = [
            (
                "arn:aws:rds:eu-central-1:123456789012:cluster:orders",
                origin("123456789012", "eu-central-1"),
            ),
            ("arn:aws:iam::123456789012:role/r", origin("123456789012", "")),
            ("arn:aws:s3:::bucket", Origin::default()),
            ("", Origin::default()),
        ];
        for (arn, expected) in table {
            assert_eq!(Origin::of_arn(arn), expected, "{arn}");
        }
    }

    #[test]
    fn what_is_not_known_is_said() {
        assert_eq!(
            origin("123456789012", "eu-west-1").heading(),
            "Account 123456789012, Region eu-west-1"
        );
        assert_eq!(
            origin("", "eu-west-1").to_string(),
            "account not known, Region eu-west-1"
        );
    }

    #[test]
    fn owners_name_the_account_only_if_they_agree() {
        let table: [(&[&str], Option<&str>); 3] = [
            (&["111111111111", "111111111111"], Some("111111111111")),
            (&["111111111111", "222222222222"], None),
            (&[], None),
        ];
        for (owners, account) in table {
            assert_eq!(Origin::of_owners(owners.iter().copied()).account.as_deref(), account);
        }
    }

    #[test]
    fn several_origins_share_what_is_the_same() {
        let table = [
            (vec![], Origin::default()),
            (vec![origin("1", "a"), origin("1", "a")], origin("1", "a")),
            (vec![origin("1", "a"), origin("1", "b")], origin("1", "")),
            (
                vec![origin("1", "a"), origin("2", "a"), origin("1", "a")],
                origin("", "a"),
            ),
            (vec![origin("1", "a"), origin("", "")], Origin::default()),
        ];
        for (origins, expected) in table {
            assert_eq!(Origin::shared(&origins), expected, "{origins:?}");
        }
    }
}
