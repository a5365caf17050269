//! A NAT gateway for a subnet: one that is there, or a new one in a public subnet with its own way out.

use ipnet::IpNet;

use super::{Builder, Nat, everywhere};
use crate::diagnostics::internet::public_access::{before_nat, exclude};
use crate::diagnostics::internet::way::{
    Fault, leads_elsewhere, nat_fault, public_gateway, to_internet_gateway, to_public_nat,
};
use crate::internet::range::free_block;
use crate::model::network::public_access::{Block, Through};
use crate::model::network::{Destination, InternetGateway, NatGateway, RouteState, RouteTarget, Subnet};
use crate::model::{InternetGatewayId, NatGatewayId, SubnetId};
use crate::plan::network::{NetworkEffect, Via};
use crate::plan::{Effect, Ref, Step};
use crate::preconditions::InternetUnmet;

/// How long a range a public subnet gets: the least that EC2 has. It holds nothing but a NAT gateway.
pub(super) const PUBLIC_SUBNET: u8 = 28;

/// The role of our internet gateway.
const GATEWAY: &str = "internet-gateway";

/// The role of the route table of our public subnets.
const PUBLIC_ROUTES: &str = "public-routes";

impl Builder<'_, '_> {
    /// Whether the NAT gateway that a route leads to is of use, or will be.
    pub(in crate::internet) fn judge_nat(&mut self, id: &NatGatewayId) -> Result<bool, InternetUnmet> {
        let not_ours = |what: String, remedies: Vec<String>| Err(InternetUnmet::NotOurs { what, remedies });
        match nat_fault(self.paths, id) {
            None => {
                let works = format!("NAT gateway {id} works.");
                if !self.building.reasons.contains(&works) {
                    self.building.reasons.push(works);
                }
                self.make_public_of(id);
                Ok(true)
            }
            Some(Fault::Pending(_)) => {
                self.building.pending.push(format!("NAT gateway {id}"));
                self.make_public_of(id);
                Ok(true)
            }
            Some(Fault::NotPublicSubnet { what, subnet, table }) => {
                if self.make_public_of(id) {
                    return Ok(true);
                }
                not_ours(
                    format!(
                        "{what} is in {subnet}, whose route table {} leads to no internet gateway",
                        table.id
                    ),
                    to_internet_gateway(
                        self.paths,
                        &table.vpc,
                        Some(table).filter(|_| !leads_elsewhere(self.paths, subnet)),
                    ),
                )
            }
            Some(Fault::Private(nat)) => not_ours(
                format!(
                    "0.0.0.0/0 leads to NAT gateway {}, a private one: someone may have meant that, and it is left as it is",
                    nat.id
                ),
                to_public_nat(self.paths, self.traveller.subnets.iter().copied(), id),
            ),
            // It may well work.
            Some(Fault::Unknown(why)) => not_ours(format!("{why}: it is left as it is"), Vec::new()),
            Some(_) => Ok(false),
        }
    }

    /// The NAT gateway for a subnet: one that is there, else a new one.
    pub(in crate::internet) fn nat_for(&mut self, subnet: &SubnetId) -> Result<Nat, InternetUnmet> {
        let zone = self.zone(subnet);
        let network = self.network;
        let nats = network.nat_gateways.known().into_iter().flatten();
        let leads_out = |nat: &&NatGateway| !matches!(before_nat(network, nat), Block::Stopped(_));
        let mut usable: Vec<(bool, &NatGateway, String)> = nats
            .filter(|nat| nat.vpc == *self.traveller.vpc)
            .filter(leads_out)
            .filter_map(|nat| {
                let is_ours = self.is_ours(&nat.tags, None) && ["available", "pending"].contains(&nat.state.as_str());
                let works = matches!(nat_fault(self.paths, &nat.id), None | Some(Fault::Pending(_)));
                // A regional one serves every zone.
                let of_nat = match &nat.subnet {
                    Some(subnet) => self.zone(subnet),
                    None if nat.is_regional() => zone.clone(),
                    None => return None,
                };
                (works || is_ours).then_some((of_nat != zone, nat, of_nat))
            })
            .filter(|(is_apart, ..)| !(self.wish.per_zone && *is_apart))
            .collect();
        usable.sort_by_key(|(is_apart, nat, _)| (*is_apart, nat.id.clone()));
        if let Some((_, nat, zone)) = usable.into_iter().next() {
            self.make_public_of(&nat.id);
            if nat.state == "pending"
                && !self
                    .building
                    .pending
                    .iter()
                    .any(|pending| pending.ends_with(nat.id.as_str()))
            {
                self.building.pending.push(format!("NAT gateway {}", nat.id));
            }
            return Ok(Nat {
                reference: Ref::Existing(nat.id.clone()),
                zone,
            });
        }
        let planned = if self.wish.per_zone {
            self.nats.get(&zone)
        } else {
            self.nats.values().next()
        };
        if let Some(nat) = planned {
            return Ok(nat.clone());
        }
        let nat = self.new_nat(&zone)?;
        self.nats.insert(zone, nat.clone());
        Ok(nat)
    }

