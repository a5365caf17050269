//! The manifest of `drift`: the connections to look at, in TOML, with errors by line.
//!
//! Source: docs/drift.md, "The manifest".

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use toml::Spanned;

use crate::estate::Connection;
use crate::files::{self, LARGEST_TEXT};
use crate::model::{DatabaseKind, Expected, Named, last_segment};
use crate::monitor::{Entry, Place, key};
use crate::naming::{created, function};

/// The connections that are looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The connections.
    #[serde(default)]
    pub connection: Vec<ManifestConnection>,
}

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
    /// The function: a name, a partial or a full ARN.
    pub function: String,
    /// The RDS Proxy between them: `none`, its name, `new`, or `new:NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// The Region; that of the command line or the environment if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The profile of the AWS configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The role to assume, in this account or another one, with the credentials of `profile` if that is named too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
}

/// The manifest as it is read: each connection with its place in the text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    #[serde(default)]
    connection: Vec<Spanned<ManifestConnection>>,
}

/// Where in a manifest something stands, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// In this line of a text.
    Line(usize),
    /// In this connection of a list.
    Connection(usize),
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Connection(number) => write!(f, "connection {number}"),
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
    #[error("{whence}: {}", .mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Mistaken {
        /// The file or the field that it came from.
        whence: String,
        /// All of them, as far as they can be reported at once.
        mistakes: Vec<Mistake>,
    },
    /// It has no connections.
    #[error("{whence}: expected at least one [[connection]], found none")]
    Empty {
        /// The file or the field that it came from.
        whence: String,
    },
}

impl ManifestError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } | Self::Mistaken { .. } => {
                "`autoconnect schema manifest` prints its JSON Schema, and docs/drift.md shows an example"
            }
            Self::Empty { .. } => "add connections, or use --allow-empty if there is nothing to check",
        }
    }
}

