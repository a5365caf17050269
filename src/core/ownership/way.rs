//! The way to a database, and what is written on the groups that are made for it.

use crate::model::{DatabaseKind, Observation, Place, Side};

/// What the descriptions of groups across two VPCs end with.
const ACROSS_VPCS: &str = " across VPCs. Made by autoconnect";

/// The longest description that EC2 allows.
const LONGEST: usize = 255;

/// A database, reached directly or through one proxy: a connection without its function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    database: String,
    kind: DatabaseKind,
    proxy: Option<String>,
}

impl Way {
    /// The way to this database.
    pub fn new(kind: DatabaseKind, database: &str, proxy: Option<&str>) -> Self {
        Self {
            database: database.to_owned(),
            kind,
            proxy: proxy.map(str::to_owned),
        }
    }

    /// The way of a connection.
    pub fn of(observation: &Observation) -> Self {
        let Observation { database, proxy, .. } = observation;
        Self::new(
            database.kind,
            &database.id,
            proxy.as_ref().map(|proxy| proxy.name.as_str()),
        )
    }

    /// The way of a connection, to another database of this name.
    pub fn of_database(observation: &Observation, name: &str) -> Self {
        let proxy = observation.proxy.as_ref().map(|proxy| proxy.name.as_str());
        Self::new(observation.database.kind, name, proxy)
    }

    /// The way and the function that a tag `autoconnect:connection` names: `cluster/orders:function/checkout`.
    pub fn parse(tag: &str) -> Option<(Self, Option<&str>)> {
        let mut parts = tag.split(':');
        let (kind, database) = parts.next()?.split_once('/')?;
        let kind = [DatabaseKind::Cluster, DatabaseKind::Instance]
            .into_iter()
            .find(|known| known.to_string() == kind)?;
        let mut next = parts.next();
        let proxy = next.and_then(|part| part.strip_prefix("proxy/"));
        if proxy.is_some() {
            next = parts.next();
        }
        let function = match next {
            Some(part) => Some(part.strip_prefix("function/")?),
            None => None,
        };
        parts
            .next()
            .is_none()
            .then(|| (Self::new(kind, database, proxy), function))
    }

    /// The database's kind and identifier.
    pub fn database(&self) -> (DatabaseKind, &str) {
        (self.kind, &self.database)
    }

    /// Whether it leads through a proxy.
    pub fn is_proxied(&self) -> bool {
        self.proxy.is_some()
    }

    /// The ARN of the database.
    pub fn arn(&self, place: Place<'_>) -> String {
        let kind = match self.kind {
            DatabaseKind::Cluster => "cluster",
            DatabaseKind::Instance => "db",
        };
        place.arn("rds", &format!("{kind}:{}", self.database))
    }

    /// The proxy's name.
    pub fn proxy(&self) -> Option<&str> {
        self.proxy.as_deref()
    }

    /// The way as the value of the tag `autoconnect:connection`, without a function.
    pub fn id(&self) -> String {
        let database = format!("{}/{}", self.kind, self.database);
        match &self.proxy {
            Some(proxy) => format!("{database}:proxy/{proxy}"),
            None => database,
        }
    }

    /// The connection of a function, as the value of that tag.
    pub fn connection(&self, function: &str) -> String {
        format!("{}:function/{function}", self.id())
    }

    /// A side as text: `cluster orders`.
    fn side(&self, side: Side, function: &str) -> String {
        match (side, &self.proxy) {
            (Side::Database, _) => format!("{} {}", self.kind, self.database),
            (Side::Proxy, Some(proxy)) => format!("proxy {proxy}"),
            (Side::Proxy, None) => "proxy".to_owned(),
            (Side::Function, _) => format!("function {function}"),
        }
    }

    /// The description that a new group of this side gets.
    pub fn description(&self, side: Side, function: &str) -> String {
        let others = [Side::Database, Side::Proxy, Side::Function]
            .into_iter()
            .filter(|other| *other != side && (*other != Side::Proxy || self.proxy.is_some()));
        let others: Vec<String> = others.map(|other| self.side(other, function)).collect();
        fitting(format!(
            "On {}, to connect it with {}",
            self.side(side, function),
            others.join(" and ")
        ))
    }

    /// The description that a new group of this side gets whose rules are for the ranges of another VPC.
    pub fn description_across_vpcs(&self, side: Side, function: &str) -> String {
        fitting(format!("Connects {}{ACROSS_VPCS}", self.side(side, function)))
    }

    /// Whether a description is one that is written for this side, whichever function it was written for: a group that
    /// several functions share is another one's once the first is gone.
    pub fn writes(&self, side: Side, description: &str) -> bool {
        let function = match side {
            Side::Function => description
                .strip_prefix("On function ")
                .or_else(|| description.strip_prefix("Connects function "))
                .and_then(|rest| rest.split([',', ' ']).next()),
            Side::Database | Side::Proxy => description.rsplit_once(" function ").map(|(_, function)| function),
        };
        let function = function.unwrap_or_default();
        let is_named = !function.is_empty() && description == self.description(side, function);
        is_named || description == self.description_across_vpcs(side, function)
    }
}

/// Whether a description is that of a group whose rules are for the ranges of another VPC.
pub(super) fn is_across_vpcs(description: &str) -> bool {
    description.ends_with(ACROSS_VPCS)
}

/// Cut to what EC2 allows.
fn fitting(mut description: String) -> String {
    description.truncate(description.floor_char_boundary(LONGEST));
    description
}
