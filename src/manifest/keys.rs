//! The keys of a connection and of `[defaults]`: their types, for the schema and for JSON, and how they are read.

use std::collections::{BTreeMap, BTreeSet};

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{Field, Found, Node, shown};
use super::{Mistake, Spot};
use crate::similar::similar;

/// The connections, and the values that they share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Values for all connections that do not have their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defaults: Option<Defaults>,
    /// The connections.
    #[serde(default)]
    pub connection: Vec<ManifestConnection>,
}

/// How a new proxy logs in to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ProxyAuth {
    /// With a secret.
    Secret,
    /// With IAM from end to end, without a secret.
    Iam,
}

/// Whether clients of a proxy must use IAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum IamAuth {
    /// They must.
    Required,
    /// They must not.
    Disabled,
}

/// What is done where a plan changes what a stack or another tool deploys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Owned {
    /// It is said.
    Warn,
    /// The plan is refused.
    Refuse,
}

/// Makes the two tables, which have most keys in common.
macro_rules! tables {
    ($(#[doc = $doc:literal] $key:ident: $type:ty,)*) => {
        /// A connection, by the options of `setup`, and where it is.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct ManifestConnection {
            /// What it is called in reports; by its database and function if left out.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub name: Option<String>,
            /// The Aurora or Multi-AZ DB cluster, by its identifier or ARN; or `instance`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub cluster: Option<String>,
            /// The DB instance, by its identifier or ARN.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub instance: Option<String>,
            /// The function: a name, a partial or a full ARN; `new:NAME` creates one.
            pub function: String,
            $(
                #[doc = $doc]
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $key: Option<$type>,
            )*
        }

        /// Values for all connections that do not have their own. An option of `setup` counts only for the connections
        /// on which it has an effect.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct Defaults {
            $(
                #[doc = $doc]
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $key: Option<$type>,
            )*
        }
    };
}

