//! What `list` prints: the console's connected compute resources, and apart from them the manual connections; of one
//! database, or of all.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::SCHEMA_VERSION;
use super::style::{Style, line};
use crate::cloud::ApiCalls;
use crate::drift::{Compute, Listing};
use crate::escape::word;
use crate::estate::Estate;
use crate::model::{Database, DatabaseKind, GroupId, Origin};
use crate::units::count;

/// What `list` prints: with `database` for the one that was named, with `databases` for all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ListDocument {
    /// Of one database.
    One(ListOfOne),
    /// Of all databases.
    All(ListOfAll),
}

/// The functions that are connected with a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListOfOne {
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

/// All databases with the functions that are connected with them: clusters, then instances, each by identifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListOfAll {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// Always `list`.
    #[schemars(extend("const" = "list"))]
    pub command: String,
    /// The account; null where it is not known.
    pub account: Option<String>,
    /// The Region; null where it is not known.
    pub region: Option<String>,
    /// The databases, also those that no function reaches. Members of clusters are not among them.
    pub databases: Vec<ListedConnections>,
    /// How many requests were sent.
    pub api_calls: ApiCalls,
}

/// A database with the functions that reach it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListedConnections {
    /// The database.
    pub database: ListedDatabase,
    /// The functions that reach it.
    pub functions: Vec<ListedFunction>,
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
    /// Its groups with their names.
    pub security_groups: Vec<ListedGroup>,
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListedGroup {
    /// Its id.
    pub id: String,
    /// Its name; null where the group could not be read.
    pub name: Option<String>,
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
    /// The same groups with their names.
    pub security_groups: Vec<ListedGroup>,
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

impl ListedGroup {
    fn new(estate: &Estate, id: &GroupId) -> Self {
        Self {
            id: id.to_string(),
            name: estate.group(id).map(|group| group.name.clone()),
        }
    }

    fn text(&self) -> String {
        match &self.name {
            Some(name) => format!("{name} ({})", self.id),
            None => self.id.clone(),
        }
    }
}

impl ListedConnections {
    fn new(estate: &Estate, database: &Database, listing: &[Compute<'_>]) -> Self {
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
            security_groups: compute.groups.iter().map(|id| ListedGroup::new(estate, id)).collect(),
        };
        let groups = database.groups();
        Self {
            database: ListedDatabase {
                kind: database.kind,
                id: database.id.clone(),
                arn: database.arn.clone(),
                member_of: database.member_of.clone(),
                security_groups: groups.iter().map(|id| ListedGroup::new(estate, id)).collect(),
            },
            functions: listing.iter().map(function).collect(),
        }
    }
}

impl ListDocument {
    /// What is connected with a database.
    pub fn one(estate: &Estate, database: &Database, listing: &[Compute<'_>], api_calls: ApiCalls) -> Self {
        let ListedConnections {
            database: listed,
            functions,
        } = ListedConnections::new(estate, database, listing);
        let Origin { account, region } = Origin::of_arn(&database.arn);
        Self::One(ListOfOne {
            schema_version: SCHEMA_VERSION,
            command: "list".to_owned(),
            account,
            region,
            database: listed,
            functions,
            api_calls,
        })
    }

    /// What is connected with each of all databases.
    pub fn all(
        estate: &Estate,
        databases: &[(&Database, Listing<'_>)],
        Origin { account, region }: Origin,
        api_calls: ApiCalls,
    ) -> Self {
        let of = |(database, listing): &(&Database, Listing<'_>)| ListedConnections::new(estate, database, listing);
        Self::All(ListOfAll {
            schema_version: SCHEMA_VERSION,
            command: "list".to_owned(),
            account,
            region,
            databases: databases.iter().map(of).collect(),
            api_calls,
        })
    }

    /// Whether no function is connected.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::One(one) => one.functions.is_empty(),
            Self::All(all) => all.databases.iter().all(|listed| listed.functions.is_empty()),
        }
    }

    /// The account and Region.
    pub fn origin(&self) -> Origin {
        let (account, region) = match self {
            Self::One(one) => (&one.account, &one.region),
            Self::All(all) => (&all.account, &all.region),
        };
        Origin {
            account: account.clone(),
            region: region.clone(),
        }
    }
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// The list, for people.
pub fn list_text(document: &ListDocument) -> String {
    let mut text = String::new();
    line(&mut text, &document.origin().heading());
    line(&mut text, "");
    match document {
        ListDocument::One(one) => of_one(&mut text, one),
        ListDocument::All(all) => of_all(&mut text, all),
    }
    text
}

/// A line for each function, the names in one column. Where `tells_manual`, those that the console does not list are marked.
fn functions(text: &mut String, functions: &[&ListedFunction], tells_manual: bool) {
    let name = |function: &ListedFunction| match &function.proxy {
        Some(proxy) => format!("{} through proxy {proxy}", function.name),
        None => function.name.clone(),
    };
    let names: Vec<String> = functions.iter().map(|function| name(function)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    for (function, name) in functions.iter().zip(names) {
        let groups: Vec<String> = function.security_groups.iter().map(ListedGroup::text).collect();
        let by = match function.connection {
            ConnectionKind::Console => groups.join(", "),
            ConnectionKind::Manual if tells_manual => "by other rules".to_owned(),
            ConnectionKind::Manual => String::new(),
        };
        if by.is_empty() {
            line(text, &format!("  {name}"));
        } else {
            line(text, &format!("  {name:<width$}  {DIM}{by}{DIM:#}"));
        }
    }
}

fn of_one(text: &mut String, document: &ListOfOne) {
    let ListedDatabase {
        kind, id, member_of, ..
    } = &document.database;
    let of = |wanted| {
        let all = document.functions.iter();
        all.filter(move |function| function.connection == wanted)
            .collect::<Vec<_>>()
    };
    line(
        text,
        &format!("{BOLD}Connected compute resources of {kind} {id}, as the console lists them{BOLD:#}"),
    );
    let listed = of(ConnectionKind::Console);
    if listed.is_empty() {
        line(text, &format!("  {DIM}none{DIM:#}"));
    }
    functions(text, &listed, false);
    let manual = of(ConnectionKind::Manual);
    if !manual.is_empty() {
        line(
            text,
            &format!("{BOLD}Connected by other rules, which the console does not list{BOLD:#}"),
        );
        functions(text, &manual, false);
    }
    if let Some(cluster) = member_of {
        line(
            text,
            &format!(
                "{DIM}note:{DIM:#} instance {id} is a member of cluster {cluster}, whose security groups it has: see --cluster {}",
                word(cluster)
            ),
        );
    }
}

fn of_all(text: &mut String, document: &ListOfAll) {
    let (connected, alone): (Vec<&ListedConnections>, Vec<_>) = document
        .databases
        .iter()
        .partition(|listed| !listed.functions.is_empty());
    for listed in &connected {
        let ListedDatabase { kind, id, .. } = &listed.database;
        line(text, &format!("{BOLD}{kind} {id}{BOLD:#}"));
        functions(text, &listed.functions.iter().collect::<Vec<_>>(), true);
        line(text, "");
    }
    if !alone.is_empty() {
        line(text, &format!("{BOLD}No function is connected to{BOLD:#}"));
        for ListedConnections { database, .. } in &alone {
            line(text, &format!("  {} {}", database.kind, database.id));
        }
        line(text, "");
    }
    let all = || connected.iter().flat_map(|listed| &listed.functions);
    let manual = all().filter(|function| function.connection == ConnectionKind::Manual);
    let (databases, connections, manual) = (document.databases.len(), all().count(), manual.count());
    let by_other_rules = if manual > 0 {
        format!(", {manual} of them by other rules, which the console does not list")
    } else {
        String::new()
    };
    let (databases, connections) = (count(databases, "database"), count(connections, "connection"));
    line(text, &format!("{databases}, {connections}{by_other_rules}."));
}
