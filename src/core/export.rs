//! What `export` writes, before it has a format: every resource of connections as plain data, with references in place of the
//! ids of what is exported too.
//!
//! [`find`] picks the connections and their groups from an [`Estate`](crate::estate::Estate), [`build`] adds what was read of
//! them besides ([`Details`]). Both are pure. A connection that is only planned is exported in the same way, from an account
//! on which its plan was carried out in memory: what that has made has `exists` false and no id of its own.
//!
//! A resource is *exported* if this program or the console made it: groups of the console's names or of our tags that lead
//! from the function to the database, and proxies, roles, secrets and policies that our tags and names prove. Everything else is
//! of another owner: it is described as far as code refers to it, with the whole list of its groups, and never exported.

mod build;
mod find;
mod text;

use std::collections::BTreeMap;

pub use build::{Details, FoundProxy, FoundRole, FoundSecret, Planned, build};
pub use find::{Chain, Found, NotConnected, Wanted, connections, find};
pub use text::{Json, Known, Piece, Reference, Text};

use crate::estate::Connection;
use crate::model::{
    DatabaseKind, Direction, EngineFamily, GroupId, Origin, PortRange, Protocol, ProxyLogin, ProxyTargetGroup, Side,
    SubnetId, VpcId,
};

/// Tags, by their keys. Those of AWS (`aws:…`) are left out: nobody can write them.
pub type Tags = BTreeMap<String, String>;

/// Everything that is exported. Each resource appears once, whichever connections share it; lists are in an order that depends
/// on names and ids alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Export {
    /// The account and Region.
    pub origin: Origin,
    /// `aws`, `aws-cn`, …
    pub partition: String,
    /// The connections.
    pub connections: Vec<ExportedConnection>,
    /// The security groups that are exported, by name.
    pub groups: Vec<Group>,
    /// The secrets that are exported, by name; never what they hold.
    pub secrets: Vec<Secret>,
    /// The roles that are exported, by name.
    pub roles: Vec<Role>,
    /// The roles of others that an exported policy is on, by name.
    pub other_roles: Vec<OtherRole>,
    /// The inline policies that are exported: all of an exported role, and ours on the roles of others.
    pub policies: Vec<InlinePolicy>,
    /// The managed policies of exported roles.
    pub attachments: Vec<Attachment>,
    /// The proxies that are exported, by name.
    pub proxies: Vec<Proxy>,
    /// The proxies of others, by name.
    pub other_proxies: Vec<OtherProxy>,
    /// The databases, all of others, by kind and identifier.
    pub databases: Vec<Database>,
    /// The functions, all of others, by name.
    pub functions: Vec<Function>,
    /// Connections that were found and are not exported, a sentence each.
    pub left_out: Vec<String>,
    /// What could not be read, and may therefore be missing, a sentence each.
    pub unread: Vec<String>,
}

/// A connection, with the exported groups that make it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedConnection {
    /// Its names.
    pub connection: Connection,
    /// By side: the exported groups on it, in the order of the resource's list.
    pub groups: BTreeMap<Side, Vec<GroupId>>,
}

/// A security group, as code or a document names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupRef {
    /// One of [`Export::groups`], by the id there.
    Exported(GroupId),
    /// A group that is not exported.
    Other {
        /// Its id.
        id: GroupId,
        /// Its account, where that is another one than the export's.
        account: Option<String>,
        /// Its name, if it is known.
        name: Option<String>,
    },
}

/// A security group that is exported. Its rules are resources of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its id; of a planned one a stand-in that only this export knows.
    pub id: GroupId,
    /// Whether it exists; if not, it is planned.
    pub exists: bool,
    /// `GroupName`.
    pub name: String,
    /// `Description`: what EC2 has, to the letter.
    pub description: String,
    /// Its VPC.
    pub vpc: VpcId,
    /// Its tags.
    pub tags: Tags,
    /// Inbound rules, then outbound ones.
    pub rules: Vec<GroupRule>,
    /// The side that it is on.
    pub side: Side,
}

/// A rule of an exported group, for exactly one source or destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRule {
    /// `sgr-…`; none where it is planned, and where it could not be read.
    pub id: Option<String>,
    /// Whether it exists; if not, it is planned.
    pub exists: bool,
    /// Inbound or outbound.
    pub direction: Direction,
    /// The protocol.
    pub protocol: Protocol,
    /// The ports, if the protocol has any.
    pub ports: Option<PortRange>,
    /// Source or destination.
    pub peer: RulePeer,
    /// Free text.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// The source or the destination of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RulePeer {
    /// A security group.
    Group(GroupRef),
    /// An IPv4 or IPv6 range.
    Cidr(String),
    /// A prefix list, `pl-…`.
    PrefixList(String),
}

/// A secret that is exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Its ARN; of a planned one a stand-in that only this export knows.
    pub arn: String,
    /// Whether it exists; if not, it is planned.
    pub exists: bool,
    /// Its name.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// The key that encrypts it, if it is not the one of AWS.
    pub kms_key: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// A secret, as a proxy names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// One of [`Export::secrets`], by its ARN.
    Exported(String),
    /// The ARN of one that is not exported.
    Other(String),
}

