//! What a plan makes of a network: gateways, subnets, routes, endpoints, rules by range, DNS across a peering connection.
//!
//! Nothing here removes anything, except that a route without a working target is replaced, and so is the route table
//! of a subnet, by one with the same other routes.

use std::collections::BTreeMap;

use ipnet::{IpNet, Ipv4Net};
use serde::Serialize;

use super::{Made, Ref};
use crate::model::network::RouteTarget;
use crate::model::{
    EndpointId, GroupId, InternetGatewayId, NatGatewayId, Peer, PeeringId, PrefixListId, RouteTableId, SubnetId, VpcId,
};
use crate::operation::Operation;

/// The operations that only the plans of a network have.
pub const OPERATIONS: &[Operation] = &[
    Operation::DescribeAddresses,
    Operation::CreateSubnet,
    Operation::CreateInternetGateway,
    Operation::AttachInternetGateway,
    Operation::AllocateAddress,
    Operation::CreateNatGateway,
    Operation::CreateRouteTable,
    Operation::CreateRoute,
    Operation::ReplaceRoute,
    Operation::AssociateRouteTable,
    Operation::ReplaceRouteTableAssociation,
    Operation::CreateVpcEndpoint,
    Operation::ModifyVpcEndpoint,
    Operation::ModifyVpcPeeringConnectionOptions,
];

/// What a route leads through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// An internet gateway.
    InternetGateway(Ref<InternetGatewayId>),
    /// A NAT gateway.
    Nat(Ref<NatGatewayId>),
    /// What exists, of any kind.
    Existing(RouteTarget),
}

impl std::fmt::Display for Via {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::InternetGateway(Ref::Existing(id)) => write!(f, "internet gateway {id}"),
            Self::Nat(Ref::Existing(id)) => write!(f, "NAT gateway {id}"),
            Self::InternetGateway(gateway) => gateway.fmt(f),
            Self::Nat(nat) => nat.fmt(f),
            Self::Existing(target) => target.fmt(f),
        }
    }
}

/// The other end of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RulePeer {
    /// Whatever has a group.
    Group(Ref<GroupId>),
    /// A range.
    Cidr(IpNet),
    /// A prefix list.
    PrefixList(PrefixListId),
}

impl RulePeer {
    /// The peer once the group's id is known.
    ///
    /// # Errors
    ///
    /// The group's id is not known.
    pub fn resolved<E>(&self, group: impl FnOnce(&Ref<GroupId>) -> Result<GroupId, E>) -> Result<Peer, E> {
        Ok(match self {
            Self::Group(reference) => Peer::Group(group(reference)?),
            Self::Cidr(cidr) => Peer::Cidr(cidr.to_string()),
            Self::PrefixList(id) => Peer::PrefixList(id.to_string()),
        })
    }
}

impl std::fmt::Display for RulePeer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Group(group) => group.fmt(f),
            Self::Cidr(cidr) => cidr.fmt(f),
            Self::PrefixList(id) => id.fmt(f),
        }
    }
}

/// An endpoint to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EndpointPlan {
    /// Its VPC.
    pub vpc: VpcId,
    /// E.g. `com.amazonaws.eu-central-1.sts`.
    pub service: String,
    /// The subnets of an interface endpoint; none for a gateway endpoint.
    pub subnets: Vec<SubnetId>,
    /// The groups of an interface endpoint.
    pub groups: Vec<Ref<GroupId>>,
    /// The route tables of a gateway endpoint.
    pub route_tables: Vec<Ref<RouteTableId>>,
    /// Its policy document; none for full access.
    pub policy: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// What is changed of an endpoint that exists; lists only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EndpointWish {
    /// Subnets that it gets.
    pub add_subnets: Vec<SubnetId>,
    /// Groups that it gets.
    pub add_groups: Vec<Ref<GroupId>>,
    /// Route tables that it gets.
    pub add_route_tables: Vec<Ref<RouteTableId>>,
    /// Whether private DNS is turned on.
    pub private_dns: bool,
    /// A policy document in place of the one it has.
    pub policy: Option<String>,
}

