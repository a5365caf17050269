//! Pictures of connections: their groups and rules, or the subnets of a path. One model for Mermaid, Graphviz and SVG.
//!
//! Source: docs/pictures.md.

mod dot;
mod layout;
mod mermaid;
mod path;
mod svg;
mod wiring;

/// A picture: columns of nodes from left to right, and edges between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawing {
    /// What it shows, in one sentence.
    pub title: String,
    /// From the functions to the databases.
    pub columns: Vec<Column>,
    /// The edges, each once.
    pub edges: Vec<Edge>,
    /// What it does not show, a sentence each.
    pub notes: Vec<String>,
}

/// Nodes below one another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// What the frame around them is called; none where they have no frame.
    pub title: Option<String>,
    /// The nodes.
    pub nodes: Vec<Node>,
}

/// A resource, a group or a subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Unique in the drawing; letters, digits and `_`.
    pub id: String,
    /// What it is.
    pub kind: NodeKind,
    /// Its label, a line each.
    pub lines: Vec<String>,
    /// Whether it exists; none where that could not be read.
    pub exists: Option<bool>,
}

/// What a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A Lambda function.
    Function,
    /// An RDS Proxy.
    Proxy,
    /// A cluster or an instance.
    Database,
    /// A security group.
    Group,
    /// A subnet.
    Subnet,
}

/// From a node to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The id of the node where it begins.
    pub from: String,
    /// The id of the node where it ends.
    pub to: String,
    /// What is written on it; empty for nothing.
    pub label: String,
    /// How it is drawn.
    pub mark: Mark,
}

/// What an edge says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// A group is on a resource.
    On,
    /// Traffic passes.
    Open,
    /// Whether traffic passes could not be read.
    Unknown,
    /// A rule between two groups that is for other traffic than the connection's.
    Other,
    /// Some traffic does not pass, or that a proxy reaches its database is not confirmed.
    Impaired,
    /// Traffic does not pass.
    Broken,
}

impl Drawing {
    /// All nodes, column by column.
    fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.columns.iter().flat_map(|column| &column.nodes)
    }
}
