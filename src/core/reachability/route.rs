//! Route tables: the longest prefix that matches an address decides where it goes.

use std::collections::BTreeMap;

use crate::model::network::{Destination, Peering, Route, RouteOrigin, RouteTable, RouteTarget, Subnet};
use crate::model::{PeeringId, PrefixListId, VpcId};

use super::slabs::Slabs;
use super::{Addresses, Block, Ports, Region};

/// A route table in the order in which its routes count.
#[derive(Debug)]
pub(super) struct CompiledTable<'n> {
    pub table: &'n RouteTable,
    routes: Vec<(Addresses, &'n Route)>,
    /// Routes to prefix lists that could not be read: they may lead away what other routes match.
    unread: Vec<&'n Route>,
}

/// Where a route table leads with some addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop<'n> {
    /// The table.
    pub table: &'n RouteTable,
    /// The addresses.
    pub addresses: Addresses,
    /// The route that counts for them, if there is one.
    pub route: Option<&'n Route>,
    /// Routes of which it is not known whether they are for these addresses.
    pub unread: Vec<&'n Route>,
}

/// A hop from a subnet towards another one, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way<'n> {
    /// The hop.
    pub hop: Hop<'n>,
    /// What is wrong; nothing where the traffic arrives.
    pub fault: Option<RouteFault<'n>>,
}

/// Why traffic does not arrive at another subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteFault<'n> {
    /// No route is for it.
    None,
    /// What the route leads to is gone.
    Blackhole,
    /// It leaves towards the internet, where private addresses are not found.
    Outward,
    /// The route stays within the VPC, but the other end is in another one.
    Local,
    /// The peering connection is not active.
    PeeringNotActive(&'n Peering),
    /// The peering connection leads to another VPC, and peering is not transitive.
    PeeringElsewhere(&'n Peering),
    /// The peering connection does not exist any more.
    PeeringGone,
    /// What lies behind it cannot be determined: a transit gateway, an appliance, an endpoint, …
    Unknown(String),
}

impl<'n> CompiledTable<'n> {
    pub(super) fn new(table: &'n RouteTable, lists: &BTreeMap<&PrefixListId, Vec<Addresses>>) -> Self {
        let mut routes = Vec::new();
        let mut unread = Vec::new();
        for route in &table.routes {
            match &route.destination {
                Destination::Cidr(cidr) => routes.push((*cidr, false, route)),
                Destination::PrefixList(id) => match lists.get(id) {
                    Some(ranges) => {
                        let cidrs = ranges.iter().flat_map(Addresses::cidrs);
                        routes.extend(cidrs.map(|cidr| (cidr, true, route)));
                    }
                    None => unread.push(route),
                },
            }
        }
        // Of the same range: the VPC's own route, then a static one, then a prefix list's, then a propagated one.
        routes.sort_by_key(|(cidr, is_list, route)| {
            let rank = match (&route.target, is_list, &route.origin) {
                (RouteTarget::Local, ..) => 0,
                (_, false, RouteOrigin::Static) => 1,
                (_, true, _) => 2,
                (_, false, RouteOrigin::Propagated | RouteOrigin::Other(_)) => 3,
            };
            (std::cmp::Reverse(cidr.prefix_len()), rank)
        });
        Self {
            table,
            routes: routes
                .into_iter()
                .map(|(cidr, _, route)| (cidr.into(), route))
                .collect(),
            unread,
        }
    }

    pub(super) fn hops(&self, addresses: Addresses) -> Vec<Hop<'n>> {
        let block = |addresses| Block {
            addresses,
            ports: Ports::ALL,
        };
        let mut left = Slabs::from(&Region::of(block(addresses)));
        let mut hops = Vec::new();
        let mut add = |region: &Region, route| {
            hops.extend(region.blocks().iter().map(|block| Hop {
                table: self.table,
                addresses: block.addresses,
                route,
                unread: self.unread.clone(),
            }));
        };
        for (range, route) in &self.routes {
            add(&left.take(&block(*range)), Some(*route));
            if left.is_empty() {
                return hops;
            }
        }
        add(&left.into_region(), None);
        hops
    }
}

/// What is wrong with a hop from one subnet towards another.
pub(super) fn fault<'n>(
    hop: &Hop<'n>,
    near: &Subnet,
    far: &Subnet,
    peering: impl Fn(&PeeringId) -> Option<&'n Peering>,
    unread_peerings: Option<&str>,
) -> Option<RouteFault<'n>> {
    let Some(route) = hop.route else {
        return Some(match hop.unread.first() {
            Some(route) => unread_list(route),
            None => RouteFault::None,
        });
    };
    // A prefix list within the VPC's own range, or the peer's, is a middlebox's; it is reported where it exists.
    if let (Some(list), false) = (hop.unread.first(), route.target == RouteTarget::Local) {
        return Some(unread_list(list));
    }
    if route.is_blackhole() {
        return Some(RouteFault::Blackhole);
    }
    if let Some(doubt) = route.doubt() {
        return Some(RouteFault::Unknown(doubt));
    }
    match &route.target {
        RouteTarget::Local if near.vpc == far.vpc => None,
        RouteTarget::Local => Some(RouteFault::Local),
        RouteTarget::Peering(id) => match (peering(id), unread_peerings) {
            (Some(peering), _) => of_peering(peering, &near.vpc, &far.vpc),
            (None, Some(why)) => Some(RouteFault::Unknown(format!("peering connection {id}: {why}"))),
            (None, None) => Some(RouteFault::PeeringGone),
        },
        RouteTarget::InternetGateway(_) | RouteTarget::EgressOnly(_) | RouteTarget::Nat(_) => Some(RouteFault::Outward),
        RouteTarget::Interface(_)
        | RouteTarget::Endpoint(_)
        | RouteTarget::TransitGateway(_)
        | RouteTarget::VpnGateway(_)
        | RouteTarget::Other(_) => Some(RouteFault::Unknown(format!(
            "what lies behind {} is not known",
            route.target
        ))),
    }
}

fn unread_list<'n>(route: &Route) -> RouteFault<'n> {
    RouteFault::Unknown(format!(
        "prefix list {} could not be read, and may contain these addresses",
        route.destination
    ))
}

fn of_peering<'n>(peering: &'n Peering, near: &VpcId, far: &VpcId) -> Option<RouteFault<'n>> {
    if !peering.connects(near, far) {
        Some(RouteFault::PeeringElsewhere(peering))
    } else if peering.is_active() {
        None
    } else if peering.is_doubtful() {
        Some(RouteFault::Unknown(peering.doubt()))
    } else {
        Some(RouteFault::PeeringNotActive(peering))
    }
}
