//! What a plan makes of a network: gateways, subnets, routes, endpoints, rules by range, DNS across a peering connection.
//!
//! Nothing here removes anything, except that a route without a working target is replaced, and so is the route table
//! of a subnet, by one with the same other routes. Ids of what does not exist yet are symbolic: a [`Slot`].

use std::collections::BTreeMap;

use ipnet::{IpNet, Ipv4Net};

use super::{Effect, GroupRef, Plan, Step, StepStatus};
use crate::model::network::RouteTarget;
use crate::model::{Direction, EndpointId, GroupId, Peer, PeeringId, PrefixListId, SubnetId, VpcId};
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

/// What a step of the plan makes, by the value of its tag `autoconnect:role`, e.g. `nat-gateway`.
pub type Slot = String;

/// Something of a network that a step refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ref {
    /// It exists: its id.
    Existing(String),
    /// A step of the plan makes it.
    New(Slot),
}

impl std::fmt::Display for Ref {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Existing(id) => f.write_str(id),
            Self::New(slot) => write!(f, "the new {}", slot.replace('-', " ")),
        }
    }
}

/// What a route leads through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// An internet gateway.
    InternetGateway(Ref),
    /// A NAT gateway.
    Nat(Ref),
    /// What exists, of any kind.
    Existing(RouteTarget),
}

impl std::fmt::Display for Via {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::InternetGateway(Ref::Existing(id)) => write!(f, "internet gateway {id}"),
            Self::Nat(Ref::Existing(id)) => write!(f, "NAT gateway {id}"),
            Self::InternetGateway(gateway) | Self::Nat(gateway) => gateway.fmt(f),
            Self::Existing(target) => target.fmt(f),
        }
    }
}

