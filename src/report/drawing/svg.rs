//! SVG: a picture that needs nothing else, for light and dark pages, with a text in its place for those who cannot see it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use quick_xml::escape::escape;
use textwrap::core::display_width;

use super::layout::{self, LINE, Rect, Size, lay_out};
use super::{Column, Drawing, Edge, Mark, Node, NodeKind};
use crate::escape::plain;

/// The width of a character, in pixels.
const CHARACTER: f64 = 7.4;
/// The longest line of a node, and of a label, in characters; what is longer is cut, and stands in full in its tooltip.
const NODE_LINE: usize = 36;
const LABEL_LINE: usize = 30;
/// The most lines of a label.
const LABEL_LINES: usize = 5;
/// The longest line below the picture, in characters.
const NOTE_LINE: usize = 110;
/// How far notes stand from the left.
const NOTE_MARGIN: f64 = 24.0;
/// With more edges than these, the text in place of the picture names only those that are not open.
const DESCRIBED: usize = 40;

const STYLE: &str = "\
svg{--page:#fff;--ink:#1b1f24;--soft:#57606a;--line:#8c959f;--fill:#f6f8fa;--function:#ffe8cc;--proxy:#e9ddff;--database:#d3e8ff;--open:#1a7f37;--impaired:#9a4d00;--broken:#cf222e}\
@media (prefers-color-scheme:dark){svg{--page:#0d1117;--ink:#e6edf3;--soft:#9da7b3;--line:#6e7681;--fill:#161b22;--function:#4a2f0b;--proxy:#332155;--database:#0c2d4f;--open:#56d364;--impaired:#f0a04b;--broken:#ff7b72}}\
.page{fill:var(--page)}text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:var(--ink)}\
.soft{fill:var(--soft)}.box{fill:var(--fill);stroke:var(--line)}.function{fill:var(--function)}.proxy{fill:var(--proxy)}.database{fill:var(--database)}\
.frame{fill:none;stroke:var(--line);stroke-dasharray:2 3}.absent{stroke:var(--broken);stroke-width:2;stroke-dasharray:6 4}.unread{stroke-dasharray:2 3}\
.edge{fill:none;stroke:var(--line);stroke-width:1.5}.open{stroke:var(--open)}.broken{stroke:var(--broken);stroke-width:2;stroke-dasharray:7 4}.unknown{stroke-dasharray:2 4}.impaired{stroke:var(--impaired);stroke-dasharray:7 4}\
.label{text-anchor:middle}.label.lost{fill:var(--broken);font-weight:600}.weak{fill:var(--impaired);font-weight:600}.under{fill:var(--page);opacity:.88}\
.head-open{fill:var(--open)}.head-unknown{fill:var(--line)}.head-impaired{fill:var(--impaired)}.head-broken{stroke:var(--broken);stroke-width:2;fill:none}";

const MARKERS: &str = "\
<marker id=\"open\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"8\" markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"head-open\" d=\"M0 0L10 5L0 10z\"/></marker>\
<marker id=\"unknown\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"8\" markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"head-unknown\" d=\"M0 0L10 5L0 10z\"/></marker>\
<marker id=\"impaired\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"8\" markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"head-impaired\" d=\"M0 0L10 5L0 10z\"/></marker>\
<marker id=\"broken\" viewBox=\"0 0 12 12\" refX=\"10\" refY=\"6\" markerWidth=\"12\" markerHeight=\"12\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"head-broken\" d=\"M2 2L10 10M10 2L2 10\"/></marker>";

