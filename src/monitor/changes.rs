//! What is new, changed or resolved since a recipient was last notified.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::state::State;
use super::{Judged, RepairResult, Round, Shard};
use crate::drift::{Finding, FindingKind, Verdict};

/// What a recipient was notified of about a connection that was not in sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) verdict: Verdict,
    /// By their fingerprints; none where an earlier version kept only the verdict.
    pub(super) findings: Option<BTreeMap<String, Finding>>,
}

/// A finding that is new, has changed, or is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ChangedFinding")]
pub struct FindingChange {
    /// The name of its connection.
    #[serde(rename = "connection")]
    pub name: String,
    /// The connection, as in the tag `autoconnect:connection`.
    pub id: String,
    /// The finding; of one that is gone, as it was.
    pub finding: Finding,
    /// The finding before, where it has changed.
    pub before: Option<Finding>,
    /// Whether it is gone because `--repair` has resolved it.
    #[serde(rename = "repaired", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_repaired: bool,
}

/// A connection whose verdict has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ChangedVerdict")]
pub struct VerdictChange {
    /// The name of the connection.
    #[serde(rename = "connection")]
    pub name: String,
    /// As in the tag `autoconnect:connection`.
    pub id: String,
    /// Its verdict before.
    pub before: Verdict,
    /// Its verdict now; null where it is no longer looked at.
    pub now: Option<Verdict>,
}

/// A look that failed as a whole, as a recipient was notified of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailedLook {
    /// The stable code of its error.
    pub code: String,
    /// The time of the first look that failed so, in RFC 3339.
    pub since: String,
}

/// What has changed since a recipient was last notified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Findings that it was not notified of.
    pub new: Vec<FindingChange>,
    /// Findings that it was notified of, and that are now others.
    pub changed: Vec<FindingChange>,
    /// Findings that it was notified of, and that are gone.
    pub resolved: Vec<FindingChange>,
    /// Connections with another verdict.
    pub verdicts: Vec<VerdictChange>,
    /// The failure of earlier looks that it was notified of, where this look is the first that did not fail.
    pub recovered: Option<FailedLook>,
}

impl Changes {
    /// Whether there is nothing to report.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty()
            && self.changed.is_empty()
            && self.resolved.is_empty()
            && self.verdicts.is_empty()
            && self.recovered.is_none()
    }
}

/// The findings of a connection by what distinguishes them: kind and resource, and of rules which one. What was found
/// and how bad it is can change, and it is still the same finding.
pub(super) fn fingerprints(findings: &[Finding]) -> Vec<(String, &Finding)> {
    use FindingKind::{RuleAdded, RuleChanged, RuleRemoved};
    let mut found = Vec::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for finding in findings {
        let which = match finding.kind {
            RuleAdded => finding.found.as_deref(),
            RuleRemoved | RuleChanged => finding.expected.as_deref(),
            _ => None,
        };
        let mut print = format!("{}|{}", finding.kind.as_str(), finding.resource);
        if let Some(which) = which {
            print = format!("{print}|{which}");
        }
        let count = counts.entry(print.clone()).or_default();
        *count += 1;
        if *count > 1 {
            print = format!("{print}|{count}");
        }
        found.push((print, finding));
    }
    found
}

/// Whether the same finding is another one than before. The words of an error of AWS differ each time.
fn differs(before: &Finding, now: &Finding) -> bool {
    (&before.expected, &before.found, before.severity) != (&now.expected, &now.found, now.severity)
}

/// The findings that are open: those that were found, and, where not all could be read, those that were open before.
pub(super) fn open_findings<'a>(
    judged: &'a Judged,
    before: Option<&'a BTreeMap<String, Finding>>,
) -> BTreeMap<String, &'a Finding> {
    let mut open: BTreeMap<String, &Finding> = fingerprints(&judged.judgement.findings).into_iter().collect();
    if judged.judgement.verdict == Verdict::Unknown {
        let kept = before.into_iter().flatten();
        for (print, finding) in kept.filter(|(_, finding)| finding.kind != FindingKind::Unread) {
            open.entry(print.clone()).or_insert(finding);
        }
    }
    open
}

impl State {
    /// What has changed since this recipient was last notified. What it was never notified of was in sync.
    pub fn changes(&self, recipient: &str, patrol: &Round) -> Changes {
        let nothing = BTreeMap::new();
        let told = self.recipients.get(recipient).unwrap_or(&nothing);
        let mut changes = Changes::default();
        for judged in &patrol.judged {
            changes.of(judged, told.get(&self.key_of(judged)));
        }
        // What is no longer known, neither to this run nor to another one.
        for (_, told) in told.iter().filter(|(key, _)| !self.connections.contains_key(*key)) {
            changes.ended(told);
        }
        changes
    }

