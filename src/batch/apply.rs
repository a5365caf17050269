//! Carries out planned connections: those that write one list one after the other, all others at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use secrecy::SecretString;

use super::all::kept_for;
use super::{Job, Planned, Ran, lanes, names_to_create};
use crate::cloud::Cloud;
use crate::concurrent::bounded;
use crate::interrupt::Interrupt;
use crate::model::{GroupId, VpcId, last_segment};
use crate::monitor::Place;
use crate::plan::{Basis, Named, Plan, Recorded, StepStatus, differences};
use crate::reconcile::{Asked, Draft, Failure, Front, Options, Progress, RunError};
use crate::report::{PlanError, Report};

/// How many connections that share no resource are carried out at once.
const LANES_AT_ONCE: usize = 8;

/// What happens to a connection.
#[derive(Clone, Copy, Debug)]
pub enum Event<'e> {
    /// Its plan is being carried out.
    Started,
    /// How its run goes on.
    Progress(Progress<'e>),
    /// Its run has ended.
    Ended(&'e Ran),
    /// Its run has failed.
    Failed(&'e Report),
}

/// Receives what happens to each connection, with its index and its name.
pub trait Listener: Sync {
    /// Takes notice of what happens.
    fn tell(&self, index: usize, name: &str, event: Event<'_>);
}

/// The passwords of the secrets that are created, by the index of the connection.
pub type Passwords = BTreeMap<usize, SecretString>;

/// Carries out what was planned in these accounts, besides `others`, which another process carries out. A connection that
/// fails stops no other one.
pub async fn apply(
    accounts: &BTreeMap<Place, &dyn Cloud>,
    planned: Vec<Planned>,
    others: &[Planned],
    passwords: &Passwords,
    listener: &dyn Listener,
    interrupt: &Interrupt,
) -> Vec<Planned> {
    let created: Vec<BTreeSet<(VpcId, String)>> = planned
        .iter()
        .chain(others)
        .map(|planned| {
            planned
                .outcome
                .iter()
                .flat_map(|ran| names_to_create(&ran.draft))
                .collect()
        })
        .collect();
    let planned = &planned;
    let run = lanes(planned).into_iter().map(async |lane: Vec<usize>| {
        let mut ended: Vec<(usize, Planned)> = Vec::new();
        let mut undone: Vec<&Plan> = Vec::new();
        let mut kept: Option<Box<Report>> = None;
        for &index in &lane {
            let before = &planned[index];
            let Some(cloud) = accounts.get(&before.item.place) else {
                // Its account could not be opened, which is why it has no plan.
                if let Err(report) = &before.outcome {
                    listener.tell(index, &before.item.name, Event::Failed(report));
                }
                ended.push((index, before.clone()));
                continue;
            };
            let is_pruned = matches!(before.item.job, Job::Disconnect(..));
            if let Some(report) = kept.as_ref().filter(|_| is_pruned && before.outcome.is_ok()) {
                listener.tell(index, &before.item.name, Event::Failed(report));
                ended.push((
                    index,
                    Planned {
                        item: before.item.clone(),
                        outcome: Err(report.clone()),
                    },
                ));
                continue;
            }
            // In its own lane, what is before it is made, or may be made by it.
            let others = created.iter().enumerate().filter(|(other, _)| !lane.contains(other));
            let reserved = others.flat_map(|(_, names)| names.iter().cloned()).collect();
            let one = One {
                index,
                before,
                reserved,
                undone: &undone,
                password: passwords.get(&index),
                listener,
            };
            let outcome = one.carry_out(*cloud, interrupt).await;
            if let (Err(_), Ok(ran)) = (&outcome, &before.outcome) {
                undone.push(&ran.draft.plan);
                kept = kept.or_else(|| (!is_pruned).then(|| kept_for(before)));
            }
            let item = before.item.clone();
            ended.push((index, Planned { item, outcome }));
        }
        ended
    });
    let mut ended: Vec<(usize, Planned)> = bounded(LANES_AT_ONCE, run).await.into_iter().flatten().collect();
    ended.sort_by_key(|(index, _)| *index);
    ended.into_iter().map(|(_, planned)| planned).collect()
}

/// The run of one connection.
struct One<'r> {
    index: usize,
    before: &'r Planned,
    /// The names of groups that connections of other lanes are about to create.
    reserved: BTreeSet<(VpcId, String)>,
    /// The plans of connections before this one that have failed, and write the same lists.
    undone: &'r [&'r Plan],
    password: Option<&'r SecretString>,
    listener: &'r dyn Listener,
}

impl One<'_> {
    async fn carry_out(&self, cloud: &dyn Cloud, interrupt: &Interrupt) -> Result<Ran, Box<Report>> {
        let name = &self.before.item.name;
        let tell = |event: Event<'_>| self.listener.tell(self.index, name, event);
        let outcome = self.outcome(cloud, interrupt, &tell).await;
        match &outcome {
            Ok(ran) => tell(Event::Ended(ran)),
            Err(report) => tell(Event::Failed(report)),
        }
        outcome
    }

    async fn outcome(
        &self,
        cloud: &dyn Cloud,
        interrupt: &Interrupt,
        tell: &(dyn Fn(Event<'_>) + Sync),
    ) -> Result<Ran, Box<Report>> {
        let planned = self.before.outcome.as_ref().map_err(Clone::clone)?;
        if !planned.is_unfinished() {
            let mut ran = planned.clone();
            ran.document.dry_run = false;
            return Ok(ran);
        }
        if interrupt.is_raised() {
            let error = RunError::Interrupted {
                at: "before this connection was begun; nothing of it was written".to_owned(),
            };
            return Err(Box::new(Report::of_run(&Failure {
                error,
                applied: Vec::new(),
                origin: planned.origin.clone(),
            })));
        }
        tell(Event::Started);
        let front = Agreed {
            planned: &planned.draft,
            undone: self.undone,
            password: self.password,
            tell,
            refused: Mutex::default(),
        };
        let change = |options: &mut Options| {
            options.dry_run = false;
            options.records = true;
            options.exactly = true;
            options.reads_role = false;
            options.owners.known = Some(planned.draft.owners.clone());
            options.request.reserved.clone_from(&self.reserved);
        };
        let ran = self.before.item.job.run(cloud, change, &front, interrupt.clone()).await;
        ran.map_err(|failure| front.report(&failure))
    }
}

/// Agrees to what was planned for the connection, and to nothing else.
struct Agreed<'r> {
    planned: &'r Draft,
    undone: &'r [&'r Plan],
    password: Option<&'r SecretString>,
    tell: &'r (dyn Fn(Event<'_>) + Sync),
    /// How the draft differs from the plan, where it does.
    refused: Mutex<Option<PlanError>>,
}

