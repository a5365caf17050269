//! The text of a manifest in one of its three forms, as one tree whose parts know their lines.

mod json;
mod yaml;

use std::borrow::Cow;
use std::path::Path;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Lines, Mistake, Spot};
pub use yaml::flag_of_template;

/// What a text is of: this bounds what it may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A manifest of connections.
    Manifest,
    /// A template of CloudFormation, whose functions have short forms in YAML: `!Ref Name` is read as `{Ref: Name}`.
    Template,
}

impl Kind {
    /// How many levels it can have. A manifest needs four.
    const fn deepest(self) -> usize {
        match self {
            Self::Manifest => 8,
            Self::Template => 64,
        }
    }

    /// What is said of a text with more levels.
    const fn too_deep(self) -> &'static str {
        match self {
            Self::Manifest => "a manifest is not nested so deeply",
            Self::Template => "a template is not nested so deeply",
        }
    }
}

/// How much of a value is shown in a message.
const SHOWN: usize = 64;

/// How a manifest is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Toml,
    Yaml,
    Json,
}

impl Form {
    /// As the suffix of the file tells; TOML if it tells nothing.
    pub fn of(path: &Path) -> Self {
        let suffix = path.extension().and_then(|suffix| suffix.to_str()).unwrap_or_default();
        match suffix.to_ascii_lowercase().as_str() {
            "json" => Self::Json,
            "yaml" | "yml" => Self::Yaml,
            _ => Self::Toml,
        }
    }

    /// Reads a text.
    pub fn read(self, kind: Kind, text: &str) -> Result<Node, Mistake> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match self {
            Self::Toml => toml(kind, text),
            Self::Yaml => yaml::read(kind, text),
            Self::Json => json::read(kind, text),
        }
    }
}

/// A value, and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub spot: Spot,
    pub found: Found,
}

/// What a value is, as far as manifests and templates have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Text(String),
    Flag(bool),
    /// As it is written, so that no digit is lost.
    Number(String),
    Nothing,
    List(Vec<Node>),
    Table(Vec<Field>),
    /// Anything else, in the words of a message.
    Other(String),
}

/// A key with its value. A table can have a key twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub key: String,
    pub spot: Spot,
    pub node: Node,
}

impl Node {
    /// A value that came in another way than as a file.
    pub fn of(value: Value, spot: Spot) -> Self {
        let found = match value {
            Value::Null => Found::Nothing,
            Value::Bool(flag) => Found::Flag(flag),
            Value::Number(number) => Found::Number(number.to_string()),
            Value::String(text) => Found::Text(text),
            Value::Array(values) => Found::List(values.into_iter().map(|value| Self::of(value, spot)).collect()),
            Value::Object(fields) => {
                let field = |(key, value)| Field {
                    key,
                    spot,
                    node: Self::of(value, spot),
                };
                Found::Table(fields.into_iter().map(field).collect())
            }
        };
        Self { spot, found }
    }
}

impl Found {
    /// What it is, in the words of a message.
    pub fn words(&self) -> String {
        match self {
            Self::Text(text) => format!("\"{}\"", shown(text)),
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => format!("the number {}", shown(number)),
            Self::Nothing => "nothing".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "a table".to_owned(),
            Self::Other(words) => words.clone(),
        }
    }
}

/// A value of the manifest, shortened for a message.
pub fn shown(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

fn toml(kind: Kind, text: &str) -> Result<Node, Mistake> {
    let lines = Lines::of(text);
    match DeTable::parse(text) {
        Ok(table) => {
            let spot = lines.spot(table.span().start);
            let found = Found::Table(fields(table.into_inner(), &lines, (kind, 0))?);
            Ok(Node { spot, found })
        }
        Err(error) => Err(Mistake {
            spot: error.span().map(|span| lines.spot(span.start)),
            message: error.message().trim().replace('\n', "; "),
        }),
    }
}

fn fields(table: DeTable<'_>, lines: &Lines, (kind, depth): (Kind, usize)) -> Result<Vec<Field>, Mistake> {
    let field = |(key, value): (Spanned<Cow<'_, str>>, Spanned<DeValue<'_>>)| {
        Ok(Field {
            spot: lines.spot(key.span().start),
            key: key.into_inner().into_owned(),
            node: of_toml(value, lines, (kind, depth + 1))?,
        })
    };
    table.into_iter().map(field).collect()
}

fn of_toml(value: Spanned<DeValue<'_>>, lines: &Lines, (kind, depth): (Kind, usize)) -> Result<Node, Mistake> {
    let spot = lines.spot(value.span().start);
    if depth > kind.deepest() {
        return Err(Mistake::at(spot, kind.too_deep()));
    }
    let found = match value.into_inner() {
        DeValue::String(text) => Found::Text(text.into_owned()),
        DeValue::Boolean(flag) => Found::Flag(flag),
        DeValue::Integer(number) => Found::Number(number.as_str().to_owned()),
        DeValue::Float(number) => Found::Number(number.as_str().to_owned()),
        DeValue::Datetime(_) => Found::Other("a date or a time".to_owned()),
        DeValue::Array(values) => {
            let values = values.into_iter().map(|value| of_toml(value, lines, (kind, depth + 1)));
            Found::List(values.collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => Found::Table(fields(table, lines, (kind, depth))?),
    };
    Ok(Node { spot, found })
}
