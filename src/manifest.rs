//! The manifest: the connections that `setup` makes and `drift` looks at, as TOML, YAML or JSON, with errors by line.
//!
//! Source: docs/manifest.md.

mod keys;
pub(crate) mod text;
mod together;

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

pub use keys::{Defaults, IamAuth, Manifest, ManifestConnection, ProxyAuth};

use crate::estate::Connection;
use crate::files::{self, LARGEST_TEXT};
use crate::model::{DatabaseKind, Expected, Named, last_segment};
use crate::monitor::{Entry, Place};
use crate::naming::{created, function};
use crate::units::first;
use keys::{Of, Options};
use text::{Field, Form, Found, Kind, Node, shown};

/// A connection that `setup` makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Which one it is, what it is called, and where it is.
    pub entry: Entry,
    /// The command line of `setup` for it, without the account and Region, which `entry` has.
    pub arguments: Vec<String>,
    /// Where it stands.
    pub spot: Spot,
}

/// A connection as it was read, with the defaults that count for it.
#[derive(Debug)]
struct Read {
    entry: Entry,
    options: Options,
    spot: Spot,
}

/// Where in a manifest something stands, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spot {
    /// In this line of a text.
    Line(usize),
    /// In this connection of a list.
    Connection(usize),
    /// In the defaults beside a list.
    Defaults,
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Connection(number) => write!(f, "connection {number}"),
            Self::Defaults => f.write_str("defaults"),
        }
    }
}

/// A mistake in a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where it is, if that is known.
    pub spot: Option<Spot>,
    /// What was expected and found.
    pub message: String,
}

impl Mistake {
    pub(crate) fn at(spot: Spot, message: impl Into<String>) -> Self {
        Self {
            spot: Some(spot),
            message: message.into(),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.spot {
            Some(spot) => write!(f, "{spot}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Why a manifest cannot be used.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// Its file cannot be read.
    #[error("cannot read the manifest {}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It has mistakes.
    #[error("{whence}: {}", listed(.mistakes))]
    Mistaken {
        /// The file or the field that it came from.
        whence: String,
        /// All of them, as far as they can be reported at once.
        mistakes: Vec<Mistake>,
    },
    /// It has no connections.
    #[error("{whence}: expected at least one connection, found none")]
    Empty {
        /// The file or the field that it came from.
        whence: String,
        /// Whether `--allow-empty` allows that.
        can_be_allowed: bool,
    },
}

/// How many mistakes a message has.
const MOST_TOLD: usize = 100;

fn listed(mistakes: &[Mistake]) -> String {
    first(mistakes.iter(), MOST_TOLD, "; ")
}

impl ManifestError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } | Self::Mistaken { .. } => {
                "`autoconnect schema manifest` prints its JSON Schema, and docs/manifest.md shows examples"
            }
            Self::Empty {
                can_be_allowed: true, ..
            } => "add connections, or use --allow-empty if there is nothing to check",
            Self::Empty { .. } => "add connections",
        }
    }
}

/// Reads a manifest's file for `drift`. `home` is the Region of connections that name none, if it is known.
///
/// # Errors
///
/// It cannot be read, has mistakes, or no connections although it `must_have_some`: a schedule that looks at nothing would
/// pass for one that finds nothing.
pub fn load(path: &Path, home: Option<&str>, must_have_some: bool) -> Result<Vec<Entry>, ManifestError> {
    let text = read_file(path)?;
    let entries = parse(Form::of(path), &text, home).map_err(|mistakes| mistaken(path, mistakes))?;
    if entries.is_empty() && must_have_some {
        return Err(ManifestError::Empty {
            whence: path.display().to_string(),
            can_be_allowed: true,
        });
    }
    Ok(entries)
}

/// Reads a manifest's file for `setup`. The command line of each connection is tried with `check`. `home` is the Region of
/// connections that name none, if it is known.
///
/// # Errors
///
/// It cannot be read, has mistakes, or no connections.
pub fn load_for_setup(
    path: &Path,
    home: Option<&str>,
    check: &dyn Fn(&[String]) -> Result<(), String>,
) -> Result<Vec<Listed>, ManifestError> {
    let text = read_file(path)?;
    let all = parse_for_setup(Form::of(path), &text, home, check).map_err(|mistakes| mistaken(path, mistakes))?;
    if all.is_empty() {
        return Err(ManifestError::Empty {
            whence: path.display().to_string(),
            can_be_allowed: false,
        });
    }
    Ok(all)
}

