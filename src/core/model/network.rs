//! A network as EC2 describes it: everything between a function and its target.
//!
//! Ranges are parsed; what EC2 reports as free text (states, kinds) is kept as text.

mod gateway;
mod peering;
pub mod public_access;
mod route;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

pub use gateway::{
    Address, EgressOnlyGateway, Endpoint, EndpointKind, EndpointService, Interface, InternetGateway, NatGateway,
    NatMode, WELL_KNOWN, has_gateway,
};
pub use peering::{Peering, PeeringSide};
pub use public_access::{Exclusion, PublicAccess};
pub use route::{Association, Destination, Route, RouteOrigin, RouteState, RouteTable, RouteTarget};

use super::{Direction, InternetGatewayId, NetworkAclId, PrefixListId, SecurityGroup, SubnetId, VpcId};

/// A part of what there is: read, or not to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<T> {
    /// It was read.
    Read(T),
    /// It was not read, and why: what depends on it is unknown.
    Unread(String),
}

impl<T> Part<T> {
    /// What was read.
    ///
    /// # Errors
    ///
    /// Why it was not.
    pub fn read(&self) -> Result<&T, &str> {
        match self {
            Self::Read(part) => Ok(part),
            Self::Unread(why) => Err(why),
        }
    }

    /// What was read, if it was.
    pub fn known(&self) -> Option<&T> {
        self.read().ok()
    }
}

impl<T: Default> Default for Part<T> {
    fn default() -> Self {
        Self::Read(T::default())
    }
}

/// The network of one VPC or more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// The VPCs.
    pub vpcs: Part<Vec<Vpc>>,
    /// Their subnets.
    pub subnets: Part<Vec<Subnet>>,
    /// Their route tables.
    pub route_tables: Part<Vec<RouteTable>>,
    /// Their network ACLs.
    pub acls: Part<Vec<NetworkAcl>>,
    /// The peering connections that they have a part in.
    pub peerings: Part<Vec<Peering>>,
    /// The internet gateways attached to them.
    pub internet_gateways: Part<Vec<InternetGateway>>,
    /// The egress-only internet gateways attached to them.
    pub egress_only_gateways: Part<Vec<EgressOnlyGateway>>,
    /// Their NAT gateways, also deleted ones for as long as EC2 reports them.
    pub nat_gateways: Part<Vec<NatGateway>>,
    /// What VPC Block Public Access stops.
    pub public_access: Part<PublicAccess>,
    /// What is excluded from it; not read where it is off.
    pub exclusions: Part<Vec<Exclusion>>,
    /// Their endpoints.
    pub endpoints: Part<Vec<Endpoint>>,
    /// The services that endpoints can be for; none where nothing depends on them and they were not asked for.
    pub services: Option<Part<Vec<EndpointService>>>,
    /// The network interfaces that routes lead to.
    pub interfaces: Part<Vec<Interface>>,
    /// The prefix lists that rules and routes name, as far as they could be read.
    pub prefix_lists: Part<Vec<PrefixList>>,
    /// The security groups.
    pub groups: Part<Vec<SecurityGroup>>,
}

impl Network {
    /// An internet gateway, if it is attached to this VPC.
    ///
    /// # Errors
    ///
    /// Why the gateways were not read.
    pub fn attached_gateway(&self, id: &InternetGatewayId, vpc: &VpcId) -> Result<Option<&InternetGateway>, &str> {
        let mut gateways = self.internet_gateways.read()?.iter();
        Ok(gateways.find(|gateway| gateway.id == *id && gateway.vpc.as_ref() == Some(vpc)))
    }

    /// A network of which nothing could be read, and why.
    pub fn unread(why: &str) -> Self {
        fn part<T>(why: &str) -> Part<T> {
            Part::Unread(why.to_owned())
        }
        Self {
            vpcs: part(why),
            subnets: part(why),
            route_tables: part(why),
            acls: part(why),
            peerings: part(why),
            internet_gateways: part(why),
            egress_only_gateways: part(why),
            nat_gateways: part(why),
            public_access: part(why),
            exclusions: part(why),
            services: None,
            endpoints: part(why),
            interfaces: part(why),
            prefix_lists: part(why),
            groups: part(why),
        }
    }
}

/// A VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vpc {
    /// Its id.
    pub id: VpcId,
    /// The account that owns it.
    pub owner: Option<String>,
    /// Its ranges, IPv4 and IPv6, that are associated.
    pub cidrs: Vec<IpNet>,
    /// `InstanceTenancy`: `default` or `dedicated`.
    pub tenancy: String,
    /// Ranges in a state that this program does not know, with it: whether they count cannot be determined.
    pub doubtful_cidrs: Vec<(IpNet, String)>,
    /// Its DNS attributes.
    pub dns: Part<VpcDns>,
    /// `DhcpOptionsId`; none where it has none of its own.
    pub dhcp_options: Option<String>,
    /// Who resolves names in it.
    pub resolver: Part<Resolver>,
}

