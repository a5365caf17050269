//! Graphviz: a directed graph.

use std::fmt::Write;

use super::{Drawing, Edge, Mark, Node, NodeKind};
use crate::escape;

impl Drawing {
    /// The drawing as Graphviz reads it.
    pub fn dot(&self) -> String {
        let mut text = String::from("digraph path {\n  rankdir=LR;\n  node [shape=box];\n");
        // Writing to a string does not fail.
        for (place, column) in self.columns.iter().enumerate() {
            match &column.title {
                Some(title) => {
                    let _ = writeln!(
                        text,
                        "  subgraph cluster_{place} {{\n    label=\"{}\";",
                        escape::dot(title)
                    );
                }
                None => text.push_str("  {\n    rank=same;\n"),
            }
            for node in &column.nodes {
                let _ = writeln!(text, "    {}", box_of(node));
            }
            text.push_str("  }\n");
        }
        for edge in &self.edges {
            let _ = writeln!(text, "  {}", line(edge));
        }
        for (number, note) in self.notes.iter().enumerate() {
            let _ = writeln!(text, "  note{number} [label=\"{}\", shape=note];", escape::dot(note));
        }
        text.push_str("}\n");
        text
    }
}

fn box_of(node: &Node) -> String {
    let shape = match node.kind {
        NodeKind::Function => ", style=rounded",
        NodeKind::Proxy => ", shape=hexagon",
        NodeKind::Database => ", shape=cylinder",
        NodeKind::Group | NodeKind::Subnet => "",
    };
    let absent = match node.exists {
        Some(true) => "",
        Some(false) => ", color=red, fontcolor=red, style=dashed",
        None => ", color=gray50, fontcolor=gray50, style=dashed",
    };
    let shape = if absent.is_empty() || node.kind != NodeKind::Function {
        shape
    } else {
        ""
    };
    let lines: Vec<String> = node.lines.iter().map(|line| escape::dot(line)).collect();
    format!("{} [label=\"{}\"{shape}{absent}];", node.id, lines.join("\\n"))
}

fn line(edge: &Edge) -> String {
    let Edge { from, to, label, mark } = edge;
    let label = escape::dot(label);
    match mark {
        Mark::On => format!("{from} -> {to} [dir=none];"),
        Mark::Open => format!("{from} -> {to} [label=\"{label}\"];"),
        Mark::Unknown => {
            format!("{from} -> {to} [label=\"{label}\", color=gray50, fontcolor=gray50, style=dashed];")
        }
        Mark::Other => format!("{from} -> {to} [label=\"{label}\", color=gray50, fontcolor=gray50];"),
        Mark::Impaired => {
            format!("{from} -> {to} [label=\"{label}\", color=orange3, fontcolor=orange3, style=dashed];")
        }
        Mark::Broken => format!("{from} -> {to} [label=\"{label}\", color=red, fontcolor=red, style=dashed];"),
    }
}
