//! Connections by their groups and rules: function, its groups, the rules between groups, the database's groups, database.

use std::collections::{BTreeMap, BTreeSet};

use super::{Column, Drawing, Edge, Mark, Node, NodeKind};
use crate::drift::{Hop, HopState, Link, LinkRule, Wired, Wiring};
use crate::model::{GroupId, Side};
use crate::observe::Wirings;

/// The most causes that an edge names.
const CAUSES: usize = 2;

/// The columns, from left to right. A proxy has its groups on both sides: those that let functions in, and those that lead out
/// to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Function,
    FunctionGroup,
    ProxyIn,
    Proxy,
    ProxyOut,
    DatabaseGroup,
    Database,
}

impl Place {
    const ALL: [Self; 7] = [
        Self::Function,
        Self::FunctionGroup,
        Self::ProxyIn,
        Self::Proxy,
        Self::ProxyOut,
        Self::DatabaseGroup,
        Self::Database,
    ];

    fn of(side: Side) -> Self {
        match side {
            Side::Function => Self::Function,
            Side::Proxy => Self::Proxy,
            Side::Database => Self::Database,
        }
    }

    /// Where the groups stand by which traffic leaves a resource.
    fn leaving(side: Side) -> Self {
        match side {
            Side::Function => Self::FunctionGroup,
            Side::Proxy => Self::ProxyOut,
            Side::Database => Self::DatabaseGroup,
        }
    }

    /// Where the groups stand by which traffic enters a resource.
    fn entering(side: Side) -> Self {
        match side {
            Side::Function => Self::FunctionGroup,
            Side::Proxy => Self::ProxyIn,
            Side::Database => Self::DatabaseGroup,
        }
    }
}

impl Drawing {
    /// Connections by their groups and rules. What several of them share is drawn once.
    pub fn of_connections(title: String, wirings: Wirings) -> Self {
        let mut builder = Builder::default();
        for wiring in &wirings.connections {
            builder.add(wiring);
        }
        let Builder { mut nodes, edges, .. } = builder;
        let columns = Place::ALL.into_iter().filter_map(|place| nodes.remove(&place));
        Self {
            title,
            columns: columns.map(|nodes| Column { title: None, nodes }).collect(),
            edges,
            notes: wirings.unread,
        }
    }
}

#[derive(Default)]
struct Builder {
    nodes: BTreeMap<Place, Vec<Node>>,
    /// The ids of the nodes, by where they stand and what they are: an ARN, a name or a group's id.
    ids: BTreeMap<(Place, String), String>,
    /// How many ids begin so.
    counts: BTreeMap<&'static str, usize>,
    edges: Vec<Edge>,
    seen: BTreeSet<Edge>,
}

impl Builder {
    fn add(&mut self, wiring: &Wiring) {
        let resources: Vec<String> = wiring.ends.iter().map(|end| self.resource(end)).collect();
        let mut names: BTreeMap<&GroupId, &str> = BTreeMap::new();
        for end in &wiring.ends {
            names.extend(end.groups.iter().map(|group| (&group.id, group.name.as_str())));
        }
        let resource = |side: Side| {
            let place = wiring.ends.iter().position(|end| end.side == side);
            place.map(|place| resources[place].clone()).unwrap_or_default()
        };
        for hop in &wiring.hops {
            for link in &hop.links {
                let name = |id: &GroupId| names.get(id).copied().unwrap_or_default();
                let from = (&link.from, name(&link.from));
                let to = (&link.to, name(&link.to));
                let from = self.group_on(from, Place::leaving(hop.from), &resource(hop.from));
                let to = self.group_on(to, Place::entering(hop.to), &resource(hop.to));
                self.connect(Edge {
                    from,
                    to,
                    label: label(link, hop),
                    mark: match (link.passes, hop.state) {
                        (true, _) => Mark::Open,
                        (false, HopState::Open | HopState::Impaired) => Mark::Other,
                        (false, _) => Mark::Broken,
                    },
                });
            }
            if hop.state != HopState::Open {
                self.connect(Edge {
                    from: resource(hop.from),
                    to: resource(hop.to),
                    label: causes(hop),
                    mark: match hop.state {
                        HopState::Unknown => Mark::Unknown,
                        HopState::Impaired => Mark::Impaired,
                        _ => Mark::Broken,
                    },
                });
            }
        }
        // A group without a link is drawn too: it is on the resource, and leads nowhere.
        for end in &wiring.ends {
            for group in &end.groups {
                let mut links = wiring.hops.iter().flat_map(|hop| {
                    let of = hop.links.iter();
                    of.filter(move |link| {
                        (hop.from == end.side && link.from == group.id) || (hop.to == end.side && link.to == group.id)
                    })
                });
                let is_linked = links.next().is_some();
                if !is_linked {
                    let place = match end.side {
                        Side::Function => Place::FunctionGroup,
                        Side::Proxy => Place::ProxyIn,
                        Side::Database => Place::DatabaseGroup,
                    };
                    self.group_on((&group.id, &group.name), place, &resource(end.side));
                }
            }
        }
    }

