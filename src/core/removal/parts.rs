//! The groups of a connection, and which of them are removed.

use std::collections::{BTreeMap, BTreeSet};

use super::rules::OwnRules;
use super::{Removable, RemovalUnmet, RemovalWish, Standing, is_made_for};
use crate::classify::{Candidate, Classified, InWords, classify};
use crate::model::{DatabaseKind, Direction, GroupId, Rule, SecurityGroup, Side};
use crate::naming::beside_production;
use crate::operation::Operation;
use crate::ownership::{Names, is_removed_with, names_connection};
use crate::users::{Unread, User};

/// A group of the connection that may be removed.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an answer of its own, and most of them go together"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Its side.
    pub side: Side,
    /// The group.
    pub group: &'a SecurityGroup,
    /// Why it may be removed.
    pub removable: Removable,
    /// Whether it is on the side's resource.
    pub is_on: bool,
    /// Why it is kept, as the end of a sentence; none if it is removed.
    pub stays: Option<String>,
    /// Its rules that `setup` does not write: they keep the group, and are never changed.
    pub foreign: Vec<(Direction, Rule)>,
    /// Whether the connection is cut here although the group is kept: the rules that `setup` has written are revoked.
    pub is_cut: bool,
    /// Whether it stays on the function, for the sake of its other rules, or of the database in production.
    pub stays_on: bool,
    /// Whether it is removed from the database although it is kept: the one in production has it, too.
    pub leaves_old: bool,
    /// The connection that it is of once this one is gone, where its tag names this one and it is kept.
    pub passes_to: Option<String>,
}

impl<'a> Part<'a> {
    fn new(side: Side, group: &'a SecurityGroup, removable: Removable, is_on: bool) -> Self {
        Self {
            side,
            group,
            removable,
            is_on,
            stays: None,
            foreign: Vec::new(),
            is_cut: false,
            stays_on: false,
            leaves_old: false,
            passes_to: None,
        }
    }

    /// Whether it is disassociated and deleted.
    pub fn goes(&self) -> bool {
        self.stays.is_none()
    }

    /// Whether nothing comes through it any more: it goes, or its rules do.
    pub fn is_severed(&self) -> bool {
        self.goes() || self.is_cut
    }

    /// Whether it is removed from its resource: the function's in any case, for that is what disconnects it, unless the
    /// function needs its other rules.
    pub fn comes_off(&self) -> bool {
        self.is_on && (self.goes() || self.leaves_old || self.side == Side::Function && !self.stays_on)
    }

    /// Its rules that `setup` does not write, as text.
    fn foreign_in_words(&self) -> String {
        let rules: Vec<String> = self
            .foreign
            .iter()
            .map(|(direction, rule)| format!("{direction} {}", InWords(*direction, rule)))
            .collect();
        rules.join(", ")
    }

    /// Name and id.
    pub fn named(&self) -> String {
        format!("{} ({})", self.group.name, self.group.id)
    }

    /// Whether its rules may be changed: a group created by the console only if it is removed.
    pub fn is_writable(&self) -> bool {
        self.removable.is_ours() || self.is_severed()
    }
}

/// The groups of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts<'a> {
    /// Those that may be removed: the function's first, the database's last.
    pub parts: Vec<Part<'a>>,
    /// Those on the function that lead there, but are not of our making.
    pub foreign: Vec<&'a SecurityGroup>,
    /// The rules that are revoked, by the place of their group among the parts: those by which the groups hold each other,
    /// and those that `setup` has written in groups that are kept.
    pub revoked: Vec<(usize, Direction, Vec<Rule>)>,
}

impl Parts<'_> {
    /// Whether a group is marked as being removed, or will be: one that is removed, and one whose rules are revoked.
    pub fn is_marked(&self, at: usize, connection: &str) -> bool {
        let part = &self.parts[at];
        let is_marked = is_removed_with(part.group, connection);
        let has_rules = self.revoked.iter().any(|(of, ..)| *of == at);
        part.goes() || part.is_cut && (is_marked || has_rules)
    }
}