    pub(in crate::internet) fn new_nat(&mut self, zone: &str) -> Result<Nat, InternetUnmet> {
        let vpc = self.traveller.vpc.clone();
        let (subnet, is_public) = self.public_subnet(zone)?;
        self.refuse_stopped_in(&subnet, zone)?;
        let gateway = self.internet_gateway();
        let role = format!("address-{zone}");
        let addresses = self.own.addresses.iter();
        let mut free =
            addresses.filter(|address| address.association.is_none() && self.is_ours(&address.tags, Some(&role)));
        let address = if let Some(address) = free.next() {
            Ref::Existing(address.allocation.clone())
        } else {
            let effect = NetworkEffect::AllocateAddress { tags: self.tags(&role) };
            let summary = format!("elastic IP address for the NAT gateway in {zone}");
            Ref::Step(self.steps.add(effect, role, summary, &[]))
        };
        let role = format!("nat-gateway-{zone}");
        let effect = NetworkEffect::CreateNatGateway {
            vpc,
            subnet: subnet.clone(),
            address,
            tags: self.tags(&role),
        };
        let after: Vec<u32> = self.last_of(&gateway);
        let summary = format!("public NAT gateway in {zone}, in {}", self.named(&subnet));
        let nat = self.steps.add(effect, role, summary, &after);
        if !is_public {
            self.make_public(&subnet);
        }
        Ok(Nat {
            reference: Ref::Step(nat),
            zone: zone.to_owned(),
        })
    }

    /// What a new NAT gateway in a subnet meets at the internet gateway; without one, in a new subnet.
    fn before_new_nat(&self, subnet: Option<&SubnetId>) -> Block {
        let vpc = self.traveller.vpc;
        self.network.at_internet_gateway(vpc, subnet, Through::OutboundOnly)
    }

    /// A NAT gateway is charged for: none is made that leads nowhere.
    fn refuse_stopped_in(&self, subnet: &Ref<SubnetId>, zone: &str) -> Result<(), InternetUnmet> {
        let subnet = subnet.existing();
        match self.before_new_nat(subnet) {
            Block::Stopped(why) => Err(InternetUnmet::PublicAccess {
                what: format!("a new NAT gateway in {zone}"),
                why,
                remedy: exclude(self.network, self.traveller.vpc, subnet, "allow-egress"),
            }),
            Block::Open(_) | Block::Unknown(_) => Ok(()),
        }
    }

    /// The step that attaches a new gateway comes before what needs the way out.
    pub(in crate::internet) fn last_of(&self, gateway: &Ref<InternetGatewayId>) -> Vec<u32> {
        let attaches = |step: &&Step| matches!(&step.effect, Effect::Network(NetworkEffect::AttachInternetGateway { gateway: attached, .. }) if attached == gateway);
        self.steps.iter().filter(attaches).map(|step| step.id).collect()
    }

    /// A public subnet for a NAT gateway, and whether its routes are as they should be.
    pub(in crate::internet) fn public_subnet(&mut self, zone: &str) -> Result<(Ref<SubnetId>, bool), InternetUnmet> {
        let role = format!("public-subnet-{zone}");
        let mut own = self
            .subnets()
            .iter()
            .filter(|subnet| self.of_vpc(subnet) && subnet.availability_zone == zone);
        let is_public = |subnet: &Subnet| matches!(public_gateway(self.paths, &subnet.id), Ok(Some(_)));
        if let Some(subnet) = own.clone().find(|subnet| self.is_ours(&subnet.tags, Some(&role))) {
            return Ok((Ref::Existing(subnet.id.clone()), is_public(subnet)));
        }
        let has_room = |subnet: &&Subnet| subnet.free_addresses != Some(0);
        let lets_pass = |subnet: &&Subnet| {
            let block = self.before_new_nat(Some(&subnet.id));
            !self.traveller.acl_stops(self.paths, &subnet.id) && !matches!(block, Block::Stopped(_))
        };
        if let Some(subnet) = own.find(|subnet| is_public(subnet) && has_room(subnet) && lets_pass(subnet)) {
            return Ok((Ref::Existing(subnet.id.clone()), true));
        }
        let cidr = free_block(&self.ranges(), &self.taken_and_planned(), PUBLIC_SUBNET).ok_or_else(|| {
            InternetUnmet::NoRoom {
                vpc: self.traveller.vpc.clone(),
                prefix: PUBLIC_SUBNET,
            }
        })?;
        let effect = NetworkEffect::CreateSubnet {
            vpc: self.traveller.vpc.clone(),
            cidr,
            zone: zone.to_owned(),
            tags: self.tags(&role),
        };
        let summary = format!("public subnet {cidr} in {zone}, for the NAT gateway");
        Ok((Ref::Step(self.steps.add(effect, role, summary, &[])), false))
    }

