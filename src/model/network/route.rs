//! Route tables.

use std::collections::BTreeMap;
use std::fmt;

use ipnet::IpNet;

use crate::model::{
    EndpointId, InterfaceId, InternetGatewayId, NatGatewayId, PeeringId, PrefixListId, RouteTableId, SubnetId, VpcId,
};

/// A route table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTable {
    /// Its id.
    pub id: RouteTableId,
    /// Its VPC.
    pub vpc: VpcId,
    /// Whether it is that of every subnet with no other.
    pub is_main: bool,
    /// The subnets associated with it.
    pub associations: Vec<Association>,
    /// Its routes.
    pub routes: Vec<Route>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A subnet's explicit association with a route table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Association {
    /// `RouteTableAssociationId`, `rtbassoc-…`.
    pub id: String,
    /// The subnet.
    pub subnet: SubnetId,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where to.
    pub destination: Destination,
    /// Through what.
    pub target: RouteTarget,
    /// Whether what it leads to is gone (`State` is `blackhole`).
    pub is_blackhole: bool,
    /// How it came about.
    pub origin: RouteOrigin,
}

/// Where a route leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A range.
    Cidr(IpNet),
    /// All ranges of a prefix list.
    PrefixList(PrefixListId),
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cidr(cidr) => cidr.fmt(f),
            Self::PrefixList(id) => id.fmt(f),
        }
    }
}

/// How a route came about. Of two for the same destination, a static one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteOrigin {
    /// With the table, or made by somebody.
    Static,
    /// Propagated by a virtual private gateway.
    Propagated,
}

/// What a route leads through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteTarget {
    /// The VPC's own network.
    Local,
    /// A peering connection.
    Peering(PeeringId),
    /// An internet gateway.
    InternetGateway(InternetGatewayId),
    /// An egress-only internet gateway.
    EgressOnly(InternetGatewayId),
    /// A NAT gateway.
    Nat(NatGatewayId),
    /// A network interface: a NAT instance's, or an appliance's.
    Interface(InterfaceId),
    /// A VPC endpoint.
    Endpoint(EndpointId),
    /// A transit gateway.
    TransitGateway(String),
    /// A virtual private gateway.
    VpnGateway(String),
    /// Anything else, by its id.
    Other(String),
}

impl RouteTarget {
    /// What a `GatewayId` names.
    #[must_use]
    pub fn of_gateway(id: &str) -> Self {
        match id.split_once('-').map_or(id, |(kind, _)| kind) {
            "local" => Self::Local,
            "igw" => Self::InternetGateway(id.into()),
            "eigw" => Self::EgressOnly(id.into()),
            "vpce" => Self::Endpoint(id.into()),
            "vgw" => Self::VpnGateway(id.to_owned()),
            _ => Self::Other(id.to_owned()),
        }
    }
}

impl fmt::Display for RouteTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("the local route"),
            Self::Peering(id) => write!(f, "peering connection {id}"),
            Self::InternetGateway(id) => write!(f, "internet gateway {id}"),
            Self::EgressOnly(id) => write!(f, "egress-only internet gateway {id}"),
            Self::Nat(id) => write!(f, "NAT gateway {id}"),
            Self::Interface(id) => write!(f, "network interface {id}"),
            Self::Endpoint(id) => write!(f, "VPC endpoint {id}"),
            Self::TransitGateway(id) => write!(f, "transit gateway {id}"),
            Self::VpnGateway(id) => write!(f, "virtual private gateway {id}"),
            Self::Other(id) => f.write_str(id),
        }
    }
}
