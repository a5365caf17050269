//! A region from which many blocks are taken: thousands of rules of one group, each without a look at all that is left.

use std::collections::BTreeMap;

use super::{Addresses, Block, Ports, Region};

/// Disjoint ranges of addresses, by family and first address, each with its ports.
#[derive(Debug, Default)]
pub(super) struct Slabs(BTreeMap<(bool, u128), Slab>);

#[derive(Clone, Debug)]
struct Slab {
    /// The last address.
    last: u128,
    /// Disjoint ranges.
    ports: Vec<Ports>,
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
            slab.ports.push(block.ports);
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
        let ports = vec![ports];
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
        slabs.any(|slab| slab.ports.iter().any(|ports| ports.intersection(block.ports).is_some()))
    }

    /// Takes a block out, as far as it is there, and tells whether any of it was.
    pub(super) fn take(&mut self, block: &Block) -> bool {
        // Most rules match nothing of what is asked for: then nothing is split.
        if !self.meets(block) {
            return false;
        }
        self.split_around(block);
        for key in self.within(block) {
            let Some(slab) = self.0.get_mut(&key) else { continue };
            slab.ports = slab.ports.iter().flat_map(|ports| ports.without(block.ports)).collect();
            if slab.ports.is_empty() {
                self.0.remove(&key);
            }
        }
        true
    }

    /// What is left. Neighbours with the same ports are one block again.
    pub(super) fn into_region(self) -> Region {
        let mut blocks: Vec<Block> = Vec::new();
        let mut before: Option<(bool, u128, Slab)> = None;
        let mut push = |(is_v6, first, slab): (bool, u128, Slab)| {
            let addresses = Addresses::between(is_v6, first, slab.last);
            blocks.extend(slab.ports.into_iter().map(|ports| Block { addresses, ports }));
        };
        for ((is_v6, first), mut slab) in self.0 {
            slab.ports.sort();
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
            assert!(!slabs.take(&elsewhere), "{elsewhere:?}");
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
        /// Both ways of taking blocks out leave the same, and tell the same of each.
        #[test]
        fn a_region_and_its_slabs_agree(taken in prop::collection::vec(any_block(), 0..40)) {
            let mut region = Region::of(block("0.0.0.0/24", 0, 9));
            let mut slabs = Slabs::from(&region);
            for block in &taken {
                prop_assert_eq!(!region.take(block).is_empty(), slabs.take(block));
            }
            let left = slabs.into_region();
            prop_assert_eq!(left.clone().merged(), region.merged());
            // What is left is also the same where it is read again.
            prop_assert_eq!(Slabs::from(&left).into_region(), left);
        }
    }
}