    fn connect(&mut self, edge: Edge) {
        if self.seen.insert(edge.clone()) {
            self.edges.push(edge);
        }
    }

    fn resource(&mut self, end: &Wired) -> String {
        let key = end.arn.clone().unwrap_or_else(|| end.name.clone());
        let (kind, prefix) = match end.side {
            Side::Function => (NodeKind::Function, "function"),
            Side::Proxy => (NodeKind::Proxy, "proxy"),
            Side::Database => (NodeKind::Database, "database"),
        };
        let mut lines = vec![end.name.clone()];
        match (end.exists, &end.vpc) {
            (Some(false), _) => lines.push("does not exist".to_owned()),
            (None, _) => lines.push("could not be read".to_owned()),
            (Some(true), Some(vpc)) => lines.push(vpc.to_string()),
            (Some(true), None) => lines.push("in no VPC".to_owned()),
        }
        let node = Node {
            id: String::new(),
            kind,
            lines,
            exists: end.exists,
        };
        self.node(Place::of(end.side), key, prefix, node)
    }

    /// A group, with the edge that puts it on its resource.
    fn group_on(&mut self, (group, name): (&GroupId, &str), place: Place, resource: &str) -> String {
        let names = [name, group.as_str()];
        let node = Node {
            id: String::new(),
            kind: NodeKind::Group,
            lines: names
                .iter()
                .filter(|line| !line.is_empty())
                .map(ToString::to_string)
                .collect(),
            exists: Some(true),
        };
        let id = self.node(place, group.to_string(), "group", node);
        let is_before = matches!(place, Place::ProxyIn | Place::DatabaseGroup);
        let (from, to) = if is_before {
            (id.clone(), resource.to_owned())
        } else {
            (resource.to_owned(), id.clone())
        };
        self.connect(Edge {
            from,
            to,
            label: String::new(),
            mark: Mark::On,
        });
        id
    }

    fn node(&mut self, place: Place, key: String, prefix: &'static str, node: Node) -> String {
        if let Some(id) = self.ids.get(&(place, key.clone())) {
            return id.clone();
        }
        let count = self.counts.entry(prefix).or_default();
        let id = format!("{prefix}{count}");
        *count += 1;
        self.ids.insert((place, key), id.clone());
        let nodes = self.nodes.entry(place).or_default();
        nodes.push(Node { id: id.clone(), ..node });
        id
    }
}

/// Why a hop does not pass.
fn causes(hop: &Hop) -> String {
    let mut named: Vec<String> = hop.causes.iter().take(CAUSES).cloned().collect();
    if let more @ 1.. = hop.causes.len() - named.len() {
        named.push(format!("{more} more"));
    }
    let causes = named.join("; ");
    match hop.state {
        HopState::Impaired => causes,
        HopState::Unknown => format!("not known: {causes}"),
        HopState::Open | HopState::Blocked => format!("blocked: {causes}"),
    }
}

/// The rules of a link: the traffic, where both name exactly the other group and the same traffic.
fn label(link: &Link, hop: &Hop) -> String {
    if let (Some(out), Some(into), true) = (&link.outbound, &link.inbound, link.passes)
        && out.rule.peer.group() == Some(&link.to)
        && into.rule.peer.group() == Some(&link.from)
        && out.rule.to_string() == into.rule.to_string()
    {
        return out.rule.to_string();
    }
    let port = hop.port.unwrap_or_default();
    let side = |word: &str, preposition: &str, rule: &Option<LinkRule>| match rule {
        None => format!("no {word} rule"),
        Some(LinkRule { rule, passes: true }) => format!("{word} {rule} {preposition} {}", rule.peer),
        Some(LinkRule { rule, passes: false }) => {
            format!("{word} {rule} {preposition} {}, not tcp {port}", rule.peer)
        }
    };
    format!(
        "{}; {}",
        side("outbound", "to", &link.outbound),
        side("inbound", "from", &link.inbound)
    )
}
