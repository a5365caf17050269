//! The steps of a removal, in an order that is safe to stop at any point.
//!
//! First the mark, and the tags of what is kept: a run that dies after them has left nothing that is reported as
//! broken. Then the function's group is disassociated, so that no traffic depends on what follows; then the proxy's and
//! the database's; then the rules by which the groups hold each other, for neither could be deleted with them; then the
//! groups; last what a proxy had of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::{MadeRole, Part, Parts, RemovalUnmet, RemovalWish, ShrunkList, Standing};
use crate::model::{GroupId, Side, last_segment};
use crate::ownership::is_removed_with;
use crate::plan::{Effect, Plan, RemovalEffect, Step, Steps};

/// What is still to be done.
///
/// # Errors
///
/// The database would be left without a group, or the proxy cannot go.
pub fn steps(standing: &Standing, found: &Parts<'_>, wish: RemovalWish) -> Result<Plan, RemovalUnmet> {
    check_last_groups(standing, found)?;
    if wish.with_function {
        check_function(standing, found)?;
    }
    if wish.with_proxy {
        check_proxy(standing, found)?;
    }
    let mut builder = Builder {
        standing,
        found,
        steps: Steps::default(),
    };
    builder.mark();
    builder.hand_over();
    builder.take_off(wish);
    builder.take_back(wish);
    builder.revoke();
    builder.delete();
    if wish.with_proxy {
        builder.delete_what_the_proxy_had();
    }
    // Last, since by it the next run finds what a run that died has left.
    if wish.with_function {
        builder.delete_the_functions_role();
    }
    Ok(builder.steps.plan())
}

fn check_last_groups(standing: &Standing, found: &Parts<'_>) -> Result<(), RemovalUnmet> {
    match last_groups(standing, found, Side::Database).last() {
        None => Ok(()),
        Some(last) => Err(RemovalUnmet::LastGroup {
            resource: standing.observation.describe(Side::Database),
            kind: "database",
            group: last.named(),
        }),
    }
}

/// The groups that come off a side, where they are all that its resource has.
fn last_groups<'f, 'a>(standing: &Standing, found: &'f Parts<'a>, side: Side) -> Vec<&'f Part<'a>> {
    let parts = found.parts.iter();
    let off: Vec<&Part<'_>> = parts.filter(|part| part.side == side && part.comes_off()).collect();
    let groups = standing.observation.groups_on(side);
    if groups.iter().all(|id| off.iter().any(|part| part.group.id == *id)) {
        off
    } else {
        Vec::new()
    }
}

/// A proxy is removed only if this program created it, and nothing else uses it.
fn check_proxy(standing: &Standing, found: &Parts<'_>) -> Result<(), RemovalUnmet> {
    let Some(proxy) = standing.observation.proxy.as_ref().filter(|proxy| proxy.exists) else {
        return Ok(());
    };
    let name = || proxy.name.clone();
    let made = standing.made.as_ref();
    if let Some(made) = made.filter(|made| !made.differences.is_empty()) {
        return Err(RemovalUnmet::ProxyNotOurs {
            proxy: name(),
            differences: made.differences.clone(),
        });
    }
    let in_use = |why: String| Err(RemovalUnmet::ProxyInUse { proxy: name(), why });
    if let Some(target) = proxy.other_target(&standing.observation.database) {
        return in_use(format!("its target is {target}"));
    }
    let endpoints: Vec<&str> = standing.users.endpoints_of(&proxy.name).collect();
    if !endpoints.is_empty() {
        return in_use(format!(
            "it has further endpoints, through which others may connect: {}",
            endpoints.join(", ")
        ));
    }
    let set = found.parts.iter().filter(|part| part.side != Side::Database);
    let mut used = set.clone().filter(|part| !part.is_severed());
    if let Some((part, why)) = used.find_map(|part| Some((part, part.stays.as_ref()?))) {
        return in_use(format!("{}, and {why}", part.named()));
    }
    let is_part = |id: &GroupId| set.clone().any(|part| part.side == Side::Proxy && part.group.id == *id);
    match proxy.groups.iter().find(|id| !is_part(id)) {
        Some(other) => in_use(format!("it also has {other}, through which others may connect")),
        None => Ok(()),
    }
}

/// A function is removed only if this program created it, nobody has changed it, and nothing else is connected with it.
fn check_function(standing: &Standing, found: &Parts<'_>) -> Result<(), RemovalUnmet> {
    let Some(made) = &standing.undo.function else {
        return Ok(());
    };
    let function = &standing.observation.function;
    if !made.differences.is_empty() {
        return Err(RemovalUnmet::FunctionNotOurs {
            function: function.name.clone(),
            differences: made.differences.clone(),
        });
    }
    let is_part = |id: &GroupId| {
        found
            .parts
            .iter()
            .any(|part| part.side == Side::Function && part.group.id == *id)
    };
    match function.groups().iter().find(|id| !is_part(id)) {
        Some(other) => Err(RemovalUnmet::FunctionInUse {
            function: function.name.clone(),
            group: other.to_string(),
        }),
        None => Ok(()),
    }
}