tables! {
    /// The RDS Proxy between them: `none`, its name, `new`, or `new:NAME`.
    proxy: String,
    /// The Region; that of the command line or the environment if left out.
    region: String,
    /// The profile of the AWS configuration.
    profile: String,
    /// The role to assume, in this account or another one, with the credentials of `profile` if that is named too.
    role_arn: String,
    /// The secret with which a new proxy logs in: its name or ARN.
    secret: String,
    /// The user of the database; with a new proxy, a secret is created with it and its password.
    db_user: String,
    /// How a new proxy logs in to the database.
    proxy_auth: ProxyAuth,
    /// The role of a new proxy; one is created if left out.
    proxy_role: String,
    /// Whether clients of the proxy must use IAM; if required, allows the function's role to connect.
    iam_auth: IamAuth,
    /// The runtime of a new function.
    runtime: String,
    /// Set environment variables with the connection's settings on the function.
    set_env: bool,
    /// With `set_env`: replace existing values of these variables.
    overwrite_env: bool,
    /// Attach a function that is in no VPC to the private subnets of the database's VPC.
    attach_vpc: bool,
    /// Connect across two peered VPCs.
    cross_vpc: bool,
    /// Restore the rules of this connection's own groups if they were changed.
    repair: bool,
    /// Further tags for all that is created.
    tags: BTreeMap<String, String>,
    /// Wait for a database that is not available, instead of refusing.
    wait: bool,
    /// What is done where the plan changes a resource that a stack or another tool deploys.
    owned: Owned,
    /// A Terraform state file, or the output of `terraform show -json`: names the resources that Terraform owns.
    terraform_state: String,
    /// Skip the checks of `diagnose` before the plan is shown and at the end.
    no_diagnose: bool,
    /// Maximum total wait, such as `20m`.
    timeout: String,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// Which connection it is: no default.
    Name,
    /// Which connection it is, by an option of `setup`: no default.
    End,
    /// The account and Region.
    Place,
    /// An option of `setup`.
    Option,
}

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Text,
    OneOf([&'static str; 2]),
    Flag,
    Tags,
}

#[derive(Clone, Copy, Debug)]
struct Key(&'static str, Use, Takes);

/// All keys, in the order of the command line. Whether a default has an effect depends on keys before it.
const KEYS: [Key; 25] = [
    Key("name", Use::Name, Takes::Text),
    Key("region", Use::Place, Takes::Text),
    Key("profile", Use::Place, Takes::Text),
    Key("role_arn", Use::Place, Takes::Text),
    Key("cluster", Use::End, Takes::Text),
    Key("instance", Use::End, Takes::Text),
    Key("function", Use::End, Takes::Text),
    Key("proxy", Use::Option, Takes::Text),
    Key("cross_vpc", Use::Option, Takes::Flag),
    Key("set_env", Use::Option, Takes::Flag),
    Key("overwrite_env", Use::Option, Takes::Flag),
    Key("proxy_auth", Use::Option, Takes::OneOf(["secret", "iam"])),
    Key("iam_auth", Use::Option, Takes::OneOf(["required", "disabled"])),
    Key("secret", Use::Option, Takes::Text),
    Key("db_user", Use::Option, Takes::Text),
    Key("proxy_role", Use::Option, Takes::Text),
    Key("runtime", Use::Option, Takes::Text),
    Key("attach_vpc", Use::Option, Takes::Flag),
    Key("repair", Use::Option, Takes::Flag),
    Key("owned", Use::Option, Takes::OneOf(["warn", "refuse"])),
    Key("terraform_state", Use::Option, Takes::Text),
    Key("wait", Use::Option, Takes::Flag),
    Key("no_diagnose", Use::Option, Takes::Flag),
    Key("timeout", Use::Option, Takes::Text),
    Key("tags", Use::Option, Takes::Tags),
];

/// No name, ARN or other value of AWS is longer.
const LONGEST: usize = 2048;

/// A value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    Text(String),
    Flag(bool),
    /// By their keys, in lower case.
    Tags(BTreeMap<String, Tag>),
}

/// A tag, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    pub key: String,
    pub value: String,
    pub spot: Spot,
}

/// The values of a table, each with the place where it stands.
#[derive(Clone, Debug, Default)]
pub struct Options {
    values: BTreeMap<&'static str, (Given, Spot)>,
    /// Which of them are defaults.
    defaults: BTreeSet<&'static str>,
}

/// Of which table the keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    Connection,
    Defaults,
}

impl Key {
    /// The option of the command line.
    fn option(self) -> String {
        match self.2 {
            Takes::Tags => "--tag".to_owned(),
            _ => format!("--{}", self.0.replace('_', "-")),
        }
    }

    fn is_of(self, of: Of) -> bool {
        of == Of::Connection || matches!(self.1, Use::Place | Use::Option)
    }

    fn read(self, field: Field, mistakes: &mut Vec<Mistake>) -> Option<Given> {
        let (name, spot) = (self.0, field.spot);
        let expected = match (self.2, &field.node.found) {
            (Takes::Text | Takes::OneOf(_), Found::Text(text)) if wrong(text).is_some() => {
                mistakes.extend(wrong(text).map(|wrong| Mistake::at(spot, format!("{name} {wrong}"))));
                return None;
            }
            (Takes::OneOf(choices), Found::Text(text)) if !choices.contains(&text.as_str()) => choices.join(" or "),
            (Takes::Flag, Found::Flag(flag)) => return Some(Given::Flag(*flag)),
            (Takes::Tags, Found::Table(_)) => return tags(field.node, mistakes),
            (Takes::Text | Takes::OneOf(_), Found::Text(_)) => match field.node.found {
                Found::Text(text) => return Some(Given::Text(text)),
                _ => return None,
            },
            (Takes::Text, Found::Number(_) | Found::Nothing | Found::Other(_)) => "a text in quotes".to_owned(),
            (Takes::Text, _) => "a text".to_owned(),
            (Takes::OneOf(choices), _) => choices.join(" or "),
            (Takes::Flag, _) => "true or false".to_owned(),
            (Takes::Tags, _) => "a table".to_owned(),
        };
        let found = field.node.found.words();
        mistakes.push(Mistake::at(spot, format!("{name}: expected {expected}, found {found}")));
        None
    }
}

