//! What `impact` prints: what a reviewed change does to each connection.

use anstyle::AnsiColor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::SCHEMA_VERSION;
use super::style::{Style, line};
use crate::cloud::ApiCalls;
use crate::impact::{Effect, Judged};
use crate::model::Origin;
use crate::units::count;

/// What a change does to connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImpactDocument {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// Always `impact`.
    #[schemars(extend("const" = "impact"))]
    pub command: String,
    /// The account; null where it is not known.
    pub account: Option<String>,
    /// The Region; null where it is not known.
    pub region: Option<String>,
    /// Where the change was read from.
    pub source: ImpactSource,
    /// How many connections have which effect. One that has several counts by the worst.
    pub summary: ImpactSummary,
    /// The connections, those with the worst effects first.
    pub connections: Vec<Judged>,
    /// What of the change was not understood. Connections that may depend on it are `unknown`.
    pub not_understood: Vec<NotUnderstood>,
    /// How many connections of the manifest are in other accounts or Regions, and were not judged.
    pub elsewhere: usize,
    /// How many requests were sent.
    pub api_calls: ApiCalls,
}

/// Where a change was read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImpactSource {
    /// What it is.
    pub kind: ImpactSourceKind,
    /// Its file.
    pub file: String,
}

/// What a change was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ImpactSourceKind {
    /// A plan of Terraform.
    TerraformPlan,
    /// A template of CloudFormation or SAM.
    Template,
    /// A change set of CloudFormation.
    ChangeSet,
}

impl ImpactSourceKind {
    fn words(self) -> &'static str {
        match self {
            Self::TerraformPlan => "the Terraform plan",
            Self::Template => "the template",
            Self::ChangeSet => "the change set",
        }
    }
}

/// How many connections have which effect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImpactSummary {
    /// The function no longer reaches the database.
    pub breaks: usize,
    /// The internet, or a wide range of it, is let in.
    pub opened: usize,
    /// It depends on what is not known.
    pub unknown: usize,
    /// The function reaches the database, which it did not before.
    pub repaired: usize,
    /// None of these.
    pub none: usize,
}

impl ImpactSummary {
    fn of(judged: &[Judged]) -> Self {
        let count = |effect| judged.iter().filter(|judged| judged.effect == effect).count();
        Self {
            breaks: count(Effect::Breaks),
            opened: count(Effect::Opened),
            unknown: count(Effect::Unknown),
            repaired: count(Effect::Repaired),
            none: count(Effect::None),
        }
    }

    /// In words.
    pub fn words(&self) -> String {
        let Self {
            breaks,
            opened,
            unknown,
            repaired,
            none,
        } = self;
        format!("breaks {breaks}, opened {opened}, unknown {unknown}, repaired {repaired}, none {none}")
    }
}

/// A part of a change that was not understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotUnderstood {
    /// The address of the resource.
    pub address: String,
    /// Why.
    pub why: String,
}

impl ImpactDocument {
    /// The document of what was judged.
    pub fn new(
        (origin, source): (Origin, ImpactSource),
        mut judged: Vec<Judged>,
        not_understood: Vec<NotUnderstood>,
        (elsewhere, api_calls): (usize, ApiCalls),
    ) -> Self {
        judged.sort_by(|one, other| (one.effect, &one.name).cmp(&(other.effect, &other.name)));
        let summary = ImpactSummary::of(&judged);
        let Origin { account, region } = origin;
        Self {
            schema_version: SCHEMA_VERSION,
            command: "impact".to_owned(),
            account,
            region,
            source,
            summary,
            connections: judged,
            not_understood,
            elsewhere,
            api_calls,
        }
    }

    /// Whether a connection has this effect.
    pub fn has(&self, effect: Effect) -> bool {
        let mut connections = self.connections.iter();
        connections.any(|connection| connection.effect == effect || connection.also.contains(&effect))
    }

    /// For people: what is affected with its reasons, then what was not understood.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let origin = Origin {
            account: self.account.clone(),
            region: self.region.clone(),
        };
        line(&mut text, &origin.heading());
        let ImpactSource { kind, file } = &self.source;
        line(&mut text, &format!("With {} {file}", kind.words()));
        line(&mut text, "");
        line(&mut text, &format!("{BOLD}{}{BOLD:#}", self.headline()));
        for connection in self.told() {
            let style = style(connection.effect).bold();
            line(&mut text, "");
            let effects = connection.effects();
            line(&mut text, &format!("{style}{effects}{style:#}  {}", connection.name));
            for why in &connection.why {
                line(&mut text, &format!("    {why}"));
            }
            if !connection.by.is_empty() {
                line(&mut text, &format!("    {DIM}by{DIM:#} {}", connection.by.join(", ")));
            }
        }
        if !self.not_understood.is_empty() {
            line(&mut text, "");
            line(&mut text, &format!("{BOLD}Not understood{BOLD:#}"));
            for not in &self.not_understood {
                line(&mut text, &format!("  {}: {}", not.address, not.why));
            }
        }
        if let Some(elsewhere) = self.elsewhere_in_words() {
            line(&mut text, "");
            line(&mut text, &elsewhere);
        }
        text
    }

    /// What the change does, in one sentence.
    pub fn headline(&self) -> String {
        let connections = count(self.connections.len(), "connection");
        format!("{connections}: {}", self.summary.words())
    }

    /// The connections of which something is to be said.
    pub fn told(&self) -> impl Iterator<Item = &Judged> {
        let connections = self.connections.iter();
        connections.filter(|connection| connection.effect != Effect::None || !connection.why.is_empty())
    }

    /// How many connections of the manifest were not judged.
    pub fn elsewhere_in_words(&self) -> Option<String> {
        match self.elsewhere {
            0 => None,
            1 => Some("1 connection of the manifest is in another account or Region, and was not judged".to_owned()),
            more => Some(format!(
                "{more} connections of the manifest are in other accounts or Regions, and were not judged"
            )),
        }
    }
}

impl Judged {
    /// All effects, in words.
    pub fn effects(&self) -> String {
        let effects = std::iter::once(&self.effect).chain(&self.also);
        effects.map(|effect| effect.as_str()).collect::<Vec<_>>().join(", ")
    }
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

fn style(effect: Effect) -> Style {
    let colour = match effect {
        Effect::Breaks | Effect::Opened => AnsiColor::Red,
        Effect::Unknown => AnsiColor::Yellow,
        Effect::Repaired | Effect::None => AnsiColor::Green,
    };
    Style::new().fg_color(Some(colour.into()))
}
