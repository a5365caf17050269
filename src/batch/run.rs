//! A run over many connections, from what was asked for to its end: for the command line and for the Lambda function.

use std::collections::BTreeMap;

use super::{AccountSource, Item, Listener, Opened, Passwords, Planned, Ran, apply, check, plan_all};
use crate::cloud::{ApiCalls, Cloud};
use crate::interrupt::Interrupt;
use crate::model::Origin;
use crate::monitor::{Place, Shard};
use crate::plan::{Effect, StepStatus};
use crate::reconcile::{Failure, Options, RunError};
use crate::report::{PlanError, Report, SavedPlan};

/// What a run over many connections is to do.
#[derive(Clone, Debug)]
pub struct Run {
    /// The connections.
    pub items: Vec<Item>,
    /// How connections that are not among them are removed; none if they stay.
    pub prune: Option<Options>,
    /// Which part is carried out.
    pub shard: Option<Shard>,
}

/// A run that is planned.
pub struct Ready {
    /// The connections that are carried out.
    pub planned: Vec<Planned>,
    /// Those of other shards.
    others: Vec<Planned>,
    places: Vec<Place>,
    accounts: Opened,
}

impl Run {
    /// Reads the accounts, and plans all connections. With a saved plan, what is planned must be that plan, whose first steps
    /// an earlier run may have done. Connections of other shards are not compared.
    ///
    /// # Errors
    ///
    /// No account can be read, the saved plan is another one, or the run was interrupted.
    pub async fn plan(
        self,
        source: &AccountSource,
        saved: Option<&SavedPlan>,
        interrupt: &Interrupt,
    ) -> Result<Ready, Box<Report>> {
        let Self { items, prune, shard } = self;
        let mut places: Vec<Place> = items.iter().map(|item| item.place.clone()).collect();
        places.sort();
        places.dedup();
        let accounts = Opened::all(&places, source).await?;
        if let Some(saved) = saved {
            check_places(saved, &accounts, source).await?;
        }
        let planned = tokio::select! {
            planned = plan_all(&accounts, items, prune.as_ref(), interrupt) => planned,
            () = interrupt.raised() => return Err(Box::new(interrupted())),
        };
        if interrupt.is_raised() {
            return Err(Box::new(interrupted()));
        }
        let is_ours = |planned: &Planned| shard.is_none_or(|shard| shard.has(&planned.item.job.database()));
        let (planned, others): (Vec<Planned>, Vec<Planned>) = planned.into_iter().partition(is_ours);
        if let Some(saved) = saved {
            check(saved, &planned, source.kind()).map_err(|error| Box::new(Report::from(&error)))?;
        }
        Ok(Ready {
            planned,
            others,
            places,
            accounts,
        })
    }
}

/// Refuses the plan of another account, Region or kind of account before anything is read by these credentials: names
/// may exist in any account.
async fn check_places(saved: &SavedPlan, accounts: &Opened, source: &AccountSource) -> Result<(), Box<Report>> {
    let mut homes: BTreeMap<&Place, Origin> = BTreeMap::new();
    for connection in &saved.connections {
        let place = &connection.place;
        if !homes.contains_key(place) {
            homes.insert(place, accounts.home(place, source).await);
        }
        let refused = |error: PlanError| {
            Box::new(Report {
                origin: homes[place].clone(),
                ..Report::from(&error)
            })
        };
        saved
            .check_place_of(connection, &homes[place], source.kind())
            .map_err(refused)?;
    }
    Ok(())
}

impl Ready {
    /// How many connections are to be changed.
    pub fn pending(&self) -> usize {
        self.ran().filter(|ran| ran.is_pending()).count()
    }

    /// How many connections a run has something to do for, if only to wait.
    pub fn unfinished(&self) -> usize {
        self.ran().filter(|ran| ran.is_unfinished()).count()
    }

    fn ran(&self) -> impl Iterator<Item = &Ran> {
        self.planned.iter().filter_map(|planned| planned.outcome.as_ref().ok())
    }

    /// The connections for whose secrets a password is needed, each with its index.
    pub fn needing_passwords(&self) -> impl Iterator<Item = (usize, &Planned)> {
        let all = self.planned.iter().enumerate();
        all.filter(|(_, planned)| planned.creates_secret())
    }

    /// The names of all connections for whose secrets a password is needed, also of other shards.
    pub fn creating_secrets(&self) -> Vec<&str> {
        let all = self.planned.iter().chain(&self.others);
        let creating = all.filter(|planned| planned.creates_secret());
        creating.map(|planned| planned.item.name.as_str()).collect()
    }

    /// How many requests were sent.
    pub fn calls(&self) -> ApiCalls {
        self.accounts.calls()
    }

    /// Carries out what is planned: the connections as they have ended, and how many requests were sent.
    pub async fn apply(
        self,
        passwords: &Passwords,
        listener: &dyn Listener,
        interrupt: &Interrupt,
    ) -> (Vec<Planned>, ApiCalls) {
        let clouds: BTreeMap<Place, &dyn Cloud> = self
            .places
            .iter()
            .filter_map(|place| Some((place.clone(), self.accounts.get(place).ok()?)))
            .collect();
        let ended = apply(&clouds, self.planned, &self.others, passwords, listener, interrupt).await;
        (ended, self.accounts.calls())
    }
}

impl Planned {
    /// Whether it creates a secret, which needs a password.
    fn creates_secret(&self) -> bool {
        self.outcome.as_ref().is_ok_and(|ran| {
            let mut steps = ran.draft.plan.steps.iter();
            let is_planned = |status| status == StepStatus::Planned;
            steps.any(|step| matches!(step.effect, Effect::CreateSecret { .. }) && is_planned(step.status))
        })
    }
}

fn interrupted() -> Report {
    Report::of_run(&Failure {
        error: RunError::Interrupted {
            at: "while reading; nothing was written".to_owned(),
        },
        applied: Vec::new(),
        origin: Origin::default(),
    })
}
