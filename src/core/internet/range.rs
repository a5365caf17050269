//! A free range for a new subnet.

use ipnet::{IpNet, Ipv4Net};

/// The last free block of this length in the VPC's ranges, the first range first. People give out ranges from the
/// beginning: at the end a small subnet is least in the way of what they plan.
///
/// `taken` are the ranges of the VPC's subnets. None where there is no room.
pub fn free_block(vpc: &[IpNet], taken: &[IpNet], prefix: u8) -> Option<Ipv4Net> {
    let v4 = |ranges: &[IpNet]| -> Vec<Ipv4Net> {
        let only = ranges.iter().filter_map(|range| match range {
            IpNet::V4(range) => Some(range.trunc()),
            IpNet::V6(_) => None,
        });
        only.collect()
    };
    let taken = v4(taken);
    v4(vpc).into_iter().find_map(|range| last_free(range, &taken, prefix))
}

/// Goes down from the end of the range: a block that overlaps a subnet is left together with all that the subnet has.
fn last_free(range: Ipv4Net, taken: &[Ipv4Net], prefix: u8) -> Option<Ipv4Net> {
    if prefix < range.prefix_len() || prefix > 32 {
        return None;
    }
    let size = 1u64 << (32 - prefix);
    let first = u64::from(u32::from(range.network()));
    let mut start = u64::from(u32::from(range.broadcast())) + 1 - size;
    loop {
        let block = Ipv4Net::new(u32::try_from(start).ok()?.into(), prefix).ok()?;
        let overlaps = |other: &&Ipv4Net| other.contains(&block) || block.contains(*other);
        let Some(other) = taken.iter().filter(overlaps).min_by_key(|other| other.network()) else {
            return Some(block);
        };
        // The blocks are aligned, and so is whatever is larger than one of them.
        let end = u64::from(u32::from(other.network())).min(start);
        start = end.checked_sub(size).filter(|start| *start >= first)?;
        start -= start % size;
    }
}
