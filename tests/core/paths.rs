//! The path engine agrees with a second opinion, packet by packet, on thousands of small random networks.

use std::collections::BTreeMap;
use std::net::IpAddr;

use autoconnect::diagnostics::connection::{Scene, diagnose};
use autoconnect::model::network::Subnet;
use autoconnect::model::network::*;
use autoconnect::model::*;
use autoconnect::policy::RolePolicies;
use autoconnect::reachability::{Addresses, Block, Paths, Ports, Region};
use ipnet::IpNet;

use crate::builder::{associate, direct};
use crate::packets::{self, Endpoint, Fate};
use crate::thorough::thoroughly;

const PORT: u16 = 5433;

/// Numbers that look random, and are the same for the same seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.roll(from.len())]
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.roll(n) == 0
    }
}

/// How many networks are tried.
pub fn cases() -> u64 {
    let wanted = std::env::var("AUTOCONNECT_CASES").ok();
    wanted
        .and_then(|text| text.parse().ok())
        .unwrap_or(thoroughly([500, 2000]))
}

/// The ranges that rules refer to: all, whole VPCs, subnets, and parts that end within subnets.
fn blackhole(is_one: bool) -> RouteState {
    if is_one {
        RouteState::Blackhole
    } else {
        RouteState::Active
    }
}

