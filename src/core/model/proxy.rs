//! An RDS Proxy and the health of its targets.

use std::fmt;

use serde::Serialize;

use super::{Database, DatabaseKind, GroupId, GroupList, ProxySettings, SubnetId, VpcId};
use crate::escape::word;
use crate::naming::was_before;

/// `EngineFamily` of a proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineFamily {
    /// Aurora MySQL, RDS for MySQL and MariaDB.
    MySql,
    /// Aurora PostgreSQL and RDS for PostgreSQL.
    PostgreSql,
    /// RDS for SQL Server.
    SqlServer,
}

impl EngineFamily {
    /// Reads the API's `EngineFamily`.
    pub fn from_api(family: &str) -> Option<Self> {
        match family {
            "MYSQL" => Some(Self::MySql),
            "POSTGRESQL" => Some(Self::PostgreSql),
            "SQLSERVER" => Some(Self::SqlServer),
            _ => None,
        }
    }

    /// The family of an engine; none where RDS Proxy does not support it (docs/new-proxies.md, "Limits").
    pub fn of_engine(engine: &str) -> Option<Self> {
        match engine {
            "aurora-mysql" | "mysql" | "mariadb" => Some(Self::MySql),
            "aurora-postgresql" | "postgres" => Some(Self::PostgreSql),
            _ if engine.starts_with("sqlserver-") => Some(Self::SqlServer),
            _ => None,
        }
    }

    /// The proxy port (docs/decision.md, "Terms"). It does not depend on the database port.
    pub fn listener_port(&self) -> u16 {
        match self {
            Self::MySql => 3306,
            Self::PostgreSql => 5432,
            Self::SqlServer => 1433,
        }
    }
}

impl fmt::Display for EngineFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MySql => "MYSQL",
            Self::PostgreSql => "POSTGRESQL",
            Self::SqlServer => "SQLSERVER",
        })
    }
}

/// `TargetHealth.State`. Open: an unknown state is never treated as good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetHealthState {
    /// The proxy reaches the database.
    Available,
    /// The proxy is still trying for the first time.
    Registering,
    /// The proxy does not reach it.
    Unavailable,
    /// The proxy has no use for it.
    Unused,
    /// Any other.
    Other(String),
}

impl TargetHealthState {
    /// Reads the API's word.
    pub fn from_api(state: &str) -> Self {
        match state {
            "AVAILABLE" => Self::Available,
            "REGISTERING" => Self::Registering,
            "UNAVAILABLE" => Self::Unavailable,
            "UNUSED" => Self::Unused,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The API's word.
    pub fn as_api(&self) -> &str {
        match self {
            Self::Available => "AVAILABLE",
            Self::Registering => "REGISTERING",
            Self::Unavailable => "UNAVAILABLE",
            Self::Unused => "UNUSED",
            Self::Other(other) => other,
        }
    }
}

/// `TargetHealth` of a proxy's target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetHealth {
    /// The state.
    pub state: TargetHealthState,
    /// Why, e.g. `UNREACHABLE`, `AUTH_FAILURE`.
    pub reason: Option<String>,
}

/// `Type` of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// A DB instance, on its own or as a member of the tracked cluster.
    RdsInstance,
    /// The cluster whose members the proxy tracks; it has no health of its own.
    TrackedCluster,
    /// Any other.
    Other(String),
}