impl Agreed<'_> {
    fn report(&self, failure: &Failure) -> Box<Report> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut report = Report::of_run(failure);
        if let Some(error) = refused {
            error.code().clone_into(&mut report.body.code);
            report.body.message = error.to_string();
            report.body.hint =
                Some("run the manifest again: it is planned anew, and only what is missing is done".to_owned());
        }
        Box::new(report)
    }

    /// Whether this does no more than the connection's own plan and those that failed before it would have done.
    fn is_covered(&self, draft: &Draft) -> bool {
        let mut agreed: BTreeMap<&str, usize> = BTreeMap::new();
        for plan in self.undone.iter().copied().chain([&self.planned.plan]) {
            for (action, count) in planned_actions(plan) {
                *agreed.entry(action).or_default() += count;
            }
        }
        let now = planned_actions(&draft.plan);
        !self.undone.is_empty() && now.iter().all(|(action, count)| agreed.get(action) >= Some(count))
    }
}

fn planned_actions(plan: &Plan) -> BTreeMap<&'static str, usize> {
    let mut actions = BTreeMap::new();
    for step in plan.steps.iter().filter(|step| step.status == StepStatus::Planned) {
        *actions.entry(step.effect.action()).or_insert(0) += 1;
    }
    actions
}

#[async_trait::async_trait]
impl Front for Agreed<'_> {
    async fn consent(&self, asked: Asked<'_>) -> Result<(), RunError> {
        let differences = changes(
            (&self.planned.recorded, &self.planned.basis),
            (&asked.draft.recorded, &asked.draft.basis),
        );
        if differences.is_empty() || self.is_covered(asked.draft) {
            return Ok(());
        }
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(PlanError::Outdated { differences });
        Err(RunError::Declined)
    }

    async fn password(&self, user: &str) -> Result<SecretString, RunError> {
        let missing = || RunError::NoPassword { user: user.to_owned() };
        self.password.cloned().ok_or_else(missing)
    }

    fn progress(&self, progress: Progress<'_>) {
        (self.tell)(Event::Progress(progress));
    }
}

