//! Whether this program created a resource: the only place where that is decided.
//!
//! Tags and names identify a resource, they never authorise a change of it (docs/decision.md, "The order of writes"):
//! anyone who may tag a resource can write our tags on it. EC2 never changes the name and the description of a security
//! group, so a group is [`Ownership::Proven`] only if its tags, its name and its description are those that its
//! creation writes, and its set ties together. A group with our tags that fails one of these is [`Ownership::Claimed`]:
//! nothing is changed in it, and what contradicts its tags is reported.

mod contradiction;
mod own_tags;
mod way;

use std::cell::OnceCell;
use std::collections::BTreeMap;

pub use contradiction::Contradiction;
pub use own_tags::{OwnConnection, OwnTags};
pub use way::Way;

use crate::model::{Direction, GroupId, Rule, SecurityGroup, Side, VpcId};
use crate::naming::Convention;
use crate::tags;

/// Whose a resource is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// This program has made it, for what was asked about.
    Proven,
    /// It has our tags, and these facts contradict them. At least one.
    Claimed(Vec<Contradiction>),
    /// It has none of our tags.
    Foreign,
}

impl Ownership {
    /// Whether its rules may be changed and revoked.
    pub fn is_proven(&self) -> bool {
        *self == Self::Proven
    }

    /// Whether it may be completed, used again and deleted: proven, or an account file leaves its description out.
    /// EC2 has no group without a description.
    pub fn is_credible(&self) -> bool {
        match self {
            Self::Proven => true,
            Self::Claimed(why) => why.iter().all(|why| *why == Contradiction::NoDescription),
            Self::Foreign => false,
        }
    }

    /// What contradicts its tags; nothing for one that is proven, or has none.
    pub fn contradictions(&self) -> &[Contradiction] {
        match self {
            Self::Claimed(why) => why,
            Self::Proven | Self::Foreign => &[],
        }
    }

    /// Why it is not ours, one clause each.
    pub fn reasons(&self) -> Vec<String> {
        match self {
            Self::Proven => Vec::new(),
            Self::Claimed(why) => why.iter().map(ToString::to_string).collect(),
            Self::Foreign => vec!["it has none of autoconnect's tags".to_owned()],
        }
    }

    fn of(contradictions: Vec<Contradiction>) -> Self {
        if contradictions.is_empty() {
            Self::Proven
        } else {
            Self::Claimed(contradictions)
        }
    }
}

/// For which connection a group has to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For<'a> {
    /// For this function's, or its removal has begun.
    Function(&'a str),
    /// For any function's on the way to the database, or for none any more.
    AnyFunction,
}

/// Groups by name, where the other groups of a set are looked up. The index is built by the first look-up: most accounts
/// have no group that needs one.
#[derive(Clone, Debug)]
pub struct Names<'a> {
    groups: &'a [SecurityGroup],
    index: OnceCell<BTreeMap<(&'a VpcId, &'a str), &'a SecurityGroup>>,
}

impl<'a> Names<'a> {
    /// The names of these groups.
    pub fn new(groups: &'a [SecurityGroup]) -> Self {
        Self {
            groups,
            index: OnceCell::new(),
        }
    }

    /// The group with this name in a VPC; the first one, if an account file has several.
    fn get(&self, vpc: &VpcId, name: &str) -> Option<&'a SecurityGroup> {
        let index = self.index.get_or_init(|| {
            let named = |group: &'a SecurityGroup| ((&group.vpc, group.name.as_str()), group);
            self.groups.iter().rev().map(named).collect()
        });
        index.get(&(vpc, name)).copied()
    }
}

/// Whether a resource has any of our tags.
pub fn is_tagged(found: &BTreeMap<String, String>) -> bool {
    found.keys().any(|key| key.starts_with(tags::PREFIX))
}

/// Whether a resource has any of the tags that are written at birth: then the console has not made it.
pub fn has_own_tags(found: &BTreeMap<String, String>) -> bool {
    tags::OWN.iter().any(|key| found.contains_key(*key))
}

/// Whether the tags name this connection: by them a group is found, and no more.
pub fn names_connection(group: &SecurityGroup, connection: &str) -> bool {
    connection_of(&group.tags) == Some(connection)
}

/// The connection that the tags name: by them a resource is found, and no more.
pub fn connection_of(found: &BTreeMap<String, String>) -> Option<&str> {
    found.get(tags::CONNECTION).map(String::as_str)
}

/// The way that the tags name, and its function.
pub fn way_of(found: &BTreeMap<String, String>) -> Option<(Way, Option<&str>)> {
    connection_of(found).and_then(Way::parse)
}

/// Whether the tags name a connection on this way, whichever function's or none's.
pub fn is_on_way(found: &BTreeMap<String, String>, way: &Way) -> bool {
    way_of(found).is_some_and(|(named, _)| named == *way)
}

/// The side that the tags name.
pub fn side_of(found: &BTreeMap<String, String>) -> Option<Side> {
    let role = found.get(tags::ROLE)?;
    [Side::Function, Side::Proxy, Side::Database]
        .into_iter()
        .find(|side| role == tags::role(*side))
}

