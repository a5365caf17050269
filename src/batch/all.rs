//! Plans all connections of a manifest, and compares them with a saved plan.

use std::collections::{BTreeMap, BTreeSet};

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

/// Reads each account and Region once, and plans its connections in order. If `pruned_with` is given, it then plans the
/// removal of those that the manifest does not name.
pub async fn plan_all(
    accounts: &Opened,
    items: Vec<Item>,
    pruned_with: Option<&Options>,
    interrupt: &Interrupt,
) -> Vec<Planned> {
    let mut by_place: BTreeMap<Place, Vec<(usize, Item)>> = BTreeMap::new();
    for (position, item) in items.into_iter().enumerate() {
        by_place.entry(item.place.clone()).or_default().push((position, item));
    }
    let previews = by_place.iter().map(async |(place, items)| {
        let cloud = accounts.get(place)?;
        Ok::<_, Box<Report>>(Preview::read(cloud, &needs(items.iter().map(|(_, item)| item))).await)
    });
    let previews = bounded(PLACES_AT_ONCE, previews).await;
    let mut planned: Vec<(usize, Planned)> = Vec::new();
    // Two profiles may lead to one account and Region, whose connections are planned on one preview.
    let mut shared: Vec<(Origin, &Preview<'_>, Vec<Item>)> = Vec::new();
    for ((place, items), preview) in by_place.into_iter().zip(&previews) {
        let (positions, items): (Vec<usize>, Vec<Item>) = items.into_iter().unzip();
        let outcomes = match preview {
            Ok(own) => {
                let origin = own.origin();
                let is_here = |(known, ..): &(Origin, _, _)| *known == origin && origin.account.is_some();
                let at = shared.iter().position(is_here).unwrap_or(shared.len());
                if at == shared.len() {
                    shared.push((origin, own, Vec::new()));
                }
                let (_, preview, named) = &mut shared[at];
                named.extend(items.iter().cloned());
                plan(preview, items, interrupt).await
            }
            Err(report) => {
                let mut report = report.clone();
                report.origin = place.origin().or(report.origin);
                let failed = |item| Planned {
                    item,
                    outcome: Err(report.clone()),
                };
                items.into_iter().map(failed).collect()
            }
        };
        planned.extend(positions.into_iter().zip(outcomes));
    }
    planned.sort_by_key(|(position, _)| *position);
    let mut planned: Vec<Planned> = planned.into_iter().map(|(_, planned)| planned).collect();
    for (_, preview, named) in shared {
        // All that the manifest names in an account and Region stays, by whichever profile it is named.
        if let (Some(options), Some(item)) = (pruned_with, named.first()) {
            let unnamed = prune(preview, &item.place, &named, options).await;
            let places: BTreeSet<&Place> = named.iter().map(|item| &item.place).collect();
            let mut failed = planned.iter().filter(|planned| planned.outcome.is_err());
            // What is wrong with an entry may be a name: then its connection looks like one that is not named.
            let why = failed
                .find(|planned| places.contains(&planned.item.place))
                .map(kept_for);
            planned.extend(match why {
                Some(why) => unnamed
                    .into_iter()
                    .map(|item| Planned {
                        item,
                        outcome: Err(why.clone()),
                    })
                    .collect(),
                None => plan(preview, unnamed, interrupt).await,
            });
        }
    }
    planned
}

/// Why a connection that the manifest does not name stays: this one has failed.
pub(super) fn kept_for(failed: &Planned) -> Box<Report> {
    let message = format!(
        "not removed: connection {} of the manifest has failed",
        failed.item.name
    );
    let hint = "fix that connection, then run the manifest again".to_owned();
    Box::new(Report::new(
        "prune-skipped",
        &std::io::Error::other(message),
        Some(hint),
    ))
}

/// Compares what is planned now with the saved plan, whose first steps an earlier run may have done.
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
