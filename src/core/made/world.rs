//! Whether inbound rules let the whole internet in: one rule for all of it, or several that add up to it.
//!
//! What counts are the public addresses. A set of ranges that leaves out the private ones, or a small part of the public
//! ones, opens a group as much as `0.0.0.0/0` does. Two ranges add up only where their protocols and ports overlap, so the
//! ports are swept once from the lowest to the highest; the work grows with the number of rules, not with its square.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::model::{Peer, Protocol, Rule};

/// Of IPv6, so many bits count: longer prefixes are too small to add anything.
const IPV6_BITS: u8 = 56;

/// The ranges of IPv4 that are not public: nothing on the internet has such an address.
const NOT_PUBLIC_V4: [&str; 12] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
];

/// Public addresses of IPv6 begin with 001.
const NOT_PUBLIC_V6: [&str; 3] = ["::/3", "4000::/2", "8000::/1"];

/// Whether a range has public addresses.
pub fn is_public(range: &IpNet) -> bool {
    let within = |ranges: &[&str]| {
        let mut ranges = ranges.iter().filter_map(|text| text.parse::<IpNet>().ok());
        ranges.any(|outer| outer.contains(range))
    };
    match range {
        IpNet::V4(_) => !within(&NOT_PUBLIC_V4),
        IpNet::V6(_) => !within(&NOT_PUBLIC_V6),
    }
}

/// The rules that let the whole internet in, over IPv4 or IPv6, on any port of any protocol; none where they do not.
/// Where one rule suffices, the rules that only add to it are left out. `entries` has the ranges of a prefix list, where they
/// are known.
pub fn opening<'r, 'e>(rules: &'r [Rule], entries: impl Fn(&str) -> Option<&'e [IpNet]>) -> Vec<&'r Rule> {
    let mut families: [Vec<Ranged<'_>>; 2] = [Vec::new(), Vec::new()];
    let mut add = |rule, range| match range {
        IpNet::V4(net) => families[0].push(Ranged::new(rule, Prefix::of_v4(net))),
        IpNet::V6(net) => families[1].push(Ranged::new(rule, Prefix::of_v6(net))),
    };
    for rule in rules {
        match &rule.peer {
            Peer::Cidr(text) => text.parse().into_iter().for_each(|range| add(rule, range)),
            Peer::PrefixList(list) => entries(list).into_iter().flatten().for_each(|range| add(rule, *range)),
            Peer::Group(_) => {}
        }
    }
    let [v4, v6] = families;
    let mut found = opened(&v4, 32, &NOT_PUBLIC_V4);
    found.extend(opened(&v6, IPV6_BITS, &NOT_PUBLIC_V6));
    // Several entries of a list are of one rule.
    let mut told: BTreeSet<*const Rule> = BTreeSet::new();
    found.retain(|rule| told.insert(std::ptr::from_ref(*rule)));
    found
}

/// The first bits of an address, left-aligned.
#[derive(Clone, Copy, Debug)]
struct Prefix {
    bits: u64,
    length: u8,
}

impl Prefix {
    fn of_v4(net: Ipv4Net) -> Self {
        Self {
            bits: u64::from(u32::from(net.network())) << 32,
            length: net.prefix_len(),
        }
    }

    fn of_v6(net: Ipv6Net) -> Self {
        let high = u128::from(net.network()) >> 64;
        Self {
            bits: u64::try_from(high).unwrap_or(u64::MAX),
            length: net.prefix_len(),
        }
    }

    fn bit(self, at: u8) -> usize {
        usize::from(self.bits >> (63 - at) & 1 == 1)
    }
}

/// A rule for a range, with the ports that it is for.
#[derive(Clone, Copy, Debug)]
struct Ranged<'a> {
    rule: &'a Rule,
    prefix: Prefix,
    from: i32,
    to: i32,
}

impl<'a> Ranged<'a> {
    fn new(rule: &'a Rule, prefix: Prefix) -> Self {
        // Only TCP and UDP have ports; of ICMP these are a type and a code.
        let ports = rule.ports.filter(|_| matches!(key(&rule.protocol), "tcp" | "udp"));
        let (from, to) = ports.map_or((i32::MIN, i32::MAX), |ports| (ports.from, ports.to));
        Self { rule, prefix, from, to }
    }
}

fn key(protocol: &Protocol) -> &str {
    match protocol {
        Protocol::Other(other) if other == "17" => "udp",
        protocol => protocol.as_api(),
    }
}

