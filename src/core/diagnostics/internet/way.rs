//! The way out of a subnet: where its route table sends traffic for the internet, and whether that works.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::Traveller;
use crate::escape::word;
use crate::model::network::{
    Destination, Interface, InternetGateway, NatGateway, NatMode, Part, Route, RouteTable, RouteTarget,
};
use crate::model::{Direction, InterfaceId, InternetGatewayId, NatGatewayId, RouteTableId, SubnetId, VpcId};
use crate::reachability::leg::authorize;
use crate::reachability::{Addresses, Block, Gap, Hop, Paths, Ports, Region};

/// Ranges that are not of the internet: private ones, loopback, link-local, shared, multicast and reserved ones
/// (RFC 6890), and of IPv6 all but the global unicast range `2000::/3` (RFC 4291).
const NOT_PUBLIC: [&str; 11] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/3",
    "::/3",
    "4000::/2",
    "8000::/1",
];

/// Where a subnet's route table leads with what it has no other route for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit<'n> {
    /// Through a NAT gateway.
    Nat(&'n NatGatewayId),
    /// Through a network interface: a NAT instance's, if it is one.
    Instance(&'n InterfaceId),
    /// Through an internet gateway, where a function's private addresses are dropped.
    InternetGateway(&'n InternetGatewayId),
    /// Through something that is gone.
    Blackhole(&'n RouteTarget),
    /// Whether the route counts cannot be determined, and why.
    Doubtful(&'n RouteTarget, String),
    /// Through something behind which nothing can be seen.
    Elsewhere(&'n RouteTarget),
    /// There is no route.
    None,
}

impl Exit<'_> {
    /// Whether nothing of the internet can lie behind it: peering leads to no gateway of the other VPC.
    pub fn is_dead_end(&self) -> bool {
        matches!(self, Self::Elsewhere(RouteTarget::Peering(_)))
    }

    /// Of several ways out of a subnet, the one with the highest number is what matters most.
    fn gravity(&self) -> u8 {
        match self {
            Self::InternetGateway(_) => 6,
            Self::None => 5,
            Self::Blackhole(_) => 4,
            Self::Doubtful(..) => 3,
            Self::Elsewhere(_) => 2,
            Self::Instance(_) => 1,
            Self::Nat(_) => 0,
        }
    }
}

/// A subnet's way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WayOut<'n> {
    /// The subnet's route table.
    pub table: &'n RouteTable,
    /// The route that leads there; none where there is none.
    pub route: Option<&'n Route>,
    /// Where it leads.
    pub exit: Exit<'n>,
}

impl WayOut<'_> {
    /// Of which addresses it is the way: `0.0.0.0/0`, unless several routes share the internet.
    pub fn range(&self, v6: bool) -> String {
        match self.route {
            Some(route) => route.destination.to_string(),
            None => everywhere(v6).to_string(),
        }
    }

    /// Whether it is the way of all of the internet by one route.
    pub fn is_whole(&self) -> bool {
        self.route
            .is_none_or(|route| is_default(route, false) || is_default(route, true))
    }
}

/// The region without what is not of the internet.
pub fn public_part(mut region: Region) -> Region {
    for range in NOT_PUBLIC {
        if let Ok(range) = range.parse::<IpNet>() {
            let _ = region.take(&Block {
                addresses: range.into(),
                ports: Ports::ALL,
            });
        }
    }
    region
}

/// Whether a route is the default route, for IPv4 or IPv6.
pub(crate) fn is_default(route: &Route, v6: bool) -> bool {
    let Destination::Cidr(cidr) = route.destination else {
        return false;
    };
    cidr.prefix_len() == 0 && cidr.addr().is_ipv6() == v6
}

/// All addresses of a family.
fn everywhere(v6: bool) -> Addresses {
    if v6 { Addresses::ALL_V6 } else { Addresses::ALL_V4 }
}

/// What of some addresses is of the internet.
fn of_internet(addresses: Addresses) -> Vec<Addresses> {
    let whole = Region::of(Block {
        addresses,
        ports: Ports::ALL,
    });
    public_part(whole)
        .blocks()
        .iter()
        .map(|block| block.addresses)
        .collect()
}

/// What one route of a table counts for.
struct Road<'n> {
    route: Option<&'n Route>,
    /// These of the internet.
    addresses: Vec<Addresses>,
    /// Prefix lists that could not be read, and may lead this away.
    unread: Vec<&'n Route>,
}

impl Road<'_> {
    /// Whether all that it counts for is a part of another route's range.
    fn is_within(&self, other: &Self) -> bool {
        let Some(Destination::Cidr(range)) = other.route.map(|route| &route.destination) else {
            return false;
        };
        let range = Addresses::from(*range);
        let mut addresses = self.addresses.iter();
        self.route != other.route && addresses.all(|part| range.intersection(part) == Some(*part))
    }
}

