//! VPC endpoints of AWS services: whether resources in some subnets reach a service through one, and what makes one.
//!
//! Source: the check `endpoints` of docs/msk.md; docs/internet.md, "AWS services".

mod build;
mod group;
mod judge;

use std::collections::BTreeSet;

pub use build::{change, create, endpoint_tags, one_in_each_zone};
pub use group::{GROUP, GROUP_NAMES, NameTaken, OLD_RULES, group_of, lets_in, prepare, ranges, whose};
pub use judge::{
    ServiceWay, by_name, crossings, inbound, is_alive, judge, modify, of_service, outbound, read_policy, service_way,
    unnamed, worst,
};

use crate::diagnostics::Finding;

use crate::model::network::{EndpointKind, EndpointService, Network, Part};
use crate::model::{Direction, GroupId, SubnetId, VpcId};
use crate::reachability::Paths;
use crate::reachability::leg::{authorize, passages};
use crate::similar::similar;

/// The port of every service of AWS.
pub const HTTPS: u16 = 443;

/// What asks a service: interfaces in subnets of a VPC, which have groups.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'s> {
    /// In words: `cluster orders`.
    pub name: &'s str,
    /// The VPC.
    pub vpc: &'s VpcId,
    /// The subnets.
    pub subnets: &'s [SubnetId],
    /// The groups.
    pub groups: &'s [GroupId],
}

/// How the Region names a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Naming<'n> {
    /// As this one.
    Service(&'n EndpointService),
    /// It has none, and which names are nearest.
    NoSuch {
        /// Without what all names begin with.
        similar: Vec<String>,
    },
    /// That could not be read: as in most Regions.
    Guess(String),
}

impl Naming<'_> {
    /// The name, where there is one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Service(service) => Some(&service.name),
            Self::Guess(name) => Some(name),
            Self::NoSuch { .. } => None,
        }
    }

    /// Whether an interface endpoint can be in a zone, as far as that is reported.
    pub fn is_in(&self, zone: &str) -> bool {
        match self {
            Self::Service(service) => service.zones.is_empty() || service.zones.iter().any(|known| known == zone),
            Self::NoSuch { .. } | Self::Guess(_) => true,
        }
    }
}

/// How the Region names a service, `secretsmanager` or all of its name. In China some names begin with
/// `cn.com.amazonaws`, and some services have both: the one with private DNS names is taken.
pub fn named<'n>(network: &'n Network, region: &str, service: &str, kind: Option<&EndpointKind>) -> Naming<'n> {
    let services = match &network.services {
        Some(Part::Read(services)) => services,
        Some(Part::Unread(_)) | None if service.contains("amazonaws.") => return Naming::Guess(service.to_owned()),
        Some(Part::Unread(_)) | None => return Naming::Guess(format!("com.amazonaws.{region}.{service}")),
    };
    let end = format!(".{region}.{service}");
    let is_it = |found: &&EndpointService| found.name == service || found.name.ends_with(&end);
    let is_kind =
        |found: &EndpointService| kind.is_none_or(|kind| found.kinds.is_empty() || found.kinds.contains(kind));
    let best = services.iter().filter(is_it).min_by_key(|found| {
        (
            !is_kind(found),
            found.private_names.is_empty(),
            found.name.len(),
            &found.name,
        )
    });
    if let Some(found) = best {
        return Naming::Service(found);
    }
    let part = format!(".{region}.");
    let short = |found: &EndpointService| Some(found.name.split_once(&part)?.1.to_owned());
    Naming::NoSuch {
        similar: similar(service, services.iter().filter_map(short).collect()),
    }
}

/// Ids with commas between them.
pub fn listed<T: std::fmt::Display>(ids: &[T]) -> String {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    ids.join(", ")
}

/// What has to pass some groups.
#[derive(Clone, Copy, Debug)]
pub struct Gate<'s> {
    /// The groups.
    pub groups: &'s [GroupId],
    /// In or out.
    pub direction: Direction,
    /// The subnets of the other end.
    pub subnets: &'s [SubnetId],
    /// The groups of the other end.
    pub peers: &'s [GroupId],
    /// The port.
    pub port: u16,
    /// Whether over IPv6; none for IPv4 where a subnet has it, else IPv6.
    pub v6: Option<bool>,
}

impl Gate<'_> {
    /// What is closed, as text that is given the subnets of the other end; and what is not known. Nothing: it is open.
    pub fn closed(&self, paths: &Paths<'_>, text: impl Fn(&str) -> String) -> Vec<Finding> {
        let (mut shut, mut gaps) = (Vec::new(), BTreeSet::new());
        let (groups, peers) = (self.groups, self.peers);
        let found = passages(paths, groups, self.direction, self.subnets, peers, self.port, self.v6);
        for (id, found) in self.subnets.iter().zip(found) {
            match found {
                Err(gap) => drop(gaps.insert(gap)),
                Ok((_, passage)) if passage.blocked.is_empty() => {}
                Ok((_, passage)) if passage.gaps.is_empty() => shut.push(id),
                Ok((_, passage)) => gaps.extend(passage.gaps),
            }
        }
        let mut findings = Vec::new();
        if !shut.is_empty() {
            let mut finding = Finding::fail(text(&listed(&shut)));
            finding.remedies.extend(self.remedy());
            findings.push(finding);
        }
        let unknown = |gap| {
            Finding::unknown(format!(
                "it is not known what the {} rules let through: {gap}",
                self.direction
            ))
        };
        findings.extend(gaps.into_iter().map(unknown));
        findings
    }

    /// The command that opens it, by a rule that names a group of the other end.
    fn remedy(&self) -> Option<String> {
        let peer = self.peers.first()?;
        let group = self.groups.first()?;
        Some(authorize(
            group,
            self.direction,
            self.port,
            &format!("UserIdGroupPairs=[{{GroupId={peer}}}]"),
        ))
    }
}
