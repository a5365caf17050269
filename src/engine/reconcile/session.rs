//! What all steps of a run share: the cloud, the deadline, the interrupt, and the list of what was written.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::{Applied, Failure, RunError};
use crate::cloud::{Answer, Cloud, CloudError};
use crate::interrupt::Interrupt;
use crate::model::{GroupList, Origin, Side};
use crate::plan::Step;
use crate::restore::Lists;
use crate::wait::Pauses;

/// What a run reports while it goes on.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// A step begins.
    Started(&'a Step),
    /// It waits.
    Waiting {
        /// What for.
        waiting_for: &'a str,
        /// The state that was just read.
        state: &'a str,
    },
    /// A step has ended; its status says how.
    Ended(&'a Step),
}

/// Whatever shows progress.
pub(super) type Show<'a> = &'a (dyn Fn(Progress<'_>) + Sync);

pub(super) struct Session<'a> {
    pub(super) cloud: &'a dyn Cloud,
    pub(super) interrupt: Interrupt,
    deadline: Mutex<Instant>,
    pub(super) show: Show<'a>,
    applied: Mutex<Vec<Applied>>,
    origin: Mutex<Origin>,
    lists: Mutex<Lists>,
}

impl<'a> Session<'a> {
    pub(super) fn new(cloud: &'a dyn Cloud, interrupt: Interrupt, timeout: Duration, show: Show<'a>) -> Self {
        Self {
            cloud,
            interrupt,
            deadline: Mutex::new(Instant::now() + timeout),
            show,
            applied: Mutex::default(),
            origin: Mutex::new(cloud.home()),
            lists: Mutex::default(),
        }
    }

    /// Notes the account and Region that an answer came from.
    pub(super) fn came_from(&self, origin: Origin) {
        let mut known = self.origin.lock().unwrap_or_else(PoisonError::into_inner);
        *known = origin.or(self.cloud.home());
    }

    /// The account and Region of the run, as far as they are known.
    pub(super) fn origin(&self) -> Origin {
        self.origin.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A failed run.
    pub(super) fn failure(&self, error: RunError) -> Failure {
        Failure {
            error,
            applied: self.applied(),
            origin: self.origin(),
        }
    }

    /// Until when the run may wait.
    pub(super) fn deadline(&self) -> Instant {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the run wait for longer.
    pub(super) fn extend_clock(&self, by: Duration) {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    /// What was written so far.
    pub(super) fn applied(&self) -> Vec<Applied> {
        self.applied.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes a list of groups as a step has just read it.
    pub(super) fn note_list(&self, side: Side, groups: &GroupList) {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.note(side, groups.iter());
    }

    /// What the steps have read of the lists of groups so far.
    pub(super) fn lists(&self) -> Lists {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads; an interrupt abandons the call.
    pub(super) async fn read<T>(
        &self,
        doing: &str,
        call: impl Future<Output = Answer<T>>,
    ) -> Result<Answer<T>, RunError> {
        tokio::select! {
            biased;
            () = self.interrupt.raised() => Err(interrupted(doing)),
            answer = self.in_time(call) => answer,
        }
    }

    /// What is read until the run's deadline.
    pub(super) async fn in_time<T>(&self, reading: impl Future<Output = T>) -> Result<T, RunError> {
        let read = tokio::time::timeout_at(self.deadline(), reading).await;
        read.map_err(|_| RunError::TimedOut {
            waiting_for: "AWS to answer".to_owned(),
            last_seen: "no answer".to_owned(),
        })
    }

    /// Writes; an interrupt comes before or after the call, never within.
    pub(super) async fn write<T>(
        &self,
        step: &Step,
        resource: &str,
        call: impl Future<Output = Answer<T>>,
    ) -> Result<Answer<T>, RunError> {
        if self.interrupt.is_raised() {
            return Err(interrupted(&format!("before step {}: {}", step.id, step.summary)));
        }
        let answer = call.await;
        if answer.is_ok() {
            self.note_applied(step, resource);
        }
        Ok(answer)
    }

    /// Notes that a step's write was carried out: it was answered, or it is found done.
    pub(super) fn note_applied(&self, step: &Step, resource: &str) {
        self.applied
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Applied {
                action: step.effect.action().to_owned(),
                resource: resource.to_owned(),
                summary: step.summary.clone(),
            });
    }

    /// Notes the resource of the last write once it is known, as a new group's id is.
    pub(super) fn name_last_applied(&self, resource: &str) {
        if let Some(last) = self.applied.lock().unwrap_or_else(PoisonError::into_inner).last_mut() {
            resource.clone_into(&mut last.resource);
        }
    }

    /// Pauses between two looks until the run's deadline.
    pub(super) fn pauses(&self) -> Pauses {
        Pauses::until(self.deadline(), self.cloud.pace())
    }

    /// Pauses once; an error at the deadline, or when the user ends the run.
    pub(super) async fn pause(&self, pauses: &mut Pauses, waiting_for: &str, state: &str) -> Result<(), RunError> {
        (self.show)(Progress::Waiting { waiting_for, state });
        let goes_on = tokio::select! {
            biased;
            () = self.interrupt.raised() => return Err(interrupted(&format!("while waiting for {waiting_for}"))),
            goes_on = pauses.pause() => goes_on,
        };
        if goes_on {
            return Ok(());
        }
        Err(RunError::TimedOut {
            waiting_for: waiting_for.to_owned(),
            last_seen: state.to_owned(),
        })
    }
}

pub(super) fn interrupted(at: &str) -> RunError {
    RunError::Interrupted { at: at.to_owned() }
}

/// A failed call of a step.
pub(super) fn failed(step: &Step, source: CloudError) -> RunError {
    RunError::Cloud {
        doing: step.summary.clone(),
        source,
    }
}
