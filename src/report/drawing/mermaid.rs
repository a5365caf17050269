//! Mermaid: a flowchart.

use std::fmt::Write;

use super::{Drawing, Edge, Mark, Node, NodeKind};
use crate::escape;

impl Drawing {
    /// The drawing as Mermaid reads it.
    pub fn mermaid(&self) -> String {
        let mut text = String::from("flowchart LR\n");
        // Writing to a string does not fail.
        for (place, column) in self.columns.iter().enumerate() {
            let indent = if let Some(title) = &column.title {
                let _ = writeln!(text, "  subgraph end{place}[\"{}\"]", escape::mermaid(title));
                "    "
            } else {
                "  "
            };
            for node in &column.nodes {
                let _ = writeln!(text, "{indent}{}", box_of(node));
            }
            if column.title.is_some() {
                text.push_str("  end\n");
            }
        }
        for edge in &self.edges {
            let _ = writeln!(text, "  {}", line(edge));
        }
        for (number, note) in self.notes.iter().enumerate() {
            let _ = writeln!(text, "  note{number}[\"{}\"]", escape::mermaid(note));
            let _ = writeln!(text, "  style note{number} fill:none,stroke-dasharray:2 3");
        }
        for (place, edge) in self.edges.iter().enumerate() {
            let style = match edge.mark {
                Mark::Broken => "stroke:#c00,color:#c00",
                Mark::Impaired => "stroke:#b35900,color:#b35900",
                Mark::Unknown | Mark::Other => "stroke:#888,color:#888",
                Mark::On | Mark::Open => continue,
            };
            let _ = writeln!(text, "  linkStyle {place} {style}");
        }
        for node in self.nodes() {
            let style = match node.exists {
                Some(true) => continue,
                Some(false) => "stroke:#c00,color:#c00,stroke-dasharray:5 5",
                None => "stroke:#888,color:#888,stroke-dasharray:5 5",
            };
            let _ = writeln!(text, "  style {} {style}", node.id);
        }
        text
    }
}

fn box_of(node: &Node) -> String {
    let (open, close) = match node.kind {
        NodeKind::Function => ("([", "])"),
        NodeKind::Proxy => ("{{", "}}"),
        NodeKind::Database => ("[(", ")]"),
        NodeKind::Group | NodeKind::Subnet => ("[", "]"),
    };
    let lines: Vec<String> = node.lines.iter().map(|line| escape::mermaid(line)).collect();
    format!("{}{open}\"{}\"{close}", node.id, lines.join("<br/>"))
}

fn line(edge: &Edge) -> String {
    let Edge { from, to, label, mark } = edge;
    let label = escape::mermaid(label);
    match mark {
        Mark::On => format!("{from} --- {to}"),
        Mark::Open | Mark::Other => format!("{from} -- \"{label}\" --> {to}"),
        Mark::Unknown | Mark::Impaired => format!("{from} -. \"{label}\" .-> {to}"),
        Mark::Broken => format!("{from} -. \"{label}\" .-x {to}"),
    }
}
