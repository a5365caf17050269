//! The recording of the README: a picture of a terminal, made from what the program prints.

use std::fmt::Write as _;

use anstream::adapter::strip_str;
use anstyle::{Color, RgbColor};
use anstyle_svg::{Term, WIN10_CONSOLE};

use crate::Shell;
use crate::generated::assert_current;

/// What is recorded.
const COMMANDS: [&str; 3] = [
    "setup --offline account.json --instance inventory --function stock-sync --yes",
    "setup --offline account.json --instance inventory --function stock-sync",
    "diagnose --offline account.json --instance inventory --function stock-sync",
];
/// The lines of the terminal, and how high each is.
const LINES: usize = 28;
const HEIGHT: usize = 18;
/// How long a part of the text stands, in seconds.
const PAUSE: usize = 4;

#[test]
fn the_recording_is_what_the_program_prints() {
    let shell = Shell::new();
    let (mut text, mut ends) = (String::new(), Vec::new());
    for command in COMMANDS {
        let start = text.lines().count();
        let run = Shell::run_command(shell.command(command).env_remove("COLUMNS").env("CLICOLOR_FORCE", "1"));
        assert_eq!(run.status, Some(0), "{command}: {}", run.stderr);
        writeln!(text, "\u{1b}[1m$ autoconnect {command}\u{1b}[0m\n{}", run.stdout).unwrap();
        let end = text.lines().count();
        // The first part is as high as the terminal, so that nothing of what follows is seen.
        ends.extend(
            (start + LINES..end)
                .step_by(LINES - 2)
                .chain([end])
                .filter(|end| *end >= LINES),
        );
    }
    let picture = recording(&text, &ends);
    assert_eq!(text_of(&picture), text_of(&strip_str(text.trim_end()).to_string()));
    assert_current("docs/recording/setup.svg", &picture);
}

/// The text, moved up by and by: at each stop one of these lines is the last that is seen.
fn recording(text: &str, ends: &[usize]) -> String {
    let (whole, height) = (ends.len() * PAUSE, LINES * HEIGHT + 20);
    let mut stops = String::new();
    for (number, end) in ends.iter().enumerate() {
        let share = 100.0 * f64::from(u32::try_from(number).unwrap()) / f64::from(u32::try_from(ends.len()).unwrap());
        let up = end.saturating_sub(LINES) * HEIGHT;
        writeln!(stops, "    {share:.2}% {{ transform: translateY(-{up}px) }}").unwrap();
    }
    let light = Color::Rgb(RgbColor(0xe6, 0xed, 0xf3));
    let term = Term::new().palette(WIN10_CONSOLE).fg_color(light).background(false);
    let drawn = term.render_svg(text.trim_end());
    let drawn = drawn
        .split_once('>')
        .unwrap()
        .1
        .trim_end()
        .strip_suffix("</svg>")
        .unwrap();
    // What is dimmed is to be read, too.
    let drawn = drawn.replace("opacity: 0.4", "opacity: 0.65");
    let drawn = drawn.replacen("<text ", "<text id=\"screen\" ", 1);
    let drawn: Vec<&str> = drawn
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"800\" height=\"{height}\" viewBox=\"0 0 800 {height}\" role=\"img\">\n\
        <title>A terminal: autoconnect setup connects a function and a database, does nothing the second time, and diagnose finds the path open</title>\n\
        <style>\n\
        \x20   @keyframes scroll {{\n{stops}    }}\n\
        \x20   #screen {{ animation: scroll {whole}s step-end infinite }}\n\
        \x20   @media (prefers-reduced-motion: reduce) {{ #screen {{ animation: none }} }}\n\
        </style>\n\
        <rect width=\"800\" height=\"{height}\" rx=\"6\" fill=\"#0d1117\"/>\n\
        <svg y=\"0\" width=\"800\" height=\"{}\">\n{}\n</svg>\n</svg>\n",
        height - 4,
        drawn.join("\n")
    )
}

/// The lines that are read in a picture, or of a text, without those that are empty.
fn text_of(picture: &str) -> Vec<String> {
    let shown = picture.split_once("<text ").map_or(picture, |(_, shown)| shown);
    let shown = shown.split_once("preserve\"").map_or(shown, |(_, shown)| shown);
    let shown = shown.replace("\n    <tspan", "\n<tspan");
    let mut text = String::new();
    for part in shown.split('<') {
        text += part.split_once('>').map_or(part, |(_, text)| text);
    }
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let lines = text.lines().map(|line| line.trim_end().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}