impl Vpc {
    /// Whether its instances run on hardware of their own, where neither Lambda nor RDS Proxy can be.
    pub fn is_dedicated(&self) -> bool {
        self.tenancy == "dedicated"
    }
}

/// The DNS attributes of a VPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VpcDns {
    /// `enableDnsSupport`: whether its resolver answers.
    pub support: bool,
    /// `enableDnsHostnames`.
    pub hostnames: bool,
}

/// The DNS servers that a VPC gives to what is in it (`domain-name-servers` of its DHCP options).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolver {
    /// The VPC's own, which knows private names.
    Amazon,
    /// Others, by their addresses.
    Others(Vec<String>),
}

/// What the state of a range's association says (`CidrBlockState`, `Ipv6CidrBlockState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CidrState {
    /// `associated`, or not reported: the range counts.
    Associated,
    /// It does not count, not yet or not any more.
    NotAssociated,
    /// A state that this program does not know.
    Doubtful,
}

impl CidrState {
    /// Reads the API's `State`.
    pub fn from_api(state: Option<&str>) -> Self {
        match state {
            None | Some("associated") => Self::Associated,
            Some("associating" | "disassociating" | "disassociated" | "failing" | "failed") => Self::NotAssociated,
            Some(_) => Self::Doubtful,
        }
    }
}

impl Resolver {
    /// Reads the values of `domain-name-servers`; without any, the VPC's own resolver counts.
    pub fn of(servers: impl IntoIterator<Item = String>) -> Self {
        let others: Vec<String> = servers
            .into_iter()
            .filter(|server| server != "AmazonProvidedDNS")
            .collect();
        if others.is_empty() {
            Self::Amazon
        } else {
            Self::Others(others)
        }
    }

    /// The same in a VPC with these ranges, the primary one first: its own resolver has addresses, too (VPC user guide,
    /// "DHCP option sets").
    pub fn within(self, ranges: &[IpNet]) -> Self {
        let primary = ranges.iter().find_map(|range| match range {
            IpNet::V4(range) => range.hosts().nth(1),
            IpNet::V6(_) => None,
        });
        let is_own = |server: &String| match server.parse() {
            Ok(IpAddr::V4(server)) => Some(server) == primary || server == Ipv4Addr::new(169, 254, 169, 253),
            Ok(IpAddr::V6(server)) => server.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x253],
            Err(_) => false,
        };
        match self {
            Self::Others(servers) if servers.iter().all(is_own) => Self::Amazon,
            resolver => resolver,
        }
    }
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: SubnetId,
    /// Its VPC.
    pub vpc: VpcId,
    /// Its ranges that are associated: one of IPv4, or of IPv6, or one of each.
    pub cidrs: Vec<IpNet>,
    /// Ranges in a state that this program does not know, with it: whether they count cannot be determined.
    pub doubtful_cidrs: Vec<(IpNet, String)>,
    /// Its Availability Zone.
    pub availability_zone: String,
    /// How many of its IPv4 addresses are free, if EC2 reports it.
    pub free_addresses: Option<u32>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Subnet {
    /// Whether it has both IPv4 and IPv6 addresses.
    pub fn is_dual_stack(&self) -> bool {
        let has = |is_v6: bool| self.cidrs.iter().any(|cidr| matches!(cidr, IpNet::V6(_)) == is_v6);
        has(true) && has(false)
    }
}

/// A network ACL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkAcl {
    /// Its id.
    pub id: NetworkAclId,
    /// Its VPC.
    pub vpc: VpcId,
    /// Whether it is that of every subnet with no other.
    pub is_default: bool,
    /// The subnets associated with it.
    pub subnets: Vec<SubnetId>,
    /// Its entries, in any order.
    pub entries: Vec<AclEntry>,
}

/// The rule number of an ACL's last entry, which people see as `*` and which cannot be changed.
pub const LAST_RULE: u16 = 32767;

/// An entry of a network ACL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclEntry {
    /// Its number: entries are taken in ascending order, and the first that matches decides.
    pub number: u16,
    /// Which way.
    pub direction: Direction,
    /// Whether it allows what it matches, or denies it.
    pub allows: bool,
    /// The protocol's number; none for all (`-1`).
    pub protocol: Option<u8>,
    /// The ports, where the protocol has any and the entry is for some of them.
    pub ports: Option<(u16, u16)>,
    /// The other end's addresses.
    pub cidr: IpNet,
}

/// A prefix list: ranges under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixList {
    /// Its id.
    pub id: PrefixListId,
    /// Its ranges; those of AWS's own lists and of other accounts may not be readable.
    pub entries: Part<Vec<IpNet>>,
}

/// What has our tags for a VPC, attached to something or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Internet gateways.
    pub gateways: Vec<InternetGateway>,
    /// Elastic IP addresses.
    pub addresses: Vec<Address>,
    /// What has a name of the endpoints' group.
    pub groups: Vec<SecurityGroup>,
}
