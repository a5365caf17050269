//! The owners of a connection's resources: in the documents, and the lines for their templates and code.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::style::{self, Style};
use crate::model::{Observation, Side};
use crate::owner::{Ends, Evidence, Language, Lines, Manager, Owned, lines};
use crate::plan::Plan;
use crate::reconcile::Draft;

/// A resource that a stack or another tool deploys, or whose tags could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnerEntry {
    /// The resource, as in `function checkout`.
    pub resource: String,
    /// Its ARN; of a security group its id.
    pub id: String,
    /// The side that it is on.
    pub side: Side,
    /// What deploys it; null where its tags could not be read.
    pub manager: Option<Manager>,
    /// What shows that; null where its tags could not be read. Whoever may tag a resource can write a tag.
    pub evidence: Option<Evidence>,
    /// What the tags call the application or the tool.
    pub called: Option<String>,
    /// The name of the CloudFormation stack.
    pub stack: Option<String>,
    /// The logical id of the resource in that stack.
    pub logical_id: Option<String>,
    /// The address of the resource in Terraform.
    pub address: Option<String>,
    /// Why the tags could not be read.
    pub unread: Option<String>,
    /// Whether the plan changes the resource, so that the owner's next deployment undoes the change unless its template or
    /// code is changed too.
    pub will_undo: bool,
    /// The lines for the owner's template or code: the whole list of security groups that the resource is to have. Null
    /// where there are none, as for a security group.
    pub lines: Option<LinesEntry>,
}

/// Lines for a template or for code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinesEntry {
    /// Their language.
    pub language: Language,
    /// Where they belong, in words.
    pub into: String,
    /// The lines. `GROUP_ID` stands for the id of a group that does not exist yet.
    pub text: Vec<String>,
}

impl From<Lines> for LinesEntry {
    fn from(lines: Lines) -> Self {
        Self {
            language: lines.language,
            into: lines.into,
            text: lines.lines,
        }
    }
}

impl OwnerEntry {
    /// The owners of resources as they were found, with a plan that is still to be carried out or was.
    pub(super) fn all<'a>(draft: &Draft, ends: impl Into<Ends<'a>>) -> Vec<Self> {
        let ends = ends.into();
        let lines = |owned: &Owned| lines(owned, ends, &draft.plan);
        draft
            .owners
            .iter()
            .map(|owned| Self::new(owned, &draft.plan, lines(owned)))
            .collect()
    }

    /// The same where all of them are groups, for which there are no lines.
    pub(super) fn all_groups(draft: &Draft) -> Vec<Self> {
        let owners = draft.owners.iter();
        owners.map(|owned| Self::new(owned, &draft.plan, None)).collect()
    }

    fn new(of: &Owned, plan: &Plan, lines: Option<Lines>) -> Self {
        let owner = of.owner.as_ref().ok();
        Self {
            resource: of.resource.clone(),
            id: of.id.clone(),
            side: of.side,
            manager: owner.map(|owner| owner.manager),
            evidence: owner.map(|owner| owner.evidence),
            called: owner.and_then(|owner| owner.called.clone()),
            stack: owner.and_then(|owner| owner.stack.clone()),
            logical_id: owner.and_then(|owner| owner.logical_id.clone()),
            address: owner.and_then(|owner| owner.address.clone()),
            unread: of.owner.as_ref().err().cloned(),
            will_undo: owner.is_some() && of.is_changed_by(plan),
            lines: lines.map(LinesEntry::from),
        }
    }
}

/// What a fenced block of a language is marked with.
pub(super) fn fence(language: Language) -> &'static str {
    match language {
        Language::Yaml => "yaml",
        Language::TypeScript => "typescript",
        Language::Hcl => "hcl",
    }
}

/// Adds the lines for the owners of what the plan changes.
pub(super) fn lines_text(text: &mut String, owners: &[Owned], observation: &Observation, plan: &Plan) {
    const BOLD: Style = Style::new().bold();
    for owned in owners.iter().filter(|owned| owned.is_changed_by(plan)) {
        let Some(lines) = lines(owned, observation, plan) else {
            continue;
        };
        style::line(text, "");
        style::line(text, &format!("{BOLD}For {}{BOLD:#}, {}:", lines.into, owned.resource));
        for line in lines.lines {
            style::line(text, &format!("  {line}"));
        }
    }
}
