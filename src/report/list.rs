//! What `list` prints: the console's connected compute resources, and apart from them the manual connections.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::SCHEMA_VERSION;
use super::style::{Style, line};
use crate::cloud::ApiCalls;
use crate::drift::Compute;
use crate::escape::word;
use crate::model::{Database, DatabaseKind, Origin};

/// The functions that are connected with a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListDocument {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// Always `list`.
    #[schemars(extend("const" = "list"))]
    pub command: String,
    /// The account; null where it is not known.
    pub account: Option<String>,
    /// The Region; null where it is not known.
    pub region: Option<String>,
    /// The database.
    pub database: ListedDatabase,
    /// The functions that reach it.
    pub functions: Vec<ListedFunction>,
    /// How many requests were sent.
    pub api_calls: ApiCalls,
}

/// The database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListedDatabase {
    /// `cluster` or `instance`.
    pub kind: DatabaseKind,
    /// Its identifier.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// The cluster of an instance that is its member: it holds the groups.
    pub member_of: Option<String>,
}

/// A function that reaches the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListedFunction {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The proxy through which it reaches the database; null where it does so directly.
    pub proxy: Option<String>,
    /// How it is connected.
    pub connection: ConnectionKind,
    /// The function's groups by which the console lists it.
    pub groups: Vec<String>,
}

/// How a function is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionKind {
    /// The console lists it.
    Console,
    /// It reaches the database by other rules, and the console does not list it.
    Manual,
}

impl ListDocument {
    /// What is connected with a database.
    #[must_use]
    pub fn new(database: &Database, listing: &[Compute<'_>], api_calls: ApiCalls) -> Self {
        let function = |compute: &Compute<'_>| ListedFunction {
            name: compute.function.name.clone(),
            arn: compute.function.arn.clone(),
            proxy: compute.proxy.map(|proxy| proxy.name.clone()),
            connection: if compute.is_listed() {
                ConnectionKind::Console
            } else {
                ConnectionKind::Manual
            },
            groups: compute.groups.iter().map(ToString::to_string).collect(),
        };
        let Origin { account, region } = Origin::of_arn(&database.arn);
        Self {
            schema_version: SCHEMA_VERSION,
            command: "list".to_owned(),
            account,
            region,
            database: ListedDatabase {
                kind: database.kind,
                id: database.id.clone(),
                arn: database.arn.clone(),
                member_of: database.member_of.clone(),
            },
            functions: listing.iter().map(function).collect(),
            api_calls,
        }
    }
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// The list, for people.
#[must_use]
pub fn list_text(document: &ListDocument) -> String {
    let ListedDatabase {
        kind, id, member_of, ..
    } = &document.database;
    let origin = Origin {
        account: document.account.clone(),
        region: document.region.clone(),
    };
    let mut text = String::new();
    line(&mut text, &origin.heading());
    line(&mut text, "");
    let of = |wanted| {
        document
            .functions
            .iter()
            .filter(move |function| function.connection == wanted)
            .collect::<Vec<_>>()
    };
    let mut part = |heading: &str, none: &str, functions: &[&ListedFunction]| {
        line(&mut text, &format!("{BOLD}{heading}{BOLD:#}"));
        if functions.is_empty() {
            line(&mut text, &format!("  {DIM}{none}{DIM:#}"));
        }
        for function in functions {
            let proxy = function
                .proxy
                .as_ref()
                .map(|proxy| format!(" through proxy {proxy}"))
                .unwrap_or_default();
            let groups = if function.groups.is_empty() {
                String::new()
            } else {
                format!("  {DIM}{}{DIM:#}", function.groups.join(", "))
            };
            line(&mut text, &format!("  {}{proxy}{groups}", function.name));
        }
    };
    part(
        &format!("Connected compute resources of {kind} {id}, as the console lists them"),
        "none",
        &of(ConnectionKind::Console),
    );
    let manual = of(ConnectionKind::Manual);
    if !manual.is_empty() {
        part(
            "Connected by other rules, which the console does not list",
            "none",
            &manual,
        );
    }
    if let Some(cluster) = member_of {
        line(
            &mut text,
            &format!(
                "{DIM}note:{DIM:#} instance {id} is a member of cluster {cluster}, whose security groups it has: see --cluster {}",
                word(cluster)
            ),
        );
    }
    text
}
