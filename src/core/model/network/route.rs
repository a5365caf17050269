//! Route tables.

use std::collections::BTreeMap;
use std::fmt;

use ipnet::IpNet;
use serde::Serialize;

use crate::escape::word;
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

impl RouteTable {
    /// The prefix lists that its routes name.
    pub fn prefix_lists(&self) -> impl Iterator<Item = &PrefixListId> {
        self.routes.iter().filter_map(|route| match &route.destination {
            Destination::PrefixList(id) => Some(id),
            Destination::Cidr(_) => None,
        })
    }
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
    /// Whether it counts.
    pub state: RouteState,
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

impl Destination {
    /// The option of `aws ec2 create-route` and its like that names it.
    pub fn option(&self) -> String {
        match self {
            Self::Cidr(cidr) if cidr.addr().is_ipv6() => format!("--destination-ipv6-cidr-block {cidr}"),
            Self::Cidr(cidr) => format!("--destination-cidr-block {cidr}"),
            Self::PrefixList(id) => format!("--destination-prefix-list-id {}", word(id)),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cidr(cidr) => cidr.fmt(f),
            Self::PrefixList(id) => id.fmt(f),
        }
    }
}

/// `State` of a route. Open: only an active route counts, and a state that this program does not know is never
/// treated as good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteState {
    /// In effect.
    Active,
    /// Its target no longer exists: what it matches is dropped.
    Blackhole,
    /// Any other.
    Other(String),
}

impl RouteState {
    /// Reads the API's `State`.
    pub fn from_api(state: &str) -> Self {
        match state {
            "active" => Self::Active,
            "blackhole" => Self::Blackhole,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The API's `State`.
    pub fn as_api(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Blackhole => "blackhole",
            Self::Other(other) => other,
        }
    }
}

/// `Origin` of a route. Of two routes for the same destination, a static one counts. Open: an origin that this program
/// does not know is never treated as static.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteOrigin {
    /// Created with the table, or by a user.
    Static,
    /// Propagated by a virtual private gateway.
    Propagated,
    /// Any other, such as `Advertisement` of a route server.
    Other(String),
}

impl RouteOrigin {
    /// Reads the API's `Origin`.
    pub fn from_api(origin: &str) -> Self {
        match origin {
            "CreateRouteTable" | "CreateRoute" => Self::Static,
            "EnableVgwRoutePropagation" => Self::Propagated,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Which of two routes for the same destination counts: the one with the lower number.
    pub fn precedence(&self) -> u8 {
        match self {
            Self::Static => 0,
            Self::Propagated | Self::Other(_) => 1,
        }
    }

    /// The API's `Origin`; none for a static route, of which the API has two.
    pub fn as_api(&self) -> Option<&str> {
        match self {
            Self::Static => None,
            Self::Propagated => Some("EnableVgwRoutePropagation"),
            Self::Other(other) => Some(other),
        }
    }
}

impl Route {
    /// Whether its target no longer exists.
    pub fn is_blackhole(&self) -> bool {
        self.state == RouteState::Blackhole
    }

    /// Why it cannot be determined whether it counts, if so: a state or an origin that this program does not know.
    pub fn doubt(&self) -> Option<String> {
        if let RouteState::Other(state) = &self.state {
            return Some(format!(
                "the route's state is {state}, which this version does not know"
            ));
        }
        if let RouteOrigin::Other(origin) = &self.origin {
            return Some(format!(
                "the route's origin is {origin}, whose precedence this version does not know"
            ));
        }
        None
    }
}

/// What a route leads through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
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
