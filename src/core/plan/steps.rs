//! The one collector of a plan's steps, and the one way in which a step refers to something.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Effect, Made, Plan, Step, StepStatus};
use crate::model::{GroupId, VpcId};
use crate::tags;

/// Something that a step refers to: by its id, its ARN or its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ref<T> {
    /// The step with this number makes it.
    Step(u32),
    /// It exists.
    #[serde(untagged)]
    Existing(T),
}

impl<T> Ref<T> {
    /// What exists.
    pub fn existing(&self) -> Option<&T> {
        match self {
            Self::Existing(existing) => Some(existing),
            Self::Step(_) => None,
        }
    }

    /// The number of the step that makes it.
    pub fn step(&self) -> Option<u32> {
        match self {
            Self::Existing(_) => None,
            Self::Step(step) => Some(*step),
        }
    }
}

impl<T: PartialEq> Ref<T> {
    /// Whether it is this, which exists.
    pub fn is(&self, existing: &T) -> bool {
        self.existing() == Some(existing)
    }
}

impl<T: fmt::Display> fmt::Display for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Existing(existing) => existing.fmt(f),
            Self::Step(step) => write!(f, "what step {step} creates"),
        }
    }
}

/// Collects the steps of a plan, numbered from 1. A step always comes after those that make what it refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps(Vec<Step>);

impl Steps {
    /// The steps of a plan, to add others to them.
    pub fn of(plan: &Plan) -> Self {
        Self(plan.steps.clone())
    }

    /// Adds a step that comes after the steps `after`, and after those that make what it refers to. Its number.
    pub fn add(
        &mut self,
        effect: impl Into<Effect>,
        resource: impl Into<String>,
        summary: impl Into<String>,
        after: &[u32],
    ) -> u32 {
        let effect = effect.into();
        let needed = effect.needs().into_iter().map(|(_, step)| step);
        let mut after: Vec<u32> = needed.chain(after.iter().copied()).collect();
        after.sort_unstable();
        after.dedup();
        let id = u32::try_from(self.0.len() + 1).unwrap_or(u32::MAX);
        self.0.push(Step {
            id,
            effect,
            resource: resource.into(),
            summary: summary.into(),
            after,
            status: StepStatus::Planned,
        });
        id
    }

    /// Adds the steps that make a group of VPC endpoints, without the rules that EC2 gives it.
    pub fn create_group(
        &mut self,
        name: &str,
        vpc: &VpcId,
        description: String,
        tags: BTreeMap<String, String>,
        summary: String,
    ) -> Ref<GroupId> {
        let effect = Effect::CreateSecurityGroup {
            side: None,
            name: name.to_owned(),
            vpc: vpc.clone(),
            description,
            tags,
            existing: None,
        };
        let group = Ref::Step(self.add(effect, name, summary, &[]));
        self.revoke_default_egress(group.clone(), name, name, &[]);
        group
    }

    /// Takes the rules that EC2 gives to a new group out of it. The number of the step.
    pub fn revoke_default_egress(&mut self, group: Ref<GroupId>, name: &str, resource: &str, after: &[u32]) -> u32 {
        let summary = format!("{name}: remove the default outbound rule (all traffic)");
        self.add(Effect::RevokeDefaultEgress { group }, resource, summary, after)
    }

    /// Adds a step that comes after the one before it. Its number.
    pub fn then(&mut self, effect: impl Into<Effect>, resource: impl Into<String>, summary: impl Into<String>) -> u32 {
        let before = self.last();
        self.add(effect, resource, summary, before.as_slice())
    }

    /// The number of the last step so far.
    pub fn last(&self) -> Option<u32> {
        self.0.last().map(|step| step.id)
    }

    /// Says how far a step is.
    pub fn set_status(&mut self, id: u32, status: StepStatus) {
        self.change(id, |step| step.status = status);
    }

    /// What a step would make exists, exactly as it would be made: it is taken over.
    pub fn adopt(&mut self, id: u32, existing: &str) {
        self.change(id, |step| {
            step.status = StepStatus::Adopt;
            existing.clone_into(&mut step.resource);
        });
    }

    /// Replaces the sentence of a step.
    pub fn set_summary(&mut self, id: u32, summary: String) {
        self.change(id, |step| step.summary = summary);
    }

    fn change(&mut self, id: u32, change: impl FnOnce(&mut Step)) {
        if let Some(step) = self.0.iter_mut().find(|step| step.id == id) {
            change(step);
        }
    }

    /// The steps so far.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Step> {
        self.0.iter()
    }

    /// Whether there is no step.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of the step that makes the one thing of this kind.
    pub fn that_makes(&self, made: Made) -> Option<u32> {
        let step = self.0.iter().find(|step| step.effect.makes() == Some(made))?;
        Some(step.id)
    }

    /// The number of the step that makes something with this value of `autoconnect:role`.
    pub fn that_makes_role(&self, role: &str) -> Option<u32> {
        let step = self.0.iter().find(|step| step.effect.role() == Some(role))?;
        Some(step.id)
    }

    /// The value of `autoconnect:role` of what a step makes.
    pub fn role_of(&self, id: u32) -> Option<&str> {
        self.0.iter().find(|step| step.id == id)?.effect.role()
    }

    /// Something as text: its id, or what it is to be.
    pub fn name<T: fmt::Display>(&self, reference: &Ref<T>) -> String {
        let role = reference.step().and_then(|step| self.role_of(step));
        role.map_or_else(
            || reference.to_string(),
            |role| format!("the new {}", role.replace('-', " ")),
        )
    }

    /// The plan of these steps.
    pub fn plan(self) -> Plan {
        Plan {
            steps: self.0,
            number: None,
        }
    }

    /// The steps after the first `count`.
    pub fn since(mut self, count: usize) -> Vec<Step> {
        self.0.split_off(count)
    }
}

/// The tags that something of ours gets when it is made: our own besides those that the user has asked for.
pub fn tags_at_birth(connection: &str, role: &str, others: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let own = [
        (tags::MANAGED, "true"),
        (tags::CONNECTION, connection),
        (tags::ROLE, role),
    ];
    let own = own.map(|(key, value)| (key.to_owned(), value.to_owned()));
    others.clone().into_iter().chain(own).collect()
}