/// Where a table leads with the internet, by route. Gateway endpoints lead to services, and count only where they are gone.
fn roads(hops: Vec<Hop<'_>>) -> Vec<Road<'_>> {
    let mut roads: Vec<Road<'_>> = Vec::new();
    for hop in hops {
        let leads_inside = hop
            .route
            .is_some_and(|route| match (&route.target, &route.destination) {
                (RouteTarget::Local, _) => true,
                (RouteTarget::Endpoint(_), Destination::PrefixList(_)) => !route.is_blackhole(),
                _ => false,
            });
        let addresses = of_internet(hop.addresses);
        if leads_inside || addresses.is_empty() {
            continue;
        }
        match roads.iter_mut().find(|road| road.route == hop.route) {
            Some(road) => road.addresses.extend(addresses),
            None => roads.push(Road {
                route: hop.route,
                addresses,
                unread: hop.unread,
            }),
        }
    }
    roads
}

/// The ways of a table out to the internet: its default route; else the routes that together are for all of it, without
/// those for parts of what another one is for.
fn ways_of<'n>(table: &'n RouteTable, hops: Vec<Hop<'n>>) -> Vec<WayOut<'n>> {
    let roads = roads(hops);
    let none = |exit| {
        vec![WayOut {
            table,
            route: None,
            exit,
        }]
    };
    if let Some(lacking) = roads.iter().find(|road| road.route.is_none()) {
        let is_gateway = |route: &&&Route| !matches!(route.target, RouteTarget::Endpoint(_));
        return match lacking.unread.iter().find(is_gateway) {
            Some(list) => {
                let why = format!(
                    "prefix list {} could not be read, and may lead the internet there",
                    list.destination
                );
                none(Exit::Doubtful(&list.target, why))
            }
            None => none(Exit::None),
        };
    }
    let outer = roads
        .iter()
        .filter(|road| !roads.iter().any(|other| road.is_within(other)));
    let ways: Vec<WayOut<'_>> = outer
        .filter_map(|road| road.route)
        .map(|route| WayOut {
            table,
            route: Some(route),
            exit: exit_of(route),
        })
        .collect();
    if ways.is_empty() { none(Exit::None) } else { ways }
}

/// The ways out of a subnet, for IPv4 or IPv6; at least one, which may be [`Exit::None`]. Several where no single route is
/// for all of the internet, such as 0.0.0.0/1 and 128.0.0.0/1.
///
/// # Errors
///
/// The route table could not be read.
pub fn ways_out<'n>(paths: &Paths<'n>, subnet: &SubnetId, v6: bool) -> Result<Vec<WayOut<'n>>, Gap> {
    let table = paths.route_table(subnet)?;
    Ok(ways_of(table, paths.hops(subnet, everywhere(v6))?))
}

/// The way out of a subnet, for IPv4 or IPv6; of several the one that matters most: the one that does not lead out.
///
/// # Errors
///
/// The route table could not be read.
pub fn way_out<'n>(paths: &Paths<'n>, subnet: &SubnetId, v6: bool) -> Result<WayOut<'n>, Gap> {
    let table = paths.route_table(subnet)?;
    let ways = ways_out(paths, subnet, v6)?.into_iter();
    Ok(ways.max_by_key(|way| way.exit.gravity()).unwrap_or(WayOut {
        table,
        route: None,
        exit: Exit::None,
    }))
}

