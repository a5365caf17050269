//! Plans as they are saved, and whether a plan that is drafted later is the same.
//!
//! Source: docs/saved-plans.md. What an earlier run of the same plan has created is known by its name and its tags, and is
//! no difference: references to it are compared by the name.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Basis, Effect, Named, Plan, RemovalEffect, StepStatus, VpcEffect};
use crate::model::{GroupId, Side};
use crate::tags;

/// A step as it is saved: what it does, with all its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Whether it is still to be done.
    pub is_planned: bool,
    /// What it does, for people.
    pub summary: String,
    /// The effect, with its parameters. References to what exists are ids or ARNs; `{"step": N}` is what step N creates.
    pub parameters: Value,
    /// The other groups of the resource, which it keeps.
    pub keeps: Option<Vec<GroupId>>,
    /// The name of what it creates.
    pub creates: Option<Created>,
}

/// The name of what a step creates.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Created {
    /// Its name; of what has none the value of `autoconnect:role`.
    pub name: String,
    /// The value of `autoconnect:connection`.
    pub connection: String,
}

/// The steps of a plan, in order, as they are saved.
pub fn record(plan: &Plan, basis: &Basis) -> Vec<Recorded> {
    let own: BTreeMap<Side, BTreeSet<&GroupId>> = plan.steps.iter().filter_map(|step| own_groups(&step.effect)).fold(
        BTreeMap::new(),
        |mut own: BTreeMap<Side, BTreeSet<&GroupId>>, (side, groups)| {
            own.entry(side).or_default().extend(groups);
            own
        },
    );
    let keeps = |effect: &Effect| {
        let (side, _) = own_groups(effect)?;
        let list = basis.lists.get(&side)?;
        let others = list
            .iter()
            .filter(|group| !own.get(&side).is_some_and(|own| own.contains(group)));
        Some(others.cloned().collect())
    };
    let recorded = |step: &super::Step| Recorded {
        is_planned: step.status == StepStatus::Planned,
        summary: step.summary.clone(),
        parameters: serde_json::to_value(&step.effect).unwrap_or_default(),
        keeps: keeps(&step.effect),
        creates: created(&step.effect),
    };
    plan.steps.iter().map(recorded).collect()
}

/// The side whose list of groups a step changes, and the groups that it adds or removes, as far as they exist.
fn own_groups(effect: &Effect) -> Option<(Side, Vec<&GroupId>)> {
    match effect {
        Effect::AssociateDatabase { .. }
        | Effect::AssociateProxy { .. }
        | Effect::AssociateFunction { .. }
        | Effect::Vpc(VpcEffect::Attach(_)) => {
            let groups = effect.groups().into_iter().filter_map(super::Ref::existing);
            Some((effect.associates()?, groups.collect()))
        }
        Effect::Vpc(VpcEffect::Detach { .. }) => Some((Side::Function, Vec::new())),
        Effect::Removal(RemovalEffect::OffFunction { group, .. }) => Some((Side::Function, vec![group.id()])),
        Effect::Removal(RemovalEffect::OffProxy { group, .. }) => Some((Side::Proxy, vec![group.id()])),
        Effect::Removal(RemovalEffect::OffDatabase { group, .. }) => Some((Side::Database, vec![group.id()])),
        Effect::Removal(RemovalEffect::Detach { groups, .. }) => Some((
            Side::Function,
            groups.iter().map(crate::removal::Removable::id).collect(),
        )),
        _ => None,
    }
}

/// The name of what a step creates.
fn created(effect: &Effect) -> Option<Created> {
    let connection = effect.tags()?.get(tags::CONNECTION)?;
    let name = match effect {
        Effect::CreateSecurityGroup { name, .. }
        | Effect::CreateSecret { name, .. }
        | Effect::CreateRole { name, .. } => name.as_str(),
        Effect::CreateProxy(proxy) => &proxy.name,
        Effect::CreateFunction(function) => &function.name,
        effect => effect.role()?,
    };
    Some(Created {
        name: name.to_owned(),
        connection: connection.clone(),
    })
}

