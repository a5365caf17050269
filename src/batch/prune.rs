//! The connections that a manifest does not name any more.

use std::collections::BTreeSet;

use super::{Item, Job};
use crate::drift::discover;
use crate::estate::{Connection, Estate};
use crate::model::last_segment;
use crate::monitor::Place;
use crate::observe::{Proxies, ProxyWish, Target, survey};
use crate::ownership::connection_of;
use crate::preview::Preview;
use crate::reconcile::{Disconnect, Options};
use crate::removal::RemovalWish;

/// The removal of each connection by groups that this program created, to a database that a manifest names, which the
/// manifest does not name itself.
pub async fn prune(preview: &Preview<'_>, place: &Place, named: &[Item], options: &Options) -> Vec<Item> {
    let estate = survey(preview, &Proxies::All).await.estate;
    let databases: BTreeSet<(String, String)> = named
        .iter()
        .map(|item| {
            let target = item.job.target();
            (target.kind.to_string(), target.database_id())
        })
        .collect();
    let kept: BTreeSet<String> = named
        .iter()
        .map(|item| connection(item.job.target()).to_string())
        .collect();
    let found = discover(&estate).into_iter().filter(|found| {
        let database = (
            found.kind.to_string(),
            last_segment(&found.database).to_ascii_lowercase(),
        );
        found.is_whole() && databases.contains(&database) && !kept.contains(&found.to_string())
    });
    found
        .filter(|found| is_ours(&estate, found))
        .map(|found| Item {
            name: found.to_string(),
            place: place.clone(),
            arguments: arguments(&found),
            job: Job::Disconnect(
                Box::new(Disconnect {
                    target: Target {
                        proxy: match &found.proxy {
                            Some(name) => ProxyWish::Existing(name.clone()),
                            None => ProxyWish::None,
                        },
                        ..Target::direct(found.kind, &found.database, &found.function)
                    },
                    wish: RemovalWish::default(),
                    wait_for_database: options.wait_for_database,
                }),
                options.clone(),
            ),
        })
        .collect()
}

/// A connection by what the user named.
fn connection(target: &Target) -> Connection {
    Connection {
        kind: target.kind,
        database: target.database.clone(),
        proxy: super::proxy_of(target),
        function: target.function_name().to_owned(),
    }
}

/// The command that removes a connection.
fn arguments(found: &Connection) -> Vec<String> {
    let mut arguments = vec![
        "remove".to_owned(),
        format!("--{}={}", found.kind, found.database),
        format!("--function={}", found.function),
    ];
    arguments.extend(found.proxy.as_ref().map(|proxy| format!("--proxy={proxy}")));
    arguments
}

/// Whether a group that this program created connects the function with this database: one for the connection itself, or
/// one on the function that was created for another function of the database.
fn is_ours(estate: &Estate, found: &Connection) -> bool {
    let leads_there = |tag: &str| {
        Connection::from_tag(tag).is_some_and(|of| {
            of.kind == found.kind
                && of.database.eq_ignore_ascii_case(last_segment(&found.database))
                && of.proxy.map(|proxy| proxy.to_ascii_lowercase())
                    == found.proxy.as_ref().map(|proxy| proxy.to_ascii_lowercase())
        })
    };
    if estate.tagged(&found.to_string()).next().is_some() {
        return true;
    }
    let function = estate
        .functions()
        .find(|function| function.name == last_segment(&found.function));
    let groups = function.map(crate::model::Function::groups).unwrap_or_default();
    groups.iter().any(|id| {
        let group = estate.group(id);
        group
            .and_then(|group| connection_of(&group.tags))
            .is_some_and(leads_there)
    })
}