    /// Remembers that a recipient was notified of everything that this look has found.
    pub fn tell(&mut self, recipient: &str, patrol: &Round) {
        let mut told = self.recipients.remove(recipient).unwrap_or_default();
        for judged in &patrol.judged {
            let key = self.key_of(judged);
            let before = told.get(&key).and_then(|told| told.findings.as_ref());
            let open = open_findings(judged, before);
            let findings = open.into_iter().map(|(print, finding)| (print, finding.clone()));
            let now = Told {
                name: judged.name.clone(),
                id: judged.connection.to_string(),
                verdict: judged.judgement.verdict,
                findings: Some(findings.collect()),
            };
            if judged.judgement.verdict == Verdict::InSync {
                told.remove(&key);
            } else {
                told.insert(key, now);
            }
        }
        let ended = told.keys().filter(|key| !self.connections.contains_key(*key));
        let ended: Vec<String> = ended.cloned().collect();
        for key in &ended {
            told.remove(key);
        }
        self.ended.entry(recipient.to_owned()).or_default().extend(ended);
        self.recipients.insert(recipient.to_owned(), told);
    }
}

impl State {
    /// The failure of the last looks at this shard that a recipient was notified of.
    pub fn failed_look(&self, recipient: &str, shard: Option<Shard>) -> Option<&FailedLook> {
        self.failed_looks.get(&of_shard(recipient, shard))
    }

    /// Remembers that a recipient was notified that a look failed, or with none that one did not.
    pub fn tell_failed_look(&mut self, recipient: &str, shard: Option<Shard>, failed: Option<FailedLook>) {
        let key = of_shard(recipient, shard);
        match failed {
            Some(failed) => self.failed_looks.insert(key.clone(), failed),
            None => self.failed_looks.remove(&key),
        };
        self.looked.insert(key);
    }
}

/// Looks at different shards fail independently of each other.
fn of_shard(recipient: &str, shard: Option<Shard>) -> String {
    shard.map_or_else(|| recipient.to_owned(), |shard| format!("{recipient} {shard}"))
}

impl Changes {
    fn of(&mut self, judged: &Judged, told: Option<&Told>) {
        let Judged { name, judgement, .. } = judged;
        let id = judged.connection.to_string();
        let change = |finding: &Finding, before: Option<&Finding>| FindingChange {
            name: name.clone(),
            id: id.clone(),
            finding: finding.clone(),
            before: before.cloned(),
            is_repaired: false,
        };
        let before = told.map_or(Verdict::InSync, |told| told.verdict);
        if before != judgement.verdict {
            self.verdicts.push(VerdictChange {
                name: name.clone(),
                id: id.clone(),
                before,
                now: Some(judgement.verdict),
            });
        }
        let nothing = BTreeMap::new();
        let findings = match told.map(|told| &told.findings) {
            // An earlier version notified of this verdict, and of no finding alone.
            Some(None) if before == judgement.verdict => return,
            Some(Some(findings)) => findings,
            Some(None) | None => &nothing,
        };
        let open = open_findings(judged, Some(findings));
        for (print, finding) in &open {
            match findings.get(print) {
                None => self.new.push(change(finding, None)),
                Some(before) if differs(before, finding) => self.changed.push(change(finding, Some(before))),
                Some(_) => {}
            }
        }
        // What was found and repaired in the same run was never told before.
        let repair = judged
            .repair
            .iter()
            .filter(|repair| repair.result == RepairResult::Repaired);
        let mended = repair.flat_map(|repair| fingerprints(&repair.mended));
        let mended: BTreeMap<String, &Finding> = mended.filter(|(print, _)| !open.contains_key(print)).collect();
        let gone = findings.iter().filter(|(print, _)| !open.contains_key(*print));
        let gone = gone.filter(|(print, _)| !mended.contains_key(*print));
        self.resolved.extend(gone.map(|(_, finding)| change(finding, None)));
        self.resolved
            .extend(mended.iter().map(|(print, finding)| FindingChange {
                is_repaired: true,
                ..change(findings.get(print).unwrap_or(finding), None)
            }));
    }

    fn ended(&mut self, told: &Told) {
        self.verdicts.push(VerdictChange {
            name: told.name.clone(),
            id: told.id.clone(),
            before: told.verdict,
            now: None,
        });
        let findings = told.findings.iter().flatten();
        self.resolved.extend(findings.map(|(_, finding)| FindingChange {
            name: told.name.clone(),
            id: told.id.clone(),
            finding: finding.clone(),
            before: None,
            is_repaired: false,
        }));
    }
}
