//! The goal of `setup`: a function connected with a database by security groups, within one VPC.

use super::error::RunError;
use super::goal::{Draft, End, Ending, Goal, Left, Look, Looks, Memory, Options, Settling, WithRole};
use crate::cloud::Cloud;
use crate::decide::{Assessment, Decision, decide};
use crate::diagnostics::connection::{Scene, Surroundings, diagnose_connection, is_open, outlook};
use crate::model::{DatabaseKind, Direction, GroupId, Observation, Origin, Side};
use crate::observe::{ObserveError, Reads, Target, add_what_is_taken_over, observe, observe_around, observe_tagged};
use crate::owner::{Owned, owners, refusals};
use crate::plan::{Basis, Ground, Plan, Request, Step, do_again, plan, put_back, reasons, take_back};
use crate::policy::{PolicyDocument, operator};
use crate::preconditions::{
    Pending, Unmet, check_adoption, check_handover, check_identity, check_last_update, check_port, check_quotas,
    check_repair, check_states, health_to_come, notes, still_settling,
};
use crate::restore::Lists;

/// How often in a row the set of another run may be found as it was before that run counts as dead.
const PATIENCE: u32 = 2;

/// How often an answer of the proxy from before the last change is allowed for.
const HEALTH_LOOKS: u32 = 12;

/// Connects a function with a database.
#[derive(Clone, Copy, Debug)]
pub struct Connect<'a> {
    /// What the user named.
    pub target: &'a Target,
    /// How the run is to go.
    pub options: &'a Options,
}

/// A connection as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Situation {
    /// The resources and their groups.
    pub observation: Observation,
    /// What is around them; none where the path is not checked, and of what was read to verify.
    pub surroundings: Option<Surroundings>,
}

