//! Escapes values from outside for a terminal, JSON, a shell, a graph or Markdown.
//!
//! Anyone who may tag a resource chooses such a value. It must not control a terminal, look like a line of its own, or
//! end the quotes around it.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};

use serde::Serialize;

/// Whether a character may not be shown as it is: it moves the cursor, ends the line, changes the direction of the text,
/// or cannot be seen.
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
            // What XML does not allow.
            | '\u{fffe}' | '\u{ffff}'
            // No characters: the program marks its own styles with them.
            | '\u{fdd0}'..='\u{fdef}'
            | '\u{e0000}'..='\u{e007f}')
}

/// A value as it is shown in a text: with `\u{1b}` in place of an unsafe character.
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
pub fn command<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> String {
    let words: Vec<String> = words
        .into_iter()
        .map(|word| shell(word.as_ref()).into_owned())
        .collect();
    words.join(" ")
}

/// A value as one word of a shell.
pub fn word(value: impl Display) -> String {
    shell(&value.to_string()).into_owned()
}

/// Several values as words of a shell.
pub fn words<T: Display>(values: impl IntoIterator<Item = T>) -> String {
    command(values.into_iter().map(|value| value.to_string()))
}

/// A value within a string of Graphviz.
pub fn dot(value: &str) -> String {
    plain(value).replace('\\', r"\\").replace('"', "\\\"")
}

