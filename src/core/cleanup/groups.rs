//! Security groups of ours that are not in use.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{LeftProxy, Leftovers, named};
use crate::endpoint;
use crate::handover::manager_of;
use crate::model::{DatabaseKind, Direction, GroupId, GroupList, Peer, Protocol, Rule, SecurityGroup, Side};
use crate::ownership::{connection_of, is_being_removed, side_of};
use crate::plan::{RemovalEffect, Steps};
use crate::removal::Removable;
use crate::users::User;

/// What the descriptions of all rules begin with that this program writes between groups.
const OWN_RULES: &str = "autoconnect: ";

/// A group that is ours.
struct Member<'a> {
    group: &'a SecurityGroup,
    removable: Removable,
    side: Option<Side>,
}

impl<'a> Member<'a> {
    fn connection(&self) -> Option<&'a str> {
        connection_of(&self.group.tags)
    }

    fn rules(&self) -> impl Iterator<Item = (Direction, &'a Rule)> {
        let group = self.group;
        let of = move |direction| group.rules(direction).iter().map(move |rule| (direction, rule));
        [Direction::Ingress, Direction::Egress].into_iter().flat_map(of)
    }
}

/// Adds the steps for groups, and for the proxies that go with them. What is removed and what is kept, one sentence
/// each; and the proxies that go.
pub(super) fn clean(left: &Leftovers, steps: &mut Steps) -> (Vec<String>, BTreeSet<User>) {
    let mut reasons = Vec::new();
    let mut ours: BTreeMap<&GroupId, Member<'_>> = BTreeMap::new();
    for group in &left.groups {
        match Removable::unused(group) {
            Some(removable) => {
                let side = side_of(&group.tags);
                let member = Member { group, removable, side };
                ours.insert(&group.id, member);
            }
            None => reasons.push(format!(
                "{} will be kept: it has autoconnect tags, but its tags, name or description differ from those that autoconnect writes.",
                named(group)
            )),
        }
    }
    let serving = serving(left, &ours);
    reasons.extend(of_what_serves(left, &ours, &serving, steps));
    let idle: BTreeMap<&GroupId, Member<'_>> = ours.into_iter().filter(|(id, _)| !serving.contains_key(id)).collect();
    let (mut goes, mut going_ids) = (Vec::new(), BTreeSet::new());
    for set in sets(&idle) {
        let members: Vec<&Member<'_>> = set.iter().map(|id| &idle[*id]).collect();
        match why_it_stays(left, &members, &going_ids) {
            None => {
                goes.extend(members);
                going_ids.extend(set);
            }
            Some(why) => {
                let stays = members
                    .iter()
                    .map(|member| format!("{} will be kept: {why}.", named(member.group)));
                reasons.extend(stays);
            }
        }
    }
    reasons.extend(
        goes.iter()
            .map(|member| format!("{} will be removed: not in use.", named(member.group))),
    );
    let proxies: BTreeSet<User> = left
        .proxies
        .iter()
        .filter(|proxy| proxy.differences.is_empty() && is_all_of(&proxy.groups, &going_ids))
        .map(|proxy| User::Proxy(proxy.name.clone()))
        .collect();
    let is_serving = |proxy: &LeftProxy| proxy.groups.iter().any(|id| serving.contains_key(id));
    for proxy in left.proxies.iter().filter(|proxy| !is_serving(proxy)) {
        let name = &proxy.name;
        if proxies.contains(&User::Proxy(name.clone())) {
            reasons.push(format!("Proxy {name} will be removed: no function reaches it."));
        } else if proxy.differences.is_empty() {
            reasons.push(format!(
                "Proxy {name} will be kept: one of its security groups will be kept."
            ));
        } else {
            reasons.push(format!("Proxy {name} will be kept: {}.", proxy.differences.join("; ")));
        }
    }
    match serving.len() {
        0 => {}
        1 => reasons.push("1 security group that autoconnect created is in use and will be kept.".to_owned()),
        n => reasons.push(format!(
            "{n} security groups that autoconnect created are in use and will be kept."
        )),
    }
    take_away(left, &goes, &proxies, steps);
    (reasons, proxies)
}

