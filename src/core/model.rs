//! What the program knows about an account: plain data, in the terms of AWS.
//!
//! It uses no SDK type, no clock, and no input or output.

mod arn;
mod database;
mod described_rule;
mod environment;
mod extras;
mod function;
mod ids;
mod kind;
mod msk;
mod named;
pub mod network;
mod observation;
mod origin;
mod proxy;
mod proxy_settings;
mod quota;
mod reason;
mod security_group;
mod url;

pub use arn::{Place, last_segment, qualified, without_qualifier};
pub use database::{Access, Database, DatabaseForm, DatabaseKind, GroupMembership, Member, Scaling, takes_connections};
pub use described_rule::DescribedRule;
pub use environment::Environment;
pub use extras::{
    Bearers, Connect, Credentials, CredentialsWish, EnvironmentWish, Extras, Found, FoundRole, Key, MAX_SESSION,
    NeededSecret, NewFunction, NewProxy, ProxyPermission, ResourceTags, Role, Secret, SecretDetails,
};
pub use function::{Code, Function, FunctionState, FunctionVpc, LastUpdateStatus, Subnet};
pub use ids::{
    EndpointId, GroupId, GroupList, InterfaceId, InternetGatewayId, NatGatewayId, NetworkAclId, PeeringId,
    PrefixListId, RouteTableId, SubnetId, VpcId,
};
pub use kind::ResourceKind;
pub use msk::{
    Authentication, ClientAuthentication, ClientBroker, EventSource, EventSourceMapping, MappingMode, MskCluster,
    MskKind, MskPlacement, SourceAccess,
};
pub use named::{Elsewhere, Expected, Named};
pub use observation::{Observation, Side};
pub use origin::Origin;
pub use proxy::{
    EngineFamily, NoReader, Proxy, ProxyEndpoint, ProxyTarget, TargetHealth, TargetHealthState, TargetKind, TargetRole,
};
pub use proxy_settings::{ConnectionPool, IDLE_TIMEOUT, ProxyLogin, ProxySettings, ProxyTargetGroup};
pub use quota::{GroupQuota, MOST_GROUPS, QUOTA_CODE, USUAL_GROUPS};
pub use reason::{explained, remedy};
pub use security_group::{Direction, Peer, PortRange, Protocol, Rule, SecurityGroup};
pub use url::is_url;
