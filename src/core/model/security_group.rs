//! Security groups and their rules, one rule for each target.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{GroupId, VpcId};

/// The way of the traffic that a rule lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Inbound.
    Ingress,
    /// Outbound.
    Egress,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ingress => "inbound",
            Self::Egress => "outbound",
        })
    }
}

/// The IP protocol of a rule. Open: what is not known is kept as it came.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// TCP (`tcp`, or its number `6`).
    Tcp,
    /// Every protocol and port (`-1`).
    All,
    /// Any other, as the API wrote it.
    Other(String),
}

impl Protocol {
    /// Reads the API's `IpProtocol`.
    pub fn from_api(protocol: &str) -> Self {
        match protocol {
            "tcp" | "6" => Self::Tcp,
            "-1" => Self::All,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The API's `IpProtocol`.
    pub fn as_api(&self) -> &str {
        match self {
            Self::Tcp => "tcp",
            Self::All => "-1",
            Self::Other(other) => other,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all traffic"),
            other => f.write_str(other.as_api()),
        }
    }
}

/// `FromPort` to `ToPort`, both inclusive. For ICMP they are type and code, hence the signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PortRange {
    /// The first port.
    pub from: i32,
    /// The last port.
    pub to: i32,
}

impl PortRange {
    /// The range that holds just this port.
    pub fn only(port: u16) -> Self {
        Self {
            from: port.into(),
            to: port.into(),
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from == self.to {
            write!(f, "{}", self.from)
        } else {
            write!(f, "{}-{}", self.from, self.to)
        }
    }
}

/// The other end of a rule: the source of an inbound, the destination of an outbound one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Peer {
    /// Whatever has this security group.
    Group(GroupId),
    /// An IPv4 or IPv6 range in CIDR notation.
    Cidr(String),
    /// A prefix list, `pl-…`.
    PrefixList(String),
}

impl Peer {
    /// The group, if the peer is one.
    pub fn group(&self) -> Option<&GroupId> {
        match self {
            Self::Group(id) => Some(id),
            Self::Cidr(_) | Self::PrefixList(_) => None,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(id) => id.fmt(f),
            Self::Cidr(text) | Self::PrefixList(text) => f.write_str(text),
        }
    }
}

/// One rule: protocol, port range and a single target. An `IpPermission` with k targets is k rules.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Rule {
    /// The protocol.
    pub protocol: Protocol,
    /// The ports, if the protocol has any.
    pub ports: Option<PortRange>,
    /// Source or destination.
    pub peer: Peer,
    /// Free text. No part of the rule's identity.
    pub description: Option<String>,
}

impl Rule {
    /// The kind of rule that this program and the console write: one TCP port, one group.
    pub fn tcp(port: u16, peer: GroupId) -> Self {
        Self {
            protocol: Protocol::Tcp,
            ports: Some(PortRange::only(port)),
            peer: Peer::Group(peer),
            description: None,
        }
    }

    /// The outbound rule that EC2 gives to every new group: all traffic to everywhere.
    pub fn default_egress() -> Self {
        Self {
            protocol: Protocol::All,
            ports: None,
            peer: Peer::Cidr("0.0.0.0/0".to_owned()),
            description: None,
        }
    }

    /// Whether it lets TCP through on a port, to or from its peer.
    pub fn lets_tcp(&self, port: u16) -> bool {
        let has_port = |ports: PortRange| (ports.from..=ports.to).contains(&i32::from(port));
        match self.protocol {
            Protocol::All => true,
            Protocol::Tcp => self.ports.is_none_or(has_port),
            Protocol::Other(_) => false,
        }
    }

    /// Whether both let the same traffic through. As for EC2, the description does not count.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.protocol == other.protocol && self.ports == other.ports && self.peer == other.peer
    }

    /// Whether this is an outbound rule that EC2 itself gives to a new group: all traffic to
    /// everywhere, over IPv4 and, in a VPC with an IPv6 range, over IPv6.
    pub fn is_default_egress(&self) -> bool {
        self.protocol == Protocol::All
            && matches!(&self.peer, Peer::Cidr(cidr) if cidr == "0.0.0.0/0" || cidr == "::/0")
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.protocol.fmt(f)?;
        match self.ports {
            Some(ports) if self.protocol != Protocol::All => write!(f, " {ports}"),
            _ => Ok(()),
        }
    }
}

/// A VPC security group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroup {
    /// Its id.
    pub id: GroupId,
    /// Its name: unique in the VPC, case not counting.
    pub name: String,
    /// The VPC it belongs to.
    pub vpc: VpcId,
    /// The account that owns it, if AWS reports it.
    pub owner: Option<String>,
    /// Its description, which EC2 never changes; empty where an account file leaves it out.
    pub description: String,
    /// Inbound rules.
    pub ingress: Vec<Rule>,
    /// Outbound rules.
    pub egress: Vec<Rule>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl SecurityGroup {
    /// The rules of one direction.
    pub fn rules(&self, direction: Direction) -> &[Rule] {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    /// Whether a rule of it, either way, names this group.
    pub fn names(&self, id: &GroupId) -> bool {
        self.peers().any(|peer| peer == id)
    }

    /// The groups that its rules, either way, name.
    pub fn peers(&self) -> impl Iterator<Item = &GroupId> {
        let rules = self.ingress.iter().chain(&self.egress);
        rules.filter_map(|rule| rule.peer.group())
    }
}