impl TargetKind {
    /// Reads the API's `Type`.
    pub fn from_api(kind: &str) -> Self {
        match kind {
            "RDS_INSTANCE" => Self::RdsInstance,
            "TRACKED_CLUSTER" => Self::TrackedCluster,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// `Role` of a target, and `TargetRole` of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetRole {
    /// A writer, and an endpoint that leads to it.
    ReadWrite,
    /// A reader, and an endpoint that leads to readers only.
    ReadOnly,
    /// Any other, such as `UNKNOWN`.
    Other(String),
}

impl TargetRole {
    /// Reads the API's `Role` or `TargetRole`.
    pub fn from_api(role: &str) -> Self {
        match role {
            "READ_WRITE" => Self::ReadWrite,
            "READ_ONLY" => Self::ReadOnly,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The role of an instance of a cluster, by which of them is the writer, if that is known.
    pub fn of_member(id: &str, writer: Option<&str>) -> Self {
        match writer {
            None => Self::from_api("UNKNOWN"),
            Some(writer) if writer == id => Self::ReadWrite,
            Some(_) => Self::ReadOnly,
        }
    }

    /// The API's word.
    pub fn as_api(&self) -> &str {
        match self {
            Self::ReadWrite => "READ_WRITE",
            Self::ReadOnly => "READ_ONLY",
            Self::Other(other) => other,
        }
    }
}

/// An endpoint of a proxy besides its default one, with subnets and groups of its own, perhaps in another VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyEndpoint {
    /// Its name.
    pub name: String,
    /// The proxy's name.
    pub proxy: String,
    /// Its VPC, if it is reported.
    pub vpc: Option<VpcId>,
    /// Its subnets.
    pub subnets: Vec<SubnetId>,
    /// Its groups.
    pub groups: Vec<GroupId>,
    /// `available`, `creating`, …
    pub status: String,
    /// Which targets it leads to, if it is reported.
    pub role: Option<TargetRole>,
    /// Its host name.
    pub host: Option<String>,
}

impl fmt::Display for ProxyEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "endpoint {} of proxy {}", self.name, self.proxy)
    }
}

/// A target of a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyTarget {
    /// What it is.
    pub kind: TargetKind,
    /// `RdsResourceId`: the instance's or the cluster's identifier.
    pub resource: String,
    /// `TrackedClusterId` of a member.
    pub tracked_cluster: Option<String>,
    /// Its health, where it has one.
    pub health: Option<TargetHealth>,
    /// `Role`: which of a cluster's members is its writer, if it is reported.
    pub role: Option<TargetRole>,
}

/// An RDS Proxy.
#[expect(clippy::struct_excessive_bools, reason = "each is a field of RDS's answer")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Its name.
    pub name: String,
    /// Its ARN; empty while it does not exist.
    pub arn: String,
    /// Whether it exists; if not, the run creates it.
    pub exists: bool,
    /// Its engine family, which fixes its port.
    pub engine_family: EngineFamily,
    /// Its VPC.
    pub vpc: VpcId,
    /// Its subnets; none while it does not exist.
    pub subnets: Vec<SubnetId>,
    /// The groups of the proxy (docs/decision.md, "Terms").
    pub groups: GroupList,
    /// Its state: `available`, `creating`, …
    pub status: String,
    /// Its targets.
    pub targets: Vec<ProxyTarget>,
    /// Its host name.
    pub endpoint: Option<String>,
    /// The ARN of the role that RDS assumes for it.
    pub role: Option<String>,
    /// The ARNs of the secrets with which it authenticates to the database.
    pub secrets: Vec<String>,
    /// Whether clients can, or must, use IAM.
    pub takes_iam: bool,
    /// Whether clients must use IAM.
    pub requires_iam: bool,
    /// Whether clients must use TLS.
    pub requires_tls: bool,
    /// Whether it writes SQL statements to its log (`DebugLogging`).
    pub logs_statements: bool,
    /// Its other settings.
    pub settings: ProxySettings,
}

impl Proxy {
    /// The health of `database` as this proxy sees it: an instance's own target, or a cluster's
    /// member targets, of which the best counts (docs/decision.md, "Target health").
    pub fn target_health(&self, database: &Database) -> Option<&TargetHealth> {
        best(self.instances(database))
    }

    /// The health of what the endpoints lead to that are not for readers only: that of the writer, where the proxy shows
    /// which target is it.
    pub fn writer_health(&self, database: &Database) -> Option<&TargetHealth> {
        let instances = self.instances(database);
        let is_writer = |target: &&&ProxyTarget| target.role == Some(TargetRole::ReadWrite);
        best(instances.iter().filter(is_writer).copied()).or_else(|| best(instances))
    }

