//! Security groups and their rules, as CloudFormation has them.

use std::collections::BTreeMap;

use super::items::{Action, Item, Stack};
use crate::account::SecurityGroupEntry;
use crate::impact::future::{AtMost, Future, Known, NewGroup, Traffic, Ways};
use crate::impact::rules::traffic;
use crate::model::{Direction, Peer, Protocol, Rule};
use crate::template::Value;

const GROUP: &str = "AWS::EC2::SecurityGroup";

/// The properties with a group's rules.
const LISTS: [(&str, Direction); 2] = [
    ("SecurityGroupIngress", Direction::Ingress),
    ("SecurityGroupEgress", Direction::Egress),
];

/// Rules that may only go.
const FEWER: (Ways, AtMost) = (Ways::LESS, AtMost::NOTHING);

/// The direction of a rule that is a resource of its own; none for other types.
pub(super) fn direction(kind: &str) -> Option<Direction> {
    match kind {
        "AWS::EC2::SecurityGroupIngress" => Some(Direction::Ingress),
        "AWS::EC2::SecurityGroupEgress" => Some(Direction::Egress),
        _ => None,
    }
}

/// Creates groups.
pub(super) fn create(stack: &Stack, item: &Item, future: &mut Future) {
    if item.kind != GROUP || !item.creates() {
        return;
    }
    let vpc = stack.text(item.property("VpcId"));
    let vpc = vpc.and_then(|vpc| vpc.ok_or_else(|| format!("{} is in the default VPC", item.logical_id)));
    let tags = item.property("Tags").elements().iter().filter_map(|tag| {
        let text = |key| stack.text(tag.field(key)).ok().flatten();
        Some((text("Key")?, text("Value")?))
    });
    let new = NewGroup {
        id: item.placeholder.clone(),
        name: stack.text(item.property("GroupName")).ok().flatten(),
        vpc,
        tags: tags.collect::<BTreeMap<_, _>>(),
        has_default_egress: *item.property("SecurityGroupEgress") == Value::Nothing,
    };
    future.create_group(&item.logical_id, new);
}

/// Deletes groups, once nothing has them.
pub(super) fn delete(_: &Stack, item: &Item, future: &mut Future) {
    let Some(id) = item.physical_id.as_ref().filter(|_| item.kind == GROUP) else {
        return;
    };
    if item.action == Action::Replace && item.is_retained && item.before.is_none() {
        let by = &item.logical_id;
        let why = format!("group {id} stays when {by} is created anew, but its rules go if the template gave it them");
        return future.doubtful_rules(by, Some(id), FEWER, &why);
    }
    if !item.deletes() {
        return;
    }
    match &item.doubt {
        Some(why) => future.doubtful_rules(&item.logical_id, Some(id), FEWER, why),
        None => future.delete_group(&item.logical_id, id),
    }
}

/// Takes rules off that are deleted, or replaced.
pub(super) fn remove_rules(stack: &Stack, item: &Item, future: &mut Future) {
    let Some(direction) = direction(&item.kind).filter(|_| item.before.is_some() && item.ends()) else {
        return;
    };
    let by = item.logical_id.as_str();
    let before = Value::Table(item.before.clone().unwrap_or_default());
    let rule = rule(stack, &before);
    if let Some(why) = item.doubt.as_ref().filter(|_| item.action == Action::Delete) {
        let Ok(Some(group)) = stack.text(before.field("GroupId")) else {
            return;
        };
        let is_there = match &rule {
            Ok(rule) => {
                let mut groups = future.document.security_groups.iter();
                let found = groups.find(|entry| entry.group_id == group);
                let has = |entry: &SecurityGroupEntry| {
                    entry.to_model().rules(direction).iter().any(|has| has.is_same_as(rule))
                };
                let stays = || {
                    rules_elsewhere(stack, &group, direction)
                        .iter()
                        .any(|stays| stays.is_same_as(rule))
                };
                found.is_some_and(has) && !stays()
            }
            Err(_) => true,
        };
        if is_there {
            future.doubtful_rules(by, Some(&group), FEWER, why);
        }
        return;
    }
    match (stack.text(before.field("GroupId")), rule) {
        (Ok(Some(group)), Ok(rule)) => future.change_rules(by, &group, direction, (&[rule], &[])),
        (Ok(Some(group)), Err(why)) => future.doubtful_rules(by, Some(&group), FEWER, &why),
        _ => {
            let why = format!("the group of {by} is not known");
            future.doubtful_rules(by, None, FEWER, &why);
        }
    }
}

/// Adds rules, and changes those in groups.
pub(super) fn add_rules(stack: &Stack, item: &Item, future: &mut Future) {
    let by = item.logical_id.as_str();
    if item.action == Action::Delete {
        return;
    }
    if let Some(direction) = direction(&item.kind) {
        // What a template says of a rule may be of one that is there.
        let ways = Ways {
            less: item.before.is_none(),
            ..ways(direction)
        };
        let after = Value::Table(item.after.clone());
        let at_most = AtMost::of(direction, traffic_of(stack, &after).ok());
        match (stack.needed(item, "GroupId"), rule(stack, &after)) {
            (Ok(group), Ok(rule)) if item.doubt.is_none() => {
                future.change_rules(by, &group, direction, (&[], &[rule]));
            }
            (Ok(group), rule) => {
                let why = item.doubt.clone().or(rule.err()).unwrap_or_default();
                future.doubtful_rules(by, Some(&group), (ways, at_most), &why);
            }
            (Err(why), _) => future.doubtful_rules(by, None, (self::ways(direction), at_most), &why),
        }
    }
    if item.kind == GROUP {
        in_group(stack, item, future);
    }
}

