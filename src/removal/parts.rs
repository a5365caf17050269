//! The groups of a connection, and which of them go.

use std::collections::BTreeSet;

use super::{Removable, RemovalUnmet, RemovalWish, Standing, is_made_for};
use crate::classify::{Candidate, Classified, classify};
use crate::model::{Direction, GroupId, Peer, Rule, SecurityGroup, Side};
use crate::operation::Operation;
use crate::ownership::names_connection;
use crate::users::{Unread, User};

/// A group of the connection that may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Its side.
    pub side: Side,
    /// The group.
    pub group: &'a SecurityGroup,
    /// By what right it may go.
    pub removable: Removable,
    /// Whether it is on the side's resource.
    pub is_on: bool,
    /// Why it stays, as the end of a sentence; none if it goes.
    pub stays: Option<String>,
    /// The group whose rule keeps it from being deleted.
    pub pinned_by: Option<GroupId>,
    /// The connection that it is of once this one is gone, where its tag names this one and it stays.
    pub passes_to: Option<String>,
}

impl Part<'_> {
    /// Whether it is taken off, emptied and, unless somebody's rule names it, deleted.
    #[must_use]
    pub fn goes(&self) -> bool {
        self.stays.is_none()
    }

    /// Name and id.
    #[must_use]
    pub fn named(&self) -> String {
        format!("{} ({})", self.group.name, self.group.id)
    }

    /// Whether its rules may be changed: a group of the console's making only as it goes.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.removable.is_ours() || self.goes()
    }
}

/// The groups of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts<'a> {
    /// Those that may go: the function's first, the database's last.
    pub parts: Vec<Part<'a>>,
    /// Those on the function that lead there, but are not of our making.
    pub foreign: Vec<&'a SecurityGroup>,
}

/// Finds the groups of the connection, and which of them go.
///
/// # Errors
///
/// The function would be disconnected from something else, too.
pub fn parts(standing: &Standing, wish: RemovalWish) -> Result<Parts<'_>, RemovalUnmet> {
    let classified = classify(&standing.observation);
    let mut found = belonging(standing, &classified, wish);
    refuse_what_leads_elsewhere(standing, &found)?;
    for side in [Side::Function, Side::Proxy, Side::Database] {
        let stay: Vec<Option<String>> = found
            .parts
            .iter()
            .map(|part| {
                if part.side == side {
                    why_it_stays(standing, &found.parts, part)
                } else {
                    part.stays.clone()
                }
            })
            .collect();
        for (part, stays) in found.parts.iter_mut().zip(stay) {
            part.stays = stays;
        }
    }
    keep_the_set_of_a_bare_proxy(standing, &mut found.parts, wish);
    pin(standing, &mut found.parts);
    hand_over(standing, &classified, &mut found.parts);
    Ok(found)
}

/// The sides from the function on, as the traffic goes.
fn chain(standing: &Standing) -> Vec<Side> {
    let mut sides = standing.observation.sides().to_vec();
    sides.reverse();
    sides
}

fn belonging<'a>(standing: &'a Standing, classified: &Classified<'a>, wish: RemovalWish) -> Parts<'a> {
    let sides = chain(standing);
    let mut found = Parts {
        parts: across(standing),
        foreign: Vec::new(),
    };
    for (at, &side) in sides.iter().enumerate() {
        let neighbours = if at == 0 {
            // The function's groups are known by what they lead to on the next side.
            let next = classified.side(sides[1]).iter();
            Links::of(next.filter(|next| next.associated).map(|next| next.group))
        } else {
            let before = found.parts.iter().filter(|part| part.side == sides[at - 1]);
            Links::of(before.map(|part| part.group))
        };
        for candidate in classified.side(side) {
            let group = candidate.group;
            let neighbour = neighbours.have(group);
            if !(is_made_for(group, &standing.observation) || candidate.associated && neighbour) {
                continue;
            }
            match removable(standing, classified, candidate, side, wish) {
                Some(removable) => found.parts.push(Part {
                    side,
                    group,
                    removable,
                    is_on: candidate.associated,
                    stays: None,
                    pinned_by: None,
                    passes_to: None,
                }),
                None if side == Side::Function && candidate.associated => found.foreign.push(group),
                None => {}
            }
        }
    }
    found
}