    /// The health of the readers of `database`, of which the best counts: what an endpoint that only reads leads to.
    ///
    /// # Errors
    ///
    /// There is no reader, or the proxy does not show which of the targets are readers.
    pub fn reader_health(&self, database: &Database) -> Result<Option<&TargetHealth>, NoReader> {
        let is_reader = |target: &&ProxyTarget| target.role == Some(TargetRole::ReadOnly);
        let is_writer = |target: &ProxyTarget| target.role == Some(TargetRole::ReadWrite);
        let instances = self.instances(database);
        if instances.iter().any(is_reader) {
            return Ok(best(instances.into_iter().filter(is_reader)));
        }
        Err(if instances.into_iter().all(is_writer) {
            NoReader::None
        } else {
            NoReader::NotTold
        })
    }

    fn instances(&self, database: &Database) -> Vec<&ProxyTarget> {
        let is_instance = |target: &&ProxyTarget| target.kind == TargetKind::RdsInstance && target.is_for(database);
        self.targets.iter().filter(is_instance).collect()
    }

    /// Whether `database` is registered with the proxy.
    pub fn has_target(&self, database: &Database) -> bool {
        self.targets.iter().any(|target| target.is_for(database))
    }

    /// Another database that is registered with the proxy: it can have but one.
    pub fn other_target(&self, database: &Database) -> Option<&str> {
        let other = self.targets.iter().find(|target| !target.is_for(database))?;
        Some(other.database().1)
    }

    /// The commands that give the proxy this database for its target, where its target is still the one that had the name before a
    /// blue/green switchover. With any other target, the proxy serves another database, and whoever uses it.
    pub fn retargeted(&self, database: &Database) -> Option<String> {
        let mut targets = self.targets.iter().map(ProxyTarget::database);
        let (kind, old) = targets.find(|(_, id)| was_before(id, &database.id))?;
        let on = |verb: &str, kind: DatabaseKind, id: &str| {
            let option = match kind {
                DatabaseKind::Cluster => "--db-cluster-identifiers",
                DatabaseKind::Instance => "--db-instance-identifiers",
            };
            let (proxy, id) = (word(&self.name), word(id));
            format!("aws rds {verb}-db-proxy-targets --db-proxy-name {proxy} {option} {id}")
        };
        Some(format!(
            "{} && {}",
            on("deregister", kind, old),
            on("register", database.kind, &database.id)
        ))
    }

    /// Whether it authenticates to the database with IAM, without any secret.
    pub fn is_iam_only(&self) -> bool {
        self.exists && self.takes_iam && self.secrets.is_empty()
    }

    /// Whether the proxy reaches `database`.
    pub fn reaches(&self, database: &Database) -> bool {
        self.target_health(database)
            .is_some_and(|health| health.state == TargetHealthState::Available)
    }
}

/// Why there is no health of a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoReader {
    /// There is no reader.
    None,
    /// The proxy does not show which targets are readers.
    NotTold,
}

fn best<'p>(targets: impl IntoIterator<Item = &'p ProxyTarget>) -> Option<&'p TargetHealth> {
    targets
        .into_iter()
        .filter_map(|target| target.health.as_ref())
        .min_by_key(|health| match health.state {
            TargetHealthState::Available => 0,
            TargetHealthState::Registering => 1,
            TargetHealthState::Unavailable => 2,
            TargetHealthState::Unused => 3,
            TargetHealthState::Other(_) => 4,
        })
}

impl ProxyTarget {
    /// The database that is registered: the cluster, also for one of its members, or the instance.
    pub fn database(&self) -> (DatabaseKind, &str) {
        match &self.tracked_cluster {
            Some(cluster) => (DatabaseKind::Cluster, cluster),
            None if self.kind == TargetKind::TrackedCluster => (DatabaseKind::Cluster, &self.resource),
            None => (DatabaseKind::Instance, &self.resource),
        }
    }

    fn is_for(&self, database: &Database) -> bool {
        match database.kind {
            DatabaseKind::Instance => self.tracked_cluster.is_none() && self.resource == database.id,
            DatabaseKind::Cluster => match &self.tracked_cluster {
                Some(cluster) => *cluster == database.id,
                None if self.kind == TargetKind::TrackedCluster => self.resource == database.id,
                None => database.members.iter().any(|member| member.id == self.resource),
            },
        }
    }
}
