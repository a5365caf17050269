//! The tags of what this program makes besides groups: proxies, roles, secrets and functions.

use std::collections::BTreeMap;

use super::Way;
use crate::model::Side;
use crate::tags;

/// The tags of something that this program created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnTags {
    /// The side that it was made for.
    pub side: Side,
    /// For which connections it may have been made.
    pub connection: OwnConnection,
}

/// A connection that something may have been made for: that of any function that shares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnConnection {
    /// One by this way to the database, whatever the function.
    Way(String),
    /// One of this function, whatever the database.
    Function(String),
    /// This one.
    This(String),
}

impl OwnTags {
    /// Those of what is made for a proxy on this way, whatever the function.
    pub fn of_proxy(way: &Way) -> Self {
        Self {
            side: Side::Proxy,
            connection: OwnConnection::Way(way.id()),
        }
    }

    /// How these tags differ.
    pub fn differences(&self, found: &BTreeMap<String, String>) -> Vec<String> {
        let tag = |key: &str| found.get(key).map(String::as_str);
        let mut differences = Vec::new();
        let mut expect = |key: &str, wanted: &str, holds: bool| {
            if !holds {
                differences.push(match tag(key) {
                    None => format!("its tag {key} is missing"),
                    Some(value) => format!("its tag {key} is {value}, not {wanted}"),
                });
            }
        };
        let (role, connection) = (tags::role(self.side), tag(tags::CONNECTION).unwrap_or_default());
        expect(tags::MANAGED, "true", tag(tags::MANAGED) == Some("true"));
        expect(tags::ROLE, role, tag(tags::ROLE) == Some(role));
        let (wanted, holds) = match &self.connection {
            OwnConnection::Way(way) => {
                let rest = connection.strip_prefix(way.as_str());
                let holds = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(":function/"));
                (format!("{way}:function/…"), holds)
            }
            OwnConnection::Function(name) => {
                let end = format!(":function/{name}");
                let holds = ["cluster/", "instance/"]
                    .iter()
                    .any(|kind| connection.starts_with(kind));
                (format!("…{end}"), holds && connection.ends_with(&end))
            }
            OwnConnection::This(wanted) => (wanted.clone(), connection == wanted),
        };
        expect(tags::CONNECTION, &wanted, holds);
        differences
    }
}