/// Why a text cannot be a value of a manifest; none where it can.
fn wrong(text: &str) -> Option<String> {
    if text.trim().is_empty() {
        Some("is empty".to_owned())
    } else if text.len() > LONGEST {
        Some(format!("has more than {LONGEST} bytes"))
    } else if text.contains(char::is_control) {
        Some("contains a control character, such as a line break".to_owned())
    } else {
        None
    }
}

fn tags(node: Node, mistakes: &mut Vec<Mistake>) -> Option<Given> {
    let Found::Table(fields) = node.found else { return None };
    let mut tags = BTreeMap::<String, Tag>::new();
    for Field { key, spot, node } in fields {
        let Found::Text(value) = node.found else {
            let (key, found) = (shown(&key), node.found.words());
            mistakes.push(Mistake::at(
                spot,
                format!("tag {key}: expected a text in quotes, found {found}"),
            ));
            continue;
        };
        let lower = key.to_lowercase();
        if let Some(before) = tags.get(&lower) {
            let message = format!(
                "tag {} is given twice, first in {}: keys that differ only in case are the same",
                shown(&key),
                before.spot
            );
            mistakes.push(Mistake::at(spot, message));
        } else {
            tags.insert(lower, Tag { key, value, spot });
        }
    }
    Some(Given::Tags(tags))
}

/// What is said of a key that a table does not have.
fn unknown(key: &str, of: Of) -> String {
    let lower = key.to_lowercase();
    if lower.contains("password") {
        return format!(
            "{} is not read: a manifest holds no password. setup asks for it; or name a secret with the key secret",
            shown(key)
        );
    }
    if let Some(Key(name, ..)) = KEYS.iter().find(|known| known.0 == key) {
        return format!("{name} is for a connection: it has no default");
    }
    let snake = lower.replace('-', "_");
    let snake = if snake == "tag" { "tags".to_owned() } else { snake };
    let known: Vec<String> = KEYS
        .iter()
        .filter(|key| key.is_of(of))
        .map(|key| key.0.to_owned())
        .collect();
    let near = if known.contains(&snake) {
        vec![snake]
    } else {
        similar(key, known)
    };
    match near.first() {
        Some(near) => format!("there is no key {}: is it {near}?", shown(key)),
        None => format!("there is no key {}", shown(key)),
    }
}

impl Options {
    /// Reads a table.
    pub fn read(fields: Vec<Field>, of: Of, mistakes: &mut Vec<Mistake>) -> Self {
        let mut options = Self::default();
        let mut seen = BTreeMap::<String, Spot>::new();
        for field in fields {
            if let Some(before) = seen.insert(field.key.clone(), field.spot) {
                let message = format!("{} is given twice, first in {before}", shown(&field.key));
                mistakes.push(Mistake::at(field.spot, message));
                continue;
            }
            let spot = field.spot;
            match KEYS.iter().find(|key| key.0 == field.key && key.is_of(of)) {
                Some(key) => {
                    if let Some(given) = key.read(field, mistakes) {
                        options.values.insert(key.0, (given, spot));
                    }
                }
                None => mistakes.push(Mistake::at(spot, unknown(&field.key, of))),
            }
        }
        options
    }

