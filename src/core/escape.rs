//! Escapes values from outside for a terminal, JSON, a shell or a graph.
//!
//! Anyone who may tag a resource chooses such a value. It must not control a terminal, look like a line of its own, or
//! end the quotes around it.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};

use serde::Serialize;

/// Whether a character may not be shown as it is: it moves the cursor, ends the line, changes the direction of the text,
/// or cannot be seen.
#[must_use]
pub fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}'
            // Zero width, and marks of direction.
            | '\u{200b}'..='\u{200f}'
            // Separators of lines and paragraphs, embeddings and overrides.
            | '\u{2028}'..='\u{202e}'
            // Invisible operators, isolates.
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            // No characters: the program marks its own styles with them.
            | '\u{fdd0}'..='\u{fdef}'
            | '\u{e0000}'..='\u{e007f}')
}

/// A value as it is shown in a text: with `\u{1b}` in place of an unsafe character.
#[must_use]
pub fn plain(value: &str) -> Cow<'_, str> {
    if value.contains(is_unsafe) {
        Cow::Owned(Plain(value).to_string())
    } else {
        Cow::Borrowed(value)
    }
}

/// Shows a value like [`plain`].
#[derive(Clone, Copy, Debug)]
pub struct Plain<T>(pub T);

impl<T: Display> Display for Plain<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

/// Escapes what is written through it.
struct Escaping<W>(W);

impl<W: Write> Write for Escaping<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, character)) = rest.char_indices().find(|(_, character)| is_unsafe(*character)) {
            self.0.write_str(&rest[..at])?;
            write!(self.0, "{}", character.escape_unicode())?;
            rest = &rest[at + character.len_utf8()..];
        }
        self.0.write_str(rest)
    }
}

/// A JSON text with the same meaning in which unsafe characters are escaped (`\u202e`). Its own line feeds stay.
#[must_use]
pub fn json(text: &str) -> Cow<'_, str> {
    let is_unsafe = |character: char| character != '\n' && is_unsafe(character);
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 64);
    for character in text.chars() {
        if is_unsafe(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// A value as JSON on one line, escaped like [`json`].
///
/// # Errors
///
/// It cannot be written as JSON.
pub fn to_json(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(json(&serde_json::to_string(value)?).into_owned())
}

/// A value as indented JSON, escaped like [`json`].
///
/// # Errors
///
/// It cannot be written as JSON.
pub fn to_json_pretty(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(json(&serde_json::to_string_pretty(value)?).into_owned())
}

/// A value as one word of a POSIX shell. Unsafe characters stand in `$'…'`, so that the command has one line.
#[must_use]
pub fn shell(value: &str) -> Cow<'_, str> {
    let is_bare = |character: char| character.is_ascii_alphanumeric() || "@%+=:,./_-".contains(character);
    if value.contains(is_unsafe) {
        let mut quoted = "$'".to_owned();
        for character in value.chars() {
            match character {
                '\'' | '\\' => quoted.extend(['\\', character]),
                _ if is_unsafe(character) => {
                    // Bytes, three octal digits each: every shell that has $'…' reads them, and no digit after them counts.
                    for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                        let _ = write!(quoted, "\\{byte:03o}");
                    }
                }
                _ => quoted.push(character),
            }
        }
        quoted.push('\'');
        return Cow::Owned(quoted);
    }
    if value.is_empty() || value.starts_with('=') || !value.chars().all(is_bare) {
        return Cow::Owned(format!("'{}'", value.replace('\'', r"'\''")));
    }
    Cow::Borrowed(value)
}

/// A command line of a POSIX shell that has these words.
#[must_use]
pub fn command<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> String {
    let words: Vec<String> = words
        .into_iter()
        .map(|word| shell(word.as_ref()).into_owned())
        .collect();
    words.join(" ")
}

/// A value as one word of a shell.
#[must_use]
pub fn word(value: impl Display) -> String {
    shell(&value.to_string()).into_owned()
}

/// Several values as words of a shell.
#[must_use]
pub fn words<T: Display>(values: impl IntoIterator<Item = T>) -> String {
    command(values.into_iter().map(|value| value.to_string()))
}

/// A value within a string of Graphviz.
#[must_use]
pub fn dot(value: &str) -> String {
    plain(value).replace('\\', r"\\").replace('"', "\\\"")
}

/// A value within a string of Mermaid, which reads HTML, Markdown and its own character codes there.
#[must_use]
pub fn mermaid(value: &str) -> String {
    let mut escaped = String::new();
    for character in plain(value).chars() {
        match character {
            '"' | '#' | '&' | ';' | '<' | '>' | '`' | '\\' => {
                let _ = write!(escaped, "#{};", u32::from(character));
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}[2J\r\nb\u{9b}c\u{202e}d\u{2028}e\u{200b}f\u{e0041}g\u{7f}";

    #[test]
    fn nothing_unsafe_is_left() {
        let shown = plain(HOSTILE);
        assert!(!shown.contains(is_unsafe), "{shown:?}");
        assert!(
            shown.starts_with(r"a\u{1b}[2J\u{d}\u{a}b\u{9b}c\u{202e}d\u{2028}e"),
            "{shown}"
        );
        assert_eq!(shown, Plain(HOSTILE).to_string());
        for harmless in ["", "käse 漢字 🦀", "a b\\c", "\u{301}"] {
            assert_eq!(plain(harmless), harmless);
        }
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value = serde_json::json!({ "tag": HOSTILE });
        let text = serde_json::to_string_pretty(&value).unwrap();
        let escaped = json(&text);
        assert!(!escaped.replace('\n', "").contains(is_unsafe), "{escaped:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
        assert!(matches!(json("{\"a\": \"ä\"}\n"), Cow::Borrowed(_)));
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_reads_each_word_as_it_was() {
        let values = [
            "checkout",
            "",
            "a b",
            "it's",
            "$(reboot)`reboot`",
            "a;b|c&d>e<f",
            "\"q\"",
            "~",
            "=ls",
            "*?[a]{b,c}",
            "!x",
            "#x",
            "\\n",
            "${HOME}",
            "漢字",
            HOSTILE,
            "it's\u{1b}7",
        ];
        for value in values {
            let line = format!("printf %s {}", shell(value));
            assert!(!line.contains(is_unsafe), "{line:?}");
            // Where `sh` is a shell without $'…', bash is asked.
            let output = std::process::Command::new("bash").args(["-c", &line]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), value, "{line}");
        }
        assert_eq!(command(["aws", "x", "--name", "a b"]), "aws x --name 'a b'");
    }

    #[test]
    fn strings_of_others_do_not_end_early() {
        assert_eq!(dot("a\"]; b\\\n"), r#"a\"]; b\\\\u{a}"#);
        assert_eq!(mermaid("a\"] --> <b>#"), "a#34;] --#62; #60;b#62;#35;");
    }
}