/// What a step does to a network, as one call of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "effect", rename_all = "kebab-case")]
pub enum NetworkEffect {
    /// Makes a subnet.
    CreateSubnet {
        /// Its VPC.
        vpc: VpcId,
        /// Its range.
        cidr: Ipv4Net,
        /// Its Availability Zone.
        zone: String,
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// Makes an internet gateway.
    CreateInternetGateway {
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// Attaches an internet gateway.
    AttachInternetGateway {
        /// The gateway.
        gateway: Ref<InternetGatewayId>,
        /// The VPC.
        vpc: VpcId,
    },
    /// Allocates an elastic IP address.
    AllocateAddress {
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// Makes a public NAT gateway, and waits until it is available.
    CreateNatGateway {
        /// Its VPC.
        vpc: VpcId,
        /// Its subnet.
        subnet: Ref<SubnetId>,
        /// Its elastic IP address.
        address: Ref<String>,
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// Makes a route table.
    CreateRouteTable {
        /// Its VPC.
        vpc: VpcId,
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// Adds a route.
    CreateRoute {
        /// The table.
        table: Ref<RouteTableId>,
        /// Where to.
        destination: IpNet,
        /// Through what.
        via: Via,
    },
    /// Leads a route that leads nowhere elsewhere.
    ReplaceRoute {
        /// The table.
        table: Ref<RouteTableId>,
        /// Where to.
        destination: IpNet,
        /// Through what.
        via: Via,
    },
    /// Gives a subnet that has the VPC's main table one of its own.
    AssociateRouteTable {
        /// The table.
        table: Ref<RouteTableId>,
        /// The subnet.
        subnet: Ref<SubnetId>,
    },
    /// Gives a subnet another table than its own.
    ReplaceAssociation {
        /// The association, `rtbassoc-…`.
        association: String,
        /// The table.
        table: Ref<RouteTableId>,
        /// The subnet.
        subnet: SubnetId,
    },
    /// Makes a VPC endpoint, and waits until it is available.
    CreateEndpoint(Box<EndpointPlan>),
    /// Adds to a VPC endpoint.
    ModifyEndpoint {
        /// The endpoint.
        endpoint: EndpointId,
        /// What.
        wish: EndpointWish,
    },
    /// Lets names resolve to private addresses across a peering connection.
    AllowPeeringDns {
        /// The connection.
        peering: PeeringId,
        /// On the requester's side.
        requester: bool,
        /// On the accepter's side.
        accepter: bool,
    },
}

impl NetworkEffect {
    /// The operation of the API that carries it out.
    pub fn operation(&self) -> Operation {
        match self {
            Self::CreateSubnet { .. } => Operation::CreateSubnet,
            Self::CreateInternetGateway { .. } => Operation::CreateInternetGateway,
            Self::AttachInternetGateway { .. } => Operation::AttachInternetGateway,
            Self::AllocateAddress { .. } => Operation::AllocateAddress,
            Self::CreateNatGateway { .. } => Operation::CreateNatGateway,
            Self::CreateRouteTable { .. } => Operation::CreateRouteTable,
            Self::CreateRoute { .. } => Operation::CreateRoute,
            Self::ReplaceRoute { .. } => Operation::ReplaceRoute,
            Self::AssociateRouteTable { .. } => Operation::AssociateRouteTable,
            Self::ReplaceAssociation { .. } => Operation::ReplaceRouteTableAssociation,
            Self::CreateEndpoint(_) => Operation::CreateVpcEndpoint,
            Self::ModifyEndpoint { .. } => Operation::ModifyVpcEndpoint,
            Self::AllowPeeringDns { .. } => Operation::ModifyVpcPeeringConnectionOptions,
        }
    }

    /// What else the caller must be allowed: tags at birth have an action of their own.
    pub fn more_actions(&self) -> &'static [&'static str] {
        match self {
            // The names of the service lead to an interface endpoint by a zone of AWS's own.
            Self::CreateEndpoint(endpoint) if !endpoint.subnets.is_empty() => {
                &["ec2:CreateTags", "route53:AssociateVPCWithHostedZone"]
            }
            _ if self.makes().is_some() => &["ec2:CreateTags"],
            _ => &[],
        }
    }

    /// How AWS charges for what it makes, for as long as that exists.
    pub fn cost(&self) -> Option<&'static str> {
        match self {
            Self::CreateNatGateway { .. } => Some("by the hour, and for each gigabyte that it processes"),
            Self::AllocateAddress { .. } => Some("by the hour, as every public IPv4 address"),
            Self::CreateEndpoint(endpoint) if !endpoint.subnets.is_empty() => {
                Some("by the hour for each of its subnets, and for each gigabyte that it processes")
            }
            Self::ModifyEndpoint { wish, .. } if !wish.add_subnets.is_empty() => {
                Some("by the hour for each further subnet")
            }
            _ => None,
        }
    }

    /// What it makes.
    pub fn makes(&self) -> Option<Made> {
        match self {
            Self::CreateSubnet { .. } => Some(Made::Subnet),
            Self::CreateInternetGateway { .. } => Some(Made::InternetGateway),
            Self::AllocateAddress { .. } => Some(Made::Address),
            Self::CreateNatGateway { .. } => Some(Made::NatGateway),
            Self::CreateRouteTable { .. } => Some(Made::RouteTable),
            Self::CreateEndpoint(_) => Some(Made::Endpoint),
            _ => None,
        }
    }

    /// The tags of what it makes.
    pub fn tags(&self) -> Option<&BTreeMap<String, String>> {
        match self {
            Self::CreateSubnet { tags, .. }
            | Self::CreateInternetGateway { tags, .. }
            | Self::AllocateAddress { tags, .. }
            | Self::CreateNatGateway { tags, .. }
            | Self::CreateRouteTable { tags, .. } => Some(tags),
            Self::CreateEndpoint(endpoint) => Some(&endpoint.tags),
            _ => None,
        }
    }

    /// What is waited for after the call, as text.
    pub fn waits_for(&self) -> Option<&'static str> {
        match self {
            Self::CreateNatGateway { .. } => Some("the NAT gateway to become available"),
            Self::CreateEndpoint(_) => Some("the endpoint to become available"),
            Self::CreateSubnet { .. } => Some("the subnet to be found"),
            _ => None,
        }
    }

    /// What else than groups the step refers to: what it is, and the number of the step that makes it, if one does.
    pub(super) fn needs(&self) -> Vec<(Made, Option<u32>)> {
        let table = |table: &Ref<RouteTableId>| (Made::RouteTable, table.step());
        match self {
            Self::AttachInternetGateway { gateway, .. } => vec![(Made::InternetGateway, gateway.step())],
            Self::CreateNatGateway { subnet, address, .. } => {
                vec![(Made::Subnet, subnet.step()), (Made::Address, address.step())]
            }
            Self::CreateRoute { table: of, via, .. } | Self::ReplaceRoute { table: of, via, .. } => {
                let target = match via {
                    Via::InternetGateway(gateway) => (Made::InternetGateway, gateway.step()),
                    Via::Nat(nat) => (Made::NatGateway, nat.step()),
                    Via::Existing(_) => return vec![table(of)],
                };
                vec![table(of), target]
            }
            Self::AssociateRouteTable { table: of, subnet } => vec![table(of), (Made::Subnet, subnet.step())],
            Self::ReplaceAssociation { table: of, .. } => vec![table(of)],
            Self::CreateEndpoint(endpoint) => endpoint.route_tables.iter().map(table).collect(),
            Self::ModifyEndpoint { wish, .. } => wish.add_route_tables.iter().map(table).collect(),
            _ => Vec::new(),
        }
    }

    /// The groups that the step refers to.
    pub(super) fn groups(&self) -> Vec<&Ref<GroupId>> {
        match self {
            Self::CreateEndpoint(endpoint) => endpoint.groups.iter().collect(),
            Self::ModifyEndpoint { wish, .. } => wish.add_groups.iter().collect(),
            _ => Vec::new(),
        }
    }
}
