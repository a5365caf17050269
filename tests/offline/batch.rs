//! Many connections in one run: planned one after the other on a preview of the account, and applied at the same time.
//! What is judged by: a run over all of them leaves what single runs in their order leave.

mod estates;
mod ids;
mod preview;
mod requests;
mod single;
mod trouble;

use std::collections::BTreeMap;
use std::sync::Mutex;

use autoconnect::batch::{Event, Item, Job, Listener, Passwords, Planned, Ran, apply, needs, plan};
use autoconnect::cloud::Cloud;
use autoconnect::interrupt::Interrupt;
use autoconnect::monitor::Place;
use autoconnect::observe::Target;
use autoconnect::preview::Preview;
use autoconnect::reconcile::Options;
use secrecy::SecretString;

use crate::support::CANARY;

/// The account and Region of all tests here.
pub fn place() -> Place {
    Place::default()
}

/// A connection within one VPC.
pub fn connecting(target: &Target, options: &Options) -> Item {
    item(target, Job::Connect(Box::new(target.clone()), options.clone()))
}

pub fn item(target: &Target, job: Job) -> Item {
    let Target {
        kind,
        database,
        function,
        proxy,
        ..
    } = target;
    Item {
        name: format!("{kind} {database} through {proxy:?} for {function}"),
        place: place(),
        arguments: Vec::new(),
        job,
    }
}

/// Connections as `setup` makes them where nothing else is asked for.
pub fn usual<'t>(targets: impl IntoIterator<Item = &'t Target>) -> Vec<Item> {
    let options = Options::default();
    targets.into_iter().map(|target| connecting(target, &options)).collect()
}

/// Remembers which connection was begun, and how each ended.
#[derive(Default)]
pub struct Heard(pub Mutex<Vec<(usize, &'static str)>>);

impl Listener for Heard {
    fn tell(&self, index: usize, _: &str, event: Event<'_>) {
        let word = match event {
            Event::Started => "started",
            Event::Ended(_) => "ended",
            Event::Failed(_) => "failed",
            Event::Progress(_) => return,
        };
        self.0.lock().unwrap().push((index, word));
    }
}

pub async fn planned(cloud: &dyn Cloud, items: Vec<Item>) -> Vec<Planned> {
    let preview = Preview::read(cloud, &needs(&items)).await;
    plan(&preview, items, &Interrupt::never()).await
}

pub async fn applied(cloud: &dyn Cloud, planned: Vec<Planned>) -> Vec<Planned> {
    applied_until(cloud, planned, &Heard::default(), &Interrupt::never()).await
}

pub async fn applied_until(
    cloud: &dyn Cloud,
    planned: Vec<Planned>,
    listener: &dyn Listener,
    interrupt: &Interrupt,
) -> Vec<Planned> {
    let passwords: Passwords = (0..planned.len())
        .map(|index| (index, SecretString::from(CANARY)))
        .collect();
    let accounts = BTreeMap::from([(place(), cloud)]);
    Box::pin(apply(&accounts, planned, &[], &passwords, listener, interrupt)).await
}

/// Plans and applies.
pub async fn bulk(cloud: &dyn Cloud, items: Vec<Item>) -> Vec<Planned> {
    let planned = Box::pin(planned(cloud, items)).await;
    applied(cloud, planned).await
}

/// Of each connection the code of its error, where it failed.
pub fn errors(ended: &[Planned]) -> Vec<Option<String>> {
    let error = |planned: &Planned| planned.outcome.as_ref().err().map(|report| report.body.code.clone());
    ended.iter().map(error).collect()
}

/// Of each connection its error in words, where it failed.
pub fn messages(ended: &[Planned]) -> String {
    let of = |planned: &Planned| {
        let report = planned.outcome.as_ref().err()?;
        let body = &report.body;
        Some(format!("{}: {} ({})", planned.item.name, body.message, body.code))
    };
    ended.iter().filter_map(of).collect::<Vec<_>>().join("\n")
}

/// How one ended that must not fail.
pub fn ran(planned: &Planned) -> &Ran {
    let outcome = planned.outcome.as_ref();
    outcome.unwrap_or_else(|report| panic!("{}: {:?}", planned.item.name, report.body))
}

/// Nothing failed.
pub fn assert_all_ran(ended: &[Planned], context: &str) {
    let messages = messages(ended);
    assert!(messages.is_empty(), "{context}: {messages}");
}
