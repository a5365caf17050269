//! The path that `diagnose` checks: the subnets of both ends of each hop, and the pairs between which nothing passes.

use super::{Column, Drawing, Edge, Mark, Node, NodeKind};
use crate::diagnostics::connection::{Diagnosis, Scene};
use crate::diagnostics::{Check, Status};
use crate::model::Side;
use crate::reachability::leg::{EndReport, LegReport};

/// More pairs of subnets than these are not drawn one by one: of those that work, none is.
const PAIRS: usize = 36;

impl Drawing {
    /// The path of a diagnosis.
    pub fn of_path(scene: &Scene, diagnosis: &Diagnosis) -> Self {
        if diagnosis.legs.is_empty() {
            return without_path(scene, diagnosis);
        }
        let names = Names::of(diagnosis);
        let mut columns: Vec<Column> = Vec::new();
        for end in diagnosis.legs.iter().flat_map(|leg| [&leg.from, &leg.to]) {
            if columns.iter().any(|column| column.title.as_deref() == Some(&end.name)) {
                continue;
            }
            let node = |(place, id): (usize, &crate::model::SubnetId)| Node {
                id: names.node(end, place),
                kind: NodeKind::Subnet,
                lines: vec![id.to_string()],
                exists: Some(true),
            };
            columns.push(Column {
                title: Some(end.name.clone()),
                nodes: end.subnets.iter().enumerate().map(node).collect(),
            });
        }
        Self {
            title: diagnosis.headline.clone(),
            columns,
            edges: diagnosis.legs.iter().flat_map(|leg| edges(leg, &names)).collect(),
            notes: besides(diagnosis),
        }
    }
}

/// The checks that fail and mark no edge, such as the state of the database.
fn besides(diagnosis: &Diagnosis) -> Vec<String> {
    let drawn = |check: &Check| {
        diagnosis
            .legs
            .iter()
            .any(|leg| leg.broken_by.contains(check.id.as_str()))
    };
    let failing = diagnosis.checks.iter().filter(|check| check.status == Status::Fail);
    let failing = failing.filter(|check| !drawn(check));
    failing
        .map(|check| format!("{}: {}", check.id, check.message))
        .collect()
}

/// A function that is in no VPC has no subnets, and so no path between them.
fn without_path(scene: &Scene, diagnosis: &Diagnosis) -> Drawing {
    let node = |id: &str, kind, name: String| Column {
        title: None,
        nodes: vec![Node {
            id: id.to_owned(),
            kind,
            lines: vec![name],
            exists: Some(true),
        }],
    };
    let mark = match diagnosis.verdict {
        Status::Pass | Status::Warn => Mark::Open,
        Status::Unknown => Mark::Unknown,
        Status::Fail => Mark::Broken,
    };
    let function = format!("function {}", scene.function.name);
    Drawing {
        title: diagnosis.headline.clone(),
        columns: vec![
            node("function0", NodeKind::Function, function),
            node("database0", NodeKind::Database, scene.reached()),
        ],
        edges: vec![Edge {
            from: "function0".to_owned(),
            to: "database0".to_owned(),
            label: diagnosis.headline.clone(),
            mark,
        }],
        notes: Vec::new(),
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
    let mut edges = Vec::new();
    for row in 0..leg.from.subnets.len() {
        for column in 0..leg.to.subnets.len() {
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
                    mark: if is_broken { Mark::Broken } else { Mark::Open },
                });
            }
        }
    }
    edges
}
