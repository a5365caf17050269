//! Whether what is in some subnets reaches the internet over IPv4, having private addresses only: through a NAT gateway
//! or a NAT instance, decided from API descriptions alone.
//!
//! Source: spec/network.md, "`internet`" 1 to 4 and 7; spec/msk.md, 3.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::{Finding, Status};
use crate::endpoint::{Asker, worst};
use crate::leg::acls;
use crate::model::network::{LAST_RULE, NatGateway, Network, Route, RouteTable, RouteTarget};
use crate::model::{Direction, InterfaceId, NatGatewayId, SubnetId};
use crate::path::{AclCrossing, Addresses, Block, Gap, Hop, Paths, Ports};

/// What leads some subnets to the internet, but for what groups let out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NatWay {
    /// What is wrong, the subnet named first.
    pub findings: Vec<Finding>,
    /// What it rests on.
    pub evidence: Vec<String>,
    /// The subnets whose table leads to an internet gateway, which is no use to what has no public address.
    pub public: BTreeSet<SubnetId>,
}

impl NatWay {
    /// How well it leads there.
    #[must_use]
    pub fn status(&self) -> Status {
        worst(&self.findings)
    }
}

/// The way of each of the asker's subnets to the internet, on a TCP port.
#[must_use]
pub fn nat_way(paths: &Paths<'_>, asker: &Asker<'_>, port: u16) -> NatWay {
    let mut way = NatWay::default();
    let mut zones: BTreeMap<&NatGatewayId, Vec<&SubnetId>> = BTreeMap::new();
    for subnet in asker.subnets {
        let (table, route) = match default_route(paths, subnet) {
            Ok(found) => found,
            Err(finding) => {
                way.findings.push(*finding);
                continue;
            }
        };
        let from = From {
            subnet,
            table,
            route,
            port,
        };
        match &route.target {
            _ if route.is_blackhole => way.findings.push(from.blackhole()),
            RouteTarget::Nat(id) => {
                way.findings.extend(from.through_gateway(paths, id));
                way.evidence.push(format!("{subnet}: {} to NAT gateway {id}", table.id));
                if is_elsewhere(paths, subnet, id) {
                    zones.entry(id).or_default().push(subnet);
                }
            }
            RouteTarget::Interface(id) => {
                way.findings.extend(from.through_instance(paths, id));
                way.evidence
                    .push(format!("{subnet}: {} to network interface {id}", table.id));
            }
            RouteTarget::InternetGateway(_) => {
                way.public.insert(subnet.clone());
                way.findings.push(from.internet_gateway(paths));
            }
            other => way.findings.push(Finding::unknown(format!(
                "{subnet}: 0.0.0.0/0 of {} leads to {other}, and what lies behind cannot be told from here",
                table.id
            ))),
        }
    }
    for (id, subnets) in zones {
        let subnets: Vec<&str> = subnets.into_iter().map(SubnetId::as_str).collect();
        way.findings.push(Finding::warn(format!(
            "NAT gateway {id} is in another Availability Zone than {}: one in each zone costs no cross-zone traffic, and fails alone",
            subnets.join(", ")
        )));
    }
    way
}

/// The route to all the world that counts for a subnet, and its table.
fn default_route<'n>(paths: &Paths<'n>, subnet: &SubnetId) -> Result<(&'n RouteTable, &'n Route), Box<Finding>> {
    let unknown = |gap: Gap| Box::new(Finding::unknown(format!("{subnet}: {gap}")));
    let table = paths.route_table(subnet).map_err(unknown)?;
    let hops = paths.hops(subnet, Addresses::ALL_V4).map_err(unknown)?;
    let is_default = |hop: &&Hop<'n>| {
        hop.route
            .is_some_and(|route| route.destination.to_string() == "0.0.0.0/0")
    };
    match hops.iter().find(is_default).and_then(|hop| hop.route) {
        Some(route) => Ok((table, route)),
        None => Err(Box::new(Finding::fail(format!(
            "{subnet}: its route table {} has no route to 0.0.0.0/0",
            table.id
        )))),
    }
}

fn is_elsewhere(paths: &Paths<'_>, subnet: &SubnetId, id: &NatGatewayId) -> bool {
    let zone = |id: &SubnetId| Some(paths.subnet(id)?.availability_zone.as_str());
    let nat = gateway(paths.network(), id).and_then(|nat| zone(nat.subnet.as_ref()?));
    matches!((zone(subnet), nat), (Some(own), Some(of_nat)) if own != of_nat)
}