/// Finds the groups of the connection, and which of them are removed.
///
/// # Errors
///
/// The function would be disconnected from something else, too.
pub fn parts(standing: &Standing, wish: RemovalWish) -> Result<Parts<'_>, RemovalUnmet> {
    let classified = classify(&standing.observation);
    let mut found = belonging(standing, &classified, wish);
    if let Some(production) = production(standing, &found) {
        refuse_to_delete_ends(standing, &found, wish, &production)?;
        leave_old(&production, &mut found);
        return Ok(found);
    }
    refuse_what_leads_elsewhere(standing, &found)?;
    let own = OwnRules::of(standing, &found.parts);
    for at in 0..found.parts.len() {
        found.parts[at].foreign = own.foreign(&found.parts, &found.parts[at]);
    }
    let held = held(standing, &found.parts, wish);
    for side in [Side::Function, Side::Proxy, Side::Database] {
        for at in 0..found.parts.len() {
            if found.parts[at].side != side {
                continue;
            }
            let fate = Fate::of(standing, &own, &found.parts, &found.parts[at], &held, wish)?;
            let part = &mut found.parts[at];
            (part.stays, part.is_cut, part.stays_on) = (fate.stays, fate.is_cut, fate.stays_on);
        }
    }
    keep_the_set_of_a_bare_proxy(standing, &mut found.parts, wish);
    found.revoked = revoked(&own, &found.parts);
    hand_over(standing, &classified, &mut found);
    Ok(found)
}

/// The database in production, where that of the connection is the other one of a blue/green deployment and has a group
/// of it. RDS has copied the groups: they are those of the connection with the one in production.
fn production(standing: &Standing, found: &Parts<'_>) -> Option<String> {
    let database = &standing.observation.database;
    let name = beside_production(&database.id)?;
    let production = match database.kind {
        DatabaseKind::Cluster => User::Cluster(name.to_owned()),
        DatabaseKind::Instance => User::Instance(name.to_owned()),
    };
    let of_database = found
        .parts
        .iter()
        .filter(|part| part.side == Side::Database && part.is_on);
    let mut users = of_database.flat_map(|part| standing.users.of(&part.group.id));
    users.any(|user| *user == production).then(|| production.to_string())
}

/// Function and proxy serve the database in production: they do not go with the other one.
fn refuse_to_delete_ends(
    standing: &Standing,
    found: &Parts<'_>,
    wish: RemovalWish,
    production: &str,
) -> Result<(), RemovalUnmet> {
    let named = |side: Side| {
        let part = found.parts.iter().find(|part| part.side == side);
        part.map_or_else(|| "its group".to_owned(), Part::named)
    };
    if !wish.with_function && !wish.with_proxy {
        return Ok(());
    }
    Err(RemovalUnmet::LeadsElsewhere {
        function: standing.observation.function.name.clone(),
        function_group: named(Side::Function),
        group: named(Side::Database),
        other: production.to_owned(),
    })
}

/// Keeps what connects the function with the database in production: only the other database leaves the groups.
fn leave_old(production: &str, found: &mut Parts<'_>) {
    for part in &mut found.parts {
        part.stays = Some(format!("{production} is connected by it"));
        part.stays_on = part.side == Side::Function;
        part.leaves_old = part.side == Side::Database;
    }
}