#[async_trait::async_trait]
impl Goal for Connect<'_> {
    type Seen = Situation;

    fn name(&self) -> &'static str {
        "setup"
    }

    async fn observe(&self, cloud: &dyn Cloud, look: Look) -> Result<Situation, ObserveError> {
        if self.options.diagnose && look == Look::Draft {
            let around = observe_around(cloud, self.target, self.options.reads_role, self.reads_tags());
            let (mut observation, surroundings) = Box::pin(around).await?;
            add_what_is_taken_over(cloud, self.target, &mut observation).await?;
            return Ok(Situation {
                observation,
                surroundings: Some(surroundings),
            });
        }
        let mut observation = match look {
            Look::Draft if self.reads_tags() => observe_tagged(cloud, self.target).await?,
            Look::Draft | Look::Verify => observe(cloud, self.target).await?,
        };
        add_what_is_taken_over(cloud, self.target, &mut observation).await?;
        Ok(Situation {
            observation,
            surroundings: None,
        })
    }

    fn origin(&self, seen: &Situation) -> Origin {
        seen.observation.origin()
    }

    fn draft(&self, seen: &Situation, memory: &mut Memory) -> Result<Draft, RunError> {
        let Situation {
            observation,
            surroundings,
        } = seen;
        let Options {
            dry_run,
            wait_for_database,
            wait_for_effect,
            ..
        } = *self.options;
        check_identity(observation)?;
        let request = self.request(memory);
        let assessment = decide(observation);
        let is_no_op = assessment.decision == Decision::NoOp;
        let mut plan = plan(&assessment, &request);
        // A run that writes nothing takes nothing over.
        if !is_no_op {
            check_adoption(observation).map_err(Unmet::from)?;
            plan.steps.extend(take_back(observation, &plan, &memory.made));
        }
        if assessment.decision == Decision::CreateNew {
            check_handover(observation)?;
        }
        if request.repair {
            check_repair(observation)?;
        }
        let mut notes = notes(&assessment, &plan);
        // An update of the function makes good for one that failed; without one, it is not known what is in effect.
        if !plan.adds_to(Side::Function) {
            check_last_update(&observation.function)?;
        }
        let mut pending = if is_no_op {
            still_settling(observation)
        } else {
            let mut pending = check_states(observation, wait_for_database)?;
            pending.extend(self.set_of_another(observation, &plan, memory));
            if dry_run {
                check_port(&observation.database)?;
            }
            check_quotas(&assessment, &plan)?;
            pending
        };
        // A proxy that an earlier run has begun takes minutes: --no-wait is not to wait for it.
        let is_left = !plan.is_empty() && !wait_for_effect && pending.iter().any(is_new_proxy(observation));
        // The connection works without the rules that are restored, so nothing has to end before.
        let restores = is_no_op && !plan.is_empty();
        if restores && !is_left && !wait_for_effect && !dry_run {
            notes.extend(pending.drain(..).map(|pending| format!("Not waited for: {pending}.")));
        }
        if request.repair && !plan.sets_back() {
            let why = if is_no_op {
                "the rules of this connection's groups are unchanged"
            } else {
                "autoconnect created no set of groups for this connection that is in use and has changed rules"
            };
            notes.push(format!("--repair does not apply: {why}."));
        }
        let scene = |surroundings: &Surroundings| Scene::of(observation, surroundings.clone());
        let path = surroundings.as_ref().map(|read| outlook(scene(read), &plan));
        let owners = match &self.options.owners.known {
            Some(known) => known.clone(),
            None => owners(observation, self.options.owners.terraform.as_deref()),
        };
        if self.options.owners.refuse {
            let resources = refusals(&owners, &plan);
            if !resources.is_empty() {
                return Err(RunError::Unmet(Unmet::Owned { resources }));
            }
        }
        notes.extend(owners.iter().filter_map(|owned| owned.warning(&plan)));
        let (decision, meaning) = decision(&assessment, &plan);
        let reasons = reasons(&assessment, &plan);
        if is_left {
            plan.skip();
        }
        Ok(Draft {
            heading: heading(observation, &owners),
            connection: Some(Box::new(observation.clone())),
            decision,
            meaning,
            reasons,
            notes,
            pending,
            plan,
            is_left,
            owners,
            path,
            ..Draft::default()
        })
    }

    fn ground<'s>(&self, seen: &'s Situation) -> Ground<'s> {
        Ground::of_connection(&seen.observation)
    }

    fn basis(&self, seen: &Situation) -> Basis {
        Basis::of_connection(&self.ground(seen), &seen.observation)
    }

    fn policy(&self, seen: &Situation, plan: &Plan) -> PolicyDocument {
        let Situation {
            observation,
            surroundings,
        } = seen;
        let Observation { database, function, .. } = observation;
        let mut reads = Reads::at(database.place())
            .connection(self.target, observation)
            .tags_of(function, observation.proxy.as_ref())
            .interfaces_of(function, plan)
            .bearers_of(plan);
        if let Some(surroundings) = surroundings {
            reads = reads.path(observation, &surroundings.network);
        }
        operator(observation, reads.permissions(), plan)
    }

    fn interfaces_of<'s>(&self, seen: &'s Situation) -> Option<WithRole<'s>> {
        let Observation { function, extras, .. } = &seen.observation;
        let known = seen.surroundings.as_ref().map(|surroundings| &surroundings.policies);
        // A function that is yet to be attached was judged already.
        (function.exists && extras.attach.is_none()).then_some((function, known))
    }

    fn left(&self, seen: &Situation, _: &mut Memory, looks: Looks) -> Result<Left, RunError> {
        let observation = &seen.observation;
        let assessment = decide(observation);
        let is_reached = assessment.decision == Decision::NoOp;
        let mut settling = None;
        if is_reached {
            check_last_update(&observation.function)?;
            let health = looks.health + 1;
            let surely = health_to_come(observation, false).map(|pending| (pending, Looks::default()));
            let perhaps =
                health_to_come(observation, health < HEALTH_LOOKS).map(|pending| (pending, Looks { stale: 0, health }));
            settling = surely.or(perhaps).map(|(pending, looks)| Settling {
                pending: vec![pending],
                looks,
                can_stay: true,
            });
        }
        Ok(Left {
            is_reached,
            settling,
            decision: assessment.decision.to_string(),
            reasons: reasons(&assessment, &Plan::default()),
        })
    }

    fn note_lists(&self, seen: &Situation, lists: &mut Lists) {
        lists.note_all(&seen.observation);
    }

    fn repair(&self, seen: &Situation, applied: &Plan, memory: &Memory) -> Vec<Step> {
        if decide(&seen.observation).decision != Decision::NoOp || applied.has_skipped() {
            return Vec::new();
        }
        put_back(&seen.observation, applied, &memory.lists)
    }

    fn do_again(&self, seen: &Situation, applied: &Plan, memory: &Memory) -> Vec<Step> {
        let from = applied.steps.last().map_or(0, |step| step.id);
        do_again(&decide(&seen.observation), &self.request(memory), from)
    }

    fn shares_sets(&self) -> bool {
        true
    }

    fn leaves_what_follows(&self) -> bool {
        false
    }

    /// Whether another set connects them by now, or is complete and has a lower number than the one that this run makes.
    fn is_superseded(&self, own: &Plan, seen: &Situation, memory: &Memory) -> bool {
        let assessment = decide(&seen.observation);
        let other = plan(&assessment, &self.request(memory));
        match assessment.decision {
            Decision::NoOp | Decision::AssociateExisting { .. } => true,
            Decision::CreateNew => other.number < own.number && !other.prepares_groups(),
        }
    }

    fn is_full(&self, memory: &mut Memory, group: GroupId, direction: Direction) -> bool {
        self.options.request.repair && memory.full.insert((group, direction))
    }

    fn surveys<'s>(&self, seen: &'s Situation) -> Option<&'s Observation> {
        self.options.diagnose.then_some(&seen.observation)
    }

    /// Nothing is connected whose path is blocked, or whose proxy does not reach the database.
    fn judge(&self, mut end: End<Situation>, surroundings: Option<Surroundings>) -> End<Situation> {
        let observation = &end.found.observation;
        if let Some(surroundings) = surroundings {
            end.path = Some(diagnose_connection(&Scene::of(observation, surroundings)));
        }
        let is_open = is_open(end.path.as_ref(), &observation.database, observation.proxy.as_ref());
        if matches!(end.ending, Ending::Reached | Ending::Unchanged) && !is_open {
            end.ending = Ending::Incomplete;
        }
        end
    }
}

