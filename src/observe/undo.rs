//! Reads what `setup` gave a function besides groups.

use super::{ObserveError, Target, all, found};
use crate::cloud::{Answer, Cloud, CloudError, Fault, Operation, ResourceKind};
use crate::model::{Observation, Place, SecurityGroup, Side, last_segment};
use crate::naming::created;
use crate::policy;
use crate::removal::{
    MadeFunction, MadeFunctionRole, Permission, RemovalWish, Undo, may_come_in, permission, variables,
};
use crate::tags;

/// What `setup` gave the function besides groups, as far as it is still there, and may be read. `others` are the groups on
/// both ends beside those of the convention.
pub(super) async fn undo(
    cloud: &impl Cloud,
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
fn readable<T>(answer: Answer<T>) -> Result<Result<T, CloudError>, CloudError> {
    match answer {
        Err(error) if matches!(error.fault, Fault::AccessDenied { .. }) => Ok(Err(error)),
        answer => answer.map(Ok),
    }
}

async fn permissions(
    cloud: &impl Cloud,
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
    let stays = |policy: &str, why: String| format!("Policy {policy} of role {role} stays: {why}.");
    let policies = match readable(found(cloud.list_role_policies(role).await))? {
        Ok(policies) => policies.unwrap_or_default(),
        Err(error) => {
            undo.kept_permissions.push(format!(
                "Whether role {role} may still connect through proxy {} could not be read: {error}.",
                proxy.name
            ));
            return Ok(());
        }
    };
    let mut exact: Vec<Permission> = Vec::new();
    for policy in policies.into_iter().filter(|policy| policy.starts_with(&prefix)) {
        match readable(found(cloud.get_role_policy(role, &policy).await))? {
            Ok(None) => {}
            Ok(Some(document)) => match permission(observation, &policy, &document) {
                Some(permission) => exact.push(permission),
                None => undo
                    .kept_permissions
                    .push(stays(&policy, "it is not as setup writes it".to_owned())),
            },
            Err(error) => undo
                .kept_permissions
                .push(stays(&policy, format!("it could not be read: {error}"))),
        }
    }
    if exact.is_empty() {
        return Ok(());
    }
    // Other functions with the role keep what they need.
    let needed_by = match readable(cloud.list_bearers(ResourceKind::Function).await)? {
        Err(error) => Some(format!("which functions have the role could not be read: {error}")),
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
                    "function {}{version} has the role too, and may connect through the proxy",
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
async fn made_function(cloud: &impl Cloud, observation: &Observation) -> Result<MadeFunction, ObserveError> {
    let function = &observation.function;
    let place = observation.database.place();
    let role_name = created::function_role(place.region, &function.name);
    let mut made = MadeFunction::default();
    if function.exists {
        let (function_tags, code, functions, versions) = tokio::join!(
            cloud.list_function_tags(&function.arn),
            cloud.get_function_code(&function.arn),
            all(cloud, Operation::ListFunctions, |from| cloud.list_functions(from)),
            cloud.list_bearers(ResourceKind::Function)
        );
        let (function_tags, code, functions, versions) = (function_tags?, code?, functions?, versions?);
        let versions = versions.iter().filter(|other| other.name == function.name);
        let versions: Vec<&str> = versions.filter_map(|other| other.version.as_deref()).collect();
        if !versions.is_empty() {
            made.differences
                .push(format!("it has published versions ({})", versions.join(", ")));
        }
        for (key, value) in [
            (tags::MANAGED, "true"),
            (tags::CONNECTION, observation.connection_id().as_str()),
            (tags::ROLE, tags::role(Side::Function)),
        ] {
            let found = function_tags.get(key).map(String::as_str);
            if found != Some(value) {
                made.differences.push(match found {
                    Some(found) => format!("its tag {key} is {found}, not {value}"),
                    None => format!("it has no tag {key}"),
                });
            }
        }
        if !created::is_role(function.role.as_deref(), &role_name) {
            made.differences.push(format!("its role is not {role_name}"));
        }
        if code.handler.as_deref() != Some(created::HANDLER) {
            made.differences
                .push(format!("its handler is not {}", created::HANDLER));
        }
        if code.sha256.as_deref() != Some(created::CODE_SHA256) {
            made.differences
                .push("its code is not the handler that setup makes".to_owned());
        }
        let also: Vec<&str> = functions
            .iter()
            .filter(|other| other.name != function.name && created::is_role(other.role.as_deref(), &role_name))
            .map(|other| other.name.as_str())
            .collect();
        if !also.is_empty() {
            made.differences
                .push(format!("its role is also that of {}", also.join(", ")));
        }
    }
    let Some(role) = found(cloud.get_role(&role_name).await)? else {
        return Ok(made);
    };
    let (policies, attached) = tokio::join!(
        cloud.list_role_policies(&role_name),
        cloud.list_attached_role_policies(&role_name)
    );
    let (policies, attached) = (
        found(policies)?.unwrap_or_default(),
        found(attached)?.unwrap_or_default(),
    );
    let differs = |why: String| format!("role {role_name} {why}");
    let expected = [
        (tags::MANAGED, "true"),
        (tags::CONNECTION, observation.connection_id().as_str()),
    ]
    .map(|(key, value)| (key, value.to_owned()));
    for (key, value) in expected {
        if role.tags.get(key) != Some(&value) {
            made.differences
                .push(differs(format!("has no tag {key} with the value {value}")));
        }
    }
    if !policy::is_same(&role.trust, &policy::trust(policy::LAMBDA)) {
        made.differences
            .push(differs("may be assumed by others than Lambda".to_owned()));
    }
    let managed = policy::vpc_access(place);
    for other in attached.iter().filter(|arn| **arn != managed) {
        made.differences
            .push(differs(format!("has policy {other}, which setup did not give it")));
    }
    for policy in &policies {
        let document = found(cloud.get_role_policy(&role_name, policy).await)?.unwrap_or_default();
        if permission(observation, policy, &document).is_none() {
            made.differences
                .push(differs(format!("has policy {policy}, which setup did not give it")));
        }
    }
    made.role = Some(MadeFunctionRole {
        name: role_name,
        attached,
        policies,
    });
    Ok(made)
}
