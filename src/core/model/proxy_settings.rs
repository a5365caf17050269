//! How an RDS Proxy is configured, besides what a connection is judged by: what code that describes it must contain.

/// An entry of `Auth`: how a proxy logs in to its database for one user, and what it asks of clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyLogin<S = String> {
    /// `Description`.
    pub description: Option<String>,
    /// `UserName`.
    pub user: Option<String>,
    /// `AuthScheme`: `SECRETS`.
    pub scheme: Option<String>,
    /// `SecretArn`.
    pub secret: Option<S>,
    /// `IAMAuth`: `REQUIRED`, `ENABLED` or `DISABLED`.
    pub iam_auth: Option<String>,
    /// `ClientPasswordAuthType`, such as `POSTGRES_SCRAM_SHA_256`.
    pub client_password_auth: Option<String>,
}

/// `IdleClientTimeout` of a proxy for which nothing else was asked, in seconds.
pub const IDLE_TIMEOUT: u32 = 1800;

/// The settings of a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// `Auth`, in the order of AWS.
    pub logins: Vec<ProxyLogin>,
    /// `DefaultAuthScheme`: `IAM_AUTH`, or `NONE`; none where AWS does not report it.
    pub default_auth_scheme: Option<String>,
    /// `IdleClientTimeout`, in seconds; none where AWS does not report it.
    pub idle_client_timeout: Option<u32>,
    /// `EndpointNetworkType`: `IPV4`, `IPV6` or `DUAL`; none where AWS does not report it.
    pub endpoint_network_type: Option<String>,
    /// `TargetConnectionNetworkType`: `IPV4` or `IPV6`; none where AWS does not report it.
    pub target_network_type: Option<String>,
}

impl ProxySettings {
    /// Whether it connects to its database with IAM, without secrets.
    pub fn is_iam_to_database(&self) -> bool {
        self.default_auth_scheme.as_deref() == Some("IAM_AUTH")
    }
}

/// `ConnectionPoolConfig` of a target group. What AWS does not report is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionPool {
    /// `ConnectionBorrowTimeout`, in seconds.
    pub borrow_timeout: Option<u32>,
    /// `InitQuery`.
    pub init_query: Option<String>,
    /// `MaxConnectionsPercent`.
    pub max_connections: Option<u32>,
    /// `MaxIdleConnectionsPercent`.
    pub max_idle_connections: Option<u32>,
    /// `SessionPinningFilters`.
    pub pinning_filters: Vec<String>,
}

/// The default target group of a proxy, in which its database is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyTargetGroup {
    /// `TargetGroupName`: `default`.
    pub name: String,
    /// `TargetGroupArn`; empty while it does not exist.
    pub arn: String,
    /// How it keeps connections to the database.
    pub pool: ConnectionPool,
}
