//! The difference that a change makes to one connection.

use std::collections::BTreeSet;

use super::State;
use crate::drift::Verdict;
use crate::impact::future::{About, Doubt, Future, Layer, Limit, Touch};
use crate::impact::openness::Opening;
use crate::impact::{Effect, Judged, Path, Standing};

/// How many reasons of one kind are reported for a connection.
pub(super) const REASONS: usize = 3;

/// The check of `diagnose` that security groups let the connection through.
const OF_GROUPS: &str = "security-groups";

/// On what of a path a check of `diagnose` is.
fn layer(check: &str) -> Layer {
    match check {
        OF_GROUPS => Layer::Groups,
        "network-acls" | "routes" | "subnets" | "dns" | "attached" => Layer::Network,
        _ => Layer::Resource,
    }
}

/// The changes that let these ranges in.
pub(super) fn by_of_openings(openings: &[&Opening], on: &BTreeSet<About>, future: &Future) -> Vec<String> {
    let groups: BTreeSet<About> = openings
        .iter()
        .map(|opening| About::Group(opening.group.clone()))
        .collect();
    let of_groups = by(future.touches.iter().filter(|touch| groups.contains(&touch.about)));
    if of_groups.is_empty() {
        let is_list = |touch: &&Touch| {
            touch.layer == Layer::Groups && !matches!(touch.about, About::Function(_)) && on.contains(&touch.about)
        };
        return by(future.touches.iter().filter(is_list));
    }
    of_groups
}

fn by<'t>(touches: impl Iterator<Item = &'t Touch>) -> Vec<String> {
    let by: BTreeSet<&String> = touches.map(|touch| &touch.by).collect();
    by.into_iter().cloned().collect()
}

/// What becomes of one connection. `bound` shows what unknown rules and lists can change at most: where the path of `will_be` is
/// open, it has only the groups that are certain; elsewhere its unknown rules let through all that they can.
pub(super) fn difference(
    name: &str,
    was: &State,
    (will_be, bound): (Option<&State>, Option<&State>),
    future: &Future,
) -> Judged {
    let mut on = was.on.clone();
    on.extend(will_be.iter().flat_map(|state| state.on.iter().cloned()));
    let touches = future.touches.iter().filter(|touch| on.contains(&touch.about));
    let doubts = future.doubts.iter().filter(|doubt| on.contains(&doubt.touch.about));
    let doubts: Vec<&Doubt> = doubts.collect();
    let touches: Vec<&Touch> = touches.chain(doubts.iter().map(|doubt| &doubt.touch)).collect();
    let mut told = Told::default();
    let Some(will_be) = will_be else {
        if !touches.is_empty() {
            told.unknown(&doubts);
        }
        let after = Standing {
            verdict: None,
            path: if touches.is_empty() {
                was.standing.path
            } else {
                Path::Unknown
            },
        };
        return told.judged(name, was.standing.clone(), after);
    };
    path(&mut told, (was, will_be, bound), &touches, &doubts, future);
    openness(&mut told, (was, will_be), (&touches, &on), &doubts, future);
    let (before, after) = (&was.standing, &will_be.standing);
    if after.path == Path::Missing && told.effects.is_empty() {
        will_be.failing.values().for_each(|why| told.note(why.clone()));
    }
    if before.path == after.path && before.verdict != after.verdict && !told.effects.contains(&Effect::Unknown) {
        let word = |standing: &Standing| standing.verdict.map_or("unknown", Verdict::as_str);
        told.note(format!(
            "the path is {} as before; drift finds the connection {} now, and {} after the change",
            after.path.as_str(),
            word(before),
            word(after)
        ));
    }
    told.judged(name, before.clone(), after.clone())
}

/// Whether the function still reaches the database.
fn path(
    told: &mut Told,
    (was, will_be, bound): (&State, &State, Option<&State>),
    touches: &[&Touch],
    doubts: &[&Doubt],
    future: &Future,
) {
    let (before, after) = (&was.standing, &will_be.standing);
    let all = || by(touches.iter().copied());
    let uncertain = uncertain(will_be, bound, doubts);
    let could_pass = matches!(before.verdict, Some(Verdict::InSync | Verdict::Drifted));
    let is_open = after.path == Path::Open;
    let mut unjudged = will_be.unjudged.difference(&was.unjudged).peekable();
    if !uncertain.is_empty() {
        told.unknown(&uncertain);
    } else if (before.path == Path::Unknown || after.path == Path::Unknown) && !touches.is_empty() {
        told.add(Effect::Unknown, all(), will_be.unjudged.iter().cloned().collect());
    } else if before.path == Path::Open && !is_open || !is_open && could_pass && after.verdict == Some(Verdict::Broken)
    {
        let new = will_be
            .failing
            .iter()
            .filter(|(check, _)| !was.failing.contains_key(*check));
        let new: Vec<(&String, &String)> = new.collect();
        let layers: BTreeSet<Layer> = new.iter().map(|(check, _)| layer(check)).collect();
        let changed = || touches.iter().copied().filter(|touch| future.touches.contains(*touch));
        let of_layers = by(changed().filter(|touch| layers.contains(&touch.layer)));
        let by = if of_layers.is_empty() { by(changed()) } else { of_layers };
        told.add(
            Effect::Breaks,
            by,
            new.into_iter().map(|(_, message)| message.clone()).collect(),
        );
    } else if is_open && before.path != Path::Open {
        let gone = was
            .failing
            .iter()
            .filter(|(check, _)| !will_be.failing.contains_key(*check));
        let gone = gone.map(|(_, message)| format!("no longer: {message}"));
        told.add(Effect::Repaired, all(), gone.collect());
    } else if is_open && unjudged.peek().is_some() && !touches.is_empty() {
        let why = unjudged.map(|check| format!("the check {check} cannot be made of the account as it will be"));
        told.add(Effect::Unknown, all(), why.collect());
    } else if before.verdict == Some(Verdict::Drifted) && after.verdict == Some(Verdict::InSync) {
        let why = "it is drifted, and will be in sync".to_owned();
        told.add(Effect::Repaired, all(), vec![why]);
    }
}

