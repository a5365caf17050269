//! VPC Block Public Access, before the gateways that a traveller's subnets lead to.
//!
//! Source: docs/internet.md, "VPC Block Public Access", and the VPC user guide, "Block public access to VPCs and
//! subnets".

use super::Traveller;
use super::way::{Exit, ways_out};
use crate::diagnostics::{Check, Finding};
use crate::escape::word;
use crate::model::network::public_access::{Block, NAME, Through};
use crate::model::network::{NatGateway, Network};
use crate::model::{SubnetId, VpcId};
use crate::reachability::Paths;

/// The id of the check.
pub(crate) const ID: &str = "public-access";

/// What traffic meets on its way through a NAT gateway.
pub(crate) fn before_nat(network: &Network, nat: &NatGateway) -> Block {
    let judged = |subnet| network.at_internet_gateway(&nat.vpc, subnet, Through::OutboundOnly);
    match (judged(nat.subnet.as_ref()), &nat.subnet) {
        // It is in no subnet: what an exclusion for a subnet means for it is not documented.
        (Block::Stopped(why), None) => {
            let subnets = match network.subnets.read() {
                Ok(subnets) => subnets,
                Err(unread) => return Block::Unknown(format!("{why}, unless a subnet is excluded: {unread}")),
            };
            let mut subnets = subnets.iter();
            let excluded =
                subnets.find(|subnet| subnet.vpc == nat.vpc && !matches!(judged(Some(&subnet.id)), Block::Stopped(_)));
            match excluded {
                Some(subnet) => Block::Unknown(format!(
                    "{why}; NAT gateway {} is in no subnet, and it is not known whether the exclusion of {} applies to it",
                    nat.id, subnet.id
                )),
                None => Block::Stopped(why),
            }
        }
        (block, _) => block,
    }
}

/// Whether a NAT gateway could be anywhere in a VPC and lead out.
pub(crate) fn before_any_nat(network: &Network, vpc: &VpcId) -> Block {
    let judged = |subnet| network.at_internet_gateway(vpc, subnet, Through::OutboundOnly);
    match judged(None) {
        Block::Stopped(why) => {
            let subnets = match network.subnets.read() {
                Ok(subnets) => subnets,
                Err(unread) => return Block::Unknown(format!("{why}, unless a subnet of it is excluded: {unread}")),
            };
            let of_vpc = subnets.iter().filter(|subnet| subnet.vpc == *vpc);
            let mut blocks = of_vpc.map(|subnet| judged(Some(&subnet.id)));
            let better = blocks.find(|block| !matches!(block, Block::Stopped(_)));
            better.unwrap_or(Block::Stopped(why))
        }
        block => block,
    }
}

/// What stands before one of the ways out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BeforeExit {
    /// The NAT gateway or the interface, in words.
    pub what: String,
    /// Its subnet; none for a regional NAT gateway.
    pub place: Option<SubnetId>,
    /// What traffic meets there.
    pub block: Block,
}

/// What the traffic of a subnet meets on its ways out over IPv4; nothing where it has none.
pub(crate) fn before_exits(paths: &Paths<'_>, subnet: &SubnetId) -> Vec<BeforeExit> {
    let ways = ways_out(paths, subnet, false).into_iter().flatten();
    ways.filter_map(|way| before_exit(paths, &way.exit)).collect()
}

fn before_exit(paths: &Paths<'_>, exit: &Exit<'_>) -> Option<BeforeExit> {
    let network = paths.network();
    match exit {
        Exit::Nat(id) => {
            let mut nats = network.nat_gateways.known().into_iter().flatten();
            let nat = nats.find(|nat| nat.id == **id)?;
            Some(BeforeExit {
                what: format!("NAT gateway {id}"),
                place: nat.subnet.clone(),
                block: before_nat(network, nat),
            })
        }
        Exit::Instance(id) => {
            let mut interfaces = network.interfaces.known().into_iter().flatten();
            let found = interfaces.find(|interface| interface.id == **id)?;
            Some(BeforeExit {
                what: format!("network interface {id}"),
                place: Some(found.subnet.clone()),
                block: network.at_internet_gateway(&found.vpc, Some(&found.subnet), Through::Gateway),
            })
        }
        _ => None,
    }
}

