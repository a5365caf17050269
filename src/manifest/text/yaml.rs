//! YAML 1.2, without what can make a small text large (anchors, aliases) or a value something else (tags). Templates of
//! CloudFormation have tags, the short forms of its functions, and the flags of YAML 1.1.

use std::sync::LazyLock;

use regex::Regex;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::super::{Mistake, Spot};
use super::{Field, Found, Kind, Node};

const TAGS: &str = "tags of YAML, such as !!str, are not read: put a text in quotes";

fn aliases(kind: Kind) -> &'static str {
    match kind {
        Kind::Manifest => "anchors and aliases are not read: give shared values once, in defaults",
        Kind::Template => "CloudFormation reads no anchors and aliases",
    }
}

/// What the parser says of a text that is nested more deeply than it looks ahead.
const RECURSION: &str = "recursion limit exceeded";

/// A list or a table that has begun.
struct Open {
    spot: Spot,
    content: Content,
    /// The function that it is the argument of.
    function: Option<String>,
}

impl Open {
    /// The value, now that it has ended.
    fn node(self) -> Node {
        let found = match self.content {
            Content::List(list) => Found::List(list),
            Content::Table(fields, _) => Found::Table(fields),
        };
        let spot = self.spot;
        called(self.function, Node { spot, found })
    }
}

enum Content {
    List(Vec<Node>),
    /// Its fields, and the key whose value comes next.
    Table(Vec<Field>, Option<(String, Spot)>),
}

pub fn read(kind: Kind, text: &str) -> Result<Node, Mistake> {
    let (mut open, mut root) = (Vec::<Open>::new(), None);
    let (mut has_begun, mut has_content) = (false, false);
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| mistake(kind, &error))?;
        let spot = spot(span);
        let node = match event {
            Event::DocumentStart(_) if has_begun => {
                return Err(Mistake::at(spot, "expected one document, found a second one"));
            }
            Event::DocumentStart(_) => {
                has_begun = true;
                continue;
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => continue,
            Event::Alias(_) => return Err(Mistake::at(spot, aliases(kind))),
            Event::Scalar(.., anchor, _) | Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _)
                if anchor > 0 =>
            {
                return Err(Mistake::at(spot, aliases(kind)));
            }
            Event::SequenceStart(_, ref tag) | Event::MappingStart(_, ref tag) => {
                let function = function(kind, tag.as_deref(), spot)?;
                let content = if matches!(event, Event::SequenceStart(..)) {
                    Content::List(Vec::new())
                } else {
                    Content::Table(Vec::new(), None)
                };
                if open.len() >= kind.deepest() {
                    return Err(Mistake::at(spot, kind.too_deep()));
                }
                if is_key_next(&open) {
                    return Err(Mistake::at(spot, "expected a text as a key, found a list or a table"));
                }
                has_content = true;
                open.push(Open {
                    spot,
                    content,
                    function,
                });
                continue;
            }
            Event::Scalar(text, style, _, tag) => {
                let function = function(kind, tag.as_deref(), spot)?;
                if let Some(Open {
                    content: Content::Table(_, key @ None),
                    ..
                }) = open.last_mut()
                {
                    if function.is_some() {
                        return Err(Mistake::at(spot, "expected a text as a key, found a function"));
                    }
                    *key = Some((text.into_owned(), spot));
                    continue;
                }
                has_content = has_content || !text.is_empty() || style != ScalarStyle::Plain;
                let found = match style {
                    ScalarStyle::Plain if function.is_none() => match flag_of_template(&text) {
                        Some(flag) if kind == Kind::Template => Found::Flag(flag),
                        _ => plain(&text),
                    },
                    _ => Found::Text(text.into_owned()),
                };
                called(function, Node { spot, found })
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(ended) = open.pop() else { continue };
                ended.node()
            }
        };
        match open.last_mut().map(|open| &mut open.content) {
            None => root = Some(node),
            Some(Content::List(list)) => list.push(node),
            Some(Content::Table(fields, key)) => {
                if let Some((key, spot)) = key.take() {
                    fields.push(Field { key, spot, node });
                }
            }
        }
    }
    // As in TOML, an empty text is an empty table.
    let empty = || Node {
        spot: Spot::Line(1),
        found: Found::Table(Vec::new()),
    };
    Ok(root.filter(|_| has_content).unwrap_or_else(empty))
}

/// What the parser found wrong.
fn mistake(kind: Kind, error: &ScanError) -> Mistake {
    let spot = Spot::Line(error.marker().line().max(1));
    let message = match error.info() {
        RECURSION => kind.too_deep(),
        message => message,
    };
    Mistake::at(spot, message)
}

/// The function whose short form a tag is, by the name of its long form.
fn function(kind: Kind, tag: Option<&Tag>, spot: Spot) -> Result<Option<String>, Mistake> {
    let Some(tag) = tag else { return Ok(None) };
    if kind == Kind::Manifest || tag.handle != "!" {
        return Err(Mistake::at(spot, TAGS));
    }
    Ok(Some(match tag.suffix.as_str() {
        name @ ("Ref" | "Condition") => name.to_owned(),
        name => format!("Fn::{name}"),
    }))
}

/// The long form of a function with its argument. `!GetAtt Name.Attribute` has the list of both.
fn called(function: Option<String>, argument: Node) -> Node {
    let Some(key) = function else { return argument };
    let spot = argument.spot;
    let node = match &argument.found {
        Found::Text(text) if key == "Fn::GetAtt" && text.contains('.') => {
            let part = |text: &str| Node {
                spot,
                found: Found::Text(text.to_owned()),
            };
            let parts = text.splitn(2, '.').map(part).collect();
            Node {
                spot,
                found: Found::List(parts),
            }
        }
        _ => argument,
    };
    Node {
        spot,
        found: Found::Table(vec![Field { key, spot, node }]),
    }
}

fn is_key_next(open: &[Open]) -> bool {
    matches!(
        open.last(),
        Some(Open {
            content: Content::Table(_, None),
            ..
        })
    )
}

fn spot(span: Span) -> Spot {
    Spot::Line(span.start.line().max(1))
}

/// The flag that a text without quotes is to CloudFormation, which reads YAML 1.1.
///
/// Source: `SnakeYAML` and `PyYAML`, which take `y` and `n` for texts.
pub fn flag_of_template(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// What a text without quotes is, by the core schema of YAML 1.2.
fn plain(text: &str) -> Found {
    static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
        let form = r"^([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$";
        Regex::new(form).expect("the pattern is a literal, which a test reads")
    });
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Found::Nothing,
        "true" | "True" | "TRUE" => Found::Flag(true),
        "false" | "False" | "FALSE" => Found::Flag(false),
        _ if NUMBER.is_match(text) => Found::Number(text.to_owned()),
        _ => Found::Text(text.to_owned()),
    }
}