pub fn ranges(v6: bool) -> Vec<IpNet> {
    let texts: [&str; 11] = if v6 {
        [
            "::/0",
            "fd00:0:0:a::/64",
            "fd00:0:0:b::/64",
            "fd00:0:0:a::/125",
            "fd00:0:0:a::8/125",
            "fd00:0:0:a::10/125",
            "fd00:0:0:b::/125",
            "fd00:0:0:a::/126",
            "fd00:0:0:a::14/126",
            "fd00:0:0:b::4/126",
            "fd00:0:0:a::9/128",
        ]
    } else {
        [
            "0.0.0.0/0",
            "10.0.0.0/24",
            "10.1.0.0/24",
            "10.0.0.0/29",
            "10.0.0.8/29",
            "10.0.0.16/29",
            "10.1.0.0/29",
            "10.0.0.0/30",
            "10.0.0.20/30",
            "10.1.0.4/30",
            "10.0.0.9/32",
        ]
    };
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

const PORTS: [u16; 9] = [0, 1023, 1024, 5000, 5432, 5433, 5434, 32767, 65535];

fn ports(dice: &mut Dice) -> (u16, u16) {
    let (a, b) = (*dice.pick(&PORTS), *dice.pick(&PORTS));
    (a.min(b), a.max(b))
}

pub fn acl(dice: &mut Dice, id: &str, vpc: &str, ranges: &[IpNet]) -> NetworkAcl {
    let mut entries = Vec::new();
    for direction in [Direction::Ingress, Direction::Egress] {
        let mut numbers: Vec<u16> = (1..=20).collect();
        for _ in 0..dice.roll(4) {
            let at = dice.roll(numbers.len());
            entries.push(AclEntry {
                number: numbers.remove(at),
                direction,
                allows: !dice.one_in(4),
                protocol: *dice.pick(&[None, Some(6), Some(6), Some(17)]),
                ports: if dice.one_in(3) { None } else { Some(ports(dice)) },
                cidr: *dice.pick(ranges),
            });
        }
        // Most of them let the rest through, so that not everything fails.
        if !dice.one_in(8) {
            entries.push(AclEntry {
                number: 100,
                direction,
                allows: true,
                protocol: None,
                ports: None,
                cidr: ranges[0],
            });
        }
    }
    NetworkAcl {
        id: id.into(),
        vpc: vpc.into(),
        is_default: false,
        subnets: vec![],
        entries,
    }
}

/// A group with rules of all kinds, half of them for this port.
pub fn group(dice: &mut Dice, id: &str, ranges: &[IpNet], port: u16) -> SecurityGroup {
    let rules = |dice: &mut Dice| -> Vec<Rule> {
        // Most groups let everything through, so that not everything fails.
        let open = (!dice.one_in(3)).then(Rule::default_egress).map(|rule| Rule {
            peer: Peer::Cidr(ranges[0].to_string()),
            ports: Some(PortRange { from: 0, to: 65535 }),
            ..rule
        });
        let others = (0..=dice.roll(3)).map(|_| {
            let (from, to) = if dice.one_in(2) { (port, port) } else { ports(dice) };
            let protocol = dice.pick(&["tcp", "tcp", "-1", "udp"]);
            Rule {
                protocol: Protocol::from_api(protocol),
                ports: Some(PortRange {
                    from: from.into(),
                    to: to.into(),
                }),
                peer: match dice.roll(6) {
                    0 => Peer::Group("sg-1".into()),
                    1 => Peer::Group("sg-2".into()),
                    2 => Peer::Group("sg-3".into()),
                    3 => Peer::PrefixList("pl-1".into()),
                    _ => Peer::Cidr(dice.pick(ranges).to_string()),
                },
                description: None,
            }
        });
        others.chain(open).collect()
    };
    SecurityGroup {
        id: id.into(),
        name: id.into(),
        vpc: "vpc-a".into(),
        owner: None,
        description: String::new(),
        ingress: rules(dice),
        egress: rules(dice),
        tags: BTreeMap::new(),
    }
}

fn table(dice: &mut Dice, id: &str, vpc: &str, local: IpNet, ranges: &[IpNet]) -> RouteTable {
    let mut routes = vec![Route {
        destination: Destination::Cidr(local),
        target: RouteTarget::Local,
        state: RouteState::Active,
        origin: RouteOrigin::Static,
    }];
    let peering = |id: &str| RouteTarget::Peering(id.into());
    if !dice.one_in(4) {
        // The route to the other VPC.
        let other = if local == ranges[1] { ranges[2] } else { ranges[1] };
        routes.push(Route {
            destination: Destination::Cidr(other),
            target: peering(dice.pick::<&str>(&["pcx-ok", "pcx-ok", "pcx-ok", "pcx-pending", "pcx-other", "pcx-gone"])),
            state: blackhole(dice.one_in(10)),
            origin: RouteOrigin::Static,
        });
    }
    for _ in 0..dice.roll(2) {
        let target = match dice.roll(5) {
            0 => RouteTarget::Nat("nat-1".into()),
            1 => RouteTarget::TransitGateway("tgw-1".into()),
            2 => RouteTarget::InternetGateway("igw-1".into()),
            _ => peering("pcx-ok"),
        };
        let route = Route {
            destination: if dice.one_in(5) {
                Destination::PrefixList("pl-1".into())
            } else {
                Destination::Cidr(*dice.pick(ranges))
            },
            target,
            state: blackhole(dice.one_in(6)),
            origin: if dice.one_in(4) {
                RouteOrigin::Propagated
            } else {
                RouteOrigin::Static
            },
        };
        // EC2 has each destination once in a table, except one that is propagated besides.
        let is_there = |found: &Route| found.destination == route.destination && found.origin == route.origin;
        if !routes.iter().any(is_there) && route.destination != Destination::Cidr(local) {
            routes.push(route);
        }
    }
    RouteTable {
        id: id.into(),
        vpc: vpc.into(),
        is_main: false,
        associations: vec![],
        routes,
        tags: BTreeMap::new(),
    }
}

fn peering(id: &str, status: &str, other: &str, region: &str) -> Peering {
    let side = |vpc: &str, region: &str| PeeringSide {
        vpc: vpc.into(),
        owner: None,
        region: Some(region.into()),
        cidrs: vec![],
        resolves_for_peer: Some(true),
    };
    Peering {
        id: id.into(),
        status: status.into(),
        requester: side("vpc-a", "eu-central-1"),
        accepter: side(other, region),
    }
}

/// The ACLs and route tables of both VPCs, of which each subnet has its own or its VPC's.
fn borders(dice: &mut Dice, here: &str, subnets: &[Subnet], ranges: &[IpNet]) -> (Vec<NetworkAcl>, Vec<RouteTable>) {
    let mut acls: Vec<NetworkAcl> = Vec::new();
    let mut tables: Vec<RouteTable> = Vec::new();
    for vpc in [here, "vpc-b"] {
        let local = if vpc == here { ranges[1] } else { ranges[2] };
        for n in 0..2 {
            acls.push(NetworkAcl {
                is_default: n == 0,
                ..acl(dice, &format!("acl-{vpc}-{n}"), vpc, ranges)
            });
            tables.push(RouteTable {
                is_main: n == 0,
                ..table(dice, &format!("rtb-{vpc}-{n}"), vpc, local, ranges)
            });
        }
    }
    for subnet in subnets {
        let own = usize::from(subnet.vpc.as_str() == "vpc-b") * 2 + 1;
        if dice.one_in(2) {
            acls[own].subnets.push(subnet.id.clone());
        }
        if dice.one_in(2) {
            tables[own].associations.push(Association {
                id: "rtbassoc".into(),
                subnet: subnet.id.clone(),
            });
        }
    }
    (acls, tables)
}

/// Two subnets of the function and two of the database, in one VPC or in two, with random rules all around.
pub fn scene(seed: u64) -> Scene {
    scene_on(seed, PORT)
}

/// The same, with rules for another port.
pub fn scene_on(seed: u64, port: u16) -> Scene {
    let mut dice = Dice::new(seed);
    let v6 = dice.one_in(4);
    let ranges = ranges(v6);
    let across = dice.one_in(2);
    let (here, there) = ("vpc-a", if across { "vpc-b" } else { "vpc-a" });
    let subnet = |id: &str, vpc: &str, cidr: IpNet| Subnet {
        id: id.into(),
        vpc: vpc.into(),
        cidrs: vec![cidr],
        doubtful_cidrs: Vec::new(),
        availability_zone: "eu-central-1a".into(),
        free_addresses: Some(100),
        tags: BTreeMap::new(),
    };
    // Within one VPC both may be in the same subnet.
    let shared = !across && dice.one_in(4);
    let of_database = if across { ranges[6] } else { ranges[5] };
    let mut subnets = vec![
        subnet("subnet-f1", here, ranges[3]),
        subnet("subnet-f2", here, ranges[4]),
        subnet("subnet-d1", there, of_database),
    ];
    if shared {
        subnets.pop();
    }
    let database_subnet = if shared { "subnet-f2" } else { "subnet-d1" };
    let (acls, tables) = borders(&mut dice, here, &subnets, &ranges);
    let vpc = |id: &str, cidr: IpNet| Vpc {
        id: id.into(),
        owner: None,
        cidrs: vec![cidr],
        tenancy: "default".into(),
        dns: Part::Read(VpcDns {
            support: true,
            hostnames: true,
        }),
        doubtful_cidrs: Vec::new(),
        dhcp_options: None,
        resolver: Part::Read(Resolver::Amazon),
    };
    let region = if dice.one_in(4) { "eu-west-1" } else { "eu-central-1" };
    let mut peerings = vec![
        peering("pcx-pending", "pending-acceptance", "vpc-b", "eu-central-1"),
        peering("pcx-other", "active", "vpc-c", "eu-central-1"),
    ];
    if !dice.one_in(4) {
        peerings.push(peering("pcx-ok", "active", "vpc-b", region));
    }
    let network = Network {
        vpcs: Part::Read(vec![vpc("vpc-a", ranges[1]), vpc("vpc-b", ranges[2])]),
        subnets: Part::Read(subnets),
        route_tables: Part::Read(tables),
        acls: Part::Read(acls),
        peerings: Part::Read(peerings),
        prefix_lists: Part::Read(vec![PrefixList {
            id: "pl-1".into(),
            entries: Part::Read(vec![*dice.pick(&ranges[3..]), *dice.pick(&ranges[3..])]),
        }]),
        groups: Part::Read(
            ["sg-1", "sg-2", "sg-3"]
                .iter()
                .map(|id| group(&mut dice, id, &ranges, port))
                .collect(),
        ),
        ..Network::default()
    };
    let mut observation = direct();
    associate(&mut observation, Side::Function, "sg-1");
    associate(&mut observation, Side::Database, "sg-2");
    if dice.one_in(2) {
        associate(&mut observation, Side::Database, "sg-3");
    }
    let (mut function, mut database) = (observation.function, observation.database);
    let own = function.vpc.as_mut().unwrap();
    own.vpc = here.into();
    own.subnets = vec!["subnet-f1".into(), "subnet-f2".into()];
    database.vpc = there.into();
    database.subnets = vec![database_subnet.into()];
    Scene {
        function,
        database,
        proxy: None,
        endpoint: None,
        targets: Part::default(),
        network,
        proxy_role: None,
        policies: Part::Read(RolePolicies::only([autoconnect::policy::execution_role(false)])),
    }
}

pub fn subnet<'n>(network: &'n Network, id: &SubnetId) -> &'n Subnet {
    network
        .subnets
        .known()
        .unwrap()
        .iter()
        .find(|subnet| subnet.id == *id)
        .unwrap()
}

