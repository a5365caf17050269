//! `setup --manifest` with the permissions that `policy manifest` prints.

use autoconnect::batch::{Event, Item, Job, Listener, Passwords, apply, needs, plan, prune};
use autoconnect::cloud::Cloud;
use autoconnect::interrupt::Interrupt;
use autoconnect::model::Place as At;
use autoconnect::monitor::Place;
use autoconnect::observe::{PATH_READS, PERMISSION_READS, ProxyWish, READS, TAG_READS, Target};
use autoconnect::policy::{PolicyDocument, read_only, sets_up};
use autoconnect::preview::Preview;
use autoconnect::reconcile::Options;

use crate::guarded::Guarded;
use crate::scenarios::base;
use crate::support::*;

fn printed(prunes: bool) -> PolicyDocument {
    let place = At::in_region("*", "*");
    let reads = READS
        .iter()
        .chain(TAG_READS)
        .chain(PERMISSION_READS)
        .chain(PATH_READS)
        .copied();
    let mut permissions = read_only(reads, place);
    sets_up(&mut permissions, prunes, place);
    permissions.document()
}

struct Nobody;

impl Listener for Nobody {
    fn tell(&self, _: usize, _: &str, _: Event<'_>) {}
}

fn item(target: &Target) -> Item {
    Item {
        name: target.function.clone(),
        place: Place::default(),
        arguments: Vec::new(),
        job: Job::Connect(Box::new(target.clone()), Options::default()),
    }
}

/// Plans and applies; what the connections decided, and the codes of those that failed.
async fn carried_out(cloud: &dyn Cloud, target: &Target, prunes: bool) -> Vec<Result<&'static str, String>> {
    let interrupt = Interrupt::never();
    let named = [item(target)];
    let preview = Preview::read(cloud, &needs(&named)).await;
    let mut planned = if prunes {
        // Another function of the database is named, and this one is not any more.
        let other = Target {
            function: "another".to_owned(),
            ..target.clone()
        };
        let unnamed = prune(&preview, &Place::default(), &[item(&other)], &Options::default()).await;
        plan(&preview, unnamed, &interrupt).await
    } else {
        plan(&preview, named.to_vec(), &interrupt).await
    };
    assert_eq!(planned.len(), 1);
    planned.retain(|planned| planned.outcome.is_ok());
    let accounts = [(Place::default(), cloud)].into();
    let ended = apply(&accounts, planned, &[], &Passwords::new(), &Nobody, &interrupt).await;
    let result = |ended: autoconnect::batch::Planned| match ended.outcome {
        Ok(ran) if ran.is_incomplete => Err("incomplete".to_owned()),
        Ok(ran) => Ok(ran.draft.decision),
        Err(report) => Err(format!("{}: {}", report.body.code, report.body.message)),
    };
    ended.into_iter().map(result).collect()
}

#[tokio::test(start_paused = true)]
async fn the_printed_policy_is_enough_to_set_up_and_to_prune() {
    let mut count = 0;
    for scenario in base() {
        if !matches!(scenario.target.proxy, ProxyWish::None | ProxyWish::Existing(_)) {
            continue;
        }
        count += 1;
        let (document, target) = (&scenario.document, &scenario.target);
        let account = in_memory(document);
        let guarded = |account, prunes| Guarded {
            account,
            policy: printed(prunes),
        };
        let cloud = guarded(&account, false);
        let ended = carried_out(&cloud, target, false).await;
        assert!(matches!(&ended[..], [Ok(_)]), "{ended:?}");
        let document = account.document();
        let without = in_memory(&document);
        let ended = carried_out(&guarded(&without, false), target, true).await;
        assert!(!matches!(&ended[..], [Ok(_)]), "without --prune: {ended:?}");
        let with = in_memory(&document);
        let ended = carried_out(&guarded(&with, true), target, true).await;
        assert_eq!(ended, [Ok("disconnect")]);
    }
    assert!(count > 1, "{count}");
}