/// The command that excludes a subnet or the VPC, where exclusions are allowed.
pub(crate) fn exclude(network: &Network, vpc: &VpcId, subnet: Option<&SubnetId>, mode: &str) -> Option<String> {
    let setting = network.public_access.known()?;
    if setting.exclusions_allowed.as_deref() == Some("not-allowed") {
        return None;
    }
    let place = match subnet {
        Some(subnet) => format!("--subnet-id {}", word(subnet)),
        None => format!("--vpc-id {}", word(vpc)),
    };
    Some(format!(
        "aws ec2 create-vpc-block-public-access-exclusion {place} --internet-gateway-exclusion-mode {mode}"
    ))
}

/// The check for IPv4; none where no subnet leads out and the setting stops nothing.
pub(crate) fn check(paths: &Paths<'_>, traveller: &Traveller<'_>) -> Option<Check> {
    let network = paths.network();
    let (mut findings, mut evidence): (Vec<Finding>, Vec<String>) = (Vec::new(), Vec::new());
    let mut told = std::collections::BTreeSet::new();
    let exits = traveller.subnets.iter();
    for BeforeExit { what, place, block } in exits.flat_map(|subnet| before_exits(paths, subnet)) {
        if !told.insert(what.clone()) {
            continue;
        }
        let mode = if what.starts_with("NAT") {
            "allow-egress"
        } else {
            "allow-bidirectional"
        };
        match block {
            Block::Open(why) => evidence.push(format!("{what}: {why}")),
            Block::Unknown(why) => findings.push(Finding::unknown(format!("{what}: {why}"))),
            Block::Stopped(why) => {
                let finding = Finding::fail(format!("{what} does not lead to the internet: {why}"));
                let remedy = exclude(network, traveller.vpc, place.as_ref(), mode);
                findings.push(remedy.into_iter().fold(finding, Finding::fixed_by));
            }
        }
    }
    // What lies behind other exits, and whether this setting is before it, is not known.
    let leads_away = |subnet: &&SubnetId| {
        let ways = ways_out(paths, subnet, false).unwrap_or_default();
        let is_away = |exit: &Exit<'_>| matches!(exit, Exit::Elsewhere(_) | Exit::Doubtful(..)) && !exit.is_dead_end();
        !ways.is_empty() && ways.iter().all(|way| is_away(&way.exit))
    };
    if told.is_empty() && !traveller.subnets.is_empty() && traveller.subnets.iter().all(leads_away) {
        return None;
    }
    if told.is_empty() {
        match before_any_nat(network, traveller.vpc) {
            Block::Open(_) => return None,
            Block::Unknown(why) => findings.push(Finding::unknown(why)),
            Block::Stopped(why) => {
                let text = format!("no NAT gateway in {} would lead to the internet: {why}", traveller.vpc);
                let remedy = exclude(network, traveller.vpc, None, "allow-egress");
                findings.push(remedy.into_iter().fold(Finding::fail(text), Finding::fixed_by));
            }
        }
    }
    let passed = format!("{NAME} does not block it");
    Some(Check::of(ID, &passed, evidence, findings))
}

/// What it makes of a subnet's way out over IPv6.
pub(crate) fn of_ipv6(paths: &Paths<'_>, vpc: &VpcId, subnet: &SubnetId, through: Through) -> Result<String, Finding> {
    let network = paths.network();
    match network.at_internet_gateway(vpc, Some(subnet), through) {
        Block::Open(why) => Ok(format!("{subnet}: {why}")),
        Block::Unknown(why) => Err(Finding::unknown(format!("{subnet}: {why}"))),
        Block::Stopped(why) => {
            let mode = match through {
                Through::OutboundOnly => "allow-egress",
                Through::Gateway | Through::Inbound => "allow-bidirectional",
            };
            let finding = Finding::fail(format!("{subnet}: no IPv6 traffic reaches the internet: {why}"));
            let remedy = exclude(network, vpc, Some(subnet), mode);
            Err(remedy.into_iter().fold(finding, Finding::fixed_by))
        }
    }
}
