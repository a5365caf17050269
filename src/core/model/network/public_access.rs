//! VPC Block Public Access: an account's setting in a Region that stops traffic through internet gateways, whatever
//! routes and security groups say.
//!
//! Source: VPC user guide, "Block public access to VPCs and subnets". Traffic of a NAT gateway leaves through the
//! internet gateway from the NAT gateway's subnet, so the exclusion of this subnet counts, not that of the sender.

use super::Network;
use crate::model::{SubnetId, VpcId};

/// The mode of an account whose file was written where the setting could not be read.
pub const NOT_READ: &str = "not-read";

/// What an account has set in a Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicAccess {
    /// `InternetGatewayBlockMode`: `off`, `block-bidirectional` or `block-ingress`.
    pub mode: String,
    /// `State`: `default-state`, `update-in-progress` or `update-complete`.
    pub state: Option<String>,
    /// `ExclusionsAllowed`: `allowed`, or `not-allowed` where an organization's policy forbids them.
    pub exclusions_allowed: Option<String>,
    /// The account, whose own VPCs the setting is for.
    pub account: Option<String>,
}

impl Default for PublicAccess {
    /// As AWS has it until someone changes it.
    fn default() -> Self {
        Self {
            mode: "off".to_owned(),
            state: Some("default-state".to_owned()),
            exclusions_allowed: None,
            account: None,
        }
    }
}

impl PublicAccess {
    /// Whether it certainly stops nothing.
    pub fn is_off(&self) -> bool {
        self.mode == "off" && !self.is_changing()
    }

    fn is_changing(&self) -> bool {
        !matches!(self.state.as_deref(), None | Some("default-state" | "update-complete"))
    }
}

/// A VPC or a subnet that the setting is not for, or less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// `vpcbpa-exclude-…`
    pub id: String,
    /// `ResourceArn`, of a VPC or a subnet.
    pub resource: String,
    /// `InternetGatewayExclusionMode`: `allow-bidirectional` or `allow-egress`.
    pub mode: String,
    /// `State`: `create-complete`, …
    pub state: String,
}

impl Exclusion {
    fn is_for(&self, vpc: &VpcId, subnet: Option<&SubnetId>) -> bool {
        let name = self.resource.rsplit(':').next().unwrap_or_default();
        name == format!("vpc/{vpc}") || subnet.is_some_and(|subnet| name == format!("subnet/{subnet}"))
    }

    /// Whether it counts; none where that cannot be determined.
    fn counts(&self) -> Option<bool> {
        match self.state.as_str() {
            "create-complete" | "update-complete" => Some(true),
            "create-failed" | "delete-complete" | "disable-complete" => Some(false),
            _ => None,
        }
    }
}

/// How traffic passes an internet gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Through {
    /// Out through a NAT gateway, or an egress-only internet gateway: nothing comes in by itself.
    OutboundOnly,
    /// Out through the internet gateway itself, as from a NAT instance with a public address.
    Gateway,
    /// In from the internet.
    Inbound,
}

/// What the setting does to traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// It lets it pass, and why.
    Open(String),
    /// It stops it, and why.
    Stopped(String),
    /// That cannot be determined, and why not.
    Unknown(String),
}

/// How the setting is called in messages.
pub const NAME: &str = "VPC Block Public Access";

impl Network {
    /// What VPC Block Public Access does to traffic of a VPC, or of a subnet of it, at its internet gateways.
    pub fn at_internet_gateway(&self, vpc: &VpcId, subnet: Option<&SubnetId>, through: Through) -> Block {
        let setting = match self.public_access.read() {
            Ok(setting) => setting,
            Err(why) => return Block::Unknown(format!("could not read whether {NAME} blocks it: {why}")),
        };
        let mut vpcs = self.vpcs.known().into_iter().flatten();
        let owner = vpcs.find(|found| found.id == *vpc).and_then(|vpc| vpc.owner.as_ref());
        if let (Some(owner), Some(account)) = (owner, &setting.account)
            && owner != account
        {
            let text = format!("{vpc} is of account {owner}, whose {NAME} cannot be read from {account}");
            return Block::Open(text);
        }
        let mode = setting.mode.as_str();
        if setting.is_off() {
            return Block::Open(format!("{NAME} is off"));
        }
        if setting.is_changing() {
            let state = setting.state.as_deref().unwrap_or_default();
            return Block::Unknown(format!("{NAME} is changing ({mode}, {state})"));
        }
        match mode {
            "block-ingress" if through == Through::OutboundOnly => Block::Open(format!(
                "{NAME} is {mode}, which allows outbound traffic of NAT gateways and egress-only internet gateways"
            )),
            "block-ingress" | "block-bidirectional" => self.excluded(setting, vpc, subnet, through),
            _ => Block::Unknown(format!(
                "{NAME} has the mode {mode:?}, which this version does not know"
            )),
        }
    }

    /// What the exclusions make of a setting that blocks.
    fn excluded(&self, setting: &PublicAccess, vpc: &VpcId, subnet: Option<&SubnetId>, through: Through) -> Block {
        let mode = setting.mode.as_str();
        match setting.exclusions_allowed.as_deref() {
            None | Some("allowed") => {}
            Some("not-allowed") => {
                return Block::Stopped(format!("{NAME} is {mode}, and the organization allows no exclusions"));
            }
            Some(other) => {
                return Block::Unknown(format!(
                    "{NAME} is {mode}, and it is not known whether exclusions count (ExclusionsAllowed {other:?})"
                ));
            }
        }
        let place = subnet.map_or_else(|| vpc.to_string(), |subnet| format!("{subnet} or {vpc}"));
        let exclusions = match self.exclusions.read() {
            Ok(exclusions) => exclusions,
            Err(why) => {
                return Block::Unknown(format!(
                    "{NAME} is {mode}, and it could not be read whether {place} is excluded: {why}"
                ));
            }
        };
        let mut doubt = None;
        for exclusion in exclusions.iter().filter(|found| found.is_for(vpc, subnet)) {
            let (id, allows, state) = (&exclusion.id, exclusion.mode.as_str(), &exclusion.state);
            let of = exclusion.resource.rsplit('/').next().unwrap_or_default();
            match (exclusion.counts(), allows, through) {
                (Some(false), ..) | (_, "allow-egress", Through::Inbound) => {}
                // It exempts from bidirectional blocking only.
                (_, "allow-egress", _) if mode == "block-ingress" => {}
                (Some(true), "allow-bidirectional", _) | (Some(true), "allow-egress", Through::OutboundOnly) => {
                    return Block::Open(format!("{NAME} is {mode}, and exclusion {id} ({allows}) is for {of}"));
                }
                _ => {
                    doubt = Some(format!(
                        "{NAME} is {mode}, and it is not known what exclusion {id} for {of} ({allows}, {state}) allows"
                    ));
                }
            }
        }
        match doubt {
            Some(doubt) => Block::Unknown(doubt),
            None => Block::Stopped(format!("{NAME} is {mode}, and no exclusion allows traffic of {place}")),
        }
    }
}
