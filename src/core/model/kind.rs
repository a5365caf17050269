//! The kinds of resources that users name.

/// A kind of resource that users name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceKind {
    /// DB clusters.
    Cluster,
    /// DB instances.
    Instance,
    /// RDS Proxies.
    Proxy,
    /// Lambda functions.
    Function,
}