fn gateway<'n>(network: &'n Network, id: &NatGatewayId) -> Option<&'n NatGateway> {
    network.nat_gateways.known()?.iter().find(|nat| nat.id == *id)
}

/// One subnet with its route to all the world.
struct From<'f> {
    subnet: &'f SubnetId,
    table: &'f RouteTable,
    route: &'f Route,
    port: u16,
}

impl From<'_> {
    fn blackhole(&self) -> Finding {
        let Self {
            subnet, table, route, ..
        } = self;
        Finding::fail(format!(
            "{subnet}: 0.0.0.0/0 of {} is a black hole: {} is gone",
            table.id, route.target
        ))
        .mended_by(self.replace("<a NAT gateway>"))
    }

    fn replace(&self, nat: &str) -> String {
        format!(
            "aws ec2 replace-route --route-table-id {} --destination-cidr-block 0.0.0.0/0 --nat-gateway-id {nat}",
            self.table.id
        )
    }

    /// The classic mistake.
    fn internet_gateway(&self, paths: &Paths<'_>) -> Finding {
        let Self {
            subnet, table, route, ..
        } = self;
        let mut finding = Finding::fail(format!(
            "{subnet} is public: 0.0.0.0/0 of {} leads to {}, which serves only what has a public address",
            table.id, route.target
        ));
        // A table that a NAT gateway's own subnet uses must lead to the internet gateway.
        let network = paths.network();
        let mut gateways = network.nat_gateways.known().into_iter().flatten();
        let uses_it = |nat: &NatGateway| {
            let own = nat.subnet.as_ref().and_then(|subnet| paths.route_table(subnet).ok());
            own.is_some_and(|own| own.id == table.id)
        };
        let usable =
            |nat: &&NatGateway| nat.vpc == table.vpc && nat.state == "available" && nat.is_public && !uses_it(nat);
        if let Some(nat) = gateways.find(usable) {
            finding = finding.mended_by(self.replace(nat.id.as_str()));
        }
        finding
    }

    fn through_gateway(&self, paths: &Paths<'_>, id: &NatGatewayId) -> Vec<Finding> {
        let subnet = self.subnet;
        let network = paths.network();
        if let Err(why) = network.nat_gateways.read() {
            return vec![Finding::unknown(format!("{subnet}: NAT gateway {id}: {why}"))];
        }
        let Some(nat) = gateway(network, id) else {
            return vec![Finding::fail(format!(
                "{subnet}: NAT gateway {id} does not exist in {}",
                self.table.vpc
            ))];
        };
        let mut findings = Vec::new();
        if nat.state != "available" {
            let why = nat.failure.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
            findings.push(Finding::fail(format!(
                "{subnet}: NAT gateway {id} is {}{why}, not available",
                nat.state
            )));
        }
        if !nat.is_public {
            findings.push(Finding::fail(format!(
                "{subnet}: NAT gateway {id} is private: it leads to other networks, not to the internet"
            )));
        }
        match &nat.subnet {
            Some(of_nat) => findings.extend(self.public_side(paths, &format!("NAT gateway {id}"), of_nat)),
            None => findings.push(Finding::unknown(format!(
                "{subnet}: AWS tells no subnet of NAT gateway {id}"
            ))),
        }
        findings
    }

    fn through_instance(&self, paths: &Paths<'_>, id: &InterfaceId) -> Vec<Finding> {
        let subnet = self.subnet;
        let interfaces = match paths.network().interfaces.read() {
            Ok(interfaces) => interfaces,
            Err(why) => return vec![Finding::unknown(format!("{subnet}: network interface {id}: {why}"))],
        };
        let Some(interface) = interfaces.iter().find(|interface| interface.id == *id) else {
            return vec![Finding::fail(format!(
                "{subnet}: network interface {id} does not exist"
            ))];
        };
        let mut findings = Vec::new();
        match interface.checks_destination {
            Some(false) => {}
            Some(true) => findings.push(
                Finding::fail(format!(
                    "{subnet}: network interface {id} drops what is not its own (SourceDestCheck), and so is no NAT instance's"
                ))
                .mended_by(format!(
                    "aws ec2 modify-network-interface-attribute --network-interface-id {id} --no-source-dest-check"
                )),
            ),
            None => findings.push(Finding::unknown(format!("{subnet}: SourceDestCheck of {id} is not told"))),
        }
        if interface.public_address.is_none() {
            findings.push(Finding::fail(format!(
                "{subnet}: network interface {id} has no public address"
            )));
        }
        if interface.status != "in-use" {
            findings.push(Finding::fail(format!(
                "{subnet}: network interface {id} is {}, not in use",
                interface.status
            )));
        }
        findings.extend(self.public_side(paths, &format!("network interface {id}"), &interface.subnet));
        findings
    }

    /// What stands between the subnet and what translates its addresses, and between that and the internet.
    fn public_side(&self, paths: &Paths<'_>, name: &str, public: &SubnetId) -> Vec<Finding> {
        let mut findings = Vec::new();
        let leads = default_route(paths, public);
        match leads {
            Err(finding) => findings.push(Finding {
                text: format!("{}: {name} is in {}", self.subnet, finding.text),
                ..*finding
            }),
            Ok((table, route)) => {
                let attached = paths.network().internet_gateways.read().map(|gateways| {
                    gateways.iter().any(|gateway| {
                        gateway.vpc.as_ref() == Some(&table.vpc)
                            && route.target == RouteTarget::InternetGateway(gateway.id.clone())
                    })
                });
                let where_to = format!("{}: {name} is in {public}, whose 0.0.0.0/0 ({})", self.subnet, table.id);
                match (&route.target, attached) {
                    (RouteTarget::InternetGateway(_), Ok(true)) if !route.is_blackhole => {}
                    (RouteTarget::InternetGateway(id), Ok(_)) => findings.push(Finding::fail(format!(
                        "{where_to} leads to {id}, which is not attached to {}",
                        table.vpc
                    ))),
                    (RouteTarget::InternetGateway(id), Err(why)) => {
                        findings.push(Finding::unknown(format!("{where_to} leads to {id}: {why}")));
                    }
                    (other, _) => findings.push(Finding::fail(format!(
                        "{where_to} leads to {other}, not to an internet gateway"
                    ))),
                }
            }
        }
        findings.extend(self.acls(paths, public));
        findings
    }

    fn acls(&self, paths: &Paths<'_>, public: &SubnetId) -> Vec<Finding> {
        let to_port = |addresses| Block {
            addresses,
            ports: Ports::only(self.port),
        };
        let answers = |addresses| Block {
            addresses,
            ports: Ports::EPHEMERAL,
        };
        let world = Addresses::ALL_V4;
        let (Some(own), Some(place)) = (paths.subnet(self.subnet), paths.subnet(public)) else {
            return vec![Finding::unknown(format!(
                "{} or {public} cannot be seen from this account",
                self.subnet
            ))];
        };
        let mut crossings = vec![
            paths.acl_crossing(&own.id, Direction::Egress, to_port(world)),
            paths.acl_crossing(&own.id, Direction::Ingress, answers(world)),
        ];
        if own.id != place.id {
            crossings.push(paths.acl_crossing(&place.id, Direction::Egress, to_port(world)));
            crossings.push(paths.acl_crossing(&place.id, Direction::Ingress, answers(world)));
            if let Some(addresses) = paths.addresses(&own.id, false) {
                crossings.push(paths.acl_crossing(&place.id, Direction::Ingress, to_port(addresses)));
                crossings.push(paths.acl_crossing(&place.id, Direction::Egress, answers(addresses)));
            }
        }
        crossings.iter().flat_map(denials).collect()
    }
}