/// Where a route leads.
pub(super) fn exit_of(route: &Route) -> Exit<'_> {
    if route.is_blackhole() {
        return Exit::Blackhole(&route.target);
    }
    if let Some(doubt) = route.doubt() {
        return Exit::Doubtful(&route.target, doubt);
    }
    match &route.target {
        RouteTarget::Nat(id) => Exit::Nat(id),
        RouteTarget::Interface(id) => Exit::Instance(id),
        RouteTarget::InternetGateway(id) => Exit::InternetGateway(id),
        target => Exit::Elsewhere(target),
    }
}

/// Routes besides the ways out that lead some of the internet away, such as to a peered VPC; for IPv4 or IPv6.
pub fn side_roads<'n>(paths: &Paths<'n>, subnet: &SubnetId, v6: bool) -> Result<Vec<&'n Route>, Gap> {
    let ways = ways_out(paths, subnet, v6)?;
    let is_way = |route: &&Route| ways.iter().any(|way| way.route == Some(*route));
    let roads = roads(paths.hops(subnet, everywhere(v6))?).into_iter();
    Ok(roads
        .filter_map(|road| road.route)
        .filter(|route| !is_way(route))
        .collect())
}

/// What keeps a NAT gateway or a NAT instance from working.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault<'n> {
    /// It is not among what was read: it is gone, or another account's.
    Unseen(String),
    /// It is on its way to be available, and nothing else keeps it from working.
    Pending(&'n NatGateway),
    /// It is in another state than `available`.
    NotAvailable(&'n NatGateway),
    /// It is a private one.
    Private(&'n NatGateway),
    /// Its subnet has no route to an internet gateway that is attached to the VPC.
    NotPublicSubnet {
        /// The gateway or the interface.
        what: String,
        /// Its subnet.
        subnet: &'n SubnetId,
        /// The subnet's route table.
        table: &'n RouteTable,
    },
    /// It is regional, and its VPC has no internet gateway, or its route table no route to it.
    NoInternetGateway(&'n NatGateway),
    /// The instance's interface drops what is not its own.
    ChecksDestination(&'n Interface),
    /// The interface has no public address.
    NoPublicAddress(&'n Interface),
    /// The interface is attached to nothing.
    NotInUse(&'n Interface),
    /// The groups of the instance's interface do not let the traffic in or out.
    Closed {
        /// The interface.
        interface: &'n Interface,
        /// In or out.
        direction: Direction,
        /// What they do not let through.
        what: String,
        /// The command that opens it.
        remedy: Option<String>,
    },
    /// It cannot be determined.
    Unknown(String),
}

fn find<T>(part: &Part<Vec<T>>, is_it: impl Fn(&T) -> bool) -> Result<Option<&T>, String> {
    Ok(part.read()?.iter().find(|found| is_it(found)))
}

/// What keeps a NAT gateway from working. Source: the check `nat-gateways` of docs/internet.md.
pub fn nat_fault<'n>(paths: &Paths<'n>, id: &NatGatewayId) -> Option<Fault<'n>> {
    let nat = match find(&paths.network().nat_gateways, |nat| nat.id == *id) {
        Ok(Some(nat)) => nat,
        Ok(None) => return Some(Fault::Unseen(format!("NAT gateway {id}"))),
        Err(why) => return Some(Fault::Unknown(format!("NAT gateway {id}: {why}"))),
    };
    match nat.state.as_str() {
        "available" => placed_fault(paths, nat),
        "pending" => Some(placed_fault(paths, nat).unwrap_or(Fault::Pending(nat))),
        "failed" | "deleting" | "deleted" => Some(Fault::NotAvailable(nat)),
        state => Some(Fault::Unknown(format!(
            "NAT gateway {id} is {state:?}, a state that this version does not know"
        ))),
    }
}

/// What keeps a NAT gateway from working besides its state: its connectivity type and its subnet.
fn placed_fault<'n>(paths: &Paths<'n>, nat: &'n NatGateway) -> Option<Fault<'n>> {
    let id = &nat.id;
    match &nat.subnet {
        _ if nat.connectivity == "private" => Some(Fault::Private(nat)),
        _ if nat.connectivity != "public" => Some(Fault::Unknown(format!(
            "NAT gateway {id} has the connectivity {:?}, which this version does not know",
            nat.connectivity
        ))),
        Some(subnet) => subnet_fault(paths, format!("NAT gateway {id}"), Some(id), subnet),
        None if nat.is_regional() => regional_fault(paths, nat),
        None if nat.mode != NatMode::Zonal => Some(Fault::Unknown(format!(
            "NAT gateway {id} has the availability mode {:?}, which this version does not know",
            nat.mode.as_api().unwrap_or_default()
        ))),
        None => Some(Fault::Unknown(format!(
            "NAT gateway {id}: EC2 does not report its subnet"
        ))),
    }
}

/// A regional NAT gateway is in no subnet. EC2 gives it a route table of its own with a route to the internet gateway,
/// which has to be attached to the VPC.
fn regional_fault<'n>(paths: &Paths<'n>, nat: &'n NatGateway) -> Option<Fault<'n>> {
    let id = &nat.id;
    let gateways = &paths.network().internet_gateways;
    let attached = match find(gateways, |gateway| gateway.vpc.as_ref() == Some(&nat.vpc)) {
        Err(why) => return Some(Fault::Unknown(format!("the internet gateways of {}: {why}", nat.vpc))),
        Ok(None) => return Some(Fault::NoInternetGateway(nat)),
        Ok(Some(gateway)) => gateway,
    };
    let Some(table) = &nat.route_table else {
        return None;
    };
    let found = match find(&paths.network().route_tables, |found| found.id == *table) {
        Err(why) => {
            return Some(Fault::Unknown(format!(
                "route table {table} of NAT gateway {id}: {why}"
            )));
        }
        // EC2 does not list it everywhere; it comes with its route.
        Ok(None) => return None,
        Ok(Some(found)) => found,
    };
    let mut doubt = None;
    let ways = match paths.hops_of(table, Addresses::ALL_V4) {
        Ok(hops) => ways_of(found, hops),
        Err(why) => return Some(Fault::Unknown(why)),
    };
    for way in ways {
        let what = format!("NAT gateway {id} is regional, and its route");
        match beyond(paths, &what, Some(id), &way) {
            Beyond::Internet(gateway) if *gateway == attached.id => {}
            Beyond::Internet(_) | Beyond::Nothing => return Some(Fault::NoInternetGateway(nat)),
            Beyond::Unknown(why) => doubt = Some(why),
        }
    }
    doubt.map(Fault::Unknown)
}

/// What keeps a NAT instance from working, as far as its interface shows, for a traveller's requests from one of its subnets.
pub fn instance_fault<'n>(
    paths: &Paths<'n>,
    traveller: &Traveller<'_>,
    from: &SubnetId,
    id: &InterfaceId,
    v6: bool,
) -> Option<Fault<'n>> {
    let interface = match find(&paths.network().interfaces, |interface| interface.id == *id) {
        Ok(Some(interface)) => interface,
        Ok(None) => return Some(Fault::Unseen(format!("network interface {id}"))),
        Err(why) => return Some(Fault::Unknown(format!("network interface {id}: {why}"))),
    };
    if ["available", "detaching"].contains(&interface.status.as_str()) {
        return Some(Fault::NotInUse(interface));
    }
    if interface.checks_destination == Some(true) {
        return Some(Fault::ChecksDestination(interface));
    }
    if !v6 && interface.public_address.is_none() {
        return Some(Fault::NoPublicAddress(interface));
    }
    let closed = [Direction::Ingress, Direction::Egress]
        .into_iter()
        .filter_map(|direction| closed(paths, traveller, from, interface, direction, v6));
    let mut faults: Vec<Fault<'_>> = closed.collect();
    if !v6 {
        faults.extend(subnet_fault(
            paths,
            format!("network interface {id}"),
            None,
            &interface.subnet,
        ));
    }
    if interface.status != "in-use" {
        faults.push(Fault::Unknown(format!(
            "network interface {id} is {:?}, not in use",
            interface.status
        )));
    }
    if interface.checks_destination.is_none() {
        faults.push(Fault::Unknown(format!(
            "network interface {id}: EC2 does not report its source/destination check"
        )));
    }
    // What is known to keep it from working comes first.
    faults.sort_by_key(|fault| matches!(fault, Fault::Unknown(_)));
    faults.into_iter().next()
}

/// What the groups of a NAT instance do not let through.
fn closed<'n>(
    paths: &Paths<'n>,
    traveller: &Traveller<'_>,
    from: &SubnetId,
    interface: &'n Interface,
    direction: Direction,
    v6: bool,
) -> Option<Fault<'n>> {
    let (id, groups) = (&interface.id, &interface.groups);
    // EC2 gives each interface a group. An account file may leave them out, which says nothing against the instance.
    if groups.is_empty() {
        return None;
    }
    let addresses = match direction {
        Direction::Egress => everywhere(v6),
        Direction::Ingress => match paths.addresses(from, v6) {
            Some(addresses) => addresses,
            None => return Some(Fault::Unknown(format!("{from} cannot be seen from this account"))),
        },
    };
    let wanted = Block {
        addresses,
        ports: Ports::only(traveller.port),
    };
    let passage = paths.passage(groups, direction, wanted, &traveller.groups);
    let blocked = match direction {
        Direction::Egress => public_part(passage.blocked),
        Direction::Ingress => passage.blocked,
    };
    if blocked.is_empty() {
        return None;
    }
    if let Some(gap) = passage.gaps.first() {
        return Some(Fault::Unknown(format!(
            "network interface {id}: it is not known what its {direction} rules let through: {gap}"
        )));
    }
    let what = match direction {
        Direction::Ingress => format!("in from {from} ({addresses})"),
        Direction::Egress => format!("out to all of {addresses}"),
    };
    let ranges = if v6 {
        format!("Ipv6Ranges=[{{CidrIpv6={addresses}}}]")
    } else {
        format!("IpRanges=[{{CidrIp={addresses}}}]")
    };
    let remedy = groups.first();
    Some(Fault::Closed {
        interface,
        direction,
        what,
        remedy: remedy.map(|group| authorize(group, direction, traveller.port, &ranges)),
    })
}

