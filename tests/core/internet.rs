//! A free range for a new subnet, against a search that tries every block.

use autoconnect::internet::free_block;
use ipnet::{IpNet, Ipv4Net};
use proptest::prelude::*;

fn overlaps(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

/// The last block of the first range that has a free one.
fn by_trying(vpc: &[IpNet], taken: &[IpNet], prefix: u8) -> Option<Ipv4Net> {
    vpc.iter().find_map(|range| {
        let IpNet::V4(range) = range else { return None };
        let blocks: Vec<Ipv4Net> = range.subnets(prefix).ok()?.collect();
        let is_free = |block: &Ipv4Net| !taken.iter().any(|other| overlaps(&IpNet::V4(*block), other));
        blocks.into_iter().rev().find(is_free)
    })
}

fn range(within: [u8; 2], bits: std::ops::RangeInclusive<u8>) -> impl Strategy<Value = IpNet> {
    (any::<u16>(), bits).prop_map(move |(host, bits)| {
        let [third, fourth] = host.to_be_bytes();
        let net = Ipv4Net::new([within[0], within[1], third, fourth].into(), bits).unwrap();
        IpNet::V4(net.trunc())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_block_is_the_one_that_a_search_finds(
        first in range([10, 0], 20..=28),
        second in range([10, 1], 22..=28),
        of_first in prop::collection::vec(range([10, 0], 20..=28), 0..12),
        of_second in prop::collection::vec(range([10, 1], 22..=28), 0..12),
        prefix in 24_u8..=28,
    ) {
        let vpc = [first, "2001:db8::/56".parse().unwrap(), second];
        let taken: Vec<IpNet> = of_first.into_iter().chain(of_second).collect();
        prop_assert_eq!(free_block(&vpc, &taken, prefix), by_trying(&vpc, &taken, prefix));
    }
}

#[test]
fn a_subnet_is_put_at_the_end() {
    let ranges = |texts: &[&str]| -> Vec<IpNet> { texts.iter().map(|text| text.parse().unwrap()).collect() };
    let table: [(&[&str], &[&str], Option<&str>); 6] = [
        (&["10.0.0.0/16"], &[], Some("10.0.255.240/28")),
        (&["10.0.0.0/16"], &["10.0.255.0/24"], Some("10.0.254.240/28")),
        (
            &["10.0.0.0/16"],
            &["10.0.255.240/28", "10.0.255.192/28"],
            Some("10.0.255.224/28"),
        ),
        (&["10.0.0.0/24"], &["10.0.0.0/24"], None),
        (&["10.0.0.0/24", "10.1.0.0/24"], &["10.0.0.0/24"], Some("10.1.0.240/28")),
        (&["0.0.0.0/0"], &["128.0.0.0/1", "0.0.0.0/1"], None),
    ];
    for (vpc, taken, expected) in table {
        let found = free_block(&ranges(vpc), &ranges(taken), 28);
        assert_eq!(
            found.map(|block| block.to_string()).as_deref(),
            expected,
            "{vpc:?} without {taken:?}"
        );
    }
}