/// The addresses of a subnet at which ranges begin or end: of its eight, these.
pub fn addresses(subnet: &Subnet) -> Vec<IpAddr> {
    [0, 1, 2, 3, 4, 7]
        .into_iter()
        .map(|place| match subnet.cidrs[0] {
            IpNet::V4(cidr) => IpAddr::V4((u32::from(cidr.network()) + place).into()),
            IpNet::V6(cidr) => IpAddr::V6((u128::from(cidr.network()) + u128::from(place)).into()),
        })
        .collect()
}

fn has(addresses: &Addresses, address: IpAddr) -> bool {
    addresses.intersection(&IpNet::from(address).into()).is_some()
}

fn contains(region: &Region, address: IpAddr, port: u16) -> bool {
    region.blocks().iter().any(|block| {
        let Ports { first, last } = block.ports;
        first <= port && port <= last && has(&block.addresses, address)
    })
}

/// Ports at and beside every border.
pub fn samples() -> Vec<u16> {
    let mut samples: Vec<u16> = PORTS
        .iter()
        .flat_map(|port| [port.saturating_sub(1), *port, port.saturating_add(1)])
        .collect();
    samples.sort_unstable();
    samples.dedup();
    samples
}

#[test]
fn acls_groups_and_routes_agree_with_a_second_opinion() {
    for seed in 0..cases() {
        let scene = scene(seed);
        let network = &scene.network;
        let paths = Paths::new(network);
        let subnets = network.subnets.known().unwrap();
        let mut dice = Dice::new(!seed);
        for near in subnets {
            for far in [dice.pick(subnets)] {
                let wanted = Block {
                    addresses: Addresses::from(far.cidrs[0]),
                    ports: Ports::ALL,
                };
                for direction in [Direction::Ingress, Direction::Egress] {
                    let crossing = paths.acl_crossing(&near.id, direction, wanted);
                    let (acl, denials) = crossing.denied.unwrap();
                    assert_eq!(acl.id, packets::acl_of(network, near).id, "seed {seed}");
                    let groups: [GroupId; 2] = ["sg-1".into(), "sg-3".into()];
                    let peers: [GroupId; 1] = ["sg-2".into()];
                    let passage = paths.passage(&groups, direction, wanted, &peers);
                    for address in addresses(far) {
                        for port in samples() {
                            let by: Vec<u16> = denials
                                .iter()
                                .filter(|denial| contains(&denial.denied, address, port))
                                .map(|denial| denial.rule)
                                .collect();
                            let expected = packets::denying_entry(acl, direction, address, port);
                            assert_eq!(
                                by,
                                Vec::from_iter(expected),
                                "seed {seed}: {direction} {address} {port}"
                            );
                            let expected = packets::is_let_through(network, &groups, direction, address, port, &peers);
                            assert_eq!(
                                !contains(&passage.blocked, address, port),
                                expected,
                                "seed {seed}: {direction} {address} {port}"
                            );
                        }
                    }
                }
                let v6 = Addresses::from(far.cidrs[0]).is_v6();
                let ways = paths.ways(&near.id, &far.id, v6).unwrap();
                let table = packets::table_of(network, near);
                for address in addresses(far) {
                    let way: Vec<_> = ways.iter().filter(|way| has(&way.hop.addresses, address)).collect();
                    assert_eq!(way.len(), 1, "seed {seed}: {address} once");
                    assert_eq!(
                        way[0].hop.route,
                        packets::taken_route(network, table, address),
                        "seed {seed}: {address}"
                    );
                }
            }
        }
    }
}