/// What lies behind the way out of a NAT gateway's or a NAT instance's subnet.
enum Beyond<'n> {
    /// The internet, through a gateway that is attached to the VPC.
    Internet(&'n InternetGatewayId),
    /// Not the internet.
    Nothing,
    /// A firewall's endpoint, an appliance, a transit gateway, …
    Unknown(String),
}

/// `what` leads there, in words; `own` is the NAT gateway itself, which does not lead on to itself.
fn beyond<'n>(paths: &Paths<'n>, what: &str, own: Option<&NatGatewayId>, way: &WayOut<'n>) -> Beyond<'n> {
    let (table, range) = (way.table, way.range(false));
    let unknown = |target: &RouteTarget, why: &str| {
        Beyond::Unknown(format!("{what} {range} ({}) leads to {target}{why}", table.id))
    };
    match &way.exit {
        Exit::InternetGateway(id) => match paths.network().attached_gateway(id, &table.vpc) {
            Ok(Some(gateway)) => Beyond::Internet(&gateway.id),
            Ok(None) => Beyond::Nothing,
            Err(why) => Beyond::Unknown(format!("internet gateway {id}: {why}")),
        },
        Exit::None | Exit::Blackhole(_) => Beyond::Nothing,
        exit if exit.is_dead_end() => Beyond::Nothing,
        Exit::Nat(id) if Some(*id) == own => Beyond::Nothing,
        Exit::Doubtful(target, why) => unknown(target, &format!(": {why}")),
        Exit::Nat(_) | Exit::Instance(_) | Exit::Elsewhere(_) => match way.route {
            Some(route) => unknown(&route.target, "; what lies behind it is not known"),
            None => Beyond::Nothing,
        },
    }
}

