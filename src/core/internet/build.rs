//! What is still to be built for a way to the internet, step by step; what is there already is used.
//!
//! Source: docs/internet.md, "What setup builds", in this order: public subnet, internet gateway, elastic IP address,
//! NAT gateway, the two route tables, their associations. A route table that other subnets use too is left as it is:
//! the function's subnets get one of their own, with the same routes (docs/internet.md, "What setup leaves as it is").

mod names;
mod nat;
mod tables;

use std::collections::{BTreeMap, BTreeSet};

use ipnet::{IpNet, Ipv4Net};

use super::{Scene, Traveller, Wish, endpoints, range::free_block};
use crate::diagnostics::Status;
use crate::diagnostics::internet::public_access;
use crate::diagnostics::internet::way::{Exit, Fault, WayOut, instance_fault, nat_fault, way_out, ways_out};
use crate::escape::word;
use crate::model::network::public_access::Block;
use crate::model::network::{Network, Own, Part, RouteTable, Subnet};
use crate::model::{InternetGatewayId, NatGatewayId, RouteTableId, SubnetId, VpcId};
use crate::ownership::is_made_for;
use crate::plan::{Plan, Ref, Steps, tags_at_birth};
use crate::preconditions::InternetUnmet;
use crate::reachability::Paths;

/// What is to be built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Building {
    /// The steps; none where nothing is missing.
    pub plan: Plan,
    /// Why, one sentence each.
    pub reasons: Vec<String>,
    /// What else the user should know.
    pub notes: Vec<String>,
    /// NAT gateways and endpoints that are on their way to be available.
    pub pending: Vec<String>,
}

/// The value of the tag that marks what belongs to a VPC's way to the internet.
pub fn connection(vpc: &VpcId) -> String {
    format!("internet/{vpc}")
}

/// What is still to be built. Nothing for a function in no VPC, which has the internet.
///
/// # Errors
///
/// What is in the way and is not ours to change, with the command that changes it.
pub fn draft(scene: &Scene, wish: &Wish) -> Result<Building, InternetUnmet> {
    let Some(traveller) = Traveller::of_function(&scene.function, wish.port) else {
        return Ok(Building {
            reasons: vec![format!(
                "Function {} is in no VPC: Lambda's own network reaches the internet.",
                scene.function.name
            )],
            ..Building::default()
        });
    };
    draft_for(&traveller, &scene.network, &scene.own, wish, Steps::default())
}

/// What is still to be built for a traveller, after these steps.
///
/// # Errors
///
/// What is in the way and is not ours to change, with the command that changes it.
pub fn draft_for(
    traveller: &Traveller<'_>,
    network: &Network,
    own: &Own,
    wish: &Wish,
    before: Steps,
) -> Result<Building, InternetUnmet> {
    all_read(network)?;
    let paths = Paths::new(network);
    let mut builder = Builder {
        network,
        own,
        wish,
        paths: &paths,
        traveller,
        steps: before,
        building: Building::default(),
        gateway: None,
        tables: BTreeMap::new(),
        nats: BTreeMap::new(),
    };
    if wish.services.is_empty() {
        builder.internet()?;
    } else {
        endpoints::build(&mut builder)?;
    }
    builder.check_what_stays()?;
    Ok(builder.building())
}

fn all_read(network: &Network) -> Result<(), InternetUnmet> {
    fn read<T>(what: &'static str, part: &Part<T>) -> Result<(), InternetUnmet> {
        let unread = |why: &str| InternetUnmet::Unreadable {
            what,
            why: why.to_owned(),
        };
        part.read().map(|_| ()).map_err(unread)
    }
    read("the ranges", &network.vpcs)?;
    read("the subnets", &network.subnets)?;
    read("the route tables", &network.route_tables)?;
    read("the internet gateways", &network.internet_gateways)?;
    read("the NAT gateways", &network.nat_gateways)?;
    read("the endpoints", &network.endpoints)
}

/// A NAT gateway to lead a subnet to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Nat {
    reference: Ref<NatGatewayId>,
    zone: String,
}

pub(super) struct Builder<'b, 's> {
    pub network: &'s Network,
    pub own: &'s Own,
    pub wish: &'b Wish,
    pub paths: &'b Paths<'s>,
    pub traveller: &'b Traveller<'s>,
    pub steps: Steps,
    pub building: Building,
    /// The steps that the internet gateway is ready after, once they were added.
    gateway: Option<Ref<InternetGatewayId>>,
    /// The tables of their own that subnets get: by the table that they have, and what distinguishes them.
    tables: BTreeMap<(String, String), Ref<RouteTableId>>,
    nats: BTreeMap<String, Nat>,
}