fn opened<'a>(ranged: &[Ranged<'a>], bits: u8, not_public: &[&str]) -> Vec<&'a Rule> {
    let mut covered = Covered::new(bits);
    for text in not_public {
        match text.parse::<IpNet>() {
            Ok(IpNet::V4(net)) => covered.add(Prefix::of_v4(net)),
            Ok(IpNet::V6(net)) => covered.add(Prefix::of_v6(net)),
            Err(_) => {}
        }
    }
    let nothing = covered.all();
    let public = (1 << bits) - nothing;
    // Nearly all: 15 of 16 parts.
    let enough = nothing + public - public / 16;

    let mut by_protocol: BTreeMap<&str, Vec<Ranged<'a>>> = BTreeMap::new();
    for found in ranged {
        by_protocol.entry(key(&found.rule.protocol)).or_default().push(*found);
    }
    let size = |ranged: &[Ranged<'_>]| {
        let sizes = ranged.iter().map(|found| covered_size(bits, found.prefix));
        sizes.fold(0, u64::saturating_add)
    };
    let of_all = by_protocol.remove(Protocol::All.as_api()).unwrap_or_default();
    let size_of_all = size(&of_all);
    // Most groups have a few small ranges, which cannot add up.
    let can_open = |ranged: &[Ranged<'_>]| nothing.saturating_add(size_of_all).saturating_add(size(ranged)) >= enough;
    if !of_all.is_empty() && can_open(&[]) || by_protocol.values().any(|ranged| can_open(ranged)) {
        for found in &of_all {
            covered.add(found.prefix);
        }
    }
    if covered.all() >= enough {
        return contributing(of_all);
    }
    let mut rules: Vec<&Rule> = Vec::new();
    for ranged in by_protocol.into_values().filter(|ranged| can_open(ranged)) {
        let open = sweep(&mut covered, &ranged, enough);
        if open.is_empty() {
            continue;
        }
        let is_open = |found: &Ranged<'_>| {
            let next = open.partition_point(|(_, last)| *last < found.from);
            open.get(next).is_some_and(|(first, _)| *first <= found.to)
        };
        let active = ranged.into_iter().filter(is_open).chain(of_all.iter().copied());
        let active = contributing(active.collect());
        rules.extend(active);
    }
    rules
}

/// Those for all addresses, where there are such; else all of them.
fn contributing(ranged: Vec<Ranged<'_>>) -> Vec<&Rule> {
    let has_whole = ranged.iter().any(|found| found.prefix.length == 0);
    let counts = ranged
        .into_iter()
        .filter(|found| !has_whole || found.prefix.length == 0);
    counts.map(|found| found.rule).collect()
}

/// The port ranges on which these rules, with what is covered already, let enough in.
fn sweep(covered: &mut Covered, ranged: &[Ranged<'_>], enough: u64) -> Vec<(i32, i32)> {
    let mut events: Vec<(i64, bool, Prefix)> = Vec::with_capacity(ranged.len() * 2);
    for found in ranged.iter().filter(|found| found.from <= found.to) {
        events.push((found.from.into(), true, found.prefix));
        events.push((i64::from(found.to) + 1, false, found.prefix));
    }
    events.sort_by_key(|(at, is_start, _)| (*at, *is_start));
    let mut open = Vec::new();
    let mut begun: Option<i64> = None;
    let mut events = events.into_iter().peekable();
    while let Some((at, is_start, prefix)) = events.next() {
        if is_start {
            covered.add(prefix);
        } else {
            covered.remove(prefix);
        }
        if events.peek().is_some_and(|(next, ..)| *next == at) {
            continue;
        }
        match (begun, covered.all() >= enough) {
            (None, true) => begun = Some(at),
            (Some(from), false) => {
                let port = |at: i64| i32::try_from(at).unwrap_or(i32::MAX);
                open.push((port(from), port(at - 1)));
                begun = None;
            }
            _ => {}
        }
    }
    open
}

fn covered_size(bits: u8, prefix: Prefix) -> u64 {
    bits.checked_sub(prefix.length).map_or(0, |rest| 1 << rest)
}

/// A tree of prefixes that knows how many addresses they cover together. Prefixes can be added more than once.
struct Covered {
    bits: u8,
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Default)]
struct Node {
    children: [Option<u32>; 2],
    /// How many of the prefixes end here.
    count: u32,
    covered: u64,
}

impl Covered {
    fn new(bits: u8) -> Self {
        Self {
            bits,
            nodes: vec![Node::default()],
        }
    }

    /// How many addresses are covered.
    fn all(&self) -> u64 {
        self.nodes[0].covered
    }

    fn add(&mut self, prefix: Prefix) {
        self.change(prefix, |count| count + 1);
    }

    fn remove(&mut self, prefix: Prefix) {
        self.change(prefix, |count| count.saturating_sub(1));
    }

