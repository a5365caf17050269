//! Writes HCL, the language of Terraform, in the layout that `terraform fmt` leaves.
//!
//! A writer of its own, since the crates that print HCL know neither comments nor that layout. `tests/aws/terraform.rs` holds it to
//! `terraform fmt -check`, and `tests/aws/hcl.rs` to a parser.

use std::fmt::Write as _;

use crate::escape::{is_unsafe, plain};

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// Written as it is: a reference, or a call of references. Never a text of others.
    Verbatim(String),
    /// A text, with expressions in it.
    Text(Vec<Part>),
    /// A number.
    Number(String),
    /// A truth value.
    Bool(bool),
    /// `null`.
    Null,
    /// A list on one line.
    List(Vec<Expression>),
    /// A list with a line for each item.
    Lines(Vec<Expression>),
    /// An object with a line for each entry.
    Object(Vec<(String, Expression)>),
    /// A function's call with one argument.
    Call(&'static str, Box<Expression>),
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// As it is.
    Literal(String),
    /// `${…}`.
    Interpolation(String),
}

impl Expression {
    /// A text without expressions.
    pub fn text(text: &str) -> Self {
        Self::Text(vec![Part::Literal(text.to_owned())])
    }
}

/// What stands in a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// `name = value`.
    Attribute(String, Expression),
    /// `name "label" "label" { … }`.
    Block(Block),
    /// An empty line.
    Blank,
    /// `# …`, a line for each line of the text.
    Comment(String),
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What it begins with.
    pub name: &'static str,
    /// Its labels.
    pub labels: Vec<String>,
    /// What is in it.
    pub body: Vec<Item>,
}

impl Block {
    /// An empty block.
    pub fn new(name: &'static str, labels: &[&str]) -> Self {
        Self {
            name,
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            body: Vec::new(),
        }
    }

    /// Adds an attribute.
    pub fn set(&mut self, name: &str, value: Expression) {
        self.body.push(Item::Attribute(name.to_owned(), value));
    }

    /// Adds a text, if there is one.
    pub fn set_text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.set(name, Expression::text(value));
        }
    }

    /// Adds a block, after an empty line.
    pub fn nest(&mut self, block: Block) {
        self.part(Item::Block(block));
    }

    /// Adds what has several lines, after an empty line.
    pub fn part(&mut self, item: Item) {
        if !self.body.is_empty() {
            self.body.push(Item::Blank);
        }
        self.body.push(item);
    }
}

/// A line, before attributes are aligned.
struct Line {
    depth: usize,
    text: String,
    /// What comes after the name of an attribute that ends on its line.
    value: Option<String>,
}

/// Writes a body.
pub fn write(body: &[Item]) -> String {
    let mut lines = Vec::new();
    write_body(&mut lines, 0, body);
    aligned(&lines)
}

