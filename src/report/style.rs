//! Lines of text for people, with the program's own styles and no other terminal escape sequences.

use std::fmt::{self, Write};

use anstyle::{AnsiColor, Color};

use crate::escape::is_unsafe;

/// The colours in the order of their marks.
const COLOURS: [AnsiColor; 16] = [
    AnsiColor::Black,
    AnsiColor::Red,
    AnsiColor::Green,
    AnsiColor::Yellow,
    AnsiColor::Blue,
    AnsiColor::Magenta,
    AnsiColor::Cyan,
    AnsiColor::White,
    AnsiColor::BrightBlack,
    AnsiColor::BrightRed,
    AnsiColor::BrightGreen,
    AnsiColor::BrightYellow,
    AnsiColor::BrightBlue,
    AnsiColor::BrightMagenta,
    AnsiColor::BrightCyan,
    AnsiColor::BrightWhite,
];

const RESET: char = '\u{fdd0}';
const BOLD: char = '\u{fdd1}';
const DIM: char = '\u{fdd2}';
/// The mark of the first colour.
const COLOUR: u32 = 0xfdd3;

/// A style of text, written like one of `anstyle`. It is only a mark until [`line`] makes a line of it: an escape sequence
/// in a value is then distinguished from one of the program's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    bold: bool,
    dimmed: bool,
    colour: Option<AnsiColor>,
}

impl Style {
    /// No style.
    pub const fn new() -> Self {
        Self {
            bold: false,
            dimmed: false,
            colour: None,
        }
    }

    /// In bold type.
    pub const fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    /// Less bright.
    pub const fn dimmed(self) -> Self {
        Self { dimmed: true, ..self }
    }

    /// In this colour; one that is not of the terminal's sixteen is none.
    pub const fn fg_color(self, colour: Option<Color>) -> Self {
        let colour = match colour {
            Some(Color::Ansi(colour)) => Some(colour),
            _ => None,
        };
        Self { colour, ..self }
    }
}

impl fmt::Display for Style {
    /// Its beginning, or with `{:#}` its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::new() {
            return Ok(());
        }
        if f.alternate() {
            return f.write_char(RESET);
        }
        if self.bold {
            f.write_char(BOLD)?;
        }
        if self.dimmed {
            f.write_char(DIM)?;
        }
        let colour = self
            .colour
            .and_then(|colour| COLOURS.iter().position(|own| *own == colour));
        match colour.and_then(|place| char::from_u32(COLOUR + u32::try_from(place).ok()?)) {
            Some(mark) => f.write_char(mark),
            None => Ok(()),
        }
    }
}

/// The escape sequence that a mark stands for.
fn sequence(mark: char) -> Option<String> {
    let style = anstyle::Style::new();
    Some(match mark {
        RESET => anstyle::Reset.to_string(),
        BOLD => style.bold().to_string(),
        DIM => style.dimmed().to_string(),
        _ => {
            let place = u32::from(mark).checked_sub(COLOUR)?;
            let colour = COLOURS.get(usize::try_from(place).ok()?)?;
            style.fg_color(Some((*colour).into())).to_string()
        }
    })
}

/// Adds a line. Whatever could end it, move the cursor or hide text is escaped: what is in it besides [`Style`]s is values.
pub fn line(text: &mut String, line: &str) {
    for character in line.chars() {
        // Writing to a string does not fail.
        let _ = match sequence(character) {
            Some(sequence) => text.write_str(&sequence),
            None if is_unsafe(character) => write!(text, "{}", character.escape_unicode()),
            None => text.write_char(character),
        };
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_are_those_of_the_program_alone() {
        let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let own = anstyle::Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let mut text = String::new();
        line(
            &mut text,
            &format!("{red}error{red:#}: \u{1b}[31mforged\nline\u{1b}[0m"),
        );
        let expected = format!("{own}error{own:#}: \\u{{1b}}[31mforged\\u{{a}}line\\u{{1b}}[0m\n");
        assert_eq!(text, expected);
    }

    #[test]
    fn no_style_is_nothing() {
        let none = Style::new();
        assert_eq!(format!("{none}x{none:#}"), "x");
    }
}
