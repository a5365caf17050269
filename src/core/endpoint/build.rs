//! The steps that make an endpoint, and that add to one.

use std::collections::{BTreeMap, BTreeSet};

use super::{Naming, listed};
use crate::model::network::{Endpoint, EndpointKind};
use crate::model::{GroupId, SubnetId};
use crate::plan::network::{EndpointPlan, EndpointWish, NetworkEffect};
use crate::plan::{Effect, Ref, Steps, tags_at_birth};
use crate::reachability::Paths;

/// The subnets that an interface endpoint of a service gets besides those that it has: it takes one in each zone.
pub fn one_in_each_zone<'s>(
    paths: &Paths<'_>,
    subnets: impl IntoIterator<Item = &'s SubnetId>,
    taken: &[SubnetId],
    naming: &Naming<'_>,
) -> Vec<SubnetId> {
    let mut zones: BTreeSet<&str> = taken.iter().filter_map(|id| paths.zone(id)).collect();
    let is_new = |id: &&SubnetId| {
        paths
            .zone(id)
            .is_some_and(|zone| naming.is_in(zone) && zones.insert(zone))
    };
    subnets.into_iter().filter(is_new).cloned().collect()
}

/// The tags of an endpoint of a service that is made for `connection`.
pub fn endpoint_tags(connection: &str, service: &str, others: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    tags_at_birth(connection, &format!("endpoint-{service}"), others)
}

/// Adds the step that makes an endpoint, after those that prepare its groups.
pub fn create(steps: &mut Steps, plan: EndpointPlan) {
    let name = plan.service.clone();
    let mut summary = if plan.subnets.is_empty() {
        let kind = EndpointKind::Gateway;
        format!("{kind} endpoint {name} in {}", named(steps, &plan.route_tables))
    } else {
        format!(
            "{} endpoint {name} in {}, with private DNS and {}",
            EndpointKind::Interface,
            listed(&plan.subnets),
            named(steps, &plan.groups)
        )
    };
    if plan.policy.is_some() {
        summary += ", with a limited policy";
    }
    let after = steps_of_groups(steps, &plan.groups);
    steps.add(NetworkEffect::CreateEndpoint(Box::new(plan)), name, summary, &after);
}

/// Adds the step that changes an endpoint, after those that prepare the groups that it gets. What is changed, as text;
/// none where nothing is.
pub fn change(steps: &mut Steps, endpoint: &Endpoint, wish: EndpointWish) -> Option<String> {
    if wish == EndpointWish::default() {
        return None;
    }
    let added = [
        listed(&wish.add_subnets),
        named(steps, &wish.add_route_tables),
        named(steps, &wish.add_groups),
    ];
    let added = added.into_iter().filter(|what| !what.is_empty());
    let mut parts: Vec<String> = added.map(|what| format!("add {what}")).collect();
    let limits = wish.policy.is_some();
    parts.extend(limits.then(|| "limit its policy to what is needed".to_owned()));
    let (id, what) = (&endpoint.id, parts.join("; "));
    let after = steps_of_groups(steps, &wish.add_groups);
    let summary = format!("endpoint {id} ({}): {what}", endpoint.service);
    let effect = NetworkEffect::ModifyEndpoint {
        endpoint: id.clone(),
        wish,
    };
    steps.add(effect, id.as_str(), summary, &after);
    Some(what)
}

fn named<T: std::fmt::Display>(steps: &Steps, references: &[Ref<T>]) -> String {
    let names: Vec<String> = references.iter().map(|reference| steps.name(reference)).collect();
    listed(&names)
}

/// The steps that give groups their rules, which come before the groups are used.
pub(super) fn steps_of_groups(steps: &Steps, groups: &[Ref<GroupId>]) -> Vec<u32> {
    let prepares = |effect: &Effect| match effect {
        Effect::AddRule { group, .. } | Effect::RevokeDefaultEgress { group } => groups.contains(group),
        _ => false,
    };
    steps
        .iter()
        .filter(|step| prepares(&step.effect))
        .map(|step| step.id)
        .collect()
}