struct Builder<'a> {
    standing: &'a Standing,
    found: &'a Parts<'a>,
    /// Each after the one before: a removal never runs ahead of itself.
    steps: Steps,
}

impl Builder<'_> {
    fn mark(&mut self) {
        let observation = &self.standing.observation;
        let connection = observation.connection_id();
        let parts = self.found.parts.iter().enumerate();
        let is_marked = |part: &Part<'_>| is_removed_with(part.group, &connection);
        let unmarked = parts.filter(|&(at, part)| self.found.is_marked(at, &connection) && !is_marked(part));
        let unmarked: Vec<&Part<'_>> = unmarked.map(|(_, part)| part).collect();
        if unmarked.is_empty() {
            return;
        }
        let function = observation.function.name.clone();
        self.tag(&unmarked, "mark as being removed", |groups| RemovalEffect::Mark {
            groups,
            connection,
            function,
        });
    }

    /// What is kept no longer belongs to the connection that is removed: `drift` finds connections by this tag.
    fn hand_over(&mut self) {
        let mut handed_over: BTreeMap<&str, Vec<&Part<'_>>> = BTreeMap::new();
        for part in &self.found.parts {
            if let Some(connection) = &part.passes_to {
                handed_over.entry(connection).or_default().push(part);
            }
        }
        for (connection, parts) in handed_over {
            self.tag(&parts, &format!("tag as of {connection}"), |groups| {
                RemovalEffect::Retag {
                    groups,
                    connection: connection.to_owned(),
                }
            });
        }
    }

    fn tag(&mut self, parts: &[&Part<'_>], what: &str, effect: impl FnOnce(Vec<GroupId>) -> RemovalEffect) {
        let names: Vec<String> = parts.iter().map(|part| part.named()).collect();
        let groups: Vec<GroupId> = parts.iter().map(|part| part.group.id.clone()).collect();
        let resource = groups.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        self.steps
            .then(effect(groups), resource, format!("{}: {what}", names.join(", ")));
    }

    fn take_off(&mut self, wish: RemovalWish) {
        let (observation, found) = (&self.standing.observation, self.found);
        let parts = |side| {
            found
                .parts
                .iter()
                .filter(move |part| part.side == side && part.comes_off())
        };
        let last = last_groups(self.standing, found, Side::Function);
        let is_deleted = wish.with_function && observation.function.exists;
        if is_deleted {
            let function = &observation.function;
            let effect = RemovalEffect::DeleteFunction {
                function: function.arn.clone(),
            };
            self.steps
                .then(effect, function.arn.clone(), format!("function {}", function.name));
        } else if !last.is_empty() {
            self.detach(&last);
        }
        for part in parts(Side::Function).filter(|_| last.is_empty() && !is_deleted) {
            let function = &observation.function;
            let effect = RemovalEffect::OffFunction {
                function: function.arn.clone(),
                group: part.removable.clone(),
            };
            self.steps.then(effect, function.arn.clone(), self.off(part));
        }
        if let Some(proxy) = observation.proxy.as_ref().filter(|proxy| proxy.exists) {
            if wish.with_proxy {
                let summary = format!("proxy {}, with its target", proxy.name);
                let effect = RemovalEffect::DeleteProxy {
                    proxy: proxy.name.clone(),
                };
                self.steps.then(effect, proxy.arn.clone(), summary);
            } else {
                for part in parts(Side::Proxy) {
                    let effect = RemovalEffect::OffProxy {
                        proxy: proxy.name.clone(),
                        group: part.removable.clone(),
                    };
                    self.steps.then(effect, proxy.arn.clone(), self.off(part));
                }
            }
        }
        for part in parts(Side::Database) {
            let database = &observation.database;
            let effect = RemovalEffect::OffDatabase {
                kind: database.kind,
                id: database.id.clone(),
                group: part.removable.clone(),
            };
            self.steps.then(effect, database.arn.clone(), self.off(part));
        }
    }

    /// AWS leaves no function in a VPC without a group.
    fn detach(&mut self, last: &[&Part<'_>]) {
        let function = &self.standing.observation.function;
        let names: Vec<String> = last.iter().map(|part| part.named()).collect();
        let vpc = function.vpc.as_ref().map_or("its VPC", |vpc| vpc.vpc.as_str());
        let summary = format!(
            "function {}: detach it from {vpc}, since it has no groups besides {}",
            function.name,
            names.join(", ")
        );
        let effect = RemovalEffect::Detach {
            function: function.arn.clone(),
            groups: last.iter().map(|part| part.removable.clone()).collect(),
        };
        self.steps.then(effect, function.arn.clone(), summary);
    }

    fn off(&self, part: &Part<'_>) -> String {
        let observation = &self.standing.observation;
        let left = ShrunkList::without(&observation.groups_on(part.side), &part.removable);
        let keeps = match left.map_or(0, |left| left.iter().count()) {
            1 => "1 other group remains".to_owned(),
            n => format!("{n} other groups remain"),
        };
        format!(
            "{}: disassociate {}; {keeps}",
            observation.describe(part.side),
            part.named()
        )
    }

    /// What the function was given besides groups.
    fn take_back(&mut self, wish: RemovalWish) {
        let (observation, undo) = (&self.standing.observation, &self.standing.undo);
        let function = &observation.function;
        if wish.with_function || !function.exists {
            return;
        }
        if !undo.variables.is_empty() {
            let names: Vec<&str> = undo.variables.iter().map(|(name, _)| *name).collect();
            let summary = format!(
                "function {}: remove {} from its environment",
                function.name,
                names.join(", ")
            );
            let effect = RemovalEffect::UnsetEnvironment {
                function: function.arn.clone(),
                variables: undo.variables.clone(),
            };
            self.steps.then(effect, function.arn.clone(), summary);
        }
        let role = function.role.as_deref().map_or("", last_segment);
        for permission in &undo.permissions {
            let effect = RemovalEffect::DeleteRolePolicy {
                role: role.to_owned(),
                policy: permission.policy.clone(),
            };
            let summary = format!(
                "policy {} of role {role}, to connect through the proxy as user {}",
                permission.policy, permission.user
            );
            self.steps.then(effect, role.to_owned(), summary);
        }
    }

    /// Lambda needs the role until it has deleted the function's network interface, and a group is deleted only then.
    fn delete_the_functions_role(&mut self) {
        let made = self.standing.undo.function.as_ref();
        let Some(role) = made.and_then(|made| made.role.as_ref()) else {
            return;
        };
        let ready: Vec<u32> = self.steps.iter().map(|step| step.id).collect();
        self.delete_role(role, &ready);
    }

    /// A role with its policies, once these steps are done.
    fn delete_role(&mut self, role: &MadeRole, ready: &[u32]) {
        let mut after = ready.to_vec();
        for (effect, summary) in role.policies_off() {
            after.push(self.steps.add(effect, &role.name, summary, ready));
        }
        let effect = RemovalEffect::DeleteRole {
            role: role.name.clone(),
        };
        self.steps
            .add(effect, &role.name, format!("role {}", role.name), &after);
    }

    fn revoke(&mut self) {
        let found = self.found;
        for (at, direction, rules) in &found.revoked {
            let part = &found.parts[*at];
            let after = self.steps.last();
            let group = (part.group, &part.removable);
            self.steps
                .revoke(group, *direction, rules.clone(), after.as_slice(), false);
        }
    }

    /// One that has to wait for Lambda does not hold up the others.
    fn delete(&mut self) {
        let ready = self.steps.last();
        let found = self.found;
        // Across two VPCs a rule for ranges can be recognized as ours only as long as the function's group is there.
        let of_database = &self.standing.observation.database.vpc;
        let mut going: Vec<&Part<'_>> = found.parts.iter().filter(|part| part.goes()).collect();
        going.sort_by_key(|part| part.group.vpc != *of_database);
        for part in going {
            let effect = RemovalEffect::DeleteGroup {
                group: part.removable.clone(),
            };
            let summary = format!("security group {}", part.named());
            self.steps
                .add(effect, part.group.id.as_str(), summary, ready.as_slice());
        }
    }

    fn delete_what_the_proxy_had(&mut self) {
        let Some(made) = &self.standing.made else { return };
        let is_group = |step: &&Step| matches!(step.effect, Effect::Removal(RemovalEffect::DeleteGroup { .. }));
        let groups: Vec<u32> = self.steps.iter().filter(is_group).map(|step| step.id).collect();
        let going = BTreeSet::new();
        for secret in made.secrets.iter().filter(|secret| secret.stays(&going).is_none()) {
            let effect = RemovalEffect::DeleteSecret {
                secret: secret.arn.clone(),
            };
            self.steps.add(effect, &secret.arn, secret.summary(), &groups);
        }
        if let Some(role) = made.role.as_ref().filter(|role| role.stays(&going).is_none()) {
            self.delete_role(role, &groups);
        }
    }
}
