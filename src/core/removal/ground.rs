//! What the plan of a removal is checked against.

use super::{Removable, RemovalWish, Standing, ownership_of};
use crate::classify::classify;
use crate::naming::beside_production;
use crate::ownership::{For, Names, Way};
use crate::plan::{Ground, May, Right};

/// The groups of a connection, whose they are, and what else was made for its proxy.
pub fn ground(standing: &Standing, wish: RemovalWish) -> Ground<'_> {
    let observation = &standing.observation;
    let sides = observation.sides();
    let mut ground = Ground::new(May::TakeAway).with_lists(observation).with_judged(
        &observation.groups,
        &Way::of(observation),
        For::AnyFunction,
        sides,
    );
    // RDS copies the groups of a blue/green deployment: their tags name the database in production.
    if beside_production(&observation.database.id).is_some() {
        let names = Names::new(&observation.groups);
        for &side in sides {
            let proven = observation.groups.iter();
            let proven = proven.filter(|group| ownership_of(group, side, observation, &names).is_proven());
            ground = proven.fold(ground, |ground, group| ground.with_group(group, Right::Proven));
        }
    }
    if wish.console_made {
        let classified = classify(observation);
        for &side in sides {
            for candidate in classified.side(side) {
                if Removable::console_made(candidate, side, &classified).is_some() {
                    ground = ground.with_group(candidate.group, Right::ConsoleMade);
                }
            }
        }
    }
    let mut others: Vec<&str> = Vec::new();
    if let Some(made) = &standing.made {
        let proxy = observation.proxy.as_ref().filter(|_| made.differences.is_empty());
        others.extend(proxy.map(|proxy| proxy.name.as_str()));
        let secrets = made.secrets.iter().filter(|secret| secret.differences.is_empty());
        others.extend(secrets.map(|secret| secret.arn.as_str()));
        let role = made.role.iter().filter(|role| role.differences.is_empty());
        others.extend(role.map(|role| role.name.as_str()));
    }
    let undo = &standing.undo;
    others.extend(undo.permissions.iter().map(|permission| permission.policy.as_str()));
    if let Some(made) = undo.function.as_ref().filter(|made| made.differences.is_empty()) {
        others.push(&observation.function.arn);
        others.extend(made.role.iter().map(|role| role.name.as_str()));
    }
    others.into_iter().fold(ground, Ground::with_other)
}