/// Writes a body as a comment.
pub fn commented(body: &[Item]) -> String {
    let text = write(body);
    let lines = text.lines().map(|line| format!("  {line}").trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

fn write_body(lines: &mut Vec<Line>, depth: usize, body: &[Item]) {
    for item in body {
        match item {
            Item::Blank => push(lines, 0, String::new()),
            Item::Comment(text) => {
                for line in text.split('\n') {
                    push(lines, depth, format!("# {}", plain(line)).trim_end().to_owned());
                }
            }
            Item::Attribute(name, value) => attribute(lines, depth, name.clone(), value),
            Item::Block(block) => {
                let labels: String = block.labels.iter().fold(String::new(), |mut labels, label| {
                    let _ = write!(labels, " {}", quoted(label, Scope::Key));
                    labels
                });
                push(lines, depth, format!("{}{labels} {{", block.name));
                write_body(lines, depth + 1, &block.body);
                push(lines, depth, "}".to_owned());
            }
        }
    }
}

fn push(lines: &mut Vec<Line>, depth: usize, text: String) {
    lines.push(Line {
        depth,
        text,
        value: None,
    });
}

/// An attribute: on one line, or over several, of which then none is aligned.
fn attribute(lines: &mut Vec<Line>, depth: usize, name: String, value: &Expression) {
    let mut written = Vec::new();
    expression(&mut written, depth, value);
    if let [only] = written.as_slice() {
        lines.push(Line {
            depth,
            text: name,
            value: Some(only.text.clone()),
        });
        return;
    }
    let mut written = written.into_iter();
    if let Some(first) = written.next() {
        push(lines, depth, format!("{name} = {}", first.text));
    }
    lines.extend(written);
}

/// The lines of an expression; the first continues the line that it stands on.
fn expression(lines: &mut Vec<Line>, depth: usize, value: &Expression) {
    match value {
        Expression::Lines(items) if !items.is_empty() => {
            push(lines, depth, "[".to_owned());
            for (index, item) in items.iter().enumerate() {
                expression(lines, depth + 1, item);
                if index + 1 < items.len()
                    && let Some(last) = lines.last_mut()
                {
                    last.text.push(',');
                }
            }
            push(lines, depth, "]".to_owned());
        }
        Expression::Object(entries) if !entries.is_empty() => {
            push(lines, depth, "{".to_owned());
            for (key, value) in entries {
                attribute(lines, depth + 1, object_key(key), value);
            }
            push(lines, depth, "}".to_owned());
        }
        Expression::Call(name, argument) => {
            let at = lines.len();
            expression(lines, depth, argument);
            lines[at].text.insert_str(0, &format!("{name}("));
            if let Some(last) = lines.last_mut() {
                last.text.push(')');
            }
        }
        value => push(lines, depth, on_one_line(value)),
    }
}

fn on_one_line(value: &Expression) -> String {
    match value {
        Expression::Verbatim(text) | Expression::Number(text) => text.clone(),
        Expression::Bool(value) => value.to_string(),
        Expression::Null => "null".to_owned(),
        Expression::Text(parts) => template(parts),
        Expression::List(items) | Expression::Lines(items) => {
            let items: Vec<String> = items.iter().map(on_one_line).collect();
            format!("[{}]", items.join(", "))
        }
        Expression::Object(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{} = {}", object_key(key), on_one_line(value)))
                .collect();
            if entries.is_empty() {
                "{}".to_owned()
            } else {
                format!("{{ {} }}", entries.join(", "))
            }
        }
        Expression::Call(name, argument) => format!("{name}({})", on_one_line(argument)),
    }
}

/// A key is bare where it is a name, so that it reads as people write it.
fn object_key(key: &str) -> String {
    if is_identifier(key) && !["null", "true", "false", "for", "if"].contains(&key) {
        key.to_owned()
    } else {
        quoted(key, Scope::Key)
    }
}

/// Whether a text is a name in HCL, of ASCII letters.
pub fn is_identifier(text: &str) -> bool {
    let mut characters = text.chars();
    characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '-'))
}

/// Where a text stands. The width of a key counts for the layout, so that it has ASCII characters only.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Key,
    Value,
}

fn template(parts: &[Part]) -> String {
    let mut written = "\"".to_owned();
    for part in parts {
        match part {
            Part::Literal(text) => escape_into(&mut written, text, Scope::Value),
            Part::Interpolation(reference) => {
                // A sign before it would make it a text.
                if let Some(sign) = written.pop() {
                    match sign {
                        '$' | '%' => unicode(&mut written, sign),
                        other => written.push(other),
                    }
                }
                let _ = write!(written, "${{{reference}}}");
            }
        }
    }
    written.push('"');
    written
}

fn quoted(text: &str, scope: Scope) -> String {
    let mut written = "\"".to_owned();
    escape_into(&mut written, text, scope);
    written.push('"');
    written
}

