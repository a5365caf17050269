//! Why a group is gone from a resource, where a stack or a tool deploys it, and whether its template has the group.

use super::explain::in_words;
use super::{Finding, FindingKind, Verdict};
use crate::decide::decide;
use crate::estate::Estate;
use crate::model::Observation;
use crate::owner::{InTemplate, Owner, Ownership, ownership};

/// Names the likely cause of findings about what is missing on a resource, as far as its owner is known.
pub(super) fn name(estate: &Estate, observation: &Observation, findings: &mut [Finding]) {
    let sources = estate.sources();
    for finding in findings {
        let Some(side) = finding.off else { continue };
        let owner = match ownership(observation, side, sources.terraform.as_ref()) {
            Ownership::Owner(owner) => owner,
            Ownership::Unread(why) => {
                let unknown = format!(
                    "not known, because the tags of {} could not be read: {why}",
                    observation.describe(side)
                );
                finding.cause = Some(unknown);
                continue;
            }
            Ownership::None => continue,
        };
        let resource = observation.describe(side);
        let did = match finding.kind {
            FindingKind::FunctionMoved => "probably changed its VPC settings",
            _ => "probably took it off",
        };
        let whose = format!("{resource} belongs to {owner}: {} {did}", owner.last_deployment());
        let group = estate.group(&finding.resource.as_str().into());
        let told = group.and_then(|group| sources.in_template(&owner, group));
        finding.cause = Some(match told {
            Some((file, answer)) => format!("{whose}; {}", in_words_of(file, &owner, &answer)),
            None => whose,
        });
    }
}

fn in_words_of(file: &str, owner: &Owner, answer: &InTemplate) -> String {
    let id = owner.logical_id.as_deref().unwrap_or_default();
    match answer {
        InTemplate::Has => format!("{file} has the group for {id}: deploying it puts the group back"),
        InTemplate::Lacks => format!("{file} does not have the group for {id}"),
        InTemplate::NoResource => format!("{file} has no resource {id}"),
        InTemplate::Unknown(why) => format!("whether {file} has the group for {id} is not known: {why}"),
    }
}

/// Groups on the resources of a connection that the templates of their stacks do not give to them: the next deployment takes
/// them off.
pub(super) fn not_in_templates(estate: &Estate, observation: &Observation) -> Vec<Finding> {
    let sources = estate.sources();
    let mut findings = Vec::new();
    if sources.templates.is_empty() {
        return findings;
    }
    for side in decide(observation).sides {
        let resource = observation.describe(side.side);
        let on = observation.groups_on(side.side);
        let group = side.group.filter(|id| on.contains(id)).and_then(|id| estate.group(id));
        let owner = ownership(observation, side.side, sources.terraform.as_ref());
        let (Some(group), Ownership::Owner(owner)) = (group, owner) else {
            continue;
        };
        let Some((file, answer)) = sources.in_template(&owner, group) else {
            continue;
        };
        let kind = match answer {
            InTemplate::Has => continue,
            InTemplate::Lacks | InTemplate::NoResource => FindingKind::NotInTemplate,
            InTemplate::Unknown(_) => FindingKind::Unread,
        };
        let told = in_words_of(file, &owner, &answer);
        let message = match kind {
            FindingKind::Unread => format!("{} on {resource}: {told}", in_words(group)),
            _ => format!(
                "{} is on {resource}, and {told}: {} takes it off",
                in_words(group),
                owner.deployment()
            ),
        };
        let finding = Finding::new(kind, group.id.as_str(), message);
        findings.push(match kind {
            FindingKind::Unread => finding,
            _ => finding.with(Some(format!("a group in {file}")), Some("not in it".to_owned())),
        });
    }
    findings
}

/// The verdict on a connection that is as `setup` leaves it, with these findings of its templates.
pub(super) fn verdict(of_templates: &[Finding]) -> Verdict {
    let mut kinds = of_templates.iter().map(|finding| finding.kind);
    match kinds.next() {
        None => Verdict::InSync,
        Some(FindingKind::NotInTemplate) => Verdict::Drifted,
        Some(_) if kinds.any(|kind| kind == FindingKind::NotInTemplate) => Verdict::Drifted,
        Some(_) => Verdict::Unknown,
    }
}