/// Whether a group looks ours: it has any of our tags, or a name of the convention, which the console's groups have too.
pub fn looks_ours(group: &SecurityGroup) -> bool {
    Convention::is_any(&group.name) || is_tagged(&group.tags)
}

/// Whether a group is of a set for this way to a database: by its name, as the console's groups are, or by our tags.
pub fn is_of_set(group: &SecurityGroup, side: Side, way: &Way) -> bool {
    let mut accepted = Convention::accepted(side, way.is_proxied()).iter();
    let is_made_for = || names_side(group, side) && way_of(&group.tags).is_some_and(|(found, _)| found == *way);
    accepted.any(|convention| convention.number(&group.name).is_some()) || is_made_for()
}

/// Whether the tags name this side.
pub fn names_side(group: &SecurityGroup, side: Side) -> bool {
    side_of(&group.tags) == Some(side)
}

/// Whether the tags say that this program created it, for any purpose.
pub fn is_managed(found: &BTreeMap<String, String>) -> bool {
    found.get(tags::MANAGED).is_some_and(|value| value == "true")
}

/// Whether the removal of a connection has begun with this group: its mark names one. Any other value is none of ours.
pub fn is_being_removed(group: &SecurityGroup) -> bool {
    removal(group).is_some()
}

/// The connection with whose removal a group is marked.
fn removal(group: &SecurityGroup) -> Option<&str> {
    let mark = group.tags.get(tags::REMOVING)?;
    let (_, function) = Way::parse(mark)?;
    function.filter(|function| !function.is_empty()).map(|_| mark.as_str())
}

/// Whether a removal of a connection on this way has begun with a group that `remove` can mark: one that is credibly ours, or has
/// none of the tags that we write at birth, as the console's have none.
pub fn is_removed_on_way(group: &SecurityGroup, side: Side, way: &Way) -> bool {
    let is_of_way = removal(group).and_then(Way::parse).is_some_and(|(of, _)| of == *way);
    let can_be_marked = || !has_own_tags(&group.tags) || judge_alone(group, side, way, For::AnyFunction).is_credible();
    is_of_way && can_be_marked()
}

/// Whether the removal of this connection has begun with this group.
pub fn is_removed_with(group: &SecurityGroup, connection: &str) -> bool {
    group.tags.get(tags::REMOVING).is_some_and(|found| found == connection)
}

/// Whether something that is no group of a connection (a gateway, a subnet, a route table, an endpoint, an address) was
/// made for `connection`, in this role, or in any where none is given.
pub fn is_made_for(found: &BTreeMap<String, String>, connection: &str, role: Option<&str>) -> bool {
    let role_is_right = match (role, found.get(tags::ROLE)) {
        (None, found) => found.is_some(),
        (Some(role), Some(found)) => role == found,
        (Some(_), None) => false,
    };
    is_managed(found) && connection_of(found) == Some(connection) && role_is_right
}