fn mistaken(path: &Path, mistakes: Vec<Mistake>) -> ManifestError {
    ManifestError::Mistaken {
        whence: path.display().to_string(),
        mistakes,
    }
}

fn read_file(path: &Path) -> Result<String, ManifestError> {
    let unreadable = |source| ManifestError::Unreadable {
        path: path.to_owned(),
        source,
    };
    files::read_text(path, LARGEST_TEXT).map_err(unreadable)
}

/// Reads what `drift` uses of a manifest.
fn parse(form: Form, text: &str, home: Option<&str>) -> Result<Vec<Entry>, Vec<Mistake>> {
    let root = form.read(Kind::Manifest, text).map_err(|mistake| vec![mistake])?;
    entries(root, home)
}

fn entries(root: Node, home: Option<&str>) -> Result<Vec<Entry>, Vec<Mistake>> {
    let (all, _, mut mistakes) = connections(root);
    let each: Vec<&Read> = all.iter().collect();
    mistakes.extend(together::repeated(&each, home));
    mistakes.extend(together::names(&each, false));
    all_or(mistakes, || all.into_iter().map(|read| read.entry).collect())
}

fn parse_for_setup(
    form: Form,
    text: &str,
    home: Option<&str>,
    check: &dyn Fn(&[String]) -> Result<(), String>,
) -> Result<Vec<Listed>, Vec<Mistake>> {
    let root = form.read(Kind::Manifest, text).map_err(|mistake| vec![mistake])?;
    listed_in(root, home, check)
}

fn listed_in(
    root: Node,
    home: Option<&str>,
    check: &dyn Fn(&[String]) -> Result<(), String>,
) -> Result<Vec<Listed>, Vec<Mistake>> {
    let (all, defaults, mut mistakes) = connections(root);
    let each: Vec<&Read> = all.iter().collect();
    let twice = together::repeated(&each, home);
    let listed_twice: BTreeSet<Option<Spot>> = twice.iter().map(|mistake| mistake.spot).collect();
    let names = together::names(&each, true).into_iter();
    mistakes.extend(names.filter(|name| !listed_twice.contains(&name.spot)));
    mistakes.extend(twice);
    let mut checked = BTreeSet::new();
    values(&defaults, check, &mut checked, &mut mistakes);
    let mut right = Vec::new();
    for read in &all {
        if !values(&read.options, check, &mut checked, &mut mistakes) {
            continue;
        }
        right.push(read);
        if read.options.is("overwrite_env") && !read.options.is("set_env") {
            let spot = read.options.spot("overwrite_env").unwrap_or(read.spot);
            mistakes.push(Mistake::at(spot, "overwrite_env needs set_env"));
        } else if let Err(message) = check(&read.options.arguments()) {
            let (message, spot) = read.options.in_words(&message);
            mistakes.push(Mistake::at(spot.unwrap_or(read.spot), message));
        }
    }
    mistakes.extend(together::contradictions(&right, home));
    all_or(mistakes, || {
        let listed = |read: Read| Listed {
            arguments: read.options.arguments(),
            entry: read.entry,
            spot: read.spot,
        };
        all.into_iter().map(listed).collect()
    })
}

/// Whether each value is right for itself. One that was `checked` before is not reported again.
fn values(
    options: &Options,
    check: &dyn Fn(&[String]) -> Result<(), String>,
    checked: &mut BTreeSet<Vec<String>>,
    mistakes: &mut Vec<Mistake>,
) -> bool {
    let before = mistakes.len();
    for (key, arguments, spot) in options.each_alone() {
        if checked.contains(&arguments) {
            continue;
        }
        match check(&arguments) {
            Ok(()) => {
                checked.insert(arguments);
            }
            Err(message) => {
                let (message, _) = options.in_words(&message);
                let is_named = message.starts_with(key);
                let message = if is_named { message } else { format!("{key}: {message}") };
                mistakes.push(Mistake::at(spot, message));
            }
        }
    }
    mistakes.len() == before
}

