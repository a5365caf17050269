//! Reads what `setup` gave a function besides groups.

use std::collections::BTreeSet;

use super::extras::found_role;
use super::lists::all_proxies;
use super::{ObserveError, Target, found};
use crate::adopt::{self, OwnRole};
use crate::cloud::{Answer, Cloud, CloudError, Fault, ResourceKind, derived};
use crate::model::{Observation, Place, Proxy, SecurityGroup, Side, last_segment};
use crate::naming::created;
use crate::ownership::{OwnConnection, OwnTags};
use crate::removal::{MadeFunction, MadeRole, Permission, RemovalWish, Undo, may_come_in, permission, variables};

/// What `setup` gave the function besides groups, as far as it is still there, and may be read. `others` are the groups on
/// both ends besides those of the convention.
pub(super) async fn undo(
    cloud: &dyn Cloud,
    target: &Target,
    wish: RemovalWish,
    observation: &Observation,
    others: &[SecurityGroup],
) -> Result<Undo, ObserveError> {
    let mut undo = Undo::default();
    permissions(cloud, observation, others, &mut undo).await?;
    if wish.unset_env {
        let (user, secret) = (target.user.as_deref(), target.secret.as_deref());
        (undo.variables, undo.kept_variables) = variables(observation, user, secret, &undo.permissions);
    }
    if wish.with_function {
        undo.function = Some(made_function(cloud, observation).await?);
    }
    Ok(undo)
}

/// What may not be read; everything else is an error.
pub(super) fn readable<T>(answer: Answer<T>) -> Result<Result<T, CloudError>, CloudError> {
    match answer {
        Err(error) if matches!(error.fault, Fault::AccessDenied { .. }) => Ok(Err(error)),
        answer => answer.map(Ok),
    }
}

async fn permissions(
    cloud: &dyn Cloud,
    observation: &Observation,
    others: &[SecurityGroup],
    undo: &mut Undo,
) -> Answer<()> {
    let function = &observation.function;
    let (Some(proxy), Some(arn), true) = (&observation.proxy, &function.role, function.exists) else {
        return Ok(());
    };
    let role = last_segment(arn);
    let prefix = created::connect_policies(Place::of(&function.arn).region, &proxy.name);
    let stays = |policy: &str, why: String| format!("Policy {policy} of role {role} will be kept: {why}.");
    let policies = match readable(found(cloud.list_role_policies(role).await))? {
        Ok(policies) => policies.unwrap_or_default(),
        Err(error) => {
            undo.kept_permissions.push(format!(
                "Could not read whether role {role} may still connect through proxy {}: {error}.",
                proxy.name
            ));
            return Ok(());
        }
    };
    let mut exact = Vec::new();
    for policy in policies.into_iter().filter(|policy| policy.starts_with(&prefix)) {
        match readable(found(cloud.get_role_policy(role, &policy).await))? {
            Ok(None) => {}
            Ok(Some(document)) => match permission(observation, &policy, &document) {
                Some(permission) => exact.push(permission),
                None => undo
                    .kept_permissions
                    .push(stays(&policy, "it differs from what setup writes".to_owned())),
            },
            Err(error) => undo
                .kept_permissions
                .push(stays(&policy, format!("it could not be read: {error}"))),
        }
    }
    // One that names another proxy is what is left of a proxy that is gone, or lets connect through one that was renamed.
    let (stale, mut exact): (Vec<Permission>, Vec<Permission>) = exact
        .into_iter()
        .partition(|permission| permission.is_stale(observation));
    if !stale.is_empty() {
        undo.asked_proxies = true;
        let proxies = all_proxies(cloud);
        let proxies = readable(proxies.await)?;
        for permission in stale {
            let with_id = |proxy: &&Proxy| last_segment(&proxy.arn) == permission.proxy;
            let why = match &proxies {
                Ok(proxies) => proxies.iter().find(with_id).map(|other| {
                    let (id, name) = (&permission.proxy, &other.name);
                    format!("{id}, which it names, is proxy {name} now")
                }),
                Err(error) => Some(format!(
                    "whether a proxy is {} could not be read: {error}",
                    permission.proxy
                )),
            };
            match why {
                Some(why) => undo.kept_permissions.push(stays(&permission.policy, why)),
                None => exact.push(permission),
            }
        }
    }
    if exact.is_empty() {
        return Ok(());
    }
    // Other functions with the role keep what they need.
    let needed_by = match readable(derived::bearers(cloud, ResourceKind::Function).await)? {
        Err(error) => Some(format!("the functions with the role could not be read: {error}")),
        Ok(functions) if proxy.exists => {
            let mut others = functions.iter().filter(|other| {
                (other.name != function.name || other.version.is_some())
                    && other.role.as_ref() == Some(arn)
                    && may_come_in(observation, others, &other.groups)
            });
            let other = others.next();
            other.map(|other| {
                let version = other.version.as_ref();
                let version = version
                    .map(|version| format!(", version {version},"))
                    .unwrap_or_default();
                format!(
                    "function {}{version} also has the role, and may connect through the proxy",
                    other.name
                )
            })
        }
        Ok(_) => None,
    };
    match needed_by {
        None => undo.permissions = exact,
        Some(why) => {
            let kept = exact.iter().map(|permission| stays(&permission.policy, why.clone()));
            undo.kept_permissions.extend(kept);
        }
    }
    Ok(())
}

/// The function and its role, with what is different from how `setup` makes them.
async fn made_function(cloud: &dyn Cloud, observation: &Observation) -> Result<MadeFunction, ObserveError> {
    let function = &observation.function;
    let role_name = created::function_role(observation.database.place().region, &function.name);
    let own_role = OwnRole::of_function(observation);
    let mut made = MadeFunction::default();
    if function.exists {
        let (found_tags, bearers) = tokio::join!(
            cloud.list_function_tags(&function.arn),
            derived::bearers(cloud, ResourceKind::Function)
        );
        let (found_tags, bearers) = (found_tags?, bearers?);
        let versions = bearers.iter().filter(|other| other.name == function.name);
        let versions: Vec<&str> = versions.filter_map(|other| other.version.as_deref()).collect();
        if !versions.is_empty() {
            made.differences
                .push(format!("it has published versions ({})", versions.join(", ")));
        }
        // It goes with its own connection, and not with another one.
        let own = OwnTags {
            connection: OwnConnection::This(observation.connection_id()),
            ..adopt::own_tags(observation, Side::Function)
        };
        // A function that was detached has none, and those of a database that is gone are not known.
        let subnets = match (&function.vpc, observation.database.subnets.as_slice()) {
            (Some(vpc), []) => &vpc.subnets,
            (Some(_), subnets) => subnets,
            (None, _) => &[],
        };
        let wanted = (own_role.arn.as_str(), None);
        made.differences.extend(adopt::of_function_settings(
            function,
            wanted,
            subnets,
            Some(&found_tags),
            &own,
        ));
        let also: BTreeSet<&str> = bearers
            .iter()
            .filter(|other| other.name != function.name && other.role.as_ref() == Some(&own_role.arn))
            .map(|other| other.name.as_str())
            .collect();
        if !also.is_empty() {
            let also: Vec<&str> = also.into_iter().collect();
            made.differences
                .push(format!("its role is also used by {}", also.join(", ")));
        }
    }
    let Some(role) = found_role(cloud, &role_name).await? else {
        return Ok(made);
    };
    let role = MadeRole::new(&role_name, role, &own_role, Vec::new());
    let differences = role.differences.iter();
    made.differences
        .extend(differences.map(|difference| format!("of role {role_name}: {difference}")));
    made.role = Some(role);
    Ok(made)
}