/// Whether more comes in from the internet.
fn openness(
    told: &mut Told,
    (was, will_be): (&State, &State),
    (touches, on): (&[&Touch], &BTreeSet<About>),
    doubts: &[&Doubt],
    future: &Future,
) {
    let openings: Vec<&Opening> = will_be.openness.beyond(&was.openness).collect();
    let opens = doubts
        .iter()
        .copied()
        .filter(|doubt| doubt.ways.opens && can_open(doubt));
    let opens: Vec<&Doubt> = opens.collect();
    let mut unread = will_be.openness.unread.difference(&was.openness.unread);
    if !openings.is_empty() {
        let why = openings.iter().map(|opening| opening.words()).collect();
        told.add(Effect::Opened, by_of_openings(&openings, on, future), why);
    } else if !opens.is_empty() {
        told.unknown(&opens);
    } else if let Some(list) = unread.next() {
        let why = format!("which ranges prefix list {list} has was not read");
        told.add(Effect::Unknown, by(touches.iter().copied()), vec![why]);
    }
}

/// Whether what is not known can be who comes in to a database or a proxy.
fn can_open(doubt: &Doubt) -> bool {
    !matches!(doubt.touch.about, About::Function(_)) && doubt.touch.layer != Layer::Network
}

/// Whether a check fails only since the proxy does not reach its target, for which another check has the cause.
fn follows(state: &State, check: &str, why: &str) -> bool {
    let is_only = why.contains("UNREACHABLE") && !why.contains("; and ");
    let fails = |check: &str| state.failing.contains_key(check);
    (check == "proxy-role" || check == "state" && is_only)
        && [OF_GROUPS, "network-acls", "routes"].into_iter().any(fails)
}

/// What is not known and decides whether a path is open.
fn uncertain<'d>(state: &State, bound: Option<&State>, doubts: &[&'d Doubt]) -> Vec<&'d Doubt> {
    if state.standing.path == Path::Open {
        let found: Vec<&Doubt> = doubts.iter().copied().filter(|doubt| doubt.ways.less).collect();
        let is_open_anyway = found.iter().all(|doubt| doubt.limit == Some(Limit::List))
            && bound.is_some_and(|bound| bound.standing.path == Path::Open && bound.unjudged == state.unjudged);
        return if is_open_anyway { Vec::new() } else { found };
    }
    // Each cause has to fall away for the path to be open.
    let causes = state.failing.iter().filter(|(check, why)| !follows(state, check, why));
    let layers: BTreeSet<Layer> = causes.map(|(check, _)| layer(check)).collect();
    let of = |wanted: Layer| {
        let may = move |doubt: &&Doubt| {
            doubt.ways.more && (doubt.touch.layer == wanted || doubt.touch.layer == Layer::Resource)
        };
        let found: Vec<&Doubt> = doubts.iter().copied().filter(may).collect();
        // Rules in another direction, for another port or of another group do not help.
        let is_blocked_anyway = wanted == Layer::Groups
            && found.iter().all(|doubt| doubt.limit == Some(Limit::Rules))
            && bound.is_some_and(|state| state.failing.contains_key(OF_GROUPS));
        if is_blocked_anyway { Vec::new() } else { found }
    };
    let by_layer: Vec<Vec<&Doubt>> = layers.into_iter().map(of).collect();
    if by_layer.is_empty() || by_layer.iter().any(Vec::is_empty) {
        return Vec::new();
    }
    let mut all: Vec<&Doubt> = by_layer.into_iter().flatten().collect();
    all.sort();
    all.dedup();
    all
}

/// What is reported for a connection.
#[derive(Default)]
struct Told {
    effects: BTreeSet<Effect>,
    by: BTreeSet<String>,
    why: Vec<String>,
}

impl Told {
    fn add(&mut self, effect: Effect, by: Vec<String>, why: Vec<String>) {
        self.effects.insert(effect);
        self.by.extend(by);
        for why in why.into_iter().take(REASONS) {
            self.note(why);
        }
    }

    fn unknown(&mut self, doubts: &[&Doubt]) {
        let by = by(doubts.iter().map(|doubt| &doubt.touch));
        self.add(
            Effect::Unknown,
            by,
            doubts.iter().map(|doubt| doubt.why.clone()).collect(),
        );
    }

    fn note(&mut self, why: String) {
        if !self.why.contains(&why) {
            self.why.push(why);
        }
    }

    fn judged(self, name: &str, before: Standing, after: Standing) -> Judged {
        let mut effects = self.effects.into_iter();
        Judged {
            name: name.to_owned(),
            effect: effects.next().unwrap_or(Effect::None),
            also: effects.collect(),
            by: self.by.into_iter().collect(),
            why: self.why,
            before,
            after,
        }
    }
}
