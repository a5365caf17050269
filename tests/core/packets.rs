//! A second opinion on paths, packet by packet: it takes one packet, goes through the lists of rules from top to
//! bottom, and shares nothing with the engine but the model.

use std::net::IpAddr;

use autoconnect::model::network::Subnet;
use autoconnect::model::network::*;
use autoconnect::model::*;
use ipnet::IpNet;

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Arrives,
    Lost,
    /// Beyond what is described.
    Unseen,
}

/// The number of the ACL entry that denies a packet, if one does; the last one denies what none matches.
pub fn denying_entry(acl: &NetworkAcl, direction: Direction, other: IpAddr, port: u16) -> Option<u16> {
    let mut numbers: Vec<u16> = acl.entries.iter().map(|entry| entry.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    for number in numbers {
        for entry in &acl.entries {
            if entry.number != number || entry.direction != direction || !entry.cidr.contains(&other) {
                continue;
            }
            let matches = match entry.protocol {
                None => true,
                Some(6) => entry.ports.is_none_or(|(from, to)| from <= port && port <= to),
                Some(_) => false,
            };
            if matches {
                return (!entry.allows).then_some(number);
            }
        }
    }
    Some(LAST_RULE)
}

/// Whether a rule of the groups lets a packet through.
pub fn is_let_through(
    network: &Network,
    groups: &[GroupId],
    direction: Direction,
    other: IpAddr,
    port: u16,
    peers: &[GroupId],
) -> bool {
    let all = network.groups.known().unwrap();
    for group in all.iter().filter(|group| groups.contains(&group.id)) {
        for rule in group.rules(direction) {
            let port_fits = match &rule.protocol {
                Protocol::All => true,
                Protocol::Tcp => {
                    let ports = rule.ports.unwrap();
                    ports.from <= i32::from(port) && i32::from(port) <= ports.to
                }
                Protocol::Other(_) => false,
            };
            let peer_fits = match &rule.peer {
                Peer::Group(id) => peers.contains(id),
                Peer::Cidr(cidr) => cidr.parse::<IpNet>().unwrap().contains(&other),
                Peer::PrefixList(id) => in_list(network, id, other).is_some(),
            };
            if port_fits && peer_fits {
                return true;
            }
        }
    }
    false
}

/// The longest prefix of a list that an address is in.
fn in_list(network: &Network, id: &str, address: IpAddr) -> Option<u8> {
    let lists = network.prefix_lists.known().unwrap();
    let list = lists.iter().find(|list| list.id.as_str() == id).unwrap();
    let ranges = list.entries.known().unwrap().iter();
    ranges
        .filter(|range| range.contains(&address))
        .map(IpNet::prefix_len)
        .max()
}

/// The route of a table that an address takes.
pub fn taken_route<'n>(network: &Network, table: &'n RouteTable, to: IpAddr) -> Option<&'n Route> {
    let mut best: Option<(u8, u8, &Route)> = None;
    for route in &table.routes {
        let length = match &route.destination {
            Destination::Cidr(cidr) => cidr.contains(&to).then(|| cidr.prefix_len()),
            Destination::PrefixList(id) => in_list(network, id.as_str(), to),
        };
        let Some(length) = length else { continue };
        let preference = match (&route.target, &route.destination, &route.origin) {
            (RouteTarget::Local, ..) => 3,
            (_, Destination::Cidr(_), RouteOrigin::Static) => 2,
            (_, Destination::PrefixList(_), _) => 1,
            (_, Destination::Cidr(_), RouteOrigin::Propagated | RouteOrigin::Other(_)) => 0,
        };
        if best.is_none_or(|(l, p, _)| (l, p) < (length, preference)) {
            best = Some((length, preference, route));
        }
    }
    best.map(|(_, _, route)| route)
}

pub fn table_of<'n>(network: &'n Network, subnet: &Subnet) -> &'n RouteTable {
    let tables = network.route_tables.known().unwrap();
    let own = tables
        .iter()
        .find(|table| table.associations.iter().any(|found| found.subnet == subnet.id));
    own.unwrap_or_else(|| {
        tables
            .iter()
            .find(|table| table.is_main && table.vpc == subnet.vpc)
            .unwrap()
    })
}

pub fn acl_of<'n>(network: &'n Network, subnet: &Subnet) -> &'n NetworkAcl {
    let acls = network.acls.known().unwrap();
    let own = acls.iter().find(|acl| acl.subnets.contains(&subnet.id));
    own.unwrap_or_else(|| acls.iter().find(|acl| acl.is_default && acl.vpc == subnet.vpc).unwrap())
}

