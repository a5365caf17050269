//! What lets traffic through between two ends, and what does not, decided from API descriptions alone.
//!
//! Source: docs/network.md, "How it is decided". Three questions are answered exactly, for ports and addresses of one
//! family: what a subnet's network ACL denies, what security groups let through, and where a route table leads to. What
//! could not be read gives no answer, with the reason, and never a guess.

mod acl;
pub mod check;
mod group;
mod region;
mod route;
mod slabs;

use std::collections::BTreeMap;

pub mod leg;

pub use acl::{AclCrossing, Denial};
pub use group::Passage;
pub use region::{Addresses, Block, Ports, Region};
pub use route::{Hop, RouteFault, Way};

use crate::model::network::{Network, NetworkAcl, Part, Peering, RouteTable, Subnet, Vpc};
use crate::model::{Direction, GroupId, PeeringId, PrefixListId, RouteTableId, SubnetId, VpcId};
use acl::CompiledAcl;
use group::CompiledGroup;
use route::CompiledTable;

/// Why there is no answer.
pub type Gap = String;

/// A network with its rules laid out for asking.
#[derive(Debug)]
pub struct Paths<'n> {
    network: &'n Network,
    vpcs: BTreeMap<&'n VpcId, &'n Vpc>,
    subnets: BTreeMap<&'n SubnetId, &'n Subnet>,
    groups: BTreeMap<&'n GroupId, CompiledGroup<'n>>,
    acls: Vec<CompiledAcl<'n>>,
    /// By subnet, and by VPC for its other subnets: places in `acls`.
    acl_of_subnet: BTreeMap<&'n SubnetId, usize>,
    acl_of_vpc: BTreeMap<&'n VpcId, usize>,
    tables: Vec<CompiledTable<'n>>,
    /// Likewise, in `tables`.
    table_of_subnet: BTreeMap<&'n SubnetId, usize>,
    table_of_vpc: BTreeMap<&'n VpcId, usize>,
    peerings: BTreeMap<&'n PeeringId, &'n Peering>,
}

fn items<T>(part: &Part<Vec<T>>) -> &[T] {
    part.known().map(Vec::as_slice).unwrap_or_default()
}

impl<'n> Paths<'n> {
    /// Lays out a network.
    pub fn new(network: &'n Network) -> Self {
        let lists: BTreeMap<&PrefixListId, Vec<Addresses>> = items(&network.prefix_lists)
            .iter()
            .filter_map(|list| {
                let ranges = list.entries.known()?.iter();
                Some((&list.id, ranges.map(|&range| range.into()).collect()))
            })
            .collect();
        let groups = items(&network.groups).iter();
        let mut paths = Self {
            network,
            vpcs: items(&network.vpcs).iter().map(|vpc| (&vpc.id, vpc)).collect(),
            subnets: items(&network.subnets)
                .iter()
                .map(|subnet| (&subnet.id, subnet))
                .collect(),
            groups: groups
                .map(|group| (&group.id, CompiledGroup::new(group, &lists)))
                .collect(),
            acls: Vec::new(),
            acl_of_subnet: BTreeMap::new(),
            acl_of_vpc: BTreeMap::new(),
            tables: Vec::new(),
            table_of_subnet: BTreeMap::new(),
            table_of_vpc: BTreeMap::new(),
            peerings: items(&network.peerings)
                .iter()
                .map(|peering| (&peering.id, peering))
                .collect(),
        };
        for (place, acl) in items(&network.acls).iter().enumerate() {
            paths.add_acl(place, acl);
        }
        for (place, table) in items(&network.route_tables).iter().enumerate() {
            paths.add_table(place, table, &lists);
        }
        paths
    }

    fn add_acl(&mut self, place: usize, acl: &'n NetworkAcl) {
        self.acl_of_subnet
            .extend(acl.subnets.iter().map(|subnet| (subnet, place)));
        if acl.is_default {
            self.acl_of_vpc.insert(&acl.vpc, place);
        }
        self.acls.push(CompiledAcl::new(acl));
    }

