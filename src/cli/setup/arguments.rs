//! The values of `setup`'s options, read strictly.

use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;

use crate::tags;

/// A function's name, partial ARN or ARN, without a qualifier; or one to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionName {
    pub name: String,
    pub is_new: bool,
}

/// Lambda's own pattern for a function's name (API reference, `FunctionName`).
static FUNCTION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)^
        (?<function>
            (arn:aws[a-zA-Z-]*:lambda:[a-z]{2,}(-[a-z]+)+-[0-9]:[0-9]{12}:function:|[0-9]{12}:function:|function:)?
            [a-zA-Z0-9_-]{1,140}
        )
        (:(?<qualifier>\$LATEST|[a-zA-Z0-9_-]+))?
        $",
    )
    .expect("the pattern is a literal, which a test reads")
});

impl FromStr for FunctionName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, is_new) = match text.strip_prefix("new:") {
            Some(name) => (name, true),
            None => (text, false),
        };
        let captures = FUNCTION.captures(name).ok_or_else(|| {
            "expected a function's name (letters, digits, - and _), a partial or a full ARN".to_owned()
        })?;
        match captures.name("qualifier").map(|qualifier| qualifier.as_str()) {
            // $LATEST is what an unqualified name means.
            None | Some("$LATEST") => Ok(Self {
                name: captures["function"].to_owned(),
                is_new,
            }),
            Some(qualifier) => Err(format!(
                "{qualifier} is a version or an alias, and network settings belong to $LATEST: name the function as {}",
                &captures["function"]
            )),
        }
    }
}

/// `--proxy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyChoice {
    /// A direct connection.
    None,
    /// A proxy that exists.
    Existing(String),
    /// A proxy to be created.
    New,
}

/// A proxy's name: 1 to 63 letters, digits and single hyphens, beginning with a letter (spec/proxy.md).
static PROXY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[a-zA-Z][a-zA-Z0-9]*(-[a-zA-Z0-9]+)*$").expect("the pattern is a literal, which a test reads")
});

impl FromStr for ProxyChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_name = |name: &str| name.len() <= 63 && PROXY.is_match(name);
        match text {
            "none" => Ok(Self::None),
            "new" => Ok(Self::New),
            name if name.strip_prefix("new:").is_some_and(is_name) => Ok(Self::New),
            name if is_name(name) => Ok(Self::Existing(name.to_owned())),
            _ => Err(
                "expected none, new, new:NAME, or the name of a proxy: 1 to 63 letters, digits and single hyphens"
                    .to_owned(),
            ),
        }
    }
}

/// `--tag K=V`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    pub key: String,
    pub value: String,
}

impl FromStr for Tag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').ok_or("expected K=V")?;
        if key.is_empty() || key.chars().count() > 128 {
            return Err("expected a key of 1 to 128 characters before the =".to_owned());
        }
        if value.chars().count() > 256 {
            return Err("expected a value of at most 256 characters after the =".to_owned());
        }
        if key.to_ascii_lowercase().starts_with("aws:") || key.starts_with(tags::PREFIX) {
            return Err(format!("keys that begin with aws: or {} are taken", tags::PREFIX));
        }
        Ok(Self {
            key: key.to_owned(),
            value: value.to_owned(),
        })
    }
}

/// Shorter than one look.
const SHORTEST: Duration = Duration::from_secs(1);

/// No change of AWS takes longer.
const LONGEST: Duration = Duration::from_hours(7 * 24);

/// `--timeout`: `20m`, `90s`, `1h 30m`.
pub fn parse_timeout(text: &str) -> Result<Duration, String> {
    text.parse::<jiff::SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .filter(|duration| (SHORTEST..=LONGEST).contains(duration))
        .ok_or_else(|| "expected a time from 1s to 168h, such as 20m, 90s or 1h30m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_named_in_three_ways() {
        let table = [
            ("checkout", Some("checkout")),
            ("new:checkout", Some("checkout")),
            ("function:checkout", Some("function:checkout")),
            ("123456789012:function:checkout", Some("123456789012:function:checkout")),
            (
                "arn:aws:lambda:eu-central-1:123456789012:function:checkout",
                Some("arn:aws:lambda:eu-central-1:123456789012:function:checkout"),
            ),
            (
                "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f",
                Some("arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f"),
            ),
            ("checkout:$LATEST", Some("checkout")),
            ("checkout:live", None),
            ("checkout:7", None),
            ("arn:aws:lambda:eu-central-1:123456789012:function:checkout:live", None),
            ("arn:aws:rds:eu-central-1:123456789012:cluster:orders", None),
            ("", None),
            ("check out", None),
            ("check/out", None),
        ];
        for (text, name) in table {
            let parsed = text.parse::<FunctionName>().ok().map(|function| function.name);
            assert_eq!(parsed.as_deref(), name, "{text:?}");
        }
    }

    #[test]
    fn a_qualifier_is_explained() {
        let error = "checkout:live".parse::<FunctionName>().unwrap_err();
        assert!(error.contains("live") && error.contains("$LATEST"), "{error}");
    }

    #[test]
    fn proxies_are_named_as_rds_names_them() {
        let table = [
            ("none", Some(ProxyChoice::None)),
            ("new", Some(ProxyChoice::New)),
            ("new:orders-proxy", Some(ProxyChoice::New)),
            ("orders-proxy", Some(ProxyChoice::Existing("orders-proxy".into()))),
            ("", None),
            ("new:", None),
            ("1proxy", None),
            ("a--b", None),
            ("a-", None),
            ("a_b", None),
        ];
        for (text, choice) in table {
            assert_eq!(text.parse().ok(), choice, "{text:?}");
        }
        assert!("a".repeat(64).parse::<ProxyChoice>().is_err());
    }

    #[test]
    fn tags_are_read_strictly() {
        for text in ["team=payments", "a=", "a=b=c", "aws-team=x"] {
            assert!(text.parse::<Tag>().is_ok(), "{text}");
        }
        for text in ["", "a", "=b", "aws:x=y", "AWS:x=y", "autoconnect:role=database"] {
            assert!(text.parse::<Tag>().is_err(), "{text}");
        }
    }

    #[test]
    fn timeouts_are_times() {
        assert_eq!(parse_timeout("20m"), Ok(Duration::from_mins(20)));
        assert_eq!(parse_timeout("1h30m"), Ok(Duration::from_mins(90)));
        for text in ["", "20", "-5m", "0s", "1ms", "soon", "8d", "9223372036854775807s"] {
            assert!(parse_timeout(text).is_err(), "{text}");
        }
    }
}
