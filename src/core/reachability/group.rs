//! Security groups: what any rule of any group allows is allowed, and so are the responses.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::model::{Direction, GroupId, Peer, PrefixListId, Protocol, Rule, SecurityGroup};

use super::slabs::Slabs;
use super::{Addresses, Block, Gap, Ports, Region};

/// A group with what of it matters to TCP.
#[derive(Debug)]
pub(super) struct CompiledGroup<'n> {
    id: &'n GroupId,
    ingress: Vec<Permission<'n>>,
    egress: Vec<Permission<'n>>,
}

#[derive(Debug)]
struct Permission<'n> {
    rule: &'n Rule,
    ports: Ports,
    peer: Reach<'n>,
}

/// What a rule's other end is.
#[derive(Debug)]
enum Reach<'n> {
    Group(&'n GroupId),
    Ranges(Vec<Addresses>),
    /// A prefix list that could not be read.
    Unread(&'n str),
}

/// What groups let through of the traffic that was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage<'n> {
    /// What no rule lets through.
    pub blocked: Region,
    /// The rules that let some of it through, with their groups.
    pub by: Vec<(&'n GroupId, &'n Rule)>,
    /// What could not be read, and might let through what is blocked.
    pub gaps: Vec<Gap>,
    /// The ports that were wanted.
    ports: Ports,
}

impl Passage<'_> {
    pub(super) fn of(wanted: Block) -> Self {
        Self {
            blocked: Region::of(wanted),
            by: Vec::new(),
            gaps: Vec::new(),
            ports: wanted.ports,
        }
    }
}

impl<'n> CompiledGroup<'n> {
    pub(super) fn new(group: &'n SecurityGroup, lists: &BTreeMap<&PrefixListId, Vec<Addresses>>) -> Self {
        let of = |direction| {
            let rules = group.rules(direction).iter();
            rules.filter_map(|rule| compiled(rule, lists)).collect()
        };
        Self {
            id: &group.id,
            ingress: of(Direction::Ingress),
            egress: of(Direction::Egress),
        }
    }

    /// Takes out of the passage's `blocked` what this group lets through.
    pub(super) fn let_through(&self, direction: Direction, peers: &[GroupId], passage: &mut Passage<'n>) {
        let permissions = match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        };
        let mut blocked = Slabs::from(&passage.blocked);
        for permission in permissions {
            // Where many ranges are left, rules for other ports do not look at each of them.
            if permission.ports.intersection(passage.ports).is_none() {
                continue;
            }
            let mut take = |addresses: Addresses| {
                let taken = blocked.take(&Block {
                    addresses,
                    ports: permission.ports,
                });
                !taken.is_empty()
            };
            let has_taken = match &permission.peer {
                // Whatever address the other end has, it has the group.
                Reach::Group(id) if peers.contains(id) => {
                    let v4 = take(Addresses::ALL_V4);
                    take(Addresses::ALL_V6) || v4
                }
                Reach::Group(_) => false,
                Reach::Ranges(ranges) => ranges.iter().filter(|&&range| take(range)).count() > 0,
                Reach::Unread(list) => {
                    let why = format!("prefix list {list} in a rule of {} could not be read", self.id);
                    passage.gaps.push(why);
                    false
                }
            };
            if has_taken {
                passage.by.push((self.id, permission.rule));
            }
        }
        passage.blocked = blocked.into_region();
    }
}

fn compiled<'n>(rule: &'n Rule, lists: &BTreeMap<&PrefixListId, Vec<Addresses>>) -> Option<Permission<'n>> {
    let ports = match (&rule.protocol, rule.ports) {
        (Protocol::All, _) | (Protocol::Tcp, None) => Ports::ALL,
        (Protocol::Tcp, Some(ports)) => Ports {
            first: u16::try_from(ports.from.max(0)).ok()?,
            last: u16::try_from(ports.to.min(u16::MAX.into())).ok()?,
        },
        (Protocol::Other(_), _) => return None,
    };
    let peer = match &rule.peer {
        Peer::Group(id) => Reach::Group(id),
        Peer::Cidr(cidr) => Reach::Ranges(vec![cidr.parse::<IpNet>().ok()?.into()]),
        Peer::PrefixList(id) => match lists.get(&PrefixListId::from(id.as_str())) {
            Some(ranges) => Reach::Ranges(ranges.clone()),
            None => Reach::Unread(id),
        },
    };
    Some(Permission { rule, ports, peer })
}