fn subnet_fault<'n>(
    paths: &Paths<'n>,
    what: String,
    own: Option<&NatGatewayId>,
    subnet: &'n SubnetId,
) -> Option<Fault<'n>> {
    let ways = match ways_out(paths, subnet, false) {
        Ok(ways) => ways,
        Err(why) => return Some(Fault::Unknown(why)),
    };
    let mut doubt = None;
    for way in ways {
        let table = way.table;
        let leads = format!("{what} is in {subnet}, whose route");
        match beyond(paths, &leads, own, &way) {
            Beyond::Internet(_) => {}
            Beyond::Nothing => return Some(Fault::NotPublicSubnet { what, subnet, table }),
            Beyond::Unknown(why) => doubt = Some(why),
        }
    }
    doubt.map(Fault::Unknown)
}

/// The internet gateway that a subnet's ways out lead to, if it is attached to the subnet's VPC.
///
/// # Errors
///
/// The table or the gateways could not be read.
pub fn public_gateway<'n>(paths: &Paths<'n>, subnet: &SubnetId) -> Result<Option<&'n InternetGateway>, Gap> {
    let mut led_to = None;
    for way in ways_out(paths, subnet, false)? {
        let Exit::InternetGateway(id) = way.exit else {
            return Ok(None);
        };
        led_to = paths.network().attached_gateway(id, &way.table.vpc)?;
        if led_to.is_none() {
            return Ok(None);
        }
    }
    Ok(led_to)
}