    pub(in crate::internet) fn taken_and_planned(&self) -> Vec<IpNet> {
        let planned = self.steps.iter().filter_map(|step| match &step.effect {
            Effect::Network(NetworkEffect::CreateSubnet { cidr, .. }) => Some(IpNet::V4(*cidr)),
            _ => None,
        });
        self.taken().into_iter().chain(planned).collect()
    }

    /// The VPC's internet gateway: the one that is attached, else ours, else a new one.
    pub(in crate::internet) fn internet_gateway(&mut self) -> Ref<InternetGatewayId> {
        if let Some(gateway) = &self.gateway {
            return gateway.clone();
        }
        let vpc = self.traveller.vpc;
        let attached = self.network.internet_gateways.known().into_iter().flatten();
        let mut attached = attached.filter(|gateway| gateway.vpc.as_ref() == Some(vpc));
        if let Some(gateway) = attached.next() {
            let reference = Ref::Existing(gateway.id.clone());
            self.gateway = Some(reference.clone());
            return reference;
        }
        let is_free = |gateway: &&InternetGateway| gateway.vpc.is_none() && self.is_ours(&gateway.tags, Some(GATEWAY));
        let gateway = if let Some(gateway) = self.own.gateways.iter().find(is_free) {
            Ref::Existing(gateway.id.clone())
        } else {
            let effect = NetworkEffect::CreateInternetGateway {
                tags: self.tags(GATEWAY),
            };
            let summary = format!("internet gateway for {vpc}");
            Ref::Step(self.steps.add(effect, GATEWAY, summary, &[]))
        };
        let effect = NetworkEffect::AttachInternetGateway {
            gateway: gateway.clone(),
            vpc: vpc.clone(),
        };
        let name = self.named(&gateway);
        let summary = format!("{name}: attach it to {vpc}");
        self.steps.add(effect, name, summary, &[]);
        self.gateway = Some(gateway.clone());
        gateway
    }

    /// Completes the routes of the subnet of one of our NAT gateways. Whether it is ours.
    pub(in crate::internet) fn make_public_of(&mut self, id: &NatGatewayId) -> bool {
        let nats = self.network.nat_gateways.known().into_iter().flatten();
        let Some(subnet) = nats
            .into_iter()
            .find(|nat| nat.id == *id)
            .and_then(|nat| nat.subnet.as_ref())
        else {
            return false;
        };
        let Some(subnet) = self
            .paths
            .subnet(subnet)
            .filter(|subnet| self.is_ours(&subnet.tags, None))
        else {
            return false;
        };
        // A firewall, say, that someone has put there is not taken out.
        if leads_elsewhere(self.paths, &subnet.id) {
            return false;
        }
        if public_gateway(self.paths, &subnet.id).is_ok_and(|gateway| gateway.is_none()) {
            self.make_public(&Ref::Existing(subnet.id.clone()));
        }
        true
    }

    /// A route table with a route to the internet gateway, for a public subnet of ours.
    pub(in crate::internet) fn make_public(&mut self, subnet: &Ref<SubnetId>) {
        let name = subnet.to_string();
        if self.tables.contains_key(&(name.clone(), PUBLIC_ROUTES.to_owned())) {
            return;
        }
        let gateway = self.internet_gateway();
        let existing = self
            .route_tables()
            .iter()
            .find(|table| self.is_ours(&table.tags, Some(PUBLIC_ROUTES)));
        let planned = self
            .tables
            .iter()
            .find(|((_, role), _)| role == PUBLIC_ROUTES)
            .map(|(_, table)| table.clone());
        let table = match (existing, planned) {
            (Some(table), _) => Ref::Existing(table.id.clone()),
            (None, Some(table)) => table,
            (None, None) => self.new_table(
                PUBLIC_ROUTES,
                format!("route table for the public subnets of {}", self.traveller.vpc),
            ),
        };
        let is_first = !self.tables.iter().any(|((_, role), _)| role == PUBLIC_ROUTES);
        self.tables
            .insert((name.clone(), PUBLIC_ROUTES.to_owned()), table.clone());
        let default = existing.and_then(|table| {
            table
                .routes
                .iter()
                .find(|route| route.destination == Destination::Cidr(everywhere()))
        });
        let leads_out = default.is_some_and(|route| {
            route.state == RouteState::Active
                && matches!(&route.target, RouteTarget::InternetGateway(id) if gateway.is(id))
        });
        if is_first && !leads_out {
            self.route(
                &table,
                everywhere(),
                Via::InternetGateway(gateway.clone()),
                default.is_some(),
            );
        }
        self.associate(subnet, &table);
    }
}