/// The result, if there are no mistakes; otherwise they, each once, in the order of the text.
fn all_or<T>(mut mistakes: Vec<Mistake>, result: impl FnOnce() -> T) -> Result<T, Vec<Mistake>> {
    if mistakes.is_empty() {
        return Ok(result());
    }
    mistakes.sort_by_key(|mistake| mistake.spot);
    let mut told = BTreeSet::new();
    mistakes.retain(|mistake| told.insert((mistake.spot, mistake.message.clone())));
    Err(mistakes)
}

/// Checks connections that came in another way.
///
/// # Errors
///
/// All mistakes.
pub fn check(defaults: Option<&Defaults>, connections: &[ManifestConnection]) -> Result<Vec<Entry>, Vec<Mistake>> {
    entries(given(defaults, connections), None)
}

/// Checks connections for `setup` that came in another way. The command line of each connection is tried with `check`.
///
/// # Errors
///
/// All mistakes.
pub fn check_for_setup(
    defaults: Option<&Defaults>,
    connections: &[ManifestConnection],
    check: &dyn Fn(&[String]) -> Result<(), String>,
) -> Result<Vec<Listed>, Vec<Mistake>> {
    listed_in(given(defaults, connections), None, check)
}

/// Connections and their defaults as a manifest has them.
fn given(defaults: Option<&Defaults>, connections: &[ManifestConnection]) -> Node {
    // Texts, flags and maps of texts can always be written as JSON.
    let json = |value: Result<serde_json::Value, serde_json::Error>| value.unwrap_or_default();
    let field = |key: &str, found| {
        let spot = Spot::Connection(0);
        let key = key.to_owned();
        let node = Node { spot, found };
        Field { key, spot, node }
    };
    let nodes = (1..).map(Spot::Connection).zip(connections);
    let nodes = nodes.map(|(spot, connection)| Node::of(json(serde_json::to_value(connection)), spot));
    let mut fields = vec![field("connection", Found::List(nodes.collect()))];
    if let Some(defaults) = defaults {
        let spot = Spot::Defaults;
        let node = Node::of(json(serde_json::to_value(defaults)), spot);
        fields.push(field("defaults", node.found));
    }
    Node {
        spot: Spot::Connection(0),
        found: Found::Table(fields),
    }
}

/// The connections with the defaults that count for them, the defaults, and the mistakes that each one has for itself.
fn connections(root: Node) -> (Vec<Read>, Options, Vec<Mistake>) {
    let (mut mistakes, mut defaults, mut listed) = (Vec::new(), None, None);
    let Found::Table(fields) = root.found else {
        let found = root.found.words();
        let message = format!("expected a table with the list connection, found {found}");
        return (Vec::new(), Options::default(), vec![Mistake::at(root.spot, message)]);
    };
    for Field { key, spot, node } in fields {
        let (slot, expected): (&mut Option<Node>, _) = match key.as_str() {
            "connection" => (&mut listed, "a list of connections"),
            "defaults" => (&mut defaults, "a table"),
            _ => {
                let message = format!("there is no key {}: expected connection or defaults", shown(&key));
                mistakes.push(Mistake::at(spot, message));
                continue;
            }
        };
        let is_right = match node.found {
            Found::List(_) => key == "connection",
            Found::Table(_) => key == "defaults",
            _ => false,
        };
        if slot.is_some() {
            mistakes.push(Mistake::at(spot, format!("{key} is given twice")));
        } else if is_right {
            *slot = Some(node);
        } else {
            let found = node.found.words();
            mistakes.push(Mistake::at(spot, format!("{key}: expected {expected}, found {found}")));
        }
    }
    let defaults = match defaults.map(|node| node.found) {
        Some(Found::Table(fields)) => Options::read(fields, Of::Defaults, &mut mistakes),
        _ => Options::default(),
    };
    let Some(Found::List(nodes)) = listed.map(|node| node.found) else {
        return (Vec::new(), defaults, mistakes);
    };
    let mut all = Vec::new();
    for Node { spot, found } in nodes {
        let Found::Table(fields) = found else {
            let message = format!("expected a connection with its keys, found {}", found.words());
            mistakes.push(Mistake::at(spot, message));
            continue;
        };
        let before = mistakes.len();
        let is_there = |key: &str| fields.iter().any(|field| field.key == key);
        let present = ["cluster", "instance", "function"].map(is_there);
        let mut options = Options::read(fields, Of::Connection, &mut mistakes);
        options.complete(&defaults);
        let entry = entry(&options, present, spot, &mut mistakes);
        if mistakes.len() == before {
            all.push(Read { entry, options, spot });
        }
    }
    (all, defaults, mistakes)
}

