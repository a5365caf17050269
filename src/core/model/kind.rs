//! The kinds of resources that users name.

use super::DatabaseKind;

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

impl From<DatabaseKind> for ResourceKind {
    fn from(kind: DatabaseKind) -> Self {
        match kind {
            DatabaseKind::Cluster => Self::Cluster,
            DatabaseKind::Instance => Self::Instance,
        }
    }
}
