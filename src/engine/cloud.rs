//! The one trait through which the program reads and writes an account: AWS itself (`autoconnect-aws`) or
//! an account kept in memory or in a file (`autoconnect-simulator`).
//!
//! Each method is one operation of the API, or two that differ in the direction of rules or the kind of a database alone;
//! what is asked for is its argument, and [`derived`] is what follows from the answers. The implementation retries
//! throttled and lost requests; [`crate::wait`] waits for states.

mod checked;
pub mod derived;
mod error;
mod identity;
mod msk;
mod network;
mod paging;
mod users;

use std::collections::BTreeMap;
use std::time::Duration;

pub use checked::{Checked, unexpected};
pub use derived::Bearer;
pub use error::{CloudError, Fault};
pub use identity::IdentityCloud;
pub use msk::MskCloud;
pub use network::{
    DescribedInterface, DescribedSubnet, EndpointChange, GatewayFilter, GroupFilter, InterfaceFilter, NetworkCloud,
    NewEndpoint, NewSubnet, SubnetFilter, Tags,
};
pub use paging::{Listed, Page, Pages};
pub use users::{
    CapacityProvider, FunctionAlias, GroupReference, LaunchTemplateVersion, NetworkConnector, ProxyEndpoint, UsersCloud,
};

pub use crate::model::ResourceKind;
pub use crate::operation::Operation;

use secrecy::SecretString;

use crate::model::{
    Access, DatabaseForm, DatabaseKind, EngineFamily, Environment, Function, FunctionVpc, GroupId, GroupList,
    GroupMembership, Origin, Proxy, ProxyTarget, ProxyTargetGroup, SubnetId, VpcId,
};
use crate::removal::ShrunkList;

/// How many requests were sent, each attempt and each page counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiCalls {
    /// Requests that read.
    pub read: u64,
    /// Requests that write.
    pub write: u64,
}

/// How often to look again while waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The first pause.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

/// A cluster, as `DescribeDBClusters` returns it. It carries no VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DbCluster {
    /// `DBClusterIdentifier`.
    pub id: String,
    /// `DBClusterArn`.
    pub arn: String,
    /// `Engine`.
    pub engine: String,
    /// `EngineMode`.
    pub engine_mode: Option<String>,
    /// `Port`.
    pub port: Option<u16>,
    /// `Status`.
    pub status: String,
    /// `DBSubnetGroup`: a name.
    pub subnet_group: Option<String>,
    /// `VpcSecurityGroups`.
    pub memberships: Vec<GroupMembership>,
    /// The one of `DBClusterMembers` that has `IsClusterWriter`.
    pub writer: Option<String>,
    /// `GlobalClusterIdentifier`.
    pub global_cluster: Option<String>,
    /// How clients come into it.
    pub access: Access,
    /// By `VpcNetworkingEnabled` and `ClusterScalabilityType`.
    pub form: DatabaseForm,
    /// `TagList`.
    pub tags: BTreeMap<String, String>,
}

/// A DB subnet group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DbSubnetGroup {
    /// `DBSubnetGroupName`.
    pub name: String,
    /// `VpcId`.
    pub vpc: VpcId,
    /// `Subnets`.
    pub subnets: Vec<SubnetId>,
}

/// An instance, as `DescribeDBInstances` returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DbInstance {
    /// `DBInstanceIdentifier`.
    pub id: String,
    /// `DBInstanceArn`.
    pub arn: String,
    /// `Engine`.
    pub engine: String,
    /// `Endpoint.Port`.
    pub port: Option<u16>,
    /// `DBInstanceStatus`.
    pub status: String,
    /// `AvailabilityZone`.
    pub availability_zone: Option<String>,
    /// `DBSubnetGroup`, if it names a VPC.
    pub subnet_group: Option<DbSubnetGroup>,
    /// `DBClusterIdentifier`.
    pub cluster: Option<String>,
    /// `VpcSecurityGroups`.
    pub memberships: Vec<GroupMembership>,
    /// How clients come into it.
    pub access: Access,
    /// `TagList`.
    pub tags: BTreeMap<String, String>,
}

/// Which instances are read.
#[derive(Clone, Copy, Debug)]
pub enum InstanceFilter<'a> {
    /// All, those of clusters too.
    All,
    /// The one with this identifier.
    Id(&'a str),
    /// Those of this cluster; [`Fault::NotFound`], or none, where it does not exist.
    OfCluster(&'a str),
}

/// A proxy, as `DescribeDBProxies` returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DbProxy {
    /// A proxy of an engine family that the program knows.
    Known(Proxy),
    /// One of another engine family, with what it uses.
    OfOtherFamily(Bearer),
}

impl DbProxy {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Known(proxy) => &proxy.name,
            Self::OfOtherFamily(bearer) => &bearer.name,
        }
    }
}

/// Which versions of functions are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// The functions themselves.
    Latest,
    /// Each published version too, which keeps the groups and the role with which it was published.
    All,
}