/// The rules that stand in a group.
fn in_group(stack: &Stack, item: &Item, future: &mut Future) {
    let by = item.logical_id.as_str();
    let id = item.id().to_owned();
    if let Some(why) = &item.doubt {
        return future.doubtful_rules(by, Some(&id), (Ways::ANY, AtMost::everything()), why);
    }
    for (key, direction) in LISTS {
        let is_as_known = item.before.is_none() && !item.creates();
        // What a template does not say, it may have said before.
        if !item.differs(key) && !is_as_known {
            continue;
        }
        let (rules, doubts) = rules(stack, item.property(key));
        let before = match &item.before {
            Some(_) if !item.creates() => self::rules(stack, item.property_before(key)).0,
            _ => Vec::new(),
        };
        let removed: Vec<Rule> = before.iter().filter(|rule| !rules.contains(rule)).cloned().collect();
        let added: Vec<Rule> = rules.iter().filter(|rule| !before.contains(rule)).cloned().collect();
        if is_as_known {
            let mut given = [rules.clone(), rules_elsewhere(stack, &id, direction)].concat();
            if direction == Direction::Egress && *item.property(key) == Value::Nothing {
                given.extend(default_egress());
            }
            further(item, future, (&id, direction), &given);
        }
        future.change_rules(by, &id, direction, (&removed, &added));
        for (why, traffic) in doubts {
            let at_most = AtMost::of(direction, traffic);
            future.doubtful_rules(by, Some(&id), (ways(direction), at_most), &why);
        }
    }
}

/// What a rule that is not known lets pass.
fn ways(direction: Direction) -> Ways {
    match direction {
        Direction::Egress => Ways::MORE_INSIDE,
        Direction::Ingress => Ways::MORE,
    }
}

/// The rules that EC2 gives to each new group, which stay where a template gives it none.
fn default_egress() -> [Rule; 2] {
    ["0.0.0.0/0", "::/0"].map(|range| Rule {
        protocol: Protocol::All,
        ports: None,
        peer: Peer::Cidr(range.to_owned()),
        description: None,
    })
}

/// The rules that other resources of the stack add to a group.
fn rules_elsewhere(stack: &Stack, group: &str, wanted: Direction) -> Vec<Rule> {
    let items = stack.items.iter().filter(|item| direction(&item.kind) == Some(wanted));
    let items = items.filter(|item| item.doubt.is_none() && stack.needed(item, "GroupId").as_deref() == Ok(group));
    items
        .filter_map(|item| rule(stack, &Value::Table(item.after.clone())).ok())
        .collect()
}

/// Notes the rules that a group has, and the template has not: they go if the template had them before.
fn further(item: &Item, future: &mut Future, (id, direction): (&str, Direction), wanted: &[Rule]) {
    let mut groups = future.document.security_groups.iter();
    let Some(group) = groups.find(|group| group.group_id == id) else {
        return;
    };
    let has = group.to_model();
    let mut rules = has.rules(direction).iter();
    if rules.any(|rule| !wanted.iter().any(|wanted| wanted.is_same_as(rule))) {
        let why = format!(
            "group {id} has an {direction} rule that the template does not give {}: it goes if the template gave it before",
            item.logical_id
        );
        future.doubtful_rules(&item.logical_id, Some(id), FEWER, &why);
    }
}

/// The rules in a list; why they are not all, and what the others let pass where that is known.
fn rules(stack: &Stack, list: &Value) -> (Vec<Rule>, Vec<(String, Option<Traffic>)>) {
    let mut rules = Vec::new();
    let mut doubts = Vec::new();
    for element in list.elements() {
        match rule(stack, element) {
            Ok(rule) => rules.push(rule),
            Err(why) => doubts.push((why, traffic_of(stack, element).ok())),
        }
    }
    (rules, doubts)
}

/// The protocol and the ports of a rule, without its source or destination.
fn traffic_of(stack: &Stack, value: &Value) -> Known<Traffic> {
    let text = |key: &str| stack.text(value.field(key));
    traffic([text("IpProtocol")?, text("FromPort")?, text("ToPort")?])
}

/// A rule.
fn rule(stack: &Stack, value: &Value) -> Known<Rule> {
    if let Value::Unknown(why) = value {
        return Err(why.clone());
    }
    let text = |key: &str| stack.text(value.field(key));
    let (protocol, ports) = traffic_of(stack, value)?;
    let peers = [
        text("CidrIp")?.map(Peer::Cidr),
        text("CidrIpv6")?.map(Peer::Cidr),
        text("SourceSecurityGroupId")?.map(|id| Peer::Group(id.as_str().into())),
        text("DestinationSecurityGroupId")?.map(|id| Peer::Group(id.as_str().into())),
        text("SourcePrefixListId")?.map(Peer::PrefixList),
        text("DestinationPrefixListId")?.map(Peer::PrefixList),
    ];
    let peer = peers.into_iter().flatten().next();
    Ok(Rule {
        protocol,
        ports,
        peer: peer.ok_or("a rule names its source by a name, or not at all")?,
        description: None,
    })
}
