//! The parts of an estate, each of which is read on its own and can fail on its own.

use std::fmt;

/// A part of an estate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The DB clusters.
    Clusters,
    /// The DB instances.
    Instances,
    /// The DB subnet groups.
    SubnetGroups,
    /// The proxies.
    Proxies,
    /// The endpoints of proxies.
    ProxyEndpoints,
    /// The targets of one proxy.
    TargetsOf(String),
    /// The functions.
    Functions,
    /// The security groups.
    Groups,
    /// The subnets.
    Subnets,
    /// The tags of functions and proxies.
    Tags,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clusters => f.write_str("DB clusters"),
            Self::Instances => f.write_str("DB instances"),
            Self::SubnetGroups => f.write_str("DB subnet groups"),
            Self::Proxies => f.write_str("proxies"),
            Self::ProxyEndpoints => f.write_str("endpoints of proxies"),
            Self::TargetsOf(proxy) => write!(f, "the targets of proxy {proxy}"),
            Self::Functions => f.write_str("functions"),
            Self::Groups => f.write_str("security groups"),
            Self::Subnets => f.write_str("subnets"),
            Self::Tags => f.write_str("the tags of functions and proxies"),
        }
    }
}