impl Drawing {
    /// The drawing as an SVG file.
    pub fn svg(&self) -> String {
        let sizes: Vec<Vec<Size>> = self
            .columns
            .iter()
            .map(|column| column.nodes.iter().map(|node| size(&node_lines(node))).collect())
            .collect();
        let (texts, legend) = self.labels();
        let labels: Vec<Vec<String>> = texts.iter().map(|text| label_lines(text)).collect();
        let label_sizes: Vec<Size> = labels.iter().map(|lines| size(lines)).collect();
        let layout = lay_out(self, &sizes, &label_sizes);
        let notes = legend.iter().chain(&self.notes).map(|note| plain(note));
        let notes: Vec<String> = notes
            .flat_map(|note| {
                let lines = textwrap::wrap(&note, textwrap::Options::new(NOTE_LINE).subsequent_indent("    "));
                lines.into_iter().map(std::borrow::Cow::into_owned).collect::<Vec<_>>()
            })
            .collect();
        let of_notes = size(&notes);
        let width = layout.width.max(of_notes.width + 2.0 * NOTE_MARGIN).ceil();
        let height = (layout.height + layout::height(of_notes.lines)).ceil();
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-labelledby=\"title description\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n"
        );
        // Writing to a string does not fail.
        let _ = writeln!(svg, "<title id=\"title\">{}</title>", xml(&self.title));
        let _ = writeln!(svg, "<desc id=\"description\">{}</desc>", xml(&self.description()));
        let _ = writeln!(svg, "<style>{STYLE}</style>");
        let _ = writeln!(svg, "<defs>{MARKERS}</defs>");
        let _ = writeln!(svg, "<rect class=\"page\" width=\"{width}\" height=\"{height}\"/>");
        for (column, rect) in &layout.frames {
            let _ = writeln!(svg, "<rect class=\"frame\" {} rx=\"8\"/>", corners(*rect));
            let title = self.columns[*column].title.clone().unwrap_or_default();
            let _ = writeln!(
                svg,
                "<text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\">{}{}</text>",
                rect.x + 8.0,
                rect.y + 17.0,
                xml(&cut(&title, NODE_LINE)),
                tooltip(&title)
            );
        }
        for (edge, route) in self.edges.iter().zip(&layout.routes) {
            let (class, marker) = match edge.mark {
                Mark::Impaired => ("edge impaired", " marker-end=\"url(#impaired)\""),
                Mark::On => ("edge", ""),
                Mark::Open => ("edge open", " marker-end=\"url(#open)\""),
                Mark::Other => ("edge", " marker-end=\"url(#unknown)\""),
                Mark::Unknown => ("edge unknown", " marker-end=\"url(#unknown)\""),
                Mark::Broken => ("edge broken", " marker-end=\"url(#broken)\""),
            };
            let _ = writeln!(svg, "<path class=\"{class}\"{marker} d=\"{}\"/>", curve(route));
        }
        for node in self.nodes() {
            if let Some(rect) = layout.nodes.get(&node.id) {
                write_node(&mut svg, node, *rect);
            }
        }
        for ((edge, lines), (x, y)) in self.edges.iter().zip(&labels).zip(&layout.labels) {
            write_label(&mut svg, edge, lines, (*x, *y));
        }
        for (at, note) in notes.iter().enumerate() {
            let y = layout.height + layout::height(at) + 4.0;
            let _ = writeln!(
                svg,
                "<text class=\"soft\" x=\"{NOTE_MARGIN:.1}\" y=\"{y:.1}\">{}</text>",
                xml(note)
            );
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// What is written on each edge, and below the picture: what does not pass has a number there, and its reason here, so that
    /// reasons are read in full and no line is hidden by them.
    fn labels(&self) -> (Vec<String>, Vec<String>) {
        let names: BTreeMap<&str, &str> = self
            .nodes()
            .map(|node| (node.id.as_str(), node.lines.first().map_or("", String::as_str)))
            .collect();
        let is_framed = self.columns.iter().any(|column| column.title.is_some());
        let mut written = BTreeSet::new();
        let mut legend: Vec<String> = Vec::new();
        let mut label = |edge: &Edge| {
            let word = match edge.mark {
                Mark::On => return String::new(),
                Mark::Open | Mark::Other => {
                    // Of the many pairs of subnets between two ends, one says on which port traffic passes.
                    let is_shown = !is_framed
                        || written.insert((self.column_of(&edge.from), self.column_of(&edge.to), edge.label.clone()));
                    return if is_shown { edge.label.clone() } else { String::new() };
                }
                Mark::Impaired => "impaired",
                Mark::Unknown => "not known",
                Mark::Broken => "blocked",
            };
            if display_width(&edge.label) <= LABEL_LINE {
                return edge.label.clone();
            }
            let name = |id: &String| names.get(id.as_str()).copied().unwrap_or_default();
            let number = legend.len() + 1;
            legend.push(format!(
                "({number}) {} to {}: {}",
                name(&edge.from),
                name(&edge.to),
                edge.label
            ));
            format!("{word} ({number})")
        };
        let texts = self.edges.iter().map(&mut label).collect();
        (texts, legend)
    }

    fn column_of(&self, id: &str) -> Option<usize> {
        let has = |column: &Column| column.nodes.iter().any(|node| node.id == id);
        self.columns.iter().position(has)
    }

    /// What the picture shows, in sentences.
    fn description(&self) -> String {
        let nodes = self.columns.iter().flat_map(|column| {
            let name = |node: &Node| match (node.lines.first(), &column.title) {
                (Some(line), Some(title)) => format!("{line} of {title}"),
                (line, _) => line.cloned().unwrap_or_default(),
            };
            column.nodes.iter().map(move |node| (node.id.as_str(), name(node)))
        });
        let names: BTreeMap<&str, String> = nodes.collect();
        let name = |id: &str| names.get(id).map(String::as_str).unwrap_or_default();
        let is_told = |edge: &&Edge| match edge.mark {
            Mark::On | Mark::Other => false,
            Mark::Open => self.edges.len() <= DESCRIBED,
            Mark::Unknown | Mark::Impaired | Mark::Broken => true,
        };
        let sentence = |edge: &Edge| {
            let (from, to) = (name(&edge.from), name(&edge.to));
            let how = match edge.mark {
                Mark::On | Mark::Open | Mark::Other => "",
                Mark::Unknown => "not known, ",
                Mark::Impaired => "impaired, ",
                Mark::Broken => "broken, ",
            };
            let label = edge.label.trim_end_matches('.');
            format!("{from} to {to}: {how}{label}.")
        };
        let mut told: Vec<String> = self.edges.iter().filter(is_told).map(sentence).collect();
        if told.is_empty() {
            told.push("Each connection is open.".to_owned());
        }
        told.extend(self.notes.iter().map(|note| format!("{note}.")));
        told.join(" ")
    }
}

fn write_node(svg: &mut String, node: &Node, rect: Rect) {
    let kind = match node.kind {
        NodeKind::Function => " function",
        NodeKind::Proxy => " proxy",
        NodeKind::Database => " database",
        NodeKind::Group | NodeKind::Subnet => "",
    };
    let existence = match node.exists {
        Some(true) => "",
        Some(false) => " absent",
        None => " unread",
    };
    let _ = writeln!(svg, "<g>{}", tooltip(&node.lines.join("\n")));
    let radius = if node.kind == NodeKind::Group { 3 } else { 8 };
    let _ = writeln!(
        svg,
        "<rect class=\"box{kind}{existence}\" {} rx=\"{radius}\"/>",
        corners(rect)
    );
    for ((at, line), soft) in node_lines(node).iter().enumerate().zip([false, true, true, true]) {
        let class = if soft { " class=\"soft\"" } else { "" };
        let y = baseline(rect.y + rect.height / 2.0, node.lines.len(), at);
        let _ = writeln!(
            svg,
            "<text{class} x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
            rect.x + 10.0,
            xml(line)
        );
    }
    svg.push_str("</g>\n");
}

fn write_label(svg: &mut String, edge: &Edge, lines: &[String], (x, y): (f64, f64)) {
    if lines.is_empty() {
        return;
    }
    let class = match edge.mark {
        Mark::On | Mark::Open => "label",
        Mark::Unknown | Mark::Other => "label soft",
        Mark::Impaired => "label weak",
        Mark::Broken => "label lost",
    };
    let _ = write!(svg, "<g>{}", tooltip(&edge.label));
    let Size { width, lines: number } = size(lines);
    let height = layout::height(number);
    let under = Rect {
        x: x - width / 2.0,
        y: y - height / 2.0,
        width,
        height,
    };
    let _ = write!(svg, "<rect class=\"under\" {}/>", corners(under));
    for (at, line) in lines.iter().enumerate() {
        let y = baseline(y, lines.len(), at);
        let _ = write!(
            svg,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
            xml(line)
        );
    }
    svg.push_str("</g>\n");
}

/// Where the line of a text begins that is centred at a height.
#[expect(clippy::cast_precision_loss, reason = "a label has a few lines")]
fn baseline(centre: f64, lines: usize, line: usize) -> f64 {
    centre + (line as f64 - (lines as f64 - 1.0) / 2.0) * LINE + 4.0
}

fn corners(rect: Rect) -> String {
    format!(
        "x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"",
        rect.x, rect.y, rect.width, rect.height
    )
}

/// From the right end of each piece to the left end of the next, horizontal at both.
fn curve(route: &[(f64, f64, f64)]) -> String {
    let mut path = String::new();
    for (at, (left, right, y)) in route.iter().enumerate() {
        if at == 0 {
            let _ = write!(path, "M{right:.1} {y:.1}");
            continue;
        }
        let (_, before, height) = route[at - 1];
        let middle = f64::midpoint(before, *left);
        let _ = write!(path, "C{middle:.1} {height:.1} {middle:.1} {y:.1} {left:.1} {y:.1}");
        if at + 1 < route.len() {
            let _ = write!(path, "H{right:.1}");
        }
    }
    path
}

fn tooltip(text: &str) -> String {
    format!("<title>{}</title>", xml(text))
}

/// The lines of a node, cut to its width.
fn node_lines(node: &Node) -> Vec<String> {
    node.lines.iter().map(|line| cut(line, NODE_LINE)).collect()
}

/// The lines of a label.
fn label_lines(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    let label = plain(text);
    // Each of two rules begins a line.
    let parts = label.split("; ");
    let wrapped: Vec<_> = parts.flat_map(|part| textwrap::wrap(part, LABEL_LINE)).collect();
    let mut lines: Vec<String> = wrapped
        .iter()
        .take(LABEL_LINES)
        .map(|line| cut(line, LABEL_LINE))
        .collect();
    if wrapped.len() > LABEL_LINES
        && let Some(last) = lines.last_mut()
    {
        *last = cut(&format!("{last} …"), LABEL_LINE);
    }
    lines
}

/// A text of at most this many columns.
fn cut(text: &str, most: usize) -> String {
    let text = plain(text);
    if display_width(&text) <= most {
        return text.into_owned();
    }
    let mut short = String::new();
    for character in text.chars() {
        if display_width(&short) + display_width(character.encode_utf8(&mut [0; 4])) >= most {
            break;
        }
        short.push(character);
    }
    short + "…"
}

#[expect(clippy::cast_precision_loss, reason = "a line has at most some dozens of characters")]
fn size(lines: &[String]) -> Size {
    let widest = lines.iter().map(|line| display_width(line)).max().unwrap_or_default();
    Size {
        width: widest as f64 * CHARACTER,
        lines: lines.len(),
    }
}

/// A text within an element.
fn xml(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(plain).collect();
    escape(lines.join("\n")).into_owned()
}
