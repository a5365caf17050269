//! Security groups and their rules, as the AWS provider has them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::plan::{Change, Plan};
use super::side::{Side, text, texts};
use crate::impact::future::{AtMost, Future, Known, NewGroup, Traffic, Ways};
use crate::impact::rules::{group_peer, traffic};
use crate::model::{Direction, Peer, Rule};

/// The types that are understood here.
pub(super) const TYPES: [&str; 5] = [
    "aws_security_group",
    "aws_default_security_group",
    "aws_security_group_rule",
    "aws_vpc_security_group_ingress_rule",
    "aws_vpc_security_group_egress_rule",
];

const DIRECTIONS: [(&str, Direction); 2] = [("ingress", Direction::Ingress), ("egress", Direction::Egress)];

/// Creates groups.
pub(super) fn create(plan: &Plan, change: &Change, future: &mut Future) {
    if change.kind != "aws_security_group" || !change.creates() {
        return;
    }
    let side = Side::after(plan, change);
    let vpc = side.text("vpc_id").and_then(|vpc| {
        vpc.filter(|vpc| !vpc.is_empty())
            .ok_or_else(|| format!("{} is in the default VPC, which the plan does not name", change.address))
    });
    let tags = side.value("tags_all").as_object().into_iter().flatten();
    let new = NewGroup {
        id: change.placeholder.clone(),
        name: side.text("name").ok().flatten(),
        vpc,
        tags: tags
            .filter_map(|(key, value)| Some((key.clone(), text(value)?)))
            .collect(),
        // The provider takes it off.
        has_default_egress: false,
    };
    future.create_group(&change.address, new);
}

/// Deletes groups, once nothing has them.
pub(super) fn delete(_: &Plan, change: &Change, future: &mut Future) {
    if change.kind == "aws_security_group"
        && change.deletes()
        && let Some(id) = change.before.get("id").and_then(text)
    {
        future.delete_group(&change.address, &id);
    }
}

/// Takes rules off that are deleted, or replaced.
pub(super) fn remove_rules(plan: &Plan, change: &Change, future: &mut Future) {
    let is_gone = change.deletes() || change.updates();
    if !is_gone || !change.kind.contains("_rule") || !TYPES.contains(&change.kind.as_str()) {
        return;
    }
    let side = Side::before(plan, change);
    if is_as_before(plan, change) {
        return;
    }
    let (Ok(group), Ok((direction, rules))) = (side.needed("security_group_id"), rules(side, change)) else {
        let why = format!("what {} was is not known", change.address);
        return future.doubtful_rules(&change.address, None, (Ways::LESS, AtMost::NOTHING), &why);
    };
    // A rule with a part that stays is added again.
    future.change_rules(&change.address, &group, direction, (&rules, &[]));
}

/// Adds rules, and changes those in groups.
pub(super) fn add_rules(plan: &Plan, change: &Change, future: &mut Future) {
    let by = change.address.as_str();
    if !TYPES.contains(&change.kind.as_str()) || !(change.creates() || change.updates()) {
        return;
    }
    let side = Side::after(plan, change);
    if !change.kind.contains("_rule") {
        return in_group(plan, change, future);
    }
    if is_as_before(plan, change) {
        return;
    }
    // Nothing comes in from the internet by an outbound rule, or by one for a group.
    let is_egress = change.kind.ends_with("egress_rule") || *side.value("type") == "egress";
    let names_group = side.is_unknown("referenced_security_group_id") || side.is_unknown("source_security_group_id");
    let ways = if is_egress || names_group {
        Ways::MORE_INSIDE
    } else {
        Ways::MORE
    };
    let at_most = AtMost {
        directions: directions(side, change),
        traffic: traffic_of(side, change).ok(),
    };
    match (side.needed("security_group_id"), rules(side, change)) {
        (Ok(group), Ok((direction, rules))) => future.change_rules(by, &group, direction, (&[], &rules)),
        (Ok(group), Err(why)) => future.doubtful_rules(by, Some(&group), (ways, at_most), &why),
        (Err(why), _) => future.doubtful_rules(by, None, (ways, at_most), &why),
    }
}

/// Whether a rule resource has the same rules for the same group before and after: its tags change, say.
fn is_as_before(plan: &Plan, change: &Change) -> bool {
    let of = |side: Side<'_>| Some((side.needed("security_group_id").ok()?, rules(side, change).ok()?));
    change.updates()
        && of(Side::before(plan, change)).is_some_and(|before| of(Side::after(plan, change)) == Some(before))
}