    fn add_table(&mut self, place: usize, table: &'n RouteTable, lists: &BTreeMap<&PrefixListId, Vec<Addresses>>) {
        let associated = table.associations.iter().map(|found| (&found.subnet, place));
        self.table_of_subnet.extend(associated);
        if table.is_main {
            self.table_of_vpc.insert(&table.vpc, place);
        }
        self.tables.push(CompiledTable::new(table, lists));
    }

    /// The network that is asked about.
    pub fn network(&self) -> &'n Network {
        self.network
    }

    /// A VPC that was read.
    pub fn vpc(&self, id: &VpcId) -> Option<&'n Vpc> {
        self.vpcs.get(id).copied()
    }

    /// A subnet that was read.
    pub fn subnet(&self, id: &SubnetId) -> Option<&'n Subnet> {
        self.subnets.get(id).copied()
    }

    /// The Availability Zone of a subnet that was read.
    pub fn zone(&self, id: &SubnetId) -> Option<&'n str> {
        self.subnet(id).map(|subnet| subnet.availability_zone.as_str())
    }

    /// The addresses of a subnet in one family, if it has such.
    pub fn addresses(&self, id: &SubnetId, v6: bool) -> Option<Addresses> {
        let mut ranges = self.subnet(id)?.cidrs.iter().map(|&cidr| Addresses::from(cidr));
        ranges.find(|addresses| addresses.is_v6() == v6)
    }

    /// The peering connections between two VPCs, those that work first.
    pub fn peerings(&self, a: &VpcId, b: &VpcId) -> Vec<&'n Peering> {
        let mut found: Vec<&Peering> = self
            .peerings
            .values()
            .copied()
            .filter(|found| found.connects(a, b))
            .collect();
        found.sort_by_key(|peering| !peering.is_active());
        found
    }

    /// The ACL that counts for a subnet.
    ///
    /// # Errors
    ///
    /// It could not be read, or is not among what was.
    pub fn acl(&self, subnet: &SubnetId) -> Result<&'n NetworkAcl, Gap> {
        Ok(self.compiled_acl(subnet)?.acl)
    }

    fn compiled_acl(&self, subnet: &SubnetId) -> Result<&CompiledAcl<'n>, Gap> {
        self.network.acls.read()?;
        let of_vpc = || self.acl_of_vpc.get(&self.subnet(subnet)?.vpc);
        let place = self.acl_of_subnet.get(subnet).or_else(of_vpc);
        let acl = place.and_then(|&place| self.acls.get(place));
        acl.ok_or_else(|| format!("the network ACL of {subnet} cannot be seen from this account"))
    }

    /// The route table that counts for a subnet: its own, else its VPC's main one.
    ///
    /// # Errors
    ///
    /// It could not be read, or is not among what was.
    pub fn route_table(&self, subnet: &SubnetId) -> Result<&'n RouteTable, Gap> {
        Ok(self.compiled_table(subnet)?.table)
    }

    fn compiled_table(&self, subnet: &SubnetId) -> Result<&CompiledTable<'n>, Gap> {
        self.network.route_tables.read()?;
        let of_vpc = || self.table_of_vpc.get(&self.subnet(subnet)?.vpc);
        let place = self.table_of_subnet.get(subnet).or_else(of_vpc);
        let table = place.and_then(|&place| self.tables.get(place));
        table.ok_or_else(|| format!("the route table of {subnet} cannot be seen from this account"))
    }

    /// The four crossings of ACLs on a connection from one subnet to another and back; none within one subnet.
    /// What the other end is, the ACLs see by its whole range, and the way back is on the ephemeral ports.
    ///
    /// # Errors
    ///
    /// The subnets could not be read.
    pub fn acl_crossings(
        &self,
        from: &SubnetId,
        to: &SubnetId,
        v6: bool,
        port: u16,
    ) -> Result<Vec<AclCrossing<'n>>, Gap> {
        let (near, far) = (self.end(from, v6)?, self.end(to, v6)?);
        if from == to {
            return Ok(Vec::new());
        }
        let there = |addresses| Block {
            addresses,
            ports: Ports::only(port),
        };
        let back = |addresses| Block {
            addresses,
            ports: Ports::EPHEMERAL,
        };
        let (from, to) = (&near.0.id, &far.0.id);
        Ok(vec![
            self.acl_crossing(from, Direction::Egress, there(far.1)).with(to),
            self.acl_crossing(to, Direction::Ingress, there(near.1)).with(from),
            self.acl_crossing(to, Direction::Egress, back(near.1)).with(from),
            self.acl_crossing(from, Direction::Ingress, back(far.1)).with(to),
        ])
    }

    /// A subnet with its addresses in one family.
    ///
    /// # Errors
    ///
    /// It could not be read, or has no such addresses.
    pub fn end(&self, id: &SubnetId, v6: bool) -> Result<(&'n Subnet, Addresses), Gap> {
        self.network.subnets.read()?;
        let subnet = self
            .subnet(id)
            .ok_or_else(|| format!("{id} cannot be seen from this account"))?;
        let family = if v6 { "IPv6" } else { "IPv4" };
        let addresses = self.addresses(id, v6).ok_or_else(|| {
            match subnet
                .doubtful_cidrs
                .iter()
                .find(|(cidr, _)| cidr.addr().is_ipv6() == v6)
            {
                Some((cidr, state)) => {
                    format!("range {cidr} of {id} is {state}, a state that this version does not know")
                }
                None => format!("{id} has no {family} addresses"),
            }
        })?;
        Ok((subnet, addresses))
    }

    /// What the ACL of a subnet denies of the traffic that is wanted, to or from the other end.
    pub fn acl_crossing(&self, subnet: &'n SubnetId, direction: Direction, wanted: Block) -> AclCrossing<'n> {
        let answer = self.compiled_acl(subnet);
        AclCrossing {
            subnet,
            direction,
            other: None,
            wanted,
            denied: answer.map(|acl| (acl.acl, acl.denied(direction, &wanted))),
        }
    }

    /// What the groups on a resource let through of the traffic that is wanted, where the other end has `peers`.
    pub fn passage(&self, groups: &[GroupId], direction: Direction, wanted: Block, peers: &[GroupId]) -> Passage<'n> {
        let mut passage = Passage::of(wanted);
        if let Err(why) = self.network.groups.read() {
            passage.gaps.push(why.to_owned());
            return passage;
        }
        for id in groups {
            match self.groups.get(id) {
                Some(group) => group.let_through(direction, peers, &mut passage),
                None => passage
                    .gaps
                    .push(format!("security group {id} cannot be seen from this account")),
            }
        }
        passage
    }

    /// Where the route table of a subnet leads with these addresses: one hop for each part of them.
    ///
    /// # Errors
    ///
    /// The table could not be read.
    pub fn hops(&self, subnet: &SubnetId, addresses: Addresses) -> Result<Vec<Hop<'n>>, Gap> {
        Ok(self.compiled_table(subnet)?.hops(addresses))
    }

    /// Where a route table leads packets to these addresses. No subnet needs to be associated with it.
    ///
    /// # Errors
    ///
    /// The table could not be read, or is not among what was.
    pub fn hops_of(&self, table: &RouteTableId, addresses: Addresses) -> Result<Vec<Hop<'n>>, Gap> {
        self.network.route_tables.read()?;
        let found = self.tables.iter().find(|found| found.table.id == *table);
        let found = found.ok_or_else(|| format!("route table {table} cannot be seen from this account"))?;
        Ok(found.hops(addresses))
    }

    /// Where the traffic of a subnet to another one goes.
    ///
    /// # Errors
    ///
    /// The subnets or their table could not be read.
    pub fn ways(&self, from: &SubnetId, to: &SubnetId, v6: bool) -> Result<Vec<Way<'n>>, Gap> {
        let (near, (far, addresses)) = (self.end(from, v6)?.0, self.end(to, v6)?);
        let hops = self.hops(from, addresses)?;
        Ok(hops
            .into_iter()
            .map(|hop| Way {
                fault: self.fault(&hop, near, far),
                hop,
            })
            .collect())
    }

    fn fault(&self, hop: &Hop<'n>, near: &Subnet, far: &Subnet) -> Option<RouteFault<'n>> {
        let peering = |id: &PeeringId| self.peerings.get(id).copied();
        route::fault(hop, near, far, peering, self.network.peerings.read().err())
    }
}