/// What becomes of packets between the addresses of two subnets on a port, up to the first that is lost.
pub fn fates(network: &Network, from: (&Subnet, &[GroupId]), to: (&Subnet, &[GroupId]), port: u16) -> Vec<Fate> {
    let mut fates = Vec::new();
    for source in addresses(from.0) {
        for target in addresses(to.0) {
            for ephemeral in samples().into_iter().filter(|port| *port >= 1024) {
                let end = |(subnet, groups), address| Endpoint {
                    subnet,
                    groups,
                    address,
                };
                let (from, to) = (end(from, source), end(to, target));
                fates.push(packets::connects(network, from, to, port, ephemeral));
                if fates.last() == Some(&Fate::Lost) {
                    return fates;
                }
            }
        }
    }
    fates
}

#[test]
fn a_pair_of_subnets_fails_exactly_if_some_packet_is_lost() {
    let (mut working, mut failing, mut unseen) = (0, 0, 0);
    for seed in 0..cases() {
        let scene = scene(seed);
        let diagnosis = diagnose(&scene);
        let leg = &diagnosis.legs[0];
        let network = &scene.network;
        let (own, others): (Vec<GroupId>, Vec<GroupId>) = (
            scene.function.groups().iter().cloned().collect(),
            scene.database.groups().iter().cloned().collect(),
        );
        for (row, from) in leg.from.subnets.iter().enumerate() {
            for (column, to) in leg.to.subnets.iter().enumerate() {
                let (near, far) = (subnet(network, from), subnet(network, to));
                let fates = fates(network, (near, &own), (far, &others), PORT);
                let is_lost = fates.contains(&Fate::Lost);
                let fails = leg.failing.contains(&(row, column));
                assert_eq!(fails, is_lost, "seed {seed}: {from} to {to}: {:#?}", diagnosis.checks);
                match (is_lost, fates.contains(&Fate::Unseen)) {
                    (true, _) => failing += 1,
                    (false, true) => unseen += 1,
                    (false, false) => working += 1,
                }
            }
        }
    }
    // The networks are not all alike.
    assert!(working > 20 && failing > 20, "{working} {failing} {unseen}");
}
