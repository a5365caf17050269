//! The way from a function to a database as a graph, for Mermaid and for Graphviz, with the broken edges marked.

use std::fmt::Write;

use crate::diagnostics::connection::Diagnosis;
use crate::escape;
use crate::model::Side;
use crate::reachability::leg::{EndReport, LegReport};

/// More pairs of subnets than these are not drawn one by one: of those that work, none is.
const PAIRS: usize = 36;

/// An edge between two nodes.
struct Edge {
    from: String,
    to: String,
    label: String,
    is_broken: bool,
}

/// What is drawn.
struct Graph {
    /// Each with the title of its box and its own nodes: id and label.
    ends: Vec<(String, Vec<(String, String)>)>,
    edges: Vec<Edge>,
}

impl Graph {
    fn of(diagnosis: &Diagnosis) -> Self {
        let mut ends: Vec<(String, Vec<(String, String)>)> = Vec::new();
        let names = Names::of(diagnosis);
        let mut add = |end: &EndReport| {
            let nodes = end.subnets.iter().enumerate();
            let nodes = nodes
                .map(|(place, id)| (names.node(end, place), id.to_string()))
                .collect();
            if !ends.iter().any(|(title, _)| *title == end.name) {
                ends.push((end.name.clone(), nodes));
            }
        };
        for leg in &diagnosis.legs {
            add(&leg.from);
            add(&leg.to);
        }
        let edges = diagnosis.legs.iter().flat_map(|leg| edges(leg, &names)).collect();
        Self { ends, edges }
    }
}

/// The ends by their names, each once. A proxy and its endpoint are of one side.
struct Names<'d>(Vec<(Side, &'d str)>);

impl<'d> Names<'d> {
    fn of(diagnosis: &'d Diagnosis) -> Self {
        let mut names: Vec<(Side, &str)> = Vec::new();
        for end in diagnosis.legs.iter().flat_map(|leg| [&leg.from, &leg.to]) {
            let name = (end.side, end.name.as_str());
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Self(names)
    }

    /// The id of the node of an end's subnet.
    fn node(&self, end: &EndReport, place: usize) -> String {
        let mut of_side = self.0.iter().filter(|(side, _)| *side == end.side);
        match of_side.position(|(_, name)| *name == end.name) {
            None | Some(0) => format!("{}{place}", end.side),
            Some(number) => format!("{}{number}_{place}", end.side),
        }
    }
}

fn edges(leg: &LegReport, names: &Names<'_>) -> Vec<Edge> {
    let all = leg.pairs() <= PAIRS;
    let (rows, columns) = (leg.from.subnets.len(), leg.to.subnets.len());
    let mut edges = Vec::new();
    for row in 0..rows {
        for column in 0..columns {
            let is_broken = leg.failing.contains(&(row, column));
            if is_broken || all {
                let by: Vec<&str> = leg.broken_by.iter().copied().collect();
                edges.push(Edge {
                    from: names.node(&leg.from, row),
                    to: names.node(&leg.to, column),
                    label: if is_broken {
                        by.join(", ")
                    } else {
                        format!("tcp {}", leg.port)
                    },
                    is_broken,
                });
            }
        }
    }
    edges
}

/// The graph as Mermaid draws it.
#[must_use]
pub fn mermaid(diagnosis: &Diagnosis) -> String {
    let graph = Graph::of(diagnosis);
    let mut text = String::from("flowchart LR\n");
    // Writing to a string does not fail.
    for (place, (title, nodes)) in graph.ends.iter().enumerate() {
        let _ = writeln!(text, "  subgraph end{place}[\"{}\"]", escape::mermaid(title));
        for (id, label) in nodes {
            let _ = writeln!(text, "    {id}[\"{}\"]", escape::mermaid(label));
        }
        text.push_str("  end\n");
    }
    for edge in &graph.edges {
        let arrow = if edge.is_broken { "-. " } else { "-- " };
        let head = if edge.is_broken { " .-x" } else { " -->" };
        let label = escape::mermaid(&edge.label);
        let _ = writeln!(text, "  {} {arrow}\"{label}\"{head} {}", edge.from, edge.to);
    }
    for (place, _) in graph.edges.iter().enumerate().filter(|(_, edge)| edge.is_broken) {
        let _ = writeln!(text, "  linkStyle {place} stroke:#c00,color:#c00");
    }
    text
}

/// The graph as Graphviz draws it.
#[must_use]
pub fn dot(diagnosis: &Diagnosis) -> String {
    let graph = Graph::of(diagnosis);
    let mut text = String::from("digraph path {\n  rankdir=LR;\n  node [shape=box];\n");
    for (place, (title, nodes)) in graph.ends.iter().enumerate() {
        let _ = writeln!(
            text,
            "  subgraph cluster_{place} {{\n    label=\"{}\";",
            escape::dot(title)
        );
        for (id, label) in nodes {
            let _ = writeln!(text, "    {id} [label=\"{}\"];", escape::dot(label));
        }
        text.push_str("  }\n");
    }
    for edge in &graph.edges {
        let style = if edge.is_broken {
            ", color=red, fontcolor=red, style=dashed"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "  {} -> {} [label=\"{}\"{style}];",
            edge.from,
            edge.to,
            escape::dot(&edge.label)
        );
    }
    text.push_str("}\n");
    text
}