/// How a new draft differs from what is left of a saved plan, one sentence each. Empty if it does not differ.
///
/// Steps are carried out in order. So an earlier run of the plan has done its first steps, and all others are still to be done.
/// Only the registration of a proxy's target can be left to a later run.
pub fn differences(saved: &[Recorded], now: &[Recorded], basis: &Basis) -> Vec<String> {
    let created: BTreeSet<&Created> = saved.iter().filter_map(|step| step.creates.as_ref()).collect();
    let is_ours = |named: &Named| {
        created.iter().any(|created| {
            let is_connection = |connection: &String| *connection == created.connection;
            created.name == named.name && named.connection.as_ref().is_none_or(is_connection)
        })
    };
    let known: BTreeMap<&str, &str> = basis
        .names
        .iter()
        .filter(|(_, named)| is_ours(named))
        .map(|(id, named)| (id.as_str(), named.name.as_str()))
        .collect();
    let compared = |steps: &[Recorded], is_planned: bool| -> Vec<Compared> {
        let of_status = steps.iter().filter(|step| step.is_planned == is_planned);
        of_status.map(|step| Compared::new(step, steps, &known)).collect()
    };
    let (before, after, done) = (compared(saved, true), compared(now, true), compared(now, false));
    let is_in = |steps: &[Compared], step: &Compared| steps.iter().any(|other| other.parameters == step.parameters);
    let gone: Vec<&Compared> = before.iter().filter(|saved| !is_in(&after, saved)).collect();
    let mut differences: Vec<String> = after
        .iter()
        .filter_map(|step| step.differs(&before, &gone, basis))
        .collect();
    let is_done_before = |saved: &&Compared| !is_in(&after, saved) || saved.may_be_left();
    let is_lost = |saved: &&Compared| {
        let is_replaced = after.iter().any(|now| now.summary == saved.summary);
        !is_in(&after, saved) && !is_in(&done, saved) && !is_replaced
    };
    let lost = before.iter().skip_while(is_done_before).filter(is_lost);
    differences.extend(lost.map(|saved| format!("- {} (no longer to be done)", saved.summary)));
    differences
}

/// The groups that a saved plan takes off a resource and that are still on it, one sentence each: where nothing is left to be done,
/// it was not carried out.
pub fn still_on(saved: &[Recorded], basis: &Basis) -> Vec<String> {
    let is_on = |step: &&Recorded| {
        let side = match step.parameters["effect"].as_str() {
            Some("off-function") => Side::Function,
            Some("off-proxy") => Side::Proxy,
            Some("off-database") => Side::Database,
            _ => return false,
        };
        let group = step.parameters["group"].as_str();
        let mut list = basis.lists.get(&side).into_iter().flatten();
        step.is_planned && list.any(|id| Some(id.as_str()) == group)
    };
    let on = saved.iter().filter(is_on);
    on.map(|step| format!("- {} (no longer to be done)", step.summary))
        .collect()
}

/// How the other groups of a resource differ from those that a saved plan keeps.
fn other_groups(saved: &Compared, now: &Compared, basis: &Basis) -> String {
    let named = |id: &&String| match basis.names.get(id.as_str()) {
        Some(named) => format!("{} ({id})", named.name),
        None => (*id).clone(),
    };
    let listed = |word: &str, one: &BTreeSet<String>, other: &BTreeSet<String>| {
        let only: Vec<String> = one.difference(other).collect::<Vec<_>>().iter().map(named).collect();
        (!only.is_empty()).then(|| format!("{word} {}", only.join(", ")))
    };
    let changes = [
        listed("it now also has", &now.keeps, &saved.keeps),
        listed("it no longer has", &saved.keeps, &now.keeps),
    ];
    changes.into_iter().flatten().collect::<Vec<_>>().join(", and ")
}

/// A step that is still to be done, with the names of what the saved plan creates in place of references and ids.
struct Compared {
    summary: String,
    parameters: Value,
    keeps: BTreeSet<String>,
}

impl Compared {
    fn new(step: &Recorded, steps: &[Recorded], known: &BTreeMap<&str, &str>) -> Self {
        let name_of = |id: u64| {
            let index = usize::try_from(id).ok()?.checked_sub(1)?;
            Some(steps.get(index)?.creates.as_ref()?.name.clone())
        };
        let others = step.keeps.iter().flatten().map(GroupId::as_str);
        Self {
            summary: step.summary.clone(),
            parameters: named(&step.parameters, &name_of, known),
            keeps: others.filter(|id| !known.contains_key(id)).map(str::to_owned).collect(),
        }
    }

