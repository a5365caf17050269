//! A database: an Aurora or Multi-AZ DB cluster, or a DB instance.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::{GroupId, GroupList, Place, SubnetId, VpcId};

/// What the user called the database: `--cluster` or `--instance`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DatabaseKind {
    /// An Aurora or Multi-AZ DB cluster.
    Cluster,
    /// A DB instance that is in no cluster.
    Instance,
}

impl fmt::Display for DatabaseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cluster => "cluster",
            Self::Instance => "instance",
        })
    }
}

/// States in which a database takes connections although it is not `available` (user guide, "Viewing DB instance status").
const TAKES_CONNECTIONS: [&str; 9] = [
    "backing-up",
    "configuring-enhanced-monitoring",
    "configuring-iam-database-auth",
    "configuring-log-exports",
    "delete-precheck",
    "modifying",
    "resetting-master-credentials",
    "storage-config-upgrade",
    "storage-optimization",
];

/// Whether a database in this state takes connections.
pub fn takes_connections(status: &str) -> bool {
    status == "available" || TAKES_CONNECTIONS.contains(&status)
}

/// A security group on a database, with the state of that association.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMembership {
    /// The group.
    pub group: GroupId,
    /// `active`, `adding`, `removing`; open.
    pub status: String,
}

/// A DB instance of a cluster, or the instance itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// `DBInstanceIdentifier`.
    pub id: String,
    /// `DBInstanceStatus`.
    pub status: String,
    /// The Availability Zone it runs in, once it does.
    pub availability_zone: Option<String>,
    /// Whether it has a public address, if AWS reports it.
    pub publicly_accessible: Option<bool>,
}

/// How clients can connect to a database, as far as RDS reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The host name; a cluster's writer endpoint.
    pub endpoint: Option<String>,
    /// The name of the database that was made at its creation.
    pub database_name: Option<String>,
    /// `DbClusterResourceId` or `DbiResourceId`, by which IAM names it.
    pub resource_id: Option<String>,
    /// `MasterUsername`.
    pub master_user: Option<String>,
    /// `IAMDatabaseAuthenticationEnabled`, if AWS reports it.
    pub iam_enabled: Option<bool>,
    /// The ARN of `MasterUserSecret`, where RDS manages the master user's password.
    pub master_secret: Option<String>,
    /// Whether the Data API, which needs no VPC, is on (`HttpEndpointEnabled`), if AWS reports it.
    pub data_api: Option<bool>,
    /// Whether it has a public address (`PubliclyAccessible`), if AWS reports it; for a cluster, whether its endpoint leads
    /// to one: that of its writer.
    pub publicly_accessible: Option<bool>,
    /// `ServerlessV2ScalingConfiguration` of an Aurora cluster, if it has one.
    pub scaling: Option<Scaling>,
}

/// How an Aurora Serverless v2 cluster scales.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scaling {
    /// `MinCapacity`, in Aurora capacity units.
    pub min: Option<Number>,
    /// `MaxCapacity`, in Aurora capacity units.
    pub max: Option<Number>,
    /// `SecondsUntilAutoPause`.
    pub seconds_until_auto_pause: Option<u32>,
}

impl Scaling {
    /// Whether its instances pause when nobody is connected, which takes a minimum of 0 units (Aurora user guide, "Scaling
    /// to zero ACUs").
    pub fn pauses(&self) -> bool {
        let min = self.min.as_ref().and_then(Number::as_f64);
        min.is_some_and(|min| min <= 0.0)
    }
}

/// The form of a database, where that changes what can be said of its network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DatabaseForm {
    /// Instances in a VPC.
    #[default]
    Ordinary,
    /// An Aurora PostgreSQL Limitless Database: clients are served by the routers of a DB shard group, not by instances.
    Limitless,
    /// An Aurora PostgreSQL cluster created with express configuration: it is in no VPC and has no security groups;
    /// clients reach it over its internet access gateway (`VpcNetworkingEnabled` is false).
    Express,
}

/// A database and what of it matters to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// Cluster or instance.
    pub kind: DatabaseKind,
    /// Its identifier, as AWS writes it (lower case).
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// `aurora-postgresql`, `mysql`, `sqlserver-se`, …
    pub engine: String,
    /// `provisioned`, `serverless`, …; instances have none.
    pub engine_mode: Option<String>,
    /// The port it listens on: `port_db`. None while it is being created.
    pub port: Option<u16>,
    /// The VPC that it is in.
    pub vpc: VpcId,
    /// The state of the cluster or the instance.
    pub status: String,
    /// All associations, also those being removed.
    pub memberships: Vec<GroupMembership>,
    /// The instances of a cluster; for an instance, itself.
    pub members: Vec<Member>,
    /// Which of the instances of a cluster is its writer, if AWS reports one.
    pub writer: Option<String>,
    /// The global database that a cluster is in.
    pub global_cluster: Option<String>,
    /// The cluster that an instance is a member of.
    pub member_of: Option<String>,
    /// The subnets of its subnet group.
    pub subnets: Vec<SubnetId>,
    /// How clients come into it.
    pub access: Access,
    /// What kind of cluster it is.
    pub form: DatabaseForm,
    /// `TagList`.
    pub tags: BTreeMap<String, String>,
}

impl Database {
    /// The groups of the database (docs/decision.md, "Terms"), without those whose status is `removing`.
    pub fn groups(&self) -> GroupList {
        GroupList::as_read(
            self.memberships
                .iter()
                .filter(|membership| membership.status != "removing")
                .map(|membership| membership.group.clone()),
        )
    }

    /// The instance to which the endpoint of a cluster leads, if it is known.
    pub fn writer(&self) -> Option<&Member> {
        self.members
            .iter()
            .find(|member| self.writer.as_ref() == Some(&member.id))
    }

    /// The account in the database's ARN.
    pub fn account(&self) -> Option<&str> {
        self.arn.split(':').nth(4).filter(|account| !account.is_empty())
    }

    /// Where the database is.
    pub fn place(&self) -> Place<'_> {
        Place::of(&self.arn)
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}
