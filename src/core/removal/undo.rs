//! What `setup` gave the function besides groups, and what of it `remove` removes again: the permission to connect
//! through the proxy, the variables of its environment, the function itself.
//!
//! Only what is still exactly as `setup` writes it is removed. Everything else is kept, and named.

use std::collections::BTreeSet;

use crate::adopt::is_connect_policy;
use crate::model::{GroupId, Observation, Peer, Place, Secret, SecurityGroup, Side, last_segment};
use crate::naming::created;
use crate::policy;
use crate::removal::MadeRole;

/// What `setup` gave the function besides groups, as far as it is still there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undo {
    /// The policies of the function's role by which it connects through the proxy.
    pub permissions: Vec<Permission>,
    /// Policies with the names of such permissions that are kept, with the reason.
    pub kept_permissions: Vec<String>,
    /// Whether it was asked which proxies there are: a permission names another one.
    pub asked_proxies: bool,
    /// The variables that still have the values that `setup` sets.
    pub variables: Vec<(&'static str, String)>,
    /// Variables of these names that are kept, with the reason.
    pub kept_variables: Vec<String>,
    /// The function with its role, if `setup` may have made it; read only if it is to be removed.
    pub function: Option<MadeFunction>,
}

/// The permission to connect through the proxy as one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The name of the role's policy.
    pub policy: String,
    /// The user of the database.
    pub user: String,
    /// The id of the proxy, `prx-…`.
    pub proxy: String,
}

/// A function that `setup` may have made, with its role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MadeFunction {
    /// How it or its role differs from one that `setup` makes; nothing where it is the very function, or no longer exists.
    pub differences: Vec<String>,
    /// Its role, if that is still there.
    pub role: Option<MadeRole>,
}

/// A permission to connect through the proxy that is exactly as `setup` writes it, now or for the proxy that had the name
/// before: one that was made anew has another id, and that of one that no longer exists is not told.
pub fn permission(observation: &Observation, policy: &str, document: &str) -> Option<Permission> {
    let proxy = observation.proxy.as_ref()?;
    let place = Place::of(&observation.function.arn);
    let (id, user) = policy::connects_as(document, place)?;
    let is_named = created::connect_policy(place.region, &proxy.name, &user) == policy;
    (is_named && is_connect_policy(place, policy, document)).then(|| Permission {
        policy: policy.to_owned(),
        user,
        proxy: id,
    })
}

impl Permission {
    /// Whether it names another proxy than the one that has the name now. It may be that of a proxy that was renamed.
    pub fn is_stale(&self, observation: &Observation) -> bool {
        let proxy = observation.proxy.as_ref().filter(|proxy| proxy.exists);
        proxy.is_none_or(|proxy| last_segment(&proxy.arn) != self.proxy)
    }
}

/// Whether a function with these groups may come in by the groups of the proxy.
pub fn may_come_in(observation: &Observation, others: &[SecurityGroup], groups: &[GroupId]) -> bool {
    let on_proxy = observation.groups_on(Side::Proxy);
    let known = observation.groups.iter().chain(others);
    let mut rules = known
        .filter(|group| on_proxy.contains(&group.id))
        .flat_map(|group| &group.ingress);
    !groups.is_empty()
        && rules.any(|rule| match &rule.peer {
            Peer::Group(id) => groups.contains(id),
            // Whether the function is in the range is not looked into.
            Peer::Cidr(_) | Peer::PrefixList(_) => true,
        })
}

/// The variables `DB_*` of the function that still have the values that `setup --set-env` gives them, and those that
/// are kept.
pub fn variables(
    observation: &Observation,
    user: Option<&str>,
    secret: Option<&str>,
    permissions: &[Permission],
) -> (Vec<(&'static str, String)>, Vec<String>) {
    let Observation {
        database,
        proxy,
        function,
        ..
    } = observation;
    let (mut goes, mut stays) = (Vec::new(), Vec::new());
    let Some(environment) = &function.environment else {
        return (goes, stays);
    };
    let host = match proxy {
        Some(proxy) => proxy.endpoint.as_deref(),
        None => database.access.endpoint.as_deref(),
    };
    let keep = |name: &str, why: &str| format!("Variable {name} will be kept: {why}.");
    match (environment.get(HOST), host) {
        (Some(_), None) => {
            stays.push(keep(HOST, "the host name that setup set is no longer known"));
            return (goes, stays);
        }
        (Some(found), Some(host)) if found != host => {
            stays.push(keep(
                HOST,
                "it has another value, so the other variables may belong to another connection",
            ));
            return (goes, stays);
        }
        _ => {}
    }
    let secrets: BTreeSet<&str> = proxy
        .iter()
        .flat_map(|proxy| proxy.secrets.iter().map(String::as_str))
        .chain(database.access.master_secret.as_deref())
        .collect();
    let users: BTreeSet<&str> = permissions
        .iter()
        .map(|permission| permission.user.as_str())
        .chain(user)
        .chain(database.access.master_user.as_deref())
        .collect();
    let port = observation.function_port().map(|port| port.to_string());
    for name in NAMES {
        let Some(found) = environment.get(name) else { continue };
        let is_as_set = match name {
            "DB_PORT" => port.as_deref() == Some(found),
            "DB_NAME" => database.access.database_name.as_deref() == Some(found),
            "DB_SECRET_ARN" => secrets.contains(found) || secret.is_some_and(|secret| Secret::is_named(found, secret)),
            "DB_USER" => users.contains(found),
            _ => true,
        };
        if is_as_set {
            goes.push((name, found.to_owned()));
        } else {
            let why = match name {
                "DB_USER" => "it does not have the value that setup sets; name another user with --db-user",
                "DB_SECRET_ARN" => "it does not have the value that setup sets; name another secret with --secret",
                _ => "it does not have the value that setup sets",
            };
            stays.push(keep(name, why));
        }
    }
    (goes, stays)
}

const HOST: &str = "DB_HOST";

/// The variables that `setup --set-env` sets.
const NAMES: [&str; 5] = [HOST, "DB_PORT", "DB_NAME", "DB_SECRET_ARN", "DB_USER"];
