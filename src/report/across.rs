//! The JSON document of `setup --cross-vpc`: that of `setup`, with sides whose groups have rules for ranges.

use super::document::{
    ConnectionEntry, DecisionName, GroupEntry, ResultName, SCHEMA_VERSION, SetupDocument, SideEntry, Sides, StepEntry,
    VerdictName,
};
use crate::cloud::ApiCalls;
use crate::mend::Seen;
use crate::model::{Extras, GroupId, GroupQuota, Observation, Origin, Proxy, Side};
use crate::reconcile::{Converged, Ending};

impl SetupDocument {
    /// The document of a run across two VPCs that did not fail.
    #[must_use]
    pub fn across_vpcs(converged: &Converged<Seen>, api_calls: ApiCalls) -> Self {
        let (draft, seen) = (&converged.draft, &converged.found);
        let observation = observation(seen);
        let Origin { account, region } = observation.origin();
        let side = |side| side_entry(seen, &observation, side);
        Self {
            schema_version: SCHEMA_VERSION,
            account,
            region,
            connection: ConnectionEntry::new(&observation),
            decision: match draft.decision {
                "create-new" => DecisionName::CreateNew,
                "associate-existing" => DecisionName::AssociateExisting,
                _ => DecisionName::NoOp,
            },
            reasons: draft.reasons.iter().chain(&draft.notes).cloned().collect(),
            sides: Sides {
                database: side(Side::Database),
                function: side(Side::Function),
                proxy: seen.scene.proxy.is_some().then(|| side(Side::Proxy)),
            },
            steps: draft.plan.steps.iter().map(StepEntry::new).collect(),
            dry_run: converged.dry_run,
            result: match converged.ending {
                Ending::Planned => ResultName::Planned,
                Ending::Reached => ResultName::Connected,
                Ending::Unchanged => ResultName::Unchanged,
            },
            api_calls,
        }
    }
}

/// The connection as `setup` knows it, as far as the document tells of it.
fn observation(seen: &Seen) -> Observation {
    let scene = &seen.scene;
    let proxy = scene.proxy.clone().map(|proxy| Proxy {
        targets: scene.targets.known().cloned().unwrap_or_default(),
        ..proxy
    });
    Observation {
        database: scene.database.clone(),
        function: scene.function.clone(),
        function_subnets: Vec::new(),
        proxy,
        groups: seen.groups.clone(),
        database_subnets: Vec::new(),
        extras: Extras::default(),
        group_quota: GroupQuota::default(),
    }
}

fn side_entry(seen: &Seen, observation: &Observation, side: Side) -> SideEntry {
    let Some(group) = seen.own_group(side) else {
        return SideEntry::default();
    };
    let is_on = |id: &GroupId| observation.groups_on(side).contains(id);
    let verdict = if is_on(&group.id) {
        VerdictName::Fit
    } else {
        VerdictName::Available
    };
    SideEntry {
        verdict,
        group: Some(group.id.to_string()),
        groups: vec![GroupEntry {
            id: group.id.to_string(),
            name: group.name.clone(),
            verdict,
            why: Vec::new(),
        }],
    }
}