/// Whether a list has groups, and no others than these.
fn is_all_of(list: &GroupList, ids: &BTreeSet<&GroupId>) -> bool {
    let mut groups = list.iter().peekable();
    groups.peek().is_some() && groups.all(|id| ids.contains(id))
}

/// The groups that rules lead between, each set with its groups.
fn sets<'a>(ours: &BTreeMap<&'a GroupId, Member<'a>>) -> Vec<BTreeSet<&'a GroupId>> {
    let mut links: BTreeMap<&GroupId, BTreeSet<&GroupId>> = BTreeMap::new();
    for (id, member) in ours {
        let peers = member.rules().filter_map(|(_, rule)| rule.peer.group());
        for peer in peers.filter(|peer| ours.contains_key(peer)) {
            links.entry(*id).or_default().insert(peer);
            links.entry(peer).or_default().insert(*id);
        }
    }
    let (mut seen, mut sets) = (BTreeSet::new(), Vec::new());
    for id in ours.keys() {
        let (mut set, mut next) = (BTreeSet::new(), vec![*id]);
        while let Some(id) = next.pop() {
            if seen.insert(id) {
                // The key is borrowed for as long as the group is.
                set.extend(ours.get_key_value(id).map(|(id, _)| *id));
                next.extend(links.get(id).into_iter().flatten());
            }
        }
        if !set.is_empty() {
            sets.push(set);
        }
    }
    sets
}

/// Databases and proxies have a group for those that connect through it.
fn is_bearer(user: &User) -> bool {
    matches!(user, User::Cluster(_) | User::Instance(_) | User::Proxy(_))
}

/// Who uses a group.
fn users<'l>(left: &'l Leftovers, group: &'l SecurityGroup) -> impl Iterator<Item = &'l User> {
    left.users.of(&group.id)
}

/// The groups that serve something, each with what uses it or its set: those that anything but a database or a proxy uses,
/// those that their rules name, and those on a database or a proxy that let them in.
fn serving<'a>(left: &'a Leftovers, ours: &BTreeMap<&'a GroupId, Member<'a>>) -> BTreeMap<&'a GroupId, String> {
    let mut serving: BTreeMap<&GroupId, String> = BTreeMap::new();
    for (id, member) in ours {
        let is_served = |user: &&User| match member.side {
            Some(Side::Database | Side::Proxy) => !is_bearer(user),
            _ => true,
        };
        if let Some(user) = users(left, member.group).find(is_served) {
            serving.insert(*id, user.to_string());
        }
    }
    // Who names a group, of those that are on something.
    let mut named_by: BTreeMap<&GroupId, Vec<&'a GroupId>> = BTreeMap::new();
    for (id, member) in ours {
        if users(left, member.group).next().is_some() {
            for peer in member.rules().filter_map(|(_, rule)| rule.peer.group()) {
                named_by.entry(peer).or_default().push(*id);
            }
        }
    }
    let mut next: VecDeque<&'a GroupId> = serving.keys().copied().collect();
    while let Some(id) = next.pop_front() {
        let named = ours[id].rules().filter_map(|(_, rule)| rule.peer.group());
        let named = named.filter_map(|peer| ours.get_key_value(peer).map(|(peer, _)| *peer));
        let naming = named_by.get(id).into_iter().flatten().copied();
        let user = serving[id].clone();
        for other in named.chain(naming) {
            if !serving.contains_key(other) {
                serving.insert(other, user.clone());
                next.push_back(other);
            }
        }
    }
    serving
}