/// How a draft differs from what was planned, one sentence each. What connections before it have created has its own id
/// now, and is no difference.
pub fn changes(planned: (&[Recorded], &Basis), now: (&[Recorded], &Basis)) -> Vec<String> {
    let pairs = renamed(&planned.1.names, &now.1.names);
    let steps: Vec<Recorded> = now.0.iter().map(|step| as_planned(step, &pairs)).collect();
    let mut basis = now.1.clone();
    for (found, planned) in &pairs {
        if let Some(named) = basis.names.get(found).cloned() {
            basis.names.insert(planned.clone(), named);
        }
    }
    differences(planned.0, &steps, &basis)
}

/// What exists now under another id than it was planned with, as pairs of the id that is found and the planned one.
fn renamed(planned: &BTreeMap<String, Named>, now: &BTreeMap<String, Named>) -> Vec<(String, String)> {
    let is_arn = |id: &str| id.starts_with("arn:");
    let mut pairs = Vec::new();
    for (id, named) in planned.iter().filter(|(id, _)| !now.contains_key(*id)) {
        let found = now
            .iter()
            .find(|(found, other)| *other == named && !planned.contains_key(*found) && is_arn(found) == is_arn(id));
        let Some((found, _)) = found else { continue };
        pairs.push((found.clone(), id.clone()));
        if is_arn(id) {
            // A policy names a proxy by its resource id.
            pairs.push((last_segment(found).to_owned(), last_segment(id).to_owned()));
        }
    }
    pairs
}

/// A step with the planned ids.
fn as_planned(step: &Recorded, pairs: &[(String, String)]) -> Recorded {
    let replaced = |text: &str| {
        let replace = |text: String, (found, planned): &(String, String)| with_id(&text, found, planned);
        pairs.iter().fold(text.to_owned(), replace)
    };
    let parameters = serde_json::from_str(&replaced(&step.parameters.to_string()));
    let keeps = step.keeps.as_ref().map(|keeps| {
        let groups = keeps.iter().map(|group| GroupId::from(replaced(group.as_str())));
        groups.collect()
    });
    Recorded {
        parameters: parameters.unwrap_or_else(|_| step.parameters.clone()),
        keeps,
        ..step.clone()
    }
}

/// Replaces an id in a text, except where it is part of a longer one.
fn with_id(text: &str, found: &str, planned: &str) -> String {
    let goes_on = |next: Option<char>| next.is_some_and(|next| next.is_ascii_alphanumeric() || "-_".contains(next));
    let (mut replaced, mut from) = (String::with_capacity(text.len()), 0);
    for (at, _) in text.match_indices(found) {
        let end = at + found.len();
        if goes_on(text[..at].chars().next_back()) || goes_on(text[end..].chars().next()) {
            continue;
        }
        replaced.push_str(&text[from..at]);
        replaced.push_str(planned);
        from = end;
    }
    replaced.push_str(&text[from..]);
    replaced
}

#[cfg(test)]
mod tests {
    use super::with_id;

    #[test]
    fn an_id_is_replaced_where_it_is_no_part_of_another() {
        let text = r#"["sg-1","sg-12","x-sg-1","arn:aws:rds:r:1:db-proxy:prx-1/app","prx-10"]"#;
        let expected = r#"["new:a","sg-12","x-sg-1","arn:aws:rds:r:1:db-proxy:prx-new-p/app","prx-10"]"#;
        assert_eq!(with_id(&with_id(text, "sg-1", "new:a"), "prx-1", "prx-new-p"), expected);
    }
}