/// Whether a subnet leads to something that is there, and is no internet gateway: a firewall, say. Someone meant that.
pub fn leads_elsewhere(paths: &Paths<'_>, subnet: &SubnetId) -> bool {
    let ways = ways_out(paths, subnet, false).into_iter().flatten();
    let mut exits = ways.map(|way| way.exit);
    exits.any(|exit| !matches!(exit, Exit::None | Exit::Blackhole(_) | Exit::InternetGateway(_)))
}

/// The verb of the command that leads 0.0.0.0/0 of a table to somewhere else.
fn verb(table: &RouteTable) -> &'static str {
    let everywhere = |route: &Route| route.destination.to_string() == "0.0.0.0/0";
    if table.routes.iter().any(everywhere) {
        "replace-route"
    } else {
        "create-route"
    }
}

/// The commands that lead a VPC, and 0.0.0.0/0 of a table in it, to an internet gateway.
pub(crate) fn to_internet_gateway(paths: &Paths<'_>, vpc: &VpcId, table: Option<&RouteTable>) -> Vec<String> {
    let mut gateways = paths.network().internet_gateways.known().into_iter().flatten();
    let attached = gateways.find(|gateway| gateway.vpc.as_ref() == Some(vpc));
    let lead = |table: &RouteTable, gateway: &str| {
        format!(
            "aws ec2 {} --route-table-id {} --destination-cidr-block 0.0.0.0/0 --gateway-id {gateway}",
            verb(table),
            word(&table.id)
        )
    };
    if let Some(gateway) = attached {
        return table.map(|table| lead(table, &word(&gateway.id))).into_iter().collect();
    }
    let attach = format!(
        "then, with its id in place of GATEWAY: aws ec2 attach-internet-gateway --vpc-id {} --internet-gateway-id GATEWAY",
        word(vpc)
    );
    let then = table.map(|table| format!("then, again with its id: {}", lead(table, "GATEWAY")));
    ["aws ec2 create-internet-gateway".to_owned(), attach]
        .into_iter()
        .chain(then)
        .collect()
}

/// The commands that lead 0.0.0.0/0 of these subnets to a public NAT gateway instead of this one.
pub(crate) fn to_public_nat<'s>(
    paths: &Paths<'_>,
    subnets: impl Iterator<Item = &'s SubnetId>,
    from: &NatGatewayId,
) -> Vec<String> {
    let tables: BTreeSet<(&RouteTableId, String, String)> = subnets
        .filter_map(|subnet| ways_out(paths, subnet, false).ok())
        .flatten()
        .filter(|way| matches!(way.exit, Exit::Nat(id) if id == from))
        .filter_map(|way| Some((&way.table.id, &way.route?.destination)))
        .map(|(table, destination)| (table, destination.to_string(), destination.option()))
        .collect();
    let lead = |(table, range, option): (&RouteTableId, String, String)| {
        format!(
            "lead {range} to a public NAT gateway, in place of GATEWAY: aws ec2 replace-route --route-table-id {} {option} --nat-gateway-id GATEWAY",
            word(table)
        )
    };
    tables.into_iter().map(lead).collect()
}
