//! YAML 1.2, without what can make a small text large (anchors, aliases) or a value something else (tags).

use std::sync::LazyLock;

use regex::Regex;
use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::super::{Mistake, Spot};
use super::{DEEPEST, Field, Found, Node, TOO_DEEP};

const ALIASES: &str = "anchors and aliases are not read: give shared values once, in defaults";
const TAGS: &str = "tags of YAML, such as !!str, are not read: put a text in quotes";

/// What the parser says of a text that is nested more deeply than it looks ahead.
const RECURSION: &str = "recursion limit exceeded";

/// A list or a table that has begun.
struct Open {
    spot: Spot,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    /// Its fields, and the key whose value comes next.
    Table(Vec<Field>, Option<(String, Spot)>),
}

pub fn read(text: &str) -> Result<Node, Mistake> {
    let (mut open, mut root) = (Vec::<Open>::new(), None);
    let (mut has_begun, mut has_content) = (false, false);
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let spot = Spot::Line(error.marker().line().max(1));
            Mistake::at(
                spot,
                if error.info() == RECURSION {
                    TOO_DEEP
                } else {
                    error.info()
                },
            )
        })?;
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
            Event::Alias(_) => return Err(Mistake::at(spot, ALIASES)),
            Event::Scalar(.., anchor, _) | Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _)
                if anchor > 0 =>
            {
                return Err(Mistake::at(spot, ALIASES));
            }
            Event::Scalar(.., Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                return Err(Mistake::at(spot, TAGS));
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                let content = if matches!(event, Event::SequenceStart(..)) {
                    Content::List(Vec::new())
                } else {
                    Content::Table(Vec::new(), None)
                };
                if open.len() == DEEPEST {
                    return Err(Mistake::at(spot, TOO_DEEP));
                }
                if is_key_next(&open) {
                    return Err(Mistake::at(spot, "expected a text as a key, found a list or a table"));
                }
                has_content = true;
                open.push(Open { spot, content });
                continue;
            }
            Event::Scalar(text, style, ..) => {
                if let Some(Open {
                    content: Content::Table(_, key @ None),
                    ..
                }) = open.last_mut()
                {
                    *key = Some((text.into_owned(), spot));
                    continue;
                }
                has_content = has_content || !text.is_empty() || style != ScalarStyle::Plain;
                let found = match style {
                    ScalarStyle::Plain => plain(&text),
                    _ => Found::Text(text.into_owned()),
                };
                Node { spot, found }
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { spot, content }) = open.pop() else {
                    continue;
                };
                let found = match content {
                    Content::List(list) => Found::List(list),
                    Content::Table(fields, _) => Found::Table(fields),
                };
                Node { spot, found }
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

/// What a text without quotes is, by the core schema of YAML 1.2.
fn plain(text: &str) -> Found {
    static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
        let form = r"^([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$";
        Regex::new(form).expect("the pattern is a literal, which a test reads")
    });
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Found::nothing(),
        "true" | "True" | "TRUE" => Found::Flag(true),
        "false" | "False" | "FALSE" => Found::Flag(false),
        _ if NUMBER.is_match(text) => Found::number(text),
        _ => Found::Text(text.to_owned()),
    }
}