/// The directions that a rule resource can be of.
fn directions(side: Side<'_>, change: &Change) -> Vec<Direction> {
    match change.kind.as_str() {
        "aws_vpc_security_group_ingress_rule" => vec![Direction::Ingress],
        "aws_vpc_security_group_egress_rule" => vec![Direction::Egress],
        _ => match side.needed("type").as_deref() {
            Ok("ingress") => vec![Direction::Ingress],
            Ok("egress") => vec![Direction::Egress],
            _ => vec![Direction::Ingress, Direction::Egress],
        },
    }
}

/// The protocol and the ports of a rule resource, without its source or destination.
fn traffic_of(side: Side<'_>, change: &Change) -> Known<Traffic> {
    let protocol = if change.kind == "aws_security_group_rule" {
        "protocol"
    } else {
        "ip_protocol"
    };
    traffic([side.text(protocol)?, side.text("from_port")?, side.text("to_port")?])
}

/// The rules of a rule resource.
fn rules(side: Side<'_>, change: &Change) -> Known<(Direction, Vec<Rule>)> {
    match change.kind.as_str() {
        "aws_vpc_security_group_ingress_rule" => Ok((Direction::Ingress, vec![single(side, change)?])),
        "aws_vpc_security_group_egress_rule" => Ok((Direction::Egress, vec![single(side, change)?])),
        _ => {
            let direction = match side.needed("type")?.as_str() {
                "ingress" => Direction::Ingress,
                "egress" => Direction::Egress,
                other => return Err(format!("{} is of type {other}", change.address)),
            };
            let (protocol, ports) = traffic_of(side, change)?;
            let mut peers = Vec::new();
            for key in ["cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids"] {
                if side.has_unknown(key) {
                    return Err(side.why(key));
                }
                let of = |text| {
                    if key == "prefix_list_ids" {
                        Peer::PrefixList(text)
                    } else {
                        Peer::Cidr(text)
                    }
                };
                peers.extend(texts(Some(side.value(key))).into_iter().map(of));
            }
            if let Some(group) = side.text("source_security_group_id")?.filter(|group| !group.is_empty()) {
                peers.push(group_peer(&group));
            }
            if side.flag("self")? == Some(true) {
                peers.push(group_peer(&side.needed("security_group_id")?));
            }
            let rule = |peer| Rule {
                protocol: protocol.clone(),
                ports,
                peer,
                description: None,
            };
            Ok((direction, peers.into_iter().map(rule).collect()))
        }
    }
}

/// The rule of a resource that is one.
fn single(side: Side<'_>, change: &Change) -> Known<Rule> {
    let (protocol, ports) = traffic_of(side, change)?;
    let mut peers = Vec::new();
    for key in [
        "cidr_ipv4",
        "cidr_ipv6",
        "prefix_list_id",
        "referenced_security_group_id",
    ] {
        let Some(found) = side.text(key)?.filter(|found| !found.is_empty()) else {
            continue;
        };
        peers.push(match key {
            "prefix_list_id" => Peer::PrefixList(found),
            "referenced_security_group_id" => group_peer(&found),
            _ => Peer::Cidr(found),
        });
    }
    let peer = peers.pop().ok_or_else(|| side.why("the source or destination"))?;
    Ok(Rule {
        protocol,
        ports,
        peer,
        description: None,
    })
}

