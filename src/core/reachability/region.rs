//! Exact sets of ports and addresses, as disjoint blocks.

use std::fmt;

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};

/// Addresses of one family from the first to the last, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Addresses {
    is_v6: bool,
    first: u128,
    last: u128,
}

impl From<IpNet> for Addresses {
    fn from(net: IpNet) -> Self {
        match net {
            IpNet::V4(net) => Self {
                is_v6: false,
                first: u32::from(net.network()).into(),
                last: u32::from(net.broadcast()).into(),
            },
            IpNet::V6(net) => Self {
                is_v6: true,
                first: net.network().into(),
                last: net.broadcast().into(),
            },
        }
    }
}

impl Addresses {
    /// Every IPv4 address.
    pub const ALL_V4: Self = Self {
        is_v6: false,
        first: 0,
        last: u32::MAX as u128,
    };
    /// Every IPv6 address.
    pub const ALL_V6: Self = Self {
        is_v6: true,
        first: 0,
        last: u128::MAX,
    };

    /// Whether they are IPv6 addresses.
    pub fn is_v6(&self) -> bool {
        self.is_v6
    }

    /// Those of one family from the first to the last.
    pub(super) fn between(is_v6: bool, first: u128, last: u128) -> Self {
        Self { is_v6, first, last }
    }

    /// Whether they are of IPv6, the first, and the last.
    pub(super) fn bounds(&self) -> (bool, u128, u128) {
        (self.is_v6, self.first, self.last)
    }

    /// What both have.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let (first, last) = (self.first.max(other.first), self.last.min(other.last));
        (self.is_v6 == other.is_v6 && first <= last).then_some(Self {
            is_v6: self.is_v6,
            first,
            last,
        })
    }

    /// The fewest ranges in CIDR notation that are these addresses.
    pub fn cidrs(&self) -> Vec<IpNet> {
        if self.is_v6 {
            let subnets = Ipv6Subnets::new(self.first.into(), self.last.into(), 0);
            return subnets.map(IpNet::V6).collect();
        }
        // IPv4 addresses are made of 32 bits.
        let address = |bits: u128| u32::try_from(bits).unwrap_or(u32::MAX).into();
        let subnets = Ipv4Subnets::new(address(self.first), address(self.last), 0);
        subnets.map(IpNet::V4).collect()
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cidrs: Vec<String> = self.cidrs().iter().map(ToString::to_string).collect();
        f.write_str(&cidrs.join(", "))
    }
}

/// TCP ports from the first to the last, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ports {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

impl Ports {
    /// Every port.
    pub const ALL: Self = Self {
        first: 0,
        last: u16::MAX,
    };
    /// The ports that clients are answered on. Source: the check `network-acls` of docs/network.md.
    pub const EPHEMERAL: Self = Self {
        first: 1024,
        last: u16::MAX,
    };

    /// Just this one.
    pub fn only(port: u16) -> Self {
        Self {
            first: port,
            last: port,
        }
    }

    pub(super) fn intersection(self, other: Self) -> Option<Self> {
        let (first, last) = (self.first.max(other.first), self.last.min(other.last));
        (first <= last).then_some(Self { first, last })
    }

    /// What is left of them below and above others.
    pub(super) fn without(self, cut: Self) -> impl Iterator<Item = Self> {
        let Some(cut) = self.intersection(cut) else {
            return [Some(self), None].into_iter().flatten();
        };
        let below = (self.first < cut.first).then(|| Self {
            first: self.first,
            last: cut.first - 1,
        });
        let above = (cut.last < self.last).then(|| Self {
            first: cut.last + 1,
            last: self.last,
        });
        [below, above].into_iter().flatten()
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            self.first.fmt(f)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// Each of some ports at each of some addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block {
    /// The addresses.
    pub addresses: Addresses,
    /// The ports.
    pub ports: Ports,
}

impl Block {
    fn intersection(self, other: &Self) -> Option<Self> {
        Some(Self {
            addresses: self.addresses.intersection(&other.addresses)?,
            ports: self.ports.intersection(other.ports)?,
        })
    }

