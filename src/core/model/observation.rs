//! One connection as it was observed: the only input of classification, decision and plan.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Database, Extras, Function, GroupId, GroupList, GroupQuota, Origin, Proxy, SecurityGroup, Subnet};

/// A side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The DB cluster or instance.
    Database,
    /// The RDS Proxy.
    Proxy,
    /// The Lambda function.
    Function,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Database => "database",
            Self::Proxy => "proxy",
            Self::Function => "function",
        })
    }
}

/// Everything that was read of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The database.
    pub database: Database,
    /// The function.
    pub function: Function,
    /// The subnets that the function is attached to.
    pub function_subnets: Vec<Subnet>,
    /// The proxy, if the connection goes through one.
    pub proxy: Option<Proxy>,
    /// The groups of the database's VPC with a name of the convention, whatever its case.
    pub groups: Vec<SecurityGroup>,
    /// The subnets of the database, where something is to be created in them.
    pub database_subnets: Vec<Subnet>,
    /// What was asked for besides the groups.
    pub extras: Extras,
    /// How many groups the database and the proxy take.
    pub group_quota: GroupQuota,
}

impl Observation {
    /// Where the connection is.
    pub fn origin(&self) -> Origin {
        Origin::of_arn(&self.database.arn)
    }

    /// The groups associated with a side.
    pub fn groups_on(&self, side: Side) -> GroupList {
        match side {
            Side::Database => self.database.groups(),
            Side::Function => self.function.groups(),
            Side::Proxy => self
                .proxy
                .as_ref()
                .map(|proxy| proxy.groups.clone())
                .unwrap_or_default(),
        }
    }

    /// The port that the function connects to: `port_proxy` through a proxy, else `port_db`.
    pub fn function_port(&self) -> Option<u16> {
        match &self.proxy {
            Some(proxy) => Some(proxy.engine_family.listener_port()),
            None => self.database.port,
        }
    }

    /// Whether a side's resource exists; if not, the run creates it.
    pub fn exists(&self, side: Side) -> bool {
        match side {
            Side::Database => true,
            Side::Function => self.function.exists,
            Side::Proxy => self.proxy.as_ref().is_none_or(|proxy| proxy.exists),
        }
    }

    /// The sides of this connection, in the order in which they are associated.
    pub fn sides(&self) -> &'static [Side] {
        match self.proxy {
            Some(_) => &[Side::Database, Side::Proxy, Side::Function],
            None => &[Side::Database, Side::Function],
        }
    }

    /// A side as text, with its id: `cluster orders`.
    pub fn describe(&self, side: Side) -> String {
        self.describe_with(side, &self.function.name)
    }

    /// The same for another function, on the same way to the same database.
    pub fn describe_with(&self, side: Side, function: &str) -> String {
        match side {
            Side::Database => self.database.to_string(),
            Side::Function => format!("function {function}"),
            Side::Proxy => match &self.proxy {
                Some(proxy) => format!("proxy {}", proxy.name),
                None => "proxy".to_owned(),
            },
        }
    }

    /// The group with this id, if it has a name of the convention.
    pub fn group(&self, id: &GroupId) -> Option<&SecurityGroup> {
        self.groups.iter().find(|group| group.id == *id)
    }

    /// What distinguishes this connection from others, also as the value of the tag
    /// `autoconnect:connection`: only characters that a tag's value may hold.
    pub fn connection_id(&self) -> String {
        self.connection_of(&self.function.name)
    }

    /// The same for another function, on the same way to the same database.
    pub fn connection_of(&self, function: &str) -> String {
        format!("{}:function/{function}", self.way_id())
    }

    /// The function of a connection on this way, from the connection's id.
    pub fn function_of<'c>(&self, connection: &'c str) -> Option<&'c str> {
        connection.strip_prefix(&self.way_id())?.strip_prefix(":function/")
    }

    /// The connection except for its function: the tag's value on groups that are kept and are no function's.
    pub fn way_id(&self) -> String {
        let database = format!("{}/{}", self.database.kind, self.database.id);
        match &self.proxy {
            Some(proxy) => format!("{database}:proxy/{}", proxy.name),
            None => database,
        }
    }
}