/// What an ACL denies at one border, entry by entry.
fn denials(crossing: &AclCrossing<'_>) -> Vec<Finding> {
    let (acl, denied) = match &crossing.denied {
        Ok(found) => found,
        Err(gap) => return vec![Finding::unknown(gap.clone())],
    };
    let AclCrossing {
        subnet,
        direction,
        wanted,
        ..
    } = crossing;
    let (into, to) = match direction {
        Direction::Ingress => ("into", "from"),
        Direction::Egress => ("out of", "to"),
    };
    let finding = |denial: &crate::path::Denial| {
        let blocks: Vec<String> = denial
            .denied
            .blocks()
            .iter()
            .map(|block| format!("tcp {} {to} {}", block.ports, block.addresses))
            .collect();
        let rule = match denial.rule {
            LAST_RULE => "*".to_owned(),
            number => number.to_string(),
        };
        let text = format!(
            "{into} {subnet}: {} blocked by rule {rule} of {} ({direction})",
            blocks.join(", "),
            acl.id
        );
        let remedies = acls::remedies(acl, *direction, denial.rule, wanted.ports, [wanted.addresses]);
        remedies.into_iter().fold(Finding::fail(text), Finding::mended_by)
    };
    denied
        .iter()
        .filter(|denial| !denial.denied.is_empty())
        .map(finding)
        .collect()
}
