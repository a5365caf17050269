//! What lets the internet in to a database or a proxy, or a wide range of it.

use std::collections::BTreeSet;

use ipnet::IpNet;

use crate::account::AccountDocument;
use crate::made::world::{is_public, opening};
use crate::model::{Peer, Protocol, Rule, SecurityGroup};
use crate::naming::Convention;

/// A range of the internet is wide from so many bits on: 65,536 addresses of IPv4.
const WIDE_V4: u8 = 16;
const WIDE_V6: u8 = 32;

/// A rule by which a range comes in, and the group that has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Opening {
    pub(super) group: String,
    rule: Rule,
}

impl Opening {
    /// What it lets in, in words.
    pub(super) fn words(&self) -> String {
        let Rule {
            protocol, ports, peer, ..
        } = &self.rule;
        let peer = match peer {
            Peer::Group(id) => id.to_string(),
            Peer::Cidr(text) | Peer::PrefixList(text) => text.clone(),
        };
        let ports = match (protocol, ports) {
            (Protocol::All, _) => "all traffic".to_owned(),
            (protocol, None) => protocol.as_api().to_owned(),
            (protocol, Some(ports)) if ports.from == ports.to => format!("{} {}", protocol.as_api(), ports.from),
            (protocol, Some(ports)) => format!("{} {}-{}", protocol.as_api(), ports.from, ports.to),
        };
        format!("group {} lets {peer} in on {ports}", self.group)
    }
}

/// What comes in to a resource with these groups on this port.
#[derive(Clone, Debug, Default)]
pub(super) struct Openness {
    /// The rules that let the internet in, or a wide range of it.
    pub(super) openings: BTreeSet<Opening>,
    /// The prefix lists among them whose ranges are not known.
    pub(super) unread: BTreeSet<String>,
}

impl Openness {
    /// Of these groups. Of those with the console's names every port counts; of others the one that is listened on.
    pub(super) fn of(document: &AccountDocument, groups: &[String], port: Option<u16>) -> Self {
        let mut openness = Self::default();
        let entries = document.security_groups.iter();
        for entry in entries.filter(|entry| groups.contains(&entry.group_id)) {
            let group = entry.to_model();
            openness.add(document, &group, port);
        }
        openness
    }

    fn add(&mut self, document: &AccountDocument, group: &SecurityGroup, port: Option<u16>) {
        let is_ours = Convention::is_any(&group.name);
        let counts = |rule: &&Rule| is_ours || port.is_some_and(|port| rule.lets_tcp(port));
        let mut rules: Vec<Rule> = Vec::new();
        for rule in group.ingress.iter().filter(counts) {
            let Peer::PrefixList(list) = &rule.peer else {
                rules.push(rule.clone());
                continue;
            };
            let known = document.prefix_lists.iter().find(|known| known.prefix_list_id == *list);
            match known {
                Some(known) => rules.extend(known.entries.iter().map(|entry| Rule {
                    peer: Peer::Cidr(entry.cidr.clone()),
                    ..rule.clone()
                })),
                None => {
                    self.unread.insert(list.clone());
                }
            }
        }
        let together: Vec<&Rule> = opening(&rules, |_| None);
        let wide = rules
            .iter()
            .filter(|rule| together.contains(rule) || is_wide(&rule.peer));
        self.openings.extend(wide.map(|rule| Opening {
            group: group.id.to_string(),
            rule: Rule {
                description: None,
                ..rule.clone()
            },
        }));
    }

    /// What this lets in that `before` did not.
    pub(super) fn beyond<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = &'a Opening> {
        self.openings
            .iter()
            .filter(|opening| !before.openings.iter().any(|other| covers(&other.rule, &opening.rule)))
    }
}

fn is_wide(peer: &Peer) -> bool {
    let Peer::Cidr(text) = peer else { return false };
    text.parse::<IpNet>().is_ok_and(|range| {
        let most = match range {
            IpNet::V4(_) => WIDE_V4,
            IpNet::V6(_) => WIDE_V6,
        };
        range.prefix_len() <= most && is_public(&range)
    })
}

/// Whether a rule lets in all that another one does.
fn covers(outer: &Rule, inner: &Rule) -> bool {
    let has_protocol = outer.protocol == Protocol::All || outer.protocol == inner.protocol;
    let has_ports = match (&outer.protocol, outer.ports, inner.ports) {
        (Protocol::All, ..) | (_, None, _) => true,
        (_, Some(_), None) => false,
        (_, Some(outer), Some(inner)) => outer.from <= inner.from && inner.to <= outer.to,
    };
    let ranges = |rule: &Rule| match &rule.peer {
        Peer::Cidr(text) => text.parse::<IpNet>().ok(),
        Peer::Group(_) | Peer::PrefixList(_) => None,
    };
    let has_peer = match (ranges(outer), ranges(inner)) {
        (Some(outer), Some(inner)) => outer.contains(&inner),
        _ => outer.peer == inner.peer,
    };
    has_protocol && has_ports && has_peer
}