/// The groups in another VPC than the database: the function's own, or those of before the database or the function was
/// moved. No rule links them with the other side's, only their tags do.
fn across(standing: &Standing) -> Vec<Part<'_>> {
    let observation = &standing.observation;
    let elsewhere = observation
        .groups
        .iter()
        .filter(|group| group.vpc != observation.database.vpc);
    let made: Vec<&SecurityGroup> = elsewhere.filter(|group| is_made_for(group, observation)).collect();
    let of_side = |side: Side| {
        let on = observation.groups_on(side);
        made.iter().filter_map(move |group| {
            Some(Part {
                side,
                group,
                removable: Removable::ours(group, side, observation)?,
                is_on: on.contains(&group.id),
                stays: None,
                pinned_by: None,
                passes_to: None,
            })
        })
    };
    chain(standing).into_iter().flat_map(of_side).collect()
}

/// Groups, found by the rules that tie others to them.
struct Links<'a> {
    ids: BTreeSet<&'a GroupId>,
    /// The groups that their rules name.
    named: BTreeSet<&'a GroupId>,
}

impl<'a> Links<'a> {
    fn of(groups: impl Iterator<Item = &'a SecurityGroup>) -> Self {
        let (mut ids, mut named) = (BTreeSet::new(), BTreeSet::new());
        for group in groups {
            ids.insert(&group.id);
            named.extend(peers(group));
        }
        Self { ids, named }
    }

    /// Whether a rule of one of them names the group, or a rule of the group one of them.
    fn have(&self, group: &SecurityGroup) -> bool {
        self.named.contains(&group.id) || peers(group).any(|peer| self.ids.contains(peer))
    }
}

/// The groups that the rules of a group name.
fn peers(group: &SecurityGroup) -> impl Iterator<Item = &GroupId> {
    let rules = group.ingress.iter().chain(&group.egress);
    rules.filter_map(|rule| rule.peer.group())
}

/// Whether a rule of one names the other.
fn are_linked(a: &SecurityGroup, b: &SecurityGroup) -> bool {
    a.names(&b.id) || b.names(&a.id)
}

fn removable(
    standing: &Standing,
    classified: &Classified<'_>,
    candidate: &Candidate<'_>,
    side: Side,
    wish: RemovalWish,
) -> Option<Removable> {
    if let Some(ours) = Removable::ours(candidate.group, side, &standing.observation) {
        return Some(ours);
    }
    let connection = standing.observation.connection_id();
    let consoles = Removable::console_made(candidate, side, classified.now(), &connection)?;
    wish.console_made.then_some(consoles)
}

/// Who uses the group beside this connection's own resource.
fn others<'a>(standing: &'a Standing, side: Side, group: &GroupId) -> impl Iterator<Item = &'a User> {
    let own = own(standing, side);
    let users = standing.users.of(group);
    users.filter(move |user| own.as_ref() != Some(user))
}

fn own(standing: &Standing, side: Side) -> Option<User> {
    let observation = &standing.observation;
    match side {
        Side::Function => Some(User::Function(observation.function.name.clone())),
        Side::Proxy => observation.proxy.as_ref().map(|proxy| User::Proxy(proxy.name.clone())),
        Side::Database => Some(match observation.database.kind {
            crate::model::DatabaseKind::Cluster => User::Cluster(observation.database.id.clone()),
            crate::model::DatabaseKind::Instance => User::Instance(observation.database.id.clone()),
        }),
    }
}

/// Function and database know each other by one pair of groups: where the other end's is on two resources, the
/// function cannot be disconnected from one of them alone.
fn refuse_what_leads_elsewhere(standing: &Standing, found: &Parts<'_>) -> Result<(), RemovalUnmet> {
    let on_function = |part: &&Part<'_>| part.side == Side::Function && part.is_on;
    for part in found.parts.iter().filter(on_function) {
        for next in found.parts.iter().filter(|next| are_linked(part.group, next.group)) {
            let is_other_end = |user: &&User| matches!(user, User::Cluster(_) | User::Instance(_) | User::Proxy(_));
            if next.side != Side::Function
                && let Some(other) = others(standing, next.side, &next.group.id).find(is_other_end)
            {
                return Err(RemovalUnmet::LeadsElsewhere {
                    function: standing.observation.function.name.clone(),
                    function_group: part.named(),
                    group: next.named(),
                    other: other.to_string(),
                });
            }
            if next.side != Side::Function
                && let Some(unread) = standing.users.unread().iter().find(|unread| tells_other_ends(unread))
            {
                return Err(RemovalUnmet::UsersUnknown {
                    function: standing.observation.function.name.clone(),
                    group: next.named(),
                    unread: unread.clone(),
                });
            }
        }
    }
    Ok(())
}

/// Whether what could not be read may be another database or proxy.
fn tells_other_ends(unread: &Unread) -> bool {
    matches!(
        unread.operation,
        Operation::DescribeDbClusters | Operation::DescribeDbInstances | Operation::DescribeDbProxies
    )
}

