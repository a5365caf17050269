//! The page of `report`: one HTML file with its data, for people without the command line.
//!
//! `page/` has the sources of the page and the file that is built from them; `page/collect.rs` gathers the data.

mod collect;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::drift::DriftSummary;
use crate::cloud::ApiCalls;
use crate::diagnostics::Check;
use crate::drift::{HopState, Severity, Verdict};
use crate::escape;
use crate::model::Origin;
use crate::report::style::line;

pub use collect::{Subject, collect};

/// The page without its data, built from the sources beside it.
const PAGE: &str = include_str!("page/built.html");
/// What stands in the page in place of the data.
const PLACEHOLDER: &str = "@DATA@";

/// What the page shows. Numbers in `function`, `proxy`, `database` and `group` are places in the lists of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageData {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// Always `report`.
    #[schemars(extend("const" = "report"))]
    pub command: String,
    /// What the page is about.
    pub title: String,
    /// The account; null where it is not known, or where there are several.
    pub account: Option<String>,
    /// The Region; null where it is not known, or where there are several.
    pub region: Option<String>,
    /// When the connections were looked at, in RFC 3339.
    pub made_at: String,
    /// Which connections were asked for.
    pub scope: PageScope,
    /// The program and its version.
    pub program: String,
    /// How many connections have which verdict.
    pub summary: DriftSummary,
    /// What could not be read, a sentence each.
    pub unread: Vec<String>,
    /// Which connections are not shown, and why, a sentence each.
    pub left_out: Vec<String>,
    /// The databases.
    pub databases: Vec<PageDatabase>,
    /// The functions.
    pub functions: Vec<PageResource>,
    /// The proxies.
    pub proxies: Vec<PageResource>,
    /// The security groups that have a part in the connections.
    pub groups: Vec<PageGroup>,
    /// The connections.
    pub connections: Vec<PageConnection>,
}

/// Which connections a page is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PageScope {
    /// All of an account and Region.
    Account,
    /// Those of a manifest.
    Manifest,
    /// Those of one database.
    Database,
    /// Those of one function with one database.
    Connection,
}

/// A database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageDatabase {
    /// `cluster` or `instance`.
    pub kind: String,
    /// Its identifier.
    pub id: String,
    /// Its ARN; null where it was not found.
    pub arn: Option<String>,
    /// Its engine.
    pub engine: Option<String>,
    /// Its port.
    pub port: Option<u16>,
    /// Its VPC.
    pub vpc: Option<String>,
    /// What deploys it; null where nothing says so, or its tags could not be read.
    pub owner: Option<String>,
}

/// A function or a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageResource {
    /// Its name.
    pub name: String,
    /// Its ARN; null where it was not found.
    pub arn: Option<String>,
    /// Its VPC; null where it is in none, or was not found.
    pub vpc: Option<String>,
    /// What deploys it; null where nothing says so, or its tags could not be read.
    pub owner: Option<String>,
}

/// A security group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageGroup {
    /// Its id.
    pub id: String,
    /// Its name; null where it could not be read.
    pub name: Option<String>,
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageConnection {
    /// Its name in the manifest, else its id.
    pub name: String,
    /// As in the tag `autoconnect:connection`.
    pub id: String,
    /// How it stands.
    pub verdict: Verdict,
    /// What `setup` would do; null where that could not be determined.
    pub decision: Option<String>,
    /// The account; null where it is not known.
    pub account: Option<String>,
    /// The Region; null where it is not known.
    pub region: Option<String>,
    /// The function.
    pub function: Option<usize>,
    /// The proxy; null where it is direct.
    pub proxy: Option<usize>,
    /// The database.
    pub database: Option<usize>,
    /// From each resource to the next.
    pub hops: Vec<PageHop>,
    /// How the proxy sees the database; null without one.
    pub target_health: Option<PageHealth>,
    /// What has changed, or could not be read.
    pub findings: Vec<PageFinding>,
    /// The checks of the path that fail or warn, where the connection is not in sync.
    pub checks: Vec<Check>,
    /// What AWS charges for, a sentence each.
    pub costs: Vec<String>,
}