impl Connect<'_> {
    /// Whether the owners are to be read.
    fn reads_tags(&self) -> bool {
        self.options.owners.known.is_none()
    }

    fn request(&self, memory: &Memory) -> Request {
        let mut request = self.options.request.clone();
        request.full.extend(memory.full.iter().cloned());
        request
    }

    /// The set of another run, for as long as that run may be completing it.
    fn set_of_another(&self, observation: &Observation, plan: &Plan, memory: &mut Memory) -> Option<Pending> {
        let is_awaited = self.options.wait_for_effect && plan.prepares_groups() && !plan.sets_back();
        let function = plan.begun_for(observation).filter(|_| is_awaited)?;
        let looks = match &memory.awaited {
            Some((before, looks)) if before == plan => looks + 1,
            _ => 0,
        };
        memory.awaited = Some((plan.clone(), looks));
        (looks < PATIENCE).then(|| Pending::SetOfAnother {
            function: function.to_owned(),
        })
    }
}

/// The decision, and what it means.
fn decision(assessment: &Assessment<'_>, plan: &Plan) -> (&'static str, &'static str) {
    match &assessment.decision {
        Decision::NoOp if plan.is_empty() => ("no-op", "there is nothing to do"),
        Decision::NoOp => ("associate-existing", "the original rules of the groups are restored"),
        Decision::AssociateExisting { function, proxy } => (
            "associate-existing",
            match (function, proxy) {
                _ if plan.sets_back() => "the original rules of the groups are restored",
                (None, None) => "all groups exist; what else is missing is added",
                _ => "existing groups are associated",
            },
        ),
        Decision::CreateNew if plan.sets_back() => ("create-new", "the original rules of the groups are restored"),
        Decision::CreateNew => ("create-new", "a new set of groups is created and associated"),
    }
}

fn heading(observation: &Observation, owners: &[Owned]) -> Vec<String> {
    let Observation {
        database,
        function,
        proxy,
        ..
    } = observation;
    let kind = match database.kind {
        DatabaseKind::Cluster => "DB cluster",
        DatabaseKind::Instance => "DB instance",
    };
    let port = database
        .port
        .map_or_else(|| "no port yet".to_owned(), |port| format!("port {port}"));
    let of = |side| {
        let mut on = owners.iter().filter(|on| on.side == side && on.group.is_none());
        let owner = on.find_map(|on| on.owner.as_ref().ok());
        owner.map(|owner| format!(", {owner}")).unwrap_or_default()
    };
    let mut heading = vec![
        format!("Connect function {} to {database}", function.name),
        format!(
            "database  {kind} {}, {}, {port}, {}, {}{}",
            database.id,
            database.engine,
            database.vpc,
            database.status,
            of(Side::Database)
        ),
    ];
    if let Some(proxy) = proxy {
        let port = proxy.engine_family.listener_port();
        heading.push(format!(
            "proxy     {}, port {port}, {}{}",
            proxy.name,
            proxy.status,
            of(Side::Proxy)
        ));
    }
    let state = if function.exists {
        function.state.as_api()
    } else {
        "to be created"
    };
    heading.push(format!("function  {}, {state}{}", function.name, of(Side::Function)));
    heading
}

/// Whether a run waits for this proxy to be created.
fn is_new_proxy(observation: &Observation) -> impl Fn(&Pending) -> bool + use<> {
    let is_creating = observation
        .proxy
        .as_ref()
        .is_some_and(|proxy| proxy.status == "creating");
    move |pending| is_creating && matches!(pending, Pending::ProxyAvailable { .. })
}
