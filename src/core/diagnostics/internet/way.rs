//! The way out of a subnet: where its route table sends traffic for the internet, and whether that works.

use std::collections::BTreeSet;

use ipnet::IpNet;

use crate::escape::word;
use crate::model::network::{
    Destination, Interface, InternetGateway, NatGateway, NatMode, Part, Route, RouteTable, RouteTarget,
};
use crate::model::{InterfaceId, InternetGatewayId, NatGatewayId, RouteTableId, SubnetId, VpcId};
use crate::reachability::{Addresses, Block, Gap, Paths, Ports, Region};

/// Ranges that are not of the internet: private ones, loopback, link-local, shared, multicast and reserved ones
/// (RFC 6890).
const NOT_PUBLIC: [&str; 8] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/3",
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

/// A subnet's way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WayOut<'n> {
    /// The subnet's route table.
    pub table: &'n RouteTable,
    /// Where it leads.
    pub exit: Exit<'n>,
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

/// The way out of a subnet, for IPv4 or IPv6: its default route.
///
/// # Errors
///
/// The route table could not be read.
pub fn way_out<'n>(paths: &Paths<'n>, subnet: &SubnetId, v6: bool) -> Result<WayOut<'n>, Gap> {
    let table = paths.route_table(subnet)?;
    let exit = exit_of(table, v6);
    Ok(WayOut { table, exit })
}

/// Where the default route of a table leads.
fn exit_of(table: &RouteTable, v6: bool) -> Exit<'_> {
    let route = table
        .routes
        .iter()
        .filter(|route| is_default(route, v6))
        .min_by_key(|route| route.origin.precedence());
    match route {
        None => Exit::None,
        Some(route) if route.is_blackhole() => Exit::Blackhole(&route.target),
        Some(route) if route.doubt().is_some() => Exit::Doubtful(&route.target, route.doubt().unwrap_or_default()),
        Some(route) => match &route.target {
            RouteTarget::Nat(id) => Exit::Nat(id),
            RouteTarget::Interface(id) => Exit::Instance(id),
            RouteTarget::InternetGateway(id) => Exit::InternetGateway(id),
            target => Exit::Elsewhere(target),
        },
    }
}

/// Routes besides the default one that lead some of the internet away, such as to a peered VPC.
pub fn side_roads<'n>(paths: &Paths<'n>, subnet: &SubnetId) -> Result<Vec<(&'n Route, Region)>, Gap> {
    let mut roads: Vec<(&Route, Region)> = Vec::new();
    for hop in paths.hops(subnet, Addresses::ALL_V4)? {
        let Some(route) = hop.route.filter(|route| !is_default(route, false)) else {
            continue;
        };
        let region = public_part(Region::of(Block {
            addresses: hop.addresses,
            ports: Ports::ALL,
        }));
        let leads_away = !matches!(route.target, RouteTarget::Local | RouteTarget::Endpoint(_));
        if leads_away && !region.is_empty() && !roads.iter().any(|(known, _)| *known == route) {
            roads.push((route, region));
        }
    }
    Ok(roads)
}

/// What keeps a NAT gateway or a NAT instance from working.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault<'n> {
    /// It is not among what was read: it is gone, or another account's.
    Unseen(String),
    /// It is on its way to be available.
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
    match (nat.state.as_str(), &nat.subnet) {
        ("pending", _) => Some(Fault::Pending(nat)),
        ("failed" | "deleting" | "deleted", _) => Some(Fault::NotAvailable(nat)),
        (state, _) if state != "available" => Some(Fault::Unknown(format!(
            "NAT gateway {id} is {state:?}, a state that this version does not know"
        ))),
        _ if nat.connectivity == "private" => Some(Fault::Private(nat)),
        _ if nat.connectivity != "public" => Some(Fault::Unknown(format!(
            "NAT gateway {id} has the connectivity {:?}, which this version does not know",
            nat.connectivity
        ))),
        (_, None) if nat.is_regional() => regional_fault(paths, nat),
        (_, None) if nat.mode != NatMode::Zonal => Some(Fault::Unknown(format!(
            "NAT gateway {id} has the availability mode {:?}, which this version does not know",
            nat.mode.as_api().unwrap_or_default()
        ))),
        (_, None) => Some(Fault::Unknown(format!(
            "NAT gateway {id}: EC2 does not report its subnet"
        ))),
        (_, Some(subnet)) => subnet_fault(paths, format!("NAT gateway {id}"), subnet),
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
    match exit_of(found, false) {
        Exit::InternetGateway(gateway) if *gateway == attached.id => None,
        _ => Some(Fault::NoInternetGateway(nat)),
    }
}

/// What keeps a NAT instance from working, as far as its interface shows.
pub fn instance_fault<'n>(paths: &Paths<'n>, id: &InterfaceId) -> Option<Fault<'n>> {
    let interface = match find(&paths.network().interfaces, |interface| interface.id == *id) {
        Ok(Some(interface)) => interface,
        Ok(None) => return Some(Fault::Unseen(format!("network interface {id}"))),
        Err(why) => return Some(Fault::Unknown(format!("network interface {id}: {why}"))),
    };
    if interface.checks_destination == Some(true) {
        return Some(Fault::ChecksDestination(interface));
    }
    if interface.public_address.is_none() {
        return Some(Fault::NoPublicAddress(interface));
    }
    subnet_fault(paths, format!("network interface {id}"), &interface.subnet)
}

fn subnet_fault<'n>(paths: &Paths<'n>, what: String, subnet: &'n SubnetId) -> Option<Fault<'n>> {
    match public_gateway(paths, subnet) {
        Ok(Some(_)) => None,
        Ok(None) => match paths.route_table(subnet) {
            Ok(table) => Some(Fault::NotPublicSubnet { what, subnet, table }),
            Err(why) => Some(Fault::Unknown(why)),
        },
        Err(why) => Some(Fault::Unknown(why)),
    }
}

/// The internet gateway that a subnet's default route leads to, if it is attached to the subnet's VPC.
///
/// # Errors
///
/// The table or the gateways could not be read.
pub fn public_gateway<'n>(paths: &Paths<'n>, subnet: &SubnetId) -> Result<Option<&'n InternetGateway>, Gap> {
    let WayOut { table, exit } = way_out(paths, subnet, false)?;
    let Exit::InternetGateway(id) = exit else {
        return Ok(None);
    };
    let gateways = &paths.network().internet_gateways;
    find(gateways, |gateway| {
        gateway.id == *id && gateway.vpc.as_ref() == Some(&table.vpc)
    })
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
    let tables: BTreeSet<&RouteTableId> = subnets
        .filter_map(|subnet| way_out(paths, subnet, false).ok())
        .filter(|way| matches!(way.exit, Exit::Nat(id) if id == from))
        .map(|way| &way.table.id)
        .collect();
    let lead = |table| {
        format!(
            "lead 0.0.0.0/0 to a public NAT gateway, in place of GATEWAY: aws ec2 replace-route --route-table-id {} --destination-cidr-block 0.0.0.0/0 --nat-gateway-id GATEWAY",
            word(table)
        )
    };
    tables.into_iter().map(lead).collect()
}