/// Where the route tables leave a packet from one subnet to an address in another.
pub fn routed(network: &Network, from: &Subnet, to: &Subnet, address: IpAddr) -> Fate {
    let Some(route) = taken_route(network, table_of(network, from), address) else {
        return Fate::Lost;
    };
    if route.is_blackhole() {
        return Fate::Lost;
    }
    match &route.target {
        RouteTarget::Local if from.vpc == to.vpc => Fate::Arrives,
        RouteTarget::Peering(id) => {
            let peerings = network.peerings.known().unwrap();
            let peering = peerings.iter().find(|peering| peering.id == *id);
            let works = peering.is_some_and(|peering| {
                let ends = [&peering.requester.vpc, &peering.accepter.vpc];
                peering.status == "active" && ends.contains(&&from.vpc) && ends.contains(&&to.vpc) && from.vpc != to.vpc
            });
            if works { Fate::Arrives } else { Fate::Lost }
        }
        RouteTarget::Local | RouteTarget::InternetGateway(_) | RouteTarget::EgressOnly(_) | RouteTarget::Nat(_) => {
            Fate::Lost
        }
        _ => Fate::Unseen,
    }
}

/// What becomes of requests from a subnet to a public address that a gateway endpoint leads to: the address is AWS's, so that
/// only the subnet's own ACL and the sender's groups count.
pub fn reaches_service(
    network: &Network,
    from: &Subnet,
    groups: &[GroupId],
    endpoint: &EndpointId,
    address: IpAddr,
    ephemeral: u16,
) -> Fate {
    const HTTPS: u16 = 443;
    let route = taken_route(network, table_of(network, from), address);
    let is_led = route.is_some_and(|route| matches!(&route.target, RouteTarget::Endpoint(id) if id == endpoint));
    let acl = acl_of(network, from);
    let passes = is_let_through(network, groups, Direction::Egress, address, HTTPS, &[])
        && denying_entry(acl, Direction::Egress, address, HTTPS).is_none()
        && denying_entry(acl, Direction::Ingress, address, ephemeral).is_none();
    if is_led && passes { Fate::Arrives } else { Fate::Lost }
}

/// An end of a connection, for one address.
#[derive(Clone, Copy)]
pub struct Endpoint<'a> {
    pub subnet: &'a Subnet,
    pub groups: &'a [GroupId],
    pub address: IpAddr,
}

/// Whether a connection comes about from an address and an ephemeral port: one packet there, and one back.
pub fn connects(network: &Network, from: Endpoint<'_>, to: Endpoint<'_>, port: u16, ephemeral: u16) -> Fate {
    let peered = network.peerings.known().unwrap().iter().any(|peering| {
        let ends = [&peering.requester.vpc, &peering.accepter.vpc];
        peering.status == "active"
            && peering.requester.region == peering.accepter.region
            && ends.contains(&&from.subnet.vpc)
            && ends.contains(&&to.subnet.vpc)
    });
    let nameable = from.subnet.vpc == to.subnet.vpc || peered;
    let peers = |groups| -> &[GroupId] { if nameable { groups } else { &[] } };
    let grouped = is_let_through(
        network,
        from.groups,
        Direction::Egress,
        to.address,
        port,
        peers(to.groups),
    ) && is_let_through(
        network,
        to.groups,
        Direction::Ingress,
        from.address,
        port,
        peers(from.groups),
    );
    let (near, far) = (acl_of(network, from.subnet), acl_of(network, to.subnet));
    let stays = from.subnet.id == to.subnet.id;
    let admitted = stays
        || (denying_entry(near, Direction::Egress, to.address, port).is_none()
            && denying_entry(far, Direction::Ingress, from.address, port).is_none()
            && denying_entry(far, Direction::Egress, from.address, ephemeral).is_none()
            && denying_entry(near, Direction::Ingress, to.address, ephemeral).is_none());
    let there = routed(network, from.subnet, to.subnet, to.address);
    let back = routed(network, to.subnet, from.subnet, from.address);
    match (grouped && admitted, there, back) {
        (false, ..) | (_, Fate::Lost, _) | (_, _, Fate::Lost) => Fate::Lost,
        (true, Fate::Arrives, Fate::Arrives) => Fate::Arrives,
        _ => Fate::Unseen,
    }
}