/// Whether a user is the other database of a blue/green deployment with this connection's in production: no connection of its
/// own.
fn is_beside(standing: &Standing, user: &User) -> bool {
    let database = &standing.observation.database;
    match (database.kind, user) {
        (DatabaseKind::Cluster, User::Cluster(other)) | (DatabaseKind::Instance, User::Instance(other)) => {
            beside_production(other) == Some(&database.id)
        }
        _ => false,
    }
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
        ..Parts::default()
    };
    let names = Names::new(&standing.observation.groups);
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
            match removable(classified, candidate, side, wish, &names) {
                Some(removable) => found
                    .parts
                    .push(Part::new(side, group, removable, candidate.associated)),
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
    let names = Names::new(&observation.groups);
    let made: Vec<&SecurityGroup> = elsewhere.filter(|group| is_made_for(group, observation)).collect();
    let of_side = |side: Side| {
        let (on, names) = (observation.groups_on(side), &names);
        made.iter().filter_map(move |group| {
            Some(Part::new(
                side,
                group,
                Removable::ours(group, side, observation, names)?,
                on.contains(&group.id),
            ))
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
            named.extend(group.peers());
        }
        Self { ids, named }
    }

    /// Whether a rule of one of them names the group, or a rule of the group one of them.
    fn have(&self, group: &SecurityGroup) -> bool {
        self.named.contains(&group.id) || group.peers().any(|peer| self.ids.contains(peer))
    }
}

/// Whether a rule of one names the other.
fn are_linked(a: &SecurityGroup, b: &SecurityGroup) -> bool {
    a.names(&b.id) || b.names(&a.id)
}

fn removable(
    classified: &Classified<'_>,
    candidate: &Candidate<'_>,
    side: Side,
    wish: RemovalWish,
    names: &Names<'_>,
) -> Option<Removable> {
    if let Some(ours) = Removable::ours(candidate.group, side, classified.observation, names) {
        return Some(ours);
    }
    let consoles = Removable::console_made(candidate, side, classified)?;
    wish.console_made.then_some(consoles)
}

/// Who uses the group besides this connection's own resource.
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
                && let Some(other) = others(standing, next.side, &next.group.id)
                    .filter(|user| !is_beside(standing, user))
                    .find(is_other_end)
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

/// What becomes of a group.
#[derive(Default)]
struct Fate {
    stays: Option<String>,
    is_cut: bool,
    stays_on: bool,
}

impl Fate {
    fn of(
        standing: &Standing,
        own: &OwnRules<'_>,
        parts: &[Part<'_>],
        part: &Part<'_>,
        held: &BTreeSet<&GroupId>,
        wish: RemovalWish,
    ) -> Result<Self, RemovalUnmet> {
        let used = used_by(standing, part, wish);
        let kept = kept_by_rules(standing, parts, part, held);
        if part.side == Side::Function {
            let leads_out = part
                .foreign
                .iter()
                .any(|(direction, _)| *direction == Direction::Egress);
            let stays_on = part.is_on && leads_out && !wish.with_function;
            return match (used, kept) {
                // A group that the console created comes off the function, and is not changed.
                (None, kept) => Ok(Self {
                    is_cut: kept.is_some() && (part.removable.is_ours() || stays_on),
                    stays_on: stays_on && kept.is_some(),
                    stays: kept,
                }),
                (Some(used), _) if stays_on => Err(RemovalUnmet::RulesInUse {
                    function: standing.observation.function.name.clone(),
                    group: part.named(),
                    rules: part.foreign_in_words(),
                    used,
                }),
                (Some(used), kept) => Ok(Self {
                    stays: Some(std::iter::once(used).chain(kept).collect::<Vec<_>>().join("; ")),
                    ..Self::default()
                }),
            };
        }
        let before = part.group.rules(Direction::Ingress).iter().find_map(|rule| {
            let side = own.other_end(parts, part, Direction::Ingress, rule)?;
            let is_peer = |peer: &&Part<'_>| match rule.peer.group() {
                Some(id) => peer.group.id == *id,
                None => peer.side == side,
            };
            let peer = parts.iter().filter(|peer| !peer.is_severed()).find(is_peer)?;
            Some(format!("it also lets {} in", peer.named()))
        });
        let why: Vec<String> = [used, before, kept].into_iter().flatten().collect();
        Ok(Self {
            stays: (!why.is_empty()).then(|| why.join("; ")),
            ..Self::default()
        })
    }
}

/// Who uses a group besides this connection's own resource, as far as it could be read.
fn used_by(standing: &Standing, part: &Part<'_>, wish: RemovalWish) -> Option<String> {
    // With a function all its versions go.
    let goes = |user: &&User| {
        let own = &standing.observation.function.name;
        wish.with_function && matches!(user, User::Version { function, .. } if function == own)
    };
    let users: Vec<String> = others(standing, part.side, &part.group.id)
        .filter(|user| !goes(user))
        .map(ToString::to_string)
        .collect();
    if !users.is_empty() {
        let verb = if users.len() == 1 { "uses" } else { "use" };
        return Some(format!("{} {verb} it", users.join(", ")));
    }
    let unread = standing.users.unread().first()?;
    Some(format!("its other users could not be read ({unread})"))
}

/// The groups created by the console that are kept, whatever becomes of the others: something uses them, they have
/// rules that are not of this connection, or another group that stays names them. Their rules are not changed.
fn held<'a>(standing: &Standing, parts: &[Part<'a>], wish: RemovalWish) -> BTreeSet<&'a GroupId> {
    let own: BTreeMap<&'a GroupId, &Part<'a>> = parts.iter().map(|part| (&part.group.id, part)).collect();
    let consoles: Vec<&Part<'a>> = parts.iter().filter(|part| !part.removable.is_ours()).collect();
    let is_held = |part: &&&Part<'a>| {
        let mut naming = standing.users.naming(&part.group.id);
        used_by(standing, part, wish).is_some() || !part.foreign.is_empty() || naming.any(|by| !own.contains_key(by))
    };
    let mut held: BTreeSet<&'a GroupId> = consoles.iter().filter(is_held).map(|part| &part.group.id).collect();
    let mut next: Vec<&'a GroupId> = held.iter().copied().collect();
    while let Some(id) = next.pop() {
        let Some(part) = own.get(id) else { continue };
        let rules = part.group.ingress.iter().chain(&part.group.egress);
        for peer in rules.filter_map(|rule| rule.peer.group()) {
            if let Some(peer) = own.get(peer).filter(|peer| !peer.removable.is_ours())
                && held.insert(&peer.group.id)
            {
                next.push(&peer.group.id);
            }
        }
    }
    held
}