/// A function, or a published version of one, as `ListFunctions` returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFunction {
    /// The function.
    pub function: Function,
    /// The published version; none for the function itself.
    pub version: Option<String>,
}

/// A resource with its tags, as `GetResources` returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedResource {
    /// `ResourceARN`.
    pub arn: String,
    /// `Tags`.
    pub tags: BTreeMap<String, String>,
}

/// A security group to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSecurityGroup {
    /// Its name.
    pub name: String,
    /// Its VPC.
    pub vpc: VpcId,
    /// Its description.
    pub description: String,
    /// Its tags, from birth.
    pub tags: BTreeMap<String, String>,
}

/// What describes a secret; what it holds is never read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretDescription {
    /// `ARN`.
    pub arn: String,
    /// `Name`.
    pub name: String,
    /// `KmsKeyId`: a key's id or ARN, or an alias; none for the key of AWS.
    pub kms_key: Option<String>,
    /// Whether it has a `DeletedDate`.
    pub is_deleted: bool,
    /// `Tags`.
    pub tags: BTreeMap<String, String>,
    /// `RotationLambdaARN`, where rotation is on or has been.
    pub rotated_by: Option<String>,
    /// `OwningService`.
    pub owner: Option<String>,
    /// The Regions of `ReplicationStatus`.
    pub replicas: Vec<String>,
    /// `Description`.
    pub description: Option<String>,
}

/// A key of KMS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyDescription {
    /// `Arn`, also where the key was named by an alias.
    pub arn: String,
    /// Whether `KeyManager` is `CUSTOMER`.
    pub is_customers: bool,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleDescription {
    /// `Arn`.
    pub arn: String,
    /// `AssumeRolePolicyDocument`, as JSON.
    pub trust: String,
    /// `Description`.
    pub description: Option<String>,
    /// `MaxSessionDuration`, in seconds; none where IAM does not report it.
    pub max_session: Option<u32>,
    /// `PermissionsBoundaryArn`.
    pub boundary: Option<String>,
    /// `Tags`.
    pub tags: BTreeMap<String, String>,
}

