//! The first line: whether it works, always or for which share of the cold starts.

use std::collections::BTreeSet;

use super::Scene;
use super::role::NOT_TRUSTED;
use crate::diagnostics::{Check, Status, verdict};
use crate::model::{Side, SubnetId};
use crate::reachability::leg::LegReport;
use crate::units::count;

/// The checks that are about pairs of subnets: they may fail for some and not for others.
const OF_PAIRS: [&str; 3] = ["security-groups", "network-acls", "routes"];

/// Whether the function reaches the database, in one sentence or two.
pub fn headline(scene: &Scene, checks: &[Check], legs: &[LegReport]) -> String {
    let ends = format!("function {} with {}", scene.function.name, scene.database);
    let through = scene.proxy.as_ref().map(|_| format!(" through {}", scene.reached()));
    let way = format!("{ends}{}", through.unwrap_or_default());
    let worst = verdict(checks);
    if legs.is_empty() && worst == Status::Warn {
        return format!("It works over the internet only: {way}; the database is publicly accessible.");
    }
    match worst {
        Status::Pass => format!("It works: {way}, from {}.", all_subnets(legs)),
        Status::Warn => format!(
            "It works: {way}, from {}, with warnings of {}.",
            all_subnets(legs),
            checks_with(Status::Warn, checks)
        ),
        Status::Unknown => format!(
            "It is not certain that it works: {way}. Nothing that was read contradicts it, but {} could not be completed.",
            checks_with(Status::Unknown, checks)
        ),
        Status::Fail => failing(scene, &way, checks, legs),
    }
}

fn checks_with(status: Status, checks: &[Check]) -> String {
    let number = checks.iter().filter(|check| check.status == status).count();
    count(number, "check")
}

fn all_subnets(legs: &[LegReport]) -> String {
    match legs.first().map(|leg| leg.from.subnets.len()) {
        Some(1) => "its one subnet".to_owned(),
        Some(n) => format!("all {n} of its subnets"),
        None => "everywhere".to_owned(),
    }
}

fn failing(scene: &Scene, way: &str, checks: &[Check], legs: &[LegReport]) -> String {
    let first = |wanted: &dyn Fn(&Check) -> bool| {
        checks
            .iter()
            .find(|check| check.status == Status::Fail && wanted(check))
    };
    let is_of_pairs = |check: &Check| OF_PAIRS.contains(&check.id.as_str());
    // The cause before what follows from it: a proxy reports that it does not reach what no rule lets it reach.
    let why = first(&is_of_pairs)
        .map(|check| sentence(&check.message))
        .unwrap_or_default();
    let is_dead = legs
        .iter()
        .any(|leg| leg.pairs() > 0 && leg.failing.len() == leg.pairs());
    let attached = first(&|check| check.id == "attached");
    if is_dead && attached.is_none() {
        return format!("It does not work: {way}. {why}.");
    }
    if let Some(check) = attached.or_else(|| first(&|check| !is_of_pairs(check))) {
        if check.id == "attached" && scene.own_vpc().is_some() {
            return format!(
                "It works over the internet only, and not from all subnets: {way}. {}.",
                sentence(&check.message)
            );
        }
        let lacks_permissions = check.id == "execution-role" && !check.message.contains(NOT_TRUSTED);
        let how = if lacks_permissions { " reliably" } else { "" };
        return format!("It does not work{how}: {way}. {}.", sentence(&check.message));
    }
    let Some(leg) = legs.iter().find(|leg| !leg.failing.is_empty()) else {
        return format!("It does not work: {way}. {why}.");
    };
    let (rows, columns) = (leg.from.subnets.len(), leg.to.subnets.len());
    let whole = |places: usize, of: &dyn Fn(usize) -> bool| (0..places).filter(|&place| of(place)).collect::<Vec<_>>();
    let dead_rows = whole(rows, &|row| {
        (0..columns).all(|column| leg.failing.contains(&(row, column)))
    });
    let dead_columns = whole(columns, &|column| {
        (0..rows).all(|row| leg.failing.contains(&(row, column)))
    });
    let covered = |row: &usize, column: &usize| dead_rows.contains(row) || dead_columns.contains(column);
    let is_rows_only = leg.failing.iter().all(|(row, _)| dead_rows.contains(row));
    if is_rows_only && leg.from.side == Side::Function {
        let (bad, names) = (dead_rows.len(), names(&leg.from.subnets, &dead_rows));
        return format!(
            "It works from {} of {rows} function subnets only: {way}. About {bad} in {rows} cold starts time out: those in {names}. {why}.",
            rows - bad
        );
    }
    if leg.failing.iter().all(|(row, column)| covered(row, column)) && dead_rows.is_empty() {
        let names = names(&leg.to.subnets, &dead_columns);
        return format!(
            "It works only while {} is not in {names}, {} of its {columns} subnets: {way}. {why}.",
            leg.to.name,
            dead_columns.len()
        );
    }
    let failing: BTreeSet<usize> = leg.failing.iter().map(|(row, _)| *row).collect();
    format!(
        "It works for some pairs of subnets only: {way}. {} of {} pairs fail, from {} of {rows} subnets of {}. {why}.",
        leg.failing.len(),
        leg.pairs(),
        failing.len(),
        leg.from.name
    )
}

fn names(subnets: &[SubnetId], places: &[usize]) -> String {
    let names: Vec<&str> = places
        .iter()
        .filter_map(|&place| Some(subnets.get(place)?.as_str()))
        .collect();
    names.join(", ")
}

/// A message as a sentence: ids at its beginning stay as they are.
fn sentence(message: &str) -> String {
    let word = message.split(' ').next().unwrap_or_default();
    if word.contains(['-', ':', '_']) {
        return message.to_owned();
    }
    let mut letters = message.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