/// Whether something has the tags of what was to be made: all that distinguish our own resources.
pub fn has_tags_of(found: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> bool {
    tags::OWN.iter().all(|key| found.get(*key) == wanted.get(*key))
}

/// Whether the group of a name is the very one that was to be created.
pub fn is_as_created(group: &SecurityGroup, description: &str, wanted: &BTreeMap<String, String>) -> bool {
    has_tags_of(&group.tags, wanted) && (group.description == description || group.description.is_empty())
}

/// Whose a group of a fixed name is, such as that of endpoints: made with exactly these tags and this description.
pub fn of_single_group(group: &SecurityGroup, description: &str, connection: &str, role: &str) -> Ownership {
    if !is_tagged(&group.tags) {
        return Ownership::Foreign;
    }
    let mut found = Vec::new();
    found.extend(wrong_tag(group, tags::MANAGED, "true"));
    found.extend(wrong_tag(group, tags::CONNECTION, connection));
    found.extend(wrong_tag(group, tags::ROLE, role));
    if group.description.is_empty() {
        found.push(Contradiction::NoDescription);
    } else if group.description != description {
        found.push(Contradiction::Description(group.description.clone()));
    }
    Ownership::of(found)
}

/// Whose a security group is that stands for this side of a way to a database. Pure.
pub fn judge(group: &SecurityGroup, side: Side, way: &Way, made_for: For<'_>, names: &Names<'_>) -> Ownership {
    if !is_tagged(&group.tags) {
        return Ownership::Foreign;
    }
    let mut found = claims_against(group, side, way, made_for);
    if let Some(number) = number(group, side, way)
        && !way::is_across_vpcs(&group.description)
    {
        found.extend(untied(group, side, way, number, names));
    }
    Ownership::of(found)
}

/// Whose a group is by itself, whatever is at the other end of its set: where its run has found the next name of the set
/// taken, there is no other end.
pub fn judge_alone(group: &SecurityGroup, side: Side, way: &Way, made_for: For<'_>) -> Ownership {
    if !is_tagged(&group.tags) {
        return Ownership::Foreign;
    }
    Ownership::of(claims_against(group, side, way, made_for))
}

/// What contradicts the tags in the group itself.
fn claims_against(group: &SecurityGroup, side: Side, way: &Way, made_for: For<'_>) -> Vec<Contradiction> {
    let mut found = Vec::new();
    found.extend(wrong_tag(group, tags::MANAGED, "true"));
    found.extend(wrong_connection(group, way, made_for));
    found.extend(wrong_tag(group, tags::ROLE, tags::role(side)));
    if number(group, side, way).is_none() {
        found.push(Contradiction::Name {
            found: group.name.clone(),
            pattern: Convention::for_new(side, way.proxy().is_some()).pattern(),
        });
    }
    if group.description.is_empty() {
        found.push(Contradiction::NoDescription);
    } else if !way.writes(side, &group.description) {
        found.push(Contradiction::Description(group.description.clone()));
    }
    found
}

fn wrong_tag(group: &SecurityGroup, key: &'static str, expected: &str) -> Option<Contradiction> {
    let found = group.tags.get(key);
    (found.map(String::as_str) != Some(expected)).then(|| Contradiction::Tag {
        key,
        found: found.cloned(),
        expected: expected.to_owned(),
    })
}

fn wrong_connection(group: &SecurityGroup, way: &Way, made_for: For<'_>) -> Option<Contradiction> {
    let of_way = |tag: &str| Way::parse(tag).is_some_and(|(found, _)| found == *way);
    let connection = group.tags.get(tags::CONNECTION).map(String::as_str);
    match made_for {
        For::AnyFunction if connection.is_some_and(of_way) => None,
        For::AnyFunction => wrong_tag(group, tags::CONNECTION, &way.id()),
        For::Function(function) => {
            let wanted = way.connection(function);
            match removal(group) {
                // It may have been made for another function with which this one has shared it.
                Some(removed) if removed == wanted && connection.is_some_and(of_way) => None,
                Some(removed) if removed != wanted => wrong_tag(group, tags::REMOVING, &wanted),
                _ => wrong_tag(group, tags::CONNECTION, &wanted),
            }
        }
    }
}

/// The number of the set, if the name is one that is given to new groups of this side.
pub fn number(group: &SecurityGroup, side: Side, way: &Way) -> Option<u64> {
    let convention = Convention::for_new(side, way.proxy().is_some());
    let number = convention.number(&group.name)?.to_string().parse().ok()?;
    (convention.name(number) == group.name).then_some(number)
}

/// The sides next to this one, with the direction of the rule that names their group.
fn neighbours(side: Side, way: &Way) -> Vec<(Side, Direction)> {
    let mut sides = vec![Side::Function];
    sides.extend(way.proxy().map(|_| Side::Proxy));
    sides.push(Side::Database);
    let Some(at) = sides.iter().position(|found| *found == side) else {
        return Vec::new();
    };
    let before = at.checked_sub(1).map(|before| (sides[before], Direction::Ingress));
    let after = sides.get(at + 1).map(|after| (*after, Direction::Egress));
    before.into_iter().chain(after).collect()
}

/// How the rules of one end stand to the group at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// One names it.
    Names,
    /// They name no group, as before they are written.
    Lacks,
    /// They name other groups only.
    NamesOthers,
}

fn end(rules: &[Rule], other: &GroupId) -> End {
    let peers: Vec<&GroupId> = rules.iter().filter_map(|rule| rule.peer.group()).collect();
    if peers.is_empty() {
        End::Lacks
    } else if peers.contains(&other) {
        End::Names
    } else {
        End::NamesOthers
    }
}

/// What does not tie the group to the others of its set: those with its number. Either end may have been changed, or its
/// rules may still be missing; two ends that only name others are no set.
fn untied(group: &SecurityGroup, side: Side, way: &Way, number: u64, names: &Names<'_>) -> Vec<Contradiction> {
    let mut found = Vec::new();
    for (other, direction) in neighbours(side, way) {
        let name = Convention::for_new(other, way.proxy().is_some()).name(number);
        let back = match direction {
            Direction::Ingress => Direction::Egress,
            Direction::Egress => Direction::Ingress,
        };
        let Some(partner) = names.get(&group.vpc, &name) else {
            if group.rules(direction).iter().any(|rule| rule.peer.group().is_some()) {
                found.push(Contradiction::NoPartner { name });
            }
            continue;
        };
        let against = claims_against(partner, other, way, For::AnyFunction);
        if against.iter().any(|why| *why != Contradiction::NoDescription) {
            found.push(Contradiction::Partner {
                group: format!("{name} ({})", partner.id),
                why: against,
            });
            continue;
        }
        let near = end(group.rules(direction), &partner.id);
        let far = end(partner.rules(back), &group.id);
        let is_tied = near == End::Names || far == End::Names || (near == End::Lacks && far == End::Lacks);
        if !is_tied {
            found.push(Contradiction::NotTied {
                direction,
                partner: format!("{name} ({})", partner.id),
            });
        }
    }
    found
}
