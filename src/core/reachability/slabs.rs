//! A region from which many blocks are removed, such as thousands of rules of a group or an ACL, without a scan for
//! each.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Addresses, Block, Ports, Region};

/// Disjoint ranges of addresses, by family and first address, each with its ports.
#[derive(Debug, Default)]
pub(super) struct Slabs(BTreeMap<(bool, u128), Slab>);

#[derive(Clone, Debug)]
struct Slab {
    /// The last address.
    last: u128,
    /// Shared with the slabs from which this one was split, until one of them changes.
    ports: Rc<PortSet>,
}

/// Disjoint ranges of ports: each first port with the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct PortSet(BTreeMap<u16, u16>);

impl PortSet {
    fn of(ports: Ports) -> Self {
        Self(BTreeMap::from([(ports.first, ports.last)]))
    }

    fn iter(&self) -> impl Iterator<Item = Ports> {
        self.0.iter().map(|(&first, &last)| Ports { first, last })
    }

    /// What both have.
    fn intersection(&self, other: Ports) -> impl Iterator<Item = Ports> {
        let around = self.0.range(..other.first).next_back();
        let within = self.0.range(other.first..=other.last);
        let found = around.into_iter().chain(within);
        found.filter_map(move |(&first, &last)| Ports { first, last }.intersection(other))
    }

    fn meets(&self, other: Ports) -> bool {
        self.intersection(other).next().is_some()
    }

    fn add(&mut self, ports: Ports) {
        self.0.insert(ports.first, ports.last);
    }

    fn take(&mut self, other: Ports) {
        let cut: Vec<Ports> = self.intersection(other).collect();
        for cut in cut {
            let around = self.0.range(..=cut.first).next_back();
            let Some((&first, &last)) = around else { continue };
            self.0.remove(&first);
            for left in (Ports { first, last }).without(cut) {
                self.add(left);
            }
        }
    }
}

impl From<&Region> for Slabs {
    fn from(region: &Region) -> Self {
        let mut slabs = Self::default();
        for block in region.blocks() {
            slabs.add(block);
        }
        slabs
    }
}

impl Slabs {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a block that is apart from all that is there.
    fn add(&mut self, block: &Block) {
        let (is_v6, mut first, last) = block.addresses.bounds();
        self.split_around(block);
        let keys = self.within(block);
        for key in keys {
            if first < key.1 {
                self.insert(is_v6, first, key.1 - 1, block.ports);
            }
            let Some(slab) = self.0.get_mut(&key) else { continue };
            Rc::make_mut(&mut slab.ports).add(block.ports);
            match slab.last.checked_add(1) {
                Some(next) => first = next,
                None => return,
            }
        }
        if first <= last {
            self.insert(is_v6, first, last, block.ports);
        }
    }

    fn insert(&mut self, is_v6: bool, first: u128, last: u128, ports: Ports) {
        let ports = Rc::new(PortSet::of(ports));
        self.0.insert((is_v6, first), Slab { last, ports });
    }

    /// The keys of the slabs that begin within the addresses of a block.
    fn within(&self, block: &Block) -> Vec<(bool, u128)> {
        let (is_v6, first, last) = block.addresses.bounds();
        self.0
            .range((is_v6, first)..=(is_v6, last))
            .map(|(key, _)| *key)
            .collect()
    }

    /// The slab in which an address is, unless it begins there.
    fn around(&self, is_v6: bool, address: u128) -> Option<(bool, u128)> {
        let (key, slab) = self.0.range((is_v6, 0)..(is_v6, address)).next_back()?;
        (slab.last >= address).then_some(*key)
    }

    fn split(&mut self, is_v6: bool, at: u128) {
        let Some(key) = self.around(is_v6, at) else { return };
        let Some(slab) = self.0.get_mut(&key) else { return };
        let rest = slab.clone();
        slab.last = at - 1;
        self.0.insert((is_v6, at), rest);
    }

    fn split_around(&mut self, block: &Block) {
        let (is_v6, first, last) = block.addresses.bounds();
        self.split(is_v6, first);
        if let Some(next) = last.checked_add(1) {
            self.split(is_v6, next);
        }
    }

