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
    /// Which Availability Zones it serves.
    pub mode: NatMode,
    /// The route table of a regional one, if EC2 reports it.
    pub route_table: Option<RouteTableId>,
    /// `pending`, `available`, `failed`, `deleting`, `deleted`.
    pub state: String,
    /// Why it failed, where EC2 says so.
    pub failure: Option<String>,
    /// `ConnectivityType`: `public` or `private`.
    pub connectivity: String,
    /// Its public addresses.
    pub public_addresses: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl NatGateway {
    /// Whether it is regional.
    pub fn is_regional(&self) -> bool {
        self.mode == NatMode::Regional
    }
}

/// `AvailabilityMode` of a NAT gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NatMode {
    /// It is in a subnet, and in its Availability Zone.
    #[default]
    Zonal,
    /// It is in no subnet, and serves all Availability Zones.
    Regional,
    /// A mode that this version does not know.
    Other(String),
}

impl NatMode {
    /// Reads the API's `AvailabilityMode`.
    pub fn from_api(mode: Option<&str>) -> Self {
        match mode {
            None | Some("zonal") => Self::Zonal,
            Some("regional") => Self::Regional,
            Some(other) => Self::Other(other.to_owned()),
        }
    }

    /// The API's `AvailabilityMode`, where it is not the usual one.
    pub fn as_api(&self) -> Option<&str> {
        match self {
            Self::Zonal => None,
            Self::Regional => Some("regional"),
            Self::Other(other) => Some(other),
        }
    }
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

/// A service that a VPC endpoint can be for, as `DescribeVpcEndpointServices` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointService {
    /// E.g. `com.amazonaws.eu-central-1.sts`; in China some begin with `cn.com.amazonaws`.
    pub name: String,
    /// Of which kinds its endpoints can be.
    pub kinds: Vec<EndpointKind>,
    /// The Availability Zones in which interface endpoints for it can be; none where they are not reported.
    pub zones: Vec<String>,
    /// The names that private DNS leads to an endpoint, such as `sts.eu-central-1.amazonaws.com`.
    pub private_names: Vec<String>,
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
    /// `PrivateDnsOnlyForInboundResolverEndpoint` of `DnsOptions`: whether private DNS answers only what comes in through
    /// an inbound endpoint of Route 53 Resolver, and not what asks from within the VPC. None where it was not read.
    pub only_inbound_resolver: Option<bool>,
    /// Its policy document, as JSON; none for full access.
    pub policy: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// Services that every Region has, as far as AWS documents.
pub const WELL_KNOWN: [&str; 44] = [
    "athena",
    "autoscaling",
    "cloudformation",
    "cloudtrail",
    "codebuild",
    "cognito-idp",
    "config",
    "dynamodb",
    "ec2",
    "ec2messages",
    "ecr.api",
    "ecr.dkr",
    "ecs",
    "elasticache",
    "elasticfilesystem",
    "elasticloadbalancing",
    "email-smtp",
    "events",
    "execute-api",
    "kinesis-firehose",
    "glue",
    "kinesis-streams",
    "kms",
    "lambda",
    "logs",
    "monitoring",
    "rds",
    "rds-data",
    "redshift",
    "redshift-data",
    "s3",
    "sagemaker.api",
    "sagemaker.runtime",
    "secretsmanager",
    "servicecatalog",
    "sns",
    "sqs",
    "ssm",
    "ssmmessages",
    "states",
    "sts",
    "synthetics",
    "transfer",
    "xray",
];

/// The services that have gateway endpoints. Only their interface endpoints have [`Endpoint::only_inbound_resolver`].
const BY_GATEWAY: [&str; 2] = ["dynamodb", "s3"];

/// Whether a service, as `s3` or by the whole name of its endpoints, has gateway endpoints.
pub fn has_gateway(service: &str) -> bool {
    BY_GATEWAY.contains(&last_part(service))
}

fn last_part(service: &str) -> &str {
    service.rsplit('.').next().unwrap_or(service)
}

impl Endpoint {
    /// Whether it leads to something that is not a service of AWS: an endpoint service (`PrivateLink`), or resources of Amazon
    /// VPC Lattice.
    pub fn is_to_others(&self) -> bool {
        match &self.kind {
            EndpointKind::Interface => self.service.contains("amazonaws.vpce."),
            EndpointKind::Gateway => false,
            EndpointKind::Other(kind) => kind == "Resource" || kind == "ServiceNetwork",
        }
    }

    /// Whether the service's name leads what asks from within the VPC to this endpoint; none where that cannot be
    /// determined from what was read. `others` are the endpoints of the VPC.
    ///
    /// EC2 takes private DNS for inbound Resolver endpoints only where the service has a gateway endpoint in the VPC.
    pub fn takes_names(&self, others: &[Self]) -> Option<bool> {
        if self.kind != EndpointKind::Interface || !self.private_dns {
            return Some(false);
        }
        let is_gateway = |other: &Self| {
            other.vpc == self.vpc
                && other.kind == EndpointKind::Gateway
                && last_part(&other.service) == last_part(&self.service)
        };
        match self.only_inbound_resolver {
            Some(is_only) => Some(!is_only),
            None if has_gateway(&self.service) && others.iter().any(is_gateway) => None,
            None => Some(true),
        }
    }
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
    /// Its security groups: EC2 gives each interface at least one. None where they were not read.
    pub groups: Vec<GroupId>,
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
