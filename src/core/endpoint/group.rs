//! The group of a VPC's endpoints: one for all that are made, by whichever command.
//!
//! Earlier versions made one of another name for the event sources of MSK clusters: where there is one, it is the group.

use std::collections::BTreeMap;

use thiserror::Error;

use super::HTTPS;
use super::build::steps_of_groups;
use crate::escape::word;
use crate::model::network::Network;
use crate::model::{Direction, GroupId, Peer, Rule, SecurityGroup, VpcId};
use crate::ownership::{self, Ownership};
use crate::plan::network::RulePeer;
use crate::plan::{Effect, Ref, Steps, tags_at_birth};
use crate::reachability::Paths;
use crate::{internet, msk};

/// The name of the group of a VPC's endpoints.
pub const GROUP: &str = "autoconnect-endpoints";

/// The name that `msk setup` of earlier versions gave to its own.
const OLD_GROUP: &str = "autoconnect-msk-endpoints";

/// The names that the group can have.
pub const GROUP_NAMES: [&str; 2] = [GROUP, OLD_GROUP];

/// The description of the rules in groups of the older name.
pub const OLD_RULES: &str = "Pollers of MSK";

/// The role of the group.
const ROLE: &str = "endpoints-group";

/// Its description.
fn description(vpc: &VpcId) -> String {
    format!("On VPC endpoints, to let {vpc} in")
}

/// Whose a group is that has one of these names.
pub fn whose(group: &SecurityGroup) -> Ownership {
    let vpc = &group.vpc;
    let (description, connection) = if group.name == OLD_GROUP {
        let description = "Endpoints for the event sources of MSK clusters".to_owned();
        (description, msk::connection(vpc))
    } else {
        (description(vpc), internet::connection(vpc))
    };
    ownership::of_single_group(group, &description, &connection, ROLE)
}

/// A group that is not ours has the name of the one that is to be created.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{name} ({group}) has the name of the group that autoconnect creates, and is not that group: {}", .why.join(", and "))]
pub struct NameTaken {
    /// The name.
    pub name: String,
    /// The group.
    pub group: GroupId,
    /// Why it is not ours.
    pub why: Vec<String>,
}

impl NameTaken {
    /// What to do about it.
    pub fn hint(&self) -> String {
        format!(
            "if nothing uses it, delete it with `aws ec2 delete-security-group --group-id {}`, then run again",
            word(&self.group)
        )
    }
}

/// The group of the endpoints, among those that have one of its names. Of two, the one that endpoints have.
///
/// # Errors
///
/// There is none, and the name of a new one is taken.
pub fn group_of<'g>(groups: &'g [SecurityGroup], network: &Network) -> Result<Option<&'g SecurityGroup>, NameTaken> {
    let endpoints = network.endpoints.known().map_or(&[][..], Vec::as_slice);
    let is_used = |group: &SecurityGroup| endpoints.iter().any(|endpoint| endpoint.groups.contains(&group.id));
    let ours = groups.iter().filter(|group| whose(group).is_credible());
    if let Some(group) = ours.min_by_key(|group| (!is_used(group), group.name != GROUP)) {
        return Ok(Some(group));
    }
    match groups.iter().find(|group| group.name == GROUP) {
        Some(group) => Err(NameTaken {
            name: group.name.clone(),
            group: group.id.clone(),
            why: whose(group).reasons(),
        }),
        None => Ok(None),
    }
}

/// The ranges of a VPC. From the moment an endpoint with private DNS exists, the service's name leads to it in all of the
/// VPC: its group lets all of them in, so that nobody loses the service.
pub fn ranges(paths: &Paths<'_>, vpc: &VpcId) -> Vec<RulePeer> {
    let ranges = paths.vpc(vpc).into_iter().flat_map(|vpc| &vpc.cidrs);
    ranges.copied().map(RulePeer::Cidr).collect()
}

/// Whether a group lets the port of services in from all of these, and there are any.
pub fn lets_in(group: &SecurityGroup, peers: &[RulePeer]) -> bool {
    let is_let_in = |peer| group.ingress.iter().any(|rule| lets_in_one(rule, peer));
    !peers.is_empty() && peers.iter().all(is_let_in)
}

fn lets_in_one(rule: &Rule, peer: &RulePeer) -> bool {
    let is_from = match (&rule.peer, peer) {
        (Peer::Group(id), RulePeer::Group(wanted)) => wanted.is(id),
        (Peer::Cidr(range), RulePeer::Cidr(wanted)) => {
            range.parse::<ipnet::IpNet>().is_ok_and(|range| range.contains(wanted))
        }
        _ => false,
    };
    rule.lets_tcp(HTTPS) && is_from
}

/// Adds the steps that create the group, or complete the one there is, so that it lets the port of services in from
/// `peers`. Why, one sentence each, is added to `reasons`.
pub fn prepare(
    steps: &mut Steps,
    reasons: &mut Vec<String>,
    vpc: &VpcId,
    existing: Option<&SecurityGroup>,
    peers: &[RulePeer],
    tags: &BTreeMap<String, String>,
) -> Ref<GroupId> {
    let group = match (existing, steps.that_makes_role(ROLE)) {
        (Some(group), _) => Ref::Existing(group.id.clone()),
        (None, Some(made)) => Ref::Step(made),
        (None, None) => {
            reasons.push(format!("{vpc} has no group for the endpoints."));
            let tags = tags_at_birth(&internet::connection(vpc), ROLE, tags);
            let summary = format!("security group {GROUP} in {vpc}, for its endpoints");
            steps.create_group(GROUP, vpc, description(vpc), tags, summary)
        }
    };
    let is_first = steps_of_groups(steps, std::slice::from_ref(&group)).is_empty();
    if is_first && existing.is_some_and(|group| group.egress.iter().any(Rule::is_default_egress)) {
        let id = group.to_string();
        steps.revoke_default_egress(group.clone(), &id, &id, &[]);
    }
    let mut before = None;
    for peer in peers {
        let is_it = |effect: &Effect| matches!(effect, Effect::AddRule { group: of, peer: from, .. } if *of == group && from == peer);
        let is_let_in = existing.is_some_and(|group| lets_in(group, std::slice::from_ref(peer)));
        if is_let_in || steps.iter().any(|step| is_it(&step.effect)) {
            continue;
        }
        if existing.is_some() {
            reasons.push(format!("{group} does not let tcp {HTTPS} in from {peer}."));
        }
        let from = match peer {
            RulePeer::Cidr(_) => vpc.to_string(),
            RulePeer::Group(_) | RulePeer::PrefixList(_) => peer.to_string(),
        };
        let resource = steps.name(&group);
        let summary = format!("{resource}: inbound rule, tcp {HTTPS} from {peer}");
        let effect = Effect::AddRule {
            direction: Direction::Ingress,
            group: group.clone(),
            port: HTTPS,
            peer: peer.clone(),
            description: format!("autoconnect: from {from}"),
        };
        // One after the other: a run that died has made the first ones.
        before = Some(steps.add(effect, resource, summary, before.as_slice()));
    }
    group
}