/// From one resource to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageHop {
    /// `function` or `proxy`.
    pub from: String,
    /// `proxy` or `database`.
    pub to: String,
    /// The port; null where it is not known.
    pub port: Option<u16>,
    /// Whether traffic passes.
    pub state: HopState,
    /// Why it does not pass, or may not.
    pub causes: Vec<String>,
    /// `outbound`, `inbound`: the rules that no group has which would let the traffic through.
    pub lacks: Vec<String>,
    /// The groups of the one resource.
    pub from_groups: Vec<PageGroupOn>,
    /// The groups of the other.
    pub to_groups: Vec<PageGroupOn>,
    /// The rules between them.
    pub rules: Vec<PageRule>,
}

/// A group on a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageGroupOn {
    /// The group.
    pub group: usize,
    /// Whether `setup` or the console made it for such a connection.
    pub is_set: bool,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageRule {
    /// `outbound` or `inbound`.
    pub direction: String,
    /// The group that has it.
    pub group: usize,
    /// The group that it names; null where it names a range or a prefix list.
    pub peer: Option<usize>,
    /// Source or destination, as text.
    pub peer_text: String,
    /// Protocol and ports, as text.
    pub ports: String,
    /// Whether it lets the traffic through.
    pub passes: bool,
}

/// How a proxy sees a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageHealth {
    /// `AVAILABLE`, `UNAVAILABLE`, …
    pub state: String,
    /// Why.
    pub reason: Option<String>,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageFinding {
    /// Of what kind it is.
    pub kind: String,
    /// How bad it is.
    pub severity: Severity,
    /// The whole of it.
    pub message: String,
    /// What it refers to: an id, an ARN or a name.
    pub resource: String,
    /// What was expected.
    pub expected: Option<String>,
    /// What is there.
    pub found: Option<String>,
    /// When it was seen first, in RFC 3339; null without a state file.
    pub first_seen: Option<String>,
    /// The command that resolves it.
    pub remedy: Option<String>,
    /// What has probably caused it.
    pub likely_cause: Option<String>,
}

impl PageData {
    /// The page with this data: one HTML file that needs no other.
    ///
    /// # Errors
    ///
    /// The data cannot be written as JSON.
    pub fn html(&self) -> serde_json::Result<String> {
        let json = escape::to_json(self)?;
        let mut data = String::with_capacity(json.len() + json.len() / 8);
        // Nothing in the data ends the element that holds it.
        for character in json.chars() {
            match character {
                '<' => data.push_str("\\u003c"),
                '>' => data.push_str("\\u003e"),
                '&' => data.push_str("\\u0026"),
                _ => data.push(character),
            }
        }
        Ok(PAGE.replacen(PLACEHOLDER, &data, 1))
    }
}

/// What `report` has written. With `--out -` it is not printed: standard output has the page itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportDocument {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// Always `report`.
    #[schemars(extend("const" = "report"))]
    pub command: String,
    /// The account; null where it is not known, or where there are several.
    pub account: Option<String>,
    /// The Region; null where it is not known, or where there are several.
    pub region: Option<String>,
    /// The file.
    pub file: String,
    /// How many connections have which verdict.
    pub summary: DriftSummary,
    /// Which connections the page does not show, and why, a sentence each.
    pub left_out: Vec<String>,
    /// How many requests were sent.
    pub api_calls: ApiCalls,
}

impl ReportDocument {
    /// The document of a page that was written to this file.
    pub fn new(file: &str, page: &PageData, api_calls: ApiCalls) -> Self {
        Self {
            schema_version: page.schema_version,
            command: page.command.clone(),
            account: page.account.clone(),
            region: page.region.clone(),
            file: file.to_owned(),
            summary: page.summary,
            left_out: page.left_out.clone(),
            api_calls,
        }
    }

    /// The document as text.
    pub fn text(&self) -> String {
        let origin = Origin {
            account: self.account.clone(),
            region: self.region.clone(),
        };
        let DriftSummary {
            in_sync,
            drifted,
            broken,
            unknown,
        } = self.summary;
        let number = in_sync + drifted + broken + unknown;
        let connections = if number == 1 { "connection" } else { "connections" };
        let wrote = match self.file.as_str() {
            "-" => "Wrote a page".to_owned(),
            file => format!("Wrote {file}"),
        };
        let mut text = String::new();
        line(&mut text, &origin.heading());
        line(&mut text, "");
        line(
            &mut text,
            &format!(
                "{wrote} with {number} {connections}: {in_sync} in sync, {drifted} drifted, {broken} broken, {unknown} unknown."
            ),
        );
        for sentence in &self.left_out {
            line(&mut text, &format!("note: {sentence}"));
        }
        text
    }
}