    /// What is left of it without `cut`, a part of it: addresses below and above, then ports below and above.
    fn without(self, cut: &Self, left: &mut Vec<Self>) {
        let Self { addresses, ports } = self;
        if addresses.first < cut.addresses.first {
            let addresses = Addresses {
                last: cut.addresses.first - 1,
                ..addresses
            };
            left.push(Self { addresses, ports });
        }
        if cut.addresses.last < addresses.last {
            let addresses = Addresses {
                first: cut.addresses.last + 1,
                ..addresses
            };
            left.push(Self { addresses, ports });
        }
        let addresses = cut.addresses;
        if ports.first < cut.ports.first {
            let ports = Ports {
                last: cut.ports.first - 1,
                ..ports
            };
            left.push(Self { addresses, ports });
        }
        if cut.ports.last < ports.last {
            let ports = Ports {
                first: cut.ports.last + 1,
                ..ports
            };
            left.push(Self { addresses, ports });
        }
    }
}

/// A set of ports at addresses: disjoint blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Region(Vec<Block>);

impl FromIterator<Block> for Region {
    /// The region of these blocks, which may not overlap.
    fn from_iter<I: IntoIterator<Item = Block>>(blocks: I) -> Self {
        Self(blocks.into_iter().collect())
    }
}

impl Region {
    /// The region of this block.
    pub fn of(block: Block) -> Self {
        Self(vec![block])
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its blocks, which do not overlap.
    pub fn blocks(&self) -> &[Block] {
        &self.0
    }

    /// Takes out what it has of `block`, and gives that.
    pub fn take(&mut self, block: &Block) -> Self {
        let mut taken = Vec::new();
        let mut left = Vec::new();
        // Most rules match nothing of what is asked for: then nothing is moved.
        if !self.0.iter().any(|own| own.intersection(block).is_some()) {
            return Self(taken);
        }
        for own in self.0.drain(..) {
            match own.intersection(block) {
                Some(cut) => {
                    own.without(&cut, &mut left);
                    taken.push(cut);
                }
                None => left.push(own),
            }
        }
        self.0 = left;
        Self(taken)
    }

    /// The same set in few blocks: neighbours with the same ports, then with the same addresses, are joined.
    pub fn merged(mut self) -> Self {
        let mut count = usize::MAX;
        while self.0.len() < count {
            count = self.0.len();
            self.0.sort_by_key(|block| (block.ports, block.addresses));
            self.0 = joined(self.0, |a, b| {
                let next = a.ports == b.ports
                    && a.addresses.is_v6 == b.addresses.is_v6
                    && a.addresses.last.checked_add(1) == Some(b.addresses.first);
                next.then(|| a.addresses.last = b.addresses.last)
            });
            self.0.sort_by_key(|block| (block.addresses, block.ports));
            self.0 = joined(self.0, |a, b| {
                let next = a.addresses == b.addresses && a.ports.last.checked_add(1) == Some(b.ports.first);
                next.then(|| a.ports.last = b.ports.last)
            });
        }
        self
    }
}

/// The blocks, each joined to the one before where `join` does so.
fn joined(blocks: Vec<Block>, join: impl Fn(&mut Block, &Block) -> Option<()>) -> Vec<Block> {
    let mut kept: Vec<Block> = Vec::with_capacity(blocks.len());
    for block in blocks {
        if kept.last_mut().and_then(|last| join(last, &block)).is_none() {
            kept.push(block);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(cidr: &str, first: u16, last: u16) -> Block {
        Block {
            addresses: cidr.parse::<IpNet>().unwrap().into(),
            ports: Ports { first, last },
        }
    }

    #[test]
    fn what_is_taken_and_what_is_left_make_up_the_whole() {
        let mut region = Region::of(block("10.0.0.0/24", 1024, 65535));
        let taken = region.take(&block("10.0.0.128/25", 0, 2000));
        assert_eq!(taken.blocks(), [block("10.0.0.128/25", 1024, 2000)]);
        let left = [block("10.0.0.0/25", 1024, 65535), block("10.0.0.128/25", 2001, 65535)];
        assert_eq!(region.clone().merged().blocks(), left);
        assert!(region.take(&block("10.0.1.0/24", 0, 65535)).is_empty());
        assert!(!region.take(&block("0.0.0.0/0", 0, 65535)).is_empty());
        assert!(region.is_empty());
    }

    #[test]
    fn families_are_apart() {
        let mut region = Region::of(block("10.0.0.0/24", 1, 2));
        assert!(region.take(&block("::/0", 0, 65535)).is_empty());
        assert_eq!(Addresses::ALL_V4.to_string(), "0.0.0.0/0");
        assert_eq!(Addresses::ALL_V6.to_string(), "::/0");
    }

    #[test]
    fn neighbours_are_joined() {
        let mut region = Region::of(block("10.0.0.0/24", 0, 65535));
        let hole = region.take(&block("10.0.0.64/26", 5432, 5432));
        assert!(!hole.is_empty());
        let mut parts = region.clone();
        parts.0.extend(hole.0);
        assert_eq!(parts.merged().blocks(), [block("10.0.0.0/24", 0, 65535)]);
    }
}