/// A value within a string of Mermaid, which reads HTML, Markdown and its own character codes there.
pub fn mermaid(value: &str) -> String {
    let mut escaped = String::new();
    for character in plain(value).chars() {
        match character {
            // A directive, `%%{init: …}%%`, is read within a string too.
            '"' | '#' | '&' | ';' | '<' | '>' | '`' | '\\' | '%' | '{' | '}' => {
                let _ = write!(escaped, "#{};", u32::from(character));
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

/// What ends a mention, a reference, a link or an emoji of GitHub without being seen.
///
/// GitHub looks for these in the text that Markdown has become, where an escaped `@` is an `@` again.
const BREAK: &str = "&#8203;";

/// A value within a paragraph, a list item or a table cell of GitHub Flavored Markdown. It stays text: no syntax, HTML, link,
/// mention, reference or emoji. Ids and ARNs become code, which can be copied as it is.
pub fn markdown(value: &str) -> String {
    const OPENING: [char; 3] = ['(', '"', '\''];
    const CLOSING: [char; 7] = ['.', ',', ';', ':', ')', '"', '\''];
    let value = plain(value);
    let mut escaped = String::with_capacity(value.len() + 64);
    for (index, word) in value.split(' ').enumerate() {
        if index > 0 {
            escaped.push(' ');
        }
        let inner = word.trim_start_matches(OPENING);
        let core = inner.trim_end_matches(CLOSING);
        if is_active(core) && is_code(core) {
            inert(&mut escaped, &word[..word.len() - inner.len()], Markup::Markdown);
            let _ = write!(escaped, "`{core}`");
            inert(&mut escaped, &inner[core.len()..], Markup::Markdown);
        } else {
            inert(&mut escaped, word, Markup::Markdown);
        }
    }
    // A list, a heading's underline or an indented block begins at the start of a line only.
    let digits = escaped.len()
        - escaped
            .trim_start_matches(|character: char| character.is_ascii_digit())
            .len();
    match escaped[digits..].chars().next() {
        Some('-' | '+' | '=') if digits == 0 => escaped.insert(0, '\\'),
        Some('.') if digits > 0 => escaped.insert(digits, '\\'),
        Some(' ') if digits == 0 => escaped.replace_range(..1, "&#32;"),
        _ => {}
    }
    escaped
}

/// A value as code in a line of Markdown, where it can stand there; else as text, like [`markdown`].
pub fn markdown_code(value: &str) -> String {
    if is_code(value) {
        format!("`{value}`")
    } else {
        markdown(value)
    }
}

/// A value within an element of HTML in Markdown, where lines do not begin.
pub fn html(value: &str) -> String {
    let mut escaped = String::new();
    inert(&mut escaped, &plain(value), Markup::Html);
    escaped
}

/// Whether a word can be code in a line of Markdown, also in a table: nothing in it ends the code or the cell.
fn is_code(word: &str) -> bool {
    let is_harmless = |character: char| character.is_ascii_graphic() && !"`|\\<>&".contains(character);
    !word.is_empty() && word.chars().all(is_harmless)
}

/// Whether a word is an id, an ARN, an address, or anything else that Markdown or GitHub could read as more than a word.
fn is_active(word: &str) -> bool {
    let has_digit = word.contains(|character: char| character.is_ascii_digit());
    let words = || word.split(|character: char| !character.is_ascii_alphanumeric());
    word.contains(|character| "_*:/@#$~=!{}[]".contains(character))
        || (has_digit && word.contains(['-', '.']))
        || word.to_ascii_lowercase().contains("www.")
        || words().any(|word| word.len() >= 7 && word.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// What a text stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Markup {
    Markdown,
    Html,
}

/// Writes a text without unsafe characters so that it stays text.
fn inert(to: &mut String, text: &str, markup: Markup) {
    let mut characters = text.chars().peekable();
    // The last three characters, and how many hexadecimal digits have come without a break.
    let mut last = ['\0'; 3];
    let mut digits = 0;
    while let Some(character) = characters.next() {
        if character == '.' && last.iter().all(|before| before.eq_ignore_ascii_case(&'w')) {
            to.push_str(BREAK);
        }
        match (character, markup) {
            ('&' | '<' | '>' | '|' | '\\', _) | ('"' | '\'', Markup::Html) => {
                let _ = write!(to, "&#{};", u32::from(character));
            }
            (_, Markup::Markdown) if "`*_{}[]()~$!#".contains(character) => to.extend(['\\', character]),
            (_, Markup::Html) if "`*_{}[]()~$!#".contains(character) => {
                let _ = write!(to, "&#{};", u32::from(character));
            }
            _ => to.push(character),
        }
        digits = if character.is_ascii_hexdigit() { digits + 1 } else { 0 };
        let next = characters.peek().copied();
        let is_broken = match character {
            '@' | '#' | ':' => next.is_some_and(|next| next != ' '),
            '-' => last[2].is_ascii_alphabetic() && next.is_some_and(|next| next.is_ascii_digit()),
            _ => digits == 6 && next.is_some_and(|next| next.is_ascii_hexdigit()),
        };
        if is_broken {
            to.push_str(BREAK);
            digits = 0;
        }
        last = [last[1], last[2], character];
    }
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

    #[test]
    fn markdown_stays_text() {
        for (value, expected) in [
            ("nothing to escape, twice 5432.", "nothing to escape, twice 5432."),
            (
                "associate lambda-rds-2 (sg-0f02).",
                "associate `lambda-rds-2` \\(`sg-0f02`\\).",
            ),
            ("arn:aws:iam::123456789012:role/a", "`arn:aws:iam::123456789012:role/a`"),
            ("from 10.0.0.0/8: tcp 5432", "from `10.0.0.0/8`: tcp 5432"),
            ("account 123456789012", "account `123456789012`"),
            ("@org/team", "`@org/team`"),
            ("a`@org/team", "a\\`@&#8203;org/team"),
            ("a|#123 |", "a&#124;\\#&#8203;123 &#124;"),
            ("<img>", "&#60;img&#62;"),
            ("</details>", "&#60;/details&#62;"),
            ("[x](javascript:y)", "`[x](javascript:y`\\)"),
            ("[a\u{e4}](b)", "\\[a\u{e4}\\]\\(b\\)"),
            ("a\nb", "a&#92;u\\{a\\}b"),
            ("\\*", "&#92;\\*"),
            ("- a", "\\- a"),
            ("+", "\\+"),
            ("===", "`===`"),
            ("1. a", "1\\. a"),
            ("1) a", "1\\) a"),
            ("    a", "&#32;   a"),
            ("<0123456789abcdef", "&#60;012345&#8203;6789ab&#8203;cdef"),
            ("|www.x.y http://z|", "&#124;www&#8203;.x.y http:&#8203;//z&#124;"),
            ("|GH-1", "&#124;GH-&#8203;1"),
            ("", ""),
        ] {
            assert_eq!(markdown(value), expected, "{value}");
        }
        assert_eq!(markdown_code("orders"), "`orders`");
        assert_eq!(markdown_code("a`b"), "a\\`b");
        assert_eq!(markdown_code(""), "");
        assert_eq!(html("<b>@x \"y\" *z*"), "&#60;b&#62;@&#8203;x &#34;y&#34; &#42;z&#42;");
        assert!(!markdown(HOSTILE).contains(is_unsafe));
        assert!(!html(HOSTILE).contains(is_unsafe));
    }
}