impl<'s> Builder<'_, 's> {
    pub(super) fn building(self) -> Building {
        Building {
            plan: self.steps.plan(),
            ..self.building
        }
    }

    /// The tags of something new in this role.
    pub(super) fn tags(&self, role: &str) -> BTreeMap<String, String> {
        tags_at_birth(&connection(self.traveller.vpc), role, &self.wish.tags)
    }

    /// Whether something is ours, in this role.
    pub(super) fn is_ours(&self, found: &BTreeMap<String, String>, role: Option<&str>) -> bool {
        is_made_for(found, &connection(self.traveller.vpc), role)
    }

    pub(super) fn subnets(&self) -> &'s [Subnet] {
        self.network.subnets.known().map_or(&[], Vec::as_slice)
    }

    pub(super) fn route_tables(&self) -> &'s [RouteTable] {
        self.network.route_tables.known().map_or(&[], Vec::as_slice)
    }

    pub(super) fn zone(&self, subnet: &SubnetId) -> String {
        self.paths.zone(subnet).unwrap_or_default().to_owned()
    }

    pub(super) fn of_vpc(&self, subnet: &Subnet) -> bool {
        subnet.vpc == *self.traveller.vpc
    }

    /// Each of the traveller's subnets gets a way out.
    pub(super) fn internet(&mut self) -> Result<(), InternetUnmet> {
        let mut public: Vec<SubnetId> = Vec::new();
        let mut lacking: Vec<&'s SubnetId> = Vec::new();
        for &subnet in &self.traveller.subnets {
            let ways = ways_out(self.paths, subnet, false).map_err(|why| InternetUnmet::Unreadable {
                what: "a route table",
                why,
            })?;
            for way in ways {
                self.refuse_stopped(subnet, &way.exit)?;
                if matches!(way.exit, Exit::InternetGateway(_)) {
                    if !public.contains(subnet) {
                        public.push(subnet.clone());
                    }
                } else if self.lacks(subnet, &way)? {
                    // Several routes that share the internet are someone's choice.
                    if !way.is_whole() {
                        return Err(shared(subnet, &way));
                    }
                    lacking.push(subnet);
                }
            }
        }
        if !public.is_empty() {
            return Err(self.public_subnets(public));
        }
        let mut by_table: BTreeMap<&str, BTreeSet<Nat>> = BTreeMap::new();
        let mut chosen = Vec::new();
        for subnet in lacking {
            let nat = self.nat_for(subnet)?;
            let Ok(WayOut { table, exit, .. }) = way_out(self.paths, subnet, false) else {
                continue;
            };
            by_table.entry(table.id.as_str()).or_default().insert(nat.clone());
            let why = if matches!(exit, Exit::None) {
                "has no route 0.0.0.0/0"
            } else {
                "has a route 0.0.0.0/0 whose target does not work"
            };
            self.building
                .reasons
                .push(format!("{subnet}: route table {} {why}.", table.id));
            chosen.push((subnet, table, !matches!(exit, Exit::None), nat));
        }
        let moved: Vec<(&SubnetId, &RouteTable, Nat)> = chosen
            .iter()
            .map(|(subnet, table, _, nat)| (*subnet, *table, nat.clone()))
            .collect();
        for (subnet, table, replaces, nat) in chosen {
            let is_one = by_table.get(table.id.as_str()).is_some_and(|nats| nats.len() == 1);
            let along = moved.iter().filter(|(_, other, of)| other.id == table.id && *of == nat);
            let along: Vec<&SubnetId> = along.map(|(subnet, ..)| *subnet).collect();
            self.lead_out((subnet, &along), table, replaces, &nat, is_one)?;
        }
        Ok(())
    }

    /// Whether a way out is not there, so that it has to be built.
    fn lacks(&mut self, subnet: &SubnetId, way: &WayOut<'_>) -> Result<bool, InternetUnmet> {
        match &way.exit {
            Exit::InternetGateway(_) => Ok(false),
            Exit::None | Exit::Blackhole(_) => Ok(true),
            Exit::Doubtful(target, why) => Err(elsewhere(subnet, way, &format!("{target} ({why})"))),
            Exit::Elsewhere(target) => Err(elsewhere(subnet, way, &target.to_string())),
            Exit::Nat(id) => Ok(!self.judge_nat(id)?),
            Exit::Instance(id) => match instance_fault(self.paths, self.traveller, subnet, id, false) {
                None => {
                    self.building
                        .reasons
                        .push(format!("{subnet} reaches the internet through network interface {id}."));
                    Ok(false)
                }
                Some(Fault::Unseen(_)) => Ok(true),
                Some(Fault::Unknown(why)) => Err(elsewhere(
                    subnet,
                    way,
                    &format!("network interface {id}, and it is not known whether it works ({why})"),
                )),
                Some(_) => Err(elsewhere(
                    subnet,
                    way,
                    &format!(
                        "network interface {id}, which does not work as that of a NAT instance (see `autoconnect internet check`)"
                    ),
                )),
            },
        }
    }

    /// What works except for VPC Block Public Access is neither replaced nor added to.
    fn refuse_stopped(&self, subnet: &SubnetId, exit: &Exit<'_>) -> Result<(), InternetUnmet> {
        let fault = match exit {
            Exit::Nat(id) => nat_fault(self.paths, id),
            Exit::Instance(id) => instance_fault(self.paths, self.traveller, subnet, id, false),
            _ => return Ok(()),
        };
        if !matches!(fault, None | Some(Fault::Pending(_))) {
            return Ok(());
        }
        let exits = public_access::before_exits(self.paths, subnet).into_iter();
        let mut stopped = exits.filter_map(|found| match found.block {
            Block::Stopped(why) => Some((found.what, found.place, why)),
            _ => None,
        });
        match stopped.next() {
            Some((what, place, why)) => {
                let mode = match exit {
                    Exit::Nat(_) => "allow-egress",
                    _ => "allow-bidirectional",
                };
                let remedy = public_access::exclude(self.network, self.traveller.vpc, place.as_ref(), mode);
                Err(InternetUnmet::PublicAccess { what, why, remedy })
            }
            None => Ok(()),
        }
    }

    pub(super) fn public_subnets(&self, subnets: Vec<SubnetId>) -> InternetUnmet {
        let mut taken: Vec<IpNet> = self.taken();
        let mut remedies = Vec::new();
        let zones: BTreeSet<String> = subnets.iter().map(|subnet| self.zone(subnet)).collect();
        for zone in zones {
            // Room for the interfaces of several functions.
            let range = free_block(&self.ranges(), &taken, 26)
                .or_else(|| free_block(&self.ranges(), &taken, nat::PUBLIC_SUBNET));
            if let Some(range) = range {
                taken.push(range.into());
                remedies.push(format!(
                    "aws ec2 create-subnet --vpc-id {} --availability-zone {} --cidr-block {range}",
                    word(self.traveller.vpc),
                    word(&zone)
                ));
            }
        }
        let groups: Vec<String> = self
            .traveller
            .groups
            .iter()
            .map(|group| format!("--security-group {}", word(group)))
            .collect();
        remedies.push(format!(
            "autoconnect attach {} --subnet SUBNET {}",
            self.traveller.option,
            groups.join(" ")
        ));
        InternetUnmet::PublicSubnets {
            function: self.traveller.name.clone(),
            subnets,
            remedies,
        }
    }

    pub(super) fn ranges(&self) -> Vec<IpNet> {
        self.paths
            .vpc(self.traveller.vpc)
            .map(|vpc| vpc.cidrs.clone())
            .unwrap_or_default()
    }

    pub(super) fn taken(&self) -> Vec<IpNet> {
        let own = self.subnets().iter().filter(|subnet| self.of_vpc(subnet));
        own.flat_map(|subnet| subnet.cidrs.clone()).collect()
    }

    /// What is never changed has to let the traffic pass: else what is built would only cost.
    pub(super) fn check_what_stays(&mut self) -> Result<(), InternetUnmet> {
        let checks = self.traveller.checks(self.paths);
        let stays = ["network-acls", "security-groups", "dns"];
        let (mut findings, mut remedies) = (Vec::new(), Vec::new());
        for check in &checks {
            let stays = stays.contains(&check.id.as_str());
            match check.status {
                _ if !stays && check.id != public_access::ID => {}
                Status::Fail if stays && self.wish.services.is_empty() => {
                    findings.push(check.message.clone());
                    remedies.extend(check.remedy.iter().flat_map(|remedy| remedy.lines()).map(str::to_owned));
                }
                Status::Unknown => self.building.notes.push(format!(
                    "It is not known whether all of it will work: {}.",
                    check.message
                )),
                _ => {}
            }
        }
        if findings.is_empty() {
            Ok(())
        } else {
            Err(InternetUnmet::Blocked { findings, remedies })
        }
    }
}

fn elsewhere(subnet: &SubnetId, way: &WayOut<'_>, target: &str) -> InternetUnmet {
    if !way.is_whole() {
        return shared(subnet, way);
    }
    InternetUnmet::LeadsElsewhere {
        subnet: subnet.clone(),
        table: way.table.id.clone(),
        target: target.to_owned(),
    }
}

/// One of several routes that share the internet is not known to work.
fn shared(subnet: &SubnetId, way: &WayOut<'_>) -> InternetUnmet {
    let (range, table) = (way.range(false), &way.table.id);
    let target = way.route.map(|route| route.target.to_string()).unwrap_or_default();
    InternetUnmet::NotOurs {
        what: format!(
            "{range} of {table}, the route table of {subnet}, leads to {target}, which is not known to lead to the internet; several routes of {table} share the internet, and they are left unchanged"
        ),
        remedies: way
            .route
            .map(|route| {
                format!(
                    "if nothing needs it: aws ec2 delete-route --route-table-id {} {}",
                    word(table),
                    route.destination.option()
                )
            })
            .into_iter()
            .collect(),
    }
}

/// Every IPv4 address.
fn everywhere() -> IpNet {
    IpNet::V4(Ipv4Net::default())
}
