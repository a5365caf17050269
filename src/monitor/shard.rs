//! One shard of all connections, so that several machines can share the work.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;

/// `--shard 3/16`: the third of sixteen parts. A connection is always in the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
pub struct Shard {
    /// Which, from 1.
    number: u32,
    /// How many there are.
    of: u32,
}

impl Shard {
    /// Whether the connection with this key is in it.
    pub fn has(self, key: &str) -> bool {
        crc32fast::hash(key.as_bytes()) % self.of == self.number - 1
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text
            .split_once('/')
            .and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((number, of)) if (1..=of).contains(&number) => Ok(Self { number, of }),
            _ => Err("expected N/OF, such as 3/16, counted from 1".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Shard;

    #[test]
    fn every_connection_is_in_one_shard() {
        let shards: Vec<Shard> = (1..=16).map(|n| format!("{n}/16").parse().unwrap()).collect();
        let mut sizes = vec![0; 16];
        for i in 0..1600 {
            let key = format!("|||cluster/c{i}:function/f");
            let in_it: Vec<usize> = (0..16).filter(|n| shards[*n].has(&key)).collect();
            assert_eq!(in_it.len(), 1, "{key}");
            sizes[in_it[0]] += 1;
        }
        assert!(sizes.iter().all(|size| (50..200).contains(size)), "{sizes:?}");
    }

    #[test]
    fn shards_are_read_strictly() {
        assert!("1/1".parse::<Shard>().is_ok());
        for text in ["", "1", "0/4", "5/4", "1/0", "a/b", "-1/4", "1/2/3"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
