//! The resources whose owners are asked for: those of a connection, or a function alone.

use crate::diagnostics::connection::Scene;
use crate::model::{Database, Function, GroupList, Observation, Proxy, Side};

/// The resources of a connection as they were found, or a function alone.
#[derive(Clone, Copy, Debug)]
pub struct Ends<'a> {
    /// The function.
    pub function: &'a Function,
    /// The database, where it is about a connection.
    pub database: Option<&'a Database>,
    /// The proxy between them.
    pub proxy: Option<&'a Proxy>,
}

impl<'a> From<&'a Function> for Ends<'a> {
    fn from(function: &'a Function) -> Self {
        Self {
            function,
            database: None,
            proxy: None,
        }
    }
}

impl<'a> From<&'a Observation> for Ends<'a> {
    fn from(found: &'a Observation) -> Self {
        Self {
            function: &found.function,
            database: Some(&found.database),
            proxy: found.proxy.as_ref(),
        }
    }
}

impl<'a> From<&'a Scene> for Ends<'a> {
    fn from(found: &'a Scene) -> Self {
        Self {
            function: &found.function,
            database: Some(&found.database),
            proxy: found.proxy.as_ref(),
        }
    }
}

impl Ends<'_> {
    /// The sides that there are, in the order in which they are associated.
    pub(super) fn sides(&self) -> impl Iterator<Item = Side> + use<> {
        let sides = [
            (Side::Database, self.database.is_some()),
            (Side::Proxy, self.proxy.is_some()),
            (Side::Function, true),
        ];
        sides
            .into_iter()
            .filter_map(|(side, is_there)| is_there.then_some(side))
    }

    /// Whether a side's resource exists; if not, the run creates it.
    pub(super) fn exists(&self, side: Side) -> bool {
        match side {
            Side::Database => true,
            Side::Function => self.function.exists,
            Side::Proxy => self.proxy.is_none_or(|proxy| proxy.exists),
        }
    }

    /// A side as text, with its id.
    pub(super) fn describe(&self, side: Side) -> String {
        match side {
            Side::Database => self.database.map(ToString::to_string).unwrap_or_default(),
            Side::Function => format!("function {}", self.function.name),
            Side::Proxy => self
                .proxy
                .map(|proxy| format!("proxy {}", proxy.name))
                .unwrap_or_default(),
        }
    }

    /// The ARN of a side's resource.
    pub(super) fn arn(&self, side: Side) -> &str {
        match side {
            Side::Database => self.database.map_or("", |database| &database.arn),
            Side::Function => &self.function.arn,
            Side::Proxy => self.proxy.map_or("", |proxy| &proxy.arn),
        }
    }

    /// The groups of a side's resource.
    pub(super) fn groups_on(&self, side: Side) -> GroupList {
        match side {
            Side::Database => self.database.map(Database::groups),
            Side::Function => Some(self.function.groups()),
            Side::Proxy => self.proxy.map(|proxy| proxy.groups.clone()),
        }
        .unwrap_or_default()
    }
}