/// Why an unused set is kept, where others are removed; none if it is removed.
fn why_it_stays(left: &Leftovers, members: &[&Member<'_>], going: &BTreeSet<&GroupId>) -> Option<String> {
    if let Some(unread) = left.users.unread().first() {
        return Some(format!("its users could not be read ({unread})"));
    }
    if let Some((member, manager)) = members
        .iter()
        .find_map(|member| Some((member, manager_of(member.group)?)))
    {
        return Some(format!("{manager} manages {}", named(member.group)));
    }
    let ids: BTreeSet<&GroupId> = members.iter().map(|member| &member.group.id).collect();
    for member in members {
        let is_on_nothing = users(left, member.group).next().is_none();
        let mut rules = member.rules();
        let foreign = rules.find(|(direction, rule)| !is_ours(member, *direction, rule, &ids, is_on_nothing));
        if let Some((direction, rule)) = foreign {
            let rule = crate::classify::InWords(direction, rule);
            return Some(format!(
                "{} has a rule that autoconnect did not create: {rule}",
                named(member.group)
            ));
        }
        let mut naming = left.users.naming(&member.group.id);
        if let Some(by) = naming.find(|by| !ids.contains(by)) {
            return Some(format!("a rule of {by} names {}", named(member.group)));
        }
        for user in users(left, member.group) {
            let list = left.lists.get(user);
            let is_last = list.is_none_or(|list| list.iter().all(|id| ids.contains(id) || going.contains(id)));
            let of_proxy = left
                .proxies
                .iter()
                .find(|proxy| User::Proxy(proxy.name.clone()) == *user);
            match of_proxy {
                Some(proxy) if proxy.differences.is_empty() => {}
                _ if !is_last => {}
                Some(proxy) => {
                    let why = proxy.differences.join("; ");
                    return Some(format!(
                        "{} is the only group of {user}, which will be kept: {why}",
                        named(member.group)
                    ));
                }
                None => {
                    return Some(format!(
                        "{} is the only group of {user}, and AWS requires at least one",
                        named(member.group)
                    ));
                }
            }
        }
    }
    None
}

/// Whether this program has written a rule: for one TCP port, to a group of the set; on a group that nothing has, also with
/// the description that it gives rules for ranges. A group that was just made has EC2's outbound rule.
fn is_ours(
    member: &Member<'_>,
    direction: Direction,
    rule: &Rule,
    set: &BTreeSet<&GroupId>,
    is_on_nothing: bool,
) -> bool {
    if rule.is_default_egress() {
        return direction == Direction::Egress && (is_on_nothing || member.side == Some(Side::Database));
    }
    let is_one_port = rule.protocol == Protocol::Tcp && rule.ports.is_some_and(|ports| ports.from == ports.to);
    let description = rule.description.as_deref().unwrap_or_default();
    let is_described = description.starts_with(OWN_RULES)
        || member.connection() == Some(description)
        || (member.side.is_none() && description == endpoint::OLD_RULES);
    is_one_port
        && match &rule.peer {
            Peer::Group(id) => set.contains(id) || (is_on_nothing && is_described),
            // Anyone can write a description: it proves nothing where traffic may pass.
            Peer::Cidr(_) | Peer::PrefixList(_) => is_on_nothing && is_described,
        }
}

/// What is wrong with groups that serve something: a mark of a removal that did not end, rules that name nothing, a group
/// that someone has disassociated.
fn of_what_serves<'a>(
    left: &Leftovers,
    ours: &BTreeMap<&'a GroupId, Member<'a>>,
    serving: &BTreeMap<&'a GroupId, String>,
    steps: &mut Steps,
) -> Vec<String> {
    let mut reasons = Vec::new();
    let members = serving.iter().map(|(id, user)| (&ours[id], user));
    let members: Vec<(&Member<'_>, &String)> = members
        .filter(|(member, _)| manager_of(member.group).is_none())
        .collect();
    let marked = members.iter().filter(|(member, _)| is_being_removed(member.group));
    let marked: Vec<&SecurityGroup> = marked.map(|(member, _)| member.group).collect();
    if !marked.is_empty() {
        let groups: Vec<GroupId> = marked.iter().map(|group| group.id.clone()).collect();
        let names: Vec<String> = marked.iter().map(|group| named(group)).collect();
        let resource = groups.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let names = names.join(", ");
        reasons.push(format!(
            "The mark of an unfinished removal will be removed from {names}: still in use."
        ));
        let summary = format!("{names}: remove the mark of a removal");
        steps.then(RemovalEffect::Unmark { groups }, &resource, summary);
    }
    for (member, user) in members {
        for direction in [Direction::Ingress, Direction::Egress] {
            let rules = member.group.rules(direction).iter();
            let names_nothing = |rule: &&Rule| {
                let description = rule.description.as_deref().unwrap_or_default();
                let peer = rule.peer.group();
                description.starts_with(OWN_RULES) && peer.is_some_and(|id| !left.peers.contains(id))
            };
            let stale: Vec<Rule> = rules.filter(names_nothing).cloned().collect();
            if !stale.is_empty() {
                reasons.push(format!(
                    "A rule of {} will be removed: the group that it names no longer exists.",
                    named(member.group)
                ));
            }
            revoke(steps, member.group, &member.removable, direction, stale);
        }
        if users(left, member.group).next().is_none() {
            reasons.push(format!(
                "{} will be kept, although it is not associated: {user} uses its set, and `autoconnect setup` associates it again.",
                named(member.group)
            ));
        }
    }
    reasons
}

/// The steps that remove sets: the marks, the proxies that go with them, what takes them off databases and other
/// proxies, their rules, the groups.
fn take_away(left: &Leftovers, goes: &[&Member<'_>], proxies: &BTreeSet<User>, steps: &mut Steps) {
    let mut by_connection: BTreeMap<&str, Vec<&Member<'_>>> = BTreeMap::new();
    for member in goes {
        let connection = member.connection().unwrap_or_default();
        if !is_being_removed(member.group) {
            by_connection.entry(connection).or_default().push(member);
        }
    }
    for (connection, members) in by_connection {
        let groups: Vec<GroupId> = members.iter().map(|member| member.group.id.clone()).collect();
        let names: Vec<String> = members.iter().map(|member| named(member.group)).collect();
        let resource = groups.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let effect = RemovalEffect::Mark {
            groups,
            connection: connection.to_owned(),
            function: String::new(),
        };
        let summary = format!("{}: mark as being removed", names.join(", "));
        steps.then(effect, &resource, summary);
    }
    for proxy in left
        .proxies
        .iter()
        .filter(|proxy| proxies.contains(&User::Proxy(proxy.name.clone())))
    {
        let effect = RemovalEffect::DeleteProxy {
            proxy: proxy.name.clone(),
        };
        let summary = format!("proxy {}, with its target", proxy.name);
        steps.then(effect, &proxy.arn, summary);
    }
    for member in goes {
        let group = member.removable.clone();
        for user in users(left, member.group).filter(|user| !proxies.contains(user)) {
            let summary = format!("{user}: disassociate {}", named(member.group));
            let (effect, resource) = match user {
                User::Proxy(name) => (
                    RemovalEffect::OffProxy {
                        proxy: name.clone(),
                        group: group.clone(),
                    },
                    name,
                ),
                User::Cluster(id) => (off_database(DatabaseKind::Cluster, id, &group), id),
                User::Instance(id) => (off_database(DatabaseKind::Instance, id, &group), id),
                _ => continue,
            };
            steps.then(effect, resource, summary);
        }
    }
    let ids: BTreeSet<&GroupId> = goes.iter().map(|member| &member.group.id).collect();
    for member in goes {
        for direction in [Direction::Ingress, Direction::Egress] {
            let names_one = |rule: &&Rule| {
                let peer = rule.peer.group();
                peer.is_some_and(|id| ids.contains(id) && *id != member.group.id)
            };
            let rules = member
                .group
                .rules(direction)
                .iter()
                .filter(names_one)
                .cloned()
                .collect();
            revoke(steps, member.group, &member.removable, direction, rules);
        }
    }
    for member in goes {
        let effect = RemovalEffect::DeleteGroup {
            group: member.removable.clone(),
        };
        let summary = format!("security group {}", named(member.group));
        steps.then(effect, member.group.id.as_str(), summary);
    }
}

fn off_database(kind: DatabaseKind, id: &str, group: &Removable) -> RemovalEffect {
    RemovalEffect::OffDatabase {
        kind,
        id: id.to_owned(),
        group: group.clone(),
    }
}

/// Revokes rules of a group, if there are any, after all that comes before.
fn revoke(steps: &mut Steps, group: &SecurityGroup, removable: &Removable, direction: Direction, rules: Vec<Rule>) {
    if !rules.is_empty() {
        let after = steps.last();
        steps.revoke((group, removable), direction, rules, after.as_slice(), false);
    }
}