    /// Whether a run may carry out later steps and leave this one: a new proxy cannot have its target yet.
    fn may_be_left(&self) -> bool {
        self.parameters
            .get("effect")
            .is_some_and(|effect| effect == "register-target")
    }

    /// How a step that is to be done now differs from the saved plan; none where it is one of its steps.
    fn differs(&self, before: &[Self], gone: &[&Self], basis: &Basis) -> Option<String> {
        let summary = &self.summary;
        if let Some(saved) = before.iter().find(|saved| saved.parameters == self.parameters) {
            let differs = saved.keeps != self.keeps;
            return differs.then(|| format!("~ {summary}: {}", other_groups(saved, self, basis)));
        }
        let effect = |step: &Self| step.parameters.get("effect").cloned();
        let like = gone
            .iter()
            .find(|saved| saved.summary == *summary && effect(saved) == effect(self));
        Some(match like {
            Some(saved) => format!("~ {summary}: {}", other_parameters(&saved.parameters, &self.parameters)),
            None => format!("+ {summary}"),
        })
    }
}

/// The parameters that differ, each as it was and as it is.
fn other_parameters(saved: &Value, now: &Value) -> String {
    const LONGEST: usize = 120;
    let text = |value: Option<&Value>| {
        let text = value.map_or_else(|| "none".to_owned(), Value::to_string);
        match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    };
    let keys: BTreeSet<&String> = [saved, now]
        .into_iter()
        .filter_map(Value::as_object)
        .flat_map(Map::keys)
        .collect();
    let differing = keys.into_iter().filter(|key| saved.get(key) != now.get(key));
    let changes = differing.map(|key| format!("{key} was {} and is now {}", text(saved.get(key)), text(now.get(key))));
    changes.collect::<Vec<_>>().join(", ")
}

fn named(value: &Value, name_of: &impl Fn(u64) -> Option<String>, known: &BTreeMap<&str, &str>) -> Value {
    let created = |name: &str| Value::Object(Map::from_iter([("created".to_owned(), name.into())]));
    match value {
        Value::String(text) => known
            .get(text.as_str())
            .map_or_else(|| value.clone(), |name| created(name)),
        Value::Array(items) => items.iter().map(|item| named(item, name_of, known)).collect(),
        Value::Object(fields) => {
            let step = fields.get("step").and_then(Value::as_u64).filter(|_| fields.len() == 1);
            if let Some(name) = step.and_then(name_of) {
                return created(&name);
            }
            let same = |(key, value): (&String, &Value)| (key.clone(), named(value, name_of, known));
            if fields.contains_key("variables") {
                // Once the proxy or the secret exists, what is set is known.
                let values = set(fields, name_of, known);
                let others = fields
                    .iter()
                    .filter(|(key, _)| !["variables", "secret"].contains(&key.as_str()));
                return Value::Object(others.map(same).chain([("variables".to_owned(), values)]).collect());
            }
            Value::Object(fields.iter().map(same).collect())
        }
        other => other.clone(),
    }
}

/// The variables that a step sets. The host name of a new proxy and the ARN of a new secret are compared by their names.
fn set(step: &Map<String, Value>, name_of: &impl Fn(u64) -> Option<String>, known: &BTreeMap<&str, &str>) -> Value {
    let field = |name: &str| step.get(name).cloned().unwrap_or_default();
    let value = |value: &Value| match value {
        Value::String(new) if new == "proxy-endpoint" => {
            Value::Object(Map::from_iter([("created".to_owned(), field("proxy"))]))
        }
        Value::String(new) if new == "new-secret" => named(&field("secret"), name_of, known),
        value => named(value.get("known").unwrap_or(value), name_of, known),
    };
    let variables = field("variables");
    let pairs = variables.as_array().into_iter().flatten().filter_map(Value::as_array);
    pairs
        .filter_map(|pair| Some(Value::from_iter([pair.first()?.clone(), value(pair.get(1)?)])))
        .collect()
}