fn why_it_stays(standing: &Standing, parts: &[Part<'_>], part: &Part<'_>) -> Option<String> {
    let users: Vec<String> = others(standing, part.side, &part.group.id)
        .map(ToString::to_string)
        .collect();
    if !users.is_empty() {
        let verb = if users.len() == 1 { "uses" } else { "use" };
        return Some(format!("{} {verb} it", users.join(", ")));
    }
    if let Some(unread) = standing.users.unread().first() {
        return Some(format!("who else uses it could not be read ({unread})"));
    }
    if part.side == Side::Function {
        return None;
    }
    let connection = standing.observation.connection_id();
    let goes = |rule: &&Rule| match &rule.peer {
        // Across two VPCs the rules are for ranges, and bear the connection that they were made for.
        Peer::Cidr(_) => rule.description.as_ref() == Some(&connection),
        peer => parts
            .iter()
            .any(|other| other.goes() && Some(&other.group.id) == peer.group()),
    };
    // Whatever else it lets in, somebody comes in by it.
    let other = part.group.rules(Direction::Ingress).iter().find(|rule| !goes(rule))?;
    let peer = match parts.iter().find(|found| Some(&found.group.id) == other.peer.group()) {
        Some(found) => found.named(),
        None => other.peer.to_string(),
    };
    Some(format!("it also lets {peer} in"))
}

/// AWS cannot leave a proxy without a group. One that stays keeps its only group, and the whole set with it, for the next
/// function.
fn keep_the_set_of_a_bare_proxy(standing: &Standing, parts: &mut [Part<'_>], wish: RemovalWish) {
    let Some(proxy) = standing.observation.proxy.as_ref().filter(|proxy| proxy.exists) else {
        return;
    };
    let going: BTreeSet<&GroupId> = parts
        .iter()
        .filter(|part| part.side == Side::Proxy && part.goes())
        .map(|part| &part.group.id)
        .collect();
    let is_bare = !going.is_empty() && proxy.groups.iter().all(|group| going.contains(group));
    if wish.with_proxy || !is_bare {
        return;
    }
    let name = &proxy.name;
    for part in parts.iter_mut().filter(|part| part.goes()) {
        part.stays = Some(match part.side {
            Side::Proxy => format!("it is the only group of proxy {name}, which goes with --with-proxy"),
            _ => format!("it goes with proxy {name}, with --with-proxy"),
        });
    }
}

/// A group that somebody else's rule names cannot be deleted, and that rule is not ours to change.
fn pin(standing: &Standing, parts: &mut [Part<'_>]) {
    let writable: BTreeSet<GroupId> = parts
        .iter()
        .filter(|part| part.is_writable())
        .map(|part| part.group.id.clone())
        .collect();
    for part in parts.iter_mut().filter(|part| part.goes()) {
        let mut naming = standing.users.naming(&part.group.id);
        part.pinned_by = naming.find(|by| !writable.contains(by)).cloned();
    }
}

/// A group of ours that stays is of the next function that comes in by it. Nobody's, it is told by its database and proxy
/// alone, by which no connection is found, but a later removal finds it.
fn hand_over(standing: &Standing, classified: &Classified<'_>, parts: &mut [Part<'_>]) {
    let observation = &standing.observation;
    let connection = observation.connection_id();
    // Whose it is then, only the functions tell.
    let unread = standing.users.unread();
    if unread.iter().any(|unread| unread.operation == Operation::ListFunctions) {
        return;
    }
    for part in parts.iter_mut().filter(|part| !part.goes() && part.removable.is_ours()) {
        if !names_connection(part.group, &connection) {
            continue;
        }
        let owner = comers(standing, classified, part.side, part.group).into_iter().next();
        part.passes_to = Some(match owner {
            Some(function) => observation.connection_of(function),
            None => observation.way_id(),
        });
    }
}

/// The other functions that come in by a group: that bear it, or a group of their side that is linked to it.
fn comers<'a>(
    standing: &'a Standing,
    classified: &Classified<'a>,
    side: Side,
    group: &SecurityGroup,
) -> BTreeSet<&'a str> {
    let sides = chain(standing);
    let before = sides.iter().zip(sides.iter().skip(1)).find(|(_, next)| **next == side);
    match before {
        None => others(standing, side, &group.id)
            .filter_map(|user| match user {
                User::Function(name) => Some(name.as_str()),
                _ => None,
            })
            .collect(),
        Some((&before, _)) => classified
            .side(before)
            .iter()
            .filter(|candidate| are_linked(candidate.group, group))
            .flat_map(|candidate| comers(standing, classified, before, candidate.group))
            .collect(),
    }
}