    fn meets(&self, block: &Block) -> bool {
        let (is_v6, first, last) = block.addresses.bounds();
        let begun = self.around(is_v6, first).and_then(|key| self.0.get(&key));
        let within = self.0.range((is_v6, first)..=(is_v6, last)).map(|(_, slab)| slab);
        let mut slabs = begun.into_iter().chain(within);
        slabs.any(|slab| slab.ports.meets(block.ports))
    }

    /// Takes out what it has of `block`, and gives that.
    pub(super) fn take(&mut self, block: &Block) -> Region {
        let (is_v6, ..) = block.addresses.bounds();
        // Most rules match nothing of what is asked for: then nothing is split.
        if !self.meets(block) {
            return Region::default();
        }
        self.split_around(block);
        let mut taken = Vec::new();
        for key in self.within(block) {
            let Some(slab) = self.0.get_mut(&key) else { continue };
            let addresses = Addresses::between(is_v6, key.1, slab.last);
            let before = taken.len();
            let cut = slab.ports.intersection(block.ports);
            taken.extend(cut.map(|ports| Block { addresses, ports }));
            if taken.len() == before {
                continue;
            }
            if slab
                .ports
                .iter()
                .all(|ports| ports.intersection(block.ports) == Some(ports))
            {
                self.0.remove(&key);
            } else {
                Rc::make_mut(&mut slab.ports).take(block.ports);
            }
        }
        taken.into_iter().collect()
    }

    /// What is left. Neighbours with the same ports are one block again.
    pub(super) fn into_region(self) -> Region {
        let mut blocks: Vec<Block> = Vec::new();
        let mut before: Option<(bool, u128, Slab)> = None;
        let mut push = |(is_v6, first, slab): (bool, u128, Slab)| {
            let addresses = Addresses::between(is_v6, first, slab.last);
            blocks.extend(slab.ports.iter().map(|ports| Block { addresses, ports }));
        };
        for ((is_v6, first), slab) in self.0 {
            match &mut before {
                Some((family, _, last))
                    if *family == is_v6 && last.last.checked_add(1) == Some(first) && last.ports == slab.ports =>
                {
                    last.last = slab.last;
                }
                _ => {
                    if let Some(done) = before.replace((is_v6, first, slab)) {
                        push(done);
                    }
                }
            }
        }
        before.into_iter().for_each(&mut push);
        blocks.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use ipnet::IpNet;
    use proptest::prelude::*;

    use super::*;

    fn block(cidr: &str, first: u16, last: u16) -> Block {
        Block {
            addresses: cidr.parse::<IpNet>().unwrap().into(),
            ports: Ports { first, last },
        }
    }

    #[test]
    fn what_nothing_was_taken_from_is_as_it_was() {
        let whole = block("10.0.0.0/24", 1, 9);
        let mut slabs = Slabs::from(&Region::of(whole));
        for elsewhere in [
            block("10.0.0.0/25", 10, 20),
            block("10.0.1.0/24", 1, 9),
            block("::/0", 1, 9),
        ] {
            assert!(slabs.take(&elsewhere).is_empty(), "{elsewhere:?}");
        }
        assert_eq!(slabs.into_region().blocks(), [whole]);
    }

    fn any_block() -> impl Strategy<Value = Block> {
        let parts = (any::<bool>(), 0_u8..=255, 24_u8..=32, 0_u16..9, 0_u16..9);
        parts.prop_map(|(is_v6, address, length, a, b)| {
            let cidr = if is_v6 {
                format!("::{address:x}/{}", length + 96)
            } else {
                format!("0.0.0.{address}/{length}")
            };
            let net: IpNet = cidr.parse().unwrap();
            Block {
                addresses: net.trunc().into(),
                ports: Ports {
                    first: a.min(b),
                    last: a.max(b),
                },
            }
        })
    }

    proptest! {
        /// Both ways of taking blocks out take the same, and leave the same.
        #[test]
        fn a_region_and_its_slabs_agree(taken in prop::collection::vec(any_block(), 0..40)) {
            let mut region = Region::of(block("0.0.0.0/24", 0, 9));
            let mut slabs = Slabs::from(&region);
            for block in &taken {
                prop_assert_eq!(region.take(block).merged(), slabs.take(block).merged());
            }
            let left = slabs.into_region();
            prop_assert_eq!(left.clone().merged(), region.merged());
            // What is left is also the same where it is read again.
            prop_assert_eq!(Slabs::from(&left).into_region(), left);
        }
    }
}