/// Reads a manifest's file.
///
/// # Errors
///
/// It cannot be read, has mistakes, or no connections although it `must_have_some`: a schedule that looks at nothing would
/// pass for one that finds nothing.
pub fn load(path: &Path, must_have_some: bool) -> Result<Vec<Entry>, ManifestError> {
    let unreadable = |source| ManifestError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let text = files::read(path, LARGEST_TEXT).map_err(unreadable)?;
    let text =
        String::from_utf8(text).map_err(|error| unreadable(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    let entries = parse(&text).map_err(|mistakes| ManifestError::Mistaken {
        whence: path.display().to_string(),
        mistakes,
    })?;
    if entries.is_empty() && must_have_some {
        return Err(ManifestError::Empty {
            whence: path.display().to_string(),
        });
    }
    Ok(entries)
}

/// Reads a manifest.
///
/// # Errors
///
/// All mistakes of its connections; or the first one in its shape.
pub fn parse(text: &str) -> Result<Vec<Entry>, Vec<Mistake>> {
    let lines = Lines::of(text);
    let read: Text = toml::from_str(text).map_err(|error| {
        vec![Mistake {
            spot: error.span().map(|span| lines.spot(span.start)),
            message: error.message().trim().replace('\n', "; "),
        }]
    })?;
    let read = read
        .connection
        .into_iter()
        .map(|found| (lines.spot(found.span().start), found.into_inner()));
    checked(read)
}

/// Checks connections that came in another way.
///
/// # Errors
///
/// All mistakes.
pub fn check(connections: Vec<ManifestConnection>) -> Result<Vec<Entry>, Vec<Mistake>> {
    checked((1..).map(Spot::Connection).zip(connections))
}

fn checked(connections: impl Iterator<Item = (Spot, ManifestConnection)>) -> Result<Vec<Entry>, Vec<Mistake>> {
    let (mut entries, mut mistakes) = (Vec::new(), Vec::new());
    let mut seen: BTreeMap<String, Spot> = BTreeMap::new();
    for (spot, connection) in connections {
        let messages = match entry(connection) {
            Ok(entry) => {
                let before = seen.insert(key(&entry.place, &entry.connection), spot);
                let again = before.map(|before| format!("{} is listed already, in {before}", entry.connection));
                entries.push(entry);
                again.into_iter().collect()
            }
            Err(messages) => messages,
        };
        let spot = Some(spot);
        mistakes.extend(messages.into_iter().map(|message| Mistake { spot, message }));
    }
    if mistakes.is_empty() {
        Ok(entries)
    } else {
        Err(mistakes)
    }
}

fn entry(connection: ManifestConnection) -> Result<Entry, Vec<String>> {
    let ManifestConnection {
        name,
        cluster,
        instance,
        function,
        proxy,
        region,
        profile,
        role_arn,
    } = connection;
    let mut mistakes = Vec::new();
    let texts = [
        ("name", &name),
        ("cluster", &cluster),
        ("instance", &instance),
        ("region", &region),
        ("profile", &profile),
        ("role_arn", &role_arn),
    ];
    for (key, text) in texts {
        if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
            mistakes.push(format!("{key} is empty"));
        }
    }
    let (kind, database) = one_database(cluster, instance, &mut mistakes);
    let place = Place {
        region,
        profile,
        role_arn,
    };
    // What setup has made is not new any more. An invalid name is reported below.
    let function = function.strip_prefix("new:").unwrap_or(&function);
    let unqualified = function::unqualified(function);
    let function = unqualified.as_ref().map_or(function, |name| name).to_owned();
    let mut texts = vec![
        (
            if kind == DatabaseKind::Cluster {
                "cluster"
            } else {
                "instance"
            },
            Expected::from(kind),
            &database,
        ),
        ("function", Expected::Function, &function),
    ];
    texts.extend(place.role_arn.as_ref().map(|role| ("role_arn", Expected::Role, role)));
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_:".contains(&byte))
    };
    for (key, expected, name) in texts {
        let named = Named::of(name);
        let elsewhere = || named.check(&place.origin()).map_err(|elsewhere| elsewhere.to_string());
        let form = || match expected {
            Expected::Role if !is_role(name) => Err(format!(
                "expected the ARN of a role, such as arn:aws:iam::123456789012:role/drift, found {name}"
            )),
            Expected::Function if !is_name(name) => {
                Err(format!("expected a name, a partial or a full ARN, found \"{name}\""))
            }
            Expected::Function => unqualified.clone().map(|_| ()),
            _ => Ok(()),
        };
        if let Err(why) = named.expect(expected).and_then(|()| form()).and_then(|()| elsewhere()) {
            mistakes.push(format!("{key}: {why}"));
        }
    }
    let proxy = match proxy.as_deref() {
        None | Some("none") => None,
        Some("new") => Some(created::proxy(&last_segment(&database).to_ascii_lowercase())),
        Some(name) => Some(name.strip_prefix("new:").unwrap_or(name).to_owned()),
    };
    if let Some(name) = proxy.as_ref().filter(|name| !is_name(name) || name.contains(':')) {
        mistakes.push(format!(
            "proxy: expected none, new, new:NAME or a proxy's name, found \"{name}\""
        ));
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    Ok(Entry {
        name,
        place,
        connection: Connection {
            kind,
            database,
            proxy,
            function,
        },
    })
}

/// The database, which is either a cluster or an instance.
fn one_database(
    cluster: Option<String>,
    instance: Option<String>,
    mistakes: &mut Vec<String>,
) -> (DatabaseKind, String) {
    let found = match (cluster, instance) {
        (Some(cluster), None) => return (DatabaseKind::Cluster, cluster),
        (None, Some(instance)) => return (DatabaseKind::Instance, instance),
        (Some(_), Some(_)) => "both",
        (None, None) => "neither",
    };
    mistakes.push(format!("expected cluster or instance, found {found}"));
    (DatabaseKind::Cluster, String::new())
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
mod tests {
    use super::*;

    fn mistakes(text: &str) -> Vec<String> {
        parse(text).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn connections_are_read_with_their_places() {
        let entries = parse(
            r#"
            [[connection]]
            name = "shop"
            cluster = "orders"
            function = "checkout"
            proxy = "new"
            region = "eu-west-1"
            role_arn = "arn:aws:iam::123456789012:role/drift"

            [[connection]]
            instance = "ledger"
            function = "new:invoices"
            proxy = "none"
            "#,
        )
        .unwrap();
        assert_eq!(
            entries[0].connection.to_string(),
            "cluster/orders:proxy/autoconnect-orders:function/checkout"
        );
        assert_eq!(entries[0].place.region.as_deref(), Some("eu-west-1"));
        assert_eq!(entries[1].connection.to_string(), "instance/ledger:function/invoices");
        assert_eq!(entries[1].place, Place::default());
        assert_eq!(parse(""), Ok(Vec::new()));
    }

    #[test]
    fn mistakes_are_reported_by_line() {
        let text = "[[connection]]\ncluster = \"a\"\ninstance = \"b\"\nfunction = \"f\"\n\n[[connection]]\nfunction = \"f g\"\n";
        assert_eq!(
            mistakes(text),
            [
                "line 1: expected cluster or instance, found both",
                "line 6: expected cluster or instance, found neither",
                "line 6: function: expected a name, a partial or a full ARN, found \"f g\""
            ]
        );
        let twice =
            "[[connection]]\ncluster = \"a\"\nfunction = \"f\"\n[[connection]]\ncluster = \"A\"\nfunction = \"f\"\n";
        assert_eq!(
            mistakes(twice),
            ["line 4: cluster/a:function/f is listed already, in line 1"]
        );
    }

    #[test]
    fn a_version_or_an_alias_is_refused() {
        let of = |function: &str| format!("[[connection]]\ncluster = \"a\"\nfunction = \"{function}\"\n");
        let arn = "arn:aws:lambda:eu-central-1:123456789012:function:f";
        for (function, qualifier) in [
            ("f", "live"),
            ("f", "7"),
            ("123456789012:function:f", "live"),
            (arn, "live"),
        ] {
            let found = mistakes(&of(&format!("{function}:{qualifier}")));
            let expected = format!("line 1: function: {qualifier} is a version or an alias");
            assert!(found.len() == 1 && found[0].starts_with(&expected), "{found:?}");
            assert!(
                found[0].ends_with(&format!("name the function as {function}")),
                "{found:?}"
            );
        }
        for function in ["f", "function:f", arn] {
            let latest = format!("{function}:$LATEST");
            for (text, expected) in [(function, function), (&latest, function)] {
                assert_eq!(parse(&of(text)).unwrap()[0].connection.function, expected, "{text}");
            }
        }
    }

    #[test]
    fn a_wrong_shape_is_reported_by_line() {
        for (text, line) in [
            ("[[connection]]\ncluster = \"a\"\nfunktion = \"f\"\n", "line 3: "),
            ("[[connection]]\ncluster = 7\nfunction = \"f\"\n", "line 2: "),
            ("\n[[connection]\n", "line 2: "),
        ] {
            let found = mistakes(text);
            assert!(found[0].starts_with(line), "{found:?}");
        }
    }
}
