//! The function's execution role: whether Lambda may read the cluster and make interfaces beside it.
//!
//! Source: spec/msk.md, 5.

use super::Poller;
use crate::check::Check;
use crate::diagnose::role::{Wanted, of_role};
use crate::model::Place;
use crate::policy::{lacks_for_msk, msk_access};

/// None where no function is named and no mapping names one.
pub(super) fn check(poller: &Poller<'_>) -> Option<Check> {
    let scene = poller.scene;
    let role = scene.function.as_ref()?.role.as_ref()?;
    let (arn, kind) = (&scene.cluster.arn, &scene.cluster.kind);
    let wanted = Wanted {
        lacks: &|policies| lacks_for_msk(policies, arn, kind, &poller.place.subnets, &poller.place.groups),
        policy: msk_access(Place::of(arn)),
        passed: "the role may read the cluster and manage network interfaces",
        purpose: "Lambda needs this to find the brokers and to poll from beside them",
    };
    Some(of_role(role, &scene.policies, &wanted))
}