/// The rules that stand in a group.
fn in_group(plan: &Plan, change: &Change, future: &mut Future) {
    let by = change.address.as_str();
    let after = Side::after(plan, change);
    let is_default = change.kind == "aws_default_security_group";
    let id = match (is_default, change.creates()) {
        (false, true) => Ok(change.placeholder.clone()),
        (true, true) => default_group(after, future),
        (_, false) => after.needed("id"),
    };
    let id = match id {
        Ok(id) => id,
        Err(why) => return future.doubtful_rules(by, None, (Ways::ANY, AtMost::everything()), &why),
    };
    for (key, direction) in DIRECTIONS {
        let is_egress = direction == Direction::Egress;
        if after.is_unknown(key) {
            // Without rules in the configuration the provider leaves them as they are.
            if after.is_configured(key) || is_default {
                let ways = Ways {
                    more: true,
                    less: !change.creates() || is_default,
                    opens: !is_egress,
                };
                future.doubtful_rules(by, Some(&id), (ways, AtMost::of(direction, None)), &after.why(key));
            }
            continue;
        }
        if is_default && change.creates() {
            future.clear_rules(by, &id, direction);
        }
        if !after.differs(key) && !change.creates() {
            continue;
        }
        let own = Side::before(plan, change);
        let before = if change.creates() {
            Vec::new()
        } else {
            inline(own, key, &id).0
        };
        let (rules, doubts) = inline(after, key, &id);
        let removed: Vec<Rule> = before.iter().filter(|rule| !rules.contains(rule)).cloned().collect();
        let added: Vec<Rule> = rules.into_iter().filter(|rule| !before.contains(rule)).collect();
        future.change_rules(by, &id, direction, (&removed, &added));
        for Doubtful { is_of_groups, traffic } in doubts {
            let ways = if is_of_groups || is_egress {
                Ways::MORE_INSIDE
            } else {
                Ways::MORE
            };
            let at_most = AtMost::of(direction, traffic);
            future.doubtful_rules(by, Some(&id), (ways, at_most), &after.why(key));
        }
    }
}

/// The default group of a VPC, which the provider takes over.
fn default_group(side: Side<'_>, future: &Future) -> Known<String> {
    let vpc = side.needed("vpc_id")?;
    let mut groups = future.document.security_groups.iter();
    let found = groups.find(|group| group.vpc_id == vpc && group.group_name == "default");
    let found = found.map(|group| group.group_id.clone());
    found.ok_or_else(|| format!("the default group of {vpc} was not found in the account"))
}

/// A block of a group of which something is not known.
struct Doubtful {
    /// Whether it is only which groups it names.
    is_of_groups: bool,
    /// What it lets pass, where that is known.
    traffic: Option<Traffic>,
}

/// The rules of a group's blocks, and those of which something is not known.
fn inline(side: Side<'_>, key: &str, own: &str) -> (Vec<Rule>, Vec<Doubtful>) {
    let mut rules = Vec::new();
    let mut doubts = Vec::new();
    let blocks = side.value(key).as_array().map(Vec::as_slice).unwrap_or_default();
    let unknown = side.unknown_of(key).as_array().map(Vec::as_slice).unwrap_or_default();
    for (at, block) in blocks.iter().enumerate() {
        let field = |key: &str| block.get(key);
        let unknown = unknown.get(at).unwrap_or(&Value::Null);
        let is_unknown = |key: &str| match unknown.get(key) {
            Some(Value::Bool(unknown)) => *unknown,
            Some(Value::Array(values)) => values.contains(&Value::Bool(true)),
            _ => false,
        };
        let numbers = ["protocol", "from_port", "to_port"].map(|key| field(key).and_then(text));
        let Ok((protocol, ports)) = traffic(numbers) else {
            doubts.push(Doubtful {
                is_of_groups: false,
                traffic: None,
            });
            continue;
        };
        let mut peers: Vec<Peer> = Vec::new();
        for list in ["cidr_blocks", "ipv6_cidr_blocks"] {
            peers.extend(texts(field(list)).into_iter().map(Peer::Cidr));
        }
        peers.extend(texts(field("prefix_list_ids")).into_iter().map(Peer::PrefixList));
        peers.extend(texts(field("security_groups")).iter().map(|id| group_peer(id)));
        if field("self") == Some(&Value::Bool(true)) {
            peers.push(group_peer(own));
        }
        let others = ["cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids", "self"];
        let is_of_groups = !others.into_iter().any(is_unknown);
        // The configuration does not show ids that stand in it literally.
        if !is_of_groups || is_unknown("security_groups") {
            doubts.push(Doubtful {
                is_of_groups,
                traffic: Some((protocol.clone(), ports)),
            });
        }
        if is_unknown("security_groups") {
            // The configuration says what all blocks name together.
            let named = side.named(key);
            peers.extend(named.only_later().map(group_peer));
        }
        let rule = |peer| Rule {
            protocol: protocol.clone(),
            ports,
            peer,
            description: None,
        };
        let peers: BTreeMap<String, Peer> = peers.into_iter().map(|peer| (format!("{peer:?}"), peer)).collect();
        rules.extend(peers.into_values().map(rule));
    }
    (rules, doubts)
}