    /// The text of a key.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.values.get(key) {
            Some((Given::Text(text), _)) => Some(text),
            _ => None,
        }
    }

    /// Whether a flag is set.
    pub fn is(&self, key: &str) -> bool {
        matches!(self.values.get(key), Some((Given::Flag(true), _)))
    }

    /// Where a key stands.
    pub fn spot(&self, key: &str) -> Option<Spot> {
        self.values.get(key).map(|(_, spot)| *spot)
    }

    /// Where a key stands that is not a default.
    pub fn own_spot(&self, key: &str) -> Option<Spot> {
        self.spot(key).filter(|_| !self.defaults.contains(key))
    }

    /// Whether a key has a value that is not merely `false`.
    fn has(&self, key: &str) -> bool {
        !matches!(self.values.get(key), None | Some((Given::Flag(false), _)))
    }

    pub fn makes_function(&self) -> bool {
        self.text("function")
            .is_some_and(|function| function.starts_with("new:"))
    }

    pub fn makes_proxy(&self) -> bool {
        let proxy = self.text("proxy");
        proxy.is_some_and(|proxy| proxy == "new" || proxy.starts_with("new:"))
    }

    /// Whether clients of the proxy must use IAM.
    pub fn requires_iam(&self) -> bool {
        self.text("iam_auth") == Some("required") || self.text("proxy_auth") == Some("iam")
    }

    /// Adds the defaults that have an effect. Its own values win.
    pub fn complete(&mut self, defaults: &Self) {
        for Key(key, ..) in KEYS {
            let Some((value, spot)) = defaults.values.get(key) else {
                continue;
            };
            if let (Some((Given::Tags(own), _)), Given::Tags(tags)) = (self.values.get_mut(key), value) {
                for (key, tag) in tags {
                    own.entry(key.clone()).or_insert_with(|| tag.clone());
                }
            } else if !self.values.contains_key(key) && self.takes(key, value) {
                self.values.insert(key, (value.clone(), *spot));
                self.defaults.insert(key);
            }
        }
    }

    /// Whether a default has an effect on this connection, or is a part of what the connection is. Its own values, and
    /// defaults that were added before, count.
    fn takes(&self, key: &str, value: &Given) -> bool {
        let is = |choice: &str| *value == Given::Text(choice.to_owned());
        let crosses = self.is("cross_vpc");
        let is_direct = matches!(self.text("proxy"), None | Some("none"));
        let makes_proxy = self.makes_proxy();
        let is_iam = self.text("proxy_auth") == Some("iam");
        let is_required = self.text("iam_auth") == Some("required");
        match key {
            "cross_vpc" => {
                let others = [
                    "set_env",
                    "proxy_auth",
                    "iam_auth",
                    "secret",
                    "db_user",
                    "runtime",
                    "attach_vpc",
                    "repair",
                ];
                !makes_proxy && !self.makes_function() && !others.iter().any(|other| self.has(other))
            }
            "set_env" | "repair" => !crosses,
            "overwrite_env" => self.is("set_env"),
            "proxy_auth" => {
                let is_against = self.has("secret") || self.text("iam_auth") == Some("disabled");
                makes_proxy && !(is("iam") && is_against)
            }
            "iam_auth" if is("required") => !crosses && !is_direct,
            "iam_auth" => makes_proxy && !is_iam,
            "secret" => {
                let is_used = makes_proxy && (!self.has("db_user") || is_required) || is_direct && self.is("set_env");
                !crosses && !is_iam && is_used
            }
            "db_user" => {
                let is_used = makes_proxy || self.is("set_env") || self.has("iam_auth");
                !crosses && is_used && !(makes_proxy && self.has("secret") && !is_required)
            }
            "proxy_role" => makes_proxy,
            "runtime" => self.makes_function(),
            "attach_vpc" => !self.makes_function() && !crosses,
            _ => true,
        }
    }

    /// The command line of `setup`.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["setup".to_owned()];
        for key in KEYS.into_iter().filter(|key| matches!(key.1, Use::End | Use::Option)) {
            arguments.extend(self.of(key).into_iter().map(|(argument, _)| argument));
        }
        arguments
    }

    /// The arguments of one key, each with the place where it stands.
    fn of(&self, key: Key) -> Vec<(String, Spot)> {
        let Some((given, spot)) = self.values.get(key.0) else {
            return Vec::new();
        };
        let option = key.option();
        match given {
            Given::Text(text) => vec![(format!("{option}={text}"), *spot)],
            Given::Flag(true) => vec![(option, *spot)],
            Given::Flag(false) => Vec::new(),
            Given::Tags(tags) => {
                let tag = |tag: &Tag| (format!("{option}={}={}", tag.key, tag.value), tag.spot);
                tags.values().map(tag).collect()
            }
        }
    }

    /// For each value a command line in which nothing else can be wrong, with the key and its place.
    pub fn each_alone(&self) -> Vec<(&'static str, Vec<String>, Spot)> {
        let mut each = Vec::new();
        // The role is checked with the ends.
        let is_checked =
            |key: &Key| matches!(key.2, Takes::Text | Takes::Tags) && key.1 != Use::Name && key.0 != "role_arn";
        for key in KEYS.into_iter().filter(is_checked) {
            let others: &[&str] = match key.0 {
                "cluster" | "instance" => &["--function=f"],
                "function" => &["--cluster=c"],
                "runtime" => &["--cluster=c", "--function=new:f"],
                "secret" | "db_user" | "proxy_role" => &["--cluster=c", "--function=f", "--proxy=new"],
                _ => &["--cluster=c", "--function=f"],
            };
            for (argument, spot) in self.of(key) {
                let others = others.iter().copied().map(str::to_owned);
                let arguments = std::iter::once("setup".to_owned()).chain(others).chain([argument]);
                each.push((key.0, arguments.collect(), spot));
            }
        }
        each
    }

    /// A message about options in the words of the manifest, and the key that it is about.
    pub fn in_words(&self, message: &str) -> (String, Option<Spot>) {
        let mut keys = KEYS;
        // One option's name begins with another's.
        keys.sort_by_key(|key| std::cmp::Reverse(key.0.len()));
        let (mut words, mut first) = (message.to_owned(), None::<(usize, Spot)>);
        for key in keys {
            let option = key.option();
            // What was replaced already has no hyphens before it.
            if let (Some(at), Some(spot)) = (message.find(&option), self.spot(key.0)) {
                let is_longer =
                    message[at + option.len()..].starts_with(|next: char| next == '-' || next.is_alphanumeric());
                if !is_longer && first.is_none_or(|(before, _)| at < before) {
                    first = Some((at, spot));
                }
            }
            words = words.replace(&option, key.0);
        }
        (words, first.map(|(_, spot)| spot))
    }
}

#[cfg(test)]
mod tests {
    use schemars::schema_for;

    use super::*;

    #[test]
    fn the_schema_has_the_keys_that_are_read() {
        let keys = |of: Of| -> BTreeSet<String> {
            let keys = KEYS.iter().filter(|key| key.is_of(of));
            keys.map(|key| key.0.to_owned()).collect()
        };
        let schemas = [
            (schema_for!(ManifestConnection), Of::Connection),
            (schema_for!(Defaults), Of::Defaults),
        ];
        for (schema, of) in schemas {
            let properties = schema.get("properties").unwrap().as_object().unwrap();
            let properties: BTreeSet<String> = properties.keys().cloned().collect();
            assert_eq!(properties, keys(of));
        }
    }

    #[test]
    fn every_key_is_documented() {
        let page = include_str!("../../docs/manifest.md");
        for key in KEYS {
            let row = page
                .lines()
                .find(|line| line.starts_with('|') && line.contains(&format!("`{}`", key.0)));
            let row = row.unwrap_or_else(|| panic!("{} is not in docs/manifest.md", key.0));
            let has_option = key.1 != Use::Name && key.0 != "role_arn";
            assert_eq!(row.contains(&format!("`{}`", key.option())), has_option, "{row}");
        }
    }
}
