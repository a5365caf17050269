//! What leads out of a VPC: gateways, endpoints, and the interfaces of appliances.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::{EndpointId, GroupId, InterfaceId, InternetGatewayId, NatGatewayId, RouteTableId, SubnetId, VpcId};

/// An internet gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InternetGateway {
    /// Its id.
    pub id: InternetGatewayId,
    /// The VPC that it is attached to, if it is.
    pub vpc: Option<VpcId>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// An egress-only internet gateway, for IPv6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressOnlyGateway {
    /// Its id.
    pub id: InternetGatewayId,
    /// The VPC that it is attached to, if it is.
    pub vpc: Option<VpcId>,
}

/// A NAT gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatGateway {
    /// Its id.
    pub id: NatGatewayId,
    /// Its VPC.
    pub vpc: VpcId,
    /// Its subnet; none for a regional one.
    pub subnet: Option<SubnetId>,
    /// Whether its `AvailabilityMode` is `regional`: it is in no subnet and serves all Availability Zones.
    pub is_regional: bool,
    /// The route table of a regional one, where EC2 tells.
    pub route_table: Option<RouteTableId>,
    /// `pending`, `available`, `failed`, `deleting`, `deleted`.
    pub state: String,
    /// Why it failed, where EC2 says so.
    pub failure: Option<String>,
    /// Whether its `ConnectivityType` is `public`.
    pub is_public: bool,
    /// Its public addresses.
    pub public_addresses: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// `VpcEndpointType`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointKind {
    /// Network interfaces in subnets (`PrivateLink`).
    Interface,
    /// A target in route tables, for S3 and `DynamoDB`.
    Gateway,
    /// Any other.
    Other(String),
}

impl EndpointKind {
    /// Reads the API's `VpcEndpointType`.
    #[must_use]
    pub fn from_api(kind: &str) -> Self {
        match kind {
            "Interface" => Self::Interface,
            "Gateway" => Self::Gateway,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for EndpointKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interface => "interface",
            Self::Gateway => "gateway",
            Self::Other(other) => other,
        })
    }
}

/// A VPC endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// Its VPC.
    pub vpc: VpcId,
    /// Its kind.
    pub kind: EndpointKind,
    /// E.g. `com.amazonaws.eu-central-1.secretsmanager`.
    pub service: String,
    /// `available`, `pending`, …, in lower case.
    pub state: String,
    /// The subnets of an interface endpoint.
    pub subnets: Vec<SubnetId>,
    /// The groups of an interface endpoint.
    pub groups: Vec<GroupId>,
    /// The route tables of a gateway endpoint.
    pub route_tables: Vec<RouteTableId>,
    /// `PrivateDnsEnabled`.
    pub private_dns: bool,
    /// Its policy document, as JSON; none for full access.
    pub policy: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A network interface that a route leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its id.
    pub id: InterfaceId,
    /// Its VPC.
    pub vpc: VpcId,
    /// Its subnet.
    pub subnet: SubnetId,
    /// `SourceDestCheck`: where it is on, the interface drops what is not its own, and so cannot be a NAT instance's.
    pub checks_destination: Option<bool>,
    /// Its public address, if it has one.
    pub public_address: Option<String>,
    /// `in-use`, `available`, …
    pub status: String,
}

/// An elastic IP address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// `AllocationId`, `eipalloc-…`.
    pub allocation: String,
    /// The address.
    pub public_ip: String,
    /// What it is associated with, if it is.
    pub association: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}