/// The other end of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RulePeer {
    /// Whatever has a group.
    Group(Ref),
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
    pub fn resolved<E>(&self, group: impl FnOnce(&Ref) -> Result<String, E>) -> Result<Peer, E> {
        Ok(match self {
            Self::Group(reference) => Peer::Group(group(reference)?.into()),
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointPlan {
    /// By what later steps know it.
    pub slot: Slot,
    /// Its VPC.
    pub vpc: VpcId,
    /// E.g. `com.amazonaws.eu-central-1.sts`.
    pub service: String,
    /// The subnets of an interface endpoint; none for a gateway endpoint.
    pub subnets: Vec<SubnetId>,
    /// The groups of an interface endpoint.
    pub groups: Vec<Ref>,
    /// The route tables of a gateway endpoint.
    pub route_tables: Vec<Ref>,
    /// Its policy document; none for full access.
    pub policy: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// What is changed of an endpoint that exists; lists only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointWish {
    /// Subnets that it gets.
    pub add_subnets: Vec<SubnetId>,
    /// Groups that it gets.
    pub add_groups: Vec<Ref>,
    /// Route tables that it gets.
    pub add_route_tables: Vec<Ref>,
    /// Whether private DNS is turned on.
    pub private_dns: bool,
    /// A policy document in place of the one it has.
    pub policy: Option<String>,
}

/// What a step does to a network, as one call of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkEffect {
    /// Makes a subnet.
    CreateSubnet {
        /// By what later steps know it.
        slot: Slot,
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
        /// By what later steps know it.
        slot: Slot,
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// Attaches an internet gateway.
    AttachInternetGateway {
        /// The gateway.
        gateway: Ref,
        /// The VPC.
        vpc: VpcId,
    },
    /// Allocates an elastic IP address.
    AllocateAddress {
        /// By what later steps know it.
        slot: Slot,
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// Makes a public NAT gateway, and waits until it is available.
    CreateNatGateway {
        /// By what later steps know it.
        slot: Slot,
        /// Its VPC.
        vpc: VpcId,
        /// Its subnet.
        subnet: Ref,
        /// Its elastic IP address.
        address: Ref,
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// Makes a route table.
    CreateRouteTable {
        /// By what later steps know it.
        slot: Slot,
        /// Its VPC.
        vpc: VpcId,
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// Adds a route.
    CreateRoute {
        /// The table.
        table: Ref,
        /// Where to.
        destination: IpNet,
        /// Through what.
        via: Via,
    },
    /// Leads a route that leads nowhere elsewhere.
    ReplaceRoute {
        /// The table.
        table: Ref,
        /// Where to.
        destination: IpNet,
        /// Through what.
        via: Via,
    },
    /// Gives a subnet that has the VPC's main table one of its own.
    AssociateRouteTable {
        /// The table.
        table: Ref,
        /// The subnet.
        subnet: Ref,
    },
    /// Gives a subnet another table than its own.
    ReplaceAssociation {
        /// The association, `rtbassoc-…`.
        association: String,
        /// The table.
        table: Ref,
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
    /// Makes a security group of another kind than a connection's, and takes EC2's own outbound rules out of it.
    CreateGroup {
        /// By what later steps know it.
        slot: Slot,
        /// Its name.
        name: String,
        /// Its VPC.
        vpc: VpcId,
        /// Its description.
        description: String,
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// Adds a rule for TCP to a group of our own.
    AddRule {
        /// Which way.
        direction: Direction,
        /// The group that gets the rule.
        group: Ref,
        /// The port.
        port: u16,
        /// The other end.
        peer: RulePeer,
        /// The rule's description.
        description: String,
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
    #[must_use]
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
            Self::CreateGroup { .. } => Operation::CreateSecurityGroup,
            Self::AddRule { direction, .. } => Operation::authorizes(*direction),
            Self::AllowPeeringDns { .. } => Operation::ModifyVpcPeeringConnectionOptions,
        }
    }

    /// What else the caller must be allowed: tags at birth have an action of their own.
    #[must_use]
    pub fn more_actions(&self) -> &'static [&'static str] {
        match self {
            Self::CreateGroup { .. } => &["ec2:CreateTags", "ec2:RevokeSecurityGroupEgress"],
            // The names of the service lead to an interface endpoint by a zone of AWS's own.
            Self::CreateEndpoint(endpoint) if !endpoint.subnets.is_empty() => {
                &["ec2:CreateTags", "route53:AssociateVPCWithHostedZone"]
            }
            _ if self.makes().is_some() => &["ec2:CreateTags"],
            _ => &[],
        }
    }

    /// How AWS charges for what it makes, for as long as that exists.
    #[must_use]
    pub fn cost(&self) -> Option<&'static str> {
        match self {
            Self::CreateNatGateway { .. } => Some("by the hour, and for each gigabyte that it processes"),
            Self::AllocateAddress { .. } => Some("by the hour, as every public IPv4 address"),
            Self::CreateEndpoint(endpoint) if !endpoint.subnets.is_empty() => {
                Some("by the hour for each of its subnets, and for each gigabyte that it processes")
            }
            _ => None,
        }
    }

    /// By what later steps know what it makes.
    #[must_use]
    pub fn makes(&self) -> Option<&Slot> {
        match self {
            Self::CreateSubnet { slot, .. }
            | Self::CreateInternetGateway { slot, .. }
            | Self::AllocateAddress { slot, .. }
            | Self::CreateNatGateway { slot, .. }
            | Self::CreateRouteTable { slot, .. }
            | Self::CreateGroup { slot, .. } => Some(slot),
            Self::CreateEndpoint(endpoint) => Some(&endpoint.slot),
            _ => None,
        }
    }

    /// The tags of what it makes.
    #[must_use]
    pub fn tags(&self) -> Option<&BTreeMap<String, String>> {
        match self {
            Self::CreateSubnet { tags, .. }
            | Self::CreateInternetGateway { tags, .. }
            | Self::AllocateAddress { tags, .. }
            | Self::CreateNatGateway { tags, .. }
            | Self::CreateRouteTable { tags, .. }
            | Self::CreateGroup { tags, .. } => Some(tags),
            Self::CreateEndpoint(endpoint) => Some(&endpoint.tags),
            _ => None,
        }
    }

    /// What is waited for after the call, as text.
    #[must_use]
    pub fn waits_for(&self) -> Option<&'static str> {
        match self {
            Self::CreateNatGateway { .. } => Some("the NAT gateway to become available"),
            Self::CreateEndpoint(_) => Some("the endpoint to become available"),
            Self::CreateSubnet { .. } => Some("the subnet to be found"),
            Self::CreateGroup { .. } => Some("the group to be found"),
            _ => None,
        }
    }

    /// What the step refers to that may be made by another one.
    #[must_use]
    pub fn needs(&self) -> Vec<&Slot> {
        let mut refs: Vec<&Ref> = Vec::new();
        match self {
            Self::AttachInternetGateway { gateway, .. } => refs.push(gateway),
            Self::CreateNatGateway { subnet, address, .. } => refs.extend([subnet, address]),
            Self::CreateRoute { table, via, .. } | Self::ReplaceRoute { table, via, .. } => {
                refs.push(table);
                if let Via::InternetGateway(gateway) | Via::Nat(gateway) = via {
                    refs.push(gateway);
                }
            }
            Self::AssociateRouteTable { table, subnet } => refs.extend([table, subnet]),
            Self::ReplaceAssociation { table, .. } => refs.push(table),
            Self::CreateEndpoint(endpoint) => refs.extend(endpoint.groups.iter().chain(&endpoint.route_tables)),
            Self::ModifyEndpoint { wish, .. } => refs.extend(wish.add_groups.iter().chain(&wish.add_route_tables)),
            Self::AddRule { group, peer, .. } => {
                refs.push(group);
                if let RulePeer::Group(peer) = peer {
                    refs.push(peer);
                }
            }
            _ => {}
        }
        refs.into_iter()
            .filter_map(|reference| match reference {
                Ref::New(slot) => Some(slot),
                Ref::Existing(_) => None,
            })
            .collect()
    }
}

/// Collects the steps of a plan, each after those that make what it needs.
#[derive(Clone, Debug, Default)]
pub struct Steps(Vec<Step>);

impl Steps {
    /// Adds a step: after `after`, and after the steps that make what it refers to. Its number.
    pub fn add(&mut self, effect: NetworkEffect, resource: &str, summary: impl Into<String>, after: &[u32]) -> u32 {
        let id = u32::try_from(self.0.len() + 1).unwrap_or(u32::MAX);
        let makes = |slot: &Slot| {
            let maker = self.0.iter().find(|step| step.effect.makes_slot() == Some(slot));
            maker.map(|step| step.id)
        };
        let mut all: Vec<u32> = effect
            .needs()
            .into_iter()
            .filter_map(makes)
            .chain(after.iter().copied())
            .collect();
        all.sort_unstable();
        all.dedup();
        self.0.push(Step {
            id,
            resource: resource.to_owned(),
            summary: summary.into(),
            effect: Effect::Network(effect),
            after: all,
            status: StepStatus::Planned,
        });
        id
    }

    /// Removes the default outbound rule of a group that an earlier run has made and not finished; once.
    pub fn finish(&mut self, group: &GroupId) {
        let effect = Effect::RevokeDefaultEgress {
            group: GroupRef::Existing(group.clone()),
        };
        if self.0.iter().any(|step| step.effect == effect) {
            return;
        }
        self.0.push(Step {
            id: u32::try_from(self.0.len() + 1).unwrap_or(u32::MAX),
            resource: group.to_string(),
            summary: format!("{group}: remove the default outbound rule (all traffic)"),
            effect,
            after: Vec::new(),
            status: StepStatus::Planned,
        });
    }

    /// The steps so far.
    pub fn iter(&self) -> impl Iterator<Item = &Step> {
        self.0.iter()
    }

    /// The plan of these steps.
    #[must_use]
    pub fn plan(self) -> Plan {
        Plan {
            steps: self.0,
            ..Plan::default()
        }
    }
}