/// The rules that `setup` does not write: the group's own, and those of other groups that name it.
fn kept_by_rules(
    standing: &Standing,
    parts: &[Part<'_>],
    part: &Part<'_>,
    held: &BTreeSet<&GroupId>,
) -> Option<String> {
    let mut why = Vec::new();
    match part.foreign.len() {
        0 => {}
        1 => why.push(format!(
            "it has a rule that setup does not write: {}",
            part.foreign_in_words()
        )),
        n => why.push(format!(
            "it has {n} rules that setup does not write: {}",
            part.foreign_in_words()
        )),
    }
    let id = &part.group.id;
    let names_it = |by: &&GroupId| match parts.iter().find(|part| part.group.id == **by) {
        // A group created by the console keeps its rules where it is kept.
        Some(by) if held.contains(&by.group.id) => true,
        Some(by) => by.foreign.iter().any(|(_, rule)| rule.peer.group() == Some(id)),
        None => true,
    };
    let naming: Vec<&str> = standing
        .users
        .naming(id)
        .filter(names_it)
        .map(GroupId::as_str)
        .collect();
    match naming.as_slice() {
        [] => {}
        [by] => why.push(format!("a rule of {by} names it")),
        all => why.push(format!("rules of {} name it", all.join(", "))),
    }
    (!why.is_empty()).then(|| why.join("; "))
}

/// The rules that are revoked: of those that `setup` writes the ones between groups of which one is removed or cut.
fn revoked(own: &OwnRules<'_>, parts: &[Part<'_>]) -> Vec<(usize, Direction, Vec<Rule>)> {
    let mut all = Vec::new();
    for (at, part) in parts.iter().enumerate().filter(|(_, part)| part.is_writable()) {
        for direction in [Direction::Ingress, Direction::Egress] {
            let is_revoked = |rule: &&Rule| {
                let Some(side) = own.other_end(parts, part, direction, rule) else {
                    return false;
                };
                match rule.peer.group() {
                    Some(id) => {
                        let peer = parts.iter().find(|peer| peer.group.id == *id);
                        part.is_severed() || peer.is_some_and(Part::is_severed)
                    }
                    // Rules for ranges hold no group: they go with theirs.
                    None if part.goes() => false,
                    None => part.is_cut || parts.iter().filter(|peer| peer.side == side).all(Part::is_severed),
                }
            };
            let rules: Vec<Rule> = part.group.rules(direction).iter().filter(is_revoked).cloned().collect();
            if !rules.is_empty() {
                all.push((at, direction, rules));
            }
        }
    }
    all
}

/// AWS cannot leave a proxy without a group. One that is kept keeps its only group, and the whole set with it, for the
/// next function.
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
            Side::Proxy => format!("it is the only group of proxy {name}, which is deleted only with --with-proxy"),
            _ => format!("it is deleted together with proxy {name}, with --with-proxy"),
        });
    }
}

/// A group of ours that is kept belongs to the next function that connects through it. Without one, its database and
/// proxy identify it alone, by which no connection is found, but a later removal finds it.
fn hand_over(standing: &Standing, classified: &Classified<'_>, found: &mut Parts<'_>) {
    let observation = &standing.observation;
    let connection = observation.connection_id();
    // Only the functions show whose it is then.
    let unread = standing.users.unread();
    if unread.iter().any(|unread| unread.operation == Operation::ListFunctions) {
        return;
    }
    for at in 0..found.parts.len() {
        let part = &found.parts[at];
        let is_tagged = names_connection(part.group, &connection);
        // What is cut is marked, and stays so.
        if part.goes() || found.is_marked(at, &connection) || !part.removable.is_ours() || !is_tagged {
            continue;
        }
        let owner = comers(standing, classified, part.side, part.group).into_iter().next();
        found.parts[at].passes_to = Some(match owner {
            Some(function) => observation.connection_of(function),
            None => observation.way_id(),
        });
    }
}

/// The other functions that connect through a group: that have it, or a group of their side that is linked to it.
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