/// Whether cluster, instance and function are `present` is known also where their values cannot be used.
fn entry(options: &Options, present: [bool; 3], at: Spot, mistakes: &mut Vec<Mistake>) -> Entry {
    let text = |key: &str| options.text(key).map(str::to_owned);
    let spot = |key: &str| options.spot(key).unwrap_or(at);
    let [has_cluster, has_instance, has_function] = present;
    if has_cluster == has_instance {
        let found = if has_cluster { "both" } else { "neither" };
        mistakes.push(Mistake::at(at, format!("expected cluster or instance, found {found}")));
    }
    if !has_function {
        mistakes.push(Mistake::at(at, "expected function, found none"));
    }
    let (kind, database_key) = if has_instance && !has_cluster {
        (DatabaseKind::Instance, "instance")
    } else {
        (DatabaseKind::Cluster, "cluster")
    };
    let database = text(database_key).unwrap_or_default();
    let place = Place {
        region: text("region"),
        profile: text("profile"),
        role_arn: text("role_arn"),
    };
    // What setup has made is not new any more. An invalid name is reported below.
    let given = options.text("function").unwrap_or_default();
    let given = given.strip_prefix("new:").unwrap_or(given);
    let unqualified = function::unqualified(given);
    let function = unqualified.as_ref().map_or(given, |name| name).to_owned();
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_:".contains(&byte))
    };
    let texts = [
        (database_key, Expected::from(kind), database.as_str()),
        ("function", Expected::Function, function.as_str()),
        (
            "role_arn",
            Expected::Role,
            place.role_arn.as_deref().unwrap_or_default(),
        ),
    ];
    for (key, expected, name) in texts.into_iter().filter(|(key, ..)| options.text(key).is_some()) {
        let named = Named::of(name);
        let elsewhere = || named.check(&place.origin()).map_err(|elsewhere| elsewhere.to_string());
        let form = || match expected {
            Expected::Role if !is_role(name) => Err(format!(
                "expected the ARN of a role, such as arn:aws:iam::123456789012:role/drift, found {}",
                shown(name)
            )),
            Expected::Function if !is_name(name) => Err(format!(
                "expected a name, a partial or a full ARN, found \"{}\"",
                shown(name)
            )),
            Expected::Function => unqualified.clone().map(|_| ()),
            _ => Ok(()),
        };
        if let Err(why) = named.expect(expected).and_then(|()| form()).and_then(|()| elsewhere()) {
            mistakes.push(Mistake::at(spot(key), format!("{key}: {why}")));
        }
    }
    let proxy = match options.text("proxy") {
        None | Some("none") => None,
        Some("new") => Some(created::proxy(&last_segment(&database).to_ascii_lowercase())),
        Some(name) => Some(name.strip_prefix("new:").unwrap_or(name).to_owned()),
    };
    if let Some(name) = proxy.as_ref().filter(|name| !is_name(name) || name.contains(':')) {
        let message = format!(
            "proxy: expected none, new, new:NAME or a proxy's name, found \"{}\"",
            shown(name)
        );
        mistakes.push(Mistake::at(spot("proxy"), message));
    }
    Entry {
        name: text("name"),
        place,
        connection: Connection {
            kind,
            database,
            proxy,
            function,
        },
    }
}

fn is_role(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", _, "iam", "", account, role] if account.len() == 12 && role.starts_with("role/"))
}

/// Where the lines of a text begin.
pub(crate) struct Lines(Vec<usize>);

impl Lines {
    pub(crate) fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(place, _)| place).collect())
    }

    /// The line of a byte.
    pub(crate) fn spot(&self, place: usize) -> Spot {
        Spot::Line(self.0.partition_point(|newline| *newline < place) + 1)
    }
}

#[cfg(test)]
mod tests;
