//! The JSON document of `setup --cross-vpc`: that of `setup`, with sides whose groups have rules for ranges.

use super::connection::{ConnectionEntry, ConnectionRun, GroupEntry, SideEntry, Sides};
use super::owners::OwnerEntry;
use super::path::{self, DiagnosisEntry};
use super::run::{ResultName, Run, RunDocument};
use super::text::converged_text;
use crate::cloud::ApiCalls;
use crate::decide::Verdict;
use crate::diagnostics::connection::{Diagnosis, is_open, outlook};
use crate::fix::Seen;
use crate::model::{Extras, GroupId, GroupQuota, Observation, Proxy, Side};
use crate::reconcile::{Converged, Ending};

impl RunDocument {
    /// The document of a run of `setup` across two VPCs that did not fail.
    pub fn across_vpcs(converged: &Converged<Seen>, path: Option<&Diagnosis>, api_calls: ApiCalls) -> Self {
        let seen = &converged.found;
        let observation = observation(seen);
        let side = |side| side_entry(seen, &observation, side);
        let run = ConnectionRun {
            connection: ConnectionEntry::new(&observation),
            sides: Sides {
                database: side(Side::Database),
                function: side(Side::Function),
                proxy: seen.scene.proxy.is_some().then(|| side(Side::Proxy)),
            },
            diagnosis: path.map(DiagnosisEntry::from),
            owners: OwnerEntry::all(&converged.draft, &seen.scene),
        };
        let result = match ResultName::of_setup(converged.ending) {
            ResultName::Connected | ResultName::Unchanged if !is_open_across(converged, path) => ResultName::Incomplete,
            result => result,
        };
        Self::new(converged, Run::Setup(Box::new(run)), result, api_calls)
    }
}

/// The path of a connection across two VPCs: as it is at the end of a run, and of a plan as it will be.
pub fn path_across(converged: &Converged<Seen>) -> Diagnosis {
    outlook(converged.found.scene.clone(), &converged.draft.plan)
}

/// Whether the function reaches the database across two VPCs.
fn is_open_across(converged: &Converged<Seen>, path: Option<&Diagnosis>) -> bool {
    let observation = observation(&converged.found);
    is_open(path, &observation.database, observation.proxy.as_ref())
}

/// Whether a run across two VPCs ended without a connection.
pub fn is_incomplete_across(converged: &Converged<Seen>, path: Option<&Diagnosis>) -> bool {
    match converged.ending {
        Ending::Planned => false,
        Ending::Unfinished => true,
        _ => !is_open_across(converged, path),
    }
}

/// The end of a run across two VPCs.
pub fn text_across(converged: &Converged<Seen>, path: Option<&Diagnosis>) -> String {
    let mut text = converged_text(converged);
    let observation = observation(&converged.found);
    match (converged.ending, path) {
        (Ending::Planned | Ending::Unfinished, Some(path)) => path::before(&mut text, path, &observation),
        (Ending::Planned | Ending::Unfinished, None) => {}
        _ if !is_open_across(converged, path) => {
            path::incomplete(&mut text, "the groups are in place", path, &observation);
        }
        (_, Some(path)) => path::open(&mut text, path, &observation),
        (_, None) => {}
    }
    text
}

/// The connection as `setup` knows it, as far as the document describes it.
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
        Verdict::Fit
    } else {
        Verdict::Available
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