/// A secret to be made.
#[derive(Clone, Debug)]
pub struct NewSecret {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// The user.
    pub user: String,
    /// The user's password: not printed, and wiped when dropped.
    pub password: SecretString,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A role to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRole {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Who may assume it, as a policy document.
    pub trust: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// How a new proxy authenticates to the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewProxyAuth {
    /// With the secret that has this ARN.
    Secret {
        /// The ARN.
        secret: String,
        /// Whether clients have to use IAM.
        iam_required: bool,
    },
    /// With IAM, and so do its clients.
    Iam,
}

/// A proxy to be made. TLS is required of its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDbProxy {
    /// Its name.
    pub name: String,
    /// Its engine family.
    pub family: EngineFamily,
    /// Its subnets.
    pub subnets: Vec<SubnetId>,
    /// Its group.
    pub group: GroupId,
    /// The ARN of its role.
    pub role: String,
    /// How it authenticates.
    pub auth: NewProxyAuth,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A function to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLambda {
    /// Its name.
    pub name: String,
    /// Its runtime.
    pub runtime: String,
    /// The ARN of its role.
    pub role: String,
    /// Its subnets.
    pub subnets: Vec<SubnetId>,
    /// Its group.
    pub group: GroupId,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// The groups that a resource is to have.
#[derive(Clone, Copy, Debug)]
pub enum NewGroups<'a> {
    /// All that it had, and more.
    Grown(&'a GroupList),
    /// Those that are left to it.
    Shrunk(&'a ShrunkList),
}

impl<'a> NewGroups<'a> {
    /// The groups, in their order.
    pub fn iter(self) -> impl Iterator<Item = &'a GroupId> {
        let (grown, shrunk) = match self {
            Self::Grown(list) => (Some(list), None),
            Self::Shrunk(list) => (None, Some(list)),
        };
        let grown = grown.into_iter().flat_map(GroupList::iter);
        grown.chain(shrunk.into_iter().flat_map(ShrunkList::iter))
    }
}

/// What of a function is to change.
#[derive(Clone, Copy, Debug)]
pub enum FunctionChange<'a> {
    /// Its VPC and subnets become these, with the groups besides: those of the `FunctionVpc` itself are not looked at.
    Vpc(&'a FunctionVpc, NewGroups<'a>),
    /// It is in no VPC any more.
    Detached,
    /// Its environment becomes this.
    Environment(&'a Environment),
}

impl<'a> FunctionChange<'a> {
    /// It gets this VPC with its groups.
    pub fn vpc(vpc: &'a FunctionVpc) -> Self {
        Self::Vpc(vpc, NewGroups::Grown(&vpc.groups))
    }
}

/// What an operation answers.
pub type Answer<T> = Result<T, CloudError>;

/// An account in one Region.
#[async_trait::async_trait]
pub trait Cloud: NetworkCloud + IdentityCloud + MskCloud + UsersCloud + Sync {
    /// Clusters, a page at a time: all, or the one with this identifier.
    async fn describe_db_clusters(&self, id: Option<&str>, from: Option<String>) -> Listed<DbCluster>;
    /// Instances, a page at a time.
    async fn describe_db_instances(&self, which: InstanceFilter<'_>, from: Option<String>) -> Listed<DbInstance>;
    /// Proxies, without their targets, a page at a time: all, or the one with this name.
    async fn describe_db_proxies(&self, name: Option<&str>, from: Option<String>) -> Listed<DbProxy>;
    /// The targets of a proxy.
    async fn describe_db_proxy_targets(&self, proxy: &str) -> Answer<Vec<ProxyTarget>>;
    /// The default target group of a proxy.
    async fn describe_db_proxy_target_group(&self, proxy: &str) -> Answer<ProxyTargetGroup>;
    /// DB subnet groups in a VPC, a page at a time: all, or the one with this name.
    async fn describe_db_subnet_groups(&self, name: Option<&str>, from: Option<String>) -> Listed<DbSubnetGroup>;
    /// What describes the secret with this name or ARN.
    async fn describe_secret(&self, id: &str) -> Answer<SecretDescription>;
    /// The resource policy of a secret, where it has one.
    async fn get_secret_policy(&self, id: &str) -> Answer<Option<String>>;
    /// The key with this id, ARN or alias.
    async fn describe_key(&self, id: &str) -> Answer<KeyDescription>;
    /// The account's quota of security groups for each network interface ([`crate::model::QUOTA_CODE`]).
    async fn groups_per_interface(&self) -> Answer<usize>;
    /// The function with this name or ARN.
    async fn get_function_configuration(&self, name: &str) -> Answer<Function>;
    /// All functions, a page at a time. Lambda's list contains no states, and environments are not kept.
    async fn list_functions(&self, versions: Versions, from: Option<String>) -> Listed<ListedFunction>;

    /// Replaces the groups of a cluster or an instance.
    async fn modify_database(&self, kind: DatabaseKind, id: &str, groups: NewGroups<'_>) -> Answer<()>;
    /// Replaces a proxy's groups.
    async fn modify_db_proxy(&self, name: &str, groups: NewGroups<'_>) -> Answer<()>;
    /// Registers a database with a proxy; [`Fault::Duplicate`] where it is its target already.
    async fn register_db_proxy_targets(&self, proxy: &str, kind: DatabaseKind, database: &str) -> Answer<()>;
    /// Changes a function, if it is still at `revision`; else [`Fault::PreconditionFailed`].
    async fn update_function_configuration(
        &self,
        name: &str,
        change: FunctionChange<'_>,
        revision: Option<&str>,
    ) -> Answer<()>;

    /// Makes a secret; [`Fault::Duplicate`] where its name is taken. Its ARN.
    async fn create_secret(&self, new: &NewSecret) -> Answer<String>;
    /// Makes a proxy; [`Fault::Duplicate`] where its name is taken, [`Fault::RoleNotReady`] where RDS cannot assume
    /// its role yet. Its ARN.
    async fn create_db_proxy(&self, new: &NewDbProxy) -> Answer<String>;
    /// Makes a function with the small handler of this program; [`Fault::Duplicate`] where its name is taken,
    /// [`Fault::RoleNotReady`] where Lambda cannot assume its role yet. Its ARN.
    async fn create_function(&self, new: &NewLambda) -> Answer<String>;
    /// The tags of the RDS resource with this ARN.
    async fn list_rds_tags(&self, arn: &str) -> Answer<BTreeMap<String, String>>;
    /// Deletes a proxy with its targets, which takes minutes.
    async fn delete_db_proxy(&self, name: &str) -> Answer<()>;
    /// Schedules a secret for deletion, after the shortest time in which it can be restored: 7 days.
    async fn delete_secret(&self, id: &str) -> Answer<()>;
    /// The secrets whose names begin so; not those that are scheduled for deletion.
    async fn list_secrets(&self, prefix: &str) -> Answer<Vec<SecretDescription>>;
    /// The tags of the function with this ARN.
    async fn list_function_tags(&self, arn: &str) -> Answer<BTreeMap<String, String>>;
    /// All functions and proxies with tags, a page at a time. What never had a tag is not among them, and a tag that was just
    /// written may be missing.
    async fn list_tagged(&self, from: Option<String>) -> Listed<TaggedResource>;
    /// Deletes a function with all its versions.
    async fn delete_function(&self, name: &str) -> Answer<()>;

    /// The tags of the function or proxy with this ARN, where those of all were read at once; else none, and they are to be
    /// asked for.
    fn listed_tags(&self, _arn: &str) -> Option<Answer<BTreeMap<String, String>>> {
        None
    }
    /// The account and Region, as far as they are known without a request.
    fn home(&self) -> Origin;
    /// How many requests were sent so far.
    fn calls(&self) -> ApiCalls;
    /// How often to look again while waiting.
    fn pace(&self) -> Pace;
}
