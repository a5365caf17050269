//! Plans all connections of a manifest, and compares them with a saved plan.

use std::collections::BTreeMap;

use super::{Item, Opened, Planned, changes, needs, plan, prune};
use crate::concurrent::bounded;
use crate::interrupt::Interrupt;
use crate::model::Origin;
use crate::monitor::Place;
use crate::plan::Basis;
use crate::preview::Preview;
use crate::reconcile::Options;
use crate::report::{AccountKind, PlanError, Report, SavedPlan};

/// How many accounts and Regions are read at once.
const PLACES_AT_ONCE: usize = 8;

/// Reads each account and Region once, and plans its connections in order; then, if `pruned_with` is given, those that the
/// manifest does not name.
pub async fn plan_all(
    accounts: &Opened,
    places: &[Place],
    items: Vec<Item>,
    pruned_with: Option<&Options>,
    interrupt: &Interrupt,
) -> Vec<Planned> {
    let order: Vec<String> = items.iter().map(|item| item.name.clone()).collect();
    let mut by_place: BTreeMap<&Place, Vec<Item>> = places.iter().map(|place| (place, Vec::new())).collect();
    for item in items {
        if let Some(of_place) = places.iter().find(|place| **place == item.place) {
            by_place.entry(of_place).or_default().push(item);
        }
    }
    let previews = by_place.iter().map(async |(place, items)| match accounts.get(place) {
        Ok(cloud) => Some(Preview::read(cloud, &needs(items)).await),
        Err(_) => None,
    });
    let previews = bounded(PLACES_AT_ONCE, previews).await;
    let mut planned = Vec::new();
    let mut named: BTreeMap<usize, Vec<Item>> = BTreeMap::new();
    // Two profiles may lead to one account and Region, whose connections are planned on one preview.
    let mut first_of: Vec<(Origin, usize)> = Vec::new();
    for (index, (place, items)) in by_place.into_iter().enumerate() {
        let Some(own) = &previews[index] else {
            let mut report = accounts.get(place).err().unwrap_or_else(|| Box::new(Report::no_aws()));
            report.origin = place.origin().or(report.origin);
            planned.extend(items.into_iter().map(|item| Planned {
                item,
                outcome: Err(report.clone()),
            }));
            continue;
        };
        let origin = own.origin();
        let known = first_of
            .iter()
            .find(|(known, _)| *known == origin && origin.account.is_some());
        let preview = match known {
            Some((_, first)) => previews[*first].as_ref().unwrap_or(own),
            None => own,
        };
        let first = known.map_or(index, |(_, first)| *first);
        first_of.push((origin, index));
        named.entry(first).or_default().extend(items.clone());
        planned.extend(plan(preview, items, interrupt).await);
    }
    let mut pruned = Vec::new();
    for (first, named) in named {
        // All that the manifest names in an account and Region stays, by whichever profile it is named.
        if let (Some(options), Some(preview), Some(item)) = (pruned_with, &previews[first], named.first()) {
            let unnamed = prune(preview, &item.place, &named, options).await;
            pruned.extend(plan(preview, unnamed, interrupt).await);
        }
    }
    planned.sort_by_key(|planned| order.iter().position(|name| *name == planned.item.name));
    planned.extend(pruned);
    planned
}

/// Whether what is planned now is the saved plan, or what is left of it.
///
/// # Errors
///
/// It is another one, or of another account.
pub fn check(plan: &SavedPlan, planned: &[Planned], place: AccountKind) -> Result<(), PlanError> {
    let mut differences = Vec::new();
    let mut refused = None;
    for saved in &plan.connections {
        let Some(now) = planned.iter().find(|now| now.item.name == saved.name) else {
            // What was to be pruned is gone: there is nothing left to do.
            continue;
        };
        match &now.outcome {
            Err(report) => differences.push(format!("{}: {}", saved.name, report.body.message)),
            Ok(ran) => {
                let planned = Origin {
                    account: saved.account.clone(),
                    region: saved.region.clone(),
                };
                if planned != ran.origin || plan.place != place {
                    refused = Some(PlanError::Elsewhere {
                        planned: format!("{planned} ({})", plan.place),
                        found: format!("{} ({})", ran.origin, place),
                    });
                    break;
                }
                let basis = Basis {
                    names: saved.names.clone(),
                    ..Basis::default()
                };
                let changed = changes(
                    (&plan.steps_of(&saved.name), &basis),
                    (&ran.draft.recorded, &ran.draft.basis),
                );
                differences.extend(changed.into_iter().map(|change| format!("{}: {change}", saved.name)));
            }
        }
    }
    let is_new = |now: &&Planned| plan.connections.iter().all(|saved| saved.name != now.item.name);
    differences.extend(planned.iter().filter(is_new).map(|now| format!("+ {}", now.item.name)));
    match refused {
        Some(error) => Err(error),
        None if differences.is_empty() => Ok(()),
        None => Err(PlanError::Outdated { differences }),
    }
}
