//! JSON in which no object has a key twice. Of such a key `serde_json` takes the last value and other readers take the first: what
//! is read here would not be what a reviewer has seen.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Reads a value.
///
/// # Errors
///
/// The text is no JSON, not of this value, or has an object with a key twice.
pub fn from_slice<T: DeserializeOwned>(content: &[u8]) -> serde_json::Result<T> {
    let value = serde_json::from_slice(content)?;
    check_keys(content)?;
    Ok(value)
}

/// Checks that no object has a key twice.
///
/// # Errors
///
/// One has, or the text is no JSON.
pub fn check_keys(content: &[u8]) -> serde_json::Result<()> {
    serde_json::from_slice(content).map(|Checked| ())
}

/// Any value, whose objects were checked.
struct Checked;

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(Check)
    }
}

struct Check;

impl<'de> Visitor<'de> for Check {
    type Value = Checked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_str<E>(self, _: &str) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Checked, A::Error> {
        while values.next_element::<Checked>()?.is_some() {}
        Ok(Checked)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Checked, A::Error> {
        let mut keys: BTreeSet<Cow<'de, str>> = BTreeSet::new();
        while let Some(Key(key)) = fields.next_key()? {
            if let Some(twice) = keys.replace(key) {
                return Err(A::Error::custom(format!("an object has the key `{twice}` twice")));
            }
            fields.next_value::<Checked>()?;
        }
        Ok(Checked)
    }
}

/// A key, which is borrowed unless it has escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct OfKey;
        impl<'de> Visitor<'de> for OfKey {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        reader.deserialize_str(OfKey)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn no_key_is_read_twice() {
        for (text, twice) in [
            (r#"{"a": 1, "b": {"a": 1}, "c": [{"a": 1}, {"a": 1}]}"#, None),
            (r#"[null, true, -1, 1, 1.5, "text", {}, []]"#, None),
            (r#"{"a": 1, "a": 1}"#, Some("a")),
            (r#"{"a": {"b": [{"c": 1, "d": 1, "c": 2}]}}"#, Some("c")),
            (r#"{"key": 1, "\u006bey": 2}"#, Some("key")),
        ] {
            let why = from_slice::<Value>(text.as_bytes())
                .err()
                .map(|error| error.to_string());
            match twice {
                None => assert_eq!(why, None, "{text}"),
                Some(key) => {
                    let expected = format!("an object has the key `{key}` twice at line 1");
                    assert!(
                        why.as_deref().is_some_and(|why| why.starts_with(&expected)),
                        "{text}: {why:?}"
                    );
                }
            }
        }
        assert!(from_slice::<Value>(b"{").is_err());
    }
}