/// A role that is exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Whether it exists; if not, it is planned.
    pub exists: bool,
    /// `/`, or as `/service/`.
    pub path: String,
    /// Free text.
    pub description: Option<String>,
    /// Who may assume it.
    pub trust: Json,
    /// How long a session may last, in seconds.
    pub max_session: Option<u32>,
    /// The ARN of its permissions boundary.
    pub boundary: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// A role of another owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherRole {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

/// A role, as other resources name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoleRef {
    /// One of [`Export::roles`], by its name.
    Exported(String),
    /// The ARN of one that is not exported.
    Other(String),
}

/// A policy of a role's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InlinePolicy {
    /// The role: an exported one, or one of [`Export::other_roles`].
    pub role: RoleRef,
    /// The name of the role.
    pub role_name: String,
    /// Its name.
    pub name: String,
    /// Whether it exists; if not, it is planned.
    pub exists: bool,
    /// What it says.
    pub document: Json,
}

/// A managed policy that an exported role has been given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The name of the exported role.
    pub role: String,
    /// The ARN of the policy.
    pub policy: String,
    /// Whether it exists; if not, it is planned.
    pub exists: bool,
}

/// An RDS Proxy that is exported, with its default target group and its targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Its name.
    pub name: String,
    /// Its ARN; of a planned one a stand-in that only this export knows.
    pub arn: String,
    /// Whether it exists; if not, it is planned.
    pub exists: bool,
    /// Its engine family.
    pub engine_family: EngineFamily,
    /// Its VPC.
    pub vpc: VpcId,
    /// Its subnets, as AWS returns them.
    pub subnets: Vec<SubnetId>,
    /// All of its groups, in the order of AWS.
    pub groups: Vec<GroupRef>,
    /// The role that RDS assumes for it.
    pub role: RoleRef,
    /// How it logs in to the database.
    pub logins: Vec<Login>,
    /// `DefaultAuthScheme`: `IAM_AUTH` where it logs in with IAM and no secret.
    pub default_auth_scheme: Option<String>,
    /// Whether clients must use TLS.
    pub requires_tls: bool,
    /// After how many seconds it closes a client's idle connection.
    pub idle_client_timeout: Option<u32>,
    /// Whether it writes SQL statements to its log.
    pub debug_logging: bool,
    /// `EndpointNetworkType`.
    pub endpoint_network_type: Option<String>,
    /// `TargetConnectionNetworkType`.
    pub target_network_type: Option<String>,
    /// Its default target group.
    pub target_group: ProxyTargetGroup,
    /// The databases that are registered with it: for a cluster the cluster, not its instances.
    pub targets: Vec<Target>,
    /// Its tags.
    pub tags: Tags,
}

impl Proxy {
    /// Whether it logs in with IAM from end to end, so that it has no entry of `Auth`.
    pub fn is_iam_to_database(&self) -> bool {
        self.logins.is_empty() && self.default_auth_scheme.as_deref() == Some("IAM_AUTH")
    }
}

/// An entry of `Auth` of a proxy.
pub type Login = ProxyLogin<SecretRef>;

/// A database that is registered with an exported proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Cluster or instance.
    pub kind: DatabaseKind,
    /// Its identifier.
    pub database: String,
    /// Whether it is registered; if not, that is planned.
    pub exists: bool,
}

/// A proxy of another owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherProxy {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// All of its groups: as they are, or as the plan leaves them.
    pub groups: Vec<GroupRef>,
}

/// A database: always of another owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// Cluster or instance.
    pub kind: DatabaseKind,
    /// Its identifier.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// `cluster-…` or `db-…`, by which IAM names it.
    pub resource_id: Option<String>,
    /// All of its groups: as they are, or as the plan leaves them.
    pub groups: Vec<GroupRef>,
}

/// A function: always of another owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its execution role.
    pub role: Option<RoleRef>,
    /// Its subnets.
    pub subnets: Vec<SubnetId>,
    /// `Ipv6AllowedForDualStack`, if AWS reports it.
    pub ipv6_allowed: Option<bool>,
    /// All of its groups: as they are, or as the plan leaves them.
    pub groups: Vec<GroupRef>,
}

impl Export {
    /// The exported group with this id.
    pub fn group(&self, id: &GroupId) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == *id)
    }

    /// The exported secret with this ARN.
    pub fn secret(&self, arn: &str) -> Option<&Secret> {
        self.secrets.iter().find(|secret| secret.arn == arn)
    }

    /// The VPCs of what is exported, each once.
    pub fn vpcs(&self) -> Vec<&VpcId> {
        let mut vpcs: Vec<&VpcId> = self.groups.iter().map(|group| &group.vpc).collect();
        vpcs.sort();
        vpcs.dedup();
        vpcs
    }

    /// The groups that are named and not exported, each once.
    pub fn other_groups(&self) -> Vec<&GroupRef> {
        let of_rules = self.groups.iter().flat_map(|group| &group.rules);
        let of_rules = of_rules.filter_map(|rule| match &rule.peer {
            RulePeer::Group(group) => Some(group),
            RulePeer::Cidr(_) | RulePeer::PrefixList(_) => None,
        });
        let of_proxies = self.proxies.iter().flat_map(|proxy| &proxy.groups);
        let mut others: Vec<&GroupRef> = of_rules
            .chain(of_proxies)
            .filter(|group| matches!(group, GroupRef::Other { .. }))
            .collect();
        others.sort();
        others.dedup();
        others
    }
}
