//! Network ACLs: stateless, in ascending order, and the first entry that matches decides.

use crate::model::network::{AclEntry, LAST_RULE, NetworkAcl};
use crate::model::{Direction, SubnetId};

use super::slabs::Slabs;
use super::{Block, Gap, Ports, Region};

/// The number of TCP.
const TCP: u8 = 6;

/// An ACL with what of it matters to TCP, in the order in which EC2 takes it.
#[derive(Debug)]
pub(super) struct CompiledAcl<'n> {
    pub acl: &'n NetworkAcl,
    ingress: Vec<Entry>,
    egress: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    number: u16,
    allows: bool,
    block: Block,
}

/// What one entry of an ACL denies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The number of the entry; [`LAST_RULE`] is `*`.
    pub rule: u16,
    /// What it denies of what was wanted.
    pub denied: Region,
}

/// Traffic that crosses the border of a subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclCrossing<'n> {
    /// The subnet.
    pub subnet: &'n SubnetId,
    /// Into it or out of it.
    pub direction: Direction,
    /// The subnet at the other end, where there is one.
    pub other: Option<&'n SubnetId>,
    /// The other end's addresses, and the ports that the traffic goes to.
    pub wanted: Block,
    /// The ACL with what it denies, entry by entry; or why that is not known.
    pub denied: Result<(&'n NetworkAcl, Vec<Denial>), Gap>,
}

impl<'n> AclCrossing<'n> {
    pub(super) fn with(self, other: &'n SubnetId) -> Self {
        Self {
            other: Some(other),
            ..self
        }
    }
}

impl<'n> CompiledAcl<'n> {
    pub(super) fn new(acl: &'n NetworkAcl) -> Self {
        let of = |direction| {
            let entries = acl.entries.iter().filter(|entry| entry.direction == direction);
            let mut entries: Vec<Entry> = entries.filter_map(compiled).collect();
            entries.sort_by_key(|entry| entry.number);
            entries
        };
        Self {
            acl,
            ingress: of(Direction::Ingress),
            egress: of(Direction::Egress),
        }
    }

    /// What of the traffic is denied. What no entry matches is denied as by the last one, which EC2 always has.
    pub(super) fn denied(&self, direction: Direction, wanted: &Block) -> Vec<Denial> {
        let entries = match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        };
        let mut left = Slabs::from(&Region::of(*wanted));
        let mut denials = Vec::new();
        for entry in entries {
            let matched = left.take(&entry.block);
            if !entry.allows && !matched.is_empty() {
                denials.push(Denial {
                    rule: entry.number,
                    denied: matched.merged(),
                });
            }
            if left.is_empty() {
                return denials;
            }
        }
        denials.push(Denial {
            rule: LAST_RULE,
            denied: left.into_region().merged(),
        });
        denials
    }
}

fn compiled(entry: &AclEntry) -> Option<Entry> {
    let ports = match (entry.protocol, entry.ports) {
        // All protocols are all ports, whatever is written next to them.
        (None, _) | (Some(TCP), None) => Ports::ALL,
        (Some(TCP), Some((first, last))) => Ports { first, last },
        (Some(_), _) => return None,
    };
    Some(Entry {
        number: entry.number,
        allows: entry.allows,
        block: Block {
            addresses: entry.cidr.into(),
            ports,
        },
    })
}