    fn change(&mut self, prefix: Prefix, count: impl Fn(u32) -> u32) {
        if prefix.length > self.bits {
            return;
        }
        let mut path = vec![0];
        for depth in 0..prefix.length {
            let (at, bit) = (path[usize::from(depth)], prefix.bit(depth));
            let next = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
            let child = *self.nodes[at].children[bit].get_or_insert(next);
            if child == next {
                self.nodes.push(Node::default());
            }
            path.push(child as usize);
        }
        if let Some(last) = path.last() {
            self.nodes[*last].count = count(self.nodes[*last].count);
        }
        for (depth, at) in path.into_iter().enumerate().rev() {
            let node = self.nodes[at];
            let below: u64 = node
                .children
                .iter()
                .flatten()
                .map(|child| self.nodes[*child as usize].covered)
                .sum();
            self.nodes[at].covered = if node.count > 0 {
                1 << (usize::from(self.bits) - depth)
            } else {
                below
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::model::PortRange;

    fn rule(text: &str) -> Rule {
        let mut words = text.split(' ');
        let (protocol, range) = (words.next().unwrap(), words.next().unwrap());
        let ports = words.next().map(|ports| {
            let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
            PortRange {
                from: from.parse().unwrap(),
                to: to.parse().unwrap(),
            }
        });
        let peer = if range.starts_with("pl-") {
            Peer::PrefixList(range.to_owned())
        } else if range.starts_with("sg-") {
            Peer::Group(range.into())
        } else {
            Peer::Cidr(range.to_owned())
        };
        Rule {
            protocol: Protocol::from_api(protocol),
            ports,
            peer,
            description: None,
        }
    }

    /// Rules, and which of them open the group.
    const TABLE: &[(&[&str], &[usize])] = &[
        (&[], &[]),
        (&["tcp 0.0.0.0/0 5432"], &[0]),
        (&["tcp ::/0 5432"], &[0]),
        (&["tcp 0.0.0.0/0 22"], &[0]),
        (&["tcp 0.0.0.0/0 1-65535"], &[0]),
        (&["-1 0.0.0.0/0"], &[0]),
        (&["udp 0.0.0.0/0 53"], &[0]),
        (&["icmp 0.0.0.0/0 8--1"], &[0]),
        (&["tcp 0.0.0.0/0 5432", "tcp ::/0 5432"], &[0, 1]),
        // Halves, quarters, and unequal parts.
        (&["tcp 0.0.0.0/1 5432"], &[]),
        (&["tcp 128.0.0.0/1 5432"], &[]),
        (&["tcp 0.0.0.0/1 5432", "tcp 128.0.0.0/1 5432"], &[0, 1]),
        (&["tcp ::/1 5432", "tcp 8000::/1 5432"], &[0, 1]),
        (&["tcp 0.0.0.0/1 5432", "tcp 128.0.0.0/2 5432"], &[]),
        (
            &[
                "tcp 0.0.0.0/2 1",
                "tcp 64.0.0.0/2 1",
                "tcp 128.0.0.0/2 1",
                "tcp 192.0.0.0/2 1",
            ],
            &[0, 1, 2, 3],
        ),
        (
            &[
                "tcp 0.0.0.0/1 1",
                "tcp 128.0.0.0/2 1",
                "tcp 192.0.0.0/3 1",
                "tcp 224.0.0.0/3 1",
            ],
            &[0, 1, 2, 3],
        ),
        // Nothing on the internet has the addresses that are left out.
        (
            &["tcp 0.0.0.0/1 1", "tcp 128.0.0.0/2 1", "tcp 192.0.0.0/3 1"],
            &[0, 1, 2],
        ),
        (&["tcp 2000::/3 5432"], &[0]),
        (&["tcp 2000::/4 5432"], &[]),
        (&["tcp 2000::/4 1", "tcp 3000::/4 1"], &[0, 1]),
        // All but a /5 is nearly all; all but a /3 is not.
        (
            &[
                "tcp 128.0.0.0/1 1",
                "tcp 64.0.0.0/2 1",
                "tcp 32.0.0.0/3 1",
                "tcp 16.0.0.0/4 1",
                "tcp 8.0.0.0/5 1",
            ],
            &[0, 1, 2, 3, 4],
        ),
        (&["tcp 128.0.0.0/1 1", "tcp 64.0.0.0/2 1"], &[]),
        // Private ranges are not the internet.
        (
            &[
                "tcp 10.0.0.0/8 5432",
                "tcp 172.16.0.0/12 5432",
                "tcp 192.168.0.0/16 5432",
            ],
            &[],
        ),
        (&["tcp fd00::/8 5432"], &[]),
        // Parts that do not meet on a port or a protocol, or are of two families, do not add up.
        (&["tcp 0.0.0.0/1 5432", "tcp 128.0.0.0/1 5433"], &[]),
        (&["tcp 0.0.0.0/1 5432", "udp 128.0.0.0/1 5432"], &[]),
        (&["tcp 0.0.0.0/1 5432", "tcp 8000::/1 5432"], &[]),
        (&["tcp 0.0.0.0/1 1-5432", "tcp 128.0.0.0/1 5432-65535"], &[0, 1]),
        (&["tcp 0.0.0.0/1 1-5431", "tcp 128.0.0.0/1 5432-65535"], &[]),
        (
            &[
                "tcp 0.0.0.0/1 1-100",
                "tcp 0.0.0.0/1 200-300",
                "tcp 128.0.0.0/1 90-250",
                "tcp 10.0.0.0/8 7",
            ],
            &[0, 1, 2],
        ),
        (&["tcp 0.0.0.0/1 5432", "-1 128.0.0.0/1"], &[0, 1]),
        (&["-1 0.0.0.0/1", "-1 128.0.0.0/1"], &[0, 1]),
        (&["17 0.0.0.0/1 53", "udp 128.0.0.0/1 53"], &[0, 1]),
        (&["6 0.0.0.0/1 53", "tcp 128.0.0.0/1 53"], &[0, 1]),
        // The whole of it makes its parts unimportant.
        (
            &["tcp 0.0.0.0/1 5432", "tcp 0.0.0.0/0 5432", "tcp 10.0.0.0/8 5432"],
            &[1],
        ),
        (&["tcp 0.0.0.0/1 5432", "tcp 0.0.0.0/1 5432"], &[]),
        // Groups and prefix lists that are not known are no ranges, and what cannot be read is none either.
        (&["tcp sg-1 5432", "tcp pl-1 5432", "tcp world 5432"], &[]),
        // Of prefix lists the entries count.
        (&["tcp pl-world 5432"], &[0]),
        (&["tcp pl-halves 5432"], &[0]),
        (&["tcp pl-half 5432"], &[]),
        (&["tcp pl-half 5432", "tcp 128.0.0.0/1 5432"], &[0, 1]),
        (&["tcp pl-half 5432", "tcp 128.0.0.0/1 5433"], &[]),
        (&["tcp pl-private 5432"], &[]),
    ];

    fn entries(list: &str) -> Option<&'static [IpNet]> {
        static LISTS: LazyLock<Vec<(&str, Vec<IpNet>)>> = LazyLock::new(|| {
            let lists: [(&str, &[&str]); 4] = [
                ("pl-world", &["0.0.0.0/0"]),
                ("pl-halves", &["0.0.0.0/1", "128.0.0.0/1"]),
                ("pl-half", &["0.0.0.0/1"]),
                ("pl-private", &["10.0.0.0/8", "192.168.0.0/16"]),
            ];
            let parsed = |ranges: &[&str]| ranges.iter().map(|range| range.parse().unwrap()).collect();
            lists.map(|(list, ranges)| (list, parsed(ranges))).to_vec()
        });
        let (_, ranges) = LISTS.iter().find(|(known, _)| *known == list)?;
        Some(ranges)
    }

    #[test]
    fn ranges_add_up() {
        for (texts, expected) in TABLE {
            let rules: Vec<Rule> = texts.iter().map(|text| rule(text)).collect();
            let expected: Vec<&Rule> = expected.iter().map(|at| &rules[*at]).collect();
            let mut found = opening(&rules, entries);
            found.sort_by_key(|found| rules.iter().position(|rule| std::ptr::eq(rule, *found)));
            assert_eq!(found, expected, "{texts:?}");
        }
    }

    #[test]
    fn many_rules_take_no_time() {
        let mut rules: Vec<Rule> = (0..50_000_u32)
            .map(|n| {
                rule(&format!(
                    "tcp {}/32 {}",
                    std::net::Ipv4Addr::from(n * 70_000),
                    n % 60_000
                ))
            })
            .collect();
        assert!(opening(&rules, |_| None).is_empty());
        // Two halves, each for every second port: nothing is open, and each port has to be looked at.
        for port in 0..50_000 {
            let half = if port % 2 == 0 { "0.0.0.0/1" } else { "128.0.0.0/1" };
            rules.push(rule(&format!("tcp {half} {port}")));
        }
        assert!(opening(&rules, |_| None).is_empty());
        rules.push(rule("tcp 128.0.0.0/1 40000"));
        assert!(opening(&rules, |_| None).len() >= 2);
    }

    #[test]
    fn public_ranges() {
        for (range, expected) in [
            ("0.0.0.0/0", true),
            ("0.0.0.0/1", true),
            ("8.8.8.8/32", true),
            ("10.0.0.0/8", false),
            ("10.0.0.0/7", true),
            ("172.16.0.0/12", false),
            ("172.16.0.0/11", true),
            ("100.64.3.0/24", false),
            ("::/0", true),
            ("2001:db8::/32", true),
            ("fd12::/16", false),
        ] {
            assert_eq!(is_public(&range.parse().unwrap()), expected, "{range}");
        }
    }
}