fn unicode(written: &mut String, character: char) {
    let code = u32::from(character);
    let _ = if code > 0xffff {
        write!(written, "\\U{code:08x}")
    } else {
        write!(written, "\\u{code:04x}")
    };
}

fn escape_into(written: &mut String, text: &str, scope: Scope) {
    let mut characters = text.chars().peekable();
    let mut before = None;
    while let Some(character) = characters.next() {
        match character {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            // Twice the sign stands for one; where a sign comes before, that could be read in two ways.
            '$' | '%' if characters.peek() == Some(&'{') => {
                if matches!(before, Some('$' | '%')) {
                    unicode(written, character);
                } else {
                    written.extend([character, character]);
                }
            }
            other if is_unsafe(other) || (scope == Scope::Key && !other.is_ascii()) => unicode(written, other),
            other => written.push(other),
        }
        before = Some(character);
    }
}

/// Attributes on lines that follow each other have their values in one column.
fn aligned(lines: &[Line]) -> String {
    let mut text = String::new();
    let mut rest = lines;
    while let Some(first) = rest.first() {
        let count = rest.iter().take_while(|line| line.value.is_some()).count().max(1);
        let (chain, after) = rest.split_at(count);
        let width = chain.iter().map(|line| line.text.len()).max().unwrap_or_default();
        for line in chain {
            let indent = "  ".repeat(line.depth);
            let _ = match &line.value {
                Some(value) => writeln!(text, "{indent}{:width$} = {value}", line.text),
                None if line.text.is_empty() => writeln!(text),
                None => writeln!(text, "{indent}{}", first.text),
            };
        }
        rest = after;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(name: &str, value: Expression) -> Item {
        Item::Attribute(name.to_owned(), value)
    }

    #[test]
    fn texts_of_others_stay_texts() {
        let table = [
            ("plain", r#""plain""#),
            ("a \"b\" \\ c", r#""a \"b\" \\ c""#),
            ("two\nlines\tand\rmore", r#""two\nlines\tand\rmore""#),
            ("${var.x} %{if}", r#""$${var.x} %%{if}""#),
            ("$${var.x}", r#""$\u0024{var.x}""#),
            ("100% $5 {x}", r#""100% $5 {x}""#),
            ("größe \u{202e}", "\"größe \\u202e\""),
        ];
        for (text, written) in table {
            assert_eq!(quoted(text, Scope::Value), written, "{text}");
        }
        assert_eq!(quoted("größe 😀", Scope::Key), r#""gr\u00f6\u00dfe \U0001f600""#);
        let parts = [Part::Literal("$".to_owned()), Part::Interpolation("x.y".to_owned())];
        assert_eq!(template(&parts), r#""\u0024${x.y}""#);
    }

    #[test]
    fn values_stand_in_one_column() {
        let mut block = Block::new("resource", &["kind", "label"]);
        block.set("a", Expression::Number("1".to_owned()));
        block.set("longer", Expression::Bool(true));
        let object = vec![
            ("k".to_owned(), Expression::text("v")),
            ("autoconnect:k".to_owned(), Expression::Null),
        ];
        block.part(attribute("tags", Expression::Object(object)));
        let nested = vec![("Version".to_owned(), Expression::text("v"))];
        let list = Expression::Lines(vec![Expression::Object(nested.clone()), Expression::Object(nested)]);
        let call = Expression::Object(vec![("x".to_owned(), Expression::text("y")), ("list".to_owned(), list)]);
        block.part(attribute("policy", Expression::Call("jsonencode", Box::new(call))));
        let written = write(&[Item::Block(block)]);
        let expected = r#"resource "kind" "label" {
  a      = 1
  longer = true

  tags = {
    k               = "v"
    "autoconnect:k" = null
  }

  policy = jsonencode({
    x = "y"
    list = [
      {
        Version = "v"
      },
      {
        Version = "v"
      }
    ]
  })
}
"#;
        assert_eq!(written, expected);
    }
}
